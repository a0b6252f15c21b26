"""What a study trains on and is measured on, by name: folders of HumanData, datasets of a store, protocols.

    known = find_sets(("data/train",))                   # data/train/studio/train.npz, data/train/street/train.npz ...
    studio, street = choose(known, ("studio", "street"))

A name, the people and the hashes of labels say what a set is; where it lies does not matter, so that a study goes on
after its data moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mien.data.catalogue import find
from mien.data.humandata import HumanDataFile
from mien.data.store import ROOT, Store
from mien.errors import InputError, closest
from mien.evaluate.protocols import find_protocol
from mien.files import sha256

__all__ = ["Benchmark", "TrainingSet", "catalogued", "choose", "find_benchmarks", "find_sets"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A dataset to train on."""

    name: str
    sources: tuple[str, ...]
    """Folders with train.npz, or the one store that has it; none where it is only planned with."""
    in_store: bool = False
    rows: int
    """People."""
    sha256: str = ""
    """Of its label files together."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What a network is measured on."""

    name: str
    on: str
    """A folder with test.npz, a dataset in a store, or the name of a protocol."""
    primary: str = "pve"
    """The measure that enters the mean primary error (MPE)."""
    in_mpe: bool = True
    """Whether it does, if nothing else is said."""
    sha256: str = ""
    """Of its labels; empty for protocols."""


def find_sets(places: Sequence[str]) -> dict[str, TrainingSet]:
    """The training sets in some places, by name; folders of one name are one set.

    Args:
        places: each a folder with train.npz, a folder of such folders, or a store of `mien data ingest`.

    Raises:
        InputError: a place is not there, or holds nothing to train on.
    """
    found: dict[str, TrainingSet] = {}
    for place in map(Path, places):
        if (place / ROOT).is_file():
            found |= {each.name: each for each in _of_store(place)}
            continue
        for folder in _folders(place, "train.npz"):
            file = folder / "train.npz"
            old = found.get(folder.name)
            sources = (*old.sources, str(folder)) if old else (str(folder),)
            rows = HumanDataFile.open(file).num_rows + (old.rows if old else 0)
            labels = _joint_hash([*([old.sha256] if old else []), sha256(file)])
            found[folder.name] = TrainingSet(name=folder.name, sources=sources, rows=rows, sha256=labels)
    return found


def find_benchmarks(names: Sequence[str]) -> dict[str, Benchmark]:
    """The benchmarks that some names mean: folders with test.npz, folders of such folders, stores, protocols.

    Raises:
        InputError: a name means nothing, or two benchmarks have one name.
    """
    found: dict[str, Benchmark] = {}
    for name in names:
        for each in _benchmarks(name):
            if each.name in found:
                found_twice = f"two benchmarks are called {each.name!r}: {found[each.name].on} and {each.on}"
                raise InputError(found_twice, todo="rename one of the folders")
            found[each.name] = each
    return found


def choose(known: Mapping[str, T], names: Sequence[str], what: str) -> tuple[T, ...]:
    """Some of what is known, by name, in the order of the names; all of it where none is named.

    Raises:
        InputError: a name is not known; the closest one is given.
    """
    for name in names:
        if name not in known:
            raise InputError(f"no {what} is called {name!r}", todo=closest(name, known))
    if len(set(names)) < len(names):
        raise InputError(f"a {what} is named twice: {', '.join(names)}", expected="each once")
    return tuple(known[name] for name in names or known)


def catalogued(names: Sequence[str]) -> dict[str, TrainingSet]:
    """Datasets of the catalogue, only to plan with: they are nowhere."""
    entries = [find(name) for name in names]
    return {each.name: TrainingSet(name=each.name, sources=(), rows=each.instances or 1) for each in entries}


def _of_store(place: Path) -> list[TrainingSet]:
    store = Store.open(place)
    found: list[TrainingSet] = []
    for name in store.names:
        if name.endswith("/train"):
            hashes = [shard.sha256 for shard in store[name].manifest.shards]
            short = name.removesuffix("/train")
            source = str(place.resolve())
            found.append(
                TrainingSet(
                    name=short, sources=(source,), in_store=True, rows=len(store[name]), sha256=_joint_hash(hashes)
                )
            )
    if not found:
        raise InputError(f"the store {place} has no training split", todo="see: mien data ingest --help")
    return found


def _benchmarks(name: str) -> list[Benchmark]:
    path = Path(name)
    if not path.exists():
        if "/" in name or name.startswith("."):
            raise InputError(f"{name} does not exist", expected="a folder with test.npz, or the name of a protocol")
        protocol = find_protocol(name)
        in_mpe = bool(protocol.mpe) or not protocol.dataset
        return [Benchmark(name=protocol.name, on=protocol.name, primary=protocol.primary, in_mpe=in_mpe)]
    if (path / ROOT).is_file():
        store = Store.open(path)
        tests = [each for each in store.names if not each.endswith("/train")]
        return [
            Benchmark(name=each.replace("/", "-"), on=str(path.resolve() / each), sha256=_of_dataset(store, each))
            for each in tests
        ]
    folders = _folders(path, "test.npz")
    return [Benchmark(name=each.name, on=str(each), sha256=sha256(each / "test.npz")) for each in folders]


def _of_dataset(store: Store, name: str) -> str:
    return _joint_hash([shard.sha256 for shard in store[name].manifest.shards])


def _folders(place: Path, file: str) -> list[Path]:
    """The place itself if it has the file, or the folders in it that do; files without people do not count."""
    if not place.is_dir():
        raise InputError(f"{place} is not there", expected=f"a folder with {file}, or a folder of such folders")
    candidates = [place] if (place / file).is_file() else sorted(each for each in place.iterdir() if each.is_dir())
    with_file = [each for each in candidates if (each / file).is_file()]
    found = [each.resolve() for each in with_file if HumanDataFile.open(each / file).num_rows]
    if not found:
        what = f"{file} of {place} has no people" if with_file else f"{place} holds no {file}"
        raise InputError(what, expected=f"a folder with {file}, or a folder of such folders", todo="see: mien synth")
    return found


def _joint_hash(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
