"""What of the catalogue lies below a folder: what is complete, damaged or missing, and where to get the rest."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.data.catalogue import Entry
from mien.data.humandata import HumanDataFile
from mien.data.locate import find_pictures, find_sources
from mien.data.readers.base import load_json
from mien.errors import InputError, MienError, reason_of

__all__ = ["Presence", "check_folder"]

Verdict = Literal["complete", "partial", "damaged", "missing"]
TOLERANCE = 0.02
"""By how much a count may differ from the catalogue's, which is rounded and recalled."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """What there is of one split of a dataset."""

    entry: Entry
    split: str
    verdict: Verdict
    sources: int
    missing: tuple[str, ...]
    """Files that are not there."""
    damaged: tuple[str, ...]
    """What is wrong with those that are, a line each."""
    rows: int | None
    """People in them, where that can be told without reading all."""
    pictures: Path | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a user should know."""
        found: list[str] = []
        expected = self.entry.instances if self.split == "train" else None
        if self.rows is not None and expected and abs(self.rows - expected) > TOLERANCE * expected:
            found.append(f"{self.rows:,} people; the catalogue says {expected:,} (recalled, verify)")
        if self.verdict != "missing" and self.pictures is None:
            found.append(f"pictures not found: say --images, or put them in {self.entry.pictures}")
        return tuple(found)


def check_folder(root: Path, entries: Iterable[Entry], *, full: bool = False) -> Iterator[Presence]:
    """Look for every split of some datasets.

    Args:
        root: the folder with raw data.
        entries: of the catalogue.
        full: read every .npz and .json to its end, not only its table of contents, or how it begins and ends.

    Raises:
        InputError: there is no such folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder", expected="the folder with your raw data")
    for entry in entries:
        pictures = find_pictures(root, entry)
        for split in entry.files:
            yield _presence(root, entry, split, pictures, full)


def _presence(root: Path, entry: Entry, split: str, pictures: Path | None, full: bool) -> Presence:
    search = find_sources(root, entry, split)
    damaged: list[str] = []
    counts: list[int | None] = []
    for source in search.sources:
        try:
            counts.append(_look(list(source.files.values()), entry.reader_of(split), full))
        except MienError as error:
            damaged.append(str(error))
    verdict: Verdict = "complete"
    if not search.sources:
        verdict = "missing"
    elif damaged:
        verdict = "damaged"
    elif search.missing:
        verdict = "partial"
    known = [count for count in counts if count is not None]
    return Presence(
        entry=entry,
        split=split,
        verdict=verdict,
        sources=len(search.sources),
        missing=search.missing,
        damaged=tuple(damaged),
        rows=sum(known) if known and len(known) == len(counts) and verdict == "complete" else None,
        pictures=pictures,
    )


def _look(paths: list[Path], reader: str, full: bool) -> int | None:
    """People in a source, where its table of contents says so.

    Raises:
        MienError: a file is damaged.
    """
    for path in paths:
        if path.suffix == ".json":
            _look_at_json(path)
        if full and path.suffix in _WHOLE:
            _WHOLE[path.suffix](path)
    return HumanDataFile.open(paths[0]).num_rows if reader == "humandata" else None


def _look_at_json(path: Path) -> None:
    """Begins like JSON and ends like it: what was cut off while it was copied does not."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(64).strip()
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 64))
            tail = stream.read().strip()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    if (head[:1], tail[-1:]) not in ((b"{", b"}"), (b"[", b"]")):
        raise InputError(f"{path} is cut short, or no JSON", todo="copy or download it again")


def _read_npz(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except Exception as error:  # zlib's, struct's and zipfile's own, by what is damaged
        raise InputError(f"{path} is damaged ({reason_of(error)})", todo="copy or download it again") from error
    if wrong:
        raise InputError(f"{path} is damaged: {wrong} does not agree with its checksum", todo="download it again")


_WHOLE = {".npz": _read_npz, ".json": load_json}
