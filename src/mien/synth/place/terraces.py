"""Terraces above a landscape, and stairs that lead up from them."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.place import furniture, nature, seating, town
from mien.synth.place.colours import around
from mien.synth.place.forms import boxes, rods
from mien.synth.place.grounds import hills, open_sky, spread
from mien.synth.place.grounds import town as far_town
from mien.synth.place.indoors import some, tile
from mien.synth.place.rooms import Maker, open_air, scatter
from mien.synth.place.scenery import Item, Scenery
from mien.synth.place.sky import Far, silhouette
from mien.synth.place.textures import drawn

__all__ = ["terrace"]

_UP = (0.0, 1.0, 0.0)


def terrace(s: Scenery) -> None:
    """A tiled terrace above a landscape, with a balustrade; or stairs that lead up to a wall."""
    rng = s.rng
    surface = tile(s, "slabs", "tiles", "paving", "laminate", "marble", "small_tiles")
    tint = around(rng, (0.86, 0.82, 0.76), 0.12)
    far = open_sky(s, np.array([0.40, 0.46, 0.36]) * s.light.on(_UP))
    _landscape(s, far)
    (ex, _, ez), ahead = s.plan.eye, s.ahead
    xs, zs = [ex, *(p.x for p in s.people)], [ez, *(p.z for p in s.people)]
    x0, x1, z0, z1 = min(xs) - rng.uniform(2, 6), max(xs) + rng.uniform(2, 6), min(zs) - 1.0, max(zs) + 1.0
    edge = (z0 if ahead < 0 else z1) + ahead * rng.uniform(0.2, 4.0)
    z0, z1 = (edge, z1 + 3) if ahead < 0 else (z0 - 3, edge)
    spread(s, "floor", surface, tint, rough=0.04, bounds=(x0 - ex, z0 - ez, x1 - ex, z1 - ez))
    if rng.random() < 0.4:
        _stairs(s, x0, x1, edge, ahead)
    else:
        _balustrade(s, x0, x1, edge)
    for x, side in ((x0, -1), (x1, 1)):
        if rng.random() < 0.45:
            _house_wall(s, x, side, z0, z1)
        else:
            item = town.railing(rng, z1 - z0, 1.0)
            s.place(item, x, (z0 + z1) / 2, math.pi / 2)
    room = open_air(s)
    room.x0, room.x1, room.z0, room.z1 = x0, x1, z0, z1
    things: tuple[Maker, ...] = (furniture.plant, town.cafe, furniture.plant, seating.bench, town.parasol, _potted)
    scatter(s, room, things, some(s, 1, 4), square=False)


def _potted(rng: np.random.Generator) -> Item:
    return town.planter(rng, nature.bush(rng, 0.7, 60))


def _landscape(s: Scenery, far: Far) -> None:
    """Seen from above: fields, a town or the sea below the horizon."""
    rng = s.rng
    hills(s, far, (0.36, 0.44, 0.38), rng.uniform(0.04, 0.14), int(rng.integers(1, 4)), steep=bool(rng.random() < 0.4))
    light = s.light.on(_UP)
    base = np.array([0.34, 0.46, 0.60]) if rng.random() < 0.4 else np.array([0.36, 0.44, 0.26])
    for k in range(5):
        depth = -0.02 * 2.2**k
        tone = np.clip(base * light * rng.uniform(0.85, 1.15), 0, 1)
        haze = 0.75 * 0.7**k
        silhouette(
            s.canvas,
            s.view,
            far.azimuth,
            np.full(len(far.azimuth), depth * 0.45),
            tone + (s.light.sky.horizon - tone) * haze,
            bottom=depth * 3 - 1.2 * (k == 4),
        )
    if rng.random() < 0.5:
        far_town(s, far, 0.03, lit=s.light.sky.night)


def _balustrade(s: Scenery, x0: float, x1: float, z: float) -> None:
    rng = s.rng
    if rng.random() < 0.5:
        s.place(town.railing(rng, x1 - x0, 1.0), (x0 + x1) / 2, z)
        return
    stone = around(rng, (0.84, 0.81, 0.75), 0.06)
    rows = [(x0, 0.88, z - 0.13, x1, 1.0, z + 0.13, *stone), (x0, 0, z - 0.13, x1, 0.12, z + 0.13, *stone)]
    posts = []
    for x in np.arange(x0 + 0.15, x1, 0.32)[:60].tolist():
        posts += [(x, 0.12, z, 0.06, x, 0.4, z, 0.085, *stone), (x, 0.4, z, 0.085, x, 0.88, z, 0.045, *stone)]
    s.add("balustrade", boxes(rows))
    s.add("balustrade", rods(posts, sides=6))


def _stairs(s: Scenery, x0: float, x1: float, z: float, ahead: float) -> None:
    """Steps up, away from the camera, to a wall."""
    rng, stone, count = s.rng, around(s.rng, (0.78, 0.75, 0.70), 0.08), int(s.rng.integers(4, 14))
    rows = []
    for k in range(count):
        a, b = z + ahead * 0.32 * k, z + ahead * 0.32 * (k + 1)
        rows.append((x0, 0, min(a, b), x1, 0.16 * (k + 1), max(a, b), *around(rng, stone, 0.02)))
    end = z + ahead * 0.32 * count
    rows.append((x0, 0, min(end, end + ahead * 3), x1, 0.16 * count, max(end, end + ahead * 3), *stone))
    marble = drawn(rng, "concrete")
    s.add("stairs", boxes(rows, texture=marble.levels[0], metres=marble.metres, grounded=False))
    behind = end + ahead * 3
    origin, along = ((x0, 0.16 * count, behind), (1, 0, 0)) if ahead < 0 else ((x1, 0.16 * count, behind), (-1, 0, 0))
    s.sheet(
        "wall",
        origin,
        along,
        (0, 1, 0),
        (x1 - x0, 3.4),
        tile(s, "stones", "bricks", "plaster", "hedge"),
        around(rng, (0.85, 0.83, 0.8), 0.1),
    )
    if rng.random() < 0.6:
        x = rng.uniform(x0 + 1, x1 - 1)
        steps = [
            (x, 0.16 * k, z + ahead * 0.32 * k, 0.02, x, 0.16 * k + 0.95, z + ahead * 0.32 * k, 0.02, 0.3, 0.3, 0.3)
            for k in range(0, count, 3)
        ]
        steps.append((x, 0.95, z, 0.025, x, 0.16 * count + 0.95, end, 0.025, 0.3, 0.3, 0.3))
        s.add("railing", rods(steps, sides=6, grounded=False))


def _house_wall(s: Scenery, x: float, side: int, z0: float, z1: float) -> None:
    """The house that the terrace belongs to."""
    origin, along = ((x, 0.0, z1), (0, 0, -1)) if side < 0 else ((x, 0.0, z0), (0, 0, 1))
    surface = tile(s, "plaster", "bricks", "stones", "facade", "white_bricks")
    s.sheet("wall", origin, along, (0, 1, 0), (z1 - z0, 6.2), surface, around(s.rng, (0.94, 0.92, 0.88), 0.05))
    s.plan.claim((min(x, x + side), z0, max(x, x + side), z1))
