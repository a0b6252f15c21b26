"""The feet of a figure, measured for shoes: their own axis, and a round outline of the sole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float32, Int32

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure

__all__ = ["STATIONS", "Foot", "Plan"]

STATIONS, WAYS = 25, 24
"""Along the foot, and around its outline."""
ROUND = (0.14, 0.8)
"""Outside of these places along the foot, from heel (0) to toe (1), heel and toe close in a round."""
BIG_TOE, SMALL_TOE, HEEL = 5, 6, 7
"""Places in the body's `kp_vertex_ids`."""
_LOW = 0.07
"""Metres above the ground: what is higher does not count for the outline."""
_ANKLE, _FOOT_PER_ANKLE = (0.07, 0.1), 1.52
"""Metres above the ground where the ankle is measured, and how much wider feet are, usually."""
_turn = 2 * np.pi * np.arange(WAYS) / WAYS
_WAYS = np.stack([np.cos(_turn), np.sin(_turn)], 1)
_SHARE = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, STATIONS))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Feet:
    """Which vertices and faces of a body are feet."""

    left: Int32[np.ndarray, " some"]
    both: Int32[np.ndarray, " more"]
    side: Float32[np.ndarray, " more"]
    """1 on the left, -1 on the right."""
    face: Int32[np.ndarray, " face"]
    corner: Int32[np.ndarray, "face 3"]
    """Places in `both`."""


_known: dict[str, _Feet] = {}


def _feet_of(arrays: BodyArrays) -> _Feet:
    if arrays.sha256 not in _known:
        if len(_known) > 8:
            _known.clear()
        weights = arrays.weights
        sides = [np.nonzero(weights[:, ankle] + weights[:, ankle + 3] > 0.5)[0].astype(np.int32) for ankle in (7, 8)]
        both, side = np.concatenate(sides), np.ones(sum(len(ids) for ids in sides), dtype=np.float32)
        side[len(sides[0]) :] = -1
        place = np.full(len(weights), -1, dtype=np.int32)
        place[both] = np.arange(len(both))
        face = np.nonzero((place[arrays.faces] >= 0).all(1))[0].astype(np.int32)
        _known[arrays.sha256] = _Feet(left=sides[0], both=both, side=side, face=face, corner=place[arrays.faces[face]])
    return _known[arrays.sha256]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The outline of a sole at each station, metres: how far along, and how far it reaches inwards and outwards."""

    share: np.ndarray
    """From heel (0) to toe (1)."""
    along: np.ndarray
    into: np.ndarray
    out: np.ndarray


@dataclass(frozen=True, eq=False)
class Foot:
    """The left foot of a figure: s forwards from the heel, b outwards, height above the ground on which it stands."""

    figure: Figure

    @cached_property
    def _feet(self) -> _Feet:
        return _feet_of(self.figure.arrays)

    @cached_property
    def _skin(self) -> Float32[np.ndarray, "some 3"]:
        return self.figure.vertices[self._feet.left]

    @cached_property
    def frame(self) -> Float32[np.ndarray, "3 3"]:
        """Rows: the heel on the ground, the way forwards, the way outwards."""
        points, kp = self.figure.vertices, self.figure.arrays.kp_vertex_ids
        toe = 0.65 * points[kp[BIG_TOE]] + 0.35 * points[kp[SMALL_TOE]]
        ahead = (toe - points[kp[HEEL]]) * np.array([1, 0, 1], dtype=np.float32)
        ahead /= max(float(np.linalg.norm(ahead)), 1e-6)
        origin = points[kp[HEEL]].copy()
        origin[1] = self._skin[:, 1].min()
        return np.stack([origin, ahead, np.array([ahead[2], 0, -ahead[0]])]).astype(np.float32)

    @cached_property
    def points(self) -> Float32[np.ndarray, "some 3"]:
        """s, b and height of the foot's vertices."""
        return self.measured(self._skin)

    @cached_property
    def size(self) -> Float32[np.ndarray, "3"]:
        """Length, width (more on thick ankles) and height of the ankle, metres."""
        s, b, high = self.points.T
        wide, ankle = (float(np.ptp(b[(high >= low) & (high < top)])) for low, top in ((0.0, _LOW), _ANKLE))
        height = float(self.figure.joints[7, 1] - self.frame[0, 1])
        return np.array([s.max(), max(wide, _FOOT_PER_ANKLE * ankle), height], dtype=np.float32)

    def measured(self, points: Float32[np.ndarray, "some 3"]) -> Float32[np.ndarray, "some 3"]:
        """s, b and height of places."""
        away = points - self.frame[0]
        return np.stack([away @ self.frame[1], away @ self.frame[2], away[:, 1]], 1)

    def place(self, s: np.ndarray, b: np.ndarray, height: np.ndarray) -> Float32[np.ndarray, "*some 3"]:
        """Positions in the rest pose."""
        found = np.empty((*s.shape, 3), dtype=np.float32)
        _place(s.reshape(-1), b.reshape(-1), height.reshape(-1), self.frame, found.reshape(-1, 3))
        return found

    def plan(self, room: float, toe: float) -> Plan:
        """A convex outline around the foot.

        Args:
            room: metres around.
            toe: metres more in front.
        """
        low = self.points[self.points[:, 2] < _LOW]
        support = (low[:, :2] @ _WAYS.T).max(0) + room + toe * np.maximum(_WAYS[:, 0], 0) ** 2
        first, length = -support[WAYS // 2], support[0] + support[WAYS // 2]
        inner = first + length * np.clip(_SHARE, *ROUND)
        outwards, inwards = _WAYS[:, 1] > 0.05, _WAYS[:, 1] < -0.05
        reach = support - inner[:, None] * _WAYS[:, 0]
        out = (reach[:, outwards] / _WAYS[outwards, 1]).min(1)
        into = (reach[:, inwards] / _WAYS[inwards, 1]).max(1)
        beyond = np.maximum((ROUND[0] - _SHARE) / ROUND[0], (_SHARE - ROUND[1]) / (1 - ROUND[1]))
        half = 0.5 * (out - into) * np.sqrt(1 - np.clip(beyond, 0, 1) ** 2.6)
        middle = 0.5 * (out + into)
        return Plan(share=_SHARE, along=first + length * _SHARE, into=middle - half, out=middle + half)

    def below(self, share: np.ndarray, height: np.ndarray) -> Bool[np.ndarray, " body_face"]:
        """Faces of both feet that lie below heights given at places along the foot (0 heel, 1 toe)."""
        feet, hidden = self._feet, np.zeros(len(self.figure.arrays.faces), dtype=bool)
        points = self.figure.vertices[feet.both]
        points[:, 0] *= feet.side
        measured = self.measured(points)
        rim = np.interp(measured[:, 0] / self.points[:, 0].max(), share, height)
        inside = measured[:, 2] < rim
        a, b, c = feet.corner.T
        hidden[feet.face] = inside[a] & inside[b] & inside[c]
        return hidden


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _place(s, b, height, frame, found):
    for v in range(found.shape[0]):
        for c in (0, 2):
            found[v, c] = s[v] * frame[1, c] + b[v] * frame[2, c] + frame[0, c]
        found[v, 1] = frame[0, 1] + height[v]
