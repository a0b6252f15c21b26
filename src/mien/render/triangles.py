"""Triangles, compiled: projection, culling, lists of triangles for each tile, and the z-buffer of a tile.

Projected positions are rounded to 1/256 of a sample, and edges are tested in whole numbers with the top-left rule. So
two triangles that share an edge never both cover a sample of it and never leave one out, at any scale. Samples lie in
square tiles: each tile knows its triangles in the order of the meshes, keeps its depths in the nearest cache, and is
drawn by one thread. What a tile holds therefore depends neither on the number of threads nor on their timing.

Numbers of vertices and the like are made unsigned before they count places in arrays: for signed ones numba looks each
time whether they count from the end.

Arrays (float32 and int32 unless said): `vertices` (vert 3) metres, all meshes one after another; `faces` (face 3),
corners counted within a mesh; `parts` (part 9) int64, see below; `points` (vert 3): x and y in 1/256 of a sample, and
1/z (0 where the vertex cannot be projected); `lit` (vert 3): colour with light, 0..255; `records` (face 5): three
corners, part and face of every triangle that may be seen.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

__all__ = ["cull", "edges_of", "fill_tile", "list_triangles", "meet", "project", "start_lists", "write_tile"]

TILE = 64
"""Samples along a tile's side: its depths and triangles take 32 kB."""
SHIFT = 6
SUB_BITS = 8
SUB = 1 << SUB_BITS
GROUPS = 4
"""Partial sums of vertex normals. Fixed, so that their rounding is the same for any number of threads."""
GUARD = float(1 << 17)
"""Samples: what lies farther out is clipped, so that twice a triangle's area is below 2**53 and hence exact."""

FIRST_VERTEX, NUM_VERTICES, FIRST_FACE, NUM_FACES, MESH, FIRST_UV, TEXTURE, TWO_SIDED, FIRST_ORIGIN = range(9)
"""Columns of `parts`: a part is a mesh, or the pieces of a mesh that were cut at the near plane.

TEXTURE is -1 for none. FIRST_ORIGIN is -1 for a mesh; for pieces, where `origin` says which faces they are cut from.
"""

_FAST = {"contract", "nsz", "reassoc"}
_EXACT = {"contract", "nsz"}
"""Sums in the order in which they are written: in another they could pass 2**53."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def project(vertices, first, last, camera, near, points):
    """K is given by its first two rows."""
    flagged = 0
    for i in range(np.uint64(first), np.uint64(last)):
        x, y, z = np.float64(vertices[i, 0]), np.float64(vertices[i, 1]), np.float64(vertices[i, 2])
        points[i, 0], points[i, 1], points[i, 2] = 0, 0, 0
        if z < near:
            flagged += 1
            continue
        inverse = 1 / z
        u = (camera[0] * x + camera[1] * y) * inverse + camera[2]
        v = (camera[3] * x + camera[4] * y) * inverse + camera[5]
        if abs(u) > GUARD or abs(v) > GUARD:
            flagged += 1
            continue
        points[i, 0], points[i, 1], points[i, 2] = np.rint(u * SUB), np.rint(v * SUB), inverse
    return flagged


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def cull(points, faces, parts, starts, low, high, width, height, tiles_x, centres, records, boxes, counts):
    """Record the triangles `low..high` (counted over all parts) that face the camera and reach a sample.

    With `centres` also those that reach a place half-way between samples. Each triangle is written where the next one
    kept is to be, and stays if it is one: a processor cannot guess which are, and to guess wrong costs more.
    """
    kept, bits, shift_to_tile = np.uint64(low), SUB_BITS - centres, SHIFT + centres
    last_x, last_y = (width - 1) << centres, (height - 1) << centres
    for part in range(parts.shape[0]):
        offset, both = parts[part, FIRST_VERTEX], parts[part, TWO_SIDED] != 0
        shift = parts[part, FIRST_FACE] - starts[part]
        for t in range(max(low, starts[part]), min(high, starts[part + 1])):
            f = np.uint64(t + shift)
            a, b, c = np.uint64(faces[f, 0] + offset), np.uint64(faces[f, 1] + offset), np.uint64(faces[f, 2] + offset)
            x0, y0 = np.int64(points[a, 0]), np.int64(points[a, 1])
            x1, y1 = np.int64(points[b, 0]), np.int64(points[b, 1])
            x2, y2 = np.int64(points[c, 0]), np.int64(points[c, 1])
            area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
            left, right = max(0, -(-min(x0, x1, x2) >> bits)), min(last_x, max(x0, x1, x2) >> bits)
            top, bottom = max(0, -(-min(y0, y1, y2) >> bits)), min(last_y, max(y0, y1, y2) >> bits)
            records[kept, 0], records[kept, 1], records[kept, 2] = a, b, c
            records[kept, 3], records[kept, 4] = part, t - starts[part]
            boxes[kept, 0], boxes[kept, 1] = left >> shift_to_tile, right >> shift_to_tile
            boxes[kept, 2], boxes[kept, 3] = top >> shift_to_tile, bottom >> shift_to_tile
            projected = (points[a, 2] != 0) & (points[b, 2] != 0) & (points[c, 2] != 0)
            kept += np.uint64(projected & ((area < 0) | ((area > 0) & both)) & (left <= right) & (top <= bottom))
    for k in range(np.uint64(low), kept):
        for row in range(boxes[k, 2], boxes[k, 3] + 1):
            for column in range(boxes[k, 0], boxes[k, 1] + 1):
                counts[np.uint64(row * tiles_x + column)] += 1
    return kept


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def start_lists(counts):
    """Turn `counts` (chunk tile) into the places where each chunk lists its triangles of each tile, chunks in order.

    Returns:
        The place of each tile's list, and the end as last.
    """
    chunks, tiles = counts.shape
    starts, place = np.zeros(tiles + 1, dtype=np.int64), 0
    for tile in range(tiles):
        for chunk in range(chunks):
            here = counts[chunk, tile]
            counts[chunk, tile] = place
            place += here
        starts[tile + 1] = place
    return starts


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def list_triangles(boxes, low, high, tiles_x, places, listed):
    """Write the records `low..high` into the lists of all tiles that they touch; `places` moves on."""
    for k in range(np.uint64(low), np.uint64(high)):
        for row in range(boxes[k, 2], boxes[k, 3] + 1):
            for column in range(boxes[k, 0], boxes[k, 1] + 1):
                tile = np.uint64(row * tiles_x + column)
                listed[np.uint64(places[tile])] = k
                places[tile] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_EXACT, inline="always")
@no_type_check
def edges_of(points, records, r, left, top, bits, side):
    """A triangle over a tile's grid of places: the first is (left, top), in 1/256 of a sample, the next 2**bits on.

    Returns:
        The corners; their x and y from (left, top), turned counter-clockwise; twice the area; and the first and last
        of the blocks of eight columns, and of the rows, that the triangle may reach: none if the first is beyond.
    """
    k = np.uint64(r)
    a, b, c = np.uint64(records[k, 0]), np.uint64(records[k, 1]), np.uint64(records[k, 2])
    x0, y0 = np.float64(points[a, 0]) - left, np.float64(points[a, 1]) - top
    x1, y1 = np.float64(points[b, 0]) - left, np.float64(points[b, 1]) - top
    x2, y2 = np.float64(points[c, 0]) - left, np.float64(points[c, 1]) - top
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    if area < 0:
        x1, y1, x2, y2, b, c, area = x2, y2, x1, y1, c, b, -area
    last = np.float64((side - 1) << bits)
    xa, xb = -(-np.int64(max(min(x0, x1, x2), 0.0)) >> bits), np.int64(min(max(x0, x1, x2), last)) >> bits
    ya, yb = -(-np.int64(max(min(y0, y1, y2), 0.0)) >> bits), np.int64(min(max(y0, y1, y2), last)) >> bits
    if xa > xb:
        ya, yb = 1, 0
    return a, b, c, x0, y0, x1, y1, x2, y2, area, xa >> 3, xb >> 3, ya, yb


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_EXACT)
@no_type_check
def fill_tile(points, records, listed, left, top, bits, depth, seen):
    """The nearest triangle at each place of a tile's grid: `depth` (zeros at first) is 1/z, `seen` a row of `records`.

    The grid starts at (left, top), in 1/256 of a sample, with steps of 2**bits. Edges are whole numbers below 2**53 in
    double precision, hence exact; eight places are tested side by side.
    """
    for r in listed:
        a, b, c, x0, y0, x1, y1, x2, y2, area, xa, xb, ya, yb = edges_of(
            points, records, r, left, top, bits, depth.shape[0]
        )
        dx0, dy0, dx1, dy1, dx2, dy2 = x2 - x1, y2 - y1, x0 - x2, y0 - y2, x1 - x0, y1 - y0
        bias0 = 0.0 if dy0 < 0 or (dy0 == 0 and dx0 > 0) else 1.0
        bias1 = 0.0 if dy1 < 0 or (dy1 == 0 and dx1 > 0) else 1.0
        bias2 = 0.0 if dy2 < 0 or (dy2 == 0 and dx2 > 0) else 1.0
        near0, scale = points[a, 2], np.float32(1 / area)
        slope1, slope2 = (points[b, 2] - near0) * scale, (points[c, 2] - near0) * scale
        px, count = np.float64(xa << (bits + 3)), (xb - xa + 1) * 8
        for y in range(ya, yb + 1):
            py, row, column = np.float64(y << bits), np.uint64(y), np.uint64(xa * 8)
            row0 = dx0 * (py - y1) - dy0 * (px - x1) - bias0
            row1 = dx1 * (py - y2) - dy1 * (px - x2) - bias1
            row2 = dx2 * (py - y0) - dy2 * (px - x0) - bias2
            for i in range(count):
                x, step = column + np.uint64(i), np.float64(i << bits)
                e0, e1, e2 = row0 - dy0 * step, row1 - dy1 * step, row2 - dy2 * step
                near = near0 + np.float32(e1 + bias1) * slope1 + np.float32(e2 + bias2) * slope2
                before = depth[row, x]
                here = (e0 >= 0) & (e1 >= 0) & (e2 >= 0) & (near > before)
                depth[row, x] = near if here else before
                seen[row, x] = r if here else seen[row, x]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def write_tile(records, parts, origin, left, top, depth, seen, out_depth, out_mesh, out_face):
    """Copy what is nearest at the centres of a tile's pixels into the maps; the first pixel is (left, top)."""
    side = depth.shape[0]
    for y in range(min(side, out_depth.shape[0] - top)):
        for x in range(min(side, out_depth.shape[1] - left)):
            if depth[y, x] > 0:
                part, face = records[seen[y, x], 3], records[seen[y, x], 4]
                first = parts[part, FIRST_ORIGIN]
                out_depth[top + y, left + x] = np.float32(1) / depth[y, x]
                out_mesh[top + y, left + x] = parts[part, MESH] + 1
                out_face[top + y, left + x] = face if first < 0 else origin[first + face]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def meet(vertices, a, b, c, dx, dy):
    """Weights of a face's corners where the ray (dx, dy, 1) from the camera meets its plane, clamped to the face."""
    ox, oy, oz = np.float64(vertices[a, 0]), np.float64(vertices[a, 1]), np.float64(vertices[a, 2])
    ux, uy, uz = vertices[b, 0] - ox, vertices[b, 1] - oy, vertices[b, 2] - oz
    vx, vy, vz = vertices[c, 0] - ox, vertices[c, 1] - oy, vertices[c, 2] - oz
    px, py, pz = dy * vz - vy, vx - dx * vz, dx * vy - dy * vx
    qx, qy, qz = uy * oz - uz * oy, uz * ox - ux * oz, ux * oy - uy * ox
    determinant = ux * px + uy * py + uz * pz
    if determinant == 0:
        return 1 / 3, 1 / 3, 1 / 3
    second = max(0.0, -(ox * px + oy * py + oz * pz) / determinant)
    third = max(0.0, (dx * qx + dy * qy + qz) / determinant)
    total = max(1.0, second + third)
    return max(0.0, 1 - second - third), second / total, third / total
