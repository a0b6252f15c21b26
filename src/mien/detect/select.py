"""Whom of the detected people to look at: `all`, `largest`, `top:N`, `id:N` or `at:X,Y`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mien.detect.base import Detections
from mien.errors import InputError, closest

__all__ = ["PersonChoice", "parse_person", "select_people"]

_FORMS = "all, largest, top:N (N from 1), id:N (N from 0) or at:X,Y (pixels)"
_KINDS = ("all", "largest", "top", "id", "at")


@dataclass(frozen=True)
class PersonChoice:
    """A parsed `--person`; see `parse_person`."""

    kind: str
    """One of all, largest, top, id, at."""
    number: int = 0
    """Of `top` and `id`."""
    point: tuple[float, float] = (0.0, 0.0)
    """Of `at`: x, y in pixels of the upright picture."""


def parse_person(how: str) -> PersonChoice:
    """Read a `--person` value before any work is done.

    Args:
        how: `all`; `largest`, the box of the largest area; `top:N`, the N surest; `id:N`, the one with index N in the
            detector's order; `at:X,Y`, whoever is at that pixel.

    Raises:
        InputError: it is none of these.
    """
    kind, colon, value = how.strip().partition(":")
    if kind in ("all", "largest") and not colon:
        return PersonChoice(kind)
    if kind in ("top", "id") and re.fullmatch(r"[0-9]{1,9}", value) and (kind == "id" or int(value) > 0):
        return PersonChoice(kind, number=int(value))
    number = r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*"
    if kind == "at" and (match := re.fullmatch(f"{number},{number}", value)):
        return PersonChoice(kind, point=(float(match[1]), float(match[2])))
    todo = "" if kind in _KINDS else closest(kind, _KINDS)
    raise InputError(f"cannot read the choice of person {how!r}", expected=_FORMS, todo=todo)


def select_people(detections: Detections, how: str | PersonChoice) -> Int[np.ndarray, " chosen"]:
    """Indices of the chosen people: in the detector's order for `all`, the surest first for `top:N`.

    Nobody detected gives no indices, whatever the choice. `largest`: ties go to the higher score. `top:N`: ties go to
    the larger box; fewer than N are given if there are fewer. `at:X,Y`: the smallest box around the point, or the
    nearest box if none is around it.

    Raises:
        InputError: `how` is not a choice, or `id:N` names a person who is not there.
    """
    choice = parse_person(how) if isinstance(how, str) else how
    count = len(detections)
    if count == 0 or choice.kind == "all":
        return np.arange(count)
    if choice.kind == "largest":
        return np.lexsort((-detections.scores, -detections.areas))[:1]
    if choice.kind == "top":
        return np.lexsort((-detections.areas, -detections.scores))[: choice.number]
    if choice.kind == "id":
        if choice.number >= count:
            ids = "id:0" if count == 1 else f"id:0 to id:{count - 1}"
            raise InputError(f"there is no person id:{choice.number}", expected=ids, todo="or take --person all")
        return np.array([choice.number])
    x, y = choice.point
    x1, y1, x2, y2 = detections.boxes.T
    away = np.hypot(np.maximum(np.maximum(x1 - x, x - x2), 0), np.maximum(np.maximum(y1 - y, y - y2), 0))
    return np.lexsort((detections.areas, away))[:1]
