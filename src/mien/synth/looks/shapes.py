"""Surfaces put together: grids, tubes, balls and turned shapes; many of them become one piece."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, UInt8

from mien.synth.figure import Piece

__all__ = ["Build", "grid_faces", "lathe", "rounded_box", "tube"]


@cache
def grid_faces(rows: int, columns: int) -> Int32[np.ndarray, "face 3"]:
    """Two triangles for each cell of a grid of vertices, counter-clockwise where columns go right and rows go down."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.stack([a, a + columns, a + 1, a + 1, a + columns, a + columns + 1], 1).reshape(-1, 3)
    return faces.astype(np.int32)


@cache
def _cells(
    rows: int, columns: int, *, flip: bool, weld: bool
) -> tuple[Int32[np.ndarray, "face 3"], Int32[np.ndarray, "face 3"]]:
    """Corners of faces, turned over if the outside is the other side: in the grid; and among vertices that are kept.

    Welded grids are kept without their last column, which is the first.
    """
    corners = grid_faces(rows, columns)[:, :: -1 if flip else 1]
    row, column = np.divmod(corners, columns)
    return corners, (row * (columns - 1) + column % (columns - 1)).astype(np.int32) if weld else corners


@cache
def _spread(rows: int, columns: int) -> Float32[np.ndarray, "vert 2"]:
    """A grid's own columns and rows, 0..1."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return np.stack([u, v], -1).reshape(-1, 2).astype(np.float32)


@dataclass(eq=False)
class Build:
    """Grids that are gathered to become one piece. Colours are factors on the texture."""

    vertices: list[np.ndarray] = field(default_factory=list)
    faces: list[np.ndarray] = field(default_factory=list)
    uv: list[np.ndarray] = field(default_factory=list)
    colour: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def add(
        self,
        grids: Float[np.ndarray, "*grid row column 3"],
        uv: Float[np.ndarray, "*grid row column 2"] | None = None,
        colour: Float[np.ndarray, "*any"] | float = 1.0,
        *,
        flip: bool = False,
        weld: bool = False,
    ) -> None:
        """Add one grid of vertices, or many of one size.

        Args:
            grids: positions.
            uv: in the texture; the grid's own rows and columns by default.
            colour: RGB for all, or for each vertex.
            flip: whether the outside is the other side.
            weld: whether the last column is the first one again.
        """
        *_, rows, columns, _ = grids.shape
        corners, kept = _cells(rows, columns, flip=flip, weld=weld)
        whole = np.empty(grids.shape, dtype=np.float32)
        whole[:] = colour
        points, whole = (grids[..., :-1, :], whole[..., :-1, :]) if weld else (grids, whole)
        size = rows * (columns - weld)
        faces = kept[None] + np.int32(self.count)
        if points.size > 3 * size:
            faces = faces + np.arange(0, points.size // 3, size, dtype=np.int32)[:, None, None]
        places = _spread(rows, columns)[None] if uv is None else uv.reshape(-1, rows * columns, 2)
        places = places.astype(np.float32, copy=False).take(corners, 1)
        if len(places) < len(faces):
            places = np.broadcast_to(places, (*faces.shape, 2))
        vertices = points.reshape(-1, 3).astype(np.float32, copy=False)
        self.append(vertices, faces.reshape(-1, 3), places.reshape(-1, 3, 2), whole.reshape(-1, 3))

    def append(
        self,
        vertices: Float32[np.ndarray, "vert 3"],
        faces: Int32[np.ndarray, "face 3"],
        uv: Float32[np.ndarray, "face 3 2"],
        colour: Float32[np.ndarray, "vert 3"],
    ) -> None:
        """Add a surface whose faces already count from the vertices that are there."""
        self.vertices.append(vertices)
        self.faces.append(faces)
        self.uv.append(uv)
        self.colour.append(colour)
        self.count += len(vertices)

    def points(self) -> Float32[np.ndarray, "vert 3"]:
        """All vertices."""
        return np.concatenate(self.vertices)

    def piece(
        self,
        kind: str,
        joint: Int[np.ndarray, "*rows k"],
        weight: Float[np.ndarray, "*others k"],
        texture: UInt8[np.ndarray, "h w 3"] | None = None,
        vertices: Float32[np.ndarray, "vert 3"] | None = None,
        *,
        two_sided: bool = False,
    ) -> Piece:
        """What was gathered.

        Args:
            kind: see `Piece`.
            joint: for each vertex, or one row for all.
            weight: the same.
            texture: RGB.
            vertices: instead of those gathered.
            two_sided: see `Piece`.
        """
        points, faces = self.points() if vertices is None else vertices, np.concatenate(self.faces)
        colour = np.concatenate(self.colour)
        joints = np.empty((len(points), joint.shape[-1]), dtype=np.int32)
        weights = np.empty((len(points), weight.shape[-1]), dtype=np.float32)
        joints[:], weights[:] = joint, weight
        return Piece(
            kind=kind,
            vertices=points,
            faces=faces,
            joint=joints,
            weight=weights,
            colour=np.clip(colour, 0, 1, out=colour),
            uv=None if texture is None else np.concatenate(self.uv),
            texture=texture,
            two_sided=two_sided,
        )


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _frames(path, up, first, second):
    """Two unit vectors across a path at each step, turning as little as they can; the first starts near `up`."""
    x, y, z = up[0], up[1], up[2]
    last = path.shape[0] - 1
    for k in range(last + 1):
        a, b = max(k - 1, 0), min(k + 1, last)
        tx, ty, tz = path[b, 0] - path[a, 0], path[b, 1] - path[a, 1], path[b, 2] - path[a, 2]
        length = max(math.sqrt(tx * tx + ty * ty + tz * tz), 1e-9)
        tx, ty, tz = tx / length, ty / length, tz / length
        along = x * tx + y * ty + z * tz
        x, y, z = x - along * tx, y - along * ty, z - along * tz
        length = math.sqrt(x * x + y * y + z * z)
        if length > 1e-6:
            x, y, z = x / length, y / length, z / length
        else:
            x, y, z = ty * 0.8 - tz * 0.48, tz * 0.36 - tx * 0.8, tx * 0.48 - ty * 0.36
        first[k, 0], first[k, 1], first[k, 2] = x, y, z
        second[k, 0], second[k, 1], second[k, 2] = ty * z - tz * y, tz * x - tx * z, tx * y - ty * x


@cache
def _circle(sides: int) -> tuple[Float64[np.ndarray, " side"], Float64[np.ndarray, " side"]]:
    """Cosines and sines around, clockwise; the last is the first again."""
    angle = -np.linspace(0, 2 * np.pi, sides + 1)
    return np.cos(angle), np.sin(angle)


def tube(
    path: Float[np.ndarray, "step 3"],
    radius: Float[np.ndarray, " step"] | float,
    sides: int = 6,
    up: tuple[float, float, float] = (0.0, 1.0, 0.0),
    flat: float = 1.0,
) -> Float32[np.ndarray, "step side 3"]:
    """A grid around a path: outside is out for faces of `Build.add`.

    Args:
        path: its middle.
        radius: along `up`.
        sides: of the cross-section.
        up: a direction across the path at its start.
        flat: width across `up`, as a share.
    """
    cosine, sine = _circle(sides)
    size, found = np.empty(len(path)), np.empty((len(path), sides + 1, 3), dtype=np.float32)
    size[:] = radius
    line, start = np.ascontiguousarray(path, dtype=np.float64), np.array(up, dtype=np.float64)
    _rings(line, start, size, cosine, flat * sine, found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _rings(path, up, size, cosine, sine, found):
    first, second = np.empty_like(path), np.empty_like(path)
    _frames(path, up, first, second)
    for k in range(found.shape[0]):
        for side in range(found.shape[1]):
            for c in range(3):
                ring = cosine[side] * first[k, c] + sine[side] * second[k, c]
                found[k, side, c] = path[k, c] + size[k] * ring


def lathe(
    profile: Float[np.ndarray, "step 2"], sides: int, axis: Float[np.ndarray, "3 3"], origin: Float[np.ndarray, "3"]
) -> Float32[np.ndarray, "step side 3"]:
    """A shape turned around an axis.

    Args:
        profile: radius and place along the axis, metres.
        sides: around.
        axis: unit rows: along the axis, and two across it.
        origin: on the axis.
    """
    cosine, sine = _circle(sides)
    ring = cosine[:, None] * axis[1] + sine[:, None] * axis[2]
    out = profile[:, 0, None, None] * ring[None] + profile[:, 1, None, None] * axis[0] + origin
    return out.astype(np.float32)


def rounded_box(
    size: tuple[float, float, float], corner: float, axis: Float[np.ndarray, "3 3"], origin: Float[np.ndarray, "3"]
) -> Float32[np.ndarray, "4 17 3"]:
    """A slab with round corners as a grid around its edge; the middle of its faces are the first and the last row.

    Args:
        size: width, height and thickness, metres.
        corner: radius of the corners.
        axis: unit rows: to the right, up, out of the front.
        origin: its middle.
    """
    angle = np.arange(16) * np.pi / 8 + np.pi / 16
    half = np.array(size[:2]) / 2 - corner
    outline = np.stack([np.cos(angle), np.sin(angle)], 1) * corner
    outline += np.sign(np.round(np.stack([np.cos(angle), np.sin(angle)], 1), 9)) * half
    outline = np.concatenate([outline, outline[:1]])
    flat = outline @ axis[:2] + origin
    front = axis[2] * size[2] / 2
    middle = np.broadcast_to(origin, flat.shape)
    return np.stack([middle + front, flat + front, flat - front, middle - front]).astype(np.float32)
