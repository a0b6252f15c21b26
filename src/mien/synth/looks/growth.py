"""A head of hair while it grows: shells near the skin, locks over them, tails and braids; in the end one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32, Float64, Int32

from mien.synth.figure import Figure, Piece
from mien.synth.looks.fields import ramp
from mien.synth.looks.noise import noise
from mien.synth.looks.scalp import Scalp, lookup
from mien.synth.looks.shapes import Build, grid_faces, tube
from mien.synth.looks.strands import Locks, Trunk, grow, ribbons, trunk_of

__all__ = ["Growth", "carried"]

COLUMNS, ROWS = 48, 10
Lift = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""How thick hair is above the scalp in a direction (around, upwards), metres."""


def carried(
    points: Float[np.ndarray, "vert 3"], scalp: Scalp
) -> tuple[Int32[np.ndarray, "1 3"], Float32[np.ndarray, "vert 3"]]:
    """Head, neck and chest, and how much each moves hair or cloth that hangs from the head, by its height."""
    neck = float(scalp.joints[12, 1])
    head = ramp(points[:, 1], neck - 0.005, neck + 0.085)
    chest = ramp(points[:, 1], neck - 0.005, neck - 0.10)
    weight = np.stack([head, 1 - head - chest, chest], 1)
    return np.array([[15, 12, 9]], dtype=np.int32), weight.astype(np.float32)


def _to_and_fro(values: np.ndarray) -> np.ndarray:
    """0..1..0 for 0..1..2 and so on: a texture laid without seams."""
    return np.abs((values + 1) % 2 - 1)


@cache
def _grid(rows: int, repeat: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, Float64[np.ndarray, "row column 2"]]:
    """Of a shell: angles around (column,), how far down (row, 1), and places in the texture."""
    turn = np.linspace(-np.pi, np.pi, COLUMNS + 1)
    share = np.linspace(0, 1, rows)[:, None] ** 0.9
    u, v = _to_and_fro(turn / np.pi * repeat[0] + 0 * share), _to_and_fro(0.12 + share * repeat[1] * 0.6 + 0 * turn)
    return turn, share, np.stack([u, v], -1)


@cache
def _ribbon(steps: int) -> tuple[Int32[np.ndarray, "face 3"], np.ndarray, np.ndarray]:
    """The faces of one ribbon, how far down the texture its rows lie, and how light they are: dark at the root."""
    dark = 0.78 + 0.22 * np.minimum(np.linspace(0, 2.2, steps), 1)
    return grid_faces(steps, 3), np.linspace(0.15, 0.94, steps), dark


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _lay(start, shift, shade, corners, along, dark, first, faces, uv, colour):
    """Faces, places in the texture and shades of ribbons, each three vertices wide, with darker edges."""
    size, cells = 3 * along.shape[0], corners.shape[0]
    for n in range(start.shape[0]):
        for f in range(cells):
            for i in range(3):
                row, column = corners[f, i] // 3, corners[f, i] % 3
                faces[n * cells + f, i] = first + n * size + corners[f, i]
                uv[n * cells + f, i, 0] = start[n] + 0.16 * (0.5 * column)
                uv[n * cells + f, i, 1] = min(max(along[row] + shift[n], 0.0), 1.0)
        for k in range(size):
            light = shade[n] * dark[k // 3] * (1.0 if k % 3 == 1 else 0.90)
            for c in range(3):
                colour[n * size + k, c] = light


@cache
def _rope(steps: int, sides: int) -> Float64[np.ndarray, "step side 2"]:
    """Places of a rope in the texture."""
    around = _to_and_fro(np.linspace(0, 2, sides + 1)) * 0.4
    v, u = np.meshgrid(np.linspace(0.1, 0.95, steps), around, indexing="ij")
    return np.stack([u, v], -1)


@dataclass(eq=False)
class Growth:
    """Hair of one person while it is made."""

    rng: np.random.Generator
    figure: Figure
    scalp: Scalp
    limit: Float32[np.ndarray, "upwards around"] | None = None
    """What a hat leaves: the largest distance from the origin in each direction."""
    build: Build = field(default_factory=Build)

    @cached_property
    def trunk(self) -> Trunk:
        """Shoulders and chest, on which long hair lies."""
        return trunk_of(self.figure, self.scalp)

    def shell(
        self,
        lift: Lift,
        *,
        receding: bool = False,
        rough: float = 0.0,
        size: float = 0.02,
        edge: float = 0.022,
        rows: int = ROWS,
        repeat: tuple[int, int] = (3, 1),
        shade: float = 0.84,
    ) -> None:
        """A surface above the scalp, thin at the hairline.

        Args:
            lift: its height.
            receding: which hairline.
            rough: height of bumps, metres.
            size: of bumps, metres.
            edge: metres from the hairline within which it rises.
            rows: of its grid.
            repeat: how often the texture is laid to and fro around the head and along the hair.
            shade: of its thickest parts.
        """
        turn, share, uv = _grid(rows, repeat)
        low = self.scalp.edge(turn, receding=receding) + 0.025
        around = np.broadcast_to(turn, (rows, COLUMNS + 1))
        upwards = np.pi / 2 - share * (np.pi / 2 - low)
        inside = (upwards - low) * 0.1
        height, base = lift(around, upwards), self.scalp.at(around, upwards)
        if rough:
            seed = int(self.rng.integers(1 << 20))
            bumps = noise(base.reshape(-1, 3), size, seed, 2).reshape(height.shape)
            height = height + rough * bumps * ramp(inside, 0.0, 0.02)
        height = 0.0010 + height * np.sqrt(ramp(inside, 0.0, edge))
        out = base - self.scalp.origin
        points = base + out * (height / np.sqrt((out * out).sum(-1)))[..., None]
        points[0] = points[0].mean(0)
        dark = 0.72 + (shade - 0.72) * ramp(height, 0.002, 0.012)
        self.build.add(points, uv, dark[..., None], weld=True)

    def locks(
        self, locks: Locks, steps: int, *, ears: bool, long: bool = False, tone: float = 0.13
    ) -> Float32[np.ndarray, "lock step 3"]:
        """Grow locks; their curves."""
        curves = grow(locks, self.scalp, self.trunk if long else None, self.rng, steps, ears=ears)
        self.ribbons(curves, locks, tone)
        return curves

    def ribbons(self, curves: Float32[np.ndarray, "lock step 3"], locks: Locks, tone: float = 0.13) -> None:
        """Add curves as ribbons, each of a slightly other shade."""
        points = ribbons(curves, locks, self.scalp)
        count, steps = curves.shape[:2]
        start, shift = self.rng.uniform(0, 0.84, count), 0.06 * self.rng.uniform(-1, 1, count)
        shade = 0.90 + tone * self.rng.uniform(-1, 0.75, count)
        corners, along, dark = _ribbon(steps)
        faces = np.empty((count * len(corners), 3), dtype=np.int32)
        uv, colour = np.empty((*faces.shape, 2), dtype=np.float32), np.empty((points.size // 3, 3), dtype=np.float32)
        _lay(start, shift, shade, corners, along, dark, self.build.count, faces, uv, colour)
        self.build.append(points.reshape(-1, 3), faces, uv, colour)

    def rope(self, path: Float[np.ndarray, "step 3"], radius: np.ndarray, sides: int = 7, shade: float = 0.85) -> None:
        """Add a round strand along a path."""
        points = tube(path, radius, sides)
        self.build.add(points, _rope(len(path), sides), shade, weld=True)

    def braid(self, path: Float[np.ndarray, "step 3"], radius: np.ndarray, turns: float) -> None:
        """Add three strands that cross each other along a path, and a tuft below."""
        steps = len(path)
        way = np.gradient(path, axis=0)
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        out = path - self.scalp.origin
        out[:, 1] *= 0.2
        out -= (out * way).sum(1, keepdims=True) * way
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        side, share = np.cross(way, out), np.linspace(0, 1, steps)
        for k in range(3):
            angle = 2 * np.pi * (turns * share + k / 3)
            offset = (
                np.sin(angle)[:, None] * side * radius[:, None] * 0.95
                + np.sin(2 * angle)[:, None] * out * radius[:, None] * 0.5
            )
            self.rope(path + offset, radius * 0.78, 6, shade=0.80 + 0.06 * k)
        ends = Locks(
            start=np.repeat(path[-1:], 7, 0) + self.rng.normal(0, 0.003, (7, 3)),
            heading=np.repeat(way[-1:], 7, 0) + self.rng.normal(0, 0.2, (7, 3)),
            length=0.06,
            width=0.010,
            layer=0.006,
        )
        self.locks(ends, 4, ears=True, long=True)

    def piece(self, texture: np.ndarray) -> Piece:
        """All of it."""
        points = self.build.points()
        if self.limit is not None:
            around, upwards, away = self.scalp.angles(points)
            most = lookup(self.limit, around, upwards)
            squeezed = (
                self.scalp.origin + (points - self.scalp.origin) * np.minimum(1, most / np.maximum(away, 1e-6))[:, None]
            )
            points = squeezed.astype(np.float32)
        joint, weight = carried(points, self.scalp)
        return self.build.piece("hair", joint, weight, texture, points, two_sided=True)
