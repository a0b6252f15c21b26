"""What people sit on, and what they sit at."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from mien.render.mesh import Mesh
from mien.synth.place import joinery, seating
from mien.synth.place.colours import PAINT, WOOD, choose
from mien.synth.place.forms import placed
from mien.synth.place.scenery import Item

__all__ = ["seat"]

_SINK = 0.012
"""Metres that a body sinks in."""
_FORWARD = {"sofa": 0.15, "box": 0.07}
"""Metres from the pelvis to the middle of a seat, forwards; so that backs of seats are behind backs."""


def seat(rng: np.random.Generator, position: Float[np.ndarray, "3"], heading: float, height: float) -> list[Mesh]:
    """Something to sit on, in the world.

    Args:
        rng: for its kind and measures.
        position: of the pelvis; only x and z matter.
        heading: radians; the sitter looks along (sin, cos).
        height: metres from the ground to the underside of the pelvis.
    """
    item = _seat(rng, max(0.06, height + _SINK))
    forward = _FORWARD.get(item.kind, 0.05)
    x, z = float(position[0]) + forward * math.sin(heading), float(position[2]) + forward * math.cos(heading)
    return [placed(mesh, x, z, heading) for mesh in item.meshes]


def _seat(rng: np.random.Generator, height: float) -> Item:
    """What there is of that height: boxes and cushions when low, chairs and sofas as usual, bar stools when high."""
    if height < 0.28:
        return _block(rng, height)
    if height > 0.62:
        return seating.stool(rng, height) if rng.random() < 0.8 else _block(rng, height)
    kind = rng.random()
    if kind < 0.36:
        return seating.chair(rng, height)
    if kind < 0.52:
        return seating.stool(rng, height)
    if kind < 0.66:
        return seating.bench(rng, height)
    if kind < 0.76 and height < 0.52:
        return seating.sofa(rng, height, int(rng.integers(1, 4)))
    if kind < 0.88:
        return seating.office_chair(rng, height)
    return _block(rng, height)


def _block(rng: np.random.Generator, height: float) -> Item:
    """A box, a low wall, a cushion."""
    wide, deep = rng.uniform(0.45, 1.2), rng.uniform(0.42, 0.55)
    rows = [(-wide / 2, 0.0, -deep / 2, wide / 2, height, deep / 2, *choose(rng, (*WOOD, *PAINT)))]
    mesh = joinery.padded(rng, rows) if rng.random() < 0.4 else joinery.wooden(rng, rows)
    return Item(kind="box", meshes=(mesh,), half=(wide / 2, deep / 2), height=height)
