"""The page of a study: one HTML file with its question, its plan, all tables and all figures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.study.outcomes import Outcomes
from mien.study.sections import Section, Table
from mien.view.page import escaped, table, write_page

__all__ = ["write"]

PAGE = "report.html"


def write(out: Path, found: Outcomes, sections: Sequence[Section], failed: Mapping[str, Mapping[str, str]]) -> Path:
    """Write the page, whole or not at all; returns its path.

    Args:
        out: the folder of the study.
        found: the plan and what its jobs found.
        sections: of the analysis.
        failed: jobs without a result, as `study.json` has them.

    Raises:
        OutputError: it cannot be written.
    """
    parts = [f"<p>{escaped(found.plan.question)}</p>", *(_note(each) for each in found.plan.notes)]
    parts += [_unfinished(found, failed), *map(_section, sections), _jobs(found)]
    return write_page(out / PAGE, f"Study: {found.plan.study}", "\n".join(parts), STYLE)


def _section(section: Section) -> str:
    text = "".join(f"<p>{escaped(each)}</p>" for each in section.text)
    drawn = "".join(_figure(path, caption) for path, caption in section.figures)
    tables = "".join(_table(each) for each in section.tables)
    return f"<section><h2>{escaped(section.title)}</h2>{text}{drawn}{tables}</section>"


def _figure(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    image = f'<img alt="{escaped(caption)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{escaped(caption)}</figcaption></figure>"


def _table(each: Table) -> str:
    note = f'<p class="facts">{escaped(each.note)}</p>' if each.note else ""
    return f"<h3>{escaped(each.title)}</h3>{table(each.head, each.rows)}{note}"


def _note(text: str) -> str:
    return f'<p class="facts">{escaped(text)}</p>'


def _unfinished(found: Outcomes, failed: Mapping[str, Mapping[str, str]]) -> str:
    """What the tables lack."""
    left = [job for job in found.plan.jobs if found.record(job) is None]
    if not left:
        return ""
    keys = found.plan.benchmarks
    reasons = "; ".join(f"{job.name}: {failed[key]['reason']}" for job in left if (key := job.key(keys)) in failed)
    said = f"{len(left)} of {len(found.plan.jobs)} jobs are not finished: the tables are incomplete. {reasons}"
    return f'<p class="warning">{escaped(said)}</p>'


def _jobs(found: Outcomes) -> str:
    """Every job, with what it cost and where it ran."""
    rows, seconds = [], 0.0
    for job in found.plan.jobs:
        if (record := found.record(job)) is None:
            continue
        spent = (record.get("train_seconds", 0.0), record["evaluate_seconds"])
        seconds += sum(spent)
        mpe = found.mpe(job)
        rows.append(
            (
                job.name, f"{record.get('samples', 0):,}", record.get("seed", ""), "" if mpe is None else f"{mpe:.1f}",
                *(f"{each:.0f}" for each in spent), record.get("machine", ""), record.get("commit", ""),
            )
        )  # fmt: skip
    head = ("job", "samples", "seed", "MPE, mm", "training, s", "evaluation, s", "machine", "commit")
    said = f"{len(rows)} jobs, {seconds / 3600:.2f} hours of processes together. Versions: {_versions(found)}."
    return f"<section><h2>Jobs</h2>{_note(said)}{table(head, rows)}</section>"


def _versions(found: Outcomes) -> str:
    every: list[Mapping[str, Any]] = [record["versions"] for job in found.plan.jobs if (record := found.record(job))]
    names = {name: sorted({str(each[name]) for each in every}) for name in (every[0] if every else {})}
    return ", ".join(f"{name} {'/'.join(versions)}" for name, versions in names.items())


STYLE = """
figure { margin: 1rem 0; } figcaption { opacity: .75; } figure img { background: white; }
th { border-bottom: 1px solid #8888; } td + td, th + th { text-align: right; }
"""
