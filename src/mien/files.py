"""Where files live, how they are named by content, and how they are written so that none is ever half there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mien.errors import InputError, OutputError
from mien.limits import MAX_FILE_BYTES, MAX_SETTINGS_BYTES

__all__ = [
    "appended",
    "atomic_write",
    "data_folders",
    "exclusive",
    "inside",
    "opened",
    "parse_json",
    "read_json",
    "sha256",
    "writing",
]

log = logging.getLogger("mien")
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""What the system says of a lock that another process holds."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What it says where there are none, as on some network drives."""
_UNDER_WAY = re.compile(r"\..*\.[a-z0-9_]{8}\.part", re.DOTALL)
"""Names that `atomic_write` gives to files before they are whole."""


def data_folders() -> list[Path]:
    """The folders searched for body models and weights: `MIEN_HOME` if set, then the platform's data folder."""
    import platformdirs

    home = os.environ.get("MIEN_HOME")
    return ([Path(home).expanduser()] if home else []) + [Path(platformdirs.user_data_dir("mien", appauthor=False))]


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex, read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def opened(path: Path, most: int = MAX_FILE_BYTES) -> io.BufferedReader:
    """A file open for reading.

    Raises:
        InputError: it is not there, is no regular file (a pipe would wait for ever), or holds more than `most` bytes.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise InputError(f"{path} cannot be opened: it is {what}", expected="a file that can be read")
        if status.st_size > most:
            raise InputError(f"{path} holds {status.st_size} bytes", expected=f"at most {most}")
        return open(path, "rb")
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be opened: {reason}", expected="a file that can be read") from error


def parse_json(text: str | bytes) -> Any:
    """JSON as Python has it.

    Raises:
        ValueError: it is none, or is nested too deeply to be anything that people write.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, most: int = MAX_SETTINGS_BYTES) -> Any:
    """The content of a JSON file, in UTF-8.

    Raises:
        ValueError: it is no JSON, or is nested too deeply; the caller knows what to do about it.
        InputError: it is not there, is no regular file, or holds more than `most` bytes.
    """
    with opened(path, most) as stream:
        return parse_json(stream.read())


def inside(folder: Path, name: str) -> Path:
    """A file below a folder, by a name that a file of somebody else gives.

    Raises:
        InputError: the name leads out of the folder, or is none. Links that lie in the folder are followed: no file of
            somebody else can make one.
    """
    plain = PurePosixPath(name.replace("\\", "/"))
    drive = len(name) > 1 and name[1] == ":"
    if not plain.name or plain.is_absolute() or drive or ".." in plain.parts or "\0" in name:
        raise InputError(f"the name {name[:200]!r} leads out of {folder}", expected="a path below it, without '..'")
    return folder / name


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`; rename it onto `path` only when the block ends well.

    Whatever happens (an exception, Ctrl-C, a full disk), `path` either holds all of it or is as it was before.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.parent / (f".{path.name[:80]}.{secrets.token_hex(4)}.part")
        with open(beside, "xb") as stream:
            name = beside
            yield stream
        os.replace(beside, path)
        name = None
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


def appended(path: Path) -> IO[bytes]:
    """A file of ours open for adding to its end; never one elsewhere that a link in the folder leads to."""
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong with the disk inside ends as an `OutputError` about `path`.

    Raises:
        OutputError: the disk is full, or the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        todo = "make room and run the same command again (with --resume if it has that); what was finished is kept"
        return OutputError(f"cannot write {path}: the disk is full", todo=todo)
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason}", expected="a folder that can be written", todo="choose another --out"
    )


@contextlib.contextmanager
def exclusive(folder: Path, *, patience: float = 1.0) -> Iterator[None]:
    """Hold a folder for this process alone, by a lock on `.lock` in it that ends with the process.

    The file goes when the block ends. One that is there already is of a process that was killed: then what it was
    writing (see `atomic_write`) is thrown away first, below the folder too, except where another process is at work.

    Args:
        folder: made if it is not there.
        patience: how long another process may hold it, seconds; one that was killed needs a moment to give back its
            memory, and holds its locks so long.

    Raises:
        OutputError: another process holds it, or the folder cannot be written.
    """
    path = folder / ".lock"
    try:
        stream, known = _lock(path, patience)
    except OSError as error:
        raise _output_error(path, error) from error
    with stream:
        try:
            if known:
                with writing(folder):
                    _sweep(folder)
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _lock(path: Path, patience: float) -> tuple[IO[bytes], bool]:
    """The lock's file, open and held, and whether it was there before."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = path.exists()
        stream = appended(path)
        try:
            _hold(stream, path.parent, patience)
            if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                return stream, known
        except FileNotFoundError:
            pass
        except BaseException:
            stream.close()
            raise
        stream.close()  # whoever held it took it away in this very moment: there may be another by now


def _hold(stream: IO[bytes], folder: Path, patience: float) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        return
    deadline = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return _say_unlocked()
            if error.errno not in _HELD:
                raise
            if time.monotonic() >= deadline:
                todo = "wait for it to end, or choose another --out"
                raise OutputError(f"another process is writing to {folder}", todo=todo) from error
        time.sleep(0.02)


@cache
def _say_unlocked() -> None:
    log.warning("this disk has no file locks: see to it yourself that no two processes write to one --out")


def _sweep(folder: Path) -> None:
    """Throw away what a process that was killed was writing."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                if _UNDER_WAY.fullmatch(entry.name):
                    os.unlink(entry)
            elif os.path.exists(os.path.join(entry, ".lock")):
                with contextlib.suppress(OutputError), exclusive(Path(entry), patience=0):
                    pass
            else:
                _sweep(Path(entry))
