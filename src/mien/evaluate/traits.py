"""What a person and a picture are like: what errors are sorted by in a report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64

from mien.data.fitted import row_weight
from mien.data.samples import Label
from mien.geometry.rotation import matrix_from_axis_angle

if TYPE_CHECKING:
    from mien.evaluate.truths import Truths

__all__ = ["TRAITS", "traits"]

TRAITS: dict[str, str] = {
    "pose": "how far the body is from rest: mean angle of its 21 joints, degrees",
    "facing": "how far the person is turned away from the camera: 0 faces it, 180 shows the back, degrees",
    "hand": "how far the hands are from the relaxed one: mean angle of their finger joints, degrees",
    "occlusion": "body joints that lie in the picture and are hidden, percent",
    "truncation": "body joints that lie outside the picture, percent",
    "box": "longer side of the box, pixels",
}
"""What each is. Absent (NaN) where the labels do not say."""
_BODY = slice(0, 25)


def traits(truths: Truths, mean_hands: np.ndarray | None) -> dict[str, Float64[np.ndarray, "row"]]:
    """The traits of some people.

    Args:
        truths: who.
        mean_hands: (2, 15, 3) axis-angle of the relaxed hands; None for a body without.
    """
    samples, nothing = truths.samples, np.full(len(truths), math.nan)
    found = {name: nothing.copy() for name in TRAITS}
    found["box"] = samples.box.value[:, 2:].max(1).astype(np.float64)
    posed = row_weight(samples, "body_pose") > 0
    if samples.body_pose is not None:
        angle = np.linalg.norm(samples.body_pose.value, axis=-1).mean(1)
        found["pose"] = np.where(posed, np.degrees(angle), math.nan)
    turned = row_weight(samples, "global_orient") > 0
    if samples.global_orient is not None:
        forward = matrix_from_axis_angle(torch.from_numpy(samples.global_orient.value)).numpy()[:, :, 2]
        found["facing"] = np.where(turned, np.degrees(np.arccos(np.clip(-forward[:, 2], -1, 1))), math.nan)
    if mean_hands is not None:
        found["hand"] = _hands(truths, mean_hands)
    found["truncation"], found["occlusion"] = _truncation(truths), _occlusion(truths)
    return {name: value.astype(np.float64) for name, value in found.items()}


def _hands(truths: Truths, mean_hands: np.ndarray) -> Float64[np.ndarray, "row"]:
    """Mean over the hands that are known."""
    total, count = np.zeros(len(truths)), np.zeros(len(truths))
    for side, mean in zip(("left", "right"), mean_hands, strict=True):
        label = getattr(truths.samples, f"{side}_hand_pose")
        if label is None:
            continue
        known = row_weight(truths.samples, f"{side}_hand_pose") > 0
        rest = matrix_from_axis_angle(torch.from_numpy(mean).double())
        turn = rest.mT @ matrix_from_axis_angle(torch.from_numpy(label.value).double())
        cosine = (turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
        angle = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).mean(1).numpy()
        total, count = total + np.where(known, angle, 0), count + known
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)


def _outside(truths: Truths) -> tuple[np.ndarray, np.ndarray]:
    """Which of the 25 body joints are known, and which of those lie outside the picture."""
    label, size = truths.samples.keypoints2d, truths.samples.size
    if label is None or size is None:
        return np.zeros((len(truths), 25), dtype=bool), np.zeros((len(truths), 25), dtype=bool)
    known = label.weight[:, _BODY] > 0
    limit = size[:, None, ::-1] - 1
    inside = ((label.value[:, _BODY] >= 0) & (label.value[:, _BODY] <= limit)).all(-1)
    return known, known & ~inside


def _truncation(truths: Truths) -> Float64[np.ndarray, "row"]:
    known, outside = _outside(truths)
    count = known.sum(1)
    return np.where(count > 0, 100 * outside.sum(1) / np.maximum(count, 1), math.nan)


def _occlusion(truths: Truths) -> Float64[np.ndarray, "row"]:
    """From `joints_visible` of synthetic people, or AGORA's own figure."""
    theirs = truths.samples.extra.get("occlusion")
    if isinstance(theirs, Label):
        return np.where(theirs.weight > 0, theirs.value, math.nan).astype(np.float64)
    visible = truths.samples.extra.get("visible")
    if not isinstance(visible, np.ndarray):
        return np.full(len(truths), math.nan)
    known, outside = _outside(truths)
    inside = known & ~outside
    hidden = inside & (visible[:, _BODY] == 0)
    count = inside.sum(1)
    return np.where(count > 0, 100 * hidden.sum(1) / np.maximum(count, 1), math.nan)
