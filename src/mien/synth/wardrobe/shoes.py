"""Shoes: a shell around the foot, shaped like a last, on a sole. Toes share one box; the foot is hidden inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Float32, Int32

from mien.synth.figure import Figure, Piece
from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import FLAT, TRIM, Sheet
from mien.synth.wardrobe.cloth import Cloth, finish, turn_in
from mien.synth.wardrobe.cut import FIRST_FIELD, cut, new_table
from mien.synth.wardrobe.drape import Course
from mien.synth.wardrobe.fabric import Colour
from mien.synth.wardrobe.feet import STATIONS, Foot, Plan
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.sew import sew
from mien.synth.wardrobe.weights import MAX_JOINTS, SparseRows

__all__ = ["SHOES", "Last", "make_shoes"]

ANGLES = 13
"""Over the foot, from side to side."""
GIRTH = 0.05
"""Metres of upper leather per radian over the foot, for its texture."""


@dataclass(frozen=True, kw_only=True)
class Last:
    """The shape of a kind of shoe. Lengths in metres, places along the foot as shares from heel (0) to toe (1)."""

    opening: Course
    """Places along the foot, and the height of the opening there above the ground on which the foot stands."""
    sole: tuple[float, float] = (0.022, 0.022)
    """Thickness under heel and ball."""
    welt: float = 0.004
    """How far the sole stands out."""
    box: float = 0.034
    """Least height of the toe box."""
    room: float = 0.005
    """Between foot and shell, all around."""
    toe: float = 0.008
    """How much longer than the foot it is."""
    straps: Course = ()
    """Of sandals: where the bands are that are left of the shell, and half their widths (as shares)."""
    arch: float = 0.0
    """How much the sole is cut out between heel and ball."""


_PUMP: Course = ((0.0, 0.054), (0.3, 0.034), (0.6, 0.034), (0.7, 0.075))
_STRAPS: Course = ((0.7, 0.05), (0.47, 0.04))
SHOES: dict[str, Last] = {
    "sneaker": Last(
        opening=((0.0, 0.078), (0.5, 0.1)), sole=(0.03, 0.026), welt=0.005, box=0.045, room=0.008, toe=0.016
    ),
    "boot": Last(
        opening=((0.0, 0.12), (0.5, 0.135)), sole=(0.035, 0.03), welt=0.006, box=0.05, room=0.009, toe=0.016, arch=0.012
    ),
    "flat": Last(opening=_PUMP, sole=(0.018, 0.014), welt=0.003, box=0.03, room=0.004, toe=0.012, arch=0.004),
    "heel": Last(opening=_PUMP, sole=(0.05, 0.03), welt=0.001, box=0.03, room=0.004, toe=0.018, arch=0.03),
    "sandal": Last(
        opening=((0.0, 0.11),), sole=(0.022, 0.02), welt=0.005, box=0.024, room=0.004, toe=0.006, straps=_STRAPS
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """A pair of shoes on the template of a body; other people have larger and smaller ones."""

    size: Float32[np.ndarray, "3"]
    """Of the template's foot: see `Foot.size`."""
    points: Float32[np.ndarray, "vert 3"]
    """In the frame of either foot: forwards, outwards and up."""
    side: Float32[np.ndarray, " vert"]
    """1 on the left, -1 on the right."""
    piece: Piece
    sheet: Sheet
    """Not painted: each person's copy is."""


_pairs: dict[tuple[str, str], _Pair] = {}


def make_shoes(figure: Figure, kind: str, colours: tuple[Colour, Colour, Colour, Colour]) -> Piece:
    """Both shoes.

    Args:
        figure: whom they must fit.
        kind: of `SHOES`.
        colours: of the upper, the sole, stripes and laces.
    """
    key = figure.arrays.sha256, kind
    if key not in _pairs:
        if len(_pairs) > 8 * len(SHOES):
            _pairs.clear()
        _pairs[key] = _make(replace(figure, betas=np.zeros_like(figure.betas)), kind)
    pair, foot = _pairs[key], Foot(figure)
    s, b, high = (pair.points * (foot.size / pair.size)).T
    points = foot.place(s, b, high)
    points[:, 0] *= pair.side
    sheet = pair.sheet.copy()
    _paint(sheet, kind, *colours)
    return replace(pair.piece, vertices=points, texture=sheet.texture)


def _make(figure: Figure, kind: str) -> _Pair:
    last, foot = SHOES[kind], Foot(figure)
    plan = foot.plan(last.room, last.toe)
    cloth = _upper(foot, last, plan)
    turn_in(cloth, [0], 0.004, 0.012)
    _add_sole(cloth, foot, last, plan)
    side = np.ones(2 * cloth.num_vertices, dtype=np.float32)
    side[cloth.num_vertices :] = -1
    _add_mirrored(cloth)
    hidden = np.zeros(len(figure.arrays.faces), dtype=bool)
    if not last.straps:
        hidden = foot.below(plan.share, _rim(last, plan.share) - 0.01)
    piece, sheet = sew(Fit(figure), kind, cloth, hidden)
    points = foot.measured(piece.vertices * np.stack([side, 0 * side + 1, 0 * side + 1], 1))
    return _Pair(size=foot.size, points=points, side=side, piece=piece, sheet=sheet)


def _rim(last: Last, share: np.ndarray) -> np.ndarray:
    """Height of the opening."""
    return np.interp(share, [at for at, _ in last.opening], [height for _, height in last.opening])


def _heights(foot: Foot, last: Last, plan: Plan) -> np.ndarray:
    """Of the shell at each station: over the instep as the foot, at the ankle well above the opening."""
    share = plan.share
    near = np.abs(foot.points[:, 0] - plan.along[:, None]) < 0.016
    top = np.where(near, foot.points[:, 2], 0).max(1) + last.room
    most = 2 * max(height for _, height in last.opening[:2])
    ankle = 0.42 if last.opening[0][1] > 0.06 else 0.3
    high = np.where(share < ankle, most, np.minimum(top, most))
    high = np.maximum(high, last.box * np.sqrt(np.clip((1.02 - share) / 0.16, 0.1, 1)))
    high[1:-1] = 0.25 * high[:-2] + 0.5 * high[1:-1] + 0.25 * high[2:]
    return np.where(share > 0.88, high * np.sqrt(np.clip((1.015 - share) / 0.12, 0.1, 1)), high)


def _ankle_room(foot: Foot, last: Last, share: np.ndarray, half: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How much wider the shell is towards the opening, where the ankle is wider than the heel."""
    level = last.opening[0][1]
    leg = foot.points[np.abs(foot.points[:, 2] - level) < 0.012, 1]
    if not len(leg):
        return np.zeros_like(high)
    missing = np.maximum(1.08 * (0.5 * float(np.ptp(leg)) + last.room) - half, 0)
    where = np.clip(1.5 - 3 * share, 0, 1) * np.clip(share / 0.12, 0, 1)
    return missing * where * np.clip(high / level, 0, 1.2) ** 1.5


def _upper(foot: Foot, last: Last, plan: Plan) -> Cloth:
    """The shell, cut open for the leg; of sandals, its straps."""
    alpha, share = np.linspace(0, np.pi, ANGLES), plan.share[:, None]
    across = np.sign(np.cos(alpha)) * np.abs(np.cos(alpha)) ** 0.75
    high = _heights(foot, last, plan)[:, None] * np.sin(alpha) ** 0.75
    half = 0.5 * (plan.out - plan.into)[:, None]
    b = 0.5 * (plan.out + plan.into)[:, None] + (half + _ankle_room(foot, last, share, half, high)) * across
    along = np.broadcast_to(plan.along[:, None], b.shape)
    field = _rim(last, share) - high
    if last.straps:
        bands = [half_width - np.abs(share - at) for at, half_width in last.straps]
        field = np.minimum(field, (plan.along[-1] - plan.along[0]) * np.maximum.reduce(bands) + 0 * high)
    table = new_table(b.size, FIRST_FIELD + 1, _grid(STATIONS, ANGLES))
    rest = np.stack([along, np.broadcast_to(GIRTH * alpha, b.shape), high], -1)
    columns = (foot.place(along, b, high), rest, np.ones((*b.shape, 1)), field[..., None])
    table.data[: b.size] = np.concatenate(columns, -1).reshape(-1, FIRST_FIELD + 1)
    table.chart[:] = FLAT
    cut(table, 1)
    cloth = finish(table, None)
    count = cloth.num_vertices
    rows = _weights((cloth.rest[:count, 0] - plan.along[0]) / (plan.along[-1] - plan.along[0]))
    cloth.joint[:count], cloth.weight[:count] = rows.joint, rows.weight
    return cloth


@cache
def _grid(rows: int, columns: int) -> Int32[np.ndarray, "face 3"]:
    """Two triangles a cell."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).reshape(-1)
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def _weights(share: np.ndarray) -> SparseRows:
    """Ankle and toes; the ball of the foot bends a little."""
    bend, shape = np.clip((share - 0.6) / 0.22, 0, 1), (len(share), MAX_JOINTS)
    joint, weight = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
    joint[:, 0], joint[:, 1] = 7, 10
    weight[:, 1] = 0.8 * bend * bend * (3 - 2 * bend)
    weight[:, 0] = 1 - weight[:, 1]
    return SparseRows(joint=joint, weight=weight)


def _add_sole(cloth: Cloth, foot: Foot, last: Last, plan: Plan) -> None:
    """Walls around the outline, and a bottom; the top closes what can be seen inside."""
    share, welt = plan.share, last.welt
    thick = last.sole[0] + (last.sole[1] - last.sole[0]) * np.clip((share - 0.3) / 0.3, 0, 1)
    lowest = last.arch * np.exp(-(((share - 0.42) / 0.13) ** 4)) - thick
    spring = lowest + 0.012 * np.clip((share - 0.8) / 0.2, 0, 1) ** 2
    level = np.full_like(share, 0.004)
    side = [(level, 0.6), (level + 0.002, 1.0), (0.5 * (level + lowest), 1.02), (spring, 0.98), (spring, 0.5)]
    ring = [*side, *((height, -wide) for height, wide in side[::-1]), side[0]]
    middle, half = 0.5 * (plan.into + plan.out), 0.5 * (plan.out - plan.into) + welt
    b = middle[:, None] + half[:, None] * np.array([wide for _, wide in ring])
    high = np.stack([height for height, _ in ring], 1)
    along = np.broadcast_to((plan.along + welt * (2 * share - 1))[:, None], b.shape)
    shade = np.ones(b.shape, dtype=np.float32)
    shade[:, 3:7] = 0.7
    faces = cloth.num_vertices + _grid(STATIONS, len(ring))[:, ::-1]
    points, weights = foot.place(along, b, high), _weights(np.repeat(share, len(ring)))
    cloth.add(points, np.zeros_like(points), shade, weights, np.zeros(shade.shape, dtype=np.int32), faces, TRIM)


def _add_mirrored(cloth: Cloth) -> None:
    """The right one, beside the left."""
    count, total = cloth.num_vertices, cloth.num_faces
    joint = cloth.joint[:count].copy()
    joint[joint > 0] += 1
    cloth.add(
        cloth.point[:count] * np.array([-1, 1, 1], dtype=np.float32),
        cloth.rest[:count],
        cloth.shade[:count],
        SparseRows(joint=joint, weight=cloth.weight[:count]),
        cloth.border[:count],
        cloth.faces[:total, ::-1] + np.int32(count),
        cloth.chart[:total],
    )


def _paint(sheet: Sheet, kind: str, main: Colour, sole: Colour, accent: Colour, laces: Colour) -> None:
    """Colours, laces, a stripe."""
    panel = sheet.panels[FLAT]
    paint.spot(panel, main)
    paint.spot(sheet.panels[TRIM], sole)
    length, top = panel.corner[0] + panel.pixels.shape[1] * panel.texel, 0.5 * GIRTH * np.pi
    if kind in ("sneaker", "boot"):
        for k in range(5):
            s = length * (0.42 + 0.055 * k)
            paint.line(panel, [(s, top - 0.022), (s + 0.006, top + 0.022)], laces, 0.005)
        cap = [(length * 0.74, 0.0), (length * 0.7, top), (length * 0.74, 2 * top)]
        paint.line(panel, cap, paint.bright(main, 0.7), 0.003)
    if kind == "sneaker":
        for low, high in ((0.012, 0.04), (2 * top - 0.012, 2 * top - 0.04)):
            paint.line(panel, [(length * 0.35, low), (length * 0.6, high)], accent, 0.009)
        paint.line(panel, [(length * 0.06, -0.1), (length * 0.06, 0.3)], accent, 0.012)
