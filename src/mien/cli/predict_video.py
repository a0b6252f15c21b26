"""The video half of `mien predict`: which inputs are clips, what is said while they are worked on, their overlays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import InputError, MienError, closest

if TYPE_CHECKING:
    from mien.cli.predict import Look
    from mien.estimator import Estimator
    from mien.filming import FilmConfig, Filmed, Progress
    from mien.picture_files import PictureFile

__all__ = ["SUFFIXES", "VideoOptions", "predict_videos", "split_inputs"]

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


def split_inputs(inputs: Sequence[str], options: VideoOptions) -> tuple[list[PictureFile], list[PictureFile]]:
    """Pictures and clips among what the command line names.

    Raises:
        InputError: an input does not exist or holds neither, or two results would have one name.
    """
    from mien.picture_files import EXTENSIONS, VIDEO_EXTENSIONS, PictureFile, find_pictures

    cameras = [item for item in inputs if item.startswith("webcam:")]
    folders = [item for item in inputs if options.clip and item not in cameras and Path(item).is_dir()]
    rest = [item for item in inputs if item not in cameras and item not in folders]
    found = find_pictures(rest, EXTENSIONS + VIDEO_EXTENSIONS) if rest or not inputs else []
    clips = [file for file in found if file.path.suffix.lower() in VIDEO_EXTENSIONS or _is_moving_gif(file, inputs)]
    for item in folders + cameras:
        name = item.replace(":", "_") if item in cameras else Path(item).resolve().name
        clips.append(PictureFile(path=Path(item), root=Path(item).parent, name=name, stem=name))
    stems = [clip.stem for clip in clips]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        found_twice = f"two clips would both be written to {twice}.npz"
        raise InputError(found_twice, expected="one name for each clip", todo="give them to separate runs")
    return [file for file in found if file not in clips], clips


def _is_moving_gif(file: PictureFile, inputs: Sequence[str]) -> bool:
    """A GIF that is named by itself and holds several frames; in a folder of pictures it is one of them."""
    from mien.video import has_frames

    return file.path.suffix.lower() == ".gif" and str(file.path) in inputs and has_frames(file.path, 2)


def predict_videos(
    estimate: Estimator,
    clips: Sequence[PictureFile],
    out: Path,
    kinds: Sequence[str],
    options: VideoOptions,
    look: Look,
    resume: bool,
) -> int:
    """One clip after another; what is wrong with one is told, and does not stop the next. Returns the exit code.

    Raises:
        InputError: a kind of file or an option makes no sense for clips.
        OutputError: a result cannot be written; `--resume` goes on.
    """
    from mien.errors import OutputError

    wrong = [kind for kind in kinds if kind not in SUFFIXES]
    if wrong:
        raise InputError(f"cannot --save {wrong[0]!r} of a clip", todo=closest(wrong[0], SUFFIXES))
    kinds = [*kinds, "overlay"] if options.overlay else kinds
    config = options.config()
    done = flawed = 0
    for clip in clips:
        try:
            problems = _one(estimate, clip, out, config, kinds, look, resume)
        except OutputError:
            raise
        except MienError as error:
            if len(clips) == 1:
                raise
            _say(f"skipped {clip.name}: {error}")
            flawed += 1
            continue
        for problem in problems:
            _say(problem)
        done, flawed = done + 1, flawed + bool(problems)
    return 0 if not flawed else 1 if done else 2


def _one(
    estimate: Estimator,
    clip: PictureFile,
    out: Path,
    config: FilmConfig,
    kinds: Sequence[str],
    look: Look,
    resume: bool,
) -> list[str]:
    """Predict one clip, and show it. Returns what was wrong with it."""
    from mien.cli.predict import Keeper
    from mien.clip import Clip, read
    from mien.filming import SHOWN, predict_clip, show_clip
    from mien.filming.spill import Spill
    from mien.video import open_footage

    target = clip.output(out, SUFFIXES["npz"])
    footage = open_footage(str(clip.path), name=clip.name, fps=config.fps)
    if "overlay" in kinds and footage.live:
        raise InputError("an overlay of a camera", expected="a file or a folder, which can be read again to draw")
    origin = estimate.origin()
    keeper = Keeper(origin.weights_sha256, origin.body_sha256)
    problems: list[str] = []
    parts = target.with_suffix(".parts")
    if resume and not parts.exists() and keeper.matches(target):
        Spill.sweep(parts)
        _say(f"{clip.name} kept from before: {target}")
    else:
        filmed = predict_clip(estimate, footage, target, config, resume=resume, tell=_teller(clip.name))
        _report(clip.name, filmed)
        problems += filmed.problems
    shown = {kind: clip.output(out, SUFFIXES[kind]) for kind in SHOWN if kind in kinds}
    todo = {kind: path for kind, path in shown.items() if not (resume and path.exists())}
    result = read(target) if todo else None
    for kind, path in todo.items():
        assert isinstance(result, Clip)
        start = time.perf_counter()
        problems += show_clip(
            kind, result, footage, path, estimate.body, style=look.style, opacity=look.opacity, views=look.views
        )
        if path.exists():
            _say(f"{clip.name}: {kind} in {time.perf_counter() - start:.1f} s -> {path}")
    return list(dict.fromkeys(problems))


def _teller(name: str) -> Callable[[Progress], None]:
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        of = f" of {progress.total}" if progress.total else ""
        text = f"{name}: frame {progress.frames}{of}, {progress.rate:.1f} frames/s"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - last > _QUIET:
            _say(text)
            last = time.monotonic()

    return tell


def _report(name: str, filmed: Filmed) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in sorted(filmed.seconds.items()))
    people = f"{filmed.tracks} tracks with {filmed.rows} rows"
    _say(f"{name}: {filmed.frames} frames, {people}, {filmed.rate:.1f} frames/s ({stages}) -> {filmed.path}")


def _say(text: str) -> None:
    print(f"mien: {text}", file=sys.stderr, flush=True)
