"""Colours that tell people apart: the same in overlays, 3D files and viewers, with any kind of colour vision."""

from __future__ import annotations

__all__ = ["PERSON_COLOURS", "linear", "person_colour", "person_hex"]

PERSON_COLOURS: tuple[tuple[int, int, int], ...] = (
    (86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (213, 94, 0), (0, 114, 178),
)  # fmt: skip
"""sRGB, 0..255: the palette of Okabe and Ito (2008) without black."""


def person_colour(index: int) -> tuple[float, float, float]:
    """Red, green and blue of the person at `index`, 0 to 1: the palette, then lighter and darker tints, then again."""
    red, green, blue = (value / 255 for value in PERSON_COLOURS[index % len(PERSON_COLOURS)])
    tint = index // len(PERSON_COLOURS) % 3
    if tint == 1:
        return 0.5 + 0.5 * red, 0.5 + 0.5 * green, 0.5 + 0.5 * blue
    scale = 0.55 if tint == 2 else 1.0
    return scale * red, scale * green, scale * blue


def linear(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    """An sRGB colour as amounts of light, 0 to 1, as glTF and USD give it (IEC 61966-2-1)."""
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour)
    return red, green, blue


def person_hex(index: int) -> str:
    """The same as `#rrggbb`."""
    return "#" + "".join(f"{round(255 * value):02x}" for value in person_colour(index))
