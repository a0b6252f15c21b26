"""Sets of hands: InterHand2.6M (both) and FreiHAND (right). Bodies are unknown; wrists have global orientations.

Hand poses are offsets from MANO's mean hand, as both were fitted so. Shapes of MANO are not those of SMPL-X: `extra`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from mien.data.joints import CONVENTIONS, extent
from mien.data.readers.base import Columns, File, Reader, chunks, load_json, mapping_in, numbers, wrong
from mien.data.readers.coco import Coco, Group, put_groups
from mien.data.readers.params import rotate_root, to_camera
from mien.data.readers.world import put_points
from mien.data.samples import Samples, text
from mien.errors import InputError

__all__ = ["FREIHAND", "INTERHAND", "read_freihand", "read_interhand"]

_SIDES = ("left", "right")


def read_interhand(path: Path, *, camera: Path, joints: Path, params: Path | None = None) -> Iterator[Samples]:
    """InterHand2.6M: InterHand2.6M_train_data.json, _camera.json, _joint_3d.json, and _MANO_NeuralAnnot.json.

    Joints (42, millimetres) and wrists are turned from the world into the camera; the box is the file's.

    Args:
        path: the annotations.
        camera: `{capture: {campos, camrot, focal, princpt: {camera: ...}}}`.
        joints: `{capture: {frame: {world_coord, joint_valid}}}`, or `{capture: {frame: joints}}` of the first release.
        params: `{capture: {frame: {left, right: {pose (48), shape, trans} or null}}}`.
    """
    path = Path(path)
    coco = Coco.load(path)
    if not all({"capture", "camera", "frame_idx"} <= set(picture) for picture in coco.images.values()):
        raise wrong(
            path, "pictures without capture, camera and frame_idx", "InterHand2.6M_train_data.json and the like"
        )
    cameras, skeletons = (mapping_in(Path(p), load_json(Path(p)), "an object by capture") for p in (camera, joints))
    hands = mapping_in(Path(params), load_json(Path(params)), "an object by capture") if params else None
    names = CONVENTIONS["interhand-42"]
    for columns, entries, pictures in coco.chunks():
        first = int(columns.row[0])
        steps = [(str(picture["capture"]), str(picture["frame_idx"])) for picture in pictures]
        rotation, position, intrinsics = _cameras(Path(camera), cameras, pictures, first)
        frames = [_frame(Path(joints), skeletons, *step) for step in steps]
        points, _ = numbers(f"{joints}: joints", [frame[0] for frame in frames], (len(names), 3), first)
        valid, told = numbers(
            f"{path}: joint_valid", [entry.get("joint_valid") for entry in entries], (len(names),), first
        )
        also, stated = numbers(f"{joints}: joint_valid", [frame[1] for frame in frames], (len(names),), first)
        known = np.where(told[:, None] > 0, valid > 0, True) & np.where(stated[:, None] > 0, also > 0, True)
        translation = -np.einsum("rij,rj->ri", rotation, position)
        in_camera = to_camera(points, rotation, translation) / 1000
        put_points(columns, in_camera, intrinsics, names, known.astype(np.float32))
        columns.put_text("hand_type", [str(entry.get("hand_type", "")) for entry in entries])
        triples = zip(steps, pictures, strict=True)
        columns.columns["track"] = text([f"{capture}/{picture['camera']}" for (capture, _), picture in triples])
        if hands is not None:
            found = [(hands.get(capture) or {}).get(frame) or {} for capture, frame in steps]
            _put_mano(columns, Path(str(params)), [[entry.get(side) for side in _SIDES] for entry in found], rotation)
        yield columns.done()


def _cameras(
    path: Path, cameras: Any, pictures: Sequence[Any], first: int
) -> tuple[Float32[np.ndarray, "row 3 3"], Float32[np.ndarray, "row 3"], Float32[np.ndarray, "row 4"]]:
    """Rotation, position (millimetres, world) and fx, fy, cx, cy."""
    found = {}
    for key, shape in (("camrot", (3, 3)), ("campos", (3,)), ("focal", (2,)), ("princpt", (2,))):
        entries = []
        for picture in pictures:
            capture, camera = str(picture["capture"]), str(picture["camera"])
            entry = ((cameras.get(capture) or {}).get(key) or {}).get(camera)
            if entry is None:
                raise InputError(f"{path} has no {key} of camera {camera} in capture {capture}")
            entries.append(entry)
        found[key], _ = numbers(f"{path}: {key}", entries, shape, first)
    return found["camrot"], found["campos"], np.concatenate([found["focal"], found["princpt"]], 1)


def _frame(path: Path, skeletons: Any, capture: str, frame: str) -> tuple[Any, Any]:
    entry = (skeletons.get(capture) or {}).get(frame)
    if entry is None:
        raise InputError(f"{path} has no frame {frame} of capture {capture}")
    return (entry.get("world_coord"), entry.get("joint_valid")) if isinstance(entry, dict) else (entry, None)


def _put_mano(columns: Columns, path: Path, hands: Sequence[Sequence[Any]], rotation: np.ndarray | None) -> None:
    """MANO parameters {pose, shape, trans} of the left and the right hand of each row; None where there is no hand."""
    first, found = int(columns.row[0]), {}
    for index, side in enumerate(_SIDES):
        for key, shape in (("pose", (16, 3)), ("shape", (10,)), ("trans", (3,))):
            entries = [(hand[index] or {}).get(key) for hand in hands]
            found[side, key] = numbers(f"{path}: {side} {key}", entries, shape, first)
    roots, known = [], []
    for side in _SIDES:
        pose, there = found[side, "pose"]
        root = pose[:, 0]
        roots.append(root if rotation is None else rotate_root(rotation, root))
        known.append(there)
        columns.put(f"{side}_hand_pose", pose[:, 1:], there)
    columns.put("hand_root", np.stack(roots, 1), np.stack(known, 1))
    for key, name in (("shape", "mano_betas"), ("trans", "mano_transl" if rotation is None else "mano_transl_world")):
        pair = [found[side, key] for side in _SIDES]
        if any(there.any() for _, there in pair):
            columns.put_extra(
                name, np.stack([value for value, _ in pair], 1), np.stack([there for _, there in pair], 1)
            )
    columns.put_text("params_from", "mano")
    columns.put_extra("flat_hand_mean", np.zeros(len(columns.row)))


_VERSIONS = ("gs", "hom", "sample", "auto")


def read_freihand(
    path: Path,
    *,
    intrinsics: Path | None = None,
    params: Path | None = None,
    vertices: Path | None = None,
    versions: str | Sequence[str] = _VERSIONS[:1],
) -> Iterator[Samples]:
    """FreiHAND: training_xyz.json, training_K.json, training_mano.json; or keypoints in the style of COCO.

    Right hands of 224 x 224 pixels. The box is that of the projected joints.

    Args:
        path: training_xyz.json (21 joints in metres, camera frame), or a json in the style of COCO with 21 keypoints.
        intrinsics: training_K.json.
        params: training_mano.json: pose 48, shape 10, root in pixels 2, scale 1.
        vertices: training_verts.json; only its path is kept, in `extra`.
        versions: which of the four pictures of each hand, with commas: gs (green screen), hom, sample, auto.
    """
    path = Path(path)
    content = load_json(path)
    if isinstance(content, dict):
        yield from _read_freihand_coco(path)
        return
    if not isinstance(content, list):
        raise wrong(path, f"a {type(content).__name__}", "training_xyz.json, a list of joints")
    if intrinsics is None:
        raise InputError(f"{path} comes with training_K.json", todo="name it beside it")
    versions = versions.split(",") if isinstance(versions, str) else versions
    if unknown := set(versions) - set(_VERSIONS):
        raise InputError(f"FreiHAND has no pictures {sorted(unknown)}", expected=", ".join(_VERSIONS))
    matrices, mano = load_json(Path(intrinsics)), load_json(Path(params)) if params else None
    for other, entries in ((intrinsics, matrices), (params, mano)):
        if entries is not None and len(entries) != len(content):
            raise InputError(f"{other} holds {len(entries)} entries", expected=f"{len(content)}, as {path.name} does")
    folder = path.stem.partition("_")[0]
    for version in versions:
        offset = _VERSIONS.index(version) * len(content)
        for rows in chunks(len(content)):
            index = np.arange(rows.start, rows.stop) + offset
            columns = Columns(path, index, text([f"{folder}/rgb/{i:08d}.jpg" for i in index]))
            _put_freihand(columns, path, content[rows], matrices[rows], rows.start)
            if mano is not None:
                table, _ = numbers(f"{params}", mano[rows], (61,), rows.start)
                hands = [[None, {"pose": row[:48], "shape": row[48:58]}] for row in table]
                _put_mano(columns, Path(str(params)), hands, None)
            if vertices is not None:
                columns.put_text("vertices", Path(vertices).name)
            yield columns.done()


def _put_freihand(columns: Columns, path: Path, points: Sequence[Any], matrices: Sequence[Any], first: int) -> None:
    joints = CONVENTIONS["freihand-21"]
    xyz, _ = numbers(str(path), points, (21, 3), first)
    matrix, _ = numbers("training_K.json", matrices, (3, 3), first)
    put_points(columns, xyz, matrix[:, [0, 1, 0, 1], [0, 1, 2, 2]], joints)
    columns.columns["size"] = np.full((len(xyz), 2), 224, np.int32)
    keypoints = columns.columns["keypoints2d"]
    columns.put("box", *extent(keypoints.value, keypoints.weight))
    columns.columns["right_hand_box"] = columns.columns["box"]
    columns.put_text("hand_type", "right")


def _read_freihand_coco(path: Path) -> Iterator[Samples]:
    for columns, entries, _ in Coco.load(path).chunks():
        put_groups(columns, entries, [Group("keypoints", CONVENTIONS["freihand-21"])])
        columns.columns["right_hand_box"] = columns.columns["box"]
        columns.put_text("hand_type", "right")
        yield columns.done()


INTERHAND = Reader(
    name="interhand26m",
    what="InterHand2.6M: joints of both hands, and NeuralAnnot's MANO for it",
    files=(
        File(role="path", what="InterHand2.6M_train_data.json", pattern=r"(?i)_data\.json$"),
        File(role="camera", what="InterHand2.6M_train_camera.json", pattern=r"(?i)_camera\.json$"),
        File(role="joints", what="InterHand2.6M_train_joint_3d.json", pattern=r"(?i)_joint_3d\.json$"),
        File(
            role="params", what="InterHand2.6M_train_MANO_NeuralAnnot.json", pattern=r"(?i)mano.*\.json$", needed=False
        ),
    ),
    read=read_interhand,
)
FREIHAND = Reader(
    name="freihand",
    what="FreiHAND: joints of right hands, MANO",
    files=(
        File(
            role="path",
            what="training_xyz.json, or a json in the style of COCO",
            pattern=r"(?i)(_xyz|freihand.*)\.json$",
        ),
        File(role="intrinsics", what="training_K.json", pattern=r"_K\.json$", needed=False),
        File(role="params", what="training_mano.json", pattern=r"(?i)_mano\.json$", needed=False),
        File(role="vertices", what="training_verts.json", pattern=r"(?i)_verts\.json$", needed=False),
    ),
    read=read_freihand,
)
