"""The truth about a picture: parameters, joints, boxes and what of them is seen.

Labels are worked out in double precision from the very numbers that are stored, so that whoever reads the file and
poses the body with them finds the same joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64

from mien.body.joints import NUM_OUTPUT_JOINTS, SMPLX_137
from mien.body.model import BodyModel
from mien.records import Record
from mien.render.scene import Scene
from mien.synth.turns import matrices_of, vectors_of
from mien.synth.view import View

__all__ = ["BODY_SCALE", "Person", "flesh", "label", "sharp", "stored_pose"]

BODY_SCALE = 1.2
"""HumanData keeps boxes of bodies enlarged by this much about their centre, those of hands and faces as they are."""
_LEFT, _RIGHT, _FACE = (
    np.array([20, *range(25, 40), *range(66, 71)]),
    np.array([21, *range(40, 55), *range(71, 76)]),
    np.array([22, 23, 24, *range(55, 60), *range(76, 144)]),
)
"""Output joints of the hands and of the face."""
_TRAINING = np.array(SMPLX_137)
CLOTH = 0.03
"""Metres that clothes and hair may add to the flesh over a joint."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """What is stored of one person; rows of a HumanData file."""

    params: dict[str, Float32[np.ndarray, "..."]]
    """`global_orient` and so on, axis-angle; camera frame; hands absolute."""
    joints3d: Float64[np.ndarray, "144 3"]
    """Metres, camera frame."""
    joints2d: Float64[np.ndarray, "144 2"]
    """Pixels; joints behind the camera lie far outside."""
    visible: Bool[np.ndarray, "144"]
    """In the picture and not hidden by anything but the person's own flesh over the joint."""
    box: Float32[np.ndarray, "5"]
    """x, y, width, height, confidence: of the whole body, cut at the picture's border, enlarged by `BODY_SCALE`."""
    left_hand_box: Float32[np.ndarray, "5"]
    """Around joints, hidden or not, cut at the border; all zeros where none is in the picture. So are the next two."""
    right_hand_box: Float32[np.ndarray, "5"]
    face_box: Float32[np.ndarray, "5"]

    @property
    def seen(self) -> float:
        """Share of the 137 training joints that are visible."""
        return float(self.visible[_TRAINING].mean())


def sharp(body: BodyModel) -> BodyModel:
    """The same body with all that `joints()` needs in double precision; its mesh stays as it is."""

    def double(record: Record | None) -> Record | None:
        return record.map(lambda t: t.double() if t.is_floating_point() else t) if record else None

    names = ("joint_template", "joint_basis", "landmark_bary", "contour_bary")
    tensors = {name: value.double() for name in names if (value := getattr(body, name)) is not None}
    return replace(body, points=double(body.points), contour=double(body.contour), **tensors)


def flesh(body: BodyModel) -> Float64[np.ndarray, "144"]:
    """How far behind the skin each output joint may lie, metres: the depth of the flesh around it in the rest pose.

    Of joints of the skeleton it is the distance within which a quarter of the vertices that the joint moves lie (at
    least 2 cm, at most 16 cm); of joints and landmarks on the skin 1.5 cm.
    """
    rest, weights = body.template.numpy(), body.weights.numpy()
    joints = body.joint_template.numpy()
    radius = np.full(NUM_OUTPUT_JOINTS, 0.015)
    for j, centre in enumerate(joints):
        moved = rest[weights[:, j] > 0.3]
        near = np.quantile(np.linalg.norm(moved - centre, axis=1), 0.25) if len(moved) else 0.02
        radius[j] = np.clip(near * 1.25, 0.02, 0.16)
    return radius


def stored_pose(rotations: Float64[np.ndarray, "55 3 3"]) -> Float32[np.ndarray, "55 3"]:
    """Axis-angle as it is stored."""
    return vectors_of(rotations).astype(np.float32)


def label(
    sharp_body: BodyModel,
    params: Sequence[dict[str, Float32[np.ndarray, "..."]]],
    vertices: Sequence[Float[np.ndarray, "vert 3"]],
    owners: Sequence[set[int]],
    scene: Scene,
    view: View,
    radius: Float64[np.ndarray, "144"],
) -> list[Person]:
    """The truth about everybody in a picture.

    Args:
        sharp_body: see `sharp`.
        params: of each person, as they are stored.
        vertices: of each person's body, camera frame.
        owners: labels of each person's body, clothes and hair (not of what the hands hold).
        scene: the whole picture.
        view: its camera.
        radius: see `flesh`.
    """
    joints3d = np.stack([_joints(sharp_body, each) for each in params])
    joints2d, ahead = _project(joints3d, view)
    visible = _visible(joints3d, joints2d, ahead, owners, scene, radius)
    return [
        Person(
            params=params[i],
            joints3d=joints3d[i],
            joints2d=joints2d[i],
            visible=visible[i],
            **_boxes(vertices[i], joints2d[i], ahead[i], view),
        )
        for i in range(len(params))
    ]


def _boxes(
    vertices: Float[np.ndarray, "vert 3"],
    joints2d: Float64[np.ndarray, "144 2"],
    ahead: Bool[np.ndarray, "144"],
    view: View,
) -> dict[str, Float32[np.ndarray, "5"]]:
    height, width = view.size
    skin = _extremes(vertices, view.K[0, 0], view.K[1, 1], view.K[0, 2], view.K[1, 2], width, height)
    parts = {"left_hand_box": _LEFT, "right_hand_box": _RIGHT, "face_box": _FACE}
    found = {name: _box(joints2d[part][ahead[part]], width, height, 1.0) for name, part in parts.items()}
    return {"box": _box(np.concatenate([skin, joints2d[ahead]]), width, height, BODY_SCALE), **found}


def _joints(body: BodyModel, params: dict[str, np.ndarray]) -> Float64[np.ndarray, "144 3"]:
    names = ("body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
    rows = [params["global_orient"].reshape(1, 3), *(params[name].reshape(-1, 3) for name in names)]
    rotations = torch.from_numpy(matrices_of(np.concatenate(rows).astype(np.float64)))
    betas, expression, transl = (
        torch.from_numpy(params[name]).double()[None] for name in ("betas", "expression", "transl")
    )
    with torch.no_grad():
        return body.shape(betas, expression).pose(rotations[None], transl).joints()[0].numpy()


def _project(
    points: Float64[np.ndarray, "*batch 3"], view: View
) -> tuple[Float64[np.ndarray, "*batch 2"], Bool[np.ndarray, "*batch"]]:
    """Pixels, and which points lie in front of the camera; the others are projected as if 1 cm in front of it."""
    ahead = points[..., 2] > 0.01
    pixels = points[..., :2] / np.maximum(points[..., 2:], 0.01)
    return pixels * view.K[[0, 1], [0, 1]] + view.K[:2, 2], ahead


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _extremes(points, fx, fy, cx, cy, width, height):
    """Of the pixels of points before the camera: two corners of their box, and one that is in the picture if any is."""
    found = np.full((3, 2), np.nan)
    low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
    for i in range(points.shape[0]):
        z = np.float64(points[i, 2])
        if z > 0.01:
            x, y = points[i, 0] / z * fx + cx, points[i, 1] / z * fy + cy
            low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
            if 0 <= x <= width - 1 and 0 <= y <= height - 1:
                found[2, 0], found[2, 1] = x, y
    if low_x > high_x:
        return found[:0]
    found[0, 0], found[0, 1], found[1, 0], found[1, 1] = low_x, low_y, high_x, high_y
    return found if found[2, 0] >= 0 else found[:2]


def _visible(
    joints3d: Float64[np.ndarray, "person 144 3"],
    joints2d: Float64[np.ndarray, "person 144 2"],
    ahead: Bool[np.ndarray, "person 144"],
    owners: Sequence[set[int]],
    scene: Scene,
    radius: Float64[np.ndarray, "144"],
) -> Bool[np.ndarray, "person 144"]:
    """A joint is seen when what the pixel nearest to it shows is not in front of the joint's flesh.

    Own clothes and hair may lie `CLOTH` farther out.
    """
    height, width = scene.size
    column, row = np.rint(joints2d[..., 0]), np.rint(joints2d[..., 1])
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    person, joint = np.nonzero(inside)
    depth, mesh = scene.at(row[inside].astype(int), column[inside].astype(int))
    mine = [number in owners[i] for number, i in zip(mesh.tolist(), person.tolist(), strict=True)]
    slack = radius[joint] + np.where(np.array(mine, dtype=bool), CLOTH, 0.0)
    visible = np.zeros(inside.shape, dtype=bool)
    visible[inside] = depth >= joints3d[inside, 2] - slack
    return visible


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _box(points, width, height, scale):
    """x, y, width, height, 1 around all points, cut at the border, enlarged; all zeros if none lies in the picture."""
    found, inside = np.zeros(5, dtype=np.float32), False
    low_x, low_y, high_x, high_y, right, bottom = np.inf, np.inf, -np.inf, -np.inf, width - 1.0, height - 1.0
    for k in range(points.shape[0]):
        x, y = points[k, 0], points[k, 1]
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
        inside = inside or (0 <= x <= right and 0 <= y <= bottom)
    if inside:
        left, top = min(max(low_x, 0.0), right) - 0.5, min(max(low_y, 0.0), bottom) - 0.5
        right, bottom = min(max(high_x, 0.0), right) + 0.5, min(max(high_y, 0.0), bottom) + 0.5
        wide, tall = (right - left) * scale, (bottom - top) * scale
        found[0], found[1] = (left + right) / 2 - wide / 2, (top + bottom) / 2 - tall / 2
        found[2], found[3], found[4] = wide, tall, 1
    return found
