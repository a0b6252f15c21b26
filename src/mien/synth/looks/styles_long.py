"""Kinds of long hair: hanging, or drawn into tails, knots and braids. Lengths in metres, directions in radians."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.synth.looks.fields import curve, ramp
from mien.synth.looks.growth import Growth
from mien.synth.looks.roots import along_skin, jitter, near_one, pick, roots_along_edge, roots_at, roots_of
from mien.synth.looks.strands import Locks, grow

__all__ = ["LONG"]


def _hanging(g: Growth, length: float, *, wave: float, fringe: bool | None = None) -> None:
    """Parted on top, over or behind the ears, down to the jaw or over the shoulders."""
    part = g.rng.choice([0.0, 0.0, -0.028, 0.028]) + g.rng.normal(0, 0.003)
    volume = g.rng.uniform(0.013, 0.022)
    fringe = g.rng.uniform() < 0.3 if fringe is None else fringe

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        x = 0.1 * np.sin(around) * np.cos(upwards)
        return volume * (0.55 + 0.45 * ramp(np.abs(x - part), 0.0, 0.015))

    g.shell(lambda a, u: 0.55 * lift(a, u), rough=0.001, size=0.03, edge=0.014)
    long = length > 0.20
    roots = roots_of(g, 130, margin=0.05)
    behind = np.cos(roots.around) < 0.25
    keep = (roots.upwards > -0.25) | behind
    roots = pick(roots, keep)
    x, z = (roots.point - g.scalp.origin)[:, [0, 2]].T
    away = np.where(np.abs(x - part) < 0.004, g.rng.choice([-1.0, 1.0], len(x)), np.sign(x - part))
    front = ramp(z, -0.03, 0.04)
    comb = np.stack([away * (0.15 + 0.85 * front), -0.1 - 0.5 * (1 - front), -0.5 - 0.4 * front], 1)
    flow = along_skin(comb, roots.normal)
    drop = np.clip(0.10 + 0.10 * np.sin(roots.upwards), 0.02, 0.25)
    reach = (length + drop * ramp(roots.upwards, -0.4, 1.2)) * near_one(g, len(x), 0.93 - 4 * wave, 1.05)
    locks = Locks(
        start=roots.point,
        heading=jitter(g, flow + roots.normal * 0.35, 0.05),
        length=reach,
        pull=np.stack([away * 0.15 * front, 0 * x, -0.15 - 1.1 * front], 1),
        pull_reach=0.17,
        heavy=1.0,
        soft=0.045,
        layer=lift(roots.around, roots.upwards) * near_one(g, len(x), 0.6, 1.15),
        curl=wave * near_one(g, len(x), 0.7, 1.3),
        turns=9.0,
        width=0.040 if long else 0.035,
        tip=0.72 - 20 * wave,
    )
    g.locks(locks, 8 if long else 6, ears=True, long=True)
    if fringe:
        _fringe(g)


def _fringe(g: Growth) -> None:
    """Locks that fall over the forehead to just above the brows."""
    count = 34
    roots = roots_at(
        g, np.linspace(-0.75, 0.75, count) + g.rng.uniform(-0.03, 0.03, count), g.rng.uniform(0.85, 1.05, count)
    )
    locks = Locks(
        start=roots.point,
        heading=jitter(
            g, along_skin(np.array([[0.0, 0.0, 1.0]]) + 0 * roots.point, roots.normal) + 0.4 * roots.normal, 0.05
        ),
        length=0.15,
        heavy=0.9,
        soft=0.03,
        layer=g.rng.uniform(0.010, 0.016, count),
        width=0.017,
        tip=0.5,
        over_face=True,
    )
    g.locks(locks, 8, ears=True)


def _bob(g: Growth) -> None:
    _hanging(g, g.rng.uniform(0.10, 0.17), wave=g.rng.choice([0.0, 0.004]))


def _long_straight(g: Growth) -> None:
    _hanging(g, g.rng.uniform(0.24, 0.44), wave=0.0015)


def _long_wavy(g: Growth) -> None:
    _hanging(g, g.rng.uniform(0.22, 0.40), wave=g.rng.uniform(0.008, 0.015))


def _swept(g: Growth, knots: np.ndarray, count: int = 84) -> None:
    """All hair drawn tightly towards one or more places behind."""
    g.shell(lambda a, u: 0.014 + 0.005 * ramp(u, 0.0, 0.8), rough=0.0006, size=0.02, edge=0.016)
    inner, edge = roots_of(g, count, margin=0.05), roots_along_edge(g, 44, inside=0.035)
    for roots, rise in ((inner, 0.021), (edge, 0.011)):
        roots = pick(
            roots, (roots.upwards > g.scalp.ear_top + 0.10) | (np.abs(roots.around) > g.scalp.ear_around + 0.3)
        )
        gap = np.linalg.norm(roots.point[:, None] - knots, axis=2)
        goal = knots[gap.argmin(1)]
        flow = along_skin(goal - roots.point, roots.normal)
        locks = Locks(
            start=roots.point,
            heading=flow + 0.12 * roots.normal,
            length=np.minimum(gap.min(1) * 1.05, 0.16),
            target=goal,
            tow=1.5,
            heavy=0.0,
            soft=0.02,
            layer=rise * near_one(g, len(flow), 0.7, 1.15),
            width=0.026,
            tip=0.5,
            over_face=True,
        )
        g.locks(locks, 5, ears=False)


def _tail(g: Growth, knot: np.ndarray, out: np.ndarray, length: float, *, wave: float = 0.003, count: int = 28) -> None:
    """A bundle that leaves a knot and hangs, with a band around its root."""
    aside = g.rng.normal(0, 1, (count, 3))
    start = knot + 0.009 * aside / np.linalg.norm(aside, axis=1, keepdims=True)
    locks = Locks(
        start=start,
        heading=out + 0.30 * aside / np.linalg.norm(aside, axis=1, keepdims=True),
        length=length * near_one(g, count, 0.8, 1.08),
        heavy=1.0,
        soft=0.05,
        layer=g.rng.uniform(0.012, 0.035, count),
        curl=wave,
        turns=7.0,
        width=0.022,
        tip=0.25,
    )
    g.locks(locks, 9, ears=True, long=True)
    _band(g, knot, out)


def _band(g: Growth, knot: np.ndarray, out: np.ndarray) -> None:
    """What holds a tail: a short thick tube."""
    way = out / np.linalg.norm(out)
    path = knot + np.linspace(-0.004, 0.010, 4)[:, None] * way
    g.rope(path, np.array([0.010, 0.0145, 0.0145, 0.010]), 10, shade=0.45)


def _ponytail(g: Growth) -> None:
    upwards = g.rng.uniform(-0.25, 0.75)
    spot = roots_at(g, np.array([np.pi]), np.array([upwards]))
    knot, out = spot.point[0] + 0.016 * spot.normal[0], spot.normal[0] + [0, 0.25, 0]
    _swept(g, knot[None])
    _tail(g, knot, out, g.rng.uniform(0.18, 0.42), wave=g.rng.choice([0.002, 0.010]))


def _pigtails(g: Growth) -> None:
    around, upwards = g.rng.uniform(1.9, 2.3), g.rng.uniform(-0.25, 0.35)
    spots = roots_at(g, np.array([around, -around]), np.array([upwards, upwards]))
    knots = spots.point + 0.014 * spots.normal
    _swept(g, knots)
    length, wave = g.rng.uniform(0.16, 0.34), g.rng.choice([0.002, 0.010])
    for knot, out in zip(knots, spots.normal, strict=True):
        _tail(g, knot, out + np.array([0, 0.1, 0]), length, wave=wave, count=20)


def _bun(g: Growth) -> None:
    """Drawn into a knot at the back or on top."""
    upwards = g.rng.uniform(0.0, 1.25)
    spot = roots_at(g, np.array([np.pi]), np.array([upwards]))
    size = g.rng.uniform(0.042, 0.064)
    knot, out = spot.point[0] + 0.010 * spot.normal[0], spot.normal[0]
    _swept(g, knot[None])
    across = np.cross(out, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    other = np.cross(out, across)
    turns = np.linspace(0, 2 * np.pi * 2.6, 46)
    share = np.linspace(0, 1, 46)
    ring = size * 0.62 * np.sin(np.pi * (0.30 + 0.62 * share))
    path = knot + out * (size * (0.15 + 1.15 * share))[:, None]
    path = path + ring[:, None] * (np.cos(turns)[:, None] * across + np.sin(turns)[:, None] * other)
    g.rope(path, size * (0.50 - 0.14 * share), 8, shade=0.88)
    middle = knot + np.linspace(-0.3, 1.25, 6)[:, None] * size * out
    g.rope(middle, size * np.array([0.6, 0.8, 0.85, 0.75, 0.5, 0.02]), 9, shade=0.7)


def _braids(g: Growth) -> None:
    """One braid behind, or two that lie over the shoulders in front."""
    single, length = g.rng.uniform() < 0.45, g.rng.uniform(0.24, 0.42)
    around = np.array([np.pi]) if single else np.array([2.05, -2.05])
    spots = roots_at(g, around, np.full(len(around), -0.30 if single else -0.38))
    knots = spots.point + 0.012 * spots.normal
    _swept(g, knots)
    forward = (
        np.array([[0.0, 0.0, -0.2]])
        if single
        else np.stack([0.05 * np.sign(knots[:, 0]), 0 * knots[:, 0], 0.45 + 0 * knots[:, 0]], 1)
    )
    guides = Locks(
        start=knots,
        heading=spots.normal + np.array([0, -0.6, 0]),
        length=length,
        pull=forward,
        heavy=1.0,
        soft=0.04,
        layer=0.026,
    )
    for path in grow(guides, g.scalp, g.trunk, g.rng, 14, ears=True):
        smooth = curve(path.astype(np.float64), 30)
        radius = 0.019 * (1 - 0.45 * np.linspace(0, 1, 30) ** 2)
        g.braid(smooth, radius, length / 0.052)


LONG: dict[str, Callable[[Growth], None]] = {
    "bob": _bob,
    "long straight": _long_straight,
    "long wavy": _long_wavy,
    "ponytail": _ponytail,
    "bun": _bun,
    "pigtails": _pigtails,
    "braids": _braids,
}
"""By kind of hair (see `STYLES`), what makes it."""
