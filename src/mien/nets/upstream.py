"""Upstream's SMPLest-X checkpoints: what their keys are called here, and their conversion to our format.

A checkpoint is a PyTorch file holding `{epoch, network, optimizer}`; only `network` is looked at. It is read without
running any code, mapped from the disk, and written tensor by tensor, so 8 GB of checkpoint need hardly any memory.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mien.errors import InputError, UnsafeFile, WeightsError
from mien.files import sha256
from mien.nets.card import DTYPES, BodyFamily, WeightCard
from mien.nets.smplest import NUM_TASK_TOKENS, SIZES, Config
from mien.nets.weights import CARD_KEY, compare_shapes, empty_network, write_safetensors

__all__ = ["UPSTREAM_LICENCE", "convert", "dead_shapes", "infer_config", "key_table", "read_checkpoint"]

UPSTREAM_LICENCE = "S-Lab License 1.0 (non-commercial)"

_HEADS = {
    "global_orient": "dec_body_root_pose",
    "body_pose": "dec_body_pose",
    "betas": "dec_body_shape",
    "camera": "dec_body_cam",
    "hand_root": "dec_hand_root_pose",
    "hand_pose": "dec_hand_pose",
    "expression": "dec_face_expression",
    "jaw_pose": "dec_face_jaw_pose",
}

_RULES = (
    (r"encoder\.position", "encoder.pos_embed"),
    (r"encoder\.norm\.", "encoder.last_norm."),
    (r"encoder\.patch_embed\.", "encoder.patch_embed.proj."),
    (r"(encoder\.blocks\.\d+)\.attention\.qkv\.", r"\1.attn.qkv."),
    (r"(encoder\.blocks\.\d+)\.attention\.out\.", r"\1.attn.proj."),
    (r"(encoder\.blocks\.\d+)\.mlp\.up\.", r"\1.mlp.fc1."),
    (r"(encoder\.blocks\.\d+)\.mlp\.down\.", r"\1.mlp.fc2."),
    (r"decoder\.position", "decoder.transformer.pos_embedding"),
    (r"decoder\.layers\.", "decoder.transformer.transformer.layers."),
    (r"(decoder\..*\d)\.norm1\.", r"\1.0.norm."),
    (r"(decoder\..*\d)\.self_attention\.qkv\.", r"\1.0.fn.to_qkv."),
    (r"(decoder\..*\d)\.self_attention\.out\.", r"\1.0.fn.to_out.0."),
    (r"(decoder\..*\d)\.norm2\.", r"\1.1.norm."),
    (r"(decoder\..*\d)\.cross_attention\.(q|kv)\.", r"\1.1.fn.to_\2."),
    (r"(decoder\..*\d)\.cross_attention\.out\.", r"\1.1.fn.to_out.0."),
    (r"(decoder\..*\d)\.norm3\.", r"\1.2.norm."),
    (r"(decoder\..*\d)\.mlp\.up\.", r"\1.2.fn.net.0."),
    (r"(decoder\..*\d)\.mlp\.down\.", r"\1.2.fn.net.3."),
    (r"reduce\.", "decoder.token_conv."),
    *((rf"heads\.{ours}\.", f"decoder.{theirs}.") for ours, theirs in _HEADS.items()),
)

_NUM_HEADS = {config.embed_dim: config.heads for config in SIZES.values()} | {64: 4}
"""Attention heads leave no trace in the shapes; the width tells them for every known size (64: the test network)."""


def key_table(config: Config) -> dict[str, str]:
    """Upstream's name of every parameter -> ours. Shapes and contents are the same on both sides."""
    table: dict[str, str] = {}
    for ours in empty_network(config).state_dict():
        theirs = ours
        for pattern, replacement in _RULES:
            theirs = re.sub(rf"^{pattern}", replacement, theirs)
        table[theirs] = ours
    return table


def dead_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Upstream's parameters that reach neither its results nor its losses: known, and dropped."""
    dim, out = config.embed_dim, config.dim_out
    rows = {"hand_cam": (6, 2 * out), "face_root_pose": (6, out), "face_cam": (3, out)}
    shapes: dict[str, tuple[int, ...]] = {
        "decoder.transformer.to_token_embedding.weight": (dim, NUM_TASK_TOKENS),
        "decoder.transformer.to_token_embedding.bias": (dim,),
    }
    for name, weight in rows.items():
        shapes |= {f"decoder.dec_{name}.weight": weight, f"decoder.dec_{name}.bias": weight[:1]}
    return shapes


def infer_config(shapes: Mapping[str, tuple[int, ...]], heads: int | None = None) -> Config:
    """The network that parameters of these shapes belong to; keys are upstream's, without `module.`.

    Args:
        shapes: of at least the parameters that tell the size.
        heads: attention heads of the encoder, which no shape tells; known for every published width.

    Raises:
        WeightsError: not SMPLest-X's parameters, or of an unknown width and without `heads`.
    """
    _, rows, dim = _shape(shapes, "encoder.pos_embed", 3)
    patch_size = _shape(shapes, "encoder.patch_embed.proj.weight", 4)[2]
    unit = round(((rows - 1) / 12) ** 0.5)  # the grid is 4:3
    if heads is None and dim not in _NUM_HEADS:
        raise WeightsError(f"an encoder of width {dim}", expected=f"one of {sorted(_NUM_HEADS)}", todo="give --heads")
    try:
        config = Config(
            embed_dim=dim,
            depth=_count(shapes, r"encoder\.blocks\.(\d{1,6})\."),
            heads=heads or _NUM_HEADS[dim],
            image_size=(4 * unit * patch_size, 3 * unit * patch_size),
            patch_size=patch_size,
            decoder_depth=_count(shapes, r"decoder\.transformer\.transformer\.layers\.(\d{1,6})\."),
            decoder_heads=_shape(shapes, "decoder.transformer.transformer.layers.0.1.fn.to_q.weight", 2)[0] // 64,
            dim_out=_shape(shapes, "decoder.token_conv.weight", 2)[0],
        )
    except InputError as error:
        raise WeightsError(f"the shapes make no network: {error}") from error
    alike = [known for known in SIZES.values() if replace(known, drop_path=config.drop_path) == config]
    return alike[0] if alike else config


def convert(
    source: Path,
    target: Path,
    *,
    dtype: Literal["fp32", "bf16", "fp16"] = "fp32",
    body_family: BodyFamily = "smplx",
    heads: int | None = None,
    licence: str = UPSTREAM_LICENCE,
    name: str = "",
) -> WeightCard:
    """Turn upstream's `.pth.tar` into our `.safetensors`, and give its card.

    Args:
        source: the checkpoint; in PyTorch's old format it is read into memory as a whole.
        target: ends in `.safetensors`; replaced at once when all is written.
        dtype, body_family, licence, name: kept in the card; the name is the target's by default.
        heads: see `infer_config`.

    Raises:
        UnsafeFile: the file wants to run code. None was run.
        WeightsError: no checkpoint, a damaged one, or parameters that are missing, unexpected or misshapen.
        InputError, OutputError: the target is no `.safetensors`, or cannot be written; what was there before is kept.
    """
    if target.suffix != ".safetensors":
        raise InputError(f"{target} as a name for weights", expected="a name ending in .safetensors")
    state = _read_network(source)
    config = _fitting_config({key: tuple(tensor.shape) for key, tensor in state.items()}, heads, str(source))
    card = WeightCard(
        name=name or target.stem,
        config=config,
        body_family=body_family,
        licence=licence,
        source=source.name,
        source_sha256=sha256(source),
        notes="converted from upstream's format, without the parameters that upstream never uses",
    ).describing(empty_network(config), DTYPES[dtype])
    tensors = {ours: state[theirs] for theirs, ours in key_table(config).items()}
    write_safetensors(target, tensors, DTYPES[dtype], {"format": "pt", CARD_KEY: card.to_json()})
    return card


def _fitting_config(shapes: Mapping[str, tuple[int, ...]], heads: int | None, where: str) -> Config:
    """The network whose parameters these are, all of them and no others."""
    config = infer_config(shapes, heads)
    ours = empty_network(config).state_dict()
    expected = {theirs: tuple(ours[key].shape) for theirs, key in key_table(config).items()}
    expected |= {key: shape for key, shape in dead_shapes(config).items() if key in shapes}
    compare_shapes(shapes, expected, where, todo="is this a checkpoint of SMPLest-X?")
    return config


def _shape(shapes: Mapping[str, tuple[int, ...]], key: str, ndim: int) -> tuple[int, ...]:
    if key not in shapes:
        some = ", ".join(list(shapes)[:3]) or "nothing"
        raise WeightsError(f"no parameter {key}", expected="a checkpoint of SMPLest-X", todo=f"it holds {some}, ...")
    if len(shapes[key]) != ndim:
        raise WeightsError(f"{key} has shape {shapes[key]}", expected=f"{ndim} axes")
    return shapes[key]


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    return 1 + max((int(match[1]) for key in shapes if (match := re.match(pattern, key))), default=-1)


def _read_network(source: Path) -> dict[str, Tensor]:
    """The `network` part: `module.` taken off every key, the body model's own tensors left out."""
    checkpoint = read_checkpoint(source)
    network = checkpoint.get("network") if isinstance(checkpoint, dict) else None
    if not isinstance(network, dict):
        what = f"the keys {sorted(map(str, checkpoint))[:5]}" if isinstance(checkpoint, dict) else "no dictionary"
        raise WeightsError(f"{source} holds {what}", expected="a checkpoint with the key 'network'")
    state: dict[str, Tensor] = {}
    for key, tensor in network.items():
        if not isinstance(key, str) or not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise WeightsError(f"{key!r} in {source} is {type(tensor).__name__}", expected="a tensor of real numbers")
        key = key.removeprefix("module.")
        if key in state:
            raise WeightsError(f"{source} holds {key} twice, with and without 'module.'")
        if "smplx_layer" not in key:
            state[key] = tensor
    return state


def read_checkpoint(source: Path) -> Any:
    """What a PyTorch file holds, read without running any of it.

    Raises:
        UnsafeFile: it wants to run code. None was run.
        WeightsError: it is no PyTorch file, or a damaged one.
    """
    try:
        with open(source, "rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise WeightsError(f"cannot read {source}: {error.strerror}", expected="a PyTorch checkpoint") from error
    is_zip, is_pickle = start == b"PK\x03\x04", start[:1] == b"\x80"
    if not (is_zip or is_pickle):
        raise WeightsError(f"{source} is no PyTorch file", expected="a checkpoint such as smplest_x_h.pth.tar")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(source, map_location="cpu", mmap=is_zip, weights_only=True)
    except pickle.UnpicklingError as error:
        if wanted := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise UnsafeFile(
                f"{source} wants to call {wanted[1]} while being read; it was not read",
                expected="tensors, numbers, text and containers only",
            ) from error
        raise _damaged(source, error) from error
    except Exception as error:
        raise _damaged(source, error) from error


def _damaged(source: Path, error: Exception) -> WeightsError:
    text = str(error).partition("WeightsUnpickler error:")[2] or str(error)  # the rest is advice to torch's own users
    reason = (text.strip() or type(error).__name__).splitlines()[0][:200]
    return WeightsError(
        f"cannot read {source} ({reason})", expected="a complete PyTorch file", todo="download it again"
    )
