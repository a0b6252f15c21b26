"""Labels moved with their picture: mirrored, turned, and brought into the pixels of the crop.

What comes out is again `Samples`, of a picture which is the crop: joints, parameters, boxes and camera agree with each
other there as they did in the whole picture. Absent labels stay absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64

from mien.body.model import BodyModel
from mien.data.joints import FLIP_53, FLIP_137, flip_order
from mien.data.samples import Label, Samples
from mien.geometry.crop import PATCH_HEIGHT, PATCH_WIDTH, Crop
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle

__all__ = ["Frames", "expression_mirror", "move", "move_keypoints2d", "move_keypoints3d", "move_pixels"]

_SIDES = (("left_hand_box", "right_hand_box"), ("left_hand_pose", "right_hand_pose"), ("leye_pose", "reye_pose"))
_JOINTS = flip_order(FLIP_137, 137)
_BODY = flip_order(FLIP_53, 53)[1:22] - 1
"""Of the 21 joints of `body_pose`."""
_HANDS = np.array([1, 0])
_MIRRORED_POINT = np.array([-1, 1, 1], dtype=np.float32)
_MIRRORED_TURN = np.array([1, -1, -1], dtype=np.float32)
"""An axis-angle seen in a mirror across x = 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """How the crops of a batch lie in their pictures."""

    box: Float32[np.ndarray, "row 4"]
    """The padded box of each: x, y, w, h in pixels of the picture as it is (not mirrored)."""
    patch_from_image: Float64[np.ndarray, "row 2 3"]
    """To the 384 x 512 patch, from the picture after mirroring."""
    rotation: Float64[np.ndarray, "row"]
    """Of the crop in the picture, radians, clockwise as seen: people turn the other way."""
    flip: Bool[np.ndarray, "row"]
    width: Int64[np.ndarray, "row"]
    """Of the pictures."""

    @classmethod
    def of(cls, crops: Sequence[Crop], rotation: Float64[np.ndarray, "row"], width: Int64[np.ndarray, "row"]) -> Frames:
        """The frames of some crops, which know neither their angle nor the width of their picture."""
        return cls(
            box=np.array([crop.box for crop in crops], dtype=np.float32).reshape(-1, 4),
            patch_from_image=np.array([crop.patch_from_image for crop in crops], dtype=np.float64).reshape(-1, 2, 3),
            rotation=rotation,
            flip=np.array([crop.mirror is not None for crop in crops], dtype=bool),
            width=width,
        )

    @property
    def turn(self) -> Float32[np.ndarray, "row 3 3"]:
        """What turns a direction of the camera frame into the crop's, after mirroring."""
        cosine, sine = np.cos(self.rotation), np.sin(self.rotation)
        turn = np.zeros((len(cosine), 3, 3), dtype=np.float32)
        turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1], turn[:, 2, 2] = cosine, sine, -sine, cosine, 1
        return turn


def move(
    samples: Samples,
    frames: Frames,
    *,
    body: BodyModel | None = None,
    expression_map: Float[np.ndarray, "expression expression"] | None = None,
    turn_hand_roots: bool = True,
) -> Samples:
    """The same people, seen in the crops: every label in the frame of the 384 x 512 patch.

    The camera becomes that of the patch; exact where its two focal lengths are equal.

    Args:
        samples: labels that belong to the pictures.
        frames: one for each row.
        body: what the parameters belong to. Without it the translation of turned and of mirrored people is unknown
            (weight 0), since it depends on where the root lies in the body.
        expression_map: what mirrored faces express, of `expression_mirror`; None keeps the expression as it is.
        turn_hand_roots: mirror and turn the wrists too, which the published training forgot.
    """
    flip, new = frames.flip, dict[str, Any]()
    for name, label in _given(samples, "box", "left_hand_box", "right_hand_box", "face_box"):
        new[name] = _known(replace(label, value=_move_boxes(label.value, frames)))
    if samples.keypoints2d is not None:
        new["keypoints2d"] = _known(move_keypoints2d(samples.keypoints2d, frames))
    if samples.keypoints3d is not None:
        new["keypoints3d"] = _known(move_keypoints3d(samples.keypoints3d, frames))
    for name, label in _given(samples, "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose"):
        new[name] = _mirrored(label, flip)
    for name, label in _given(samples, "body_pose"):
        new[name] = _renamed(_mirrored(label, flip), flip, _BODY)
    for name, label in _given(samples, "global_orient"):
        new[name] = _turned(_mirrored(label, flip), frames)
    if samples.hand_root is not None and turn_hand_roots:
        new["hand_root"] = _renamed(_turned(_mirrored(samples.hand_root, flip), frames), flip, _HANDS)
    if samples.expression is not None and expression_map is not None:
        mirrored = (samples.expression.value @ expression_map.T).astype(np.float32)
        new["expression"] = replace(
            samples.expression, value=np.where(flip[:, None], mirrored, samples.expression.value)
        )
    if samples.camera is not None:
        new["camera"] = _move_camera(samples.camera, frames)
    if samples.transl is not None:
        new["transl"] = _move_transl(samples.transl, samples, frames, body)
    for left, right in _SIDES:
        new[left], new[right] = _swapped(new.get(left), new.get(right), flip)
    new["size"] = np.tile(np.array([PATCH_HEIGHT, PATCH_WIDTH], dtype=np.int32), (len(samples), 1))
    return replace(samples, **new)


def move_pixels(points: Float[np.ndarray, "row point 2"], frames: Frames) -> Float32[np.ndarray, "row point 2"]:
    """Pixels of the pictures to pixels of the 384 x 512 patches; points keep their places (left stays left)."""
    upright = points.astype(np.float64)
    upright[frames.flip, :, 0] = frames.width[frames.flip, None] - 1 - upright[frames.flip, :, 0]
    affine = frames.patch_from_image
    return (upright @ affine[:, :, :2].transpose(0, 2, 1) + affine[:, None, :, 2]).astype(np.float32)


def move_keypoints2d(label: Label, frames: Frames) -> Label:
    """137 joints in pixels of the picture, as 137 joints of the patch. Absent joints move too."""
    return _renamed(replace(label, value=move_pixels(label.value, frames)), frames.flip, _JOINTS)


def move_keypoints3d(label: Label, frames: Frames) -> Label:
    """137 joints in the camera's axes (metres), mirrored and turned about the camera's axis. Absent joints move too."""
    return _renamed(replace(label, value=_directions(label.value, frames)), frames.flip, _JOINTS)


def _directions(points: Float[np.ndarray, "row point 3"], frames: Frames) -> Float32[np.ndarray, "row point 3"]:
    mirror = np.where(frames.flip[:, None, None], _MIRRORED_POINT, np.float32(1))
    return ((points * mirror) @ frames.turn.transpose(0, 2, 1)).astype(np.float32)


def expression_mirror(body: BodyModel) -> Float32[np.ndarray, "expression expression"]:
    """What turns a face's expression into the mirrored face's, as nearly as the body's expressions can say it.

    The mirrored displacements of each expression, fitted with all of them by least squares. A vertex's opposite is the
    one nearest to its mirror image.
    """
    from scipy.spatial import KDTree

    vertices = body.template.numpy()
    shapes = body.basis[body.num_betas : body.num_betas + body.num_expression].unflatten(1, (-1, 3)).numpy()
    opposite = KDTree(vertices).query(vertices * _MIRRORED_POINT)[1]
    mirrored = (shapes[:, opposite] * _MIRRORED_POINT).reshape(len(shapes), -1)
    return np.linalg.lstsq(shapes.reshape(len(shapes), -1).T, mirrored.T, rcond=None)[0].astype(np.float32)


def _given(samples: Samples, *names: str) -> list[tuple[str, Label]]:
    """The labels of these names that the samples have."""
    return [(name, label) for name in names if (label := getattr(samples, name)) is not None]


def _known(label: Label) -> Label:
    """The label with zeros where it is absent, wherever moving brought them."""
    known = label.weight.reshape(label.weight.shape + (1,) * (label.value.ndim - label.weight.ndim)) > 0
    return replace(label, value=label.value * known)


def _renamed(label: Label, flip: Bool[np.ndarray, "row"], order: np.ndarray) -> Label:
    """Left becomes right where the picture is mirrored; weights go with their parts."""
    value, weight = label.value.copy(), label.weight.copy()
    value[flip] = value[flip][:, order]
    if weight.ndim > 1:
        weight[flip] = weight[flip][:, order]
    return Label(value=value, weight=weight)


def _swapped(
    left: Label | None, right: Label | None, flip: Bool[np.ndarray, "row"]
) -> tuple[Label | None, Label | None]:
    """Two labels that change places where the picture is mirrored; one that nobody has is made where it is needed."""
    known = left if left is not None else right
    if known is None:
        return None, None
    none = Label(value=np.zeros_like(known.value), weight=np.zeros_like(known.weight))
    left, right = none if left is None else left, none if right is None else right
    return _choose(flip, right, left), _choose(flip, left, right)


def _choose(mask: Bool[np.ndarray, "row"], yes: Label, no: Label) -> Label:
    value, weight = no.value.copy(), no.weight.copy()
    value[mask], weight[mask] = yes.value[mask], yes.weight[mask]
    return Label(value=value, weight=weight)


def _mirrored(label: Label, flip: Bool[np.ndarray, "row"]) -> Label:
    """Axis-angles, as the mirrored person has them, before sides are renamed."""
    value = label.value.copy()
    value[flip] *= _MIRRORED_TURN
    return replace(label, value=value)


def _turned(label: Label, frames: Frames) -> Label:
    """Axis-angles in the camera's axes, turned with the picture; those that nobody knows stay zero."""
    turn = torch.from_numpy(frames.turn.reshape(len(frames.turn), *[1] * (label.value.ndim - 2), 3, 3))
    turned = axis_angle_from_matrix(turn @ matrix_from_axis_angle(torch.from_numpy(label.value))).numpy()
    still = (frames.rotation == 0).reshape(-1, *[1] * (label.value.ndim - 1))
    return _known(replace(label, value=np.where(still, label.value, turned).astype(np.float32)))


def _move_boxes(boxes: Float32[np.ndarray, "row 4"], frames: Frames) -> Float32[np.ndarray, "row 4"]:
    """The upright boxes around the moved corners of boxes (x, y, w, h)."""
    x, y, w, h = boxes.T
    corners = np.stack([x, y, x + w, y, x, y + h, x + w, y + h], -1).reshape(-1, 4, 2)
    moved = move_pixels(corners, frames)
    low, high = moved.min(1), moved.max(1)
    return np.concatenate([low, high - low], -1)


def _move_camera(label: Label, frames: Frames) -> Label:
    scale = np.linalg.norm(frames.patch_from_image[:, :, 0], axis=1)
    centre = move_pixels(label.value[:, None, 2:], frames)[:, 0]
    value = np.concatenate([label.value[:, :2] * scale[:, None], centre], -1)
    return _known(replace(label, value=value.astype(np.float32)))


def _move_transl(label: Label, samples: Samples, frames: Frames, body: BodyModel | None) -> Label:
    """Translations such that the moved root lies where the root went: t' = M (t + root) - root."""
    if body is None or samples.betas is None:
        still = ~frames.flip & (frames.rotation == 0)
        return Label(value=label.value * still[:, None], weight=label.weight * still)
    root = body.shape(torch.from_numpy(samples.betas.value)).joints[:, 0].numpy()
    value = _directions((label.value + root)[:, None], frames)[:, 0] - root
    return _known(replace(label, value=value))
