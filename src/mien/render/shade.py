"""Light and colours, as data: directional lights around the camera, and colours that tell people apart.

Light is added up in the picture's own (display) values: colour * (ambient + what each light gives) + gloss. It is
worked out at the vertices and interpolated in perspective; a texture multiplies it pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.errors import InputError
from mien.palette import person_colour

__all__ = ["STUDIO", "Lights", "person_colours"]


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Directional lights in the camera frame (x right, y down, z forward)."""

    direction: Float[np.ndarray, "light 3"]
    """From the scene towards each light; any length."""
    colour: Float[np.ndarray, "light 3"]
    """RGB; 1 shows a surface that faces the light in its own colour."""
    ambient: Float[np.ndarray, "3"]
    """RGB that reaches every surface from everywhere."""
    wrap: float = 0.2
    """How far light reaches around an edge: 0 is Lambert's law, 1 reaches the far side."""
    gloss: float = 0.1
    """Strength of the highlight."""

    def table(self) -> Float[np.ndarray, "light 6"]:
        """Unit direction and colour of each light, as the kernels read them.

        Raises:
            InputError: a direction is zero or not a number.
        """
        length = np.linalg.norm(self.direction, axis=1, keepdims=True)
        if not (np.isfinite(length) & (length > 0)).all():
            raise InputError("a light has no direction", expected="a vector that is not zero, towards the light")
        return np.concatenate([self.direction / length, self.colour], 1).astype(np.float32)


STUDIO = Lights(
    direction=np.array([[-0.45, -0.7, -0.75], [0.8, -0.25, -0.45], [0.1, 0.6, -0.4]]),
    colour=np.array([[0.6, 0.59, 0.57], [0.24, 0.25, 0.28], [0.06, 0.06, 0.06]]),
    ambient=np.array([0.31, 0.31, 0.33]),
)
"""A key light from above the camera's left shoulder, a cooler fill from the right, a little from below."""


def person_colours(count: int) -> Float[np.ndarray, "person 3"]:
    """RGB, 0..1, for that many people: see `mien.palette`."""
    return np.array([person_colour(i) for i in range(count)]).reshape(count, 3)
