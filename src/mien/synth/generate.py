"""A whole dataset: pictures and labels in a folder, by any number of processes, going on where they stopped.

Pictures are made in chunks. A chunk is done when its part file stands in `.parts`; in the end all parts become
`train.npz` and `test.npz`. Every picture depends on recipe, split, seed and its own number alone, so the folder is the
same for any number of processes and of interruptions.
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
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
from mien.errors import BodyError, InputError, MienError, OutputError
from mien.files import atomic_write, exclusive, read_json, sha256
from mien.npz import load_npz
from mien.synth.recipes import load_recipe
from mien.synth.rows import ROWS, pack_rows, to_humandata
from mien.synth.summary import write_sheets, write_statistics
from mien.workers import end_with_parent

__all__ = ["MAX_SIZE", "MIN_SIZE", "Job", "generate", "plan", "processes"]

CHUNK = 16
"""Pictures a part."""
MIN_SIZE, MAX_SIZE = 64, 4096
TEST_SHARE = 0.1
SETTINGS = "synth.json"
PARTS = ".parts"
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
        InputError: a number is out of range, or the recipe is unknown.
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
    if job.backgrounds is not None and not job.backgrounds.is_dir():
        raise InputError(f"--backgrounds {job.backgrounds} is no folder", expected="a folder of pictures")
    if job.body is not None and read_body(find_body(job.body)).hands_meanl is None:
        todo = "choose an SMPL-X body, or leave --body out for the open one"
        raise BodyError(f"{job.body} has no hands and face", expected="a body of the SMPL-X family", todo=todo)
    files = {"body": find_body("openbody" if job.body is None else job.body), "poses": job.poses}
    for name, path in files.items():
        if path is not None and not Path(path).is_file():
            raise InputError(f"--{name} {path} is not there", expected="a file")
    return {
        "recipe": recipe.name,
        "version": recipe.version,
        "recipe_sha256": recipe.digest(),
        "seed": job.seed,
        "size": job.size,
        **job.counts,
        **{f"{name}_sha256": None if path is None else sha256(Path(path)) for name, path in files.items()},
        "backgrounds": None if job.backgrounds is None else job.backgrounds.name,
        "mien": mien.__version__,
    }


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
        if not (job.out / LAST).exists():
            _generate(job, workers, progress)
        shutil.rmtree(job.out / PARTS, ignore_errors=True)
    progress(job.count, job.count)


def _generate(job: Job, workers: int, progress: Callable[[int, int], None]) -> None:
    chunks = list(_chunks(job))
    missing = [chunk for chunk in chunks if not _part(job.out, chunk).exists()]
    done = job.count - sum(len(numbers) for _, numbers in missing)
    progress(done, job.count)
    for made in _work(job, missing, workers):
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


def _work(job: Job, chunks: list[Chunk], workers: int) -> Iterator[int]:
    """Make the chunks; yields how many pictures each had, in the order in which they are done."""
    workers = min(workers, len(chunks))
    if workers <= 1:
        if chunks:
            _start(job)
        for chunk in chunks:
            yield _make(chunk)
        return
    context = processes()
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(job,))
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
_KEPT = {-1: 256, -2: 16, -3: 32}
"""Of glibc's malloc (`M_TRIM_THRESHOLD`, `M_TOP_PAD`, `M_MMAP_THRESHOLD`), megabytes."""
_STUDIO: dict[str, object] = {}
"""The studio of this process."""


def _keep_memory() -> None:
    """Let glibc keep what is freed for the next picture: asking the system for it again costs a tenth of the time."""
    import ctypes

    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for name, megabytes in _KEPT.items():
            libc.mallopt(name, megabytes << 20)


def _collect_rarely() -> None:
    """Let Python look for garbage in cycles less often: all that is loaded is none, and pictures leave little.

    Walking through kernels and textures again and again takes a twelfth of the time.
    """
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def _start(job: Job) -> None:
    """Prepare a process: one thread, one studio."""
    import cv2
    import numba
    import torch

    from mien.synth.studio import Studio

    end_with_parent()
    _keep_memory()
    os.environ["OMP_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    _STUDIO["studio"] = Studio.open(job)
    _collect_rarely()


def _try(chunk: Chunk) -> int | str:
    """As `_make`; an error that the user can mend comes back as text, which every process can read."""
    try:
        return _make(chunk)
    except MienError as error:
        return str(error)


def _make(chunk: Chunk) -> int:
    from mien.synth.studio import Studio

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
