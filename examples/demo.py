"""The demo: a trained network on pictures that it has never seen; errors, overlays, 3D files, viewers and reports out.

    python examples/demo.py OUT

1. The first picture of each recipe's held-out stream, rendered with exact labels: how far the network is off, printed
   and in OUT/errors/report.html, and everybody as picture, truth and prediction in OUT/unseen.jpg.
2. A picture of four people in a plain room: the truth drawn over it (limbs lie on limbs, or something is wrong with the
   body, the camera or the renderer), then what the network sees there.
3. NASA's portrait of the astronaut Eileen Collins (public domain): a photograph, after synthetic people alone.
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import cv2
import numpy as np

import mien
from mien.cli import main
from mien.evaluate.gallery import panels
from mien.evaluate.job import Job, make_plan
from mien.view.report import Entry, write_report

DATA = Path(__file__).parent / "data"
WEIGHTS = "open-xs"
KINDS = ("npz", "overlay", "glb", "obj", "viewer")
ACROSS = 4
"""People in a row of `unseen.jpg`."""


def photograph() -> Path:
    """The astronaut, as scikit-image ships her."""
    path = Path(sysconfig.get_path("purelib")) / "skimage/data/astronaut.png"
    if not path.exists():
        sys.exit(f"demo: {path} is missing; expected scikit-image to be installed: pip install scikit-image")
    return path


def run(*words: object) -> None:
    """One command of `mien`, shown before it runs."""
    arguments = [str(word) for word in words]
    print("\n$ mien", " ".join(arguments), flush=True)
    if code := main(arguments):
        sys.exit(code)


def measure(out: Path) -> Path:
    """Errors on pictures that the network has never seen, and what it sees in them. Returns a picture of everybody."""
    folders = sorted(folder for folder in (DATA / "unseen").iterdir() if folder.is_dir())
    run("evaluate", WEIGHTS, "--on", *folders, "--out", out / "errors")
    plan = make_plan(Job(weights=WEIGHTS, on=tuple(map(str, folders)), out=out / "errors", resume=True))
    people = [
        np.hstack(found)
        for number, truths in enumerate(plan.truths)
        for row in range(len(truths))
        if (found := panels([plan], number, row)) is not None
    ]
    people += [np.full_like(people[0], 255)] * (-len(people) % ACROSS)
    rows = [np.hstack(people[i : i + ACROSS]) for i in range(0, len(people), ACROSS)]
    path = out / "unseen.jpg"
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
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
    run("predict", picture, "--out", out, "--weights", WEIGHTS, "--detector", detector, "--save", ",".join(KINDS))
    people = mien.read(out / f"{picture.stem}.npz", picture=picture)
    files = sorted(path for path in out.glob(f"{picture.stem}*") if "truth" not in path.name)
    return Entry(title=title, scene=people, drawing=people.strip().pixels, files=tuple(files), note=note)


def demo(out: Path) -> None:
    """Run the demo; everything it writes goes to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "errors", ignore_errors=True)
    unseen = measure(out)
    truth = draw_truth(out)
    boxes = out / "people_boxes.json"
    boxes.write_text(json.dumps({"people.jpg": truth.scene.bbox.tolist()}))
    note = "The same picture through the network: a room and people of a plainer kind than it was trained on."
    guessed = predict(out, out / "people.jpg", "Four people, predicted", note, f"boxes:{boxes}")
    picture = Path(shutil.copy(photograph(), out / "astronaut.png"))
    note = "Eileen Collins, photographed by NASA (public domain). The network was trained on synthetic people alone."
    astronaut = predict(out, picture, "An astronaut, predicted", note, "full-image")
    report = write_report(out / "report.html", "mien: the demo", [truth, guessed, astronaut])
    print("\nwritten:")
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print(f"  {path}  {path.stat().st_size / 1e3:,.0f} kB")
    print(f"\nLook at {unseen} (picture, truth, prediction) and open {out / 'errors/report.html'} and {report} in a")
    print("browser; each viewer (.html) is one file that needs nothing else.")


if __name__ == "__main__":
    demo(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo"))
