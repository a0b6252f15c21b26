"""Body parameters in json, under the names of SMPL-X or those of NeuralAnnot, and the turn from world to camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.data.readers.base import Columns, Record, load_json, mapping_in, numbers, put_params
from mien.data.samples import PARAMS
from mien.errors import InputError
from mien.limits import MAX_COEFFICIENTS

__all__ = ["NeuralAnnot", "put_camera", "put_smpl", "put_smplx", "rotate_root", "to_camera"]

_NAMES: dict[str, tuple[str, ...]] = {
    "global_orient": ("global_orient", "root_pose"),
    "body_pose": ("body_pose",),
    "jaw_pose": ("jaw_pose",),
    "leye_pose": ("leye_pose",),
    "reye_pose": ("reye_pose",),
    "left_hand_pose": ("left_hand_pose", "lhand_pose"),
    "right_hand_pose": ("right_hand_pose", "rhand_pose"),
    "betas": ("betas", "shape"),
    "expression": ("expression", "expr"),
    "transl": ("transl", "trans"),
}


class NeuralAnnot:
    """A file of pseudo labels: `{annotation id: {smplx_param: {root_pose, ...}, cam_param: {focal, princpt}}}`.

    Some of them (3DPW, Human3.6M) have the parameters themselves in the place of `smplx_param`. Their hand poses are
    offsets from the mean hand, the default of the layer that their authors fitted with.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.content = mapping_in(self.path, load_json(self.path), "an object of parameters by annotation")

    def rows(self, keys: Sequence[Sequence[Any]]) -> tuple[list[Record | None], list[Record | None]]:
        """Parameters and camera of each row; a row's keys lead down the file."""
        params, cameras = [], []
        for steps in keys:
            entry: Any = self.content
            for step in steps:
                entry = entry.get(str(step)) if isinstance(entry, dict) else None
            inner = entry.get("smplx_param", entry) if isinstance(entry, dict) else None
            if entry is not None and not isinstance(inner, dict):
                raise InputError(f"{self.path}: entry {'/'.join(map(str, steps))} holds no parameters")
            params.append(inner)
            cameras.append(entry.get("cam_param") if isinstance(entry, dict) else None)
        return params, cameras


def put_smplx(columns: Columns, path: Path, entries: Sequence[Record | None], *, flat_hand_mean: bool) -> None:
    """SMPL-X parameters, one object (or None) for each row."""
    gathered = {name: [_first(entry, aliases) for entry in entries] for name, aliases in _NAMES.items()}
    found = {}
    for name, values in gathered.items():
        present = next((value for value in values if value is not None), None)
        if present is not None:
            shape = (np.size(present),) if name in ("betas", "expression") else PARAMS[name]
            if shape[0] > MAX_COEFFICIENTS:
                raise InputError(f"{path}: {name} of {shape[0]} numbers", expected=f"at most {MAX_COEFFICIENTS}")
            found[name] = numbers(f"{path}: {name}", values, shape, int(columns.row[0]))
    put_params(columns, found)
    columns.put_text("params_from", "smplx")
    if {"left_hand_pose", "right_hand_pose"} & set(found):
        columns.put_extra("flat_hand_mean", np.full(len(columns.row), float(flat_hand_mean)))


def put_smpl(columns: Columns, path: Path, entries: Sequence[Record | None]) -> None:
    """SMPL parameters `{pose (72), shape, trans, gender}`: the joints that SMPL-X shares, the rest into `extra`."""
    first = int(columns.row[0])
    pose, known = numbers(f"{path}: pose", [_first(entry, ("pose",)) for entry in entries], (24, 3), first)
    columns.put("global_orient", pose[:, 0], known)
    columns.put("body_pose", pose[:, 1:22], known)
    columns.put_extra("smpl_body_pose", pose[:, 1:], known)
    for name, alias, width in (("smpl_betas", "shape", 10), ("smpl_transl", "trans", 3)):
        columns.put_extra(name, *numbers(f"{path}: {alias}", [_first(e, (alias,)) for e in entries], (width,), first))
    columns.put_text("gender", [str((entry or {}).get("gender") or "") for entry in entries])
    columns.put_text("params_from", "smpl")


def put_camera(columns: Columns, path: Path, entries: Sequence[Record | None]) -> None:
    """Cameras `{focal: [fx, fy], princpt: [cx, cy]}`."""
    first = int(columns.row[0])
    focal, known = numbers(f"{path}: focal", [_first(entry, ("focal", "f")) for entry in entries], (2,), first)
    centre, also = numbers(f"{path}: princpt", [_first(entry, ("princpt", "c")) for entry in entries], (2,), first)
    if (known * also).any():
        columns.put("camera", np.concatenate([focal, centre], 1), known * also * (focal > 0).all(1))


def rotate_root(
    rotation: Float[np.ndarray, "row 3 3"], axis_angle: Float[np.ndarray, "row 3"]
) -> Float[np.ndarray, "row 3"]:
    """A root orientation given in the world, in the camera: `rotation` takes world to camera."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_matrix(rotation.astype(np.float64)) * Rotation.from_rotvec(axis_angle.astype(np.float64))
    return turned.as_rotvec().astype(np.float32)


def to_camera(
    points: Float[np.ndarray, "row joint 3"],
    rotation: Float[np.ndarray, "row 3 3"],
    translation: Float[np.ndarray, "row 3"],
) -> Float[np.ndarray, "row joint 3"]:
    """Points of the world in the camera."""
    return np.einsum("rij,rkj->rki", rotation, points) + translation[:, None]


def _first(entry: Mapping[str, Any] | None, names: Sequence[str]) -> Any:
    return next((entry[name] for name in names if entry is not None and entry.get(name) is not None), None)
