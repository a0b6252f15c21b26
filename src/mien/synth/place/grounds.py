"""Open ground to the horizon, and what lies along the horizon: hills, woods, a town."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64

from mien.render.mesh import Mesh
from mien.synth.place.scenery import Scenery, Shade
from mien.synth.place.sky import Far, fill_far, hazed, paint_sky, silhouette
from mien.synth.place.solid_kernels import shade_ground
from mien.synth.place.textures import Texture

__all__ = ["END", "hills", "open_sky", "ribbon", "spread", "town", "weathered", "woods"]

END = 4000.0
"""Metres to where the ground ends: a pixel or less below the horizon."""
_UP = (0.0, 1.0, 0.0)


def weathered(s: Scenery, tile: Texture, tint: Sequence[float], rough: float = 0.1, air: float = 500.0) -> Shade:
    """Large blotches near, haze far away (`air`: metres at which most of a colour is lost)."""
    rng, eye = s.rng, s.plan.eye
    phase, turn = tuple(rng.uniform(0, 6.3, 4).tolist()), float(rng.uniform(0, 6.3))
    plain = np.maximum(s.light.on(_UP) * tile.mean * np.asarray(tint), 1e-3)
    goal = tuple((hazed(plain, s.light, 1.0) / plain).tolist())
    c, q = math.cos(turn), math.sin(turn)
    return lambda points: shade_ground(points, eye, c, q, phase, rough, air, goal)


def spread(
    s: Scenery, kind: str, tile: Texture, tint: Sequence[float], *, rough: float = 0.1, air: float = 500.0,
    bounds: tuple[float, float, float, float] = (-END, -END, END, END), turned: bool = False,
) -> None:  # fmt: skip
    """Ground within bounds (x0, z0, x1, z1) about the camera's foot; by default as far as the eye reaches."""
    x, _, z = s.plan.eye
    x0, z0 = (x + bounds[0], z + bounds[1])
    size = bounds[2] - bounds[0], bounds[3] - bounds[1]
    shade = weathered(s, tile, tint, rough, air)
    s.sheet(kind, (x0, 0, z0 + size[1]), (1, 0, 0), (0, 0, -1), size, tile, tint, shade=shade, turned=turned)


def open_sky(s: Scenery, ground: Float[np.ndarray, "3"]) -> Far:
    """Paint the sky; `ground` is the colour of the ground as it is seen from near."""
    below = hazed(np.asarray(ground, dtype=np.float64), s.light, 0.8)
    s.canvas[:] = paint_sky(s.rng, s.view, s.light, below)
    return Far(s.view, 200)


def _ridge(
    rng: np.random.Generator, azimuth: Float64[np.ndarray, "step"], waves: Sequence[tuple[float, float]]
) -> Float64[np.ndarray, "step"]:
    """A sum of waves (cycles a turn, height) with phases of chance."""
    total = np.zeros_like(azimuth)
    for cycles, high in waves:
        total += high * np.sin(azimuth * cycles * rng.uniform(0.8, 1.2) + rng.uniform(0, 6.3))
    return total


def hills(s: Scenery, far: Far, colour: Sequence[float], high: float, layers: int = 2, *, steep: bool = False) -> None:
    """Ranges, the farther the paler."""
    for k in range(layers):
        share = 1 - k / layers
        waves = [(3, 0.5), (7, 0.35), (17, 0.18), (41, 0.08)]
        ridge = _ridge(s.rng, far.azimuth, waves)
        if steep:
            ridge = np.abs(ridge) + 0.15 * np.abs(_ridge(s.rng, far.azimuth, [(60, 0.6), (130, 0.4)]))
        top = high * share * (0.55 + 0.5 * ridge)
        tone = hazed(np.array(colour) * s.light.on(_UP) * 0.8, s.light, 0.3 + 0.5 * share)
        silhouette(s.canvas, s.view, far.azimuth, np.maximum(top, 0.0), tone)


def woods(s: Scenery, far: Far, high: float, haze: float = 0.35, layers: int = 2) -> None:
    """A line of trees: rounded tops, darker below."""
    light = s.light.on(_UP)
    green = np.array([0.20, 0.30, 0.11]) * s.rng.uniform(0.8, 1.25, 3)
    fine = Far(s.view, 500).azimuth
    for k in range(layers):
        share = 1 - 0.35 * k
        crowns = np.sqrt(np.abs(_ridge(s.rng, fine, [(55, 0.5), (95, 0.4)]))) + 0.10 * s.rng.random(len(fine))
        top = high * share * (0.62 + 0.2 * _ridge(s.rng, fine, [(5, 0.6), (11, 0.4)]) + 0.42 * crowns)
        tone = hazed(green * light * (0.75 + 0.35 * k), s.light, haze * (1 - 0.4 * k))
        silhouette(s.canvas, s.view, fine, np.maximum(top, 0.003), np.clip(tone, 0, 1))
        under = np.maximum(top - 0.35 * high * (0.6 + 0.4 * crowns), 0.002)
        silhouette(s.canvas, s.view, fine, under, np.clip(tone * 0.78, 0, 1))


def town(s: Scenery, far: Far, high: float, *, lit: bool, haze: float = 0.45) -> None:
    """Houses and towers with windows, some of them lit."""
    rng, count = s.rng, min(60, int(2 * far.half / 0.05) + 2)
    wide = rng.uniform(0.02, 0.09, count)
    start = far.middle - far.half + np.cumsum(wide * rng.uniform(0.8, 1.3, count)) - wide[0]
    top = high * rng.uniform(0.25, 1.0, count) ** 1.5
    wall = np.array([0.62, 0.58, 0.54]) * rng.uniform(0.6, 1.1, (count, 1)) * s.light.on((0.3, 0.2, 0.9))
    wall = np.clip(hazed(wall, s.light, haze), 0, 1)
    fill_far(s.canvas, s.view, np.stack([start, start + wide, np.full(count, -0.01), top], 1), wall)
    owner = np.repeat(np.arange(count), 8)
    columns, rows = np.maximum(1, wide / 0.009)[owner], np.maximum(1, top / 0.012)[owner]
    a = start[owner] + wide[owner] * (np.floor(rng.random(len(owner)) * columns) + 0.25) / columns
    y = 0.012 * (np.floor(rng.random(len(owner)) * rows) + 0.2)
    tone = np.array([1.0, 0.84, 0.5]) * rng.uniform(0.5, 1.0, (len(owner), 1)) if lit else wall[owner] * 0.8
    keep = (y + 0.006 < top[owner]) & ((rng.random(len(owner)) < 0.6) | (not lit))
    panes = np.stack([a, a + 0.005, y, y + 0.006], 1)
    fill_far(s.canvas, s.view, panes[keep], tone[keep])


def ribbon(
    s: Scenery,
    kind: str,
    path: Float[np.ndarray, "point 2"],
    wide: float,
    tile: Texture,
    tint: Sequence[float],
    y: float = 0.004,
) -> None:
    """A way along a path of (x, z), a little above the ground."""
    forward = np.gradient(path, axis=0)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-6)
    side = wide / 2 * np.stack([-forward[:, 1], forward[:, 0]], 1)
    flat = np.stack([path + side, path - side], 1)
    points = np.stack([flat[..., 0], np.full(flat.shape[:2], y), flat[..., 1]], -1).astype(np.float32)
    count = len(path)
    first = np.arange(count - 1) * 2
    faces = np.concatenate(
        [np.stack([first, first + 2, first + 3], 1), np.stack([first, first + 3, first + 1], 1)]
    ).astype(np.int32)
    vertices = points.reshape(-1, 3)
    a, b, c = vertices[faces[0]]
    if np.cross(b - a, c - a)[1] < 0:
        faces = faces[:, ::-1].copy()
    colour = np.clip(np.asarray(tint, dtype=np.float32) * weathered(s, tile, tint, 0.05)(vertices), 0, 1)
    uv = (vertices[:, [0, 2]] / np.array(tile.metres, dtype=np.float32))[faces]
    s.add(
        kind,
        Mesh(vertices=vertices, faces=faces, colour=colour, uv=uv, texture=tile.levels[0], repeat=True),
        casts=False,
    )
