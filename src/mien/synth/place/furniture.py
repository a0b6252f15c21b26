"""What stands in rooms besides seats and tables: shelves, cabinets, lamps, plants. Fronts look along +z."""

from __future__ import annotations

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.colours import CLOTH, METAL, WOOD, around, choose, times
from mien.synth.place.forms import boxes, cards, join, lathe, quads, rods
from mien.synth.place.joinery import box, wooden
from mien.synth.place.scenery import Item
from mien.synth.place.tables import on_top
from mien.synth.place.textures import drawn, texture

__all__ = ["cabinet", "crates", "floor_lamp", "plant", "shelf", "television"]


def shelf(rng: np.random.Generator) -> Item:
    """A bookcase with books and things."""
    wide, deep, floors = rng.uniform(0.7, 1.3), rng.uniform(0.26, 0.34), int(rng.integers(3, 7))
    gap, colour = rng.uniform(0.29, 0.35), choose(rng, (*WOOD, (0.92, 0.92, 0.9), (0.2, 0.2, 0.2)))
    tall = floors * gap + 0.08
    rows = [box(s * (wide / 2 - 0.012), 0, 0, 0.024, tall, deep, colour) for s in (-1, 1)]
    rows += [box(0, 0.06 + i * gap, 0, wide - 0.02, 0.02, deep, colour) for i in range(floors)]
    rows += [
        box(0, 0, -deep / 2 + 0.006, wide, tall, 0.012, times(colour, 0.6)),
        box(0, tall - 0.02, 0, wide, 0.02, deep, colour),
    ]
    tile = drawn(rng, "books")
    faces, uvs = [], []
    for i in range(floors):
        low, high, z = 0.08 + i * gap, 0.08 + i * gap + gap * 0.82, deep / 2 - 0.06
        left, right = -wide / 2 + 0.03, wide / 2 - 0.03
        if rng.random() < 0.35:
            right = left + (right - left) * rng.uniform(0.3, 0.7)
            rows.append(
                box(
                    rng.uniform(right + 0.05, wide / 2 - 0.05),
                    low,
                    0,
                    0.1,
                    rng.uniform(0.08, 0.2),
                    0.1,
                    choose(rng, CLOTH),
                )
            )
        faces.append([[left, low, z], [right, low, z], [right, high, z], [left, high, z]])
        first = rng.uniform(0, 1)
        uvs.append((first, first + (right - left) / tile.metres[0]))
    backs = quads(np.array(faces), np.ones(3), texture=tile.levels[0])
    return Item(kind="shelf", meshes=(boxes(rows), _slid(backs, np.array(uvs))), half=(wide / 2, deep / 2), height=tall)


def _slid(mesh: Mesh, spans: np.ndarray) -> Mesh:
    """Quads whose u runs over the given spans of a repeating texture."""
    assert mesh.uv is not None
    u = mesh.uv.reshape(len(spans), 6, 2).copy()
    u[..., 0] = spans[:, :1] + u[..., 0] * (spans[:, 1:] - spans[:, :1])
    uv = u.reshape(-1, 3, 2).astype(np.float32)
    return Mesh(vertices=mesh.vertices, faces=mesh.faces, colour=mesh.colour, uv=uv, texture=mesh.texture, repeat=True)


def cabinet(rng: np.random.Generator) -> Item:
    """A sideboard, a chest of drawers or a wardrobe, with gaps and knobs."""
    style = rng.integers(3)
    wide, tall, deep = ((1.2, 0.8, 0.42), (0.8, 1.0, 0.45), (1.1, 2.0, 0.58))[int(style)]
    wide, tall = wide * rng.uniform(0.8, 1.3), tall * rng.uniform(0.9, 1.1)
    colour = choose(rng, (*WOOD, (0.92, 0.92, 0.9), (0.5, 0.52, 0.54)))
    rows = [
        box(0, 0.06, 0, wide, tall - 0.06, deep, times(colour, 0.8)),
        box(0, 0, -0.02, wide - 0.06, 0.06, deep - 0.06, times(colour, 0.4)),
    ]
    across, down = ((3, 1), (1, 4), (2, 1))[int(style)]
    for i in range(across):
        for j in range(down):
            w, h = wide / across, (tall - 0.08) / down
            x, y = (i + 0.5) * w - wide / 2, 0.07 + j * h
            rows.append(box(x, y + 0.006, deep / 2 + 0.004, w - 0.012, h - 0.012, 0.016, around(rng, colour, 0.02)))
            knob = x if down > 1 else x + (w / 2 - 0.06) * (1 if i % 2 == 0 else -1)
            rows.append(
                box(
                    knob,
                    y + h / 2,
                    deep / 2 + 0.02,
                    0.02 if down == 1 else 0.12,
                    0.12 if down == 1 else 0.015,
                    0.02,
                    (0.25, 0.24, 0.22),
                )
            )
    item = [wooden(rng, rows)]
    if tall < 1.3:
        things = on_top(rng, wide, deep, tall, int(rng.integers(0, 5)))
        item += [join(things)] if things else []
    return Item(kind="cabinet", meshes=tuple(item), half=(wide / 2, deep / 2 + 0.03), height=tall)


def television(rng: np.random.Generator) -> Item:
    """On a low stand; off, or showing something."""
    wide, colour = rng.uniform(0.9, 1.3), choose(rng, (*WOOD, (0.9, 0.9, 0.9), (0.15, 0.15, 0.15)))
    tall = wide * 0.56
    rows = [box(0, 0, 0, wide + 0.3, 0.42, 0.38, colour), box(0, 0.42, 0, 0.3, 0.06, 0.2, (0.08, 0.08, 0.08))]
    rows += [box(0, 0.47, 0, wide, tall, 0.05, (0.06, 0.06, 0.07))]
    z, low, high = 0.027, 0.485, 0.455 + tall
    face = np.array(
        [
            [
                [-wide / 2 + 0.015, low, z],
                [wide / 2 - 0.015, low, z],
                [wide / 2 - 0.015, high, z],
                [-wide / 2 + 0.015, high, z],
            ]
        ]
    )
    off = rng.random() < 0.5
    glows = (
        ()
        if off
        else ((face, (float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.4, 0.8)), float(rng.uniform(0.5, 0.95)))),)
    )
    return Item(kind="television", meshes=(boxes(rows),), half=(wide / 2 + 0.15, 0.2), height=0.48 + tall, glows=glows)


def floor_lamp(rng: np.random.Generator) -> Item:
    """A shade on a pole; the shade shines."""
    tall, metal = rng.uniform(1.4, 1.75), choose(rng, METAL)
    pole = rods([(0, 0, 0, 0.14, 0, 0.025, 0, 0.13, *metal), (0, 0.02, 0, 0.012, 0, tall, 0, 0.012, *metal)], sides=10)
    low, high, bottom = rng.uniform(0.16, 0.22), rng.uniform(0.1, 0.16), tall - 0.22
    angle = np.arange(13) * (2 * np.pi / 12)
    ring = np.stack([np.cos(angle), np.zeros(13), -np.sin(angle)], 1)
    below, above = ring * low + (0, bottom, 0), ring * high + (0, bottom + 0.26, 0)
    shade = np.stack([below[:-1], below[1:], above[1:], above[:-1]], 1)
    glows = ((shade, (1.0, 0.90, float(rng.uniform(0.62, 0.78)))),)
    return Item(kind="lamp", meshes=(pole,), half=(low, low), height=tall + 0.05, glows=glows)


def plant(rng: np.random.Generator, tall: float | None = None) -> Item:
    """A pot with long or broad leaves."""
    tall = rng.uniform(0.5, 1.6) if tall is None else tall
    pot_height, radius = min(0.4, 0.32 * tall + 0.05), rng.uniform(0.11, 0.18)
    pot = lathe(
        [(radius * 0.72, 0), (radius, pot_height), (radius * 0.9, pot_height), (0, pot_height - 0.03)],
        choose(rng, CLOTH + WOOD),
        sides=12,
    )
    count = int(rng.integers(60, 130))
    lift = rng.uniform(0, 1, count) ** 0.7
    angle = rng.uniform(0, 2 * np.pi, count)
    spread = rng.uniform(0.16, 0.28) + 0.08 * tall
    out = np.stack([np.cos(angle), np.zeros(count), np.sin(angle)], 1)
    reach = spread * np.sin(np.pi * (0.2 + 0.75 * lift)) * rng.uniform(0.3, 1, count)
    centres = out * reach[:, None] + np.array([0, 1, 0]) * (pot_height + 0.04 + lift * (tall - pot_height))[:, None]
    green = np.array([0.42, 0.62, 0.30]) * rng.uniform(0.7, 1.1) * (1 + 0.15 * rng.normal(size=(count, 1)))
    normals = out * 0.7 + np.array([0, 1.0, 0]) + 0.4 * rng.normal(size=(count, 3))
    leaf = cards(
        rng, centres, normals, rng.uniform(0.10, 0.2, count), np.clip(green, 0, 1), texture("leaves", 0).levels[2]
    )
    stems = [
        (0, pot_height - 0.03, 0, 0.012, float(x), float(y), float(z), 0.005, 0.3, 0.36, 0.2)
        for x, y, z in centres[:12]
    ]
    wide = float(spread + 0.06)
    return Item(kind="plant", meshes=(pot, leaf, rods(stems, sides=3)), half=(wide, wide), height=tall + 0.1)


def crates(rng: np.random.Generator) -> Item:
    """Boxes of cardboard or wood, one on the other."""
    rows, y = [], 0.0
    wide = rng.uniform(0.35, 0.6)
    colour = around(rng, (0.70, 0.55, 0.38), 0.15)
    for _ in range(int(rng.integers(1, 4))):
        w, tall = wide * rng.uniform(0.75, 1), rng.uniform(0.22, 0.42)
        rows.append(box(float(rng.uniform(-0.04, 0.04)), y, 0, w, tall, w * 0.8, around(rng, colour, 0.06)))
        rows.append(box(0, y + tall, 0, w * 0.14, 0.002, w * 0.78, times(colour, 1.15)))
        y += tall + 0.002
    return Item(kind="box", meshes=(wooden(rng, rows),), half=(wide / 2 + 0.04, wide * 0.45), height=y)
