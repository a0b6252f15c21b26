"""What the readers share: chunks of rows, columns that say what is known, json files, errors that name the place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from mien.data.joints import to_137
from mien.data.samples import PARAMS, Label, Samples, text
from mien.errors import InputError
from mien.files import read_json
from mien.limits import MAX_JSON_BYTES

__all__ = [
    "CHUNK",
    "Columns",
    "File",
    "Reader",
    "Record",
    "chunks",
    "guarded",
    "load_json",
    "mapping_in",
    "numbers",
    "put_params",
    "records_in",
    "wrong",
]

CHUNK = 8192
"""At most so many rows at once."""

Record = Mapping[str, Any]
Array = np.ndarray | np.generic
"""What numpy gives back: a reduction may be a single number."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file (or folder) that a reader takes, by the name of its argument."""

    role: str
    what: str
    pattern: str
    """A regular expression that finds it by its file name, when several are given without roles."""
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A format that is understood."""

    name: str
    what: str
    """One line for lists."""
    files: tuple[File, ...]
    """The first is what the others belong to, and gives the reader its first argument."""
    read: Callable[..., Iterator[Samples]]
    """read(first file, role=other file, ..., option=...) -> chunks of at most `CHUNK` rows."""


def guarded(reader: Reader) -> Reader:
    """The same reader, which calls any file that it stumbles over an `InputError`.

    The files are other people's: a word in the place of a number, or a list in that of an object, may be anywhere.
    """
    read = reader.read

    @functools.wraps(read)
    def safe(path: Path, **options: Any) -> Iterator[Samples]:
        try:
            yield from read(path, **options)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise InputError(f"{path} is not understood ({reason})", expected=reader.files[0].what) from error

    return replace(reader, read=safe)


@dataclass(eq=False)
class Columns:
    """The labels of one chunk while they are gathered: what is not finite becomes absent, and is written down."""

    source: Path
    row: Int64[np.ndarray, "row"]
    image: np.ndarray
    columns: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Label | np.ndarray] = field(default_factory=dict)

    def put(self, name: str, value: Array, known: Array | bool = True) -> None:
        """A column of `Samples`. `known` says it for each row, or for each row and part; NaN is never known."""
        self.columns[name] = self._label(name, value, known)

    def put_extra(self, name: str, value: Array, known: Array | bool = True) -> None:
        """The same for an entry of `Samples.extra`."""
        self.extra[name] = self._label(name, value, known)

    def put_text(self, name: str, value: str | Sequence[Any] | np.ndarray) -> None:
        """Strings in `Samples.extra`: one for all rows, or one for each."""
        self.extra[name] = text([value] * len(self.row) if isinstance(value, str) else value)

    def put_size(self, size: np.ndarray) -> None:
        """Height and width of the pictures (row, 2), if they are known of all."""
        size = np.asarray(size, np.float64)
        if (np.isfinite(size) & (size >= 1) & (size < 2**31)).all():
            self.columns["size"] = size.astype(np.int32)

    def put_keypoints(self, name: str, values: np.ndarray, known: np.ndarray, joints: tuple[str, ...]) -> None:
        """Keypoints (row, joint, 2 or 3) of a dataset's own joints, put in the order of the 137.

        Joints whose coordinates are not finite are unknown.
        """
        values = _float32(values)
        finite = np.asarray(np.isfinite(values).all(-1))
        self._note(name, ~finite & (known > 0))
        clean = np.where(finite[..., None], values, np.float32(0))
        value, weight = to_137(clean, (finite * known).astype(np.float32), joints)
        label = Label(value=value * (weight > 0)[..., None], weight=weight)
        if name in self.columns:
            before: Label = self.columns[name]
            free = before.weight == 0
            label = Label(
                value=np.where(free[..., None], label.value, before.value),
                weight=np.where(free, label.weight, before.weight),
            )
        self.columns[name] = label

    def done(self) -> Samples:
        """The chunk."""
        return Samples(source=str(self.source), row=self.row, image=self.image, extra=self.extra, **self.columns)

    def _label(self, name: str, value: Array, known: Array | bool) -> Label:
        value = _float32(value)
        weight = np.broadcast_to(np.asarray(known, np.float32), np.shape(known) or (len(self.row),)).copy()
        axes = tuple(range(weight.ndim, value.ndim))
        finite = np.asarray(np.isfinite(value).all(axes))
        self._note(name, ~finite & (weight > 0))
        weight *= finite
        keep = weight.reshape(weight.shape + (1,) * len(axes)) > 0
        return Label(value=np.where(keep, value, np.float32(0)), weight=weight)

    def _note(self, name: str, bad: np.ndarray) -> None:
        """Write down in `extra["nan"]` which rows hold something that is no number."""
        rows = np.flatnonzero(bad.reshape(len(bad), -1).any(1))
        if len(rows):
            notes = self.extra.setdefault("nan", text([""] * len(self.row)))
            assert isinstance(notes, np.ndarray)
            for row in rows:
                notes[row] = f"{notes[row]} {name}".strip()


def _float32(values: Array) -> np.ndarray:
    with np.errstate(over="ignore"):  # too large a number is infinite, which is no label
        return np.asarray(values).astype(np.float32, copy=False)


def chunks(count: int) -> Iterator[slice]:
    """Slices that cover `count` rows, `CHUNK` at a time."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def load_json(path: Path) -> Any:
    """The content of a json file.

    Raises:
        InputError: it is not there, or is no json.
    """
    try:
        return read_json(Path(path), MAX_JSON_BYTES)
    except ValueError as error:
        raise InputError(f"{path} is no json: {error}", todo="is it whole? download it again") from error


def mapping_in(path: Path, content: Any, what: str) -> Mapping[str, Any]:
    """The content, if it is an object of json; `what` says what it should be."""
    if not isinstance(content, dict):
        raise wrong(path, f"a {type(content).__name__}", what)
    return content


def records_in(path: Path, content: Any, key: str) -> list[Record]:
    """The list of objects under `key` of a json file."""
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise wrong(path, f"no list of objects {key!r}", "annotations in the style of COCO")
    return entries


def wrong(path: Path, found: str, expected: str) -> InputError:
    """The error for a file of another format, with the name of the reader that would take it."""
    from mien.data.readers.sniffing import sniff

    try:
        name = sniff(path)
    except InputError:
        name = None
    todo = f"it looks like {name!r}; use --reader {name}" if name else ""
    return InputError(f"{path} holds {found}", expected=expected, todo=todo)


def numbers(
    where: str, entries: Sequence[Any], shape: tuple[int, ...], first_row: int = 0
) -> tuple[Float32[np.ndarray, "row *shape"], Float32[np.ndarray, "row"]]:
    """Lists of numbers, one for each row, as one array, and which rows have one at all (None means absent).

    Raises:
        InputError: a row holds another count of numbers; the message names it.
    """
    size, values = int(np.prod(shape)), np.zeros((len(entries), *shape), np.float32)
    known = np.array([entry is not None for entry in entries], np.float32)
    present = [entry for entry in entries if entry is not None]
    if present:
        try:
            with np.errstate(over="ignore"):  # too large a number is infinite, which is no label
                array = np.array(present, np.float32).reshape(len(present), size)
        except (ValueError, TypeError):
            array = np.stack(
                [_numbers(where, first_row + row, entries[row], size) for row in np.flatnonzero(known).tolist()]
            )
        values[known > 0] = array.reshape(len(present), *shape)
    return values, known


def _numbers(where: str, row: int, entry: Any, size: int) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            array = np.array(entry, np.float32).reshape(-1)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}, row {row}, is no list of numbers", expected=f"{size} numbers") from error
    if len(array) != size:
        raise InputError(f"{where}, row {row}, holds {len(array)} numbers", expected=str(size))
    return array


def put_params(columns: Columns, params: Mapping[str, tuple[np.ndarray, Array]]) -> None:
    """Body parameters by their names in files, with what is known of each; betas beyond 10 go into `betas_rest`."""
    for name, (value, known) in params.items():
        shape = PARAMS[name]
        if name in ("betas", "expression") and value.shape[1] > shape[0]:
            columns.put_extra(f"{name}_rest", value[:, shape[0] :], known)
            value = value[:, : shape[0]]
        if name in ("betas", "expression") and value.shape[1] < shape[0]:
            value = np.pad(value, ((0, 0), (0, shape[0] - value.shape[1])))
        columns.put(name, value.reshape(len(value), *shape), known)
