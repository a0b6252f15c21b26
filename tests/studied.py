"""Studies without trainings: folders that only count people, and jobs whose outcomes are made up."""

import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.humandata import HumanData
from mien.data.manifest import read_json, write_json
from mien.study.ledger import Ledger
from mien.study.outcomes import Outcomes
from mien.study.plan import Plan
from mien.study.pools import Failed
from mien.study.running import Place, run
from mien.study.work import OUTCOME, Order, weights_of

CONSTANT = 300.0
"""Of the made-up constant person, on every benchmark."""


def folders(root: Path, names: tuple[str, ...], split: str) -> Path:
    """Folders with `split`.npz of a few people, each of other content."""
    for i, name in enumerate(names):
        count = 3 + i
        box = np.full((count, 5), zlib.crc32(f"{name} {split}".encode()) % 1000, np.float32)
        data = HumanData(image_path=[f"{k}.jpg" for k in range(count)], bbox_xywh=box)
        (root / name).mkdir(parents=True)
        data.write(root / name / f"{split}.npz")
    return root


def outcome(order: Order, error: Callable[[str, str], float]) -> dict[str, Any]:
    """What a job of an order would have found, by its name and the benchmark's."""
    found = {
        name: {
            "people": 10,
            "primary": primary,
            "means": {"pve": error(order.name, name), "pve_hand": error(order.name, name) / 3},
            "intervals": {},
        }
        for name, primary in zip(order.names, order.primary, strict=True)
    }
    trained = (
        {"samples": 640, "seed": 1, "train_seconds": 4.0, "machine": "made", "commit": "0"} if order.config else {}
    )
    return {
        "name": order.name, "key": order.key, **trained, "evaluate_seconds": 2.0, "versions": {"mien": "0"},
        "benchmarks": found,
    }  # fmt: skip


@dataclass
class Fake:
    """A pool that makes outcomes up at once; it can die, and jobs can fail in it."""

    error: Callable[[str, str], float]
    dies_after: int = 1_000_000
    fails: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)
    closed: bool = False

    def submit(self, order: Order) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        known = order.place / OUTCOME
        if known.exists():
            future.set_result(read_json(known))
            return future
        if len(self.done) >= self.dies_after:
            raise KeyboardInterrupt
        self.done.append(order.name)
        if order.name in self.fails:
            future.set_exception(Failed("it died"))
            return future
        weights_of(order.place).parent.mkdir(parents=True, exist_ok=True)
        weights_of(order.place).touch()
        write_json(known, outcome(order, self.error))
        future.set_result(read_json(known))
        return future

    def close(self) -> None:
        self.closed = True


def made_error(job: str, benchmark: str) -> float:
    """Errors that differ by job a little, and by benchmark; the constant's are all the same."""
    if job == "constant":
        return CONSTANT
    return 100 + zlib.crc32(f"{job} {benchmark}".encode()) % 400 / 10


def studied(plan: Plan, out: Path, error: Callable[[str, str], float] = made_error) -> Outcomes:
    """A plan with made-up outcomes of all its jobs."""
    ledger = Ledger.open(out, plan.study)
    assert run(plan, ledger, Place(out=out), Fake(error)) == []
    return Outcomes(plan=plan, records=ledger.jobs)
