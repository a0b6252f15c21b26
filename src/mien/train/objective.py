"""From crops and targets to the terms of the loss: the network, the body and the losses as one module.

What is shared out among processes, compiled and computed twice is this module, so that none of them has to know how a
prediction looks: what goes in and what comes out are plain tensors.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mien.body.model import BodyModel
from mien.data.targets import Targets
from mien.losses.base import Loss
from mien.losses.smplest import predicted_joints
from mien.nets.network import Network
from mien.nets.vit import DropPath
from mien.train.config import Ranks

__all__ = ["Objective", "drop_places"]


class Objective(nn.Module):
    """The weighted terms of the loss of a batch.

    Args:
        network: learns.
        body: what its parameters belong to, on the same device.
        loss: the weights of the terms.
        ranks: the precision, and whether blocks are computed twice.
    """

    def __init__(self, network: Network, body: BodyModel, loss: Loss, ranks: Ranks) -> None:
        super().__init__()
        self.network = network
        self.body, self.loss = body, loss
        self.bf16 = ranks.precision == "bf16"
        if ranks.checkpoint_blocks:
            for block in network.encoder.blocks:
                _computed_twice(block)

    def forward(self, crops: Float[Tensor, "batch 3 h w"], targets: Targets) -> dict[str, Float[Tensor, ""]]:
        """The terms; their sum is the loss."""
        with torch.autocast(crops.device.type, torch.bfloat16, enabled=self.bf16):
            prediction = self.network(crops)
        joints = predicted_joints(self.body, prediction)
        return self.loss.terms(prediction, joints, targets)


def _computed_twice(block: nn.Module) -> None:
    forward = block.forward
    block.forward = lambda *given: checkpoint(forward, *given, use_reentrant=False)  # pyright: ignore[reportAttributeAccessIssue]


def drop_places(network: Network, first: int, total: int) -> None:
    """Tell every drop path which samples of the whole batch it sees: the same ones are dropped on any number of ranks.

    Args:
        network: in training.
        first: the place of its first sample in the batch of all ranks.
        total: samples of that batch.
    """
    for module in network.modules():
        if isinstance(module, DropPath):
            module.place = (first, total)
