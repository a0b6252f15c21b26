"""The three ways in which people of datasets are compared: how they look, which way they face, how they stand.

Each gives a point for everybody of whom it is known; distances between points are plain Euclidean ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64

from mien.body.model import BodyModel
from mien.data.fitted import row_weight
from mien.data.samples import Label, Samples
from mien.geometry.rotation import matrix_from_axis_angle

__all__ = ["SPACES", "Space", "orientations", "skeletons", "standardised", "view_angles"]

SPACES: dict[str, str] = {
    "picture": "features of the crop, each divided by its deviation over all datasets",
    "orientation": "global orientation in the camera's frame, the 9 numbers of its matrix",
    "pose": "21 joints of the body relative to the pelvis, metres, without global orientation, mean shape",
}
"""Ways to compare, and what their points are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """The people of all datasets as points."""

    name: str
    points: tuple[Float[np.ndarray, "_ number"], ...]
    """Of each dataset those whose label is known; none where no one's is."""
    rows: tuple[Bool[np.ndarray, "_"], ...]
    """Of each dataset, who that is."""


def orientations(samples: Samples) -> tuple[Float32[np.ndarray, "known 9"], Bool[np.ndarray, "row"]]:
    """The matrix that turns the body's frame into the camera's, row by row, of everyone of whom it is known."""
    known, label = _known(samples, "global_orient")
    return matrix_from_axis_angle(torch.from_numpy(label)).flatten(1).numpy(), known


def skeletons(samples: Samples, body: BodyModel) -> tuple[Float32[np.ndarray, "known 63"], Bool[np.ndarray, "row"]]:
    """Where the 21 joints are, relative to the pelvis, of everyone whose body pose is known: metres, in the pelvis' own
    frame (x to the person's left, y up, z forward), on the body's mean shape."""
    known, label = _known(samples, "body_pose")
    count = int(known.sum())
    turns = torch.eye(3).repeat(count, body.num_joints, 1, 1)
    turns[:, 1:22] = matrix_from_axis_angle(torch.from_numpy(label).reshape(-1, 21, 3))
    places = body.shape(torch.zeros(count, body.num_betas)).pose(turns).position
    return (places[:, 1:22] - places[:, :1]).flatten(1).numpy(), known


def view_angles(matrices: Float[np.ndarray, "row 9"]) -> Float64[np.ndarray, "row 3"]:
    """Degrees of people towards the camera: yaw (0 faces it, 90 faces the picture's right, 180 away; from -180),
    pitch (90 faces up, -90 down) and roll (90 lies on the left side; from -180 to 180).

    They are those of the hips, about the vertical, across, and along where the hips face.
    """
    turns = matrices.reshape(-1, 3, 3).astype(np.float64)
    front, up = turns[:, :, 2], turns[:, :, 1]
    yaw = np.arctan2(front[:, 0], -front[:, 2])
    pitch = np.arcsin(np.clip(-front[:, 1], -1, 1))
    side = np.stack([np.cos(yaw), np.zeros_like(yaw), np.sin(yaw)], -1)
    roll = np.arctan2((up * side).sum(-1), (up * np.cross(front, side)).sum(-1))
    return np.rad2deg(np.stack([yaw, pitch, roll], -1))


def standardised(parts: Sequence[Float32[np.ndarray, "_ feature"]]) -> tuple[Float64[np.ndarray, "_ feature"], ...]:
    """Features with mean 0 and deviation 1 over the datasets, each of which counts as much however large it is; what
    never changes stays 0."""
    wide = [part.astype(np.float64) for part in parts]
    there = [part for part in wide if len(part)]
    mean = np.mean([part.mean(0) for part in there], 0)
    spread = np.sqrt(np.mean([((part - mean) ** 2).mean(0) for part in there], 0))
    return tuple((part - mean) / np.where(spread > 1e-9, spread, np.inf) for part in wide)


def _known(samples: Samples, name: str) -> tuple[Bool[np.ndarray, "row"], Float32[np.ndarray, "known number"]]:
    """Whose label is known with all its parts, and theirs."""
    known = row_weight(samples, name) > 0
    label: Label | None = getattr(samples, name)
    if label is None or not known.any():
        width = {"global_orient": 3, "body_pose": 63}[name]
        return known, np.zeros((int(known.sum()), width), np.float32)
    return known, label.value[known].reshape(int(known.sum()), -1)
