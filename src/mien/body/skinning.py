"""Kernels for CPUs without gradients: the chain of joints, and the mesh.

The mesh is fused: displacement, blending and skinning of a vertex while it is in the nearest cache.

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

from mien.parallel import parallel

if TYPE_CHECKING:
    from mien.body.model import BodyModel
    from mien.body.parts import CoarseBasis

__all__ = ["chain", "skin"]

BLOCK = 32
"""Vertices a task."""
GROUP = 32
"""Batch entries side by side: as many as keep a vertex's blended matrices in the nearest cache."""


def chain(
    parents: tuple[int, ...], rotations: Float[Tensor, "batch joint 3 3"], rest: Float[Tensor, "batch joint 3"]
) -> tuple[Float[Tensor, "batch joint 3 3"], Float[Tensor, "batch joint 3"]]:
    """World rotation and position of every joint, without a graph."""
    world, position = torch.empty_like(rotations, memory_format=torch.contiguous_format), torch.empty_like(rest)
    inputs = (rotations, rest.contiguous(), world, position)
    _chain(np.array(parents), *(each.detach().numpy() for each in inputs))
    return world, position


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
    sparse, alone = body.skin, len(features) == 1
    inputs = (
        moved,
        steps,
        units,
        scale,
        body.template,
        sparse.start,
        sparse.joint,
        sparse.weight,
        transforms[0] if alone else transforms.permute(1, 2, 0),
        result[0] if alone else result,
    )
    (_skin_one if alone else _skin)(*(each.detach().contiguous().numpy() for each in inputs))
    return result


def _coarse_steps(coarse: CoarseBasis, features: Float[Tensor, "batch feature"]) -> tuple[Tensor, Tensor]:
    """The correctives as whole numbers of steps, and the unit of each batch entry, with features rounded to 8 bits."""
    units = features.abs().amax(1).clamp(min=1e-12) / 127
    rounded = (features / units.unsqueeze(1)).round().to(torch.int8)
    return torch._int_mm(coarse.values, rounded.T), units  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]


@parallel(fastmath={"contract", "nsz", "reassoc"})
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


@parallel(fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _skin_one(moved, steps, units, scale, template, start, joint, weight, transforms, result):
    """The same for a batch of one."""
    vertices = result.shape[0]
    for task in numba.prange((vertices + BLOCK - 1) // BLOCK):
        m = np.empty(12, dtype=result.dtype)
        for v in range(task * BLOCK, min(vertices, task * BLOCK + BLOCK)):
            m[:] = 0
            for k in range(start[v], start[v + 1]):
                w, j = weight[k], joint[k]
                for c in range(12):
                    m[c] += w * transforms[j, c]
            x, y, z = template[v, 0] + moved[3 * v, 0], template[v, 1] + moved[3 * v + 1, 0], moved[3 * v + 2, 0]
            z += template[v, 2]
            if len(scale):
                x += units[0] * scale[3 * v] * steps[3 * v, 0]
                y += units[0] * scale[3 * v + 1] * steps[3 * v + 1, 0]
                z += units[0] * scale[3 * v + 2] * steps[3 * v + 2, 0]
            result[v, 0] = m[0] * x + m[1] * y + m[2] * z + m[9]
            result[v, 1] = m[3] * x + m[4] * y + m[5] * z + m[10]
            result[v, 2] = m[6] * x + m[7] * y + m[8] * z + m[11]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _chain(parents, rotations, rest, world, position):
    """Parents come before their children."""
    for b in range(rotations.shape[0]):
        world[b, 0], position[b, 0] = rotations[b, 0], rest[b, 0]
        for j in range(1, rotations.shape[1]):
            p = parents[j]
            for r in range(3):
                a0, a1, a2 = world[b, p, r, 0], world[b, p, r, 1], world[b, p, r, 2]
                for c in range(3):
                    world[b, j, r, c] = (
                        a0 * rotations[b, j, 0, c] + a1 * rotations[b, j, 1, c] + a2 * rotations[b, j, 2, c]
                    )
                x, y, z = rest[b, j, 0] - rest[b, p, 0], rest[b, j, 1] - rest[b, p, 1], rest[b, j, 2] - rest[b, p, 2]
                position[b, j, r] = position[b, p, r] + a0 * x + a1 * y + a2 * z
