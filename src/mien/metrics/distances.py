"""Mean distances of two batches of meshes, in millimetres: as they lie, or after the best similarity.

On the CPU, without gradients, compiled loops read each mesh as seldom as can be; elsewhere the same is said in torch.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mien.geometry.align import align, rigid_parts
from mien.metrics import kernels

__all__ = ["aligned_distance", "distance", "segment_distance", "shifted_distance"]

MILLIMETRES = 1000


def distance(predicted: Float[Tensor, "batch point 3"], true: Float[Tensor, "batch point 3"]) -> Float[Tensor, "batch"]:
    """Mean distance of points, metres in, millimetres out."""
    return (predicted - true).norm(dim=-1).mean(-1) * MILLIMETRES


def shifted_distance(
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    ids: Int[Tensor, "part"] | None,
    shift: Float[Tensor, "batch 3"],
) -> Float[Tensor, "batch"]:
    """Mean distance of some vertices (all if None) after moving the predicted ones by `shift`, metres."""
    if not _plain(predicted, true):
        ours, theirs = _picked(predicted, true, ids)
        return distance(ours + shift.unsqueeze(1), theirs)
    found = np.empty(len(true))
    kernels.mean_distances(_numpy(predicted), _numpy(true), _ids(predicted, ids), _numpy(shift.double()), found)
    return _millimetres(found, predicted)


def segment_distance(
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    segment: Int[Tensor, "vert"],
    count: int,
    shift: Float[Tensor, "batch 3"],
) -> Float[Tensor, "batch {count}"]:
    """The same for each segment of the mesh; `segment` says of every vertex in which of the `count` it is."""
    if not _plain(predicted, true):
        off = (predicted + shift.unsqueeze(1) - true).norm(dim=-1)
        total = off.new_zeros(len(true), count).index_add_(1, segment, off)
        return total / segment.bincount(minlength=count).clamp(min=1) * MILLIMETRES
    found = np.empty((len(true), count))
    kernels.segment_distances(_numpy(predicted), _numpy(true), segment.numpy(), _numpy(shift.double()), found)
    return _millimetres(found, predicted)


def aligned_distance(
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch vert 3"],
    ids: Int[Tensor, "part"] | None = None,
) -> Float[Tensor, "batch"]:
    """Mean distance of some vertices (all if None) after the similarity that is best for them."""
    if not _plain(predicted, true):
        ours, theirs = _picked(predicted, true, ids)
        return distance(align(ours, theirs), theirs)
    batch, chosen = len(true), _ids(predicted, ids)
    means, covariance, spread = np.empty((batch, 2, 3)), np.empty((batch, 3, 3)), np.empty(batch)
    pair = _numpy(predicted), _numpy(true)
    kernels.moments(*pair, chosen, means, covariance, spread)
    rotation, total = rigid_parts(torch.from_numpy(covariance))
    linear = rotation * (total / torch.from_numpy(spread))[:, None, None]
    centre = torch.from_numpy(means)
    translation = centre[:, 1] - (linear @ centre[:, 0].unsqueeze(-1)).squeeze(-1)
    found = np.empty(batch)
    kernels.mean_moved_distances(*pair, chosen, linear.numpy(), translation.numpy(), found)
    return _millimetres(found, predicted)


def _plain(*tensors: Tensor) -> bool:
    """Whether the compiled loops can do it: on the CPU, in a width that they know, and no gradients wanted."""
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    known = all(tensor.dtype in (torch.float32, torch.float64) for tensor in tensors)
    return known and not wanted and all(tensor.device.type == "cpu" for tensor in tensors)


def _picked(predicted: Tensor, true: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor]:
    return (predicted, true) if ids is None else (predicted[:, ids], true[:, ids])


def _ids(mesh: Tensor, ids: Tensor | None) -> np.ndarray:
    return np.arange(mesh.shape[1]) if ids is None else ids.numpy()


def _numpy(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


def _millimetres(found: np.ndarray, like: Tensor) -> Tensor:
    return (torch.from_numpy(found) * MILLIMETRES).to(like.dtype)
