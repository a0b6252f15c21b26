"""Points of many numbers on a sheet of paper: principal components always, UMAP if its package is there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from mien.optional import need

__all__ = ["Components", "principal_components", "umap"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """Principal components of the points of several datasets together."""

    places: tuple[Float64[np.ndarray, "_ 2"], ...]
    """Along the first two, in the points' own units."""
    explained: Float64[np.ndarray, "component"]
    """Share of the variance along each, largest first; the sum is 1."""


def principal_components(parts: Sequence[Float[np.ndarray, "_ number"]]) -> Components:
    """The directions along which all points together are spread most (by singular values).

    The sign of a component is arbitrary; here its largest entry is positive, so that the same points give the same map.
    """
    points = np.concatenate([part.astype(np.float64) for part in parts])
    centred = points - points.mean(0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    first = directions[:2]
    first = first * np.sign(first[np.arange(len(first)), np.abs(first).argmax(1)])[:, None]
    places = np.zeros((len(points), 2))
    places[:, : len(first)] = centred @ first.T
    variance = spread**2
    return Components(places=_parts(places, parts), explained=variance / max(float(variance.sum()), 1e-30))


def umap(parts: Sequence[Float[np.ndarray, "_ number"]], seed: int) -> tuple[Float64[np.ndarray, "_ 2"], ...]:
    """A map on which neighbours stay neighbours (McInnes et al. 2018); distances between groups on it mean little.

    Raises:
        MienError: the package umap-learn is not installed.
    """
    package = need("umap", extra="umap", why="a UMAP")
    points = np.concatenate(parts).astype(np.float32)
    neighbours = min(15, len(points) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = package.UMAP(n_neighbors=neighbours, min_dist=0.1, random_state=seed, n_jobs=1).fit_transform(points)
    return _parts(np.asarray(fitted, dtype=np.float64), parts)


def _parts(
    places: Float64[np.ndarray, "all 2"], parts: Sequence[Float[np.ndarray, "_ number"]]
) -> tuple[Float64[np.ndarray, "_ 2"], ...]:
    """The places of each dataset."""
    ends = np.cumsum([len(part) for part in parts])
    return tuple(np.split(places, ends[:-1]))
