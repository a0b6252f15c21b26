"""A whole dataset: pictures and labels in a folder, by any number of processes, going on where they stopped.

Pictures are made in chunks. A chunk is done when its part file stands in `.parts`; in the end all parts become
`train.npz` and `test.npz`. Every picture depends on recipe, split, seed and its own number alone, so the folder is the
same for any number of processes and of interruptions.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import Any

import numpy as np

import mien
from mien.body.files import find_body, read_body
from mien.data.humandata import HumanData
from mien.errors import InputError, MienError, OutputError
from mien.files import atomic_write, exclusive, read_json, sha256
from mien.npz import load_npz
from mien.synth.mocap import read_mocap
from mien.synth.place.backgrounds import Backgrounds
from mien.synth.process import collect_rarely, keep_memory, use_threads
from mien.synth.recipes import Recipe, load_recipe
from mien.synth.rows import ROWS, pack_rows, to_humandata
from mien.synth.studio import Studio, open_body, picture_name, recipe_of
from mien.synth.summary import write_sheets, write_statistics
from mien.workers import end_with_parent

__all__ = ["MAX_SIZE", "MIN_SIZE", "Job", "generate", "plan", "processes"]

CHUNK = 16
"""Pictures a part."""
MIN_SIZE, MAX_SIZE = 64, 4096
TEST_SHARE = 0.1
SETTINGS = "synth.json"
PARTS = ".parts"
SPLITS = ("train.npz", "test.npz")
LAST = "statistics.html"
"""Written when all else is done; only then the parts go."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made."""

    recipe: str
    """A name, or the path of a file with one."""
    out: Path
    count: int
    """Pictures of both splits."""
    seed: int = 0
    """Of the training split: the test split is the same for every seed."""
    size: int = 512
    test: int | None = None
    """Pictures of the test split; by default a tenth, at least one."""
    body: str | None = None
    """Path of a body file; by default the open body."""
    backgrounds: Path | None = None
    poses: Path | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each split."""
        test = max(1, round(self.count * TEST_SHARE)) if self.test is None else self.test
        return {"train": self.count - test, "test": test}


def plan(job: Job) -> dict[str, object]:
    """Check a job; what it will make, as it is written to the folder's settings.

    Raises:
        InputError: a number is out of range, the recipe is unknown, or there is nothing in the file of poses or in the
            folder of backgrounds.
        BodyError: the body file is wrong.
        AssetMissing: it is not there.
    """
    if job.count < 1:
        raise InputError(f"--count {job.count}", expected="at least 1 picture")
    if not MIN_SIZE <= job.size <= MAX_SIZE:
        raise InputError(f"--size {job.size}", expected=f"{MIN_SIZE} to {MAX_SIZE} pixels")
    if not 0 <= job.counts["test"] <= job.count:
        raise InputError(f"--test {job.test}", expected=f"0 to {job.count}, the --count of all pictures")
    recipe = load_recipe(job.recipe)
    if job.body is not None:
        open_body(job)
    return {
        "recipe": recipe.name,
        "version": recipe.version,
        "recipe_sha256": recipe.digest(),
        "seed": job.seed,
        "size": job.size,
        **job.counts,
        "body_sha256": sha256(find_body("openbody" if job.body is None else job.body)),
        "poses_sha256": None,
        "backgrounds": None,
        **_given(recipe_of(job)),
        "mien": mien.__version__,
    }


def _given(recipe: Recipe) -> dict[str, object]:
    """What postures and backgrounds are taken from, where they are somebody's, and how many each split has."""
    found: dict[str, object] = {}
    if recipe.poses.mocap is not None:
        path = Path(recipe.poses.mocap)
        clip = read_mocap(path)
        found |= {"poses_sha256": sha256(path)}
        found |= {f"poses_{split}": len(clip.frames(split)) for split in ("train", "test")}
    if recipe.places.folder is not None:
        folder = Path(recipe.places.folder)
        pictures = Backgrounds.open(folder)
        found |= {"backgrounds": folder.name, "backgrounds_sha256": pictures.digest()}
        found |= {f"backgrounds_{split}": len(pictures.of(split).paths) for split in ("train", "test")}
    return found


def generate(job: Job, workers: int, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Make the dataset; what is already there is kept.

    Args:
        job: see there.
        workers: processes; 1 works in this one.
        progress: called with how many pictures are done, and of how many.

    Raises:
        InputError: something in the job is wrong, or the folder holds another job's pictures.
        OutputError: the folder cannot be written, or a process was killed.
    """
    settings = plan(job)
    with exclusive(job.out):
        _claim(job.out, settings)
        if not _finished(job.out):
            _generate(job, workers, progress)
        shutil.rmtree(job.out / PARTS, ignore_errors=True)
    progress(job.count, job.count)


def _finished(out: Path) -> bool:
    """Whether all is made.

    Raises:
        InputError: it was, and some of it is gone.
    """
    if not (out / LAST).exists():
        return False
    gone = [name for name in SPLITS if not (out / name).exists()]
    if gone:
        todo = f"delete {out / LAST} and run the same command again: all is made anew"
        raise InputError(f"{out} was finished, and has no {' and no '.join(gone)}", todo=todo)
    return True


def _generate(job: Job, workers: int, progress: Callable[[int, int], None]) -> None:
    chunks = list(_chunks(job))
    missing = [chunk for chunk in chunks if not _whole(job.out, chunk)]
    done = job.count - sum(len(numbers) for _, numbers in missing)
    progress(done, job.count)
    with contextlib.closing(_work(job, missing, workers)) as counts:
        for made in counts:
            done += made
            progress(done, job.count)
    body = read_body(find_body("openbody" if job.body is None else job.body))
    misc = {"recipe": load_recipe(job.recipe).name, "seed": job.seed, "body_family": body.family}
    splits = {split: _merge(job, [chunk for chunk in chunks if chunk[0] == split], misc) for split in job.counts}
    for split, data in splits.items():
        data.write(job.out / f"{split}.npz")
    write_sheets(job.out, splits["train"] if len(splits["train"].image_path) else splits["test"])
    hands = np.stack([hand for hand in (body.hands_meanl, body.hands_meanr) if hand is not None])
    write_statistics(job.out / LAST, f"{misc['recipe']}: {job.count:,} pictures", splits, hands)


Chunk = tuple[str, range]
"""A split, and the numbers of some of its pictures."""


def _chunks(job: Job) -> Iterator[Chunk]:
    for split, count in job.counts.items():
        for first in range(0, count, CHUNK):
            yield split, range(first, min(first + CHUNK, count))


def _part(out: Path, chunk: Chunk) -> Path:
    return out / PARTS / f"{chunk[0]}_{chunk[1].start:08d}.npz"


def _whole(out: Path, chunk: Chunk) -> bool:
    """Whether a chunk's part and its pictures are there."""
    split, numbers = chunk
    pictures = (out / "images" / picture_name(split, number) for number in numbers)
    return _part(out, chunk).exists() and all(path.exists() and path.stat().st_size > 0 for path in pictures)


def _claim(out: Path, settings: dict[str, object]) -> None:
    """Write the settings, or compare them with those that are there."""
    path = out / SETTINGS
    if path.exists():
        try:
            there = read_json(path)
        except ValueError as error:
            raise InputError(f"{path} is damaged", todo="choose another --out, or delete that folder") from error
        keys = [key for key in settings if not isinstance(there, dict) or there.get(key) != settings[key]]
        if keys:
            found = ", ".join(f"{key} {there.get(key) if isinstance(there, dict) else '?'}" for key in keys)
            asked = ", ".join(f"{key} {settings[key]}" for key in keys)
            raise InputError(f"{out} holds pictures of {found}", expected=asked, todo="choose another --out")
        return
    strangers = [name for name in ("images", "train.npz", "test.npz") if (out / name).exists()]
    if strangers:
        what = ", ".join(strangers)
        raise InputError(f"{out} already holds {what}, not made by this command", todo="choose another --out")
    with atomic_write(path) as stream:
        stream.write(json.dumps(settings, indent=1).encode())


def _work(job: Job, chunks: list[Chunk], workers: int) -> Generator[int]:
    """Make the chunks; yields how many pictures each had, in the order in which they are done."""
    workers = min(workers, len(chunks))
    if workers <= 1:
        if chunks:
            with _working(job):
                for chunk in chunks:
                    yield _make(chunk)
        return
    context = processes()
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job,))
    try:
        for future in concurrent.futures.as_completed([pool.submit(_try, chunk) for chunk in chunks]):
            made = future.result()
            if isinstance(made, str):
                raise OutputError(made)
            yield made
    except BrokenProcessPool as error:
        todo = "run the same command again: finished pictures are kept; with less memory, use fewer --workers"
        raise OutputError("a worker process was killed", todo=todo) from error
    finally:
        pool.shutdown(cancel_futures=True)


def processes() -> ForkServerContext | SpawnContext:
    """How workers begin. On Linux they share the memory of all that is imported, and do not import it each."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mien.synth.studio"])
    before = {name: os.environ.get(name) for name in ("NUMBA_NUM_THREADS", "GLIBC_TUNABLES")}
    # read once, as a worker begins; idle threads of several processes would fight
    os.environ.update({"NUMBA_NUM_THREADS": "1", "GLIBC_TUNABLES": before["GLIBC_TUNABLES"] or _LARGE_PAGES})
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


_LARGE_PAGES = "glibc.malloc.hugetlb=1"
"""For glibc: to find one of a hundred thousand small ones takes time. Whoever has tunables of their own keeps those."""
_STUDIO: dict[str, object] = {}
"""The studio of this process, or the error that kept it from being opened."""


@contextlib.contextmanager
def _working(job: Job) -> Iterator[None]:
    """This process as a worker, for a while: then it has its threads, its collector and its memory again."""
    often = gc.get_threshold()
    threads = use_threads(1, 1)
    try:
        _STUDIO["studio"] = Studio.open(job)
        collect_rarely()
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*often)
        _STUDIO.clear()
        use_threads(*threads)


def _start(job: Job) -> None:
    """Prepare a worker, for good: one thread, one studio."""
    end_with_parent()
    keep_memory()
    use_threads(1, 1)
    _STUDIO["studio"] = Studio.open(job)
    collect_rarely()


def _begin(job: Job) -> None:
    """As `_start`; an error that the user can mend waits for the first chunk: a pool would only say that it broke."""
    try:
        _start(job)
    except MienError as error:
        _STUDIO["error"] = error


def _try(chunk: Chunk) -> int | str:
    """As `_make`; an error that the user can mend comes back as text, which every process can read."""
    try:
        if isinstance(error := _STUDIO.get("error"), MienError):
            raise error
        return _make(chunk)
    except MienError as error:
        return str(error)


def _make(chunk: Chunk) -> int:
    studio, (split, numbers) = _STUDIO["studio"], chunk
    assert isinstance(studio, Studio)
    rows = []
    for number in numbers:
        shot = studio.shoot(split, number)
        with atomic_write(studio.job.out / "images" / shot.name) as stream:
            stream.write(shot.jpeg)
        rows += shot.rows
    with atomic_write(_part(studio.job.out, chunk)) as stream:
        np.savez(stream, allow_pickle=False, **pack_rows(rows))
    return len(numbers)


def _merge(job: Job, chunks: list[Chunk], misc: Mapping[str, Any]) -> HumanData:
    """All parts of a split."""
    parts = [load_npz(_part(job.out, chunk)) for chunk in chunks]
    columns = {name: np.concatenate([empty, *(part[name] for part in parts)]) for name, empty in ROWS.items()}
    return to_humandata(columns, misc)
