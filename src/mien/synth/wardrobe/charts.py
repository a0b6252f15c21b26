"""Cloth laid flat: where each part of a garment lies on its texture, in metres, so that patterns have their real size.

Trunks are cut into a front and a back panel as real ones are, sleeves and legs are unrolled around their axes; left and
right share a panel. A panel's `s` grows to the wearer's left (front) or outwards, `t` downwards or outwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.hulls import quarter_turns

__all__ = ["BACK", "FLAT", "FRONT", "LEG", "SLEEVE", "TRIM", "Panel", "Sheet", "lay_out", "unroll"]

FRONT, BACK, SLEEVE, LEG, FLAT, TRIM = range(6)
"""Kinds of charts. `FLAT` has its coordinates in `rest`; `TRIM` is plain: one spot of the texture."""
NUM_CHARTS = 6
GUTTER = 3
"""Texels around each panel, painted like the panel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """The texture of a garment, with a panel for each chart."""

    texture: UInt8[np.ndarray, "h w 3"]
    panels: dict[int, Panel]

    def copy(self) -> Sheet:
        """The same, to be painted on its own."""
        texture, panels = self.texture.copy(), {}
        for kind, panel in self.panels.items():
            height, width = panel.pixels.shape[:2]
            panels[kind] = replace(panel, pixels=texture[:height, panel.left : panel.left + width])
        return Sheet(texture=texture, panels=panels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Part of a texture, with its place in metres."""

    pixels: UInt8[np.ndarray, "h w 3"]
    """A view."""
    corner: tuple[float, float]
    """s and t of the middle of its first texel."""
    texel: float
    """Metres."""
    left: int
    """Column of the texture where it begins."""
    span: tuple[float, float]
    """Least and greatest t that cloth uses."""

    def at(self, s: float, t: float) -> tuple[float, float]:
        """Column and row of a place in metres, within the panel."""
        return (s - self.corner[0]) / self.texel, (t - self.corner[1]) / self.texel


def unroll(
    fit: Fit, rest: Float32[np.ndarray, "vert 3"], faces: Int32[np.ndarray, "face 3"], chart: Int32[np.ndarray, " face"]
) -> Float32[np.ndarray, "face 3 2"]:
    """Metres on the panel, for each corner of each face."""
    heights = np.array([fit.armpit, fit.arms[0, 2]], dtype=np.float32)
    where = np.empty((len(faces), 3, 2), dtype=np.float32)
    _unroll(rest, faces, chart, fit.legs, fit.arms, heights, where)
    return where


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _between(line, axis, t, across):
    """Where a line through three points is at `t` along an axis."""
    k = 0 if (t - line[1, axis]) * (line[2, axis] - line[0, axis]) < 0 else 1
    share = (t - line[k, axis]) / (line[k + 1, axis] - line[k, axis])
    share = min(max(share, np.float32(0)), np.float32(1))
    return line[k, across] + share * (line[k + 1, across] - line[k, across])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _turn(ahead, side):
    """The angle from straight ahead, 0..pi, to three hundredths."""
    a = abs(quarter_turns(side, ahead))
    t = a if a < 1 else np.float32(2) - a
    bend = t * (np.float32(1) - t) * (np.float32(0.5) - t)  # about sin(2 pi t) / 21
    t = t * np.float32(np.pi / 2) - np.float32(0.95) * bend
    return t if a < 1 else np.float32(np.pi) - t


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _unroll(rest, faces, chart, legs, arms, heights, where):
    armpit, side = heights
    one = np.float32(1)
    limb = np.zeros((rest.shape[0], 2), dtype=np.float32)
    known = np.zeros(rest.shape[0], dtype=np.int8)
    for f in range(faces.shape[0]):
        kind, behind = chart[f], np.float32(0)
        if kind == SLEEVE or kind == LEG:
            for i in range(3):
                v = faces[f, i]
                if known[v] != kind + 1:
                    x, y, z = abs(rest[v, 0]), rest[v, 1], rest[v, 2]
                    line, axis, t, other = (arms, 0, x, 1) if kind == SLEEVE else (legs, 1, y, 0)
                    depth = z - _between(line, axis, t, 2)
                    up = (y if kind == SLEEVE else x) - _between(line, axis, t, other)
                    limb[v, 0], limb[v, 1], known[v] = _turn(up, depth), depth, kind + 1
                behind += limb[v, 1]
        for i in range(3):
            v = faces[f, i]
            x, y, z = rest[v, 0], rest[v, 1], rest[v, 2]
            if kind == FRONT or kind == BACK:
                ahead = one if kind == FRONT else -one
                around = min(max((armpit - y) / np.float32(0.08) + np.float32(0.5), np.float32(0)), one)
                depth = max(np.float32(0.1) - ahead * (z - side), np.float32(0))
                where[f, i, 0] = ahead * x * (one + np.float32(0.6) * around * depth / (abs(x) + np.float32(0.06)))
                where[f, i, 1] = -y - np.float32(0.4) * max(ahead * (z - side), np.float32(0))
            elif kind == SLEEVE or kind == LEG:
                girth = np.float32(0.055) if kind == SLEEVE else np.float32(0.085)
                where[f, i, 0] = girth * (limb[v, 0] if behind > 0 else -limb[v, 0])
                where[f, i, 1] = abs(x) if kind == SLEEVE else -y
            elif kind == FLAT:
                where[f, i, 0], where[f, i, 1] = x, y
            else:
                where[f, i, 0], where[f, i, 1] = np.float32(0.02), np.float32(0.02)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _boxes(where, chart, low, high):
    """Least and greatest coordinates of each chart."""
    for f in range(where.shape[0]):
        k = chart[f]
        for i in range(3):
            for c in range(2):
                low[k, c] = min(low[k, c], where[f, i, c])
                high[k, c] = max(high[k, c], where[f, i, c])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _shift(where, chart, scale, offset):
    """From metres on the panels to shares of the texture, in place."""
    for f in range(where.shape[0]):
        k = chart[f]
        for i in range(3):
            for c in range(2):
                where[f, i, c] = where[f, i, c] * scale[c] + offset[k, c]


def lay_out(
    where: Float32[np.ndarray, "face 3 2"], chart: Int32[np.ndarray, " face"], texel: float, most: int = 640
) -> tuple[Sheet, Float32[np.ndarray, "face 3 2"]]:
    """Give each chart its panel in one texture.

    Args:
        where: metres on the panels; becomes the texture coordinates.
        chart: of each face.
        texel: metres, unless the texture would be wider than `most`.
        most: texels.

    Returns:
        The sheet, not painted yet, and texture coordinates (0..1) of the corners.
    """
    low, high = np.full((NUM_CHARTS, 2), 1e6, np.float32), np.full((NUM_CHARTS, 2), -1e6, np.float32)
    _boxes(where, chart, low, high)
    boxes = {k: (*low[k].tolist(), *high[k].tolist()) for k in range(NUM_CHARTS) if low[k, 0] <= high[k, 0]}
    wide = sum(box[2] - box[0] for box in boxes.values())
    texel = max(texel, wide / (most - (2 * GUTTER + 2) * len(boxes)))
    sizes = {k: [ceil((box[2 + c] - box[c]) / texel) + 1 + 2 * GUTTER for c in (0, 1)] for k, box in boxes.items()}
    width, height = sum(size[0] for size in sizes.values()), max(size[1] for size in sizes.values())
    texture, left, panels = np.zeros((height, width, 3), dtype=np.uint8), 0, {}
    offset = np.zeros((NUM_CHARTS, 2), dtype=np.float32)
    for k, box in boxes.items():
        corner = box[0] - GUTTER * texel, box[1] - GUTTER * texel
        pixels = texture[: sizes[k][1], left : left + sizes[k][0]]
        panels[k] = Panel(pixels=pixels, corner=corner, texel=texel, span=(box[1], box[3]), left=left)
        offset[k] = (left + 0.5 - corner[0] / texel) / width, (0.5 - corner[1] / texel) / height
        left += sizes[k][0]
    scale = np.array([1 / (texel * width), 1 / (texel * height)], dtype=np.float32)
    _shift(where, chart, scale, offset)
    return Sheet(texture=texture, panels=panels), where
