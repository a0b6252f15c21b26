"""What things that hands hold are put together from: turned parts, pipes, prints."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.synth.looks.noise import noise
from mien.synth.looks.shapes import Build, lathe, tube
from mien.synth.looks.tones import mix, vivid

__all__ = ["PLAIN", "Rod", "Slab", "Texture", "along", "blots", "label", "pipe", "turned", "white"]

Texture = UInt8[np.ndarray, "h w 3"]
PLAIN = np.array([0.02, 0.02])
"""Where textures are white: for parts of one colour."""


class Rod(NamedTuple):
    """Something with a handle to be grasped."""

    radius: tuple[float, float]
    """Of what the hand closes around, metres."""
    make: Callable[[np.random.Generator, Build, float], Texture]
    """Adds it to a build, the handle of this radius along +y through the origin; its texture."""


class Slab(NamedTuple):
    """Something flat."""

    size: tuple[float, float, float]
    """Width, height, thickness in metres."""
    make: Callable[[np.random.Generator, Build, tuple[float, float, float]], Texture]
    """Adds it to a build, back in the plane z = 0, height along +y; its texture."""


_UP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def turned(build: Build, profile: list[tuple[float, float]], colour: np.ndarray | None, sides: int = 14) -> None:
    """A turned part: plain colour, or the texture around it if `colour` is None."""
    grid = lathe(np.array(profile), sides, _UP, np.zeros(3))
    if colour is not None:
        build.add(grid, np.broadcast_to(PLAIN, (*grid.shape[:2], 2)), colour, weld=True)
        return
    height = np.array(profile)[:, 1]
    v = 0.1 + 0.88 * (height.max() - height) / max(np.ptp(height), 1e-6)
    u = np.broadcast_to(0.05 + 0.94 * np.linspace(0, 1, sides + 1), grid.shape[:2])
    build.add(grid, np.stack([u, np.broadcast_to(v[:, None], u.shape)], -1), 1.0, weld=True)


def pipe(
    build: Build, path: Float[np.ndarray, "step 3"], radius: np.ndarray | float, colour: np.ndarray, sides: int = 7
) -> None:
    """A round part of one colour along a path, closed at both ends."""
    size = np.broadcast_to(radius, (len(path),))
    closed = np.concatenate([path[:1], path, path[-1:]])
    grid = tube(closed, np.concatenate([[1e-4], size, [1e-4]]), sides, (0.31, 0.17, 0.93))
    build.add(grid, np.broadcast_to(PLAIN, (*grid.shape[:2], 2)), colour, weld=True)


def along(low: float, high: float, count: int = 2) -> Float[np.ndarray, "step 3"]:
    """A straight path along +y."""
    return np.stack([np.zeros(count), np.linspace(low, high, count), np.zeros(count)], 1)


def white() -> Texture:
    """For things whose parts have one colour each."""
    return np.full((4, 4, 3), 255, dtype=np.uint8)


@cache
def blots(seed: int) -> Float32[np.ndarray, "48 48"]:
    """Soft spots, about -1..1."""
    v, u = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 48), indexing="ij")
    return noise(np.stack([u.ravel(), v.ravel(), 0 * u.ravel()], 1), 0.22, seed, 3).reshape(48, 48)


def label(rng: np.random.Generator, ground: np.ndarray) -> Texture:
    """A print: bands, blots and something like writing on a ground; the corner is white."""
    v, u = np.meshgrid((np.arange(48) + 0.5) / 48, (np.arange(48) + 0.5) / 48, indexing="ij")
    picture = np.broadcast_to(ground, (48, 48, 3)).copy()
    first, second = vivid(rng, (0.2, 1.0)), vivid(rng, (0.1, 1.0))
    low = rng.uniform(0.15, 0.4)
    band = (v > low) & (v < low + rng.uniform(0.25, 0.5))
    picture[band] = first
    kind = int(rng.integers(3))
    if kind == 0:
        picture[band & (blots(int(rng.integers(8))) > 0.15)] = second
    elif kind == 1:
        picture[band & (np.hypot((u * 2) % 1 - 0.5, 2 * (v - low - 0.15)) < 0.3)] = second
    line = (np.abs(v - low - 0.2) < 0.035) | (np.abs(v - low - 0.32) < 0.02)
    words = np.sin(u * 70 + 3 * blots(int(rng.integers(8)))) > -0.2
    picture[line & words & ((u * 2) % 1 > 0.2) & ((u * 2) % 1 < 0.8)] = mix(first, np.array([0.05, 0.05, 0.06]), 0.85)
    picture[:3, :3] = 1
    return np.clip(picture * 255, 0, 255).astype(np.uint8)
