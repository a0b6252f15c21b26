"""The camera that a network believes it looks through: one pinhole for every crop, whatever the picture's own was.

Its canvas is 192 pixels wide and 256 high for every network size; a network of smaller input only samples the same
canvas more coarsely. Distances are metres in the OpenCV frame. Heat-map units are cells of 16 canvas pixels.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "CANVAS",
    "DEPTH_SCALE",
    "FOCAL",
    "HEAT_MAP",
    "PRINCIPAL_POINT",
    "crop_intrinsics",
    "picture_from_heat_map",
    "project",
    "transl_from_raw",
]

CANVAS = (256, 192)
"""Height and width in pixels."""
HEAT_MAP = (16, 12)
"""Height and width in cells, over the same area as the canvas."""
FOCAL = 5000.0
"""Pixels of the canvas, in both directions."""
PRINCIPAL_POINT = (96.0, 128.0)
"""x and y in pixels of the canvas."""
DEPTH_SCALE = math.sqrt(FOCAL * FOCAL * 2.5**2 / (CANVAS[0] * CANVAS[1]))
"""The farthest that a network can place a person: 56.38 m, where a cube of 2.5 m covers the canvas's area."""


def transl_from_raw(raw: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """The head's three numbers as a translation: x and y as they are (metres), depth in (0, `DEPTH_SCALE`) metres."""
    return torch.cat([raw[..., :2], DEPTH_SCALE * torch.sigmoid(raw[..., 2:])], -1)


def project(
    points: Float[Tensor, "*batch point 3"], transl: Float[Tensor, "*batch 3"] | None = None
) -> Float[Tensor, "*batch point 2"]:
    """Points (metres, moved by `transl` if given) to x and y in heat-map units: 0..12 and 0..16 inside the canvas.

    Depth is increased by 0.1 mm, as the networks were trained; a point in the camera's own plane lands far away.
    """
    if transl is not None:
        points = points + transl.unsqueeze(-2)
    depth = points[..., 2] + 1e-4
    x = points[..., 0] / depth * FOCAL + PRINCIPAL_POINT[0]
    y = points[..., 1] / depth * FOCAL + PRINCIPAL_POINT[1]
    return torch.stack([x * (HEAT_MAP[1] / CANVAS[1]), y * (HEAT_MAP[0] / CANVAS[0])], -1)


def crop_intrinsics(bbox: Float[Tensor, "crop 4"]) -> Float[Tensor, "crop 3 3"]:
    """The virtual camera in the pixels of the whole picture.

    Args:
        bbox: the box that was cut out, as x, y, width, height in picture pixels, of the canvas's aspect 3:4.

    Returns:
        K of each crop. A prediction's camera-frame points project into the picture through it.
    """
    x, y, width, height = bbox.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    across, down = width / CANVAS[1], height / CANVAS[0]
    first = torch.stack([FOCAL * across, zero, PRINCIPAL_POINT[0] * across + x], -1)
    second = torch.stack([zero, FOCAL * down, PRINCIPAL_POINT[1] * down + y], -1)
    return torch.stack([first, second, torch.stack([zero, zero, one], -1)], -2)


def picture_from_heat_map(
    points: Float[Tensor, "crop point 2"], bbox: Float[Tensor, "crop 4"]
) -> Float[Tensor, "crop point 2"]:
    """Points of `project` in pixels of the whole picture; `bbox` as in `crop_intrinsics`."""
    scale = bbox[:, 2:] / bbox.new_tensor([HEAT_MAP[1], HEAT_MAP[0]])
    return points * scale.unsqueeze(1) + bbox[:, None, :2]
