"""Mesh errors over the vertices that lie in the picture, as UBody's published evaluation has them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.geometry.align import similarity
from mien.metrics.errors import LEFT_WRIST, NECK, PELVIS, RIGHT_WRIST, Errors, masked, mean_of_hands
from mien.metrics.parts import MeshParts

__all__ = ["inside_errors"]

ENOUGH = 4
"""Vertices below which a part is not measured after a similarity."""


def inside_errors(
    parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    inside: Bool[Tensor, "batch vert"],
    hands: Bool[Tensor, "batch 2"],
    face: Bool[Tensor, "batch"],
) -> dict[str, Errors]:
    """`pve` and `pa_pve` of body, hands and face over the vertices inside; a part without any is not valid.

    Args:
        parts: of the body.
        predicted: metres.
        true: metres.
        inside: which of the true vertices lie in the picture.
        hands: whether the truth has a left and a right hand.
        face: whether the truth has a face.
    """
    shift = parts.roots.joints(true) - parts.roots.joints(predicted)
    everybody, found = torch.ones_like(face), dict[str, Errors]()
    chosen = (
        ("", None, PELVIS, everybody),
        ("_left_hand", parts.left_hand, LEFT_WRIST, hands[:, 0]),
        ("_right_hand", parts.right_hand, RIGHT_WRIST, hands[:, 1]),
        ("_face", parts.face, NECK, face),
    )
    for name, ids, root, known in chosen:
        if name and ids is None:
            continue
        ours, theirs, there = (each if ids is None else each[:, ids] for each in (predicted, true, inside))
        weight, count = there.to(ours.dtype), there.sum(1)
        off = (ours + shift[:, root, None] - theirs).norm(dim=-1)
        found[f"pve{name}"] = _mean(off, weight, known & (count > 0))
        enough = known & (count >= ENOUGH)
        moved = similarity(ours, theirs, torch.where(enough[:, None], weight, 1)).apply(ours)
        found[f"pa_pve{name}"] = _mean((moved - theirs).norm(dim=-1), weight, enough)
    if parts.left_hand is not None:
        for measure in ("pve", "pa_pve"):
            sides = (found[f"{measure}_{side}_hand"] for side in ("left", "right"))
            found[f"{measure}_hand"] = mean_of_hands(*sides)
    return found


def _mean(
    off: Float[Tensor, "batch part"], weight: Float[Tensor, "batch part"], valid: Bool[Tensor, "batch"]
) -> Errors:
    return masked((off * weight).sum(1) / weight.sum(1).clamp(min=1) * 1000, valid)
