"""Rows on disk while a clip is being worked on, so that memory stays flat and nothing that is done is done again.

`rows.bin` and `times.bin` only ever grow; `state.json` says how much of them is certain, and what is needed to go on.
What lies beyond it, after a crash, is cut off.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from mien.clip import ROW_KEYS
from mien.errors import InputError
from mien.files import appended, atomic_write, read_json, writing

__all__ = ["Spill", "row_type"]

_PIECE = 4096
"""Rows that are read at once."""
_ANEW = "run again without --resume"


def row_type(arrays: Mapping[str, np.ndarray]) -> np.dtype:
    """The type of a row that holds one entry of each array, and what a clip's rows have beside."""
    parts = [(key, array.dtype.str, array.shape[1:]) for key, array in arrays.items()]
    return np.dtype(parts + [(key, np.dtype(kind).str, ()) for key, kind in ROW_KEYS.items()])


@dataclass(kw_only=True)
class Spill:
    """The part files of one clip."""

    folder: Path
    rows: int = 0
    frames: int = 0
    kind: np.dtype | None = None
    """Of a row; None until there is one."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What the run wants to find again."""

    @classmethod
    def open(cls, folder: Path, made_by: Mapping[str, object], *, resume: bool, precious: bool = False) -> Spill:
        """Begin, or go on where a run with the same settings was stopped.

        Args:
            folder: of the part files.
            made_by: everything that decides what the rows are; kept, and compared when a run goes on.
            resume: whether to go on. Else what is there is thrown away.
            precious: what is there cannot be made again, and is not thrown away.

        Raises:
            InputError: what is there was made with other settings, or is precious; nothing is thrown away.
            OutputError: the folder cannot be written.
        """
        state = folder / "state.json"
        if resume and state.exists():
            try:
                known = read_json(state)
                there = known["made_by"]
                kind = np.dtype([(name, form, tuple(shape)) for name, form, shape in known["kind"]])
                spill = cls(folder=folder, rows=known["rows"], frames=known["frames"], extra=known["extra"])
                if kind.hasobject or any(type(each) is not int or each < 0 for each in (spill.rows, spill.frames)):
                    raise ValueError("it counts wrongly")
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise InputError(f"{state} cannot be read ({error})", todo=_ANEW) from error
            _compare(folder, there, made_by)
            spill.kind = kind if known["kind"] else None
            spill._cut()
            return spill
        if precious and state.exists():
            todo = "finish them with --resume; or choose another --out, or throw that folder away"
            raise InputError(f"{folder} holds frames of a run that was stopped, which no camera shows again", todo=todo)
        with writing(folder):
            for name in ("rows.bin", "times.bin", "state.json"):
                (folder / name).unlink(missing_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
        return cls(folder=folder)

    def append(
        self,
        rows: np.ndarray | None,
        times: Float64[np.ndarray, "frame"],
        made_by: Mapping[str, object],
        extra: dict[str, Any],
    ) -> None:
        """Write rows and frame times down for good.

        Raises:
            InputError: these rows are of another kind than those that are there.
            OutputError: the disk is full; what was written before stays.
        """
        kind, count, frames = self.kind, self.rows, self.frames + len(times)
        if rows is not None and len(rows):
            if kind is not None and kind != rows.dtype:
                raise InputError(f"{self.folder} holds rows of {kind}", expected=f"{rows.dtype}", todo=_ANEW)
            kind, count = rows.dtype, count + len(rows)
            self._grow("rows.bin", rows)
        self._grow("times.bin", times)
        forms = [] if kind is None else [(name, *_form(kind[name])) for name in kind.names or ()]
        state = {"rows": count, "frames": frames, "kind": forms, "made_by": dict(made_by), "extra": extra}
        with atomic_write(self.folder / "state.json") as stream:
            stream.write(json.dumps(state).encode())
        self.kind, self.rows, self.frames, self.extra = kind, count, frames, extra

    def times(self) -> Float64[np.ndarray, "frame"]:
        """Of every frame, seconds."""
        return np.fromfile(self.folder / "times.bin", np.float64, self.frames) if self.frames else np.zeros(0)

    def column(self, key: str) -> np.ndarray:
        """One key of all rows, read in pieces.

        Raises:
            InputError: the rows have no such key: they are not of this version, or were changed.
        """
        if self.kind is None:
            return np.zeros(0)
        if key not in (self.kind.names or ()):
            raise InputError(f"the rows in {self.folder} have no {key}", todo=_ANEW)
        found = np.empty((self.rows, *self.kind[key].shape), self.kind[key].base)
        with open(self.folder / "rows.bin", "rb") as stream:
            for start in range(0, self.rows, _PIECE):
                part = np.fromfile(stream, self.kind, min(_PIECE, self.rows - start))
                found[start : start + len(part)] = part[key]
        return found

    def take(self, index: Int64[np.ndarray, "taken"]) -> np.ndarray:
        """Some rows, in this order."""
        return np.array(self._map()[index])

    def remove(self) -> None:
        """Throw the part files away: at once under another name, so that nobody goes on with what is left of them."""
        done = _finished(self.folder)
        with writing(self.folder):
            shutil.rmtree(done, ignore_errors=True)
            os.replace(self.folder, done)
        shutil.rmtree(done, ignore_errors=True)

    @staticmethod
    def sweep(folder: Path) -> None:
        """Throw away what `remove` could not, when it was killed."""
        shutil.rmtree(_finished(folder), ignore_errors=True)

    def _map(self) -> np.ndarray:
        """All rows without reading them; let go of it soon, so that it does not stay in memory."""
        assert self.kind is not None
        return np.memmap(self.folder / "rows.bin", self.kind, "r", shape=(self.rows,))

    def _grow(self, name: str, array: np.ndarray) -> None:
        path = self.folder / name
        with writing(path), appended(path) as stream:
            stream.write(array.tobytes())
            stream.flush()
            os.fsync(stream.fileno())

    def _cut(self) -> None:
        width = 0 if self.kind is None else self.kind.itemsize
        for name, size in (("rows.bin", self.rows * width), ("times.bin", self.frames * 8)):
            path = self.folder / name
            with writing(path), appended(path) as stream:
                found = os.fstat(stream.fileno()).st_size
                if found < size:
                    raise InputError(f"{path} has {found} bytes", expected=f"{size}", todo=_ANEW)
                os.ftruncate(stream.fileno(), size)


def _finished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.done")


def _form(kind: np.dtype) -> tuple[str, list[int]]:
    return (kind.base.str, list(kind.shape))


def _compare(folder: Path, known: Mapping[str, object], now: Mapping[str, object]) -> None:
    there = known if isinstance(known, Mapping) else {}
    for key, value in now.items():
        if there.get(key) != value:
            raise InputError(
                f"{folder} was begun with {key} {there.get(key)!r}, this run has {value!r}",
                expected="the same settings, to resume",
                todo="choose another --out, or leave --resume away to begin anew",
            )
