"""Cloth that leaves the body: skirts, tails and wide hems are let down from the border of what was cut from the dummy.

Each vertex of the border becomes a column that goes down in even rows. How far out a row is follows from the outline of
trunk and both legs; which joints carry it changes smoothly from the hips to left and right thigh and shin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np

from mien.synth.wardrobe.cloth import Cloth, border_of, grow
from mien.synth.wardrobe.drape import Shell, far_at
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.form import SWING
from mien.synth.wardrobe.noise import noise, noise_tile, ramp
from mien.synth.wardrobe.weights import SparseRows

__all__ = ["Fall", "let_down"]

ROW = 0.03
"""Metres between rows, roughly."""


@dataclass(frozen=True, kw_only=True)
class Fall:
    """How cloth hangs below the hips."""

    hem: float
    """Height of its end in the rest pose, metres."""
    flare: float = 0.0
    """Metres outwards per metre down; behind it is less, so that who sits does not sit in a bowl."""
    folds: float = 0.0
    """Depth of the folds at the hem, metres."""
    waves: float = 2.4
    """Folds per radian, roughly."""
    pleats: int = 0
    """Even pleats around instead."""
    swing: float = 1.0
    """How far it goes with the thighs: 1 for skirts, less for the tails of shirts, which stay level."""
    chart: int = -1
    """Of this part; as the cloth above it if -1."""


def let_down(fit: Fit, cloth: Cloth, k: int, shell: Shell, fall: Fall, rng: np.random.Generator) -> None:
    """Make cloth longer: the border of field k goes down to the hem, and the new lower edge is that border.

    Args:
        fit: the figure on its dummy.
        cloth: changed.
        k: which border.
        shell: how far out cloth hangs around trunk and legs.
        fall: how long and how wide.
        rng: where the folds are.
    """
    border = border_of(cloth, [k])
    top = cloth.point[border.ids]
    length = float(top[:, 1].mean()) - fall.hem if len(top) else 0.0
    if length < 0.004:
        return
    count = max(int(np.ceil(length / ROW)), 2)
    shape = (count, len(top))
    point, shade = np.empty((*shape, 3), np.float32), np.empty(shape, np.float32)
    joint, weight = np.empty((*shape, 8), np.int32), np.empty((*shape, 8), np.float32)
    settings = np.array([fall.hem, fall.flare, fall.folds, fall.waves, fall.pleats, fall.swing], dtype=np.float32)
    heights = np.array([fit.legs[0, 1], fit.legs[1, 1]], dtype=np.float32)
    start = (cloth.joint[border.ids], cloth.weight[border.ids], cloth.shade[border.ids])
    shift = np.float32(16 * rng.random())
    tube = (shell.axis, shell.centre, shell.radius)
    _let_down(top, *start, tube, settings, heights, fit.form.swing, shift, noise_tile(), point, shade, joint, weight)
    rest = point.copy()
    rest[..., 1] += cloth.rest[border.ids, 1] - top[:, 1]
    rows = SparseRows(joint=joint.reshape(-1, 8), weight=weight.reshape(-1, 8))
    grow(cloth, border, point, rest=rest, shade=shade, weights=rows, moves=1 << k, chart=fall.chart)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _let_down(top, joints, weights, shades, shell, settings, heights, swing, shift, tile, point, shade, joint, weight):
    hem, flare, folds, waves, pleats, with_thighs = settings
    one = np.float32(1)
    rows = point.shape[0]
    cx, cz = shell[1][0, 0], shell[1][0, 1]
    dense = np.zeros(22, dtype=np.float32)
    for i in range(top.shape[0]):
        x, y, z = top[i, 0] - cx, top[i, 1], top[i, 2] - cz
        radius = np.sqrt(x * x + z * z) + np.float32(1e-6)
        sine, cosine = x / radius, z / radius
        wide = flare * (one - np.float32(0.6) * ramp(-cosine))
        before = far_at(shell, y, sine, cosine)
        bump = noise(tile, waves * cosine + shift, waves * sine + shift)
        if pleats > 0:
            phase = pleats * np.arctan2(sine, cosine) / np.float32(np.pi)
            bump = abs(phase - 2 * np.floor(phase * np.float32(0.5)) - one) * 2 - one
        for row in range(rows):
            share = np.float32(row + 1) / np.float32(rows)
            height = y + share * (hem - y)
            far = far_at(shell, height, sine, cosine)
            wave = bump
            if pleats == 0:
                wave = noise(tile, waves * cosine + shift, waves * sine + shift + (y - height) * np.float32(1.6))
            deep = min(share * np.float32(1.4), one)
            out = far + (radius - before) * (one - np.float32(0.6) * share) + wide * (y - height)
            out = max(out + folds * wave * deep, far)
            point[row, i, 0], point[row, i, 1], point[row, i, 2] = cx + out * sine, height, cz + out * cosine
            tone = np.float32(0.93) + np.float32(0.2) * wave * min(folds * 60, one)
            shade[row, i] = min(max(shades[i] + deep * (tone - shades[i]), np.float32(0.6)), np.float32(1.05))
            lap = _lap(far * cosine, out * cosine, heights[0] - height) * with_thighs
            _carry(joints[i], weights[i], point[row, i, 0], height, y - height, cosine, lap, heights, swing, dense)
            _write(dense, joint[row, i], weight[row, i])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _share(row, below):
    """A course of `Form.swing` at metres below the joint."""
    place = min(max((below + np.float32(SWING)) * 100, np.float32(0)), np.float32(row.shape[0] - 1.001))
    k = np.int32(place)
    return row[k] + (row[k + 1] - row[k]) * (place - np.float32(k))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _lap(skin, cloth, down):
    """How far cloth ahead of the thigh goes with it, so that it comes to lie on the lap of who sits, not above it.

    A quarter turn takes cloth `down` below and `cloth` ahead of the joint as high above the joint as it was ahead.
    """
    if cloth <= skin or down <= 0:
        return np.float32(1)
    return min((skin + np.float32(0.03) + down) / (cloth + down), np.float32(1))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _carry(joints, weights, x, y, down, ahead, lap, heights, swing, dense):
    """Whom loose cloth follows: what it hangs on, then pelvis, thighs and shins as the skin beneath does."""
    one, half = np.float32(1), np.float32(0.5)
    loose = ramp(down / np.float32(0.1))
    left = ramp(half + x * np.float32(3.8))
    front = ramp(half + ahead)
    thigh = front * _share(swing[0], heights[0] - y) + (one - front) * _share(swing[1], heights[0] - y)
    thigh *= lap
    shin = _share(swing[2], heights[1] - y)
    dense[:] = 0
    for k in range(joints.shape[0]):
        dense[joints[k]] += (one - loose) * weights[k]
    dense[0] += loose * (one - thigh)
    for side in range(2):
        share = loose * thigh * (left if side == 0 else one - left)
        dense[1 + side] += share * (one - shin)
        dense[4 + side] += share * shin


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _write(dense, joint, weight):
    """The joints of a dense row; of more than there is room for, the later ones that count least are left out."""
    joint[:] = 0
    weight[:] = 0
    n, total = 0, np.float32(0)
    for j in range(dense.shape[0]):
        if dense[j] > np.float32(1e-3) and n < joint.shape[0]:
            joint[n], weight[n] = j, dense[j]
            total += dense[j]
            n += 1
    for k in range(n):
        weight[k] /= total
