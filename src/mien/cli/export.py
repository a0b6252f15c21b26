"""`mien export`: results as files for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.cli.told import check_out, say
from mien.errors import InputError, MienError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mien.body.model import BodyModel
    from mien.clip import Clip
    from mien.export.motion import Motion, Up
    from mien.scene import Scene

__all__ = ["export"]

_VIEWER = "html"
"""Besides the formats of `mien.export`."""


def export(
    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULT...")],
    /,
    to: str,
    out: Path | None = None,
    track: tuple[int, ...] = (),
    body: str = "",
    up: Literal["auto", "y", "z"] = "auto",
    fps: float | None = None,
    frames: str = "",
    footage: Path | None = None,
) -> int:
    """Results of `mien predict` as files for Blender, game engines and tables; docs/export.md says what holds what.

    Exit code 0: all done; 1: some results or formats were skipped (each is named); 2: nothing could be done.

    Args:
        results: result files (.npz), of pictures or of clips.
        to: formats, separated by commas: glb, bvh, amass, usd, obj, csv, openpose, fbx, html (a viewer).
        out: folder for the files, by default that of each result; results of one name go below their folders' names.
        track: numbers of the tracks of a clip, or of the people of a picture; by default all.
        body: a body file or the folder of one; by default the body family of the result is looked for.
        up: the axis that points up in bvh, amass, usd and obj; auto is what each format is used to.
        fps: frames a second of what is written, of clips; by default those of the clip. Not of html.
        frames: of a clip only the frames A to B - 1, as A:B; either may be left out.
        footage: the picture or video (or folder of frames) that the result was made from, shown in html.
    """
    from mien.export.dispatch import format_of

    names, way = list(dict.fromkeys(to.split(","))), None if up == "auto" else up
    for name in names:
        if name != _VIEWER:
            format_of(name, way)
    if footage is not None and _VIEWER not in names:
        raise InputError(f"--footage {footage} for {to}", expected="--to html, which shows it")
    if out is not None:
        check_out(out)
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"--fps {fps:g}", expected="a number above 0, at most 1000")
    if not results:
        raise InputError("no result to export", expected="result files of `mien predict` (.npz)")
    targets = _targets(results, out)
    skipped = written = 0
    for path, target in targets.items():
        try:
            job = _Job(path, target, names, track, body, way, fps, frames, footage)
            done, missed = _export(job)
        except MienError as error:
            if len(targets) == 1:
                raise
            say(f"skipped {path}: {error}")
            done, missed = 0, 1
        written, skipped = written + done, skipped + missed
    return (1 if written else 2) if skipped else 0


@dataclass(frozen=True)
class _Job:
    """One result, and what is to be made of it."""

    path: Path
    target: Path
    """The name of the files, without what comes after."""
    names: list[str]
    track: tuple[int, ...]
    body: str
    up: Up | None
    fps: float | None
    frames: str
    footage: Path | None


def _targets(results: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    """What the files of each result are called, without what comes after; in one folder no two alike.

    Raises:
        InputError: two of them would have one name.
    """
    from mien.picture_files import distinct_stems

    if out is None:
        return {path: path.parent / path.stem for path in results}
    return {path: out / stem for path, stem in distinct_stems(results).items()}


def _export(job: _Job) -> tuple[int, int]:
    """Write one result in all formats. Returns how many were written, and how many were not."""
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.clip import Clip, read
    from mien.export.dispatch import write_format
    from mien.export.motion import motions_in, within

    found = read(job.path)
    span = _span(job.frames, found)
    motions = _chosen(job.path, within(motions_in(found), span), job.track)
    model = BodyModel.load(find_body(job.body or None, family=found.origin.body_family))
    if warning := found.origin.warning:
        say(f"WARNING: {warning}")
    stem = "_".join([job.target.name, *(motion.name for motion in motions)]) if job.track else job.target.name
    rate = job.fps if isinstance(found, Clip) else None
    done = missed = 0
    for name in job.names:
        try:
            if name == _VIEWER:
                files = [_view(job, found, motions, model, span, stem)]
            else:
                timed = motions if rate is None else [each.recounted(rate) for each in motions]
                files = write_format(name, job.target.parent, stem, timed, model, job.up)
        except MienError as error:
            if len(job.names) == 1:
                raise
            say(f"skipped {name} of {job.path}: {error}")
            missed += 1
            continue
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        say(f"{name}: {files[0]}{more}")
        done += 1
    return done, missed


def _view(job: _Job, found: Clip | Scene, motions: list[Motion], body: BodyModel, span: range, stem: str) -> Path:
    """The page of a picture or of a clip."""
    from mien.clip import Clip
    from mien.export.motion import Stage
    from mien.pictures import read_picture
    from mien.video import open_footage
    from mien.view import write_clip_viewer, write_viewer

    path, title = job.target.with_name(f"{stem}.html"), job.footage.name if job.footage else ""
    if not isinstance(found, Clip):
        if job.track:
            raise InputError("--track in a viewer of a picture", todo="leave it out: the page shows and hides people")
        picture = None if job.footage is None else read_picture(job.footage)
        return write_viewer(path, found, body, picture, title)
    footage = None if job.footage is None else open_footage(job.footage, fps=found.fps)
    stage = Stage.of(found)
    written = write_clip_viewer(path, stage, motions, body, footage, frames=span, title=title)
    for problem in footage.problems if footage else ():
        say(problem)
    return written


def _span(text: str, found: Clip | Scene) -> range:
    """The frames A:B of a result."""
    from mien.clip import Clip

    count = found.num_frames if isinstance(found, Clip) else 1
    if not text:
        return range(count)
    first, colon, last = text.partition(":")
    parts = [part for part in (first, last) if part]
    if not colon or not all(part.isdecimal() for part in parts):
        raise InputError(f"--frames {text}", expected="A:B, as in 100:400, 100: or :400")
    start, stop = int(first or 0), min(int(last or count), count)
    if start >= stop:
        raise InputError(f"--frames {text}", expected=f"a part of 0:{count}, the frames that are there")
    return range(start, stop)


def _chosen(path: Path, motions: list[Motion], track: tuple[int, ...]) -> list[Motion]:
    if not motions:
        raise InputError(f"nobody is in {path}", expected="a result with at least one person")
    known = {motion.track: motion for motion in motions}
    absent = [each for each in track if each not in known]
    if absent:
        there = ", ".join(str(each) for each in known)
        raise InputError(f"{path} has no track {absent[0]}", expected=f"one of {there}")
    return [known[each] for each in dict.fromkeys(track)] if track else motions
