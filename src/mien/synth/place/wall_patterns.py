"""Painters of what is around people indoors: paint, paper, bricks, boards; and of pictures, books, doors, screens."""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Callable
from functools import partial

import numpy as np

from mien.synth.place.ground_patterns import grained
from mien.synth.place.noise import Painted, fractal, grey, mixed, noise, to_bytes

__all__ = ["PAINTERS"]


def plaster(rng: np.random.Generator, size: int, rough: float) -> Painted:
    """Paint on a wall: nearly even."""
    return grey(0.92 + rough * (0.02 * fractal(rng, size, 24, 4, 0.8) + 0.012 * fractal(rng, size, 2, 3)))


def stripes(rng: np.random.Generator, size: int) -> Painted:
    """Striped wallpaper."""
    count = int(rng.choice([4, 6, 8, 12]))
    x = np.arange(size) * count / size % 1
    edge = rng.uniform(0.3, 0.7)
    row = np.where(x < edge, 0.93, rng.uniform(0.76, 0.86))
    if rng.random() < 0.6:
        row = np.where(np.abs(x - edge / 2) < 0.04, row * 0.88, row)
    value = row[None, :].astype(np.float32) + 0.008 * fractal(rng, size, 48, 2)
    return grey(value)


def motifs(rng: np.random.Generator, size: int) -> Painted:
    """Wallpaper with flowers or shapes in a half-drop repeat."""
    import cv2

    canvas = np.full((size, size, 3), 236, dtype=np.uint8)
    count, petals = int(rng.choice([4, 6, 8])), int(rng.integers(3, 8))
    step, dark = size / count, rng.uniform(170, 215)
    tone = (dark * np.array([1, rng.uniform(0.92, 1.0), rng.uniform(0.85, 1.0)])).tolist()
    for i in range(-1, count + 1):
        for j in range(-1, count + 1):
            x, y = (i + 0.5) * step, (j + 0.5 + 0.5 * (i % 2)) * step
            for k in range(petals):
                angle = 2 * np.pi * k / petals
                place = (int(16 * (x + 0.22 * step * np.cos(angle))), int(16 * (y + 0.22 * step * np.sin(angle))))
                axes = (int(16 * 0.17 * step), int(16 * 0.08 * step))
                cv2.ellipse(canvas, place, axes, np.degrees(angle), 0, 360, tone, -1, cv2.LINE_AA, 4)
            cv2.circle(canvas, (int(16 * x), int(16 * y)), int(16 * 0.07 * step), tone, -1, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / 255 + 0.008 * fractal(rng, size, 48, 2)[..., None]


_BRICKS = (
    ((0.50, 0.24, 0.17), (0.66, 0.36, 0.25)), ((0.42, 0.27, 0.20), (0.60, 0.44, 0.34)),
    ((0.62, 0.50, 0.36), (0.74, 0.64, 0.48)), ((0.40, 0.19, 0.15), (0.56, 0.28, 0.20)),
)  # fmt: skip


def bricks(rng: np.random.Generator, size: int, rows: int, per_row: int, painted: bool) -> Painted:
    """A running bond; painted over in white, or in the colours of clay."""
    low, high = _BRICKS[int(rng.integers(len(_BRICKS)))]
    mortar = np.array((0.86, 0.86, 0.85) if painted else (0.66, 0.63, 0.58), dtype=np.float32)
    picture = mortar * (1 + 0.05 * fractal(rng, size, 32, 3))[..., None]
    grit = (1 + 0.06 * fractal(rng, size, 48, 3, 0.8)).astype(np.float32)
    joint = max(1, size // 200)
    for row in range(rows):
        top, bottom = round(row * size / rows) + joint, round((row + 1) * size / rows)
        for k in range(per_row):
            left = round((k + 0.5 * (row % 2)) * size / per_row) + joint
            columns = np.arange(left, left + size // per_row - joint) % size
            share = rng.uniform(0, 1)
            tone = np.array(low) + (np.array(high) - np.array(low)) * share
            tone = np.array([0.93] * 3) * (0.97 + 0.03 * share) if painted else tone
            block = grit[top:bottom][:, columns][..., None] * tone
            block[0] *= 1.08
            block[-1] *= 0.84
            picture[top:bottom, columns] = block
    return picture.astype(np.float32)


def boards(rng: np.random.Generator, size: int, count: int) -> Painted:
    """Upright boards with grooves."""
    grain = grained(rng, size, 110, 5).T
    value = 0.86 + 0.10 * grain
    edges = np.linspace(0, size, count + 1).astype(int)
    for low, high in itertools.pairwise(edges):
        value[:, low:high] *= 1 + 0.05 * rng.uniform(-1, 1)
        value[:, low : low + 2] *= 0.62
        value[:, low + 2] *= 1.05
    return value[..., None] * np.array([1, 0.97, 0.92], dtype=np.float32)


def stones(rng: np.random.Generator, size: int) -> Painted:
    """A wall of rough stones in courses."""
    picture = grey(0.55 + 0.04 * fractal(rng, size, 16, 4))
    grit = fractal(rng, size, 12, 5, 0.7)
    top, rows = 0, int(rng.integers(7, 11))
    heights = np.diff(np.linspace(0, size, rows + 1).astype(int))
    for height in heights:
        left = start = int(rng.integers(size))
        while left < start + size:
            width = min(int(height * rng.uniform(1.0, 2.4)), start + size - left)
            columns = np.arange(left + 2, left + max(3, width)) % size
            tone = rng.uniform(0.6, 0.86) * np.array([1, rng.uniform(0.94, 1), rng.uniform(0.84, 0.98)])
            block = (1 + 0.09 * grit[top + 2 : top + height][:, columns])[..., None] * tone
            block[:2] *= 1.06
            block[-2:] *= 0.85
            picture[top + 2 : top + height, columns] = block
            left += width
        top += height
    return picture


def books(rng: np.random.Generator, size: int) -> Painted:
    """One shelf full of backs of books, in their own colours."""
    import cv2

    canvas = np.full((size // 4, size, 3), 34, dtype=np.uint8)
    height, x = size // 4, 1
    while x < size - 3:
        if rng.random() < 0.06:
            x += int(rng.integers(4, 24))
            continue
        width, tall = int(rng.integers(3, 10)), int(height * rng.uniform(0.62, 0.95))
        tone = 255 * np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.08, 0.66), rng.uniform(0.28, 0.86)))
        cv2.rectangle(canvas, (x, height - tall), (x + width - 1, height - 1), tone.tolist(), -1)
        cv2.line(canvas, (x + width - 1, height - tall), (x + width - 1, height - 1), (tone * 0.6).tolist(), 1)
        band = height - int(tall * rng.uniform(0.6, 0.9))
        cv2.line(canvas, (x, band), (x + width - 2, band), (255 - tone * 0.5).tolist(), int(rng.integers(1, 3)))
        x += width
    return canvas.astype(np.float32) / 255


def painting(rng: np.random.Generator, size: int) -> Painted:
    """A picture for a wall: a landscape, shapes, or clouds of colour."""
    import cv2

    tones = rng.uniform(40, 235, (6, 1)) + rng.uniform(-45, 45, (6, 3))
    tones = tones.clip(10, 250)
    kind = rng.integers(3)
    canvas = np.full((size, size, 3), tones[0], dtype=np.uint8)
    if kind == 0:
        canvas = to_bytes(mixed(tones[0] / 255, tones[1] / 255, np.clip(0.5 + 0.35 * fractal(rng, size, 2, 4), 0, 1)))
    for k in range(1, 6):
        if kind == 1:
            y = size * (0.3 + 0.12 * k) + 0.08 * size * np.cumsum(rng.normal(0, 0.4, 12))
            line = np.stack([np.linspace(0, size, 12), y], 1)
            corners = np.concatenate([line, [[size, size], [0, size]]]).astype(np.int32)
            cv2.fillPoly(canvas, [corners], tones[k].tolist(), cv2.LINE_AA)
        elif kind == 2:
            place, radius = rng.integers(0, size, 2), int(size * rng.uniform(0.08, 0.3))
            if rng.random() < 0.5:
                cv2.circle(canvas, tuple(place.tolist()), radius, tones[k].tolist(), -1, cv2.LINE_AA)
            else:
                cv2.rectangle(canvas, tuple(place.tolist()), tuple((place + radius).tolist()), tones[k].tolist(), -1)
    edge = max(2, size // 16)
    if rng.random() < 0.5:
        canvas = cv2.copyMakeBorder(canvas, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(240, 238, 232))
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def door(rng: np.random.Generator, size: int) -> Painted:
    """A door leaf with panels, or flush, or with a pane of glass."""
    import cv2

    height, width = size, size // 2
    canvas = to_bytes(grey(0.90 + 0.015 * grained(rng, size, 80, 4).T[:, :width]))
    style = rng.integers(4)
    rows = (1, 2, 3, 0)[style]
    for k in range(rows):
        top, bottom = int(height * (0.07 + 0.86 * k / rows)), int(height * (0.03 + 0.86 * (k + 1) / rows))
        for left, right in ((0.12, 0.46), (0.54, 0.88)) if style else ((0.14, 0.86),):
            a, b = (int(width * left), top), (int(width * right), bottom)
            cv2.rectangle(canvas, a, b, (205, 205, 205), 2)
            cv2.line(canvas, (a[0], b[1]), b, (246, 246, 246), 2)
    if style == 3:
        cv2.rectangle(
            canvas, (int(width * 0.6), int(height * 0.12)), (int(width * 0.8), int(height * 0.5)), (96, 108, 116), -1
        )
    cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), (170, 170, 170), 2)
    return canvas.astype(np.float32) / 255


def writing(rng: np.random.Generator, size: int, dark: bool) -> Painted:
    """A board with handwriting and drawings."""
    import cv2

    ground = (38, 66, 54) if dark else (244, 246, 246)
    canvas = np.full((size // 2, size, 3), ground, dtype=np.uint8)
    pens = ((226, 226, 220),) if dark else ((30, 50, 120), (30, 30, 34), (150, 30, 30))
    for row in range(int(rng.integers(3, 7))):
        x, pen = int(size * rng.uniform(0.05, 0.15)), pens[int(rng.integers(len(pens)))]
        for _ in range(int(rng.integers(2, 6))):
            length = int(rng.integers(12, 60))
            t = np.arange(0, length, 1.5)
            y = (row + 1) * size // 15 + rng.normal(0, 2.0, len(t))
            cv2.polylines(canvas, [np.stack([x + t, y], 1).astype(np.int32)], False, pen, 1, cv2.LINE_AA)
            x += length + 8
    for _ in range(int(rng.integers(1, 3))):
        place = (int(size * rng.uniform(0.6, 0.85)), int(size * rng.uniform(0.15, 0.4)))
        cv2.ellipse(canvas, place, (size // 12, size // 18), 0, 0, 360, pens[0], 1, cv2.LINE_AA)
        cv2.arrowedLine(canvas, place, (place[0] - size // 8, place[1] + size // 14), pens[-1], 1, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def screen(rng: np.random.Generator, size: int) -> Painted:
    """What a monitor or a projector shows: a window with lines of text, or a slide with a chart."""
    import cv2

    light = rng.random() < 0.6
    ground, ink = ((240, 242, 246), (70, 76, 90)) if light else ((28, 32, 42), (170, 190, 200))
    canvas = np.full((size * 9 // 16, size, 3), ground, dtype=np.uint8)
    height = canvas.shape[0]
    accent = rng.uniform(40, 220, 3).tolist()
    cv2.rectangle(canvas, (0, 0), (size, height // 10), accent, -1)
    for row in range(6):
        y = int(height * (0.2 + 0.12 * row))
        cv2.line(canvas, (size // 16, y), (int(size * rng.uniform(0.25, 0.5)), y), ink, max(2, size // 100))
    for bar in range(6):
        tall = int(height * rng.uniform(0.1, 0.6))
        x = int(size * (0.56 + 0.065 * bar))
        cv2.rectangle(canvas, (x, int(height * 0.88) - tall), (x + size // 24, int(height * 0.88)), accent, -1)
    return canvas.astype(np.float32) / 255


def fabric(rng: np.random.Generator, size: int) -> Painted:
    """Woven upholstery."""
    y, x = np.indices((size, size))
    weave = 0.03 * np.sign(np.sin(x * np.pi / 2 + 0.7) * np.sin(y * np.pi / 2 + 0.7))
    return grey((0.88 + weave + 0.03 * fractal(rng, size, 4, 5, 0.7)).astype(np.float32))


def wood(rng: np.random.Generator, size: int) -> Painted:
    """One broad board: a table top."""
    rings = noise(rng, size, 3, 14)
    value = 0.86 + 0.09 * grained(rng, size, 128, 4) + 0.06 * np.sin(rings * 40)
    return value[..., None].astype(np.float32) * np.array([1, 0.97, 0.92], dtype=np.float32)


PAINTERS: dict[str, tuple[Callable[[np.random.Generator], Painted], tuple[float, float]]] = {
    "paint": (partial(plaster, size=128, rough=0.6), (3.0, 3.0)),
    "plaster": (partial(plaster, size=256, rough=1.8), (3.0, 3.0)),
    "stripes": (partial(stripes, size=128), (1.5, 1.5)),
    "motifs": (partial(motifs, size=256), (1.6, 1.6)),
    "bricks": (partial(bricks, size=320, rows=20, per_row=6, painted=False), (1.5, 1.5)),
    "white_bricks": (partial(bricks, size=320, rows=20, per_row=6, painted=True), (1.5, 1.5)),
    "blocks": (partial(bricks, size=256, rows=10, per_row=5, painted=True), (2.0, 2.0)),
    "wall_boards": (partial(boards, size=256, count=16), (2.0, 2.0)),
    "stones": (partial(stones, size=320), (2.4, 2.4)),
    "books": (partial(books, size=256), (1.0, 0.3)),
    "painting": (partial(painting, size=96), (0.6, 0.6)),
    "door": (partial(door, size=192), (0.9, 2.0)),
    "whiteboard": (partial(writing, size=256, dark=False), (2.4, 1.2)),
    "blackboard": (partial(writing, size=256, dark=True), (2.4, 1.2)),
    "screen": (partial(screen, size=128), (0.6, 0.34)),
    "fabric": (partial(fabric, size=128), (0.5, 0.5)),
    "wood": (partial(wood, size=192), (1.2, 1.2)),
}  # fmt: skip
"""By name: the painter, and the metres that its tile measures."""
