"""What lies behind all meshes: the sky by the direction of each ray, and far things along the horizon.

Points at infinity need no distance: a direction is turned into the camera and projected, so that the horizon lies
where the horizon of the view is, whatever its height, pitch and roll.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from mien.synth.place.far_kernels import fill_sky, project_quads, project_ridge
from mien.synth.place.light import Light
from mien.synth.place.noise import fractal
from mien.synth.random import stream
from mien.synth.view import View

__all__ = ["Far", "fill_far", "hazed", "horizon_line", "paint_sky", "silhouette"]

_COARSE = 4
"""The sky is painted with one pixel for so many squared, and enlarged."""


@cache
def _cloud_field(variant: int) -> Float32[np.ndarray, "h w"]:
    """Heaped noise, 0..1, that tiles."""
    field = fractal(stream("clouds", variant), 256, 3, 6, 0.55)
    return np.clip(0.5 + 0.22 * field, 0, 1).astype(np.float32)


def paint_sky(
    rng: np.random.Generator, view: View, light: Light, below: Float[np.ndarray, "3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Sky above the horizon, with clouds and the glow of the sun; below it the colour of the far ground (0..1)."""
    import cv2

    sky = light.sky
    size = tuple(-(-side // _COARSE) for side in view.size)
    step = view.size[1] / size[1], view.size[0] / size[0]
    matrix = view.rotation.T @ np.linalg.inv(view.K)
    place = float(rng.uniform(45, 110)), float(rng.uniform(0, 256)), float(rng.uniform(0, 256))
    field, coarse = _cloud_field(int(rng.integers(4))), np.empty((*size, 3), dtype=np.uint8)
    fill_sky(matrix, step, sky.zenith, sky.horizon, sky.sun, light.direction[0], sky.clouds, sky.cloud, field, place,
             np.asarray(below, dtype=np.float64), coarse)  # fmt: skip
    picture = cv2.resize(coarse, view.size[::-1], interpolation=cv2.INTER_LINEAR)
    _fill_below(picture, view, below)
    return picture


def _fill_below(picture: UInt8[np.ndarray, "h w 3"], view: View, below: Float[np.ndarray, "3"]) -> None:
    """A sharp horizon: all pixels under its line."""
    import cv2

    a, b, c = horizon_line(view).tolist()
    height, width = picture.shape[:2]
    rim = [(-1.0, -1.0), (width, -1.0), (width, height), (-1.0, height)]
    side = [a * x + b * y + c for x, y in rim]
    kept = []
    for k in range(4):
        (x0, y0), (x1, y1), here, after = rim[k], rim[(k + 1) % 4], side[k], side[(k + 1) % 4]
        if here < 0:
            kept.append((x0, y0))
        if (here < 0) != (after < 0):
            t = here / (here - after)
            kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
    if kept:
        corners = np.rint(np.array(kept) * 16).astype(np.int32)
        cv2.fillConvexPoly(picture, corners, (np.clip(below, 0, 1) * 255).tolist(), cv2.LINE_AA, 4)


def hazed(colour: Float[np.ndarray, "*some 3"], light: Light, haze: float) -> Float64[np.ndarray, "*some 3"]:
    """What a far colour (as it would be seen from near, 0..1) looks like through that much air."""
    return colour + (light.sky.horizon - colour) * haze


class Far:
    """Azimuths (radians from +z towards +x) that the view shows, for things along its horizon."""

    def __init__(self, view: View, count: int) -> None:
        forward, spread = view.rotation[2], math.hypot(*view.size) / 2 / min(view.K[0, 0], view.K[1, 1])
        level = max(math.hypot(forward[0], forward[2]), 1e-6)
        half = min(math.pi, math.atan(spread) * 1.1 / max(level, 0.25) + 0.05)
        self.middle, self.half = math.atan2(forward[0], forward[2]), half
        self.azimuth = self.middle + np.linspace(-half, half, count)


def silhouette(
    canvas: UInt8[np.ndarray, "h w 3"],
    view: View,
    azimuth: Float[np.ndarray, "step"],
    top: Float[np.ndarray, "step"],
    colour: Float[np.ndarray, "3"],
    bottom: float = -0.01,
) -> None:
    """Fill what lies between the horizon and a line of elevations (tangents) at infinity; colour 0..1."""
    import cv2

    pixels = project_ridge(azimuth, top, bottom, view.K @ view.rotation)
    if len(pixels) > 2:
        cv2.fillPoly(canvas, [pixels], (colour * 255).tolist(), cv2.LINE_AA, 4)


def fill_far(
    canvas: UInt8[np.ndarray, "h w 3"],
    view: View,
    boxes: Float[np.ndarray, "box 4"],
    colour: Float[np.ndarray, "box 3"],
) -> None:
    """Fill rectangles at infinity: azimuth from and to, tangent of the elevation from and to; colours 0..1."""
    import cv2

    pixels, shown = project_quads(boxes, view.K @ view.rotation, *view.size[::-1])
    tones = (colour * 255).tolist()
    for k in np.flatnonzero(shown).tolist():
        cv2.fillConvexPoly(canvas, pixels[k], tones[k], cv2.LINE_AA, 4)


def horizon_line(view: View) -> Float64[np.ndarray, "3"]:
    """(a, b, c) with a x + b y + c = 0 on the horizon, above 0 for pixels that show the sky."""
    return np.linalg.inv(view.K).T @ view.rotation[:, 1]
