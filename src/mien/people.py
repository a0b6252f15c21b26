"""The people of a picture as users hold them: a `Scene` that knows its picture and its body, to draw and to export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from mien.body.files import find_body
from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.clip import Clip
from mien.clip import read as read_result
from mien.errors import InputError
from mien.files import atomic_write
from mien.geometry.camera import Camera
from mien.palette import person_colour
from mien.pictures import encoded, read_picture
from mien.render.overlay import SIDE_COLOURS, draw_boxes, draw_people, draw_skeletons
from mien.render.views import contact, side_and_top
from mien.scene import Scene

__all__ = ["VIEWS", "WRITERS", "Drawing", "People", "Style", "View", "people_of", "read"]

Style = Literal["mesh", "skeleton", "both", "boxes"]
View = Literal["picture", "overlay", "side", "top"]
VIEWS: tuple[View, ...] = ("picture", "overlay", "side", "top")
"""What can stand side by side."""
_PARTS = (slice(25, 45), slice(45, 65), slice(65, 137))
"""Left hand, right hand and face among the 137 joints."""
_MARGIN = 1.2
"""How much larger a box is than the joints that it is drawn around."""


@dataclass(frozen=True)
class Drawing:
    """A picture that was drawn, to be looked at or saved."""

    pixels: UInt8[np.ndarray, "height width 3"]
    """RGB."""

    def save(self, path: Path | str) -> Path:
        """Write it as PNG, JPEG or WebP, by the suffix; whole or not at all.

        Raises:
            InputError: no such format, or one that cannot hold so large a picture.
            OutputError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise InputError(f"cannot save a drawing as {path.name!r}", expected="a name ending in .png, .jpg or .webp")
        data = encoded(path.suffix.lower(), self.pixels)
        with atomic_write(path) as stream:
            stream.write(data)
        return path


@dataclass(frozen=True, kw_only=True)
class People(Scene):
    """Everyone in one picture; a sequence of `Person`."""

    picture: Path | UInt8[np.ndarray, "height width 3"] | None = None
    """Where the picture is, or the picture itself (upright RGB); None if it is not known."""
    body_path: Path | None = None
    """The body file; None looks for the one of `origin.body_family`."""

    def body(self) -> BodyModel:
        """The body that these people are made of.

        Raises:
            AssetMissing: the body file is not on this machine.
        """
        return _load_body(self.body_path or find_body(None, family=self.origin.body_family))

    def vertices(self) -> Float[Tensor, "person vert 3"]:
        """The posed meshes in the picture's camera, metres. They are posed once."""
        return self._mesh

    @cached_property
    def _mesh(self) -> Float[Tensor, "person vert 3"]:
        with torch.no_grad():
            return self.body().pose(self.params).mesh()

    def decoded(self) -> People:
        """The same people with their picture in memory, so that it is read once however often they are drawn.

        Raises:
            InputError, PictureError: as `pixels`.
        """
        return self if isinstance(self.picture, np.ndarray) else replace(self, picture=self.pixels())

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture, upright RGB.

        Raises:
            InputError: it is not known where the picture is, or it is another one.
            PictureError: it cannot be read.
        """
        if self.picture is None:
            raise InputError("this result does not know its picture", todo="give it: mien.read(path, picture=...)")
        pixels = self.picture if isinstance(self.picture, np.ndarray) else read_picture(self.picture)
        if pixels.shape[:2] != self.image_size:
            found = f"the picture is {pixels.shape[1]} x {pixels.shape[0]} pixels"
            height, width = self.image_size
            raise InputError(found, expected=f"{width} x {height}, as the result says", todo="give the right picture")
        return pixels

    def overlay(self, style: Style = "mesh", opacity: float = 0.85, numbers: Sequence[int] | None = None) -> Drawing:
        """The people drawn over their picture, in colours of their own, with true occlusion.

        Args:
            style: `mesh`, `skeleton`, `both`, or `boxes`: see there.
            opacity: of the meshes, 0 to 1.
            numbers: which colour each person has; by default the first the first, and so on.
        """
        if style not in ("mesh", "skeleton", "both", "boxes"):
            raise InputError(f"the style {style!r}", expected="mesh, skeleton, both or boxes")
        if not 0 <= opacity <= 1:
            raise InputError(f"an opacity of {opacity:g}", expected="a number from 0 to 1")
        if style == "boxes":
            return self.boxes(numbers)
        drawn, body, colours = self.pixels(), self.body(), self._colours(numbers)
        if style != "skeleton":
            mesh, faces, K = self.vertices().numpy(), body.faces.numpy(), self.K.numpy()
            drawn = draw_people(drawn, mesh, faces, K, colours=colours, opacity=opacity)
        if style != "mesh":
            drawn = draw_skeletons(drawn, Camera(K=self.K).project(self.joints3d).numpy(), body.parents)
        return Drawing(drawn)

    def strip(self, height: int = 512) -> Drawing:
        """Side by side, `height` pixels high: the picture, the overlay, the people from the side and from above."""
        return self.beside(VIEWS, height=height)

    def beside(
        self,
        views: Sequence[View],
        *,
        height: int = 512,
        style: Style = "mesh",
        opacity: float = 0.85,
        numbers: Sequence[int] | None = None,
        space: Float64[np.ndarray, "2 3"] | None = None,
    ) -> Drawing:
        """Several views side by side.

        Args:
            views: which of `VIEWS`, in this order.
            height: of all of them, pixels.
            style: of the overlay, as are `opacity` and `numbers`; from the side and above everyone is a mesh.
            opacity: of the overlay.
            numbers: which colour each person has.
            space: what is seen from the side and above: see `mien.render.views.side_and_top`.
        """
        if not views or not set(views) <= set(VIEWS):
            raise InputError(f"the views {', '.join(views) or 'none'}", expected=f"some of {', '.join(VIEWS)}")
        found: dict[str, Any] = {}
        people = self.decoded() if {"picture", "overlay"} & set(views) else self
        if {"side", "top"} & set(views):
            mesh = people.vertices().numpy() if len(self) else np.zeros((0, 1, 3), np.float32)
            faces, colours = self.body().faces.numpy(), self._colours(numbers)
            found["side"], found["top"] = side_and_top(mesh, faces, size=height, colours=colours, space=space)
        if "picture" in views:
            found["picture"] = people.pixels()
        if "overlay" in views:
            found["overlay"] = people.overlay(style, opacity, numbers).pixels if len(self) else people.pixels()
        return Drawing(contact([found[view] for view in views], height=height))

    def _colours(self, numbers: Sequence[int] | None) -> np.ndarray:
        which = range(len(self)) if numbers is None else numbers
        return np.array([person_colour(number) for number in which]).reshape(-1, 3)

    def boxes(self, numbers: Sequence[int] | None = None) -> Drawing:
        """The detected boxes with their scores, and everyone's hands (left blue, right orange) and face (white).

        Args:
            numbers: which colour each person has, and what is written beside their score; by default nothing is.
        """
        labels = None if numbers is None else [str(number) for number in numbers]
        boxes, score = self.bbox.numpy(), self.score.numpy()
        drawn = draw_boxes(self.pixels(), boxes, score, labels, colours=self._colours(numbers))
        colours = np.array([SIDE_COLOURS[side] for side in ("left", "right", "")]) / 255
        parts = self.part_boxes().flatten(0, 1).numpy()
        return Drawing(draw_boxes(drawn, parts, colours=np.tile(colours, (len(self), 1))))

    def part_boxes(self) -> Float[Tensor, "person 3 4"]:
        """Left hand, right hand and face of everyone: x1, y1, x2, y2, pixels.

        Where the network looked for them; of a network that does not look for them first, around their joints.
        """
        if self.part_bbox is not None:
            return self.part_bbox
        joints = self.joints2d[:, list(SMPLX_137)]
        found = []
        for part in _PARTS:
            low, high = joints[:, part].amin(1), joints[:, part].amax(1)
            middle, half = (low + high) / 2, (high - low) / 2 * _MARGIN
            found.append(torch.cat([middle - half, middle + half], -1))
        return torch.stack(found, 1)

    def export(self, path: Path | str) -> Path:
        """Write a file for other programs, by its suffix: `.html` (a viewer that needs nothing) or one of those of
        `mien.export.FORMATS`, such as `.glb` (skinned characters) and `.obj` (posed meshes).

        Raises:
            InputError: no such format, or one of a single person and there are more.
            MienError: what writes the format is not installed.
            OutputError: the file cannot be written.
        """
        if Path(path).suffix.lower() in (".html", ".htm"):
            from mien.view.html import write_viewer

            return write_viewer(path, self, self.body(), None if self.picture is None else self.pixels())
        from mien.export import export

        return export(path, self, self.body())

    def write(
        self,
        kind: str,
        path: Path,
        *,
        style: Style = "mesh",
        opacity: float = 0.85,
        views: Sequence[View] = ("overlay",),
    ) -> None:
        """Write one of the kinds of file that `mien predict --save` names: a key of `WRITERS`, or an overlay.

        Args:
            kind: `overlay`, or a key of `WRITERS`.
            path: where to.
            style: of an overlay.
            opacity: of an overlay.
            views: what an overlay shows, side by side; by default itself alone.
        """
        if kind == "overlay" and tuple(views) == ("overlay",):
            self.overlay(style, opacity).save(path)
        elif kind == "overlay":
            self.beside(views, height=self.image_size[0], style=style, opacity=opacity).save(path)
        else:
            WRITERS[kind](self, path)

    def write_all(
        self,
        targets: Mapping[str, Path],
        *,
        style: Style = "mesh",
        opacity: float = 0.85,
        views: Sequence[View] = ("overlay",),
    ) -> None:
        """Write several kinds of file, in their order, with the picture decoded and the people posed once.

        Args:
            targets: where to, by kind: see `write`.
            style: of an overlay.
            opacity: of an overlay.
            views: what an overlay shows.
        """
        people = self.decoded() if len(_DRAWN & set(targets)) > 1 else self
        for kind, path in targets.items():
            people.write(kind, path, style=style, opacity=opacity, views=views)


_DRAWN = frozenset(("overlay", "strip", "boxes", "viewer"))
"""Kinds of file that show the picture."""

WRITERS: dict[str, Callable[[People, Path], object]] = {
    "npz": People.save,
    "strip": lambda people, path: people.strip().save(path),
    "boxes": lambda people, path: people.boxes().save(path),
    "glb": People.export,
    "obj": People.export,
    "viewer": People.export,
}


@cache
def _load_body(path: Path) -> BodyModel:
    return BodyModel.load(path)


@overload
def read(path: Path | str, picture: Path | str | np.ndarray) -> People: ...
@overload
def read(path: Path | str) -> Any: ...
def read(path: Path | str, picture: Path | str | np.ndarray | None = None) -> People | Clip:
    """Read a result file back: the `People` of a picture, or the `Clip` of a video.

    Args:
        path: of the `.npz`.
        picture: the picture it was made from, for overlays and viewers.

    Raises:
        InputError: the file is missing, damaged, of a newer schema, or no result of this package; or a picture was
            given for a clip.
    """
    found = read_result(path)
    if isinstance(found, Clip):
        if picture is not None:
            raise InputError(f"a picture for {path}, which is the result of a clip", todo="leave the picture away")
        return found
    return people_of(found, Path(picture) if isinstance(picture, str) else picture)


def people_of(scene: Scene, picture: Path | np.ndarray | None = None, body_path: Path | None = None) -> People:
    """A scene with its picture and its body."""
    known = {field.name: getattr(scene, field.name) for field in fields(Scene)}
    return People(**known, picture=picture, body_path=body_path)
