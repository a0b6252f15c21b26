"""Every error of a batch of people: what an answer says, beside what is true."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32
from numpy import ndarray
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.evaluate.predicting import Answer
from mien.evaluate.smpl_truth import SmplRuler
from mien.evaluate.truths import Truths
from mien.metrics.errors import Errors, mesh_errors, replicated_hand_errors, segment_errors
from mien.metrics.inside import inside_errors
from mien.metrics.joints import joint_errors
from mien.metrics.keypoints import keypoint_errors
from mien.metrics.parts import MeshParts
from mien.metrics.shape import Tape, shape_errors
from mien.nets import virtual_camera
from mien.records import SmplxParams

__all__ = ["UPSTREAM", "Ruler", "is_of_hands", "measure", "project"]

UPSTREAM = "upstream_"
"""Before the name of a measure: as the published system computes it, slips included."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ruler:
    """What of a body is measured."""

    body: BodyModel
    parts: MeshParts
    tape: Tape
    smpl: SmplRuler | None = None
    """For truth in SMPL."""

    @classmethod
    def of(cls, body: BodyModel, parts: MeshParts | None = None, *, smpl: bool = False) -> Ruler:
        """Everything of a body; `smpl` if truth is in SMPL somewhere.

        Raises:
            AssetMissing: the files that say what of an SMPL-X body is hand and face are not beside it, or those that
                lead to SMPL.
        """
        parts = MeshParts.load(body.path) if parts is None else parts
        return cls(body=body, parts=parts, tape=Tape.of(body), smpl=SmplRuler.of(body, parts) if smpl else None)


def is_of_hands(measure: str) -> bool:
    """Whether a measure looks at nothing but hands in space."""
    return "hand" in measure and not measure.startswith(("kp2d", "pve_at"))


@torch.no_grad()
def measure(answer: Answer, truths: Truths, crop_box: Float32[ndarray, "batch 4"], ruler: Ruler) -> dict[str, Errors]:
    """Errors of an answer, by the name of the measure.

    Meshes and shapes are compared where the truth is of the answer's body; joints and keypoints always, those that the
    answer has (the others are NaN in it). Parameters that are not finite have the error NaN.

    Args:
        answer: for these people.
        truths: only these people.
        crop_box: where each was looked at, x, y, width, height in pixels of the picture.
        ruler: of the answer's body.
    """
    found: dict[str, Errors] = {}
    joints, finite = answer.joints, torch.ones(len(truths), dtype=torch.bool)
    if answer.params is not None:
        params, finite = _finite(answer.params)
        posed = ruler.body.shape(params.betas, params.expression).pose(params.full_pose())
        joints = posed.joints()[:, list(SMPLX_137)]
        if truths.family == ruler.body.family:
            mesh, more = posed.mesh(), None
            if answer.hands is not None:
                other, sound = _finite(answer.hands)
                more = ruler.body.shape(other.betas, other.expression).pose(other.full_pose()).mesh()
                finite &= sound
            found = _of_bodies(ruler, truths, mesh, more, params)
            if truths.smpl and ruler.smpl is not None:
                found |= ruler.smpl.errors(mesh, truths)
    assert joints is not None, "an answer has parameters or joints"
    true, known = truths.joints(ruler.body)
    found |= joint_errors(joints.nan_to_num(0, 0, 0), true, known & joints.isfinite().all(-1))
    pixels = project(answer, joints, crop_box)
    if pixels is not None:
        keypoints, known = truths.keypoints()
        known = known & pixels.isfinite().all(-1)
        found |= keypoint_errors(
            pixels.nan_to_num(0, 0, 0), keypoints, known, torch.from_numpy(truths.samples.box.value)
        )
    return _broken(found, finite)


def project(
    answer: Answer, joints: Float[Tensor, "batch joint 3"], crop_box: Float32[ndarray, "batch 4"]
) -> Float[Tensor, "batch joint 2"] | None:
    """Where joints (metres, without their translation) are seen in the picture; None if the answer has no camera."""
    if answer.pixels is not None:
        return answer.pixels
    if answer.params is None:
        return None
    if answer.K is None:
        seen = virtual_camera.project(joints, answer.params.transl)
        return virtual_camera.picture_from_heat_map(seen, torch.from_numpy(crop_box))
    placed = (joints + answer.params.transl.unsqueeze(1)) @ answer.K.mT
    return placed[..., :2] / placed[..., 2:].clamp(min=1e-6)


def _of_bodies(
    ruler: Ruler,
    truths: Truths,
    mesh: Float[Tensor, "batch vert 3"],
    hand_mesh: Float[Tensor, "batch vert 3"] | None,
    params: SmplxParams,
) -> dict[str, Errors]:
    """Errors of meshes and of shapes; those of hands from a mesh of their own, if there is one."""
    whole, hands, face = (torch.from_numpy(each) for each in (truths.whole, truths.hands, truths.face))
    true = truths.meshes(ruler.body)
    found = _of_meshes(ruler.parts, mesh, true, hands, face)
    if truths.inside:
        found |= inside_errors(ruler.parts, mesh, true, truths.seen(true), hands, face)
    found = {name: Errors(value=each.value, valid=each.valid & whole) for name, each in found.items()}
    if hand_mesh is not None:
        second = _of_meshes(ruler.parts, hand_mesh, true, hands, face)
        found |= {name: each for name, each in second.items() if is_of_hands(name)}
    shaped = whole & ~torch.from_numpy(truths.scanned)
    shapes = shape_errors(ruler.body, ruler.tape, params.betas, truths.params(ruler.body).betas)
    return found | {name: Errors(value=each.value, valid=each.valid & shaped) for name, each in shapes.items()}


def _of_meshes(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    hands: Bool[Tensor, "batch 2"],
    face: Bool[Tensor, "batch"],
) -> dict[str, Errors]:
    """The errors that are right, and beside them those that upstream's slips change."""
    slips = replicated_hand_errors(parts, predicted, true, hands)
    found = mesh_errors(parts, predicted, true, hands, face) | segment_errors(parts, predicted, true, hands, face)
    return found | {f"{UPSTREAM}{name}": each for name, each in slips.items()}


def _finite(params: SmplxParams) -> tuple[SmplxParams, Bool[Tensor, "batch"]]:
    """The parameters with somebody at rest in the place of any that are not finite, and whose were."""
    good = torch.ones(len(params.transl), dtype=torch.bool)

    def look(tensor: Tensor) -> Tensor:
        good.logical_and_(tensor.isfinite().flatten(1).all(1))
        return tensor

    def mend(tensor: Tensor) -> Tensor:
        rest = torch.eye(3) if tensor.shape[-2:] == (3, 3) else torch.ones(())
        return torch.where(good.reshape(-1, *[1] * (tensor.ndim - 1)), tensor, rest.to(tensor.dtype))

    params.map(look)
    return (params if good.all() else params.map(mend)), good


def _broken(found: dict[str, Errors], finite: Bool[Tensor, "batch"]) -> dict[str, Errors]:
    """NaN for whoever's answer was not finite."""
    if finite.all():
        return found
    nan = torch.tensor(float("nan"))
    return {
        name: Errors(value=torch.where(each.valid & ~finite, nan.to(each.value.dtype), each.value), valid=each.valid)
        for name, each in found.items()
    }
