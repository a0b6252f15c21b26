"""Arrays that cost time are kept beside the results, so that a study that was stopped goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mien.files import atomic_write

__all__ = ["is_kept", "kept"]

KEY, SECONDS = "made_of", "seconds"


def kept(
    path: Path, made_of: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], float]:
    """The arrays of a file that was made of just this; otherwise they are made, and the file is written whole.

    Args:
        path: an .npz file, there or not.
        made_of: everything that decides the arrays, as JSON can hold it: hashes, names, numbers.
        make: makes them.

    Returns:
        The arrays, and the seconds that it took to make them, then or now.

    Raises:
        OutputError: the file cannot be written.
    """
    text = json.dumps(made_of, sort_keys=True)
    if (found := _read(path, text)) is not None:
        return found, float(found.pop(SECONDS))
    start = time.perf_counter()
    arrays = dict(make())
    seconds = time.perf_counter() - start
    with atomic_write(path) as stream:
        np.savez(stream, **arrays, **{KEY: np.array(text), SECONDS: np.array(seconds)})  # pyright: ignore[reportArgumentType]
    return arrays, seconds


def is_kept(path: Path, made_of: Mapping[str, Any]) -> bool:
    """Whether `kept` would find the arrays."""
    return _read(path, json.dumps(made_of, sort_keys=True)) is not None


def _read(path: Path, text: str) -> dict[str, np.ndarray] | None:
    """The arrays of a file, or None if it is not there, is damaged, or was made of something else."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if KEY not in file or SECONDS not in file or str(file[KEY]) != text:
                return None
            found = {name: file[name] for name in file.files if name != KEY}
            float(found[SECONDS])
            return found
    except Exception:  # whatever is wrong with it, it can be made again
        return None
