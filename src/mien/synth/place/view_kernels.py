"""What of things the view shows, and where; compiled."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

__all__ = ["NEAR", "move", "outside", "project_box", "project_glow", "shows_box", "through", "within_hull"]

_FAR = 30_000.0
"""Pixels: beyond, OpenCV's fixed-point coordinates end."""
NEAR = 0.05
"""Metres: what is nearer to the camera is not drawn."""


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def through(p, x, y, z):
    """A point through a (3 4) matrix."""
    return (
        p[0, 0] * x + p[0, 1] * y + p[0, 2] * z + p[0, 3],
        p[1, 0] * x + p[1, 1] * y + p[1, 2] * z + p[1, 3],
        p[2, 0] * x + p[2, 1] * y + p[2, 2] * z + p[2, 3],
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def outside(x, y, z, width, height):
    """Bits for the sides of the picture beyond which a point (x, y, z in pixels times depth) lies."""
    bits = 0
    if x < -z:
        bits |= 1
    if x > width * z:
        bits |= 2
    if y < -z:
        bits |= 4
    if y > height * z:
        bits |= 8
    if z < NEAR:
        bits |= 16
    return bits


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def move(world, starts, camera, projection, width, height, seen):
    """Into the camera's frame; for each mesh the sides of the picture beyond which all of it lies.

    Args:
        world: (vert 3), mesh after mesh.
        starts: first vertex of each, and the end.
        camera, projection: (3 4).
        width, height: of the picture.
        seen: filled.
    """
    out = np.zeros(len(starts) - 1, dtype=np.uint8)
    for m in range(len(starts) - 1):
        bits = 31
        for i in range(starts[m], starts[m + 1]):
            x, y, z = np.float64(world[i, 0]), np.float64(world[i, 1]), np.float64(world[i, 2])
            for c in range(3):
                seen[i, c] = camera[c, 0] * x + camera[c, 1] * y + camera[c, 2] * z + camera[c, 3]
            if bits:
                u, v, w = through(projection, x, y, z)
                bits &= outside(u, v, w, width, height)
        out[m] = bits
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def shows_box(low, high, projection, width, height):
    """Whether some of a box along the axes may be in the picture."""
    bits = 31
    for k in range(8):
        x, y, z = (low[0], high[0])[k & 1], (low[1], high[1])[(k >> 1) & 1], (low[2], high[2])[k >> 2]
        u, v, w = through(projection, x, y, z)
        bits &= outside(u, v, w, width, height)
    return bits == 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def project_box(x, z, half_x, half_z, low, high, turn, projection, pixels):
    """Corners (8 2) in pixels of an upright box that is turned; its nearest and farthest depth."""
    c, s, nearest, farthest = math.cos(turn), math.sin(turn), 1e30, -1e30
    for k in range(8):
        a, y, b = half_x * (2 * (k & 1) - 1), (low, high)[(k >> 1) & 1], half_z * (2 * (k >> 2) - 1)
        px, pz = x + c * a + s * b, z - s * a + c * b
        pixels[k, 0], pixels[k, 1], w = through(projection, px, y, pz)
        nearest, farthest = min(nearest, w), max(farthest, w)
        if w > NEAR:
            pixels[k, 0] /= w
            pixels[k, 1] /= w
    return nearest, farthest


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def within_hull(corners, points, covered):
    """Mark the points that lie in the convex hull of a few corners."""
    start = 0
    for k in range(len(corners)):
        if corners[k, 0] < corners[start, 0]:
            start = k
    inside = np.ones(len(points), dtype=np.bool_)
    here, steps = start, 0
    while steps <= len(corners):
        after = 0 if here != 0 else 1
        for k in range(len(corners)):
            ax, ay = corners[after, 0] - corners[here, 0], corners[after, 1] - corners[here, 1]
            bx, by = corners[k, 0] - corners[here, 0], corners[k, 1] - corners[here, 1]
            side = ax * by - ay * bx
            if side < 0 or (side == 0 and bx * bx + by * by > ax * ax + ay * ay):
                after = k
        ax, ay = corners[after, 0] - corners[here, 0], corners[after, 1] - corners[here, 1]
        for i in range(len(points)):
            if ax * (points[i, 1] - corners[here, 1]) - ay * (points[i, 0] - corners[here, 0]) < 0:
                inside[i] = False
        here, steps = after, steps + 1
        if here == start:
            break
    for i in range(len(points)):
        covered[i] = covered[i] or inside[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def project_glow(corners, projection, width, height, pixels):
    """Rectangles (quad 4 3) in 1/16 pixel. For each: 0 out of sight, 1 in sight, 2 cut by the near plane."""
    found = np.zeros(len(corners), dtype=np.int8)
    for n in range(len(corners)):
        bits, near = 31, 0
        for k in range(4):
            x, y, z = corners[n, k, 0], corners[n, k, 1], corners[n, k, 2]
            u, v, w = through(projection, x, y, z)
            bits &= outside(u, v, w, width, height)
            if w < NEAR:
                near += 1
            else:
                pixels[n, k, 0] = int(np.rint(16 * min(max(u / w, -_FAR), _FAR)))
                pixels[n, k, 1] = int(np.rint(16 * min(max(v / w, -_FAR), _FAR)))
        found[n] = 0 if bits else (2 if near else 1)
    return found
