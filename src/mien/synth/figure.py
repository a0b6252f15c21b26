"""One person's body in the rest pose, and the surfaces that follow it: clothes, hair, shoes, things in the hands.

Everything is made in the rest pose (T-pose, y up, facing +z, metres) and moved by the same joints as the body.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int32, UInt8

from mien.body.model import BodyModel
from mien.body.reading import BodyArrays

__all__ = ["Figure", "Piece", "follow", "surface_normals"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """A body with the shape of one person, in the rest pose, with a neutral face."""

    body: BodyModel
    arrays: BodyArrays
    """Of the same file."""
    betas: Float32[np.ndarray, "beta"]

    @cached_property
    def joints(self) -> Float32[np.ndarray, "joint 3"]:
        """Rest positions of the skeleton, metres."""
        return self.body.shape(torch.from_numpy(self.betas)[None]).joints[0].numpy()

    @cached_property
    def vertices(self) -> Float32[np.ndarray, "vert 3"]:
        """Metres."""
        count = len(self.betas)
        moved = torch.from_numpy(self.betas) @ self.body.basis[:count]
        return self.arrays.v_template + moved.numpy().reshape(-1, 3)

    @cached_property
    def normals(self) -> Float32[np.ndarray, "vert 3"]:
        """Unit, outwards."""
        return surface_normals(self.vertices, self.arrays.faces)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A surface that the joints carry. Faces are counter-clockwise as seen from outside."""

    kind: str
    """`trousers`, `skirt`, `jacket`, `hair`, `shoe`, `hat`, `glasses`, `phone` ...: what statistics count."""
    vertices: Float32[np.ndarray, "vert 3"]
    """In the rest pose of this person, metres."""
    faces: Int[np.ndarray, "face 3"]
    joint: Int32[np.ndarray, "vert k"]
    """The joints that move each vertex (k of them, at most 8; unused places have weight 0)."""
    weight: Float32[np.ndarray, "vert k"]
    """Rows add up to 1."""
    colour: Float[np.ndarray, "*vert 3"] = field(default_factory=lambda: np.ones(3, dtype=np.float32))
    uv: Float[np.ndarray, "face 3 2"] | None = None
    texture: UInt8[np.ndarray, "h w 3"] | None = None
    two_sided: bool = True
    hides: Bool[np.ndarray, "body_face"] | None = None
    """Faces of the body that need not be drawn, since they lie well inside this piece."""


def follow(piece: Piece, transforms: Float32[np.ndarray, "joint 12"]) -> Float32[np.ndarray, "vert 3"]:
    """The vertices of a piece on a posed body.

    Args:
        piece: in the rest pose.
        transforms: rest to posed, per joint: nine entries of the rotation, row by row, then the translation.
    """
    posed = np.empty_like(piece.vertices)
    _follow(piece.vertices, piece.joint, piece.weight, transforms, posed)
    return posed


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _follow(vertices, joint, weight, transforms, posed):
    m = np.empty(12, dtype=np.float32)
    for v in range(vertices.shape[0]):
        m[:] = 0
        for k in range(joint.shape[1]):
            w, j = weight[v, k], joint[v, k]
            if w != 0:
                for c in range(12):
                    m[c] += w * transforms[j, c]
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        posed[v, 0] = m[0] * x + m[1] * y + m[2] * z + m[9]
        posed[v, 1] = m[3] * x + m[4] * y + m[5] * z + m[10]
        posed[v, 2] = m[6] * x + m[7] * y + m[8] * z + m[11]


def surface_normals(
    vertices: Float32[np.ndarray, "vert 3"], faces: Int[np.ndarray, "face 3"]
) -> Float32[np.ndarray, "vert 3"]:
    """Unit vertex normals, weighted by the areas of the faces around."""
    normals = np.zeros_like(vertices)
    _add_normals(vertices, faces, normals)
    _scale_to_unit(normals)
    return normals


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _add_normals(vertices, faces, normals):
    for f in range(faces.shape[0]):
        a, b, c = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _scale_to_unit(vectors):
    """Rows of length 1, in place."""
    for v in range(vectors.shape[0]):
        x, y, z = vectors[v, 0], vectors[v, 1], vectors[v, 2]
        length = max(np.sqrt(x * x + y * y + z * z), np.float32(1e-20))
        vectors[v, 0], vectors[v, 1], vectors[v, 2] = x / length, y / length, z / length
