"""Targets as the published training of SMPLest-X made them, slips included, for runs that must be comparable with it.

What differs from `mien.data.targets`: joints count as in sight far beyond the crop, to its right and below (bounds in
pixels, values in heat-map units); one weight serves 2D and 3D; people without 3D joints are pulled to zero where hands
and face are looked at by themselves; measured wrists neither turn nor mirror with the picture; a body pose of zeros
counts as none, and the root with it; the face counts only with jaw and expression together.

SMPLer-X's training saw joints otherwise: see `inside_only`. Its other rules are taken to be the same.

The rules by which the published training changes labels as it loads them are those of `mien.data.transforms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.boxes import BoxTargets, box_targets
from mien.data.fitted import BodyTargets, body_targets, in_picture, row_weight
from mien.data.moving import Frames, move, move_keypoints2d, move_keypoints3d
from mien.data.parts import HEAT_CELLS, PELVIS, depth_cells, heat_cells, relative_to_anchors
from mien.data.samples import PARAMS, Label, Samples, by_row
from mien.data.targets import BETA_LIMIT, Targets, finite, hand_offsets, label_value, pose_columns, wrists
from mien.geometry.rotation import matrix_from_axis_angle

__all__ = ["from_published", "published_targets"]

_WRISTS, _THUMBS = [20, 21], [34, 49]
"""Among the 53 rotations: their weights stand for those of the two wrists, by the body and measured."""
_BOUNDS = np.array([192.0, 256.0])
"""Of x and y, in heat-map units; meant were pixels of the canvas."""


def published_targets(
    samples: Samples, frames: Frames, body: BodyModel, *, body_joints: bool = False, inside_only: bool = False
) -> Targets:
    """The targets of a batch, as published.

    Args:
        samples: labels that belong to the pictures.
        frames: the crops of the pictures, one for each row.
        body: what the parameters belong to.
        body_joints: make `Targets.body` and `Targets.boxes` too.
        inside_only: as SMPLer-X was trained, a joint counts only within the crop, of a person with 3D joints, and not
            left of or above the picture or more than 1 m before the pelvis, tested before mirrored joints are renamed.

    Raises:
        BodyError: the body has no hands.
    """
    samples, trunk = _whole_parts(finite(samples))
    moved = move(hand_offsets(samples, body), frames, turn_hand_roots=False)
    pose, pose_weight = pose_columns(moved)
    pose_weight[:, 0] *= trunk
    matrices = matrix_from_axis_angle(torch.from_numpy(pose))
    betas = label_value(moved, "betas", PARAMS["betas"])
    betas = betas * (np.abs(betas).max(1, keepdims=True) <= BETA_LIMIT)
    values, known, seen, has_3d = _joints(samples, frames)
    if inside_only:
        inside = ((values["image"] >= 0) & (values["image"] < np.array(HEAT_CELLS))).all(-1)
        seen = (known * inside * in_picture(samples)).astype(np.float32)
    columns = {
        **values,
        "betas": betas,
        "betas_weight": (np.abs(betas).max(1) > 0).astype(np.float32),
        "expression": label_value(moved, "expression", PARAMS["expression"]),
        "expression_weight": row_weight(moved, "expression"),
    }
    weights = _weights(*(torch.from_numpy(each) for each in (known, seen, has_3d, pose_weight)))
    return Targets(
        **{name: torch.from_numpy(column) for name, column in columns.items()},
        **weights,
        pose=matrices,
        wrist=wrists(matrices),
        hand_root=matrix_from_axis_angle(torch.from_numpy(label_value(moved, "hand_root", (2, 3)))),
        body=body_targets(samples, frames, body, replicate=True) if body_joints else None,
        boxes=box_targets(samples, frames) if body_joints else None,
    )


def from_published(targets: Mapping[str, Tensor], meta: Mapping[str, Tensor]) -> Targets:
    """Targets from the names and shapes that the published losses take.

    Args:
        targets: `joint_img`, `joint_cam`, `smplx_joint_cam` (batch, 137, 3), `smplx_pose` (batch, 159), `smplx_shape`,
            `smplx_expr` (batch, 10), and for SMPLest-X `lhand_root`, `rhand_root` (batch, 1, 3).
        meta: `joint_valid`, `joint_trunc` (batch, 137, 1), `smplx_pose_valid` (batch, 477), `smplx_shape_valid`,
            `smplx_expr_valid`, `is_3D` (batch,).

    Of SMPLer-X come with them `smplx_joint_img` (batch, 137, 3), `smplx_joint_valid` and `smplx_joint_trunc`; center,
    size and validity of each `lhand_bbox`, `rhand_bbox`, `face_bbox`; and a `smplx_pose_valid` of (batch, 159).
    """
    pose_valid = meta["smplx_pose_valid"]
    pose = matrix_from_axis_angle(targets["smplx_pose"].unflatten(1, (53, 3)))
    none = targets["smplx_expr"].new_zeros(len(pose), 1, 3)
    roots = torch.cat([targets.get("lhand_root", none), targets.get("rhand_root", none)], 1)
    weights = _weights(
        meta["joint_valid"][..., 0],
        meta["joint_trunc"][..., 0],
        meta["is_3D"],
        pose_valid.unflatten(1, (53, -1))[..., 0],
    )
    return Targets(
        image=targets["joint_img"],
        cam=targets["joint_cam"],
        parts=targets["smplx_joint_cam"],
        betas=targets["smplx_shape"],
        betas_weight=meta["smplx_shape_valid"],
        expression=targets["smplx_expr"],
        expression_weight=meta["smplx_expr_valid"],
        pose=pose,
        wrist=wrists(pose),
        hand_root=matrix_from_axis_angle(roots),
        **weights,
        body=_published_body(targets, meta) if "lhand_bbox_center" in targets else None,
        boxes=_published_boxes(targets, meta) if "lhand_bbox_center" in targets else None,
    )


def _published_body(targets: Mapping[str, Tensor], meta: Mapping[str, Tensor]) -> BodyTargets:
    return BodyTargets(
        image=targets["smplx_joint_img"],
        image_weight=meta["smplx_joint_trunc"][..., 0],
        parts=targets["smplx_joint_cam"],
        parts_weight=meta["smplx_joint_valid"][..., 0],
    )


def _published_boxes(targets: Mapping[str, Tensor], meta: Mapping[str, Tensor]) -> BoxTargets:
    names = [f"{part}_bbox" for part in ("lhand", "rhand", "face")]
    return BoxTargets(
        center=torch.stack([targets[f"{name}_center"] for name in names], 1),
        size=torch.stack([targets[f"{name}_size"] for name in names], 1),
        weight=torch.stack([meta[f"{name}_valid"] for name in names], 1),
    )


def _weights(
    known: Float[Tensor, "batch 137"],
    seen: Float[Tensor, "batch 137"],
    has_3d: Float[Tensor, "batch"],
    pose: Float[Tensor, "batch 53"],
) -> dict[str, Tensor]:
    """What the published losses multiply each term with, from the four masks that they are given."""
    whole_body = seen[:, PELVIS]
    return {
        "image_weight": seen,
        "depth_weight": seen * has_3d[:, None],
        "cam_weight": seen * (has_3d * whole_body)[:, None],
        "parts_weight": seen,
        "known": known,
        "has_3d": has_3d,
        "pose_weight": pose,
        "wrist_weight": pose[:, _WRISTS],
        "hand_root_weight": pose[:, _THUMBS],
        "whole_body": whole_body,
    }


def _joints(
    samples: Samples, frames: Frames
) -> tuple[dict[str, np.ndarray], Float32[np.ndarray, "row 137"], Float32[np.ndarray, "row 137"], np.ndarray]:
    """Values made of keypoints, and the masks: joint known, joint in sight, person with 3D joints."""
    count = len(samples)
    flat = samples.keypoints2d or _no_label(count, 2)
    deep = samples.keypoints3d or _no_label(count, 3)
    has_3d = deep.weight.max(1) > 0
    known = np.where(has_3d[:, None], deep.weight, flat.weight)
    points = np.where(has_3d[:, None, None], deep.value - deep.value[:, [PELVIS]], np.float32(0))
    cam = move_keypoints3d(Label(value=points, weight=known), frames)
    cells = heat_cells(move_keypoints2d(flat, frames).value)
    depth = np.where(has_3d[:, None], depth_cells(cam.value[..., 2]), np.float32(0))
    inside = ((cells >= 0) & (cells < _BOUNDS)).all(-1) & (depth >= 0)
    values = {
        "image": np.concatenate([cells, depth[..., None]], -1),
        "cam": cam.value,
        "parts": relative_to_anchors(cam.value),
    }
    return values, cam.weight, cam.weight * inside, has_3d.astype(np.float32)


def _no_label(count: int, size: int) -> Label:
    return Label(value=np.zeros((count, 137, size), np.float32), weight=np.zeros((count, 137), np.float32))


def _whole_parts(samples: Samples) -> tuple[Samples, Float32[np.ndarray, "row"]]:
    """No jaw without an expression and the reverse; a body pose of zeros is none. And who has a body pose."""
    face = row_weight(samples, "jaw_pose") * row_weight(samples, "expression")
    trunk = np.zeros(len(samples), dtype=np.float32)
    if samples.body_pose is not None:
        known = by_row(samples.body_pose.weight).max(1) > 0
        moved = np.abs(by_row(samples.body_pose.value)).max(1) > 0
        trunk = np.array(known & moved, dtype=np.float32)
    changed: dict[str, Label] = {}
    for name, weight in (("jaw_pose", face), ("expression", face), ("body_pose", trunk)):
        label: Label | None = getattr(samples, name)
        if label is not None:
            kept = label.weight * weight.reshape(-1, *[1] * (label.weight.ndim - 1))
            changed[name] = Label(value=label.value, weight=kept)
    return replace(samples, **changed), trunk
