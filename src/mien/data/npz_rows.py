"""Rows of an array in an .npz file, a few at a time, so that a file larger than the memory can be read.

An array of numbers or strings is unpacked as its rows are asked for. One of objects (a dict of parameters), or one in
Fortran order, has to be read whole first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np

from mien.errors import MienError
from mien.npz import Archive, read_header
from mien.unpickle import damaged

__all__ = ["Rows", "peek", "rows"]


@dataclass(eq=False)
class Rows:
    """What is left of an array, from its first row on."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    stream: BufferedIOBase | None
    whole: np.ndarray | None = None
    done: int = 0

    def take(self, count: int) -> np.ndarray:
        """The next `count` rows, or as many as are left.

        Raises:
            InputError: the file ends too soon, or its content does not agree with its checksum.
        """
        count = min(count, self.shape[0] - self.done)
        self.done += count
        if self.whole is not None:
            return self.whole[self.done - count : self.done]
        try:
            array = np.empty((count, *self.shape[1:]), self.dtype)
            self._fill(array)
        except Exception as error:
            raise damaged(self.name, error) from error
        return array

    def _fill(self, array: np.ndarray) -> None:
        assert self.stream is not None
        view = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
        for start in range(0, len(view), 2**20):
            piece = view[start : start + 2**20]
            content = self.stream.read(len(piece))
            if len(content) != len(piece):
                raise EOFError
            piece[:] = content
        if self.done == self.shape[0] and self.stream.read(1):  # reaching the end also checks the checksum
            raise ValueError("it holds more than its array")


@contextmanager
def rows(archive: Archive, key: str) -> Iterator[Rows]:
    """The array `key` of an archive, row by row, while the block lasts.

    Raises:
        UnsafeFile: an object array asks for anything but arrays, numbers, strings and containers.
        InputError: the file is damaged, too large, or not there; the array has no rows.
    """
    name = f"{archive.path}: {key}"
    shape, dtype, fortran = _header(archive, key)
    if dtype.hasobject or fortran:
        whole = archive[key]
        if whole.ndim == 0:
            raise damaged(name, ValueError("it is a single value, not rows of them"))
        yield Rows(name, whole.shape, whole.dtype, None, whole)
        return
    with archive.member(key) as member:
        read_header(member)
        size = archive.members[key].file_size - member.tell()
        if not shape or min(shape) < 0 or math.prod(shape) * dtype.itemsize != size:
            raise damaged(name, ValueError(f"it claims shape {shape} of type {dtype}, and holds another amount"))
        yield Rows(name, shape, dtype, member)


def peek(archive: Archive, key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an array claims; nothing else of it is read."""
    shape, dtype, _ = _header(archive, key)
    return shape, dtype


def _header(archive: Archive, key: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    try:
        with archive.member(key) as member:
            shape, fortran, dtype = read_header(member)
    except MienError:
        raise
    except Exception as error:
        raise damaged(f"{archive.path}: {key}", error) from error
    return shape, dtype, fortran
