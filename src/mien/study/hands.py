"""`mien study hands`: how far from relaxed the hands of datasets are, and what hands look like that far away.

The paper's Figure 3. The distance is that of `mien.geometry.hands`: the root mean square, over the 15 joints of a hand,
of the angle of the rotation that leads from the relaxed joint (the body's mean hand) to this one, degrees.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.fitted import mean_hands, row_weight
from mien.data.samples import Label
from mien.errors import InputError, MienError
from mien.evaluate.reading import family_of, files_of
from mien.files import exclusive
from mien.geometry.hands import hand_distances
from mien.metrics.interval import bounds
from mien.study.picture_sets import Choice, PictureSet, read_sets
from mien.study.written import check_out, describe_sets, record, write_json

__all__ = ["FORMULA", "SIDES", "Example", "Hands", "Job", "Plan", "examples", "make_plan", "measure", "run"]

FORMULA = "d = sqrt( 1/15 * sum over j of angle(relaxed_j^T pose_j)^2 ), degrees"
SIDES = ("left", "right")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAR = (30.0, 45.0)
"""Degrees beyond which hands are counted."""
STEP = 10.0
"""Degrees between examples."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for."""

    data: tuple[str, ...]
    out: Path
    choice: Choice = field(default_factory=lambda: Choice(people=20_000))
    body: str = ""
    """Of the labels: a file, a folder, or '' to look where bodies are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A job after its datasets were read; nothing is computed yet."""

    job: Job
    sets: tuple[PictureSet, ...]
    bodies: tuple[BodyModel, ...]
    """Of each dataset."""
    seconds: float
    """That reading took."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hands:
    """The hands of one side of a dataset that are known."""

    poses: Float[np.ndarray, "hand 15 3"]
    """Axis-angle, absolute."""
    distance: Float64[np.ndarray, "hand"]
    """Degrees."""
    rows: np.ndarray
    """Which of the dataset's people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A hand that is about so far from relaxed."""

    dataset: int
    side: str
    pose: Float[np.ndarray, "15 3"]
    distance: float
    image: str
    """The picture that it is of."""


def make_plan(job: Job) -> Plan:
    """Read the datasets.

    Raises:
        InputError: one does not exist, or holds no .npz.
        AssetMissing: the body of a dataset's hands is not here: without it nobody knows what is relaxed.
        OutputError: the output folder cannot be written.
    """
    start = time.perf_counter()
    loaded: dict[str, BodyModel] = {}

    def body_of(place: Path) -> BodyModel:
        files = [file for file in files_of(place, job.choice.split) if file.suffix == ".npz"]
        family = family_of(files[0]) if files else "smplx"
        if family not in loaded:
            loaded[family] = BodyModel.load(find_body(job.body or None, family=family))
        return loaded[family]

    if not job.data:
        raise InputError("no dataset", expected="folders in HumanData form, such as `mien synth` writes")
    bodies = tuple(body_of(Path(place)) for place in job.data)
    sets = tuple(read_sets(job.data, job.choice, body_of))
    check_out(job.out)
    return Plan(job=job, sets=sets, bodies=bodies, seconds=time.perf_counter() - start)


def measure(each: PictureSet, body: BodyModel) -> dict[str, Hands]:
    """The hands of a dataset, by side, and their distances to relaxed."""
    found: dict[str, Hands] = {}
    for side, mean in zip(SIDES, mean_hands(body).numpy(), strict=True):
        name = f"{side}_hand_pose"
        label: Label | None = getattr(each.truths.samples, name)
        known = np.flatnonzero(row_weight(each.truths.samples, name) > 0)
        poses = np.zeros((0, 15, 3), np.float32) if label is None else label.value[known].reshape(-1, 15, 3)
        found[side] = Hands(poses=poses, distance=hand_distances(poses, mean), rows=known)
    return found


def examples(sets: Sequence[PictureSet], hands: Sequence[dict[str, Hands]], side: str) -> list[Example]:
    """Of one side, the hand nearest to every so many degrees, of all datasets; as far as there are any."""
    distance = np.concatenate([each[side].distance for each in hands])
    which = np.concatenate([np.full(len(each[side].distance), i) for i, each in enumerate(hands)])
    place = np.concatenate([np.arange(len(each[side].distance)) for each in hands])
    found: list[Example] = []
    for wanted in np.arange(0.0, float(distance.max(initial=0)) + STEP, STEP):
        if not len(distance):
            break
        best = int(np.abs(distance - wanted).argmin())
        if abs(distance[best] - wanted) > STEP / 2:
            continue
        dataset, row = int(which[best]), int(place[best])
        hand = hands[dataset][side]
        image = str(sets[dataset].truths.samples.image[hand.rows[row]])
        found.append(
            Example(dataset=dataset, side=side, pose=hand.poses[row], distance=float(distance[best]), image=image)
        )
    return found


def run(plan: Plan) -> dict[str, Any]:
    """Compute everything, and write study.json, figures and study.html; returns what study.json holds.

    Raises:
        MienError: no dataset has hands.
        OutputError: something cannot be written.
    """
    from mien.study.hands_figures import draw_hands, write_hands_page

    start = time.perf_counter()
    with exclusive(plan.job.out):
        hands = [measure(each, body) for each, body in zip(plan.sets, plan.bodies, strict=True)]
        remarks = _remarks(plan, hands)
        if not any(len(each[side].distance) for each in hands for side in SIDES):
            raise MienError("no dataset has hands", expected="left_hand_pose or right_hand_pose in its labels")
        along = {side: examples(plan.sets, hands, side) for side in SIDES}
        figure = draw_hands(plan, hands, along)
        spent = {"reading": plan.seconds, "this_run": time.perf_counter() - start}
        described = record(
            "hands",
            seed=plan.job.choice.seed,
            seconds=spent,
            device="cpu",
            data=describe_sets(plan.sets),
            bodies={body.family: {"name": body.path.name, "sha256": body.sha256} for body in plan.bodies},
            definition={"formula": FORMULA, "relaxed": "the mean hand of the body of the labels", "far": list(FAR)},
            remarks=remarks,
            hands={
                each.name: {side: _numbers(here[side].distance, plan.job.choice.seed) for side in SIDES}
                for each, here in zip(plan.sets, hands, strict=True)
            },
            examples={side: [_example(plan, each) for each in along[side]] for side in SIDES},
        )
        write_json(plan.job.out / "study.json", described)
        write_hands_page(plan.job.out / "study.html", described, figure)
    return described


def _numbers(distance: Float64[np.ndarray, "hand"], seed: int) -> dict[str, Any]:
    """Of one side of one dataset: how many, quantiles, the median's and the shares' 95 % intervals."""
    if not len(distance):
        return {"hands": 0}
    from scipy.stats import quantile_test

    beyond = np.stack([distance > far for far in FAR], 1)
    middle = quantile_test(distance, p=0.5).confidence_interval(0.95) if len(distance) > 1 else None
    return {
        "hands": len(distance),
        "quantiles": {f"{q:.2f}": float(np.quantile(distance, q)) for q in QUANTILES},
        "median": {
            "mean": float(np.median(distance)),
            "low": None if middle is None else float(middle.low),
            "high": None if middle is None else float(middle.high),
        },
        "beyond": {
            f"{far:g}": {"mean": float(each.mean()), **bounds(each.astype(np.float64), np.ones_like(each), seed)}
            for far, each in zip(FAR, beyond.T, strict=True)
        },
        "largest": float(distance.max()),
    }  # fmt: skip


def _example(plan: Plan, each: Example) -> dict[str, Any]:
    return {"dataset": plan.sets[each.dataset].name, "image": each.image, "distance": each.distance}


def _remarks(plan: Plan, hands: Sequence[dict[str, Hands]]) -> list[str]:
    """Who has no hands."""
    found: list[str] = []
    for each, here in zip(plan.sets, hands, strict=True):
        for side in SIDES:
            if (known := len(here[side].distance)) < len(each):
                found.append(f"{each.name}: {known} of {len(each)} people have a {side} hand")
    return found
