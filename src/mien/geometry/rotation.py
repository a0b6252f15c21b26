"""Rotations of any batch shape, exact and differentiable everywhere, near 0 and near pi included.

Inside the package a rotation is a 3x3 matrix; axis-angle stands only in files. A 6-number rotation follows the
network's convention: read row by row as a 3x2 matrix, its columns are the first two columns of the matrix.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "angle_between",
    "axis_angle_from_matrix",
    "matrix_from_axis_angle",
    "matrix_from_quaternion",
    "matrix_from_rot6d",
    "mirror_matrix",
    "quaternion_from_matrix",
    "rot6d_from_matrix",
    "slerp",
]


def matrix_from_axis_angle(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula. Axis-angle in radians; the zero vector gives the identity, with exact gradients."""
    square = (axis_angle * axis_angle).sum(-1, keepdim=True)
    small = square < _series_limit(axis_angle.dtype)
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    half = torch.sin(0.5 * angle)
    sine = torch.where(small, 1 - square / 6 + square * square / 120, torch.sin(angle) / angle)
    versine = torch.where(small, 0.5 - square / 24 + square * square / 720, 2 * half * half / safe)
    outer = axis_angle.unsqueeze(-1) * axis_angle.unsqueeze(-2)
    eye = _constant(_IDENTITY, axis_angle)
    cross = _cross_matrix(axis_angle)
    return eye + sine[..., None] * cross + versine[..., None] * (outer - square[..., None] * eye)


def axis_angle_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """The rotation vector of smallest angle, in [0, pi] radians. At exactly pi the sign of the axis is arbitrary."""
    quaternion = quaternion_from_matrix(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    square = (imaginary * imaginary).sum(-1, keepdim=True)
    small = square < _series_limit(matrix.dtype)
    norm = torch.where(small, torch.ones_like(square), square).sqrt()
    safe_real = torch.where(small, real, torch.ones_like(real))
    series = 2 / safe_real * (1 - square / (3 * safe_real * safe_real))
    return imaginary * torch.where(small, series, 2 * torch.atan2(norm, real) / norm)


def quaternion_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion (w, x, y, z) with w >= 0.

    Rows of 4 q q^T are each a multiple of q; the row with the largest diagonal entry is normalised, so nothing small is
    ever divided by.
    """
    signs, ones = _constant(_QUATERNION, matrix), _constant(_DIAGONAL, matrix)
    rows = (matrix.flatten(-2) @ signs + ones).unflatten(-1, (4, 4))
    best = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*matrix.shape[:-2], 1, 4)
    quaternion = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_from_quaternion(quaternion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrix of a quaternion (w, x, y, z) of any length but 0."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def matrix_from_rot6d(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt on the two columns of the 3x2 matrix that the six numbers are, row by row."""
    first, second = rot6d.unflatten(-1, (3, 2)).unbind(-1)
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=-1)], -1)


def rot6d_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The six numbers of `matrix_from_rot6d`: the first two columns, interleaved."""
    return matrix[..., :2].flatten(-2)


def mirror_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation seen in a mirror across the plane x = 0 (axis-angle: y and z change sign)."""
    sign = matrix.new_tensor([-1.0, 1.0, 1.0])
    return matrix * (sign[:, None] * sign)


def angle_between(a: Float[Tensor, "*batch 3 3"], b: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """Geodesic distance in radians, in [0, pi]."""
    return axis_angle_from_matrix(a.transpose(-1, -2) @ b).norm(dim=-1)


def slerp(
    start: Float[Tensor, "*batch 3 3"], end: Float[Tensor, "*batch 3 3"], share: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 3 3"]:
    """The rotation that has gone `share` (0 to 1) of the shortest way from `start` to `end`, at constant speed."""
    way = axis_angle_from_matrix(start.transpose(-1, -2) @ end)
    return start @ matrix_from_axis_angle(share.unsqueeze(-1) * way)


def _series_limit(dtype: torch.dtype) -> float:
    """Below this square of an angle the series of three terms is exact to rounding."""
    return 1e-3 if dtype != torch.float64 else 1e-5


def _cross_matrix(v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    return (v @ _constant(_CROSS, v)).unflatten(-1, (3, 3))


_CROSS = ((0, 0, 0, 0, 0, -1, 0, 1, 0), (0, 0, 1, 0, 0, 0, -1, 0, 0), (0, -1, 0, 1, 0, 0, 0, 0, 0))
"""From x, y and z to the entries of the cross product's matrix."""
_QUATERNION = (
    (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1),
    (0, 0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0, -1, 0, 0, 0),
    (0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0),
    (0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0),
    (1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1),
    (0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0),
    (0, 0, -1, 0, 0, 0, 0, 1, -1, 0, 0, 0, 0, 1, 0, 0),
    (0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0),
    (1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1),
)
"""From the nine entries of a matrix to the sixteen of 4 q q^T, less 1 on its diagonal."""
_IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_DIAGONAL = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)


def _constant(values: tuple[Any, ...], like: Tensor) -> Tensor:
    return _kept(values, like.dtype, like.device)


@cache
@torch.inference_mode(False)  # what is made while predicting must serve while training, too
def _kept(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)
