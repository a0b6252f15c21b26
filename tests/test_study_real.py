"""Studies with real trainings, of seconds: killed in the middle they end with the same tables; so on a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from made import write_constant

pytestmark = pytest.mark.slow

NANO = (
    "network.embed_dim=32", "network.depth=2", "network.heads=2", "network.decoder_depth=1", "network.dim_out=16",
    "batch=2", "records.save_every=2", "records.log_every=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def words(studio: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A study of one dataset and two seeds, twelve steps each, with a constant that nobody had to look for."""
    path = tmp_path_factory.mktemp("constant") / "baseline.json"
    write_constant(path)
    data = ["--data", str(studio), "--on", str(studio), "--constant", str(path)]
    return ["rank", *data, "--seeds", "2", "--samples", "24", "--set", *NANO]


def study(words: list[str], out: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mien", "study", *words, "--out", str(out)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def found(out: Path) -> dict[str, Any]:
    """What the tables are made of."""
    jobs = json.loads((out / "study.json").read_text())["jobs"]
    return {key: (each["benchmarks"], each.get("weights_sha256")) for key, each in jobs.items()}


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study in one go."""
    out = tmp_path_factory.mktemp("whole") / "study"
    process = study(words, out)
    said, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert "Table 1: main error, mm" in said and str(out / "report.html") in said
    return out


def test_every_job_is_an_ordinary_run(whole: Path) -> None:
    assert len(found(whole)) == 3
    for name in ("report.html", "ranking.json", "rank_mpe.png", "rank_shares.png"):
        assert (whole / name).stat().st_size > 100
    (run,) = (whole / "runs").glob("made_seed-1-*")
    for name in ("train/config.json", "train/run.json", "train/log.jsonl", "train/weights/last.safetensors"):
        assert (run / name).is_file()
    (results,) = run.glob("evaluate-*/results.json")
    assert json.loads(results.read_text())["people"] == 4


def test_killed_in_the_middle_of_a_training_it_ends_with_the_same_tables(
    words: list[str], whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    process = study(words, out)
    deadline = time.monotonic() + 600
    while not list(out.glob("runs/*seed-2*/train/checkpoints/step_*/state.json")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(found(out)) == 2
    again = study(words, out)
    _, errors = again.communicate(timeout=900)
    assert again.returncode == 0, errors
    assert found(out) == found(whole)
    assert (out / "ranking.json").read_text() == (whole / "ranking.json").read_text()
    starts = [json.loads(path.read_text()) for path in out.glob("runs/*seed-2*/train/run.json")]
    assert len(starts[0]) == 2 and starts[0][1]["step"] > 0  # it went on where the checkpoint was


def test_a_cluster_of_two_workers_finds_the_same(words: list[str], whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    process = study([*words, "--cluster", "local"], tmp_path / "study")
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert found(tmp_path / "study") == found(whole)
