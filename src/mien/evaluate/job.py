"""What is to be measured: systems, bodies and truth, looked up before anything is written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import AssetMissing, BodyError, InputError
from mien.estimator import load
from mien.evaluate.baseline import Baseline, BaselinePredictor, read_baseline
from mien.evaluate.fitting import fit_baseline
from mien.evaluate.guesses import read_guesses
from mien.evaluate.guessing import FilePredictor, pair, remarks
from mien.evaluate.predicting import NetworkPredictor, Predictor
from mien.evaluate.protocols import Protocol, find_protocol, protocols, read_protocol
from mien.evaluate.reading import Hands, Split, family_of, files_of, read_store, read_truths, store_family
from mien.evaluate.truths import Truths
from mien.files import read_json, sha256
from mien.metrics.matching import Detection

__all__ = ["BASELINE", "Job", "Plan", "Subject", "check_out", "is_predictions", "make_plan", "subject_of"]

BASELINE = "baseline:"
CONSTANT = "constant person"
"""What reports call a baseline."""
RUN, RESULTS, SAMPLES = "run.json", "results.json", "samples.parquet"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be measured."""

    weights: str
    """Weights; a folder or table of predictions; `baseline:FILE.json`, or `baseline:FOLDER[,FOLDER...]` to find the
    best constant for those first."""
    on: tuple[str, ...]
    """Names of protocols; folders, files and stores."""
    out: Path
    split: Split = "test"
    body: str | None = None
    images: str | None = None
    root: Path | None = None
    """Of the raw data, for protocols."""
    hands: Hands = "flat"
    reader: str = ""
    """Of annotation files, where they do not tell it themselves."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    batch: int = 32
    max_bad: int = 0
    resume: bool = False
    workers: int = 1
    """Processes."""
    seed: int = 0
    """Of the people that a baseline is found for, where there are many, and of intervals."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A job after everything it names was looked up; nothing is written yet."""

    job: Job
    predictor: Callable[[int, slice], Predictor]
    """For some rows of one of the folders."""
    baseline: Baseline | None
    """Where it was found for this job."""
    body: BodyModel
    truths: tuple[Truths, ...]
    protocols: tuple[Protocol | None, ...]
    """Of each folder."""
    settings: Mapping[str, Any]
    """What tells this run from others."""
    warning: str
    """What whoever reads the results must be told."""
    remarks: tuple[str, ...] = ()
    """What looks odd, or is measured otherwise than one might think."""
    detection: Mapping[str, Detection] = field(default_factory=dict)
    """By folder, where predictions were paired with people."""

    @property
    def people(self) -> int:
        """Of all folders."""
        return sum(map(len, self.truths))


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Who is measured."""

    body: BodyModel
    about: dict[str, Any]
    bind: Callable[[Sequence[Truths]], tuple[Callable[[int, slice], Predictor], dict[str, Detection]]]
    baseline: Baseline | None = None
    warning: str = ""
    remarks: tuple[str, ...] = ()


def make_plan(job: Job) -> Plan:
    """Look up weights or predictions, body and truth.

    Raises:
        InputError: an argument is wrong, a folder has no truth, or the results of another run are in the way.
        WeightsError, BodyError, AssetMissing: of the weights and the body.
    """
    if not job.on:
        raise InputError("no --on", expected="names of protocols, or folders with truth, such as `mien synth` makes")
    if job.batch < 1 or job.max_bad < 0 or job.workers < 1:
        found = f"--batch-size {job.batch}, --max-bad {job.max_bad}, --workers {job.workers}"
        raise InputError(found, expected="at least 1, at least 0 and at least 1")
    if job.out.exists() and not job.out.is_dir():
        raise InputError(f"--out {job.out} is a file", expected="a folder, there or to be made")
    for name in job.on:
        _look(name, job)
    subject = subject_of(job)
    pairs = [pair for name in job.on for pair in _truths(name, job, subject.body)]
    truths = _named([each for each, _, _ in pairs], [place for _, _, place in pairs])
    predictor, detection = subject.bind(truths)
    settings = {
        "subject": subject.about,
        "body": {"family": subject.body.family, "name": subject.body.path.name, "sha256": subject.body.sha256},
        "split": job.split,
        "hands": job.hands,
        "reader": job.reader,
        "images": job.images,
        "seed": job.seed,
        "mien": mien.__version__,
        "folders": {each.name: each.sources for each in truths},
    }
    check_out(job, settings)
    return Plan(
        job=job,
        predictor=predictor,
        baseline=subject.baseline,
        body=subject.body,
        truths=truths,
        protocols=tuple(protocol for _, protocol, _ in pairs),
        settings=settings,
        warning=subject.warning,
        remarks=(*subject.remarks, *_of_families(truths, subject.body), *_of_names(pairs)),
        detection=detection,
    )


def is_predictions(name: str) -> bool:
    """Whether a name means predictions in files, not weights."""
    path = Path(name)
    if path.is_dir():
        return not (path / "model.safetensors").exists()
    return path.is_file() and path.suffix in (".csv", ".parquet")


def _family_on(job: Job) -> str:
    """Of the labels, for predictions that are of no body."""
    path = Path(job.on[0])
    if _in_store(path):
        return store_family(path, job.split)
    if not path.exists():
        protocol = find_protocol(job.on[0])
        if protocol.dataset or job.root is None:
            return "smplx"
        path = job.root / protocol.name
    file = files_of(path, job.split)[0]
    return family_of(file) if file.suffix == ".npz" else "smplx"


def _of_families(truths: Sequence[Truths], body: BodyModel) -> list[str]:
    found: list[str] = []
    for each in truths:
        if not each.whole.any() and not each.smpl:
            found.append(f"{each.name}: nobody has whole SMPL-X parameters: only joints and keypoints are compared")
        elif each.family != body.family:
            found.append(
                f"{each.name}: its labels are of a {each.family!r} body, the predictions of a {body.family!r} body: "
                "shapes and meshes do not carry over, only joints and keypoints are compared"
            )
    return found


def _of_names(pairs: Sequence[tuple[Truths, Protocol | None, Path]]) -> list[str]:
    """Folders and datasets that are called as a benchmark is, and are not measured by its protocol."""
    called = [(truths.name, truths.name.partition("/")[0]) for truths, protocol, _ in pairs if protocol is None]
    return [
        f"{name}: measured as it is, not by the protocol {first}: --on {first} --root would choose its people and rules"
        for name, first in called
        if first in protocols()
    ]


def _look(name: str, job: Job) -> None:
    """Raise `InputError` at once if a name means nothing."""
    path = Path(name)
    if path.exists():
        if not _in_store(path):
            files_of(path, job.split)
    elif not _in_store(path):
        if "/" in name or name.startswith("."):
            raise InputError(f"{name} does not exist", expected="a folder with truth, or the name of a protocol")
        protocol = find_protocol(name)
        if job.root is None:
            found = f"{name} is the protocol of {protocol.title}"
            raise InputError(found, expected="--root, the folder with its files, or a folder in its place")


def _in_store(path: Path) -> bool:
    """Whether a path is a store, or a dataset below one."""
    near = [path, path.parent, path.parent.parent]
    return any((place / "store.json").is_file() for place in near)


def _truths(name: str, job: Job, body: BodyModel) -> list[tuple[Truths, Protocol | None, Path]]:
    """The truth that a name means, its protocol, and its place."""
    path = Path(name)
    if _in_store(path):
        found = read_store(path, body, job.split, job.root)
        return [(each, _of_recipe(each.name.partition("/")[0]), path / each.name) for each in found]
    options: dict[str, Any] = {"images": job.images, "hands": job.hands, "other_body": True, "reader": job.reader}
    if path.exists():
        truths = read_truths(path, job.split, body, **options)
        return [(truths, _of_recipe(truths.name), path)]
    protocol = find_protocol(name)
    assert job.root is not None
    if not protocol.dataset:
        return [(read_truths(job.root / protocol.name, job.split, body, **options), protocol, job.root / protocol.name)]
    return [(read_protocol(protocol, job.root, body, images=job.images), protocol, job.root / name)]


def _of_recipe(name: str) -> Protocol | None:
    """The protocol of a recipe of `mien synth`; those of benchmarks choose people, which a name alone does not do."""
    protocol = protocols().get(name)
    return None if protocol is None or protocol.dataset else protocol


def subject_of(job: Job) -> Subject:
    """Who a job is about.

    Raises:
        InputError, WeightsError, BodyError, AssetMissing: of weights, predictions and bodies.
    """
    if job.weights.startswith(BASELINE):
        return _baseline(job)
    if is_predictions(job.weights):
        return _files(job)
    estimate = load(job.weights, body=job.body, detector="full-image", device=job.device, precision=job.precision)
    card, network = estimate.card, NetworkPredictor(network=estimate.network, body=estimate.body)
    about = {"kind": "network", "name": card.name, "sha256": card.sha256, "precision": job.precision}
    return Subject(body=estimate.body, about=about, bind=lambda truths: (_always(network), {}), warning=card.warning)


def _always(predictor: Predictor) -> Callable[[int, slice], Predictor]:
    """The same for all rows of all folders."""
    return lambda number, rows: predictor


def _files(job: Job) -> Subject:
    """Predictions in files. Offsets of hands are taken from the mean hand of an SMPL-X body, if there is one."""
    path = Path(job.weights)
    known = None
    with contextlib.suppress(AssetMissing, BodyError):  # predictions on the open body need no other
        known = BodyModel.load(find_body(job.body, family="smplx"))
    hands = None if known is None or known.mean_hands is None else known.mean_hands.numpy()
    guesses = read_guesses(path, mean_hands=hands)
    family = guesses.family or _family_on(job)
    body = known if known is not None and family == known.family else BodyModel.load(find_body(job.body, family=family))
    about = {"kind": "predictions", "name": guesses.name, "form": guesses.kind, "people": len(guesses.guesses)}
    about |= {"sha256": guesses.sha256}

    def bind(truths: Sequence[Truths]) -> tuple[Callable[[int, slice], Predictor], dict[str, Detection]]:
        pairs = [pair(guesses, each, body) for each in truths]
        chosen: list[np.ndarray] = [places for places, _ in pairs]
        detection = {each.name: found for each, (_, found) in zip(truths, pairs, strict=True)}
        return lambda number, rows: FilePredictor(guesses=guesses, chosen=chosen[number][rows]), detection

    return Subject(body=body, about=about, bind=bind, warning=guesses.warning, remarks=tuple(remarks(guesses)))


def _baseline(job: Job) -> Subject:
    """The constant to measure: read from its file, or found for some folders."""
    where = [Path(part) for part in job.weights.removeprefix(BASELINE).split(",") if part]
    if len(where) == 1 and where[0].suffix == ".json":
        known = read_baseline(where[0])
        body = BodyModel.load(find_body(job.body, family=known.provenance.body_family))
        known = read_baseline(where[0], body)
        subject = {"kind": "baseline", "name": CONSTANT, "file": where[0].name, "sha256": sha256(where[0])}
        predictor = BaselinePredictor(baseline=known)
        return Subject(body=body, about=subject, bind=lambda truths: (_always(predictor), {}))
    if not where:
        raise InputError(f"{job.weights!r} names no file", expected="baseline:FILE.json or baseline:FOLDER[,FOLDER]")
    family = family_of(files_of(where[0], "train")[0])
    body = BodyModel.load(find_body(job.body, family=family))
    truths = _named([read_truths(each, "train", body, images=job.images, hands=job.hands) for each in where], where)
    found = fit_baseline(truths, body, seed=job.seed)
    subject = {"kind": "baseline", "name": CONSTANT, "sources": found.provenance.sources, "seed": job.seed}
    other = BaselinePredictor(baseline=found)
    return Subject(body=body, about=subject, bind=lambda truths: (_always(other), {}), baseline=found)


def _named(truths: Sequence[Truths], folders: Sequence[Path]) -> tuple[Truths, ...]:
    """The truths with a name for each: of its recipe; where two have the same, of its folder; then with a number."""
    for choose in (lambda truth, folder: truth.name, lambda truth, folder: folder.resolve().name):
        names = [choose(truth, folder) for truth, folder in zip(truths, folders, strict=True)]
        if len(set(names)) == len(names):
            break
    else:
        names = [f"{name}-{i + 1}" for i, name in enumerate(names)]
    return tuple(replace(truth, name=name) for truth, name in zip(truths, names, strict=True))


def check_out(job: Job, settings: Mapping[str, Any]) -> None:
    """Raise `InputError` if the folder holds what another run found."""
    path = job.out / RUN
    if not path.exists():
        strangers = [name for name in (RESULTS, SAMPLES) if (job.out / name).exists()]
        if strangers:
            raise InputError(f"{job.out} already holds {', '.join(strangers)}", todo="choose another --out")
        return
    try:
        there = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error})", todo="choose another --out, or delete that folder") from error
    asked = json.loads(json.dumps(settings))
    differs = [name for name in asked if not isinstance(there, dict) or there.get(name) != asked[name]]
    if differs:
        raise InputError(
            f"{job.out} holds results of another run: its {' and '.join(differs)} differ",
            todo="choose another --out, or delete that folder",
        )
