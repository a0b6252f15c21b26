"""What a graph says about what goes in and what comes out, for whoever runs it without this package."""

from __future__ import annotations

from typing import Any

from mien.geometry.crop import PATCH_HEIGHT, PATCH_WIDTH
from mien.nets.card import WeightCard
from mien.nets.graphs import INPUT, named_outputs
from mien.nets.virtual_camera import CANVAS, FOCAL, HEAT_MAP, PRINCIPAL_POINT
from mien.records import Prediction

__all__ = ["OUTPUTS", "about"]

_MATRIX = "rotation matrices"
_HEAT = f"heat-map units: the crop is {HEAT_MAP[1]} wide and {HEAT_MAP[0]} high"
OUTPUTS: dict[str, str] = {
    "global_orient": f"{_MATRIX}: of the pelvis in the crop's virtual camera",
    "body_pose": f"{_MATRIX}: 21 body joints, each in its parent's frame",
    "left_hand_offset": f"{_MATRIX}: 15 joints (index, middle, pinky, ring, thumb), from the body's mean hand",
    "right_hand_offset": f"{_MATRIX}: 15 joints, as left_hand_offset",
    "jaw_pose": f"{_MATRIX}: of the jaw",
    "betas": "shape, standard deviations of the body's shape space",
    "expression": "expression, coefficients of the body's expression space",
    "transl": "metres in the crop's virtual camera; the pelvis is at transl + the shaped root joint",
    "hand_root": f"{_MATRIX}: of the left and the right wrist in the crop's virtual camera",
    "located.body": f"{_HEAT}: x, y and depth (16 cells, about the pelvis) of 25 body joints",
    "located.hands": "x and y from 0 to 16 inside the hand's box, depth about the wrist: 20 finger joints a hand",
    "located.center": f"{_HEAT}: of left hand, right hand and face",
    "located.size": f"{_HEAT}: width and height of the same",
    "located.boxes": f"{_HEAT}: x1, y1, x2, y2 of where hands and face were looked for",
}
"""What each output is; shapes are added from the network itself."""


def about(card: WeightCard, prediction: Prediction, batch: int | None) -> dict[str, Any]:
    """Input and outputs by name, and the camera that the outputs speak of."""
    height, width = card.config.image_size
    first: list[str | int] = ["batch" if batch is None else batch]
    return {
        "input": {
            "name": INPUT,
            "shape": [*first, 3, height, width],
            "type": "float32",
            "meaning": "RGB, a person's crop, pixels divided by 255, nothing subtracted",
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
            "crop": f"box widened to 3:4, mapped to {PATCH_WIDTH} x {PATCH_HEIGHT} pixels (width x height), bilinear, "
            f"black outside the picture; of these one pixel of every {PATCH_WIDTH // width} in a row and in a column",
        },
        "outputs": {
            name: {"shape": [*first, *out.shape[1:]], "type": "float32", "meaning": OUTPUTS[name]}
            for name, out in named_outputs(prediction).items()
        },
        "virtual_camera": {
            "canvas": {"width": CANVAS[1], "height": CANVAS[0]},
            "focal": FOCAL,
            "principal_point": list(PRINCIPAL_POINT),
            "frame": "OpenCV: x right, y down, z forward; metres",
        },
        "body_family": card.body_family,
        "licence": card.licence,
    }
