"""Colours that things have: paint, wood, cloth, metal."""

from __future__ import annotations

import numpy as np

from mien.synth.place.forms import Colour

__all__ = ["CLOTH", "METAL", "PAINT", "RUBBER", "WOOD", "around", "choose", "times"]

PAINT: tuple[Colour, ...] = (
    (0.96, 0.95, 0.92), (0.92, 0.90, 0.86), (0.90, 0.86, 0.78), (0.88, 0.90, 0.91), (0.95, 0.92, 0.84),
    (0.74, 0.79, 0.76), (0.66, 0.74, 0.80), (0.84, 0.72, 0.66), (0.62, 0.66, 0.56), (0.50, 0.58, 0.64),
    (0.86, 0.78, 0.52), (0.46, 0.34, 0.36), (0.34, 0.42, 0.40), (0.80, 0.80, 0.80), (0.60, 0.58, 0.56),
)  # fmt: skip
WOOD: tuple[Colour, ...] = (
    (0.82, 0.64, 0.44), (0.68, 0.48, 0.30), (0.52, 0.34, 0.20), (0.36, 0.23, 0.15), (0.90, 0.78, 0.60),
    (0.62, 0.40, 0.26), (0.78, 0.70, 0.60), (0.26, 0.19, 0.15),
)  # fmt: skip
CLOTH: tuple[Colour, ...] = (
    (0.62, 0.60, 0.56), (0.34, 0.38, 0.44), (0.80, 0.76, 0.68), (0.44, 0.26, 0.22), (0.24, 0.36, 0.36),
    (0.56, 0.44, 0.30), (0.22, 0.26, 0.42), (0.70, 0.52, 0.24), (0.30, 0.30, 0.30), (0.48, 0.54, 0.44),
    (0.62, 0.24, 0.22), (0.86, 0.84, 0.80),
)  # fmt: skip
METAL: tuple[Colour, ...] = ((0.20, 0.21, 0.22), (0.66, 0.68, 0.70), (0.82, 0.82, 0.82), (0.40, 0.42, 0.44))
RUBBER: Colour = (0.07, 0.07, 0.07)


def choose(rng: np.random.Generator, colours: tuple[Colour, ...], spread: float = 0.06) -> Colour:
    """One of them, a little changed."""
    return around(rng, colours[int(rng.integers(len(colours)))], spread)


def around(rng: np.random.Generator, colour: Colour, spread: float = 0.06) -> Colour:
    """A colour a little lighter or darker, warmer or cooler."""
    light, warm = 1 + spread * rng.uniform(-1, 1), 0.5 * spread * rng.uniform(-1, 1)
    return times((colour[0] * (1 + warm), colour[1], colour[2] * (1 - warm)), light)


def times(colour: Colour, factor: float) -> Colour:
    """Lighter or darker, within 0..1."""
    red, green, blue = (min(1.0, max(0.0, c * factor)) for c in colour)
    return red, green, blue
