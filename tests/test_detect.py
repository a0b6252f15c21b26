from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from labels import REAL, needs_real

from mien.detect import (
    Detections,
    PersonChoice,
    make_detector,
    parse_person,
    reject_outside,
    select_people,
)
from mien.detect.boxes import BoxesFile
from mien.errors import InputError

PICTURE = np.zeros((480, 640, 3), np.uint8)


def found(*rows: tuple[float, float, float, float, float]) -> Detections:
    table = np.array(rows, float).reshape(-1, 5)
    return Detections(boxes=table[:, :4], scores=table[:, 4])


def born(boxes: np.ndarray, scores: np.ndarray) -> Detections:
    """Detections past the shape checks of the test run, as a user's own detector would make them."""
    people = object.__new__(Detections)
    for name, value in (("boxes", boxes), ("scores", scores), ("rejected", ())):
        object.__setattr__(people, name, value)
    people.__post_init__()
    return people


def boxes_file(folder: Path, content: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# --------------------------------------------------------------------------------------------------------- detections


def test_detections_are_checked_and_frozen() -> None:
    people = found((0, 0, 10, 20, 0.5), (5, 5, 6, 7, 1))
    assert len(people) == 2 and people.areas.tolist() == [200, 2]
    assert people.take([1]).boxes.tolist() == [[5, 5, 6, 7]] and len(people.take([])) == 0
    assert people.take(people.scores > 0.7).scores.tolist() == [1]
    with pytest.raises(ValueError, match="read-only"):
        people.boxes[0, 0] = 1
    nobody = born(np.zeros(0), np.zeros(0))
    assert nobody.boxes.shape == (0, 4) and len(nobody.take(nobody.scores > 0)) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        (np.zeros((2, 5)), np.zeros(2), "shape"),
        (np.ones((2, 4)), np.zeros(3), "shape"),
        (np.array([[0, 0, np.nan, 1.0]]), np.ones(1), "not a finite"),
        (np.array([[0, 0, 1, 1.0]]), np.array([np.inf]), "not a finite"),
        (np.array([[5, 0, 1, 1.0]]), np.ones(1), "no area"),
        (np.array([[-1e200, -1e200, 1e200, 1e200]]), np.ones(1), "beyond any picture"),
    ],
)
def test_detections_refuse(boxes: np.ndarray, scores: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        born(boxes, scores)


def test_boxes_outside_the_picture_are_rejected_with_a_reason() -> None:
    people = found(
        (-50, -50, 20, 20, 1), (640, 0, 700, 100, 1), (0, -9, 5, 1, 1), (639.5, 0, 900, 400, 1), (1, 1, 3, 3, 1)
    )
    kept = reject_outside(people, 640, 480)
    assert kept.boxes.tolist() == [[-50, -50, 20, 20], [1, 1, 3, 3]]
    assert (
        len(kept.rejected) == 3 and kept.rejected[0] == "the box (640, 0, 700, 100) lies outside the 640 x 480 picture"
    )
    assert reject_outside(kept, 640, 480).rejected == kept.rejected


def test_full_image() -> None:
    people = make_detector("full-image").detect(PICTURE, "a.jpg")
    assert people.boxes.tolist() == [[0, 0, 640, 480]] and people.scores.tolist() == [1]


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("full-imag", "did you mean 'full-image'"),
        ("box:a.json", "did you mean 'boxes:'"),
        ("people.json", "did you mean 'boxes:people.json'"),
        ("boxes:", "nothing after the colon"),
        ("hf:", "nothing after the colon"),
        ("", "expected auto"),
    ],
)
def test_unknown_detectors_come_with_a_hint(spec: str, hint: str) -> None:
    with pytest.raises(InputError, match=re.escape(hint)):
        make_detector(spec, "cpu")


# ---------------------------------------------------------------------------------------------------------- the files


def test_boxes_by_name(tmp_path: Path) -> None:
    content = {
        "a.jpg": [[0, 0, 10, 20], [1, 2, 3, 4, 0.25]],
        "none.jpg": [],
        "sub/a.jpg": [[7, 7, 9, 9]],
        ".\\win\\b.png": [[1, 1, 5, 5]],
        "x/c.jpg": [[1, 1, 2.5, 3]],
        "y/c.jpg": [],
    }
    detector = make_detector(f"boxes:{boxes_file(tmp_path, content)}")
    assert detector.detect(PICTURE, "a.jpg").scores.tolist() == [1, 0.25]
    assert len(detector.detect(PICTURE, "none.jpg")) == 0
    assert detector.detect(PICTURE, "sub/a.jpg").boxes.tolist() == [[7, 7, 9, 9]]  # the path goes before the name
    assert detector.detect(PICTURE, "all/sub/a.jpg").boxes.tolist() == [[7, 7, 9, 9]]
    assert len(detector.detect(PICTURE, "other/a.jpg")) == 2
    assert len(detector.detect(PICTURE, "b.png")) == len(detector.detect(PICTURE, "win/b.png")) == 1
    assert len(detector.detect(PICTURE, "z/x/c.jpg")) == 1
    for name, message in {
        "b.jpg": "no entry for 'b.jpg'.*did you mean",
        "else/b.png": "no entry",
        "c.jpg": "either could be",
        "quite different": "it has 6 entries, such as 'a.jpg'",
    }.items():
        with pytest.raises(InputError, match=message):
            detector.detect(PICTURE, name)


def test_names_with_accents_and_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes_file(tmp_path, {unicodedata.normalize("NFC", "caf\u00e9.jpg"): [[0, 0, 10, 20]]})
    monkeypatch.setenv("HOME", str(tmp_path))
    (file,) = tmp_path.iterdir()
    detector = make_detector(f"boxes:~/{file.name}")
    for form in ("NFC", "NFD"):
        assert len(detector.detect(PICTURE, unicodedata.normalize(form, "caf\u00e9.jpg"))) == 1


def test_min_score_of_a_file(tmp_path: Path) -> None:
    path = boxes_file(tmp_path, {"a.jpg": [[0, 0, 9, 9, 0.2], [0, 0, 8, 8, 0.7], [1, 1, 4, 4, -3]]})
    assert len(make_detector(f"boxes:{path}").detect(PICTURE, "a.jpg")) == 3
    assert make_detector(f"boxes:{path}", min_score=0.5).detect(PICTURE, "a.jpg").scores.tolist() == [0.7]


def test_bad_boxes_are_told_and_good_ones_kept(tmp_path: Path) -> None:
    text = f"""{{"a.jpg": [[NaN, 0, 5, 5], [0, 0, 9, 9], [9, 0, 0, 9], [0, 0, 1e999, 5], [0, 0, 5, 5, Infinity],
        [0, 0, 1{"0" * 400}, 5], [2, 2, 2, 8], [5000, 0, 5100, 50]]}}"""
    people = make_detector(f"boxes:{boxes_file(tmp_path, text)}").detect(PICTURE, "a.jpg")
    assert people.boxes.tolist() == [[0, 0, 9, 9]] and len(people.rejected) == 7
    assert people.rejected[0] == "'a.jpg', box 0 has a corner that is not a finite number: (nan, 0, 5, 5)"
    assert "swapped" in people.rejected[1] and "outside" in people.rejected[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a.jpg": [[1,2,3,4]], "a.jpg": []}', "key 'a.jpg' twice"),
        ({"a.jpg": [], "./a.jpg": []}, "key 'a.jpg' twice"),
        ('"text"', "holds a string"),
        ("17", "holds a number"),
        ("[" * 100_000 + "]" * 100_000, "too deeply nested"),
        ("1" * 10_000, "is not JSON"),
        ({"a.jpg": [[0, 0, 1, 1], [1, 2, 3]]}, "'a.jpg', box 1 has 3 numbers; expected .*x1"),
        ({"a.jpg": [1, 2, 3, 4]}, "'a.jpg', box 0 is a number"),
        ({"a.jpg": [["0", 0, 1, 1]]}, "'a.jpg', box 0 holds a string"),
        ({"a.jpg": [[True, 0, 1, 1]]}, "holds a truth value"),
        ({"a.jpg": [[None, 0, 1, 1]]}, "holds null"),
        ({"a.jpg": None}, "'a.jpg' holds null"),
        ({"clip": {"0": {"1": []}}}, "'clip/0' holds an object"),
        ([3], "result 0 lacks"),
        ([{"image_id": 1}], "result 0 lacks"),
        ([{"image_id": 1, "bbox": [0, 0, 1]}], "result 0, bbox has 3"),
        ([{"image_id": 1, "bbox": [0, 0, 1, 1], "score": "high"}], "score holds a string"),
        ([{"image_id": None, "bbox": [0, 0, 1, 1]}], "image id that is null"),
        ({"images": {}, "annotations": []}, "table of images is an object"),
        ({"images": [{"id": 1}], "annotations": []}, r"images\[0\] lacks"),
        ({"images": [], "annotations": {}}, "annotations are an object"),
        ({"images": [], "annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1]}]}, "image_id 1; expected an id"),
        ({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}, "id 1 again"),
    ],
)
def test_wrong_files_name_what_is_wrong(tmp_path: Path, content: object, message: str) -> None:
    path = boxes_file(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        make_detector(f"boxes:{path}")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(InputError, match="cannot read the boxes file"):
            make_detector(f"boxes:{path}")
    (tmp_path / "latin.json").write_bytes(b'{"\xff\xfe\xe9": []}')
    with pytest.raises(InputError, match="is not JSON"):
        make_detector(f"boxes:{tmp_path / 'latin.json'}")
    monkeypatch.setattr("mien.detect.boxes.MAX_BYTES", 3)
    with pytest.raises(InputError, match="at most 3"):
        make_detector(f"boxes:{boxes_file(tmp_path, {'a.jpg': []})}")


def test_coco_results_by_id(tmp_path: Path) -> None:
    results = [
        {"image_id": 785, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.5},
        {"image_id": 785, "category_id": 18, "bbox": [0, 0, 9, 9], "score": 0.9},
        {"image_id": "785", "bbox": [1, 1, 5, 5]},
        {"image_id": 785, "category_id": 1, "bbox": [1, 1, 0, 5], "score": 1},
    ]
    detector = make_detector(f"boxes:{boxes_file(tmp_path, results)}")
    people = detector.detect(PICTURE, "val/000000000785.jpg")
    assert people.boxes.tolist() == [[10, 20, 40, 60], [1, 1, 6, 6]] and people.scores.tolist() == [0.5, 1]
    assert people.rejected == ("result 3 (image_id 785) has no area, or its corners are swapped: (1, 1, 1, 6)",)
    assert len(detector.detect(PICTURE, "COCO_val2014_000000000785.png")) == 2
    assert len(detector.detect(PICTURE, "000000000786.jpg")) == 0
    with pytest.raises(InputError, match="no such number"):
        detector.detect(PICTURE, "street.jpg")


def test_coco_with_a_table_of_images(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "v/a.jpg"}, {"id": 2, "file_name": "v/b.jpg"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]},
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "iscrowd": 1},
        ],
    }
    detector = make_detector(f"boxes:{boxes_file(tmp_path, content)}")
    assert len(detector.detect(PICTURE, "a.jpg")) == 1 and len(detector.detect(PICTURE, "v/b.jpg")) == 0
    with pytest.raises(InputError, match="no entry for"):
        detector.detect(PICTURE, "c.jpg")


@needs_real
def test_real_boxes_files() -> None:
    results = BoxesFile.load(REAL / "coco/test_coco_det_AP_H_56.json")
    assert np.allclose(results.lookup("000000000785.jpg").boxes[0], [277.1183, 45.6997, 502.2096, 379.2599])
    truth = BoxesFile.load(REAL / "coco/test_coco_wholebody.json")
    assert len(truth.lookup("000000000785.jpg")) == 1 and truth.entries.keys() == {
        "000000000785.jpg", "000000040083.jpg", "000000196141.jpg", "000000197388.jpg",
    }  # fmt: skip
    clip = BoxesFile.load(REAL / "two_people_boxes.json")
    assert len(clip.entries) == 40 and len(clip.lookup("two_people_1080x1920.mp4/39")) == 2


# ----------------------------------------------------------------------------------------------------------- choosing

CROWD = found((0, 0, 10, 10, 0.9), (0, 0, 100, 100, 0.3), (50, 50, 60, 70, 0.9), (200, 0, 300, 100, 0.5))


@pytest.mark.parametrize(
    ("how", "chosen"),
    [
        ("all", [0, 1, 2, 3]),
        ("largest", [3]),
        ("top:1", [2]),
        ("top:3", [2, 0, 3]),
        ("top:99", [2, 0, 3, 1]),
        ("id:0", [0]),
        ("id:3", [3]),
        ("at:55,55", [2]),
        ("at: 30 , 30.5", [1]),
        ("at:10,10", [0]),
        ("at:190,50", [3]),
        ("at:-5,-5", [0]),
    ],
)
def test_choice_of_people(how: str, chosen: list[int]) -> None:
    assert select_people(CROWD, how).tolist() == chosen
    assert select_people(CROWD, parse_person(how)).tolist() == chosen
    assert select_people(found(), how).tolist() == []


def test_a_person_who_is_not_there() -> None:
    with pytest.raises(InputError, match="no person id:4; expected id:0 to id:3"):
        select_people(CROWD, "id:4")
    with pytest.raises(InputError, match="expected id:0;"):
        select_people(CROWD.take([1]), PersonChoice("id", number=1))


BAD_CHOICES = (
    "|al|top|top:|top:0|top:-1|top:1.5|id:-1|id:x|id:٣|at:1|at:1,2,3|at:nan,1|at:1e,2|largest:1|all:|at:1,inf|top:1_0"
)


@pytest.mark.parametrize("how", BAD_CHOICES.split("|"))
def test_bad_choices_are_refused_early(how: str) -> None:
    with pytest.raises(InputError, match="cannot read the choice of person"):
        parse_person(how)


def test_import_brings_no_torch() -> None:
    code = (
        "import sys, mien.detect, mien.detect.boxes; sys.exit(any(n in sys.modules for n in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
