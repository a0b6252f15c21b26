"""Values and rotations over time without their trembling: a zero-lag filter for whole clips, a causal one for live use.

The zero-lag filter fits a parabola to the neighbours of each frame, weighted by how near they are in time and, in a
second and third round, by how well they fit: a single wrong frame (somebody turned around, two people mixed up) does
not pull the others. Rotations are fitted as matrices and the nearest rotation is taken, which to first order is the
same fit in the tangent space, without a base point that might itself be wrong. Times are the file's own, so that a
varying frame rate is no problem.

The causal filter is the one-euro filter (Casiez et al. 2012), for rotations on SO(3): the faster something moves, the
less it is smoothed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mien.geometry.align import rigid_parts
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle

__all__ = [
    "MARGIN",
    "SmoothConfig",
    "nearest_rotation",
    "one_euro",
    "one_euro_rotations",
    "smooth_rotations",
    "smooth_values",
]

MARGIN = {"zero-lag": 128, "one-euro": 512, "none": 0}
"""Frames on either side of a stretch beyond which next to nothing has a say in it: what is usual of a stretch, by which
outliers are told, is taken of it with these frames."""


@dataclass(frozen=True, kw_only=True)
class SmoothConfig:
    """How much is smoothed."""

    method: Literal["zero-lag", "one-euro", "none"] = "zero-lag"
    half_width: float = 0.25
    """Of the zero-lag filter: neighbours up to this many seconds before and after have a say, and at most 32 frames."""
    curvature: float = 1.0
    """How freely the parabola bends: 0 fits straight lines, large values any parabola."""
    outlier_angle: float = math.radians(30)
    """A rotation that fits worse than this, and six times worse than usual, counts less."""
    min_cutoff: float = 1.5
    """Of the one-euro filter, Hz: lower is smoother at rest."""
    beta: float = 0.7
    """Of the one-euro filter: higher follows fast motion sooner."""


def smooth_values(
    values: Float[Tensor, "time group channel"],
    times: Float[Tensor, "time"],
    config: SmoothConfig,
    outlier: float,
) -> Float[Tensor, "time group channel"]:
    """The zero-lag filter for plain numbers.

    Args:
        values: channels of a group are outliers together.
        times: seconds, growing.
        config: how much.
        outlier: what fits worse than this distance, and six times worse than usual, counts less.
    """
    shifts, near, offset = _neighbours(times, config.half_width)
    found, trust = values, torch.ones_like(values[:, :1, 0])
    for _ in range(3):
        found = _fitted(values, near[..., None] * trust[shifts], offset, shifts, config.curvature)
        away = (values - found).norm(dim=-1)
        limit = (6 * away.median(0).values).clamp(min=outlier)
        trust = (1 - (away / limit).square()).clamp(min=0.0).square().clamp(min=1e-4)
    return found


def smooth_rotations(
    rotations: Float[Tensor, "time joint 3 3"], times: Float[Tensor, "time"], config: SmoothConfig
) -> Float[Tensor, "time joint 3 3"]:
    """The zero-lag filter for rotations."""
    chord = 2 * math.sqrt(2) * math.sin(config.outlier_angle / 2)
    return nearest_rotation(smooth_values(rotations.flatten(2), times, config, chord).unflatten(2, (3, 3)))


def nearest_rotation(matrices: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation nearest to a mean of rotations: Newton's iteration where they agree, else a decomposition."""
    found, eye = matrices, torch.eye(3, dtype=matrices.dtype)
    for _ in range(6):
        found = found @ (1.5 * eye - 0.5 * found.transpose(-1, -2) @ found)
    rest = (found.transpose(-1, -2) @ found - eye).abs().amax((-1, -2))
    poor = ~(rest < 1e-4) | ~(torch.linalg.det(found) > 0)
    if poor.any():
        found = found.clone()
        found[poor] = rigid_parts(matrices[poor].transpose(-1, -2))[0]
    return found


def one_euro(
    values: Float[Tensor, "time channel"], times: Float[Tensor, "time"], config: SmoothConfig
) -> Float[Tensor, "time channel"]:
    """The causal filter for plain numbers: each frame is made of itself and of what came before."""
    found, speed, steps = [values[0]], torch.zeros_like(values[0]), times.diff().tolist()
    for value, dt in zip(values[1:], steps, strict=True):
        move = value - found[-1]
        speed = speed + _alpha(1.0, dt) * (move / dt - speed)
        share = _alpha(config.min_cutoff + config.beta * speed.norm(), dt)
        found.append(found[-1] + share * move)
    return torch.stack(found)


def one_euro_rotations(
    rotations: Float[Tensor, "time joint 3 3"], times: Float[Tensor, "time"], config: SmoothConfig
) -> Float[Tensor, "time joint 3 3"]:
    """The causal filter for rotations: speeds are angular velocities, radians a second."""
    found, speed, steps = [rotations[0]], rotations.new_zeros(rotations.shape[1], 3), times.diff().tolist()
    for rotation, dt in zip(rotations[1:], steps, strict=True):
        move = axis_angle_from_matrix(found[-1].transpose(-1, -2) @ rotation)
        speed = speed + _alpha(1.0, dt) * (move / dt - speed)
        share = _alpha(config.min_cutoff + config.beta * speed.norm(dim=-1, keepdim=True), dt)
        found.append(found[-1] @ matrix_from_axis_angle(share * move))
    return torch.stack(found)


def _alpha(cutoff: Tensor | float, dt: float) -> Tensor | float:
    """Share of the way to a new value that a low-pass filter goes in `dt` seconds."""
    turn = 2 * math.pi * dt * cutoff
    return turn / (turn + 1)


def _neighbours(
    times: Float[Tensor, "time"], half_width: float
) -> tuple[Int64[Tensor, "time window"], Float[Tensor, "time window"], Float[Tensor, "time window"]]:
    """Who has a say in each frame, with which weight, and how far away: in half widths, from -1 to 1."""
    count = len(times)
    first = torch.searchsorted(times, times - half_width)
    last = torch.searchsorted(times, times + half_width, right=True) - 1
    here = torch.arange(count)
    reach = int(torch.maximum(here - first, last - here).max().clamp(max=MARGIN["zero-lag"] // 4))
    window = here[:, None] + torch.arange(-reach, reach + 1)
    inside = (window >= 0) & (window < count)
    window = window.clamp(0, count - 1)
    offset = (times[window] - times[:, None]) / half_width
    near = (1 - offset.abs().clamp(max=1) ** 3) ** 3 * inside
    return window, near.float(), offset.float()


def _fitted(
    values: Float[Tensor, "time group channel"],
    weight: Float[Tensor, "time window any_group"],
    offset: Float[Tensor, "time window"],
    neighbours: Int64[Tensor, "time window"],
    curvature: float,
) -> Float[Tensor, "time group channel"]:
    """The value of each frame's parabola at the frame itself.

    Slope and curvature are held back a little (a ridge), so that the ends of a track, with neighbours on one side only,
    do not swing.
    """
    powers = torch.stack([offset**k for k in range(5)])
    m0, m1, m2, m3, m4 = torch.einsum("ktw,twg->ktg", powers, weight).double().unbind(0)
    d, f = m2 + 0.01 * m0, m4 + 0.01 / max(curvature, 1e-6) * m0
    row = torch.stack([d * f - m3 * m3, m2 * m3 - m1 * f, m1 * m3 - m2 * d])
    determinant = m0 * row[0] + m1 * row[1] + m2 * row[2]
    constant, slope, bend = (row / determinant).float().unbind(0)
    found = torch.zeros_like(values)
    for k in range(offset.shape[1]):
        x = offset[:, k, None]
        share = weight[:, k] * (constant + x * (slope + x * bend))
        found += share[..., None] * values[neighbours[:, k]]
    return found
