"""Named places on the skin that hands go to: cheek, hip, knee ... found on any body by its joints, not by vertex ids.

A spot is the vertex where a ray from inside leaves the body, in the rest pose of the mean shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from mien.body.reading import BodyArrays
from mien.synth.bones import Carried
from mien.synth.figure import surface_normals

__all__ = ["Spots", "find_spots"]

_TRUNK, _HEAD = (0, 3, 6, 9, 13, 14), (12, 15, 22)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spots(Carried):
    """Vertices with names, and how joints move them."""

    index: dict[str, int]
    vertex: Int64[np.ndarray, "spot"]
    normal: Float64[np.ndarray, "spot 3"]
    """Outwards, at rest."""
    owner: Int64[np.ndarray, "spot"]
    """The joint with the largest weight."""


def find_spots(arrays: BodyArrays) -> Spots:
    """The spots of a body."""
    points, part = arrays.v_template.astype(np.float64), arrays.weights.argmax(1)
    joints = arrays.J_regressor.astype(np.float64) @ points
    chosen: dict[str, int] = {}

    def add(name: str, parts: tuple[int, ...], start: np.ndarray, direction: tuple[float, float, float]) -> None:
        members = np.nonzero(np.isin(part, parts))[0]
        way = np.array(direction) / np.linalg.norm(direction)
        offset = points[members] - start
        ahead = offset @ way
        away = np.linalg.norm(offset - np.outer(ahead, way), axis=1)
        away = away + np.where(ahead > 0, 0, 1)
        outermost = np.argmax(
            np.where(away < away.min() + 0.012, ahead - 3 * away, -1)
        )  # not a vertex inside the mouth
        chosen[name] = int(members[outermost])

    def mix(a: int, b: int, share: float) -> np.ndarray:
        return joints[a] + share * (joints[b] - joints[a])

    waist, chest = mix(3, 6, 0.3), mix(9, 12, 0.45)
    add("belly", _TRUNK, waist, (0, 0, 1))
    add("back", _TRUNK, waist, (0, 0, -1))
    add("sternum", _TRUNK, chest, (0, 0, 1))
    nose, eye = points[arrays.kp_vertex_ids[0]], points[arrays.kp_vertex_ids[1:3]].mean(0)
    step = abs(eye[1] - nose[1])
    middle = joints[15] * (1, 0, 1)
    for name, rise, way in (
        ("chin", nose[1] - 1.45 * step, (0, -0.1, 1)),
        ("mouth", nose[1] - 0.85 * step, (0, 0, 1)),
        ("forehead", eye[1] + 1.1 * step, (0, 0, 1)),
        ("nape", joints[12][1] + 0.3 * step, (0, 0, -1)),
        ("back_head", eye[1], (0, 0, -1)),
        ("crown", eye[1], (0, 1, 0)),
    ):
        add(name, _HEAD, middle + np.array([0.0, rise, 0.0]), way)
    for side, sign in ((0, 1.0), (1, -1.0)):
        hip, knee, ankle, shoulder, elbow, wrist = (j + side for j in (1, 4, 7, 16, 18, 20))
        tag = ("left_", "right_")[side]
        add(tag + "waist", _TRUNK, mix(3, 6, -0.1), (sign, 0, 0.15))
        add(tag + "hip", (*_TRUNK, hip), mix(hip, 3, 0.25), (sign, 0, -0.1))
        add(tag + "chest", _TRUNK, chest + np.array([0.55 * (joints[shoulder][0] - chest[0]), 0, 0]), (0, 0, 1))
        add(tag + "side", _TRUNK, mix(6, 9, 0.8), (sign, 0, 0.1))
        add(tag + "thigh", (hip, knee), mix(hip, knee, 0.62), (0, 0, 1))
        add(tag + "knee", (hip, knee), joints[knee], (0, 0, 1))
        add(tag + "thigh_side", (hip,), mix(hip, knee, 0.35), (sign, 0, 0))
        add(tag + "shin", (knee, ankle), mix(knee, ankle, 0.45), (0, 0, 1))
        add(tag + "upper_arm", (shoulder,), mix(shoulder, elbow, 0.72), (0, 0.5, 1))
        add(tag + "elbow", (shoulder, elbow), joints[elbow], (0, 0, -1))
        add(tag + "forearm", (elbow,), mix(elbow, wrist, 0.5), (0, 1, 0.3))
        add(tag + "shoulder", (shoulder, 13 + side, 9), joints[shoulder], (0, 1, 0))
        ear = points[arrays.kp_vertex_ids[4 - side]]
        chosen[tag + "ear"] = int(arrays.kp_vertex_ids[4 - side])
        jaw = np.array([0.0, nose[1] - 0.6 * step, joints[15][2]])
        add(tag + "cheek", _HEAD, jaw, (sign, 0.1, 0.85))
        add(tag + "jaw", _HEAD, jaw - (0, 0.7 * step, 0), (sign, -0.1, 0.7))
        add(tag + "temple", _HEAD, np.array([0.0, eye[1] + 0.4 * step, ear[2]]), (sign, 0.1, 0.75))
        add(tag + "head_side", _HEAD, np.array([0.0, eye[1] + 1.2 * step, ear[2]]), (sign, 0.3, -0.2))
    vertex = np.array(list(chosen.values()), dtype=np.int64)
    weights = arrays.weights[vertex].astype(np.float64)
    weights /= weights.sum(1, keepdims=True)
    row, joint = np.nonzero(weights)
    return Spots(
        index={name: i for i, name in enumerate(chosen)},
        vertex=vertex,
        normal=surface_normals(arrays.v_template, arrays.faces)[vertex].astype(np.float64),
        owner=weights.argmax(1).astype(np.int64),
        start=np.searchsorted(row, np.arange(len(vertex) + 1)).astype(np.int64),
        joint=joint.astype(np.int64),
        weight=weights[row, joint],
    )
