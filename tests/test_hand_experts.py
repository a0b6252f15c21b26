"""Hands of an expert in a track: where they help they are taken, where they would harm they are not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_cases import BAD, Case, expert, hand_error, make_case, save

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.clip import Clip
from mien.errors import BodyError, InputError
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.track.hand_experts import FuseConfig, Hands, fuse_hands, read_hands


@pytest.fixture(scope="module")
def case() -> Case:
    with torch.no_grad():
        return make_case(BodyModel.load(find_body("openbody")), frames=50)


@pytest.fixture(scope="module")
def hands(case: Case) -> Hands:
    return expert(case, "half the error")


def test_a_good_expert_lowers_the_error_and_nothing_else_moves(case: Case, hands: Hands) -> None:
    fused = fuse_hands(case.clip, hands, case.body)
    with torch.no_grad():
        assert hand_error(case, fused) < 0.75 * hand_error(case, case.clip)
        world = case.body.pose(fused[0].params).world[:, [20, 21]].flatten(0, 1)
    assert float(torch.rad2deg(angle_between(world, hands.global_orient)).median()) < 0.1
    before, after = case.clip[0].params, fused[0].params
    assert torch.equal(before.body_pose[:, :19], after.body_pose[:, :19]) and torch.equal(before.transl, after.transl)
    assert torch.equal(case.clip[0].joints2d, fused[0].joints2d)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_expert_never_raises_it(case: Case, kind: str) -> None:
    fused = fuse_hands(case.clip, expert(case, kind), case.body)
    with torch.no_grad():
        assert hand_error(case, fused) <= 1.001 * hand_error(case, case.clip)


def test_hands_of_somebody_else_or_of_nobody(case: Case, hands: Hands) -> None:
    assert hands.boxes is not None
    away = replace(hands, boxes=hands.boxes + 200)
    assert torch.equal(fuse_hands(case.clip, away, case.body)[0].joints3d, case.clip[0].joints3d)
    late = replace(hands, frame_index=hands.frame_index + 1000)
    assert torch.equal(fuse_hands(case.clip, late, case.body)[0].joints3d, case.clip[0].joints3d)
    two = replace(case.clip, tracks=(case.clip[0], replace(case.clip[0], id=1)))
    with pytest.raises(InputError, match="2 people, and hands without boxes"):
        fuse_hands(two, replace(hands, boxes=None), case.body)
    one = fuse_hands(case.clip, replace(hands, boxes=None), case.body, FuseConfig(min_score=0.95))
    assert torch.equal(one[0].joints3d, case.clip[0].joints3d)


def test_another_body_is_refused(case: Case, hands: Hands) -> None:
    other = replace(case.clip, origin=replace(case.clip.origin, body_family="smplx"))
    with pytest.raises(BodyError, match="expected 'smplx'"):
        fuse_hands(other, hands, case.body)


def test_in_a_causal_clip_no_hand_looks_ahead(case: Case, hands: Hands) -> None:
    causal = replace(case.clip, smoothing="one-euro")
    turn = matrix_from_axis_angle(torch.tensor([0.0, 0.0, 0.1]))
    later = hands.frame_index >= 30
    other = replace(hands, hand_pose=torch.where(later[:, None, None, None], hands.hand_pose @ turn, hands.hand_pose))
    one, two = (fuse_hands(causal, each, case.body)[0].params for each in (hands, other))
    assert not torch.equal(one.left_hand_pose, causal[0].params.left_hand_pose)
    assert torch.equal(one.left_hand_pose[:30], two.left_hand_pose[:30])
    assert not torch.equal(one.left_hand_pose[30:], two.left_hand_pose[30:])


@pytest.mark.parametrize("left_as_right", [True, False])
@pytest.mark.parametrize("offsets", [True, False])
def test_files_come_back_however_they_were_saved(
    case: Case, hands: Hands, tmp_path: Path, left_as_right: bool, offsets: bool
) -> None:
    mean, names = case.body.mean_hands if offsets else None, {"boxes": "bbox", "hand_pose": "pred_hand_pose"}
    save(hands, tmp_path / "hands.npz", left_as_right=left_as_right, mean_hands=mean, names=names)
    found = read_hands(tmp_path / "hands.npz", case.body)
    assert found.boxes is not None and torch.equal(found.frame_index, hands.frame_index)
    assert torch.equal(found.is_right, hands.is_right)
    assert float(angle_between(found.hand_pose, hands.hand_pose).max()) < 2e-3
    assert float(angle_between(found.global_orient, hands.global_orient).max()) < 2e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hand_pose": None}, "lacks the key hand_pose"),
        ({"hand_pose": np.zeros((3, 7))}, "hand_pose is float64 of shape"),
        ({"is_right": np.zeros(3)}, "is_right is float64 of shape"),
        ({"boxes": np.zeros((3, 4))}, "boxes has shape"),
        ({"global_orient": np.ones((100, 3, 3))}, "no rotations"),
        ({"global_orient": np.tile(-np.eye(3), (100, 1, 1))}, "no rotations"),
        ({"frame_index": np.arange(100) / 4}, "frame_index holds 0.25; expected whole numbers"),
        ({"score": np.full(100, np.nan)}, "score is float64"),
    ],
)
def test_what_is_no_hand_file_is_refused(case: Case, hands: Hands, tmp_path: Path, change: dict, message: str) -> None:
    save(hands, tmp_path / "hands.npz")
    arrays = {
        key: value for key, value in (dict(np.load(tmp_path / "hands.npz")) | change).items() if value is not None
    }
    np.savez(tmp_path / "hands.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_hands(tmp_path / "hands.npz", case.body)


# the command ----------------------------------------------------------------------------------------------------
def test_the_command_fuses_as_python_does(
    case: Case, hands: Hands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, expert_file, out = tmp_path / "walk.npz", tmp_path / "hands.npz", tmp_path / "better"
    case.clip.save(clip)
    save(hands, expert_file)
    words = ["fuse", "hands", str(clip), str(expert_file)]
    assert main([*words, "--out", str(out)]) == 0
    assert "of 50 frames" in capsys.readouterr().err
    before = mien.read(clip)
    wanted = fuse_hands(before, read_hands(expert_file, case.body), case.body)
    wanted.save(tmp_path / "wanted.npz")
    assert (out / "walk.npz").read_bytes() == (tmp_path / "wanted.npz").read_bytes()
    assert main([*words, "--out", str(tmp_path / "same.npz"), "--min-score", "0.95"]) == 0
    assert "the expert was believed nowhere" in capsys.readouterr().err
    same = mien.read(tmp_path / "same.npz")
    assert isinstance(same, Clip) and torch.equal(same[0].joints3d, before[0].joints3d)


def test_what_makes_no_sense_for_the_command(
    case: Case, hands: Hands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, expert_file = tmp_path / "walk.npz", tmp_path / "hands.npz"
    case.clip.save(clip)
    save(hands, expert_file)
    case.clip.scene(0)[0].save(tmp_path / "picture.npz")
    before = clip.read_bytes()
    for words, message in (
        ([clip, expert_file, "--out", tmp_path], "written over what it is made from"),
        ([tmp_path / "picture.npz", expert_file, "--out", tmp_path / "x.npz"], "the result of a picture"),
        ([clip, clip, "--out", tmp_path / "x.npz"], "lacks the key is_right"),
        ([tmp_path / "none.npz", expert_file, "--out", tmp_path / "x.npz"], "none.npz does not exist"),
    ):
        assert main(["fuse", "hands", *map(str, words)]) == 2
        assert message in capsys.readouterr().err
    assert clip.read_bytes() == before and not (tmp_path / "x.npz").exists()
