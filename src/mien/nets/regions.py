"""Places and regions of feature maps: peaks of heat maps, features at a point, features inside a box.

Everything is a handful of tensor operations for a whole batch, without loops over boxes and without shapes that depend
on the data, so that it runs on any device and survives export.

Letters in shapes: `batch`, `box`, `point`, `dim` (channels), `height width` of a map, `out` (side of a pooled box).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BatchNorm", "pool_boxes", "pooling_shares", "sample_at", "soft_argmax", "upsampler"]


def soft_argmax(
    logits: Float[Tensor, "*batch volume"], grid: Sequence[int], extent: Sequence[float]
) -> tuple[Float[Tensor, "*batch volume"], Float[Tensor, "*batch axis"]]:
    """The softmax of heat maps in float32, and the mean place under it.

    Args:
        logits: each map flat, the last axis of the grid running fastest.
        grid: cells of each axis: height and width, or depth, height and width.
        extent: how long each axis is: cell `i` of `n` lies at `i * extent / n`.

    Returns:
        The heat, which sums to 1, and the places, x first.
    """
    heat = logits.float().softmax(-1)
    axes = [
        torch.arange(cells, device=logits.device, dtype=torch.float32) * (length / cells)
        for cells, length in zip(grid, extent, strict=True)
    ]
    places = torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")[::-1]], -1)
    with torch.autocast(logits.device.type, enabled=False):
        return heat, heat @ places


def sample_at(
    features: Float[Tensor, "batch dim height width"], places: Float[Tensor, "batch point 2"]
) -> Float[Tensor, "batch point dim"]:
    """Features between the cells, bilinear.

    Args:
        features: cell (row i, column j) lies at x = j, y = i.
        places: x and y in cells, inside the map.
    """
    height, width = features.shape[-2:]
    flat = features.flatten(2)
    low = places.detach().floor()
    x, y = low.long().unbind(-1)
    right, down = (places - low).to(features.dtype).unsqueeze(1).unbind(-1)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        return flat.gather(2, index.unsqueeze(1).expand(-1, flat.shape[1], -1))

    upper = at(y, x) * (1 - right) + at(y, x + 1) * right
    lower = at(y + 1, x) * (1 - right) + at(y + 1, x + 1) * right
    return (upper * (1 - down) + lower * down).transpose(1, 2)


def pool_boxes(
    features: Float[Tensor, "batch dim height width"], boxes: Float[Tensor, "batch box 4"], out: int, mirrored: int = 0
) -> Float[Tensor, "batch box dim out out"]:
    """RoIAlign: every box as `out` x `out` bins, each the mean of bilinear samples on a grid of its own.

    The same numbers as torchvision's `roi_align` with `aligned=False` and `sampling_ratio=-1`. Since the samples of a
    bin are a grid, its mean is one sum over rows and one over columns: two matrix products for all boxes.

    Args:
        features: cell (row i, column j) lies at x = j, y = i.
        boxes: x1, y1, x2, y2 in cells; parts outside the map are empty. No gradient reaches them.
        out: bins across and down.
        mirrored: so many of the first boxes are read from right to left.
    """
    dim, height, width = features.shape[1:]
    corner, size = boxes.detach()[..., :2], boxes.detach()[..., 2:] - boxes.detach()[..., :2]
    across = pooling_shares(corner[..., 0], size[..., 0], out, width)
    down = pooling_shares(corner[..., 1], size[..., 1], out, height)
    across = torch.cat([across[:, :mirrored].flip(2), across[:, mirrored:]], 1)
    rows = features.permute(0, 2, 1, 3).flatten(2)
    pooled = (down.to(features.dtype).flatten(1, 2) @ rows).unflatten(1, (-1, out)).unflatten(3, (dim, width))
    pooled = pooled.flatten(2, 3) @ across.to(pooled.dtype).transpose(2, 3)
    return pooled.unflatten(2, (out, dim)).transpose(2, 3)


def pooling_shares(
    start: Float[Tensor, "*box"], size: Float[Tensor, "*box"], out: int, length: int
) -> Float[Tensor, "*box out length"]:
    """How much each cell of an axis counts in each bin of a box.

    A bin takes `ceil(size / out)` samples, evenly spaced. A sample counts for the two cells beside it; at most one cell
    outside the axis it counts for the outermost cell, farther out for nothing. How many samples fall between two cells,
    and where their middle lies, follows from the ends of the row of samples, however many there are.

    Args:
        start: where boxes begin, cells.
        size: of the boxes; less than a cell counts as one.
        out: bins of a box.
        length: cells of the axis.
    """
    size = size.clamp(min=1)
    count = (size / out).ceil()[..., None, None]
    step = size[..., None, None] / out / count
    bins = torch.arange(out, device=start.device, dtype=start.dtype) * (size / out).unsqueeze(-1) + start.unsqueeze(-1)
    edges = torch.arange(-1, length + 1, device=start.device, dtype=start.dtype)
    before = (edges - bins.unsqueeze(-1)) / step - 0.5
    before = torch.cat([before[..., :-1].ceil(), before[..., -1:].floor() + 1], -1)  # the last edge is inside
    before = torch.minimum(before.clamp(min=0), count)
    share = before.diff() / count
    middle = bins.unsqueeze(-1) + step * (before[..., :-1] + before[..., 1:]) / 2 - edges[:-1]
    right = share[..., 1:-1] * middle[..., 1:-1].clamp(0, 1)
    left = share[..., 1:-1] - right
    return torch.cat([left, share[..., -1:]], -1) + torch.cat([share[..., :1], right], -1)


class BatchNorm(nn.Module):
    """Norm over a batch of maps, with running means for evaluation. Where its weight is frozen, so are they.

    Upstream's counter of batches, which nothing reads, does not exist here.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def reset(self) -> None:
        """As it is before the first batch."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.zeros_(self.running_mean)
        nn.init.ones_(self.running_var)

    def forward(self, maps: Float[Tensor, "batch dim height width"]) -> Float[Tensor, "batch dim height width"]:
        """The maps, each channel around 0 with spread 1, then scaled and moved."""
        learns = self.training and self.weight.requires_grad
        means = self.running_mean, self.running_var
        return F.batch_norm(maps, *means, self.weight, self.bias, training=learns, momentum=0.1, eps=1e-5)


def upsampler(*dims: int) -> nn.Sequential:
    """Maps of twice the height and width after each step from one number of channels to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(dims):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), BatchNorm(after), nn.ReLU()]
    return nn.Sequential(*layers)
