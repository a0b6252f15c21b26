"""What is worn on the face: glasses, sunglasses, face masks, earrings; and the teeth behind the lips."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float, Int64

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure, Piece
from mien.synth.looks.fields import bridged, curve, ramp
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.scalp import Scalp
from mien.synth.looks.shapes import Build, tube
from mien.synth.looks.skull import ears_of
from mien.synth.looks.tones import mix, rgb, vivid

__all__ = ["earrings", "face_mask", "glasses", "teeth"]

_HEAD, _WHOLE = np.array([[15]]), np.array([[1.0]])
_RIM = np.cos(np.linspace(0, 2 * np.pi, 21)), np.sin(np.linspace(0, 2 * np.pi, 21))


def glasses(rng: np.random.Generator, scalp: Scalp, *, dark: bool) -> list[Piece]:
    """Glasses on nose and ears; `dark` ones have lenses that hide the eyes."""
    marks, build = scalp.marks.astype(np.float64), Build()
    colour = vivid(rng, (0.03, 0.5), 0.7) if rng.uniform() < 0.75 else rgb("b59a54")
    bar = rng.uniform(0.0009, 0.0024)
    half = np.array([rng.uniform(0.022, 0.027), rng.uniform(0.015, 0.023)]) * (1.08 if dark else 1.0)
    power = rng.uniform(1.7, 4.5)
    bridge = marks[10]
    ends = []
    for side, joint in ((1.0, 23), (-1.0, 24)):
        eye = scalp.joints[joint].astype(np.float64)
        lids = marks[25:31] if side > 0 else marks[19:25]
        depth = max(float(lids[:, 2].max()) + 0.010, float(bridge[2]) + 0.001)
        middle = np.array([eye[0] + side * 0.002, lids[:, 1].mean() - 0.002, depth])
        c, s = _RIM
        shape = (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power)
        x, y = half[0] * c * shape, half[1] * s * shape * np.where(s < 0, 1.0, 0.92)
        outer = np.clip(x * side / half[0], 0, 1)
        rim = middle + np.stack([x, y, -0.005 * outer**2], 1)
        build.add(tube(rim, bar, 5, (0.0, 0.0, 1.0)), None, colour, weld=True)
        if dark:
            lens = np.stack([np.repeat(middle[None] + [0, 0, 0.002], 21, 0), middle + (rim - middle) * 0.97])
            tone = mix(rgb("0b0c10"), vivid(rng, (0.05, 0.35)), 0.5 * float(rng.uniform()))
            build.add(lens, None, tone + np.array([0.10, 0.0])[:, None, None], flip=side < 0)
        inner, hinge = rim[10 if side > 0 else 0], rim[int((outer + 0.3 * s).argmax())]
        ends.append(inner)
        _temple(build, scalp, hinge, side, bar, colour)
    top = (ends[0] + ends[1]) / 2 + [0, 0.004, 0.003]
    top[2] = max(top[2], float(bridge[2]) + 0.002)
    build.add(tube(curve(np.stack([ends[0], top, ends[1]]), 7), bar * 1.1, 5, (0.0, 0.0, 1.0)), None, colour, weld=True)
    return [build.piece("sunglasses" if dark else "glasses", _HEAD, _WHOLE, two_sided=True)]


def _temple(
    build: Build, scalp: Scalp, hinge: Float[np.ndarray, "3"], side: float, bar: float, colour: np.ndarray
) -> None:
    """From the hinge over the ear and down behind it, outside of the head."""
    (around,), (upwards,), _ = scalp.angles(hinge[None])
    share = np.linspace(0, 1, 9)
    turn = np.abs(around) + share * (scalp.ear_around + 0.12 - np.abs(around))
    rise = upwards + share * (scalp.ear_top + 0.04 - upwards)
    path = scalp.at(side * turn, rise, 0.0035)
    straight = hinge + share[:, None] * (path[-1] - hinge)
    wide = np.abs(straight[:, 0] - scalp.origin[0]) > np.abs(path[:, 0] - scalp.origin[0])
    path = np.where(wide[:, None], straight, path)
    path[0] = hinge
    hook = path[-1] + np.array([[-0.001 * side, -0.010, -0.008], [-0.002 * side, -0.026, -0.012]])
    build.add(tube(np.concatenate([path, hook]), bar * 1.1, 4, (side, 0.0, 0.0), 1.6), None, colour, weld=True)


def face_mask(rng: np.random.Generator, scalp: Scalp) -> list[Piece]:
    """A cloth or paper mask from the nose to below the chin, with loops around the ears."""
    marks = scalp.marks
    colour = [rgb("9cc3d6"), rgb("e9eaea"), rgb("17181a"), vivid(rng, (0.2, 0.9))][int(rng.integers(4))]
    _, upwards, _ = scalp.angles(marks.astype(np.float64))
    top, nose, low = float(upwards[11]), float(upwards[13]), float(upwards[40]) - 0.20
    reach = scalp.ear_around - 0.42
    across, down = np.linspace(-1, 1, 21), np.linspace(0, 1, 13)[:, None]
    high = top - 0.20 * ramp(np.abs(across), 0.05, 0.55)
    bottom = low + 0.16 * np.abs(across) ** 2.0
    rise = high + down * (bottom - high)
    width = reach * (1 - 0.10 * (2 * down - 1) ** 2)
    turn = across * width
    away = np.linalg.norm(scalp.at(turn, rise) - scalp.origin, axis=-1)
    flat = bridged(away, 5)
    nose_out = float(np.linalg.norm(marks[13] - scalp.origin))
    peak = nose_out * np.exp(-((turn / 0.40) ** 2) - ((rise - nose) / 0.30) ** 2)
    flat = np.maximum(
        flat + 0.0065,
        np.where(peak > 0.75 * nose_out, 0.35 * peak + 0.65 * nose_out + 0.005 - 0.8 * (nose_out - peak), 0),
    )
    level = np.cos(rise)
    grid = scalp.origin + flat[..., None] * np.stack([np.sin(turn) * level, np.sin(rise), np.cos(turn) * level], -1)
    build = Build()
    pleats = 1 - 0.10 * (np.abs((down * 3.5) % 1 - 0.5) < 0.08) * (np.abs(across) < 0.95)
    build.add(grid, None, pleats[..., None] * colour)
    for side, column in ((1.0, -1), (-1.0, 0)):
        ear = scalp.at(
            np.full(2, side * (scalp.ear_around + 0.16)),
            np.array([scalp.ear_top - 0.02, scalp.ear_bottom + 0.1]),
            0.002,
        )
        over = scalp.at(np.array([side * scalp.ear_around * 0.93]), np.array([scalp.ear_top + 0.03]), 0.003)
        loop = np.concatenate([grid[1:2, column], over, ear, grid[-2:-1, column]])
        build.add(tube(curve(loop.astype(np.float64), 12), 0.0014, 4), None, colour * 0.95, weld=True)
    chin = ramp(build.points()[:, 1], float(marks[34, 1]) + 0.012, float(marks[40, 1]) - 0.015) * 0.9
    chin *= ramp(build.points()[:, 2], scalp.origin[2] + 0.02, scalp.origin[2] + 0.06)
    return [build.piece("face mask", np.array([[15, 22]]), np.stack([1 - chin, chin], 1), two_sided=True)]


@once_per_body
def _lobes(arrays: BodyArrays) -> Int64[np.ndarray, "2"]:
    """The lowest vertex of each ear."""
    rows = np.unique(arrays.faces[ears_of(arrays).faces])
    if not len(rows):
        return arrays.kp_vertex_ids[[4, 3]]
    x, y = arrays.v_template[rows, 0], arrays.v_template[rows, 1]
    return np.array([rows[np.where(side, y, 9).argmin()] for side in (x > 0, x <= 0)])


def earrings(rng: np.random.Generator, figure: Figure) -> list[Piece]:
    """Studs or rings, one in each lobe."""
    build, metal = Build(), [rgb("cfa94f"), rgb("c9ccd2"), vivid(rng)][int(rng.integers(3))]
    hoop, size = rng.uniform() < 0.5, rng.uniform(0.007, 0.022)
    for side, row in zip((1.0, -1.0), _lobes(figure.arrays), strict=True):
        place = figure.vertices[row] + [0.002 * side, 0.004, 0.0]
        if hoop:
            angle = np.linspace(0, 2 * np.pi, 17)
            ring = place + size * np.stack([0.15 * side * (1 - np.cos(angle)), np.cos(angle) - 1, np.sin(angle)], 1)
            build.add(tube(ring, 0.0012, 5, (side, 0.0, 0.0)), None, metal, weld=True)
        else:
            ball = 0.0042 * np.sin(np.linspace(0.05, np.pi - 0.05, 6))
            build.add(
                tube(place + np.linspace(-0.004, 0.004, 6)[:, None] * [0, 1, 0], ball, 7, (1, 0, 0)),
                None,
                metal,
                weld=True,
            )
    return [build.piece("earrings", _HEAD, _WHOLE, two_sided=True)]


def teeth(rng: np.random.Generator, scalp: Scalp) -> list[Piece]:
    """Two rows behind the lips; the lower one moves with the jaw."""
    marks, (shape, piece) = scalp.marks, _two_rows()
    corner = np.abs(marks[[43, 47], 0] - scalp.origin[0]).mean()
    white = mix(np.ones(3), rgb("e8d8b4"), float(rng.uniform()))
    lips = marks[[44, 45, 46, 48, 49, 50]]
    points = shape * [corner, 1, 1]
    points += [scalp.origin[0], lips[:, 1].mean(), 0]
    points[:18, 2] += lips[:3, 2].mean()
    points[18:, 2] += lips[3:, 2].mean()
    return [replace(piece, vertices=points.astype(np.float32), colour=(0.8 * white).astype(np.float32))]


@cache
def _two_rows() -> tuple[Float[np.ndarray, "36 3"], Piece]:
    """The upper row, then the lower one: x in shares of the mouth, y and z in metres from lips; and all but places."""
    across, build = np.linspace(-1, 1, 9), Build()
    for flip, heights, back in ((False, (0.0087, -0.0043), 0.0105), (True, (-0.0083, 0.0012), 0.0123)):
        rows = [
            np.stack([0.86 * across, 0 * across + y, -back - b - 0.016 * across**2], 1)
            for y, b in zip(heights, (0.001, 0.0), strict=True)
        ]
        build.add(np.stack(rows), None, flip=flip)
    joint = np.repeat([[15], [22]], 18, 0)
    return build.points(), build.piece("teeth", joint, _WHOLE, _row_of_teeth(), two_sided=True)


@cache
def _row_of_teeth() -> np.ndarray:
    """Ten teeth, darker between them and towards the gums."""
    white = rgb("e4dccb")
    u, v = np.meshgrid((np.arange(80) + 0.5) / 80, (np.arange(8) + 0.5) / 8)
    gap = ramp(np.abs((u * 10) % 1 - 0.5), 0.36, 0.5)
    gum = ramp(v, 0.28, 0.05)
    picture = white * (1 - 0.45 * gap)[..., None] * (1 - 0.55 * ramp(np.abs(u - 0.5), 0.2, 0.5))[..., None]
    picture = picture * (1 - gum[..., None]) + rgb("a8605a") * gum[..., None]
    return np.clip(picture * 255, 0, 255).astype(np.uint8)
