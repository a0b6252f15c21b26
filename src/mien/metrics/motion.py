"""How a prediction moves, beside how the person moves: one number for every frame that has its neighbours."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["acceleration_error", "jitter"]


def acceleration_error(
    predicted: Float[Tensor, "time joint 3"], true: Float[Tensor, "time joint 3"]
) -> Float[Tensor, "frame"]:
    """Mean distance of the joints' accelerations, millimetres / frame^2, of every frame but the first and the last.

    Args:
        predicted: metres, frames of one person one after the other, none left out.
        true: metres.
    """
    first, second = (_difference(points, 2) for points in (predicted, true))
    return (first - second).norm(dim=-1).mean(-1) * 1000


def jitter(predicted: Float[Tensor, "time joint 3"]) -> Float[Tensor, "frame"]:
    """Mean length of the joints' third difference (jerk), millimetres / frame^3, of every frame with one before and two
    after it. It needs no truth: a person at rest has 0."""
    return _difference(predicted, 3).norm(dim=-1).mean(-1) * 1000


def _difference(points: Float[Tensor, "time joint 3"], order: int) -> Float[Tensor, "frame joint 3"]:
    return points.diff(n=order, dim=0) if len(points) > order else points[:0]
