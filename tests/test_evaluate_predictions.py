"""Predictions of other programs, measured by the same code: forms of files, whom a guess is about, what is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch
from scenes import make_scene

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.cli import main
from mien.data.samples import PARAMS
from mien.errors import InputError
from mien.evaluate.baseline import PLAIN
from mien.evaluate.guesses import read_guesses
from mien.evaluate.guessing import FilePredictor, pair, remarks
from mien.evaluate.truths import Truths
from mien.geometry.rotation import axis_angle_from_matrix
from mien.metrics.joints import JOINT_NAMES
from mien.metrics.matching import Detection

Table = dict[str, list[Any]]


def columns(truths: Truths, body: BodyModel) -> Table:
    """The truth as a table of predictions."""
    params = truths.params(body)
    found: Table = {"image": truths.samples.image.tolist()}
    for name in PARAMS:
        value = getattr(params, name)
        flat = (value if name in PLAIN else axis_angle_from_matrix(value)).reshape(len(truths), -1)
        found |= {f"{name}_{i}": flat[:, i].double().tolist() for i in range(flat.shape[1])}
    assert truths.samples.camera is not None
    found |= {name: truths.samples.camera.value[:, i].tolist() for i, name in enumerate(("fx", "fy", "cx", "cy"))}
    return found | {"body_family": ["openbody"] * len(truths)}


def joint_columns(truths: Truths, body: BodyModel, scale: float = 1.0) -> Table:
    """Its joints."""
    posed = body.pose(truths.params(body)).joints()[:, list(SMPLX_137)].double() * scale
    found: Table = {"image": truths.samples.image.tolist()}
    for i, name in enumerate(JOINT_NAMES[:65]):
        found |= {f"{name}_{axis}": posed[:, i, c].tolist() for c, axis in enumerate("xyz")}
    return found


def table(path: Path, values: Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(pa.table(values), path)
    else:
        pq.write_table(pa.table(values), path)
    return path


def evaluated(system: Path, on: Path, out: Path) -> tuple[int, dict[str, Any]]:
    code = main(["evaluate", str(system), "--on", str(on), "--out", str(out), "--split", "all", "--no-report"])
    return code, json.loads((out / "results.json").read_text())


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_truth_as_a_table_has_no_error(
    ending: str, truths: Truths, body: BodyModel, studio: Path, tmp_path: Path
) -> None:
    path = table(tmp_path / f"truth{ending}", columns(truths, body))
    code, record = evaluated(path, studio, tmp_path / "out")
    measures, found = record["measures"], record["folders"]["studio"]["detection"]
    assert code == 0 and record["people"] == 8
    assert all(measures[name]["mean"] < 0.01 for name in ("pve", "pa_pve_hand", "v2v", "mpjpe_joints_body"))
    assert measures["kp2d"]["mean"] < 0.05 and found["f1"] == 1.0 and found["nmve"] < 0.01


def test_results_of_predict_are_measured_as_the_network_itself(studio: Path, truths: Truths, tmp_path: Path) -> None:
    boxes: dict[str, Any] = {}
    for image, box in zip(truths.samples.image.tolist(), truths.samples.box.value.tolist(), strict=True):
        boxes[image] = [[box[0], box[1], box[0] + box[2], box[1] + box[3], 1.0]]
        target = tmp_path / "pictures" / image
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(studio / image, target)
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    words = ["predict", str(tmp_path / "pictures"), "--weights", "random-xxs", "--out", str(tmp_path / "said")]
    assert main([*words, "--detector", f"boxes:{tmp_path / 'boxes.json'}"]) == 0
    _, network = evaluated(Path("random-xxs"), studio, tmp_path / "one")
    code, files = evaluated(tmp_path / "said", studio, tmp_path / "other")
    assert code == 0 and "RANDOM" in files["warning"]
    for name, each in network["measures"].items():
        if "pck" not in name and each["mean"] is not None:
            assert files["measures"][name]["mean"] == pytest.approx(each["mean"], rel=1e-3, abs=0.02), name


def upstream(folder: Path, truths: Truths, offsets: np.ndarray) -> None:
    """The truth as SMPLer-X writes it: hands relative to the mean hand, a person a file, camera and box in a json."""
    samples = truths.samples
    (folder / "smplx").mkdir(parents=True)
    (folder / "meta").mkdir()
    assert samples.camera is not None
    for i, image in enumerate(samples.image.tolist()):
        values: dict[str, Any] = {}
        for name in PARAMS:
            label = getattr(samples, name)
            value = label.value[i] if label is not None else np.zeros(PARAMS[name], np.float32)
            side = {"left_hand_pose": 0, "right_hand_pose": 1}.get(name)
            value = value - offsets[side] if side is not None else value
            values[{"leye_pose": "leye", "reye_pose": "reye"}.get(name, name)] = value.reshape(1, -1)
        stem = Path(image).stem
        np.savez(folder / "smplx" / f"{stem}_0.npz", **values)
        camera = samples.camera.value[i].tolist()
        meta = {"focal": camera[:2], "princpt": camera[2:], "bbox": samples.box.value[i].tolist()}
        (folder / "meta" / f"{stem}_0.json").write_text(json.dumps(meta))


def test_upstream_files_are_read_with_their_mean_hands(truths: Truths, body: BodyModel, tmp_path: Path) -> None:
    assert body.mean_hands is not None
    mean = body.mean_hands.numpy()
    upstream(tmp_path / "said", truths, mean)
    guesses = read_guesses(tmp_path / "said", mean_hands=mean)
    assert guesses.family == "smplx" and guesses.kind == "results of SMPLer-X" and len(guesses.guesses) == 8
    chosen, found = pair(guesses, truths, body)
    assert found == Detection(found=8)
    true = truths.params(body)
    for row, place in enumerate(chosen.tolist()):
        said = guesses.guesses[place].params
        assert said is not None and torch.allclose(said.left_hand_pose[0], true.left_hand_pose[row], atol=1e-5)
        assert torch.allclose(said.global_orient[0], true.global_orient[row], atol=1e-5)


def test_who_has_no_prediction_is_counted_and_in_no_mean(
    truths: Truths, body: BodyModel, studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {name: each[2:] for name, each in columns(truths, body).items()}
    values["image"][0] = "elsewhere/none.jpg"
    code, record = evaluated(table(tmp_path / "some.parquet", values), studio, tmp_path / "out")
    assert code == 1 and record["missing"] == 3 and record["measures"]["pve"]["people"] == 5
    assert record["measures"]["pve"]["mean"] < 0.01
    found = record["folders"]["studio"]["detection"]
    assert found["missed"] == 3 and found["recall"] == pytest.approx(5 / 8)
    assert "3 people have no prediction" in capsys.readouterr().err


def test_the_same_person_twice_is_refused(truths: Truths, body: BodyModel, tmp_path: Path) -> None:
    values = columns(truths, body)
    values["person"] = ["a"] * 8
    values["image"][1] = values["image"][0]
    with pytest.raises(InputError, match="there twice"):
        read_guesses(table(tmp_path / "twice.csv", values))
    doubled = replace(truths, samples=truths.samples.take(np.array([0, 1, 1])))
    guesses = read_guesses(table(tmp_path / "once.csv", columns(truths, body)))
    with pytest.raises(InputError, match="same person 2 times"):
        pair(guesses, doubled, body)


def test_one_prediction_that_two_pictures_could_mean_is_refused(
    truths: Truths, body: BodyModel, tmp_path: Path
) -> None:
    images = ["a/000001.jpg", "b/000001.jpg", *truths.samples.image[2:].tolist()]
    renamed = replace(truths, samples=replace(truths.samples, image=np.array(images)))
    values = columns(renamed, body)
    assert pair(read_guesses(table(tmp_path / "told.csv", values)), renamed, body)[1] == Detection(found=8)
    values["image"] = ["000001.jpg", *images[2:], "none.jpg"]
    with pytest.raises(InputError, match=r"row 1 could be about a/000001\.jpg or b/000001\.jpg"):
        pair(read_guesses(table(tmp_path / "flat.csv", values)), renamed, body)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_names_stay_text_and_empty_cells_say_nothing(
    ending: str, truths: Truths, body: BodyModel, tmp_path: Path
) -> None:
    images = [f"{i:06d}.jpg" for i in range(8)]
    renamed = replace(truths, samples=replace(truths.samples, image=np.array(images)))
    values = columns(renamed, body)
    values["image"] = [image[:-4] for image in images]
    values["person"] = ["01", None, None, *["2"] * 5]
    values["body_family"][0] = "openbody"
    for i, side in enumerate("xywh"):
        values[f"box_{side}"] = [None, *truths.samples.box.value[1:, i].tolist()]
    values["fx"][1] = None
    guesses = read_guesses(table(tmp_path / f"said{ending}", values))
    assert [guess.known for guess in guesses.guesses[:3]] == ["01", "", ""]
    assert guesses.guesses[0].box is None and guesses.guesses[1].K is None and guesses.family == "openbody"
    assert pair(guesses, renamed, body)[1] == Detection(found=8)


def test_who_is_nowhere_takes_nobody_from_the_others(truths: Truths, body: BodyModel, tmp_path: Path) -> None:
    values = columns(truths, body)
    values |= {name: [*each, each[0]] for name, each in values.items()}
    values["transl_0"][8] = float("nan")
    assert pair(read_guesses(table(tmp_path / "nan.parquet", values)), truths, body)[1] == Detection(found=8, extra=1)


def test_results_with_other_numbers_of_betas_are_measured_or_named(
    truths: Truths, body: BodyModel, tmp_path: Path
) -> None:
    scene = make_scene(body, 2)
    for count, last in ((16, 0.0), (6, 0.0), (16, 1.0)):
        betas = torch.nn.functional.pad(scene.params.betas, (0, count - 10))
        betas[:, -1] += last
        path = tmp_path / f"{count}-{last}" / "a.npz"
        path.parent.mkdir()
        replace(scene, params=replace(scene.params, betas=betas)).save(path)
    rest = FilePredictor(guesses=read_guesses(tmp_path / "16-0.0"), chosen=np.array([0, -1]))(None, np.arange(2))
    assert rest.params is not None and rest.params.betas.shape == (2, 10)
    said = read_guesses(tmp_path / "6-0.0").guesses[1].params
    assert said is not None and not said.betas[0, 6:].any()
    assert torch.equal(said.betas[0, :6], scene.params.betas[1, :6])
    with pytest.raises(InputError, match=r"a\.npz, person 0: 16 numbers of betas"):
        read_guesses(tmp_path / "16-1.0")


def test_millimetres_are_suspected(
    truths: Truths, body: BodyModel, studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = columns(truths, body)
    values |= {f"transl_{i}": [1000 * each for each in values[f"transl_{i}"]] for i in range(3)}
    assert "millimetres" in remarks(read_guesses(table(tmp_path / "mm.csv", values)))[0]
    joints = joint_columns(truths, body, scale=1000)
    _, record = evaluated(table(tmp_path / "joints.csv", joints), studio, tmp_path / "out")
    assert any("thousand times too large" in each for each in record["remarks"])
    assert "in millimetres" in capsys.readouterr().err


def test_joints_alone_are_measured_as_joints(truths: Truths, body: BodyModel, studio: Path, tmp_path: Path) -> None:
    code, record = evaluated(table(tmp_path / "joints.csv", joint_columns(truths, body)), studio, tmp_path / "out")
    measures = record["measures"]
    assert code == 0 and measures["mpjpe_joints_body"]["mean"] < 0.01 and measures["mpjpe_joints_hand"]["mean"] < 0.01
    assert "pve" not in measures and "kp2d" not in measures


def test_another_body_than_the_labels_is_explained_and_compared_by_joints(
    truths: Truths, body: BodyModel, studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "labelled"
    shutil.copytree(studio, place)
    (place / "synth.json").unlink()
    for name in ("train", "test"):
        with np.load(place / f"{name}.npz", allow_pickle=True) as file:
            arrays = dict(file)
        arrays["misc"] = np.array({**arrays["misc"].item(), "body_family": "smplx"}, dtype=object)
        np.savez(place / f"{name}.npz", **arrays)
    code, record = evaluated(table(tmp_path / "open.parquet", columns(truths, body)), place, tmp_path / "out")
    assert code == 0 and "pve" not in record["measures"]
    assert record["measures"]["mpjpe_joints_body"]["mean"] < 0.1  # the file's own 3D keypoints
    assert "do not carry over" in capsys.readouterr().err and any("joints" in each for each in record["remarks"])


def _bad_npz(path: Path) -> None:
    path.mkdir()
    np.savez(path / "a.npz", betas=np.zeros(10))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "holds no predictions"),
        (lambda path: table(path / "a.csv", {"name": ["x"]}), "no column image"),
        (lambda path: table(path / "a.csv", {"image": ["x"]}), "says nothing of poses"),
        (lambda path: table(path / "a.csv", {"image": ["x"], "left_knee_x": [1.0]}), "lacks left_knee_y"),
        (lambda path: table(path / "a.csv", {"image": ["x"], **{f"left_knee_{a}": ["b"] for a in "xyz"}}), "no number"),
        (_bad_npz, "lacks body_pose"),
    ],
)
def test_files_that_say_nothing_are_refused_in_a_line(make: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    make(tmp_path / "said")
    with pytest.raises(InputError, match=said):
        read_guesses(tmp_path / "said")
