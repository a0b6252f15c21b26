"""Bags worn on the trunk: backpacks and bags on a strap across the chest."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure, Piece
from mien.synth.looks.fields import curve, ramp
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.shapes import Build, tube
from mien.synth.looks.tones import mix, rgb, vivid

__all__ = ["BAGS"]

_ROOM = 0.026
"""Metres between bag and skin, for clothes."""
_SPINE = (0, 3, 6, 9)


def _by_height(
    points: Float[np.ndarray, "vert 3"], figure: Figure
) -> tuple[Int32[np.ndarray, "1 4"], Float32[np.ndarray, "vert 4"]]:
    """Pelvis and spine share what lies at each height."""
    heights = figure.joints[list(_SPINE), 1]
    place = (
        np.interp(points[:, 1], heights, np.arange(4.0)) if (np.diff(heights) > 0).all() else np.full(len(points), 2.0)
    )
    weight = np.clip(1 - np.abs(place[:, None] - np.arange(4)), 0, 1)
    return np.array([_SPINE], dtype=np.int32), (weight / weight.sum(1, keepdims=True)).astype(np.float32)


@once_per_body
def _carriers(arrays: BodyArrays) -> tuple[Bool[np.ndarray, " vert"], Bool[np.ndarray, " vert"]]:
    """Vertices of trunk and hips, and these with the thighs."""
    trunk = [0, 3, 6, 9, 13, 14]
    return arrays.weights[:, trunk].sum(1) > 0.5, arrays.weights[:, sorted([*trunk, 1, 2])].sum(1) > 0.5


def _trunk(figure: Figure) -> Float32[np.ndarray, "vert 3"]:
    """The skin of trunk and hips."""
    return figure.vertices[_carriers(figure.arrays)[0]]


def _bag(size: tuple[float, float, float], power: float, taper: float) -> Float32[np.ndarray, "9 21 3"]:
    """A stuffed box: width, height, depth; its back in the plane z = 0, bulging to -z."""
    angle = np.linspace(0, 2 * np.pi, 21)
    c, s = np.cos(angle), np.sin(angle)
    outline = np.stack([np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)], 1)
    rows = []
    for scale, deep in (
        (0.0, 0.0),
        (0.85, 0.0),
        (0.98, -0.15),
        (1.0, -0.4),
        (0.97, -0.7),
        (0.86, -0.9),
        (0.65, -0.98),
        (0.3, -1.0),
        (0.0, -1.0),
    ):
        ring = outline * scale * np.array(size[:2]) / 2
        ring[:, 0] *= 1 - taper * (ring[:, 1] / size[1] + 0.5)
        rows.append(np.column_stack([ring, np.full(21, deep * size[2]) * (1 - 0.25 * (ring[:, 1] / size[1] + 0.5))]))
    return np.stack(rows).astype(np.float32)


def _backpack(rng: np.random.Generator, figure: Figure) -> list[Piece]:
    joints, skin, colour = figure.joints, _trunk(figure), vivid(rng, (0.08, 0.85))
    width = abs(float(joints[16, 0] - joints[17, 0]))
    size = (width * rng.uniform(0.78, 0.98), rng.uniform(0.36, 0.50), rng.uniform(0.10, 0.18))
    top = float(joints[16, 1]) + 0.02
    behind = skin[(np.abs(skin[:, 0]) < 0.4 * width) & (skin[:, 1] < top) & (skin[:, 1] > top - size[1])]
    if not len(behind):
        return []
    build = Build()
    middle = np.array([joints[9, 0], top - size[1] / 2, float(np.percentile(behind[:, 2], 4)) - 0.6 * _ROOM])
    body = _bag(size, 4.0, 0.15)
    build.add(body + middle, None, colour, weld=True)
    pocket = _bag((size[0] * 0.78, size[1] * 0.42, size[2] * 0.35), 4.0, 0.0)
    build.add(pocket + middle + [0, -0.20 * size[1], -0.86 * size[2]], None, colour * 0.85, weld=True)
    joint, weight = _by_height(build.points(), figure)
    found = [build.piece("backpack", joint, weight, two_sided=True)]
    strap = Build()
    for side in (1.0, -1.0):
        path = _shoulder_strap(figure, skin, side, width, top, middle, size)
        strap.add(tube(path, 0.0030, 6, (0.0, 0.3, 1.0), 6.5), None, mix(colour, rgb("1c1c1e"), 0.6), weld=True)
    weight = np.tile(np.array([[0.0, 0.55, 0.45]]), (strap.count, 1))
    collar = np.where(strap.points()[:, :1] > joints[9, 0], 13, 14)
    joint = np.concatenate([np.full_like(collar, 6), np.full_like(collar, 9), collar], 1)
    weight[:, 0] = ramp(strap.points()[:, 1], joints[9, 1], joints[6, 1])
    weight[:, 2] = 0.5 * ramp(strap.points()[:, 1], joints[16, 1] - 0.06, joints[16, 1] + 0.02)
    weight[:, 1] = 1 - weight[:, 0] - weight[:, 2]
    return [*found, strap.piece("strap", joint, weight, two_sided=True)]


def _shoulder_strap(
    figure: Figure,
    skin: Float32[np.ndarray, "vert 3"],
    side: float,
    width: float,
    top: float,
    middle: Float[np.ndarray, "3"],
    size: tuple[float, float, float],
) -> Float[np.ndarray, "step 3"]:
    """From the top of a backpack over the shoulder, down the chest and back under the arm."""
    x = middle[0] + side * 0.30 * width
    lane = skin[np.abs(skin[:, 0] - x) < 0.025]
    lane = lane if len(lane) > 8 else skin
    low = top - 0.66 * size[1]
    heights = np.linspace(top - 0.03, low, 5)
    front = np.array([_reach(lane, h) for h in heights])
    crest = float(lane[:, 1].max()) + _ROOM
    back, ahead = float(np.percentile(lane[:, 2], 10)), front[0] + _ROOM
    path = [np.array([x, top - 0.05, middle[2]]), np.array([x, crest - 0.02, 0.6 * back + 0.4 * middle[2]])]
    path.append(np.array([x, crest, (back + front[0]) / 2]))
    path.append(np.array([x, crest - 0.03, 0.75 * ahead + 0.25 * back]))
    path += [
        np.array([x + side * 0.008 * k, h, z + _ROOM * 0.8])
        for k, (h, z) in enumerate(zip(heights, front, strict=True))
    ]
    wide = _reach(skin[:, [2, 1, 0]] * [1, 1, side], low - 0.02) + 0.8 * _ROOM
    path.append(np.array([side * wide, low - 0.03, (front[-1] + middle[2]) / 2 + 0.02]))
    path.append(np.array([middle[0] + side * 0.36 * size[0], low - 0.04, middle[2] - 0.03]))
    return curve(np.stack(path), 26)


def _reach(points: np.ndarray, height: float) -> float:
    """How far points within 3 cm of a height go along the last axis."""
    row = points[np.abs(points[:, 1] - height) < 0.03, 2]
    return float(row.max()) if len(row) else float(points[:, 2].max())


def _crossbody(rng: np.random.Generator, figure: Figure) -> list[Piece]:
    """A bag at one hip, its strap over the other shoulder."""
    joints, side = figure.joints.astype(np.float64), float(rng.choice([-1.0, 1.0]))
    skin = figure.vertices[_carriers(figure.arrays)[1] & (figure.vertices[:, 1] > joints[1, 1] - 0.08)].astype(
        np.float64
    )
    high = joints[16 if side < 0 else 17].copy()
    neck = joints[12]
    high = high * 0.45 + neck * 0.55
    hip = joints[1 if side > 0 else 2] + [0, 0.03, 0]
    way = hip - high
    way[2] = 0.0
    way /= np.linalg.norm(way)
    across = np.cross(way, [0.0, 0.0, 1.0])
    middle = (high + hip) / 2
    offset = skin - middle
    slice_ = offset[np.abs(offset @ across) < 0.03]
    if len(slice_) < 8:
        return []
    flat = np.stack([slice_ @ way, slice_[:, 2]], 1).astype(np.float32)
    hull = cv2.convexHull(flat)[:, 0].astype(np.float64)
    centre = hull.mean(0)
    hull = hull + (hull - centre) / np.maximum(np.linalg.norm(hull - centre, axis=1, keepdims=True), 1e-6) * _ROOM
    turn = np.arctan2(hull[:, 1] - centre[1], hull[:, 0] - centre[0])
    hull = hull[np.argsort(turn)]
    ring = curve(hull, 48, closed=True)
    ring = np.concatenate([ring, ring[:1]])
    path = middle + ring[:, :1] * way + ring[:, 1:] * [0.0, 0.0, 1.0]
    build, colour = Build(), vivid(rng, (0.06, 0.8))
    build.add(tube(path, 0.0025, 6, (0.0, 0.0, 1.0), 4.5), None, mix(colour, rgb("241a14"), 0.5), weld=True)
    size = (rng.uniform(0.18, 0.30), rng.uniform(0.14, 0.24), rng.uniform(0.05, 0.10))
    low = path[(path @ way).argmax()]
    beside = skin[np.abs(skin[:, 1] - (low[1] - 0.3 * size[1])) < 0.04]
    wide = float((beside[:, 0] * side).max()) if len(beside) else abs(float(low[0]))
    place = np.array([side * (wide + 0.6 * _ROOM), low[1] - 0.3 * size[1], float(joints[0, 2])])
    body = _bag(size, 5.0, 0.0)[..., [2, 1, 0]] * [-side, 1.0, 1.0]
    build.add(body + place, None, colour, weld=True, flip=side < 0)
    joint, weight = _by_height(build.points(), figure)
    return [build.piece("bag", joint, weight, two_sided=True)]


BAGS: dict[str, Callable[[np.random.Generator, Figure], list[Piece]]] = {"backpack": _backpack, "bag": _crossbody}
"""By kind, what makes it."""
