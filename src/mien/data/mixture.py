"""How datasets of very different size make one epoch: how many samples each gives, and which of its rows.

    mixture = balance([Part(name="bedlam", length=951_000, interval=5), Part(name="agora", length=114_000)], 7_500_000)
    part, row = mixture.rows(epoch=3, places=np.array([0, 17, 5_000_000]))

Every dataset is an endless stream of its own rows, shuffled anew in each pass; an epoch takes the next stretch of each
stream. So a dataset larger than its share is seen whole over some epochs (the published training saw the same first
rows every time), and of a smaller one no row comes twice before all have come.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt64

from mien.data.order import key_of, keys_of, permute, uniforms
from mien.errors import InputError, closest

__all__ = ["Mixing", "Mixture", "Part", "PublishedMixture", "balance", "concat", "temperature", "weighted"]

SEED = 2023
"""Of the published training."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A dataset in a mixture."""

    name: str
    length: int
    """Rows of the dataset."""
    interval: int = 1
    """Use every `interval`-th row, for videos whose neighbouring frames say the same."""
    first: int = 0
    """The first row that is used."""

    def __post_init__(self) -> None:
        if self.interval < 1 or self.first < 0:
            raise InputError(f"{self.name}: interval {self.interval}, first {self.first}", expected="at least 1 and 0")
        if self.used < 1:
            raise InputError(f"{self.name} has no rows from {self.first} on", todo="leave the dataset out")

    @property
    def used(self) -> int:
        """How many rows are used."""
        return max(0, -(-(self.length - self.first) // self.interval))


@runtime_checkable
class Mixing(Protocol):
    """What a loader asks of a mixture."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The datasets."""
        ...

    def __len__(self) -> int: ...

    def rows(
        self, epoch: int, places: Int64[np.ndarray, "place"]
    ) -> tuple[Int64[np.ndarray, "place"], Int64[np.ndarray, "place"]]:
        """Dataset and row of each place of an epoch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Datasets and how many samples of each make an epoch."""

    parts: tuple[Part, ...]
    counts: tuple[int, ...]
    """Samples of each part in one epoch."""
    seed: int = SEED

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise InputError(f"datasets {', '.join(names) or 'none'}", expected="at least one, each named once")
        if len(self.counts) != len(names) or min(self.counts) < 1:
            raise InputError(f"counts {self.counts} for {len(names)} datasets", expected="at least 1 for each")

    def __len__(self) -> int:
        return sum(self.counts)

    def rows(
        self, epoch: int, places: Int64[np.ndarray, "place"]
    ) -> tuple[Int64[np.ndarray, "place"], Int64[np.ndarray, "place"]]:
        """Dataset and row of each place of an epoch; the places of a dataset lie together."""
        ends = np.cumsum(self.counts)
        part = np.searchsorted(ends, places, "right")
        counts, used = np.array(self.counts), np.array([each.used for each in self.parts])
        drawn = epoch * counts[part] + places - (ends - counts)[part]
        turn, place = np.divmod(drawn, used[part])
        return part, _rows(self.parts, part, permute(place, used[part], keys_of(self._keys[part], turn)))

    @cached_property
    def _keys(self) -> UInt64[np.ndarray, "part"]:
        """Of each dataset's stream; by its name, so that it keeps its order when others join the mixture."""
        return np.array([key_of(self.seed, 1, zlib.crc32(each.name.encode())) for each in self.parts], dtype=np.uint64)


def concat(parts: Sequence[Part], *, seed: int = SEED) -> Mixture:
    """Every row of every dataset once an epoch."""
    return Mixture(parts=tuple(parts), counts=tuple(part.used for part in parts), seed=seed)


def balance(parts: Sequence[Part], total: int | None = None, *, seed: int = SEED) -> Mixture:
    """As many samples of each dataset, whatever its size; `total` in an epoch, by default as many as there are rows."""
    return _shared(parts, [1.0] * len(parts), total, seed)


def weighted(parts: Sequence[Part], counts: Mapping[str, int], *, seed: int = SEED) -> Mixture:
    """A number of samples an epoch for each dataset by name.

    Raises:
        InputError: a dataset has no number, or a number no dataset.
    """
    names = [part.name for part in parts]
    for name in counts:
        if name not in names:
            raise InputError(f"a count for {name!r}, which is not in the mixture", todo=closest(name, names))
    missing = [name for name in names if name not in counts]
    if missing:
        raise InputError(f"no count for {', '.join(missing)}", expected="one for every dataset")
    return Mixture(parts=tuple(parts), counts=tuple(counts[name] for name in names), seed=seed)


def temperature(parts: Sequence[Part], total: int | None = None, *, heat: float, seed: int = SEED) -> Mixture:
    """Shares in proportion to length ** (1 / heat): 1 is `concat` in the mean, infinity is `balance`.

    Raises:
        InputError: `heat` is not above 0.
    """
    if not heat > 0:
        raise InputError(f"a temperature of {heat}", expected="above 0")
    largest = max((part.used for part in parts), default=1)
    return _shared(parts, [(part.used / largest) ** (1 / heat) for part in parts], total, seed)


def _shared(parts: Sequence[Part], shares: Sequence[float], total: int | None, seed: int) -> Mixture:
    """Share `total` out in whole numbers, at least 1 each, what is left over to the largest remainders."""
    total = sum(part.used for part in parts) if total is None else total
    if total < len(parts):
        found = f"an epoch of {total} samples for {len(parts)} datasets"
        raise InputError(found, expected="at least one of each", todo="make the total larger or leave datasets out")
    exact = np.array(shares) / np.sum(shares) * total
    counts = np.maximum(1, np.floor(exact + 1e-9)).astype(np.int64)
    for _ in range(total - int(counts.sum())):
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > total:
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return Mixture(parts=tuple(parts), counts=tuple(int(count) for count in counts), seed=seed)


def _rows(
    parts: tuple[Part, ...], part: Int64[np.ndarray, "place"], kept: Int64[np.ndarray, "place"]
) -> Int64[np.ndarray, "place"]:
    """Row of the dataset from number among its used rows."""
    interval, first = np.array([(each.interval, each.first) for each in parts], dtype=np.int64)[part].T
    return first + interval * kept


@dataclass(frozen=True, kw_only=True)
class PublishedMixture:
    """The published `balance`, for replication: every epoch takes the same first rows of each list, shuffled once.

    Where the published training draws from a global random state, here the draw is keyed by epoch and place.
    """

    parts: tuple[Part, ...]
    total: int | None = None
    """Samples of an epoch; by default the longest dataset's length times the number of datasets."""
    seed: int = SEED

    def __post_init__(self) -> None:
        if len(self) < len(self.parts):
            found = f"an epoch of {len(self)} samples for {len(self.parts)} datasets"
            raise InputError(found, expected="at least one of each")

    def __len__(self) -> int:
        return len(self.parts) * max(part.used for part in self.parts) if self.total is None else self.total

    def plan(self, places: Int64[np.ndarray, "place"]) -> tuple[Int64[np.ndarray, "place"], Int64[np.ndarray, "place"]]:
        """Dataset and place in its shuffled list; -1 for a dataset, or for a place in it, that is drawn at random."""
        slot = len(self) // len(self.parts)
        part = np.where(places // slot < len(self.parts), places // slot, -1)
        used = np.array([each.used for each in self.parts])[part]
        place = places % slot
        random_place = (part < 0) | ((used < slot) & (place >= slot // used * used))
        return part, np.where(random_place, -1, place % used)

    def rows(
        self, epoch: int, places: Int64[np.ndarray, "place"]
    ) -> tuple[Int64[np.ndarray, "place"], Int64[np.ndarray, "place"]]:
        """Dataset and row of each place of an epoch."""
        part, place = self.plan(places)
        drawn = uniforms(key_of(self.seed, 2, epoch), places, 2)
        part = np.where(part < 0, (drawn[:, 0] * len(self.parts)).astype(np.int64), part)
        used = np.array([each.used for each in self.parts])[part]
        place = np.where(place < 0, (drawn[:, 1] * used).astype(np.int64), place)
        kept = np.array([self._lists[p][q] for p, q in zip(part, place, strict=True)], dtype=np.int64)
        return part, _rows(self.parts, part, kept)

    @cached_property
    def _lists(self) -> list[Int64[np.ndarray, "used"]]:
        """The once shuffled list of each dataset."""
        lists: list[np.ndarray] = []
        for part in self.parts:
            order = list(range(part.used))
            random.Random(self.seed).shuffle(order)
            lists.append(np.array(order, dtype=np.int64))
        return lists
