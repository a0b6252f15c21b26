"""Scenes whose truth is known: people of the open body in front of a camera, and a picture of them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import mien
from mien.body.joints import FINGERS, SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.geometry.camera import Camera
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams
from mien.scene import Origin, Scene

FLOOR = 1.05
"""Metres below the camera."""


def make_scene(
    body: BodyModel,
    num_people: int,
    seed: int = 0,
    *,
    image_size: tuple[int, int] = (720, 1280),
    K: Tensor | None = None,
    warning: str = "",
) -> Scene:
    """People on one floor in front of the camera, upright, in poses that people have.

    Args:
        body: an SMPL-X body of y up, e.g. the open body.
        num_people: may be 0.
        seed: of shapes, poses and places.
        image_size: height and width, pixels.
        K: of the picture; by default that of `Camera.default`.
        warning: of the scene's origin.
    """
    height, width = image_size
    camera = Camera.default(width, height) if K is None else Camera(K=K)
    rng = np.random.default_rng(seed)
    params = _stand(body, _params(body, num_people, rng), camera, width, rng)
    with torch.no_grad():
        posed = body.pose(params)
        joints = posed.joints() if num_people else torch.zeros(0, 144, 3)
        mesh = posed.mesh() if num_people else torch.zeros(0, body.num_vertices, 3)
    seen = camera.project(mesh)
    low, high = (seen.amin(1), seen.amax(1)) if num_people else (torch.zeros(0, 2), torch.zeros(0, 2))
    return Scene(
        params=params,
        bbox=torch.cat([low, high], -1),
        crop_bbox=torch.cat([low, high - low], -1),
        score=torch.from_numpy(rng.uniform(0.8, 1, num_people).astype(np.float32)),
        joints3d=joints,
        joints2d=camera.project(joints),
        crop_K=camera.K.expand(num_people, 3, 3).clone(),
        crop_transl=params.transl,
        crop_global_orient=params.global_orient,
        transl_residual=torch.zeros(num_people),
        K=camera.K,
        image_size=image_size,
        camera="focal",
        orientation="network",
        origin=Origin(
            weights_name="made up",
            weights_sha256="0" * 64,
            body_family=body.family,
            body_name=body.path.name,
            body_sha256=body.sha256,
            detector="none",
            mien_version=mien.__version__,
            warning=warning,
        ),
    )


def y_up(points: np.ndarray) -> np.ndarray:
    """From the camera's frame (x right, y down, z forward) to y up and z backward."""
    return points * np.array([1, -1, -1], dtype=points.dtype)


def make_picture(scene: Scene, body: BodyModel) -> np.ndarray:
    """A plain room and everyone as a dark silhouette: uint8 RGB of the scene's size."""
    height, width = scene.image_size
    rows = np.linspace(0, 1, height)[:, None, None]
    wall = np.array([214, 205, 190]) * (1 - 0.25 * rows)
    picture = np.broadcast_to(wall, (height, width, 3)).astype(np.uint8).copy()
    horizon = int(0.62 * height)
    picture[horizon:] = (np.array([142, 120, 98]) * (0.7 + 0.4 * rows[horizon:])).astype(np.uint8)
    picture[silhouette(scene, body)] = (58, 54, 66)
    return picture


def silhouette(scene: Scene, body: BodyModel) -> np.ndarray:
    """Which pixels anyone covers: bool, height x width."""
    height, width = scene.image_size
    mask = np.zeros((height, width), np.uint8)
    with torch.no_grad():
        meshes = body.pose(scene.params).mesh() if len(scene) else []
        for mesh in meshes:
            pixels = Camera(K=scene.K).project(mesh).numpy()
            triangles = np.round(pixels[body.faces.numpy()] * 16).astype(np.int32)
            for triangle in triangles:
                cv2.fillConvexPoly(mask, triangle, 255, shift=4)
    return mask > 0


def _params(body: BodyModel, num_people: int, rng: np.random.Generator) -> SmplxParams:
    """Without a place yet."""
    pose = np.stack([_pose(rng) for _ in range(num_people)]) if num_people else np.zeros((0, 55, 3))
    local = matrix_from_axis_angle(torch.from_numpy(pose.astype(np.float32)))
    upright = matrix_from_axis_angle(torch.tensor([math.pi, 0.0, 0.0]))
    shape: dict[str, Any] = {
        name: torch.from_numpy((spread * rng.normal(size=(num_people, count))).astype(np.float32))
        for name, spread, count in (("betas", 0.8, body.num_betas), ("expression", 1.2, body.num_expression))
    }
    return SmplxParams(
        global_orient=upright @ local[:, 0],
        body_pose=local[:, 1:22],
        jaw_pose=local[:, 22],
        leye_pose=local[:, 23],
        reye_pose=local[:, 24],
        left_hand_pose=local[:, 25:40],
        right_hand_pose=local[:, 40:55],
        transl=torch.zeros(num_people, 3),
        **shape,
    )


def _pose(rng: np.random.Generator) -> Float[np.ndarray, "55 3"]:
    """Arms down or gesturing, a step, a turned head, curled fingers: axis-angle, radians."""
    pose = {name: rng.normal(scale=0.05, size=3) for name in SMPLX_JOINTS}
    pose["pelvis"] = np.array([0, rng.uniform(-0.7, 0.7), 0])
    step = rng.uniform(-0.35, 0.35)
    for side, sign in (("left", -1), ("right", 1)):
        pose[f"{side}_shoulder"] += [0, 0, sign * rng.uniform(0.4, 1.2)]
        pose[f"{side}_elbow"] += [0, sign * rng.uniform(0.1, 1.4), 0]
        pose[f"{side}_hip"] += [sign * step, 0, -sign * 0.06]
        pose[f"{side}_knee"] += [rng.uniform(0.05, 0.4), 0, 0]
        for finger in FINGERS:
            for k in (1, 2, 3):
                pose[f"{side}_{finger}{k}"] += [0, 0, sign * rng.uniform(0, 0.7) * (finger != "thumb")]
    pose["head"] += [0, rng.uniform(-0.4, 0.4), 0]
    pose["jaw"] = np.array([rng.uniform(0.02, 0.3), 0, 0])
    return np.stack([pose[name] for name in SMPLX_JOINTS])


def _stand(body: BodyModel, params: SmplxParams, camera: Camera, width: int, rng: np.random.Generator) -> SmplxParams:
    """Side by side, feet on the floor, between 4.2 and 5.2 metres away."""
    num_people = len(params.transl)
    if not num_people:
        return params
    depth = torch.from_numpy(rng.uniform(4.2, 5.2, num_people).astype(np.float32))
    column = torch.linspace(0, 1, num_people + 2)[1:-1] * width + torch.from_numpy(
        rng.uniform(-0.03, 0.03, num_people).astype(np.float32) * width
    )
    with torch.no_grad():
        posed = body.pose(params)
        lowest = posed.mesh()[..., 1].amax(1)
    across = camera.unproject(torch.stack([column, torch.zeros_like(column)], -1), depth)[:, 0]
    root = posed.position[:, 0]
    transl = torch.stack([across - root[:, 0], FLOOR - lowest, depth - root[:, 2]], -1)
    return params.map(lambda tensor: transl if tensor is params.transl else tensor)
