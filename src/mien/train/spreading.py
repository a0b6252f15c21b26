"""One module over many processes: copied to each, or shared out among them."""

from __future__ import annotations

from torch import nn

from mien.errors import InputError
from mien.train.config import TrainConfig
from mien.train.objective import Objective
from mien.train.ranks import World

__all__ = ["spread"]


def spread(objective: Objective, config: TrainConfig, world: World) -> nn.Module:
    """The objective, ready to be trained by all processes.

    Raises:
        InputError: nothing of it learns, or it is to be shared out and there is no group of processes.
    """
    if not any(parameter.requires_grad for parameter in objective.parameters()):
        raise InputError("nothing of the network learns", todo="change start.tune or start.frozen_blocks")
    model: nn.Module = objective
    if config.ranks.parallel == "fsdp2":
        model = _shared_out(objective, world)
    if config.ranks.compile:
        model.compile()
    if config.ranks.parallel == "ddp" and world.size > 1:
        ids = [world.device] if world.device.type == "cuda" else None
        model = nn.parallel.DistributedDataParallel(
            model, device_ids=ids, find_unused_parameters=config.loss.may_skip_parameters
        )
    return model


def _shared_out(objective: Objective, world: World) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if not world.distributed:
        todo = "start it with torchrun, or leave ranks.parallel at ddp"
        raise InputError("ranks.parallel fsdp2 in a process of its own", expected="torchrun", todo=todo)
    mesh = init_device_mesh(world.device.type, (world.size,))
    network = objective.network
    for block in network.blocks():
        fully_shard(block, mesh=mesh)
    fully_shard(objective, mesh=mesh)
    return objective
