"""Vertices that are keypoints: nose, eyes, ears, finger tips, toes and heels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from assets import Floats, Ints, Mask
from body import Body
from pose import normalise
from skeleton import FINGERS, SIDES, Skeleton

__all__ = ["SMPLX_VERTEX_IDS", "key_vertices", "known_vertex_order"]

SMPLX_VERTEX_IDS: Mapping[str, int] = {
    **{"nose": 9120, "reye": 9929, "leye": 9448, "rear": 616, "lear": 6},
    **{"rthumb": 8079, "rindex": 7669, "rmiddle": 7794, "rring": 7905, "rpinky": 8022},
    **{"lthumb": 5361, "lindex": 4933, "lmiddle": 5058, "lring": 5169, "lpinky": 5286},
    **{"LBigToe": 5770, "LSmallToe": 5780, "LHeel": 8846, "RBigToe": 8463, "RSmallToe": 8474, "RHeel": 8635},
}
"""The numbers of these vertices in SMPL-X, which other people's code has hard-coded."""


def key_vertices(body: Body, skeleton: Skeleton) -> dict[str, int]:
    """By keypoint: the vertex that stands for it, found by its place on the mean person."""
    x, y, z = body.vertices.T
    is_head = body.moved_by(["head"]) > 0.5
    height_below_eyes = body.joint("left_eye_smplhf")[1] - y
    is_nose = is_head & (np.abs(x) < 0.004) & (np.abs(height_below_eyes - 0.035) < 0.02)
    keys = {"nose": _extreme(is_nose, z)}
    for side, sign in SIDES.items():
        small, large = side[0], side[0].upper()
        keys[f"{small}eye"] = _extreme(body.moved_by([f"{side}_eye_smplhf"]) > 0.5, z)
        keys[f"{small}ear"] = _extreme(is_head & (x * sign > 0), x * sign)
        for finger in FINGERS:
            along = normalise(body.joint(f"{side}_{finger}3") - body.joint(f"{side}_{finger}2"))
            keys[f"{small}{finger}"] = _extreme(body.moved_by([f"{side}_{finger}3"]) > 0.5, body.vertices @ along)
        keys[f"{large}BigToe"] = _extreme(np.isin(body.vertex_ids, skeleton.toe_tips[f"{side}_big"]), z)
        keys[f"{large}SmallToe"] = _extreme(np.isin(body.vertex_ids, skeleton.toe_tips[f"{side}_small"]), z)
        is_heel = (body.moved_by([f"{side}_ankle"]) > 0.5) & (y < body.joint(f"{side}_ankle")[1] - 0.03)
        keys[f"{large}Heel"] = _extreme(is_heel, -z)
    return keys


def known_vertex_order(keys: Mapping[str, int], num_vertices: int) -> Ints:
    """Order (vert,) that puts every keypoint at its number in `SMPLX_VERTEX_IDS`, by swapping pairs of vertices."""
    assert len(set(keys.values())) == len(keys), "two keypoints share a vertex"
    order = np.arange(num_vertices)
    for name, wanted in SMPLX_VERTEX_IDS.items():
        current = int(np.flatnonzero(order == keys[name])[0])
        order[[current, wanted]] = order[[wanted, current]]
    return order


def _extreme(mask: Mask, score: Floats) -> int:
    """The vertex of highest score (vert,) among those of the mask (vert,)."""
    allowed = np.flatnonzero(mask)
    return int(allowed[np.argmax(score[allowed])])
