"""The pinhole camera: x right, y down, z forward; metres in, pixels out; pixel centres at integers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import Record

__all__ = ["Camera", "solve_transl"]


@dataclass(frozen=True, kw_only=True)
class Camera(Record):
    """Intrinsics, one camera for the whole batch or one per entry."""

    K: Float[Tensor, "*batch 3 3"]
    """Pixels; no skew."""

    @classmethod
    def from_focal(cls, focal: float, width: int, height: int) -> Camera:
        """A camera with its axis through the middle of a picture of `width` x `height` pixels; `focal` in pixels."""
        return cls(K=torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]]))

    @classmethod
    def from_fov(cls, degrees: float, width: int, height: int) -> Camera:
        """A camera that sees `degrees` from the left to the right edge of the picture."""
        return cls.from_focal(width / 2 / math.tan(math.radians(degrees) / 2), width, height)

    @classmethod
    def default(cls, width: int, height: int) -> Camera:
        """The camera assumed when nothing is known: focal length = the picture's diagonal (53 degrees along it)."""
        return cls.from_focal(math.hypot(width, height), width, height)

    def project(self, points: Float[Tensor, "*batch point 3"]) -> Float[Tensor, "*batch point 2"]:
        """Points in the camera frame (metres, z > 0) to pixels."""
        x, y, z = points.unbind(-1)
        return torch.stack([x / z, y / z], -1) * _focal(self) + self._centre()

    def unproject(
        self, pixels: Float[Tensor, "*batch point 2"], depth: Float[Tensor, "*batch point"]
    ) -> Float[Tensor, "*batch point 3"]:
        """Pixels at a known depth z (metres) to points in the camera frame: the inverse of `project`."""
        rays = (pixels - self._centre()) / _focal(self)
        return torch.cat([rays * depth.unsqueeze(-1), depth.unsqueeze(-1)], -1)

    def ray_rotation(self, pixels: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3 3"]:
        """The smallest rotation that turns the camera's axis onto the ray through a pixel."""
        rays = self.unproject(pixels.unsqueeze(-2), torch.ones_like(pixels[..., :1])).squeeze(-2)
        sideways = rays[..., :2].norm(dim=-1, keepdim=True)
        angle = torch.atan2(sideways, rays[..., 2:])
        across = torch.stack([-rays[..., 1], rays[..., 0], torch.zeros_like(rays[..., 0])], -1)
        return matrix_from_axis_angle(across * (angle / sideways.clamp(min=1e-12)))

    def _centre(self) -> Float[Tensor, "*batch 1 2"]:
        return self.K[..., :2, 2].unsqueeze(-2)


def solve_transl(
    camera: Camera,
    points: Float[Tensor, "*batch point 3"],
    pixels: Float[Tensor, "*batch point 2"],
    start: Float[Tensor, "*batch 3"] | None = None,
    steps: int = 10,
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
    """The translation that makes `points` project onto `pixels` with the least squared pixel error.

    A linear solve gives the start (every point says two linear equations in the translation), Gauss-Newton steps with
    damping the least squares in pixels. Double precision inside.

    Args:
        camera: of the picture.
        points: in the camera's orientation, any origin; metres.
        pixels: where they are seen.
        start: a first guess; by default the linear solution, pushed in front of the camera.
        steps: Gauss-Newton steps.

    Returns:
        The translation (metres) and the root mean square distance that is left (pixels).
    """
    camera = Camera(K=camera.K.double().expand(*points.shape[:-2], 3, 3))
    points, pixels = points.double(), pixels.double()
    rays = camera.unproject(pixels, torch.ones_like(pixels[..., 0]))[..., :2]
    focal = _focal(camera)
    transl = _linear_transl(points, rays, focal) if start is None else start.double()
    nearest = 0.1 - points[..., 2].amin(-1)
    transl = torch.cat([transl[..., :2], transl[..., 2:].maximum(nearest.unsqueeze(-1))], -1)
    damping = torch.full_like(nearest, 1e-6)
    error = _residuals(points, transl, rays, focal)
    for _ in range(steps):
        jacobian = _jacobian(points, transl, focal)
        normal = jacobian.transpose(-1, -2) @ jacobian
        normal = normal + torch.diag_embed(normal.diagonal(dim1=-2, dim2=-1) * damping.unsqueeze(-1))
        step = torch.linalg.solve(normal, jacobian.transpose(-1, -2) @ error.unsqueeze(-1)).squeeze(-1)
        trial = transl - step
        trial_error = _residuals(points, trial, rays, focal)
        better = (trial_error.square().sum(-1) < error.square().sum(-1)) & (trial[..., 2] > nearest - 0.05)
        transl = torch.where(better.unsqueeze(-1), trial, transl)
        error = torch.where(better.unsqueeze(-1), trial_error, error)
        damping = torch.where(better, damping * 0.1, damping * 10)
    residual = (error.square().sum(-1) / points.shape[-2]).sqrt()
    return transl.float(), residual.float()


def _focal(camera: Camera) -> Float[Tensor, "*batch 1 2"]:
    return torch.stack([camera.K[..., 0, 0], camera.K[..., 1, 1]], -1).unsqueeze(-2)


def _linear_transl(
    points: Float[Tensor, "*batch point 3"],
    rays: Float[Tensor, "*batch point 2"],
    focal: Float[Tensor, "*batch 1 2"],
) -> Float[Tensor, "*batch 3"]:
    """Solve t_xy - ray * t_z = ray * Z - XY for all points and both axes."""
    zero, f = torch.zeros_like(rays[..., 0]), focal.expand_as(rays)
    rows_x = torch.stack([f[..., 0], zero, -f[..., 0] * rays[..., 0]], -1)
    rows_y = torch.stack([zero, f[..., 1], -f[..., 1] * rays[..., 1]], -1)
    right = (rays * points[..., 2:] - points[..., :2]) * f
    matrix, vector = torch.cat([rows_x, rows_y], -2), torch.cat([right[..., 0], right[..., 1]], -1)
    return torch.linalg.lstsq(matrix, vector.unsqueeze(-1)).solution.squeeze(-1)


def _residuals(
    points: Float[Tensor, "*batch point 3"],
    transl: Float[Tensor, "*batch 3"],
    rays: Float[Tensor, "*batch point 2"],
    focal: Float[Tensor, "*batch 1 2"],
) -> Float[Tensor, "*batch twice"]:
    """Pixel errors, all x then all y."""
    moved = points + transl.unsqueeze(-2)
    error = (moved[..., :2] / moved[..., 2:] - rays) * focal
    return error.transpose(-1, -2).flatten(-2)


def _jacobian(
    points: Float[Tensor, "*batch point 3"],
    transl: Float[Tensor, "*batch 3"],
    focal: Float[Tensor, "*batch 1 2"],
) -> Float[Tensor, "*batch twice 3"]:
    """Of `_residuals` by the translation."""
    moved = points + transl.unsqueeze(-2)
    inverse = 1 / moved[..., 2]
    zero = torch.zeros_like(inverse)
    x = torch.stack([inverse, zero, -moved[..., 0] * inverse * inverse], -1) * focal[..., :1]
    y = torch.stack([zero, inverse, -moved[..., 1] * inverse * inverse], -1) * focal[..., 1:]
    return torch.cat([x, y], -2)
