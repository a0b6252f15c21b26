"""Triangles that cross the near plane, or reach millions of pixels far, are cut. Rare, so in plain numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from mien.render.mesh import NUM_COLUMNS, Packed

__all__ = ["cut_pieces"]


def cut_pieces(
    packed: Packed,
    points: Float32[np.ndarray, "vert 3"],
    lit: Float32[np.ndarray, "vert channel"],
    camera: Float64[np.ndarray, "6"],
    near: float,
    flagged: Bool[np.ndarray, "part"],
) -> tuple[Packed, Float32[np.ndarray, "more 3"], Float32[np.ndarray, "more channel"]]:
    """Add, as parts of their own, what is seen of the faces with corners that cannot be projected (1/z = 0).

    Args:
        packed: the meshes.
        points: as `prepare_vertices` left them.
        lit: the same.
        camera: first two rows of K, in samples.
        near: metres.
        flagged: the parts that have such corners.
    """
    from mien.render.triangles import GUARD, SUB

    faces, parts, points_, lits, uvs, origins = [packed.faces], [packed.parts], [points], [lit], [packed.uv], []
    num_points, num_faces, num_uv, num_pieces = len(points), len(packed.faces), len(packed.uv), 0
    for first, _, first_face, count, mesh, first_uv, texture, two_sided, _ in packed.parts[flagged]:
        rows = packed.faces[first_face : first_face + count] + first
        crossing = np.flatnonzero((points[rows, 2] == 0).any(1) & (packed.vertices[rows, 2] >= near).any(1))
        if not len(crossing):
            continue
        which, weights, places = _cut(packed.vertices[rows[crossing]].astype(np.float64), camera, near, GUARD)
        if not (pieces := len(which)):
            continue
        inverse = 1 / places[..., 2:]
        points_.append(np.concatenate([np.rint(places[..., :2] * inverse * SUB), inverse], -1).reshape(-1, 3))
        lits.append((weights @ lit[rows[crossing[which]]]).reshape(-1, lit.shape[1]))
        faces.append(np.arange(3 * pieces).reshape(-1, 3))
        textured = texture >= 0
        if textured:
            uvs.append(weights @ packed.uv[first_uv + crossing[which]])
        origins.append(crossing[which])
        part = (num_points, 3 * pieces, num_faces, pieces, mesh, num_uv, texture, two_sided, num_pieces)
        parts.append(np.array(part).reshape(1, NUM_COLUMNS))
        num_points, num_faces, num_pieces = num_points + 3 * pieces, num_faces + pieces, num_pieces + pieces
        num_uv += pieces * int(textured)
    more = replace(
        packed,
        faces=_joined(faces, np.int32),
        parts=np.concatenate(parts),
        uv=_joined(uvs, np.float32),
        origin=_joined([packed.origin, *origins], np.int32),
    )
    return more, _joined(points_, np.float32), _joined(lits, np.float32)


def _joined(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    """One after another; only the new ones, few, are converted."""
    return np.concatenate(arrays, dtype=dtype, casting="unsafe") if len(arrays) > 1 else arrays[0]


def _cut(
    corners: Float64[np.ndarray, "face 3 3"], camera: Float64[np.ndarray, "6"], near: float, guard: float
) -> tuple[Int[np.ndarray, "piece"], Float64[np.ndarray, "piece 3 3"], Float64[np.ndarray, "piece 3 3"]]:
    """What lies before the near plane and within the guard band.

    Returns:
        For each piece the face that it is of, the weights of its corners, and their homogeneous places (u z, v z, z).
    """
    project = np.stack([camera[:3], camera[3:], [0, 0, 1]])
    homogeneous = corners @ project.T
    planes = np.array([[0, 0, 1], [-1, 0, guard], [1, 0, guard], [0, -1, guard], [0, 1, guard]], dtype=np.float64)
    which, weights = np.arange(len(corners)), np.tile(np.eye(3), (len(corners), 1, 1))
    for plane, offset in zip(planes, (near, 0, 0, 0, 0), strict=True):
        distance = (weights @ homogeneous[which]) @ plane - offset
        kept, weights = _cut_by(distance >= 0, distance, weights)
        which = which[kept]
    return which, weights, weights @ homogeneous[which]


def _cut_by(
    inside: Bool[np.ndarray, "face 3"], distance: Float[np.ndarray, "face 3"], weights: Float64[np.ndarray, "face 3 3"]
) -> tuple[Int[np.ndarray, "piece"], Float64[np.ndarray, "piece 3 3"]]:
    """One plane: a face stays, goes, or leaves a triangle or two. An edge is cut at one place for both its faces."""
    count = inside.sum(1)
    whole, one, two = (np.flatnonzero(count == number) for number in (3, 1, 2))

    def turned(rows: np.ndarray, odd: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        order = (odd.argmax(1)[:, None] + np.arange(3)) % 3
        return list(weights[rows[:, None], order].swapaxes(0, 1)), list(distance[rows[:, None], order].T)

    def crossing(w_in: np.ndarray, d_in: np.ndarray, w_out: np.ndarray, d_out: np.ndarray) -> np.ndarray:
        return w_in + (d_in / (d_in - d_out))[:, None] * (w_out - w_in)

    (a, b, c), (da, db, dc) = turned(one, inside[one])
    tip = np.stack([a, crossing(a, da, b, db), crossing(a, da, c, dc)], 1)
    (a, b, c), (da, db, dc) = turned(two, ~inside[two])
    ab, ca = crossing(b, db, a, da), crossing(c, dc, a, da)
    first, second = np.stack([ab, b, c], 1), np.stack([ab, c, ca], 1)
    return np.concatenate([whole, one, two, two]), np.concatenate([weights[whole], tip, first, second])
