"""What a body is made of, besides numbers: vertices that can be posed alone, sparse weights, correctives in 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int8
from torch import Tensor

from mien.body.reading import BodyArrays
from mien.records import Record

__all__ = ["CoarseBasis", "SparseWeights", "VertexSet", "apply_transforms"]


@dataclass(frozen=True, kw_only=True)
class VertexSet(Record):
    """Some vertices of the mesh with all that is needed to pose just them."""

    template: Float[Tensor, "*row vert 3"]
    basis: Float[Tensor, "*row feature flat"]
    """Displacement (flat = vert * 3) of each shape, expression and pose feature."""
    weights: Float[Tensor, "*row vert joint"]

    @classmethod
    def of(
        cls, arrays: BodyArrays, basis: Float[Tensor, "feature all 3"], ids: Int[np.ndarray, "*row vert"]
    ) -> VertexSet:
        """The vertices `ids`; leading axes of `ids` become leading axes of the set."""
        index = torch.from_numpy(ids)
        rows = basis[:, index]
        return cls(
            template=torch.from_numpy(arrays.v_template)[index],
            basis=rows.movedim(0, ids.ndim - 1).flatten(-2).contiguous(),
            weights=torch.from_numpy(arrays.weights)[index],
        )

    def pose(
        self, features: Float[Tensor, "batch feature"], transforms: Float[Tensor, "batch joint 12"]
    ) -> Float[Tensor, "batch vert 3"]:
        """Displace and skin the vertices of a set without leading axes."""
        rest = self.template + (features @ self.basis).unflatten(-1, (-1, 3))
        return apply_transforms(self.weights @ transforms, rest)

    def pose_rows(
        self,
        row: Int[Tensor, "batch"],
        features: Float[Tensor, "batch feature"],
        transforms: Float[Tensor, "batch joint 12"],
    ) -> Float[Tensor, "batch vert 3"]:
        """Displace and skin, of a set with one leading axis, the row that each batch entry names.

        Entries of the same row share one product, since a row's basis is far larger than what it gives.
        """
        if len(row) == 1:
            moved = features @ self.basis[int(row)]
        else:
            order = row.argsort()
            rows, counts = row.unique(return_counts=True)
            groups = features[order].split(counts.tolist())
            none = features.new_zeros(0, self.basis.shape[-1])
            moved = torch.cat([none, *(group @ self.basis[r] for r, group in zip(rows.tolist(), groups, strict=True))])
            moved = moved[order.argsort()]
        rest = self.template[row] + moved.unflatten(-1, (-1, 3))
        return apply_transforms(self.weights[row] @ transforms, rest)


@dataclass(frozen=True, kw_only=True)
class CoarseBasis(Record):
    """Pose correctives in 8 bits, with one scale for each coordinate of each vertex."""

    values: Int8[Tensor, "flat feature"]
    scale: Float[Tensor, "flat"]
    """Metres per step."""

    @classmethod
    def of(cls, basis: Float[Tensor, "feature flat"]) -> CoarseBasis:
        """Round to the nearest of 255 steps."""
        scale = basis.abs().amax(0).clamp(min=1e-12) / 127
        return cls(values=(basis / scale).round().to(torch.int8).T.contiguous(), scale=scale)


@dataclass(frozen=True, kw_only=True)
class SparseWeights(Record):
    """Skinning weights in compressed rows: few joints move a vertex."""

    start: Int[Tensor, "vert_plus_one"]
    joint: Int[Tensor, "entry"]
    weight: Float[Tensor, "entry"]

    @classmethod
    def of(cls, weights: Float[np.ndarray, "vert joint"]) -> SparseWeights:
        """The non-zero entries, in the order of the vertices."""
        rows, columns = np.nonzero(weights)
        start = np.zeros(len(weights) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(weights)), out=start[1:])
        return cls(
            start=torch.from_numpy(start),
            joint=torch.from_numpy(columns.astype(np.int64)),
            weight=torch.from_numpy(np.ascontiguousarray(weights[rows, columns])),
        )


def apply_transforms(
    blended: Float[Tensor, "batch vert 12"], rest: Float[Tensor, "batch vert 3"]
) -> Float[Tensor, "batch vert 3"]:
    """Move each rest vertex by its own blended transform."""
    rotation = blended[..., :9].unflatten(-1, (3, 3))
    return (rotation * rest.unsqueeze(-2)).sum(-1) + blended[..., 9:]
