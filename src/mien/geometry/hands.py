"""How far a hand is from the relaxed one: the measure by which data are compared for the hands that they hold."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

__all__ = ["hand_distance", "hand_distances"]


def hand_distances(
    hand_poses: Float[np.ndarray, "hand 15 3"], mean: Float[np.ndarray, "15 3"]
) -> Float64[np.ndarray, "hand"]:
    """Distance of each hand to the relaxed one, degrees: the root mean square over its 15 joints of the angle of the
    rotation that leads from the relaxed joint to this one.

    Args:
        hand_poses: axis-angle, absolute (a flat hand is zero); hands kept as offsets need the mean added first.
        mean: axis-angle of the body's mean hand of the same side.
    """
    here, there = _quaternions(hand_poses), _quaternions(mean)
    between = np.clip(np.abs((here * there).sum(-1)), 0, 1)
    angle = np.rad2deg(2 * np.arccos(between))
    return np.sqrt((angle * angle).mean(-1))


def hand_distance(hand_pose: Float[np.ndarray, "15 3"], mean: Float[np.ndarray, "15 3"]) -> float:
    """As `hand_distances`, of one hand."""
    return float(hand_distances(hand_pose[None], mean)[0])


def _quaternions(vectors: np.ndarray) -> Float64[np.ndarray, "*batch 4"]:
    """Unit quaternions (w, x, y, z) of rotation vectors."""
    vectors = vectors.astype(np.float64)
    half = np.linalg.norm(vectors, axis=-1, keepdims=True) / 2
    return np.concatenate([np.cos(half), 0.5 * vectors * np.sinc(half / np.pi)], axis=-1)
