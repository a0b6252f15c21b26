"""Predictions read from files in the place of a network: paired with the people of a folder, told batch by batch.

Whom a guess is about is told by its box where it has one (the pairs that share most, at least `MIN_IOU`), since a bad
guess must count against the person it is about; else by its joints in the picture; else a picture must hold one person
and one guess. Who has no guess is missing, a guess that nobody gets is extra: both are counted, neither is averaged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.samples import PARAMS
from mien.errors import InputError
from mien.evaluate.guesses import Guess, Guesses, params_of
from mien.evaluate.predicting import Answer
from mien.evaluate.truths import Truths
from mien.metrics.matching import Detection, match, match_boxes
from mien.records import SmplxParams

__all__ = ["FilePredictor", "pair", "remarks"]

FAR, WIDE = 200.0, 50.0
"""Metres: a person this far away, or joints this far apart, are taken for millimetres."""


def pair(guesses: Guesses, truths: Truths, body: BodyModel) -> tuple[Int64[np.ndarray, "row"], Detection]:
    """Which guess each person gets, -1 for none; and how many were found, missed, and guessed for nobody.

    Raises:
        InputError: the same person stands twice in the truth, or a picture's name does not say which is meant.
    """
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(truths.samples.image.tolist()):
        rows.setdefault(str(image), []).append(row)
    _check_truth(truths)
    found, used = np.full(len(truths), -1, dtype=np.int64), 0
    keypoints, known = (each.numpy() for each in truths.keypoints())
    extra, asked = 0, dict[tuple[int, ...], str]()
    for image, people in rows.items():
        places = guesses.of(image)
        if not places:
            continue
        if (other := asked.setdefault(places, image)) != image:
            said = f"{guesses.guesses[places[0]].where} could be about {other} or {image}"
            raise InputError(said, expected="paths that tell them apart")
        here = [guesses.guesses[place] for place in places]
        chosen = _match(here, body, truths.samples.box.value[people], keypoints[people], known[people])
        taken = chosen >= 0
        found[np.array(people)[taken]] = np.array(places)[chosen[taken]]
        used, extra = used + int(taken.sum()), extra + len(places) - int(taken.sum())
    return found, Detection(found=used, missed=len(truths) - used, extra=extra)


def _match(
    guesses: list[Guess], body: BodyModel, boxes: np.ndarray, keypoints: np.ndarray, known: np.ndarray
) -> np.ndarray:
    if all(guess.box is not None for guess in guesses):
        return match_boxes(np.stack([guess.box for guess in guesses if guess.box is not None]), boxes)
    pixels = [_pixels(guess, body) for guess in guesses]
    if all(each is not None for each in pixels) and known.any():
        seen = np.stack([each for each in pixels if each is not None])
        some = np.asarray(np.isfinite(seen).any((1, 2)))  # who is nowhere takes no joint from the others
        finite = np.isfinite(seen[some]).all((0, 2))
        placed = np.where(some[:, None, None], np.nan_to_num(seen), np.inf)
        return match(placed, keypoints, known & finite, boxes[:, 2:].max(1))
    if len(guesses) == len(boxes) == 1:
        return np.zeros(1, dtype=np.int64)
    raise InputError(
        f"{guesses[0].where}: {len(guesses)} guesses about {len(boxes)} people, without boxes or 2D joints",
        expected="boxes, or a camera, to tell whom each is about",
    )


@torch.no_grad()
def _pixels(guess: Guess, body: BodyModel) -> np.ndarray | None:
    if guess.pixels is not None:
        return guess.pixels.numpy()
    if guess.params is None or guess.K is None:
        return None
    seen = body.pose(guess.params).joints()[0, list(SMPLX_137)] @ guess.K.T
    return (seen[:, :2] / seen[:, 2:].clamp(min=1e-6)).numpy()


def _check_truth(truths: Truths) -> None:
    """Raise `InputError` if a person is in the truth twice: same picture, same box."""
    keys = Counter(zip(truths.samples.image.tolist(), map(tuple, truths.samples.box.value.tolist()), strict=True))
    (image, box), count = keys.most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{truths.name}: {image} holds the same person {count} times (box {', '.join(f'{v:g}' for v in box)})",
            expected="each person once",
            todo="remove the doubles: means would count them twice",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FilePredictor:
    """Says what the files say."""

    guesses: Guesses
    chosen: Int64[np.ndarray, "row"]
    """The guess of each person of the folder, -1 for none."""
    image_size: None = None
    rest: SmplxParams = field(default_factory=lambda: params_of({n: np.zeros((1, *s)) for n, s in PARAMS.items()}))

    def __call__(
        self, crops: Float32[np.ndarray, "batch height width 3"] | None, rows: Int64[np.ndarray, "batch"]
    ) -> Answer:
        """The guesses about some people; somebody at rest where there is none."""
        del crops
        places = self.chosen[rows].tolist()
        some = [self.guesses.guesses[place] if place >= 0 else None for place in places]
        there = torch.tensor([guess is not None for guess in some])
        pixels = _stacked([None if guess is None else guess.pixels for guess in some], (137, 2))
        if any(guess is not None and guess.params is None for guess in some):
            joints = _stacked([None if guess is None else guess.joints for guess in some], (137, 3))
            return Answer(joints=joints, pixels=pixels, there=there)
        params = SmplxParams.cat(
            [self.rest if guess is None or guess.params is None else guess.params for guess in some]
        )
        cameras = [None if guess is None else guess.K for guess in some]
        K = torch.stack([torch.full((3, 3), torch.nan) if camera is None else camera for camera in cameras])
        return Answer(params=params, K=K, pixels=pixels, there=there)


def _stacked(values: list[Tensor | None], shape: tuple[int, int]) -> Tensor | None:
    """One tensor; NaN where a value is absent; None if all are."""
    if all(value is None for value in values):
        return None
    return torch.stack([torch.full(shape, torch.nan) if value is None else value for value in values])


def remarks(guesses: Guesses) -> list[str]:
    """What looks wrong with the units of some predictions."""
    found: list[str] = []
    params = [guess.params for guess in guesses.guesses if guess.params is not None]
    if params:
        depth = float(torch.cat([each.transl for each in params])[:, 2].abs().median())
        if depth > FAR:
            found.append(f"{guesses.name}: people stand {depth:,.0f} m away: is `transl` in millimetres?")
    joints = [guess.joints for guess in guesses.guesses if guess.joints is not None]
    if joints:
        spread = torch.stack(joints).nan_to_num(0).flatten(1).std(1)
        if float(spread.median()) > WIDE:
            found.append(f"{guesses.name}: joints lie {float(spread.median()):,.0f} m apart: are they in millimetres?")
    return found
