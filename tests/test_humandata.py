"""HumanData: what is written is what plain numpy reads, byte for byte the same each time; what is wrong is named."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.body.joints import SMPLX_137
from mien.data.humandata import HumanData
from mien.data.npz_rows import rows
from mien.data.readers.humandata import read_humandata
from mien.errors import InputError, OutputError, UnsafeFile
from mien.npz import open_npz

N = 6
MASK = np.zeros(190, np.uint8)
MASK[[0, 1, 2, 4, 5, 12, 20, 21, 30, 77, 150]] = 1


def keypoints(channels: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(N, 190, channels)) * (MASK > 0)[:, None]
    values[..., -1] = MASK
    return values.astype(np.float32)


def content(**changed: Any) -> HumanData:
    """A whole file; strings are made anew each time, so that no two are the same object."""
    rng = np.random.default_rng(1)
    word = "".join
    keys: dict[str, Any] = {
        "image_path": [word(["clip/", f"{i:03d}", ".jpg"]) for i in range(N)],
        "bbox_xywh": rng.uniform(50, 100, (N, 5)).astype(np.float32),
        "face_bbox_xywh": np.zeros((N, 5), np.float32),
        "keypoints": {"keypoints2d_smplx": (keypoints(3), MASK), "keypoints3d_smplx": (keypoints(4), MASK)},
        "params": {
            word(["sm", "plx"]): {
                word(["be", "tas"]): rng.normal(size=(N, 10)),
                "body_pose": rng.normal(size=(N, 21, 3)).astype(np.float32),
            }
        },
        "meta": {"gender": [word(["ma", "le"]) for _ in range(N)], "height": np.full(N, 480)},
        "misc": {"flat_hand_mean": False, "bbox_source": word(["orig", "inal"]), "nested": [{"a": (1, 2.5, None)}]},
        "config": word(["con", "fig"]),
        "extra": {"mano": np.array([{"pose": np.arange(3.0)} for _ in range(N)], dtype=object)},
    }
    return HumanData(**{**keys, **changed})


def plain(path: Path) -> dict[str, Any]:
    """HumanData read as its authors' own code would: numpy, `.item()`, masks."""
    with np.load(path, allow_pickle=True) as file:
        found = {key: file[key] for key in file}
    for key in list(found):
        if found[key].dtype == object and found[key].ndim == 0:
            found[key] = found[key].item()
    if found["__keypoints_compressed__"]:
        for key in [key for key in found if f"{key}_mask" in found]:
            wide = np.zeros((N, 190, found[key].shape[2]), found[key].dtype)
            wide[:, found[f"{key}_mask"] == 1] = found[key]
            found[key] = wide
    return found


def same(a: Any, b: Any) -> None:
    if isinstance(a, dict):
        assert set(a) == set(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, np.ndarray) and a.dtype == object:
        for x, y in zip(a.tolist(), b.tolist(), strict=True):
            same(x, y)
    else:
        np.testing.assert_array_equal(a, b)
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)


@pytest.mark.parametrize("compress", [True, False])
def test_plain_numpy_reads_what_was_written(tmp_path: Path, compress: bool) -> None:
    data = content()
    data.write(tmp_path / "a.npz", compress_keypoints=compress)
    found = plain(tmp_path / "a.npz")
    assert found["image_path"].tolist() == data.image_path and found["config"] == "config"
    same(found["smplx"], data.params["smplx"])
    same(found["meta"], data.meta)
    same(found["misc"], data.misc)
    same(found["mano"], data.extra["mano"])
    for key in data.keypoints:
        same(found[key], data.keypoints[key][0])
    assert found["__data_len__"] == N and found["__keypoints_compressed__"] == compress
    assert not found["__key_strict__"]
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["keypoints2d_smplx"].shape[1] == (MASK.sum() if compress else 190)


def test_round_trip(tmp_path: Path) -> None:
    data = content()
    data.write(tmp_path / "a.npz")
    again = HumanData.read(tmp_path / "a.npz")
    assert again.image_path == data.image_path and again.config == "config" and len(again) == N
    for name in ("params", "meta", "misc", "extra"):
        same(dict(getattr(again, name)), dict(getattr(data, name)))
    for key, (values, mask) in data.keypoints.items():
        same(again.keypoints[key][0], values)
        same(again.keypoints[key][1], mask)
    for name in ("bbox_xywh", "face_bbox_xywh"):
        same(getattr(again, name), getattr(data, name))
    assert again.lhand_bbox_xywh is None


def test_same_content_same_bytes(tmp_path: Path) -> None:
    content().write(tmp_path / "a.npz")
    HumanData.read(tmp_path / "a.npz").write(tmp_path / "b.npz")
    shared = "male"
    content(meta={"gender": [shared] * N, "height": np.full(N, 480)}).write(tmp_path / "c.npz")
    fortran = np.asfortranarray(content().params["smplx"]["betas"])
    params = {"smplx": {**content().params["smplx"], "betas": fortran}}
    content(params=params).write(tmp_path / "d.npz")
    first = (tmp_path / "a.npz").read_bytes()
    for name in "bcd":
        assert (tmp_path / f"{name}.npz").read_bytes() == first, name
    content(config="other").write(tmp_path / "e.npz")
    assert (tmp_path / "e.npz").read_bytes() != first


def test_numpy_1_could_read_it(tmp_path: Path) -> None:
    content().write(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        pickled = archive.read("smplx.npy")
    assert b"numpy.core.multiarray" in pickled and b"numpy._core" not in pickled


def test_compressed_and_not_read_the_same(tmp_path: Path) -> None:
    for compress in (True, False):
        content().write(tmp_path / f"{compress}.npz", compress_keypoints=compress)
    one, other = (HumanData.read(tmp_path / f"{compress}.npz") for compress in (True, False))
    for key in one.keypoints:
        same(one.keypoints[key][0], other.keypoints[key][0])


def test_a_file_of_mmhuman3d(tmp_path: Path) -> None:
    values = keypoints(3).astype(np.float64)
    np.savez_compressed(
        tmp_path / "a.npz",
        image_path=np.array(["a.jpg"] * N, dtype=object),
        bbox_xywh=np.ones((N, 5)),
        keypoints2d=values[:, MASK > 0],
        keypoints2d_mask=MASK.astype(np.float64),
        smpl=np.array({"betas": np.ones((N, 10)), "body_pose": np.ones((N, 69))}, dtype=object),
        __key_strict__=np.array(True),
    )
    data = HumanData.read(tmp_path / "a.npz")
    same(data.keypoints["keypoints2d"][0], values)
    assert data.bbox_xywh.dtype == np.float32 and data.params["smpl"]["body_pose"].shape == (N, 69)
    assert data.image_path[0] == "a.jpg" and not data.extra


def test_the_144_and_the_137_joints_need_no_mask(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(N, 144, 3))
    base = {"image_path": np.array(["a"] * N), "bbox_xywh": np.ones((N, 5))}
    np.savez(tmp_path / "144.npz", keypoints2d=values, **base)
    np.savez(tmp_path / "137.npz", keypoints2d=values[:, list(SMPLX_137)], **base)
    wide, mask = HumanData.read(tmp_path / "144.npz").keypoints["keypoints2d"]
    same(wide[:, :144], values)
    assert mask.sum() == 144 and not wide[:, 144:].any()
    wide, mask = HumanData.read(tmp_path / "137.npz").keypoints["keypoints2d"]
    same(wide[:, list(SMPLX_137)], values[:, list(SMPLX_137)])
    assert mask.sum() == len(set(SMPLX_137)) == 135


# -------------------------------------------------------------------------------------------------------------- lazy


class Call:
    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.args


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    evil = np.array(Call(os.mkdir, str(tmp_path / "made")), dtype=object)
    np.savez(tmp_path / "a.npz", image_path=np.array(["a"]), bbox_xywh=np.ones((1, 5)), smplx=evil)
    file = HumanData.open(tmp_path / "a.npz")
    assert file["bbox_xywh"].shape == (1, 5) and file.num_rows == 1 and "smplx" in file
    with pytest.raises(UnsafeFile, match=r"a\.npz: smplx asks for .*mkdir"):
        file["smplx"]
    with pytest.raises(UnsafeFile, match=r"a\.npz: smplx asks for"):
        HumanData.read(tmp_path / "a.npz")
    with pytest.raises(UnsafeFile, match=r"a\.npz: smplx asks for"):
        list(read_humandata(tmp_path / "a.npz"))
    assert not (tmp_path / "made").exists()


def test_an_archive_that_goes_closes_its_file(tmp_path: Path) -> None:
    """Whoever still holds the file, as garbage that is collected in another order does."""
    np.savez(tmp_path / "a.npz", key=np.arange(3))
    archive = open_npz(tmp_path / "a.npz")
    assert archive["key"].tolist() == [0, 1, 2]
    held = archive._archive()
    with archive.member("key") as stream:
        assert held.fp is not None and len(stream.read(6)) == 6
    del archive
    assert held.fp is None


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_are_those_of_the_whole(tmp_path: Path, save: Any) -> None:
    arrays = {
        "plain": np.random.default_rng(0).normal(size=(1000, 3, 2)),
        "words": np.array([f"é{i}" for i in range(1000)]),
        "fortran": np.asfortranarray(np.random.default_rng(0).normal(size=(1000, 4))),
        "objects": np.array([str(i) for i in range(1000)], dtype=object),
        "empty": np.zeros((1000, 0)),
    }
    save(tmp_path / "a.npz", **arrays)
    archive = open_npz(tmp_path / "a.npz")
    for key, array in arrays.items():
        with rows(archive, key) as stream:
            assert stream.shape == array.shape
            parts = [stream.take(300) for _ in range(5)]
        assert [len(part) for part in parts] == [300, 300, 300, 100, 0]
        same(np.concatenate(parts), array)


def test_rows_of_a_damaged_file(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", key=np.random.default_rng(0).normal(size=(5000, 3)))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "b.npz").write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"b\.npz: key cannot be read"), rows(open_npz(tmp_path / "b.npz"), "key") as s:
        s.take(5000)
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        whole = (tmp_path / "one.npy").as_posix()
        np.save(whole, np.zeros((10, 3)))
        archive.writestr("key.npy", Path(whole).read_bytes()[:-8])
    with (
        pytest.raises(InputError, match=r"c\.npz: key cannot be read.*claims shape"),
        rows(open_npz(tmp_path / "c.npz"), "key"),
    ):
        pass


def test_a_large_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    count = 60_000
    path = tmp_path / "a.npz"
    np.savez_compressed(
        path,
        image_path=np.full(count, "a.jpg"),
        bbox_xywh=np.ones((count, 5), np.float32),
        keypoints3d=np.zeros((count, 190, 4), np.float32),  # 182 MB
        keypoints3d_mask=np.ones(190, np.uint8),
    )
    tracemalloc.start()
    try:
        total = sum(len(samples) for samples in read_humandata(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == count
    assert peak < 130e6


# ------------------------------------------------------------------------------------------------------------ faults


def written(path: Path, **changed: Any) -> Path:
    """A small file of the layout; what is None is left out."""
    arrays: dict[str, Any] = {
        "image_path": np.array([f"{i}.jpg" for i in range(N)]),
        "bbox_xywh": np.ones((N, 5), np.float32),
        "keypoints2d_smplx": keypoints(3)[:, MASK > 0],
        "keypoints2d_smplx_mask": MASK,
        "smplx": np.array({"betas": np.zeros((N, 10))}, dtype=object),
    }
    np.savez(path, **{key: value for key, value in {**arrays, **changed}.items() if value is not None})
    return path


def ragged() -> np.ndarray:
    array = np.empty((), object)
    array[()] = {"betas": [[1.0], [1.0, 2.0]]}
    return array


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no pictures": ({"image_path": None}, "no image_path"),
    "pictures as numbers": ({"image_path": np.arange(N)}, "image_path is int64"),
    "a path that is none": ({"image_path": np.array(["a"] * 3 + [7] * 3, dtype=object)}, "image_path, row 3, is a int"),
    "boxes of 4": ({"bbox_xywh": np.ones((N, 4))}, r"bbox_xywh is float64 of shape \(6, 4\); expected numbers, 6 x 5"),
    "boxes of words": ({"bbox_xywh": np.full((N, 5), "a")}, "bbox_xywh is <U1"),
    "boxes too few": ({"bbox_xywh": np.ones((3, 5))}, "bbox_xywh"),
    "keypoints too few": ({"keypoints2d_smplx": keypoints(3)[:2]}, "keypoints2d_smplx has 2 rows; expected 6 rows"),
    "channels": ({"keypoints2d_smplx": keypoints(4)}, r"keypoints2d_smplx is float32 of shape \(6, 190, 4\)"),
    "flat keypoints": ({"keypoints2d_smplx": np.ones((N, 570))}, "keypoints2d_smplx"),
    "short mask": ({"keypoints2d_smplx_mask": MASK[:100]}, "keypoints2d_smplx holds 11 joints, and its mask"),
    "other mask": ({"keypoints2d_smplx_mask": np.ones(190)}, "keypoints2d_smplx holds 11 joints, and its mask 190"),
    "mask of words": ({"keypoints2d_smplx_mask": np.full(190, "x")}, "keypoints2d_smplx_mask is <U1"),
    "mask of twos": ({"keypoints2d_smplx_mask": MASK * 2}, "keypoints2d_smplx_mask"),
    "unknown joints": (
        {"keypoints2d_smplx": np.ones((N, 25, 3)), "keypoints2d_smplx_mask": None},
        "holds 25 joints and has no mask; expected 190, 144",
    ),
    "params too few": ({"smplx": np.array({"betas": np.zeros((2, 10))}, dtype=object)}, "smplx.betas has 2 rows"),
    "a single value": ({"smplx": np.array({"betas": 3.0}, dtype=object)}, "smplx.betas has a single value"),
    "ragged": ({"smplx": ragged()}, "smplx.betas holds rows of different shapes"),
    "no dict": ({"smplx": np.zeros((N, 10))}, "smplx holds a ndarray; expected a dict"),
    "meta no dict": ({"meta": np.array([1, 2], dtype=object)}, "meta holds a ndarray"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_named(tmp_path: Path, name: str) -> None:
    changed, message = FAULTS[name]
    path = written(tmp_path / "set.npz", **changed)
    with pytest.raises(InputError, match=rf"set\.npz.*{message}"):
        HumanData.read(path)
    with pytest.raises(InputError, match=r"set\.npz"):
        list(read_humandata(path))


def test_the_base_of_the_faults_is_whole(tmp_path: Path) -> None:
    assert len(HumanData.read(written(tmp_path / "set.npz"))) == N
    assert sum(len(part) for part in read_humandata(tmp_path / "set.npz")) == N


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("bbox_xywh.npy", archive.read("bbox_xywh.npy"))
    with pytest.raises(InputError, match="holds the key bbox_xywh more than once"):
        HumanData.read(tmp_path / "a.npz")


def test_records_are_checked_where_they_are_made(tmp_path: Path) -> None:
    params = {"smplx": {"betas": np.zeros((2, 10))}}
    with pytest.raises(InputError, match=r"smplx\.betas has 2 rows"):
        content(params=params)
    with pytest.raises(InputError, match="'joints' is no name of keypoints"):
        content(keypoints={"joints": (keypoints(3), MASK)})
    with pytest.raises(InputError, match="keypoints2d_mask is uint8"):
        content(keypoints={"keypoints2d": (keypoints(3), MASK[:5])})


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    content().write(path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="misc holds a set"):
        content(misc={"a": {1, 2}}).write(path)
    assert path.read_bytes() == before and sorted(tmp_path.iterdir()) == [path]
