"""The pipelines that are killed: their commands, and what makes a run of seconds have many moments to die at."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One of them."""

    name: str
    words: Callable[[Path, Path], list[str]]
    """The command, given the folders of inputs and of results."""
    resume: tuple[str, ...] = ("--resume",)
    """What is added to go on."""
    shrink: Callable[[], None] = lambda: None
    """Called in the process before the run: sizes of pieces become small. Nothing else changes."""
    processes: bool = False
    """Whether the run starts others."""


def _synth(inputs: Path, out: Path) -> list[str]:
    return ["synth", "studio", "--out", str(out), "--count", "6", "--test", "2", "--size", "64"]


def _shrink_synth() -> None:
    from death.inputs import STUDIOS
    from mien.synth import generate
    from mien.synth.studio import Studio

    generate.CHUNK = 2
    Studio.open = lambda job: replace(STUDIOS[0], job=job)


def _ingest(inputs: Path, out: Path) -> list[str]:
    files = [str(path) for path in sorted((inputs / "raw").glob("*.npz"))]
    return ["data", "ingest", *files, "--reader", "humandata", "--name", "made", "--out", str(out)]


def _shrink_ingest() -> None:
    from mien.data import ingest

    ingest.Request = partial(ingest.Request, rows_per_shard=10)  # pyright: ignore[reportAttributeAccessIssue]


def _predict(inputs: Path, out: Path) -> list[str]:
    words = ["predict", str(inputs / "pictures"), "--out", str(out), "--weights", str(inputs / "nano.safetensors")]
    return [*words, "--detector", "full-image", "--save", "npz,overlay,glb"]


def _clip(inputs: Path, out: Path) -> list[str]:
    words = ["predict", str(inputs / "frames"), "--out", str(out), "--weights", str(inputs / "nano.safetensors")]
    return [*words, "--clip", "--detector", "full-image", "--save", "npz,overlay"]


def _shrink_clip() -> None:
    from mien.filming import run

    run.CHUNK = 5


def _train(inputs: Path, out: Path) -> list[str]:
    return ["train", str(inputs / "train.json"), "--out", str(out), "--quiet"]


def _evaluate(inputs: Path, out: Path) -> list[str]:
    words = ["evaluate", str(inputs / "nano.safetensors"), "--on", str(inputs / "studio"), "--out", str(out)]
    return [*words, "--split", "all", "--batch-size", "2"]


def _shrink_evaluate() -> None:
    from mien.evaluate import work

    work.STRETCH = 2


def _study(inputs: Path, out: Path) -> list[str]:
    studio, small = str(inputs / "studio"), "network.embed_dim=32 network.depth=2 network.heads=2 batch=2"
    small += " network.decoder_depth=1 network.dim_out=16 records.save_every=2 records.log_every=1"
    words = ["study", "rank", "--data", studio, "--on", studio, "--constant", str(inputs / "constant.json")]
    return [*words, "--seeds", "2", "--samples", "8", "--out", str(out), "--set", *small.split()]


def _shrink_study() -> None:
    """Jobs are processes as ever, but forks of this one: they need not import everything anew."""
    from mien.study import pools, work

    def run(self: Any, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
        with self._lock:
            if self._stopped:
                raise pools.Failed("stopped")
            pid = os.fork()
        if not pid:
            code = 70
            try:
                descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
                code = work.main(Path(command[-2]), int(command[-1]))
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    pools.Children.run = run


def _with(words: Callable[[Path, Path], list[str]], *more: str) -> Callable[[Path, Path], list[str]]:
    return lambda inputs, out: [*words(inputs, out), *more]


PIPELINES = {
    each.name: each
    for each in (
        Pipeline(name="synth", words=_synth, resume=(), shrink=_shrink_synth),
        Pipeline(name="ingest", words=_ingest, resume=(), shrink=_shrink_ingest),
        Pipeline(name="predict", words=_predict),
        Pipeline(name="clip", words=_clip, shrink=_shrink_clip),
        Pipeline(name="train", words=_train),
        Pipeline(name="evaluate", words=_evaluate, shrink=_shrink_evaluate),
        Pipeline(name="study", words=_study, resume=(), shrink=_shrink_study, processes=True),
        Pipeline(name="synth-processes", words=_with(_synth, "--workers", "2"), resume=(), processes=True),
        Pipeline(name="ingest-processes", words=_with(_ingest, "--workers", "2"), resume=(), processes=True),
        Pipeline(name="evaluate-processes", words=_with(_evaluate, "--workers", "2"), processes=True),
        Pipeline(name="study-processes", words=_study, resume=(), processes=True),
    )
}
"""Those with processes start them as users do: with everything to import."""
