"""Graphs beside torch: errors on the frozen split, size, speed on one core, and what the first picture costs.

    python benchmarks/export_model.py data/test --calibrate data/s1/studio data/s1/street ... [--on studio street]
        [--out runs/graphs] [--rounds 15] [--no-large] [--write]

Speed is measured in rounds that go through all systems in turn, so that a busy machine is busy for all; what counts are
the ratios to torch in fp32. With `--write` the figures are kept in docs/results/export-model.json, and the tables of
docs/export-model.md are renewed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from common import RESULTS, processor
from open_weights import check_split, mean

from mien.nets.weights import load_network

PAGE = RESULTS.parent / "export-model.md"
COMMAND = "python benchmarks/export_model.py data/test --calibrate data/s1/* --no-large --write"
GRAPHS = {
    "onnx-fp32": ("onnx", "fp32"), "onnx-fp16": ("onnx", "fp16"), "onnx-int8": ("onnx", "int8"),
    "openvino-fp32": ("openvino", "fp32"), "openvino-bf16": ("openvino", "bf16"),
    "openvino-fp16": ("openvino", "fp16"), "openvino-int8": ("openvino", "int8"),
}  # fmt: skip
BATCHES = (1, 16)
LARGE = "random-b"
"""For speed only: the smallest published size that is large."""
Record = dict[str, Any]


@dataclass(frozen=True)
class System:
    """A network in one of its forms."""

    name: str
    weights: str
    """What `mien predict --weights` is given."""
    precision: str = "fp32"
    """Of torch."""

    @property
    def megabytes(self) -> float | None:
        """Of its files."""
        path = Path(self.weights)
        if not path.is_file():
            return None
        return sum(each.stat().st_size for each in path.parent.glob(f"{path.stem}.*")) / 1e6


def systems(weights: str, out: Path, calibrate: list[Path], kinds: list[str]) -> list[System]:
    """torch in both precisions, and graphs, which are exported if they are not there yet."""
    found = [System("torch fp32", weights), System("torch bf16", weights, "bf16")]
    for name in kinds:
        to, precision = GRAPHS[name]
        path = out / name / f"{weights}{'.onnx' if to == 'onnx' else '.xml'}"
        if not path.exists():
            words = ["export-model", weights, "--to", to, "--out", path, "--precision", precision]
            run(*words, *(["--calibrate", *calibrate] if precision == "int8" else []))
        found.append(System(name.replace("-", " "), str(path)))
    return found


def run(*words: object) -> None:
    """A verb of mien in a process of its own."""
    subprocess.run([sys.executable, "-m", "mien", *(str(word) for word in words)], check=True)


def errors(system: System, folders: list[Path], out: Path) -> Record:
    """What `mien evaluate` finds."""
    place = out / "errors" / system.name.replace(" ", "-")
    words = ["evaluate", system.weights, "--precision", system.precision, "--on", *folders, "--out", place]
    run(*words, "--no-report", "--resume", "--device", "cpu")
    record = json.loads((place / "results.json").read_text())
    return {name: mean(record, name) for name in ("pve", "pa_pve", "pve_hand", "pve_face")} | {
        "people": record["people"]
    }


def asker(system: System) -> tuple[Callable[[np.ndarray], object], tuple[int, int], float]:
    """What answers crops, their size, and the seconds until the first answer, loading included."""
    kind = torch.bfloat16 if system.precision == "bf16" else torch.float32
    dtype = None if Path(system.weights).suffix in (".onnx", ".xml") else kind
    start = time.perf_counter()
    network, _ = load_network(system.weights, dtype=dtype)
    size = network.config.image_size
    network.answer(np.zeros((1, *size, 3), dtype=np.float32))
    return network.answer, size, time.perf_counter() - start


def speeds(names: list[System], rounds: int) -> dict[str, Record]:
    """People a second as ratios to the first system, median of the ratios of single rounds; batch by batch."""
    asked = {system.name: asker(system) for system in names}
    found: dict[str, Record] = {name: {"first_s": round(first, 2)} for name, (_, _, first) in asked.items()}
    size = next(iter(asked.values()))[1]
    noise = np.random.default_rng(0)
    for batch in BATCHES:
        crops = noise.uniform(0, 255, (batch, *size, 3)).astype(np.float32)
        spent: dict[str, list[float]] = {name: [] for name in asked}
        for turn in range(rounds + 2):
            for name, (answer, _, _) in asked.items():
                start = time.perf_counter()
                answer(crops)
                if turn >= 2:
                    spent[name].append(time.perf_counter() - start)
        reference = spent[names[0].name]
        for name, times in spent.items():
            ratios = [one / other for one, other in zip(reference, times, strict=True)]
            found[name][f"ratio_{batch}"] = round(median(ratios), 2)
            found[name][f"best_ratio_{batch}"] = round(min(reference) / min(times), 2)
            found[name][f"ms_{batch}"] = round(1e3 * median(times), 2)
    return found


def table(rows: dict[str, Record]) -> str:
    """Errors, sizes and speeds side by side; what was not measured is left empty."""
    lines = [
        "| runs by | PVE, mm | hands, mm | MB | people/s, one by one | people/s, by sixteen | first answer, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        cells = [_number(row.get("pve"), 2), _number(row.get("pve_hand"), 2), _number(row.get("megabytes"), 1)]
        cells += [_times(row, batch) for batch in BATCHES]
        lines.append(f"| {name} | {' | '.join(cells)} | {_number(row.get('first_s'), 1)} |")
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _times(row: Record, batch: int) -> str:
    return f"{row[f'ratio_{batch}']:.2f} x" if f"ratio_{batch}" in row else ""


def main() -> None:
    """Export, measure, print, and keep with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--calibrate", type=Path, nargs="+", required=True)
    parser.add_argument("--on", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/graphs"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-large", action="store_true", help="leave size b away")
    parser.add_argument("--write", action="store_true")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    check_split(settings.data)
    folders = [settings.data / name for name in settings.on or sorted(os.listdir(settings.data))]
    load = [os.getloadavg()[0]]
    ours = systems("open-xs", settings.out, settings.calibrate, list(GRAPHS))
    rows = {system.name: {"megabytes": system.megabytes, **errors(system, folders, settings.out)} for system in ours}
    for name, found in speeds(ours, settings.rounds).items():
        rows[name] |= found
    large: dict[str, Record] = {}
    if not settings.no_large:
        big = systems(LARGE, settings.out, settings.calibrate, list(GRAPHS))
        large = speeds(big, max(3, settings.rounds // 3))
        for system in big:
            large[system.name]["megabytes"] = system.megabytes
    load.append(os.getloadavg()[0])
    parts = {"open-xs": table(rows)} | ({LARGE: table(large)} if large else {})
    print(*parts.values(), sep="\n\n")
    if settings.write:
        machine = {"processor": processor(), "threads": 1, "torch": torch.__version__, "load_average": load}
        record = {"command": COMMAND, "recipes": [folder.name for folder in folders], "machine": machine}
        record |= {"open-xs": rows} | ({LARGE: large} if large else {})
        (RESULTS / "export-model.json").write_text(json.dumps(record, indent=1) + "\n")
        renew(parts)


def renew(parts: dict[str, str]) -> None:
    """Put tables between the marks of the page."""
    words = PAGE.read_text()
    for name, text in parts.items():
        before, _, rest = words.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- end of {name} -->\n")
        words = f"{before}<!-- {name} -->\n{text}\n<!-- end of {name} -->\n{after}"
    PAGE.write_text(words)


if __name__ == "__main__":
    main()
