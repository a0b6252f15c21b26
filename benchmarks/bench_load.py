"""Much at once: does a picture, a row, a frame cost as much at the end as in the beginning, and does memory stay flat?

    python benchmarks/bench_load.py [--write] [--loads predict ingest mixture ...]
        [--pictures 100000] [--rows 1000000] [--frames 10000] [--meshes 1000]

Pictures of 64 x 48 pixels with one person each go through `mien predict`, with a network that costs nothing in place of
a real one; rows with parameters and boxes go through `mien data ingest`, and in the order of a mixture out of the store
again; frames of one track go through each format of `mien export`. Every load is a process of its own, which says after
each sixteenth of its items how long it took, how large it is and what it holds open.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from bench_stream import memory
from common import RESULTS, processor

sys.path.append(str(Path(__file__).parents[1] / "tests"))
EXPORTS = ("glb", "bvh", "amass", "usd", "obj", "csv", "openpose", "fbx")
FILES = 10
"""Of annotations that are ingested."""


class Meter:
    """Says now and then how far a load is.

    Args:
        total: of its items.
    """

    def __init__(self, total: int) -> None:
        self.done, self.step, self.start = 0, max(1, total // 16), time.monotonic()
        self.tell()

    def add(self, count: int = 1) -> None:
        """So many more items are done."""
        before, self.done = self.done, self.done + count
        if before // self.step != self.done // self.step:
            self.tell()

    def tell(self) -> None:
        """Items, seconds by the clock and of the processor, megabytes, open files, threads, children."""
        spent = [round(time.monotonic() - self.start, 2), round(time.process_time(), 2)]
        print(json.dumps([self.done, *spent, memory(), *holdings()]), flush=True)


def holdings() -> list[int]:
    """Open files, threads and children of this process."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [len(os.listdir("/proc/self/fd")), threading.active_count(), len(children)]


def predict(options: argparse.Namespace, folder: Path) -> None:
    """Small pictures through the command, with a stub for a network."""
    import cv2
    from clips import stub_estimator

    import mien.estimator
    from mien.cli import main, predict
    from mien.detect import Detections

    class Middle:
        def detect(self, picture: np.ndarray, name: str) -> Detections:
            return Detections(boxes=np.array([[16.0, 4, 48, 44]]), scores=np.array([0.9]))

    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for i in range(options.pictures):
        path = folder / f"pictures/{i:06d}.jpg"
        if i < 64:
            cv2.imwrite(str(path), rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
        else:
            os.link(folder / f"pictures/{i % 64:06d}.jpg", path)
    stub, keep, meter = stub_estimator(Middle()), predict._keep, Meter(options.pictures)
    mien.estimator.load = lambda *_, **__: stub
    predict._keep = lambda *arguments: (keep(*arguments), meter.add())[0]
    assert main(["predict", str(folder / "pictures"), "--out", str(folder / "out"), "--weights", "stub"]) == 0
    assert len(os.listdir(folder / "out")) == options.pictures
    finish(meter)


def ingest(options: argparse.Namespace, folder: Path) -> None:
    """Annotation files through the command, into a store."""
    from mien.cli import main
    from mien.data import convert

    names = [str(path) for path in annotation_files(options.rows // FILES, folder)]
    write, meter = vars(convert)["write_shard"], Meter(options.rows)

    def counted(path: Path, samples: Any) -> Any:
        found = write(path, samples)
        meter.add(len(samples))
        return found

    setattr(convert, "write_shard", counted)  # noqa: B010
    words = ["--reader", "humandata", "--name", "made", "--pictures", "none", "--out", str(folder / "store")]
    assert main(["data", "ingest", *names, *words]) == 0
    finish(meter)


def mixture(options: argparse.Namespace, folder: Path) -> None:
    """A million rows of a store, in the order of a mixture, a batch at a time."""
    from mien.data.making import parts_of
    from mien.data.mixture import balance
    from mien.data.order import Order
    from mien.data.store import Store

    store = Store.open(folder / "store")
    mixed = balance(parts_of(store), options.rows)
    order, meter = Order(length=len(mixed), batch=64, seed=0), Meter(options.rows)
    for step in range(order.steps):
        _, rows = mixed.rows(0, order.places(0, step))
        meter.add(len(store["made"].take(rows)))
    finish(meter)


def annotation_files(rows: int, folder: Path) -> list[Path]:
    """Files of so many people each, without keypoints; all of the same content under names of their own."""
    from mien.data.humandata import HumanData
    from mien.data.samples import PARAMS

    rng = np.random.default_rng(0)
    params = {name: rng.uniform(-1, 1, (rows, *shape)).astype(np.float32) for name, shape in PARAMS.items()}
    HumanData(
        image_path=[f"clip/{row // 100:05d}/{row:07d}.jpg" for row in range(rows)],
        bbox_xywh=np.tile(np.array([30, 40, 120, 240, 1], np.float32), (rows, 1)),
        params={"smplx": params},
        meta={"height": np.full(rows, 480), "width": np.full(rows, 640)},
        misc={"flat_hand_mean": True},
    ).write(folder / "rows0.npz")
    for i in range(1, FILES):
        os.link(folder / "rows0.npz", folder / f"rows{i}.npz")
    return sorted(folder.glob("rows*.npz"))


def export(name: str, options: argparse.Namespace, folder: Path) -> None:
    """Frames of one track in one format: a quarter of them, a half, all."""
    from motions import moving

    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.export import write_format

    body, frames = BodyModel.load(find_body("openbody")), options.meshes if name == "obj" else options.frames
    write_format(name, folder, "warm", [moving(body, 8)], body)
    print(json.dumps([0, 0.0, 0.0, 0.0, *holdings()]), flush=True)
    start = time.monotonic()
    for count in (frames // 4, frames // 2, frames):
        motion = moving(body, count, face=0.5)
        gc.collect()
        before, begun, spent = memory(), time.monotonic(), time.process_time()
        Path("/proc/self/clear_refs").write_text("5")  # the peak is that of what follows
        write_format(name, folder, "track", [motion], body)
        seconds = [round(time.monotonic() - begun, 2), round(time.process_time() - spent, 2)]
        print(json.dumps([count, *seconds, round(peak() - before, 1), *holdings()]), flush=True)
    print(json.dumps({"seconds": round(time.monotonic() - start, 1)}), flush=True)


def peak() -> float:
    """The largest resident set since the last time it was reset, megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def finish(meter: Meter) -> None:
    """The last words of a load."""
    meter.tell()
    print(json.dumps({"seconds": round(time.monotonic() - meter.start, 1)}), flush=True)


def watch(load: str, folder: Path, options: argparse.Namespace) -> tuple[list[Any], dict[str, Any]]:
    """Run a load in a process; its lines, and its last words with its peak of memory."""
    counts = [f"--{name}={getattr(options, name)}" for name in ("pictures", "rows", "frames", "meshes")]
    done = subprocess.run(
        [sys.executable, __file__, "--work", load, "--folder", str(folder), *counts], stdout=subprocess.PIPE, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line[:1] in "[{"]
    if done.returncode or not isinstance(lines[-1], dict):
        raise SystemExit(f"{load} ended with {done.returncode}")
    return lines[:-1], lines[-1]


def stream_figures(lines: list[Any]) -> dict[str, Any]:
    """Of a load that goes through its items one by one: cost of each quarter, memory in the first and in all.

    The first sixteenth, in which all is imported, is left out of the cost.
    """
    total, first, last = lines[-1][0], lines[1], lines[-1]
    marks = [min(lines[1:], key=lambda line: abs(line[0] - total * k / 4)) for k in range(5)]
    cost = [1e3 * (b[2] - a[2]) / (b[0] - a[0]) for a, b in pairwise(marks)]
    early = max(line[3] for line in lines if line[0] <= total / 4)
    late = max(line[3] for line in lines)
    return {
        "items": total,
        "processor_ms_an_item_by_quarter": [round(each, 4) for each in cost],
        "last_over_first_quarter": round(cost[-1] / cost[0], 3),
        "first_quarter_mb": early,
        "peak_mb": late,
        "peak_over_first_quarter": round(late / early, 3),
        "files_threads_children": [first[4:], last[4:]],
    }


def export_figures(lines: list[Any]) -> dict[str, Any]:
    """Of a format: cost of a frame in a quarter, a half and all of them; memory beyond the motion that is written."""
    first, quarter, _, whole = lines
    cost = [1e3 * line[2] / line[0] for line in lines[1:]]
    return {
        "items": whole[0],
        "processor_ms_an_item": [round(each, 4) for each in cost],
        "whole_over_quarter": round(cost[-1] / cost[0], 3),
        "quarter_mb": quarter[3],
        "whole_mb": whole[3],
        "mb_per_thousand_frames": round((whole[3] - quarter[3]) / (whole[0] - quarter[0]) * 1e3, 2),
        "files_threads_children": [first[4:], whole[4:]],
    }


WORK: dict[str, Callable[[argparse.Namespace, Path], None]] = {"predict": predict, "ingest": ingest, "mixture": mixture}


def main() -> None:
    """Print the figures; keep them with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    parser.add_argument("--loads", nargs="+", default=[*WORK, *EXPORTS], choices=[*WORK, *EXPORTS], metavar="LOAD")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--meshes", type=int, default=1_000, help="frames of the format that writes a mesh for each")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work = WORK.get(options.work)
        return work(options, options.folder) if work else export(options.work, options, options.folder)
    path = RESULTS / "load.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    loads: dict[str, Any] = record.get("loads", {})
    with tempfile.TemporaryDirectory() as shared:
        for load in options.loads:
            with tempfile.TemporaryDirectory() as own:
                lines, last = watch(load, Path(shared if load in ("ingest", "mixture") else own), options)
            figures = (stream_figures if load in WORK else export_figures)(lines)
            loads[load] = {**figures, **last}
            print(json.dumps({load: loads[load]}, indent=1), flush=True)
            if options.write:
                about = {"command": "python benchmarks/bench_load.py --write", "machine": processor()}
                path.write_text(json.dumps({**about, "loads": loads}, indent=1) + "\n")


if __name__ == "__main__":
    main()
