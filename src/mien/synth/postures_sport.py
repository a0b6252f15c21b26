"""Postures of play and exercise: throwing, kicking, jumping, lunging, guarding, balancing."""

from __future__ import annotations

import numpy as np

from mien.synth.act import Act, Y, Z, out_to
from mien.synth.arm_habits import HABITS, on_hip
from mien.synth.pose import Support

__all__ = ["dancing", "sport"]


def sport(act: Act) -> Support:
    """One of them."""
    way = act.one_of(throw=0.16, racket=0.14, kick=0.14, lunge=0.14, jump=0.16, guard=0.12, tree=0.07, warrior=0.07)
    return WAYS[way](act)


def _stride(act: Act, front: float, back: float, wide: float, stretch: float = 0.97) -> None:
    """The right foot ahead, the left behind, the heel of the left up if it is far."""
    p = act.puppet
    p.stand(stretch, max(front, back))
    p.foot(1, out=wide, ahead=front, yaw=act.about(6, 6))
    p.foot(0, out=wide, ahead=-back, yaw=act.about(18, 8), pitch=act.between(5, 35) if act.chance(0.6) else 0.0)


def _throw(act: Act) -> Support:
    """The left hand behind the head, about to throw, or after it."""
    p = act.puppet
    back = act.chance(0.6)
    p.pelvis(act.about(-4 if back else 14, 4), act.about(0, 3))
    p.spine(act.about(-4 if back else 14, 5), act.about(4, 4), act.between(18, 32) if back else -act.between(12, 28))
    act.look(0, -14 if back else 8, ease=0.7)
    _stride(act, act.between(0.2, 0.38), act.between(0.15, 0.3), 0.09)
    act.grip(0, "hold_ball", "fist", "half_closed", "hold_cylinder", share=0.7)
    if back:
        p.arm(
            0,
            act.between(84, 108),
            act.between(95, 122),
            act.between(62, 108),
            swivel=act.between(35, 70),
            wrist=act.about(-15, 10),
            pronation=act.about(20, 15),
        )
    else:
        p.arm(
            0,
            act.between(70, 120),
            act.between(-10, 35),
            act.between(8, 40),
            pronation=act.about(50, 15),
            wrist=act.about(20, 10),
        )
    p.arm(1, act.between(45, 95), act.between(5, 60), act.between(10, 60), pronation=act.about(30, 20))
    return "feet"


def _racket(act: Act) -> Support:
    """The left hand swings something with a handle, low or high."""
    p = act.puppet
    high = act.chance(0.4)
    p.pelvis(act.about(6, 4), act.about(0, 3))
    p.spine(act.about(4, 5), act.about(0 if not high else -6, 4), act.between(-28, 28))
    act.look(-10 if high else 4, ease=0.8)
    if act.chance(0.6):
        _stride(act, act.between(0.12, 0.3), act.between(0.1, 0.3), 0.12, act.between(0.9, 0.97))
    else:
        p.stand(act.between(0.86, 0.95))
        for side in (0, 1):
            p.foot(side, out=act.between(0.15, 0.3), ahead=act.about(0, 0.06), yaw=act.about(14, 6))
    act.grip(0, "hold_cylinder", "fist", share=0.95)
    if high:
        p.arm(
            0,
            act.between(130, 168),
            act.between(20, 90),
            act.between(15, 95),
            swivel=act.about(25, 12),
            pronation=act.about(20, 20),
            wrist=act.about(-10, 12),
        )
    else:
        p.arm(
            0,
            act.between(30, 85),
            act.between(-10, 120),
            act.between(10, 55),
            pronation=act.about(0, 35, -70, 70),
            wrist=act.about(-10, 15),
        )
    p.arm(1, act.between(25, 85), act.between(20, 90), act.between(15, 80), pronation=act.about(20, 20))
    return "feet"


def _kick(act: Act) -> Support:
    """The left leg swings ahead, to the side or back."""
    p = act.puppet
    way = act.one_of(ahead=0.55, aside=0.2, back=0.25)
    lean = {"ahead": -act.between(2, 16), "aside": act.about(0, 4), "back": act.between(6, 24)}[way]
    p.pelvis(lean, roll=act.between(8, 20) if way == "aside" else act.about(3, 3))
    p.spine(
        act.about(10 if way == "ahead" else 2, 5),
        act.about(-10 if way == "aside" else 0, 4),
        -act.between(5, 22) if way != "aside" else 0.0,
    )
    act.look(6 if way == "ahead" else 0, ease=0.8)
    p.stand(act.between(0.95, 0.985))
    p.foot(1, out=0.02, ahead=0.02, yaw=act.about(12, 6))
    if way == "ahead":
        p.leg(
            0,
            flex=act.between(35, 92),
            open=act.about(6, 5),
            turn=act.about(12, 10),
            knee=act.between(5, 48),
            ankle=(act.between(5, 45), 0, 0),
        )
    elif way == "aside":
        p.leg(
            0,
            flex=act.between(10, 40),
            open=act.between(30, 52),
            turn=act.about(0, 8),
            knee=act.between(5, 60),
            ankle=(act.between(0, 35), 0, 0),
        )
    else:
        p.leg(
            0,
            flex=-act.between(5, 22),
            open=act.about(6, 4),
            turn=act.about(8, 6),
            knee=act.between(45, 105),
            ankle=(act.between(15, 45), 0, 0),
        )
    for side in (0, 1):
        p.arm(
            side,
            act.between(28, 85),
            act.between(40, 118),
            act.between(12, 70),
            swivel=act.about(0, 10),
            pronation=act.about(20, 20),
        )
    return "feet"


def _lunge(act: Act) -> Support:
    """A long step, the front knee bent."""
    p = act.puppet
    p.pelvis(act.about(6, 6))
    p.spine(act.about(3, 5), act.about(0, 4), act.about(0, 12))
    act.look()
    deep = act.between(0.25, 1.0)
    thigh = float(np.linalg.norm(p.rest[4] - p.rest[1]))
    p.stand(0.92 - 0.3 * deep)
    p.foot(1, out=0.1, ahead=(0.55 + 0.45 * deep) * thigh, yaw=act.about(5, 4))
    p.foot(0, out=0.1, ahead=-(0.5 + 0.7 * deep) * thigh, yaw=act.about(4, 4), pitch=act.between(30, 55), knee=4)
    p.toes(0, 30)
    what = act.one_of(hips=0.3, out=0.3, up=0.15, mixed=0.25)
    for side in (0, 1):
        if what == "hips":
            on_hip(act, side)
        elif what == "mixed":
            HABITS[act.one_of(hang=0.4, talk=0.3, hip=0.3)](act, side)
        else:
            p.arm(
                side,
                act.between(60, 100) if what == "out" else act.between(150, 172),
                act.between(20, 100),
                act.between(5, 40),
                pronation=act.about(20, 20),
            )
    return "feet"


def _jump(act: Act) -> Support:
    """In the air."""
    p = act.puppet
    way = act.one_of(tucked=0.3, star=0.25, straight=0.2, stride=0.25)
    p.pelvis(act.about(6, 7), act.about(0, 4))
    p.spine(act.about(2, 9, -18, 24), act.about(0, 6), act.about(0, 10))
    act.look(-4)
    for side in (0, 1):
        if way == "tucked":
            p.leg(
                side,
                flex=act.between(35, 85),
                open=act.about(8, 4),
                turn=2,
                knee=act.between(60, 115),
                ankle=(act.between(5, 40), 0, 0),
            )
        elif way == "star":
            p.leg(
                side,
                flex=act.about(8, 8),
                open=act.between(18, 42),
                turn=act.about(10, 6),
                knee=act.between(5, 40),
                ankle=(act.between(15, 45), 0, 0),
            )
        elif way == "straight":
            p.leg(
                side,
                flex=act.about(0, 7),
                open=act.about(4, 2),
                turn=4,
                knee=act.between(5, 35),
                ankle=(act.between(20, 50), 0, 0),
            )
        else:
            p.leg(
                side,
                flex=act.between(40, 75) if side else -act.between(5, 22),
                open=5,
                turn=4,
                knee=act.between(10, 60) if side else act.between(20, 80),
                ankle=(act.between(10, 45), 0, 0),
            )
    up = act.chance(0.6)
    for side in (0, 1):
        p.arm(
            side,
            act.between(95, 168) if up else act.between(25, 95),
            act.between(25, 110),
            act.between(8, 80),
            swivel=act.about(5, 14),
            pronation=act.about(10, 25),
        )
    return "air"


def _guard(act: Act) -> Support:
    """Fists before the chest, one of them perhaps in a punch."""
    p = act.puppet
    p.pelvis(act.about(8, 4))
    p.spine(act.about(12, 5), act.about(0, 4), act.about(-12, 8))
    p.head(act.about(4, 5), 0.0, act.about(10, 8))
    _stride(act, act.between(0.1, 0.24), act.between(0.1, 0.24), 0.11, act.between(0.9, 0.97))
    punch = act.chance(0.4)
    for side in (0, 1):
        act.grip(side, "fist", "half_closed", share=0.92)
        chin, shoulder = p.joint(15), p.joint(16 + side)
        if punch and side:
            place = shoulder + p.arm_length * act.between(0.85, 0.99) * (
                Z + act.about(0.1, 0.15) * Y - 0.15 * out_to(side)
            )
            p.reach(side, place, -Y - 0.3 * out_to(side), Z, by="wrist", turn=0.6, swivel=act.about(10, 8))
        else:
            place = (
                chin
                + out_to(side) * act.about(0.12, 0.03, 0.05, 0.2)
                + Z * act.about(0.2, 0.05, 0.1, 0.3)
                - Y * act.about(0.14, 0.05, 0.02, 0.26)
            )
            p.reach(side, place, -out_to(side) - 0.4 * Z, Y + 0.35 * Z, by="wrist", turn=0.6, swivel=act.about(-6, 6))
    return "feet"


def _tree(act: Act) -> Support:
    """On the right leg, the left foot at its knee or thigh."""
    p = act.puppet
    p.pelvis(act.about(1, 1))
    p.spine(act.about(2, 3), act.about(0, 3), 0.0)
    act.look(ease=0.5)
    p.stand(0.995)
    p.foot(1, out=0.03, ahead=0.0, yaw=6)
    p.leg(
        0,
        flex=act.between(34, 44),
        open=act.between(42, 52),
        turn=act.between(42, 52),
        knee=act.between(104, 126),
        ankle=(40, 0, 0),
    )
    if act.chance(0.5):
        for side in (0, 1):
            p.arm(side, act.between(150, 172), act.between(60, 100), act.between(5, 50), swivel=act.about(10, 8))
    else:
        for side in (0, 1):
            p.arm(side, act.between(70, 100), act.between(75, 100), act.between(5, 25))
    return "feet"


def _warrior(act: Act) -> Support:
    """A wide step to the side, arms level."""
    p = act.puppet
    p.pelvis(act.about(2, 2))
    p.spine(act.about(0, 3), act.about(0, 6), act.about(0, 5))
    p.head(0.0, 0.0, act.between(30, 62) if act.chance(0.6) else act.about(0, 10))
    p.stand(act.between(0.72, 0.86))
    p.foot(0, out=act.between(0.42, 0.52), ahead=0.0, yaw=act.between(65, 84))
    p.foot(1, out=act.between(0.4, 0.5), ahead=-0.04, yaw=act.about(10, 5))
    for side in (0, 1):
        act.grip(side, "flat", "loose", share=0.6)
        p.arm(side, act.about(88, 6), act.about(90, 5), act.about(6, 4, 0, 20), pronation=act.about(10, 8))
    return "feet"


WAYS = {
    "throw": _throw,
    "racket": _racket,
    "kick": _kick,
    "lunge": _lunge,
    "jump": _jump,
    "guard": _guard,
    "tree": _tree,
    "warrior": _warrior,
}


def dancing(act: Act) -> Support:
    """Arms and legs at will, in balance."""
    p = act.puppet
    p.pelvis(act.about(2, 5), act.about(0, 6, -12, 12))
    p.spine(act.about(2, 8, -16, 24), act.about(0, 8, -18, 18), act.about(0, 13, -30, 30))
    act.look(ease=1.4)
    p.stand(act.between(0.82, 0.97))
    lifted = act.chance(0.35)
    for side in (0, 1):
        free = lifted and side == 1
        p.foot(
            side,
            out=act.between(0.06, 0.3) - (0.05 if lifted else 0),
            ahead=act.about(0, 0.13),
            up=act.between(0.05, 0.4) if free else 0.0,
            yaw=act.about(12, 10),
            pitch=act.between(10, 45) if free or act.chance(0.3) else 0.0,
            knee=act.about(12, 10),
        )
    for side in (0, 1):
        p.arm(
            side,
            act.between(20, 160),
            act.between(10, 115),
            act.between(8, 115),
            swivel=act.about(0, 18),
            pronation=act.about(0, 35, -75, 75),
            wrist=act.about(0, 25, -55, 60),
            deviation=act.about(0, 8, -25, 15),
        )
    return "feet"
