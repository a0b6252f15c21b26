"""Soft shapes as functions of place: bumps, curves and outlines that masks of the skin are made of."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32, Float64

Number = np.ndarray | np.floating | float

__all__ = ["blob", "bridged", "curve", "inside", "near", "ramp", "to_path"]


def ramp(value: np.ndarray, start: Number, end: Number) -> np.ndarray:
    """0 before `start`, 1 after `end`, smooth between; `end` may be the smaller one."""
    share = np.minimum(np.maximum((value - start) / (end - start), 0), 1)
    return share * share * (3 - 2 * share)


def blob(
    points: Float[np.ndarray, "point dim"], centre: Float[np.ndarray, "dim"], radii: tuple[float, ...] | float
) -> np.ndarray:
    """1 at the centre, 0.37 a radius away, 0 far off: (point,)."""
    return np.exp(-(((points - centre) / np.asarray(radii)) ** 2).sum(1))


def curve(corners: Float[np.ndarray, "corner dim"], count: int, *, closed: bool = False) -> np.ndarray:
    """A smooth curve (count, dim) through the corners (Catmull-Rom); a closed one ends beside its start."""
    if closed:
        padded = np.concatenate([corners[-1:], corners, corners[:2]])
    else:
        padded = np.concatenate([2 * corners[:1] - corners[1:2], corners, 2 * corners[-1:] - corners[-2:-1]])
    spans = len(padded) - 3
    place = np.linspace(0, spans, count, endpoint=not closed)
    k = np.minimum(place.astype(int), spans - 1)
    t = (place - k)[:, None]
    p, q, r, s = (padded[k + i] for i in range(4))
    return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)


def to_path(
    points: Float[np.ndarray, "point dim"], path: Float[np.ndarray, "corner dim"]
) -> tuple[Float32[np.ndarray, " point"], Float32[np.ndarray, " point"], Float32[np.ndarray, " point"]]:
    """Distance of each point to a path, how far along it (0..1) it is nearest, and on which side, for 2D.

    The side is positive to the left of the path's direction (0 in 3D).
    """
    found = np.empty((3, len(points)), dtype=np.float32)
    _to_path(np.ascontiguousarray(points, dtype=np.float64), np.ascontiguousarray(path, dtype=np.float64), found)
    return found[0], found[1], found[2]


def near(points: Float[np.ndarray, "point dim"], path: Float[np.ndarray, "corner dim"], width: float) -> np.ndarray:
    """1 on a path, falling to 0 at `width` metres, fainter towards its ends: (point,)."""
    low, high = path.min(0) - width, path.max(0) + width
    here = ((points > low) & (points < high)).all(1)
    found = np.zeros(len(points), dtype=np.float32)
    if here.any():
        distance, along, _ = to_path(points[here], path)
        found[here] = ramp(distance, width, width * 0.2) * ramp(np.minimum(along, 1 - along), -0.1, 0.15)
    return found


def inside(
    points: Float[np.ndarray, "point 2"], outline: Float[np.ndarray, "corner 2"]
) -> Float32[np.ndarray, " point"]:
    """Signed distance to a closed outline, positive inside."""
    closed = np.concatenate([outline, outline[:1]])
    distance, _, _ = to_path(points, closed)
    return np.where(_inside(np.ascontiguousarray(points, dtype=np.float64), closed), distance, -distance)


def bridged(values: Float64[np.ndarray, "row column"], times: int) -> Float64[np.ndarray, "row column"]:
    """Values raised to the mean of their neighbours where that is more, some times over: what spans their hollows."""
    return _bridged(np.ascontiguousarray(values), times)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _bridged(values, times):
    rows, columns = values.shape
    old, new = values.copy(), np.empty_like(values)
    for _ in range(times):
        for i in range(rows):
            above, below = old[max(i - 1, 0)], old[min(i + 1, rows - 1)]
            for j in range(columns):
                beside = old[i, max(j - 1, 0)] + old[i, min(j + 1, columns - 1)]
                new[i, j] = max((beside + above[j] + below[j]) / 4, values[i, j])
        old, new = new, old
    return old


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _to_path(points, path, found):
    dims, reach = points.shape[1], np.zeros(path.shape[0])
    for k in range(1, path.shape[0]):
        step = 0.0
        for c in range(dims):
            step += (path[k, c] - path[k - 1, c]) ** 2
        reach[k] = reach[k - 1] + math.sqrt(step)
    whole = max(reach[-1], 1e-18)
    for n in range(points.shape[0]):
        best, along, side = np.inf, 0.0, 0.0
        for k in range(path.shape[0] - 1):
            dot, square = 0.0, 1e-18
            for c in range(dims):
                step = path[k + 1, c] - path[k, c]
                dot += (points[n, c] - path[k, c]) * step
                square += step * step
            share = min(max(dot / square, 0.0), 1.0)
            distance = 0.0
            for c in range(dims):
                distance += (points[n, c] - path[k, c] - share * (path[k + 1, c] - path[k, c])) ** 2
            if distance < best:
                best, along = distance, reach[k] + share * (reach[k + 1] - reach[k])
                if dims == 2:
                    x, y = path[k + 1, 0] - path[k, 0], path[k + 1, 1] - path[k, 1]
                    side = x * (points[n, 1] - path[k, 1] - share * y) - y * (points[n, 0] - path[k, 0] - share * x)
        found[0, n], found[1, n], found[2, n] = math.sqrt(best), along / whole, np.sign(side)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _inside(points, closed):
    found = np.zeros(points.shape[0], dtype=np.bool_)
    for n in range(points.shape[0]):
        x, y = points[n, 0], points[n, 1]
        for k in range(closed.shape[0] - 1):
            x0, y0, x1, y1 = closed[k, 0], closed[k, 1], closed[k + 1, 0], closed[k + 1, 1]
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                found[n] = not found[n]
    return found
