"""Steps of label transforms about keypoints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32

from mien.body.joints import SMPLX_JOINTS
from mien.data.edits import Setting, known_rows
from mien.data.joints import HANDS, WRISTS, to_137
from mien.data.samples import Label, Samples

__all__ = [
    "hand_keypoints_forced",
    "hand_keypoints_with_pose",
    "joints_of_the_body",
    "keypoints_of_smpl",
    "keypoints_of_smpl_first",
]


def hand_keypoints_with_pose(samples: Samples, setting: Setting) -> Samples:
    """Keypoints of a hand of a fitted body only where the fit has the hand too. The wrist is the body's, and stays.

    Rows without any fit keep their keypoints: somebody has annotated those.
    """
    del setting
    fitted = np.zeros(len(samples), bool) if samples.body_pose is None else known_rows(samples.body_pose) > 0
    changed: dict[str, Label] = {}
    for name in ("keypoints2d", "keypoints3d"):
        label: Label | None = getattr(samples, name)
        if label is None:
            continue
        weight = label.weight.copy()
        for joints, pose in zip(HANDS, (samples.left_hand_pose, samples.right_hand_pose), strict=True):
            known = np.zeros(len(samples), bool) if pose is None else known_rows(pose) > 0
            weight[:, joints] *= (known | ~fitted)[:, None]
        changed[name] = Label(value=label.value * (weight[..., None] > 0), weight=weight)
    return replace(samples, **changed)


def hand_keypoints_forced(samples: Samples, setting: Setting) -> Samples:
    """A hand's keypoints and its wrist known or unknown as the hand pose of the file's last row is.

    Rows without any keypoint stay without.
    """
    poses = (samples.left_hand_pose, samples.right_hand_pose)
    changed: dict[str, Label] = {}
    for name in ("keypoints2d", "keypoints3d"):
        label: Label | None = getattr(samples, name)
        if label is None:
            continue
        weight, there = label.weight.copy(), known_rows(label)
        for side, (joints, pose) in enumerate(zip(HANDS, poses, strict=True)):
            own = np.zeros(len(samples), np.float32) if pose is None else known_rows(pose)
            forced = own if setting.last_hands is None else np.full_like(own, float(setting.last_hands[side]))
            forced = forced * there
            weight[:, joints] = forced[:, None]
            weight[:, WRISTS[side]] = forced
        changed[name] = Label(value=label.value * (weight[..., None] > 0), weight=weight)
    return replace(samples, **changed)


def joints_of_the_body(samples: Samples, setting: Setting) -> Samples:
    """3D keypoints from the parameters, for rows whose body pose is known; none for others."""
    if samples.body_pose is None:
        return samples
    known = known_rows(samples.body_pose) > 0
    value = np.zeros((len(samples), 137, 3), np.float32)
    if known.any():
        assert setting.joints is not None, "joints need a body"
        value[known] = setting.joints(samples.take(known))
    weight = np.repeat(known.astype(np.float32)[:, None], 137, axis=1)
    return replace(samples, keypoints3d=Label(value=value, weight=weight))


def keypoints_of_smpl(samples: Samples, setting: Setting) -> Samples:
    """2D keypoints: the first 22 joints of the SMPL body, each where it belongs among the 137."""
    points, known = _smpl_pixels(samples, setting)
    value, weight = to_137(points, np.repeat(known.astype(np.float32)[:, None], 22, 1), SMPLX_JOINTS[:22])
    return _with_keypoints2d(samples, known, value * (weight[..., None] > 0), weight)


def keypoints_of_smpl_first(samples: Samples, setting: Setting) -> Samples:
    """2D keypoints: the first 22 joints of SMPL as the first 22 of the 137, whose order is another; all count."""
    points, known = _smpl_pixels(samples, setting)
    value = np.zeros((len(samples), 137, 2), np.float32)
    value[:, :22] = points * known[:, None, None]
    weight = np.repeat(known.astype(np.float32)[:, None], 137, axis=1)
    return _with_keypoints2d(samples, known, value, weight)


def _with_keypoints2d(
    samples: Samples, rows: Bool[np.ndarray, "row"], value: np.ndarray, weight: np.ndarray
) -> Samples:
    """The samples with other 2D keypoints in some rows."""
    if not rows.any():
        return samples
    if (old := samples.keypoints2d) is not None:
        value = np.where(rows[:, None, None], value, old.value)
        weight = np.where(rows[:, None], weight, old.weight)
    return replace(samples, keypoints2d=Label(value=value, weight=weight))


def _smpl_pixels(samples: Samples, setting: Setting) -> tuple[Float32[np.ndarray, "row 22 2"], Bool[np.ndarray, "row"]]:
    """The first 22 joints of each row's SMPL body in the picture, and for which rows they are known."""
    points, known = np.zeros((len(samples), 22, 2), np.float32), np.zeros(len(samples), dtype=bool)
    pose, gender = samples.extra.get("smpl_body_pose"), samples.extra.get("gender")
    if setting.smpl_joints is None or samples.camera is None or not isinstance(pose, Label):
        return points, known
    complete = np.asarray((known_rows(pose) > 0) & (samples.camera.weight > 0))
    genders = (
        np.array([word or "neutral" for word in gender]) if isinstance(gender, np.ndarray) else np.array(["neutral"])
    )
    genders = np.broadcast_to(genders, len(samples))
    for each in np.unique(genders[complete]):
        rows = complete & (genders == each)
        joints = setting.smpl_joints(samples.take(rows), str(each))
        focal, centre = np.split(samples.camera.value[rows][:, None], 2, axis=2)
        ahead = np.asarray((joints[..., 2] > 0).all(1))
        depth = np.where(ahead[:, None, None], joints[..., 2:], 1)
        points[rows] = joints[..., :2] / depth * focal + centre
        known[rows] = ahead
    return points, known
