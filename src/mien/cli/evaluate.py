"""`mien evaluate`: how good weights are on folders of pictures with truth."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from mien.evaluate.job import Plan
    from mien.evaluate.results import Results
    from mien.evaluate.work import Rank

__all__ = ["evaluate"]


def evaluate(
    systems: Annotated[tuple[str, ...], tyro.conf.Positional],
    /,
    on: tuple[str, ...],
    out: Path,
    split: Literal["test", "train", "all"] = "test",
    body: str = "",
    images: str = "",
    root: str = "",
    hands: Literal["flat", "relative"] = "flat",
    reader: str = "",
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 32,
    workers: int = 1,
    max_bad: int = 0,
    seed: int = 0,
    report: bool = True,
    resume: bool = False,
    dry_run: bool = False,
) -> int:
    """How good weights, or anybody's predictions, are: errors of every person, their means, a table and a report.

    Writes OUT/results.json (means, intervals, counts, hashes, versions), OUT/samples.parquet (a row for each person)
    and OUT/report.html; of several systems, the first two below OUT/SYSTEM. torchrun may start several processes.
    Exit code 0: all measured; 1: some pictures or predictions were missing; 2: nothing was done.

    Args:
        systems: weights (a .safetensors file, a folder, a hub id, random-xs); predictions (a folder with .npz of mien
            predict or SMPLer-X, or with a table); baseline:FILE.json, or baseline:FOLDER[,FOLDER] for the best
            constant person of those training sets. Several are compared on the same pictures.
        on: names of protocols (ehf, agora-val, studio ...), folders in HumanData form as `mien synth` writes them,
            single annotation files, a store of `mien data ingest` or a dataset in it.
        out: folder for the results.
        split: test.npz, train.npz, or all .npz files of each folder.
        body: a body file or the folder of one; by default the body family of the weights is looked for.
        images: where the pictures are; by default in the folder of the labels.
        root: the folder of raw data (or of synthetic recipes), for protocols.
        hands: how the files keep hand poses, where they do not say it themselves.
        reader: of annotation files that are not HumanData (mien data ingest --help lists them), if it must be told.
        device: where the network runs.
        precision: of the network.
        batch_size: people at once.
        workers: processes.
        max_bad: how many pictures may be missing or damaged before it is an error.
        seed: of intervals, and of the people that a baseline is found for, where there are more than 2,000.
        report: write report.html.
        resume: go on with a run that was stopped.
        dry_run: say what would be measured, and measure nothing.
    """
    from mien.errors import InputError
    from mien.evaluate.job import Job, make_plan
    from mien.evaluate.work import Rank

    if not systems:
        raise InputError("nothing to evaluate", expected="weights or predictions")
    shared = Job(
        weights="", on=on, out=out, split=split, body=body or None, images=images or None,
        root=Path(root) if root else None, hands=hands, reader=reader, device=device, precision=precision,
        batch=batch_size, workers=workers, max_bad=max_bad, resume=resume, seed=seed,
    )  # fmt: skip
    rank = Rank.join()  # it says which GPU is this process's own
    places = zip(systems, _places(systems, out), strict=True)
    plans = [make_plan(replace(shared, weights=system, out=place)) for system, place in places]
    if not rank.number:
        _announce(plans)
    if dry_run:
        for truths in plans[0].truths if not rank.number else ():
            print(f"{truths.name:<22}{len(truths):,} of {truths.entries:,} people, {', '.join(truths.sources)}")
        return 0
    return _run(plans, out / "report.html" if report else None, rank)


def _run(plans: list[Plan], page: Path | None, rank: Rank) -> int:
    """Measure, print and write; the exit code. Of several processes one alone speaks."""
    from mien.evaluate.work import run

    done, code = [], 0
    for plan in plans:
        found = _with_progress(plan, lambda plan, progress: run(plan, progress, rank))
        if found is None:
            continue
        done.append((plan, *found))
        _print(*found, str(plan.settings["subject"]["name"]) if len(plans) > 1 else "", len(plan.remarks))
        for name in ("results.json", "samples.parquet"):
            print(plan.job.out / name)
        code = max(code, 1 if found[0].num_skipped or found[0].num_missing else 0)
    if page and done:
        from mien.evaluate.reporting import report

        print(report(page, done))
    return code


def _places(systems: tuple[str, ...], out: Path) -> list[Path]:
    """OUT for one system; of several each has a folder of its own."""
    if len(systems) == 1:
        return [out]
    names = [re.sub(r"[^\w.-]+", "_", Path(system.rstrip("/")).stem or system) for system in systems]
    doubled = {name for name in names if names.count(name) > 1}
    return [out / (f"{i + 1}_{name}" if name in doubled else name) for i, name in enumerate(names)]


def _announce(plans: list[Plan]) -> None:
    for plan in plans:
        if plan.warning:
            print(f"mien: WARNING: {plan.warning}", file=sys.stderr)
        for remark in plan.remarks:
            print(f"mien: note: {remark}", file=sys.stderr)


def _with_progress(plan: Plan, run: Any) -> tuple[Results, dict[str, Any]] | None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("evaluate", total=plan.people)
        return run(plan, lambda people: progress.advance(bar, people))


def _print(results: Results, record: dict[str, Any], title: str = "", told: int = 0) -> None:
    """Means by folder and over all; the first remarks were told before."""
    from rich.console import Console
    from rich.table import Table

    from mien.evaluate.results import SHOWN

    if title:
        print(title)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("folder", "people", *SHOWN.values()):
        table.add_column(column, justify="left" if column == "folder" else "right", no_wrap=True)
    rows = {name: (_measured(each), each["measures"]) for name, each in record["folders"].items()}
    rows |= {"all": (_measured(record), record["measures"])} if len(rows) > 1 else {}
    for name, (people, measures) in rows.items():
        means = [measures.get(measure, {}).get("mean") for measure in SHOWN]
        table.add_row(name, f"{people:,}", *("no samples" if mean is None else f"{mean:.1f}" for mean in means))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print("[dim]millimetres, means over people; 2D in percent of the longer side of the box[/]")
    for name, each in record["folders"].items():
        if (found := each["detection"]) and found["f1"] is not None:
            said = f"{name}: F1 {found['f1']:.3f} ({found['missed']} missed, {found['extra']} about nobody)"
            print(said + ("" if found["nmve"] is None else f", NMVE {found['nmve']:.1f}"))
    for key, part in record["mpe"].items():
        if part["value"] is not None:
            print(f"MPE {key}: {part['value']:.1f} mm ({part['definition']})")
    for remark in record["remarks"][told:]:
        print(f"mien: note: {remark}", file=sys.stderr)
    if results.num_skipped:
        print(f"mien: {results.num_skipped} people have no picture that can be used", file=sys.stderr)
    if results.num_missing:
        print(f"mien: {results.num_missing} people have no prediction: they are in no mean", file=sys.stderr)


def _measured(record: dict[str, Any]) -> int:
    return record["people"] - record["not_looked_at"] - record["missing"]
