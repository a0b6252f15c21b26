"""What an analysis gives: sections of text, tables and figures, for the console and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.study.statistics import Seeds

__all__ = ["Section", "Table", "cell"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a head."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page: one question and what was found."""

    title: str
    text: tuple[str, ...] = ()
    """Paragraphs: what is claimed, and what is not."""
    tables: tuple[Table, ...] = ()
    figures: tuple[tuple[Path, str], ...] = ()
    """Each a PNG and its caption."""


def cell(found: Seeds | float | None, counts: bool = True, digits: int = 1) -> str:
    """A number of a table, in brackets where its trainings do not count; empty where there is none."""
    if found is None:
        return ""
    text = str(found) if isinstance(found, Seeds) else f"{found:.{digits}f}"
    return text if counts else f"({text})"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else "none"
