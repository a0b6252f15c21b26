"""What is known of the datasets of this field: names, files, pictures, sampling, oddities, licences, home pages.

entry = find("bedlam"); entry.files["train"]; ladder(40)

To add a dataset whose annotations are HumanData, add an entry to `datasets.toml`; nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter

from mien.errors import InputError, closest

__all__ = ["Entry", "catalogue", "expand", "find", "ladder"]

UNKNOWN = "unknown, see home page"
RECALLED = "SPEC 4.4, recalled, verify"
"""Where the numbers of instances come from."""
LADDERS = (5, 10, 20, 32, 40)
Hands = Literal["flat", "relative"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A dataset."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    title: str
    upstream: str
    """Its class in the published code."""
    kind: Literal["real", "synthetic"]
    scene: str
    labels: str
    """Where the labels come from: fitted or captured SMPL-X or SMPL, MANO, or the pseudo labels of a method."""
    homepage: str
    files: dict[str, tuple[tuple[str, ...], ...]]
    """The annotation files of each split: sources, each of one file, or of several that are read together."""
    licence: str = UNKNOWN
    """Of the data, as far as it is known here."""
    reader: str = "humandata"
    """Of `mien.data.readers`."""
    readers: dict[str, str] = field(default_factory=dict)
    """Of splits that come in another format."""
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    """For the reader, for each split; `*` stands for what it stands for in `files`."""
    pictures: str = ""
    """Folder of the pictures below the raw root. Recalled or inferred: users have them elsewhere."""
    image_size: tuple[int, int] | None = None
    """Height and width of every picture, pixels, where the files do not say."""
    camera: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy of every picture, pixels, where the files do not say."""
    instances: int | None = None
    """How many people the training split has, as published; see `RECALLED`."""
    interval: dict[Literal["smplerx", "smplestx"], int] = field(default_factory=dict)
    """Each published training took every so many rows; 1 where it says nothing."""
    interval_test: int = 1
    counts_from_one: bool = False
    """Whether the published loader keeps rows `interval - 1, 2 * interval - 1 ...` instead of `0, interval ...`."""
    ladders: tuple[int, ...] = ()
    """The published mixtures (of 5, 10, 20, 32, 40 datasets) that it is part of."""
    hands: Hands = "relative"
    """How its files keep hand poses: `flat` (absolute), or relative to the mean hand."""
    hands_upstream: Hands | None = None
    """How the published training took them, if otherwise."""
    quirks: tuple[str, ...] = ()
    """Label transforms of its own, by name; see `mien.data.transforms`."""
    box_ratio_upstream: float | None = None
    """By how much the published loader grew its boxes, if otherwise than for its reader's other datasets."""
    status: str = ""
    """What is not certain."""

    def reader_of(self, split: str) -> str:
        """The reader of a split."""
        return self.readers.get(split, self.reader)


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of the file."""
    text = (Path(str(resources.files(__name__))) / "datasets.toml").read_text(encoding="utf-8")
    adapter = TypeAdapter(Entry)
    found: dict[str, Entry] = {}
    for name, record in tomllib.loads(text).items():
        files = {split: tuple(_sources(names)) for split, names in record["files"].items()}
        found[name] = adapter.validate_python({**record, "name": name, "files": files})
    return found


def _sources(names: Sequence[str | Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """The sources of a split: each file by itself, those in a list of their own together."""
    for each in names:
        if isinstance(each, str):
            yield from ((file,) for file in expand(each))
        else:
            yield tuple(file for pattern in each for file in expand(pattern))


def find(name: str) -> Entry:
    """The entry of a name, or of the published code's class.

    Raises:
        InputError: there is none; the closest name is given.
    """
    entries = catalogue()
    classes = {entry.upstream.lower(): entry for entry in entries.values()}
    entry = entries.get(name.lower()) or classes.get(name.lower())
    if entry is None:
        raise InputError(f"the catalogue has no dataset {name!r}", todo=closest(name.lower(), entries))
    return entry


def ladder(count: int) -> tuple[Entry, ...]:
    """The datasets of a published mixture: of 5, 10, 20, 32 or 40.

    Raises:
        InputError: there is no mixture of that many.
    """
    if count not in LADDERS:
        raise InputError(f"no published mixture has {count} datasets", expected=", ".join(map(str, LADDERS)))
    return tuple(entry for entry in catalogue().values() if count in entry.ladders)


def expand(pattern: str) -> tuple[str, ...]:
    """`a_{x,y}_{0..2}.npz` as a_x_0.npz, a_x_1.npz, a_x_2.npz, a_y_0.npz ..."""
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    choices = [[piece] if i % 2 == 0 else _choices(piece) for i, piece in enumerate(pieces)]
    return tuple("".join(parts) for parts in product(*choices))


def _choices(inside: str) -> list[str]:
    if match := re.fullmatch(r"(\d+)\.\.(\d+)", inside):
        return [str(number) for number in range(int(match[1]), int(match[2]) + 1)]
    return inside.split(",")
