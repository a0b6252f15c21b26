"""Where a dataset's files and pictures are below the folder that a user keeps raw data in.

Files are looked for by their path in the catalogue, then by their name in the folders that SMPLer-X and SMPLest-X keep
annotations in, then in a folder of the dataset's own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mien.data.catalogue import Entry
from mien.data.readers import READERS, Reader
from mien.errors import InputError, closest

__all__ = [
    "Found",
    "Search",
    "check_options",
    "find_pictures",
    "find_reader",
    "find_sources",
    "options_of",
    "with_roles",
]

_ANNOTATIONS = ("", "annot", "preprocessed_datasets", "annotations")
_PICTURES = ("", "img", "images")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A source that is there."""

    files: dict[str, Path]
    """By their roles for the reader; the reader's first comes first."""
    options: dict[str, str] = field(default_factory=dict)
    """For the reader."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was found of a split."""

    sources: tuple[Found, ...]
    missing: tuple[str, ...]
    """Files that are not there."""


def find_sources(root: Path, entry: Entry, split: str) -> Search:
    """Look for the files of a split."""
    reader, options = find_reader(entry.reader_of(split)), entry.options.get(split, {})
    found: list[Found] = []
    missing: list[str] = []
    for files in entry.files.get(split, ()):
        stars = _stars(root, files[0]) if "*" in files[0] else [""]
        missing += [] if stars else [files[0]]
        for star in stars:
            names = [name.replace("*", star) for name in files]
            paths = [_find(root, entry, name) for name in names]
            gone = [name for name, path in zip(names, paths, strict=True) if path is None]
            missing += gone
            if not gone:
                given = {name: value.replace("*", star) for name, value in options.items()}
                found.append(Found(files=with_roles(reader, [path for path in paths if path]), options=given))
    return Search(sources=tuple(found), missing=tuple(missing))


def find_pictures(root: Path, entry: Entry) -> Path | None:
    """The folder (or archive) of a dataset's pictures, None if it is nowhere."""
    names = [entry.pictures, entry.upstream, entry.name]
    for name in [name for name in names if name]:
        for folder in _PICTURES:
            for path in (root / folder / name, *((root / folder / f"{name}{end}") for end in (".tar", ".zip"))):
                if path.exists():
                    return path
    return None


def find_reader(name: str) -> Reader:
    """A reader by name.

    Raises:
        InputError: there is none; the closest name is given.
    """
    if name not in READERS:
        raise InputError(f"no reader is called {name!r}", todo=closest(name, READERS))
    return READERS[name]


def options_of(reader: Reader) -> dict[str, Any]:
    """What can be told a reader beside its files, and the type of each."""
    known, roles = get_type_hints(inspect.unwrap(reader.read)), {file.role for file in reader.files}
    return {name: kind for name, kind in known.items() if name not in {*roles, "replicate", "return"}}


def check_options(reader: Reader, options: Mapping[str, str]) -> None:
    """Raise `InputError` if the reader knows no such option, or the option no such value."""
    known = options_of(reader)
    for name, value in options.items():
        if name not in known:
            todo = closest(name, known) if known else "it has no options"
            raise InputError(f"the reader {reader.name!r} has no option {name!r}", todo=todo)
        if get_origin(known[name]) is Literal and value not in get_args(known[name]):
            expected = ", ".join(get_args(known[name]))
            raise InputError(f"{name}={value} of the reader {reader.name!r}", expected=expected)


def with_roles(reader: Reader, paths: Sequence[Path]) -> dict[str, Path]:
    """Files by what they are for a reader, told by their names; a single file is its first, whatever its name.

    Raises:
        InputError: a file is none of the reader's, two are the same, or one that is needed is missing.
    """
    roles = {reader.files[0].role: paths[0]} if len(paths) == 1 else {}
    for file in sorted(reader.files, key=lambda file: file is reader.files[0]):  # the first often takes any name
        fits = [path for path in paths if path not in roles.values() and re.search(file.pattern, path.name)]
        if fits and file.role not in roles:
            roles[file.role] = fits[0]
    lost = [file.what for file in reader.files if file.needed and file.role not in roles]
    extra = [str(path) for path in paths if path not in roles.values()]
    if lost or extra:
        what = f"lacks {', '.join(lost)}" if lost else f"has no use for {', '.join(extra)}"
        wanted = ", ".join(file.what + ("" if file.needed else " (optional)") for file in reader.files)
        raise InputError(f"the reader {reader.name!r} {what}", expected=wanted)
    return {file.role: roles[file.role] for file in reader.files if file.role in roles}


def _find(root: Path, entry: Entry, name: str) -> Path | None:
    """A file by its path in the catalogue, or by its bare name."""
    for folder in (*_ANNOTATIONS, entry.upstream, entry.name, entry.pictures):
        for path in (root / folder / name, root / folder / Path(name).name):
            if path.exists():
                return path
    return None


def _stars(root: Path, pattern: str) -> list[str]:
    """What the star of a path stands for, sorted."""
    before, _, after = pattern.partition("*")
    return sorted(_between(root.glob(pattern), root, before, after))


def _between(paths: Iterable[Path], root: Path, before: str, after: str) -> Iterable[str]:
    for path in paths:
        name = path.relative_to(root).as_posix()
        yield name[len(before) : len(name) - len(after)]
