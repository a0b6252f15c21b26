"""What people wear: how likely each kind of garment is, how wide, how colourful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mien.errors import InputError, closest
from mien.synth.random import check_weights

__all__ = ["LOWER", "OUTER", "SHOE_KINDS", "UNIFORMS", "UPPER", "Wardrobe"]

UPPER = ("t_shirt", "shirt", "tank_top", "blouse", "hoodie", "jumper", "none")
OUTER = ("jacket", "coat", "vest", "none")
LOWER = ("trousers_slim", "trousers_wide", "shorts", "leggings", "skirt_short", "skirt_long", "none")
SHOE_KINDS = ("sneaker", "boot", "flat", "heel", "sandal", "none")
UNIFORMS = ("suit", "tracksuit", "safety", "team", "scrubs")
PALETTES = ("mixed", "muted", "vivid", "dark", "pastel")

Weights = Mapping[str, float]
_UPPER: Weights = {"t_shirt": 3.0, "shirt": 2.5, "tank_top": 0.8, "blouse": 1.0, "hoodie": 1.2, "jumper": 1.2}
_OUTER: Weights = {"none": 6.0, "jacket": 2.0, "coat": 1.0, "vest": 0.6}
_LOWER: Weights = {
    **{"trousers_slim": 3.5, "trousers_wide": 2.0, "shorts": 1.2},
    **{"leggings": 0.7, "skirt_short": 0.7, "skirt_long": 0.6},
}
_SHOES: Weights = {"sneaker": 4.0, "boot": 1.6, "flat": 0.9, "heel": 0.5, "sandal": 0.7, "none": 0.8}


@dataclass(frozen=True, kw_only=True)
class Wardrobe:
    """How likely each kind is, in weights that need not add up to 1. A kind alone is always worn; `none` is nothing."""

    upper: Weights = field(default_factory=lambda: dict(_UPPER))
    outer: Weights = field(default_factory=lambda: dict(_OUTER))
    lower: Weights = field(default_factory=lambda: dict(_LOWER))
    shoes: Weights = field(default_factory=lambda: dict(_SHOES))
    dress: float = 0.12
    """How likely a dress is in place of something above and something below."""
    uniform: float = 0.06
    """How likely the outfit is one of `UNIFORMS` instead of all this."""
    loose: tuple[float, float] = (0.0, 1.0)
    """From tight (0) to wide (1)."""
    patterned: float = 0.4
    """How likely a pattern is, for a garment of average plainness."""
    tucked: float = 0.35
    """How likely the shirt is tucked in."""
    palette: str = "mixed"

    def __post_init__(self) -> None:
        for name, kinds in (("upper", UPPER), ("outer", OUTER), ("lower", LOWER), ("shoes", SHOE_KINDS)):
            check_weights(f"the wardrobe's kinds of {name}", getattr(self, name), kinds)
        if self.palette not in PALETTES:
            raise InputError(f"the wardrobe's palette is {self.palette!r}", todo=closest(self.palette, PALETTES))
        for name in ("dress", "uniform", "patterned", "tucked"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"the wardrobe's {name} is {getattr(self, name)}", expected="a probability, 0..1")
        if not 0 <= self.loose[0] <= self.loose[1] <= 1:
            raise InputError(f"the wardrobe's loose is {self.loose}", expected="two numbers in order, 0..1")
