"""Miniature files of every dataset in the catalogue, with the keys that the real ones have; all values are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.catalogue import Entry
from mien.data.humandata import HumanData
from mien.data.readers.ehf import EHF_CAMERA
from mien.data.samples import PARAMS

ROWS = 4
CAMERA = {"focal": [1000.0, 1000.0], "princpt": [320.0, 240.0]}
SMPLX = {
    "root_pose": [0.1, 0.2, 0.3],
    "body_pose": [0.1] * 63,
    "shape": [0.5] * 10,
    "trans": [0.0, 0.0, 4.0],
    "lhand_pose": [0.1] * 45,
    "rhand_pose": [0.2] * 45,
    "jaw_pose": [0.1, 0, 0],
    "expr": [0.4] * 10,
}


def write_raw(root: Path, entry: Entry, split: str) -> int:
    """Write the files of a split where the catalogue says, and the pictures; returns how many people are in them."""
    count = 0
    for files in entry.files[split]:
        paths = [root / file.replace("*", "Speech") for file in files]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        images = WRITERS[entry.reader_of(split)](paths, entry)
        count += len(images)
        for image in images:
            folder = "Speech/" if entry.reader_of(split) == "ubody" else ""
            place = root / entry.pictures / f"{folder}{image.lstrip('/')}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return count


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def _humandata(paths: list[Path], entry: Entry) -> list[str]:
    rng = np.random.default_rng(0)
    slash = "/" if "leading-slash" in entry.quirks else ""
    images = [f"{slash}seq/{paths[0].stem}_{row}.jpg" for row in range(ROWS)]
    smpl = entry.labels.split()[0] in ("SMPL", "EFT", "UP-3D")
    shapes: dict[str, tuple[int, ...]] = dict(PARAMS)
    if smpl:
        shapes = {"global_orient": (3,), "body_pose": (23, 3), "betas": (10,), "transl": (3,)}
    if entry.name == "bedlam":
        shapes["betas"] = (11,)
    params = {name: rng.uniform(-1, 1, (ROWS, *shape)).astype(np.float32) for name, shape in shapes.items()}
    if entry.name == "bedlam":
        params = {name: value for name, value in params.items() if name != "expression"}
    if "MANO" in entry.labels:
        params |= {name: np.zeros_like(params[name]) for name in ("global_orient", "body_pose", "betas", "transl")}
        params |= {name: rng.uniform(-1, 1, (ROWS, 1, 3)).astype(np.float32) for name in ("lhand_root", "rhand_root")}
    if any("fix_betas" in path.name for path in paths):
        params["betas_neutral"] = np.full((ROWS, 10), 0.25, np.float32)
    mask = np.zeros(190, np.uint8)
    mask[:144] = 1
    keys = ["keypoints2d_smpl" if smpl else "keypoints2d_smplx"]
    keys += [] if entry.name == "hanco" else ["keypoints3d_cam"]
    meta: dict[str, Any] = {"gender": ["neutral"] * ROWS}
    if entry.image_size is None:
        meta |= {"height": [480] * ROWS, "width": [640] * ROWS}
    HumanData(
        image_path=images,
        bbox_xywh=np.tile(np.array([10, 20, 120, 200, 1], np.float32), (ROWS, 1)),
        keypoints={
            key: (rng.uniform(1, 2, (ROWS, 190, 4 if "3d" in key else 3)).astype(np.float32), mask) for key in keys
        },
        params={"smpl" if smpl else "smplx": params},
        meta=meta,
        misc={"bbox_source": "keypoints2d_original", "bbox_body_scale": 1.2, "bbox_facehand_scale": 1.0},
        config=entry.name,
    ).write(paths[0])
    return images


def _pictures(**more: Any) -> list[dict[str, Any]]:
    return [{"id": i, "file_name": f"pic_{i}.jpg", "height": 480, "width": 640, **more} for i in range(ROWS)]


def _entries(**more: Any) -> list[dict[str, Any]]:
    return [{"id": 10 + i, "image_id": i, "bbox": [10, 20, 100, 200], **more} for i in range(ROWS)]


def _points(count: int) -> list[float]:
    return [number for i in range(count) for number in (10.0 + i, 20.0 + i, 2)]


def _neural() -> dict[str, Any]:
    return {str(10 + i): {"smplx_param": SMPLX, "cam_param": CAMERA} for i in range(ROWS)}


_WHOLEBODY = {
    "keypoints": _points(17), "foot_kpts": _points(6), "face_kpts": _points(68), "lefthand_kpts": _points(21),
    "righthand_kpts": _points(21), "foot_valid": True, "face_valid": True, "lefthand_valid": True,
    "righthand_valid": True, "face_box": [40, 30, 20, 20], "lefthand_box": [15, 90, 20, 20],
    "righthand_box": [80, 90, 20, 20], "iscrowd": 0, "num_keypoints": 17, "valid_label": 2,
}  # fmt: skip


def _coco(paths: list[Path], entry: Entry) -> list[str]:
    more = {"keypoints": _points(16)} if entry.name == "mpii" else _WHOLEBODY
    _json(paths[0], {"images": _pictures(), "annotations": _entries(**more)})
    _json(paths[1], _neural())
    if len(paths) > 2:
        np.save(paths[2], np.array(["Other_S1"]))
    return [picture["file_name"] for picture in _pictures()]


def _ubody(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    names = ["Talk_S1_Trim1/0.png", "Talk_S1_Trim1/1.png", "Talk_S2_Trim3/0.png", "Talk_S2_Trim3/1.png"]
    pictures = [{"id": i, "file_name": name, "height": 480, "width": 640} for i, name in enumerate(names)]
    _json(paths[0], {"images": pictures, "annotations": _entries(**_WHOLEBODY)})
    _json(paths[1], _neural())
    np.save(paths[2], np.array(["Talk_S2"]))
    return names


def _human36m(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    data, camera, joints, params = paths
    where = {"subject": 1, "action_idx": 2, "subaction_idx": 1, "cam_idx": 4, "frame_idx": 5}
    _json(data, {"images": _pictures(**where), "annotations": _entries()})
    turn = [[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]
    _json(camera, {"4": {"R": turn, "t": [10, 20, 5000], "f": [1000, 1100], "c": [500, 510]}})
    _json(joints, {"2": {"1": {"5": [[100.0 * j, 200.0, 300.0] for j in range(17)]}}})
    _json(params, {"2": {"1": {"5": SMPLX}}})
    return [picture["file_name"] for picture in _pictures()]


def _pw3d(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    smpl = {"pose": [0.01 * i for i in range(72)], "shape": [0.3] * 10, "trans": [0, 0, 5], "gender": "female"}
    pictures = _pictures(sequence="walk_00", cam_param=CAMERA)
    _json(paths[0], {"images": pictures, "annotations": _entries(smpl_param=smpl)})
    return [f"walk_00/{picture['file_name']}" for picture in pictures]


def _agora(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    params = {
        "global_orient": [0.1, 0, 0], "body_pose": [0.1] * 63, "betas": [1.0] * 10, "betas_neutral": [0.5] * 10,
        "transl": [0, 0, 5], "left_hand_pose": [0.2] * 45, "right_hand_pose": [0.2] * 45, "expression": [0.5] * 10,
        "jaw_pose": [0.1, 0, 0], "leye_pose": [0, 0, 0], "reye_pose": [0, 0, 0],
    }  # fmt: skip
    images = [{"id": i, "file_name_3840x2160": f"a_{i}.png", "file_name_1280x720": f"a_{i}.png"} for i in range(ROWS)]
    people = _entries(
        person_id=0, gender="male", kid=False, is_valid=True, occlusion=1.0, smplx_param=params, cam_param=CAMERA,
        smplx_joints_2d=[[3.0 * j, 6.0] for j in range(127)], smplx_joints_3d=[[0.1 * j, 0, 5] for j in range(127)],
        lhand_bbox=[3, 6, 9, 12], rhand_bbox=[3, 6, 9, 12], face_bbox=[3, 6, 9, 12],
    )  # fmt: skip
    people[1]["kid"] = True
    people[2]["is_valid"] = False
    _json(paths[0], {"images": images, "annotations": people})
    return [picture["file_name_3840x2160"] for picture in images]


def _boxes(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    _json(paths[0], {f"p_{i}.png": [[10, 20, 30, 5]] for i in range(ROWS)})
    return [f"p_{i}.png" for i in range(ROWS)]


def _ehf(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    paths[0].mkdir(exist_ok=True)
    corners = np.array([[-0.5, -0.6, 0.0], [0.5, 0.7, 0.0], [0.0, 0.0, 0.1]])
    turn = np.diag([1.0, -1.0, -1.0])  # nearly that of the camera
    vertices = corners @ turn
    assert EHF_CAMERA["translation"][2] > 2
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    body = "\n".join(" ".join(map(str, row)) for row in vertices.tolist())
    for number in range(1, ROWS + 1):
        (paths[0] / f"{number:02d}_align.ply").write_text(f"{head}{body}\n3 0 1 2\n")
        person = {"pose_keypoints_2d": [1.0, 2.0, 0.9] * 25, "face_keypoints_2d": [9.0, 9.0, 0.5] * 70}
        person |= {f"hand_{side}_keypoints_2d": [3.0, 4.0, 0.5] * 21 for side in ("left", "right")}
        _json(paths[0] / f"{number:02d}_2Djnt.json", {"people": [person]})
        (paths[0] / f"{number:02d}_img.png").touch()
    return [f"{number:02d}_img.png" for number in range(1, ROWS + 1)]


def _interhand(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    data, camera, joints, params = paths
    where = {"capture": 0, "subject": 1, "seq_name": "ROM03", "camera": "400262", "frame_idx": 7}
    pictures = [{**picture, **where, "width": 334, "height": 512} for picture in _pictures()]
    _json(data, {"images": pictures, "annotations": _entries(joint_valid=[1] * 42, hand_type="interacting")})
    eye = np.eye(3).tolist()
    values = {"campos": [0, 0, -1000], "camrot": eye, "focal": [1200, 1300], "princpt": [160, 250]}
    _json(camera, {"0": {key: {"400262": value} for key, value in values.items()}})
    skeleton = [[float(j), 20.0, 0.0] for j in range(42)]
    _json(joints, {"0": {"7": {"world_coord": skeleton, "joint_valid": [[1]] * 42}}})
    hand = {"pose": [0.5, 0, 0] + [0.1] * 45, "shape": [1.0] * 10, "trans": [1, 2, 3]}
    _json(params, {"0": {"7": {"right": hand, "left": hand}}})
    return [picture["file_name"] for picture in pictures]


def _freihand(paths: list[Path], entry: Entry) -> list[str]:
    del entry
    xyz, matrix, mano = paths
    _json(xyz, [[[0.001 * j, 0.002 * j, 0.5] for j in range(21)]] * ROWS)
    _json(matrix, [[[400, 0, 112], [0, 410, 113], [0, 0, 1]]] * ROWS)
    _json(mano, [[[0.01 * i for i in range(1, 49)] + [2.0] * 10 + [0.0, 0.0, 0.03]]] * ROWS)
    return [f"training/rgb/{i:08d}.jpg" for i in range(ROWS)]


WRITERS: dict[str, Callable[[list[Path], Entry], list[str]]] = {
    "humandata": _humandata,
    "coco-wholebody": _coco,
    "mpii": _coco,
    "ubody": _ubody,
    "human36m": _human36m,
    "3dpw": _pw3d,
    "agora": _agora,
    "boxes": _boxes,
    "ehf": _ehf,
    "interhand26m": _interhand,
    "freihand": _freihand,
}
