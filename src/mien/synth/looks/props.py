"""Things in the hands and on the back: sized and placed for the hand as it is bent, carried by its wrist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mien.errors import InputError
from mien.synth.figure import Figure, Piece
from mien.synth.looks.bags import BAGS
from mien.synth.looks.grips import Grip, bent_hand, room_for_ball, room_for_rod, room_for_slab
from mien.synth.looks.shapes import Build
from mien.synth.looks.things_flat import FLAT
from mien.synth.looks.things_round import BALLS, RODS, THIN
from mien.synth.pose import Pose
from mien.synth.random import check_weights, weighted

__all__ = ["Props", "hold"]

_GRIPS = {"hold_cylinder": RODS, "hold_ball": BALLS, "hold_flat": FLAT, "hold_thin": THIN}
_TURNS = {"cup": np.pi, "racket": np.pi, "hammer": np.pi, "mug": 0.0}
"""How things that are not round are turned in the hand, radians."""
_WEIGHTS = {"mug": 1.2, "bottle": 1.5, "cup": 1.5, "phone": 4.0, "pen": 2.0, "ball": 1.5, "plate": 0.4, "tablet": 0.6}


@dataclass(frozen=True, kw_only=True)
class Props:
    """What people carry. Shares are 0..1."""

    share: float = 0.85
    """Of the hands whose shape is one of holding something."""
    bags: float = 0.12
    """Of the people."""
    kinds: Mapping[str, float] = field(default_factory=dict)
    """Factors on how frequent each kind of thing or bag is; 1 for those not named."""

    def __post_init__(self) -> None:
        known = {*BAGS, *(kind for kinds in _GRIPS.values() for kind in kinds)}
        check_weights("props", self.kinds, known, factors=True)
        for name, share in (("share", self.share), ("bags", self.bags)):
            if not 0 <= share <= 1:
                raise InputError(f"{name} is {share}", expected="a share, 0 to 1")


def hold(rng: np.random.Generator, figure: Figure, pose: Pose, props: Props) -> list[Piece]:
    """What somebody holds in this pose, in the rest pose of the figure; and sometimes a bag."""
    found = []
    for side, shape in enumerate(pose.hands):
        kinds = _GRIPS.get(shape, {})
        draw = rng.uniform()
        if kinds and draw < props.share:
            grip = bent_hand(side, figure, pose.rotations[25 + 15 * side : 40 + 15 * side])
            found += _put(rng, grip, shape, props)
    if rng.uniform() < props.bags:
        kind = _choose(rng, list(BAGS), props)
        found += BAGS[kind](rng, figure) if kind else []
    return found


def _choose(rng: np.random.Generator, kinds: list[str], props: Props) -> str:
    """One of the kinds, or nothing where none is allowed."""
    weights = np.array([_WEIGHTS.get(kind, 1.0) * props.kinds.get(kind, 1.0) for kind in kinds])
    return kinds[weighted(rng, weights)] if weights.sum() > 0 else ""


def _put(rng: np.random.Generator, grip: Grip, shape: str, props: Props) -> list[Piece]:
    match shape:
        case "hold_cylinder":
            place, axis, radius = room_for_rod(grip, float(rng.uniform(0.014, 0.042)))
            kinds = [kind for kind, rod in RODS.items() if rod.radius[0] < radius + 0.004]
            return _rod(rng, grip, kinds, place, axis, radius, props)
        case "hold_ball":
            place, radius = room_for_ball(grip, float(rng.uniform(0.026, 0.042)))
            axis = rng.normal(0, 1, 3)
            return _rod(rng, grip, list(BALLS), place, axis / np.linalg.norm(axis), radius, props)
        case "hold_flat":
            return _slab(rng, grip, props)
        case _:
            return _thin(rng, grip, props)


def _rod(
    rng: np.random.Generator,
    grip: Grip,
    kinds: list[str],
    place: Float[np.ndarray, "3"],
    axis: Float[np.ndarray, "3"],
    radius: float,
    props: Props,
) -> list[Piece]:
    """A thing whose handle runs through a place."""
    kind = _choose(rng, kinds, props) if kinds else ""
    if not kind:
        return []
    rod = {**RODS, **BALLS, **THIN}[kind]
    build = Build()
    texture = rod.make(rng, build, float(np.clip(radius, *rod.radius)))
    side = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-3 else np.array([1.0, 0.0, 0.0])
    turn = float(rng.normal(_TURNS[kind], 0.25)) if kind in _TURNS else float(rng.uniform(0, 2 * np.pi))
    other = np.cross(axis, side)
    frame = np.stack([np.cos(turn) * other - np.sin(turn) * side, axis, np.sin(turn) * other + np.cos(turn) * side])
    return [_carried(grip, build, kind, place, frame, texture)]


def _slab(rng: np.random.Generator, grip: Grip, props: Props) -> list[Piece]:
    kind = _choose(rng, list(FLAT), props)
    if not kind:
        return []
    scale = float(rng.uniform(0.9, 1.1)) * grip.hand.length / 0.108
    width, height, thick = (n * scale for n in FLAT[kind].size)
    place, axes = room_for_slab(grip, (width, height))
    build = Build()
    texture = FLAT[kind].make(rng, build, (width, height, thick))
    out = axes[2]
    if kind in ("tablet", "book", "paper", "plate"):
        place = place + axes[0] * 0.18 * width
    if kind in ("tablet", "book") and rng.uniform() < 0.5:
        axes = np.stack([-axes[1], axes[0], out])
    return [_carried(grip, build, kind, place, np.stack([np.cross(axes[1], out), axes[1], out]), texture)]


def _thin(rng: np.random.Generator, grip: Grip, props: Props) -> list[Piece]:
    """Between the tips of thumb and index, resting on the web between them."""
    kind = _choose(rng, list(THIN), props)
    if not kind:
        return []
    thumb, index = grip.tips["thumb"], grip.tips["index"]
    pinch = (0.85 * thumb[3] + 0.15 * thumb[2] + 0.85 * index[3] + 0.15 * index[2]) / 2
    web = 0.55 * index[0] + 0.45 * thumb[1] + np.array([0.0, 0.012, -0.010])
    axis = web - pinch
    axis /= max(float(np.linalg.norm(axis)), 1e-6)
    return _rod(rng, grip, [kind], pinch, axis, float(rng.uniform(0.0035, 0.005)), props)


def _carried(
    grip: Grip,
    build: Build,
    kind: str,
    place: Float[np.ndarray, "3"],
    frame: Float[np.ndarray, "3 3"],
    texture: np.ndarray,
) -> Piece:
    """A finished build in the hand: its axes are the rows of `frame` in the hand's own frame."""
    hand = grip.hand
    points = hand.world(build.points() @ frame + place)
    mirrored = np.linalg.det(hand.axes) * np.linalg.det(frame) < 0
    if mirrored:
        build.faces = [faces[:, ::-1] for faces in build.faces]
        build.uv = [uv[:, ::-1] for uv in build.uv]
    return build.piece(kind, np.array([[hand.wrist]]), np.array([[1.0]]), texture, points, two_sided=True)
