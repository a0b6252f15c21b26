"""Meshes that stand ready before a camera: projected, lit, and listed by tile. They are painted, or just looked at.

    scene = arrange(meshes, K, size, lights=lights, shadows=shadows, samples=2)
    scene.paint(picture)
    depth, mesh = scene.at(rows, columns)          # at a few pixels, without drawing all the others

`mien.render.raster.render` and `paint` do this in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32, Int64, UInt8, UInt16

from mien.errors import InputError
from mien.render.clip import cut_pieces
from mien.render.mesh import Mesh, Packed, pack
from mien.render.shade import STUDIO, Lights
from mien.render.shadow import Shadow, Suns, gather

__all__ = ["NEAR", "Maps", "Scene", "arrange"]

NEAR = 0.05
"""Metres: what is nearer to the camera is cut away."""
CHUNKS = 16
"""Tasks that share the culling."""

Maps = tuple[Float32[np.ndarray, "h w"], UInt16[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]
"""Depth, label of the mesh, and face, of the centres of pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """All that is known before the first pixel is drawn."""

    packed: Packed
    """With the pieces of faces that cross the near plane."""
    K: Float64[np.ndarray, "3 3"]
    size: tuple[int, int]
    """Height and width, pixels."""
    samples: int
    """Along a pixel's side."""
    points: Float32[np.ndarray, "vert 3"]
    lit: Float32[np.ndarray, "vert channel"]
    suns: Suns
    binned: tuple[Int32[np.ndarray, "record 5"], Int32[np.ndarray, "entry"], Int64[np.ndarray, "tile_plus_one"]]
    """Triangles that may be seen, and which of them each tile has: see `mien.render.kernels.bin_triangles`."""

    def draw(self, maps: Maps | None, picture: UInt8[np.ndarray, "h w 3"] | None) -> None:
        """Write the maps, and blend into the picture, where they are given."""
        from mien.render.kernels import draw_tiles

        packed, suns = self.packed, self.suns
        if maps is None:
            maps = (np.empty((0, 0), np.float32), np.empty((0, 0), np.uint16), np.empty((0, 0), np.int32))
        if picture is None:
            picture = np.empty((0, 0, 3), dtype=np.uint8)
        surface = (packed.opacity, packed.uv, packed.texels, packed.textures)
        height, width = self.samples * self.size[0], self.samples * self.size[1]
        through = (suns.places, suns.maps, suns.nearness)
        draw_tiles(
            self.points, self.lit, packed.parts, self.binned, height, width, self.samples, surface, through,
            packed.origin, maps, picture,
        )  # fmt: skip

    def paint(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Blend the meshes into a picture of this size, in place."""
        self.draw(None, picture)

    def at(
        self, rows: Int[np.ndarray, "pixel"], columns: Int[np.ndarray, "pixel"]
    ) -> tuple[Float32[np.ndarray, "pixel"], UInt16[np.ndarray, "pixel"]]:
        """What some pixels of the picture show at their centres: depth and label, as `Frame` has them.

        Much less work than to draw all of them. With 2 samples, `arrange` must be told `centres`.
        """
        from mien.render.look_kernels import look
        from mien.render.triangles import MESH, TILE

        side = TILE // self.samples
        order = np.lexsort((columns // side, rows // side))
        nearness, seen = np.empty(len(rows), dtype=np.float32), np.empty(len(rows), dtype=np.int32)
        look(self.points, self.binned, self.samples * self.size[1], self.samples, rows, columns, order, nearness, seen)
        covered, depth = nearness > 0, np.full(len(rows), np.inf, dtype=np.float32)
        np.divide(np.float32(1), nearness, out=depth, where=covered)
        mesh = np.zeros(len(rows), dtype=np.uint16)
        mesh[covered] = self.packed.parts[self.binned[0][seen[covered], 3], MESH] + 1
        return depth, mesh


def arrange(
    meshes: Sequence[Mesh] | Packed,
    K: np.ndarray,
    size: tuple[int, int],
    *,
    lights: Lights | None = STUDIO,
    shadows: Sequence[Shadow | None] = (),
    samples: int = 1,
    near: float = NEAR,
    centres: bool = False,
) -> Scene:
    """Make a scene ready; the arguments are those of `mien.render.raster.render`.

    Args:
        meshes, K, size, shadows, samples, near: see there.
        lights: None if no colour is wanted.
        centres: whether the centres of pixels matter, not only their samples; with 1 sample they are the same.

    Raises:
        InputError: a mesh, K, a shadow or `samples` is wrong; the message says which.
    """
    packed = meshes if isinstance(meshes, Packed) else pack(meshes)
    camera = camera_rows(K, samples, near)
    suns = gather(lights, shadows, camera)
    packed, points, lit = project(packed, camera, near, lights, suns)
    binned = bin_all(packed, points, size, samples, centres=centres and samples > 1)
    K = np.asarray(K, dtype=np.float64)
    return Scene(packed=packed, K=K, size=size, samples=samples, points=points, lit=lit, suns=suns, binned=binned)


def project(
    packed: Packed, camera: Float64[np.ndarray, "6"], near: float, lights: Lights | None, suns: Suns
) -> tuple[Packed, Float32[np.ndarray, "vert 3"], Float32[np.ndarray, "vert channel"]]:
    """Positions in samples and colours with light; faces that cross the near plane become pieces."""
    from mien.render.kernels import prepare_vertices
    from mien.render.triangles import GROUPS

    shape = (GROUPS, len(packed.vertices), 3) if lights is not None else (0, 0, 0)
    points, normals = np.empty_like(packed.vertices), np.zeros(shape, dtype=np.float32)
    lit = packed.colours
    if lights is not None:
        lit = np.empty((len(packed.vertices), 3 + 3 * len(suns.table)), dtype=np.float32)
        for channel in range(3):  # numpy is slow at copying three numbers a time
            lit[:, channel] = packed.colours[:, channel]
    shine = lights or STUDIO
    light = suns.others, suns.table, shine.ambient.astype(np.float32), np.float32(shine.wrap), np.float32(shine.gloss)
    flagged = prepare_vertices(packed.vertices, packed.faces, packed.parts, camera, near, *light, normals, points, lit)
    if not flagged.any():
        return packed, points, lit
    return cut_pieces(packed, points, lit, camera, near, flagged.max(1) > 0)


def bin_all(
    packed: Packed,
    points: Float32[np.ndarray, "vert 3"],
    size: tuple[int, int],
    samples: int,
    *,
    centres: bool = False,
) -> tuple[Int32[np.ndarray, "record 5"], Int32[np.ndarray, "entry"], Int64[np.ndarray, "tile_plus_one"]]:
    """The triangles that may be seen at samples, or at pixels' centres too, and which of them each tile has."""
    from mien.render.kernels import bin_triangles

    return bin_triangles(points, packed.faces, packed.parts, samples * size[0], samples * size[1], int(centres), CHUNKS)


def camera_rows(K: np.ndarray, samples: int, near: float) -> Float64[np.ndarray, "6"]:
    """The first two rows of K, in samples: sample k of a pixel's n lies at (k + 0.5) / n - 0.5 of it."""
    K = np.asarray(K, dtype=np.float64)
    good = K.shape == (3, 3) and np.isfinite(K).all() and K[0, 0] > 0 and K[1, 1] > 0
    if not good or K[1, 0] != 0 or not np.array_equal(K[2], [0, 0, 1]):
        raise InputError(
            f"K is {K.tolist()}", expected="[[fx, s, cx], [0, fy, cy], [0, 0, 1]], fx and fy > 0, in pixels"
        )
    if samples not in (1, 2):
        raise InputError(f"{samples} samples along a pixel", expected="1 or 2")
    if not near > 0:
        raise InputError(f"near is {near}", expected="more than 0 metres")
    rows = K[:2] * samples
    rows[:, 2] += (samples - 1) / 2
    return rows.reshape(6)
