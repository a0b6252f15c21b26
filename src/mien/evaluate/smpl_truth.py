"""Truth in SMPL, of each person's gender (3DPW): predictions go over to SMPL's vertices before they are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.samples import Label
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.errors import Errors, masked
from mien.metrics.parts import MeshParts
from mien.metrics.smpl import SmplTransfer, smpl_errors

__all__ = ["SmplRuler"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SmplRuler:
    """The transfer matrix, and SMPL bodies of all genders as they are needed."""

    parts: MeshParts
    """Of the SMPL-X body."""
    transfer: SmplTransfer
    bodies: dict[str, tuple[BodyModel, MeshParts]] = field(default_factory=dict)

    @classmethod
    def of(cls, body: BodyModel, parts: MeshParts) -> SmplRuler:
        """Beside an SMPL-X body.

        Raises:
            AssetMissing: `smplx2smpl.pkl` is not there.
        """
        return cls(parts=parts, transfer=SmplTransfer.load(body.path))

    def errors(self, mesh: Float[Tensor, "batch vert 3"], truths: Truths) -> dict[str, Errors]:
        """`pve`, `pa_pve`, `mpjpe_body`, `pa_mpjpe_body` of SMPL-X meshes against the people's SMPL ones.

        Raises:
            AssetMissing: an SMPL body of a gender is not there.
        """
        genders = truths.samples.extra.get("gender")
        named = [str(each) or "neutral" for each in genders] if isinstance(genders, np.ndarray) else ["neutral"]
        known = np.array(named * (len(truths) // len(named)))
        found = {name: torch.zeros(len(truths), dtype=mesh.dtype) for name in _NAMES}
        for gender in dict.fromkeys(known.tolist()):
            rows = np.flatnonzero(known == gender)
            body, parts = self._body(gender)
            true = _meshes(truths.take(rows), body)
            some = smpl_errors(self.parts, self.transfer, parts, mesh[torch.from_numpy(rows)], true)
            for name, each in some.items():
                found[name][torch.from_numpy(rows)] = each.value.to(mesh.dtype)
        there = torch.from_numpy(_posed(truths))
        return {name: masked(value, there) for name, value in found.items()}

    def _body(self, gender: str) -> tuple[BodyModel, MeshParts]:
        if gender not in self.bodies:
            path = find_body(None, family="smpl", gender=gender)
            self.bodies[gender] = BodyModel.load(path), MeshParts.load(path)
        return self.bodies[gender]


_NAMES = ("pve", "pa_pve", "mpjpe_body", "pa_mpjpe_body")


def _posed(truths: Truths) -> np.ndarray:
    label = truths.samples.extra.get("smpl_body_pose")
    if not isinstance(label, Label):
        return np.zeros(len(truths), dtype=bool)
    return label.weight.reshape(len(truths), -1).min(1) > 0


def _meshes(truths: Truths, body: BodyModel) -> Float[Tensor, "row vert 3"]:
    """Of the SMPL parameters in `extra`; where a mesh stands does not matter."""
    samples, count = truths.samples, len(truths)

    def values(name: str, width: int) -> Tensor:
        label = samples.extra.get(name)
        return (
            torch.from_numpy(label.value).reshape(count, -1) if isinstance(label, Label) else torch.zeros(count, width)
        )

    root = values("smpl_global_orient", 3)
    if "smpl_global_orient" not in samples.extra and samples.global_orient is not None:
        root = torch.from_numpy(samples.global_orient.value)
    pose = torch.cat([root.reshape(count, 1, 3), values("smpl_body_pose", 69).reshape(count, -1, 3)], 1)
    betas = values("smpl_betas", 10)[:, : body.num_betas]
    return body.shape(betas).pose(matrix_from_axis_angle(pose)).mesh()
