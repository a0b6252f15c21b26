"""What runs on the other machines: one process with a network of its own, one input after the other."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mien
from mien.clip import Clip, read
from mien.cluster.manifest import Entry
from mien.cluster.places import Place
from mien.cluster.plan import Item
from mien.errors import InputError, MienError, OutputError
from mien.estimator import Estimator
from mien.files import sha256
from mien.filming import SHOWN, FilmConfig, predict_clip, show_clip
from mien.people import Style, View
from mien.video import open_footage

__all__ = ["Job", "Worker"]

_LONGEST_PAUSE = 30.0
"""Seconds before a further try."""

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every worker of a job does."""

    load: Mapping[str, Any]
    """The arguments of `mien.load`."""
    weights_sha256: str
    body_sha256: str
    """These two say what every worker must have loaded."""
    out: str
    """Where results go."""
    suffixes: Mapping[str, Mapping[str, str]]
    """What is written, by the kind of input and the kind of file."""
    film: FilmConfig = field(default_factory=FilmConfig)
    style: Style = "mesh"
    opacity: float = 0.85
    views: tuple[View, ...] = ("overlay",)
    retries: int = 2
    """Further tries of an input where something else than the input is wrong: a network drive, memory, a driver."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of an input, and whether the whole job must stop."""

    entry: Entry
    stop: bool = False


class Worker:
    """Turns inputs into results. Nothing of what is wrong is raised: all of it travels as text.

    Args:
        job: what is to be done.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.problem = job, ""
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        try:
            self.estimate: Estimator = mien.load(**job.load)
            self.place = Place(job.out)
            self._compare()
        except (MienError, OSError, RuntimeError) as error:
            self.problem = f"on {self.name}: {error}"

    def _compare(self) -> None:
        """Machines may have files of one name that differ."""
        origin, job = self.estimate.origin(), self.job
        for what, here, there in (
            ("weights", origin.weights_sha256, job.weights_sha256),
            ("body", origin.body_sha256, job.body_sha256),
        ):
            if here != there:
                found = f"other {what} than where the job was started: SHA-256 {here}"
                raise InputError(found, expected=there, todo="give all machines the same files")

    def work(self, item: Item) -> Done:
        """One input."""
        if self.problem:
            return Done(entry=self._failed(item, self.problem), stop=True)
        start = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory(prefix="mien-") as folder:
                found = self._one(item, Path(folder))
        except OutputError as error:
            return Done(entry=self._failed(item, str(error)), stop=True)
        except MienError as error:
            return Done(entry=self._failed(item, str(error)))
        except Exception as error:  # whatever it is, it is about this input, and must not stop the others
            return Done(entry=self._failed(item, f"{type(error).__name__}: {error}"))
        seconds = round(time.perf_counter() - start, 3)
        known = {"seconds": seconds, "weights_sha256": self.job.weights_sha256, "worker": self.name}
        return Done(entry=item.entry(**found, **known))

    def given_up(self, item: Item, attempt: int) -> Done | None:
        """What is said of an input whose workers died at it too often; None if it may be tried."""
        if attempt <= self.job.retries + 1:
            return None
        return Done(entry=self._failed(item, f"its worker died {attempt - 1} times: killed, or out of memory"))

    def _failed(self, item: Item, error: str) -> Entry:
        return item.entry(error=" ".join(error.split()), worker=self.name)

    def _again(self, action: Callable[[], Result]) -> Result:
        """Try, and try again where it is not the input that is wrong: the same would be found of it."""
        for attempt in range(self.job.retries):
            try:
                return action()
            except Exception as error:
                if isinstance(error, MienError) and not isinstance(error, OutputError):
                    raise
                time.sleep(min(2.0**attempt, _LONGEST_PAUSE))
        return action()

    def _one(self, item: Item, folder: Path) -> dict[str, Any]:
        """Fetch it, predict, bring the results where they belong. Returns what its entry says of it."""
        source = Place(item.source)
        path = source.local or folder / "in" / Path(item.name).name
        if source.local is None:
            path.parent.mkdir()
            self._again(lambda: source.fetch(path))
        suffixes = self.job.suffixes[item.kind]
        out = self.place.local or folder / "out"
        targets = {kind: out / f"{item.stem}{suffix}" for kind, suffix in suffixes.items()}
        found = self._again(lambda: self._predicted(item, path, targets))
        files = {f"{item.stem}{suffix}": targets[kind] for kind, suffix in suffixes.items() if targets[kind].exists()}
        if self.place.local is None:
            for name, result in files.items():
                self._again(lambda name=name, result=result: self.place.put(result, name))
        sizes = {name: result.stat().st_size for name, result in files.items()}
        return found | {"files": sizes, "sha256": sha256(path) if path.is_file() else ""}

    def _predicted(self, item: Item, path: Path, targets: Mapping[str, Path]) -> dict[str, Any]:
        try:
            return (self._clip if item.kind == "clip" else self._picture)(item, path, targets)
        except OutputError as error:
            if self.place.local is not None:
                raise
            raise OSError(str(error)) from error  # only this machine's disk
        except MienError as error:
            raise InputError(str(error).replace(str(path), item.source)) from error

    def _picture(self, item: Item, path: Path, targets: Mapping[str, Path]) -> dict[str, Any]:
        """A picture by itself, since batches that are shared with others could change its last digits."""
        (outcome,) = self.estimate.stream([(item.name, path)])
        if outcome.people is None:
            raise InputError(outcome.problem)
        outcome.people.write_all(targets, **self._look())
        return {"frames": 1, "people": len(outcome.people), "problems": outcome.rejected}

    def _clip(self, item: Item, path: Path, targets: Mapping[str, Path]) -> dict[str, Any]:
        """A clip; one whose worker died goes on where that was, if its parts can be seen from here."""
        film = self.job.film
        footage = open_footage(path, name=item.name, fps=film.fps)
        filmed = predict_clip(self.estimate, footage, targets["npz"], film, resume=True)
        problems = list(filmed.problems)
        shown = {kind: targets[kind] for kind in SHOWN if kind in targets}
        result = read(targets["npz"]) if shown else None
        for kind, target in shown.items():
            assert isinstance(result, Clip)
            problems += show_clip(kind, result, footage, target, self.estimate.body, **self._look())
        return {"frames": filmed.frames, "people": filmed.tracks, "problems": tuple(dict.fromkeys(problems))}

    def _look(self) -> dict[str, Any]:
        return {"style": self.job.style, "opacity": self.job.opacity, "views": self.job.views}
