"""Ink on arms, hands, chest and back: bands, and grown shapes from folded noise."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from mien.synth.looks.atlas import Atlas
from mien.synth.looks.fields import ramp
from mien.synth.looks.noise import noise

__all__ = ["ink"]

_PLACES = {
    "left_arm": ("left_arm_top", "left_arm_under"),
    "right_arm": ("right_arm_top", "right_arm_under"),
    "chest": ("torso_front",),
    "back": ("torso_back",),
    "left_hand": ("left_hand_back",),
    "right_hand": ("right_hand_back",),
}


def ink(
    rng: np.random.Generator, texture: UInt8[np.ndarray, "h w 3"], atlas: Atlas, base: Float[np.ndarray, "3"]
) -> None:
    """Add one to four tattoos to a texture, in place."""
    names = list(_PLACES)
    flat = texture.reshape(-1, 3)
    for k in rng.choice(len(names), int(rng.integers(1, 5)), replace=False):
        here = np.nonzero(atlas.of(*_PLACES[names[k]]))[0]
        if len(here):
            shape = _shape(rng, atlas.point[here].astype(np.float64), "arm" in names[k])
            colour = np.array([28, 34, 44]) if rng.uniform() < 0.8 else rng.uniform(20, 140, 3)
            place, deep = atlas.texel[here], (shape * rng.uniform(0.5, 0.85))[:, None]
            flat[place] = np.rint(flat[place] * (1 - deep) + colour * deep * (0.4 + 0.6 * base)).astype(np.uint8)


def _shape(rng: np.random.Generator, point: Float[np.ndarray, "texel 3"], limb: bool) -> Float[np.ndarray, " texel"]:
    """How much ink is at each texel, 0..1."""
    low, high = point.min(0), point.max(0)
    along = 0 if np.ptp(point[:, 0]) > np.ptp(point[:, 1]) else 1
    seed = int(rng.integers(1 << 20))
    if limb and rng.uniform() < 0.4:
        middle = rng.uniform(0.2, 0.8) * (high - low)[along] + low[along]
        wave = 0.004 * noise(point, 0.02, seed, 1)
        away = np.abs(point[:, along] - middle + wave)
        return np.maximum(ramp(away, 0.012, 0.009), ramp(np.abs(away - 0.018), 0.004, 0.002))
    centre = point[int(rng.integers(len(point)))]
    reach = rng.uniform(0.5, 1.6) * (0.09 if limb else 0.11)
    edge = np.linalg.norm((point - centre) * [1, 1, 0.6], axis=1) / reach + 0.35 * noise(point, 0.05, seed, 2)
    folded = np.abs(
        noise(
            point + 0.012 * noise(point, 0.03, seed + 1, 1)[:, None],
            rng.uniform(0.025, 0.05) if limb else rng.uniform(0.06, 0.10),
            seed + 2,
            1,
        )
    )
    return ramp(edge, 1.0, 0.92) * ramp(folded, 0.20, 0.13)
