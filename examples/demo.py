"""The demo: two pictures in; overlays, 3D files, viewers and a report out.

    python examples/demo.py OUT

1. A picture of four people that was rendered from the open body. The truth about them is drawn over it: limbs lie on
   limbs, or something is wrong with the body, the camera or the renderer.
2. NASA's portrait of the astronaut Eileen Collins (public domain), through the whole pipeline. Until trained weights
   ship, the network's weights are random: that person is a program that runs, not a pose.
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import mien
from mien.cli import main
from mien.view.report import Entry, write_report

DATA = Path(__file__).parent / "data"
KINDS = ("npz", "overlay", "glb", "obj", "viewer")


def photograph() -> Path:
    """The astronaut, as scikit-image ships her."""
    path = Path(sysconfig.get_path("purelib")) / "skimage/data/astronaut.png"
    if not path.exists():
        sys.exit(f"demo: {path} is missing; expected scikit-image to be installed: pip install scikit-image")
    return path


def draw_truth(out: Path) -> Entry:
    """The rendered people, with the truth about them instead of a prediction."""
    picture = Path(shutil.copy(DATA / "people.jpg", out / "people.jpg"))
    people = mien.read(DATA / "people.npz", picture=picture)
    files = [people.save(out / "people_truth"), people.overlay().save(out / "people_truth_overlay.png")]
    files += [people.export(out / f"people_truth{suffix}") for suffix in (".glb", ".obj", ".html")]
    strip = people.strip()
    files.append(strip.save(out / "people_truth_strip.jpg"))
    note = "The truth about a rendered picture, drawn over it: from the camera, from the side, from above."
    return Entry(title="Four people, the truth", scene=people, drawing=strip.pixels, files=tuple(files), note=note)


def predict(out: Path, picture: Path, title: str, note: str, detector: str) -> Entry:
    """One picture through `mien predict`."""
    arguments = ["predict", str(picture), "--out", str(out), "--weights", "random-xs", "--detector", detector]
    arguments += ["--save", ",".join(KINDS)]
    print("$ mien", " ".join(arguments), flush=True)
    code = main(arguments)
    if code:
        sys.exit(code)
    people = mien.read(out / f"{picture.stem}.npz", picture=picture)
    files = sorted(path for path in out.glob(f"{picture.stem}*") if "truth" not in path.name)
    return Entry(title=title, scene=people, drawing=people.strip().pixels, files=tuple(files), note=note)


def demo(out: Path) -> None:
    """Run the demo; everything it writes goes to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    truth = draw_truth(out)
    boxes = out / "people_boxes.json"
    boxes.write_text(json.dumps({"people.jpg": truth.scene.bbox.tolist()}))
    note = "The same picture through the network, whose weights are random: made-up people in the right boxes."
    guessed = predict(out, out / "people.jpg", "Four people, predicted", note, f"boxes:{boxes}")
    picture = Path(shutil.copy(photograph(), out / "astronaut.png"))
    note = "Eileen Collins, photographed by NASA (public domain). The network's weights are random."
    astronaut = predict(out, picture, "An astronaut, predicted", note, "full-image")
    report = write_report(out / "report.html", "mien: the demo", [truth, guessed, astronaut])
    print("\nwritten:")
    for path in sorted(out.iterdir()):
        print(f"  {path}  {path.stat().st_size / 1e3:,.0f} kB")
    print(f"\nOpen {report} in a browser; each viewer (.html) is one file that needs nothing else.")


if __name__ == "__main__":
    demo(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo"))
