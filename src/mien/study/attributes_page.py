"""The page of `mien study attributes`: figures, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.study.written import Figure, write_study_page
from mien.view.page import escaped, table

__all__ = ["write_attributes_page"]


def write_attributes_page(path: Path, found: Mapping[str, Any], figures: Sequence[Figure]) -> Path:
    """Write one self-contained page."""
    definition = found["definition"]
    lead = (
        f"{len(found['data'])} datasets, features by {found['backbone']['name']}, seed {found['seed']}. "
        "Of each picture one person is taken. Coverage C(A | B): the share of A's people whose nearest person of B is "
        f"no farther than their neighbour number {definition['k']} in A; people of one distribution give "
        f"{100 * definition['by_chance']:.0f} %."
    )
    parts: list[str | Figure] = [f'<p class="facts">{escaped(remark)}</p>' for remark in found["remarks"]]
    parts += ["<h2>Data</h2>", _data(found)]
    parts += ["<h2>Maps</h2>", *(figure for figure in figures if not _of_numbers(figure))]
    parts += ["<h2>Who covers whom</h2>", *(figure for figure in figures if _of_numbers(figure))]
    for name, numbers in found["spaces"].items():
        if "reaches" in numbers:
            parts += [f"<h3>{escaped(name)}: {escaped(found['definition']['spaces'][name])}</h3>", _reaches(numbers)]
    return write_study_page(path, "What datasets hold", lead, parts)


def _of_numbers(figure: Figure) -> bool:
    return figure.path.stem.startswith(("coverage", "adds"))


def _data(found: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            each["kind"],
            ", ".join(f"{word} {count}" for word, count in found["scenes"][name].items()),
            f"{each['people']:,} of {each['entries']:,}",
            *(f"{found['view'][name][side]:.0f} %" if name in found["view"] else "" for side in _SIDES),
        )
        for name, each in found["data"].items()
    ]
    return table(("dataset", "kind", "scenes", "people", *(f"seen {side}" for side in _SIDES[:3]), "upright"), rows)


_SIDES = ("front", "side", "back", "upright")


def _reaches(numbers: Mapping[str, Any]) -> str:
    rows = [
        (name, percent(value), percent(numbers["alone"][name]))
        for name, value in sorted(numbers["reaches"].items(), key=lambda item: -item[1]["mean"])
    ]
    return table(("dataset", "reaches of the others, %", "reached by none of the others, %"), rows)


def percent(value: Mapping[str, float]) -> str:
    """A share with its interval."""
    return f"{100 * value['mean']:.0f} ({100 * value['low']:.0f} to {100 * value['high']:.0f})"
