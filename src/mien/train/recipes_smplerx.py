"""The published trainings of SMPLer-X, and its specialists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mien.data.catalogue import ladder
from mien.losses.smplerx import SmplerxLoss
from mien.nets.smplerx import SIZES
from mien.train.config import Data, Optimizer, Ranks, Records, TrainConfig
from mien.train.published import LENGTHS, SPECIALISTS, intervals

__all__ = ["RECIPES", "finetuning", "published"]

_DATA = ("5", "10", "20", "32")


def published(size: str, data: str) -> TrainConfig:
    """A training of the paper: a size, and a ladder of 5 to 32 datasets.

    Adam at 1e-5 (2e-5 for l5), a cosine to 1e-6 over 10 epochs, batches of 512 (256 for h), no warm-up, no clipping.
    Lengths of epochs are those of SMPLest-X. Batch norms see the samples of one process. The published encoders start
    from ViTPose: `--set start.encoder=vitpose_huge.pth`.
    """
    names = tuple(entry.name for entry in ladder(int(data)))
    return TrainConfig(
        name=f"smplerx-{size}{data}",
        summary=f"SMPLer-X-{size.upper()} on {len(names)} datasets, {LENGTHS[data] / 1e6:g}M samples an epoch",
        network=SIZES[size],
        loss=SmplerxLoss(),
        batch=256 if size == "h" else 512,
        epochs=10,
        data=Data(datasets=names, intervals=intervals(names, "smplerx"), length=LENGTHS[data], workers=8),
        optimizer=Optimizer(lr=2e-5 if size + data == "l5" else 1e-5, lr_min=1e-6),
        ranks=Ranks(precision="bf16", checkpoint_blocks=size in ("l", "h")),
        records=Records(save_every=5000, validate_every=5000, sheet_every=5000, asynchronous=True),
    )


def finetuning(specialist: str) -> TrainConfig:
    """A published specialist, from h32: 5 epochs of 1.0M balanced samples, 1e-5 to 5e-7, the whole network."""
    names = SPECIALISTS[specialist]
    config = published("h", "32")
    return replace(
        config,
        name=f"smplerx-finetune-{specialist}",
        summary=f"a specialist of SMPLer-X: {', '.join(names)}",
        epochs=5,
        data=replace(config.data, datasets=names, intervals=intervals(names, "smplerx"), length=1_000_000),
        optimizer=Optimizer(lr=1e-5, lr_min=5e-7),
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    **{f"smplerx-{size}{data}": (lambda s=size, d=data: published(s, d)) for size in "hlbs" for data in _DATA},
    **{f"smplerx-finetune-{name}": (lambda n=name: finetuning(n)) for name in SPECIALISTS},
}
