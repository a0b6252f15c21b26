"""Everything that decides a training, as frozen data: what is seen, by which network, towards what, how fast.

A run folder keeps it as `config.json`; `--set optimizer.lr=3e-4` changes one value on the command line. A key that
does not exist is an error that names the closest one.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, make_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mien.data.augment import Augment
from mien.data.mixture import SEED
from mien.errors import InputError, closest
from mien.evaluate.results import SHOWN
from mien.files import parse_json
from mien.losses.base import Loss
from mien.losses.smplest import SmplestLoss
from mien.losses.table import LOSSES, loss_of
from mien.nets.architectures import DEFAULT, architecture, architecture_of
from mien.nets.network import NetworkConfig
from mien.nets.smplest import SIZES

__all__ = ["Data", "Optimizer", "Ranks", "Records", "Start", "TrainConfig", "from_json", "override", "to_json"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which samples, and in what shares."""

    sources: tuple[str, ...] = ()
    """Stores, folders or files of HumanData, and `synth:RECIPE` for pictures that are made while training."""
    datasets: tuple[str, ...] = ()
    """Of the stores; all their training splits by default."""
    intervals: dict[str, int] = field(default_factory=dict)
    """Use every so many rows of these datasets."""
    mixing: Literal["balance", "concat", "temperature", "weighted", "published"] = "balance"
    heat: float = 2.0
    """Of the mixing by temperature: 1 is `concat`, infinity is `balance`."""
    counts: dict[str, int] = field(default_factory=dict)
    """Samples of each dataset in an epoch, for the mixing by weight."""
    length: int | None = None
    """Samples of an epoch; by default as many as there are rows."""
    workers: int = 0
    """Processes of each rank that make batches; 0 makes them between the steps."""
    max_bad: int = 100
    """Samples of each rank that may be unreadable before it is an error."""
    exact: bool = False
    """Pixels as the published networks were trained with: whole pictures decoded, no smoothing, floats."""
    antialias: bool = False
    """Average over the area of each pixel. Pictures are not smoothed so when people are predicted."""
    replicate: bool = False
    """Targets as the published training made them, slips included."""
    picture_size: int = 384
    """Width and height of pictures made while training."""
    pictures: int = 1 << 24
    """How many pictures a `synth:RECIPE` has; a few are made once and kept, of many each is made when it is wanted."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the network is before the first step."""

    weights: str = ""
    """A weights file or name; random if empty."""
    step: int = 0
    """Schedule and data go on from here, as if those weights had been made by so many steps of this training."""
    encoder: str = ""
    """A ViTPose checkpoint for the encoder; its task tokens stay as they are."""
    tune: Literal["all", "encoder", "decoder_and_heads", "heads"] = "all"
    """What learns. `encoder`, `decoder_and_heads` and `heads` are the published finetuning options `backbone`,
    `neck_and_head` and `head`."""
    frozen_blocks: int = 0
    """So many blocks of the encoder do not learn, from the picture on; nor does what comes before them."""


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """AdamW, or Muon and AdamW, and their schedule: a linear rise, then half a cosine down to `lr_min`."""

    lr: float = 1e-4
    lr_min: float = 1e-6
    muon: float = 0.0
    """The rate of Muon (`mien.train.muon`) for all maps and convolutions but the heads; it rises and falls with `lr`,
    which is that of all else. 0 for AdamW alone, as published."""
    warm_up: int = 0
    """Steps of the rise."""
    weight_decay: float = 0.0
    """Not on biases, norms, tokens and positions. 0 makes it plain Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    clip: float = 0.0
    """The largest norm that the gradient may have; 0 for any."""
    ema: float = 0.0
    """Of the running mean of the weights, which is then what is validated and exported; 0 for none."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """How the work is spread and what it is computed in. None of it changes what is learnt, rounding apart, but for
    networks with batch norms (SMPLer-X): those see the samples of their own process and part alone."""

    parallel: Literal["ddp", "fsdp2"] = "ddp"
    """Every rank has the whole network, or a share of it. One process alone has it whole, unless `fsdp2` is asked."""
    accumulate: int = 1
    """A step is made of so many smaller ones."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the encoder and the decoder; heads, body and losses are always fp32, and so are the weights."""
    checkpoint_blocks: bool = False
    """Compute the encoder's blocks twice to keep less in memory."""
    compile: bool = False
    """torch.compile of network, body and losses."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What is written down, and when; numbers are steps, 0 for never."""

    log_every: int = 20
    validate_every: int = 1000
    sheet_every: int = 1000
    """Pictures with predictions drawn."""
    save_every: int = 1000
    keep: int = 2
    """Checkpoints that are kept, the newest ones."""
    asynchronous: bool = False
    """Write checkpoints while training goes on, in processes that torchrun has started."""
    validation: tuple[str, ...] = ()
    """Folders of HumanData whose held-out split is predicted; by default those of the sources that have one."""
    validation_rows: int = 512
    """At most so many people of each folder."""
    best: str = "pve"
    """The measure by which weights are the best, lower is better; one of `mien.evaluate.results.SHOWN`."""
    tensorboard: bool = True
    wandb: str = ""
    """A project of Weights & Biases to log to as well."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training, complete.

    Raises:
        InputError: the numbers do not fit together.
    """

    name: str
    """Of the recipe."""
    summary: str
    """In one line."""
    network: NetworkConfig = SIZES["s"]
    """Of any architecture; its type says which."""
    body: str = "smplx"
    """The body's family, or the path of its file."""
    batch: int = 256
    """Samples of a step, all ranks together."""
    epochs: float = 1.0
    steps: int = 0
    """Ends after so many instead of after `epochs`, if it is not 0."""
    seed: int = SEED
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    loss: Loss = field(default_factory=SmplestLoss)
    """Of the network's architecture."""
    start: Start = field(default_factory=Start)
    optimizer: Optimizer = field(default_factory=Optimizer)
    ranks: Ranks = field(default_factory=Ranks)
    records: Records = field(default_factory=Records)

    def __post_init__(self) -> None:
        limits = {
            "batch": (self.batch, 1), "epochs": (self.epochs, 0), "steps": (self.steps, 0),
            "ranks.accumulate": (self.ranks.accumulate, 1), "records.keep": (self.records.keep, 1),
            "records.log_every": (self.records.log_every, 1), "data.workers": (self.data.workers, 0),
            "optimizer.lr": (self.optimizer.lr, 0), "optimizer.warm_up": (self.optimizer.warm_up, 0),
            "optimizer.clip": (self.optimizer.clip, 0), "data.pictures": (self.data.pictures, 1),
            "optimizer.weight_decay": (self.optimizer.weight_decay, 0), "optimizer.muon": (self.optimizer.muon, 0),
            "optimizer.lr_min": (self.optimizer.lr_min, 0), "optimizer.eps": (self.optimizer.eps, 0),
            "data.max_bad": (self.data.max_bad, 0), "start.step": (self.start.step, 0),
            "records.validation_rows": (self.records.validation_rows, 1),
        }  # fmt: skip
        for name, (value, least) in limits.items():
            if not least <= value < math.inf:
                raise InputError(f"{name} is {value}", expected=f"at least {least}, and no infinity")
        if not all(0 <= beta < 1 for beta in self.optimizer.betas):
            raise InputError(f"optimizer.betas are {self.optimizer.betas}", expected="at least 0 and less than 1")
        if self.records.best not in SHOWN:
            raise InputError(f"records.best is {self.records.best!r}", todo=closest(self.records.best, SHOWN))
        if self.optimizer.muon and not self.optimizer.lr:
            raise InputError("optimizer.muon without optimizer.lr", expected="a rate for what Muon does not move")
        if not 0 <= self.optimizer.ema < 1:
            raise InputError(f"optimizer.ema is {self.optimizer.ema}", expected="at least 0 and less than 1")
        if self.start.weights and self.start.encoder:
            raise InputError("start.weights and start.encoder", expected="one of them")
        if not 0 <= self.start.frozen_blocks <= self.network.num_blocks:
            found = f"start.frozen_blocks is {self.start.frozen_blocks}"
            raise InputError(found, expected=f"0 to {self.network.num_blocks}, the encoder's depth")
        if type(self.loss) is not (wanted := loss_of(self.network)):
            raise InputError(f"a {type(self.loss).__name__} for this network", expected=f"a {wanted.__name__}")

    def share(self, world: int) -> int:
        """Samples that a rank takes at once.

        Raises:
            InputError: ranks and accumulation do not divide the batch.
        """
        size, rest = divmod(self.batch, world * self.ranks.accumulate)
        if rest or not size:
            found = f"a batch of {self.batch} for {world} ranks and {self.ranks.accumulate} parts each"
            todo = "change --set batch=... or ranks.accumulate, or start another number of processes"
            raise InputError(found, expected=f"a multiple of {world * self.ranks.accumulate}", todo=todo)
        return size


def to_json(config: TrainConfig) -> str:
    """One JSON object; in it the network's architecture is named."""
    network = {"architecture": architecture_of(config.network).name, **asdict(config.network)}
    return json.dumps({**asdict(config), "network": network}, indent=1) + "\n"


def from_json(text: str, where: str) -> TrainConfig:
    """Read `to_json` back.

    Args:
        text: the JSON.
        where: how messages speak of it.

    Raises:
        InputError: it is no JSON object, holds an unknown key, lacks one that has no default, or a value is wrong.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InputError(f"{where} is not JSON ({error})", expected="a config.json of a run") from error
    return _checked(data, where)


def override(config: TrainConfig, changes: Iterable[str]) -> TrainConfig:
    """The config with some values changed.

    Args:
        config: what they are changed in.
        changes: each `key.key=value`; the value is JSON, or text as it stands.

    Raises:
        InputError: there is no such key, or the value does not fit it.
    """
    data, root = json.loads(to_json(config)), _exact(architecture_of(config.network).name)
    for change in changes:
        path, sign, text = change.partition("=")
        if not sign:
            raise InputError(f"--set {change}", expected="key=value, for example optimizer.lr=1e-4")
        *parents, last = path.split(".")
        place, kind = data, root
        for key in [*parents, last]:
            known = [item.name for item in fields(kind)] if is_dataclass(kind) else []
            if known and key not in known:
                raise InputError(f"--set {path}: there is no {key!r}", todo=closest(key, known))
            if key is not last:
                if not isinstance(place.get(key), dict):
                    raise InputError(f"--set {path}: {key!r} has no parts", expected=f"--set {key}=value")
                place, kind = place[key], _plain(get_type_hints(kind)[key]) if known else object
        place[last] = _value(text)
    return _checked(data, "--set")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(data: Any, where: str) -> TrainConfig:
    import pydantic

    network = data.get("network") if isinstance(data, Mapping) else None
    name = network.get("architecture", DEFAULT) if isinstance(network, Mapping) else DEFAULT
    if isinstance(network, Mapping):
        data = {**data, "network": {key: value for key, value in network.items() if key != "architecture"}}
    exact = _exact(name)
    _check_keys(data, exact, where)
    try:
        config = pydantic.TypeAdapter(exact).validate_json(json.dumps(data), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key or 'the config'}: {first['msg']}") from error
    return TrainConfig(**{item.name: getattr(config, item.name) for item in fields(TrainConfig)})


def _exact(name: str) -> type[TrainConfig]:
    """A training's config, with the types of network and loss that belong to an architecture."""
    kind = architecture(name)
    loss = LOSSES[kind.name]
    parts: list[Any] = [("network", kind.config, SIZES["s"]), ("loss", loss, field(default_factory=loss))]
    return make_dataclass("TrainConfig", parts, bases=(TrainConfig,), frozen=True, kw_only=True)


def _check_keys(data: Any, kind: Any, where: str) -> None:
    if not isinstance(data, Mapping):
        raise InputError(f"{where} holds {type(data).__name__}", expected="an object with the parts of a config")
    hints = get_type_hints(kind)
    for key, value in data.items():
        if key not in hints:
            raise InputError(f"{where} has an unknown key {key!r}", todo=closest(str(key), hints))
        if is_dataclass(inner := _plain(hints[key])):
            _check_keys(value, inner, f"{where}: {key}")


def _plain(hint: Any) -> Any:
    """A type without `| None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(each for each in get_args(hint) if each is not type(None))
    return hint
