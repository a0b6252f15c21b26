"""AGORA in the style of COCO: AGORA_train.json, with parameters and cameras in files of their own, or inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.data.joints import CONVENTIONS
from mien.data.readers.base import Columns, File, Reader, Record, load_json, numbers, wrong
from mien.data.readers.coco import Coco, put_box, put_flag
from mien.data.readers.params import put_camera, put_smplx
from mien.data.samples import Label, Samples, text
from mien.errors import InputError
from mien.files import inside
from mien.unpickle import load_pickle

__all__ = ["AGORA", "read_agora"]

_WIDTH, _HEIGHT = 3840, 2160
_BOXES = {"lhand_bbox": "left_hand_box", "rhand_bbox": "right_hand_box", "face_bbox": "face_box"}


def read_agora(
    path: Path, *, resolution: Literal["3840x2160", "1280x720"] = "3840x2160", root: Path | None = None
) -> Iterator[Samples]:
    """AGORA train or validation: SMPL-X parameters in the camera, 127 joints where their files are there.

    An annotation has `bbox` and boxes of hands and face in pixels of 3840 x 2160 (enlarged 1.2 times when they were
    made), `gender`, `kid`, `is_valid`, `person_id`, and parameters and camera {focal, princpt} either inside
    (`smplx_param`, `cam_param`) or as paths (`smplx_param_path`, `cam_param_path`). Kids and people who are not valid
    are in it.

    Args:
        path: AGORA_train.json or AGORA_validation.json.
        resolution: of the pictures; all pixels are given in it.
        root: the folder that the paths of other files start from; that of `path` otherwise.
    """
    name = f"file_name_{resolution}"
    path = Path(path)
    coco, root = Coco.load(path, file_name=name), path.parent if root is None else Path(root)
    if coco.annotations and not {"smplx_param", "smplx_param_path"} & set(coco.annotations[0]):
        raise wrong(path, "annotations without smplx_param", "AGORA_train.json or AGORA_validation.json")
    scale = int(resolution.partition("x")[0]) / _WIDTH
    for columns, entries, pictures in coco.chunks(file_name=name):
        size = np.array([[round(_HEIGHT * scale), round(_WIDTH * scale)]], np.int32)
        columns.columns["size"] = np.repeat(size, len(entries), 0)
        for key, column in _BOXES.items():
            put_box(columns, column, entries, key)
        for factor in ("box_scale", "part_box_scale"):
            columns.put_extra(factor, np.full(len(entries), 1.2))
        _put_people(columns, entries, pictures)
        params = [_part(root, entry, "smplx_param") for entry in entries]
        put_smplx(columns, path, params, flat_hand_mean=False)
        neutral = [(entry or {}).get("betas_neutral") for entry in params]
        if any(value is not None for value in neutral):
            columns.put_extra("betas_neutral", *numbers(f"{path}: betas_neutral", neutral, (10,), int(columns.row[0])))
        put_camera(columns, path, [_part(root, entry, "cam_param") for entry in entries])
        _put_joints(columns, root, entries)
        _scale(columns, scale)
        yield columns.done()


def _put_people(columns: Columns, entries: Sequence[Record], pictures: Sequence[Record]) -> None:
    for flag in ("is_valid", "kid", "occlusion", "person_id"):
        put_flag(columns, flag, entries)
    columns.put_text("gender", [str(entry.get("gender", "")) for entry in entries])
    pairs = zip(pictures, entries, strict=True)
    columns.columns["track"] = text([f"{picture['id']}/{entry.get('person_id', '')}" for picture, entry in pairs])
    if any("smplx_verts_path" in entry for entry in entries):
        columns.put_text("vertices", [entry.get("smplx_verts_path", "") for entry in entries])


def _put_joints(columns: Columns, root: Path, entries: Sequence[Record]) -> None:
    joints = CONVENTIONS["agora-127"]
    for name, key, channel in (("keypoints2d", "smplx_joints_2d", 2), ("keypoints3d", "smplx_joints_3d", 3)):
        found = [_part(root, entry, key) for entry in entries]
        if any(points is not None for points in found):
            shape = (len(joints), channel)
            points, known = numbers(f"{columns.source}: {key}", found, shape, int(columns.row[0]))
            columns.put_keypoints(name, points, np.repeat(known[:, None], len(joints), 1), joints)
            columns.put_text(f"{name}_from", key)


def _part(root: Path, entry: Record, key: str) -> Any:
    """What an annotation holds under a key, or in the file whose path it holds."""
    if key in entry or f"{key}_path" not in entry:
        return entry.get(key)
    place = inside(root, str(entry[f"{key}_path"]))
    if not place.exists():
        todo = "name the folder that the annotations' paths start from: --options root=FOLDER"
        raise InputError(f"annotation {entry.get('id')} names {place}, which is not there", todo=todo)
    return load_pickle(place) if place.suffix == ".pkl" else load_json(place)


def _scale(columns: Columns, scale: float) -> None:
    """All pixels in those of smaller pictures."""
    names = ("box", "left_hand_box", "right_hand_box", "face_box", "keypoints2d", "camera")
    for name in names if scale != 1 else ():
        if (label := columns.columns.get(name)) is not None:
            columns.columns[name] = Label(value=label.value * np.float32(scale), weight=label.weight)


AGORA = Reader(
    name="agora",
    what="AGORA in json, SMPL-X",
    files=(File(role="path", what="AGORA_train.json", pattern=r"(?i)agora_(train|val).*\.json$"),),
    read=read_agora,
)
