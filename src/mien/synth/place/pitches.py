"""Places for games: a football pitch, a hard court within a fence."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.place import seating, sport
from mien.synth.place.colours import CLOTH, around, choose
from mien.synth.place.forms import boxes, quads, rods
from mien.synth.place.grounds import END, open_sky, spread, woods
from mien.synth.place.grounds import town as far_town
from mien.synth.place.indoors import some, tile
from mien.synth.place.outdoors import ahead_of, far_tree, grow
from mien.synth.place.scenery import Item, Scenery
from mien.synth.place.textures import drawn

__all__ = ["football", "hard_court"]

_UP = (0.0, 1.0, 0.0)


def football(s: Scenery) -> None:
    """A football pitch with lines, a goal, a fence and trees."""
    rng, turf = s.rng, tile(s, "pitch")
    far = open_sky(s, turf.mean * s.light.on(_UP))
    if rng.random() < 0.4:
        far_town(s, far, 0.1, lit=s.light.sky.night, haze=0.55)
    woods(s, far, rng.uniform(0.05, 0.12))
    tint = around(rng, (1.0, 1.0, 1.0), 0.08)
    spread(s, "grass", turf, tint, rough=0.05, air=1500.0)
    eye, ahead = s.plan.eye, s.ahead
    person = max(s.people, key=lambda p: p.z * ahead)
    line = person.z + ahead * rng.uniform(2, 22)
    x0, z0 = person.x - rng.uniform(15, 50), min(line, line - ahead * 90)
    sport.court(s, (x0, z0, x0 + 64, z0 + 90), (0.94, 0.94, 0.93), 0.12)
    s.put(sport.football_goal(), x0 + 32 + float(rng.normal(0, 6)), line + ahead * 0.05, 0.0 if ahead < 0 else math.pi)
    _fence(s, line + ahead * rng.uniform(4, 9), eye[0])
    grow(s, (sport.ball, sport.ball, seating.bench), some(s, 0, 2), 0.3, 10)
    grow(s, (far_tree,), some(s, 1, 3), 30, 60)
    for _ in range(2):
        x, z = ahead_of(s, 25, 50)
        s.place(_floodlight(s), x, z, 0.0 if ahead < 0 else math.pi)


def _fence(s: Scenery, z: float, x: float) -> None:
    """A barrier across the view, with boards or without."""
    rng, grey = s.rng, (0.70, 0.71, 0.72)
    xs = np.arange(x - 60, x + 60, 3.0).tolist()
    rows = [(a, 0, z, 0.03, a, 1.1, z, 0.03, *grey) for a in xs]
    rows += [(a, 1.1, z, 0.03, a + 3.0, 1.1, z, 0.03, *grey) for a in xs]
    s.add("fence", rods(rows, sides=4), casts=False)
    if rng.random() < 0.6:
        front = -1.0 if s.view.rotation[2][2] > 0 else 1.0
        faces = np.array(
            [[[a, 0.1, z + 0.05], [a + 3.0, 0.1, z + 0.05], [a + 3.0, 0.95, z + 0.05], [a, 0.95, z + 0.05]] for a in xs]
        )
        faces = faces if front > 0 else faces[:, [1, 0, 3, 2]]
        tones = np.array([choose(rng, (*CLOTH, (0.9, 0.9, 0.9), (0.85, 0.2, 0.2), (0.2, 0.35, 0.7))) for _ in xs])
        s.add("hoarding", quads(faces, tones, two_sided=True), casts=False)


def _floodlight(s: Scenery) -> Item:
    rows = [(0, 0, 0, 0.2, 0, 16, 0, 0.12, 0.6, 0.6, 0.62)]
    frame = boxes([(-1.4, 15.2, -0.1, 1.4, 16.8, 0.05, 0.4, 0.4, 0.42)])
    faces = [
        [[x, y, 0.1], [x + 0.5, y, 0.1], [x + 0.5, y + 0.5, 0.1], [x, y + 0.5, 0.1]]
        for x in (-1.25, -0.6, 0.05, 0.7)
        for y in (15.35, 16.05)
    ]
    glows = ((np.array(faces), (1.0, 1.0, 0.96)),) if s.light.sky.night else ()
    return Item(kind="floodlight", meshes=(rods(rows, sides=8), frame), half=(1.4, 0.3), height=17.0, glows=glows)


def hard_court(s: Scenery) -> None:
    """Tennis or basketball on a coloured ground within a fence."""
    rng = s.rng
    paint = choose(
        rng, ((0.22, 0.36, 0.52), (0.25, 0.44, 0.34), (0.58, 0.27, 0.20), (0.42, 0.44, 0.46), (0.34, 0.46, 0.62))
    )
    outer = choose(rng, ((0.26, 0.42, 0.30), (0.50, 0.25, 0.20), (0.40, 0.42, 0.43)))
    ground = drawn(rng, "asphalt")
    far = open_sky(s, ground.mean * np.array(outer) * s.light.on(_UP))
    if rng.random() < 0.5:
        far_town(s, far, 0.16, lit=s.light.sky.night)
    woods(s, far, rng.uniform(0.08, 0.2))
    person, (ex, _, ez) = s.people[0], s.plan.eye
    ahead = s.ahead
    xs, zs = [ex, *(p.x for p in s.people)], [ez, *(p.z for p in s.people)]
    x0, x1 = min(xs) - rng.uniform(4, 9), max(xs) + rng.uniform(4, 9)
    z0, z1 = min(zs) - rng.uniform(3, 9), max(zs) + rng.uniform(3, 9)
    bright = [min(1.0, 1.25 * c) for c in paint]
    spread(s, "court", ground, bright, rough=0.03, bounds=(x0 - ex, z0 - ez, x1 - ex, z1 - ez))
    for low, high in (
        ((-END, -END), (END, z0 - ez)),
        ((-END, z1 - ez), (END, END)),
        ((-END, z0 - ez), (x0 - ex, z1 - ez)),
        ((x1 - ex, z0 - ez), (END, z1 - ez)),
    ):
        spread(s, "court", ground, [min(1.0, 1.25 * c) for c in outer], rough=0.03, bounds=(*low, *high))
    sport.court(s, (x0 + 0.4, z0 + 0.4, x1 - 0.4, z1 - 0.4), (0.95, 0.95, 0.95), 0.06)
    edge = (z0 if ahead < 0 else z1) + ahead * 2.5
    _tall_fence(s, edge)
    if rng.random() < 0.5:
        s.put(sport.basket_post(rng), (x0 + x1) / 2, edge - ahead * 2.4, 0.0 if ahead < 0 else math.pi)
    else:
        between = person.z + ahead * rng.uniform(1.0, 3.0)
        s.put(sport.net(x1 - x0, 0.05, 1.0), (x0 + x1) / 2, between, 0.0)
    grow(s, (sport.ball, seating.bench, sport.ball), some(s, 0, 2), 0.3, 6)
    grow(s, (far_tree,), some(s, 1, 3), 14, 30)


def _tall_fence(s: Scenery, z: float) -> None:
    """Wire mesh between posts."""
    green = (0.16, 0.30, 0.20) if s.rng.random() < 0.5 else (0.55, 0.56, 0.57)
    x = s.plan.eye[0]
    rows = [(a, 0, z, 0.035, a, 3.2, z, 0.035, *green) for a in np.arange(x - 40, x + 40, 2.5).tolist()]
    rows += [
        (x - 40, y, z, 0.012 if 0.1 < y < 3 else 0.03, x + 40, y, z, 0.012 if 0.1 < y < 3 else 0.03, *green)
        for y in np.arange(0.05, 3.21, 0.35).tolist()
    ]
    rows += [(a, 0, z, 0.005, a, 3.2, z, 0.005, *green) for a in np.arange(x - 16, x + 16, 0.25).tolist()]
    s.add("fence", rods(rows, sides=3, grounded=False), casts=False)
