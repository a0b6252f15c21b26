"""How cloth leaves the body: it bridges hollows, hangs from what stands out, and has air beneath it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

from mien.synth.wardrobe.fit import Fit, Worn
from mien.synth.wardrobe.folds import fold_surface
from mien.synth.wardrobe.form import smooth
from mien.synth.wardrobe.hulls import DIRECTIONS, STEP, Tube, hang, quarter_turns, reach
from mien.synth.wardrobe.lines import height_at
from mien.synth.wardrobe.noise import ramp

__all__ = ["Course", "Drape", "Hold", "Shell", "drape", "far_at", "make_shells"]

Course = tuple[tuple[float, float], ...]
"""A value along an axis: (where, value) at some places, linear between them, constant beyond."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """How cloth sits on trunk, arm or leg. Where: heights for trunk and legs, distances from the middle for arms."""

    ease: Course = ((0.0, 0.01),)
    """Metres of air beyond the body's outline."""
    fall: float = 0.3
    """Metres it draws in per metre towards the end of the garment: 0 hangs straight, 2 follows the body."""
    rise: float = 1.5
    """The same, backwards."""
    start: float = 9.0
    """Height from which it hangs: what stands out above counts for nothing (waistbands)."""
    hug: Course = ((0.0, 0.0),)
    """How far it returns to the body's own outline in spite of hanging (ribs, waistbands), 0..1."""
    bridge: float = 1.0
    """How much of the way to the outline it takes, 0..1."""
    hanging: Course = ((0.0, 0.0),)
    """Depth of long folds, metres."""
    rings: Course = ((0.0, 0.0),)
    """Depth of folds across, metres."""


@dataclass(frozen=True, kw_only=True)
class Drape:
    """How a whole garment sits."""

    offset: float = 0.006
    """Least distance from the skin, metres."""
    trunk: Hold | None = None
    """None where the garment does not reach."""
    arm: Hold | None = None
    leg: Hold | None = None
    wrinkle: float = 0.001
    """Depth of small wrinkles everywhere, metres."""
    even: int = 2
    """How often the cloth is smoothed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shell:
    """A `Hold` on a tube: what the kernels read, row by row."""

    axis: Float32[np.ndarray, "2"]
    """The first row, and the step to the next."""
    centre: Float32[np.ndarray, "row 2"]
    radius: Float32[np.ndarray, "row direction"]
    depth: Float32[np.ndarray, "row 2"]
    """Of long folds and of folds across, metres."""
    bridge: np.float32


_NOWHERE = Shell(
    axis=np.array([0, 1], dtype=np.float32),
    centre=np.zeros((2, 2), dtype=np.float32),
    radius=np.zeros((2, DIRECTIONS), dtype=np.float32),
    depth=np.zeros((2, 2), dtype=np.float32),
    bridge=np.float32(0),
)


def _make_shell(tube: Tube, hold: Hold) -> Shell:
    """Radii and fold depths of a garment around a tube."""
    support, values = tube.support, _values(tube, (hold.hug, hold.ease, hold.hanging, hold.rings))
    above = tube.step < 0 and np.float32(tube.first) > np.float32(hold.start)
    first = int(np.searchsorted(-tube.rows, -np.float32(hold.start))) if above else 0
    fall, rise = np.float32(hold.fall * STEP), np.float32(hold.rise * STEP)
    outline = hang(support[first:], fall, rise, values[0, first:])
    radius = reach(np.concatenate([support[:first], outline]) if first else outline)
    radius += values[1, :, None]
    return Shell(
        axis=np.array([tube.first, tube.step], dtype=np.float32),
        centre=tube.centre,
        radius=radius,
        depth=values[2:].T.copy(),
        bridge=np.float32(hold.bridge),
    )


def _values(tube: Tube, courses: Sequence[Course]) -> Float32[np.ndarray, "course row"]:
    """What courses are at the rows of a tube."""
    table = np.array([pair for course in courses for pair in sorted(course)], dtype=np.float64)
    ends = np.cumsum([len(course) for course in courses])
    found = np.empty((len(courses), len(tube.support)), dtype=np.float32)
    _at_rows(tube.first, tube.step, table, ends, found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _at_rows(first, step, table, ends, found):
    start = 0
    for course in range(found.shape[0]):
        at, value = table[start : ends[course], 0], table[start : ends[course], 1]
        for row in range(found.shape[1]):
            found[course, row] = height_at(np.float64(np.float32(first + step * row)), at, value)
        start = ends[course]


def make_shells(fit: Fit, how: Drape, worn: Worn) -> tuple[Shell, Shell, Shell]:
    """Around the trunk with what is worn there, around an arm and around a leg; nothing where the garment is not."""
    return (
        _NOWHERE if how.trunk is None else _make_shell(fit.trunk_over(worn), how.trunk),
        _NOWHERE if how.arm is None else _make_shell(fit.arm_tube, how.arm),
        _NOWHERE if how.leg is None else _make_shell(fit.leg_tube, how.leg),
    )


def drape(
    fit: Fit,
    how: Drape,
    shells: tuple[Shell, Shell, Shell],
    active: Int32[np.ndarray, " some"],
    inside: Float32[np.ndarray, " vert"],
    under: Float32[np.ndarray, "vert 3"],
    gap: float,
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "vert 3"], Float32[np.ndarray, " vert"]]:
    """The form's vertices as cloth.

    Args:
        fit: the figure on its dummy.
        how: the cut.
        shells: of it.
        active: the vertices that matter; the others stay on the skin.
        inside: metres to the nearest border, where folds are lower.
        under: where what is worn beneath is (the skin if nothing is).
        gap: metres to that, at least.
        rng: for the folds.

    Returns:
        Where the cloth is, and how deep each vertex lies in a valley of its folds (metres).
    """
    parts = tuple((shell.axis, shell.centre, shell.radius, shell.depth, shell.bridge) for shell in shells)
    heights = np.array([fit.armpit, fit.crotch], dtype=np.float32)
    cloth = fit.points.copy()
    _spread(
        fit.points,
        fit.normals,
        fit.form.arm,
        heights,
        np.float32(how.offset),
        parts[0],
        parts[1],
        parts[2],
        active,
        cloth,
    )
    smooth(cloth, fit.form.ring, how.even, active)
    folds = fold_surface(fit, parts, how.wrinkle, active, inside, rng)
    _settle(fit.points, fit.normals, folds, under, np.float32(gap), heights[1], active, cloth)
    return cloth, folds[:, 1]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _reach_at(shell, along, across, ahead):
    """Radius of the cloth in a direction, and where the axis is."""
    axis, centre, radius = shell[0], shell[1], shell[2]
    rows, count = radius.shape
    row = (along - axis[0]) / axis[1]
    row = min(max(row, np.float32(0)), np.float32(rows - 1.001))
    r = np.int32(row)
    s = row - np.float32(r)
    ca, cb = centre[r, 0] + (centre[r + 1, 0] - centre[r, 0]) * s, centre[r, 1] + (centre[r + 1, 1] - centre[r, 1]) * s
    across, ahead = across - ca, ahead - cb
    place = (quarter_turns(across, ahead) + np.float32(2)) * np.float32(count / 4)
    k = np.int32(place)
    t = place - np.float32(k)
    k, after = k % count, (k + 1) % count
    top = radius[r, k] + (radius[r, after] - radius[r, k]) * t
    low = radius[r + 1, k] + (radius[r + 1, after] - radius[r + 1, k]) * t
    return top + (low - top) * s, across, ahead


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def far_at(shell, along, across, ahead):
    """The radius of a shell at a place along its axis in a direction across; compiled code calls it directly."""
    row = min(max((along - shell[0][0]) / shell[0][1], np.float32(0)), np.float32(shell[1].shape[0] - 1))
    middle = shell[1][np.int32(row)]
    return _reach_at(shell, along, across + middle[0], ahead + middle[1])[0]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _spread(points, normals, arm, heights, offset, trunk, sleeve, leg, active, cloth):
    """Out to the shells, where they apply; elsewhere along the normals."""
    armpit, crotch = heights
    tiny, one, two = np.float32(1e-6), np.float32(1), np.float32(2)
    for i in range(active.shape[0]):
        v = active[i]
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        mx, my, mz = offset * nx, offset * ny, offset * nz
        on_arm = ramp((arm[v] - np.float32(0.6)) * np.float32(3))
        on_leg = ramp((crotch + np.float32(0.01) - y) / np.float32(0.07))
        on_trunk = ramp((armpit - y) / np.float32(0.09) + np.float32(0.3)) * (one - on_leg) * (one - on_arm)
        if on_trunk > 0 and trunk[4] > 0:
            far, dx, dz = _reach_at(trunk, y, x, z)
            r = np.sqrt(dx * dx + dz * dz) + tiny
            outward = ramp((nx * dx + nz * dz) / r * two + (y - crotch - np.float32(0.04)) * np.float32(20))
            far = max(far - r, offset) * trunk[4] * on_trunk * outward / r
            mx, mz = mx * (one - on_trunk) + dx * far, mz * (one - on_trunk) + dz * far
        if on_arm > 0 and sleeve[4] > 0:
            far, dy, dz = _reach_at(sleeve, abs(x), y, z)
            r = np.sqrt(dy * dy + dz * dz) + tiny
            far = max(far - r, offset) * sleeve[4] * on_arm / r
            mx, my, mz = mx * (one - on_arm), my * (one - on_arm) + dy * far, mz * (one - on_arm) + dz * far
        if on_leg > 0 and leg[4] > 0:
            far, dx, dz = _reach_at(leg, y, abs(x), z)
            r = np.sqrt(dx * dx + dz * dz) + tiny
            far = max(far - r, offset) * leg[4] * on_leg / r
            mx = mx * (one - on_leg) + (dx if x > 0 else -dx) * far
            mz = mz * (one - on_leg) + dz * far
        cloth[v, 0], cloth[v, 1], cloth[v, 2] = x + mx, y + my, z + mz


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _settle(points, normals, folds, under, gap, crotch, active, cloth):
    """Add the folds; stay outside of what is worn beneath, and each leg on its own side."""
    for i in range(active.shape[0]):
        v = active[i]
        away = np.float32(0)
        for c in range(3):
            cloth[v, c] += folds[v, 0] * normals[v, c]
            away += (cloth[v, c] - under[v, c]) * normals[v, c]
        if away < gap:
            for c in range(3):
                cloth[v, c] += (gap - away) * normals[v, c]
        if points[v, 1] < crotch:
            side = np.float32(1) if points[v, 0] > 0 else np.float32(-1)
            if cloth[v, 0] * side < np.float32(0.002):
                cloth[v, 0] = np.float32(0.002) * side
