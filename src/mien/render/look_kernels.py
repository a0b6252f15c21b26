"""What a few pixels show, compiled: only triangles that reach one of them are filled."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mien.render.triangles import SHIFT, SUB, SUB_BITS, TILE, fill_tile

__all__ = ["look"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def look(points, binned, width, samples, rows, columns, order, nearness, seen):
    """The nearest triangle at the centres of some pixels, as `draw_tiles` finds it for all.

    Args:
        points, binned, samples: see `mien.render.kernels.draw_tiles`.
        width: in samples.
        rows, columns: of the pixels, int64.
        order: of the pixels, so that those of a tile come one after another.
        nearness, seen: 1/z and a row of the records, for each pixel; 1/z is 0 where there is none.
    """
    records, listed, starts = binned
    side, bits, tiles_x = TILE // samples, SUB_BITS + samples - 1, (width + TILE - 1) // TILE
    shift, middle = SHIFT - samples + 1, (samples - 1) * (SUB // 2)
    first = 0
    while first < order.shape[0]:
        top, left = rows[order[first]] >> shift, columns[order[first]] >> shift
        wanted, last = np.zeros(side, dtype=np.uint64), first
        while last < order.shape[0]:
            row, column = rows[order[last]] - (top << shift), columns[order[last]] - (left << shift)
            if row < 0 or row >= side or column < 0 or column >= side:
                break
            wanted[row] |= np.uint64(1) << np.uint64(column)
            last += 1
        tile, x, y = top * tiles_x + left, left * (TILE * SUB) + middle, top * (TILE * SUB) + middle
        here = _reaching(points, records, listed[starts[tile] : starts[tile + 1]], x, y, bits, wanted)
        depth, found = np.zeros((side, side), dtype=np.float32), np.zeros((side, side), dtype=np.int32)
        fill_tile(points, records, here, x, y, bits, depth, found)
        for k in range(first, last):
            row, column = rows[order[k]] - (top << shift), columns[order[k]] - (left << shift)
            nearness[order[k]], seen[order[k]] = depth[row, column], found[row, column]
        first = last


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _reaching(points, records, listed, left, top, bits, wanted):
    """Those of the triangles whose boxes hold a wanted place of a tile's grid: a bit for each column of each row."""
    found, count, last = np.empty_like(listed), np.uint64(0), (wanted.shape[0] - 1) << bits
    for r in listed:
        k = np.uint64(r)
        a, b, c = np.uint64(records[k, 0]), np.uint64(records[k, 1]), np.uint64(records[k, 2])
        x0, x1, x2 = np.int64(points[a, 0]) - left, np.int64(points[b, 0]) - left, np.int64(points[c, 0]) - left
        y0, y1, y2 = np.int64(points[a, 1]) - top, np.int64(points[b, 1]) - top, np.int64(points[c, 1]) - top
        xa, xb = -(-max(min(x0, x1, x2), 0) >> bits), min(max(x0, x1, x2), last) >> bits
        ya, yb = -(-max(min(y0, y1, y2), 0) >> bits), min(max(y0, y1, y2), last) >> bits
        if xa > xb:
            continue
        span = (~np.uint64(0) >> np.uint64(63 - (xb - xa))) << np.uint64(xa)
        for y in range(ya, yb + 1):
            if wanted[np.uint64(y)] & span:
                found[count] = r
                count += np.uint64(1)
                break
    return found[:count]
