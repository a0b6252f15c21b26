"""`mien export`: results as files for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.errors import InputError, MienError

if TYPE_CHECKING:
    from mien.export.motion import Motion, Up

__all__ = ["export"]


def export(
    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULT...")],
    /,
    to: str,
    out: Path | None = None,
    track: tuple[int, ...] = (),
    body: str = "",
    up: Literal["auto", "y", "z"] = "auto",
    fps: float | None = None,
) -> int:
    """Results of `mien predict` as files for Blender, game engines and tables; docs/export.md says what holds what.

    Exit code 0: all done; 1: some results or formats were skipped (each is named); 2: nothing could be done.

    Args:
        results: result files (.npz), of pictures or of clips.
        to: formats, separated by commas: glb, bvh, amass, usd, obj, csv, openpose, fbx.
        out: folder for the files; by default that of each result.
        track: numbers of the tracks of a clip, or of the people of a picture; by default all.
        body: a body file or the folder of one; by default the body family of the result is looked for.
        up: the axis that points up in bvh, amass, usd and obj; auto is what each format is used to.
        fps: frames a second of what is written, of clips; by default those of the clip.
    """
    from mien.export.dispatch import format_of

    names, way = list(dict.fromkeys(to.split(","))), None if up == "auto" else up
    for name in names:
        format_of(name, way)
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file", expected="a folder, there or to be made", todo="choose another name")
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"--fps {fps:g}", expected="a number above 0, at most 1000")
    if not results:
        raise InputError("no result to export", expected="result files of `mien predict` (.npz)")
    skipped = written = 0
    for path in results:
        try:
            done, missed = _export(path, names, out or path.parent, track, body, way, fps)
        except MienError as error:
            if len(results) == 1:
                raise
            _say(f"skipped {path}: {error}")
            done, missed = 0, 1
        written, skipped = written + done, skipped + missed
    return (1 if written else 2) if skipped else 0


def _export(
    path: Path, names: list[str], out: Path, track: tuple[int, ...], body: str, up: Up | None, fps: float | None
) -> tuple[int, int]:
    """Write one result in all formats. Returns how many were written, and how many were not."""
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.export.dispatch import write_format
    from mien.export.motion import read_motions

    motions = [_timed(motion, fps) for motion in _chosen(path, read_motions(path), track)]
    model = BodyModel.load(find_body(body or None, family=motions[0].stage.origin.body_family))
    if warning := motions[0].stage.origin.warning:
        _say(f"WARNING: {warning}")
    stem = "_".join([path.stem, *(motion.name for motion in motions)]) if track else path.stem
    done = missed = 0
    for name in names:
        try:
            files = write_format(name, out, stem, motions, model, up)
        except MienError as error:
            if len(names) == 1:
                raise
            _say(f"skipped {name} of {path}: {error}")
            missed += 1
            continue
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        _say(f"{name}: {files[0]}{more}")
        done += 1
    return done, missed


def _timed(motion: Motion, fps: float | None) -> Motion:
    """With this many frames a second, counted anew; a picture as it is."""
    if fps is None or len(motion) == 1:
        return motion
    return motion.recounted(fps)


def _chosen(path: Path, motions: list[Motion], track: tuple[int, ...]) -> list[Motion]:
    if not motions:
        raise InputError(f"nobody is in {path}", expected="a result with at least one person")
    known = {motion.track: motion for motion in motions}
    absent = [each for each in track if each not in known]
    if absent:
        there = ", ".join(str(each) for each in known)
        raise InputError(f"{path} has no track {absent[0]}", expected=f"one of {there}")
    return [known[each] for each in dict.fromkeys(track)] if track else motions


def _say(text: str) -> None:
    print(f"mien: {text}", file=sys.stderr, flush=True)
