"""Who is in a picture and where each of them stands: postures on common ground, free of each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from mien.body.model import BodyModel
from mien.body.reading import BodyArrays
from mien.body.skinning import skin
from mien.synth.figure import Figure, Piece, follow
from mien.synth.pose import Pose
from mien.synth.random import check_numbers, check_weights
from mien.synth.turns import matrices_of

__all__ = ["SHOES", "Actor", "People", "gather", "make_figure", "moved", "put", "seat_height", "swung"]

SHOES = frozenset({"sneaker", "boot", "flat", "heel", "sandal"})
"""Kinds of pieces that a person stands on."""
_CELL = 0.08
"""Metres: people whose bodies share a cell of this size stand too near."""
_STEP = 0.06
_EVERY = 7
"""Of the vertices, one in so many is looked at when people are kept apart."""
_TRIES = 80
_COUNTS = ("1", "2", "3", "4", "5", "6")


@dataclass(frozen=True, kw_only=True)
class People:
    """How many people, and how they stand to each other."""

    count: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})
    """Weights of 1 to 6 people."""
    spread: float = 0.9
    """Metres between neighbours, about; they are moved apart until their bodies are free of each other."""
    facing: float = 40.0
    """Standard deviation of their headings around a common one, degrees."""
    shape: float = 1.0
    """Standard deviation of the betas, which are cut at +-3."""

    def __post_init__(self) -> None:
        check_weights("numbers of people", {str(n): weight for n, weight in self.count.items()}, _COUNTS)
        check_numbers(self, "spread shape", 0, 10)
        check_numbers(self, "facing", 0, 360)


@dataclass(frozen=True, kw_only=True, eq=False)
class Actor:
    """One person on the ground, in the world (y up, ground at 0, metres)."""

    figure: Figure
    pose: Pose
    worn: tuple[Piece, ...]
    """Clothes, shoes, hair: part of the person's outline."""
    held: tuple[Piece, ...]
    """What the hands hold: objects like any other."""
    rotations: Float64[np.ndarray, "55 3 3"]
    """Local; the root's is in the world."""
    heading: float
    """Radians about the vertical; 0 faces +z."""
    place: Float32[np.ndarray, "3"]
    """Translation of the body, as `transl` is."""
    joints: Float32[np.ndarray, "joint 3"]
    """Of the skeleton."""
    vertices: Float32[np.ndarray, "vert 3"]
    """Of the body."""
    transforms: Float32[np.ndarray, "joint 12"]
    """Rest to world, per joint: nine entries of the rotation, then the translation."""


def make_figure(rng: np.random.Generator, body: BodyModel, arrays: BodyArrays, people: People) -> Figure:
    """Somebody."""
    betas = np.clip(rng.normal(0, people.shape, body.num_betas), -3, 3).astype(np.float32)
    return Figure(body=body, arrays=arrays, betas=betas)


def put(
    figure: Figure, pose: Pose, heading: float, lift: float, worn: tuple[Piece, ...], held: tuple[Piece, ...]
) -> Actor:
    """Stand somebody on the ground with the pelvis over the origin, or `lift` metres above the ground."""
    turns = torch.from_numpy(matrices_of(np.concatenate([pose.rotations, [[0.0, heading, 0.0]]])))
    rotations = turns[:-1]
    rotations[0] = turns[-1] @ rotations[0]
    vertices, joints, transforms = _posed(figure, pose, rotations)
    soles = [float(follow(piece, transforms)[:, 1].min()) for piece in worn if piece.kind in SHOES]
    lowest = min([float(vertices[:, 1].min()), *soles])
    actor = Actor(
        figure=figure,
        pose=pose,
        worn=worn,
        held=held,
        rotations=rotations.numpy(),
        heading=heading,
        place=np.zeros(3, dtype=np.float32),
        joints=joints,
        vertices=vertices,
        transforms=transforms,
    )
    return moved(actor, (-float(joints[0, 0]), lift - lowest, -float(joints[0, 2])))


def moved(actor: Actor, shift: tuple[float, float, float]) -> Actor:
    """The same actor elsewhere."""
    step = np.array(shift, dtype=np.float32)
    transforms = actor.transforms.copy()
    transforms[:, 9:] += step
    return replace(
        actor,
        place=actor.place + step,
        joints=actor.joints + step,
        vertices=_shifted(actor.vertices, step),
        transforms=transforms,
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _shifted(points, step):
    """The sum, in a tenth of the time that numpy takes for rows of three."""
    found = np.empty_like(points)
    for v in range(points.shape[0]):
        for i in range(3):
            found[v, i] = points[v, i] + step[i]
    return found


def swung(actor: Actor, turns: Float64[np.ndarray, "55 3"]) -> Actor:
    """The same actor a moment before or after: every joint turned further, about its own axes (axis-angle)."""
    rotations = torch.from_numpy(actor.rotations) @ torch.from_numpy(matrices_of(turns))
    vertices, joints, transforms = _posed(actor.figure, actor.pose, rotations)
    still = replace(actor, vertices=vertices, joints=joints, transforms=transforms, place=np.zeros_like(actor.place))
    return moved(still, (float(actor.place[0]), float(actor.place[1]), float(actor.place[2])))


def _posed(
    figure: Figure, pose: Pose, rotations: Float[torch.Tensor, "55 3 3"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, joints and transforms of a body whose translation is zero."""
    betas, expression = torch.from_numpy(figure.betas)[None], torch.from_numpy(pose.expression)[None]
    with torch.no_grad():
        posed = figure.body.shape(betas, expression).pose(rotations[None].float())
        transforms = posed.transforms()
        vertices = skin(figure.body, posed.features(), transforms)
    return vertices[0].numpy(), posed.position[0].numpy(), transforms[0].numpy()


def seat_height(actor: Actor) -> float:
    """Metres from the ground to the underside of the pelvis."""
    weights = actor.figure.body.weights[:, 0].numpy()
    return float(actor.vertices[weights > 0.5, 1].min())


def gather(rng: np.random.Generator, people: People, actors: list[Actor]) -> list[Actor]:
    """Spread actors who all stand at the origin, in steps of whole cells, so that their bodies share none."""
    if len(actors) == 1:
        return actors
    placed, taken = [actors[0]], _cells(actors[0])
    for actor in actors[1:]:
        angle, away = rng.uniform(-math.pi, math.pi), people.spread * rng.uniform(0.6, 1.4)
        anchor, cells = placed[int(rng.integers(len(placed)))].joints[0], _cells(actor)
        shift = 0, 0
        for step in range(_TRIES):
            reach = away + step * _STEP
            x = anchor[0] + reach * math.sin(angle) - actor.joints[0, 0]
            z = anchor[2] + reach * math.cos(angle) - actor.joints[0, 2]
            shift = round(float(x) / _CELL), round(float(z) / _CELL)
            if not _meet(cells, (shift[0] << 40) + shift[1], taken):
                break
        placed.append(moved(actor, (shift[0] * _CELL, 0.0, shift[1] * _CELL)))
        taken = _merged(taken, cells, (shift[0] << 40) + shift[1])
    return placed


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _meet(cells, shift, taken):
    """Whether any of the cells, shifted, is taken; both are in order."""
    i, j = 0, 0
    while i < cells.shape[0] and j < taken.shape[0]:
        here = cells[i] + shift
        if here == taken[j]:
            return True
        if here < taken[j]:
            i += 1
        else:
            j += 1
    return False


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _merged(taken, cells, shift):
    """The taken cells and the others, shifted: each once, in order, as both are."""
    found, i, j, count = np.empty(taken.shape[0] + cells.shape[0], dtype=np.int64), 0, 0, 0
    while i < taken.shape[0] or j < cells.shape[0]:
        if j == cells.shape[0] or (i < taken.shape[0] and taken[i] <= cells[j] + shift):
            here, i = taken[i], i + 1
        else:
            here, j = cells[j] + shift, j + 1
        if count == 0 or found[count - 1] != here:
            found[count], count = here, count + 1
    return found[:count]


def _cells(actor: Actor) -> np.ndarray:
    """Numbers of the cells that a body and what it holds lie in: a step along x adds 2**40, along z 1."""
    points = [actor.vertices[::_EVERY], *(follow(piece, actor.transforms) for piece in actor.held)]
    cells = np.floor(np.concatenate(points) / _CELL).astype(np.int64) + 2**19
    return np.unique((cells[:, 0] << 40) | (cells[:, 1] << 20) | cells[:, 2])
