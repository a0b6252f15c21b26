"""Smooth noise that repeats, for folds and blots: looked up in a small table, so it costs next to nothing."""

from __future__ import annotations

from functools import cache
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32

from mien.synth.random import stream

__all__ = ["PERIOD", "noise", "noise_tile", "ramp"]

SIDE, PERIOD = 128, 16
"""Entries and bumps along a side of the table."""


@cache
def noise_tile() -> Float32[np.ndarray, "128 128"]:
    """The table, about -1..1: uniform cubic splines over random numbers."""
    values = stream("wardrobe", "noise").standard_normal((PERIOD, PERIOD))
    at = np.arange(SIDE) * PERIOD / SIDE
    base, t = np.floor(at).astype(int), at % 1
    weights = [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6]
    spread = np.zeros((SIDE, PERIOD))
    for shift, weight in enumerate(weights):
        spread[np.arange(SIDE), (base + shift - 1) % PERIOD] += weight
    tile = spread @ values @ spread.T
    return (tile / np.abs(tile).max()).astype(np.float32)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def noise(tile, u, v):
    """Bilinear look-up; compiled code calls it directly."""
    last = np.int32(SIDE - 1)
    x, y = u * np.float32(SIDE / PERIOD), v * np.float32(SIDE / PERIOD)
    fx, fy = np.floor(x), np.floor(y)
    i, j, s, t = np.int32(fx), np.int32(fy), x - fx, y - fy
    i0, i1, j0, j1 = i & last, (i + np.int32(1)) & last, j & last, (j + np.int32(1)) & last
    top = tile[j0, i0] + (tile[j0, i1] - tile[j0, i0]) * s
    low = tile[j1, i0] + (tile[j1, i1] - tile[j1, i0]) * s
    return top + (low - top) * t


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")
@no_type_check
def ramp(x):
    """0 below 0, 1 above 1, smooth between; compiled code calls it directly."""
    x = min(max(x, np.float32(0)), np.float32(1))
    return x * x * (np.float32(3) - np.float32(2) * x)
