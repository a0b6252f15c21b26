"""Ink on arms, hands, chest and back: bands, and grown shapes from folded noise."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int, Int32, UInt8

from mien.body.reading import BodyArrays
from mien.synth.looks.atlas import atlas_of
from mien.synth.looks.fields import ramp
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.noise import noise

__all__ = ["ink"]

Points = Float[np.ndarray, "texel 3"]
_PLACES = {
    "left_arm": ("left_arm_top", "left_arm_under"),
    "right_arm": ("right_arm_top", "right_arm_under"),
    "chest": ("torso_front",),
    "back": ("torso_back",),
    "left_hand": ("left_hand_back",),
    "right_hand": ("right_hand_back",),
}


def ink(
    rng: np.random.Generator, texture: UInt8[np.ndarray, "h w 3"], arrays: BodyArrays, base: Float[np.ndarray, "3"]
) -> None:
    """Add one to four tattoos to the texture of a body, in place."""
    names, canvases = list(_PLACES), _canvases(arrays)
    flat = texture.reshape(-1, 3)
    for k in rng.choice(len(names), int(rng.integers(1, 5)), replace=False):
        texels, points, ends = canvases[k]
        if len(texels):
            here, shape = _shape(rng, points, ends, "arm" in names[k])
            colour = np.array([28, 34, 44]) if rng.uniform() < 0.8 else rng.uniform(20, 140, 3)
            place, deep = texels[here], (shape * rng.uniform(0.5, 0.85))[:, None]
            flat[place] = np.rint(flat[place] * (1 - deep) + colour * deep * (0.4 + 0.6 * base)).astype(np.uint8)


@once_per_body
def _canvases(arrays: BodyArrays) -> list[tuple[Int32[np.ndarray, " texel"], Points, Float[np.ndarray, "2 3"]]]:
    """The texels of each place, where they are on the template, and the corners of a box around these; metres."""
    atlas, found = atlas_of(arrays), []
    for charts in _PLACES.values():
        here = np.nonzero(atlas.of(*charts))[0]
        point = atlas.point[here].astype(np.float64)
        ends = np.stack([point.min(0), point.max(0)]) if len(here) else np.zeros((2, 3))
        found.append((atlas.texel[here], point, ends))
    return found


def _shape(
    rng: np.random.Generator, point: Points, ends: Float[np.ndarray, "2 3"], limb: bool
) -> tuple[Int[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """Texels near a tattoo, and how much ink is at each, 0..1."""
    low, high = ends
    along = 0 if high[0] - low[0] > high[1] - low[1] else 1
    seed = int(rng.integers(1 << 20))
    if limb and rng.uniform() < 0.4:
        middle = rng.uniform(0.2, 0.8) * (high - low)[along] + low[along]
        here = np.nonzero(np.abs(point[:, along] - middle) < 0.03)[0]
        away = np.abs(point[here, along] - middle + 0.004 * noise(point[here], 0.02, seed, 1))
        return here, np.maximum(ramp(away, 0.012, 0.009), ramp(np.abs(away - 0.018), 0.004, 0.002))
    centre = point[int(rng.integers(len(point)))]
    reach = rng.uniform(0.5, 1.6) * (0.09 if limb else 0.11)
    size = rng.uniform(0.025, 0.05) if limb else rng.uniform(0.06, 0.10)
    away = np.empty(len(point))
    _distances(point, centre, reach, away)
    here = np.nonzero(away < 1.35)[0]
    near = point[here]
    edge = away[here] + 0.35 * noise(near, 0.05, seed, 2)
    folded = np.abs(noise(near + 0.012 * noise(near, 0.03, seed + 1, 1)[:, None], size, seed + 2, 1))
    return here, ramp(edge, 1.0, 0.92) * ramp(folded, 0.20, 0.13)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _distances(points, centre, reach, found):
    """From a centre, in shares of a reach; less where they lie before or behind it."""
    for n in range(points.shape[0]):
        x, y, z = points[n, 0] - centre[0], points[n, 1] - centre[1], (points[n, 2] - centre[2]) * 0.6
        found[n] = math.sqrt(x * x + y * y + z * z) / reach
