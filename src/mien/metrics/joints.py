"""Errors of joints in space, which need no mesh and no common body: of any two systems that name their joints alike.

The 137 joints of `mien.body.joints.SMPLX_137`: 25 of the body with the pelvises in one place, 20 of each hand with its
wrists in one place. Joints that the truth does not know are left out of the mean, and of the alignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.body.joints import OUTPUT_JOINTS, SMPLX_137
from mien.geometry.align import similarity
from mien.metrics.errors import Errors, masked, mean_of_hands

__all__ = ["JOINT_NAMES", "joint_errors"]

PELVIS, WRISTS = 0, (12, 13)
JOINT_NAMES: tuple[str, ...] = tuple(OUTPUT_JOINTS[i] for i in SMPLX_137)
"""Of the 137 joints."""
ENOUGH = 4
"""Joints below which a similarity says nothing."""


@dataclass(frozen=True)
class _Group:
    name: str
    joints: slice
    root: int


_GROUPS = (
    _Group("joints_body", slice(0, 25), PELVIS),
    _Group("joints_left_hand", slice(25, 45), WRISTS[0]),
    _Group("joints_right_hand", slice(45, 65), WRISTS[1]),
)


def joint_errors(
    predicted: Float[Tensor, "batch 137 3"], true: Float[Tensor, "batch 137 3"], known: Bool[Tensor, "batch 137"]
) -> dict[str, Errors]:
    """`mpjpe_joints_body`, `mpjpe_joints_left_hand` ..., the same after a similarity (`pa_`), and every joint
    (`joint_left_knee`): millimetres.

    Args:
        predicted: metres, any origin.
        true: metres, any origin, the same directions.
        known: which joints the truth has; a part whose root is not known has no error but `pa_`.
    """
    found: dict[str, Errors] = {}
    single: dict[str, Errors] = {}
    for group in _GROUPS:
        ours, theirs, there = predicted[:, group.joints], true[:, group.joints], known[:, group.joints]
        root = slice(group.root, group.root + 1)
        rooted = (ours - predicted[:, root]) - (theirs - true[:, root])
        off, usable = rooted.norm(dim=-1) * 1000, there & known[:, root]
        found[f"mpjpe_{group.name}"] = _mean(off, usable)
        found[f"pa_mpjpe_{group.name}"] = _aligned(ours, theirs, there)
        names = JOINT_NAMES[group.joints]
        for i, name in enumerate(names):
            if name != JOINT_NAMES[group.root]:
                single[f"joint_{name}"] = masked(off[:, i].contiguous(), usable[:, i])
    for measure in ("mpjpe", "pa_mpjpe"):
        sides = (found[f"{measure}_joints_{side}_hand"] for side in ("left", "right"))
        found[f"{measure}_joints_hand"] = mean_of_hands(*sides)
    return found | single


def _mean(off: Float[Tensor, "batch joint"], usable: Bool[Tensor, "batch joint"]) -> Errors:
    count = usable.sum(1)
    return Errors(value=torch.where(usable, off, 0).sum(1) / count.clamp(min=1), valid=count > 0)


def _aligned(
    ours: Float[Tensor, "batch joint 3"], theirs: Float[Tensor, "batch joint 3"], there: Bool[Tensor, "batch joint"]
) -> Errors:
    enough = there.sum(1) >= ENOUGH
    weight = torch.where(enough[:, None], there, True).to(ours.dtype)
    moved = similarity(ours, theirs, weight).apply(ours)
    return _mean((moved - theirs).norm(dim=-1) * 1000, there & enough[:, None])
