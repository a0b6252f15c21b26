"""A page about an evaluation: one HTML file with tables, distributions, errors by circumstance, and people.

    report(Path("out/report.html"), [(plan, results, record), ...])        # one entry a system, same folders

Published numbers stand beside measured ones and say where they come from and whether that was confirmed. No script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mien.evaluate.charts import COLOURS, bars, dots, histogram
from mien.evaluate.gallery import panels
from mien.evaluate.job import Plan
from mien.evaluate.protocols import find_protocol, published
from mien.evaluate.results import SHOWN, Results
from mien.evaluate.traits import TRAITS
from mien.metrics.interval import bootstrap
from mien.metrics.parts import SEGMENTS
from mien.view.page import escaped, picture, table, write_page

__all__ = ["Entry", "report"]

Entry = tuple[Plan, Results, dict[str, Any]]
SHOWN_PEOPLE = 20
"""Best and worst in the page, of each."""
GROUPS = 5
"""Of about as many people each, for a trait."""
FEW = 3
"""People below which a group is not shown."""
ERRORS = {
    "pve": "PVE, mm",
    "pve_hand": "hand PVE, mm",
    "mpjpe_joints_body": "MPJPE of joints, mm",
    "kp2d_box": "2D error, % of box",
}
FINGERTIPS = ("thumb", "index", "middle", "ring", "pinky")


def report(path: Path, entries: Sequence[Entry]) -> Path:
    """Write the page, whole or not at all.

    Args:
        path: where to.
        entries: of each system its plan, results and record, all on the same folders.

    Raises:
        OutputError: the file cannot be written.
    """
    names = [str(plan.settings["subject"]["name"]) for plan, _, _ in entries]
    title = "Evaluation of " + ", ".join(names)
    parts = [_legend(names), _warnings(entries), _tables(entries, names), _mpe(entries, names)]
    parts += [_spread(entries), _circumstances(entries), _breakdown(entries), _people(entries, names), _facts(entries)]
    return write_page(path, title, "\n".join(part for part in parts if part), STYLE)


def _legend(names: Sequence[str]) -> str:
    marks = (
        f'<span class="key"><i style="background:{COLOURS[i % len(COLOURS)]}"></i>{escaped(name)}</span>'
        for i, name in enumerate(names)
    )
    return f'<p class="legend">{"".join(marks)}</p>'


def _warnings(entries: Sequence[Entry]) -> str:
    said = dict.fromkeys(record["warning"] for _, _, record in entries if record["warning"])
    notes = dict.fromkeys(remark for _, _, record in entries for remark in record["remarks"])
    lines = [f'<p class="warning">{escaped(text)}</p>' for text in said]
    return "".join([*lines, *(f'<p class="note">{escaped(text)}</p>' for text in notes)])


def _tables(entries: Sequence[Entry], names: Sequence[str]) -> str:
    """Of each folder: measured systems, then published ones."""
    found = ["<section><h2>Errors</h2>", f'<p class="facts">{UNITS}</p>']
    folders = list(entries[0][2]["folders"])
    for folder in [*folders, *(["all folders"] if len(folders) > 1 else [])]:
        records = [record["folders"].get(folder, record) for _, _, record in entries]
        rows: list[Sequence[object]] = [
            (name, _count(record), *(_value(record["measures"].get(measure)) for measure in SHOWN))
            for name, record in zip(names, records, strict=True)
        ]
        kinds = ["ours"] * len(rows)
        protocol = records[0].get("protocol")
        for row in published() if protocol else ():
            if row.on == protocol:
                rows.append((f"{row.system} ({_trust(row)})", "", *(_plain(row.measures.get(name)) for name in SHOWN)))
                kinds.append("theirs")
        about = ""
        if protocol and find_protocol(protocol).dataset:
            each = find_protocol(protocol)
            state = "confirmed" if each.confirmed else "not confirmed"
            chosen = "everybody" if each.interval == 1 else f"one of every {each.interval} people"
            about = f"{each.title}: {each.alignment}; {chosen}; {each.source}, {state}. {each.note}"
        found += [f"<h3>{escaped(folder)}</h3>", f'<p class="facts">{escaped(about)}</p>' if about else ""]
        found += [table(("system", "people", *SHOWN.values()), rows, kinds), *_detections(records, names)]
    return "".join([*found, "</section>"])


def _detections(records: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[str]:
    rows = [
        (
            name,
            each["found"],
            each["missed"],
            each["extra"],
            _plain(each["f1"], 3),
            _plain(each["nmve"]),
            _plain(each["nmje"]),
        )
        for name, each in ((name, record.get("detection")) for name, record in zip(names, records, strict=True))
        if each
    ]
    if rows:
        yield table(("system", "found", "missed", "about nobody", "F1", "NMVE", "NMJE"), rows)


def _trust(row: Any) -> str:
    note = f"; {row.note}" if row.note else ""
    return f"published: {row.source}, {'confirmed' if row.confirmed else 'to be verified'}{note}"


def _count(record: dict[str, Any]) -> str:
    return f"{record['people'] - record['not_looked_at'] - record['missing']:,}"


def _value(measure: dict[str, Any] | None) -> str:
    """A mean with half the width of its interval."""
    if measure is None or measure["mean"] is None:
        return "no samples"
    if measure.get("low") is None:
        return f"{measure['mean']:.1f}"
    return f"{measure['mean']:.1f} ± {(measure['high'] - measure['low']) / 2:.1f}"


def _plain(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _mpe(entries: Sequence[Entry], names: Sequence[str]) -> str:
    """The mean primary errors, if any part of them was measured."""
    if not any(
        part is not None for _, _, r in entries for each in r["mpe"].values() for part in each["parts"].values()
    ):
        return ""
    found = ["<section><h2>Mean primary error</h2>"]
    for key, title in (("whole", "whole body"), ("hand", "hands"), ("pa_hand", "hands, aligned")):
        first = entries[0][2]["mpe"][key]
        rows: list[Sequence[object]] = []
        for name, (_, _, record) in zip(names, entries, strict=True):
            each = record["mpe"][key]
            value = "parts missing" if each["value"] is None else f"{each['value']:.1f}"
            rows.append((name, *(_plain(part) or "-" for part in each["parts"].values()), value))
        kinds = ["ours"] * len(rows)
        for row in published() if key == "whole" else ():
            if row.on == "mpe":
                rows.append(
                    (f"{row.system} ({_trust(row)})", *("" for _ in first["parts"]), _plain(row.measures["mpe"]))
                )
                kinds.append("theirs")
        found += [f"<h3>{title}</h3>", f'<p class="facts">{escaped(first["definition"])}</p>']
        found.append(table(("system", *first["parts"], "MPE"), rows, kinds))
    return "".join([*found, "</section>"])


def _spread(entries: Sequence[Entry]) -> str:
    """Distributions of the main errors."""
    drawn = [
        histogram(title, title.rpartition(", ")[2], [_values(results, name) for _, results, _ in entries])
        for name, title in ERRORS.items()
    ]
    return _figures("How errors are spread", drawn)


def _values(results: Results, name: str) -> np.ndarray:
    """Of everybody, NaN where not valid."""
    if name not in results.values:
        return np.full(len(results), np.nan)
    return np.where(results.valid[name], results.values[name], np.nan)


def _figures(title: str, drawn: Sequence[str], words: str = "") -> str:
    some = [each for each in drawn if each]
    if not some:
        return ""
    said = f'<p class="facts">{escaped(words)}</p>' if words else ""
    return f'<section><h2>{escaped(title)}</h2>{said}<div class="grid">{"".join(some)}</div></section>'


def _circumstances(entries: Sequence[Entry]) -> str:
    """Errors by what people and pictures are like."""
    first, drawn = entries[0][1], list[str]()
    for trait, said in TRAITS.items():
        measure = "pve_hand" if trait == "hand" else "pve"
        values = first.traits.get(trait)
        if values is None or np.isfinite(values).sum() < 2 * FEW:
            continue
        edges = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, GROUPS + 1)))
        if len(edges) < 2:
            continue
        group = np.where(
            np.isfinite(values), np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2), -1
        )
        names = [f"{a:.0f} to {b:.0f}" for a, b in pairwise(edges)]
        title = f"{ERRORS[measure]}, by {trait}: {said}"
        drawn.append(_by_group(title, measure, names, [group == g for g in range(len(names))], entries))
    postures = [name for name in dict.fromkeys(first.posture.tolist()) if name and (first.posture == name).sum() >= FEW]
    if postures:
        masks = [first.posture == name for name in postures]
        title = "PVE, mm, by the posture that the labels name"
        drawn += [
            _by_group(title, "pve", postures[i : i + 6], masks[i : i + 6], entries) for i in range(0, len(postures), 6)
        ]
    return _figures("Errors by circumstance", drawn, "Means with 95 % intervals; below each group its people.")


def _by_group(
    title: str, measure: str, names: Sequence[str], masks: Sequence[np.ndarray], entries: Sequence[Entry]
) -> str:
    rows: list[list[tuple[float, float, float, int] | None]] = []
    for _, results, record in entries:
        row: list[tuple[float, float, float, int] | None] = []
        for mask in masks:
            values = _values(results, measure)[mask]
            values = values[np.isfinite(values)]
            if len(values) < FEW:
                row.append(None)
                continue
            low, high = bootstrap(values[:, None], np.ones((len(values), 1), dtype=bool), record["seed"])[0]
            row.append((float(values.mean()), float(low), float(high), len(values)))
        rows.append(row)
    return dots(title, "mm", names, rows)


def _breakdown(entries: Sequence[Entry]) -> str:
    """Where on the body, and which joints."""

    def means(names: Sequence[str]) -> list[list[float | None]]:
        return [[record["measures"].get(name, {}).get("mean") for name in names] for _, _, record in entries]

    parts = [f"pve_at_{name}" for name in SEGMENTS]
    body = [name for name in entries[0][2]["measures"] if name.startswith("joint_")]
    fingers = [name for name in body if any(finger in name for finger in FINGERTIPS)]
    body = [name for name in body if name not in fingers]
    shapes = [name for name in entries[0][2]["measures"] if name.startswith("shape_") or name == "v2v"]
    drawn = [
        bars("PVE of parts of the mesh, pelvises in one place, mm", list(SEGMENTS), means(parts)),
        bars(
            "joints of the body, pelvises in one place, mm", [each.removeprefix("joint_") for each in body], means(body)
        ),
        bars(
            "joints of hands, wrists in one place, mm",
            [each.removeprefix("joint_") for each in fingers],
            means(fingers),
        ),
        bars("shape at rest, mm", [each.removeprefix("shape_") for each in shapes], means(shapes)),
    ]
    return _figures("Where errors sit", drawn)


def _people(entries: Sequence[Entry], names: Sequence[str]) -> str:
    """The best and the worst of the first system, beside the truth and the other systems."""
    results = entries[0][1]
    measure = next(
        (name for name in ("pve", "mpjpe_joints_body", "kp2d_box") if np.isfinite(_values(results, name)).any()), ""
    )
    if not measure:
        return ""
    values = _values(results, measure)
    order = [int(i) for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
    count = min(SHOWN_PEOPLE, len(order) // 2 or len(order))
    found = ["<section><h2>People</h2>", f'<p class="facts">By {escaped(ERRORS[measure])} of {escaped(names[0])}. ']
    found.append(f"From left to right: the picture, the truth, {escaped(', '.join(names))}.</p>")
    for title, chosen in (("Worst", order[::-1][:count]), ("Best", order[:count])):
        cards = "".join(_card(entries, row, measure) for row in chosen)
        found.append(f'<h3>{title} {count}</h3><div class="cards">{cards}</div>')
    return "".join([*found, "</section>"])


def _card(entries: Sequence[Entry], row: int, measure: str) -> str:
    plan, results, _ = entries[0]
    folder = str(results.folder[row])
    number = [truths.name for truths in plan.truths].index(folder)
    inside = row - int(np.flatnonzero(results.folder == folder)[0])
    drawn = panels([each for each, _, _ in entries], number, inside)
    said = " / ".join(f"{_values(each, measure)[row]:.0f}" for _, each, _ in entries)
    words = f"{folder} · {results.image[row]} · {said} {ERRORS[measure].rpartition(', ')[2]}"
    if drawn is None:
        return f'<figure class="card"><figcaption>{escaped(words)} (no picture)</figcaption></figure>'
    strip = np.ascontiguousarray(np.concatenate(drawn, axis=1))
    return f'<figure class="card">{picture(strip, 4000, words)}<figcaption>{escaped(words)}</figcaption></figure>'


def _facts(entries: Sequence[Entry]) -> str:
    rows = []
    for plan, _, record in entries:
        subject, body = record["run"]["subject"], record["run"]["body"]
        rows.append((
            subject["name"], subject["kind"], str(subject.get("sha256", ""))[:12],
            f"{body['name']} {body['sha256'][:12]}",
            f"{record['people']:,}", record["not_looked_at"], record["missing"], f"{record['seconds']:.0f} s",
            record["versions"]["mien"], plan.job.split,
        ))  # fmt: skip
    head = ("system", "kind", "sha256", "body", "people", "no picture", "no prediction", "time", "mien", "split")
    return f"<section><h2>Facts</h2>{table(head, rows)}</section>"


UNITS = (
    "Millimetres, means over people with half the width of their 95 % interval; 2D in percent of the longer side of "
    "the box. Nobody is averaged who was not measured."
)
STYLE = """
body { max-width: 84rem; }
h1 { font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding-bottom: .3rem; }
h3 { margin-bottom: .2rem; }
th { font-weight: 600; font-size: .85rem; opacity: .75; }
td { border-top: 1px solid color-mix(in srgb, currentColor 10%, transparent); font-size: .85rem; white-space: nowrap; }
td, th { padding-right: .6rem; }
td:first-child { white-space: normal; min-width: 11rem; overflow-wrap: anywhere; }
tr.ours td { font-weight: 600; } tr.theirs td { opacity: .75; }
.note { border-left: 4px solid #e0a339; padding: .3rem .9rem; }
.note { background: color-mix(in srgb, #e0a339 12%, transparent); }
.legend { position: sticky; top: 0; background: Canvas; padding: .4rem 0; z-index: 1; }
.key { margin-right: 1.2rem; }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: .4em; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); gap: 1rem 2rem; }
.grid { align-items: start; }
figure { margin: 0; } figcaption { font-size: .8rem; opacity: .8; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
svg .grid { stroke: currentColor; opacity: .15; } svg .few { font-size: 9px; opacity: .65; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: .8rem; }
.card img { width: 100%; }
"""
