"""One person's skin as a texture: tone, lips, eyes, brows, nails and creases, age, make-up, sun and ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.synth.figure import Figure
from mien.synth.looks.atlas import atlas_of
from mien.synth.looks.face_regions import BROWS
from mien.synth.looks.look import Look
from mien.synth.looks.planes import paint_planes, planes_of
from mien.synth.looks.tattoos import ink
from mien.synth.looks.tones import lip_tone, mix, rgb, skin_tone, tint, vivid

__all__ = ["Skin", "skin"]

Colour = Float[np.ndarray, "3"]
Tints = dict[str, Colour]


@dataclass(frozen=True, kw_only=True, eq=False)
class Skin:
    """What covers a body: a texture and where the body's faces lie in it, or colours of its vertices."""

    texture: UInt8[np.ndarray, "h w 3"] | None = None
    """RGB."""
    uv: Float32[np.ndarray, "face 3 2"] | None = None
    """As `mien.render.Mesh` has it (v down); the same array for everybody who has this body."""
    colour: Float32[np.ndarray, "vert 3"] | None = None
    """RGB, 0..1; instead of the other two."""


def skin(rng: np.random.Generator, figure: Figure, look: Look) -> Skin:
    """Somebody's skin.

    Args:
        rng: source of randomness.
        figure: whose it is.
        look: what they have; give the same one to `groom`, so that brows go with the hair.
    """
    planes = planes_of(figure.arrays)
    base = skin_tone(look.depth, look.warmth, look.redness)
    tints = _flesh(rng, look, base) | _hands(rng, look, base) | _hair(rng, look, base) | _eyes(rng, look, base)
    texture = paint_planes(planes, base, tints | _face(rng, look, base))
    if look.tattoos > 0:
        ink(rng, texture, figure.arrays, base)
    return Skin(texture=texture, uv=atlas_of(figure.arrays).uv)


def _shade(red: float, green: float, blue: float, strength: float = 1.0) -> Colour:
    return np.array([red * strength, green * strength, blue * strength])


def _flesh(rng: np.random.Generator, look: Look, base: Colour) -> Tints:
    """What the whole body has."""
    dark, uneven = look.depth, rng.uniform(0.6, 1.4)
    old = max(0.0, look.age - 0.35)
    fold = mix(_shade(-0.30, -0.46, -0.50), _shade(-0.42, -0.48, -0.46), dark)
    return {
        "hollow": fold * 0.85,
        "ridge": _shade(0.05, 0.04, 0.04),
        "grain_broad": _shade(0.028, 0.036, 0.04, uneven) * rng.choice([-1, 1]),
        "grain": _shade(0.022, 0.034, 0.034, uneven) * rng.choice([-1, 1]),
        "grain_fine": _shade(0.030, 0.040, 0.040, uneven),
        "blotch": _shade(0.01, -0.04, -0.035, uneven * (1 - 0.6 * dark) * (0.5 + old)),
        "age_spot": _shade(-0.20, -0.32, -0.38, min(1.0, 1.6 * old)),
        "shoulder_freckle": _shade(-0.12, -0.24, -0.30, look.freckles),
        "mole": _shade(-0.6, -0.85, -0.9, 0.9 * (rng.uniform() < 0.4)),
        "mole_few": _shade(-0.7, -0.95, -1.0, 0.9 * (rng.uniform() < 0.6)),
        "rough": mix(_shade(-0.04, -0.16, -0.16), _shade(-0.28, -0.30, -0.28), dark),
        "inner": _shade(0.03, 0.02, 0.02),
        "areola": mix(_shade(-0.14, -0.42, -0.40), _shade(-0.45, -0.50, -0.45), dark),
        "tan": _shade(0.10, 0.17, 0.20, look.tan_lines * (1 - 0.5 * dark)),
    }


def _hands(rng: np.random.Generator, look: Look, base: Colour) -> Tints:
    """Nails, creases, palms: what makes a hand."""
    dark = look.depth
    palm = skin_tone(0.06 + 0.36 * dark, 0.6, 0.7 - 0.3 * dark)
    nail = mix(mix(base, rgb("efc8bc"), 0.75), mix(base, rgb("d9a898"), 0.5), dark)
    painted = look.polish is not None
    old = max(0.0, look.age - 0.4)
    tints = {
        "palm": tint(palm, base, 0.9),
        "pad": _shade(0.02, -0.09, -0.07),
        "crease": mix(_shade(-0.15, -0.30, -0.31), _shade(-0.40, -0.55, -0.58), dark),
        "knuckle": mix(_shade(-0.02, -0.15, -0.14), _shade(-0.28, -0.32, -0.30), dark),
        "knuckle_line": mix(_shade(-0.12, -0.24, -0.23), _shade(-0.30, -0.33, -0.30), dark) * (0.8 + old),
        "vein": mix(_shade(-0.10, -0.04, 0.02), _shade(-0.06, -0.05, -0.02), dark) * rng.uniform(0.3, 1.2 + old),
        "tendon": _shade(0.05, 0.04, 0.03, 0.6 + old),
        "nail": tint(nail, base),
        "nail_rim": mix(_shade(-0.22, -0.40, -0.40), _shade(-0.30, -0.36, -0.34), dark),
        "nail_tip": tint(rgb("f2ece2"), nail, 0.6 - 0.3 * dark),
        "nail_moon": tint(rgb("f6e6de"), nail, 0.45),
    }
    if painted:
        assert look.polish is not None
        french = rng.uniform() < 0.2
        coat = mix(nail, rgb("f0cfc6"), 0.5) if french else look.polish
        tints["nail"] = tint(coat, base)
        tints["nail_tip"] = tint(rgb("faf7f2"), coat) if french else np.zeros(3)
        tints["nail_moon"] = np.zeros(3)
    return tints


def _hair(rng: np.random.Generator, look: Look, base: Colour) -> Tints:
    """Brows, the scalp under the hair, and shaved cheeks."""
    kinds = list(BROWS)
    weights = np.array([0.15, 0.5, 0.35]) if look.manly > 0.5 else np.array([0.45, 0.45, 0.10])
    brow = kinds[int(rng.choice(3, p=weights))]
    grown = mix(look.hair, rgb("2a1c14"), 0.35) * 0.85
    through = {"buzz": 0.85, "bald": 0.0, "receding": 0.75, "headscarf": 0.3}.get(look.style, 0.92)
    scalp = {"receding": "scalp_receding"}.get(look.style, "scalp")
    tints = {brow: tint(grown, base, rng.uniform(0.75, 1.0))}
    tints[scalp] = tint(mix(look.hair, base, 0.12), base, through)
    if look.style == "bald":
        tints["scalp_ring" if rng.uniform() < 0.4 else "scalp"] = tint(look.hair, base, rng.uniform(0.0, 0.25))
    shaved = {"none": rng.uniform(0.0, 0.16), "stubble": rng.uniform(0.35, 0.75)}.get(look.beard, 0.25)
    if look.manly > 0.5:
        if look.beard in ("short", "full", "long"):
            tints["beard"] = tint(look.hair, base, 0.7)
        tints["stubble"] = tint(mix(look.hair, rgb("20242a"), 0.2), base, shaved * (0.8 if look.depth < 0.6 else 0.5))
    return tints


def _eyes(rng: np.random.Generator, look: Look, base: Colour) -> Tints:
    white = mix(rgb("dfdcd8"), rgb("d0c6b6"), min(1.0, 0.6 * look.depth + 0.5 * look.age))
    rim = look.eyes * 0.35
    return {
        "eye": tint(white, base),
        "eye_red": _shade(-0.06, -0.24, -0.22, rng.uniform(0.4, 1.2)),
        "eye_shade": _shade(-0.34, -0.36, -0.34),
        "caruncle": tint(rgb("c98a80"), white, 0.8),
        "iris": tint(look.eyes, white),
        "iris_rim": tint(rim, look.eyes, 0.75),
        "iris_core": _shade(0.16, 0.11, 0.03),
        "iris_fibre": _shade(0.14, 0.14, 0.14),
        "pupil": tint(rgb("0a0908"), look.eyes),
        "glint": _shade(2.2, 2.2, 2.2),
        "socket": tint(rgb("8c4f48"), base, 0.6),
    }


def _face(rng: np.random.Generator, look: Look, base: Colour) -> Tints:
    """Lips, lids, cheeks, wrinkles, with or without make-up."""
    dark, paint = look.depth, look.make_up
    lips = lip_tone(dark, float(rng.normal(0, 0.5)))
    if paint > 0.35:
        stick = vivid(rng, (0.45, 0.75)) * [1.0, 0.45, 0.5] if rng.uniform() < 0.9 else vivid(rng)
        lips = mix(lips, np.clip(stick, 0.02, 1), float(rng.uniform(0.35, 0.9)) * paint)
    shadow = vivid(rng, (0.25, 0.6), 0.6)
    age = max(0.0, look.age - 0.25) / 0.75
    return {
        "lips": tint(lips, base),
        "lip_upper": _shade(-0.12, -0.14, -0.13),
        "lip_gap": _shade(-0.85, -1.05, -1.0),
        "lip_rim": _shade(0.03, 0.03, 0.03),
        "mouth": tint(rgb("8a3a38"), lips),
        "throat": _shade(-1.6, -2.0, -2.0),
        "nostril": _shade(-1.5, -1.9, -1.9),
        "nose_shade": _shade(-0.30, -0.42, -0.42),
        "socket_shade": mix(_shade(-0.16, -0.26, -0.24), _shade(-0.25, -0.26, -0.22), dark),
        "chin_shade": _shade(-0.16, -0.20, -0.20),
        "lash": _shade(-1.15, -1.25, -1.2, 0.75 + 0.4 * paint) * (1 - 0.35 * dark),
        "liner": _shade(-2.0, -2.0, -1.9, max(0.0, paint - 0.3) * 1.3 * (1 - 0.4 * dark)),
        "eye_shadow": tint(shadow, base, 0.55 * max(0.0, paint - 0.2)),
        "lid": _shade(-0.05, -0.12, -0.11),
        "under_eye": mix(_shade(-0.10, -0.16, -0.12), _shade(-0.16, -0.17, -0.14), dark)
        * (0.4 + age)
        * (1 - 0.6 * paint),
        "bag": _shade(-0.26, -0.34, -0.34, max(0.0, 1.1 * age - 0.1)),
        "red": _shade(0.02, -0.16, -0.13, (0.5 + 0.4 * look.redness) * (1 - 0.65 * dark)),
        "rouge": _shade(0.05, -0.22, -0.14, paint * rng.uniform(0, 1)),
        "ear": _shade(0.0, -0.13, -0.11, 1 - 0.5 * dark),
        "freckle": _shade(-0.16, -0.30, -0.36, look.freckles),
        "wrinkle": _shade(-0.22, -0.27, -0.27, age),
        "fold": _shade(-0.10, -0.14, -0.14, 0.25 + age),
    }
