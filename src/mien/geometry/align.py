"""Similarity alignment (Procrustes): the scale, rotation and translation that bring one point set onto another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Similarity", "align", "rigid_parts", "similarity"]


class Similarity(NamedTuple):
    """target = scale * rotation @ source + translation."""

    scale: Float[Tensor, "*batch"]
    rotation: Float[Tensor, "*batch 3 3"]
    translation: Float[Tensor, "*batch 3"]

    def apply(self, points: Float[Tensor, "*batch point 3"]) -> Float[Tensor, "*batch point 3"]:
        """Move points of the source frame to the target frame."""
        turned = points @ self.rotation.transpose(-1, -2)
        return self.scale[..., None, None] * turned + self.translation[..., None, :]


def similarity(
    source: Float[Tensor, "*batch point 3"],
    target: Float[Tensor, "*batch point 3"],
    weight: Float[Tensor, "*batch point"] | None = None,
) -> Similarity:
    """Least-squares similarity without reflection (Umeyama 1991).

    Args:
        source: what is moved.
        target: where to.
        weight: of each point, 0 or more, not all 0; all alike by default.
    """
    share = None if weight is None else (weight / weight.sum(-1, keepdim=True)).unsqueeze(-1)
    source_mean, target_mean = (
        points.mean(-2) if share is None else (share * points).sum(-2) for points in (source, target)
    )
    centred, goal = source - source_mean.unsqueeze(-2), target - target_mean.unsqueeze(-2)
    shared = centred / source.shape[-2] if share is None else centred * share
    rotation, total = rigid_parts(shared.transpose(-1, -2) @ goal)
    square = centred.square()
    scale = total / (square.mean(-2) if share is None else (share * square).sum(-2)).sum(-1)
    translation = target_mean - scale.unsqueeze(-1) * (rotation @ source_mean.unsqueeze(-1)).squeeze(-1)
    return Similarity(scale, rotation, translation)


def rigid_parts(
    covariance: Float[Tensor, "*batch 3 3"],
) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch"]]:
    """The rotation that fits best, and the sum of singular values that the scale is made of.

    Args:
        covariance: source^T target about their means; reflections are turned into rotations.
    """
    u, s, vt = torch.linalg.svd(covariance)
    determinant = torch.linalg.det(vt.transpose(-1, -2) @ u.transpose(-1, -2))
    sign = torch.ones_like(s)
    sign[..., 2] = torch.where(determinant < 0, -1.0, 1.0)
    rotation = (vt * sign.unsqueeze(-1)).transpose(-1, -2) @ u.transpose(-1, -2)
    return rotation, (s * sign).sum(-1)


def align(
    source: Float[Tensor, "*batch point 3"], target: Float[Tensor, "*batch point 3"]
) -> Float[Tensor, "*batch point 3"]:
    """`source` moved as close to `target` as a similarity can bring it."""
    return similarity(source, target).apply(source)
