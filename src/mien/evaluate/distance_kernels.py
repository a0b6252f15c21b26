"""The compiled inner loop of the baseline: distances of one mesh to thousands, and which way it should move."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

__all__ = ["curvature", "sum_of_distances"]

NEAR = 1e-3
"""Metres: points nearer than this are taken to be so far apart where the curvature would be endless."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def sum_of_distances(mesh, targets, weights, gradient):
    """Weighted sum of |mesh[v] - targets[i, v]| over i and v; its gradient by the mesh goes into `gradient`.

    Where two points coincide, the gradient is taken as 0.
    """
    total = 0.0
    gradient[:] = 0
    for i in range(targets.shape[0]):
        weight, part = weights[i], 0.0
        if weight == 0:
            continue
        for v in range(targets.shape[1]):
            x = mesh[v, 0] - targets[i, v, 0]
            y = mesh[v, 1] - targets[i, v, 1]
            z = mesh[v, 2] - targets[i, v, 2]
            length = np.sqrt(x * x + y * y + z * z)
            part += length
            scale = weight / max(length, 1e-12)
            gradient[v, 0] += scale * x
            gradient[v, 1] += scale * y
            gradient[v, 2] += scale * z
        total += weight * part
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def curvature(mesh, targets, weights, blocks):
    """Second derivatives of the same sum by each vertex, a 3 x 3 block each, into `blocks` (vert, 3, 3)."""
    blocks[:] = 0
    step = np.empty(3)
    for i in range(targets.shape[0]):
        if weights[i] == 0:
            continue
        for v in range(targets.shape[1]):
            for c in range(3):
                step[c] = mesh[v, c] - targets[i, v, c]
            square = step[0] * step[0] + step[1] * step[1] + step[2] * step[2]
            length = max(np.sqrt(square), NEAR)
            scale, inner = weights[i] / length, weights[i] / (length * length * length)
            for a in range(3):
                blocks[v, a, a] += scale
                for b in range(3):
                    blocks[v, a, b] -= inner * step[a] * step[b]
