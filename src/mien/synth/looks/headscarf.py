"""A headscarf: over the head, around the face and the throat, onto shoulders and chest."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32, UInt8

from mien.synth.figure import Figure, Piece
from mien.synth.looks.fields import bridged, ramp
from mien.synth.looks.growth import carried
from mien.synth.looks.noise import noise
from mien.synth.looks.scalp import Scalp
from mien.synth.looks.shapes import Build
from mien.synth.looks.strands import Trunk, trunk_of
from mien.synth.looks.tones import vivid

__all__ = ["headscarf"]

_COLUMNS, _LOW_ROWS = 64, 12


def headscarf(rng: np.random.Generator, figure: Figure, scalp: Scalp) -> list[Piece]:
    """Head and throat are covered, the face is free."""
    trunk, seed = trunk_of(figure, scalp), int(rng.integers(1 << 16))
    hood, light = _hood(scalp, seed, float(rng.uniform(0.0, 0.010)))
    drape, shade = _drape(scalp, trunk, hood[-1], float(rng.uniform(0.08, 0.17)), seed)
    grid, light = np.concatenate([hood, drape[1:]]), np.concatenate([light, shade[1:]])
    v, u = np.meshgrid(np.linspace(0, 1, len(grid)), np.linspace(0, 1, grid.shape[1]), indexing="ij")
    build = Build()
    build.add(grid, np.stack([np.abs((4 * u) % 2 - 1), np.abs((4 * v) % 2 - 1)], -1), light[..., None])
    joint, weight = carried(build.points(), scalp)
    return [build.piece("headscarf", joint, weight, _cloth(rng), two_sided=True)]


def _hood(scalp: Scalp, seed: int, loose: float) -> tuple[Float32[np.ndarray, "row column 3"], np.ndarray]:
    """From the crown down to the throat, with a hole for the face: columns run from its left edge around the back.

    Also how light each vertex is: dark in folds.
    """
    marks = scalp.marks.astype(np.float64)
    around, upwards, _ = scalp.angles(marks)
    brow, chin = float(upwards[:10].max()) + 0.34, float(upwards[40]) - 0.30
    rise = np.concatenate(
        [np.linspace(np.pi / 2, brow, 7)[:-1], np.linspace(brow, chin, 12), np.linspace(chin, -1.02, 4)[1:]]
    )
    place = np.clip((rise - chin) / (brow - chin), 0, 1)
    widest = float(np.abs(around[[19, 28]]).mean()) + 0.40
    opening = widest * np.sqrt(np.clip(1 - np.abs(2 * place - 1) ** 2.4, 0, 1)) + 0.002
    share = np.linspace(0, 1, _COLUMNS)
    turn = opening[:, None] + share * (2 * np.pi - 2 * opening[:, None])
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    grid = np.broadcast_to(rise[:, None], turn.shape)
    away = np.linalg.norm(scalp.at(turn, grid, 0.0, ears=True) - scalp.origin, axis=-1)
    even = bridged(away, 8)
    free = ramp(opening, 0.0, 0.35)[:, None]
    inner = 1 - free * (1 - ramp(np.minimum(share, 1 - share), 0.0, 0.08))
    sweep = np.stack([np.abs(turn).ravel() * 0.35, (grid + 0.5 * np.abs(turn)).ravel(), np.sign(turn).ravel()], 1)
    folds = noise(sweep, 0.20, seed, 2).reshape(turn.shape) * ramp(grid, 1.3, 0.4)
    lift = 0.006 + (0.004 + loose) * inner + 0.009 * ramp(grid, 0.1, 0.9) * inner + 0.007 * folds * inner
    level, out = np.cos(grid), (even + lift)[..., None]
    points = scalp.origin + out * np.stack([np.sin(turn) * level, np.sin(grid), np.cos(turn) * level], -1)
    hem = 1 - 0.25 * free * ramp(np.minimum(share, 1 - share), 0.03, 0.0)
    return points.astype(np.float32), np.clip(0.88 + 0.30 * folds, 0.5, 1) * hem


def _drape(
    scalp: Scalp, trunk: Trunk, rim: Float32[np.ndarray, "column 3"], reach: float, seed: int
) -> tuple[Float32[np.ndarray, "row column 3"], np.ndarray]:
    """From the throat down onto shoulders and chest, and how light each vertex is."""
    neck = scalp.joints[12].astype(np.float64)
    out = (rim - neck) * [1, 0, 1]
    level = np.linalg.norm(out, axis=1)
    way = out / np.maximum(level, 1e-6)[:, None]
    front = np.clip(way[:, 2], 0, 1)
    rows, shades = [rim.astype(np.float64)], [np.full(len(rim), 0.85)]
    for k in range(1, _LOW_ROWS):
        share = k / (_LOW_ROWS - 1)
        settled = min(1.0, 2.5 * share)
        beside = 0.35 + 0.65 * np.abs(way[:, 2])
        wide = level + settled * (0.074 + 0.012 * front - level) + 0.55 * reach * beside * max(0.0, share - 0.25)
        height = rim[:, 1] + settled * (neck[1] + 0.030 - rim[:, 1])
        height = height - (1.0 + 0.5 * front) * reach * beside * max(0.0, share - 0.25) * 1.3
        swirl = np.stack([np.arctan2(way[:, 0], way[:, 2]) * 0.30, height * 2.6, 0 * level], 1)
        folds = noise(swirl, 0.12, seed + 1, 2)
        ring = neck * [1, 0, 1] + way * (wide + 0.010 * folds * settled)[:, None]
        ring[:, 1] = height
        ring = _above(ring, trunk, 0.014 + 0.004 * folds)
        ring[1:-1] = 0.5 * ring[1:-1] + 0.25 * (ring[:-2] + ring[2:])
        rows.append(_above(ring, trunk, np.full(len(ring), 0.010)))
        shades.append(np.clip(0.86 + 0.35 * folds, 0.5, 1))
    return np.stack(rows).astype(np.float32), np.stack(shades)


def _above(points: np.ndarray, trunk: Trunk, room: np.ndarray) -> np.ndarray:
    """Points pushed out of the upper body: to the front or back where that is near, otherwise upwards."""
    found = points.copy()
    cell = np.clip(((points - trunk.corner) / 0.02).astype(int), 0, 47)
    front, back = trunk.front[cell[:, 0], cell[:, 1]], trunk.back[cell[:, 0], cell[:, 1]]
    top = trunk.top[cell[:, 0], cell[:, 2]]
    ahead, behind, above = front + room - points[:, 2], points[:, 2] - back + room, top + room - points[:, 1]
    inside = (ahead > 0) & (behind > 0) & (above > 0)
    up = inside & (above <= 2.5 * np.minimum(ahead, behind))
    forwards = inside & ~up & (ahead <= behind)
    found[up, 1] += above[up]
    found[forwards, 2] += ahead[forwards]
    rest = inside & ~up & ~forwards
    found[rest, 2] -= behind[rest]
    return found


@cache
def _pattern(kind: int) -> Float32[np.ndarray, "64 64"]:
    """How much of the second colour each spot of a printed cloth has."""
    v, u = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64), indexing="ij")
    points = np.stack([u.ravel(), v.ravel(), 0 * u.ravel()], 1)
    blots = noise(points, 0.14, 40 + kind, 2).reshape(u.shape)
    prints = [
        0 * u,
        ramp(blots, 0.15, 0.25),
        ramp(np.sin(40 * u) + 0.0 * v, 0.3, 0.6),
        ramp(np.sin(25 * u) * np.sin(25 * v), 0.55, 0.7),
    ]
    return prints[kind].astype(np.float32)


def _cloth(rng: np.random.Generator) -> UInt8[np.ndarray, "64 64 3"]:
    first, second = vivid(rng, (0.08, 0.9)), vivid(rng, (0.2, 1.0))
    share = _pattern(int(rng.choice([0, 0, 0, 1, 2, 3])))[..., None]
    return np.clip((first * (1 - share) + second * share) * 255, 0, 255).astype(np.uint8)
