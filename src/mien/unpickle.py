"""Foreign pickles (SMPL-X .pkl, object arrays of HumanData, AGORA), read without running what they hold.

A pickle is a program. `pickle.Unpickler` with a `find_class` that only knows numpy is not enough to tame it: numpy's C
code believes what it is told, the memo of the C reader grows to any index, and a `BUILD` step may rewrite attributes
of the allowed functions themselves. So this reader runs the Python implementation of the pickle machine and owns each
step that calls, fills or hashes anything; names resolve to tokens of a closed table (`mien.allowed`), and only tokens
can be called. Structured dtypes and subclasses of arrays are not read. About a million values a second; the content
of arrays comes on top at the speed of the disk. Time is not bounded.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from mien.allowed import NAMES, Chumpy, Dtype, Name, check_expansion, fill_array, fill_sparse, flat_key
from mien.errors import InputError, MienError, UnsafeFile
from mien.files import opened
from mien.limits import MAX_FILE_BYTES

__all__ = ["damaged", "load_pickle", "load_stream", "loads_pickle", "opened"]

_SPARSE = re.compile(r"scipy\.sparse(\._?(csc|csr|coo))?")
_MACHINE: dict[int, Callable[[Any], None]] = dict(pickle._Unpickler.dispatch)


def _with_flat_keys(opcode: bytes, keys: slice) -> Callable[[Any], None]:
    """The step of the machine for this opcode, which hashes those entries of the stack, if hashing is harmless."""
    step = _MACHINE[opcode[0]]

    def checked(reader: Any) -> None:
        for key in reader.stack[keys]:
            flat_key(key)
        step(reader)

    return checked


class _Reader(pickle._Unpickler):
    """The pickle machine with its doors shut: every way to call, fill or hash something is overridden below."""

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]

    def __init__(self, stream: io.BufferedIOBase, name: str) -> None:
        super().__init__(stream, encoding="latin1")
        self.name = name
        self.unfilled: dict[int, Any] = {}

    def load(self) -> Any:
        value = super().load()
        if self.unfilled:
            raise ValueError("it holds a sparse matrix without content")
        check_expansion(value)
        return value

    def refuse(self, wish: str) -> NoReturn:
        wish = wish.encode("unicode_escape").decode("ascii")[:160]
        raise UnsafeFile(
            f"{self.name} asks for {wish} while it is read, so it was not read",
            expected="a pickle of arrays, numbers, strings and containers only",
            todo="if you know where it comes from, open it there and save its arrays with numpy.savez; else delete it",
        )

    def find_class(self, module: str, name: str) -> Name:
        if "." not in name:
            if module.partition(".")[0] == "chumpy":
                return Name(new=lambda: Chumpy(name))
            if _SPARSE.fullmatch(module) and re.fullmatch("(csc|csr|coo)_(matrix|array)", name):
                return Name(new=lambda: self.empty_sparse(name))
            if name in NAMES.get(module, {}):
                return NAMES[module][name]
        self.refuse(f"{module}.{name}")

    def empty_sparse(self, name: str) -> Any:
        import scipy.sparse

        kind = getattr(scipy.sparse, name)
        matrix = kind.__new__(kind)
        self.unfilled[id(matrix)] = matrix
        return matrix

    def load_reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or function.call is None or not isinstance(args, tuple):
            self.refuse(f"a call of {type(function).__name__}")
        self.append(function.call(*args))

    def load_newobj(self) -> None:
        args, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, Name) or kind.new is None or args != ():
            self.refuse("a new object of a type that only functions make")
        self.append(kind.new())

    def load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, np.ndarray):
            fill_array(made, state)
        elif isinstance(made, Dtype):
            made.fill(state)
        elif isinstance(made, Chumpy) and isinstance(state, dict):
            made.state = state
        elif id(made) in self.unfilled:
            fill_sparse(made, state)
            del self.unfilled[id(made)]
        else:
            self.refuse(f"a change inside {type(made).__name__}")

    def refuse_instance(self, *_: Any) -> None:
        self.refuse("an instance of an old-style class or of a registered extension")

    load_newobj_ex = _instantiate = get_extension = refuse_instance

    def load_bytearray8(self) -> None:
        self.append(bytearray(self.read(struct.unpack("<Q", self.read(8))[0])))

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **_MACHINE,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.SETITEM[0]: _with_flat_keys(pickle.SETITEM, slice(-2, -1)),
        pickle.SETITEMS[0]: _with_flat_keys(pickle.SETITEMS, slice(None, None, 2)),
        pickle.DICT[0]: _with_flat_keys(pickle.DICT, slice(None, None, 2)),
        pickle.ADDITEMS[0]: _with_flat_keys(pickle.ADDITEMS, slice(None)),
        pickle.FROZENSET[0]: _with_flat_keys(pickle.FROZENSET, slice(None)),
    }


def damaged(name: str, error: Exception) -> InputError:
    """The error that says why `name`, a file or a key in it, cannot be read."""
    reason = str(error) if type(error) is ValueError else f"{type(error).__name__} {error}"
    reason = "it ends too soon" if isinstance(error, EOFError) else reason[:200]
    return InputError(f"{name} cannot be read: {reason}", expected="a whole file", todo="copy or download it again")


def load_stream(stream: io.BufferedIOBase, name: str) -> Any:
    """The value of the pickle that starts here; as `loads_pickle` otherwise."""
    reader = _Reader(stream, name)
    try:
        return reader.load()
    except MienError:
        raise
    except Exception as error:  # whatever garbage makes of the machine: KeyError, RecursionError, MemoryError ...
        raise damaged(name, error) from error


def loads_pickle(data: bytes, name: str) -> Any:
    """The value that a pickle holds; `name` is what messages call it.

    Raises:
        UnsafeFile: it asks for anything but arrays, numbers, strings and containers.
        InputError: it is damaged, or is no pickle.
    """
    return load_stream(io.BytesIO(data), name)


def load_pickle(path: Path) -> Any:
    """The value that a pickle file holds, written by Python 2 or 3 with numpy 1 or 2.

    Sparse matrices come as scipy's; chumpy objects as stand-ins that `numpy.asarray` turns into their value.

    Raises:
        UnsafeFile: it asks for anything but arrays, numbers, strings and containers.
        InputError: it is damaged, is no pickle, is larger than `MAX_FILE_BYTES`, or is not there.
    """
    with opened(path, MAX_FILE_BYTES) as stream:
        if stream.peek(4)[:4] == b"PK\x03\x04":
            raise InputError(f"{path} is a zip archive", expected="a pickle", todo="is it an .npz or .pth file?")
        return load_stream(stream, str(path))
