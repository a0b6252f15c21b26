"""What stands where, and how much of whom it hides: things keep clear of people, of the camera and of each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64

from mien.synth.place.view_kernels import project_box, shows_box, within_hull
from mien.synth.view import View

__all__ = ["Plan", "Rect", "Stand"]

Rect = tuple[float, float, float, float]
"""x0, z0, x1, z1; metres."""

_GRID = 9
_STEPS = (np.arange(_GRID) + 0.5) / _GRID
"""Points across and along a person's outline at which it is asked what hides them."""
_SLIM = 0.6
"""Half the width of an outline, of the radius of the person's cylinder."""
_TRUNK = 0.12
"""Metres to either side of the middle within which most of a person is."""
_NEAR = 0.12
_HALF_METRE = 0.5
_UNIT = np.array([[x, y, z] for x in (-1, 1) for y in (0, 1) for z in (-1, 1)], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The upright cylinder that a person fills."""

    x: float
    z: float
    radius: float
    height: float


@dataclass(kw_only=True, eq=False)
class Plan:
    """The ground of one place, filled step by step."""

    view: View
    people: Sequence[Stand]
    taken: list[Rect] = field(default_factory=list)
    hidden: dict[int, Bool[np.ndarray, "point"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        eye = self.view.position
        self.eye = float(eye[0]), float(eye[1]), float(eye[2])
        self.projection = self.view.K @ np.concatenate([self.view.rotation, self.view.shift[:, None]], 1)
        self._pixels = np.zeros((8, 2))
        self.hidden = {i: np.zeros(_GRID * _GRID, dtype=bool) for i in range(len(self.people))}

    @cached_property
    def outlines(self) -> list[_Outline | None]:
        """Of all people; where nothing is put before them, nobody asks."""
        return [_outline(self.view, person) for person in self.people]

    def free(self, rect: Rect, height: float, pad: float = 0.05) -> bool:
        """Whether nobody and nothing is there, and the camera has room."""
        x0, z0, x1, z1 = rect[0] - pad, rect[1] - pad, rect[2] + pad, rect[3] + pad
        for person in self.people:
            away = math.hypot(max(x0 - person.x, 0, person.x - x1), max(z0 - person.z, 0, person.z - z1))
            if away < person.radius:
                return False
        x, y, z = self.eye
        if y < height + 0.4 and math.hypot(max(x0 - x, 0, x - x1), max(z0 - z, 0, z - z1)) < _HALF_METRE:
            return False
        return all(x1 <= a or c <= x0 or z1 <= b or d <= z0 for a, b, c, d in self.taken)

    def clear_above(self, x: float, z: float, reach: float, low: float) -> bool:
        """Whether nobody is as tall as what begins at the height `low` and reaches so far about a place."""
        return all(p.height <= low or math.hypot(p.x - x, p.z - z) >= p.radius + reach for p in self.people)

    def claim(self, rect: Rect) -> None:
        """From now on something is there."""
        self.taken.append(rect)

    def hides(
        self,
        place: tuple[float, float],
        half: tuple[float, float],
        span: tuple[float, float],
        turn: float,
        limit: float,
        before: Mapping[int, Bool[np.ndarray, "point"]] | None = None,
    ) -> dict[int, Bool[np.ndarray, "point"]] | None:
        """Which points of whom an upright box would hide besides those that are hidden.

        Args:
            place: x and z of its middle.
            half: its half width and half depth.
            span: heights of its bottom and top.
            turn: about the vertical, radians.
            limit: share of anyone that may be hidden in all.
            before: what is hidden already, if not `hidden`.

        Returns:
            For everybody, all points then hidden; None where that is too many.
        """
        before = self.hidden if before is None else before
        x, z = place
        pixels = self._pixels
        nearest, farthest = project_box(x, z, *half, *span, turn, self.projection, pixels)
        if farthest < _NEAR:
            return dict(before)
        if nearest < _NEAR:
            reach = math.hypot(*half)
            low, high = (x - reach, span[0], z - reach), (x + reach, span[1], z + reach)
            return None if shows_box(low, high, self.projection, *self.view.size[::-1]) else dict(before)
        found = dict(before)
        for i, outline in enumerate(self.outlines):
            if outline is None or outline.depth <= nearest:
                continue
            covered = before[i].copy()
            within_hull(pixels, outline.points, covered)
            share = outline.share(covered)
            if share > limit and share > outline.share(before[i]):
                return None
            found[i] = covered
        return found

    def share(self, i: int, covered: Bool[np.ndarray, "point"]) -> float:
        """How much of a person these points are."""
        outline = self.outlines[i]
        return 0.0 if outline is None else outline.share(covered)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Outline:
    """What the picture shows of a person, as points."""

    points: Float64[np.ndarray, "point 2"]
    """Pixels, within the picture."""
    weight: Float64[np.ndarray, "point"]
    """Adds up to 1: the trunk weighs more than what is beside it."""
    depth: float
    """Metres, to the person's back."""

    def share(self, covered: Bool[np.ndarray, "point"]) -> float:
        """How much of the person these points are."""
        return float(self.weight @ covered)


def _outline(view: View, person: Stand) -> _Outline | None:
    """None if the person is out of sight."""
    half = _SLIM * person.radius
    box = _UNIT * (half, person.height, half) + (person.x, 0.0, person.z)
    seen = view.to_camera(box)
    depth = float(seen[:, 2].max())
    if depth < _NEAR:
        return None
    pixels = seen @ view.K.T
    pixels = pixels[:, :2] / np.maximum(pixels[:, 2:], _NEAR)
    height, width = view.size
    low, high = pixels.min(0).tolist(), pixels.max(0).tolist()
    left, top = max(low[0], 0.0), max(low[1], 0.0)
    right, bottom = min(high[0], width), min(high[1], height)
    if right <= left or bottom <= top:
        return None
    points = np.empty((_GRID, _GRID, 2))
    points[..., 0] = left + _STEPS * (right - left)
    points[..., 1] = (top + _STEPS * (bottom - top))[:, None]
    aside = (points[0, :, 0] - pixels[:, 0].mean()) / max(float(high[0] - low[0]), 1e-6) * 2 * half / _TRUNK
    weight = np.tile(np.exp(-0.5 * aside**2) + 1e-9, _GRID)
    return _Outline(points=points.reshape(-1, 2), weight=weight / weight.sum(), depth=depth)
