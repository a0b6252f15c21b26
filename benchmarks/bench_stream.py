"""A very long clip: does memory stay flat, and does a run that was killed give the same bytes when it goes on?

    python benchmarks/bench_stream.py [--write] [--frames 100000] [--killed 4000]

Frames of 320 x 240 pixels are made as they are read, and a network that costs nothing takes the place of a real one;
all else is what `mien predict` does: crops, bodies, tracking, part files, smoothing, the result file. Memory is the
resident set of a process of its own, once a chunk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, processor

sys.path.append(str(Path(__file__).parents[1] / "tests"))
SIZE = (240, 320)


@dataclass
class Walker:
    """One person who walks up and down."""

    def detect(self, picture: np.ndarray, name: str) -> Any:
        from mien.detect import Detections

        left = 20 + 200 * abs(int(name.rpartition("/")[2]) % 600 / 300 - 1)
        return Detections(boxes=np.array([[left, 40, left + 60, 220]]), scores=np.array([0.9]))


def work(frames: int, out: Path, resume: bool) -> None:
    """The process that is watched: prints seconds, frames and megabytes after every chunk."""
    from clips import stub_estimator

    from mien.filming import Progress, predict_clip
    from mien.video import Footage

    noise = np.random.default_rng(0).integers(0, 255, (64, *SIZE, 3), dtype=np.uint8)

    def read(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        for i in range(frames):
            yield i / 30, lambda i=i: noise[i % 64]

    start = time.monotonic()

    def tell(progress: Progress) -> None:
        print(json.dumps([round(time.monotonic() - start, 1), progress.frames, memory()]), flush=True)

    footage = Footage(name="long", width=SIZE[1], height=SIZE[0], fps=30, num_frames=frames, read=read)
    filmed = predict_clip(stub_estimator(Walker()), footage, out, resume=resume, tell=tell)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": filmed.seconds, "rate": filmed.rate, "peak": round(peak), "rows": filmed.rows}))


def memory() -> float:
    """Resident set, megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def watch(frames: int, out: Path, *, resume: bool = False, kill_at: int | None = None) -> tuple[list[Any], Any]:
    """Run `work` in a process; kill it (SIGKILL) once it has done so many frames. Its lines, and its last words."""
    command = [sys.executable, __file__, "--work", str(out), "--frames", str(frames)] + ["--resume"] * resume
    lines: list[Any] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = json.loads(line)
            if isinstance(found, dict):
                return lines, found
            lines.append(found)
            if kill_at is not None and found[1] >= kill_at:
                process.kill()
                return lines, None
    raise SystemExit("the run ended without a result")


def flat(lines: list[Any], first: float) -> tuple[float, float]:
    """Highest memory of the first stretch of so many seconds, and of what comes after it, MB."""
    early = [mb for seconds, _, mb in lines if seconds <= first]
    late = [mb for seconds, _, mb in lines if seconds > first]
    return max(early, default=0.0), max(late, default=0.0)


def main() -> None:
    """Print the figures; keep them with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--killed", type=int, default=4_000, help="frames of the clip that is killed half way")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.frames, options.work, options.resume)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder, "whole.npz"), Path(folder, "killed.npz")
        watch(options.killed, whole)
        watch(options.killed, killed, kill_at=options.killed // 2)
        watch(options.killed, killed, resume=True)
        same = hashlib.sha256(whole.read_bytes()).digest() == hashlib.sha256(killed.read_bytes()).digest()
        lines, last = watch(options.frames, Path(folder, "long.npz"))
    early, late = flat(lines, 60)
    record = {
        "command": f"python benchmarks/bench_stream.py --write --frames {options.frames} --killed {options.killed}",
        "machine": processor(),
        "frames": options.frames,
        "rows": last["rows"],
        "killed_and_resumed_identical": same,
        "first_minute_mb": early,
        "later_mb": late,
        "later_over_first_minute": round(late / early, 3),
        "peak_with_merge_mb": last["peak"],
        "frames_per_second": round(last["rate"], 1),
        "stages_s": {key: round(value, 1) for key, value in last["seconds"].items()},
    }
    print(json.dumps(record, indent=2))
    if options.write:
        (RESULTS / "stream.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
