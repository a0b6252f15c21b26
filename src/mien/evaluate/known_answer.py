"""A known input and the answer that it must have: a fingerprint of weights that survives another machine's rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.data.manifest import write_json
from mien.errors import InputError
from mien.evaluate.predicting import NetworkPredictor
from mien.evaluate.verify import Check
from mien.files import read_json
from mien.nets.weights import SHIPPED

__all__ = ["SHIPPED_ANSWERS", "answer_of", "compare_known", "record_known"]

SHIPPED_ANSWERS = SHIPPED / "known_answers.json"
"""Of the weights that ship with the package."""
TOLERANCE = 2e-3
"""Radians, metres and standard deviations: far above rounding, far below any change of weights."""


@torch.no_grad()
def answer_of(predictor: NetworkPredictor) -> list[float]:
    """What a network says about a made-up picture: the first numbers of every part of its answer."""
    height, width = predictor.image_size
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    channels = [127.5 + 127.5 * np.sin(2 * np.pi * (3 + k) * (x * (k + 1) + y * (3 - k))) for k in range(3)]
    crops = np.stack(channels, -1)[None].astype(np.float32)
    params = predictor(crops, np.zeros(1, dtype=np.int64)).params
    assert params is not None
    parts = (params.global_orient, params.body_pose, params.left_hand_pose, params.right_hand_pose, params.jaw_pose)
    numbers = [part.flatten()[:9] for part in (*parts, params.betas, params.expression, params.transl)]
    return [round(float(number), 6) for number in torch.cat(numbers)]


def record_known(path: Path, name: str, answer: list[float]) -> None:
    """Write it beside what is known of other weights in the same file.

    Raises:
        InputError: the answer is no number, or the file is there and is no such record.
        OutputError: it cannot be written.
    """
    if not np.isfinite(answer).all():
        raise InputError(f"{name} answers NaN or infinity to the known input", expected="weights that give numbers")
    known = _read(path) if path.exists() else {}
    write_json(path, {**known, name: answer})


def compare_known(path: Path, name: str, answer: list[float]) -> Check:
    """Whether the answer is what was recorded.

    Raises:
        InputError: the file cannot be read.
    """
    known = _read(path)
    wanted = known.get(name) or (next(iter(known.values())) if len(known) == 1 else None)
    if wanted is None:
        return Check(name="known answer", ok=False, said=f"{path} knows no answer of {name}")
    off = float(np.abs(np.subtract(wanted, answer)).max()) if len(wanted) == len(answer) else np.inf
    if not off <= TOLERANCE:  # nor is NaN
        said = f"the answer to the known input is other than what was recorded in {path} (by {off:.3g})"
        return Check(name="known answer", ok=False, said=said)
    return Check(name="known answer", ok=True, said=f"as recorded, to {off:.1g}")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", expected="what `mien verify --record` wrote") from error
    answers = list(found.values()) if isinstance(found, dict) else [None]
    if not all(isinstance(each, list) and all(isinstance(number, int | float) for number in each) for each in answers):
        raise InputError(f"{path} holds no answers", expected="what `mien verify --record` wrote")
    return found
