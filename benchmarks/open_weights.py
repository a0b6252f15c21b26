"""What the shipped weights can do: errors on the frozen split and on real pictures, beside the best constant person.

    python benchmarks/open_weights.py data/test --baseline data/s1/studio,data/s1/hands,... [--real shared/real]
        [--runs runs/y1 runs/y2] [--write]

With `--write` the page docs/results/open-xs.md, its figures as JSON, and the curve docs/pictures/learning.png are kept.
The split is checked against docs/results/split.json first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import RESULTS
from split import FROZEN, digest

WEIGHTS = "open-xs"
COMMAND = "python benchmarks/open_weights.py data/test --baseline data/s1/... --real shared/real --runs ... --write"
REAL = {
    "COCO-WholeBody (4 pictures)": ("coco/test_coco_wholebody.json", "coco", ()),
    "FreiHAND (4 pictures)": ("freihand/test_freihand.json", "freihand", ("--reader", "freihand", "--max-bad", 4)),
}
"""Labels, the folder of pictures, and what else must be said."""
SHOWN = {"pve": "PVE", "pa_pve": "PA-PVE", "pve_hand": "hands", "pa_pve_hand": "PA hands", "pve_face": "face",
         "mpjpe_body": "MPJPE", "kp2d_box": "2D, %"}  # fmt: skip
Record = dict[str, Any]


def evaluate(out: Path, baseline: str, *words: object) -> dict[str, Record]:
    """Both systems on the same people: `baseline` and the weights."""
    systems = [f"baseline:{baseline}", WEIGHTS]
    command = [sys.executable, "-m", "mien", "evaluate", *systems, *words, "--out", out, "--workers", 2, "--resume"]
    code = subprocess.run([str(word) for word in command], check=False).returncode
    if code not in (0, 1):  # 1: some pictures were missing, which the record says
        sys.exit(code)
    found = {}
    for folder in sorted(each.parent for each in out.glob("*/results.json")):
        name = WEIGHTS if folder.name.endswith(WEIGHTS) else "baseline"
        found[name] = json.loads((folder / "results.json").read_text())
    return found


def check_split(data: Path) -> None:
    """Refuse other pictures than the frozen ones."""
    frozen = json.loads(FROZEN.read_text())["recipes"]
    wrong = [name for name in frozen if digest(data / name) != frozen[name]["sha256"]]
    if wrong:
        sys.exit(f"not the frozen split: {', '.join(wrong)}; make it with benchmarks/split.py")


def mean(record: Record, measure: str) -> float | None:
    """Of all people of a record; None if nobody has it."""
    found = record["measures"].get(measure)
    return None if found is None else found["mean"]


def share(systems: dict[str, Record], measure: str) -> float:
    """The weights' error over the constant's."""
    ours, theirs = (mean(systems[name], measure) for name in (WEIGHTS, "baseline"))
    assert ours and theirs, f"nobody has {measure}"
    return ours / theirs


def by_recipe(systems: dict[str, Record]) -> str:
    """Errors of the weights, and of the constant in brackets."""
    ours, theirs = systems[WEIGHTS], systems["baseline"]
    lines = [f"| recipe | people | {' | '.join(SHOWN.values())} |", "|---|---:|" + "---:|" * len(SHOWN)]
    for name in [*ours["folders"], None]:
        one, other = (each if name is None else each["folders"][name] for each in (ours, theirs))
        cells = [f"{mean(one, measure):.1f} ({mean(other, measure):.1f})" for measure in SHOWN]
        lines.append(f"| {name or '**all**'} | {one['people']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def on_real(found: dict[str, dict[str, Record]]) -> str:
    """2D errors on real pictures, percent of the longer side of the box."""
    lines = ["| pictures | people | measure | the constant | open-xs |", "|---|---:|---|---:|---:|"]
    names = {"kp2d_box": "all keypoints", "kp2d_body_box": "body", "kp2d_hand_box": "hands", "kp2d_face_box": "face"}
    for title, systems in found.items():
        for measure, said in names.items():
            one, other = mean(systems[WEIGHTS], measure), mean(systems["baseline"], measure)
            if one is not None and other is not None:
                people = systems[WEIGHTS]["measures"][measure]["people"]
                lines.append(f"| {title} | {people} | {said} | {other:.1f} | {one:.1f} |")
    return "\n".join(lines)


def curve(runs: Sequence[Path]) -> list[Record]:
    """Held-out errors against samples seen, over trainings that went on from one another."""
    points: dict[int, Record] = {}
    for run in runs:
        batch = json.loads((run / "config.json").read_text())["batch"]
        for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()):
            if line["kind"] == "held_out":
                values = {name: line[name] for name in ("pve", "pa_pve", "pve_hand", "pa_pve_hand", "kp2d_box")}
                points[line["step"] * batch] = {"samples": line["step"] * batch, "run": run.name, **values}
    return [points[samples] for samples in sorted(points)]


def drawn(points: Sequence[Record], constants: dict[str, float], path: Path) -> None:
    """The curve as a picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axis, (name, title) in zip(axes, {"pve": "PVE, mm", "pve_hand": "hand PVE, mm"}.items(), strict=True):
        axis.plot([point["samples"] / 1e3 for point in points], [point[name] for point in points], "o-", ms=3)
        axis.axhline(constants[name], color="0.5", ls="--", lw=1)
        axis.text(0, constants[name], " the best constant person", va="bottom", fontsize=8, color="0.4")
        axis.set(xlabel="samples seen, thousands", title=title, ylim=(0, 1.1 * constants[name]))
        axis.grid(alpha=0.25)
    figure.savefig(path, dpi=110)


def table(points: Sequence[Record]) -> str:
    """The curve as a table, about twelve rows of it."""
    every = max(1, len(points) // 12)
    kept = [point for i, point in enumerate(points) if i % every == every - 1 or point is points[-1]]
    lines = ["| samples seen | PVE | PA-PVE | hands | PA hands | 2D, % |", "|---:|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {p['samples']:,} | {p['pve']:.1f} | {p['pa_pve']:.1f} | {p['pve_hand']:.1f} | {p['pa_pve_hand']:.1f} "
        f"| {p['kp2d_box']:.1f} |"
        for p in kept
    ]
    return "\n".join(lines)


def main() -> None:
    """Evaluate, print, and keep with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--baseline", required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/open_weights"))
    parser.add_argument("--write", action="store_true")
    settings = parser.parse_args()
    check_split(settings.data)
    folders = [settings.data / name for name in json.loads(FROZEN.read_text())["recipes"]]
    systems = evaluate(settings.out / "split", settings.baseline, "--on", *folders)
    real = {
        title: evaluate(
            settings.out / images,
            settings.baseline,
            *("--on", settings.real / labels, "--images", settings.real / images, *more),
        )
        for title, (labels, images, more) in (REAL.items() if settings.real else ())
    }
    ratios = {name: share(systems, name) for name in ("pve", "pve_hand")}
    points = curve(settings.runs)
    parts = {"recipes": by_recipe(systems), "real": on_real(real), "curve": table(points) if points else ""}
    print(*parts.values(), ratios, sep="\n\n")
    if settings.write:
        record = {
            "command": COMMAND,
            "ratios": ratios,
            "split": {name: _slim(each) for name, each in systems.items()},
            "real": {title: {name: _slim(each) for name, each in found.items()} for title, found in real.items()},
            "curve": points,
        }
        (RESULTS / "open-xs.json").write_text(json.dumps(record, indent=1) + "\n")
        (RESULTS / "open-xs.md").write_text(page(parts, ratios))
        if points:
            constants = {name: mean(systems["baseline"], name) or 0.0 for name in ("pve", "pve_hand")}
            drawn(points, constants, RESULTS.parent / "pictures/learning.png")


def _slim(record: Record) -> Record:
    """What a reader may want to compute with: measures that are shown, of all and of each folder."""

    def some(each: Record) -> Record:
        names = [*SHOWN, "kp2d_body_box", "kp2d_hand_box", "kp2d_face_box"]
        return {"people": each["people"], **{name: each["measures"].get(name) for name in names}}

    return {"all": some(record), "folders": {name: some(each) for name, each in record["folders"].items()}}


def page(parts: dict[str, str], ratios: dict[str, float]) -> str:
    """The page docs/results/open-xs.md: the tables between the words of open_weights.md."""
    words = (Path(__file__).parent / "open_weights.md").read_text()
    share = {name: f"{100 * ratio:.0f} %" for name, ratio in ratios.items()}
    for name, text in {**parts, **share}.items():
        words = words.replace(f"<{name}>", text)
    return words


if __name__ == "__main__":
    main()
