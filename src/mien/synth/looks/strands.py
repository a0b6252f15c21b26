"""Locks of hair: curves that grow from the scalp, bend under their weight, slide over head and shoulders; ribbons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Float32

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.scalp import Scalp

__all__ = ["Locks", "Trunk", "grow", "ribbons", "trunk_of"]

_FAST = {"contract", "nsz", "reassoc"}
_CELL, _SIDE = 0.02, 48
_SUBSTEPS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Locks:
    """Many locks, one a row. Lengths in metres; numbers are broadcast over the locks."""

    start: Float[np.ndarray, "lock 3"]
    heading: Float[np.ndarray, "lock 3"]
    """Where they point at the root; any length."""
    length: Float[np.ndarray, " lock"] | float
    pull: Float[np.ndarray, "lock 3"] | Float[np.ndarray, "3"] | float = 0.0
    """A direction to which they bend all along, its length how strongly."""
    pull_reach: float = 9.0
    """Metres from the root beyond which they are not pulled any more."""
    target: Float[np.ndarray, "lock 3"] | Float[np.ndarray, "3"] | float = 0.0
    """A place that draws them, `tow` as strongly."""
    tow: Float[np.ndarray, " lock"] | float = 0.0
    heavy: Float[np.ndarray, " lock"] | float = 1.0
    """How strongly they are drawn down."""
    soft: Float[np.ndarray, " lock"] | float = 0.03
    """Metres after which a lock follows its forces rather than its root."""
    layer: Float[np.ndarray, " lock"] | float = 0.01
    """How far above head and body they lie at least."""
    curl: Float[np.ndarray, " lock"] | float = 0.0
    """Radius of curls."""
    turns: Float[np.ndarray, " lock"] | float = 12.0
    """Turns of the curls a metre."""
    width: Float[np.ndarray, " lock"] | float = 0.02
    tip: Float[np.ndarray, " lock"] | float = 0.25
    """Width at the tip, as a share."""
    over_face: bool = False
    """Whether they may hang over the forehead: down to the brows, no further."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trunk:
    """How far the upper body reaches to the front, the back and upwards, on grids of 2 cm around the neck."""

    corner: Float32[np.ndarray, "3"]
    front: Float32[np.ndarray, "48 48"]
    """By x and y."""
    back: Float32[np.ndarray, "48 48"]
    top: Float32[np.ndarray, "48 48"]
    """By x and z."""


@once_per_body
def _below_head(arrays: BodyArrays) -> Bool[np.ndarray, " vert"]:
    """Vertices that the head does not move."""
    return arrays.weights[:, [15, 22, 23, 24]].sum(1) < 0.25


def trunk_of(figure: Figure, scalp: Scalp) -> Trunk:
    """Measure somebody's shoulders, chest and back."""
    corner = (scalp.joints[12] + np.array([0.0, 0.08, 0.0]) - _CELL * _SIDE * np.array([0.5, 1.0, 0.5])).astype(
        np.float32
    )
    front, back, top = (np.full((_SIDE, _SIDE), value, dtype=np.float32) for value in (-9.0, 9.0, -9.0))
    _splat(figure.vertices, _below_head(figure.arrays), corner, front, back, top)
    return Trunk(corner=corner, front=_widen(front), back=-_widen(-back), top=_widen(top))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _widen(values):
    """The largest of each cell and its neighbours."""
    rows, columns = values.shape
    found = np.empty_like(values)
    for i in range(rows):
        for j in range(columns):
            most = values[i, j]
            for a in range(max(i - 1, 0), min(i + 2, rows)):
                for b in range(max(j - 1, 0), min(j + 2, columns)):
                    most = max(most, values[a, b])
            found[i, j] = most
    return found


def grow(
    locks: Locks, scalp: Scalp, trunk: Trunk | None, rng: np.random.Generator, steps: int, *, ears: bool
) -> Float32[np.ndarray, "lock step 3"]:
    """The curves of the locks, `steps` + 1 points each from root to tip.

    Args:
        locks: how they grow.
        scalp: where.
        trunk: what long hair lies on; None for hair that does not reach the shoulders.
        rng: for the phases of curls.
        steps: pieces of a lock.
        ears: whether hair lies over the ears.
    """
    count = len(locks.start)
    numbers = np.empty((count, 10), dtype=np.float32)
    numbers[:, 0], numbers[:, 1], numbers[:, 2], numbers[:, 3] = locks.length, locks.tow, locks.heavy, locks.soft
    numbers[:, 4], numbers[:, 5], numbers[:, 6], numbers[:, 7] = locks.layer, locks.curl, locks.turns, locks.over_face
    numbers[:, 8], numbers[:, 9] = rng.uniform(0, 2 * np.pi, count), locks.pull_reach
    vectors = np.zeros((count, 4, 3), dtype=np.float32)
    vectors[:, 0], vectors[:, 1], vectors[:, 2], vectors[:, 3] = locks.start, locks.heading, locks.pull, locks.target
    found = np.empty((count, steps + 1, 3), dtype=np.float32)
    marks = scalp.marks
    brow, eye = float(marks[:10, 1].mean()), float(np.abs(marks[[19, 28], 0] - scalp.origin[0]).max())
    face = np.array([eye + 0.012, brow + 0.004, float(marks[40, 1]) - 0.04, scalp.origin[2] + 0.03], dtype=np.float32)
    empty = np.zeros((0, 0), dtype=np.float32)
    body = (trunk.corner, trunk.front, trunk.back, trunk.top) if trunk else (scalp.origin, empty, empty, empty)
    _grow(vectors, numbers, scalp.origin, scalp.whole if ears else scalp.bare, face, body, found)
    return found


def ribbons(
    curves: Float32[np.ndarray, "lock step 3"], locks: Locks, scalp: Scalp
) -> Float32[np.ndarray, "lock step 3 3"]:
    """Three vertices for each point of a lock: left edge, raised middle, right edge."""
    count = len(curves)
    sizes = np.empty((count, 2), dtype=np.float32)
    sizes[:, 0], sizes[:, 1] = locks.width, locks.tip
    found = np.empty((*curves.shape[:2], 3, 3), dtype=np.float32)
    _ribbons(curves, sizes, scalp.origin, np.float32(scalp.marks[40, 1]), found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _splat(vertices, body, corner, front, back, top):
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        i, j = int((x - corner[0]) / _CELL), int((y - corner[1]) / _CELL)
        k = int((z - corner[2]) / _CELL)
        if body[v] and 0 <= i < _SIDE and 0 <= j < _SIDE and y > corner[1]:
            front[i, j], back[i, j] = max(front[i, j], z), min(back[i, j], z)
            if 0 <= k < _SIDE:
                top[i, k] = max(top[i, k], y)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _radius(values, x, y, z):
    """The map of the head in the direction (x, y, z), bilinear."""
    rows, columns = values.shape
    column = (math.atan2(x, z) + math.pi) * np.float32(columns / (2 * math.pi))
    row = (math.atan2(y, math.sqrt(x * x + z * z)) + math.pi / 2) * np.float32(rows / math.pi) - 0.5
    row = min(max(row, 0.0), rows - 1.001)
    i, j = int(column), int(row)
    u, v = column - i, row - j
    i, right = i % columns, (i + 1) % columns
    low = values[j, i] * (1 - u) + values[j, right] * u
    return low * (1 - v) + (values[j + 1, i] * (1 - u) + values[j + 1, right] * u) * v


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _off_trunk(p, d, layer, body):
    """Push a point out of the upper body, the shortest way."""
    corner, front, back, top = body
    i, j = int((p[0] - corner[0]) / _CELL), int((p[1] - corner[1]) / _CELL)
    k = int((p[2] - corner[2]) / _CELL)
    if not (0 <= i < _SIDE and 0 <= j < _SIDE and 0 <= k < _SIDE):
        return
    ahead, behind, above = front[i, j] + layer - p[2], p[2] - back[i, j] + layer, top[i, k] + layer - p[1]
    if ahead <= 0 or behind <= 0 or above <= 0:
        return
    if above <= ahead and above <= behind:
        p[1] += above
        d[0], d[1], d[2] = 0.15 * d[0], max(d[1], 0.0), d[2] + (1.4 if ahead < behind else -1.4)
    elif ahead <= behind:
        p[2] += ahead
        d[2] = max(d[2], 0.0)
    else:
        p[2] -= behind
        d[2] = min(d[2], 0.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _off_face(p, d, ds, face, origin, side, over):
    """Keep a point off the face: beside and behind it, or above the brows. False where it must stop."""
    if p[2] < face[3] or p[1] > face[1] or p[1] < face[2] or abs(p[0] - origin[0]) > 2 * face[0]:
        return True
    if over:
        return False
    if abs(p[0] - origin[0]) < face[0]:
        p[0] = origin[0] + side * face[0]
    p[2] = max(p[2] - ds, face[3])
    d[0], d[1], d[2] = 0.0, min(d[1], -0.5), min(d[2], -0.5)
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _grow(vectors, numbers, origin, head, face, body, found):
    p, d, t = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    steps = found.shape[1] - 1
    for n in range(vectors.shape[0]):
        length, tow, heavy, soft, layer = numbers[n, 0], numbers[n, 1], numbers[n, 2], numbers[n, 3], numbers[n, 4]
        curl, turns, over, phase = numbers[n, 5], numbers[n, 6], numbers[n, 7] > 0, numbers[n, 8]
        norm = 1e-9
        for c in range(3):
            p[c], d[c] = vectors[n, 0, c], vectors[n, 1, c]
            norm += d[c] * d[c]
        for c in range(3):
            d[c] /= math.sqrt(norm)
            found[n, 0, c] = p[c]
        side = np.float32(1.0) if p[0] >= origin[0] else np.float32(-1.0)
        growing = True
        for step in range(steps * _SUBSTEPS):
            if growing:
                ds = length / (steps * _SUBSTEPS) * (0.4 + 1.2 * (step + 0.5) / (steps * _SUBSTEPS))
                share = min(ds / soft, 1.0)
                norm = 1e-9
                for c in range(3):
                    t[c] = vectors[n, 3, c] - p[c]
                    norm += t[c] * t[c]
                norm = tow / math.sqrt(norm)
                drawn = max(0.0, 1 - (step + 1) / (steps * _SUBSTEPS) * length / numbers[n, 9])
                for c in range(3):
                    d[c] += share * (drawn * vectors[n, 2, c] + norm * t[c])
                d[1] -= share * heavy
                norm = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) + 1e-9
                for c in range(3):
                    d[c] /= norm
                    t[c] = p[c]
                    p[c] += ds * d[c]
                x, y, z = p[0] - origin[0], p[1] - origin[1], p[2] - origin[2]
                away = math.sqrt(x * x + y * y + z * z) + 1e-9
                s = (step + 1) / (steps * _SUBSTEPS)
                least = _radius(head, x, y, z) + layer * min(1.0, 0.35 + 2.0 * s) * (1 - 0.6 * s * over)
                if away < least and y > -0.16:
                    push, x, y, z = least - away, x / away, y / away, z / away
                    p[0], p[1], p[2] = p[0] + push * x, p[1] + push * y, p[2] + push * z
                    into = min(d[0] * x + d[1] * y + d[2] * z, 0.0)
                    d[0], d[1], d[2] = d[0] - into * x, d[1] - into * y, d[2] - into * z
                if body[1].shape[0] and y < -0.06:
                    _off_trunk(p, d, layer, body)
                if not _off_face(p, d, ds, face, origin, side, over):
                    growing = False
                    for c in range(3):
                        p[c] = t[c]
            if (step + 1) % _SUBSTEPS == 0:
                k = (step + 1) // _SUBSTEPS
                for c in range(3):
                    found[n, k, c] = p[c]
        if curl > 0:
            _curl(found[n], curl, turns, length, phase, origin)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _curl(curve, radius, turns, length, phase, origin):
    """Wind a curve: sideways, and half as much outwards."""
    last = curve.shape[0] - 1
    before = curve[0].copy()
    for k in range(1, last + 1):
        here = curve[k].copy()
        tx, ty, tz = here[0] - before[0], here[1] - before[1], here[2] - before[2]
        ox, oy, oz = here[0] - origin[0], 0.3 * (here[1] - origin[1]), here[2] - origin[2]
        bx, by, bz = ty * oz - tz * oy, tz * ox - tx * oz, tx * oy - ty * ox
        norm = math.sqrt(bx * bx + by * by + bz * bz) + 1e-9
        level = math.sqrt(ox * ox + oy * oy + oz * oz) + 1e-9
        share = k / last
        angle = 2 * math.pi * turns * length * share + phase
        a = radius * min(1.0, 2.5 * share)
        across, out = a * math.sin(angle) / norm, 0.6 * a * (math.cos(angle) + 0.6) / level
        before[:] = here
        curve[k, 0] += across * bx + out * ox
        curve[k, 1] += across * by + out * oy
        curve[k, 2] += across * bz + out * oz


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _ribbons(curves, sizes, origin, chin, found):
    last = curves.shape[1] - 1
    swell, thin = np.empty(last + 1), np.zeros(last + 1)
    for k in range(last + 1):
        s = k / last
        swell[k] = 0.2 + 0.8 * math.sin(min(4.0 * s, 1.0) * math.pi / 2)
        if s > 0.45:
            thin[k] = ((s - 0.45) / 0.55) ** 1.5
    for n in range(curves.shape[0]):
        for k in range(last + 1):
            p, q, r = curves[n, k], curves[n, max(k - 1, 0)], curves[n, min(k + 1, last)]
            tx, ty, tz = r[0] - q[0], r[1] - q[1], r[2] - q[2]
            share = min(max((chin + 0.08 - p[1]) / 0.12, 0.0), 1.0)
            ox, oy, oz = p[0] - origin[0], (p[1] - origin[1]) * (1 - share), p[2] - origin[2]
            norm = math.sqrt(ox * ox + oy * oy + oz * oz) + 1e-9
            ox, oy, oz = ox / norm, oy / norm, oz / norm
            bx, by, bz = ty * oz - tz * oy, tz * ox - tx * oz, tx * oy - ty * ox
            norm = math.sqrt(bx * bx + by * by + bz * bz)
            if norm < 1e-7:
                bx, by, bz, norm = oz, 0.0, -ox, math.sqrt(ox * ox + oz * oz) + 1e-9
            bx, by, bz = bx / norm, by / norm, bz / norm
            half = 0.5 * sizes[n, 0] * (swell[k] * (1 - (1 - sizes[n, 1]) * thin[k]))
            rise = 0.4 * half
            found[n, k, 0, 0], found[n, k, 0, 1], found[n, k, 0, 2] = (
                p[0] + half * bx,
                p[1] + half * by,
                p[2] + half * bz,
            )
            found[n, k, 1, 0], found[n, k, 1, 1], found[n, k, 1, 2] = (
                p[0] + rise * ox,
                p[1] + rise * oy,
                p[2] + rise * oz,
            )
            found[n, k, 2, 0], found[n, k, 2, 1], found[n, k, 2, 2] = (
                p[0] - half * bx,
                p[1] - half * by,
                p[2] - half * bz,
            )
