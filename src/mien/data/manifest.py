"""What a store says of itself in JSON: where the rows of a dataset came from, what was done to them, where they lie.

The manifest holds no dates, and no paths of a machine but the picture root and what a reader was told: the same sources
and the same settings give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

import mien
from mien import files
from mien.data.shards import SCHEMA_VERSION, Columns, Layout
from mien.errors import InputError
from mien.files import atomic_write

MAX_NUMBERS = 2**20
"""Of one label or array of one person."""

__all__ = ["Change", "Manifest", "ShardFile", "Source", "parse", "read_json", "write_json"]


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """A file of rows."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: str
    rows: int
    sha256: str
    source: int
    """Which of the manifest's sources its rows came from."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of the dataset as its authors publish it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    num_bytes: int = 0
    sha256: str = ""
    entries: int = 0
    """People in it, before anything was left out; 0 and no SHA-256 if it was no file."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one transform of labels did."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    reason: str
    changed: int = 0
    """Rows of which a label changed."""
    dropped: int = 0
    """Rows left out."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A dataset of a store."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    labels: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    """Shape of the value and of the weight of each label that a row may have."""
    arrays: dict[str, tuple[str, tuple[int, ...]]]
    """Number type and shape of each array that every row has."""
    known: dict[str, int] = field(default_factory=dict)
    """How many rows have each label, or a part of it."""
    shards: tuple[ShardFile, ...] = ()
    sources: tuple[Source, ...] = ()
    changes: tuple[Change, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    """Rows left out for other reasons (picture missing, interval), counted."""
    assumed: dict[str, int] = field(default_factory=dict)
    """Rows of which the files do not say what was taken for true: `hands relative`, `hands flat`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the ingest was asked for."""
    title: str = ""
    licence: str = "unknown, see home page"
    homepage: str = ""
    reader: str = ""
    pictures: str = ""
    """The picture root: a folder, an archive or an address; relative to the dataset's folder unless absolute. Change it
    here when the pictures move; nothing else depends on it."""
    box_ratio: float = 1.2
    """By how much a loader grows its boxes: 1.2 for tight ones; other in a store that replicates the published one."""
    mien_version: str = mien.__version__
    schema_version: int = SCHEMA_VERSION

    @property
    def content(self) -> Columns:
        """What its rows consist of."""
        return Columns(layout=Layout.of(self.labels), arrays=self.arrays)

    @property
    def rows(self) -> int:
        """People in all shards."""
        return sum(shard.rows for shard in self.shards)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read it.

        Raises:
            InputError: it is missing, damaged, or was written by another version.
        """
        record = read_json(path)
        if record.get("schema_version") != SCHEMA_VERSION:
            found = f"{path} has schema version {record.get('schema_version')}"
            raise InputError(found, expected=f"version {SCHEMA_VERSION}", todo="ingest the dataset anew")
        found = parse(cls, record, path)
        if not _sound(found):
            raise InputError(f"{path} tells of rows that cannot be", todo="ingest the dataset anew")
        return found


def _sound(manifest: Manifest) -> bool:
    """Whether its rows are of numbers, and of sizes that rows can have: memory is later laid out as it says."""
    shapes = [shape for _, shape in manifest.arrays.values()]
    shapes += [shape for pair in manifest.labels.values() for shape in pair]
    try:
        kinds = [np.dtype(kind) for kind, _ in manifest.arrays.values() if kind != "str"]
    except (TypeError, ValueError, SyntaxError):
        return False
    small = all(min(shape, default=0) >= 0 and math.prod(shape) < MAX_NUMBERS for shape in shapes)
    return small and all(kind.kind in "biuf" for kind in kinds)


def parse(kind: type[Any], record: Mapping[str, Any], path: Path) -> Any:
    """A record of JSON as a dataclass, checked."""
    try:
        return TypeAdapter(kind).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where}: {first['msg']}", todo="ingest the dataset anew") from error


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON that people can read and tools can compare."""
    with atomic_write(path) as stream:
        stream.write((json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, todo: str = "ingest the dataset anew") -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        todo: what the error says to do if it is damaged.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        if not path.exists():
            raise InputError(f"{path} is missing", expected="a store of `mien data ingest`", todo="check the path")
        record = files.read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", todo=todo) from error
    if not isinstance(record, dict):
        raise InputError(f"{path} is no JSON object", todo=todo)
    return record
