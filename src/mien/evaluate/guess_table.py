"""Predictions of any system as a plain table: a row a person, .csv or .parquet.

| columns | what |
|---|---|
| `image` | path of the picture, as the truth calls it or the end of that |
| `person` | optional: a name of the person, once a picture |
| `box_x`, `box_y`, `box_w`, `box_h` | optional: the box that it is about, pixels; empty where there is none |
| `score` | optional: of the detection, 0..1 |
| `global_orient_0` .. `_2`, `body_pose_0` .. `_62` | axis-angle (radians) |
| `left_hand_pose_0` .. `_44`, `right_hand_pose_0` .. | optional: the same, absolute |
| `jaw_pose_0` .., `betas_0` .. `_9`, `expression_0` .., `transl_0` .. | optional: 0 where absent |
| `fx`, `fy`, `cx`, `cy` | optional: the camera of the parameters, pixels of the picture; empty where there is none |
| `body_family` | optional: `smplx` (default) or `openbody` |
| `JOINT_x`, `JOINT_y`, `JOINT_z` | instead of parameters: joints in metres, names as in a result file (`left_knee`) |
| `JOINT_u`, `JOINT_v` | joints in pixels of the picture |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.data.samples import PARAMS
from mien.errors import InputError
from mien.files import opened
from mien.metrics.joints import JOINT_NAMES

__all__ = ["read_table"]

_NEEDED = ("global_orient", "body_pose")
_TEXT = ("image", "person", "body_family")


def read_table(path: Path, families: set[str]) -> list[dict[str, Any]]:
    """The rows of a table as fields of a `Guess`.

    Args:
        path: of the table.
        families: the bodies that its rows are of are added to it.

    Raises:
        InputError: it cannot be read, lacks columns, or holds what is no number.
    """
    columns = _columns(path)
    if "image" not in columns:
        raise InputError(f"{path} has no column image", expected="one picture a row")
    count = len(columns["image"])
    params = _params(path, columns, count)
    joints, pixels = (_joints(path, columns, axes, count) for axes in ("xyz", "uv"))
    if params is None and joints is None:
        raise InputError(
            f"{path} says nothing of poses", expected="columns global_orient_0 .., body_pose_0 .. or left_knee_x .."
        )
    camera = _numbers(path, columns, ("fx", "fy", "cx", "cy"), count)
    box = _numbers(path, columns, tuple(f"box_{side}" for side in "xywh"), count)
    score = _numbers(path, columns, ("score",), count)
    if params is not None:
        families.update(each or "smplx" for each in columns.get("body_family", [""] * count))
    return [
        {
            "picture": _stem(str(columns["image"][i])),
            "where": f"{path}, row {i + 1}",
            "params": None if params is None else {name: value[i : i + 1] for name, value in params.items()},
            "K": None if camera is None or not np.isfinite(camera[i]).all() else _matrix(camera[i]),
            "box": None if box is None or not np.isfinite(box[i]).all() else box[i],
            "score": 1.0 if score is None or not np.isfinite(score[i, 0]) else float(score[i, 0]),
            "joints": None if joints is None else torch.from_numpy(joints[i]),
            "pixels": None if pixels is None else torch.from_numpy(pixels[i]),
            "known": str(columns["person"][i]) if "person" in columns else "",
        }
        for i in range(count)
    ]


def _columns(path: Path) -> dict[str, np.ndarray]:
    """Every column; those of `_TEXT` as text that is empty where there is nothing (a picture may be called 000001)."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    opened(path).close()
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            kinds = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_TEXT, pa.string()))
            table = pyarrow.csv.read_csv(path, convert_options=kinds)
        names = table.column_names  # arrow's errors may hold bytes of the file that are no text
        if len(set(names)) < len(names):
            raise ValueError("two columns have one name")
        plain = {name: table[name].cast(pa.string()).fill_null("") if name in _TEXT else table[name] for name in names}
        return {name: each.to_numpy(zero_copy_only=False) for name, each in plain.items()}
    except (OSError, ValueError, MemoryError, NotImplementedError, pa.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read ({error})", expected="a table: .csv with a header, or .parquet"
        ) from error


def _numbers(path: Path, columns: dict[str, np.ndarray], names: tuple[str, ...], count: int) -> np.ndarray | None:
    """Columns side by side (count, names); None if the first is absent."""
    if names[0] not in columns:
        return None
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError(f"{path} has {names[0]} and lacks {', '.join(missing[:5])}")
    try:
        found = np.stack([columns[name].astype(np.float32) for name in names], 1)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {names[0]} .. {names[-1]} hold what is no number ({error})") from error
    return found.reshape(count, len(names))


def _params(path: Path, columns: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray] | None:
    found: dict[str, np.ndarray] = {}
    for name, shape in PARAMS.items():
        size = int(np.prod(shape))
        values = _numbers(path, columns, tuple(f"{name}_{i}" for i in range(size)), count)
        if values is None and name in _NEEDED:
            return None
        found[name] = np.zeros((count, *shape), np.float32) if values is None else values.reshape(count, *shape)
    return found


def _joints(path: Path, columns: dict[str, np.ndarray], axes: str, count: int) -> np.ndarray | None:
    """(count, 137, axes); NaN for joints that the table does not have."""
    found = np.full((count, len(JOINT_NAMES), len(axes)), np.nan, np.float32)
    some = False
    for i, name in enumerate(JOINT_NAMES):
        values = _numbers(path, columns, tuple(f"{name}_{axis}" for axis in axes), count)
        if values is not None:
            found[:, i], some = values, True
    return found if some else None


def _matrix(camera: np.ndarray) -> torch.Tensor:
    fx, fy, cx, cy = (float(value) for value in camera)
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _stem(name: str) -> str:
    head, dot, ending = name.replace("\\", "/").strip("/").rpartition(".")
    return head if dot and "/" not in ending else name
