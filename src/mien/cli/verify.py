"""`mien verify`: whether weights, or somebody's predictions, follow the conventions of this package."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from mien.evaluate.reading import Split
    from mien.evaluate.verify import Check

__all__ = ["verify"]

PEOPLE, SIZE, SEED = 16, 256, 7
"""Of the pictures that are made where none are named."""


def verify(
    weights: Annotated[str, tyro.conf.Positional],
    /,
    on: str = "",
    body: str = "",
    split: Literal["test", "train", "all"] = "all",
    known: str = "",
    record: str = "",
) -> int:
    """Whether weights, or a folder of predictions, mean what they must: keys, numbers, units, sides, axes, projection.

    People with known truth are asked for; every wrong convention is undone in turn, and named where that helps. The
    last line says "sound", or what is wrong. Exit code 0: sound; 1: not.

    Args:
        weights: as for mien evaluate: weights, or predictions in files.
        on: a folder with truth, as mien synth makes it; by default 16 pictures are made (about a minute, and two more
            the first time). For predictions, the folder that they are about.
        body: a body file or the folder of one.
        split: test, train or all of that folder.
        known: a file of --record: the answer to a fixed input must be the one in it. Of weights that ship with the
            package it is known.
        record: write that answer to a file. Both are of weights, not of predictions.
    """
    from mien.errors import WeightsError
    from mien.evaluate.verify import Report

    try:
        checks = _checks(weights, on, body, split, known, record)
    except WeightsError as error:
        from mien.evaluate.verify import Check

        checks = [Check(name="keys", ok=False, said=str(error))]
    for check in checks:
        print(f"{check.name:<16}{'ok ' if check.ok else 'NO '} {check.said}")
    report = Report(checks=tuple(checks))
    print(report.verdict)
    return 0 if report.sound else 1


def _checks(weights: str, on: str, body: str, split: Split, known: str, record: str) -> list[Check]:
    from mien.errors import InputError
    from mien.evaluate.job import BASELINE, Job, is_predictions, make_plan
    from mien.evaluate.known_answer import SHIPPED_ANSWERS, answer_of, compare_known, record_known
    from mien.evaluate.predicting import NetworkPredictor
    from mien.evaluate.verify import Check, verify
    from mien.nets.weights import SHIPPED

    if is_predictions(weights) and not on:
        raise InputError(f"{weights} is predictions", expected="--on, the folder that they are about")
    if (known or record) and (is_predictions(weights) or weights.startswith(BASELINE)):
        raise InputError(f"{'--known' if known else '--record'} for {weights}", expected="weights of a network")
    with tempfile.TemporaryDirectory(prefix="mien-verify-") as place:
        folder = on or _made(weights, body, Path(place) / "people")
        job = Job(weights=weights, on=(folder,), out=Path(place) / "out", split=split, body=body or None)
        plan = make_plan(job)
        truths = plan.truths[0]
        predictor = plan.predictor(0, slice(0, len(truths)))
        checks = [Check(name="keys", ok=True, said="every key of the network is there, in its shape, and no other")]
        if isinstance(predictor, NetworkPredictor):
            answer = answer_of(predictor)
            name = str(plan.settings["subject"]["name"])
            if known or (SHIPPED / f"{weights}.safetensors").is_file():
                checks.append(compare_known(Path(known or SHIPPED_ANSWERS), name, answer))
            if record:
                record_known(Path(record), name, answer)
        else:
            checks = []
        return [*checks, *verify(predictor, truths, plan.body).checks]


def _made(weights: str, body: str, folder: Path) -> str:
    """Pictures of people on the body of the weights."""
    from mien.body.files import find_body
    from mien.nets.weights import load_network
    from mien.synth.generate import Job, generate

    _, card = load_network(weights)
    path = find_body(body or None, family=card.body_family)
    generate(Job(recipe="studio", out=folder, count=PEOPLE, seed=SEED, size=SIZE, test=0, body=str(path)), 1)
    return str(folder)
