"""Files of other systems as results, and SMPL-X as SMPL and SMPL-H: what goes over comes back."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from motions import moving, moving_person
from scenes import make_scene

from mien.body.conversion import hand_offsets, params_from_pose, smpl_pose, smplh_pose, with_absolute_hands
from mien.body.model import BodyModel
from mien.cli import main
from mien.clip import Clip
from mien.clip import read as read_clip
from mien.convert.fitting import fit_joints, read_mapping
from mien.convert.foreign import Foreign, clip_arrays
from mien.convert.kinds import kind_of
from mien.convert.readers import MOTION_X, read_amass, read_motionx
from mien.convert.smpl import fitted_to_smplx, shape_of_smpl
from mien.errors import BodyError, InputError, UnsafeFile
from mien.export.amass import amass_arrays, write_amass
from mien.export.motion import motions_of, read_motions
from mien.geometry.camera import Camera
from mien.geometry.rotation import angle_between, axis_angle_from_matrix, matrix_from_axis_angle
from mien.metrics.joints import JOINT_NAMES
from mien.records import SmplxParams
from mien.scene import read


@pytest.fixture(scope="module")
def smplx(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def smpl(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smpl/SMPL_NEUTRAL.pkl")


def run(*words: object) -> int:
    return main(["convert", *(str(word) for word in words)])


def close(a: torch.Tensor, b: torch.Tensor, within: float = 1e-3) -> None:
    assert float(angle_between(a.double(), b.double()).max()) < within


def test_poses_to_smplh_and_smpl_and_back(body: BodyModel) -> None:
    params = moving_person(body, 3).params
    h = smplh_pose(params)
    assert h.shape == (3, 52, 3, 3) and torch.equal(h[:, :22], params.full_pose()[:, :22])
    back = params_from_pose(h, params.transl, params.betas, params.expression)
    still = torch.eye(3).expand(3, 3, 3)
    expected = replace(params, jaw_pose=still, leye_pose=still, reye_pose=still)
    torch.testing.assert_close(vars(back), vars(expected))
    torch.testing.assert_close(smplh_pose(back), h)
    s = smpl_pose(params)
    assert s.shape == (3, 24, 3, 3) and torch.equal(s[:, 22:], torch.eye(3).expand(3, 2, 3, 3))
    back = params_from_pose(s, params.transl, params.betas)
    torch.testing.assert_close(smpl_pose(back), s)
    assert torch.equal(back.left_hand_pose, torch.eye(3).expand(3, 15, 3, 3))
    same = params_from_pose(params.full_pose(), params.transl, params.betas, params.expression)
    torch.testing.assert_close(vars(same), vars(params))
    with pytest.raises(InputError, match="poses of 23 joints"):
        params_from_pose(s[:, :23], params.transl, params.betas)


def test_hands_as_offsets_and_back(body: BodyModel) -> None:
    params = moving_person(body, 3).params
    offsets = matrix_from_axis_angle(hand_offsets(params, body)).unflatten(1, (2, 15))
    relative = replace(params, left_hand_pose=offsets[:, 0], right_hand_pose=offsets[:, 1])
    back = with_absolute_hands(relative, body)
    close(back.left_hand_pose, params.left_hand_pose)
    close(back.right_hand_pose, params.right_hand_pose)
    assert body.mean_hands is not None
    relaxed = replace(params, left_hand_pose=matrix_from_axis_angle(body.mean_hands[0]).expand(3, 15, 3, 3))
    assert float(hand_offsets(relaxed, body)[:, :15].abs().max()) < 1e-3


@pytest.mark.parametrize("up", ["z", "y"])
def test_amass_and_back(smplx: BodyModel, tmp_path: Path, up: str) -> None:
    motion = moving(smplx, 3, fps=60.0, face=1.0)
    way: Any = up
    path = write_amass(tmp_path / "walk.npz", [motion], smplx, way)
    frame = () if up == "z" else ("--frame", "y")
    assert run(path, "--out", tmp_path / "out", "--body", smplx.path, *frame) == 0
    (again,) = read_motions(tmp_path / "out/walk.npz")
    close(again.params.body_pose, motion.params.body_pose)
    torch.testing.assert_close(again.params.betas, motion.params.betas)
    torch.testing.assert_close(again.params.expression, motion.params.expression)
    assert again.stage.fps == 60 and again.stage.world_from_camera is not None
    first, second = (amass_arrays(each, smplx, way) for each in (motion, again))
    np.testing.assert_allclose(second["trans"], first["trans"], atol=1e-5)
    turn = [matrix_from_axis_angle(torch.from_numpy(each["poses"][:, :3])) for each in (first, second)]
    close(turn[0], turn[1])
    clip = read_clip(tmp_path / "out/walk.npz")
    assert isinstance(clip, Clip)
    scene = clip[0]
    assert clip.camera == "made" and (scene.joints3d[..., 2] > 0.5).all()
    height, width = clip.image_size
    assert (scene.joints2d > -0.5).all() and (scene.joints2d < torch.tensor([width, height])).all()
    torch.testing.assert_close(Camera(K=clip.K).project(scene.joints3d), scene.joints2d)
    torch.testing.assert_close(smplx.pose(scene.params).joints(), scene.joints3d, atol=2e-4, rtol=0)
    saved = read_clip(clip.save(tmp_path / "saved.npz"))
    assert saved.world_from_camera is not None and clip.world_from_camera is not None
    torch.testing.assert_close(saved.world_from_camera, clip.world_from_camera)


@pytest.mark.parametrize(("columns", "lost"), [(156, "jaw and eyes"), (72, "fingers, jaw and eyes")])
def test_amass_of_smplh_and_smpl(body: BodyModel, tmp_path: Path, columns: int, lost: str) -> None:
    params = moving_person(body, 2).params
    pose = smplh_pose(params) if columns == 156 else smpl_pose(params)
    np.savez(
        tmp_path / "a.npz",
        poses=axis_angle_from_matrix(pose).flatten(1).numpy(),
        trans=params.transl.numpy(),
        betas=np.arange(16.0),
        gender=np.array("neutral"),
        mocap_framerate=120.0,
    )
    found = read_amass(tmp_path / "a.npz")
    close(found.params.body_pose, params.body_pose)
    assert found.note == f"{lost} are at rest" and (found.fps, found.family, found.frame) == (120, "smpl", "z")
    arrays = clip_arrays(found, body)
    assert not arrays["betas"].any() and "average" in str(arrays["warning"])


def test_motionx(smplx: BodyModel, tmp_path: Path) -> None:
    params = moving_person(smplx, 3).params
    whole = axis_angle_from_matrix(params.full_pose())
    rows = np.zeros((3, 322), np.float32)
    parts = {
        "root_orient": whole[:, 0],
        "pose_body": whole[:, 1:22].flatten(1),
        "pose_hand": whole[:, 25:].flatten(1),
        "pose_jaw": whole[:, 22],
        "trans": params.transl,
        "betas": params.betas,
    }
    for name, values in parts.items():
        rows[:, slice(*MOTION_X[name])] = values.numpy()
    rows[:, 159:169] = params.expression.numpy()
    np.save(tmp_path / "a.npy", rows)
    found = read_motionx(tmp_path / "a.npy")
    for name in ("global_orient", "body_pose", "jaw_pose", "left_hand_pose", "right_hand_pose"):
        close(getattr(found.params, name), getattr(params, name))
    assert (found.fps, found.frame, found.family) == (30, "y", "smplx")
    assert sorted(MOTION_X.values())[-1][1] == 322
    assert sum(last - first for first, last in MOTION_X.values()) == 322
    arrays = clip_arrays(found, smplx)
    assert arrays["expression"].shape == (3, 10)
    np.testing.assert_allclose(arrays["expression"], params.expression, atol=1e-6)
    assert run(tmp_path / "a.npy", "--out", tmp_path / "out", "--body", smplx.path) == 0
    assert len(read_motions(tmp_path / "out/a.npz")[0]) == 3


def write_smplerx(folder: Path, body: BodyModel) -> SmplxParams:
    """Two people of picture 7, each in a camera of their own, as SMPLer-X writes them."""
    params = make_scene(body, 2).params
    offsets = hand_offsets(params, body).numpy()
    (folder / "smplx").mkdir(parents=True)
    (folder / "meta").mkdir()
    for i in range(2):
        whole = axis_angle_from_matrix(params.full_pose()[i]).numpy()
        np.savez(
            folder / f"smplx/000007_{i}.npz",
            global_orient=whole[:1], body_pose=whole[1:22], jaw_pose=whole[22:23], leye_pose=np.zeros((1, 3)),
            reye_pose=np.zeros((1, 3)), left_hand_pose=offsets[i, :15], right_hand_pose=offsets[i, 15:],
            betas=params.betas[i : i + 1].numpy(), expression=params.expression[i : i + 1].numpy(),
            transl=params.transl[i : i + 1].numpy(),
        )  # fmt: skip
        meta = {"focal": [1468.6, 1468.6], "princpt": [639.5, 359.5], "bbox": [10, 20, 300, 400]}
        (folder / f"meta/000007_{i}.json").write_text(json.dumps(meta))
    return params


def test_smplerx_in_one_camera(smplx: BodyModel, tmp_path: Path) -> None:
    params = write_smplerx(tmp_path / "theirs", smplx)
    words = (tmp_path / "theirs", "--out", tmp_path / "out", "--body", smplx.path, "--size", "1280x720")
    assert run(*words, "--focal", "1468.6") == 0
    scene = read(tmp_path / "out/000007.npz")
    assert len(scene) == 2 and scene.image_size == (720, 1280) and scene.camera == "focal"
    close(scene.params.left_hand_pose, params.left_hand_pose)
    close(scene.params.body_pose, params.body_pose)
    torch.testing.assert_close(scene.params.transl, params.transl, atol=2e-3, rtol=0)
    assert float(scene.transl_residual.max()) < 0.1
    assert scene.bbox[0].tolist() == [10, 20, 310, 420]
    assert run(*words) == 0
    far = read(tmp_path / "out/000007.npz")
    assert far.camera == "default" and len(motions_of(far)) == 2


def test_joints_of_a_table_become_a_person(body: BodyModel, tmp_path: Path) -> None:
    scene = make_scene(body, 1, seed=4)
    names = [*JOINT_NAMES[:25], "head"]
    from mien.body.joints import OUTPUT_JOINTS

    joints = scene.joints3d[0, [OUTPUT_JOINTS.index(name) for name in names]].numpy()
    head = ["image", *(f"{name}_{axis}" for name in names for axis in "xyz"), "fx", "fy", "cx", "cy", "score"]
    k = scene.K
    camera = [float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])]
    row = ["a/b.jpg", *joints.reshape(-1).tolist(), *camera, 0.25]
    (tmp_path / "table.csv").write_text(f"{','.join(head)}\n{','.join(map(str, row))}\n")
    words = ("--out", tmp_path / "out", "--body", "openbody", "--size", "1280x720", "--focal", camera[0])
    assert run(tmp_path / "table.csv", *words) == 0
    found = read(tmp_path / "out/a/b.npz")
    assert found.score.tolist() == [0.25]
    fitted = found.joints3d[0, [OUTPUT_JOINTS.index(name) for name in names]].numpy()
    error = np.linalg.norm(fitted - joints, axis=1) * 1000
    assert error.mean() < 25, error.round(1)
    few = torch.full((137, 3), torch.nan)
    with pytest.raises(InputError, match="a has 0 joints of the body; expected at least 10"):
        fit_joints(few, body, "a")


def mapping_of(body: BodyModel, count: int) -> np.ndarray:
    """Every so manieth vertex of the body, and some of a mesh that are none of it."""
    chosen = np.linspace(0, body.num_vertices - 1, count).astype(np.int64)
    chosen[::10] = -1
    return chosen


def test_meshes_by_a_mapping(body: BodyModel, tmp_path: Path) -> None:
    params = moving_person(body, 2).params[1:]
    assert body.mean_hands is not None
    hands = [matrix_from_axis_angle(hand).expand(1, 15, 3, 3) for hand in body.mean_hands]
    still = torch.eye(3).expand(1, 3, 3)
    params = replace(
        params, left_hand_pose=hands[0], right_hand_pose=hands[1], jaw_pose=still, leye_pose=still, reye_pose=still,
        expression=torch.zeros(1, 10),
    )  # fmt: skip
    mapping = mapping_of(body, 900)
    meshes = body.pose(params).mesh().numpy()[:, mapping]
    np.save(tmp_path / "meshes.npy", meshes)
    np.save(tmp_path / "mapping.npy", mapping)
    words = ("--out", tmp_path / "out", "--body", "openbody", "--frame", "camera", "--fps", 10)
    assert run(tmp_path / "meshes.npy", "--mapping", tmp_path / "mapping.npy", *words) == 0
    (found,) = read_motions(tmp_path / "out/meshes.npz")
    error = (body.pose(found.params).mesh() - body.pose(params).mesh()).norm(dim=-1).mean() * 1000
    assert float(error) < 5 and found.stage.fps == 10
    torch.testing.assert_close(found.params.transl, params.transl, atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0, 1, 13492]), "names 3 vertices from 0 to 13492"),
        (np.array([0, 1]), "names 2 vertices"),
        (np.zeros((3, 4), np.float32), r"expected a matrix of \(3, 13492\)"),
    ],
)
def test_mappings_that_do_not_fit(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "mapping.npy", array)
    with pytest.raises(InputError, match=message):
        read_mapping(tmp_path / "mapping.npy", 3, 13492)


def made_transfer(smpl: BodyModel, smplx: BodyModel) -> np.ndarray:
    """From each SMPL vertex to the SMPL-X vertex of about the same place in the order."""
    matrix = np.zeros((smpl.num_vertices, smplx.num_vertices), np.float32)
    rows = np.arange(smpl.num_vertices)
    matrix[rows, (rows * smplx.num_vertices) // smpl.num_vertices] = 1
    return matrix


def test_shape_of_smpl_is_the_nearest(smplx: BodyModel, smpl: BodyModel) -> None:
    """Of a body of SMPL whose shapes are SMPL-X's own, taken over: they are found again."""
    transfer = made_transfer(smpl, smplx)
    move = torch.from_numpy(transfer)
    taken = replace(
        smpl,
        template=move @ smplx.template + torch.tensor([0.0, 0.3, 0.0]),
        basis=torch.cat([(move @ smplx.basis[:10].unflatten(1, (-1, 3))).flatten(1), smpl.basis[10:]]),
    )
    betas = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    found, error = shape_of_smpl(betas, smplx, taken, transfer)
    torch.testing.assert_close(found, betas, atol=2e-3, rtol=0)
    assert error < 0.01
    with pytest.raises(BodyError, match="a transfer of"):
        shape_of_smpl(betas, smplx, smpl, transfer[:5])


@pytest.mark.parametrize("target", ["smpl", "smplh"])
def test_a_result_as_smpl(smplx: BodyModel, smpl: BodyModel, tmp_path: Path, target: str) -> None:
    scene = moving_person(smplx, 2)
    path = scene.save(tmp_path / "walk.npz")
    assert run(path, "--to", target, "--out", tmp_path, "--body", smplx.path, "--smpl", smpl.path) == 0
    found = read_amass(tmp_path / f"walk_person_1_{target}.npz")
    close(found.params.body_pose, scene.params.body_pose[1:2])
    with np.load(tmp_path / f"walk_person_1_{target}.npz") as stored:
        assert stored["poses"].shape == (1, 72 if target == "smpl" else 156)
        rest = smpl.shape(torch.zeros(1, 10)).joints[0, 0].numpy()
        pelvis = stored["trans"][0] + rest
    x, y, z = smplx.pose(scene.params).position[1, 0].tolist()
    np.testing.assert_allclose(pelvis, [x, z, -y], atol=1e-5)


def test_smpl_meshes_fitted(body: BodyModel, smpl: BodyModel) -> None:
    """Of an SMPL body that is made of the open one's vertices; a small transfer, so that it is quick."""
    count = smpl.num_vertices
    chosen = torch.linspace(0, body.num_vertices - 1, count).long()
    transfer = np.zeros((count, body.num_vertices), np.float32)
    transfer[np.arange(count), chosen.numpy()] = 1
    params = params_from_pose(
        smpl_pose(moving_person(body, 1).params), torch.tensor([[0.1, 0.2, 3.0]]), torch.zeros(1, 10)
    )
    foreign = Foreign(
        path=Path("a"), kind="amass", params=params, family="smpl", gender="neutral", fps=30.0, frame="y", note="a"
    )
    weights = torch.zeros(count, 24)
    weights[:, :22] = body.weights[chosen][:, :22]
    for side, first in ((22, 25), (23, 40)):
        weights[:, side] = body.weights[chosen][:, first : first + 15].sum(1)
    weights[:, 15] += body.weights[chosen][:, 22:25].sum(1)
    from mien.body.parts import SparseWeights

    rest = body.joint_template
    hands = torch.stack([rest[25:40:3].mean(0), rest[40:55:3].mean(0)])
    made = replace(
        smpl,
        template=body.template[chosen],
        basis=body.basis[:10].unflatten(1, (-1, 3))[:, chosen].flatten(1),
        weights=weights,
        skin=SparseWeights.of(weights.numpy()),
        joint_template=torch.cat([rest[:22], hands]),
        joint_basis=torch.zeros(10, 72),
    )
    found = fitted_to_smplx(foreign, body, made, transfer)
    assert found.family == "openbody" and "fitted to SMPL meshes" in found.note
    close(found.params.body_pose[:, :19], params.body_pose[:, :19], 0.2)
    assert float(found.note.split("meshes, ")[1].split(" mm")[0]) < 10


def bad_amass(folder: Path, **change: Any) -> Path:
    arrays: dict[str, Any] = {"poses": np.zeros((2, 165)), "trans": np.zeros((2, 3)), "mocap_framerate": 30.0}
    arrays = {key: value for key, value in {**arrays, **change}.items() if value is not None}
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros((2, 150))}, "poses is of shape"),
        ({"trans": None}, "has no trans"),
        ({"trans": np.zeros((3, 3))}, "expected 2 rows of 3 numbers"),
        ({"poses": np.full((2, 165), np.nan)}, "poses holds what are no numbers"),
        ({"mocap_framerate": None}, "has no frame rate"),
        ({"mocap_framerate": 0.0}, "mocap_framerate is 0"),
        ({"gender": "nobody"}, "gender is 'nobody'"),
        ({"expression": np.zeros((7, 10))}, "rows of expression"),
    ],
)
def test_amass_files_that_are_wrong(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_amass(bad_amass(tmp_path, **change))


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        import os

        return os.system, ("touch evil",)


def test_no_pickle_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = bad_amass(tmp_path, gender=np.array([_Evil()], dtype=object))
    with pytest.raises(UnsafeFile):
        read_amass(path)
    (tmp_path / "mapping.pkl").write_bytes(pickle.dumps({"matrix": _Evil()}))
    with pytest.raises(UnsafeFile):
        read_mapping(tmp_path / "mapping.pkl", 3, 4)
    assert not (tmp_path / "evil").exists()


def test_what_the_command_refuses(
    body: BodyModel, smplx: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    amass = bad_amass(tmp_path)
    result = make_scene(body, 1).save(tmp_path / "result.npz")
    np.save(tmp_path / "mesh.npy", np.zeros((1, 5, 3), np.float32))
    write_smplerx(tmp_path / "theirs", smplx)
    (tmp_path / "odd.txt").write_text("")
    out = ("--out", tmp_path / "out")
    wrong: dict[tuple[object, ...], str] = {
        (amass, "--from", "amas", *out): "did you mean 'amass'",
        (tmp_path / "none", *out): "does not exist",
        (tmp_path / "odd.txt", *out): "is of no kind that is known",
        (result, *out): "is a result already",
        (amass, "--to", "smpl", *out): "convert it to a result first",
        (tmp_path / "mesh.npy", *out): "needs a --mapping",
        (tmp_path / "theirs", *out): "does not say how large its pictures are",
        (tmp_path / "theirs", "--size", "big", *out): "expected WIDTHxHEIGHT",
        (tmp_path / "theirs/smplx/000007_0.npz", "--size", "9x9", *out): "is one person of SMPLer-X",
        (amass, "--fps", -1, *out): "--fps -1",
        (amass, "--focal", 900, *out): "--focal 900 without --size",
        (result, "--to", "smpl", "--frame", "camera", *out): "--frame camera with --to smpl",
        (amass, "--out", tmp_path / "odd.txt"): "is a file",
        (amass, "--out", tmp_path, "--body", "openbody"): "would be written over what it is made from",
    }
    for words, message in wrong.items():
        assert run(*words) == 2
        assert message in capsys.readouterr().err
    assert run(amass, tmp_path / "odd.txt", "--body", "openbody", *out) == 1
    assert (tmp_path / "out/a.npz").exists()


def test_inputs_of_one_name_become_results_of_two(
    body: BodyModel, smplx: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        write_smplerx(tmp_path / name / "theirs", smplx)
    inputs = [bad_amass(tmp_path / name) for name in ("x", "y")]
    assert run(*inputs, "--body", "openbody", "--out", tmp_path / "out") == 0
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("a.npz")) == ["x", "y"]
    folders = [tmp_path / name / "theirs" for name in ("x", "y")]
    words = ("--body", smplx.path, "--size", "640x480", "--out", tmp_path / "both")
    assert run(*folders, *words) == 1, "pictures of one name"
    assert "is written from" in capsys.readouterr().err


def test_kinds_are_told_by_what_is_in_them(body: BodyModel, smplx: BodyModel, tmp_path: Path) -> None:
    write_smplerx(tmp_path / "theirs", smplx)
    np.save(tmp_path / "x.npy", np.zeros((2, 322)))
    found = [kind_of(path) for path in (bad_amass(tmp_path), tmp_path / "theirs", tmp_path / "x.npy")]
    assert found == ["amass", "smplerx", "motionx"]
    assert kind_of(make_scene(body, 0).save(tmp_path / "r.npz")) == "result"
    assert kind_of(tmp_path / "x.npy", "mesh") == "mesh"
