"""Joints as tables and as OpenPose's files: for whoever wants points and no body.

Pixels are the 3D joints seen through the picture's camera. A joint that lies behind the camera has no place in the
picture: an empty cell in a table, zeros in OpenPose's files, as OpenPose has them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from mien.body.joints import OUTPUT_JOINTS
from mien.body.model import BodyModel
from mien.export.motion import Motion
from mien.export.people import posed_motion
from mien.files import atomic_write
from mien.geometry.camera import Camera

__all__ = ["BODY_25", "FACE_70", "HANDS_21", "write_csv", "write_openpose"]

BODY_25: tuple[int, ...] = tuple(
    OUTPUT_JOINTS.index(name)
    for name in (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
        "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe",
        "right_small_toe", "right_heel",
    )
)  # fmt: skip
"""Which of the 144 joints OpenPose's BODY_25 are. Its neck is the middle of the shoulders, its hips lie further out."""

HANDS_21: dict[str, tuple[int, ...]] = {
    side: tuple(
        OUTPUT_JOINTS.index(name)
        for name in (
            f"{side}_wrist",
            *(
                joint
                for finger in ("thumb", "index", "middle", "ring", "pinky")
                for joint in (*(f"{side}_{finger}{k}" for k in (1, 2, 3)), f"{side}_{finger}")
            ),
        )
    )
    for side in ("left", "right")
}
"""The wrist, then four points each of thumb, index, middle, ring and little finger, the tip last."""

FACE_70: tuple[int, ...] = (
    *(OUTPUT_JOINTS.index(f"face_contour_{i}") for i in range(17)),
    *(OUTPUT_JOINTS.index(f"face_landmark_{i}") for i in range(51)),
    OUTPUT_JOINTS.index("right_eye"),
    OUTPUT_JOINTS.index("left_eye"),
)
"""The contour from the right ear to the left, brows, nose, eyes, mouth, then the pupils: right, left."""


_CHUNK = 256
"""Frames posed at once."""


def write_csv(path: Path, motions: Sequence[Motion], body: BodyModel) -> Path:
    """Write everyone's 144 joints as a table, whole or not at all; a row for each frame of each person.

    Columns: `person`, `frame`, `time` (seconds), `score`, then `JOINT_x`, `JOINT_y`, `JOINT_z` (metres, camera frame: y
    down, z forward) and `JOINT_u`, `JOINT_v` (pixels) of every joint; names as in `OUTPUT_JOINTS`.

    Args:
        path: where to.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.

    Raises:
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    names = [f"{name}_{axis}" for name in OUTPUT_JOINTS for axis in "xyzuv"]
    with atomic_write(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="\n", write_through=True)
        text.write(",".join(["person", "frame", "time", "score", *names]) + "\n")
        for motion in motions:
            metres, pixels = _points(motion, body)
            for row in range(len(motion)):
                numbers = np.concatenate([metres[row], pixels[row]], 1).reshape(-1)
                head = f"{motion.track},{int(motion.frame_index[row])},{float(motion.timestamps[row]):.6f}"
                cells = ("" if np.isnan(number) else f"{number:.5f}" for number in numbers.tolist())
                text.write(f"{head},{float(motion.score[row]):.4f},{','.join(cells)}\n")
        text.detach()
    return path


def write_openpose(folder: Path, motions: Sequence[Motion], body: BodyModel) -> list[Path]:
    """Write a file for every frame, `FOLDER/000000000000_keypoints.json`, with 25 points of the body, 21 of each hand
    and 70 of the face of everyone in it; frames without people have an empty list. Of a part of a clip only its frames
    get one.

    The confidence of every point is the detector's score of the person, so what was interpolated has none.

    Args:
        folder: where to.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.

    Raises:
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    frames: dict[int, list[dict[str, Any]]] = {}
    for motion in motions:
        for number, person in zip(motion.frame_index.tolist(), _openpose(motion, body), strict=True):
            frames.setdefault(number, []).append(person)
    written = []
    stage = motions[0].stage
    meant = range(stage.num_frames) if stage.chosen is None else stage.chosen
    for number in range(min(meant.start, *frames), max(meant.stop - 1, *frames) + 1):
        path = folder / f"{number:012d}_keypoints.json"
        with atomic_write(path) as stream:
            stream.write(json.dumps({"version": 1.3, "people": frames.get(number, [])}, allow_nan=False).encode())
        written.append(path)
    return written


def _openpose(motion: Motion, body: BodyModel) -> Iterator[dict[str, Any]]:
    _, pixels = _points(motion, body)
    parts = {
        "pose": BODY_25,
        "face": FACE_70,
        "hand_left": HANDS_21["left"],
        "hand_right": HANDS_21["right"],
    }
    score = motion.score.clamp(0, 1).tolist()
    for row, place in enumerate(pixels):
        there = ~np.isnan(place[:, :1])
        points = np.where(there, np.concatenate([place, np.full_like(place[:, :1], score[row])], 1), 0.0)
        found: dict[str, Any] = {"person_id": [motion.track]}
        found |= {
            f"{name}_keypoints_2d": np.round(points[list(which)], 4).reshape(-1).tolist()
            for name, which in parts.items()
        }
        yield found | {f"{name}_keypoints_3d": [] for name in parts}


def _points(
    motion: Motion, body: BodyModel
) -> tuple[Float[np.ndarray, "frame 144 3"], Float[np.ndarray, "frame 144 2"]]:
    """Joints in the camera's frame, metres, and in pixels; NaN where a joint is behind the camera."""
    with torch.no_grad():
        parts = (motion[first : first + _CHUNK] for first in range(0, len(motion), _CHUNK))
        joints = torch.cat([posed_motion(part, body).joints() for part in parts]).double()
        pixels = Camera(K=motion.stage.K.cpu().double()).project(joints)
        pixels = torch.where(joints[..., 2:] > 1e-3, pixels, torch.full_like(pixels, torch.nan))
    return joints.numpy(), pixels.numpy()
