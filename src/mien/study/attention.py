"""`mien study attention`: where each task token of a network looks, on the crop and on the picture, and in numbers.

The paper shows maps in which tokens look at the part of the body that they speak of. Whether they do is measured: of
the attention that a token spends on patches, how much lies around its joint, against what chance gives, and against
what the map of another person of the same dataset has there: a token that looks at one place in all crops reads little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64

import mien
from mien.errors import InputError, MienError, closest
from mien.estimator import Device, Estimator
from mien.files import exclusive
from mien.metrics.interval import bounds
from mien.study.attention_capture import default_layer, layers
from mien.study.attention_people import Source, gather, sources_of
from mien.study.attention_tokens import PARTS, TaskToken, tokens_of
from mien.study.kept import is_kept, kept
from mien.study.picture_sets import Choice
from mien.study.written import check_out, describe_sets, record, write_json

__all__ = ["Job", "Lifts", "Plan", "estimate", "lifts", "make_plan", "part_lift", "run"]

AROUND = 1
"""Patches around that of the joint which count as its place: 3 x 3."""
TRIED = 4
"""People that an estimate measures."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for."""

    inputs: tuple[str, ...]
    out: Path
    weights: str = "open-xs"
    choice: Choice = field(default_factory=lambda: Choice(split="test", people=40))
    layer: str = ""
    """Of attention, by name; by default the last in which task tokens look at patches."""
    detector: str = "auto"
    """Of pictures without labels."""
    person: str = "largest"
    body: str = ""
    device: Device = "cpu"
    batch: int = 8
    shown: int = 6
    """People in the figure."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A job after everything it names was looked up; nothing is computed yet."""

    job: Job
    estimator: Estimator
    layer: str
    layers: tuple[str, ...]
    tokens: tuple[TaskToken, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lifts:
    """How much more of a token's attention lies around its joint than chance gives: 1 is chance."""

    own: Float64[np.ndarray, "person token"]
    """Not a number where the joint is not known or not in the crop."""
    other: Float64[np.ndarray, "person token"]
    """The same place on the map of another person of the same source."""


def make_plan(job: Job) -> Plan:
    """Look up weights, layer and people.

    Raises:
        WeightsError: there are no such weights.
        InputError: their network has no such layer or no task tokens, an input does not exist, or a number is wrong.
        OutputError: the output folder cannot be written.
    """
    if job.shown < 1 or job.batch < 1:
        raise InputError(f"--shown {job.shown}, --batch-size {job.batch}", expected="at least 1")
    estimator = mien.load(
        job.weights, body=job.body or None, detector=job.detector if _asks(job) else "full-image",
        person=job.person, device=job.device, batch_size=job.batch,
    )  # fmt: skip
    tokens, there = tokens_of(estimator.network), layers(estimator.network)
    layer = job.layer or default_layer(estimator.network)
    if layer not in there:
        raise InputError(f"{job.weights} has no attention layer {layer!r}", todo=closest(layer, there))
    sources = sources_of(job.inputs, job.choice, estimator.body)
    check_out(job.out)
    return Plan(job=job, estimator=estimator, layer=layer, layers=tuple(there), tokens=tokens, sources=tuple(sources))


def _asks(job: Job) -> bool:
    """Whether a detector is needed at all."""
    from mien.study.attention_people import is_dataset

    return not all(is_dataset(place) for place in job.inputs)


def estimate(plan: Plan) -> dict[str, float]:
    """Seconds that each source will take, by looking at a few of its people; 0 where it is kept."""
    found: dict[str, float] = {}
    for source in plan.sources:
        if is_kept(_file(plan, source), _made_of(plan, source)):
            found[source.name] = 0.0
            continue
        few = min(TRIED, len(source))
        start = time.perf_counter()
        gather(plan.estimator, plan.layer, plan.tokens, source.first(few))
        found[source.name] = (time.perf_counter() - start) * len(source) / few
    return found


def run(plan: Plan, progress: Callable[[int], object] = lambda pictures: None) -> dict[str, Any]:
    """Compute everything, and write study.json, figures and study.html; returns what study.json holds.

    Raises:
        MienError: nobody can be looked at.
        OutputError: something cannot be written.
    """
    from mien.study.attention_figures import draw_attention, write_attention_page

    start = time.perf_counter()
    with exclusive(plan.job.out):
        looks, seconds = list[dict[str, np.ndarray]](), 0.0
        for source in plan.sources:
            arrays, spent = kept(
                _file(plan, source),
                _made_of(plan, source),
                lambda source=source: gather(plan.estimator, plan.layer, plan.tokens, source),
            )
            looks.append(arrays)
            seconds += spent
            progress(len(source))
        if not any(len(look["heat"]) for look in looks):
            problems = [str(line) for look in looks for line in look["problems"]] or ["nobody was found"]
            raise MienError(f"nobody can be looked at: {problems[0]}", expected="pictures that can be read")
        each = [_of_source(plan, look) for look in looks]
        figures = draw_attention(plan, looks, each)
        described = _describe(plan, looks, each, {"looking": seconds, "this_run": time.perf_counter() - start})
        write_json(plan.job.out / "study.json", described)
        write_attention_page(plan.job.out / "study.html", described, figures)
    return described


def _file(plan: Plan, source: Source) -> Path:
    return plan.job.out / "looks" / f"{source.name.replace('/', '_')}.npz"


def _made_of(plan: Plan, source: Source) -> dict[str, Any]:
    estimator, job = plan.estimator, plan.job
    asked = [] if source.data is not None else [estimator.detector_name, job.person]
    weights = {"name": estimator.card.name, "sha256": estimator.card.sha256}
    return {"weights": weights, "layer": plan.layer, "asked": asked, **source.made_of}


def _of_source(plan: Plan, look: Mapping[str, np.ndarray]) -> Lifts:
    grid, seed = plan.estimator.network.encoder.grid, plan.job.choice.seed
    return lifts(look["heat"], look["crop"], look["joints"], look["known"], plan.tokens, grid, seed)


def lifts(
    heat: Float[np.ndarray, "person token patch"],
    crop: Float[np.ndarray, "person 4"],
    joints: Float[np.ndarray, "person 144 2"],
    known: np.ndarray,
    tokens: Sequence[TaskToken],
    grid: tuple[int, int],
    seed: int = 0,
) -> Lifts:
    """How much of each token's attention lies on the 3 x 3 patches around its joint (fewer at the crop's edge), as a
    multiple of their share of all patches.

    Args:
        heat: attention over patches, row by row; sums to 1.
        crop: x, y, width, height, pixels of the picture.
        joints: pixels of the picture.
        known: (person, 144) whose place is known and seen.
        tokens: of the second axis of `heat`.
        grid: rows and columns of patches.
        seed: of who is the other person.
    """
    rows, columns = grid
    people = len(heat)
    maps = heat.reshape(people, len(tokens), rows, columns).astype(np.float64)
    order = np.random.default_rng(seed).permutation(people)
    stranger = np.empty(people, dtype=np.int64)
    stranger[order] = np.roll(order, 1)
    own, other = np.full((people, len(tokens)), np.nan), np.full((people, len(tokens)), np.nan)
    cells = np.floor((joints - crop[:, None, :2]) / crop[:, None, 2:] * [columns, rows]).astype(np.int64)
    inside = known & ((cells >= 0) & (cells < [columns, rows])).all(-1)
    for t, token in enumerate(tokens):
        if token.joint is None:
            continue
        for p in np.flatnonzero(inside[:, token.joint]):
            x, y = cells[p, token.joint]
            place = (slice(max(0, y - AROUND), y + AROUND + 1), slice(max(0, x - AROUND), x + AROUND + 1))
            chance = maps[p, t][place].size / (rows * columns)
            own[p, t] = maps[p, t][place].sum() / chance
            if people > 1:
                other[p, t] = maps[stranger[p], t][place].sum() / chance
    return Lifts(own=own, other=other)


def _describe(
    plan: Plan, looks: Sequence[Mapping[str, np.ndarray]], each: Sequence[Lifts], seconds: Mapping[str, float]
) -> dict[str, Any]:
    seed, card = plan.job.choice.seed, plan.estimator.card
    shares = np.concatenate([look["share"] for look in looks])
    everyone = Lifts(own=np.concatenate([one.own for one in each]), other=np.concatenate([one.other for one in each]))
    pairs = list(zip(plan.sources, looks, strict=True))
    remarks = [f"{source.name}: {line}" for source, look in pairs for line in look["problems"]]
    return record(
        "attention",
        seed=seed,
        seconds=seconds,
        device=plan.job.device,
        data=describe_sets([source.data for source in plan.sources if source.data is not None]),
        people={source.name: len(look["heat"]) for source, look in pairs},
        weights={"name": card.name, "sha256": card.sha256, "warning": card.warning},
        layer=plan.layer,
        layers=list(plan.layers),
        grid=list(plan.estimator.network.encoder.grid),
        definition={
            "lift": "attention of a token on the 3 x 3 patches around its joint, divided by their share of all "
            "patches; 1 is chance",
            "other": "the same place on the map of another person of the same source",
            "alike": "how much of one map lies in another: the sum over patches of the smaller of the two, 1 if they "
            "are the same; mean over pairs of parts with joints",
            "joints": "true ones that are seen, in datasets; the network's own in pictures without labels",
        },
        alike=_alike(plan, np.concatenate([look["heat"] for look in looks])),
        remarks=[*([card.warning] if card.warning else []), *remarks],
        parts={part: part_lift(plan, everyone, part, seed) for part in PARTS},
        tokens={
            token.name: {"part": token.part, "on_patches": float(shares[:, t].mean())}
            | _lift(everyone.own[:, t : t + 1], everyone.other[:, t : t + 1], seed)
            for t, token in enumerate(plan.tokens)
        },
        sources={
            source.name: {part: part_lift(plan, one, part, seed) for part in PARTS}
            for source, one in zip(plan.sources, each, strict=True)
        },
    )  # fmt: skip


def _alike(plan: Plan, heat: Float[np.ndarray, "person token patch"]) -> dict[str, Any]:
    """How alike the maps of different parts of one person are, and the maps of one part of two people."""
    seed, placed = plan.job.choice.seed, [token.part for token in plan.tokens if token.joint is not None]
    mine = [[t for t, token in enumerate(plan.tokens) if token.part == part] for part in PARTS if part in placed]
    maps = np.stack([heat[:, tokens].mean(1) for tokens in mine], 1)
    one, two = np.triu_indices(maps.shape[1], 1)
    order = np.random.default_rng(seed).permutation(len(maps))
    other = maps[np.roll(order, 1)][np.argsort(order)]
    found = {"parts_of_one_person": np.minimum(maps[:, one], maps[:, two]).sum(-1).mean(1)}
    if len(maps) > 1:
        found["one_part_of_two_people"] = np.minimum(maps, other).sum(-1).mean(1)
    everyone = np.ones(len(maps), dtype=bool)
    return {name: _mean(values.astype(np.float64), everyone, seed) for name, values in found.items()}


def part_lift(plan: Plan, found: Lifts, part: str, seed: int) -> dict[str, Any]:
    """Means of a part of the body over its tokens and over people, with intervals; None where nobody counts."""
    mine = [t for t, token in enumerate(plan.tokens) if token.part == part]
    return {"tokens": len(mine)} | _lift(found.own[:, mine], found.other[:, mine], seed)


def _lift(own: np.ndarray, other: np.ndarray, seed: int) -> dict[str, Any]:
    """Means over people of the mean over tokens, with 95 % intervals; how much more the own map has than the other."""
    said: dict[str, Any] = {}
    both = np.isfinite(own) & np.isfinite(other)
    pairs = (
        ("own", own, np.isfinite(own)),
        ("other", other, np.isfinite(other)),
        ("follows", own - other, both),
    )
    for name, values, good in pairs:
        count = good.sum(1)
        means = np.where(good, values, 0).sum(1) / np.maximum(count, 1)
        there = count > 0
        if not there.any():
            said[name] = None
            continue
        said[name] = _mean(means, there, seed)
    return {"people": int(np.isfinite(own).any(1).sum())} | said


def _mean(
    values: Float64[np.ndarray, "person"], there: Bool[np.ndarray, "person"], seed: int
) -> dict[str, float | None]:
    """With its 95 % interval."""
    return {"mean": float(values[there].mean()), **bounds(values, there, seed)}
