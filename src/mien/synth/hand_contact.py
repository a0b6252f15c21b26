"""Two hands that touch: laid together, clasped, one over the other, a fist in a palm, finger on finger.

The hands are first brought so close that they overlap by a few millimetres, then pushed apart, so that they touch.
Where fingers close around the other hand, each digit is bent until it meets something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float64

from mien.synth.act import Act, Y, Z, out_to
from mien.synth.bones import carry, forward_from
from mien.synth.collide import hands_apart
from mien.synth.hand_rig import FIRST, HIGH, LOW, hand_rotations
from mien.synth.hand_shapes import FLAT, LOOSE, SPREAD, Shape, closing
from mien.synth.hands import span_of
from mien.synth.overlap import overlaps
from mien.synth.penetration import LEFT_FINGERS, LEFT_PALM, NUM_PIECES, RIGHT_FINGERS
from mien.synth.puppet import Puppet
from mien.synth.settle import TOLERANCE, deepest, settle

__all__ = ["CONTACTS", "TOUCHING", "close_gap", "contact"]

TOUCHING = 0.004
"""Metres between the coarse meshes of two hands that count as touching."""


def contact(act: Act) -> str:
    """Bring the hands together in one of the ways; its name."""
    name = act.one_of(**{name: weight for name, (weight, _) in CONTACTS.items()})
    CONTACTS[name][1](act)
    true = act.puppet.true
    act.names[true(0)] = act.names[true(1)] = name
    return name


def _middle(act: Act, low: float, high: float, near: float, far: float) -> np.ndarray:
    """A place before the trunk: metres above the breastbone, and ahead of it."""
    p = act.puppet
    size = p.arm_length / 0.507
    place, _ = p.spot("sternum")
    up = p.joint(12) - p.joint(9)
    up /= np.linalg.norm(up)
    ahead = p.mirrored(p.world[9][:, 2])
    return (
        place + size * (act.between(low, high) * up + act.between(near, far) * ahead) + act.about(0, 0.02) * out_to(0)
    )


def _shape(act: Act, side: int, angles: np.ndarray, amount: float = 0.35) -> np.ndarray:
    """Give a hand these angles, about; what they became."""
    p = act.puppet
    hands, true = p.stage.hands, p.true(side)
    shape = closing(act.rng, angles, amount)
    p.fingers(side, hands.make(p.figure, Shape(angles=shape), true))
    return shape


def _prayer(act: Act) -> None:
    """Palms together, fingers up or ahead."""
    place = _middle(act, -0.1, 0.16, 0.12, 0.24)
    lift = act.between(-0.1, 1.0)
    along = (0.25 + lift) * Y + (1.1 - lift) * Z
    shape = _shape(act, 0, _CLOSED, 0.3)
    act.puppet.fingers(1, act.puppet.stage.hands.make(act.puppet.figure, Shape(angles=shape), act.puppet.true(1)))
    act.puppet.bind(out_to(1))
    for side in (0, 1):
        act.puppet.reach(side, place, -out_to(side), along, gap=-0.001, swivel=act.about(14, 5))


def _steeple(act: Act) -> None:
    """Fingertips against fingertips."""
    place = _middle(act, -0.18, 0.1, 0.16, 0.3)
    angles = act.between(0.35, 0.8) * SPREAD
    angles[[0, 4, 8, 12]] = act.between(12, 30)
    angles[[2, 6, 10, 14]] = act.between(12, 34)
    angles[[3, 7, 11, 15]] = 10
    angles[16:] = (38, 40, 0, 8, 5)
    shape = _shape(act, 0, angles, 0.2)
    act.puppet.fingers(1, act.puppet.stage.hands.make(act.puppet.figure, Shape(angles=shape), act.puppet.true(1)))
    lift = act.between(0.1, 1.0)
    act.puppet.bind(out_to(1))
    for side in (0, 1):
        way = lift * Y + (1.1 - lift) * Z - 0.55 * out_to(side)
        act.puppet.reach(side, place, -out_to(side) - 0.3 * way, way, by="all", gap=-0.001, swivel=act.about(10, 6))


def _cover(act: Act) -> None:
    """The right palm on the back of the left hand, before the body or in the lap."""
    p = act.puppet
    low = act.chance(0.6)
    place = _middle(act, -0.42, -0.28, 0.04, 0.1) if low else _middle(act, -0.2, 0.1, 0.08, 0.2)
    _shape(act, 0, LOOSE if act.chance(0.6) else FLAT)
    along = -out_to(0) - (0.9 if low else -0.1) * Y + 0.3 * Z
    p.reach(0, place, -Z, along, by="palm", turn=0.8, swivel=act.about(0, 6))
    _over(act, -0.7 * Y if low else 0.2 * Y)


def _over(act: Act, lean: np.ndarray) -> None:
    """Lay the right palm on the back of the left hand, and close its fingers."""
    p = act.puppet
    opened = _shape(act, 1, FLAT, 0.2)
    place, normal = p.hand_spot(0, "back")
    p.bind(normal)
    p.reach(1, place, -normal, -out_to(1) + lean, gap=-0.002, turn=0.9, swivel=act.about(4, 6))
    settle(p, 4)
    wrap(p, 1, opened, closing(act.rng, _GRIP, 0.3))


def _fist_in_palm(act: Act) -> None:
    """The left fist's knuckles in the right palm, which closes around it or stays flat."""
    p = act.puppet
    act.grip(0, "fist")
    place = _middle(act, -0.22, 0.1, 0.12, 0.26)
    p.reach(0, place, -Z - 0.3 * Y, -out_to(0) + 0.35 * Z, by="knuckles", turn=0.8, swivel=act.about(6, 6))
    opened = _shape(act, 1, FLAT, 0.2)
    place, normal = p.hand_spot(0, "knuckles")
    p.bind(normal)
    p.reach(1, place, -normal, Y + 0.4 * Z - 0.3 * out_to(1), gap=-0.002, turn=0.9, swivel=act.about(10, 6))
    settle(p, 4)
    if act.chance(0.75):
        wrap(p, 1, opened, closing(act.rng, _GRIP, 0.3))


def _clasp(act: Act) -> None:
    """Palm against palm, crosswise, the fingers of each around the other."""
    p = act.puppet
    place = _middle(act, -0.32, 0.12, 0.1, 0.26)
    tilt = np.radians(act.between(35, 60))
    up = act.between(-0.5, 0.5)
    opened = []
    p.bind(out_to(1))
    for side in (0, 1):
        opened.append(_shape(act, side, _CLOSED, 0.2))
        angle = np.radians(45) + up + (tilt if side else -tilt)
        along = np.sin(angle) * Y + np.cos(angle) * Z
        p.reach(side, place, -out_to(side), along, gap=-0.001, turn=0.9, swivel=act.about(6, 6))
    settle(p, 4)
    for side in (1, 0):
        wrap(p, side, opened[side], closing(act.rng, _GRIP, 0.25))


def _count(act: Act) -> None:
    """The right index finger on a finger of the left hand."""
    p = act.puppet
    _shape(act, 0, act.between(0.5, 1.0) * SPREAD, 0.4)
    place = _middle(act, -0.2, 0.1, 0.18, 0.32)
    p.reach(
        0, place, Y - 0.3 * out_to(0) - 0.5 * Z, -0.8 * out_to(0) + 0.55 * Z + 0.4 * Y, turn=0.8, swivel=act.about(0, 6)
    )
    act.grip(1, "point", "pinch", "key", share=1.0)
    target = ("index_pad", "middle_pad", "little_pad", "ring_pad", "thumb_pad")[int(act.rng.integers(5))]
    place, normal = p.hand_spot(0, target)
    by = "index" if act.names[p.true(1)] == "point" else "thumb"
    p.bind(normal)
    p.reach(
        1,
        place,
        -normal + 0.3 * Z,
        -0.8 * normal - out_to(1) * 0.6,
        by=by,
        gap=-0.001,
        turn=0.6,
        swivel=act.about(4, 6),
    )


_CLOSED = FLAT.copy()
_CLOSED[16:] = (8, 34, 0, 4, 2)
_GRIP = np.array([*(62.0, 0.0, 66.0, 30.0) * 4, 40.0, 30.0, 5.0, 40.0, 40.0])
CONTACTS: dict[str, tuple[float, Callable[[Act], None]]] = {
    "prayer": (0.2, _prayer),
    "steeple": (0.15, _steeple),
    "hand_over_hand": (0.2, _cover),
    "fist_in_palm": (0.15, _fist_in_palm),
    "clasped": (0.15, _clasp),
    "finger_counting": (0.15, _count),
}
"""Weight and maker of every way in which two hands touch."""


def wrap(puppet: Puppet, side: int, opened: Float64[np.ndarray, "21"], closed: Float64[np.ndarray, "21"]) -> None:
    """Close each digit of a hand as far from `opened` to `closed` as the other hand and its own palm let it."""
    true, stage = puppet.true(side), puppet.stage
    rig, first = stage.hands.rigs[true], FIRST[true]
    points = stage.coarse.pose(puppet.points, puppet.rest, puppet.world, puppet.position)
    _wrap(
        opened, closed, LOW, HIGH, puppet.rest, puppet.points, points, rig.frame, rig.hinge, rig.straight, rig.spread,
        stage.coarse.cut, span_of(stage.coarse, true), stage.coarse.skin, stage.parents, first, _groups(true),
        puppet.local, puppet.world, puppet.position,
    )  # fmt: skip


def _groups(true: int) -> np.ndarray:
    """Pieces by digit (0 to 4), own palm 5, the other hand 6, anything else -1."""
    group, fingers = np.full(NUM_PIECES, -1), (LEFT_FINGERS, RIGHT_FINGERS)
    group[fingers[true] : fingers[true] + 5] = range(5)
    group[LEFT_PALM + true] = 5
    group[fingers[1 - true] : fingers[1 - true] + 5] = 6
    group[LEFT_PALM + 1 - true] = 6
    return group


_PAIRS = np.zeros((7, 7), dtype=np.bool_)
_PAIRS[:5, :] = _PAIRS[:, :5] = True


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _wrap(
    opened, closed, low, high, rest, points, posed, frame, hinge, straight, spread, cut, span, skin, parents, first,
    group, local, world, position,
):  # fmt: skip
    """Bisection for each digit at once; writes the rotations of the fingers into local, world and position."""
    turn = np.empty((15, 3, 3))
    least, most = np.zeros(5), np.ones(5)
    angles = opened.copy()
    for step in range(7):
        for d in range(5):
            share = least[d] if step == 6 else 0.5 * (least[d] + most[d])
            for i in range(4 * d, 4 * d + (4 if d < 4 else 5)):
                angles[i] = min(max(opened[i] + share * (closed[i] - opened[i]), low[i]), high[i])
        hand_rotations(angles, frame, hinge, straight, spread, turn)
        for j in range(15):
            local[first + j] = turn[j]
        forward_from(parents, rest, local, first, first + 15, world, position)
        if step == 6:
            return
        carry(points, span[0], span[1], skin[0], skin[1], skin[2], rest, world, position, posed)
        found = overlaps(posed, cut, world, group, _PAIRS)
        for d in range(5):
            depth = 0.0
            for g in range(7):
                depth = max(depth, found[d, g, 0], found[g, d, 0])
            if depth > 0.0012:
                most[d] = 0.5 * (least[d] + most[d])
            else:
                least[d] = 0.5 * (least[d] + most[d])


def close_gap(puppet: Puppet) -> tuple[bool, float]:
    """Move hands that shall touch towards each other, if they do not.

    Returns:
        Whether they touch and all is free, and how deep a limb still lies in another, metres.
    """
    coarse = puppet.stage.coarse
    for _ in range(5):
        depth = settle(puppet, 5)
        if depth > TOLERANCE:
            return False, depth
        points = coarse.pose(puppet.points, puppet.rest, puppet.world, puppet.position)
        apart, way = hands_apart(coarse, points)
        if apart <= TOUCHING:
            return True, depth
        puppet.approach(way * (1 + 0.001 / apart))
    return False, deepest(puppet)
