"""Painters of what stands around people outdoors: fronts of houses and shops, roofs, leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import UInt8

from mien.synth.place.noise import Painted, fractal, grey, mixed, noise, to_bytes, wrapped
from mien.synth.place.wall_patterns import bricks

__all__ = ["PAINTERS"]

_Canvas = UInt8[np.ndarray, "h w 3"]
_WALLS = ((0.84, 0.79, 0.68), (0.78, 0.74, 0.70), (0.86, 0.84, 0.80), (0.76, 0.64, 0.54), (0.68, 0.72, 0.74),
          (0.85, 0.72, 0.56), (0.74, 0.77, 0.68), (0.80, 0.66, 0.62))  # fmt: skip

_SIGNS = ("CAFE", "BOOKS", "BAKERY", "SHOES", "FLOWERS", "OPTICIAN", "BARBER", "WINE BAR", "HOTEL", "FASHION",
          "PHARMACY", "TOYS", "BIKES", "MARKET", "GALLERY", "PIZZERIA")  # fmt: skip


def _pane(rng: np.random.Generator, canvas: _Canvas, box: tuple[int, int, int, int], frame: list[float]) -> None:
    """A window: the sky mirrored above, the room's dark below, curtains or blinds behind, a frame around."""
    import cv2

    left, top, right, bottom = box
    height, width = bottom - top, right - left
    sky, dark = np.array([150, 170, 190]) * rng.uniform(0.5, 1.0), np.array([40, 46, 54]) * rng.uniform(0.7, 1.4)
    share = np.clip(np.linspace(1.2, -0.4, height) + rng.uniform(-0.4, 0.3), 0, 1)[:, None, None] ** 1.5
    canvas[top:bottom, left:right] = dark + (sky - dark) * share * np.ones((1, width, 1))
    kind = rng.random()
    cloth = (np.array([226, 220, 208]) * rng.uniform(0.55, 0.9)).tolist()
    if kind < 0.35:
        side = int(width * rng.uniform(0.12, 0.3))
        cv2.rectangle(canvas, (left, top), (left + side, bottom), cloth, -1)
        cv2.rectangle(canvas, (right - side, top), (right, bottom), cloth, -1)
    elif kind < 0.55:
        cv2.rectangle(canvas, (left, top), (right, top + int(height * rng.uniform(0.2, 0.9))), cloth, -1)
    thick = max(1, width // 16)
    cv2.rectangle(canvas, (left, top), (right, bottom), frame, thick)
    if rng.random() < 0.75:
        middle = (left + right) // 2
        cv2.line(canvas, (middle, top), (middle, bottom), frame, thick)
    if rng.random() < 0.45:
        cv2.line(canvas, (left, top + height // 3), (right, top + height // 3), frame, max(1, thick - 1))


def facade(rng: np.random.Generator, size: int, brick: bool) -> Painted:
    """Two by two windows in a rendered or a brick wall, with sills and perhaps surrounds, a cornice, balconies."""
    import cv2

    if brick:
        picture = bricks(rng, size, 80, 22, False)
    else:
        wall = np.array(_WALLS[int(rng.integers(len(_WALLS)))], dtype=np.float32)
        stain = 0.03 * noise(rng, size, 24, 3) - 0.02
        picture = wall * (1 + stain + 0.02 * fractal(rng, size, 4, 6, 0.7))[..., None]
    canvas = to_bytes(picture)
    half = size // 2
    wide, tall, sill = rng.uniform(0.34, 0.56), rng.uniform(0.5, 0.64), rng.uniform(0.6, 0.72)
    surround, balcony, band = rng.random() < 0.6, rng.random() < 0.25, rng.random() < 0.5
    trim = (np.array([232, 228, 220]) * rng.uniform(0.75, 1.0)).tolist()
    frame = (np.array([1, 1, 1]) * rng.choice([235, 60, 110])).tolist()
    for i in range(2):
        for j in range(2):
            middle, base = int((i + 0.5) * half), int((j + 0.9) * half - 0.1 * half * sill)
            box = (int(middle - wide * half / 2), int(base - tall * half), int(middle + wide * half / 2), base)
            if surround:
                cv2.rectangle(canvas, (box[0] - 5, box[1] - 6), (box[2] + 5, box[3] + 3), trim, -1)
            _pane(rng, canvas, box, frame)
            cv2.rectangle(canvas, (box[0] - 5, base), (box[2] + 5, base + 3), trim, -1)
            cv2.line(canvas, (box[0] - 5, base + 5), (box[2] + 5, base + 5), [value * 0.6 for value in trim], 2)
            if balcony:
                for x in range(box[0] - 10, box[2] + 11, 5):
                    cv2.line(canvas, (x, base - int(0.2 * half)), (x, base + 3), (44, 44, 48), 1)
                cv2.line(
                    canvas,
                    (box[0] - 10, base - int(0.2 * half)),
                    (box[2] + 10, base - int(0.2 * half)),
                    (44, 44, 48),
                    2,
                )
        if band:
            cv2.rectangle(canvas, (0, i * half), (size, i * half + 3), trim, -1)
            cv2.line(canvas, (0, i * half + 4), (size, i * half + 4), [value * 0.62 for value in trim], 2)
    return canvas.astype(np.float32) / 255


def curtain_wall(rng: np.random.Generator, size: int) -> Painted:
    """A front of glass: panes that mirror the sky, bands of sheet metal between the floors."""
    import cv2

    tint = np.array([rng.uniform(0.42, 0.6), rng.uniform(0.64, 0.76), rng.uniform(0.74, 0.88)])
    canvas = to_bytes(mixed(tint * 0.6, tint, noise(rng, size, 3, 4)))
    count, floors = int(rng.integers(3, 6)), 2
    line = (np.array([210, 214, 218]) * rng.choice([0.3, 0.7, 1.0])).tolist()
    for k in range(count):
        for j in range(floors):
            light = rng.uniform(0.75, 1.15)
            box = np.s_[j * size // floors : (j + 1) * size // floors, k * size // count : (k + 1) * size // count]
            canvas[box] = np.clip(canvas[box] * light, 0, 255)
            if rng.random() < 0.25:
                top = j * size // floors
                blind = (
                    (k * size // count, top),
                    ((k + 1) * size // count, top + int(size / floors * rng.uniform(0.2, 0.6))),
                )
                cv2.rectangle(canvas, *blind, (198, 198, 192), -1)
        cv2.line(canvas, (k * size // count, 0), (k * size // count, size), line, 2)
    for j in range(floors):
        cv2.rectangle(canvas, (0, j * size // floors), (size, j * size // floors + size // 14), line, -1)
    return canvas.astype(np.float32) / 255


def shop(rng: np.random.Generator, size: int) -> Painted:
    """The ground floor of a shop: a sign, a window with goods, a door."""
    import cv2

    canvas = np.full((size, size, 3), np.array(_WALLS[int(rng.integers(8))]) * rng.uniform(120, 230), dtype=np.uint8)
    paint = rng.uniform(20, 200, 3)
    cv2.rectangle(canvas, (0, 0), (size, int(size * 0.2)), paint.tolist(), -1)
    letters = (np.array([240, 236, 224]) if paint.mean() < 130 else np.array([40, 36, 34])).tolist()
    word = _SIGNS[int(rng.integers(len(_SIGNS)))]
    font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)[int(rng.integers(3))]
    (wide, tall), _ = cv2.getTextSize(word, font, 1.0, 2)
    scale = min(0.8 * size / wide, 0.11 * size / tall)
    place = int((size - scale * wide) * rng.uniform(0.2, 0.8)), int(size * 0.1 + scale * tall / 2)
    cv2.putText(canvas, word, place, font, scale, letters, 2, cv2.LINE_AA)
    door_left = bool(rng.random() < 0.5)
    glass = ((0.06, 0.3), (0.36, 0.94)) if door_left else ((0.7, 0.94), (0.06, 0.64))
    warm = np.array([92, 84, 70]) * rng.uniform(0.5, 1.3)
    for (left, right), low in zip(glass, (0.985, 0.86), strict=True):
        box = np.s_[int(size * 0.26) : int(size * low), int(size * left) : int(size * right)]
        height = canvas[box].shape[0]
        canvas[box] = (warm * np.linspace(1.5, 0.6, height)[:, None])[:, None]
    left, right = glass[1]
    for _ in range(14):
        x, tall = int(size * rng.uniform(left + 0.03, right - 0.06)), int(size * rng.uniform(0.06, 0.32))
        cv2.rectangle(
            canvas,
            (x, int(size * 0.85) - tall),
            (x + size // 20, int(size * 0.85)),
            (rng.uniform(50, 220) + rng.uniform(-45, 45, 3)).clip(0, 255).tolist(),
            -1,
        )
    shine = np.array([[0.3, 0.26], [0.45, 0.26], [0.2, 0.86], [0.05, 0.86]]) * size + (left * size, 0)
    overlay = canvas.copy()
    cv2.fillConvexPoly(overlay, shine.astype(np.int32), (200, 210, 220), cv2.LINE_AA)
    canvas = cv2.addWeighted(overlay, 0.22, canvas, 0.78, 0)
    for left, right in glass:
        low = 0.86 if right - left > 0.3 else 0.985
        cv2.rectangle(
            canvas,
            (int(size * left), int(size * 0.26)),
            (int(size * right), int(size * low)),
            (paint * 0.7).tolist(),
            4,
        )
    return canvas.astype(np.float32) / 255


def leaves(rng: np.random.Generator, size: int, long: float) -> Painted:
    """Foliage: light leaves over dark gaps. Nearly grey, to be tinted."""
    import cv2

    canvas = to_bytes(grey(0.30 + 0.10 * np.clip(fractal(rng, size, 6, 4), -1, 1)))

    count = size * size // 14
    places, turns = rng.integers(0, size, (count, 2)), rng.integers(0, 180, count).tolist()
    axes = (16 * long * rng.uniform([0.7, 0.3], [1.2, 0.55], (count, 2))).astype(int).tolist()
    light = rng.uniform(0.45, 0.75 + 0.35 * np.arange(count) / count)[:, None] * rng.uniform(
        [1, 1, 0.75], 1, (count, 3)
    )
    tones = (255 * light).clip(0, 255).tolist()

    def draw(wide: np.ndarray, pad: int) -> None:
        for (x, y), (a, b), turn, tone in zip((places + pad).tolist(), axes, turns, tones, strict=True):
            cv2.ellipse(wide, (x * 16, y * 16), (a, b), turn, 0, 360, tone, -1, cv2.LINE_AA, 4)

    wrapped(canvas, draw)
    return canvas.astype(np.float32) / 255


def roller(rng: np.random.Generator, size: int) -> Painted:
    """Corrugated metal, lying ribs."""
    wave = np.sin(np.arange(size) * (2 * np.pi * 16 / size))
    value = 0.8 + 0.12 * wave[:, None] + 0.03 * fractal(rng, size, 3, 5)
    return grey(value.astype(np.float32))


PAINTERS: dict[str, tuple[Callable[[np.random.Generator], Painted], tuple[float, float]]] = {
    "facade": (partial(facade, size=256, brick=False), (5.6, 6.2)),
    "brick_facade": (partial(facade, size=256, brick=True), (5.6, 6.2)),
    "glass_facade": (partial(curtain_wall, size=192), (6.0, 6.6)),
    "shop": (partial(shop, size=256), (4.6, 3.7)),
    "leaves": (partial(leaves, size=128, long=6.0), (1.0, 1.0)),
    "hedge": (partial(leaves, size=256, long=5.0), (1.4, 1.4)),
    "roller": (partial(roller, size=128), (1.6, 1.6)),
}  # fmt: skip
"""By name: the painter, and the metres that its tile measures."""
