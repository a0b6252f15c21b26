"""Rows of labels: as plain arrays in part files, and as the columns of a HumanData file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mien.body.joints import NUM_OUTPUT_JOINTS
from mien.data.humandata import NUM_JOINTS, HumanData
from mien.data.samples import PARAMS
from mien.synth.labels import BODY_SCALE, Person

__all__ = ["ROWS", "pack_rows", "row", "to_humandata"]

_BOXES = ("bbox_xywh", "lhand_bbox_xywh", "rhand_bbox_xywh", "face_bbox_xywh")
_WORDS = ("image_path", "pose", "left_hand", "right_hand", "wears", "place", "light")
ROWS: dict[str, np.ndarray] = {
    **{name: np.zeros(0, dtype="U1") for name in _WORDS},
    **{name: np.zeros((0, 5), dtype=np.float32) for name in _BOXES},
    **{name: np.zeros((0, *shape), dtype=np.float32) for name, shape in PARAMS.items()},
    "keypoints2d": np.zeros((0, NUM_OUTPUT_JOINTS, 3), dtype=np.float32),
    "keypoints3d": np.zeros((0, NUM_OUTPUT_JOINTS, 4), dtype=np.float32),
    "visible": np.zeros((0, NUM_OUTPUT_JOINTS), dtype=np.uint8),
    "size": np.zeros((0, 2), dtype=np.int32),
    "focal_length": np.zeros((0, 2), dtype=np.float32),
    "principal_point": np.zeros((0, 2), dtype=np.float32),
    "person": np.zeros(0, dtype=np.int32),
}
"""Every column of a part file, with no rows."""


def row(
    person: Person, image: str, number: int, words: Mapping[str, str], size: tuple[int, int], K: np.ndarray
) -> dict[str, Any]:
    """One row.

    Args:
        person: the truth.
        image: path of the picture below the dataset's folder.
        number: of the person in the picture.
        words: `pose`, `left_hand`, `right_hand`, `wears`, `place`, `light`.
        size: height and width of the picture.
        K: its camera.
    """
    ahead = (person.joints3d[:, 2:] > 0.01).astype(np.float32)
    boxes = (person.box, person.left_hand_box, person.right_hand_box, person.face_box)
    return {
        "image_path": image,
        **words,
        **dict(zip(_BOXES, boxes, strict=True)),
        **person.params,
        "keypoints2d": np.concatenate([person.joints2d, ahead], 1),
        "keypoints3d": np.concatenate([person.joints3d, np.ones_like(ahead)], 1),
        "visible": person.visible,
        "size": size,
        "focal_length": K[[0, 1], [0, 1]],
        "principal_point": K[:2, 2],
        "person": number,
    }


def pack_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Rows as columns."""
    packed = {}
    for name, empty in ROWS.items():
        values = [row[name] for row in rows]
        words = empty.dtype.kind == "U"
        packed[name] = np.array(values, dtype=None if words else empty.dtype) if values else empty
    return packed


def to_humandata(columns: Mapping[str, np.ndarray], misc: Mapping[str, Any]) -> HumanData:
    """A HumanData file of the columns; all 144 joints are known, the other 46 of the convention are not."""
    count = len(columns["person"])
    mask = (np.arange(NUM_JOINTS) < NUM_OUTPUT_JOINTS).astype(np.uint8)
    keypoints = {}
    for name, key in (("keypoints2d", "keypoints2d_smplx"), ("keypoints3d", "keypoints3d_smplx")):
        spread = np.zeros((count, NUM_JOINTS, columns[name].shape[2]), dtype=np.float32)
        spread[:, :NUM_OUTPUT_JOINTS] = columns[name]
        keypoints[key] = (spread, mask)
    return HumanData(
        image_path=[str(path) for path in columns["image_path"]],
        bbox_xywh=columns["bbox_xywh"],
        lhand_bbox_xywh=columns["lhand_bbox_xywh"],
        rhand_bbox_xywh=columns["rhand_bbox_xywh"],
        face_bbox_xywh=columns["face_bbox_xywh"],
        keypoints=keypoints,
        params={"smplx": {name: columns[name] for name in PARAMS}},
        meta={
            "height": columns["size"][:, 0],
            "width": columns["size"][:, 1],
            "gender": ["neutral"] * count,
            "focal_length": columns["focal_length"],
            "principal_point": columns["principal_point"],
            "person": columns["person"],
            **{name: [str(word) for word in columns[name]] for name in _WORDS[1:]},
        },
        misc={
            "flat_hand_mean": True,
            "bbox_source": "projected mesh",
            "bbox_body_scale": BODY_SCALE,
            "bbox_facehand_scale": 1.0,
            "kps3d_root_aligned": False,
            "cam_param_type": "perspective",
            **misc,
        },
        config="mien synth",
        extra={"joints_visible": columns["visible"]},
    )
