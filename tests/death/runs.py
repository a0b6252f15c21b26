"""Start a run, watch it, kill it: the other side of `death.zygote`."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from death.zygote import COUNTED

TESTS = Path(__file__).parents[1]
PATIENCE = 5.0
"""Seconds that children of a run may take to notice that it is gone."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended."""

    code: int
    """Exit code; -9 if it was killed."""
    seconds: float
    """By the clock."""
    processor: float
    """Seconds of the processor."""
    said: str
    """All that it printed."""
    orphans: tuple[int, ...]
    """Processes of it that were still there seconds after its end."""

    @property
    def changes(self) -> int:
        """Of the folder, in the first process; of runs that came to their end."""
        return int(self.said.rpartition(COUNTED)[2] or 0)

    @property
    def killed(self) -> bool:
        """Whether it was, before it ended by itself."""
        return self.code == -signal.SIGKILL


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What happens to a run; by default nothing."""

    after: float = -1.0
    """Kill it when so many seconds have gone."""
    by_processor: bool = True
    """Those of the processor, so that a busy machine changes nothing."""
    alone: bool = False
    """Kill the first process only, as the system does when memory is short; what it started has to notice."""
    die_at: int = 0
    """Kill it just before this change of its folder, 1 being the first."""
    fail_at: int = 0
    """From this change on the disk takes none."""
    errno: int = errno.ENOSPC
    """Why: it is full, or read-only."""


UNTROUBLED = Fate()


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run that is on its way."""

    pid: int
    mark: str
    log: Path
    begun: float

    def wait(self, seconds: float, by_processor: bool) -> None:
        """Until it has run for so long, or has ended."""
        deadline = time.monotonic() + seconds
        while self._runs():
            try:
                spent = time.clock_gettime((~self.pid << 3) | 2) if by_processor else None
            except OSError:
                return
            left = deadline - time.monotonic() if spent is None else seconds - spent
            if left <= 0:
                return
            time.sleep(min(max(left, 0.001), 0.2))

    def signal(self, number: int, *, alone: bool = False) -> None:
        """Send a signal to the run with its children, or to its first process."""
        with contextlib.suppress(ProcessLookupError):  # it has ended
            (os.kill if alone else os.killpg)(self.pid, number)

    def alive(self) -> list[int]:
        """Processes of the run's group, or started by it with its mark in their environment."""
        mark = f"MIEN_RUN={self.mark}".encode()
        found = []
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                try:
                    fields = (each / "stat").read_text().rpartition(")")[2].split()
                    ours = int(fields[2]) == self.pid or mark in (each / "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                if ours and fields[0] != "Z":
                    found.append(int(each.name))
        return found

    def _runs(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False


class Zygote:
    """The process that forks runs.

    Args:
        inputs: a folder for what the runs read; made by the process.
    """

    def __init__(self, inputs: Path) -> None:
        self.inputs, self._count = inputs, 0
        threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue"}
        path = os.pathsep.join([str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "death/zygote.py"), str(inputs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads, "PYTHONPATH": path},
        )  # fmt: skip
        try:
            self._answer()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._process:  # closes the pipes, which ends it, and waits
            pass

    def run(self, pipeline: str, words: Sequence[str], out: Path, fate: Fate = UNTROUBLED) -> Ended:
        """Run to the end, or to a sudden one.

        Args:
            pipeline: whose sizes to shrink.
            words: of the command line.
            out: its folder; changes there are counted.
            fate: what happens on the way.
        """
        process = self.start(pipeline, words, out, fate)
        if fate.after >= 0:
            process.wait(fate.after, fate.by_processor)
            process.signal(signal.SIGKILL, alone=fate.alone)
        return self.end(process)

    def start(self, pipeline: str, words: Sequence[str], out: Path, fate: Fate = UNTROUBLED) -> Started:
        """Start a run; `end` waits for it."""
        self._count += 1
        mark = f"{os.getpid()}-{self._count}"
        log = self.inputs.parent / f"said-{mark}.txt"
        request = {"pipeline": pipeline, "words": list(words), "out": str(out), "log": str(log), "mark": mark}
        request |= {"die_at": fate.die_at, "fail_at": fate.fail_at, "errno": fate.errno}
        return Started(pid=self._ask(request)["pid"], mark=mark, log=log, begun=time.monotonic())

    def end(self, process: Started) -> Ended:
        """Wait for the end of a run, and for that of its children."""
        answer = self._ask({"wait": process.pid})
        seconds = time.monotonic() - process.begun
        deadline = time.monotonic() + PATIENCE
        while (left := process.alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        said = process.log.read_text() if process.log.exists() else ""
        process.log.unlink(missing_ok=True)
        return Ended(
            code=answer["code"], seconds=seconds, processor=answer["processor"], said=said, orphans=tuple(left)
        )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that forks the runs died")
        return json.loads(line)
