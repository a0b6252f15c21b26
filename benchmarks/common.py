"""How every benchmark here times: candidates in turn, round after round, so that a noisy machine is noisy for all.

Figures to quote are ratios of medians from one run. With `--write`, `report` keeps them in docs/results.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parents[1] / "docs/results"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement against its reference."""

    case: str
    ours_ms: float
    reference_ms: float
    ratio: float
    target: float


def race(
    ours: Callable[[], object], reference: Callable[[], object], *, rounds: int = 15, warm_up: int = 2
) -> tuple[float, float]:
    """Median milliseconds of both, run alternately."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(warm_up + rounds):
        for kept, function in zip(times, (ours, reference), strict=True):
            start = time.perf_counter()
            function()
            if turn >= warm_up:
                kept.append(1e3 * (time.perf_counter() - start))
    return median(times[0]), median(times[1])


def milliseconds(function: Callable[[], object], *, rounds: int = 15, warm_up: int = 2) -> float:
    """Median milliseconds of one function alone, for stages and roofs."""
    spent: list[float] = []
    for _ in range(warm_up + rounds):
        start = time.perf_counter()
        function()
        spent.append(1e3 * (time.perf_counter() - start))
    return round(median(spent[warm_up:]), 3)


def row(case: str, ours: Callable[[], object], reference: Callable[[], object], target: float, rounds: int = 15) -> Row:
    """Race two functions and print the outcome."""
    a, b = race(ours, reference, rounds=rounds)
    found = Row(case=case, ours_ms=round(a, 3), reference_ms=round(b, 3), ratio=round(b / a, 2), target=target)
    print(f"{case:<44}{a:9.2f} ms{b:12.2f} ms{b / a:8.2f}x   (target {target:g}x)", flush=True)
    return found


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def report(name: str, rows: list[Row], notes: Mapping[str, object], *, script: str = "") -> None:
    """With `--write` on the command line, keep the rows in docs/results/NAME.json.

    Args:
        name: of the record.
        rows: what was measured.
        notes: what else is to be told.
        script: the benchmark, with what it was asked for, where it is not `bench_NAME.py` alone.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    if parser.parse_known_args()[0].write:
        import torch

        RESULTS.mkdir(parents=True, exist_ok=True)
        machine = {"processor": processor(), "threads": torch.get_num_threads(), "torch": torch.__version__}
        record = {"command": f"python benchmarks/{script or f'bench_{name}.py'} --write", "machine": machine, **notes}
        record["rows"] = [asdict(each) for each in rows]
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
