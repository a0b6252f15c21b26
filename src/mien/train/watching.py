"""What the leading process does beside the steps: it logs, looks at held-out people, draws sheets, exports weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mien.data.augment import Augment
from mien.data.making import BatchMaker
from mien.data.store import Dataset
from mien.evaluate.reading import read_truths
from mien.evaluate.results import SHOWN
from mien.evaluate.running import BadPictures, evaluate
from mien.evaluate.truths import Truths
from mien.files import atomic_write
from mien.metrics.parts import MeshParts
from mien.nets.card import WeightCard
from mien.nets.network import Network
from mien.nets.weights import empty_network
from mien.pictures import encoded
from mien.train.config import TrainConfig
from mien.train.folder import RunFolder, describe_data, machine
from mien.train.live import Live
from mien.train.ranks import World
from mien.train.sheets import prediction_sheet
from mien.train.sources import held_out
from mien.train.starting import licence_of_start
from mien.train.telemetry import Telemetry

__all__ = ["Watcher"]

log = logging.getLogger("mien")


class Watcher:
    """Of one start of a training.

    Args:
        config: of the training.
        folder: its run folder.
        world: the processes.
        maker: of its batches; its body is on the CPU.
        steps: of the whole training.
        telemetry: who is told.
    """

    def __init__(
        self, config: TrainConfig, folder: RunFolder, world: World, maker: BatchMaker, steps: int, telemetry: Telemetry
    ) -> None:
        self.config, self.folder, self.world, self.maker, self.steps = config, folder, world, maker, steps
        self.body, self.telemetry = maker.body, telemetry
        self.errors: dict[str, float] = {}
        self.checked = 0
        """The step of those errors."""
        self.measure = config.records.best
        self.best = folder.best(self.measure)
        self.licence = ""
        """What the weights that it started from ask of all that come of them."""
        records = config.records
        folders = records.validation or held_out(config.data.sources) if records.validate_every else ()
        self._truths = _apart(
            [read_truths(Path(each).expanduser(), "test", self.body) for each in folders], records.validation_rows
        )
        self._parts = MeshParts.load(self.body.path) if self._truths else None

    def memory(self) -> dict[str, Any]:
        """What a later start of the training is to know."""
        return {"held_out": self.errors, "held_out_step": self.checked, "start_licence": self.licence}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know what an earlier start of the training knew: its `memory`, or nothing."""
        self.errors, self.checked = memory.get("held_out", {}), memory.get("held_out_step", 0)
        known = memory.get("start_licence")
        self.licence = licence_of_start(self.config) if known is None else known

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """What the last steps were like."""
        self.telemetry.numbers(step, "train", values)

    def validate(self, step: int, weights: Mapping[str, Tensor]) -> None:
        """Predict held-out people; weights that are better than all before are exported."""
        if not self._truths:
            return
        network, found = self._with(weights), dict[str, float]()
        for truths in self._truths:
            bad = BadPictures(limit=self.config.data.max_bad)
            summary = evaluate(network, truths, self.body, parts=self._parts, bad=bad).summary
            found |= {f"{name}/{truths.name}": value for name, value in summary.items() if name in SHOWN}
        means = {name: [value for key, value in found.items() if key.startswith(f"{name}/")] for name in SHOWN}
        self.errors = {name: sum(values) / len(values) for name, values in means.items() if values}
        self.checked = step
        self.telemetry.numbers(step, "held_out", {**self.errors, **found})
        self._choose_measure()
        error = self.errors.get(self.measure, math.inf)
        if error < self.best:
            self.best = error
            self.export(step, weights, "best")

    def _choose_measure(self) -> None:
        """Where held-out people have no truth for `records.best`, the first measure that there is says what is best."""
        if self.measure not in self.errors and (there := [name for name in SHOWN if name in self.errors]):
            log.warning("no held-out person has a %s: the weights with the best %s are kept", self.measure, there[0])
            self.measure = there[0]
            self.best = self.folder.best(self.measure)

    def sheet(self, step: int, weights: Mapping[str, Tensor]) -> None:
        """Draw predictions on the same samples every time, plainly cut."""
        order = replace(self.maker.order, batch=min(12, self.maker.order.length))
        plain = replace(self.maker, augment=Augment.none(self.config.augment.ratio), order=order, rank=0, world=1)
        picture = prediction_sheet(self._with(weights), self.body, plain[0, 0])
        path = self.folder.path / "sheets" / f"step_{step:08d}.jpg"
        with atomic_write(path) as stream:
            stream.write(encoded(".jpg", picture))
        self.telemetry.picture(step, "predictions", picture)

    def export(self, step: int, weights: Mapping[str, Tensor], name: str) -> Path:
        """Weights with their card, as `weights/NAME.safetensors`."""
        return self.folder.export(self._with(weights), self._card(step), name)

    def close(self) -> None:
        """The training ends."""
        self.telemetry.close()

    def _with(self, weights: Mapping[str, Tensor]) -> Network:
        network = empty_network(self.config.network)
        network.load_state_dict(dict(weights), assign=True)
        return network.to(self.world.device)

    def _card(self, step: int) -> WeightCard:
        config = self.config
        open_data = self.body.family == "openbody" and all(_is_ours(each) for each in self.maker.datasets)
        family = "openbody" if self.body.family == "openbody" else "smplx"
        training = {
            "recipe": config.name,
            "step": step,
            "steps": self.steps,
            "batch": config.batch,
            "samples": step * config.batch,
            "seed": config.seed,
            "data": describe_data(self.maker),
            "hardware": machine(self.world),
            "date": datetime.now(UTC).date().isoformat(),
            "start": config.start.weights or config.start.encoder,
            "mean_of_weights": config.optimizer.ema,
            "held_out": self.errors,
            "held_out_step": self.checked,
        }
        licences = [] if open_data else ["as the licences of the data that it was trained on allow"]
        licences += [self.licence] if self.licence else []
        return WeightCard(
            name=config.name,
            config=config.network,
            body_family=family,
            licence="; ".join(licences) or "Apache-2.0",
            source="mien train",
            recipe=f"{config.name}: {step:,} of {self.steps:,} steps of {config.batch} samples, seed {config.seed}",
            training=training,
        )


def _apart(folders: list[Truths], count: int) -> list[Truths]:
    """At most so many people of each folder, evenly spread, under names that are all different."""
    found = list[Truths]()
    for number, truths in enumerate(folders):
        rows = np.unique(np.linspace(0, len(truths) - 1, min(count, len(truths))).astype(np.int64))
        twice = sum(each.name == truths.name for each in folders) > 1
        found.append(replace(truths.take(rows), name=f"{truths.name}-{number}" if twice else truths.name))
    return found


def _is_ours(dataset: object) -> bool:
    """Whether all of a dataset was made by `mien synth`."""
    return isinstance(dataset, Live) or (isinstance(dataset, Dataset) and bool(dataset.manifest.settings.get("exact")))
