"""`predict_clip`: decode, detect, crop, network, body, track; chunk by chunk, each of which is written down for good.

A chunk is worked on as if it were alone (its last frame is always looked at by the detector, and its last batch is not
shared with the next one), so that a run that was stopped and goes on gives the same bytes as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mien.clip import Clip
from mien.detect import Detections, Detector, parse_person, reject_outside
from mien.detect.boxes import BoxesFile
from mien.errors import InputError
from mien.estimator import Estimator, Job, ahead
from mien.files import exclusive
from mien.filming.chunk import Chunk
from mien.filming.keyframes import fill_boxes
from mien.filming.merge import merge
from mien.filming.spill import Spill
from mien.filming.watch import Watch
from mien.track.associate import TrackConfig, Tracker
from mien.track.smooth import SmoothConfig
from mien.video import AHEAD_BYTES, Footage, Frame, open_footage

__all__ = ["CHUNK", "FilmConfig", "Filmed", "Progress", "predict_clip"]

CHUNK = 128
"""Frames after which everything is written down."""


@dataclass(frozen=True, kw_only=True)
class FilmConfig:
    """What is done with a clip."""

    detect_every: int = 1
    """The detector looks at every n-th frame; boxes between are on a line. At most as many frames lie between two looks
    as `AHEAD_BYTES` hold: 43 of 1920 x 1080, 10 of 3840 x 2160."""
    smooth: SmoothConfig = field(default_factory=SmoothConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    fps: float | None = None
    """Of folders and cameras."""
    max_frames: int | None = None
    """Stop after so many."""

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise InputError(f"the detector on every {self.detect_every}-th frame", expected="1 or more")
        if self.max_frames is not None and self.max_frames < 1:
            raise InputError(f"at most {self.max_frames} frames", expected="1 or more")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a clip is."""

    frames: int
    total: int | None
    """None if the clip does not say."""
    rate: float
    """Frames a second in this run."""


@dataclass(frozen=True, kw_only=True)
class Filmed:
    """What became of a clip."""

    path: Path
    """Of the result."""
    frames: int
    tracks: int
    rows: int
    """Of people and frames, interpolated ones too."""
    problems: tuple[str, ...]
    """What was wrong with the clip or its boxes, one line each; everything else is in the result."""
    seconds: dict[str, float]
    """Spent in `decode`, `detect` and `crop`, which run beside the rest; in `network`, `place`, `track`, `write`,
    `finish`; and in `waiting` for frames that were not decoded yet."""
    rate: float
    """Frames a second, all in all, of the frames of this run."""


def predict_clip(
    estimate: Estimator,
    source: str | Path | Footage,
    out: Path | str,
    config: FilmConfig | None = None,
    *,
    resume: bool = False,
    tell: Callable[[Progress], None] | None = None,
) -> Filmed:
    """The people of a clip, as tracks, in one file.

    Args:
        estimate: as `mien.load` gives it; its `person` chooses among the tracks, at the end.
        source: a video file, a folder of frames, `webcam:N`, or footage that is open already.
        out: the result file; what is being worked on lies in a folder of that name with `.parts`.
        config: what is done.
        resume: go on where a run with the same settings was stopped. Of a camera, finish what that run wrote down.
        tell: called after every chunk.

    Raises:
        InputError: the clip cannot be read at all, the boxes file says nothing about it, `person` is not there, what is
            to be resumed was begun with other settings, or frames of a camera would be lost for want of `resume`.
        OutputError: the disk is full, or the folder cannot be written; `resume` goes on from there.
    """
    config = config or FilmConfig()
    parse_person(estimate.person)
    footage = source if isinstance(source, Footage) else open_footage(source, fps=config.fps)
    out = Path(out)
    out = out if out.suffix == ".npz" else out.with_name(out.name + ".npz")
    run = _Run(estimate, footage, config)
    folder = out.with_suffix(".parts")
    with exclusive(folder):
        Spill.sweep(folder)
        spill = Spill.open(folder, run.made_by, resume=resume, precious=footage.live)
        run.go(spill, tell or (lambda progress: None))
        clip = run.empty(spill.frames)
        with run.watch("finish"):
            tracks, rows = merge(spill, clip, estimate.body, estimate.person, config.smooth, out)
        seen = spill.frames
        spill.remove()
    return Filmed(
        path=out,
        frames=seen,
        tracks=tracks,
        rows=rows,
        problems=tuple(run.problems + footage.problems),
        seconds=run.watch.seconds,
        rate=run.rate,
    )


class _Run:
    """One clip being worked on."""

    def __init__(self, estimate: Estimator, footage: Footage, config: FilmConfig) -> None:
        self.estimate, self.footage, self.config = estimate, footage, config
        self.camera, self.known = estimate.camera.camera(None, footage.width, footage.height)
        self.tracker, self.watch = Tracker(config=config.track), Watch()
        self.problems: list[str] = []
        self.rate = 0.0
        self.rejected, self.asked, self.unlisted, self.first_unlisted = 0, 0, 0, ""
        room = AHEAD_BYTES // (3 * footage.width * footage.height)
        self.depth, self.every = max(1, min(4, room // 4)), max(1, min(config.detect_every, room))

    @cached_property
    def made_by(self) -> dict[str, object]:
        """Everything that decides what the rows are."""
        origin, path = self.estimate.origin(), self.footage.path
        return {
            "clip": self.footage.name,
            "bytes": path.stat().st_size if path is not None else 0,
            "num_frames": self.footage.num_frames,
            "size": [self.footage.width, self.footage.height],
            "fps": self.footage.fps,
            "weights": origin.weights_sha256,
            "body": origin.body_sha256,
            "version": origin.mien_version,
            "detector": [origin.detector, *_sort_of(self.estimate.detector)],
            "detect_every": self.config.detect_every,
            "batch_size": self.estimate.batch_size,
            "precision": str(self.estimate.network.dtype),
            "K": self.camera.K.tolist(),
            "orientation": self.estimate.camera.orientation,
            "track": repr(self.config.track),
        }

    def empty(self, frames: int) -> Clip:
        """The result without its tracks."""
        fps = self.footage.fps
        return Clip(
            tracks=(),
            fps=fps,
            num_frames=frames,
            smoothing=self.config.smooth.method,
            K=self.camera.K,
            image_size=(self.footage.height, self.footage.width),
            camera=self.known,
            orientation=self.estimate.camera.orientation,
            origin=self.estimate.origin(),
        )

    def go(self, spill: Spill, tell: Callable[[Progress], None]) -> None:
        """All chunks that are left; of a camera that was stopped before, none."""
        begun, first = time.perf_counter(), spill.frames
        if spill.extra:
            self._restore(spill.extra)
        going = not (first and self.footage.live)
        if not going:
            self.problems.append(f"{self.footage.name}: {first} frames that an earlier run wrote down, no new ones")
        frames = self._frames(first)
        try:
            while going:
                going = self._chunk(spill, frames)
                self.rate = (spill.frames - first) / (time.perf_counter() - begun)
                tell(Progress(frames=spill.frames, total=self._total(), rate=self.rate))
        except KeyboardInterrupt:
            if not (self.footage.live and spill.frames):
                raise
        finally:
            frames.close()
        self._sum_up()

    def _total(self) -> int | None:
        limit, claimed = self.config.max_frames, self.footage.num_frames
        return limit if claimed is None else min(limit or claimed, claimed)

    def _frames(self, start: int) -> Generator[Frame]:
        """Frames from `start` on."""
        limit = self.config.max_frames
        frames = self.footage.frames(start, lambda seconds: self.watch.add("decode", seconds))
        try:
            while limit is None or start < limit:
                with self.watch("waiting"):
                    frame = next(frames, None)
                if frame is None:
                    return
                yield frame
                start += 1
        finally:
            frames.close()  # pyright: ignore[reportAttributeAccessIssue]

    def _chunk(self, spill: Spill, frames: Iterator[Frame]) -> bool:
        """One chunk, worked on and written down; False if there was nothing left."""
        chunk = Chunk(estimate=self.estimate, watch=self.watch)
        stopped = False
        try:
            here = ahead(self._detect, islice(frames, CHUNK - spill.frames % CHUNK), self.depth)
            for frame, job in ahead(self._crop, fill_boxes(here), self.depth):
                chunk.add(frame.index, frame.time, job)
                self.rejected += len(job.rejected)
                while chunk.ready:
                    chunk.step()
        except KeyboardInterrupt:
            if not self.footage.live:
                raise
            stopped = True
        if not chunk.frames:
            return False
        while chunk.patches:
            chunk.step()
        with self.watch("track"):
            rows = chunk.rows(self.tracker)
        if spill.frames == 0 and self.unlisted == self.asked:
            raise InputError(self.first_unlisted)
        with self.watch("write"):
            spill.append(rows, np.array(chunk.times), self.made_by, self._extra())
        return not stopped

    def _extra(self) -> dict[str, Any]:
        """What `_restore` needs."""
        return {
            "tracker": self.tracker.state(),
            "problems": self.problems,
            "rejected": self.rejected,
            "asked": self.asked,
            "unlisted": self.unlisted,
            "first_unlisted": self.first_unlisted,
        }

    def _restore(self, extra: dict[str, Any]) -> None:
        """Stand where the run stood that wrote this down."""
        self.tracker.restore(extra["tracker"])
        self.problems = list(extra["problems"])
        self.rejected, self.asked = extra["rejected"], extra["asked"]
        self.unlisted, self.first_unlisted = extra["unlisted"], extra["first_unlisted"]

    def _detect(self, frame: Frame) -> tuple[Frame, Detections | None]:
        """Ask the detector, where it is this frame's turn. Runs in a thread."""
        if frame.index % self.every and frame.index % CHUNK != CHUNK - 1:
            return frame, None
        self.asked += 1
        with self.watch("detect"):
            try:
                found = self.estimate.detector.detect(frame.pixels, f"{self.footage.name}/{frame.index}")
            except InputError as error:
                self.first_unlisted = self.first_unlisted or str(error)
                self.unlisted += 1
                return frame, Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0))
        return frame, reject_outside(found, self.footage.width, self.footage.height)

    def _crop(self, seen: tuple[Frame, Detections]) -> tuple[Frame, Job]:
        """Cut everyone out. Runs in a thread."""
        frame, found = seen
        size = (self.footage.height, self.footage.width)
        job = Job(name=self.footage.name, image_size=size, camera=self.camera, camera_source=self.known)
        with self.watch("crop"):
            job = self.estimate.cropped(job, frame.pixels, found, np.arange(len(found)))
        return replace(frame, pixels=frame.pixels[:0]), job

    def _sum_up(self) -> None:
        if self.rejected:
            self.problems.append(f"{self.footage.name}: skipped {self.rejected} boxes that cannot be used")
        if self.unlisted:
            asked = f"{self.unlisted} of the {self.asked} frames that the detector was asked about"
            self.problems.append(f"{self.footage.name}: it can say nothing of {asked}: {self.first_unlisted}")


def _sort_of(detector: Detector) -> list[str]:
    """What the words for a detector leave open: what `auto` turned out to be, and what a file of boxes says."""
    return [type(detector).__name__, *([detector.digest] if isinstance(detector, BoxesFile) else [])]
