"""Rows copied out of the mapped shards of a dataset, however many shards they are in.

Shuffled reading asks for a few rows from many shards, and a numpy call for each of them would cost more than the rows.
So all shards are seen through one window on the memory between the lowest and the highest of their addresses: a row is
found by its address in it, and one call copies the rows of all shards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy.lib.stride_tricks import as_strided

from mien.data.samples import Samples
from mien.data.shards import WEIGHTS, Columns, Layout, Shard, samples_of

__all__ = ["Gatherer"]


@dataclass(eq=False)
class Window:
    """One field of the rows of several shards: fixed bytes, `size` of them for a row, `step` bytes apart."""

    size: int
    step: int
    starts: Int64[np.ndarray, "shard"]
    """Address of each shard's first row; 0 for shards that are not open."""
    arrays: list[np.ndarray] = field(default_factory=list)
    """What the addresses belong to, kept alive."""
    low: int = 0
    end: int = 0
    """The lowest address, and the one after the highest."""
    lowest: np.ndarray | None = None
    """What begins there."""
    memory: Any = None
    """All bytes from `low` on, as overlapping elements of `size` bytes."""

    def add(self, number: int, array: np.ndarray) -> None:
        """The field of one more shard, a view of its file."""
        start = self.starts[number] = array.__array_interface__["data"][0]
        self.arrays.append(array)
        if self.lowest is None or start < self.low:
            self.low, self.lowest = start, array
        self.end = max(self.end, start + array.nbytes)
        first = self.lowest.reshape(-1).view(np.uint8)[: self.size].view(f"V{self.size}")
        self.memory = as_strided(first, (self.end - self.low - self.size + 1,), (1,), writeable=False)

    def take(
        self, which: Int64[np.ndarray, "row"], rows: Int64[np.ndarray, "row"], kind: str, *shape: int
    ) -> np.ndarray:
        """The field of some rows, each in its shard. Rows and shards must be there: nothing is checked here."""
        found = self.memory[self.starts[which] - self.low + rows * self.step]
        return found.view(kind).reshape(len(rows), *shape)


class Kind:
    """The open shards whose rows consist of the same."""

    def __init__(self, content: Columns, num_shards: int) -> None:
        self.content = content
        self.places = {place.name: place for place in content.layout.places}
        sizes = {name: 4 * width for name, width in content.layout.widths.items()}
        sizes[WEIGHTS] = content.layout.num_bytes
        for name, (kind, shape) in content.arrays.items():
            if kind != "str":
                sizes[name] = np.dtype(kind).itemsize * int(np.prod(shape))
        self.windows = {name: Window(size, size, np.zeros(num_shards, np.int64)) for name, size in sizes.items()}
        strings = [name for name, (kind, _) in content.arrays.items() if kind == "str"]
        self.ends = {name: Window(16, 8, np.zeros(num_shards, np.int64)) for name in strings}
        """Where strings start and stop: two neighbouring numbers for each row."""
        self.texts: dict[str, dict[int, memoryview]] = {name: {} for name in strings}

    def add(self, number: int, shard: Shard) -> None:
        """One more shard."""
        for name, window in self.windows.items():
            array = {**shard.arrays, **shard.columns, WEIGHTS: shard.weights}[name]
            if window.size:
                window.add(number, array)
        for name, window in self.ends.items():
            window.add(number, shard.arrays[name].offsets)
            self.texts[name][number] = shard.arrays[name].data

    def bits(self, which: np.ndarray, rows: np.ndarray) -> UInt8[np.ndarray, "row bit"]:
        """The weights of some rows."""
        return np.unpackbits(self.windows[WEIGHTS].take(which, rows, "u1", self.content.layout.num_bytes), axis=1)

    def column(self, name: str, which: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """A column of numbers of some rows."""
        return self.windows[name].take(which, rows, "<f4", self.content.layout.widths[name])

    def array(self, name: str, which: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """An array, or strings, of some rows."""
        kind, shape = self.content.arrays[name]
        if kind != "str":
            return self.windows[name].take(which, rows, kind, *shape)
        spans, texts = self.ends[name].take(which, rows, "<i8", 2).tolist(), self.texts[name]
        found = np.empty(len(rows), dtype=object)
        triples = zip(which.tolist(), spans, strict=True)
        found[:] = [str(texts[number][start:stop], "utf-8") for number, (start, stop) in triples]
        return found


class Gatherer:
    """Takes rows of a dataset out of its shards.

    Args:
        content: what its rows may have; what a shard lacks is unknown there.
        layout: the labels that are wanted.
        num_shards: how many shards there are.
    """

    def __init__(self, content: Columns, layout: Layout, num_shards: int) -> None:
        self.content, self.layout = content, layout
        self.columns = tuple(dict.fromkeys(place.column for place in layout.places))
        self.num_shards = num_shards
        self.kinds: list[Kind] = []
        self.kind_of = np.full(num_shards, -1)
        self.whole = -1
        """The kind whose rows have all that the dataset's have, in the same places."""

    def is_open(self, number: int) -> bool:
        """Whether a shard has been added."""
        return bool(self.kind_of[number] >= 0)

    def add(self, number: int, shard: Shard) -> None:
        """A shard has been opened."""
        same = next((i for i, kind in enumerate(self.kinds) if kind.content == shard.content), None)
        if same is None:
            same = len(self.kinds)
            self.kinds.append(Kind(shard.content, self.num_shards))
            self.whole = same if shard.content == self.content else self.whole
        self.kinds[same].add(number, shard)
        self.kind_of[number] = same

    def take(self, source: str, which: Int64[np.ndarray, "row"], rows: Int64[np.ndarray, "row"]) -> Samples:
        """Rows of shards that have been added.

        Args:
            source: what they are called in messages.
            which: the shard of each.
            rows: the place of each in its shard.
        """
        kinds = self.kind_of[which]
        if len(rows) and (kinds == self.whole).all():
            kind = self.kinds[self.whole]
            arrays = {name: kind.array(name, which, rows) for name in self.content.arrays}
            columns = {name: kind.column(name, which, rows) for name in self.columns}
            return samples_of(source, arrays, self.layout, columns, kind.bits(which, rows))
        return self._mixed(source, kinds, which, rows)

    def _mixed(self, source: str, kinds: np.ndarray, which: np.ndarray, rows: np.ndarray) -> Samples:
        """The same for shards that do not have the same labels."""
        count, widths = len(rows), self.content.layout.widths
        arrays = {
            name: np.empty((count, *shape), object if kind == "str" else kind)
            for name, (kind, shape) in self.content.arrays.items()
        }
        columns = {name: np.zeros((count, widths[name]), np.float32) for name in self.columns}
        bits = np.zeros((count, self.content.layout.num_bytes * 8), np.uint8)
        for number in np.unique(kinds):
            kind, here = self.kinds[number], np.flatnonzero(kinds == number)
            for name, array in arrays.items():
                array[here] = kind.array(name, which[here], rows[here])
            own = {name: kind.column(name, which[here], rows[here]) for name in kind.content.layout.widths}
            known = kind.bits(which[here], rows[here])
            for place in self.layout.places:
                if old := kind.places.get(place.name):
                    columns[place.column][here, place.numbers] = own[old.column][:, old.numbers]
                    bits[here, place.bits] = known[:, old.bits]
        return samples_of(source, arrays, self.layout, columns, bits)
