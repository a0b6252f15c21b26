"""`mien study attributes`: how datasets look, which way their people face and how they stand; who covers whom.

The paper's Figure 2 shows maps of three attributes over all datasets. Maps say that there are clusters; here numbers
say how much of each dataset another one reaches, and which one adds most to a mix.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import InputError, MienError
from mien.evaluate.predicting import see
from mien.files import exclusive
from mien.optional import need
from mien.study.attributes_maps import Components, principal_components, umap
from mien.study.attributes_overlap import HALVINGS, MIN_PEOPLE, K, Reach, Step, Value, ladder, reach
from mien.study.attributes_spaces import SPACES, Space, orientations, skeletons, standardised, view_angles
from mien.study.backbones import Backbone, load_backbone
from mien.study.kept import is_kept, kept
from mien.study.picture_sets import Choice, PictureSet, find_set, read_sets
from mien.study.written import check_out, describe_sets, record, write_json

__all__ = ["Found", "Job", "Plan", "estimate", "make_plan", "run"]

SKELETON = "openbody"
"""Poses are compared on the skeleton of this body, of whatever family the labels are: it is always there."""
TRIED = 8
"""People that an estimate measures."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for."""

    data: tuple[str, ...]
    out: Path
    choice: Choice = field(default_factory=Choice)
    features: str = "open-xs"
    """See `mien.study.backbones.load_backbone`."""
    mix: tuple[str, ...] = ()
    """Names of datasets that are there already; others are to be added to them."""
    umap: Literal["auto", "yes", "no"] = "auto"
    device: str = "cpu"
    batch: int = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A job after everything it names was looked up; nothing is computed yet."""

    job: Job
    sets: tuple[PictureSet, ...]
    backbone: Backbone
    skeleton: BodyModel
    mix: tuple[int, ...]
    umap: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What the study found."""

    spaces: dict[str, Space]
    components: dict[str, Components]
    umaps: dict[str, tuple[np.ndarray, ...]]
    reach: dict[str, Reach]
    ladders: dict[str, list[Step]]
    remarks: tuple[str, ...]


def make_plan(job: Job) -> Plan:
    """Look up datasets, backbone and mix.

    Raises:
        InputError: a dataset does not exist or holds no .npz, or the mix names one that is not there.
        WeightsError, AssetMissing: there is no such backbone.
        OutputError: the output folder cannot be written.
    """
    if job.batch < 1:
        raise InputError(f"--batch-size {job.batch}", expected="at least 1")
    skeleton = BodyModel.load(find_body(SKELETON))
    sets = tuple(read_sets(job.data, job.choice, lambda place: skeleton))
    mix = tuple(find_set(sets, name) for name in job.mix)
    there = importlib.util.find_spec("umap") is not None
    if job.umap == "yes":
        need("umap", extra="umap", why="--umap yes")
    remarks = [] if there or job.umap == "no" else ["no UMAP: install it with: pip install 'mien[umap]'"]
    backbone = load_backbone(job.features, job.device)
    if backbone.about["warning"]:
        remarks.append(backbone.about["warning"])
    check_out(job.out)
    return Plan(
        job=job, sets=sets, backbone=backbone, skeleton=skeleton, mix=mix, umap=there and job.umap != "no",
        remarks=tuple(remarks),
    )  # fmt: skip


def estimate(plan: Plan) -> dict[str, float]:
    """Seconds that each dataset's features will take, by measuring a few people of each; 0 where they are kept."""
    found: dict[str, float] = {}
    for each in plan.sets:
        if is_kept(_file(plan, each), _made_of(plan, each)):
            found[each.name] = 0.0
            continue
        few = each.truths.take(np.arange(min(TRIED, len(each))))
        start = time.perf_counter()
        for seen in see(few, plan.backbone.image_size, TRIED):
            assert seen.crops is not None
            plan.backbone(seen.crops)
        found[each.name] = (time.perf_counter() - start) * len(each) / len(few)
    return found


def run(plan: Plan, progress: Callable[[int], object] = lambda people: None) -> dict[str, Any]:
    """Compute everything, and write study.json, figures and study.html; returns what study.json holds.

    Raises:
        MienError: there is nothing to compare.
        OutputError: something cannot be written.
    """
    from mien.study.attributes_figures import draw_all
    from mien.study.attributes_page import write_attributes_page

    start = time.perf_counter()
    with exclusive(plan.job.out):
        features, seconds = _all_features(plan, progress)
        found = _look(plan, features)
        figures = draw_all(plan, found)
        described = _describe(plan, found, {"features": seconds, "this_run": time.perf_counter() - start})
        write_json(plan.job.out / "study.json", described)
        write_attributes_page(plan.job.out / "study.html", described, figures)
    return described


def _all_features(plan: Plan, progress: Callable[[int], object]) -> tuple[list[dict[str, np.ndarray]], float]:
    """The features of each dataset, kept in files, and the seconds that they took, now or in earlier runs."""
    pairs = [
        kept(_file(plan, each), _made_of(plan, each), lambda each=each: _features(plan, each, progress))
        for each in plan.sets
    ]
    return [arrays for arrays, _ in pairs], sum(seconds for _, seconds in pairs)


def _file(plan: Plan, each: PictureSet) -> Path:
    return plan.job.out / "features" / f"{each.name.replace('/', '_')}.npz"


def _made_of(plan: Plan, each: PictureSet) -> dict[str, Any]:
    return {"backbone": dict(plan.backbone.about), **each.made_of}


def _features(plan: Plan, each: PictureSet, progress: Callable[[int], object]) -> Mapping[str, np.ndarray]:
    """Vectors of the people whose picture can be read, and who they are."""
    vectors, read = list[np.ndarray](), list[bool]()
    for seen in see(each.truths, plan.backbone.image_size, plan.job.batch):
        assert seen.crops is not None
        good = np.array([not problem for problem in seen.problem])
        if good.any():
            vectors.append(plan.backbone(seen.crops[good]))
        read += good.tolist()
        progress(len(good))
    features = np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32)
    return {"features": features, "read": np.array(read, dtype=bool)}


def _look(plan: Plan, features: list[dict[str, np.ndarray]]) -> Found:
    """Points, maps and numbers of each space in which somebody is known."""
    spaces, remarks = _spaces(plan, features)
    if not spaces:
        raise MienError("no dataset has readable pictures, a global orientation or a body pose: nothing to compare")
    components, umaps = dict[str, Components](), dict[str, tuple[np.ndarray, ...]]()
    found, ladders = dict[str, Reach](), dict[str, list[Step]]()
    for name, space in spaces.items():
        components[name] = principal_components(space.points)
        total = sum(map(len, space.points))
        if name == "orientation":
            pass  # it has two angles to be drawn by
        elif plan.umap and total >= MIN_PEOPLE:
            umaps[name] = umap(space.points, plan.job.choice.seed)
        elif plan.umap:
            remarks.append(f"{name}: no UMAP of {total} people")
        enough = [i for i, part in enumerate(space.points) if len(part) >= MIN_PEOPLE]
        few = [plan.sets[i].name for i in range(len(plan.sets)) if i not in enough]
        if few:
            said = f"{name}: no numbers for {', '.join(few)}: fewer than {MIN_PEOPLE} people in pictures of their own"
            remarks.append(said)
        if len(enough) < 2:
            remarks.append(f"{name}: nothing to compare with: fewer than two datasets have enough people")
            continue
        names = [plan.sets[i].name for i in enough]
        found[name] = reach([space.points[i] for i in enough], names, seed=plan.job.choice.seed)
        ladders[name] = ladder(found[name], [enough.index(i) for i in plan.mix if i in enough])
    return Found(
        spaces=spaces, components=components, umaps=umaps, reach=found, ladders=ladders,
        remarks=(*plan.remarks, *remarks),
    )  # fmt: skip


def _spaces(plan: Plan, features: list[dict[str, np.ndarray]]) -> tuple[dict[str, Space], list[str]]:
    """The people of all datasets as points, and what is missing."""
    width = max(each["features"].shape[1] for each in features)
    vectors = [each["features"] if len(each["features"]) else np.zeros((0, width), np.float32) for each in features]
    parts: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {
        "picture": (vectors, [each["read"] for each in features])
    }
    turned = [orientations(each.truths.samples) for each in plan.sets]
    stands = [skeletons(each.truths.samples, plan.skeleton) for each in plan.sets]
    parts["orientation"] = ([points for points, _ in turned], [known for _, known in turned])
    parts["pose"] = ([points for points, _ in stands], [known for _, known in stands])
    if any(map(len, vectors)):
        parts["picture"] = (list(standardised(vectors)), parts["picture"][1])
    found, remarks = dict[str, Space](), list[str]()
    words = {"picture": "readable pictures", "orientation": "a global orientation", "pose": "a body pose"}
    for name, (points, rows) in parts.items():
        for each, part, known in zip(plan.sets, points, rows, strict=True):
            if len(part) < len(each):
                remarks.append(f"{name}: {int(known.sum())} of {len(each)} people of {each.name} have {words[name]}")
        if any(map(len, points)):
            found[name] = Space(name=name, points=tuple(points), rows=tuple(rows))
    return found, remarks


def _describe(plan: Plan, found: Found, seconds: Mapping[str, float]) -> dict[str, Any]:
    return record(
        "attributes",
        seed=plan.job.choice.seed,
        seconds=seconds,
        device=plan.job.device,
        data=describe_sets(plan.sets),
        backbone=dict(plan.backbone.about),
        mix=[plan.sets[i].name for i in plan.mix],
        definition={
            "k": K, "halvings": HALVINGS, "by_chance": 1 - 2.0**-K, "spaces": SPACES,
            "coverage": "C(A | B): share of people of A's first half whose nearest of B's second half is no farther "
            "than their k-th neighbour in A's first half",
        },
        remarks=list(found.remarks),
        scenes={each.name: _counts(each.scene) for each in plan.sets},
        spaces={name: _numbers(name, found) for name in found.spaces},
        view=_angles(plan, found),
    )  # fmt: skip


def _numbers(name: str, found: Found) -> dict[str, Any]:
    said: dict[str, Any] = {"explained": found.components[name].explained[:10].tolist()}
    if name not in found.reach:
        return said
    reach, names = found.reach[name], found.reach[name].names
    pairs = [(i, j) for i in range(len(names)) for j in range(len(names))]
    return said | {
        "people_each": reach.people,
        "coverage": {names[i]: {names[j]: _value(reach.coverage(i, [j])) for _, j in pairs[: len(names)]}
                     for i in range(len(names))},
        "overlap": {f"{names[i]} / {names[j]}": _value(reach.overlap(i, j)) for i, j in pairs if i < j},
        "reaches": {each: _value(reach.reaches(i)) for i, each in enumerate(names)},
        "alone": {each: _value(reach.alone(i)) for i, each in enumerate(names)},
        "ladder": [
            {
                "added": step.added, "covered": _value(step.covered), "gain": _value(step.gain),
                "runner_up": step.runner_up, "lead": None if step.lead is None else _value(step.lead),
                "clear": step.clear,
            }
            for step in found.ladders[name]
        ],
    }  # fmt: skip


def _value(value: Value) -> dict[str, float]:
    return {"mean": value.mean, "low": value.low, "high": value.high}


def _counts(words: tuple[str, ...]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def _angles(plan: Plan, found: Found) -> dict[str, dict[str, float]]:
    """Of each dataset: whom one sees from where, percent of its people."""
    said: dict[str, dict[str, float]] = {}
    if "orientation" not in found.spaces:
        return said
    for each, matrices in zip(plan.sets, found.spaces["orientation"].points, strict=True):
        if len(matrices):
            yaw, pitch, roll = np.abs(view_angles(matrices)).T
            said[each.name] = {
                "front": float(100 * (yaw < 45).mean()), "side": float(100 * ((yaw >= 45) & (yaw <= 135)).mean()),
                "back": float(100 * (yaw > 135).mean()), "upright": float(100 * ((pitch < 30) & (roll < 30)).mean()),
            }  # fmt: skip
    return said
