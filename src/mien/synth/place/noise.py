"""Noise that tiles, and how to draw over the edges of a tile: what all textures are painted with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

__all__ = ["Painted", "blur", "fractal", "grey", "mixed", "noise", "to_bytes", "wrapped"]

Painted = Float32[np.ndarray, "h w 3"]
"""A tile, 0..1."""

_PAD = 3


def noise(rng: np.random.Generator, size: int, across: int, down: int | None = None) -> Float32[np.ndarray, "h w"]:
    """Smooth noise, 0..1, that tiles: `across` x `down` random values (the same number by default), enlarged."""
    import cv2

    down = across if down is None else down
    grid = np.pad(rng.random((down, across), dtype=np.float32), _PAD, mode="wrap")
    matrix = np.array(
        [[across / size, 0, _PAD + 0.5 * across / size - 0.5], [0, down / size, _PAD + 0.5 * down / size - 0.5]]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.clip(cv2.warpAffine(grid, matrix, (size, size), flags=flags), 0, 1)


def fractal(
    rng: np.random.Generator, size: int, first: int, octaves: int, gain: float = 0.5
) -> Float32[np.ndarray, "h w"]:
    """Noise of several scales, about 0 with a standard deviation of about 1: each octave is twice as fine."""
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        cells = first * 2**octave
        layer = noise(rng, size, cells) if cells < size else rng.random((size, size), dtype=np.float32)
        total += np.float32(gain**octave) * (layer - np.float32(0.5))
    return (total - total.mean()) / max(float(total.std()), 1e-6)


def blur(picture: Float32[np.ndarray, "h w *c"], sigma: float) -> Float32[np.ndarray, "h w *c"]:
    """A Gaussian blur that tiles."""
    import cv2

    pad = int(4 * sigma) + 1
    wide = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_WRAP)
    return np.ascontiguousarray(cv2.GaussianBlur(wide, (0, 0), sigma)[pad:-pad, pad:-pad])


def wrapped(canvas: UInt8[np.ndarray, "h w *c"], draw: Callable[[UInt8[np.ndarray, "h2 w2 *c"], int], None]) -> None:
    """Draw so that what leaves the tile on one side comes in on the other.

    Args:
        canvas: changed in place.
        draw: gets a larger canvas, and how far right and down of its origin the tile lies.
    """
    import cv2

    height, width = canvas.shape[:2]
    pad = min(height, width) // 4
    wide = cv2.copyMakeBorder(canvas, pad, pad, pad, pad, cv2.BORDER_WRAP)
    before = wide.copy()
    draw(wide, pad)
    changed = (wide != before).reshape(*wide.shape[:2], -1).any(-1)
    rows = (np.arange(wide.shape[0]) - pad) % height
    columns = (np.arange(wide.shape[1]) - pad) % width
    inside = np.zeros_like(changed)
    inside[pad:-pad, pad:-pad] = True
    for part in (changed & ~inside, changed & inside):
        where = np.nonzero(part)
        canvas[rows[where[0]], columns[where[1]]] = wide[where]


def grey(value: Float32[np.ndarray, "h w"]) -> Painted:
    """A tile without colour."""
    return np.repeat(value[..., None], 3, 2).astype(np.float32)


def mixed(
    low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray, share: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w 3"]:
    """From one colour (0..1) to another."""
    a, b = np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)
    return a + (b - a) * share[..., None]


def to_bytes(picture: Float32[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "h w *c"]:
    """0..1 to 0..255."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
