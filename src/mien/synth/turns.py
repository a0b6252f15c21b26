"""Rotations of one person's joints, to the last bit those of `mien.geometry.rotation`, in an eighth of its time.

There thirty steps over a tensor take as long for one person as for hundreds. Here kernels take them, but for roots and
sines: torch rounds these in a way of its own, which depends on where in a tensor a number lies.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float64

__all__ = ["matrices_of", "vectors_of"]

_SMALL = 1e-5
"""Below this square of an angle a series of three terms is exact to rounding."""


def matrices_of(vectors: Float64[np.ndarray, "joint 3"]) -> Float64[np.ndarray, "joint 3 3"]:
    """Rotation matrices of axis-angle vectors (radians): see `matrix_from_axis_angle`."""
    squares = torch.empty(len(vectors), 1, dtype=torch.float64)
    found = torch.empty(len(vectors), 3, 3, dtype=torch.float64).numpy()  # where products of torch round as ever
    _squares(vectors, squares.numpy())
    angles = squares.sqrt()
    _matrices(vectors, angles.numpy(), angles.sin().numpy(), (0.5 * angles).sin().numpy(), found)
    return found


def vectors_of(matrices: Float64[np.ndarray, "joint 3 3"]) -> Float64[np.ndarray, "joint 3"]:
    """Axis-angle vectors of rotation matrices: see `axis_angle_from_matrix`."""
    squares, found = torch.empty(len(matrices), 1, dtype=torch.float64), np.empty((len(matrices), 3))
    quaternions = np.empty((len(matrices), 4))
    _quaternions(matrices, quaternions)
    _squares(quaternions[:, 1:], squares.numpy())
    _vectors(quaternions, squares.sqrt().numpy(), found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _square(x, y, z):
    return x * x + y * y + z * z


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _squares(vectors, found):
    """The square of each length, but 1 in place of small ones."""
    for n in range(vectors.shape[0]):
        square = _square(vectors[n, 0], vectors[n, 1], vectors[n, 2])
        found[n, 0] = 1.0 if square < _SMALL else square


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _matrices(vectors, angles, sines, half_sines, found):
    for n in range(vectors.shape[0]):
        x, y, z = vectors[n, 0], vectors[n, 1], vectors[n, 2]
        square, half = _square(x, y, z), half_sines[n, 0]
        if square < _SMALL:
            sine = 1 - square / 6 + square * square / 120
            versine = 0.5 - square / 24 + square * square / 720
        else:
            sine, versine = sines[n, 0] / angles[n, 0], 2 * half * half / square
        found[n, 0, 0], found[n, 1, 1] = 1 + versine * (x * x - square), 1 + versine * (y * y - square)
        found[n, 2, 2] = 1 + versine * (z * z - square)
        found[n, 0, 1], found[n, 1, 0] = 0 - sine * z + versine * (x * y), 0 + sine * z + versine * (x * y)
        found[n, 0, 2], found[n, 2, 0] = 0 + sine * y + versine * (x * z), 0 - sine * y + versine * (x * z)
        found[n, 1, 2], found[n, 2, 1] = 0 - sine * x + versine * (y * z), 0 + sine * x + versine * (y * z)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _quaternions(matrices, found):
    """Of 4 q q^T, each row of which is a multiple of q, the one with the largest diagonal entry, at unit length."""
    rows = np.empty((4, 4))
    for n in range(matrices.shape[0]):
        m = matrices[n]
        a, b, c = m[0, 0], m[1, 1], m[2, 2]
        rows[0, 0], rows[1, 1], rows[2, 2], rows[3, 3] = a + b + c + 1, a - b - c + 1, b - a - c + 1, c - (a + b) + 1
        rows[0, 1] = rows[1, 0] = m[2, 1] - m[1, 2]
        rows[0, 2] = rows[2, 0] = m[0, 2] - m[2, 0]
        rows[0, 3] = rows[3, 0] = m[1, 0] - m[0, 1]
        rows[1, 2] = rows[2, 1] = m[0, 1] + m[1, 0]
        rows[1, 3] = rows[3, 1] = m[0, 2] + m[2, 0]
        rows[2, 3] = rows[3, 2] = m[1, 2] + m[2, 1]
        best = 0
        for k in range(1, 4):
            if rows[k, k] > rows[best, best]:
                best = k
        square = 0.0
        for i in range(4):
            square += rows[best, i] * rows[best, i]
        length = max(math.sqrt(square), 1e-12)
        length = -length if rows[best, 0] / length < 0 else length
        for i in range(4):
            found[n, i] = rows[best, i] / length


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _vectors(quaternions, sines, found):
    """`sines` are of the half angles, lengths of the imaginary parts."""
    for n in range(quaternions.shape[0]):
        w, x, y, z = quaternions[n, 0], quaternions[n, 1], quaternions[n, 2], quaternions[n, 3]
        square = _square(x, y, z)
        if square < _SMALL:
            scale = 2 / w * (1 - square / (3 * w * w))
        else:
            scale = 2 * math.atan2(sines[n, 0], w) / sines[n, 0]
        found[n, 0], found[n, 1], found[n, 2] = x * scale, y * scale, z * scale
