"""Sets recorded by several cameras, with one skeleton in the world for all of them: Human3.6M and MPI-INF-3DHP.

Both come in the style of COCO beside a file of cameras and one of joints (millimetres), and NeuralAnnot's SMPL-X in the
world. Turned into the camera is what can be: joints, and the root's orientation. The translation cannot: it turns about
the pelvis, which only a body model knows. So it stays in `extra` (`transl_world`, `camera_rotation`,
`camera_translation`), and pelvis_camera = camera_rotation (pelvis_rest + transl_world) + camera_translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from mien.data.joints import CONVENTIONS
from mien.data.readers.base import Columns, File, Reader, Record, load_json, mapping_in, numbers, wrong
from mien.data.readers.coco import PARAMS_FILE, Coco
from mien.data.readers.params import NeuralAnnot, put_smplx, rotate_root, to_camera
from mien.data.samples import Label, Samples, text
from mien.errors import InputError

__all__ = ["HUMAN36M", "MPI_INF_3DHP", "read_human36m", "read_mpi_inf_3dhp"]


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where a set keeps things: keys of a picture that lead down the files of cameras and of joints."""

    camera: tuple[str, ...]
    frame: tuple[str, ...]
    focal: str
    centre: str
    joints: tuple[str, ...]
    image: Callable[[Record], str]


_HUMAN36M = _Layout(
    camera=("cam_idx",),
    frame=("action_idx", "subaction_idx", "frame_idx"),
    focal="f",
    centre="c",
    joints=CONVENTIONS["human36m-17"],
    image=lambda picture: str(picture["file_name"]),
)
_MPI_INF_3DHP = _Layout(
    camera=("subject_idx", "seq_idx", "cam_idx"),
    frame=("subject_idx", "seq_idx", "frame_idx"),
    focal="focal",
    centre="princpt",
    joints=CONVENTIONS["mpi-inf-3dhp-28"],
    image=lambda picture: (
        f"S{picture['subject_idx']}/Seq{picture['seq_idx']}/imageSequence/{Path(str(picture['file_name'])).name}"
    ),
)


def read_human36m(path: Path, *, camera: Path, joints: Path, params: Path | None = None) -> Iterator[Samples]:
    """Human3.6M of one subject: its data, camera and joint_3d json, and NeuralAnnot's SMPL-X for it."""
    return _read(Path(path), camera, joints, params, _HUMAN36M)


def read_mpi_inf_3dhp(
    path: Path,
    *,
    camera: Path | None = None,
    joints: Path | None = None,
    params: Path | None = None,
    calibration: Path | None = None,
    picture: str = "S{subject}/Seq{sequence}/imageSequence/video_{video}/frame_{frame:06d}.jpg",
) -> Iterator[Samples]:
    """MPI-INF-3DHP: the json in the style of COCO with its cameras and joints, or an original annot.mat.

    Args:
        path: MPI-INF-3DHP_1k.json, or S1/Seq1/annot.mat.
        camera: the cameras of the json.
        joints: the joints of the json.
        params: NeuralAnnot's SMPL-X for the json.
        calibration: camera.calibration beside an annot.mat.
        picture: where you put frame `frame` (from 0) of video `video` of an annot.mat.
    """
    if Path(path).suffix == ".mat":
        from mien.data.readers.mat import read_3dhp_mat

        return read_3dhp_mat(Path(path), calibration, picture)
    if camera is None or joints is None:
        found = f"{path} is without its file of cameras, or that of joints"
        raise InputError(found, todo=f"name them beside it: {_CAMERA.what}, {_JOINTS.what}")
    return _read(Path(path), camera, joints, params, _MPI_INF_3DHP)


def _read(path: Path, camera: Path, joints: Path, params: Path | None, layout: _Layout) -> Iterator[Samples]:
    coco = Coco.load(path)
    steps = {*layout.camera, *layout.frame}
    if not all(steps <= set(picture) for picture in coco.images.values()):
        raise wrong(path, f"pictures without {', '.join(sorted(steps))}", "the data json of this set")
    cameras, skeletons = (mapping_in(Path(p), load_json(Path(p)), "an object by index") for p in (camera, joints))
    neural = NeuralAnnot(params) if params else None
    for columns, _, pictures in coco.chunks():
        columns.image[:] = [layout.image(picture) for picture in pictures]
        found = [_descend(camera, cameras, picture, layout.camera) for picture in pictures]
        rotation, translation, intrinsics = _cameras(columns, Path(camera), found, layout)
        points = [_descend(joints, skeletons, picture, layout.frame) for picture in pictures]
        world, _ = numbers(f"{joints}: joints", points, (len(layout.joints), 3), int(columns.row[0]))
        put_points(columns, to_camera(world, rotation, translation * 1000) / 1000, intrinsics, layout.joints)
        keys = dict.fromkeys((*layout.frame[:-1], *layout.camera))
        columns.columns["track"] = text(["/".join(str(picture[key]) for key in keys) for picture in pictures])
        if neural:
            entries, _ = neural.rows([tuple(picture[key] for key in layout.frame) for picture in pictures])
            put_smplx(columns, neural.path, entries, flat_hand_mean=False)
            turn_params(columns, rotation, translation)
        yield columns.done()


def put_points(
    columns: Columns,
    points: Float32[np.ndarray, "row joint 3"],
    intrinsics: Float32[np.ndarray, "row 4"],
    joints: tuple[str, ...],
    known: np.ndarray | None = None,
) -> None:
    """Joints in the camera (metres), their projections, and the camera."""
    seen = np.ones(points.shape[:2], np.float32) if known is None else known
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    with np.errstate(invalid="ignore"):
        pixels = points[..., :2] / depth * intrinsics[:, None, :2] + intrinsics[:, None, 2:]
    in_front = np.isfinite(pixels).all(-1) | ~np.isfinite(points).all(-1)  # behind the camera is no fault of the file
    columns.put_keypoints("keypoints3d", points, seen, joints)
    columns.put_keypoints("keypoints2d", pixels, seen * in_front, joints)
    columns.put("camera", intrinsics, (intrinsics[:, :2] > 0).all(1))


def turn_params(
    columns: Columns, rotation: Float32[np.ndarray, "row 3 3"], translation: Float32[np.ndarray, "row 3"]
) -> None:
    """Take the root's orientation from the world to the camera; keep what the translation needs in `extra`."""
    columns.put_extra("camera_rotation", rotation)
    columns.put_extra("camera_translation", translation)
    root: Label | None = columns.columns.get("global_orient")
    if root is not None:
        columns.put("global_orient", rotate_root(rotation, root.value), root.weight)
    if (transl := columns.columns.pop("transl", None)) is not None:
        columns.extra["transl_world"] = transl


def _descend(path: Path, content: Any, picture: Record, keys: Sequence[str]) -> Any:
    for key in keys:
        step = str(picture[key])
        if not isinstance(content, dict) or step not in content:
            names = ", ".join(f"{name} {picture[name]}" for name in keys)
            raise InputError(f"{path} has no entry for {names} (picture {picture.get('id')})")
        content = content[step]
    return content


def _cameras(
    columns: Columns, path: Path, found: Sequence[Any], layout: _Layout
) -> tuple[Float32[np.ndarray, "row 3 3"], Float32[np.ndarray, "row 3"], Float32[np.ndarray, "row 4"]]:
    """Rotation and translation (metres) from world to camera, and fx, fy, cx, cy."""
    first, values = int(columns.row[0]), {}
    for key, shape in (("R", (3, 3)), ("t", (3,)), (layout.focal, (2,)), (layout.centre, (2,))):
        values[key], known = numbers(f"{path}: {key}", [entry.get(key) for entry in found], shape, first)
        if not known.all():
            raise InputError(f"{path}: a camera has no {key!r}", expected=f"R, t, {layout.focal}, {layout.centre}")
    return values["R"], values["t"] / 1000, np.concatenate([values[layout.focal], values[layout.centre]], 1)


_CAMERA = File(role="camera", what="cameras (json)", pattern=r"(?i)camera.*\.json$")
_JOINTS = File(role="joints", what="joints in the world (json)", pattern=r"(?i)joint_3d.*\.json$")

HUMAN36M = Reader(
    name="human36m",
    what="Human3.6M in json, one subject at a time, and NeuralAnnot's SMPL-X for it",
    files=(
        File(role="path", what="Human36M_subject1_data.json", pattern=r"(?i)_data\.json$"),
        _CAMERA,
        _JOINTS,
        PARAMS_FILE,
    ),
    read=read_human36m,
)
MPI_INF_3DHP = Reader(
    name="mpi-inf-3dhp",
    what="MPI-INF-3DHP: json in the style of COCO, or an original annot.mat",
    files=(
        File(role="path", what="MPI-INF-3DHP_1k.json or annot.mat", pattern=r"(?i)(3dhp_[0-9]*k?|annot)\.(json|mat)$"),
        File(role="camera", what=_CAMERA.what, pattern=_CAMERA.pattern, needed=False),
        File(role="joints", what=_JOINTS.what, pattern=_JOINTS.pattern, needed=False),
        PARAMS_FILE,
        File(role="calibration", what="camera.calibration", pattern=r"\.calibration$", needed=False),
    ),
    read=read_mpi_inf_3dhp,
)
