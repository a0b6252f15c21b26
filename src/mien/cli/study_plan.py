"""What `mien study` prints: a plan with its cost, and the tables of what was found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.cli.study import Common
    from mien.study.plan import Job, Plan
    from mien.study.sections import Section

__all__ = ["announce", "show"]

REMARK = "Reckoned: 6 operations for each parameter and token, at 40 % of what the maker says."


def announce(common: Common, plan: Plan) -> None:
    """Print a plan: its question, its jobs by network, samples, and hours here and elsewhere."""
    from mien.study.cost import Machine, published_grid
    from mien.study.ledger import Ledger

    machine = Machine.parse(common.machine) if common.machine else None
    ledger = Ledger.open(common.out, plan.study) if common.out is not None else None
    records = {} if ledger is None else ledger.jobs
    left = [job for job in plan.jobs if job.key(plan.benchmarks) not in records]
    print(f"study {plan.study}: {plan.question}")
    for note in plan.notes:
        print(note)
    print(f"{len(plan.jobs)} jobs, {len(left)} of them to do; {plan.samples:,} samples in all.")
    print(f"measured on: {', '.join(each.name for each in plan.benchmarks)}; MPE over {', '.join(plan.mpe)}")
    on_paper = any(not each.sources for job in plan.jobs for each in job.sets)
    rows = _networks(left, machine)
    if not on_paper:
        rows = _with_hours(common, plan, left, records, rows)
    _print(rows)
    if on_paper or common.preset == "paper":
        chosen = machine or Machine(kind="v100", count=16)
        print(f"\nThe paper's own grid on {chosen.count} {chosen.kind.upper()}, an epoch of each:")
        _print(
            [("size", "datasets", "samples, M", "hours reckoned", "hours published")]
            + [
                (size, data, f"{millions:g}", f"{hours:.1f}", "" if known is None else f"{known:.0f}")
                for size, data, millions, hours, known in published_grid(chosen)
            ]
        )
        print(f"{REMARK} Published: quoted by others; nobody has confirmed them.")


def _networks(jobs: Sequence[Job], machine: Any) -> list[tuple[str, ...]]:
    """A head, and of each network its trainings and samples."""
    from mien.study.cost import name_of

    found: dict[Any, list[Job]] = {}
    for job in jobs:
        if job.config is not None:
            found.setdefault(job.config.network, []).append(job)
    rows: list[tuple[str, ...]] = [("network", "trainings", "samples", *([_where(machine)] if machine else []))]
    for network, each in found.items():
        samples = sum(job.samples for job in each)
        hours = (f"{machine.hours(network, samples):.2f}",) if machine else ()
        rows.append((name_of(network), str(len(each)), f"{samples:,}", *hours))
    return rows


def _where(machine: Any) -> str:
    return f"hours on {machine.count} {machine.kind.upper()}, reckoned"


def _with_hours(
    common: Common, plan: Plan, left: Sequence[Job], records: Any, rows: list[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """The rows with hours of this machine beside them."""
    from mien.study.cost import known_rates, measured_rates, name_of

    if not any(job.config is not None for job in left):
        return rows
    print("measuring the speed of this machine ...", file=sys.stderr)
    rates = measured_rates(plan, known_rates(plan, records), common.device)
    found: dict[str, tuple[str, str]] = {}
    for network, rate in rates.samples_per_s.items():
        hours = (
            sum(job.samples for job in left if job.config is not None and job.config.network == network) / rate / 3600
        )
        found[name_of(network)] = (f"{rate:.1f}{'*' if network in rates.reckoned else ''}", f"{hours:.2f}")
    said = "not measured yet" if rates.evaluate_seconds is None else f"{rates.evaluate_seconds:.0f} s a job"
    hours = f"{rates.hours(left, common.workers):.1f} hours here with {common.workers} jobs side by side"
    print(f"about {hours}; evaluation {said}.")
    if rates.reckoned:
        print("*: not measured, but reckoned from the smallest network.")
    head, *others = rows
    return [(*head, "samples/s of one job", "hours of one job at a time"), *((*row, *found[row[0]]) for row in others)]


def show(sections: Sequence[Section]) -> None:
    """Print what was found: text and tables."""
    for section in sections:
        print(f"\n{section.title}")
        for text in section.text:
            print(text)
        for table in section.tables:
            _print([table.head, *table.rows], table.title)


def _print(rows: Sequence[Sequence[str]], title: str = "") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title=title or None, title_justify="left")
    for i, column in enumerate(rows[0]):
        table.add_column(column, justify="right" if i else "left")
    for row in rows[1:]:
        table.add_row(*row)
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)
