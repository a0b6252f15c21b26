"""Kinds of short hair, each as shells and locks on a scalp. Lengths in metres, directions in radians."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.synth.looks.fields import ramp
from mien.synth.looks.growth import Growth
from mien.synth.looks.roots import along_skin, from_crown, jitter, near_one, pick, roots_of
from mien.synth.looks.strands import Locks

__all__ = ["SHORT"]


def _cropped(
    g: Growth, sides: float, top: float, *, count: int = 270, receding: bool = False, wave: float = 0.0
) -> None:
    """Short hair that lies from the crown outwards, forwards over the forehead."""

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        return sides + (top - sides) * ramp(upwards, 0.25, 0.85)

    g.shell(lambda a, u: 0.7 * lift(a, u), receding=receding, rough=0.0012 + wave, size=0.03)
    roots = roots_of(g, count, margin=0.03, receding=receding)
    height = lift(roots.around, roots.upwards)
    roots, height = pick(roots, height > 0.010), height[height > 0.010]
    flow = from_crown(g, roots)
    front = ramp(np.abs(roots.around), 1.2, 0.6) * ramp(roots.upwards, 0.4, 0.7)
    heading = flow + roots.normal * (0.25 + 0.25 * front[:, None])
    locks = Locks(
        start=roots.point,
        heading=jitter(g, heading, 0.10),
        length=(0.020 + 0.7 * height) * near_one(g, len(height), 0.85, 1.15),
        pull=flow * 1.1 - roots.normal * 0.5,
        heavy=0.3,
        soft=0.014,
        layer=height * near_one(g, len(height), 0.85, 1.02),
        curl=wave,
        turns=18.0,
        width=0.014 + 0.12 * height,
        tip=0.15,
        over_face=True,
    )
    g.locks(locks, 3, ears=False, tone=0.08)


def _short(g: Growth) -> None:
    _cropped(g, g.rng.uniform(0.017, 0.027), g.rng.uniform(0.043, 0.064), wave=g.rng.choice([0.0, 0.002]))


def _receding(g: Growth) -> None:
    _cropped(g, g.rng.uniform(0.010, 0.016), g.rng.uniform(0.014, 0.022), count=190, receding=True)


def _buzz(g: Growth) -> None:
    thick = g.rng.uniform(0.004, 0.009)
    g.shell(lambda a, u: thick + 0 * a, rough=0.0003, size=0.01, edge=0.03, repeat=(9, 5))


def _side_part(g: Growth) -> None:
    """Long on top, combed from a parting to both sides, short below."""
    side, top, sides = g.rng.choice([-1.0, 1.0]), g.rng.uniform(0.042, 0.057), g.rng.uniform(0.022, 0.032)
    part = side * g.rng.uniform(0.022, 0.036)

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        x = 0.1 * np.sin(around) * np.cos(upwards)
        crest = ramp(np.abs(x - part), 0.0, 0.018) * (1 + 0.25 * ramp(x * side, part * side, -0.06))
        return sides + (top * crest - sides) * ramp(upwards, 0.20, 0.75)

    g.shell(lambda a, u: 0.7 * lift(a, u), rough=0.0012, size=0.03)
    roots = roots_of(g, 250, margin=0.03)
    roots = pick(roots, ramp(roots.upwards, 0.35, 0.75) > 0.12)
    x = roots.point[:, 0] - g.scalp.origin[0]
    away = np.sign(x - part)
    comb = np.stack([away * 1.0, 0 * x, -0.25 - 0.5 * ramp(roots.upwards, 0.9, 1.3)], 1)
    over = ramp(roots.upwards, 0.35, 0.75)[:, None]
    flow = along_skin(over * comb + (1 - over) * (from_crown(g, roots) + np.array([0, -0.6, -0.2])), roots.normal)
    height = lift(roots.around, roots.upwards)
    locks = Locks(
        start=roots.point,
        heading=jitter(g, flow + roots.normal * (0.15 + 0.5 * over), 0.07),
        length=(0.025 + 0.045 * over[:, 0]) * near_one(g, len(x)),
        pull=flow * 0.7 - roots.normal * 0.6,
        heavy=0.9,
        soft=0.020,
        layer=height * near_one(g, len(x), 0.75, 1.05),
        width=0.017 + 0.004 * over[:, 0],
        tip=0.3,
        over_face=True,
    )
    g.locks(locks, 5, ears=False)


def _quiff(g: Growth) -> None:
    """Short at the sides, swept up and back over the forehead."""
    high, sides = g.rng.uniform(0.044, 0.068), g.rng.uniform(0.010, 0.018)

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        z, x = 0.1 * np.cos(around) * np.cos(upwards), 0.1 * np.sin(around) * np.cos(upwards)
        wide = ramp(np.abs(x), 0.078, 0.045)
        return sides + wide * ramp(upwards, 0.25, 0.6) * (high * (0.35 + 0.65 * ramp(z, -0.04, 0.06)))

    g.shell(lambda a, u: 0.7 * lift(a, u), rough=0.0015, size=0.025, edge=0.018)
    roots = roots_of(g, 240, margin=0.02)
    roots = pick(roots, lift(roots.around, roots.upwards) > 0.010)
    height = lift(roots.around, roots.upwards)
    top = ramp(height, 1.4 * sides, 2.2 * sides)[:, None]
    back = np.array([0.0, 0.35, -1.0]) + np.stack([0.35 * np.sign(roots.point[:, 0]), *np.zeros((2, len(height)))], 1)
    flow = along_skin(top * back + (1 - top) * (from_crown(g, roots) + np.array([0, -0.5, -0.3])), roots.normal)
    locks = Locks(
        start=roots.point,
        heading=jitter(g, flow * (1 - 0.5 * top) + roots.normal * (0.3 + 0.8 * top), 0.06),
        length=(0.025 + 0.9 * height) * near_one(g, len(height)),
        pull=flow * 2.4 - roots.normal * 0.6,
        heavy=0.1,
        soft=0.013 + 0.22 * height,
        layer=height * near_one(g, len(height), 0.75, 1.05),
        width=0.012 + 0.18 * height,
        tip=0.2,
        over_face=True,
    )
    g.locks(locks, 5, ears=False)


def _curly(g: Growth) -> None:
    """Locks that wind in all directions."""
    thick = g.rng.uniform(0.028, 0.050)

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        return thick * (0.55 + 0.45 * ramp(upwards, -0.3, 0.7))

    g.shell(lambda a, u: 0.8 * lift(a, u), rough=0.006, size=0.022, edge=0.022, rows=20, repeat=(8, 4))
    roots = roots_of(g, 155, margin=0.05)
    height = lift(roots.around, roots.upwards)
    locks = Locks(
        start=roots.point,
        heading=jitter(g, 0.6 * roots.normal + from_crown(g, roots), 0.25),
        length=0.035 * near_one(g, len(height)) + height,
        pull=-0.5 * roots.normal,
        heavy=0.7,
        soft=0.030,
        layer=height * near_one(g, len(height), 0.75, 1.0),
        curl=0.0055 * near_one(g, len(height), 0.7, 1.3),
        turns=24.0,
        width=0.024,
        tip=0.5,
        over_face=True,
    )
    g.locks(locks, 6, ears=True)


def _afro(g: Growth) -> None:
    """A round mass, rough at its surface."""
    thick, flat = g.rng.uniform(0.030, 0.095), g.rng.uniform(0.75, 1.05)

    def lift(around: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        return thick * (flat + (1.1 - flat) * ramp(upwards, -0.2, 1.0))

    g.shell(lift, rough=0.007, size=0.016, edge=0.012 + 0.6 * thick, rows=30, repeat=(9, 5), shade=0.92)


SHORT: dict[str, Callable[[Growth], None]] = {
    "buzz": _buzz,
    "short": _short,
    "side part": _side_part,
    "quiff": _quiff,
    "receding": _receding,
    "curly": _curly,
    "afro": _afro,
}
"""By kind of hair (see `STYLES`), what makes it."""
