"""The validator: a sound file passes, and each planted fault is found, by key and row."""

from __future__ import annotations

import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_pictures import encode, with_exif

from mien.cli import data as cli
from mien.data.humandata import HumanData
from mien.data.joints import HUMAN_DATA
from mien.data.validate import Finding, validate
from mien.errors import InputError

N = 20
MASK = np.array([index < 76 for index in range(190)], np.uint8)
"""The body, the hands and the face's first points."""


def people() -> np.ndarray:
    """The 190 joints of N people, metres, camera frame: upright, arms out, a hand at the end of each arm."""
    rng = np.random.default_rng(0)
    rest = np.zeros((190, 3))
    for index, name in enumerate(HUMAN_DATA[:76]):
        side = 1.0 if name.startswith("left") else -1.0 if name.startswith("right") else 0.0
        heights = {"ankle": 0.8, "heel": 0.9, "toe": 0.9, "knee": 0.4, "hip": 0.0, "shoulder": -0.45, "elbow": -0.45}
        height = next(
            (value for word, value in heights.items() if word in name), -0.45 if side and index > 15 else -0.3
        )
        reach = {"ankle": 0.1, "knee": 0.1, "hip": 0.1, "shoulder": 0.2, "elbow": 0.45, "wrist": 0.7}
        hand = 25 <= index < 55 or 66 <= index < 76
        rest[index] = (side * next((v for w, v in reach.items() if w in name), 0.8 if hand else 0.05), height, 0)
    return rest + rng.normal(0, 0.01, (N, 190, 3)) + rng.uniform(-0.2, 0.2, (N, 1, 3)) + (0, 0, 4)


def sound() -> dict[str, Any]:
    """The arrays of a file with nothing wrong."""
    points3d, rng = people(), np.random.default_rng(1)
    points2d = points3d[..., :2] / points3d[..., 2:] * 500 + (320, 240)
    body = points2d[:, MASK > 0]
    low, high = body.min(1) - 20, body.max(1) + 20
    ones = np.ones((N, 190, 1))
    hands = rng.normal(0, 0.1, (2, N, 15, 3))  # offsets from the mean hand
    smplx = {
        "global_orient": rng.normal(0, 1, (N, 3)),
        "body_pose": rng.normal(0, 0.2, (N, 21, 3)),
        "betas": rng.normal(0, 1, (N, 10)),
        "transl": points3d[:, 0],
        "left_hand_pose": hands[0],
        "right_hand_pose": hands[1],
    }
    return {
        "image_path": np.array([f"{i:03d}.jpg" for i in range(N)]),
        "bbox_xywh": np.concatenate([low, high - low, np.ones((N, 1))], 1).astype(np.float32),
        "keypoints2d_smplx": np.concatenate([points2d, ones], 2),
        "keypoints2d_smplx_mask": MASK,
        "keypoints3d_smplx": np.concatenate([points3d, ones], 2),
        "keypoints3d_smplx_mask": MASK,
        "smplx": smplx,
        "meta": {"height": np.full(N, 480), "width": np.full(N, 640), "gender": ["male"] * N},
        "misc": {"flat_hand_mean": False},
        "__data_len__": np.array(N),
        "__keypoints_compressed__": np.array(False),
    }


def write(path: Path, arrays: dict[str, Any]) -> Path:
    packed: dict[str, Any] = dict(arrays)
    packed |= {key: np.array(value, dtype=object) for key, value in arrays.items() if isinstance(value, dict)}
    np.savez(path, **packed)
    return path


def find(tmp_path: Path, change: Callable[[dict[str, Any]], Any], **options: Any) -> list[Finding]:
    arrays = sound()
    change(arrays)
    return list(validate(write(tmp_path / "a.npz", arrays), **options))


def test_a_sound_file_has_nothing_to_say(tmp_path: Path) -> None:
    assert find(tmp_path, lambda arrays: None) == []


def test_what_we_write_is_sound(tmp_path: Path) -> None:
    HumanData.read(write(tmp_path / "a.npz", sound())).write(tmp_path / "b.npz")
    assert list(validate(tmp_path / "b.npz")) == []


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.__setitem__(key, value)


def put_param(name: str, value: Any, key: str = "smplx") -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays[key].__setitem__(name, value)


def spoil(key: str, row: int, value: float, name: str = "") -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        array = arrays[key][name] if name else arrays[key]
        array[row, ..., 0] = value

    return change


def scale(key: str, factor: float, name: str = "") -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        (arrays[key][name] if name else arrays[key])[..., : -1 if not name else None] *= factor

    return change


def swap_hands(arrays: dict[str, Any]) -> None:
    for key in ("keypoints2d_smplx", "keypoints3d_smplx"):
        left = [i for i, name in enumerate(HUMAN_DATA[:144]) if name.startswith("left_") and (25 <= i < 55 or 66 <= i)]
        right = [HUMAN_DATA.index(HUMAN_DATA[i].replace("left", "right")) for i in left]
        arrays[key][:, left + right] = arrays[key][:, right + left]


def bend(arrays: dict[str, Any]) -> None:
    arrays["smplx"]["left_hand_pose"][:, :12, 2] -= 0.5
    arrays["smplx"]["right_hand_pose"][:, :12, 2] += 0.5


def far_box(arrays: dict[str, Any]) -> None:
    arrays["bbox_xywh"][3, 0] = 5000


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str, int | None, str]] = {
    "unknown key": (put("bbox_xwyh", np.ones((N, 5))), "doubt", "bbox_xwyh", None, "did you mean 'bbox_xywh'"),
    "other keypoints": (
        put("keypoints2d_mine", np.ones((N, 190, 3))),
        "doubt",
        "keypoints2d_mine",
        None,
        "never asked",
    ),
    "box shape": (put("bbox_xywh", np.ones((N, 4))), "problem", "bbox_xywh", None, "shape"),
    "box length": (put("bbox_xywh", np.ones((3, 5))), "problem", "bbox_xywh", None, "3 rows; expected 20"),
    "box nan": (spoil("bbox_xywh", 7, np.nan), "problem", "bbox_xywh", 7, "is no number"),
    "box far": (far_box, "doubt", "bbox", 3, "not in the picture"),
    "box of shares": (scale("bbox_xywh", 1 / 640), "doubt", "bbox", 0, "instead of pixels"),
    "type": (put("bbox_xywh", np.full((N, 5), "a")), "problem", "bbox_xywh", None, "<U1"),
    "mask length": (
        put("keypoints2d_smplx_mask", MASK[:50]),
        "problem",
        "keypoints2d_smplx",
        None,
        "190 joints, and its mask",
    ),
    "no mask": (
        lambda a: a.pop("keypoints2d_smplx_mask"),
        "doubt",
        "keypoints2d_smplx",
        None,
        "no keypoints2d_smplx_mask",
    ),
    "joint nan": (spoil("keypoints3d_smplx", 5, np.nan), "problem", "keypoints3d_smplx", 5, "no number"),
    "channels": (
        put("keypoints3d_smplx", np.ones((N, 190, 3))),
        "problem",
        "keypoints3d_smplx",
        None,
        "20 x joints x 4",
    ),
    "convention": (put("keypoints2d", np.ones((N, 25, 3))), "problem", "keypoints2d", None, "25 joints"),
    "millimetres": (scale("keypoints3d_smplx", 1000), "doubt", "keypoints3d", None, "millimetres"),
    "transl in mm": (scale("smplx", 1000, "transl"), "doubt", "transl", None, "millimetres"),
    "hands swapped 2D": (swap_hands, "doubt", "keypoints2d", 0, "left and right swapped"),
    "hands swapped 3D": (swap_hands, "doubt", "keypoints3d", 0, "left and right swapped"),
    "joints elsewhere": (scale("keypoints2d_smplx", 3), "doubt", "keypoints2d", 0, "outside the box"),
    "degrees": (scale("smplx", 57, "global_orient"), "doubt", "smplx.global_orient", 0, "more than 2 pi"),
    "parameter nan": (spoil("smplx", 9, np.nan, "betas"), "problem", "smplx.betas", 9, "no number"),
    "parameter shape": (
        put_param("body_pose", np.zeros((N, 23, 3))),
        "problem",
        "smplx.body_pose",
        None,
        "expected 20 x 21 x 3",
    ),
    "parameter length": (put_param("betas", np.zeros((3, 10))), "problem", "smplx", None, "betas has 3 rows"),
    "parameter name": (put_param("beta", np.zeros((N, 10))), "doubt", "smplx.beta", None, "did you mean 'betas'"),
    "large shape": (spoil("smplx", 2, 30, "betas"), "doubt", "smplx.betas", 2, "standard deviations"),
    "hands said absolute": (
        put("misc", {"flat_hand_mean": True}),
        "doubt",
        "flat_hand_mean",
        None,
        "said to be absolute",
    ),
    "hands said offsets": (bend, "doubt", "flat_hand_mean", None, "said to be offsets"),
    "hands unsaid": (put("misc", {}), "doubt", "misc.flat_hand_mean", None, "does not say"),
    "meta length": (put_param("height", np.ones(3), "meta"), "problem", "meta.height", None, "3 rows; expected 20"),
    "meta zero": (put_param("height", np.zeros(N), "meta"), "problem", "meta.height", 0, "not above 0"),
    "length": (put("__data_len__", np.array(3)), "problem", "__data_len__", None, "it says 3"),
    "compressed": (
        put("__keypoints_compressed__", np.array(True)),
        "problem",
        "keypoints2d_smplx",
        None,
        "said to be compressed",
    ),
    "no dict": (put("smplx", np.ones((N, 10))), "problem", "smplx", None, "expected a dict"),
    "pictures": (put("image_path", np.arange(N)), "problem", "image_path", None, "int64"),
    "no path": (put("image_path", np.array(["a"] * 4 + [""] * 16)), "doubt", "image_path", 4, "is empty"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_planted_fault_is_found(tmp_path: Path, name: str) -> None:
    change, level, key, row, what = FAULTS[name]
    found = find(tmp_path, change)
    match = [finding for finding in found if finding.key == key and what in finding.what]
    assert match, found
    assert match[0].level == level and (row is None or match[0].row == row)


def test_boxes_without_size(tmp_path: Path) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays["bbox_xywh"][[4, 9], 2] = 0

    (finding,) = find(tmp_path, change)
    assert (finding.level, finding.key, finding.row, finding.rows) == ("doubt", "bbox_xywh", 4, 2)


def test_odd_content_is_a_finding_not_a_traceback(tmp_path: Path) -> None:
    rng = random.Random(0)
    odd: list[Any] = [
        3,
        "x",
        None,
        [],
        {},
        [[1], [1, 2]],
        {"a": [1]},
        np.zeros(0),
        np.zeros((N, 2, 2)),
        np.full(N, 1e300),
    ]
    odd += [np.array(["a"] * N), np.array([None] * N), np.full((N, 190, 3), np.inf), True, np.zeros((N, 5), complex)]
    for _ in range(150):
        arrays = sound()
        key = rng.choice(sorted(arrays))
        inside = arrays[key]
        if isinstance(inside, dict) and rng.random() < 0.7:
            inside[rng.choice(sorted(inside))] = rng.choice(odd)
        else:
            value = rng.choice(odd)
            arrays[key] = value if isinstance(value, np.ndarray) else _wrapped(value)
        list(validate(write(tmp_path / "a.npz", arrays)))


def test_a_file_of_nobody(tmp_path: Path) -> None:
    def empty(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: empty(each) for name, each in value.items()}
        return value[:0] if isinstance(value, list) or np.shape(value)[:1] == (N,) else value

    arrays = {key: empty(value) for key, value in sound().items()} | {"__data_len__": np.array(0)}
    assert [each.level for each in validate(write(tmp_path / "a.npz", arrays)) if each.level == "problem"] == []


def test_names_that_are_no_words(tmp_path: Path) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays["smplx"][3] = np.zeros((N, 3))
        arrays["meta"][(1, 2)] = np.zeros(N)

    (finding,) = find(tmp_path, change)
    assert (finding.level, finding.key) == ("doubt", "smplx.3")


def test_a_file_without_boxes(tmp_path: Path) -> None:
    (finding,) = find(tmp_path, lambda arrays: arrays.pop("bbox_xywh"))
    assert (finding.level, finding.key) == ("problem", "bbox_xywh")


def _wrapped(value: Any) -> np.ndarray:
    array = np.empty((), object)
    array[()] = value
    return array


def test_code_in_a_file_is_a_problem_by_name(tmp_path: Path) -> None:
    class Call:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    found = find(tmp_path, put("meta", np.array(Call(), dtype=object)))
    assert [(finding.level, finding.key) for finding in found] == [("problem", "meta")]
    assert "would run code" in found[0].what and not (tmp_path / "made").exists()


def test_a_key_twice(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", sound())
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("smplx.npy", archive.read("smplx.npy"))
    (finding,) = validate(tmp_path / "a.npz")
    assert finding.level == "problem" and finding.key == "smplx" and "more than once" in finding.what


def test_missing_pictures(tmp_path: Path) -> None:
    for row in range(N):
        if row != 19:
            (tmp_path / f"{row:03d}.jpg").touch()
    (finding,) = find(tmp_path, lambda arrays: None, images=tmp_path)
    assert finding.level == "problem" and finding.row == 19 and "1 of 20 pictures" in finding.what
    (tmp_path / "019.jpg").touch()
    assert find(tmp_path, lambda arrays: None, images=tmp_path, sample=5) == []
    (finding,) = find(tmp_path, lambda arrays: None, images=tmp_path / "nowhere")
    assert finding.level == "problem" and "nowhere does not exist" in finding.what
    (tmp_path / "below").mkdir()
    (finding,) = find(tmp_path, put("image_path", np.array(["../000.jpg"] * N)), images=tmp_path / "below")
    assert "20 of 20 pictures" in finding.what, "it is there, but not below the root"


def test_pictures_that_are_stored_turned(tmp_path: Path) -> None:
    jpeg = encode(np.zeros((16, 16, 3), np.uint8), ".jpg")
    for row in range(N):
        (tmp_path / f"{row:03d}.jpg").write_bytes(with_exif(jpeg, 6 if row == 7 else 1))
    (finding,) = find(tmp_path, lambda arrays: None, images=tmp_path)
    assert (
        finding.level == "doubt" and "1 of 20 pictures are turned by their EXIF block, such as 007.jpg" in finding.what
    )


def test_what_is_no_file_of_the_kind(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", imagepath=np.array(["a"]))
    (finding,) = validate(tmp_path / "a.npz")
    assert finding.level == "problem" and "no image_path" in finding.what
    with pytest.raises(InputError, match="cannot be opened"):
        list(validate(tmp_path / "none.npz"))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.npz", sound())
    assert cli.validate((good,)) == 0
    assert capsys.readouterr().out.splitlines() == [f"file      {good}", "verdict   keeps to the format, nothing odd"]
    arrays = sound()
    spoil("bbox_xywh", 7, np.nan)(arrays)
    swap_hands(arrays)
    bad = write(tmp_path / "bad.npz", arrays)
    assert cli.validate((good, bad, tmp_path / "none.npz")) == 2
    out = capsys.readouterr().out
    assert "problem   bbox_xywh, row 7: is no number" in out
    assert "doubt     keypoints3d, row 0 (and 19 more): the joints of a hand" in out
    assert "1 to mend, 2 to look at" in out and "cannot be opened" in out
