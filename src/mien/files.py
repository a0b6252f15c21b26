"""Where files live, how they are named by content, and how they are written so that none is ever half there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mien.errors import OutputError

__all__ = ["atomic_write", "data_folders", "exclusive", "sha256", "writing"]

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
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
        name = None
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        todo = "make room and run the same command again (with --resume if it has that); what was finished is kept"
        return OutputError(f"cannot write {path}: the disk is full", todo=todo)
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason}", expected="a folder that can be written", todo="choose another --out"
    )


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone, by a lock on `.lock` in it that ends with the process.

    The file goes when the block ends. One that is there already is of a process that was killed: then what it was
    writing (see `atomic_write`) is thrown away first, below the folder too, except where another process is at work.

    Raises:
        OutputError: another process holds it, or the folder cannot be written.
    """
    path = folder / ".lock"
    try:
        stream, known = _lock(path)
    except OSError as error:
        raise _output_error(path, error) from error
    with stream:
        try:
            if known:
                _sweep(folder)
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _lock(path: Path) -> tuple[IO[bytes], bool]:
    """The lock's file, open and held, and whether it was there before."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = path.exists()
        stream = open(path, "ab")
        try:
            _hold(stream, path.parent)
            if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                return stream, known
        except FileNotFoundError:
            pass
        except BaseException:
            stream.close()
            raise
        stream.close()  # whoever held it took it away in this very moment: there may be another by now


def _hold(stream: IO[bytes], folder: Path) -> None:
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # no such locks on Windows
        pass
    except OSError as error:
        todo = "wait for it to end, or choose another --out"
        raise OutputError(f"another process is writing to {folder}", todo=todo) from error


def _sweep(folder: Path) -> None:
    """Throw away what a process that was killed was writing."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                if _UNDER_WAY.fullmatch(entry.name):
                    os.unlink(entry)
            elif os.path.exists(os.path.join(entry, ".lock")):
                with contextlib.suppress(OutputError), exclusive(Path(entry)):
                    pass
            else:
                _sweep(Path(entry))
