"""Small compiled pieces for skeletons: rotations, forward kinematics, and bringing the end of a limb to a place.

Everything is float64, positions are metres in the frame of the pelvis' parent (y up, facing +z), and rotations are
local to the parent joint, as in the file format: at rest every joint's axes are those of the world.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float64, Int64

__all__ = [
    "Carried",
    "between",
    "carry",
    "crossed",
    "forward",
    "forward_from",
    "frame_of",
    "hand_offset",
    "matrix_about",
    "mirror_joint",
    "product",
    "rotation_vectors",
    "turned",
    "twist_about",
    "two_bones",
    "unit",
]

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@numba.njit(**_JIT)
@no_type_check
def matrix_about(axis, angle):
    """Rotation matrix about a unit axis, angle in radians."""
    x, y, z = axis[0], axis[1], axis[2]
    s, v = math.sin(angle), 2 * math.sin(angle / 2) ** 2
    found = np.empty((3, 3))
    found[0, 0], found[0, 1], found[0, 2] = 1 + v * (x * x - 1), v * x * y - s * z, v * x * z + s * y
    found[1, 0], found[1, 1], found[1, 2] = v * x * y + s * z, 1 + v * (y * y - 1), v * y * z - s * x
    found[2, 0], found[2, 1], found[2, 2] = v * x * z - s * y, v * y * z + s * x, 1 + v * (z * z - 1)
    return found


@numba.njit(**_JIT)
@no_type_check
def product(a, b):
    """Matrix product a @ b of two rotations."""
    found = np.empty((3, 3))
    for i in range(3):
        for k in range(3):
            found[i, k] = a[i, 0] * b[0, k] + a[i, 1] * b[1, k] + a[i, 2] * b[2, k]
    return found


@numba.njit(**_JIT)
@no_type_check
def turned(a, v):
    """Vector a @ v."""
    found = np.empty(3)
    for i in range(3):
        found[i] = a[i, 0] * v[0] + a[i, 1] * v[1] + a[i, 2] * v[2]
    return found


@numba.njit(**_JIT)
@no_type_check
def crossed(a, b):
    """Vector product."""
    found = np.empty(3)
    found[0], found[1], found[2] = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return found


@numba.njit(**_JIT)
@no_type_check
def rotation_vectors(matrices, found):
    """Axis-angle of each matrix, angles in [0, pi], through the quaternion's largest entry."""
    q = np.empty(4)
    for n in range(len(matrices)):
        m = matrices[n]
        a, b, c = m[0, 0], m[1, 1], m[2, 2]
        if a + b + c > 0:
            q[0], q[1], q[2], q[3] = 1 + a + b + c, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
        elif a >= b and a >= c:
            q[0], q[1], q[2], q[3] = m[2, 1] - m[1, 2], 1 + a - b - c, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]
        elif b >= c:
            q[0], q[1], q[2], q[3] = m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 - a + b - c, m[1, 2] + m[2, 1]
        else:
            q[0], q[1], q[2], q[3] = m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - a - b + c
        sign = -1.0 if q[0] < 0 else 1.0
        norm = math.sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        scale = 2 * math.atan2(norm, sign * q[0]) / norm if norm > 1e-12 else 0.0
        for i in range(3):
            found[n, i] = sign * scale * q[1 + i]


@numba.njit(**_JIT)
@no_type_check
def between(a, b):
    """The smallest rotation that turns the direction `a` to the direction `b` (any lengths)."""
    ux, uy, uz = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    sine = math.sqrt(ux * ux + uy * uy + uz * uz)
    cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    axis = np.array([ux, uy, uz])
    if sine < 1e-12:
        if cosine >= 0:
            return np.eye(3)
        other = np.array([0.0, a[2], -a[1]]) if abs(a[0]) < abs(a[1]) else np.array([-a[2], 0.0, a[0]])
        axis, sine = other, math.sqrt((other * other).sum())
        return matrix_about(axis / sine, math.pi)
    return matrix_about(axis / sine, math.atan2(sine, cosine))


@numba.njit(**_JIT)
@no_type_check
def twist_about(matrix, axis):
    """How far a rotation turns about a unit axis, radians: matrix = swing @ matrix_about(axis, twist)."""
    w = 1 + matrix[0, 0] + matrix[1, 1] + matrix[2, 2]
    p = (
        (matrix[2, 1] - matrix[1, 2]) * axis[0]
        + (matrix[0, 2] - matrix[2, 0]) * axis[1]
        + (matrix[1, 0] - matrix[0, 1]) * axis[2]
    )
    found = 2 * math.atan2(p, w)
    return found - 2 * math.pi if found > math.pi else found + 2 * math.pi if found < -math.pi else found


@numba.njit(**_JIT)
@no_type_check
def forward_from(parents, rest, local, first, last, world, position):
    """World rotation and position of the joints `first` to `last` - 1, whose parents are already done."""
    for j in range(first, last):
        p = parents[j]
        if p < 0:
            world[j] = local[j]
            position[j] = rest[j]
            continue
        for i in range(3):
            position[j, i] = position[p, i]
            for k in range(3):
                position[j, i] += world[p, i, k] * (rest[j, k] - rest[p, k])
                world[j, i, k] = (
                    world[p, i, 0] * local[j, 0, k] + world[p, i, 1] * local[j, 1, k] + world[p, i, 2] * local[j, 2, k]
                )


@numba.njit(**_JIT)
@no_type_check
def forward(parents, rest, local, world, position):
    """World rotation and position of every joint."""
    forward_from(parents, rest, local, 0, len(parents), world, position)


@numba.njit(**_JIT)
@no_type_check
def carry(points, first, last, start, joint, weight, rest, world, position, found):
    """Blend skinning of the points `first` to `last` - 1, whose joints and weights are rows of a sparse table."""
    for v in range(first, last):
        found[v, 0] = found[v, 1] = found[v, 2] = 0
        for k in range(start[v], start[v + 1]):
            j, w = joint[k], weight[k]
            x, y, z = points[v, 0] - rest[j, 0], points[v, 1] - rest[j, 1], points[v, 2] - rest[j, 2]
            for i in range(3):
                found[v, i] += w * (position[j, i] + world[j, i, 0] * x + world[j, i, 1] * y + world[j, i, 2] * z)


@dataclass(frozen=True, kw_only=True, eq=False)
class Carried:
    """Vertices that joints move."""

    start: Int64[np.ndarray, "vert_plus_one"]
    """Of each vertex in the table of weights."""
    joint: Int64[np.ndarray, "entry"]
    weight: Float64[np.ndarray, "entry"]

    def pose(
        self,
        points: Float[np.ndarray, "vert 3"],
        rest: Float64[np.ndarray, "55 3"],
        world: Float64[np.ndarray, "55 3 3"],
        position: Float64[np.ndarray, "55 3"],
    ) -> Float64[np.ndarray, "vert 3"]:
        """The vertices on a posed skeleton; `points` are where they are at rest."""
        found = np.empty((len(points), 3))
        carry(points, 0, len(points), self.start, self.joint, self.weight, rest, world, position, found)
        return found


@numba.njit(**_JIT)
@no_type_check
def two_bones(root, target, upper, lower, pole):
    """Where the middle joint of a limb lies, so that its end comes to `target` or as near as it can.

    Args:
        root: position of the limb's first joint.
        target: where its end shall be.
        upper: length of its first bone, `lower` of its second.
        pole: direction to which the middle joint points away from the line.

    Returns:
        Positions of the middle joint and of the end.
    """
    line = target - root
    distance = math.sqrt((line * line).sum())
    along = line / distance if distance > 1e-9 else np.array([0.0, -1.0, 0.0])
    reach = min(max(distance, 1.02 * abs(upper - lower), 1e-6), 0.9995 * (upper + lower))
    out = pole - (pole * along).sum() * along
    length = math.sqrt((out * out).sum())
    if length < 1e-9:
        out = np.array([along[1], -along[0], 0.0]) if abs(along[2]) < 0.9 else np.array([0.0, along[2], -along[1]])
        length = math.sqrt((out * out).sum())
    near = (upper * upper + reach * reach - lower * lower) / (2 * reach)
    off = math.sqrt(max(upper * upper - near * near, 0.0))
    return root + along * near + out * (off / length), root + along * reach


@numba.njit(**_JIT)
@no_type_check
def hand_offset(joints, local, joint, point):
    """Where a point that a finger joint carries is, from the wrist and in its axes.

    Args:
        joints: (16, 3) at rest, the wrist first.
        local: (15, 3, 3) of the finger joints.
        joint: 0..14, the last of its digit.
        point: at rest.
    """
    first = joint - joint % 3
    found = point - joints[1 + joint]
    for j in range(joint, first - 1, -1):
        found = turned(local[j], found) + joints[1 + j] - joints[j if j > first else 0]
    return found


def mirror_joint(joint: int) -> int:
    """The joint on the other side."""
    if joint in (1, 4, 7, 10, 13, 16, 18, 20, 23):
        return joint + 1
    if joint in (2, 5, 8, 11, 14, 17, 19, 21, 24):
        return joint - 1
    return joint + 15 if 25 <= joint < 40 else joint - 15 if joint >= 40 else joint


def unit(v: np.ndarray) -> np.ndarray:
    """The direction of a vector."""
    return v / max(math.sqrt(float(v @ v)), 1e-12)


def frame_of(first: np.ndarray, second: np.ndarray) -> Float64[np.ndarray, "3 3"]:
    """Orthonormal columns: `first`, then `second` made across it."""
    a = unit(first)
    b = unit(second - (second @ a) * a)
    found = np.empty((3, 3))
    found[:, 0], found[:, 1], found[:, 2] = a, b, crossed(a, b)
    return found
