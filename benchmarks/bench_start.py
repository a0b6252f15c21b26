"""Cold starts: `import mien`, `mien --help`, and a first prediction in a new process, with time and peak memory.

python benchmarks/bench_start.py [--write]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from common import Row, report

RUNS = 7


def spend(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Start each command a few times after a warm-up; medians against the limits."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8))
        python = [sys.executable, "-c"]
        predict = ["predict", str(picture), "--out", folder, "--weights", "random-xs", "--detector", "full-image"]
        cases = {
            "an empty python process": ([*python, "pass"], 0.0, 0.0),
            "import mien": ([*python, "import mien, sys; assert 'torch' not in sys.modules"], 200.0, 0.0),
            "mien --help": ([sys.executable, "-m", "mien", "--help"], 0.0, 0.0),
            "import torch": ([*python, "import torch"], 0.0, 0.0),
            "first prediction, xs, open body": ([sys.executable, "-m", "mien", *predict], 3000.0, 600.0),
        }
        rows: list[Row] = []
        memory: dict[str, float] = {}
        for case, (arguments, limit, most) in cases.items():
            spend(arguments)
            runs = [spend(arguments) for _ in range(RUNS)]
            seconds, peak = median(run[0] for run in runs), max(run[1] for run in runs)
            memory[case] = round(peak)
            said = f"(limits {limit:.0f} ms, {most:.0f} MB)" if limit else ""
            print(f"{case:<36}{1e3 * seconds:8.0f} ms{peak:8.0f} MB   {said}")
            ratio = round(limit / (1e3 * seconds), 2)
            rows.append(Row(case=case, ours_ms=round(1e3 * seconds, 1), reference_ms=limit, ratio=ratio, target=1.0))
    note = (
        "reference_ms is the limit, not a measurement; the published system took 15.6 s and 4.7 GB (recorded elsewhere)"
    )
    report("start", rows, {"note": note, "peak_megabytes": memory})


if __name__ == "__main__":
    main()
