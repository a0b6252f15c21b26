"""Annotation files of other people's datasets into a store, with every change to a label named and counted.

A run that was killed goes on where it stopped; one that has nothing to do does nothing; the same files and settings
give the same bytes, whatever the number of workers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mien.body.files import find_body
from mien.data.catalogue import Entry
from mien.data.convert import Check, Outcome, Plan, convert, found_again, smpl_bodies, too_many_missing
from mien.data.humandata import HumanDataFile
from mien.data.images import ImageStore
from mien.data.locate import Found, check_options, find_reader
from mien.data.manifest import Change, Manifest, ShardFile, Source, read_json, write_json
from mien.data.shards import Columns, Layout
from mien.data.store import ROWS_PER_SHARD, Dataset, Store, dataset_folder
from mien.data.transforms import RULES, TRANSFORMS, Setting, check_quirks
from mien.errors import AssetMissing, InputError, OutputError
from mien.files import exclusive, sha256
from mien.geometry.boxes import CROP_RATIO
from mien.workers import end_with_parent

__all__ = ["Request", "ingest", "made_by_us", "make_plan"]

UPSTREAM_RATIO = 1.2 * 0.833
"""By how much the published loader grows boxes that are padded already."""
PADDED = {"humandata": 1.2, "agora": 1.2}
"""By how much the boxes of a reader's files are padded where the files do not say."""

_COUNTED = ("known", "changed", "dropped", "skipped", "assumed")
"""Of each piece."""
MISSING = "missing.json"
"""Beside a manifest: the pictures that were not there."""

log = logging.getLogger("mien")


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to ingest."""

    out: Path
    """The store."""
    replicate: bool = False
    """Restore what the published training did to labels, mistakes and all."""
    workers: int = 1
    """Processes; each takes a source file at a time."""
    check: Check = "sample"
    """Look for the pictures of all rows, of some, or of none."""
    max_bad: int = 0
    """Rows without a picture that are left out before it is an error."""
    interval: int = 1
    """Keep every so many entries."""
    body: Path | None = None
    """The SMPL-X body, or a folder with bodies; the usual places by default."""
    rows_per_shard: int = ROWS_PER_SHARD


def make_plan(entry: Entry, split: str, sources: Sequence[Found], pictures: str, request: Request) -> Plan:
    """What is to be done for one split of one dataset.

    Raises:
        InputError: the entry names a quirk that there is not, its name or the split is none that a dataset can have,
            the reader has no such options, or the interval is below 1.
        AssetMissing: hand poses are relative to the mean hand, and the body that has it is not there.
    """
    check_quirks(entry.name, entry.quirks)
    if request.interval < 1 or request.workers < 1 or request.rows_per_shard < 1:
        raise InputError("an interval, a number of workers or of rows below 1", expected="1 or more")
    reader = entry.reader_of(split)
    for source in sources:
        check_options(find_reader(reader), source.options)
    hands = (entry.hands_upstream or entry.hands) if request.replicate else entry.hands
    setting = Setting(
        quirks=frozenset(entry.quirks),
        replicate=request.replicate,
        hands=hands,
        padded=PADDED.get(reader),
        exact=reader == "humandata" and made_by_us(sources),
        image_size=entry.image_size,
        camera=entry.camera,
    )
    name = f"{entry.name}/{split}"
    return Plan(
        name=name,
        folder=dataset_folder(request.out, name),
        tag="",
        reader=reader,
        sources=tuple(source.files for source in sources),
        options=tuple(source.options for source in sources),
        pictures=pictures,
        setting=setting,
        body=request.body,
        interval=request.interval,
        first=request.interval - 1 if entry.counts_from_one and request.replicate else 0,
        entries_per_shard=request.rows_per_shard * request.interval,
        check=request.check,
        max_bad=request.max_bad,
    )


def ingest(plan: Plan, entry: Entry, request: Request) -> tuple[Manifest, bool]:
    """Do it.

    Returns:
        The dataset's manifest, and whether there was anything to do.

    Raises:
        InputError: a source cannot be read.
        PictureError: too many pictures are missing.
        OutputError: another process writes to the store, the disk is full, or a worker was killed; what was written
            stays, and the same command goes on.
    """
    with exclusive(request.out):
        store = Store.create(request.out)
        sources = [_describe(files) for files in plan.sources]
        settings = {**_settings(plan), "box_ratio": _box_ratio(plan, entry)}
        plan = replace(
            plan, tag=_digest({**settings, "pictures": plan.pictures, "sources": [s.sha256 for s in sources]})
        )
        if manifest := _up_to_date(plan):
            anything = plan.name not in store  # its entry in the store was lost, or never written
            if anything:
                store.enter(manifest)
            _tidy(plan, manifest)
            return manifest, anything
        if plan.check != "none":
            ImageStore.open(plan.pictures)
        outcomes = _convert_all(plan, request.workers)
        if (count := sum(each.num_missing for each in outcomes)) > plan.max_bad:
            raise too_many_missing(plan, count, [name for each in outcomes for name in each.missing])
        manifest = _manifest(plan, entry, sources, outcomes, settings)
        _write_missing(plan, sorted({name for each in outcomes for name in each.missing}))
        store.enter(manifest)
        _tidy(plan, manifest)
        return manifest, True


def _convert_all(plan: Plan, workers: int) -> list[Outcome]:
    """The outcomes of all sources, in order."""
    count = len(plan.sources)
    log.info("%s: %d source file%s", plan.name, count, "" if count == 1 else "s")
    if workers == 1 or count == 1:
        return [convert(plan, number) for number in range(count)]
    pool = ProcessPoolExecutor(min(workers, count), get_context("spawn"), end_with_parent)
    try:
        return [future.result() for future in [pool.submit(convert, plan, number) for number in range(count)]]
    except BrokenProcessPool as error:
        todo = "run the same command again: finished shards are kept; with less memory, use fewer --workers"
        raise OutputError("a worker process was killed", todo=todo) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _manifest(
    plan: Plan, entry: Entry, sources: Sequence[Source], outcomes: Sequence[Outcome], settings: Mapping[str, Any]
) -> Manifest:
    shards, counts = list[ShardFile](), {name: Counter[str]() for name in _COUNTED}
    contents = list[Columns]()
    for number, outcome in enumerate(outcomes):
        for piece in outcome.pieces:
            for name, counter in counts.items():
                counter.update(getattr(piece, name))
            if piece.rows:
                shards.append(ShardFile(file=piece.file, rows=piece.rows, sha256=piece.sha256, source=number))
                contents.append(Columns(layout=Layout.of(piece.labels), arrays=piece.arrays))
    if not shards:
        raise InputError(f"{plan.name}: nothing is left of its files", todo=f"left out: {dict(counts['dropped'])}")
    content = Columns.join(contents, plan.name)
    changes = [
        Change(name=t.name, reason=t.reason, changed=counts["changed"][t.name], dropped=counts["dropped"][t.name])
        for t in TRANSFORMS
    ]
    return Manifest(
        name=plan.name,
        labels=content.layout.shapes,
        arrays=content.arrays,
        known=dict(sorted(counts["known"].items())),
        shards=tuple(shards),
        sources=tuple(replace(s, entries=outcome.entries) for s, outcome in zip(sources, outcomes, strict=True)),
        changes=tuple(change for change in changes if change.changed or change.dropped),
        skipped=dict(sorted(counts["skipped"].items())),
        assumed=dict(sorted(counts["assumed"].items())),
        settings=dict(settings),
        title=entry.title,
        licence=entry.licence,
        homepage=entry.homepage,
        reader=plan.reader,
        pictures=plan.pictures,
        box_ratio=settings["box_ratio"],
    )


def _box_ratio(plan: Plan, entry: Entry) -> float:
    """By how much the loader is to grow the boxes."""
    if not plan.setting.replicate:
        return CROP_RATIO
    return entry.box_ratio_upstream or (UPSTREAM_RATIO if plan.setting.padded else CROP_RATIO)


def _describe(files: Mapping[str, Path]) -> Source:
    """Name, size and content of a source."""
    parts = [(path.name, *_measure(path)) for path in files.values()]
    digest = parts[0][2] if len(parts) == 1 else _digest([part[2] for part in parts], 64)
    name = " + ".join(part[0] for part in parts)
    return Source(name=name, num_bytes=sum(part[1] for part in parts), sha256=digest)


def _measure(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file; of a folder, of the names and sizes of what is in it."""
    if not path.is_dir():
        try:
            return path.stat().st_size, sha256(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error})", todo="check its name") from error
    inside = sorted((each.name, each.stat().st_size) for each in path.iterdir() if each.is_file())
    return sum(size for _, size in inside), _digest(inside, 64)


def _settings(plan: Plan) -> dict[str, Any]:
    """What decides the content of the shards, beside the sources."""
    setting = plan.setting
    return {
        "rules": RULES,
        "reader": plan.reader,
        "roles": [sorted(files) for files in plan.sources],
        "quirks": sorted(setting.quirks),
        "replicate": setting.replicate,
        "hands": setting.hands,
        "padded": setting.padded,
        "exact": setting.exact,
        "image_size": setting.image_size,
        "camera": setting.camera,
        "interval": plan.interval,
        "first": plan.first,
        "check": plan.check,
        "entries_per_shard": plan.entries_per_shard,
        "options": [dict(options) for options in plan.options if options],
        "bodies": _bodies(plan),
    }


def _bodies(plan: Plan) -> dict[str, str]:
    """SHA-256 of the body files that the transforms will ask for."""
    found: dict[str, str] = {}
    if plan.setting.hands == "relative" or "joints-of-the-body" in plan.setting.quirks:
        with contextlib.suppress(AssetMissing):  # perhaps no row needs it; the transform says so if one does
            found["smplx_neutral"] = sha256(find_body(plan.body))
    if "keypoints-of-smpl" in plan.setting.quirks:
        found.update({f"smpl_{gender}": sha256(path) for gender, path in smpl_bodies().items()})
        if not any(name.startswith("smpl_") for name in found):
            log.warning("%s: no SMPL body is here, so its people get no 2D keypoints", plan.name)
    return found


def _digest(content: Any, length: int = 12) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def _up_to_date(plan: Plan) -> Manifest | None:
    """The manifest of a dataset that was made of the same sources with the same settings, if all of it is there.

    It is not if a picture that was missing then is there now, or if anything of it is damaged or of another version.
    """
    try:
        dataset = Dataset(plan.folder)
        if not all(shard.file.startswith(f"{plan.tag}-") for shard in dataset.manifest.shards) or dataset.verify():
            return None
        lacks_some = "picture missing" in dataset.manifest.skipped
        known = read_json(plan.folder / MISSING)["pictures"] if lacks_some else []
        return None if found_again(plan, known) else dataset.manifest
    except (InputError, LookupError):
        return None


def _write_missing(plan: Plan, names: Sequence[str]) -> None:
    """The pictures whose rows were left out, so that a later run can look for them again."""
    path = plan.folder / MISSING
    if names:
        write_json(path, {"pictures": names})
    else:
        path.unlink(missing_ok=True)


def _tidy(plan: Plan, manifest: Manifest) -> None:
    """Remove the records of the run, and shards of earlier ones that the manifest no longer names."""
    shutil.rmtree(plan.folder / ".progress", ignore_errors=True)
    named = {shard.file for shard in manifest.shards}
    for path in plan.folder.glob("*.arrow"):
        if path.name not in named:
            path.unlink()


def made_by_us(sources: Sequence[Found]) -> bool:
    """Whether the labels are those of `mien synth`: exact, so that zeros are values."""
    files = [HumanDataFile.open(next(iter(source.files.values()))) for source in sources]
    return bool(files) and all("config" in file and str(file["config"]) == "mien synth" for file in files)
