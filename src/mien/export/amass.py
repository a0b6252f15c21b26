"""A person in motion as an .npz in the layout of AMASS, which the SMPL-X add-on for Blender opens as it is.

`poses` (frame, 165) is axis-angle in the order of AMASS and of `SmplxParams.full_pose`: root, body 21, jaw, eyes, left
hand, right hand; hands are absolute, as they are there. `trans` (frame, 3) is in metres, and as in AMASS and SMPL-X the
pelvis lies at `trans` + the rest position of the root joint.

**Axes.** The world of AMASS is z up: the body's own frame is y up, and `poses[:, :3]` of somebody who stands holds the
quarter turn about x that stands them on the floor, the plane of x and y. The add-on's format *AMASS* expects that.
`up="y"` leaves the turn out, as loaders with y up want it.

**Frame rate.** `mocap_framerate` is exact, `mocap_frame_rate` the nearest whole number: files of AMASS have either key,
and the add-on, which counts in whole frames, reads the second where there is one. Uneven times are brought to an even
grid.

**Bodies.** The betas of another family (the open body) mean nothing to SMPL-X: they are left at zero, and `note` in the
file says so. The pelvis is then off by what the two bodies' root joints differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.body.model import BodyModel
from mien.export.motion import Motion, Up, one_motion
from mien.export.people import fitting
from mien.files import atomic_write
from mien.geometry.rotation import axis_angle_from_matrix

__all__ = ["amass_arrays", "write_amass"]

_PARTS = {
    "root_orient": (0, 3),
    "pose_body": (3, 66),
    "pose_jaw": (66, 69),
    "pose_eye": (69, 75),
    "pose_hand": (75, 165),
}
"""Columns of `poses` under the names that SMPL-X files of AMASS have beside it."""


def write_amass(path: Path, motions: Sequence[Motion], body: BodyModel, up: Up = "z") -> Path:
    """Write one person's motion, whole or not at all.

    Args:
        path: where to.
        motions: exactly one.
        body: the one that it was made with.
        up: the axis that points up; AMASS has z.

    Raises:
        InputError: there are several people.
        BodyError: the motion was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    arrays = amass_arrays(one_motion(motions, "an AMASS file"), body, up)
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]
    return path


def amass_arrays(motion: Motion, body: BodyModel, up: Up = "z") -> dict[str, Any]:
    """The arrays of the file that `write_amass` writes."""
    body, motion = fitting(motion.stage.origin, body), motion.even()
    root = body.shape(motion.params.betas, motion.params.expression).joints[:, 0]
    params = motion.upright(up, root)
    poses = axis_angle_from_matrix(params.full_pose().double()).flatten(1).numpy()
    own = body.family == "smplx"
    found: dict[str, Any] = {
        "poses": poses,
        "trans": params.transl.double().numpy(),
        "betas": params.betas[0].double().numpy() * own,
        "expression": params.expression.double().numpy() * own,
        "gender": gender_of(motion.stage.origin.body_name),
        "mocap_framerate": np.float64(motion.stage.fps),
        "mocap_frame_rate": np.int64(max(1, round(motion.stage.fps))),
        "mocap_time_length": np.float64(len(motion) / motion.stage.fps),
        "surface_model_type": "smplx",
        "score": motion.score.numpy(),
        **{name: poses[:, first:last] for name, (first, last) in _PARTS.items()},
    }
    return found if own else {**found, "note": f"shape and expression left out: they are of the {body.family}"}


def gender_of(body_name: str) -> str:
    """As the name of the body's file says it: `female` before `male`, which is in it."""
    name = body_name.lower()
    return "female" if "female" in name else "male" if "male" in name else "neutral"
