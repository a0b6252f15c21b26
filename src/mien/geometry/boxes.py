"""Boxes in picture pixels, from what a detector says to the 3:4 box that a network looks at.

A detected box is (x1, y1, x2, y2); a crop box is (x, y, w, h) after padding, and may reach outside the picture.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["ASPECT", "CROP_RATIO", "crop_box", "pad_box", "sanitize_box", "xywh_from_xyxy"]

ASPECT = 192 / 256
"""Width over height of every crop."""
CROP_RATIO = 1.2
"""How much larger than the 3:4 box around the person the published SMPLest-X network expects its crop."""


def xywh_from_xyxy(box: Float[ndarray, "4"]) -> Float[ndarray, "4"]:
    """(x1, y1, x2, y2) to (x, y, w, h), in the same pixels."""
    return np.array([box[0], box[1], box[2] - box[0], box[3] - box[1]], dtype=box.dtype)


def sanitize_box(box: Float[ndarray, "4"], width: int, height: int) -> Float[ndarray, "4"] | None:
    """An xywh box moved right and down until its corner is in the picture, then cut at the far edges; None if nothing
    is left. It comes out one pixel smaller. A box that begins outside keeps its size, as the published networks saw it.

    Args:
        box: x, y, w, h in pixels.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    x, y, w, h = (float(value) for value in box)
    x1, y1 = max(0.0, x), max(0.0, y)
    x2, y2 = min(width - 1.0, x1 + max(0.0, w - 1)), min(height - 1.0, y1 + max(0.0, h - 1))
    if w * h > 0 and x2 > x1 and y2 > y1:
        return np.array([x1, y1, x2 - x1, y2 - y1])
    return None


def pad_box(box: Float[ndarray, "4"], ratio: float = CROP_RATIO) -> Float[ndarray, "4"]:
    """Grow an xywh box about its centre to 3:4, then by `ratio`. Float32, as the crop is computed."""
    x, y, w, h = (float(value) for value in box)
    centre_x, centre_y = x + w / 2, y + h / 2
    if w > ASPECT * h:
        h = w / ASPECT
    elif w < ASPECT * h:
        w = h * ASPECT
    w, h = w * ratio, h * ratio
    return np.array([centre_x - w / 2, centre_y - h / 2, w, h], dtype=np.float32)


def crop_box(
    box: Float[ndarray, "4"], width: int, height: int, ratio: float = CROP_RATIO
) -> Float[ndarray, "4"] | None:
    """The padded crop box (xywh, float32) of a detected xywh box; None if the box holds no pixel of the picture."""
    inside = sanitize_box(box, width, height)
    return None if inside is None else pad_box(inside, ratio)
