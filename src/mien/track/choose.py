"""Whom of the people in a clip to keep: the words of `--person`, said of tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from mien.detect.select import PersonChoice, parse_person
from mien.errors import InputError

__all__ = ["choose_tracks"]


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Of each track."""

    ids: Int64[np.ndarray, "track"]
    area: Float[np.ndarray, "track"]
    """Of its boxes, over all its frames."""
    score: Float[np.ndarray, "track"]
    first_frame: Int64[np.ndarray, "track"]
    first_box: Float[np.ndarray, "track 4"]


def choose_tracks(
    track_id: Int64[np.ndarray, "row"],
    frame_index: Int64[np.ndarray, "row"],
    bbox: Float[np.ndarray, "row 4"],
    score: Float[np.ndarray, "row"],
    how: str | PersonChoice,
) -> list[int]:
    """Ids of the chosen tracks, ascending.

    `largest`: the one whose boxes cover most, over all frames. `top:N`: the N with the largest sum of scores. `id:N`:
    the track with that id. `at:X,Y`: whoever is at that pixel in the first frame with people in it: the smallest box
    around it, else the nearest box. In a clip without people nobody is chosen.

    Args:
        track_id: of each row, in any order.
        frame_index: of each row.
        bbox: x1, y1, x2, y2, pixels.
        score: the detector's.
        how: as `parse_person` reads it.

    Raises:
        InputError: `how` is not a choice, or `id:N` names a track that is not there.
    """
    choice = parse_person(how) if isinstance(how, str) else how
    sums = _summed(track_id, frame_index, bbox, score)
    ids = sums.ids
    if not len(ids) or choice.kind == "all":
        return ids.tolist()
    if choice.kind == "id":
        if choice.number not in ids:
            known = ", ".join(f"id:{i}" for i in ids[:20]) + (", ..." if len(ids) > 20 else "")
            raise InputError(f"there is no track id:{choice.number} in this clip", expected=f"one of {known}")
        return [choice.number]
    if choice.kind == "largest":
        chosen = ids[np.lexsort((ids, -sums.area))[:1]]
    elif choice.kind == "top":
        chosen = ids[np.lexsort((ids, -sums.score))[: choice.number]]
    else:
        chosen = ids[[_at(sums, choice.point)]]
    return sorted(chosen.tolist())


def _at(sums: _Sums, point: tuple[float, float]) -> int:
    here = np.flatnonzero(sums.first_frame == sums.first_frame.min())
    x1, y1, x2, y2 = sums.first_box[here].T
    across = np.maximum(np.maximum(x1 - point[0], point[0] - x2), 0)
    down = np.maximum(np.maximum(y1 - point[1], point[1] - y2), 0)
    return int(here[np.lexsort(((x2 - x1) * (y2 - y1), np.hypot(across, down)))[0]])


def _summed(track_id: np.ndarray, frame_index: np.ndarray, bbox: np.ndarray, score: np.ndarray) -> _Sums:
    order = np.lexsort((frame_index, track_id))
    ids, first, inverse = np.unique(track_id[order], return_index=True, return_inverse=True)
    area = np.prod(bbox[order, 2:].astype(np.float64) - bbox[order, :2], axis=-1)
    return _Sums(
        ids=ids.astype(np.int64),
        area=np.bincount(inverse, area, len(ids)).astype(np.float64),
        score=np.bincount(inverse, score[order], len(ids)).astype(np.float64),
        first_frame=frame_index[order][first].astype(np.int64),
        first_box=bbox[order][first],
    )
