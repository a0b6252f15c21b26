"""Named streams of random numbers: what is drawn from one depends on its name alone, never on what else was drawn.

    rng = stream("hands", 1, "train", 7, 123, "pose")

So a picture is the same whichever worker makes it and in whatever order, and two splits share nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

__all__ = ["pick", "stream", "weighted"]


def stream(*names: str | int) -> np.random.Generator:
    """A generator seeded by the SHA-256 of the names."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def weighted(rng: np.random.Generator, weights: Float64[np.ndarray, " some"]) -> int:
    """The place of one of the weights, as often as it says: what `rng.choice` draws, without its checks; the last one
    where all are zero."""
    total = weights.cumsum()
    return min(int(total.searchsorted(rng.random() * total[-1], side="right")), len(weights) - 1)


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the names, as often as its weight says; the last one where all weights are zero."""
    return list(weights)[weighted(rng, np.array(list(weights.values()), dtype=np.float64))]
