"""Where numba keeps compiled kernels when it can write neither beside them nor into the user's cache folder.

numba compiles a kernel once and keeps it in the `__pycache__` beside its file, else in the user's cache folder, else it
refuses even to import the file. An installation that is read-only, run by somebody without a home (a container, a
node of a cluster), would so end in a traceback. `settle` gives it a private folder for temporary files instead, or
takes the keeping away where nothing at all can be written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

__all__ = ["are_kept", "settle"]

PACKAGE = Path(__file__).parent
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")


def settle(temporary: Sequence[str] | None = None) -> str:
    """Make sure that kernels can be compiled. To be called before numba is imported; costs nothing if all is well.

    Args:
        temporary: folders for temporary files, by default `TMPDIR` and the usual ones.

    Returns:
        Where kernels are kept: a folder, `""` for where numba keeps them by itself, or `nowhere`: every process
        compiles them anew.
    """
    if os.environ.get("NUMBA_CACHE_DIR") or os.access(PACKAGE, os.W_OK) or _can_make(_user_cache()):
        return os.environ.get("NUMBA_CACHE_DIR", "")
    for parent in temporary if temporary is not None else (os.environ.get("TMPDIR", TEMPORARY[0]), *TEMPORARY):
        folder = _private(Path(parent))
        if folder is not None:
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return str(folder)
    _keep_nothing()
    return "nowhere"


def are_kept(room: str) -> bool:
    """Whether kernels of a folder of the package, such as `synth`, are kept from before."""
    elsewhere = Path(os.environ.get("NUMBA_CACHE_DIR") or _user_cache())
    beside = () if os.environ.get("NUMBA_CACHE_DIR") else (PACKAGE / room).glob("__pycache__/*.nbi")
    return any(True for _ in chain(beside, elsewhere.glob(f"{room}_*/*.nbi")))


def _user_cache() -> Path:
    """As numba finds it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "numba"


def _can_make(folder: Path) -> bool:
    """Whether a folder is there and can be written, or could be made."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _private(parent: Path) -> Path | None:
    """A folder that only this user can write, since kernels are machine code to be run. None if there is none."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = parent / f"mien-kernels-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    return folder if mine and os.access(folder, os.W_OK) else None


def _keep_nothing() -> None:
    from numba.core.dispatcher import Dispatcher

    Dispatcher.enable_caching = lambda self: None
