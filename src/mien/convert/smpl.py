"""SMPL-X motion as SMPL or SMPL-H motion in files of AMASS's layout, and SMPL's motion as SMPL-X by its meshes.

Poses go over joint by joint (`mien.body.conversion`). Shapes need meshes, and the transfer matrix that comes with
SMPL-X (`smplx2smpl.pkl`, which we may not ship). To SMPL, the shaped SMPL-X body at rest is taken over by it and fitted
with SMPL's own shapes by linear least squares; to SMPL-X, posed meshes are fitted (`mien.data.fit`). Without the matrix
the shape is left at the average. SMPL-H has the mesh and the shapes of SMPL.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.conversion import smpl_pose, smplh_pose
from mien.body.model import BodyModel
from mien.convert.foreign import Foreign
from mien.data.fit import Fitted, fit_to_smplx
from mien.errors import BodyError
from mien.export.amass import gender_of
from mien.export.motion import Motion, Up
from mien.export.people import fitting
from mien.geometry.rotation import axis_angle_from_matrix

__all__ = ["Target", "fitted_to_smplx", "shape_of_smpl", "smpl_arrays"]

Target = Literal["smpl", "smplh"]
BATCH = 16
_HANDS = slice(22, 24)
"""Joints of SMPL that carry the fingers."""


def shape_of_smpl(
    betas: Float[Tensor, "batch beta"],
    body: BodyModel,
    smpl: BodyModel,
    transfer: Float[np.ndarray, "smpl_vert smplx_vert"],
) -> tuple[Float[Tensor, "batch smpl_beta"], float]:
    """The betas of SMPL whose rest mesh is nearest to that of SMPL-X betas, wherever it stands; and how near, mm.

    Raises:
        BodyError: the matrix does not lead from the one body to the other.
    """
    if transfer.shape != (smpl.num_vertices, body.num_vertices):
        expected = f"({smpl.num_vertices}, {body.num_vertices}), from {body.path.name} to {smpl.path.name}"
        raise BodyError(f"a transfer of {transfer.shape}", expected=expected)
    rest = body.template + (betas @ body.basis[: body.num_betas]).unflatten(1, (-1, 3))
    goal = (torch.from_numpy(transfer) @ rest - smpl.template).flatten(1).double()
    shapes = smpl.basis[: smpl.num_betas].double()
    moves = torch.eye(3, dtype=torch.float64).repeat(1, smpl.num_vertices)
    columns = torch.cat([shapes, moves])
    solution = torch.linalg.lstsq(columns.T, goal.T).solution
    left = (columns.T @ solution - goal.T).T.unflatten(1, (-1, 3)).norm(dim=-1).mean()
    return solution[: smpl.num_betas].T.float(), float(left) * 1000


def fitted_to_smplx(
    foreign: Foreign, body: BodyModel, smpl: BodyModel, transfer: Float[np.ndarray, "smpl_vert smplx_vert"]
) -> Foreign:
    """Motion of SMPL or SMPL-H with the pose and shape whose SMPL-X meshes lie on its own; fingers as they are.

    Raises:
        InputError: the matrix does not lead from the one body to the other.
        BodyError: `smpl` is of another family.
    """
    if smpl.family != "smpl":
        raise BodyError(f"{smpl.path.name} is of the family {smpl.family!r}", expected="an SMPL body")
    params = foreign.params
    fingers = smpl.weights[:, _HANDS].sum(1) > 0.5
    found: list[Fitted] = []
    for first in range(0, len(params.transl), BATCH):
        part = params[first : first + BATCH]
        pose = smpl_pose(part)
        with torch.no_grad():
            meshes = smpl.shape(part.betas[:, : smpl.num_betas]).pose(pose, part.transl).mesh()
        found.append(fit_to_smplx(body, meshes, pose, transfer, leave_out=fingers))
    fitted = Fitted.cat(found)
    hands = {name: getattr(params, name) for name in ("left_hand_pose", "right_hand_pose")}
    note = f"{foreign.note}; fitted to SMPL meshes, {float(fitted.error.mean()):.1f} mm from them"
    return replace(foreign, params=replace(fitted.params, **hands), family=body.family, note=note)


def smpl_arrays(
    motion: Motion,
    body: BodyModel,
    smpl: BodyModel,
    target: Target,
    transfer: Float[np.ndarray, "smpl_vert smplx_vert"] | None = None,
    up: Up = "z",
) -> dict[str, Any]:
    """An .npz of AMASS's layout with `poses` of 72 (SMPL) or 156 columns (SMPL-H). The pelvis stays where it is.

    Args:
        motion: of an SMPL-X body.
        body: that body.
        smpl: the SMPL body that the file is for.
        target: which of the two.
        transfer: from SMPL-X to SMPL vertices; None leaves the shape at the average.
        up: the axis that points up.

    Raises:
        BodyError: a body is of another family, or the matrix does not fit.
    """
    body, motion = fitting(motion.stage.origin, body), motion.even()
    if smpl.family != "smpl":
        raise BodyError(f"{smpl.path.name} is of the family {smpl.family!r}", expected="an SMPL body")
    betas, note = torch.zeros(1, smpl.num_betas), "the shape is the average one"
    if transfer is not None:
        betas, away = shape_of_smpl(motion.params.betas[:1], body, smpl, transfer)
        note = f"the shape is {away:.2f} mm from that of SMPL-X at rest"
    root = body.shape(motion.params.betas, motion.params.expression).joints[:, 0]
    params = motion.upright(up, root)
    pose = smpl_pose(params) if target == "smpl" else smplh_pose(params)
    trans = params.transl + root - smpl.shape(betas).joints[:, 0]
    return {
        "poses": axis_angle_from_matrix(pose.double()).flatten(1).numpy(),
        "trans": trans.double().numpy(),
        "betas": betas[0].double().numpy(),
        "gender": gender_of(smpl.path.name),
        "mocap_framerate": np.float64(motion.stage.fps),
        "mocap_frame_rate": np.int64(max(1, round(motion.stage.fps))),
        "surface_model_type": target,
        "note": note,
    }
