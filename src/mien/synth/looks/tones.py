"""Colours of people: skin from the lightest to the darkest, hair, eyes, lips; and what paints of all kinds do to them.

Colours are display RGB, 0..1, as they look in even light.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float

from mien.synth.random import weighted

__all__ = ["EYES", "HAIR", "eye_colour", "hair_colour", "lip_tone", "mix", "rgb", "skin_tone", "tint", "vivid"]

Colour = Float[np.ndarray, "3"]


@cache
def rgb(text: str) -> Colour:
    """A colour written as RRGGBB; it cannot be changed in place, since everybody has the same array."""
    colour = np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    colour.setflags(write=False)
    return colour


_SKIN = [
    rgb(c) for c in ("ecd0be", "e3bfa6", "d8ab8a", "c99673", "b3805c", "976747", "784e36", "60402f", "4d3327", "3f2a22")
]
_LIPS = [
    rgb(c) for c in ("cd8a84", "c77f78", "bd7269", "b0695e", "9d5a50", "864a42", "6d3d37", "56302c", "4b2b28", "422624")
]

HAIR: dict[str, tuple[Colour, float, float]] = {
    "black": (rgb("17130f"), 1.0, 1.0),
    "dark brown": (rgb("2e2018"), 1.0, 0.35),
    "brown": (rgb("4d3424"), 0.9, 0.05),
    "light brown": (rgb("74523a"), 0.6, 0.0),
    "dark blond": (rgb("86694a"), 0.45, 0.0),
    "blond": (rgb("b4946a"), 0.35, 0.0),
    "pale blond": (rgb("cdb896"), 0.15, 0.0),
    "red": (rgb("7e3f22"), 0.12, 0.0),
    "auburn": (rgb("5b2a1a"), 0.2, 0.02),
}
"""By name: colour, how frequent it is on the lightest and on the darkest skin."""
_GREYS = (rgb("8d8a86"), rgb("bab7b1"), rgb("dcd9d3"))

EYES: dict[str, tuple[Colour, float, float]] = {
    "dark brown": (rgb("3a2214"), 0.5, 1.0),
    "brown": (rgb("5e3a1e"), 0.8, 0.4),
    "amber": (rgb("8a5a26"), 0.2, 0.03),
    "hazel": (rgb("75662f"), 0.4, 0.01),
    "green": (rgb("607a4c"), 0.3, 0.0),
    "grey": (rgb("77848a"), 0.3, 0.0),
    "blue": (rgb("4f7ba5"), 0.6, 0.0),
}
"""As `HAIR`."""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """From the first colour (share 0) to the second (share 1)."""
    return first * (1 - share) + second * share


def tint(colour: Colour, base: Colour, strength: float = 1.0) -> Colour:
    """The logarithm of the factor that turns `base` into `colour`."""
    return strength * np.log(np.maximum(colour, 0.004) / np.maximum(base, 0.004))


def _along(ladder: list[Colour], place: float) -> Colour:
    steps = np.clip(place, 0, 1) * (len(ladder) - 1)
    k = min(int(steps), len(ladder) - 2)
    return mix(ladder[k], ladder[k + 1], float(steps - k))


def skin_tone(depth: float, warmth: float, redness: float) -> Colour:
    """Skin in even light.

    Args:
        depth: 0 the lightest, 1 the darkest.
        warmth: -1 olive and yellow, 1 rosy.
        redness: -1 pale, 1 ruddy.
    """
    shift = warmth * np.array([0.014, -0.012, 0.018]) + redness * np.array([0.012, -0.028, -0.024])
    return np.clip(_along(_SKIN, depth) * np.exp(shift), 0, 0.93)


def lip_tone(depth: float, redness: float) -> Colour:
    """Lips without make-up."""
    return np.clip(_along(_LIPS, depth) * np.exp(redness * np.array([0.03, -0.08, -0.06])), 0, 1)


def _draw(rng: np.random.Generator, table: dict[str, tuple[Colour, float, float]], depth: float) -> Colour:
    """A colour as frequent as it is on skin of that depth."""
    share = np.clip((depth - 0.15) / 0.4, 0, 1)
    weights = np.array([light * (1 - share) + dark * share for _, light, dark in table.values()])
    colour = list(table.values())[weighted(rng, weights)][0]
    return np.clip(colour * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3)), 0.02, 0.92)


def hair_colour(rng: np.random.Generator, depth: float, age: float) -> Colour:
    """Natural hair, with as much grey as the age (0..1) brings."""
    colour = _draw(rng, HAIR, depth)
    grey = float(np.clip((age - 0.45) * 1.9 + rng.normal(0, 0.25), 0, 1)) if age > 0.4 else 0.0
    return mix(colour, _GREYS[int(rng.integers(3))], grey * 0.95)


def eye_colour(rng: np.random.Generator, depth: float) -> Colour:
    """Irises."""
    return _draw(rng, EYES, depth)


def vivid(rng: np.random.Generator, value: tuple[float, float] = (0.35, 0.85), most: float = 0.85) -> Colour:
    """A colour of any hue, for dye, polish, cloth and things.

    Args:
        rng: source of randomness.
        value: range of the brightness.
        most: the strongest saturation.
    """
    hue, bright, strong = rng.uniform(0, 6), rng.uniform(*value), rng.beta(1.6, 1.4) * most
    distance = np.abs((hue - np.array([0.0, 2.0, 4.0]) + 3) % 6 - 3)
    return bright * (1 - strong * np.clip(distance - 1, 0, 1))
