"""The joints of the SMPL-X family as data: names, order, mirror pairs. Facts of the file format and of its users."""

from __future__ import annotations

__all__ = [
    "BODY_JOINTS",
    "FINGERS",
    "LEFT_WRIST",
    "NECK",
    "NUM_OUTPUT_JOINTS",
    "OUTPUT_JOINTS",
    "RIGHT_WRIST",
    "SMPLX_137",
    "SMPLX_JOINTS",
    "VERTEX_JOINTS",
]

BODY_JOINTS: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
"""The root and the 21 joints of `body_pose`."""

FINGERS: tuple[str, ...] = ("index", "middle", "pinky", "ring", "thumb")

SMPLX_JOINTS: tuple[str, ...] = (
    *BODY_JOINTS,
    "jaw",
    "left_eye_smplhf",
    "right_eye_smplhf",
    *(f"{side}_{finger}{k}" for side in ("left", "right") for finger in FINGERS for k in (1, 2, 3)),
)
"""The 55 joints of the skeleton, in the order of the full pose."""

NECK, LEFT_WRIST, RIGHT_WRIST = 12, 20, 21

VERTEX_JOINTS: tuple[str, ...] = (
    "nose", "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel",
    "right_big_toe", "right_small_toe", "right_heel",
    *(f"{side}_{finger}" for side in ("left", "right") for finger in ("thumb", "index", "middle", "ring", "pinky")),
)  # fmt: skip
"""The 21 joints that are vertices of the mesh: face, feet, finger tips."""

OUTPUT_JOINTS: tuple[str, ...] = (
    *SMPLX_JOINTS,
    *VERTEX_JOINTS,
    *(f"face_landmark_{i}" for i in range(51)),
    *(f"face_contour_{i}" for i in range(17)),
)
"""The 144 joints of a result: skeleton, vertex joints, 51 static face landmarks, 17 points of the moving contour."""

NUM_OUTPUT_JOINTS = len(OUTPUT_JOINTS)

SMPLX_137: tuple[int, ...] = (
    0, 1, 2, 4, 5, 7, 8, 12, 16, 17, 18, 19, 20, 21, 60, 61, 62, 63, 64, 65, 59, 58, 57, 56, 55,
    37, 38, 39, 66, 25, 26, 27, 67, 28, 29, 30, 68, 34, 35, 36, 69, 31, 32, 33, 70,
    52, 53, 54, 71, 40, 41, 42, 72, 43, 44, 45, 73, 49, 50, 51, 74, 46, 47, 48, 75,
    22, 15, 57, 56, *range(76, 144),
)  # fmt: skip
"""Which of the 144 joints the published networks are trained on: 25 body, 20 left hand, 20 right hand, 72 face."""
