"""What a clip's result looks like: a video with everyone drawn, and a page that plays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mien.body.model import BodyModel
from mien.clip import Clip
from mien.errors import InputError
from mien.export.motion import Stage, motions_in
from mien.filming.overlay import draw_clip
from mien.people import Style, View
from mien.video import Footage
from mien.view import write_clip_viewer

__all__ = ["SHOWN", "show_clip"]

SHOWN = ("overlay", "viewer")
"""The ways to look at a clip."""


def show_clip(
    kind: str,
    clip: Clip,
    footage: Footage | None,
    path: Path,
    body: BodyModel,
    *,
    style: Style = "mesh",
    opacity: float = 0.85,
    views: Sequence[View] = ("overlay",),
) -> list[str]:
    """Write one of them; what was wrong, a line each. A viewer that cannot be made is left out, and told.

    Args:
        kind: one of `SHOWN`.
        clip: the result.
        footage: what it was made from; read once more. None is a camera, of which a viewer shows the people alone.
        path: of the file.
        body: of the result's family.
        style: of overlays.
        opacity: of overlays, 0 to 1.
        views: what overlays show side by side.

    Raises:
        InputError: an overlay of a camera, or of footage that is not the clip's.
        OutputError: the file cannot be written.
    """
    if kind == "overlay":
        if footage is None:
            raise InputError("an overlay of a camera", expected="a file or a folder, which can be read again to draw")
        return draw_clip(clip, footage, path, body.path, style=style, opacity=opacity, views=tuple(views))
    name = footage.name if footage else path.stem
    stage = Stage.of(clip)
    try:
        write_clip_viewer(path, stage, motions_in(clip), body, footage, title=name)
    except InputError as error:
        return [f"{name}: no viewer: {error}"]
    return list(footage.problems) if footage else []
