"""The wheel: what is in it, what it asks for, and that it works where a newcomer, a container or a cluster puts it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mien

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SHIPPED = {
    "body/data/openbody_SMPLX_NEUTRAL.npz",
    "nets/data/open-xs.safetensors",
    "nets/data/known_answers.json",
    "data/catalogue/datasets.toml",
    "evaluate/protocols.toml",
    "evaluate/published.toml",
    "view/data/three_bundle.min.js",
    "view/data/viewer.css",
    "view/data/viewer.html",
    "view/data/viewer.js",
    "py.typed",
}
OPENCV = {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hatchling = pytest.importorskip("hatchling.build")
    folder = tmp_path_factory.mktemp("wheel")
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        return folder / hatchling.build_wheel(str(folder))
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def listed(wheel: Path) -> dict[str, int]:
    """Every file of the wheel with its size, bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def test_all_that_runs_is_in_the_wheel_and_nothing_else(wheel: Path, listed: dict[str, int]) -> None:
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/mien").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in listed if ".dist-info/" not in name}
    assert inside == sources
    data = {name.removeprefix("mien/") for name in inside if not name.endswith(".py")}
    assert data >= SHIPPED
    kinds = {".npz", ".safetensors", ".json", ".toml", ".js", ".css", ".html", ".typed"}
    assert {Path(name).suffix for name in data} <= kinds, "is it meant to be shipped?"
    assert wheel.stat().st_size < 12e6
    assert all(size < 5e6 for size in listed.values())


def test_what_the_wheel_says_of_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"mien-{mien.__version__}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
        for name in ("LICENSE", "NOTICE"):
            assert archive.read(f"{info}/licenses/{name}") == (ROOT / name).read_bytes()
        assert "mien = mien.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert metadata["Version"] == mien.__version__ == PROJECT["version"]
    assert f"version: {mien.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra") or ()) == set(EXTRAS)


def promises() -> Iterator[tuple[str, str, str]]:
    """Where an extra is named by a call of `need`: file, module that it brings, extra."""
    for path in sorted((ROOT / "src/mien").rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text if "need(" in text else "")):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "need":
                module, extra = node.args[0], next(word.value for word in node.keywords if word.arg == "extra")
                assert isinstance(module, ast.Constant) and isinstance(extra, ast.Constant), path
                yield path.name, str(module.value), str(extra.value)


def test_every_extra_that_is_named_exists() -> None:
    texts = [*(ROOT / "src/mien").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.ipynb")]
    named = {}
    for path in (*texts, ROOT / "README.md"):
        for word in re.findall(r"(?:mien|'?\.)\[([a-z,-]+)\]'", path.read_text()):
            named.update(dict.fromkeys(word.split(","), path.name))
    assert {"detect", "video", "usd"} <= set(named)
    assert not {extra: place for extra, place in named.items() if extra not in EXTRAS}


def test_every_extra_brings_the_module_that_its_error_names() -> None:
    found = list(promises())
    assert len({extra for _, _, extra in found}) >= 4
    for place, module, extra in found:
        assert extra in EXTRAS, f"{place}: {extra}"
        names = {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]}
        assert {"pxr": "usd-core", "umap": "umap-learn"}.get(module, module.split(".")[0]) in names, (place, module)


# --- slow: real installations ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, env=clean())
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    command = [str(folder / "bin/pip"), "install", "--quiet", *constraints, str(wheel)]
    subprocess.run(command, check=True, env=clean())
    return folder


def clean() -> dict[str, str]:
    """This process's variables without what leads to its own sources."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def sealed(environment: Path, *command: str, cwd: Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run something with the environment read-only, without a home that can be written, without the internet."""
    variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    if os.geteuid() == 0 and subprocess.run(["unshare", "-nm", "true"], check=False).returncode == 0:
        seal = 'for f in "$0" ~; do mount --bind "$f" "$f" && mount -o remount,ro,bind "$f" || exit 99; done; exec "$@"'
        words = ["unshare", "-nm", "sh", "-c", seal, str(environment), "env", "-i"]
        words += [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run([*words, *command], cwd=cwd, capture_output=True, text=True, check=False)
    subprocess.run(["chmod", "-R", "a-w", str(environment)], check=True)
    wall = "import socket, sys; socket.socket.connect = None; from mien.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [str(environment / "bin/python"), "-c", wall, *command[1:]]
    variables["XDG_CACHE_HOME"] = "/dev/null/none"
    try:
        return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=variables)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(environment)], check=True)


@pytest.mark.slow
def test_the_wheel_alone_predicts_a_picture_where_nothing_can_be_written(installed: Path, tmp_path: Path) -> None:
    elsewhere, temporary = tmp_path / "elsewhere", tmp_path / "temporary"
    elsewhere.mkdir()
    temporary.mkdir()
    shutil.copy(ROOT / "examples/data/people.jpg", elsewhere / "people.jpg")
    mien_ = str(installed / "bin/mien")
    words = ["predict", "people.jpg", "--weights", "open-xs", "--save", "npz,overlay,glb,viewer", "--out"]
    seconds = []
    for out in ("first", "second"):
        start = time.perf_counter()
        run = sealed(installed, mien_, *words, out, cwd=elsewhere, temporary=temporary)
        seconds.append(time.perf_counter() - start)
        assert run.returncode == 0, run.stderr
        assert "pip install 'mien[detect]'" in run.stderr
    assert {path.suffix for path in (elsewhere / "first").iterdir()} == {".npz", ".png", ".glb", ".html"}
    with np.load(elsewhere / "first/people.npz") as first, np.load(elsewhere / "second/people.npz") as second:
        assert first["joints3d"].shape == (1, 144, 3)
        assert np.array_equal(first["joints3d"], second["joints3d"])
    assert [path.name for path in temporary.iterdir()] == [f"mien-kernels-{os.geteuid()}"]
    assert seconds[1] < seconds[0], "kernels are compiled once"
    run = sealed(installed, mien_, "doctor", "--json", cwd=elsewhere, temporary=temporary)
    assert run.returncode == 0 and json.loads(run.stdout)["ready"]
    sizes = {path.name: sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) for path in _packages(installed)}
    print(f"core install: {sum(sizes.values()) / 1e6:,.0f} MB, of it torch {sizes['torch'] / 1e6:,.0f} MB;", end=" ")
    print(f"first run {seconds[0]:.1f} s, second {seconds[1]:.1f} s")


@pytest.mark.slow
def test_every_extra_installs_what_it_promises_and_leaves_one_opencv(installed: Path) -> None:
    pip = str(installed / "bin/pip")
    there = {line.split("==")[0] for line in _output(pip, "list", "--format", "freeze").splitlines()}
    there = {canonicalize_name(name) for name in there}
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    for extra, lines in EXTRAS.items():
        wanted = {canonicalize_name(Requirement(line).name) for line in lines}
        report = _output(pip, "install", "--dry-run", "--quiet", "--report", "-", *constraints, f"mien[{extra}]")
        new = {canonicalize_name(entry["metadata"]["name"]) for entry in json.loads(report)["install"]}
        assert wanted <= new | there, extra
        assert (new | there) & OPENCV == {"opencv-python-headless"}, extra
        assert not new & {"torch", "mien"}, extra


def _packages(environment: Path) -> list[Path]:
    return [path for path in next(environment.glob("lib/python*/site-packages")).iterdir() if path.is_dir()]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean()).stdout
