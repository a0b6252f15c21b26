"""What a plan costs before it is begun: samples, and hours from a measured speed or by a machine's arithmetic."""

from __future__ import annotations

import json
import re
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mien.errors import InputError, closest
from mien.nets.architectures import architecture_of, empty_network
from mien.nets.network import NetworkConfig
from mien.study.plan import Job, Plan
from mien.train.recipes import LENGTHS, published

__all__ = ["Machine", "Rates", "known_rates", "measured_rates", "name_of", "published_grid"]

PEAKS = {"v100": 15.7e12, "a100": 312e12, "h100": 989e12}
"""Multiplications and additions a second as their makers say: fp32 of a V100, which has no bf16; bf16 of the others."""
USED = 0.4
"""The share of the peak that a training is taken to reach; with it, the published hours of 16 V100 come out."""
BACKWARD = 3
"""A training step costs about as much as so many looks."""
PUBLISHED_HOURS = {("h", "40"): 23.0, ("h", "40plus"): 33.0}
"""Of one epoch on 16 V100 (SPEC 3.5, quoted by others, not confirmed)."""
STEPS = 6
"""Of a measurement."""
DEAR = 8.0
"""Networks that cost so many times the cheapest are not measured but reckoned from it."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Cards of one kind."""

    kind: str
    count: int

    @classmethod
    def parse(cls, text: str) -> Machine:
        """`v100x16`, `h100`.

        Raises:
            InputError: it names no known card.
        """
        match = re.fullmatch(r"([a-z]+\d+)(?:x(\d+))?", text.lower())
        if match is None or match[1] not in PEAKS or match[2] == "0":
            todo = closest(match[1], PEAKS) if match else f"known: {', '.join(PEAKS)}"
            raise InputError(f"--machine {text}", expected="a card and how many, such as v100x16", todo=todo)
        return cls(kind=match[1], count=int(match[2] or 1))

    def hours(self, network: NetworkConfig, samples: int) -> float:
        """Of a training, reckoned."""
        return BACKWARD * samples * operations(network) / (self.count * PEAKS[self.kind] * USED) / 3600


@cache
def operations(network: NetworkConfig) -> float:
    """Multiplications and additions of one look at one crop, about: twice the parameters for each token."""
    whole = empty_network(network)
    rows, columns = whole.encoder.grid
    tokens = rows * columns + whole.encoder.task_tokens.shape[1]
    return 2.0 * sum(each.numel() for each in whole.parameters()) * tokens


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How fast one process of this machine is."""

    samples_per_s: Mapping[NetworkConfig, float]
    """In training."""
    evaluate_seconds: float | None
    """Of one job; None if it is not known."""
    reckoned: tuple[NetworkConfig, ...] = ()
    """Networks whose speed is not measured but follows from that of the smallest."""

    def hours(self, jobs: Sequence[Job], workers: int) -> float:
        """Of some jobs, so many side by side."""
        train = sum(job.samples / self.samples_per_s[job.config.network] for job in jobs if job.config is not None)
        return (train + len(jobs) * (self.evaluate_seconds or 0.0)) / workers / 3600


def known_rates(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> Rates:
    """What finished jobs of the plan say."""
    found: dict[NetworkConfig, list[float]] = {}
    evaluated: list[float] = []
    for job in plan.jobs:
        record = records.get(job.key(plan.benchmarks))
        if record is None:
            continue
        evaluated.append(record["evaluate_seconds"])
        if job.config is not None and record.get("train_seconds"):
            found.setdefault(job.config.network, []).append(record["samples"] / record["train_seconds"])
    rates = {network: statistics.median(values) for network, values in found.items()}
    return Rates(samples_per_s=rates, evaluate_seconds=statistics.mean(evaluated) if evaluated else None)


def measured_rates(plan: Plan, known: Rates, device: str) -> Rates:
    """The speeds that are not known yet: a few steps of the cheap networks, arithmetic for the dear ones."""
    jobs = {job.config.network: job for job in plan.jobs if job.config is not None}
    cost = {network: operations(network) for network in jobs}
    rates, reckoned = dict(known.samples_per_s), []
    for network in sorted(jobs, key=lambda each: cost[each]):
        cheapest = min(cost.values())
        if network in rates:
            continue
        if cost[network] > DEAR * cheapest and rates:
            base = min(rates, key=lambda each: cost.get(each, float("inf")))
            rates[network] = rates[base] * cost[base] / cost[network]
            reckoned.append(network)
        else:
            rates[network] = _measure(jobs[network], device)
    return replace(known, samples_per_s=rates, reckoned=tuple(reckoned))


def _measure(job: Job, device: str) -> float:
    """Samples a second of a few steps, the first ones apart."""
    from mien.train.loop import train

    config = job.config
    assert config is not None
    config = replace(
        config, steps=config.start.step + STEPS, records=replace(config.records, log_every=1, save_every=0)
    )
    with tempfile.TemporaryDirectory(prefix="mien-study-") as folder:
        train(config, Path(folder) / "run", device=device, quiet=True)
        lines = [json.loads(line) for line in (Path(folder) / "run" / "log.jsonl").read_text().splitlines()]
    return statistics.median(line["samples_per_s"] for line in lines[STEPS // 2 :] if line["kind"] == "train")


def name_of(network: NetworkConfig) -> str:
    """Architecture and size, in words; joint maps, which only training has, do not make it another size."""
    kind = architecture_of(network)
    plain = replace(network, joint_maps=False) if hasattr(network, "joint_maps") else network  # pyright: ignore
    sizes = {kind.size_of(each) for each in (network, plain)} - {"custom"}
    return f"{kind.name} {min(sizes, default='of another size')}"


def published_grid(machine: Machine) -> list[tuple[str, str, float, float, float | None]]:
    """The paper's own grid: size, data, millions of samples an epoch, hours an epoch, and the published hours."""
    rows = []
    for size in "sblh":
        for data, length in LENGTHS.items():
            hours = machine.hours(published(size, data).network, length)
            known = PUBLISHED_HOURS.get((size, data)) if (machine.kind, machine.count) == ("v100", 16) else None
            rows.append((size, data, length / 1e6, hours, known))
    return rows
