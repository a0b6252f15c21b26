"""`mien predict --cluster local`: two actors of a real Ray cluster on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.cli import main
from mien.movie import write_movie

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="many machines need the extra `cluster`")
pytest.importorskip("av", reason="reading videos needs the extra `video`")

COUNTS = {"long.mp4": 150, "a.mp4": 6, "b.mp4": 6, "c.mp4": 6}
OPTIONS = ("--weights", "random-xxs", "--detector", "full-image")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips, and a file that is none."""
    place = tmp_path_factory.mktemp("in")
    for seed, (name, count) in enumerate(COUNTS.items()):
        random = np.random.default_rng(seed)
        with write_movie(place / name, 64, 64, 25) as movie:
            for i in range(count):
                movie.add(random.integers(0, 255, (64, 64, 3), np.uint8), i / 25)
    (place / "bad.mp4").write_text("no video")
    return place


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What plain `mien predict` makes of them."""
    out = tmp_path_factory.mktemp("plain")
    assert main(["predict", str(folder), "--out", str(out), *OPTIONS]) == 1
    return out


@contextlib.contextmanager
def started(folder: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    words = ["predict", str(folder), "--out", str(out), *OPTIONS, "--cluster", "local", "--actors", "2", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mien", *words]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()


def kill_who_works_on(folder: Path, process: subprocess.Popen[str]) -> None:
    """Kill the worker that holds the parts of a clip, once some of them are certain."""
    deadline = time.monotonic() + 900
    while not (folder / "state.json").exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    lock = str(folder / ".lock")
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if lock in [os.readlink(link) for link in (each / "fd").iterdir()]:
                os.kill(int(each.name), signal.SIGKILL)
                return
    raise AssertionError(f"nobody works on {folder}")


def entries(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["name"]: entry for entry in map(json.loads, lines)}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker's process in /proc")
def test_two_actors_one_of_which_is_killed(folder: Path, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(folder, out) as process:
        kill_who_works_on(out / "long.parts", process)
        said = process.communicate(timeout=900)[1]
    assert process.returncode == 1, said
    assert "skipped bad.mp4: cannot read" in said and "Traceback" not in said
    found = entries(out)
    assert {name: entry["frames"] for name, entry in found.items()} == {**COUNTS, "bad.mp4": 0}
    assert found["long.mp4"]["attempts"] == 2 and found["a.mp4"]["attempts"] == 1
    assert "cannot read" in found["bad.mp4"]["error"] and not found["long.mp4"]["error"]
    for name in COUNTS:
        result = Path(name).with_suffix(".npz")
        assert (out / result).read_bytes() == (plain / result).read_bytes(), name
    assert not list(out.glob("*.parts"))

    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    (out / "a.npz").write_bytes(b"cut")
    with started(folder, out, "--resume") as process:
        said = process.communicate(timeout=900)[1]
    assert process.returncode == 1 and "3 kept from before" in said and "1 inputs with 6 frames" in said, said
    assert (out / "a.npz").read_bytes() == (plain / "a.npz").read_bytes()
    for path, stamp in stamps.items():
        assert path.name == "a.npz" or path.stat().st_mtime_ns == stamp
    assert len(entries(out)) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker's process in /proc")
def test_an_input_that_kills_its_workers_ends(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(folder, out, "--retries", "0") as process:
        kill_who_works_on(out / "long.parts", process)
        said = process.communicate(timeout=900)[1]
    assert process.returncode == 1, said
    assert "skipped long.mp4: its worker died 1 times" in said
    found = entries(out)
    assert found["long.mp4"]["error"] and not any(found[name]["error"] for name in ("a.mp4", "b.mp4", "c.mp4"))
