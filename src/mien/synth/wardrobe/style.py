"""The taste of one person: colours, width and love of patterns, which all garments of an outfit share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mien.synth.wardrobe.fabric import Colour, Fabric, Palette, choose_fabric

__all__ = ["Style"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """What the garments of an outfit have in common."""

    palette: Palette
    loose: float
    """0 is tight, 1 is wide."""
    patterned: float
    """How likely a pattern is, 0..1."""
    tucked: bool
    """Whether the shirt goes into the trousers or the skirt."""
    layered: bool
    """Whether something is worn over the shirt."""
    waist: float
    """Height of the lower garment's upper border in the rest pose, metres."""
    leather: Colour
    """Of shoes and boots."""
    given: Mapping[str, Fabric] = field(default_factory=dict)
    """Fabrics that a uniform prescribes, by kind of garment."""
    uniform: str = ""
    """Which uniform it is, if it is one."""

    @property
    def inner_loose(self) -> float:
        """Of what is next to the skin: closer under a jacket."""
        return 0.3 * self.loose if self.layered else self.loose

    def fabric(
        self, kind: str, rng: np.random.Generator, patterned: float, plain: tuple[str, ...] = ("plain",), lead: int = 0
    ) -> Fabric:
        """For a garment: what the uniform says, or one of the person's own; see `choose_fabric`."""
        drawn = choose_fabric(rng, self.palette, patterned * self.patterned, plain, lead=lead)
        return self.given.get(kind, drawn)
