"""Facts of the 137 joints that targets are made of: parts, what each is relative to, the units of heat maps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from mien.data.joints import BODY, FACE, HANDS, WRISTS
from mien.geometry.crop import PATCH_HEIGHT, PATCH_WIDTH
from mien.nets.virtual_camera import HEAT_MAP

__all__ = [
    "ANCHOR",
    "BODY",
    "FACE",
    "HANDS",
    "HEAT_CELLS",
    "PELVIS",
    "depth_cells",
    "heat_cells",
    "part_depth_cells",
    "relative_to_anchors",
]

PELVIS, NECK = 0, 7
ANCHOR = np.repeat([PELVIS, *WRISTS, NECK], [25, 20, 20, 72])
"""The joint that each joint is relative to where its part is looked at by itself."""
HEAT_CELLS = (HEAT_MAP[1], HEAT_MAP[0], 16)
"""Cells in x, y and depth."""
_SPAN = np.repeat(np.array([2.0, 0.3], dtype=np.float32), [25, 112])
"""Metres that the depth cells span: around the pelvis for the body, around wrist or neck for hands and face."""


def heat_cells(patch: Float[np.ndarray, "row joint 2"]) -> Float32[np.ndarray, "row joint 2"]:
    """Pixels of the 384 x 512 patch in heat-map units: 0..12 and 0..16 inside it."""
    return (patch * np.array([HEAT_CELLS[0] / PATCH_WIDTH, HEAT_CELLS[1] / PATCH_HEIGHT])).astype(np.float32)


def depth_cells(depth: Float[np.ndarray, "row 137"]) -> Float32[np.ndarray, "row 137"]:
    """Depth relative to the pelvis (metres) in heat-map units: 0..16 from 1 m before it to 1 m behind."""
    return ((depth / (_SPAN[0] / 2) + 1) / 2 * HEAT_CELLS[2]).astype(np.float32)


def part_depth_cells(parts: Float[np.ndarray, "row 137 3"]) -> Float32[np.ndarray, "row 137"]:
    """Depth of joints that are relative to their anchors: hands and face in a span of their own."""
    return ((parts[..., 2] / (_SPAN / 2) + 1) / 2 * HEAT_CELLS[2]).astype(np.float32)


def relative_to_anchors(points: Float[np.ndarray, "row 137 3"]) -> Float[np.ndarray, "row 137 3"]:
    """The body relative to the pelvis, hands to their wrists, the face to the neck."""
    return points - points[:, ANCHOR]
