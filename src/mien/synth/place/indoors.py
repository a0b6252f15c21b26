"""The kinds of places with a roof: studio, living room, office, corridor, classroom."""

from __future__ import annotations

import numpy as np

from mien.synth.place import furniture, joinery, seating, tables
from mien.synth.place.colours import CLOTH, METAL, PAINT, WOOD, around, choose, times
from mien.synth.place.forms import Colour, placed, quads
from mien.synth.place.openings import (
    board,
    ceiling_lights,
    door,
    doors,
    outlook,
    pendant,
    pictures,
    skirting,
    window,
    windows,
)
from mien.synth.place.rooms import (
    Room,
    Wall,
    against,
    ceiling,
    enclose,
    faced,
    lay_floor,
    line_walls,
    open_air,
    scatter,
    walled,
)
from mien.synth.place.scenery import Item, Scenery
from mien.synth.place.textures import Texture, drawn

__all__ = ["corridor", "lectern", "lecture", "living", "office", "some", "studio", "tile"]

_WHITE: Colour = (0.98, 0.98, 0.97)


def tile(s: Scenery, *names: str) -> Texture:
    """One of these textures."""
    return drawn(s.rng, *names)


def some(s: Scenery, low: int, high: int) -> int:
    """How many things: more or fewer, as the recipe's clutter has it."""
    return round(s.rng.uniform(low, high + 0.999) * 2 * s.clutter)


def studio(s: Scenery) -> None:
    """A seamless background that runs from the floor up, brighter where a lamp lights it."""
    rng, eye = s.rng, s.plan.eye
    middle = np.array([np.mean([p.x for p in s.people]), np.mean([p.z for p in s.people])])
    away = middle - (eye[0], eye[2])
    length = float(np.linalg.norm(away))
    away = away / length if length > 0.3 else np.array([0.0, -1.0])
    reach = max(float((p.x - middle[0]) * away[0] + (p.z - middle[1]) * away[1]) + p.radius for p in s.people)
    back, bend = reach + rng.uniform(0.5, 3.0), rng.uniform(0.5, 1.4)
    papers = (*PAINT, _WHITE, _WHITE, (0.5, 0.5, 0.5), (0.30, 0.31, 0.33), (0.12, 0.12, 0.13), (0.30, 0.44, 0.60))
    colour = np.array(choose(rng, papers))
    angle = np.linspace(0, np.pi / 2, 9)[1:]
    front = np.concatenate([-np.geomspace(60, 2, 8), np.linspace(-1, back, 6)])
    wall = np.geomspace(0.5, 16, 8)
    depth = np.concatenate([front, back + bend * np.sin(angle), np.full(len(wall), back + bend)])
    high = np.concatenate([0 * front, bend * (1 - np.cos(angle)), bend + wall])
    side = np.concatenate([-np.geomspace(50, 0.8, 9), [0.0], np.geomspace(0.8, 50, 9)])
    across = np.array([-away[1], away[0]])
    ground = middle + depth[:, None, None] * away + side[:, None] * across
    points = np.stack([ground[..., 0], np.broadcast_to(high[:, None], ground.shape[:2]), ground[..., 1]], -1)
    spot = np.exp(-(side**2 / 14 + (high[:, None] - 1.2) ** 2 / 8 + np.minimum(depth[:, None] - back, 0) ** 2 / 16))
    dark = rng.uniform(0.45, 0.95)
    shade = (dark + (1 - dark) * spot)[..., None] * colour
    rows = len(front)
    s.grid("floor", points[:rows], shade[:rows], casts=False)
    s.grid("wall", points[rows - 2 :], shade[rows - 2 :], casts=False)
    shown = np.clip(255 * colour * dark * s.light.on((0, 0, 1)), 0, 255).astype(np.uint8)
    s.canvas[:] = np.tile(shown, (s.canvas.shape[1], 1))  # row by row: numpy is slow at copying three numbers a time
    for _ in range(int(rng.integers(0, 2)) if s.clutter > 0 else 0):
        scatter(s, open_air(s), (seating.stool, furniture.crates, seating.chair), 1, square=False)


def living(s: Scenery) -> None:
    """A room to live in."""
    rng = s.rng
    room = enclose(s, (0.5, 2.2), (3.4, 3.4), rng.uniform(2.4, 3.1))
    wood, style = choose(rng, WOOD), rng.random()
    if style < 0.62:
        lay_floor(s, room, tile(s, "planks", "laminate", "boards", "basket"), wood, turned=bool(rng.random() < 0.5))
    elif style < 0.82:
        lay_floor(s, room, tile(s, "carpet"), choose(rng, (*CLOTH, *PAINT[:5])))
    else:
        lay_floor(s, room, tile(s, "tiles", "marble", "chess_tiles"), around(rng, (0.9, 0.87, 0.82), 0.1))
    _walls(s, room)
    ceiling(s, room, None, around(rng, (0.97, 0.97, 0.96), 0.02))
    skirting(s, room, _WHITE if rng.random() < 0.6 else times(wood, 0.9))
    doors(s, room, 1)
    windows(s, room, (0.8, 2.0), float(rng.choice([0.1, 0.5, 0.8, 0.9])))
    if rng.random() < 0.5:
        _rug(s, room)
    if rng.random() < 0.5:
        pendant(s, room, (room.x0 + room.x1) / 2, (room.z0 + room.z1) / 2)
    against(
        s,
        room,
        (
            seating.sofa,
            furniture.shelf,
            furniture.cabinet,
            furniture.plant,
            seating.armchair,
            furniture.television,
            furniture.floor_lamp,
            furniture.cabinet,
        ),
        some(s, 3, 6),
    )
    scatter(
        s,
        room,
        (
            tables.coffee_table,
            tables.table,
            seating.armchair,
            furniture.plant,
            seating.chair,
            seating.stool,
            furniture.floor_lamp,
        ),
        some(s, 1, 3),
    )
    pictures(s, room, some(s, 1, 4))


def _walls(s: Scenery, room: Room) -> None:
    """Paint, paper, bricks or boards; now and then panelling below."""
    rng, paint = s.rng, choose(s.rng, PAINT)
    style = rng.random()
    dado = None
    if rng.random() < 0.15:
        dado = (
            float(rng.uniform(0.8, 1.2)),
            tile(s, "wall_boards"),
            choose(rng, (*WOOD[:4], _WHITE, PAINT[5], PAINT[9])),
        )
    if style < 0.55:
        line_walls(s, room, tile(s, "paint", "plaster"), paint, dado=dado)
    elif style < 0.8:
        line_walls(s, room, tile(s, "stripes", "motifs"), choose(rng, PAINT[:11]), dado=dado)
    elif style < 0.93:
        line_walls(s, room, tile(s, "bricks", "white_bricks"), around(rng, (0.95, 0.95, 0.95), 0.05))
    else:
        line_walls(s, room, tile(s, "wall_boards"), choose(rng, WOOD))


def _rug(s: Scenery, room: Room) -> None:
    """Under or beside somebody."""
    rng, person = s.rng, s.people[int(s.rng.integers(len(s.people)))]
    half = rng.uniform(0.7, 1.5), rng.uniform(0.5, 1.1)
    x = float(
        np.clip(
            person.x + rng.normal(0, 0.4),
            room.x0 + half[0] + 0.1,
            max(room.x0 + half[0] + 0.1, room.x1 - half[0] - 0.1),
        )
    )
    z = float(
        np.clip(
            person.z + rng.normal(0, 0.4),
            room.z0 + half[1] + 0.1,
            max(room.z0 + half[1] + 0.1, room.z1 - half[1] - 0.1),
        )
    )
    a, b, y = x - half[0], z + half[1], 0.006
    face = np.array(
        [[[a, y, b], [a + 2 * half[0], y, b], [a + 2 * half[0], y, b - 2 * half[1]], [a, y, b - 2 * half[1]]]]
    )
    pattern = tile(s, "rug")
    s.add("rug", quads(face, np.full(3, 0.95), texture=pattern.levels[0]), casts=False)


def office(s: Scenery) -> None:
    """Desks, screens, cool light from above."""
    rng = s.rng
    room = enclose(s, (0.8, 4.0), (4.5, 4.5), rng.uniform(2.6, 3.2))
    lay_floor(
        s,
        room,
        tile(s, "carpet_tiles", "carpet", "laminate", "concrete"),
        choose(rng, ((0.42, 0.45, 0.50), (0.55, 0.55, 0.56), (0.36, 0.42, 0.40), (0.62, 0.56, 0.48))),
    )
    line_walls(s, room, tile(s, "paint"), choose(rng, (*PAINT[:5], PAINT[9], PAINT[13])))
    ceiling(s, room, tile(s, "tiles"), (0.97, 0.97, 0.97))
    ceiling_lights(s, room, 2.4, 1.8, (1.2, 0.3) if rng.random() < 0.5 else (0.6, 0.6), (1.0, 1.0, 0.98))
    skirting(s, room, choose(rng, METAL), 0.07)
    doors(s, room, 1)
    windows(s, room, (1.4, 3.0), float(rng.choice([0.1, 0.85])), tall=1.7)
    wall = _longest(room)
    if wall is not None and rng.random() < 0.5:
        u = wall.length * rng.uniform(0.3, 0.7)
        if wall.room_for(u - 1.1, u + 1.1):
            board(s, wall, u, 1.5, (2.1, 1.05), "whiteboard", "board")
    scatter(s, room, (tables.desk, tables.desk, seating.office_chair, furniture.plant), some(s, 2, 6))
    against(s, room, (furniture.cabinet, furniture.shelf, furniture.plant, tables.desk), some(s, 2, 4))
    scatter(s, room, (seating.office_chair, furniture.crates), some(s, 0, 2), square=False)
    pictures(s, room, some(s, 0, 2))


def _longest(room: Room) -> Wall | None:
    walls = faced(room)
    return max(walls, key=lambda wall: wall.length) if walls else None


def corridor(s: Scenery) -> None:
    """Long and narrow, doors on both sides, a row of lamps."""
    rng = s.rng
    room = enclose(s, (0.4, 0.9), (2.0, 2.0), rng.uniform(2.4, 2.9))
    room = _stretched(s, room)
    lay_floor(
        s,
        room,
        tile(s, "small_tiles", "terrazzo", "laminate", "carpet", "tiles"),
        choose(rng, (*PAINT[:4], (0.55, 0.55, 0.55), (0.60, 0.52, 0.42), (0.46, 0.52, 0.50))),
    )
    dado = (1.1, tile(s, "paint"), choose(rng, PAINT[5:])) if rng.random() < 0.35 else None
    line_walls(s, room, tile(s, "paint", "plaster", "white_bricks"), choose(rng, PAINT[:9]), dado=dado)
    ceiling(s, room, tile(s, "tiles"), (0.96, 0.96, 0.96))
    skirting(s, room, choose(rng, (*METAL, *WOOD[:3])), 0.1)
    narrow_x = room.x1 - room.x0 < room.z1 - room.z0
    step = (9.9, 2.4) if narrow_x else (2.4, 9.9)
    ceiling_lights(
        s,
        room,
        min(step[0], room.x1 - room.x0),
        min(step[1], room.z1 - room.z0),
        (0.6, 0.9) if narrow_x else (0.9, 0.6),
        (1.0, 1.0, 0.98),
    )
    paint = choose(rng, ((0.94, 0.94, 0.93), *WOOD[:6], (0.5, 0.55, 0.6), (0.35, 0.45, 0.42)))
    ends = sorted(room.walls, key=lambda wall: wall.length)
    for wall in ends[2:]:
        if wall.faced:
            gap = rng.uniform(2.0, 4.0)
            for u in np.arange(rng.uniform(0.8, gap), wall.length - 0.8, gap)[:12]:
                door(s, wall, float(u), 0.9, 2.05, paint)
    seen_end = next((wall for wall in ends[:2] if wall.faced and wall.length > 1.6), None)
    if seen_end is not None:
        if rng.random() < 0.6:
            window(s, seen_end, seen_end.length / 2, min(1.3, seen_end.length - 0.6), 0.9, 2.1)
            outlook(s)
        else:
            door(s, seen_end, seen_end.length / 2, 0.95, 2.05, paint)
    against(
        s, room, (seating.bench, seating.chair, furniture.plant, furniture.cabinet, furniture.crates), some(s, 0, 3)
    )
    pictures(s, room, some(s, 0, 3), ("painting", "whiteboard"))


def _stretched(s: Scenery, room: Room) -> Room:
    """The same, made long the way the camera looks, with walls anew."""
    look, more = s.view.rotation[2], s.rng.uniform(4, 14)
    low, high = [room.x0, room.z0], [room.x1, room.z1]
    axis = 0 if abs(look[0]) > abs(look[2]) else 1
    if look[2 * axis] > 0:
        high[axis] += more
    else:
        low[axis] -= more
    return walled(s, (low[0], low[1], high[0], high[1]), room.height)


def lecture(s: Scenery) -> None:
    """A classroom: a board, a screen, rows of tables."""
    rng = s.rng
    room = enclose(s, (1.0, 3.5), (6.0, 6.0), rng.uniform(2.9, 3.8))
    lay_floor(
        s,
        room,
        tile(s, "laminate", "carpet", "terrazzo", "basket", "tiles"),
        choose(rng, (*WOOD[:3], (0.55, 0.55, 0.56), (0.45, 0.48, 0.52))),
    )
    line_walls(s, room, tile(s, "paint", "plaster"), choose(rng, PAINT[:8]))
    ceiling(s, room, tile(s, "tiles"), (0.97, 0.97, 0.97))
    ceiling_lights(s, room, 2.4, 1.8, (1.2, 0.25), (1.0, 1.0, 0.98))
    skirting(s, room, choose(rng, METAL), 0.08)
    wall = _longest(room)
    if wall is not None:
        u, name = wall.length * rng.uniform(0.4, 0.6), str(rng.choice(["blackboard", "whiteboard", "blackboard"]))
        half = min(1.9, wall.length / 2 - 0.3)
        if rng.random() < 0.4:
            _projection(s, wall, float(u), half)
        else:
            board(s, wall, float(u), 1.55, (2 * half, 1.15), name, "board")
    doors(s, room, 1)
    windows(s, room, (1.2, 2.4), 0.9, tall=1.7)
    scatter(s, room, (tables.table, seating.chair, seating.chair, lectern), some(s, 2, 6))
    against(s, room, (furniture.cabinet, furniture.shelf, seating.chair), some(s, 0, 2))
    pictures(s, room, some(s, 0, 3))


def _projection(s: Scenery, wall: Wall, u: float, half: float) -> None:
    """A screen on which a slide shines."""
    low, high = 1.0, 1.0 + half * 1.125
    face = np.array([[[-half, low, 0.02], [half, low, 0.02], [half, high, 0.02], [-half, high, 0.02]]])
    x, z = wall.at(u)
    carrier = placed(quads(face, np.ones(3)), x, z, wall.turn)
    s.glow("screen", carrier.vertices.reshape(-1, 4, 3), None, tile(s, "screen").levels[0])
    wall.taken.append((u - half, u + half))


def lectern(rng: np.random.Generator) -> Item:
    """To speak from."""
    colour = choose(rng, WOOD)
    rows = [(-0.28, 0, -0.2, 0.28, 1.02, 0.2, *colour), (-0.33, 1.02, -0.25, 0.33, 1.07, 0.25, *times(colour, 0.8))]
    return Item(kind="lectern", meshes=(joinery.wooden(rng, rows),), half=(0.33, 0.25), height=1.07)
