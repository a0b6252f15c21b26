"""The formats: by name for `mien export`, by suffix for `people.export("street.glb")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.body.model import BodyModel
from mien.errors import InputError, closest
from mien.export.amass import write_amass
from mien.export.bvh import write_bvh
from mien.export.fbx import write_fbx
from mien.export.glb import write_glb, write_motions
from mien.export.joints import write_csv, write_openpose
from mien.export.motion import Motion, Up, motions_of
from mien.export.obj import write_obj, write_objs
from mien.export.usd import write_usd
from mien.scene import Scene

__all__ = ["FORMATS", "Format", "export", "export_motions", "format_of", "write_format"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a format is called, and who writes it."""

    what: str
    suffix: str
    """What is added to the stem of a file's name."""
    write: Callable[[Path, Sequence[Motion], BodyModel, Up], Path | list[Path]]
    one_person: bool = False
    """A file holds one person."""
    ups: tuple[Up, ...] = ()
    """Which axes can point up; the first by default. Empty: the frame is the format's own, or the camera's."""


FORMATS: dict[str, Format] = {
    "glb": Format(what="skinned characters", suffix=".glb", write=lambda p, m, b, up: write_motions(p, m, b)),
    "bvh": Format(what="skeleton", suffix=".bvh", write=write_bvh, one_person=True, ups=("y", "z")),
    "amass": Format(what="parameters", suffix="_amass.npz", write=write_amass, one_person=True, ups=("z", "y")),
    "usd": Format(what="skinned characters", suffix=".usd", write=write_usd, ups=("y", "z")),
    "obj": Format(what="meshes", suffix=".obj", write=write_objs, ups=("y", "z")),
    "csv": Format(what="joints", suffix=".csv", write=lambda p, m, b, up: write_csv(p, m, b)),
    "openpose": Format(what="keypoints", suffix="_openpose", write=lambda p, m, b, up: write_openpose(p, m, b)),
    "fbx": Format(what="skinned characters", suffix=".fbx", write=lambda p, m, b, up: write_fbx(p, m, b)),
}
"""By the name after `--to`. A new format is one entry here."""

_BY_SUFFIX = {form.suffix: form for form in FORMATS.values() if form.suffix.startswith(".")}
_BY_SUFFIX |= {".usda": FORMATS["usd"], ".usdc": FORMATS["usd"]}


def format_of(name: str, up: Up | None = None) -> Format:
    """The format of this name, if it can have this axis up.

    Raises:
        InputError: there is no such format, or its frame is its own.
    """
    if name not in FORMATS:
        raise InputError(f"cannot export to {name!r}", todo=closest(name, FORMATS))
    if up is not None and up not in FORMATS[name].ups:
        raise InputError(f"{up} up for {name}, whose frame is its own", todo=f"leave --up out, or {name}")
    return FORMATS[name]


def export(path: Path | str, scene: Scene, body: BodyModel) -> Path:
    """Write everyone in a picture to one file; its suffix chooses the format: see `FORMATS`.

    Args:
        path: where to; its suffix may be in small or capital letters.
        scene: of one picture; nobody in it is fine for `.glb` and `.obj`.
        body: the one that the scene was made with.

    Returns:
        The path written.

    Raises:
        InputError: no such format, one that holds a single person and there are more, or the scene holds numbers that
            are not finite.
        BodyError: the scene was made with another body.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    form = _by_suffix(path)
    alone = {".glb": write_glb, ".obj": write_obj}.get(form.suffix)
    if alone is not None:
        return alone(path, scene, body)
    return export_motions(path, motions_of(scene), body)[0]


def export_motions(path: Path | str, motions: Sequence[Motion], body: BodyModel) -> list[Path]:
    """Write people in motion to one file (`.obj`: one a frame); its suffix chooses the format.

    Raises:
        InputError: no such format, nobody in it, or more people than the format holds.
        BodyError: the motions were made with another body.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    form = _by_suffix(path)
    if not motions:
        raise InputError(f"nobody is in what should become {path}", expected="at least one person")
    return _paths(form.write(path, motions, body, (form.ups or ("y",))[0]))


def write_format(
    name: str, folder: Path, stem: str, motions: Sequence[Motion], body: BodyModel, up: Up | None = None
) -> list[Path]:
    """Write people in motion in a named format, in as many files as it takes.

    Args:
        name: a key of `FORMATS`.
        folder: where to.
        stem: what files are called after; formats of one person add the person's name.
        motions: at least one.
        body: the one that they were made with.
        up: the axis that points up; None is what the format is used to.

    Raises:
        InputError: there is no such format, or it has its own idea of what is up.
        BodyError: the motions were made with another body.
        MienError: a package or program that the format needs is not there.
        OutputError: the disk is full, or the folder cannot be written.
    """
    form = format_of(name, up)
    way: Up = up or (form.ups or ("y",))[0]
    if not form.one_person:
        return _paths(form.write(folder / f"{stem}{form.suffix}", motions, body, way))
    written = []
    for motion in motions:
        named = stem if stem.endswith(f"_{motion.name}") else f"{stem}_{motion.name}"
        written += _paths(form.write(folder / f"{named}{form.suffix}", [motion], body, way))
    return written


def _by_suffix(path: Path) -> Format:
    form = _BY_SUFFIX.get(path.suffix.lower())
    if form is None:
        found = f"cannot export to {path.name!r}: no format {path.suffix!r}"
        hint = closest(path.suffix.lower(), _BY_SUFFIX) if path.suffix else "add a suffix to the name"
        raise InputError(found, expected=f"a name ending in {', '.join(_BY_SUFFIX)}", todo=hint)
    return form


def _paths(written: Path | list[Path]) -> list[Path]:
    return written if isinstance(written, list) else [written]
