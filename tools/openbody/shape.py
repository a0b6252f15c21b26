"""Betas: adults drawn from MakeHuman's macro sliders, and the principal components of their T-poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from assets import DataFolder, Floats, Ints, read_target
from numpy.typing import NDArray

__all__ = ["ShapeSpace", "height", "sample_people", "shape_space", "volume"]

NUM_BETAS = 10

RACES = ("african", "asian", "caucasian")
GENDERS = ("male", "female")
AGES = ("young", "old")  # 25 and 90 years; MakeHuman's baby and child are left out
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
HEIGHTS = ("minheight", "maxheight")
PROPORTIONS = ("idealproportions", "uncommonproportions")
CUPS = ("mincup", "averagecup", "maxcup")
FIRMNESSES = ("minfirmness", "averagefirmness", "maxfirmness")


@dataclass(frozen=True, kw_only=True)
class MacroTarget:
    """One displacement file, and the sliders' stops that it stands for: its strength is their product."""

    stops: tuple[str, ...]
    path: DataFolder


@dataclass(frozen=True, kw_only=True)
class ShapeSpace:
    """A mean person and the directions in which people differ most."""

    mean: NDArray[np.float32]
    """(vert, 3) metres, T-pose."""
    directions: Floats
    """(beta, vert, 3) metres per standard deviation. Beta 0 grows with height, the others with volume."""
    explained: Floats
    """(beta,) share of the variance that this and the betas before it explain."""
    spread_mm: float
    """Mean distance of a person's vertices from the mean person's."""
    residual_mm: float
    """What is left of it after the betas."""


def sample_people(data: DataFolder, base: Floats, rng: np.random.Generator, num_people: int) -> NDArray[np.float32]:
    """Adults drawn at random: (num_people, 19158, 3) metres, A-pose, from the base mesh (19158, 3)."""
    targets = _macro_targets(data)
    displacements = np.stack([read_target(target.path, len(base)) for target in targets])
    strength_of_stop = _draw_stops(rng, num_people)
    strengths = np.stack(
        [np.prod([strength_of_stop[stop] for stop in target.stops], axis=0) for target in targets], axis=1
    ).astype(np.float32)
    offsets = strengths @ displacements.reshape(len(targets), -1)
    return offsets.reshape(num_people, -1, 3) + base.astype(np.float32)


def shape_space(people: NDArray[np.float32], triangles: Ints) -> ShapeSpace:
    """Principal components of people (person, vert, 3) in the T-pose, metres."""
    num_people, num_vertices, _ = people.shape
    mean = people.mean(0)
    centred = (people - mean).reshape(num_people, -1)
    variances, scores = np.linalg.eigh((centred @ centred.T).astype(float))  # the Gram matrix is the small one
    variances, scores = variances[::-1], scores[:, ::-1][:, :NUM_BETAS]
    lengths = np.sqrt(variances[:NUM_BETAS])
    axes = (centred.T @ (scores / lengths)).T
    directions = (axes * (scores * lengths).std(0)[:, None]).reshape(NUM_BETAS, num_vertices, 3)
    for beta, direction in enumerate(directions):
        size = height if beta == 0 else lambda vertices: volume(vertices, triangles)
        if size(mean + direction) < size(mean - direction):
            direction *= -1
    residual = centred - (scores * lengths) @ axes
    return ShapeSpace(
        mean=mean,
        directions=directions,
        explained=np.cumsum(variances[:NUM_BETAS]) / variances.sum(),
        spread_mm=_mean_length_mm(centred),
        residual_mm=_mean_length_mm(residual),
    )


def height(vertices: Floats) -> float:
    """Height of a standing person (vert, 3), in its own unit."""
    return float(vertices[:, 1].max() - vertices[:, 1].min())


def volume(vertices: Floats, triangles: Ints) -> float:
    """Volume that the closed surface of (vert, 3) and (triangle, 3) holds, in its own unit cubed."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def _macro_targets(data: DataFolder) -> list[MacroTarget]:
    """All targets of adult people; those of the breast exist for only some combinations."""
    folder = data / "mpfb2" / "targets"
    macro = folder / "macrodetails"
    builds = list(product(GENDERS, AGES, MUSCLES, WEIGHTS))
    targets = [MacroTarget(stops=stops, path=macro / f"universal-{'-'.join(stops)}.target.gz") for stops in builds]
    for stops in product(RACES, GENDERS, AGES):
        targets.append(MacroTarget(stops=stops, path=macro / f"{'-'.join(stops)}.target.gz"))
    for name, last in (("height", HEIGHTS), ("proportions", PROPORTIONS)):
        for stops in ((*build, stop) for build in builds for stop in last):
            targets.append(MacroTarget(stops=stops, path=macro / name / f"{'-'.join(stops)}.target.gz"))
    for stops in product(("female",), AGES, MUSCLES, WEIGHTS, CUPS, FIRMNESSES):
        path = folder / "breast" / f"{'-'.join(stops)}.target.gz"
        if path.exists():
            targets.append(MacroTarget(stops=stops, path=path))
    return targets


def _draw_stops(rng: np.random.Generator, num_people: int) -> Mapping[str, Floats]:
    """By stop of a slider: how far each person (num_people,) is towards it, 0 to 1.

    The laws give men and women in equal number and rarely in between, more young than old, most builds near the
    average, and heights of about 1.74 +- 0.10 m. Their order fixes the random stream.
    """
    position = {
        GENDERS: rng.beta(0.25, 0.25, num_people),
        AGES: rng.beta(1, 2, num_people),
        MUSCLES: rng.beta(4, 4, num_people),
        WEIGHTS: rng.beta(3, 3, num_people),
        HEIGHTS: np.clip(rng.normal(0.42, 0.06, num_people), 0.1, 0.85),
        PROPORTIONS: rng.beta(3, 3, num_people),
        CUPS: rng.beta(4, 4, num_people),
        FIRMNESSES: rng.beta(4, 4, num_people),
    }
    shares = rng.dirichlet([0.7] * len(RACES), num_people)
    strengths: dict[str, Floats] = {race: shares[:, index] for index, race in enumerate(RACES)}
    for stops, x in position.items():
        for index, stop in enumerate(stops):  # a tent over each stop
            strengths[stop] = np.clip(1 - np.abs(x * (len(stops) - 1) - index), 0, 1)
    return strengths


def _mean_length_mm(offsets: Floats) -> float:
    """Mean length of flattened offsets (person, vert * 3) in metres, as millimetres."""
    return float(np.linalg.norm(offsets.reshape(len(offsets), -1, 3), axis=-1).mean() * 1e3)
