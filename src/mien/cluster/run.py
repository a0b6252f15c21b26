"""A job on Ray Data: a pool of actors, each with a network of its own, and one input a task."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mien.cluster.connect import connect
from mien.cluster.manifest import Entry, Manifest
from mien.cluster.plan import Item
from mien.cluster.worker import Job, Worker
from mien.errors import InputError, MienError

__all__ = ["Request", "run_items"]

_ROUND = 10_000
"""Inputs that Ray Data is given at once: it keeps something of each in memory."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What of a cluster is wanted.

    Raises:
        InputError: less than nothing.
    """

    address: str
    """`auto` for the cluster that this machine belongs to, `local` for one made here and now, or an address."""
    actors: int = 2
    cpus: float = 1
    """Cores of an actor."""
    gpus: float = 0
    """Of an actor."""

    def __post_init__(self) -> None:
        if self.actors < 1:
            raise InputError(f"--actors {self.actors}", expected="at least 1")
        if self.cpus <= 0 or self.gpus < 0:
            raise InputError(f"--cpus {self.cpus:g} --gpus {self.gpus:g}", expected="cores above 0, GPUs from 0 on")


class _Attempts:
    """How often each input was begun. It lives beside the workers, so that it outlives them."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def begin(self, stem: str) -> int:
        """Once more; returns how often now."""
        self.counts[stem] = self.counts.get(stem, 0) + 1
        return self.counts[stem]


class _Actor:
    """A worker as Ray Data wants it: rows of text in, rows of text out.

    Ray Data gives the input of an actor that died to another one, without end; here it ends.
    """

    def __init__(self, job: Job, attempts: Any) -> None:
        self.worker, self.attempts = Worker(job), attempts

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import ray

        item = Item(**json.loads(row["item"]))
        attempt: Any = ray.get(self.attempts.begin.remote(item.stem))
        done = self.worker.given_up(item, attempt) or self.worker.work(item)
        return {"done": json.dumps(asdict(replace(done, entry=replace(done.entry, attempts=attempt))))}


def run_items(
    items: Sequence[Item], job: Job, request: Request, manifest: Manifest, tell: Callable[[Entry], None]
) -> None:
    """Work on all of them; what is wrong with one is in its entry, and stops no other.

    Args:
        items: what there is to do, in this order.
        job: what is done with each.
        request: where.
        manifest: where each is entered when it is done; whole at any moment.
        tell: called with each entry.

    Raises:
        InputError: there is no such cluster, or it has no room.
        MienError: Ray is not installed, a worker cannot load what it needs, or results cannot be written; what is
            finished stays.
    """
    cpus = max(os.cpu_count() or 1, math.ceil(request.actors * request.cpus))
    ray = connect(request.address, why="predicting on many machines", cpus=cpus)
    waiting = {item.stem: item for item in items}

    def keep(entry: Entry) -> None:
        waiting.pop(entry.stem, None)
        manifest.add(entry)
        tell(entry)

    try:
        _check(ray, request)
        manifest.begin()
        try:
            for start in range(0, len(items), _ROUND):
                for record in _stream(ray, items[start : start + _ROUND], job, request):
                    entry = Entry(**{**record["entry"], "problems": tuple(record["entry"]["problems"])})
                    if record["stop"]:
                        raise MienError(entry.error)
                    keep(entry)
            for item in list(waiting.values()):
                keep(item.entry(error="its worker gave no answer", attempts=job.retries + 1))
        finally:
            manifest.save()
    finally:
        ray.shutdown()


def _check(ray: Any, request: Request) -> None:
    """An actor that fits nowhere would be waited for without end."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= request.cpus and node.get("GPU", 0) >= request.gpus for node in nodes):
        most = max((f"{node.get('CPU', 0):g} cores and {node.get('GPU', 0):g} GPUs" for node in nodes), default="none")
        found = f"an actor with {request.cpus:g} cores and {request.gpus:g} GPUs fits on no machine of the cluster"
        raise InputError(found, expected=f"at most {most}", todo="choose other --cpus and --gpus")


def _stream(ray: Any, items: Sequence[Item], job: Job, request: Request) -> Any:
    """What became of each item, as they are done; one that Ray loses is missing."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = data.from_items([{"item": json.dumps(asdict(item))} for item in items], override_num_blocks=len(items))
    size = min(request.actors, len(items))
    done = rows.map(
        _Actor,  # pyright: ignore[reportArgumentType]
        fn_constructor_kwargs={"job": job, "attempts": ray.remote(num_cpus=0)(_Attempts).remote()},
        compute=data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        num_cpus=request.cpus,
        num_gpus=request.gpus,
    )
    for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
        for text in batch["done"]:
            yield json.loads(str(text))
