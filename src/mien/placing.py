"""From the crops' virtual cameras to the one camera of the picture.

A network answers as if each crop had been taken by a camera of its own, far away, straight ahead. Users need all people
in one camera. Its focal length is what the user says, what the picture's EXIF block says, or the picture's diagonal;
each person is then moved to where their joints project, as nearly as may be, to where the network saw them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mien.errors import InputError
from mien.exif import focal_from_exif
from mien.geometry.camera import Camera, solve_transl

__all__ = ["CameraChoice", "Orientation", "Placement", "place"]

Orientation = Literal["network", "corrected"]

BODY_POINTS = [*range(22), *range(55, 66)]
"""The joints that place a person: body, nose, eyes, ears, feet; fingers and landmarks would outvote them."""


@dataclass(frozen=True, kw_only=True)
class CameraChoice:
    """What the user says about the camera of the pictures.

    Raises:
        InputError: both or impossible values are given.
    """

    focal: float | None = None
    """Pixels of the picture."""
    fov: float | None = None
    """Degrees from the left to the right edge."""
    orientation: Orientation = "network"
    """`corrected` turns people by the angle under which the picture's camera sees them."""

    def __post_init__(self) -> None:
        if self.focal is not None and self.fov is not None:
            raise InputError("both --focal and --fov", expected="one of them", todo="leave one away")
        if self.focal is not None and not (math.isfinite(self.focal) and self.focal > 0):
            raise InputError(f"a focal length of {self.focal:g}", expected="pixels of the picture, more than 0")
        if self.fov is not None and not 0 < self.fov < 180:
            raise InputError(f"a field of view of {self.fov:g}", expected="degrees between 0 and 180")
        if self.orientation not in ("network", "corrected"):
            raise InputError(f"the orientation {self.orientation!r}", expected="network or corrected")

    def camera(self, path: Path | None, width: int, height: int) -> tuple[Camera, str]:
        """The camera of a picture of `width` x `height` pixels, and how it is known: see `Scene.camera`."""
        if self.focal is not None:
            return Camera.from_focal(self.focal, width, height), "focal"
        if self.fov is not None:
            return Camera.from_fov(self.fov, width, height), "fov"
        focal = None if path is None else focal_from_exif(path, width, height)
        if focal is not None:
            return Camera.from_focal(focal, width, height), "exif"
        return Camera.default(width, height), "default"


class Placement(NamedTuple):
    """People in the camera of the picture."""

    turn: Float[Tensor, "person 3 3"]
    """What the network's global orientation is multiplied with, from the left."""
    transl: Float[Tensor, "person 3"]
    """Metres."""
    joints: Float[Tensor, "person 144 3"]
    """Metres."""
    residual: Float[Tensor, "person"]
    """Root mean square distance of the body joints' projections, pixels."""


def place(
    joints: Float[Tensor, "person 144 3"],
    root: Float[Tensor, "person 3"],
    pixels: Float[Tensor, "person 144 2"],
    crop_bbox: Float[Tensor, "person 4"],
    camera: Camera,
    orientation: Orientation,
) -> Placement:
    """Move people who were posed without a translation into the camera of the picture.

    Args:
        joints: posed with the network's global orientation and no translation; metres.
        root: the rest position of each root joint, about which people turn; metres.
        pixels: where the network sees the joints, in the picture.
        crop_bbox: x, y, w, h in the picture; the ray through the middle is the crop camera's axis.
        camera: of the picture.
        orientation: whether to turn people by the angle between the two cameras' axes.
    """
    turn = torch.eye(3, dtype=joints.dtype, device=joints.device).expand(len(joints), 3, 3)
    if orientation == "corrected":
        turn = camera.ray_rotation(crop_bbox[:, :2] + 0.5 * crop_bbox[:, 2:])
        joints = (joints - root[:, None]) @ turn.transpose(-1, -2) + root[:, None]
    transl, residual = solve_transl(camera, joints[:, BODY_POINTS], pixels[:, BODY_POINTS])
    return Placement(turn, transl, joints + transl[:, None], residual)
