"""How far cloth reaches around a trunk, an arm or a leg: convex outlines, row by row, that hang down from above.

A row's outline is kept by its support function: for each direction, how far the body reaches. The larger of two support
functions belongs to the convex hull of both bodies, so hanging cloth is a running maximum down the rows.

Angles are counted without trigonometry: 0 is ahead (+z), 1 a quarter turn towards the first axis across (+x for trunk
and legs, +y for arms), 2 behind, and negative on the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

__all__ = ["DIRECTIONS", "STEP", "Tube", "hang", "measure", "quarter_turns", "reach", "rounded", "widen"]

DIRECTIONS = 24
STEP = 0.025
"""Metres between the outlines of a tube."""
_TURN = np.linspace(-np.pi, np.pi, DIRECTIONS, endpoint=False)
_UNIT = np.stack([np.sin(_TURN), np.cos(_TURN)]).astype(np.float32)


def _slants() -> Float32[np.ndarray, "direction direction"]:
    """1 / cosine between the directions of radii (even in quarter turns) and those of supports (even in angle)."""
    turns = np.linspace(-2, 2, DIRECTIONS, endpoint=False)
    across = np.where(np.abs(turns) <= 1, turns, np.sign(turns) * (2 - np.abs(turns)))
    ahead = 1 - np.abs(turns)
    ways = np.stack([across, ahead], 1) / np.hypot(across, ahead)[:, None]
    cosine = ways @ _UNIT
    return np.where(cosine > 0.15, 1 / np.maximum(cosine, 0.15), 1e9).astype(np.float32)


_SLANT = _slants()


@dataclass(frozen=True, kw_only=True, eq=False)
class Tube:
    """Outlines at even steps along an axis."""

    first: float
    """Where on the axis the first row is, metres."""
    step: float
    """To the next row; negative downwards."""
    support: Float32[np.ndarray, "row direction"]
    """Metres from the axis."""
    centre: Float32[np.ndarray, "row 2"]
    """Of each row, in the plane across the axis."""

    @property
    def rows(self) -> Float32[np.ndarray, " row"]:
        """Where on the axis the rows are."""
        return (self.first + self.step * np.arange(len(self.support))).astype(np.float32)


def measure(
    points: Float32[np.ndarray, "vert 3"],
    among: Int32[np.ndarray, " some"],
    axes: tuple[int, int],
    mirror: bool,
    rows: Float32[np.ndarray, " row"],
    centre: Float32[np.ndarray, "row 2"],
) -> Tube:
    """The outlines of points; rows without any take those of their neighbours.

    Args:
        points: all.
        among: which of them count.
        axes: along, and the first across; the second across is z.
        mirror: count x outwards on both sides.
        rows: where the outlines are, at even steps.
        centre: of the rows.
    """
    support, first, step = np.full((len(rows), DIRECTIONS), -1, dtype=np.float32), rows[0], rows[1] - rows[0]
    _measure(points, among, axes[0], axes[1], mirror, first, step, centre, _UNIT, support)
    _fill(support)
    return Tube(first=float(first), step=float(step), support=support, centre=centre)


def widen(tube: Tube, points: Float32[np.ndarray, "vert 3"]) -> None:
    """Make the outlines of a tube around trunk and legs hold more points, too."""
    step, among = np.float32(tube.step), np.arange(len(points), dtype=np.int32)
    _measure(points, among, 1, 0, False, np.float32(tube.first), step, tube.centre, _UNIT, tube.support)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _measure(points, among, axis, other, mirror, first, step, centre, unit, support):
    rows = support.shape[0]
    for i in range(among.shape[0]):
        v = among[i]
        along, across, ahead = points[v, axis], points[v, other], points[v, 2]
        if mirror and axis == 0:
            along = abs(along)
        elif mirror:
            across = abs(across)
        low = int(np.floor((along - first) / step))
        for row in range(max(low, 0), min(low + 2, rows)):
            x, z, line = across - centre[row, 0], ahead - centre[row, 1], support[row]
            for k in range(DIRECTIONS):
                line[k] = max(line[k], x * unit[0, k] + z * unit[1, k])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fill(support):
    """Rows without points become like the nearest row with some; no outline is narrower than 5 mm."""
    count = support.shape[0]
    full = np.empty(count, dtype=np.bool_)
    for row in range(count):
        full[row] = support[row, 0] > -1
    for row in range(count):
        source = row
        if not full[row]:
            for away in range(1, count):
                if row - away >= 0 and full[row - away]:
                    source = row - away
                    break
                if row + away < count and full[row + away]:
                    source = row + away
                    break
        for k in range(support.shape[1]):
            reach = support[source, k] if full[source] else np.float32(0.01)
            support[row, k] = max(reach, np.float32(0.005))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def hang(support, fall, rise, hug):
    """Outlines of cloth that draws in by at most `fall` metres a row onwards, and by `rise` a row backwards.

    `hug` (row) says how much of the way back to the body's own outline each row takes, 0..1.
    """
    hung = support.copy()
    rows, count = support.shape
    for row in range(1, rows):
        for k in range(count):
            hung[row, k] = max(hung[row, k], hung[row - 1, k] - fall)
    for row in range(rows - 2, -1, -1):
        for k in range(count):
            hung[row, k] = max(hung[row, k], hung[row + 1, k] - rise)
    for row in range(rows):
        for k in range(count):
            hung[row, k] += hug[row] * (support[row, k] - hung[row, k])
    return hung


def rounded(support: Float32[np.ndarray, "row direction"], depth: float) -> Float32[np.ndarray, "row direction"]:
    """Outlines that hold an ellipse as wide as they are, and `depth` times as deep as wide."""
    wide = np.maximum(support[:, DIRECTIONS // 4], support[:, 3 * DIRECTIONS // 4])[:, None]
    ellipse = wide * np.hypot(_UNIT[0], np.float32(depth) * _UNIT[1])
    return np.maximum(support, ellipse)


def reach(support: Float32[np.ndarray, "row direction"]) -> Float32[np.ndarray, "row direction"]:
    """Radius of each outline in directions even in quarter turns from -2: where the ray leaves the convex shape."""
    return _reach(support, _SLANT)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _reach(support, slant):
    result = np.empty_like(support)
    for row in range(support.shape[0]):
        for j in range(slant.shape[0]):
            best = np.float32(1e9)
            for k in range(support.shape[1]):
                best = min(best, support[row, k] * slant[j, k])
            result[row, j] = best
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def quarter_turns(across, ahead):
    """The angle of a direction, -2..2."""
    share = across / (abs(across) + abs(ahead) + np.float32(1e-9))
    if ahead >= 0:
        return share
    return np.float32(2) - share if across >= 0 else np.float32(-2) - share
