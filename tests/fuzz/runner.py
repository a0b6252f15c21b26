"""Each file is read in a forked process with limits on memory and time; what became of it is one word."""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch

from .mutate import CANARY
from .targets import Target, mutator_of

__all__ = ["BAD", "CPU_SECONDS", "MEMORY", "Case", "Corpus", "Outcome", "run_case"]

CPU_SECONDS = 10
"""Of processor time: longer is a hang. The machine may be shared, so the clock on the wall gets three times as much."""
WALL_SECONDS = 30
MEMORY = 2**31
"""Bytes beyond what the process held before: more is a fault."""
BAD = ("traceback", "hang", "memory", "crash", "code", "wrote", "message")
"""What must not be. `ok` and `refused` (a `MienError`) are the others."""
_FORBIDDEN = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill",
              "subprocess.Popen", "socket.connect", "socket.getaddrinfo", "ftplib.connect", "urllib.Request",
              "pty.spawn", "webbrowser.open", "shutil.rmtree", "os.chown")  # fmt: skip
"""Events of Python that no reader has a reason for."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One changed file, in a folder with the unchanged ones beside it."""

    target: Target
    number: int
    folder: Path
    file: Path


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case."""

    word: str
    detail: str = ""
    seconds: float = 0.0
    peak: int = 0
    """Bytes beyond what the process held before."""


@dataclass(kw_only=True)
class Corpus:
    """Files by seed. The same seed, target and number always give the same file."""

    root: Path
    seed: int
    ready: dict[str, list[Path]] = field(default_factory=dict)

    def seeds(self, target: Target) -> Path:
        """The folder of a target's valid files, made when first asked for."""
        folder = self.root / "seeds" / target.name.replace(" ", "_")
        if target.name not in self.ready:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            target.make(folder)
            self.ready[target.name] = sorted(each for each in folder.glob(target.files) if each.is_file())
        return folder

    def case(self, target: Target, number: int) -> Case:
        """Case `number` of a target; -1 and below are the valid files themselves."""
        source = self.seeds(target)
        files = self.ready[target.name]
        rng = random.Random(f"{self.seed}/{target.name}/{number}")
        chosen = files[-1 - number] if number < 0 else rng.choice(files)
        folder = self.root / "case"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        file = folder / chosen.relative_to(source)
        if number >= 0:
            file.write_bytes(mutator_of(file)(rng, file.read_bytes()))
        return Case(target=target, number=number, folder=folder, file=file)

    def valid(self, target: Target) -> Iterator[Case]:
        """The valid files of a target, unchanged."""
        self.seeds(target)
        for number in range(len(self.ready[target.name])):
            yield self.case(target, -1 - number)


def run_case(case: Case) -> Outcome:
    """Read a case in a process of its own."""
    out, into = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(out)
        _child(case, into)
    os.close(into)
    said = _answer(out, start + WALL_SECONDS)
    os.close(out)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    if (case.folder / CANARY).exists() or Path(CANARY).exists():
        return Outcome(word="code", detail="the canary is there", seconds=seconds)
    if said is None:
        return Outcome(word="hang", detail=f"no end after {WALL_SECONDS} s", seconds=seconds)
    if not said:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        word = "hang" if number in (signal.SIGXCPU, signal.SIGALRM) else "crash"
        return Outcome(word=word, detail=f"signal {number}, status {status}", seconds=seconds)
    return _judged(json.loads(said), seconds)


def _judged(said: dict[str, Any], seconds: float) -> Outcome:
    word, detail, peak = said["word"], said["detail"], said["peak"]
    if said["events"]:
        word, detail = (
            ("code" if any(each.startswith(_FORBIDDEN) for each in said["events"]) else "wrote"),
            str(said["events"]),
        )
    elif word in ("ok", "refused") and peak > MEMORY:
        word, detail = "memory", f"{peak / 2**20:.0f} MiB; {detail}"
    elif word in ("ok", "refused") and seconds > CPU_SECONDS:
        word = "hang"
    return Outcome(word=word, detail=detail, seconds=seconds, peak=peak)


def _answer(pipe: int, until: float) -> bytes | None:
    """What the child says; None if it says nothing in time."""
    found = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        piece = os.read(pipe, 65536)
        if not piece:
            return found
        found += piece


def _child(case: Case, into: int) -> NoReturn:
    """Never returns: says what happened and ends at once, without the parent's clean-up."""
    word, detail = "crash", ""
    events: list[str] = []
    before = _held()
    try:
        os.chdir(case.folder)
        faulthandler.disable()
        torch.set_num_threads(1)  # the parent's pool of threads did not come along, and waiting for it has no end
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        _limit()
        _watch(events, str(case.folder))
        word, detail = outcome_of(lambda: case.target.read(case.folder, case.file))
    except BaseException as error:
        word, detail = "traceback", f"{type(error).__name__}: {error}"
    peak = max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
    text = json.dumps({"word": word, "detail": detail[:3000], "events": events[:5], "peak": peak})
    try:
        os.write(into, text.encode("utf-8", "replace")[:60000])
    finally:
        os._exit(0)


def outcome_of(call: Callable[[], object]) -> tuple[str, str]:
    """What a call came to, as a word, and what was said."""
    from mien.errors import MienError

    try:
        call()
    except MienError as error:
        return _message(str(error))
    except MemoryError:
        return "memory", _place()
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {str(error)[:300]} | {_place()}"
    return "ok", ""


def _message(text: str) -> tuple[str, str]:
    """A refusal is one line that a person can read and a terminal can show."""
    odd = [each for each in text if not each.isprintable()]
    if odd or len(text) > 4000 or not text.strip():
        return "message", f"{len(text)} characters, {odd[:5]}: {text[:300]!r}"
    return "refused", text


def _place() -> str:
    """The last lines of ours that the error went through."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [f"{Path(each.filename).name}:{each.lineno}" for each in frames if "/mien/" in each.filename]
    return " < ".join(reversed(ours[-4:]))


def _held() -> int:
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _limit() -> None:
    with open("/proc/self/statm") as stream:
        size = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + 1, CPU_SECONDS + 3))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, resource.RLIM_INFINITY))


def _watch(events: list[str], folder: str) -> None:
    """Note whatever a reader has no reason to do: start programs, reach for a network, write elsewhere."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            events.append(f"{event} {str(args)[:200]}")
        elif (
            event == "open"
            and len(args) == 3
            and isinstance(args[2], int)
            and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ):
            path = args[0] if isinstance(args[0], str) else os.fsdecode(args[0]) if isinstance(args[0], bytes) else ""
            full = os.path.realpath(path) if path else ""
            if full and not full.startswith((folder, "/dev/", "/proc/")) and "__pycache__" not in full:
                events.append(f"open {full[:200]} for writing")

    sys.addaudithook(hook)


def run_all(
    corpus: Corpus, targets: list[Target], count: int, *, keep: Path | None = None, say: Callable[[str], object] = print
) -> tuple[dict[str, Counter[str]], list[dict[str, Any]]]:
    """All cases: how many of each word by target, and what was bad."""
    _import_everything()
    counts: dict[str, Counter[str]] = {target.name: Counter() for target in targets}
    bad: list[dict[str, Any]] = []
    each = -(-count // len(targets))
    for target in targets:
        for number in range(each):
            case = corpus.case(target, number)
            outcome = run_case(case)
            counts[target.name][outcome.word] += 1
            counts[target.name]["most MiB"] = max(counts[target.name]["most MiB"], outcome.peak >> 20)
            counts[target.name]["most ms"] = max(counts[target.name]["most ms"], int(1000 * outcome.seconds))
            if outcome.word in BAD:
                name = f"{target.name} {number} {case.file.relative_to(case.folder)}"
                say(f"{outcome.word.upper()} {name}: {outcome.detail[:400]!r}")
                bad.append({"target": target.name, "number": number, "seed": corpus.seed, "word": outcome.word,
                            "file": str(case.file.relative_to(case.folder)), "detail": outcome.detail})  # fmt: skip
                if keep is not None:
                    place = keep / f"{target.name.replace(' ', '_')}_{corpus.seed}_{number}"
                    shutil.rmtree(place, ignore_errors=True)
                    shutil.copytree(case.folder, place)
        say(f"{target.name}: {dict(counts[target.name])}")
    return counts, bad


def _import_everything() -> None:
    """What readers import when first used, so that no child has to."""
    import importlib

    for name in _IMPORTED.split():
        importlib.import_module(name)


_IMPORTED = """
mien.estimator mien.clip mien.export mien.evaluate.guesses mien.evaluate.submissions mien.evaluate.baseline
mien.evaluate.known_answer mien.evaluate.meshes mien.data.store mien.data.validate mien.train.folder
mien.train.checkpoints mien.train.telemetry mien.train.starting mien.nets.upstream mien.convert.readers
mien.synth.mocap mien.synth.place.backgrounds mien.track.hand_experts mien.filming.spill mien.study.rank
mien.study.kept mien.detect.transformers mien.video av cv2 pydantic safetensors pyarrow.csv pyarrow.parquet scipy.io
scipy.sparse scipy.spatial.transform torch.distributed.checkpoint
"""
