"""Which pictures a command line means, in which order, and what their results are called."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from mien.errors import InputError

__all__ = [
    "EXTENSIONS",
    "VIDEO_EXTENSIONS",
    "PictureFile",
    "distinct_stems",
    "find_pictures",
    "fold",
    "list_pictures",
    "without_clashes",
]

log = logging.getLogger("mien")

EXTENSIONS = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
"""What counts as a picture in a folder, in any case. A file named outright is read whatever its extension."""

VIDEO_EXTENSIONS = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv",
)  # fmt: skip
"""What counts as a video, in any case."""

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A picture to work on, and what its results are called."""

    path: Path
    """Where it lies, as the user wrote it."""
    root: Path
    """The folder that its names are relative to: the input folder, or the folder of the input file."""
    name: str
    """Its path below `root`, with extension and forward slashes: how boxes files speak of it."""
    stem: str
    """The name of its results, without extension: `name` without extension, unless two pictures would then clash."""

    def output(self, folder: Path, suffix: str = ".npz") -> Path:
        """Where its results go: `folder/stem` + suffix. Distinct for all pictures of one `find_pictures`."""
        return folder / f"{self.stem}{suffix}"


def find_pictures(inputs: Sequence[str | Path], extensions: Sequence[str] = EXTENSIONS) -> list[PictureFile]:
    """All pictures that files, folders (with their subfolders) and glob patterns name, each once.

    The order is that of the inputs, and within a folder or pattern a natural one (`2.jpg` before `10.jpg`). Hidden
    files and folders are passed over unless named. Output stems mirror the input folder. Where folders hold pictures
    of the same name, their outputs go below the folders' names; where `a.jpg` meets `a.png`, both keep extensions.
    Names that differ in case only are taken to clash, as they would on the disks of most laptops.

    Args:
        inputs: files, folders, patterns.
        extensions: what is looked for in folders and by patterns; with `VIDEO_EXTENSIONS` videos, too.

    Raises:
        InputError: an input does not exist or holds no picture, or two outputs would still have one name.
    """
    return without_clashes(list_pictures(inputs, extensions))


def list_pictures(
    inputs: Sequence[str | Path], extensions: Sequence[str] = EXTENSIONS, out: Path | None = None
) -> list[PictureFile]:
    """As `find_pictures`, before names that clash are told apart: each stem is the name without its extension.

    Args:
        inputs: files, folders, patterns.
        extensions: what is looked for in folders and by patterns.
        out: the folder of the results. What lies there is no input, unless it, or what is in it, is named outright.

    Raises:
        InputError: an input does not exist or holds no picture (but those in `out`).
    """
    if not inputs:
        raise InputError("no pictures were named", expected="files, folders or patterns such as 'photos/**/*.jpg'")
    found: dict[tuple[str, str], PictureFile] = {}
    real: dict[Path, str] = {}
    result: dict[tuple[Path, Path], bool] = {}
    results = set[Path]()
    for item in map(str, inputs):
        try:
            pictures = _expand(item, extensions)
        except OSError as error:
            what = f"cannot look into {error.filename or item}: {error.strerror or error}"
            raise InputError(what, expected="a picture or a folder", todo="check its name and permissions") from error
        for path, root in pictures:
            if path.parent not in real:
                real[path.parent] = os.path.realpath(path.parent)
            where = path.parent, root
            if where not in result:
                result[where] = out is not None and _is_result(Path(real[path.parent]), root, out)
            if result[where]:
                results.add(path)
                continue
            name = PurePosixPath(*path.relative_to(root).parts)
            picture = PictureFile(path=path, root=root, name=str(name), stem=str(name.with_suffix("")))
            found.setdefault((real[path.parent], path.name), picture)
    if results and not found:
        raise InputError(f"all that was found lies in {out}, the folder of results", expected="pictures elsewhere")
    if results:
        log.info("%d files in %s, the folder of results, are no inputs", len(results), out)
    return list(found.values())


def _is_result(folder: Path, root: Path, out: Path) -> bool:
    """Whether a folder that was found below `root` lies in the folder of results, and `root` does not."""
    place = os.path.realpath(out)
    return folder.is_relative_to(place) and not Path(os.path.realpath(root)).is_relative_to(place)


def _raise(error: OSError) -> NoReturn:
    raise error


def _expand(item: str, extensions: Sequence[str]) -> list[tuple[Path, Path]]:
    """The pictures of one input, sorted, each with the folder that its name is relative to."""
    path = Path(item)
    if item and path.is_file():
        return [(path, path.parent)]
    if item and path.is_dir():
        pictures = [(picture, path) for picture in _walk(path, extensions)]
    elif item and not path.exists() and _MAGIC.search(item):
        pictures = _glob(item, extensions)
    elif item and path.exists():
        raise InputError(f"{item} is not a regular file", expected="a picture or a folder", todo="save it to a file")
    else:
        raise InputError(f"{item!r} does not exist", expected="a picture, a folder or a pattern", todo="check the name")
    if not pictures:
        what = "matches no picture" if not path.is_dir() else "holds no pictures"
        todo = "check the folder, or name a file of another extension outright"
        raise InputError(f"{item!r} {what}", expected=f"files ending in {', '.join(extensions)}", todo=todo)
    return sorted(pictures, key=lambda pair: _natural(pair[0].relative_to(pair[1])))


def _walk(root: Path, extensions: Sequence[str]) -> Iterator[Path]:
    """Pictures at or below `root`. Linked folders are followed, but each real folder is visited once."""
    seen: set[str] = set()
    for folder, below, files in os.walk(root, onerror=_raise, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (
            Path(folder, name)
            for name in files
            if not name.startswith(".") and _is_one_of(Path(folder, name), extensions)
        )


def _glob(pattern: str, extensions: Sequence[str]) -> list[tuple[Path, Path]]:
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    root, rest = Path(*parts[:first]), list(parts[first:])
    if ".." in rest:
        raise InputError(f"the pattern {pattern!r} climbs up after a wildcard", todo="write it without '..' there")
    if rest[-1] == "**":
        rest.append("*")
    try:
        matches = [path for path in root.glob("/".join(rest)) if _is_one_of(path, extensions)]
    except ValueError as error:
        raise InputError(f"the pattern {pattern!r} cannot be read ({error})", todo="put ** between slashes") from error
    if not any(part.startswith(".") for part in rest):
        matches = [path for path in matches if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    return [(path, root) for path in set(matches)]


def _is_one_of(path: Path, extensions: Sequence[str]) -> bool:
    return path.suffix.lower() in extensions and path.is_file()


def _natural(path: Path) -> tuple[object, ...]:
    """Sorts digits as numbers, letters without case, and the rest of what differs as it is."""
    return ([_runs(part.casefold()) for part in path.parts], str(path))


def _runs(part: str) -> list[tuple[int, str]]:
    return [(int(run), "") if run.isdecimal() else (-1, run) for run in re.split(r"(\d+)", part)]


def fold(name: str) -> str:
    """The same for names that are one file on a disk that ignores case, or how accents are put together."""
    return unicodedata.normalize("NFC", name).casefold()


def without_clashes(pictures: list[PictureFile]) -> list[PictureFile]:
    """The same pictures with stems that differ, also on a disk that ignores case; see `find_pictures`.

    Raises:
        InputError: two of them would still have one name.
    """
    by_name: dict[str, set[Path]] = defaultdict(set)
    for picture in pictures:
        by_name[fold(picture.name)].add(picture.root)
    twice = {root for roots in by_name.values() if len(roots) > 1 for root in roots}
    prefix = {root: f"{name}/" if (name := root.resolve().name) else "" for root in twice}  # "/" has no name
    bare = {index for index, picture in enumerate(pictures) if picture.stem != picture.name}
    pictures = [replace(picture, stem=prefix.get(picture.root, "") + picture.stem) for picture in pictures]
    while clashes := _clashes(pictures):
        short = bare.intersection(index for group in clashes for index in group)
        if not short:
            one, other = (pictures[index] for index in clashes[0][:2])
            raise InputError(
                f"{one.path} and {other.path} would both be written to {one.stem}.npz",
                expected="one name for each of them",
                todo="give them to separate runs, or rename one",
            )
        for index in short:
            picture = pictures[index]
            pictures[index] = replace(picture, stem=picture.stem + PurePosixPath(picture.name).suffix)
        bare -= short
    return pictures


def _clashes(pictures: list[PictureFile]) -> list[list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        groups[fold(picture.stem)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def distinct_stems(paths: Sequence[Path]) -> dict[Path, str]:
    """What is made of files, in one folder, is called: their stems, below their folders' names where two are the same.

    Raises:
        InputError: two of them would still have one name.
    """
    files = [PictureFile(path=path, root=path.parent, name=path.name, stem=path.stem) for path in dict.fromkeys(paths)]
    return {file.path: file.stem for file in without_clashes(files)}
