"""What the finished jobs of a plan found, as the tables ask for it: errors by job and benchmark, MPE, what counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mien.study.plan import CONSTANT, Job, Plan
from mien.study.statistics import Seeds, seeds

__all__ = ["HAND", "PRIMARY", "SHARE", "Outcomes"]

PRIMARY = ""
"""Stands for the main measure of each benchmark."""
HAND = "pve_hand"
SHARE = 0.8
"""A training counts only where its error is below this share of the best constant person's."""


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Of a plan; jobs that are not finished are absent."""

    plan: Plan
    records: Mapping[str, Mapping[str, Any]]
    """By key, as `study.json` has them."""

    @cached_property
    def by_name(self) -> dict[str, Mapping[str, Any]]:
        """What each finished job found."""
        keys = {job.name: job.key(self.plan.benchmarks) for job in self.plan.jobs}
        return {name: self.records[key] for name, key in keys.items() if key in self.records}

    def record(self, job: Job) -> Mapping[str, Any] | None:
        """What a job found; None if it is not finished."""
        return self.by_name.get(job.name)

    def error(self, job: Job, benchmark: str, measure: str = PRIMARY) -> float | None:
        """A mean over the people of a benchmark; None if it was not measured."""
        record = self.record(job)
        if record is None:
            return None
        found = record["benchmarks"][benchmark]
        return found["means"].get(measure or found["primary"])

    def mean(self, job: Job, names: Sequence[str], measure: str = PRIMARY) -> float | None:
        """The mean over some benchmarks; None if one of them was not measured."""
        values = [self.error(job, name, measure) for name in names]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(values) else None

    def mpe(self, job: Job, measure: str = PRIMARY) -> float | None:
        """The mean primary error, or that mean of another measure, over the benchmarks that have it."""
        if measure == PRIMARY:
            return self.mean(job, self.plan.mpe)
        names = [name for name in self.plan.mpe if self.error(job, name, measure) is not None]
        return self.mean(job, names, measure)

    @property
    def constant(self) -> Job | None:
        """The job about the best constant person, if there is one."""
        return next((job for job in self.plan.jobs if job.facts.get("role") == CONSTANT), None)

    def share(self, job: Job, benchmark: str = "", measure: str = PRIMARY) -> float | None:
        """Its error over the constant's: on a benchmark, or of the mean primary error."""
        if self.constant is None:
            return None
        names = (benchmark,) if benchmark else self.plan.mpe
        one, other = (self.mean(each, names, measure) for each in (job, self.constant))
        return None if one is None or not other else one / other

    def counts(self, job: Job, benchmark: str = "") -> bool:
        """Whether it learnt enough to be compared. Without a constant nothing does."""
        share = self.share(job, benchmark)
        return share is not None and share < SHARE

    def over_seeds(self, jobs: Sequence[Job], benchmark: str = "", measure: str = PRIMARY) -> Seeds | None:
        """The errors of jobs that differ by their seed: on a benchmark, or their mean primary errors."""
        values = [self.error(job, benchmark, measure) if benchmark else self.mpe(job, measure) for job in jobs]
        return seeds([value for value in values if value is not None])

    def surely_below(self, one: Sequence[Job], other: Sequence[Job], benchmark: str = "") -> bool:
        """Whether one group of seeds is better than another for sure: both count, and their intervals lie apart."""
        if not (self.all_count(one, benchmark) and self.all_count(other, benchmark)):
            return False
        first, second = self.over_seeds(one, benchmark), self.over_seeds(other, benchmark)
        return first is not None and second is not None and first.below(second)

    def all_count(self, jobs: Sequence[Job], benchmark: str = "") -> bool:
        """Whether every seed of a group is finished and counts."""
        return bool(jobs) and all(self.counts(job, benchmark) for job in jobs)
