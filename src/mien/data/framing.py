"""Where the crop of a training sample lies: around the person, around a part, moved and resized by the dice."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from mien.data.augment import LEFT_HAND, UPPER, WHOLE, Draws
from mien.data.joints import HANDS, WRISTS
from mien.data.samples import Samples
from mien.geometry.boxes import crop_box
from mien.geometry.crop import Crop

__all__ = ["frame"]

_TORSO = (1, 2, 8, 9)
"""Hips and shoulders among the 137 joints: without them nobody knows what is above the hips."""
_ABOVE = (*_TORSO, 7, *range(10, 14), *range(20, 25))
"""And neck, elbows, wrists, ears, eyes, nose."""
_HANDS = tuple((wrist, *range(hand.start, hand.stop)) for wrist, hand in zip(WRISTS, HANDS, strict=True))
"""Wrist and fingers of the left and the right hand."""
_HAND_ROOM, _ENOUGH, _SMALLEST = 2.0, 8, 16.0
"""How much larger than a hand its crop is; how many joints show where it is; pixels below which it is not worth it."""


def frame(
    samples: Samples, row: int, size: tuple[int, int], ratio: float, draws: Draws, *, push: bool = False
) -> Crop | None:
    """The crop of one row; None if its box holds no pixel of the picture.

    Args:
        samples: labels that belong to the pictures.
        row: of them and of `draws`.
        size: height and width of the picture.
        ratio: how much larger than the 3:4 box.
        draws: what the dice said.
        push: as published, take a box that lies left of the picture, or above it, for one at its edge.
    """
    height, width = size
    whole = samples.box.value[row].astype(np.float64)
    part = _part(samples, row, int(draws.focus[row]), whole)
    box = whole if part is None or not _centred(part, width, height) else part
    if not (np.isfinite(box).all() and samples.box.weight[row].all() and (push or _overlaps(box, width, height))):
        return None
    padded = crop_box(box, width, height, ratio)
    if padded is None:
        return None
    if draws.shift[row].any():
        padded[:2] += (draws.shift[row] * padded[2:]).astype(np.float32)
    mirror = width if draws.flip[row] else None
    scale, rotation = float(draws.scale[row]), float(draws.rotation[row])
    return Crop.around(padded, scale=scale, rotation=rotation, mirror=mirror)


def _overlaps(box: Float64[np.ndarray, "4"], width: int, height: int) -> bool:
    """Whether any of a box lies in the picture; `crop_box`, as published, would push one that does not into it."""
    return bool(box[0] + box[2] > 0 and box[1] + box[3] > 0 and box[0] < width and box[1] < height)


def _centred(box: Float64[np.ndarray, "4"], width: int, height: int) -> bool:
    """Whether the middle of a box is in the picture."""
    x, y = box[:2] + box[2:] / 2
    return bool(0 <= x < width and 0 <= y < height)


def _part(samples: Samples, row: int, focus: int, whole: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "4"] | None:
    """The box (x, y, w, h) of the part that the crop is about; None if it is about all, or the part is not known."""
    if focus == WHOLE:
        return None
    if focus == UPPER:
        part = _around(samples, row, _ABOVE, needed=len(_ABOVE) // 2)
        if part is None or _around(samples, row, _TORSO, needed=len(_TORSO)) is None:
            return None
        top = max(min(part[1], whole[1]), part[1] - 0.2 * part[3])  # room for the skull
        return np.array([part[0], top, part[2], part[1] + part[3] - top])
    side = focus - LEFT_HAND
    label = (samples.left_hand_box, samples.right_hand_box)[side]
    if label is not None and label.weight[row] > 0:
        hand = label.value[row].astype(np.float64)
    else:
        hand = _around(samples, row, _HANDS[side], needed=_ENOUGH)
    if hand is None or max(hand[2:]) < _SMALLEST:
        return None
    room = max(hand[2:]) * (_HAND_ROOM - 1) / 2
    return np.array([hand[0] - room, hand[1] - room, hand[2] + 2 * room, hand[3] + 2 * room])


def _around(samples: Samples, row: int, joints: tuple[int, ...], needed: int) -> Float64[np.ndarray, "4"] | None:
    """The box around known joints, if enough of them are known."""
    if samples.keypoints2d is None:
        return None
    known = samples.keypoints2d.weight[row, joints] > 0
    if known.sum() < needed:
        return None
    points = samples.keypoints2d.value[row, joints][known].astype(np.float64)
    low, high = points.min(0), points.max(0)
    return np.concatenate([low, high - low])
