"""What all exporters share: the scene posed with the right body, the person colours, the way from OpenCV to y-up."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import BodyError, InputError
from mien.scene import Scene

__all__ = ["posed_people", "vertex_normals", "y_up"]


def posed_people(scene: Scene, body: BodyModel) -> tuple[BodyModel, Posed]:
    """The body and everyone's posed skeleton, on the CPU and in float32, with one batch entry a person.

    Raises:
        InputError: a parameter is not finite.
        BodyError: the scene was made with a body of another family, or the body has no 55 joints.
    """
    if body.num_joints != len(SMPLX_JOINTS):
        found = f"{body.path.name} has {body.num_joints} joints"
        raise BodyError(found, expected=f"an SMPL-X body with {len(SMPLX_JOINTS)}", todo="choose another body")
    if scene.origin.body_family != body.family:
        raise BodyError(
            f"{body.path.name} is of the family {body.family!r}",
            expected=f"{scene.origin.body_family!r}, like {scene.origin.body_name} of this result",
            todo="load a body of that family",
        )
    params = scene.params.map(lambda tensor: tensor.detach().cpu().float())
    for field in fields(params):
        finite = getattr(params, field.name).flatten(1).isfinite().all(1)
        if not bool(finite.all()):
            person = int((~finite).nonzero()[0])
            found = f"{field.name} of person {person} is not finite"
            raise InputError(found, expected="numbers", todo="leave this person out, or predict again")
    body = body.to("cpu")
    with torch.no_grad():
        return body, body.pose(params)


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
