"""One job, in a process of its own: `python -m mien.study.work JOB/job.json`.

Trains (or goes on where the last checkpoint is), evaluates (or goes on after the last stretch), and writes
`outcome.json`. A process of its own gives all its memory back and takes nothing with it when it dies. It ends, with a
checkpoint, when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data.manifest import parse, read_json, write_json
from mien.errors import InputError, MienError, OutputError
from mien.files import exclusive, sha256

__all__ = ["JOB", "OUTCOME", "STOPPED", "Order", "weights_of", "work"]

JOB, OUTCOME = "job.json", "outcome.json"
WAIT = 60.0
"""Seconds that a process of an earlier start may take to save and leave."""
STOPPED = 130
"""Exit code of a job that a signal ended."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is told to do; `job.json` keeps it."""

    folder: str
    """The job's; the runs lie in it."""
    key: str
    name: str
    config: str
    """JSON of a `TrainConfig`; empty where nothing is trained."""
    weights: str
    """What is evaluated then, as `mien evaluate` takes it."""
    names: tuple[str, ...]
    """Of the benchmarks."""
    on: tuple[str, ...]
    """Where they are."""
    primary: tuple[str, ...]
    """The main measure of each."""
    root: str = ""
    body: str = ""
    device: str = "auto"

    @property
    def place(self) -> Path:
        """The folder."""
        return Path(self.folder)


def weights_of(folder: Path) -> Path:
    """The weights that the training of a job ends with."""
    return folder / "train" / "weights" / "last.safetensors"


def work(order: Order) -> dict[str, Any]:
    """Train and evaluate; what was found, as the study keeps it.

    Raises:
        MienError: of the training and the evaluation.
        Interrupted: a signal ended the training; its checkpoint is there.
    """
    with _alone(order.place):
        about = _train(order) if order.config else {}
        outcome = _outcome(order, about, _evaluate(order))
        write_json(order.place / OUTCOME, outcome)
    return outcome


class Interrupted(Exception):
    """A signal ended the training."""


def _train(order: Order) -> dict[str, Any]:
    """Train to the end; what is to be said of it."""
    from mien.train.config import from_json
    from mien.train.loop import train

    config, out = from_json(order.config, JOB), order.place / "train"
    if not _trained(out, config.steps):
        done = train(config, out, resume=True, device=order.device, quiet=True)
        if done.step < done.steps:
            raise Interrupted
    start = json.loads((out / "run.json").read_text())[-1]
    samples, seconds = _cost(out / "log.jsonl", config.batch)
    return {
        "seed": config.seed,
        "samples": samples,
        "train_seconds": round(seconds, 1),
        "machine": start["machine"],
        "commit": start["commit"],
        "weights_sha256": sha256(weights_of(order.place)),
    }


def _trained(out: Path, steps: int) -> bool:
    """Whether the weights there are those of the last step."""
    from mien.errors import WeightsError
    from mien.nets.weights import load_weights

    path = out / "weights" / "last.safetensors"
    if not path.is_file():
        return False
    try:
        about = load_weights(path)[1].training
    except WeightsError:
        return False
    return about.get("step") == (steps or about.get("steps"))


def _cost(log: Path, batch: int) -> tuple[int, float]:
    """Samples, and seconds of the steps over all starts, from the lines of a training's log."""
    seconds, step = 0.0, 0
    for line in map(json.loads, log.read_text().splitlines()):
        if line["kind"] == "train":
            seconds += (line["step"] - step) * batch / line["samples_per_s"]
            step = line["step"]
    return step * batch, seconds


def _evaluate(order: Order) -> dict[str, Any]:
    from mien.evaluate.job import Job, make_plan
    from mien.evaluate.work import run

    device: Any = order.device.partition(":")[0]
    job = Job(
        weights=str(weights_of(order.place)) if order.config else order.weights,
        on=order.on,
        out=order.place / f"evaluate-{order.key[:8]}",
        root=Path(order.root) if order.root else None,
        body=order.body or None,
        device=device,
        resume=True,
    )
    done = run(make_plan(job))
    assert done is not None
    return done[1]


def _outcome(order: Order, about: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """What study.json says of a job."""
    folders = list(record["folders"].values())
    if len(folders) != len(order.names):
        raise InputError(f"{len(order.names)} benchmarks became {len(folders)} folders", todo="name each by itself")
    found = zip(order.names, folders, order.primary, strict=True)
    return {
        "name": order.name,
        "key": order.key,
        **about,
        "evaluate_seconds": record["seconds"],
        "versions": record["versions"],
        "benchmarks": {name: _benchmark(each, primary) for name, each, primary in found},
    }


def _benchmark(folder: dict[str, Any], primary: str) -> dict[str, Any]:
    """People, means and 95 % intervals over people of a benchmark; millimetres, or what the name of a measure says."""
    measures = {name: each for name, each in folder["measures"].items() if each["mean"] is not None}
    return {
        "people": folder["people"] - folder["not_looked_at"] - folder["missing"],
        "primary": primary,
        "means": {name: round(each["mean"], 3) for name, each in measures.items()},
        "intervals": {
            name: [round(each["low"], 3), round(each["high"], 3)] for name, each in measures.items() if "low" in each
        },
    }


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the job's folder; a process of an earlier start may still be saving."""
    deadline = time.monotonic() + WAIT
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(folder))
                break
            except OutputError:
                if time.monotonic() > deadline or not os.access(folder, os.W_OK):
                    raise
                time.sleep(0.5)
        yield


def _watch_parent(parent: int) -> None:
    """Ask this process to end when the one that started it has."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main(path: Path, parent: int) -> int:
    """The exit code: 0 done, 2 a mistake that one line says, 130 stopped."""
    _watch_parent(parent)
    order: Order = parse(Order, read_json(path), path)
    try:
        work(order)
    except MienError as error:
        print(f"mien: error: {error}", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt):
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
