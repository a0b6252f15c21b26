"""What is in and on walls: windows with curtains and what is outside, doors, pictures, boards, radiators, lamps."""

from __future__ import annotations

import math

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.colours import CLOTH, METAL, WOOD, choose, times
from mien.synth.place.forms import Colour, boxes, join, placed, quads, rods
from mien.synth.place.joinery import Row
from mien.synth.place.rooms import Room, Wall, faced
from mien.synth.place.scenery import Item, Scenery
from mien.synth.place.sky import Far, fill_far, hazed, paint_sky, silhouette
from mien.synth.place.textures import drawn

__all__ = ["board", "ceiling_lights", "curtain", "doors", "outlook", "pictures", "skirting", "window", "windows"]


def outlook(s: Scenery) -> None:
    """Paint what is outside the windows: overexposed by day, a few lights by night."""
    import cv2

    rng, light = s.rng, s.light
    if light.sky.night:
        s.canvas[:] = paint_sky(rng, s.view, light, light.sky.horizon * 0.5)
        _city(s, 0.25, (0.05, 0.05, 0.07), lit=True)
        return
    s.canvas[:] = paint_sky(rng, s.view, light, hazed(np.array([0.55, 0.56, 0.52]), light, 0.3))
    if rng.random() < 0.5:
        _city(s, 0.3, (0.62, 0.60, 0.57), lit=False)
    far = Far(s.view, 160)
    for shade, high in ((0.75, 0.16), (0.55, 0.10)):
        top = high + 0.05 * np.cumsum(rng.normal(0, 0.25, 160)) + 0.03 * rng.random(160)
        green = hazed(np.array([0.42, 0.52, 0.32]) * shade, light, 0.45)
        silhouette(s.canvas, s.view, far.azimuth, np.maximum(top, 0.02), green, bottom=-0.15)
    s.canvas[:] = cv2.convertScaleAbs(s.canvas, alpha=0.5, beta=128)


def _city(s: Scenery, tall: float, colour: Colour, *, lit: bool) -> None:
    """House fronts across the street."""
    rng, far = s.rng, Far(s.view, 2)
    count = min(30, int(2 * far.half / 0.19) + 2)
    wide, top = rng.uniform(0.08, 0.3, count), tall * rng.uniform(0.4, 1.3, count)
    start = far.middle - far.half + np.cumsum(wide + rng.uniform(0, 0.05, count)) - wide[0]
    wall = hazed(np.array(colour) * rng.uniform(0.7, 1.1, (count, 1)), s.light, 0.15)
    fill_far(s.canvas, s.view, np.stack([start, start + wide, np.full(count, -0.6), top], 1), np.clip(wall, 0, 1))
    owner = np.repeat(np.arange(count), 12)
    columns, rows = np.maximum(1, np.floor(wide / 0.04))[owner], np.maximum(1, np.floor(top / 0.06))[owner]
    a = start[owner] + wide[owner] * (np.floor(rng.random(len(owner)) * columns) + 0.3) / columns
    y = top[owner] * (np.floor(rng.random(len(owner)) * rows) + 0.3) / rows
    tone = np.array([1.0, 0.85, 0.55]) * rng.uniform(0.5, 1, (len(owner), 1)) if lit else wall[owner] * 0.72
    keep = (rng.random(len(owner)) < 0.5) | (not lit)
    panes = np.stack([a, a + 0.4 * wide[owner] / columns, y, y + 0.03], 1)
    fill_far(s.canvas, s.view, panes[keep], np.clip(tone[keep], 0, 1))


def curtain(rng: np.random.Generator, wide: float, low: float, high: float, colour: Colour, folds: float = 9.0) -> Mesh:
    """Cloth that hangs in folds, about x = 0, before the plane z = 0."""
    count = max(8, int(wide * folds * 4))
    x = np.linspace(-wide / 2, wide / 2, count)
    phase = 2 * np.pi * folds * x / 1.0 * (1 + 0.05 * np.sin(7 * x)) + rng.uniform(0, 6)
    depth = 0.07 + 0.04 * np.sin(phase)
    rows = []
    for y, flare in ((low, 1.25), ((low + high) / 2, 1.0), (high, 0.6)):
        rows.append(np.stack([x, np.full(count, y), 0.07 + (depth - 0.07) * flare], 1))
    vertices = np.concatenate(rows).astype(np.float32)
    first = (np.arange(2)[:, None] * count + np.arange(count - 1)).ravel()
    faces = np.concatenate(
        [np.stack([first, first + 1, first + count + 1], 1), np.stack([first, first + count + 1, first + count], 1)]
    )
    shade = np.tile(0.80 + 0.20 * (0.5 + 0.5 * np.sin(phase)), 3)[:, None]
    colours = np.clip(np.array(colour) * shade, 0, 1).astype(np.float32)
    return Mesh(vertices=vertices, faces=faces.astype(np.int32), colour=colours, two_sided=True)


def window(s: Scenery, wall: Wall, u: float, wide: float, low: float, high: float) -> None:
    """Frame, bars, sill, curtains or blinds; the backdrop shows through."""
    rng, paint = s.rng, choose(s.rng, ((0.95, 0.95, 0.94), (0.92, 0.92, 0.90), (0.25, 0.24, 0.24), (0.55, 0.38, 0.24)))
    half, rows = wide / 2, []
    for x0, y0, x1, y1 in ((-half - 0.05, low - 0.05, -half, high + 0.05), (half, low - 0.05, half + 0.05, high + 0.05),
                           (-half, high, half, high + 0.05), (-half, low - 0.05, half, low)):  # fmt: skip
        rows.append((x0, y0, 0.0, x1, y1, 0.05, *paint))
    for k in range(1, max(2, round(wide / 0.7))):
        x = -half + k * wide / max(2, round(wide / 0.7))
        rows.append((x - 0.022, low, 0.012, x + 0.022, high, 0.035, *paint))
    if rng.random() < 0.5:
        y = low + (high - low) * rng.choice([0.5, 0.72])
        rows.append((-half, y - 0.018, 0.012, half, y + 0.018, 0.03, *paint))
    if low > 0.3:
        rows.append((-half - 0.1, low - 0.08, 0.0, half + 0.1, low - 0.05, 0.2, *paint))
    pane = np.array([[[-half, low, 0.01], [half, low, 0.01], [half, high, 0.01], [-half, high, 0.01]]])
    meshes = [boxes(rows, grounded=False)]
    style = rng.random()
    if style < 0.5:
        meshes += _curtains(rng, half, low, high)
    elif style < 0.7:
        meshes.append(_blind(rng, half, low, high))
    x, z = wall.at(u)
    item = Item(kind="window", meshes=tuple(meshes), half=(half, 0.1), height=high)
    for mesh in item.meshes:
        s.add("curtain" if mesh is not item.meshes[0] else "window", placed(mesh, x, z, wall.turn), casts=False)
    s.glow("window", placed(quads(pane, np.ones(3)), x, z, wall.turn).vertices.reshape(-1, 4, 3), None)
    wall.taken.append((u - half - 0.25, u + half + 0.25))
    if 0.55 < low and rng.random() < 0.6:
        radiator = _radiator(min(wide, 1.4), min(low - 0.12, 0.6))
        s.put(radiator, *wall.at(u, 0.07), wall.turn)


def _curtains(rng: np.random.Generator, half: float, low: float, high: float) -> list[Mesh]:
    cloth = choose(rng, (*CLOTH, (0.94, 0.93, 0.90), (0.90, 0.86, 0.78)))
    bottom = 0.02 if rng.random() < 0.65 else low - 0.15
    broad = rng.uniform(0.25, 0.5) * min(1.0, half)
    parts = []
    for side in (-1, 1):
        cloth_mesh = curtain(rng, broad, bottom, high + 0.12, cloth)
        shift = np.array([side * (half + 0.12 - broad / 2 + 0.05), 0, 0.05], dtype=np.float32)
        parts.append(
            Mesh(vertices=cloth_mesh.vertices + shift, faces=cloth_mesh.faces, colour=cloth_mesh.colour, two_sided=True)
        )
    rail = rods(
        [(-half - 0.3, high + 0.13, 0.12, 0.012, half + 0.3, high + 0.13, 0.12, 0.012, *choose(rng, METAL + WOOD[:3]))],
        grounded=False,
    )
    return [join(parts), rail]


def _blind(rng: np.random.Generator, half: float, low: float, high: float) -> Mesh:
    """Slats from above, let down some of the way."""
    down = high - (high - low) * rng.uniform(0.25, 1.0)
    tilt, colour = rng.uniform(0.2, 0.9), choose(rng, ((0.92, 0.92, 0.9), (0.8, 0.78, 0.72), (0.6, 0.6, 0.6)))
    y = np.arange(high - 0.03, down, -0.05)[:, None]
    a, b = 0.022 * np.cos(tilt), 0.022 * np.sin(tilt)
    ones = np.ones_like(y)
    corners = np.stack(
        [
            np.concatenate([sx * half * ones, y + sz * b, 0.06 + sz * a * ones], 1)
            for sx, sz in ((-1, 1), (1, 1), (1, -1), (-1, -1))
        ],
        1,
    )
    return quads(corners, np.array(colour), two_sided=True)


def _radiator(wide: float, tall: float) -> Item:
    ribs = [
        (x, 0.1, 0.0, x + 0.045, 0.1 + tall - 0.12, 0.09, 0.93, 0.93, 0.92)
        for x in np.arange(-wide / 2, wide / 2 - 0.04, 0.06)
    ]
    rows = [(-wide / 2, 0.14, 0.02, wide / 2, 0.18, 0.07, 0.9, 0.9, 0.9), *ribs]
    return Item(kind="radiator", meshes=(boxes(rows),), half=(wide / 2, 0.06), height=tall)


def windows(s: Scenery, room: Room, wide: tuple[float, float], low: float, *, tall: float = 1.4) -> None:
    """Windows in the wall that the light comes through, if the view may show it, and the world outside them."""
    toward = s.light.direction[0]
    sun = max(room.walls, key=lambda wall: -wall.inward[0] * toward[0] - wall.inward[1] * toward[2])
    chosen = [wall for wall in faced(room) if wall is sun or s.rng.random() < 0.25]
    high = min(low + tall, room.height - 0.25)
    made = False
    for wall in chosen:
        broad = min(float(s.rng.uniform(*wide)), wall.length - 0.7)
        if broad < 0.5:
            continue
        count = max(1, int(wall.length / (broad + s.rng.uniform(0.5, 1.6))))
        for k in range(count):
            u = wall.length * (k + 0.5) / count
            if wall.room_for(u - broad / 2, u + broad / 2):
                window(s, wall, u, broad, low, high)
                made = True
    if made:
        outlook(s)


def doors(s: Scenery, room: Room, count: int, colour: Colour | None = None) -> None:
    """Doors with frames and handles."""
    walls = faced(room)
    for _ in range(count):
        if not walls:
            return
        wall, wide, tall = walls[int(s.rng.integers(len(walls)))], s.rng.uniform(0.82, 0.98), s.rng.uniform(2.0, 2.12)
        if wall.length < 2 or tall > room.height - 0.1:
            continue
        u = s.rng.uniform(0.7, wall.length - 0.7)
        if wall.room_for(u - wide / 2 - 0.1, u + wide / 2 + 0.1):
            door(s, wall, u, wide, tall, colour)


def door(s: Scenery, wall: Wall, u: float, wide: float, tall: float, colour: Colour | None = None) -> None:
    """One door."""
    rng = s.rng
    paint = choose(rng, ((0.94, 0.94, 0.93), *WOOD[:6], (0.5, 0.55, 0.6))) if colour is None else colour
    half = wide / 2
    rows: list[Row] = [(x, -0.02, 0, x + 0.09, tall + 0.09, 0.04, *paint) for x in (-half - 0.09, half)]
    rows.append((-half, tall, 0, half, tall + 0.09, 0.04, *paint))
    handle = (1 if rng.random() < 0.5 else -1) * (half - 0.1)
    rows.append((handle - 0.06, 1.02, 0.02, handle + 0.06, 1.045, 0.07, 0.6, 0.6, 0.6))
    leaf = quads(
        np.array([[[-half, 0, 0.015], [half, 0, 0.015], [half, tall, 0.015], [-half, tall, 0.015]]]),
        np.array(paint),
        texture=drawn(rng, "door").levels[0],
    )
    x, z = wall.at(u)
    s.add("door", placed(boxes(rows, grounded=False), x, z, wall.turn), casts=False)
    s.add("door", placed(leaf, x, z, wall.turn), casts=False)
    wall.taken.append((u - half - 0.15, u + half + 0.15))
    x, z = wall.at(u, 0.5)
    s.plan.claim((x - 0.5, z - 0.5, x + 0.5, z + 0.5))


def pictures(s: Scenery, room: Room, count: int, names: tuple[str, ...] = ("painting",)) -> None:
    """Framed pictures, in a row or alone."""
    walls = faced(room)
    for _ in range(count):
        if not walls:
            return
        wall = walls[int(s.rng.integers(len(walls)))]
        wide, tall = s.rng.uniform(0.3, 1.0), s.rng.uniform(0.35, 0.9)
        if wall.length < wide + 0.4:
            continue
        u, y = s.rng.uniform(wide / 2 + 0.15, wall.length - wide / 2 - 0.15), s.rng.uniform(1.45, 1.7)
        if wall.room_for(u - wide / 2, u + wide / 2) and y + tall / 2 < room.height - 0.1:
            board(s, wall, u, y, (wide, tall), names[int(s.rng.integers(len(names)))], "picture")


def board(s: Scenery, wall: Wall, u: float, y: float, size: tuple[float, float], name: str, kind: str) -> None:
    """A picture, poster or blackboard with a rim."""
    rng, (half, tall) = s.rng, (size[0] / 2, size[1] / 2)
    rim = choose(rng, (*WOOD, *METAL, (0.95, 0.95, 0.93)))
    edge = 0.03
    frame = boxes([(-half - edge, y - tall - edge, 0, half + edge, y + tall + edge, 0.02, *rim)], grounded=False)
    face = np.array(
        [[[-half, y - tall, 0.024], [half, y - tall, 0.024], [half, y + tall, 0.024], [-half, y + tall, 0.024]]]
    )
    shown = quads(face, np.full(3, 0.95), texture=drawn(rng, name).levels[0])
    x, z = wall.at(u)
    s.add(kind, placed(frame, x, z, wall.turn), casts=False)
    s.add(kind, placed(shown, x, z, wall.turn), casts=False)
    wall.taken.append((u - half, u + half))


def skirting(s: Scenery, room: Room, colour: Colour, tall: float = 0.09) -> None:
    """A board along the foot of the walls."""
    x0, z0, x1, z1, thick = room.x0, room.z0, room.x1, room.z1, 0.015
    strips = ((x0, z0, x1, z0 + thick), (x0, z1 - thick, x1, z1), (x0, z0, x0 + thick, z1), (x1 - thick, z0, x1, z1))
    rows = [(a, 0, b, c, tall, d, *colour) for a, b, c, d in strips]
    s.add("skirting", boxes(rows), casts=False)


def ceiling_lights(
    s: Scenery, room: Room, across: float, along: float, size: tuple[float, float], colour: Colour
) -> None:
    """Panels in rows that shine, flush with the ceiling."""
    if s.plan.eye[1] > room.height:
        return
    xs = np.arange(room.x0 + across / 2, room.x1 - size[0] / 2, across)[:24]
    zs = np.arange(room.z0 + along / 2, room.z1 - size[1] / 2, along)[:24]
    y, w, d = room.height - 0.015, size[0] / 2, size[1] / 2
    faces = [[[x - w, y, z - d], [x + w, y, z - d], [x + w, y, z + d], [x - w, y, z + d]] for x in xs for z in zs]
    if faces:
        s.glow("lamp", np.array(faces), colour)


def pendant(s: Scenery, room: Room, x: float, z: float) -> None:
    """A lamp that hangs from the ceiling."""
    if s.plan.eye[1] > room.height - 0.9 or room.height < 2.35:
        return
    y, wide = room.height - s.rng.uniform(0.45, 0.7), s.rng.uniform(0.14, 0.24)
    s.add(
        "lamp",
        placed(rods([(0, y + 0.2, 0, 0.006, 0, room.height, 0, 0.006, 0.2, 0.2, 0.2)], sides=4, grounded=False), x, z),
        casts=False,
    )
    angle = np.arange(13) * (2 * math.pi / 12)
    ring = np.stack([np.cos(angle), 0 * angle, -np.sin(angle)], 1)
    middle = np.array([x, 0, z])
    low, high = ring * wide + (0, y, 0) + middle, ring * wide * 0.5 + (0, y + 0.2, 0) + middle
    sides = np.stack([low[:-1], low[1:], high[1:], high[:-1]], 1)
    under = np.stack([low[1:], low[:-1], *([np.broadcast_to(middle + np.array([0, y, 0]), (12, 3))] * 2)], 1)
    s.glow("lamp", sides, times((1.0, 0.92, 0.76), 0.97))
    s.glow("lamp", under, (1.0, 0.98, 0.90))
