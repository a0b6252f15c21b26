"""Where the parts of a face are on the skin: masks from the landmarks, for each texel that is used."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from mien.body.reading import BodyArrays
from mien.synth.looks.atlas import Atlas, face_landmarks, head_origin, head_plane
from mien.synth.looks.fields import blob, curve, inside, near, ramp, to_path
from mien.synth.looks.noise import noise
from mien.synth.looks.skull import ears_of

__all__ = ["BROWS", "Face", "face_planes"]

BROWS = {"brow_thin": (0.0019, 0.0012, 0.0012), "brow_even": (0.0029, 0.0016, 0.0), "brow_full": (0.0043, 0.0026, 0.0)}
"""By kind: half the height at the inner end and near the outer one, and how much higher it is arched; metres."""
Plane = Float[np.ndarray, " texel"]
_MIRROR = np.array([-1.0, 1.0])


class Face:
    """The landmarks of the template on the unrolled head (metres; left of the nose, above the brows)."""

    def __init__(self, arrays: BodyArrays) -> None:
        self.origin = head_origin(arrays.v_template, arrays)
        self.marks = head_plane(face_landmarks(arrays.v_template, arrays), self.origin).astype(np.float64)
        self.ears = ears_of(arrays)
        self.nose_base = self.marks[14:19].mean(0)
        self.mouth = self.marks[43:51].mean(0)
        self.chin = self.mouth - [0, 1.45 * (self.nose_base - self.mouth)[1]] - [0, 0.012]

    def both(self, path: Float[np.ndarray, "corner 2"]) -> list[Float[np.ndarray, "corner 2"]]:
        """A path on the person's left, and its mirror image."""
        return [path, path * _MIRROR]

    def brow(self, side: int, arch: float = 0.0) -> Float[np.ndarray, "40 2"]:
        """From the inner end outwards; side 0 is the person's right."""
        path = self.marks[4::-1].copy() if side == 0 else self.marks[5:10].copy()
        eye = self.marks[19:25] if side == 0 else self.marks[25:31]
        lid = eye[:, 1].mean()
        rise = path[:, 1].max() - lid
        least = lid + rise * np.array([0.80, 0.86, 0.93, 0.86, 0.66])
        path[:, 1] = np.clip(path[:, 1], least, lid + rise * np.array([0.86, 0.93, 1.0, 1.0, 1.0]))
        path[:, 1] += arch * np.array([0.0, 0.4, 1.0, 0.8, 0.0])
        return curve(path, 40)

    def lids(self, side: int) -> tuple[Float[np.ndarray, "24 2"], Float[np.ndarray, "24 2"]]:
        """Edges of the upper and the lower lid, from the inner corner outwards."""
        eye = self.marks[19:25] if side == 0 else self.marks[25:31]
        upper, lower = (
            eye[[3, 2, 1, 0]] if side == 0 else eye[:4],
            eye[[3, 4, 5, 0]] if side == 0 else eye[[0, 5, 4, 3]],
        )
        return curve(upper, 24), curve(lower, 24)

    def hairline(self, recede: float = 0.0) -> Float[np.ndarray, "corner 2"]:
        """Where hair begins, from the middle of the forehead over the person's left to the nape.

        Args:
            recede: metres by which the temples lie back.
        """
        ear, scale = self.ears, 0.105
        top, middle = scale * np.tan(ear.top) * 0.8, scale * np.tan((ear.top + ear.bottom) / 2) * 0.8
        low = scale * np.tan(ear.bottom) * 0.8
        front, back = scale * ear.front, scale * ear.back
        height = 0.8 * (self.marks[:10, 1].max() - self.nose_base[1])
        half = scale * np.pi
        points = [
            (0.0, height + 0.3 * recede),
            (0.022, height - 0.001 + 0.5 * recede),
            (0.046, height + 0.002 + recede),
            (0.066, height - 0.010 + 0.8 * recede),
            (0.086, height - 0.024 + 0.3 * recede),
            (front - 0.034, 0.006),
            (front - 0.024, top + 0.002),
            (front - 0.018, top - 0.010),
            (front - 0.012, 0.6 * top + 0.4 * middle),
            (front - 0.006, top - 0.010),
            (front - 0.001, top - 0.002),
            (front + 0.008, top + 0.006),
            ((front + back) / 2 + 0.008, top + 0.010),
            (back + 0.010, top - 0.004),
            (back + 0.016, middle),
            (back + 0.026, low - 0.004),
            (back + 0.05, low - 0.022),
            (half - 0.06, low - 0.032),
            (half, low - 0.036),
        ]
        return curve(np.array(points), 160)

    def beard(self) -> Float[np.ndarray, "corner 2"]:
        """Outline of a beard on the person's left, from the nose round to the throat."""
        front, low = 0.105 * self.ears.front, 0.105 * np.tan(self.ears.bottom) * 0.8
        top = 0.105 * np.tan((self.ears.bottom + self.ears.top) / 2) * 0.8
        lips = self.marks[31:43]
        wing = self.marks[18] if self.marks[18, 0] > 0 else self.marks[14] * _MIRROR
        x, y = abs(lips[:, 0]).max(), self.mouth[1]
        points = [
            (0.0, self.nose_base[1] - 0.004),
            (wing[0], wing[1] - 0.003),
            (x + 0.006, y + 0.010),
            (x + 0.014, y - 0.002),
            (x + 0.034, y + 0.004),
            (front - 0.038, (y + top) / 2 + 0.006),
            (front - 0.024, top),
            (front - 0.010, top),
            (front - 0.006, low),
            (front - 0.012, low - 0.024),
            (front - 0.045, self.chin[1] - 0.006),
            (front - 0.09, self.chin[1] - 0.024),
            (0.0, self.chin[1] - 0.030),
        ]
        return curve(np.array(points), 64)


def face_planes(arrays: BodyArrays, atlas: Atlas) -> dict[str, Plane]:
    """Every mask of head and eyes, 0..1, one value for each texel."""
    face, head = Face(arrays), atlas.of("head")
    plane = head_plane(atlas.point[head], face.origin).astype(np.float64)
    found: dict[str, np.ndarray] = {}
    for make in (_lips, _eyes_around, _brows, _wrinkles, _hair, _warmth):
        found |= make(face, plane, atlas.point[head], atlas.normal[head])
    planes = {name: _put(head, values) for name, values in found.items()}
    for ramp_planes in (_ramps(atlas), _eyeballs(arrays, atlas)):
        for name, values in ramp_planes.items():
            planes[name] = np.maximum(planes[name], values) if name in planes else values
    planes["ear"] = _ear(arrays, atlas)
    return planes


def _put(where: Bool[np.ndarray, " texel"], values: np.ndarray) -> Plane:
    whole = np.zeros(len(where), dtype=np.float32)
    whole[where] = values
    return whole


def _lips(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    outline, gap = curve(face.marks[31:43], 72, closed=True), face.marks[[43, 44, 45, 46, 47]].copy()
    gap[1:4, 1] = (face.marks[44:47, 1] + face.marks[50:47:-1, 1]) / 2
    gap[0, 0] -= 0.002
    gap[-1, 0] += 0.002
    distance = _within(plane, outline, 0.03)
    upper = ramp(plane[:, 1] - np.interp(plane[:, 0], gap[:, 0], gap[:, 1]), -0.001, 0.002)
    lips = ramp(distance, -0.0009, 0.0012)
    return {
        "lips": lips,
        "lip_upper": lips * upper,
        "lip_gap": near(plane, gap, 0.0022),
        "lip_rim": ramp(np.abs(distance + 0.001), 0.0035, 0.0005) * (1 - lips),
    }


def _within(plane: np.ndarray, outline: np.ndarray, margin: float) -> np.ndarray:
    """`inside`, worked out near the outline only; -margin elsewhere."""
    low, high = outline.min(0) - margin, outline.max(0) + margin
    here, found = ((plane > low) & (plane < high)).all(1), np.full(len(plane), -margin, dtype=np.float32)
    found[here] = inside(plane[here], outline)
    return found


def _eyes_around(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    names = ("lash", "liner", "eye_shadow", "under_eye", "lid", "bag")
    found = {name: np.zeros(len(plane), dtype=np.float32) for name in names}
    for side in (0, 1):
        upper, lower = face.lids(side)
        outward = -1.0 if side == 0 else 1.0
        centre = (upper.mean(0) + lower.mean(0)) / 2
        here = (np.abs(plane - centre) < [0.035, 0.03]).all(1)
        p = plane[here]
        above, along, turned = to_path(p, upper)
        above = above * np.where(turned * outward > 0, 1, -1)
        below, low_along, turned = to_path(p, lower)
        below = below * np.where(turned * outward < 0, 1, -1)
        ends = ramp(along, 0.0, 0.15)
        wing = ramp(to_path(p, np.stack([upper[-1], upper[-1] + [0.004 * outward, 0.0016]]))[0], 0.0014, 0.0004)
        lash = ramp(np.abs(above), 0.0021, 0.0008) * (0.4 + 0.6 * ends)
        low_lash = ramp(np.abs(below), 0.0016, 0.0004) * 0.45 * ramp(low_along, 0.15, 0.5)
        found["lash"][here] = np.maximum(np.maximum(lash, low_lash), 0.6 * wing)
        found["liner"][here] = np.maximum(ramp(np.abs(above - 0.0006), 0.0032, 0.0016) * ends, wing)
        brow = np.interp(p[:, 0] * outward, face.brow(side)[:, 0] * outward, face.brow(side)[:, 1]) - 0.004
        room = np.clip((p[:, 1] - brow) / -0.012, 0, 1)
        reach = ramp(np.abs(p[:, 0] - centre[0]), 0.024, 0.013)
        found["eye_shadow"][here] = ramp(above, 0.012, 0.002) * ramp(above, -0.0015, 0.0005) * room * reach
        found["lid"][here] = ramp(above, 0.0048, 0.003) * ramp(above, -0.0015, 0.0005) * reach
        found["under_eye"][here] = ramp(below, 0.011, 0.002) * ramp(below, -0.001, 0.001) * reach
        found["bag"][here] = ramp(np.abs(below - 0.0095), 0.0022, 0.0003) * reach
    return found


def _brows(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    """Hairs side by side: upright at the inner end, lying along the brow further out."""
    found = {}
    for name, (inner, outer, arch) in BROWS.items():
        total = np.zeros(len(plane), dtype=np.float32)
        for side in (0, 1):
            path, outward = face.brow(side, arch), -1.0 if side == 0 else 1.0
            here = ((plane > path.min(0) - 0.008) & (plane < path.max(0) + 0.008)).all(1)
            distance, along, turned = to_path(plane[here], path)
            up = distance * turned * outward
            length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
            half = np.interp(along, [0, 0.12, 0.5, 0.8, 1], [0.7 * inner, inner, inner, outer, 0.25 * outer])
            lean = np.interp(along, [0, 0.25, 1], [0.25, 1.1, 2.2])
            strand = along * length - up * lean
            hair = noise(np.stack([strand, up * 0.12, np.full_like(up, side)], 1), 0.0021, 11, 2)
            edge = ramp(
                np.abs(up) + 0.0006 * noise(np.stack([strand, 0 * up, 0 * up], 1), 0.0017, 5, 1),
                half * 1.25,
                half * 0.55,
            )
            ends = ramp(along, -0.01, 0.07) * ramp(along, 1.0, 0.93)
            total[here] = edge * ends * np.clip(0.85 + 0.5 * hair, 0.4, 1)
        found[name] = total
    return found


def _wrinkles(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    lines = np.zeros(len(plane), dtype=np.float32)
    top, paths = face.marks[:10, 1].max(), []
    x = np.linspace(-0.042, 0.042, 14)
    for k, height in enumerate((0.016, 0.027, 0.038)):
        wave = 0.0018 * np.sin(70 * x + 2 * k) - 0.9 * x**2
        paths.append((np.stack([x, top + height + wave], 1), 0.0021, 0.8))
    frown = np.array([[0.006, top - 0.014], [0.0075, top - 0.004], [0.006, top + 0.006]])
    fold = curve(
        np.array([face.marks[18], face.marks[37] + [0.007, 0.008], face.marks[37] + [0.009, -0.004]]) * 1.0, 12
    )
    fold[:, 0] += 0.003
    mouth = face.marks[37] + [0.004, -0.003]
    paths += [(p, 0.0034, 0.55) for p in face.both(frown)] + [(p, 0.0050, 0.8) for p in face.both(fold)]
    paths += [(p, 0.0036, 0.5) for p in face.both(np.stack([mouth, mouth + np.array([0.003, -0.012])]))]
    corner = face.marks[28]
    for turn in (0.55, 0.05, -0.45):
        away = np.array([np.cos(turn), np.sin(turn)])
        crow = np.stack([corner + 0.007 * away, corner + 0.014 * away + [0, 0.001], corner + 0.020 * away])
        paths += [(p, 0.0026, 0.55) for p in face.both(crow)]
    for path, width, depth in paths:
        lines = np.maximum(lines, depth * near(plane, path, width))
    return {"wrinkle": lines, "fold": np.maximum(*(near(plane, path, 0.005) for path in face.both(fold)))}


def _hair(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    """Scalp and beard, with hairs that thin out at the edge."""
    side = np.abs(plane[:, 0])
    grain = noise(point, 0.0022, 3, 2)
    fibre = noise(np.stack([plane[:, 0], plane[:, 1] * 0.18, np.zeros(len(plane))], 1), 0.0032, 4, 2)
    found = {}
    for name, recede in (("scalp", 0.0), ("scalp_receding", 0.026)):
        line = face.hairline(recede)
        distance, _, turned = to_path(np.stack([side, plane[:, 1]], 1), line)
        found[name] = ramp(distance * turned + 0.003 * fibre + 0.0015 * grain, -0.003, 0.010)
    away, height = np.abs(np.arctan2(plane[:, 0], 0.105)), plane[:, 1]
    bald = ramp(height + 0.02 * (side < 0.11) + 0.01 * grain, 0.040, 0.055) + ramp(side, 0.10, 0.06) * ramp(
        height, 0.0, 0.02
    )
    found["scalp_ring"] = found["scalp"] * np.clip(1 - bald, 0, 1) * (away > 0)
    whole = face.beard()
    shape = np.concatenate([whole, (whole * _MIRROR)[::-1]])
    area = ramp(inside(plane, shape) + 0.004 * fibre, -0.004, 0.010)
    lips = ramp(_within(plane, curve(face.marks[31:43], 72, closed=True), 0.03), -0.004, -0.001)
    found["beard"] = area * (1 - lips)
    found["stubble"] = found["beard"] * np.clip(0.78 + 0.5 * grain, 0, 1)
    return found


def _warmth(face: Face, plane: np.ndarray, point: np.ndarray, normal: np.ndarray) -> dict[str, np.ndarray]:
    """Where blood shows, where make-up goes, where the sun burns and where it does not reach."""
    tip, eye = face.marks[13], face.marks[28]
    cheek = np.array([0.62 * eye[0] + 0.018, 0.45 * face.nose_base[1] + 0.55 * eye[1] - 0.010])
    red, rouge = np.zeros(len(plane)), np.zeros(len(plane))
    for path in face.both(cheek[None]):
        red = np.maximum(red, blob(plane, path[0], (0.020, 0.016)))
        rouge = np.maximum(rouge, blob(plane, path[0] + [0.010 * np.sign(path[0, 0]), 0.004], (0.020, 0.012)))
    red = np.maximum(red, 0.9 * blob(plane, tip + np.array([0, -0.004]), (0.016, 0.011)))
    red = np.maximum(red, 0.5 * blob(plane, face.chin + np.array([0, 0.012]), (0.018, 0.014)))
    under = ramp(normal[:, 1], -0.35, -0.85) * ramp(plane[:, 1], face.mouth[1], face.mouth[1] - 0.02)
    sun = np.maximum(blob(plane, cheek * [0, 1], (0.075, 0.02)), 0.7 * blob(plane, np.array([0, 0.03]), (0.06, 0.02)))
    spots = ramp(noise(point, 0.0042, 21, 2), 0.42, 0.72) * np.clip(sun, 0, 1)
    dark = np.maximum(
        *(blob(plane, path[0], (0.009, 0.007)) for path in face.both(face.marks[28:29] * [0.42, 1] + [0, 0.004]))
    )
    wing = face.marks[18]
    base = np.maximum(*(blob(plane, path[0], (0.0045, 0.005)) for path in face.both(wing[None] + [0.001, 0.004])))
    return {"red": red, "rouge": rouge, "chin_shade": under, "freckle": spots, "socket_shade": dark, "nose_shade": base}


def _ramps(atlas: Atlas) -> dict[str, Plane]:
    """What opens only at times: lips to gums to throat; nostrils; the inside of the lids."""
    mouth, nose, socket = (atlas.of(f"ramp_{kind}").astype(np.float32) for kind in ("mouth", "nose", "socket"))
    return {
        "lips": mouth * ramp(atlas.depth, 0.009, 0.005),
        "mouth": mouth * ramp(atlas.depth, 0.004, 0.009),
        "throat": mouth * ramp(atlas.depth, 0.006, 0.020),
        "nostril": nose * ramp(atlas.depth, 0.001, 0.007),
        "socket": socket * ramp(atlas.depth, 0.0, 0.004),
    }


def _eyeballs(arrays: BodyArrays, atlas: Atlas) -> dict[str, Plane]:
    names = ("eye", "iris", "iris_rim", "iris_core", "iris_fibre", "pupil", "glint", "eye_red", "eye_shade", "caruncle")
    found = {name: np.zeros(len(atlas.texel), dtype=np.float32) for name in names}
    for chart, joint, inner in (("left_eye", 23, -1.0), ("right_eye", 24, 1.0)):
        here = atlas.of(chart)
        if not here.any():
            continue
        own = arrays.v_template[arrays.weights[:, joint] > 0.5]
        centre, radius = (own.max(0) + own.min(0)) / 2, float(np.ptp(own[:, 0])) / 2
        x, y, _ = ((atlas.point[here] - centre) / radius).T
        away, angle = np.hypot(x, y), np.arctan2(y, x)
        size = 0.385
        ray = noise(np.stack([np.cos(angle) * 2.6, np.sin(angle) * 2.6, away * 2], 1), 0.35, 7, 2)
        found["eye"][here] = 1
        found["iris"][here] = ramp(away, size + 0.03, size - 0.03)
        found["iris_rim"][here] = ramp(np.abs(away - size), 0.10, 0.01) * found["iris"][here]
        found["iris_core"][here] = ramp(away, 0.30, 0.14) * found["iris"][here]
        found["iris_fibre"][here] = found["iris"][here] * np.clip(0.5 + 0.8 * ray, 0, 1)
        found["pupil"][here] = ramp(away, 0.175, 0.115)
        found["glint"][here] = ramp(np.hypot(x + 0.15, y - 0.17), 0.11, 0.05)
        found["eye_red"][here] = ramp(np.abs(x), 0.45, 0.95)
        found["eye_shade"][here] = ramp(y, 0.05, 0.42)
        found["caruncle"][here] = ramp(np.hypot(x - 0.86 * inner, y + 0.16), 0.30, 0.12)
    return found


def _ear(arrays: BodyArrays, atlas: Atlas) -> Float32[np.ndarray, " texel"]:
    """Ears, soft at their roots."""
    vertex = np.zeros(len(arrays.v_template), dtype=np.float32)
    vertex[np.unique(arrays.faces[ears_of(arrays).faces])] = 1
    return atlas.spread(vertex, arrays.faces) * atlas.of("head")
