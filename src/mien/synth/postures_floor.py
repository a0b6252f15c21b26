"""Postures on the ground: lying, sitting, on hands and knees, on hands and toes."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.act import Act, Y, Z, out_to
from mien.synth.arm_habits import HABITS
from mien.synth.pose import Support

__all__ = ["floor"]

HEEL = 0.055
"""Metres from the ankle to the ground when the heel lies on it."""


def _bones(act: Act) -> tuple[float, float]:
    rest = act.puppet.rest
    return float(np.linalg.norm(rest[4] - rest[1])), float(np.linalg.norm(rest[7] - rest[4]))


def _knee_for(act: Act, rise: float, drop: float) -> float:
    """Knee flexion that brings the ankle `drop` metres below the hip, with the thigh `rise` degrees above level."""
    thigh, shin = _bones(act)
    sine = (thigh * math.sin(math.radians(rise)) + drop) / shin
    return rise + math.degrees(math.asin(min(max(sine, -0.99), 0.99)))


def _trunk_low(act: Act) -> None:
    """The ground is where trunk or legs are lowest."""
    act.puppet.floor = act.puppet.lowest((0, 1, 2, 3, 4, 5, 6, 7, 8, 9))


def _on_ground(
    act: Act, side: int, ahead: tuple[float, float], out: tuple[float, float], along: np.ndarray, by: str = "palm"
) -> None:
    """A hand on the ground, seen from its shoulder."""
    p = act.puppet
    assert p.floor is not None
    shoulder = p.joint(16 + side)
    place = np.array([shoulder[0], p.floor, shoulder[2]]) + out_to(side) * act.between(*out) + Z * act.between(*ahead)
    act.grip(side, "flat", "spread", "loose", "relaxed", share=0.75)
    p.reach(side, place, -Y, along, by=by, gap=0.004, turn=0.7, swivel=act.about(0, 8))


def floor(act: Act) -> Support:
    """One of the postures on the ground."""
    way = act.one_of(back=0.16, front=0.12, side=0.14, long=0.17, crossed=0.14, knees=0.1, crawl=0.1, plank=0.07)
    WAYS[way](act)
    return "floor"


def _back(act: Act) -> None:
    p = act.puppet
    p.pelvis(-90 + act.about(0, 3), roll=act.about(0, 2))
    p.spine(act.about(2, 4, -6, 12), act.about(0, 6), act.about(0, 5))
    p.head(act.about(-6, 5, -14, 12), act.about(0, 6), act.about(0, 22, -60, 60))
    for side in (0, 1):
        if act.chance(0.45):
            rise = act.between(35, 62)
            knee = _knee_for(act, rise, 0.03)
            p.leg(
                side,
                flex=rise,
                open=act.about(5, 5, -2, 22),
                turn=act.about(2, 5),
                knee=knee,
                ankle=(90 - (knee - rise), 0, 0),
            )
        else:
            p.leg(
                side,
                flex=act.about(2, 2, 0, 8),
                open=act.about(7, 5, 1, 24),
                turn=act.about(18, 10, -5, 40),
                knee=act.about(5, 3, 0, 14),
                ankle=(act.between(15, 40), 0, 0),
            )
    _trunk_low(act)
    _arms_lying(act, Z)


def _arms_lying(act: Act, feet: np.ndarray) -> None:
    """Arms of somebody on the back: beside, out, up, or on the trunk."""
    p = act.puppet
    for side in (0, 1):
        way = act.one_of(beside=0.4, out=0.2, up=0.15, trunk=0.25)
        if way == "beside":
            _on_ground(act, side, (0.32, 0.5), (0.1, 0.26), feet + 0.2 * out_to(side))
        elif way == "out":
            _on_ground(act, side, (-0.1, 0.3), (0.35, 0.52), out_to(side) + 0.3 * feet)
        elif way == "up":
            _on_ground(act, side, (-0.48, -0.25), (0.05, 0.3), -feet + 0.3 * out_to(side), by="back")
            p.arms[p.true(side)].turn = 0.3  # type: ignore[union-attr]
        else:
            HABITS["heart"](act, side)


def _front(act: Act) -> None:
    p = act.puppet
    propped = act.chance(0.4)
    p.pelvis(90 - (8 if propped else 0) + act.about(0, 2))
    p.spine(-act.between(28, 42) if propped else act.about(-4, 3), act.about(0, 3), act.about(0, 3))
    if propped:
        p.head(act.about(-8, 8), act.about(0, 4), act.about(0, 15))
    else:
        p.head(act.about(-8, 4), 0.0, math.copysign(act.between(48, 68), act.rng.random() - 0.5))
    for side in (0, 1):
        up = act.between(20, 100) if act.chance(0.3) else act.between(8, 16)
        p.leg(
            side,
            flex=-act.about(2, 2, 0, 6) - (6 if propped else 0),
            open=act.about(6, 4, 1, 18),
            turn=act.about(4, 8),
            knee=up,
            ankle=(act.between(40, 54), 0, 0),
        )
    _trunk_low(act)
    for side in (0, 1):
        if propped:
            _on_ground(act, side, (0.12, 0.26), (-0.12, 0.02), Z - 0.4 * out_to(side))
        elif act.chance(0.6):
            _on_ground(act, side, (0.08, 0.36), (0.02, 0.22), Z - 0.3 * out_to(side))
        else:
            _on_ground(act, side, (-0.46, -0.3), (0.05, 0.2), -Z + 0.1 * out_to(side))


def _side(act: Act) -> None:
    p = act.puppet
    p.pelvis(-90)
    p.tip("z", -act.between(78, 96))  # the left side is down
    p.spine(act.about(8, 8, -5, 26), act.about(-4, 4), act.about(0, 8))
    p.head(act.about(6, 8), act.about(-14, 5, -22, 0), act.about(0, 8))
    first = act.between(5, 60)
    for side in (0, 1):
        flex = first + (act.about(12, 10) if side else 0)
        p.leg(
            side,
            flex=flex,
            open=act.about(0, 2) if side == 0 else act.about(-6, 2),
            turn=0,
            knee=act.about(10 + 1.05 * flex, 8, 5, 120),
            ankle=(act.between(10, 40), 0, 0),
        )
    _trunk_low(act)
    down = act.one_of(ahead=0.6, head=0.4)
    if down == "ahead":
        p.arm(
            0,
            act.between(78, 100),
            act.between(-4, 14),
            act.between(10, 70),
            swivel=act.about(-5, 8),
            pronation=act.about(0, 20),
        )
    else:
        p.arm(0, act.between(118, 138), act.between(0, 20), act.between(95, 128), swivel=act.about(0, 8))
    up = act.one_of(thigh=0.5, ahead=0.3, heart=0.2)
    if up == "ahead":
        p.arm(1, act.between(55, 85), act.between(-8, 15), act.between(20, 60), pronation=act.about(20, 20))
    else:
        HABITS[up](act, 1)


def _long(act: Act) -> None:
    """Sitting, legs ahead, stretched or drawn up."""
    p = act.puppet
    lean = act.about(-12, 9, -32, 8)
    p.pelvis(lean)
    p.spine(act.about(16, 8, -5, 36), act.about(0, 4), act.about(0, 8))
    act.look(2)
    both = act.between(0, 52)
    for side in (0, 1):
        rise = both if act.chance(0.6) else act.between(0, 52)
        knee = _knee_for(act, rise, 0.045)
        p.leg(
            side,
            flex=90 + rise + lean,
            open=act.about(6, 5, 0, 28),
            turn=act.about(6, 6),
            knee=knee,
            ankle=(max(50 - (knee - rise), 0) * 0.6, 0, 0),
        )
    _trunk_low(act)
    what = act.one_of(behind=0.4, knees=0.4, mixed=0.2)
    for side in (0, 1):
        if what == "behind" or (what == "mixed" and side):
            _on_ground(act, side, (-0.32, -0.1), (0.02, 0.2), 0.8 * out_to(side) - 0.5 * Z)
        elif what == "knees":
            HABITS["knee" if act.chance(0.6) else "thigh"](act, side)
        else:
            HABITS[act.one_of(talk=0.4, front=0.4, thigh=0.2)](act, side)


def _crossed(act: Act) -> None:
    """Sitting, legs crossed."""
    p = act.puppet
    lean = act.about(-6, 6, -18, 6)
    p.pelvis(lean)
    p.spine(act.about(14, 7, -2, 34), act.about(0, 4), act.about(0, 7))
    act.look(5)
    p.leg(
        0,
        flex=91 + lean + act.about(4, 2),
        open=act.between(34, 40),
        turn=act.between(56, 62),
        knee=act.between(126, 134),
        ankle=(30, 0, 0),
    )
    p.leg(
        1,
        flex=89 + lean + act.about(2, 2),
        open=act.between(42, 48),
        turn=act.between(58, 64),
        knee=act.between(98, 108),
        ankle=(30, 0, 0),
    )
    _trunk_low(act)
    for side in (0, 1):
        HABITS[act.one_of(knee=0.35, thigh=0.25, talk=0.18, front=0.22)](act, side)


def _knees(act: Act) -> None:
    """Sitting, arms around the drawn-up knees."""
    p = act.puppet
    lean = act.about(2, 4)
    p.pelvis(lean)
    p.spine(act.about(26, 5, 14, 38), act.about(0, 3), act.about(0, 4))
    act.look(6)
    rise = act.between(28, 40)
    knee = _knee_for(act, rise, 0.045)
    for side in (0, 1):
        p.leg(
            side,
            flex=90 + rise + lean,
            open=act.about(6, 2),
            turn=0,
            knee=knee,
            ankle=(max(90 - (knee - rise), 0) * 0.5, 0, 0),
        )
    _trunk_low(act)
    for side in (0, 1):
        act.grip(side, "loose", "hold_cylinder", "half_closed", share=0.8)
        place, normal = p.spot(("left_", "right_")[side] + "shin")
        p.reach(side, place + 0.01 * Z, -normal, -out_to(side) - 0.4 * Y, gap=0.008, turn=0.5)


def _crawl(act: Act) -> None:
    """On hands and knees."""
    p = act.puppet
    p.pelvis(act.about(80, 5))
    p.spine(act.about(4, 8, -14, 22), act.about(0, 3), act.about(0, 5))
    p.head(act.about(-24, 12, -40, 10), act.about(0, 4), act.about(0, 14))
    for side in (0, 1):
        step = act.about(0, 9)
        p.leg(side, flex=80 + step, open=act.about(3, 2), turn=0, knee=89 + step, ankle=(48, 0, 0))
    p.floor = p.lowest((4, 5))
    for side in (0, 1):
        _on_ground(act, side, (-0.06, 0.2), (-0.04, 0.06), Z - 0.1 * out_to(side))


def _plank(act: Act) -> None:
    """On hands and toes, or the hips high up."""
    p = act.puppet
    high = act.chance(0.3)
    slope = act.between(66, 74)
    p.pelvis(slope + (50 if high else 0))
    p.spine(act.about(2, 3), 0.0, act.about(0, 2))
    p.head(-22.0 if not high else 4.0, 0.0, act.about(0, 6))
    for side in (0, 1):
        p.leg(
            side,
            flex=78.0 if high else act.about(2, 3),
            open=act.about(3, 2),
            turn=0,
            knee=act.about(4, 2, 0, 10),
            ankle=(0.0 if high else -28.0, 0, 0),
        )
        p.toes(side, 40)
    p.floor = p.lowest((10, 11))
    for side in (0, 1):
        _on_ground(act, side, (0.34, 0.5) if high else (-0.05, 0.1), (-0.02, 0.1), Z)


WAYS = {
    "back": _back,
    "front": _front,
    "side": _side,
    "long": _long,
    "crossed": _crossed,
    "knees": _knees,
    "crawl": _crawl,
    "plank": _plank,
}
