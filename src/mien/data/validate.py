"""What is wrong with a HumanData file: every key, shape and type, every row that is no number, and what looks odd.

A `problem` breaks the format; a `doubt` is allowed and yet probably not meant (millimetres, swapped hands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.data.humandata import (
    BODY_FAMILIES,
    BOXES,
    FLAGS,
    HumanDataFile,
    channels,
    duplicate_keys,
    is_keypoints,
    to_array,
)
from mien.data.images import ImageStore, turned
from mien.data.plausible import Plausibility
from mien.data.readers import CHUNK, READERS
from mien.data.readers.humandata import single_number
from mien.data.samples import by_row
from mien.errors import InputError, MienError, UnsafeFile, closest
from mien.npz import open_npz

__all__ = ["Finding", "validate"]

_KNOWN = (
    "image_path", *BOXES, *BODY_FAMILIES, "mano", "meta", "misc", "vertices3d_path", "config", "joints_visible",
    *FLAGS,
    *(f"keypoints{kind}" for kind in ("2d", "2d_smplx", "2d_smpl", "2d_original", "3d", "3d_cam", "3d_smplx", "3d_smpl",
                                      "3d_original")),
)  # fmt: skip
_PARAMS: dict[str, tuple[tuple[int, ...], ...]] = {
    "global_orient": ((3,),),
    "body_pose": ((21, 3), (63,), (23, 3), (69,)),
    "betas": ((10,), (11,), (16,), (300,)),
    "transl": ((3,),),
    "left_hand_pose": ((15, 3), (45,)),
    "right_hand_pose": ((15, 3), (45,)),
    "expression": ((10,), (50,), (100,)),
    "jaw_pose": ((3,),),
    "leye_pose": ((3,),),
    "reye_pose": ((3,),),
    "betas_neutral": ((10,),),
    "betas_extra": ((1,), ()),
    "lhand_root": ((3,),),
    "rhand_root": ((3,),),
}
_META = (
    "height", "width", "gender", "focal_length", "principal_point", "RT", "annot_valid", "valid_label", "iscrowd",
    "num_keypoints",
)  # fmt: skip


LOOKED_AT = 64
"""At most so many pictures are read to see whether they are upright."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    level: Literal["problem", "doubt"]
    key: str
    what: str
    row: int | None = None
    """The first row of it."""
    rows: int = 1
    """How many rows it is in."""


def validate(path: Path, *, images: Path | None = None, sample: int = 64) -> Iterator[Finding]:
    """Whatever is found, as it is found.

    Args:
        path: the .npz file.
        images: the picture root (a folder, a .tar or a .zip); `sample` pictures, spread over the file, are looked for
            below it.
        sample: how many; 0 stands for all.

    Raises:
        InputError: the file is not there, or is no .npz.
    """
    path = Path(path)
    archive = open_npz(path)
    for key in duplicate_keys(path):
        yield Finding(level="problem", key=key, what="it is in the file more than once, and which counts is a guess")
        return
    try:
        file = HumanDataFile.open(path)
    except MienError as error:
        yield Finding(level="problem", key="image_path" if "image_path" in archive else "", what=str(error))
        return
    good = True
    for finding in _keys(file):
        good = good and finding.level != "problem"
        yield finding
    if images is not None:
        yield from _pictures(file, Path(images), sample)
    yield from _plausible(path, good)


def _plausible(path: Path, good: bool) -> Iterator[Finding]:
    """What the labels look like to someone who reads them. A file with problems may not be readable at all."""
    statistics = Plausibility()
    try:
        for samples in READERS["humandata"].read(path):
            statistics.add(samples)
    except MienError as error:
        if good:
            yield Finding(level="problem", key="", what=str(error))
        return
    for doubt in statistics.doubts():
        yield Finding(level="doubt", key=doubt.key, what=doubt.what, row=doubt.row, rows=doubt.rows)


def _keys(file: HumanDataFile) -> Iterator[Finding]:
    """Each key by itself: name, type, shape, length, numbers."""
    masks = {f"{key}_mask" for key in file if is_keypoints(key)} | {"keypoints2d_mask", "keypoints3d_mask"}
    for key in file:
        if key not in _KNOWN and not is_keypoints(key) and key not in masks:
            yield Finding(level="doubt", key=key, what=f"no reader knows this key; {closest(key, _KNOWN)}")
        elif is_keypoints(key) and key not in _KNOWN:
            yield Finding(
                level="doubt", key=key, what=f"keypoints under a name that is never asked for; {closest(key, _KNOWN)}"
            )
        check = _CHECKS.get(key) or (_check_keypoints if is_keypoints(key) else None)
        try:
            if check is not None:
                yield from check(file, key)
        except UnsafeFile as error:
            yield Finding(level="problem", key=key, what=f"it would run code when read: {error.found}")
        except MienError as error:
            yield Finding(level="problem", key=key, what=str(error).replace(f"{file.path}: ", ""))
    if "bbox_xywh" not in file:
        yield Finding(level="problem", key="bbox_xywh", what=f"it is missing; {closest('bbox_xywh', file)}")
    if not any(family in file for family in BODY_FAMILIES) and not any(map(is_keypoints, file)):
        yield Finding(level="doubt", key="", what="it has neither keypoints nor body parameters")


def _check_array(file: HumanDataFile, key: str) -> Iterator[Finding]:
    """Boxes and paths: shape and numbers, row by row."""
    bad, empty = _Rows(), _Rows()
    with file.rows(key) as stream:
        for start in range(0, file.num_rows, CHUNK):
            part = file.check(key, stream.take(CHUNK), start)
            if key in BOXES:
                bad.add(start, ~np.isfinite(part).all(1))
                empty.add(start, (part[:, 2:4] <= 0).any(1) & ((part[:, 4] > 0) | (key == "bbox_xywh")))
            else:
                empty.add(start, np.array([not str(name).strip() for name in part]))
    yield from bad.finding("problem", key, "is no number")
    yield from empty.finding("doubt", key, "has no size" if key in BOXES else "is empty")


def _check_keypoints(file: HumanDataFile, key: str) -> Iterator[Finding]:
    """Shape, mask, numbers, confidences."""
    bad, odd, said, any_known = _Rows(), _Rows(), False, False
    with file.rows(key) as stream:
        width = stream.shape[1] if len(stream.shape) == 3 else 0
        if len(stream.shape) != 3 or stream.shape[2] != channels(key):
            found = f"{key} is of shape {stream.shape}"
            raise InputError(found, expected=f"{file.num_rows} x joints x {channels(key)}")
        slots, mask = file.slots(key, width)
        keep = np.append(mask, 0)[slots] > 0
        for start in range(0, file.num_rows, CHUNK):
            part = file.check(key, stream.take(CHUNK), start)[:, keep]
            bad.add(start, ~np.isfinite(part).all((1, 2)))
            odd.add(start, ((part[..., -1] < 0) | (part[..., -1] > 1.0001)).any(1))
            said |= bool((part[..., -1] > 0).any())
            any_known |= bool(np.nan_to_num(part[..., :-1]).any())
    if f"{key}_mask" not in file:
        yield Finding(level="doubt", key=key, what=f"it has no {key}_mask")
    yield from bad.finding("problem", key, "holds a joint that is no number")
    yield from odd.finding("doubt", key, "holds a confidence outside 0..1")
    if any_known and not said:
        yield Finding(level="doubt", key=key, what="all confidences are 0, so the mask alone says what is known")
    if (mask > 0).any() and not any_known:
        yield Finding(level="doubt", key=key, what="all coordinates are 0")
    yield from _check_flag(file, key, width, mask)


def _check_flag(file: HumanDataFile, key: str, width: int, mask: np.ndarray) -> Iterator[Finding]:
    if "__keypoints_compressed__" in file:
        compressed = single_number(file["__keypoints_compressed__"])
        if compressed == 1 and width != int((mask > 0).sum()):
            what = f"it is said to be compressed, and holds {width} joints for {int((mask > 0).sum())} of its mask"
            yield Finding(level="problem", key=key, what=what)


def _check_family(file: HumanDataFile, key: str) -> Iterator[Finding]:
    """Parameters of a body: names, shapes, numbers, lengths of rotations."""
    for name, value in file[key].items():
        full = f"{key}.{name}"
        if name not in _PARAMS:
            yield Finding(level="doubt", key=full, what=f"no parameter is called so; {closest(str(name), _PARAMS)}")
            continue
        shapes = [(21, 3), (63,)] if name == "body_pose" and key != "smpl" else _PARAMS[name]
        if value.dtype.kind not in "biuf" or value.shape[1:] not in shapes:
            wanted = " or ".join(" x ".join(map(str, (file.num_rows, *shape))) for shape in shapes)
            yield Finding(
                level="problem", key=full, what=f"it is {value.dtype} of shape {value.shape}; expected {wanted}"
            )
            continue
        bad, odd = _Rows(), _Rows()
        flat = by_row(value)
        bad.add(0, ~np.isfinite(flat).all(1))
        if name.endswith(("_pose", "_orient", "_root")):
            angles = np.linalg.norm(flat.reshape(len(flat), flat.shape[1] // 3, 3), axis=2)
            odd.add(0, (angles > 2 * np.pi + 1e-3).any(1))
        yield from bad.finding("problem", full, "is no number")
        yield from odd.finding("doubt", full, "turns by more than 2 pi: degrees, or no axis-angle?")
        if name == "betas":
            large = _Rows()
            large.add(0, (np.abs(np.nan_to_num(flat)) > 10).any(1))
            yield from large.finding("doubt", full, "is a shape more than 10 standard deviations off")
    for name in ("global_orient", "body_pose"):
        if name not in file[key] and not any(side in file[key] for side in ("left_hand_pose", "right_hand_pose")):
            yield Finding(level="doubt", key=key, what=f"it has no {name}")


def _check_meta(file: HumanDataFile, key: str) -> Iterator[Finding]:
    for name, value in file[key].items():
        if name not in _META or value is None:
            continue
        array = to_array(f"{key}.{name}", value)
        if array.ndim and len(array) != file.num_rows and array.shape != (2,):
            yield Finding(
                level="problem", key=f"{key}.{name}", what=f"it has {len(array)} rows; expected {file.num_rows}"
            )
        elif array.dtype.kind in "biuf" and array.ndim:
            bad = _Rows()
            numbers = by_row(array)
            bad.add(0, ~np.isfinite(numbers).all(1))
            yield from bad.finding("problem", f"{key}.{name}", "is no number")
            if name in ("height", "width", "focal_length"):
                none = _Rows()
                none.add(0, (np.nan_to_num(numbers, nan=1.0) <= 0).any(1))
                yield from none.finding("problem", f"{key}.{name}", "is not above 0")


def _check_misc(file: HumanDataFile, key: str) -> Iterator[Finding]:
    content: Mapping[str, Any] = file[key]
    hands = any("left_hand_pose" in file[family] for family in ("smplx", "smplh") if family in file)
    if hands and single_number(content.get("flat_hand_mean")) is None:
        what = "it does not say whether hand poses are absolute (true) or offsets from the mean hand (false)"
        yield Finding(level="doubt", key="misc.flat_hand_mean", what=what)


def _check_length(file: HumanDataFile, key: str) -> Iterator[Finding]:
    length = single_number(file[key])
    if length is None or (length >= 0 and length != file.num_rows):
        yield Finding(level="problem", key=key, what=f"it says {length}, and image_path has {file.num_rows} rows")


def _pictures(file: HumanDataFile, root: Path, sample: int) -> Iterator[Finding]:
    """Pictures that are not there, and such as are not stored upright: labels are of the stored pixels."""
    names = [str(name).lstrip("/") for name in file["image_path"]]
    count = len(names) if sample <= 0 else min(sample, len(names))
    chosen = np.unique(np.linspace(0, len(names) - 1, count).astype(int)).tolist() if count else []
    try:
        images = ImageStore.open(str(root))
        lost = [row for row in chosen if not images.has(names[row])]
    except InputError as error:
        yield Finding(level="problem", key="image_path", what=str(error))
        return
    if lost:
        what = f"{len(lost)} of {len(chosen)} pictures looked for are not below {root}, such as {names[lost[0]]}"
        yield Finding(level="problem", key="image_path", what=what, row=lost[0])
    looked_at = chosen[:: 1 + len(chosen) // LOOKED_AT]
    if odd := turned(images, [names[row] for row in looked_at]):
        what = f"{len(odd)} of {len(looked_at)} pictures are turned by their EXIF block, such as {odd[0]}: "
        yield Finding(level="doubt", key="image_path", what=f"{what}labels must be of the pixels as they are stored")


class _Rows:
    """Rows of which something is true: the first of them and how many there are."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.count = 0

    def add(self, start: int, true: np.ndarray | np.generic) -> None:
        """Take in a part of the rows."""
        where = np.flatnonzero(true)
        if len(where) and self.first is None:
            self.first = start + int(where[0])
        self.count += len(where)

    def finding(self, level: Literal["problem", "doubt"], key: str, what: str) -> Iterator[Finding]:
        """The finding, if there is any."""
        if self.first is not None:
            yield Finding(level=level, key=key, what=what, row=self.first, rows=self.count)


_CHECKS: dict[str, Callable[[HumanDataFile, str], Iterator[Finding]]] = {
    **dict.fromkeys(("image_path", *BOXES), _check_array),
    **dict.fromkeys(BODY_FAMILIES, _check_family),
    "meta": _check_meta,
    "misc": _check_misc,
    "__data_len__": _check_length,
}
