"""USD, FBX, tables, keypoints and mesh sequences read back; and `mien export`, with what it refuses."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from motions import moving, write_clip
from scenes import make_scene

from mien.body.joints import OUTPUT_JOINTS, SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.cli import main
from mien.errors import BodyError, InputError, MienError, OutputError
from mien.export import export, export_motions, write_format
from mien.export.fbx import write_fbx
from mien.export.joints import BODY_25, FACE_70, HANDS_21, write_csv, write_openpose
from mien.export.motion import Motion, upright_from_camera, within
from mien.export.obj import write_objs
from mien.export.usd import write_usd
from mien.geometry.camera import Camera
from mien.palette import linear, person_colour

needs_usd = pytest.mark.skipif(
    importlib.util.find_spec("pxr") is None, reason="usd-core is not installed: pip install 'mien[usd]'"
)


@pytest.fixture(scope="module")
def motion(body: BodyModel) -> Motion:
    return moving(body, 3)


def upright(motion: Motion, points: torch.Tensor, up: str = "y") -> np.ndarray:
    matrix = upright_from_camera(motion.stage, "y" if up == "y" else "z").float()
    return (points @ matrix[:3, :3].T + matrix[:3, 3]).numpy()


def pxr(*names: str) -> list[Any]:
    """Modules of usd-core, which come without types."""
    return [importlib.import_module(f"pxr.{name}") for name in names]


@needs_usd
@pytest.mark.parametrize(("name", "up"), [("a.usd", "y"), ("a.usda", "z")])
def test_usd_moves_like_the_body(body: BodyModel, tmp_path: Path, name: str, up: str) -> None:
    Gf, Usd, UsdGeom, UsdSkel = pxr("Gf", "Usd", "UsdGeom", "UsdSkel")

    motion, late = moving(body, 3, face=1.0), moving(body, 2, seed=1, start=1)
    write_usd(tmp_path / name, [motion, late] if up == "y" else [motion], body, "y" if up == "y" else "z")
    stage = Usd.Stage.Open(str(tmp_path / name))
    assert UsdGeom.GetStageUpAxis(stage) == up.upper() and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (0, 2, 25)
    root = UsdSkel.Root.Get(stage, "/scene/track_0")
    cache = UsdSkel.Cache()
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(UsdSkel.Skeleton.Get(stage, "/scene/track_0/skeleton"))
    assert tuple(path.split("/")[-1] for path in query.GetJointOrder()) == SMPLX_JOINTS
    posed = body.pose(motion.params)
    for frame in range(3):
        times = UsdGeom.XformCache(frame)
        joints = np.array(query.ComputeJointWorldTransforms(times))[:, 3, :3]
        np.testing.assert_allclose(joints, upright(motion, posed.position[frame], up), atol=1e-4)
    if up == "z":
        return
    visible = [UsdGeom.Imageable(stage.GetPrimAtPath("/scene/track_1")).ComputeVisibility(code) for code in (0, 1)]
    assert visible == ["invisible", "inherited"]
    assert UsdSkel.BakeSkinning(root, Gf.Interval(0, 2))
    points = UsdGeom.Mesh.Get(stage, "/scene/track_0/body").GetPointsAttr()
    matrix = np.array(UsdGeom.XformCache(2).GetLocalToWorldTransform(points.GetPrim()))
    found = np.array(points.Get(2)) @ matrix[:3, :3] + matrix[3, :3]
    np.testing.assert_allclose(found, upright(motion, posed.mesh()[2]), atol=2e-4)


@needs_usd
def test_the_camera_of_a_usd_sees_what_the_picture_saw(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    Usd, UsdGeom = pxr("Usd", "UsdGeom")

    k = torch.tensor([[1000.0, 0, 400.0], [0, 900.0, 330.0], [0, 0, 1]])
    motion = replace(motion, stage=replace(motion.stage, K=k, image_size=(600, 900)))
    write_usd(tmp_path / "a.usdc", [motion], body, "z")
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    camera = UsdGeom.Camera.Get(stage, "/scene/picture_camera").GetCamera(0)
    points = upright(motion, body.pose(motion.params).position[0], "z")
    project = np.array(camera.frustum.ComputeViewMatrix()) @ np.array(camera.frustum.ComputeProjectionMatrix())
    clip = np.concatenate([points, np.ones((55, 1))], 1) @ project
    ndc = clip[:, :2] / clip[:, 3:]
    pixels = (ndc * [1, -1] + 1) / 2 * [900, 600] - 0.5
    np.testing.assert_allclose(pixels, Camera(K=k).project(body.pose(motion.params).position[0]), atol=0.02)


def test_a_table_of_joints(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    motion = replace(motion, score=torch.tensor([0.9, 0.0, 0.8]))
    with open(write_csv(tmp_path / "a.csv", [motion, moving(body, 1, seed=2)], body), newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["person"], row["frame"], float(row["score"])) for row in rows[:3]] == [
        ("0", "0", pytest.approx(0.9)), ("0", "1", 0.0), ("0", "2", pytest.approx(0.8)),
    ]  # fmt: skip
    assert rows[3]["person"] == "2" and float(rows[2]["time"]) == pytest.approx(2 / 25)
    joints = body.pose(motion.params).joints()
    pixels = Camera(K=motion.stage.K).project(joints)
    for name in ("pelvis", "left_index3", "nose", "face_contour_16"):
        j = OUTPUT_JOINTS.index(name)
        found = np.array([[float(row[f"{name}_{axis}"]) for axis in "xyzuv"] for row in rows[:3]])
        np.testing.assert_allclose(found[:, :3], joints[:, j], atol=2e-5)
        np.testing.assert_allclose(found[:, 3:], pixels[:, j], atol=0.02)


def test_behind_the_camera_is_no_place_in_the_picture(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    params = replace(motion.params, transl=motion.params.transl - torch.tensor([0.0, 0.0, 20.0]))
    behind = replace(motion, params=params)
    text = write_csv(tmp_path / "a.csv", [behind], body).read_text()
    assert "nan" not in text.lower() and ",,\n" in text.replace("\r", "")
    person = json.loads(write_openpose(tmp_path / "a", [behind], body)[0].read_text())["people"][0]
    assert not np.any(person["pose_keypoints_2d"])


def test_keypoints_as_openpose_has_them(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    late = moving(body, 2, seed=5, start=2)
    files = write_openpose(tmp_path / "a", [motion, late], body)
    assert [path.name for path in files[:2]] == ["000000000000_keypoints.json", "000000000001_keypoints.json"]
    frames = [json.loads(path.read_text()) for path in files]
    ids = [[person["person_id"] for person in frame["people"]] for frame in frames]
    assert ids == [[[0]], [[0]], [[0], [5]], [[5]]] and frames[0]["version"] == 1.3
    pixels = Camera(K=motion.stage.K).project(body.pose(motion.params).joints())[1].numpy()
    person = frames[1]["people"][0]
    sizes = {"pose": 25, "face": 70, "hand_left": 21, "hand_right": 21}
    found = {name: np.array(person[f"{name}_keypoints_2d"]).reshape(count, 3) for name, count in sizes.items()}
    names = {0: "nose", 1: "neck", 4: "right_wrist", 7: "left_wrist", 14: "left_ankle", 19: "left_big_toe"}
    for place, name in names.items():
        np.testing.assert_allclose(found["pose"][place, :2], pixels[OUTPUT_JOINTS.index(name)], atol=1e-3)
    np.testing.assert_allclose(found["hand_left"][0, :2], pixels[OUTPUT_JOINTS.index("left_wrist")], atol=1e-3)
    np.testing.assert_allclose(found["hand_right"][8, :2], pixels[OUTPUT_JOINTS.index("right_index")], atol=1e-3)
    np.testing.assert_allclose(found["pose"][:, 2], float(motion.score[1]), atol=1e-3)
    assert person["face_keypoints_3d"] == []
    part = write_openpose(tmp_path / "part", within([motion, late], range(2, 4)), body)
    assert [path.name for path in part] == ["000000000002_keypoints.json", "000000000003_keypoints.json"]
    assert [len(json.loads(path.read_text())["people"]) for path in part] == [2, 1]


def test_the_tables_of_openpose_name_sides_and_order(body: BodyModel) -> None:
    """By where the points lie on the body at rest: x points to the person's left."""
    rest = body.shape(torch.zeros(1, 10)).pose(torch.eye(3).expand(1, 55, 3, 3)).joints()[0].numpy()
    across = rest[list(BODY_25), 0]
    assert (across[[2, 3, 4, 9, 10, 11, 15, 17, 22, 23, 24]] < 0).all()
    assert (across[[5, 6, 7, 12, 13, 14, 16, 18, 19, 20, 21]] > 0).all()
    face = rest[list(FACE_70)]
    assert face[0, 0] < -0.05 and face[16, 0] > 0.05 and face[68, 0] < 0 < face[69, 0]
    for side, sign in (("left", 1), ("right", -1)):
        away = sign * rest[list(HANDS_21[side]), 0]
        fingers = away[5:].reshape(4, 4)
        assert (np.diff(fingers, axis=1) > 0).all() and (fingers[:, 0] > away[0]).all()


def test_meshes_of_every_frame(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    files = write_objs(tmp_path / "a.obj", [motion, moving(body, 1, seed=1, start=2)], body, "z")
    assert [path.name for path in files] == [f"a_{frame:06d}.obj" for frame in range(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mtl", *(path.name for path in files)]
    lines = files[2].read_text().splitlines()
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    assert len(vertices) == 2 * body.num_vertices and "# metres, z up" in lines
    expected = upright(motion, body.pose(motion.params).mesh()[2], "z")
    np.testing.assert_allclose(vertices[: body.num_vertices], expected, atol=1e-5)
    assert [line for line in lines if line.startswith("usemtl")] == ["usemtl track_0", "usemtl track_1"]


def test_a_track_has_its_colour_without_the_others(body: BodyModel, fake_bodies: Path, tmp_path: Path) -> None:
    write_objs(tmp_path / "a.obj", [moving(body, 1, seed=4)], body)
    colours = (tmp_path / "a.mtl").read_text()
    assert "Kd {:.4f} {:.4f} {:.4f}".format(*person_colour(4)) in colours
    with pytest.raises(BodyError, match="is of the family"):
        write_objs(tmp_path / "a.obj", [moving(body, 1)], BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz"))
    assert (tmp_path / "a.mtl").read_text() == colours


@needs_usd
def test_the_colour_of_a_track_in_usd_is_that_of_the_palette(body: BodyModel, tmp_path: Path) -> None:
    Usd, UsdGeom = pxr("Usd", "UsdGeom")

    write_usd(tmp_path / "a.usda", [moving(body, 1, seed=4)], body)
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    mesh = UsdGeom.Mesh.Get(stage, "/scene/track_4/body")
    np.testing.assert_allclose(mesh.GetDisplayColorAttr().Get()[0], linear(person_colour(4)), atol=1e-6)


def test_fbx_is_what_blender_makes(
    body: BodyModel, motion: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a program that answers as Blender does: what it is given, and what becomes of its failures."""
    told = tmp_path / "told"
    program = tmp_path / "blender"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\nshift 7\ncp "$1" {told}.glb\nprintf FBX > "$2"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("MIEN_BLENDER", str(program))
    path = write_fbx(tmp_path / "a.fbx", [motion], body)
    assert path.read_text() == "FBX"
    assert told.read_text().split()[:4] == ["--background", "--factory-startup", "--python-exit-code", "1"]
    assert told.read_text().split()[-1] == "25.0"
    assert (tmp_path / "told.glb").read_bytes()[:4] == b"glTF"
    program.write_text("#!/bin/sh\necho no add-on >&2\nexit 1\n")
    with pytest.raises(MienError, match="cannot write FBX: no add-on"):
        write_fbx(tmp_path / "b.fbx", [motion], body)
    program.write_text("#!/bin/sh\n")
    with pytest.raises(OutputError, match="Blender wrote no FBX"):
        write_fbx(tmp_path / "b.fbx", [motion], body)
    assert not (tmp_path / "b.fbx").exists()


def test_no_blender(body: BodyModel, motion: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("MIEN_BLENDER", raising=False)
    with pytest.raises(MienError, match=r"needs Blender.*MIEN_BLENDER.*pip install 'bpy==4\.2"):
        write_fbx(tmp_path / "a.fbx", [motion], body)
    monkeypatch.setenv("MIEN_BLENDER", "/nowhere/blender")
    with pytest.raises(MienError, match="MIEN_BLENDER is /nowhere/blender"):
        write_fbx(tmp_path / "a.fbx", [motion], body)


_LOOK = """
import json, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
readers = {"glb": bpy.ops.import_scene.gltf, "fbx": bpy.ops.import_scene.fbx, "bvh": bpy.ops.import_anim.bvh}
readers["usd"] = bpy.ops.wm.usd_import
readers[sys.argv[-2]](filepath=sys.argv[-3])
for key in [key for keys in bpy.data.shape_keys for key in keys.key_blocks]:
    key.slider_min, key.slider_max = -10, 10
scene, found = bpy.context.scene, []
armature = next(each for each in bpy.data.objects if each.type == "ARMATURE")
mesh = next((each for each in bpy.data.objects if each.type == "MESH" and each.vertex_groups), None)
for frame in json.loads(sys.argv[-1]):
    scene.frame_set(frame)
    whole = bpy.context.evaluated_depsgraph_get()
    points = mesh.evaluated_get(whole).to_mesh().vertices if mesh else []
    world = mesh.evaluated_get(whole).matrix_world if mesh else None
    bones = {bone.name: list(armature.matrix_world @ bone.head) for bone in armature.evaluated_get(whole).pose.bones}
    found.append({"bones": bones, "points": [list(world @ p.co) for p in points]})
print("FOUND" + json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.glb", "a.fbx", "a.bvh", "a.usd"])
def test_blender_itself_sees_the_body(body: BodyModel, tmp_path: Path, name: str) -> None:
    """Needs MIEN_BLENDER to name a Python that has bpy."""
    python = os.environ.get("MIEN_BLENDER", "")
    if "python" not in Path(python).name:
        pytest.skip("MIEN_BLENDER names no Python that has bpy: python3.11 -m pip install 'bpy==4.2.*'")
    motion = moving(body, 3, fps=24.0, face=0.0 if name == "a.bvh" else 1.0)
    path = export_motions(tmp_path / name, [motion], body)[0]
    (tmp_path / "look.py").write_text(_LOOK)
    reader = path.suffix[1:]
    frames = json.dumps([0, 1, 2] if reader in ("glb", "usd") else [1, 2, 3])
    words = [python, str(tmp_path / "look.py"), "--", str(path), reader, frames]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    found = json.loads(done.stdout.split("FOUND")[1].splitlines()[0])
    posed = body.pose(motion.params)
    for frame, each in enumerate(found):
        bones = np.array([each["bones"][joint] for joint in SMPLX_JOINTS])
        np.testing.assert_allclose(bones, upright(motion, posed.position[frame], "z"), atol=2e-4)
        expected = upright(motion, posed.mesh()[frame], "z")
        points = np.array(each["points"])
        if reader == "bvh":
            continue
        assert len(points) == len(expected)
        error = np.linalg.norm(points - expected, axis=1)
        assert error.max() < 2e-4


def run(*words: object) -> int:
    return main(["export", *(str(word) for word in words)])


def test_the_command_writes_every_format(body: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "dance.npz", body, {2: (0, 2), 4: (1, 2)})
    assert run(clip, "--to", "glb,bvh,amass,obj,csv,openpose", "--out", tmp_path / "out") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "dance.csv", "dance.glb", "dance.mtl", "dance_000000.obj", "dance_000001.obj", "dance_000002.obj",
        "dance_openpose", "dance_track_2.bvh", "dance_track_2_amass.npz", "dance_track_4.bvh",
        "dance_track_4_amass.npz",
    ]  # fmt: skip
    assert "obj: " in (said := capsys.readouterr().err) and "and 2 more" in said
    assert run(clip, "--to", "bvh", "--track", 4, "--up", "z", "--fps", 50) == 0
    assert "Frames: 3\nFrame Time: 0.02" in (tmp_path / "dance_track_4.bvh").read_text()
    once = write_clip(tmp_path / "once.npz", body, {2: (0, 4), 4: (2, 1)})
    assert run(once, "--to", "csv", "--fps", 50) == 0
    rows = [line.split(",", 3)[:3] for line in (tmp_path / "once.csv").read_text().splitlines()]
    assert rows[-2:] == [["2", "6", "0.120000"], ["4", "4", "0.080000"]], "all are counted at one rate"
    assert (tmp_path / "dance_track_4.bvh").exists() and not (tmp_path / "dance_track_2.bvh").exists()


def test_results_of_one_name_become_files_of_two(body: BodyModel, tmp_path: Path) -> None:
    for folder, track in (("x", 2), ("y", 3)):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "clip.npz", body, {track: (0, 1)})
    results = (tmp_path / "x/clip.npz", tmp_path / "y/clip.npz")
    assert run(*results, "--to", "csv", "--out", tmp_path / "out") == 0
    written = [tmp_path / f"out/{folder}/clip.csv" for folder in ("x", "y")]
    assert written[0].read_bytes() != written[1].read_bytes()
    assert run(*results, "--to", "csv") == 0 and (tmp_path / "y/clip.csv").read_bytes() == written[1].read_bytes()


def test_what_the_command_refuses(body: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "dance.npz", body, {2: (0, 2)})
    empty = make_scene(body, 0).save(tmp_path / "empty.npz")
    (tmp_path / "file").write_text("")
    wrong: dict[tuple[object, ...], str] = {
        (clip, "--to", "glbb"): "did you mean 'glb'",
        (clip, "--to", "bvh", "--track", 3): "has no track 3; expected one of 2",
        (clip, "--to", "glb", "--fps", 0): "--fps 0",
        (clip, "--to", "glb", "--up", "z"): "z up for glb, whose frame is its own",
        (clip, "--to", "glb", "--out", tmp_path / "file"): "is a file",
        (clip, "--to", "glb", "--out", tmp_path / "file" / "x"): "cannot write",
        (clip, "--to", "glb", "--body", tmp_path / "no.npz"): "no.npz is missing",
        (empty, "--to", "glb"): "nobody is in",
        (tmp_path / "none.npz", "--to", "glb"): "does not exist",
    }
    for words, message in wrong.items():
        assert run(*words) == 2
        assert message in capsys.readouterr().err
    assert run(clip, empty, "--to", "bvh") == 1
    assert "skipped" in capsys.readouterr().err


def test_another_bodys_result(
    body: BodyModel, fake_bodies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "dance.npz", body, {2: (0, 1)})
    assert run(clip, "--to", "glb", "--body", fake_bodies / "smplx/SMPLX_NEUTRAL.npz") == 2
    assert "is of the family 'smplx'; expected 'openbody'" in capsys.readouterr().err


def test_a_package_that_is_not_there(
    body: BodyModel, motion: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MienError, match=r"needs the package 'pxr'.*pip install 'mien\[usd\]'"):
        write_usd(tmp_path / "a.usd", [motion], body)


def test_formats_by_suffix(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    scene = make_scene(body, 2)
    assert export(tmp_path / "two.csv", scene, body).read_text().count("\n") == 3
    with pytest.raises(InputError, match="a BVH file holds one person, and there are person_0, person_1"):
        export(tmp_path / "two.bvh", scene, body)
    with pytest.raises(InputError, match="nobody is in what should become"):
        export(tmp_path / "none.csv", make_scene(body, 0), body)
    assert [path.name for path in export_motions(tmp_path / "a.bvh", [motion], body)] == ["a.bvh"]
    with pytest.raises(InputError, match="cannot export to 'bhv'; did you mean 'bvh'"):
        write_format("bhv", tmp_path, "a", [motion], body)
