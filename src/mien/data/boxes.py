"""Boxes of hands and face as targets, for networks that look for them first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.data.joints import FACE, HANDS, extent
from mien.data.moving import Frames, move
from mien.data.parts import HEAT_CELLS
from mien.data.samples import Label, Samples
from mien.geometry.crop import PATCH_HEIGHT, PATCH_WIDTH
from mien.records import Record

__all__ = ["BoxTargets", "box_targets", "with_boxes"]

_PARTS = {"left_hand_box": HANDS[0], "right_hand_box": HANDS[1], "face_box": FACE}
_MARGIN = 1.2
"""How much larger a box is than the joints that it is drawn around."""
_FEWEST = 5
"""Joints that a box is drawn around."""


@dataclass(frozen=True, kw_only=True)
class BoxTargets(Record):
    """Where the left hand, the right hand and the face are, heat-map units."""

    center: Float[Tensor, "batch 3 2"]
    size: Float[Tensor, "batch 3 2"]
    """Width and height."""
    weight: Float[Tensor, "batch 3"]
    """0 where there is no box, or its centre is outside the crop."""


def box_targets(samples: Samples, frames: Frames) -> BoxTargets:
    """The boxes of a batch, as they lie in the crops.

    Args:
        samples: labels that belong to the pictures; a part without a box gets one around its 2D joints.
        frames: the crops of the pictures, one for each row.
    """
    known = with_boxes(samples)
    only = Samples(source=samples.source, row=samples.row, image=samples.image, box=samples.box)
    moved = move(replace(only, **{name: getattr(known, name) for name in _PARTS}), frames)
    scale = np.array([HEAT_CELLS[0] / PATCH_WIDTH, HEAT_CELLS[1] / PATCH_HEIGHT] * 2, dtype=np.float32)
    labels = [getattr(moved, name) or _no_boxes(len(samples)) for name in _PARTS]
    boxes = np.stack([label.value for label in labels], 1) * scale
    center, size = boxes[..., :2] + boxes[..., 2:] / 2, boxes[..., 2:]
    inside = ((center >= 0) & (center < np.array(HEAT_CELLS[:2]))).all(-1) & (size > 0).all(-1)
    weight = np.stack([label.weight for label in labels], 1) * inside
    return BoxTargets(
        center=torch.from_numpy(center * (weight > 0)[..., None]).float(),
        size=torch.from_numpy(size * (weight > 0)[..., None]).float(),
        weight=torch.from_numpy(weight.astype(np.float32)),
    )


def with_boxes(samples: Samples) -> Samples:
    """The samples with boxes around the 2D joints of hands and faces that have none, where enough joints are known."""
    if samples.keypoints2d is None:
        return samples
    made = {name: _completed(getattr(samples, name), samples.keypoints2d, part) for name, part in _PARTS.items()}
    return replace(samples, **made)


def _completed(label: Label | None, points: Label, part: slice) -> Label:
    """A column of boxes, with those that were missing."""
    label = label or _no_boxes(len(points.value))
    around, known = _around(points.value[:, part], points.weight[:, part])
    missing = (label.weight <= 0) & known
    return Label(
        value=np.where(missing[:, None], around, label.value),
        weight=np.where(missing, np.float32(1), label.weight),
    )


def _around(
    points: Float32[np.ndarray, "row joint 2"], weight: Float32[np.ndarray, "row joint"]
) -> tuple[Float32[np.ndarray, "row 4"], np.ndarray]:
    """x, y, width, height around the known joints, and whether there are enough of them."""
    box, whole = extent(points, weight)
    enough = whole & ((weight > 0).sum(1) >= _FEWEST)
    middle, size = box[:, :2] + box[:, 2:] / 2, box[:, 2:] * _MARGIN
    grown = np.concatenate([middle - size / 2, size], 1)
    return np.where(enough[:, None], grown, 0).astype(np.float32), enough


def _no_boxes(count: int) -> Label:
    return Label(value=np.zeros((count, 4), np.float32), weight=np.zeros(count, np.float32))
