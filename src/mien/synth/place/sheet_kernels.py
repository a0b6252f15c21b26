"""A flat surface cut into cells: no more of it than the view shows, each with a fitting texture; compiled."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from mien.synth.place.view_kernels import outside, through

__all__ = ["cut_sheet"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _divide(foot, size, lines, rings):
    """Where a side of that size is divided: at rings around the camera's foot, and at lines."""
    marks = np.empty(2 + len(lines) + 2 * len(rings), dtype=np.float64)
    marks[0], marks[1] = 0.0, size
    count = 2
    for line in lines:
        if 0.02 < line < size - 0.02:
            marks[count] = line
            count += 1
    for ring in rings:
        for mark in (foot - ring, foot + ring):
            if 0.02 < mark < size - 0.02:
                marks[count] = mark
                count += 1
    marks = np.sort(marks[:count])
    kept = 1
    for i in range(1, count):
        if marks[i] - marks[kept - 1] > 0.015 or i == count - 1:
            marks[kept] = marks[i]
            kept += 1
    return marks[:kept]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def cut_sheet(origin, along, up, size, eye, projection, picture, lines_u, lines_v, rings, tile, turned):
    """Divide a rectangle, drop what the view does not show, and choose a level of its texture for each cell.

    Args:
        origin, along, up: corner and unit sides.
        size: metres along both.
        eye: the camera.
        projection: (3 4), world to pixels times depth.
        picture: width, height, focal length in pixels.
        lines_u, lines_v, rings: where it is divided.
        tile: width and height of the texture's tile in metres, metres of a texel, number of levels, bias.
        turned: whether the texture lies across.

    Returns:
        vertices (vert 3), faces (face 3) counted within a level, uv (face 3 2), and for each level used: its number,
        first vertex, end, first face, end.
    """
    ex, ey, ez = eye[0] - origin[0], eye[1] - origin[1], eye[2] - origin[2]
    nx, ny = along[1] * up[2] - along[2] * up[1], along[2] * up[0] - along[0] * up[2]
    high = ex * nx + ey * ny + ez * (along[0] * up[1] - along[1] * up[0])
    foot_u = ex * along[0] + ey * along[1] + ez * along[2]
    foot_v = ex * up[0] + ey * up[1] + ez * up[2]
    us, vs = _divide(foot_u, size[0], lines_u, rings), _divide(foot_v, size[1], lines_v, rings)
    out = np.empty((len(vs), len(us)), dtype=np.uint8)
    for j in range(len(vs)):
        for i in range(len(us)):
            x, y = origin[0] + us[i] * along[0] + vs[j] * up[0], origin[1] + us[i] * along[1] + vs[j] * up[1]
            u, v, w = through(projection, x, y, origin[2] + us[i] * along[2] + vs[j] * up[2])
            out[j, i] = outside(u, v, w, picture[0], picture[1])
    level, counts = _levels(us, vs, out, foot_u, foot_v, high, picture[2], tile)
    return _gather(origin, along, up, us, vs, level, counts, foot_u, foot_v, tile, turned)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _levels(us, vs, out, foot_u, foot_v, high, focal, tile):
    """The level of the texture that each cell needs, -1 for those that are not seen; and how many cells each has.

    One level more than there are stands for cells where the texture would be a single colour.
    """
    top = int(tile[3])
    level = np.full((len(vs) - 1, len(us) - 1), -1, dtype=np.int64)
    counts = np.zeros(top + 1, dtype=np.int64)
    for j in range(len(vs) - 1):
        for i in range(len(us) - 1):
            if high <= 1e-3 or (out[j, i] & out[j, i + 1] & out[j + 1, i] & out[j + 1, i + 1]) != 0:
                continue
            k = 0
            if top > 0:
                u, v = (us[i] + us[i + 1]) / 2 - foot_u, (vs[j] + vs[j + 1]) / 2 - foot_v
                far = math.sqrt(u * u + v * v + high * high)
                pixel = far / focal * math.sqrt(far / high)
                k = int(min(max(math.floor(math.log2(pixel / tile[2]) - tile[4] + 0.5), 0), top))
            level[j, i] = k
            counts[k] += 1
    return level, counts


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _gather(origin, along, up, us, vs, level, counts, foot_u, foot_v, tile, turned):
    """The cells, level by level; see `cut_sheet`. Coordinates of the texture are counted from the camera's foot."""
    total = counts.sum()
    vertices, faces = np.empty((4 * total, 3), dtype=np.float32), np.empty((2 * total, 3), dtype=np.int32)
    uv, table = np.empty((2 * total, 3, 2), dtype=np.float32), np.empty((len(counts), 5), dtype=np.int64)
    number = np.empty((len(vs), len(us)), dtype=np.int32)
    num_vertices, num_faces, used = 0, 0, 0
    shift_u, shift_v = math.floor(foot_u / tile[0]), math.floor(-foot_v / tile[1])
    if turned:
        shift_u, shift_v = math.floor(foot_v / tile[0]), math.floor(foot_u / tile[1])
    for k in range(len(counts)):
        if counts[k] == 0:
            continue
        number[:] = -1
        first = num_vertices
        table[used, 0], table[used, 1], table[used, 3] = k, first, num_faces
        for j in range(len(vs) - 1):
            for i in range(len(us) - 1):
                if level[j, i] != k:
                    continue
                for c in range(6):
                    # corners 0, 1, 2 and 0, 2, 3 of the cell, from the lower left
                    q, r = i + (0, 1, 1, 0, 1, 0)[c], j + (0, 0, 1, 0, 1, 1)[c]
                    if number[r, q] < 0:
                        number[r, q] = num_vertices - first
                        for n in range(3):
                            vertices[num_vertices, n] = origin[n] + us[q] * along[n] + vs[r] * up[n]
                        num_vertices += 1
                    faces[num_faces + c // 3, c % 3] = number[r, q]
                    s, t = (us[q] / tile[0], -vs[r] / tile[1]) if not turned else (vs[r] / tile[0], us[q] / tile[1])
                    uv[num_faces + c // 3, c % 3, 0] = s - shift_u
                    uv[num_faces + c // 3, c % 3, 1] = t - shift_v
                num_faces += 2
        table[used, 2], table[used, 4] = num_vertices, num_faces
        used += 1
    return vertices[:num_vertices], faces[:num_faces], uv[:num_faces], table[:used]
