"""What is worn on hands and wrists: gloves, watches, bracelets, rings."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from mien.body.joints import LEFT_WRIST
from mien.body.reading import BodyArrays
from mien.synth.figure import Figure, Piece
from mien.synth.looks.body_regions import hollows
from mien.synth.looks.fields import ramp
from mien.synth.looks.hands import Hand, figure_hand, hand_of
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.patches import Patch, cut
from mien.synth.looks.shapes import Build, lathe, tube
from mien.synth.looks.tones import mix, rgb, vivid

__all__ = ["bracelet", "gloves", "rings", "watch"]

_CUFF = -0.030
"""Metres along the hand, from the wrist, where gloves begin."""


@once_per_body
def _glove_patches(arrays: BodyArrays) -> tuple[tuple[Patch, Float32[np.ndarray, " vert"]], ...]:
    """The skin of each hand from the cuff on, and how hollow it is."""
    joints = arrays.J_regressor @ arrays.v_template
    dents = np.clip(hollows(arrays.v_template, arrays.faces, 4) / 0.0012, 0, 1)
    found = []
    for side in (0, 1):
        hand = hand_of(side, arrays, arrays.v_template, joints)
        own = arrays.weights[:, [LEFT_WRIST - 2 + side, LEFT_WRIST + side, *range(25 + 15 * side, 40 + 15 * side)]].sum(
            1
        )
        field = hand.local(arrays.v_template.astype(np.float64))[:, 0] - _CUFF
        patch = cut(arrays, field, (own[arrays.faces] > 0.5).all(1))
        found.append((patch, patch.of(dents).astype(np.float32)))
    return tuple(found)


def gloves(rng: np.random.Generator, figure: Figure) -> list[Piece]:
    """A pair: thin ones like skin, or thick ones; some without fingertips."""
    thick, colour = float(rng.choice([0.0008, 0.0016, 0.0026])), _leather(rng)
    found = []
    for patch, dents in _glove_patches(figure.arrays):
        if not len(patch.faces):
            continue
        cuff = 1 + 0.5 * ramp(patch.value, 0.014, 0.006)
        points = patch.of(figure.vertices) + patch.normals(figure.vertices) * (thick * cuff)[:, None]
        shade = (1 - 0.45 * dents) * (1 - 0.25 * ramp(np.abs(patch.value - 0.012), 0.003, 0.001))
        found.append(patch.piece("glove", points, colour=np.clip(shade[:, None] * colour, 0, 1).astype(np.float32)))
    return found


def _leather(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    if rng.uniform() < 0.6:
        browns = [rgb("1a1817"), rgb("3b2a1f"), rgb("5c4a3a"), rgb("7d8287"), rgb("e8e6e0"), rgb("4a78b8")]
        return browns[int(rng.integers(len(browns)))]
    return vivid(rng, (0.2, 0.9))


@once_per_body
def _forearms(arrays: BodyArrays) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """For each side the vertices around the wrist, and how elbow and wrist share them."""
    found = []
    for side in (0, 1):
        weights = arrays.weights[:, [LEFT_WRIST - 2 + side, LEFT_WRIST + side]]
        rows = np.nonzero((weights.sum(1) > 0.7) & (weights[:, 1] > 0.02))[0]
        found.append((rows, weights[rows]))
    return tuple(found)


class _Wrist(NamedTuple):
    """The skin around one wrist of somebody: in the frame of the hand, and how elbow and wrist share it."""

    hand: Hand
    skin: Float[np.ndarray, "vert 3"]
    weights: Float32[np.ndarray, "vert 2"]


def _wrist(figure: Figure, side: int) -> _Wrist:
    hand, (own, weights) = figure_hand(side, figure), _forearms(figure.arrays)[side]
    return _Wrist(hand, hand.local(figure.vertices[own].astype(np.float64)), weights)


_ANGLE = np.linspace(0, 2 * np.pi, 25)
_RAY = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], 1)
_BEFORE, _AFTER = (np.arange(25) % 24 - 1) % 24, (np.arange(25) % 24 + 1) % 24
"""Directions around a wrist, the last of which is the first; and the places of their neighbours."""


def _hoop(wrist: _Wrist, along: float, wide: float) -> tuple[Float[np.ndarray, "25 3"], Float32[np.ndarray, "2"]]:
    """A line on the skin around the forearm, in the frame of the hand, and how its bones share it.

    Args:
        wrist: where.
        along: metres from the wrist, negative towards the elbow.
        wide: metres of skin to either side that it must clear.
    """
    near = np.abs(wrist.skin[:, 0] - along) < wide + 0.006
    local, weights = wrist.skin[near], wrist.weights[near]
    if len(local) < 4:
        radius, middle, share = np.full(25, 0.028), np.zeros(2), np.array([0.5, 0.5])
    else:
        middle = (local[:, 1:].max(0) + local[:, 1:].min(0)) / 2
        offset = local[:, 1:] - middle
        reach = offset @ _RAY.T
        aside = np.abs(offset[:, :1] * _RAY[:, 1] - offset[:, 1:] * _RAY[:, 0])
        radius = np.where(aside < 0.009, reach, 0.004).max(0)
        radius = np.maximum(radius, (radius[_BEFORE] + radius[_AFTER]) / 2)
        share = weights.mean(0) / weights.mean(0).sum()
    ring = np.stack([np.full(25, along), middle[0] + radius * _RAY[:, 0], middle[1] + radius * _RAY[:, 1]], 1)
    return ring, share.astype(np.float32)


def _on_wrist(side: int, share: Float32[np.ndarray, "2"]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[LEFT_WRIST - 2 + side, LEFT_WRIST + side]]), share[None]


def _strap(ring: np.ndarray, hand: Hand, wide: float, thick: float) -> Float32[np.ndarray, "6 25 3"]:
    """A closed band over a line around the wrist."""
    centre = ring[:-1].mean(0)
    out = (ring - centre) * [0, 1, 1]
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    rows = [(-1, 0.0), (-1, 1.0), (-0.8, 1.3), (0.8, 1.3), (1, 1.0), (1, 0.0)]
    grid = np.stack([ring + [k * wide / 2, 0, 0] + out * (0.0006 + thick * up) for k, up in rows])
    return hand.world(grid)


def watch(rng: np.random.Generator, figure: Figure, side: int) -> list[Piece]:
    """A strap and a case on the back of the wrist, with a dial or a dark screen."""
    wide = rng.uniform(0.016, 0.024)
    wrist = _wrist(figure, side)
    hand, (ring, share) = wrist.hand, _hoop(wrist, -0.022, wide / 2)
    build, strap = Build(), _leather(rng)
    build.add(_strap(ring, hand, wide * 0.85, 0.0022), np.full((6, 25, 2), 0.02), strap, weld=True, flip=side == 0)
    place, size = ring[18], rng.uniform(0.017, 0.022)
    top = place * [1, 1, 1] + [0, 0, -0.0005]
    middle = hand.world(np.array([top[0], ring[:-1, 1].mean(), top[2]]))
    axes = np.stack([-hand.axes[2], hand.axes[0], hand.axes[1]]).astype(np.float64)
    metal = mix(
        rgb("b9bcc2"), [rgb("b08a3c"), rgb("18191b"), rgb("d8d9db")][int(rng.integers(3))], float(rng.uniform(0.3, 1))
    )
    case = np.array([[size, -0.004], [size * 1.05, 0.003], [size * 0.95, 0.0075], [size * 0.84, 0.0078]])
    turned = lathe(case, 20, axes, middle)
    build.add(turned, np.zeros((*turned.shape[:2], 2)) + 0.02, metal, weld=True, flip=side == 0)
    face = lathe(np.array([[size * 0.84, 0.0077], [1e-5, 0.0077]]), 20, axes, middle)
    angle = -np.linspace(0, 2 * np.pi, 21)
    ring_uv = 0.55 + 0.40 * np.stack([np.sin(angle), -np.cos(angle)], 1)
    build.add(face, np.stack([ring_uv, np.full_like(ring_uv, 0.55)]), 1.0, weld=True, flip=side == 0)
    joint, weight = _on_wrist(side, share)
    return [build.piece("watch", joint, weight, _dial(rng), two_sided=True)]


def _dial(rng: np.random.Generator) -> UInt8[np.ndarray, "48 48 3"]:
    """Marks and hands, or a screen; the corner is white, for what is one colour."""
    x, y, marks = _clock()
    dark = rng.uniform() < 0.5
    ground, mark = (rgb("121318"), rgb("e8e8e4")) if dark else (mix(rgb("f1efe9"), vivid(rng), 0.4), rgb("17181c"))
    ink = marks
    for turn, reach, half in ((rng.uniform(-3, 3), 0.5, 0.05), (rng.uniform(-3, 3), 0.75, 0.035)):
        along, aside = x * np.sin(turn) - y * np.cos(turn), x * np.cos(turn) + y * np.sin(turn)
        ink = np.maximum(ink, (along > -0.05) & (along < reach * 0.4) & (np.abs(aside) < half * 0.5))
    picture = ground + ink[..., None] * (mark - ground)
    picture[:4, :4] = 1
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


@cache
def _clock() -> tuple[Float32[np.ndarray, "48 48"], Float32[np.ndarray, "48 48"], Float32[np.ndarray, "48 48"]]:
    """Places on a dial, and the marks of its hours."""
    y, x = np.mgrid[0:48, 0:48] / 48 + 0.5 / 48 - 0.55
    away, angle = np.hypot(x, y) / 0.40, np.arctan2(x, -y)
    marks = (away > 0.74) & (away < 0.94) & (np.abs((angle * 6 / np.pi + 0.5) % 1 - 0.5) < 0.14)
    return x.astype(np.float32), y.astype(np.float32), marks.astype(np.float32)


def bracelet(rng: np.random.Generator, figure: Figure, side: int) -> list[Piece]:
    """One to three rings or strings around the wrist."""
    build, wrist, joint, weight = Build(), _wrist(figure, side), np.zeros((1, 2)), np.zeros((1, 2))
    for k in range(int(rng.integers(1, 4))):
        bar = rng.uniform(0.0012, 0.0040)
        ring, share = _hoop(wrist, -0.016 - 0.011 * k, bar)
        centre = ring[:-1].mean(0)
        out = (ring - centre) * [0, 1, 1]
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        path = wrist.hand.world(ring + out * bar * 0.9 + np.array([0.003, 0, 0]) * _RAY[:, 1:])
        colour = vivid(rng, (0.1, 0.9)) if rng.uniform() < 0.6 else rgb("c9a850")
        build.add(tube(path.astype(np.float64), bar, 6, (1.0, 0.0, 0.0)), None, colour, weld=True)
        joint, weight = _on_wrist(side, share)
    return [build.piece("bracelet", joint, weight, two_sided=True)]


@once_per_body
def _bones(arrays: BodyArrays) -> dict[int, Int64[np.ndarray, " some"]]:
    """The vertices around each finger joint's bone."""
    return {joint: np.nonzero(arrays.weights[:, joint] > 0.3)[0] for joint in range(25, 55)}


def rings(rng: np.random.Generator, figure: Figure) -> list[Piece]:
    """Rings on one to three fingers, carried by the first bone."""
    found = []
    arrays = figure.arrays
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        side, name = int(rng.integers(2)), str(rng.choice(["ring", "ring", "index", "middle", "pinky", "thumb"]))
        finger = figure_hand(side, figure).finger(name)
        bone = 1 if name == "thumb" else 0
        start, step = (
            finger.chain[bone].astype(np.float64),
            (finger.chain[bone + 1] - finger.chain[bone]).astype(np.float64),
        )
        length = max(float(np.linalg.norm(step)), 1e-6)
        way = step / length
        place = start + step * (0.5 if name == "thumb" else 0.72)
        offset = figure.vertices[_bones(arrays)[finger.joints[bone]]] - place
        along = offset @ way
        belt = offset[np.abs(along) < 0.005]
        if len(belt) < 4:
            continue
        belt = belt - (belt @ way)[:, None] * way
        middle = (belt.max(0) + belt.min(0)) / 2
        size = float(np.percentile(np.linalg.norm(belt - middle, axis=1), 80)) + 0.0006
        if not 0.004 < size < 0.016:
            continue
        first = finger.back - (finger.back @ way) * way
        first /= max(float(np.linalg.norm(first)), 1e-9)
        second = np.cross(way, first)
        angle = np.linspace(0, 2 * np.pi, 17)
        path = place + middle + size * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)
        build, metal = Build(), [rgb("d0ac55"), rgb("ccced3"), rgb("c08a72")][int(rng.integers(3))]
        bar = rng.uniform(0.0009, 0.0016)
        build.add(tube(path, bar, 5, tuple(way), 0.6), None, metal, weld=True)
        if rng.uniform() < 0.35:
            stone = np.array([[0.0034, 0.0], [0.0040, 0.0018], [0.0022, 0.0032], [1e-5, 0.0034]])
            turned = lathe(stone, 7, np.stack([first, second, way]), place + middle + size * first)
            build.add(turned, None, vivid(rng, (0.4, 0.95)), weld=True)
        found.append(build.piece("ring", np.array([[finger.joints[bone]]]), np.array([[1.0]]), two_sided=True))
    return found
