"""One family of errors: what was found, what was expected, what to do.

Every mistake that a user can make ends in a `MienError`, which the command line prints as one line and turns into
exit code 2. `assert` is kept for our own mistakes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "AssetMissing",
    "BodyError",
    "InputError",
    "MienError",
    "OutputError",
    "PictureError",
    "UnsafeFile",
    "WeightsError",
    "closest",
    "reason_of",
]

_LONGEST = 1500
"""Characters of a part of a message."""


class MienError(Exception):
    """A mistake that the user can mend, said in one line.

    Args:
        found: what was found, naming the file, key or value.
        expected: what was expected in its place.
        todo: what to do about it.
    """

    def __init__(self, found: str, *, expected: str = "", todo: str = "") -> None:
        self.found, self.expected, self.todo = found, expected, todo
        parts = [found, f"expected {expected}" if expected else "", todo]
        super().__init__("; ".join(_plain(" ".join(part.split())) for part in parts if part))

    def __reduce__(self) -> tuple[Any, ...]:
        """On its way from one process to another."""
        return _again, (type(self), self.found, self.expected, self.todo)


def _again(kind: type[MienError], found: str, expected: str, todo: str) -> MienError:
    """An error of a kind whose own arguments are others."""
    error = kind.__new__(kind)
    MienError.__init__(error, found, expected=expected, todo=todo)
    return error


def _plain(text: str) -> str:
    """The text with whatever steers a terminal, or cannot be shown, spelled out, and not without end: names come from
    strangers' files."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class InputError(MienError):
    """An argument, a configuration or an annotation file says something impossible."""


class PictureError(InputError):
    """A picture cannot be read; others in the same run can."""


class BodyError(MienError):
    """A body model file is wrong, or is not the one that the weights were trained on."""


class WeightsError(MienError):
    """A weights file is damaged, of another size, or holds keys that the network does not."""


class UnsafeFile(MienError):
    """A file would run code when read. It was not read."""


class OutputError(MienError):
    """A result cannot be written: disk full, no permission, or in the way of another."""


class AssetMissing(MienError):
    """A file that the licence forbids us to ship, or that was never downloaded, is not where we looked."""

    def __init__(self, name: str, *, searched: Sequence[str | Path], obtain: str) -> None:
        places = ", ".join(str(place) for place in searched)
        super().__init__(f"{name} is missing", expected=f"it in one of: {places}", todo=obtain)


def closest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` for the nearest known word, or the list of known words when none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def reason_of(error: BaseException, line: int = 0) -> str:
    """What somebody else's error says, in one line: its kind where it says nothing.

    Args:
        error: of a library or the system.
        line: which of its lines; -1 for the last one, where traces of other processes have the reason.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[line]
