"""What a scaling study found: the grid, its laws, and each ablation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from mien.nets.architectures import empty_network
from mien.study import figures
from mien.study.outcomes import HAND, PRIMARY, Outcomes
from mien.study.plan import Job
from mien.study.scale import GRID, MAIN, MIXING, WITHOUT, WORST
from mien.study.sections import Section, Table, cell, listed
from mien.study.statistics import LEAST_SIZES, WORTH, Law, Seeds, fit_law

__all__ = ["analyse"]

MEASURES = {PRIMARY: "MPE, mm", HAND: "mean hand PVE, mm"}


def analyse(found: Outcomes, out: Path) -> list[Section]:
    """The grid and its laws, then the ablations that were asked for."""
    networks = list(dict.fromkeys(job.facts["network"] for job in found.plan.of(role=GRID)))
    networks = [each for each in networks if found.over_seeds(found.plan.of(role=GRID, network=each)) is not None]
    if not networks:
        return []
    sections = [_grid(found, networks, out), _laws(found, networks)]
    sections += [_mixing(found, out), _without(found, out), _worst(found, out)]
    return [each for each in sections if each.tables]


def _groups(found: Outcomes, network: str) -> dict[tuple[int, int], list[Job]]:
    """The jobs of a network by rung and by how many people of it."""
    groups: dict[tuple[int, int], list[Job]] = {}
    for job in found.plan.of(role=GRID, network=network):
        groups.setdefault((job.facts["rung"], job.facts["people"]), []).append(job)
    return {key: jobs for key, jobs in sorted(groups.items()) if found.over_seeds(jobs) is not None}


def _grid(found: Outcomes, networks: Sequence[str], out: Path) -> Section:
    columns = [each.name for each in found.plan.benchmarks]
    rows = [
        (
            network, str(rung), f"{people:,}",
            *(cell(found.over_seeds(jobs, column), found.all_count(jobs, column)) for column in columns),
            cell(found.over_seeds(jobs), found.all_count(jobs)),
            cell(found.over_seeds(jobs, "", HAND), found.all_count(jobs)),
        )
        for network in networks
        for (rung, people), jobs in _groups(found, network).items()
    ]  # fmt: skip
    panels = {label: [_curve(found, network, measure) for network in networks] for measure, label in MEASURES.items()}
    constant = found.constant
    known = {label: None if constant is None else found.mpe(constant, measure) for measure, label in MEASURES.items()}
    lines = {label: value for label, value in known.items() if value is not None}
    path = out / "scale_data.png"
    figures.scaling(path, "Error against data and size of the network", panels, lines)
    head = ("network", "sets", "people", *columns, "MPE", "hands")
    note = (
        f"Main errors, mm: mean over seeds ± half of the 95 % interval. MPE: mean over {listed(found.plan.mpe)}; "
        "hands: the same mean of the PVE of hands. In brackets: a seed is not below 80 % of the best constant person's "
        "error."
    )
    return Section(
        title="More data, larger networks",
        text=(said,) if (said := _sure_steps(found, networks)) != "." else (),
        tables=(Table(title="The grid", head=head, rows=tuple(rows), note=note),),
        figures=(
            (path, "Circles grow with the network, hollow: does not count; bars: 95 % over seeds; dashed: the law."),
        ),
    )


def _sure_steps(found: Outcomes, networks: Sequence[str]) -> str:
    """From the least to the most data, and from one network to the next: what is sure."""
    groups = {network: list(_groups(found, network).values()) for network in networks}
    said = [
        _step(found, f"{network}, most data against least", each[-1], each[0])
        for network, each in groups.items()
        if len(each) > 1
    ]
    said += [
        _step(found, f"{other} against {one} on the most data", groups[other][-1], groups[one][-1])
        for one, other in pairwise(networks)
    ]
    return "; ".join(said) + "."


def _step(found: Outcomes, name: str, one: list[Job], other: list[Job]) -> str:
    if not (found.all_count(one) and found.all_count(other)):
        return f"{name}: not all count"
    verdict = "surely lower" if found.surely_below(one, other) else "not surely lower"
    return f"{name}: {found.over_seeds(one)} against {found.over_seeds(other)} mm, {verdict}"


def _law(found: Outcomes, network: str, measure: str) -> Law | None:
    """Over the trainings that count."""
    points: dict[float, list[float]] = {}
    for (_, people), jobs in _groups(found, network).items():
        each = found.over_seeds(jobs, "", measure)
        if found.all_count(jobs) and each is not None:
            points.setdefault(float(people), []).extend(each.values)
    return fit_law(points)


def _curve(found: Outcomes, network: str, measure: str) -> figures.Curve:
    job = found.plan.of(role=GRID, network=network)[0]
    assert job.config is not None
    parameters = sum(each.numel() for each in empty_network(job.config.network).parameters())
    points = tuple(
        (float(people), each, found.all_count(jobs))
        for (_, people), jobs in _groups(found, network).items()
        if (each := found.over_seeds(jobs, "", measure)) is not None
    )
    title = f"{network}, {parameters / 1e6:.1f} M parameters"
    return figures.Curve(title=title, parameters=parameters, points=points, law=_law(found, network, measure))


def _laws(found: Outcomes, networks: Sequence[str]) -> Section:
    rows = []
    for network in networks:
        for measure, label in MEASURES.items():
            law = _law(found, network, measure)
            values = ("needs more sizes", *([""] * 4)) if law is None else _law_cells(law)
            rows.append((network, label.partition(",")[0], *values))
    head = (
        "network",
        "error",
        "a, mm",
        "b",
        "c",
        "next doubling gains, mm",
        f"gains under {100 * WORTH:.0f} % from",
    )
    note = (
        "error = a + b * N^-c, N people to learn from; least squares over the trainings that count, brackets: 95 % of "
        f"a bootstrap over seeds. Fewer than {LEAST_SIZES} sizes of data do not fix three numbers. The last column: "
        "where a doubling of N begins to gain less than that share of the error. Beyond the largest size it is a guess."
    )
    return Section(
        title="What more data would buy",
        tables=(Table(title="The law of each network", head=head, rows=tuple(rows), note=note),),
    )


def _law_cells(law: Law) -> tuple[str, ...]:
    def said(name: str, value: float, digits: int) -> str:
        low, high = law.intervals[name]
        return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    ends = "beyond 1000 times the largest" if law.ends is None else f"{law.ends:,.0f} people"
    return said("a", law.a, 1), said("b", law.b, 0), said("c", law.c, 2), said("gain", law.gain, 1), ends


def _full(found: Outcomes) -> list[Job]:
    """The grid's trainings on all sets, at the first size: what the ablations are compared with."""
    jobs = found.plan.of(role=GRID)
    first, most = jobs[0].facts["network"], len(found.plan.settings["sets"])
    return [job for job in found.plan.of(role=GRID, network=first, rung=most) if not job.facts["most"]]


def _mixing(found: Outcomes, out: Path) -> Section:
    rows = [(MAIN, _full(found))]
    rows += [(name, found.plan.of(role=MIXING, what=name)) for name in found.plan.settings["mixing"] if name != MAIN]
    path = out / "scale_mixing.png"
    return _compared(found, rows, path, "How the sets are mixed", "mixing", "Mean primary error by mixing strategy")


def _without(found: Outcomes, out: Path) -> Section:
    rows: list[tuple[str, list[Job]]] = [("all sets", _full(found))]
    rows += [(f"without {name}", found.plan.of(role=WITHOUT, what=name)) for name in found.plan.settings["without"]]
    path = out / "scale_without.png"
    return _compared(found, rows, path, "A set in and out of the mix", "sets", "Mean primary error without a set")


def _worst(found: Outcomes, out: Path) -> Section:
    rows: list[tuple[str, list[Job]]] = []
    first = found.plan.of(role=GRID)[0].facts["network"]
    for rung in found.plan.settings["worst"]:
        best = [job for job in found.plan.of(role=GRID, network=first, rung=rung) if not job.facts["most"]]
        rows += [(f"best {rung}", best), (f"worst {rung}", found.plan.of(role=WORST, what=rung))]
    path = out / "scale_ranked.png"
    title = "Best-ranked sets against as many of the worst-ranked"
    return _compared(found, rows, path, "Does the ranking hold?", "sets", title)


def _compared(
    found: Outcomes, rows: Sequence[tuple[str, list[Job]]], path: Path, title: str, what: str, caption: str
) -> Section:
    """Groups of trainings side by side; in pairs with the first, what is sure."""
    known = [(name, jobs, each) for name, jobs in rows if (each := found.over_seeds(jobs)) is not None]
    if len(known) < 2:
        return Section(title=title)
    columns = [each.name for each in found.plan.benchmarks]
    lines: list[tuple[Any, ...]] = [
        (
            name,
            *(cell(found.over_seeds(jobs, column), found.all_count(jobs, column)) for column in columns),
            cell(each, found.all_count(jobs)),
            cell(found.over_seeds(jobs, "", HAND), found.all_count(jobs)),
        )
        for name, jobs, each in known
    ]
    pairs = (
        zip(known[::2], known[1::2], strict=False)
        if path.stem == "scale_ranked"
        else ((known[0], k) for k in known[1:])
    )
    said = [_verdict(found, one, other) for one, other in pairs]
    figures.dots(path, caption, "MPE, mm", [(name, each, found.all_count(jobs)) for name, jobs, each in known])
    return Section(
        title=title,
        text=("; ".join(said) + ".",),
        tables=(Table(title=title, head=(what, *columns, "MPE", "hands"), rows=tuple(lines)),),
        figures=((path, "Dots are seeds, bars 95 % intervals over seeds; hollow ones do not count."),),
    )


def _verdict(found: Outcomes, one: tuple[str, list[Job], Seeds], other: tuple[str, list[Job], Seeds]) -> str:
    names = f"{one[0]} and {other[0]}"
    if not (found.all_count(one[1]) and found.all_count(other[1])):
        return f"{names}: not all count"
    for better, worse in ((one, other), (other, one)):
        if found.surely_below(better[1], worse[1]):
            return f"{better[0]} is surely better than {worse[0]}"
    return f"{names}: no sure difference"
