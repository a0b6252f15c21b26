"""What people sit on, each a function that draws one with its own measures. Fronts look along +z."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.place.colours import CLOTH, METAL, WOOD, around, choose, times
from mien.synth.place.forms import boxes, join, lathe, rods
from mien.synth.place.joinery import box, legs, padded, wooden
from mien.synth.place.scenery import Item

__all__ = ["armchair", "bench", "chair", "office_chair", "sofa", "stool"]


def chair(rng: np.random.Generator, height: float = 0.45) -> Item:
    """Four legs, a seat, a back of slats, a board or cloth."""
    colour = choose(rng, WOOD + METAL)
    seat = choose(rng, CLOTH) if rng.random() < 0.4 else colour
    half, back = rng.uniform(0.19, 0.23), height + rng.uniform(0.38, 0.52)
    under = legs((half - 0.02, half - 0.02), height - 0.02, 0.018, colour, 0.02)
    lean = rng.uniform(0.03, 0.09)
    posts = [
        (s * (half - 0.02), height, -half + 0.02, 0.016, s * (half - 0.02), back, -half - lean, 0.013, *colour)
        for s in (-1, 1)
    ]
    rows = [box(0, height - 0.035, 0, 2 * half, 0.035, 2 * half, seat)]
    parts = [rods(under + posts, sides=5)]
    style = rng.integers(3)
    levels = {0: (0.9, 0.65, 0.4), 1: (0.85,), 2: (0.62,)}[int(style)]
    tall = {0: 0.05, 1: 0.12, 2: back - height - 0.14}[int(style)]
    for level in levels:
        y = height + level * (back - height)
        z = -half + 0.02 - (lean + 0.02) * level
        rows.append(box(0, y - tall / 2, z, 2 * half - 0.03, tall, 0.018, seat if style == 2 else colour))
    return Item(kind="chair", meshes=(join([*parts, boxes(rows)]),), half=(half + 0.02, half + lean), height=back)


def stool(rng: np.random.Generator, height: float = 0.48) -> Item:
    """A round seat on four legs, or on one."""
    colour, seat = choose(rng, WOOD + METAL), choose(rng, CLOTH + WOOD)
    radius = rng.uniform(0.16, 0.2)
    top = lathe([(0.0, height), (radius, height), (radius, height - 0.04), (0.0, height - 0.05)][::-1], seat, sides=12)
    if rng.random() < 0.6:
        under = legs((radius * 0.6, radius * 0.6), height - 0.04, 0.016, colour, 0.05)
    else:
        under = [(0, 0, 0, 0.03, 0, height - 0.04, 0, 0.03, *colour), (0, 0, 0, 0.19, 0, 0.025, 0, 0.17, *colour)]
    return Item(
        kind="stool", meshes=(join([top, rods(under, sides=8)]),), half=(radius + 0.03, radius + 0.03), height=height
    )


def sofa(rng: np.random.Generator, height: float = 0.42, seats: int | None = None, kind: str = "sofa") -> Item:
    """A frame with arms and a back, cushions, perhaps one or two loose ones."""
    count = int(rng.integers(2, 4)) if seats is None else seats
    cloth, wide, deep = choose(rng, CLOTH), rng.uniform(0.58, 0.7) * count, rng.uniform(0.5, 0.58)
    arm, high = rng.uniform(0.1, 0.2), height + rng.uniform(0.34, 0.46)
    base = height - 0.17
    rows = [box(0, 0.08, 0, wide + 2 * arm, base - 0.08, deep + 0.22, times(cloth, 0.86))]
    rows += [box(0, base, -deep / 2 - 0.02, wide + 2 * arm, high - base, 0.17, times(cloth, 0.93))]
    rows += [box(s * (wide + arm) / 2, base, 0.03, arm, 0.34, deep + 0.16, cloth) for s in (-1, 1)]
    for i in range(count):
        x = (i + 0.5) * wide / count - wide / 2
        rows.append(box(x, base + 0.01, 0.07, wide / count - 0.015, 0.16, deep, around(rng, cloth, 0.03)))
        rows.append(
            box(
                x,
                height - 0.02,
                -deep / 2 + 0.12,
                wide / count - 0.02,
                high - height - 0.02,
                0.13,
                around(rng, cloth, 0.03),
            )
        )
    for _ in range(int(rng.integers(0, 3)) if seats is None else 0):
        x = float(rng.uniform(-0.4, 0.4)) * wide
        rows.append(box(x, height, -deep / 2 + 0.25, 0.38, 0.36, 0.12, choose(rng, CLOTH)))
    feet = legs((wide / 2 + arm - 0.05, deep / 2 + 0.05), 0.1, 0.022, (0.2, 0.15, 0.1))
    half = (wide / 2 + arm, deep / 2 + 0.12)
    return Item(kind=kind, meshes=(padded(rng, rows), rods(feet, sides=5)), half=half, height=high)


def armchair(rng: np.random.Generator, height: float = 0.42) -> Item:
    """A sofa for one."""
    return sofa(rng, height, 1, "armchair")


def office_chair(rng: np.random.Generator, height: float = 0.47) -> Item:
    """On a star with castors, with a tall back."""
    cloth, base = choose(rng, CLOTH[:9]), choose(rng, METAL)
    star = [
        (0, 0.09, 0, 0.025, 0.28 * math.cos(a), 0.06, 0.28 * math.sin(a), 0.018, *base) for a in np.arange(5) * 1.2566
    ]
    star += [
        (
            0.28 * math.cos(a),
            0,
            0.28 * math.sin(a),
            0.03,
            0.28 * math.cos(a),
            0.05,
            0.28 * math.sin(a),
            0.03,
            0.08,
            0.08,
            0.08,
        )
        for a in np.arange(5) * 1.2566
    ]
    star += [(0, 0.07, 0, 0.03, 0, height - 0.07, 0, 0.025, *base)]
    rows = [
        box(0, height - 0.08, 0, 0.47, 0.08, 0.46, cloth),
        box(0, height + 0.12, -0.24, 0.42, rng.uniform(0.35, 0.55), 0.06, cloth),
    ]
    rows += [box(0, height - 0.05, -0.27, 0.07, 0.25, 0.02, base)]
    if rng.random() < 0.6:
        rows += [box(s * 0.27, height + 0.18, 0, 0.05, 0.03, 0.26, (0.12, 0.12, 0.12)) for s in (-1, 1)]
        rows += [box(s * 0.27, height - 0.04, -0.02, 0.03, 0.22, 0.04, (0.12, 0.12, 0.12)) for s in (-1, 1)]
    return Item(kind="chair", meshes=(join([boxes(rows), rods(star, sides=5)]),), half=(0.3, 0.3), height=height + 0.6)


def bench(rng: np.random.Generator, height: float = 0.45, wide: float | None = None, back: bool | None = None) -> Item:
    """Slats on two supports, with or without a back."""
    wide, colour = (rng.uniform(1.2, 1.9) if wide is None else wide), choose(rng, WOOD)
    under, back = choose(rng, METAL), (rng.random() < 0.6 if back is None else back)
    rows = [box(0, height - 0.035, z, wide, 0.035, 0.105, around(rng, colour, 0.04)) for z in (-0.13, 0.0, 0.13)]
    if back:
        rows += [
            box(0, height + y, -0.22 - 0.06 * i, wide, 0.1, 0.03, around(rng, colour, 0.04))
            for i, y in enumerate((0.12, 0.26))
        ]
        rows += [box(s * (wide / 2 - 0.18), height - 0.05, -0.25, 0.05, 0.42, 0.03, under) for s in (-1, 1)]
    rows += [box(s * (wide / 2 - 0.18), 0, z, 0.06, height - 0.03, 0.05, under) for s in (-1, 1) for z in (-0.15, 0.15)]
    rows += [box(s * (wide / 2 - 0.18), height - 0.07, 0, 0.05, 0.04, 0.4, under) for s in (-1, 1)]
    return Item(kind="bench", meshes=(wooden(rng, rows),), half=(wide / 2, 0.3), height=height + 0.38 * back)
