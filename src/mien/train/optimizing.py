"""What moves the weights: the optimizer, its schedule, what is frozen, and the running mean of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mien.nets.network import Head, Network
from mien.train.config import Optimizer, Start
from mien.train.muon import Muon

__all__ = ["Mean", "freeze", "learning_rate", "make_optimizers"]


def freeze(network: Network, start: Start) -> None:
    """Take the gradient from what is not to learn."""
    learns = {"all": ("encoder", "decoder", "heads"), "decoder_and_heads": ("decoder", "heads")}
    for name, modules in network.stages().items():
        if name not in learns.get(start.tune, (start.tune,)):
            for module in modules:
                module.requires_grad_(False)
    if start.frozen_blocks:
        network.encoder.position.requires_grad_(False)
        network.encoder.patch_embed.requires_grad_(False)
        for block in list(network.encoder.blocks)[: start.frozen_blocks]:
            block.requires_grad_(False)


def make_optimizers(
    network: nn.Module, config: Optimizer, precision: Literal["fp32", "bf16"] = "fp32"
) -> list[torch.optim.Optimizer]:
    """What moves all that learns: AdamW, and before it Muon if the config has a rate for it; weight decay only on
    matrices. In each group, `share` is its rate as a multiple of `lr`."""
    learns = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    plain = [p for name, p in learns if p.ndim < 2 or name.endswith(("task_tokens", "position"))]
    inner = _inner_maps(network) if config.muon else []
    chosen = {id(parameter) for parameter in (*plain, *inner)}
    matrices = [parameter for _, parameter in learns if id(parameter) not in chosen]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "share": 1.0},
        {"params": plain, "weight_decay": 0.0, "share": 1.0},
    ]
    found: list[torch.optim.Optimizer] = []
    if inner:
        group = {"params": inner, "share": config.muon / config.lr}
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        found.append(Muon([group], lr=config.muon, weight_decay=config.weight_decay, dtype=dtype))
    if groups := [group for group in groups if group["params"]]:
        found.append(torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=True))
    return found


def _inner_maps(network: nn.Module) -> list[Tensor]:
    """Weights of linear maps and convolutions that learn, but for the heads."""
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    modules = [module for module in network.modules() if isinstance(module, kinds) and not isinstance(module, Head)]
    return [module.weight for module in modules if module.weight.requires_grad]


def learning_rate(step: int, steps: int, config: Optimizer, first: int = 0) -> float:
    """Of the step that comes after `step` others of `steps`: a linear rise, then half a cosine down to `lr_min`.

    A training that goes on from weights alone, at step `first`, rises to the cosine anew: its optimizer knows nothing.
    """
    share = min(1.0, max(0, step - config.warm_up) / max(1, steps - config.warm_up))
    full = config.lr_min + (config.lr - config.lr_min) * (1 + math.cos(math.pi * share)) / 2
    return full * min(1.0, (step - first + 1) / max(1, config.warm_up))


def _followed(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, then buffers of the same kind of numbers."""
    yield from network.named_parameters()
    yield from ((name, buffer) for name, buffer in network.named_buffers() if buffer.is_floating_point())


class Mean:
    """The running mean of a network's weights, in their own places and number type; of what its batch norms keep, too.

    It starts as a plain mean of what it has seen, so that it is of use from the first steps on.

    Args:
        network: whose weights it follows.
        decay: how much of the mean each step keeps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.seen = 0
        self.shadow: dict[str, Tensor] = {name: each.detach().clone() for name, each in _followed(network)}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights after a step in."""
        self.seen += 1
        decay = min(self.decay, self.seen / (self.seen + 9))
        for shadow, (_, now) in zip(self.shadow.values(), _followed(network), strict=True):
            shadow.lerp_(now, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"shadow": self.shadow, "seen": torch.tensor(self.seen)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.seen = int(state["seen"])
        for name, tensor in self.shadow.items():
            tensor.copy_(state["shadow"][name])
