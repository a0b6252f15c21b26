"""Sets of people that come in json of their own making: 3DPW, UBody, OCHuman, and plain lists of boxes to be tested."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.data.joints import CONVENTIONS
from mien.data.readers.base import (
    Columns,
    File,
    Reader,
    Record,
    chunks,
    load_json,
    mapping_in,
    numbers,
    records_in,
    wrong,
)
from mien.data.readers.coco import (
    PARAMS_FILE,
    WHOLEBODY_GROUPS,
    Coco,
    put_groups,
    put_neural,
    put_part_labels,
)
from mien.data.readers.params import NeuralAnnot, put_camera, put_smpl, put_smplx, rotate_root
from mien.data.samples import Samples, text
from mien.errors import InputError
from mien.npz import load_npy

__all__ = ["BOXES", "OCHUMAN", "PW3D", "UBODY", "read_boxes", "read_ochuman", "read_pw3d", "read_ubody"]


def read_pw3d(path: Path, *, params: Path | None = None) -> Iterator[Samples]:
    """3DPW in the style of COCO (3DPW_train.json): SMPL of two genders, cameras; NeuralAnnot's SMPL-X with `params`.

    A picture has `sequence` and `cam_param` {focal, princpt}; an annotation `smpl_param` {pose (72), shape, trans,
    gender} in the camera, or in the world where `cam_param` has R and t too. With `params` the SMPL-X parameters are
    taken and the SMPL ones kept in `extra`.
    """
    coco, neural = Coco.load(path), NeuralAnnot(params) if params else None
    if not any("smpl_param" in entry for entry in coco.annotations[:1]):
        raise wrong(coco.path, "no smpl_param", "3DPW_train.json and the like")
    for columns, entries, pictures in coco.chunks():
        clips = [str(picture.get("sequence", "")) for picture in pictures]
        columns.image[:] = [f"{clip}/{name}" if clip else name for clip, name in zip(clips, columns.image, strict=True)]
        cameras = [picture.get("cam_param") for picture in pictures]
        put_camera(columns, coco.path, cameras)
        put_smpl(columns, coco.path, [entry.get("smpl_param") for entry in entries])
        _turn_smpl(columns, coco.path, cameras)
        if neural:
            columns.extra["smpl_global_orient"] = columns.columns["global_orient"]
            found, _ = neural.rows([(entry.get("id"),) for entry in entries])
            put_smplx(columns, neural.path, found, flat_hand_mean=False)
        people = [entry.get("person_id", entry.get("id", "")) for entry in entries]
        columns.columns["track"] = text([f"{clip}/{who}" for clip, who in zip(clips, people, strict=True)])
        yield columns.done()


def _turn_smpl(columns: Columns, path: Path, cameras: Sequence[Record | None]) -> None:
    first = int(columns.row[0])
    rotation, turned = numbers(f"{path}: R", [(camera or {}).get("R") for camera in cameras], (3, 3), first)
    if turned.any():
        rotation[turned == 0] = np.eye(3)
        translation, moved = numbers(f"{path}: t", [(camera or {}).get("t") for camera in cameras], (3,), first)
        root = columns.columns["global_orient"]
        columns.put("global_orient", rotate_root(rotation, root.value), root.weight)
        columns.put_extra("camera_rotation", rotation, turned)
        columns.put_extra("camera_translation", translation, moved)
        columns.extra["smpl_transl_world"] = columns.extra.pop("smpl_transl")


def read_ubody(
    path: Path,
    *,
    params: Path | None = None,
    test_list: Path | None = None,
    split: Literal["all", "train", "test"] = "all",
    folder: str = "",
) -> Iterator[Samples]:
    """One scene of UBody: keypoint_annotation.json in the style of COCO-WholeBody, smplx_annotation.json by its ids.

    Crowds, people without keypoints and those with `valid_label` 0 are in it: `extra` tells.

    Args:
        path: keypoint_annotation.json.
        params: smplx_annotation.json.
        test_list: intra_scene_test_list.npy (or inter_): names of videos, without what comes after `_Trim`.
        split: of the list: `train` leaves its videos out, `test` takes only them.
        folder: where the pictures of the scene lie below the picture root; put before each path.
    """
    coco, neural = Coco.load(path), NeuralAnnot(params) if params else None
    if split != "all":
        if test_list is None:
            found = f"split {split!r} of UBody needs the list of test videos"
            raise InputError(found, todo="name it beside the annotations: intra_scene_test_list.npy")
        tested = {str(name).partition("_Trim")[0] for name in load_npy(Path(test_list)).ravel().tolist()}
        coco = coco.pick(lambda _, picture: (_video(picture) in tested) == (split == "test"))
    for columns, entries, _ in coco.chunks():
        put_groups(columns, entries, WHOLEBODY_GROUPS)
        put_part_labels(columns, entries)
        columns.columns["track"] = text([_video({"file_name": name}) for name in columns.image])
        columns.image[:] = [f"{folder.rstrip('/')}/{name}" if folder else name for name in columns.image]
        if neural:
            put_neural(columns, neural, entries)
        yield columns.done()


def _video(picture: Record) -> str:
    """The name of the video a picture was cut from: the part of its path up to `_Trim`."""
    parts = re.split(r"[/\\]", str(picture.get("file_name", "")))
    trimmed = [part for part in parts if "_Trim" in part]
    return trimmed[-1].partition("_Trim")[0] if trimmed else (parts[-2] if len(parts) > 1 else "")


def read_ochuman(path: Path) -> Iterator[Samples]:
    """OCHuman in its own json (its COCO-style files are read by `table`): 19 joints, boxes by their corners.

    A joint is labelled if it is visible (1), hidden by the person (2) or by another (3); 0 is missing.
    """
    path = Path(path)
    content = load_json(path)
    pictures = records_in(path, content, "images")
    if pictures and "annotations" not in pictures[0]:
        raise wrong(path, "pictures without annotations", "ochuman.json")
    pairs = [(picture, entry) for picture in pictures for entry in picture["annotations"]]
    names = tuple(content.get("keypoint_names") or CONVENTIONS["ochuman-19"])
    joints = tuple({"head": "head_top", "neck": "upper_neck"}.get(name, name) for name in names)
    for rows in chunks(len(pairs)):
        part = pairs[rows]
        columns = Columns(path, np.arange(rows.start, rows.stop), text([picture["file_name"] for picture, _ in part]))
        columns.put_size(np.array([[picture.get("height", 0), picture.get("width", 0)] for picture, _ in part]))
        corners, known = numbers(f"{path}: bbox", [entry.get("bbox") for _, entry in part], (4,), rows.start)
        box = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
        columns.put("box", box, known * (box[:, 2:] > 0).all(1))
        where, shape = f"{path}: keypoints", (len(joints), 3)
        points, known = numbers(where, [entry.get("keypoints") or None for _, entry in part], shape, rows.start)
        columns.put_keypoints("keypoints2d", points[..., :2], known[:, None] * (points[..., 2] > 0), joints)
        columns.put_text("keypoints2d_from", "keypoints")
        yield columns.done()


def read_boxes(path: Path, *, folder: str = "") -> Iterator[Samples]:
    """People to be estimated, without truth: `{picture: boxes}`, as AGORA_test_bbox.json and lists for BEDLAM's test.

    The boxes of a picture are a list of `[x, y, w, h]`, or of objects with such a `bbox`, or one object with a list
    of them under `bbox`. If in every one of the file the third number is above the first and the fourth above the
    second, they are taken for corners `[x1, y1, x2, y2]`.

    Args:
        path: the json file.
        folder: put before each picture's path.
    """
    path = Path(path)
    content = mapping_in(path, load_json(path), "an object of boxes by picture")
    pairs = [(name, box) for name, entry in content.items() for box in _boxes(path, name, entry)]
    boxes, _ = numbers(f"{path}: bbox", [box for _, box in pairs], (4,))
    if len(boxes) and (boxes[:, 2:] > boxes[:, :2]).all():
        boxes[:, 2:] -= boxes[:, :2]
    order: dict[str, int] = {}
    for rows in chunks(len(pairs)):
        part = [name for name, _ in pairs[rows]]
        names = [f"{folder.rstrip('/')}/{name}" if folder else name for name in part]
        columns = Columns(path, np.arange(rows.start, rows.stop), text(names))
        columns.put("box", boxes[rows], (boxes[rows, 2:] > 0).all(1))
        people = np.zeros(len(part), np.float32)
        for row, name in enumerate(part):
            people[row] = order.get(name, 0)
            order[name] = order.get(name, 0) + 1
        columns.put_extra("person", people)
        yield columns.done()


def _boxes(path: Path, name: str, entry: Any) -> list[Any]:
    entry = entry.get("bbox") if isinstance(entry, dict) else entry
    if not isinstance(entry, list):
        raise wrong(path, f"no list of boxes for {name!r}", "an object of boxes by picture")
    found = [box.get("bbox") if isinstance(box, dict) else box for box in entry]
    return [found] if len(found) == 4 and all(isinstance(number, int | float) for number in found) else found


PW3D = Reader(
    name="3dpw",
    what="3DPW in json, SMPL; and NeuralAnnot's SMPL-X for it",
    files=(File(role="path", what="3DPW_train.json", pattern=r"(?i)3dpw_[a-z]+\.json$"), PARAMS_FILE),
    read=read_pw3d,
)
UBODY = Reader(
    name="ubody",
    what="UBody, one scene at a time",
    files=(
        File(role="path", what="keypoint_annotation.json", pattern=r"(?i)keypoint_annotation\.json$"),
        File(role="params", what="smplx_annotation.json", pattern=r"(?i)smplx_annotation\.json$", needed=False),
        File(role="test_list", what="intra_scene_test_list.npy", pattern=r"\.npy$", needed=False),
    ),
    read=read_ubody,
)
OCHUMAN = Reader(
    name="ochuman",
    what="OCHuman in its own json",
    files=(File(role="path", what="ochuman.json", pattern=r"\.json$"),),
    read=read_ochuman,
)
BOXES = Reader(
    name="boxes",
    what="people to be estimated: a json of boxes by picture (AGORA test, BEDLAM test)",
    files=(File(role="path", what="AGORA_test_bbox.json", pattern=r"\.json$"),),
    read=read_boxes,
)
