"""The sparse regressor that finds joints from vertices, fitted to how the rig places them in many people."""

from __future__ import annotations

import numpy as np
from assets import Floats
from numpy.typing import NDArray
from scipy.optimize import nnls
from skeleton import EYES, INDEX, JOINT_NAMES, PARENTS

__all__ = ["joint_regressor", "regressor_error_mm"]

NUM_FITTED = 80  # people
NUM_NEAREST = 260  # candidate vertices of a joint
NUM_NEAREST_TRUNK = 700
TRUNK = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee")
WORST_ERROR = 1.5e-3  # metres; above it, negative weights are allowed


def joint_regressor(people: Floats, joints: Floats, weights: Floats, expressions: Floats) -> NDArray[np.float32]:
    """Weights (55, vert), each row adding up to 1, so that `regressor @ vertices` gives joints.

    A joint reads only vertices near it that it or its parent moves, and that no expression moves.

    Args:
        people: (person, vert, 3) metres, T-pose.
        joints: (person, 55, 3) metres.
        weights: (vert, 55) skinning weights.
        expressions: (expression, vert, 3) metres.
    """
    mean, mean_joints = people.mean(0), joints.mean(0)
    step = max(1, len(people) // NUM_FITTED)
    is_still = (np.linalg.norm(expressions, axis=-1).max(0) < 5e-4) & (
        weights[:, INDEX[EYES[0]]] + weights[:, INDEX[EYES[1]]] < 0.5
    )
    regressor = np.zeros((len(JOINT_NAMES), len(weights)), np.float32)
    for joint, name in enumerate(JOINT_NAMES):
        if name in EYES:
            eyeball = np.flatnonzero(weights[:, joint] > 0.5)
            regressor[joint, eyeball] = 1 / len(eyeball)
            continue
        belongs = weights[:, joint] + (weights[:, PARENTS[joint]] if joint else 0)
        candidates = np.flatnonzero((belongs > 0.05) & is_still)
        distance = np.linalg.norm(mean - mean_joints[joint], axis=1)[candidates]
        num_nearest = NUM_NEAREST_TRUNK if name in TRUNK else NUM_NEAREST
        nearest = candidates[np.argsort(distance, kind="stable")[:num_nearest]]
        regressor[joint, nearest] = _fit(people[::step][:, nearest], joints[::step, joint])
    return regressor


def regressor_error_mm(regressor: Floats, people: Floats, joints: Floats) -> Floats:
    """Mean distance (55,) of the regressed from the true joints, millimetres."""
    errors = np.empty(len(regressor))
    for joint, row in enumerate(regressor):
        used = np.flatnonzero(row)
        regressed = np.einsum("v,nvc->nc", row[used], people[:, used])
        errors[joint] = np.linalg.norm(regressed - joints[:, joint], axis=-1).mean() * 1e3
    return errors


def _fit(vertices: Floats, joint: Floats) -> Floats:
    """Weights (vert,) adding up to 1 that best give the joint (person, 3) from vertices (person, vert, 3).

    Positive and damped towards few and small ones; where the joint lies outside the hull of its vertices, ridge
    regression with some small negative weights.
    """
    num_vertices = vertices.shape[1]
    offsets = (vertices - joint[:, None]).transpose(0, 2, 1).reshape(-1, num_vertices).astype(float)
    sum_to_one = np.full((1, num_vertices), 1e4)
    system = np.concatenate([offsets * 1e3, sum_to_one, 0.3 * np.eye(num_vertices)])
    right = np.concatenate([np.zeros(len(offsets)), [1e4], np.zeros(num_vertices)])
    weights, _ = nnls(system, right, maxiter=2000)
    weights[weights < 1e-4] = 0
    weights /= weights.sum()
    regressed = np.einsum("v,nvc->nc", weights, vertices)
    if np.linalg.norm(regressed - joint, axis=-1).mean() > WORST_ERROR:
        weights = np.linalg.solve(offsets.T @ offsets * 1e6 + 20 * np.eye(num_vertices), np.ones(num_vertices))
        weights /= weights.sum()
    return weights
