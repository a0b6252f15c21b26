"""The tailor's dummy: the covered part of a body at an even resolution, made once for a body and fitted to each figure.

A body's own mesh has fine faces and fingers, and long edges on the legs. The form leaves out head, hands, feet and
vertices that stand close together, and halves the long edges, so that folds have vertices to live on. Nothing here
knows a vertex by its number: regions come from skinning weights and joints.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

from mien.body.joints import BODY_JOINTS
from mien.body.reading import BodyArrays
from mien.synth.figure import surface_normals
from mien.synth.overlap import outside
from mien.synth.wardrobe.meshing import halve_edges, thin_out
from mien.synth.wardrobe.weights import SparseRows, strongest

__all__ = [
    "NUM_JOINTS",
    "SOFT",
    "STIFF",
    "SWING",
    "TIGHT",
    "Form",
    "Ring",
    "form_of",
    "ring_of",
    "smooth",
]

NUM_JOINTS = len(BODY_JOINTS)
"""Clothes follow the root and the 21 joints of the body; a finger counts as its wrist, the jaw as the head."""
SHORTEST, LONGEST = 0.033, 0.05
"""Metres: shorter edges of the body are taken out, longer ones are halved."""
SWELL = 0.004
"""Metres: most by which vertices stand out so that the form holds the body."""
HIP, KNEE, ANKLE, WRIST, HEAD, TOES, ARM = (1, 2), (4, 5), (7, 8), (20, 21), 15, (10, 11), slice(16, 22)
TIGHT, SOFT, STIFF = range(3)
"""How cloth follows the joints: as the skin does; more and much more smoothly, without hands and feet."""
SMOOTHING = (0, 4, 12)
SWING, _NUM_SWING = 0.2, 56
_KEPT = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Ring:
    """The vertices around each vertex: those of v are `neighbour[start[v] : start[v + 1]]`."""

    start: Int32[np.ndarray, " vert_plus_one"]
    neighbour: Int32[np.ndarray, " entry"]


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Vertices of a form."""

    crotch: int
    """The lowest between the legs."""
    pit: int
    """The hollow between neck and chest: of their front along the middle, the point farthest back."""
    nape: tuple[int, int]
    """Where neck and shoulder meet, on the left and on the right: the highest, at four tenths of the way out."""
    armpit: tuple[int, int]
    """The lowest where each arm begins."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Form:
    """Topology and weights of the dummy of one body. Its first vertices are vertices of the body, then come middles."""

    body_vertex: Int32[np.ndarray, " base"]
    """Which vertices of the body the first vertices are."""
    body_face: Int32[np.ndarray, " covered"]
    """Which faces of the body the form covers."""
    body_corner: Int32[np.ndarray, "covered 3"]
    """Their corners: the form's vertices that stand for them."""
    base_faces: Int32[np.ndarray, "base_face 3"]
    """Of the first vertices."""
    base_ring: Ring
    halves: Int32[np.ndarray, "middle 2"]
    """The ends of the edges that the other vertices halve."""
    lift: Float32[np.ndarray, " vert"]
    """How far vertices stand out from the body, or from the middles of their edges, metres."""
    faces: Int32[np.ndarray, "face 3"]
    ring: Ring
    arm: Float32[np.ndarray, " vert"]
    """How much of each vertex the arms carry, 0..1."""
    weights: tuple[SparseRows, SparseRows, SparseRows]
    """TIGHT, SOFT and STIFF."""
    swing: Float32[np.ndarray, "3 place"]
    """How much of the skin follows the thighs in front and behind, and the shins: every centimetre from `SWING` metres
    above hip joints and knees downwards."""
    trunk: Int32[np.ndarray, " some"]
    """Vertices of trunk and legs, for measuring."""
    arms: Int32[np.ndarray, " some_more"]
    """Vertices of the arms, for measuring."""
    legs: Int32[np.ndarray, " others"]
    """Vertices from the crotch down, for measuring; `trunk` has them, too."""
    marks: Landmarks


_forms: OrderedDict[str, Form] = OrderedDict()


def form_of(arrays: BodyArrays) -> Form:
    """The form of a body; kept for the last few bodies."""
    if arrays.sha256 not in _forms:
        _forms[arrays.sha256] = _make(arrays)
        while len(_forms) > _KEPT:
            _forms.popitem(last=False)
    return _forms[arrays.sha256]


def _make(arrays: BodyArrays) -> Form:
    rest, weights = arrays.v_template, _body_weights(arrays)
    joints = arrays.J_regressor @ rest
    inside = ~np.isin(weights.argmax(1), (HEAD, *TOES))
    inside &= rest[:, 1] > joints[list(ANKLE), 1].min() - 0.05
    inside &= np.abs(rest[:, 0]) < np.abs(joints[list(WRIST), 0]).max() + 0.03
    covered = np.nonzero(inside[arrays.faces].all(1))[0]
    ids, corners = np.unique(arrays.faces[covered], return_inverse=True)
    points, corners, weights = rest[ids], corners.reshape(-1, 3).astype(np.int32), weights[ids]
    marks = _landmarks(points, weights, joints, corners)
    kept, owner, base = thin_out(points, corners, (marks.crotch, marks.pit, *marks.nape, *marks.armpit), SHORTEST)
    faces, halves = halve_edges(points[kept], base, LONGEST)
    where, lift = _lifted(points[kept], base, halves)
    lift[: len(kept)] = _swell(points, owner, points[kept], base)
    between = np.concatenate([weights[kept], weights[kept][halves].mean(1)])
    ring, arm = ring_of(faces, len(where)), between[:, ARM].sum(1)
    hip, knee = (float(joints[list(pair), 1].mean()) for pair in (HIP, KNEE))
    high = where[:, 1] > joints[list(ANKLE), 1].mean() - 0.005
    return Form(
        body_vertex=ids[kept].astype(np.int32),
        body_face=covered.astype(np.int32),
        body_corner=owner[corners],
        base_faces=base,
        base_ring=ring_of(base, len(kept)),
        halves=halves,
        lift=lift,
        faces=faces,
        ring=ring,
        arm=arm,
        weights=_by_softness(between, ring),
        swing=_swing(points, weights, weights[:, ARM].sum(1) < 0.3, hip, knee),
        trunk=_places(high & (arm < 0.4)),
        arms=_places(arm > 0.7),
        legs=_places(high & (where[:, 1] < points[marks.crotch, 1] + 0.08)),
        marks=Landmarks(
            crotch=int(owner[marks.crotch]),
            pit=int(owner[marks.pit]),
            nape=(int(owner[marks.nape[0]]), int(owner[marks.nape[1]])),
            armpit=(int(owner[marks.armpit[0]]), int(owner[marks.armpit[1]])),
        ),
    )


def _places(chosen: np.ndarray) -> Int32[np.ndarray, " some"]:
    return np.nonzero(chosen)[0].astype(np.int32)


def _swell(points: np.ndarray, owner: np.ndarray, kept: np.ndarray, faces: np.ndarray) -> Float32[np.ndarray, " base"]:
    """How far each vertex must stand out so that what it stands for lies inside, metres."""
    gone = np.nonzero((points != kept[owner]).any(1))[0]
    found = np.zeros(len(kept))
    np.maximum.at(found, owner[gone], outside(points[gone].astype(np.float64), kept.astype(np.float64), faces))
    return np.minimum(found, SWELL).astype(np.float32)


def _by_softness(weights: Float32[np.ndarray, "vert 22"], ring: Ring) -> tuple[SparseRows, SparseRows, SparseRows]:
    """TIGHT, SOFT and STIFF."""
    found = []
    for times in SMOOTHING:
        rows = np.pad(weights, ((0, 0), (0, -NUM_JOINTS % 3)))
        smooth(rows, ring, times)
        if times:
            _stiffen_ends(rows)
        found.append(strongest(rows))
    return found[0], found[1], found[2]


def _landmarks(points: np.ndarray, weights: np.ndarray, joints: np.ndarray, faces: np.ndarray) -> Landmarks:
    """Found by place and weights, never by number."""
    shoulder, neck = float(joints[[16, 17], 1].mean()), joints[12]
    middle = np.abs(points[:, 0]) < 0.02
    front = middle & (points[:, 2] > neck[2]) & (points[:, 1] > shoulder + 0.01) & (points[:, 1] < shoulder + 0.12)
    away = 0.42 * float(np.abs(joints[[16, 17], 0]).mean())
    beside = [np.abs(side * points[:, 0] - away) < 0.012 for side in (1, -1)]
    return Landmarks(
        crotch=_least(points[:, 1], _on_both_sides(points, faces) & (weights[:, :3].sum(1) > 0.5)),
        pit=_least(points[:, 2], front),
        nape=(_least(-points[:, 1], beside[0]), _least(-points[:, 1], beside[1])),
        armpit=(
            _least(points[:, 1], np.abs(weights[:, 16] - 0.5) < 0.2),
            _least(points[:, 1], np.abs(weights[:, 17] - 0.5) < 0.2),
        ),
    )


def _on_both_sides(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Vertices of faces that reach from left to right, or from the middle plane: thighs that nearly touch do not."""
    x, found = points[:, 0][faces], np.zeros(len(points), dtype=bool)
    found[faces[(x.min(1) < 1e-5) & (x.max(1) > -1e-5)]] = True
    return found


def _least(values: np.ndarray, among: np.ndarray) -> int:
    return int(np.argmin(np.where(among, values, np.inf)))


def _body_weights(arrays: BodyArrays) -> Float32[np.ndarray, "vert 22"]:
    """Skinning weights with those of fingers, jaw and eyes given to the nearest joint of the body above them."""
    weights = arrays.weights[:, :NUM_JOINTS].copy()
    for joint in range(NUM_JOINTS, arrays.weights.shape[1]):
        above = int(arrays.parents[joint])
        while above >= NUM_JOINTS:
            above = int(arrays.parents[above])
        weights[:, above] += arrays.weights[:, joint]
    return weights / weights.sum(1, keepdims=True)


def _swing(
    points: np.ndarray, weights: np.ndarray, among: np.ndarray, hip: float, knee: float
) -> Float32[np.ndarray, "3 place"]:
    """Shares of thighs and shins in the skin's weights, by height; see `Form.swing`."""
    shins = weights[:, [4, 5, 7, 8]].sum(1)
    thighs = weights[:, [1, 2]].sum(1) + shins
    apart = among & (np.abs(points[:, 0]) > 0.35 * np.abs(points[among, 0]).max())
    depth = points[:, 2] - np.median(points[apart, 2])
    found = np.empty((3, _NUM_SWING), dtype=np.float32)
    for row, (middle, share, on) in enumerate(
        ((hip, thighs, apart & (depth > 0.02)), (hip, thighs, apart & (depth < -0.02)), (knee, shins, among))
    ):
        heights = middle + SWING - 0.01 * np.arange(_NUM_SWING)
        near = np.exp(-(((points[on, 1] - heights[:, None]) / 0.012) ** 2))
        total = near.sum(1)
        mean = (near * share[on]).sum(1) / np.maximum(total, 1e-9)
        found[row] = np.maximum.accumulate(np.where(total > 0.05, mean, 0.0))
    return found


def _stiffen_ends(weights: Float32[np.ndarray, "vert joint"]) -> None:
    """Loose cuffs and hems do not turn with hands and feet: they go with forearms and shins."""
    for end, above in ((20, 18), (21, 19), (7, 4), (8, 5), (10, 4), (11, 5)):
        weights[:, above] += weights[:, end]
        weights[:, end] = 0


def _lifted(points: np.ndarray, faces: np.ndarray, halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All vertices with the middles of edges on the curve that the normals suggest, and how far that lifts them."""
    normals = surface_normals(points, faces)
    a, b = halves.T
    step = points[b] - points[a]
    lift = ((step * normals[b]).sum(1) - (step * normals[a]).sum(1)) / 8
    around = normals[a] + normals[b]
    around /= np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-6)
    middles = 0.5 * (points[a] + points[b]) + lift[:, None] * around
    return np.concatenate([points, middles]), np.concatenate([np.zeros(len(points)), lift]).astype(np.float32)


def ring_of(faces: Int32[np.ndarray, "face 3"], count: int) -> Ring:
    """The neighbours along edges."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    start = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(pairs[:, 0], minlength=count), out=start[1:])
    return Ring(start=start, neighbour=np.ascontiguousarray(pairs[:, 1], dtype=np.int32))


def smooth(
    values: Float32[np.ndarray, "vert channel"], ring: Ring, times: int, among: np.ndarray | None = None
) -> None:
    """Replace each row by the mean of itself and its neighbours' mean, `times` times, in place.

    Args:
        values: changed; a multiple of three channels.
        ring: neighbours.
        times: how often.
        among: rows to change; all if not given.
    """
    rows = np.arange(len(values), dtype=np.int32) if among is None else among
    _smooth(values, values.copy(), ring.start, ring.neighbour, rows, times)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _smooth(values, other, start, neighbour, rows, times):
    half = np.float32(0.5)
    old, new = values, other
    for _ in range(times):
        for i in range(rows.shape[0]):
            v = np.uint64(rows[i])
            first, last = start[v], start[v + np.uint64(1)]
            share = half / np.float32(max(last - first, 1))
            for base in range(0, values.shape[1], 3):
                x, y, z = np.float32(0), np.float32(0), np.float32(0)
                for k in range(np.uint64(first), np.uint64(last)):
                    w = np.uint64(neighbour[k])
                    x += old[w, base]
                    y += old[w, base + 1]
                    z += old[w, base + 2]
                new[v, base] = half * old[v, base] + share * x
                new[v, base + 1] = half * old[v, base + 1] + share * y
                new[v, base + 2] = half * old[v, base + 2] + share * z
        old, new = new, old
    if times % 2:
        values[:] = old
