"""Compiled: lines through points, as `np.interp` has them, to the bit."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32

__all__ = ["behind", "height_at"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def height_at(x, at, value):
    """The value at x of a line through points (at, value), constant beyond them; compiled code calls it directly."""
    last = at.shape[0] - 1
    if x > at[last]:
        return value[last]
    if x < at[0]:
        return value[0]
    k = 0
    while k < last and x >= at[k + 1]:
        k += 1
    if k == last or at[k] == x:
        return value[k]
    return (value[k + 1] - value[k]) / (at[k + 1] - at[k]) * (x - at[k]) + value[k]


def behind(
    points: Float32[np.ndarray, "vert 3"], line: Float32[np.ndarray, "corner 3"], axis: int
) -> Float32[np.ndarray, " vert"]:
    """How far points lie behind a line, along z; x counts outwards.

    Args:
        points: metres.
        line: its corners, in order along the axis.
        axis: 0 or 1.
    """
    found = np.empty(len(points), dtype=np.float32)
    _behind(points, line, axis, found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _behind(points, line, axis, found):
    corners = line.astype(np.float64)
    at, depth = corners[:, axis], corners[:, 2]
    for v in range(found.shape[0]):
        along = np.float64(abs(points[v, axis]) if axis == 0 else points[v, axis])
        found[v] = np.float32(height_at(along, at, depth)) - points[v, 2]
