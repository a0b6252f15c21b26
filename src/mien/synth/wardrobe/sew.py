"""A pattern, as a tailor has it, becomes a piece: draped on the dummy, cut, hemmed, laid on its fabric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float32

from mien.synth.figure import Piece
from mien.synth.wardrobe.charts import Sheet, lay_out, unroll
from mien.synth.wardrobe.cloth import Cloth, finish, turn_in
from mien.synth.wardrobe.cut import FIRST_FIELD, POINT, REST, SHADE, Cutting, cut, new_table
from mien.synth.wardrobe.drape import Drape, Shell, drape, make_shells
from mien.synth.wardrobe.fit import Fit, Worn
from mien.synth.wardrobe.form import TIGHT
from mien.synth.wardrobe.loose import Fall, let_down
from mien.synth.wardrobe.noise import ramp

__all__ = ["Edge", "Pattern", "Seam", "Step", "Work", "body_faces", "covered", "sew", "tailor"]

RESERVE = 0.035
"""Metres of the dummy beyond the borders that are draped, so that smoothing has something to lean on."""
HANGS = 0.04
"""Metres above a border from which cloth is let down that are kept."""
TEXEL = 0.004
"""Metres, of textures."""
Field = Float32[np.ndarray, " vert"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Edge:
    """A border of a garment."""

    field: Field
    """Metres inside, over the dummy's vertices."""
    thick: float = 0.003
    """Of the turned-in edge, metres; 0 leaves it as it is cut."""
    deep: float = 0.02
    falls: tuple[Fall, ...] = ()
    """How the border is let down, one part after the other."""
    anew: Callable[[Float32[np.ndarray, "vert 3"]], Field] | None = None
    """Measures the field again on the draped cloth, for borders that are straight there and not on the body."""
    shows: float = -9.0
    """Height below which what is beneath can be seen all the same: of open coats, and of skirts, which swing."""
    margin: float = 0.03
    """Skin and clothes farther than this inside need not be drawn, metres; where it is let down, some more."""

    def cover(self, fit: Fit) -> Bool[np.ndarray, " vert"]:
        """What lies well inside."""
        if self.falls:
            return fit.points[:, 1] > np.float32(max(self.falls[-1].hem + 2.5 * self.margin, self.shows))
        return self.field > np.float32(self.margin)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seam:
    """A line along which a garment changes its panel of fabric."""

    field: Field
    above: int = -1
    """Chart where the field is above zero; -1 leaves it."""
    below: int = -1


Work = Callable[[Fit, Cloth], None]
"""Something that is added to a cloth: a collar, a hood."""
Step = Callable[[Sheet], None]
"""Something that is painted on fabric: a pattern, buttons."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """All that makes a garment, but its fabric."""

    kind: str
    drape: Drape
    edges: tuple[Edge, ...]
    seams: tuple[Seam, ...] = ()
    chart: int
    """Of what no seam gives another."""
    follow: int = TIGHT
    """How it follows the joints: see `form`."""
    gap: float = 0.004
    """Metres to what is worn beneath, at least."""
    works: tuple[Work, ...] = ()
    """Done after cutting, in this order; then borders are turned in."""
    paint: tuple[Step, ...]
    """The first covers all panels with fabric."""


def covered(fit: Fit, pattern: Pattern) -> Bool[np.ndarray, " vert"]:
    """The dummy's vertices that lie well inside a garment."""
    return np.logical_and.reduce([edge.cover(fit) for edge in pattern.edges])


def body_faces(fit: Fit, inside: Bool[np.ndarray, " vert"]) -> Bool[np.ndarray, " body_face"]:
    """Faces of the body all of whose corners are among the dummy's vertices that are told."""
    hidden = np.zeros(len(fit.figure.arrays.faces), dtype=bool)
    _mark(fit.form.body_corner, inside, fit.form.body_face, hidden)
    return hidden


def tailor(
    fit: Fit,
    pattern: Pattern,
    worn: Worn,
    hidden: Bool[np.ndarray, " vert"],
    rng: np.random.Generator,
) -> Cloth:
    """Make the cloth of a garment.

    Args:
        fit: the figure on its dummy.
        pattern: of the garment.
        worn: what is beneath; this garment is added to it.
        hidden: the dummy's vertices over which other clothes lie; cloth there is left out.
        rng: for the folds.
    """
    inside = np.minimum.reduce([edge.field for edge in pattern.edges])
    active = np.nonzero(inside > -RESERVE)[0].astype(np.int32)
    shells = make_shells(fit, pattern.drape, worn)
    cloth, folds = drape(fit, pattern.drape, shells, active, inside, worn.points, pattern.gap, rng)
    fields = [edge.field if edge.anew is None else edge.anew(cloth) for edge in pattern.edges]
    for edge, each in zip(pattern.edges, fields, strict=True):
        if edge.falls:  # it hangs from here, even where this is hidden
            hidden = hidden & (each > HANGS)
    table = _lay(fit, cloth, folds, [*fields, *(seam.field for seam in pattern.seams)], inside > -RESERVE, hidden)
    _wear(worn.points, fit.points, cloth, inside)
    table.chart[:] = pattern.chart
    cut(table, len(fields), [(seam.above, seam.below) for seam in pattern.seams])
    made = finish(table, fit.form.weights[pattern.follow])
    _complete(fit, pattern, made, shells[0], worn, rng)
    return made


def _complete(fit: Fit, pattern: Pattern, made: Cloth, shell: Shell, worn: Worn, rng: np.random.Generator) -> None:
    """Let down, add collars and the like, turn borders in."""
    first = made.num_vertices
    for k, edge in enumerate(pattern.edges):
        for fall in edge.falls:
            let_down(fit, made, k, shell, fall, rng)
    if made.num_vertices > first:
        worn.tails.append(made.point[first : made.num_vertices].copy())
    for work in pattern.works:
        work(fit, made)
    for thick, deep in dict.fromkeys((edge.thick, edge.deep) for edge in pattern.edges if edge.thick > 0):
        same = [k for k, edge in enumerate(pattern.edges) if (edge.thick, edge.deep) == (thick, deep)]
        turn_in(made, same, thick, deep)


def _lay(
    fit: Fit,
    cloth: Float32[np.ndarray, "vert 3"],
    folds: Field,
    fields: Sequence[Field],
    inside: Bool[np.ndarray, " vert"],
    hidden: Bool[np.ndarray, " vert"],
) -> Cutting:
    faces, ids = _choose(fit.form.faces, inside, hidden, len(cloth))
    table = new_table(len(ids), FIRST_FIELD + len(fields), faces)
    _fill(table.data, table.ends, ids, cloth, fit.points, folds, np.array(fields, dtype=np.float32))
    return table


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fill(data, ends, ids, cloth, points, folds, fields):
    for k in range(ids.shape[0]):
        v = ids[k]
        ends[k, 0], ends[k, 1] = v, v
        for c in range(3):
            data[k, POINT + c], data[k, REST + c] = cloth[v, c], points[v, c]
        data[k, SHADE] = min(max(np.float32(0.97) - np.float32(28) * folds[v], np.float32(0.6)), np.float32(1))
        for field in range(fields.shape[0]):
            data[k, FIRST_FIELD + field] = fields[field, v]


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _wear(under, points, cloth, inside):
    """Take note of where cloth lies, with borders that thin out, so that what is worn above has no steps."""
    for v in range(points.shape[0]):
        if inside[v] > 0:
            share = ramp(inside[v] * 30)
            for c in range(3):
                under[v, c] += share * (cloth[v, c] - under[v, c])


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _choose(faces, inside, hidden, count):
    """Faces inside that are not all hidden, of vertices numbered anew; and what these vertices were."""
    kept, total, n = np.empty_like(faces), 0, 0
    number, ids = np.full(count, np.int32(-1), dtype=np.int32), np.empty(count, dtype=np.int32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if not (inside[a] and inside[b] and inside[c]) or (hidden[a] and hidden[b] and hidden[c]):
            continue
        for i in range(3):
            v = faces[f, i]
            if number[v] < 0:
                number[v], ids[n] = n, v
                n += 1
            kept[total, i] = number[v]
        total += 1
    return kept[:total].copy(), ids[:n].copy()


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _mark(faces, inside, places, hidden):
    """Set what faces all of whose corners are inside stand for."""
    for f in range(faces.shape[0]):
        if inside[faces[f, 0]] and inside[faces[f, 1]] and inside[faces[f, 2]]:
            hidden[places[f]] = True


def sew(fit: Fit, kind: str, cloth: Cloth, hides: Bool[np.ndarray, "body_face"] | None = None) -> tuple[Piece, Sheet]:
    """The piece, and its texture to be painted."""
    count, total = cloth.num_vertices, cloth.num_faces
    faces, chart = cloth.faces[:total], cloth.chart[:total]
    where = unroll(fit, cloth.rest[:count], faces, chart)
    sheet, uv = lay_out(where, chart, TEXEL)
    piece = Piece(
        kind=kind,
        vertices=cloth.point[:count].copy(),
        faces=faces.copy(),
        joint=cloth.joint[:count].copy(),
        weight=cloth.weight[:count].copy(),
        colour=np.repeat(np.minimum(cloth.shade[:count, None], 1), 3, 1),
        uv=uv,
        texture=sheet.texture,
        hides=hides,
    )
    return piece, sheet
