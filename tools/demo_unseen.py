"""Make the demo's held-out pictures: the first of every recipe's test stream, with their labels.

    python tools/demo_unseen.py examples/data/unseen

No training can draw from these streams (`mien synth --test`); the first pictures are taken as they come.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mien.synth.recipes import RECIPES


def make(out: Path) -> None:
    """Write OUT/RECIPE/test.npz and OUT/RECIPE/images of each recipe."""
    for recipe in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / recipe
            command = ["synth", recipe, "--out", str(made), "--count", "1", "--test", "1"]
            subprocess.run([sys.executable, "-m", "mien", *command], check=True)
            place = out / recipe
            shutil.rmtree(place, ignore_errors=True)
            (place / "images").mkdir(parents=True)
            shutil.copy(made / "test.npz", place / "test.npz")
            for picture in (made / "images").glob("test_*"):
                shutil.copy(picture, place / "images")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
