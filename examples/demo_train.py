"""Learning from nothing, in minutes on two cores: make pictures, train, and watch the error on unseen ones fall.

    python examples/demo_train.py OUT

What it learns is little; `mien train open-xs` on more pictures goes on from here (docs/train.md).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

from demo import run

PICTURES, UNSEEN = 700, 60
CORES = os.cpu_count() or 1


def demo(out: Path) -> None:
    """Run it; everything goes to `out`, and what is there already is kept."""
    begun = time.monotonic()
    data, training = out / "studio", out / "run"
    run("synth", "studio", "--out", data, "--count", PICTURES, "--test", UNSEEN, "--size", 256, "--workers", CORES)
    shutil.rmtree(out / "errors", ignore_errors=True)
    run("train", "demo", "--data", data, "--out", training, *(["--resume"] if training.exists() else []))
    run("evaluate", f"baseline:{data}", training / "weights/best.safetensors", "--on", data, "--out", out / "errors")
    lines = [json.loads(line) for line in (training / "log.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "held_out":
            print(f"step {line['step']:4d}  error on unseen people {line['pve']:6.1f} mm")
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes; {out / 'errors/report.html'} shows who was seen how")


if __name__ == "__main__":
    demo(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo-train"))
