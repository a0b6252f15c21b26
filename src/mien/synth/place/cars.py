"""Cars, each drawn with its own measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from mien.render.mesh import Mesh
from mien.synth.place.colours import RUBBER, choose, times
from mien.synth.place.forms import Colour, boxes, extrusion, join, quads, rods
from mien.synth.place.joinery import Row
from mien.synth.place.scenery import Item

__all__ = ["car"]

_CARS: tuple[Colour, ...] = (
    (0.86, 0.86, 0.86), (0.12, 0.12, 0.13), (0.60, 0.62, 0.64), (0.62, 0.10, 0.10), (0.14, 0.24, 0.46),
    (0.34, 0.36, 0.38), (0.80, 0.74, 0.62), (0.20, 0.36, 0.30), (0.85, 0.62, 0.14),
)  # fmt: skip
_GLASS: Colour = (0.16, 0.20, 0.24)
_RIM: Colour = (0.60, 0.61, 0.62)
_WIDE, _LOW, _WHEEL = 0.88, 0.22, 0.31
"""Metres: half the width, the underside, the radius of a wheel."""
_LEAN = 0.16
"""By how much the roof is narrower."""


@dataclass(frozen=True, kw_only=True)
class _Shape:
    long: float
    roof: float
    belt: float
    """Height at which the windows begin."""
    rear: float
    """Where the roof ends, of the length from the middle."""
    boot: float
    """How far the rear window slopes, of the length."""


_SHAPES = (
    _Shape(long=3.9, roof=1.46, belt=0.92, rear=-0.47, boot=0.015),
    _Shape(long=4.5, roof=1.42, belt=0.88, rear=-0.34, boot=0.08),
    _Shape(long=4.6, roof=1.50, belt=0.92, rear=-0.47, boot=0.015),
    _Shape(long=4.8, roof=1.95, belt=1.10, rear=-0.49, boot=0.015),
)
"""A hatchback, a saloon, an estate, a van."""


def car(rng: np.random.Generator, *, lights: bool = False) -> Item:
    """Along x, its front towards +x."""
    shape, paint = _SHAPES[int(rng.integers(len(_SHAPES)))], choose(rng, _CARS, 0.1)
    long, belt, cabin = shape.long, shape.belt, _cabin(shape)
    body = np.array([[-0.5, _LOW + 0.1], [-0.49, _LOW], [0.49, _LOW], [0.5, _LOW + 0.3], [0.49, belt - 0.22],
                     [0.45, belt - 0.11], [0.24, belt - 0.01], [-0.46, belt], [-0.5, belt - 0.12]])  # fmt: skip
    hull = extrusion(body * (long, 1), -_WIDE, _WIDE, np.array(paint))
    shades = np.array([_GLASS, paint, paint, paint, _GLASS, paint], dtype=np.float32)
    upper = extrusion(cabin, -_WIDE, _WIDE, shades)
    upper.vertices[:, 2] *= 1 - _LEAN * np.clip((upper.vertices[:, 1] - belt) / (shape.roof - belt), 0, 1)
    panes = quads(_side_windows(cabin, belt, shape.roof, _WIDE), np.array(_GLASS))
    parts = join([hull, upper, _wheels(long), boxes(_trim(shape, paint)), panes])
    glows = _car_lights(long, belt) if lights else ()
    return Item(kind="car", meshes=(parts,), half=(long / 2 + 0.03, _WIDE + 0.16), height=shape.roof, glows=glows)


def _cabin(shape: _Shape) -> Float64[np.ndarray, "6 2"]:
    """Its profile, from the foot of the windscreen on, in metres."""
    rear, roof, foot = shape.rear, shape.roof, shape.belt - 0.01
    profile = np.array([[0.25, foot], [0.11, roof - 0.03], [0.05, roof], [rear + 0.09, roof],
                        [rear + 0.03, roof - 0.06], [rear - shape.boot, foot]])  # fmt: skip
    profile[:, 0] = np.maximum(profile[:, 0], -0.485) * shape.long
    return profile


def _wheels(long: float) -> Mesh:
    rows: list[Row] = []
    for x in (-0.31 * long, 0.32 * long):
        for s in (-1, 1):
            inner, outer = s * (_WIDE - 0.22), s * (_WIDE + 0.012)
            rows.append((x, _WHEEL, inner, _WHEEL, x, _WHEEL, outer, _WHEEL, *RUBBER))
            rows.append((x, _WHEEL, s * _WIDE, 0.19, x, _WHEEL, s * (_WIDE + 0.022), 0.17, *_RIM))
    return rods(rows, sides=14)


def _trim(shape: _Shape, paint: Colour) -> list[Row]:
    """Bumpers, lamps, mirrors, a number plate."""
    end, belt, dark = shape.long / 2, shape.belt, times(paint, 0.5)
    rows: list[Row] = [
        (-end - 0.015, _LOW + 0.05, -_WIDE + 0.05, -end + 0.1, _LOW + 0.28, _WIDE - 0.05, *dark),
        (end - 0.1, _LOW + 0.03, -_WIDE + 0.05, end + 0.02, _LOW + 0.24, _WIDE - 0.05, *dark),
        (end - 0.02, _LOW + 0.3, -0.4, end + 0.012, _LOW + 0.42, 0.4, 0.05, 0.05, 0.05),
    ]
    for s in (-1, 1):
        rear, front, mirror, x = s * 0.64, s * 0.62, s * (_WIDE + 0.08), 0.2 * shape.long
        rows.append((-end - 0.01, belt - 0.3, rear - 0.14, -end + 0.06, belt - 0.14, rear + 0.14, 0.62, 0.06, 0.05))
        rows.append((end - 0.09, belt - 0.36, front - 0.17, end + 0.012, belt - 0.2, front + 0.17, 0.92, 0.92, 0.88))
        rows.append((x, belt, mirror - 0.08, x + 0.12, belt + 0.13, mirror + 0.08, *paint))
    return rows


def _car_lights(long: float, belt: float) -> tuple[tuple[np.ndarray, Colour], ...]:
    faces = {}
    for front in (1, -1):
        x, y = front * (long / 2 + 0.03), belt - 0.28
        z = np.array([-0.62, 0.62])[:, None] + np.array([-0.13, 0.13])
        sides = z if front < 0 else z[:, ::-1]
        faces[front] = np.array(
            [[[x, y - 0.07, a], [x, y - 0.07, b], [x, y + 0.07, b], [x, y + 0.07, a]] for a, b in sides]
        )
    return (faces[1], (1.0, 0.98, 0.90)), (faces[-1], (0.95, 0.12, 0.08))


def _side_windows(cabin: np.ndarray, belt: float, roof: float, wide: float) -> np.ndarray:
    """Two panes on either side, a hand within the outline of the cabin."""
    low, high = belt + 0.05, roof - 0.09
    share = (high - belt) / (roof - belt)
    front, back = cabin[0, 0], cabin[-1, 0]
    top_front = front + (cabin[1, 0] - front) * share - 0.1
    top_back = back + (cabin[4, 0] - back) * share + 0.1
    front, back = front - 0.14, back + 0.14
    middle = (front + back) / 2 - 0.05
    panes = []
    for a, b, c, d in (
        (middle + 0.03, front, top_front, middle + 0.03),
        (back, middle - 0.03, middle - 0.03, top_back),
    ):
        inset = [wide * (1 - _LEAN * (y - belt) / (roof - belt)) + 0.006 for y in (low, high)]
        right = [[a, low, inset[0]], [b, low, inset[0]], [c, high, inset[1]], [d, high, inset[1]]]
        left = [[x, y, -z] for x, y, z in right][::-1]
        panes += [right, left]
    return np.array(panes)
