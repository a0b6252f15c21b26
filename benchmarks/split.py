"""The held-out pictures that open weights are measured on: 167 of every recipe, 2,004 in all.

    python benchmarks/split.py data/test [--workers 2]     # makes them, and says whether they are the frozen ones
    python benchmarks/split.py data/test --write           # freezes them: docs/results/split.json

They come from the test streams of `mien synth`, which no training can draw from. Pixels may differ in the last bit on
another processor; labels and what is in the pictures do not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from common import RESULTS

from mien.synth.recipes import RECIPES

PICTURES = 167
"""Of each recipe."""
FROZEN = RESULTS / "split.json"


def make(recipe: str, out: Path, workers: int) -> None:
    """Make the pictures of a recipe; what is there is kept."""
    command = ["synth", recipe, "--out", out, "--count", PICTURES, "--test", PICTURES, "--workers", workers]
    subprocess.run([sys.executable, "-m", "mien", *map(str, command)], check=True)


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of all pictures in the order of their names, and of their labels."""
    pictures = hashlib.sha256()
    for path in sorted((folder / "images").iterdir()):
        pictures.update(path.name.encode() + path.read_bytes())
    return {"pictures": pictures.hexdigest(), "labels": hashlib.sha256((folder / "test.npz").read_bytes()).hexdigest()}


def main() -> None:
    """Make, then freeze or compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    settings = parser.parse_args()
    found = {}
    for name, recipe in RECIPES.items():
        make(name, settings.out / name, settings.workers)
        found[name] = {"version": recipe().version, "pictures": PICTURES, "sha256": digest(settings.out / name)}
    if settings.write:
        FROZEN.write_text(json.dumps({"split": "test", "size": 512, "recipes": found}, indent=1) + "\n")
        return
    frozen = json.loads(FROZEN.read_text())["recipes"]
    changed = [name for name in found if found[name] != frozen.get(name)]
    sys.exit(f"not the frozen pictures or labels: {', '.join(changed)}" if changed else 0)


if __name__ == "__main__":
    main()
