"""The adapter beside a package that only looks like `ultralytics`: the real one is never installed for tests."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mien.detect import make_detector
from mien.errors import InputError, MienError, WeightsError

PICTURE = np.zeros((100, 200, 3), np.uint8)


class FakeYolo:
    boxes = torch.tensor([[10.0, 20, 50, 90], [-5, 0, 30, 40], [60, 60, 60.5, 90], [150, 10, 230, 120]])
    scores = torch.tensor([0.6, 0.9, 0.8, 0.7])

    def __init__(self, name: str) -> None:
        if name == "absent.pt":
            raise FileNotFoundError("absent.pt\nwas looked for everywhere")
        self.task = "classify" if name == "classes.pt" else "detect"
        self.names = {0: "cat"} if name == "cats.pt" else {0: "bicycle", 3: "Person"}
        self.asked: list[tuple[np.ndarray, dict[str, Any]]] = []

    def predict(self, picture: np.ndarray, **options: Any) -> list[Any]:
        if self.asked and not len(self.boxes):
            raise RuntimeError("out of memory\nsomewhere")
        self.asked.append((picture, options))
        return [SimpleNamespace(boxes=SimpleNamespace(xyxy=self.boxes, conf=self.scores))]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("ultralytics")
    module.YOLO = FakeYolo
    monkeypatch.setitem(sys.modules, "ultralytics", module)


def test_people_of_the_users_own_install(package: None) -> None:
    detector: Any = make_detector("ultralytics:yolo11n.pt", "cpu", min_score=0.65)
    picture = PICTURE.copy()
    picture[..., 0] = 7
    people = detector.detect(picture, "a.jpg")
    assert people.boxes.tolist() == [[0, 0, 30, 40], [150, 10, 200, 100]]  # clipped, surest first, with an area
    assert np.allclose(people.scores, [0.9, 0.7])
    ((given, options),) = detector.model.asked
    assert (given == [0, 0, 7]).all() and given.flags.c_contiguous  # the package takes arrays blue first
    assert options == {"classes": [3], "conf": 0.65, "device": "cpu", "verbose": False}


def test_nobody_and_failures(package: None, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = make_detector("ultralytics:yolo11n.pt")
    monkeypatch.setattr(FakeYolo, "boxes", torch.zeros(0, 4))
    monkeypatch.setattr(FakeYolo, "scores", torch.zeros(0))
    assert len(detector.detect(PICTURE, "a.jpg")) == 0
    with pytest.raises(WeightsError, match=r"fails at b\.jpg: out of memory$"):
        detector.detect(PICTURE, "b.jpg")
    monkeypatch.setattr(FakeYolo, "boxes", torch.full((1, 4), torch.nan))
    monkeypatch.setattr(FakeYolo, "scores", torch.ones(1))
    with pytest.raises(WeightsError, match="no finite numbers"):
        detector.detect(PICTURE, "c.jpg")


def test_weights_that_will_not_do(package: None) -> None:
    with pytest.raises(WeightsError, match=r"cannot load absent\.pt: absent\.pt; expected weights such as"):
        make_detector("ultralytics:absent.pt")
    with pytest.raises(InputError, match="task 'classify'"):
        make_detector("ultralytics:classes.pt")
    with pytest.raises(InputError, match="knows cat; expected"):
        make_detector("ultralytics:cats.pt")
    with pytest.raises(InputError, match=r"did you mean 'ultralytics:yolo11n\.pt'"):
        make_detector("yolo11n.pt")


def test_without_the_package_the_licence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(MienError, match=r"not installed.*AGPL-3\.0.*pip install ultralytics") as caught:
        make_detector("ultralytics:yolo11n.pt")
    assert "\n" not in str(caught.value)
