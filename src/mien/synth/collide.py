"""The coarse mesh on which postures are looked through for self-intersection while they are made.

The coarse mesh keeps one vertex in five, most of them in the hands, and is moved by the body's own skinning weights.
Its vertices are moved outwards a little, so that its faces lie as often inside the true surface as outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from mien.body.reading import BodyArrays
from mien.synth.bones import Carried
from mien.synth.figure import surface_normals
from mien.synth.overlap import face_distance, nearest_pair, outside, overlaps
from mien.synth.penetration import NUM_PIECES, PIECES, Parts, cut_parts

__all__ = ["LIMBS", "NUM_LIMBS", "Coarse", "coarse_body", "hands_apart"]

TORSO, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_HAND, RIGHT_HAND, LEFT_LEG, RIGHT_LEG = range(8)
NUM_LIMBS = 8
LIMBS: tuple[int, ...] = (
    *(TORSO, LEFT_LEG, RIGHT_LEG, TORSO, LEFT_LEG, RIGHT_LEG, TORSO, LEFT_LEG, RIGHT_LEG, TORSO, LEFT_LEG, RIGHT_LEG),
    *(HEAD, TORSO, TORSO, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_ARM, RIGHT_ARM, LEFT_HAND, RIGHT_HAND, HEAD, HEAD, HEAD),
    *((LEFT_HAND,) * 15),
    *((RIGHT_HAND,) * 15),
)
"""The limb of each joint."""

_TORSO, _THIGH, _CHEST, _ARM, _FACE, _PALM, _FINGER = 0.034, 0.027, 0.024, 0.02, 0.021, 0.0095, 0.0064
_SPACING = {
    **dict.fromkeys(range(55), _TORSO),
    **dict.fromkeys((1, 2, 6), _THIGH),
    9: _CHEST,
    **dict.fromkeys((7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19), _ARM),
    **dict.fromkeys((15, 22, 23, 24), _FACE),
    **dict.fromkeys((20, 21), _PALM),
    **dict.fromkeys(range(25, 55), _FINGER),
}
"""Metres between the vertices that stay, for each part."""
NOSE = 0.006
"""Metres that the coarse head is swollen more: noses, lips and ears stand out from it, and hands come near."""
STRICT = 0.82
"""Where vertices near a neighbouring part are left out, the coarse mesh leaves out fewer than the measure does."""
_LIMB_OF_PIECE = np.array([LIMBS[PIECES.index(piece)] for piece in range(NUM_PIECES)])
_PAIRS = np.ones((NUM_LIMBS, NUM_LIMBS), dtype=np.bool_)
_PAIRS[LEFT_HAND, LEFT_HAND] = _PAIRS[RIGHT_HAND, RIGHT_HAND] = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Coarse(Carried):
    """A coarse mesh of a body, cut into parts, with its skinning weights."""

    parts: Parts
    swell: Float32[np.ndarray, "vert 3"]
    """How far each vertex is moved outwards, metres at rest."""
    limb: Int64[np.ndarray, "55"]

    def shape(self, vertices: Float[np.ndarray, "all 3"]) -> Float64[np.ndarray, "vert 3"]:
        """The coarse vertices at rest, of a figure with these `vertices` at rest."""
        return (vertices[self.parts.vertex] + self.swell).astype(np.float64)

    def overlaps(
        self, points: Float64[np.ndarray, "vert 3"], world: Float64[np.ndarray, "55 3 3"]
    ) -> Float64[np.ndarray, "8 8 9"]:
        """For each pair of limbs, how deep the first reaches into the second, and the way out (metres).

        The fingers of one hand among themselves are left to `mien.synth.hands`.

        Entry 0 is the depth of the deepest vertex, entries 1 to 3 lead from it to the surface of the second limb,
        entries 4 to 6 are where it is, 7 and 8 the part it belongs to and the part it lies in.
        """
        return overlaps(points, self.cut, world, _LIMB_OF_PIECE, _PAIRS)

    @cached_property
    def cut(self) -> tuple[np.ndarray, ...]:
        """What the kernels read of the parts."""
        return self.parts.cut

    @cached_property
    def skin(self) -> tuple[np.ndarray, ...]:
        """What the kernels read of the skinning."""
        return self.start, self.joint, self.weight


def coarse_body(arrays: BodyArrays) -> Coarse:
    """Choose the vertices that stay: in each part as far from each other as can be."""
    part = arrays.weights.argmax(1)
    chosen, moved_to = [], np.zeros(len(part), dtype=np.int64)
    for p in range(arrays.weights.shape[1]):
        members = np.nonzero(part == p)[0]
        if len(members):
            kept, nearest = _spread(arrays.v_template[members].astype(np.float64), _SPACING[p])
            chosen.append(members[kept])
            moved_to[members] = members[kept][nearest]
    parts = cut_parts(arrays, np.concatenate(chosen), moved_to, close=STRICT)
    weights = arrays.weights[parts.vertex].astype(np.float64)
    weights /= weights.sum(1, keepdims=True)
    row, joint = np.nonzero(weights)
    order = np.full(len(part), -1)
    order[parts.vertex] = np.arange(len(parts.vertex))
    return Coarse(
        parts=parts,
        start=np.searchsorted(row, np.arange(len(weights) + 1)).astype(np.int64),
        joint=joint.astype(np.int64),
        weight=weights[row, joint],
        swell=_swell(arrays, parts, order[moved_to]),
        limb=np.array(LIMBS, dtype=np.int64),
    )


def _swell(arrays: BodyArrays, parts: Parts, owner: Int64[np.ndarray, "all"]) -> Float32[np.ndarray, "vert 3"]:
    """Outwards, by how much the vertices that each coarse one stands for lie outside the coarse faces, on average."""
    points = arrays.v_template.astype(np.float64)
    coarse, normals = points[parts.vertex], surface_normals(arrays.v_template, arrays.faces)[parts.vertex]
    found = np.zeros(len(points))
    part = arrays.weights.argmax(1)
    for p in range(NUM_PIECES):
        members = np.nonzero(np.array(PIECES)[part] == p)[0]
        faces = parts.faces[parts.face_start[p] : parts.fan_start[p]]
        if len(members) and len(faces):
            found[members] = outside(points[members], coarse, faces)
    total = np.bincount(owner, weights=found, minlength=len(coarse))
    count = np.bincount(owner, minlength=len(coarse))
    outwards = np.clip(total / np.maximum(count, 1), 0, 0.004)
    outwards[np.array(LIMBS)[part[parts.vertex]] == HEAD] += NOSE
    return (normals * outwards[:, None]).astype(np.float32)


def _spread(
    points: Float64[np.ndarray, "point 3"], spacing: float
) -> tuple[Int64[np.ndarray, "kept"], Int64[np.ndarray, "point"]]:
    """Farthest points first, until none is farther than `spacing` from all that are kept; which is nearest to each."""
    kept = [int(((points - points.mean(0)) ** 2).sum(1).argmax())]
    squared = ((points - points[kept[0]]) ** 2).sum(1)
    nearest = np.zeros(len(points), dtype=np.int64)
    while squared.max() > spacing * spacing:
        kept.append(int(squared.argmax()))
        gap = ((points - points[kept[-1]]) ** 2).sum(1)
        nearest[gap < squared] = len(kept) - 1
        squared = np.minimum(squared, gap)
    return np.array(kept), nearest


def hands_apart(coarse: Coarse, points: Float64[np.ndarray, "vert 3"]) -> tuple[float, Float64[np.ndarray, "3"]]:
    """The shortest way from the left hand to the right one: metres, and the vector. `points` are posed."""
    limb = coarse.limb[coarse.parts.part]
    left, right = points[limb == LEFT_HAND], points[limb == RIGHT_HAND]
    i, j = nearest_pair(left, right)
    there = face_distance(points, coarse.cut, _LIMB_OF_PIECE, RIGHT_HAND, left[i])
    back = face_distance(points, coarse.cut, _LIMB_OF_PIECE, LEFT_HAND, right[j])
    return (float(there[0]), there[1:]) if there[0] <= back[0] else (float(back[0]), -back[1:])
