"""People drawn over their picture: meshes, skeletons, boxes. Each function gives a new picture; they can be chained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from mien.body.joints import FINGERS, NUM_OUTPUT_JOINTS, OUTPUT_JOINTS, SMPLX_JOINTS
from mien.errors import InputError
from mien.render.mesh import Mesh
from mien.render.raster import check_picture, paint
from mien.render.shade import STUDIO, Lights, person_colours

__all__ = ["SIDE_COLOURS", "draw_boxes", "draw_people", "draw_skeletons"]

SIDE_COLOURS = {"left": (86, 180, 233), "right": (240, 140, 20), "": (235, 235, 235)}
"""RGB of the person's own left, right, and middle."""
_SHIFT = 4
_FARTHEST = 2.0**20
"""Pixels; joints farther out are drawn there."""
_FACE = range(OUTPUT_JOINTS.index("face_landmark_0"), NUM_OUTPUT_JOINTS)


def draw_people(
    picture: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    K: np.ndarray,
    *,
    colours: np.ndarray | None = None,
    opacity: float = 1.0,
    lights: Lights = STUDIO,
    samples: int = 2,
) -> np.ndarray:
    """The picture with everyone's mesh over it, the nearer before the farther.

    Args:
        picture: (h, w, 3) uint8 RGB; left as it is.
        vertices: (person, vert, 3) metres, in the camera frame (x right, y down, z forward).
        faces: (face, 3).
        K: (3, 3) the camera, pixels.
        colours: (person, 3) RGB, 0..1; by default colours that tell people apart.
        opacity: 0..1.
        lights: directional lights in the camera frame.
        samples: 2 smooths edges with 2 x 2 samples a pixel, 1 is faster.

    Raises:
        InputError: a person's vertices are no numbers (the message says whose), or the picture or K is wrong.
    """
    check_picture(picture)
    colours = person_colours(len(vertices)) if colours is None else colours
    if len(colours) != len(vertices):
        raise InputError(f"{len(colours)} colours for {len(vertices)} people", expected="one for each")
    drawn = np.array(picture, order="C")
    meshes = [
        Mesh(vertices=mesh, faces=faces, colour=colour, opacity=opacity)
        for mesh, colour in zip(vertices, colours, strict=True)
    ]
    paint(drawn, meshes, K, lights=lights, samples=samples)
    return drawn


def draw_skeletons(
    picture: np.ndarray, joints: np.ndarray, parents: Sequence[int], *, size: float | None = None
) -> np.ndarray:
    """The picture with everyone's bones and fingers, left and right in `SIDE_COLOURS`, and the face as dots.

    Args:
        picture: (h, w, 3) uint8 RGB; left as it is.
        joints: (person, joint, 2) pixels: the skeleton's joints first; 144 joints add finger tips, toes and the face.
        parents: of each joint of the skeleton, as `BodyModel.parents`; -1 for the root.
        size: thickness of a limb in pixels; by default it follows the size of each person.

    Raises:
        InputError: a joint is no number, there are fewer joints than parents, or the picture is wrong.
    """
    import cv2

    check_picture(picture)
    if not np.isfinite(joints).all():
        who = int(np.argmin(np.isfinite(joints).reshape(len(joints), -1).all(1)))
        raise InputError(f"person {who} has joints that are no numbers", expected="pixels", todo="leave them out")
    if joints.shape[1] < len(parents):
        raise InputError(f"{joints.shape[1]} joints for {len(parents)} parents", expected="all joints of the skeleton")
    drawn = np.array(picture, order="C")
    line = {"lineType": cv2.LINE_AA, "shift": _SHIFT}
    for person in joints:
        thick = size or float(np.clip(0.012 * np.ptp(person[: len(parents)], axis=0).max(), 1, max(picture.shape) / 60))
        places = np.rint(np.clip(person, -_FARTHEST, _FARTHEST) * 2**_SHIFT).astype(int)
        for joint, parent, side, is_fine in _bones(tuple(parents), len(person) == NUM_OUTPUT_JOINTS):
            width = max(1, round(thick * (0.4 if is_fine else 1)))
            start, end = tuple(places[parent].tolist()), tuple(places[joint].tolist())
            cv2.line(drawn, start, end, (20, 20, 20), width + 2, **line)
            cv2.line(drawn, start, end, SIDE_COLOURS[side], width, **line)
        radius = round(max(0.3 * thick, 0.8) * 2**_SHIFT)
        for joint in _FACE if len(person) == NUM_OUTPUT_JOINTS else ():
            cv2.circle(drawn, tuple(places[joint].tolist()), radius, (255, 255, 255), -1, **line)
    return drawn


@cache
def _bones(parents: tuple[int, ...], has_tips: bool) -> list[tuple[int, int, str, bool]]:
    """Joint, parent, side, and whether it is as small as a finger; without jaw and eyes, which the face shows."""
    names = SMPLX_JOINTS
    bones = []
    for joint, parent in enumerate(parents):
        name = names[joint]
        if parent >= 0 and not (len(parents) == len(names) and ("eye" in name or name == "jaw")):
            bones.append((joint, parent, _side(name), any(finger in name for finger in FINGERS)))
    if has_tips:
        tips = [(f"{s}_{finger}", f"{s}_{finger}3") for s in ("left", "right") for finger in FINGERS]
        tips += [(f"{s}_{toe}", f"{s}_foot") for s in ("left", "right") for toe in ("big_toe", "small_toe")]
        tips += [(f"{s}_heel", f"{s}_ankle") for s in ("left", "right")]
        bones += [(OUTPUT_JOINTS.index(tip), names.index(base), _side(tip), True) for tip, base in tips]
    return bones


def _side(name: str) -> str:
    return next((side for side in ("left", "right") if name.startswith(side)), "")


def draw_boxes(
    picture: np.ndarray,
    bbox: np.ndarray,
    score: np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    *,
    colours: np.ndarray | None = None,
) -> np.ndarray:
    """The picture with boxes, and scores or labels on them.

    Args:
        picture: (h, w, 3) uint8 RGB; left as it is.
        bbox: (person, 4) x1, y1, x2, y2, pixels.
        score: (person,) written in per cent.
        labels: written before the score.
        colours: (person, 3) RGB, 0..1; by default the colours of `draw_people`.

    Raises:
        InputError: a box is no number, the picture is wrong, or the counts differ.
    """
    import cv2

    check_picture(picture)
    if not np.isfinite(bbox).all():
        raise InputError(f"a box is {bbox[~np.isfinite(bbox).all(1)][0].tolist()}", expected="x1, y1, x2, y2 in pixels")
    colours = person_colours(len(bbox)) if colours is None else colours
    for name, given in (("scores", score), ("labels", labels), ("colours", colours)):
        if given is not None and len(given) != len(bbox):
            raise InputError(f"{len(given)} {name} for {len(bbox)} boxes", expected="one for each")
    drawn = np.array(picture, order="C")
    thick = max(1, round(max(picture.shape) / 500))
    scale, places = max(0.35, max(picture.shape) / 1800), np.rint(np.clip(bbox, -_FARTHEST, _FARTHEST)).astype(int)
    for i, (x1, y1, x2, y2) in enumerate(places.tolist()):
        colour = tuple(int(255 * c) for c in colours[i])
        cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, thick, cv2.LINE_AA)
        words = [labels[i]] if labels is not None else []
        words += [f"{100 * score[i]:.0f}%"] if score is not None else []
        if words:
            text, font = " ".join(words), cv2.FONT_HERSHEY_SIMPLEX
            (width, height), below = cv2.getTextSize(text, font, scale, 1)
            top = max(y1, height + below + thick)
            cv2.rectangle(drawn, (x1, top - height - below), (x1 + width + 2, top), colour, -1)
            ink = (0, 0, 0) if sum(colour) > 330 else (255, 255, 255)
            cv2.putText(drawn, text, (x1 + 1, top - below + thick), font, scale, ink, 1, cv2.LINE_AA)
    return drawn
