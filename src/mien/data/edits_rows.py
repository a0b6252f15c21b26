"""Steps of label transforms about rows as a whole: which are left out, their pictures, their boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.data.edits import Setting, Step, extra_number, filled
from mien.data.joints import FACE, extent
from mien.data.samples import Label, Samples, text

__all__ = [
    "default_camera",
    "default_size",
    "drop_boxes_outside",
    "drop_invalid_boxes",
    "drop_nan_joints",
    "drop_unless",
    "drop_where",
    "face_box_from_keypoints",
    "picture_box",
    "shrink_hand_boxes",
    "strip_slash",
    "unpad_boxes",
]

PADDING = 1.2


def drop_where(key: str, value: int) -> Step:
    """Leave out rows whose extra `key` is known to be `value`."""

    def step(samples: Samples, setting: Setting) -> Samples:
        del setting
        given, known = extra_number(samples, key)
        return samples.take(~(known & (given == value))) if known.any() else samples

    return step


def drop_unless(key: str, value: int) -> Step:
    """Leave out rows whose extra `key` is known to be anything but `value`."""

    def step(samples: Samples, setting: Setting) -> Samples:
        del setting
        given, known = extra_number(samples, key)
        return samples.take(~(known & (given != value))) if known.any() else samples

    return step


def drop_nan_joints(samples: Samples, setting: Setting) -> Samples:
    """Leave out rows of which the reader noted that a 3D joint is not finite."""
    del setting
    notes = samples.extra.get("nan")
    if not isinstance(notes, np.ndarray):
        return samples
    return samples.take(np.array(["keypoints3d" not in note.split() for note in notes], dtype=bool))


def drop_boxes_outside(samples: Samples, setting: Setting) -> Samples:
    """Leave out rows whose box has no pixel of the picture."""
    low, size = samples.box.value[:, :2], samples.box.value[:, 2:]
    return drop_invalid_boxes(samples.take((low + size > 0).all(1)), setting)


def drop_invalid_boxes(samples: Samples, setting: Setting) -> Samples:
    """The same by the published rule, which pushes a box that lies left of the picture, or above it, into it first."""
    del setting
    x, y, w, h = samples.box.value.T
    left, top = np.maximum(x, 0), np.maximum(y, 0)
    right, bottom = left + np.maximum(w - 1, 0), top + np.maximum(h - 1, 0)
    if samples.size is not None:
        right, bottom = np.minimum(right, samples.size[:, 1] - 1), np.minimum(bottom, samples.size[:, 0] - 1)
    return samples.take((samples.box.weight > 0) & (w * h > 0) & (right > left) & (bottom > top))


def strip_slash(samples: Samples, setting: Setting) -> Samples:
    """Paths without their leading slash."""
    del setting
    return replace(samples, image=text([path.lstrip("/") for path in samples.image]))


def default_size(samples: Samples, setting: Setting) -> Samples:
    """The size that all pictures of the dataset have, where the file says none."""
    if samples.size is not None or setting.image_size is None:
        return samples
    return replace(samples, size=np.tile(np.array(setting.image_size, np.int32), (len(samples), 1)))


def default_camera(samples: Samples, setting: Setting) -> Samples:
    """The camera that all pictures of the dataset have, for rows of which the file says none."""
    if setting.camera is None or (samples.camera is not None and samples.camera.weight.all()):
        return samples
    value = np.tile(np.array(setting.camera, np.float32), (len(samples), 1))
    if samples.camera is not None:
        value = np.where(samples.camera.weight[:, None] > 0, samples.camera.value, value)
    return replace(samples, camera=Label(value=value, weight=np.ones(len(samples), np.float32)))


def picture_box(samples: Samples, setting: Setting) -> Samples:
    """The whole picture as the box."""
    if setting.image_size is None:
        return samples
    height, width = setting.image_size
    value = np.tile(np.array([0, 0, width, height], np.float32), (len(samples), 1))
    return replace(samples, box=Label(value=value, weight=np.ones(len(samples), np.float32)))


def unpad_boxes(samples: Samples, setting: Setting) -> Samples:
    """Tight boxes of padded ones, about the same centre. What the file says of its padding counts first."""
    given, known = extra_number(samples, "box_scale")
    scale = np.where(known & (given > 0), given.astype(np.float64), setting.padded or 1)
    return samples if (scale == 1).all() else replace(samples, box=_scaled(samples.box, 1 / scale))


def shrink_hand_boxes(samples: Samples, setting: Setting) -> Samples:
    """Hand boxes times 0.65 about their centres."""
    del setting
    boxes = {name: getattr(samples, name) for name in ("left_hand_box", "right_hand_box")}
    return replace(samples, **{name: _scaled(box, 0.65) for name, box in boxes.items() if box is not None})


def face_box_from_keypoints(samples: Samples, setting: Setting) -> Samples:
    """The box of the known 2D keypoints of the face, times 1.2."""
    del setting
    if samples.keypoints2d is None:
        return samples
    value, known = extent(samples.keypoints2d.value[:, FACE], samples.keypoints2d.weight[:, FACE])
    return replace(samples, face_box=_scaled(Label(value=value, weight=known.astype(np.float32)), PADDING))


def _scaled(box: Label, factor: float | np.ndarray) -> Label:
    """Boxes scaled about their centres."""
    x, y, w, h = (box.value[:, i].astype(np.float64) for i in range(4))
    value = np.stack([x + w * (1 - factor) / 2, y + h * (1 - factor) / 2, w * factor, h * factor], 1)
    return filled(box, value)
