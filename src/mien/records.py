"""The nouns that travel between rooms: frozen, typed, validated where they are born.

Letters in shapes: `batch`, `person`, `joint`, `point`, `vert`, `token`, `beta`, `h w`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["JointMaps", "Located", "Prediction", "Record", "SmplxParams"]

R = TypeVar("R", bound="Record")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A frozen bundle of tensors (and of other records) that moves and slices as one."""

    def map(self: R, function: Callable[[Tensor], Tensor]) -> R:
        """The same record with `function` applied to every tensor."""
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            elif isinstance(value, Record):
                changed[field.name] = value.map(function)
        return replace(self, **changed)

    def to(self: R, device: torch.device | str) -> R:
        """The same record on another device."""
        return self.map(lambda tensor: tensor.to(device))

    def __getitem__(self: R, index: Any) -> R:
        """Index the leading batch axis of every tensor."""
        return self.map(lambda tensor: tensor[index])

    @classmethod
    def cat(cls: type[R], records: list[R]) -> R:
        """Join records along the leading batch axis. All must have the same fields present."""
        first = records[0]
        changed: dict[str, Any] = {}
        for field in fields(first):
            values = [getattr(record, field.name) for record in records]
            if isinstance(values[0], Tensor):
                changed[field.name] = torch.cat(values)
            elif isinstance(values[0], Record):
                changed[field.name] = type(values[0]).cat(values)
        return replace(first, **changed)


@dataclass(frozen=True, kw_only=True)
class SmplxParams(Record):
    """One pose, shape and expression per batch entry. Rotations are local matrices; hands are absolute (flat = 0)."""

    global_orient: Float[Tensor, "*batch 3 3"]
    """Of the pelvis in the camera frame."""
    body_pose: Float[Tensor, "*batch 21 3 3"]
    jaw_pose: Float[Tensor, "*batch 3 3"]
    leye_pose: Float[Tensor, "*batch 3 3"]
    reye_pose: Float[Tensor, "*batch 3 3"]
    left_hand_pose: Float[Tensor, "*batch 15 3 3"]
    """Fingers index, middle, pinky, ring, thumb, three joints each."""
    right_hand_pose: Float[Tensor, "*batch 15 3 3"]
    betas: Float[Tensor, "*batch beta"]
    """Shape, in standard deviations of the body's own shape space."""
    expression: Float[Tensor, "*batch expression"]
    transl: Float[Tensor, "*batch 3"]
    """Metres, camera frame. The pelvis lies at `transl` + the shaped rest position of the root joint."""

    def full_pose(self) -> Float[Tensor, "*batch 55 3 3"]:
        """All rotations in the order of the skeleton: root, body, jaw, left eye, right eye, left hand, right hand."""
        singles = [self.jaw_pose, self.leye_pose, self.reye_pose]
        return torch.cat(
            [
                self.global_orient.unsqueeze(-3),
                self.body_pose,
                *(single.unsqueeze(-3) for single in singles),
                self.left_hand_pose,
                self.right_hand_pose,
            ],
            -3,
        )


@dataclass(frozen=True, kw_only=True)
class Located(Record):
    """Where a network saw joints, hands and face before it said how they are turned. Heat-map units of the crop: x from
    0 to 12, y from 0 to 16, depths of 16 cells."""

    body: Float[Tensor, "batch 25 3"]
    """The first 25 of the 137 joints: x, y, and depth around the pelvis."""
    hands: Float[Tensor, "batch 2 20 3"]
    """Finger joints of the left and of the right hand: x and y from 0 to 16 inside its box, depth around the wrist."""
    center: Float[Tensor, "batch 3 2"]
    """Of left hand, right hand and face."""
    size: Float[Tensor, "batch 3 2"]
    """Width and height of the same."""
    boxes: Float[Tensor, "batch 3 4"]
    """Where hands and face are looked for: square, larger than `size`; x1, y1, x2, y2. No gradient."""


@dataclass(frozen=True, kw_only=True)
class JointMaps(Record):
    """What each patch of a crop says of each of the 137 joints, in the cells of heat-map units; for losses only."""

    where: Float[Tensor, "batch 137 16 12"]
    """Logits of the cell in which the joint is."""
    depth: Float[Tensor, "batch 137 16 12"]
    """Its depth, were it there: heat-map units of 1/8 m, from the pelvis (hands and face as `Targets.image`)."""


@dataclass(frozen=True, kw_only=True)
class Prediction(Record):
    """What a network says about a batch of crops, in its own terms: see `mien.nets.virtual_camera`.

    The hand poses are offsets from the body's mean hand: add them in axis-angle with `hands_from_offsets`.
    """

    global_orient: Float[Tensor, "batch 3 3"]
    """Of the pelvis in the virtual camera of the crop."""
    body_pose: Float[Tensor, "batch 21 3 3"]
    left_hand_offset: Float[Tensor, "batch 15 3 3"]
    right_hand_offset: Float[Tensor, "batch 15 3 3"]
    jaw_pose: Float[Tensor, "batch 3 3"]
    betas: Float[Tensor, "batch 10"]
    expression: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]
    """Metres, in the virtual camera of the crop."""
    hand_root: Float[Tensor, "batch 2 3 3"] | None = None
    """Global orientation of the left and of the right wrist, where they have tokens of their own; for losses only."""
    located: Located | None = None
    """Of networks that look for hands and face first."""
    joint_maps: JointMaps | None = None
    """Of networks whose patches say where joints are, in training."""
