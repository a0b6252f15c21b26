"""Clips drawn in a process of their own, while the network is at the next one."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mien.body.model import BodyModel
from mien.clip import Clip, read
from mien.errors import MienError, OutputError
from mien.filming.showing import show_clip
from mien.people import Style, View
from mien.video import open_footage
from mien.workers import end_with_parent

__all__ = ["Drawing", "Drawings", "Drawn"]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A file that shows a clip, to be made of its result and its footage, which is read once more."""

    kind: str
    """One of `mien.filming.SHOWN`."""
    name: str
    """Of the clip."""
    source: str
    """The clip: a video file, or a folder of pictures; empty for a camera."""
    fps: float | None
    """Of a folder."""
    result: Path
    """What `predict_clip` wrote."""
    body: Path
    path: Path
    """Where to write to."""
    style: Style = "mesh"
    opacity: float = 0.85
    """Of overlays, 0 to 1."""
    views: tuple[View, ...] = ("overlay",)
    """What overlays show side by side."""

    def make(self) -> Drawn:
        """Draw it.

        Raises:
            InputError: the clip, its result or the body cannot be read (again).
            OutputError: the file cannot be written.
        """
        start = time.perf_counter()
        clip = read(self.result)
        assert isinstance(clip, Clip)
        footage = open_footage(self.source, name=self.name, fps=self.fps) if self.source else None
        body = BodyModel.load(self.body)
        problems = show_clip(
            self.kind, clip, footage, self.path, body, style=self.style, opacity=self.opacity, views=self.views
        )
        return Drawn(drawing=self, problems=tuple(problems), seconds=time.perf_counter() - start)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What became of a drawing."""

    drawing: Drawing
    problems: tuple[str, ...]
    """A line each; a viewer that would be too large is one, and is not there."""
    seconds: float = 0.0


class Drawings:
    """Drawings, one after another: `apart` in a process of their own, which ends with this one, else at once and here.

    On leaving, those that were not waited for are given up, and leave no file behind them.
    """

    def __init__(self, *, apart: bool) -> None:
        self._waiting: list[tuple[Drawing, Future[Drawn]]] = []
        self._others = set(multiprocessing.active_children())
        self._pool: ProcessPoolExecutor | None = None
        if apart:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin)

    def __enter__(self) -> Drawings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, drawing: Drawing) -> None:
        """Draw it as soon as those before it are done. Errors come with `ended`."""
        try:
            future = self._pool.submit(drawing.make) if self._pool else _made(drawing)
        except BrokenProcessPool as error:  # killed, while it drew an earlier one or had nothing to do
            future = _failed(error)
        self._waiting.append((drawing, future))

    def ended(self, *, wait: bool = False) -> Iterator[tuple[Drawing, Drawn | MienError]]:
        """Those that are done, each once, in order; with `wait` all, as they end."""
        while self._waiting and (wait or self._waiting[0][1].done()):
            drawing, future = self._waiting.pop(0)
            try:
                yield drawing, future.result()
            except MienError as error:
                yield drawing, error
            except BrokenProcessPool as error:
                todo = "run the same command with --resume; a killed process often means that memory was short"
                raise OutputError(f"the process that draws {drawing.path} was killed", todo=todo) from error


def _begin() -> None:
    """In the process that draws: whoever stops the command stops the process that began this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()


def _leave(number: int, frame: object) -> None:
    """Leave as if the drawing had failed, so that nothing half done stays."""
    raise SystemExit(128 + number)


def _made(drawing: Drawing) -> Future[Drawn]:
    future: Future[Drawn] = Future()
    try:
        future.set_result(drawing.make())
    except MienError as error:
        return _failed(error)
    return future


def _failed(error: Exception) -> Future[Drawn]:
    future: Future[Drawn] = Future()
    future.set_exception(error)
    return future
