"""`mien doctor`: what is here, what is missing and how to get it, and what each licence allows."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from mien.cli.findings import Finding, examine
from mien.cli.licences import LICENCES

__all__ = ["doctor"]

SIGNS = {"ready": "ok", "absent": "--", "broken": "!!"}
WIDTH = 118
INDENT = 29
"""Where findings begin."""


def doctor(*, json: bool = False) -> int:
    """Say what is here, what is missing and how to get it, and what each licence allows. Always exit code 0.

    Args:
        json: print all of it as JSON, for programs: `ready` (bool), `sections`, `licences`.
    """
    report = examine()
    print(_as_json(report) if json else "\n".join(_lines(report)))
    return 0


def _broken(report: Mapping[str, Sequence[Finding]]) -> list[str]:
    return [finding.subject for findings in report.values() for finding in findings if finding.state == "broken"]


def _as_json(report: Mapping[str, Sequence[Finding]]) -> str:
    sections = {name: [asdict(finding) for finding in findings] for name, findings in report.items()}
    licences = [asdict(licence) for licence in LICENCES]
    whole = {"schema_version": 1, "ready": not _broken(report), "sections": sections, "licences": licences}
    return json.dumps(whole, indent=2)


def _lines(report: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    for name, findings in report.items():
        yield f"{name}:"
        for finding in findings:
            yield from _entry(SIGNS[finding.state], finding.subject, finding.found, finding.todo)
        yield ""
    yield "licences (in short; their texts decide):"
    for licence in LICENCES:
        yield from _entry("  ", licence.subject, f"{licence.name}: {licence.allows}", licence.home)
    yield ""
    broken = _broken(report)
    yield "ok = ready, -- = optional and absent, !! = must be mended, -> = how"
    yield f"to be mended: {', '.join(broken)}" if broken else "mien can run here"


def _entry(sign: str, subject: str, found: str, todo: str) -> Iterator[str]:
    """A finding, wrapped; what to do about it below. A long subject has a line of its own."""
    head = f"  {sign}  {subject}"
    if len(head) >= INDENT - 1:
        yield head
        head = ""
    wrapped = textwrap.wrap(found, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
    yield f"{head:<{INDENT}}{wrapped[0]}"
    yield from (" " * INDENT + line for line in wrapped[1:])
    for i, line in enumerate(textwrap.wrap(todo, WIDTH - INDENT - 3, break_long_words=False, break_on_hyphens=False)):
        yield f"{'' if i else '->':>{INDENT + 2}} {line}"
