"""The fused mesh kernel for CPUs: displacement, blending and skinning of a vertex while it is in registers.

What must move for a batch is the basis once, the coefficients and the result; the blended 3x4 matrix of each vertex
(four times the size of the result) never goes to memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, no_type_check

import numba
import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from mien.body.model import BodyModel

__all__ = ["skin"]

BLOCK = 1024
"""Vertices a task; one task's results stay in the nearest cache."""


def skin(
    body: BodyModel, features: Float[Tensor, "batch feature"], transforms: Float[Tensor, "batch joint 12"]
) -> Float[Tensor, "batch vert 3"]:
    """Displaced and skinned vertices of a body on the CPU, without a graph."""
    with torch.no_grad():
        moved = (features.to(body.basis.dtype) @ body.basis).to(body.template.dtype)
    result = torch.empty(len(features), body.num_vertices, 3, dtype=body.template.dtype)
    numba.set_num_threads(max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)))  # pyright: ignore
    arguments = (moved, body.template, body.skin.start, body.skin.joint, body.skin.weight, transforms.detach(), result)
    _skin(*(argument.contiguous().numpy() for argument in arguments))
    return result


@numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
@no_type_check
def _skin(moved, template, start, joint, weight, transforms, result):
    batch, vertices = result.shape[0], result.shape[1]
    blocks = (vertices + BLOCK - 1) // BLOCK
    for task in numba.prange(batch * blocks):
        entry, first = task // blocks, (task % blocks) * BLOCK
        for v in range(first, min(first + BLOCK, vertices)):
            x = template[v, 0] + moved[entry, 3 * v]
            y = template[v, 1] + moved[entry, 3 * v + 1]
            z = template[v, 2] + moved[entry, 3 * v + 2]
            a = b = c = template[v, 0] * 0
            for k in range(start[v], start[v + 1]):
                w, m = weight[k], transforms[entry, joint[k]]
                a += w * (m[0] * x + m[1] * y + m[2] * z + m[9])
                b += w * (m[3] * x + m[4] * y + m[5] * z + m[10])
                c += w * (m[6] * x + m[7] * y + m[8] * z + m[11])
            result[entry, v, 0] = a
            result[entry, v, 1] = b
            result[entry, v, 2] = c
