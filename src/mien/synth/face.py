"""Faces: an open or closed jaw, both eyes looking somewhere, an expression, now and then closed lids.

Coefficients are in the body's own unit, one standard deviation. The limits are those up to which close-ups of the open
body stay good: beyond them the lips fold and the cheeks crease.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32, Float64

from mien.body.reading import BodyArrays

__all__ = ["EXPRESSION_LIMIT", "JAW_LIMIT", "draw_face", "lid_component"]

JAW_LIMIT = 0.32
"""Radians."""
EXPRESSION_LIMIT = 2.2
EXPRESSION_NORM = 3.6
"""Of all coefficients together."""
NUM_EXPRESSION = 10
_LIDS = ((20, 24), (21, 23), (26, 30), (27, 29))
"""Upper and lower lids among the 51 face landmarks."""


def lid_component(arrays: BodyArrays) -> tuple[int, float] | None:
    """The expression that closes the eyes, and its sign; None if the body has none that closes them by an eighth."""
    if arrays.lmk_faces_idx is None or arrays.lmk_bary_coords is None or not arrays.exprdirs.shape[-1]:
        return None
    corners, shares = arrays.faces[arrays.lmk_faces_idx], arrays.lmk_bary_coords[..., None]
    marks = (arrays.v_template[corners] * shares).sum(1)
    moves = (arrays.exprdirs[corners][..., :NUM_EXPRESSION] * shares[..., None]).sum(1)
    gap = np.array([marks[a] - marks[b] for a, b in _LIDS])
    wide = np.linalg.norm(gap, axis=1)
    opens = np.stack([(moves[a] - moves[b]).T @ g / n for (a, b), g, n in zip(_LIDS, gap, wide, strict=True)]).sum(0)
    best = int(np.abs(opens).argmax())
    return (best, -math.copysign(1.0, opens[best])) if abs(opens[best]) > wide.sum() / 8 else None


def draw_face(
    rng: np.random.Generator, strength: float, lids: tuple[int, float] | None
) -> tuple[Float64[np.ndarray, "3 3"], Float32[np.ndarray, "10"]]:
    """Axis-angle of jaw, left eye and right eye, and the expression.

    Args:
        rng: chance.
        strength: of the expression: 0 is a neutral face, 1 what people show in talk.
        lids: see `lid_component`.
    """
    draw, lively = rng.standard_normal(NUM_EXPRESSION), rng.random()
    expression = draw * strength * (0.3 if lively < 0.35 else 0.9)
    expression = np.clip(expression, -EXPRESSION_LIMIT, EXPRESSION_LIMIT)
    expression[0] = max(expression[0], -1.4)
    opened = max(abs(rng.normal(0, 0.13)) - 0.02, 0.0) if rng.random() < 0.5 else 0.0
    yaw, pitch = rng.normal(0, 0.15), rng.normal(0.03, 0.08)
    inward = rng.uniform(0.0, 0.05)
    yaw, pitch = min(max(yaw, -0.42), 0.42), min(max(pitch, -0.24), 0.26)
    if lids is not None and rng.random() < 0.1 * min(strength, 1.0):
        expression[lids[0]] = lids[1] * rng.uniform(0.7, EXPRESSION_LIMIT)
    expression *= min(1.0, EXPRESSION_NORM / max(float(np.linalg.norm(expression)), 1e-9))
    jaw = min(opened * min(strength, 1.5), JAW_LIMIT)
    vectors = np.array([[jaw, 0, 0], [pitch, yaw - inward, 0], [pitch, yaw + inward, 0]])
    return vectors, expression.astype(np.float32)
