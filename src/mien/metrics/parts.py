"""Which vertices are hands and face, and which joints a mesh has: what errors are measured on.

The open body's file names its parts itself; an SMPL-X file needs the three files that come with it beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mien.body.files import read_body
from mien.body.joints import FINGERS, SMPLX_JOINTS
from mien.body.reading import open_source
from mien.errors import AssetMissing, BodyError
from mien.metrics.kernels import regress
from mien.records import Record

__all__ = ["FINGER_ROWS", "SEGMENTS", "MeshParts", "VertexRegressor", "side_file"]

NECK_ROW, WRIST_ROWS = 12, (20, 21)
LSP_14 = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15)
"""Joints of the skeleton that stand for the 14 of LSP: right leg upwards, left leg, right arm, left arm, neck, head."""
FINGER_ROWS: dict[str, tuple[int, ...]] = {
    "left": (37, 38, 39, 25, 26, 27, 28, 29, 30, 34, 35, 36, 31, 32, 33),
    "right": (52, 53, 54, 40, 41, 42, 43, 44, 45, 49, 50, 51, 46, 47, 48),
}
"""Rows of the joint regressor: thumb, index, middle, ring, pinky, three joints each."""
SEGMENTS: dict[str, tuple[str, ...]] = {
    "torso": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"),
    "head": ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf"),
    **{
        f"{side}_{name}": tuple(f"{side}_{joint}" for joint in joints)
        for side in ("left", "right")
        for name, joints in (
            ("upper_arm", ("shoulder",)),
            ("forearm", ("elbow",)),
            ("hand", ("wrist", *(f"{finger}{k}" for finger in FINGERS for k in (1, 2, 3)))),
            ("thigh", ("hip",)),
            ("shin", ("knee",)),
            ("foot", ("ankle", "foot")),
        )
    },
}
"""Parts of a body and the joints that move them."""


@dataclass(frozen=True, kw_only=True)
class VertexRegressor(Record):
    """Joints as weighted sums of vertices, of which only those with a weight are read."""

    columns: Int[Tensor, "used"]
    weights: Float[Tensor, "joint used"]

    @classmethod
    def of(cls, rows: Float[np.ndarray, "joint vert"]) -> VertexRegressor:
        """Keep the vertices that any joint uses."""
        columns = np.flatnonzero((rows != 0).any(0))
        weights = torch.from_numpy(np.ascontiguousarray(rows[:, columns], dtype=np.float64))
        return cls(columns=torch.from_numpy(columns), weights=weights)

    def joints(self, mesh: Float[Tensor, "batch vert 3"]) -> Float[Tensor, "batch joint 3"]:
        """Of meshes."""
        if mesh.device.type != "cpu" or (mesh.requires_grad and torch.is_grad_enabled()):
            return self.weights.to(mesh.dtype) @ mesh[:, self.columns]
        found = np.empty((len(mesh), len(self.weights), 3))
        regress(mesh.detach().contiguous().numpy(), self.columns.numpy(), self.weights.numpy(), found)
        return torch.from_numpy(found).to(mesh.dtype)


@dataclass(frozen=True, kw_only=True)
class MeshParts(Record):
    """What of a body's mesh is measured."""

    num_vertices: int
    roots: VertexRegressor
    """Pelvis, left wrist, right wrist, neck: what parts are aligned at."""
    body: VertexRegressor
    """The 14 joints of LSP."""
    left_joints: VertexRegressor | None
    """The wrist, then thumb, index, middle, ring, pinky with three joints and the tip each (21)."""
    right_joints: VertexRegressor | None
    left_hand: Int[Tensor, "hand_vert"] | None
    right_hand: Int[Tensor, "hand_vert"] | None
    face: Int[Tensor, "face_vert"] | None
    segment: Int[Tensor, "vert"]
    """Which of `SEGMENTS` a vertex belongs to: that of the joint which moves it most."""

    @classmethod
    def load(cls, path: Path) -> MeshParts:
        """The parts of a body file: from the file itself, or from the files that come with SMPL-X.

        Raises:
            AssetMissing: one of those is not beside the body.
            BodyError: one is damaged, or does not fit.
        """
        arrays = read_body(path)
        regressor = arrays.J_regressor.astype(np.float64)
        body = regressor[list(LSP_14)]
        if arrays.family == "smpl":
            roots = VertexRegressor.of(regressor[[0, 20, 21, NECK_ROW]])
            return cls(
                num_vertices=len(arrays.v_template), roots=roots, body=VertexRegressor.of(body),
                left_joints=None, right_joints=None, left_hand=None, right_hand=None, face=None,
                segment=_segments(arrays.weights),
            )  # fmt: skip
        if arrays.family == "openbody":
            source = open_source(path)
            names = ("hand_vertex_ids_left", "hand_vertex_ids_right", "face_vertex_ids")
            left, right, face = (np.asarray(source[name], dtype=np.int64) for name in names)
        else:
            hands = side_file(path, "MANO_SMPLX_vertex_ids.pkl")
            left, right = (np.asarray(hands[name], dtype=np.int64) for name in ("left_hand", "right_hand"))
            face = np.asarray(side_file(path, "SMPL-X__FLAME_vertex_ids.npy"), dtype=np.int64)
            body = np.asarray(side_file(path, "SMPLX_to_J14.pkl"), dtype=np.float64)
        count = len(arrays.v_template)
        if max(left.max(), right.max(), face.max()) >= count or body.shape != (14, count):
            raise BodyError(f"the files beside {path} name vertices it does not have", expected=f"{count} vertices")
        hands = [_hand_rows(regressor, arrays.kp_vertex_ids, side) for side in ("left", "right")]
        return cls(
            num_vertices=count,
            roots=VertexRegressor.of(regressor[[0, *WRIST_ROWS, NECK_ROW]]),
            body=VertexRegressor.of(body),
            left_joints=VertexRegressor.of(hands[0]),
            right_joints=VertexRegressor.of(hands[1]),
            left_hand=torch.from_numpy(left),
            right_hand=torch.from_numpy(right),
            face=torch.from_numpy(face),
            segment=_segments(arrays.weights),
        )


def side_file(path: Path, name: str) -> Any:
    """What a file holds that comes with SMPL-X, beside the body or in the folder above.

    Raises:
        AssetMissing: it is in neither.
    """
    places = [path.parent / name, path.parent.parent / name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        todo = "it comes with SMPL-X (https://smpl-x.is.tue.mpg.de): put it beside the body file"
        raise AssetMissing(name, searched=[place.parent for place in places], obtain=todo)
    return open_source(found)


def _segments(weights: Float[np.ndarray, "vert joint"]) -> Int[Tensor, "vert"]:
    """SMPL's 24 joints are named as the first of SMPL-X, but for its two hands."""
    names = SMPLX_JOINTS if weights.shape[1] == len(SMPLX_JOINTS) else (*SMPLX_JOINTS[:22], "left_wrist", "right_wrist")
    of_joint = [next(i for i, joints in enumerate(SEGMENTS.values()) if name in joints) for name in names]
    return torch.from_numpy(np.array(of_joint, dtype=np.int64)[weights.argmax(1)])


def _hand_rows(
    regressor: Float[np.ndarray, "joint vert"], keypoints: Int[np.ndarray, "21"], side: str
) -> Float[np.ndarray, "21 vert"]:
    """The wrist; then of each finger three joints and the vertex at its tip."""
    left = side == "left"
    tips = keypoints[11:16] if left else keypoints[16:21]
    rows = [regressor[WRIST_ROWS[0 if left else 1]]]
    for finger in range(5):
        rows += [regressor[row] for row in FINGER_ROWS[side][3 * finger : 3 * finger + 3]]
        rows.append(np.eye(1, regressor.shape[1], int(tips[finger]))[0])
    return np.stack(rows)
