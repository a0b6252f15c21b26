"""What verbs share: a line on standard error, a bar, and a look at --out before anything is done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import InputError

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

__all__ = ["bar_columns", "check_out", "not_over_source", "say"]


def say(text: str) -> None:
    """A line for the user, on standard error."""
    print(f"mien: {text}", file=sys.stderr, flush=True)


def bar_columns(*more: ProgressColumn) -> tuple[ProgressColumn, ...]:
    """What a progress bar shows: what is done, how much of it, `more`, and how long it will take."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *more, TimeRemainingColumn()


def check_out(out: Path) -> None:
    """See to it that results can go there.

    Raises:
        InputError: what is to be a folder of results is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file", expected="a folder, there or to be made", todo="choose another name")


def not_over_source(target: Path, *sources: Path) -> Path:
    """The same target.

    Raises:
        InputError: it is one of the files that it is made from.
    """
    if any(target.exists() and source.exists() and target.samefile(source) for source in sources):
        raise InputError(f"{target} would be written over what it is made from", todo="choose another --out")
    return target
