"""Expression: the ten principal components of random faces made from MakeHuman's face units.

Units of jaw and gaze are left out, because joints do that; so are the tongue, and `mouthClose`, which only makes
sense on an open jaw and tears the lips of a closed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from assets import DataFolder, Floats, Ints, Mask, read_face_units
from numpy.typing import NDArray

__all__ = ["ExpressionSpace", "expression_space"]

NUM_EXPRESSIONS = 10
NUM_FACES = 4000
LEFT_OUT = ("jaw", "eyeLook", "tongue", "mouthClose")


@dataclass(frozen=True, kw_only=True)
class ExpressionSpace:
    """Directions of expression; the neutral face is zero."""

    directions: Floats
    """(expression, vert, 3) metres per root mean square of the random faces."""
    explained: Floats
    """(expression,) share of the variance that this and the ones before it explain."""
    main_units: tuple[str, ...]
    """The face unit that each direction holds most of; its sign is positive."""


def expression_space(
    data: DataFolder, num_all: int, vertex_ids: Ints, is_eye: Mask, rng: np.random.Generator
) -> ExpressionSpace:
    """The expressions of `vertex_ids`, out of `num_all` vertices; `is_eye` (vert,) stay put.

    A principal component is a mixture of units, so all of it is done in the space of the units: with K = L L^T the
    inner products of the units' displacements, L^T maps activations to an orthonormal picture of the faces.
    """
    units = read_face_units(data, num_all)
    names = [name for name in units if not name.startswith(LEFT_OUT)]
    displacements = np.stack([units[name][vertex_ids] for name in names])
    displacements[:, is_eye] = 0
    flat = displacements.reshape(len(names), -1)
    activations = _draw_activations(names, rng)
    inner = flat @ flat.T
    factor = np.linalg.cholesky(inner + 1e-12 * np.trace(inner) * np.eye(len(names)))
    variances, axes = np.linalg.eigh(factor.T @ (activations.T @ activations / NUM_FACES) @ factor)
    variances, axes = variances[::-1], axes[:, ::-1][:, :NUM_EXPRESSIONS]
    mixtures = np.linalg.solve(factor.T, axes).T * np.sqrt(variances[:NUM_EXPRESSIONS, None])
    main = np.abs(mixtures).argmax(1)
    mixtures = mixtures * np.sign(mixtures[np.arange(NUM_EXPRESSIONS), main])[:, None]
    return ExpressionSpace(
        directions=(mixtures @ flat).reshape(NUM_EXPRESSIONS, -1, 3),
        explained=np.cumsum(variances[:NUM_EXPRESSIONS]) / variances.sum(),
        main_units=tuple(names[unit] for unit in main),
    )


def _draw_activations(names: Sequence[str], rng: np.random.Generator) -> NDArray[np.float32]:
    """Random faces (face, unit) in 0..1: three in ten units are active, left and right nearly alike."""
    activations = np.zeros((NUM_FACES, len(names)), np.float32)
    pairs: dict[str, list[int]] = {}
    for unit, name in enumerate(names):
        pairs.setdefault(name.replace("Left", "").replace("Right", ""), []).append(unit)
    for pair in pairs.values():
        is_active = rng.random(NUM_FACES) < 0.3
        strength = is_active * rng.beta(1.2, 1.5, NUM_FACES)
        for unit in pair:
            rng.random()  # unused: keeps the random stream of the published file
            activations[:, unit] = np.clip(strength * (1 + rng.normal(0, 0.15, NUM_FACES)), 0, 1)
    return activations
