"""Cutting cloth: triangles are clipped exactly where a smooth field crosses zero, so borders are clean lines.

A field is a number at each vertex, linear within a triangle; above zero is kept. What else is known at vertices is
carried along as columns of one matrix. A vertex that nearly lies on the line is moved onto it, which spares slivers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

__all__ = ["FIRST_FIELD", "POINT", "REST", "SHADE", "Cutting", "cut", "new_table", "renumber"]

POINT, REST, SHADE, FIRST_FIELD = 0, 3, 6, 7
"""First columns: of where a vertex is, of where it was on the body, of its brightness, of the fields."""
SNAP = 0.25
"""How near, as a share of an edge, a vertex must be to the crossing to be moved there."""
_ROOM = 6000


@dataclass(eq=False)
class Cutting:
    """Cloth on the cutting table: arrays with room at the end."""

    data: Float32[np.ndarray, "room column"]
    ends: Int32[np.ndarray, "room 2"]
    """The two vertices of the form each lies between, and the share of the second: whose weights it takes."""
    share: Float32[np.ndarray, " room"]
    border: Int32[np.ndarray, " room"]
    """Bit k: the vertex lies on the border that field k made."""
    num_vertices: int
    faces: Int32[np.ndarray, "face 3"]
    chart: Int32[np.ndarray, " face"]
    """Which part of the texture each face takes."""


def new_table(count: int, columns: int, faces: Int32[np.ndarray, "face 3"]) -> Cutting:
    """A table for cloth of `count` vertices; `data` and `ends` are to be filled in.

    Args:
        count: of vertices.
        columns: see above.
        faces: counter-clockwise.
    """
    room = count + _ROOM
    return Cutting(
        data=np.empty((room, columns), dtype=np.float32),
        ends=np.zeros((room, 2), dtype=np.int32),
        share=np.zeros(room, dtype=np.float32),
        border=np.zeros(room, dtype=np.int32),
        num_vertices=count,
        faces=faces,
        chart=np.zeros(len(faces), dtype=np.int32),
    )


def cut(table: Cutting, borders: int, seams: Sequence[tuple[int, int]] = ()) -> None:
    """Clip to where the first fields are above zero, then cut along the zeros of the others and keep both sides.

    Args:
        table: changed; vertices on new borders have exactly zero.
        borders: how many fields clip.
        seams: charts for the faces above and below the zero of each of the other fields (-1: as they were).
    """
    charts = np.array([(-1, -1)] * borders + list(seams), dtype=np.int32).reshape(-1, 2)
    table.faces, table.chart, table.num_vertices = _cut(
        table.data, table.ends, table.share, table.border, table.num_vertices, table.faces, table.chart, borders, charts
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _cut(data, ends, share, border, count, faces, chart, borders, charts):
    """One field after the other."""
    for k in range(charts.shape[0]):
        above, below = charts[k, 0], charts[k, 1]
        faces, chart, count = _clip(
            data, ends, share, border, count, faces, chart, FIRST_FIELD + k, k, k < borders, above, below
        )
    return faces, chart, count


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _blend(data, ends, share, border, a, b, t, out, column):
    """Write the vertex at share t of the edge a b; it lies on the borders on which both lie."""
    for c in range(data.shape[1]):
        data[out, c] = data[a, c] + t * (data[b, c] - data[a, c])
    data[out, column] = 0
    ends[out, 1] = ends[b, 0] if share[b] < 0.5 else ends[b, 1]
    ends[out, 0] = ends[a, 0] if share[a] < 0.5 else ends[a, 1]
    share[out] = t
    border[out] = border[a] & border[b]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _snap(data, border, count, faces, crossing, column, side):
    """Move vertices that nearly lie on the line onto it, along the edge with the nearest crossing."""
    best, other = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int32)
    for n in range(crossing.shape[0]):
        for i in range(3):
            best[faces[crossing[n], i]], other[faces[crossing[n], i]] = SNAP, -1
    for n in range(crossing.shape[0]):
        for i in range(3):
            a, b = faces[crossing[n], i], faces[crossing[n], (i + 1) % 3]
            if side[a] * side[b] < 0:
                t = data[a, column] / (data[a, column] - data[b, column])
                if t < best[a] and (border[a] & ~border[b]) == 0:
                    best[a], other[a] = t, b
                if 1 - t < best[b] and (border[b] & ~border[a]) == 0:
                    best[b], other[b] = 1 - t, a
    rows, moved, total = np.empty((3 * crossing.shape[0], data.shape[1]), np.float32), np.empty(count, np.int32), 0
    for n in range(crossing.shape[0]):
        for i in range(3):
            v = faces[crossing[n], i]
            if other[v] >= 0:
                for c in range(data.shape[1]):
                    rows[total, c] = data[v, c] + best[v] * (data[other[v], c] - data[v, c])
                rows[total, column] = 0
                moved[total], other[v] = v, -1
                total += 1
    for n in range(total):
        side[moved[n]] = 0
        for c in range(data.shape[1]):
            data[moved[n], c] = rows[n, c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _cross(data, ends, share, border, count, column, a, b, keys, numbers):
    """The vertex where the edge a b crosses zero, made once for both its faces; and how many vertices there are now."""
    first, second = min(a, b), max(a, b)
    mask = keys.shape[0] - 1
    key = np.int64(first) * np.int64(data.shape[0]) + np.int64(second)
    place = (key * np.int64(2654435761) >> 7) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    if keys[place] == -1:
        t = data[first, column] / (data[first, column] - data[second, column])
        _blend(data, ends, share, border, first, second, t, count, column)
        keys[place], numbers[place] = key, count
        count += 1
    return numbers[place], count


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _sides(data, count, column):
    """1, 0 or -1 for each vertex."""
    side = np.empty(count, dtype=np.int8)
    for v in range(np.uint64(count)):
        side[v] = 1 if data[v, column] > 0 else -1 if data[v, column] < 0 else 0
    return side


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _crossed(faces, side):
    """Faces with corners on both sides."""
    crossed, total = np.empty(faces.shape[0], dtype=np.int32), 0
    for f in range(faces.shape[0]):
        a, b, c = side[np.uint64(faces[f, 0])], side[np.uint64(faces[f, 1])], side[np.uint64(faces[f, 2])]
        if min(a, min(b, c)) < 0 and max(a, max(b, c)) > 0:
            crossed[total] = f
            total += 1
    return crossed[:total]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _clip(data, ends, share, border, count, faces, chart, column, bit, drop, above, below):
    """One line; returns the faces, their charts and the number of vertices."""
    side = _sides(data, count, column)
    crossed = _crossed(faces, side)
    _snap(data, border, count, faces, crossed, column, side)
    size = 16
    while size < 8 * crossed.shape[0]:
        size *= 2
    keys, numbers = np.full(size, np.int64(-1), dtype=np.int64), np.empty(size, dtype=np.int32)
    room, old, total = faces.shape[0] + 2 * crossed.shape[0], count, 0
    new_faces, new_chart = np.empty((room, 3), dtype=np.int32), np.empty(room, dtype=np.int32)
    polygon = np.empty(4, dtype=np.int32)
    for f in range(faces.shape[0]):
        a, b, c = side[np.uint64(faces[f, 0])], side[np.uint64(faces[f, 1])], side[np.uint64(faces[f, 2])]
        low, high = min(a, min(b, c)), max(a, max(b, c))
        if low >= 0 or high <= 0:
            if high > 0 or (low < 0 and not drop):
                new_faces[total, 0], new_faces[total, 1], new_faces[total, 2] = faces[f, 0], faces[f, 1], faces[f, 2]
                label = above if high > 0 else below
                new_chart[total] = label if label >= 0 else chart[f]
                total += 1
            continue
        for sign in (1, -1):
            if sign < 0 and drop:
                continue
            n, label = 0, above if sign > 0 else below
            for i in range(3):
                v, w = faces[f, i], faces[f, (i + 1) % 3]
                if sign * side[v] >= 0:
                    polygon[n] = v
                    n += 1
                if side[v] * side[w] < 0:
                    polygon[n], count = _cross(data, ends, share, border, count, column, v, w, keys, numbers)
                    n += 1
            for i in range(1, n - 1):
                new_faces[total, 0], new_faces[total, 1], new_faces[total, 2] = polygon[0], polygon[i], polygon[i + 1]
                new_chart[total] = label if label >= 0 else chart[f]
                total += 1
    if drop:
        for v in range(count):
            if v >= old or side[v] == 0:
                border[v] |= 1 << bit
    return new_faces[:total], new_chart[:total], count


def renumber(faces: Int32[np.ndarray, "face 3"], count: int) -> Int32[np.ndarray, " used"]:
    """Number vertices anew in the order in which faces use them, in place; returns what they were."""
    return _renumber(faces, count)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _renumber(faces, count):
    number, used = np.full(count, np.int32(-1), dtype=np.int32), np.empty(count, dtype=np.int32)
    total = 0
    for f in range(faces.shape[0]):
        for i in range(3):
            v = faces[f, i]
            if number[v] < 0:
                number[v], used[total] = total, v
                total += 1
            faces[f, i] = number[v]
    return used[:total].copy()
