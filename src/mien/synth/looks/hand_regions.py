"""Where nails, creases, knuckles and veins are on hands and feet: what makes fingers readable in a picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from mien.body.reading import BodyArrays
from mien.synth.looks.atlas import Atlas
from mien.synth.looks.fields import blob, curve, near, ramp
from mien.synth.looks.hands import Finger, Hand, hand_of
from mien.synth.looks.noise import noise

__all__ = ["hand_planes"]

Plane = Float[np.ndarray, " texel"]
NAMES = (
    "nail",
    "nail_tip",
    "nail_moon",
    "nail_rim",
    "crease",
    "palm",
    "knuckle",
    "knuckle_line",
    "vein",
    "tendon",
    "pad",
)

_PALM_LINES = (
    (((0.76, -0.62), (0.79, -0.25), (0.86, 0.12), (1.00, 0.28)), 0.0023, 0.8),
    (((0.84, 0.66), (0.76, 0.26), (0.62, -0.16), (0.50, -0.46)), 0.0023, 0.8),
    (((0.84, 0.66), (0.70, 0.40), (0.50, 0.17), (0.24, 0.06), (0.06, 0.10)), 0.0024, 0.8),
    (((0.20, 0.0), (0.45, -0.06), (0.72, 0.04)), 0.0022, 0.45),
    (((0.55, -0.35), (0.70, -0.50)), 0.0020, 0.35),
    (((0.35, -0.30), (0.42, -0.62)), 0.0020, 0.35),
    (((0.08, -0.42), (0.11, 0.0), (0.08, 0.42)), 0.0024, 0.5),
)
"""Lines of the palm: corners along (wrist 0, knuckles 1) and across (towards the thumb, in widths), width, depth."""
_VEINS = (
    ((-0.25, 0.10), (0.10, 0.16), (0.42, 0.05), (0.72, 0.22), (0.95, 0.26)),
    ((0.30, 0.09), (0.55, -0.10), (0.80, -0.16), (0.98, -0.10)),
    ((-0.20, -0.25), (0.15, -0.22), (0.45, -0.34), (0.80, -0.40)),
    ((0.15, -0.22), (0.35, -0.02), (0.55, -0.10)),
    ((0.05, 0.30), (0.35, 0.42), (0.60, 0.40)),
)


def hand_planes(arrays: BodyArrays, atlas: Atlas) -> dict[str, Plane]:
    """Every mask of hands, for each texel, 0..1; `nail` and its like are of toes as well."""
    found = {name: np.zeros(len(atlas.texel), dtype=np.float32) for name in NAMES}
    joints = arrays.J_regressor @ arrays.v_template
    for side, title in enumerate(("left", "right")):
        hand = hand_of(side, arrays, arrays.v_template, joints)
        here = atlas.of(
            f"{title}_hand_back",
            f"{title}_hand_palm",
            f"{title}_thumb_back",
            f"{title}_thumb_palm",
            f"{title}_arm_under",
            f"{title}_arm_top",
        )
        _hand(hand, arrays, atlas, here, found)
        for finger in hand.fingers.values():
            _finger(finger, hand, arrays, atlas, here, found)
        _toes(side, arrays, atlas, atlas.of(f"{title}_foot_top", f"{title}_foot_sole"), found)
    return found


def _raise(found: dict[str, np.ndarray], name: str, here: Bool[np.ndarray, " texel"], values: np.ndarray) -> None:
    found[name][here] = np.maximum(found[name][here], values)


def _hand(
    hand: Hand, arrays: BodyArrays, atlas: Atlas, here: Bool[np.ndarray, " texel"], found: dict[str, np.ndarray]
) -> None:
    """Palm and back: lines, veins, tendons, lighter skin."""
    local = hand.local(atlas.point[here])
    plane = local[:, :2] / [hand.length, hand.width]
    facing = (atlas.normal[here] @ hand.axes.T)[:, 2]
    weight = atlas.spread(arrays.weights[:, hand.wrist], arrays.faces)[here]
    fingers = atlas.spread(arrays.weights[:, [j for f in hand.fingers.values() for j in f.joints]].sum(1), arrays.faces)
    of_palm = ramp(plane[:, 0], 0.05, 0.26)
    inner = ramp(facing, 0.35, 0.85) * of_palm
    thumb_side = ramp(plane[:, 1], 0.62, 0.8) * ramp(plane[:, 0], 0.95, 0.75)
    _raise(found, "palm", here, inner * np.clip(weight + fingers[here], 0, 1) * (1 - 0.5 * thumb_side))
    for path, width, depth in _PALM_LINES:
        line = curve(np.array(path), 24) * [hand.length, hand.width]
        wave = 0.0009 * noise(atlas.point[here], 0.012, 31, 2)
        shifted = local[:, :2] + wave[:, None]
        _raise(found, "crease", here, depth * near(shifted, line, width) * ramp(facing, 0.1, 0.5))
    for path in _VEINS:
        line = curve(np.array(path), 30) * [hand.length, hand.width]
        shifted = local[:, :2] + 0.0022 * np.stack([noise(atlas.point[here], 0.02, k, 1) for k in (41, 42)], 1)
        _raise(found, "vein", here, near(shifted, line, 0.0052) * ramp(facing, -0.3, -0.7))
    for name in ("index", "middle", "ring", "pinky"):
        base = hand.local(hand.fingers[name].chain[0])[:2]
        line = np.stack([base * [0.25, 0.35], base * [0.6, 0.8], base])
        _raise(found, "tendon", here, near(local[:, :2], line, 0.006) * ramp(facing, -0.3, -0.7))
        mound = blob(local[:, :2], base, (0.0085, 0.0075)) * ramp(facing, 0.1, -0.5)
        _raise(found, "knuckle", here, mound)
        for k in (-1, 0, 1):
            arc = base + np.array([[0.003 * k - 0.0015, -0.006], [0.003 * k, 0.0], [0.003 * k - 0.0015, 0.006]])
            _raise(found, "knuckle_line", here, 0.35 * near(local[:, :2], arc, 0.0015) * ramp(facing, -0.2, -0.6))
    for along, across in ((0.42, 0.42), (0.40, -0.42), (0.92, 0.35), (0.94, 0.0), (0.9, -0.35)):
        centre = np.array([along * hand.length, across * hand.width])
        _raise(found, "pad", here, blob(local[:, :2], centre, 0.017) * ramp(facing, 0.0, 0.5) * of_palm)


def _finger(
    finger: Finger,
    hand: Hand,
    arrays: BodyArrays,
    atlas: Atlas,
    where: Bool[np.ndarray, " texel"],
    found: dict[str, np.ndarray],
) -> None:
    """Creases inside, knuckle lines outside, pad and nail."""
    share = atlas.spread(arrays.weights[:, list(finger.joints)].sum(1), arrays.faces)
    here = where & (share > 0.4)
    if not here.any():
        return
    point, normal = atlas.point[here].astype(np.float64), atlas.normal[here]
    chain, side = finger.chain.astype(np.float64), finger.across()
    facing = normal @ finger.back
    length = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    steps = np.diff(chain, axis=0) / np.maximum(length, 1e-9)[:, None]
    inner = ramp(facing, -0.35, -0.85)
    _raise(found, "palm", here, inner * ramp(share[here], 0.4, 0.8))

    _finger_lines(finger, chain, steps, point, facing, here, found)
    tip = chain[3] - steps[2] * 0.40 * length[2] - finger.back * 0.006
    _raise(found, "pad", here, blob(point, tip, 0.010) * inner)
    for bone in (0, 1):
        middle = (chain[bone] + chain[bone + 1]) / 2 - finger.back * 0.007
        _raise(found, "pad", here, 0.6 * blob(point, middle, 0.009) * inner)
    _nail(point, normal, chain[3], steps[2], side, finger.back, length[2], here, found)


def _finger_lines(
    finger: Finger,
    chain: np.ndarray,
    steps: np.ndarray,
    point: np.ndarray,
    facing: np.ndarray,
    here: Bool[np.ndarray, " texel"],
    found: dict[str, np.ndarray],
) -> None:
    """Creases inside, knuckle lines outside."""
    side = finger.across()

    def band(bone: int, place: float, width: float, bow: float) -> np.ndarray:
        """A line across the finger, `place` metres from the start of a bone, bowed towards the tip in the middle."""
        offset = point - chain[bone]
        sideways = offset @ side
        bend = bow * np.clip(1 - (sideways / 0.011) ** 2, 0, 1) + 0.0008 * noise(point, 0.006, 60 + bone, 2)
        limit = ramp(np.abs(sideways), 0.016, 0.012) * ramp(np.linalg.norm(offset, axis=1), 0.030, 0.020)
        return ramp(np.abs(offset @ steps[bone] - place - bend), width, 0.15 * width) * limit

    fade = 1 - 0.6 * np.clip(noise(point, 0.005, 71, 2), 0, 1)
    bands = (
        {1: (-0.0013, 0.0014), 2: (0.0,), 0: (0.36 * float(np.linalg.norm(chain[1] - chain[0])),)}
        if finger.name != "thumb"
        else {1: (0.0,), 2: (-0.001, 0.0014)}
    )
    for bone, places in bands.items():
        for place in places:
            line = band(bone, place, 0.0016, -0.0006) * ramp(facing, 0.25, -0.15)
            _raise(found, "crease", here, (0.85 if len(places) > 1 else 1.0) * line * fade)
    bands = (
        {1: (-0.0048, -0.0018, 0.0012, 0.0042), 2: (-0.0022, 0.0010)}
        if finger.name != "thumb"
        else {2: (-0.0035, -0.0008, 0.0019)}
    )
    for bone, places in bands.items():
        for k, place in enumerate(places):
            bow = -0.0022 if k < len(places) / 2 else 0.0022
            strength = (0.8 if len(places) > 2 else 0.45) * (1 - 0.35 * abs(2 * k / (len(places) - 1) - 1))
            _raise(
                found, "knuckle_line", here, strength * band(bone, place, 0.0015, bow) * ramp(facing, 0.2, 0.65) * fade
            )
        mound = blob(point, chain[bone] + finger.back * 0.008, 0.010 if len(places) > 2 else 0.0065)
        _raise(found, "knuckle", here, (1.0 if len(places) > 2 else 0.6) * mound * ramp(facing, 0.0, 0.5))


def _nail(
    point: np.ndarray,
    normal: np.ndarray,
    tip: np.ndarray,
    along: np.ndarray,
    side: np.ndarray,
    back: np.ndarray,
    length: float,
    here: Bool[np.ndarray, " texel"],
    found: dict[str, np.ndarray],
) -> None:
    """A nail with moon, free edge and rim, on the back of the last bone."""
    offset = point - tip
    behind, sideways = offset @ along, offset @ side
    belt = (behind > -0.6 * length) & (behind < -0.15 * length) & (np.abs(sideways) < 0.016)
    if not belt.any():
        return
    middle = (sideways[belt].max() + sideways[belt].min()) / 2
    half = (sideways[belt].max() - sideways[belt].min()) / 2
    x, y = (sideways - middle) / (0.74 * half), (behind + 0.315 * length) / (0.285 * length)
    shape = (np.abs(x) ** 2.6 + np.abs(y) ** 2.6) ** (1 / 2.6)
    up = ramp(normal @ back, 0.10, 0.45)
    nail = ramp(shape, 1.06, 0.90) * up
    _raise(found, "nail", here, nail)
    _raise(found, "nail_tip", here, nail * ramp(y, 0.62, 0.80))
    _raise(found, "nail_moon", here, nail * ramp(np.hypot(x, (y + 1.0) * 0.9), 0.62, 0.40))
    _raise(found, "nail_rim", here, ramp(np.abs(shape - 1.03), 0.16, 0.03) * up)


def _toes(
    side: int, arrays: BodyArrays, atlas: Atlas, here: Bool[np.ndarray, " texel"], found: dict[str, np.ndarray]
) -> None:
    """Sole, and a nail on each toe: the foremost places of the foot between the big and the small toe."""
    if not here.any():
        return
    facing = atlas.normal[here, 1]
    _raise(found, "palm", here, ramp(facing, -0.35, -0.75))
    vertices = arrays.v_template.astype(np.float64)
    big, small = vertices[arrays.kp_vertex_ids[[5 + 3 * side, 6 + 3 * side]]]
    mine = arrays.weights[:, [7 + side, 10 + side]].sum(1) > 0.5
    feet, point, normal = vertices[mine], atlas.point[here].astype(np.float64), atlas.normal[here]
    up, out = np.array([0.0, 1.0, 0.0]), np.array([np.sign(small[0] - big[0]) or 1.0, 0.0, 0.0])
    for k, share in enumerate((0.0, 0.36, 0.57, 0.78, 1.0)):
        guess = big + share * (small - big)
        reach = 0.011 if k == 0 else 0.006
        close = feet[(np.abs(feet[:, 0] - guess[0]) < reach) & (np.abs(feet[:, 1] - guess[1]) < 0.03)]
        if not len(close):
            continue
        tip = close[close[:, 2].argmax()]
        along = np.array([0.12 * out[0] * (k > 0), -0.25, 1.0])
        along /= np.linalg.norm(along)
        back = up - (up @ along) * along
        toe = (np.abs((point - tip) @ out) < (0.013 if k == 0 else 0.008)) & ((point - tip) @ along > -0.03)
        belt = here.copy()
        belt[here] = toe
        if toe.any():
            across = np.cross(along, back)
            _nail(point[toe], normal[toe], tip, along, across, back, 0.030 if k == 0 else 0.019, belt, found)
