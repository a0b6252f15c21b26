"""Folders of people in pictures, as studies compare them: one person a picture, of every set as many.

    sets = read_sets(["data/studio", "data/street"], Choice(people=500), lambda place: body)

Labels are read as training and evaluation read them. People of one picture are alike, so that of each picture one is
drawn: what is left is as good as independent, except in sets that are frames of videos.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64

from mien.body.model import BodyModel
from mien.data.catalogue import catalogue
from mien.data.humandata import HumanDataFile
from mien.errors import InputError, closest
from mien.evaluate.reading import files_of, read_truths
from mien.evaluate.truths import Truths

__all__ = ["Choice", "PictureSet", "find_set", "read_sets"]

Kind = Literal["real", "synthetic", "unknown"]
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Whom to look at."""

    split: Literal["test", "train", "all"] = "train"
    people: int = 500
    """Of each set, at most."""
    seed: int = 0
    hands: Literal["flat", "relative"] = "flat"
    """How files keep hand poses that do not say so themselves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSet:
    """Some people of a dataset."""

    name: str
    truths: Truths
    """One person a picture."""
    entries: int
    """People of its files."""
    kind: Kind
    scene: tuple[str, ...]
    """Of each person: `studio`, `indoor`, `outdoor`, what the catalogue says, or `unknown`."""

    def __len__(self) -> int:
        return len(self.truths)

    @property
    def made_of(self) -> dict[str, object]:
        """What decides who is in it."""
        samples = self.truths.samples
        return {"sources": self.truths.sources, "rows": samples.row.tolist()}


def read_sets(places: Sequence[str], choice: Choice, body_of: Callable[[Path], BodyModel]) -> list[PictureSet]:
    """Read datasets.

    Args:
        places: folders in HumanData form as `mien synth` writes them, or annotation files that `mien data` knows.
        choice: whom of them.
        body_of: whose mean hand is added to the hands of a dataset that keeps them relative to it; labels of another
            family are taken, too.

    Raises:
        InputError: there are none, one does not exist, holds no .npz, is damaged, or is given twice.
    """
    if not places:
        raise InputError("no dataset", expected="folders in HumanData form, such as `mien synth` writes")
    if choice.people < 1:
        raise InputError(f"--people {choice.people}", expected="at least 1")
    if twice := [
        place for place, count in Counter(str(Path(place).resolve()) for place in places).items() if count > 1
    ]:
        raise InputError(f"{twice[0]} is given twice", expected="each dataset once")
    return _named([_read(Path(place), choice, body_of(Path(place))) for place in places], places)


def find_set(sets: Sequence[PictureSet], name: str) -> int:
    """The place of a set in a list, by its name.

    Raises:
        InputError: there is none; the closest name is given.
    """
    names = [each.name for each in sets]
    if name not in names:
        raise InputError(f"no dataset of this study is called {name!r}", todo=closest(name, names))
    return names.index(name)


def _read(place: Path, choice: Choice, body: BodyModel) -> PictureSet:
    truths = read_truths(place, choice.split, body, hands=choice.hands, other_body=True)
    chosen = truths.take(_one_a_picture(truths, choice))
    kind, scene = _scenes(place, choice, chosen)
    return PictureSet(name=truths.name, truths=chosen, entries=truths.entries, kind=kind, scene=scene)


def _one_a_picture(truths: Truths, choice: Choice) -> Int64[np.ndarray, "chosen"]:
    """Rows of one person of each picture, at most so many pictures; the same for the same seed."""
    order = np.random.default_rng(choice.seed).permutation(len(truths))
    _, first = np.unique(truths.samples.image[order].astype(str), return_index=True)
    return np.sort(order[np.sort(first)][: choice.people]).astype(np.int64)


def _scenes(place: Path, choice: Choice, chosen: Truths) -> tuple[Kind, tuple[str, ...]]:
    """Real or synthetic, and where each person is: of our own pictures by row, of others by the catalogue."""
    if entry := catalogue().get(chosen.name.lower()):
        return entry.kind, (entry.scene,) * len(chosen)
    files = [file for file in files_of(place, choice.split) if file.suffix == ".npz"]
    known = {file.name: places for file in files if (places := _places(file)) is not None}
    if not known:
        return "unknown", (UNKNOWN,) * len(chosen)
    named = chosen.samples.extra["file"]
    assert isinstance(named, np.ndarray), "read_truths names the file of each row"
    words = [known[name][row] if name in known else "" for name, row in zip(named, chosen.samples.row, strict=True)]
    return "synthetic", tuple(map(_scene, words))


def _places(file: Path) -> list[str] | None:
    """The kind of place of each row of a file of `mien synth`; None for files of others."""
    data = HumanDataFile.open(file)
    if "config" not in data or str(data["config"]) != "mien synth":
        return None
    places = data["meta"].get("place") if "meta" in data else None
    return [str(each) for each in places] if places is not None else [""] * data.num_rows


def _scene(place: str) -> str:
    from mien.synth.place.build import KINDS

    if place == "studio" or place not in KINDS:
        return place if place == "studio" else UNKNOWN
    return "indoor" if KINDS[place].roof else "outdoor"


def _named(sets: list[PictureSet], places: Sequence[str]) -> list[PictureSet]:
    """Each under a name of its own: sets of one name get that of their folder, too."""
    counts = Counter(each.name for each in sets)
    found: list[PictureSet] = []
    for each, place in zip(sets, places, strict=True):
        parts = Path(place).resolve().parts[-2:]
        found.append(each if counts[each.name] == 1 else replace(each, name="/".join(parts)))
    if len({each.name for each in found}) < len(found):
        found = [replace(each, name=f"{each.name} ({i + 1})") for i, each in enumerate(found)]
    return found
