"""Which joints the datasets of this field label, by name, and where each belongs among the 137 that networks learn.

A joint of a dataset goes into one of the 137 places only if it is the same point of the body: `head_top` has no place,
nor has the `upper_neck` of MPII and LSP (the neck of SMPL-X is its base), nor a neck halfway between the shoulders.

values, weight = to_137(coco, visible, CONVENTIONS["coco-17"])
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped

from mien.body.joints import FINGERS, OUTPUT_JOINTS, SMPLX_137, SMPLX_JOINTS, VERTEX_JOINTS

__all__ = [
    "BODY",
    "CONVENTIONS",
    "FACE",
    "FLIP_53",
    "FLIP_137",
    "HANDS",
    "HUMAN_DATA",
    "JOINTS_137",
    "POSE_53",
    "WRISTS",
    "extent",
    "flip_order",
    "places",
    "swap_eyes",
    "to_137",
]

JOINTS_137: tuple[str, ...] = tuple(OUTPUT_JOINTS[index] for index in SMPLX_137)
"""25 body, 20 left hand, 20 right hand, 72 face. The eyes are there twice: in the body (22, 23), the face (67, 68)."""
BODY, HANDS, FACE = slice(0, 25), (slice(25, 45), slice(45, 65)), slice(65, 137)
"""Parts of the 137; hands left and right, as `WRISTS`, which are the body's."""
WRISTS = (12, 13)

_OPENPOSE: tuple[str, ...] = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
    "right_heel",
)  # fmt: skip

HUMAN_DATA: tuple[str, ...] = (
    *OUTPUT_JOINTS,
    "right_hip_extra", "left_hip_extra", "neck_extra", "headtop", "pelvis_extra", "thorax_extra", "spine_extra",
    "jaw_extra", "head_extra",
    *(f"{name}_openpose" for name in _OPENPOSE),
    "spine4_3dhp", "left_clavicle_3dhp", "right_clavicle_3dhp", "left_hand_3dhp", "right_hand_3dhp", "left_toe_3dhp",
    "right_toe_3dhp", "head_h36m", "headtop_h36m", "head_bottom_pt", "left_hand", "right_hand",
)  # fmt: skip
"""The 190 joints of HumanData: those of SMPL-X, then other datasets' own versions of some of them."""


def _hand(side: str, order: Sequence[str] = ("thumb", "index", "middle", "ring", "pinky")) -> tuple[str, ...]:
    """20 joints, finger by finger, from the palm to the tip."""
    return tuple(f"{side}_{finger}{k}" for finger in order for k in ("1", "2", "3", ""))


def _hand_mano(side: str) -> tuple[str, ...]:
    """The wrist, 15 joints in the order of the model, 5 tips."""
    tips = (f"{side}_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky"))
    return (f"{side}_wrist", *(f"{side}_{finger}{k}" for finger in FINGERS for k in (1, 2, 3)), *tips)


def _hand_from_tip(side: str) -> tuple[str, ...]:
    """InterHand2.6M: each finger from the tip to the palm, the wrist last."""
    fingers = ("thumb", "index", "middle", "ring", "pinky")
    return (*(f"{side}_{finger}{k}" for finger in fingers for k in ("", "3", "2", "1")), f"{side}_wrist")


_FACE_68 = (*(f"face_contour_{i}" for i in range(17)), *(f"face_landmark_{i}" for i in range(51)))
_COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
_FEET_6 = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")

CONVENTIONS: dict[str, tuple[str, ...]] = {
    "human-data-190": HUMAN_DATA,
    "smplx-144": OUTPUT_JOINTS,
    "smplx-137": JOINTS_137,
    "agora-127": OUTPUT_JOINTS[:127],
    "smpl-24": (*SMPLX_JOINTS[:22], "left_hand", "right_hand"),
    "smpl-45": (*SMPLX_JOINTS[:22], "left_hand", "right_hand", *VERTEX_JOINTS),
    "coco-17": _COCO_17,
    "coco-feet-6": _FEET_6,
    "coco-face-68": _FACE_68,
    "coco-left-hand-21": ("left_hand_root", *_hand("left")),
    "coco-right-hand-21": ("right_hand_root", *_hand("right")),
    "coco-wholebody-133": (
        *_COCO_17, *_FEET_6, *_FACE_68, "left_hand_root", *_hand("left"), "right_hand_root", *_hand("right"),
    ),
    "openpose-25": (
        "nose", "mid_shoulder", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
        "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear", *_FEET_6,
    ),
    "openpose-face-70": (*_FACE_68, "right_pupil", "left_pupil"),
    "mpii-16": (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax",
        "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
        "left_wrist",
    ),
    "human36m-17": (
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "torso", "neck",
        "nose_h36m", "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow",
        "right_wrist",
    ),
    "lsp-14": (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
        "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "upper_neck", "head_top",
    ),
    "mpi-inf-3dhp-28": (
        "spine3_3dhp", "spine4_3dhp", "spine2_3dhp", "spine_3dhp", "pelvis", "throat", "head_3dhp", "head_top",
        "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand", "right_clavicle", "right_shoulder",
        "right_elbow", "right_wrist", "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot_3dhp",
        "left_toe_3dhp", "right_hip", "right_knee", "right_ankle", "right_foot_3dhp", "right_toe_3dhp",
    ),
    "crowdpose-14": (
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
        "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "head_top", "upper_neck",
    ),
    "ochuman-19": (
        "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "right_hip",
        "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "head_top", "upper_neck", "right_ear",
        "left_ear", "nose", "right_eye", "left_eye",
    ),
    "posetrack-17": ("nose", "head_bottom", "head_top", *_COCO_17[3:]),
    "interhand-42": (*_hand_from_tip("right"), *_hand_from_tip("left")),
    "mano-left-21": _hand_mano("left"),
    "mano-right-21": _hand_mano("right"),
    "freihand-21": ("right_wrist", *_hand("right")),
}  # fmt: skip
"""The joints of each dataset in its own order; a name of `OUTPUT_JOINTS` is that very point, any other is another."""

POSE_53: tuple[str, ...] = (*SMPLX_JOINTS[:22], *SMPLX_JOINTS[25:], "jaw")
"""The joints that networks predict a rotation of: root and body, left hand, right hand, jaw."""

FLIP_137: tuple[tuple[int, int], ...] = (
    (1, 2), (3, 4), (5, 6), (8, 9), (10, 11), (12, 13), (14, 17), (15, 18), (16, 19), (20, 21), (22, 23),
    *((25 + i, 45 + i) for i in range(20)),
    (67, 68), *((69 + i, 78 - i) for i in range(5)), (83, 87), (84, 86), *((88 + i, 97 - i) for i in range(4)),
    (92, 99), (93, 98), *((100 + i, 106 - i) for i in range(3)), (107, 111), (108, 110),
    *((112 + i, 116 - i) for i in range(2)), (117, 119), *((120 + i, 136 - i) for i in range(8)),
)  # fmt: skip
"""Joints of the 137 that a mirror swaps."""

FLIP_53: tuple[tuple[int, int], ...] = (
    (1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), *((22 + i, 37 + i) for i in range(15)),
)  # fmt: skip
"""Rotations of the 53 that a mirror swaps; it also negates y and z of each axis-angle."""

_EYES = (67, 68)


def flip_order(pairs: Sequence[tuple[int, int]], count: int) -> Int64[np.ndarray, "joint"]:
    """Where each of `count` entries comes from in a mirror."""
    order = np.arange(count)
    for left, right in pairs:
        order[[left, right]] = right, left
    return order


@cache
def places(names: tuple[str, ...]) -> Int64[np.ndarray, "137"]:
    """For each of the 137 joints its index among `names`, or -1 where they have no such joint."""
    found = np.array([names.index(name) if name in names else -1 for name in JOINTS_137])
    found.flags.writeable = False
    return found


def swap_eyes(order: Shaped[np.ndarray, "137"]) -> Shaped[np.ndarray, "137"]:
    """The order with the two eyes of the face swapped, as the published training code had them in its targets."""
    swapped = order.copy()
    swapped[list(_EYES)] = order[list(_EYES[::-1])]
    return swapped


def to_137(
    values: Float32[np.ndarray, "row joint channel"], weight: Float32[np.ndarray, "row joint"], names: tuple[str, ...]
) -> tuple[Float32[np.ndarray, "row 137 channel"], Float32[np.ndarray, "row 137"]]:
    """Joints of a dataset in the order of the 137, with weight 0 where it has none."""
    order = places(names)
    known = (order >= 0).astype(np.float32)
    return values[:, order] * known[:, None], weight[:, order] * known


def extent(
    points: Float32[np.ndarray, "row joint 2"], known: Float32[np.ndarray, "row joint"]
) -> tuple[Float32[np.ndarray, "row 4"], Bool[np.ndarray, "row"]]:
    """The box around the known points of each row, and whether it has any size."""
    there = (known > 0)[..., None] & np.isfinite(points)
    low, high = np.where(there, points, np.inf).min(1), np.where(there, points, -np.inf).max(1)
    whole = (high > low).all(1)
    box = np.where(whole[:, None], np.concatenate([low, high - low], 1), 0)
    return box.astype(np.float32), whole
