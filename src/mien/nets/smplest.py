"""SMPLest-X: one transformer that reads body, hands and face of the person in a crop.

An encoder (`mien.nets.vit`) mixes 80 learned task tokens with the crop's patches; a decoder lets them talk again with
the patches in view; each head reads its own group of task tokens at once. It knows tensors only: no body model, no
loss, no file. Parameters that upstream's checkpoints hold but never use do not exist here (see `mien.nets.upstream`).

Letters in shapes: `batch`, `task` (80), `patch`, `token` (task tokens, then patches), `dim`; `row` is all tokens of all
samples, one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mien.errors import InputError
from mien.geometry.rotation import matrix_from_rot6d
from mien.nets.network import (
    IDENTITY_6,
    MAN_AFAR,
    UPRIGHT_6,
    DecoderConfig,
    Head,
    Network,
    VitConfig,
    initialise_layers,
)
from mien.nets.virtual_camera import HEAT_MAP, transl_from_raw
from mien.nets.vit import Count, CrossAttention, Mlp, SelfAttention
from mien.records import JointMaps, Prediction, Record

__all__ = ["HEADS", "NUM_TASK_TOKENS", "SIZES", "Config", "RawPose", "Smplest", "prediction_from_raw"]

NUM_TASK_TOKENS = 80
NUM_JOINTS = 137
"""Of `Targets.image`."""

HEADS: dict[str, tuple[int, int, int]] = {
    "global_orient": (0, 1, 6),
    "body_pose": (1, 22, 126),
    "betas": (22, 32, 10),
    "camera": (32, 33, 3),
    "hand_root": (33, 35, 12),
    "hand_pose": (35, 65, 180),
    "expression": (68, 78, 10),
    "jaw_pose": (78, 79, 6),
}
"""Each head's first task token, the token after its last, and how many numbers it gives.

Tokens 65 to 67 and 79 speak to the other tokens, but no head reads them: upstream's hand cameras, face root and face
camera enter neither its results nor its losses.
"""


_EDGES = sorted({edge for start, end, _ in HEADS.values() for edge in (start, end)} | {NUM_TASK_TOKENS})
_GROUPS = [end - start for start, end in pairwise(_EDGES)]
_PLACES = {name: _EDGES.index(start) for name, (start, _, _) in HEADS.items()}
"""The task tokens in groups, read by one head or by none; and which group each head reads."""


@dataclass(frozen=True, kw_only=True)
class Config(VitConfig, DecoderConfig):
    """Everything that decides the shapes of a network, and its drop path.

    Raises:
        InputError: the numbers do not fit together.
    """


_XXS = Config(embed_dim=128, depth=4, heads=4, image_size=(128, 96), decoder_depth=2, decoder_heads=2, dim_out=64)
_XS = Config(
    embed_dim=128, depth=2, heads=2, image_size=(128, 96), stem=(24, 48, 96), stem_blocks=(0, 0, 1, 2),
    decoder_depth=1, decoder_heads=2, dim_out=64, joint_maps=True,
)  # fmt: skip

SIZES: dict[str, Config] = {
    "xxs": _XXS,
    "xs": _XS,
    "s": Config(embed_dim=384, depth=12, heads=12, drop_path=0.1),
    "b": Config(embed_dim=768, depth=12, heads=12, drop_path=0.3),
    "l": Config(embed_dim=1024, depth=24, heads=16, drop_path=0.5),
    "h": Config(embed_dim=1280, depth=32, heads=16, drop_path=0.55),
}
"""`s` to `h` as published; `xs` for shipping, `xxs` for studies and tests are our own."""


@dataclass(frozen=True, kw_only=True)
class RawPose(Record):
    """What the heads say, in float32: rotations as six numbers (`matrix_from_rot6d`), the rest as it is."""

    global_orient: Float[Tensor, "batch 6"]
    body_pose: Float[Tensor, "batch 21 6"]
    left_hand_offset: Float[Tensor, "batch 15 6"]
    right_hand_offset: Float[Tensor, "batch 15 6"]
    jaw_pose: Float[Tensor, "batch 6"]
    hand_root: Float[Tensor, "batch 2 6"]
    """Left, right."""
    betas: Float[Tensor, "batch 10"]
    expression: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    """Before `transl_from_raw`."""


def prediction_from_raw(raw: RawPose) -> Prediction:
    """Six numbers to matrices, camera numbers to metres."""
    singles = (raw.global_orient.unsqueeze(1), raw.jaw_pose.unsqueeze(1))
    groups = (*singles, raw.body_pose, raw.left_hand_offset, raw.right_hand_offset, raw.hand_root)
    matrices = matrix_from_rot6d(torch.cat(groups, 1)).split([1, 1, 21, 15, 15, 2], 1)
    return Prediction(
        global_orient=matrices[0].squeeze(1),
        jaw_pose=matrices[1].squeeze(1),
        body_pose=matrices[2],
        left_hand_offset=matrices[3],
        right_hand_offset=matrices[4],
        hand_root=matrices[5],
        betas=raw.betas,
        expression=raw.expression,
        transl=transl_from_raw(raw.camera),
    )


class Smplest(Network):
    """Crops to `Prediction`. The config says which encoder stands before the decoder."""

    config: DecoderConfig

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.encoder = config.encoder(NUM_TASK_TOKENS)
        self.decoder = Decoder(config)
        self.reduce = nn.Linear(config.embed_dim, config.dim_out)
        self.heads = nn.ModuleDict(
            {name: Head((end - start) * config.dim_out, out) for name, (start, end, out) in HEADS.items()}
        )
        self.joint_maps = JointMapHead(config.embed_dim, self.encoder.grid) if config.joint_maps else None

    def initialise(self, generator: torch.Generator) -> None:
        """Heads that begin with somebody at rest."""
        initialise_layers(self, generator)
        for parameter in (self.encoder.task_tokens, self.encoder.position, self.decoder.position):
            nn.init.trunc_normal_(parameter, std=0.2, generator=generator)
        first = {"body_pose": IDENTITY_6, "hand_pose": IDENTITY_6, "jaw_pose": IDENTITY_6, "camera": MAN_AFAR}
        first |= {"global_orient": UPRIGHT_6, "hand_root": UPRIGHT_6}
        with torch.no_grad():
            for name, numbers in first.items():
                bias = self.heads.get_submodule(name).get_parameter("bias")
                bias.copy_(torch.tensor(numbers).repeat(len(bias) // len(numbers)))

    def stages(self) -> Mapping[str, Sequence[nn.Module]]:
        """Encoder, decoder, heads."""
        heads = [self.heads] if self.joint_maps is None else [self.heads, self.joint_maps]
        return {"encoder": [self.encoder], "decoder": [self.decoder, self.reduce], "heads": heads}

    def blocks(self) -> Sequence[nn.Module]:
        """Of the encoder and of the decoder."""
        return [*super().blocks(), *self.decoder.layers]

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Prediction:
        """Crops of `config.image_size`, RGB in [0, 1], not normalised -> float32 predictions in the virtual camera.

        Raises:
            InputError: the crops are of another size.
        """
        if crops.shape[0] == 0:
            return self(crops.new_zeros(1, *crops.shape[1:]))[:0]
        task, patches = self.encode(crops)
        prediction = prediction_from_raw(self.decode(task, patches))
        if self.joint_maps is None or not self.training:
            return prediction
        return replace(prediction, joint_maps=self.joint_maps(patches))

    def encode(
        self, crops: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch 80 dim"], Float[Tensor, "batch patch dim"]]:
        """The encoder's task tokens and patch tokens, after its last norm."""
        tokens = self.encoder(crops)
        return tokens[:, :NUM_TASK_TOKENS], tokens[:, NUM_TASK_TOKENS:]

    def decode(self, task: Float[Tensor, "batch 80 dim"], patches: Float[Tensor, "batch patch dim"]) -> RawPose:
        """What the heads make of the encoder's tokens."""
        tokens = self.reduce(self.decoder(task, patches))
        groups = tokens.split(_GROUPS, 1)
        out = {name: self.heads[name](groups[place].flatten(1)) for name, place in _PLACES.items()}
        left, right = out["hand_pose"].unflatten(1, (2, 15, 6)).unbind(1)
        return RawPose(
            global_orient=out["global_orient"],
            body_pose=out["body_pose"].unflatten(1, (21, 6)),
            left_hand_offset=left,
            right_hand_offset=right,
            jaw_pose=out["jaw_pose"],
            hand_root=out["hand_root"].unflatten(1, (2, 6)),
            betas=out["betas"],
            expression=out["expression"],
            camera=out["camera"],
        )


class JointMapHead(Head):
    """Patch tokens to maps of all joints, each patch to the cells that it covers.

    Args:
        embed_dim: width of the tokens.
        grid: rows and columns of patches; whole numbers of them make a row and a column of heat-map cells' map.

    Raises:
        InputError: they do not.
    """

    def __init__(self, embed_dim: int, grid: tuple[int, int]) -> None:
        each = HEAT_MAP[0] // grid[0]
        if (grid[0] * each, grid[1] * each) != HEAT_MAP:
            found = f"joint_maps with {grid[0]} x {grid[1]} patches"
            raise InputError(found, expected="a grid that divides 16 x 12 cells evenly, such as 8 x 6")
        super().__init__(embed_dim, 2 * NUM_JOINTS * each * each)
        self.grid, self.each = grid, each

    def forward(self, input: Float[Tensor, "batch patch dim"]) -> JointMaps:  # pyright: ignore[reportIncompatibleMethodOverride]
        """In float32."""
        cells = super().forward(input).unflatten(1, self.grid).unflatten(3, (2, NUM_JOINTS, self.each, self.each))
        where, depth = cells.permute(3, 0, 4, 1, 5, 2, 6).flatten(5, 6).flatten(3, 4).unbind(0)
        return JointMaps(where=where, depth=depth)


class Decoder(nn.Module):
    """Task tokens and patches, given the patches once more as context. Only the task tokens come out."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 1, config.embed_dim))
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_depth))

    def forward(
        self, task: Float[Tensor, "batch task dim"], patches: Float[Tensor, "batch patch dim"]
    ) -> Float[Tensor, "batch task dim"]:
        batch, num_tasks, _ = task.shape
        rows = (torch.cat([task, patches], 1) + self.position).flatten(0, 1)
        context = patches.flatten(0, 1)
        for layer in self.layers[:-1]:
            rows = layer(rows, context, batch)
        return self.layers[-1](rows, context, batch, num_tasks).view_as(task)


class DecoderLayer(nn.Module):
    """Attention among the tokens, attention to the context, then a two-layer map; each on normed tokens and added."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        dim, heads, head_dim = config.embed_dim, config.decoder_heads, config.decoder_head_dim
        self.norm1 = nn.LayerNorm(dim)
        self.self_attention = SelfAttention(dim, heads, head_dim, bias=False)
        self.norm2 = nn.LayerNorm(dim)
        self.cross_attention = CrossAttention(dim, heads, head_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, dim)

    def forward(
        self,
        rows: Float[Tensor, "row dim"],
        context: Float[Tensor, "context dim"],
        batch: Count,
        num_queries: int | None = None,
    ) -> Float[Tensor, "query dim"]:
        """The first `num_queries` tokens of each sample (all by default) after this layer; the rest only serve as keys
        and values. Rows are the tokens of all `batch` samples, one after another."""
        if num_queries is None:
            rows = self.self_attention(rows, self.norm1, batch)
        else:
            rows = self.self_attention.queries(rows, self.norm1, batch, num_queries)
        rows = self.cross_attention(rows, self.norm2, context, batch)
        return self.mlp(rows, self.norm3)
