"""`mien predict --cluster local`: two actors of a real Ray cluster on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.cli import main
from mien.movie import write_movie

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="many machines need the extra `cluster`")
pytest.importorskip("av", reason="reading videos needs the extra `video`")

COUNTS = {"long.mp4": 260, "a.mp4": 20, "b.mp4": 20, "c.mp4": 20}
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


def start(folder: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    words = ["predict", str(folder), "--out", str(out), *OPTIONS, "--cluster", "local", "--actors", "2", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "mien", *words], text=True, stderr=subprocess.PIPE, env=environment)


def entries(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["name"]: entry for entry in map(json.loads, lines)}


def who_works_on(folder: Path, deadline: float) -> int:
    """The process that holds the parts of a clip, once some of them are certain."""
    while time.monotonic() < deadline:
        if (folder / "state.json").exists():
            for process in Path("/proc").iterdir():
                try:
                    held = [os.readlink(link) for link in (process / "fd").iterdir()]
                except OSError:
                    continue
                if str(folder / ".lock") in held:
                    return int(process.name)
        time.sleep(0.05)
    raise TimeoutError(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker's process in /proc")
def test_two_actors_one_of_which_is_killed(folder: Path, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(folder, out)
    os.kill(who_works_on(out / "long.parts", time.monotonic() + 240), signal.SIGKILL)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 1, said
    assert "skipped bad.mp4: cannot read" in said and "Traceback" not in said
    found = entries(out)
    assert {name: entry["frames"] for name, entry in found.items()} == {**COUNTS, "bad.mp4": 0}
    assert found["long.mp4"]["attempts"] == 2 and "no video" not in found["long.mp4"]["error"]
    assert "cannot read" in found["bad.mp4"]["error"] and len({entry["worker"] for entry in found.values()}) >= 2
    for name in COUNTS:
        result = Path(name).with_suffix(".npz")
        assert (out / result).read_bytes() == (plain / result).read_bytes(), name
    assert not list(out.glob("*.parts"))

    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    (out / "a.npz").write_bytes(b"cut")
    again = start(folder, out, "--resume")
    _, said = again.communicate(timeout=600)
    assert again.returncode == 1 and "3 kept from before" in said and "1 inputs with 20 frames" in said, said
    assert (out / "a.npz").read_bytes() == (plain / "a.npz").read_bytes()
    for path, stamp in stamps.items():
        assert path.name == "a.npz" or path.stat().st_mtime_ns == stamp
    assert len(entries(out)) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker's process in /proc")
def test_an_input_that_kills_its_workers_ends(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(folder, out, "--retries", "0", "--max-frames", "200")
    os.kill(who_works_on(out / "long.parts", time.monotonic() + 240), signal.SIGKILL)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 1, said
    assert "skipped long.mp4: its worker died 1 times" in said
    found = entries(out)
    assert found["long.mp4"]["error"] and not found["a.mp4"]["error"] and not found["c.mp4"]["error"]
