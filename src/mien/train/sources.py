"""Where the samples of a training come from: stores, folders of HumanData, pictures made on the fly.

A folder is read once into a store inside the run folder, with the same checks and the same named changes to labels as
`mien data ingest`; its pictures stay where they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

from mien.body.model import BodyModel
from mien.data.augment import Augment
from mien.data.catalogue import UNKNOWN, Entry
from mien.data.ingest import Request, ingest, made_by_us, make_plan
from mien.data.locate import Found
from mien.data.making import BatchMaker, Readable
from mien.data.mixture import Mixing, Part, PublishedMixture, balance, concat, temperature, weighted
from mien.data.order import Order
from mien.data.pixels import Sampling
from mien.data.store import ROOT, Dataset, Store
from mien.errors import InputError, closest
from mien.geometry.boxes import CROP_RATIO
from mien.train.config import Data, TrainConfig
from mien.train.live import SYNTH, Live

__all__ = ["batch_maker", "held_out", "open_sources", "prepare"]

STORE = "store"
"""Of the run folder: what was read from folders."""


def prepare(data: Data, out: Path, body: Path) -> None:
    """Read the folders among the sources into the store of the run; nothing is done twice. One process does it.

    Args:
        data: names the sources.
        out: the run folder.
        body: for hand poses that are relative to its mean hand.

    Raises:
        InputError: a source is not there, or is nothing that can be trained on.
    """
    if not data.sources:
        todo = "name a store, a folder with train.npz, or synth:RECIPE with --data"
        raise InputError("no data to train on", expected="at least one source", todo=todo)
    for name, file in _folders(data.sources).items():
        found = [Found(files={"path": file})]
        made = made_by_us(found)
        entry = Entry(
            name=name, title=name, upstream=name, kind="synthetic" if made else "real", scene="not said",
            labels="exact" if made else "not said", homepage="", files={}, hands="flat" if made else "relative",
            licence="made by mien synth: that of its body" if made else UNKNOWN,
        )  # fmt: skip
        request = Request(out=out.resolve() / STORE, body=body)
        plan = make_plan(entry, "train", found, str(file.parent), request)
        ingest(plan, entry, request)


def open_sources(data: Data, out: Path, seed: int, body: str) -> tuple[Readable, ...]:
    """The datasets of all sources, after `prepare`, in the order in which they are named.

    Raises:
        InputError: a store lacks a dataset, or two datasets have one name.
    """
    found: list[Readable] = []
    stores = [Store.open(_path(source)) for source in data.sources if _is_store(source)]
    found += _chosen(stores, data.datasets)
    if folders := _folders(data.sources):
        own = Store.open(out / STORE)
        found += [own[name] for name in folders]
    made = [source.removeprefix(SYNTH) for source in data.sources if source.startswith(SYNTH)]
    if made:
        found += [
            Live(recipe=recipe, seed=seed, size=data.picture_size, body=body, length=data.pictures) for recipe in made
        ]
    names = [each.name for each in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two datasets are called {twice[0]}", todo="rename one of the folders or stores")
    return tuple(found)


def batch_maker(
    config: TrainConfig, datasets: Sequence[Readable], body: BodyModel, rank: int = 0, world: int = 1
) -> BatchMaker:
    """What makes the batches of a rank.

    Raises:
        InputError: an interval names no dataset, or a dataset has nothing to train on.
    """
    data = config.data
    mixing = _mixing(data, datasets, config.seed)
    augment = config.augment
    return BatchMaker(
        datasets=tuple(datasets),
        mixing=mixing,
        order=Order(length=len(mixing), batch=config.batch, seed=config.seed),
        body=body,
        augment=augment,
        sampling=Sampling(size=config.network.image_size, exact=data.exact, antialias=data.antialias),
        ratios=tuple(_ratio(each, augment) for each in datasets),
        rank=rank,
        world=world,
        replicate=data.replicate,
        body_joints=config.loss.needs_body,
    )


def held_out(sources: Sequence[str]) -> tuple[str, ...]:
    """The folders among the sources that have a held-out split beside the training split."""
    places = [(source, _path(source)) for source in sources if not source.startswith(SYNTH)]
    return tuple(source for source, place in places if (place / "test.npz").is_file())


def _ratio(dataset: Readable, augment: Augment) -> float:
    """How much larger than the 3:4 box the crops of a dataset are: its manifest may say so."""
    box_ratio = dataset.manifest.box_ratio if isinstance(dataset, Dataset) else CROP_RATIO
    return box_ratio * augment.ratio / CROP_RATIO


def _mixing(data: Data, datasets: Sequence[Readable], seed: int) -> Mixing:
    names = [each.name for each in datasets]
    intervals = {_full(name): step for name, step in data.intervals.items()}
    counts = {_full(name): count for name, count in data.counts.items()}
    for name in (*intervals, *counts):
        if name not in names:
            raise InputError(f"an interval or a count for {name!r}, which is not trained on", todo=closest(name, names))
    for each in datasets:
        if len(each) == 0:
            raise InputError(f"{each.name} has no usable sample", todo="leave it out, or look at mien data validate")
    parts = [Part(name=each.name, length=len(each), interval=intervals.get(each.name, 1)) for each in datasets]
    if data.mixing == "weighted":
        return weighted(parts, counts, seed=seed)
    if data.mixing == "temperature":
        return temperature(parts, data.length, heat=data.heat, seed=seed)
    if data.mixing == "published":
        return PublishedMixture(parts=tuple(parts), total=data.length, seed=seed)
    return concat(parts, seed=seed) if data.mixing == "concat" else balance(parts, data.length, seed=seed)


def _chosen(stores: Sequence[Store], names: Sequence[str]) -> list[Dataset]:
    """The datasets of these names, each from the first store that has it; all training splits by default."""
    if not names:
        return [store[name] for store in stores for name in store.names if name.endswith("/train")]
    if not stores:
        raise InputError(f"datasets {', '.join(names[:3])} and no store", todo="name the store with --data")
    found = []
    for name in names:
        store = next((store for store in stores if name in store), None)
        if store is None:
            known = [each for store in stores for each in store.names]
            where = ", ".join(str(store.folder) for store in stores)
            todo = f"{closest(_full(name), known)} Or: mien data ingest {name} --out {stores[0].folder}"
            raise InputError(f"the store {where} has no dataset {name!r}", todo=todo)
        found.append(store[name])
    return found


def _folders(sources: Sequence[str]) -> dict[str, Path]:
    """A name for each source that is a folder or a file of HumanData, and the file."""
    found: dict[str, Path] = {}
    for source in sources:
        if source.startswith(SYNTH) or _is_store(source):
            continue
        path = _path(source).resolve()
        file = path / "train.npz" if path.is_dir() else path
        if not file.is_file():
            what = f"{source} holds no train.npz" if path.is_dir() else f"{source} is not there"
            raise InputError(what, expected="a store, a folder with train.npz, a HumanData file, or synth:RECIPE")
        name = path.name if path.is_dir() else file.stem
        found[name if name not in found else f"{name}-{zlib.crc32(str(path).encode()):08x}"] = file
    return found


def _is_store(source: str) -> bool:
    return (_path(source) / ROOT).is_file()


def _full(name: str) -> str:
    return name if "/" in name or name.startswith(SYNTH) else f"{name}/train"


def _path(source: str) -> Path:
    return Path(source).expanduser()
