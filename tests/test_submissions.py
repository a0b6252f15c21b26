"""Submissions: anybody with numpy can read them, they hold what servers want, and what is wrong with one is said."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mien.body.model import BodyModel
from mien.cli import main
from mien.cli.submit import _told
from mien.errors import BodyError
from mien.evaluate.predicting import Answer
from mien.evaluate.reading import read_people
from mien.evaluate.submissions import check, plain_pickle, write_hbw, write_people
from mien.geometry.rotation import axis_angle_from_matrix
from mien.metrics.shape import rest_mesh
from mien.records import SmplxParams


@pytest.fixture(scope="module")
def body(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of 640 x 360, three people, as AGORA lists its test set."""
    folder = tmp_path_factory.mktemp("boxes")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.full((360, 640, 3), 90, np.uint8))
    listed = {
        "a.png": [{"bbox": [10, 20, 100, 200]}, {"bbox": [300, 50, 80, 160]}],
        "b.png": [{"bbox": [0, 0, 90, 200]}],
    }
    (folder / "AGORA_test_bbox.json").write_text(json.dumps(listed))
    return folder / "AGORA_test_bbox.json"


class Says:
    """Somebody else for every row."""

    image_size = None

    def __init__(self, count: int) -> None:
        torch.manual_seed(0)
        from mien.geometry.rotation import matrix_from_axis_angle as turn

        shapes = {"global_orient": (), "body_pose": (21,), "jaw_pose": (), "leye_pose": (), "reye_pose": ()}
        shapes |= {"left_hand_pose": (15,), "right_hand_pose": (15,)}
        rotations = {name: turn(0.2 * torch.randn(count, *shape, 3)) for name, shape in shapes.items()}
        plain = {"betas": torch.randn(count, 10), "expression": torch.randn(count, 10)}
        transl = torch.tensor([0.0, 0.1, 30.0]).expand(count, 3)
        self.params = SmplxParams(**rotations, **plain, transl=transl)

    def __call__(self, crops: np.ndarray | None, rows: np.ndarray) -> Answer:
        return Answer(params=self.params[torch.from_numpy(rows)])


def _modules(data: bytes) -> set[str]:
    """Modules that a pickle names."""
    found = [argument for opcode, argument, _ in pickletools.genops(io.BytesIO(data)) if opcode.name == "GLOBAL"]
    return {str(each).split()[0] for each in found}


@pytest.mark.parametrize("benchmark", ["agora", "bedlam"])
def test_a_zip_holds_a_plain_pickle_for_each_person(
    benchmark: str, boxes: Path, body: BodyModel, tmp_path: Path
) -> None:
    people, path = read_people(boxes, body), tmp_path / "out.zip"
    says = Says(len(people))
    assert benchmark in ("agora", "bedlam")
    assert write_people(path, benchmark, says, people, body) == 3 and check(path) == []  # pyright: ignore
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(files) == [f"predictions/{name}.pkl" for name in ("a_personId_0", "a_personId_1", "b_personId_0")]
    data = files["predictions/a_personId_1.pkl"]
    assert _modules(data) <= {"numpy", "numpy.core.multiarray", "_codecs"}
    said = pickle.loads(data)
    assert body.mean_hands is not None
    hand = axis_angle_from_matrix(says.params.left_hand_pose[1]) - body.mean_hands[0]
    assert np.allclose(said["params"]["left_hand_pose"][0], hand.flatten().numpy(), atol=1e-5)
    assert np.allclose(said["params"]["transl"], [[0, 0.1, 30]]) and not said["params"]["leye_pose"].any()
    full = np.array([3840, 2160] if benchmark == "agora" else [1280, 720])
    middle = (np.array([300 + 40, 50 + 80]) + 0.5) * full / [640, 360] - 0.5
    assert np.abs(said["joints"][0, 0] - middle).max() < 0.1 * full[0]


def test_a_rewritten_pickle_means_the_same() -> None:
    value = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.float64(0.5), "text"], "c": np.zeros((1, 0))}
    back = pickle.loads(plain_pickle(value))
    assert np.array_equal(back["a"], value["a"]) and back["b"][1] == "text" and back["c"].shape == (1, 0)


def test_shapes_for_hbw(boxes: Path, body: BodyModel, tmp_path: Path) -> None:
    people, path = read_people(boxes, body), tmp_path / "hbw.npz"
    says = Says(3)
    assert write_hbw(path, says, people, body) == 3
    with np.load(path, allow_pickle=False) as stored:
        assert stored["image_name"].tolist() == ["a.png", "a.png", "b.png"]
        mesh = body.shape(says.params.betas).pose(torch.eye(3).expand(3, 55, 3, 3)).mesh()
        assert np.abs(stored["v_shaped"] - mesh.numpy()).max() < 1e-5
    few = says.params.betas[:, :4]
    torch.testing.assert_close(rest_mesh(body, few), rest_mesh(body, torch.nn.functional.pad(few, (0, 6))))
    found = check(path)
    assert any("1631" in each for each in found) and any("twice" in each for each in found)


def test_who_is_not_in_a_submission_is_told(
    boxes: Path, body: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people, path = read_people(boxes, body), tmp_path / "out.npz"
    count = write_hbw(path, Says(3), people, body)
    assert _told(path, count, replace(people, entries=5, left_out={"no_box": 2})) == 1
    said = capsys.readouterr().out
    assert "3 of 5 people" in said and "2 people are left out by the rule no_box" in said and "1631" in said


def test_the_open_body_is_refused(
    boxes: Path, studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.zip"
    assert main(["submit", "agora", "random-xxs", "--on", str(boxes), "--out", str(out)]) == 2
    assert "servers take nothing else" in capsys.readouterr().err and not out.exists()


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"transl": 3, "global_orient": 3, "body_pose": 63, "left_hand_pose": 45, "right_hand_pose": 45}
    sizes |= {"reye_pose": 3, "leye_pose": 3, "jaw_pose": 3, "expression": 10, "betas": 10}
    good = {name: np.zeros((1, size)) for name, size in sizes.items()}
    joints = np.full((1, 144, 2), 500.0)
    wrong = {
        "predictions/a_personId_0.pkl": {"params": {**good, "betas": np.zeros(10)}, "joints": joints},
        "predictions/b_personId_0.pkl": {"params": {k: v for k, v in good.items() if k != "transl"}, "joints": joints},
        "predictions/c_personId_0.pkl": {"params": good, "joints": joints / 100},
        "predictions/d_personId_0.pkl": {"params": {**good, "betas": good["betas"] + np.nan}, "joints": joints},
        "e.pkl": {"params": good, "joints": joints},
        "predictions/f_personId_0.pkl": [1, 2],
        "predictions/g_personId_0.pkl": {"params": good, "joints": joints},
    }
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for name, value in wrong.items():
            archive.writestr(name, plain_pickle(value))
    found = "\n".join(check(tmp_path / "bad.zip"))
    for part in ("a_personId_0.pkl: betas is of shape (10,)", "transl is missing", "heat-map units", "no number"):
        assert part in found
    assert "e.pkl is not called" in found and "other things" in found and "g_personId" not in found
    assert main(["submit", "check", str(tmp_path / "bad.zip")]) == 1
    assert "6 problems" in capsys.readouterr().out
    (tmp_path / "no.zip").write_bytes(b"nothing")
    assert main(["submit", "check", str(tmp_path / "no.zip")]) == 2
    np.savez(tmp_path / "flat.npz", image_name=np.array(["a"]), v_shaped=np.zeros((1, 10475, 3)))
    assert any("tall" in each for each in check(tmp_path / "flat.npz"))


def test_a_body_of_another_family_cannot_be_written(boxes: Path, body: BodyModel, tmp_path: Path) -> None:
    from mien.body.files import find_body

    other = BodyModel.load(find_body("openbody"))
    with pytest.raises(BodyError, match="SMPL-X"):
        write_hbw(tmp_path / "x.npz", Says(3), read_people(boxes, body), other)
