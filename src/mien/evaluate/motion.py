"""Videos: how joints of the body accelerate beside the truth's, and how they jitter, for people who have a track.

Neighbours are the people of one track whose pictures carry successive numbers; all of a folder must be at hand, so this
is done last, on all rows together: any split into stretches gives the same.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.evaluate.measuring import Ruler
from mien.evaluate.predicting import Answer
from mien.evaluate.results import Results
from mien.evaluate.truths import Truths
from mien.metrics.motion import acceleration_error, jitter

__all__ = ["joints_of", "with_motion"]

JOINTS = 25


@torch.no_grad()
def joints_of(answer: Answer, truths: Truths, ruler: Ruler) -> Float32[np.ndarray, "row number"]:
    """Predicted and true joints of the body relative to their pelvises, metres; NaN where not known.

    Infinite where parameters are no numbers. No numbers at all for people without tracks.
    """
    if truths.samples.track is None:
        return np.zeros((len(truths), 0), np.float32)
    said = answer.joints
    if answer.params is not None:
        posed = ruler.body.shape(answer.params.betas, answer.params.expression).pose(answer.params.full_pose())
        said = posed.joints()[:, list(SMPLX_137)]
    assert said is not None, "an answer has parameters or joints"
    true, known = truths.joints(ruler.body)
    true = torch.where(known[..., None], true, torch.nan)
    pair = torch.stack([joints[:, :JOINTS] - joints[:, :1] for joints in (said, true)], 1)
    if answer.params is not None:
        pair[~pair[:, 0].isfinite().flatten(1).all(1), 0] = torch.inf
    return pair.flatten(1).float().numpy()


def with_motion(results: Results) -> Results:
    """The results with `acceleration` and `jitter`, and without the joints that they were made of."""
    bare = replace(results, motion=np.zeros((len(results), 0), np.float32))
    if not results.motion.shape[1]:
        return bare
    values = {name: np.zeros(len(results)) for name in ("acceleration", "jitter")}
    valid = {name: np.zeros(len(results), dtype=bool) for name in values}
    joints = torch.from_numpy(results.motion.reshape(len(results), 2, JOINTS, 3))
    for rows in _runs(results):
        said, true = joints[rows].double().unbind(1)
        broken, known = said.isinf().flatten(1).any(1), true.isfinite().flatten(1).all(1)
        for name, found, span, needed in (
            ("acceleration", acceleration_error(said, true), 3, known),
            ("jitter", jitter(said), 4, torch.ones_like(known)),
        ):
            lost = _spans(broken, span).any(1) & _spans(needed, span).all(1)
            good = (found.isfinite() | lost).numpy()
            where = rows[1 : 1 + len(found)][good]
            values[name][where] = found.where(found.isfinite(), torch.nan).numpy()[good]
            valid[name][where] = True
    return replace(bare, values={**results.values, **values}, valid={**results.valid, **valid})


def _spans(flags: Bool[Tensor, "time"], span: int) -> Bool[Tensor, "frame span"]:
    """The flags of the frames that each number is made of."""
    return flags.unfold(0, span, 1) if len(flags) >= span else flags.new_zeros(0, span)


def _runs(results: Results) -> list[np.ndarray]:
    """Rows of one track whose pictures' numbers follow each other in the track's usual step, at least three each."""
    tracks: dict[tuple[str, str], list[int]] = {}
    for row, (folder, track) in enumerate(zip(results.folder.tolist(), results.track.tolist(), strict=True)):
        if track and not results.problem[row]:
            tracks.setdefault((folder, track), []).append(row)
    found: list[np.ndarray] = []
    for rows in tracks.values():
        numbers = [_number(str(results.image[row])) for row in rows]
        order = np.argsort(numbers, kind="stable")
        ordered, at = np.array(rows)[order], np.array(numbers)[order]
        steps = np.diff(at)
        if len(steps) < 2:
            continue
        usual = Counter(steps.tolist()).most_common(1)[0][0]
        found += [run for run in np.split(ordered, np.flatnonzero(steps != usual) + 1) if len(run) > 2 and usual > 0]
    return found


def _number(image: str) -> int:
    """The last number in a picture's name; -1 if there is none."""
    digits = re.findall(r"\d+", image.rpartition("/")[2])
    return int(digits[-1]) if digits else -1
