"""What a training says of itself: `log.jsonl` always, TensorBoard, a line on the console, and whoever else listens."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from mien.files import appended, atomic_write, parse_json, writing
from mien.optional import need
from mien.train.config import TrainConfig, to_json

__all__ = ["Console", "JsonLog", "Listener", "Telemetry", "TensorBoard", "WandB"]

log = logging.getLogger("mien")


@runtime_checkable
class Listener(Protocol):
    """Whoever wants to know how a training goes."""

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Numbers after a step; `kind` is `train` or `held_out`."""
        ...

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture after a step."""
        ...

    def close(self) -> None:
        """The training ends."""
        ...


class JsonLog:
    """One JSON object a line. Lines of steps that are about to be done again are taken out first."""

    def __init__(self, path: Path, step: int) -> None:
        if path.exists():
            kept = [line for line in path.read_text(errors="replace").splitlines() if _step_of(line) <= step]
            with atomic_write(path) as stream:
                stream.write("".join(f"{line}\n" for line in kept).encode())
        self._path = path
        with writing(path):
            self._stream = io.TextIOWrapper(appended(path), encoding="utf-8")

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """A line."""
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        with writing(self._path):
            self._stream.write(json.dumps({"step": step, "kind": kind, **rounded}) + "\n")
            self._stream.flush()

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Not for a log."""

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._stream.close()


class TensorBoard:
    """Curves and sheets in a browser: tensorboard --logdir OUT."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._folder = folder
        with writing(folder):
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """A curve for each."""
        with writing(self._folder):
            for name, value in values.items():
                self._writer.add_scalar(f"{kind}/{name}", value, step)

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture."""
        with writing(self._folder):
            self._writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        with writing(self._folder):
            self._writer.close()


class WandB:
    """Weights & Biases, if the user has it."""

    def __init__(self, project: str, folder: Path, config: Mapping[str, Any]) -> None:
        self._wandb = need("wandb", extra="wandb", why="records.wandb")
        self._run = self._wandb.init(project=project, dir=str(folder), config=dict(config), resume="allow")

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """A row."""
        self._run.log({f"{kind}/{name}": value for name, value in values.items()}, step=step)

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture."""
        self._run.log({name: self._wandb.Image(picture)}, step=step)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()


class Console:
    """A line every few seconds: step, loss, speed, time left."""

    def __init__(self, first: int, steps: int, seconds: float = 5.0) -> None:
        self.first, self.steps, self.seconds = first, steps, seconds
        self._begun = time.monotonic()
        self._next = self._begun

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """A line, if the last one is old enough."""
        from rich.console import Console as Rich

        now = time.monotonic()
        if kind == "train" and now < self._next and step < self.steps:
            return
        self._next = now + self.seconds
        if kind != "train":
            text = ", ".join(f"{name} {value:.1f}" for name, value in values.items() if name.count("/") == 0)
            Rich(stderr=True, highlight=False).print(f"step {step:>7,}  held out: {text}", soft_wrap=True)
            return
        left = (now - self._begun) / max(1, step - self.first) * (self.steps - step)
        text = f"step {step:>7,} of {self.steps:,}  loss {values['loss']:.4f}  lr {values['lr']:.1e}  "
        text += f"{values['samples_per_s']:.1f} samples/s  data {values['data_wait']:.0%}  left {_clock(left)}"
        Rich(stderr=True, highlight=False).print(text, soft_wrap=True)

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Not here."""

    def close(self) -> None:
        """Nothing to do."""


class Telemetry:
    """All listeners as one."""

    def __init__(self, listeners: list[Listener]) -> None:
        self.listeners = listeners

    @classmethod
    def open(cls, config: TrainConfig, folder: Path, step: int, steps: int, *, quiet: bool) -> Telemetry:
        """Everybody whom the config names.

        Args:
            config: of the training.
            folder: its run folder.
            step: steps that are done.
            steps: of the whole training.
            quiet: without the console.
        """
        listeners: list[Listener] = [JsonLog(folder / "log.jsonl", step)]
        if config.records.tensorboard and importlib.util.find_spec("tensorboard") is None:
            log.warning("TensorBoard is not installed, so there are no curves: pip install 'mien[train]'")
        elif config.records.tensorboard:
            listeners.append(TensorBoard(folder / "tensorboard", step))
        if config.records.wandb:
            listeners.append(WandB(config.records.wandb, folder, json.loads(to_json(config))))
        if not quiet:
            listeners.append(Console(step, steps))
        return cls(listeners)

    def numbers(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Tell everybody."""
        for each in self.listeners:
            each.numbers(step, kind, values)

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Show everybody."""
        for each in self.listeners:
            each.picture(step, name, picture)

    def close(self) -> None:
        """The training ends."""
        for each in self.listeners:
            each.close()


def _step_of(line: str) -> int:
    try:
        return int(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 1 << 62  # cut short by a crash


def _clock(seconds: float) -> str:
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds) % 60:02d} s"
