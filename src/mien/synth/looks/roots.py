"""Where locks of hair start on a scalp, and the directions in which they may set out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mien.synth.looks.growth import Growth

__all__ = [
    "Roots",
    "along_skin",
    "from_crown",
    "jitter",
    "near_one",
    "pick",
    "roots_along_edge",
    "roots_at",
    "roots_of",
]

Points = Float[np.ndarray, "lock 3"]
_CROWN = (np.pi, 1.05)


class Roots(NamedTuple):
    """Where locks start."""

    around: np.ndarray
    upwards: np.ndarray
    point: Points
    normal: Points


def roots_of(g: Growth, count: int, *, margin: float = 0.03, receding: bool = False) -> Roots:
    """Places all over the hairy part of the head."""
    around, upwards = g.scalp.roots(g.rng, count, margin=margin, receding=receding).T
    return roots_at(g, around, upwards)


def roots_along_edge(g: Growth, count: int, *, inside: float, low: float = -4.0, high: float = 4.0) -> Roots:
    """Places along the hairline, `inside` radians within it, between two angles around."""
    around = np.linspace(max(low, -np.pi), min(high, np.pi), count, endpoint=False)
    around = around + g.rng.uniform(-0.02, 0.02, count)
    return roots_at(g, around, g.scalp.edge(around) + inside * g.rng.uniform(0.6, 1.4, count))


def roots_at(g: Growth, around: np.ndarray, upwards: np.ndarray) -> Roots:
    """Places in these directions."""
    point = g.scalp.at(around, upwards, 0.0015)
    normal = point - g.scalp.origin
    return Roots(around, upwards, point, normal / np.linalg.norm(normal, axis=1, keepdims=True))


def pick(roots: Roots, good: np.ndarray) -> Roots:
    """Those that are good."""
    return Roots(*(values[good] for values in roots))


def along_skin(vector: np.ndarray, normal: Points) -> Points:
    """Directions along the skin, of unit length."""
    along = vector - (vector * normal).sum(1, keepdims=True) * normal
    return along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)


def from_crown(g: Growth, roots: Roots, turn: float = 0.35) -> Points:
    """Away from the whorl at the crown, in a slight spiral."""
    crown = g.scalp.at(np.array([_CROWN[0]]), np.array([_CROWN[1]]))
    flow = along_skin(roots.point - crown, roots.normal)
    return along_skin(flow + turn * np.cross(roots.normal, flow), roots.normal)


def jitter(g: Growth, points: Points, amount: float) -> Points:
    """Each a little off."""
    return points + g.rng.normal(0, amount, points.shape)


def near_one(g: Growth, count: int, low: float = 0.85, high: float = 1.15) -> np.ndarray:
    """Factors around 1."""
    return g.rng.uniform(low, high, count)
