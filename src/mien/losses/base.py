"""What a training asks of the losses of any architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from mien.data.parts import ANCHOR
from mien.data.targets import Targets
from mien.records import Prediction

__all__ = ["Loss", "by_part", "mean_error", "rotations_of"]


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


def rotations_of(prediction: Prediction) -> Float[Tensor, "batch 53 3 3"]:
    """Root, body, hands (offsets), jaw."""
    singles = (prediction.global_orient.unsqueeze(1), prediction.jaw_pose.unsqueeze(1))
    hands = (prediction.left_hand_offset, prediction.right_hand_offset)
    return torch.cat([singles[0], prediction.body_pose, *hands, singles[1]], 1)


def by_part(joints: Float[Tensor, "batch 137 3"]) -> Float[Tensor, "batch 137 3"]:
    """The body relative to the pelvis, hands to their wrists, the face to the neck."""
    return joints - joints[:, torch.from_numpy(ANCHOR)]


def mean_error(error: Float[Tensor, "batch *rest"], valid: Float[Tensor, "batch *mask"], over_valid: bool) -> Tensor:
    """Of all elements, unknown ones as zeros; or of the known ones (0 if there are none)."""
    total = (error * valid).sum()
    return total / (valid.expand_as(error).sum().clamp(min=1) if over_valid else error.numel())
