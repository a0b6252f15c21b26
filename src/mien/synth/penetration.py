"""How deep a body's surface lies inside other parts of itself: the measure by which postures are judged.

A vertex belongs to the joint with its largest skinning weight, a face to the joint of most of its corners (of its first
corner where all three differ). The mesh is cut into 20 pieces (`PIECES`): the trunk, the head with the neck, two arms,
two palms, ten fingers, two thighs, two lower legs. Where a piece is cut off, each rim is closed by a fan around its
mean, so that every piece is a closed surface. A vertex lies inside a piece if that surface winds around it.
Its depth is then its distance to the nearest face of that piece (fans left out).

It does not count if that face belongs to a neighbouring joint, since blend skinning always folds the surface near a
joint. Joints are neighbours if they are at most two steps apart in the tree. Some of these do count, in both
directions, except for vertices that lie near the other joint's part already at rest (see `CLOSE`): fingers and other
fingers of the same hand, the two legs, an upper arm and the chest, a heel and its thigh.

The same test runs on a coarse mesh while postures are made (`mien.synth.collide`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Int64

from mien.body.reading import BodyArrays

__all__ = ["CLOSE", "NUM_PIECES", "PIECES", "Depth", "Parts", "cut_parts", "penetration"]

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The deepest vertex."""

    metres: float
    """0 where nothing lies inside anything else."""
    vertex: int = -1
    part: int = -1
    """The joint whose part the vertex belongs to."""
    inside: int = -1
    """The joint that the nearest face belongs to."""


def _fingers(first: int) -> list[range]:
    return [range(first + 3 * i, first + 3 * i + 3) for i in range(5)]


def _close() -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for hand in (_fingers(25), _fingers(40)):
        for i, one in enumerate(hand):
            for other in hand[i + 1 :]:
                found |= {(a, b): 0.012 for a in one for b in other}
    found |= {(a, b): 0.05 for a in (1, 4, 7, 10) for b in (2, 5, 8, 11)}
    found |= {(16, 9): 0.1, (17, 9): 0.1, (1, 7): 0.05, (2, 8): 0.05}
    return found | {(b, a): near for (a, b), near in found.items()}


CLOSE: dict[tuple[int, int], float] = _close()
"""Pairs of parts that count although their joints may be neighbours, and the distance at rest (metres) within which
vertices of the first are left out. At distances of three steps and more every vertex counts."""


TRUNK, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_PALM, RIGHT_PALM = range(6)
LEFT_FINGERS, RIGHT_FINGERS = 6, 11
"""The first of five, in the order of the joints."""
LEFT_THIGH, RIGHT_THIGH, LEFT_SHIN, RIGHT_SHIN = range(16, 20)
NUM_PIECES = 20
PIECES: tuple[int, ...] = (
    *(TRUNK, LEFT_THIGH, RIGHT_THIGH, TRUNK, LEFT_SHIN, RIGHT_SHIN, TRUNK, LEFT_SHIN, RIGHT_SHIN, TRUNK),
    *(LEFT_SHIN, RIGHT_SHIN, HEAD, TRUNK, TRUNK, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_ARM, RIGHT_ARM),
    *(LEFT_PALM, RIGHT_PALM, HEAD, HEAD, HEAD),
    *(LEFT_FINGERS + d for d in range(5) for _ in range(3)),
    *(RIGHT_FINGERS + d for d in range(5) for _ in range(3)),
)
"""The piece of each joint."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """A mesh cut into closed pieces, in the order in which the kernels read it."""

    vertex: Int64[np.ndarray, "vert"]
    """Of the body's mesh; sorted by piece."""
    part: Int64[np.ndarray, "vert"]
    """The joint of each vertex."""
    start: Int64[np.ndarray, "piece_plus_one"]
    """First vertex of each piece."""
    counts: Int64[np.ndarray, "vert"]
    """Bit j is set if it counts when the vertex lies under a face of joint j."""
    faces: Int64[np.ndarray, "face 3"]
    """Sorted by piece; within a piece those of the fans come last. Corners from the number of vertices on are means."""
    face_part: Int64[np.ndarray, "face"]
    """The joint of each face; -1 for fans."""
    face_start: Int64[np.ndarray, "piece_plus_one"]
    fan_start: Int64[np.ndarray, "piece"]
    holds: Int64[np.ndarray, "piece"]
    """Bits of the joints of each piece."""
    rim: Int64[np.ndarray, "corner"]
    """Vertices around each rim, one rim after another."""
    rim_start: Int64[np.ndarray, "rim_plus_one"]

    @property
    def cut(self) -> tuple[np.ndarray, ...]:
        """What the kernels read."""
        faces = self.faces, self.face_part, self.face_start, self.fan_start
        return self.part, self.start, self.counts, *faces, self.holds, self.rim, self.rim_start


def cut_parts(
    arrays: BodyArrays,
    chosen: Int64[np.ndarray, "vert"] | None = None,
    moved_to: Int64[np.ndarray, "all"] | None = None,
    *,
    close: float = 1.0,
) -> Parts:
    """Cut a body's mesh.

    Args:
        arrays: of the body.
        chosen: for a coarse mesh: the vertices that stay.
        moved_to: for each vertex of the mesh, the one that stands for it: an entry of `chosen` of the same joint. A
            closed surface stays closed, whatever is chosen.
        close: multiplies the distances of `CLOSE`.
    """
    part, pieces = arrays.weights.argmax(1).astype(np.int64), np.array(PIECES)
    chosen = np.arange(len(part)) if chosen is None else chosen
    vertex = chosen[np.argsort(pieces[part[chosen]], kind="stable")]
    place = np.zeros(len(part), dtype=np.int64)
    place[vertex] = np.arange(len(vertex))
    corners = place[arrays.faces if moved_to is None else moved_to[arrays.faces]]
    a, b, c = part[vertex][corners].T
    owner = np.where(b == c, b, a)
    faces, face_part, rims = [], [], []
    face_start, fan_start = np.zeros(NUM_PIECES + 1, dtype=np.int64), np.zeros(NUM_PIECES, dtype=np.int64)
    for p in range(NUM_PIECES):
        mine = pieces[owner] == p
        real, kept = _cancel(corners[mine], owner[mine])
        fans = []
        for loop in _rims(real):
            fans.append(np.column_stack([loop[:, ::-1], np.full(len(loop), len(vertex) + len(rims))]))
            rims.append(loop.reshape(-1))
        num_fans = sum(map(len, fans))
        faces += [real, *fans]
        face_part += [kept, np.full(num_fans, -1)]
        fan_start[p] = face_start[p] + len(real)
        face_start[p + 1] = fan_start[p] + num_fans
    return Parts(
        vertex=vertex,
        part=part[vertex],
        start=np.searchsorted(pieces[part[vertex]], np.arange(NUM_PIECES + 1)).astype(np.int64),
        counts=_counts(arrays, part, close)[vertex],
        faces=np.concatenate(faces),
        face_part=np.concatenate(face_part).astype(np.int64),
        face_start=face_start,
        fan_start=fan_start,
        holds=np.array([sum(1 << j for j in range(55) if PIECES[j] == p) for p in range(NUM_PIECES)], dtype=np.int64),
        rim=np.concatenate([np.zeros(0, dtype=np.int64), *rims]),
        rim_start=np.cumsum([0, *map(len, rims)]).astype(np.int64),
    )


def penetration(parts: Parts, vertices: Float[np.ndarray, "all 3"]) -> Depth:
    """The deepest vertex of a posed mesh; see the head of this module for what is measured.

    Args:
        parts: `cut_parts` of the body.
        vertices: of the posed mesh, metres.
    """
    metres, vertex, part, inside = _deepest(vertices[parts.vertex].astype(np.float64), parts.cut)
    return Depth(metres=metres, vertex=int(parts.vertex[vertex]) if vertex >= 0 else -1, part=part, inside=inside)


def _cancel(
    faces: Int64[np.ndarray, "face 3"], owner: Int64[np.ndarray, "face"]
) -> tuple[Int64[np.ndarray, "kept 3"], Int64[np.ndarray, "kept"]]:
    """The faces with three different corners, without pairs that face each other; and whose they are."""
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    total: dict[tuple[int, int, int], tuple[int, int]] = {}
    for face, mine in zip(faces[whole].tolist(), owner[whole].tolist(), strict=True):
        first = face.index(min(face))
        i, j, k = face[first], face[first - 2], face[first - 1]
        key, sign = ((i, j, k), 1) if j < k else ((i, k, j), -1)
        total[key] = total.get(key, (0, 0))[0] + sign, mine
    found, owners = [], []
    for (i, j, k), (sign, mine) in total.items():
        found += [(i, j, k) if sign > 0 else (i, k, j)] * abs(sign)
        owners += [mine] * abs(sign)
    return np.array(found, dtype=np.int64).reshape(-1, 3), np.array(owners, dtype=np.int64)


def _rims(faces: Int64[np.ndarray, "face 3"]) -> list[Int64[np.ndarray, "edge 2"]]:
    """The open edges of a surface, directed as its faces have them, one array for each connected rim."""
    balance: dict[tuple[int, int], int] = {}
    for i, j in np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist():
        key, sign = ((i, j), 1) if i < j else ((j, i), -1)
        balance[key] = balance.get(key, 0) + sign
    edges = [(a, b) if n > 0 else (b, a) for (a, b), n in balance.items() for _ in range(abs(n))]
    name: dict[int, int] = {}

    def top(v: int) -> int:
        while name.setdefault(v, v) != v:
            v = name[v]
        return v

    for a, b in edges:
        name[top(a)] = top(b)
    groups: dict[int, list[tuple[int, int]]] = {}
    for edge in edges:
        groups.setdefault(top(edge[0]), []).append(edge)
    return [np.array(group, dtype=np.int64) for group in groups.values()]


def _steps(parents: Int64[np.ndarray, "joint"]) -> Int64[np.ndarray, "joint joint"]:
    """How many steps apart in the tree any two joints are."""
    count = len(parents)
    lines = []
    for j in range(count):
        line = [j]
        while parents[line[-1]] >= 0:
            line.append(int(parents[line[-1]]))
        lines.append(line)
    found = np.zeros((count, count), dtype=np.int64)
    for a in range(count):
        for b in range(count):
            shared = len(set(lines[a]) & set(lines[b]))
            found[a, b] = len(lines[a]) + len(lines[b]) - 2 * shared
    return found


def _counts(arrays: BodyArrays, part: Int64[np.ndarray, "vert"], close: float) -> Int64[np.ndarray, "vert"]:
    """Bits of the parts in which it counts if a vertex lies there."""
    far = _steps(arrays.parents) > 2
    found = np.zeros(len(part), dtype=np.int64)
    members = [np.nonzero(part == p)[0] for p in range(len(far))]
    for a, mine in enumerate(members):
        for b, theirs in enumerate(members):
            counts: Bool[np.ndarray, "mine"] = np.full(len(mine), far[a, b])
            if not far[a, b] and (a, b) in CLOSE and len(theirs):
                gaps = arrays.v_template[mine][:, None] - arrays.v_template[theirs]
                counts = np.sqrt((gaps * gaps).sum(-1).min(1)) > close * CLOSE[a, b]
            found[mine[counts]] |= np.int64(1) << b
    return found


@numba.njit(**_JIT)
@no_type_check
def close_rims(points, rim, rim_start):
    """The vertices, and after them the mean of each rim."""
    found = np.zeros((len(points) + len(rim_start) - 1, 3))
    found[: len(points)] = points
    for r in range(len(rim_start) - 1):
        for k in range(rim_start[r], rim_start[r + 1]):
            for i in range(3):
                found[len(points) + r, i] += points[rim[k], i] / (rim_start[r + 1] - rim_start[r])
    return found


@numba.njit(**_JIT)
@no_type_check
def boxes_of(points, start):
    """Lowest and highest coordinates of each part."""
    found = np.empty((len(start) - 1, 6))
    for p in range(len(start) - 1):
        for i in range(3):
            found[p, i], found[p, 3 + i] = np.inf, -np.inf
        for v in range(np.uint64(start[p]), np.uint64(start[p + 1])):
            for i in range(3):
                found[p, i] = min(found[p, i], points[v, i])
                found[p, 3 + i] = max(found[p, 3 + i], points[v, i])
    return found


@numba.njit(**_JIT)
@no_type_check
def crossing(points, a, b, c, x, y, z):
    """+1 or -1 where the ray from a point towards +x leaves or enters through a triangle, 0 where it misses."""
    a, b, c = np.uint64(a), np.uint64(b), np.uint64(c)
    ay, by, cy = points[a, 1] - y, points[b, 1] - y, points[c, 1] - y
    if (ay > 0) == (by > 0) and (by > 0) == (cy > 0):
        return 0
    az, bz, cz = points[a, 2] - z, points[b, 2] - z, points[c, 2] - z
    u, v, w = by * cz - bz * cy, cy * az - cz * ay, ay * bz - az * by
    sign = 1 if u > 0 and v > 0 and w > 0 else -1 if u < 0 and v < 0 and w < 0 else 0
    if sign != 0 and (u * points[a, 0] + v * points[b, 0] + w * points[c, 0]) / (u + v + w) > x:
        return sign
    return 0


@numba.njit(**_JIT)
@no_type_check
def distance_to_face(points, a, b, c, x, y, z):
    """Squared distance from a point to a triangle, and the nearest point (Ericson 2005, 5.1.5)."""
    a, b, c = np.uint64(a), np.uint64(b), np.uint64(c)
    abx, aby, abz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    acx, acy, acz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    apx, apy, apz = x - points[a, 0], y - points[a, 1], z - points[a, 2]
    d1, d2 = abx * apx + aby * apy + abz * apz, acx * apx + acy * apy + acz * apz
    bb, bc, cc = abx * abx + aby * aby + abz * abz, abx * acx + aby * acy + abz * acz, acx * acx + acy * acy + acz * acz
    d3, d4, d5, d6 = d1 - bb, d2 - bc, d1 - bc, d2 - cc
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0 and d2 <= 0:
        s, t = 0.0, 0.0
    elif d3 >= 0 and d4 <= d3:
        s, t = 1.0, 0.0
    elif vc <= 0 and d1 >= 0 and d3 <= 0:
        s, t = d1 / (d1 - d3), 0.0
    elif d6 >= 0 and d5 <= d6:
        s, t = 0.0, 1.0
    elif vb <= 0 and d2 >= 0 and d6 <= 0:
        s, t = 0.0, d2 / (d2 - d6)
    elif va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        s = 1 - t
    else:
        s, t = vb / (va + vb + vc), vc / (va + vb + vc)
    gx, gy, gz = apx - s * abx - t * acx, apy - s * aby - t * acy, apz - s * abz - t * acz
    return gx * gx + gy * gy + gz * gz, x - gx, y - gy, z - gz


@numba.njit(**_JIT)
@no_type_check
def _deepest(vertices, cut):
    """Depth, vertex, its joint, and the joint of the nearest face."""
    part, start, counts, faces, face_part, face_start, fan_start, holds, rim, rim_start = cut
    points, boxes = close_rims(vertices, rim, rim_start), boxes_of(vertices, start)
    worst, vertex, inside = 0.0, -1, -1
    pieces = len(start) - 1
    for p in range(pieces):
        for v in range(len(vertices)):
            x, y, z = points[v, 0], points[v, 1], points[v, 2]
            if start[p] <= v < start[p + 1] or not counts[v] & holds[p] or x < boxes[p, 0] or x > boxes[p, 3]:
                continue
            if y < boxes[p, 1] or y > boxes[p, 4] or z < boxes[p, 2] or z > boxes[p, 5]:
                continue
            winding = 0
            for f in range(face_start[p], face_start[p + 1]):
                winding += crossing(points, faces[f, 0], faces[f, 1], faces[f, 2], x, y, z)
            if winding <= 0:
                continue
            nearest, whose = np.inf, -1
            for f in range(face_start[p], fan_start[p]):
                squared = distance_to_face(points, faces[f, 0], faces[f, 1], faces[f, 2], x, y, z)[0]
                if squared < nearest:
                    nearest, whose = squared, face_part[f]
            if whose >= 0 and (counts[v] >> whose) & 1 and nearest > worst:
                worst, vertex, inside = nearest, v, whose
    return np.sqrt(worst), vertex, part[vertex] if vertex >= 0 else -1, inside
