"""HumanData, the .npz of MMHuman3D that most datasets of this field are handed around in (SPEC 4.1, 4.2).

data = HumanData.read("train.npz")
data.write("again.npz")

A file may be larger than the memory: `HumanData.open` reads only the keys that are asked for, and rows of them a few
at a time.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from mien.body.joints import SMPLX_137
from mien.data.npz_rows import Rows, peek, rows
from mien.data.npz_write import write_npz
from mien.errors import InputError, closest
from mien.files import atomic_write, opened
from mien.npz import Archive, open_npz

__all__ = [
    "BODY_FAMILIES",
    "BOXES",
    "GENDERS",
    "NUM_JOINTS",
    "HumanData",
    "HumanDataFile",
    "is_keypoints",
    "joint_slots",
    "to_array",
]

NUM_JOINTS = 190
"""Of the HUMAN_DATA convention; the first 144 are `mien.body.joints.OUTPUT_JOINTS`."""

BOXES = ("bbox_xywh", "face_bbox_xywh", "lhand_bbox_xywh", "rhand_bbox_xywh")
BODY_FAMILIES = ("smplx", "smpl", "smplh")
GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female", "n": "neutral", "neutral": "neutral"}
"""How files spell them."""
_PLACES_137 = np.array([*SMPLX_137[:67], -1, -1, *SMPLX_137[69:]])
FLAGS = ("__key_strict__", "__data_len__", "__keypoints_compressed__")


def is_keypoints(key: str) -> bool:
    """Whether the key holds keypoints: `keypoints2d_smplx` and the like, not their masks."""
    return key.startswith(("keypoints2d", "keypoints3d")) and not key.endswith("_mask")


@dataclass(frozen=True, kw_only=True, eq=False)
class HumanData:
    """The content of one file: N people."""

    image_path: Sequence[str]
    bbox_xywh: Float32[np.ndarray, "row 5"]
    """x, y, width, height, confidence; pixels."""
    face_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    lhand_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    rhand_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    keypoints: Mapping[str, tuple[Float[np.ndarray, "row 190 _"], np.ndarray]] = field(default_factory=dict)
    """`keypoints2d_smplx` and so on: values (N, 190, 3 or 4, the last is the confidence) and the file's mask (190,)."""
    params: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    """`smplx`, `smpl`, `smplh`: parameters by name, N rows each."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    misc: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Other keys as they are: `mano`, `vertices3d_path` ..."""

    def __post_init__(self) -> None:
        count, where = len(self.image_path), "HumanData"
        for key in BOXES:
            if (box := getattr(self, key)) is not None:
                check_array(where, key, box, (count, 5))
        for key, (values, mask) in self.keypoints.items():
            check_array(where, key, values, (count, NUM_JOINTS, channels(key)))
            check_array(where, f"{key}_mask", mask, (NUM_JOINTS,))
            if not is_keypoints(key):
                raise InputError(
                    f"HumanData: {key!r} is no name of keypoints", expected="keypoints2d_* or keypoints3d_*"
                )
        for family, params in self.params.items():
            check_params(where, family, params, count)

    def __len__(self) -> int:
        return len(self.image_path)

    @classmethod
    def open(cls, path: Path) -> HumanDataFile:
        """The keys of a file, each read when asked for."""
        return HumanDataFile.open(path)

    @classmethod
    def read(cls, path: Path) -> HumanData:
        """Read a file; compressed keypoints are spread to 190 joints.

        Raises:
            UnsafeFile: the file asks for anything but arrays, numbers, strings and containers.
            InputError: the file is damaged, or a key has another shape or type than the format says.
        """
        file = HumanDataFile.open(path)
        file.check_boxes()
        known: dict[str, Any] = {"image_path": file["image_path"].tolist(), "params": {}, "keypoints": {}, "extra": {}}
        masks = file.masks
        for key in file:
            if is_keypoints(key):
                known["keypoints"][key] = file.keypoints(key)
            elif key in BODY_FAMILIES:
                known["params"][key] = file[key]
            elif key in ("meta", "misc", *BOXES):
                known[key] = file[key]
            elif key == "config":
                known[key] = str(file[key])
            elif key not in ("image_path", *FLAGS) and key not in masks:
                known["extra"][key] = file[key]
        return cls(**known)

    def write(self, path: Path, *, compress_keypoints: bool = True) -> None:
        """Write a file, whole or not at all; the same content gives the same bytes.

        Compressed keypoints keep only the joints of their mask.
        """
        members: dict[str, Any] = {"image_path": np.array(self.image_path, dtype=np.str_)}
        members |= {key: getattr(self, key) for key in BOXES if getattr(self, key) is not None}
        for key, (values, mask) in self.keypoints.items():
            members[key] = values[:, np.asarray(mask) > 0] if compress_keypoints else values
            members[f"{key}_mask"] = np.asarray(mask)
        members |= {key: dict(value) for key, value in self.params.items()}
        members |= {key: dict(value) for key in ("meta", "misc") if (value := getattr(self, key))}
        members |= {"config": self.config} if self.config else {}
        members |= self.extra
        members |= dict(zip(FLAGS, (False, len(self), compress_keypoints), strict=True))
        with atomic_write(path) as stream:
            write_npz(stream, members)


@dataclass(frozen=True, eq=False)
class HumanDataFile(Mapping[str, Any]):
    """The keys of a file: asking for one reads it, checks shape, type and length, and says what is wrong by name."""

    archive: Archive
    num_rows: int

    @classmethod
    def open(cls, path: Path) -> HumanDataFile:
        """Read the table of contents and the number of rows."""
        path = Path(path)
        archive = open_npz(path)
        if twice := duplicate_keys(path):
            raise InputError(
                f"{path} holds the key {twice[0]} more than once", todo="write the file again, each key once"
            )
        if "image_path" not in archive:
            near = closest("image_path", archive) if len(archive) else ""
            raise InputError(f"{path} has no image_path", expected="a HumanData file of MMHuman3D", todo=near)
        shape, dtype = peek(archive, "image_path")
        if len(shape) != 1 or dtype.kind not in "UO":
            found = f"{path}: image_path is {dtype} of shape {shape}"
            raise InputError(found, expected="one path, a string, for each row")
        return cls(archive, shape[0])

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.archive.path

    @property
    def masks(self) -> set[str]:
        """The keys that are masks of keypoints that the file holds."""
        return {mask for key in self if is_keypoints(key) and (mask := self._mask_key(key))}

    def __iter__(self) -> Iterator[str]:
        return iter(self.archive)

    def __len__(self) -> int:
        return len(self.archive)

    def __contains__(self, key: object) -> bool:
        return key in self.archive

    def __getitem__(self, key: str) -> Any:
        value = self.archive[key]
        if key in (*BODY_FAMILIES, "meta", "misc"):
            return self._dict(key, value)
        if value.dtype == object and value.ndim == 0 and key not in ("image_path", *BOXES) and not is_keypoints(key):
            return value.item()
        if key not in ("image_path", *BOXES) and not is_keypoints(key):
            return value
        if value.ndim == 0 or len(value) != self.num_rows:
            raise _wrong_length(f"{self.path}: {key}", len(value) if value.ndim else "a single value", self.num_rows)
        return self.check(key, value)

    def check_boxes(self) -> None:
        """Raise `InputError` if there are no boxes of people."""
        if "bbox_xywh" not in self:
            todo = closest("bbox_xywh", self)
            raise InputError(f"{self.path} has no bbox_xywh", expected="a box for each row", todo=todo)

    def check(self, key: str, part: np.ndarray, start: int = 0) -> np.ndarray:
        """Rows of an array, from row `start` of the file on, as the type that `HumanData` keeps.

        Raises:
            InputError: they are not what the format says.
        """
        if key == "image_path":
            return _check_paths(f"{self.path}: {key}", part, start)
        wants = (len(part), 5) if key in BOXES else (len(part), -1, channels(key)) if is_keypoints(key) else None
        if wants is not None:
            check_array(str(self.path), key, part, wants)
            with np.errstate(over="ignore"):
                return part.astype(np.float32, copy=False) if key in BOXES or part.dtype.kind != "f" else part
        return part

    @contextmanager
    def rows(self, key: str) -> Iterator[Rows]:
        """An array row by row, not yet checked (`check` does), while the block lasts."""
        with rows(self.archive, key) as stream:
            if stream.shape[0] != self.num_rows:
                raise _wrong_length(f"{self.path}: {key}", stream.shape[0], self.num_rows)
            yield stream

    def keypoints(self, key: str) -> tuple[Float[np.ndarray, "row 190 _"], np.ndarray]:
        """Keypoints of the 190 joints, and which of them the file has at all (its mask)."""
        values = self[key]
        slots, mask = self.slots(key, values.shape[1])
        return spread(values, slots), mask

    def slots(self, key: str, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each of `width` stored joints belongs among the 190, and the mask (190,) of those the file has.

        Raises:
            InputError: the mask is no mask, or it and the width fit no joint convention.
        """
        name = self._mask_key(key)
        mask = None if name is None else self.archive[name]
        return joint_slots(f"{self.path}: {key}", width, mask)

    def _mask_key(self, key: str) -> str | None:
        names = (f"{key}_mask", f"{key[: len('keypoints2d')]}_mask")
        return next((name for name in names if name in self.archive), None)

    def _dict(self, key: str, value: np.ndarray) -> dict[str, Any]:
        content = value.item() if value.dtype == object and value.ndim == 0 else value
        if not isinstance(content, dict):
            raise InputError(f"{self.path}: {key} holds a {type(content).__name__}", expected="a dict of arrays")
        if key in BODY_FAMILIES:
            content = {name: to_array(f"{self.path}: {key}.{name}", entry) for name, entry in content.items()}
            check_params(str(self.path), key, content, self.num_rows)
        return content


def duplicate_keys(path: Path) -> list[str]:
    """Keys that an .npz file holds more than once: which of them counts is anyone's guess."""
    with opened(path) as stream:
        counts = Counter(zipfile.ZipFile(stream).namelist())
    return sorted({name.removesuffix(".npy") for name, count in counts.items() if count > 1})


def joint_slots(name: str, width: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Which of the 190 joints each of `width` stored ones is (-1: none), and the mask of 190 (SPEC 4.2).

    190 joints, as many as the mask has ones, the 144 of SMPL-X, or the 137 of `SMPLX_137`, which has the eyes twice:
    those of the body are taken.
    """
    order = {NUM_JOINTS: np.arange(NUM_JOINTS), 144: np.arange(144), 137: _PLACES_137}.get(width)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.ndim != 1 or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
            raise InputError(f"{name}_mask is {mask.dtype} of shape {mask.shape}", expected="190 times 0 or 1")
        ones = np.flatnonzero(mask)
        if len(mask) == NUM_JOINTS and len(ones) == width:
            return ones, mask
        if len(mask) != width or order is None:
            found = f"{name} holds {width} joints, and its mask {len(ones)} ones of {len(mask)}"
            raise InputError(
                found, expected="190 joints, or as many as the mask has ones; or 144 or 137 with such a mask"
            )
    if order is None:
        raise InputError(f"{name} holds {width} joints and has no mask", expected="190, 144 (SMPL-X) or 137 joints")
    full = np.zeros(NUM_JOINTS, np.uint8)
    full[order[order >= 0]] = 1 if mask is None else mask[order >= 0]
    return order, full


def spread(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Stored joints (N, K, c) in their places among the 190, zeros elsewhere."""
    if np.array_equal(slots, np.arange(NUM_JOINTS)):
        return values
    wide = np.zeros((len(values), NUM_JOINTS, values.shape[2]), values.dtype)
    wide[:, slots[slots >= 0]] = values[:, slots >= 0]
    return wide


def channels(key: str) -> int:
    """Numbers of one keypoint: its coordinates and a confidence."""
    return 4 if key.startswith("keypoints3d") else 3


def check_array(where: str, key: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless the array holds real numbers and has this shape; -1 stands for any size."""
    sizes = len(array.shape) == len(shape) and all(s in (-1, size) for s, size in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "biuf" or not sizes:
        wanted = " x ".join("any" if size < 0 else str(size) for size in shape)
        found = f"{where}: {key} is {array.dtype} of shape {tuple(array.shape)}"
        raise InputError(found, expected=f"numbers, {wanted}")


def check_params(where: str, family: str, params: Mapping[str, np.ndarray], count: int) -> None:
    """Raise `InputError` unless each parameter has one entry for each row, as a number or a string."""
    for name, value in params.items():
        if value.dtype.kind not in "biufUO":
            raise InputError(f"{where}: {family}.{name} is {value.dtype}", expected="numbers")
        if value.ndim == 0 or len(value) != count:
            found = "a single value" if value.ndim == 0 else len(value)
            raise _wrong_length(f"{where}: {family}.{name}", found, count)


def to_array(name: str, value: Any) -> np.ndarray:
    """The value as an array; raise `InputError` if its rows are of different shapes."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} holds rows of different shapes", expected="one array of numbers") from error


def _wrong_length(name: str, found: int | str, wanted: int) -> InputError:
    count = f"{found} rows" if isinstance(found, int) else found
    return InputError(f"{name} has {count}", expected=f"{wanted} rows, as image_path has")


def _check_paths(name: str, part: np.ndarray, start: int) -> np.ndarray:
    if part.dtype.kind == "O":
        bad = next((row for row, entry in enumerate(part) if not isinstance(entry, str)), None)
        if bad is not None:
            raise InputError(f"{name}, row {start + bad}, is a {type(part[bad]).__name__}", expected="a path, a string")
    return part
