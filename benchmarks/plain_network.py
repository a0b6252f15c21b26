"""SMPLest-X as its description reads, operator by operator: the reference of `bench_train.py`.

Every map is a linear layer on (batch, token, dim), attention two products and a softmax, every decoder layer runs on
all tokens, each head cuts its own group out. It computes on the weights of a `Smplest`, and gives the same numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.nets.smplest import HEADS, NUM_TASK_TOKENS, DecoderLayer, RawPose, Smplest, prediction_from_raw
from mien.nets.vit import Block, Mlp, Vit
from mien.records import Prediction

__all__ = ["plain_prediction"]


def plain_prediction(network: Smplest, crops: Tensor) -> Prediction:
    """What `network(crops)` gives."""
    encoder = network.encoder
    assert isinstance(encoder, Vit)
    patches = encoder.patch_embed(crops).flatten(2).transpose(1, 2)
    patches = patches + encoder.position[:, 1:] + encoder.position[:, :1]
    tokens = torch.cat([encoder.task_tokens.expand(len(crops), -1, -1), patches], 1)
    for block in encoder.blocks:
        assert isinstance(block, Block)
        own = block.attention
        tokens = tokens + _self_attention(block.norm1(tokens), own.qkv, own.out, own.heads)
        tokens = tokens + _mlp(block.norm2(tokens), block.mlp)
    tokens = encoder.norm(tokens)
    task, patches = tokens[:, :NUM_TASK_TOKENS], tokens[:, NUM_TASK_TOKENS:]
    tokens = torch.cat([task, patches], 1) + network.decoder.position
    for layer in network.decoder.layers:
        assert isinstance(layer, DecoderLayer)
        tokens = _decode(layer, tokens, patches)
    return _read(network, network.reduce(tokens)[:, :NUM_TASK_TOKENS])


def _decode(layer: DecoderLayer, tokens: Tensor, context: Tensor) -> Tensor:
    own, cross = layer.self_attention, layer.cross_attention
    tokens = tokens + _self_attention(layer.norm1(tokens), own.qkv, own.out, own.heads)
    k, v = cross.kv(context).chunk(2, -1)
    tokens = tokens + cross.out(_attend(cross.q(layer.norm2(tokens)), k, v, cross.heads))
    return tokens + _mlp(layer.norm3(tokens), layer.mlp)


def _self_attention(tokens: Tensor, qkv: nn.Linear, out: nn.Linear, heads: int) -> Tensor:
    q, k, v = qkv(tokens).chunk(3, -1)
    return out(_attend(q, k, v, heads))


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def _mlp(tokens: Tensor, mlp: Mlp) -> Tensor:
    return mlp.down(F.gelu(mlp.up(tokens)))


def _read(network: Smplest, tokens: Tensor) -> Prediction:
    out = {name: network.heads[name](tokens[:, a:b].flatten(1)) for name, (a, b, _) in HEADS.items()}
    left, right = out["hand_pose"].unflatten(1, (2, 15, 6)).unbind(1)
    raw = RawPose(
        global_orient=out["global_orient"], body_pose=out["body_pose"].unflatten(1, (21, 6)), left_hand_offset=left,
        right_hand_offset=right, jaw_pose=out["jaw_pose"], hand_root=out["hand_root"].unflatten(1, (2, 6)),
        betas=out["betas"], expression=out["expression"], camera=out["camera"],
    )  # fmt: skip
    return prediction_from_raw(raw)
