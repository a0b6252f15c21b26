"""Cloth after cutting: a surface whose vertices know their joints, ready for hems, collars and longer hems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

from mien.synth.wardrobe.borders import find_border
from mien.synth.wardrobe.cut import POINT, REST, SHADE, Cutting, renumber
from mien.synth.wardrobe.form import NUM_JOINTS
from mien.synth.wardrobe.weights import MAX_JOINTS, SparseRows, mix

__all__ = ["Border", "Cloth", "border_of", "empty_cloth", "finish", "grow", "turn_in"]

_ROOM, _FACE_ROOM = 6000, 12000


@dataclass(eq=False)
class Cloth:
    """A surface in the rest pose, in arrays with room at their ends: additions are written there."""

    num_vertices: int
    num_faces: int
    point: Float32[np.ndarray, "room 3"]
    rest: Float32[np.ndarray, "room 3"]
    """Where on the body it was cut from: says where it lies on the fabric."""
    shade: Float32[np.ndarray, " room"]
    """Brightness, 1 in the open."""
    joint: Int32[np.ndarray, "room 8"]
    weight: Float32[np.ndarray, "room 8"]
    border: Int32[np.ndarray, " room"]
    """Bit k: on the border that field k made."""
    faces: Int32[np.ndarray, "face_room 3"]
    chart: Int32[np.ndarray, " face_room"]

    def add(
        self,
        point: Float32[np.ndarray, "*rows 3"],
        rest: Float32[np.ndarray, "*more_rows 3"],
        shade: Float32[np.ndarray, "*other_rows"],
        weights: SparseRows,
        border: Int32[np.ndarray, "*flag_rows"],
        faces: Int32[np.ndarray, "new_face 3"],
        chart: Int32[np.ndarray, " new_face"] | int,
    ) -> None:
        """Append vertices (arrays of any shape, with as many entries each), and faces of any vertices."""
        first, last = self.num_vertices, self.num_vertices + border.size
        start, end = self.num_faces, self.num_faces + len(faces)
        self.make_room(last, end)
        self.point[first:last], self.rest[first:last] = point.reshape(-1, 3), rest.reshape(-1, 3)
        self.shade[first:last], self.border[first:last] = shade.reshape(-1), border.reshape(-1)
        self.joint[first:last], self.weight[first:last] = weights.joint, weights.weight
        self.faces[start:end], self.chart[start:end] = faces, chart
        self.num_vertices, self.num_faces = last, end

    def make_room(self, vertices: int, faces: int) -> None:
        """See to it that so many fit."""
        if vertices > len(self.point):
            for name in ("point", "rest", "shade", "joint", "weight", "border"):
                setattr(self, name, _longer(getattr(self, name), vertices + _ROOM))
        if faces > len(self.faces):
            self.faces, self.chart = _longer(self.faces, faces + _FACE_ROOM), _longer(self.chart, faces + _FACE_ROOM)


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    longer = np.empty((length, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@dataclass(frozen=True, kw_only=True, eq=False)
class Border:
    """Edges along a border, as their faces have them (counter-clockwise)."""

    ids: Int32[np.ndarray, " some"]
    """The vertices on it."""
    edges: Int32[np.ndarray, "edge 2"]
    """Places in `ids`."""
    chart: Int32[np.ndarray, " edge"]
    """Of the face at each edge."""
    inward: Float32[np.ndarray, "some 3"]
    """Unit directions from the vertices into the cloth, along it."""
    normal: Float32[np.ndarray, "some 3"]
    """Unit, outwards."""


def empty_cloth(vertices: int = 0, faces: int = 0) -> Cloth:
    """Room for cloth."""
    room, face_room = vertices + _ROOM, faces + _FACE_ROOM
    return Cloth(
        num_vertices=0,
        num_faces=0,
        point=np.empty((room, 3), dtype=np.float32),
        rest=np.empty((room, 3), dtype=np.float32),
        shade=np.empty(room, dtype=np.float32),
        joint=np.empty((room, MAX_JOINTS), dtype=np.int32),
        weight=np.empty((room, MAX_JOINTS), dtype=np.float32),
        border=np.empty(room, dtype=np.int32),
        faces=np.empty((face_room, 3), dtype=np.int32),
        chart=np.empty(face_room, dtype=np.int32),
    )


def finish(table: Cutting, weights: SparseRows | None) -> Cloth:
    """Take cloth from the table: only what faces use, with the weights of the form (without: they are to be set).

    The table is used up: its faces are numbered anew.
    """
    faces = table.faces
    used = renumber(faces, table.num_vertices)
    count, total = len(used), len(faces)
    cloth = empty_cloth(count, total)
    _take(table.data, table.border, used, cloth.point, cloth.rest, cloth.shade, cloth.border)
    if weights is None:
        cloth.joint[:count], cloth.weight[:count] = 0, 0
    else:
        mix(weights, table.ends, table.share, used, NUM_JOINTS, cloth.joint, cloth.weight)
    cloth.faces[:total], cloth.chart[:total] = faces, table.chart
    cloth.num_vertices, cloth.num_faces = count, total
    return cloth


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _take(data, border, used, point, rest, shade, new_border):
    for k in range(used.shape[0]):
        v = used[k]
        for c in range(3):
            point[k, c], rest[k, c] = data[v, POINT + c], data[v, REST + c]
        shade[k], new_border[k] = data[v, SHADE], border[v]


def border_of(cloth: Cloth, fields: Sequence[int]) -> Border:
    """The border that some fields made; it may be empty."""
    bits = sum(1 << k for k in fields)
    vertices, faces = cloth.num_vertices, cloth.num_faces
    found = find_border(cloth.point[:vertices], cloth.faces[:faces], cloth.chart[:faces], cloth.border, bits)
    return Border(ids=found[0], edges=found[1], chart=found[2], inward=found[3], normal=found[4])


def grow(
    cloth: Cloth,
    border: Border,
    rows: Float32[np.ndarray, "row some 3"],
    *,
    rest: Float32[np.ndarray, "rest_row some 3"] | None = None,
    shade: Float32[np.ndarray, "rest_row some"] | None = None,
    weights: SparseRows | None = None,
    chart: int = -1,
    moves: int = 0,
    apart: bool = False,
) -> None:
    """Add rows of vertices beyond a border, each joined to the one before.

    Args:
        cloth: changed.
        border: where the rows begin.
        rows: positions.
        rest: where the rows lie on the body, for the texture; as the border if not given.
        shade: as the border if not given.
        weights: of all new vertices; as the border if not given.
        chart: of the new faces; as the faces beside them if -1.
        moves: bits of borders that go from the old border to the last row.
        apart: begin with a copy of the border, so that the new part has its own place on the fabric; `rest` and
            `shade` then have a row for it, too.
    """
    wide, count = len(border.ids), len(rows) + apart
    first, start = cloth.num_vertices, cloth.num_faces
    last, end = first + count * wide, start + 2 * len(rows) * len(border.edges)
    cloth.make_room(last, end)
    if apart:
        cloth.point[first : first + wide] = cloth.point[border.ids]
    cloth.point[last - len(rows) * wide : last] = rows.reshape(-1, 3)
    rest_and_more = cloth.rest, cloth.shade, cloth.joint, cloth.weight, cloth.border
    _repeat(rest_and_more, border.ids, first, count, moves)
    _join(cloth.faces, cloth.chart, border.ids, border.edges, border.chart, first, start, len(rows), apart, chart)
    if rest is not None:
        cloth.rest[first:last] = rest.reshape(-1, 3)
    if shade is not None:
        cloth.shade[first:last] = shade.reshape(-1)
    if weights is not None:
        cloth.joint[first:last], cloth.weight[first:last] = weights.joint, weights.weight
    cloth.num_vertices, cloth.num_faces = last, end


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _repeat(arrays, ids, first, count, moves):
    """Rows like those of a border; where bits of borders move, the last row has them, and the border has them no more.

    Other bits stay with the whole column, so that a border that ends here goes on; without moves there are none.
    """
    rest, shade, joint, weight, border = arrays
    wide = ids.shape[0]
    for i in range(wide):
        v = ids[i]
        bits = border[v]
        for row in range(count):
            w = first + row * wide + i
            for c in range(3):
                rest[w, c] = rest[v, c]
            for c in range(joint.shape[1]):
                joint[w, c], weight[w, c] = joint[v, c], weight[v, c]
            shade[w] = shade[v]
            border[w] = 0 if moves == 0 else bits if row == count - 1 else bits & ~moves
        border[v] = bits & ~moves


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _join(faces, charts, ids, edges, chart, first, start, rows, apart, own):
    """Two triangles for each edge and row."""
    wide = ids.shape[0]
    for row in range(rows):
        for e in range(edges.shape[0]):
            i, j = edges[e, 0], edges[e, 1]
            low = first + (row + 1 if apart else row) * wide
            high = low - wide
            a, b = (ids[i], ids[j]) if row == 0 and not apart else (high + i, high + j)
            f = start + 2 * (row * edges.shape[0] + e)
            faces[f, 0], faces[f, 1], faces[f, 2] = b, a, low + i
            faces[f + 1, 0], faces[f + 1, 1], faces[f + 1, 2] = b, low + i, low + j
            charts[f] = charts[f + 1] = own if own >= 0 else chart[e]


def turn_in(cloth: Cloth, fields: Sequence[int], thick: float, deep: float, chart: int = -1) -> None:
    """Turn borders in: an edge that has a thickness, and a dark strip inside.

    Args:
        cloth: changed.
        fields: whose borders are turned in.
        thick: metres.
        deep: how far the strip reaches inside, metres.
        chart: which chart it takes; as the cloth beside it if -1.
    """
    border = border_of(cloth, fields)
    count = len(border.ids)
    rows, shade = np.empty((2, count, 3), dtype=np.float32), np.empty((2, count), dtype=np.float32)
    lengths = np.array([thick, deep], dtype=np.float32)
    _turn_in(cloth.point, cloth.shade, border.ids, border.inward, border.normal, lengths, rows, shade)
    grow(cloth, border, rows, shade=shade, chart=chart)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _turn_in(point, shades, ids, inward, normal, lengths, rows, shade):
    """A row across the thickness of the cloth, and one inside."""
    thick, deep = lengths
    for i in range(ids.shape[0]):
        v = ids[i]
        for c in range(3):
            inner = point[v, c] - thick * normal[i, c]
            rows[0, i, c] = inner + np.float32(0.2) * thick * inward[i, c]
            rows[1, i, c] = inner + deep * (inward[i, c] - np.float32(0.4) * normal[i, c])
        shade[0, i], shade[1, i] = shades[v] * np.float32(0.8), shades[v] * np.float32(0.5)
