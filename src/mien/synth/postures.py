"""Kinds of postures: what trunk and legs do, and which arms go with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.synth.act import Act, Y, Z, out_to
from mien.synth.arm_habits import HABITS, behind_back, carry, cross, each_arm, hang, on_hip, talk, touch_face, wave
from mien.synth.hand_contact import contact
from mien.synth.pose import Support
from mien.synth.postures_floor import floor
from mien.synth.postures_low import bending, crouching, kneel, kneeling
from mien.synth.postures_sport import dancing, sport

__all__ = ["KINDS", "Posture", "hands_together", "safe"]

Posture = Callable[[Act], Support]


# legs ---------------------------------------------------------------------------------------------------------------
def stand(act: Act, lean: float = 0.0) -> Support:
    """Both feet on the ground, weight on one or on both."""
    p = act.puppet
    stance = act.one_of(even=0.4, rest=0.35, step=0.25)
    shift = act.between(0.02, 0.055) if stance == "rest" else act.about(0, 0.008)
    p.pelvis(act.about(2 + lean, 2.5), roll=60 * shift if stance == "rest" else act.about(0, 1))
    p.spine(act.about(4, 4, -8, 20), act.about(90 * shift if stance == "rest" else 0, 2.5), act.about(0, 6))
    width = act.between(0.07, 0.17)
    step = act.between(0.06, 0.2) if stance == "step" else act.about(0, 0.02)
    p.stand(act.between(0.984, 0.9985), 0.5 * step + 0.03)
    for side in (0, 1):
        free = stance == "rest" and side == 1
        p.foot(
            side,
            out=width - (shift if side == 0 else -shift) + (0.03 if free else 0),
            ahead=(0.5 - side) * step + (act.between(0.0, 0.1) if free else 0),
            yaw=act.about(10, 6, -4, 28) + (6 if free else 0),
            knee=act.about(9, 5, -4, 25) + (5 if free else 0),
        )
    return "feet"


def sit(act: Act) -> Support:
    """On a seat: feet on the ground, stretched out, or one leg over the other."""
    p = act.puppet
    lean = act.about(-4, 9, -24, 20)
    p.pelvis(lean)
    p.spine(act.about(14, 9, -6, 42), act.about(0, 4), act.about(0, 8))
    height = act.between(0.40, 0.56)
    p.stand(height)
    legs = act.one_of(parallel=0.42, apart=0.2, stretched=0.14, tucked=0.1, over=0.14)
    thigh = float(np.linalg.norm(p.rest[4] - p.rest[1]))
    apart = {"parallel": 0.0, "apart": 0.14, "stretched": 0.04, "tucked": 0.03, "over": 0.05}[legs]
    ahead = {"parallel": 1.0, "apart": 0.95, "stretched": 1.45, "tucked": 0.72, "over": 1.0}[legs] * thigh
    for side in (0, 1):
        out = act.about(0.1, 0.02, 0.065, 0.16) + apart * act.between(0.6, 1.3)
        p.foot(
            side,
            out=out,
            ahead=ahead + act.about(0, 0.05),
            yaw=act.about(8, 7, -8, 30) + 60 * apart,
            pitch=act.between(15, 35) if legs == "tucked" else -act.between(10, 25) if legs == "stretched" else 0.0,
            knee=act.about(5, 4) + 110 * apart,
        )
    if legs == "over":  # one ankle on the other knee
        p.leg(
            0, flex=act.between(88, 98), open=act.between(30, 38), turn=act.between(58, 68), knee=act.between(98, 112)
        )
    return "seat"


def walk_legs(act: Act) -> float:
    """A step of walking; how far the arms swing, degrees (the left one forwards is positive)."""
    p = act.puppet
    pace = act.between(0.6, 1.15)
    p.pelvis(act.about(3, 2), roll=act.about(0, 2))
    p.spine(act.about(3, 3), act.about(0, 2), act.about(-7 * pace, 3))
    if act.chance(0.55):
        step = 0.33 * pace * p.leg_length
        p.stand(0.994, step)
        p.foot(1, out=act.about(0.07, 0.015), ahead=step, yaw=act.about(7, 4), pitch=-act.between(6, 20) * pace)
        p.foot(
            0,
            out=act.about(0.07, 0.015),
            ahead=-0.85 * step,
            yaw=act.about(8, 4),
            pitch=act.between(18, 42) * pace,
            knee=3,
        )
        p.toes(0, act.between(10, 30) * pace)
        return 24 * pace
    ahead = act.between(-0.12, 0.1)
    p.stand(0.99, ahead)
    p.foot(0, out=0.06, ahead=ahead, yaw=act.about(7, 4))
    p.foot(
        1,
        out=0.08,
        ahead=-2.2 * ahead,
        up=act.between(0.04, 0.13) * pace,
        yaw=6,
        pitch=act.between(0, 40) * (0.5 - 2 * ahead),
    )
    return 160 * -ahead * pace


# arms that go with legs ----------------------------------------------------------------------------------------------


def standing(act: Act) -> Support:
    """Standing at ease."""
    support = stand(act)
    act.look()
    what = act.one_of(hang=0.52, mixed=0.26, back=0.07, carry=0.08, cross=0.07)
    if what == "hang":
        for side in (0, 1):
            hang(act, side)
    elif what == "mixed":
        each_arm(
            act, {"hang": 0.5, "hip": 0.12, "front": 0.16, "talk": 0.1, "heart": 0.04, "shoulder": 0.05, "back": 0.03}
        )
    elif what == "back":
        for side in (0, 1):
            behind_back(act, side)
    elif what == "carry":
        carry(act)
    else:
        cross(act)
    return support


def walking(act: Act) -> Support:
    """Walking."""
    swing = walk_legs(act)
    act.look(2, ease=0.8)
    busy = act.one_of(no=0.7, left=0.15, right=0.15)
    for side in (0, 1):
        if busy == ("left", "right")[side]:
            HABITS[act.one_of(front=0.6, talk=0.25, shoulder=0.15)](act, side)
        else:
            hang(act, side, swing * (1 if side == 0 else -1) + act.about(-3, 5))
    return "feet"


def running(act: Act) -> Support:
    """A stride, on the ground or in the air."""
    p = act.puppet
    effort = act.between(0.5, 1.2)
    p.pelvis(act.about(6 + 6 * effort, 2), roll=act.about(0, 2))
    p.spine(act.about(5, 3), act.about(0, 2), act.about(-11 * effort, 4))
    act.look(-6, ease=0.6)
    drive = act.one_of(knee=0.6, reach=0.4)
    if drive == "knee":
        p.leg(
            1,
            flex=act.between(45, 74) * effort,
            open=4,
            turn=2,
            knee=act.between(75, 112),
            ankle=(act.between(-5, 25), 0, 0),
        )
        p.leg(
            0,
            flex=-act.between(0, 14) * effort,
            open=3,
            turn=2,
            knee=act.between(6, 30),
            ankle=(act.between(5, 35), 0, 0),
        )
    else:
        p.leg(
            1,
            flex=act.between(28, 48) * effort,
            open=4,
            turn=2,
            knee=act.between(12, 45),
            ankle=(-act.between(0, 12), 0, 0),
        )
        p.leg(0, flex=-act.between(0, 16), open=3, turn=2, knee=act.between(60, 115), ankle=(act.between(15, 45), 0, 0))
    for side, swing in ((0, 1.0), (1, -1.0)):
        act.grip(side, "half_closed", "fist", "loose", share=0.5)
        lift = act.between(30, 50) * effort
        p.arm(
            side,
            lift,
            act.about(34, 8) if swing > 0 else act.about(134, 8),
            act.about(92, 12, 60, 125),
            swivel=act.about(8, 6),
            pronation=act.about(5, 12),
            wrist=act.about(0, 8),
        )
    return "air" if act.chance(0.35) else "feet"


def sitting(act: Act) -> Support:
    """Sitting, hands anywhere."""
    support = sit(act)
    act.look(6)
    what = act.one_of(rest=0.46, mixed=0.34, cross=0.08, carry=0.06, hang=0.06)
    if what == "rest":
        each_arm(act, {"thigh": 0.72, "knee": 0.28})
    elif what == "mixed":
        each_arm(act, {"thigh": 0.4, "talk": 0.25, "front": 0.2, "heart": 0.04, "shoulder": 0.05, "knee": 0.06})
    elif what == "cross":
        cross(act)
    elif what == "carry":
        carry(act)
    else:
        for side in (0, 1):
            hang(act, side)
    return support


def reaching(act: Act) -> Support:
    """A hand, or both, far up, out, ahead or across; the trunk follows."""
    p = act.puppet
    up, out = act.between(-0.5, 1.0), act.between(-0.35, 1.0)
    both = act.chance(0.25)
    out = 0.15 * out if both else out
    way = np.array([out, up, act.between(0.35, 1.0) if up < 0.7 else act.between(0.1, 0.6)])
    way /= np.linalg.norm(way)
    stand(act, lean=8 * max(-way[1], 0) + 4)
    p.spine(
        18 * max(-way[1], 0) - 6 * max(way[1], 0) + act.about(3, 3),
        -13 * way[0] + act.about(0, 3),
        act.about(-18 * (not both), 6),
    )
    act.look(-22 * way[1], 25 * way[0])
    for side in (0, 1) if both else (0,):
        act.grip(side)
        shoulder = p.joint(16 + side)
        aim = way * (1 if side == 0 else -1, 1, 1) if both else way
        place = shoulder + p.arm_length * act.between(0.86, 1.03) * aim + 0.05 * Y * max(way[1], 0)
        facing = (
            (-0.6 * out_to(side), -Y, Z)[int(act.rng.integers(3))]
            - 0.3 * out_to(side)
            + 0.2 * act.rng.standard_normal(3)
        )
        p.reach(
            side, place, facing, aim + 0.15 * act.rng.standard_normal(3), by="wrist", turn=0.6, swivel=act.about(-5, 9)
        )
    if not both:
        HABITS[act.one_of(hang=0.65, hip=0.12, thigh=0.13, front=0.1)](act, 1)
    return "feet"


# arms that are the point --------------------------------------------------------------------------------------------
def _base(act: Act) -> Support:
    """Something to stand or sit on, for postures that are about the arms."""
    base = act.one_of(stand=0.7, sit=0.24, walk=0.06)
    if base == "sit":
        return sit(act)
    if base == "walk":
        walk_legs(act)
        return "feet"
    return stand(act)


def gesture(act: Act) -> Support:
    """Talking with one hand or with both."""
    support = _base(act)
    act.look(ease=1.2)
    talk(act, 0)
    if act.chance(0.65):
        talk(act, 1)
    else:
        HABITS[act.one_of(hang=0.6, hip=0.15, thigh=0.15, front=0.1)](act, 1)
    return support


def arms_crossed(act: Act) -> Support:
    """Arms crossed."""
    support = _base(act)
    act.look()
    cross(act)
    return support


def hands_on_hips(act: Act) -> Support:
    """One hand on the hip, or both."""
    support = stand(act)
    act.look()
    on_hip(act, 0)
    if act.chance(0.65):
        on_hip(act, 1)
    else:
        HABITS[act.one_of(hang=0.6, talk=0.25, front=0.15)](act, 1)
    return support


def hand_to_face(act: Act) -> Support:
    """A hand at the head: phone, cheek, chin ..."""
    support = _base(act)
    act.look(4, ease=0.7)
    touch_face(act, 0)
    if act.chance(0.15):
        touch_face(act, 1)
    else:
        HABITS[act.one_of(hang=0.5, hip=0.1, thigh=0.1, talk=0.12, heart=0.08, front=0.1)](act, 1)
    return support


def waving(act: Act) -> Support:
    """A hand raised, or both."""
    support = _base(act)
    act.look(-4)
    wave(act, 0)
    if act.chance(0.25):
        wave(act, 1)
    else:
        HABITS[act.one_of(hang=0.65, hip=0.12, thigh=0.1, front=0.13)](act, 1)
    return support


KINDS: dict[str, Posture] = {
    "standing": standing,
    "walking": walking,
    "running": running,
    "sitting": sitting,
    "reaching": reaching,
    "bending": bending,
    "crouching": crouching,
    "kneeling": kneeling,
    "floor": floor,
    "sport": sport,
    "gesture": gesture,
    "arms_crossed": arms_crossed,
    "hands_on_hips": hands_on_hips,
    "hand_to_face": hand_to_face,
    "waving": waving,
    "dancing": dancing,
}
"""A function for every kind: it poses the puppet and says what carries it."""


def hands_together(act: Act, kind: str) -> tuple[str, Support]:
    """Two hands that touch, on legs of this kind if it leaves the hands free, else standing: the kind, the support."""
    support: Support = "feet"
    if kind == "sitting":
        support = sit(act)
    elif kind == "walking":
        walk_legs(act)
    elif kind == "kneeling":
        kneel(act)
    else:
        kind = "standing"
        stand(act)
    act.look(9)
    contact(act)
    return kind, support


def safe(act: Act, kind: str) -> Support:
    """This kind with arms away from the body."""
    support = KINDS[kind](act)
    puppet = act.puppet
    puppet.head()
    for side in (0, 1):
        act.grip(side, "loose")
        if puppet.floor is None:
            puppet.arm(side, raised=42, around=75, bend=15)
    return support
