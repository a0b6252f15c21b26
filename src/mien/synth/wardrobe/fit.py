"""A figure on the tailor's dummy: where its waist, crotch and cuffs are, and how far trunk, arms and legs reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32

from mien.synth.figure import Figure, surface_normals
from mien.synth.wardrobe.form import Form, form_of, smooth
from mien.synth.wardrobe.hulls import STEP, Tube, measure, rounded, widen
from mien.synth.wardrobe.lines import behind, height_at

__all__ = ["Fit", "Worn"]

SOFTEN = 1
_MIRROR = np.array([-1, 1, 1], dtype=np.float32)
ROUND = 0.55
"""Least depth of the outline around both legs, as a share of its width."""


@dataclass(frozen=True, eq=False)
class Worn:
    """How far clothes reach already; grows with each garment, from the inside out."""

    points: Float32[np.ndarray, "vert 3"]
    """Where the dummy's vertices are with clothes on; changed in place."""
    tails: list[Float32[np.ndarray, "_ 3"]] = field(default_factory=list)
    """What hangs below."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The dummy in one figure's rest pose; sizes in metres. Left and right are taken together: x counts outwards."""

    figure: Figure

    @cached_property
    def form(self) -> Form:
        """Shared by all figures of the body."""
        return form_of(self.figure.arrays)

    @cached_property
    def joints(self) -> Float32[np.ndarray, "joint 3"]:
        """Rest positions."""
        return self.figure.joints

    @cached_property
    def _surface(self) -> tuple[np.ndarray, np.ndarray]:
        form = self.form
        base = self.figure.vertices[form.body_vertex]
        bent = surface_normals(base, form.base_faces)
        smooth(bent, form.base_ring, SOFTEN)
        count = len(base) + len(form.halves)
        points, normals = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
        _place(base, bent, form.halves, form.lift, points, normals)
        return points, normals

    @cached_property
    def points(self) -> Float32[np.ndarray, "vert 3"]:
        """The form's vertices on this figure."""
        return self._surface[0]

    @cached_property
    def normals(self) -> Float32[np.ndarray, "vert 3"]:
        """Unit, outwards, smoothed."""
        return self._surface[1]

    @cached_property
    def crotch(self) -> float:
        """Height of the lowest point between the legs."""
        return float(self.points[self.form.marks.crotch, 1])

    @cached_property
    def armpit(self) -> float:
        """Height."""
        return float(self.points[list(self.form.marks.armpit), 1].mean())

    @cached_property
    def pit(self) -> Float32[np.ndarray, "3"]:
        """The hollow between neck and chest."""
        return self.points[self.form.marks.pit]

    @cached_property
    def nape(self) -> Float32[np.ndarray, "3"]:
        """Where neck and shoulder meet, on the left."""
        left, right = self.points[list(self.form.marks.nape)]
        return np.float32(0.5) * (left + right * _MIRROR)

    @cached_property
    def legs(self) -> Float32[np.ndarray, "3 3"]:
        """Hip, knee and ankle of a leg."""
        return self._limb((1, 4, 7))

    @cached_property
    def arms(self) -> Float32[np.ndarray, "3 3"]:
        """Shoulder, elbow and wrist of an arm."""
        return self._limb((16, 18, 20))

    @cached_property
    def behind_arms(self) -> Float32[np.ndarray, " vert"]:
        """How far each vertex lies behind the side seams of tops: a plane through shoulders, elbows and wrists."""
        return behind(self.points, self.arms, 0)

    @cached_property
    def behind_legs(self) -> Float32[np.ndarray, " vert"]:
        """How far each vertex lies behind the side seams of trousers: through hips, knees and ankles."""
        return behind(self.points, np.ascontiguousarray(self.legs[::-1]), 1)

    def trunk_height(self, share: float) -> float:
        """Height between crotch (0) and armpit (1); the waist is at about 0.55, trousers sit at about 0.4."""
        return self.crotch + share * (self.armpit - self.crotch)

    def leg_height(self, share: float) -> float:
        """Height between crotch (0), knee (0.5) and ankle (1)."""
        return _along_bones(share, self.crotch, *self.legs[1:, 1].tolist())

    def arm_length(self, share: float) -> float:
        """Distance from the middle between shoulder (0), elbow (0.5) and wrist (1)."""
        return _along_bones(share, *self.arms[:, 0].tolist())

    def trunk_over(self, worn: Worn) -> Tube:
        """Outlines around trunk and both legs with what is worn there, round enough for skirts without corners."""
        rows = _even(float(self.arms[0, 1]) + 0.02, float(self.legs[2, 1]) - 0.06, -STEP)
        centre = np.zeros((len(rows), 2), dtype=np.float32)
        centre[:, 1] = self.joints[0, 2] - 0.01
        tube = measure(worn.points, self.form.trunk, (1, 0), False, rows, centre)
        low = int((rows >= self.crotch).sum())
        tube.support[low:] = rounded(tube.support[low:], ROUND)
        for tail in worn.tails:
            widen(tube, tail)
        return tube

    @cached_property
    def leg_tube(self) -> Tube:
        """Of one leg, from above the crotch down."""
        rows = _even(self.crotch + 0.06, float(self.legs[2, 1]) - 0.06, -STEP)
        return measure(self.points, self.form.legs, (1, 0), True, rows, _along(rows, self.legs, 1, (0, 2)))

    @cached_property
    def arm_tube(self) -> Tube:
        """Of one arm, outwards; across it are y and z."""
        rows = _even(float(self.arms[0, 0]) - 0.03, float(self.arms[2, 0]) + 0.06, STEP)
        return measure(self.points, self.form.arms, (0, 1), True, rows, _along(rows, self.arms, 0, (1, 2)))

    def _limb(self, left: tuple[int, int, int]) -> Float32[np.ndarray, "3 3"]:
        right = [joint + 1 for joint in left]
        return np.float32(0.5) * (self.joints[list(left)] + self.joints[right] * _MIRROR)


def _along_bones(share: float, first: float, middle: float, last: float) -> float:
    """From the first value (share 0) to the middle one (0.5) to the last (1), and no farther."""
    if share <= 0 or share >= 1:
        return first if share <= 0 else last
    return 2 * (middle - first) * share + first if share < 0.5 else 2 * (last - middle) * (share - 0.5) + middle


def _even(first: float, last: float, step: float) -> Float32[np.ndarray, " row"]:
    return (first + step * np.arange(max(int((last - first) / step), 1) + 1)).astype(np.float32)


def _along(
    rows: Float32[np.ndarray, " row"], limb: Float32[np.ndarray, "3 3"], axis: int, across: tuple[int, int]
) -> Float32[np.ndarray, "row 2"]:
    """The middle of a limb at each row."""
    found = np.empty((len(rows), 2), dtype=np.float32)
    _middles(rows, limb[np.argsort(limb[:, axis])].astype(np.float64), axis, across[0], across[1], found)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _middles(rows, limb, axis, first, second, found):
    for row in range(rows.shape[0]):
        at = np.float64(rows[row])
        found[row, 0] = height_at(at, limb[:, axis], limb[:, first])
        found[row, 1] = height_at(at, limb[:, axis], limb[:, second])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _place(base, bent, halves, lift, points, normals):
    """The body's vertices, then the middles of its edges, all lifted; unit normals."""
    for v in range(points.shape[0]):
        k = v - base.shape[0]
        a, b = (v, v) if k < 0 else (halves[k, 0], halves[k, 1])
        length = np.float32(1e-20)
        for c in range(3):
            normals[v, c] = bent[a, c] + bent[b, c]
            length += normals[v, c] * normals[v, c]
        scale = np.float32(1) / np.sqrt(length)
        for c in range(3):
            normals[v, c] *= scale
            points[v, c] = np.float32(0.5) * (base[a, c] + base[b, c]) + lift[v] * normals[v, c]
