"""Where the camera stands: what it looks at, from which side, how much of the picture that fills."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float

from mien.body.joints import SMPLX_JOINTS
from mien.synth.random import check_numbers, check_ranges, check_weights, pick
from mien.synth.view import View

__all__ = ["SUBJECTS", "Framing", "aim"]

_HANDS = {side: tuple(i for i, name in enumerate(SMPLX_JOINTS) if name.startswith(side) and i >= 25) for side in
          ("left", "right")}  # fmt: skip
SUBJECTS: dict[str, tuple[int, ...]] = {
    "whole": tuple(range(55)),
    "knees_up": (0, 1, 2, 3, 4, 5, 6, 9, *range(12, 55)),
    "waist_up": (0, 3, 6, 9, *range(12, 55)),
    "chest_up": (6, 9, 12, 13, 14, 15, 16, 17, 22, 23, 24),
    "head": (12, 15, 22, 23, 24),
    "hands": (18, 19, 20, 21, *range(25, 55)),
    "left_hand": (20, *_HANDS["left"]),
    "right_hand": (21, *_HANDS["right"]),
}
"""What a picture may be about, as joints of the skeleton."""
_MARGIN = {"whole": 0.14, "knees_up": 0.14, "waist_up": 0.14, "chest_up": 0.16, "head": 0.16}
"""Metres around these joints that belong to the subject: the skull, feet, flesh."""
_HAND_MARGIN = 0.07


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How pictures are framed; ranges are uniform."""

    subject: Mapping[str, float] = field(default_factory=lambda: {"whole": 1.0})
    """Weights of `SUBJECTS`; the subject of all people, or of one where `one` says so."""
    one: float = 0.0
    """Share of pictures that are about one of several people."""
    fill: tuple[float, float] = (0.65, 0.95)
    """Share of the picture that the subject takes, along the side where it takes more; above 1 it is cut off."""
    azimuth: tuple[float, float] = (-180.0, 180.0)
    """Degrees around the vertical from straight in front of the subject."""
    elevation: tuple[float, float] = (-5.0, 15.0)
    """Degrees above the subject's horizontal plane."""
    fov: tuple[float, float] = (25.0, 65.0)
    """Degrees that the picture's width shows."""
    roll: float = 1.5
    """Standard deviation, degrees."""
    shift: float = 0.05
    """Standard deviation of where the subject's centre lies off the picture's, as a share of its width."""

    def __post_init__(self) -> None:
        check_weights("subjects", self.subject, SUBJECTS)
        check_numbers(self, "one", 0, 1)
        check_ranges(self, "fill", 0.01, 20)
        check_ranges(self, "azimuth", -720, 720)
        check_ranges(self, "elevation", -90, 90)
        check_ranges(self, "fov", 1, 179)
        check_numbers(self, "roll", 0, 180)
        check_numbers(self, "shift", 0, 1)


def aim(
    rng: np.random.Generator,
    framing: Framing,
    joints: Float[np.ndarray, "person joint 3"],
    heading: Float[np.ndarray, "person"],
    size: tuple[int, int],
) -> View:
    """A camera that frames the people.

    Args:
        rng: all chance comes from it.
        framing: the recipe's.
        joints: of the skeletons, world frame (y up, ground at 0), metres.
        heading: radians about the vertical; 0 faces +z.
        size: height and width of the picture, pixels.
    """
    about = int(rng.integers(len(joints)))
    alone = len(joints) == 1 or rng.random() < framing.one
    subject = pick(rng, framing.subject)
    chosen = joints[about : about + 1] if alone else joints
    points = chosen[:, list(SUBJECTS[subject])].reshape(-1, 3).astype(np.float64)
    margin = _MARGIN.get(subject, _HAND_MARGIN)
    points = (points[:, None] + margin * np.concatenate([np.eye(3), -np.eye(3)])).reshape(-1, 3)
    centre = (points.min(0) + points.max(0)) / 2
    focal = size[1] / 2 / math.tan(math.radians(rng.uniform(*framing.fov)) / 2)
    K = np.array([[focal, 0, (size[1] - 1) / 2], [0, focal, (size[0] - 1) / 2], [0, 0, 1]])
    side = float(heading[about]) + math.radians(rng.uniform(*framing.azimuth))
    above = math.radians(rng.uniform(*framing.elevation))
    fill, roll = rng.uniform(*framing.fill), math.radians(rng.normal(0, framing.roll))
    shift = rng.normal(0, framing.shift, 2) * size[1] / focal
    out = np.array([math.sin(side) * math.cos(above), math.sin(above), math.cos(side) * math.cos(above)])
    distance, view = 3.0, None
    for _ in range(6):
        where = centre + distance * out
        where[1] = max(where[1], 0.12)
        target = centre + distance * (shift[0] * np.array([out[2], 0, -out[0]]) + np.array([0, shift[1], 0]))
        view = View.look(where, target, roll, K, size)
        distance = _nearer(view, points, fill, distance)
    assert view is not None
    return view


def _nearer(view: View, points: Float[np.ndarray, "point 3"], fill: float, distance: float) -> float:
    """The distance at which the points would take the share `fill` of the picture, to first order."""
    wide, tall = _extent(points, view.rotation, view.shift, view.K[0, 0])
    return min(max(distance * max(wide / view.size[1], tall / view.size[0]) / fill, 0.35), 60.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
@no_type_check
def _extent(points, rotation, shift, focal):
    """Pixels from the leftmost to the rightmost of the points, and from the highest to the lowest."""
    low_x, low_y, high_x, high_y, seen = np.inf, np.inf, -np.inf, -np.inf, np.empty(3)
    for n in range(points.shape[0]):
        for k in range(3):  # rounded as BLAS does
            x, y, z = points[n, 0], points[n, 1], points[n, 2]
            seen[k] = (z * rotation[k, 2] + (y * rotation[k, 1] + x * rotation[k, 0])) + shift[k]
        depth = max(seen[2], 0.05)
        x, y = seen[0] / depth * focal, seen[1] / depth * focal
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
    return high_x - low_x, high_y - low_y
