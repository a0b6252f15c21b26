"""Several processes: the same training to the bit after a stop, the same curve as one process within rounding."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_architectures import NANOS
from trained import command, losses, same, small, weights

from mien.train.config import Ranks, TrainConfig, to_json
from mien.train.loop import train


def _file(folder: Path, config: TrainConfig) -> str:
    (folder / "small.json").write_text(to_json(config))
    return str(folder / "small.json")


def _run(*words: str, ranks: int, port: int, **options: str) -> None:
    done = command(*words, "--quiet", ranks=ranks, port=port, **options)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(("parallel", "port"), [("ddp", 29521), ("fsdp2", 29522)])
@pytest.mark.slow
def test_two_ranks(store: Path, whole: Path, tmp_path: Path, parallel: str, port: int) -> None:
    ranks = Ranks(parallel=parallel, accumulate=2)  # pyright: ignore[reportArgumentType]
    config = _file(tmp_path, small(store, ranks=ranks))
    _run(config, "--out", str(tmp_path / "once"), ranks=2, port=port)
    assert losses(tmp_path / "once") == pytest.approx(losses(whole), rel=2e-3)
    assert losses(tmp_path / "once")[0] == pytest.approx(losses(whole)[0], rel=1e-5)
    _run(config, "--out", str(tmp_path / "twice"), "--until", "2", ranks=2, port=port)
    _run(config, "--out", str(tmp_path / "twice"), "--resume", ranks=2, port=port)
    assert same(weights(tmp_path / "once"), weights(tmp_path / "twice"))
    assert losses(tmp_path / "once") == losses(tmp_path / "twice")


@pytest.mark.slow
def test_another_number_of_ranks_goes_on(store: Path, whole: Path, tmp_path: Path) -> None:
    config = _file(tmp_path, small(store, ranks=Ranks(parallel="fsdp2")))
    _run(config, "--out", str(tmp_path / "run"), "--until", "2", ranks=2, port=29523)
    train(small(store), tmp_path / "run", resume=True, quiet=True)
    assert losses(tmp_path / "run") == pytest.approx(losses(whole), rel=2e-3)
    assert len(json.loads((tmp_path / "run/run.json").read_text())) == 2


@pytest.mark.slow
def test_a_killed_rank_is_started_anew(store: Path, tmp_path: Path) -> None:
    config = small(store, steps=6)
    config = replace(config, records=replace(config.records, save_every=1, asynchronous=True))
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, sys\n"
        "from mien.cli import main\n"
        "from mien.train import loop\n"
        "step = loop._Training._step\n"
        "def killed(self, batches):\n"
        "    if self.step == 3 and self.world.rank == 1 and self.world.restarts == 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    step(self, batches)\n"
        "loop._Training._step = killed\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    import os
    import subprocess
    import sys

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29524"]
    words = ["train", _file(tmp_path, config), "--out", str(tmp_path / "run"), "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, "--max-restarts=1", str(script), *words],
        capture_output=True, text=True, timeout=300, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    starts = json.loads((tmp_path / "run/run.json").read_text())
    assert [start["restarts"] for start in starts] == [0, 1] and starts[1]["step"] in (1, 2, 3)
    _run(_file(tmp_path, config), "--out", str(tmp_path / "once"), ranks=2, port=29525)
    assert same(weights(tmp_path / "once"), weights(tmp_path / "run"))
    assert losses(tmp_path / "once") == losses(tmp_path / "run")


@pytest.mark.slow
def test_mistakes_end_all_ranks(store: Path, whole: Path, tmp_path: Path) -> None:
    config = _file(tmp_path, small(store, batch=7))
    done = command(config, "--out", str(tmp_path / "run"), ranks=2, port=29526)
    assert done.returncode != 0 and "a batch of 7 for 2 ranks" in done.stderr
    done = command(_file(tmp_path, small(store)), "--out", str(whole), ranks=2, port=29527)
    assert done.returncode != 0 and "holds a training already" in done.stderr


@pytest.mark.parametrize(("architecture", "port"), [("smpler-x", 29541), ("smplest-cnn", 29542)])
@pytest.mark.slow
def test_other_architectures_on_two_ranks(store: Path, tmp_path: Path, architecture: str, port: int) -> None:
    """No parameter is left without a gradient; a rank's batch norms see its own samples, so curves are only alike."""
    network, loss = NANOS[architecture]
    config = small(store, network=network, loss=loss())
    train(config, tmp_path / "one", quiet=True)
    _run(_file(tmp_path, config), "--out", str(tmp_path / "two"), ranks=2, port=port)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=2e-2)
