"""Solids from rows of numbers, and how light they are in corners, under lamps and far away; compiled."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

__all__ = ["fill_boxes", "fill_cards", "fill_leaves", "fill_rods", "shade_corners", "shade_ground", "shade_pools"]

_FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _near_floor(y, grounded):
    """How much darker things are near the floor."""
    return 0.78 + 0.22 * min(max(y * 2.5, 0.0), 1.0) if grounded else 1.0


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def fill_boxes(table, unit, dim, grounded, vertices, colours):
    """24 vertices for each row: x0, y0, z0, x1, y1, z1, red, green, blue."""
    for i in range(table.shape[0]):
        for k in range(24):
            v = 24 * i + k
            for c in range(3):
                vertices[v, c] = table[i, c] + (table[i, 3 + c] - table[i, c]) * unit[k, c]
            light = dim[k] * _near_floor(vertices[v, 1], grounded)
            for c in range(3):
                colours[v, c] = min(max(table[i, 6 + c] * light, 0.0), 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def fill_rods(table, circle, grounded, vertices, colours):
    """Four rings for each row: both ends of the wall, then of the caps."""
    sides = circle.shape[0]
    for i in range(table.shape[0]):
        ax, ay, az = table[i, 4] - table[i, 0], table[i, 5] - table[i, 1], table[i, 6] - table[i, 2]
        length = 1 / max(math.sqrt(ax * ax + ay * ay + az * az), 1e-9)
        ax, ay, az = ax * length, ay * length, az * length
        if abs(ay) < 0.9:
            fx, fy, fz = az, 0.0, -ax
        else:
            fx, fy, fz = 0.0, -az, ay
        length = 1 / max(math.sqrt(fx * fx + fy * fy + fz * fz), 1e-9)
        fx, fy, fz = fx * length, fy * length, fz * length
        gx, gy, gz = fy * az - fz * ay, fz * ax - fx * az, fx * ay - fy * ax
        for k in range(4 * sides):
            v, end, turn = 4 * sides * i + k, 4 * ((k // sides) % 2), k % sides
            c, s, r = circle[turn, 0], circle[turn, 1], table[i, end + 3]
            vertices[v, 0] = table[i, end] + r * (c * fx + s * gx)
            vertices[v, 1] = table[i, end + 1] + r * (c * fy + s * gy)
            vertices[v, 2] = table[i, end + 2] + r * (c * fz + s * gz)
            light = _near_floor(vertices[v, 1], grounded)
            for n in range(3):
                colours[v, n] = min(max(table[i, 8 + n] * light, 0.0), 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def fill_cards(centres, normals, spin, size, vertices):
    """A rhomb at each centre, across its normal, its long axis along `spin` as far as that goes."""
    for i in range(centres.shape[0]):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        ax, ay, az = (
            spin[i, 1] * nz - spin[i, 2] * ny,
            spin[i, 2] * nx - spin[i, 0] * nz,
            spin[i, 0] * ny - spin[i, 1] * nx,
        )
        bx, by, bz = ny * az - nz * ay, nz * ax - nx * az, nx * ay - ny * ax
        long = 0.75 * size[i] / max(math.sqrt(ax * ax + ay * ay + az * az), 1e-9)
        wide = 0.5 * size[i] / max(math.sqrt(bx * bx + by * by + bz * bz), 1e-9)
        for c, a, b in ((0, ax, bx), (1, ay, by), (2, az, bz)):
            vertices[4 * i, c] = centres[i, c] - long * a
            vertices[4 * i + 1, c] = centres[i, c] + wide * b
            vertices[4 * i + 2, c] = centres[i, c] + long * a
            vertices[4 * i + 3, c] = centres[i, c] - wide * b


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def fill_leaves(lobes, which, out, radius, tilt, light, green, low, high, centres, normals, colours):
    """Places, normals and colours of leaves around lobes (x, y, z, radius), lighter above."""
    for i in range(len(which)):
        x, y, z = out[i, 0], out[i, 1], out[i, 2]
        length = 1 / max(math.sqrt(x * x + y * y + z * z), 1e-9)
        x, y, z = x * length, y * length, z * length
        y = max(y, -0.6 * abs(y))
        lobe = which[i]
        r = lobes[lobe, 3] * radius[i]
        centres[i, 0], centres[i, 2] = lobes[lobe, 0] + x * r, lobes[lobe, 2] + z * r
        centres[i, 1] = lobes[lobe, 1] + 0.88 * y * r
        normals[i, 0], normals[i, 1], normals[i, 2] = (
            x + 0.35 * tilt[i, 0],
            y + 0.35 * tilt[i, 1],
            z + 0.35 * tilt[i, 2],
        )
        bright = 0.70 + 0.36 * (centres[i, 1] - low) / max(high - low, 1e-3) + 0.10 * light[i]
        for c in range(3):
            colours[i, c] = min(max(green[c] * bright, 0.0), 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def shade_corners(points, low, high, skip, dark, reach):
    """Factors for surfaces of a room: darker near its corners; `skip` is the axis across the surface."""
    found = np.empty((points.shape[0], 1), dtype=np.float32)
    for i in range(points.shape[0]):
        total = 1.0
        for axis in range(3):
            if axis != skip:
                total *= 1 - dark * math.exp(-abs(points[i, axis] - low[axis]) / reach)
                total *= 1 - dark * math.exp(-abs(points[i, axis] - high[axis]) / reach)
        found[i, 0] = total
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def shade_ground(points, eye, cosine, sine, phase, rough, air, goal):
    """Factors for open ground: blotches near, and far away the colour of the air."""
    found = np.empty((points.shape[0], 3), dtype=np.float32)
    for i in range(points.shape[0]):
        x, z = points[i, 0] * cosine - points[i, 2] * sine, points[i, 0] * sine + points[i, 2] * cosine
        blot = math.sin(0.31 * x + 2 * math.sin(0.17 * z + phase[0]) + phase[1])
        blot += math.sin(0.43 * z + 2 * math.sin(0.23 * x + phase[2]) + phase[3])
        away = math.sqrt((points[i, 0] - eye[0]) ** 2 + (points[i, 2] - eye[2]) ** 2)
        haze, near = 1 - math.exp(-away / air), 1 + rough * blot * math.exp(-away / 60)
        for c in range(3):
            found[i, c] = near * (1 - haze) + goal[c] * haze
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def shade_pools(points, lamps, base, flat):
    """Factors for surfaces under lamps: x, z, radius, red, green, blue of each; heights count by the factor `flat`."""
    found = np.empty((points.shape[0], 3), dtype=np.float32)
    for i in range(points.shape[0]):
        red, green, blue = base, base, base
        for k in range(lamps.shape[0]):
            dx, dz = points[i, 0] - lamps[k, 0], points[i, 2] - lamps[k, 1]
            away = (dx * dx + dz * dz + flat * points[i, 1] * points[i, 1]) / (lamps[k, 2] * lamps[k, 2])
            if away < 12:
                light = math.exp(-away)
                red, green, blue = red + light * lamps[k, 3], green + light * lamps[k, 4], blue + light * lamps[k, 5]
        found[i, 0], found[i, 1], found[i, 2] = min(red, 2.0), min(green, 2.0), min(blue, 2.0)
    return found
