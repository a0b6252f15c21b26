"""What mien promises of mixtures and orders: the recorded published ones, and laws of ours."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.data.mixture import Mixture, Part, PublishedMixture, balance, concat, temperature, weighted
from mien.data.order import Order, key_of, keys_of, normals, permute, uniforms
from mien.errors import InputError

MIXING = np.load(Path(__file__).parent / "parity/mixing.npz")


def _parts(*lengths: int) -> list[Part]:
    return [Part(name=f"set{i}", length=length) for i, length in enumerate(lengths)]


def _epoch(mixture: Mixture | PublishedMixture, epoch: int = 0) -> list[tuple[int, int]]:
    part, row = mixture.rows(epoch, np.arange(len(mixture)))
    return list(zip(part.tolist(), row.tolist(), strict=True))


# permutations ---------------------------------------------------------------------------------------------------
@given(st.integers(1, 700), st.integers(0, 2**64 - 1))
def test_a_permutation_is_one(length: int, key: int) -> None:
    found = permute(np.arange(length), np.full(length, length), np.full(length, key, dtype=np.uint64))
    assert sorted(found.tolist()) == list(range(length))


@pytest.mark.parametrize("length", [3, 5, 17])
def test_short_permutations_favour_none(length: int) -> None:
    count = 60_000
    keys = keys_of(np.full(count, key_of(1), dtype=np.uint64), np.arange(count))
    lengths = np.full(count, length)
    columns = [permute(np.full(count, place), lengths, keys) for place in range(length)]
    pairs = np.bincount(columns[0] * length + columns[1], minlength=length**2).reshape(length, length)
    expected = count / (length * (length - 1))
    off = ~np.eye(length, dtype=bool)
    assert not pairs[~off].any()
    freedom = length * (length - 1) - 1
    surprise = ((pairs[off] - expected) ** 2 / expected).sum()
    assert abs(surprise - freedom) < 5 * np.sqrt(2 * freedom)


def test_dice_are_fair_and_keyed() -> None:
    rows = np.arange(40_000)
    dice = uniforms(key_of(5, 6), rows, 8)
    assert dice.min() >= 0 and dice.max() < 1
    assert np.abs(dice.mean(0) - 0.5).max() < 0.01 and np.abs(dice.var(0) - 1 / 12).max() < 0.002
    assert np.abs(np.corrcoef(dice.T) - np.eye(8)).max() < 0.025
    assert abs(np.corrcoef(dice[:-1, 0], dice[1:, 0])[0, 1]) < 0.025
    np.testing.assert_array_equal(dice[[7, 5]], uniforms(key_of(5, 6), np.array([7, 5]), 8))
    assert not (dice == uniforms(key_of(6, 5), rows, 8)).any()
    bell = normals(dice[:, 0], dice[:, 1])
    assert abs(bell.mean()) < 0.02 and abs(bell.std() - 1) < 0.01 and np.isfinite(bell).all()
    assert np.isfinite(normals(np.array([0.0, 1 - 2.0**-53]), np.array([0.0, 0.0]))).all()


# order ----------------------------------------------------------------------------------------------------------
@settings(max_examples=30)
@given(st.integers(1, 300), st.integers(1, 40), st.booleans(), st.integers(0, 5))
def test_an_epoch_is_every_place_once(length: int, batch: int, shuffle: bool, epoch: int) -> None:
    order = Order(length=length, batch=batch, seed=3, shuffle=shuffle, drop_last=False)
    places = np.concatenate([order.places(epoch, step) for step in range(order.steps)])
    assert sorted(places.tolist()) == list(range(length))
    if not shuffle:
        assert places.tolist() == list(range(length))


@settings(max_examples=30)
@given(st.integers(8, 200), st.integers(8, 40), st.integers(1, 8), st.integers(0, 3))
def test_ranks_share_the_same_batch(length: int, batch: int, world: int, epoch: int) -> None:
    if length < batch:
        return
    order = Order(length=length, batch=batch, seed=9)
    for step in range(order.steps):
        shares = [order.places(epoch, step, rank, world) for rank in range(world)]
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
        np.testing.assert_array_equal(np.concatenate(shares), order.places(epoch, step))


def test_epochs_and_seeds_differ_and_the_tail_moves() -> None:
    order = Order(length=1003, batch=10, seed=1)
    assert order.steps == 100
    epochs = [np.concatenate([order.places(epoch, step) for step in range(100)]) for epoch in range(3)]
    left = [set(range(1003)) - set(epoch.tolist()) for epoch in epochs]
    assert all(len(each) == 3 for each in left) and left[0] != left[1] != left[2]
    assert (epochs[0] == epochs[1]).mean() < 0.01
    other = Order(length=1003, batch=10, seed=2).places(0, 0)
    assert not np.array_equal(other, order.places(0, 0))


def test_ten_million_rows_cost_nothing_to_start() -> None:
    tracemalloc.start()
    begun = time.perf_counter()
    mixture = balance([Part(name=str(i), length=300_000 * i, interval=1 + i % 3) for i in range(1, 41)], 10_000_000)
    order = Order(length=len(mixture), batch=256, seed=0)
    part, row = mixture.rows(19, order.places(19, order.steps - 1))
    spent, (_, peak) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(part) == len(row) == 256 and len(set(part.tolist())) > 20
    assert peak < 2e6 and spent < 5


def test_impossible_orders_are_refused() -> None:
    with pytest.raises(InputError, match="smaller than one batch"):
        Order(length=5, batch=6, seed=0)
    with pytest.raises(InputError, match="at least 1"):
        Order(length=5, batch=0, seed=0)
    order = Order(length=50, batch=6, seed=0)
    for wrong in ((0, 8, 0, 1), (-1, 0, 0, 1), (0, 0, 2, 2)):
        with pytest.raises(InputError, match=r"step|rank"):
            order.places(*wrong)


# mixtures -------------------------------------------------------------------------------------------------------
def test_concat_is_every_row_once() -> None:
    mixture = concat(_parts(5, 12, 1))
    for epoch in range(3):
        assert sorted(_epoch(mixture, epoch)) == [(i, row) for i, n in enumerate((5, 12, 1)) for row in range(n)]


def test_balance_sees_large_sets_whole_and_small_ones_evenly() -> None:
    mixture = balance(_parts(1000, 7, 100), 300)
    assert mixture.counts == (100, 100, 100)
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for epoch in range(10):
        for part, row in _epoch(mixture, epoch):
            seen[part].append(row)
    assert sorted(seen[0]) == list(range(1000))
    assert set(np.bincount(seen[1]).tolist()) == {142, 143}
    assert set(np.bincount(seen[2]).tolist()) == {10}
    first, second = (_epoch(mixture, epoch)[:100] for epoch in range(2))
    assert not set(first) & set(second)


def test_shares() -> None:
    parts = _parts(100, 400, 2500)
    assert balance(parts).counts == (1000, 1000, 1000)
    assert balance(parts, 11).counts == (4, 4, 3)
    assert temperature(parts, 300, heat=1.0).counts == (10, 40, 250)
    assert temperature(parts, 800, heat=2.0).counts == (100, 200, 500)
    assert temperature(parts, 300, heat=1e9).counts == (100, 100, 100)
    assert temperature(parts, 3, heat=1.0).counts == (1, 1, 1)
    assert temperature(parts, 300, heat=1e-3).counts == (1, 1, 298), "all that can be goes to the largest"
    assert weighted(parts, {"set2": 5, "set0": 1, "set1": 3}).counts == (1, 3, 5)
    assert len(temperature(parts, 7777, heat=3.3)) == 7777


def test_intervals_keep_every_so_many_rows() -> None:
    part = Part(name="video", length=23, interval=5)
    assert sorted(row for _, row in _epoch(concat([part]))) == [0, 5, 10, 15, 20]
    late = Part(name="video", length=23, interval=5, first=4)
    assert sorted(row for _, row in _epoch(concat([late]))) == [4, 9, 14, 19]


def test_a_dataset_keeps_its_order_when_others_join() -> None:
    alone = _epoch(concat(_parts(40)), 2)
    joined = _epoch(concat([*_parts(40), Part(name="other", length=9)]), 2)
    assert joined[:40] == alone
    assert _epoch(concat([Part(name="another", length=40)]), 2) != alone


def test_impossible_mixtures_are_refused() -> None:
    with pytest.raises(InputError, match="2 samples for 3 datasets"):
        balance(_parts(5, 5, 5), 2)
    with pytest.raises(InputError, match="did you mean 'set1'"):
        weighted(_parts(5, 5), {"set0": 1, "set1": 1, "set11": 1})
    with pytest.raises(InputError, match="no count for set1"):
        weighted(_parts(5, 5), {"set0": 1})
    with pytest.raises(InputError, match="each named once"):
        concat([*_parts(5), *_parts(6)])
    with pytest.raises(InputError, match="at least one"):
        concat([])
    with pytest.raises(InputError, match="no rows"):
        Part(name="empty", length=0)
    with pytest.raises(InputError, match="interval"):
        Part(name="a", length=4, interval=0)
    with pytest.raises(InputError, match="temperature"):
        temperature(_parts(5), heat=0.0)
    with pytest.raises(InputError, match="for 3 datasets"):
        PublishedMixture(parts=tuple(_parts(5, 5, 5)), total=2)


# replication ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("i", range(int(MIXING["n_cases"])))
def test_parity_mixing(i: int) -> None:
    name, lengths = str(MIXING[f"case{i}.name"]), [int(each) for each in MIXING[f"case{i}.lens"]]
    expected = MIXING[f"case{i}.db_and_index"]
    if name == "concat":
        # ours shuffles inside each dataset, which the published training leaves to its sampler
        assert sorted(_epoch(concat(_parts(*lengths)))) == sorted(map(tuple, expected.tolist()))
        return
    total = {"None": None, "auto": sum(lengths)}.get(str(MIXING[f"case{i}.total_len"]), -1)
    total = int(str(MIXING[f"case{i}.total_len"])) if total == -1 else total
    mixture = PublishedMixture(parts=tuple(_parts(*lengths)), total=total)
    assert len(mixture) == int(MIXING[f"case{i}.len"])
    part, place = mixture.plan(np.arange(len(mixture)))
    np.testing.assert_array_equal(np.where(place < 0, -1, part), expected[:, 0])
    np.testing.assert_array_equal(place, expected[:, 1])


def test_the_published_balance_sees_the_same_first_rows_every_epoch() -> None:
    parts = (Part(name="large", length=3000, interval=3), Part(name="small", length=30))
    mixture = PublishedMixture(parts=parts, total=200)
    epochs = [_epoch(mixture, epoch) for epoch in range(3)]
    large = [set(epoch[:100]) for epoch in epochs]
    assert large[0] == large[1] == large[2] and len(large[0]) == 100
    assert all(row % 3 == 0 for _, row in large[0]) and max(row for _, row in large[0]) > 2000  # shuffled, once
    small = [[row for _, row in epoch[100:]] for epoch in epochs]
    assert small[0][:90] == small[1][:90] == list(small[0][:30]) * 3 and small[0][90:] != small[1][90:]
    assert _epoch(mixture, 1) == epochs[1]
