"""Who carries a vertex: a few joints and their shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

__all__ = ["MAX_JOINTS", "SparseRows", "mix", "strongest"]

MAX_JOINTS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseRows:
    """The joints that count most for each vertex, the strongest first, and their shares, which add up to 1."""

    joint: Int32[np.ndarray, "vert 8"]
    weight: Float32[np.ndarray, "vert 8"]


def strongest(weights: Float32[np.ndarray, "vert joint"]) -> SparseRows:
    """The strongest of each row, scaled to add up to 1."""
    joint, weight = np.zeros((len(weights), MAX_JOINTS), np.int32), np.zeros((len(weights), MAX_JOINTS), np.float32)
    _strongest(weights, joint, weight)
    return SparseRows(joint=joint, weight=weight)


def mix(
    rows: SparseRows,
    ends: Int32[np.ndarray, "room 2"],
    share: Float32[np.ndarray, " room"],
    used: Int32[np.ndarray, " vert"],
    num_joints: int,
    joint: Int32[np.ndarray, "more_room 8"],
    weight: Float32[np.ndarray, "more_room 8"],
) -> None:
    """Write rows that lie between two rows each.

    Args:
        rows: what is mixed.
        ends: which two rows.
        share: of the second.
        used: the places in `ends` to look at.
        num_joints: of the skeleton.
        joint: written, from its beginning.
        weight: written, from its beginning.
    """
    _mix(rows.joint, rows.weight, ends, share, used, num_joints, joint, weight)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _pick(row, joint, weight, v):
    """Write the strongest of a dense row, in order."""
    most, n = joint.shape[1], 0
    for k in range(most):
        joint[v, k], weight[v, k] = 0, 0
    for j in range(row.shape[0]):
        w = row[j]
        if w < np.float32(1e-4) or (n == most and weight[v, most - 1] >= w):
            continue
        k = n if n < most else most - 1
        while k > 0 and weight[v, k - 1] < w:
            joint[v, k], weight[v, k] = joint[v, k - 1], weight[v, k - 1]
            k -= 1
        joint[v, k], weight[v, k] = j, w
        n = min(n + 1, most)
    total = np.float32(0)
    for k in range(most):
        total += weight[v, k]
    for k in range(most):
        weight[v, k] /= total


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _strongest(weights, joint, weight):
    for v in range(weights.shape[0]):
        _pick(weights[v], joint, weight, v)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _mix(joints, weights, ends, share, used, count, joint, weight):
    row = np.zeros(count, dtype=np.float32)
    for v in range(used.shape[0]):
        a, b, t = ends[used[v], 0], ends[used[v], 1], share[used[v]]
        if t == 0 or a == b:
            for k in range(joint.shape[1]):
                joint[v, k], weight[v, k] = joints[a, k], weights[a, k]
            continue
        row[:] = 0
        for k in range(joint.shape[1]):
            row[joints[a, k]] += (1 - t) * weights[a, k]
            row[joints[b, k]] += t * weights[b, k]
        _pick(row, joint, weight, v)
