"""`export(path, scene, body)`: the file format is what the file's name ends in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mien.body.model import BodyModel
from mien.errors import InputError, closest
from mien.export.glb import write_glb
from mien.export.obj import write_obj
from mien.scene import Scene

__all__ = ["WRITERS", "export"]

WRITERS: dict[str, Callable[[Path, Scene, BodyModel], Path]] = {".glb": write_glb, ".obj": write_obj}
"""Writers by suffix. A new format is one entry here."""


def export(path: Path | str, scene: Scene, body: BodyModel) -> Path:
    """Write everyone in the scene to one file: `.glb` (skinned characters) or `.obj` (posed meshes).

    Args:
        path: where to; its suffix chooses the format, in small or capital letters.
        scene: of one picture; nobody in it is fine.
        body: the one that the scene was made with.

    Returns:
        The path written.

    Raises:
        InputError: no such format, or the scene holds numbers that are not finite.
        BodyError: the scene was made with another body.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        found = f"cannot export to {path.name!r}: no format {path.suffix!r}"
        raise InputError(found, expected=f"a name ending in {' or '.join(WRITERS)}", todo=_hint(path.suffix))
    return writer(path, scene, body)


def _hint(suffix: str) -> str:
    return closest(suffix.lower(), WRITERS) if suffix else "add a suffix to the name"
