"""Errors of projected joints in the picture: pixels, percent of the person's box, and how many are near enough."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.metrics.errors import Errors

__all__ = ["KEYPOINT_PARTS", "PCK", "keypoint_errors"]

KEYPOINT_PARTS: dict[str, slice] = {
    "kp2d": slice(0, 137),
    "kp2d_body": slice(0, 25),
    "kp2d_hand": slice(25, 65),
    "kp2d_face": slice(65, 137),
}
"""Measures and their joints among the 137 of `mien.body.joints.SMPLX_137`. Fingers of both hands count as one part."""
PCK: dict[str, float] = {"pck5": 0.05, "pck10": 0.1}
"""Percentage of correct keypoints: those nearer than this share of the longer side of the person's box."""


def keypoint_errors(
    predicted: Float[Tensor, "batch 137 2"],
    true: Float[Tensor, "batch 137 2"],
    known: Bool[Tensor, "batch 137"],
    box: Float[Tensor, "batch 4"],
) -> dict[str, Errors]:
    """Mean distance over the joints that the truth has: `kp2d` in pixels, `kp2d_box` in percent of the box, and parts;
    `kp2d_pck5`, ... in percent of the joints: the more the better.

    Args:
        predicted: pixels of the picture.
        true: pixels of the picture.
        known: which joints count; a person without any is not valid.
        box: x, y, width, height of the person (tight), pixels; percents are of its longer side.
    """
    off = torch.where(known, (predicted - true).norm(dim=-1), 0)
    side = box[:, 2:].amax(1)
    found: dict[str, Errors] = {}
    for name, joints in KEYPOINT_PARTS.items():
        count = known[:, joints].sum(1)
        mean = off[:, joints].sum(1) / count.clamp(min=1)
        found[name] = Errors(value=mean, valid=count > 0)
        sized = (count > 0) & (side > 0)
        found[f"{name}_box"] = Errors(value=torch.where(sized, 100 * mean / side, 0), valid=sized)
        for pck, share in PCK.items():
            near = known[:, joints] & (off[:, joints] <= share * side[:, None])
            percent = 100 * near.sum(1).to(mean.dtype) / count.clamp(min=1)
            found[f"{name}_{pck}"] = Errors(value=torch.where(sized, percent, 0), valid=sized)
    return found
