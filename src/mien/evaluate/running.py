"""Measure anybody who says something about people, on one folder.

truths = read_truths(Path("data/studio"), "test", body)
results = evaluate(network, truths, body)                # a network in training will do
results.summary["pve"], results.table
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.body.model import BodyModel
from mien.errors import InputError, PictureError
from mien.evaluate.measuring import Ruler, measure
from mien.evaluate.motion import joints_of
from mien.evaluate.predicting import Answer, NetworkPredictor, Predictor, Seen, see
from mien.evaluate.results import MISSING, Results
from mien.evaluate.traits import traits
from mien.evaluate.truths import Truths
from mien.metrics.errors import Errors
from mien.metrics.parts import MeshParts
from mien.nets.network import Network

__all__ = ["BadPictures", "evaluate"]


@dataclass(eq=False)
class BadPictures:
    """Counts people whose picture cannot be looked at, and stops when they are too many."""

    limit: int
    count: int = 0

    def add(self, problems: list[str]) -> None:
        """Some more.

        Raises:
            PictureError: they are more than `limit`.
        """
        self.count += len(problems)
        if self.count > self.limit:
            raise PictureError(
                f"{self.count} people have no picture that can be used, the last: {problems[-1]}",
                expected=f"at most {self.limit} (--max-bad)",
                todo="fetch the missing pictures, say with --images where they are, or allow more",
            )


def evaluate(
    predict: Network | Predictor,
    truths: Truths,
    body: BodyModel,
    *,
    parts: MeshParts | None = None,
    ruler: Ruler | None = None,
    batch: int = 32,
    bad: BadPictures | None = None,
    progress: Callable[[int], None] = lambda people: None,
) -> Results:
    """Every measure of every person.

    Args:
        predict: a network (asked where it is, without gradients; it stays in the mode it is in), or any predictor.
        truths: of `read_truths`; take some of them for a quick look.
        body: of the predictions; where the labels are of another, only joints are compared.
        parts: of the body, read anew if not given.
        ruler: of the body, made anew if not given.
        batch: people at once.
        bad: how many pictures may be missing or damaged: none by default. Those people are in the table, unmeasured.
        progress: told after every batch how many people are done.

    Raises:
        PictureError: more pictures than that cannot be used.
        AssetMissing: the files that say what of an SMPL-X body is hand and face are not beside it.
    """
    if batch < 1:
        raise InputError(f"batches of {batch}", expected="at least 1 person at once")
    ruler = Ruler.of(body, parts) if ruler is None else ruler
    asked = NetworkPredictor(network=predict, body=body) if isinstance(predict, Network) else predict
    bad = BadPictures(limit=0) if bad is None else bad
    found: list[Results] = []
    for seen in see(truths, asked.image_size, batch):
        bad.add([problem for problem in seen.problem if problem])
        here, answer = truths.take(seen.rows), asked(seen.crops, seen.rows)
        errors = measure(answer, here, seen.crop_box, ruler)
        found.append(_results(here, seen, errors, answer, ruler))
        progress(len(here))
    if not found:
        raise InputError(f"{truths.name}: there is nobody to measure", expected="at least one person")
    return Results.cat(found)


def _results(truths: Truths, seen: Seen, errors: dict[str, Errors], answer: Answer, ruler: Ruler) -> Results:
    """A batch as rows; whoever could not be looked at, or was not answered, has no measures."""
    samples, looked = truths.samples, np.array([not problem for problem in seen.problem], dtype=bool)
    there = np.ones(len(truths), dtype=bool) if answer.there is None else answer.there.numpy()
    problem = [said or ("" if known else MISSING) for said, known in zip(seen.problem, there, strict=True)]
    looked, posture = looked & there, samples.extra.get("posture")
    mean_hands = None if ruler.body.mean_hands is None else ruler.body.mean_hands.numpy()
    nothing = np.array([""] * len(truths), dtype=object)
    valid = {name: np.asarray(each.valid.numpy() & looked) for name, each in errors.items()}
    return Results(
        folder=np.array([truths.name] * len(truths), dtype=object),
        file=np.asarray(samples.extra["file"], dtype=object),
        image=samples.image,
        problem=np.array(problem, dtype=object),
        posture=posture if isinstance(posture, np.ndarray) else nothing,
        track=nothing if samples.track is None else np.asarray(samples.track, dtype=object),
        motion=joints_of(answer, truths, ruler),
        row=samples.row.astype(np.int64),
        box=samples.box.value.astype(np.float32),
        flags=np.column_stack([truths.whole, truths.hands, truths.face]),
        traits=traits(truths, mean_hands),
        values={name: np.where(valid[name], each.value.numpy(), 0).astype(np.float64) for name, each in errors.items()},
        valid=valid,
    )
