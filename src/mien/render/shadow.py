"""Shadow maps: what a directional light sees of some meshes, so that they can take its light away from others.

    sun = cast(people, lights.direction[0])
    paint(picture, [floor, *people], K, lights=lights, shadows=[sun, None, None])

A map covers just what casts: places beside it are lit, so a large floor need not be among the casters. Coarse maps
give soft shadows, fine ones sharp ones, and both are smooth; what is thinner than a texel or two may be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from mien.errors import InputError
from mien.render.mesh import Mesh, Packed, pack
from mien.render.shade import Lights

__all__ = ["MAX_SIZE", "Shadow", "Suns", "cast", "gather"]

MAX_SIZE = 8192
"""Texels along the longer side of a map."""
_MARGIN = 3
"""Texels around what casts, so that its shadow's edge is whole."""
_SLOPE, _MOST, _ALWAYS = 1.25, 12.0, 0.5
"""Texels by which surfaces are lowered in a map: times their slope, but at most so many, and always so many."""
_CHUNKS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Shadow:
    """What a directional light sees."""

    nearness: Float32[np.ndarray, "h w"]
    """Metres towards the light at which the first surface lies at each texel's centre; -inf where there is none."""
    map_from_camera: Float64[np.ndarray, "3 4"]
    """From the camera frame (metres): columns and rows (texel centres at integers), and metres towards the light."""
    texel: float
    """Metres."""

    @property
    def direction(self) -> Float64[np.ndarray, "3"]:
        """Towards the light, in the camera frame; a unit vector."""
        return self.map_from_camera[2, :3]


@dataclass(frozen=True, kw_only=True)
class Suns:
    """The lights that have shadows, as the kernels read them: see `mien.render.shadow_kernels`."""

    others: Float32[np.ndarray, "light 6"]
    """The lights that have none."""
    table: Float32[np.ndarray, "sun 6"]
    places: Float32[np.ndarray, "sun 12"]
    maps: Int64[np.ndarray, "sun 3"]
    nearness: Float32[np.ndarray, "all_texel"]


def cast(
    meshes: Sequence[Mesh] | Packed,
    direction: Float[np.ndarray, "3"],
    *,
    size: int = 512,
    around: Float[np.ndarray, "point 3"] | None = None,
) -> Shadow:
    """What a light sees of meshes, wherever they are: beside and behind the camera, too. All cast, glass as well.

    Args:
        meshes: in the camera frame; or some that are packed, see `Packed.shapes`.
        direction: towards the light, in the camera frame; any length.
        size: texels along the longer side; the shorter side has what it needs.
        around: points in the camera frame beyond which no shadow is wanted; by default all vertices.

    Raises:
        InputError: a mesh, the direction or the size is wrong; or a mesh reaches thousands of times farther than
            `around` does.
    """
    from mien.render.kernels import bin_triangles, fill_map
    from mien.render.shadow_kernels import project_along, span
    from mien.render.triangles import GUARD

    if not 8 <= size <= MAX_SIZE:
        raise InputError(f"a shadow map of {size} texels", expected=f"8 to {MAX_SIZE}")
    if around is not None and not np.isfinite(around).all():
        raise InputError("points around a shadow that are no numbers", expected="metres, in the camera frame")
    axes = _axes(direction)
    packed = meshes if isinstance(meshes, Packed) else pack([_bare(mesh) for mesh in meshes])
    if not len(packed.vertices) or (around is not None and not len(around)):
        rows = np.concatenate([axes, np.zeros((3, 1))], 1)
        return Shadow(nearness=np.full((1, 1), -np.inf, dtype=np.float32), map_from_camera=rows, texel=1.0)
    reach = span(packed.vertices, axes)
    low, high = reach if around is None else span(around, axes)
    texel = max(float((high - low)[:2].max()), 1e-3) / (size - 1 - 2 * _MARGIN)
    width, height = (np.ceil((high - low)[:2] / texel - 1e-6).astype(int) + 1 + 2 * _MARGIN).tolist()
    shift = np.array([_MARGIN - low[0] / texel, _MARGIN - low[1] / texel, 1 + (_MOST + _ALWAYS) * texel - reach[0][2]])
    rows = np.concatenate([axes / np.array([[texel], [texel], [1]]), shift[:, None]], 1)
    if max(np.abs(end[:2] / texel + shift[:2]).max() for end in reach) > GUARD:
        raise InputError(
            f"a mesh reaches farther than {GUARD * texel:.0f} m from its shadow map",
            expected=f"at most {GUARD:.0f} texels of {1e3 * texel:.2g} mm",
            todo="leave it out: it need not cast to be shaded",
        )
    points, nearness = np.empty_like(packed.vertices), np.full((height, width), -np.inf, dtype=np.float32)
    project_along(packed.vertices, rows, points)
    lower = np.array([_SLOPE, _MOST * texel, _ALWAYS * texel], dtype=np.float32)
    fill_map(points, bin_triangles(points, packed.faces, packed.parts, height, width, 0, _CHUNKS), lower, nearness)
    return Shadow(nearness=nearness, map_from_camera=rows, texel=texel)


_NO_SUNS = {
    "table": np.zeros((0, 6), dtype=np.float32),
    "places": np.zeros((0, 12), dtype=np.float32),
    "maps": np.zeros((0, 3), dtype=np.int64),
    "nearness": np.zeros(0, dtype=np.float32),
}


def _bare(mesh: Mesh) -> Mesh:
    return Mesh(vertices=mesh.vertices, faces=mesh.faces, two_sided=mesh.two_sided)


def _axes(direction: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """The map's right and down, and towards the light: people who stand upright stand so in the map."""
    length = float(np.linalg.norm(direction))
    if not (np.isfinite(length) and length > 0):
        raise InputError("a light has no direction", expected="a vector that is not zero, towards the light")
    toward = np.asarray(direction, dtype=np.float64) / length
    down = np.array([0.0, 1, 0]) if abs(toward[1]) < 0.95 else np.array([0.0, 0, -1])
    right = np.cross(toward, down)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, toward), toward])


def gather(lights: Lights | None, shadows: Sequence[Shadow | None], camera: Float64[np.ndarray, "6"]) -> Suns:
    """Lights with and without shadows, apart.

    Args:
        lights: None counts as none.
        shadows: one for each light, or none at all.
        camera: first two rows of K, in samples.

    Raises:
        InputError: there are more or fewer shadows than lights, or one was cast by a light from elsewhere.
    """
    table = lights.table() if lights is not None else np.zeros((0, 6), dtype=np.float32)
    if len(shadows) not in (0, len(table)):
        raise InputError(f"{len(shadows)} shadows for {len(table)} lights", expected="one for each light, or None")
    if not any(shadow is not None for shadow in shadows):
        return Suns(others=table, **_NO_SUNS)
    pairs = [(row, shadow) for row, shadow in zip(table, shadows, strict=False) if shadow is not None]
    rays = np.linalg.inv(np.concatenate([camera.reshape(2, 3), [[0, 0, 1]]]))
    suns, places, maps, start = [], [], [], 0
    for row, shadow in pairs:
        matrix, shift = shadow.map_from_camera[:, :3], shadow.map_from_camera[:, 3:]
        if row[:3] @ shadow.direction < 1 - 1e-4:
            found = f"a shadow cast from {shadow.direction.round(3).tolist()} for a light from {row[:3].tolist()}"
            raise InputError(found, expected="the same direction", todo="cast it from this light's direction")
        suns.append(row)
        places.append(np.concatenate([matrix @ rays, shift], 1).reshape(12))
        maps.append((start, *shadow.nearness.shape))
        start += shadow.nearness.size
    alone = [row for row, shadow in zip(table, shadows or [None] * len(table), strict=True) if shadow is None]
    flat = [shadow.nearness.reshape(-1) for _, shadow in pairs]
    return Suns(
        others=np.array(alone, dtype=np.float32).reshape(-1, 6),
        table=np.array(suns, dtype=np.float32).reshape(-1, 6),
        places=np.array(places, dtype=np.float32).reshape(-1, 12),
        maps=np.array(maps, dtype=np.int64).reshape(-1, 3),
        nearness=flat[0] if len(flat) == 1 else np.concatenate([np.zeros(0, dtype=np.float32), *flat]),
    )
