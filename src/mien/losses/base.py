"""What a training asks of the losses of any architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from mien.data.targets import Targets
from mien.records import Prediction

__all__ = ["Loss"]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Weights of the terms of a loss, and the terms themselves."""

    needs_body: ClassVar[bool] = False
    """Whether `Targets.body` is asked for."""

    def terms(
        self, prediction: Prediction, joints: Float[Tensor, "batch 137 3"], targets: Targets
    ) -> dict[str, Float[Tensor, ""]]:
        """Every term with a weight, weighted: their sum is the loss.

        Args:
            prediction: of a batch of crops.
            joints: of the predicted bodies in the virtual camera, metres.
            targets: of the same crops; the weights in them decide what counts.
        """
        raise NotImplementedError

    @property
    def may_skip_parameters(self) -> bool:
        """Whether some parameter of the network may get no gradient from a batch."""
        raise NotImplementedError
