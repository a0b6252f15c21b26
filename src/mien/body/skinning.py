"""The fused mesh kernel for CPUs: displacement, blending and skinning of a vertex while it is in the nearest cache.

What must move for a batch is the basis once, the displacements and the result; the blended 3x4 matrix of each vertex
(four times the size of the result) never goes to memory. Batch entries are the innermost axis, side by side in vector
registers, since all of them blend the same joints with the same weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from mien.body.model import BodyModel
    from mien.body.parts import CoarseBasis

__all__ = ["skin"]

BLOCK = 32
"""Vertices a task."""
GROUP = 32
"""Batch entries side by side: as many as keep a vertex's blended matrices in the nearest cache."""


@torch.no_grad()
def skin(
    body: BodyModel, features: Float[Tensor, "batch feature"], transforms: Float[Tensor, "batch joint 12"]
) -> Float[Tensor, "batch vert 3"]:
    """Displaced and skinned vertices of a body on the CPU, without a graph."""
    count = body.joint_basis.shape[0]
    if body.coarse is None:
        moved, scale = body.basis.T @ features.T, features.new_zeros(0)
        steps, units = torch.zeros(0, 0, dtype=torch.int32), features.new_zeros(0)
    else:
        moved, scale = body.basis[:count].T @ features[:, :count].T, body.coarse.scale
        steps, units = _coarse_steps(body.coarse, features[:, count:])
    result = torch.empty(len(features), body.num_vertices, 3, dtype=body.template.dtype)
    numba.set_num_threads(max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)))  # pyright: ignore
    sparse, side_by_side = body.skin, transforms.permute(1, 2, 0)
    inputs = (
        moved,
        steps,
        units,
        scale,
        body.template,
        sparse.start,
        sparse.joint,
        sparse.weight,
        side_by_side,
        result,
    )
    _skin(*(each.detach().contiguous().numpy() for each in inputs))
    return result


def _coarse_steps(coarse: CoarseBasis, features: Float[Tensor, "batch feature"]) -> tuple[Tensor, Tensor]:
    """The correctives as whole numbers of steps, and the unit of each batch entry, with features rounded to 8 bits."""
    units = features.abs().amax(1).clamp(min=1e-12) / 127
    rounded = (features / units.unsqueeze(1)).round().to(torch.int8)
    return torch._int_mm(coarse.values, rounded.T), units  # pyright: ignore[reportPrivateImportUsage]


@numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _skin(moved, steps, units, scale, template, start, joint, weight, transforms, result):
    """Rest = template + moved (+ units * scale * steps, where there are any); then the blend of the transforms."""
    batch, vertices = result.shape[0], result.shape[1]
    blocks = (vertices + BLOCK - 1) // BLOCK
    for task in numba.prange(blocks * ((batch + GROUP - 1) // GROUP)):
        first, v0 = (task // blocks) * GROUP, (task % blocks) * BLOCK
        group, block = min(GROUP, batch - first), min(BLOCK, vertices - v0)
        m = np.empty((12, group), dtype=result.dtype)
        p = np.empty((3, group), dtype=result.dtype)
        out = np.empty((group, block, 3), dtype=result.dtype)
        for v in range(v0, v0 + block):
            for c in range(12):
                for b in range(group):
                    m[c, b] = 0
            for k in range(start[v], start[v + 1]):
                w, j = weight[k], joint[k]
                for c in range(12):
                    for b in range(group):
                        m[c, b] += w * transforms[j, c, first + b]
            for axis in range(3):
                i, origin = 3 * v + axis, template[v, axis]
                for b in range(group):
                    p[axis, b] = origin + moved[i, first + b]
                if len(scale):
                    for b in range(group):
                        p[axis, b] += units[first + b] * scale[i] * steps[i, first + b]
            for b in range(group):
                x, y, z = p[0, b], p[1, b], p[2, b]
                out[b, v - v0, 0] = m[0, b] * x + m[1, b] * y + m[2, b] * z + m[9, b]
                out[b, v - v0, 1] = m[3, b] * x + m[4, b] * y + m[5, b] * z + m[10, b]
                out[b, v - v0, 2] = m[6, b] * x + m[7, b] * y + m[8, b] * z + m[11, b]
        result[first : first + group, v0 : v0 + block] = out
