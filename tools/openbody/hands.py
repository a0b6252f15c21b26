"""Hand pose space: mean and components of random, anatomically plausible grips.

SMPL-X learned its own from scans; these are synthetic, which is enough to draw hands and to test code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from assets import Floats
from skeleton import FINGERS, SIDES

__all__ = ["HandSpace", "hand_space"]

NUM_HANDS = 3000
NUM_ANGLES = 45
CURL_OF_JOINT = (1.3, 1.6, 1.0)  # radians of a fully bent finger, from the knuckle to the tip


@dataclass(frozen=True, kw_only=True)
class HandSpace:
    """Axis-angle poses of the 15 joints of one hand, radians."""

    mean: Floats
    """(45,)."""
    components: Floats
    """(45, 45) one unit-length component a row, the most frequent first."""


def hand_space(side: str) -> HandSpace:
    """Mean and principal components of random poses of one hand; the two hands mirror each other."""
    poses = _draw_poses(SIDES[side], np.random.default_rng(1))
    mean = poses.mean(0)
    centred = poses - mean
    covariance = centred.T @ centred / NUM_HANDS + 1e-6 * np.eye(NUM_ANGLES)
    _, axes = np.linalg.eigh(covariance)
    return HandSpace(mean=mean, components=axes[:, ::-1].T)


def _draw_poses(sign: int, rng: np.random.Generator) -> Floats:
    """Random hand poses (hand, 45): a grip common to the fingers, each of them off by a little."""
    poses = np.zeros((NUM_HANDS, len(FINGERS), 3, 3))  # finger, phalanx, axis-angle
    grip = rng.beta(1.2, 1.8, NUM_HANDS)
    for finger, name in enumerate(FINGERS):
        curl = np.clip(grip + rng.normal(0, 0.25, NUM_HANDS), -0.1, 1)
        spread = rng.normal(0, 0.12, NUM_HANDS)
        if name == "thumb":
            poses[:, finger, 0, 0] = rng.normal(0.2, 0.2, NUM_HANDS)
            poses[:, finger, 0, 1] = -sign * curl * 0.5
            poses[:, finger, 0, 2] = sign * rng.normal(0, 0.2, NUM_HANDS)
            poses[:, finger, 1, 1] = -sign * curl * 0.5
            poses[:, finger, 2, 1] = -sign * curl * 0.8
            continue
        for phalanx, full in enumerate(CURL_OF_JOINT):
            bend = np.clip(curl + rng.normal(0, 0.08, NUM_HANDS), -0.1, 1)
            poses[:, finger, phalanx, 2] = -sign * full * bend
        poses[:, finger, 0, 1] = sign * spread * (1 - np.clip(curl, 0, 1))
    return poses.reshape(NUM_HANDS, NUM_ANGLES)
