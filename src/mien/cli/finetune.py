"""`mien finetune`: a specialist from weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.errors import InputError

if TYPE_CHECKING:
    from mien.nets.card import WeightCard
    from mien.train.config import TrainConfig

__all__ = ["finetune"]


def finetune(
    weights: Annotated[str, tyro.conf.Positional] = "",
    /,
    on: tuple[str, ...] = (),
    out: Path | None = None,
    specialist: str = "",
    tune: Literal["all", "encoder", "decoder_and_heads", "heads"] = "all",
    validation: tuple[str, ...] = (),
    body: str = "",
    steps: int = 0,
    batch: int = 0,
    device: str = "auto",
    set: tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]] = (),
    resume: bool = False,
    until: int = 0,
    quiet: bool = False,
    dry_run: bool = False,
) -> int:
    """Train weights on, on pictures of your own or as one of the published specialists.

    Network and body come from the weights. A hundred people in a folder with train.npz (HumanData) are enough; where
    there is a test.npz beside it, the error on it is printed as it falls. OUT/weights/best.safetensors is the result.

    Args:
        weights: a weights file or name.
        on: folders with train.npz, HumanData files, stores, names of datasets in those stores, or synth:RECIPE.
        out: the run folder.
        specialist: agora, ubody, egobody, arctic, 3dpw or renbody: the published recipe, its datasets from a store.
        tune: what learns: everything, the encoder, all but the encoder, or the last layers.
        validation: folders with test.npz to validate on; by default those of the data.
        body: the body file, for weights that speak to SMPL-X; by default where it is usually kept.
        steps: how many; by default as the recipe says.
        batch: samples of a step.
        device: auto, cpu, cuda or cuda:1.
        set: change a value of the config, such as optimizer.lr=1e-5; any number of them.
        resume: go on with the training in OUT, if there is one.
        until: leave, with a checkpoint, when so many steps are done.
        quiet: no line on the console but errors.
        dry_run: print the config, and do nothing.

    Returns:
        0 when all steps are done; 143 or 130 if a signal ended it, with a checkpoint.
    """
    from mien.cli.train import changed, run
    from mien.nets.weights import load_weights

    if not weights:
        raise InputError("no weights", expected="a weights file or name", todo="mien finetune --help says more")
    config = _recipe(specialist, load_weights(weights)[1], weights)
    sources, names = _split(on)
    if names and not sources:
        found = f"--on {names[0]}, which is no file and no folder"
        todo = "if it is a dataset, name the store that has it as well"
        raise InputError(found, expected="a folder, a store, or synth:RECIPE", todo=todo)
    changes = [f"{key}={value}" for key, value in (("steps", steps), ("batch", batch)) if value]
    changes += [f"body={body}"] if body else []
    changes += [f"start.tune={tune}"] if tune != "all" else []
    changes += [f"data.datasets={_json(names)}"] if names else []
    changes += [each for group in set for each in group]
    config = changed(config, changes, sources, validation, "")
    return run(config, out, resume=resume, until=until, device=device, quiet=quiet, dry_run=dry_run)


def _recipe(specialist: str, card: WeightCard, weights: str) -> TrainConfig:
    """The recipe, for the network and the body of the weights."""
    from mien.losses.table import loss_of
    from mien.train.recipes import own, specialist_of

    config = specialist_of(card.architecture, specialist) if specialist else own()
    start = replace(config.start, weights=weights)
    loss = config.loss if type(config.loss) is loss_of(card.config) else loss_of(card.config)()
    return replace(config, network=card.config, loss=loss, body=card.body_family, start=start)


def _split(on: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is a place or a recipe, and what is the name of a dataset in a store."""
    places = tuple(
        each for each in on if Path(each).expanduser().exists() or each.startswith("synth:") or each.endswith(".npz")
    )
    return places, tuple(each for each in on if each not in places)


def _json(names: tuple[str, ...]) -> str:
    import json

    return json.dumps(names)
