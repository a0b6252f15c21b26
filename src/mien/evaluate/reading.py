"""Truth out of folders, files and stores.

    truths = read_truths(Path("data/studio"), "test", body)

Rows are read and mended as for training (absolute hands, tight boxes, what is absent or failed has weight 0), so that
training and evaluation mean the same by a label.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from mien.body.files import find_body
from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.fitted import mean_hands
from mien.data.humandata import HumanDataFile
from mien.data.images import ImageStore
from mien.data.pixels import stored_size
from mien.data.readers import READERS, sniff
from mien.data.samples import Samples, text
from mien.data.store import Dataset, Store
from mien.data.transforms import Setting, Tally
from mien.errors import BodyError, InputError, closest
from mien.evaluate.truths import Truths
from mien.files import read_json, sha256

__all__ = [
    "Hands",
    "Source",
    "Split",
    "family_of",
    "files_of",
    "gather",
    "read_people",
    "read_store",
    "read_truths",
    "store_family",
]

Split = Literal["test", "train", "all"]
Hands = Literal["flat", "relative"]
BOX_PADDING = 1.2
"""By how much boxes of HumanData are larger than the person, unless the file says otherwise."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file (or files that belong together) and how to read it."""

    reader: str
    files: Mapping[str, Path]
    """By role; the first names the source."""
    setting: Setting
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The first of its files."""
        return next(iter(self.files.values()))


def read_truths(
    folder: Path,
    split: Split,
    body: BodyModel,
    *,
    images: str | None = None,
    hands: Hands = "flat",
    name: str = "",
    other_body: bool = False,
    reader: str = "",
) -> Truths:
    """The people of a folder.

    Args:
        folder: with `test.npz`, `train.npz` or other HumanData files; or one file that a reader of `mien data` knows.
        split: `test` or `train` for that file, `all` for every .npz of the folder.
        body: that the predictions are of.
        images: where the pictures are; the folder itself by default.
        hands: how the files keep hand poses, where they do not say so themselves.
        name: what to call it; the recipe that made it, or the folder, by default.
        other_body: take labels of another body family too; of them only joints can be compared.
        reader: of `mien data`, for annotation files of others; told by the file itself by default.

    Raises:
        InputError: there is no such file, it is damaged, nothing is left of it, or there are no pictures.
        BodyError: the labels are of another body, and that was not asked for.
    """
    files = files_of(folder, split)
    kinds = {file: reader or ("humandata" if file.suffix == ".npz" else _kind(file)) for file in files}
    unknown = [kind for kind in kinds.values() if kind not in READERS]
    if unknown:
        raise InputError(f"no reader is called {unknown[0]!r}", todo=closest(unknown[0], READERS))
    families = {family_of(file) if kinds[file] == "humandata" else "smplx" for file in files}
    family = families.pop() if len(families) == 1 else "several"
    if family != body.family and not other_body:
        raise BodyError(
            f"the parameters in {files[0]} are of a {family!r} body, the predictions of a {body.family!r} body",
            expected="labels and predictions of one family, since shapes and meshes do not carry over",
            todo="choose other weights, or data made with their body",
        )
    sources = [
        Source(
            reader=kinds[file], files={READERS[kinds[file]].files[0].role: file}, setting=_setting(file, body, hands)
        )
        for file in files
    ]
    truths = gather(
        sources,
        name=name or _name(files[0], folder),
        images=images or str(folder if folder.is_dir() else folder.parent),
        family=family,
    )
    return _checked(truths, folder, body)


def gather(sources: Sequence[Source], *, name: str, images: str, family: str, interval: int = 1) -> Truths:
    """The people of some sources.

    Args:
        sources: in order.
        name: what to call them together.
        images: where their pictures are.
        family: of the labels' body.
        interval: keep every so many entries of each source, as published evaluations of videos do.

    Raises:
        InputError: a file is damaged, or nothing is left.
    """
    parts, left_out, entries = list[Samples](), dict[str, int](), 0
    names = _names([path for source in sources for path in source.files.values()])
    for source in sources:
        tally = Tally(source.setting)
        for chunk in _chunks(source, interval, names[source.path]):
            entries += len(chunk)
            parts.append(tally(chunk))
        for rule, count in tally.dropped.items():
            left_out[rule] = left_out.get(rule, 0) + count
    left_out = {rule: count for rule, count in left_out.items() if count}
    parts = [part for part in parts if len(part)]
    if not parts:
        why = ", ".join(f"{rule}: {count}" for rule, count in left_out.items()) or "the files are empty"
        raise InputError(f"{name}: none of its {entries} people can be used ({why})", todo="see: mien data validate")
    places = dict.fromkeys(
        place for source in sources for place in (source.path, source.path.parent, source.path.parent.parent)
    )
    return Truths(
        name=name,
        samples=Samples.cat(parts),
        images=ImageStore.open(images),
        sources={called: sha256(file) for file, called in names.items() if file.is_file()},
        entries=entries,
        left_out=left_out,
        family=family,
        places=(*places, Path(images)),
    )


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """What each file is called: its path below the folder that all share (UBody's scenes name their files alike)."""
    top = os.path.commonpath([file.absolute().parent for file in files])
    return {file: file.absolute().relative_to(top).as_posix() for file in files}


def read_people(path: Path, body: BodyModel, images: str | None = None) -> Truths:
    """People in pictures, with truth or without: what a submission is about.

    Args:
        path: a json of boxes by picture (as AGORA's test has it), or a HumanData file.
        body: of the predictions.
        images: where the pictures are; beside the file by default.

    Raises:
        InputError: it cannot be read, or a picture says no size.
    """
    kind = "humandata" if path.suffix == ".npz" else _kind(path)
    setting = _setting(path, body, "flat")
    source = Source(reader=kind, files={READERS[kind].files[0].role: path}, setting=setting)
    people = gather([source], name=path.stem, images=images or str(path.parent), family=body.family)
    if people.samples.size is not None:
        return people
    sizes = {name: stored_size(people.images.read(name), name) for name in dict.fromkeys(people.samples.image.tolist())}
    size = np.array([sizes[name] for name in people.samples.image.tolist()], dtype=np.int32)
    return replace(people, samples=replace(people.samples, size=size))


def read_store(folder: Path, body: BodyModel, split: Split, raw: Path | None = None) -> list[Truths]:
    """The datasets of a store that `mien data ingest` wrote.

    Args:
        folder: the store, or a path below it: of one dataset (`store/bedlam/test`), which is read whatever the split
            is, or of several (`store/bedlam`).
        body: that the predictions are of.
        split: `train` for what is called so, `test` for all else, or `all`.
        raw: the folder of raw data, where true meshes may lie.

    Raises:
        InputError: it has no such dataset.
    """
    store = _store_at(folder)
    found: list[Truths] = []
    for name in _datasets(store, folder, split):
        dataset = store[name]
        samples = dataset.take(np.arange(len(dataset)))
        extra = {**samples.extra, "file": text([samples.source] * len(samples))}
        truths = Truths(
            name=name,
            samples=replace(samples, extra=extra),
            images=dataset.images,
            sources={shard.file: shard.sha256 for shard in dataset.manifest.shards},
            entries=len(samples),
            left_out={},
            family=_store_family(dataset),
            places=_mesh_places(store, dataset, raw),
        )
        found.append(_checked(truths, folder, body))
    return found


def store_family(folder: Path, split: Split) -> str:
    """The family of the bodies of the first dataset that `read_store` would read.

    Raises:
        InputError: it has no such dataset.
    """
    store = _store_at(folder)
    return _store_family(store[_datasets(store, folder, split)[0]])


def _store_at(folder: Path) -> Store:
    return Store.open(next(place for place in (folder, *folder.parents) if (place / "store.json").exists()))


def _datasets(store: Store, folder: Path, split: Split) -> list[str]:
    """Names of the datasets that a path means: one by its own name, else those below it that are of the split."""
    wanted = folder.relative_to(store.folder).as_posix()
    if wanted in store.names:
        return [wanted]
    below = [name for name in store.names if wanted == "." or name.startswith(f"{wanted}/")]
    if not below and wanted != ".":
        raise InputError(f"the store {store.folder} has no dataset {wanted!r}", todo=closest(wanted, store.names))
    found = [name for name in below if split == "all" or name.endswith("/train") == (split == "train")]
    if not found:
        there = ", ".join(below[:5]) or "nothing"
        raise InputError(f"{folder} holds {there}: none is of the split {split}", todo="choose another --split")
    return found


def _mesh_places(store: Store, dataset: Dataset, raw: Path | None) -> tuple[Path, ...]:
    """Folders that paths of true meshes may start from: the store keeps the paths, not the meshes."""
    pictures = _pictures(dataset)
    return (store.folder, pictures, pictures.parent, pictures.parent.parent, *([raw] if raw else []))


def _pictures(dataset: Dataset) -> Path:
    """Where its pictures are, if that is on this machine: a relative path starts at the dataset."""
    return dataset.folder / dataset.manifest.pictures


def _store_family(dataset: Dataset) -> str:
    """A store does not say what body its parameters are of; the folder of `mien synth` with its pictures does."""
    if not dataset.manifest.settings.get("exact"):
        return "smplx"
    made = _made_with(_pictures(dataset) / MANIFEST)
    return "smplx" if made is not None and made != sha256(find_body("openbody")) else "openbody"


def _checked(truths: Truths, folder: Path, body: BodyModel) -> Truths:
    """Raise `InputError` unless something can be compared."""
    seen = bool(truths.keypoints()[1].any())
    if truths.family == body.family and (truths.whole.any() or seen):
        return truths
    if seen or (truths.samples.keypoints3d is not None and truths.samples.keypoints3d.weight.any()):
        return truths
    if truths.family != body.family:
        raise BodyError(
            f"the labels of {folder} are of a {truths.family!r} body and have no keypoints, the predictions are of a "
            f"{body.family!r} body",
            expected="keypoints3d or keypoints2d: joints alone can be compared across bodies",
        )
    raise InputError(
        f"{folder}: nobody of {truths.entries} people has whole SMPL-X parameters or 2D keypoints",
        expected="finite global_orient, body_pose and betas in `smplx`, or keypoints2d",
        todo="see: mien data validate",
    )


def _chunks(source: Source, interval: int, name: str) -> Iterator[Samples]:
    """Rows of a source that is called so, with what traits ask for."""
    first, *others = source.files.items()
    reader = READERS[source.reader]
    more = _beside(first[1]) if source.reader == "humandata" else {}
    for chunk in reader.read(first[1], **dict(others), **source.options):
        kept = chunk.take(chunk.row % interval == 0) if interval > 1 else chunk
        extra = {**kept.extra, "file": text([name] * len(kept))}
        yield replace(kept, extra=extra | {name: values[kept.row] for name, values in more.items()})


def _beside(file: Path) -> dict[str, np.ndarray]:
    """What a HumanData file of ours says beside labels: which joints are seen, what the posture is called."""
    data, found = HumanDataFile.open(file), dict[str, np.ndarray]()
    if "joints_visible" in data and np.asarray(data["joints_visible"]).shape == (data.num_rows, 144):
        found["visible"] = np.asarray(data["joints_visible"])[:, list(SMPLX_137)]
    posture = data["meta"].get("pose") if "meta" in data else None
    if isinstance(posture, list | np.ndarray) and len(posture) == data.num_rows:
        found["posture"] = text([str(each) for each in posture])
    return found


def _kind(file: Path) -> str:
    kind = sniff(file)
    if kind is None:
        raise InputError(f"{file} is of no kind that is known", expected=f"a file for: {', '.join(READERS)}")
    return kind


def files_of(folder: Path, split: Split) -> list[Path]:
    """The HumanData files of a split.

    Raises:
        InputError: there is none.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist", expected="a folder of `mien synth`, or one with HumanData files")
    there = sorted(folder.glob("*.npz"))
    if not there:
        raise InputError(f"{folder} holds no .npz", expected="HumanData files such as test.npz")
    if split == "all":
        return there
    if folder / f"{split}.npz" not in there:
        names = ", ".join(file.name for file in there[:5])
        raise InputError(f"{folder} holds no {split}.npz", expected=f"one of: {names}", todo="choose another --split")
    return [folder / f"{split}.npz"]


def family_of(file: Path) -> str:
    """The body family of a file's parameters: what it or its folder says, else that of the field, SMPL-X."""
    data, misc = HumanDataFile.open(file), {}
    if "misc" in data:
        misc = data["misc"]
    if "body_family" in misc:
        return str(misc["body_family"])
    made = _made_with(file)
    if made is not None:
        return "openbody" if made == sha256(find_body("openbody")) else "smplx"
    return "openbody" if _exact(data) else "smplx"


def _made_with(file: Path) -> str | None:
    """SHA-256 of the body that `mien synth` made the folder with."""
    try:
        record = read_json(file.parent / "synth.json")
    except (OSError, ValueError, InputError):
        return None
    made = record.get("body_sha256") if isinstance(record, dict) else None
    return made if isinstance(made, str) else None


def _exact(data: HumanDataFile) -> bool:
    """Whether the labels are those of `mien synth`: exact, so that zeros are values."""
    return "config" in data and str(data["config"]) == "mien synth"


def _setting(file: Path, body: BodyModel, hands: Hands) -> Setting:
    ours = file.suffix == ".npz"
    return Setting(
        hands=hands,
        padded=BOX_PADDING if ours else None,
        exact=ours and _exact(HumanDataFile.open(file)),
        mean_hands=lambda: mean_hands(body).numpy().astype(np.float32),
    )


def _name(file: Path, folder: Path) -> str:
    if file.suffix != ".npz":
        return file.stem
    data = HumanDataFile.open(file)
    recipe = data["misc"].get("recipe") if _exact(data) and "misc" in data else None
    return str(recipe) if recipe else (folder.resolve().name if folder.is_dir() else folder.stem)
