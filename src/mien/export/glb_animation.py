"""What moves in a GLB file: rotations of joints, the places of people, the weights of expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mien.body.model import Posed
from mien.export.container import Container
from mien.export.motion import Motion
from mien.export.people import joint_offsets
from mien.geometry.rotation import quaternion_from_matrix

__all__ = ["Animation", "Character", "gltf_quaternions"]

_SHORT = 32767
_STILL = 1e-6
"""Numbers that vary by no more than this do not move."""


@dataclass(frozen=True, kw_only=True)
class Character:
    """Numbers of the nodes that one person's motion moves."""

    holder: int
    """Of the node with the translation."""
    root: int
    """Of the first joint; the others follow in order."""
    mesh: int


class Animation:
    """Gathers the channels of everyone in a file; in a small one, rotations have 16 bits a number."""

    def __init__(self, container: Container, start: float, end: float, small: bool) -> None:
        self.container, self.start, self.end, self.small = container, start, end, small
        self._channels: list[dict[str, Any]] = []
        self._samplers: list[dict[str, Any]] = []

    def add(self, motion: Motion, posed: Posed, character: Character) -> None:
        """The motion of one person; of one frame, nothing moves, but who comes and goes is there for it only."""
        self._presence(motion, character)
        if len(motion) == 1:
            return
        seconds = (motion.timestamps - self.start).numpy().astype(np.float32)
        times = self.container.add(seconds, bounds=True)
        quaternions = continuous(gltf_quaternions(posed.local))
        for joint in range(quaternions.shape[1]):
            self._channel(character.root + joint, "rotation", times, quaternions[:, joint])
        offsets = joint_offsets(posed)
        for joint in range(offsets.shape[1]):
            self._channel(character.root + joint, "translation", times, offsets[:, joint])
        self._channel(character.holder, "translation", times, motion.params.transl.numpy())
        weights = posed.shaped.coefficients[:, posed.shaped.body.num_betas :].numpy()
        if weights.shape[1] and _moves(weights):
            self._channel(character.mesh, "weights", times, weights.reshape(-1))

    def found(self) -> list[dict[str, Any]]:
        """The animations of the document: one, or none where nothing moves."""
        if not self._channels:
            return []
        return [{"name": "motion", "channels": self._channels, "samplers": self._samplers}]

    def _presence(self, motion: Motion, character: Character) -> None:
        """Who is there for a part of the clip only is as small as nothing before and after."""
        first, last = float(motion.timestamps[0]), float(motion.timestamps[-1])
        steps = [(self.start, 0.0)] if first > self.start else []
        steps += [(first, 1.0)]
        steps += [(last + 1 / motion.stage.fps, 0.0)] if last < self.end else []
        if len(steps) > 1:
            times = self.container.add(np.array([time - self.start for time, _ in steps], np.float32), bounds=True)
            sizes = np.array([[size] * 3 for _, size in steps], np.float32)
            self._channel(character.holder, "scale", times, sizes, "STEP")

    def _channel(self, node: int, path: str, times: int, values: np.ndarray, how: str = "LINEAR") -> None:
        if path != "weights" and not _moves(values):
            return
        if self.small and path == "rotation":
            output = self.container.add(np.rint(values * _SHORT).astype(np.int16), normalized=True)
        else:
            output = self.container.add(np.ascontiguousarray(values, dtype=np.float32))
        self._channels.append({"sampler": len(self._samplers), "target": {"node": node, "path": path}})
        self._samplers.append({"input": times, "output": output, "interpolation": how})


def gltf_quaternions(rotations: Float[Tensor, "*batch 3 3"]) -> Float[np.ndarray, "*batch 4"]:
    """Unit quaternions (x, y, z, w), float32."""
    return quaternion_from_matrix(rotations.double())[..., [1, 2, 3, 0]].float().numpy()


def continuous(quaternions: Float[np.ndarray, "frame joint 4"]) -> Float[np.ndarray, "frame joint 4"]:
    """Of the two quaternions of each rotation, the one that is nearer to the frame before."""
    turned = (quaternions[1:] * quaternions[:-1]).sum(-1) < 0
    sign = np.where(np.cumsum(turned, 0) % 2 == 1, -1.0, 1.0).astype(np.float32)
    return np.concatenate([quaternions[:1], quaternions[1:] * sign[..., None]])


def _moves(values: np.ndarray) -> bool:
    return bool(np.ptp(values, axis=0).max() > _STILL)
