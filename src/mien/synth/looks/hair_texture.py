"""What hair looks like close by: strands side by side, roots and ends, a band of light; and curls, and cloth."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.synth.looks.noise import noise

__all__ = ["curl_texture", "strand_texture"]

_LONG, _WIDE = 48, 96
_LEVELS = np.linspace(-1, 1, 256)
Colour = Float[np.ndarray, "3"]


@cache
def _strands() -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """How light each strand is along its length (roots are dark), and how much of the band of light it shows."""
    v, u = np.meshgrid(np.linspace(0, 1, _LONG), np.linspace(0, 1, _WIDE), indexing="ij")
    bend = 0.012 * np.sin(5 * v + 9 * u)
    wide = np.stack([(u + bend).ravel(), (0.05 * v).ravel(), np.zeros(v.size)], 1)
    strand = (0.35 * noise(wide, 0.07, 1, 2) + 0.6 * noise(wide, 0.018, 2, 2)).reshape(v.shape)
    middle = 0.30 + 0.05 * noise(wide, 0.03, 3, 2).reshape(v.shape)
    light = np.exp(-(((v - middle) / 0.10) ** 2)) * (0.65 + 0.7 * strand)
    light += 0.5 * np.exp(-(((v - middle - 0.38) / 0.12) ** 2)) * (0.6 + 0.8 * strand)
    dark = np.where(v < 0.12, 0.36, 0.08)
    return (0.65 * strand - dark).astype(np.float32), (0.55 * np.clip(light, 0, 1)).astype(np.float32)


@cache
def _curls() -> Float32[np.ndarray, "h w"]:
    """How light each spot of a mass of small curls is."""
    v, u = np.meshgrid(np.linspace(0, 1, _LONG), np.linspace(0, 1, _WIDE), indexing="ij")
    place = np.stack([u.ravel(), v.ravel(), np.zeros(v.size)], 1)
    warp = noise(place, 0.08, 5, 2)
    rings = np.sin(60 * (u.ravel() + 0.5 * v.ravel()) + 5 * warp) * 0.5
    return (0.7 * noise(place, 0.045, 6, 3) + 0.35 * rings).reshape(v.shape).astype(np.float32)


def _paint(
    light: Float[np.ndarray, "h w"], roots: Colour, ends: Colour, turn: float, contrast: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Colours for how light each texel is; `turn` is where along the length roots become ends."""
    light_hair = float(np.clip((roots.mean() + ends.mean()) / 2, 0, 1))
    levels = np.exp(_LEVELS * contrast * (1 - 0.75 * light_hair))[:, None]
    place = (light * np.float32(127.5) + np.float32(128)).clip(0, 255).astype(np.intp)
    if roots is ends:
        return _ladder(roots, levels).astype(np.uint8).take(place, 0)
    share = np.clip((np.linspace(0, 1, _LONG) - turn) / 0.2 + 0.5, 0, 1)[:, None, None]
    return (_ladder(roots, levels)[place] * (1 - share) + _ladder(ends, levels)[place] * share).astype(np.uint8)


def _ladder(colour: Colour, levels: Float[np.ndarray, "256 1"]) -> Float[np.ndarray, "256 3"]:
    """A colour, 0..255, at each level of light; what is very light turns white."""
    white = 0.055 * np.maximum(levels - 1, 0)
    return np.clip(colour * np.minimum(levels, 1 + 0.6 * (levels - 1)) + white, 0, 1) * 255


def strand_texture(
    rng: np.random.Generator, roots: Colour, ends: Colour, gloss: float = 1.0
) -> UInt8[np.ndarray, "h w 3"]:
    """Straight strands from roots (top) to ends (bottom); `gloss` 0 dull, 1 shining."""
    strand, light = _strands()
    return _paint(strand + np.float32(gloss) * light, roots, ends, float(rng.uniform(0.1, 0.6)), 1.0)


def curl_texture(rng: np.random.Generator, roots: Colour, ends: Colour) -> UInt8[np.ndarray, "h w 3"]:
    """Many small curls."""
    return _paint(_curls(), roots, ends, float(rng.uniform(0.1, 0.6)), 0.9)
