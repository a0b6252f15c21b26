"""How each benchmark is measured, what was published for it, and the mean primary error (MPE): data in two files.

protocol = find_protocol("ehf")
truths = read_protocol(protocol, Path("raw"), body)
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.catalogue import Entry, find
from mien.data.fitted import body_joints, mean_hands
from mien.data.ingest import PADDED
from mien.data.locate import find_pictures, find_sources
from mien.data.samples import Samples
from mien.data.smpl import smpl_joints
from mien.data.transforms import Setting
from mien.errors import InputError, closest
from mien.evaluate.reading import Source, gather
from mien.evaluate.truths import Truths
from mien.synth.recipes import RECIPES

__all__ = ["Mpe", "Protocol", "Published", "find_protocol", "mpe", "protocols", "published", "read_protocol"]

ON_PELVIS = "pelvis; hands at their wrists, face at the neck"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a benchmark is measured."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    title: str
    dataset: str
    """Of the catalogue; empty for a folder that `mien synth` made."""
    split: str
    alignment: str
    primary: str
    """The measure that stands for it."""
    source: str
    confirmed: bool
    """Whether all of it was read in published code or on an official page."""
    interval: int = 1
    """Every so many people are measured."""
    inside: bool = False
    """Only vertices that lie in the picture count."""
    smpl: bool = False
    """Truth is SMPL: predictions go over to it by the transfer matrix."""
    replace: dict[str, str] = field(default_factory=dict)
    """Names of files that stand in the place of the catalogue's."""
    mpe: str = ""
    """Its name among the parts of the whole-body MPE."""
    mpe_hand: bool = False
    """Whether it is part of the MPE of hands."""
    submit: Literal["", "agora", "bedlam", "hbw"] = ""
    """The form of its server, where truth is not public."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Numbers that somebody else reported, millimetres."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    system: str
    on: str
    """A protocol, or `mpe`."""
    measures: dict[str, float]
    source: str
    confirmed: bool
    """Whether an official page says so; otherwise recalled, or quoted by third parties."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Mpe:
    """A mean primary error and its parts."""

    parts: dict[str, float | None]
    """Millimetres by benchmark; None where it was not measured."""
    definition: str

    @property
    def value(self) -> float | None:
        """The mean; None unless every part is there."""
        values = [value for value in self.parts.values() if value is not None]
        return sum(values) / len(values) if values and len(values) == len(self.parts) else None


@cache
def protocols() -> dict[str, Protocol]:
    """All protocols by name: those of the file, then one for each recipe of `mien synth`."""
    adapter = TypeAdapter(Protocol)
    found = {name: adapter.validate_python({**record, "name": name}) for name, record in _toml("protocols").items()}
    for name in RECIPES:
        found[name] = Protocol(
            name=name,
            title=f"synthetic: {name}",
            dataset="",
            split="test",
            alignment=ON_PELVIS,
            primary="pve",
            source="mien synth",
            confirmed=True,
        )
    return found


@cache
def published() -> tuple[Published, ...]:
    """All reported numbers, in the order of the file."""
    adapter = TypeAdapter(Published)
    return tuple(adapter.validate_python(record) for record in _toml("published")["row"])


def _toml(name: str) -> dict[str, Any]:
    folder = Path(str(resources.files("mien.evaluate")))
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        InputError: there is none; the closest name is given.
    """
    known = protocols()
    if name.lower() not in known:
        raise InputError(f"no protocol and no folder is called {name!r}", todo=closest(name.lower(), known))
    return known[name.lower()]


def mpe(means: Mapping[str, Mapping[str, float | None]]) -> dict[str, Mpe]:
    """The whole-body MPE and that of hands (`whole`, `hand`, `pa_hand`).

    Args:
        means: of each measured protocol, by measure.
    """
    chosen = [protocol for protocol in protocols().values() if protocol.mpe]
    whole = {each.mpe: means.get(each.name, {}).get(each.primary) for each in chosen}
    hands = {
        name: {each.mpe: means.get(each.name, {}).get(name) for each in chosen if each.mpe_hand}
        for name in ("pve_hand", "pa_pve_hand")
    }
    said = "mean of " + ", ".join(f"{each.mpe} {each.primary}" for each in chosen)
    of_hands = "mean over the four benchmarks with hand truth (3DPW has none); which ones the paper takes is not known"
    return {
        "whole": Mpe(parts=whole, definition=said),
        "hand": Mpe(parts=hands["pve_hand"], definition=f"hand PVE, {of_hands}"),
        "pa_hand": Mpe(parts=hands["pa_pve_hand"], definition=f"hand PA-PVE, {of_hands}"),
    }


def read_protocol(protocol: Protocol, root: Path, body: BodyModel, *, images: str | None = None) -> Truths:
    """The truth of a benchmark out of the raw files of its authors.

    Args:
        protocol: which.
        root: the folder of raw data that `mien data ingest` reads, too.
        body: an SMPL-X body.
        images: where the pictures are, if not where the catalogue has them.

    Raises:
        InputError: files are not there, or have no truth.
    """
    entry = find(protocol.dataset)
    entry = replace(entry, files={**entry.files, protocol.split: _renamed(entry, protocol)})
    search = find_sources(root, entry, protocol.split)
    if search.missing or not search.sources:
        raise InputError(
            f"{protocol.name}: {', '.join(search.missing[:3]) or 'its files'} not below {root}",
            expected=f"the files of {entry.title} ({entry.homepage})",
            todo=f"see: mien data show {entry.name}",
        )
    pictures = images or str(find_pictures(root, entry) or "")
    reader = entry.reader_of(protocol.split)
    if not pictures and reader != "ehf":
        raise InputError(f"{protocol.name}: no pictures below {root}", todo="say where they are: --images")
    setting = _setting(entry, reader, body)
    sources = [
        Source(reader=reader, files=each.files, options=each.options, setting=setting) for each in search.sources
    ]
    truths = gather(
        sources,
        name=protocol.name,
        images=pictures or str(sources[0].path),
        family="smplx",
        interval=protocol.interval,
    )
    truths = replace(truths, inside=protocol.inside, smpl=protocol.smpl)
    if not truths.whole.any() and not truths.smpl and not truths.keypoints()[1].any():
        todo = (
            f"write a submission: mien submit {protocol.submit}"
            if protocol.submit
            else "see its note: docs/evaluate.md"
        )
        raise InputError(f"{protocol.name} has no public truth in {root}", todo=todo)
    return truths


def _renamed(entry: Entry, protocol: Protocol) -> tuple[tuple[str, ...], ...]:
    def other(file: str) -> str:
        for old, new in protocol.replace.items():
            file = file.replace(old, new)
        return file

    return tuple(tuple(other(file) for file in files) for files in entry.files.get(protocol.split, ()))


def _setting(entry: Entry, reader: str, body: BodyModel) -> Setting:
    return Setting(
        quirks=frozenset(entry.quirks),
        hands=entry.hands,
        padded=PADDED.get(reader),
        image_size=entry.image_size,
        camera=entry.camera,
        mean_hands=lambda: mean_hands(body).numpy().astype(np.float32),
        joints=lambda samples: body_joints(samples, body),
        smpl_joints=_smpl_joints(),
    )


def _smpl_joints() -> Callable[[Samples, str], np.ndarray]:
    """Joints of SMPL bodies of a gender, which are read when first asked for."""
    bodies: dict[str, BodyModel] = {}

    def joints(samples: Samples, gender: str) -> np.ndarray:
        if gender not in bodies:
            bodies[gender] = BodyModel.load(find_body(None, family="smpl", gender=gender))
        return smpl_joints(samples, bodies[gender])

    return joints
