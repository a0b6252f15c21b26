"""Somebody's scalp: directions on the head as places for hair, the hairline, and what hair may not pass through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure
from mien.synth.looks.atlas import face_landmarks, head_origin
from mien.synth.looks.face_regions import Face
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.skull import Ears, skull

__all__ = ["Scalp", "lookup", "scalp_of"]

_RADIUS = 0.105
_LANES = 180


@dataclass(frozen=True, kw_only=True, eq=False)
class Scalp:
    """The head of one person in the rest pose. Directions are (around, upwards): radians to the person's left of the
    nose, and above the horizontal through the origin between the ears at the height of the brows."""

    origin: Float32[np.ndarray, "3"]
    bare: Float32[np.ndarray, "upwards around"]
    """Distance of the head's surface from the origin without ears: see `mien.synth.looks.skull`."""
    whole: Float32[np.ndarray, "upwards around"]
    """The same with ears."""
    line: Float32[np.ndarray, "180"]
    """Lowest hair (upwards) every 2 degrees around, from the back over the right."""
    receded: Float32[np.ndarray, "180"]
    """The same for hair that recedes."""
    marks: Float32[np.ndarray, "51 3"]
    """Face landmarks."""
    joints: Float32[np.ndarray, "joint 3"]
    ear_top: float
    """Upwards."""
    ear_bottom: float
    ear_around: float

    def edge(self, around: np.ndarray, *, receding: bool = False) -> np.ndarray:
        """Upwards angle of the hairline at these angles around."""
        place = (np.asarray(around) + np.pi) / (2 * np.pi) * _LANES
        k = np.floor(place).astype(int)
        line = self.receded if receding else self.line
        return line[k % _LANES] + (place - k) * (line[(k + 1) % _LANES] - line[k % _LANES])

    def at(
        self, around: np.ndarray, upwards: np.ndarray, lift: np.ndarray | float = 0.0, *, ears: bool = False
    ) -> np.ndarray:
        """Points (*, 3) `lift` metres above the head in these directions."""
        away = lookup(self.whole if ears else self.bare, around, upwards) + lift
        level, rise = np.cos(upwards), np.sin(upwards)
        aside, ahead = np.sin(around) * level, np.cos(around) * level
        if rise.shape != aside.shape:
            rise = np.broadcast_to(rise, aside.shape)
        found = np.empty((*aside.shape, 3))
        _out(
            self.origin, away.reshape(-1), aside.reshape(-1), rise.reshape(-1), ahead.reshape(-1), found.reshape(-1, 3)
        )
        return found

    def angles(self, points: Float[np.ndarray, "point 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Around, upwards and distance from the origin of points."""
        x, y, z = np.moveaxis(points - self.origin, -1, 0)
        level = np.hypot(x, z)
        return np.arctan2(x, z), np.arctan2(y, level), np.hypot(level, y)

    def roots(self, rng: np.random.Generator, count: int, *, margin: float = 0.0, receding: bool = False) -> np.ndarray:
        """About `count` directions (root, 2) spread evenly over the hairy part, `margin` radians inside of its edge."""
        total = max(4, int(count * 1.9))
        k = np.arange(total) + rng.uniform(0.2, 0.8, total)
        upwards = np.arcsin(np.clip(1 - 1.75 * k / total, -1, 1))
        around = (k * 2.399963 + rng.uniform(0, 6.28) + np.pi) % (2 * np.pi) - np.pi
        good = upwards > self.edge(around, receding=receding) + margin
        return np.stack([around, upwards], 1)[good][:count]


def lookup(values: Float[np.ndarray, "upwards around"], around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
    """A map over directions at any of them, bilinear."""
    turn, rise = np.asarray(around, dtype=np.float64), np.asarray(upwards, dtype=np.float64)
    if turn.shape != rise.shape:
        turn, rise = np.broadcast_arrays(turn, rise)
    found = np.empty(turn.size)
    _lookup(values, turn.ravel(), rise.ravel(), found)
    return found.reshape(turn.shape)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _lookup(values, turn, rise, found):
    rows, columns = values.shape
    for n in range(found.shape[0]):
        column = (turn[n] + math.pi) / (2 * math.pi) * columns
        row = min(max((rise[n] + math.pi / 2) / math.pi * rows - 0.5, 0.0), rows - 1.001)
        i, j = math.floor(column), int(row)
        u, v = column - i, row - j
        i, right = i % columns, (i + 1) % columns
        low = values[j, i] * (1 - u) + values[j, right] * u
        found[n] = low * (1 - v) + (values[j + 1, i] * (1 - u) + values[j + 1, right] * u) * v


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _out(origin, away, aside, rise, ahead, found):
    """Away from the origin in directions."""
    for n in range(found.shape[0]):
        found[n, 0] = origin[0] + away[n] * aside[n]
        found[n, 1] = origin[1] + away[n] * rise[n]
        found[n, 2] = origin[2] + away[n] * ahead[n]


@once_per_body
def _lines(arrays: BodyArrays) -> tuple[np.ndarray, np.ndarray, Ears]:
    """Hairlines of a body, as angles upwards every 2 degrees around; and its ears."""
    face, found = Face(arrays), []
    around = (np.arange(_LANES) / _LANES * 2 - 1) * np.pi
    bare, _ = skull(arrays.v_template, arrays, face.origin)
    rise = np.linspace(-1.2, 0.0, 60)
    below = lookup(bare, around[:, None], rise) * np.sin(rise)
    for recede in (0.0, 0.026):
        line = face.hairline(recede)
        height = np.interp(np.abs(around), line[:, 0] / _RADIUS, line[:, 1])
        low = np.array([np.interp(h, np.maximum.accumulate(y), rise) for h, y in zip(height, below, strict=True)])
        found.append(np.where(height > 0, height / _RADIUS, low).astype(np.float32))
    return found[0], found[1], face.ears


def scalp_of(figure: Figure) -> Scalp:
    """Measure somebody's head."""
    arrays, vertices = figure.arrays, figure.vertices
    line, receded, ears = _lines(arrays)
    marks = face_landmarks(vertices, arrays)
    origin = head_origin(vertices, arrays, marks)
    bare, whole = skull(vertices, arrays, origin)
    return Scalp(
        origin=origin,
        bare=bare,
        whole=whole,
        line=line,
        receded=receded,
        marks=marks,
        joints=figure.joints,
        ear_top=ears.top,
        ear_bottom=ears.bottom,
        ear_around=(ears.front + ears.back) / 2,
    )
