"""Smooth noise in space: what makes skin mottled, hair uneven and cloth worn. The same points give the same noise."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32

__all__ = ["dots", "noise"]

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


def noise(
    points: Float[np.ndarray, "point 3"], size: float, seed: int, octaves: int = 3
) -> Float32[np.ndarray, " point"]:
    """Fractal value noise, about -1..1 (standard deviation near 0.4).

    Args:
        points: metres.
        size: of the largest features, metres.
        seed: another one gives other noise.
        octaves: each half the size and 0.6 of the height of the last.
    """
    found = np.zeros(len(points), dtype=np.float32)
    _noise(np.ascontiguousarray(points, dtype=np.float64), 1 / size, seed, octaves, found)
    return found


def dots(
    points: Float[np.ndarray, "point 3"], size: float, radius: float, seed: int
) -> tuple[Float32[np.ndarray, " point"], Float32[np.ndarray, " point"]]:
    """Scattered spots, one in each cube of side `size`: how deep each point lies in one (0..1), and a number of it.

    Args:
        points: metres.
        size: side of the cubes, metres.
        radius: of the largest spots, metres; the smallest have a third of it.
        seed: another one puts them elsewhere.
    """
    depth, which = np.zeros(len(points), dtype=np.float32), np.zeros(len(points), dtype=np.float32)
    _dots(np.ascontiguousarray(points, dtype=np.float64), size, radius, seed, depth, which)
    return depth, which


@numba.njit(**_JIT)
@no_type_check
def _hash(x, y, z, seed):
    """A number in 0..1 for a corner of the lattice."""
    h = np.uint64(x * 73856093) ^ np.uint64(y * 19349663) ^ np.uint64(z * 83492791) ^ np.uint64(seed * 2654435761)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> np.uint64(33)
    return np.float64(h >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@numba.njit(**_JIT)
@no_type_check
def _value(x, y, z, seed):
    """Smoothly interpolated lattice noise, -1..1."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                total += weight * _hash(np.int64(i) + a, np.int64(j) + b, np.int64(k) + c, seed)
    return 2 * total - 1


@numba.njit(**_JIT)
@no_type_check
def _noise(points, frequency, seed, octaves, found):
    for n in range(points.shape[0]):
        f, height, total = frequency, 1.0, 0.0
        for octave in range(octaves):
            total += height * _value(points[n, 0] * f, points[n, 1] * f, points[n, 2] * f, seed + 101 * octave)
            f *= 2.03
            height *= 0.6
        found[n] = total


@numba.njit(**_JIT)
@no_type_check
def _dots(points, size, radius, seed, depth, which):
    for n in range(points.shape[0]):
        x, y, z = points[n, 0] / size, points[n, 1] / size, points[n, 2] / size
        i, j, k = np.int64(math.floor(x)), np.int64(math.floor(y)), np.int64(math.floor(z))
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    p, q, r = i + a, j + b, k + c
                    dx = p + _hash(p, q, r, seed) - x
                    dy = q + _hash(p, q, r, seed + 1) - y
                    dz = r + _hash(p, q, r, seed + 2) - z
                    reach = radius / size * (0.33 + 0.67 * _hash(p, q, r, seed + 3) ** 2)
                    inside = 1 - math.sqrt(dx * dx + dy * dy + dz * dz) / reach
                    if inside > depth[n]:
                        depth[n] = inside
                        which[n] = _hash(p, q, r, seed + 4)
