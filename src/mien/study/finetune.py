"""Specialists: what finetuning on a benchmark's own domain gains there, and what is forgotten elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mien.errors import InputError, closest
from mien.study import figures
from mien.study.outcomes import HAND, PRIMARY, Outcomes
from mien.study.plan import Job, Plan
from mien.study.request import Request
from mien.study.sections import Section, Table, cell, listed
from mien.study.sets import TrainingSet, choose
from mien.study.statistics import Seeds

__all__ = ["FinetuneRequest", "analyse", "plan"]

GENERALIST, SPECIALIST, SCRATCH = "generalist", "specialist", "from scratch"


@dataclass(frozen=True, kw_only=True)
class FinetuneRequest(Request):
    """A generalist, and specialists made of it."""

    specialists: tuple[str, ...] = ()
    """Benchmarks that get a specialist, trained on the set of the same name; all that have such a set if empty."""
    finetune_samples: int = 16_000
    """Of each specialist, after the generalist's."""
    gentle: float = 0.3
    """The learning rate of finetuning, as a multiple of the generalist's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.finetune_samples < 1 or not self.gentle > 0:
            found = f"finetuning with {self.finetune_samples} samples at {self.gentle} of the rate"
            raise InputError(found, expected="at least 1 sample, a rate above 0")

    @property
    def domains(self) -> tuple[TrainingSet, ...]:
        """The training sets of the specialists."""
        names = [each.name for each in self.benchmarks]
        both = [name for name in self.known_sets if name in names]
        for name in self.specialists:
            if name not in both:
                found = f"no benchmark has a training set of its name {name!r}"
                raise InputError(found, expected="the same name among --data and --on", todo=closest(name, both))
        if not both:
            raise InputError(
                "no benchmark has a training set of its name", expected="the same names in --data and --on"
            )
        return choose(self.known_sets, self.specialists or both, "training set")


def plan(request: FinetuneRequest) -> Plan:
    """Of each seed: a generalist, and for each domain a specialist and a network that saw nothing else.

    Raises:
        InputError: something is not there, or does not fit together.
    """
    size, jobs = request.sizes[0], [request.constant_job(request.sets)]
    for seed in request.seed_numbers:
        facts = {"seed": seed, "size": size}
        whole = Job(
            name=f"generalist/seed-{seed}",
            facts={"role": GENERALIST, **facts},
            config=request.training(request.sets, size, seed),
            sets=request.sets,
        )
        jobs.append(whole)
        for each in request.domains:
            jobs.append(_specialist(request, whole, each, seed, facts))
            jobs.append(
                Job(
                    name=f"scratch/{each.name}/seed-{seed}",
                    facts={"role": SCRATCH, "set": each.name, **facts},
                    config=request.training(
                        [each], size, seed, mixing="concat", samples=request.samples + request.finetune_samples
                    ),
                    sets=(each,),
                )
            )
    return Plan(
        study="finetune",
        question="What does a specialist gain on its own domain, and what does it forget?",
        jobs=tuple(jobs),
        benchmarks=request.benchmarks,
        mpe=request.mean_over,
        notes=(
            f"The generalist learns from {listed([each.name for each in request.sets])}. A specialist goes on from it "
            f"for {request.finetune_samples:,} samples of its own domain, at {request.gentle:g} of the learning rate. "
            "From scratch: as many samples as both together, all of the own domain.",
        ),
        settings={"domains": [each.name for each in request.domains]},
    )


def _specialist(request: FinetuneRequest, whole: Job, domain: TrainingSet, seed: int, facts: dict) -> Job:
    """A job that goes on from the generalist."""
    size = request.sizes[0]
    config = request.training([domain], size, seed, mixing="concat", samples=request.finetune_samples)
    rate, gentle = config.optimizer, request.gentle
    config = replace(config, optimizer=replace(rate, lr=rate.lr * gentle, muon=rate.muon * gentle))
    name = f"specialist/{domain.name}/seed-{seed}"
    return Job(
        name=name, facts={"role": SPECIALIST, "set": domain.name, **facts}, config=config, sets=(domain,), after=whole
    )


def analyse(found: Outcomes, out: Path) -> list[Section]:
    """Own domain, then all others."""
    domains: list[str] = found.plan.settings["domains"]
    if found.over_seeds(found.plan.of(role=GENERALIST)) is None:
        return []
    return [_own(found, domains, out), _forgetting(found, domains, out)]


def _jobs(found: Outcomes, role: str, domain: str) -> list[Job]:
    return found.plan.of(role=role) if role == GENERALIST else found.plan.of(role=role, set=domain)


def _own(found: Outcomes, domains: Sequence[str], out: Path) -> Section:
    roles = (GENERALIST, SPECIALIST, SCRATCH)
    tables, claims = [], list[str]()
    for measure, title in ((PRIMARY, "Main error on the own domain, mm"), (HAND, "Hand PVE on the own domain, mm")):
        rows = []
        for name in domains:
            groups = {role: _jobs(found, role, name) for role in roles}
            errors = {role: found.over_seeds(jobs, name, measure) for role, jobs in groups.items()}
            counts = {role: found.all_count(jobs, name) for role, jobs in groups.items()}
            rows.append((name, *(cell(errors[role], counts[role]) for role in roles), _better(errors, counts)))
        tables.append(Table(title=title, head=("domain", *roles, "surely best"), rows=tuple(rows), note=_NOTE))
        claims += [f"{title.partition(',')[0]}: {_said(rows)}."]
    series = {role: [found.over_seeds(_jobs(found, role, name), name) for name in domains] for role in roles}
    figures.groups(
        out / "finetune_own.png", "Each network on the domain of the specialist", "error, mm", domains, series
    )
    return Section(
        title="On the own domain",
        text=tuple(claims),
        tables=tuple(tables),
        figures=((out / "finetune_own.png", "Means over seeds, bars 95 % intervals. Lower is better."),),
    )


_NOTE = (
    "Mean over seeds ± half of the 95 % interval; in brackets where a seed is not below 80 % of the constant's error. "
    "Surely best: its interval lies below both others', and all three count."
)


def _better(errors: dict[str, Seeds | None], counts: dict[str, bool]) -> str:
    if not all(counts.values()):
        return "does not count"
    for role, each in errors.items():
        others = [other for name, other in errors.items() if name != role]
        if each is not None and all(other is not None and each.below(other) for other in others):
            return role
    return "not sure"


def _said(rows: Sequence[tuple[str, ...]]) -> str:
    won = {role: [row[0] for row in rows if row[-1] == role] for role in (GENERALIST, SPECIALIST, SCRATCH)}
    sure = [f"{role} surely best on {listed(names)}" for role, names in won.items() if names]
    return "; ".join(sure) if sure else "no system is surely best on any domain"


def _forgetting(found: Outcomes, domains: Sequence[str], out: Path) -> Section:
    """By how much a specialist changes the generalist's error, everywhere."""
    columns = [each.name for each in found.plan.benchmarks]
    general = found.plan.of(role=GENERALIST)
    values, rows = [], []
    for name in domains:
        jobs = found.plan.of(role=SPECIALIST, set=name)
        changes = [_change(found.over_seeds(jobs, column), found.over_seeds(general, column)) for column in columns]
        others = [each for column, each in zip(columns, changes, strict=True) if column != name and each is not None]
        values.append(changes)
        worse = sum(found.surely_below(general, jobs, c) for c in columns if c != name)
        mean = "" if not others else f"{sum(others) / len(others):+.1f}"
        own = changes[columns.index(name)]
        rows.append(
            (
                name,
                "" if own is None else f"{own:+.1f}",
                mean,
                f"{worse} of {len(columns) - 1}",
                cell(found.over_seeds(jobs)),
            )
        )
    known = [abs(each) for row in values for each in row if each is not None]
    if not known:
        return Section(title="Forgetting")
    most = max(*known, 1.0)
    figures.matrix(
        out / "finetune_forgetting.png",
        "Error of a specialist against the generalist's (framed: its own domain)",
        domains,
        columns,
        values,
        framed=[[name == column for column in columns] for name in domains],
        unit="change of the error, %",
        limits=(-1.3 * most, 1.3 * most),
        axes=("specialist for", "measured on"),
    )
    head = ("specialist for", "own domain, %", "other benchmarks, mean %", "surely worse on", "MPE, mm")
    note = "Change of the main error against the generalist's, means over seeds; + is forgotten."
    return Section(
        title="Forgetting",
        tables=(Table(title="What the specialists forget", head=head, rows=tuple(rows), note=note),),
        figures=((out / "finetune_forgetting.png", "Violet is better than the generalist, orange is worse."),),
    )


def _change(one: Seeds | None, other: Seeds | None) -> float | None:
    return None if one is None or other is None else 100 * (one.mean / other.mean - 1)
