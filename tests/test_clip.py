"""The result of a clip: tracks in a file and back, the scene of a frame, and files that are not whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import make_scene

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.clip import Clip, clip_of_arrays, read
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.scene import Scene, arrays_of_rows


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(BodyModel.load(find_body("openbody")), 5, seed=2)


@pytest.fixture
def clip(scene: Scene) -> Clip:
    """Track 0 in frames 0 to 2 (1 is interpolated), track 3 in frames 2 and 4."""
    score = np.array([0.9, 0.0, 0.8, 0.7, 0.6], np.float32)
    columns = {
        "track_id": np.array([0, 0, 0, 3, 3]),
        "frame_index": np.array([0, 1, 2, 2, 4]),
        "timestamps": np.array([0.0, 0.04, 0.08, 0.08, 0.2]),
        "valid": score > 0,
    }
    once = {"fps": np.asarray(25.0), "num_frames": np.asarray(6), "smoothing": np.asarray("none")}
    return clip_of_arrays(scene.shared_arrays() | arrays_of_rows(scene) | {"score": score} | columns | once)


def test_a_clip_is_written_and_read_back(clip: Clip, tmp_path: Path) -> None:
    path = clip.save(tmp_path / "dance")
    assert path.name == "dance.npz"
    again = mien.read(path)
    assert isinstance(again, Clip) and [track.id for track in again] == [0, 3] and len(again.track(3)) == 2
    assert (again.fps, again.num_frames, again.image_size) == (25.0, 6, clip.image_size)
    for key, array in again.arrays().items():
        before = clip.arrays()[key]
        assert array.dtype == before.dtype
        if key.endswith(("_orient", "_pose")):  # half a turn has two axes
            array, before = (matrix_from_axis_angle(torch.from_numpy(each)).numpy() for each in (array, before))
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, before, atol=2e-6)
        else:
            np.testing.assert_array_equal(array, before)
    plain = dict(np.load(path, allow_pickle=False))
    assert plain["track_id"].tolist() == [0, 0, 0, 3, 3] and plain["body_pose"].shape == (5, 21, 3)


def test_a_track_is_a_person_over_time(clip: Clip) -> None:
    track = clip.track(0)
    assert track[1:].frame_index.tolist() == [1, 2] and track.params.left_hand_pose.shape == (3, 15, 3, 3)
    assert track[1].joints3d.shape == (144, 3) and not bool(track[1].valid)
    assert clip[1].id == 3 and len(clip) == 2
    assert clip.to("cpu").tracks[0].params.betas.equal(track.params.betas)
    with pytest.raises(InputError, match="one of the ids 0, 3"):
        clip.track(1)


def test_the_scene_of_a_frame(clip: Clip) -> None:
    people, ids = clip.scene(2)
    assert ids == [0, 3] and len(people) == 2 and people.image_size == clip.image_size
    assert people[1].joints3d.equal(clip.track(3).joints3d[0])
    assert clip.scene(3)[1] == [] and len(clip.scene(3)[0]) == 0 and clip.scene(4)[1] == [3]
    with pytest.raises(InputError, match="0 to 5"):
        clip.scene(6)


def test_nobody_at_all(clip: Clip, tmp_path: Path) -> None:
    path = replace(clip, tracks=()).save(tmp_path / "empty.npz")
    again = read(path)
    assert isinstance(again, Clip) and len(again) == 0 and again.scene(0)[1] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": None}, "lacks the keys valid"),
        ({"track_id": np.array([0, 0, 0, 3, 3], np.int32)}, "track_id is int32"),
        ({"timestamps": np.zeros(5)}, "timestamps that do not go forward"),
        ({"frame_index": np.array([0, 2, 1, 2, 4])}, "rows in another order"),
        ({"frame_index": np.array([0, 1, 2, 2, 9])}, "frames that are not there"),
        ({"valid": np.zeros(5, bool)}, "interpolated rows with a score"),
        ({"betas": np.zeros((4, 10), np.float32)}, "counts people differently"),
    ],
)
def test_what_is_no_clip_is_refused(clip: Clip, tmp_path: Path, change: dict, message: str) -> None:
    arrays = {key: value for key, value in (clip.arrays() | change).items() if value is not None}
    np.savez(tmp_path / "x.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=message):
        mien.read(tmp_path / "x.npz")


def test_pictures_and_clips_are_told_apart(clip: Clip, scene: Scene, tmp_path: Path) -> None:
    assert isinstance(read(scene.save(tmp_path / "picture.npz")), Scene)
    path = clip.save(tmp_path / "clip.npz")
    with pytest.raises(InputError, match="a picture for"):
        mien.read(path, picture=np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(InputError, match="is the result of a clip"):
        mien.scene.read(path)  # pyright: ignore[reportAttributeAccessIssue]
    assert torch.equal(mien.read(path).K, clip.K)
