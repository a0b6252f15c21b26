"""Upstream's checkpoints: which network they are of, what their keys are called here, conversion to our format.

A checkpoint is a PyTorch file holding `{epoch, network, optimizer}`; only `network` is looked at. It is read without
running any code, mapped from the disk, and written tensor by tensor, so 8 GB of checkpoint need hardly any memory.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mien.errors import InputError, UnsafeFile, WeightsError
from mien.files import sha256
from mien.nets.architectures import ARCHITECTURES, architecture_of, empty_network
from mien.nets.card import CARD_KEY, DTYPES, BodyFamily, WeightCard
from mien.nets.layout import Layout
from mien.nets.network import NetworkConfig
from mien.nets.weights import compare_shapes, write_safetensors

__all__ = ["UPSTREAM_LICENCE", "convert", "dead_shapes", "infer_config", "key_table", "read_checkpoint"]

UPSTREAM_LICENCE = "S-Lab License 1.0 (non-commercial)"

_RENAMED = {"backbone": "encoder", "body_rotation_net": "body_regressor", "hand_rotation_net": "hand_regressor"}
"""What earlier checkpoints call a part, and later ones."""


def key_table(config: NetworkConfig) -> dict[str, str]:
    """Upstream's name of every parameter and buffer -> ours. Shapes and contents are the same on both sides.

    Raises:
        WeightsError: upstream knows no such architecture.
    """
    layout = _layout(config)
    return {layout.key(ours): ours for ours in empty_network(config).state_dict()}


def dead_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """What upstream's checkpoints hold that reaches neither its results nor its losses: known, and dropped."""
    return _layout(config).dropped(config)


def infer_config(shapes: Mapping[str, tuple[int, ...]], heads: int | None = None) -> NetworkConfig:
    """The network that parameters of these shapes belong to; keys are upstream's, without `module.`.

    Args:
        shapes: of at least the parameters that tell the size.
        heads: attention heads of the encoder, which no shape tells; known for every published width.

    Raises:
        WeightsError: parameters of no architecture that is known here, or of an unknown width and without `heads`.
    """
    layouts = [each.layout for each in ARCHITECTURES.values() if each.layout is not None]
    signs = [sum(key.startswith(layout.sign) for key in shapes) for layout in layouts]
    if not any(signs):
        some, titles = ", ".join(list(shapes)[:3]) or "nothing", " or ".join(layout.title for layout in layouts)
        todo = f"it holds {some}, ..."
        raise WeightsError("parameters of another network", expected=f"a checkpoint of {titles}", todo=todo)
    return layouts[signs.index(max(signs))].infer(shapes, heads)


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
    state = _renamed(_read_network(source), source)
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


def _layout(config: NetworkConfig) -> Layout:
    kind = architecture_of(config)
    if kind.layout is None:
        raise WeightsError(f"upstream has no {kind.name}", expected="weights of mien, which need no conversion")
    return kind.layout


def _fitting_config(shapes: Mapping[str, tuple[int, ...]], heads: int | None, where: str) -> NetworkConfig:
    """The network whose parameters these are, all of them and no others."""
    config = infer_config(shapes, heads)
    ours = empty_network(config).state_dict()
    expected = {theirs: tuple(ours[key].shape) for theirs, key in key_table(config).items()}
    expected |= {key: shape for key, shape in dead_shapes(config).items() if key in shapes}
    compare_shapes(shapes, expected, where, todo=f"is this a checkpoint of {_layout(config).title}?")
    return config


def _read_network(source: Path) -> dict[str, Tensor]:
    """The `network` part: `module.` taken off every key, the body model's own tensors left out."""
    checkpoint = read_checkpoint(source)
    network = checkpoint.get("network") if isinstance(checkpoint, dict) else None
    if not isinstance(network, dict):
        what = f"the keys {sorted(map(str, checkpoint))[:5]}" if isinstance(checkpoint, dict) else "no dictionary"
        raise WeightsError(f"{source} holds {what}", expected="a checkpoint with the key 'network'")
    state: dict[str, Tensor] = {}
    for key, tensor in network.items():
        is_counter = isinstance(key, str) and key.endswith(".num_batches_tracked")
        is_real = isinstance(tensor, Tensor) and (tensor.is_floating_point() or is_counter)
        if not isinstance(key, str) or not is_real:
            raise WeightsError(f"{key!r} in {source} is {type(tensor).__name__}", expected="a tensor of real numbers")
        key = key.removeprefix("module.")
        if key in state:
            raise WeightsError(f"{source} holds {key} twice, with and without 'module.'")
        if "smplx_layer" not in key:
            state[key] = tensor
    return state


def _renamed(state: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """The state with the later name of every part."""
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        part, dot, rest = key.partition(".")
        later = _RENAMED.get(part, part) + dot + rest
        if later in found:
            raise WeightsError(f"{source} holds {later} twice, by an earlier and by a later name")
        found[later] = tensor
    return found


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
