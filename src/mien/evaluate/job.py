"""A whole evaluation: folders one after the other, in stretches that outlive an interruption, into a table and a JSON.

OUT/results.json has the means, versions and hashes, OUT/samples.parquet a row for each person; both appear when all is
done. OUT/run.json says what is measured, so that no two runs get mixed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.manifest import read_json, write_json
from mien.errors import InputError
from mien.estimator import load
from mien.evaluate.baseline import Baseline, BaselinePredictor, read_baseline
from mien.evaluate.fitting import fit_baseline
from mien.evaluate.predicting import NetworkPredictor, Predictor
from mien.evaluate.results import Results
from mien.evaluate.running import BadPictures, evaluate
from mien.evaluate.truths import Hands, Split, Truths, family_of, files_of, read_truths
from mien.files import atomic_write, exclusive, sha256
from mien.metrics.parts import MeshParts
from mien.metrics.tally import Tally, merge

__all__ = ["BASELINE", "Job", "Plan", "make_plan", "run"]

BASELINE = "baseline:"
SCHEMA_VERSION = 1
STRETCH = 2048
"""People that are measured between two saves."""
PARTS, RUN, RESULTS, SAMPLES = ".parts", "run.json", "results.json", "samples.parquet"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be measured."""

    weights: str
    """Weights, `baseline:FILE.json`, or `baseline:FOLDER[,FOLDER...]` to find the best constant for those first."""
    on: tuple[Path, ...]
    out: Path
    split: Split = "test"
    body: str | None = None
    images: str | None = None
    hands: Hands = "flat"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    batch: int = 32
    max_bad: int = 0
    resume: bool = False
    seed: int = 0
    """Of the people that a baseline is found for, where there are many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A job after everything it names was looked up; nothing is written yet."""

    job: Job
    predictor: Predictor
    baseline: Baseline | None
    """Where it was found for this job."""
    body: BodyModel
    truths: tuple[Truths, ...]
    settings: Mapping[str, Any]
    """What tells this run from others."""
    warning: str
    """What whoever reads the results must be told."""

    @property
    def people(self) -> int:
        """Of all folders."""
        return sum(map(len, self.truths))


def make_plan(job: Job) -> Plan:
    """Look up weights, body and truth.

    Raises:
        InputError: an argument is wrong, a folder has no truth, or the results of another run are in the way.
        WeightsError, BodyError, AssetMissing: of the weights and the body.
    """
    if not job.on:
        raise InputError("no --on", expected="folders with truth, such as `mien synth` makes")
    if job.batch < 1 or job.max_bad < 0:
        raise InputError(f"--batch-size {job.batch}, --max-bad {job.max_bad}", expected="at least 1, and at least 0")
    if job.out.exists() and not job.out.is_dir():
        raise InputError(f"--out {job.out} is a file", expected="a folder, there or to be made")
    for folder in job.on:
        files_of(folder, job.split)
    warning, baseline = "", None
    if job.weights.startswith(BASELINE):
        predictor, body, baseline, subject = _baseline(job)
    else:
        estimate = load(job.weights, body=job.body, detector="full-image", device=job.device, precision=job.precision)
        body, warning = estimate.body, estimate.card.warning
        predictor = NetworkPredictor(network=estimate.network, body=body)
        subject = {"kind": "network", "name": estimate.card.name, "sha256": estimate.card.sha256}
        subject |= {"precision": job.precision}
    truths = _named([read_truths(f, job.split, body, images=job.images, hands=job.hands) for f in job.on], job.on)
    settings = {
        "subject": subject,
        "body": {"family": body.family, "name": body.path.name, "sha256": body.sha256},
        "split": job.split,
        "folders": {each.name: each.sources for each in truths},
    }
    _check_out(job, settings)
    return Plan(
        job=job, predictor=predictor, baseline=baseline, body=body, truths=truths, settings=settings, warning=warning
    )


def run(plan: Plan, progress: Callable[[int], None] = lambda people: None) -> tuple[Results, dict[str, Any]]:
    """Do it.

    Args:
        plan: of `make_plan`.
        progress: told, now and then, how many more people are done.

    Returns:
        The results, and what stands in results.json.

    Raises:
        PictureError: more pictures than allowed cannot be used; what was finished stays, for `--resume`.
        OutputError: the folder cannot be written, or another process writes to it.
    """
    job = plan.job
    with exclusive(job.out):
        if not job.resume:
            for name in (RESULTS, SAMPLES):
                (job.out / name).unlink(missing_ok=True)
            shutil.rmtree(job.out / PARTS, ignore_errors=True)
        write_json(job.out / RUN, plan.settings)
        if plan.baseline is not None:
            plan.baseline.write(job.out / "baseline.json")
        start = time.monotonic()
        if (results := _whole(job)) is not None:
            return results, read_json(job.out / RESULTS)
        results = _measure(plan, progress)
        record = _record(plan, results, time.monotonic() - start)
        _write_table(job.out / SAMPLES, results)
        write_json(job.out / RESULTS, record)
        shutil.rmtree(job.out / PARTS, ignore_errors=True)
    return results, record


def _baseline(job: Job) -> tuple[Predictor, BodyModel, Baseline | None, dict[str, Any]]:
    """The constant to measure: read from its file, or found for some folders."""
    where = [Path(part) for part in job.weights.removeprefix(BASELINE).split(",") if part]
    if len(where) == 1 and where[0].suffix == ".json":
        known = read_baseline(where[0])
        body = BodyModel.load(find_body(job.body, family=known.provenance.body_family))
        known = read_baseline(where[0], body)
        subject = {"kind": "baseline", "name": where[0].name, "sha256": sha256(where[0])}
        return BaselinePredictor(baseline=known), body, None, subject
    if not where:
        raise InputError(f"{job.weights!r} names no file", expected="baseline:FILE.json or baseline:FOLDER[,FOLDER]")
    family = family_of(files_of(where[0], "train")[0])
    body = BodyModel.load(find_body(job.body, family=family))
    truths = _named([read_truths(each, "train", body, images=job.images, hands=job.hands) for each in where], where)
    found = fit_baseline(truths, body, seed=job.seed)
    subject = {"kind": "baseline", "name": job.weights, "sources": found.provenance.sources, "seed": job.seed}
    return BaselinePredictor(baseline=found), body, found, subject


def _named(truths: Sequence[Truths], folders: Sequence[Path]) -> tuple[Truths, ...]:
    """The truths with a name for each: of its recipe; where two have the same, of its folder; then with a number."""
    for choose in (lambda truth, folder: truth.name, lambda truth, folder: folder.resolve().name):
        names = [choose(truth, folder) for truth, folder in zip(truths, folders, strict=True)]
        if len(set(names)) == len(names):
            break
    else:
        names = [f"{name}-{i + 1}" for i, name in enumerate(names)]
    return tuple(replace(truth, name=name) for truth, name in zip(truths, names, strict=True))


def _check_out(job: Job, settings: Mapping[str, Any]) -> None:
    """Raise `InputError` if the folder holds what another run found."""
    path = job.out / RUN
    if not path.exists():
        strangers = [name for name in (RESULTS, SAMPLES) if (job.out / name).exists()]
        if strangers:
            raise InputError(f"{job.out} already holds {', '.join(strangers)}", todo="choose another --out")
        return
    try:
        there = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error})", todo="choose another --out, or delete that folder") from error
    asked = json.loads(json.dumps(settings))
    differs = [name for name in asked if not isinstance(there, dict) or there.get(name) != asked[name]]
    if differs:
        raise InputError(
            f"{job.out} holds results of another run: its {' and '.join(differs)} differ",
            todo="choose another --out, or delete that folder",
        )


def _whole(job: Job) -> Results | None:
    """The results of an earlier run that came to its end, to resume."""
    both = (job.out / RESULTS).exists() and (job.out / SAMPLES).exists()
    return _read_table(job.out / SAMPLES) if both else None


def _measure(plan: Plan, progress: Callable[[int], None]) -> Results:
    """All stretches of all folders; those that are there already are read."""
    parts, bad = MeshParts.load(plan.body.path), BadPictures(limit=plan.job.max_bad)
    found: list[Results] = []
    for number, truths in enumerate(plan.truths):
        for start in range(0, len(truths), STRETCH):
            path = plan.job.out / PARTS / f"{number:03d}-{start:09d}.parquet"
            done = _read_table(path) if path.exists() else None
            if done is None:
                some = truths.take(slice(start, start + STRETCH))
                done = evaluate(
                    plan.predictor, some, plan.body, parts=parts, batch=plan.job.batch, bad=bad, progress=progress
                )
                _write_table(path, done)
            else:
                bad.add([problem for problem in done.problem.tolist() if problem])
                progress(len(done))
            found.append(done)
    return Results.cat(found)


def _record(plan: Plan, results: Results, seconds: float) -> dict[str, Any]:
    """What results.json says."""
    folders = results.by_folder
    total: dict[str, Tally] = {}
    for tallies in folders.values():
        total = merge(total, tallies)
    described = {
        truths.name: {
            "people": len(truths),
            "entries": truths.entries,
            "left_out": truths.left_out,
            "without_body": int((~truths.whole).sum()),
            "not_looked_at": results.take(results.folder == truths.name).num_skipped,
            "measures": _means(folders[truths.name]),
        }
        for truths in plan.truths
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "run": dict(plan.settings),
        "warning": plan.warning,
        "seed": plan.job.seed,
        "people": len(results),
        "not_looked_at": results.num_skipped,
        "measures": _means(total),
        "folders": described,
        "versions": {name: _version(name) for name in ("torch", "numpy", "opencv-python-headless")}
        | {"mien": mien.__version__, "python": platform.python_version()},
        "machine": {"platform": platform.platform(), "processors": os.cpu_count(), "device": plan.job.device},
        "seconds": round(seconds, 1),
    }


def _means(tallies: Mapping[str, Tally]) -> dict[str, dict[str, float | int | None]]:
    return {
        name: {"mean": tally.mean, "people": tally.count, "absent": tally.absent, "broken": tally.broken}
        for name, tally in tallies.items()
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _write_table(path: Path, results: Results) -> None:
    import pyarrow.parquet as pq

    with atomic_write(path) as stream:
        pq.write_table(results.table, stream)


def _read_table(path: Path) -> Results:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Results.of_table(pq.read_table(path))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is damaged ({error})", todo="run again without --resume") from error
