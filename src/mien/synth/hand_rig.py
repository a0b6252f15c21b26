"""A hand by its anatomical angles: what they are, which axes they turn about, and touching one digit with another.

The angles of a hand are 21 numbers in degrees. For the index, middle, little and ring finger (the order of the file
format): flexion of the knuckle (MCP) out of the plane of the palm, its spread from the line through the middle of the
hand (towards the thumb is positive), flexion of the middle joint (PIP) and of the end joint (DIP). For the thumb: how
far its root (CMC) stands out of the plane of the palm, how far from the line of the hand within it, its turn about its
own length, then flexion of the knuckle and of the end joint. All are absolute, whatever the hand of the body file looks
like at rest. The axes come from the rest geometry of each hand, so a left and a right hand mirror each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float64, Int64

from mien.body.reading import BodyArrays
from mien.synth.bones import between, crossed, matrix_about, product, turned

__all__ = [
    "FIRST",
    "HIGH",
    "LOW",
    "NUM_ANGLES",
    "THUMB",
    "HandRig",
    "angle_axes",
    "hand_rig",
    "hand_rotations",
    "hand_skeleton",
    "touch",
]

INDEX, MIDDLE, LITTLE, RING, THUMB = 0, 4, 8, 12, 16
"""Where the angles of each digit start."""
NUM_ANGLES = 21
FIRST = (25, 40)
"""The first finger joint of the left and of the right hand."""

LOW = np.array([*(-25.0, -22.0, -3.0, -8.0) * 4, 0.0, -5.0, -30.0, -12.0, -25.0])
HIGH = np.array([*(95.0, 24.0, 112.0, 78.0) * 4, 80.0, 80.0, 45.0, 65.0, 85.0])
LOW[LITTLE + 1], LOW[RING + 1], HIGH[MIDDLE + 1] = -34, -26, 15
"""Limits of the angles, degrees."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HandRig:
    """The rest geometry of one hand, in the axes of the body at rest."""

    side: int
    """0 left, 1 right."""
    along: Float64[np.ndarray, "3"]
    """From the wrist through the middle of the hand."""
    palmar: Float64[np.ndarray, "3"]
    """Out of the palm."""
    radial: Float64[np.ndarray, "3"]
    """Towards the thumb, in the plane of the palm."""
    hinge: Float64[np.ndarray, "15 3"]
    """Axis of flexion of each joint."""
    straight: Float64[np.ndarray, "15"]
    """Flexion at rest, radians."""
    spread: Float64[np.ndarray, "4"]
    """Of the fingers at rest, radians."""
    pad: Int64[np.ndarray, "5"]
    """Vertex of the body in the middle of each finger pad; index, middle, little, ring, thumb."""
    nail: Int64[np.ndarray, "4"]
    """Vertex on the back of the middle bone of each finger."""
    knuckle: int
    """Vertex on the back of the first bone of the middle finger: the front of a fist."""
    edge: int
    """Vertex on the middle bone of the index finger, towards the thumb."""
    palm: int
    """Vertex in the middle of the palm."""
    back: int
    """Vertex in the middle of the back of the hand."""
    frame: Float64[np.ndarray, "5 3"]
    """What the kernels read: along, palmar, radial, the axis of spread, the direction of the thumb's root."""


def hand_rig(arrays: BodyArrays, side: int) -> HandRig:
    """Measure a hand of the body file.

    Args:
        arrays: of a body with hands.
        side: 0 left, 1 right.
    """
    joints = (arrays.J_regressor.astype(np.float64) @ arrays.v_template)[
        [20 + side, *range(FIRST[side], FIRST[side] + 15)]
    ]
    order = [11 + 5 * side + i for i in (1, 2, 4, 3, 0)]
    tips = arrays.v_template[arrays.kp_vertex_ids[order]].astype(np.float64)
    wrist = joints[0]
    palmar = _unit(np.cross(joints[1] - wrist, joints[7] - wrist)) * (1 if side else -1)
    along = _across(joints[4] - wrist, palmar)
    radial = np.cross(along, palmar) * (1 if side else -1)
    hinge, straight, spread = np.zeros((15, 3)), np.zeros(15), np.zeros(4)
    for f in range(4):
        a, b, c = joints[1 + 3 * f : 4 + 3 * f]
        first, second = _unit(b - a), _unit(c - b)
        axis = _unit(np.cross(first, palmar))
        hinge[3 * f : 3 * f + 3] = axis
        straight[3 * f] = math.asin(first @ palmar)
        straight[3 * f + 1] = _angle(first, second, axis)
        spread[f] = math.atan2(first @ radial, first @ along)
    a, b, c = joints[13:16]
    first, second, third = _unit(b - a), _unit(c - b), _unit(tips[4] - c)
    part = arrays.weights.argmax(1)
    for k, bone in ((1, second), (2, third)):
        guess = _unit(np.cross(bone, joints[7] - joints[13 + k]))
        hinge[12 + k] = _wide(arrays.v_template[part == FIRST[side] + 12 + k] - joints[13 + k], bone, guess)
    hinge[12] = hinge[13]
    straight[13], straight[14] = _angle(first, second, hinge[13]), _angle(second, third, hinge[14])
    ends = np.concatenate([joints[[3, 6, 9, 12, 15]], tips]).reshape(2, 5, 3)
    inner = np.cross(hinge[2::3], [_unit(bone) for bone in ends[1] - ends[0]])
    members = [np.nonzero(part == FIRST[side] + j)[0] for j in range(15)]
    pads = [_outermost(arrays, members[3 * d + 2], 0.45 * ends[0, d] + 0.55 * ends[1, d], inner[d]) for d in range(5)]
    halfway = [joints[[2 + 3 * f, 3 + 3 * f]].mean(0) for f in range(4)]
    nails = [_outermost(arrays, members[3 * f + 1], halfway[f], -inner[f]) for f in range(4)]
    middle = wrist + 0.62 * (joints[[4, 10]].mean(0) - wrist)
    mine = np.nonzero(part == 20 + side)[0]
    return HandRig(
        side=side,
        along=along,
        palmar=palmar,
        radial=radial,
        hinge=hinge,
        straight=straight,
        spread=spread,
        frame=np.stack([along, palmar, radial, np.cross(along, radial), first]),
        pad=np.array(pads),
        nail=np.array(nails),
        knuckle=_outermost(arrays, members[3], joints[4:6].mean(0), -inner[1]),
        edge=_outermost(arrays, members[1], halfway[0], radial),
        palm=_outermost(arrays, mine, middle, palmar),
        back=_outermost(arrays, mine, middle, -palmar),
    )


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _across(v: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The direction of `v` within the plane of a unit normal."""
    return _unit(v - (v @ normal) * normal)


def _angle(a: np.ndarray, b: np.ndarray, axis: np.ndarray) -> float:
    """From one direction to another about an axis, radians."""
    return math.atan2(np.cross(a, b) @ axis, a @ b - (a @ axis) * (b @ axis))


def _wide(offsets: np.ndarray, bone: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """The axis of flexion of a flat phalanx: across the bone, where it is widest; `guess` if it is round."""
    guess = _across(guess, bone)
    if len(offsets) < 8:
        return guess
    flat = offsets - np.outer(offsets @ bone, bone)
    flat = flat - flat.mean(0)
    size, axes = np.linalg.eigh(flat.T @ flat)
    wide = _across(axes[:, 2], bone)
    wide = wide if wide @ guess > 0 else -wide
    return wide if size[2] > 1.2 * size[1] and wide @ guess > 0.5 else guess


def _outermost(arrays: BodyArrays, members: np.ndarray, start: np.ndarray, direction: np.ndarray) -> int:
    """The vertex that lies nearest to a ray, among those ahead of its start."""
    offset = arrays.v_template[members] - start
    ahead = offset @ direction
    away = np.linalg.norm(offset - np.outer(ahead, direction), axis=1)
    return int(members[np.argmin(away + np.where(ahead > 0, 0, 1))])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def hand_rotations(angles, frame, hinge, straight, spread, found):
    """Local rotations (15 3 3) of a hand with these angles (degrees)."""
    rad = math.pi / 180
    for f in range(4):
        knuckle, fan, middle, end = angles[4 * f], angles[4 * f + 1], angles[4 * f + 2], angles[4 * f + 3]
        bend = matrix_about(hinge[3 * f], knuckle * rad - straight[3 * f])
        found[3 * f] = product(matrix_about(frame[3], fan * rad - spread[f]), bend)
        found[3 * f + 1] = matrix_about(hinge[3 * f + 1], middle * rad - straight[3 * f + 1])
        found[3 * f + 2] = matrix_about(hinge[3 * f + 2], end * rad - straight[3 * f + 2])
    out, side = angles[16] * rad, angles[17] * rad
    target = math.cos(out) * (math.cos(side) * frame[0] + math.sin(side) * frame[2]) + math.sin(out) * frame[1]
    found[12] = product(matrix_about(target, _sense(frame) * angles[18] * rad), between(frame[4], target))
    found[13] = matrix_about(hinge[13], angles[19] * rad - straight[13])
    found[14] = matrix_about(hinge[14], angles[20] * rad - straight[14])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _sense(frame):
    """+1 for a left hand, -1 for a right one."""
    c = crossed(frame[0], frame[2])
    return 1.0 if c[0] * frame[1, 0] + c[1] * frame[1, 1] + c[2] * frame[1, 2] > 0 else -1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def hand_skeleton(joints, local, world, position):
    """Rotations (15 3 3) and positions (15 3) of the finger joints in the axes of the wrist.

    Args:
        joints: (16, 3) at rest, the wrist first.
        local: (15, 3, 3).
        world, position: are written.
    """
    for d in range(5):
        for k in range(3):
            j = 3 * d + k
            if k == 0:
                world[j] = local[j]
                position[j] = joints[1 + j] - joints[0]
            else:
                world[j] = product(world[j - 1], local[j])
                position[j] = position[j - 1] + turned(world[j - 1], joints[1 + j] - joints[j])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def angle_axes(joint, frame, hinge, world, axes, slots, roots):
    """The angles that move a finger joint: their axes in the axes of the wrist, their places, the joints they turn.

    Args:
        joint: 0..14.
        frame, hinge: of the rig.
        world: rotations of the finger joints.
        axes, slots, roots: are written, at most five entries of each.

    Returns:
        How many there are.
    """
    digit, depth = joint // 3, joint % 3
    base = 3 * digit
    roots[0] = roots[1] = roots[2] = base
    if digit < 4:
        axes[0], slots[0] = turned(world[base], hinge[base]), 4 * digit
        axes[1], slots[1] = frame[3], 4 * digit + 1
        n = 2
    else:
        target = turned(world[base], frame[4])
        axes[0], slots[0] = crossed(target, frame[1]), 16
        axes[1], slots[1] = frame[3], 17
        axes[2], slots[2] = _sense(frame) * target, 18
        n = 3
    for k in range(1, depth + 1):
        axes[n], roots[n] = turned(world[base + k], hinge[base + k]), base + k
        slots[n] = 18 + k if digit == 4 else 4 * digit + 1 + k
        n += 1
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def touch(angles, free, low, high, spots, owners, joints, frame, hinge, straight, spread, gap):
    """Bring one spot of a hand to another, changing the angles that are free as little as can be.

    Gauss-Newton on the offset between the spots, and on that of their normals from opposition (worth 4 mm a radian).

    Args:
        angles: (21,) degrees; changed in place.
        free: (21,) how readily each angle moves; 0 stays.
        low, high: (21,) limits.
        spots: (2, 2, 3) of either side: place relative to its joint at rest, and outward normal.
        owners: (2,) the joints they belong to, 0..14.
        joints: (16, 3) at rest, the wrist first.
        frame, hinge, straight, spread: of the rig.
        gap: metres between the spots.

    Returns:
        The distance that is left, metres.
    """
    start, left = angles.copy(), np.inf
    local, world, position = np.empty((15, 3, 3)), np.empty((15, 3, 3)), np.empty((15, 3))
    axes, slots, roots = np.empty((6, 3)), np.empty(6, dtype=np.int64), np.empty(6, dtype=np.int64)
    for attempt in range(20):
        hand_rotations(angles, frame, hinge, straight, spread, local)
        hand_skeleton(joints, local, world, position)
        residual, jacobian = np.zeros(6), np.zeros((6, 21))
        for s in range(2):
            sign = 1.0 if s == 0 else -1.0
            joint = owners[s]
            place, normal = turned(world[joint], spots[s, 0]) + position[joint], turned(world[joint], spots[s, 1])
            reach = place + gap * normal if s else place
            for i in range(3):
                residual[i] += sign * reach[i]
                residual[3 + i] += 0.004 * normal[i]
            for c in range(angle_axes(joint, frame, hinge, world, axes, slots, roots)):
                if free[slots[c]] > 0:
                    moves, turns = crossed(axes[c], reach - position[roots[c]]), crossed(axes[c], normal)
                    for i in range(3):
                        jacobian[i, slots[c]] += sign * moves[i] * math.pi / 180
                        jacobian[3 + i, slots[c]] += 0.004 * turns[i] * math.pi / 180
        left = math.sqrt(residual[0] ** 2 + residual[1] ** 2 + residual[2] ** 2)
        normal = jacobian.T @ jacobian
        slope = jacobian.T @ residual
        for i in range(21):
            prior = 1 / (free[i] * 20000) ** 2 if free[i] > 0 else 1.0
            normal[i, i] += prior + 3e-8
            slope[i] += prior * (angles[i] - start[i])
            if (slope[i] > 0 and angles[i] <= low[i]) or (slope[i] < 0 and angles[i] >= high[i]):
                normal[i, i] += 1.0
        step = np.linalg.solve(normal, slope)
        largest = np.abs(step).max()
        if largest < 0.05 or attempt == 19:
            break
        scale = min(1.0, 20 / largest)
        for i in range(21):
            angles[i] = min(max(angles[i] - scale * step[i], low[i]), high[i])
    return left
