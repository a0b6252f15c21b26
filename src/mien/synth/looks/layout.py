"""Charts in a texture: where each gets its place, and which face lies at each texel."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32

__all__ = ["GAP", "fill", "grow", "pack", "plant"]

GAP = 2
"""Texels around each chart that continue it."""


def pack(sizes: Float[np.ndarray, "chart 2"], width: int, height: int) -> tuple[float, Float32[np.ndarray, "chart 2"]]:
    """The largest common zoom (texels a unit) at which the charts fit, and where each has its corner."""
    low, high, places = 0.0, 4.0, np.zeros_like(sizes)
    for _ in range(24):
        zoom = (low + high) / 2
        found = _shelves(np.ceil(sizes * zoom) + 2 * GAP, width, height)
        if found is None:
            high = zoom
        else:
            low, places = zoom, found + GAP
    return low, places.astype(np.float32)


def _shelves(sizes: Float[np.ndarray, "chart 2"], width: int, height: int) -> Float[np.ndarray, "chart 2"] | None:
    """Put boxes at the lowest place where they fit, tall ones first; None if they do not."""
    skyline, places = np.zeros(width, dtype=np.int64), np.zeros(sizes.shape)
    for i in np.lexsort((-sizes[:, 0], -sizes[:, 1])):
        wide, tall = (int(n) for n in sizes[i])
        if wide > width:
            return None
        windows = np.lib.stride_tricks.sliding_window_view(skyline, wide).max(1)
        x = int(windows.argmin())
        if windows[x] + tall > height:
            return None
        places[i] = x, windows[x]
        skyline[x : x + wide] = windows[x] + tall
    return places


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def fill(corner, height, faces, top, seen, weight):
    """Draw faces at the centres of texels, the highest on top."""
    for f in faces:
        x0, y0, x1, y1 = corner[f, 0, 0], corner[f, 0, 1], corner[f, 1, 0], corner[f, 1, 1]
        x2, y2 = corner[f, 2, 0], corner[f, 2, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        left, right = max(0, int(min(x0, x1, x2))), min(top.shape[1] - 1, int(max(x0, x1, x2)) + 1)
        low, high = max(0, int(min(y0, y1, y2))), min(top.shape[0] - 1, int(max(y0, y1, y2)) + 1)
        for j in range(low, high + 1):
            for i in range(left, right + 1):
                x, y = i + 0.5, j + 0.5
                a = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                b = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                c = 1 - a - b
                if a < -1e-6 or b < -1e-6 or c < -1e-6:
                    continue
                z = a * height[f, 0] + b * height[f, 1] + c * height[f, 2]
                if z > top[j, i]:
                    top[j, i], seen[j, i] = z, f
                    weight[j, i, 0], weight[j, i, 1], weight[j, i, 2] = a, b, c


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def plant(corner, faces, seen, weight):
    """Faces too small to hold the centre of a texel get the one that their middle lies in, if it is free."""
    for f in faces:
        i = int((corner[f, 0, 0] + corner[f, 1, 0] + corner[f, 2, 0]) / 3)
        j = int((corner[f, 0, 1] + corner[f, 1, 1] + corner[f, 2, 1]) / 3)
        if seen[j, i] < 0:
            seen[j, i] = f
            weight[j, i, 0] = weight[j, i, 1] = weight[j, i, 2] = 1 / 3


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def grow(seen, weight, times):
    """Continue charts beyond their edges, so that what is looked up between texels is skin."""
    for _ in range(times):
        before = seen.copy()
        for j in range(seen.shape[0]):
            for i in range(seen.shape[1]):
                if before[j, i] >= 0:
                    continue
                for k in range(4):
                    y, x = j + (k == 0) - (k == 1), i + (k == 2) - (k == 3)
                    if 0 <= y < seen.shape[0] and 0 <= x < seen.shape[1] and before[y, x] >= 0:
                        seen[j, i] = before[y, x]
                        weight[j, i] = weight[y, x]
                        break
