"""All jobs of a plan, in whatever order their starts allow.

What a job found is in `study.json` before the next one starts; a job that dies is noted there, and the others go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.evaluate.job import BASELINE
from mien.study.ledger import Ledger
from mien.study.plan import Job, Plan
from mien.study.pools import Pool
from mien.study.work import Order, weights_of
from mien.train.config import to_json

__all__ = ["Place", "missing", "run"]

RUNS = "runs"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a study works."""

    out: Path
    root: str = ""
    """Of the raw data, for protocols."""
    body: str = ""
    device: str = "auto"

    def folder(self, job: Job) -> Path:
        """Of a job's runs."""
        return self.out.resolve() / RUNS / job.folder()

    def order(self, job: Job, plan: Plan) -> Order:
        """What a process is told about a job."""
        config = job.config
        if config is not None and job.after is not None:
            start = replace(config.start, weights=str(weights_of(self.folder(job.after))))
            config = replace(config, start=start)
        weights = job.weights or BASELINE + ",".join(source for each in job.sets for source in each.sources)
        return Order(
            folder=str(self.folder(job)),
            key=job.key(plan.benchmarks),
            name=job.name,
            config="" if config is None else to_json(config),
            weights="" if config is not None else weights,
            names=tuple(each.name for each in plan.benchmarks),
            on=tuple(each.on for each in plan.benchmarks),
            primary=tuple(each.primary for each in plan.benchmarks),
            root=self.root,
            body=self.body,
            device=self.device,
        )


def missing(plan: Plan, ledger: Ledger, place: Place) -> list[Job]:
    """The jobs that have to run: those not in the ledger, and those whose weights such a job starts from."""
    left = [job for job in plan.jobs if job.key(plan.benchmarks) not in ledger.jobs]
    starts = {
        job.after.name for job in left if job.after is not None and not weights_of(place.folder(job.after)).is_file()
    }
    names = {job.name for job in left} | starts
    return [job for job in plan.jobs if job.name in names]


def run(
    plan: Plan, ledger: Ledger, place: Place, pool: Pool, say: Callable[[str], None] = lambda line: None
) -> list[Job]:
    """Run what is missing of a plan.

    Args:
        plan: all jobs.
        ledger: gets what each found.
        place: where their folders lie.
        pool: where they run; it is closed at the end.
        say: told of each job that ends.

    Returns:
        The jobs that failed, or could not start because one before them failed.

    Raises:
        OutputError: the folder of the study cannot be written.
    """
    waiting, failed = missing(plan, ledger, place), list[Job]()
    total, running = len(waiting), dict[Future[dict[str, Any]], Job]()
    open_names = {job.name for job in waiting}
    with contextlib.closing(pool):
        while waiting or running:
            for job in [each for each in waiting if each.after is None or each.after.name not in open_names]:
                waiting.remove(job)
                if job.after is not None and job.after.name in {each.name for each in failed}:
                    failed.append(job)
                    open_names.discard(job.name)
                    ledger.add_failure(job.key(plan.benchmarks), job.name, f"{job.after.name} failed")
                else:
                    running[pool.submit(place.order(job, plan))] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                open_names.discard(job.name)
                said = _note(job, future, plan, ledger)
                failed += [job] if said else []
                say(f"{total - len(waiting) - len(running)} of {total}: {job.name}{said and f' failed: {said}'}")
    return failed


def _note(job: Job, future: Future[dict[str, Any]], plan: Plan, ledger: Ledger) -> str:
    """Put into the ledger how a job ended; why it failed, if it did."""
    key = job.key(plan.benchmarks)
    try:
        outcome = future.result()
    except MienError as error:
        ledger.add_failure(key, job.name, str(error))
        return str(error)
    ledger.add(key, {**outcome, "facts": dict(job.facts)})
    return ""
