"""A convolutional encoder before the decoder of SMPLest-X: blocks of ConvNeXt, sixteen pixels to a token.

The task tokens do not see the picture here; they meet its patches in the decoder for the first time.

Letters in shapes: `batch`, `channel height width` of a map, `token` (task tokens first, then patches row by row).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import InputError
from mien.nets.network import DecoderConfig
from mien.nets.vit import Encoder

__all__ = ["SIZES", "Config", "ConvNet"]

STRIDE = 16
"""Pixels to a token: four in the stem, then twice two."""


@dataclass(frozen=True, kw_only=True)
class Config(DecoderConfig):
    """Everything that decides the shapes of a network.

    Raises:
        InputError: the numbers do not fit together.
    """

    depths: tuple[int, int, int]
    """Blocks at a quarter, an eighth and a sixteenth of the picture's size; each step doubles the channels, up to
    `embed_dim`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(1 <= depth <= 256 for depth in self.depths):
            raise InputError(f"depths are {self.depths}", expected="numbers from 1 to 256")
        if self.embed_dim % 4:
            raise InputError(f"embed_dim is {self.embed_dim}", expected="a multiple of 4")
        if any(side < 1 or side % STRIDE for side in self.image_size):
            raise InputError(f"image_size {self.image_size}", expected=f"multiples of {STRIDE}")

    @property
    def num_blocks(self) -> int:
        """Blocks of the encoder."""
        return sum(self.depths)

    def encoder(self, num_task_tokens: int) -> ConvNet:
        """A new convolutional encoder."""
        return ConvNet(self, num_task_tokens)


SIZES: dict[str, Config] = {
    "xxs": Config(embed_dim=128, depths=(1, 2, 4), image_size=(128, 96), decoder_depth=2, decoder_heads=2, dim_out=64),
    "xs": Config(embed_dim=256, depths=(2, 3, 8), decoder_depth=2, decoder_heads=4, dim_out=128),
}
"""`xxs` has about as many parameters as that of SMPLest-X."""


class ConvNet(Encoder):
    """Pictures to task tokens and patch tokens, as `mien.nets.vit.Vit`."""

    def __init__(self, config: Config, num_task_tokens: int) -> None:
        super().__init__()
        dim = config.embed_dim
        self.image_size = config.image_size
        self.grid = (config.image_size[0] // STRIDE, config.image_size[1] // STRIDE)
        self.task_tokens = nn.Parameter(torch.zeros(1, num_task_tokens, dim))
        self.position = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], dim))
        self.patch_embed = nn.Conv2d(3, dim // 4, 4, 4)
        widths = [
            width for width, depth in zip((dim // 4, dim // 2, dim), config.depths, strict=True) for _ in range(depth)
        ]
        self.blocks = nn.ModuleList(Block(*each) for each in pairwise([dim // 4, *widths]))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch token dim"]:
        """RGB in [0, 1] without any normalisation -> task tokens, then patch tokens row by row.

        Raises:
            InputError: the pictures are not of the network's input size.
        """
        maps = self.embed(pictures)
        for block in self.blocks:
            maps = block(maps)
        patches = maps.flatten(2).transpose(1, 2) + self.position
        task = self.task_tokens.expand(pictures.shape[0], -1, -1)
        return self.norm(torch.cat([task.to(patches.dtype), patches], 1))


class Block(nn.Module):
    """A wide filter in each channel, then a two-layer map of each place, added to what came in.

    Where there are to be more channels than came in, a convolution first halves height and width.
    """

    def __init__(self, before: int, dim: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(before, dim, 2, 2) if before != dim else None
        self.spread = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, maps: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch new_channel h w"]:
        """The same size, or half of it."""
        maps = maps if self.shrink is None else self.shrink(maps)
        places = self.norm(self.spread(maps).flatten(2).transpose(1, 2))
        change = self.down(F.gelu(self.up(places)))
        return maps + change.transpose(1, 2).unflatten(2, maps.shape[-2:])
