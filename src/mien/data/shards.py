"""One shard of a store: an Arrow file of up to some ten thousand people, mapped into memory and never copied whole.

All numbers of a person lie side by side, so that one person costs one or two pages of the disk however many labels
there are: a column of lists for parameters, boxes and cameras, one for 2D and one for 3D keypoints; one column of bits
says what is known. The schema's metadata says which label lies where. Any Arrow reader can open the file.
What `Samples.extra` holds is kept under names that begin with `extra:`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64, UInt8

from mien.data.samples import Label, Samples
from mien.errors import InputError, reason_of
from mien.files import atomic_write, parse_json

__all__ = ["SCHEMA_VERSION", "Columns", "Layout", "Place", "Shard", "samples_of", "write_shard"]

SCHEMA_VERSION = 1
KEYPOINTS = ("keypoints2d", "keypoints3d")
"""Labels with a column of their own; the others share one."""
EXTRA, WEIGHTS = "extra:", "weights"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a label lies in a row."""

    name: str
    column: str
    start: int
    """First number of it in its column."""
    shape: tuple[int, ...]
    bit: int
    """First of its weights."""
    parts: tuple[int, ...]

    @cached_property
    def numbers(self) -> slice:
        """Its numbers in the column."""
        return slice(self.start, self.start + math.prod(self.shape))

    @cached_property
    def bits(self) -> slice:
        """Its weights in the column of bits."""
        return slice(self.bit, self.bit + math.prod(self.parts))


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which labels rows have, and where."""

    places: tuple[Place, ...]

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[Sequence[int]]]) -> Layout:
        """The layout of labels of these shapes (of the value, of the weight), in the order of `Samples`."""
        places: list[Place] = []
        ends: dict[str, int] = {}
        bit = 0
        order = [field.name for field in fields(Samples)]
        for name in sorted(shapes, key=lambda name: (order.index(name) if name in order else len(order), name)):
            shape, parts = (tuple(int(n) for n in each) for each in shapes[name])
            column = name if name in KEYPOINTS else "params"
            place = Place(name=name, column=column, start=ends.get(column, 0), shape=shape, bit=bit, parts=parts)
            places.append(place)
            ends[column], bit = place.numbers.stop, place.bits.stop
        return cls(places=tuple(places))

    @cached_property
    def shapes(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Shape of the value and of the weight of each label, for one row."""
        return {place.name: (place.shape, place.parts) for place in self.places}

    @cached_property
    def widths(self) -> dict[str, int]:
        """How many numbers a row has in each column."""
        return {place.column: place.numbers.stop for place in self.places}

    @cached_property
    def num_bits(self) -> int:
        """How many weights a row has."""
        return max((place.bits.stop for place in self.places), default=0)

    @property
    def num_bytes(self) -> int:
        """How many bytes a row's weights take; one if it has none."""
        return max(1, -(-self.num_bits // 8))

    def only(self, names: Iterable[str]) -> Layout:
        """The layout of some of the labels, each where it is."""
        wanted = set(names)
        return Layout(places=tuple(place for place in self.places if place.name in wanted))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What rows consist of: labels, and arrays that every row has."""

    layout: Layout
    arrays: dict[str, tuple[str, tuple[int, ...]]]
    """Number type (`str` for strings) and shape of one row, of `row`, `image` and what else there is."""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Columns:
        """Out of the JSON that `record` gives."""
        arrays = {name: (str(kind), tuple(shape)) for name, (kind, shape) in record["arrays"].items()}
        return cls(layout=Layout.of(record["labels"]), arrays=arrays)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"labels": self.layout.shapes, "arrays": self.arrays}

    @classmethod
    def join(cls, parts: Sequence[Columns], what: str) -> Columns:
        """All labels of several, and the arrays that all have. `what` names them in the error message.

        Raises:
            InputError: a label or an array has two shapes.
        """
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        arrays: dict[str, tuple[str, tuple[int, ...]]] = {}
        for part in parts:
            for name, shape in part.layout.shapes.items():
                if shapes.setdefault(name, shape) != shape:
                    raise InputError(f"{what}: {name} has shape {shape} in one file and {shapes[name]} in another")
            for name, kind in part.arrays.items():
                if arrays.setdefault(name, kind) != kind:
                    raise InputError(f"{what}: {name} is {kind} in one file and {arrays[name]} in another")
        common = {name: kind for name, kind in arrays.items() if all(name in part.arrays for part in parts)}
        return cls(layout=Layout.of(shapes), arrays=common)


def write_shard(path: Path, samples: Samples) -> tuple[str, Columns]:
    """Write samples, whole or not at all. The same samples give the same bytes.

    A label that is known of no row is left out.

    Returns:
        The file's SHA-256, and what is in it.

    Raises:
        InputError: a number is not finite, or a weight is neither 0 nor 1.
        OutputError: the disk is full.
    """
    labels, arrays = _labels(samples), _arrays(samples)
    layout = Layout.of({name: (each.value.shape[1:], each.weight.shape[1:]) for name, each in labels.items()})
    columns = {name: np.zeros((len(samples), width), dtype=np.float32) for name, width in layout.widths.items()}
    weights = np.zeros((len(samples), layout.num_bytes * 8), dtype=bool)
    for place in layout.places:
        label = labels[place.name]
        columns[place.column][:, place.numbers] = label.value.reshape(len(samples), -1)
        weights[:, place.bits] = label.weight.reshape(len(samples), -1) != 0
    content = Columns(layout=layout, arrays={name: _kind(array) for name, array in arrays.items()})
    meta = json.dumps({"schema_version": SCHEMA_VERSION, **content.record()})
    arrow = {
        name: _lists(array) for name, array in {**arrays, WEIGHTS: np.packbits(weights, axis=1), **columns}.items()
    }
    batch = pa.record_batch(arrow).replace_schema_metadata({"mien": meta})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data = sink.getvalue()
    with atomic_write(path) as stream:
        stream.write(data)
    return hashlib.sha256(data).hexdigest(), content


def _labels(samples: Samples) -> dict[str, Label]:
    """The labels that some row has, checked."""
    named = {field.name: getattr(samples, field.name) for field in fields(samples)}
    named.update({EXTRA + name: value for name, value in samples.extra.items()})
    found = {name: each for name, each in named.items() if isinstance(each, Label) and each.weight.any()}
    for name, label in found.items():
        sound = np.isfinite(label.value)
        binary = (label.weight == 0) | (label.weight == 1)
        for good, what in ((sound, "a number that is not finite"), (binary, "a weight that is neither 0 nor 1")):
            if not good.all():
                first = samples.row[int(np.argmin(good.reshape(len(samples), -1).all(1)))]
                raise InputError(f"{samples.source}, entry {first}: {name} has {what}, which a store cannot keep")
    return found


def _arrays(samples: Samples) -> dict[str, np.ndarray]:
    """The arrays that every row has."""
    named = {"row": samples.row, "image": samples.image, "track": samples.track, "size": samples.size}
    named.update({EXTRA + name: value for name, value in samples.extra.items() if isinstance(value, np.ndarray)})
    return {name: value for name, value in named.items() if value is not None}


def _kind(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
    return "str" if array.dtype.kind in "OU" else array.dtype.str, array.shape[1:]


def _lists(array: np.ndarray) -> pa.Array:
    """An Arrow column of the rows of an array."""
    if array.dtype.kind in "OU":
        return pa.array(array.astype(object), pa.large_string())
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    flat = pa.array(np.ascontiguousarray(array).reshape(-1))
    return flat if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, math.prod(array.shape[1:]))


@dataclass(frozen=True, eq=False)
class Strings:
    """A column of strings in mapped memory."""

    offsets: Int64[np.ndarray, "end"]
    data: memoryview


@dataclass(frozen=True, kw_only=True, eq=False)
class Shard:
    """A shard in mapped memory. Every array is a view of the file."""

    content: Columns
    arrays: dict[str, Any]
    """numpy arrays, and `Strings`."""
    weights: UInt8[np.ndarray, "row byte"]
    """Bits, eight to a byte, first bit first."""
    columns: dict[str, Float32[np.ndarray, "row number"]]

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Map a file.

        Raises:
            InputError: it is missing, damaged, or was written by another version.
        """
        try:
            with pa.memory_map(str(path)) as mapped:
                reader = pa.ipc.open_file(mapped)
                meta = parse_json((reader.schema.metadata or {}).get(b"mien", b"{}"))
                batch = reader.get_batch(0)
                batch.validate(full=True)
            if meta.get("schema_version") != SCHEMA_VERSION:
                found = f"the shard {path} has schema version {meta.get('schema_version')}"
                raise InputError(found, expected=f"version {SCHEMA_VERSION}", todo="ingest the dataset anew")
            content = Columns.parse(meta)
            return cls(
                content=content,
                arrays={name: _view(batch, name, kind) for name, kind in content.arrays.items()},
                weights=_matrix(batch, WEIGHTS, np.uint8, content.layout.num_bytes),
                columns={
                    name: _matrix(batch, name, np.float32, width) for name, width in content.layout.widths.items()
                },
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
            reason = f"is damaged ({reason_of(error)})" if path.exists() else "is missing"
            raise InputError(f"the shard {path} {reason}", todo="ingest the dataset anew") from error


def _matrix(batch: pa.RecordBatch, name: str, kind: type, width: int) -> np.ndarray:
    """A column of lists as a matrix, without a copy. Rows are later read by address, so its size must be as claimed."""
    found = batch.column(name).flatten().to_numpy(zero_copy_only=True)
    if found.dtype != kind or found.size != len(batch) * width:
        raise ValueError(f"{name} holds {found.size} of {found.dtype}, not {width} for each row")
    return found.reshape(len(batch), width)


def _view(batch: pa.RecordBatch, name: str, kind: tuple[str, tuple[int, ...]]) -> np.ndarray | Strings:
    """An array column, without a copy."""
    column = batch.column(name)
    if kind[0] == "str":
        if not pa.types.is_large_string(column.type) or column.offset or column.null_count:
            raise ValueError(f"{name} is {column.type}, not strings")
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int64, len(column) + 1)
        return Strings(ends, memoryview(data) if data is not None else memoryview(b""))
    flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    if np.dtype(kind[0]).kind not in "biuf":
        raise ValueError(f"{name} is of type {kind[0]!r}")
    return flat.to_numpy(zero_copy_only=True).view(kind[0]).reshape(len(batch), *kind[1])


def samples_of(
    source: str, arrays: Mapping[str, np.ndarray], layout: Layout, columns: Mapping[str, np.ndarray], bits: np.ndarray
) -> Samples:
    """Samples out of gathered rows, as views of them.

    Args:
        source: what they are called in messages.
        arrays: the arrays of `Columns.arrays`.
        layout: which labels to take out.
        columns: the numbers, a matrix for each column.
        bits: (row, bit) weights, uint8.
    """
    count, weights = len(bits), bits.astype(np.float32)
    found: dict[str, Any] = dict(arrays)
    for place in layout.places:
        value = columns[place.column][:, place.numbers]
        weight = weights[:, place.bits] if place.parts else weights[:, place.bit]
        found[place.name] = Label(
            value=value if len(place.shape) == 1 else value.reshape(count, *place.shape),
            weight=weight if len(place.parts) <= 1 else weight.reshape(count, *place.parts),
        )
    if "box" not in found:
        found["box"] = Label(value=np.zeros((count, 4), np.float32), weight=np.zeros(count, np.float32))
    extra = {name: found.pop(name) for name in list(found) if name.startswith(EXTRA)}
    return Samples(source=source, extra={name.removeprefix(EXTRA): value for name, value in extra.items()}, **found)
