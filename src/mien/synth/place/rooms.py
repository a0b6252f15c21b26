"""Rooms: floor, walls and ceiling around people and camera, and things about the room and along its walls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mien.synth.place.forms import Colour
from mien.synth.place.plan import Rect
from mien.synth.place.scenery import Item, Scenery, Shade
from mien.synth.place.solid_kernels import shade_corners
from mien.synth.place.textures import Texture

__all__ = [
    "Maker", "Room", "Wall", "against", "ceiling", "enclose", "faced", "in_sight", "lay_floor", "line_walls",
    "open_air", "scatter", "spot_in_sight", "walled",
]  # fmt: skip

_CORNER, _REACH = 0.24, 0.35
"""How much darker corners are, and how far from them (metres) that is felt."""
_UNDER = 0.05
"""Metres by which walls go below the floor, so that no gap is seen."""
Maker = Callable[[np.random.Generator], Item]


@dataclass(kw_only=True, eq=False)
class Wall:
    """One side of a room, seen from inside."""

    origin: tuple[float, float]
    """Its left end (x, z)."""
    along: tuple[float, float]
    inward: tuple[float, float]
    length: float
    faced: bool
    """Whether the camera is on its inner side and may see some of it."""
    taken: list[tuple[float, float]] = field(default_factory=list)
    """What hangs on it or stands high before it, metres along it."""

    @property
    def turn(self) -> float:
        """The angle of what looks into the room."""
        return math.atan2(self.inward[0], self.inward[1])

    def at(self, u: float, off: float = 0.0) -> tuple[float, float]:
        """The place (x, z) at `u` metres along it and `off` metres before it."""
        x, z = self.origin
        return x + self.along[0] * u + self.inward[0] * off, z + self.along[1] * u + self.inward[1] * off

    def room_for(self, low: float, high: float, pad: float = 0.1) -> bool:
        """Whether nothing hangs there yet."""
        return low > 0.05 and high < self.length - 0.05 and all(high + pad < a or b + pad < low for a, b in self.taken)


@dataclass(kw_only=True, eq=False)
class Room:
    """Along the axes of the place."""

    x0: float
    z0: float
    x1: float
    z1: float
    height: float
    walls: tuple[Wall, ...] = ()

    def shade(self, skip: int) -> Shade:
        """Corners are darker; `skip` is the axis across which the surface itself lies."""
        low, high = (self.x0, 0.0, self.z0), (self.x1, self.height, self.z1)
        return lambda points: shade_corners(points, low, high, skip, _CORNER, _REACH)


def enclose(s: Scenery, margin: tuple[float, float], least: tuple[float, float], height: float) -> Room:
    """A room that holds everybody and the camera.

    Args:
        s: where.
        margin: metres from people to the walls, drawn for each side.
        least: its sides at least.
        height: of the ceiling, at least: it is above the camera.
    """
    x, y, z = s.plan.eye
    low = [min(person.x - person.radius for person in s.people), min(person.z - person.radius for person in s.people)]
    high = [max(person.x + person.radius for person in s.people), max(person.z + person.radius for person in s.people)]
    for axis, eye in enumerate((x, z)):
        low[axis] = min(low[axis] - s.rng.uniform(*margin), eye - s.rng.uniform(0.6, 1.2))
        high[axis] = max(high[axis] + s.rng.uniform(*margin), eye + s.rng.uniform(0.6, 1.2))
        lack = least[axis] - (high[axis] - low[axis])
        if lack > 0:
            share = s.rng.uniform(0.2, 0.8)
            low[axis], high[axis] = low[axis] - share * lack, high[axis] + (1 - share) * lack
    tallest = max(person.height for person in s.people)
    return walled(s, (low[0], low[1], high[0], high[1]), max(height, y + 0.5, tallest + 0.35))


def walled(s: Scenery, bounds: Rect, height: float) -> Room:
    """A room with these bounds."""
    x0, z0, x1, z1 = bounds
    room = Room(x0=x0, z0=z0, x1=x1, z1=z1, height=height)
    wide, deep = room.x1 - room.x0, room.z1 - room.z0
    sides = (
        ((room.x0, room.z0), (1.0, 0.0), (0.0, 1.0), wide), ((room.x1, room.z0), (0.0, 1.0), (-1.0, 0.0), deep),
        ((room.x1, room.z1), (-1.0, 0.0), (0.0, -1.0), wide), ((room.x0, room.z1), (0.0, -1.0), (1.0, 0.0), deep),
    )  # fmt: skip
    look = s.view.rotation[2]
    spread = math.atan(max(s.view.size) / 2 / s.view.K[0, 0]) + 0.2
    room.walls = tuple(
        Wall(origin=o, along=a, inward=n, length=length, faced=bool(look[0] * n[0] + look[2] * n[1] < math.sin(spread)))
        for o, a, n, length in sides
    )
    return room


def open_air(s: Scenery) -> Room:
    """No walls: as far as things may stand."""
    x, _, z = s.plan.eye
    return Room(x0=x - 60, z0=z - 60, x1=x + 60, z1=z + 60, height=9.0)


def _lines(length: float) -> tuple[float, ...]:
    """Where corners' shades need divisions."""
    return (0.12, 0.35, 0.9, length / 2, length - 0.9, length - 0.35, length - 0.12)


def lay_floor(s: Scenery, room: Room, tile: Texture, tint: Colour, *, turned: bool = False) -> None:
    """The floor, a little beyond the walls."""
    wide, deep = room.x1 - room.x0 + 2 * _UNDER, room.z1 - room.z0 + 2 * _UNDER
    s.sheet("floor", (room.x0 - _UNDER, 0, room.z1 + _UNDER), (1, 0, 0), (0, 0, -1), (wide, deep), tile, tint,
            shade=room.shade(1), lines=(_lines(wide), _lines(deep)), turned=turned)  # fmt: skip


def line_walls(
    s: Scenery,
    room: Room,
    tile: Texture | None,
    tint: Colour,
    *,
    dado: tuple[float, Texture | None, Colour] | None = None,
) -> None:
    """Walls; `dado` is another surface up to a height."""
    for i, wall in enumerate(room.walls):
        x, z = wall.at(-_UNDER)
        along, length = (wall.along[0], 0.0, wall.along[1]), wall.length + 2 * _UNDER
        parts = [(-_UNDER, room.height + _UNDER, tile, tint)]
        if dado is not None:
            parts = [(-_UNDER, dado[0], dado[1], dado[2]), (dado[0], room.height + _UNDER, tile, tint)]
        for low, high, surface, colour in parts:
            lines = [y - low for y in (0.12, 0.35, 1.0, room.height - 1.0, room.height - 0.35, room.height - 0.12)]
            s.sheet("wall", (x, low, z), along, (0, 1, 0), (length, high - low), surface, colour,
                    shade=room.shade(2 if i % 2 == 0 else 0), lines=(_lines(length), lines))  # fmt: skip


def ceiling(s: Scenery, room: Room, tile: Texture | None, tint: Colour) -> None:
    """Seen from below."""
    wide, deep = room.x1 - room.x0 + 2 * _UNDER, room.z1 - room.z0 + 2 * _UNDER
    s.sheet("ceiling", (room.x0 - _UNDER, room.height, room.z0 - _UNDER), (1, 0, 0), (0, 0, 1), (wide, deep), tile,
            tint, shade=room.shade(1), lines=(_lines(wide), _lines(deep)))  # fmt: skip


def faced(room: Room) -> list[Wall]:
    """The walls that may be in the picture."""
    return [wall for wall in room.walls if wall.faced]


def against(s: Scenery, room: Room, makers: Sequence[Maker], count: int) -> None:
    """Put things with their backs to the walls that are seen."""
    walls = faced(room)
    for _ in range(count):
        if not walls:
            return
        item = makers[int(s.rng.integers(len(makers)))](s.rng)
        for _ in range(3):
            wall = walls[int(s.rng.integers(len(walls)))]
            if wall.length < 2 * item.half[0] + 0.3:
                continue
            u = s.rng.uniform(item.half[0] + 0.1, wall.length - item.half[0] - 0.1)
            span = u - item.half[0], u + item.half[0]
            if item.height > 1.0 and not wall.room_for(*span):
                continue
            x, z = wall.at(u, item.half[1] + 0.03)
            if in_sight(s, x, z) and s.put(item, x, z, wall.turn):
                if item.height > 1.0:
                    wall.taken.append(span)
                break


def scatter(s: Scenery, room: Room, makers: Sequence[Maker], count: int, *, square: bool = True) -> None:
    """Put things about the room where the view shows the floor; `square` keeps them along the walls' directions."""
    for _ in range(count):
        item = makers[int(s.rng.integers(len(makers)))](s.rng)
        for _ in range(4):
            x, z = spot_in_sight(s, item)
            reach = max(item.half)
            if not (room.x0 + reach < x < room.x1 - reach and room.z0 + reach < z < room.z1 - reach):
                continue
            turn = s.rng.integers(4) * math.pi / 2 + (s.rng.normal(0, 0.08) if square else s.rng.uniform(0, 6))
            if s.put(item, x, z, float(turn), pad=0.15):
                break


def in_sight(s: Scenery, x: float, z: float, margin: float = 0.35) -> bool:
    """Whether what stands there is about within the picture, as far as left and right go."""
    column, _, depth = (s.projection @ (x, 0.6, z, 1.0)).tolist()
    if depth < 0.2:
        return False
    column /= depth
    width = s.view.size[1]
    return -margin * width < column < (1 + margin) * width


def spot_in_sight(s: Scenery, item: Item, far: float = 9.0) -> tuple[float, float]:
    """A place on the ground within the picture's width, from a bit before the people to well behind them."""
    (x, _, z), (height, width) = s.plan.eye, s.view.size
    person = s.people[int(s.rng.integers(len(s.people)))]
    away = math.hypot(person.x - x, person.z - z)
    ray = (s.rays @ (s.rng.uniform(-0.1, 1.1) * width, 0.5 * height, 1.0)).tolist()
    level = math.hypot(ray[0], ray[2])
    if level < 1e-6:
        return person.x + s.rng.normal(0, 1.5), person.z + s.rng.normal(0, 1.5)
    distance = away * s.rng.uniform(0.75, 1.3) + s.rng.uniform(0, 1) ** 2 * far
    return x + ray[0] / level * distance, z + ray[2] / level * distance
