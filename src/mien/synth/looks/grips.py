"""Where there is room in a hand: its skin as the fingers are bent, and what fits between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure
from mien.synth.looks.hands import Hand, figure_hand
from mien.synth.looks.memo import once_per_body
from mien.synth.turns import matrices_of

__all__ = ["Grip", "bent_hand", "room_for_ball", "room_for_rod", "room_for_slab"]

_THUMB = 0.008
"""Metres by which a rod may press into the thumb, which seldom closes around what it holds exactly."""
_EVERY = 2
"""Of the hand's vertices, one in so many is looked at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grip:
    """A hand as it is bent, in its own frame: metres along the fingers, towards the thumb, out of the palm."""

    hand: Hand
    points: Float[np.ndarray, "point 3"]
    """Of the skin."""
    thumb: Bool[np.ndarray, " point"]
    tips: dict[str, Float[np.ndarray, "4 3"]]
    """By finger: its joints and its tip."""


def bent_hand(side: int, figure: Figure, rotations: Float[np.ndarray, "15 3"]) -> Grip:
    """The hand with the fingers turned.

    Args:
        side: 0 the left.
        figure: whose it is.
        rotations: of the finger joints, axis-angle, in the order of the full pose.
    """
    arrays, rest = figure.arrays, figure.joints.astype(np.float64)
    hand = figure_hand(side, figure)
    first, count = 25 + 15 * side, len(rest)
    local = matrices_of(np.ascontiguousarray(rotations, dtype=np.float64))
    world, place = np.tile(np.eye(3), (count, 1, 1)), rest.copy()
    for k in range(15):
        joint, above = first + k, int(arrays.parents[first + k])
        place[joint] = place[above] + world[above] @ (rest[joint] - rest[above])
        world[joint] = world[above] @ local[k]
    own, (rows, share, thumb) = [hand.wrist, *range(first, first + 15)], _skin(arrays)[side]
    shift = place[own] - (world[own] @ rest[own][..., None])[..., 0]
    blended = share @ np.concatenate([world[own].reshape(16, 9), shift], 1)
    points = (blended[:, :9].reshape(-1, 3, 3) @ figure.vertices[rows][..., None])[..., 0] + blended[:, 9:]
    tips = {}
    for name, finger in hand.fingers.items():
        last = finger.joints[2]
        tip = place[last] + world[last] @ (finger.chain[3] - rest[last])
        tips[name] = hand.local(np.stack([*place[list(finger.joints)], tip]))
    return Grip(hand=hand, points=hand.local(points), thumb=thumb, tips=tips)


@once_per_body
def _skin(arrays: BodyArrays) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
    """For each hand: some of its vertices, how wrist and fingers share them, and which are of the thumb."""
    found = []
    for side in (0, 1):
        weights = arrays.weights[:, [20 + side, *range(25 + 15 * side, 40 + 15 * side)]].astype(np.float64)
        rows = np.nonzero(weights.sum(1) > 0.6)[0][::_EVERY]
        share = weights[rows] / weights[rows].sum(1, keepdims=True)
        found.append((rows, share, share[:, 14:].sum(1) > 0.5))
    return tuple(found)


def room_for_rod(grip: Grip, most: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"], float]:
    """Where a rod lies in the hand: a point of its axis, the axis (towards the thumb), and its radius up to `most`."""
    knuckles = grip.tips["index"][0] - grip.tips["pinky"][0]
    axis = knuckles / max(float(np.linalg.norm(knuckles)), 1e-9)
    out = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    out /= np.linalg.norm(out)
    along = np.cross(axis, out)
    along = along if along[0] > 0 else -along
    middle = (grip.tips["index"][0] + grip.tips["pinky"][0]) / 2
    offset = grip.points - middle
    close = np.abs(offset @ axis) < 0.045
    flat = np.stack([offset[close] @ along, offset[close] @ out], 1)
    if not len(flat):
        return middle + 0.03 * out, axis, min(most, 0.02)
    x, y = np.meshgrid(np.linspace(-0.035, 0.045, 17), np.linspace(0.008, 0.075, 18))
    place = np.stack([x.ravel(), y.ravel()], 1)
    hull = cv2.convexHull(flat.astype(np.float32))[:, 0].astype(np.float64)
    around = np.roll(hull, -1, axis=0) - hull
    turns = np.sign((hull[0] - hull.mean(0)) @ [[0, 1], [-1, 0]] @ around[0]) or 1.0
    offsets = place[:, None] - hull
    beside = (around[:, 0] * offsets[..., 1] - around[:, 1] * offsets[..., 0]) * turns
    enclosed = (beside / np.maximum(np.linalg.norm(around, axis=1), 1e-9)).min(1) > -0.003
    spare = np.where(grip.thumb[close], _THUMB, 0.0)
    spot, radius = _roomiest(place[enclosed] if enclosed.any() else place, flat, most, spare)
    return middle + spot[0] * along + spot[1] * out, axis, radius


def _roomiest(
    place: Float[np.ndarray, "place dim"],
    skin: Float[np.ndarray, "point dim"],
    most: float,
    spare: Float[np.ndarray, " point"],
) -> tuple[Float[np.ndarray, "dim"], float]:
    """The place with most room, up to `most`; of several, the one nearest to the palm (the last axis).

    Some of the skin may give way by `spare` metres.
    """
    square = (place**2).sum(1)[:, None] + (skin**2).sum(1) - 2 * place @ skin.T
    room = (np.sqrt(np.maximum(square, 0)) + spare).min(1)
    best = min(float(room.max()), most)
    good = room > 0.96 * best
    chosen = np.nonzero(good)[0][(place[good, -1] + 0.15 * np.abs(place[good, 0])).argmin()]
    return place[chosen], float(min(room[chosen], most))


def room_for_ball(grip: Grip, most: float) -> tuple[Float[np.ndarray, "3"], float]:
    """Where a ball lies in the hand, and its radius up to `most`."""
    length, width = grip.hand.length, grip.hand.width
    x, y, z = np.meshgrid(
        length * np.linspace(0.6, 1.35, 9), width * np.linspace(-0.25, 0.45, 5), np.linspace(0.015, 0.085, 11)
    )
    place = np.stack([x.ravel(), y.ravel(), z.ravel()], 1)
    if not len(grip.points):
        return place[0], min(most, 0.02)
    shift = np.array([0.95 * length, 0.0, 0.0])
    spare = np.where(grip.thumb, 0.002, 0.0)
    spot, radius = _roomiest(place - shift, grip.points - shift, most, spare)
    return spot + shift, radius


def room_for_slab(grip: Grip, size: tuple[float, float]) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    """Where a slab lies on palm and fingers: the middle of its back, and its axes (towards the thumb, along, outwards).

    Args:
        grip: the hand.
        size: across and along the hand, metres.
    """
    length = grip.hand.length
    fingers = np.stack([grip.tips[name][2:].mean(0) for name in ("index", "middle", "ring")]).mean(0)
    middle = np.array([0.55 * length + 0.5 * max(fingers[0], 0.9 * length), 0.0, 0.0])
    middle[0] = max(middle[0], 0.35 * length + size[1] / 2)
    skin = grip.points[~grip.thumb]
    near = skin[(np.abs(skin[:, 1]) < size[0] / 2) & (np.abs(skin[:, 0] - middle[0]) < size[1] / 2)]
    if len(near) < 8:
        return middle + np.array([0, 0, 0.02]), np.eye(3)[[1, 0, 2]]
    slots = np.round((near[:, 0] - near[:, 0].min()) / 0.012).astype(int)
    outer = np.array([near[slots == k][near[slots == k, 2].argmax()] for k in np.unique(slots)])
    slope = float(np.clip(np.polyfit(outer[:, 0], outer[:, 2], 1)[0], -0.3, 0.6)) if len(outer) > 2 else 0.0
    along = np.array([1.0, 0.0, slope]) / np.hypot(1, slope)
    out = np.array([-slope, 0.0, 1.0]) / np.hypot(1, slope)
    middle = middle + out * (np.percentile((near - middle) @ out, 99) + 0.001)
    return middle, np.stack([np.array([0.0, 1.0, 0.0]), along, out])
