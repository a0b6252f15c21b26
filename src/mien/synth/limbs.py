"""Arms and legs, compiled: from directions and angles to local rotations, and from a place for the hand or foot.

The frame of an arm is that of the chest (joint spine3), the frame of a leg that of the world; y up, z forward, x to the
person's left. Elbow and knee turn about one axis only, that the rest geometry gives. An elbow points to the `pole`: by
nature outwards, down and back (ahead, if the arm is raised), from which it may be
swivelled about the line from shoulder to wrist.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from mien.synth.bones import between, crossed, matrix_about, product, turned, twist_about, two_bones

__all__ = ["arm_by_angles", "arm_to", "collar_for", "leg_by_angles", "leg_to", "limit_wrist"]

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}
_RAD = math.pi / 180
WRIST_LOW, WRIST_HIGH = np.array([-85.0, -65.0, -32.0]), np.array([85.0, 75.0, 20.0])
"""Degrees: pronation, flexion, deviation towards the thumb."""
ELBOW_HIGH, KNEE_HIGH = 148.0, 155.0
ANKLE_LOW, ANKLE_HIGH = np.array([-32.0, -20.0, -18.0]), np.array([55.0, 20.0, 18.0])
"""Degrees about x (pointing the toes is positive), y and z."""
SHARE = 0.55
"""Of the forearm's turn that the elbow shows; the wrist shows the rest."""


@numba.njit(**_JIT)
@no_type_check
def _unit(v):
    return v / math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])


@numba.njit(**_JIT)
@no_type_check
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(**_JIT)
@no_type_check
def collar_for(direction, sign):
    """Rotation of the collar bone that goes with an upper arm in this direction.

    Args:
        direction: unit, in the frame of the chest.
        sign: +1 left, -1 right.
    """
    raised = math.acos(min(max(-direction[1], -1.0), 1.0)) / _RAD
    lift = min(max(0.22 * (raised - 62.0), -7.0), 26.0)
    front = direction[2] * math.sin(raised * _RAD)
    inward = max(-sign * direction[0], 0.0)
    forward = 13.0 * front + 14.0 * inward if front > 0 else 9.0 * front
    z, y = np.array([0.0, 0.0, sign]), np.array([0.0, -sign, 0.0])
    return product(matrix_about(y, forward * _RAD), matrix_about(z, lift * _RAD))


@numba.njit(**_JIT)
@no_type_check
def _pole(direction, sign, swivel):
    """Where the elbow points: across `direction`, `swivel` degrees from its natural place (outwards and up is more)."""
    natural = np.array([0.55 * sign, -0.6, -0.5 + 1.1 * max(direction[1], 0.0)])
    natural = natural - _dot(natural, direction) * direction
    if _dot(natural, natural) < 1e-4:
        natural = crossed(direction, np.array([0.0, 0.0, -1.0]))
    return turned(matrix_about(direction, -sign * swivel * _RAD), _unit(natural))


@numba.njit(**_JIT)
@no_type_check
def _basis(first, second):
    """Orthonormal columns: along `first`, `second` made across it, and their product."""
    a = _unit(first)
    b = _unit(second - _dot(second, a) * a)
    c = crossed(a, b)
    found = np.empty((3, 3))
    for i in range(3):
        found[i, 0], found[i, 1], found[i, 2] = a[i], b[i], c[i]
    return found


@numba.njit(**_JIT)
@no_type_check
def _hinge(upper, lower, side):
    """Axis about which the lower bone flexes towards `side`, and the flexion at rest, radians."""
    axis = _unit(crossed(lower, side))
    cosine = _dot(upper, lower) - _dot(upper, axis) * _dot(lower, axis)
    return axis, math.atan2(_dot(crossed(upper, lower), axis), cosine)


@numba.njit(**_JIT)
@no_type_check
def limit_wrist(relative, forearm, bend, side):
    """Pronation, flexion and deviation (degrees) of a hand relative to its forearm, before and after their limits.

    Args:
        relative: rotation from the forearm to the hand.
        forearm: direction of the forearm at rest; pronation is about it, with the sign of `sign`.
        bend: axis of flexion of the wrist at rest.
        side: axis of deviation.
    """
    twist = twist_about(relative, forearm)
    swing = product(matrix_about(forearm, -twist), relative)
    cosine = min(max((swing[0, 0] + swing[1, 1] + swing[2, 2] - 1) / 2, -1.0), 1.0)
    angle = math.acos(cosine)
    scale = angle / (2 * math.sin(angle)) if angle > 1e-6 and angle < math.pi - 1e-6 else 0.5
    v = np.array([swing[2, 1] - swing[1, 2], swing[0, 2] - swing[2, 0], swing[1, 0] - swing[0, 1]]) * scale
    sign = 1.0 if forearm[0] > 0 else -1.0
    return np.array([sign * twist / _RAD, _dot(v, bend) / _RAD, _dot(v, side) / _RAD])


@numba.njit(**_JIT)
@no_type_check
def _arm(collar, direction, pole, flexion, wrist, rest, hand, sign, found):
    """Write the local rotations of collar, shoulder, elbow and wrist.

    Args:
        collar: rotation of the collar bone.
        direction: of the upper arm, in the frame of the chest.
        pole: where the elbow points.
        flexion: of the elbow, degrees.
        wrist: pronation, flexion, deviation, degrees.
        rest: (4, 3) collar, shoulder, elbow and wrist at rest.
        hand: (2, 3) axes of flexion and deviation of the wrist at rest.
        sign: +1 left, -1 right.
        found: (4, 3, 3).
    """
    upper, lower = _unit(rest[2] - rest[1]), _unit(rest[3] - rest[2])
    axis, straight = _hinge(upper, lower, np.array([0.0, 0.0, 1.0]))
    wanted = _basis(direction, -crossed(direction, pole))
    whole = product(wanted, _basis(upper, axis).T.copy())
    found[0] = collar
    found[1] = product(collar.T.copy(), whole)
    bend = matrix_about(axis, flexion * _RAD - straight)
    found[2] = product(bend, matrix_about(lower, sign * SHARE * wrist[0] * _RAD))
    tilt = product(matrix_about(hand[0], wrist[1] * _RAD), matrix_about(hand[1], wrist[2] * _RAD))
    found[3] = product(matrix_about(lower, sign * (1 - SHARE) * wrist[0] * _RAD), tilt)
    return whole, bend


@numba.njit(**_JIT)
@no_type_check
def arm_by_angles(raise_, around, swivel, flexion, wrist, rest, hand, sign, found):
    """An arm held by angles, in degrees.

    Args:
        raise_: of the upper arm: 0 hangs, 90 is level, 180 points up.
        around: where to: 0 in front, 90 outwards, 180 behind, negative across the body.
        swivel: of the elbow about the arm.
        flexion: of the elbow.
        wrist: pronation, flexion, deviation.
        rest, hand, sign, found: as `_arm`.
    """
    e, a = raise_ * _RAD, around * _RAD
    direction = np.array([sign * math.sin(e) * math.sin(a), -math.cos(e), math.sin(e) * math.cos(a)])
    pole = _pole(direction, sign, swivel)
    collar = collar_for(direction, sign)
    _arm(collar, direction, pole, min(max(flexion, 0.0), ELBOW_HIGH), wrist, rest, hand, sign, found)


@numba.njit(**_JIT)
@no_type_check
def arm_to(target, palm, turn, swivels, rest, chest, origin, chest_rest, hand, sign, found):
    """An arm whose wrist comes to a place with the hand turned as wanted, as far as the joints allow.

    Args:
        target: of the wrist, world.
        palm: (3, 3) wanted rotation of the hand in the world.
        turn: how much that rotation matters; 0 leaves the wrist straight.
        swivels: degrees to try, the most natural first.
        rest: (4, 3) collar, shoulder, elbow and wrist at rest.
        chest: (3, 3) rotation of the chest in the world.
        origin: position of the chest joint in the world; `chest_rest` at rest.
        hand, sign, found: as `_arm`.

    Returns:
        What the wrist lacks to the wanted turn (degrees), what the arm lacks in length (metres), and the swivel.
    """
    back = chest.T.copy()
    goal = turned(back, target - origin) + chest_rest
    upper, lower = (
        math.sqrt(_dot(rest[2] - rest[1], rest[2] - rest[1])),
        math.sqrt(_dot(rest[3] - rest[2], rest[3] - rest[2])),
    )
    palm_here = product(back, palm)
    forearm = _unit(rest[3] - rest[2])
    best, best_lack, best_short, best_swivel = np.inf, 0.0, 0.0, 0.0
    trial = np.empty((4, 3, 3))
    shoulder = rest[1]
    direction = _unit(goal - shoulder)
    collar = collar_for(direction, sign)
    for _ in range(2):
        collar = collar_for(direction, sign)
        shoulder = rest[0] + turned(collar, rest[1] - rest[0])
        elbow, end = two_bones(shoulder, goal, upper, lower, _pole(_unit(goal - shoulder), sign, swivels[0]))
        direction = _unit(elbow - shoulder)
    short = math.sqrt(_dot(goal - end, goal - end))
    for s in range(len(swivels)):
        if best <= ((swivels[s] - swivels[0]) / 30) ** 2:
            break
        line = _unit(goal - shoulder)
        pole = _pole(line, sign, swivels[s])
        elbow, end = two_bones(shoulder, goal, upper, lower, pole)
        direction = _unit(elbow - shoulder)
        cosine = _dot(direction, _unit(end - elbow))
        flexion = math.acos(min(max(cosine, -1.0), 1.0)) / _RAD
        wrist = np.zeros(3)
        whole, bend = _arm(collar, direction, pole, flexion, wrist, rest, hand, sign, trial)
        lack = 0.0
        if turn > 0:
            fore = product(whole, bend)
            wrist = limit_wrist(product(fore.T.copy(), palm_here), forearm, hand[0], hand[1])
            for i in range(3):
                kept = min(max(wrist[i], WRIST_LOW[i]), WRIST_HIGH[i])
                lack += (wrist[i] - kept) ** 2
                wrist[i] = kept
        lack = math.sqrt(lack)
        strain = max(flexion - ELBOW_HIGH, 0.0)
        cost = (lack * turn / 8) ** 2 + (strain / 3) ** 2 + ((swivels[s] - swivels[0]) / 30) ** 2
        for i in range(3):
            cost += 0.15 * turn * (wrist[i] / 60) ** 2
        # an upper arm does not reach far back, and an elbow not into the trunk, which is an ellipse from above
        cost += (max(-direction[2] - 0.75, 0.0) / 0.05) ** 2
        if elbow[1] < shoulder[1]:
            wide, deep = abs(rest[1, 0]) + 0.035, 0.95 * abs(rest[1, 0])
            near = math.sqrt((elbow[0] / wide) ** 2 + ((elbow[2] - chest_rest[2]) / deep) ** 2)
            cost += (max(1 - near, 0.0) / 0.08) ** 2
        if cost < best:
            best, best_lack, best_short, best_swivel = cost, lack, short, swivels[s]
            _arm(collar, direction, pole, min(flexion, ELBOW_HIGH), wrist, rest, hand, sign, found)
    return best_lack, best_short, best_swivel


@numba.njit(**_JIT)
@no_type_check
def leg_by_angles(flex, open_, turn, knee, ankle, rest, sign, found):
    """A leg held by angles, in degrees: local rotations of hip, knee and ankle.

    Args:
        flex: of the hip, forwards.
        open_: of the thigh, outwards.
        turn: of the thigh about its length, toes outwards.
        knee: flexion.
        ankle: (3,) about x (pointing the toes), y, z.
        rest: (3, 3) hip, knee, ankle at rest.
        sign: +1 left, -1 right.
        found: (3, 3, 3).
    """
    x, y, z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    thigh, shin = _unit(rest[1] - rest[0]), _unit(rest[2] - rest[1])
    axis, straight = _hinge(thigh, shin, -z)
    lay = product(matrix_about(x, -flex * _RAD), matrix_about(z, sign * open_ * _RAD))
    whole = product(lay, matrix_about(y, sign * turn * _RAD))
    found[0] = product(whole, between(thigh, -y))
    found[1] = matrix_about(axis, min(max(knee, 0.0), KNEE_HIGH) * _RAD - straight)
    _ankle(ankle, found)


@numba.njit(**_JIT)
@no_type_check
def _ankle(ankle, found):
    """Small rotations about x, y and z at once, within their limits."""
    v = np.empty(3)
    for i in range(3):
        v[i] = min(max(ankle[i], ANKLE_LOW[i]), ANKLE_HIGH[i]) * _RAD
    angle = math.sqrt(_dot(v, v))
    found[2] = matrix_about(v / angle, angle) if angle > 1e-9 else np.eye(3)


@numba.njit(**_JIT)
@no_type_check
def leg_to(target, pole, foot, rest, pelvis, hip, found):
    """A leg whose ankle comes to a place, the knee pointing to `pole`, the foot turned as wanted.

    Args:
        target: of the ankle, world.
        pole: world direction.
        foot: (3, 3) wanted rotation of the foot in the world.
        rest: (3, 3) hip, knee, ankle at rest.
        pelvis: (3, 3) its rotation in the world.
        hip: position of the hip joint in the world.
        found: (3, 3, 3) local rotations of hip, knee, ankle.

    Returns:
        What the leg lacks in length, metres.
    """
    upper, lower = rest[1] - rest[0], rest[2] - rest[1]
    axis, straight = _hinge(_unit(upper), _unit(lower), np.array([0.0, 0.0, -1.0]))
    knee, end = two_bones(hip, target, math.sqrt(_dot(upper, upper)), math.sqrt(_dot(lower, lower)), pole)
    direction, line = _unit(knee - hip), _unit(end - hip)
    across = _unit(pole - _dot(pole, line) * line)
    # the shin flexes away from the pole
    whole = product(_basis(direction, -crossed(direction, across)), _basis(upper, axis).T.copy())
    cosine = _dot(direction, _unit(end - knee))
    flexion = math.acos(min(max(cosine, -1.0), 1.0))
    found[0] = product(pelvis.T.copy(), whole)
    found[1] = matrix_about(axis, min(flexion, KNEE_HIGH * _RAD) - straight)
    relative = product(product(whole, found[1]).T.copy(), foot)
    cosine = min(max((relative[0, 0] + relative[1, 1] + relative[2, 2] - 1) / 2, -1.0), 1.0)
    angle = math.acos(cosine)
    scale = angle / (2 * math.sin(angle)) if angle > 1e-6 and angle < math.pi - 1e-6 else 0.5
    v = np.array([relative[2, 1] - relative[1, 2], relative[0, 2] - relative[2, 0], relative[1, 0] - relative[0, 1]])
    _ankle(v * scale / _RAD, found)
    return math.sqrt(_dot(target - end, target - end))
