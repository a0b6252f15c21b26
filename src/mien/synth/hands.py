"""The two hands of a person: from the name of a shape to rotations, with digits that touch and do not pass through.

hands = Hands(body, arrays)
rotations = hands.draw(rng, figure, "pinch", side=0)        # (15, 3, 3)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float64

from mien.body.reading import BodyArrays
from mien.errors import BodyError
from mien.synth.bones import carry, crossed, forward_from, matrix_about, product
from mien.synth.collide import Coarse
from mien.synth.figure import Figure
from mien.synth.hand_rig import FIRST, HIGH, LOW, THUMB, angle_axes, hand_rig, hand_rotations, touch
from mien.synth.hand_shapes import HAND_MIX_COMPLEX, HAND_MIX_EVERYDAY, HAND_SHAPES, LOOSE, Meeting, Shape, draw_shape
from mien.synth.overlap import overlaps
from mien.synth.penetration import LEFT_FINGERS, LEFT_PALM, NUM_PIECES, RIGHT_FINGERS

__all__ = ["HAND_MIX_COMPLEX", "HAND_MIX_EVERYDAY", "HAND_SHAPES", "Hands", "span_of"]

TOLERANCE = 0.001
"""Metres that the coarse mesh may reach into itself: the true one is a millimetre or two thicker."""
TRIES = 14
_PAIRS = np.ones((6, 6), dtype=np.bool_)


class Hands:
    """Both hands of a body."""

    def __init__(self, arrays: BodyArrays, coarse: Coarse, points: Callable[[Figure], np.ndarray]) -> None:
        if arrays.hands_meanl is None or arrays.hands_meanr is None:
            raise BodyError(f"{arrays.path} has no hands", expected="an SMPL-X body", todo="choose another --body")
        self.arrays, self.coarse, self.points = arrays, coarse, points
        self.rigs = hand_rig(arrays, 0), hand_rig(arrays, 1)
        self.mean = tuple(_matrices(mean) for mean in (arrays.hands_meanl, arrays.hands_meanr))
        self.groups = tuple(_groups(side) for side in (0, 1))
        start = coarse.parts.start
        self.spans = tuple(
            ((int(start[LEFT_PALM + side]), int(start[LEFT_PALM + side + 1])), span_of(coarse, side)) for side in (0, 1)
        )

    def draw(self, rng: np.random.Generator, figure: Figure, name: str, side: int) -> Float64[np.ndarray, "15 3 3"]:
        """Local rotations of the fingers for a shape of this name; `side` is 0 for the left hand."""
        return self.make(figure, draw_shape(rng, name), side)

    def make(self, figure: Figure, shape: Shape, side: int) -> Float64[np.ndarray, "15 3 3"]:
        """Local rotations for a shape, free of itself."""
        rig = self.rigs[side]
        if shape.relaxed:
            return _relax(self.mean[side], shape.angles, rig.frame, rig.hinge)
        angles = shape.angles.copy()
        for meeting in shape.meetings:
            self.meet(figure, angles, meeting, side)
        return self._free(angles, figure.joints.astype(np.float64), self.points(figure), side)

    def _free(self, angles: np.ndarray, joints: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
        rig = self.rigs[side]
        local = np.empty((15, 3, 3))
        for share in (1.0, 0.6, 0.25, 0.0):
            angles[:] = share * angles + (1 - share) * LOOSE
            depth = _free(
                angles, LOW, HIGH, joints, points, rig.frame, rig.hinge, rig.straight, rig.spread, self.coarse.cut,
                self.spans[side], self.coarse.skin, self.arrays.parents, FIRST[side], self.groups[side], _PAIRS,
                TRIES, local,
            )  # fmt: skip
            if depth <= TOLERANCE:
                break
        return local

    def meet(self, figure: Figure, angles: Float64[np.ndarray, "21"], meeting: Meeting, side: int) -> float:
        """Change angles until the thumb's pad touches its spot; the distance that is left, metres."""
        rig, first = self.rigs[side], FIRST[side]
        joints = figure.joints[[20 + side, *range(first, first + 15)]].astype(np.float64)
        digit = meeting.digit
        vertex, owner = {
            "pad": (rig.pad[digit], 3 * digit + 2),
            "nail": (rig.nail[digit], 3 * digit + 1),
            "side": (rig.edge, 1),
        }[meeting.where]
        bone = (
            joints[2 + owner] - joints[1 + owner]
            if owner % 3 < 2
            else figure.vertices[rig.pad[digit]] - joints[1 + owner]
        )
        inner = crossed(rig.hinge[owner], bone)
        outward = {"pad": inner, "nail": -inner, "side": rig.radial}[meeting.where]
        thumb = figure.vertices[rig.pad[4]] - joints[15]
        spots = np.stack(
            [
                np.stack([thumb, _unit(crossed(rig.hinge[14], thumb))]),
                np.stack([figure.vertices[vertex] - joints[1 + owner], _unit(outward)]),
            ]
        ).astype(np.float64)
        free = np.zeros(len(angles))
        free[THUMB:] = (0.5 if meeting.fingers_move else 1.0, 1.0, 0.7, 1.0, 1.0)
        if meeting.fingers_move:
            free[4 * digit : 4 * digit + 4] = (1.0, 0.25, 0.6, 0.4)
        owners = np.array([14, owner])
        return touch(
            angles, free, LOW, HIGH, spots, owners, joints, rig.frame, rig.hinge, rig.straight, rig.spread, 0.0005
        )


def _groups(side: int) -> np.ndarray:
    """Which pieces are which digit of this hand; 5 is the palm, -1 is not of this hand."""
    group, first = np.full(NUM_PIECES, -1), (LEFT_FINGERS, RIGHT_FINGERS)[side]
    group[LEFT_PALM + side] = 5
    group[first : first + 5] = range(5)
    return group


def span_of(coarse: Coarse, side: int) -> tuple[int, int]:
    """From where to where the vertices of the fingers of a hand lie."""
    first = (LEFT_FINGERS, RIGHT_FINGERS)[side]
    return int(coarse.parts.start[first]), int(coarse.parts.start[first + 5])


def _matrices(vectors: np.ndarray) -> Float64[np.ndarray, "15 3 3"]:
    size = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return np.stack([matrix_about(v / max(n, 1e-12), n) for v, n in zip(vectors.astype(np.float64), size, strict=True)])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _relax(mean, change, frame, hinge):
    """The mean hand (15 3 3), with joints changed by these angles (degrees)."""
    found, rad = mean.copy(), change * (math.pi / 180)
    for f in range(4):
        bent = product(mean[3 * f], matrix_about(hinge[3 * f], rad[4 * f]))
        found[3 * f] = product(matrix_about(frame[3], rad[4 * f + 1]), bent)
        for k in (1, 2):
            found[3 * f + k] = product(mean[3 * f + k], matrix_about(hinge[3 * f + k], rad[4 * f + 1 + k]))
    found[12] = product(matrix_about(frame[3], rad[17]), product(mean[12], matrix_about(hinge[12], rad[16])))
    for k in (1, 2):
        found[12 + k] = product(mean[12 + k], matrix_about(hinge[12 + k], rad[18 + k]))
    return found


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _free(
    angles,
    low,
    high,
    rest,
    points,
    frame,
    hinge,
    straight,
    spread,
    cut,
    spans,
    skin,
    parents,
    first,
    group,
    pairs,
    tries,
    local,
):
    """Change angles until no digit reaches into another or into the palm; the depth that is left, metres."""
    world, position = np.zeros((len(rest), 3, 3)), rest.copy()
    for j in range(len(rest)):
        world[j, 0, 0] = world[j, 1, 1] = world[j, 2, 2] = 1
    every = np.zeros((len(rest), 3, 3))
    posed = points.copy()
    depth = 0.0
    for attempt in range(tries):
        hand_rotations(angles, frame, hinge, straight, spread, local)
        for j in range(15):
            every[first + j] = local[j]
        forward_from(parents, rest, every, first, first + 15, world, position)
        for low_end, high_end in spans:
            carry(points, low_end, high_end, skin[0], skin[1], skin[2], rest, world, position, posed)
        found = overlaps(posed, cut, world, group, pairs)
        depth = found[:, :, 0].max()
        if depth <= TOLERANCE or attempt == tries - 1:
            break
        change = np.zeros(21)
        for a in range(6):
            for b in range(6):
                if found[a, b, 0] > 0.001:
                    way = found[a, b, 1:4] * (1 + 0.0007 / found[a, b, 0])
                    if min(a, b) < 4 and max(a, b) == 5:  # a finger in the palm unrolls from its end
                        f, more = 4 * min(a, b), 1000 * found[a, b, 0]
                        bent = min(max(angles[f + 3] / 20, 0.0), 1.0)
                        change[f + 3] -= 2.2 * bent * more
                        change[f + 2] -= (1.6 - 1.1 * bent) * more
                        change[f] -= 0.3 * more
                        continue
                    place, mine, theirs = found[a, b, 4:7], 0.6 if b < 5 else 1.0, 0.6 if a < 5 else 1.0
                    _nudge(change, a, found[a, b, 7], first, place, mine * way, frame, hinge, world, position)
                    _nudge(change, b, found[a, b, 8], first, place, -theirs * way, frame, hinge, world, position)
        for i in range(21):
            angles[i] = min(max(angles[i] + min(max(change[i], -12.0), 12.0), low[i]), high[i])
    return depth


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _nudge(change, digit, part, first, place, way, frame, hinge, world, position):
    """Add to `change` the angles (degrees) that move a point of a digit by `way`, as far as they can."""
    if digit > 4:
        return
    axes, slots, roots = np.empty((6, 3)), np.empty(6, dtype=np.int64), np.empty(6, dtype=np.int64)
    n = angle_axes(int(part) - first, frame, hinge, world[first : first + 15], axes, slots, roots)
    jacobian, inner = np.zeros((n, 3)), np.zeros((3, 3))
    for c in range(n):
        jacobian[c] = crossed(axes[c], place - position[first + roots[c]])
        for i in range(3):
            for k in range(3):
                inner[i, k] += jacobian[c, i] * jacobian[c, k]
    for i in range(3):
        inner[i, i] += 1e-4
    pull = np.linalg.solve(inner, way)
    for c in range(n):
        step = jacobian[c, 0] * pull[0] + jacobian[c, 1] * pull[1] + jacobian[c, 2] * pull[2]
        change[slots[c]] += step * 180 / math.pi
