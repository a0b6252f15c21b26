"""What people do with their arms while they stand, sit or walk: hang them, rest them, cross them, touch themselves.

Each function holds one arm, or both; `side` is 0 for the left arm. Hands that reach for the body are sent to spots on
the skin, with the palm on it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.synth.act import Act, Y, Z, out_to

__all__ = ["FACE_HABITS", "HABITS", "behind_back", "carry", "cross", "hang", "on_hip", "talk", "touch_face", "wave"]


def hang(act: Act, side: int, swing: float = 0.0) -> None:
    """Beside the body; `swing` degrees forwards (negative: back)."""
    raised = act.about(16.5, 3.5, 12, 28)
    around = act.about(88, 12, 60, 118)
    if swing:
        across = act.about(16, 2, 12, 22)
        raised = float(np.hypot(swing, across))
        around = float(np.degrees(np.arctan2(across, swing)))
    act.puppet.arm(
        side,
        raised,
        around,
        act.about(16, 7, 4, 40) + 0.6 * max(swing, 0),
        swivel=act.about(-4, 8),
        pronation=act.about(18, 14, -20, 60),
        wrist=act.about(4, 8, -25, 30),
        deviation=act.about(-2, 4, -12, 10),
    )


def on_hip(act: Act, side: int) -> None:
    """The hand on the hip, elbow out."""
    act.grip(side, "relaxed", "loose", "half_closed", "fist", share=0.45)
    place, normal = act.puppet.spot(("left_", "right_")[side] + act.one_of(hip=0.45, waist=0.55))
    forwards = act.chance(0.75)
    along = (0.75 if forwards else -0.5) * Z - 0.55 * Y - 0.35 * out_to(side) + 0.12 * act.rng.standard_normal(3)
    act.puppet.reach(side, place, -normal, along, gap=0.004, turn=0.7, swivel=act.about(12, 8))


def cross(act: Act) -> None:
    """Arms crossed before the chest: one hand on the other upper arm, the other one under it at the ribs."""
    p, top = act.puppet, int(act.chance(0.5))
    size = p.arm_length / 0.507
    sternum, _ = p.spot("sternum")
    high = (p.joint(16) + p.joint(17))[1] / 2 + act.about(0, 0.012)
    for side in (1 - top, top):
        over = side == top
        act.grip(side, "loose", "relaxed", "flat", "half_closed", share=0.8)
        place = np.array(
            [
                sternum[0] + size * out_to(side)[0] * act.about(-0.05 if over else -0.035, 0.012),
                high - size * (0.148 if over else 0.245),
                sternum[2] + size * (0.108 if over else 0.06),
            ]
        )
        across = -out_to(side) + (0.1 * Y - 0.3 * Z if over else 0.05 * Y - 0.5 * Z)
        facing = -Z - 0.5 * Y if over else -Z
        p.reach(side, place, facing, across, by="wrist", turn=0.5, swivel=act.about(4 if over else -4, 4))


def behind_back(act: Act, side: int) -> None:
    """The hand at the small of the back."""
    place, normal = act.puppet.spot("back")
    act.grip(side, "relaxed", "loose", "half_closed", share=0.4)
    place = place + out_to(side) * act.about(0.05, 0.012, 0.02, 0.08) - Y * act.between(0.0, 0.08)
    act.puppet.reach(side, place, normal, -out_to(side) - 0.3 * Y, by="back", gap=-0.012, turn=0.4, swivel=-12.0)


def talk(act: Act, side: int) -> None:
    """The hand in front of the trunk, as in talking."""
    p = act.puppet
    act.grip(side)
    chest = p.joint(9)
    place = (
        chest
        + out_to(side) * act.about(0.17, 0.08, 0.02, 0.4)
        + Y * act.about(-0.02, 0.11, -0.22, 0.28)
        + Z * act.about(0.34, 0.07, 0.2, 0.5)
    )
    way = act.one_of(up=0.35, inwards=0.4, front=0.15, down=0.1)
    facing = {"up": Y - 0.35 * out_to(side), "inwards": -out_to(side) + 0.25 * Y, "front": Z + 0.4 * Y, "down": -Y}[way]
    along = {"up": Z, "inwards": Z + 0.25 * Y, "front": Y + 0.2 * out_to(side), "down": Z - 0.4 * out_to(side)}[way]
    noise = 0.2 * act.rng.standard_normal((2, 3))
    p.reach(side, place, facing + noise[0], along + noise[1], by="wrist", turn=0.8, swivel=act.about(0, 10))


def wave(act: Act, side: int) -> None:
    """The hand raised beside or above the head, palm to the front."""
    p = act.puppet
    act.grip(side, "spread", "flat", "count_5", "loose", share=0.6)
    shoulder, reach = p.joint(16 + side), p.arm_length
    place = shoulder + out_to(side) * act.between(0.1, 0.55) * reach + Y * act.between(0.3, 0.85) * reach
    place = place + Z * act.between(0.15, 0.45) * reach
    noise = 0.2 * act.rng.standard_normal((2, 3))
    p.reach(
        side, place, Z + noise[0], Y + 0.25 * out_to(side) + noise[1], by="wrist", turn=0.8, swivel=act.about(5, 12)
    )


def carry(act: Act) -> None:
    """Both forearms forwards, as with a box or a tray."""
    up = act.chance(0.5)
    width, high, ahead = act.between(0.12, 0.24), act.between(-0.16, 0.1), act.between(0.26, 0.42)
    for side in (0, 1):
        act.grip(side, "hold_ball", "flat", "hold_flat", "hold_cylinder", share=0.5)
        place = act.puppet.joint(9) + out_to(side) * width + Y * high + Z * ahead
        facing, along = (Y - 0.2 * out_to(side), Z) if up else (-out_to(side) + 0.1 * Y, Z + 0.1 * Y)
        act.puppet.reach(side, place, facing, along, by="wrist", swivel=act.about(-4, 6))


def hold_front(act: Act, side: int) -> None:
    """Something small held before the chest and looked at: a phone, a cup."""
    act.grip(side, "hold_flat", "hold_cylinder", "hold_thin", "key", share=0.5)
    p = act.puppet
    place = p.joint(9) + out_to(side) * act.between(0.02, 0.16) + Y * act.between(0.0, 0.2) + Z * act.between(0.26, 0.4)
    facing = -Z + 0.5 * Y - 0.5 * out_to(side) + 0.1 * act.rng.standard_normal(3)
    p.reach(side, place, facing, Y + 0.5 * Z - 0.2 * out_to(side), by="wrist", turn=0.7)


def at_thigh(act: Act, side: int) -> None:
    """The hand on the thigh."""
    place, normal = act.puppet.spot(("left_", "right_")[side] + "thigh")
    knee = act.puppet.joint(4 + side) - act.puppet.joint(1 + side)
    act.grip(side, "relaxed", "relaxed", "loose", "flat", share=0.45)
    place = place - knee * act.between(-0.2, 0.25)
    act.puppet.reach(
        side,
        place,
        -normal,
        knee - 0.25 * np.linalg.norm(knee) * out_to(side),
        gap=0.006,
        turn=0.8,
        swivel=act.about(5, 9),
    )


def at_knee(act: Act, side: int) -> None:
    """The hand on the knee."""
    place, normal = act.puppet.spot(("left_", "right_")[side] + "knee")
    shin = act.puppet.joint(7 + side) - act.puppet.joint(4 + side)
    act.grip(side, "relaxed", "loose", "hold_ball", share=0.45)
    act.puppet.reach(side, place, -normal, 0.7 * shin + 0.2 * Z, gap=0.008, turn=0.6, swivel=act.about(16, 9))


def on_heart(act: Act, side: int) -> None:
    """The hand on the chest."""
    place, normal = act.puppet.spot(("sternum", ("right_", "left_")[side] + "chest")[int(act.chance(0.4))])
    act.grip(side, "flat", "loose", "relaxed", "fist", share=0.5)
    act.puppet.reach(side, place, -normal, -out_to(side) + 0.35 * Y, gap=0.006, turn=0.8)


def on_shoulder(act: Act, side: int) -> None:
    """The hand on the other shoulder, or on the other arm."""
    spot = act.one_of(shoulder=0.35, upper_arm=0.65)
    place, normal = act.puppet.spot(("right_", "left_")[side] + spot)
    act.grip(side, "relaxed", "loose", "hold_cylinder", share=0.5)
    act.puppet.reach(side, place, -normal - 0.3 * Z, -out_to(side) + 0.2 * Y, gap=0.01, turn=0.5)


def _to_head(
    spot: str, by: str, along: tuple[float, float, float], *names: str, gap: float = 0.004, facing: float = 0.0
):
    def touch(act: Act, side: int) -> None:
        p = act.puppet
        act.grip(side, *names, share=0.6)
        own = ("left_", "right_")[side]
        place, normal = p.spot(own + spot if spot in ("ear", "cheek", "jaw", "temple", "head_side") else spot)
        head = p.joint(15) - p.joint(12)
        up = head / np.linalg.norm(head)
        way = along[0] * out_to(side) + along[1] * up + along[2] * Z + 0.12 * act.rng.standard_normal(3)
        palm = -normal if by != "back" else normal
        palm = palm + facing * (Y if by != "back" else Z)
        place = place + 0.006 * act.variety * act.rng.standard_normal(3)
        p.reach(side, place, palm, way, by=by, gap=gap if by != "back" else -gap, turn=0.6, swivel=act.about(-8, 9))

    return touch


FACE_HABITS: dict[str, Callable[[Act, int], None]] = {
    "phone": _to_head("ear", "tips", (0.0, 0.95, -0.2), "hold_flat", gap=0.018),
    "cheek": _to_head("cheek", "all", (-0.1, 1.0, -0.15), "loose", "flat", "half_closed"),
    "jaw": _to_head("jaw", "palm", (-0.5, 0.8, -0.1), "half_closed", "loose", "fist"),
    "chin": _to_head("chin", "tips", (-0.6, 0.7, -0.2), "half_closed", "pinch", "loose", "point", "beak"),
    "mouth": _to_head("mouth", "tips", (-0.45, 0.9, -0.1), "loose", "flat", "beak", "point"),
    "temple": _to_head("temple", "tips", (-0.2, 0.95, -0.15), "loose", "point", "v", "flat"),
    "forehead": _to_head("forehead", "palm", (-0.8, 0.5, 0.0), "flat", "loose"),
    "salute": _to_head("temple", "index", (-0.9, 0.35, 0.1), "flat", gap=0.006),
    "nape": _to_head("nape", "tips", (-0.7, 0.5, -0.6), "flat", "loose"),
    "back_head": _to_head("back_head", "tips", (-0.8, 0.5, -0.4), "loose", "flat"),
    "ear": _to_head("ear", "tips", (-0.05, 0.95, -0.25), "loose", "pinch", "key", "point"),
    "hair": _to_head("head_side", "palm", (-0.6, 0.7, -0.3), "loose", "spread", "claw"),
}


def touch_face(act: Act, side: int) -> str:
    """One of the ways to bring a hand to the head; which."""
    name = act.one_of(
        phone=0.24, cheek=0.1, jaw=0.07, chin=0.13, mouth=0.09, temple=0.08, forehead=0.06, salute=0.03, nape=0.05,
        back_head=0.04, ear=0.06, hair=0.05,
    )  # fmt: skip
    FACE_HABITS[name](act, side)
    return name


HABITS: dict[str, Callable[[Act, int], None]] = {
    "hang": hang,
    "hip": on_hip,
    "talk": talk,
    "front": hold_front,
    "back": behind_back,
    "thigh": at_thigh,
    "knee": at_knee,
    "heart": on_heart,
    "shoulder": on_shoulder,
}
"""What one arm may do by itself."""


def each_arm(act: Act, weights: dict[str, float]) -> None:
    """Either arm by itself."""
    for side in (0, 1):
        HABITS[act.one_of(**weights)](act, side)
