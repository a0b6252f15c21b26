from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mien.detect import Detector, FullImage, make_detector
from mien.errors import AssetMissing, InputError, MienError, WeightsError

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the extra mien[detect] is not installed"
)


def tiny_network(kind: str, labels: dict[int, str]) -> Any:
    tr: Any = importlib.import_module("transformers")

    torch.manual_seed(0)
    names = {"id2label": labels, "label2id": {name: index for index, name in labels.items()}}
    if kind == "yolos":
        small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        config = tr.YolosConfig(**small, image_size=[64, 96], num_detection_tokens=9, use_mid_position_embeddings=False)
        config.id2label, config.label2id = names["id2label"], names["label2id"]
        return tr.YolosForObjectDetection(config).eval()
    shared = {
        "encoder_in_channels": [16, 16, 16], "encoder_hidden_dim": 32, "encoder_ffn_dim": 32, "encoder_layers": 1,
        "encoder_attention_heads": 4, "decoder_in_channels": [32] * 3, "d_model": 32, "decoder_ffn_dim": 32,
        "decoder_layers": 2, "decoder_attention_heads": 4, "num_queries": 20, "num_denoising": 0,
        "anchor_image_size": None, **names,
    }  # fmt: skip
    if kind == "rt_detr_v2":
        backbone = tr.RTDetrResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1] * 4, layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        return tr.RTDetrV2ForObjectDetection(tr.RTDetrV2Config(backbone_config=backbone, **shared)).eval()
    backbone = tr.HGNetV2Config(
        stem_channels=[3, 8, 8], hidden_sizes=[16] * 4, stage_in_channels=[8, 16, 16, 16], stage_mid_channels=[8] * 4,
        stage_out_channels=[16] * 4, stage_num_blocks=[1] * 4, stage_numb_of_layers=[1] * 4, depths=[1] * 4,
        out_features=["stage2", "stage3", "stage4"], return_idx=[1, 2, 3],
    )  # fmt: skip
    return tr.DFineForObjectDetection(
        tr.DFineConfig(backbone_config=backbone, feat_strides=[8, 16, 32], **shared)
    ).eval()


def save(network: Any, folder: Path, **changes: object) -> Path:
    network.save_pretrained(folder)
    preparation = {"do_resize": True, "do_rescale": True, "do_normalize": False, "do_pad": False, "resample": 2,
                   "rescale_factor": 1 / 255, "size": {"height": 64, "width": 96}}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps({**preparation, **changes}))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tiny_network("d_fine", {0: "bicycle", 1: "Person"}), tmp_path_factory.mktemp("dfine"))


@pytest.fixture
def street() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)


@needs_transformers
@pytest.mark.parametrize("kind", ["d_fine", "rt_detr_v2", "yolos"])
def test_networks_find_boxes_in_the_picture(tmp_path: Path, street: np.ndarray, kind: str) -> None:
    network = tiny_network(kind, {0: "bicycle", 1: "person", 2: "car"})
    detector: Detector = make_detector(f"hf:{save(network, tmp_path)}", "cpu", min_score=0.0)
    people = detector.detect(street, "street.jpg")
    assert 0 < len(people) <= 20 and (np.diff(people.scores) <= 0).all()
    assert (people.boxes >= 0).all() and (people.boxes <= [320, 240, 320, 240]).all()

    import cv2

    small = cv2.resize(street, (96, 64), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        said = network(pixel_values=torch.from_numpy(small).permute(2, 0, 1)[None] / 255)
    assert said.logits.shape[-1] == (4 if kind == "yolos" else 3)
    scores = (
        (said.logits.softmax(-1) if kind == "yolos" else said.logits.sigmoid())[0, :, 1].sort(descending=True).values
    )
    assert np.allclose(people.scores[:5], scores[:5], atol=0.02)
    assert len(make_detector(f"hf:{tmp_path}", min_score=1.0).detect(street, "street.jpg")) == 0


@needs_transformers
def test_a_person_is_found_where_the_network_puts_one(checkpoint: Path, street: np.ndarray) -> None:
    from mien.detect.transformers import TransformersDetector

    class Said:
        logits = torch.tensor([[[9.0, -9], [-9, 2], [-9, 3], [9, 0.1], [-9, 9], [0, -0.1]]])
        pred_boxes = torch.tensor(
            [[[0.5] * 4, [0.5, 0.5, 0.2, 0.4], [0.0, 0.5, 0.5, 1], [0.25, 0.5, 0.1, 0.1], [0, 0, 0, 0], [0.5] * 4]]
        )

    detector = TransformersDetector.load(str(checkpoint))
    said = TransformersDetector(
        network=FakeNetwork(detector.network.config, Said()), prepare=detector.prepare, person=detector.person,
        device=detector.device,
    )  # fmt: skip
    people = said.detect(street, "street.jpg")
    assert detector.person == (1,) and detector.min_score == 0.5
    assert np.allclose(people.boxes, [[0, 0, 80, 240], [128, 72, 192, 168], [64, 108, 96, 132]], atol=1e-3)
    assert np.allclose(people.scores, torch.tensor([3.0, 2, 0.1]).sigmoid().numpy())
    Said.logits = Said.logits * torch.nan
    with pytest.raises(WeightsError, match=r"no finite numbers for street\.jpg"):
        said.detect(street, "street.jpg")


class FakeNetwork:
    def __init__(self, config: Any, said: Any) -> None:
        self.config, self.said = config, said

    def __call__(self, pixel_values: torch.Tensor) -> Any:
        assert pixel_values.shape == (1, 3, 64, 96) and 0 <= pixel_values.min() and pixel_values.max() <= 1
        return self.said


@needs_transformers
def test_preparation(tmp_path: Path, street: np.ndarray) -> None:
    from mien.detect.network import Preparation

    def read(**values: object) -> Preparation:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
        return Preparation.read(tmp_path, "d_fine")

    plain = read(size={"height": 64, "width": 96})
    assert plain(street).shape == (1, 3, 64, 96)
    assert torch.allclose(plain(np.full((5, 7, 3), 51, np.uint8)), torch.tensor(0.2))
    normal = read(size={"height": 8, "width": 8}, do_normalize=True, image_mean=[0.5, 0.4, 0.2], image_std=[0.5, 1, 2])
    assert torch.allclose(normal(np.full((9, 9, 3), 255, np.uint8))[0, :, 0, 0], torch.tensor([1.0, 0.6, 0.4]))
    assert read(size={"height": 8, "width": 8}, do_rescale=False)(np.full((9, 9, 3), 7, np.uint8)).unique() == 7
    edges = read(size={"shortest_edge": 800, "longest_edge": 1333}, resample=3)
    assert edges.size(480, 640) == (800, 1067) and edges.size(100, 1000) == (133, 1333) and edges.bicubic
    for wrong in ({}, {"size": 7}, {"size": {"max_height": 5}}, {"size": {"height": 8, "width": 8}, "resample": 1},
                  {"size": {"height": 8, "width": 8}, "do_resize": False}):  # fmt: skip
        with pytest.raises(InputError, match=r"cannot use .*preprocessor_config"):
            read(**wrong)
    (tmp_path / "preprocessor_config.json").unlink()
    assert Preparation.read(tmp_path, "rt_detr_v2").size(5, 5) == (640, 640)
    with pytest.raises(InputError, match=r"cannot be opened: No such file.*export it with the checkpoint"):
        Preparation.read(tmp_path, "yolos")


@needs_transformers
def test_checkpoints_that_cannot_be_used(tmp_path: Path, checkpoint: Path) -> None:
    cats = save(tiny_network("d_fine", {0: "cat", 1: "dog"}), tmp_path / "cats")
    with pytest.raises(InputError, match="no class 'person', but: cat, dog"):
        make_detector(f"hf:{cats}")
    with pytest.raises(AssetMissing, match=r"config\.json is missing"):
        make_detector(f"hf:{tmp_path}")
    for name, damage in {
        "cut": lambda folder: (folder / "model.safetensors").write_bytes(b"nothing"),
        "config": lambda folder: (folder / "config.json").write_text("{"),
        "other": lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
    }.items():
        folder = Path(shutil.copytree(checkpoint, tmp_path / name))
        damage(folder)
        with pytest.raises(WeightsError, match="cannot load the detector"):
            make_detector(f"hf:{folder}")
    folder = Path(shutil.copytree(checkpoint, tmp_path / "keys"))
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({key: weights[key] for key in list(weights)[1:]}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="1 missing keys, such as"):
        make_detector(f"hf:{folder}")


@needs_transformers
def test_devices_that_are_not_there(checkpoint: Path) -> None:
    for device in ("banana", "cuda:99"):
        with pytest.raises(InputError, match=f"cannot run on the device '{device}'"):
            make_detector(f"hf:{checkpoint}", device)


@needs_transformers
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_says_what_the_processor_says(checkpoint: Path, street: np.ndarray) -> None:
    here, there = (make_detector(f"hf:{checkpoint}", name, min_score=0.0) for name in ("cpu", "cuda"))
    assert np.allclose(here.detect(street, "a").boxes, there.detect(street, "a").boxes, atol=0.5)


@needs_transformers
def test_loading_is_silent(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_detector(f"hf:{checkpoint}")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@needs_transformers
def test_a_hub_id_without_the_internet_fails_at_once(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    with pytest.raises(AssetMissing, match=r"nobody/nothing is missing.*connect to the internet") as caught:
        make_detector("hf:nobody/nothing")
    assert time.monotonic() - start < 10 and str(empty_cache) in str(caught.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetMissing, match="downloads are switched off"):
        make_detector("hf:nobody/nothing")
    for path in ("./absent", "/absent/dfine", "~/absent", "a/b/c", "dfine"):
        with pytest.raises(InputError, match="does not exist"):
            make_detector(f"hf:{path}")


@needs_transformers
def test_optional_files_are_fetched_beside_what_is_there(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils import LocalEntryNotFoundError

    from mien.hub import hub_folder

    asked, broken = list[tuple[str, str | None]](), False

    def download(repo: str, name: str, revision: str | None = None) -> str:
        asked.append((name, revision))
        if broken:
            raise LocalEntryNotFoundError("no connection")
        path = empty_cache / "models--org--net/snapshots/0123" / name
        path.touch()
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.utils.get_session", lambda: SimpleNamespace(head=lambda *_, **__: None))

    def folder(download: bool = True) -> Path:
        return hub_folder("org/net", ("config.json",), what="it", optional=("more.json",), download=download)

    broken = True
    with pytest.raises(AssetMissing, match="the connection broke"):
        folder()
    snapshot = empty_cache / "models--org--net/snapshots/0123"
    snapshot.mkdir(parents=True)
    (empty_cache / "models--org--net/refs").mkdir()
    (empty_cache / "models--org--net/refs/main").write_text("0123")
    (snapshot / "config.json").touch()
    asked.clear()
    assert folder(download=False) == snapshot and not asked
    assert folder() == snapshot and asked == [("more.json", "0123")], "without it there is enough to go on"
    broken = False
    assert folder() == snapshot and (snapshot / "more.json").exists()
    asked.clear()
    assert folder() == snapshot and not asked


def test_auto_falls_back_loudly(empty_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mien"):
        assert isinstance(make_detector("auto"), FullImage)
    (record,) = caplog.records
    assert "ONE person" in record.getMessage() and "\n" not in record.getMessage()


@needs_transformers
def test_auto_takes_weights_that_are_here(
    empty_cache: Path, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from mien.detect.transformers import DEFAULT, TransformersDetector

    repository = empty_cache / f"models--{DEFAULT.replace('/', '--')}"
    shutil.copytree(checkpoint, repository / "snapshots" / "0123")
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0123")
    assert isinstance(make_detector("auto"), TransformersDetector)
    assert isinstance(make_detector(f"hf:{DEFAULT}"), TransformersDetector)
    assert not caplog.records


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MienError, match=r"pip install 'mien\[detect\]'"):
        make_detector("hf:somebody/something")
    assert isinstance(make_detector("auto"), FullImage) and "not installed" in caplog.text
