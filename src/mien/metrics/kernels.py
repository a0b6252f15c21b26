"""The compiled inner loops of mesh errors: each mesh is read once for a mean, not once for each step of it.

Sums are double precision whatever the meshes are. `ids` says which vertices count.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

__all__ = ["mean_distances", "mean_moved_distances", "moments", "regress", "segment_distances"]

_FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def mean_distances(ours, theirs, ids, shift, found):
    """Mean of |ours[i, v] + shift[i] - theirs[i, v]| over ids, into `found` (batch,)."""
    for i in range(ours.shape[0]):
        sx, sy, sz = shift[i, 0], shift[i, 1], shift[i, 2]
        total = 0.0
        for k in range(len(ids)):
            v = ids[k]
            x = np.float64(ours[i, v, 0]) - np.float64(theirs[i, v, 0]) + sx
            y = np.float64(ours[i, v, 1]) - np.float64(theirs[i, v, 1]) + sy
            z = np.float64(ours[i, v, 2]) - np.float64(theirs[i, v, 2]) + sz
            total += np.sqrt(x * x + y * y + z * z)
        found[i] = total / len(ids)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def segment_distances(ours, theirs, segment, shift, found):
    """The same mean for each segment of the mesh: `segment` (vert,) counts from 0, `found` is (batch, segment)."""
    count = np.zeros(found.shape[1])
    for v in range(len(segment)):
        count[segment[v]] += 1
    for i in range(ours.shape[0]):
        sx, sy, sz = shift[i, 0], shift[i, 1], shift[i, 2]
        found[i] = 0
        for v in range(len(segment)):
            x = np.float64(ours[i, v, 0]) - np.float64(theirs[i, v, 0]) + sx
            y = np.float64(ours[i, v, 1]) - np.float64(theirs[i, v, 1]) + sy
            z = np.float64(ours[i, v, 2]) - np.float64(theirs[i, v, 2]) + sz
            found[i, segment[v]] += np.sqrt(x * x + y * y + z * z)
        for s in range(found.shape[1]):
            found[i, s] = found[i, s] / max(count[s], 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def moments(ours, theirs, ids, means, covariance, spread):
    """What a similarity is made of: both means (batch, 2, 3), ours^T theirs / n about them (batch, 3, 3), and the sum
    over axes of the variance of ours (batch,)."""
    count = len(ids)
    for i in range(ours.shape[0]):
        a0 = a1 = a2 = b0 = b1 = b2 = 0.0
        for k in range(count):
            v = ids[k]
            a0 += np.float64(ours[i, v, 0])
            a1 += np.float64(ours[i, v, 1])
            a2 += np.float64(ours[i, v, 2])
            b0 += np.float64(theirs[i, v, 0])
            b1 += np.float64(theirs[i, v, 1])
            b2 += np.float64(theirs[i, v, 2])
        a0, a1, a2, b0, b1, b2 = a0 / count, a1 / count, a2 / count, b0 / count, b1 / count, b2 / count
        xx = xy = xz = yx = yy = yz = zx = zy = zz = square = 0.0
        for k in range(count):
            v = ids[k]
            x, y, z = ours[i, v, 0] - a0, ours[i, v, 1] - a1, ours[i, v, 2] - a2
            p, q, r = theirs[i, v, 0] - b0, theirs[i, v, 1] - b1, theirs[i, v, 2] - b2
            square += x * x + y * y + z * z
            xx += x * p
            xy += x * q
            xz += x * r
            yx += y * p
            yy += y * q
            yz += y * r
            zx += z * p
            zy += z * q
            zz += z * r
        means[i, 0, 0], means[i, 0, 1], means[i, 0, 2] = a0, a1, a2
        means[i, 1, 0], means[i, 1, 1], means[i, 1, 2] = b0, b1, b2
        covariance[i, 0, 0], covariance[i, 0, 1], covariance[i, 0, 2] = xx / count, xy / count, xz / count
        covariance[i, 1, 0], covariance[i, 1, 1], covariance[i, 1, 2] = yx / count, yy / count, yz / count
        covariance[i, 2, 0], covariance[i, 2, 1], covariance[i, 2, 2] = zx / count, zy / count, zz / count
        spread[i] = square / count


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def mean_moved_distances(ours, theirs, ids, linear, translation, found):
    """Mean of |linear[i] @ ours[i, v] + translation[i] - theirs[i, v]| over ids, into `found` (batch,)."""
    for i in range(ours.shape[0]):
        m, t = linear[i], translation[i]
        total = 0.0
        for k in range(len(ids)):
            v = ids[k]
            a, b, c = np.float64(ours[i, v, 0]), np.float64(ours[i, v, 1]), np.float64(ours[i, v, 2])
            x = m[0, 0] * a + m[0, 1] * b + m[0, 2] * c + t[0] - theirs[i, v, 0]
            y = m[1, 0] * a + m[1, 1] * b + m[1, 2] * c + t[1] - theirs[i, v, 1]
            z = m[2, 0] * a + m[2, 1] * b + m[2, 2] * c + t[2] - theirs[i, v, 2]
            total += np.sqrt(x * x + y * y + z * z)
        found[i] = total / len(ids)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def regress(mesh, columns, weights, joints):
    """Joints (batch, joint, 3) as weighted sums of the vertices `columns`; weights of 0 cost next to nothing."""
    joints[:] = 0
    for i in range(mesh.shape[0]):
        for j in range(weights.shape[0]):
            x = y = z = 0.0
            for k in range(len(columns)):
                w = weights[j, k]
                if w != 0:
                    v = columns[k]
                    x += w * mesh[i, v, 0]
                    y += w * mesh[i, v, 1]
                    z += w * mesh[i, v, 2]
            joints[i, j, 0], joints[i, j, 1], joints[i, j, 2] = x, y, z
