"""A study as data: its jobs, what they are measured on, and what each costs in samples.

A job is a training by an ordinary config, then an evaluation on all benchmarks; or an evaluation alone, of weights or
of the best constant person. Its `key` says what it is: two jobs of one key give the same numbers, wherever data and
run folders lie.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mien.errors import InputError, closest
from mien.files import sha256
from mien.study.sets import Benchmark, TrainingSet
from mien.train.config import TrainConfig, to_json

__all__ = ["CONSTANT", "Job", "Plan", "instances"]

CONSTANT = "constant"
"""The job about the best constant person."""
_NO_MATTER = {"records", "ranks", "summary"}
"""Of a config: nothing of it decides what is learnt."""
_NO_MATTER_DATA = {"sources", "workers", "max_bad"}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training and its evaluation, or an evaluation alone."""

    name: str
    """Unique in the study; its run folder is called so."""
    facts: Mapping[str, Any]
    """What the tables group it by: `role`, `sets`, `size`, `seed` and the like."""
    config: TrainConfig | None = None
    sets: tuple[TrainingSet, ...] = ()
    """What it is trained on, or the constant is found for."""
    weights: str = ""
    """What is evaluated where nothing is trained."""
    content: str = ""
    """SHA-256 of those."""
    after: Job | None = None
    """The job whose weights it starts from."""

    @property
    def samples(self) -> int:
        """How many it is trained on."""
        return 0 if self.config is None else samples_of(self.config, self.sets)

    @cached_property
    def trained(self) -> str:
        """A hash of what is trained: config, labels, and the weights it starts from."""
        about: dict[str, Any] = {"sets": [(each.name, each.sha256) for each in self.sets], "weights": self.content}
        about["after"] = None if self.after is None else self.after.trained
        if self.config is not None:
            config = json.loads(to_json(self.config))
            config = {key: value for key, value in config.items() if key not in _NO_MATTER}
            config["data"] = {key: value for key, value in config["data"].items() if key not in _NO_MATTER_DATA}
            for name in ("weights", "encoder"):  # what they hold, not where they lie
                config["start"][name] = config["start"][name] and sha256(Path(config["start"][name]))
            about["config"] = config
        return _hash(about)

    def key(self, benchmarks: Sequence[Benchmark]) -> str:
        """A hash of what is trained and what it is measured on."""
        return _hash([self.trained, [(each.name, each.primary, each.sha256) for each in benchmarks]])

    def folder(self) -> str:
        """Of its run, below those of the study; another training of the same name has another one."""
        return f"{self.name.replace('/', '_')}-{self.trained[:8]}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All jobs of a study; jobs that others start from come before them.

    Raises:
        InputError: it has no jobs or no benchmarks, or the mean names a benchmark that is not there.
    """

    study: str
    question: str
    """What it asks, in a sentence."""
    jobs: tuple[Job, ...]
    benchmarks: tuple[Benchmark, ...]
    mpe: tuple[str, ...] = ()
    """The benchmarks of the mean primary error."""
    notes: tuple[str, ...] = ()
    """What whoever reads the plan and its page should know."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """For the analysis."""

    def __post_init__(self) -> None:
        if not any(job.config is not None for job in self.jobs):
            raise InputError("the study has nothing to train", expected="at least one dataset, one size and one seed")
        if not self.benchmarks:
            raise InputError("nothing to measure on", expected="--on, folders with test.npz or names of protocols")
        names = [each.name for each in self.benchmarks]
        for name in self.mpe:
            if name not in names:
                raise InputError(
                    f"the mean names the benchmark {name!r}, which is not there", todo=closest(name, names)
                )
        assert len({job.name for job in self.jobs}) == len(self.jobs), "two jobs have one name"

    @property
    def samples(self) -> int:
        """Of all trainings."""
        return sum(job.samples for job in self.jobs)

    def of(self, **facts: Any) -> list[Job]:
        """The jobs of which all these facts are true."""
        return [job for job in self.jobs if all(job.facts.get(name) == value for name, value in facts.items())]


def samples_of(config: TrainConfig, sets: Sequence[TrainingSet]) -> int:
    """How many samples a training sees."""
    if config.steps:
        return (config.steps - config.start.step) * config.batch
    length = config.data.length or instances(config, sets)
    return math.ceil(config.epochs * math.ceil(length / config.batch)) * config.batch


def instances(config: TrainConfig, sets: Sequence[TrainingSet]) -> int:
    """How many different people a training sees, if it goes on for long enough."""
    steps = config.data.intervals
    return sum(math.ceil(each.rows / steps.get(each.name, 1)) for each in sets)


def _hash(about: Any) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
