"""The run folder: who may write to it, what it says of the run, and the weights that come out of it.

config.json               the whole config; the same training again: mien train OUT/config.json --out ELSEWHERE
run.json                  versions, commit, machine, seed, data, command; a list, one entry a start
log.jsonl                 numbers of every few steps, validations, checkpoints
tensorboard/ sheets/      the same to look at
checkpoints/              what a run goes on from
weights/last.safetensors, weights/best.safetensors
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import mien
from mien.body.model import BodyModel
from mien.data.making import BatchMaker
from mien.data.store import Dataset
from mien.errors import InputError, WeightsError
from mien.files import atomic_write, read_json
from mien.nets.card import WeightCard
from mien.nets.network import Network
from mien.nets.weights import load_weights, save_weights
from mien.train.config import TrainConfig, from_json, to_json
from mien.train.ranks import World

__all__ = ["RunFolder", "commit", "describe_data", "machine", "processor"]

CONFIG, RUN = "config.json", "run.json"
log = logging.getLogger("mien")


@dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one training."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Where they lie."""
        return self.path / "checkpoints"

    @property
    def begun(self) -> bool:
        """Whether a training has been started here."""
        return (self.path / CONFIG).exists()

    def claim(self, config: TrainConfig) -> None:
        """Write the config; from now on the folder is this training's."""
        with atomic_write(self.path / CONFIG) as stream:
            stream.write(to_json(config).encode())

    def check(self, config: TrainConfig, *, resume: bool) -> None:
        """See whether this training may go on here.

        Raises:
            InputError: a training has been started here and is not to be resumed, or is another one.
        """
        if not self.begun:
            return
        if not resume:
            todo = "add --resume to go on with it, or choose another --out"
            raise InputError(f"{self.path} holds a training already", expected="a new folder", todo=todo)
        there = self.config()
        if changed := _differences(json.loads(to_json(there)), json.loads(to_json(config))):
            found = f"{self.path} holds a training with {changed[0][0]} = {changed[0][1]}"
            raise InputError(
                found, expected=f"{changed[0][2]}", todo="go on with its own config, or choose another --out"
            )

    def config(self) -> TrainConfig:
        """The config of the training that was started here."""
        try:
            text = (self.path / CONFIG).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path} holds no training ({error})", expected="a folder of mien train") from error
        return from_json(text, str(self.path / CONFIG))

    def note_start(self, world: World, maker: BatchMaker, body: BodyModel, step: int) -> None:
        """Add this start of the run to `run.json`."""
        path = self.path / RUN
        entries = _starts(path)
        entries.append(
            {
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "step": step,
                "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
                "mien": mien.__version__,
                "commit": commit(),
                "python": platform.python_version(),
                "torch": torch.__version__,
                "machine": machine(world),
                "ranks": world.size,
                "restarts": world.restarts,
                "seed": maker.order.seed,
                "body": {"family": body.family, "sha256": body.sha256},
                "data": describe_data(maker),
                "samples_an_epoch": len(maker.mixing),
            }
        )
        with atomic_write(path) as stream:
            stream.write((json.dumps(entries, indent=1) + "\n").encode())

    def best(self, measure: str) -> float:
        """The lowest held-out error of weights that were exported so far; infinity if there is none."""
        path = self.path / "weights" / "best.safetensors"
        if not path.exists():
            return math.inf
        try:
            value = load_weights(path)[1].training.get("held_out", {}).get(measure, math.inf)
        except WeightsError:
            return math.inf
        return float(value)

    def export(self, network: Network, card: WeightCard, name: str) -> Path:
        """Write weights as fp16 with their card; returns the file."""
        path = self.path / "weights" / f"{name}.safetensors"
        save_weights(network, card, path, dtype=torch.float16)
        return path


def describe_data(maker: BatchMaker) -> list[dict[str, Any]]:
    """What is trained on, as cards and logs say it."""
    found = []
    for dataset, part in zip(maker.datasets, maker.mixing.parts, strict=True):
        entry: dict[str, Any] = {"name": part.name, "rows": part.length, "interval": part.interval}
        if isinstance(dataset, Dataset):
            manifest = dataset.manifest
            entry["licence"] = manifest.licence
            entry["sources"] = [{"name": each.name, "sha256": each.sha256} for each in manifest.sources]
        found.append(entry)
    return found


def machine(world: World) -> str:
    """What the training runs on, in words."""
    if world.device.type == "cuda":
        return f"{world.size} x {torch.cuda.get_device_name(world.device)}"
    return f"{processor()}, {os.cpu_count()} cores, {world.size} process{'' if world.size == 1 else 'es'}"


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str:
    """Of the checkout that this code runs from; empty for an installed package."""
    root = Path(mien.__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


MAY_CHANGE = ("records", "ranks", "steps", "epochs", "summary", "data.workers", "data.max_bad", "data.sources")
"""What a training may be resumed with other values of. `steps` and `epochs` bend the rest of the schedule, `ranks`
changes rounding and what batch norms see. Sources may lie elsewhere, but hold the same: `Loader.load_state_dict`."""


def _starts(path: Path) -> list[Any]:
    """What `run.json` tells of earlier starts. They are notes: a damaged file is begun anew, and kept beside it."""
    if not path.exists():
        return []
    try:
        entries = read_json(path)
        if isinstance(entries, list):
            return entries
        reason = "it is no list"
    except (ValueError, InputError) as error:
        reason = str(error)
    kept = path.with_suffix(".damaged.json")
    os.replace(path, kept)
    log.warning("%s cannot be read (%s); it is kept as %s", path, reason, kept.name)
    return []


def _differences(there: dict[str, Any], asked: dict[str, Any], at: str = "") -> list[tuple[str, Any, Any]]:
    found = []
    for key in {**there, **asked}:
        name, value, other = f"{at}{key}", there.get(key), asked.get(key)
        if name in MAY_CHANGE or value == other:
            continue
        if isinstance(value, dict) or isinstance(other, dict):
            found += _differences(value or {}, other or {}, f"{name}.")
        else:
            found.append((name, value, other))
    return found
