"""Detectors from ONNX files that are made here, so that their answers are known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.detect import Detector, make_detector
from mien.errors import InputError, MienError, WeightsError

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CANVAS = (64, 96)
CELLS = 8 * 12 + 4 * 6 + 2 * 3
PICTURE = np.zeros((128, 192, 3), np.uint8)


def save(path: Path, nodes: list[Any], outputs: dict[str, tuple[Any, ...]], constants: dict[str, np.ndarray], *,
         inputs: dict[str, tuple[Any, ...]] | None = None, kind: int = 1) -> Path:  # fmt: skip
    inputs = {"images": (1, 3, *CANVAS)} if inputs is None else inputs
    graph = onnx.helper.make_graph(
        nodes,
        "made",
        [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    return path


def says(path: Path, outputs: dict[str, np.ndarray], **options: Any) -> Path:
    """A network that says the same about every picture."""
    nodes = [onnx.helper.make_node("Identity", [f"{name}_value"], [name]) for name in outputs]
    shapes = {name: value.shape for name, value in outputs.items()}
    return save(path, nodes, shapes, {f"{name}_value": value for name, value in outputs.items()}, **options)


def cell(x: int, y: int, stride: int) -> int:
    """The row of a grid's cell."""
    first = {8: 0, 16: 96, 32: 120}[stride]
    return first + y * (CANVAS[1] // stride) + x


def yolox_rows(columns: int = 85) -> np.ndarray:
    return np.zeros((1, CELLS, columns), np.float32)


# --------------------------------------------------------------------------------------------------------------- YOLOX


def test_yolox_boxes_are_decoded_from_their_cells(tmp_path: Path) -> None:
    rows = yolox_rows()
    rows[0, cell(2, 1, 8), :6] = [0.5, 0.25, np.log(2), np.log(3), 0.9, 0.8]
    rows[0, cell(4, 2, 16), :6] = [0.0, 0.0, 0.0, np.log(1.5), 1.0, 0.9]
    rows[0, cell(1, 1, 32), :6] = [-0.5, 0.5, np.log(0.5), 0.0, 0.8, 0.75]
    rows[0, cell(5, 5, 8), :6] = [0.5, 0.5, 0, 0, 0.7, 0.7]  # not sure enough
    rows[0, cell(9, 5, 8), [0, 1, 4, 7]] = [0.5, 0.5, 1, 1]  # a car
    detector: Detector = make_detector(f"onnx:{says(tmp_path / 'a.onnx', {'output': rows})}")
    people = detector.detect(PICTURE, "a.jpg")  # a picture of twice the canvas
    assert np.allclose(people.scores, [0.9, 0.72, 0.6])
    assert np.allclose(people.boxes, [[112, 40, 144, 88], [24, -4 + 4, 56, 44], [16, 64, 48, 128]], atol=1e-4)
    sure = make_detector(f"onnx:yolox:{tmp_path / 'a.onnx'}", min_score=0.7)
    assert np.allclose(sure.detect(PICTURE, "a.jpg").scores, [0.9, 0.72])
    assert len(make_detector(f"onnx:{tmp_path / 'a.onnx'}", min_score=0.4).detect(PICTURE, "a.jpg")) == 4


def test_yolox_that_decodes_itself(tmp_path: Path) -> None:
    rows = yolox_rows(6)
    rows[..., 0], rows[..., 1] = np.linspace(4, 92, CELLS), 32
    rows[0, cell(4, 2, 16), :6] = [64, 32, 16, 24, 1.0, 0.9]
    people = make_detector(f"onnx:{says(tmp_path / 'a.onnx', {'output': rows})}").detect(PICTURE, "a.jpg")
    assert np.allclose(people.boxes, [[112, 40, 144, 88]]) and np.allclose(people.scores, [0.9])


def test_people_who_overlap_are_told_apart(tmp_path: Path) -> None:
    rows = yolox_rows()
    for x, shift, score in ((4, 0.0, 0.7), (5, -1.0, 0.9), (6, -1.5, 0.8)):  # the same box twice, and half a cell on
        rows[0, cell(x, 3, 8), :6] = [shift, 0, np.log(2), np.log(4), score, 1]
    people = make_detector(f"onnx:{says(tmp_path / 'a.onnx', {'output': rows})}").detect(PICTURE, "a.jpg")
    assert np.allclose(people.scores, [0.9, 0.8])  # 12 / 20 = 0.6 of one another: two people
    assert np.allclose(people.boxes[:, 0], [48, 56])
    rows[0, cell(6, 3, 8), 0] = -1.7  # 13.6 / 18.4 = 0.74: the same person
    people = make_detector(f"onnx:{says(tmp_path / 'b.onnx', {'output': rows})}").detect(PICTURE, "a.jpg")
    assert np.allclose(people.scores, [0.9])


def seeing_yolox(path: Path, size: str = "float32") -> Path:
    """Every cell of the finest grid is a person as surely as it is red."""
    node = onnx.helper.make_node
    number = np.dtype(size)
    red = np.zeros((1, 3, 1, 1), number)
    red[0, 2] = 1 / 255  # blue first
    box = np.tile(np.array([0.5, 0.5, 0, 0], number), (1, 96, 1))
    nodes = [
        node("Conv", ["images", "red"], ["redness"]),
        node("AveragePool", ["redness"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Reshape", ["cells", "column"], ["sure"]),
        node("Concat", ["box", "sure", "person"], ["fine"], axis=2),
        node("Concat", ["fine", "coarse"], ["output"], axis=1),
    ]
    constants = {"red": red, "column": np.array([1, 96, 1]), "box": box, "person": np.ones((1, 96, 1), number)}
    constants["coarse"] = np.zeros((1, CELLS - 96, 6), number)
    kind = onnx.helper.np_dtype_to_tensor_dtype(number)
    return save(path, nodes, {"output": (1, CELLS, 6)}, constants, kind=kind)


@pytest.mark.parametrize("number", ["float32", "float16"])
def test_a_red_square_is_found_where_it_is(tmp_path: Path, number: str) -> None:
    detector = make_detector(f"onnx:{seeing_yolox(tmp_path / 'red.onnx', number)}")
    picture = PICTURE.copy()
    picture[16:32, 32:48] = (255, 0, 0)
    picture[80:96, 80:96] = (0, 0, 255)
    people = detector.detect(picture, "a.jpg")
    assert np.allclose(people.boxes, [[32, 16, 48, 32]]) and np.allclose(people.scores, [1], atol=2e-3)
    tall = np.zeros((256, 192, 3), np.uint8)  # a quarter of its size, in the left half of the canvas
    tall[224:256, 160:192] = (255, 0, 0)
    assert np.allclose(detector.detect(tall, "a.jpg").boxes, [[160, 224, 192, 256]])
    small = np.zeros((32, 48, 3), np.uint8)
    small[8:16, 24:32] = (255, 0, 0)
    found = detector.detect(small, "a.jpg")  # four cells of 8 pixels on the canvas, 4 of the picture
    assert (
        len(found) == 4 and (found.boxes[:, :2].min(0) == [24, 8]).all() and (found.boxes.max(0)[2:] == [32, 16]).all()
    )


def test_the_canvas_of_yolox() -> None:
    from mien.detect.onnx_layouts import Yolox

    layout = Yolox.of(64, 96, [(1, CELLS, 85)])
    assert layout is not None
    given = layout.prepare(np.full((30, 90, 3), (10, 20, 30), np.uint8))
    assert given.shape == (1, 3, 64, 96) and given.dtype == np.float32 and given.flags.c_contiguous
    assert [np.unique(given[0, c, :32]).tolist() for c in range(3)] == [[30], [20], [10]]  # blue first
    assert (given[0, :, 32:] == 114).all()
    assert layout.prepare(np.zeros((1, 9000, 3), np.uint8)).shape == (1, 3, 64, 96)


# ------------------------------------------------------------------------------------------------------------- RF-DETR


def test_rf_detr_boxes_are_shares_of_the_picture(tmp_path: Path) -> None:
    boxes = np.array([[[0.5, 0.5, 0.5, 0.25], [0.25, 0.25, 0.1, 0.5], [0.0, 0.5, 0.5, 2], [0.5] * 4]], np.float32)
    logits = np.full((1, 4, 91), -9, np.float32)
    logits[0, [0, 1, 2], 1] = [1, 3, 2]
    logits[0, 3, 0] = logits[0, 3, 2] = 9  # nothing; a bicycle
    for order in (("dets", "labels"), ("labels", "dets")):
        outputs = {name: {"dets": boxes, "labels": logits}[name] for name in order}
        path = says(tmp_path / "a.onnx", outputs | {"masks": np.zeros((1, 4, 2, 2), np.float32)})
        for spec in (f"onnx:{path}", f"onnx:rf-detr:{path}"):
            people = make_detector(spec).detect(PICTURE, "a.jpg")
            assert np.allclose(people.scores, 1 / (1 + np.exp([-3, -2, -1])))
            assert np.allclose(
                people.boxes, [[38.4, 0, 57.6, 64], [0, 0, 48, 128], [48, 48, 144, 80]], atol=1e-4
            )  # clipped to the picture


def test_rf_detr_sees_normalised_pictures(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("GlobalAveragePool", ["images"], ["mean"]),
        node("Slice", ["mean", "zero", "one", "one"], ["red"]),
        node("Reshape", ["red", "single"], ["person"]),
        node("Concat", ["before", "person", "after"], ["labels"], axis=2),
        node("Identity", ["box"], ["dets"]),
    ]
    constants = {"zero": np.array([0]), "one": np.array([1]), "single": np.array([1, 1, 1])}
    constants |= {"before": np.zeros((1, 1, 1), np.float32), "after": np.zeros((1, 1, 89), np.float32)}
    constants |= {"box": np.full((1, 1, 4), 0.5, np.float32), "one": np.array([1])}
    path = save(tmp_path / "a.onnx", nodes, {"labels": (1, 1, 91), "dets": (1, 1, 4)}, constants)
    picture = np.full((50, 70, 3), (200, 10, 10), np.uint8)
    people = make_detector(f"onnx:{path}").detect(picture, "a.jpg")
    assert np.allclose(people.scores, 1 / (1 + np.exp(-(200 / 255 - 0.485) / 0.229)), atol=1e-4)
    assert np.allclose(people.boxes, [[17.5, 12.5, 52.5, 37.5]])


# --------------------------------------------------------------------------------------------------------- wrong files


def test_files_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "empty.onnx").write_bytes(b"")
    whole = says(tmp_path / "whole.onnx", {"output": yolox_rows()}).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    for name in ("text", "empty", "cut"):
        with pytest.raises(WeightsError, match=r"cannot load the detector .*; expected an ONNX file") as caught:
            make_detector(f"onnx:{tmp_path / name}.onnx")
        assert "\n" not in str(caught.value)
    for spec in ("onnx:absent.onnx", "onnx:yolox:absent.onnx", "onnx:yolo:whole.onnx"):
        with pytest.raises(InputError, match=r"does not exist.*onnx:yolox:FILE, onnx:rf-detr:FILE"):
            make_detector(spec)
    with pytest.raises(InputError, match=r"did you mean 'onnx:people\.onnx'"):
        make_detector("people.onnx")
    with pytest.raises(InputError, match="nothing after the colon"):
        make_detector("onnx:")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MienError, match=r"pip install 'mien\[onnx\]'"):
        make_detector(f"onnx:{tmp_path / 'whole.onnx'}")


def test_unknown_layouts_say_the_shapes(tmp_path: Path) -> None:
    path = says(tmp_path / "a.onnx", {"boxes": np.zeros((1, 300, 6), np.float32)})
    with pytest.raises(InputError, match=r"inputs \(1, 3, 64, 96\) and outputs \(1, 300, 6\); expected yolox.*rf-detr"):
        make_detector(f"onnx:{path}")
    good = says(tmp_path / "good.onnx", {"output": yolox_rows()})
    with pytest.raises(InputError, match=r"outputs \(1, 126, 85\); expected rf-detr: a picture"):
        make_detector(f"onnx:rf-detr:{good}")
    for shape in ((1, 3, "h", "w"), (2, 3, *CANVAS), (1, 4, *CANVAS), (1, *CANVAS)):
        path = says(tmp_path / "a.onnx", {"output": yolox_rows()}, inputs={"images": shape})
        with pytest.raises(InputError, match=r"a\.onnx has inputs") as caught:
            make_detector(f"onnx:{path}")
        assert ("without dynamic axes" in str(caught.value)) == ("h" in shape)
    two = says(tmp_path / "two.onnx", {"output": yolox_rows()}, inputs={"a": (1, 3, *CANVAS), "b": (1, 3, *CANVAS)})
    with pytest.raises(InputError, match="has inputs"):
        make_detector(f"onnx:{two}")
    whole = says(tmp_path / "b.onnx", {"output": yolox_rows().astype(np.uint8)}, kind=2)
    with pytest.raises(InputError, match=r"a picture of tensor\(uint8\); expected floating"):
        make_detector(f"onnx:{whole}")


def test_numbers_that_are_none(tmp_path: Path) -> None:
    detector = make_detector(f"onnx:{says(tmp_path / 'a.onnx', {'output': yolox_rows() * np.nan})}")
    with pytest.raises(WeightsError, match=r"no finite numbers for street\.jpg"):
        detector.detect(PICTURE, "street.jpg")


def test_a_free_batch_axis_and_a_device_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = says(tmp_path / "a.onnx", {"output": yolox_rows()}, inputs={"images": ("batch", 3, *CANVAS)})
    assert len(make_detector(f"onnx:{path}", "cpu").detect(PICTURE, "a.jpg")) == 0 and not caplog.records
    assert len(make_detector(f"onnx:{path}", "cuda:0").detect(PICTURE, "a.jpg")) == 0
    assert "CUDA" in caplog.text or not caplog.records
