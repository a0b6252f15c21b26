"""Courts, and what is used on them."""

from __future__ import annotations

import itertools
import math

import numpy as np

from mien.synth.place.colours import METAL, WOOD, choose, times
from mien.synth.place.forms import Colour, blobs, boxes, join, quads, rods
from mien.synth.place.joinery import Row, padded, wooden
from mien.synth.place.plan import Rect
from mien.synth.place.scenery import Item, Scenery

__all__ = ["basket", "court", "flat_mat", "football_goal", "goal", "mats", "net", "stripes", "vaulting_box"]

_MARK = 0.004
"""Metres above the ground at which lines are painted."""


def stripes(s: Scenery, segments: list[tuple[float, float, float, float]], wide: float, colour: Colour) -> None:
    """Lines on the ground from (x, z) to (x, z)."""
    if not segments:
        return
    ends = np.array(segments)
    start, end = ends[:, :2], ends[:, 2:]
    forward = end - start
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-6)
    side = wide / 2 * np.stack([-forward[:, 1], forward[:, 0]], 1)
    flat = np.stack([start + side, end + side, end - side, start - side], 1)
    flat = flat[:, ::-1] if _turns_down(flat[0]) else flat
    corners = np.stack([flat[..., 0], np.full(flat.shape[:2], _MARK), flat[..., 1]], -1)
    s.add("marking", quads(corners, np.array(colour)), casts=False)


def _turns_down(flat: np.ndarray) -> bool:
    """Whether corners (x, z) turn so that their rectangle faces the ground."""
    a, b = flat[1] - flat[0], flat[2] - flat[0]
    return bool(a[0] * b[1] - a[1] * b[0] > 0)


def court(s: Scenery, bounds: Rect, colour: Colour, wide: float = 0.06) -> None:
    """Lines of a court: the outline, the middle, a circle, boxes at both ends."""
    x0, z0, x1, z1 = bounds
    if x1 - x0 > z1 - z0:
        long, turn = x1 - x0, False
    else:
        long, turn = z1 - z0, True
    middle, broad = ((x0 + x1) / 2, (z0 + z1) / 2), (z1 - z0 if not turn else x1 - x0)
    lines = [
        (-0.5, -0.5, 0.5, -0.5),
        (0.5, -0.5, 0.5, 0.5),
        (0.5, 0.5, -0.5, 0.5),
        (-0.5, 0.5, -0.5, -0.5),
        (0, -0.5, 0, 0.5),
    ]
    segments = [(a * long, b * broad, c * long, d * broad) for a, b, c, d in lines]
    for end in (-1, 1):
        reach, half = end * (long / 2 - min(5.8, 0.2 * long)), min(2.45, 0.16 * broad)
        segments += [
            (end * long / 2, -half, reach, -half),
            (reach, -half, reach, half),
            (reach, half, end * long / 2, half),
        ]
        segments += _arc(reach, 0.0, half, 16, 0.0, 2 * math.pi)
    segments += _arc(0.0, 0.0, min(1.8, 0.13 * long), 20, 0.0, 2 * math.pi)
    placed = [(middle[0] + a, middle[1] + b, middle[0] + c, middle[1] + d) if not turn else
              (middle[0] + b, middle[1] + a, middle[0] + d, middle[1] + c) for a, b, c, d in segments]  # fmt: skip
    _each_way(s, placed, wide, colour)


def _each_way(s: Scenery, segments: list[tuple[float, float, float, float]], wide: float, colour: Colour) -> None:
    """As `stripes`, cut short enough that each is seen or not seen as a whole."""
    short = []
    for a, b, c, d in segments:
        count = max(1, math.ceil(math.hypot(c - a, d - b) / 4.0))
        step_x, step_z = (c - a) / count, (d - b) / count
        short += [(a + k * step_x, b + k * step_z, a + (k + 1) * step_x, b + (k + 1) * step_z) for k in range(count)]
    stripes(s, short, wide, colour)


def _arc(
    x: float, z: float, radius: float, count: int, start: float, end: float
) -> list[tuple[float, float, float, float]]:
    turn = (end - start) / count
    points = [
        (x + radius * math.cos(start + k * turn), z + radius * math.sin(start + k * turn)) for k in range(count + 1)
    ]
    return [(*a, *b) for a, b in itertools.pairwise(points)]


def basket(colour: Colour = (0.94, 0.94, 0.94)) -> Item:
    """A basketball basket that hangs on a wall; it looks along +z."""
    red = (0.75, 0.2, 0.12)
    rows = [(-0.9, 2.9, 0.5, 0.9, 3.95, 0.54, *colour),
            (-0.3, 3.1, 0.54, 0.3, 3.14, 0.548, *red), (-0.3, 3.5, 0.54, 0.3, 3.54, 0.548, *red),
            (-0.3, 3.1, 0.54, -0.26, 3.54, 0.548, *red), (0.26, 3.1, 0.54, 0.3, 3.54, 0.548, *red),
            *((x, 3.3, 0.0, x + 0.05, 3.35, 0.5, 0.3, 0.3, 0.3) for x in (-0.5, 0.45))]  # fmt: skip
    angle = np.linspace(0, 2 * math.pi, 13)
    x, z = 0.23 * np.cos(angle), 0.78 + 0.23 * np.sin(angle)
    ring = [(x[i], 3.05, z[i], 0.012, x[i + 1], 3.05, z[i + 1], 0.012, 0.85, 0.3, 0.1) for i in range(12)]
    net = []
    for i in range(12):
        for a, b in ((i, i + 1), (i + 1, i)):
            net.append(
                (x[a], 3.04, z[a], 0.006, 0.55 * x[b], 2.62, 0.78 + 0.55 * (z[b] - 0.78), 0.006, 0.93, 0.93, 0.93)
            )
    return Item(
        kind="basket",
        meshes=(join([boxes(rows, grounded=False), rods(ring + net, sides=4, grounded=False)]),),
        half=(0.9, 1.1),
        height=4.0,
    )


def basket_post(rng: np.random.Generator) -> Item:
    """The same on a post of its own."""
    post = choose(rng, METAL)
    rows = [(0, 0, -0.6, 0.09, 0, 3.2, -0.6, 0.08, *post), (0, 3.2, -0.6, 0.07, 0, 3.4, 0.5, 0.05, *post)]
    hung = basket()
    return Item(kind="basket", meshes=(*hung.meshes, rods(rows, sides=8)), half=(0.9, 1.1), height=4.0)


def goal(rng: np.random.Generator) -> Item:
    """A handball goal, banded, with a coarse net."""
    tone = choose(rng, ((0.8, 0.12, 0.1), (0.1, 0.2, 0.6), (0.15, 0.15, 0.15)))
    rows = []
    for k in range(10):
        shade = tone if k % 2 else (0.94, 0.94, 0.94)
        rows += [(s * 1.5, 0.2 * k, 0, 0.04, s * 1.5, 0.2 * k + 0.2, 0, 0.04, *shade) for s in (-1, 1)]
        rows.append((-1.5 + 0.3 * k, 2.0, 0, 0.04, -1.2 + 0.3 * k, 2.0, 0, 0.04, *shade))
    rows += _net(1.5, 2.0, 0.9, 9)
    return Item(kind="goal", meshes=(rods(rows, sides=4),), half=(1.55, 0.9), height=2.05)


def football_goal() -> Item:
    """White, with a net."""
    white = (0.95, 0.95, 0.95)
    rows: list[Row] = [(s * 3.66, 0, 0, 0.06, s * 3.66, 2.44, 0, 0.06, *white) for s in (-1, 1)]
    rows.append((-3.72, 2.44, 0, 0.06, 3.72, 2.44, 0, 0.06, *white))
    rows += _net(3.66, 2.44, 1.6, 22)
    return Item(kind="goal", meshes=(rods(rows, sides=4),), half=(3.75, 1.6), height=2.5)


def _net(half: float, tall: float, deep: float, count: int) -> list[tuple[float, ...]]:
    """Cords from the bar back to the ground, and across."""
    cord = (0.86, 0.86, 0.86)
    rows = [(float(x), tall, 0, 0.007, float(x), 0, -deep, 0.007, *cord) for x in np.linspace(-half, half, count)]
    return rows + [
        (-half, tall * (1 - t), -deep * t, 0.007, half, tall * (1 - t), -deep * t, 0.007, *cord)
        for t in np.linspace(0.1, 1, 9)
    ]


def net(wide: float, low: float, high: float) -> Item:
    """Across a court, between posts."""
    grey, white = (0.25, 0.26, 0.27), (0.95, 0.95, 0.95)
    half = wide / 2
    rows = [(s * half, 0, 0, 0.045, s * half, high + 0.08, 0, 0.045, *grey) for s in (-1, 1)]
    rows += [(-half, high, 0, 0.03, half, high, 0, 0.03, *white)]
    rows += [
        (-half, float(y), 0, 0.004, half, float(y), 0, 0.004, 0.12, 0.12, 0.12) for y in np.arange(low, high, 0.11)
    ]
    rows += [
        (float(x), low, 0, 0.004, float(x), high, 0, 0.004, 0.12, 0.12, 0.12) for x in np.arange(-half, half, 0.16)
    ]
    return Item(kind="net", meshes=(rods(rows, sides=3),), half=(half, 0.06), height=high)


def mats(rng: np.random.Generator) -> Item:
    """A stack of thick mats, or one that leans on the wall."""
    colour, rows, y = choose(rng, ((0.16, 0.32, 0.60), (0.20, 0.44, 0.30), (0.62, 0.18, 0.16))), [], 0.0
    if rng.random() < 0.5:
        rows.append((-1.0, 0.0, -0.14, 1.0, 1.6, 0.14, *colour))
        y = 1.6
    else:
        for _ in range(int(rng.integers(1, 5))):
            rows.append((-1.0, y, -0.6, 1.0, y + 0.14, 0.6, *times(colour, rng.uniform(0.85, 1.1))))
            y += 0.15
    return Item(kind="mat", meshes=(padded(rng, rows),), half=(1.0, 0.6 if y < 1 else 0.16), height=y)


def flat_mat(rng: np.random.Generator) -> Item:
    """One on the floor."""
    colour = choose(rng, ((0.16, 0.32, 0.60), (0.20, 0.44, 0.30), (0.62, 0.18, 0.16), (0.4, 0.4, 0.42)))
    return Item(
        kind="mat", meshes=(padded(rng, [(-1.0, 0, -0.5, 1.0, 0.06, 0.5, *colour)]),), half=(1.0, 0.5), height=0.06
    )


def vaulting_box(rng: np.random.Generator) -> Item:
    """Of boards, with leather on top."""
    colour, rows, y = choose(rng, WOOD[:2] + WOOD[4:6]), [], 0.0
    for k in range(int(rng.integers(2, 5))):
        slim = 0.02 * k
        rows.append(
            (-0.7 + slim, y, -0.28 + slim, 0.7 - slim, y + 0.21, 0.28 - slim, *times(colour, rng.uniform(0.92, 1.05)))
        )
        rows.append((-0.12, y + 0.08, -0.285 + slim, 0.12, y + 0.13, 0.285 - slim, 0.16, 0.12, 0.1))
        y += 0.22
    rows.append((-0.66, y, -0.22, 0.66, y + 0.1, 0.22, 0.40, 0.26, 0.16))
    return Item(kind="vaulting_box", meshes=(wooden(rng, rows),), half=(0.72, 0.3), height=y + 0.1)


def ball(rng: np.random.Generator) -> Item:
    """For games."""
    r = float(rng.choice([0.11, 0.12, 0.32]))
    colour = choose(rng, ((0.85, 0.42, 0.16), (0.92, 0.92, 0.92), (0.3, 0.5, 0.7), (0.8, 0.3, 0.4)))
    sphere = blobs(rng, [(0, r, 0, r, r, r, *colour)], detail=3, rough=0.0)
    return Item(kind="ball", meshes=(sphere,), half=(r, r), height=2 * r)
