"""Shadows, compiled: what each light with a shadow map gives a vertex, and how much of it reaches a pixel.

A map holds, at each of its texels, how far towards the light the first surface lies (`nearness`). A pixel's place in
the camera frame is taken into the map and compared with 3 x 3 texels, weighted by a smooth bump (a quadratic B-spline).
So that no surface shadows itself, maps are drawn lower by what a surface falls within that bump.

`lit` (vert 3 + 3 sun) float32 carries, after the light that reaches a vertex in any case, what each such light gives
it (0..255). `suns` of a tile: `places` (sun 12) float32: from a sample (x, y) that is z metres away, the column in the
map is z * (p0 * x + p1 * y + p2) + p3, the next four are for the row and the last for the nearness; `table` (sun 3)
int64: start in `nearness`, height and width; `nearness` float32, all maps one after another.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mien.render.triangles import SUB, SUB_BITS, TILE, edges_of

__all__ = ["add_suns", "fill_low", "project_along", "shade_sample", "shade_tile", "span"]

_FAST = {"contract", "nsz", "reassoc"}
_EXACT = {"contract", "nsz"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def span(points, axes):
    """Lowest and highest places of the points (point 3) along three axes (3 3)."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for i in range(points.shape[0]):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        for k in range(3):
            along = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
            low[k], high[k] = min(low[k], along), max(high[k], along)
    return low, high


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def project_along(vertices, rows, points):
    """Project in parallel: `rows` (3 4) give columns and rows of a map, and metres towards the light."""
    for i in range(vertices.shape[0]):
        x, y, z = np.float64(vertices[i, 0]), np.float64(vertices[i, 1]), np.float64(vertices[i, 2])
        points[i, 0] = np.rint((rows[0, 0] * x + rows[0, 1] * y + rows[0, 2] * z + rows[0, 3]) * SUB)
        points[i, 1] = np.rint((rows[1, 0] * x + rows[1, 1] * y + rows[1, 2] * z + rows[1, 3]) * SUB)
        points[i, 2] = rows[2, 0] * x + rows[2, 1] * y + rows[2, 2] * z + rows[2, 3]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_EXACT)
@no_type_check
def fill_low(points, records, listed, left, top, lower, depth):
    """The nearest triangle of every texel of a tile of a map, as `fill_tile` finds it, but a little lower.

    Triangles lie lower by what they fall over `lower[0]` texels across and down, but at most by `lower[1]` metres; and
    by `lower[2]` anyway.
    """
    for r in listed:
        a, b, c, x0, y0, x1, y1, x2, y2, area, xa, xb, ya, yb = edges_of(
            points, records, r, left, top, SUB_BITS, depth.shape[0]
        )
        dx0, dy0, dx1, dy1, dx2, dy2 = x2 - x1, y2 - y1, x0 - x2, y0 - y2, x1 - x0, y1 - y0
        near0, scale = points[a, 2], np.float32(1 / area)
        slope1, slope2 = (points[b, 2] - near0) * scale, (points[c, 2] - near0) * scale
        across, down = (
            np.float32(dy1) * slope1 + np.float32(dy2) * slope2,
            np.float32(dx1) * slope1 + np.float32(dx2) * slope2,
        )
        near0 -= min(lower[0] * np.float32(SUB) * (abs(across) + abs(down)), lower[1]) + lower[2]
        px, count = np.float64(xa << (SUB_BITS + 3)), (xb - xa + 1) * 8
        for y in range(ya, yb + 1):
            py, row, column = np.float64(y << SUB_BITS), np.uint64(y), np.uint64(xa * 8)
            row0 = dx0 * (py - y1) - dy0 * (px - x1)
            row1 = dx1 * (py - y2) - dy1 * (px - x2)
            row2 = dx2 * (py - y0) - dy2 * (px - x0)
            for i in range(count):
                x, step = column + np.uint64(i), np.float64(i << SUB_BITS)
                e0, e1, e2 = row0 - dy0 * step, row1 - dy1 * step, row2 - dy2 * step
                near = near0 + np.float32(e1) * slope1 + np.float32(e2) * slope2
                before = depth[row, x]
                here = (e0 >= 0) & (e1 >= 0) & (e2 >= 0) & (near > before)
                depth[row, x] = near if here else before


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
@no_type_check
def _share(nearness, start, height, width, column, row, near):
    """How much of the light, 0..1, passes what lies before the place (column, row) of a map; 1 beside the map."""
    one, half, zero, next1, next2 = np.float32(1), np.float32(0.5), np.float32(0), np.uint64(1), np.uint64(2)
    x, y = column - one, row - one
    if not ((x >= 0) & (y >= 0) & (x < np.float32(width - 3)) & (y < np.float32(height - 3))):
        return one
    i, j = np.int32(x + half), np.int32(y + half)
    x, y = x - np.float32(i), y - np.float32(j)
    x0, x2 = half * (half - x) * (half - x), half * (half + x) * (half + x)
    y0, y2 = half * (half - y) * (half - y), half * (half + y) * (half + y)
    x1, y1, k = one - x0 - x2, one - y0 - y2, np.uint64(start + j * width + i)
    first = (x0 if nearness[k] <= near else zero) + (x1 if nearness[k + next1] <= near else zero)
    first += x2 if nearness[k + next2] <= near else zero
    k += np.uint64(width)
    second = (x0 if nearness[k] <= near else zero) + (x1 if nearness[k + next1] <= near else zero)
    second += x2 if nearness[k + next2] <= near else zero
    k += np.uint64(width)
    third = (x0 if nearness[k] <= near else zero) + (x1 if nearness[k + next1] <= near else zero)
    third += x2 if nearness[k + next2] <= near else zero
    return y0 * first + y1 * second + y2 * third


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _distances(depth, samples, distance):
    """Metres to the middle of each pixel of a tile."""
    for j in range(distance.shape[0]):
        for i in range(distance.shape[1]):
            if samples == 1:
                distance[j, i] = np.float32(1) / depth[j, i]
            else:
                x0, y0, x1, y1 = np.uint64(2 * i), np.uint64(2 * j), np.uint64(2 * i + 1), np.uint64(2 * j + 1)
                distance[j, i] = np.float32(4) / (depth[y0, x0] + depth[y0, x1] + depth[y1, x0] + depth[y1, x1])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def shade_tile(depth, samples, left, top, suns):
    """How much of each light reaches the middle of each pixel of a tile: (sun pixel pixel), 1 beside maps.

    Step by step over whole tiles, so that most of it is done for several pixels at once.
    """
    places, table, nearness = suns
    side = TILE // samples
    distance, centre, step = np.empty((side, side), np.float32), np.float32(0.5 * (samples - 1)), np.float32(samples)
    column, row, near = np.empty_like(distance), np.empty_like(distance), np.empty_like(distance)
    shares, x0 = np.empty((places.shape[0], side, side), np.float32), np.float32(left * samples) + centre
    _distances(depth, samples, distance)
    for s in range(places.shape[0]):
        p0, p1, p2, p3 = places[s, 0], places[s, 1], places[s, 2], places[s, 3]
        q0, q1, q2, q3 = places[s, 4], places[s, 5], places[s, 6], places[s, 7]
        r0, r1, r2, r3 = places[s, 8], places[s, 9], places[s, 10], places[s, 11]
        for j in range(side):
            y = np.float32((top + j) * samples) + centre
            p, q, r = p0 * x0 + p1 * y + p2, q0 * x0 + q1 * y + q2, r0 * x0 + r1 * y + r2
            for i in range(side):
                x, z = np.float32(i) * step, distance[j, i]
                column[j, i] = z * (p0 * x + p) + p3
                row[j, i] = z * (q0 * x + q) + q3
                near[j, i] = z * (r0 * x + r) + r3
        start, height, width = table[s, 0], table[s, 1], table[s, 2]
        for j in range(side):
            for i in range(side):
                shares[s, j, i] = _share(nearness, start, height, width, column[j, i], row[j, i], near[j, i])
    return shares


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
@no_type_check
def shade_sample(suns, column, row, away, shares, j, i):
    """How much of each light reaches one sample, where 1/z is `away`, into pixel (i, j) of `shares`."""
    places, table, nearness = suns
    x, y, z = np.float32(column), np.float32(row), np.float32(1) / away
    for s in range(places.shape[0]):
        u = z * (places[s, 0] * x + places[s, 1] * y + places[s, 2]) + places[s, 3]
        v = z * (places[s, 4] * x + places[s, 5] * y + places[s, 6]) + places[s, 7]
        near = z * (places[s, 8] * x + places[s, 9] * y + places[s, 10]) + places[s, 11]
        shares[s, j, i] = _share(nearness, table[s, 0], table[s, 1], table[s, 2], u, v, near)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
@no_type_check
def add_suns(lit, records, record, u, v, w, shares, j, i):
    """What all lights with shadows give a sample of pixel (i, j): u, v, w weigh the record's corners."""
    a, b, c = np.uint64(records[record, 0]), np.uint64(records[record, 1]), np.uint64(records[record, 2])
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for s in range(shares.shape[0]):
        k, share = np.uint64(3 + 3 * s), shares[s, j, i]
        red += share * (u * lit[a, k] + v * lit[b, k] + w * lit[c, k])
        k += np.uint64(1)
        green += share * (u * lit[a, k] + v * lit[b, k] + w * lit[c, k])
        k += np.uint64(1)
        blue += share * (u * lit[a, k] + v * lit[b, k] + w * lit[c, k])
    return red, green, blue
