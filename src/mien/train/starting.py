"""What a network is before its first step: random, weights of ours, or with an encoder from ViTPose."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import AssetMissing, BodyError, WeightsError
from mien.nets.architectures import architecture_of, same_shapes
from mien.nets.card import WeightCard
from mien.nets.network import Network
from mien.nets.upstream import key_table, read_checkpoint
from mien.nets.vit import Vit
from mien.nets.weights import compare_shapes, load_weights
from mien.train.config import TrainConfig

__all__ = ["blank", "licence_of_start", "load_encoder", "open_body", "start"]

_POSITION = "encoder.position"
_JOINT_MAPS = "joint_maps."
_STARTED = " (weights it started from)"


def start(config: TrainConfig, body: BodyModel) -> Network:
    """The network of a training, in float32, on the CPU.

    Raises:
        WeightsError: the weights are of another size, are damaged, or lack parts.
        BodyError: they are of another body.
    """
    fresh = blank(config)
    if config.start.weights:
        network, card = load_weights(config.start.weights, dtype=torch.float32)
        _check_card(card, config, body)
        state = network.state_dict()
        if network.encoder.grid != fresh.encoder.grid:
            state[_POSITION] = _resized(state[_POSITION], network.encoder.grid, fresh.encoder.grid)
            # Patches of another share of the crop have other cells to speak of: their maps begin anew.
            state |= {name: value for name, value in fresh.state_dict().items() if name.startswith(_JOINT_MAPS)}
        fresh.load_state_dict(state)  # a copy: what is loaded may be mapped from the file
    elif config.start.encoder:
        load_encoder(fresh, Path(config.start.encoder))
    return fresh


def blank(config: TrainConfig) -> Network:
    """The network of a training before anything is loaded into it: random, by the seed."""
    return architecture_of(config.network).network.random(config.network, config.seed)


def licence_of_start(config: TrainConfig) -> str:
    """What the weights that a training starts from ask of those that come of it; empty if nothing.

    Raises:
        WeightsError: they cannot be read.
    """
    if config.start.weights:
        licence = load_weights(config.start.weights)[1].licence
        said = licence if licence.endswith(_STARTED) else f"{licence}{_STARTED}"
        return "" if licence == "Apache-2.0" else said
    return f"as the licence of {Path(config.start.encoder).name} allows{_STARTED}" if config.start.encoder else ""


def load_encoder(network: Network, path: Path) -> None:
    """Fill the encoder with ViTPose's; the task tokens, which it does not have, stay.

    Args:
        network: of the same width, depth and input size.
        path: the published checkpoint; its keys begin with `backbone.`.

    Raises:
        WeightsError: a parameter is missing, of another shape, or not one of an encoder; it is named.
        UnsafeFile: the file wants to run code. None was run.
    """
    if not isinstance(network.encoder, Vit):
        raise WeightsError("ViTPose's weights for another encoder", expected="a network with a vision transformer")
    state = _backbone(path)
    encoder = network.encoder.state_dict()
    ours = {
        theirs.removeprefix("encoder."): key.removeprefix("encoder.")
        for theirs, key in key_table(network.config).items()
        if theirs.startswith("encoder.") and key != "encoder.task_tokens"
    }
    expected = {theirs: tuple(encoder[key].shape) for theirs, key in ours.items()}
    todo = "is this a ViTPose checkpoint of the network's size, for 256 x 192 pictures?"
    compare_shapes({key: tuple(tensor.shape) for key, tensor in state.items()}, expected, str(path), todo=todo)
    filled = {ours[key]: tensor.float() for key, tensor in state.items()}
    network.encoder.load_state_dict({**encoder, **filled})


def open_body(config: TrainConfig) -> BodyModel:
    """The body of a training.

    Raises:
        AssetMissing: it is not there; where it is to be had is said.
        BodyError: it is no body with hands and face.
    """
    try:
        body = BodyModel.load(find_body(config.body if config.body != "smplx" else None))
    except AssetMissing as error:
        if config.body != "smplx":
            raise
        raise BodyError(f"{error}", todo="to train on open data, use --body openbody") from error
    if body.mean_hands is None:
        raise BodyError(f"{body.path} has no hands and face", expected="a body of the SMPL-X family")
    return body


def _check_card(card: WeightCard, config: TrainConfig, body: BodyModel) -> None:
    """Refuse weights of another network or another body. Another input size is no other network."""
    if not same_shapes(card.config, config.network, "image_size"):
        theirs = {"architecture": card.architecture, **asdict(card.config)}
        ours = {"architecture": architecture_of(config.network).name, **asdict(config.network)}
        names = [name for name in theirs if theirs[name] != ours.get(name) and name not in ("drop_path", "image_size")]
        found = ", ".join(f"{name} {theirs[name]}" for name in names)
        expected = ", ".join(f"{name} {ours[name]}" for name in names if name in ours)
        todo = "choose a recipe of that size, or mien finetune, which takes the size from the weights"
        raise WeightsError(f"weights {card.name} have {found}", expected=f"{expected}, as the recipe", todo=todo)
    if card.body_family != body.family:
        todo = f"train with --body {card.body_family}, or start from other weights"
        raise BodyError(f"weights {card.name} speak of the body {card.body_family}", expected=body.family, todo=todo)


def _resized(
    position: Float[Tensor, "1 row dim"], grid: tuple[int, int], wanted: tuple[int, int]
) -> Float[Tensor, "1 new_row dim"]:
    """A table of positions for a larger or smaller grid of patches; rows before theirs belong to all patches."""
    shared = position.shape[1] - grid[0] * grid[1]
    table = position[:, shared:].unflatten(1, grid).permute(0, 3, 1, 2)
    table = functional.interpolate(table, size=wanted, mode="bicubic", align_corners=False)
    return torch.cat([position[:, :shared], table.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def _backbone(path: Path) -> dict[str, Tensor]:
    """The encoder's part of a ViTPose checkpoint, without `backbone.`."""
    checkpoint = read_checkpoint(path)
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise WeightsError(f"{path} holds no tensors by name", expected="a checkpoint of ViTPose")
    if any(key.startswith("backbone.") for key in state):
        return {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    return dict(state)
