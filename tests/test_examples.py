"""Every example runs, as a newcomer would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


DEMO = pytest.param("demo.py", marks=pytest.mark.slow)
"""Run after the quick tests anyway: `.ci/run` ends with `make demo`."""


@pytest.mark.parametrize("name", [DEMO, *sorted(path.name for path in EXAMPLES.glob("[0-9]*.py"))])
def test_example(name: str, tmp_path: Path) -> None:
    run_example(name, tmp_path)
    assert any((tmp_path / "out").glob("*.png"))


@pytest.mark.slow
def test_learning_from_nothing_shows_the_error_fall(tmp_path: Path) -> None:
    printed = run_example("demo_train.py", tmp_path)
    errors = [float(pve) for pve in re.findall(r"error on unseen people +([\d.]+) mm", printed)]
    assert len(errors) == 10
    assert errors[-1] < 0.8 * errors[0]
    assert (tmp_path / "out" / "errors" / "report.html").stat().st_size > 10_000


def run_example(name: str, folder: Path) -> str:
    """What it prints; its output goes to `folder/out`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / name), str(folder / "out")]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout
