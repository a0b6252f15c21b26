"""The one table of architectures: what each is called, which network it is, in which sizes, and whose checkpoints fit.

To add one, add a file with its config, its network and its sizes, and a line here; `mien.losses.table` has the losses
that each is trained with. Everything else asks this table, by name or by the type of a config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch

from mien.errors import InputError, closest
from mien.nets import cnn, smplerx, smplest
from mien.nets.layout import Layout
from mien.nets.layout_smplerx import SMPLERX
from mien.nets.layout_smplest import SMPLEST
from mien.nets.network import Network, NetworkConfig

__all__ = [
    "ARCHITECTURES",
    "DEFAULT",
    "Architecture",
    "architecture",
    "architecture_of",
    "empty_network",
    "random_names",
    "same_shapes",
]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A kind of network."""

    name: str
    """In cards and in configs."""
    config: type[NetworkConfig]
    network: type[Network]
    sizes: Mapping[str, NetworkConfig]
    layout: Layout | None = None
    """Of upstream's checkpoints, if there are any."""

    def size_of(self, config: NetworkConfig) -> str:
        """The name in `sizes` of a network of these shapes (drop path apart), or `custom`."""
        return next((name for name, known in self.sizes.items() if same_shapes(known, config)), "custom")


DEFAULT = "smplest-x"
"""What a card or a config speaks of if it does not say; `random-xs` is its."""

ARCHITECTURES: dict[str, Architecture] = {
    each.name: each
    for each in (
        Architecture(name=DEFAULT, config=smplest.Config, network=smplest.Smplest, sizes=smplest.SIZES, layout=SMPLEST),
        Architecture(
            name="smpler-x", config=smplerx.Config, network=smplerx.Smplerx, sizes=smplerx.SIZES, layout=SMPLERX
        ),
        Architecture(name="smplest-cnn", config=cnn.Config, network=smplest.Smplest, sizes=cnn.SIZES),
    )
}


def architecture(name: str) -> Architecture:
    """By name.

    Raises:
        InputError: there is none; the closest name is given.
    """
    if name not in ARCHITECTURES:
        raise InputError(f"no architecture is called {name!r}", todo=closest(name, ARCHITECTURES))
    return ARCHITECTURES[name]


def architecture_of(config: NetworkConfig) -> Architecture:
    """By the type of a config."""
    return next(each for each in ARCHITECTURES.values() if type(config) is each.config)


def same_shapes(one: NetworkConfig, other: NetworkConfig, *apart: str) -> bool:
    """Whether two configs differ in nothing but their drop path, and in fields that are named here."""
    ignored = ("drop_path", *apart)
    first, second = ({k: v for k, v in asdict(each).items() if k not in ignored} for each in (one, other))
    return type(one) is type(other) and first == second


def empty_network(config: NetworkConfig) -> Network:
    """A network in evaluation mode, its parameters without memory until `load_state_dict(assign=True)`."""
    with torch.device("meta"):
        return architecture_of(config).network(config).eval()


def random_names() -> dict[str, NetworkConfig]:
    """What random weights are called: `random-xs`, and `random-smplerx-xs` for other architectures than the default."""
    found: dict[str, NetworkConfig] = {}
    for each in ARCHITECTURES.values():
        prefix = "" if each.name == DEFAULT else each.name.replace("-", "") + "-"
        found |= {f"random-{prefix}{size}": config for size, config in each.sizes.items()}
    return found
