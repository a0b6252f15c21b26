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

__all__ = ["COLOURS", "person_colour", "posed_people", "vertex_normals", "y_up"]

COLOURS: tuple[str, ...] = (
    "#4f9dde", "#f2a03d", "#5fbf77", "#e0607e", "#9b7fe0", "#e6c84a",
    "#4cc3c7", "#c98b5e", "#8fae3c", "#d77fd0", "#6f86c9", "#b0b7c3",
)  # fmt: skip
"""sRGB, one per person, in turn."""


def person_colour(index: int) -> tuple[float, float, float]:
    """Red, green and blue of the person at `index`: sRGB, 0 to 1."""
    code = COLOURS[index % len(COLOURS)]
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def posed_people(scene: Scene, body: BodyModel) -> tuple[BodyModel, Posed]:
    """The body and everyone's posed skeleton, on the CPU and in float32, with one batch entry a person.

    Raises:
        InputError: a parameter is not finite.
        BodyError: the scene was made with another body, or the body has no 55 joints.
    """
    if body.num_joints != len(SMPLX_JOINTS):
        found = f"{body.path.name} has {body.num_joints} joints"
        raise BodyError(found, expected=f"an SMPL-X body with {len(SMPLX_JOINTS)}", todo="choose another body")
    if scene.origin.body_sha256 != body.sha256:
        raise BodyError(
            f"{body.path.name} ({body.sha256[:12]}) is not the body of this result",
            expected=f"{scene.origin.body_name} ({scene.origin.body_family}, {scene.origin.body_sha256[:12]})",
            todo="load the body that the people were predicted with",
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
