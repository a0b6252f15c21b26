"""Crops that ranges of int8 are found from: people of folders with labels, as `mien evaluate` looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.evaluate.predicting import see
from mien.evaluate.reading import read_truths
from mien.nets.card import WeightCard

__all__ = ["COUNT", "calibration_crops", "in_batches"]

COUNT = 288
"""People that are looked at, of all folders together: more change ranges little."""
_BATCH = 24


def calibration_crops(folders: Sequence[Path], card: WeightCard) -> Float32[np.ndarray, "crop 3 height width"]:
    """Crops of people spread evenly over the training pictures of some folders.

    Args:
        folders: as `mien synth` writes them, or single annotation files.
        card: of the network, which says how large crops are.

    Returns:
        RGB in [0, 1].

    Raises:
        InputError: there are no labels, or none of their pictures can be used.
    """
    body = BodyModel.load(find_body(None, family=card.body_family))
    share = -(-COUNT // len(folders))
    found: list[np.ndarray] = []
    for folder in folders:
        truths = read_truths(folder, "train", body, other_body=True)
        rows = np.unique(np.linspace(0, len(truths) - 1, share).astype(np.int64))
        for seen in see(truths.take(rows), card.config.image_size, _BATCH):
            assert seen.crops is not None
            usable = [i for i, problem in enumerate(seen.problem) if not problem]
            found += [seen.crops[i].transpose(2, 0, 1) / np.float32(255) for i in usable]
    if not found:
        raise InputError(f"no picture of {folders[0]} can be used", expected="pictures beside their labels")
    return np.stack(found)


def in_batches(
    crops: Float32[np.ndarray, "crop 3 height width"], size: int
) -> list[Float32[np.ndarray, "batch 3 height width"]]:
    """Batches that are all of one size; the last takes crops of the first to be as large."""
    count = -(-len(crops) // size) * size
    return list(np.resize(crops, (count, *crops.shape[1:])).reshape(-1, size, *crops.shape[1:]))
