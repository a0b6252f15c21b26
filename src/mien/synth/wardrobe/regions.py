"""Where garments end, as fields over the dummy: metres inside the border, zero on it, negative beyond.

In the rest pose hems are heights, cuffs are distances from the middle, and a neckline is a cone with round ends that
leans on the chest, so each border is a clean curve whatever the triangles are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from mien.synth.wardrobe.fit import Fit

__all__ = [
    "Neckline", "above", "armhole", "behind_arms", "behind_legs", "below", "neckline", "opening", "within_sleeve",
]  # fmt: skip

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
    return points[:, 1] - np.float32(height) + np.float32(tilt) * points[:, 2]


def below(points: Float32[np.ndarray, "vert 3"], height: float, tilt: float = 0.0) -> Field:
    """What lies below a height; with a tilt the border is higher at the back."""
    return -above(points, height, tilt)


def within_sleeve(points: Float32[np.ndarray, "vert 3"], end: float) -> Field:
    """What lies nearer to the middle than the end of the sleeve."""
    return np.float32(end) - np.abs(points[:, 0])


def behind_arms(fit: Fit) -> Field:
    """What lies behind the side seams: a plane through shoulders, elbows and wrists."""
    x = np.abs(fit.points[:, 0])
    return np.interp(x, fit.arms[:, 0], fit.arms[:, 2]).astype(np.float32) - fit.points[:, 2]


def behind_legs(fit: Fit) -> Field:
    """What lies behind the side seams of trousers: through hips, knees and ankles."""
    down = fit.legs[::-1]
    return np.interp(fit.points[:, 1], down[:, 1], down[:, 2]).astype(np.float32) - fit.points[:, 2]


def armhole(fit: Fit, points: Float32[np.ndarray, "vert 3"], inset: float, lean: float = 0.25) -> Field:
    """The trunk without the arms: cut by a plane that goes outwards downwards, and never below the armpit.

    Args:
        fit: gives shoulder and armpit.
        points: to measure.
        inset: metres from the shoulder joint towards the neck, at the joint's height.
        lean: metres outwards per metre downwards.
    """
    x, y = np.abs(points[:, 0]), points[:, 1]
    plane = np.float32(fit.arms[0, 0] - inset) - x - np.float32(lean) * (y - np.float32(fit.arms[0, 1]))
    return np.maximum(plane, np.float32(0.8) * (np.float32(fit.armpit - 0.012) - y))


def neckline(fit: Fit, points: Float32[np.ndarray, "vert 3"], shape: Neckline) -> Field:
    """What lies below the hole for the head."""
    pit, nape = fit.pit, fit.nape
    side = float(nape[1]) - 0.5 * (shape.width - float(nape[0]))
    behind, ahead = float(nape[1]) - shape.back, float(pit[1]) - 0.012
    back, front = float(nape[2]) - 0.05, float(pit[2])
    slope = (ahead - behind) / max(front - back, 0.05)
    middle = ahead + slope * (float(nape[2]) - front)
    x, z = np.abs(points[:, 0]), points[:, 2]
    line = np.float32(ahead) + np.float32(slope) * (z - np.float32(front))
    line += np.float32((side - middle) / shape.width**2) * x * x
    share = np.minimum(x / np.float32(shape.width), 1)
    scoop = (1 - share * share) * np.float32(1 - shape.point) + (1 - share) * np.float32(shape.point)
    ramp = np.clip((z - np.float32(nape[2])) / np.float32(front - float(nape[2])), 0, 1)
    return line - np.float32(shape.front - 0.012) * scoop * ramp - points[:, 1]


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
    share = (points[:, 1] - np.float32(low[0])) / np.float32(top[0] - low[0])
    half = np.float32(low[1]) + np.clip(share, 0, 1) * np.float32(top[1] - low[1])
    return np.abs(points[:, 0]) - half + np.float32(4) * np.maximum(np.float32(back) - points[:, 2], 0)
