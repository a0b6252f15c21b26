"""Painters of what people stand on: wood, tiles, carpet, stone, asphalt, grass, sand, water."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float32

from mien.synth.place.noise import Painted, blur, fractal, grey, mixed, noise, to_bytes, wrapped

__all__ = ["PAINTERS"]


def grained(rng: np.random.Generator, size: int, length: int, width: int) -> Float32[np.ndarray, "h w"]:
    """Wood grain along x, about 0, within about +-1."""
    coarse = noise(rng, size, max(2, size // length), size // width) - 0.5
    fine = noise(rng, size, max(4, size // (length // 2)), size // max(2, width // 3)) - 0.5
    return (1.2 * coarse + 0.9 * fine).astype(np.float32)


def planks(rng: np.random.Generator, size: int, rows: int, per_row: int, contrast: float) -> Painted:
    """Boards along x with staggered ends."""
    picture = np.empty((size, size, 3), dtype=np.float32)
    grain = grained(rng, size, 96, 4)
    height = size // rows
    for row in range(rows):
        top = row * height
        joint = int(rng.integers(size))
        for part in range(per_row):
            length = size // per_row
            columns = (joint + part * length + np.arange(length)) % size
            shade = 0.86 + contrast * rng.uniform(-1, 1)
            warm = np.array([1, 1 - rng.uniform(0, 0.05), 1 - rng.uniform(0.02, 0.14)], dtype=np.float32)
            board = shade + 0.16 * np.roll(grain, int(rng.integers(size)), 1)[top : top + height][:, columns]
            picture[top : top + height, columns] = board[..., None] * warm
            picture[top : top + height, columns[0]] *= 0.55
        picture[top] *= 0.55
        picture[top + 1] *= 1.04
    return picture


def basket(rng: np.random.Generator, size: int) -> Painted:
    """Squares of five strips, lying and standing by turns."""
    picture = np.empty((size, size, 3), dtype=np.float32)
    side, strips = size // 4, 5
    for i in range(4):
        for j in range(4):
            block = np.empty((side, side, 3), dtype=np.float32)
            edges = np.linspace(0, side, strips + 1).astype(int)
            grain = grained(rng, side, 48, 4)
            for low, high in itertools.pairwise(edges):
                shade = 0.84 + 0.1 * rng.uniform(-1, 1)
                block[low:high] = (shade + 0.12 * grain[low:high])[..., None] * np.array([1, 0.97, 0.9], np.float32)
                block[low] *= 0.6
            block[:, 0] *= 0.6
            turned = block if (i + j) % 2 else block.swapaxes(0, 1)
            picture[i * side : (i + 1) * side, j * side : (j + 1) * side] = turned
    return picture


def tiles(
    rng: np.random.Generator, size: int, count: int, *, chess: float = 0.0, grout: float = 0.72, wild: float = 0.03
) -> Painted:
    """Square tiles; `chess` darkens every second one by that share."""
    side = size // count
    value = np.full((size, size), 0.9, dtype=np.float32) + 0.02 * fractal(rng, size, 6, 4)
    shade = 1 + wild * rng.uniform(-1, 1, (count, count)).astype(np.float32)
    if chess:
        shade *= 1 - chess * (np.indices((count, count)).sum(0) % 2)
    value *= np.kron(shade, np.ones((side, side), dtype=np.float32))
    line = max(1, size // 200)
    for k in range(count):
        value[k * side : k * side + line] = value[:, k * side : k * side + line] = grout
        value[k * side + line] *= 1.04
        value[:, k * side + line] *= 1.04
    return grey(value)


def marble(rng: np.random.Generator, size: int) -> Painted:
    """Large polished slabs with veins."""
    field = fractal(rng, size, 3, 5, 0.55)
    veins = np.exp(-np.abs(field) * 9)
    value = 0.92 - 0.22 * veins + 0.02 * fractal(rng, size, 4, 4)
    value[:2] *= 0.8
    value[:, :2] *= 0.8
    return grey(value)


def carpet(rng: np.random.Generator, size: int, squares: int) -> Painted:
    """Short pile; with `squares`, tiles whose pile lies this way and that."""
    value = 0.84 + 0.05 * fractal(rng, size, 64, 3, 0.9) + 0.015 * fractal(rng, size, 3, 3)
    if squares:
        side = size // squares
        step = np.where(np.indices((squares, squares)).sum(0) % 2, 1.0, 0.94).astype(np.float32)
        value *= np.kron(step, np.ones((side, side), dtype=np.float32))
        value[::side] *= 0.9
        value[:, ::side] *= 0.9
    return grey(value)


def terrazzo(rng: np.random.Generator, size: int) -> Painted:
    """Stone chips in cement."""
    import cv2

    canvas = to_bytes(grey(0.84 + 0.015 * fractal(rng, size, 8, 4)))

    def draw(wide: np.ndarray, pad: int) -> None:
        for _ in range(size * size // 90):
            x, y = rng.integers(0, size, 2) + pad
            corners = rng.normal(0, rng.uniform(1, 2.6), (5, 2)) + np.array([x, y])
            tone = rng.uniform(120, 245) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.8, 1)])
            cv2.fillConvexPoly(wide, cv2.convexHull(corners.astype(np.int32)), tone.tolist())

    wrapped(canvas, draw)
    return canvas.astype(np.float32) / 255


def concrete(rng: np.random.Generator, size: int) -> Painted:
    """Smooth, clouded, with a few pores."""
    value = 0.82 + 0.045 * fractal(rng, size, 2, 6, 0.6)
    value -= 0.15 * (fractal(rng, size, 48, 2) > 2.9)
    return grey(value)


def asphalt(rng: np.random.Generator, size: int) -> Painted:
    """Fine stones in tar, with worn patches and a crack or two."""
    import cv2

    value = 0.74 + 0.05 * fractal(rng, size, 96, 2, 0.9) + 0.04 * fractal(rng, size, 2, 4)
    cracks = np.zeros((size, size), dtype=np.uint8)

    def draw(wide: np.ndarray, pad: int) -> None:
        for _ in range(int(rng.integers(0, 3))):
            path = np.cumsum(rng.normal((2.5, 0.4), 3.5, (30, 2)), 0) + rng.uniform(0, size, 2) + pad
            cv2.polylines(wide, [path.astype(np.int32)], False, 255, 1, cv2.LINE_AA)

    wrapped(cracks, draw)
    return grey(value - 0.22 * cracks.astype(np.float32) / 255)


def paving(rng: np.random.Generator, size: int, across: int, down: int, shift: bool) -> Painted:
    """Slabs of stone or concrete with open joints; every second row may be shifted by half a slab."""
    value = 0.82 + 0.03 * fractal(rng, size, 40, 3, 0.8) + 0.03 * fractal(rng, size, 3, 4)
    tint = np.ones((size, size, 3), dtype=np.float32)
    height, width = size // down, size // across
    for row in range(down):
        first = width // 2 if shift and row % 2 else 0
        for column in range(across):
            columns = (first + column * width + np.arange(width)) % size
            rows = slice(row * height, (row + 1) * height)
            tone = 1 + 0.09 * rng.uniform(-1, 1)
            tint[rows, columns] = tone * np.array([1, 1 - rng.uniform(0, 0.02), 1 - rng.uniform(0, 0.05)])
            value[rows, columns[:2]] *= 0.72
        value[row * height : row * height + 2] *= 0.72
    return value[..., None] * tint


def cobbles(rng: np.random.Generator, size: int, count: int) -> Painted:
    """Rounded setts in rows."""
    import cv2

    side = size / count
    canvas = to_bytes(grey(0.42 + 0.05 * fractal(rng, size, 32, 3)))

    def draw(wide: np.ndarray, pad: int) -> None:
        for row in range(count):
            for column in range(count):
                x = (column + 0.5 * (row % 2) + 0.5) * side + pad + rng.normal(0, 0.5)
                y = (row + 0.5) * side + pad + rng.normal(0, 0.5)
                tone = rng.uniform(150, 215) * np.array([1, rng.uniform(0.96, 1), rng.uniform(0.9, 1)])
                half = side / 2 - 1
                for shrink, light in ((1.0, 0.86), (0.8, 1.0), (0.5, 1.06)):
                    axes = (int(half * shrink * 1.05 * 16), int(half * shrink * 16))
                    box = (tone * light).clip(0, 255).tolist()
                    cv2.ellipse(wide, (int(x * 16), int(y * 16)), axes, 0, 0, 360, box, -1, cv2.LINE_AA, 4)

    wrapped(canvas, draw)
    return canvas.astype(np.float32) / 255 * (1 + 0.06 * fractal(rng, size, 64, 2))[..., None]


def grass(rng: np.random.Generator, size: int, long: float) -> Painted:
    """Blades in many greens."""
    import cv2

    base = mixed((0.20, 0.30, 0.10), (0.36, 0.47, 0.18), np.clip(0.5 + 0.3 * fractal(rng, size, 4, 6, 0.75), 0, 1))
    canvas = to_bytes(base)

    count = size * size // 22
    start, turn = rng.uniform(0, size, (count, 2)), rng.normal(-1.57, 0.9, count)
    reach = long * rng.uniform(0.5, 1.3, (count, 1)) * np.stack([np.cos(turn), np.sin(turn)], 1)
    light, dry = rng.uniform(0.45, 1.15, (count, 1)), rng.uniform(0, 0.35, (count, 1)) ** 2
    tones = (255 * light * (np.array([0.40, 0.56, 0.20]) + dry * np.array([0.9, 0.3, 0.2]))).tolist()

    def draw(wide: np.ndarray, pad: int) -> None:
        ends = np.concatenate([start, start + reach], 1).astype(int) + pad
        for (x0, y0, x1, y1), tone in zip(ends.tolist(), tones, strict=True):
            cv2.line(wide, (x0, y0), (x1, y1), tone, 1, cv2.LINE_AA)

    wrapped(canvas, draw)
    return canvas.astype(np.float32) / 255


def pitch(rng: np.random.Generator, size: int) -> Painted:
    """Turf mown up and down: one lane light, one dark."""
    lane = grass(rng, size, 4.0)
    return np.concatenate([lane * np.float32(1.12), lane[:, ::-1] * np.float32(0.86)], 1)


def pebbled(rng: np.random.Generator, size: int, radius: float, spread: float, base: float) -> Painted:
    """Gravel, grit, soil: stones over a darker ground."""
    import cv2

    canvas = to_bytes(grey(base + 0.05 * fractal(rng, size, 6, 5)))

    count = int(size * size / (3.2 * radius * radius))
    places, turns = rng.integers(0, size, (count, 2)), rng.integers(0, 180, count).tolist()
    axes = np.maximum(
        1, 16 * radius * rng.uniform(0.5, 1.3, (count, 1)) * [1, 1] * rng.uniform([1, 0.6], 1, (count, 2))
    )
    light = 255 * (0.78 + spread * rng.uniform(-1, 1, (count, 1))) * rng.uniform([1, 0.94, 0.84], 1, (count, 3))
    tones = light.clip(0, 255)

    def draw(wide: np.ndarray, pad: int) -> None:
        rows = zip((places + pad).tolist(), axes.tolist(), turns, tones.tolist(), (0.7 * tones).tolist(), strict=True)
        for (x, y), (a, b), turn, tone, dark in rows:
            cv2.ellipse(wide, (x * 16, y * 16), (int(a), int(b)), turn, 0, 360, dark, -1, 8, 4)
            cv2.ellipse(wide, (x * 16 - 4, y * 16 - 6), (int(0.75 * a), int(0.7 * b)), turn, 0, 360, tone, -1, 8, 4)

    wrapped(canvas, draw)
    return canvas.astype(np.float32) / 255


def sand(rng: np.random.Generator, size: int, ripples: float) -> Painted:
    """Grains, hollows of steps, and ripples of the wind."""
    bumps = blur(fractal(rng, size, 10, 3), 2.0)
    slope = np.roll(bumps, 2, 0) - np.roll(bumps, -2, 0)
    bend = 0.9 * fractal(rng, size, 2, 3)
    y = np.arange(size, dtype=np.float32)[:, None] * np.float32(2 * np.pi * 14 / size)
    value = 0.84 + 0.10 * slope + ripples * 0.05 * np.sin(y + 2 * bend) + 0.03 * fractal(rng, size, size // 2, 1)
    return value[..., None] * np.array([1, 0.94, 0.82], dtype=np.float32)


def water(rng: np.random.Generator, size: int) -> Painted:
    """Small waves seen from above, with glints."""
    field = noise(rng, size, 5, 14) + 0.6 * noise(rng, size, 11, 30) + 0.35 * noise(rng, size, 22, 64)
    field = (field - field.mean()) / field.std()
    value = 0.66 + 0.1 * field + 0.18 * np.clip(field - 1.5, 0, 2)
    return value[..., None] * np.array([0.92, 0.98, 1.0], dtype=np.float32)


def rug(rng: np.random.Generator, size: int) -> Painted:
    """A woven carpet with borders and a field of lozenges, in its own colours."""
    import cv2

    palettes = (
        ((120, 30, 32), (30, 40, 80), (214, 190, 150)), ((46, 72, 92), (200, 176, 130), (150, 60, 44)),
        ((206, 198, 184), (120, 112, 104), (60, 62, 68)), ((92, 104, 76), (224, 210, 180), (150, 96, 50)),
    )  # fmt: skip
    ground, second, third = palettes[int(rng.integers(len(palettes)))]
    canvas = np.full((size, size, 3), ground, dtype=np.uint8)
    for inset, tone in (
        (0, second),
        (size // 28, third),
        (size // 22, ground),
        (size // 9, third),
        (size // 8, second),
    ):
        cv2.rectangle(canvas, (inset, inset), (size - 1 - inset, size - 1 - inset), tone, -1)
    step = size // int(rng.integers(5, 9))
    for y in range(size // 8, size - size // 8, step):
        for x in range(size // 8, size - size // 8, step):
            for r, tone in ((0.48, ground), (0.34, third), (0.18, ground)):
                middle = np.array([x + step / 2, y + step / 2])
                corners = middle + r * step * np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
                cv2.fillConvexPoly(canvas, (corners * 16).astype(np.int32), tone, cv2.LINE_AA, 4)
    weave = 1 + 0.07 * fractal(rng, size, size // 2, 1) + 0.04 * fractal(rng, size, 5, 4)
    return canvas.astype(np.float32) / 255 * weave[..., None]


PAINTERS: dict[str, tuple[Callable[[np.random.Generator], Painted], tuple[float, float]]] = {
    "planks": (partial(planks, size=384, rows=16, per_row=1, contrast=0.07), (2.4, 2.4)),
    "laminate": (partial(planks, size=384, rows=12, per_row=2, contrast=0.04), (2.4, 2.4)),
    "boards": (partial(planks, size=384, rows=32, per_row=2, contrast=0.05), (2.4, 2.4)),
    "basket": (partial(basket, size=320), (1.6, 1.6)),
    "tiles": (partial(tiles, size=320, count=4), (2.0, 2.0)),
    "small_tiles": (partial(tiles, size=320, count=8, wild=0.05), (1.6, 1.6)),
    "chess_tiles": (partial(tiles, size=256, count=4, chess=0.62, grout=0.6), (1.6, 1.6)),
    "marble": (partial(marble, size=320), (1.6, 1.6)),
    "carpet": (partial(carpet, size=320, squares=0), (1.6, 1.6)),
    "carpet_tiles": (partial(carpet, size=320, squares=4), (2.0, 2.0)),
    "terrazzo": (partial(terrazzo, size=320), (1.6, 1.6)),
    "concrete": (partial(concrete, size=320), (3.0, 3.0)),
    "asphalt": (partial(asphalt, size=384), (2.4, 2.4)),
    "paving": (partial(paving, size=384, across=6, down=6, shift=False), (2.4, 2.4)),
    "slabs": (partial(paving, size=384, across=4, down=6, shift=True), (2.4, 2.4)),
    "brick_paving": (partial(paving, size=384, across=12, down=24, shift=True), (2.4, 2.4)),
    "cobbles": (partial(cobbles, size=384, count=20), (2.0, 2.0)),
    "grass": (partial(grass, size=384, long=9.0), (2.0, 2.0)),
    "lawn": (partial(grass, size=384, long=5.0), (2.0, 2.0)),
    "pitch": (partial(pitch, size=288), (6.0, 3.0)),
    "gravel": (partial(pebbled, size=320, radius=3.2, spread=0.16, base=0.5), (1.6, 1.6)),
    "soil": (partial(pebbled, size=320, radius=2.6, spread=0.2, base=0.6), (1.6, 1.6)),
    "sand": (partial(sand, size=384, ripples=0.3), (2.4, 2.4)),
    "dune": (partial(sand, size=384, ripples=1.3), (2.4, 2.4)),
    "water": (partial(water, size=256), (5.0, 5.0)),
    "rug": (partial(rug, size=256), (2.0, 2.0)),
}  # fmt: skip
"""By name: the painter, and the metres that its tile measures."""
