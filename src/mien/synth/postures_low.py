"""Postures close to the ground, on one's feet or knees: bent forwards, squatting, kneeling."""

from __future__ import annotations

import numpy as np

from mien.synth.act import Act, Y, Z, out_to
from mien.synth.arm_habits import HABITS, each_arm
from mien.synth.pose import Support

__all__ = ["bending", "crouching", "kneel", "kneeling"]


def crouch_legs(act: Act) -> None:
    """A squat, deep or not, the heels up or down."""
    p = act.puppet
    depth = act.between(0.0, 1.0)
    height = 0.72 - 0.46 * depth
    p.pelvis(act.about(24 - 14 * depth, 5))
    p.spine(act.about(15, 7, 0, 32), act.about(0, 4), act.about(0, 7))
    p.stand(height)
    heels = act.chance(0.55) if depth > 0.5 else act.chance(0.15)
    wide = act.between(0.02, 0.2) + 0.05 * depth
    stagger = act.between(0, 0.2) if act.chance(0.35) else 0.0
    for side in (0, 1):
        p.foot(
            side,
            out=0.1 + wide,
            ahead=0.06 + 0.08 * depth + (0.5 - side) * stagger,
            yaw=act.about(12, 5) + 100 * wide,
            pitch=(act.between(18, 42) if heels else 0.0) + (10 if side and stagger else 0),
            knee=act.about(12, 4) + 130 * wide,
        )
        p.toes(side, 25 if heels else 0)


def kneel(act: Act) -> str:
    """On one knee, on both, or sitting on the heels; which."""
    p = act.puppet
    way = act.one_of(one=0.42, both=0.28, heels=0.3)
    thigh = float(np.linalg.norm(p.rest[4] - p.rest[1]))
    lean = act.about(4, 5)
    p.pelvis(lean)
    p.spine(act.about(8, 6), act.about(0, 3), act.about(0, 7))
    tucked = act.chance(0.4)
    ankle = (-28.0 if tucked else act.between(40, 52), 0.0, 0.0)
    if way == "one":
        tilt = act.between(-4, 14)
        p.leg(0, flex=-tilt + lean, open=act.about(4, 2), turn=0, knee=90 - tilt + act.about(4, 3), ankle=ankle)
        p.stand(float((p.joint(1)[1] - p.joint(4)[1] + 0.05) / p.leg_length) - 0.1)
        p.foot(
            1,
            out=act.about(0.12, 0.03),
            ahead=act.about(0.92, 0.08) * thigh,
            up=0.02,
            yaw=act.about(6, 5),
            knee=act.about(7, 5),
        )
    else:
        flex = act.about(6, 4) if way == "both" else act.between(56, 62)
        knee = 90 + act.about(1, 2) + flex
        open_ = act.between(4, 16)
        for side in (0, 1):
            p.leg(side, flex=flex + lean, open=open_, turn=act.about(2, 2), knee=knee, ankle=ankle)
    for side in (0, 1):
        p.toes(side, 35 if tucked else 0)
    return way


def bending(act: Act) -> Support:
    """Bent forwards over the legs."""
    p = act.puppet
    depth = act.between(0.15, 1.0)
    p.pelvis(20 + 42 * depth + act.about(0, 4))
    p.spine(act.about(14 + 15 * depth, 6, 0, 38), act.about(0, 4), act.about(0, 9))
    act.look(-12 + 14 * depth, ease=0.8)
    p.stand(act.between(0.9, 0.99))
    stagger = act.between(0, 0.3) if act.chance(0.35) else 0.0
    for side in (0, 1):
        p.foot(
            side,
            out=act.between(0.09, 0.22),
            ahead=0.05 + 0.08 * depth + (0.5 - side) * stagger,
            yaw=act.about(9, 5),
            knee=act.about(8, 4),
        )
    what = act.one_of(down=0.5, knees=0.25, one=0.25)
    for side in (0, 1):
        if what == "knees" or (what == "one" and side):
            HABITS[act.one_of(thigh=0.5, knee=0.5)](act, side)
            continue
        act.grip(side)
        place = p.joint(16 + side) + p.arm_length * act.between(0.8, 1.0) * (
            -Y + Z * act.between(-0.1, 0.5) + out_to(side) * act.between(-0.1, 0.2)
        )
        facing = -out_to(side) - 0.3 * Z + 0.3 * act.rng.standard_normal(3)
        p.reach(side, place, facing, -Y + 0.2 * Z, by="wrist", turn=0.5, swivel=act.about(0, 9))
    return "feet"


def crouching(act: Act) -> Support:
    """Squatting."""
    p = act.puppet
    crouch_legs(act)
    act.look(-14)
    what = act.one_of(ahead=0.3, knees=0.3, mixed=0.25, floor=0.15)
    for side in (0, 1):
        if what == "ahead":
            act.grip(side)
            place = p.joint(16 + side) + p.arm_length * (
                Z * act.between(0.5, 0.95) - Y * act.between(0.1, 0.45) + out_to(side) * act.between(-0.2, 0.2)
            )
            p.reach(side, place, -out_to(side) - 0.2 * Y, Z - 0.2 * Y, by="wrist", turn=0.5)
        elif what == "knees":
            HABITS[act.one_of(knee=0.7, thigh=0.3)](act, side)
        elif what == "floor":
            act.grip(side, "loose", "flat", "point", "spread", share=0.5)
            ground = np.array(
                [p.joint(16 + side)[0], p.ankle_level - 0.02, p.joint(16 + side)[2] + act.between(0.1, 0.3)]
            )
            p.reach(side, ground, -Y + 0.2 * Z, Z - 0.8 * Y, by="tips", turn=0.5)
        else:
            HABITS[act.one_of(thigh=0.3, talk=0.3, front=0.3, knee=0.1)](act, side)
    return "feet"


def kneeling(act: Act) -> Support:
    """Kneeling, hands anywhere."""
    way = kneel(act)
    act.look(4)
    each_arm(act, {"thigh": 0.4 if way != "both" else 0.1, "hang": 0.3, "talk": 0.15, "front": 0.1, "hip": 0.05})
    return "feet"
