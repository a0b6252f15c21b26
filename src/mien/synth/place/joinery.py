"""How furniture is put together: boxes by their size, with the grain of wood or covered with cloth; legs."""

from __future__ import annotations

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.forms import Colour, boxes
from mien.synth.place.textures import drawn

__all__ = ["Row", "box", "legs", "padded", "wooden"]

Row = tuple[float, ...]
"""Numbers for `boxes` or `rods`."""


def box(x: float, y: float, z: float, wide: float, tall: float, deep: float, colour: Colour) -> Row:
    """A row for `boxes`: the middle of the base, and the size."""
    return (x - wide / 2, y, z - deep / 2, x + wide / 2, y + tall, z + deep / 2, *colour)


def wooden(rng: np.random.Generator, rows: list[Row]) -> Mesh:
    """Boxes with the grain of wood."""
    tile = drawn(rng, "wood")
    return boxes(rows, texture=tile.levels[1], metres=tile.metres)


def padded(rng: np.random.Generator, rows: list[Row]) -> Mesh:
    """Boxes covered with cloth."""
    tile = drawn(rng, "fabric")
    return boxes(rows, texture=tile.levels[1], metres=tile.metres)


def legs(half: tuple[float, float], top: float, radius: float, colour: Colour, splay: float = 0.0) -> list[Row]:
    """Rows for `rods`: four legs from the ground to `top`, wider apart below by `splay`."""
    a, b = half
    return [
        (x * (a + splay), 0.0, z * (b + splay), radius * 0.75, x * a, top, z * b, radius, *colour)
        for x in (-1, 1) for z in (-1, 1)
    ]  # fmt: skip
