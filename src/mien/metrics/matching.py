"""Which prediction is about whom, and what detection costs: F1, and errors normalised by it (NMVE, NMJE).

In each picture, truth and predictions are paired so that the sum of their distances is least (an assignment, so that
the order of neither matters); a pair that is farther apart than `LIMIT` is none. The distance is the mean over the
known 2D joints, in shares of the longer side of the truth's box. AGORA's server pairs by 2D joints too; its thresholds
are not established here, so that an F1 of this code is not its F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = ["LIMIT", "Detection", "match", "match_boxes", "normalised"]

LIMIT = 0.25
"""Mean distance of joints, in longer sides of the box, beyond which a prediction is about somebody else."""
MIN_IOU = 0.3
"""What two boxes must share, where there are no joints to compare."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Counts."""

    found: int = 0
    """People with a prediction."""
    missed: int = 0
    """People without."""
    extra: int = 0
    """Predictions about nobody."""

    @property
    def precision(self) -> float | None:
        """Share of the predictions that are about somebody; None if there is none."""
        total = self.found + self.extra
        return self.found / total if total else None

    @property
    def recall(self) -> float | None:
        """Share of the people that are found; None if there is nobody."""
        total = self.found + self.missed
        return self.found / total if total else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None if there are neither people nor predictions."""
        total = 2 * self.found + self.missed + self.extra
        return 2 * self.found / total if total else None


def normalised(error: float | None, detection: Detection) -> float | None:
    """NMVE or NMJE: an error divided by F1; None where either says nothing."""
    return error / detection.f1 if error is not None and detection.f1 else None


def match(
    predicted: Float[np.ndarray, "guess joint 2"],
    true: Float[np.ndarray, "person joint 2"],
    known: Bool[np.ndarray, "person joint"],
    side: Float[np.ndarray, "person"],
    limit: float = LIMIT,
) -> Int[np.ndarray, "person"]:
    """Which prediction each person of a picture gets; -1 for none.

    Args:
        predicted: pixels.
        true: pixels.
        known: which joints count; somebody without any gets no prediction.
        side: longer side of each person's box, pixels.
        limit: as `LIMIT`.
    """
    off = np.linalg.norm(predicted[None] - true[:, None], axis=-1)
    count = np.maximum(known.sum(1), 1)[:, None]
    cost = (np.where(known[:, None], off, 0).sum(-1) / count) / np.maximum(side, 1e-6)[:, None]
    seen = np.asarray(known.any(axis=1))
    cost = np.where(seen[:, None], cost, np.inf)
    return _assign(cost, limit)


def match_boxes(
    predicted: Float[np.ndarray, "guess 4"], true: Float[np.ndarray, "person 4"], least: float = MIN_IOU
) -> Int[np.ndarray, "person"]:
    """The same by boxes, x, y, width, height: pairs share at least `least` of their union."""
    low = np.maximum(predicted[None, :, :2], true[:, None, :2])
    high = np.minimum(predicted[None, :, :2] + predicted[None, :, 2:], true[:, None, :2] + true[:, None, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    union = predicted[None, :, 2:].prod(-1) + true[:, None, 2:].prod(-1) - shared
    return _assign(1 - shared / np.maximum(union, 1e-9), 1 - least)


def _assign(cost: Float[np.ndarray, "person guess"], limit: float) -> Int[np.ndarray, "person"]:
    from scipy.optimize import linear_sum_assignment

    found = np.full(len(cost), -1, dtype=np.int64)
    cost = np.where(np.isfinite(cost), cost, np.inf)
    if cost.size:
        # A pair beyond the limit costs as much as no pair at all: it must not drive a good pair apart.
        rows, columns = linear_sum_assignment(np.minimum(cost, limit * 1.000001))
        good = cost[rows, columns] <= limit
        found[rows[good]] = columns[good]
    return found
