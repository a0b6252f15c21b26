"""Where the patches saw each joint: the cross entropy of its map, and the error of its depth (`JointMaps`)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mien.data.parts import HEAT_CELLS
from mien.data.targets import Targets
from mien.nets.virtual_camera import HEAT_MAP
from mien.records import JointMaps

__all__ = ["joint_map_errors"]

_ROWS, _COLUMNS = HEAT_MAP


def joint_map_errors(
    maps: JointMaps, targets: Targets
) -> tuple[Float[Tensor, "batch joint"], Float[Tensor, "batch joint"]]:
    """Of all joints; those out of sight mean nothing.

    Args:
        maps: of a batch of crops.
        targets: of the same crops.

    Returns:
        The cross entropy in nats, where a joint is shared out among the four cells whose centres are nearest; and the
        absolute error of depth at those cells, in cells of 1/8 m.
    """
    cells, shares = _corners(targets.image[..., :2])
    chosen = maps.where.flatten(2).float().log_softmax(-1).gather(-1, cells)
    missed = -(chosen * shares).sum(-1)
    middle = HEAT_CELLS[2] / 2
    apart = (maps.depth.flatten(2).float().gather(-1, cells) + middle - targets.image[..., 2:]).abs()
    return missed, (apart * shares).sum(-1)


def _corners(
    places: Float[Tensor, "batch joint 2"],
) -> tuple[Int64[Tensor, "batch joint 4"], Float[Tensor, "batch joint 4"]]:
    """The four cells whose centres lie around each place, and the share of each. Places outside count as the rim."""
    limits = places.new_tensor([_COLUMNS - 1, _ROWS - 1])
    inner = torch.minimum((places - 0.5).clamp(min=0), limits)
    first = torch.minimum(inner.floor(), limits - 1)
    right, down = (inner - first).unbind(-1)
    column, row = first.long().unbind(-1)
    corner = row * _COLUMNS + column
    cells = torch.stack([corner, corner + 1, corner + _COLUMNS, corner + _COLUMNS + 1], -1)
    shares = [(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down]
    return cells, torch.stack(shares, -1)
