"""Hats, helmets, headbands, headphones: surfaces around the skull, and how much hair they leave."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.synth.figure import Piece
from mien.synth.looks.fields import ramp
from mien.synth.looks.noise import noise
from mien.synth.looks.scalp import Scalp
from mien.synth.looks.shapes import Build, tube
from mien.synth.looks.skull import AROUND, UPWARDS
from mien.synth.looks.tones import vivid

__all__ = ["headgear"]

Limit = Float32[np.ndarray, "upwards around"]
Angle = np.ndarray
_HEAD, _WHOLE = np.array([[15]]), np.array([[1.0]])
_COLUMNS = 40
_TURN = np.linspace(-np.pi, np.pi, _COLUMNS + 1)
_CELL_TURN = np.arange(AROUND) * 2 * np.pi / AROUND - np.pi
_CELL_RISE = ((np.arange(UPWARDS) + 0.5) / UPWARDS - 0.5) * np.pi
"""Directions of the columns of a dome, and of the cells of a map of the skull."""


def headgear(rng: np.random.Generator, kind: str, scalp: Scalp) -> tuple[list[Piece], Limit | None]:
    """Something worn on the head, and the largest distance from the scalp's origin that hair may have."""
    return _MAKERS[kind](rng, scalp)


def _limit(scalp: Scalp, edge: Callable[[Angle], Angle], room: float, soft: float = 0.35) -> Limit:
    """Hair lies within `room` metres of the skull above an edge, and less and less so below it."""
    below = np.maximum(edge(_CELL_TURN)[None] - _CELL_RISE[:, None], 0)
    free = np.where(below < soft, room + 0.25 * below, 9.0)
    return (scalp.bare + free).astype(np.float32)


def _dome(
    scalp: Scalp,
    edge: Callable[[Angle], Angle],
    lift: Callable[[Angle, Angle], Angle],
    rows: int = 10,
    smooth: float = 0.5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid from the top of the head down to an edge, and the angles of its vertices."""
    share = np.linspace(0, 1, rows)[:, None]
    upwards = np.pi / 2 - share * (np.pi / 2 - edge(_TURN))
    around = np.broadcast_to(_TURN, upwards.shape)
    points = scalp.at(around, upwards, lift(around, upwards))
    points[0] = points[0].mean(0)
    if smooth:
        away = np.linalg.norm(points - scalp.origin, axis=-1, keepdims=True)
        even = away.copy()
        for _ in range(4):
            padded = np.concatenate([even[:, -2:-1], even, even[:, 1:2]], 1)
            even[1:] = 0.5 * even[1:] + 0.25 * (padded[1:, :-2] + padded[1:, 2:])
        even = np.maximum(even * smooth + away * (1 - smooth), away)
        points = scalp.origin + (points - scalp.origin) * even / np.maximum(away, 1e-9)
    return points, around, upwards


def _brim(
    rim: Float[np.ndarray, "column 3"],
    centre: Float[np.ndarray, "3"],
    width: np.ndarray,
    drop: np.ndarray,
    rows: int = 4,
) -> Float32[np.ndarray, "row column 3"]:
    """A surface outwards from a rim."""
    out = (rim - centre) * [1, 0, 1]
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    share = np.linspace(0, 1, rows)[:, None, None]
    down = np.array([0.0, -1.0, 0.0]) * (drop[:, None] * share**1.6)
    return (rim + out * width[:, None] * share + down).astype(np.float32)


def _laid(around: Angle, upwards: Angle) -> np.ndarray:
    """Where a dome's vertices lie in its cloth: the front in the middle, the top at the upper edge."""
    return np.stack([around / (2 * np.pi) + 0.5, np.clip(1 - upwards / (np.pi / 2), 0, 1)], -1)


def _both_sides(build: Build, grid: np.ndarray, thick: float, uv: np.ndarray, colour: np.ndarray | float) -> None:
    """A sheet with an upper and a lower side and an edge."""
    low = grid - [0, thick, 0]
    build.add(grid, uv, colour)
    build.add(np.concatenate([grid[-1:], low[-1:]]), np.concatenate([uv[-1:], uv[-1:]]), colour)
    build.add(low, uv, colour * 0.8, flip=True)


@cache
def _weave() -> Float32[np.ndarray, "64 64"]:
    v, u = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64), indexing="ij")
    points = np.stack([np.abs(2 * u.ravel() - 1) / 2, v.ravel(), 0 * u.ravel()], 1)
    return (0.5 * noise(points, 0.03, 3, 2) + 0.5 * noise(points, 0.25, 9, 3)).reshape(64, 64)


def _cloth(
    colour: np.ndarray, ribs: int = 0, panels: int = 0, logo: np.ndarray | None = None
) -> UInt8[np.ndarray, "64 64 3"]:
    """Cloth seen from near: woven or knit; seams of panels; something printed on the front (u = 0.5)."""
    v, u = np.meshgrid((np.arange(64) + 0.5) / 64, (np.arange(64) + 0.5) / 64, indexing="ij")
    light = 0.10 * _weave()
    if ribs:
        light = light - 0.22 * np.cos(2 * np.pi * ribs * u) ** 2
    if panels:
        light = light - 0.3 * ramp(np.abs((u * panels) % 1 - 0.5), 0.46, 0.5)
    picture = colour * np.exp(light)[..., None]
    if logo is not None:
        spot = (ramp(np.hypot((u - 0.5) * 5.0, 2.0 * (v - 0.68)) + 0.05 * _weave(), 0.34, 0.30))[..., None]
        picture = picture * (1 - spot) + logo * spot
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def _finish(build: Build, kind: str, texture: np.ndarray) -> Piece:
    return build.piece(kind, _HEAD, _WHOLE, texture, two_sided=True)


def _level(around: Angle) -> Angle:
    """The edge of a cap worn backwards."""
    return 0.22 + 0.06 * np.cos(around)


def _cap(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    backwards, colour = rng.uniform() < 0.15, vivid(rng, (0.1, 0.85))

    def edge(around: Angle) -> Angle:
        return 0.20 + 0.17 * np.cos(around) + 0.04 * np.cos(2 * around)

    def lift(around: Angle, upwards: Angle) -> Angle:
        front = ramp(np.cos(around), 0.1, 0.9) * ramp(upwards, 0.1, 0.7)
        return 0.010 + 0.016 * front * ramp(upwards, 1.57, 0.9) + 0.006 * ramp(upwards, 0.3, 1.2)

    if backwards:
        points, around, upwards = _dome(scalp, _level, lambda a, u: lift(a + np.pi, u))
    else:
        points, around, upwards = _dome(scalp, edge, lift)
    build = Build()
    uv = _laid(around, upwards)
    build.add(points, uv, 1.0, weld=True)
    place = (np.arange(-6, 7) + (0 if backwards else _COLUMNS // 2)) % _COLUMNS
    rim, span = points[-1, place], np.linspace(-0.98, 0.98, 13)
    width = rng.uniform(0.060, 0.075) * np.sqrt(1 - span**2)
    grid = _brim(rim, scalp.origin, width, width * (0.25 + 0.35 * span**2))
    sheet = np.stack(np.broadcast_arrays((span * 0.1 + 0.1)[None], np.linspace(0.1, 0.3, 4)[:, None]), -1)
    peak = 1.0 if rng.uniform() < 0.7 else float(rng.uniform(0.4, 0.8))
    _both_sides(build, grid, 0.003, sheet, peak)
    button = tube(
        points[0, 0] + np.linspace(0, 0.005, 3)[:, None] * [0, 1, 0], np.array([0.008, 0.008, 0.001]), 6, (1, 0, 0)
    )
    build.add(button, None, 0.9, weld=True)
    logo = vivid(rng, (0.2, 1.0)) if rng.uniform() < 0.6 and not backwards else None
    limit = _limit(scalp, _level if backwards else edge, 0.006)
    return [_finish(build, "hat", _cloth(colour, panels=6, logo=logo))], limit


def _beanie(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    slouch, fold, colour = rng.uniform(0.0, 0.035), rng.uniform() < 0.7, vivid(rng, (0.1, 0.8))

    def edge(around: Angle) -> Angle:
        return 0.04 + 0.24 * np.cos(around) - 0.03 * np.cos(2 * around)

    def lift(around: Angle, upwards: Angle) -> Angle:
        return 0.009 + (0.010 + slouch * (1.0 - 0.8 * np.cos(around))) * ramp(upwards, 0.3, 1.3)

    points, around, upwards = _dome(scalp, edge, lift, rows=12)
    build = Build()
    uv = _laid(around, upwards)
    build.add(points, uv, 1.0, weld=True)
    if fold:
        high = edge(_TURN) + np.array([0.52, 0.48, 0.25, 0.0, -0.02])[:, None]
        out = np.array([0.010, 0.0145, 0.0155, 0.0145, 0.008])[:, None]
        band = scalp.at(np.broadcast_to(_TURN, high.shape), high, out + 0.3 * (lift(_TURN, high) - 0.009))
        laid = np.stack([np.broadcast_to(_TURN / (2 * np.pi) + 0.5, high.shape), 0.5 + 0 * high], -1)
        build.add(band, laid, 0.86, weld=True)
    if rng.uniform() < 0.25:
        ball = points[0, 0] + [0, 0.012, 0]
        size = 0.026 * np.sin(np.linspace(0.15, np.pi - 0.01, 7))
        path = ball + np.linspace(-0.024, 0.024, 7)[:, None] * [0, 1, 0]
        bumps = tube(path, size, 9, (1, 0, 0))
        bumps[:, :-1] += rng.normal(0, 0.0025, bumps[:, :-1].shape)
        bumps[:, -1] = bumps[:, 0]
        build.add(bumps, None, vivid(rng, (0.4, 1.0)), weld=True)
    return [_finish(build, "hat", _cloth(colour, ribs=int(rng.integers(14, 22))))], _limit(scalp, edge, 0.006)


def _brimmed(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    wide, high, colour = rng.uniform(0.045, 0.115), rng.uniform(0.0, 0.03), vivid(rng, (0.2, 0.85), 0.5)

    def edge(around: Angle) -> Angle:
        return 0.20 + 0.13 * np.cos(around)

    def lift(around: Angle, upwards: Angle) -> Angle:
        x = np.sin(around) * np.cos(upwards)
        pinch = 0.016 * ramp(np.abs(x), 0.16, 0.0) * ramp(upwards, 0.9, 1.3)
        return 0.010 + (0.014 + high) * ramp(upwards, 0.25, 0.9) - pinch

    points, around, upwards = _dome(scalp, edge, lift)
    build = Build()
    uv = _laid(around, upwards)
    build.add(points, uv, 1.0, weld=True)
    rim = points[-1]
    droop = rng.uniform(-0.02, 0.030)
    grid = _brim(
        rim,
        scalp.origin,
        wide * (0.92 + 0.08 * np.cos(2 * _TURN)),
        droop - 0.35 * wide * np.abs(np.sin(_TURN)) * rng.uniform(0, 1),
    )
    sheet = np.stack(np.broadcast_arrays((_TURN / (2 * np.pi) + 0.5)[None], np.linspace(0.8, 1, 4)[:, None]), -1)
    _both_sides(build, grid, 0.003, sheet, 0.95)
    ribbon = scalp.origin + (points[-3:] - scalp.origin) * np.array([1.012, 1.016, 1.012])[:, None, None]
    build.add(ribbon, None, vivid(rng, (0.1, 0.6)), weld=True)
    return [_finish(build, "hat", _cloth(colour))], _limit(scalp, edge, 0.006)


def _bike_helmet(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    colour = vivid(rng, (0.3, 0.95))

    def edge(around: Angle) -> Angle:
        return 0.34 + 0.05 * np.cos(around) + 0.10 * np.cos(2 * around)

    def lift(around: Angle, upwards: Angle) -> Angle:
        return (
            0.020 + 0.012 * ramp(upwards, 0.3, 0.8) + 0.016 * ramp(-np.cos(around), 0.2, 1.0) * ramp(upwards, 1.3, 0.4)
        )

    points, around, upwards = _dome(scalp, edge, lift, rows=14, smooth=0.8)
    x = np.sin(around) * np.cos(upwards)
    vent = np.cos(x * 15.0) ** 2 * ramp(upwards, 0.45, 0.6) * ramp(np.abs(np.cos(around)), 0.25, 0.5)
    vents = ramp(vent, 0.72, 0.9) * (np.sin(upwards * 7.0 + 1.0) > -0.35)
    points = points - (points - scalp.origin) * (0.05 * vents)[..., None]
    build = Build()
    uv = _laid(around, upwards)
    build.add(points, uv, (1 - 0.85 * vents)[..., None], weld=True)
    inner = scalp.origin + (points[-1:] - scalp.origin) * 0.90
    build.add(np.concatenate([points[-1:], inner]), None, 0.15, weld=True)
    return [_finish(build, "helmet", _cloth(colour)), _chin_strap(scalp)], _limit(scalp, edge, 0.008)


def _chin_strap(scalp: Scalp) -> Piece:
    """Two straps a side that meet under the ear, and one below the chin."""
    build, chin = Build(), scalp.marks[40] + (scalp.marks[40] - scalp.marks[16]) * [0, 0.95, 0]
    under = np.array([scalp.origin[0], chin[1] - 0.008, chin[2] - 0.035])
    for side in (1.0, -1.0):
        meet = scalp.at(np.array([side * 1.25]), np.array([-0.72]), 0.005, ears=True)[0]
        front = scalp.at(np.full(6, side * 1.02), np.linspace(0.42, -0.45, 6), 0.006, ears=True)
        back = scalp.at(np.full(6, side * 1.95), np.linspace(0.40, -0.45, 6), 0.006, ears=True)
        for path in (np.concatenate([front, meet[None]]), np.concatenate([back, meet[None]])):
            build.add(tube(path, 0.0016, 5, (side, 0.0, 0.0), 5.0), None, 0.12, weld=True)
        lower = np.stack([meet, (meet + under) / 2 + [side * 0.012, -0.014, 0.004], under])
        build.add(tube(lower, 0.0016, 5, (side, -0.5, 0.0), 5.0), None, 0.12, weld=True)
    return build.piece("strap", np.array([[15, 22]]), np.array([[0.6, 0.4]]), two_sided=True)


def _hard_hat(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    colours = np.array(
        [[0.95, 0.78, 0.08], [0.92, 0.92, 0.90], [0.90, 0.40, 0.08], [0.12, 0.30, 0.62], [0.78, 0.12, 0.10]]
    )
    colour = colours[int(rng.integers(len(colours)))]

    def edge(around: Angle) -> Angle:
        return 0.26 + 0.08 * np.cos(around)

    def lift(around: Angle, upwards: Angle) -> Angle:
        x = np.sin(around) * np.cos(upwards)
        ridge = 0.007 * ramp(np.abs(x), 0.16, 0.11) * ramp(upwards, 0.5, 0.7)
        return 0.024 + 0.010 * ramp(upwards, 0.3, 1.0) + ridge

    points, around, upwards = _dome(scalp, edge, lift, rows=12, smooth=0.3)
    build = Build()
    uv = _laid(around, upwards)
    build.add(points, uv, 1.0, weld=True)
    rim = points[-1]
    grid = _brim(
        rim, scalp.origin, 0.010 + 0.038 * ramp(np.cos(_TURN), 0.2, 0.9), 0.004 + 0.010 * ramp(np.cos(_TURN), 0.2, 0.9)
    )
    sheet = np.stack(np.broadcast_arrays((_TURN / (2 * np.pi) + 0.5)[None], np.linspace(0.0, 0.1, 4)[:, None]), -1)
    _both_sides(build, grid, 0.003, sheet, 0.97)
    logo = np.array([0.1, 0.15, 0.4]) if rng.uniform() < 0.5 else None
    return [_finish(build, "helmet", _cloth(colour, logo=logo))], _limit(scalp, edge, 0.010)


def _headband(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    high, tilt, half = rng.uniform(0.42, 0.60), rng.uniform(0.10, 0.30), rng.uniform(0.10, 0.24)
    middle = high - tilt + tilt * np.cos(_TURN)
    rows = middle + half * np.array([1.0, 0.85, 0.0, -0.85, -1.0])[:, None]
    out = np.array([0.006, 0.0105, 0.0115, 0.0105, 0.006])[:, None]
    build = Build()
    build.add(scalp.at(np.broadcast_to(_TURN, rows.shape), rows, out), None, 1.0, weld=True)
    gap = np.maximum(np.abs(_CELL_RISE[:, None] - (high - tilt + tilt * np.cos(_CELL_TURN))) - half, 0)
    limit = scalp.bare + 0.005 + np.where(gap < 0.2, 0.35 * gap, 9.0)
    return [_finish(build, "headband", _cloth(vivid(rng, (0.1, 0.95))))], limit.astype(np.float32)


def _headphones(rng: np.random.Generator, scalp: Scalp) -> tuple[list[Piece], Limit]:
    """A band over the head and a cushion on each ear."""
    colour, build = vivid(rng, (0.06, 0.9), 0.6), Build()
    rise = np.linspace(-0.2, np.pi + 0.2, 25)
    around = np.where(rise < np.pi / 2, scalp.ear_around, -scalp.ear_around)
    path = scalp.at(around, np.minimum(rise, np.pi - rise), 0.0) - scalp.origin
    path[8:17, 2] = np.interp(np.arange(8, 17), [8, 16], path[[7, 17], 2])
    away = np.linalg.norm(path, axis=1, keepdims=True)
    path = scalp.origin + path / away * (away + 0.014)
    build.add(tube(path, 0.0035, 6, (1.0, 0.0, 0.0), 3.2), None, colour, weld=True)
    middle = (scalp.ear_top + scalp.ear_bottom) / 2
    for side in (1.0, -1.0):
        ear = scalp.at(np.array([side * scalp.ear_around]), np.array([middle]), 0.0, ears=True)[0]
        way = np.array([side, 0.0, 0.0])
        size = np.array([0.026, 0.034, 0.036, 0.034, 0.028, 0.001])
        places = np.array([-0.004, -0.002, 0.006, 0.012, 0.017, 0.018])
        cup = tube(ear + places[:, None] * way, size, 14, (0.0, 1.0, 0.0))
        build.add(cup, None, colour * np.array([0.4, 0.4, 0.5, 1.0, 1.0, 0.8])[:, None, None] + 0.02, weld=True)
    ears = np.sign(_CELL_TURN) * (scalp.ear_around - np.pi / 2)
    off = np.abs(np.cos(_CELL_TURN[None] - ears) * np.cos(_CELL_RISE[:, None]))
    limit = scalp.whole + np.where(
        (off < 0.30) & (_CELL_RISE > -0.6)[:, None], 0.007 + 0.10 * np.maximum(off - 0.10, 0), 9.0
    )
    piece = build.piece("headphones", _HEAD, _WHOLE, two_sided=True)
    return [piece], limit.astype(np.float32)


_MAKERS: dict[str, Callable[[np.random.Generator, Scalp], tuple[list[Piece], Limit]]] = {
    "cap": _cap,
    "beanie": _beanie,
    "brim": _brimmed,
    "bike helmet": _bike_helmet,
    "hard hat": _hard_hat,
    "headband": _headband,
    "headphones": _headphones,
}
