"""Sets with cameras, worlds, meshes and formats of their own; the numbers are worked out by hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from labels import REAL, label, needs_real, words, write
from scipy.spatial.transform import Rotation

from mien.data.joints import CONVENTIONS, JOINTS_137
from mien.data.readers import READERS, sniff
from mien.data.readers.ehf import EHF_CAMERA, read_ply_vertices
from mien.errors import InputError


def place(name: str) -> int:
    return JOINTS_137.index(name)


QUARTER = [[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]
"""A quarter turn about x: y becomes z, z becomes -y."""


# --------------------------------------------------------------------------------------------- worlds and their cameras


def human36m(folder: Path) -> dict[str, Path]:
    picture = {"id": 3, "file_name": "s_01_act_02/000001.jpg", "width": 1000, "height": 1002, "subject": 1}
    picture |= {"action_idx": 2, "subaction_idx": 1, "cam_idx": 4, "frame_idx": 5}
    entry = {"id": 1, "image_id": 3, "bbox": [400, 300, 100, 300]}
    skeleton = [[100.0 * j, 200.0, 300.0] for j in range(17)]
    params = {"root_pose": [0, 0, 0.5], "body_pose": [0.1] * 63, "shape": [0.2] * 10, "trans": [1, 2, 3]}
    camera = {"R": QUARTER, "t": [10, 20, 5000], "f": [1000, 1100], "c": [500, 510]}
    return {
        "path": write(folder / "Human36M_subject1_data.json", {"images": [picture], "annotations": [entry]}),
        "camera": write(folder / "Human36M_subject1_camera.json", {"4": camera}),
        "joints": write(folder / "Human36M_subject1_joint_3d.json", {"2": {"1": {"5": skeleton}}}),
        "params": write(folder / "Human36M_subject1_SMPLX_NeuralAnnot.json", {"2": {"1": {"5": params}}}),
    }


def test_human36m(tmp_path: Path) -> None:
    files = human36m(tmp_path)
    (samples,) = READERS["human36m"].read(files.pop("path"), **files)
    assert samples.keypoints3d is not None and samples.keypoints2d is not None and samples.global_orient is not None
    wrist = samples.keypoints3d.value[0, place("left_wrist")]  # joint 13: (1300, 200, 300) mm in the world
    np.testing.assert_allclose(wrist, [1.31, -0.28, 5.2], rtol=1e-6)  # (1300 + 10, -300 + 20, 200 + 5000) mm
    pixel = samples.keypoints2d.value[0, place("left_wrist")]
    np.testing.assert_allclose(pixel, [1000 * 1.31 / 5.2 + 500, 1100 * -0.28 / 5.2 + 510], rtol=1e-5)
    assert samples.keypoints3d.weight[0].sum() == 14 and samples.keypoints3d.weight[0, 0] == 1
    assert samples.camera is not None and samples.camera.value[0].tolist() == [1000, 1100, 500, 510]
    expected = (Rotation.from_matrix(QUARTER) * Rotation.from_rotvec([0, 0, 0.5])).as_rotvec()
    np.testing.assert_allclose(samples.global_orient.value[0], expected, atol=1e-6)
    assert samples.transl is None and label(samples, "transl_world").value[0].tolist() == [1, 2, 3]
    np.testing.assert_allclose(label(samples, "camera_translation").value[0], [0.01, 0.02, 5])
    assert label(samples, "camera_rotation").value[0].tolist() == QUARTER
    assert samples.track is not None and samples.track.tolist() == ["2/1/4"]
    assert sniff(tmp_path / "Human36M_subject1_data.json") == "human36m"
    with pytest.raises(InputError, match=r"camera\.json has no entry for cam_idx 4 \(picture 3\)"):
        list(
            READERS["human36m"].read(
                tmp_path / "Human36M_subject1_data.json", **{**files, "camera": write(files["camera"], {})}
            )
        )


def test_mpi_inf_3dhp_json(tmp_path: Path) -> None:
    picture = {"id": 0, "file_name": "img_0_000007.jpg", "width": 2048, "height": 2048}
    picture |= {"subject_idx": 1, "seq_idx": 2, "cam_idx": 0, "frame_idx": 7}
    path = write(
        tmp_path / "MPI-INF-3DHP_1k.json", {"images": [picture], "annotations": [{"image_id": 0, "bbox": [1, 2, 3, 4]}]}
    )
    camera = {"R": np.eye(3).tolist(), "t": [0, 0, 3000], "focal": [1500, 1500], "princpt": [1024, 1024]}
    cameras = write(tmp_path / "MPI-INF-3DHP_camera_1k.json", {"1": {"2": {"0": camera}}})
    joints = write(tmp_path / "MPI-INF-3DHP_joint_3d.json", {"1": {"2": {"7": [[j, 0, 0] for j in range(28)]}}})
    (samples,) = READERS["mpi-inf-3dhp"].read(path, camera=cameras, joints=joints)
    assert samples.keypoints3d is not None and samples.image.tolist() == ["S1/Seq2/imageSequence/img_0_000007.jpg"]
    np.testing.assert_allclose(samples.keypoints3d.value[0, place("left_hip")], [0.018, 0, 3], rtol=1e-6)
    assert samples.keypoints3d.weight[0].sum() == 13 and sniff(path) == "mpi-inf-3dhp"
    with pytest.raises(InputError, match=r"without its file of cameras.*name them beside it"):
        list(READERS["mpi-inf-3dhp"].read(path))


def test_mpi_inf_3dhp_mat(tmp_path: Path) -> None:
    folder = tmp_path / "S3/Seq2"
    folder.mkdir(parents=True)
    flat2d, flat3d = np.empty((2, 1), object), np.empty((2, 1), object)
    for video in range(2):
        flat2d[video, 0] = np.arange(3 * 56.0).reshape(3, 56) + 1000 * video
        flat3d[video, 0] = np.arange(3 * 84.0).reshape(3, 84)
    scipy.io.savemat(folder / "annot.mat", {"annot2": flat2d, "annot3": flat3d})
    lines = ["name 0", "intrinsic 1500 0 1024 0 0 1501 1025 0 0 0 1 0 0 0 0 1", "name 1"]
    (folder / "camera.calibration").write_text("\n".join([*lines, "intrinsic 1 0 2 0 0 3 4 0 0 0 1 0 0 0 0 1"]))
    first, second = READERS["mpi-inf-3dhp"].read(folder / "annot.mat", calibration=folder / "camera.calibration")
    assert first.image.tolist()[2] == "S3/Seq2/imageSequence/video_0/frame_000002.jpg" and second.row.tolist() == [
        3,
        4,
        5,
    ]
    assert first.keypoints2d is not None and first.keypoints3d is not None and first.camera is not None
    assert first.keypoints2d.value[0, place("left_wrist")].tolist() == [22, 23]  # joint 11
    np.testing.assert_allclose(first.keypoints3d.value[0, place("left_wrist")], [0.033, 0.034, 0.035], rtol=1e-6)
    assert first.camera.value[0].tolist() == [1500, 1501, 1024, 1025]
    assert second.camera is not None and second.camera.value[0].tolist() == [1, 3, 2, 4]
    assert first.box.value[0].tolist() == [0, 1, 54, 54] and sniff(folder / "annot.mat") == "mpi-inf-3dhp"
    (bare, _) = READERS["mpi-inf-3dhp"].read(folder / "annot.mat", picture="{video}-{frame}.png")
    assert bare.camera is None and bare.image.tolist() == ["0-0.png", "0-1.png", "0-2.png"]
    (tmp_path / "annot.mat").write_bytes((folder / "annot.mat").read_bytes())
    with pytest.raises(InputError, match=r"lies in no folder S\*/Seq\*"):
        list(READERS["mpi-inf-3dhp"].read(tmp_path / "annot.mat"))


def test_mpii_mat(tmp_path: Path) -> None:
    def points(*rows: tuple[float, float, int]) -> dict[str, Any]:
        return {"point": np.array([(x, y, i) for x, y, i in rows], dtype=[("x", "O"), ("y", "O"), ("id", "O")])}

    people = np.array(
        [(11.0, 21.0, 31.0, 41.0, points((101, 201, 9), (51, 301, 10))), (1.0, 1.0, 2.0, 2.0, np.zeros((0, 0)))],
        dtype=[("x1", "O"), ("y1", "O"), ("x2", "O"), ("y2", "O"), ("annopoints", "O")],
    )
    pictures = np.array([({"name": "015601864.jpg"}, people)], dtype=[("image", "O"), ("annorect", "O")])
    scipy.io.savemat(tmp_path / "mpii.mat", {"RELEASE": {"annolist": pictures}})
    (samples,) = READERS["mpii"].read(tmp_path / "mpii.mat")
    assert samples.image.tolist() == ["015601864.jpg"] and samples.keypoints2d is not None
    assert samples.keypoints2d.value[0, place("right_wrist")].tolist() == [50, 300]  # Matlab counts from 1
    assert samples.keypoints2d.weight[0].sum() == 1  # the other is the top of the head
    assert samples.box.value[0].tolist() == [10, 20, 90, 280] and sniff(tmp_path / "mpii.mat") == "mpii"


def test_mat_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"a\.mat is no \.mat file"):
        list(READERS["mpii"].read(tmp_path / "a.mat"))
    (tmp_path / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(105) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(InputError, match=r"b\.mat is a \.mat file of version 7\.3; save it"):
        list(READERS["mpii"].read(tmp_path / "b.mat"))
    scipy.io.savemat(tmp_path / "c.mat", {"a": 1})
    with pytest.raises(InputError, match=r"c\.mat holds no RELEASE"):
        list(READERS["mpii"].read(tmp_path / "c.mat"))


# ------------------------------------------------------------------------------------------------------------- people


def test_3dpw(tmp_path: Path) -> None:
    camera = {"focal": [1960, 1961], "princpt": [540, 960]}
    picture = {
        "id": 5,
        "sequence": "walk_00",
        "file_name": "image_00001.jpg",
        "width": 1080,
        "height": 1920,
        "cam_param": camera,
    }
    smpl = {"pose": [0.01 * i for i in range(72)], "shape": [0.3] * 10, "trans": [1, 2, 3], "gender": "female"}
    entry = {"id": 8, "image_id": 5, "bbox": [1, 2, 3, 4], "smpl_param": smpl}
    path = write(tmp_path / "3DPW_train.json", {"images": [picture], "annotations": [entry]})
    (samples,) = READERS["3dpw"].read(path)
    assert samples.image.tolist() == ["walk_00/image_00001.jpg"] and samples.global_orient is not None
    np.testing.assert_allclose(samples.global_orient.value[0], [0, 0.01, 0.02], atol=1e-7)
    assert samples.body_pose is not None and samples.betas is None and samples.transl is None
    np.testing.assert_allclose(samples.body_pose.value[0].ravel(), np.arange(3, 66) * 0.01, rtol=1e-5)
    assert label(samples, "smpl_body_pose").value.shape == (1, 23, 3) and words(samples, "gender") == ["female"]
    assert label(samples, "smpl_transl").value[0].tolist() == [1, 2, 3] and samples.camera is not None
    assert samples.camera.value[0].tolist() == [1960, 1961, 540, 960] and sniff(path) == "3dpw"

    picture["cam_param"] = {**camera, "R": QUARTER, "t": [0, 0, 1]}
    write(path, {"images": [picture], "annotations": [entry]})
    (turned,) = READERS["3dpw"].read(path)
    expected = (Rotation.from_matrix(QUARTER) * Rotation.from_rotvec([0, 0.01, 0.02])).as_rotvec()
    assert turned.global_orient is not None and "smpl_transl" not in turned.extra
    np.testing.assert_allclose(turned.global_orient.value[0], expected, atol=1e-6)
    assert label(turned, "smpl_transl_world").value[0].tolist() == [1, 2, 3]
    neural = {"8": {"root_pose": [0.5, 0, 0], "body_pose": [0] * 63, "shape": [1] * 10, "trans": [0, 0, 4]}}
    (fitted,) = READERS["3dpw"].read(path, params=write(tmp_path / "3DPW_train_SMPLX_NeuralAnnot.json", neural))
    assert fitted.global_orient is not None and fitted.global_orient.value[0].tolist() == [0.5, 0, 0]
    assert (
        fitted.betas is not None and fitted.betas.weight.tolist() == [1] and words(fitted, "params_from") == ["smplx"]
    )
    np.testing.assert_allclose(label(fitted, "smpl_global_orient").value[0], expected, atol=1e-6)


def test_ubody(tmp_path: Path) -> None:
    names = ["Talk_S1_Trim1/000001.png", "Talk_S2_Trim3/000001.png"]
    pictures = [{"id": i, "file_name": name, "height": 10, "width": 20} for i, name in enumerate(names)]
    keypoints = [1.0, 2.0, 2] * 17
    base = {"bbox": [1, 2, 3, 4], "keypoints": keypoints, "valid_label": 1, "iscrowd": 0, "num_keypoints": 17}
    parts = {"foot_kpts": [0] * 18, "face_kpts": [0] * 204, "lefthand_kpts": [0] * 63, "righthand_kpts": [0] * 63}
    entries = [{"id": 10 + i, "image_id": i, **base, **parts, "valid_label": i} for i in range(2)]
    path = write(tmp_path / "keypoint_annotation.json", {"images": pictures, "annotations": entries})
    params = write(tmp_path / "smplx_annotation.json", {"10": {"smplx_param": {"shape": [1] * 10}}})
    (samples,) = READERS["ubody"].read(path, params=params, folder="TalkShow")
    assert samples.image.tolist() == [f"TalkShow/{name}" for name in names] and samples.track is not None
    assert samples.track.tolist() == ["Talk_S1", "Talk_S2"] and samples.betas is not None
    assert samples.betas.weight.tolist() == [1, 0] and label(samples, "valid_label").value.tolist() == [0, 1]
    np.save(tmp_path / "list.npy", np.array(["Talk_S2"]))
    (train,) = READERS["ubody"].read(path, test_list=tmp_path / "list.npy", split="train")
    (test,) = READERS["ubody"].read(path, test_list=tmp_path / "list.npy", split="test")
    assert train.image.tolist() == names[:1] and test.image.tolist() == names[1:] and sniff(path) == "ubody"
    with pytest.raises(InputError, match="name it beside the annotations"):
        list(READERS["ubody"].read(path, split="test"))


def test_ochuman(tmp_path: Path) -> None:
    points = [number for i in range(19) for number in (i, i + 1, i % 4)]
    people = [
        {"bbox": [10, 20, 40, 60], "keypoints": points, "max_iou": 0.8},
        {"bbox": [0, 0, 9, 9], "keypoints": None},
    ]
    picture = {"image_id": 1, "file_name": "a.jpg", "width": 50, "height": 70, "annotations": people}
    names = [{"head_top": "head", "upper_neck": "neck"}.get(name, name) for name in CONVENTIONS["ochuman-19"]]
    content = {"images": [picture], "keypoint_names": names, "keypoint_visible": {"missing": 0, "vis": 1}}
    (samples,) = READERS["ochuman"].read(write(tmp_path / "ochuman.json", content))
    assert samples.keypoints2d is not None and samples.box.value.tolist() == [[10, 20, 30, 40], [0, 0, 9, 9]]
    assert samples.keypoints2d.value[0, place("right_wrist")].tolist() == [2, 3]
    assert samples.keypoints2d.weight[0, place("right_shoulder")] == 0  # the first is missing
    assert samples.keypoints2d.weight[0, place("left_hip")] == 1 and not samples.keypoints2d.weight[1].any()
    assert samples.keypoints2d.weight[0, [7, 66]].tolist() == [0, 0] and sniff(tmp_path / "ochuman.json") == "ochuman"


def test_lists_of_boxes(tmp_path: Path) -> None:
    corners = {"a.png": [{"bbox": [10, 20, 40, 60]}, {"bbox": [1, 2, 3, 4]}], "b.png": {"bbox": [[5, 6, 7, 8]]}}
    (samples,) = READERS["boxes"].read(write(tmp_path / "AGORA_test_bbox.json", corners), folder="test")
    assert samples.image.tolist() == ["test/a.png", "test/a.png", "test/b.png"]
    assert samples.box.value.tolist() == [[10, 20, 30, 40], [1, 2, 2, 2], [5, 6, 2, 2]]
    assert label(samples, "person").value.tolist() == [0, 1, 0] and sniff(tmp_path / "AGORA_test_bbox.json") == "boxes"
    (sizes,) = READERS["boxes"].read(write(tmp_path / "b.json", {"a.png": [[10, 20, 5, 60], [1, 2, 3, 4]]}))
    assert sizes.box.value.tolist() == [[10, 20, 5, 60], [1, 2, 3, 4]]
    with pytest.raises(InputError, match="no list of boxes for 'a'"):
        list(READERS["boxes"].read(write(tmp_path / "c.json", {"a": 3})))


@pytest.mark.parametrize("inside", [True, False])
def test_agora(tmp_path: Path, inside: bool) -> None:
    params = {"global_orient": [0.1, 0, 0], "body_pose": [0.1] * 63, "betas": [1.0] * 10, "transl": [0, 0, 5]}
    params |= {
        "left_hand_pose": [[0.2] * 45],
        "right_hand_pose": [0.2] * 45,
        "expression": [0.5] * 10,
        "betas_neutral": [2.0] * 10,
    }
    camera = {"focal": [3000, 3000], "princpt": [1920, 1080]}
    parts: dict[str, Any] = {
        "smplx_param": params,
        "cam_param": camera,
        "smplx_joints_2d": [[3.0 * j, 6.0] for j in range(127)],
    }
    if not inside:
        parts = {
            f"{key}_path": str(write(tmp_path / f"parts/{key}.json", value).relative_to(tmp_path))
            for key, value in parts.items()
        }
    names = {f"file_name_{size}": f"{size}/a.png" for size in ("3840x2160", "1280x720")}
    entry = {
        "id": 4,
        "image_id": 1,
        "person_id": 2,
        "gender": "male",
        "kid": True,
        "is_valid": False,
        "occlusion": 12.5,
    }
    entry |= {
        "bbox": [300, 600, 900, 1200],
        "lhand_bbox": [3, 6, 9, 12],
        "rhand_bbox": [3, 6, 9, 12],
        "face_bbox": [3, 6, 9, 12],
    }
    path = write(tmp_path / "AGORA_train.json", {"images": [{"id": 1, **names}], "annotations": [{**entry, **parts}]})
    (samples,) = READERS["agora"].read(path, resolution="1280x720")
    assert (
        samples.image.tolist() == ["1280x720/a.png"]
        and samples.size is not None
        and samples.size.tolist() == [[720, 1280]]
    )
    np.testing.assert_allclose(samples.box.value, [[100, 200, 300, 400]], rtol=1e-6)
    assert samples.camera is not None and samples.left_hand_box is not None and samples.keypoints2d is not None
    np.testing.assert_allclose(samples.camera.value, [[1000, 1000, 640, 360]], rtol=1e-6)
    np.testing.assert_allclose(samples.left_hand_box.value, [[1, 2, 3, 4]], rtol=1e-6)
    np.testing.assert_allclose(samples.keypoints2d.value[0, place("left_wrist")], [20, 2], rtol=1e-6)
    assert samples.keypoints2d.weight[0].sum() == 120  # no contour
    assert samples.left_hand_pose is not None and samples.left_hand_pose.weight.tolist() == [1]
    assert label(samples, "kid").value.tolist() == [1] and label(samples, "is_valid").value.tolist() == [0]
    assert label(samples, "betas_neutral").value[0, 0] == 2 and words(samples, "gender") == ["male"]
    (large,) = READERS["agora"].read(path)
    assert large.box.value.tolist() == [[300, 600, 900, 1200]] and large.image.tolist() == ["3840x2160/a.png"]
    assert sniff(path) == "agora"
    if not inside:
        (tmp_path / "parts/cam_param.json").unlink()
        with pytest.raises(InputError, match=r"annotation 4 names .*cam_param\.json.*--options root=FOLDER"):
            list(READERS["agora"].read(path))


def ply(kind: str, vertices: np.ndarray) -> bytes:
    head = f"ply\nformat {kind} 1.0\nelement vertex {len(vertices)}\n" + "".join(f"property float {a}\n" for a in "xyz")
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    if kind == "ascii":
        body = "\n".join(" ".join(map(str, row)) for row in vertices.tolist()) + "\n3 0 1 2\n"
        return (head + body).encode()
    return head.encode() + vertices.astype("<f4").tobytes() + struct.pack("<Biii", 3, 0, 1, 2)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_ehf(tmp_path: Path, kind: str) -> None:
    turn = Rotation.from_rotvec(EHF_CAMERA["rotation"])
    corners = np.array([[-0.5, -0.6, 2.0], [0.5, 0.7, 2.0], [0.0, 0.0, 2.0]])
    vertices = turn.inv().apply(corners - EHF_CAMERA["translation"])
    (tmp_path / "01_align.ply").write_bytes(ply(kind, vertices))
    (tmp_path / "01_img.png").touch()
    person = {"pose_keypoints_2d": [1.0, 2.0, 0.9] * 25, "face_keypoints_2d": [0, 0, 0] * 70}
    person |= {"hand_left_keypoints_2d": [3.0, 4.0, 0.5] * 21, "hand_right_keypoints_2d": []}
    write(tmp_path / "01_2Djnt.json", {"people": [person]})
    (samples,) = READERS["ehf"].read(tmp_path)
    (fx, fy), (cx, cy) = EHF_CAMERA["focal"], EHF_CAMERA["princpt"]
    low, high = (cx - 0.25 * fx, cy - 0.3 * fy), (cx + 0.25 * fx, cy + 0.35 * fy)
    np.testing.assert_allclose(samples.box.value[0], [*low, high[0] - low[0], high[1] - low[1]], rtol=1e-4)
    assert samples.image.tolist() == ["01_img.png"] and words(samples, "vertices") == ["01_align.ply"]
    assert samples.keypoints2d is not None and samples.keypoints2d.weight[0, 25:45].all()
    assert samples.keypoints2d.value[0, place("left_index2")].tolist() == [3, 4]
    assert samples.keypoints2d.weight[0].sum() == 25 + 20 and sniff(tmp_path) == "ehf"
    np.testing.assert_allclose(read_ply_vertices(tmp_path / "01_align.ply"), vertices, atol=1e-6)
    whole = (tmp_path / "01_align.ply").read_bytes()
    for damage in (b"", b"ply\nend_header\n", whole[: whole.index(b"end_header") + 30]):
        (tmp_path / "01_align.ply").write_bytes(damage)
        with pytest.raises(InputError, match=r"01_align\.ply is"):
            list(READERS["ehf"].read(tmp_path))
    with pytest.raises(InputError, match=r"no \*_align\.ply"):
        list(READERS["ehf"].read(tmp_path / "01_2Djnt.json"))


# --------------------------------------------------------------------------------------------------------------- hands


@pytest.mark.parametrize("release", [0, 1])
def test_interhand(tmp_path: Path, release: int) -> None:
    picture = {"id": 2, "file_name": "Capture0/ROM03/cam400262/image0.jpg", "width": 334, "height": 512}
    picture |= {"capture": 0, "subject": 1, "seq_name": "ROM03", "camera": "400262", "frame_idx": 7}
    valid = [1] * 21 + [0] * 21
    entry = {
        "id": 1,
        "image_id": 2,
        "bbox": [1, 2, 3, 4],
        "joint_valid": valid,
        "hand_type": "right",
        "hand_type_valid": 1,
    }
    path = write(tmp_path / "InterHand2.6M_train_data.json", {"images": [picture], "annotations": [entry]})
    values = {"campos": [0, 0, -1000], "camrot": QUARTER, "focal": [1200, 1300], "princpt": [160, 250]}
    camera = write(
        tmp_path / "InterHand2.6M_train_camera.json", {"0": {key: {"400262": value} for key, value in values.items()}}
    )
    skeleton: Any = [[float(j), 2000.0, 0.0] for j in range(42)]
    seen = [[int(j != 0)] for j in range(42)]
    frame = {"world_coord": skeleton, "joint_valid": seen} if release else skeleton
    joints = write(tmp_path / "InterHand2.6M_train_joint_3d.json", {"0": {"7": frame}})
    hand = {"pose": [0.5, 0, 0] + [0.1] * 45, "shape": [1.0] * 10, "trans": [1, 2, 3]}
    params = write(tmp_path / "InterHand2.6M_train_MANO_NeuralAnnot.json", {"0": {"7": {"right": hand, "left": None}}})
    (samples,) = READERS["interhand26m"].read(path, camera=camera, joints=joints, params=params)
    assert samples.keypoints3d is not None and samples.keypoints2d is not None and samples.hand_root is not None
    # relative to the camera: (j, 2000, 1000) mm; a quarter turn about x: (j, -1000, 2000)
    thumb = samples.keypoints3d.value[0, place("right_thumb1")]  # joint 3; joint 0 is its tip
    np.testing.assert_allclose(thumb, [0.003, -1.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(
        samples.keypoints2d.value[0, place("right_thumb1")], [1200 * 0.0015 + 160, 250 - 650], rtol=1e-5
    )
    np.testing.assert_allclose(samples.keypoints3d.value[0, place("right_wrist")], [0.02, -1.0, 2.0], rtol=1e-6)
    assert samples.keypoints3d.weight[0, place("right_thumb")] == 1 - release
    assert samples.keypoints3d.weight[0].sum() == 21 - release and samples.body_pose is None and samples.betas is None
    assert samples.hand_root.weight.tolist() == [[0, 1]] and samples.right_hand_pose is not None
    expected = (Rotation.from_matrix(QUARTER) * Rotation.from_rotvec([0.5, 0, 0])).as_rotvec()
    np.testing.assert_allclose(samples.hand_root.value[0, 1], expected, atol=1e-6)
    np.testing.assert_allclose(samples.right_hand_pose.value[0], 0.1, rtol=1e-6)
    assert samples.left_hand_pose is not None and samples.left_hand_pose.weight.tolist() == [0]
    assert label(samples, "mano_betas").weight.tolist() == [[0, 1]] and words(samples, "hand_type") == ["right"]
    assert sniff(path) == "interhand26m"
    with pytest.raises(InputError, match="no camrot of camera 400262 in capture 0"):
        list(READERS["interhand26m"].read(path, camera=write(camera, {"0": {}}), joints=joints))


def test_freihand(tmp_path: Path) -> None:
    xyz = [[[0.001 * j, 0.002 * j, 0.5] for j in range(21)] for _ in range(3)]
    mano = [[[0.01 * i for i in range(48)] + [2.0] * 10 + [0.0, 0.0, 0.03]] for _ in range(3)]
    path = write(tmp_path / "training_xyz.json", xyz)
    files = {"intrinsics": write(tmp_path / "training_K.json", [[[400, 0, 112], [0, 410, 113], [0, 0, 1]]] * 3)}
    files |= {"params": write(tmp_path / "training_mano.json", mano)}
    (samples,) = READERS["freihand"].read(path, **files)
    assert samples.keypoints2d is not None and samples.keypoints3d is not None and samples.camera is not None
    assert samples.image.tolist()[1] == "training/rgb/00000001.jpg" and samples.camera.value[0].tolist() == [
        400,
        410,
        112,
        113,
    ]
    np.testing.assert_allclose(samples.keypoints2d.value[0, place("right_wrist")], [112, 113])
    np.testing.assert_allclose(
        samples.keypoints2d.value[0, place("right_pinky")], [400 * 0.04 + 112, 410 * 0.08 + 113], rtol=1e-6
    )
    np.testing.assert_allclose(samples.box.value[0], [112, 113, 16, 32.8], rtol=1e-5)
    assert (
        samples.keypoints3d.weight[0].sum() == 21
        and samples.hand_root is not None
        and samples.right_hand_pose is not None
    )
    assert samples.hand_root.weight.tolist() == [[0, 1]] * 3
    np.testing.assert_allclose(samples.hand_root.value[0, 1], [0, 0.01, 0.02], atol=1e-7)
    np.testing.assert_allclose(samples.right_hand_pose.value[0].ravel(), np.arange(3, 48) * 0.01, rtol=1e-5)
    assert label(samples, "mano_betas").value[0].tolist() == [[0.0] * 10, [2.0] * 10]
    assert label(samples, "flat_hand_mean").value.tolist() == [0, 0, 0] and sniff(path) == "freihand"
    _, second = READERS["freihand"].read(path, **files, versions="gs,hom")
    assert second.image.tolist()[0] == "training/rgb/00000003.jpg" and second.row.tolist() == [3, 4, 5]
    with pytest.raises(InputError, match=r"training_K\.json holds 2 entries; expected 3"):
        list(READERS["freihand"].read(path, intrinsics=write(files["intrinsics"], [[[1, 0, 0]] * 3] * 2)))
    with pytest.raises(InputError, match="name it beside it"):
        list(READERS["freihand"].read(path))


@needs_real
def test_real_freihand() -> None:
    path = REAL / "freihand/test_freihand.json"
    (samples,) = READERS["freihand"].read(path)
    entries = json.loads(path.read_text())["annotations"]
    assert len(samples) == len(entries) == 8 and samples.keypoints2d is not None and samples.right_hand_box is not None
    table = np.array(entries[0]["keypoints"], np.float32).reshape(21, 3)
    found = samples.keypoints2d.value[0]
    np.testing.assert_array_equal(found[place("right_wrist")], table[0, :2])
    np.testing.assert_array_equal(found[place("right_index1")], table[5, :2])
    np.testing.assert_array_equal(found[place("right_pinky")], table[20, :2])
    assert samples.keypoints2d.weight.sum(1).tolist() == [21] * 8
    inside = (found[45:65] >= samples.box.value[0, :2] - 30).all() and (found[45:65] <= 224).all()
    assert inside and samples.box.value[0].tolist() == entries[0]["bbox"]
