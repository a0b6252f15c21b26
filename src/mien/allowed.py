"""The closed table of names that a foreign pickle may ask for, and what each of them makes.

Nothing here is numpy's own unpickling code: the C code behind `dtype.__setstate__` trusts the sizes, fields and flags
it is told, and sparse matrices trust their indices. So dtypes stay stand-ins until an array is made of them, and a
claimed size is compared with the bytes at hand before anything is allocated. Whatever does not fit is a `ValueError`,
which `mien.unpickle` turns into a message that names the file.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.errors import InputError, MienError
from mien.limits import EXPANSION, MAX_KEY_PARTS

__all__ = ["NAMES", "Chumpy", "Dtype", "Name", "check_expansion", "fill_array", "fill_sparse", "flat_key"]

_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,10}|O[48]?)")


@dataclass(frozen=True, eq=False)
class Name:
    """What a name in a pickle stands for: a token that only the reader can call, or make an empty instance of."""

    call: Callable[..., Any] | None = None
    new: Callable[[], Any] | None = None
    factory: type | None = None


@dataclass(eq=False)
class Dtype:
    """A dtype that a pickle describes. numpy's own would believe every size and offset it is told."""

    code: str
    order: str = "="

    def fill(self, state: Any) -> None:
        """Take the byte order from a pickled state; the rest of it is not needed."""
        if any(part is not None for part in state[2:5]) or state[1] not in ("<", ">", "|", "="):
            raise ValueError("it holds a structured array")
        self.order = state[1]

    def real(self) -> np.dtype:
        """The dtype itself."""
        is_object = self.code.lstrip("<>|=").startswith("O")
        return np.dtype(object) if is_object else np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


@dataclass(eq=False)
class Chumpy:
    """An object of the chumpy package, which is neither imported nor needed. `np.asarray` gives its value."""

    kind: str
    state: dict[Any, Any] = field(default_factory=dict)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The value that was stored with the object: `x` of a leaf, or the rows that a `Select` picks from one."""
        try:
            if "x" in self.state:
                value = np.asarray(self.state["x"])
            elif self.kind == "Select":
                value = np.asarray(self.state["a"]).ravel()[np.asarray(self.state["idxs"])]
                value = value.reshape(self.state.get("preferred_shape") or value.shape)
            else:
                raise KeyError("x")
        except MienError:
            raise
        except Exception as error:
            raise InputError(
                f"a chumpy object of kind {self.kind!r} holds no array that can be read without chumpy",
                expected="a plain array in its place",
                todo="convert the file where chumpy is installed (numpy.array of each value), or take the .npz file",
            ) from error
        return value if dtype is None else value.astype(dtype)


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("it holds an array of impossible shape")
    return shape


def _bytes(raw: Any) -> bytes | bytearray:
    """The bytes of an array; in pickles of Python 2 they arrive as a string."""
    if isinstance(raw, str):
        return raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise ValueError("it holds an array whose content is not bytes")
    return raw


def _sized(shape: Any, dtype: Dtype, raw: Any) -> tuple[tuple[int, ...], np.dtype, Any]:
    """Shape, dtype and content, once they agree about how much there is."""
    shape, real = _shape(shape), dtype.real()
    if real.hasobject:
        fits = isinstance(raw, list) and len(raw) == math.prod(shape)
    else:
        raw = _bytes(raw)
        fits = len(raw) == math.prod(shape) * real.itemsize and (real.itemsize > 0 or not math.prod(shape))
    if not fits:
        raise ValueError(f"it claims an array of shape {shape} and type {real}, and holds another amount of content")
    return shape, real, raw


def fill_array(array: np.ndarray, state: Any) -> None:
    """Give an empty array the dtype, shape and content of its pickled state, once they agree."""
    shape, dtype, fortran, raw = state[-4:]
    shape, real, content = _sized(shape, dtype, raw)
    array.__setstate__((1, shape, real, bool(fortran), content))  # type: ignore[arg-type]


def fill_sparse(matrix: Any, state: Any) -> None:
    """Give an empty scipy matrix its pickled state, once its indices are known to lie within its shape."""
    shape = _shape(tuple(int(size) for size in state["_shape"]))
    data = np.asarray(state["data"])
    if data.dtype.kind not in "biufc":
        raise ValueError("it holds a sparse matrix of something else than numbers")
    kind = type(matrix)
    if matrix.format == "coo":
        where = state["coords"] if "coords" in state else (state["row"], state["col"])
        whole = kind((data, tuple(np.asarray(axis) for axis in where)), shape=shape, copy=True)
    else:
        where = (np.asarray(state["indices"]), np.asarray(state["indptr"]))
        whole = kind((data, *where), shape=shape, copy=True)
        whole.check_format(full_check=True)  # scipy's compiled code would follow a wrong index anywhere
    vars(matrix).update(vars(whole))


def _make_dtype(code: Any, align: Any = False, copy: Any = True) -> Dtype:
    if not isinstance(code, str) or not _DTYPE.fullmatch(code):
        raise ValueError(f"it holds an array of type {str(code)[:40]!r}, which is not read")
    return Dtype(code)


def _make_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
    if kind is not _NDARRAY:
        raise ValueError("it holds an array of an unknown kind")
    return np.empty(0, np.int8)  # its shape and content come with BUILD


def _make_scalar(dtype: Dtype, raw: Any) -> Any:
    if dtype.real().itemsize == 0:
        return dtype.real().type()
    _, real, content = _sized((), dtype, raw)
    return np.frombuffer(content, real)[0]


def _make_from_buffer(raw: Any, dtype: Dtype, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    shape, real, content = _sized(shape, dtype, raw)
    array = np.frombuffer(content, real) if content else np.empty(0, real)
    return array.reshape(shape).transpose(axes) if order == "K" else array.reshape(shape, order=order)


def _make_bytes(text: Any = b"", encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1", "ascii", "utf-8", "utf8"):
        raise ValueError(f"it asks for the codec {str(encoding)[:40]!r}")
    return text.encode(encoding) if isinstance(text, str) else bytes(_bytes(text))


def flat_key(key: Any) -> Any:
    """The key, if hashing it is harmless: that of tuples in tuples takes for ever, or overflows the stack; that of long
    tuples and of huge numbers is done anew at each step, and huge numbers can all be made to have one hash."""
    if type(key) is tuple:
        if any(type(part) is tuple for part in key):
            raise ValueError("it holds a key made of nested tuples")
        if len(key) > MAX_KEY_PARTS:
            raise ValueError(f"it holds a key of {len(key)} parts, more than {MAX_KEY_PARTS}")
    for part in key if type(key) is tuple else (key,):
        if (type(part) is int and part.bit_length() > MAX_KEY_PARTS) or type(part) is complex:
            raise ValueError("it holds a key that is no plain number")
    return key


def _parts(value: Any) -> Any:
    """What a container holds."""
    if isinstance(value, np.ndarray):
        return value.reshape(-1).tolist() if value.dtype == object else ()
    return value.state.values() if isinstance(value, Chumpy) else value.values() if isinstance(value, dict) else value


def check_expansion(value: Any) -> None:
    """Raise `ValueError` if the value holds itself, or holds the same containers in so many places that whoever walks
    through it never ends: sixty pairs, each of the pair before it and itself, are 124 bytes and 2^60 values."""
    kinds = (list, tuple, dict, set, frozenset, np.ndarray, Chumpy)
    stack, entered, sizes, own = [value], set[int](), dict[int, int](), 0
    while stack:
        top = stack[-1]
        if id(top) in sizes or not isinstance(top, kinds):
            stack.pop()
            continue
        parts = _parts(top)
        inner = [part for part in parts if isinstance(part, kinds)]
        if waiting := [part for part in inner if id(part) not in sizes]:
            if id(top) in entered:
                raise ValueError("it holds a container that holds itself")
            entered.add(id(top))
            stack += waiting
            continue
        stack.pop()
        own += 1 + len(parts)
        sizes[id(top)] = 1 + len(parts) + sum(sizes[id(part)] for part in inner)
    least, times = EXPANSION
    if isinstance(value, kinds) and sizes[id(value)] > max(least, times * own):
        raise ValueError("it holds the same containers in so many places that it has no end")


def _make_ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((flat_key(key), value) for key, value in pairs)


def _make_default(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is not None and (not isinstance(factory, Name) or factory.factory is None):
        raise ValueError("it holds a defaultdict over an unknown type")
    return defaultdict(factory.factory if factory else None)


def _make_instance(kind: Any, base: Any, state: Any) -> Any:
    if not isinstance(kind, Name) or kind.new is None or base is not _OBJECT or state is not None:
        raise ValueError("it holds an object of an unknown kind")
    return kind.new()


_NDARRAY, _OBJECT = Name(), Name()
NAMES: dict[str, dict[str, Name]] = {
    "multiarray": {"_reconstruct": Name(_make_array), "scalar": Name(_make_scalar)},
    "numeric": {"_frombuffer": Name(_make_from_buffer)},
    "numpy": {"ndarray": _NDARRAY, "dtype": Name(_make_dtype)},
    "builtins": {
        "object": _OBJECT,
        "set": Name(lambda items=(): {flat_key(item) for item in items}, factory=set),
        "frozenset": Name(lambda items=(): frozenset(flat_key(item) for item in items)),
        "complex": Name(lambda real, imag: complex(float(real), float(imag))),
        "bytes": Name(_make_bytes),
        "bytearray": Name(lambda *args: bytearray(_make_bytes(*args))),
        **{kind.__name__: Name(factory=kind) for kind in (list, dict, int, float, str)},
    },
    "collections": {"OrderedDict": Name(_make_ordered), "defaultdict": Name(_make_default)},
    "_codecs": {"encode": Name(_make_bytes)},
    "copyreg": {"_reconstructor": Name(_make_instance)},
}
for _old, _new in (("__builtin__", "builtins"), ("copy_reg", "copyreg")):
    NAMES[_old] = NAMES[_new]
for _part in ("multiarray", "numeric"):
    NAMES[f"numpy.core.{_part}"] = NAMES[f"numpy._core.{_part}"] = NAMES.pop(_part)
