"""Render meshes on the CPU: one z-buffer for all, exact edges, colour, depth, labels and what else a pixel shows.

    frame = render([Mesh(vertices=v, faces=f) for v in people], K, (1080, 1920))
    frame.colour, frame.depth, frame.mesh          # what is seen at each pixel, how far away, and whose it is
    frame.interpolate(normals)                     # anything known at vertices, at each pixel
    frame.visible()                                # which vertices are seen

    sun = cast(meshes, lights.direction[0])
    render(meshes, K, size, lights=lights, shadows=[sun, None, None])

`frame.face` and `frame.weights()` are all that later passes need: anything at vertices can be known at each pixel.

The kernels are compiled when they are first used, and kept on disk. They use as many threads as torch is set to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32, UInt8, UInt16

from mien.errors import InputError
from mien.render.mesh import Mesh, Packed, pack
from mien.render.scene import NEAR, Scene, arrange
from mien.render.shade import STUDIO, Lights
from mien.render.shadow import Shadow

__all__ = ["MAX_PIXELS", "MAX_SIDE", "NEAR", "Frame", "Mesh", "check_picture", "paint", "render", "show"]

MAX_PIXELS = 2**28
"""The largest picture, as for reading. `paint` needs no memory beyond the picture, `render` 13 bytes a pixel."""
MAX_SIDE = 2**16
"""Pixels; positions within it are exact."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What each pixel of a picture shows at its centre."""

    colour: UInt8[np.ndarray, "h w 3"] | None
    """RGB, over the background; None if no light was given."""
    depth: Float32[np.ndarray, "h w"]
    """Metres along the camera's axis; infinite where nothing is seen."""
    mesh: UInt16[np.ndarray, "h w"]
    """Labels: 1 for the first mesh and so on, 0 where none is seen."""
    face: Int32[np.ndarray, "h w"]
    """Which of the mesh's faces; 0 where none is seen."""
    meshes: tuple[Mesh, ...]
    K: Float64[np.ndarray, "3 3"]

    def weights(self) -> Float32[np.ndarray, "h w 3"]:
        """Of the corners of the face at each pixel, perspective-correct: they add up to 1 (0 where none is seen)."""
        from mien.render.kernels import weigh_corners

        packed, found = pack(self.meshes), np.zeros((*self.mesh.shape, 3), dtype=np.float32)
        rays = np.linalg.inv(self.K)[:2].reshape(6)
        weigh_corners(packed.vertices, packed.faces, packed.parts, self.mesh, self.face, rays, found)
        return found

    def interpolate(self, values: Sequence[Float[np.ndarray, "_ channel"]]) -> Float32[np.ndarray, "h w channel"]:
        """What is known at the vertices, at each pixel; zeros where nothing is seen.

        Args:
            values: one array for each mesh, a row for each of its vertices.
        """
        weights, label = self.weights(), self.mesh
        channels = values[0].shape[1] if len(values) else 0
        found = np.zeros((*label.shape, channels), dtype=np.float32)
        for i, (mesh, value) in enumerate(zip(self.meshes, values, strict=True)):
            here = np.nonzero(label == i + 1)
            corners = mesh.faces[self.face[here]]
            found[here] = (weights[here][..., None] * value[corners]).sum(1)
        return found

    def visible(self, slack: float = 0.01) -> list[Bool[np.ndarray, "_"]]:
        """For each mesh, which vertices lie in the picture and less than `slack` metres behind what is seen there."""
        height, width = self.mesh.shape
        found = []
        for mesh in self.meshes:
            x, y, z = (mesh.vertices.astype(np.float64) @ self.K.T).T
            ahead = z >= NEAR
            column, row = (np.rint(np.where(ahead, p / np.where(ahead, z, 1), -1)) for p in (x, y))
            seen = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
            seen[seen] = z[seen] < self.depth[row[seen].astype(int), column[seen].astype(int)] + slack
            found.append(seen)
        return found


def render(
    meshes: Sequence[Mesh] | Packed,
    K: np.ndarray,
    size: tuple[int, int],
    *,
    lights: Lights | None = STUDIO,
    shadows: Sequence[Shadow | None] = (),
    background: np.ndarray | tuple[int, int, int] = (0, 0, 0),
    samples: int = 1,
    near: float = NEAR,
) -> Frame:
    """Render meshes over a background. The nearest surface wins; at the same depth, the first mesh.

    Args:
        meshes: any number, none included; or what `mien.render.mesh.pack` makes of them.
        K: (3, 3) the camera, pixels; pixel centres at integers.
        size: height and width, pixels.
        lights: None renders no colour.
        shadows: for each light a shadow map from `mien.render.shadow.cast`, or None; by default none has one. A light
            with a shadow follows Lambert's law: `Lights.wrap` holds for the others.
        background: a colour, or a picture (h, w, 3) of that size; uint8 RGB.
        samples: 2 smooths the colours' edges with 2 x 2 samples a pixel. The other maps are always of pixel centres.
        near: metres; what is nearer is cut away.

    Raises:
        InputError: a mesh, K, the size, the background, a shadow or `samples` is wrong; the message says which.
    """
    check_size(size)
    colour = None
    if lights is not None:
        colour = np.empty((*size, 3), dtype=np.uint8)
        if isinstance(background, np.ndarray):
            check_picture(background, size)
        colour[:] = background
    samples = 1 if lights is None else samples
    scene = arrange(meshes, K, size, lights=lights, shadows=shadows, samples=samples, near=near, centres=True)
    return show(scene, colour)


def show(scene: Scene, colour: UInt8[np.ndarray, "h w 3"] | None = None) -> Frame:
    """What each pixel of a scene shows; painted into `colour` as well, if there is one."""
    depth, mesh = np.full(scene.size, np.inf, dtype=np.float32), np.zeros(scene.size, dtype=np.uint16)
    face = np.zeros(scene.size, dtype=np.int32)
    scene.draw((depth, mesh, face), colour)
    return Frame(colour=colour, depth=depth, mesh=mesh, face=face, meshes=scene.packed.meshes, K=scene.K)


def paint(
    picture: np.ndarray,
    meshes: Sequence[Mesh] | Packed,
    K: np.ndarray,
    *,
    lights: Lights = STUDIO,
    shadows: Sequence[Shadow | None] = (),
    samples: int = 2,
    near: float = NEAR,
) -> None:
    """Blend meshes into a picture (h, w, 3), uint8 RGB, in place; the arguments are those of `render`.

    Only the pixels that the meshes cover are read or written.

    Raises:
        InputError: as `render`; or the picture's memory is not contiguous or not writable.
    """
    check_picture(picture)
    if not (picture.flags.c_contiguous and picture.flags.writeable):
        raise InputError("the picture cannot be painted in place", expected="a contiguous array", todo="copy it first")
    size = picture.shape[:2]
    arrange(meshes, K, size, lights=lights, shadows=shadows, samples=samples, near=near).paint(picture)


def check_picture(picture: np.ndarray, size: tuple[int, int] | None = None) -> None:
    """Refuse what is no RGB picture of 8 bits, or not of the given height and width.

    Raises:
        InputError: see above.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise InputError(
            f"a picture of shape {picture.shape} and type {picture.dtype}",
            expected="RGB, (height, width, 3), uint8",
            todo="mien.pictures.read_picture gives such pictures",
        )
    check_size(picture.shape[:2])
    if size is not None and picture.shape[:2] != size:
        raise InputError(f"a picture of {picture.shape[:2]}", expected=f"height and width {size}")


def check_size(size: tuple[int, int]) -> None:
    """Refuse a picture without pixels or beyond `MAX_PIXELS` and `MAX_SIDE`.

    Raises:
        InputError: see above.
    """
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS or max(size) > MAX_SIDE:
        raise InputError(
            f"a picture of {width} x {height} pixels",
            expected=f"1 to {MAX_PIXELS} pixels, at most {MAX_SIDE} a side",
            todo="make it smaller first, or cut it into parts",
        )
