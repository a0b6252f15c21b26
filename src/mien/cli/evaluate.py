"""`mien evaluate`: how good weights are on folders of pictures with truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from mien.evaluate.job import Plan
    from mien.evaluate.results import Results

__all__ = ["evaluate"]


def evaluate(
    weights: Annotated[str, tyro.conf.Positional],
    /,
    on: tuple[Path, ...],
    out: Path,
    split: Literal["test", "train", "all"] = "test",
    body: str = "",
    images: str = "",
    hands: Literal["flat", "relative"] = "flat",
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 32,
    max_bad: int = 0,
    seed: int = 0,
    resume: bool = False,
    dry_run: bool = False,
) -> int:
    """How good weights are: errors of every person of some folders, their means, and a table of them.

    Writes OUT/results.json (means, counts, hashes, versions) and OUT/samples.parquet (a row for each person).
    Exit code 0: all measured; 1: some pictures could not be used (--max-bad); 2: nothing was done.

    Args:
        weights: a .safetensors file, a folder, a hub id, random-xs; or baseline:FILE.json, or
            baseline:FOLDER[,FOLDER] to measure the best constant person of those training sets.
        on: folders in HumanData form, as `mien synth` writes them, or single files.
        out: folder for the results.
        split: test.npz, train.npz, or all .npz files of each folder.
        body: a body file or the folder of one; by default the body family of the weights is looked for.
        images: where the pictures are; by default in the folder of the labels.
        hands: how the files keep hand poses, where they do not say it themselves.
        device: where the network runs.
        precision: of the network.
        batch_size: people at once.
        max_bad: how many pictures may be missing or damaged before it is an error.
        seed: of the people that a baseline is found for, where there are more than 2,000.
        resume: go on with a run that was stopped.
        dry_run: say what would be measured, and measure nothing.
    """
    from mien.evaluate.job import Job, make_plan, run

    job = Job(
        weights=weights,
        on=on,
        out=out,
        split=split,
        body=body or None,
        images=images or None,
        hands=hands,
        device=device,
        precision=precision,
        batch=batch_size,
        max_bad=max_bad,
        resume=resume,
        seed=seed,
    )
    plan = make_plan(job)
    if plan.warning:
        print(f"mien: WARNING: {plan.warning}", file=sys.stderr)
    if dry_run:
        for truths in plan.truths:
            print(f"{truths.name:<22}{len(truths):,} of {truths.entries:,} people, {', '.join(truths.sources)}")
        return 0
    results, record = _with_progress(plan, run)
    _print(results, record)
    for name in ("results.json", "samples.parquet"):
        print(out / name)
    return 1 if results.num_skipped else 0


def _with_progress(plan: Plan, run: Any) -> tuple[Results, dict[str, Any]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("evaluate", total=plan.people)
        return run(plan, lambda people: progress.advance(bar, people))


def _print(results: Results, record: dict[str, Any]) -> None:
    """Means by folder and over all."""
    from rich.console import Console
    from rich.table import Table

    from mien.evaluate.results import SHOWN

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("folder", "people", *SHOWN.values()):
        table.add_column(column, justify="left" if column == "folder" else "right", no_wrap=True)
    rows = {
        name: (each["people"] - each["not_looked_at"], each["measures"]) for name, each in record["folders"].items()
    }
    rows |= {"all": (record["people"] - record["not_looked_at"], record["measures"])} if len(rows) > 1 else {}
    for name, (people, measures) in rows.items():
        means = [measures[measure]["mean"] for measure in SHOWN]
        table.add_row(name, f"{people:,}", *("no samples" if mean is None else f"{mean:.1f}" for mean in means))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print("[dim]millimetres, means over people; 2D in percent of the longer side of the box[/]")
    if results.num_skipped:
        print(f"mien: {results.num_skipped} people have no picture that can be used", file=sys.stderr)
