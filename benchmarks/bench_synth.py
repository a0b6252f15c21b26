"""Pictures of synthetic people a second: one core by recipe with stages, two workers, memory of a worker (Linux).

    python benchmarks/bench_synth.py [--write]
    python benchmarks/bench_synth.py --bound [--write]    # what people without clothes and hair would cost

A picture is all of it: chance, bodies, clothes, hair, place, light with shadows, smoothing, sensor, labels, JPEG, and
the file on the disk. The targets are for 512 pixels, with 2 x 2 samples a pixel. Rates of one core are of processor
time, which others who use the machine change less than time on the clock, and of pictures after the first, in which
kernels are loaded and the textures that all pictures share are painted.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from common import Row, report

from mien.synth import generate, studio
from mien.synth.generate import Job

TARGETS = {"studio": 20.0, "crowd": 8.0}
"""Pictures a second on one core."""
PICTURES, FIRST = 100, 300
"""How many are timed, and how many before them are not."""
STAGES = {
    "make_figure": "shape", "dress": "clothes", "groom": "hair", "hold": "props", "put": "skinning",
    "gather": "skinning", "aim": "camera", "build": "place", "skin": "skin", "seat": "place", "arrange": "rendering",
    "cast_shadows": "shadows", "develop": "sensor", "encode_jpeg": "JPEG", "label": "labels",
}  # fmt: skip


def timed(spent: dict[str, float], stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with the time it takes added to its stage."""

    def call(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        found = function(*args, **kwargs)
        spent[stage] += time.process_time() - start
        return found

    return call


def one_core(recipe: str, out: Path) -> tuple[float, float, dict[str, float]]:
    """Milliseconds of a picture (mean) of the processor and on the clock, and those of its stages of the processor."""
    generate._start(Job(recipe=recipe, out=out, count=1000))
    room = generate._STUDIO["studio"]
    assert isinstance(room, studio.Studio)
    spent: dict[str, float] = defaultdict(float)
    for name, stage in STAGES.items():
        if hasattr(studio, name):
            setattr(studio, name, timed(spent, stage, getattr(studio, name)))
    room.poser.sample = timed(spent, "pose", room.poser.sample)  # type: ignore[method-assign]
    studio.Scene.paint = timed(spent, "rendering", studio.Scene.paint)  # type: ignore[method-assign]
    clock, start = 0.0, 0.0
    for number in range(FIRST + PICTURES):
        if number == FIRST:
            spent.clear()
            clock, start = time.perf_counter(), time.process_time()
        shot = room.shoot("train", number)
        (out / shot.name).write_bytes(shot.jpeg)
    each = 1e3 * (time.process_time() - start) / PICTURES
    clock = 1e3 * (time.perf_counter() - clock) / PICTURES
    names = ("pose", *dict.fromkeys(STAGES.values()))
    stages = {stage: round(1e3 * spent[stage] / PICTURES, 2) for stage in names if stage in spent}
    stages["the rest"] = round(each - sum(stages.values()), 2)
    return each, clock, stages


def compile_kernels(recipe: str, out: str) -> None:
    """Compile what is not in the cache of kernels yet: in a process of its own, since the compiler takes memory."""
    generate._start(Job(recipe=recipe, out=Path(out), count=1000))
    room = generate._STUDIO["studio"]
    assert isinstance(room, studio.Studio)
    for number in range(FIRST):
        room.shoot("train", number)


def worker(recipe: str, out: str, queue: Any, done: Any) -> None:
    """A process as `mien synth` starts them: the stages, and its memory at the end, megabytes: its own, and all.

    Another one stands beside it until `done`, as with `--workers 2`: pages of libraries are not its own then.
    """
    if not recipe:
        compile_kernels("crowd", out)
        queue.put(None)
        done.wait()
        return
    figures = one_core(recipe, Path(out))
    lines = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]]
    sizes = {line[0]: int(line[1]) / 1024 for line in lines}
    own = sizes["Private_Dirty:"] + sizes["Private_Clean:"]
    queue.put((*figures, {"own": round(own), "with shared pages": round(sizes["Rss:"])}))


def many(recipe: str, workers: int, count: int) -> float:
    """Pictures a second of a whole run in steady state: the first part of it is not counted."""
    marks: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        job = Job(recipe=recipe, out=Path(folder) / "out", count=count)
        generate.generate(job, workers, lambda done, total: marks.append((time.perf_counter(), done)))
    steady = [(when, done) for when, done in marks if done >= count * 0.15]
    return (steady[-2][1] - steady[0][1]) / (steady[-2][0] - steady[0][0])


WITHOUT = {
    "as they are": (),
    "no hair": ("groom",),
    "no clothes": ("dress",),
    "neither, hands empty": ("groom", "dress", "hold"),
}
"""What is left out of the pictures, and the steps that make it."""


def bound(recipe: str = "crowd", pictures: int = 40, first: int = 60) -> None:
    """What a picture costs if people wear nothing: no coarser clothes or hair, however far away, can save more.

    Each picture is made in all ways, one after another; the fastest of three counts.
    """
    generate._start(Job(recipe=recipe, out=Path(), count=1000))
    room = generate._STUDIO["studio"]
    assert isinstance(room, studio.Studio)
    steps = {name: getattr(studio, name) for names in WITHOUT.values() for name in names}
    spent: dict[str, list[float]] = {way: [] for way in WITHOUT}
    for number in range(first + pictures):
        for way, without in WITHOUT.items():
            for name, step in steps.items():
                setattr(studio, name, (lambda *args: []) if name in without else step)
            times = []
            for _ in range(3 if number >= first else 1):
                start = time.process_time()
                room.shoot("train", number)
                times.append(1e3 * (time.process_time() - start))
            spent[way] += [min(times)] * (number >= first)
    whole = mean(spent["as they are"])
    rows = [Row(case=f"{recipe}, {way}", ours_ms=round(mean(each), 1), reference_ms=round(whole, 1),
                ratio=round(whole / mean(each), 2), target=0) for way, each in spent.items()]  # fmt: skip
    for row in rows:
        print(f"{row.case:<30}{row.ours_ms:7.1f} ms  {1000 / row.ours_ms:.1f} pictures/s")
    note = f"means of {pictures} pictures, each the fastest of three, of processor time; reference_ms is the whole"
    report("synth-bound", rows, {"note": note}, script="bench_synth.py --bound")


def main() -> None:
    """Print and keep all figures."""
    if "--bound" in sys.argv:
        return bound()
    rows, stages, memory, clocks = [], {}, {}, {}
    context = generate.processes()
    for recipe, target in TARGETS.items():
        with tempfile.TemporaryDirectory() as folder:
            queue, done = context.Queue(), context.Event()
            beside = context.Process(target=worker, args=("", folder, queue, done))
            beside.start()
            queue.get()
            process = context.Process(target=worker, args=(recipe, folder, queue, done))
            process.start()
            milliseconds, clock, stages[recipe], memory[recipe] = queue.get()
            done.set()
            process.join()
            beside.join()
        goal, clocks[recipe] = 1000 / target, round(1000 / clock, 1)
        rate = f"{1000 / milliseconds:.1f} pictures/s of a core, {clocks[recipe]} by the clock (target {target:g})"
        print(f"{recipe:<10}{rate}, {memory[recipe]} MB", flush=True)
        print("   ", stages[recipe], flush=True)
        rows.append(Row(case=f"{recipe}, one core", ours_ms=round(milliseconds, 2), reference_ms=goal,
                        ratio=round(goal / milliseconds, 2), target=1))  # fmt: skip
    turns = [(many("studio", 1, 320), many("studio", 2, 640)) for _ in range(3)]
    gain = median(two / one for one, two in turns)
    print(f"two workers: {gain:.2f}x one (target 1.8x); {turns}")
    notes = {
        "note": "reference_ms is the target, not a measurement; 512 pixels, 2 x 2 samples; means, of processor time",
        "pictures a second by the clock": clocks,
        "two workers against one": f"{gain:.2f}x (target 1.8x)",
        "megabytes of a worker": memory,
        "stages_ms": stages,
    }
    report("synth", rows, notes)


if __name__ == "__main__":
    sys.exit(main())
