"""Streets by day and by night: roadway, pavements, fronts of houses on both sides, and what stands there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from mien.synth.place import cars, furniture, nature, seating, town
from mien.synth.place.colours import PAINT, around, choose
from mien.synth.place.forms import Colour, boxes
from mien.synth.place.grounds import open_sky, weathered, woods
from mien.synth.place.grounds import town as far_town
from mien.synth.place.indoors import some, tile
from mien.synth.place.rooms import in_sight, open_air, scatter
from mien.synth.place.scenery import Item, Scenery, Shade
from mien.synth.place.solid_kernels import shade_pools
from mien.synth.place.sport import stripes
from mien.synth.place.textures import Texture, drawn, texture

__all__ = ["night_street", "street"]

_BAY, _FLOOR, _SHOP = 2.8, 3.1, 3.7
"""Metres that a window takes, a floor, and the ground floor of a shop."""
_LONG = 150.0


@dataclass(frozen=True, kw_only=True)
class _Lane:
    """Where things are across the street (x); it runs along z."""

    left: float
    right: float
    kerb_left: float
    kerb_right: float
    road: bool


def street(s: Scenery) -> None:
    """By day."""
    _street(s, _plain)


def night_street(s: Scenery) -> None:
    """By night: windows and shops are lit, lamps make pools of light."""
    rng, z = s.rng, s.people[0].z
    rows = [(p.x + rng.normal(0, 1.2), p.z + rng.normal(0, 1.2)) for p in s.people]
    rows += [(rng.uniform(-6, 6), z + k * 14.0 + rng.uniform(-3, 3)) for k in (-3, -2, -1, 1, 2)]
    lamps = np.array([(*row, 4.0, 0.62, 0.62, 0.62) for row in rows])
    _street(s, lambda points: shade_pools(points, lamps, 0.5, 0.35))


def _plain(points: Float32[np.ndarray, "vert 3"]) -> Float32[np.ndarray, "vert 1"]:
    return np.ones((len(points), 1), dtype=np.float32)


def _street(s: Scenery, pools: Shade) -> None:
    rng, night = s.rng, s.light.sky.night
    lane = _lane(s)
    far = open_sky(s, np.array([0.35, 0.35, 0.36]) * s.light.on((0, 1, 0)))
    if rng.random() < 0.6:
        far_town(s, far, 0.22, lit=night, haze=0.5)
    if not night and rng.random() < 0.7:
        woods(s, far, 0.07, haze=0.5, layers=1)
    _pave(s, lane, pools)
    for side in (-1, 1):
        _fronts(s, lane, side, pools)
    if lane.road:
        _markings(s, lane)
        _cars(s, lane)
    _kerbside(s, lane)
    walkers: tuple = (town.bollard, town.bin_, seating.bench, town.cafe, town.sign, furniture.crates)
    scatter(s, open_air(s), walkers, some(s, 0, 2))


def _lane(s: Scenery) -> _Lane:
    """A street wide enough for everybody and the camera."""
    rng, (x, _, _) = s.rng, s.plan.eye
    low, high = min(x, *(p.x - p.radius for p in s.people)), max(x, *(p.x + p.radius for p in s.people))
    left, right = low - rng.uniform(0.8, 4.0), high + rng.uniform(0.8, 4.0)
    if right - left < 9:
        lack, share = rng.uniform(9, 15) - (right - left), rng.uniform(0, 1)
        left, right = left - share * lack, right + (1 - share) * lack
    walk = rng.uniform(2.0, 4.2)
    road = rng.random() < 0.8 and right - left - 2 * walk > 4.0
    return _Lane(left=left, right=right, kerb_left=left + walk, kerb_right=right - walk, road=bool(road))


def _strip(s: Scenery, kind: str, x0: float, x1: float, surface: Texture, tint: Colour, pools: Shade) -> None:
    worn, z = weathered(s, surface, tint, 0.06, 900.0), s.plan.eye[2]

    def shade(points: Float32[np.ndarray, "vert 3"]) -> Float32[np.ndarray, "vert 3"]:
        return worn(points) * pools(points)

    night = s.light.sky.night
    lines = np.arange(_LONG - 30, _LONG + 30, 1.5).tolist() if night else ()
    across = np.arange(0, x1 - x0, 1.5).tolist() if night else ()
    s.sheet(
        kind,
        (x0, 0, z + _LONG),
        (1, 0, 0),
        (0, 0, -1),
        (x1 - x0, 2 * _LONG),
        surface,
        tint,
        shade=shade,
        lines=(across, lines),
    )


def _pave(s: Scenery, lane: _Lane, pools: Shade) -> None:
    """Roadway, kerbs, pavements; or one paved street."""
    rng = s.rng
    stone = around(rng, (0.70, 0.68, 0.65), 0.12)
    walk = tile(s, "paving", "slabs", "brick_paving", "asphalt")
    if not lane.road:
        paved = tile(s, "cobbles", "slabs", "paving", "brick_paving")
        _strip(s, "pavement", lane.left - 0.05, lane.right + 0.05, paved, stone, pools)
        return
    tar = around(rng, (0.42, 0.42, 0.44), 0.2)
    surface = tile(s, "asphalt", "asphalt", "asphalt", "cobbles")
    _strip(s, "road", lane.kerb_left, lane.kerb_right, surface, tar if surface.mean[0] > 0.68 else stone, pools)
    _strip(s, "pavement", lane.left - 0.05, lane.kerb_left - 0.16, walk, stone, pools)
    _strip(s, "pavement", lane.kerb_right + 0.16, lane.right + 0.05, walk, stone, pools)
    kerb = around(rng, (0.80, 0.79, 0.77), 0.05)
    for x in (lane.kerb_left - 0.16, lane.kerb_right):
        _strip(s, "kerb", x, x + 0.16, texture("concrete", 0), kerb, pools)


def _markings(s: Scenery, lane: _Lane) -> None:
    """A broken line in the middle, lines at the edges, a crossing."""
    rng, z = s.rng, s.plan.eye[2]
    wide, middle = lane.kerb_right - lane.kerb_left, (lane.kerb_left + lane.kerb_right) / 2
    white = around(rng, (0.86, 0.86, 0.84), 0.05)
    if wide > 5.5 and rng.random() < 0.8:
        start = z - 60 + rng.uniform(0, 6)
        stripes(s, [(middle, a, middle, a + 3.0) for a in np.arange(start, start + 120, 6.0).tolist()], 0.13, white)
    if rng.random() < 0.4:
        edge = [
            (x, a, x, a + 10.0)
            for x in (lane.kerb_left + 0.35, lane.kerb_right - 0.35)
            for a in np.arange(z - 60, z + 60, 10.0).tolist()
        ]
        stripes(s, edge, 0.1, white)
    if rng.random() < 0.3:
        person = s.people[int(rng.integers(len(s.people)))]
        at = person.z + rng.uniform(-6, 6)
        bars = np.arange(lane.kerb_left + 0.3, lane.kerb_right - 0.5, 0.95).tolist()
        stripes(s, [(x + 0.25, at - 1.6, x + 0.25, at + 1.6) for x in bars], 0.5, white)


def _fronts(s: Scenery, lane: _Lane, side: int, pools: Shade) -> None:
    """Houses from end to end on one side; -1 is the left."""
    rng, eye = s.rng, s.view.position
    x = lane.left if side < 0 else lane.right
    start, end = (-70.0, 25.0) if s.ahead < 0 else (-25.0, 70.0)
    z = eye[2] + start - rng.uniform(0, 8)
    before = 0.0
    while z < eye[2] + end:
        wide = _BAY * int(rng.integers(3, 7))
        floors = int(rng.integers(2, 7))
        if rng.random() < 0.1:
            gap = rng.uniform(3, 7)
            _gap(s, x, side, z, z + gap)
            z, before = z + gap, 0.0
        tall = 0.0
        if s.shows((min(x, x + side * 9), 0, z), (max(x, x + side * 9), 30, z + wide)):
            tall = _house(s, x, side, z, wide, floors, pools)
            _ends(s, x, side, (z, z + wide), tall, before, pools)
        z, before = z + wide, tall


def _gap(s: Scenery, x: float, side: int, z0: float, z1: float) -> None:
    """Between houses: a wall or fence and a tree behind it."""
    colour = choose(s.rng, PAINT[10:])
    a, b = (x - 0.25, x) if side < 0 else (x, x + 0.25)
    s.add("wall", boxes([(a, 0, z0, b, 2.2, z1, *colour)]))
    if s.rng.random() < 0.7:
        s.place(nature.tree(s.rng, 7.0, 140), x + side * 2.5, (z0 + z1) / 2)


def _sides(x: float, side: int, z0: float, z1: float) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Origin (x, z) and direction along a front, so that it faces the street."""
    return ((x, z1), (0.0, 0.0, -1.0)) if side < 0 else ((x, z0), (0.0, 0.0, 1.0))


def _house(s: Scenery, x: float, side: int, z: float, wide: float, floors: int, pools: Shade) -> float:
    """One front, perhaps with a shop below; gives its height."""
    rng = s.rng
    bays = wide / _BAY
    front = replace(drawn(rng, "facade", "facade", "brick_facade", "glass_facade"), metres=(2 * _BAY, 2 * _FLOOR))
    (ox, oz), along = _sides(x, side, z, z + wide)
    tint = around(rng, (0.94, 0.94, 0.94), 0.06)
    shop = rng.random() < 0.6
    low = _SHOP if shop else _FLOOR
    upper = floors * _FLOOR
    if shop:
        count = max(1, round(wide / 4.6))
        below = replace(drawn(rng, "shop"), metres=(wide / count, _SHOP))
        lit = s.light.sky.night and rng.random() < 0.6
        if lit:
            _lit_shop(s, (ox, oz), along, wide, count, below)
        else:
            s.sheet("shop", (ox, 0, oz), along, (0, 1, 0), (wide, _SHOP), below, tint, shade=pools)
    else:
        s.sheet("building", (ox, 0, oz), along, (0, 1, 0), (wide, _FLOOR), front, [0.9 * c for c in tint], shade=pools)
    s.sheet("building", (ox, low, oz), along, (0, 1, 0), (wide, upper), front, tint, shade=pools)
    tall = low + upper
    a, b = (x - 0.1, x + 0.22) if side < 0 else (x - 0.22, x + 0.1)
    s.add("building", boxes([(a, tall - 0.1, z, b, tall + 0.25, z + wide, 0.62, 0.60, 0.58)]), casts=False)
    if s.light.sky.night:
        _lit_windows(s, (ox, oz), along, int(bays), low, floors)
    return tall + 0.25


def _corners(
    origin: tuple[float, float],
    along: tuple[float, float, float],
    u: np.ndarray,
    y: np.ndarray,
    wide: float,
    high: float,
) -> np.ndarray:
    """Rectangles on a front, a finger before it, with lower left corners at (u, y)."""
    x, z = origin[0] - 0.03 * along[2], origin[1] + 0.03 * along[0]
    corners = np.empty((len(u), 4, 3))
    for k, (du, dy) in enumerate(((0.0, 0.0), (wide, 0.0), (wide, high), (0.0, high))):
        corners[:, k, 0], corners[:, k, 1], corners[:, k, 2] = x + (u + du) * along[0], y + dy, z + (u + du) * along[2]
    return corners


def _lit_windows(
    s: Scenery, origin: tuple[float, float], along: tuple[float, float, float], bays: int, low: float, floors: int
) -> None:
    rng = s.rng
    lit = np.argwhere(rng.random((floors, bays)) < rng.uniform(0.1, 0.5))
    for tone in ((1.0, 0.82, 0.50), (1.0, 0.90, 0.70), (0.78, 0.80, 0.86)):
        some_lit = lit[rng.random(len(lit)) < 0.5]
        if len(some_lit):
            u, y = some_lit[:, 1] * _BAY + 0.8, low + some_lit[:, 0] * _FLOOR + 0.75
            for k in range(2):
                light = rng.uniform(0.6, 1.0)
                shade = tone[0] * light, tone[1] * light, tone[2] * light
                s.glow("window", _corners(origin, along, u + 0.63 * k, y, 0.57, 1.45), shade)


def _lit_shop(
    s: Scenery, origin: tuple[float, float], along: tuple[float, float, float], wide: float, count: int, front: Texture
) -> None:
    """Shop fronts that shine as they are painted, brighter."""
    import cv2

    bright = cv2.convertScaleAbs(front.levels[0], alpha=1.25, beta=12)
    u = np.arange(count) * (wide / count)
    s.glow("shop", _corners(origin, along, u, 0 * u, wide / count, _SHOP), None, bright)


def _ends(s: Scenery, x: float, side: int, span: tuple[float, float], tall: float, before: float, pools: Shade) -> None:
    """The blind end walls that stand above or free of the neighbours."""
    if tall <= before + 0.5:
        return
    colour = around(s.rng, (0.66, 0.62, 0.57), 0.12)
    deep, eye = 9.0, s.plan.eye[2]
    end = span[0] if eye < (span[0] + span[1]) / 2 else span[1]
    outer = x + side * deep
    if end == span[0]:
        origin, along = ((max(x, outer), before, end), (-1.0, 0.0, 0.0))
    else:
        origin, along = ((min(x, outer), before if end == span[0] else 0.0, end), (1.0, 0.0, 0.0))
    s.sheet("building", origin, along, (0, 1, 0), (deep, tall - origin[1]), texture("plaster", 0), colour, shade=pools)


def _cars(s: Scenery, lane: _Lane) -> None:
    """Parked along the kerbs, one perhaps on its way."""
    rng, eye, ahead = s.rng, s.plan.eye, s.ahead
    for side in (-1, 1):
        if rng.random() < 0.35:
            continue
        x = lane.kerb_left + 1.15 if side < 0 else lane.kerb_right - 1.15
        z = eye[2] + ahead * rng.uniform(1, 9)
        for _ in range(round(3 * s.clutter + 1)):
            if not in_sight(s, x, z + ahead * 2.2, 0.6):
                z += ahead * 5.0
                continue
            item = cars.car(rng)
            s.put(item, x, z + ahead * item.half[0], side * ahead * math.pi / 2, limit=s.limit)
            z += ahead * (2 * item.half[0] + rng.choice([0.6, 0.8, 6.0]))
    if lane.kerb_right - lane.kerb_left > 6 and rng.random() < 0.5:
        x = (lane.kerb_left + lane.kerb_right) / 2 + rng.choice([-1, 1]) * 1.6
        s.put(
            cars.car(rng, lights=s.light.sky.night),
            x,
            eye[2] + ahead * rng.uniform(12, 40),
            float(rng.choice([-1, 1])) * math.pi / 2,
        )


def _kerbside(s: Scenery, lane: _Lane) -> None:
    """Lamps, trees, signs and bins in rows beside the roadway."""
    rng, eye, ahead = s.rng, s.plan.eye, s.ahead
    lamp_light: Colour = choose(rng, ((1.0, 0.82, 0.55), (1.0, 0.93, 0.80), (0.92, 0.96, 1.0)), 0.02)
    planted = rng.random() < 0.5
    for side in (-1, 1):
        x = lane.kerb_left - 0.5 if side < 0 else lane.kerb_right + 0.5
        z = eye[2] + ahead * rng.uniform(2, 6)
        for k in range(4):
            z += ahead * rng.uniform(4, 9)
            if not in_sight(s, x, z, 0.7):
                continue
            item = _roadside(s, k, planted, lamp_light)
            s.put(item, x, z, -side * math.pi / 2 if item.kind == "lamp_post" else float(rng.uniform(0, 6)))


def _roadside(s: Scenery, k: int, planted: bool, lamp_light: Colour) -> Item:
    rng = s.rng
    if planted and k % 2 == 0:
        return nature.tree(rng, rng.uniform(5, 8), 160)
    kind = rng.random()
    if kind < 0.45 or (s.light.sky.night and kind < 0.8):
        return town.lamp_post(rng, lit=s.light.sky.night, colour=lamp_light)
    return (town.sign, town.bin_, town.bollard, town.pole)[int(rng.integers(4))](rng)
