"""The head as a radius over directions: where hair grows on it, where hats sit, and where the ears are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int64

from mien.body.reading import BodyArrays
from mien.synth.looks.atlas import head_origin, part_of_faces
from mien.synth.looks.memo import once_per_body

__all__ = ["AROUND", "UPWARDS", "Ears", "directions", "ears_of", "radii", "skull"]

AROUND, UPWARDS = 90, 45
"""Directions of the map: every 4 degrees around from the back over the person's right (-180, -176 ...), and every
4 degrees upwards (-88 ... 88)."""
_STEP = np.pi / UPWARDS


@dataclass(frozen=True, kw_only=True, eq=False)
class Ears:
    """Where the ears are on a body's template, the mean of both sides."""

    front: float
    """Radians around from the nose."""
    back: float
    top: float
    """Radians above the horizontal through the head's origin."""
    bottom: float
    cells: Bool[np.ndarray, "upwards around"]
    """Directions in which an ear stands off the head."""
    faces: Bool[np.ndarray, " face"]
    """Which of the body's faces are of an ear."""


@cache
def directions() -> Float32[np.ndarray, "upwards around 3"]:
    """The unit vectors of the map."""
    turn = np.arange(AROUND) * _STEP - np.pi
    rise = (np.arange(UPWARDS) + 0.5) * _STEP - np.pi / 2
    turn, rise = np.meshgrid(turn, rise)
    return np.stack([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)], -1).astype(np.float32)


def radii(
    vertices: Float[np.ndarray, "vert 3"],
    faces: Int[np.ndarray, "face 3"],
    origin: Float[np.ndarray, "3"],
    which: Int64[np.ndarray, "upwards around"] | None = None,
) -> Float32[np.ndarray, "upwards around"]:
    """How far from the origin the outermost of these faces is in each direction, metres; 0 where there is none.

    The number of that face is put into `which`.
    """
    found, offset = np.zeros((UPWARDS, AROUND), dtype=np.float32), vertices - origin
    turns = (np.arctan2(offset[:, 0], offset[:, 2]) + np.pi) / _STEP
    rises = (np.arctan2(offset[:, 1], np.hypot(offset[:, 0], offset[:, 2])) + np.pi / 2) / _STEP - 0.5
    which = np.empty((UPWARDS, AROUND), dtype=np.int64) if which is None else which
    _radii(offset, turns, rises, faces, directions(), found, which)
    return found


def skull(
    vertices: Float[np.ndarray, "vert 3"], arrays: BodyArrays, origin: Float[np.ndarray, "3"]
) -> tuple[Float32[np.ndarray, "upwards around"], Float32[np.ndarray, "upwards around"]]:
    """The same of a person's head and neck without its ears, and with them.

    Which spot of the surface lies in each direction is taken from the template: heads differ too little to matter.
    """
    rays = _rays(arrays)
    away = np.empty(UPWARDS * AROUND, dtype=np.float32)
    _distances(vertices, rays.corners, rays.weight, origin, away)
    away = away.reshape(UPWARDS, AROUND)
    return rays.bare.fill(away), rays.whole.fill(away)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Filling:
    """Each cell of the map as a mean of two known ones."""

    first: Int[np.ndarray, "upwards around"]
    second: Int[np.ndarray, "upwards around"]
    share: Float32[np.ndarray, "upwards around"]

    @classmethod
    def plan(cls, good: Bool[np.ndarray, "upwards around"]) -> _Filling:
        """Cells that are not good are filled from left and right of them, or from the next row."""
        rows = np.nonzero(good.any(1))[0] if good.any() else np.arange(UPWARDS)
        first, share = np.empty(good.shape, dtype=np.int64), np.zeros(good.shape, dtype=np.float32)
        second, place = first.copy(), np.arange(AROUND)
        for row in range(UPWARDS):
            near = int(rows[np.abs(rows - row).argmin()])
            known = np.nonzero(np.tile(good[near] if good.any() else np.ones(AROUND, bool), 3))[0]
            after = np.searchsorted(known, place + AROUND)
            before = known[after - (known[after] > place + AROUND)]
            first[row], second[row] = near * AROUND + before % AROUND, near * AROUND + known[after] % AROUND
            share[row] = (place + AROUND - before) / np.maximum(known[after] - before, 1)
        return cls(first=first, second=second, share=share)

    def fill(self, values: Float32[np.ndarray, "upwards around"]) -> Float32[np.ndarray, "upwards around"]:
        """The filled map."""
        found = np.empty(self.share.shape, dtype=np.float32)
        _fill(values.reshape(-1), self.first, self.second, self.share, found)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rays:
    """Where rays from the origin leave the template's head."""

    corners: Int[np.ndarray, "cell 3"]
    weight: Float32[np.ndarray, "cell 3"]
    bare: _Filling
    whole: _Filling


@once_per_body
def _rays(arrays: BodyArrays) -> _Rays:
    vertices, faces = arrays.v_template, arrays.faces[part_of_faces(arrays) == 1]
    origin, which = head_origin(vertices, arrays), np.full((UPWARDS, AROUND), -1, dtype=np.int64)
    away = radii(vertices, faces, origin, which)
    hit = which >= 0
    corners = faces[np.where(hit, which, 0).ravel()] if len(faces) else np.zeros((hit.size, 3), dtype=np.int64)
    place = origin + directions().reshape(-1, 3) * away.reshape(-1, 1)
    weight = np.full((hit.size, 3), 1 / 3, dtype=np.float32)
    a, b, c = np.moveaxis(vertices[corners].astype(np.float64), 1, 0)
    across = np.cross(b - a, c - a)
    area = np.maximum((across * across).sum(1), 1e-18)
    weight[:, 0] = (np.cross(c - b, place - b) * across).sum(1) / area
    weight[:, 1] = (np.cross(a - c, place - c) * across).sum(1) / area
    weight = np.where(hit.reshape(-1, 1), np.clip(weight, 0, 1), 1 / 3)
    weight[:, 2] = np.where(hit.ravel(), np.clip(1 - weight[:, 0] - weight[:, 1], 0, 1), 1 / 3)
    ears = ears_of(arrays)
    return _Rays(
        corners=corners,
        weight=weight.astype(np.float32),
        bare=_Filling.plan(hit & ~ears.cells),
        whole=_Filling.plan(hit),
    )


@once_per_body
def ears_of(arrays: BodyArrays) -> Ears:
    """Find the ears: what stands off the sides of the head."""
    vertices, head = arrays.v_template, part_of_faces(arrays) == 1
    origin = head_origin(vertices, arrays)
    whole = radii(vertices, arrays.faces[head], origin)
    opened = _dilate(_erode(whole, 9), 9)
    turn, rise = np.abs(np.arange(AROUND) * _STEP - np.pi), (np.arange(UPWARDS) + 0.5) * _STEP - np.pi / 2
    sides = (turn > 1.0) & (turn < 2.3) & ((rise > -0.9) & (rise < 0.6))[:, None]
    bumps = sides & (whole - opened > 0.005)
    rows, turns = np.nonzero(bumps.any(1))[0], turn[bumps.any(0)]
    cells = np.zeros_like(bumps)
    if len(rows):
        cells[max(rows[0] - 1, 0) : rows[-1] + 2] = (turn > turns.min() - 2 * _STEP) & (turn < turns.max() + 2 * _STEP)
    offset = vertices[arrays.faces].mean(1) - origin
    column, row = _cell_of(offset)
    faces = (
        head
        & cells[row, column]
        & (np.linalg.norm(offset, axis=1) > _Filling.plan((whole > 0) & ~cells).fill(whole)[row, column] + 0.0035)
    )
    if not faces.any():
        return Ears(front=1.35, back=1.75, top=0.15, bottom=-0.5, cells=cells, faces=faces)
    around = np.abs(np.arctan2(offset[faces, 0], offset[faces, 2]))
    above = np.arctan2(offset[faces, 1], np.hypot(offset[faces, 0], offset[faces, 2]))
    front, back = (float(a) for a in np.percentile(around, [3, 97]))
    bottom, top = (float(a) for a in np.percentile(above, [2, 98]))
    return Ears(front=front, back=back, top=top, bottom=bottom, cells=cells, faces=faces)


def _cell_of(offset: Float[np.ndarray, "point 3"]) -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Column and row of the map in which each offset from the origin lies."""
    turn = np.arctan2(offset[:, 0], offset[:, 2])
    rise = np.arctan2(offset[:, 1], np.hypot(offset[:, 0], offset[:, 2]))
    column = np.rint((turn + np.pi) / _STEP).astype(int) % AROUND
    return column, np.clip(((rise + np.pi / 2) / _STEP).astype(int), 0, UPWARDS - 1)


def _erode(values: np.ndarray, reach: int) -> np.ndarray:
    """The smallest value within `reach` cells around."""
    return np.min([np.roll(values, k, axis=1) for k in range(-reach, reach + 1)], axis=0)


def _dilate(values: np.ndarray, reach: int) -> np.ndarray:
    return np.max([np.roll(values, k, axis=1) for k in range(-reach, reach + 1)], axis=0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fill(values, first, second, share, found):
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            t = share[i, j]
            found[i, j] = values[first[i, j]] * (np.float32(1) - t) + values[second[i, j]] * t


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _distances(vertices, corners, weight, origin, away):
    """How far points within triangles are from the origin."""
    for n in range(corners.shape[0]):
        total = 0.0
        for c in range(3):
            place = -origin[c]
            for k in range(3):
                place += weight[n, k] * vertices[corners[n, k], c]
            total += place * place
        away[n] = math.sqrt(total)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _radii(points, turns, rises, faces, rays, found, which):
    """Rays from the origin against every face that they may hit. `turns` and `rises` of the points are in cells."""
    rows, columns = found.shape
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        t0, t1, t2 = turns[i], turns[j], turns[k]
        t1 -= columns * np.rint((t1 - t0) / columns)
        t2 -= columns * np.rint((t2 - t0) / columns)
        left, right = min(t0, t1, t2), max(t0, t1, t2)
        low, high = min(rises[i], rises[j], rises[k]), max(rises[i], rises[j], rises[k])
        if right - left > 0.4 * columns:
            left, right = 0.0, columns - 1.0
            low, high = (low, rows - 1.0) if high > rows / 2 else (0.0, high)
        ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
        bx, by, bz = points[j, 0], points[j, 1], points[j, 2]
        cx, cy, cz = points[k, 0], points[k, 1], points[k, 2]
        ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        volume = ax * ux + ay * uy + az * uz
        for row in range(max(int(low), 0), min(int(high + 1), rows - 1) + 1):
            for place in range(int(np.floor(left)), int(np.ceil(right)) + 1):
                column = place % columns
                dx, dy, dz = rays[row, column, 0], rays[row, column, 1], rays[row, column, 2]
                p, q, r = dx * ux + dy * uy + dz * uz, dx * vx + dy * vy + dz * vz, dx * wx + dy * wy + dz * wz
                total = p + q + r
                if (p >= 0 and q >= 0 and r >= 0 and total > 0) or (p <= 0 and q <= 0 and r <= 0 and total < 0):
                    away = volume / total
                    if away > found[row, column]:
                        found[row, column], which[row, column] = away, f
