"""What all exporters share: people posed with the right body, normals, the way from OpenCV to y-up."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import BodyError
from mien.export.motion import Motion, motions_of
from mien.scene import Origin, Scene

__all__ = ["fitting", "posed_motion", "posed_people", "rest_joints", "vertex_normals", "y_up"]


def fitting(origin: Origin, body: BodyModel) -> BodyModel:
    """The body on the CPU, if it is one that a result of this origin can be shown with.

    Raises:
        BodyError: the result was made with a body of another family, or the body has no 55 joints.
    """
    if body.num_joints != len(SMPLX_JOINTS):
        found = f"{body.path.name} has {body.num_joints} joints"
        raise BodyError(found, expected=f"an SMPL-X body with {len(SMPLX_JOINTS)}", todo="choose another body")
    if origin.body_family != body.family:
        raise BodyError(
            f"{body.path.name} is of the family {body.family!r}",
            expected=f"{origin.body_family!r}, like {origin.body_name} of this result",
            todo="load a body of that family",
        )
    return body.to("cpu")


def posed_people(scene: Scene, body: BodyModel) -> tuple[BodyModel, Posed]:
    """The body and everyone's posed skeleton, on the CPU and in float32, with one batch entry a person.

    Raises:
        InputError: a parameter is not finite.
        BodyError: the scene was made with a body of another family, or the body has no 55 joints.
    """
    body = fitting(scene.origin, body)
    motions_of(scene)
    with torch.no_grad():
        return body, body.pose(scene.params.map(lambda tensor: tensor.detach().cpu().float()))


def posed_motion(motion: Motion, body: BodyModel) -> Posed:
    """Someone's posed skeleton, camera frame, with one batch entry a frame.

    Raises:
        BodyError: the motion was made with a body of another family, or the body has no 55 joints.
    """
    with torch.no_grad():
        return fitting(motion.stage.origin, body).pose(motion.params)


def rest_joints(posed: Posed) -> Float[np.ndarray, "joint 3"]:
    """Where the joints rest, on average over the frames: an expression moves head, jaw and eyes by less than 1 mm."""
    return posed.shaped.joints.mean(0).numpy()


def vertex_normals(
    vertices: Float[np.ndarray, "vert 3"], faces: np.ndarray[tuple[int, int], np.dtype[np.int64]]
) -> Float[np.ndarray, "vert 3"]:
    """Unit normals, faces weighted by their area; (0, 0, 1) where no face of any area touches a vertex."""
    corners = vertices[faces].astype(np.float64)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat, count = faces.reshape(-1), len(vertices)
    total = np.stack([np.bincount(flat, np.repeat(face[:, k], 3), count) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    return np.where(length > 1e-20, total / np.maximum(length, 1e-20), up).astype(np.float32)


def y_up(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """From the camera's frame (x right, y down, z forward) to y up and z backward: half a turn about x."""
    return points * np.array([1, -1, -1], dtype=points.dtype)
