"""Joints of the fitted body: 3D labels of people whose parameters are known, but whose joints nobody wrote down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.joints import BODY, FACE, HANDS
from mien.data.moving import Frames, move_keypoints2d, move_keypoints3d
from mien.data.parts import HEAT_CELLS, heat_cells, part_depth_cells, relative_to_anchors
from mien.data.samples import PARAMS, Label, Samples, by_row
from mien.errors import BodyError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import Record

__all__ = ["BodyTargets", "body_joints", "body_targets", "in_picture", "mean_hands", "row_weight", "with_body_joints"]


@dataclass(frozen=True, kw_only=True)
class BodyTargets(Record):
    """Targets from the fitted body. SMPLer-X learns from them beside the keypoints; SMPLest-X does not."""

    image: Float[Tensor, "batch 137 3"]
    """x, y and depth in heat-map units; the depths of hands and face have a span of their own."""
    image_weight: Float[Tensor, "batch 137"]
    parts: Float[Tensor, "batch 137 3"]
    """Metres: the body relative to the pelvis, hands to their wrists, the face to the neck."""
    parts_weight: Float[Tensor, "batch 137"]


def mean_hands(body: BodyModel) -> Tensor:
    """Axis-angle of the body's relaxed left and right hand, (2, 15, 3).

    Raises:
        BodyError: the body has no hands.
    """
    if body.mean_hands is None:
        raise BodyError(f"{body.path} has no hands", expected="an SMPL-X body", todo="choose another --body")
    return body.mean_hands


def row_weight(samples: Samples, name: str) -> Float32[np.ndarray, "row"]:
    """1 where a label is known, with all its parts, 0 elsewhere."""
    label: Label | None = getattr(samples, name)
    if label is None:
        return np.zeros(len(samples), dtype=np.float32)
    return by_row(label.weight).min(1)


def body_joints(samples: Samples, body: BodyModel) -> Float32[np.ndarray, "row 137 3"]:
    """The 137 joints of the fitted bodies, metres, camera frame. Unknown parts are at rest, unknown hands relaxed.

    Eyes look straight ahead, as those of the networks do.

    Raises:
        BodyError: the body has no hands.
    """
    names = ("left_hand_pose", "right_hand_pose")
    hands = [
        torch.where(torch.from_numpy(row_weight(samples, name))[:, None, None] > 0, _param(samples, name), mean)
        for name, mean in zip(names, mean_hands(body), strict=True)
    ]
    root, trunk, jaw = (_param(samples, name) for name in ("global_orient", "body_pose", "jaw_pose"))
    head = torch.stack([jaw, torch.zeros_like(jaw), torch.zeros_like(jaw)], 1)
    pose = matrix_from_axis_angle(torch.cat([root[:, None], trunk, head, *hands], 1))
    posed = body.shape(_shape(samples), _param(samples, "expression")).pose(pose, _param(samples, "transl"))
    return posed.joints()[:, list(SMPLX_137)].numpy()


def with_body_joints(samples: Samples, body: BodyModel) -> Samples:
    """The samples with joints of the body as 3D keypoints, where there are no others and the fit is whole."""
    fitted = np.minimum.reduce([row_weight(samples, name) for name in ("global_orient", "body_pose", "betas")]) > 0
    if samples.keypoints3d is not None:
        fitted &= samples.keypoints3d.weight.max(1) == 0
    if not fitted.any():
        return samples
    value, weight = np.zeros((len(samples), 137, 3), np.float32), np.zeros((len(samples), 137), np.float32)
    if samples.keypoints3d is not None:
        value, weight = samples.keypoints3d.value.copy(), samples.keypoints3d.weight.copy()
    chosen = samples.take(fitted)
    value[fitted], weight[fitted] = body_joints(chosen, body), _part_weights(chosen)
    return replace(samples, keypoints3d=Label(value=value, weight=weight))


def body_targets(samples: Samples, frames: Frames, body: BodyModel, *, replicate: bool = False) -> BodyTargets:
    """Joints of the fitted body as targets, where they are known.

    Args:
        samples: labels that belong to the pictures.
        frames: one for each row.
        body: what the parameters belong to.
        replicate: leave out, as the published training did, also what lies left of or above the picture or more than
            1 m before the pelvis, tested before mirrored joints are renamed.
    """
    joints, weight = body_joints(samples, body), _part_weights(samples)
    moved = move_keypoints3d(Label(value=joints, weight=weight), frames)
    parts = relative_to_anchors(moved.value)
    pixels = move_keypoints2d(_pixels(samples, joints, weight), frames)
    image = np.concatenate([heat_cells(pixels.value), part_depth_cells(parts)[..., None]], -1)
    seen = moved.weight * (pixels.weight > 0) * ((image >= 0) & (image < np.array(HEAT_CELLS))).all(-1)
    if replicate:
        seen = moved.weight * ((image >= 0) & (image < np.array(HEAT_CELLS))).all(-1) * in_picture(samples)
    return BodyTargets(
        image=torch.from_numpy(image),
        image_weight=torch.from_numpy(seen.astype(np.float32)),
        parts=torch.from_numpy(parts),
        parts_weight=torch.from_numpy(moved.weight),
    )


def _param(samples: Samples, name: str) -> Float[Tensor, "row *shape"]:
    """A parameter, zero where it is unknown."""
    label: Label | None = getattr(samples, name)
    if label is None:
        return torch.zeros(len(samples), *PARAMS[name])
    weight = label.weight.reshape(label.weight.shape + (1,) * (label.value.ndim - label.weight.ndim))
    return torch.from_numpy(label.value * (weight > 0))


def _shape(samples: Samples) -> Float[Tensor, "row 10"]:
    """Betas, those that are no target included (`mesh_betas`)."""
    betas, kept = _param(samples, "betas"), samples.extra.get("mesh_betas")
    if not isinstance(kept, Label):
        return betas
    return torch.where(torch.from_numpy(kept.weight)[:, None] > 0, torch.from_numpy(kept.value), betas)


def _part_weights(samples: Samples) -> Float32[np.ndarray, "row 137"]:
    """1 for the joints of the parts whose pose is known: body, hands; the face where jaw and expression are."""
    weight = np.zeros((len(samples), 137), dtype=np.float32)
    weight[:, BODY] = row_weight(samples, "body_pose")[:, None]
    for joints, name in zip(HANDS, ("left_hand_pose", "right_hand_pose"), strict=True):
        weight[:, joints] = row_weight(samples, name)[:, None]
    weight[:, FACE] = (row_weight(samples, "jaw_pose") * row_weight(samples, "expression"))[:, None]
    return weight


def _pixels(
    samples: Samples, joints: Float32[np.ndarray, "row 137 3"], weight: Float32[np.ndarray, "row 137"]
) -> Label:
    """Where the body's joints are seen: projected where camera and translation are known, else the 2D keypoints."""
    value, known = np.zeros((*weight.shape, 2), np.float32), np.zeros_like(weight)
    if samples.keypoints2d is not None:
        value, known = samples.keypoints2d.value.copy(), samples.keypoints2d.weight.copy()
    placed = (row_weight(samples, "camera") * row_weight(samples, "transl") > 0) & (joints[..., 2].min(1) > 0.01)
    if placed.any() and samples.camera is not None:
        camera = samples.camera.value[placed, None]
        value[placed] = joints[placed, :, :2] / joints[placed, :, 2:] * camera[..., :2] + camera[..., 2:]
        known[placed] = weight[placed]
    return Label(value=value, weight=known)


def in_picture(samples: Samples) -> Bool[np.ndarray, "row 137"]:
    """Whether the keypoints, as they stand in the file, have x, y and depth above 0."""
    if samples.keypoints2d is None or samples.keypoints3d is None:
        return np.zeros((len(samples), 137), dtype=bool)
    depth = samples.keypoints3d.value[..., 2]
    before = depth - depth[:, :1] > -1
    return (samples.keypoints2d.value > 0).all(-1) & before & (samples.keypoints3d.weight.max(1) > 0)[:, None]
