"""A camera that looks into the world: where it stands, what it looks at, and what it makes of points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from mien.errors import InputError

__all__ = ["View"]


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """One picture's camera (x right, y down, z forward) in the world (y up, ground at 0); metres and pixels."""

    K: Float64[np.ndarray, "3 3"]
    rotation: Float64[np.ndarray, "3 3"]
    """World to camera."""
    shift: Float64[np.ndarray, "3"]
    """p_camera = rotation @ p_world + shift."""
    size: tuple[int, int]
    """Height and width."""

    @classmethod
    def look(
        cls,
        position: Float[np.ndarray, "3"],
        target: Float[np.ndarray, "3"],
        roll: float,
        K: Float[np.ndarray, "3 3"],
        size: tuple[int, int],
    ) -> View:
        """A camera at `position` that has `target` on its axis.

        Args:
            position: world.
            target: world.
            roll: radians about the axis; positive turns the camera clockwise as its owner sees it.
            K: intrinsics.
            size: height and width.

        Raises:
            InputError: the target is where the camera is.
        """
        forward = np.asarray(target, dtype=np.float64) - np.asarray(position, dtype=np.float64)
        length = float(np.linalg.norm(forward))
        if not (math.isfinite(length) and length > 1e-9):
            raise InputError(f"a camera at {position} that looks at {target}", expected="two different places")
        forward = forward / length
        level = math.hypot(forward[0], forward[2])
        if level > 1e-6:
            right = np.array([-forward[2] / level, 0.0, forward[0] / level])
        else:
            right = np.array([1.0, 0.0, 0.0])
        down = np.cross(forward, right)
        sine, cosine = math.sin(roll), math.cos(roll)
        rotation = np.stack([cosine * right + sine * down, cosine * down - sine * right, forward])
        return cls(K=np.asarray(K, dtype=np.float64), rotation=rotation, shift=-rotation @ position, size=size)

    @property
    def position(self) -> Float64[np.ndarray, "3"]:
        """Where the camera stands in the world."""
        return -self.rotation.T @ self.shift

    def to_camera(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """World to camera frame."""
        return points @ self.rotation.T.astype(points.dtype) + self.shift.astype(points.dtype)

    def to_world(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Camera to world frame: the inverse of `to_camera`."""
        return (points - self.shift.astype(points.dtype)) @ self.rotation.astype(points.dtype)

    def project(self, points: Float[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 2"]:
        """Pixels of points in the world; of what lies behind the camera, nothing meaningful."""
        seen = self.to_camera(points.astype(np.float64)) @ self.K.T
        return seen[..., :2] / seen[..., 2:]
