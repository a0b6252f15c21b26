"""Recipes: complete trainings by name.

`mien train --list` prints them. The published ones keep what is known of the paper's trainings (SPEC 3.5, 4.6); our
own are for the open body, so that anybody can run them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mien.data.augment import Augment
from mien.data.catalogue import ladder
from mien.errors import InputError, closest
from mien.losses.smplest import SmplestLoss
from mien.losses.table import LOSSES
from mien.nets.architectures import ARCHITECTURES
from mien.nets.smplest import SIZES
from mien.train import recipes_smplerx
from mien.train.config import Data, Optimizer, Ranks, Records, TrainConfig
from mien.train.published import LENGTHS, SPECIALISTS, intervals

__all__ = ["LENGTHS", "RECIPES", "SPECIALISTS", "finetuning", "load_recipe", "published", "released", "specialist_of"]


def published(size: str, data: str) -> TrainConfig:
    """A training of the paper of SMPLest-X: a size, and a ladder of 5 to 40 datasets; 40plus is the same 40 for longer.

    Adam at 1e-5, a cosine to 1e-6 over 20 epochs, batches of 256, no warm-up, no clipping, no running mean. The
    published encoders start from ViTPose: `--set start.encoder=vitpose_huge.pth`.
    """
    names = tuple(entry.name for entry in ladder(int(data.removesuffix("plus"))))
    return TrainConfig(
        name=f"smplestx-{size}{data}",
        summary=f"SMPLest-X-{size.upper()} on {len(names)} datasets, {LENGTHS[data] / 1e6:g}M samples an epoch",
        network=SIZES[size],
        batch=256,
        epochs=20,
        data=Data(
            datasets=names,
            intervals=intervals(names, "smplestx"),
            length=LENGTHS[data],
            workers=8,
        ),
        optimizer=Optimizer(lr=1e-5, lr_min=1e-6),
        ranks=Ranks(precision="bf16", checkpoint_blocks=size in ("l", "h")),
        records=Records(save_every=5000, validate_every=5000, sheet_every=5000, asynchronous=True),
    )


def released() -> TrainConfig:
    """The released config of SMPLest-X-H to the letter: fp32, exact pixels, its targets, reductions and mixture."""
    config = published("h", "40")
    return replace(
        config,
        name="smplestx-h-released",
        summary="the released config of SMPLest-X-H to the letter, slips included",
        data=replace(config.data, mixing="published", exact=True, replicate=True),
        loss=SmplestLoss(replicate=True),
        ranks=Ranks(precision="fp32", checkpoint_blocks=False),
    )


def finetuning(specialist: str) -> TrainConfig:
    """A published specialist: 5 epochs of 1.0M balanced samples, 1e-5 to 5e-7, the whole network."""
    names = SPECIALISTS[specialist]
    config = published("h", "40")
    return replace(
        config,
        name=f"finetune-{specialist}",
        summary=f"a specialist: {', '.join(names)}",
        epochs=5,
        data=replace(config.data, datasets=names, intervals=intervals(names, "smplestx"), length=1_000_000),
        optimizer=Optimizer(lr=1e-5, lr_min=5e-7),
    )


def specialist_of(architecture: str, name: str) -> TrainConfig:
    """The specialist of a name, for an architecture.

    Raises:
        InputError: there is none; the closest name is given.
    """
    if name not in SPECIALISTS:
        raise InputError(f"no specialist is called {name!r}", todo=closest(name, SPECIALISTS))
    return FINETUNING.get(architecture, finetuning)(name)


def own() -> TrainConfig:
    """Finetuning on a folder of one's own: short, gentle, with a running mean."""
    return TrainConfig(
        name="finetune-own",
        summary="a network on pictures of your own: a hundred are enough, in minutes",
        batch=16,
        steps=300,
        data=Data(mixing="concat"),
        optimizer=Optimizer(lr=3e-5, lr_min=1e-6, warm_up=20, clip=1.0, weight_decay=0.01, ema=0.98),
        records=Records(log_every=10, validate_every=100, sheet_every=100, save_every=100),
    )


def smoke() -> TrainConfig:
    """The smallest network learns 16 pictures by heart; it makes them itself."""
    return TrainConfig(
        name="smoke",
        summary="under a minute on a CPU: the smallest network learns 16 pictures by heart",
        network=SIZES["xxs"],
        body="openbody",
        batch=16,
        steps=200,
        data=Data(sources=("synth:studio",), mixing="concat", pictures=16, picture_size=192),
        augment=Augment.none(),
        optimizer=Optimizer(lr=1e-3, lr_min=1e-5, warm_up=20, clip=100.0, betas=(0.9, 0.98)),
        records=Records(log_every=10, validate_every=0, sheet_every=100, save_every=100),
    )


def open_xs() -> TrainConfig:
    """The network that ships with the package, on synthetic people.

    It is made for few cores and begins from nothing: little is spent on each sample, the patches learn where joints are
    before anybody is seen in them, and Muon moves the maps; without either, ten times the pictures teach as much
    (docs/results/learning.md). Hands are small in a crop and weigh little in a mean over all joints: their terms are
    added once more. The pictures have blur, noise and occluders of their own.
    """
    return TrainConfig(
        name="open-xs",
        summary="the network that ships with the package: 2M parameters, synthetic people, the open body",
        network=SIZES["xs"],
        body="openbody",
        batch=32,
        steps=20_000,
        data=Data(mixing="balance"),
        augment=Augment(mirror_expression=True, scale=0.12, rotation_chance=0.1, shift=0.04, close_chance=0.02),
        loss=SmplestLoss(hand_joints=30.0),
        optimizer=Optimizer(
            lr=1e-3, lr_min=1e-5, muon=3e-3, warm_up=100, weight_decay=0.05, betas=(0.9, 0.99), clip=5.0, ema=0.999
        ),
        records=Records(log_every=50, validate_every=1000, sheet_every=1000, save_every=500, validation_rows=128),
    )


def demo() -> TrainConfig:
    """`make demo-train`: what `open_xs` learns in a few minutes."""
    config = open_xs()
    return replace(
        config,
        name="demo",
        summary="open-xs for a few minutes, with the error on unseen people every 50 steps",
        steps=500,
        optimizer=replace(config.optimizer, ema=0.98),
        records=replace(config.records, log_every=25, validate_every=50, sheet_every=250, save_every=250),
    )


def open_like(architecture: str) -> TrainConfig:
    """The training of `open-xs` for another architecture: the same pictures, the same budget."""
    short = architecture.removeprefix("smplest-").replace("-", "")
    return replace(
        open_xs(),
        name=f"open-{short}-xs",
        summary=f"as open-xs, for the architecture {architecture}",
        network=ARCHITECTURES[architecture].sizes["xs"],
        loss=SmplestLoss(hand_joints=30.0) if LOSSES[architecture] is SmplestLoss else LOSSES[architecture](),
    )


def open_s() -> TrainConfig:
    """The published size s on synthetic people, for a machine with a GPU."""
    config = open_xs()
    return replace(
        config,
        name="open-s",
        summary="the published size s on synthetic people and the open body; wants a GPU",
        network=replace(SIZES["s"], joint_maps=True),
        batch=256,
        steps=100_000,
        data=replace(config.data, workers=8),
        augment=Augment(
            mirror_expression=True,
            shift=0.06,
            upper_chance=0.06,
            close_chance=0.05,
            cutout_chance=0.08,
            blur_chance=0.06,
            jpeg_chance=0.06,
            dark_chance=0.06,
        ),
        optimizer=replace(config.optimizer, lr=4e-4, warm_up=2000, ema=0.9995),
        ranks=Ranks(precision="bf16"),
        records=replace(config.records, asynchronous=True),
    )


FINETUNING: dict[str, Callable[[str], TrainConfig]] = {"smpler-x": recipes_smplerx.finetuning}
"""Specialists of architectures that have their own; others take those of SMPLest-X."""

RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "smoke": smoke,
    "demo": demo,
    "open-xs": open_xs,
    "open-s": open_s,
    "open-smplerx-xs": lambda: open_like("smpler-x"),
    "open-cnn-xs": lambda: open_like("smplest-cnn"),
    "smplestx-h-released": released,
    **{f"smplestx-{size}{data}": (lambda s=size, d=data: published(s, d)) for size in "hlbs" for data in LENGTHS},
    **{f"finetune-{name}": (lambda n=name: finetuning(n)) for name in SPECIALISTS},
    **recipes_smplerx.RECIPES,
    "finetune-own": own,
}


def load_recipe(name: str, **changes: Any) -> TrainConfig:
    """A recipe by name.

    Raises:
        InputError: there is none; the closest name is given.
    """
    if name not in RECIPES:
        raise InputError(f"no recipe is called {name!r}", todo=closest(name, RECIPES))
    return replace(RECIPES[name](), **changes)
