"""The .npy and .npz files of others (SMPL-X, HumanData, MANO), read lazily and without trusting a size they claim.

`numpy.load` either refuses object arrays, which HumanData needs, or runs whatever is in them; and it allocates what a
header claims before it looks at the content. Here object arrays go through `mien.unpickle`, and a claimed shape is
compared with the size of the member, and that with its compressed size, before anything is allocated. How much may be
unpacked in all is limited too (`mien.limits`).
"""

from __future__ import annotations

import io
import math
import os
import warnings
import weakref
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from mien.errors import MienError, reason_of
from mien.files import opened
from mien.limits import MAX_FILE_BYTES, MAX_MEMBERS, MAX_UNPACKED, UNPACKED_RATIO
from mien.unpickle import damaged, load_stream

__all__ = ["Archive", "check_table", "load_npy", "load_npz", "open_npz", "read_header", "unpacked"]

_ZIP_RATIO, _ZIP_SLACK = 1040, 2**16  # deflate cannot shrink more than about 1032 to 1
_ZIP_END = 2**16 + 200
"""The last bytes of an archive, with its comment, in which the size of the table of contents stands."""
_ENTRY_BYTES = 256
"""Of an entry in a table of contents, with a name of some length."""


def load_npy(path: Path) -> np.ndarray:
    """The array of an .npy file.

    Raises:
        UnsafeFile: its objects ask for anything but arrays, numbers, strings and containers.
        InputError: it is damaged, is no .npy file, is larger than `MAX_FILE_BYTES`, or is not there.
    """
    with opened(path) as stream:
        return _read_npy(stream, path.stat().st_size, str(path))


@dataclass(frozen=True, eq=False)
class Archive(Mapping[str, Any]):
    """The arrays of an .npz file, each read anew when asked for. Object arrays go through the same guarded reader.

    Asking for a key raises what `load_npy` raises, and the message names file and key.
    """

    path: Path
    members: dict[str, zipfile.ZipInfo]

    def __getitem__(self, key: str) -> np.ndarray:
        name, size = f"{self.path}: {key}", self.members[key].file_size
        try:
            with self.member(key) as stream:
                return _read_npy(io.BufferedReader(stream, 2**18), size, name)  # type: ignore[arg-type]
        except MienError:
            raise
        except Exception as error:
            raise damaged(name, error) from error

    @contextmanager
    def member(self, key: str) -> Iterator[io.BufferedIOBase]:
        """The bytes of an array's .npy file as they are unpacked.

        Raises:
            InputError: they would be more than can be packed in it, or are packed in a way that numpy never uses.
        """
        info, name = self.members[key], f"{self.path}: {key}"
        if info.file_size > min(MAX_FILE_BYTES, _ZIP_RATIO * info.compress_size + _ZIP_SLACK):
            raise damaged(name, ValueError(f"it claims {info.file_size} bytes, more than can be in it"))
        _check_unpacked(self.path, name, info.file_size)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged(name, ValueError("it is packed in a way that numpy never uses"))
        with self._archive().open(info) as stream:
            yield stream  # type: ignore[misc]

    def _archive(self) -> zipfile.ZipFile:
        """One open archive a process: its table is read once, and a forked file position would be shared."""
        known = self.__dict__.get("_open")
        if known is None or known[0] != os.getpid():
            known = self.__dict__["_open"] = (os.getpid(), zipfile.ZipFile(self.path))
            weakref.finalize(self, known[1].close)  # in a cycle of garbage, the file could go before the archive
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "members": self.members}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __contains__(self, key: object) -> bool:
        return key in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def open_npz(path: Path) -> Archive:
    """The table of contents of an .npz file; nothing else is read yet.

    Raises:
        InputError: the file is damaged, is no zip archive, or is not there.
    """
    with opened(path) as stream:
        try:
            check_table(stream, _ENTRY_BYTES * MAX_MEMBERS)
            infos = zipfile.ZipFile(stream).infolist()
            if len(infos) > MAX_MEMBERS:
                raise ValueError(f"it has {len(infos)} members, more than {MAX_MEMBERS}")
        except Exception as error:
            raise damaged(str(path), error) from error
    return Archive(path, {info.filename[:-4]: info for info in infos if info.filename.endswith(".npy")})


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file.

    Raises:
        UnsafeFile: an object array asks for anything but arrays, numbers, strings and containers.
        InputError: the file or one of its arrays is damaged, too large, or not there.
    """
    archive = open_npz(path)
    _check_unpacked(path, str(path), sum(info.file_size for info in archive.members.values()))
    return dict(archive)


def _check_unpacked(path: Path, name: str, size: int) -> None:
    """Raise if more would be unpacked than a file of this size honestly holds."""
    if size > (most := max(MAX_UNPACKED, UNPACKED_RATIO * path.stat().st_size)):
        raise damaged(name, ValueError(f"it would unpack to {size} bytes, more than can be in it ({most})"))


def check_table(stream: IO[bytes], most: int) -> None:
    """Raise `ValueError` if the table of contents of a zip archive says that it is larger than `most` bytes.

    `zipfile` reads as much as it says, and makes an object of each entry. An archive without a table is left to it.
    """
    stream.seek(0, io.SEEK_END)
    stream.seek(max(0, stream.tell() - _ZIP_END))
    tail = stream.read(_ZIP_END)
    stream.seek(0)
    end, wide = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    sizes = [int.from_bytes(tail[end + 12 : end + 16], "little")] if end >= 0 else []
    sizes = [size for size in sizes if size != 2**32 - 1]
    sizes += [int.from_bytes(tail[wide + 40 : wide + 48], "little")] if wide >= 0 else []
    if max(sizes, default=0) > most:
        raise ValueError(f"its table of contents has {max(sizes)} bytes, more than {most}")


def unpacked(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member of a zip archive, however it is packed.

    Raises:
        KeyError: there is none of that name.
        ValueError: it is damaged, locked, packed in an unknown way, or unpacks to more than `most` bytes.
    """
    info = archive.getinfo(name)
    if info.file_size > most:
        raise ValueError(f"it claims {info.file_size} bytes, more than {most}")
    try:
        with archive.open(info) as stream:
            return stream.read(most)
    except Exception as error:  # zlib's, lzma's and zipfile's own, RuntimeError of passwords, NotImplementedError ...
        raise ValueError(reason_of(error)) from error


def read_header(stream: io.IOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and type, from the start of an .npy stream."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers of Python 2 hold long integers, which is no harm
        return readers[npy.read_magic(stream)](stream)  # type: ignore[arg-type]


def _read_npy(stream: io.BufferedReader, size: int, name: str) -> np.ndarray:
    """The array of an .npy stream that is `size` bytes long."""
    try:
        shape, fortran, dtype = read_header(stream)
        if dtype.hasobject:
            array = load_stream(stream, name) if dtype == np.dtype(object) else None
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(f"its objects are no array of shape {shape}")
            return array
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size - stream.tell():
            raise ValueError(f"it claims shape {shape} of type {dtype}, and holds another amount of content")
        return _read_content(stream, shape[::-1], dtype).T if fortran else _read_content(stream, shape, dtype)
    except MienError:
        raise
    except Exception as error:
        raise damaged(name, error) from error


def _read_content(stream: io.BufferedReader, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    array = np.empty(shape, dtype)
    view = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
    for start in range(0, len(view), 2**20):  # in pieces: a zip member is unpacked into a second buffer
        piece = view[start : start + 2**20]
        if stream.readinto(piece) != len(piece):
            raise EOFError
    if stream.read(1):  # reaching the end also checks the member's checksum
        raise ValueError("it holds more than its array")
    return array
