"""The one way to reach a package that not every user has."""

from __future__ import annotations

import importlib
from types import ModuleType

from mien.errors import MienError

__all__ = ["need"]


def need(module: str, *, extra: str, why: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Args:
        module: the module's import name, e.g. `transformers`.
        extra: the extra of this package that installs it, e.g. `detect`.
        why: what the user asked for that needs it.

    Raises:
        MienError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MienError(
            f"{why} needs the package {module!r}, which is not installed ({error})",
            todo=f"install it with: pip install 'mien[{extra}]'",
        ) from error
