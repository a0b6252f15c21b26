"""Means that add up: any order, any split, the same bits; what is not there is counted, never averaged."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.metrics.tally import Tally, merge

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30)


def tally(values: list[float]) -> Tally:
    return Tally.of(np.array(values, dtype=np.float64))


@given(NUMBERS, st.randoms())
def test_any_order_and_any_split_give_the_same_bits(values: list[float], chance: random.Random) -> None:
    whole, shuffled = tally(values), values.copy()
    chance.shuffle(shuffled)
    cuts = sorted(chance.choices(range(len(values) + 1), k=3))
    parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    chance.shuffle(parts)
    joined = Tally()
    for part in parts:
        joined = tally(part) + joined
    assert joined == whole


@given(NUMBERS)
def test_the_mean_is_the_exact_one_rounded_once(values: list[float]) -> None:
    exact = sum(map(Fraction, values), Fraction()) / len(values)
    assert tally(values).mean == float(exact)


def test_what_floats_would_lose_is_kept() -> None:
    assert tally([1e16, 1.0, -1e16]).mean == 1 / 3
    assert tally([5e-324, 5e-324]).mean == 5e-324


def test_what_is_not_there_is_counted_apart() -> None:
    values = torch.tensor([1.0, 2.0, math.nan, math.inf, 50.0], dtype=torch.float32)
    valid = torch.tensor([True, True, True, True, False])
    found = Tally.of(values, valid)
    assert (found.mean, found.count, found.broken, found.absent) == (1.5, 2, 2, 1)


def test_no_samples_have_no_mean() -> None:
    empty = Tally.of(torch.zeros(3), torch.zeros(3, dtype=torch.bool))
    assert empty.mean is None and Tally().mean is None
    assert (empty + tally([2.0])).mean == 2.0


def test_measures_merge_by_name() -> None:
    first, second = {"pve": tally([1.0]), "pve_hand": tally([3.0])}, {"pve": tally([2.0])}
    joined = merge(first, second)
    assert joined["pve"].mean == 1.5 and joined["pve_hand"].mean == 3.0
    assert merge(second, first) == {"pve": joined["pve"], "pve_hand": joined["pve_hand"]}
