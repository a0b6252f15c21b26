"""Files of AMASS and Motion-X as `Foreign` motion. Arrays only: no pickle runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from mien.body.conversion import NUM_SMPL, NUM_SMPLH, params_from_pose
from mien.convert.foreign import Foreign, Frame
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.npz import load_npy, open_npz

__all__ = ["MOTION_X", "read_amass", "read_motionx"]

MOTION_X: dict[str, tuple[int, int]] = {
    "root_orient": (0, 3),
    "pose_body": (3, 66),
    "pose_hand": (66, 156),
    "pose_jaw": (156, 159),
    "face_expr": (159, 209),
    "face_shape": (209, 309),
    "trans": (309, 312),
    "betas": (312, 322),
}
"""Columns of a file of Motion-X. `face_shape` is of FLAME, which SMPL-X has no place for: it is left out."""

_KINDS = {3 * NUM_SMPL: "SMPL", 3 * NUM_SMPLH: "SMPL-H", 165: "SMPL-X"}
_GENDERS = ("neutral", "male", "female")


def read_amass(path: Path, frame: Frame | None = None, fps: float | None = None) -> Foreign:
    """A clip in the layout of AMASS: `poses` of SMPL (72), SMPL-H (156) or SMPL-X (165), `trans`, `betas`, a rate.

    Args:
        path: of the .npz.
        frame: where it stands; None is AMASS's own world, z up.
        fps: frames a second, for files that do not say.

    Raises:
        InputError: the file is damaged, lacks something, or holds what are no numbers.
    """
    stored = open_npz(path)
    poses = _numbers(path, stored, "poses", (-1, tuple(_KINDS)))
    count, kind = len(poses), _KINDS[poses.shape[1]]
    trans = _numbers(path, stored, "trans", (count, (3,)))
    betas = np.atleast_2d(_numbers(path, stored, "betas", None)) if "betas" in stored else np.zeros((1, 10))
    expression = _numbers(path, stored, "expression", None) if "expression" in stored else np.zeros((count, 10))
    if expression.ndim != 2 or len(expression) != count or betas.ndim != 2 or len(betas) not in (1, count):
        found = f"{path}: betas {betas.shape}, expression {expression.shape}"
        raise InputError(found, expected=f"one row, or {count}, of betas; {count} rows of expression")
    other = str(stored["note"]) if "note" in stored else ""
    lost = {"SMPL": "fingers, jaw and eyes are at rest", "SMPL-H": "jaw and eyes are at rest"}.get(kind, other)
    return Foreign(
        path=path,
        kind="amass",
        params=params_from_pose(
            matrix_from_axis_angle(_float(poses).unflatten(1, (-1, 3))),
            _float(trans),
            _float(betas).expand(count, -1),
            _float(expression),
        ),
        family=("smplx" if not other else "") if kind == "SMPL-X" else "smpl",
        gender=_gender(path, stored),
        fps=fps or _rate(path, stored),
        frame=frame or "z",
        note=lost,
    )


def read_motionx(path: Path, frame: Frame | None = None, fps: float | None = None) -> Foreign:
    """A clip of Motion-X: an .npy (or an .npz with one array) of 322 columns, see `MOTION_X`; 30 frames a second.

    Args:
        path: of the file.
        frame: where it stands; None is a world with y up.
        fps: frames a second, if not 30.

    Raises:
        InputError: the file is damaged, of another width, or holds what are no numbers.
    """
    stored: Mapping[str, Any] = {"the array": load_npy(path)} if path.suffix == ".npy" else open_npz(path)
    name = next(iter(stored), "the array")
    rows = _numbers(path, stored, name, (-1, (322,)))
    part = {key: _float(rows[:, first:last]) for key, (first, last) in MOTION_X.items()}
    eyes = torch.zeros(len(rows), 6)
    pose = torch.cat([part["root_orient"], part["pose_body"], part["pose_jaw"], eyes, part["pose_hand"]], 1)
    return Foreign(
        path=path,
        kind="motionx",
        params=params_from_pose(
            matrix_from_axis_angle(pose.unflatten(1, (-1, 3))), part["trans"], part["betas"], part["face_expr"]
        ),
        family="smplx",
        gender="neutral",
        fps=fps or 30.0,
        frame=frame or "y",
        note="the shape of FLAME's face is left out" if bool(part["face_shape"].any()) else "",
    )


def _numbers(
    path: Path, stored: Mapping[str, Any], key: str, shape: tuple[int, tuple[int, ...]] | None
) -> Float64[np.ndarray, "..."]:
    """An array of finite numbers: any, or with this many rows (-1: any) and one of these widths."""
    if key not in stored:
        held = ", ".join(sorted(stored)[:8]) or "nothing"
        raise InputError(f"{path} has no {key}; it holds {held}", expected="a motion file of this kind")
    array = np.asarray(stored[key])
    if shape is not None:
        rows, widths = shape
        if array.ndim != 2 or array.shape[1] not in widths or rows not in (-1, len(array)):
            wide = " or ".join(str(width) for width in widths)
            wanted = f"{'any' if rows < 0 else rows} rows of {wide} numbers"
            raise InputError(f"{path}: {key} is of shape {array.shape}", expected=wanted)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InputError(f"{path}: {key} holds what are no numbers", expected="finite numbers")
    return array.astype(np.float64)


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _rate(path: Path, stored: Mapping[str, Any]) -> float:
    for key in ("mocap_framerate", "mocap_frame_rate", "fps"):
        if key in stored:
            found = np.asarray(stored[key])
            rate = float(found.flat[0]) if found.size and found.dtype.kind in "iuf" else np.nan
            if not (np.isfinite(rate) and rate > 0):
                raise InputError(
                    f"{path}: {key} is {found!s:.40}", expected="frames a second", todo="name it with --fps"
                )
            return rate
    raise InputError(f"{path} has no frame rate", expected="mocap_framerate", todo="name it with --fps")


def _gender(path: Path, stored: Mapping[str, Any]) -> str:
    """As the file says it: text, bytes or an array of either."""
    if "gender" not in stored:
        return "neutral"
    word = next(iter(np.asarray(stored["gender"]).flat), "")
    word = (word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)).lower()
    if word not in _GENDERS:
        raise InputError(f"{path}: gender is {word!r}", expected=", ".join(_GENDERS))
    return word
