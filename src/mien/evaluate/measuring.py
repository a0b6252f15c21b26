"""Every error of a batch of people: what an answer says, beside what is true."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float32
from numpy import ndarray
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.evaluate.predicting import Answer
from mien.evaluate.truths import Truths
from mien.metrics.errors import Errors, mesh_errors, replicated_hand_errors
from mien.metrics.keypoints import keypoint_errors
from mien.metrics.parts import MeshParts
from mien.nets import virtual_camera
from mien.records import SmplxParams

__all__ = ["UPSTREAM", "is_of_hands", "measure"]

UPSTREAM = "upstream_"
"""Before the name of a measure: as the published system computes it, slips included."""


def is_of_hands(measure: str) -> bool:
    """Whether a measure looks at nothing but hands in space."""
    return "hand" in measure and not measure.startswith("kp2d")


@torch.no_grad()
def measure(
    answer: Answer, truths: Truths, crop_box: Float32[ndarray, "batch 4"], body: BodyModel, parts: MeshParts
) -> dict[str, Errors]:
    """Errors of an answer, by the name of the measure: `mesh_errors`, `keypoint_errors`, and upstream's hand errors.

    An answer that is not finite has the error NaN.

    Args:
        answer: for these people.
        truths: only these people.
        crop_box: where each was looked at, x, y, width, height in pixels of the picture.
        body: of both.
        parts: of the body.
    """
    whole, hands, face = (torch.from_numpy(each) for each in (truths.whole, truths.hands, truths.face))
    true = body.pose(truths.params(body)).mesh()
    params, finite = _finite(answer.params, truths, body)
    posed = body.shape(params.betas, params.expression).pose(params.full_pose())
    found = _of_meshes(parts, posed.mesh(), true, hands, face)
    found = {name: Errors(value=each.value, valid=each.valid & whole) for name, each in found.items()}
    if answer.hands is not None:
        other, sound = _finite(answer.hands, truths, body)
        mesh = body.shape(other.betas, other.expression).pose(other.full_pose()).mesh()
        second = _of_meshes(parts, mesh, true, hands, face)
        found |= {name: each for name, each in second.items() if is_of_hands(name)}
        finite &= sound
    joints = posed.joints()[:, list(SMPLX_137)]
    seen = virtual_camera.project(joints, params.transl)
    pixels = virtual_camera.picture_from_heat_map(seen, torch.from_numpy(crop_box))
    keypoints, known = truths.keypoints()
    found |= keypoint_errors(pixels, keypoints, known, torch.from_numpy(truths.samples.box.value))
    if finite.all():
        return found
    nan = torch.tensor(float("nan"))
    return {
        n: Errors(value=torch.where(each.valid & ~finite, nan, each.value), valid=each.valid)
        for n, each in found.items()
    }


def _of_meshes(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    hands: Bool[Tensor, "batch 2"],
    face: Bool[Tensor, "batch"],
) -> dict[str, Errors]:
    """The errors that are right, and beside them those that upstream's slips change."""
    slips = replicated_hand_errors(parts, predicted, true, hands)
    return mesh_errors(parts, predicted, true, hands, face) | {
        f"{UPSTREAM}{name}": each for name, each in slips.items()
    }


def _finite(params: SmplxParams, truths: Truths, body: BodyModel) -> tuple[SmplxParams, Bool[Tensor, "batch"]]:
    """The parameters with the true ones in the place of any that are not finite, and whose were."""
    good = torch.ones(len(truths), dtype=torch.bool)

    def look(tensor: Tensor) -> Tensor:
        good.logical_and_(tensor.isfinite().flatten(1).all(1))
        return tensor

    params.map(look)
    if good.all():
        return params, good
    true = truths.params(body)
    mixed = SmplxParams.cat([params[good], true[~good]])
    order = torch.cat([good.nonzero(), (~good).nonzero()]).squeeze(1).argsort()
    return mixed[order], good
