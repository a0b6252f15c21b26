"""One source of a dataset into shards: read, transform, check pictures, write; a run that was killed goes on.

Shard number k holds what is kept of the source's entries k * n to (k + 1) * n, so it depends on nothing but them. Each
shard that is written leaves a small record of what was done to its rows; a later run takes such a shard as it is.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64
from pydantic import ConfigDict

from mien.data.edits_params import unsaid_hands
from mien.data.images import ImageStore, turned
from mien.data.manifest import parse, read_json, write_json
from mien.data.samples import Label, Samples
from mien.data.shards import write_shard
from mien.data.store import count_known
from mien.data.transforms import Setting, Tally
from mien.errors import AssetMissing, InputError, PictureError
from mien.files import sha256

if TYPE_CHECKING:
    from mien.body.model import BodyModel

__all__ = ["Check", "Outcome", "Piece", "Plan", "convert", "found_again", "smpl_bodies", "too_many_missing"]

log = logging.getLogger("mien")

Check = Literal["sample", "all", "none"]
SAMPLED = 16
"""Pictures that are looked for in each chunk of rows, when not all are."""
KEPT = ("mesh_betas",)
"""What training keeps of `Samples.extra`; other splits keep all of it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A dataset to ingest. Travels to worker processes."""

    name: str
    """`bedlam/train`."""
    folder: Path
    """Where its shards go."""
    tag: str
    """What the shards' names begin with: other sources or settings, other names."""
    reader: str
    sources: tuple[dict[str, Path], ...]
    """The files of each, by their roles for the reader."""
    options: tuple[dict[str, str], ...]
    """For the reader, for each source."""
    pictures: str
    setting: Setting
    """Without what cannot travel (the body)."""
    body: Path | None
    interval: int
    first: int
    entries_per_shard: int
    check: Check
    max_bad: int

    @property
    def progress(self) -> Path:
        """Where records of what is done lie until the dataset is complete."""
        return self.folder / ".progress" / self.tag

    def keeps(self, place: Int64[np.ndarray, "row"]) -> Bool[np.ndarray, "row"]:
        """Which entries of a source the interval keeps."""
        return (place >= self.first) & ((place - self.first) % self.interval == 0)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What became of a stretch of entries: a shard, unless nothing was kept."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: str
    rows: int
    sha256: str = ""
    labels: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    arrays: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """The pictures that are not there."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a source."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    entries: int
    pieces: tuple[Piece, ...]

    @property
    def num_missing(self) -> int:
        """Rows left out because their picture is missing."""
        return sum(piece.skipped.get("picture missing", 0) for piece in self.pieces)

    @property
    def missing(self) -> tuple[str, ...]:
        """Those pictures."""
        return tuple(name for piece in self.pieces for name in piece.missing)


def convert(plan: Plan, number: int) -> Outcome:
    """Ingest one of a plan's sources.

    Raises:
        InputError: the source cannot be read.
        PictureError: more pictures are missing than `max_bad`.
        OutputError: the disk is full; what was written stays.
    """
    done = plan.progress / f"{number:03d}.json"
    before: Outcome | None = _record_of(Outcome, done)
    if before is not None and not found_again(plan, before.missing):
        return before
    setting = _with_body(plan)
    if setting.replicate:
        setting = replace(setting, last_hands=_last_hands(plan, number, setting))
    entries, writer = 0, _Writer(plan, number, setting)
    for chunk in _read(plan, number):
        place = entries + np.arange(len(chunk))
        kept = plan.keeps(place)
        for which in np.unique(place // plan.entries_per_shard):
            here = place // plan.entries_per_shard == which
            writer.feed(int(which), chunk.take(here & kept), int((here & ~kept).sum()))
        entries += len(chunk)
    outcome = Outcome(entries=entries, pieces=writer.finish())
    write_json(done, asdict(outcome))
    return outcome


class _Writer:
    """Gathers what is kept of a stretch of entries, and writes it when the next begins."""

    def __init__(self, plan: Plan, number: int, setting: Setting) -> None:
        self.plan, self.number, self.setting = plan, number, setting
        self.images = None if plan.check == "none" else ImageStore.open(plan.pictures)
        self.pieces: list[Piece] = []
        self.stretch = -1
        self.missing, self.looked_at = 0, False
        self._start(-1)

    def feed(self, stretch: int, samples: Samples, left_out: int) -> None:
        """Some entries of a stretch, after those that came before, and how many the interval leaves out."""
        if stretch != self.stretch:
            self._flush()
            self._start(stretch)
        if self.finished is not None:
            return
        self.skipped["interval"] += left_out
        kept = self._without_missing(self.tally(samples))
        if not self.setting.replicate:
            self.assumed[f"hands {self.setting.hands}"] += unsaid_hands(kept)
        if len(kept):
            self.parts.append(self._trimmed(kept))

    def finish(self) -> tuple[Piece, ...]:
        """Write what is left."""
        self._flush()
        return tuple(self.pieces)

    def _start(self, stretch: int) -> None:
        self.stretch, self.parts, self.absent = stretch, list[Samples](), list[str]()
        self.tally, self.skipped, self.assumed = Tally(self.setting), Counter[str](), Counter[str]()
        self.finished = self._finished() if stretch >= 0 else None

    @property
    def _record(self) -> Path:
        return self.plan.progress / f"{self.number:03d}-{self.stretch:05d}.json"

    def _finished(self) -> Piece | None:
        """The record of an earlier run, if its shard is whole and what it lacks is still not there."""
        piece: Piece | None = _record_of(Piece, self._record)
        if piece is None or found_again(self.plan, piece.missing):
            return None
        path = self.plan.folder / piece.file
        whole = piece.rows == 0 or (path.exists() and sha256(path) == piece.sha256)
        return piece if whole else None

    def _flush(self) -> None:
        if self.stretch < 0:
            return
        piece = self.finished
        if piece is None:
            piece = self._write()
            write_json(self._record, asdict(piece))
        self.pieces.append(piece)
        self.missing += piece.skipped.get("picture missing", 0)
        if self.missing > self.plan.max_bad:
            names = [name for each in self.pieces for name in each.missing]
            raise too_many_missing(self.plan, self.missing, names)

    def _write(self) -> Piece:
        file = f"{self.plan.tag}-{self.number:03d}-{self.stretch:05d}.arrow"
        counts: dict[str, Any] = {
            "changed": _positive(self.tally.changed),
            "dropped": _positive(self.tally.dropped),
            "skipped": _positive(self.skipped),
            "assumed": _positive(self.assumed),
            "missing": tuple(dict.fromkeys(self.absent)),
        }
        if not self.parts:
            return Piece(file=file, rows=0, **counts)
        samples = Samples.cat(self.parts)
        self.parts = []
        digest, content = write_shard(self.plan.folder / file, samples)
        return Piece(
            file=file,
            rows=len(samples),
            sha256=digest,
            labels=content.layout.shapes,
            arrays=content.arrays,
            known=count_known(samples),
            **counts,
        )

    def _without_missing(self, samples: Samples) -> Samples:
        """The rows whose picture is there, as far as it is looked for."""
        if self.images is None or not len(samples):
            return samples
        paths = samples.image
        if self.plan.check == "sample":
            paths = paths[np.unique(np.linspace(0, len(paths) - 1, SAMPLED).astype(int))]
        if not self.looked_at:
            self._look_at(self.images, paths[: SAMPLED // 4])
        gone = {path for path in dict.fromkeys(paths) if not self.images.has(path)}
        if not gone:
            return samples
        self.absent += sorted(gone)
        there = np.array([path not in gone for path in samples.image], dtype=bool)
        self.skipped["picture missing"] += int((~there).sum())
        return samples.take(there)

    def _look_at(self, images: ImageStore, paths: Iterable[str]) -> None:
        """Say so if pictures are stored turned: their labels may be of the upright picture, as viewers show it."""
        self.looked_at = True
        if odd := turned(images, paths):
            name, source = odd[0], next(iter(self.plan.sources[self.number].values())).name
            what = "is turned by its EXIF block: its labels must be of the pixels as they are stored"
            log.warning("%s: %s of %s %s", self.plan.name, name, source, what)

    def _trimmed(self, samples: Samples) -> Samples:
        """Without the extras that training never reads."""
        if not self.plan.name.endswith("/train"):
            return samples
        return replace(samples, extra={name: samples.extra[name] for name in KEPT if name in samples.extra})


def found_again(plan: Plan, names: Sequence[str]) -> bool:
    """Whether any of the pictures that an earlier run missed is there now."""
    if not names:
        return False
    try:
        images = ImageStore.open(plan.pictures)
    except InputError:
        return False
    return any(images.has(name) for name in names)


def _record_of(kind: type[Any], path: Path) -> Any:
    """The record of an earlier run; None if there is none, or none that this version can read."""
    try:
        return parse(kind, read_json(path), path) if path.exists() else None
    except InputError:
        return None


def too_many_missing(plan: Plan, count: int, names: Sequence[str]) -> PictureError:
    """The error for pictures that are not there."""
    shown = ", ".join(repr(name) for name in names[:3])
    return PictureError(
        f"{plan.name}: {count} rows have no picture in {plan.pictures}, such as {shown}",
        expected=f"at most {plan.max_bad} (--max-bad)",
        todo="check --images, or download the rest of the dataset",
    )


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}


def _read(plan: Plan, number: int) -> Iterator[Samples]:
    """The people of a source, as the reader gives them."""
    from mien.data.readers import READERS

    reader, files = READERS[plan.reader], dict(plan.sources[number])
    first = files.pop(reader.files[0].role)
    options: dict[str, Any] = dict(plan.options[number])
    if "replicate" in inspect.signature(reader.read).parameters:
        options["replicate"] = plan.setting.replicate
    yield from reader.read(first, **files, **options)


def _last_hands(plan: Plan, number: int, setting: Setting) -> tuple[bool, bool] | None:
    """Whether the last row that is kept has a left and a right hand pose: the file is read once for that alone."""
    tally, last, entries = Tally(setting), None, 0
    for chunk in _read(plan, number):
        kept = tally(chunk.take(plan.keeps(entries + np.arange(len(chunk)))))
        entries += len(chunk)
        if len(kept):
            poses = (kept.left_hand_pose, kept.right_hand_pose)
            last = (_has_last(poses[0]), _has_last(poses[1]))
    return last


def _has_last(label: Label | None) -> bool:
    return label is not None and bool(label.weight[-1].any())


def _with_body(plan: Plan) -> Setting:
    """The plan's setting with what it asks of bodies, read when first asked for."""
    from mien.body.files import find_body, read_body

    @cache
    def mean_hands() -> Float32[np.ndarray, "2 15 3"]:
        arrays = read_body(find_body(plan.body))
        if arrays.hands_meanl is None or arrays.hands_meanr is None:
            raise InputError(f"{arrays.path} has no mean hands", expected="an SMPL-X body", todo="name one with --body")
        return np.stack([arrays.hands_meanl, arrays.hands_meanr]).reshape(2, 15, 3).astype(np.float32)

    @cache
    def body(family: str, gender: str) -> BodyModel:
        from mien.body.model import BodyModel

        return BodyModel.load(find_body(plan.body if family == "smplx" else None, family=family, gender=gender))

    def joints(samples: Samples) -> Float32[np.ndarray, "row 137 3"]:
        from mien.data.fitted import body_joints

        parts = [samples.take(slice(start, start + 512)) for start in range(0, len(samples), 512)]
        return np.concatenate([body_joints(part, body("smplx", "neutral")) for part in parts])

    def smpl_joints(samples: Samples, gender: str) -> Float32[np.ndarray, "row 22 3"]:
        from mien.data.smpl import smpl_joints

        return smpl_joints(samples, body("smpl", gender))

    needs_smpl = "keypoints-of-smpl" in plan.setting.quirks and smpl_bodies()
    return replace(plan.setting, mean_hands=mean_hands, joints=joints, smpl_joints=smpl_joints if needs_smpl else None)


def smpl_bodies() -> dict[str, Path]:
    """The SMPL bodies in the usual places, by gender."""
    from mien.body.files import find_body

    found: dict[str, Path] = {}
    for gender in ("female", "male", "neutral"):
        with contextlib.suppress(AssetMissing):
            found[gender] = find_body(None, family="smpl", gender=gender)
    return found
