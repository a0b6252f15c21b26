"""The reader of HumanData: which key, which mask, which joint, which family; what is not known has weight 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.body.joints import SMPLX_137
from mien.data.joints import HUMAN_DATA, JOINTS_137
from mien.data.readers import READERS
from mien.data.readers.humandata import read_humandata
from mien.data.samples import Label, Samples
from mien.errors import InputError

N = 4
ALL = np.ones(190, np.uint8)


def numbered(channels: int, scale: float = 1.0) -> np.ndarray:
    """Keypoints whose x is the index of the joint among the 190, times `scale`."""
    values = np.zeros((N, 190, channels))
    values[..., 0] = np.arange(190) * scale
    values[..., -1] = 1
    return values


def one(path: Path, options: dict[str, Any] | None = None, **arrays: Any) -> Samples:
    base = {"image_path": np.array([f"{i}.jpg" for i in range(N)]), "bbox_xywh": np.tile([10.0, 20, 30, 40, 1], (N, 1))}
    wrapped = {
        key: np.array(value, dtype=object) if isinstance(value, dict) else value for key, value in arrays.items()
    }
    np.savez(path / "a.npz", **{**base, **wrapped})
    (samples,) = read_humandata(path / "a.npz", **(options or {}))
    return samples


def label(samples: Samples, name: str) -> Label:
    found = samples.extra[name]
    assert isinstance(found, Label)
    return found


def test_joints_go_where_their_names_say(tmp_path: Path) -> None:
    samples = one(tmp_path, keypoints2d_smplx=numbered(3), keypoints2d_smplx_mask=ALL)
    assert samples.keypoints2d is not None
    np.testing.assert_array_equal(samples.keypoints2d.value[0, :, 0], SMPLX_137)
    assert samples.keypoints2d.weight.min() == 1 and samples.keypoints3d is None
    assert [HUMAN_DATA[int(x)] for x in samples.keypoints2d.value[0, :, 0]] == list(JOINTS_137)
    assert samples.image.tolist() == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"] and samples.row.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(samples.box.value[0], [10, 20, 30, 40])


def test_replicate_swaps_the_eyes_of_the_face_alone(tmp_path: Path) -> None:
    arrays = {"keypoints2d_smplx": numbered(3), "keypoints2d_smplx_mask": ALL}
    right = one(tmp_path, **arrays).keypoints2d
    swapped = one(tmp_path, {"replicate": True}, **arrays).keypoints2d
    assert right is not None and swapped is not None
    assert right.value[0, [67, 68], 0].tolist() == [57, 56]  # left eye, right eye
    assert swapped.value[0, [67, 68], 0].tolist() == [56, 57]
    assert np.flatnonzero((right.value != swapped.value).any((0, 2))).tolist() == [67, 68]


def test_the_first_key_that_is_there_counts(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for scale, key in enumerate(("_original", "_smpl", "_smplx", ""), start=1):
        arrays[f"keypoints2d{key}"] = numbered(3, scale)
        arrays["keypoints2d_mask"] = ALL  # the mask of all that have none of their own
        samples = one(tmp_path, **arrays)
        assert samples.keypoints2d is not None and samples.keypoints2d.value[0, 1, 0] == scale
        assert samples.extra["keypoints2d_from"].tolist() == [f"keypoints2d{key}"] * N  # type: ignore[union-attr]
    assert one(tmp_path, {"keypoints2d": "keypoints2d_smpl"}, **arrays).keypoints2d.value[0, 1, 0] == 2  # type: ignore
    arrays = {}
    for scale, key in enumerate(("_original", "_smpl", "_smplx", "", "_cam"), start=1):
        arrays[f"keypoints3d{key}"] = numbered(4, scale)
        samples = one(tmp_path, **arrays)
        assert samples.keypoints3d is not None and samples.keypoints3d.value[0, 1, 0] == scale
    with pytest.raises(InputError, match="has no keypoints2d 'keypoints2d_smpl'"):
        one(tmp_path, {"keypoints2d": "keypoints2d_smpl"}, keypoints2d_smplx=numbered(3))


def test_masks_and_confidences(tmp_path: Path) -> None:
    mask2d, mask3d = ALL.copy(), ALL.copy()
    mask2d[0], mask3d[1] = 0, 0  # pelvis, left hip
    points2d, points3d = numbered(3), numbered(4)
    points2d[2, 2, 2] = 0  # the right hip of row 2 was not seen
    arrays = {
        "keypoints2d_smplx": points2d[:, mask2d > 0],
        "keypoints2d_smplx_mask": mask2d,
        "keypoints3d_smplx": points3d[:, mask3d > 0],
        "keypoints3d_smplx_mask": mask3d,
    }
    samples = one(tmp_path, **arrays)
    assert samples.keypoints2d is not None and samples.keypoints3d is not None
    assert samples.keypoints2d.weight[:, :3].tolist() == [[0, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1]]
    assert samples.keypoints3d.weight[:, :3].tolist() == [[1, 0, 1]] * N
    assert samples.keypoints2d.value[2, 2].tolist() == [0, 0] and samples.keypoints2d.value[1, 2, 0] == 2
    replicated = one(tmp_path, {"replicate": True}, **arrays)
    assert replicated.keypoints2d is not None
    assert replicated.keypoints2d.weight[:, 1:3].tolist() == [[0, 1]] * N  # the 3D mask, no confidences


def test_confidences_that_are_all_zero_say_nothing(tmp_path: Path) -> None:
    points = numbered(3)
    points[..., 2] = 0
    samples = one(tmp_path, keypoints2d=points, keypoints2d_mask=ALL)
    assert samples.keypoints2d is not None and samples.keypoints2d.weight.min() == 1


def test_what_is_no_number_is_absent_and_noted(tmp_path: Path) -> None:
    points = numbered(4)
    points[1, 4, 2] = np.nan
    boxes = np.tile([10.0, 20, 30, 40, 1], (N, 1))
    boxes[3, 0] = np.inf
    params = {"betas": np.zeros((N, 10)), "transl": np.full((N, 3), np.nan)}
    samples = one(tmp_path, keypoints3d_cam=points, keypoints3d_cam_mask=ALL, bbox_xywh=boxes, smplx=params)
    assert samples.keypoints3d is not None and samples.transl is not None and samples.betas is not None
    assert samples.keypoints3d.weight[1, [2, 3, 4]].tolist() == [1, 0, 1]  # the left knee is 4 of 190, 3 of 137
    assert samples.keypoints3d.value[1, 3].tolist() == [0, 0, 0]
    assert samples.box.weight.tolist() == [1, 1, 1, 0] and samples.box.value[3].tolist() == [0, 0, 0, 0]
    assert samples.transl.weight.tolist() == [0] * N and samples.betas.weight.tolist() == [1] * N
    assert samples.extra["nan"].tolist() == ["transl", "keypoints3d transl", "transl", "box transl"]  # type: ignore


def test_boxes_of_parts(tmp_path: Path) -> None:
    hand = np.array([[1, 2, 3, 4, 1], [1, 2, 3, 4, 0], [1, 2, 0, 4, 1], [5, 6, 7, 8, 0.5]], np.float32)
    samples = one(tmp_path, lhand_bbox_xywh=hand, rhand_bbox_xywh=hand, face_bbox_xywh=hand * 0)
    assert samples.left_hand_box is not None and samples.face_box is not None
    assert samples.left_hand_box.weight.tolist() == [1, 0, 0, 1] and not samples.face_box.weight.any()
    assert samples.left_hand_box.value[3].tolist() == [5, 6, 7, 8]


def test_smplx_comes_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    params = {
        "global_orient": rng.normal(size=(N, 3)),
        "body_pose": rng.normal(size=(N, 63)),
        "betas": rng.normal(size=(N, 11)),
        "left_hand_pose": rng.normal(size=(N, 15, 3)),
        "right_hand_pose": rng.normal(size=(N, 45)),
        "expression": rng.normal(size=(N, 10)),
        "transl": rng.normal(size=(N, 3)),
        "betas_neutral": rng.normal(size=(N, 10)),
        "betas_extra": np.array([[0.0], [0.7], [0], [0]]),
    }
    misc = {"flat_hand_mean": np.bool_(True), "bbox_body_scale": 1.2, "bbox_facehand_scale": 1.0}
    samples = one(tmp_path, smplx=params, misc=misc, vertices3d_path=np.array([f"{i}.npy" for i in range(N)]))
    for name in ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose", "expression", "transl"):
        found = getattr(samples, name)
        np.testing.assert_allclose(found.value.reshape(N, -1), params[name].reshape(N, -1), rtol=1e-6)
        assert found.weight.tolist() == [1] * N and found.value.dtype == np.float32
    assert samples.betas is not None and samples.jaw_pose is None and samples.hand_root is None
    np.testing.assert_allclose(samples.betas.value, params["betas"][:, :10], rtol=1e-6)
    np.testing.assert_allclose(label(samples, "betas_rest").value, params["betas"][:, 10:], rtol=1e-6)
    np.testing.assert_allclose(label(samples, "betas_neutral").value, params["betas_neutral"], rtol=1e-6)
    assert label(samples, "kid").value.tolist() == [0, 1, 0, 0]
    assert label(samples, "flat_hand_mean").value.tolist() == [1] * N
    assert label(samples, "box_scale").value[0] == np.float32(1.2) and label(samples, "part_box_scale").value[0] == 1
    assert samples.extra["params_from"].tolist() == ["smplx"] * N  # type: ignore[union-attr]
    assert samples.extra["vertices"].tolist() == ["0.npy", "1.npy", "2.npy", "3.npy"]  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(N, 23, 3), (N, 69)])
def test_smpl_gives_what_smplx_shares(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pose = np.random.default_rng(0).normal(size=(N, 69))
    smpl = {
        "body_pose": pose.reshape(shape),
        "betas": np.ones((N, 10)),
        "global_orient": np.ones((N, 3)),
        "transl": np.ones((N, 3)),
    }
    samples = one(tmp_path, smpl=smpl, meta={"gender": ["m", "Female", "neutral", "?"]})
    assert samples.body_pose is not None and samples.betas is None and samples.transl is None
    np.testing.assert_allclose(samples.body_pose.value.reshape(N, 63), pose[:, :63], rtol=1e-6)
    np.testing.assert_allclose(label(samples, "smpl_body_pose").value.reshape(N, 69), pose, rtol=1e-6)
    assert label(samples, "smpl_betas").value.shape == (N, 10) and label(samples, "smpl_transl").weight.all()
    assert samples.extra["gender"].tolist() == ["male", "female", "neutral", ""]  # type: ignore[union-attr]
    both = {"smpl": smpl, "smplx": {"betas": np.zeros((N, 10))}}
    assert one(tmp_path, **both).extra["params_from"].tolist() == ["smplx"] * N  # type: ignore[union-attr]
    assert one(tmp_path, {"body": "smpl"}, **both).extra["params_from"].tolist() == ["smpl"] * N  # type: ignore


def test_smplh_keeps_its_hands(tmp_path: Path) -> None:
    params = {"body_pose": np.ones((N, 21, 3)), "left_hand_pose": np.ones((N, 15, 3)), "betas": np.ones((N, 16))}
    samples = one(tmp_path, smplh=params)
    assert samples.body_pose is not None and samples.left_hand_pose is not None and samples.betas is None
    assert label(samples, "smpl_betas").value.shape == (N, 16) and "smpl_body_pose" not in samples.extra


def test_roots_of_hands(tmp_path: Path) -> None:
    left = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0, 0], [0, 2, 0]])
    both = one(tmp_path, smplx={"lhand_root": left, "rhand_root": np.ones((N, 3))}).hand_root
    assert both is not None and both.weight.tolist() == [[0, 1], [1, 1], [0, 1], [1, 1]]
    np.testing.assert_allclose(both.value[3], [[0, 2, 0], [1, 1, 1]])
    right = one(tmp_path, smplx={"rhand_root": np.ones((N, 3))}).hand_root
    assert right is not None and right.weight.tolist() == [[0, 1]] * N


def test_meta(tmp_path: Path) -> None:
    meta = {
        "height": [480, 480, 480, 720],
        "width": np.full(N, 640),
        "focal_length": np.tile([500.0, 510.0], (N, 1)),
        "principal_point": np.tile([320.0, 240.0], (N, 1)),
        "annot_valid": np.array([True, False, True, True]),
        "iscrowd": [0, 0, 1, 0],
        "num_keypoints": [1, 2, 3, 4],
        "sequence": "whatever",
    }
    samples = one(tmp_path, meta=meta)
    assert samples.size is not None and samples.camera is not None
    assert samples.size.tolist() == [[480, 640], [480, 640], [480, 640], [720, 640]]
    assert samples.camera.value[0].tolist() == [500, 510, 320, 240] and samples.camera.weight.all()
    assert label(samples, "annot_valid").value.tolist() == [1, 0, 1, 1]
    assert label(samples, "num_keypoints").value.tolist() == [1, 2, 3, 4]
    one_camera = one(tmp_path, meta={"focal_length": 500.0, "principal_point": (320.0, 240.0)}).camera
    assert one_camera is not None and one_camera.value[3].tolist() == [500, 500, 320, 240]
    with pytest.raises(InputError, match=r"a\.npz: meta\.height is of shape \(3,\); expected 4 rows"):
        one(tmp_path, meta={"height": [1, 2, 3]})


def test_boxes_are_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image_path=np.array(["0.jpg"]), bbox_xyhw=np.zeros((1, 5)))
    with pytest.raises(InputError, match=r"has no bbox_xywh; expected a box for each row; did you mean 'bbox_xyhw'"):
        list(read_humandata(tmp_path / "a.npz"))


def test_hands_as_components_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"smplx\.left_hand_pose has 12 numbers a row; expected 45"):
        one(tmp_path, smplx={"left_hand_pose": np.zeros((N, 12))})
    with pytest.raises(InputError, match=r"smplx\.body_pose has 69 numbers a row; expected 63"):
        one(tmp_path, smplx={"body_pose": np.zeros((N, 69))})
    with pytest.raises(InputError, match=r"smplx\.betas is <U1"):
        one(tmp_path, smplx={"betas": np.full((N, 10), "a")})


def test_chunks_are_those_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {
        "image_path": np.array([f"{i}.jpg" for i in range(N)]),
        "bbox_xywh": np.random.default_rng(0).uniform(1, 9, (N, 5)),
        "keypoints2d": numbered(3) * np.arange(1, N + 1)[:, None, None],
        "keypoints2d_mask": ALL,
        "smplx": np.array({"betas": np.arange(N * 10.0).reshape(N, 10)}, dtype=object),
        "meta": np.array({"height": np.arange(1, N + 1), "width": np.arange(1, N + 1)}, dtype=object),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    (whole,) = read_humandata(tmp_path / "a.npz")
    monkeypatch.setattr("mien.data.readers.base.CHUNK", 3)
    parts = list(READERS["humandata"].read(tmp_path / "a.npz"))
    assert [len(part) for part in parts] == [3, 1]
    joined = Samples.cat(parts)
    assert joined.row.tolist() == [0, 1, 2, 3] and joined.image.tolist() == whole.image.tolist()
    for name in ("box", "keypoints2d", "betas"):
        np.testing.assert_array_equal(getattr(joined, name).value, getattr(whole, name).value)
        np.testing.assert_array_equal(getattr(joined, name).weight, getattr(whole, name).weight)
    assert joined.size is not None and whole.size is not None
    np.testing.assert_array_equal(joined.size, whole.size)
    assert set(joined.extra) == set(whole.extra)


# ----------------------------------------------------------------------------------------------------------- samples


def test_extra_travels_with_the_rows() -> None:
    def some(count: int, **extra: Any) -> Samples:
        box = Label(value=np.ones((count, 4), np.float32), weight=np.ones(count, np.float32))
        names = np.array([f"{i}.jpg" for i in range(count)], dtype=object)
        return Samples(source="a", row=np.arange(count), image=names, box=box, extra=extra)

    flag = Label(value=np.arange(3, dtype=np.float32), weight=np.ones(3, np.float32))
    first = some(3, flag=flag, word=np.array(["a", "b", "c"], dtype=object))
    taken = first.take([2, 0])
    assert label(taken, "flag").value.tolist() == [2, 0] and taken.extra["word"].tolist() == ["c", "a"]  # type: ignore
    joined = Samples.cat([first, some(2), first.take(slice(0, 1))])
    assert label(joined, "flag").weight.tolist() == [1, 1, 1, 0, 0, 1] and "word" not in joined.extra
    assert label(joined, "flag").value.tolist() == [0, 1, 2, 0, 0, 0]
    assert Samples.cat([first, first]).extra["word"].tolist() == ["a", "b", "c"] * 2  # type: ignore[union-attr]
