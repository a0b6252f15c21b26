"""A person in motion as BVH, which every animation program reads: a skeleton and its rotations, no mesh.

The skeleton has the rest joints of this person's shape. Offsets and positions are metres; angles are degrees. The root
has six channels, `Xposition Yposition Zposition Zrotation Xrotation Yrotation`, the others the last three: a joint's
rotation is Rz @ Rx @ Ry. The body's own frame is y up and faces z; `up` turns the root only. BVH knows one frame time,
so a motion of uneven times is brought to an even grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.joints import FINGERS, OUTPUT_JOINTS, SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.export.motion import Motion, Up, one_motion
from mien.export.people import fitting, posed_motion, rest_joints
from mien.files import atomic_write

__all__ = ["bvh_text", "write_bvh"]

_STUB = (0.0, 0.0, 0.03)
"""Metres: the end of jaw and eyes, ahead of them."""
_ROOT = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
_JOINT = "CHANNELS 3 Zrotation Xrotation Yrotation"


def write_bvh(path: Path, motions: Sequence[Motion], body: BodyModel, up: Up = "y") -> Path:
    """Write one person's motion, whole or not at all.

    Args:
        path: where to.
        motions: exactly one.
        body: the one that it was made with.
        up: the axis that points up.

    Raises:
        InputError: there are several people.
        BodyError: the motion was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    text = bvh_text(one_motion(motions, "a BVH file"), body, up)
    with atomic_write(path) as stream:
        stream.write(text.encode())
    return path


def bvh_text(motion: Motion, body: BodyModel, up: Up = "y") -> str:
    """The contents of the file that `write_bvh` writes."""
    body, motion = fitting(motion.stage.origin, body), motion.even()
    posed = posed_motion(motion, body)
    rest = rest_joints(posed)
    root = torch.from_numpy(rest[0])
    params = motion.upright(up, root.expand_as(motion.params.transl))
    place = (params.transl + root).double()
    order = list(_depth_first(body.parents))
    angles = torch.rad2deg(zxy_angles(params.full_pose()[:, order].double())).flatten(1)
    rows = torch.cat([place, angles], 1).numpy()
    lines = ["HIERARCHY", *_hierarchy(body.parents, rest, _tips(posed)), "MOTION"]
    lines += [f"Frames: {len(motion)}", f"Frame Time: {1 / motion.stage.fps:.8f}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def zxy_angles(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Angles z, x, y (radians) of R = Rz @ Rx @ Ry. Where x is a right angle, y is zero."""
    x = torch.asin(rotations[..., 2, 1].clamp(-1, 1))
    locked = rotations[..., 2, 1].abs() > 1 - 1e-9
    z = torch.atan2(-rotations[..., 0, 1], rotations[..., 1, 1])
    y = torch.atan2(-rotations[..., 2, 0], rotations[..., 2, 2])
    z = torch.where(locked, torch.atan2(rotations[..., 1, 0], rotations[..., 0, 0]), z)
    return torch.stack([z, x, torch.where(locked, torch.zeros_like(y), y)], -1)


def _tips(posed: Posed) -> dict[int, Float[np.ndarray, "3"]]:
    """Where joints that carry no other end: finger tips and big toes, at rest."""
    body = posed.shaped.body
    still = torch.eye(3).expand(1, body.num_joints, 3, 3)
    coefficients = posed.shaped.coefficients.mean(0, keepdim=True)
    shaped = body.shape(coefficients[:, : body.num_betas], coefficients[:, body.num_betas :])
    joints = shaped.pose(still).joints()[0].numpy()
    ends = {f"{side}_foot": f"{side}_big_toe" for side in ("left", "right")}
    ends |= {f"{side}_{finger}3": f"{side}_{finger}" for side in ("left", "right") for finger in FINGERS}
    return {SMPLX_JOINTS.index(joint): joints[OUTPUT_JOINTS.index(tip)] for joint, tip in ends.items()}


def _depth_first(parents: tuple[int, ...], joint: int = 0) -> Iterator[int]:
    """The joints in the order in which a BVH file names them."""
    yield joint
    for child in (each for each in range(1, len(parents)) if parents[each] == joint):
        yield from _depth_first(parents, child)


def _hierarchy(
    parents: tuple[int, ...],
    rest: Float[np.ndarray, "joint 3"],
    tips: dict[int, Float[np.ndarray, "3"]],
    joint: int = 0,
    indent: str = "",
) -> Iterator[str]:
    offset = rest[joint] - rest[parents[joint]] if joint else np.zeros(3)
    yield f"{indent}{'JOINT' if joint else 'ROOT'} {SMPLX_JOINTS[joint]}"
    yield indent + "{"
    inner = indent + "  "
    yield f"{inner}OFFSET {_numbers(offset)}"
    yield inner + (_JOINT if joint else _ROOT)
    children = [each for each in range(1, len(parents)) if parents[each] == joint]
    for child in children:
        yield from _hierarchy(parents, rest, tips, child, inner)
    if not children:
        end = tips[joint] - rest[joint] if joint in tips else np.array(_STUB)
        yield from (f"{inner}End Site", inner + "{", f"{inner}  OFFSET {_numbers(end)}", inner + "}")
    yield indent + "}"


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
