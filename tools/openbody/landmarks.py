"""Face landmarks as points on triangles: 51 fixed ones, and 17 on the contour for each of 79 head angles.

The order is that of SMPL-X: brows, nose, eyes, lips; of each pair the person's right one first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from assets import Floats, Ints, Mask
from body import Body
from pose import normalise
from skeleton import Skeleton

__all__ = ["Face", "SurfacePoint", "contour_landmarks", "fixed_landmarks", "stack_points", "vertices_of"]

NUM_FIXED = 51
MAX_YAW = 39  # degrees to either side
NUM_CONTOUR = 17


class SurfacePoint(NamedTuple):
    """A point on the surface, fixed to its triangle."""

    triangle: int
    barycentric: Floats
    """(3,) weights of the triangle's corners."""


@dataclass(frozen=True, kw_only=True)
class Face:
    """What the landmarks are read from."""

    body: Body
    parts: Mapping[str, Mask]
    """By body part: which triangles (triangle,) belong to it."""
    is_lip: Mask
    """Which triangles (triangle,) are painted as lips."""
    keys: Mapping[str, int]
    """By keypoint: its vertex."""


def vertices_of(triangles: Ints, mask: Mask) -> Ints:
    """Sorted vertices of the triangles of the mask."""
    return np.unique(triangles[mask])


def stack_points(points: Sequence[SurfacePoint]) -> tuple[Ints, Floats]:
    """Triangles (point,) and barycentric weights (point, 3)."""
    return np.array([point.triangle for point in points]), np.array([point.barycentric for point in points])


def fixed_landmarks(face: Face, skeleton: Skeleton) -> list[SurfacePoint]:
    """The 51 landmarks that do not depend on the direction of view."""
    points = _brows(face, skeleton) + _nose(face, skeleton)
    for side in ("R", "L"):
        eye = _opening(face, f"eye_cavity.{side}")
        points += _around(face, eye, upper=(0.33, 0.67), lower=(0.67, 0.33))
    mouth = _opening(face, "mouth_cavity")
    lips = _lip_outline(face, mouth)
    points += _around(face, lips, upper=(0.2, 0.4, 0.5, 0.6, 0.8), lower=(0.8, 0.6, 0.5, 0.4, 0.2))
    points += _around(face, mouth, upper=(0.3, 0.5, 0.7), lower=(0.7, 0.5, 0.3))
    assert len(points) == NUM_FIXED
    return points


def contour_landmarks(face: Face) -> list[list[SurfacePoint]]:
    """For each of 79 head angles, 17 points along the outline of the jaw.

    Rows 0 to 39 are yaws of 0 to 39 degrees, rows 40 to 78 yaws of -1 to -39, as the SMPL-X layer looks them up.
    """
    body = face.body
    eyes = body.vertices[[face.keys["leye"], face.keys["reye"]]].mean(0)
    centre = np.array([0, eyes[1] - 0.03, body.joint("head")[2]])
    normals = _vertex_normals(body)
    head = vertices_of(body.triangles, face.parts["head"])
    is_front = body.vertices[head, 2] > body.vertices[face.keys["lear"], 2] + 0.03
    is_below_eyes = body.vertices[head, 1] < eyes[1] + 0.01
    candidates = head[is_front & is_below_eyes & (body.moved_by(["head", "jaw"])[head] > 0.985)]
    angles = np.radians(np.linspace(180, 360, NUM_CONTOUR))
    outwards = np.stack([np.cos(angles), 1.25 * np.sin(angles), np.zeros(NUM_CONTOUR)])
    rows: list[list[SurfacePoint]] = []
    for yaw in np.radians([-k for k in range(MAX_YAW + 1)] + list(range(1, MAX_YAW + 1))):
        cosine, sine = np.cos(yaw), np.sin(yaw)
        view_from_body = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
        seen = (body.vertices[candidates] - centre) @ view_from_body.T
        faces_viewer = (normals[candidates] @ view_from_body.T)[:, 2:] > 0.25
        reach = np.where(faces_viewer, seen, 0) @ outwards
        rows.append([_at_vertex(face, int(vertex)) for vertex in candidates[reach.argmax(0)]])
    return rows


def _brows(face: Face, skeleton: Skeleton) -> list[SurfacePoint]:
    """Five points along each brow, from the person's right to left."""
    points: list[SurfacePoint] = []
    for side in ("R", "L"):
        outer = _bone_end(face.body, skeleton.bones[f"oculi02.{side}"].head) - [0, 0.004, 0]
        middle = _bone_end(face.body, skeleton.bones[f"oculi01.{side}"].head)
        inner = _bone_end(face.body, skeleton.bones[f"oculi01.{side}"].tail)
        brow = [outer, (outer + middle) / 2, middle, (middle + inner) / 2, inner]
        points += [_cast(face, p[0], p[1] + 0.0005) for p in (brow if side == "R" else brow[::-1])]
    return points


def _nose(face: Face, skeleton: Skeleton) -> list[SurfacePoint]:
    """Four points down the bridge and five under the tip, from the person's right to left."""
    vertices = face.body.vertices
    bridge = np.linspace(vertices[face.keys["leye"], 1], vertices[face.keys["nose"], 1], 4)
    wing_x = _bone_end(face.body, skeleton.bones["levator06.L"].tail)[0]
    base_y = _bone_end(face.body, skeleton.bones["special01"].tail)[1]
    points = [_cast(face, 0.0005, y) for y in bridge]
    return points + [_cast(face, k * wing_x, base_y + 0.004 * abs(k)) for k in (-0.9, -0.5, 0.02, 0.5, 0.9)]


def _bone_end(body: Body, ids: Ints) -> Floats:
    """Where the first of a bone end's MakeHuman vertices lies on the mean person: (3,) metres."""
    return body.vertices[body.row_of(ids[0])]


def _opening(face: Face, cavity: str) -> Ints:
    """Vertices where a cavity meets the skin of the head."""
    triangles = face.body.triangles
    return np.intersect1d(vertices_of(triangles, face.parts[cavity]), vertices_of(triangles, face.parts["head"]))


def _lip_outline(face: Face, mouth: Ints) -> Ints:
    """Vertices where the lips meet the skin, outside the mouth."""
    vertices, triangles = face.body.vertices, face.body.triangles
    skin = vertices_of(triangles, face.parts["head"] & ~face.is_lip)
    outline = np.intersect1d(vertices_of(triangles, face.is_lip), skin)
    return outline[vertices[outline, 2] > vertices[mouth, 2].min()]


def _around(face: Face, ring: Ints, *, upper: Sequence[float], lower: Sequence[float]) -> list[SurfacePoint]:
    """Points around an opening: its corner at least x, along the upper edge, the other corner, back along the lower.

    Args:
        face: the face.
        ring: (vert,) vertices of the opening's edge, unordered.
        upper: how far along, 0 to 1 from the first corner to the other, points on the upper edge lie.
        lower: the same for the lower edge.
    """
    x, y, _ = face.body.vertices[ring].T
    first, other = x.argmin(), x.argmax()
    is_upper = y > y[[first, other]].mean()

    def nearest(edge: Mask, share: float) -> int:
        return int(ring[edge][np.abs(x[edge] - (x[first] + (x[other] - x[first]) * share)).argmin()])

    chosen = [int(ring[first]), *(nearest(is_upper, share) for share in upper)]
    chosen += [int(ring[other]), *(nearest(~is_upper, share) for share in lower)]
    return [_at_vertex(face, vertex) for vertex in chosen]


def _at_vertex(face: Face, vertex: int) -> SurfacePoint:
    """A vertex as a point on the first triangle that it belongs to, on the head if it can."""
    touches = (face.body.triangles == vertex).any(1)
    on_head = touches & face.parts["head"]
    triangle = int((on_head if on_head.any() else touches).argmax())
    return SurfacePoint(triangle, (face.body.triangles[triangle] == vertex).astype(float))


def _cast(face: Face, x: float, y: float) -> SurfacePoint:
    """The foremost point of the head at (x, y), metres, seen from the front."""
    head = np.flatnonzero(face.parts["head"])
    corners = face.body.vertices[face.body.triangles[head]]
    origin = corners[:, 0, :2]
    u, v, p = corners[:, 1, :2] - origin, corners[:, 2, :2] - origin, np.array([x, y]) - origin
    area = u[:, 0] * v[:, 1] - v[:, 0] * u[:, 1]
    area = np.where(np.abs(area) < 1e-14, 1e-14, area)
    share_u = (p[:, 0] * v[:, 1] - v[:, 0] * p[:, 1]) / area
    share_v = (u[:, 0] * p[:, 1] - p[:, 0] * u[:, 1]) / area
    barycentric = np.stack([1 - share_u - share_v, share_u, share_v], 1)
    depth = (barycentric * corners[:, :, 2]).sum(1)
    is_hit = (barycentric >= -1e-6).all(1)
    if not is_hit.any():
        raise ValueError(f"no triangle of the head at x = {x:.4f} m, y = {y:.4f} m; is the segmentation that of 0.6.2?")
    foremost = int(np.where(is_hit, depth, -np.inf).argmax())
    return SurfacePoint(int(head[foremost]), barycentric[foremost])


def _vertex_normals(body: Body) -> Floats:
    """Unit normals (vert, 3): those of the triangles around, weighted by area."""
    a, b, c = (body.vertices[body.triangles[:, corner]] for corner in range(3))
    normals = np.zeros_like(body.vertices)
    for corner in range(3):
        np.add.at(normals, body.triangles[:, corner], np.cross(b - a, c - a))
    return normalise(normals)
