"""HumanData .npz: most datasets of this field, converted by MMHuman3D (SPEC 4.1 lists the keys).

Rows are taken a chunk at a time: in memory are the dict of body parameters, `meta`, and one chunk of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.humandata import BODY_FAMILIES, GENDERS, HumanDataFile, is_keypoints, to_array
from mien.data.joints import HUMAN_DATA, swap_eyes
from mien.data.npz_rows import Rows
from mien.data.readers.base import Columns, File, Reader, chunks, put_params
from mien.data.samples import PARAMS, Label, Samples, text
from mien.errors import InputError, closest

__all__ = ["HUMANDATA", "read_humandata"]

_KEYPOINTS2D = ("keypoints2d", "keypoints2d_smplx", "keypoints2d_smpl", "keypoints2d_original")
_KEYPOINTS3D = ("keypoints3d_cam", "keypoints3d", "keypoints3d_smplx", "keypoints3d_smpl", "keypoints3d_original")
_BOXES = {
    "bbox_xywh": "box",
    "face_bbox_xywh": "face_box",
    "lhand_bbox_xywh": "left_hand_box",
    "rhand_bbox_xywh": "right_hand_box",
}
_FLAGS = ("annot_valid", "valid_label", "iscrowd", "num_keypoints")
_META = ("height", "width", "focal_length", "principal_point", "gender", "track_id", *_FLAGS)
_SCALES = {"bbox_body_scale": "box_scale", "bbox_facehand_scale": "part_box_scale"}


@dataclass(eq=False)
class _Keypoints:
    """One array of keypoints: its rows, which joint each column is, and which of the 190 the file says it has."""

    key: str
    rows: Rows
    joints: tuple[str, ...]
    slots: np.ndarray
    mask: np.ndarray
    trusted: bool | None = None
    """Whether the column of confidences says anything; decided by the first chunk."""

    def known(self, confidence: np.ndarray, mask: np.ndarray, replicate: bool) -> np.ndarray:
        """Which joints are labelled, row by row."""
        full = np.append(mask, 0)[self.slots] > 0  # the slot of a column that is none of the 190 is -1
        known = np.broadcast_to(full, confidence.shape)
        if self.trusted is None:
            self.trusted = bool((confidence > 0).any())
        return known & (confidence > 0) if self.trusted and not replicate else known


def read_humandata(
    path: Path,
    *,
    body: str | None = None,
    keypoints2d: str | None = None,
    keypoints3d: str | None = None,
    replicate: bool = False,
) -> Iterator[Samples]:
    """People of a HumanData file, hand poses and boxes as the file has them.

    Of several keypoints the first that is there counts: 2D `keypoints2d`, `_smplx`, `_smpl`, `_original`; 3D
    `keypoints3d_cam`, `keypoints3d`, `_smplx`, `_smpl`, `_original`. Of body parameters: smplx, smpl, smplh. A joint
    is known where the file's mask and its own confidence say so; a column of confidences that is 0 throughout the first
    chunk says nothing.

    Args:
        path: the .npz file.
        body: take this family of parameters (`smplx`, `smpl`, `smplh`) instead of the first.
        keypoints2d: take this key instead of the first.
        keypoints3d: take this key instead of the first.
        replicate: as the published training code did it: eyes of the face swapped, confidences ignored, and the mask of
            the 3D keypoints for the 2D ones too.
    """
    file = HumanDataFile.open(Path(path))
    file.check_boxes()
    family = _choose(file, "body", body, BODY_FAMILIES)
    params = {} if family is None else dict(file[family])
    meta = file["meta"] if "meta" in file else {}
    misc = file["misc"] if "misc" in file else {}
    with ExitStack() as stack:
        streams = {key: stack.enter_context(file.rows(key)) for key in ("image_path", *_BOXES) if key in file}
        if "vertices3d_path" in file:
            streams["vertices3d_path"] = stack.enter_context(file.rows("vertices3d_path"))
        points = {
            name: _open_keypoints(file, stack, chosen)
            for name, wish, order in (
                ("keypoints2d", keypoints2d, _KEYPOINTS2D),
                ("keypoints3d", keypoints3d, _KEYPOINTS3D),
            )
            if (chosen := _choose(file, name, wish, order)) is not None
        }
        for rows in chunks(file.num_rows):
            parts = {
                key: file.check(key, stream.take(rows.stop - rows.start), rows.start) for key, stream in streams.items()
            }
            columns = Columns(file.path, np.arange(rows.start, rows.stop), text(parts["image_path"]))
            _put_boxes(columns, parts)
            _put_keypoints(columns, file, points, replicate)
            _put_meta(columns, file, meta, misc, rows)
            if family is not None:
                _put_body(columns, file.path, family, {name: value[rows] for name, value in params.items()})
            if "vertices3d_path" in parts:
                columns.put_text("vertices", parts["vertices3d_path"])
            yield columns.done()


def _choose(file: HumanDataFile, what: str, wish: str | None, order: tuple[str, ...]) -> str | None:
    if wish is None:
        return next((key for key in order if key in file), None)
    if wish not in file or not (wish in order or is_keypoints(wish)):
        raise InputError(
            f"{file.path} has no {what} {wish!r}", todo=closest(wish, [key for key in file if key in order])
        )
    return wish


def _open_keypoints(file: HumanDataFile, stack: ExitStack, key: str) -> _Keypoints:
    stream = stack.enter_context(file.rows(key))
    slots, mask = file.slots(key, stream.shape[1] if len(stream.shape) == 3 else 0)
    joints = tuple("" if slot < 0 else HUMAN_DATA[slot] for slot in slots)
    return _Keypoints(key, stream, joints, slots, mask)


def _put_keypoints(columns: Columns, file: HumanDataFile, points: Mapping[str, _Keypoints], replicate: bool) -> None:
    masks = {name: part.mask for name, part in points.items()}
    if replicate and "keypoints3d" in masks:
        masks["keypoints2d"] = masks["keypoints3d"]
    for name, part in points.items():
        values = file.check(part.key, part.rows.take(len(columns.row)), int(columns.row[0]))
        known = part.known(values[..., -1], masks[name], replicate)
        columns.put_keypoints(name, values[..., :-1], known, part.joints)
        columns.put_text(f"{name}_from", part.key)
        if replicate:
            label, order = columns.columns[name], swap_eyes(np.arange(137))
            columns.columns[name] = Label(value=label.value[:, order], weight=label.weight[:, order])


def _put_boxes(columns: Columns, parts: Mapping[str, np.ndarray]) -> None:
    for key, name in _BOXES.items():
        if key in parts:
            box = parts[key]
            known = (box[:, 2:4] > 0).all(1) & ((box[:, 4] > 0) | (name == "box"))
            columns.put(name, box[:, :4], known)
    columns.put_extra("box_score", parts["bbox_xywh"][:, 4])


def _put_meta(
    columns: Columns, file: HumanDataFile, meta: Mapping[str, Any], misc: Mapping[str, Any], rows: slice
) -> None:
    """Picture sizes, cameras, flags and genders."""
    entries = {key: _of_rows(file, key, meta[key], rows) for key in _META if meta.get(key) is not None}
    if {"height", "width"} <= set(entries):
        columns.put_size(np.concatenate([entries["height"], entries["width"]], 1))
    if {"focal_length", "principal_point"} <= set(entries):
        focal, centre = entries["focal_length"], entries["principal_point"]
        both = np.broadcast_to(focal, centre.shape)
        columns.put("camera", np.concatenate([both, centre], 1), (both > 0).all(1))
    for key in _FLAGS:
        if key in entries:
            columns.put_extra(key, entries[key][:, 0].astype(np.float32))
    if "gender" in entries:
        words = [str(word).strip().lower() for word in entries["gender"][:, 0]]
        columns.put_text("gender", [GENDERS.get(word, "") for word in words])
    if "track_id" in entries:
        columns.columns["track"] = text(entries["track_id"][:, 0])
    for key, name in {**_SCALES, "flat_hand_mean": "flat_hand_mean"}.items():
        if (number := single_number(misc.get(key))) is not None:
            columns.put_extra(name, np.full(len(columns.row), number))


def single_number(value: Any) -> float | None:
    """A number or truth value, however it was wrapped; None if it is anything else."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return float(array.reshape(())) if array.size == 1 and array.dtype.kind in "biuf" else None


def _of_rows(file: HumanDataFile, key: str, value: Any, rows: slice) -> np.ndarray:
    """An entry of `meta` for these rows, as columns; one value for the whole file is repeated."""
    count, width = rows.stop - rows.start, 2 if key in ("focal_length", "principal_point") else 1
    array = to_array(f"{file.path}: meta.{key}", value)
    if array.ndim == 0 or (array.shape == (width,) != (file.num_rows,)):
        return np.broadcast_to(array.reshape(1, -1), (count, array.size))
    if len(array) != file.num_rows or array.reshape(len(array), -1).shape[1] not in (1, width):
        found = f"{file.path}: meta.{key} is of shape {array.shape}"
        raise InputError(found, expected=f"{file.num_rows} rows, as image_path has")
    return array.reshape(len(array), -1)[rows]


def _put_body(columns: Columns, path: Path, family: str, params: Mapping[str, np.ndarray]) -> None:
    """Parameters of a body. What SMPL and SMPL-H share with SMPL-X goes where it belongs, the rest into `extra`."""
    sizes = {name: int(np.prod(shape)) for name, shape in PARAMS.items()}
    found: dict[str, np.ndarray] = {}
    for name, value in params.items():
        if name not in (*PARAMS, "betas_neutral", "betas_extra", "lhand_root", "rhand_root"):
            continue
        if value.dtype.kind not in "biuf":
            raise InputError(f"{path}: {family}.{name} is {value.dtype}", expected="numbers")
        flat = value.reshape(len(value), -1)
        size = 69 if name == "body_pose" and family == "smpl" else sizes.get(name, flat.shape[1])
        if name not in ("betas", "expression") and flat.shape[1] != size:
            found_shape = f"{path}: {family}.{name} has {flat.shape[1]} numbers a row"
            raise InputError(found_shape, expected=f"{size} (axis-angle; no PCA components of hands)")
        found[name] = flat
    columns.put_text("params_from", family)
    if family != "smplx":
        for name in ("betas", "transl"):
            if name in found:
                columns.put_extra(f"smpl_{name}", found[name])
        if "body_pose" in found and family == "smpl":
            columns.put_extra("smpl_body_pose", found["body_pose"].reshape(-1, 23, 3))
        found = {name: value for name, value in found.items() if name not in ("betas", "transl")}
        if "body_pose" in found:
            found["body_pose"] = found["body_pose"][:, :63]
    put_params(columns, {name: (value, np.ones(len(value))) for name, value in found.items() if name in PARAMS})
    if "betas_neutral" in found:
        columns.put_extra("betas_neutral", found["betas_neutral"][:, :10])
    if "betas_extra" in found:
        columns.put_extra("kid", found["betas_extra"].any(1))
    _put_hand_roots(columns, found)


def _put_hand_roots(columns: Columns, params: Mapping[str, np.ndarray]) -> None:
    """MANO roots. A row of exact zeros is a hand that nobody fitted: no wrist faces the camera to the last digit."""
    sides = [params.get(name) for name in ("lhand_root", "rhand_root")]
    if any(side is not None for side in sides):
        values = [np.zeros((len(columns.row), 3), np.float32) if side is None else side for side in sides]
        both = np.stack([value.reshape(len(value), 3) for value in values], 1)
        columns.put("hand_root", both, (both != 0).any(2))


HUMANDATA = Reader(
    name="humandata",
    what="HumanData .npz of MMHuman3D",
    files=(File(role="path", what="the .npz file", pattern=r"\.npz$"),),
    read=read_humandata,
)
