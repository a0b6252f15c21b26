"""Files in the style of COCO: `images`, `annotations`, `categories`. Half of the datasets of this field come so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.joints import CONVENTIONS
from mien.data.readers.base import (
    Columns,
    File,
    Reader,
    Record,
    chunks,
    load_json,
    numbers,
    records_in,
    wrong,
)
from mien.data.readers.params import NeuralAnnot, put_camera, put_smplx
from mien.data.samples import Samples, text
from mien.errors import InputError

__all__ = ["COCO_WHOLEBODY", "CROWDPOSE", "MPII", "POSETRACK", "Coco", "Group", "read_coco_wholebody"]

PARAMS_FILE = File(
    role="params", what="SMPL-X pseudo labels of NeuralAnnot (json)", pattern=r"(?i)smplx.*\.json$", needed=False
)

_WHOLEBODY_BOXES = {
    "face_box": ("face_box", "face_valid"),
    "lefthand_box": ("left_hand_box", "lefthand_valid"),
    "righthand_box": ("right_hand_box", "righthand_valid"),
}
_FLAGS = ("iscrowd", "num_keypoints", "valid_label")
_PART_FLAGS = {
    "lefthand_valid": "left_hand_valid",
    "righthand_valid": "right_hand_valid",
    "face_valid": "face_valid",
    "foot_valid": "foot_valid",
}


@dataclass(frozen=True)
class Group:
    """Keypoints x, y, v under one key of an annotation; v = 0 is no label."""

    key: str
    joints: tuple[str, ...]
    valid: str = ""
    """A key that says of all of them whether they are labelled."""


WHOLEBODY_GROUPS = (
    Group("keypoints", CONVENTIONS["coco-17"]),
    Group("foot_kpts", CONVENTIONS["coco-feet-6"], "foot_valid"),
    Group("face_kpts", CONVENTIONS["coco-face-68"], "face_valid"),
    Group("lefthand_kpts", CONVENTIONS["coco-left-hand-21"], "lefthand_valid"),
    Group("righthand_kpts", CONVENTIONS["coco-right-hand-21"], "righthand_valid"),
)


@dataclass(frozen=True, eq=False)
class Coco:
    """A file, with its pictures by id."""

    path: Path
    images: Mapping[Any, Record]
    annotations: Sequence[Record]
    categories: Sequence[Record]

    @classmethod
    def load(cls, path: Path, *, file_name: str = "file_name") -> Coco:
        """Read all of it; `file_name` is the key of a picture's path."""
        path = Path(path)
        content = load_json(path)
        pictures, annotations = (records_in(path, content, key) for key in ("images", "annotations"))
        if pictures and not all(file_name in picture and "id" in picture for picture in pictures):
            raise wrong(path, f"pictures without {file_name!r} or id", "annotations in the style of COCO")
        categories = content.get("categories") or []
        return cls(path, {picture["id"]: picture for picture in pictures}, annotations, categories)

    def pick(self, keep: Callable[[Record, Record], bool]) -> Coco:
        """Only the annotations of which `keep(annotation, picture)` says so."""
        chosen = [entry for entry in self.annotations if keep(entry, self.images.get(entry.get("image_id"), {}))]
        return Coco(self.path, self.images, chosen, self.categories)

    def chunks(self, *, file_name: str = "file_name") -> Iterator[tuple[Columns, Sequence[Record], list[Record]]]:
        """For each chunk the columns with pictures, sizes, boxes and flags; the annotations; their pictures."""
        for rows in chunks(len(self.annotations)):
            part = self.annotations[rows]
            pictures = [self._picture(rows.start + row, entry) for row, entry in enumerate(part)]
            names = text([picture[file_name] for picture in pictures])
            columns = Columns(self.path, np.arange(rows.start, rows.stop), names)
            sizes = [[picture.get("height") or 0, picture.get("width") or 0] for picture in pictures]
            columns.put_size(np.array(sizes))
            put_box(columns, "box", part, "bbox")
            for flag in _FLAGS:
                put_flag(columns, flag, part)
            if any("id" in entry for entry in part):
                columns.put_text("annotation_id", [entry.get("id", "") for entry in part])
            yield columns, part, pictures

    def _picture(self, row: int, entry: Record) -> Record:
        picture = self.images.get(entry.get("image_id"))
        if picture is None:
            raise InputError(
                f"{self.path}: annotation {row} is of picture {entry.get('image_id')!r}, which is not listed"
            )
        return picture


def put_box(columns: Columns, name: str, entries: Sequence[Record], key: str, valid: str = "") -> None:
    """A box x, y, width, height; one without size, or said to be invalid, is absent."""
    if any(entry.get(key) is not None for entry in entries):
        box, known = numbers(
            f"{columns.source}: {key}", [entry.get(key) for entry in entries], (4,), int(columns.row[0])
        )
        columns.put(name, box, known * (box[:, 2:] > 0).all(1) * _flags(entries, valid))
    elif name == "box":
        columns.put(name, np.zeros((len(entries), 4)), False)


def put_flag(columns: Columns, key: str, entries: Sequence[Record], name: str = "") -> None:
    """A number or truth value of each annotation, into `extra`."""
    if any(entry.get(key) is not None for entry in entries):
        values = [None if entry.get(key) is None else float(entry[key]) for entry in entries]
        columns.put_extra(name or key, *numbers(f"{columns.source}: {key}", values, (), int(columns.row[0])))


def put_groups(columns: Columns, entries: Sequence[Record], groups: Sequence[Group]) -> None:
    """2D keypoints of several groups, in the order of the 137."""
    for group in groups:
        where, shape = f"{columns.source}: {group.key}", (len(group.joints), 3)
        values, known = numbers(where, [entry.get(group.key) or None for entry in entries], shape, int(columns.row[0]))
        known = known[:, None] * (values[..., 2] > 0) * _flags(entries, group.valid)[:, None]
        columns.put_keypoints("keypoints2d", values[..., :2], known, group.joints)
    columns.put_text("keypoints2d_from", "+".join(group.key for group in groups))


def put_part_labels(columns: Columns, entries: Sequence[Record]) -> None:
    """Boxes of hands and face, and whether they were clear enough to be labelled (COCO-WholeBody)."""
    for key, (name, valid) in _WHOLEBODY_BOXES.items():
        put_box(columns, name, entries, key, valid)
    for key, name in _PART_FLAGS.items():
        put_flag(columns, key, entries, name)


def put_neural(columns: Columns, neural: NeuralAnnot, entries: Sequence[Record]) -> None:
    """Pseudo labels of NeuralAnnot by annotation id."""
    params, cameras = neural.rows([(entry.get("id"),) for entry in entries])
    put_smplx(columns, neural.path, params, flat_hand_mean=False)
    put_camera(columns, neural.path, cameras)


def _flags(entries: Sequence[Record], key: str) -> np.ndarray:
    return np.array([bool(entry.get(key, True)) if key else True for entry in entries], np.float32)


def read_coco_wholebody(path: Path, *, params: Path | None = None) -> Iterator[Samples]:
    """COCO-WholeBody: 17 body, 6 foot, 68 face, 2 x 21 hand keypoints; with NeuralAnnot's SMPL-X if `params` is given.

    Crowds and people without keypoints are in it: `iscrowd` and `num_keypoints` of `extra` tell.
    """
    coco = Coco.load(path)
    if coco.annotations and not any("face_kpts" in entry for entry in coco.annotations):
        raise wrong(coco.path, "no face_kpts", "COCO-WholeBody annotations")
    neural = NeuralAnnot(params) if params else None
    for columns, entries, _ in coco.chunks():
        put_groups(columns, entries, WHOLEBODY_GROUPS)
        put_part_labels(columns, entries)
        if neural:
            put_neural(columns, neural, entries)
        yield columns.done()


def read_mpii(path: Path, *, params: Path | None = None) -> Iterator[Samples]:
    """MPII in the style of COCO (16 joints), with NeuralAnnot's SMPL-X if `params` is given; or the original .mat."""
    if Path(path).suffix == ".mat":
        from mien.data.readers.mat import read_mpii_mat

        yield from read_mpii_mat(Path(path))
        return
    coco, neural = Coco.load(path), NeuralAnnot(params) if params else None
    for columns, entries, _ in coco.chunks():
        put_groups(columns, entries, [Group("keypoints", CONVENTIONS["mpii-16"])])
        if neural:
            put_neural(columns, neural, entries)
        yield columns.done()


def read_crowdpose(path: Path) -> Iterator[Samples]:
    """CrowdPose: 14 joints; head and neck have no place among the 137."""
    for columns, entries, _ in Coco.load(path).chunks():
        put_groups(columns, entries, [Group("keypoints", CONVENTIONS["crowdpose-14"])])
        yield columns.done()


def read_posetrack(path: Path) -> Iterator[Samples]:
    """PoseTrack18: one json for each clip; `track` is `vid_id/track_id`."""
    for columns, entries, pictures in Coco.load(path).chunks():
        put_groups(columns, entries, [Group("keypoints", CONVENTIONS["posetrack-17"])])
        clips = [picture.get("vid_id", "") for picture in pictures]
        if any("track_id" in entry for entry in entries):
            pairs = zip(clips, entries, strict=True)
            columns.columns["track"] = text([f"{clip}/{entry.get('track_id', '')}" for clip, entry in pairs])
        yield columns.done()


COCO_WHOLEBODY = Reader(
    name="coco-wholebody",
    what="COCO-WholeBody json, and NeuralAnnot's SMPL-X for it",
    files=(
        File(role="path", what="coco_wholebody_train_v1.0.json", pattern=r"(?i)whole_?body.*\.json$"),
        PARAMS_FILE,
    ),
    read=read_coco_wholebody,
)
MPII = Reader(
    name="mpii",
    what="MPII Human Pose: json in the style of COCO, or the original .mat",
    files=(
        File(
            role="path",
            what="train.json or mpii_human_pose_v1_u12_1.mat",
            pattern=r"(?i)(train|val|mpii_human).*\.(json|mat)$",
        ),
        PARAMS_FILE,
    ),
    read=read_mpii,
)
CROWDPOSE = Reader(
    name="crowdpose",
    what="CrowdPose json",
    files=(File(role="path", what="crowdpose_train.json", pattern=r"\.json$"),),
    read=read_crowdpose,
)
POSETRACK = Reader(
    name="posetrack",
    what="PoseTrack18 json, one for each clip",
    files=(File(role="path", what="000001_mpii_test.json", pattern=r"\.json$"),),
    read=read_posetrack,
)
