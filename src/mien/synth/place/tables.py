"""Tables and desks, with what stands on them. Whoever sits at a desk is in front (+z)."""

from __future__ import annotations

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.colours import CLOTH, METAL, WOOD, choose, times
from mien.synth.place.forms import Colour, boxes, join, lathe, placed, quads, rods
from mien.synth.place.joinery import Row, box, wooden
from mien.synth.place.scenery import Item
from mien.synth.place.textures import drawn

__all__ = ["coffee_table", "desk", "on_top", "table", "tabletop"]


def tabletop(rng: np.random.Generator, wide: float, deep: float, height: float, colour: Colour, kind: str) -> Item:
    """A top on four legs, on two side panels, or (if about square) a round one on a foot."""
    thick = rng.uniform(0.02, 0.045)
    style = rng.integers(3)
    if style == 2 and abs(wide - deep) < 0.5:
        radius = min(wide, deep) / 2
        top = lathe([(0, height - thick), (radius, height - thick), (radius, height), (0, height)], colour, sides=20)
        foot = rods([(0, 0.02, 0, 0.04, 0, height - thick, 0, 0.035, *times(colour, 0.7)),
                     (0, 0, 0, radius * 0.55, 0, 0.03, 0, radius * 0.5, *times(colour, 0.7))], sides=12)  # fmt: skip
        return Item(kind=kind, meshes=(top, foot), half=(radius, radius), height=height)
    rows = [box(0, height - thick, 0, wide, thick, deep, colour)]
    if style == 1:
        rows += [
            box(s * (wide / 2 - 0.06), 0, 0, 0.03, height - thick, deep - 0.06, times(colour, 0.9)) for s in (-1, 1)
        ]
        parts = [wooden(rng, rows)]
    else:
        under = choose(rng, METAL) if rng.random() < 0.4 else times(colour, 0.9)
        apron = 0.07 if height > 0.55 else 0.03
        rows += [box(0, height - thick - apron, s * (deep / 2 - 0.05), wide - 0.1, apron, 0.02, under) for s in (-1, 1)]
        rows += [box(s * (wide / 2 - 0.05), height - thick - apron, 0, 0.02, apron, deep - 0.1, under) for s in (-1, 1)]
        rows += [
            box(sx * (wide / 2 - 0.05), 0, sz * (deep / 2 - 0.05), 0.05, height - thick, 0.05, under)
            for sx in (-1, 1)
            for sz in (-1, 1)
        ]
        parts = [wooden(rng, rows)]
    return Item(kind=kind, meshes=tuple(parts), half=(wide / 2, deep / 2), height=height)


def on_top(rng: np.random.Generator, wide: float, deep: float, height: float, count: int) -> list[Mesh]:
    """Small things: cups, bowls, books, bottles."""
    solids: list[Mesh] = []
    for _ in range(count):
        x, z = rng.uniform(-0.4, 0.4) * wide, rng.uniform(-0.35, 0.35) * deep
        colour = choose(rng, CLOTH)
        kind = rng.integers(4)
        if kind == 0:
            solids.append(
                placed(lathe([(0.03, 0), (0.04, 0.02), (0.042, 0.09)], colour, sides=8, grounded=False), x, z, y=height)
            )
        elif kind == 1:
            solids.append(
                placed(lathe([(0.05, 0), (0.1, 0.04), (0.13, 0.07)], colour, sides=10, grounded=False), x, z, y=height)
            )
        elif kind == 2:
            solids.append(
                placed(
                    boxes([box(0, 0, 0, 0.16, 0.03 * rng.uniform(0.6, 2), 0.22, colour)], grounded=False),
                    x,
                    z,
                    float(rng.uniform(0, 3)),
                    height,
                )
            )
        else:
            neck = [(0.035, 0), (0.036, 0.15), (0.013, 0.21), (0.013, 0.27)]
            solids.append(placed(lathe(neck, times(colour, 0.6), sides=8, grounded=False), x, z, y=height))
    return solids


def table(rng: np.random.Generator) -> Item:
    """To eat at, with a few things on it."""
    wide, deep, height = rng.uniform(0.9, 1.8), rng.uniform(0.75, 0.95), rng.uniform(0.71, 0.76)
    item = tabletop(rng, wide, deep, height, choose(rng, (*WOOD, (0.9, 0.9, 0.88))), "table")
    things = on_top(rng, item.half[0] * 1.4, item.half[1] * 1.4, height, int(rng.integers(0, 5)))
    meshes = (*item.meshes, join(things)) if things else item.meshes
    return Item(kind="table", meshes=meshes, half=item.half, height=height + 0.25 * bool(things))


def coffee_table(rng: np.random.Generator) -> Item:
    """Low, before a sofa."""
    wide, deep, height = rng.uniform(0.7, 1.2), rng.uniform(0.5, 0.7), rng.uniform(0.36, 0.46)
    item = tabletop(rng, wide, deep, height, choose(rng, (*WOOD, (0.9, 0.9, 0.88))), "table")
    things = on_top(rng, item.half[0] * 1.3, item.half[1] * 1.3, height, int(rng.integers(0, 4)))
    return Item(kind="table", meshes=(*item.meshes, *([join(things)] if things else [])), half=item.half, height=height)


def desk(rng: np.random.Generator, height: float = 0.73) -> Item:
    """With a monitor or two and a keyboard; drawers. Whoever sits at it is in front (+z)."""
    wide, deep = rng.uniform(1.2, 1.8), rng.uniform(0.65, 0.8)
    colour = choose(rng, (*WOOD, (0.92, 0.92, 0.92), (0.8, 0.8, 0.8)))
    item = tabletop(rng, wide, deep, height, colour, "desk")
    rows = [box(-wide / 2 + 0.3, 0.05, -0.02, 0.4, height - 0.15, deep - 0.14, times(colour, 0.95))]
    more, faces = _monitors(rng, height)
    show = quads(np.array(faces), np.ones(3), texture=drawn(rng, "screen").levels[0])
    half = item.half[0], deep / 2
    return Item(kind="desk", meshes=(*item.meshes, boxes(rows + more), show), half=half, height=height + 0.45)


def _monitors(rng: np.random.Generator, height: float) -> tuple[list[Row], list[list[list[float]]]]:
    """Boxes and screens of one or two of them, with a keyboard and a mouse."""
    dark, grey = (0.10, 0.10, 0.11), choose(rng, ((0.86, 0.86, 0.86), (0.2, 0.2, 0.2)))
    rows = [box(0, height, 0.16, 0.42, 0.02, 0.14, grey), box(0.32, height, 0.16, 0.06, 0.03, 0.1, grey)]
    faces = []
    for x in (0.0,) if rng.random() < 0.6 else (-0.32, 0.32):
        broad, tall = rng.uniform(0.5, 0.6), rng.uniform(0.3, 0.36)
        rows += [box(x, height, -0.2, 0.22, 0.015, 0.18, dark), box(x, height + 0.01, -0.24, 0.05, 0.2, 0.03, dark)]
        rows += [box(x, height + 0.13, -0.2, broad, tall, 0.03, dark)]
        low, high, left, right = height + 0.145, height + 0.115 + tall, x - broad / 2 + 0.015, x + broad / 2 - 0.015
        faces.append([[left, low, -0.183], [right, low, -0.183], [right, high, -0.183], [left, high, -0.183]])
    return rows, faces
