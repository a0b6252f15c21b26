"""What a posture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

__all__ = ["Pose", "Support"]

Support = Literal["feet", "seat", "floor", "air"]
"""What carries the person: the lowest point stands on the ground, the thighs lie on a seat, the body lies on the
ground, or nothing (a jump)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """A posture of one person in a world with y up, facing +z."""

    rotations: Float32[np.ndarray, "55 3"]
    """Axis-angle of every joint in the order of the full pose; hands absolute (flat hand = zero). Row 0 is the lean of
    the pelvis (upright = zero, lying = a quarter turn): the heading is added by the scene."""
    expression: Float32[np.ndarray, "10"]
    kind: str
    """`standing`, `walking`, `sitting` ...: what was drawn from the recipe."""
    support: Support
    hands: tuple[str, str]
    """What the left and the right hand do: `relaxed`, `fist`, `point`, `hold_cylinder` ..."""
