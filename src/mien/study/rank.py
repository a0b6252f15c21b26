"""Which dataset teaches most: one small network for each, the same budget, all benchmarks (the paper's Table 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data.manifest import write_json
from mien.errors import InputError, closest
from mien.files import read_json
from mien.study import figures
from mien.study.outcomes import HAND, PRIMARY, SHARE, Outcomes
from mien.study.plan import Job, Plan
from mien.study.request import Request
from mien.study.sections import Section, Table, cell, listed
from mien.study.statistics import Seeds, correlate, places

__all__ = ["RANKING", "RankRequest", "analyse", "plan", "read_ranking"]

RANKING = "ranking.json"
TRAINED = "baseline"


@dataclass(frozen=True, kw_only=True)
class RankRequest(Request):
    """Nothing but what all studies ask."""


def plan(request: RankRequest) -> Plan:
    """One training for each set and seed.

    Raises:
        InputError: something is not there, or does not fit together.
    """
    size = request.sizes[0]
    jobs = [request.constant_job(request.sets)]
    jobs += [
        Job(
            name=f"{each.name}/seed-{seed}",
            facts={"role": TRAINED, "set": each.name, "seed": seed, "size": size},
            config=request.training([each], size, seed, mixing="concat"),
            sets=(each,),
        )
        for each in request.sets
        for seed in request.seed_numbers
    ]
    return Plan(
        study="rank",
        question="Which dataset teaches most, on which benchmark?",
        jobs=tuple(jobs),
        benchmarks=request.benchmarks,
        mpe=request.mean_over,
        settings={"sets": [each.name for each in request.sets], "size": size},
    )


def read_ranking(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The order of `ranking.json`, best first.

    Args:
        path: of the file.
        names: what must be ranked, and nothing else.

    Raises:
        InputError: it is no ranking, or ranks other datasets.
    """
    try:
        record = read_json(path)
        order = [str(each["set"]) for each in record["ranking"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no ranking ({error})", expected=f"{RANKING} of `mien study rank`") from error
    for name in order:
        if name not in names:
            raise InputError(f"{path} ranks {name!r}, which is not among the data", todo=closest(name, names))
    if left := [name for name in names if name not in order]:
        todo = "rank them too, or name what is to be trained on with --train-on"
        raise InputError(
            f"{path} does not rank {listed(left)}", expected="a ranking of all that is trained on", todo=todo
        )
    return tuple(order)


def analyse(found: Outcomes, out: Path) -> list[Section]:
    """Table 1, what may be claimed, how benchmarks agree, own domain against others; writes ranking.json."""
    groups = {name: found.plan.of(role=TRAINED, set=name) for name in found.plan.settings["sets"]}
    groups = {name: jobs for name, jobs in groups.items() if found.over_seeds(jobs) is not None}
    if not groups:
        return []
    sections = [_table_one(found, groups, out), _agreement(found, groups, out), _domains(found, groups, out)]
    return [each for each in sections if each.tables or each.text]


def _table_one(found: Outcomes, groups: dict[str, list[Job]], out: Path) -> Section:
    mpes = {name: each for name, jobs in groups.items() if (each := found.over_seeds(jobs)) is not None}
    counting = {name for name, jobs in groups.items() if found.all_count(jobs)}
    order = sorted(mpes, key=lambda name: (name not in counting, mpes[name].mean))
    ranks = places({name: mpes[name] for name in order if name in counting})
    _write_ranking(out / RANKING, found, order, mpes, ranks)
    columns = [each.name for each in found.plan.benchmarks]
    tables = [
        _errors(found, groups, order, columns, ranks, PRIMARY, "Table 1: main error, mm"),
        _errors(found, groups, order, columns, ranks, HAND, "The same of hands: PVE with the wrists at one place, mm"),
    ]
    shares = [[found.share(groups[name][0], column) for column in columns] for name in order]
    figures.dots(
        out / "rank_mpe.png",
        "Mean primary error of one network trained on each dataset",
        "MPE, mm",
        [(name, mpes[name], name in counting) for name in order],
        lines=_lines(found),
    )
    shares = [[_share(found, groups[name], column) for column in columns] for name in order]
    own = [[name == column for column in columns] for name in order]
    figures.matrix(
        out / "rank_shares.png",
        "Error in percent of the best constant person's (framed: the dataset's own domain)",
        order,
        columns,
        shares,
        framed=own,
        unit="% of the constant's error",
        axes=("trained on", "measured on"),
    )
    return Section(
        title="Datasets as benchmarks see them",
        text=(_claim(order, counting, ranks),),
        tables=tuple(tables),
        figures=(
            (out / "rank_mpe.png", "Dots are seeds, bars 95 % intervals over seeds; hollow ones do not count."),
            (out / "rank_shares.png", "100 is what the best constant person does without looking."),
        ),
    )


def _errors(
    found: Outcomes,
    groups: dict[str, list[Job]],
    order: Sequence[str],
    columns: Sequence[str],
    ranks: dict[str, tuple[int, int]],
    measure: str,
    title: str,
) -> Table:
    """A row for each dataset: its errors, their mean, its place."""
    rows = []
    for name in order:
        jobs = groups[name]
        errors = (cell(found.over_seeds(jobs, column, measure), found.all_count(jobs, column)) for column in columns)
        place = "" if name not in ranks else _place(ranks[name])
        rows.append((name, *errors, cell(found.over_seeds(jobs, "", measure), name in ranks), place))
    if found.constant is not None and found.record(found.constant) is not None:
        constant = found.constant
        errors = (cell(found.error(constant, column, measure)) for column in columns)
        rows.append(("best constant person", *errors, cell(found.mpe(constant, measure)), ""))
    note = (
        f"Mean over seeds ± half of the 95 % interval. MPE: mean over {listed(found.plan.mpe)}. In brackets: a seed is "
        f"not below {100 * SHARE:.0f} % of the best constant person's error there. "
        "Place: first to last that intervals allow."
    )
    return Table(title=title, head=("trained on", *columns, "MPE", "place"), rows=tuple(rows), note=note)


def _place(place: tuple[int, int]) -> str:
    return str(place[0]) if place[0] == place[1] else f"{place[0]} to {place[1]}"


def _claim(order: Sequence[str], counting: set[str], ranks: dict[str, tuple[int, int]]) -> str:
    if not counting:
        return "No training learnt enough to count: nothing is ranked. Give each a larger budget (--samples)."
    sure = [name for name in order if name in ranks and ranks[name][0] == ranks[name][1]]
    left = [name for name in order if name not in counting]
    said = (
        f"Places that the intervals make sure: {listed(sure)}." if sure else "No place is sure: all intervals overlap."
    )
    return said + (f" Did not learn enough to count: {listed(left)}." if left else "")


def _share(found: Outcomes, jobs: Sequence[Job], benchmark: str) -> float | None:
    """Percent of the constant's error, mean over seeds."""
    known = [share for job in jobs if (share := found.share(job, benchmark)) is not None]
    return 100 * sum(known) / len(known) if known else None


def _lines(found: Outcomes) -> dict[str, float]:
    """Where the constant is, and where trainings begin to count."""
    error = None if found.constant is None else found.mpe(found.constant)
    return {} if error is None else {"best constant person": error, f"{100 * SHARE:.0f} % of it": SHARE * error}


def _agreement(found: Outcomes, groups: dict[str, list[Job]], out: Path) -> Section:
    """Do benchmarks order the datasets alike?"""
    counting = [name for name, jobs in groups.items() if found.all_count(jobs)]
    names = [each.name for each in found.plan.benchmarks]
    columns = {name: [_mean(found.over_seeds(groups[each], name)) for each in counting] for name in names}
    columns["MPE"] = [_mean(found.over_seeds(groups[each])) for each in counting]
    pairs = {(a, b): correlate(columns[a], columns[b]) for a in columns for b in columns if a != b}
    if not any(pairs.values()):
        return Section(title="Agreement of benchmarks")
    rows = []
    for name in names:
        others = [each for other in names if other != name and (each := pairs[name, other]) is not None]
        whole = pairs[name, "MPE"]
        if others and whole is not None:
            spearman, kendall = (
                sum(getattr(each, kind) for each in others) / len(others) for kind in ("spearman", "kendall")
            )
            rows.append((name, f"{spearman:.2f}", f"{kendall:.2f}", f"{whole.spearman:.2f}", f"{whole.kendall:.2f}"))
    figures.matrix(
        out / "rank_agreement.png",
        "How much benchmarks agree on the order of datasets",
        list(columns),
        list(columns),
        [[_percent(pairs.get((a, b))) if a != b else None for b in columns] for a in columns],
        unit="Spearman's rank correlation, %",
        limits=(-100, 100),
    )
    head = ("benchmark", "Spearman, others", "Kendall, others", "Spearman, MPE", "Kendall, MPE")
    note = (
        f"Over the {len(counting)} datasets whose trainings count; with the other benchmarks in the mean, and with MPE."
    )
    return Section(
        title="Agreement of benchmarks",
        tables=(Table(title="Rank correlation", head=head, rows=tuple(rows), note=note),),
        figures=((out / "rank_agreement.png", "100: the same order of datasets. 0: none in common."),),
    )


def _domains(found: Outcomes, groups: dict[str, list[Job]], out: Path) -> Section:
    """A dataset on its own benchmark and on the others."""
    names = [each.name for each in found.plan.benchmarks]
    rows, drawn = [], []
    for name in (each for each in groups if each in names):
        jobs = groups[name]
        own = found.over_seeds(jobs, name)
        rest = [found.over_seeds(groups[other], name) for other in groups if other != name]
        cross = [each.mean for each in rest if each is not None]
        if own is None or not cross:
            continue
        better = sum(found.surely_below(groups[other], jobs, name) for other in groups)
        away = sum(found.surely_below(jobs, groups[other], name) for other in groups)
        rows.append(
            (
                name,
                cell(own, found.all_count(jobs, name)),
                f"{sum(cross) / len(cross):.1f}",
                f"{min(cross):.1f}",
                str(away),
                str(better),
            )
        )
        drawn.append((name, own.mean, cross))
    if not rows:
        return Section(title="Own domain and others")
    figures.pairs(
        out / "rank_domains.png",
        "On each benchmark: trained on its own domain, and on each other one",
        "error, mm",
        drawn,
        ("own domain", "another domain"),
    )
    head = (
        "benchmark",
        "own domain",
        "others, mean",
        "others, best",
        "surely worse",
        "surely better",
    )
    note = "Errors in mm, means over seeds. Surely: intervals apart, and all trainings count there."
    return Section(
        title="Own domain and others",
        tables=(Table(title="In-domain against cross-domain", head=head, rows=tuple(rows), note=note),),
        figures=((out / "rank_domains.png", "Each small dot is another dataset, mean over its seeds."),),
    )


def _mean(found: Seeds | None) -> float:
    assert found is not None
    return found.mean


def _percent(found: Any) -> float | None:
    return None if found is None else 100 * found.spearman


def _write_ranking(
    path: Path, found: Outcomes, order: Sequence[str], mpes: dict[str, Seeds], ranks: dict[str, tuple[int, int]]
) -> None:
    """What `mien study scale --ladder from-ranking` reads."""
    ranking = [
        {"set": name, "mpe": round(mpes[name].mean, 3), "low": mpes[name].low, "high": mpes[name].high,
         "place": list(ranks[name]) if name in ranks else None, "counts": name in ranks}
        for name in order
    ]  # fmt: skip
    write_json(path, {"schema_version": 1, "mpe": list(found.plan.mpe), "ranking": ranking})
