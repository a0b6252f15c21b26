"""What is drawn on cut fabric: seams, buttons, pockets, prints, worn places. Places are in the metres of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import no_type_check

import cv2
import numba
import numpy as np
from jaxtyping import Int32, UInt8

from mien.synth.wardrobe.charts import Panel
from mien.synth.wardrobe.fabric import Colour

__all__ = ["bright", "buttons", "fade", "line", "number", "print_on", "spot"]

_SHIFT = 4
Places = Sequence[tuple[float, float]]


def _pixels(panel: Panel, places: Places) -> Int32[np.ndarray, "place 2"]:
    """Columns and rows in fractions of a texel, as OpenCV takes them."""
    scale, (left, top) = 2**_SHIFT / panel.texel, panel.corner
    return np.array([(round((s - left) * scale), round((t - top) * scale)) for s, t in places], dtype=np.int32)


def spot(panel: Panel, colour: Colour) -> None:
    """One colour all over."""
    shown = np.array([min(max(round(c), 0), 255) for c in colour], dtype=np.uint8)
    panel.pixels[:] = np.tile(shown, (panel.pixels.shape[1], 1))


def bright(colour: Colour, factor: float) -> Colour:
    """A colour, brighter or darker."""
    red, green, blue = (min(max(factor * c, 0.0), 250.0) for c in colour)
    return red, green, blue


def line(panel: Panel, places: Places, colour: Colour, width: float) -> None:
    """A line through places, `width` metres wide but at least a texel."""
    thick = max(round(width / panel.texel), 1)
    cv2.polylines(panel.pixels, [_pixels(panel, places)], False, colour, thick, cv2.LINE_AA, _SHIFT)


def buttons(panel: Panel, places: Places, colour: Colour, radius: float) -> None:
    """Round spots with a dark rim below."""
    size, shade = max(round(radius / panel.texel * 2**_SHIFT), 12), bright(colour, 0.4)
    for x, y in _pixels(panel, places).tolist():
        cv2.circle(panel.pixels, (x, y + size // 3), size, shade, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(panel.pixels, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)


def fade(panel: Panel, blots: Sequence[tuple[tuple[float, float], tuple[float, float]]], strength: float) -> None:
    """Soft places, brighter or darker: (middle, size) in metres."""
    height, width = panel.pixels.shape[:2]
    rows, columns = (np.arange(max(count // 8, 2)) * 8.0 for count in (height, width))
    total = np.zeros((len(rows), len(columns)), dtype=np.float32)
    for middle, size in blots:
        s, t = panel.at(*middle)
        across = np.exp(-(((columns - s) * panel.texel / size[0]) ** 2))
        total += np.exp(-(((rows - t) * panel.texel / size[1]) ** 2))[:, None] * across
    factor = cv2.resize(1 + strength * total, (width, height), interpolation=cv2.INTER_LINEAR)
    _brighten(panel.pixels, factor.astype(np.float32, copy=False))


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _brighten(pixels, factor):
    """Multiply colours, in place."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            for c in range(3):
                bright = np.float32(pixels[y, x, c]) * factor[y, x]
                pixels[y, x, c] = np.uint8(min(max(bright, np.float32(0)), np.float32(255)))


def print_on(
    panel: Panel, middle: tuple[float, float], size: float, colours: Sequence[Colour], rng: np.random.Generator
) -> None:
    """A print: letters, a badge, a band of colour, a sun, a burst; `size` metres wide."""
    side = max(int(size / panel.texel), 8)
    ink = np.zeros((side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), dtype=np.uint8)
    choice = str(rng.choice(["letters", "badge", "sun", "band", "blocks", "star"]))
    _DRAW[choice](ink, mask, colours, rng)
    s, t = panel.at(*middle)
    _lay(panel, ink, mask, int(s - side / 2), int(t - side / 2))


def number(panel: Panel, middle: tuple[float, float], size: float, colour: Colour, text: str) -> None:
    """Figures or letters, `size` metres high."""
    high = max(int(size / panel.texel), 6)
    scale = high / 22
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, max(int(high / 7), 1))
    ink = np.empty((high + 6, width + 6, 3), dtype=np.uint8)
    ink[:] = np.round(colour)
    mask = np.zeros(ink.shape[:2], dtype=np.uint8)
    cv2.putText(mask, text, (3, high + 2), cv2.FONT_HERSHEY_DUPLEX, scale, 255, max(int(high / 7), 1), cv2.LINE_AA)
    s, t = panel.at(*middle)
    _lay(panel, ink, mask, int(s - ink.shape[1] / 2), int(t - ink.shape[0] / 2))


def _lay(panel: Panel, ink: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"], left: int, top: int) -> None:
    """Blend ink into a panel where the mask says, as far as it lies within."""
    height, width = panel.pixels.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    cut = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = mask[cut][..., None].astype(np.float32) / 255
    part = panel.pixels[y0:y1, x0:x1]
    part[:] = np.round(part + alpha * (ink[cut].astype(np.float32) - part))


def _letters(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side = len(mask)
    ink[:] = np.round(colours[0])
    rows = int(rng.integers(1, 4))
    for row in range(rows):
        text = "".join(chr(65 + int(c)) for c in rng.integers(0, 26, int(rng.integers(3, 8))))
        font = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX]))
        (width, height), _ = cv2.getTextSize(text, font, 1.0, 2)
        scale = min(0.95 * side / width, 0.8 * side / rows / height)
        at = (
            int((side - width * scale) / 2),
            int(side / 2 + (row - (rows - 1) / 2) * height * scale * 1.5 + height * scale / 2),
        )
        cv2.putText(mask, text, at, font, scale, 255, max(int(scale * 3), 1), cv2.LINE_AA)


def _badge(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side = len(mask)
    middle = (side // 2, side // 2)
    ink[:] = np.round(colours[0])
    cv2.circle(mask, middle, side // 2 - 1, 255, -1, cv2.LINE_AA)
    cv2.circle(ink, middle, int(side * 0.4), colours[-1], max(side // 20, 1), cv2.LINE_AA)
    text = chr(65 + int(rng.integers(26)))
    scale = side / 45
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_TRIPLEX, scale, 2)
    at = (middle[0] - width // 2, middle[1] + height // 2)
    cv2.putText(ink, text, at, cv2.FONT_HERSHEY_TRIPLEX, scale, colours[-1], max(side // 25, 1), cv2.LINE_AA)


def _sun(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side = len(mask)
    ink[:] = np.round(colours[0])
    shade = np.linspace(0, 1, side)[:, None, None]
    ink[:] = np.round(ink * (1 - shade) + np.array(colours[-1]) * shade)
    cv2.circle(mask, (side // 2, side // 2), int(side * 0.45), 255, -1, cv2.LINE_AA)
    for row in range(side // 2, side, max(side // 10, 2)):
        mask[row : row + max(side // 40, 1)] = 0


def _band(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side = len(mask)
    for k in range(3):
        ink[k * side // 3 :] = np.round(colours[k % len(colours)])
    mask[int(side * 0.3) : int(side * 0.7)] = 255


def _blocks(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side = len(mask)
    for _ in range(int(rng.integers(4, 9))):
        a, b = rng.integers(0, side, 2).tolist(), rng.integers(0, side, 2).tolist()
        colour = tuple(float(c) for c in colours[int(rng.integers(len(colours)))])
        cv2.rectangle(ink, a, b, colour, -1)
        cv2.rectangle(mask, a, b, 255, -1)


def _star(ink: np.ndarray, mask: np.ndarray, colours: Sequence[Colour], rng: np.random.Generator) -> None:
    side, points = len(mask), int(rng.choice([4, 5, 6, 12]))
    ink[:] = np.round(colours[0])
    turn = np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, 0.48, 0.22) * side
    shape = np.stack([side / 2 + radius * np.sin(turn), side / 2 - radius * np.cos(turn)], 1)
    cv2.fillPoly(mask, [np.round(shape * 16).astype(np.int32)[:, None]], 255, cv2.LINE_AA, 4)


_DRAW = {"letters": _letters, "badge": _badge, "sun": _sun, "band": _band, "blocks": _blocks, "star": _star}
