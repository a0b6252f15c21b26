"""How somebody looks: what a recipe allows, and what one person drawn from it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float

from mien.body.reading import BodyArrays
from mien.errors import InputError
from mien.synth.figure import Figure
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.tones import eye_colour, hair_colour, mix, vivid
from mien.synth.random import check_weights, weighted

__all__ = ["BEARDS", "HATS", "STYLES", "Look", "Looks", "draw_look", "manliness"]

Colour = Float[np.ndarray, "3"]

STYLES: dict[str, tuple[float, float]] = {
    "bald": (0.5, 0.03),
    "buzz": (0.8, 0.1),
    "short": (1.2, 0.25),
    "side part": (1.1, 0.2),
    "quiff": (0.9, 0.1),
    "receding": (0.6, 0.0),
    "curly": (0.6, 0.6),
    "afro": (0.4, 0.5),
    "bob": (0.05, 1.0),
    "long straight": (0.25, 1.3),
    "long wavy": (0.2, 1.3),
    "ponytail": (0.1, 1.0),
    "bun": (0.2, 0.8),
    "pigtails": (0.0, 0.35),
    "braids": (0.1, 0.5),
    "headscarf": (0.0, 0.45),
}
"""Hair, and how frequent each kind is on men and on women."""

HATS: dict[str, float] = {"cap": 1.0, "beanie": 0.7, "brim": 0.6, "bike helmet": 0.4, "hard hat": 0.3, "headband": 0.4}
BEARDS: dict[str, float] = {"stubble": 1.0, "full": 0.7, "short": 0.8, "goatee": 0.35, "moustache": 0.35, "long": 0.15}
"""Kinds and how frequent they are."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What people of a recipe look like. Shares are of all people who could have it, 0..1."""

    depth: tuple[float, float] = (0.0, 1.0)
    """Range of skin: 0 the lightest, 1 the darkest."""
    age: tuple[float, float] = (0.0, 1.0)
    """0 is a young adult, 1 somebody very old."""
    styles: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLES, 1.0))
    """Factors on how frequent each kind of hair is: see `STYLES`."""
    dyed: float = 0.10
    beard: float = 0.45
    make_up: float = 0.40
    polish: float = 0.25
    freckles: float = 0.15
    tan_lines: float = 0.15
    tattoos: float = 0.12
    hats: float = 0.16
    glasses: float = 0.16
    sunglasses: float = 0.05
    face_mask: float = 0.04
    headphones: float = 0.04
    earrings: float = 0.30
    gloves: float = 0.05
    watch: float = 0.22
    bracelet: float = 0.14
    rings: float = 0.22

    def __post_init__(self) -> None:
        check_weights("hair styles", self.styles, STYLES)
        for name, (low, high) in (("depth", self.depth), ("age", self.age)):
            if not 0 <= low <= high <= 1:
                raise InputError(f"{name} is {(low, high)}", expected="two numbers from 0 to 1, the lower first")
        shares = {name: value for name, value in vars(self).items() if isinstance(value, (int, float))}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise InputError(f"{name} is {share}", expected="a share, 0 to 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What one person looks like. Colours are RGB, 0..1."""

    depth: float
    warmth: float
    redness: float
    age: float
    manly: float
    """0 a woman, 1 a man, as far as looks go."""
    style: str
    hair: Colour
    """Of brows and beard, and of the hair's roots."""
    dye: Colour
    """Of the hair's ends; the same as `hair` without dye."""
    eyes: Colour
    beard: str
    """A key of `BEARDS`, or `none`."""
    make_up: float
    """0 none, 1 much."""
    polish: Colour | None
    freckles: float
    tan_lines: float
    tattoos: float
    extras: tuple[str, ...]
    """Hats, glasses, gloves and the like, by kind."""


@once_per_body
def _trunk(arrays: BodyArrays) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the chest, and of the hips."""
    return np.nonzero(arrays.weights[:, [3, 6, 9]].sum(1) > 0.6)[0], np.nonzero(arrays.weights[:, 0] > 0.5)[0]


def manliness(figure: Figure) -> float:
    """How much a body looks like a man's, 0..1: broad shoulders against hips, flat chest against breasts."""
    joints, (chest, hips) = figure.joints, _trunk(figure.arrays)
    shoulders = abs(float(joints[16, 0] - joints[17, 0]))
    aside, inner = np.float32(0.22 * shoulders), np.float32(0.05 * shoulders + 0.01)
    heights = joints[6, 1], joints[16, 1] - np.float32(0.05)
    out, middle, hip = _reaches(figure.vertices, chest, hips, heights, aside, inner)
    if shoulders < 1e-3 or not np.isfinite(out) or not np.isfinite(middle):
        return 0.5
    wide = float(hip) / shoulders if len(hips) else 1.0
    return float(1 / (1 + np.exp((float(out - middle) - 0.018) * 120 + (wide - 0.95) * 8)))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _reaches(vertices, chest, hips, heights, aside, inner):
    """How far the chest reaches ahead between two heights, on its sides and in its middle; the width of the hips."""
    out, middle, left, right = -np.float32(np.inf), -np.float32(np.inf), np.float32(np.inf), -np.float32(np.inf)
    for k in range(chest.shape[0]):
        x, y, z = abs(vertices[chest[k], 0]), vertices[chest[k], 1], vertices[chest[k], 2]
        if heights[0] < y < heights[1]:
            out = max(out, z) if x > aside else out
            middle = max(middle, z) if x < inner else middle
    for k in range(hips.shape[0]):
        left, right = min(left, vertices[hips[k], 0]), max(right, vertices[hips[k], 0])
    return out, middle, right - left


def draw_look(rng: np.random.Generator, figure: Figure, looks: Looks) -> Look:
    """Somebody whom the recipe allows and whom the figure suits."""
    depth, age = float(rng.uniform(*looks.depth)), float(looks.age[0] + np.ptp(looks.age) * rng.beta(1.2, 2.3))
    manly = 1.0 if rng.uniform() < manliness(figure) else 0.0
    hair = hair_colour(rng, depth, age)
    dyed = rng.uniform() < looks.dyed * (1.3 - 0.7 * manly)
    weights = np.array([looks.styles.get(s, 0.0) * (m * manly + f * (1 - manly)) for s, (m, f) in STYLES.items()])
    weights = weights * [0.05 + 2.2 * depth if s == "afro" else 1.0 for s in STYLES]
    weights = weights if weights.sum() > 0 else np.array([looks.styles.get(s, 0.0) for s in STYLES])
    style = list(STYLES)[weighted(rng, weights)]
    bearded = manly > 0.5 and rng.uniform() < looks.beard
    kinds = np.array(list(BEARDS.values()))
    beard = list(BEARDS)[weighted(rng, kinds)] if bearded else "none"
    made_up = manly < 0.5 and rng.uniform() < looks.make_up
    polished = rng.uniform() < looks.polish * (1 - 0.95 * manly)
    return Look(
        depth=depth,
        warmth=float(np.clip(rng.normal(0, 0.6), -1, 1)),
        redness=float(np.clip(rng.normal(0, 0.5), -1, 1)),
        age=age,
        manly=manly,
        style=style,
        hair=hair,
        dye=mix(hair, vivid(rng, (0.3, 0.85)), float(rng.uniform(0.7, 1.0))) if dyed else hair,
        eyes=eye_colour(rng, depth),
        beard=beard,
        make_up=float(rng.uniform(0.3, 1)) if made_up else 0.0,
        polish=vivid(rng, (0.25, 0.9)) if polished else None,
        freckles=float(rng.uniform(0.3, 1)) if rng.uniform() < looks.freckles and depth < 0.45 else 0.0,
        tan_lines=float(rng.uniform(0.3, 1)) if rng.uniform() < looks.tan_lines else 0.0,
        tattoos=float(rng.uniform(0.5, 1)) if rng.uniform() < looks.tattoos else 0.0,
        extras=_extras(rng, looks, style, manly),
    )


def _extras(rng: np.random.Generator, looks: Looks, style: str, manly: float) -> tuple[str, ...]:
    """Hats, glasses and so on that go together."""
    found = []
    draws = rng.uniform(size=10)
    covered = style == "headscarf"
    if draws[0] < looks.hats and not covered and style != "afro":
        weights = np.array(list(HATS.values()))
        found.append(list(HATS)[weighted(rng, weights)])
    elif draws[1] < looks.headphones and not covered:
        found.append("headphones")
    if draws[2] < looks.glasses:
        found.append("glasses")
    elif draws[2] < looks.glasses + looks.sunglasses:
        found.append("sunglasses")
    if draws[3] < looks.face_mask:
        found.append("face mask")
    if draws[4] < looks.earrings * (1 - 0.8 * manly) and not covered and "headphones" not in found:
        found.append("earrings")
    if draws[5] < looks.gloves:
        found.append("gloves")
    elif draws[6] < looks.rings:
        found.append("rings")
    if draws[7] < looks.watch:
        found.append("watch")
    if draws[8] < looks.bracelet:
        found.append("bracelet")
    return tuple(found)
