"""People in motion as files, read back by other hands: joints and vertices of every frame are the body's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bvh import read_bvh
from gltf import File, needs_pygltflib
from hypothesis import given
from hypothesis import strategies as st
from motions import SOMEWHERE, moving, moving_person, write_clip
from scenes import y_up

from mien.body.joints import OUTPUT_JOINTS, SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.export.amass import write_amass
from mien.export.bvh import write_bvh, zxy_angles
from mien.export.glb import write_motions
from mien.export.motion import Motion, Up, motions_of, read_motions, upright_from_camera, within
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.synth.mocap import read_mocap


@pytest.fixture(scope="module")
def motion(body: BodyModel) -> Motion:
    return moving(body, 4)


@pytest.fixture(scope="module")
def smplx(fake_bodies: Path) -> BodyModel:
    """A body with pose correctives."""
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


def joints_of(motion: Motion, body: BodyModel, up: Up = "y") -> np.ndarray:
    """Where the 55 joints are in an upright world: by the body, and by turning its joints afterwards."""
    matrix = upright_from_camera(motion.stage, up).float()
    position = body.pose(motion.params).position
    return (position @ matrix[:3, :3].T + matrix[:3, 3]).numpy()


def same_joints(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-4)


def vertices_of(motion: Motion, body: BodyModel, frame: int) -> np.ndarray:
    matrix = upright_from_camera(motion.stage, "y").float()
    return (body.pose(motion.params[frame : frame + 1]).mesh()[0] @ matrix[:3, :3].T + matrix[:3, 3]).numpy()


def placed(motion: Motion) -> Motion:
    return replace(motion, stage=replace(motion.stage, world_from_camera=SOMEWHERE))


def test_a_motion_is_read_from_the_file_of_a_clip(body: BodyModel, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.npz", body, {3: (0, 3), 7: (2, 4)})
    three, seven = read_motions(path)
    assert (three.name, seven.track, len(three), len(seven)) == ("track_3", 7, 3, 4)
    assert seven.stage.fps == 25 and seven.stage.num_frames == 6
    np.testing.assert_allclose(seven.timestamps, np.arange(2, 6) / 25)
    expected = moving_person(body, 4, 7).params
    turn = angle_between(seven.params.full_pose(), expected.full_pose())
    assert float(turn.max()) < 1e-3
    torch.testing.assert_close(seven.params.transl, expected.transl)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": None}, "lacks the keys fps"),
        ({"fps": np.array("25")}, "fps is 25"),
        ({"fps": np.array(0.0)}, "fps is 0.0"),
        ({"frame_index": np.array([-1, 0])}, "frames that are not there"),
        ({"timestamps": np.array([0.0, np.nan])}, "do not go forward"),
        ({"timestamps": np.array([0.2, 0.1])}, "do not go forward"),
        ({"track_id": np.array([3])}, "track_id is int64 of shape"),
        ({"world_from_camera": 2 * np.eye(4)}, "no place of a camera"),
    ],
)
def test_clips_that_are_wrong(body: BodyModel, tmp_path: Path, change: dict[str, np.ndarray], message: str) -> None:
    with np.load(write_clip(tmp_path / "clip.npz", body, {3: (0, 2)})) as stored:
        arrays = {key: value for key, value in {**stored, **change}.items() if value is not None}
    np.savez(tmp_path / "bad.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=message):
        read_motions(tmp_path / "bad.npz")


def test_a_picture_is_a_motion_of_one_frame(body: BodyModel, tmp_path: Path) -> None:
    scene = moving_person(body, 2)
    first, second = read_motions(scene.save(tmp_path / "picture.npz"))
    assert (first.name, second.name, len(second)) == ("person_0", "person_1", 1)
    torch.testing.assert_close(second.params.transl, motions_of(scene)[1].params.transl)


def test_betas_are_one_and_time_rises(body: BodyModel, motion: Motion) -> None:
    scene = moving_person(body, 3)
    betas = scene.params.betas + torch.tensor([[0.0], [0.3], [9.0]])
    scene = replace(scene, params=replace(scene.params, betas=betas), score=torch.tensor([1.0, 1.0, 0.0]))
    found = Motion.of(scene, name="a", track=0, stage=motion.stage, **times([0, 1, 2]))
    torch.testing.assert_close(found.params.betas, (betas[0] + 0.15).expand(3, -1))
    with pytest.raises(InputError, match="timestamps of a do not rise"):
        Motion.of(scene, name="a", track=0, stage=motion.stage, **times([0, 2, 2]))
    with pytest.raises(InputError, match="positive focal lengths"):
        no_camera = replace(motion.stage, K=torch.full((3, 3), torch.inf))
        Motion.of(scene, name="a", track=0, stage=no_camera, **times([0, 1, 2]))
    broken = replace(scene, params=replace(scene.params, transl=scene.params.transl * float("nan")))
    with pytest.raises(InputError, match="transl of a is not finite in frame 0"):
        Motion.of(broken, name="a", track=0, stage=motion.stage, **times([0, 1, 2]))


def times(values: list[float]) -> dict[str, torch.Tensor]:
    return {"timestamps": torch.tensor(values, dtype=torch.float64), "frame_index": torch.arange(len(values))}


def test_other_times_of_a_motion(body: BodyModel, motion: Motion) -> None:
    same = motion.at(motion.timestamps)
    torch.testing.assert_close(same.params.full_pose(), motion.params.full_pose(), atol=1e-6, rtol=0)
    torch.testing.assert_close(same.params.transl, motion.params.transl)
    assert motion.even().params is not None and len(motion.even()) == 4
    twice = motion.even(50.0)
    assert len(twice) == 7 and twice.stage.fps == 50
    torch.testing.assert_close(twice.params.full_pose()[::2], motion.params.full_pose(), atol=1e-5, rtol=0)
    between, before, after = (each.params.body_pose for each in (twice[1:2], motion[0:1], motion[1:2]))
    torch.testing.assert_close(angle_between(before, between), angle_between(between, after), atol=1e-4, rtol=0)
    hole = motion[torch.tensor([0, 1, 3])]
    filled = replace(hole, score=torch.tensor([1.0, 0.0, 1.0])).even()
    assert len(filled) == 4 and filled.score.tolist() == [1, 0, 0, 1]
    with_one = motion[:1].at(torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(with_one.params.transl[0], with_one.params.transl[1])


def test_frames_are_counted_anew_at_another_rate(body: BodyModel) -> None:
    late = moving(body, 5, start=3)
    twice = late.recounted(50.0)
    assert twice.frame_index.tolist() == list(range(6, 15)) and (twice.stage.fps, twice.stage.num_frames) == (50, 16)
    torch.testing.assert_close(twice.timestamps[::2], late.timestamps)
    torch.testing.assert_close(twice.params.transl[::2], late.params.transl)
    seldom = late.recounted(10.0)
    assert seldom.frame_index.tolist() == [2] and seldom.stage.num_frames == 3
    torch.testing.assert_close(seldom.params.transl[0], late.params.transl[2])
    assert len(late.recounted(1.0)) == 1
    part = within([late], range(4, 6))[0].recounted(50.0)
    assert (part.stage.chosen, part.frame_index.tolist()) == (range(8, 12), [8, 9, 10])
    for never in (replace(late, timestamps=late.timestamps * 1e12), replace(late, timestamps=late.timestamps * 1e306)):
        for again in (never.even, lambda never=never: never.recounted(50.0)):
            with pytest.raises(InputError, match=r"track_0 lasts until .* expected fewer than 16777216 frames"):
                again()


@pytest.mark.parametrize("up", ["y", "z"])
def test_upright_parameters_are_the_bodys_joints_turned(body: BodyModel, motion: Motion, up: Up) -> None:
    for each in (motion, placed(motion)):
        root = body.shape(each.params.betas, each.params.expression).joints[:, 0]
        moved = body.pose(each.upright(up, root)).position
        np.testing.assert_allclose(moved, joints_of(each, body, up), atol=2e-6)
    head, feet = joints_of(motion, body, up)[0][[15, 10]]
    assert (head - feet)["yz".index(up) + 1] > 1


@needs_pygltflib
def test_an_animated_glb_moves_like_the_body(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    late = moving(body, 2, seed=1, start=2)
    file = File(write_motions(tmp_path / "a.glb", [motion, late], body))
    times = file.times()
    np.testing.assert_allclose(times, np.arange(4) / 25, atol=1e-7)
    joints = joints_of(motion, body)
    for frame, seconds in enumerate(times):
        file.play(float(seconds))
        found = file.world()[file.document.skins[0].joints][:, :3, 3]
        same_joints(found, joints[frame])
        np.testing.assert_allclose(file.posed(0), vertices_of(motion, body, frame), atol=1e-4)
    np.testing.assert_allclose(file.posed(1), vertices_of(late, body, 1), atol=1e-4)
    file.play(1 / 25)
    assert np.ptp(file.posed(1), axis=0).max() < 1e-6, "who is not there yet is as small as nothing"
    moved = {(each.target.node, each.target.path) for each in file.document.animations[0].channels}
    assert len(moved) == len(file.document.animations[0].channels)


@needs_pygltflib
def test_who_is_seen_once_is_there_in_that_frame_only(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    once = moving(body, 1, seed=1, start=2)
    file = File(write_motions(tmp_path / "a.glb", [motion, once], body))
    for frame, there in enumerate((False, False, True, False)):
        file.play(frame / 25 + 1e-4)
        assert (np.ptp(file.posed(1), axis=0).max() > 1) == there
    file.play(2 / 25 + 1e-4)
    np.testing.assert_allclose(file.posed(1), vertices_of(once, body, 0), atol=1e-4)


@needs_pygltflib
def test_a_face_that_moves(body: BodyModel, tmp_path: Path) -> None:
    """An expression moves the rest place of head, jaw and eyes as well: their joints follow, and so does the mesh."""
    motion = moving(body, 3, face=1.0)
    file = File(write_motions(tmp_path / "a.glb", [motion], body))
    file.play(float(file.times()[2]))
    node = next(i for i, node in enumerate(file.document.nodes) if node.mesh == 0)
    np.testing.assert_allclose(file.moved[node]["weights"], motion.params.expression[2], atol=1e-6)
    same_joints(file.world()[file.document.skins[0].joints][:, :3, 3], joints_of(motion, body)[2])
    np.testing.assert_allclose(file.posed(0), vertices_of(motion, body, 2), atol=2e-4)


@needs_pygltflib
def test_people_and_camera_stand_in_the_world(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    there = placed(motion)
    file = File(write_motions(tmp_path / "a.glb", [there], body))
    np.testing.assert_allclose(file.posed(0), vertices_of(there, body, 0), atol=1e-4)
    camera = file.world()[0]
    in_camera = (file.posed(0) - camera[:3, 3]) @ camera[:3, :3]
    np.testing.assert_allclose(in_camera, vertices_of(motion, body, 0), atol=1e-4)


@needs_pygltflib
def test_what_a_motion_loses_without_pose_correctives(smplx: BodyModel, tmp_path: Path) -> None:
    motion = moving(smplx, 3)
    error = {}
    for bake in (True, False):
        file = File(write_motions(tmp_path / "a.glb", [motion], smplx, bake_correctives=bake, max_influences=8))
        file.play(float(file.times()[1]))
        error[bake] = np.linalg.norm(file.posed(0) - vertices_of(motion, smplx, 1), axis=1).mean()
    assert error[True] < error[False]


@pytest.mark.parametrize("up", ["y", "z"])
def test_a_bvh_moves_like_the_body(body: BodyModel, motion: Motion, tmp_path: Path, up: Up) -> None:
    each = placed(motion) if up == "z" else motion
    bvh = read_bvh(write_bvh(tmp_path / "a.bvh", [each], body, up))
    joints = [bvh.names.index(name) for name in SMPLX_JOINTS]
    same_joints(bvh.positions()[:, joints], joints_of(each, body, up))
    assert bvh.frame_time == pytest.approx(1 / 25)
    assert sum(name.startswith("end of") for name in bvh.names) == 15
    assert bvh.channels[0] == "Xposition Yposition Zposition Zrotation Xrotation Yrotation".split()
    tip = bvh.offsets[bvh.names.index("end of left_index3")]
    assert 0.01 < float(np.linalg.norm(tip)) < 0.04


def test_the_ends_of_fingers_are_where_the_body_has_them(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    bvh = read_bvh(write_bvh(tmp_path / "a.bvh", [motion], body))
    tips = body.pose(motion.params).joints()[:, OUTPUT_JOINTS.index("right_thumb")].numpy()
    np.testing.assert_allclose(bvh.positions()[:, bvh.names.index("end of right_thumb3")], y_up(tips), atol=2e-3)


def test_uneven_times_become_even_in_a_bvh(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    bvh = read_bvh(write_bvh(tmp_path / "a.bvh", [motion[torch.tensor([0, 1, 3])]], body))
    assert len(bvh.frames) == 4
    joints = [bvh.names.index(name) for name in SMPLX_JOINTS]
    same_joints(bvh.positions()[3, joints], joints_of(motion, body)[3])


@given(st.integers(0, 2**31))
def test_angles_of_rotations(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    angles = (torch.rand(8, 3, generator=generator, dtype=torch.float64) - 0.5) * 2 * torch.pi
    angles[0, 1], angles[1, 1] = torch.pi / 2, -torch.pi / 2
    z, x, y = (matrix_from_axis_angle(angles[:, i : i + 1] * torch.eye(3, dtype=torch.float64)[axis])
               for i, axis in enumerate((2, 0, 1)))  # fmt: skip
    rotations = z @ x @ y
    again = zxy_angles(rotations)
    z, x, y = (matrix_from_axis_angle(again[:, i : i + 1] * torch.eye(3, dtype=torch.float64)[axis])
               for i, axis in enumerate((2, 0, 1)))  # fmt: skip
    torch.testing.assert_close(z @ x @ y, rotations, atol=1e-7, rtol=0)


@pytest.mark.parametrize("up", ["y", "z"])
def test_an_amass_file_is_the_same_motion(smplx: BodyModel, tmp_path: Path, up: Up) -> None:
    motion = moving(smplx, 3, fps=29.97)
    path = write_amass(tmp_path / "a.npz", [motion], smplx, up)
    with np.load(path, allow_pickle=False) as stored:
        found = dict(stored)
    assert found["poses"].shape == (3, 165) and found["trans"].shape == (3, 3)
    assert (str(found["surface_model_type"]), str(found["gender"])) == ("smplx", "neutral")
    assert float(found["mocap_framerate"]) == pytest.approx(29.97) and int(found["mocap_frame_rate"]) == 30
    rotations = matrix_from_axis_angle(torch.from_numpy(found["poses"]).float().unflatten(1, (55, 3)))
    shaped = smplx.shape(
        torch.from_numpy(found["betas"]).float().expand(3, -1), torch.from_numpy(found["expression"]).float()
    )
    posed = shaped.pose(rotations, torch.from_numpy(found["trans"]).float())
    np.testing.assert_allclose(posed.position, joints_of(motion, smplx, up), atol=1e-4)
    parts = [found[name] for name in ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")]
    np.testing.assert_array_equal(np.concatenate(parts, 1), found["poses"])


def test_the_open_bodys_shape_is_not_given_to_smplx(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    with np.load(write_amass(tmp_path / "a.npz", [motion], body)) as stored:
        assert not stored["betas"].any() and "openbody" in str(stored["note"])
        mocap = read_mocap(tmp_path / "a.npz")
        np.testing.assert_allclose(mocap.body.reshape(4, -1), stored["poses"][:, :66])


def test_one_person_a_file(body: BodyModel, motion: Motion, tmp_path: Path) -> None:
    for write in (write_bvh, write_amass):
        with pytest.raises(InputError, match="holds one person, and there are track_0, track_0"):
            write(tmp_path / "a.bvh", [motion, motion], body)
    assert not list(tmp_path.iterdir())
