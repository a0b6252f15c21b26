"""Where inputs come from and results go to: folders that all machines see, and buckets (s3:// and the like).

Everything goes through fsspec, and nothing is ever half there: files of folders are renamed onto their name, those of
buckets are moved onto it.
"""

from __future__ import annotations

import contextlib
import posixpath
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.errors import InputError, MienError, OutputError, reason_of
from mien.files import atomic_write
from mien.optional import need

__all__ = ["Place", "is_remote"]


def is_remote(address: str) -> bool:
    """Whether an address is for fsspec: `s3://bucket/videos`, `gs://`, `memory://` and so on."""
    return "://" in address


class Place:
    """A folder of this machine, or one that fsspec knows.

    Args:
        address: a path, or an address with `://`.

    Raises:
        InputError: nobody knows this kind of address.
        MienError: fsspec, or the package for this kind of address, is not installed.
    """

    def __init__(self, address: str) -> None:
        fsspec = need("fsspec", extra="cluster", why=f"reaching {address}")
        try:
            self.fs, self.root = fsspec.core.url_to_fs(address)
        except ImportError as error:
            raise MienError(f"reaching {address} needs a further package: {error}", todo="install it") from error
        except ValueError as error:
            raise InputError(f"{address}: {error}", expected="a folder, or an address such as s3://bucket/x") from error
        self.address = address
        self.local: Path | None = Path(self.root) if "file" in _protocols(self.fs) else None
        """The folder, where it is one."""

    def path(self, name: str) -> str:
        """Of a file in it, as fsspec speaks of it."""
        return posixpath.join(self.root, name) if name else self.root

    def show(self, name: str) -> str:
        """The address of a file in it, for people."""
        return str(self.local / name) if self.local is not None else f"{self.address.rstrip('/')}/{name}".rstrip("/")

    def files(self, pattern: str = "") -> dict[str, int]:
        """Bytes of all files in it and below, by their whole paths; with a pattern, of those that match it.

        Raises:
            InputError: it cannot be looked into.
        """
        with self._reading(self.address):
            found = self.fs.glob(pattern, detail=True) if pattern else self.fs.find(self.root, detail=True)
        return {path: int(about.get("size") or 0) for path, about in found.items() if about.get("type") != "directory"}

    def read(self, name: str) -> bytes | None:
        """A small file; None if it is not there.

        Raises:
            InputError: the place cannot be reached.
        """
        with self._reading(self.show(name)):
            try:
                return self.fs.cat_file(self.path(name))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        if self.local is not None:
            with atomic_write(self.local / name) as stream:
                stream.write(data)
            return
        with self._arriving(name) as path:
            self.fs.pipe_file(path, data)

    def put(self, source: Path, name: str) -> None:
        """Copy a file of this machine into a bucket, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        with self._arriving(name) as path:
            self.fs.put_file(str(source), path)

    def fetch(self, target: Path) -> None:
        """Copy a bucket's file, whose address this place is, to this machine.

        Raises:
            InputError: it is not there, or may not be read; another error if that may pass.
        """
        try:
            self.fs.get_file(self.root, str(target))
        except FileNotFoundError as error:
            raise InputError(f"{self.address} does not exist", todo="check the address") from error
        except PermissionError as error:
            raise InputError(f"{self.address} may not be read ({error})", todo="check who may read it") from error

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Every kind of place fails in its own ways; all of them are told as one."""
        try:
            yield
        except FileNotFoundError as error:
            raise InputError(f"{what} does not exist", todo="check the address") from error
        except Exception as error:
            found = f"cannot read {what}: {reason_of(error)}"
            raise InputError(found, todo="check the address and who may read it") from error

    @contextlib.contextmanager
    def _arriving(self, name: str) -> Iterator[str]:
        """A name for the time being; what lies there becomes `name` when the block ends well."""
        target = self.path(name)
        passing = posixpath.join(posixpath.dirname(target), f".{uuid.uuid4().hex}.part")
        try:
            self.fs.makedirs(posixpath.dirname(target), exist_ok=True)
            yield passing
            self.fs.mv(passing, target)
        except Exception as error:
            with contextlib.suppress(Exception):
                self.fs.rm_file(passing)
            found = f"cannot write {self.show(name)}: {reason_of(error)}"
            raise OutputError(found, todo="run again with --resume") from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
