"""Named streams of random numbers: what is drawn from one depends on its name alone, never on what else was drawn.

    rng = stream("hands", 1, "train", 7, 123, "pose")

So a picture is the same whichever worker makes it and in whatever order, and two splits share nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Float64

from mien.errors import InputError, closest

__all__ = ["check_numbers", "check_ranges", "check_weights", "pick", "stream", "weighted"]


def stream(*names: str | int) -> np.random.Generator:
    """A generator seeded by the SHA-256 of the names."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    return _seeded(hashlib.sha256(text.encode()).digest())


def _seeded(digest: bytes) -> np.random.Generator:
    """What `numpy.random.default_rng` makes of the digest as a number, which it would take apart into these words."""
    words = np.frombuffer(digest, "<u4")
    seed = words if words[-1] else int.from_bytes(digest, "little")  # of a number, the last words that are 0 are lost
    return np.random.Generator(np.random.PCG64(seed))


def weighted(rng: np.random.Generator, weights: Float64[np.ndarray, " some"]) -> int:
    """The place of one of the weights, as often as it says: what `rng.choice` draws, without its checks; the last one
    where all are zero."""
    total = weights.cumsum()
    return min(int(total.searchsorted(rng.random() * total[-1], side="right")), len(weights) - 1)


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the names, as often as its weight says; the last one where all weights are zero."""
    return list(weights)[weighted(rng, np.array(list(weights.values()), dtype=np.float64))]


def check_weights(what: str, weights: Mapping[str, float], known: Collection[str], *, factors: bool = False) -> None:
    """See to it that names can be drawn by their weights.

    Args:
        what: what these are weights of, for the message.
        weights: by name.
        known: the names there are.
        factors: on weights that are known already: none need be above 0.

    Raises:
        InputError: a name is not known; a weight is not a number from 0 up; none is above 0.
    """
    for name in weights:
        if name not in known:
            raise InputError(f"{what} name {name!r}", todo=closest(name, known))
    if not math.isfinite(sum(weights.values())) or min(weights.values(), default=0) < 0:
        raise InputError(f"{what} have weights {dict(weights)}", expected="finite numbers, 0 or more")
    if not factors and sum(weights.values()) <= 0:
        raise InputError(f"{what} have weights {dict(weights)}", expected="some above 0")


def check_numbers(settings: object, names: str, low: float, high: float, *, whole: bool = False) -> None:
    """See to it that fields of a recipe's settings, named with spaces between, are numbers (or whole ones) of a range.

    Raises:
        InputError: one is not.
    """
    for name in names.split():
        value = getattr(settings, name)
        if not _within(value, low, high, whole):
            kind = "a whole number" if whole else "a number"
            raise InputError(f"{_of(settings)} {name} is {value!r}", expected=f"{kind} from {low:g} to {high:g}")


def check_ranges(settings: object, names: str, low: float, high: float, *, whole: bool = False) -> None:
    """As `check_numbers`, of fields that are two numbers, the lower first."""
    for name in names.split():
        value = getattr(settings, name)
        two = isinstance(value, (tuple, list)) and len(value) == 2
        if not two or not all(_within(one, low, high, whole) for one in value) or value[0] > value[1]:
            kind = "two whole numbers" if whole else "two numbers"
            expected = f"{kind} from {low:g} to {high:g}, the lower first"
            raise InputError(f"{_of(settings)} {name} is {value!r}", expected=expected)


def _within(value: object, low: float, high: float, whole: bool) -> bool:
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and bool(low <= value <= high)


def _of(settings: object) -> str:
    return f"{type(settings).__name__.lower()}'s"
