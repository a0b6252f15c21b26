"""Errors of meshes and joints, one number a sample, in millimetres (docs/evaluate.md: alignment, parts, means).

    errors = mesh_errors(parts, predicted, true, hands)          # {"pve": Errors(value, valid), "pa_pve": ...}

`pve` is the mean distance of vertices after moving both meshes so that one joint coincides (the pelvis for all, the
wrist for a hand, the neck for the face); `pa_` aligns scale, rotation and translation of that part first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mien.errors import InputError
from mien.geometry.align import align
from mien.metrics.distances import aligned_distance, distance, segment_distance, shifted_distance
from mien.metrics.parts import SEGMENTS, MeshParts, VertexRegressor
from mien.records import Record

__all__ = [
    "FAR_HAND",
    "Errors",
    "masked",
    "mean_of_hands",
    "mesh_errors",
    "replicated_hand_errors",
    "segment_errors",
]

PELVIS, LEFT_WRIST, RIGHT_WRIST, NECK = range(4)
"""Rows of `MeshParts.roots`."""
FAR_HAND = 100.0
"""Millimetres: upstream leaves hands beyond this out of its PA-MPJPE."""


@dataclass(frozen=True, kw_only=True)
class Errors(Record):
    """One measure of every sample."""

    value: Float[Tensor, "batch"]
    """Millimetres, unless the measure says otherwise; 0 where not valid."""
    valid: Bool[Tensor, "batch"]
    """False where the truth does not have the part."""


def mesh_errors(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    hands: Bool[Tensor, "batch 2"] | None = None,
    face: Bool[Tensor, "batch"] | None = None,
) -> dict[str, Errors]:
    """Every measure that two meshes of one body give.

    Args:
        parts: of the body.
        predicted: metres, any frame.
        true: metres, any frame of the same orientation.
        hands: whether the truth has a left and a right hand; both by default.
        face: whether the truth has a face; all by default.

    Raises:
        InputError: the meshes are of another body.
    """
    for mesh in (predicted, true):
        if mesh.shape[1] != parts.num_vertices:
            raise InputError(f"meshes of {mesh.shape[1]} vertices", expected=f"the body's {parts.num_vertices}")
    everybody = torch.ones(len(true), dtype=torch.bool, device=true.device)
    shift = parts.roots.joints(true) - parts.roots.joints(predicted)
    found = {
        "pve": Errors(value=shifted_distance(predicted, true, None, shift[:, PELVIS]), valid=everybody),
        "pa_pve": Errors(value=aligned_distance(predicted, true), valid=everybody),
    }
    joints = parts.body.joints(predicted), parts.body.joints(true)
    off = distance(joints[0] + shift[:, PELVIS, None], joints[1])
    found["mpjpe_body"] = Errors(value=off, valid=everybody)
    found["pa_mpjpe_body"] = Errors(value=distance(align(joints[0], joints[1]), joints[1]), valid=everybody)
    if parts.face is not None:
        found |= _part("face", parts.face, NECK, predicted, true, shift, everybody if face is None else face)
    valid = torch.ones(len(true), 2, dtype=torch.bool, device=true.device) if hands is None else hands
    sides = (
        ("left_hand", parts.left_hand, parts.left_joints, LEFT_WRIST, valid[:, 0]),
        ("right_hand", parts.right_hand, parts.right_joints, RIGHT_WRIST, valid[:, 1]),
    )
    for name, vertices, regressor, wrist, known in sides:
        if vertices is not None and regressor is not None:
            found |= _part(name, vertices, wrist, predicted, true, shift, known)
            found |= _hand_joints(name, regressor, predicted, true, known)
    if parts.left_hand is not None:
        for measure in ("pve", "pa_pve", "mpjpe", "pa_mpjpe"):
            left, right = found[f"{measure}_left_hand"], found[f"{measure}_right_hand"]
            found[f"{measure}_hand"] = mean_of_hands(left, right)
    return found


def segment_errors(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    hands: Bool[Tensor, "batch 2"] | None = None,
    face: Bool[Tensor, "batch"] | None = None,
) -> dict[str, Errors]:
    """Where the error of `pve` sits: `pve_at_head`, ... for every segment, and hands and face with the pelvises in one
    place (`pve_left_hand_from_pelvis`, ...), so that what the arm does wrong is part of it.

    Args: as in `mesh_errors`. `pve_at_left_hand` needs no valid hand: it says where the hand is.
    """
    shift = parts.roots.joints(true)[:, PELVIS] - parts.roots.joints(predicted)[:, PELVIS]
    everybody = torch.ones(len(true), dtype=torch.bool, device=true.device)
    off = segment_distance(predicted, true, parts.segment, len(SEGMENTS), shift)
    there = parts.segment.bincount(minlength=len(SEGMENTS)) > 0
    found = {
        f"pve_at_{name}": Errors(value=off[:, i].contiguous(), valid=everybody & there[i])
        for i, name in enumerate(SEGMENTS)
    }
    valid = torch.ones(len(true), 2, dtype=torch.bool, device=true.device) if hands is None else hands
    for name, ids, known in (
        ("left_hand", parts.left_hand, valid[:, 0]),
        ("right_hand", parts.right_hand, valid[:, 1]),
        ("face", parts.face, everybody if face is None else face),
    ):
        if ids is not None:
            found[f"pve_{name}_from_pelvis"] = masked(shifted_distance(predicted, true, ids, shift), known)
    if parts.left_hand is not None:
        sides = (found[f"pve_{side}_hand_from_pelvis"] for side in ("left", "right"))
        found["pve_hand_from_pelvis"] = mean_of_hands(*sides)
    return found


def mean_of_hands(left: Errors, right: Errors) -> Errors:
    """The mean of the hands that are valid."""
    count = left.valid.to(left.value.dtype) + right.valid.to(left.value.dtype)
    total = left.value * left.valid + right.value * right.valid
    return Errors(value=total / count.clamp(min=1), valid=count > 0)


def replicated_hand_errors(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    hands: Bool[Tensor, "batch 2"],
) -> dict[str, Errors]:
    """Hand joint errors as upstream's SMPLest-X prints them, slips included.

    `mpjpe_*` moves the prediction's wrist to the origin but not the truth's. `pa_mpjpe_*` stops at the first hand that
    is more than `FAR_HAND` off: that hand, those after it, and the mean of both are left out.
    """
    found: dict[str, Errors] = {}
    going = torch.ones(len(true), dtype=torch.bool, device=true.device)
    sides = (("left_hand", parts.left_joints, hands[:, 0]), ("right_hand", parts.right_joints, hands[:, 1]))
    for name, regressor, known in sides:
        if regressor is None:
            continue
        ours, theirs = regressor.joints(predicted), regressor.joints(true)
        half_rooted = ours[:, 1:] - ours[:, :1]
        found[f"mpjpe_{name}"] = masked(distance(half_rooted, theirs[:, 1:]), known)
        aligned = distance(align(ours[:, 1:], theirs[:, 1:]), theirs[:, 1:])
        going = going & ~(known & (aligned > FAR_HAND))
        found[f"pa_mpjpe_{name}"] = masked(aligned, known & going)
    for measure in ("mpjpe", "pa_mpjpe"):
        mean = mean_of_hands(found[f"{measure}_left_hand"], found[f"{measure}_right_hand"])
        found[f"{measure}_hand"] = masked(mean.value, mean.valid & going) if measure == "pa_mpjpe" else mean
    return found


def masked(value: Float[Tensor, "batch"], valid: Bool[Tensor, "batch"]) -> Errors:
    """Errors that are 0 where they are not valid."""
    return Errors(value=torch.where(valid, value, 0), valid=valid)


def _part(
    name: str,
    vertices: Int[Tensor, "part"],
    root: int,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    shift: Float[Tensor, "batch 4 3"],
    known: Bool[Tensor, "batch"],
) -> dict[str, Errors]:
    """The vertices of a part with its own root in one place, and after their own similarity."""
    return {
        f"pve_{name}": masked(shifted_distance(predicted, true, vertices, shift[:, root]), known),
        f"pa_pve_{name}": masked(aligned_distance(predicted, true, vertices), known),
    }


def _hand_joints(
    name: str,
    regressor: VertexRegressor,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    known: Bool[Tensor, "batch"],
) -> dict[str, Errors]:
    """20 joints of a hand, without the wrist that they are aligned at."""
    ours, theirs = regressor.joints(predicted), regressor.joints(true)
    ours, theirs = ours - ours[:, :1], theirs - theirs[:, :1]
    return {
        f"mpjpe_{name}": masked(distance(ours[:, 1:], theirs[:, 1:]), known),
        f"pa_mpjpe_{name}": masked(distance(align(ours[:, 1:], theirs[:, 1:]), theirs[:, 1:]), known),
    }
