"""The encoder: a plain vision transformer whose first tokens are learned questions about the person.

Letters in shapes: `batch`, `token` (task tokens first, then patches row by row), `patch`, `dim`; `row` is all tokens of
all samples, one after another.

Notable choices, all of which the published weights depend on:
- the patch convolution pads by two pixels although patches do not overlap;
- row 0 of the position table is added to every patch, row 1 + i to patch i, none to the task tokens;
- the last norm covers task tokens and patches alike.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import InputError
from mien.nets.maps import added_map, attend, normed_map, plain_map
from mien.nets.stem import ConvStem

__all__ = ["Count", "CrossAttention", "DropPath", "Encoder", "Mlp", "SelfAttention", "Vit", "grid_of"]

PATCH_PADDING = 2

Count = int | torch.SymInt
"""How many samples; a symbol while a network is exported."""


def grid_of(image_size: tuple[int, int], patch_size: int) -> tuple[int, int]:
    """How many patches there are in height and width for a picture of `image_size` (h, w) pixels."""
    height, width = ((side + 2 * PATCH_PADDING - patch_size) // patch_size + 1 for side in image_size)
    return height, width


class Encoder(nn.Module):
    """Pictures to task tokens and patch tokens: what every encoder has, whatever is inside."""

    grid: tuple[int, int]
    """Rows and columns of patches."""
    task_tokens: nn.Parameter
    position: nn.Parameter
    """(1, row, dim): the last rows belong to the patches, one each."""
    patch_embed: nn.Conv2d | ConvStem
    """The first layer."""
    blocks: nn.ModuleList
    image_size: tuple[int, int]

    def embed(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim rows columns"]:
        """What the first layer makes of pictures, in its number type.

        Raises:
            InputError: the pictures are not of the network's input size.
        """
        if tuple(pictures.shape[-2:]) != self.image_size:
            found = f"pictures of {pictures.shape[-2]}x{pictures.shape[-1]} pixels (height x width)"
            raise InputError(found, expected=f"{self.image_size[0]}x{self.image_size[1]}, the network's input size")
        return self.patch_embed(pictures.to(self.patch_embed.weight.dtype))


class Vit(Encoder):
    """Pictures to task tokens and patch tokens.

    Args:
        image_size: height and width of the input in pixels.
        patch_size: side of a patch in pixels.
        embed_dim: width of every token.
        depth: number of blocks.
        heads: number of attention heads; divides `embed_dim`.
        drop_path: probability that the last block is skipped for a sample in training; rises linearly from 0.
        num_task_tokens: learned tokens that stand before the patches.
        stem, stem_blocks: of a `ConvStem`; without any, patches are cut out by one convolution.
    """

    def __init__(
        self,
        *,
        image_size: tuple[int, int],
        patch_size: int,
        embed_dim: int,
        depth: int,
        heads: int,
        drop_path: float,
        num_task_tokens: int,
        stem: tuple[int, ...] = (),
        stem_blocks: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.grid = grid_of(image_size, patch_size)
        num_patches = self.grid[0] * self.grid[1]
        self.task_tokens = nn.Parameter(torch.zeros(1, num_task_tokens, embed_dim))
        self.position = nn.Parameter(torch.zeros(1, 1 + num_patches, embed_dim))
        if stem:
            self.patch_embed = ConvStem(stem, embed_dim, stem_blocks)
        else:
            self.patch_embed = nn.Conv2d(3, embed_dim, patch_size, patch_size, padding=PATCH_PADDING)
        rates = [drop_path * i / max(depth - 1, 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(embed_dim, heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch token dim"]:
        """RGB in [0, 1] without any normalisation -> task tokens, then patch tokens row by row.

        Raises:
            InputError: the pictures are not of the network's input size.
        """
        patches = self.embed(pictures).flatten(2).transpose(1, 2)
        patches = patches + (self.position[:, 1:] + self.position[:, :1])
        batch = pictures.shape[0]
        task = self.task_tokens.expand(batch, -1, -1)
        tokens = torch.cat([task.to(patches.dtype), patches], 1)
        rows = tokens.flatten(0, 1)
        for block in self.blocks:
            rows = block(rows, batch)
        return self.norm(rows.view_as(tokens))


class Block(nn.Module):
    """Attention, then a two-layer map, each on normed tokens and added to what came in."""

    def __init__(self, dim: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attention = SelfAttention(dim, heads, dim // heads, bias=True)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, rows: Float[Tensor, "row dim"], batch: Count) -> Float[Tensor, "row dim"]:
        """Tokens of all `batch` samples, one after another."""
        rows = self.attention(rows, self.norm1, batch, scale=self.drop_path(rows, batch))
        return self.mlp(rows, self.norm2, scale=self.drop_path(rows, batch))


class SelfAttention(nn.Module):
    """Multi-head attention of tokens to themselves, with queries, keys and values from one fused map."""

    def __init__(self, dim: int, heads: int, head_dim: int, *, bias: bool) -> None:
        super().__init__()
        self.heads, self.inner = heads, heads * head_dim
        self.qkv = nn.Linear(dim, 3 * self.inner, bias=bias)
        self.out = nn.Linear(self.inner, dim)

    def forward(
        self,
        rows: Float[Tensor, "row dim"],
        norm: nn.LayerNorm,
        batch: Count,
        *,
        scale: Float[Tensor, "row 1"] | None = None,
    ) -> Float[Tensor, "row dim"]:
        """The tokens, and `scale` of what each gathers from all normed tokens of its sample."""
        qkv = normed_map(rows, norm, self.qkv)
        return added_map(rows, self.out, attend(*_by_head(qkv, batch, self.heads, 3)), scale)

    def queries(
        self, rows: Float[Tensor, "row dim"], norm: nn.LayerNorm, batch: Count, count: int
    ) -> Float[Tensor, "query dim"]:
        """As `forward`, of the first `count` tokens of each sample only: the rest are keys and values."""
        tokens = rows.unflatten(0, (batch, -1))
        first, normed = tokens[:, :count].flatten(0, 1), norm(tokens)
        asking = normed[:, :count].flatten(0, 1)
        (q,) = _by_head(self._part(asking, slice(0, self.inner)), batch, self.heads, 1)
        k, v = _by_head(self._part(normed.flatten(0, 1), slice(self.inner, None)), batch, self.heads, 2)
        return added_map(first, self.out, attend(q, k, v))

    def _part(self, rows: Tensor, outputs: slice) -> Tensor:
        bias = self.qkv.bias
        return F.linear(rows, self.qkv.weight[outputs], None if bias is None else bias[outputs])


class CrossAttention(nn.Module):
    """Multi-head attention of tokens to a context."""

    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, heads * head_dim, bias=False)
        self.kv = nn.Linear(dim, 2 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, dim)

    def forward(
        self, rows: Float[Tensor, "row dim"], norm: nn.LayerNorm, context: Float[Tensor, "context dim"], batch: Count
    ) -> Float[Tensor, "row dim"]:
        """The tokens, and what each, normed, gathers from the context of its sample."""
        (q,) = _by_head(normed_map(rows, norm, self.q), batch, self.heads, 1)
        k, v = _by_head(plain_map(context, self.kv), batch, self.heads, 2)
        return added_map(rows, self.out, attend(q, k, v))


def _by_head(
    rows: Float[Tensor, "row inner"], batch: Count, heads: int, parts: int
) -> tuple[Float[Tensor, "batch head token dim"], ...]:
    """What stands side by side in each row: first the parts, in each of them the heads."""
    return rows.view(batch, -1, parts, heads, rows.shape[1] // (parts * heads)).permute(2, 0, 3, 1, 4).unbind(0)


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(
        self, rows: Float[Tensor, "row dim"], norm: nn.LayerNorm, *, scale: Float[Tensor, "row 1"] | None = None
    ) -> Float[Tensor, "row dim"]:
        """The tokens, and `scale` of the maps of each normed token."""
        return added_map(rows, self.down, F.gelu(normed_map(rows, norm, self.up)), scale)


class DropPath(nn.Module):
    """In training, drop a sample's branch with probability `rate` and scale the kept ones by 1 / (1 - rate)."""

    place: tuple[int, int] | None = None
    """The first sample's place in a larger batch, and that batch's size: the dice are thrown for all of it, so that
    they fall the same however the batch is shared out."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, rows: Float[Tensor, "row dim"], batch: Count) -> Float[Tensor, "row 1"] | None:
        """What the branch of each row is to be multiplied by; None where nothing is dropped."""
        if not self.training or self.rate == 0:
            return None
        keep = 1 - self.rate
        first, total = self.place or (0, batch)
        dice = rows.new_empty(total, 1).bernoulli_(keep)[first : first + batch] / keep
        return dice.repeat_interleave(rows.shape[0] // batch, 0)

    def extra_repr(self) -> str:
        """Shown by `print(network)`."""
        return f"rate={self.rate:.3f}"
