"""Named streams of random numbers: what is drawn from one depends on its name alone, never on what else was drawn.

    rng = stream("hands", 1, "train", 7, 123, "pose")

So a picture is the same whichever worker makes it and in whatever order, and two splits share nothing.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["stream"]


def stream(*names: str | int) -> np.random.Generator:
    """A generator seeded by the SHA-256 of the names."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    return np.random.default_rng(np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4"))
