"""The container of a GLB file: arrays go in and get a number; the document that uses the numbers comes out as bytes.

Layout after the glTF 2.0 specification: a header of 12 bytes, a chunk of JSON padded with spaces, a chunk of binary
data padded with zeros. Every array starts at a multiple of four bytes.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

__all__ = ["INDICES", "VERTICES", "Container"]

VERTICES, INDICES = 34962, 34963
"""What a buffer view is for: vertex attributes, or the corners of triangles."""

_COMPONENTS = {"u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<I4s")


class Container:
    """Collects the arrays of one file. Accessors may be used by as many meshes as wish."""

    def __init__(self) -> None:
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._seen: dict[bytes, int] = {}

    def add(
        self, array: np.ndarray, *, target: int | None = None, bounds: bool = False, normalized: bool = False
    ) -> int:
        """Store an array, one element per row. Returns the number of its accessor.

        Args:
            array: unsigned integers, int16 or float32; rows of nothing, 2, 3 or 4 numbers, or 4x4 matrices
                (column-major).
            target: `VERTICES`, `INDICES`, or None for what is neither.
            bounds: also say the smallest and largest values, as positions must.
            normalized: integers stand for numbers from -1 to 1.
        """
        accessor = {"bufferView": self._view(array, target), **self._described(array, bounds)}
        self._accessors.append({**accessor, "normalized": True} if normalized else accessor)
        return len(self._accessors) - 1

    def add_sparse(self, array: np.ndarray) -> int:
        """Store a mostly-zero array as its rows that are not zero, with bounds. Returns the number of its accessor."""
        rows = np.flatnonzero(np.any(array != 0, axis=tuple(range(1, array.ndim))))
        accessor = self._described(array, bounds=True)
        if len(rows):
            index = rows.astype(smallest_unsigned(len(array)))
            accessor["sparse"] = {
                "count": len(rows),
                "indices": {"bufferView": self._shared_view(index), "componentType": _component(index)},
                "values": {"bufferView": self._view(array[rows], None)},
            }
        self._accessors.append(accessor)
        return len(self._accessors) - 1

    def to_bytes(self, document: dict[str, Any]) -> bytes:
        """The whole file.

        Args:
            document: the glTF document without accessors, buffer views and buffers. Lists that are empty are left
                out, since the format forbids them.

        Raises:
            ValueError: a number in it is not finite.
        """
        binary = b"".join(self._parts)
        arrays = {"accessors": self._accessors, "bufferViews": self._views}
        buffers = {"buffers": [{"byteLength": len(binary)}] if binary else []}
        whole = {key: value for key, value in {**document, **arrays, **buffers}.items() if value != []}
        text = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
        chunks = _chunk(b"JSON", text + b" " * (-len(text) % 4))
        chunks += _chunk(b"BIN\0", binary) if binary else b""
        return _HEADER.pack(b"glTF", 2, _HEADER.size + len(chunks)) + chunks

    def _described(self, array: np.ndarray, bounds: bool) -> dict[str, Any]:
        kind = _KINDS[array.shape[1:]]
        described: dict[str, Any] = {"componentType": _component(array), "count": len(array), "type": kind}
        if bounds:
            described["min"] = np.atleast_1d(array.min(0)).tolist()
            described["max"] = np.atleast_1d(array.max(0)).tolist()
        return described

    def _shared_view(self, array: np.ndarray) -> int:
        key = array.tobytes()
        if key not in self._seen:
            self._seen[key] = self._view(array, None)
        return self._seen[key]

    def _view(self, array: np.ndarray, target: int | None) -> int:
        data = np.ascontiguousarray(array).tobytes()
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        self._views.append(view if target is None else {**view, "target": target})
        padded = data + bytes(-len(data) % 4)
        self._parts.append(padded)
        self._size += len(padded)
        return len(self._views) - 1


def smallest_unsigned(count: int) -> np.dtype[Any]:
    """The smallest type that holds the indices of `count` things; the largest value of a type is reserved."""
    return np.dtype("<u2" if count < 65535 else "<u4")


def _component(array: np.ndarray) -> int:
    return _COMPONENTS[array.dtype.str[1:]]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return _CHUNK.pack(len(data), kind) + data
