"""The quick look for self-intersection, compiled: which vertices lie in which piece, how deep, and which way is out.

It is the test of `mien.synth.penetration` made fast: boxes around pieces and around the skin of each joint keep most
vertices out, and the faces of a piece are sorted into slices of height, so that a ray meets few of them.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from mien.synth.bones import crossed
from mien.synth.penetration import boxes_of, close_rims, crossing, distance_to_face

__all__ = ["face_distance", "nearest_pair", "outside", "overlaps"]

ENOUGH = 0.04
"""Metres: no vertex is looked at after one that lies this deep."""
BIN, MAX_BINS = 0.02, 40
"""Metres, about, and the most slices of height that the faces of a piece are sorted into."""
MARGIN = 0.03
"""Metres around the vertices of a joint."""
LEEWAY = 0.007
"""Metres that a face which counts may be farther than the nearest one."""
MANY = 8
"""Where more vertices of a part lie inside another, the depth of only each fourth is worked out."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def overlaps(vertices, cut, world, group, pairs):
    """As `Coarse.overlaps`, for any grouping of the pieces.

    Args:
        vertices: posed.
        cut: arrays of the parts.
        world: rotations of the joints; boxes are laid around the pieces in their own axes.
        group: of each piece, or -1 to leave it out.
        pairs: whether the vertices of one group are looked for in another.
    """
    part, start, counts, faces, face_part, face_start, _, holds, rim, rim_start = cut
    points, boxes = close_rims(vertices, rim, rim_start), boxes_of(vertices, start)
    found = np.zeros((len(pairs), len(pairs), 9))
    bounds = np.empty((8, np.diff(face_start).max()))
    around = _boxes_of_joints(vertices, part, start, group, world)
    first_bin, hits = np.empty(MAX_BINS + 1, dtype=np.int64), np.empty(bounds.shape[1], dtype=np.int64)
    binned, slab = np.empty(0, dtype=np.int64), np.empty((8, 0))
    for p in range(len(start) - 1):
        if group[p] < 0 or start[p] == start[p + 1]:
            continue
        bins, low = 0, boxes[p, 1]
        for a in range(len(start) - 1):
            apart = group[a] < 0 or a == p or not pairs[group[a], group[p]]
            for i in range(3):
                apart |= boxes[a, i] > boxes[p, 3 + i] or boxes[p, i] > boxes[a, 3 + i]
            if apart:
                continue
            best, inside = found[group[a], group[p]], 0
            for v in range(np.uint64(start[a]), np.uint64(start[a + 1])):
                x, y, z = points[v, 0], points[v, 1], points[v, 2]
                if not counts[v] & holds[p] or x < boxes[p, 0] or x > boxes[p, 3]:
                    continue
                if y < boxes[p, 1] or y > boxes[p, 4] or z < boxes[p, 2] or z > boxes[p, 5] or best[0] > ENOUGH:
                    continue
                if not _within(around, world, holds[p] & counts[v], x, y, z):
                    continue
                if bins == 0:
                    bins = min(max(int((boxes[p, 4] - low) / BIN), 1), MAX_BINS)
                    step = (boxes[p, 4] - low) / bins * (1 + 1e-9) + 1e-12
                    _measure(points, faces, face_part, face_start[p], face_start[p + 1], bounds)
                    binned, slab = _fill_bins(bounds, face_start[p + 1] - face_start[p], low, step, bins, first_bin)
                here = _bin(y, low, step, bins)
                if _winding(points, faces, face_start[p], here, first_bin, binned, slab, hits, x, y, z) <= 0:
                    continue
                inside += 1
                if inside > MANY and inside % 4:
                    continue
                squared, face, nx, ny, nz = _exit(
                    points,
                    faces,
                    face_part,
                    counts[v],
                    face_start[p],
                    here,
                    step,
                    bins,
                    first_bin,
                    binned,
                    slab,
                    x,
                    y,
                    z,
                )
                if face >= 0 and squared > best[0] * best[0]:
                    best[0] = math.sqrt(squared)
                    best[1], best[2], best[3] = nx - x, ny - y, nz - z
                    best[4], best[5], best[6], best[7], best[8] = x, y, z, part[v], face_part[face]
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _boxes_of_joints(points, part, start, group, world):
    """Around the vertices of each joint, in its own axes, with a margin: from and to."""
    found = np.empty((len(world), 6))
    found[:, :3], found[:, 3:] = np.inf, -np.inf
    for p in range(len(group)):
        if group[p] < 0:
            continue
        for v in range(np.uint64(start[p]), np.uint64(start[p + 1])):
            j = np.uint64(part[v])
            for i in range(3):
                t = world[j, 0, i] * points[v, 0] + world[j, 1, i] * points[v, 1] + world[j, 2, i] * points[v, 2]
                found[j, i], found[j, 3 + i] = min(found[j, i], t), max(found[j, 3 + i], t)
    found[:, :3] -= MARGIN
    found[:, 3:] += MARGIN
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _within(around, world, joints, x, y, z):
    """Whether a place is in the box of one of these joints (bits)."""
    for j in range(len(world)):
        if (joints >> j) & 1:
            inside = True
            for i in range(3):
                t = world[j, 0, i] * x + world[j, 1, i] * y + world[j, 2, i] * z
                inside &= around[j, i] <= t <= around[j, 3 + i]
            if inside:
                return True
    return False


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _measure(points, faces, face_part, first, last, bounds):
    """Of each face: y and z from and to, its first corner (far away for those of fans), its reach from there."""
    for f in range(np.uint64(first), np.uint64(last)):
        a, b, c = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        n = f - np.uint64(first)
        bounds[0, n] = min(points[a, 1], points[b, 1], points[c, 1])
        bounds[1, n] = max(points[a, 1], points[b, 1], points[c, 1])
        bounds[2, n] = min(points[a, 2], points[b, 2], points[c, 2])
        bounds[3, n] = max(points[a, 2], points[b, 2], points[c, 2])
        one = two = 0.0
        for i in range(3):
            bounds[4 + i, n] = points[a, i]
            one += (points[b, i] - points[a, i]) ** 2
            two += (points[c, i] - points[a, i]) ** 2
        bounds[7, n] = math.sqrt(max(one, two))
        if face_part[f] < 0:
            bounds[4, n] = 1e6


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _bin(y, low, step, bins):
    """The slice of a height; the lowest and the highest hold what lies beyond them."""
    return int(min(max((y - low) / step, 0.0), bins - 1.0))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fill_bins(bounds, count, low, step, bins, first_bin):
    """The faces that each slice of height holds, and their bounds in this order; `first_bin` is where slices start."""
    first_bin[: bins + 1] = 0
    for f in range(count):
        for b in range(_bin(bounds[0, f], low, step, bins), _bin(bounds[1, f], low, step, bins) + 1):
            first_bin[b + 1] += 1
    for b in range(bins):
        first_bin[b + 1] += first_bin[b]
    found, slab = np.empty(first_bin[bins], dtype=np.int64), np.empty((8, first_bin[bins]))
    for f in range(np.uint64(count)):
        for b in range(_bin(bounds[0, f], low, step, bins), _bin(bounds[1, f], low, step, bins) + 1):
            k = np.uint64(first_bin[np.uint64(b)])
            found[k] = f
            first_bin[np.uint64(b)] += 1
            for i in range(8):
                slab[i, k] = bounds[i, f]
    for b in range(bins, 0, -1):
        first_bin[b] = first_bin[b - 1]
    first_bin[0] = 0
    return found, slab


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _winding(points, faces, first, here, first_bin, binned, slab, hits, x, y, z):
    """How often a piece winds around a place: crossings of the ray towards +x, of faces listed without branches."""
    found, count = 0, np.uint64(0)
    for k in range(np.uint64(first_bin[here]), np.uint64(first_bin[here + 1])):
        hits[count] = k
        count += np.uint64((slab[0, k] <= y) & (slab[1, k] >= y) & (slab[2, k] <= z) & (slab[3, k] >= z))
    for h in range(count):
        f = np.uint64(first + binned[np.uint64(hits[h])])
        found += crossing(points, faces[f, 0], faces[f, 1], faces[f, 2], x, y, z)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _exit(points, faces, face_part, counts, first, here, step, bins, first_bin, binned, slab, x, y, z):
    """The nearest face that counts: squared distance, number, nearest point; number -1 where another is much nearer.

    Slices of height are gone through from the place's own up and down, as far as they may hold something nearer.
    """
    nearest, face, nx, ny, nz, reach, other = np.inf, -1, x, y, z, 0.25, np.inf
    for away in range(bins):
        if away > 1 and (away - 1) * step > reach + LEEWAY:
            break
        for sign in range(-1, 2, 2):
            b = here + sign * away
            if b < 0 or b >= bins or (away == 0 and sign > 0):
                continue
            for k in range(np.uint64(first_bin[b]), np.uint64(first_bin[b + 1])):
                limit = reach + LEEWAY + slab[7, k]
                if (slab[4, k] - x) ** 2 + (slab[5, k] - y) ** 2 + (slab[6, k] - z) ** 2 > limit * limit:
                    continue
                f = np.uint64(first + binned[k])
                squared, qx, qy, qz = distance_to_face(points, faces[f, 0], faces[f, 1], faces[f, 2], x, y, z)
                reach = min(reach, math.sqrt(squared))
                if not (counts >> face_part[f]) & 1:
                    other = min(other, squared)
                elif squared < nearest:
                    nearest, face, nx, ny, nz = squared, np.int64(f), qx, qy, qz
    if face >= 0 and math.sqrt(nearest) > math.sqrt(other) + LEEWAY:
        face = -1
    return nearest, face, nx, ny, nz


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def nearest_pair(one, other):
    """Places of the two points, one of each set, that lie nearest to each other."""
    best, i, j = np.inf, 0, 0
    for a in range(len(one)):
        for b in range(len(other)):
            squared = (one[a, 0] - other[b, 0]) ** 2 + (one[a, 1] - other[b, 1]) ** 2 + (one[a, 2] - other[b, 2]) ** 2
            if squared < best:
                best, i, j = squared, a, b
    return i, j


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def face_distance(points, cut, group, wanted, place):
    """Distance from a place to the surface of a group of pieces (metres), and the way there."""
    faces, face_start, fan_start = cut[3], cut[5], cut[6]
    best, found = np.inf, np.zeros(4)
    for p in range(len(group)):
        if group[p] == wanted:
            for f in range(face_start[p], fan_start[p]):
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                squared, x, y, z = distance_to_face(points, a, b, c, place[0], place[1], place[2])
                if squared < best:
                    best = squared
                    found[0], found[1] = math.sqrt(squared), x - place[0]
                    found[2], found[3] = y - place[1], z - place[2]
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def outside(places, points, faces):
    """Signed distance of places to the nearest face: positive on its outer side."""
    found = np.zeros(len(places))
    for v in range(len(places)):
        nearest = np.inf
        for f in range(len(faces)):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            squared, x, y, z = distance_to_face(points, a, b, c, places[v, 0], places[v, 1], places[v, 2])
            if squared < nearest:
                nearest = squared
                normal = crossed(points[b] - points[a], points[c] - points[a])
                way = (places[v, 0] - x) * normal[0] + (places[v, 1] - y) * normal[1] + (places[v, 2] - z) * normal[2]
                found[v] = math.sqrt(squared) if way > 0 else -math.sqrt(squared)
    return found
