"""The truth about people, as it is measured against: parameters, meshes, joints, keypoints, and what of it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.fitted import mean_hands, row_weight
from mien.data.images import ImageStore
from mien.data.samples import PARAMS, Label, Samples
from mien.evaluate.meshes import mesh_files, true_meshes
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams

__all__ = ["Truths"]

_WHOLE = ("global_orient", "body_pose")


@dataclass(frozen=True, kw_only=True, eq=False)
class Truths:
    """People with their labels, and the pictures that they are in."""

    name: str
    """Of the recipe that made the folder, or of the folder."""
    samples: Samples
    """`extra["file"]` names the file of each row."""
    images: ImageStore
    sources: dict[str, str]
    """SHA-256 of each file, by its path below the folder that all of them share."""
    entries: int
    """Rows of the files, before any were left out."""
    left_out: dict[str, int]
    """How many rows each rule for labels left out, by its name."""
    family: str = "smplx"
    """Of the body that the labels are of."""
    places: tuple[Path, ...] = ()
    """Folders that the paths of true meshes may start from."""
    inside: bool = False
    """Whether only vertices that lie in the picture count (UBody)."""
    smpl: bool = False
    """Whether the meshes that count are SMPL's (3DPW)."""

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, rows: Any) -> Truths:
        """The people that an index array, a slice or a mask picks."""
        return replace(self, samples=self.samples.take(rows))

    @property
    def whole(self) -> Bool[np.ndarray, "row"]:
        """Whose body is known: root, pose and shape. Only their meshes are measured."""
        shape = row_weight(self.samples, "betas")
        kept = self.samples.extra.get("mesh_betas")
        shape = np.maximum(shape, kept.weight) if isinstance(kept, Label) else shape
        posed = np.minimum.reduce([shape, *(row_weight(self.samples, name) for name in _WHOLE)]) > 0
        return posed | self.scanned

    @property
    def scanned(self) -> Bool[np.ndarray, "row"]:
        """Whose true mesh comes as a file."""
        return np.array([bool(name) for name in mesh_files(self.samples)], dtype=bool)

    @property
    def hands(self) -> Bool[np.ndarray, "row 2"]:
        """Who has a left and a right hand."""
        sides = [row_weight(self.samples, f"{side}_hand_pose") > 0 for side in ("left", "right")]
        return (np.stack(sides, 1) | self.scanned[:, None]) & self.whole[:, None]

    @property
    def face(self) -> Bool[np.ndarray, "row"]:
        """Who has a jaw and an expression."""
        fitted = row_weight(self.samples, "jaw_pose") * row_weight(self.samples, "expression") > 0
        return self.whole & (fitted | self.scanned)

    def keypoints(self) -> tuple[Float[Tensor, "row 137 2"], Bool[Tensor, "row 137"]]:
        """The 137 joints in pixels, and which of them are known and lie in the picture."""
        label, count = self.samples.keypoints2d, len(self)
        if label is None:
            return torch.zeros(count, 137, 2), torch.zeros(count, 137, dtype=torch.bool)
        known = label.weight > 0
        if self.samples.size is not None:
            limit = self.samples.size[:, None, ::-1] - 1
            known &= ((label.value >= 0) & (label.value <= limit)).all(-1)
        return torch.from_numpy(label.value), torch.from_numpy(known)

    def meshes(self, body: BodyModel) -> Float[Tensor, "row vert 3"]:
        """The true meshes, metres, camera frame; of people who are not `whole`, somebody's.

        Raises:
            InputError: a file with a true mesh is missing or damaged.
            BodyError: it is of another body.
        """
        posed = body.pose(self.params(body)).mesh()
        return true_meshes(self.samples, self.places, body, posed) if self.scanned.any() else posed

    def joints(self, body: BodyModel) -> tuple[Float[Tensor, "row 137 3"], Bool[Tensor, "row 137"]]:
        """The 137 joints, metres, and which are known: of the parameters where the body is theirs, else the labelled
        3D keypoints, which are nobody's in particular."""
        label, count = self.samples.keypoints3d, len(self)
        value, known = torch.zeros(count, 137, 3), torch.zeros(count, 137, dtype=torch.bool)
        if label is not None:
            value, known = torch.from_numpy(label.value).clone(), torch.from_numpy(label.weight > 0).clone()
        posed = torch.from_numpy(self.whole & ~self.scanned)
        if self.family == body.family and bool(posed.any()):
            value[posed] = body.pose(self.params(body)[posed]).joints()[:, list(SMPLX_137)].to(value.dtype)
            known[posed] = torch.from_numpy(self._fitted()).bool()[posed]
        return value, known

    def _fitted(self) -> Bool[np.ndarray, "row 137"]:
        """Which joints the parameters tell."""
        known = np.zeros((len(self), 137), dtype=bool)
        known[:, :25] = self.whole[:, None]
        known[:, 25:45], known[:, 45:65] = self.hands[:, :1], self.hands[:, 1:]
        known[:, 65:] = self.face[:, None]
        return known

    def seen(self, meshes: Float[Tensor, "row vert 3"]) -> Bool[Tensor, "row vert"]:
        """Which vertices of the true meshes lie in their pictures; all where the camera is not known."""
        samples, everything = self.samples, torch.ones(meshes.shape[:2], dtype=torch.bool)
        if samples.camera is None or samples.size is None:
            return everything
        camera = torch.from_numpy(samples.camera.value)[:, None]
        placed = torch.from_numpy(row_weight(samples, "camera") * row_weight(samples, "transl") > 0)
        pixels = meshes[..., :2] / meshes[..., 2:].clamp(min=1e-6) * camera[..., :2] + camera[..., 2:]
        limit = torch.from_numpy(samples.size[:, None, ::-1] - 1)
        return ((pixels >= 0) & (pixels <= limit)).all(-1) | ~placed[:, None]

    def params(self, body: BodyModel) -> SmplxParams:
        """The parameters; unknown parts are at rest, unknown hands relaxed."""
        hands = ("left_hand_pose", "right_hand_pose")
        rest: dict[str, Any] = dict(zip(hands, mean_hands(body).numpy(), strict=True))
        values = {name: self._known(name, rest.get(name, np.float32(0))) for name in PARAMS}
        plain = {name: values.pop(name) for name in ("betas", "expression", "transl")}
        kept = self.samples.extra.get("mesh_betas")
        if isinstance(kept, Label):
            plain["betas"] = np.where(kept.weight[:, None] > 0, kept.value, plain["betas"])
        rotations = {name: matrix_from_axis_angle(torch.from_numpy(value)) for name, value in values.items()}
        return SmplxParams(**rotations, **{name: torch.from_numpy(value) for name, value in plain.items()})

    def _known(self, name: str, rest: Any) -> np.ndarray:
        """The values of a parameter, `rest` where it is not known."""
        shape, label = (len(self), *PARAMS[name]), getattr(self.samples, name)
        if label is None:
            return np.broadcast_to(rest, shape).astype(np.float32)
        known = row_weight(self.samples, name).reshape(-1, *[1] * (len(shape) - 1)) > 0
        return np.where(known, label.value, rest).astype(np.float32)
