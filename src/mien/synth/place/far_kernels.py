"""The sky and what lies at infinity, by directions; compiled."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

__all__ = ["fill_sky", "project_quads", "project_ridge"]

_FAST = {"contract", "nsz", "reassoc"}
_FAR = 30_000.0
"""Pixels: beyond, OpenCV's fixed-point coordinates end."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _bilinear(field, x, y):
    size = field.shape[0]
    x, y = x - size * math.floor(x / size), y - size * math.floor(y / size)
    x0, y0 = int(x), int(y)
    fx, fy = x - x0, y - y0
    x0, y0 = x0 % size, y0 % size
    x1, y1 = (x0 + 1) % size, (y0 + 1) % size
    top = field[y0, x0] + (field[y0, x1] - field[y0, x0]) * fx
    return top + (field[y1, x0] + (field[y1, x1] - field[y1, x0]) * fx - top) * fy


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def fill_sky(matrix, step, zenith, horizon, sun, toward, clouds, cloud, field, cloud_place, below, picture):
    """The sky in each direction: gradient, glow of the sun, a layer of clouds in perspective; `below` the horizon.

    Args:
        matrix: (3 3), pixels to directions in the place.
        step: pixels for each pixel of `picture`, x and y.
        zenith, horizon, sun, cloud, below: RGB, 0..1.
        toward: the sun.
        clouds: 0..1, how much of the sky they cover.
        field: noise that tiles.
        cloud_place: scale, shift x and y.
        picture: (h w 3) uint8, filled.
    """
    scale, shift_x, shift_y = cloud_place
    thick = 0.75 - 0.55 * clouds
    tone = np.empty(3, dtype=np.float64)
    for row in range(picture.shape[0]):
        v = (row + 0.5) * step[1] - 0.5
        for column in range(picture.shape[1]):
            u = (column + 0.5) * step[0] - 0.5
            x = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]
            y = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]
            z = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
            length = 1 / math.sqrt(x * x + y * y + z * z)
            x, y, z = x * length, y * length, z * length
            if y < 0:
                for c in range(3):
                    picture[row, column, c] = np.uint8(255 * min(max(below[c], 0.0), 1.0))
                continue
            share, cosine = math.sqrt(y), x * toward[0] + y * toward[1] + z * toward[2]
            glow = 0.45 * math.exp((cosine - 1) * 5) + (1.6 * math.exp((cosine - 1) * 160) if cosine > 0.9 else 0.0)
            for c in range(3):
                tone[c] = horizon[c] + (zenith[c] - horizon[c]) * share + glow * sun[c]
            if clouds > 0:
                away = scale / (max(y, 0.02) + 0.06)
                p, q = x * away + shift_x, z * away + shift_y
                seen = _bilinear(field, p, q)
                alpha = min(max((seen - thick) * 4, 0.0), 1.0) * min(y * 9, 1.0)
                if alpha > 0:
                    lit = _bilinear(field, p + 6 * toward[0], q + 6 * toward[2])
                    body = min(max(seen - thick - 0.15, 0.0), 1.0)
                    shade = min(max(1 + 0.9 * (seen - lit) - 0.25 * body, 0.6), 1.12)
                    for c in range(3):
                        tone[c] += alpha * (shade * cloud[c] - tone[c])
            for c in range(3):
                picture[row, column, c] = np.uint8(255 * min(max(tone[c], 0.0), 1.0))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def project_ridge(azimuth, top, bottom, matrix):
    """The outline of what lies between `bottom` and a line of tangents of elevation, in 1/16 pixel, and its length."""
    count = len(azimuth)
    pixels, kept = np.empty((2 * count, 2), dtype=np.int32), 0
    for k in range(2 * count):
        i = k if k < count else 2 * count - 1 - k
        x, y, z = math.sin(azimuth[i]), (top[i] if k < count else bottom), math.cos(azimuth[i])
        w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
        if w > 0.02:
            u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z) / w
            v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z) / w
            pixels[kept, 0] = int(np.rint(16 * min(max(u, -_FAR), _FAR)))
            pixels[kept, 1] = int(np.rint(16 * min(max(v, -_FAR), _FAR)))
            kept += 1
    return pixels[:kept]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def project_quads(boxes, matrix, width, height):
    """Rectangles at infinity (azimuth from and to, tangents from and to) in 1/16 pixel; and which may be seen."""
    pixels, shown = np.empty((len(boxes), 4, 2), dtype=np.int32), np.zeros(len(boxes), dtype=np.bool_)
    for n in range(len(boxes)):
        low_x, high_x, low_y, high_y, ahead = 1e9, -1e9, 1e9, -1e9, True
        for k in range(4):
            a, y = boxes[n, (0, 1, 1, 0)[k]], boxes[n, (2, 2, 3, 3)[k]]
            x, z = math.sin(a), math.cos(a)
            w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
            if w <= 0.02:
                ahead = False
                break
            u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z) / w
            v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z) / w
            low_x, high_x, low_y, high_y = min(low_x, u), max(high_x, u), min(low_y, v), max(high_y, v)
            pixels[n, k, 0] = int(np.rint(16 * min(max(u, -_FAR), _FAR)))
            pixels[n, k, 1] = int(np.rint(16 * min(max(v, -_FAR), _FAR)))
        shown[n] = ahead and high_x > 0 and low_x < width and high_y > 0 and low_y < height
    return pixels, shown
