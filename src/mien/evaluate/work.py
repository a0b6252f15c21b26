"""A whole evaluation: folders one after the other, in stretches that outlive an interruption, into a table and a JSON.

OUT/results.json has the means, versions and hashes, OUT/samples.parquet a row for each person; both appear when all is
done. OUT/run.json says what is measured, so that no two runs get mixed. Stretches are the same whatever the number of
processes: each measures its own, whoever leads joins them.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mien.data.manifest import read_json, write_json
from mien.errors import InputError, MienError, OutputError
from mien.evaluate.job import RESULTS, RUN, SAMPLES, Job, Plan, check_out, make_plan
from mien.evaluate.measuring import Ruler
from mien.evaluate.motion import with_motion
from mien.evaluate.record import describe
from mien.evaluate.results import Results
from mien.evaluate.running import BadPictures, evaluate
from mien.files import atomic_write, exclusive
from mien.workers import end_with_parent

__all__ = ["Rank", "run"]

STRETCH = 256
"""People that are measured between two saves."""
PARTS = ".parts"


@dataclass(frozen=True)
class Rank:
    """This process among those of an evaluation."""

    number: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> Rank:
        """Find out from the environment that `torchrun` makes, and meet the others."""
        import torch

        rank = cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
        if rank.size > 1:
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
            torch.distributed.init_process_group("gloo")
        return rank

    def wait(self) -> None:
        """Until all have come here."""
        import torch

        if torch.distributed.is_initialized():
            torch.distributed.barrier()


def run(
    plan: Plan, progress: Callable[[int], None] = lambda people: None, rank: Rank | None = None
) -> tuple[Results, dict[str, Any]] | None:
    """Do it.

    Args:
        plan: of `make_plan`.
        progress: told, now and then, how many more people are done.
        rank: of `Rank.join`, where torchrun started several processes.

    Returns:
        The results, and what stands in results.json; None in processes that do not lead.

    Raises:
        PictureError: more pictures than allowed cannot be used; what was finished stays, for `--resume`.
        InputError: since the plan was made, another run wrote to the folder.
        OutputError: the folder cannot be written, another process writes to it, or a worker process was killed.
    """
    job, rank = plan.job, rank or Rank()
    if rank.number:
        rank.wait()
        _measure(plan, rank, progress)
        rank.wait()
        return None
    with exclusive(job.out):
        check_out(job, plan.settings)  # another run may have come between
        _prepare(plan)
        rank.wait()
        start = time.monotonic()
        if (results := _whole(job)) is not None:
            rank.wait()
            shutil.rmtree(job.out / PARTS, ignore_errors=True)
            return results, read_json(job.out / RESULTS)
        if job.workers > 1 and plan.baseline is None:
            _spread(plan, progress)
        else:
            _measure(plan, rank, progress)
        rank.wait()
        results = _join(plan)
        record = describe(plan, results, time.monotonic() - start)
        _write_table(job.out / SAMPLES, results)
        write_json(job.out / RESULTS, record)
        shutil.rmtree(job.out / PARTS, ignore_errors=True)
    return results, record


def _prepare(plan: Plan) -> None:
    job = plan.job
    if not job.resume:
        for name in (RESULTS, SAMPLES):
            (job.out / name).unlink(missing_ok=True)
        shutil.rmtree(job.out / PARTS, ignore_errors=True)
    write_json(job.out / RUN, plan.settings)
    if plan.baseline is not None:
        plan.baseline.write(job.out / "baseline.json")


def _whole(job: Job) -> Results | None:
    """The results of an earlier run that came to its end, to resume."""
    both = (job.out / RESULTS).exists() and (job.out / SAMPLES).exists()
    return _read_table(job.out / SAMPLES) if both else None


def _stretches(plan: Plan) -> Iterator[tuple[int, slice, Path]]:
    """Folder, rows and file of each."""
    for number, truths in enumerate(plan.truths):
        for start in range(0, len(truths), STRETCH):
            path = plan.job.out / PARTS / f"{number:03d}-{start:09d}.parquet"
            yield number, slice(start, min(start + STRETCH, len(truths))), path


def _measure(plan: Plan, rank: Rank, progress: Callable[[int], None]) -> None:
    """Every so many-th stretch of all folders, as the rank says; those that are there already are read."""
    if (plan.job.out / RESULTS).exists():
        return
    ruler, bad = _ruler(plan), BadPictures(limit=plan.job.max_bad)
    for i, (number, rows, path) in enumerate(_stretches(plan)):
        if i % rank.size != rank.number:
            continue
        if path.exists():
            progress(rows.stop - rows.start)
            continue
        done = evaluate(
            plan.predictor(number, rows), plan.truths[number].take(rows), plan.body, ruler=ruler,
            batch=plan.job.batch, bad=bad, progress=progress,
        )  # fmt: skip
        _write_table(path, done)


def _ruler(plan: Plan) -> Ruler:
    return Ruler.of(plan.body, smpl=any(truths.smpl for truths in plan.truths))


def _spread(plan: Plan, progress: Callable[[int], None]) -> None:
    """Let worker processes measure; tell of stretches as their files appear."""
    left = [(rows.stop - rows.start, path) for _, rows, path in _stretches(plan)]
    workers = min(plan.job.workers, len(left))
    job = replace(plan.job, workers=1, resume=True)
    stop = threading.Event()

    def watch() -> None:
        waiting = list(left)
        while waiting and not stop.wait(0.5):
            for done in [each for each in waiting if each[1].exists()]:
                progress(done[0])
                waiting.remove(done)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent) as pool:
            problems = [each.result() for each in [pool.submit(_work, job, i, workers) for i in range(workers)]]
    except BrokenProcessPool as error:
        todo = "run the same command with --resume; with less memory, use fewer --workers"
        raise OutputError("a worker process was killed", todo=todo) from error
    finally:
        stop.set()
        watcher.join()
    if said := next((problem for problem in problems if problem), ""):
        raise MienError(said)


def _work(job: Job, number: int, size: int) -> str:
    """The stretches of one worker; what went wrong, as errors do not travel between processes."""
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) // size)))
    try:
        _measure(make_plan(job), Rank(number, size), lambda people: None)
    except MienError as error:
        return str(error)
    return ""


def _join(plan: Plan) -> Results:
    """All stretches in order."""
    bad, found = BadPictures(limit=plan.job.max_bad), list[Results]()
    for _, _, path in _stretches(plan):
        found.append(_read_table(path))
        bad.add(found[-1].pictures_missing)
    return with_motion(Results.cat(found))


def _write_table(path: Path, results: Results) -> None:
    import pyarrow.parquet as pq

    with atomic_write(path) as stream:
        pq.write_table(results.table, stream)


def _read_table(path: Path) -> Results:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Results.of_table(pq.read_table(path))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is damaged ({error})", todo="run again without --resume") from error
