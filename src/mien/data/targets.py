"""What a network should say about a crop: labels in its own terms, each with a weight.

    targets = build_targets(samples, frames, body)

A weight is 0 where the label is absent, cannot be trusted, or lies outside the crop; a loss multiplies and asks no
further. A batch is built at once, from columns.

`mien.data.replicate` builds what the published training built, slips included. Here they are mended: a joint counts
only inside the crop; 2D and 3D joints have weights of their own, so that nobody without 3D labels is pulled to zero;
wrists turn with the picture, and one that nobody measured teaches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.boxes import BoxTargets, box_targets
from mien.data.fitted import BodyTargets, body_targets, mean_hands, row_weight, with_body_joints
from mien.data.moving import Frames, move
from mien.data.parts import ANCHOR, HEAT_CELLS, PELVIS, depth_cells, heat_cells, relative_to_anchors
from mien.data.samples import PARAMS, Label, Samples, by_row
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import Record

__all__ = [
    "BETA_LIMIT",
    "CHAINS",
    "Targets",
    "build_targets",
    "finite",
    "hand_offsets",
    "label_value",
    "pose_columns",
    "wrists",
]

BETA_LIMIT = 3.0
"""A fit with a larger shape coefficient failed: its shape is no target."""
CHAINS = ((0, 3, 6, 9, 13, 16, 18, 20), (0, 3, 6, 9, 14, 17, 19, 21))
"""From the pelvis to the left and to the right wrist, among the 53 rotations."""
_GATES = ("known", "has_3d", "whole_body")


@dataclass(frozen=True, kw_only=True)
class Targets(Record):
    """Labels of a batch in the terms of the losses: values with weights of 0 to 1. Never NaN."""

    image: Float[Tensor, "batch 137 3"]
    """x, y and depth in heat-map units: 0..12, 0..16, 0..16 in sight."""
    image_weight: Float[Tensor, "batch 137"]
    """Of x and y."""
    depth_weight: Float[Tensor, "batch 137"]
    cam: Float[Tensor, "batch 137 3"]
    """Metres, relative to the pelvis, in the axes of the crop's camera."""
    cam_weight: Float[Tensor, "batch 137"]
    parts: Float[Tensor, "batch 137 3"]
    """The same, hands relative to their wrists, the face to the neck."""
    parts_weight: Float[Tensor, "batch 137"]
    known: Float[Tensor, "batch 137"]
    """1 for joints that are labelled at all, in sight or not."""
    has_3d: Float[Tensor, "batch"]
    """1 for people with 3D joints."""
    pose: Float[Tensor, "batch 53 3 3"]
    """Root, body, left hand, right hand, jaw. Hands are offsets from the mean hand, as networks give them."""
    pose_weight: Float[Tensor, "batch 53"]
    betas: Float[Tensor, "batch 10"]
    betas_weight: Float[Tensor, "batch"]
    expression: Float[Tensor, "batch 10"]
    expression_weight: Float[Tensor, "batch"]
    wrist: Float[Tensor, "batch 2 3 3"]
    """Orientation of the left and of the right wrist in the camera, by the rotations from the pelvis on."""
    wrist_weight: Float[Tensor, "batch 2"]
    hand_root: Float[Tensor, "batch 2 3 3"]
    """The same, measured by itself: people of whom only a hand is seen."""
    hand_root_weight: Float[Tensor, "batch 2"]
    """0 where `wrist` is known. In replication neither weight knows of the other: the loss chooses by `whole_body`."""
    whole_body: Float[Tensor, "batch"]
    """1 where the pelvis is in sight: the published training's sign of a person who is more than a hand."""
    body: BodyTargets | None = None
    """Joints of the fitted body, where they were asked for."""
    boxes: BoxTargets | None = None
    """Of hands and face, with them."""

    def masked(self, present: Float[Tensor, "batch"]) -> Targets:
        """The same with every weight times `present`."""
        return _masked(self, present)


def build_targets(
    samples: Samples,
    frames: Frames,
    body: BodyModel,
    *,
    derive_joints: bool = True,
    body_joints: bool = False,
    expression_map: Float[np.ndarray, "expression expression"] | None = None,
) -> Targets:
    """The targets of a batch.

    Args:
        samples: labels that belong to the pictures.
        frames: the crops of the pictures, one for each row.
        body: what the parameters belong to; its mean hands are what hand targets are relative to.
        derive_joints: take the joints of the fitted body as 3D keypoints of people who have no others.
        body_joints: make `Targets.body` and `Targets.boxes` too.
        expression_map: of `mien.data.moving.expression_mirror`, to mirror the expression of mirrored people.

    Raises:
        BodyError: the body has no hands.
    """
    samples = finite(samples)
    samples = with_body_joints(samples, body) if derive_joints else samples
    moved = move(hand_offsets(samples, body), frames, expression_map=expression_map)
    pose, weight = pose_columns(moved)
    matrices, chain = matrix_from_axis_angle(torch.from_numpy(pose)), weight[:, CHAINS].min(-1)
    betas = label_value(moved, "betas", PARAMS["betas"])
    sound = np.abs(betas).max(1) <= BETA_LIMIT
    hand_known = np.zeros((len(samples), 2), np.float32) if moved.hand_root is None else moved.hand_root.weight
    columns = {
        **_joints(moved),
        "pose_weight": weight,
        "betas": betas * sound[:, None],
        "betas_weight": row_weight(moved, "betas") * sound,
        "expression": label_value(moved, "expression", PARAMS["expression"]),
        "expression_weight": row_weight(moved, "expression"),
        "wrist_weight": chain,
        "hand_root_weight": hand_known * (1 - chain),
    }
    return Targets(
        **{name: torch.from_numpy(column) for name, column in columns.items()},
        pose=matrices,
        wrist=wrists(matrices),
        hand_root=matrix_from_axis_angle(torch.from_numpy(label_value(moved, "hand_root", (2, 3)))),
        body=body_targets(samples, frames, body) if body_joints else None,
        boxes=box_targets(samples, frames) if body_joints else None,
    )


def finite(samples: Samples) -> Samples:
    """The samples with 0 for every number that is none, and weight 0 for its part."""
    changed: dict[str, Label] = {}
    for field in fields(samples):
        label = getattr(samples, field.name)
        if isinstance(label, Label) and not np.isfinite(label.value).all():
            good = np.isfinite(label.value)
            parts = good.all(axis=tuple(range(label.weight.ndim, good.ndim)))
            value = np.where(parts.reshape(parts.shape + (1,) * (good.ndim - parts.ndim)), label.value, 0)
            changed[field.name] = Label(value=value, weight=label.weight * parts)
    return replace(samples, **changed)


def hand_offsets(samples: Samples, body: BodyModel) -> Samples:
    """The samples with hand poses as offsets from the mean hand (in axis-angle), 0 where they are unknown."""
    changed: dict[str, Any] = {}
    for name, mean in zip(("left_hand_pose", "right_hand_pose"), mean_hands(body).numpy(), strict=True):
        label: Label | None = getattr(samples, name)
        if label is not None:
            known = by_row(label.weight).min(1)[:, None, None] > 0
            changed[name] = replace(label, value=np.where(known, label.value - mean, np.float32(0)))
    return replace(samples, **changed)


def pose_columns(moved: Samples) -> tuple[Float32[np.ndarray, "row 53 3"], Float32[np.ndarray, "row 53"]]:
    """The 53 rotations, axis-angle, and the weight of each."""
    names = {"global_orient": 1, "body_pose": 21, "left_hand_pose": 15, "right_hand_pose": 15, "jaw_pose": 1}
    values = [label_value(moved, name, PARAMS[name]).reshape(len(moved), count, 3) for name, count in names.items()]
    weights = []
    for name, count in names.items():
        label: Label | None = getattr(moved, name)
        weight = np.zeros((len(moved), 1), np.float32) if label is None else by_row(label.weight)
        weights.append(np.broadcast_to(weight, (len(moved), count)))
    return np.concatenate(values, 1), np.concatenate(weights, 1)


def label_value(samples: Samples, name: str, shape: tuple[int, ...]) -> Float32[np.ndarray, "row *shape"]:
    """The values of a label, 0 where it is unknown."""
    label: Label | None = getattr(samples, name)
    if label is None:
        return np.zeros((len(samples), *shape), dtype=np.float32)
    return label.value * (label.weight.reshape(label.weight.shape + (1,) * (label.value.ndim - label.weight.ndim)) > 0)


def wrists(pose: Float[Tensor, "batch 53 3 3"]) -> Float[Tensor, "batch 2 3 3"]:
    """Orientation of both wrists: the rotations from the pelvis on, multiplied."""
    chains = pose[:, list(CHAINS)]
    turned = chains[:, :, 0]
    for step in range(1, chains.shape[2]):
        turned = turned @ chains[:, :, step]
    return turned


def _joints(moved: Samples) -> dict[str, np.ndarray]:
    """Everything that is made of keypoints."""
    pixels, points = (label_value(moved, name, (137, d)) for name, d in (("keypoints2d", 2), ("keypoints3d", 3)))
    flat, deep = (_weight137(moved, name) for name in ("keypoints2d", "keypoints3d"))
    cells = heat_cells(pixels)
    inside = ((cells >= 0) & (cells < np.array(HEAT_CELLS[:2]))).all(-1)
    rooted = deep * deep[:, [PELVIS]]
    cam = (points - points[:, [PELVIS]]) * rooted[..., None]
    anchored = deep * deep[:, ANCHOR]
    parts = relative_to_anchors(points) * anchored[..., None]
    depth = depth_cells(cam[..., 2]) * rooted
    in_sight = inside | (flat == 0)
    return {
        "image": np.concatenate([cells * flat[..., None], depth[..., None]], -1).astype(np.float32),
        "image_weight": flat * inside,
        "depth_weight": rooted * flat * inside * ((depth >= 0) & (depth < HEAT_CELLS[2])),
        "cam": cam,
        "cam_weight": rooted * in_sight,
        "parts": parts,
        "parts_weight": anchored * in_sight,
        "known": np.maximum(flat, deep),
        "has_3d": deep.max(1),
        "whole_body": (flat * inside)[:, PELVIS],
    }


def _weight137(samples: Samples, name: str) -> Float32[np.ndarray, "row 137"]:
    label: Label | None = getattr(samples, name)
    return np.zeros((len(samples), 137), dtype=np.float32) if label is None else label.weight


def _masked(record: Any, present: Float[Tensor, "batch"]) -> Any:
    changed: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Record):
            changed[field.name] = _masked(value, present)
        elif field.name.endswith("weight") or field.name in _GATES:
            changed[field.name] = value * present.reshape(-1, *[1] * (value.ndim - 1))
    return replace(record, **changed)
