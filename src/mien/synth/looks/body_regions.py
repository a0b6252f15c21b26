"""Masks of the whole skin: unevenness, folds, places where blood, sun or age show."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32, Int

from mien.body.reading import BodyArrays
from mien.synth.figure import surface_normals
from mien.synth.looks.atlas import Atlas
from mien.synth.looks.fields import blob, ramp
from mien.synth.looks.noise import dots, noise

__all__ = ["body_planes", "hollows"]

Plane = Float[np.ndarray, " texel"]


def body_planes(arrays: BodyArrays, atlas: Atlas) -> dict[str, Plane]:
    """Masks for each texel: 0..1, and -1..1 for the three grains."""
    skin = ~atlas.of("left_eye", "right_eye", "ramp_mouth", "ramp_nose", "ramp_socket")
    point = atlas.point
    fine = hollows(arrays.v_template, arrays.faces, 3) * (0.0055 / _spacing(arrays)) ** 2
    broad = hollows(arrays.v_template, arrays.faces, 24)
    face = np.clip(arrays.weights[:, [15, 22]].sum(1) * 2 - 1, 0, 1)
    concave = 0.9 * np.clip(fine / 0.0010, 0, 1) + 0.3 * face * np.clip((broad - 0.002) / 0.0070, 0, 1)
    ridge = np.clip(-fine / 0.0012, 0, 1)
    found = {
        "hollow": np.clip(atlas.spread(concave.astype(np.float32), arrays.faces), 0, 1),
        "ridge": np.clip(atlas.spread(ridge.astype(np.float32), arrays.faces), 0, 1),
        "grain_broad": np.clip(noise(point, 0.09, 1, 2), -1, 1),
        "grain": np.clip(noise(point, 0.016, 2, 3), -1, 1),
        "grain_fine": np.clip(noise(point, 0.0042, 6, 2), -1, 1),
        "blotch": ramp(noise(point, 0.035, 8, 3), 0.1, 0.6),
        "age_spot": _spots(point, 0.017, 0.0034, 51, 0.45),
        "shoulder_freckle": _spots(point, 0.009, 0.0025, 52, 0.7) * _sunny(arrays, point),
        "mole": _spots(point, 0.085, 0.0026, 53, 0.55),
        "mole_few": _spots(point, 0.15, 0.0030, 54, 0.55),
    }
    found |= _by_joint(arrays, atlas)
    return {name: (values * skin).astype(np.float32) for name, values in found.items()}


def _spacing(arrays: BodyArrays) -> Float32[np.ndarray, " vert"]:
    """Mean length of the edges at each vertex, at least 5.5 mm."""
    total, count = np.zeros(len(arrays.v_template)), np.ones(len(arrays.v_template))
    for k in range(3):
        a, b = arrays.faces[:, k], arrays.faces[:, (k + 1) % 3]
        np.add.at(total, a, np.linalg.norm(arrays.v_template[a] - arrays.v_template[b], axis=1))
        np.add.at(count, a, 1)
    return np.maximum(total / count, 0.0055).astype(np.float32)


def hollows(
    vertices: Float[np.ndarray, "vert 3"], faces: Int[np.ndarray, "face 3"], times: int
) -> Float32[np.ndarray, " vert"]:
    """How far below the smoothed surface each vertex lies, metres (ridges are negative)."""
    smooth = vertices.astype(np.float64)
    for _ in range(times):
        total, count = smooth.copy(), np.ones(len(smooth))
        _add_neighbours(smooth, faces, total, count)
        smooth = total / count[:, None]
    return ((smooth - vertices) * surface_normals(vertices, faces)).sum(1).astype(np.float32)


def _spots(point: Float32[np.ndarray, "texel 3"], size: float, radius: float, seed: int, share: float) -> np.ndarray:
    """Round spots, of which only a share of the possible places has one."""
    depth, which = dots(point, size, radius, seed)
    return ramp(depth, 0.0, 0.45) * (which < share)


def _sunny(arrays: BodyArrays, point: np.ndarray) -> np.ndarray:
    """Shoulders, upper back, forearms and face."""
    joints = arrays.J_regressor @ arrays.v_template
    found = np.zeros(len(point))
    for joint, reach in ((16, 0.13), (17, 0.13), (18, 0.22), (19, 0.22), (15, 0.16)):
        found = np.maximum(found, blob(point, joints[joint], reach))
    return found


def _by_joint(arrays: BodyArrays, atlas: Atlas) -> dict[str, np.ndarray]:
    """What lies at a place of the skeleton: elbows, knees, chest, and where a shirt and shorts keep the sun off."""
    joints, point, normal = arrays.J_regressor @ arrays.v_template, atlas.point, atlas.normal
    vertices, weights = arrays.v_template, arrays.weights
    rough, inner = np.zeros(len(point)), np.zeros(len(point))
    for joint, face, reach in ((18, -1, 0.045), (19, -1, 0.045), (4, 1, 0.055), (5, 1, 0.055)):
        place = joints[joint] + np.array([0, 0, face * 0.04])
        rough = np.maximum(rough, blob(point, place, reach) * ramp(normal[:, 2] * face, 0.0, 0.6))
        inner = np.maximum(inner, blob(point, joints[joint] - [0, 0, face * 0.04], 0.05))
    for joint in (7, 8):
        heel = joints[joint] + np.array([0, -0.05, -0.05])
        rough = np.maximum(rough, 0.8 * blob(point, heel, 0.035))
    areola = np.zeros(len(point))
    trunk = weights[:, [3, 6, 9, 13, 14]].sum(1) > 0.5
    high, low = joints[16, 1] - 0.06, joints[6, 1] + 0.01
    half = abs(joints[16, 0])
    for sign in (1, -1):
        x = sign * vertices[:, 0]
        breast = trunk & (x > 0.30 * half) & (x < 0.85 * half) & (vertices[:, 1] > low) & (vertices[:, 1] < high)
        if breast.any():
            peak = vertices[np.nonzero(breast)[0][vertices[breast, 2].argmax()]]
            away = np.linalg.norm(point - peak, axis=1)
            areola = np.maximum(areola, ramp(away, 0.021, 0.013) * (0.75 + 0.25 * ramp(away, 0.008, 0.004)))
    of = {name: atlas.spread(weights[:, list(ids)].sum(1), arrays.faces) for name, ids in _WORN.items()}
    elbow = abs(float(joints[18, 0]))
    sleeve = ramp(np.abs(point[:, 0]), 0.72 * elbow, 0.72 * elbow - 0.012)
    shirt = (
        np.clip(of["trunk"] + of["upper_arms"], 0, 1)
        * sleeve
        * ramp(point[:, 1], joints[12, 1] - 0.02, joints[12, 1] - 0.05)
    )
    shorts = of["thighs"] * ramp(point[:, 1], joints[4, 1] + 0.10, joints[4, 1] + 0.12)
    feet = of["feet"]
    return {
        "rough": rough,
        "inner": inner,
        "areola": areola * (of["trunk"] > 0.3),
        "tan": np.clip(np.maximum(np.maximum(shirt, shorts), feet), 0, 1),
    }


_WORN = {
    "trunk": (0, 3, 6, 9, 13, 14),
    "upper_arms": (16, 17),
    "thighs": (1, 2),
    "feet": (7, 8, 10, 11),
}


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _add_neighbours(points, faces, total, count):
    for f in range(faces.shape[0]):
        for k in range(3):
            a, b = faces[f, k], faces[f, (k + 1) % 3]
            count[a] += 1
            for c in range(3):
                total[a, c] += points[b, c]
