"""Muon: momentum whose matrices are made orthogonal before they move the weights (Jordan et al. 2024).

A gradient of a matrix has few strong directions, and a step along it changes little else. Orthogonalised, all
directions move alike. Trained from nothing on few pictures this is what counts most (docs/results/learning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

__all__ = ["Muon", "orthogonalise"]

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of one round x -> a x + b x^3 + c x^5 on the singular values: from anywhere in (0, 1] to about 1, and soon."""
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Of weights with two axes and more (a convolution is the matrix of its output channels).

    A step has the size of one of AdamW at the same rate: 0.2 times the root of the longer side (Liu et al. 2025, "Muon
    is scalable for LLM training").

    Args:
        params: as of any optimizer.
        lr: the rate.
        momentum: how much of the running mean of gradients each step keeps; Nesterov's look ahead is taken.
        weight_decay: decoupled, as AdamW's.
        dtype: what the rounds are computed in; bfloat16 is enough.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.dtype = dtype
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move all weights that have a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        assert weight.grad is not None
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        mean = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
        update = _whole_step(weight.grad.lerp(mean, group["momentum"]), self.dtype)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"])


def _whole_step(update: Tensor, dtype: torch.dtype) -> Tensor:
    """The orthogonal step of a weight; of one that is shared out among ranks, each computes it whole."""
    if isinstance(update, DTensor):
        whole = _whole_step(update.full_tensor(), dtype)
        return distribute_tensor(whole, update.device_mesh, update.placements, src_data_rank=None)
    matrix = update.flatten(1)
    return orthogonalise(matrix, dtype).view_as(update) * (0.2 * max(matrix.shape) ** 0.5)


def orthogonalise(matrix: Float[Tensor, "out in"], dtype: torch.dtype = torch.float32) -> Float[Tensor, "out in"]:
    """Nearly the closest matrix with orthonormal rows or columns: singular values from 0.7 to 1.2, directions as they
    were. Zeros stay zeros.

    Args:
        matrix: any.
        dtype: of the rounds.

    Returns:
        In the number type of `matrix`.
    """
    rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    rows = (rows / (rows.norm() + 1e-20)).to(dtype)
    first, second, third = _QUINTIC
    for _ in range(_ROUNDS):
        gram = rows @ rows.T
        rows = first * rows + (second * gram + third * (gram @ gram)) @ rows
    return (rows if matrix.shape[0] <= matrix.shape[1] else rows.T).to(matrix.dtype)
