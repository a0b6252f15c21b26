"""Turn the figures in docs/results/*.json into the page docs/results/speed.md.

python benchmarks/page.py
"""

from __future__ import annotations

import json

from common import RESULTS

PAGES = {
    "start": "Cold starts",
    "crop": "The crop",
    "body": "The body layer",
    "network": "The network in bf16",
    "video-speed": "People out of video",
    "render": "Drawing people",
    "metrics": "Measures of meshes",
    "train": "A training step",
    "synth": "Synthetic people",
    "synth-bound": "Synthetic people who wear nothing",
    "store": "The store",
    "loader": "Training samples",
}

HEAD = """# Speed

Every ratio is of medians measured in turn, side by side, in one run; absolute times drift with the machine. Each
section names its command. `target` is what the project set out to reach.
"""


def section(name: str, title: str) -> str:
    """One table with its command, machine and notes."""
    record = json.loads((RESULTS / f"{name}.json").read_text())
    machine = ", ".join(f"{key} {value}" for key, value in record["machine"].items())
    lines = [f"## {title}", "", f"`{record['command']}` ({machine})", ""]
    lines += ["| case | ours, ms | reference, ms | ratio | target |", "|---|---:|---:|---:|---:|"]
    for row in record["rows"]:
        target = f"{row['target']:g}" if row["target"] else ""
        beside = (f"{row['reference_ms']:.2f}", f"{row['ratio']:.2f}") if row["reference_ms"] else ("", "")
        cells = (row["case"], f"{row['ours_ms']:.2f}", *beside, target if row["reference_ms"] else "")
        lines.append(f"| {' | '.join(cells)} |")
    notes = {key: value for key, value in record.items() if key not in ("rows", "machine", "command")}
    tables = {"stages, ms": notes.pop("stages_ms", {}), "products, GFLOP/s": notes.pop("roof_gflops", {})}
    lines += ["", *(f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in notes.items()), ""]
    return "\n".join([*lines, *(line for title, table in tables.items() for line in _table(title, table))])


def _plain(value: object) -> str:
    """A note as a person would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(part)}" for key, part in value.items())
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _table(title: str, cases: dict[str, dict[str, float]]) -> list[str]:
    """One case a row, one stage or kind a column."""
    if not cases:
        return []
    names = list(next(iter(cases.values())))
    lines = [f"| {title} | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    lines += [f"| {case} | {' | '.join(f'{row[name]:g}' for name in names)} |" for case, row in cases.items()]
    return [*lines, ""]


def main() -> None:
    """Write the page."""
    parts = [section(name, title) for name, title in PAGES.items() if (RESULTS / f"{name}.json").exists()]
    remarks = RESULTS / "speed-remarks.md"
    tail = remarks.read_text() if remarks.exists() else ""
    (RESULTS / "speed.md").write_text("\n".join([HEAD, *parts, tail]))


if __name__ == "__main__":
    main()
