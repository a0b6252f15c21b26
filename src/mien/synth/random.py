"""Named streams of random numbers: what is drawn from one depends on its name alone, never on what else was drawn.

    rng = stream("hands", 1, "train", 7, 123, "pose")

So a picture is the same whichever worker makes it and in whatever order, and two splits share nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any, no_type_check

import numba
import numpy as np
from jaxtyping import Float64
from numpy.random.bit_generator import ISeedSequence

__all__ = ["stream", "weighted"]


def stream(*names: str | int) -> np.random.Generator:
    """A generator seeded by the SHA-256 of the names: that of `numpy.random.default_rng`, in less time."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    seed = _Seed(hashlib.sha256(text.encode()).digest())
    return np.random.Generator(np.random.PCG64(seed))  # pyright: ignore[reportArgumentType]


def weighted(rng: np.random.Generator, weights: Float64[np.ndarray, " some"]) -> int:
    """The place of one of the weights, as often as it says: what `rng.choice` draws, without its checks."""
    total = (weights / weights.sum()).cumsum()
    return int((total / total[-1]).searchsorted(rng.random(), side="right"))


class _Seed(ISeedSequence):
    """`numpy.random.SeedSequence` of eight words, compiled; pictures take some ten streams a person."""

    def __init__(self, digest: bytes) -> None:
        self.words = np.trim_zeros(np.frombuffer(digest, dtype="<u4"), "b")  # of a number, whose length numpy takes

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """As many words as the generator asks for."""
        state = np.empty(n_words * np.dtype(dtype).itemsize // 4, dtype=np.uint32)
        _generate(self.words, state)
        return state.view(dtype)


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _hashed(value, constant, factor):
    """A word hashed, and the constant for the next one."""
    after = np.uint32(constant * factor)
    value = np.uint32((value ^ constant) * after)
    return value ^ (value >> np.uint32(16)), after


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _mixed(x, y):
    found = np.uint32(np.uint32(0xCA01F9DD) * x - np.uint32(0x4973F715) * y)
    return found ^ (found >> np.uint32(16))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _generate(words, state):
    """The algorithm of numpy, which is fixed: a pool of four words, each stirred into the others, then all the rest."""
    pool, constant, factor = np.empty(4, dtype=np.uint32), np.uint32(0x43B0D7E5), np.uint32(0x931E8875)
    for i in range(4):
        pool[i], constant = _hashed(words[i], constant, factor)
    for source in range(4):
        for i in range(4):
            if i != source:
                value, constant = _hashed(pool[source], constant, factor)
                pool[i] = _mixed(pool[i], value)
    for source in range(4, words.shape[0]):
        for i in range(4):
            value, constant = _hashed(words[source], constant, factor)
            pool[i] = _mixed(pool[i], value)
    constant, factor = np.uint32(0x8B51F9DD), np.uint32(0x58F38DED)
    for k in range(state.shape[0]):
        state[k], constant = _hashed(pool[k % 4], constant, factor)
