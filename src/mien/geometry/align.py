"""Similarity alignment (Procrustes): the scale, rotation and translation that bring one point set onto another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Similarity", "align", "similarity"]


class Similarity(NamedTuple):
    """target = scale * rotation @ source + translation."""

    scale: Float[Tensor, "*batch"]
    rotation: Float[Tensor, "*batch 3 3"]
    translation: Float[Tensor, "*batch 3"]

    def apply(self, points: Float[Tensor, "*batch point 3"]) -> Float[Tensor, "*batch point 3"]:
        """Move points of the source frame to the target frame."""
        turned = points @ self.rotation.transpose(-1, -2)
        return self.scale[..., None, None] * turned + self.translation[..., None, :]


def similarity(source: Float[Tensor, "*batch point 3"], target: Float[Tensor, "*batch point 3"]) -> Similarity:
    """Least-squares similarity without reflection (Umeyama 1991)."""
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    centred, goal = source - source_mean.unsqueeze(-2), target - target_mean.unsqueeze(-2)
    u, s, vt = torch.linalg.svd(centred.transpose(-1, -2) @ goal / source.shape[-2])
    determinant = torch.linalg.det(vt.transpose(-1, -2) @ u.transpose(-1, -2))
    sign = torch.ones_like(s)
    sign[..., 2] = torch.where(determinant < 0, -1.0, 1.0)
    rotation = (vt * sign.unsqueeze(-1)).transpose(-1, -2) @ u.transpose(-1, -2)
    scale = (s * sign).sum(-1) / centred.square().mean(-2).sum(-1)
    translation = target_mean - scale.unsqueeze(-1) * (rotation @ source_mean.unsqueeze(-1)).squeeze(-1)
    return Similarity(scale, rotation, translation)


def align(
    source: Float[Tensor, "*batch point 3"], target: Float[Tensor, "*batch point 3"]
) -> Float[Tensor, "*batch point 3"]:
    """`source` moved as close to `target` as a similarity can bring it."""
    return similarity(source, target).apply(source)
