"""Beards: the skin of chin and cheeks, cut along a smooth line and lifted, with tufts; they follow the jaw."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from mien.body.reading import BodyArrays
from mien.synth.figure import Figure, Piece
from mien.synth.looks.atlas import atlas_of, head_plane
from mien.synth.looks.face_regions import Face
from mien.synth.looks.fields import curve, inside, ramp
from mien.synth.looks.hair_texture import strand_texture
from mien.synth.looks.look import Look
from mien.synth.looks.memo import once_per_body
from mien.synth.looks.noise import noise
from mien.synth.looks.patches import Patch, cut
from mien.synth.looks.scalp import Scalp
from mien.synth.looks.shapes import Build
from mien.synth.looks.strands import Locks, ribbons

__all__ = ["beard"]

_THICK = {"short": 0.0055, "full": 0.012, "goatee": 0.008, "moustache": 0.006, "long": 0.014}
"""Metres, by kind (see `BEARDS`); stubble is painted."""


@once_per_body
def _patches(arrays: BodyArrays) -> dict[str, tuple[Patch, Float32[np.ndarray, "vert 2"]]]:
    """By kind: where it grows, and its place on the unrolled head."""
    face, atlas = Face(arrays), atlas_of(arrays)
    plane = head_plane(arrays.v_template, face.origin).astype(np.float64)
    half = face.beard()
    area = inside(plane, np.concatenate([half, (half * [-1, 1])[::-1]]))
    lips = inside(plane, curve(face.marks[31:43], 72, closed=True))
    whole = np.minimum(area, -lips - 0.0022)
    allowed = (atlas.part == 1) & ~atlas.hidden
    corner, mouth = np.abs(face.marks[31:43, 0]).max(), face.mouth
    side, up = np.abs(plane[:, 0]), plane[:, 1]
    above = np.minimum(up - mouth[1] + 0.35 * np.maximum(side - corner, 0) + 0.001, corner + 0.011 - side)
    around = 0.03 * (1.15 - np.hypot(side / (corner + 0.010), (up - face.chin[1] - 0.018) / 0.048))
    fields = {
        "full": whole,
        "goatee": np.minimum(whole, np.maximum(around, above)),
        "moustache": np.minimum(whole, above),
    }
    found = {}
    for kind, field in fields.items():
        patch = cut(arrays, field.astype(np.float64), allowed)
        found[kind] = patch, patch.of(plane).astype(np.float32)
    return found


def beard(rng: np.random.Generator, figure: Figure, look: Look, scalp: Scalp) -> list[Piece]:
    """What grows on somebody's face; nothing for stubble."""
    if look.beard not in _THICK:
        return []
    patch, plane = _patches(figure.arrays)["full" if look.beard in ("short", "long") else look.beard]
    if not len(patch.faces):
        return []
    thick = _THICK[look.beard] * rng.uniform(0.75, 1.3)
    base, normal = patch.of(figure.vertices), patch.normals(figure.vertices)
    low = ramp(plane[:, 1], -0.07, -0.12)
    strand = noise(np.stack([plane[:, 0], 0.25 * plane[:, 1], 0 * low], 1), 0.006, int(rng.integers(1 << 16)), 2)
    height = 0.0012 + thick * np.sqrt(ramp(patch.value, 0, 0.7 * thick + 0.006)) * (0.7 + 0.5 * low) * (
        1 + 0.3 * strand
    )
    out = normal + np.array([0.0, -0.35, 0.0]) * low[:, None]
    points = base + height[:, None] * out
    uv = np.stack([np.abs((plane[:, 0] * 9 + 1) % 2 - 1), np.clip(0.16 - 4.5 * (plane[:, 1] + 0.05), 0.12, 0.9)], 1)
    texture = strand_texture(rng, look.hair, look.hair, 0.4)
    shade = 0.80 + 0.14 * ramp(patch.value, 0, 0.01)
    found = patch.piece(
        "beard",
        points,
        colour=np.repeat(shade[:, None], 3, 1).astype(np.float32),
        uv=uv[patch.faces].astype(np.float32),
        texture=texture,
    )
    if look.beard in ("full", "long"):
        return [found, _tufts(rng, patch, points, out, thick, scalp, texture, look.beard == "long")]
    return [found]


def _tufts(
    rng: np.random.Generator,
    patch: Patch,
    points: Float[np.ndarray, "vert 3"],
    out: Float[np.ndarray, "vert 3"],
    thick: float,
    scalp: Scalp,
    texture: np.ndarray,
    long: bool,
) -> Piece:
    """Locks at the rim of chin and jaw that break the outline."""
    chin = points[:, 1] < np.percentile(points[:, 1], 45)
    chance = (patch.value > 0.008) & chin & (points[:, 2] > scalp.origin[2])
    if not chance.any():
        chance = np.ones(len(points), dtype=bool)
    rows = rng.choice(np.nonzero(chance)[0], 64)
    start = points[rows] - 0.5 * thick * out[rows] + rng.normal(0, 0.0015, (64, 3))
    reach = (rng.uniform(0.05, 0.12) if long else 1.6 * thick) * rng.uniform(0.7, 1.1, 64)
    way = out[rows] * 0.45 + [0, -1.0, 0.1] + rng.normal(0, 0.08, (64, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    share = np.linspace(0, 1, 5)
    drop = share**1.5
    curves = start[:, None] + reach[:, None, None] * (way[:, None] * share[None, :, None] * 0.9)
    curves[..., 1] -= 0.25 * reach[:, None] * drop
    curves[..., 0] -= (start[:, 0] - scalp.origin[0])[:, None] * 0.35 * share * long
    locks = Locks(start=start, heading=way, length=reach, width=0.011 if long else 0.009, tip=0.2)
    build = Build()
    u = rng.uniform(0, 0.8, (64, 1, 1)) + 0.14 * np.array([0.0, 0.5, 1.0])
    uv = np.stack(np.broadcast_arrays(u, (0.2 + 0.75 * share)[None, :, None]), -1)
    shade = rng.uniform(0.8, 1.0, (64, 1, 1, 1))
    build.add(ribbons(curves.astype(np.float32), locks, scalp), uv, shade)
    per = 5 * 3
    return build.piece(
        "beard", np.repeat(patch.joint[rows], per, 0), np.repeat(patch.weight[rows], per, 0), texture, two_sided=True
    )
