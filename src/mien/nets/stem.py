"""Patches by a few convolutions, each of half the size of the one before, in place of one large one.

Letters in shapes: `batch`, `channel rows columns` of a map.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConvStem"]


class ConvStem(nn.Sequential):
    """Pictures to patches.

    Where samples are few it learns sooner what edges, colours and limbs are (Xiao et al. 2021, "Early convolutions help
    transformers see better").

    Args:
        channels: of all halving convolutions but the last; pixels of a patch are 2 ** (their number + 1) a side.
        embed_dim: of the last.
        blocks: how many residual blocks follow each of them.
    """

    def __init__(self, channels: tuple[int, ...], embed_dim: int, blocks: tuple[int, ...]) -> None:
        widths, layers = (3, *channels, embed_dim), list[nn.Module]()
        for before, after, count in zip(widths, widths[1:], blocks, strict=False):
            layers.append(nn.Conv2d(before, after, 3, stride=2, padding=1))
            layers += [Residual(after) for _ in range(count)] or [nn.ReLU()]
        super().__init__(*layers)

    @property
    def weight(self) -> Tensor:
        """Of the first convolution: pictures are to have its number type."""
        return self[0].get_parameter("weight")

    def forward(self, input: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim rows columns"]:
        """Pictures, RGB in [0, 1], are spread about 0 first; to learn that would cost samples."""
        return super().forward((4 * input - 2).contiguous(memory_format=torch.channels_last))


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(8, channels), channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, "batch channel rows columns"]:
        """Of the same size."""
        return maps + self.second(F.relu(self.first(F.relu(self.norm(maps)))))
