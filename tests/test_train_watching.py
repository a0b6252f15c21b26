"""What is written beside the steps: whose the weights are, which of them are the best, and when that was seen."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from trained import small

from mien.body.model import BodyModel
from mien.geometry.crop import PATCH_WIDTH, Crop
from mien.nets.virtual_camera import crop_intrinsics
from mien.nets.weights import load_weights, save_weights
from mien.train import watching
from mien.train.config import Start, TrainConfig
from mien.train.folder import RunFolder
from mien.train.ranks import World
from mien.train.sheets import input_camera
from mien.train.sources import batch_maker, open_sources
from mien.train.starting import blank
from mien.train.telemetry import Telemetry
from mien.train.watching import Watcher


@pytest.fixture
def watcher_of(body: BodyModel, tmp_path: Path) -> Iterator[Callable[[TrainConfig], Watcher]]:
    """Makes watchers of trainings, in one folder, and closes them."""
    made: list[Watcher] = []

    def make(config: TrainConfig) -> Watcher:
        maker = batch_maker(config, open_sources(config.data, tmp_path, config.seed, str(body.path)), body)
        world = World(rank=0, size=1, device=torch.device("cpu"))
        telemetry = Telemetry.open(config, tmp_path, 0, config.steps, quiet=True)
        made.append(Watcher(config, RunFolder(tmp_path), world, maker, config.steps, telemetry))
        made[-1].recall({})
        return made[-1]

    yield make
    for each in made:
        each.close()


def _licence(watcher: Watcher) -> str:
    path = watcher.export(1, blank(watcher.config).state_dict(), "last")
    return load_weights(path)[1].licence


@pytest.mark.parametrize("ours", [True, False])
def test_weights_keep_the_licence_of_those_before(
    store: Path, whole: Path, tmp_path: Path, watcher_of: Any, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    monkeypatch.setattr(watching, "_is_ours", lambda dataset: ours)
    network, card = load_weights(whole / "weights/last.safetensors")
    for licence, said in {"Apache-2.0": "", "research only": "research only (weights it started from)"}.items():
        path = tmp_path / "start.safetensors"
        save_weights(network, replace(card, licence=licence), path)
        found = _licence(watcher_of(small(store, start=Start(weights=str(path)))))
        data = "" if ours else "as the licences of the data that it was trained on allow"
        assert found == ("; ".join(each for each in (data, said) if each) or "Apache-2.0")
    found = _licence(watcher_of(small(store, start=Start(encoder="vitpose-b.pth"))))
    assert found.endswith("as the licence of vitpose-b.pth allows (weights it started from)")


def test_a_later_start_knows_the_licence_without_the_weights(store: Path, watcher_of: Any) -> None:
    watcher = watcher_of(small(store))
    watcher.config = small(store, start=Start(weights="gone.safetensors"))
    watcher.recall({"start_licence": "research only"})
    assert watcher.memory() == {"held_out": {}, "held_out_step": 0, "start_licence": "research only"}


def test_the_best_weights_are_those_of_a_measure_that_there_is(
    store: Path, tmp_path: Path, watcher_of: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Held-out people with keypoints only have no vertices; one warning says what is taken instead."""
    config = small(store)
    watcher, errors = watcher_of(config), iter([5.0, 3.0, 4.0])
    monkeypatch.setattr(watching, "evaluate", lambda *_, **__: SimpleNamespace(summary={"kp2d_box": next(errors)}))
    people: Any = SimpleNamespace(name="keypoints")
    watcher._truths = [people]
    for step in (1, 2, 3):
        watcher.validate(step, blank(config).state_dict())
    training = load_weights(tmp_path / "weights/best.safetensors")[1].training
    assert (training["step"], training["held_out"]["kp2d_box"], training["held_out_step"]) == (2, 3.0, 2)
    assert [record.message for record in caplog.records] == [
        "no held-out person has a pve: the weights with the best kp2d_box are kept"
    ]
    later = load_weights(watcher.export(4, blank(config).state_dict(), "last"))[1].training
    assert (later["step"], later["held_out_step"]) == (4, 3)


@pytest.mark.parametrize("size", [(256, 192), (128, 96), (512, 384), (64, 48)])
def test_the_sheets_camera_sees_what_the_crop_shows(size: tuple[int, int]) -> None:
    box = np.array([30.0, 50.0, 150.0, 200.0], dtype=np.float32)
    points = np.array([[0.1, -0.5, 30.0], [-0.4, 0.3, 32.0]])
    seen = points @ crop_intrinsics(torch.from_numpy(box[None]))[0].numpy().T
    patch = Crop.around(box).to_patch(seen[:, :2] / seen[:, 2:])
    drawn = points @ input_camera(*size).T
    np.testing.assert_allclose(drawn[:, :2] / drawn[:, 2:], patch * (size[1] / PATCH_WIDTH), atol=1e-3)
