"""The library of textures: painted when first used, from fixed seeds, and coloured by the vertices of each picture.

    texture("planks", 2).levels[0]

A texture's colours are bright and nearly grey where many tints make sense (paint, carpets, boards), and its own where
they do not (bricks, grass, shop fronts). Levels halve the size, for surfaces far away. All of them take 55 MB, and some
10 ms each to paint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, UInt8

from mien.synth.place import ground_patterns, town_patterns, wall_patterns
from mien.synth.place.noise import to_bytes
from mien.synth.random import stream

__all__ = ["VARIANTS", "Texture", "drawn", "names", "texture"]

VARIANTS = 3
"""Of each texture, with seeds of their own."""
_LEVELS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Texture:
    """One tile."""

    levels: tuple[UInt8[np.ndarray, "_ _ 3"], ...]
    """RGB; each half the size of the one before."""
    metres: tuple[float, float]
    """Width and height of the tile."""
    mean: Float32[np.ndarray, "3"]
    """Colour seen from afar, 0..1."""


_Painter = Callable[[np.random.Generator], Float32[np.ndarray, "h w 3"]]
_PAINTERS: dict[str, tuple[_Painter, tuple[float, float]]] = {
    **ground_patterns.PAINTERS,
    **wall_patterns.PAINTERS,
    **town_patterns.PAINTERS,
}


def names() -> tuple[str, ...]:
    """All textures there are."""
    return tuple(sorted(_PAINTERS))


@cache
def texture(name: str, variant: int) -> Texture:
    """A texture of the library.

    Args:
        name: one of `names()`.
        variant: any number; there are `VARIANTS` different ones.
    """
    import cv2

    if variant >= VARIANTS:
        return texture(name, variant % VARIANTS)
    paint, metres = _PAINTERS[name]
    levels = [to_bytes(paint(stream("texture", name, variant)))]
    while len(levels) < _LEVELS and min(levels[-1].shape[:2]) > 16:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    mean = levels[-1].reshape(-1, 3).mean(0) / 255
    return Texture(levels=tuple(levels), metres=metres, mean=mean.astype(np.float32))


def drawn(rng: np.random.Generator, *choice: str) -> Texture:
    """Any variant of one of these textures."""
    return texture(choice[int(rng.integers(len(choice)))], int(rng.integers(VARIANTS)))
