"""The store against the usual ways: a list of dicts out of one .npz, and a cache of one pickle a sample.

python benchmarks/bench_store.py [--write] [--large FOLDER [--rows 10_000_000] [--full-rows 2_000_000]]

With `--large`, a store of forty datasets is made below FOLDER (19 GB for ten and two million rows; it is removed again)
and opened, ordered and read at random. The comparisons run without it.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import Row, report, row

from mien.data.mixture import Part, balance
from mien.data.order import Order
from mien.data.samples import PARAMS, Label, Samples
from mien.data.store import ROWS_PER_SHARD, Store

COUNT = 20_000
BATCH = 64
DATASETS = 40


def some_people(count: int, rng: np.random.Generator, *, whole: bool) -> Samples:
    """People of chance, no two alike, all labels known; without keypoints a row is below 1 KB."""
    ones = np.ones(count, np.float32)

    def label(*shape: int, parts: tuple[int, ...] = ()) -> Label:
        return Label(value=rng.random((count, *shape), dtype=np.float32), weight=np.ones((count, *parts), np.float32))

    more = {"keypoints2d": label(137, 2, parts=(137,)), "keypoints3d": label(137, 3, parts=(137,))} if whole else {}
    names = np.empty(count, dtype=object)
    names[:] = [f"clip_{i // 300:05d}/frame_{i:07d}.jpg" for i in range(count)]
    params = {name: label(*shape) for name, shape in PARAMS.items()}
    known: dict[str, Any] = {**params, **more}
    return Samples(
        source="made.npz",
        row=np.arange(count),
        image=names,
        size=np.full((count, 2), 512, np.int32),
        box=Label(value=label(4).value, weight=ones),
        left_hand_box=label(4),
        right_hand_box=label(4),
        face_box=label(4),
        camera=label(4),
        **known,
    )


def columns_of(samples: Samples) -> dict[str, np.ndarray]:
    """Labels as plain arrays, as a .npz of annotations holds them."""
    arrays = {field.name: getattr(samples, field.name) for field in fields(Samples)}
    return {
        name: value.value if isinstance(value, Label) else value.astype(np.str_) if value.dtype == object else value
        for name, value in arrays.items()
        if isinstance(value, Label | np.ndarray)
    }


def list_of_dicts(path: Path) -> list[dict[str, Any]]:
    """The usual loader: all arrays, then a dict for each person."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return [
        {name: array[i] if array.ndim > 1 else array[i].item() for name, array in arrays.items()}
        for i in range(len(arrays["row"]))
    ]


def private_bytes(kind: str, folder: Path) -> int:
    """Memory that a process has to itself once it has opened the data and read every row once, in bytes."""
    code = f"""
import sys, copy, gc
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from pathlib import Path
from bench_store import BATCH, Store, list_of_dicts
def private():
    gc.collect()
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
order = np.random.default_rng(0).permutation({COUNT})
before = private()
if {kind!r} == "store":
    data = Store.open({str(folder / "store")!r})["made"]
    for start in range(0, {COUNT}, BATCH):
        data.take(order[start:start + BATCH])
else:
    data = list_of_dicts(Path({str(folder / "made.npz")!r}))
    for i in order:
        copy.deepcopy(data[i])
print(private() - before)
"""
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def compare(folder: Path) -> list[Row]:
    """Opening, random access and memory, with 20,000 people of all labels."""
    people = some_people(COUNT, np.random.default_rng(0), whole=True)
    Store.create(folder / "store").add("made", [people])
    arrays: dict[str, Any] = columns_of(people)
    np.savez_compressed(folder / "made.npz", **arrays)
    rows = list_of_dicts(folder / "made.npz")
    cache: dict[str, Any] = {str(i): each for i, each in enumerate(rows)}
    np.savez(folder / "cache.npz", **cache)
    del rows, cache, people
    gc.collect()

    def opened() -> None:
        Store.open(folder / "store")["made"].take(np.array([COUNT // 2]))

    found = [
        row(
            "open 20,000 people, read one", opened, lambda: list_of_dicts(folder / "made.npz")[COUNT // 2], 60, rounds=3
        )
    ]
    dataset, archive = Store.open(folder / "store")["made"], np.load(folder / "cache.npz", allow_pickle=True)
    order = np.random.default_rng(1).permutation(COUNT)[: 16 * BATCH]

    def ours() -> None:
        for start in range(0, len(order), BATCH):
            dataset.take(order[start : start + BATCH])

    def one_by_one() -> None:
        for i in order:
            dataset.take(np.array([i]))

    def cached() -> None:
        for i in order:
            archive[str(i)].item()

    found.append(row(f"{len(order)} people at random, {BATCH} at a time", ours, cached, 6, rounds=5))
    found.append(row(f"{len(order)} people at random, one at a time", one_by_one, cached, 0, rounds=5))
    memory = {kind: private_bytes(kind, folder) / 1e6 for kind in ("store", "list of dicts")}
    ratio = memory["list of dicts"] / memory["store"]
    print(
        f"private memory of a worker: {memory['store']:.1f} MB against {memory['list of dicts']:.0f} MB, {ratio:.1f}x"
    )
    case = "private memory of a worker, MB in place of ms"
    values = {"ours_ms": round(memory["store"], 3), "reference_ms": round(memory["list of dicts"], 3)}
    return [*found, Row(case=case, ratio=round(ratio, 2), target=20, **values)]


def make_large(folder: Path, rows: int, *, whole: bool) -> float:
    """A store of forty datasets of distinct people; returns bytes on disk for each."""
    store, rng = Store.create(folder), np.random.default_rng(rows + whole)
    for number in range(DATASETS):
        left = rows // DATASETS
        sizes = [ROWS_PER_SHARD] * (left // ROWS_PER_SHARD) + [left % ROWS_PER_SHARD]
        chunks = (some_people(size, rng, whole=whole) for size in sizes if size)
        store.add(f"set{number:02d}", chunks)
    print(f"{folder.name}: {rows:,} rows made", flush=True)
    return sum(path.stat().st_size for path in folder.rglob("*.arrow")) / (rows // DATASETS * DATASETS)


def read_epoch(folder: Path, batches: int) -> tuple[float, float, float, Callable[[], float]]:
    """Seconds to open all of a store, MB of an epoch's order, milliseconds to make it, and rows a second of it."""
    start = time.perf_counter()
    store = Store.open(folder)
    sets = [store[name] for name in store.names]
    opening = time.perf_counter() - start
    import tracemalloc

    tracemalloc.start()
    start = time.perf_counter()
    mixture = balance([Part(name=each.name, length=len(each)) for each in sets])
    order = Order(length=len(mixture), batch=BATCH * 8, seed=0)
    plans = [mixture.rows(0, order.places(0, step % order.steps)) for step in range(batches)]
    making = 1e3 * (time.perf_counter() - start)
    memory = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()

    def speed() -> float:
        start = time.perf_counter()
        for part, rows in plans:
            for number in np.unique(part):
                sets[number].take(rows[part == number])
        return BATCH * 8 * batches / (time.perf_counter() - start)

    return opening, memory, making, speed


def large(folder: Path, rows: int, full_rows: int) -> dict[str, Any]:
    """The stores of millions: made, opened, ordered, read."""
    need, free = rows * 1000 + full_rows * 4200, shutil.disk_usage(folder).free
    if free < need * 1.1:
        raise SystemExit(f"{folder} has {free / 1e9:.0f} GB free; {need * 1.1 / 1e9:.0f} GB are needed")
    notes: dict[str, Any] = {}
    for name, count, whole in (("narrow", rows, False), ("full", full_rows, True)):
        if not count:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as place:
            small, big = Path(place) / f"{name} small", Path(place) / f"{name} large"
            make_large(small, 100_000, whole=whole)
            size = make_large(big, count, whole=whole)
            measured = [read_epoch(path, batches=40) for path in (small, big)]
            for path in sorted(big.rglob("*.arrow")):  # into the page cache, as far as it goes
                path.read_bytes()
            speeds: tuple[list[float], list[float]] = ([], [])
            for _ in range(9):
                for kept, (_, _, _, speed) in zip(speeds, measured, strict=True):
                    kept.append(speed())
            slow, fast = median(speeds[1][2:]), median(speeds[0][2:])
            notes[f"{name} {count:,} rows"] = {
                "bytes_a_row": round(size),
                "opening_seconds": round(measured[1][0], 3),
                "order_mb": round(measured[1][1], 2),
                "rows_a_second": round(slow),
                "rows_a_second_of_100k": round(fast),
                "share_of_speed": round(slow / fast, 3),
            }
            print(name, notes[f"{name} {count:,} rows"], flush=True)
    return notes


def main() -> None:
    """Compare; with --large also make millions of rows."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--large", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--full-rows", type=int, default=2_000_000)
    options, rest = parser.parse_known_args()
    sys.argv = [sys.argv[0], *rest]
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder))
    notes: dict[str, Any] = {}
    if options.large:
        notes = {"large": "with --large FOLDER", **large(options.large, options.rows, options.full_rows)}
    report("store", rows, notes)


if __name__ == "__main__":
    main()
