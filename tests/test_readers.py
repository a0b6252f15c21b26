"""Joint tables, files in the style of COCO, anyone's own table, and telling formats apart."""

from __future__ import annotations

import ast
import inspect
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labels import REAL, label, needs_real, words, write

from mien import data
from mien.body.joints import OUTPUT_JOINTS, SMPLX_137
from mien.cli import data as cli
from mien.data.joints import (
    CONVENTIONS,
    FLIP_53,
    FLIP_137,
    HUMAN_DATA,
    JOINTS_137,
    POSE_53,
    flip_order,
    places,
    swap_eyes,
    to_137,
)
from mien.data.locate import check_options, options_of
from mien.data.readers import READERS, sniff
from mien.data.readers.table import read_table
from mien.errors import InputError, MienError


def points(count: int, seen: Sequence[int] | None = None) -> list[float]:
    """x = 10 i, y = 10 i + 1 for joint i; v = 2, or 0 where it is not among `seen`."""
    v = [2 if seen is None or i in seen else 0 for i in range(count)]
    return [number for i in range(count) for number in (10.0 * i, 10.0 * i + 1, v[i])]


def place(name: str) -> int:
    return JOINTS_137.index(name)


# ------------------------------------------------------------------------------------------------------------ joints


def test_the_tables_have_the_published_lengths() -> None:
    assert len(HUMAN_DATA) == 190 and HUMAN_DATA[:144] == OUTPUT_JOINTS and len(JOINTS_137) == 137
    for name, joints in CONVENTIONS.items():
        assert len(joints) == int(name.rsplit("-", 1)[1]), name
        named = [joint for joint in joints if joint]
        assert len(set(named)) == len(named) or name == "smplx-137", name
    assert HUMAN_DATA[144:153] == (
        "right_hip_extra", "left_hip_extra", "neck_extra", "headtop", "pelvis_extra", "thorax_extra", "spine_extra",
        "jaw_extra", "head_extra",
    )  # fmt: skip
    assert HUMAN_DATA[-5:] == ("head_h36m", "headtop_h36m", "head_bottom_pt", "left_hand", "right_hand")


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_joint_goes_only_where_its_name_is(name: str) -> None:
    for j, index in enumerate(places(CONVENTIONS[name])):
        assert index < 0 or CONVENTIONS[name][index] == JOINTS_137[j]


def test_what_is_another_point_has_no_place() -> None:
    assert (places(CONVENTIONS["mpii-16"]) >= 0).sum() == 13  # not thorax, upper neck, head top
    assert places(CONVENTIONS["mpii-16"])[0] == 6  # pelvis
    assert (places(CONVENTIONS["human36m-17"]) >= 0).sum() == 14  # not torso, nose, head top
    assert (places(CONVENTIONS["lsp-14"]) >= 0).sum() == 12
    assert (places(CONVENTIONS["crowdpose-14"]) >= 0).sum() == 12
    assert (places(CONVENTIONS["coco-17"]) >= 0).sum() == 19  # the eyes twice
    assert places(CONVENTIONS["coco-17"])[[0, 7]].tolist() == [-1, -1]  # no pelvis, no neck
    assert (places(CONVENTIONS["coco-wholebody-133"]) >= 0).sum() == 133
    np.testing.assert_array_equal(places(HUMAN_DATA), SMPLX_137)


def mirrored(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    side, _, rest = name.partition("_")
    if side in swap:
        return f"{swap[side]}_{rest}"
    kind, _, number = name.rpartition("_")
    if kind == "face_contour":
        return f"{kind}_{16 - int(number)}"
    if kind == "face_landmark":  # the 51 landmarks of iBUG, without the contour
        rows = [(0, 9), (14, 18), (31, 37), (43, 47)]
        rows += [(48, 50)] if int(number) in (48, 49, 50) else []
        special = {
            19: 28,
            20: 27,
            21: 26,
            22: 25,
            23: 30,
            24: 29,
            38: 42,
            39: 41,
            40: 40,
            10: 10,
            11: 11,
            12: 12,
            13: 13,
        }
        special |= {value: key for key, value in special.items()}
        if int(number) in special:
            return f"{kind}_{special[int(number)]}"
        low, high = next(row for row in rows if row[0] <= int(number) <= row[1])
        return f"{kind}_{low + high - int(number)}"
    return name


def test_flip_pairs_are_mirror_images_by_name() -> None:
    order = flip_order(FLIP_137, 137)
    assert [JOINTS_137[j] for j in order] == [mirrored(name) for name in JOINTS_137]
    assert (order[order] == np.arange(137)).all()
    order = flip_order(FLIP_53, 53)
    assert [POSE_53[j] for j in order] == [mirrored(name) for name in POSE_53]
    assert POSE_53[0] == "pelvis" and POSE_53[22] == "left_index1" and POSE_53[52] == "jaw"


def test_swapped_eyes() -> None:
    order = np.arange(137)
    assert swap_eyes(order)[[22, 23, 66, 67, 68, 69]].tolist() == [22, 23, 66, 68, 67, 69]
    assert order[67] == 67


def test_to_137_fills_what_there_is() -> None:
    values = np.arange(17, dtype=np.float32).reshape(1, 17, 1) + 1
    weight = np.ones((1, 17), np.float32)
    weight[0, 0] = 0  # the nose
    found, known = to_137(values, weight, CONVENTIONS["coco-17"])
    assert found[0, place("left_wrist"), 0] == 10 and known[0, place("left_wrist")] == 1
    assert known[0, place("nose")] == 0 and known[0, 0] == 0 and known.sum() == 18


# -------------------------------------------------------------------------------------------------------------- COCO


def coco(**entry: Any) -> dict[str, Any]:
    images = [{"id": 7, "file_name": "a.jpg", "height": 480, "width": 640}, {"id": 9, "file_name": "b.jpg"}]
    images[1] |= {"height": 100, "width": 200}
    base = {"image_id": 7, "bbox": [1, 2, 30, 40], "category_id": 1}
    return {"images": images, "annotations": [{"id": 1, **base, **entry}, {"id": 2, **base, **entry, "image_id": 9}]}


def wholebody(**entry: Any) -> dict[str, Any]:
    return coco(
        **{
            "keypoints": points(17, range(1, 17)),
            "foot_kpts": points(6),
            "face_kpts": points(68),
            "lefthand_kpts": points(21),
            "righthand_kpts": points(21),
            "foot_valid": True,
            "face_valid": True,
            "lefthand_valid": True,
            "righthand_valid": False,
            "face_box": [5, 6, 7, 8],
            "lefthand_box": [1, 1, 2, 2],
            "righthand_box": [0, 0, 0, 0],
            "iscrowd": 0,
            "num_keypoints": 16,
            **entry,
        }
    )


def neural(scale: float = 1.0) -> dict[str, Any]:
    params = {
        "root_pose": [0.1 * scale, 0.2, 0.3],
        "body_pose": [0.01 * i for i in range(63)],
        "shape": [0.5] * 10,
        "trans": [1.0, 2.0, 3.0],
        "lhand_pose": [0.1] * 45,
        "rhand_pose": [0.2] * 45,
        "jaw_pose": [0.3, 0, 0],
        "expr": [0.4] * 10,
    }
    return {"smplx_param": params, "cam_param": {"focal": [500, 510], "princpt": [320, 240]}}


def test_coco_wholebody_and_its_pseudo_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.json", wholebody())
    params = write(tmp_path / "params.json", {"2": neural()})
    (samples,) = READERS["coco-wholebody"].read(path, params=params)
    keypoints = samples.keypoints2d
    assert keypoints is not None and samples.size is not None and samples.camera is not None
    assert samples.image.tolist() == ["a.jpg", "b.jpg"] and samples.size.tolist() == [[480, 640], [100, 200]]
    assert samples.box.value.tolist() == [[1, 2, 30, 40]] * 2
    assert keypoints.value[0, place("left_wrist")].tolist() == [90, 91]  # the tenth of 17
    assert keypoints.value[0, place("right_heel")].tolist() == [50, 51]  # the sixth of the feet
    assert keypoints.value[0, place("left_thumb1")].tolist() == [10, 11]
    assert keypoints.value[0, place("left_pinky")].tolist() == [200, 201]
    assert keypoints.value[0, place("face_contour_16")].tolist() == [160, 161]
    assert keypoints.value[0, place("face_landmark_0")].tolist() == [170, 171]
    assert keypoints.weight[0, place("nose")] == 0 and keypoints.value[0, place("nose")].tolist() == [0, 0]
    assert keypoints.weight[0, 25:45].all() and not keypoints.weight[0, 45:65].any()  # the right hand is not valid
    assert keypoints.weight[0].sum() == 137 - 20 - 1 - 4  # no pelvis, neck, jaw, head either
    assert samples.face_box is not None and samples.face_box.value[0].tolist() == [5, 6, 7, 8]
    assert samples.right_hand_box is not None and samples.right_hand_box.weight.tolist() == [0, 0]
    assert label(samples, "left_hand_valid").value.tolist() == [1, 1]
    assert label(samples, "num_keypoints").value.tolist() == [16, 16] and words(samples, "annotation_id") == ["1", "2"]
    assert samples.global_orient is not None and samples.left_hand_pose is not None and samples.transl is not None
    assert samples.global_orient.weight.tolist() == [0, 1] and samples.camera.weight.tolist() == [0, 1]
    np.testing.assert_allclose(samples.global_orient.value[1], [0.1, 0.2, 0.3], rtol=1e-6)
    np.testing.assert_allclose(samples.left_hand_pose.value[1], 0.1, rtol=1e-6)
    assert samples.camera.value[1].tolist() == [500, 510, 320, 240]
    assert label(samples, "flat_hand_mean").value.tolist() == [0, 0]
    (bare,) = READERS["coco-wholebody"].read(path)
    assert bare.betas is None and "flat_hand_mean" not in bare.extra


@needs_real
def test_real_coco_wholebody() -> None:
    path = REAL / "coco/test_coco_wholebody.json"
    (samples,) = READERS["coco-wholebody"].read(path)
    entries = json.loads(path.read_text())["annotations"]
    assert len(samples) == len(entries) == 14 and sniff(path) == "coco-wholebody"
    assert samples.keypoints2d is not None and samples.size is not None
    where = [place(name) for name in CONVENTIONS["coco-17"]]
    for row, entry in enumerate(entries):
        table = np.array(entry["keypoints"], np.float32).reshape(17, 3)
        np.testing.assert_array_equal(samples.keypoints2d.value[row, where], table[:, :2] * (table[:, 2:] > 0))
        assert (samples.keypoints2d.weight[row, where] > 0).sum() == entry["num_keypoints"]
        valid = {"foot": entry["foot_valid"], "face": entry["face_valid"]}
        valid |= {side: entry[f"{side}_valid"] for side in ("lefthand", "righthand")}
        parts = [np.array(entry[f"{name}_kpts"]).reshape(-1, 3)[:, 2] > 0 for name in valid]
        counts = [part[name.endswith("hand") :].sum() * valid[name] for part, name in zip(parts, valid, strict=True)]
        eyes = (table[1:3, 2] > 0).sum()  # they are in the 137 twice, the roots of the hands are not
        assert samples.keypoints2d.weight[row].sum() == entry["num_keypoints"] + eyes + sum(counts)
    first = samples.keypoints2d.value[0, place("left_shoulder")]
    assert first.tolist() == [399, 108] and samples.image[0] == "000000000785.jpg"
    assert samples.size[0].tolist() == [425, 640]


def test_mpii(tmp_path: Path) -> None:
    path = write(tmp_path / "train.json", coco(keypoints=points(16)))
    params = write(tmp_path / "MPII_train_SMPLX_NeuralAnnot.json", {"1": neural(), "2": neural(2)})
    (samples,) = READERS["mpii"].read(path, params=params)
    assert samples.keypoints2d is not None and samples.global_orient is not None
    assert samples.keypoints2d.value[0, place("pelvis")].tolist() == [60, 61]
    assert samples.keypoints2d.value[0, place("left_wrist")].tolist() == [150, 151]
    assert samples.keypoints2d.weight[0].sum() == 13 and samples.keypoints2d.weight[0, 7] == 0  # no neck
    np.testing.assert_allclose(samples.global_orient.value[:, 0], [0.1, 0.2], rtol=1e-6)


def test_crowdpose(tmp_path: Path) -> None:
    content = coco(keypoints=points(14), iscrowd=0)
    content["images"][0]["crowdIndex"] = 0.4
    (samples,) = READERS["crowdpose"].read(write(tmp_path / "a.json", content))
    assert samples.keypoints2d is not None and samples.keypoints2d.weight[0].sum() == 12
    assert samples.keypoints2d.value[0, place("left_shoulder")].tolist() == [0, 1]
    assert samples.keypoints2d.value[0, place("right_ankle")].tolist() == [110, 111]
    assert sniff(tmp_path / "a.json") == "crowdpose"


def test_posetrack(tmp_path: Path) -> None:
    content = coco(keypoints=points(17), bbox_head=[1, 2, 3, 4], track_id=5)
    for picture in content["images"]:
        picture |= {"vid_id": "000342", "frame_id": 10003420000, "is_labeled": True}
    del content["annotations"][1]["bbox"]
    (samples,) = READERS["posetrack"].read(write(tmp_path / "a.json", content))
    assert samples.keypoints2d is not None and samples.track is not None
    assert samples.keypoints2d.value[0, place("nose")].tolist() == [0, 1]
    assert samples.keypoints2d.value[0, place("left_ear")].tolist() == [30, 31]
    assert samples.keypoints2d.weight[0].sum() == 15  # without head_bottom and head_top
    assert samples.track.tolist() == ["000342/5"] * 2 and samples.box.weight.tolist() == [1, 0]
    assert sniff(tmp_path / "a.json") == "posetrack"


# ------------------------------------------------------------------------------------------------------------- table


def test_a_csv_of_ones_own(tmp_path: Path) -> None:
    lines = [
        "image,x,y,w,h,height,width,nose_x,nose_y,left_wrist_x,left_wrist_y,left_wrist_v,track,fx,fy,cx,cy",
        "party/1.jpg,1,2,30,40,480,640,5,6,7,8,1,anna,500,500,320,240",
        "party/2.jpg,1,2,,40,480,640,,,7,8,0,bert,,,,",
    ]
    (samples,) = read_table(write(tmp_path / "a.csv", "\n".join(lines)))
    assert samples.keypoints2d is not None and samples.camera is not None and samples.track is not None
    assert samples.image.tolist() == ["party/1.jpg", "party/2.jpg"] and samples.track.tolist() == ["anna", "bert"]
    assert samples.box.value.tolist() == [[1, 2, 30, 40], [0, 0, 0, 0]] and samples.box.weight.tolist() == [1, 0]
    assert samples.keypoints2d.value[0, place("nose")].tolist() == [5, 6]
    assert samples.keypoints2d.value[0, place("left_wrist")].tolist() == [7, 8]
    assert samples.keypoints2d.weight.sum(1).tolist() == [2, 0]
    assert samples.camera.weight.tolist() == [1, 0] and samples.size is not None
    assert "nan" not in samples.extra and sniff(tmp_path / "a.csv") == "table"


def test_a_csv_with_parameters_beside_it(tmp_path: Path) -> None:
    head = ["image", "x", "y", "w", "h", *(f"global_orient_{i}" for i in range(3))]
    rows = [["a.jpg", 1, 2, 3, 4, 0.1, 0.2, 0.3], ["b.jpg", 1, 2, 3, 4, "", "", ""]]
    text = "\n".join(",".join(map(str, line)) for line in [head, *rows])
    np.savez(tmp_path / "a.npz", betas=np.ones((2, 12)), left_hand_pose=np.ones((2, 15, 3)), flat_hand_mean=True)
    (samples,) = read_table(write(tmp_path / "a.csv", text), params=tmp_path / "a.npz")
    assert samples.global_orient is not None and samples.betas is not None and samples.left_hand_pose is not None
    assert samples.global_orient.weight.tolist() == [1, 0] and samples.betas.value.shape == (2, 10)
    assert label(samples, "betas_rest").value.shape == (2, 2) and label(samples, "flat_hand_mean").value.tolist() == [
        1,
        1,
    ]
    np.savez(tmp_path / "a.npz", betas=np.ones((3, 10)))
    with pytest.raises(InputError, match="betas has 3 rows; expected as many as the table"):
        list(read_table(tmp_path / "a.csv", params=tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", betas=np.ones((1, 10)))
    with pytest.raises(InputError, match="betas has 1 rows"):
        list(read_table(tmp_path / "a.csv", params=tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", bodypose=np.ones((2, 63)))
    with pytest.raises(InputError, match="did you mean 'body_pose'"):
        list(read_table(tmp_path / "a.csv", params=tmp_path / "a.npz"))


TABLES = {
    "unknown column": ("image,x,y,w,h,left_wirst_x\na,1,2,3,4,5", "did you mean 'left_wrist_x'"),
    "no height": ("image,x,y,w\na,1,2,3", "no column 'h'"),
    "half a joint": ("image,x,y,w,h,nose_x\na,1,2,3,4,5", "no column 'nose_y'"),
    "half a pose": ("image,x,y,w,h,transl_0\na,1,2,3,4,5", "no column 'transl_1'"),
    "twice": ("image,x,y,w,h,h\na,1,2,3,4,5", "column twice: 'h'"),
    "word": ("image,x,y,w,h\na,1,2,3,4\nb,1,2,x,4", "row 1, column 'w', holds 'x'; expected a number"),
    "cells": ("image,x,y,w,h\na,1,2,3", "row 0, has 4 cells; expected 5"),
    "empty": ("", "no column 'image'"),
}


@pytest.mark.parametrize("name", TABLES)
def test_faults_of_tables(tmp_path: Path, name: str) -> None:
    text, message = TABLES[name]
    with pytest.raises(InputError, match=rf"a\.csv.*{message}"):
        list(read_table(write(tmp_path / "a.csv", text)))


@pytest.mark.parametrize("count", [17, 133])
def test_a_coco_json_of_ones_own(tmp_path: Path, count: int) -> None:
    (samples,) = read_table(write(tmp_path / "a.json", coco(keypoints=points(count))))
    assert samples.keypoints2d is not None
    assert samples.keypoints2d.weight[0].sum() == (19 if count == 17 else 133)
    assert samples.keypoints2d.value[0, place("left_wrist")].tolist() == [90, 91]
    assert sniff(tmp_path / "a.json") == "table"


def test_a_coco_json_with_boxes_only_and_other_things(tmp_path: Path) -> None:
    content = coco()
    content["categories"] = [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}]
    content["annotations"][0]["category_id"] = 2
    (samples,) = read_table(write(tmp_path / "a.json", content))
    assert samples.image.tolist() == ["b.jpg"] and samples.keypoints2d is None


def test_a_coco_json_with_joints_by_name(tmp_path: Path) -> None:
    content = coco(keypoints=points(3))
    content["categories"] = [{"id": 1, "name": "person", "keypoints": ["Left Wrist", "nose", "tail"]}]
    (samples,) = read_table(write(tmp_path / "a.json", content))
    assert samples.keypoints2d is not None and samples.keypoints2d.weight[0].sum() == 2
    assert samples.keypoints2d.value[0, place("left_wrist")].tolist() == [0, 1]
    content["categories"][0]["keypoints"] = ["a", "b", "c"]
    with pytest.raises(InputError, match="3 keypoints whose names are not known"):
        list(read_table(write(tmp_path / "a.json", content)))


# ------------------------------------------------------------------------------------------------------------ faults


FAULTS: dict[str, tuple[Any, str]] = {
    "no json": ("{'a': 1}", "is no json"),
    "cut off": ('{"images": [', "is no json"),
    "a list": ([1, 2], "no list of objects 'images'"),
    "no annotations": ({"images": []}, "no list of objects 'annotations'"),
    "no file names": ({"images": [{"id": 1}], "annotations": []}, "pictures without 'file_name'"),
    "lost picture": (wholebody(image_id=3), "annotation 0 is of picture 3, which is not listed"),
    "too few numbers": (wholebody(keypoints=[1, 2, 3]), "keypoints, row 0, holds 3 numbers; expected 51"),
    "words": (wholebody(keypoints=["a"] * 51), "keypoints, row 0, is no list of numbers"),
    "box": (wholebody(bbox=[1, 2, 3]), "bbox, row 0, holds 3 numbers; expected 4"),
    "no face": (coco(keypoints=points(17)), "no face_kpts"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_json(tmp_path: Path, name: str) -> None:
    content, message = FAULTS[name]
    with pytest.raises(InputError, match=rf"(?s)a\.json.*{message}|{message}"):
        list(READERS["coco-wholebody"].read(write(tmp_path / "a.json", content)))


def test_numbers_that_are_none(tmp_path: Path) -> None:
    content = (
        json.dumps(wholebody()).replace("[1, 2, 30, 40]", "[NaN, 2, 30, 40]", 1).replace("90.0, 91.0", "NaN, 91.0", 1)
    )
    (samples,) = READERS["coco-wholebody"].read(write(tmp_path / "a.json", content))
    assert samples.keypoints2d is not None and samples.box.weight.tolist() == [0, 1]
    assert samples.keypoints2d.weight[:, place("left_wrist")].tolist() == [0, 1]
    assert words(samples, "nan") == ["box keypoints2d", ""]


def spoiled(content: Any, rng: random.Random) -> Any:
    """The same json with something else in the place of one of its values."""
    at, key = content, rng.choice(sorted(content))
    while rng.random() < 0.9 and isinstance(at[key], dict | list) and at[key]:
        at = at[key]
        key = rng.choice(sorted(at)) if isinstance(at, dict) else rng.randrange(len(at))
    at[key] = rng.choice([None, "x", -1, 1e300, [], {}, [[1], [1, 2]], {"a": 1}, True, float("inf")])
    return content


@pytest.mark.parametrize("name", ["coco-wholebody", "mpii", "posetrack", "table", "3dpw", "ubody", "agora", "ochuman"])
def test_no_file_ends_in_a_traceback(tmp_path: Path, name: str) -> None:
    rng, good = random.Random(name), 0
    for _ in range(60):
        path = write(tmp_path / "a.json", spoiled(wholebody(), rng))
        params = write(tmp_path / "b.json", spoiled({"1": neural(), "2": neural()}, rng))
        options = {"params": params} if name in ("coco-wholebody", "mpii", "3dpw", "ubody") else {}
        try:
            good += len(list(READERS[name].read(path, **options)))
        except MienError as error:
            assert "json" in str(error) or "annotation" in str(error)
    assert good or name not in ("coco-wholebody", "table", "ubody")


def test_the_right_reader_is_named(tmp_path: Path) -> None:
    content = coco(keypoints=points(14))
    content["images"][0]["crowdIndex"] = 0.4
    path = write(tmp_path / "a.json", content)
    with pytest.raises(InputError, match="it looks like 'crowdpose'; use --reader crowdpose"):
        list(READERS["coco-wholebody"].read(path))
    with pytest.raises(InputError, match="--reader crowdpose"):
        list(READERS["3dpw"].read(path))


def test_what_is_nothing_looks_like_nothing(tmp_path: Path) -> None:
    assert sniff(write(tmp_path / "a.json", {"a": 1})) is None and sniff(write(tmp_path / "a.txt", "hello")) is None
    assert sniff(write(tmp_path / "b.json", "[1, 2]")) is None and sniff(tmp_path) is None
    np.savez(tmp_path / "a.npz", a=1)
    assert sniff(tmp_path / "a.npz") is None
    np.savez(tmp_path / "b.npz", image_path=np.array(["a"]))
    assert sniff(tmp_path / "b.npz") == "humandata"
    with pytest.raises(InputError, match="cannot be opened"):
        sniff(tmp_path / "none")


def test_every_reader_says_what_it_takes() -> None:
    for name, reader in READERS.items():
        assert reader.name == name and reader.what and reader.files and reader.read.__doc__
        roles = [file.role for file in reader.files]
        assert len(set(roles)) == len(roles) and reader.files[0].needed
        known = reader.read.__annotations__
        assert set(roles) <= set(known), name


def test_what_a_reader_can_be_told() -> None:
    known = {name: set(options_of(reader)) for name, reader in READERS.items()}
    assert known["agora"] == {"resolution", "root"} and known["freihand"] == {"versions"} and not known["mpii"]
    assert known["humandata"] == {"body", "keypoints2d", "keypoints3d"} and known["ubody"] == {"split", "folder"}
    check_options(READERS["agora"], {"resolution": "1280x720", "root": "/somewhere"})
    with pytest.raises(InputError, match=r"'agora' has no option 'resolutoin'; did you mean 'resolution'\?"):
        check_options(READERS["agora"], {"resolutoin": "1280x720"})
    with pytest.raises(InputError, match=r"resolution=720 of the reader 'agora'; expected 3840x2160, 1280x720"):
        check_options(READERS["agora"], {"resolution": "720"})
    with pytest.raises(InputError, match=r"no option 'folder'; it has no options"):
        check_options(READERS["mpii"], {"folder": "x"})


def test_what_errors_say_to_type_can_be_typed() -> None:
    """Every `--word` of this room's messages is an option of `mien data`, every `--options word=` one of a reader."""
    verbs = [function for function in vars(cli).values() if inspect.isfunction(function)]
    words = {name for verb in verbs for name in inspect.signature(verb).parameters}
    told = {name for reader in READERS.values() for name in options_of(reader)}
    found: set[str] = set()
    for path in Path(data.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                here = re.findall(r"--([a-z][a-z-]*)", node.value)
                assert {word.replace("-", "_") for word in here} <= words, (path.name, here)
                named = re.findall(r"--options ([a-z]\w*)=", node.value)
                assert set(named) <= told, (path.name, named)
                found |= {*here, *named}
    assert {"options", "root", "picture", "images", "max-bad"} <= found
