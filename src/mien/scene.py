"""What a user gets: every person of a picture, in the picture's own pixels and one camera; and its file.

A result file is an .npz of plain arrays (never a pickle), so that it can be read without this package. Its keys are
described in `docs/conventions.md`; `SCHEMA_VERSION` changes when one of them changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.errors import InputError
from mien.files import atomic_write
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.limits import MAX_COEFFICIENTS
from mien.npz import load_npz
from mien.records import Record, SmplxParams

__all__ = [
    "ROW_SHAPES",
    "SCHEMA_VERSION",
    "Origin",
    "Person",
    "Scene",
    "Shot",
    "arrays_of_rows",
    "read",
    "read_arrays",
    "rows_of_arrays",
    "shared_of_arrays",
]

SCHEMA_VERSION = 1

_ROTATIONS = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
_PARAMS = (*_ROTATIONS, "betas", "expression", "transl")
_TENSORS = (
    "bbox",
    "crop_bbox",
    "score",
    "joints3d",
    "joints2d",
    "crop_K",
    "crop_transl",
    "transl_residual",
)

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
ROW_SHAPES: dict[str, tuple[int, ...]] = {
    "global_orient": (3,), "body_pose": (21, 3), "jaw_pose": (3,), "leye_pose": (3,), "reye_pose": (3,),
    "left_hand_pose": (15, 3), "right_hand_pose": (15, 3), "betas": (10,), "expression": (10,), "transl": (3,),
    "bbox": (4,), "crop_bbox": (4,), "score": (), "joints3d": (144, 3), "joints2d": (144, 2), "crop_K": (3, 3),
    "crop_transl": (3,), "transl_residual": (), "crop_global_orient": (3,), "part_bbox": (3, 4),
}  # fmt: skip
"""What a result file holds of each person. Another number of betas or of coefficients of expression is read, too."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a result comes from; every field stands in the file under its own name."""

    weights_name: str
    weights_sha256: str
    body_family: str
    body_name: str
    body_sha256: str
    detector: str
    mien_version: str
    warning: str = ""
    """Said loudly wherever the result is shown, e.g. that the weights are random. Empty if all is well."""


@dataclass(frozen=True, kw_only=True)
class Person(Record):
    """One person of a picture: a `Scene` without its person axis."""

    params: SmplxParams
    bbox: Float[Tensor, "*person 4"]
    """x1, y1, x2, y2 as detected; picture pixels."""
    crop_bbox: Float[Tensor, "*person 4"]
    """x, y, w, h of the padded box that the network saw; picture pixels."""
    score: Float[Tensor, "*person"]
    joints3d: Float[Tensor, "*person 144 3"]
    """Metres, in the camera of the whole picture."""
    joints2d: Float[Tensor, "*person 144 2"]
    """Picture pixels, through the network's own crop camera."""
    crop_K: Float[Tensor, "*person 3 3"]
    """The virtual camera in which the network answers; picture pixels."""
    crop_transl: Float[Tensor, "*person 3"]
    """The network's own answer: metres, in the virtual crop camera."""
    crop_global_orient: Float[Tensor, "*person 3 3"]
    """The network's own answer, in the virtual crop camera."""
    transl_residual: Float[Tensor, "*person"]
    """Root mean square distance, in pixels, between `joints2d` and the projection of `joints3d` (body joints)."""
    part_bbox: Float[Tensor, "*person 3 4"] | None = None
    """Where the network looked for left hand, right hand and face: x1, y1, x2, y2; picture pixels. None if it does not
    look for them first."""


@dataclass(frozen=True, kw_only=True)
class Shot(Record):
    """What everyone in a picture, or in a clip, has in common."""

    K: Float[Tensor, "3 3"]
    """The one camera of the whole picture, or of the whole clip; pixels."""
    image_size: tuple[int, int]
    """Height and width of the upright picture, pixels."""
    camera: str
    """How the camera is known: `focal` or `fov` as the user said, `exif` as the picture says, or `default`."""
    orientation: str
    """`network`: `global_orient` is the network's own answer; `corrected`: turned to the camera of the picture."""
    origin: Origin
    world_from_camera: Float[Tensor, "4 4"] | None = None
    """Where the camera stands in an upright world with y up, metres, float64; None where nobody knows."""

    def shared_arrays(self) -> dict[str, np.ndarray]:
        """What stands in a result file once, by key."""
        found = {"schema_version": SCHEMA_VERSION, "flat_hand_mean": True, "K": self.K.cpu().numpy()}
        found |= {"image_size": self.image_size, "camera": self.camera, "orientation": self.orientation}
        found |= {field.name: getattr(self.origin, field.name) for field in fields(Origin)}
        if self.world_from_camera is not None:
            found["world_from_camera"] = self.world_from_camera.cpu().numpy()
        return {key: np.asarray(value) for key, value in found.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the result file by key."""
        raise NotImplementedError

    def save(self, path: Path | str) -> Path:
        """Write the result file, whole or not at all.

        Args:
            path: where to; `.npz` is appended if it is not there.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        path = Path(path)
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        with atomic_write(path) as stream:
            np.savez(stream, **self.arrays())  # pyright: ignore[reportArgumentType]
        return path


@dataclass(frozen=True, kw_only=True)
class Scene(Person, Shot):
    """Every person of one picture; a sequence of `Person`. Zero people is a valid scene."""

    def __len__(self) -> int:
        return self.score.shape[0]

    def __getitem__(self, index: int) -> Person:
        """The person at `index`."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"person {index} of {len(self)}")
        known: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(Person)}
        known = {name: None if value is None else value[index] for name, value in known.items()}
        return Person(**known)

    def __iter__(self) -> Iterator[Person]:
        return (self[i] for i in range(len(self)))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the result file by key: rotations as axis-angle, hands absolute."""
        return {**self.shared_arrays(), **arrays_of_rows(self)}


def arrays_of_rows(people: Person) -> dict[str, np.ndarray]:
    """The arrays of a result file that have a row for each person, float32: rotations as axis-angle."""
    found = {name: axis_angle_from_matrix(getattr(people.params, name)) for name in _ROTATIONS}
    found |= {name: getattr(people.params, name) for name in _PARAMS if name not in _ROTATIONS}
    found |= {name: getattr(people, name) for name in _TENSORS}
    found |= {} if people.part_bbox is None else {"part_bbox": people.part_bbox}
    found["crop_global_orient"] = axis_angle_from_matrix(people.crop_global_orient)
    return {key: value.cpu().numpy() for key, value in found.items()}


def rows_of_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The fields of `Person` from the arrays of a result file: the inverse of `arrays_of_rows`."""
    names = (*_PARAMS, *_TENSORS, "crop_global_orient", "part_bbox")
    tensors = {name: torch.from_numpy(arrays[name]).float() for name in names if name in arrays}
    rotations = {name: matrix_from_axis_angle(tensors[name]) for name in _ROTATIONS}
    return {
        "params": SmplxParams(**rotations, **{name: tensors[name] for name in _PARAMS if name not in _ROTATIONS}),
        **{name: tensors[name] for name in _TENSORS},
        "part_bbox": tensors.get("part_bbox"),
        "crop_global_orient": matrix_from_axis_angle(tensors["crop_global_orient"]),
    }


def shared_of_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The fields of `Shot` from the arrays of a result file."""
    height, width = (int(value) for value in arrays["image_size"])
    world = arrays.get("world_from_camera")
    return {
        "K": torch.from_numpy(arrays["K"]).float(),
        "image_size": (height, width),
        "camera": str(arrays["camera"]),
        "orientation": str(arrays["orientation"]),
        "origin": Origin(**{field.name: str(arrays[field.name]) for field in fields(Origin)}),
        "world_from_camera": None if world is None else torch.from_numpy(world.astype(np.float64)),
    }


def read(path: Path | str) -> Scene:
    """Read a picture's result file back.

    Raises:
        InputError: the file is missing, damaged, of a newer schema, no result of this package, or that of a clip.
    """
    arrays = read_arrays(path)
    if "track_id" in arrays:
        raise InputError(f"{path} is the result of a clip", expected="that of a picture", todo="use mien.clip.read")
    return Scene(**rows_of_arrays(arrays), **shared_of_arrays(arrays))


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of a result file, of a picture or of a clip, once they are seen to be all there.

    Raises:
        InputError: the file is missing, damaged, of a newer schema, or no result of this package.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist", expected="a result file (.npz)")
    try:
        arrays = load_npz(path)
    except InputError as error:
        todo = "write it again with `mien predict`"
        raise InputError(error.found, expected="a whole result file (.npz)", todo=todo) from error
    arrays = {key: array.astype(array.dtype.newbyteorder("="), copy=False) for key, array in arrays.items()}
    _check(path, arrays)
    return arrays


def _check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    if "schema_version" not in arrays:
        raise InputError(f"{path} has no key schema_version", expected="a result of `mien predict`")
    version = _whole(path, arrays, "schema_version")
    if version > SCHEMA_VERSION:
        raise InputError(f"{path} has schema {version}", expected=f"at most {SCHEMA_VERSION}", todo="update mien")
    needed = {*_PARAMS, *_TENSORS, "crop_global_orient", "K", "image_size", "camera", "orientation"}
    needed |= {field.name for field in fields(Origin)}
    missing = sorted(needed - arrays.keys())
    if missing:
        raise InputError(f"{path} lacks the keys {', '.join(missing)}", expected="a whole result of `mien predict`")
    for key, array in arrays.items():
        shape = ROW_SHAPES.get(key)
        free = key in ("betas", "expression") and array.ndim == 2 and array.shape[1] <= MAX_COEFFICIENTS
        fits = shape is None or (array.ndim > 0 and (array.shape[1:] == shape or free))
        if not fits or (shape is not None and array.dtype not in _FLOATS):
            found = f"{path}: {key} is {array.dtype} of shape {array.shape}"
            raise InputError(found, expected=f"floating-point numbers, a row of {shape} a person")
    _check_shared(path, arrays)
    people = {key: arrays[key].shape[:1] for key in ROW_SHAPES if key in arrays}
    if len(set(people.values())) > 1:
        raise InputError(f"{path} counts people differently: {people}", expected="one row per person in every array")


def _check_shared(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """What everyone has in common."""
    size, K = arrays["image_size"], arrays["K"]
    if size.shape != (2,) or size.dtype.kind not in "iu" or not ((size > 0) & (size < 2**31)).all():
        raise InputError(
            f"{path}: image_size is {size.dtype} of shape {size.shape}", expected="height and width, pixels"
        )
    if K.shape != (3, 3) or K.dtype.kind != "f":
        raise InputError(f"{path}: K is {K.dtype} of shape {K.shape}", expected="the camera's matrix (3, 3)")
    for key in ("camera", "orientation", *(field.name for field in fields(Origin))):
        if arrays[key].shape or arrays[key].dtype.kind != "U":
            raise InputError(f"{path}: {key} is {arrays[key].dtype} of shape {arrays[key].shape}", expected="one text")
    world = arrays.get("world_from_camera", np.eye(4))
    good = world.dtype.kind == "f" and world.shape == (4, 4) and bool(np.isfinite(world).all())
    if not good or not np.allclose(world[:3, :3] @ world[:3, :3].T, np.eye(3), atol=1e-3):
        raise InputError(f"{path}: world_from_camera is no place of a camera", expected="a rotation and a translation")


def _whole(path: Path, arrays: Mapping[str, np.ndarray], key: str) -> int:
    if arrays[key].shape or arrays[key].dtype.kind not in "iu":
        found = f"{path}: {key} is {arrays[key].dtype} of shape {arrays[key].shape}"
        raise InputError(found, expected="one whole number")
    return int(arrays[key])
