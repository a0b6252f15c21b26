"""Shape checks on every annotated function while tests run; one thread a worker; fixtures shared by all rooms."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("mien", "checked.check")

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from mien.body.model import BodyModel
    from mien.evaluate.truths import Truths
    from mien.metrics.parts import MeshParts

settings.register_profile(
    "mien",
    deadline=None,  # machines are shared and slow now and then
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("mien")

PARITY = Path(__file__).parent / "parity"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def det_init() -> ModuleType:
    """Deterministic weights and pictures of the parity fixtures."""
    return _load("det_init")


@pytest.fixture(scope="session")
def fake_bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made-up SMPL-X and SMPL files of the real layout: smplx/SMPLX_*.npz, smpl/SMPL_*.pkl."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "fake_bodies"
    lock = root.with_suffix(".lock")
    try:
        lock.touch(exist_ok=False)
    except FileExistsError:
        _wait_for(root / "done")
        return root
    subprocess.run([sys.executable, str(PARITY / "make_fake_body_models.py"), str(root)], check=True)
    (root / "done").touch()
    return root


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `mien synth`: eight pictures, one person in each, four for training and four for tests."""
    out = tmp_path_factory.mktemp("studio") / "made"
    words = ["synth", "studio", "--out", str(out), "--count", "8", "--test", "4", "--size", "128"]
    subprocess.run([sys.executable, "-m", "mien", *words], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of twelve made people, with their pictures."""
    from trained import make_store

    return make_store(tmp_path_factory.mktemp("made") / "store")


@pytest.fixture(scope="session")
def whole(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small training on it: four steps in one go, in one process."""
    from trained import small

    from mien.train.loop import train

    out = tmp_path_factory.mktemp("whole") / "run"
    train(small(store), out, quiet=True)
    return out


@pytest.fixture(scope="session")
def body() -> BodyModel:
    """The open body."""
    from mien.body.files import find_body
    from mien.body.model import BodyModel

    return BodyModel.load(find_body("openbody"))


@pytest.fixture(scope="session")
def parts(body: BodyModel) -> MeshParts:
    """Its hands, face and joints, as errors are measured on."""
    from mien.metrics.parts import MeshParts

    return MeshParts.load(body.path)


@pytest.fixture(scope="session")
def truths(studio: Path, body: BodyModel) -> Truths:
    """The labels of `studio`."""
    from mien.evaluate.reading import read_truths

    return read_truths(studio, "all", body)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a test puts there goes with it: where one names a folder for kernels, all who follow compile theirs."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and a hub where nobody answers."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


def _wait_for(path: Path, seconds: float = 180) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        time.sleep(0.1)
