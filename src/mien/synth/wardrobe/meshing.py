"""Meshes of an even resolution: vertices that stand close together are taken out, long edges are halved."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import dist, hypot

import numpy as np
from jaxtyping import Float32, Int32

from mien.synth.figure import surface_normals

__all__ = ["halve_edges", "thin_out"]

BEND = 0.5
"""How much longer an edge counts for each radian, about, by which the surface turns along it."""
_MOST = 1.7
"""The longest new edge, as a share of the shortest that may stay."""


def thin_out(
    points: Float32[np.ndarray, "vert 3"],
    faces: Int32[np.ndarray, "face 3"],
    fixed: tuple[int, ...],
    shortest: float,
) -> tuple[Int32[np.ndarray, " kept"], Int32[np.ndarray, " vert"], Int32[np.ndarray, "kept_face 3"]]:
    """Draw short edges together until none is left, the shortest first; what stays is where it was.

    Borders and some vertices are left alone. The order in which vertices and faces are numbered changes nothing.

    Args:
        points: metres.
        faces: counter-clockwise.
        fixed: vertices that stay.
        shortest: metres; where the surface bends, edges count as longer.

    Returns:
        Which vertices stay, by place; the place among these that each vertex went to; and the faces, of these.
    """
    mesh = _Mesh(points, faces, fixed, shortest)
    mesh.run()
    kept = np.array([v for v in range(len(points)) if mesh.into[v] == v], dtype=np.int32)
    place = np.full(len(points), -1, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    owner = np.array([place[mesh.owner(v)] for v in range(len(points))], dtype=np.int32)
    left = np.array([face for face in mesh.faces if face is not None], dtype=np.int32).reshape(-1, 3)
    return kept, owner, place[left]


class _Mesh:
    """A mesh that loses vertices one by one."""

    def __init__(self, points: np.ndarray, faces: np.ndarray, fixed: tuple[int, ...], shortest: float) -> None:
        self.shortest = shortest
        self.points = [tuple(place) for place in points.tolist()]
        self.normals = surface_normals(points, faces).tolist()
        self.faces: list[list[int] | None] = faces.tolist()
        self.into = list(range(len(points)))
        self.around: list[set[int]] = [set() for _ in self.into]
        edges: dict[tuple[int, int], int] = {}
        for f, face in enumerate(faces.tolist()):
            for a, b in zip(face, face[1:] + face[:1], strict=True):
                self.around[a].add(f)
                edges[min(a, b), max(a, b)] = edges.get((min(a, b), max(a, b)), 0) + 1
        self.fixed = {v for edge, count in edges.items() if count != 2 for v in edge} | set(fixed)
        self.queue = [self.entry(a, b) for a, b in edges]

    def entry(self, a: int, b: int) -> tuple[float, tuple[float, ...], tuple[float, ...], int, int]:
        """An edge, to be sorted by its length; which numbers its ends have never decides."""
        if self.points[b] < self.points[a]:
            a, b = b, a
        turn = dist(self.normals[a], self.normals[b])
        return dist(self.points[a], self.points[b]) * (1 + BEND * turn), self.points[a], self.points[b], a, b

    def owner(self, v: int) -> int:
        while self.into[v] != v:
            v = self.into[v]
        return v

    def run(self) -> None:
        heapify(self.queue)
        while self.queue and self.queue[0][0] < self.shortest:
            *_, a, b = heappop(self.queue)
            if self.into[a] == a and self.into[b] == b and b in self.near(a) and not self.draw(b, a):
                self.draw(a, b)

    def near(self, v: int) -> set[int]:
        """The vertices around."""
        return {w for f in self.around[v] for w in self.faces[f] or ()} - {v}

    def draw(self, gone: int, to: int) -> bool:
        """Move a vertex into a neighbour, where that harms nothing."""
        if gone in self.fixed or len(self.near(gone) & self.near(to)) != 2:
            return False
        kept = [f for f in self.around[gone] if to not in (self.faces[f] or ())]
        moved = [[to if v == gone else v for v in self.faces[f] or ()] for f in kept]
        new = [self.entry(to, v) for v in self.near(gone) - self.near(to) - {to}]
        if any(entry[0] > _MOST * self.shortest for entry in new) or not all(self.upright(face) for face in moved):
            return False
        for f in self.around[gone] - set(kept):
            for v in self.faces[f] or ():
                self.around[v] = self.around[v] - {f}
            self.faces[f] = None
        for f, face in zip(kept, moved, strict=True):
            self.faces[f] = face
            self.around[to].add(f)
        self.into[gone] = to
        for entry in new:
            heappush(self.queue, entry)
        return True

    def upright(self, face: list[int]) -> bool:
        """Whether a face looks outwards and is no sliver."""
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (self.points[v] for v in face)
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        across = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        out = sum(across[k] * sum(self.normals[v][k] for v in face) for k in range(3))
        size = hypot(*across)
        longest = max(hypot(ux, uy, uz), hypot(vx, vy, vz), hypot(vx - ux, vy - uy, vz - uz))
        return out > 1.5 * size and size > 0.25 * longest * longest


def halve_edges(
    points: Float32[np.ndarray, "vert 3"], faces: Int32[np.ndarray, "face 3"], longest: float
) -> tuple[Int32[np.ndarray, "more_face 3"], Int32[np.ndarray, "new 2"]]:
    """Split each face at the middles of its edges that are too long; neighbours agree, so no gap opens.

    Returns:
        The new faces, and the two ends of the edge that each new vertex halves (numbered on from the old ones).
    """
    edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2), 1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    long = np.linalg.norm(points[unique[:, 0]] - points[unique[:, 1]], axis=1) > longest
    number = np.where(long, len(points) + np.cumsum(long) - 1, -1)
    middles = number[inverse.reshape(-1, 3)].tolist()
    pieces = [piece for face, middle in zip(faces.tolist(), middles, strict=True) for piece in _split(face, middle)]
    return np.array(pieces, dtype=np.int32).reshape(-1, 3), unique[long].astype(np.int32)


def _split(face: list[int], middle: list[int]) -> list[tuple[int, int, int]]:
    """One face whose edges (from corner i to i + 1) have middles, or -1."""
    count = sum(m >= 0 for m in middle)
    if count == 0:
        return [(face[0], face[1], face[2])]
    if count == 3:
        (a, b, c), (d, e, f) = face, middle
        return [(a, d, f), (d, b, e), (f, e, c), (d, e, f)]
    turn = next(i for i in range(3) if (middle[i] >= 0 if count == 1 else middle[i] < 0))
    a, b, c = face[turn:] + face[:turn]
    d, e, f = middle[turn:] + middle[:turn]
    return [(a, d, c), (d, b, c)] if count == 1 else [(f, e, c), (a, b, e), (a, e, f)]
