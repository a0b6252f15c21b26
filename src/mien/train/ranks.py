"""The processes of a training: who they are, what they say to each other. One process alone needs none of it.

Started by `torchrun`, each process finds its rank in the environment. Numbers that are few go over the CPU (gloo),
gradients over whatever the device has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from mien.errors import InputError, MienError

__all__ = ["Stopped", "World"]

T = TypeVar("T")


class Stopped(MienError):
    """Another process of this training met a mistake, and says so itself."""


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among those of the training."""

    rank: int
    size: int
    device: torch.device
    restarts: int = 0
    """How often torchrun has started this training anew."""

    @classmethod
    def join(cls, device: str) -> World:
        """Find out, and meet the others.

        Args:
            device: `auto`, `cpu`, `cuda` or `cuda:1`; of several processes each takes the GPU of its own number.

        Raises:
            InputError: there is no such device.
        """
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        found = _device(device, local, size)
        if size > 1 or "TORCHELASTIC_RUN_ID" in os.environ:
            if not torch.distributed.is_initialized():
                _meet("cpu:gloo,cuda:nccl" if found.type == "cuda" else "gloo", restarts)
        return cls(rank=rank, size=size, device=found, restarts=restarts)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @property
    def distributed(self) -> bool:
        """Whether there is a group of processes, be it of one."""
        return torch.distributed.is_initialized()

    def add_up(self, values: Tensor) -> Tensor:
        """The sum over all processes, on the CPU."""
        values = values.detach().cpu()
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values

    def first(self, work: Callable[[], T]) -> T | None:
        """Let the leading process work while the others wait; they get None. If it fails, all end.

        Raises:
            Stopped: in the others, if it failed.
        """
        result: T | None = None
        failed: list[bool] = [False]
        try:
            result = work() if self.leads else None
        except BaseException:
            failed = [True]
            raise
        finally:
            if self.size > 1:
                torch.distributed.broadcast_object_list(failed)
        if failed[0]:
            raise Stopped("the leading process ended")
        return result

    def leave(self) -> None:
        """Part from the others."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _meet(backend: str, restarts: int) -> None:
    """Join the group of this start: torchrun keeps its store, where the addresses of processes that were killed still
    stand, so that without a name of its own a new start would look for those."""
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://"))
    store = PrefixStore(f"start_{restarts}", store)
    torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)


def _device(name: str, local: int, size: int) -> torch.device:
    has_cuda = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if has_cuda else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise InputError(f"--device {name}", expected="auto, cpu, cuda or cuda:1")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count() if has_cuda else 0
        index = local if size > 1 else device.index or 0
        if index >= count:
            found = f"--device {name}, and this machine has {count or 'no'} GPU{'' if count == 1 else 's'}"
            raise InputError(found, todo="leave --device out, or look at mien doctor")
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    return device
