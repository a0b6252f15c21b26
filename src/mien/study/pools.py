"""Where jobs run: in processes of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, runtime_checkable

from mien.cluster.connect import connect
from mien.data.manifest import read_json, write_json
from mien.errors import InputError, MienError, reason_of
from mien.files import writing
from mien.study.work import JOB, OUTCOME, STOPPED, Order

__all__ = ["Cluster", "Failed", "Local", "Pool"]

LOG = "job.log"


class Failed(MienError):
    """A job ended without a result."""


@runtime_checkable
class Pool(Protocol):
    """Where jobs run."""

    def submit(self, order: Order) -> Future[dict[str, Any]]:
        """Start a job as soon as there is room; its future gives its outcome, or raises."""
        ...

    def close(self) -> None:
        """Stop all that run. What they were at goes on from their checkpoints another time."""
        ...


class Children:
    """The processes of this one: none is started once they are stopped."""

    def __init__(self) -> None:
        self.running: set[subprocess.Popen[bytes]] = set()
        self._stopped, self._lock = False, threading.Lock()

    def run(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
        """Run one to its end; returns its exit code.

        Raises:
            Failed: they are stopped.
        """
        with writing(log):
            stream = open(log, "wb")
        with stream:
            with self._lock:
                if self._stopped:
                    raise Failed("stopped")
                process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
                self.running.add(process)
            try:
                return process.wait()
            finally:
                self.running.discard(process)

    def stop(self) -> None:
        """Ask all of them to save and end."""
        with self._lock:
            self._stopped = True
            for process in list(self.running):
                process.terminate()


class Local:
    """Jobs on this machine, some of them side by side.

    Raises:
        InputError: of no worker.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise InputError(f"--workers {workers}", expected="at least 1")
        self.workers, self.children = workers, Children()
        self._pool = ThreadPoolExecutor(self.workers)
        self._slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(self.workers):
            self._slots.put(slot)

    def submit(self, order: Order) -> Future[dict[str, Any]]:
        """Start it in a thread that waits for its process."""
        return self._pool.submit(self._run, order)

    def _run(self, order: Order) -> dict[str, Any]:
        slot = self._slots.get()
        try:
            return run_process(order, _environment(self.workers, slot), self.children)
        finally:
            self._slots.put(slot)

    def close(self) -> None:
        """Ask the processes to save and end, and wait for them."""
        self.children.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """Jobs on the machines of a Ray cluster. All see the study's folder and the data at the same paths.

    Args:
        address: of the cluster, `auto` for the one this machine belongs to, `local` for one made here and now.
        cpus: cores of a job.
        gpus: of a job.
    """

    def __init__(self, address: str, *, cpus: float = 1, gpus: float = 0) -> None:
        self._ray = connect(address, why="running a study on many machines")
        self._remote = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=2)(_remote)

    def submit(self, order: Order) -> Future[dict[str, Any]]:
        """Start it somewhere."""
        return _told(self._remote.remote(order).future())

    def close(self) -> None:
        """Leave the cluster; what runs there for this study ends."""
        self._ray.shutdown()


def _remote(order: Order) -> dict[str, Any] | str:
    """On the other machine: run the process; errors of ours travel as text."""
    try:
        return run_process(order, os.environ, Children())
    except MienError as error:
        return str(error)


def _told(future: Future[Any]) -> Future[dict[str, Any]]:
    """A future whose text is a failure."""
    told: Future[dict[str, Any]] = Future()

    def done(inner: Future[Any]) -> None:
        error = inner.exception()
        found = inner.result() if error is None else reason_of(error, -1)
        if isinstance(found, str):
            told.set_exception(Failed(found))
        else:
            told.set_result(found)

    future.add_done_callback(done)
    return told


def run_process(order: Order, environment: Mapping[str, str], children: Children) -> dict[str, Any]:
    """Run a job in a process and read what it found; a finished one is only read.

    Raises:
        Failed: it ended without a result; the last line that it said is given.
    """
    outcome = order.place / OUTCOME
    if (known := _read(outcome, order)) is not None:
        return known
    write_json(order.place / JOB, asdict(order))
    code = children.run(_command(order), order.place / LOG, environment)
    if code == 0 and (known := _read(outcome, order)) is not None:
        return known
    raise Failed(_reason(order.place / LOG, code))


def _command(order: Order) -> list[str]:
    return [sys.executable, "-m", "mien.study.work", str(order.place / JOB), str(os.getpid())]


def _read(path: Path, order: Order) -> dict[str, Any] | None:
    """The outcome of this very job, if it is there."""
    if not path.is_file():
        return None
    try:
        record = read_json(path)
    except InputError:
        return None
    return record if record.get("key") == order.key else None


def _reason(log: Path, code: int) -> str:
    if code == STOPPED:
        return "stopped; it goes on when the study is started again"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = lines[-1].removeprefix("mien: error: ") if lines else "it said nothing"
    ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{said} ({ended}; see {log})"


def _environment(workers: int, slot: int) -> dict[str, str]:
    """Of a job: its share of the cores, and a GPU of its own where there are several."""
    found = dict(os.environ)
    found.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    if workers > 1 and "CUDA_VISIBLE_DEVICES" not in found and (count := _gpus()):
        found["CUDA_VISIBLE_DEVICES"] = str(slot % count)
    return found


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
