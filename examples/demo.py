"""The demo: a public-domain photograph of an astronaut in, a person out.

    python examples/demo.py OUT

Until trained weights ship, the network's weights are random: the numbers below are a program that runs, not a pose.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

import mien
from mien.cli import main


def photograph() -> Path:
    """NASA's portrait of Eileen Collins (public domain), as scikit-image ships it."""
    path = Path(sysconfig.get_path("purelib")) / "skimage/data/astronaut.png"
    if not path.exists():
        sys.exit(f"demo: {path} is missing; expected scikit-image to be installed: pip install scikit-image")
    return path


def demo(out: Path) -> int:
    """Run the demo; everything it writes goes to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    picture = Path(shutil.copy(photograph(), out / "astronaut.png"))
    arguments = ["predict", str(picture), "--out", str(out), "--weights", "random-xs", "--detector", "full-image"]
    print("$ mien", " ".join(arguments), flush=True)
    code = main(arguments)
    if code:
        return code
    people = mien.read(out / "astronaut.npz")
    height, width = people.image_size
    print(f"\n{out / 'astronaut.npz'}: {len(people)} person in a picture of {width} x {height} pixels")
    for key, array in people.arrays().items():
        shape = " x ".join(map(str, array.shape)) or "-"
        print(f"  {key:<20}{shape:<14}{array.dtype if array.ndim else array}")
    print(f"\n{people.origin.warning}")
    return 0


if __name__ == "__main__":
    sys.exit(demo(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo")))
