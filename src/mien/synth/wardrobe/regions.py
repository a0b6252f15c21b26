"""Where garments end, as fields over the dummy: metres inside the border, zero on it, negative beyond.

In the rest pose hems are heights, cuffs are distances from the middle, and a neckline is a cone with round ends that
leans on the chest, so each border is a clean curve whatever the triangles are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32

from mien.synth.wardrobe.fit import Fit

__all__ = ["Neckline", "above", "armhole", "below", "neckline", "opening", "within_sleeve"]

Field = Float32[np.ndarray, " vert"]


@dataclass(frozen=True, kw_only=True)
class Neckline:
    """The hole for the head, metres: a saddle, high beside the neck, lower in front than behind."""

    width: float = 0.08
    """From the middle to where it crosses the top of the shoulder."""
    front: float = 0.012
    """How far below the pit of the neck it comes down in front."""
    back: float = 0.03
    """How far below the place beside the neck it comes down behind."""
    point: float = 0.0
    """From 0, round, to 1, a V."""


def above(points: Float32[np.ndarray, "vert 3"], height: float, tilt: float = 0.0) -> Field:
    """What lies above a height; with a tilt, in metres per metre, the border is higher at the back."""
    return _level(points, np.float32(height), np.float32(tilt), np.float32(1))


def below(points: Float32[np.ndarray, "vert 3"], height: float, tilt: float = 0.0) -> Field:
    """What lies below a height; with a tilt the border is higher at the back."""
    return _level(points, np.float32(height), np.float32(tilt), np.float32(-1))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _level(points, height, tilt, sign):
    found = np.empty(points.shape[0], dtype=np.float32)
    for v in range(points.shape[0]):
        found[v] = sign * (points[v, 1] - height + tilt * points[v, 2])
    return found


def within_sleeve(points: Float32[np.ndarray, "vert 3"], end: float) -> Field:
    """What lies nearer to the middle than the end of the sleeve."""
    return np.float32(end) - np.abs(points[:, 0])


def armhole(fit: Fit, points: Float32[np.ndarray, "vert 3"], inset: float, lean: float = 0.25) -> Field:
    """The trunk without the arms: cut by a plane that goes outwards downwards, and never below the armpit.

    Args:
        fit: gives shoulder and armpit.
        points: to measure.
        inset: metres from the shoulder joint towards the neck, at the joint's height.
        lean: metres outwards per metre downwards.
    """
    numbers = (fit.arms[0, 0] - inset, lean, fit.arms[0, 1], fit.armpit - 0.012)
    return _armhole(points, np.array(numbers, dtype=np.float32))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _armhole(points, numbers):
    out, lean, shoulder, armpit = numbers
    found = np.empty(points.shape[0], dtype=np.float32)
    for v in range(points.shape[0]):
        y = points[v, 1]
        found[v] = max(out - abs(points[v, 0]) - lean * (y - shoulder), np.float32(0.8) * (armpit - y))
    return found


def neckline(fit: Fit, points: Float32[np.ndarray, "vert 3"], shape: Neckline) -> Field:
    """What lies below the hole for the head."""
    pit, nape = fit.pit, fit.nape
    side = float(nape[1]) - 0.5 * (shape.width - float(nape[0]))
    behind, ahead = float(nape[1]) - shape.back, float(pit[1]) - 0.012
    back, front = float(nape[2]) - 0.05, float(pit[2])
    slope = (ahead - behind) / max(front - back, 0.05)
    middle = ahead + slope * (float(nape[2]) - front)
    places = (ahead, slope, front, nape[2], front - float(nape[2]))
    bends = ((side - middle) / shape.width**2, shape.width, 1 - shape.point, shape.point, shape.front - 0.012)
    return _neckline(points, np.array((*places, *bends), dtype=np.float32))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _neckline(points, numbers):
    ahead, slope, front, nape, deep, bow, width, rounded, pointed, scooped = numbers
    zero, one = np.float32(0), np.float32(1)
    found = np.empty(points.shape[0], dtype=np.float32)
    for v in range(points.shape[0]):
        x, z = abs(points[v, 0]), points[v, 2]
        line = ahead + slope * (z - front) + bow * x * x
        share = min(x / width, one)
        scoop = (one - share * share) * rounded + (one - share) * pointed
        down = min(max((z - nape) / deep, zero), one)
        found[v] = line - scooped * scoop * down - points[v, 1]
    return found


def opening(
    points: Float32[np.ndarray, "vert 3"], top: tuple[float, float], low: tuple[float, float], back: float
) -> Field:
    """What lies beside a slit down the front.

    Args:
        points: to measure.
        top: height and half width of the slit there, metres.
        low: the same further down.
        back: depth (z) behind which nothing is cut.
    """
    numbers = (low[0], top[0] - low[0], low[1], top[1] - low[1], back)
    return _opening(points, np.array(numbers, dtype=np.float32))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _opening(points, numbers):
    low, high, narrow, wider, back = numbers
    zero, one = np.float32(0), np.float32(1)
    found = np.empty(points.shape[0], dtype=np.float32)
    for v in range(points.shape[0]):
        half = narrow + min(max((points[v, 1] - low) / high, zero), one) * wider
        found[v] = abs(points[v, 0]) - half + np.float32(4) * max(back - points[v, 2], zero)
    return found
