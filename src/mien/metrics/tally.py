"""Means that add up: the same bits for any order of samples, any split into batches, any number of processes.

    tally = Tally.of(errors.value, errors.valid)
    total = tally + Tally.of(more.value, more.valid)
    total.mean, total.count                                  # None and 0 where no sample has the part

A sum of doubles depends on their order; a sum of whole numbers does not. Every double is a whole number of 2^-1074, so
the sum is kept as such a number, exactly, and rounded once at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Tally", "merge"]

_BITS = 1074
"""The smallest double is 2^-1074."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Numbers of samples, summed exactly. Small: one whole number and a few counts, whatever the number of samples."""

    total: int = 0
    """The sum in units of 2^-1074."""
    count: int = 0
    """Samples in the sum."""
    absent: int = 0
    """Samples whose truth does not have the part: not in the sum."""
    broken: int = 0
    """Samples whose number is NaN or infinite, though the truth has the part: not in the sum."""

    @classmethod
    def of(
        cls,
        values: Float[Tensor, "sample"] | Float[np.ndarray, "sample"],
        valid: Bool[Tensor, "sample"] | Bool[np.ndarray, "sample"] | None = None,
    ) -> Tally:
        """The tally of some samples; all of them are valid by default."""
        numbers = [float(value) for value in values.tolist()]
        known = [True] * len(numbers) if valid is None else [bool(each) for each in valid.tolist()]
        assert len(numbers) == len(known), "a flag for each number"
        there = [value for value, here in zip(numbers, known, strict=True) if here]
        finite = [value for value in there if math.isfinite(value)]
        return cls(
            total=sum(map(_units, finite)),
            count=len(finite),
            absent=len(numbers) - len(there),
            broken=len(there) - len(finite),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            total=self.total + other.total,
            count=self.count + other.count,
            absent=self.absent + other.absent,
            broken=self.broken + other.broken,
        )

    @property
    def mean(self) -> float | None:
        """The double nearest to the exact mean; None if there is no sample."""
        return float(Fraction(self.total, self.count << _BITS)) if self.count else None


def merge(first: Mapping[str, Tally], second: Mapping[str, Tally]) -> dict[str, Tally]:
    """Tallies of several measures, added by name. A measure that one side lacks counts as no samples there."""
    names = dict.fromkeys([*first, *second])
    return {name: first.get(name, Tally()) + second.get(name, Tally()) for name in names}


def _units(value: float) -> int:
    """A finite double in units of 2^-1074."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_BITS + 1 - denominator.bit_length())
