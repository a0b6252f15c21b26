"""Poses of SMPL-X as poses of SMPL-H and SMPL, and back; hands as offsets from the mean hand, and back.

The three skeletons share the root and 21 joints of the body. SMPL-H has the 30 finger joints of SMPL-X and neither jaw
nor eyes; SMPL has two joints for whole hands (22, 23) in place of fingers. What a skeleton lacks is lost on the way to
it and at rest on the way back. Shapes are another matter: their spaces differ, and only meshes lead from one to the
other (`mien.data.fit`, `mien.convert.smpl`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.model import BodyModel
from mien.errors import BodyError, InputError
from mien.geometry.rotation import axis_angle_from_matrix
from mien.records import SmplxParams

__all__ = [
    "NUM_SMPL",
    "NUM_SMPLH",
    "hand_offsets",
    "params_from_pose",
    "smpl_pose",
    "smplh_pose",
    "with_absolute_hands",
]

NUM_SMPL, NUM_SMPLH, _NUM_SMPLX, _NUM_BODY = 24, 52, 55, 22


def smplh_pose(params: SmplxParams) -> Float[Tensor, "*batch 52 3 3"]:
    """The rotations of SMPL-H: root, body 21, left hand 15, right hand 15. Jaw and eyes are left out."""
    whole = params.full_pose()
    return torch.cat([whole[..., :_NUM_BODY, :, :], whole[..., 25:, :, :]], -3)


def smpl_pose(params: SmplxParams) -> Float[Tensor, "*batch 24 3 3"]:
    """The rotations of SMPL: root, body 21, both hands at rest. Fingers, jaw and eyes are left out."""
    whole = params.full_pose()[..., :_NUM_BODY, :, :]
    rest = torch.eye(3, dtype=whole.dtype, device=whole.device).expand(*whole.shape[:-3], 2, 3, 3)
    return torch.cat([whole, rest], -3)


def params_from_pose(
    pose: Float[Tensor, "batch joint 3 3"],
    transl: Float[Tensor, "batch 3"],
    betas: Float[Tensor, "batch beta"],
    expression: Float[Tensor, "batch expression"] | None = None,
) -> SmplxParams:
    """SMPL-X parameters of the rotations of SMPL (24), SMPL-H (52) or SMPL-X (55), in their files' order.

    The hand joints of SMPL turn whole hands, which SMPL-X cannot: they are left out. Hands without fingers are flat.

    Raises:
        InputError: another number of joints.
    """
    count, joints = pose.shape[:2]
    if joints not in (NUM_SMPL, NUM_SMPLH, _NUM_SMPLX):
        raise InputError(f"poses of {joints} joints", expected="24 (SMPL), 52 (SMPL-H) or 55 (SMPL-X)")
    whole = torch.eye(3, dtype=pose.dtype, device=pose.device).repeat(count, _NUM_SMPLX, 1, 1)
    whole[:, :_NUM_BODY] = pose[:, :_NUM_BODY]
    if joints > NUM_SMPL:
        whole[:, 25:] = pose[:, -30:]
    if joints == _NUM_SMPLX:
        whole[:, 22:25] = pose[:, 22:25]
    return SmplxParams(
        global_orient=whole[:, 0],
        body_pose=whole[:, 1:22],
        jaw_pose=whole[:, 22],
        leye_pose=whole[:, 23],
        reye_pose=whole[:, 24],
        left_hand_pose=whole[:, 25:40],
        right_hand_pose=whole[:, 40:55],
        betas=betas,
        expression=transl.new_zeros(count, 10) if expression is None else expression,
        transl=transl,
    )


def with_absolute_hands(params: SmplxParams, body: BodyModel) -> SmplxParams:
    """Parameters whose hands are offsets from the body's mean hand (`flat_hand_mean` false), with absolute ones.

    Raises:
        BodyError: the body has no mean hands.
    """
    left, right = body.hands_from_offsets(params.left_hand_pose, params.right_hand_pose)
    return replace(params, left_hand_pose=left, right_hand_pose=right)


def hand_offsets(params: SmplxParams, body: BodyModel) -> Float[Tensor, "*batch 30 3"]:
    """Axis-angle of the left and the right hand as offsets from the body's mean hand, as files without
    `flat_hand_mean` have them.

    Raises:
        BodyError: the body has no mean hands.
    """
    if body.mean_hands is None:
        raise BodyError(f"{body.path} has no hands", expected="an SMPL-X body", todo="choose another --body")
    hands = torch.stack([params.left_hand_pose, params.right_hand_pose], -4)
    return (axis_angle_from_matrix(hands) - body.mean_hands).flatten(-3, -2)
