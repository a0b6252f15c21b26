"""What is drawn on cut fabric: seams, buttons, pockets, prints, worn places. Places are in the metres of a panel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from mien.synth.wardrobe.charts import Panel
from mien.synth.wardrobe.fabric import Colour

__all__ = ["blot", "bright", "buttons", "fade", "line", "number", "polygon", "print_on", "spot"]

_SHIFT = 4
Places = Sequence[tuple[float, float]]


def _pixels(panel: Panel, places: Places) -> np.ndarray:
    return np.round(np.array([panel.at(*place) for place in places]) * 2**_SHIFT).astype(np.int32)


def spot(panel: Panel, colour: Colour) -> None:
    """One colour all over."""
    panel.pixels[:] = np.round(np.clip(colour, 0, 255))


def bright(colour: Colour, factor: float) -> Colour:
    """A colour, brighter or darker."""
    red, green, blue = (min(max(factor * c, 0.0), 250.0) for c in colour)
    return red, green, blue


def line(panel: Panel, places: Places, colour: Colour, width: float, strength: float = 1.0) -> None:
    """A line through places, `width` metres wide; one thinner than a texel is fainter."""
    thick = max(round(width / panel.texel), 1)
    strength *= min(width / panel.texel, 1.0)
    points = _pixels(panel, places)
    pad = thick + 2
    low, high = (points.min(0) >> _SHIFT) - pad, (points.max(0) >> _SHIFT) + pad + 1
    low, high = np.maximum(low, 0), np.minimum(high, panel.pixels.shape[1::-1])
    if (high <= low).any():
        return
    part = panel.pixels[low[1] : high[1], low[0] : high[0]]
    drawn = part.copy()
    shifted = (points - (low.astype(np.int32) << _SHIFT))[:, None]
    cv2.polylines(drawn, [shifted], False, colour, thick, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(drawn, strength, part.copy(), 1 - strength, 0, dst=drawn)
    part[:] = drawn


def polygon(panel: Panel, places: Places, colour: Colour, strength: float = 1.0) -> None:
    """A filled shape."""
    drawn = panel.pixels.copy()
    cv2.fillPoly(drawn, [_pixels(panel, places)[:, None]], colour, cv2.LINE_AA, _SHIFT)
    panel.pixels[:] = cv2.addWeighted(drawn, strength, panel.pixels.copy(), 1 - strength, 0)


def buttons(panel: Panel, places: Places, colour: Colour, radius: float) -> None:
    """Round spots with a dark rim below."""
    size = max(round(radius / panel.texel * 2**_SHIFT), 12)
    for place in _pixels(panel, places):
        x, y = int(place[0]), int(place[1])
        pixels = np.ascontiguousarray(panel.pixels)
        cv2.circle(pixels, (x, y + size // 3), size, bright(colour, 0.4), -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(pixels, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)
        panel.pixels[:] = pixels


def blot(panel: Panel, middle: tuple[float, float], size: tuple[float, float], strength: float) -> None:
    """A soft place that is brighter (more than 0) or darker."""
    fade(panel, [(middle, size)], strength)


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
    panel.pixels[:] = np.clip(panel.pixels * factor[..., None], 0, 255)


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
