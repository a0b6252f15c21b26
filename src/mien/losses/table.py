"""Which losses each architecture of `mien.nets.architectures` is trained with."""

from __future__ import annotations

from mien.losses.base import Loss
from mien.losses.smplerx import SmplerxLoss
from mien.losses.smplest import SmplestLoss
from mien.nets.architectures import architecture_of
from mien.nets.network import NetworkConfig

__all__ = ["LOSSES", "loss_of"]

LOSSES: dict[str, type[Loss]] = {
    "smplest-x": SmplestLoss,
    "smpler-x": SmplerxLoss,
    "smplest-cnn": SmplestLoss,
}


def loss_of(config: NetworkConfig) -> type[Loss]:
    """The losses of a network."""
    return LOSSES[architecture_of(config).name]
