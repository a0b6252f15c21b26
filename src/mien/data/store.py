"""A folder of datasets that training reads at random: mapped shards, a manifest for each dataset, pictures elsewhere.

store = Store.open("store")
people = store["bedlam/train"].take(np.array([5, 80_000, 12]))     # Samples, in the order asked for
jpeg = store["bedlam/train"].image(5)                              # bytes of its picture
store.verify()                                                     # every shard against its SHA-256
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Int64

import mien
from mien.data.gathering import Gatherer
from mien.data.images import ImageStore
from mien.data.manifest import Manifest, ShardFile, Source, read_json, write_json
from mien.data.samples import Label, Samples, by_row
from mien.data.shards import SCHEMA_VERSION, Columns, Shard, write_shard
from mien.errors import InputError, closest
from mien.files import exclusive, inside, sha256, writing

__all__ = ["ROWS_PER_SHARD", "Dataset", "Store", "count_known", "dataset_folder"]

ROWS_PER_SHARD = 16_384
"""About 60 MB of whole-body labels."""
ROOT, MANIFEST = "store.json", "manifest.json"


class Dataset:
    """One split of one dataset, rows 0 to `len`. Nothing is read until rows are asked for; processes share the pages.

    Args:
        folder: where its manifest and shards lie.
        labels: take out only these labels; all by default.
    """

    def __init__(self, folder: Path, labels: Iterable[str] | None = None) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder / MANIFEST)
        self.name = self.manifest.name
        self._content = self.manifest.content
        self.layout = self._content.layout if labels is None else self._content.layout.only(labels)
        """The labels that `take` gives."""
        counts = [shard.rows for shard in self.manifest.shards]
        self._check_counts(counts)
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._length = int(self._starts[-1])
        self._gatherer: Gatherer | None = None
        self._images: ImageStore | None = None

    def _check_counts(self, counts: list[int]) -> None:
        """Raise `InputError` if the manifest counts what cannot be counted: rows are later taken without a look."""
        last = len(self.manifest.sources) - 1
        sources = [shard.source for shard in self.manifest.shards]
        if not all(0 <= count < 2**40 for count in counts) or not all(0 <= number <= last for number in sources):
            found = f"{self.folder / MANIFEST} counts rows or sources that cannot be"
            raise InputError(found, todo="ingest the dataset anew")

    def __len__(self) -> int:
        return self._length

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_gatherer": None, "_images": None}

    def take(self, rows: Int64[np.ndarray, "row"]) -> Samples:
        """The people of some rows, in that order, repeats and all.

        Raises:
            InputError: there is no such row, or its shard is missing or damaged.
        """
        if len(rows) and (rows.min() < 0 or rows.max() >= self._length):
            wrong = rows[(rows < 0) | (rows >= self._length)][0]
            raise InputError(f"{self.name} has no row {wrong}", expected=f"rows 0 to {self._length - 1}")
        which = np.searchsorted(self._starts, rows, "right") - 1
        numbers = set(which.tolist())
        if self._gatherer is None:
            self._gatherer = Gatherer(self._content, self.layout, len(self.manifest.shards))
        for number in numbers:
            if not self._gatherer.is_open(number):
                self._gatherer.add(number, self._open(number))
        return self._gatherer.take(self._source(numbers), which, rows - self._starts[which])

    def chunks(self, size: int = ROWS_PER_SHARD) -> Iterator[Samples]:
        """All people in order, some at a time."""
        for start in range(0, self._length, size):
            yield self.take(np.arange(start, min(start + size, self._length)))

    def image(self, row: int) -> bytes:
        """The encoded picture of a row.

        Raises:
            PictureError: it is missing.
        """
        return self.images.read(self.image_path(row))

    def image_path(self, row: int) -> str:
        """Path of a row's picture below the picture root."""
        return str(self.take(np.array([row])).image[0])

    @property
    def images(self) -> ImageStore:
        """Where its pictures are."""
        if self._images is None:
            self._images = ImageStore.open(self.manifest.pictures, beside=self.folder)
        return self._images

    def verify(self) -> list[str]:
        """What is wrong with its shards; empty if every byte is as it was written."""
        wrong: list[str] = []
        for entry in self.manifest.shards:
            path = inside(self.folder, entry.file)
            if not path.exists():
                wrong.append(f"{self.name}: the shard {entry.file} is missing")
            elif sha256(path) != entry.sha256:
                wrong.append(f"{self.name}: the shard {entry.file} is damaged (its SHA-256 is another)")
        return wrong

    def _source(self, numbers: Iterable[int]) -> str:
        """The file that the rows of some shards came from; the dataset's name if there are several."""
        sources = {self.manifest.shards[number].source for number in numbers}
        return self.manifest.sources[sources.pop()].name if len(sources) == 1 else self.name

    def _open(self, number: int) -> Shard:
        """Map one of its shards."""
        entry = self.manifest.shards[number]
        shard = Shard.open(inside(self.folder, entry.file))
        if len(shard) != entry.rows:
            what = f"the shard {self.folder / entry.file} has {len(shard)} rows"
            raise InputError(what, expected=f"{entry.rows}", todo="ingest the dataset anew")
        return shard


class Store:
    """Datasets below one folder, by name (`bedlam/train`). A name without a split means `/train`.

    Opening reads one small file; a dataset's manifest is read when it is asked for, a shard when a row of it is.
    """

    def __init__(self, folder: Path, labels: Iterable[str] | None = None) -> None:
        self.folder = folder
        todo = f"delete {folder / ROOT} and ingest its datasets anew: those that are whole are kept"
        record = read_json(folder / ROOT, todo)
        if record.get("schema_version") != SCHEMA_VERSION:
            found = f"the store {folder} has schema version {record.get('schema_version')}"
            raise InputError(found, expected=f"version {SCHEMA_VERSION}", todo=todo)
        names = record.get("datasets")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"the store {folder} lists no datasets", todo=todo)
        self.names: tuple[str, ...] = tuple(names)
        """The datasets that are complete."""
        self._labels = None if labels is None else tuple(labels)
        self._datasets: dict[str, Dataset] = {}

    @classmethod
    def open(cls, folder: str | Path, *, labels: Iterable[str] | None = None) -> Store:
        """Open a store for reading.

        Args:
            folder: what `mien data ingest --out` was told.
            labels: take out only these labels of every dataset; all by default.

        Raises:
            InputError: it is no store, or one of another version.
        """
        return cls(Path(folder), labels)

    @classmethod
    def create(cls, folder: str | Path) -> Store:
        """Open a store, making it first if it is not there."""
        if not (Path(folder) / ROOT).exists():
            _write_root(Path(folder), ())
        return cls(Path(folder))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _full(name) in self.names

    def __getitem__(self, name: str) -> Dataset:
        name = _full(name)
        if name not in self.names:
            raise InputError(f"the store {self.folder} has no dataset {name!r}", todo=closest(name, self.names))
        if name not in self._datasets:
            self._datasets[name] = Dataset(dataset_folder(self.folder, name), self._labels)
        return self._datasets[name]

    def __iter__(self) -> Iterator[Dataset]:
        return (self[name] for name in self.names)

    def add(
        self, name: str, chunks: Iterable[Samples], *, rows_per_shard: int = ROWS_PER_SHARD, **about: Any
    ) -> Dataset:
        """Write a dataset from samples in memory, in place of one of that name; `mien.data.ingest` does it from files.

        The one that was there stays whole until all of the new one is.

        Args:
            name: `bedlam/train`.
            chunks: its people; a shard is never wider than one chunk.
            rows_per_shard: the most rows of a file.
            about: further fields of `Manifest`, such as `pictures` or `licence`.

        Raises:
            InputError: the name leads out of the store, or a row cannot be kept.
            OutputError: another process writes to the store, or the disk is full.
        """
        name = _full(name)
        folder = dataset_folder(self.folder, name)
        with exclusive(self.folder):
            self.names = Store(self.folder).names
            manifest = _write_shards(folder, name, chunks, rows_per_shard, about)
            dataset = self.enter(manifest)
            for path in {*folder.glob("*.arrow")} - {folder / each.file for each in manifest.shards}:
                path.unlink()
        return dataset

    def enter(self, manifest: Manifest) -> Dataset:
        """Write the manifest of a dataset whose shards are written: from now on it is part of the store."""
        manifest.write(dataset_folder(self.folder, manifest.name) / MANIFEST)
        self.names = tuple(sorted({*self.names, manifest.name}))
        _write_root(self.folder, self.names)
        self._datasets.pop(manifest.name, None)
        return self[manifest.name]

    def verify(self) -> list[str]:
        """What is wrong with any shard of any dataset; empty if every byte is as it was written."""
        return [line for dataset in self for line in dataset.verify()]


def dataset_folder(store: Path, name: str) -> Path:
    """The folder of a dataset below that of its store.

    Raises:
        InputError: it would lie elsewhere.
    """
    if "/" not in name or str(PurePosixPath(name)) != name:
        raise InputError(f"a dataset called {name!r}", expected="a name and a split, such as bedlam/train")
    return inside(store, name)


def count_known(samples: Samples) -> dict[str, int]:
    """How many rows have each label, or a part of it."""
    labels = {field.name: getattr(samples, field.name) for field in fields(samples)}
    found = {name: label for name, label in labels.items() if isinstance(label, Label)}
    return {name: int((by_row(label.weight) != 0).any(1).sum()) for name, label in found.items()}


def _write_shards(
    folder: Path, name: str, chunks: Iterable[Samples], rows_per_shard: int, about: Mapping[str, Any]
) -> Manifest:
    """Shards of a dataset beside those that are there, each named by its content. Returns what is to say of them."""
    shards, contents, known, sources = list[ShardFile](), list[Columns](), Counter[str](), list[str]()
    for chunk in chunks:
        if chunk.source not in sources:
            sources.append(chunk.source)
        for start in range(0, len(chunk), rows_per_shard):
            part = chunk.take(slice(start, start + rows_per_shard))
            new = folder / "new.arrow"
            digest, content = write_shard(new, part)
            file = f"{len(shards):06d}-{digest[:12]}.arrow"
            with writing(folder / file):
                os.replace(new, folder / file)
            source = sources.index(chunk.source)
            shards.append(ShardFile(file=file, rows=len(part), sha256=digest, source=source))
            contents.append(content)
            known.update(count_known(part))
    content = Columns.join(contents, name)
    return Manifest(
        name=name,
        labels=content.layout.shapes,
        arrays=content.arrays,
        known=dict(sorted(known.items())),
        shards=tuple(shards),
        sources=tuple(Source(name=each) for each in sources),
        **about,
    )


def _full(name: str) -> str:
    return name if "/" in name else f"{name}/train"


def _write_root(folder: Path, names: tuple[str, ...]) -> None:
    record = {"schema_version": SCHEMA_VERSION, "mien_version": mien.__version__, "datasets": list(names)}
    write_json(folder / ROOT, record)
