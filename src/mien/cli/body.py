"""`mien body check FILE...`: what these files are, whether they are whole, and where to get another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tyro

from mien.body.files import BodyReport, check_body
from mien.errors import MienError

__all__ = ["check"]


def check(files: tyro.conf.Positional[tuple[Path, ...]], /) -> int:
    """Print what each file is, a fact a line.

    Args:
        files: body models (.npz, .pkl) and the files that come with them.

    Returns:
        0 if all are whole body models or files that belong to one; 2 if there is a problem with any of them.
    """
    from rich.console import Console
    from rich.text import Text

    console, code = Console(highlight=False, soft_wrap=True), 0
    for index, path in enumerate(files):
        try:
            facts = list(_facts(check_body(path)))
        except MienError as error:
            facts = [("file", str(path)), ("problem", str(error))]
        if index:
            console.print()
        for label, value in facts:
            bad = label in ("problem", "missing")
            code = 2 if bad else code
            console.print(Text.assemble((f"{label:<17}", "dim"), (value, "red" if bad else "")))
    return code


def _facts(report: BodyReport) -> Iterator[tuple[str, str]]:
    yield "file", str(report.path)
    yield "what", f"{report.what}, {report.gender}" if report.family else report.what
    yield "sha256", report.sha256
    if report.family:
        yield "family", report.family
        yield from _counts(report)
    if report.missing:
        yield "missing", ", ".join(report.missing)
    for problem in report.problems:
        yield "problem", problem
    if report.obtain:
        yield "obtain", report.obtain
    if not report.problems:
        yield "verdict", "whole"


def _counts(report: BodyReport) -> Iterator[tuple[str, str]]:
    counts = {
        "vertices": report.num_verts,
        "faces": report.num_faces,
        "joints": report.num_joints,
        "betas": report.num_betas,
        "expressions": report.num_expressions,
        "pose correctives": report.has_pose_correctives,
        "mean hands": report.has_mean_hands,
        "face landmarks": report.has_landmarks,
    }
    for label, count in counts.items():
        if count is not None:
            yield label, ("yes" if count else "no") if isinstance(count, bool) else f"{count:,}"
