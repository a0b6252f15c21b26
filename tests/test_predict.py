"""`mien predict` as a person uses it: the recorded numbers end to end, the file, and every kind of wrong input."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

import mien
from mien.body.joints import NUM_OUTPUT_JOINTS, SMPLX_137
from mien.cli import RESUMES, VERBS, main
from mien.cli.predict import _stretches, _Task
from mien.cli.predict_video import VideoOptions, split_inputs
from mien.detect import Detections, FullImage
from mien.estimator import STRETCH, Estimator, _dtype
from mien.files import exclusive
from mien.geometry.camera import Camera
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.records import Located, Prediction

PARITY = Path(__file__).parent / "parity"
E2E = np.load(PARITY / "e2e_S.npz")
SHAPES = {
    "global_orient": (3,), "body_pose": (21, 3), "jaw_pose": (3,), "leye_pose": (3,), "reye_pose": (3,),
    "left_hand_pose": (15, 3), "right_hand_pose": (15, 3), "betas": (10,), "expression": (10,), "transl": (3,),
    "bbox": (4,), "crop_bbox": (4,), "score": (), "joints3d": (144, 3), "joints2d": (144, 2), "crop_K": (3, 3),
    "crop_transl": (3,), "crop_global_orient": (3,), "transl_residual": (),
}  # fmt: skip


def run(*arguments: str | Path, weights: str | Path = "random-xxs") -> int:
    return main(["predict", *(str(argument) for argument in arguments), "--weights", str(weights)])


def write_boxes(path: Path, boxes: Mapping[str, Sequence[Sequence[float]]]) -> str:
    path.write_text(json.dumps(boxes))
    return f"boxes:{path}"


@pytest.fixture
def pictures(tmp_path: Path, det_init: ModuleType) -> Path:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for i, name in enumerate(["a.png", "b.png", "sub/c.png"]):
        image = (det_init.det_image(i, 90, 120).transpose(1, 2, 0) * 255).astype(np.uint8)
        cv2.imwrite(str(folder / name), image)
    return folder


# recorded numbers -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, det_init: ModuleType) -> Path:
    """The recorded network S, in upstream's file layout, through the public command."""
    folder = tmp_path_factory.mktemp("checkpoint")
    shapes = json.loads((PARITY / "state_dicts.json").read_text())[str(E2E["variant"])]
    state = det_init.det_state({key: tuple(shape) for key, shape in shapes.items()}, str(E2E["salt"]))
    network = {f"module.{key}": torch.from_numpy(value) for key, value in state.items()}
    torch.save({"epoch": 3, "network": network, "optimizer": {"state": {}}}, folder / "snapshot_3.pth.tar")
    target = folder / "s.safetensors"
    assert main(["weights", "convert", str(folder / "snapshot_3.pth.tar"), str(target)]) == 0
    return target


@pytest.fixture(scope="module")
def predicted(
    checkpoint: Path, fake_bodies: Path, tmp_path_factory: pytest.TempPathFactory, det_init: ModuleType
) -> dict[str, np.ndarray]:
    """All rows of the fixture, predicted through the command, in its order."""
    folder = tmp_path_factory.mktemp("e2e")
    names = []
    for seed, (height, width) in zip(E2E["picture_seed"], E2E["picture_hw"], strict=True):
        image = (det_init.det_image(int(seed), int(height), int(width)) * 255).round().astype(np.uint8)
        names.append(f"{seed}.png")
        cv2.imwrite(str(folder / names[-1]), image.transpose(1, 2, 0)[:, :, ::-1])
    rows = [[i for i, picture in enumerate(E2E["picture"]) if picture == k] for k in range(len(names))]
    boxes = {name: E2E["box"][rows[k]].tolist() for k, name in enumerate(names)}
    spec = write_boxes(folder / "boxes.json", boxes)
    body = fake_bodies / "smplx/SMPLX_NEUTRAL.npz"
    assert run(folder, "--out", folder / "out", "--body", body, "--detector", spec, weights=checkpoint) == 0
    results = [dict(np.load(folder / "out" / f"{Path(name).stem}.npz")) for name in names]
    keys = [key for key in results[0] if results[0][key].ndim and len(results[0][key]) == len(rows[0]) and key != "K"]
    order = np.argsort(np.concatenate(rows))
    found = {key: np.concatenate([result[key] for result in results])[order] for key in SHAPES if key in keys}
    found["flat_hand_mean"] = results[0]["flat_hand_mean"]
    return found


def _as_matrices(vectors: np.ndarray) -> torch.Tensor:
    return matrix_from_axis_angle(torch.from_numpy(vectors.reshape(len(vectors), -1, 3)))


@pytest.mark.parametrize("key", ["crop_global_orient:root", "global_orient:root", "body_pose:body", "jaw_pose:jaw"])
def test_parity_rotations(predicted: dict[str, np.ndarray], key: str) -> None:
    mine, theirs = key.split(":")
    assert float(angle_between(_as_matrices(predicted[mine]), _as_matrices(E2E[theirs])).max()) < 1e-3
    assert torch.allclose(_as_matrices(predicted[mine]), _as_matrices(E2E[theirs]), atol=1e-4)


def test_parity_hands_are_offset_plus_mean(predicted: dict[str, np.ndarray], fake_bodies: Path) -> None:
    body = mien.BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    assert bool(predicted["flat_hand_mean"]) and body.mean_hands is not None
    for side, theirs, mean in zip(("left", "right"), ("lhand", "rhand"), body.mean_hands, strict=True):
        absolute = torch.from_numpy(E2E[theirs].reshape(-1, 15, 3)) + mean
        found = _as_matrices(predicted[f"{side}_hand_pose"])
        assert torch.allclose(found, matrix_from_axis_angle(absolute), atol=1e-4)


@pytest.mark.parametrize("key", ["betas:betas", "expression:expr", "crop_transl:cam", "crop_bbox:bb"])
def test_parity_values(predicted: dict[str, np.ndarray], key: str) -> None:
    mine, theirs = key.split(":")
    np.testing.assert_allclose(predicted[mine], E2E[theirs], atol=2e-4)


def test_parity_crop_camera(predicted: dict[str, np.ndarray]) -> None:
    focal = np.stack([predicted["crop_K"][:, 0, 0], predicted["crop_K"][:, 1, 1]], -1)
    np.testing.assert_allclose(focal, E2E["focal"], rtol=1e-6)
    np.testing.assert_allclose(predicted["crop_K"][:, :2, 2], E2E["princpt"], rtol=1e-6)


def test_parity_joints(predicted: dict[str, np.ndarray]) -> None:
    joints = predicted["joints3d"][:, list(SMPLX_137)]
    np.testing.assert_allclose(joints - joints[:, :1], E2E["jcam"], atol=1e-4)
    x, y, w, h = np.moveaxis(predicted["crop_bbox"][:, None], -1, 0)
    pixels = predicted["joints2d"][:, list(SMPLX_137)]
    heat_map = np.stack([(pixels[..., 0] - x) / w * 12, (pixels[..., 1] - y) / h * 16], -1)
    np.testing.assert_allclose(heat_map, E2E["jproj"], atol=5e-4)


def test_parity_mesh(predicted: dict[str, np.ndarray], fake_bodies: Path) -> None:
    body = mien.BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    keys = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
    rotations = torch.cat([_as_matrices(predicted[key]) for key in keys], 1)
    values = {key: torch.from_numpy(predicted[key]) for key in ("betas", "expression", "crop_transl")}
    mesh = body.shape(values["betas"], values["expression"]).pose(rotations, values["crop_transl"]).mesh()
    np.testing.assert_allclose(mesh[:, ::25], E2E["mesh25"], atol=2e-4)


# the file -------------------------------------------------------------------------------------------------------
def test_file_holds_what_the_conventions_say(pictures: Path, tmp_path: Path) -> None:
    boxes = {"a.png": [[10, 5, 60, 85, 0.9], [50, 10, 110, 80]], "b.png": [[0, 0, 120, 90]], "sub/c.png": []}
    spec = write_boxes(tmp_path / "boxes.json", boxes)
    assert run(pictures, "--out", tmp_path / "out", "--detector", spec) == 0
    for name, people in {"a": 2, "b": 1, "sub/c": 0}.items():
        path = tmp_path / "out" / f"{name}.npz"
        arrays = dict(np.load(path, allow_pickle=False))
        for key, shape in SHAPES.items():
            assert arrays[key].shape == (people, *shape), key
            assert arrays[key].dtype == np.float32 and np.isfinite(arrays[key]).all(), key
        assert arrays["K"].shape == (3, 3) and tuple(arrays["image_size"]) == (90, 120)
        assert arrays["flat_hand_mean"] and arrays["schema_version"] == 1
        assert str(arrays["body_family"]) == "openbody" and len(str(arrays["body_sha256"])) == 64
        assert str(arrays["weights_name"]).startswith("random-xxs") and "RANDOM" in str(arrays["warning"])
        scene = mien.read(path)
        assert len(scene) == people and [len(person.joints3d) for person in scene] == [NUM_OUTPUT_JOINTS] * people
        for key, array in scene.arrays().items():
            np.testing.assert_allclose(array, arrays[key], atol=2e-6) if array.dtype.kind == "f" else None
    np.testing.assert_allclose(arrays_of(tmp_path / "out/a.npz")["score"], [0.9, 1.0])
    np.testing.assert_array_equal(arrays_of(tmp_path / "out/a.npz")["bbox"][1], [50, 10, 110, 80])


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    return dict(np.load(path, allow_pickle=False))


def test_one_camera_for_the_whole_picture(pictures: Path, tmp_path: Path) -> None:
    spec = write_boxes(tmp_path / "boxes.json", {"a.png": [[10, 5, 60, 85], [50, 10, 110, 80]]})
    assert run(pictures / "a.png", "--out", tmp_path, "--detector", spec) == 0
    scene = mien.read(tmp_path / "a.npz")
    camera = Camera(K=scene.K)
    body = [*range(22), *range(55, 66)]
    seen = camera.project(scene.joints3d[:, body])
    residual = (seen - scene.joints2d[:, body]).square().sum(-1).mean(-1).sqrt()
    assert torch.allclose(residual, scene.transl_residual, atol=0.05)
    model = mien.BodyModel.load(next(Path(str(mien.__path__[0])).glob("body/data/*.npz")))
    joints = model.pose(scene.params).joints()
    assert torch.allclose(joints, scene.joints3d, atol=1e-4)
    rest = model.shape(scene.params.betas, scene.params.expression).joints[:, 0]
    assert torch.allclose(scene.joints3d[:, 0], scene.params.transl + rest, atol=1e-4)


def test_python_face_and_batches_give_the_same_as_the_command(pictures: Path, tmp_path: Path) -> None:
    boxes = {name: [[5, 5, 100, 80], [30, 10, 110, 85], [1, 2, 60, 70]] for name in ("a.png", "b.png", "sub/c.png")}
    spec = write_boxes(tmp_path / "boxes.json", boxes)
    assert run(pictures, "--out", tmp_path / "one", "--detector", spec, "--batch-size", "1") == 0
    assert run(pictures, "--out", tmp_path / "four", "--detector", spec, "--batch-size", "4") == 0
    estimate = mien.load("random-xxs", detector=spec)
    people = estimate(pictures / "a.png")
    for name in ("a", "b", "sub/c"):
        one, four = arrays_of(tmp_path / f"one/{name}.npz"), arrays_of(tmp_path / f"four/{name}.npz")
        for key in SHAPES:
            np.testing.assert_allclose(one[key], four[key], atol=2e-4, rtol=1e-4, err_msg=key)
    for key, array in people.arrays().items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, arrays_of(tmp_path / "one/a.npz")[key], atol=2e-4, rtol=1e-4, err_msg=key)
    assert people.save(tmp_path / "saved").name == "saved.npz"


def test_results_are_plain_tensors(pictures: Path) -> None:
    """They can be optimised further: no tensor remembers that it came out of inference."""
    people = mien.load("random-xxs", detector="full-image")(pictures / "a.png")
    betas = people.params.betas.clone().requires_grad_()
    (betas * people.params.betas).sum().backward()
    assert betas.grad is not None and not people.joints3d.is_inference()


def test_pretrained_form_round_trip(pictures: Path, tmp_path: Path) -> None:
    estimate = mien.load("random-xxs:3", detector="full-image")
    folder = estimate.save_pretrained(tmp_path / "hub")
    again = mien.Estimator.from_pretrained(folder, detector="full-image")
    one, other = estimate(pictures / "a.png"), again(pictures / "a.png")
    assert torch.equal(one.joints3d, other.joints3d) and "RANDOM" in other.origin.warning


@pytest.mark.parametrize(("person", "rows"), [("largest", [1]), ("top:2", [2, 0]), ("id:1", [1]), ("at:100,50", [1])])
def test_person(pictures: Path, tmp_path: Path, person: str, rows: list[int]) -> None:
    boxes = [[10, 5, 40, 60, 0.5], [30, 5, 110, 85, 0.1], [1, 2, 30, 60, 0.8]]
    spec = write_boxes(tmp_path / "boxes.json", {"a.png": boxes})
    assert run(pictures / "a.png", "--out", tmp_path, "--detector", spec, "--person", person) == 0
    np.testing.assert_allclose(arrays_of(tmp_path / "a.npz")["bbox"], [boxes[i][:4] for i in rows])


def test_half_precision_is_close(pictures: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        code = run(
            pictures / "a.png", "--out", tmp_path / precision, "--detector", "full-image", "--precision", precision
        )
        assert code == 0
    a, b = arrays_of(tmp_path / "fp32/a.npz"), arrays_of(tmp_path / "bf16/a.npz")
    np.testing.assert_allclose(a["crop_transl"], b["crop_transl"], atol=0.5)
    assert float(angle_between(_as_matrices(a["body_pose"]), _as_matrices(b["body_pose"])).mean()) < 0.1


def test_clash_of_stems_keeps_the_extension(pictures: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(pictures / "a.jpg"), np.full((40, 40, 3), 128, np.uint8))
    assert run(pictures, "--out", tmp_path / "out", "--detector", "full-image") == 0
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.npz"))
    assert names == ["a.jpg.npz", "a.png.npz", "b.npz", "sub/c.npz"]


def test_random_weights_are_said_loudly(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pictures / "a.png", "--out", tmp_path, "--detector", "full-image") == 0
    assert "WARNING" in capsys.readouterr().err


def test_dry_run_writes_nothing(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pictures, "--out", tmp_path / "out", "--dry-run") == 0
    assert "3 pictures" in capsys.readouterr().out and not (tmp_path / "out").exists()


def test_the_plan_names_what_is_written_first(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (pictures, "--out", tmp_path / "out", "--dry-run", "--save")
    for save, name in (("overlay", "a_overlay.png"), ("overlay,npz", "a.npz")):
        assert run(*words, save) == 0
        assert capsys.readouterr().out.strip().endswith(f"out/{name}")


def test_a_second_run_finds_what_the_first_one_found(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    (pictures / "results").mkdir()
    cv2.imwrite(str(pictures / "results/a_overlay.png"), np.zeros((9, 9, 3), np.uint8))
    assert run(".", "--out", "results", "--dry-run") == 0
    assert "3 pictures would be read" in capsys.readouterr().out


def test_a_clip_and_a_picture_of_one_name_have_two_results(pictures: Path) -> None:
    (pictures / "sub/c.png").rename(pictures / "sub/0.png")
    found, clips = split_inputs([str(pictures / "sub"), str(pictures / "a.png")], VideoOptions(clip=True))
    assert [file.stem for file in found] == ["a"] and [file.stem for file in clips] == ["sub"]
    (pictures / "a.png").rename(pictures / "SUB.png")
    found, clips = split_inputs([str(pictures / "sub"), str(pictures / "SUB.png")], VideoOptions(clip=True))
    assert [file.stem for file in found] == ["SUB.png"] and [file.stem for file in clips] == ["sub"]


# wrong input ----------------------------------------------------------------------------------------------------
def refused(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str | Path, **more: str | Path) -> str:
    """Run; check exit code 2, one line of error and nothing written; give that line."""
    assert run(*arguments, "--out", out, **more) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "WARNING" not in line]
    assert not out.exists() or not list(out.rglob("*"))
    assert len([line for line in lines if "error" in line or "skipped" in line]) >= 1
    assert all(line.startswith("mien: ") for line in lines)
    return lines[0]


def test_no_weights(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(pictures), "--out", str(tmp_path / "out")]) == 2
    assert "no --weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--body", "nowhere.npz"], "nowhere.npz"),
        (["--detector", "boxs:x.json"], "did you mean"),
        (["--detector", "boxes:nowhere.json"], "nowhere.json"),
        (["--person", "tallest"], "largest"),
        (["--save", "npz,fbx"], "fbx"),
        (["--batch-size", "0"], "at least 1"),
        (["--focal", "-3"], "more than 0"),
        (["--save", "overlay", "--opacity", "2"], "from 0 to 1"),
        (["--fov", "180"], "between 0 and 180"),
        (["--fov", "60", "--focal", "900"], "one of them"),
    ],
)
def test_wrong_arguments(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, tmp_path / "out", pictures, *arguments)


def test_wrong_weights(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\0" * 100)
    for weights, said in (
        ("random-xz", "random-"),
        (tmp_path / "w.safetensors", "w.safetensors"),
        ("no/such", "no/such"),
    ):
        assert said in refused(capsys, tmp_path / "out", pictures, weights=weights)


def test_wrong_body(
    pictures: Path, tmp_path: Path, fake_bodies: Path, capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    """Weights of the other family; a pickle that wants to run code; a file that is no body."""
    body = fake_bodies / "smplx/SMPLX_NEUTRAL.npz"
    assert "openbody" in refused(capsys, tmp_path / "out", pictures, "--body", body)
    assert "smplx" in refused(capsys, tmp_path / "out", pictures, "--body", "openbody", weights=checkpoint)
    evil = tmp_path / "SMPLX_NEUTRAL.pkl"
    evil.write_bytes(pickle.dumps(_Evil(str(tmp_path / "pwned"))))
    assert "system" in refused(capsys, tmp_path / "out", pictures, "--body", evil, weights=checkpoint)
    assert not (tmp_path / "pwned").exists()
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert "other.npz" in refused(capsys, tmp_path / "out", pictures, "--body", tmp_path / "other.npz")


class _Evil:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def test_bad_pictures_among_good_ones(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "empty.jpg").touch()
    (pictures / "text.png").write_text("hello")
    (pictures / "one.png").write_bytes(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes())
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))[1].tobytes()
    (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert run(pictures, "--out", tmp_path / "out", "--detector", "full-image") == 1
    said = capsys.readouterr().err
    for name in ("empty.jpg", "text.png", "one.png", "cut.jpg"):
        assert any("skipped" in line and name in line for line in said.splitlines()), name
    assert "4 pictures skipped" in said
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["a.npz", "b.npz", "c.npz"]
    for name in ("empty.jpg", "text.png", "one.png", "cut.jpg"):
        assert name in refused(capsys, tmp_path / "alone", pictures / name, "--detector", "full-image")


@pytest.mark.parametrize("name", ["grey", "grey16", "rgba", "rgb16", "rgba16"])
def test_unusual_pictures_work(tmp_path: Path, name: str) -> None:
    shape = {"grey": (50, 40), "grey16": (50, 40), "rgba": (50, 40, 4), "rgb16": (50, 40, 3), "rgba16": (50, 40, 4)}[
        name
    ]
    dtype = np.uint16 if "16" in name else np.uint8
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    assert run(tmp_path / f"{name}.png", "--out", tmp_path, "--detector", "full-image") == 0
    assert tuple(arrays_of(tmp_path / f"{name}.npz")["image_size"]) == (50, 40)


BAD = [[60, 60, 10, 10], [500, 500, 600, 600], [float("nan"), 0, 5, 5], [-50, -50, -1, -1]]


@pytest.mark.parametrize("box", BAD)
def test_bad_boxes(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], box: list[float]) -> None:
    spec = write_boxes(tmp_path / "alone.json", {"a.png": [box]})
    assert "a.png" in refused(capsys, tmp_path / "alone", pictures / "a.png", "--detector", spec)
    spec = write_boxes(tmp_path / "boxes.json", {"a.png": [box, [10, 10, 80, 80]]})
    assert run(pictures / "a.png", "--out", tmp_path / "out", "--detector", spec) == 1
    assert "1 boxes skipped" in capsys.readouterr().err
    assert len(mien.read(tmp_path / "out/a.npz")) == 1


def test_boxes_partly_outside_are_good(pictures: Path, tmp_path: Path) -> None:
    spec = write_boxes(tmp_path / "boxes.json", {"a.png": [[-30, -20, 70, 200]]})
    assert run(pictures / "a.png", "--out", tmp_path, "--detector", spec) == 0


def test_nobody_is_an_empty_result(pictures: Path, tmp_path: Path) -> None:
    spec = write_boxes(tmp_path / "boxes.json", {"a.png": []})
    assert run(pictures / "a.png", "--out", tmp_path, "--detector", spec) == 0
    assert len(mien.read(tmp_path / "a.npz")) == 0


def test_picture_missing_in_the_boxes_file(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_boxes(tmp_path / "boxes.json", {"aa.png": [[0, 0, 50, 50]]})
    assert "aa.png" in refused(capsys, tmp_path / "out", pictures / "a.png", "--detector", spec)


# interruption ---------------------------------------------------------------------------------------------------
def test_full_disk_leaves_nothing_half_written(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(pictures / "a.png", "--out", tmp_path / "out", "--detector", "full-image") == 0
    before = (tmp_path / "out/a.npz").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert run(pictures, "--out", tmp_path / "out", "--detector", "full-image") == 2
    assert "disk is full" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npz"]
    assert (tmp_path / "out/a.npz").read_bytes() == before


def test_resume_goes_on_and_refuses_other_weights(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--out", tmp_path / "out", "--detector", "full-image")
    assert run(pictures / "a.png", *common) == 0
    stamp = (tmp_path / "out/a.npz").stat().st_mtime_ns
    (tmp_path / "out/b.npz").write_bytes(b"PK half")
    assert run(pictures, *common, "--resume") == 0
    assert "1 kept" in capsys.readouterr().err
    assert (tmp_path / "out/a.npz").stat().st_mtime_ns == stamp
    assert len(mien.read(tmp_path / "out/b.npz")) == 1
    assert run(pictures, *common, "--resume", weights="random-xxs:7") == 2
    assert "random-xxs" in capsys.readouterr().err
    assert (tmp_path / "out/a.npz").stat().st_mtime_ns == stamp


def test_resume_draws_what_is_older_than_its_result_again(pictures: Path, tmp_path: Path) -> None:
    words = (pictures / "a.png", "--out", tmp_path, "--detector", "full-image", "--save", "boxes,npz")
    assert run(*words) == 0
    result, drawn = tmp_path / "a.npz", tmp_path / "a_boxes.png"
    assert drawn.stat().st_mtime_ns >= result.stat().st_mtime_ns
    assert run(*words, "--resume") == 0
    kept = drawn.stat().st_mtime_ns
    os.utime(drawn, ns=(0, result.stat().st_mtime_ns - 1))  # of a run before, of other weights
    assert run(*words, "--resume") == 0
    assert drawn.stat().st_mtime_ns > kept


def test_nobody_is_the_same_whoever_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a network that looks for hands and face first, too."""

    class Odd:
        def detect(self, picture: np.ndarray, name: str) -> Detections:
            return FullImage().detect(picture, name).take([0] if int(name) % 2 else [])

    estimate = mien.load("random-xxs", detector=Odd(), batch_size=1)
    answer = estimate.predict([np.zeros((*estimate.network.config.image_size, 3), np.float32)])
    looked = {"body": (25, 3), "hands": (2, 20, 3), "center": (3, 2), "size": (3, 2), "boxes": (3, 4)}
    located = Located(**{key: torch.ones(1, *shape) for key, shape in looked.items()})
    monkeypatch.setattr(Estimator, "predict", lambda self, patches: replace(answer, located=located))
    pixels = np.zeros((40, 30, 3), np.uint8)
    outcomes = list(estimate.stream((str(i), pixels) for i in range(STRETCH + 3)))
    keys = [set(outcome.people.arrays()) for outcome in outcomes if outcome.people is not None]
    assert len(keys) == len(outcomes) and all("part_bbox" in each for each in keys[1::2])
    assert all(each == keys[0] for each in keys[::2])


@pytest.mark.parametrize(
    "array",
    [np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8),
     np.zeros((0, 9, 3), np.uint8)],
)  # fmt: skip
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    estimate = mien.load("random-xxs", detector="full-image")
    (outcome,) = estimate.stream(pair for pair in [("x", array)])
    assert outcome.people is None and "uint8 RGB" in outcome.problem and str(array.shape) in outcome.problem


def test_a_precision_that_is_none() -> None:
    with pytest.raises(mien.MienError, match="the precision 'fp16'; expected fp32 or bf16"):
        _dtype("fp16")


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(words: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("mien.cli._dispatch", stopped)
    for words, said in {
        "predict a.jpg": "kept, --resume goes on",
        "data ingest a.npz": "kept, the same command goes on",
        "study rank": "kept, the same command goes on",
        "data fit a.npz": "mien: stopped\n",
        "export a.npz": "mien: stopped\n",
    }.items():
        assert main(words.split()) == 130
        assert capsys.readouterr().err.endswith(f"{said}\n".replace("\n\n", "\n"))
    assert set(RESUMES) < set(VERBS)


def test_batches_end_with_their_stretch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run that goes on has the batches of one that was not stopped: last digits depend on them."""
    estimate, sizes = mien.load("random-xxs", detector="full-image", batch_size=24), list[int]()

    def answer(self: Estimator, patches: list[np.ndarray]) -> Prediction:
        sizes.append(len(patches))
        return Prediction.cat([ANSWER] * len(patches))

    ANSWER = estimate.predict([np.zeros((*estimate.network.config.image_size, 3), np.float32)])
    monkeypatch.setattr(Estimator, "predict", answer)
    pictures = [(str(i), np.zeros((40, 30, 3), np.uint8)) for i in range(STRETCH + 3)]
    assert [each.name for each in estimate.stream(pictures)] == [name for name, _ in pictures]
    assert sizes == [24, STRETCH - 24, 3]
    tasks = [_Task(name, Path(name), {}) for name, _ in pictures]
    assert _stretches(tasks, {task.path for task in tasks[:STRETCH]}) == tasks[STRETCH:]
    assert _stretches(tasks, {task.path for task in tasks[1:]}) == tasks[:STRETCH]


def test_two_at_once_is_an_error(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with exclusive(tmp_path / "out"):
        assert run(pictures, "--out", tmp_path / "out", "--detector", "full-image") == 2
    assert f"another process is writing to {tmp_path / 'out'}; wait" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, det_init: ModuleType) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    image = (det_init.det_image(0, 200, 200).transpose(1, 2, 0) * 255).astype(np.uint8)
    for i in range(120):
        cv2.imwrite(str(folder / f"{i:03d}.png"), image)
    arguments = ["predict", str(folder), "--out", str(out), "--weights", "random-xxs", "--detector", "full-image"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it for what runs behind them
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.npz"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in said and "Traceback" not in said, said
    done = list(out.glob("*.npz"))
    assert 5 <= len(done) < 120 and not list(out.glob(".*"))
    for path in done:
        assert len(mien.read(path)) == 1
    assert main([*arguments, "--resume"]) == 0
    assert len(list(out.glob("*.npz"))) == 120


def test_ctrl_c_in_the_middle_of_a_file(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that is interrupted while it writes fails with an error of its own when it is closed."""

    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("Can't close the ZIP file while there is an open writing handle on it")

    monkeypatch.setattr(np, "savez", interrupted)
    assert run(pictures, "--out", tmp_path / "out", "--detector", "full-image") == 130
    assert "--resume" in capsys.readouterr().err and not list((tmp_path / "out").iterdir())


def test_damaged_results_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 nonsense")
    for path in (tmp_path / "x.npz", tmp_path / "missing.npz"):
        with pytest.raises(mien.MienError, match=path.name):
            mien.read(path)
    np.savez(tmp_path / "y.npz", schema_version=99)
    with pytest.raises(mien.MienError, match="update mien"):
        mien.read(tmp_path / "y.npz")
