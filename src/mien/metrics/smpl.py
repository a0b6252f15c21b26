"""Errors of SMPL-X predictions against SMPL truth, as 3DPW has it: the predicted mesh goes over to SMPL's vertices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mien.errors import BodyError
from mien.geometry.align import align
from mien.metrics.distances import aligned_distance, distance
from mien.metrics.errors import Errors
from mien.metrics.parts import MeshParts, side_file
from mien.records import Record

__all__ = ["SmplTransfer", "smpl_errors"]


@dataclass(frozen=True, kw_only=True)
class SmplTransfer(Record):
    """SMPL's vertices as weighted sums of SMPL-X's, of which each needs only a few."""

    columns: Int[Tensor, "smpl_vert used"]
    weights: Float[Tensor, "smpl_vert used"]
    """0 where a vertex needs fewer than the others."""

    @classmethod
    def load(cls, body: Path) -> SmplTransfer:
        """`smplx2smpl.pkl`, beside an SMPL-X body file or in the folder above.

        Raises:
            AssetMissing: it is in neither.
            BodyError: it holds no matrix.
        """
        source = side_file(body, "smplx2smpl.pkl")
        matrix = np.asarray(source.get("matrix") if isinstance(source, dict) else source)
        if matrix.ndim != 2 or matrix.dtype.kind != "f":
            raise BodyError(
                f"smplx2smpl.pkl beside {body} holds {matrix.dtype} of shape {matrix.shape}", expected="a matrix"
            )
        used = max(1, int((matrix != 0).sum(1).max()))
        columns = np.sort(np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :used], axis=1)
        weights = np.take_along_axis(matrix, columns, 1)
        return cls(columns=torch.from_numpy(columns), weights=torch.from_numpy(weights))

    def mesh(self, mesh: Float[Tensor, "batch vert 3"]) -> Float[Tensor, "batch smpl_vert 3"]:
        """Meshes of SMPL-X as meshes of SMPL."""
        return (mesh[:, self.columns] * self.weights.to(mesh.dtype).unsqueeze(-1)).sum(2)


def smpl_errors(
    parts: MeshParts,
    transfer: SmplTransfer,
    smpl_parts: MeshParts,
    predicted: Float[Tensor, "batch vert 3"],
    true: Float[Tensor, "batch smpl_vert 3"],
) -> dict[str, Errors]:
    """`pve`, `pa_pve`, `mpjpe_body` and `pa_mpjpe_body` on SMPL's vertices and joints, millimetres.

    Each mesh is rooted at the pelvis of its own body, before it goes over to the other, as 3DPW is measured.

    Args:
        parts: of the SMPL-X body.
        transfer: to SMPL.
        smpl_parts: of the SMPL body of the truth.
        predicted: SMPL-X meshes, metres.
        true: SMPL meshes, metres.
    """
    ours = transfer.mesh(predicted - parts.roots.joints(predicted)[:, :1])
    theirs = true - smpl_parts.roots.joints(true)[:, :1]
    joints = smpl_parts.body.joints(ours), smpl_parts.body.joints(theirs)
    values = {
        "pve": distance(ours, theirs),
        "pa_pve": aligned_distance(ours, theirs),
        "mpjpe_body": distance(*joints),
        "pa_mpjpe_body": distance(align(*joints), joints[1]),
    }
    everybody = torch.ones(len(true), dtype=torch.bool, device=true.device)
    return {name: Errors(value=value, valid=everybody) for name, value in values.items()}
