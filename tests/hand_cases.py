"""Somebody whose hands are known, a body network that sees them badly, and hand experts of many kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

import mien
from mien.body.joints import OUTPUT_JOINTS
from mien.body.model import BodyModel
from mien.clip import Clip, Track
from mien.geometry.camera import Camera
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle, mirror_matrix
from mien.records import SmplxParams
from mien.scene import Origin
from mien.synth.clips import make_clip
from mien.track.hand_experts import Hands
from mien.track.smooth import SmoothConfig, smooth_rotations

GOOD = ("half the error", "half the error, some frames wrong", "a third of the error, half of the frames")
BAD = ("twice the error", "left and right mixed up", "not mirrored", "frozen", "a second late", "not sure, and wrong")
_TIPS = {side: [i for i, name in enumerate(OUTPUT_JOINTS) if name in FINGER_TIPS] for side, FINGER_TIPS in (
    (s, {f"{s}_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky")}) for s in ("left", "right")
)}  # fmt: skip
POINTS = ([20, *range(25, 40), *_TIPS["left"]], [21, *range(40, 55), *_TIPS["right"]])
"""Wrist, fingers and tips of the left and of the right hand."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A person, as they are and as the body network sees them."""

    body: BodyModel
    truth: SmplxParams
    clip: Clip

    @property
    def wrists(self) -> Tensor:
        """True rotations of both wrists in the camera, (time, 2, 3, 3)."""
        return self.body.pose(self.truth).world[:, [20, 21]]


def shake(rotations: Tensor, size: float, random: torch.Generator) -> Tensor:
    """Wrong by a noise that is new in each frame and one that drifts, of `size` radians in all."""
    quick = torch.randn(*rotations.shape[:-1], generator=random)
    slow = torch.randn(*rotations.shape[:-1], generator=random)
    for i in range(1, len(slow)):
        slow[i] = 0.95 * slow[i - 1] + 0.31 * slow[i]
    return rotations @ matrix_from_axis_angle(size / 3**0.5 * (0.6 * quick + 0.8 * slow))


def make_case(body: BodyModel, seed: int = 0, frames: int = 60, smooth: bool = False) -> Case:
    """Fingers wrong by 20 degrees a joint, wrists by 30."""
    made = make_clip(body, "cross", seed=seed, frames=frames)
    truth, random = made.people[0], torch.Generator().manual_seed(seed)
    pose = truth.body_pose.clone()
    pose[:, 19:21] = shake(pose[:, 19:21], 0.52, random)
    hands = {name: shake(getattr(truth, name), 0.35, random) for name in ("left_hand_pose", "right_hand_pose")}
    if smooth:
        times = torch.from_numpy(made.times)
        hands = {name: smooth_rotations(value, times, SmoothConfig()) for name, value in hands.items()}
        pose = smooth_rotations(pose, times, SmoothConfig())
    said = replace(truth, body_pose=pose, **hands)
    joints = body.pose(said).joints()
    one, zero = torch.ones(frames), torch.zeros(frames, 4)
    track = Track(
        id=0, params=said, bbox=zero, crop_bbox=zero, score=one, joints3d=joints,
        joints2d=Camera(K=made.K).project(joints), crop_K=made.K.expand(frames, 3, 3), crop_transl=said.transl,
        crop_global_orient=said.global_orient, transl_residual=0 * one, frame_index=torch.arange(frames),
        timestamps=torch.from_numpy(made.times), valid=one > 0,
    )  # fmt: skip
    origin = Origin(
        weights_name="made", weights_sha256="", body_family=body.family, body_name=body.path.name,
        body_sha256=body.sha256, detector="", mien_version=mien.__version__,
    )  # fmt: skip
    clip = Clip(
        tracks=(track,), fps=made.fps, num_frames=frames, smoothing="zero-lag" if smooth else "none", K=made.K,
        image_size=made.image_size, camera="focal", orientation="network", origin=origin,
    )  # fmt: skip
    return Case(body=body, truth=truth, clip=clip)


def expert(case: Case, kind: str, seed: int = 1) -> Hands:
    """What an expert of this kind says about both hands."""
    random, count = torch.Generator().manual_seed(seed), case.clip.num_frames
    level = {"half the error": 0.5, "twice the error": 2.0, "a third of the error, half of the frames": 1 / 3}.get(
        kind, 0.5
    )
    orient = shake(case.wrists, 0.52 * level, random)
    fingers = torch.stack([case.truth.left_hand_pose, case.truth.right_hand_pose], 1)
    pose = shake(fingers, 0.35 * level, random)
    score = torch.full((count, 2), 0.9)
    if kind == "half the error, some frames wrong":
        wrong = torch.rand(count, generator=random) < 0.1
        orient[wrong] = orient[wrong] @ matrix_from_axis_angle(torch.tensor([2.5, 0.0, 0.5]))
    elif kind == "left and right mixed up":
        orient, pose = orient.flip(1), pose.flip(1)
    elif kind == "not mirrored":
        orient, pose = mirror_matrix(orient), mirror_matrix(pose)
    elif kind == "frozen":
        orient, pose = orient[:1].expand_as(orient), pose[:1].expand_as(pose)
        orient = orient @ matrix_from_axis_angle(torch.tensor([0.0, 1.2, 0.0]))
    elif kind == "a second late":
        orient, pose = orient.roll(25, 0), pose.roll(25, 0)
    elif kind == "not sure, and wrong":
        orient, score = shake(orient, 1.0, random), torch.full((count, 2), 0.1)
    joints = case.clip[0].joints2d
    low, high = (torch.stack([f(joints[:, points], 1) for points in POINTS], 1) for f in (torch.amin, torch.amax))
    hands = Hands(
        frame_index=torch.arange(count).repeat_interleave(2),
        is_right=torch.tensor([False, True]).repeat(count),
        global_orient=orient.flatten(0, 1),
        hand_pose=pose.flatten(0, 1),
        score=score.flatten(),
        boxes=torch.cat([low - 3, high + 3], -1).flatten(0, 1),
    )
    if kind.endswith("half of the frames"):
        hands = hands[(torch.arange(2 * count) // 20) % 2 == 0]
    return hands


def save(hands: Hands, path, *, left_as_right: bool = True, mean_hands: Tensor | None = None, names=()) -> None:
    """As people save it: axis-angle, left hands as the right hands of a mirrored picture."""
    left = ~hands.is_right
    pose, orient = hands.hand_pose, hands.global_orient
    vectors = axis_angle_from_matrix(pose)
    if mean_hands is not None:
        vectors = vectors - mean_hands[hands.is_right.long()]
    pose = matrix_from_axis_angle(vectors)
    if left_as_right:
        pose = torch.where(left[:, None, None, None], mirror_matrix(pose), pose)
        orient = torch.where(left[:, None, None], mirror_matrix(orient), orient)
    arrays = {
        "frame_index": hands.frame_index.numpy(), "is_right": hands.is_right.numpy().astype(np.float32),
        "hand_pose": axis_angle_from_matrix(pose).numpy(), "global_orient": orient.numpy(),
        "score": hands.score.numpy(), "left_as_right": left_as_right, "flat_hand_mean": mean_hands is None,
    }  # fmt: skip
    if hands.boxes is not None:
        arrays["boxes"] = hands.boxes.numpy()
    np.savez(path, **{dict(names).get(key, key): value for key, value in arrays.items()})


def hand_error(case: Case, clip: Clip) -> float:
    """Mean distance of fingers and tips from the truth, about the wrist, as the camera sees them: millimetres."""
    said, true = case.body.pose(clip[0].params).joints(), case.body.pose(case.truth).joints()
    away = [
        ((said[:, points] - said[:, points[:1]]) - (true[:, points] - true[:, points[:1]])).norm(dim=-1).mean()
        for points in POINTS
    ]
    return 1000 * float(sum(away)) / 2
