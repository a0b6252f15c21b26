"""Large rooms: a gym, a stage."""

from __future__ import annotations

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place import seating, sport
from mien.synth.place.colours import PAINT, WOOD, choose
from mien.synth.place.forms import boxes, join, placed, rods
from mien.synth.place.indoors import lectern, some, tile
from mien.synth.place.openings import ceiling_lights, curtain, windows
from mien.synth.place.rooms import Room, Wall, against, ceiling, enclose, faced, lay_floor, line_walls, scatter
from mien.synth.place.scenery import Item, Scenery, Shade
from mien.synth.place.solid_kernels import shade_pools

__all__ = ["gym", "stage"]


def gym(s: Scenery) -> None:
    """A sports hall: boards with coloured lines, wall bars, mats, high windows."""
    rng = s.rng
    room = enclose(s, (2.0, 6.0), (9.0, 9.0), rng.uniform(5.5, 7.5))
    floor = choose(rng, ((0.86, 0.66, 0.42), (0.78, 0.56, 0.34), (0.52, 0.60, 0.54), (0.42, 0.52, 0.66)))
    lay_floor(s, room, tile(s, "boards", "laminate"), floor)
    lower = tile(s, "wall_boards", "blocks")
    dado = (2.4, lower, choose(rng, (*PAINT[5:10], WOOD[0], WOOD[4])))
    line_walls(s, room, tile(s, "blocks", "paint", "bricks"), choose(rng, PAINT[:5]), dado=dado)
    ceiling(s, room, tile(s, "roller"), (0.82, 0.82, 0.80))
    ceiling_lights(s, room, 3.5, 3.0, (0.4, 1.5), (1.0, 1.0, 0.97))
    bounds = (room.x0 + 0.8, room.z0 + 0.8, room.x1 - 0.8, room.z1 - 0.8)
    sport.court(s, bounds, choose(rng, ((0.9, 0.9, 0.88), (0.2, 0.3, 0.6), (0.7, 0.2, 0.16))))
    windows(s, room, (1.8, 3.0), 3.4, tall=1.3)
    for wall in faced(room):
        _wall_bars(s, wall)
    walls = [wall for wall in faced(room) if wall.length > 6]
    if walls and rng.random() < 0.6:
        wall = walls[int(rng.integers(len(walls)))]
        s.place(sport.basket(), *wall.at(wall.length / 2, 0.02), wall.turn)
    against(s, room, (sport.vaulting_box, seating.bench, sport.mats, sport.mats, sport.goal), some(s, 1, 4))
    scatter(s, room, (sport.flat_mat, sport.ball, sport.vaulting_box, seating.bench), some(s, 1, 4), square=False)


def _wall_bars(s: Scenery, wall: Wall) -> None:
    """Ladders of round bars along a wall."""
    if s.rng.random() < 0.4 or wall.length < 5:
        return
    colour, count = choose(s.rng, (*WOOD[:2], WOOD[4])), int(s.rng.integers(2, 6))
    start = float(s.rng.uniform(0.5, max(0.6, wall.length - count - 0.5)))
    rows = [(k * 1.0, 0, 0.05, 0.035, k * 1.0, 2.5, 0.05, 0.035, *colour) for k in range(count + 1)]
    rows += [
        (0.0, float(y), 0.06, 0.02, float(count), float(y), 0.06, 0.02, *colour) for y in np.arange(0.25, 2.5, 0.17)
    ]
    x, z = wall.at(start)
    s.add("wall_bars", placed(rods(rows, sides=4), x, z, wall.turn), casts=False)
    wall.taken.append((start, start + count))


def stage(s: Scenery) -> None:
    """Dark boards before a curtain, pools of light on both."""
    rng = s.rng
    room = enclose(s, (1.5, 4.0), (8.0, 8.0), rng.uniform(5.0, 7.0))
    pool = _pools(s, room)
    boards = choose(rng, ((0.32, 0.27, 0.24), (0.54, 0.38, 0.27), (0.20, 0.20, 0.21), (0.64, 0.48, 0.35)))
    steps = np.arange(0.6, 40, 0.6).tolist()
    size = room.x1 - room.x0, room.z1 - room.z0
    s.sheet("floor", (room.x0, 0, room.z1), (1, 0, 0), (0, 0, -1), size, tile(s, "boards", "planks"), boards,
            shade=pool, lines=(steps, steps))  # fmt: skip
    line_walls(s, room, None, (0.07, 0.07, 0.08))
    ceiling(s, room, None, (0.03, 0.03, 0.03))
    cloth = choose(
        rng, ((0.62, 0.08, 0.10), (0.45, 0.05, 0.12), (0.12, 0.16, 0.40), (0.2, 0.2, 0.21), (0.30, 0.10, 0.36))
    )
    for wall in faced(room):
        x, z = wall.at(wall.length / 2)
        hung = placed(curtain(rng, wall.length, 0.02, room.height, cloth, 2.2), x, z, wall.turn)
        shades = np.clip(hung.colour * pool(hung.vertices), 0, 1)
        s.add("curtain", Mesh(vertices=hung.vertices, faces=hung.faces, colour=shades, two_sided=True), casts=False)
    _rig(s, room)
    things = (lectern, seating.stool, seating.chair, _microphone, _speaker, _speaker)
    scatter(s, room, things, some(s, 1, 4), square=False)


def _pools(s: Scenery, room: Room) -> Shade:
    """Light that falls in circles: white around people, coloured elsewhere."""
    rng = s.rng
    spots = [(person.x, person.z, rng.uniform(1.0, 1.7), 1.0, 1.0, 1.0) for person in s.people]
    for colour in s.light.colour[1:]:
        for _ in range(2):
            tone = 1.3 * colour / max(float(colour.max()), 1e-6)
            place = rng.uniform(room.x0, room.x1), rng.uniform(room.z0, room.z1), rng.uniform(0.8, 1.6)
            spots.append((*place, *tone))
    table = np.array(spots)
    return lambda points: shade_pools(points, table, 0.36, 0.0)


def _rig(s: Scenery, room: Room) -> None:
    """Spotlights on a bar under the ceiling."""
    count, y = int(s.rng.integers(4, 8)), room.height - 0.5
    xs, z = np.linspace(room.x0 + 0.8, room.x1 - 0.8, count), room.z0 + 1.4
    rows = [(room.x0, y + 0.2, z, 0.03, room.x1, y + 0.2, z, 0.03, 0.1, 0.1, 0.1)]
    rows += [(float(x), y + 0.1, z - 0.15, 0.12, float(x), y - 0.12, z + 0.15, 0.13, 0.08, 0.08, 0.08) for x in xs]
    s.add("spotlight", rods(rows, sides=10, grounded=False), casts=False)
    tones = [c / max(float(c.max()), 1e-6) for c in s.light.colour]
    for k, x in enumerate(xs):
        a, middle = 0.095, np.array([x, y - 0.125, z + 0.157])
        up = np.array([0, 0.81, 0.59]) * a
        side = np.array([a, 0, 0])
        face = np.array([[middle - side - up, middle + side - up, middle + side + up, middle - side + up]])
        tone = 0.5 + 0.5 * tones[k % len(tones)]
        s.glow("spotlight", face, (float(tone[0]), float(tone[1]), float(tone[2])))


def _microphone(rng: np.random.Generator) -> Item:
    tall, black = rng.uniform(1.3, 1.55), (0.12, 0.12, 0.12)
    rows = [(0, 0, 0, 0.14, 0, 0.03, 0, 0.13, *black), (0, 0, 0, 0.012, 0, tall, 0, 0.012, *black),
            (0, tall, 0, 0.02, 0.02, tall + 0.12, 0.06, 0.028, 0.3, 0.3, 0.3)]  # fmt: skip
    return Item(kind="microphone", meshes=(rods(rows, sides=8),), half=(0.14, 0.14), height=tall + 0.12)


def _speaker(rng: np.random.Generator) -> Item:
    wide, tall = rng.uniform(0.4, 0.6), rng.uniform(0.6, 1.2)
    rows = [(-wide / 2, 0, -0.25, wide / 2, tall, 0.25, 0.09, 0.09, 0.09),
            (-wide / 2 + 0.03, 0.03, 0.25, wide / 2 - 0.03, tall - 0.03, 0.262, 0.16, 0.16, 0.16)]  # fmt: skip
    discs = [
        (0, tall * y, 0.26, wide * r, 0, tall * y, 0.275, wide * r * 0.8, 0.26, 0.26, 0.27)
        for y, r in ((0.33, 0.36), (0.76, 0.2))
    ]
    cones = rods(discs, sides=14, grounded=False)
    return Item(kind="speaker", meshes=(join([boxes(rows), cones]),), half=(wide / 2, 0.28), height=tall)
