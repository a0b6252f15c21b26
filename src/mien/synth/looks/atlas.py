"""Where each spot of the body's skin lies in a texture: a layout of our own that gives hands, face and eyes most room.

Bodies' own texture coordinates spend a few texels on a finger, and files may lack them. Ours are made from the rest
pose alone: the skin is cut into charts by the joints that carry it, the head is unrolled around the vertical, and
all else is seen flat from its two sides. What no view shows (mouth, nostrils, sockets) lies on ramps, by depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int8, Int32

from mien.body.joints import SMPLX_JOINTS
from mien.body.reading import BodyArrays
from mien.errors import BodyError
from mien.synth.figure import surface_normals
from mien.synth.looks.hands import hand_of
from mien.synth.looks.layout import GAP, fill, grow, pack, plant
from mien.synth.looks.memo import once_per_body

__all__ = [
    "CHARTS",
    "RAMP",
    "SIZE",
    "Atlas",
    "atlas_of",
    "face_landmarks",
    "head_origin",
    "head_plane",
    "part_of_faces",
]

SIZE = 512
"""Texels along a side of the texture."""
RAMP = 32
"""Texels along a ramp, the nearer to the opening the lower."""
RAMP_DEPTH = {"mouth": 0.024, "nose": 0.012, "socket": 0.010}
"""Metres behind the visible surface at the end of each ramp."""
_HIDDEN = 0.0022
_AROUND = 0.105

CHARTS: dict[str, tuple[str, tuple[int, int, int], float]] = {
    "left_eye": ("left_eye", (0, 0, 1), 0.5),
    "right_eye": ("right_eye", (0, 0, 1), 0.5),
    "left_hand_back": ("left_hand", (0, 1, 0), 1.1),
    "left_hand_palm": ("left_hand", (0, -1, 0), 1.1),
    "right_hand_back": ("right_hand", (0, 1, 0), 1.1),
    "right_hand_palm": ("right_hand", (0, -1, 0), 1.1),
    "left_thumb_back": ("left_thumb", (0, 0, 0), 1.1),
    "left_thumb_palm": ("left_thumb", (0, 0, 0), 1.1),
    "right_thumb_back": ("right_thumb", (0, 0, 0), 1.1),
    "right_thumb_palm": ("right_thumb", (0, 0, 0), 1.1),
    "left_foot_top": ("left_foot", (0, 1, 0), 2.2),
    "left_foot_sole": ("left_foot", (0, -1, 0), 4.0),
    "right_foot_top": ("right_foot", (0, 1, 0), 2.2),
    "right_foot_sole": ("right_foot", (0, -1, 0), 4.0),
    "left_arm_top": ("left_arm", (0, 1, 0), 3.6),
    "left_arm_under": ("left_arm", (0, -1, 0), 3.6),
    "right_arm_top": ("right_arm", (0, 1, 0), 3.6),
    "right_arm_under": ("right_arm", (0, -1, 0), 3.6),
    "torso_front": ("torso", (0, 0, 1), 4.5),
    "torso_back": ("torso", (0, 0, -1), 5.5),
    "left_leg_front": ("left_leg", (0, 0, 1), 6.0),
    "left_leg_back": ("left_leg", (0, 0, -1), 7.0),
    "right_leg_front": ("right_leg", (0, 0, 1), 6.0),
    "right_leg_back": ("right_leg", (0, 0, -1), 7.0),
    "head": ("head", (0, 0, 0), 0.8),
}
"""By chart: the part that it shows, the direction from which it is seen, and the relative size of its texels.

Directions that are zero are special: thumbs are seen from where the nail faces, the head is unrolled."""

_PARTS = ("torso", "head", "left_arm", "right_arm", "left_hand", "right_hand", "left_leg", "right_leg")
_PARTS += ("left_foot", "right_foot", "left_eye", "right_eye", "left_thumb", "right_thumb")
_JOINTS = {
    "head": (12, 15, 22),
    "left_arm": (16, 18),
    "right_arm": (17, 19),
    "left_hand": (20, *range(25, 38)),
    "right_hand": (21, *range(40, 53)),
    "left_leg": (1, 4),
    "right_leg": (2, 5),
    "left_foot": (7, 10),
    "right_foot": (8, 11),
    "left_eye": (23,),
    "right_eye": (24,),
    "left_thumb": (38, 39),
    "right_thumb": (53, 54),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Atlas:
    """The layout of a body's skin, and what lies at each texel that is used."""

    uv: Float32[np.ndarray, "face 3 2"]
    texel: Int32[np.ndarray, " texel"]
    """Place in the flattened texture, ascending."""
    chart: Int8[np.ndarray, " texel"]
    """Number in `CHARTS`; the three ramps follow."""
    point: Float32[np.ndarray, "texel 3"]
    """Of the template, metres."""
    normal: Float32[np.ndarray, "texel 3"]
    face: Int32[np.ndarray, " texel"]
    weight: Float32[np.ndarray, "texel 3"]
    """Of the corners of the face."""
    depth: Float32[np.ndarray, " texel"]
    """On ramps: metres behind the visible surface; 0 elsewhere."""
    part: Int8[np.ndarray, " face"]
    """Which part each face belongs to: see `part_of_faces`."""
    hidden: Bool[np.ndarray, " face"]
    """Faces in mouth, nostrils and sockets."""

    def of(self, *charts: str) -> Bool[np.ndarray, " texel"]:
        """Which texels lie in any of these charts; ramps are `ramp_mouth`, `ramp_nose`, `ramp_socket`."""
        names = [*CHARTS, *(f"ramp_{kind}" for kind in RAMP_DEPTH)]
        return np.isin(self.chart, [names.index(chart) for chart in charts])

    def spread(self, values: Float[np.ndarray, "vert *c"], faces: Int[np.ndarray, "face 3"]) -> np.ndarray:
        """What is known at the body's vertices, at each texel."""
        corners = faces[self.face]
        weight = self.weight.reshape(*self.weight.shape, *[1] * (values.ndim - 1))
        return (values[corners] * weight).sum(1)


def _no_face(arrays: BodyArrays) -> BodyError:
    todo = "choose an SMPL-X body, or the open one"
    return BodyError(f"{arrays.path} has no face and no fingers", expected="a body of the SMPL-X family", todo=todo)


def part_of_faces(arrays: BodyArrays) -> Int8[np.ndarray, " face"]:
    """For each face, the number of the part whose joints carry it most; 0 is the torso, 1 the head, and so on.

    Raises:
        BodyError: the body has no face and no fingers.
    """
    if arrays.weights.shape[1] < len(SMPLX_JOINTS):
        raise _no_face(arrays)
    shares = np.zeros((len(arrays.v_template), len(_PARTS)), dtype=np.float32)
    for i, part in enumerate(_PARTS[1:], start=1):
        shares[:, i] = arrays.weights[:, list(_JOINTS[part])].sum(1)
    shares[:, 0] = 1 - shares.sum(1)
    return shares[arrays.faces].sum(1).argmax(1).astype(np.int8)


def head_plane(
    points: Float[np.ndarray, "*any 3"], origin: Float[np.ndarray, "3"], around: Float[np.ndarray, "..."] | None = None
) -> Float32[np.ndarray, "*any 2"]:
    """The head unrolled: metres to the person's left of the nose, and metres above the origin.

    Args:
        points: of the head.
        origin: on the vertical that it is unrolled around, at the height of the brows.
        around: angles about the vertical to stay within half a turn of, radians.
    """
    x, y, z = np.moveaxis(points - origin, -1, 0)
    angle, out = np.arctan2(x, z), np.hypot(x, z)
    if around is not None:
        angle = angle + 2 * np.pi * np.rint((around - angle) / (2 * np.pi))
    above = _AROUND * np.arctan2(y, out)
    return np.stack([_AROUND * angle, np.where(y > 0, above, y)], -1).astype(np.float32)


def face_landmarks(vertices: Float[np.ndarray, "vert 3"], arrays: BodyArrays) -> Float32[np.ndarray, "51 3"]:
    """The fixed landmarks of a face: brows, nose, eyes, lips.

    Raises:
        BodyError: the body has none.
    """
    if arrays.lmk_faces_idx is None or arrays.lmk_bary_coords is None:
        raise _no_face(arrays)
    corners = vertices[arrays.faces[arrays.lmk_faces_idx]]
    return (corners * arrays.lmk_bary_coords[..., None]).sum(1).astype(np.float32)


@once_per_body
def atlas_of(arrays: BodyArrays) -> Atlas:
    """The layout for a body, from its template."""
    part = part_of_faces(arrays)
    flat, height, chart = (
        np.zeros((len(part), 3, 2), np.float32),
        np.zeros((len(part), 3), np.float32),
        np.zeros(len(part), np.int8),
    )
    _lay_flat(arrays, part, flat, height, chart)
    ramp, depth = _hidden(arrays, part == 1, flat, height)
    chart[ramp >= 0] = len(CHARTS) + ramp[ramp >= 0]
    scales = [scale * 1e-3 for _, _, scale in CHARTS.values()]
    boxes = np.zeros((len(CHARTS), 4), dtype=np.float32)
    for i, scale in enumerate(scales):
        if (chart == i).any():
            low, high = flat[chart == i].min((0, 1)), flat[chart == i].max((0, 1))
            boxes[i] = (*low, *((high - low) / scale))
    zoom, places = pack(boxes[:, 2:], SIZE, SIZE - 3 * (GAP + 3))
    texel = np.zeros((len(part), 3, 2), dtype=np.float32)
    for i, scale in enumerate(scales):
        texel[chart == i] = (flat[chart == i] - boxes[i, :2]) * (zoom / scale) + places[i]
    for i in range(len(RAMP_DEPTH)):
        lies = chart == len(CHARTS) + i
        texel[lies, :, 0] = 1 + np.clip(depth[lies], 0, 1) * (RAMP - 2)
        texel[lies, :, 1] = SIZE - (GAP + 3) * (i + 1) + 1.5
    seen = np.full((SIZE, SIZE), -1, dtype=np.int32)
    top, weight = np.full((SIZE, SIZE), -np.inf, np.float32), np.zeros((SIZE, SIZE, 3), np.float32)
    fill(texel, height, np.nonzero(chart < len(CHARTS))[0], top, seen, weight)
    plant(texel, np.nonzero(chart < len(CHARTS))[0], seen, weight)
    grow(seen, weight, GAP)
    return _atlas(arrays, part, chart, texel, seen, weight)


def _atlas(
    arrays: BodyArrays,
    part: Int8[np.ndarray, " face"],
    chart: Int8[np.ndarray, " face"],
    texel: Float32[np.ndarray, "face 3 2"],
    seen: Int32[np.ndarray, "h w"],
    weight: Float32[np.ndarray, "h w 3"],
) -> Atlas:
    """What lies at each texel."""
    number, depth = np.full((SIZE, SIZE), -1, dtype=np.int8), np.zeros((SIZE, SIZE), dtype=np.float32)
    number[seen >= 0] = chart[seen[seen >= 0]]
    for i, reach in enumerate(RAMP_DEPTH.values()):
        row = SIZE - (GAP + 3) * (i + 1)
        seen[row : row + 3, :RAMP], weight[row : row + 3, :RAMP] = 0, 1 / 3
        number[row : row + 3, :RAMP] = len(CHARTS) + i
        depth[row : row + 3, :RAMP] = np.clip((np.arange(RAMP) - 0.5) / (RAMP - 2), 0, 1) * reach
    place = np.nonzero(seen.ravel() >= 0)[0].astype(np.int32)
    face, weight = seen.ravel()[place], weight.reshape(-1, 3)[place]
    corners, normals = arrays.faces[face], surface_normals(arrays.v_template, arrays.faces)
    normal = (normals[corners] * weight[..., None]).sum(1)
    return Atlas(
        uv=(texel / SIZE).astype(np.float32),
        texel=place,
        chart=number.ravel()[place],
        point=(arrays.v_template[corners] * weight[..., None]).sum(1),
        normal=normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9),
        face=face,
        weight=weight,
        depth=depth.ravel()[place],
        part=part,
        hidden=chart >= len(CHARTS),
    )


def head_origin(
    vertices: Float[np.ndarray, "vert 3"], arrays: BodyArrays, marks: Float32[np.ndarray, "51 3"] | None = None
) -> Float32[np.ndarray, "3"]:
    """Between the ears, at the height of the brows. `marks` are the landmarks of the face, if they are known."""
    ears = vertices[arrays.kp_vertex_ids[[3, 4]]]
    brows = (face_landmarks(vertices, arrays) if marks is None else marks)[:10]
    return np.array([ears[:, 0].mean(), brows[:, 1].mean(), ears[:, 2].mean()], dtype=np.float32)


def _lay_flat(
    arrays: BodyArrays,
    part: Int8[np.ndarray, " face"],
    flat: Float32[np.ndarray, "face 3 2"],
    height: Float32[np.ndarray, "face 3"],
    chart: Int8[np.ndarray, " face"],
) -> None:
    """Where each corner lies on its chart in metres (v down), how far out it is, and on which chart."""
    vertices, corners = arrays.v_template, arrays.v_template[arrays.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for i, (name, (title, out, _)) in enumerate(CHARTS.items()):
        mine = part == _PARTS.index(title)
        if title == "head":
            origin = head_origin(vertices, arrays)
            middle = corners[mine].mean(1) - origin
            plane = head_plane(corners[mine], origin, np.arctan2(middle[:, 0], middle[:, 2])[:, None])
            chin = float(face_landmarks(vertices, arrays)[31 + 9, 1] - origin[1]) - 0.045
            flat[mine] = _squeeze(plane, chin)
            height[mine] = np.linalg.norm((corners[mine] - origin) * [1, 0, 1], axis=2)
        else:
            frame = _thumb_frame(name, arrays) if "thumb" in title else _frame(out)
            if "eye" not in title:
                mine &= across @ frame[2] > 0
            flat[mine] = corners[mine] @ frame[:2].T
            height[mine] = corners[mine] @ frame[2]
        chart[mine] = i


def _frame(out: tuple[int, int, int]) -> Float[np.ndarray, "3 3"]:
    """Rows: to the right, down, and towards the viewer, for a view from one side."""
    down = np.array([0.0, 0.0, 1.0]) if out[1] else np.array([0.0, -1.0, 0.0])
    return np.stack([np.array([1.0, 0.0, 0.0]), down, np.array(out, dtype=np.float64)])


def _thumb_frame(name: str, arrays: BodyArrays) -> Float[np.ndarray, "3 3"]:
    """The same for a view onto a thumb's nail, or from the other side."""
    side = 0 if name.startswith("left") else 1
    thumb = hand_of(side, arrays, arrays.v_template, arrays.J_regressor @ arrays.v_template).fingers["thumb"]
    out = thumb.back if name.endswith("back") else -thumb.back
    return np.stack([thumb.along, thumb.across(), out]).astype(np.float64)


def _squeeze(plane: Float32[np.ndarray, "*any 2"], chin: float) -> Float32[np.ndarray, "*any 2"]:
    """Give the face more room than the back of the head, the crown and the neck; v down."""
    side, up = plane[..., 0], plane[..., 1]
    far = np.maximum(np.abs(side) - 0.115, 0)
    above, below = np.maximum(up - 0.02, 0), np.minimum(up - chin, 0)
    return np.stack([side - np.sign(side) * 0.6 * far, -(up - 0.5 * above - 0.6 * below)], -1)


def _hidden(
    arrays: BodyArrays,
    head: Bool[np.ndarray, " face"],
    flat: Float32[np.ndarray, "face 3 2"],
    height: Float32[np.ndarray, "face 3"],
) -> tuple[Int8[np.ndarray, " face"], Float32[np.ndarray, "face 3"]]:
    """Faces in mouth, nostrils and sockets: the ramp they lie on (or -1), and how far along it each corner is."""
    marks, cell = face_landmarks(arrays.v_template, arrays), 0.001
    ramp, depth = np.full(len(head), -1, dtype=np.int8), np.zeros((len(head), 3), dtype=np.float32)
    if not head.any():
        return ramp, depth
    grid = (flat - flat[head].min((0, 1))) / cell + 2
    width, tall = (int(n) + 4 for n in grid[head].max((0, 1)))
    top, seen = np.full((tall, width), -np.inf, np.float32), np.full((tall, width), -1, dtype=np.int32)
    fill(grid, height, np.nonzero(head)[0], top, seen, np.zeros((tall, width, 3), np.float32))
    column, row = np.clip(grid[head].astype(int), 0, [width - 1, tall - 1]).transpose(2, 0, 1)
    behind = np.where(np.isfinite(top[row, column]), top[row, column], height[head]) - height[head]
    middle = arrays.v_template[arrays.faces[head]].mean(1)
    centres = {"mouth": (marks[31:51].mean(0), 0.055), "nose": (marks[14:19].mean(0), 0.024)}
    eyes = {"socket": ((marks[19:25].mean(0), marks[25:31].mean(0)), 0.026)}
    away = {kind: np.linalg.norm(middle - centre, axis=1) / reach for kind, (centre, reach) in centres.items()}
    for kind, (both, reach) in eyes.items():
        away[kind] = np.minimum(*(np.linalg.norm(middle - centre, axis=1) for centre in both)) / reach
    distance = np.stack([away[kind] for kind in RAMP_DEPTH])
    nearest = distance.argmin(0)
    deep = (behind.mean(1) > 0.03) & (distance[0] < 2.4) & (middle[:, 1] > centres["mouth"][0][1] - 0.03)
    nearest = np.where(deep, 0, nearest)
    inside = (behind.mean(1) > _HIDDEN) & (distance.min(0) < 1) | deep
    enclosed = ~inside & ~_largest(arrays.faces[head], ~inside) & (distance.min(0) < 2.4)
    ramp[head] = np.where(inside | enclosed, nearest, -1)
    depth[head] = np.maximum(behind, 0) / np.array(list(RAMP_DEPTH.values()))[nearest][:, None]
    depth[np.nonzero(head)[0][enclosed]] = 0.6
    return ramp, depth


def _largest(faces: Int[np.ndarray, "face 3"], chosen: Bool[np.ndarray, " face"]) -> Bool[np.ndarray, " face"]:
    """Those of the chosen faces that hang together with most others."""
    rows, corners = np.unique(faces[chosen], return_inverse=True)
    corners, label, before = corners.reshape(-1, 3), np.arange(len(rows)), np.full(len(rows), -1)
    while not np.array_equal(before, label):
        before = label.copy()
        np.minimum.at(label, corners, label[corners].min(1, keepdims=True))
        label = label[label]
    found, groups = np.zeros(len(faces), dtype=bool), label[corners[:, 0]]
    found[chosen] = groups == np.bincount(groups).argmax()
    return found
