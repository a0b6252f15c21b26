"""What there is to do: which inputs a bucket or a folder holds, and which of them are finished."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mien.cluster.manifest import Entry, Manifest
from mien.cluster.places import Place
from mien.errors import InputError
from mien.picture_files import EXTENSIONS, VIDEO_EXTENSIONS, PictureFile, without_clashes

__all__ = ["Item", "items_of", "left_to_do", "remote_items"]

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class Item:
    """An input, which one worker turns into results."""

    name: str
    """Its path below the folder or bucket that was named: how boxes files speak of it."""
    stem: str
    """The name of its results, without what comes after."""
    source: str
    """Where it lies: a path that all machines know, or an address."""
    kind: Literal["picture", "clip"]
    num_bytes: int

    def entry(self, **known: Any) -> Entry:
        """Its line in the manifest."""
        return Entry(
            name=self.name, stem=self.stem, source=self.source, kind=self.kind, num_bytes=self.num_bytes, **known
        )


def items_of(pictures: Iterable[PictureFile], clips: Iterable[PictureFile]) -> list[Item]:
    """Inputs that lie in folders; the paths are made whole, since workers stand elsewhere.

    Raises:
        InputError: a camera, which no other machine can see.
    """
    found = [_item(file, "picture") for file in pictures]
    return found + [_item(file, "clip") for file in clips]


def _item(file: PictureFile, kind: Literal["picture", "clip"]) -> Item:
    if not file.path.exists():
        raise InputError(f"{file.path} on a cluster", expected="files and folders", todo="leave --cluster away")
    inside = [path for path in file.path.rglob("*") if path.is_file()] if file.path.is_dir() else [file.path]
    return Item(
        name=file.name,
        stem=file.stem,
        source=str(file.path.absolute()),
        kind=kind,
        num_bytes=sum(path.stat().st_size for path in inside),
    )


def remote_items(addresses: Sequence[str]) -> list[Item]:
    """Inputs that lie elsewhere: files, folders (searched through) and patterns with `://`.

    Results are named as those of folders are: by the path below what was named, distinct for all of them.

    Raises:
        InputError: an address cannot be reached, or holds neither pictures nor videos.
    """
    files: dict[str, tuple[PictureFile, str, int]] = {}
    for address in addresses:
        for file, source, size in _listed(address):
            files.setdefault(source, (file, source, size))
    named = without_clashes([file for file, _, _ in files.values()])
    return [
        Item(name=file.name, stem=file.stem, source=source, kind=_kind(file.path), num_bytes=size)
        for file, (_, source, size) in zip(named, files.values(), strict=True)
    ]


def _listed(address: str) -> list[tuple[PictureFile, str, int]]:
    place = Place(address)
    pattern = place.root if _MAGIC.search(place.root) else ""
    sizes = place.files(pattern)
    if pattern:
        parts = PurePosixPath(pattern).parts
        root = PurePosixPath(*parts[: next(i for i, part in enumerate(parts) if _MAGIC.search(part))])
    else:
        root = PurePosixPath(place.root)
    root = root.parent if str(root) in sizes else root  # a single file
    found = []
    for path, size in sorted(sizes.items()):
        name = PurePosixPath(path).relative_to(root)
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and name.suffix.lower() in EXTENSIONS + VIDEO_EXTENSIONS:
            file = PictureFile(path=Path(path), root=Path(root), name=str(name), stem=str(name.with_suffix("")))
            found.append((file, place.fs.unstrip_protocol(path), size))
    if not found:
        expected = f"files ending in {', '.join(EXTENSIONS + VIDEO_EXTENSIONS)}"
        raise InputError(f"{address} holds no pictures and no videos", expected=expected, todo="check the address")
    return found


def _kind(path: Path) -> Literal["picture", "clip"]:
    return "clip" if path.suffix.lower() in VIDEO_EXTENSIONS else "picture"


def left_to_do(items: Sequence[Item], manifest: Manifest, suffixes: Mapping[str, Mapping[str, str]]) -> list[Item]:
    """Those that are not finished, long clips first, so that none is begun when all others are done.

    Finished is what the manifest says is done, of an input of the same size, with all wanted files there, whole.

    Args:
        items: all of them.
        manifest: what was done before.
        suffixes: of what is to be written, by the kind of input and the kind of file.

    Raises:
        InputError: the results cannot be looked at.
    """
    there = manifest.place.files() if manifest.entries else {}
    left = [item for item in items if not _finished(item, manifest, there, suffixes[item.kind].values())]
    return sorted(left, key=lambda item: (item.kind != "clip", -item.num_bytes))


def _finished(item: Item, manifest: Manifest, there: Mapping[str, int], suffixes: Iterable[str]) -> bool:
    entry = manifest.entries.get(item.stem)
    if entry is None or entry.error or (entry.source, entry.num_bytes) != (item.source, item.num_bytes):
        return False
    wanted = [item.stem + suffix for suffix in suffixes]
    return all(name in entry.files and there.get(manifest.place.path(name)) == entry.files[name] for name in wanted)
