"""What all exporters share: people posed with the right body, their rest meshes and joints, normals."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import BodyError
from mien.export.motion import Motion, motions_of
from mien.scene import Origin, Scene

__all__ = [
    "expression_shapes",
    "fitting",
    "joint_offsets",
    "posed_motion",
    "posed_people",
    "rest_joints",
    "rest_mesh",
    "vertex_normals",
]


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


def joint_offsets(posed: Posed) -> Float[np.ndarray, "frame joint 3"]:
    """From each joint's parent to it at rest, metres; from the origin to the root."""
    rest = posed.shaped.joints.numpy()
    return np.concatenate([rest[:, :1], rest[:, 1:] - rest[:, list(posed.shaped.body.parents[1:])]], 1)


def expression_shapes(body: BodyModel) -> Float[np.ndarray, "expression vert 3"]:
    """What each expression does to the rest mesh besides moving joints, which carry the mesh along."""
    directions = body.basis[body.num_betas : body.num_betas + body.num_expression].unflatten(1, (-1, 3))
    return (directions - _carried(body)).numpy()


def rest_mesh(posed: Posed, bake_correctives: bool) -> Float[np.ndarray, "vert 3"]:
    """Someone's mesh in the rest pose, with shape and without expression, for joints that rest at `rest_joints`.

    With `expression_shapes` added by their weights, and joints at the offsets of a frame, it is the frame's mesh:
    exactly if the expression does not change, else to a tenth of a millimetre.

    Args:
        posed: with one batch entry a frame, all of one shape.
        bake_correctives: add the pose correctives, averaged over the frames.
    """
    body, coefficients = posed.shaped.body, posed.shaped.coefficients
    flat = coefficients[0, : body.num_betas] @ body.basis[: body.num_betas]
    correctives = body.basis[body.num_betas + body.num_expression :]
    if bake_correctives and len(correctives):
        flat = flat + (posed.local[:, 1:] - torch.eye(3)).flatten(1).mean(0) @ correctives
    carried = torch.tensordot(coefficients[:, body.num_betas :].mean(0), _carried(body), 1)
    return (body.template + flat.unflatten(0, (-1, 3)) + carried).numpy()


def _carried(body: BodyModel) -> Float[Tensor, "expression vert 3"]:
    """How far the joints that each expression moves carry the rest mesh."""
    moves = body.joint_basis[body.num_betas :].unflatten(1, (-1, 3))
    return torch.einsum("vj,kjc->kvc", body.weights, moves)


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
