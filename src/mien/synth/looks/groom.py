"""Everything on head, face and wrists that fits together: hair under hats, beards, glasses, jewellery, gloves."""

from __future__ import annotations

import numpy as np

from mien.synth.figure import Figure, Piece
from mien.synth.looks.beard import beard
from mien.synth.looks.eyewear import earrings, face_mask, glasses, teeth
from mien.synth.looks.growth import Growth
from mien.synth.looks.hair_texture import curl_texture, strand_texture
from mien.synth.looks.handwear import bracelet, gloves, rings, watch
from mien.synth.looks.hats import headgear
from mien.synth.looks.headscarf import headscarf
from mien.synth.looks.look import HATS, Look
from mien.synth.looks.scalp import Scalp, scalp_of
from mien.synth.looks.styles_long import LONG
from mien.synth.looks.styles_short import SHORT

__all__ = ["groom"]

_CURLED = ("buzz", "curly", "afro")


def groom(rng: np.random.Generator, figure: Figure, look: Look) -> list[Piece]:
    """Hair, beard and what somebody wears beside clothes.

    Args:
        rng: source of randomness.
        figure: whose it is.
        look: what they have; give the same one to `skin`, so that brows go with the hair.
    """
    scalp = scalp_of(figure)
    found, limit = [], None
    for kind in look.extras:
        if kind in HATS or kind == "headphones":
            worn, limit = headgear(rng, kind, scalp)
            found += worn
    if look.style == "headscarf":
        found += headscarf(rng, figure, scalp)
    elif look.style in SHORT or look.style in LONG:
        found.append(_hair(rng, figure, look, scalp, limit))
    if "face mask" not in look.extras:
        found += beard(rng, figure, look, scalp) + teeth(rng, scalp)
    return found + _worn(rng, figure, look, scalp)


def _hair(rng: np.random.Generator, figure: Figure, look: Look, scalp: Scalp, limit: np.ndarray | None) -> Piece:
    growth = Growth(rng, figure, scalp, limit)
    (SHORT | LONG)[look.style](growth)
    if look.style in _CURLED:
        return growth.piece(curl_texture(rng, look.hair, look.dye))
    return growth.piece(strand_texture(rng, look.hair, look.dye, float(rng.uniform(0.4, 1.0))))


def _worn(rng: np.random.Generator, figure: Figure, look: Look, scalp: Scalp) -> list[Piece]:
    """Small things on face, ears, wrists and fingers."""
    side = int(rng.uniform() < 0.25)
    found = []
    for kind in look.extras:
        match kind:
            case "glasses" | "sunglasses":
                found += glasses(rng, scalp, dark=kind == "sunglasses")
            case "face mask":
                found += face_mask(rng, scalp)
            case "earrings":
                found += earrings(rng, figure)
            case "gloves":
                found += gloves(rng, figure)
            case "rings":
                found += rings(rng, figure)
            case "watch":
                found += watch(rng, figure, side)
            case "bracelet":
                found += bracelet(rng, figure, 1 - side if "watch" in look.extras else side)
    return found
