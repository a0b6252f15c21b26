"""Compiled: the edges along the borders of a cloth, and which way is outwards and inwards there."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

__all__ = ["find_border"]

CALM = 4
"""How often directions along a border are smoothed."""


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _unit(rows, k):
    square = rows[k, 0] * rows[k, 0] + rows[k, 1] * rows[k, 1] + rows[k, 2] * rows[k, 2]
    scale = np.float32(1) / (np.sqrt(square) + np.float32(1e-12))
    for d in range(3):
        rows[k, d] *= scale


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _seek(keys, a, b, count, add):
    """Whether the edge a b is in a table; and put it there."""
    key, mask = np.int64(a) * np.int64(count) + np.int64(b), keys.shape[0] - 1
    place = (key * np.int64(2654435761) >> 7) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    found = keys[place] == key
    if add:
        keys[place] = key
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _directions(point, faces, near, place, edges, total):
    """Normals and directions inwards at border vertices, smoothed along the border."""
    inward, normal = np.zeros((total, 3), dtype=np.float32), np.zeros((total, 3), dtype=np.float32)
    for n in range(near.shape[0]):
        f = near[n]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if place[a] < 0 and place[b] < 0 and place[c] < 0:
            continue
        for d in range(3):
            e, g = (d + 1) % 3, (d + 2) % 3
            across = (point[b, e] - point[a, e]) * (point[c, g] - point[a, g])
            across -= (point[b, g] - point[a, g]) * (point[c, e] - point[a, e])
            middle = point[a, d] + point[b, d] + point[c, d]
            for i in range(3):
                k = place[faces[f, i]]
                if k >= 0:
                    normal[k, d] += across
                    inward[k, d] += middle - 3 * point[faces[f, i], d]
    for times in range(CALM + 1):
        for k in range(total):
            _unit(normal, k)
            along = inward[k, 0] * normal[k, 0] + inward[k, 1] * normal[k, 1] + inward[k, 2] * normal[k, 2]
            for d in range(3):
                inward[k, d] -= along * normal[k, d]
            _unit(inward, k)
        if times < CALM:
            old_normal, old_inward = normal.copy(), inward.copy()
            for k in range(edges.shape[0]):
                a, b = edges[k, 0], edges[k, 1]
                for d in range(3):
                    normal[a, d] += old_normal[b, d]
                    normal[b, d] += old_normal[a, d]
                    inward[a, d] += old_inward[b, d]
                    inward[b, d] += old_inward[a, d]
    return inward, normal


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _pairs(faces, border, bits, count):
    """Edges between vertices of one border, and the faces that have them; and all faces that touch one."""
    on = np.empty(count, dtype=np.int32)
    for v in range(count):
        on[v] = border[v] & bits
    pairs, owner = np.empty((3 * faces.shape[0], 2), dtype=np.int32), np.empty(3 * faces.shape[0], dtype=np.int32)
    near, n, total = np.empty(faces.shape[0], dtype=np.int32), 0, 0
    for f in range(faces.shape[0]):
        x, y, z = on[faces[f, 0]], on[faces[f, 1]], on[faces[f, 2]]
        if x | y | z:
            near[total] = f
            total += 1
        if (x & y) | (y & z) | (z & x):
            for i in range(3):
                a, b = faces[f, i], faces[f, (i + 1) % 3]
                if on[a] & on[b]:
                    pairs[n, 0], pairs[n, 1], owner[n] = a, b, f
                    n += 1
    return pairs[:n], owner[:n], near[:total]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def find_border(point, faces, chart, border, bits):
    """Edges between vertices of one border that only one face has; then directions at the vertices.

    Returns:
        The vertices, the edges as places among them, the charts of the faces there, inwards, outwards.
    """
    pairs, owner, near = _pairs(faces, border, bits, point.shape[0])
    n, size = pairs.shape[0], 16
    while size < 4 * n:
        size *= 2
    keys = np.full(size, np.int64(-1), dtype=np.int64)
    for k in range(n):
        _seek(keys, pairs[k, 0], pairs[k, 1], point.shape[0], True)
    place, ids = np.full(point.shape[0], np.int32(-1), dtype=np.int32), np.empty(2 * n, dtype=np.int32)
    edges, of = np.empty((n, 2), dtype=np.int32), np.empty(n, dtype=np.int32)
    m, total = 0, 0
    for k in range(n):
        if _seek(keys, pairs[k, 1], pairs[k, 0], point.shape[0], False):
            continue
        for i in range(2):
            v = pairs[k, i]
            if place[v] < 0:
                place[v], ids[total] = total, v
                total += 1
            edges[m, i] = place[v]
        of[m] = chart[owner[k]]
        m += 1
    inward, normal = _directions(point, faces, near, place, edges[:m], total)
    return ids[:total].copy(), edges[:m].copy(), of[:m].copy(), inward, normal
