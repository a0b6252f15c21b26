"""What is worked out once for each body file and kept as long as the body is."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from mien.body.reading import BodyArrays

__all__ = ["once_per_body"]

T = TypeVar("T")


def once_per_body(make: Callable[[BodyArrays], T]) -> Callable[[BodyArrays], T]:
    """The same function, which remembers its result for each body (by identity: arrays are not compared)."""
    kept: dict[int, T] = {}

    @wraps(make)
    def remembered(arrays: BodyArrays) -> T:
        key = id(arrays)
        if key not in kept:
            kept[key] = make(arrays)
            weakref.finalize(arrays, kept.pop, key, None)
        return kept[key]

    return remembered
