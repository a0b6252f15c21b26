"""Postures from motion capture: files in the layout of AMASS, of SMPL-H or SMPL-X bodies, in a world with z up.

`poses` holds one row for each frame, axis-angle: root 3, body 63, then hands 90 (SMPL-H, 156 in all), or jaw 3, eyes 6
and hands 90 (SMPL-X, 165). Hands are absolute. Of `trans` and `betas` nothing is used: a posture is put on another
person, and on the ground of another place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from mien.errors import InputError
from mien.npz import open_npz
from mien.synth.bones import matrix_about

__all__ = ["Mocap", "read_mocap"]

_WIDTHS = {156: (66, 156), 165: (75, 165)}
"""Where the hands lie in a row, by its width."""
STILL = 0.01
"""Radians: hands whose joints vary by less were not captured."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mocap:
    """A clip."""

    path: Path
    body: Float64[np.ndarray, "frame 22 3"]
    """Axis-angle of the root, in a world with z up, and of the body's joints."""
    hands: Float64[np.ndarray, "frame 30 3"] | None
    """Left, then right; None if they were not captured."""

    def frames(self, split: str) -> range:
        """The frames that pictures of a split may take: the last tenth is the test split's alone.

        A clip of one frame is everybody's.
        """
        count = len(self.body)
        first = count - max(1, count // 10)
        return range(first, count) if split == "test" else range(max(1, first))

    def frame(self, number: int) -> Float64[np.ndarray, "55 3 3"]:
        """Local rotations with y up, the heading taken away; the hands flat if they were not captured."""
        found = np.tile(np.eye(3), (55, 1, 1))
        rows = [*self.body[number], *(self.hands[number] if self.hands is not None else ())]
        places = [*range(22), *range(25, 55)]
        for place, vector in zip(places, rows, strict=False):
            angle = float(np.linalg.norm(vector))
            if angle > 1e-9:
                found[place] = matrix_about(vector / angle, angle)
        found[0] = _without_heading(_Y_FROM_Z @ found[0])
        return found


_Y_FROM_Z = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def _without_heading(root: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The root turned about the vertical until the person faces +z; somebody who lies, until the head points there."""
    ahead = root[:, 2] if math.hypot(root[0, 2], root[2, 2]) > 0.5 else root[:, 1]
    return matrix_about(np.array([0.0, 1.0, 0.0]), -math.atan2(ahead[0], ahead[2])) @ root


def read_mocap(path: Path) -> Mocap:
    """Read a clip.

    Raises:
        InputError: the file is damaged or not there, has no `poses`, or they are of another body, not numbers or none.
    """
    archive = open_npz(path)
    if "poses" not in archive:
        held = ", ".join(sorted(archive)[:8]) or "nothing"
        raise InputError(
            f"{path} holds {held}, and no poses",
            expected="a motion file as AMASS has them",
            todo="take the .npz of a sequence, not shape.npz",
        )
    poses = archive["poses"]
    if poses.ndim != 2 or poses.shape[1] not in _WIDTHS:
        what = " (SMPL: it has no hands)" if poses.ndim == 2 and poses.shape[1] == 72 else ""
        raise InputError(
            f"{path}: poses has shape {poses.shape}{what}", expected="156 (SMPL-H) or 165 (SMPL-X) columns"
        )
    if not len(poses):
        raise InputError(f"{path} has no frames", expected="at least one")
    if poses.dtype.kind not in "iuf" or not np.isfinite(poses).all():
        raise InputError(f"{path}: poses holds what are no numbers", expected="axis-angle, radians")
    first, last = _WIDTHS[poses.shape[1]]
    poses = poses.astype(np.float64)
    hands = poses[:, first:last].reshape(-1, 30, 3)
    moving = len(poses) > 1 and float(hands.std(0).max()) > STILL
    return Mocap(path=path, body=poses[:, :66].reshape(-1, 22, 3), hands=hands if moving else None)
