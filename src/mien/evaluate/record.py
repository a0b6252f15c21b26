"""What results.json says: means with their intervals and counts, detection, MPE, versions, hashes, odd things."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Any

import mien
from mien.evaluate.job import Plan
from mien.evaluate.protocols import mpe
from mien.evaluate.results import SHOWN, Results
from mien.metrics.matching import Detection, normalised
from mien.metrics.tally import Tally, merge

__all__ = ["SCHEMA_VERSION", "describe", "versions"]

SCHEMA_VERSION = 2
SURE = (
    *SHOWN,
    "pve_left_hand",
    "pve_right_hand",
    "mpjpe_joints_body",
    "mpjpe_joints_hand",
    "pa_mpjpe_joints_body",
    "v2v",
)
"""Measures that get an interval."""
HUGE = 20_000.0
"""Millimetres: a mean body error beyond this is a matter of units."""


def describe(plan: Plan, results: Results, seconds: float) -> dict[str, Any]:
    """Everything of a run, as JSON."""
    folders = results.by_folder
    total: dict[str, Tally] = {}
    for tallies in folders.values():
        total = merge(total, tallies)
    described: dict[str, Any] = {}
    for truths, protocol in zip(plan.truths, plan.protocols, strict=True):
        here, tallies = results.take(results.folder == truths.name), folders[truths.name]
        described[truths.name] = {
            "people": len(truths),
            "entries": truths.entries,
            "left_out": truths.left_out,
            "without_body": int((~truths.whole).sum()),
            "not_looked_at": here.num_skipped,
            "missing": here.num_missing,
            "protocol": None if protocol is None else protocol.name,
            "primary": "pve" if protocol is None else protocol.primary,
            "detection": _detection(plan.detection.get(truths.name), tallies),
            "measures": _means(here, tallies, plan.job.seed),
        }
    means = {
        each["protocol"]: {name: value["mean"] for name, value in each["measures"].items()}
        for each in described.values()
        if each["protocol"]
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "run": dict(plan.settings),
        "warning": plan.warning,
        "remarks": [*plan.remarks, *_odd(total)],
        "seed": plan.job.seed,
        "people": len(results),
        "not_looked_at": results.num_skipped,
        "missing": results.num_missing,
        "measures": _means(results, total, plan.job.seed),
        "mpe": {
            name: {"value": each.value, "parts": each.parts, "definition": each.definition}
            for name, each in mpe(means).items()
        },
        "folders": described,
        "versions": versions(),
        "machine": {"platform": platform.platform(), "processors": os.cpu_count(), "device": plan.job.device},
        "seconds": round(seconds, 1),
    }


def _means(results: Results, tallies: Mapping[str, Tally], seed: int) -> dict[str, dict[str, float | int | None]]:
    """By measure; `low` and `high` are the 95 % interval of those in `SURE`."""
    found: dict[str, dict[str, float | int | None]] = {
        name: {"mean": tally.mean, "people": tally.count, "absent": tally.absent, "broken": tally.broken}
        for name, tally in tallies.items()
    }
    for name, (low, high) in results.intervals(SURE, seed).items():
        found[name] |= {"low": low, "high": high}
    return found


def _detection(found: Detection | None, tallies: Mapping[str, Tally]) -> dict[str, Any] | None:
    """F1, and errors divided by it."""
    if found is None:
        return None
    means = {name: tallies[name].mean if name in tallies else None for name in ("pve", "mpjpe_joints_body")}
    return {
        "found": found.found,
        "missed": found.missed,
        "extra": found.extra,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "nmve": normalised(means["pve"], found),
        "nmje": normalised(means["mpjpe_joints_body"], found),
    }


def _odd(tallies: Mapping[str, Tally]) -> list[str]:
    """What the errors themselves say about units."""
    for name in ("mpjpe_joints_body", "pve"):
        mean = tallies[name].mean if name in tallies else None
        if mean is not None and mean > HUGE:
            return [
                f"the mean {name} is {mean:,.0f} mm, about a thousand times too large: are predictions or labels in "
                "millimetres? mien takes metres"
            ]
    return []


def versions(*more: str) -> dict[str, str]:
    """Of Python, of this package and of those that decide its numbers; of `more` packages, too, by their names."""
    found = {name: _version(name) for name in ("torch", "numpy", "opencv-python-headless", *more)}
    return found | {"mien": mien.__version__, "python": platform.python_version()}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
