"""Writing the .npz files of others (HumanData) so that plain numpy reads them and equal content gives equal bytes.

numpy's own `savez_compressed` puts the time of day nowhere, but its pickles of dicts depend on which strings happen to
be one object in memory, and on the numpy version. Here they are pickled without back-references, of plain arrays and
Python values only, and under the module names that numpy 1 and numpy 2 both know.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from mien.errors import OutputError

__all__ = ["write_npz"]


def write_npz(stream: IO[bytes], members: Mapping[str, Any]) -> None:
    """Write an .npz archive: arrays as they are, anything else (dicts, lists) as 0-d object arrays.

    Raises:
        OutputError: a value is no array, number, string or container of these.
    """
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in members.items():
            info = zipfile.ZipInfo(f"{key}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with archive.open(info, "w", force_zip64=True) as member:
                _write_member(member, key, value)  # type: ignore[arg-type]


def _write_member(member: BufferedIOBase, key: str, value: Any) -> None:
    array = value if isinstance(value, np.ndarray) else _as_array(value)
    if not array.dtype.hasobject:
        npy.write_array(member, np.ascontiguousarray(array).reshape(array.shape), (1, 0))
        return
    plain = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        plain[place] = _plain(array[place], key)
    npy.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": array.shape})
    _Pickler(member).dump(plain)


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, bool | int | float | str | np.generic):
        return np.array(value)
    array = np.empty((), object)
    array[()] = value
    return array


def _plain(value: Any, key: str) -> Any:
    """The value made of dicts, lists, tuples, numbers, strings and little-endian arrays only."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            plain = np.empty(value.shape, object)
            for place in np.ndindex(value.shape):
                plain[place] = _plain(value[place], key)
            return plain
        return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
    if isinstance(value, Mapping):
        return {_plain(name, key): _plain(entry, key) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        entries = [_plain(entry, key) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    raise OutputError(
        f"{key} holds a {type(value).__name__}, which such a file cannot carry",
        expected="arrays, numbers, strings, lists and dicts",
    )


class _Pickler(pickle._Pickler):
    """The pickle writer, without back-references: whether two equal strings are one object shows nowhere."""

    save: Callable[[Any], None]
    write: Callable[[bytes], Any]

    def __init__(self, stream: BufferedIOBase) -> None:
        super().__init__(stream, 4)
        self.fast = True

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a function or class by name; numpy's under the name that both numpy 1 and numpy 2 have."""
        module, word = str(obj.__module__), str(obj.__qualname__)
        if module.startswith("numpy._core."):
            module = module.replace("numpy._core.", "numpy.core.", 1)
        self.save(module)
        self.save(word)
        self.write(pickle.STACK_GLOBAL)
