"""Boxes for frames that the detector did not see: between two frames that it saw, people move on a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from mien.detect import Detections
from mien.track.associate import box_iou
from mien.video import Frame

__all__ = ["between", "fill_boxes"]

_LEAST_IOU = 0.1


def fill_boxes(seen: Iterator[tuple[Frame, Detections | None]]) -> Iterator[tuple[Frame, Detections]]:
    """Every frame with boxes; frames without are held back until the detector has seen a later one.

    Args:
        seen: frames in their order, the first of them with boxes; None where the detector was not asked.
    """
    waiting: list[Frame] = []
    last: tuple[int, Detections] | None = None
    for frame, found in seen:
        if found is None:
            waiting.append(frame)
            continue
        for held in waiting:
            yield held, between(last, (frame.index, found), held.index)
        yield frame, found
        waiting, last = [], (frame.index, found)
    for held in waiting:
        yield held, between(last, None, held.index)


def between(first: tuple[int, Detections] | None, second: tuple[int, Detections] | None, index: int) -> Detections:
    """Boxes at frame `index`: of people seen before and after, on a line; of others, as they are at the nearer end."""
    if first is None or second is None:
        known = first or second
        return Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0)) if known is None else known[1]
    (start, old), (end, new) = first, second
    share = (index - start) / (end - start)
    pairs = _pairs(old.boxes, new.boxes)
    boxes = [old.boxes[i] + share * (new.boxes[j] - old.boxes[i]) for i, j in pairs]
    scores = [old.scores[i] + share * (new.scores[j] - old.scores[i]) for i, j in pairs]
    alone = (old, {i for i, _ in pairs}) if share < 0.5 else (new, {j for _, j in pairs})
    rest = [i for i in range(len(alone[0])) if i not in alone[1]]
    return Detections(
        boxes=np.array([*boxes, *alone[0].boxes[rest]]).reshape(-1, 4),
        scores=np.array([*scores, *alone[0].scores[rest]]),
    )


def _pairs(old: Float[np.ndarray, "old 4"], new: Float[np.ndarray, "new 4"]) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    if not len(old) or not len(new):
        return []
    iou = box_iou(old, new)
    rows, columns = linear_sum_assignment(-iou)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if iou[i, j] > _LEAST_IOU]
