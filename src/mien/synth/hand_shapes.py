"""What hands do: shapes by name, as anatomical angles with natural variation.

Every shape is a function of a generator that gives 21 angles (see `hand_rig`) and, for shapes in which digits touch,
which spots shall meet. Fingers are coupled as tendons couple them (the end joint follows the middle one, the little
and the ring finger bend together), except in `random`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64

from mien.synth.hand_rig import HIGH, LOW, NUM_ANGLES

__all__ = ["HAND_MIX_COMPLEX", "HAND_MIX_EVERYDAY", "HAND_SHAPES", "Meeting", "Shape", "closing", "draw_shape"]

DIP = 0.66
"""The end joint bends by this share of the middle one."""


@dataclass(frozen=True)
class Meeting:
    """The thumb's pad shall touch a spot: the pad of a digit, or the back of its middle bone."""

    digit: int
    """0 index, 1 middle, 2 little, 3 ring."""
    where: str = "pad"
    """`pad`, `nail` (back of the middle bone) or `side` (of the index finger, towards the thumb)."""
    fingers_move: bool = True
    """Whether the finger comes to meet the thumb."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """A hand that was drawn."""

    angles: Float64[np.ndarray, "21"]
    meetings: tuple[Meeting, ...] = ()
    relaxed: bool = False
    """The angles are small changes of the body's own mean hand instead."""


def _hand(
    index: tuple[float, ...],
    middle: tuple[float, ...],
    ring: tuple[float, ...],
    little: tuple[float, ...],
    thumb: tuple[float, ...],
) -> Float64[np.ndarray, "21"]:
    """Fingers as (knuckle, middle joint, spread[, end joint]); the thumb as its five angles."""
    found = [
        value
        for knuckle, bend, spread, *end in (index, middle, little, ring)
        for value in (knuckle, spread, bend, *(end or [DIP * bend]))
    ]
    return np.array([*found, *thumb], dtype=np.float64)


CURLED = (76.0, 98.0)
_I, _M, _R, _L = 1.0, 0.0, -1.0, -4.0
"""Spread of fingers that lie side by side."""
_ALONG, _OUT = (22.0, 28.0, 0.0, 8.0, 5.0), (18.0, 66.0, 0.0, 0.0, -5.0)
_PALM, _ACROSS, _TUCKED = (55.0, 30.0, 10.0, 25.0, 25.0), (46.0, 22.0, 15.0, 42.0, 45.0), (34.0, 8.0, 20.0, 52.0, 48.0)
"""Thumbs: beside the palm, stretched out, in front of the palm, across the fingers, folded over the palm."""


def _straight(spread: float, knuckle: float = 0.0, bend: float = 3.0) -> tuple[float, ...]:
    return knuckle, bend, spread


def _curled(spread: float) -> tuple[float, ...]:
    return *CURLED, spread, 36.0


FLAT = _hand(_straight(_I), _straight(_M), _straight(_R), _straight(_L), _ALONG)
SPREAD = _hand(_straight(17), _straight(2), _straight(-12), _straight(-28), (25, 62, 0, 3, 0))
LOOSE = _hand((16, 28, 3), (24, 34, 0), (28, 36, -4), (30, 34, -10), (38, 36, 4, 14, 14))
HALF = _hand((42, 52, 2), (46, 56, 0), (48, 56, -3), (48, 52, -8), (46, 34, 5, 20, 25))
FIST = _hand(_curled(_I), _curled(_M), _curled(_R), _curled(_L), _ACROSS)
CLAW = _hand((0, 72, 13, 50), (0, 74, 1, 50), (0, 72, -11, 48), (0, 66, -24, 44), (42, 52, 5, 20, 45))
BALL = _hand((30, 38, 15), (30, 42, 2), (30, 42, -11), (28, 40, -24), (58, 42, 10, 15, 25))
CYLINDER = _hand((52, 50, 3), (56, 54, 0), (58, 56, -3), (60, 52, -7), (62, 22, 15, 15, 30))
PHONE = _hand((34, 38, 6), (40, 46, 0), (46, 52, -4), (50, 52, -9), (36, 42, 0, 12, 20))
BEAK = _hand((58, 30, -1), (58, 34, 0), (58, 32, 1), (58, 28, 2), (60, 22, 15, 15, 20))


def _vary(
    rng: np.random.Generator, angles: Float64[np.ndarray, "21"], amount: float = 1.0
) -> Float64[np.ndarray, "21"]:
    """Natural variation: most of it shared by the four fingers, the end joints following the middle ones."""
    found, draw = angles.copy(), rng.standard_normal(24) * amount
    bend, fold, fan = 0.7 * 7 * draw[0], 0.7 * 9 * draw[1], 1.6 * draw[2]
    for f in range(4):
        found[4 * f] += bend + 4 * draw[3 + f]
        change = fold + 6 * draw[7 + f]
        found[4 * f + 1] += fan * (1.5, 0.2, -2.0, -1.0)[f] + 1.2 * draw[11 + f]
        found[4 * f + 2] += change
        found[4 * f + 3] += DIP * change + 2.5 * draw[15 + f]
    found[16:] += draw[19:24] * (5, 5, 4, 5, 7)
    return found


def closing(rng: np.random.Generator, angles: Float64[np.ndarray, "21"], amount: float) -> Float64[np.ndarray, "21"]:
    """A hand like this one, within the limits of its joints."""
    return np.clip(_vary(rng, angles, amount), LOW, HIGH)


def _relaxed(rng: np.random.Generator) -> Shape:
    return Shape(angles=_vary(rng, np.zeros(NUM_ANGLES), 0.8), relaxed=True)


def _simple(angles: Float64[np.ndarray, "21"], amount: float = 1.0) -> Callable[[np.random.Generator], Shape]:
    return lambda rng: Shape(angles=_vary(rng, angles, amount))


def _fingers(
    rng: np.random.Generator, up: tuple[int, ...], thumb: str, spread: float = 7.0, amount: float = 0.5
) -> Shape:
    """Some fingers stretched, the others curled: `up` holds 1 index, 2 middle, 3 ring, 4 little."""
    fan = {1: _I + spread, 2: _M + 0.2 * spread, 3: _R - 0.7 * spread, 4: _L - 1.6 * spread}
    hand = [_straight(fan[i], 4, 6) if i in up else _curled(0.3 * fan[i]) for i in (1, 2, 3, 4)]
    across = next((i for i in (2, 3, 1, 4) if i not in up), None)
    angles = _vary(
        rng,
        _hand(
            hand[0],
            hand[1],
            hand[2],
            hand[3],
            {"out": _OUT, "along": _ALONG, "across": _ACROSS, "palm": _TUCKED}[thumb],
        ),
        amount,
    )
    if thumb == "out":
        angles[20] = rng.uniform(-22, 12)
    meets = (Meeting({1: 0, 2: 1, 3: 3, 4: 2}[across], "nail", False),) if thumb == "across" and across else ()
    return Shape(angles=angles, meetings=meets)


def _fist(rng: np.random.Generator) -> Shape:
    angles = _vary(rng, FIST, 0.4)
    if rng.random() < 0.2:
        angles[16:] = np.array([24.0, 24.0, 0.0, 15.0, 25.0]) + rng.normal(0, 4, 5)
        return Shape(angles=angles)
    return Shape(angles=angles, meetings=(Meeting(0, "nail", False),))


def _point(rng: np.random.Generator) -> Shape:
    thumb = ("across", "along", "out")[int(rng.choice(3, p=(0.65, 0.2, 0.15)))]
    return _fingers(rng, (1,), thumb, 0.0)


def _pinch(rng: np.random.Generator) -> Shape:
    digit = int(rng.choice(4, p=(0.5, 0.22, 0.1, 0.18)))
    others = int(rng.choice(3, p=(0.45, 0.35, 0.2))) if digit == 0 else int(rng.choice(2, p=(0.4, 0.6)))
    base = (LOOSE, SPREAD, FIST)[others].copy()
    base[4 * digit : 4 * digit + 4] = (50, 0, 52, 32) if digit == 0 else (62, 0, 46, 28)
    base[16:] = (58, 28, 12, 12, 18) if digit == 0 else (60, 18, 14, 20, 24)
    return Shape(angles=_vary(rng, base, 0.6), meetings=(Meeting(digit),))


def _ok(rng: np.random.Generator) -> Shape:
    base = SPREAD.copy()
    base[[4, 12, 8]] = 12, 8, 4
    base[[6, 14, 10]] = 18, 14, 10
    base[0:4], base[16:] = (48, 2, 58, 34), (54, 32, 10, 10, 22)
    return Shape(angles=_vary(rng, base, 0.7), meetings=(Meeting(0),))


def _count(number: int) -> Callable[[np.random.Generator], Shape]:
    def draw(rng: np.random.Generator) -> Shape:
        from_thumb = rng.random() < 0.5
        if number == 5:
            return Shape(angles=_vary(rng, SPREAD, 0.7))
        if number == 4:
            return _fingers(rng, (1, 2, 3, 4), "palm", rng.uniform(0, 9))
        if from_thumb:
            return _fingers(rng, tuple(range(1, number)), "out", rng.uniform(2, 9))
        return _fingers(rng, tuple(range(1, number + 1)), "across", rng.uniform(1, 9))

    return draw


def _telephone(rng: np.random.Generator) -> Shape:
    return _fingers(rng, (4,), "out", 7.0)


def _rock(rng: np.random.Generator) -> Shape:
    return _fingers(rng, (1, 4), "across" if rng.random() < 0.6 else "out", 6.0)


def _sign(rng: np.random.Generator) -> Shape:
    """As letters of sign alphabets are made: each finger stretched, hooked, bent at the knuckle or curled."""
    states = ((0.0, 4.0), (0.0, 88.0), (76.0, 10.0), CURLED)
    last, hand, fan = int(rng.integers(4)), [], rng.uniform(0, 1.0)
    for i, spread in enumerate((17.0, 3.0, -12.0, -28.0)):
        last = last if i and rng.random() < 0.45 else int(rng.integers(4))
        knuckle, bend = states[last]
        hand.append((knuckle, bend, fan * spread if last < 2 else 0.2 * spread))
    thumb = (_ALONG, _OUT, _PALM, _ACROSS)[int(rng.integers(4))]
    return Shape(angles=_vary(rng, _hand(hand[0], hand[1], hand[2], hand[3], thumb), 0.6))


def _random(rng: np.random.Generator) -> Shape:
    """Every joint for itself."""
    return Shape(angles=LOW + (HIGH - LOW) * rng.beta(1.3, 1.5, NUM_ANGLES))


def _pen(rng: np.random.Generator) -> Shape:
    base = _hand((46, 44, 0), (52, 54, 0), (58, 66, -2), (60, 66, -5), (56, 26, 10, 12, 22))
    return Shape(angles=_vary(rng, base, 0.4), meetings=(Meeting(0),))


def _key(rng: np.random.Generator) -> Shape:
    """The thumb on the side of the index finger, as keys and paper are held."""
    base = _hand((48, 62, 0), (56, 70, 0), (60, 74, -2), (62, 70, -5), (34, 26, 0, 15, 20))
    return Shape(angles=_vary(rng, base, 0.5), meetings=(Meeting(0, "side", False),))


HAND_SHAPES: Mapping[str, Callable[[np.random.Generator], Shape]] = MappingProxyType(
    {
        "relaxed": _relaxed,
        "loose": _simple(LOOSE),
        "half_closed": _simple(HALF, 1.2),
        "flat": _simple(FLAT, 0.5),
        "spread": _simple(SPREAD, 0.8),
        "fist": _fist,
        "thumbs_up": lambda rng: _fingers(rng, (), "out", 0.0),
        "point": _point,
        "pinch": _pinch,
        "beak": lambda rng: Shape(angles=_vary(rng, BEAK, 0.5), meetings=(Meeting(1),)),
        "ok": _ok,
        "count_1": _count(1),
        "count_2": _count(2),
        "count_3": _count(3),
        "count_4": _count(4),
        "count_5": _count(5),
        "v": lambda rng: _fingers(rng, (1, 2), "across", rng.uniform(8, 14)),
        "claw": _simple(CLAW),
        "rock": _rock,
        "telephone": _telephone,
        "sign": _sign,
        "random": _random,
        "hold_cylinder": _simple(CYLINDER, 0.5),
        "hold_ball": _simple(BALL, 0.7),
        "hold_flat": _simple(PHONE, 0.4),
        "hold_thin": _pen,
        "key": _key,
    }
)
"""A drawing function for every shape."""

HAND_MIX_EVERYDAY: Mapping[str, float] = MappingProxyType(
    {
        **{"relaxed": 0.62, "loose": 0.14, "half_closed": 0.08, "flat": 0.03, "fist": 0.03, "hold_flat": 0.02},
        **{"hold_cylinder": 0.03, "point": 0.01, "spread": 0.02, "hold_thin": 0.01, "key": 0.01},
    }
)
"""Hands as seen in a street: weights of the shapes."""

HAND_MIX_COMPLEX: Mapping[str, float] = MappingProxyType(
    {
        **{"random": 0.16, "sign": 0.16, "pinch": 0.1, "fist": 0.06, "spread": 0.05, "flat": 0.04, "point": 0.05},
        **{"ok": 0.03, "v": 0.03, "claw": 0.04, "rock": 0.03, "telephone": 0.02, "thumbs_up": 0.03, "beak": 0.02},
        **{f"count_{n}": 0.012 for n in range(1, 6)},
        **{"hold_cylinder": 0.03, "hold_ball": 0.02, "hold_flat": 0.02, "hold_thin": 0.02, "key": 0.01},
        **{"half_closed": 0.03, "loose": 0.02, "relaxed": 0.02},
    }
)
"""Hands of every kind: weights of the shapes."""


def draw_shape(rng: np.random.Generator, name: str) -> Shape:
    """A hand of this name, within the limits of its joints."""
    shape = HAND_SHAPES[name](rng)
    return shape if shape.relaxed else replace(shape, angles=np.clip(shape.angles, LOW, HIGH))
