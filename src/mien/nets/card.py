"""The card that travels inside every weights file: what the weights are, where they came from, who may use them.

It is one JSON string in the metadata of the safetensors file, or `config.json` beside `model.safetensors`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, make_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from mien.errors import InputError, WeightsError, closest
from mien.files import parse_json, sha256
from mien.nets.architectures import DEFAULT, Architecture, architecture, architecture_of
from mien.nets.network import NetworkConfig

__all__ = ["CARD_KEY", "DTYPES", "BodyFamily", "WeightCard"]

BodyFamily = Literal["smplx", "openbody"]
"""Which body the parameters speak to; weights of one family mean nothing on the other's body."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""How weights may be kept."""

CARD_KEY = "mien"
"""Of the metadata of a file, under which the card is."""
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class WeightCard:
    """Everything about a set of weights but the numbers themselves."""

    name: str
    config: NetworkConfig
    body_family: BodyFamily
    licence: str
    source: str = ""
    """The file or the training run that the weights come from."""
    source_sha256: str = ""
    recipe: str = ""
    """How they were trained."""
    training: dict[str, Any] = field(default_factory=dict)
    """The same for programs: recipe, step, seed, data, hardware, held-out errors; empty where it is not known."""
    notes: str = ""
    warning: str = ""
    """What whoever uses these weights must be told; empty if nothing."""
    dtype: str = "fp32"
    """How the file keeps them: a key of `DTYPES`."""
    num_parameters: int = 0
    mien_version: str = ""
    schema_version: int = SCHEMA_VERSION
    path: Path | None = field(default=None, compare=False)
    """The file that was read; not part of what is written."""

    @property
    def architecture(self) -> str:
        """Its name in the table of `mien.nets.architectures`."""
        return architecture_of(self.config).name

    @property
    def size(self) -> str:
        """`xxs` to `h`, or `custom`."""
        return architecture_of(self.config).size_of(self.config)

    @cached_property
    def sha256(self) -> str:
        """Of the weights file, computed when first asked for; of the card itself where there is no file."""
        return sha256(self.path) if self.path else hashlib.sha256(self.to_json().encode()).hexdigest()

    def describing(self, network: nn.Module, dtype: torch.dtype) -> WeightCard:
        """This card with the fields that follow from the network, from `dtype` and from this version of the code.

        Raises:
            WeightsError: weights are not kept in that dtype.
        """
        import mien

        names = {value: key for key, value in DTYPES.items()}
        if dtype not in names:
            raise WeightsError(f"weights of {dtype}", expected=f"one of {', '.join(map(str, names))}")
        count = sum(parameter.numel() for parameter in network.parameters())
        return replace(self, dtype=names[dtype], num_parameters=count, mien_version=mien.__version__)

    def to_json(self) -> str:
        """One JSON object with the architecture's name; `size` is added for the reader's eye."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("path", "config")}
        kind = {"architecture": self.architecture, "size": self.size, "config": asdict(self.config)}
        return json.dumps({**values, **kind}, indent=2)

    @classmethod
    def from_json(cls, text: str, path: Path) -> WeightCard:
        """Read `to_json` back.

        Args:
            text: the JSON.
            path: the weights file that it describes, named in errors.

        Raises:
            WeightsError: it is no JSON object, lacks a key, holds an unknown one, or one of the wrong type or value.
        """
        try:
            data = parse_json(text)
        except ValueError as error:
            raise WeightsError(f"the card of {path} is not JSON ({error})") from error
        if not isinstance(data, dict):
            raise WeightsError(f"the card of {path} is {type(data).__name__}", expected="a JSON object")
        version = data.get("schema_version", SCHEMA_VERSION)
        if isinstance(version, int) and version > SCHEMA_VERSION:
            todo = "update mien: pip install -U mien"
            raise WeightsError(
                f"the card of {path} has schema_version {version}", expected=f"{SCHEMA_VERSION}", todo=todo
            )
        data.pop("size", None)
        name = data.pop("architecture", DEFAULT)
        try:
            kind = architecture(str(name))
        except InputError as error:
            raise WeightsError(f"{path} holds a network of architecture {name!r}", todo=str(error)) from error
        return replace(_validated(data, kind, path), path=path)


def _validated(data: dict[str, Any], kind: Architecture, path: Path) -> WeightCard:
    """No unknown key, none missing that has no default, every value of its own type, numbers that fit together."""
    import pydantic

    config = data.get("config")
    for name, part, cls in (("card", data, WeightCard), ("config", config, kind.config)):
        known = {item.name for item in fields(cls)} - {"path"}
        for key in part if isinstance(part, dict) else ():
            if key not in known:
                raise WeightsError(f"the {name} of {path} has an unknown key {key!r}", todo=closest(key, known))
    # The type of `config` is known only now: the same card, with that type in its place.
    exact = make_dataclass("Card", [("config", kind.config)], bases=(WeightCard,), frozen=True, kw_only=True)
    try:
        card = pydantic.TypeAdapter(exact).validate_json(json.dumps(data), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{key!r} in the card of {path}: {first['msg']}") from error
    except InputError as error:
        raise WeightsError(f"the config of {path} is impossible: {error}") from error
    return WeightCard(**{item.name: getattr(card, item.name) for item in fields(WeightCard)})
