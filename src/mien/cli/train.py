"""`mien train`: networks from data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.errors import InputError

if TYPE_CHECKING:
    from mien.train.config import TrainConfig

__all__ = ["changed", "run", "train"]


def train(
    recipe: Annotated[str, tyro.conf.Positional] = "",
    /,
    out: Path | None = None,
    data: tuple[str, ...] = (),
    start: Annotated[str, tyro.conf.arg(name="from")] = "",
    validation: tuple[str, ...] = (),
    body: str = "",
    steps: int = 0,
    batch: int = 0,
    seed: int | None = None,
    device: str = "auto",
    parallel: Literal["", "ddp", "fsdp2"] = "",
    set: tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]] = (),
    resume: bool = False,
    until: int = 0,
    quiet: bool = False,
    list: bool = False,
    dry_run: bool = False,
) -> int:
    """Train a network by a recipe, in one process or under torchrun (`torchrun --nproc-per-node 8 -m mien train ...`).

    OUT gets config.json, run.json, log.jsonl, tensorboard/, sheets/, checkpoints/ and weights/. SIGTERM and Ctrl-C save
    and leave; the same command with --resume goes on to the bit, on any number of processes.

    Args:
        recipe: a name (see --list), or the config.json of a run.
        out: the run folder.
        data: stores, folders with train.npz, HumanData files, or synth:RECIPE.
        start: weights to start from; of the same recipe they go on with its schedule.
        validation: folders with test.npz to validate on; by default those of the data.
        body: smplx, openbody, or a body file; by default as the recipe says.
        steps: end after so many.
        batch: samples of a step, all processes together.
        seed: of the weights, the order and the augmentation.
        device: auto, cpu, cuda or cuda:1.
        parallel: ddp (every process has the network), or fsdp2 (a share of it).
        set: change a value of the config, such as optimizer.lr=1e-4; any number of them.
        resume: go on with the training in OUT, if there is one.
        until: leave, with a checkpoint, when so many steps are done.
        quiet: no line on the console but errors.
        list: print the recipes.
        dry_run: say what would be done, and do nothing.

    Returns:
        0 when all steps are done; 143 or 130 if a signal ended it, with a checkpoint.
    """
    if list:
        _print_recipes()
        return 0
    if not recipe:
        raise InputError("no recipe", expected="a name or a config.json", todo="mien train --list shows the names")
    config = _config(recipe)
    changes = [f"{key}={value}" for key, value in (("steps", steps), ("batch", batch)) if value]
    changes += [f"body={body}"] if body else []
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"ranks.parallel={parallel}"] if parallel else []
    changes += [each for group in set for each in group]
    config = changed(config, changes, data, validation, start)
    return run(config, out, resume=resume, until=until, device=device, quiet=quiet, dry_run=dry_run)


def run(
    config: TrainConfig, out: Path | None, *, resume: bool, until: int, device: str, quiet: bool, dry_run: bool
) -> int:
    """Train, or say what would be done."""
    if dry_run:
        from mien.train.config import to_json

        print(to_json(config), end="")
        return 0
    if out is None:
        raise InputError("no --out", expected="a folder for the run")
    from mien.train.loop import train as go
    from mien.train.ranks import Stopped

    try:
        done = go(config, out, resume=resume, until=until, device=device, quiet=quiet)
    except Stopped:
        return 2
    if done.weights is not None:
        print(done.weights)
    return 128 + done.signal if done.signal and done.step < done.steps else 0


def _config(recipe: str) -> TrainConfig:
    from mien.train.config import from_json
    from mien.train.recipes import load_recipe

    path = Path(recipe)
    if path.suffix != ".json":
        return load_recipe(recipe)
    try:
        return from_json(path.read_text(encoding="utf-8"), recipe)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {recipe}: {error}", expected="the config.json of a run") from error


def changed(
    config: TrainConfig, changes: Sequence[str], data: tuple[str, ...], validation: tuple[str, ...], start: str
) -> TrainConfig:
    """The config with what the command line says; weights of the same recipe go on with its schedule."""
    import json

    from mien.train.config import override

    changes = [*changes]
    for name, value in (("data.sources", data), ("records.validation", validation)):
        changes = [f"{name}={json.dumps(value)}", *changes] if value else changes
    if not start:
        return override(config, changes)
    from mien.nets.weights import load_weights

    changes = [f"start.weights={json.dumps(start)}", *changes]
    wanted, training = override(config, changes), load_weights(start)[1].training
    again = training.get("recipe") == wanted.name and training.get("batch") == wanted.batch
    step = training.get("step", 0) if again else 0
    return override(config, [f"start.step={step}", *changes])


def _print_recipes() -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.train.recipes import RECIPES

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("recipe", "network", "batch", "length", "what it is"):
        table.add_column(column, no_wrap=column == "recipe")
    for name, make in RECIPES.items():
        config = make()
        length = f"{config.steps:,} steps" if config.steps else f"{config.epochs:g} epochs"
        from mien.nets.architectures import architecture_of

        kind = architecture_of(config.network)
        table.add_row(name, f"{kind.name} {kind.size_of(config.network)}", str(config.batch), length, config.summary)
    Console(highlight=False).print(table)
