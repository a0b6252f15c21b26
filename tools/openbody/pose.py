"""From MakeHuman's A-pose to the T-pose of SMPL-X, by inverse blended skinning.

The skeleton is turned first; then each vertex is put where the blend of its joints' motions, run backwards, brings
it. So skinning the T-pose back to arms-down gives the artist's mesh exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from assets import Floats, Ints
from numpy.typing import ArrayLike, NDArray
from skeleton import FINGERS, JOINT_NAMES, PARENTS, SIDES, Skeleton

__all__ = ["TPose", "align_frames", "minimal_rotation", "normalise", "t_pose", "unskin"]

PELVIS = (0.0, -0.35, 0.0)  # metres; SMPL-X too keeps its origin near the chest
THIGH = (0.08, -1.0, -0.02)  # direction on the left side
SHIN = (0.0, -1.0, -0.07)

Joints = Mapping[str, Floats]
"""By joint: positions (person, 3), metres, in the A-pose."""


@dataclass(frozen=True, kw_only=True)
class TPose:
    """Many people in the T-pose."""

    vertices: NDArray[np.float32]
    """(person, vert, 3) metres, pelvis joint at `PELVIS`."""
    joints: Floats
    """(person, 55, 3) metres."""


def t_pose(people: NDArray[np.float32], skeleton: Skeleton, vertex_ids: Ints) -> TPose:
    """People (person, 19158, 3) in the A-pose, metres, as the vertices `vertex_ids` in the T-pose."""
    joints = {name: people[:, ring].mean(1).astype(float) for name, ring in skeleton.rings.items()}
    t_from_a = _rotations(joints)
    joints_a = np.stack([joints[name] for name in JOINT_NAMES], 1)
    joints_t = np.zeros_like(joints_a)
    joints_t[:, 0] = PELVIS
    for joint, parent in enumerate(PARENTS[1:], start=1):
        offset = _rotate(t_from_a[:, parent], joints_a[:, joint] - joints_a[:, parent])
        joints_t[:, joint] = joints_t[:, parent] + offset
    vertices = unskin(people, skeleton.weights, vertex_ids, t_from_a, joints_a, joints_t)
    return TPose(vertices=vertices, joints=joints_t)


def unskin(
    people: NDArray[np.float32], weights: Floats, vertex_ids: Ints, t_from_a: Floats, joints_a: Floats, joints_t: Floats
) -> NDArray[np.float32]:
    """Vertices (person, vert, 3) that linear blend skinning, from T-pose to A-pose, moves onto `people`.

    Args:
        people: (person, all vertices, 3) metres, A-pose.
        weights: (all vertices, joint).
        vertex_ids: (vert,) the vertices to keep.
        t_from_a: (person, joint, 3, 3) world rotation of each joint.
        joints_a: (person, joint, 3) metres.
        joints_t: (person, joint, 3) metres.
    """
    a_from_t = np.swapaxes(t_from_a, -1, -2)
    shift = joints_a - np.einsum("nkij,nkj->nki", a_from_t, joints_t)
    motion = np.concatenate([a_from_t, shift[..., None]], -1).reshape(*shift.shape[:2], 12)
    kept_weights = weights[vertex_ids]
    vertices = np.empty((len(people), len(vertex_ids), 3), np.float32)
    for person in range(len(people)):  # one at a time: the blended motions of all would not fit in memory
        blended = (kept_weights @ motion[person]).reshape(-1, 3, 4)
        moved = people[person, vertex_ids] - blended[:, :, 3]
        vertices[person] = np.linalg.solve(blended[:, :, :3], moved[..., None])[..., 0]
    return vertices


def normalise(vector: Floats) -> Floats:
    """Vectors (..., 3) scaled to length 1."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def align_frames(first: Floats, second: Floats, to_first: Floats, to_second: Floats) -> Floats:
    """Rotation (..., 3, 3) that takes `first` onto `to_first`, and `second` as near to `to_second` as it can."""
    return _frame(to_first, to_second) @ np.swapaxes(_frame(first, second), -1, -2)


def minimal_rotation(start: Floats, end: Floats) -> Floats:
    """Rotation (..., 3, 3) of least angle that takes `start` onto `end`; undefined where they are opposite."""
    start, end = normalise(start), normalise(end)
    axis = np.cross(start, end)
    cosine = (start * end).sum(-1)[..., None, None]
    cross = np.zeros((*start.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = axis[..., 2], -axis[..., 1], axis[..., 0]
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _rotations(joints: Joints) -> Floats:
    """World rotation (person, 55, 3, 3) of every joint from the A-pose to the T-pose."""
    num_people = len(joints["pelvis"])
    rotations = {name: np.broadcast_to(np.eye(3), (num_people, 3, 3)) for name in JOINT_NAMES}
    for side in SIDES:
        rotations |= _arm(joints, side)
        rotations |= _fingers(joints, side, rotations[f"{side}_wrist"])
        rotations |= _leg(joints, side)
    return np.stack([rotations[name] for name in JOINT_NAMES], 1)


def _arm(joints: Joints, side: str) -> dict[str, Floats]:
    """Arm straight outwards, elbow bending forwards, palm down; the forearm takes half of the palm's twist."""
    shoulder, elbow, wrist = (joints[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    across_palm = joints[f"{side}_index1"] - joints[f"{side}_pinky1"]
    outwards = _everyone([SIDES[side], 0, 0], wrist)
    hinge = _everyone([0, -SIDES[side], 0], wrist)
    forwards = _everyone([0, 0, 1], wrist)
    elbow_axis = np.cross(elbow - shoulder, wrist - elbow)
    upper = align_frames(elbow - shoulder, elbow_axis, outwards, hinge)
    lower = align_frames(wrist - elbow, elbow_axis, outwards, hinge)
    hand = align_frames(joints[f"{side}_middle1"] - wrist, across_palm, outwards, forwards)
    hand_from_lower = hand @ np.swapaxes(lower, -1, -2)
    twist = np.arctan2(hand_from_lower[:, 2, 1], hand_from_lower[:, 1, 1])
    return {
        f"{side}_shoulder": upper,
        f"{side}_elbow": _about_x(twist * 0.5) @ lower,
        f"{side}_wrist": hand,
    }


def _fingers(joints: Joints, side: str, hand: Floats) -> dict[str, Floats]:
    """Fingers stretched in the plane of the palm, in their own direction; the thumb moves with the hand."""
    rotations: dict[str, Floats] = {}
    for finger in FINGERS:
        knuckles = [joints[f"{side}_{finger}{k}"] for k in (1, 2, 3, 4)]
        straight = _rotate(hand, knuckles[1] - knuckles[0])
        straight[:, 1] = 0
        for k in (1, 2, 3):
            phalanx = _rotate(hand, knuckles[k] - knuckles[k - 1])
            bend = np.eye(3) if finger == "thumb" else minimal_rotation(phalanx, straight)
            rotations[f"{side}_{finger}{k}"] = bend @ hand
    return rotations


def _leg(joints: Joints, side: str) -> dict[str, Floats]:
    """Legs nearly vertical; ankles and feet keep the direction that they have."""
    hip, knee, ankle = (joints[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
    mirror = np.array([SIDES[side], 1, 1])
    return {
        f"{side}_hip": minimal_rotation(knee - hip, _everyone(THIGH * mirror, hip)),
        f"{side}_knee": minimal_rotation(ankle - knee, _everyone(SHIN * mirror, hip)),
    }


def _everyone(vector: ArrayLike, like: Floats) -> Floats:
    """One vector (3,) repeated for each person: the shape of `like`, (person, 3)."""
    return np.broadcast_to(np.asarray(vector, float), like.shape)


def _rotate(rotation: Floats, vector: Floats) -> Floats:
    """Rotations (person, 3, 3) applied to vectors (person, 3)."""
    return np.einsum("nij,nj->ni", rotation, vector)


def _frame(first: Floats, second: Floats) -> Floats:
    """Orthonormal axes as columns (..., 3, 3): along `first`, in the plane towards `second`, across both."""
    x = normalise(first)
    y = normalise(second - (x * second).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], -1)


def _about_x(angle: Floats) -> Floats:
    """Rotations (person, 3, 3) about the x axis by angles (person,), radians."""
    rotation = np.zeros((len(angle), 3, 3))
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 2, 1] = np.sin(angle)
    rotation[:, 1, 2] = -rotation[:, 2, 1]
    return rotation
