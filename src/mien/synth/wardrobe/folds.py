"""Folds: long ones that hang, and short ones across limbs where cloth is pushed together. Smooth noise, stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING, no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

from mien.synth.wardrobe.noise import PERIOD, noise, noise_tile, ramp

if TYPE_CHECKING:
    from mien.synth.wardrobe.fit import Fit

__all__ = ["fold_surface"]

SHALLOW = np.float32(2e-4)
"""Metres: lower folds are left out."""


def fold_surface(
    fit: Fit,
    parts: tuple,
    wrinkle: float,
    active: Int32[np.ndarray, " some"],
    inside: Float32[np.ndarray, " vert"],
    rng: np.random.Generator,
) -> Float32[np.ndarray, "vert 2"]:
    """How high each vertex stands in its folds, and how deep in a valley it lies; metres, about zero on average.

    Args:
        fit: the figure on its dummy.
        parts: of the shells around trunk, arm and leg.
        wrinkle: depth of small wrinkles, metres.
        active: the vertices that matter.
        inside: metres to the nearest border, where folds are lower.
        rng: where the folds are.
    """
    folds = np.zeros((len(fit.points), 2), dtype=np.float32)
    shift = (PERIOD * rng.random(8)).astype(np.float32)
    depths, tile = (np.float32(fit.crotch), np.float32(wrinkle)), noise_tile()
    _fold(fit.points, fit.form.arm, depths, parts[0], parts[1], parts[2], tile, shift, active, inside, folds)
    return folds


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")
@no_type_check
def _crease(n):
    """Round tops and sharp valleys out of noise."""
    return np.float32(0.75) - np.float32(2.4) * abs(n)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _limb_folds(shell, tile, along, across, ahead, girth, phase):
    """Of one tube: `girth` is its radius in bumps of long folds."""
    axis, centre, depth = shell[0], shell[1], shell[3]
    row = min(max((along - axis[0]) / axis[1], np.float32(0)), np.float32(depth.shape[0] - 1.001))
    r = np.int32(row)
    s = row - np.float32(r)
    long = depth[r, 0] + (depth[r + 1, 0] - depth[r, 0]) * s
    ring = depth[r, 1] + (depth[r + 1, 1] - depth[r, 1]) * s
    if long < SHALLOW and ring < SHALLOW:
        return np.float32(0), np.float32(0)
    across, ahead = across - centre[r, 0], ahead - centre[r, 1]
    scale = np.float32(1) / (np.sqrt(across * across + ahead * ahead) + np.float32(1e-6))
    sine, cosine = across * scale, ahead * scale
    height, dark = np.float32(0), np.float32(0)
    if long >= SHALLOW:
        warp = np.float32(0.5) * noise(tile, along * np.float32(5) + phase, cosine - sine)
        height += long * noise(tile, cosine * girth + phase + warp, sine * girth + along * np.float32(1.8) + warp)
    if ring >= SHALLOW:
        low = noise(tile, cosine * np.float32(1.1) + phase, sine * np.float32(1.1) + along * np.float32(5))
        warp, there = np.float32(2.6) * low, ramp(low * np.float32(1.4) + np.float32(0.65))
        crest = _crease(noise(tile, along * np.float32(23) + warp * np.float32(1.2), sine - cosine + phase + warp))
        height += ring * there * crest
        dark += ring * there * (np.float32(0.5) - crest)
    return height, dark


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _fold(points, arm, depths, trunk, sleeve, leg, tile, shift, active, inside, folds):
    one, (crotch, wrinkle) = np.float32(1), depths
    for i in range(active.shape[0]):
        v = active[i]
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        side = np.float32(3) if x > 0 else np.float32(0)
        on_arm = ramp((arm[v] - np.float32(0.6)) * np.float32(3))
        on_leg = ramp((crotch + np.float32(0.01) - y) / np.float32(0.07))
        on_trunk = (one - on_arm) * (one - on_leg)
        height, dark = np.float32(0), np.float32(0)
        if wrinkle > 0:
            u, w = np.float32(15) * x + np.float32(9) * z, np.float32(13) * y - np.float32(8) * z
            height = wrinkle * _crease(noise(tile, u + shift[3], w + shift[4]))
        for part in range(3):
            share = on_trunk if part == 0 else on_arm if part == 1 else on_leg
            if share <= 0:
                continue
            if part == 0:
                up, deep = _limb_folds(trunk, tile, y, x, z, np.float32(3.4), shift[0])
            elif part == 1:
                up, deep = _limb_folds(sleeve, tile, abs(x), y, z, np.float32(1.3), shift[1] + side)
            else:
                up, deep = _limb_folds(leg, tile, y, abs(x), z, np.float32(1.9), shift[2] + side)
            height, dark = height + share * up, dark + share * deep
        calm = np.float32(0.2) + np.float32(0.8) * ramp(inside[v] * np.float32(18))
        folds[v, 0], folds[v, 1] = height * calm, dark * calm
