"""People in pictures with whatever labels are known: columns, one row for each person.

Readers give chunks of them, label transforms map them to others, the store keeps them, the loader takes them out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, Int64, Shaped

__all__ = ["PARAMS", "Label", "Samples", "by_row", "text"]

PARAMS: dict[str, tuple[int, ...]] = {
    "global_orient": (3,),
    "body_pose": (21, 3),
    "jaw_pose": (3,),
    "leye_pose": (3,),
    "reye_pose": (3,),
    "left_hand_pose": (15, 3),
    "right_hand_pose": (15, 3),
    "betas": (10,),
    "expression": (10,),
    "transl": (3,),
}
"""Body parameters and the shape of each in one row. Axis-angle, radians; camera frame; metres; hands absolute."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Label:
    """A column of labels."""

    value: Float32[np.ndarray, "row *shape"]
    """Zeros where absent; never NaN."""
    weight: Float32[np.ndarray, "row *part"]
    """0 where the label is absent, 1 where it is known: for a row, or for each of its parts (joints, hands)."""

    def take(self, rows: Any) -> Label:
        """The rows that an index, a slice or a mask picks."""
        return Label(value=self.value[rows], weight=self.weight[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """People in pictures. A label that no row has is None; a row without it has weight 0."""

    source: str
    """The file they came from: what error messages name."""
    row: Int64[np.ndarray, "row"]
    """Which entry of that file."""
    image: Shaped[np.ndarray, "row"]
    """Object array of str: path of the picture below the dataset's picture root, or an address (tar member, s3://)."""
    size: Int32[np.ndarray, "row 2"] | None = None
    """Height and width of the picture, pixels; None where the picture has to be asked."""
    box: Label
    """(row, 4) x, y, width, height of the person in the picture, tight (not padded), pixels."""
    left_hand_box: Label | None = None
    right_hand_box: Label | None = None
    face_box: Label | None = None
    keypoints2d: Label | None = None
    """(row, 137, 2) pixels of the picture, in the order of `mien.body.joints.SMPLX_137`; weight (row, 137)."""
    keypoints3d: Label | None = None
    """(row, 137, 3) metres, camera frame (any origin: they are used relative to the pelvis); weight (row, 137)."""
    global_orient: Label | None = None
    body_pose: Label | None = None
    jaw_pose: Label | None = None
    leye_pose: Label | None = None
    reye_pose: Label | None = None
    left_hand_pose: Label | None = None
    right_hand_pose: Label | None = None
    betas: Label | None = None
    expression: Label | None = None
    transl: Label | None = None
    hand_root: Label | None = None
    """(row, 2, 3) global orientation of the left and of the right wrist (MANO roots), axis-angle; weight (row, 2)."""
    camera: Label | None = None
    """(row, 4) fx, fy, cx, cy, pixels."""
    track: Shaped[np.ndarray, "row"] | None = None
    """Object array of str: who it is in which clip, where the source says so."""
    extra: Mapping[str, Label | np.ndarray] = field(default_factory=dict)
    """What label transforms ask for and networks do not, an entry a row; `mien.data.readers` lists the names."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Any) -> Samples:
        """The rows that an index array, a slice or a mask picks."""
        changed: dict[str, Any] = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if isinstance(value, Label | np.ndarray):
                changed[column.name] = _take(value, rows)
        changed["extra"] = {name: _take(value, rows) for name, value in self.extra.items()}
        return replace(self, **changed)

    @classmethod
    def cat(cls, parts: Sequence[Samples]) -> Samples:
        """Join samples; a label that only some parts have gets weight 0 in the others. The first names the source.

        Where one says of a label which of its parts are known, so do all.

        An array that only some parts have (`size`, `track`, arrays of `extra`) is left out.
        """
        first, changed, counts = parts[0], {}, [len(part) for part in parts]
        for column in fields(first):
            values = [getattr(part, column.name) for part in parts]
            if any(isinstance(value, Label | np.ndarray) for value in values):
                changed[column.name] = _cat(values, counts)
        names = dict.fromkeys(name for part in parts for name in part.extra)
        extra = {name: _cat([part.extra.get(name) for part in parts], counts) for name in names}
        changed["extra"] = {name: value for name, value in extra.items() if value is not None}
        return replace(first, **changed)


def text(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """An object array of str."""
    array = np.empty(len(values), object)
    array[:] = [str(value) for value in values]
    return array


def by_row(array: Shaped[np.ndarray, "row *shape"]) -> Shaped[np.ndarray, "row flat"]:
    """All numbers of a row side by side, also where there are no rows."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _take(value: Label | np.ndarray, rows: Any) -> Label | np.ndarray:
    return value.take(rows) if isinstance(value, Label) else value[rows]


def _cat(values: Sequence[Label | np.ndarray | None], counts: Sequence[int]) -> Label | np.ndarray | None:
    """One column of several parts, each with its number of rows."""
    known = next(value for value in values if value is not None)
    if not isinstance(known, Label):
        arrays = [value for value in values if isinstance(value, np.ndarray)]
        return np.concatenate(arrays) if len(arrays) == len(values) else None
    pairs = zip(values, counts, strict=True)
    labels = [value if isinstance(value, Label) else _absent(known, count) for value, count in pairs]
    value = np.concatenate([label.value for label in labels])
    parts = max((label.weight.shape[1:] for label in labels), key=len)
    return Label(value=value, weight=np.concatenate([_for_parts(label.weight, parts) for label in labels]))


def _for_parts(weight: np.ndarray, parts: tuple[int, ...]) -> np.ndarray:
    """Weights of rows as weights of their parts: some datasets know a pose joint by joint, most as a whole."""
    wide = weight.reshape(weight.shape + (1,) * (1 + len(parts) - weight.ndim))
    return np.broadcast_to(wide, (len(weight), *parts))


def _absent(like: Label, count: int) -> Label:
    """A label of the same shape that no row has."""
    value, weight = (np.zeros((count, *array.shape[1:]), dtype=np.float32) for array in (like.value, like.weight))
    return Label(value=value, weight=weight)
