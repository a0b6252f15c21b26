"""The same people from the side and from above, on a ground with squares of one metre, for reports."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from mien.errors import InputError
from mien.render.mesh import Mesh
from mien.render.raster import check_picture, paint
from mien.render.shade import person_colours

__all__ = ["contact", "side_and_top"]

_GROUND, _LINES = (236, 236, 232), (206, 206, 202)
_FAR = 40.0
"""How many times its own size a view stands away: nearly without perspective."""
_TILT = np.deg2rad(8)
"""The side view looks down a little, so that the ground is seen."""

_VIEWS = (
    np.array([[0, 0, 1], [np.sin(_TILT), np.cos(_TILT), 0], [-np.cos(_TILT), np.sin(_TILT), 0]]),
    np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
)
"""view_from_camera: from the camera's right, with what is far on the right; from above, with what is far on top."""


def side_and_top(
    vertices: np.ndarray,
    faces: np.ndarray,
    *,
    size: int = 512,
    colours: np.ndarray | None = None,
    space: Float64[np.ndarray, "2 3"] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Everyone from the camera's right and from above, over a ground at the lowest point; squares of one metre.

    Args:
        vertices: (person, vert, 3) metres, in the camera frame.
        faces: (face, 3).
        size: of both square pictures, pixels.
        colours: (person, 3) RGB, 0..1; by default the colours of `draw_people`.
        space: lowest and highest x, y, z of what is to be seen, metres; by default that of everyone. In a clip, one
            for all frames keeps the views still.

    Returns:
        Two (size, size, 3) uint8 RGB pictures. Without people they show the empty ground.

    Raises:
        InputError: a vertex is no number.
    """
    if not np.isfinite(vertices).all():
        who = int(np.argmin(np.isfinite(vertices).reshape(len(vertices), -1).all(1)))
        raise InputError(f"person {who} has vertices that are no numbers", expected="metres", todo="leave them out")
    colours = person_colours(len(vertices)) if colours is None else colours
    points = vertices.reshape(-1, 3).astype(np.float64)
    points = points if len(points) else np.array([[-1, 0, 2], [1, 1.5, 4]], dtype=np.float64)
    points = points if space is None else np.stack(np.meshgrid(*space.T), -1).reshape(-1, 3)
    pictures = []
    for view in _VIEWS:
        low, high = (points @ view.T).min(0), (points @ view.T).max(0)
        centre, radius = view.T @ (low + high) / 2, max(0.5, 0.56 * float((high - low)[:2].max()))
        distance = _FAR * radius
        focal = distance * size / (2 * radius)
        K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1]])
        shift = np.array([0, 0, distance]) - view @ centre
        picture = np.full((size, size, 3), _GROUND, dtype=np.uint8)
        _draw_grid(picture, K, view, shift, centre, radius, float(points[:, 1].max()))
        meshes = [
            Mesh(vertices=(person.astype(np.float64) @ view.T + shift).astype(np.float32), faces=faces, colour=colour)
            for person, colour in zip(vertices, colours, strict=True)
        ]
        paint(picture, meshes, K)
        pictures.append(picture)
    return pictures[0], pictures[1]


def _draw_grid(
    picture: np.ndarray,
    K: Float64[np.ndarray, "3 3"],
    view: Float64[np.ndarray, "3 3"],
    shift: Float64[np.ndarray, "3"],
    centre: Float64[np.ndarray, "3"],
    radius: float,
    height: float,
) -> None:
    """Lines at whole metres of the camera frame, or so many that no more than some dozens are drawn."""
    import cv2

    step = max(1.0, 2.0 ** np.ceil(np.log2(radius / 12)))
    x0, z0 = (step * np.floor((c - 3 * radius) / step) for c in (centre[0], centre[2]))
    x1, z1 = (step * np.ceil((c + 3 * radius) / step) for c in (centre[0], centre[2]))
    ends = [[(x, height, z0), (x, height, z1)] for x in np.arange(x0, x1 + step / 2, step)]
    ends += [[(x0, height, z), (x1, height, z)] for z in np.arange(z0, z1 + step / 2, step)]
    seen = (np.array(ends) @ view.T + shift) @ K.T
    places = np.rint(seen[..., :2] / seen[..., 2:] * 16).astype(int)
    for start, end in places.tolist():
        cv2.line(picture, tuple(start), tuple(end), _LINES, 1, cv2.LINE_AA, 4)


def contact(pictures: Sequence[np.ndarray], *, height: int = 512, gap: int = 4) -> np.ndarray:
    """Pictures side by side at one height, with white gaps: for a report, e.g. picture, overlay, side, top.

    Args:
        pictures: each (h, w, 3) uint8 RGB.
        height: of all, pixels.
        gap: pixels between them.

    Raises:
        InputError: there are none, or one is no RGB picture.
    """
    import cv2

    if not pictures:
        raise InputError("no pictures to put side by side", expected="at least one")
    strip: list[np.ndarray] = []
    for picture in pictures:
        check_picture(picture)
        width = max(1, round(picture.shape[1] * height / picture.shape[0]))
        shrinks = height < picture.shape[0]
        strip.append(
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        )
        strip.append(np.full((height, gap, 3), 255, dtype=np.uint8))
    return np.concatenate(strip[:-1], 1)
