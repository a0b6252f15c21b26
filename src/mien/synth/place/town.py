"""What stands in streets besides houses and cars: lamps, signs, posts, railings, tables of a café."""

from __future__ import annotations

import math

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.colours import CLOTH, METAL, RUBBER, around, choose, times
from mien.synth.place.forms import Colour, boxes, extrusion, join, lathe, placed, quads, rods
from mien.synth.place.joinery import Row
from mien.synth.place.scenery import Item
from mien.synth.place.seating import chair
from mien.synth.place.tables import tabletop

__all__ = [
    "bin_", "bollard", "cafe", "lamp_post", "parasol", "planter", "pole", "railing", "sign", "umbrella",
]  # fmt: skip


def lamp_post(rng: np.random.Generator, *, lit: bool = False, colour: Colour = (1.0, 0.9, 0.7)) -> Item:
    """A street lamp: an arm with a head, or an old one with a lantern."""
    metal = around(rng, METAL[int(rng.integers(4))], 0.1)
    if rng.random() < 0.5:
        tall = rng.uniform(5, 7.5)
        rows = [(0, 0, 0, 0.09, 0, tall, 0, 0.05, *metal), (0, tall, 0, 0.04, 0, tall + 0.15, 1.2, 0.03, *metal)]
        head = boxes([(-0.12, tall + 0.08, 0.9, 0.12, tall + 0.19, 1.5, *metal)])
        y = tall + 0.075
        face = np.array([[[-0.1, y, 0.95], [0.1, y, 0.95], [0.1, y, 1.45], [-0.1, y, 1.45]]])
        front = np.array([[[-0.1, y, 1.503], [0.1, y, 1.503], [0.1, y + 0.07, 1.503], [-0.1, y + 0.07, 1.503]]])
        glows = ((np.concatenate([face, front]), colour),) if lit else ()
        return Item(
            kind="lamp_post", meshes=(join([rods(rows, sides=8), head]),), half=(0.1, 0.1), height=tall, glows=glows
        )
    tall = rng.uniform(3.0, 3.8)
    rows = [(0, 0, 0, 0.11, 0, 0.5, 0, 0.08, *metal), (0, 0.5, 0, 0.05, 0, tall, 0, 0.04, *metal)]
    roof = lathe([(0.2, tall + 0.42), (0.05, tall + 0.56), (0.0, tall + 0.62)], metal, sides=6)
    a, b, low, high = 0.11, 0.17, tall, tall + 0.42
    sides = []
    for k in range(4):
        c, s = round(math.cos(k * math.pi / 2)), round(math.sin(k * math.pi / 2))
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        sides.append(np.array([[-a, low, a], [a, low, a], [b, high, b], [-b, high, b]]) @ turn)
    panes = np.array(sides)
    meshes = (join([rods(rows, sides=8), roof]),)
    glows = ((panes, colour),) if lit else ()
    if not lit:
        meshes = (*meshes, quads(panes, np.array([0.85, 0.86, 0.84])))
    return Item(kind="lamp_post", meshes=meshes, half=(0.12, 0.12), height=tall + 0.6, glows=glows)


def pole(rng: np.random.Generator, tall: float | None = None) -> Item:
    """A plain post or column."""
    tall = rng.uniform(2.6, 5.0) if tall is None else tall
    radius, colour = rng.uniform(0.035, 0.09), choose(rng, (*METAL, (0.5, 0.38, 0.26), (0.75, 0.72, 0.66)))
    rows = [
        (0, 0, 0, radius, 0, tall, 0, radius * 0.9, *colour),
        (0, 0, 0, radius * 1.5, 0, 0.06, 0, radius * 1.4, *colour),
    ]
    return Item(kind="pole", meshes=(rods(rows, sides=10),), half=(radius, radius), height=tall)


def sign(rng: np.random.Generator) -> Item:
    """A traffic sign: round, three-cornered or square."""
    tall, style = rng.uniform(2.1, 2.6), rng.integers(3)
    grey = (0.62, 0.63, 0.64)
    post = rods([(0, 0, -0.03, 0.03, 0, tall + 0.3, -0.03, 0.03, *grey)], sides=8)
    count = (24, 3, 4)[int(style)]
    angle = np.arange(count) * (2 * np.pi / count) + (np.pi / 2, np.pi / 2, np.pi / 4)[int(style)]
    outline = np.stack([np.cos(angle), np.sin(angle)], 1)
    tones = ((0.75, 0.08, 0.08), (0.95, 0.95, 0.95)) if style != 2 else ((0.95, 0.95, 0.95), (0.08, 0.22, 0.60))
    plates = []
    for size, z, tone in ((0.34, 0.0, tones[0]), (0.27, 0.006, tones[1])):
        plate = extrusion(outline * size, z - 0.012, z + 0.012, np.array(tone))
        plates.append(
            Mesh(vertices=plate.vertices + np.array([0, tall, 0], np.float32), faces=plate.faces, colour=plate.colour)
        )
    mark = boxes(
        [(-0.04, tall - 0.1, 0.018, 0.04, tall + 0.12, 0.024, *((0.1, 0.1, 0.1) if style != 2 else (0.95, 0.95, 0.95)))]
    )
    return Item(kind="sign", meshes=(join([post, *plates, mark]),), half=(0.34, 0.06), height=tall + 0.3)


def bollard(rng: np.random.Generator) -> Item:
    """A low post with a band."""
    tall, colour = rng.uniform(0.7, 1.0), choose(rng, METAL)
    rows = [
        (0, 0, 0, 0.07, 0, tall, 0, 0.06, *colour),
        (0, tall * 0.8, 0, 0.066, 0, tall * 0.88, 0, 0.065, 0.9, 0.9, 0.86),
        (0, tall, 0, 0.06, 0, tall + 0.05, 0, 0.02, *colour),
    ]
    return Item(kind="bollard", meshes=(rods(rows, sides=10),), half=(0.08, 0.08), height=tall)


def bin_(rng: np.random.Generator) -> Item:
    """A litter bin, or one on wheels."""
    colour = choose(rng, ((0.18, 0.32, 0.22), (0.20, 0.21, 0.22), (0.55, 0.57, 0.58), (0.16, 0.26, 0.44)), 0.1)
    if rng.random() < 0.5:
        can = lathe([(0.2, 0.0), (0.23, 0.82), (0.25, 0.86), (0.16, 0.98), (0.0, 1.0)], colour, sides=14)
        return Item(kind="bin", meshes=(can,), half=(0.25, 0.25), height=1.0)
    rows = [(-0.27, 0.06, -0.3, 0.27, 0.95, 0.3, *colour), (-0.3, 0.95, -0.34, 0.3, 1.03, 0.36, *times(colour, 0.85))]
    wheels = rods([(s * 0.2, 0.1, -0.3, 0.1, s * 0.28, 0.1, -0.3, 0.1, *RUBBER) for s in (-1, 1)], sides=10)
    return Item(kind="bin", meshes=(join([boxes(rows), wheels]),), half=(0.3, 0.36), height=1.03)


def railing(rng: np.random.Generator, wide: float, tall: float = 1.0, kind: str = "railing") -> Item:
    """Upright bars between two rails, or boards, or a few lying tubes."""
    style, colour = rng.integers(3), choose(rng, (*METAL, (0.46, 0.32, 0.2), (0.92, 0.92, 0.9)))
    posts = np.linspace(-wide / 2, wide / 2, max(2, round(wide / 1.5) + 1))
    rows: list[Row] = [(float(x), 0, 0, 0.028, float(x), tall, 0, 0.028, *colour) for x in posts]
    rows.append((-wide / 2, tall, 0, 0.03, wide / 2, tall, 0, 0.03, *colour))
    if style == 0:
        rows += [
            (float(x), 0.1, 0, 0.009, float(x), tall, 0, 0.009, *colour)
            for x in np.arange(-wide / 2 + 0.12, wide / 2, 0.12)
        ]
        rows.append((-wide / 2, 0.1, 0, 0.014, wide / 2, 0.1, 0, 0.014, *colour))
    else:
        levels = (0.3, 0.55, 0.8) if style == 1 else (0.5,)
        rows += [(-wide / 2, tall * y, 0, 0.018, wide / 2, tall * y, 0, 0.018, *colour) for y in levels]
    return Item(kind=kind, meshes=(rods(rows, sides=5),), half=(wide / 2, 0.05), height=tall)


def umbrella(colour: Colour, other: Colour, tall: float, wide: float) -> Mesh:
    """A canopy of eight panels in two colours, on a pole."""
    angle = np.arange(9) * (2 * np.pi / 8)
    rim = np.stack([wide * np.cos(angle), np.full(9, tall - 0.42), wide * np.sin(angle)], 1)
    top, panels, shades = np.array([0, tall, 0.0]), [], []
    for k in range(8):
        panels.append([rim[k], top, top, rim[k + 1]])
        panels.append([rim[k] - (0, 0.16, 0), rim[k], rim[k + 1], rim[k + 1] - (0, 0.16, 0)])
        shades += [colour if k % 2 else other] * 2
    canopy = quads(np.array(panels), np.array(shades), two_sided=True)
    return join(
        [
            canopy,
            rods(
                [
                    (0, 0, 0, 0.025, 0, tall, 0, 0.02, 0.85, 0.83, 0.78),
                    (0, 0, 0, 0.25, 0, 0.06, 0, 0.23, 0.4, 0.4, 0.4),
                ],
                sides=8,
            ),
        ]
    )


def parasol(rng: np.random.Generator) -> Item:
    """For the beach."""
    first, second = choose(rng, (*CLOTH, (0.9, 0.3, 0.25), (0.2, 0.5, 0.75), (0.95, 0.8, 0.3))), (0.95, 0.94, 0.90)
    tall = rng.uniform(2.1, 2.5)
    canopy = umbrella(first, second, tall, rng.uniform(1.1, 1.4))
    return Item(kind="parasol", meshes=(canopy,), half=(0.3, 0.3), height=tall, crown=(1.3, tall - 0.6))


def cafe(rng: np.random.Generator) -> Item:
    """A small table with two chairs, under an umbrella or not."""
    round_table = tabletop(rng, 0.7, 0.7, 0.73, choose(rng, (*METAL, (0.9, 0.88, 0.84))), "table")
    parts = list(round_table.meshes)
    for s in (-1, 1):
        parts += [placed(mesh, s * 0.62, 0.0, -s * math.pi / 2) for mesh in chair(rng).meshes]
    tall, crown = 0.95, None
    if rng.random() < 0.5:
        tall, crown = 2.5, (1.35, 1.9)
        colour = choose(rng, CLOTH)
        parts.append(umbrella(colour, times(colour, 0.92), tall, 1.35))
    return Item(kind="table", meshes=tuple(parts), half=(0.95, 0.4), height=tall, crown=crown)


def planter(rng: np.random.Generator, plants: Item) -> Item:
    """A box with something that grows."""
    colour, wide = choose(rng, ((0.55, 0.52, 0.48), (0.36, 0.36, 0.38), (0.55, 0.36, 0.24)), 0.1), rng.uniform(0.5, 0.9)
    tall = rng.uniform(0.4, 0.6)
    tub = boxes([(-wide / 2, 0, -wide / 2, wide / 2, tall, wide / 2, *colour)])
    green = [placed(mesh, 0, 0, 0, tall - 0.12) for mesh in plants.meshes]
    return Item(
        kind="planter", meshes=(tub, *green), half=(wide / 2 + 0.1, wide / 2 + 0.1), height=tall + plants.height
    )
