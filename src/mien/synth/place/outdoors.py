"""The kinds of places in the open country: park, beach, desert."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.place import nature, seating, sport, town
from mien.synth.place.colours import CLOTH, around, choose
from mien.synth.place.forms import boxes, quads, rods
from mien.synth.place.grounds import END, hills, open_sky, ribbon, spread, woods
from mien.synth.place.grounds import town as far_town
from mien.synth.place.indoors import some, tile
from mien.synth.place.rooms import Maker, open_air, scatter
from mien.synth.place.scenery import Item, Scenery
from mien.synth.place.textures import drawn, texture

__all__ = ["ahead_of", "beach", "desert", "far_tree", "grow", "park"]

_UP = (0.0, 1.0, 0.0)


def ahead_of(s: Scenery, near: float, far: float, wide: float = 1.1) -> tuple[float, float]:
    """A place in front of the camera, `near` to `far` metres behind the first person."""
    eye, look = s.view.position, s.view.rotation[2]
    person = s.people[0]
    away = math.hypot(person.x - eye[0], person.z - eye[2]) + float(s.rng.uniform(near, far))
    spread_ = math.atan(s.view.size[1] / 2 / s.view.K[0, 0]) * wide
    turn = math.atan2(look[0], look[2]) + float(s.rng.uniform(-spread_, spread_))
    return float(eye[0] + away * math.sin(turn)), float(eye[2] + away * math.cos(turn))


def grow(s: Scenery, makers: tuple[Maker, ...], count: int, near: float, far: float) -> None:
    """Plants and the like in the middle distance."""
    for _ in range(count):
        item = makers[int(s.rng.integers(len(makers)))](s.rng)
        for _ in range(3):
            if s.put(item, *ahead_of(s, near, far), float(s.rng.uniform(0, 6))):
                break


def far_tree(rng: np.random.Generator) -> Item:
    """With few leaves, to be seen from afar."""
    return nature.tree(rng, rng.uniform(6, 10), 100)


def park(s: Scenery) -> None:
    """Grass, a way, trees near and far, a bench."""
    rng, green = s.rng, around(s.rng, (1.0, 1.0, 1.0), 0.12)
    lawn = tile(s, "grass", "lawn")
    far = open_sky(s, lawn.mean * s.light.on(_UP))
    if rng.random() < 0.5:
        hills(s, far, (0.34, 0.44, 0.30), rng.uniform(0.05, 0.14), int(rng.integers(1, 4)))
    if rng.random() < 0.25:
        far_town(s, far, 0.12, lit=s.light.sky.night, haze=0.6)
    woods(s, far, rng.uniform(0.06, 0.16))
    spread(s, "grass", lawn, green, rough=0.14, air=1500.0)
    if rng.random() < 0.65:
        _way(s)
    grow(s, (nature.tree, nature.tree, nature.conifer), some(s, 1, 2), 3, 14)
    grow(s, (far_tree, nature.conifer, far_tree), some(s, 2, 4), 14, 45)
    grow(s, (nature.bush, nature.bush, nature.rock), some(s, 1, 3), 2, 18)
    if rng.random() < 0.3:
        x, z = ahead_of(s, 5, 14)
        turn = float(rng.uniform(0, 3))
        for k in range(-2, 3):
            s.put(
                nature.hedge(rng, 3.0, 1.3), x + 3.0 * k * math.cos(turn), z - 3.0 * k * math.sin(turn), turn, pad=-1.6
            )
    things: tuple[Maker, ...] = (seating.bench, town.bin_, town.lamp_post, nature.flowers, town.bollard, nature.rock)
    scatter(s, open_air(s), things, some(s, 0, 2), square=False)
    if rng.random() < 0.6:
        _tufts(s, (0.36, 0.50, 0.18), 0.16)


def _tufts(s: Scenery, colour: tuple[float, float, float], tall: float) -> None:
    """Longer grass around people."""
    rng, person = s.rng, s.people[int(s.rng.integers(len(s.people)))]
    places = np.stack([person.x + 2.2 * rng.normal(size=70), person.z + 2.2 * rng.normal(size=70)], 1)
    clear = [math.hypot(x - p.x, z - p.z) > p.radius + 0.35 for p in s.people for x, z in places]
    keep = np.array(clear).reshape(len(s.people), -1).all(0)
    if keep.any():
        s.add("grass_tuft", nature.tufts(rng, places[keep], tall, colour), casts=False)


def _way(s: Scenery) -> None:
    """A bent path that passes by somebody."""
    rng, person = s.rng, s.people[int(s.rng.integers(len(s.people)))]
    look = s.view.rotation[2]
    turn = math.atan2(look[0], look[2]) + float(rng.normal(0, 0.5))
    t = np.concatenate([np.arange(-8, 16, 1.0), np.geomspace(16, 90, 14)])
    bend = float(rng.uniform(-0.02, 0.02))
    side = bend * t * np.abs(t) + float(rng.normal(0, 1.0))
    x = person.x + t * math.sin(turn) + side * math.cos(turn)
    z = person.z + t * math.cos(turn) - side * math.sin(turn)
    surface = tile(s, "gravel", "soil", "asphalt", "brick_paving")
    tint = around(rng, (0.86, 0.80, 0.70), 0.1) if surface.mean[0] < 0.7 else around(rng, (0.62, 0.60, 0.58), 0.1)
    ribbon(s, "path", np.stack([x, z], 1), float(rng.uniform(1.4, 3.2)), surface, tint)


def beach(s: Scenery) -> None:
    """Sand, the sea behind it, parasols, palms."""
    rng = s.rng
    sand, sea = tile(s, "sand", "dune"), tile(s, "water")
    tint, blue = around(rng, (0.98, 0.95, 0.90), 0.06), np.array([0.24, 0.46, 0.58]) * rng.uniform(0.75, 1.15, 3)
    water = sea.mean * blue * s.light.on(_UP)
    far = open_sky(s, water)
    if rng.random() < 0.5:
        hills(s, far, (0.36, 0.42, 0.34), rng.uniform(0.02, 0.07), 1, steep=bool(rng.random() < 0.5))
    _, _, z = s.plan.eye
    shore = min(z, *(p.z - p.radius for p in s.people)) - rng.uniform(2, 14) - z
    wet = 1.8
    spread(s, "sand", sand, tint, bounds=(-END, shore, END, END), air=1500.0)
    spread(s, "sand", sand, [0.66 * c for c in tint], bounds=(-END, shore - wet, END, shore), air=1500.0)
    foam = texture("plaster", 1)
    for k, broad in ((0.0, 0.5), (3.5, 0.35), (8.5, 0.3)):
        edge = shore - wet - k
        spread(s, "foam", foam, (0.95, 0.97, 0.98), bounds=(-END, edge - broad, END, edge), air=1500.0)
    for high, low in ((wet + 0.5, 3.5 + wet), (wet + 3.85, 8.5 + wet), (wet + 8.8, END)):
        spread(s, "sea", sea, blue.tolist(), rough=0.05, bounds=(-END, shore - low, END, shore - high), air=2500.0)
    if rng.random() < 0.5:
        grow(s, (nature.palm,), some(s, 1, 2), 1, 12)
    things: tuple[Maker, ...] = (town.parasol, _towel, _lounger, nature.rock, sport.ball)
    _on_land(s, things, some(s, 1, 5), z + shore)


def _on_land(s: Scenery, makers: tuple[Maker, ...], count: int, edge: float) -> None:
    """Put things behind a line across the place."""
    for _ in range(count):
        item = makers[int(s.rng.integers(len(makers)))](s.rng)
        for _ in range(4):
            x, z = ahead_of(s, -1, 12)
            if z - max(item.half) > edge + 0.2 and s.put(item, x, z, float(s.rng.uniform(0, 6))):
                break


def _towel(rng: np.random.Generator) -> Item:
    face = np.array([[[-0.45, 0.012, 0.9], [0.45, 0.012, 0.9], [0.45, 0.012, -0.9], [-0.45, 0.012, -0.9]]])
    surface = drawn(rng, "stripes").levels[0]
    return Item(
        kind="towel",
        meshes=(quads(face, np.array(choose(rng, CLOTH)), texture=surface),),
        half=(0.45, 0.9),
        height=0.02,
    )


def _lounger(rng: np.random.Generator) -> Item:
    wood, cloth = choose(rng, ((0.9, 0.9, 0.9), (0.7, 0.52, 0.34))), choose(rng, CLOTH)
    rows = [(s * 0.3, 0, z, 0.025, s * 0.3, 0.3, z, 0.025, *wood) for s in (-1, 1) for z in (-0.5, 0.7)]
    bed = boxes([(-0.33, 0.28, -0.35, 0.33, 0.36, 0.95, *cloth)])
    a, b = (0.36, -0.35), (0.8, -0.85)
    back = quads(
        np.array([[[-0.33, a[0], a[1]], [0.33, a[0], a[1]], [0.33, b[0], b[1]], [-0.33, b[0], b[1]]]]),
        np.array(cloth),
        two_sided=True,
    )
    return Item(kind="lounger", meshes=(rods(rows, sides=5), bed, back), half=(0.35, 0.95), height=0.8)


def desert(s: Scenery) -> None:
    """Dunes, table mountains, rocks, cacti."""
    rng = s.rng
    sand, tint = tile(s, "dune", "sand"), around(rng, (0.98, 0.84, 0.66), 0.08)
    far = open_sky(s, sand.mean * tint * s.light.on(_UP))
    if rng.random() < 0.5:
        hills(s, far, (0.62, 0.40, 0.28), rng.uniform(0.06, 0.16), 2, steep=True)
    else:
        hills(s, far, tuple(float(c) * 0.86 for c in tint), rng.uniform(0.04, 0.12), 3)
    spread(s, "sand", sand, tint, rough=0.12, air=900.0)
    makers: tuple[Maker, ...] = (nature.rock, nature.cactus, nature.rock) if rng.random() < 0.6 else (nature.rock,)
    grow(s, makers, some(s, 2, 5), 0.5, 25)
    if rng.random() < 0.5:
        _tufts(s, (0.66, 0.56, 0.34), 0.22)
