"""`mien synth`: pictures of synthetic people with exact labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from mien.cli.told import bar_columns, say
from mien.errors import InputError

if TYPE_CHECKING:
    from mien.synth.generate import Job

__all__ = ["synth"]


def synth(
    recipe: Annotated[str, tyro.conf.Positional] = "",
    /,
    out: Path | None = None,
    count: int = 100,
    seed: int = 0,
    size: int = 512,
    workers: int = 1,
    test: int | None = None,
    body: str = "",
    backgrounds: Path | None = None,
    poses: Path | None = None,
    list: bool = False,
    dry_run: bool = False,
) -> int:
    """Pictures of synthetic people, and the exact truth about them as HumanData: OUT/images, train.npz and test.npz.

    The same seed gives the same files, for any number of workers. The test split is the same for every seed and shares
    nothing with training (of one background, or a single frame of poses, both have to make do). An interrupted run goes
    on where it stopped when it is started again.

    Args:
        recipe: a name (see --list), or a Python file that defines RECIPE.
        out: folder for the data.
        count: pictures of both splits together.
        seed: of the training split.
        size: width and height of the pictures, pixels.
        workers: processes.
        test: pictures of the test split; by default a tenth of all.
        body: an SMPL-X file of yours; by default the open body.
        backgrounds: a folder of pictures to stand people in front of.
        poses: an AMASS .npz to take postures from.
        list: print the recipes.
        dry_run: say what would be made, and make nothing.
    """
    if list:
        _print_recipes()
        return 0
    if not recipe:
        raise InputError("no recipe", expected="a name or a file", todo="mien synth --list shows the names")
    if out is None:
        raise InputError("no --out", expected="a folder for the data")
    if workers < 1:
        raise InputError(f"--workers {workers}", expected="at least 1")
    from mien.synth.generate import Job, plan

    job = Job(
        recipe=recipe,
        out=out,
        count=count,
        seed=seed,
        size=size,
        test=test,
        body=body or None,
        backgrounds=backgrounds,
        poses=poses,
    )
    settings = plan(job)
    if dry_run:
        print("\n".join(f"{key:<22}{value}" for key, value in settings.items()))
        return 0
    _generate(job, workers)
    return 0


def _generate(job: Job, workers: int) -> None:
    """With a progress bar; then the files it made, a line each."""
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.text import Text

    from mien.kernel_cache import are_kept
    from mien.synth.generate import generate
    from mien.synth.process import keep_memory

    keep_memory()
    if not are_kept("synth"):
        say("compiling, as nothing is kept from before: about two minutes before the first pictures")

    class Rate(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:.1f} pictures/s" if task.speed else "")

    with Progress(*bar_columns(Rate()), console=Console(stderr=True)) as bar:
        task = bar.add_task(job.recipe, total=job.count)
        generate(job, workers, lambda done, total: bar.update(task, completed=done, total=total))
    for name in ("train.npz", "test.npz", "sheet.jpg", "sheet_labels.jpg", "statistics.html"):
        if (job.out / name).exists():
            print(job.out / name)


def _print_recipes() -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.synth.recipes import RECIPES

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("recipe")
    table.add_column("people")
    table.add_column("what it is like")
    for name, make in RECIPES.items():
        recipe = make()
        counts = sorted(recipe.people.count)
        people = str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"
        table.add_row(name, people, recipe.summary)
    Console(highlight=False).print(table)
