"""Which place of an epoch is trained on when: a pure function of (seed, epoch, step, rank, world), nothing remembered.

A shuffled list of ten million rows would have to be made, kept and saved by every process. Here a permutation is a
keyed cipher on 0 .. length-1: any entry can be asked of alone, so a batch costs the size of a batch, a run resumes from
two integers, and every rank knows its share without asking the others. The same mixing function makes the random
numbers of the augmentation, keyed by the sample and not by the process that happens to make it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from mien.errors import InputError

__all__ = ["Order", "key_of", "keys_of", "normals", "permute", "uniforms"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_ROUNDS = 12
"""With fewer, short lists come in some orders more often than in others."""
_STREAM = 64
"""Random numbers that one row may draw from one key."""


def key_of(*words: int) -> int:
    """A 64-bit key of some numbers; their order matters."""
    state = 0
    for word in words:
        state = int(_scramble(np.array([(state + word + _GOLDEN) & _MASK], dtype=np.uint64))[0])
    return state


def keys_of(key: UInt64[np.ndarray, "place"], number: Int64[np.ndarray, "place"]) -> UInt64[np.ndarray, "place"]:
    """A key for each pair of a key and a number."""
    return _scramble(key ^ _scramble((number.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)))


def permute(
    places: Int64[np.ndarray, "place"], lengths: Int64[np.ndarray, "place"], keys: UInt64[np.ndarray, "place"]
) -> Int64[np.ndarray, "place"]:
    """Where a permutation of 0 .. length-1 sends each place: a Feistel cipher, walked until it lands inside.

    Args:
        places: in 0 .. length-1.
        lengths: of each place's permutation.
        keys: which of the permutations of that length.
    """
    bits = np.maximum(1, (np.frexp(lengths.astype(np.float64) - 0.5)[1] + 1) // 2).astype(np.uint64)
    found = _encrypt(places.astype(np.uint64), bits, keys)
    while (outside := np.flatnonzero(found >= lengths.astype(np.uint64))).size:
        found[outside] = _encrypt(found[outside], bits[outside], keys[outside])
    return found.astype(np.int64)


def uniforms(key: int, rows: Int64[np.ndarray, "row"], count: int) -> Float64[np.ndarray, "row count"]:
    """Numbers in [0, 1) that depend on the key and the row alone; `count` at most 64."""
    assert count <= _STREAM
    counter = rows.astype(np.uint64)[:, None] * np.uint64(_STREAM) + np.arange(1, count + 1, dtype=np.uint64)
    return (_scramble(np.uint64(key) + counter * np.uint64(_GOLDEN)) >> np.uint64(11)) * 2.0**-53


def normals(
    first: Float64[np.ndarray, "*shape"], second: Float64[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """Numbers of the standard normal distribution from two independent uniform ones each (Box and Muller)."""
    return np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)


@dataclass(frozen=True, kw_only=True)
class Order:
    """The batches of an epoch of `length` places.

    The global batch of a step is the same for any number of ranks; each takes a stretch of it. Shares differ by one
    where the ranks do not divide the batch.
    """

    length: int
    batch: int
    """Samples in one step, all ranks together."""
    seed: int
    shuffle: bool = True
    drop_last: bool = True
    """Leave out what does not fill a batch at the end of an epoch: other places each time, if they are shuffled."""

    def __post_init__(self) -> None:
        if self.batch < 1 or self.length < 1:
            raise InputError(f"{self.length} samples in batches of {self.batch}", expected="at least 1 of each")
        if self.steps == 0:
            found = f"an epoch of {self.length} samples is smaller than one batch of {self.batch}"
            raise InputError(found, todo="make the batch smaller, or set drop_last=False")

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return self.length // self.batch if self.drop_last else -(-self.length // self.batch)

    def places(self, epoch: int, step: int, rank: int = 0, world: int = 1) -> Int64[np.ndarray, "place"]:
        """The places of an epoch that a rank takes at a step.

        Raises:
            InputError: there is no such step or rank.
        """
        if not (0 <= step < self.steps and epoch >= 0):
            raise InputError(f"step {step} of epoch {epoch}", expected=f"steps 0 to {self.steps - 1}")
        if not 0 <= rank < world:
            raise InputError(f"rank {rank} of {world}", expected=f"ranks 0 to {world - 1}")
        start, stop = step * self.batch, min((step + 1) * self.batch, self.length)
        size = stop - start
        places = np.arange(start + rank * size // world, start + (rank + 1) * size // world, dtype=np.int64)
        if not self.shuffle:
            return places
        key = np.full(len(places), key_of(self.seed, 0, epoch), dtype=np.uint64)
        return permute(places, np.full(len(places), self.length, dtype=np.int64), key)


def _encrypt(
    values: UInt64[np.ndarray, "place"], bits: UInt64[np.ndarray, "place"], keys: UInt64[np.ndarray, "place"]
) -> UInt64[np.ndarray, "place"]:
    """A permutation of 0 .. 4^bits-1: halves of `bits` bits, each in turn mixed into the other."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    left, right = values >> bits, values & mask
    for turn in range(1, _ROUNDS + 1):
        salt = keys + np.uint64(turn * _GOLDEN & _MASK)
        left, right = right, left ^ (_scramble(right + salt) & mask)
    return left << bits | right


def _scramble(values: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)
