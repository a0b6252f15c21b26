"""What cloth is made of: colours that go together, and small tiles of patterned fabric that repeat over a panel."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import no_type_check

import cv2
import numba
import numpy as np
from jaxtyping import UInt8

from mien.synth.random import stream
from mien.synth.wardrobe.charts import Panel
from mien.synth.wardrobe.noise import noise_tile

__all__ = ["Fabric", "Palette", "choose_fabric", "cover", "palette_of"]

_SHARES = np.cumsum([0.24, 0.1, 0.2, 0.1, 0.1, 0.14, 0.05])
Colour = tuple[float, float, float]
"""RGB, 0..255."""

_PLAIN = ("plain", "denim", "knit", "melange", "leather")
PATTERNS = ("stripes", "upright", "plaid", "gingham", "dots", "floral", "camouflage", "blocks")
_BASICS: tuple[Colour, ...] = (
    (28, 28, 31), (236, 234, 229), (122, 124, 128), (34, 43, 66), (74, 76, 80), (186, 172, 148), (92, 74, 58),
    (214, 206, 190), (52, 60, 52), (168, 170, 172),
)  # fmt: skip
_DENIM: tuple[Colour, ...] = ((58, 78, 112), (36, 48, 74), (104, 128, 160), (42, 44, 50), (146, 166, 190))


@dataclass(frozen=True)
class Palette:
    """Colours of one outfit."""

    main: Colour
    second: Colour
    accent: Colour
    dark: Colour
    light: Colour


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """What a garment is cut from."""

    pattern: str
    """One of `PATTERNS`, or plain cloth: `plain`, `denim`, `knit`, `melange`, `leather`."""
    colours: tuple[Colour, ...]
    scale: float
    """Metres of one repeat, roughly."""
    seed: int


def palette_of(rng: np.random.Generator, style: str) -> Palette:
    """Colours that go together.

    Args:
        rng: what is drawn from.
        style: `muted`, `vivid`, `dark`, `pastel` or `mixed`.
    """
    if style == "mixed":
        style = ("muted", "muted", "vivid", "dark", "pastel")[int(rng.integers(5))]
    hue, value = 0.1 + 0.91 * rng.random(), rng.random()  # the hue of skin is left out
    saturation, brightness = {
        "muted": (0.12 + 0.3 * value, 0.25 + 0.55 * rng.random()),
        "vivid": (0.5 + 0.35 * value, 0.4 + 0.45 * rng.random()),
        "dark": (0.1 + 0.4 * value, 0.1 + 0.2 * rng.random()),
        "pastel": (0.12 + 0.22 * value, 0.82 + 0.15 * rng.random()),
    }[style]
    basic = _BASICS[int(rng.integers(len(_BASICS)))]
    shade = _hsv(hue, saturation, brightness)
    near = _hsv(hue + rng.normal(0, 0.05), saturation * 0.7, min(brightness * 1.3, 0.95))
    other = _hsv(
        hue + (0.33, 0.5, 0.67)[int(rng.integers(3))] + rng.normal(0, 0.04),
        0.35 + 0.5 * rng.random(),
        0.45 + 0.5 * rng.random(),
    )
    main, second = (shade, basic) if rng.random() < 0.6 else (basic, shade)
    return Palette(main, second if rng.random() < 0.6 else near, other, (32, 32, 36), (232, 230, 226))


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(saturation, 1.0), min(value, 0.96))
    return 255 * red, 255 * green, 255 * blue


def choose_fabric(
    rng: np.random.Generator, palette: Palette, patterned: float, plain: tuple[str, ...] = ("plain",), *, lead: int = 0
) -> Fabric:
    """A fabric in the colours of the outfit.

    Args:
        rng: what is drawn from.
        palette: of the outfit.
        patterned: how likely a pattern is.
        plain: what it is otherwise.
        lead: 0 starts with the main colour, 1 with the second.
    """
    colours = [palette.main, palette.second, palette.accent]
    colours = colours[lead:] + colours[:lead]
    light = palette.light if rng.random() < 0.7 else palette.dark
    if rng.random() < patterned:
        pattern = PATTERNS[int(np.searchsorted(_SHARES, rng.random()))]
        if rng.random() < 0.6:
            colours.insert(int(rng.integers(1, 3)), light)
    else:
        pattern = plain[int(rng.integers(len(plain)))]
        if pattern == "denim":
            colours[0] = _DENIM[int(rng.integers(len(_DENIM)))]
    scale = float(np.exp(rng.normal(np.log(0.055), 0.5)))
    return Fabric(
        pattern=pattern, colours=tuple(colours), scale=min(max(scale, 0.02), 0.2), seed=int(rng.integers(2**31))
    )


def cover(panels: Sequence[Panel], fabric: Fabric) -> None:
    """Fill panels of one sheet with a fabric."""
    if not panels:
        return
    if fabric.pattern in _PLAIN:
        ladder, grain = _ladder(fabric.colours[0]), _grain(fabric.pattern)
        for panel in panels:
            _weave(panel.pixels, ladder, grain, *_start(panel))
        return
    tile, grain = _tile(fabric, panels[0].texel), _grain("plain")
    for panel in panels:
        _fill(panel.pixels, tile, grain, *_start(panel))


def _start(panel: Panel) -> tuple[int, int]:
    """Row and column of a panel's first texel in repeated fabric."""
    return round(panel.corner[1] / panel.texel), round(panel.corner[0] / panel.texel)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _weave(pixels, ladder, grain, row, column):
    """Plain cloth: the grain says how bright it is."""
    side = grain.shape[0] - 1
    for y in range(pixels.shape[0]):
        for i in range(pixels.shape[1]):
            bright = grain[(row + y) & side, (column + i) & side]
            for c in range(3):
                pixels[y, i, c] = ladder[bright, c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fill(pixels, tile, grain, row, column):
    """Repeat a tile, as bright as the grain (128 is 1) says."""
    height, width = tile.shape[:2]
    side = grain.shape[0] - 1
    first = column % width
    for y in range(pixels.shape[0]):
        source, x = (row + y) % height, first
        for i in range(pixels.shape[1]):
            factor = np.int32(grain[(row + y) & side, (column + i) & side])
            for c in range(3):
                pixels[y, i, c] = min(np.int32(tile[source, x, c]) * factor >> 7, 255)
            x += 1
            if x == width:
                x = 0


def _tile(fabric: Fabric, texel: float) -> UInt8[np.ndarray, "h w 3"]:
    """One repeat of a pattern, without its grain."""
    rng, size = np.random.default_rng(fabric.seed), max(round(fabric.scale / texel), 6)
    return _MAKE[fabric.pattern](rng, fabric.colours, size).round().clip(0, 255).astype(np.uint8)


def _ladder(colour: Colour) -> UInt8[np.ndarray, "256 3"]:
    """A colour at each brightness of the grain."""
    red, green, blue = colour
    return _rungs(round(red), round(green), round(blue))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _rungs(red, green, blue):
    found = np.empty((256, 3), dtype=np.uint8)
    for bright in range(256):
        found[bright, 0], found[bright, 1], found[bright, 2] = (
            min(bright * red >> 7, 255),
            min(bright * green >> 7, 255),
            min(bright * blue >> 7, 255),
        )
    return found


@cache
def _grain(kind: str) -> UInt8[np.ndarray, "128 128"]:
    """Brightness of threads, 128 on average."""
    rng = stream("wardrobe", "grain", kind)
    fine = rng.standard_normal((128, 128))
    y, x = np.mgrid[:128, :128]
    ribs = 0.05 * np.cos(np.pi * x / 2) + 0.02 * np.cos(np.pi / 2 * (y + 2 * np.abs(x % 4 - 2)))
    threads = 0.045 * rng.standard_normal((1, 128)) + 0.03 * rng.standard_normal((128, 1))
    bright = {
        "denim": threads + 0.05 * fine,
        "knit": ribs + 0.03 * fine,
        "melange": 0.055 * (fine + np.roll(fine, 1, 1)),
        "leather": 0.012 * fine,
        "plain": 0.022 * fine,
    }[kind]
    return (128 * (1 + bright)).round().clip(0, 255).astype(np.uint8)


def _stripes(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Horizontal stripes: a few widths and colours that repeat."""
    count = int(rng.choice([2, 2, 2, 3, 4]))
    share = rng.dirichlet(np.full(count, 3.0))
    edges = np.maximum(np.round(np.cumsum(share) * size * count / 2), np.arange(1, count + 1)).astype(int)
    rows = np.searchsorted(edges, np.arange(edges[-1]), side="right")
    return np.array(colours)[rows % len(colours)][:, None].repeat(4, 1)


def _upright(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Stripes downwards."""
    return np.ascontiguousarray(_stripes(rng, colours, size).transpose(1, 0, 2))


def _plaid(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Tartan: the same sequence of threads along and across."""
    count = int(rng.integers(3, 6))
    size = max(size * 2, 3 * count)
    widths = np.maximum((rng.dirichlet(np.full(count, 1.2)) * size).astype(int), 1)
    which = rng.integers(0, len(colours), count)
    which[np.argmax(widths)] = 0
    line = np.repeat(np.array(colours)[which], widths, axis=0)
    line = np.concatenate([line, line[::-1]])
    return 0.5 * (line[:, None] + line[None])


def _gingham(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Checks: two colours and their mean."""
    half = max(size // 4, 2)
    line = np.repeat(np.array([colours[0], (238, 236, 230)]), half, axis=0)
    return 0.5 * (line[:, None] + line[None])


def _dots(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Round spots on a lattice."""
    size = max(size // 2 * 2, 10)
    big = np.empty((4 * size, 4 * size, 3), dtype=np.uint8)
    big[:] = np.round(colours[0])
    radius = int(4 * size * rng.uniform(0.1, 0.2))
    for x, y in ((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)):
        cv2.circle(big, (int(x * 4 * size), int(y * 4 * size)), radius, colours[1], -1)
    return cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA)


def _scatter(big: np.ndarray, x: float, y: float, draw) -> None:
    """Draw something so that it goes on across the borders of the tile."""
    side = len(big)
    for dx in (-side, 0, side):
        for dy in (-side, 0, side):
            if -side / 3 < x + dx < side * 4 / 3 and -side / 3 < y + dy < side * 4 / 3:
                draw((x + dx, y + dy))


def _floral(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Flowers and leaves, here and there."""
    size = max(size * 2, 32)
    big = np.empty((2 * size, 2 * size, 3), dtype=np.uint8)
    big[:] = np.round(colours[0])
    leaf = tuple(0.6 * c for c in colours[-1])
    for k in range(int(rng.integers(7, 13))):
        x, y = rng.random(2) * 2 * size
        radius, petals = size * rng.uniform(0.06, 0.16), int(rng.integers(4, 7))
        colour = colours[1 + k % (len(colours) - 1)]
        for petal in range(petals):
            turn = 2 * np.pi * petal / petals + k
            away = (radius * np.cos(turn), radius * np.sin(turn))
            tone = leaf if k % 3 == 2 else colour
            _scatter(
                big,
                x + away[0],
                y + away[1],
                lambda at, tone=tone, turn=turn, r=radius: cv2.ellipse(
                    big, (at, (1.6 * r, 0.9 * r), float(np.rad2deg(turn))), tone, -1
                ),
            )
        if k % 3 != 2:
            _scatter(
                big,
                x,
                y,
                lambda at, r=radius: cv2.circle(big, (int(at[0]), int(at[1])), max(int(0.45 * r), 1), colours[-1], -1),
            )
    return cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA)


def _camouflage(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Blots in three tones."""
    noise = np.roll(noise_tile(), rng.integers(0, 128, 2), (0, 1))
    other = np.roll(noise_tile().T, rng.integers(0, 128, 2), (0, 1))
    tones = np.array([colours[0], tuple(0.65 * c for c in colours[0]), tuple(0.5 * c + 70 for c in colours[0])])
    return tones[np.where(noise > 0.12, 1, np.where(other > 0.2, 2, 0))]


def _blocks(rng: np.random.Generator, colours: tuple[Colour, ...], size: int) -> np.ndarray:
    """Squares like a chessboard, or lozenges."""
    half = max(size // 2, 4)
    y, x = np.mgrid[: 2 * half, : 2 * half]
    odd = (
        (x // half + y // half) % 2 if rng.random() < 0.5 else (np.abs(x - half) + np.abs(y - half) < half).astype(int)
    )
    return np.array(colours)[odd]


_MAKE = {
    "stripes": _stripes,
    "upright": _upright,
    "plaid": _plaid,
    "gingham": _gingham,
    "dots": _dots,
    "floral": _floral,
    "camouflage": _camouflage,
    "blocks": _blocks,
}
