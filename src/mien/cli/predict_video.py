"""The video half of `mien predict`: which inputs are clips, what is said while they are worked on, their overlays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mien.cli.told import say
from mien.errors import InputError, MienError, closest

if TYPE_CHECKING:
    from mien.cli.predict import Look
    from mien.estimator import Estimator
    from mien.filming import Drawing, Drawn, FilmConfig, Filmed, Progress
    from mien.picture_files import PictureFile

__all__ = ["SUFFIXES", "VideoOptions", "film_config", "predict_videos", "split_inputs"]

SUFFIXES = {"npz": ".npz", "overlay": "_overlay.mp4", "viewer": ".html"}
"""What can be written of a clip."""
_QUIET = 30.0
"""Seconds between two lines about progress, where there is no terminal to draw a bar on."""


@dataclass(frozen=True)
class VideoOptions:
    """What holds for videos only."""

    clip: bool = False
    """Take each folder as the frames of one clip, in their natural order."""
    fps: float | None = None
    """Frames a second, of folders (default 30) and cameras; files know their own times."""
    detect_every: int = 1
    """Ask the detector at every n-th frame only; boxes between are on a line."""
    smooth: bool = True
    """Fill holes, hold each person's shape, smooth rotations and paths."""
    causal: bool = False
    """Smooth by what came before only (one-euro) in place of the zero-lag filter."""
    overlay: bool = False
    """Write a video with the people drawn, too; the same as --save npz,overlay."""
    max_frames: int | None = None
    """Stop after so many frames."""

    def config(self) -> FilmConfig:
        """The same for `predict_clip`."""
        from mien.filming import FilmConfig
        from mien.track.smooth import SmoothConfig

        if self.causal and not self.smooth:
            raise InputError("both --causal and --no-smooth", expected="one of them", todo="leave one away")
        method = "none" if not self.smooth else "one-euro" if self.causal else "zero-lag"
        return FilmConfig(
            detect_every=self.detect_every,
            smooth=SmoothConfig(method=method),
            fps=self.fps,
            max_frames=self.max_frames,
        )


def split_inputs(
    inputs: Sequence[str], options: VideoOptions, out: Path | None = None
) -> tuple[list[PictureFile], list[PictureFile]]:
    """Pictures and clips among what the command line names; not what is found in `out`, the folder of the results.

    Raises:
        InputError: an input does not exist or holds neither, or two results would have one name.
    """
    from mien.picture_files import EXTENSIONS, VIDEO_EXTENSIONS, PictureFile, list_pictures, without_clashes

    cameras = [item for item in inputs if item.startswith("webcam:")]
    folders = [item for item in inputs if options.clip and item not in cameras and Path(item).is_dir()]
    rest = [item for item in inputs if item not in cameras and item not in folders]
    found = list_pictures(rest, EXTENSIONS + VIDEO_EXTENSIONS, out) if rest or not inputs else []
    whole = {Path(item).resolve(): Path(item) for item in folders}
    apart = [PictureFile(path=path, root=real.parent, name=real.name, stem=real.name) for real, path in whole.items()]
    for item in dict.fromkeys(cameras):
        name = item.replace(":", "_")
        apart.append(PictureFile(path=Path(item), root=Path(), name=name, stem=name))
    clips = {file.path for file in apart} | {file.path for file in found if _is_clip(file.path, inputs)}
    files = without_clashes([*found, *apart])
    return [file for file in files if file.path not in clips], [file for file in files if file.path in clips]


def _is_clip(path: Path, inputs: Sequence[str]) -> bool:
    """Whether a file is a video, or a GIF that is named by itself and holds several frames; in a folder of pictures it
    is one of them."""
    from mien.picture_files import VIDEO_EXTENSIONS
    from mien.video import has_frames

    if path.suffix.lower() == ".gif":
        return path in {Path(item) for item in inputs} and has_frames(path, 2)
    return path.suffix.lower() in VIDEO_EXTENSIONS


def film_config(kinds: Sequence[str], options: VideoOptions) -> FilmConfig:
    """What is done with clips.

    Raises:
        InputError: a kind of file or an option makes no sense for clips.
    """
    wrong = [kind for kind in kinds if kind not in SUFFIXES]
    if wrong:
        raise InputError(f"cannot --save {wrong[0]!r} of a clip", todo=closest(wrong[0], SUFFIXES))
    return options.config()


def predict_videos(
    estimate: Estimator,
    clips: Sequence[PictureFile],
    out: Path,
    kinds: Sequence[str],
    config: FilmConfig,
    look: Look,
    resume: bool,
    alone: bool,
) -> int:
    """One clip after another; what is wrong with one is told, and does not stop the next. Returns the exit code.

    Args:
        estimate: the network and what belongs to it.
        clips: at least one.
        out: folder for the results.
        kinds: what to write of each, of `SUFFIXES`.
        config: of `film_config`.
        look: of overlays.
        resume: keep what is there.
        alone: there is one clip and nothing else: what is wrong with it ends the run.

    Raises:
        InputError: something is wrong with the only input.
        OutputError: a result cannot be written; `--resume` goes on.
    """
    from mien.filming import Drawings

    tally = _Tally(alone=alone)
    with Drawings(apart=len(clips) > 1) as drawings:
        for clip in clips:
            with tally.clip(clip.name):
                tally.tell(clip.name, _one(estimate, clip, out, config, kinds, resume))
                for drawing in _drawings(clip, out, config, kinds, look, estimate.body.path, resume):
                    drawings.begin(drawing)
            tally.drawn(drawings.ended())
        tally.drawn(drawings.ended(wait=True))
    return tally.code


@dataclass
class _Tally:
    """How the clips of a run went."""

    alone: bool
    """There is only one clip and nothing else: what is wrong with it ends the run."""
    done: set[str] = field(default_factory=set)
    flawed: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    @property
    def code(self) -> int:
        """The exit code."""
        return 0 if not self.flawed else 1 if self.done else 2

    @contextmanager
    def clip(self, name: str) -> Iterator[None]:
        """What is done with one of them, if nothing is wrong."""
        from mien.errors import OutputError

        try:
            yield
            self.done.add(name)
        except OutputError:
            raise
        except MienError as error:
            if self.alone:
                raise
            self.tell(name, [f"skipped {name}: {error}"])

    def tell(self, name: str, problems: Sequence[str]) -> None:
        """Say what is wrong with a clip, each line once."""
        self.flawed |= {name} if problems else set()
        for problem in problems:
            if problem not in self.said:
                say(problem)
        self.said.update(problems)

    def drawn(self, ended: Iterator[tuple[Drawing, Drawn | MienError]]) -> None:
        """Say what became of drawings."""
        from mien.errors import OutputError

        for drawing, drawn in ended:
            if isinstance(drawn, MienError):
                if isinstance(drawn, OutputError):
                    raise drawn
                self.tell(drawing.name, [f"{drawing.name}: no {drawing.kind}: {drawn}"])
                continue
            self.tell(drawing.name, drawn.problems)
            if drawing.path.exists():
                say(f"{drawing.name}: {drawing.kind} in {drawn.seconds:.1f} s -> {drawing.path}")


def _one(
    estimate: Estimator, clip: PictureFile, out: Path, config: FilmConfig, kinds: Sequence[str], resume: bool
) -> list[str]:
    """Predict one clip. Returns what was wrong with it."""
    from mien.cli.predict import Keeper
    from mien.filming import predict_clip
    from mien.filming.spill import Spill
    from mien.video import open_footage

    target = clip.output(out, SUFFIXES["npz"])
    footage = open_footage(str(clip.path), name=clip.name, fps=config.fps)
    if "overlay" in kinds and footage.live:
        raise InputError("an overlay of a camera", expected="a file or a folder, which can be read again to draw")
    origin = estimate.origin()
    keeper = Keeper(origin.weights_sha256, origin.body_sha256)
    parts = target.with_suffix(".parts")
    if resume and not parts.exists() and keeper.matches(target):
        Spill.sweep(parts)
        say(f"{clip.name} kept from before: {target}")
        return []
    filmed = predict_clip(estimate, footage, target, config, resume=resume, tell=_teller(clip.name))
    _report(clip.name, filmed)
    return list(dict.fromkeys(filmed.problems))


def _drawings(
    clip: PictureFile, out: Path, config: FilmConfig, kinds: Sequence[str], look: Look, body: Path, resume: bool
) -> list[Drawing]:
    """The files that show a clip, but for those that `--resume` finds."""
    from mien.cli.predict import drawn_since
    from mien.filming import SHOWN, Drawing

    result = clip.output(out, SUFFIXES["npz"])
    paths = {kind: clip.output(out, SUFFIXES[kind]) for kind in SHOWN if kind in kinds}
    source = "" if str(clip.path).startswith("webcam:") else str(clip.path)
    return [
        Drawing(
            kind=kind, name=clip.name, source=source, fps=config.fps, path=path, body=body,
            result=result, style=look.style, opacity=look.opacity, views=look.views,
        )
        for kind, path in paths.items()
        if not (resume and drawn_since(result, path))
    ]  # fmt: skip


def _teller(name: str) -> Callable[[Progress], None]:
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        of = f" of {progress.total}" if progress.total else ""
        text = f"{name}: frame {progress.frames}{of}, {progress.rate:.1f} frames/s"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - last > _QUIET:
            say(text)
            last = time.monotonic()

    return tell


def _report(name: str, filmed: Filmed) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in sorted(filmed.seconds.items()))
    people = f"{filmed.tracks} tracks with {filmed.rows} rows"
    say(f"{name}: {filmed.frames} frames, {people}, {filmed.rate:.1f} frames/s ({stages}) -> {filmed.path}")
