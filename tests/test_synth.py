"""Synthetic data: labels against an independent body layer, camera and ray caster; same bytes whatever happens."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from plain_smplx import PlainBody, nearest_hit, read_humandata

from mien.body.files import find_body
from mien.cli import main
from mien.data.humandata import HumanData
from mien.data.validate import validate
from mien.errors import InputError, MienError
from mien.synth.generate import Job, generate, plan
from mien.synth.labels import CLOTH, flesh
from mien.synth.mocap import Mocap
from mien.synth.place import build
from mien.synth.place.backgrounds import Backgrounds
from mien.synth.random import stream
from mien.synth.recipes import RECIPES
from mien.synth.studio import Shot, Studio

PARAMS = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose",
          "betas", "expression", "transl")  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> PlainBody:
    return PlainBody(find_body("openbody"))


def job(out: Path, recipe: str = "studio", count: int = 20, size: int = 128, **rest) -> Job:
    return Job(recipe=recipe, out=out, count=count, size=size, **rest)


def content(folder: Path) -> dict[str, bytes]:
    """Every file and its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of several people."""
    out = tmp_path_factory.mktemp("synth") / "crowd"
    generate(job(out, "crowd", 40), 1)
    return out


def check_rows(folder: Path, split: str, plain: PlainBody) -> int:
    """The labels of a split against the independent body and OpenCV's camera; how many people there are."""
    data = read_humandata(folder / f"{split}.npz")
    keypoints2d, keypoints3d = data["keypoints2d_smplx"], data["keypoints3d_smplx"]
    assert data["misc"]["flat_hand_mean"] is True
    assert data["keypoints2d_smplx_mask"][:144].all() and not data["keypoints2d_smplx_mask"][144:].any()
    for i in range(data["__data_len__"]):
        params = {name: data["smplx"][name][i] for name in PARAMS}
        _, joints = plain.pose(params)
        # half a micrometre, and what single precision rounds off: together one up to 8 metres away, 1.5 up to 32
        limit = 5e-7 + np.spacing(np.abs(joints).astype(np.float32)) / 2
        assert (np.abs(keypoints3d[i, :144, :3] - joints) < limit).all()
        fx, fy = data["meta"]["focal_length"][i]
        cx, cy = data["meta"]["principal_point"][i]
        camera = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)
        ahead = joints[:, 2] > 0.05
        pixels = cv2.projectPoints(joints[ahead], np.zeros(3), np.zeros(3), camera, None)[0][:, 0]
        width, height = data["meta"]["width"][i], data["meta"]["height"][i]
        # in the picture and as far again around it; beside a lens a tenth of a metre's millionth is more than that
        away = np.abs(pixels - [width / 2, height / 2])
        near = (away < [1.5 * width, 1.5 * height]).all(1)
        assert near.any()
        limit = np.maximum(1e-4, 1.5e-7 * (fx + away) / joints[ahead, 2:])
        assert (np.abs(keypoints2d[i, :144, :2][ahead] - pixels) < limit)[near].all()
        inside = (away < [width / 2, height / 2]).all(1) & (joints[ahead, 2] > 0.2)
        assert np.abs(keypoints2d[i, :144, :2][ahead] - pixels)[inside].max(initial=0) < 1e-4
        _check_boxes(data, i, keypoints2d[i, :144], (width, height))
    return data["__data_len__"]


def _check_boxes(data: dict, i: int, joints: np.ndarray, size: tuple[int, int]) -> None:
    """Boxes hold the joints of theirs that lie in the picture."""
    parts = {
        "bbox_xywh": np.arange(144),
        "lhand_bbox_xywh": np.array([20, *range(25, 40), *range(66, 71)]),
        "rhand_bbox_xywh": np.array([21, *range(40, 55), *range(71, 76)]),
        "face_bbox_xywh": np.array([22, 23, 24, *range(55, 60), *range(76, 144)]),
    }
    for key, part in parts.items():
        x, y, width, height, confidence = data[key][i]
        points = joints[part][joints[part, 2] > 0, :2]
        inside = ((points >= 0) & (points <= np.array(size) - 1)).all(1)
        assert bool(confidence) == bool(inside.any()), key
        assert (points[inside] >= (x, y)).all() and (points[inside] <= (x + width, y + height)).all(), key


def test_labels_agree_with_an_independent_body_and_camera(made: Path, plain: PlainBody) -> None:
    assert check_rows(made, "train", plain) >= 36
    assert check_rows(made, "test", plain) >= 4


def test_left_is_left(made: Path) -> None:
    data = read_humandata(made / "train.npz")
    joints = data["keypoints3d_smplx"]
    forward = data["smplx"]["global_orient"]
    for i in range(data["__data_len__"]):
        across = cv2.Rodrigues(forward[i].astype(np.float64))[0][:, 0]
        assert (joints[i, 1, :3] - joints[i, 2, :3]) @ across > 0, "the left hip lies along +x of the pelvis"
        for wrist, fingers in ((20, range(25, 40)), (21, range(40, 55))):
            assert np.linalg.norm(joints[i, list(fingers), :3] - joints[i, wrist, :3], axis=1).max() < 0.25


def shoot(recipe: str, number: int, tmp: Path, size: int = 160) -> Shot:
    return Studio.open(job(tmp, recipe, size=size)).shoot("train", number)


def triangles_of(shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """All triangles that can be seen, and whether each is two-sided."""
    meshes = shot.frame.meshes
    triangles = [mesh.vertices[mesh.faces].astype(np.float64) for mesh in meshes]
    both = [np.full(len(t), mesh.two_sided) for t, mesh in zip(triangles, meshes, strict=True)]
    return np.concatenate(triangles), np.concatenate(both)


@pytest.mark.parametrize(("recipe", "number"), [("studio", 1), ("crowd", 2), ("hands", 3)])
def test_visibility_is_what_rays_say(recipe: str, number: int, tmp_path: Path) -> None:
    shot = shoot(recipe, number, tmp_path)
    triangles, both = triangles_of(shot)
    K, (height, width) = shot.view.K, shot.view.size
    radius, checked = flesh(Studio.open(job(tmp_path)).body), 0
    for person, own in zip(shot.people, shot.owners, strict=True):
        pixels = np.rint(person.joints2d)
        inside = ((pixels >= 0) & (pixels < (width, height))).all(1) & (person.joints3d[:, 2] > 0.05)
        assert not person.visible[~inside].any()
        chosen = np.flatnonzero(inside)[:: 1 if len(shot.people) == 1 else 3]
        rays = np.concatenate([(pixels[chosen] - K[:2, 2]) / K[[0, 1], [0, 1]], np.ones((len(chosen), 1))], 1)
        depth = nearest_hit(rays, triangles, both)
        mine = np.isin(shot.frame.mesh[pixels[chosen, 1].astype(int), pixels[chosen, 0].astype(int)], list(own))
        limit = person.joints3d[chosen, 2] - radius[chosen] - np.where(mine, CLOTH, 0)
        clear = np.abs(depth - limit) > 1e-3
        assert np.array_equal((depth >= limit)[clear], person.visible[chosen][clear])
        checked += int(clear.sum())
    assert checked > 30


def seen_vertices(shot: Shot, rng: np.random.Generator, count: int) -> tuple[int, int]:
    """Of some vertices of each body that no triangle hides: how many, and how many of them lie in the person's mask."""
    triangles, both = triangles_of(shot)
    K, (height, width) = shot.view.K, shot.view.size
    seen = hit = 0
    for own in shot.owners:
        mesh = shot.frame.meshes[min(own) - 1]
        used = np.unique(mesh.faces)
        points = mesh.vertices[rng.choice(used, count)].astype(np.float64)
        points = points[points[:, 2] > 0.1]
        pixels = points @ K.T
        pixels = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(int)
        inside = ((pixels >= 0) & (pixels < (width, height))).all(1)
        points, pixels = points[inside], pixels[inside]
        depth = nearest_hit(points / points[:, 2:], triangles, both)
        free = depth > points[:, 2] - 1e-4
        # the mask is of pixel centres: a vertex at an outline may lie up to a pixel outside
        mask = cv2.dilate(np.isin(shot.frame.mesh, list(own)).astype(np.uint8), np.ones((3, 3), np.uint8))
        hit += int(mask[pixels[free, 1], pixels[free, 0]].sum())
        seen += int(free.sum())
    return seen, hit


def test_seen_vertices_lie_in_the_mask(tmp_path: Path) -> None:
    rng, totals = np.random.default_rng(0), np.zeros(2, dtype=int)
    for i, recipe in enumerate(RECIPES):
        totals += seen_vertices(shoot(recipe, i, tmp_path), rng, 40)
    assert totals[0] > 100 and totals[1] >= 0.999 * totals[0], totals


@pytest.mark.slow
def test_a_thousand_pictures(tmp_path: Path, plain: PlainBody) -> None:
    rng, totals, people = np.random.default_rng(1), np.zeros(2, dtype=int), 0
    each = 1000 // len(RECIPES) + 1
    for recipe in RECIPES:
        out = tmp_path / recipe
        generate(job(out, recipe, each, size=192), 2)
        people += sum(check_rows(out, split, plain) for split in ("train", "test"))
        studio = Studio.open(job(out, recipe, each, size=192))
        for number in range(0, each - 10):
            totals += seen_vertices(studio.shoot("train", number), rng, 12)
    print(f"{people} people, {totals[0]} vertices, {totals[1] / totals[0]:.5f} in the mask")
    assert people > 1000 and totals[1] >= 0.999 * totals[0]


def test_same_bytes_for_any_number_of_workers_and_after_a_kill(tmp_path: Path) -> None:
    generate(job(tmp_path / "one", count=40, size=64), 1)
    generate(job(tmp_path / "two", count=40, size=64), 2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "mien", "synth", "studio", "--out", str(out), "--count", "40", "--size", "64"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list(out.glob(".parts/*.npz")) and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "train.npz").exists() and list(out.glob(".parts/train*.npz"))
    before = {path: path.stat().st_mtime_ns for path in out.glob(".parts/*.npz")}
    made: list[int] = []
    generate(job(out, count=40, size=64), 1, lambda done, total: made.append(done))
    assert made[0] > 0, "what was there is kept"
    assert before
    assert content(tmp_path / "one") == content(out)


def test_the_files_are_humandata_without_a_doubt(made: Path) -> None:
    for split in ("train", "test"):
        assert list(validate(made / f"{split}.npz", images=made, sample=0)) == []
        data = HumanData.read(made / f"{split}.npz")
        assert data.extra["joints_visible"].shape == (len(data), 144)
        assert data.misc["body_family"] == "openbody"


def test_a_finished_folder_is_left_alone(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.name != ".lock"}
    (made / ".parts").mkdir()  # as if it had been killed while it was removing them
    (made / ".parts/train_00000000.npz").touch()
    generate(job(made, "crowd", 40), 1)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.name != ".lock"} == before


def test_parts_go_when_all_else_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, a run of hours would else begin anew."""
    import mien.synth.generate as module

    def removed(path: Path, **_: object) -> None:
        assert (tmp_path / module.LAST).exists() and list(path.glob("*.npz"))

    monkeypatch.setattr(shutil, "rmtree", removed)
    generate(job(tmp_path, count=2, size=64), 1)


def test_splits_share_nothing_and_the_test_split_is_fixed(tmp_path: Path) -> None:
    for seed in (0, 1):
        generate(job(tmp_path / str(seed), count=30, size=64, seed=seed), 1)
    train = [read_humandata(tmp_path / str(seed) / "train.npz") for seed in (0, 1)]
    test = [read_humandata(tmp_path / str(seed) / "test.npz") for seed in (0, 1)]
    assert np.array_equal(test[0]["smplx"]["betas"], test[1]["smplx"]["betas"])
    for a, b in ((train[0], train[1]), (train[0], test[0]), (train[1], test[1])):
        for name in ("betas", "body_pose", "global_orient", "left_hand_pose", "expression"):
            ours, theirs = ({row.tobytes() for row in np.asarray(data["smplx"][name])} for data in (a, b))
            assert not ours & theirs, name


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe(recipe: str, tmp_path: Path) -> None:
    studio = Studio.open(job(tmp_path, recipe, size=96))
    assert studio.recipe.name == recipe and studio.recipe.summary
    shots = [studio.shoot("train", number) for number in range(3)]
    assert sum(len(shot.rows) for shot in shots) >= 2
    for shot in shots:
        assert shot.picture.shape == (96, 96, 3) and shot.picture.std() > 3
        assert all(row["wears"] and "teeth" not in row["wears"].split(",") for row in shot.rows)
        decoded = cv2.imdecode(np.frombuffer(shot.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and decoded.shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["studo"], "did you mean 'studio'?"),
        (["studio", "--count", "0"], "at least 1 picture"),
        (["studio", "--size", "16"], "64 to 4096"),
        (["studio", "--size", "5000"], "64 to 4096"),
        (["studio", "--workers", "0"], "at least 1"),
        (["studio", "--test", "11", "--count", "10"], "0 to 10"),
        (["studio", "--poses", "nothing.npz"], "nothing.npz"),
        (["studio", "--body", "nothing.npz"], "nothing.npz"),
        (["studio", "--backgrounds", "nowhere"], "nowhere"),
        (["nowhere.py"], "nowhere.py"),
        (["studio", "--poses", "."], "a folder"),
        (["studio", "--backgrounds", "."], "holds no pictures"),
        ([], "no recipe"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    assert main(["synth", *arguments, "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("mien: error:") and message in error and "\n" not in error
    assert not out.exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('framing=Framing(subject={"face": 1})', "'face'; known: chest_up"),
        ("framing=Framing(subject={})", "some above 0"),
        ("framing=Framing(fill=(0, 0))", "fill is (0, 0); expected two numbers from 0.01 to 20"),
        ("framing=Framing(fov=(200, 200))", "from 1 to 179"),
        ("framing=Framing(roll=-1)", "roll is -1"),
        ("sensor=Sensor(quality=(95, 80))", "quality is (95, 80)"),
        ("sensor=Sensor(quality=(80, 950))", "two whole numbers from 0 to 100"),
        ("sensor=Sensor(noise=(3, 1))", "the lower first"),
        ("sensor=Sensor(grey=float('nan'))", "grey is nan"),
        ("motion=Motion(frames=0)", "a whole number from 1 to 256"),
        ("people=People(count={0: 1})", "'0'; known: 1, 2"),
        ("people=People(count={1: -1, 2: 3})", "0 or more"),
        ("people=People(shape=float('inf'))", "shape is inf"),
    ],
)
def test_wrong_numbers_of_a_recipe_are_one_line(
    wrong: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "mine.py", tmp_path / "out"
    path.write_text(
        "from mien.synth.cast import People\nfrom mien.synth.framing import Framing\n"
        "from mien.synth.recipes import Motion, Recipe\nfrom mien.synth.sensor import Sensor\n"
        f"RECIPE = Recipe(name='mine', summary='my own', {wrong})\n"
    )
    assert main(["synth", str(path), "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"mien: error: {path}: ") and message in error and "\n" not in error
    assert not out.exists()


def test_a_body_without_hands_is_refused(fake_bodies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = fake_bodies / "smpl/SMPL_NEUTRAL.pkl"
    assert main(["synth", "studio", "--out", str(tmp_path / "out"), "--body", str(body)]) == 2
    assert "no hands" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_body_works(fake_bodies: Path, tmp_path: Path) -> None:
    body = str(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    generate(job(tmp_path, count=3, size=64, body=body), 1)
    data = read_humandata(tmp_path / "train.npz")
    assert data["__data_len__"] >= 1 and np.isfinite(data["keypoints3d_smplx"]).all()


def test_a_folder_of_another_job_is_refused(made: Path, tmp_path: Path) -> None:
    before = content(made)
    with pytest.raises(InputError, match=r"seed 0.*expected seed 5"):
        generate(job(made, "crowd", 40, seed=5), 1)
    assert content(made) == before
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="already holds images"):
        generate(job(tmp_path), 1)


def test_a_killed_worker_and_a_full_disk_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mien.synth.generate as module

    monkeypatch.setattr(module, "_try", _die)
    with pytest.raises(MienError, match="a worker process was killed"):
        generate(job(tmp_path / "killed", count=40, size=64), 2)
    assert not (tmp_path / "killed/train.npz").exists()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MienError, match="the disk is full"):
        generate(job(tmp_path / "full", count=4, size=64), 1)
    assert not list((tmp_path / "full").rglob("*.npz"))


def _die(chunk: object) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_own_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import replace\nfrom mien.synth.recipes import RECIPES\n"
        "RECIPE = replace(RECIPES['studio'](), name='mine', summary='my own')\n"
    )
    assert plan(job(tmp_path, str(path)))["recipe"] == "mine"
    path.write_text("RECIPE = 5\n")
    with pytest.raises(InputError, match="RECIPE"):
        plan(job(tmp_path, str(path)))
    path.write_text("import nothing_like_this\n")
    with pytest.raises(InputError, match="nothing_like_this"):
        plan(job(tmp_path, str(path)))


def test_backgrounds_of_the_user(tmp_path: Path) -> None:
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[:, :, 1] = 255
    cv2.imwrite(str(folder / "green.png"), picture)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    studio = Studio.open(job(tmp_path / "out", size=96, backgrounds=folder))
    shot = studio.shoot("train", 0)
    corner = shot.picture[:8, :8].reshape(-1, 3).mean(0)
    assert corner[1] > corner[0] + 40 and corner[1] > corner[2] + 40


def test_settings_are_written(made: Path) -> None:
    settings = json.loads((made / "synth.json").read_text())
    assert settings["recipe"] == "crowd" and settings["train"] == 36 and settings["test"] == 4


def test_making_pictures_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        return torch.get_num_threads(), cv2.getNumThreads(), gc.get_threshold(), gc.get_freeze_count()

    import mien.synth.generate as module

    before, cv_before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        torch.set_num_threads(2)
        cv2.setNumThreads(2)
        found = state()
        generate(job(tmp_path / "whole", count=1, size=64), 1)
        assert state() == found and not module._STUDIO
        with pytest.raises(KeyboardInterrupt):
            generate(job(tmp_path / "stopped", count=1, size=64), 1, _stop_when_done)
        assert state() == found and not module._STUDIO
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(cv_before)


def _stop_when_done(done: int, total: int) -> None:
    if done == total:
        raise KeyboardInterrupt


def test_pictures_that_are_lost_before_the_end_are_made_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(job(tmp_path, count=4, size=64), 1, _stop_when_done)
    pictures = content(tmp_path / "images")
    assert len(pictures) == 4 and list(tmp_path.glob(".parts/*.npz"))
    (tmp_path / "images/train_0000001.jpg").unlink()
    (tmp_path / "images/test_0000000.jpg").write_bytes(b"")
    generate(job(tmp_path, count=4, size=64), 1)
    assert content(tmp_path / "images") == pictures and (tmp_path / "train.npz").exists()


def test_a_finished_folder_without_its_labels_is_told(tmp_path: Path) -> None:
    generate(job(tmp_path, count=2, size=64), 1)
    labels = (tmp_path / "train.npz").read_bytes()
    (tmp_path / "train.npz").unlink()
    with pytest.raises(InputError, match=r"has no train\.npz; delete .*statistics\.html"):
        generate(job(tmp_path, count=2, size=64), 1)
    (tmp_path / "statistics.html").unlink()
    generate(job(tmp_path, count=2, size=64), 1)
    assert (tmp_path / "train.npz").read_bytes() == labels


def test_a_body_with_few_betas_is_refused(fake_bodies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mien.synth.generate as module

    with np.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz", allow_pickle=True) as archive:
        arrays = dict(archive)
    arrays["shapedirs"] = arrays["shapedirs"][..., :5]
    np.savez(tmp_path / "few.npz", **arrays)
    wrong = job(tmp_path / "out", count=40, size=64, body=str(tmp_path / "few.npz"))
    with pytest.raises(MienError, match="betas"):
        generate(wrong, 2)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(module, "plan", lambda _: {})  # what only a worker sees is told, too
    with pytest.raises(MienError, match="betas"):
        generate(wrong, 2)


def test_a_file_of_poses_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "poses.npz"
    np.savez(path, poses=np.zeros((3, 156)))
    real = open

    def refused(file: object, *rest: Any, **more: Any) -> Any:
        if file == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(file, *rest, **more)  # pyright: ignore

    monkeypatch.setattr("builtins.open", refused)
    assert main(["synth", "studio", "--poses", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert "Permission denied" in error and "\n" not in error and not (tmp_path / "out").exists()


def test_splits_share_no_frame_and_no_background(tmp_path: Path) -> None:
    for count in (2, 9, 10, 25, 1000):
        clip = Mocap(path=tmp_path, body=np.zeros((count, 22, 3)), hands=None)
        train, test = clip.frames("train"), clip.frames("test")
        assert train and test and not {*train} & {*test} and len(train) + len(test) == count
        assert len(test) == max(1, count // 10)
    (tmp_path / "in").mkdir()
    for i in range(23):
        (tmp_path / f"in/{i}.png").touch()
        if i:
            every = Backgrounds.open(tmp_path)
            train, test = (set(every.of(split).paths) for split in ("train", "test"))
            assert train and test and not train & test and train | test == set(every.paths)
    clip = Mocap(path=tmp_path, body=np.zeros((1, 22, 3)), hands=None)
    assert clip.frames("train") == clip.frames("test") == range(1)


def test_pictures_of_a_split_take_its_own_frames_and_backgrounds(tmp_path: Path) -> None:
    """Standing people, told apart by an elbow; backgrounds, told apart by their grey."""
    rows = np.zeros((20, 156))
    rows[:, 0], rows[:, 50], rows[:, 53] = np.pi / 2, -1.1, 1.1
    rows[:, 3 * 18 + 1] = -0.02 * np.arange(20)
    np.savez(tmp_path / "poses.npz", poses=rows)
    (tmp_path / "in").mkdir()
    for i in range(10):
        cv2.imwrite(str(tmp_path / f"in/{i}.png"), np.full((64, 64, 3), 20 * i, np.uint8))
    asked = job(tmp_path / "out", size=64, poses=tmp_path / "poses.npz", backgrounds=tmp_path / "in")
    settings = plan(asked)
    assert (settings["poses_train"], settings["poses_test"]) == (18, 2)
    assert (settings["backgrounds_train"], settings["backgrounds_test"]) == (9, 1)
    room, greys = Studio.open(asked), Backgrounds.open(tmp_path / "in").of("test").paths
    for split, frames in (("train", range(18)), ("test", range(18, 20))):
        for number in range(4):
            actor = room.shoot(split, number).actors[0]
            assert round(-float(actor.pose.rotations[18, 1]) / 0.02) in frames
    place = build(stream("a"), room.recipe.places, shoot("studio", 0, tmp_path).view, np.zeros((1, 3)), None, "test")
    assert place.backdrop[0, 0, 0] == 20 * int(greys[0].stem)


def test_other_backgrounds_of_the_same_name_are_another_job(tmp_path: Path) -> None:
    jobs = []
    for name in ("a", "b"):
        (tmp_path / name / "in").mkdir(parents=True)
        cv2.imwrite(
            str(tmp_path / name / "in/x.png"),
            np.random.default_rng(0).integers(0, 255, (9, 9 + len(jobs), 3), np.uint8),
        )
        jobs.append(job(tmp_path / "out", count=1, size=64, backgrounds=tmp_path / name / "in"))
    generate(jobs[0], 1)
    with pytest.raises(InputError, match="backgrounds_sha256"):
        generate(jobs[1], 1)
    path = tmp_path / "mine.py"
    path.write_text(
        "from pathlib import Path\nfrom mien.synth.place import Places\nfrom mien.synth.recipes import Recipe\n"
        f"RECIPE = Recipe(name='mine', summary='', places=Places(folder=Path({str(tmp_path / 'a/in')!r})))\n"
    )
    assert plan(job(tmp_path, str(path)))["backgrounds_sha256"] == plan(jobs[0])["backgrounds_sha256"]
    assert "backgrounds_sha256" not in plan(job(tmp_path)), "folders that were begun before go on"


def test_seeds_of_numpy_are_numbers(tmp_path: Path) -> None:
    room, other = Studio.open(job(tmp_path, size=64, seed=5)), job(tmp_path, size=64)
    object.__setattr__(other, "seed", np.int64(5))  # what a caller without types may pass
    assert room.shoot("train", 1).jpeg == replace(room, job=other).shoot("train", 1).jpeg
