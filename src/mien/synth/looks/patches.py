"""Parts of the body's surface cut out along smooth lines, to be lifted off: beards and gloves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32, Int64

from mien.body.reading import BodyArrays
from mien.synth.figure import Piece, surface_normals

__all__ = ["Patch", "cut"]

_JOINTS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """Vertices on edges of the body's mesh, faces between them, and what carries them."""

    first: Int64[np.ndarray, " vert"]
    second: Int64[np.ndarray, " vert"]
    share: Float32[np.ndarray, " vert"]
    """Each vertex lies between two of the body's, this far from the first to the second."""
    faces: Int32[np.ndarray, "face 3"]
    value: Float32[np.ndarray, " vert"]
    """Of the field that was cut; 0 along the line."""
    joint: Int32[np.ndarray, "vert 6"]
    weight: Float32[np.ndarray, "vert 6"]
    source: Int64[np.ndarray, " face"]
    """The face of the body that each face was cut from."""
    near: Int64[np.ndarray, " some"]
    """The body's vertices on all faces that touch one of `first` and `second`."""
    near_faces: Int[np.ndarray, "face_around 3"]
    """These faces, in the body's order, as places in `near`."""
    ends: tuple[Int64[np.ndarray, " vert"], Int64[np.ndarray, " vert"]]
    """`first` and `second`, as places in `near`."""

    def of(self, values: Float[np.ndarray, "body_vert *c"]) -> np.ndarray:
        """What is known at the body's vertices, at those of the patch."""
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return values[self.first] * (1 - share) + values[self.second] * share

    def normals(self, vertices: Float32[np.ndarray, "body_vert 3"]) -> np.ndarray:
        """The body's normals (not scaled to unit length between its vertices), of somebody whose body it is."""
        around = surface_normals(vertices[self.near], self.near_faces)
        share = self.share[:, None]
        return around[self.ends[0]] * (1 - share) + around[self.ends[1]] * share

    def piece(self, kind: str, vertices: Float[np.ndarray, "vert 3"], **surface: object) -> Piece:
        """A piece with these vertices."""
        points = np.ascontiguousarray(vertices, dtype=np.float32)
        return Piece(kind=kind, vertices=points, faces=self.faces, joint=self.joint, weight=self.weight, **surface)  # pyright: ignore


def cut(arrays: BodyArrays, field: Float[np.ndarray, " body_vert"], allowed: Bool[np.ndarray, " body_face"]) -> Patch:
    """The part of the allowed faces where a field at the body's vertices is positive, cut where it is zero."""
    source = np.nonzero(allowed & (field[arrays.faces] > 0).any(1))[0]
    faces = arrays.faces[source]
    positive = field[faces] > 0
    corners: list[np.ndarray] = []
    origin: list[np.ndarray] = []
    for count in (1, 2, 3):
        rows = positive.sum(1) == count
        chosen, inside = faces[rows], positive[rows]
        lone = inside.argmax(1) if count == 1 else (~inside).argmax(1)
        a, b, c = (np.take_along_axis(chosen, (lone[:, None] + k) % 3, 1)[:, 0] for k in range(3))
        if count == 3:
            corners.append(np.stack([np.stack([x, x], 1) for x in (a, b, c)], 1))
        elif count == 1:
            corners.append(np.stack([np.stack([a, a], 1), np.stack([a, b], 1), np.stack([a, c], 1)], 1))
        else:
            corners.append(np.stack([np.stack([b, b], 1), np.stack([c, c], 1), np.stack([c, a], 1)], 1))
            corners.append(np.stack([np.stack([b, b], 1), np.stack([c, a], 1), np.stack([b, a], 1)], 1))
            origin.append(source[rows])
        origin.append(source[rows])
    edges = np.concatenate(corners).reshape(-1, 2)
    ordered = np.where((field[edges[:, :1]] >= field[edges[:, 1:]]), edges, edges[:, ::-1])
    places, index = np.unique(ordered, axis=0, return_inverse=True)
    first, second = places.T
    gap = np.maximum(field[first] - field[second], 1e-12)
    share = np.where(first == second, 0, np.clip(field[first] / gap, 0, 1)).astype(np.float32)
    weights = arrays.weights[first] * (1 - share[:, None]) + arrays.weights[second] * share[:, None]
    joint = np.argsort(-weights, axis=1, kind="stable")[:, :_JOINTS]
    weight = np.take_along_axis(weights, joint, 1)
    used = np.zeros(len(field), dtype=bool)
    used[places] = True
    around = arrays.faces[used[arrays.faces].any(1)]
    near, near_faces = np.unique(around, return_inverse=True)
    return Patch(
        first=first.astype(np.int64),
        second=second.astype(np.int64),
        share=share,
        faces=index.reshape(-1, 3).astype(np.int32),
        value=(field[first] * (1 - share) + field[second] * share).astype(np.float32),
        joint=joint.astype(np.int32),
        weight=(weight / weight.sum(1, keepdims=True)).astype(np.float32),
        source=np.concatenate(origin).astype(np.int64),
        near=near.astype(np.int64),
        near_faces=np.ascontiguousarray(near_faces.reshape(-1, 3), dtype=arrays.faces.dtype),
        ends=(np.searchsorted(near, first), np.searchsorted(near, second)),
    )
