"""Getting free: limbs that lie in each other, in the trunk, in the head or in the ground are pushed apart.

Arms are sent a little farther along the way out, legs are opened, the trunk and the neck are straightened: step by
step.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from mien.synth.bones import crossed, unit
from mien.synth.collide import HEAD, TORSO
from mien.synth.hand_rig import FIRST
from mien.synth.puppet import Puppet, Vector

__all__ = ["TOLERANCE", "deepest", "overlaps", "settle"]

TOLERANCE = 0.0013
"""Metres that the coarse mesh may reach into itself."""


def settle(puppet: Puppet, tries: int = 10) -> float:
    """Push limbs apart until none lies in another; how deep one still does, metres.

    That is at most `TOLERANCE` where all came free.
    """
    found = overlaps(puppet)
    for _ in range(tries - 1):
        if found[..., 0].max() <= TOLERANCE or not _part(puppet, found):
            break
        found = overlaps(puppet)
    return float(found[..., 0].max())


def deepest(puppet: Puppet) -> float:
    """How deep a limb lies in another, metres."""
    return float(overlaps(puppet)[..., 0].max())


def overlaps(puppet: Puppet) -> Float64[np.ndarray, "8 8 9"]:
    """See `Coarse.overlaps`."""
    coarse = puppet.stage.coarse
    points = coarse.pose(puppet.points, puppet.rest, puppet.world, puppet.position)
    found = coarse.overlaps(points, puppet.world)
    if puppet.floor is not None:
        _sink(puppet, points, found)
    return found


def _sink(puppet: Puppet, points: np.ndarray, found: np.ndarray) -> None:
    """The ground counts as part of the trunk for arms and hands."""
    limbs = puppet.stage.coarse.limb[puppet.stage.coarse.parts.part]
    assert puppet.floor is not None
    for limb in (2, 3, 4, 5):
        mine = np.nonzero(limbs == limb)[0]
        v = mine[points[mine, 1].argmin()]
        depth = puppet.floor - points[v, 1]
        if depth > max(found[limb, TORSO, 0], 0.004):
            found[limb, TORSO] = (depth, 0, depth, 0, *points[v], puppet.stage.coarse.parts.part[v], 0)


def _part(puppet: Puppet, found: Float64[np.ndarray, "8 8 9"]) -> bool:
    """One step apart. Limbs: 0 trunk, 1 head, 2 and 3 arms, 4 and 5 hands, 6 and 7 legs."""
    push = {2: np.zeros(3), 3: np.zeros(3)}
    swing = {2: 0.0, 3: 0.0}
    moved: set[int] = set()
    for a, b in np.argwhere(found[..., 0] > TOLERANCE).tolist():
        depth, place, part, other = found[a, b, 0], found[a, b, 4:7], int(found[a, b, 7]), int(found[a, b, 8])
        way = found[a, b, 1:4] * (1 + 0.0015 / depth)
        if puppet.bond is not None and {a, b} == {4, 5}:
            for arm, sign in ((2, -1.0), (3, 1.0)):
                push[arm] = push[arm] + sign * 0.3 * (depth + 0.001) * puppet.bond
            moved |= {2, 3}
            continue
        for limb, joint, direction in ((a, part, way), (b, other, -way)):
            other_limb = b if limb == a else a
            arm = limb - 2 if limb in (4, 5) else limb
            if arm in (2, 3):
                share = 0.55 if other_limb in (2, 3, 4, 5) and (other_limb - limb) % 2 else 1.0
                _shove(puppet, arm - 2, joint, place, share * direction, push, swing)
                moved.add(arm)
        if a >= 6 and b >= 6:
            _spread(puppet, depth)
            moved.add(6)
        elif max(a, b) >= 6 and TORSO in (a, b):
            _spread(puppet, 0.8 * depth)
            puppet.spine(puppet.bow[0] - min(400 * depth, 9.0), puppet.bow[1], puppet.bow[2])
            moved.add(6)
        elif HEAD in (a, b) and TORSO in (a, b):
            puppet.head(*(0.75 * angle for angle in puppet.neck))
            moved.add(1)
    for arm in (2, 3):
        state = puppet.arms[arm - 2]
        if arm in moved and state is not None:
            state.target = state.target + np.clip(push[arm], -0.07, 0.07)
            state.swivel = min(max(state.swivel + min(max(swing[arm], -12.0), 12.0), -70.0), 80.0)
    if moved & {1, 2, 3, 6}:
        for true in (0, 1):
            if puppet.arms[true] is not None and (moved & {1, 6} or true + 2 in moved):
                puppet.stretch(true)
    return bool(moved)


def _shove(puppet: Puppet, true: int, joint: int, place: Vector, way: Vector, push: dict, swing: dict) -> None:
    """Share a push between the wrist's place and the elbow's swivel."""
    arm, sign = true + 2, -1.0 if true else 1.0
    if joint in (20 + true, *range(FIRST[true], FIRST[true] + 15)):
        push[arm] += way
        return
    shoulder, wrist = puppet.position[16 + true], puppet.position[20 + true]
    lever = place - shoulder
    turn = crossed(lever, way) / max(float(lever @ lever), 0.006)  # of the whole arm about the shoulder
    push[arm] += 1.15 * crossed(turn, wrist - shoulder)
    line = unit(wrist - shoulder)
    aside = crossed(line, lever)
    length = float(aside @ aside)
    if length > 0.02**2:
        swing[arm] -= 0.6 * sign * math.degrees(float(aside @ way) / length)


def _spread(puppet: Puppet, depth: float) -> None:
    """Legs apart."""
    for true in (0, 1):
        leg, sign = puppet.legs[true], -1.0 if true else 1.0
        if leg.target is not None:
            leg.target = leg.target + np.array([sign * (0.6 * depth + 0.002), 0, 0])
            leg.pole += math.degrees((0.3 * depth + 0.001) / 0.4)
        else:
            flex, opened, turn, knee = leg.angles
            leg.angles = (flex, opened + math.degrees((0.6 * depth + 0.002) / 0.5), turn, knee)
        puppet.step(true)
