"""Where the pictures of a dataset are: a folder, a tar or zip archive, or an address such as s3://bucket/coco.

Pictures are never copied into a store; one that was downloaded as an archive need not be unpacked. Paths come from the
annotation files of strangers: they cannot lead out of the root, and nothing unpacks to more than a picture.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import stat
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mien.errors import InputError, MienError, PictureError, reason_of
from mien.exif import orientation_from_exif
from mien.files import atomic_write, inside, read_json
from mien.limits import MAX_JSON_BYTES, MAX_PICTURE_BYTES, MAX_UNPACKED
from mien.npz import check_table, unpacked
from mien.optional import need

__all__ = ["SYSTEMS", "ImageStore", "turned"]

SYSTEMS = ("s3", "gs", "gcs", "az", "abfs", "abfss", "http", "https", "hf", "file", "memory")
"""Addresses that pictures may be read from; others of fsspec unpack archives or chain further addresses."""


class ImageStore(ABC):
    """Encoded pictures by path. Forks and pickles: nothing is open until the first picture is read."""

    root: str

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The bytes of a picture.

        Raises:
            PictureError: it is missing, or cannot be read.
        """

    @abstractmethod
    def has(self, path: str) -> bool:
        """Whether a picture is there, without reading it. One whose path leads out of the root is not."""

    @staticmethod
    def open(root: str, *, beside: Path | None = None) -> ImageStore:
        """The pictures below a root.

        Args:
            root: a folder, a .tar or .zip file, or an address with `://` that fsspec knows.
            beside: the folder of the store that refers to them; a relative root is taken from there, and the index
                of a tar file is kept there.

        Raises:
            InputError: there is no such folder or archive.
        """
        if "://" in root:
            if (kind := root.split("://", 1)[0]) not in SYSTEMS:
                raise InputError(f"the picture root {root} is of kind {kind!r}", expected=", ".join(SYSTEMS))
            return _Remote(root)
        path = Path(root) if beside is None else beside / root
        if path.is_dir():
            return _Folder(path)
        if not path.is_file():
            raise InputError(f"the picture root {path} does not exist", todo="say where the pictures are with --images")
        if path.suffix.lower() == ".zip":
            return _Zip(path)
        if path.suffix.lower() == ".tar":
            return _Tar(path, (beside or path.parent) / f".{path.name}.index.json")
        raise InputError(f"the picture root {path} is no folder", expected="a folder, a .tar or a .zip file")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_open")}


def _missing(root: object, path: str, reason: str = "is missing") -> PictureError:
    return PictureError(f"{path!r} {reason} in {root}", todo="check --images, or download the rest of the dataset")


def turned(images: ImageStore, paths: Iterable[str]) -> list[str]:
    """Those of some pictures that are not upright as they are stored, by their EXIF block.

    Labels are of the stored pixels; whoever labelled such pictures in a viewer that turns them has labelled others.
    """
    found: list[str] = []
    for path in paths:
        with contextlib.suppress(PictureError):
            if orientation_from_exif(images.read(path)) != 1:
                found.append(path)
    return found


class _Folder(ImageStore):
    def __init__(self, root: Path) -> None:
        self.root, self._base = str(root), os.path.abspath(root)

    def read(self, path: str) -> bytes:
        try:
            full = self._inside(path)
            status = os.stat(full)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_PICTURE_BYTES:
                raise _missing(self.root, path, "is no regular file, or has too many bytes,")
            with open(full, "rb") as stream:
                return stream.read()
        except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
            raise _missing(
                self.root, path, "is missing" if isinstance(error, FileNotFoundError) else str(error)
            ) from error

    def has(self, path: str) -> bool:
        try:
            return os.path.isfile(self._inside(path))
        except PictureError:
            return False

    def _inside(self, path: str) -> str:
        """A path cannot lead out of the folder: annotation files come from strangers."""
        full = os.path.normpath(os.path.join(self._base, path))
        if not full.startswith(os.path.join(self._base, "")):
            raise _missing(self.root, path, "leads out of the folder")
        return full


class _Zip(ImageStore):
    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def read(self, path: str) -> bytes:
        try:
            return unpacked(self._archive(), path, MAX_PICTURE_BYTES)
        except KeyError as error:
            raise _missing(self.root, path) from error
        except (OSError, ValueError) as error:
            raise _missing(self.root, path, f"cannot be read ({error})") from error

    def has(self, path: str) -> bool:
        return path in self._archive().NameToInfo

    def _archive(self) -> zipfile.ZipFile:
        """One open archive a process: a forked file position would be shared."""
        known = getattr(self, "_open_archive", None)
        if known is None or known[0] != os.getpid():
            try:
                with open(self.root, "rb") as stream:
                    check_table(stream, MAX_UNPACKED)
                known = (os.getpid(), zipfile.ZipFile(self.root))
            except Exception as error:
                raise InputError(f"{self.root} cannot be read ({error})", expected="a zip archive") from error
            self._open_archive = known
        return known[1]


class _Tar(ImageStore):
    """An uncompressed tar, read by offset. The table of offsets is made once."""

    def __init__(self, root: Path, index: Path) -> None:
        self.root, self.index = str(root), index

    def read(self, path: str) -> bytes:
        table, data = self._table()
        if path not in table:
            raise _missing(self.root, path)
        start, size = table[path]
        if start < 0 or size < 0 or start + size > len(data) or size > MAX_PICTURE_BYTES:
            raise _missing(self.root, path, "is cut short")
        return data[start : start + size]

    def has(self, path: str) -> bool:
        return path in self._table()[0]

    def _table(self) -> tuple[dict[str, tuple[int, int]], mmap.mmap]:
        known = getattr(self, "_open_table", None)
        if known is None:
            table = self._cached() or self._scan()
            if not os.path.getsize(self.root):
                raise InputError(f"{self.root} is empty", expected="an uncompressed tar archive")
            with open(self.root, "rb") as stream:
                known = self._open_table = (table, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        return known

    def _stamp(self) -> list[int]:
        status = os.stat(self.root)
        return [status.st_size, status.st_mtime_ns]

    def _cached(self) -> dict[str, tuple[int, int]] | None:
        try:
            record = read_json(self.index, MAX_JSON_BYTES)
            if record["stamp"] != self._stamp():
                return None
            return {str(name): (int(offset), int(size)) for name, offset, size in record["files"]}
        except (MienError, ValueError, TypeError, LookupError, OverflowError):
            return None  # it is made anew

    def _scan(self) -> dict[str, tuple[int, int]]:
        try:
            with tarfile.open(self.root, "r:") as archive:
                table = {
                    each.name.removeprefix("./"): (each.offset_data, each.size) for each in archive if each.isfile()
                }
        except Exception as error:  # tarfile's own, and ValueError, OverflowError of headers that lie
            raise InputError(f"{self.root} cannot be read ({error})", expected="an uncompressed tar archive") from error
        record = {"stamp": self._stamp(), "files": [[name, *place] for name, place in table.items()]}
        try:
            with atomic_write(self.index) as stream:
                stream.write(json.dumps(record).encode())
        except MienError:
            pass  # a read-only place: the scan is repeated next time
        return table


class _Remote(ImageStore):
    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def read(self, path: str) -> bytes:
        address, system = self._address(path), self._system()
        try:
            return system.cat_file(address)
        except FileNotFoundError as error:
            raise _missing(self.root, path) from error
        except Exception as error:  # every kind of address has errors of its own, such as those of aiohttp
            raise _missing(self.root, path, f"cannot be read ({reason_of(error)})") from error

    def has(self, path: str) -> bool:
        try:
            address = self._address(path)
        except PictureError:
            return False
        return bool(self._system().isfile(address))

    def _address(self, path: str) -> str:
        try:
            inside(Path(self.root), path)
        except InputError as error:
            raise _missing(self.root, path, "leads out of the folder") from error
        return f"{self.root.split('://', 1)[1]}/{path}" if self._strip() else f"{self.root}/{path}"

    def _strip(self) -> bool:
        return not self.root.startswith(("http://", "https://"))

    def _system(self) -> Any:
        known = getattr(self, "_open_system", None)
        if known is None or known[0] != os.getpid():
            fsspec = need("fsspec", extra="cluster", why=f"reading pictures from {self.root}")
            try:
                known = (os.getpid(), fsspec.filesystem(self.root.split("://", 1)[0]))
            except (ValueError, ImportError) as error:
                raise InputError(f"the picture root {self.root} cannot be opened ({error})") from error
            self._open_system = known
        return known[1]
