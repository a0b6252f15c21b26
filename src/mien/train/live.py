"""Pictures of synthetic people that are made while training: a dataset without a folder.

Row n is picture n of the recipe's training split, and one of the people in it. Nothing is kept: the same row is made
again when it is asked for again. Held-out pictures are drawn from streams of their own and cannot come up here.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from mien.data.order import key_of
from mien.data.readers.humandata import read_humandata
from mien.data.samples import Samples
from mien.data.transforms import Setting, Tally
from mien.errors import InputError
from mien.synth.generate import MAX_SIZE, MIN_SIZE, Job
from mien.synth.labels import BODY_SCALE
from mien.synth.recipes import load_recipe
from mien.synth.rows import pack_rows, to_humandata
from mien.synth.studio import Shot, Studio

__all__ = ["SYNTH", "Live"]

SYNTH = "synth:"
"""What the names of such sources begin with."""
TRIES = 16
KEPT = 1024
"""Pictures that are kept in memory, encoded, with their labels."""


@dataclass(eq=False)
class Live:
    """A recipe of `mien synth` as a dataset."""

    recipe: str
    seed: int
    size: int
    """Width and height of the pictures, pixels."""
    body: str
    """Path of the body file."""
    length: int
    """How many pictures it has."""
    _studio: Studio | None = None
    _kept: OrderedDict[int, tuple[bytes, Samples]] = field(default_factory=OrderedDict)
    """Of each row: the encoded picture, and one of its people."""

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise InputError(f"data.picture_size is {self.size}", expected=f"{MIN_SIZE} to {MAX_SIZE} pixels")

    @property
    def name(self) -> str:
        """What messages and the mixture call it."""
        return f"{SYNTH}{load_recipe(self.recipe).name}"

    @property
    def images(self) -> Live:
        """Its own pictures."""
        return self

    def __len__(self) -> int:
        return self.length

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_studio": None, "_kept": OrderedDict()}

    def read(self, path: str) -> bytes:
        """An encoded picture, by the row that it belongs to."""
        return self._row(int(path))[0]

    def take(self, rows: Int64[np.ndarray, "row"]) -> Samples:
        """One person of each picture, in that order."""
        people = [self._row(int(row))[1] for row in rows]
        numbers = rows.astype(np.int64)
        paths = np.array([str(row) for row in rows.tolist()], dtype=object)
        return replace(Samples.cat(people), source=self.name, row=numbers, image=paths)

    def _row(self, row: int) -> tuple[bytes, Samples]:
        if row in self._kept:
            self._kept.move_to_end(row)
        else:
            self._kept[row] = self._made(row)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[row]

    def _made(self, row: int) -> tuple[bytes, Samples]:
        """A picture and somebody in it; where nobody is seen well, one that is drawn for the same row instead.

        Pictures that stand in have numbers beyond those of the rows.
        """
        for number in range(row, row + TRIES * self.length, self.length):
            shot = self._open().shoot("train", number)
            people = _people(shot)
            if len(people):
                chosen = key_of(self.seed, 6, number) % len(people)
                return shot.jpeg, people.take(slice(chosen, chosen + 1))
        raise InputError(f"{self.name} shows nobody in {TRIES} pictures", todo="look at what mien synth makes of it")

    def _open(self) -> Studio:
        if self._studio is None:
            job = Job(recipe=self.recipe, out=Path("."), count=1, seed=self.seed, size=self.size, body=self.body)
            self._studio = Studio.open(job)
        return self._studio


def _people(shot: Shot) -> Samples:
    """Everybody in a picture, as an ingest of it would give them."""
    with tempfile.TemporaryDirectory(prefix="mien-live-") as folder:
        path = Path(folder) / "train.npz"
        to_humandata(pack_rows(shot.rows), {}).write(path)
        (people,) = read_humandata(path)
    return replace(Tally(Setting(padded=BODY_SCALE, exact=True))(people), extra={})
