"""From a wardrobe to what one person wears: kinds that go together, one over the other, and nothing pokes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.synth.figure import Figure, Piece
from mien.synth.random import pick
from mien.synth.wardrobe import lowers, outers, paint, skirts, tops
from mien.synth.wardrobe.config import UNIFORMS, Wardrobe
from mien.synth.wardrobe.fabric import Colour, Fabric, Palette, palette_of
from mien.synth.wardrobe.fit import Fit, Worn
from mien.synth.wardrobe.sew import Pattern, body_faces, covered, sew, tailor
from mien.synth.wardrobe.shoes import make_shoes
from mien.synth.wardrobe.style import Style

__all__ = ["dress"]

_MAKE: dict[str, Callable[[Fit, np.random.Generator, Style], Pattern]] = {
    "t_shirt": tops.t_shirt,
    "shirt": tops.shirt,
    "tank_top": tops.tank_top,
    "blouse": tops.blouse,
    "hoodie": tops.hoodie,
    "jumper": tops.jumper,
    "jacket": outers.jacket,
    "coat": outers.coat,
    "vest": outers.vest,
    "tie": outers.tie,
    "trousers_slim": lowers.trousers_slim,
    "trousers_wide": lowers.trousers_wide,
    "shorts": lowers.shorts,
    "leggings": lowers.leggings,
    "skirt_short": skirts.skirt_short,
    "skirt_long": skirts.skirt_long,
    "dress": skirts.dress,
    "socks": lowers.socks,
    "shaft": lowers.shaft,
}
_THIN = ("t_shirt", "shirt", "tank_top", "blouse")
"""What may be tucked in."""
_BARE_LEGS = ("shorts", "skirt_short", "skirt_long", "dress", "none")
_UNIFORM_KINDS: dict[str, tuple[str, str, str, str]] = {
    "suit": ("shirt", "jacket", "trousers_slim", "flat"),
    "tracksuit": ("hoodie", "none", "trousers_wide", "sneaker"),
    "safety": ("t_shirt", "vest", "trousers_wide", "boot"),
    "team": ("t_shirt", "none", "shorts", "sneaker"),
    "scrubs": ("t_shirt", "none", "trousers_wide", "sneaker"),
}


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """Kinds of one outfit."""

    upper: str
    outer: str
    lower: str
    shoes: str
    uniform: str


def dress(rng: np.random.Generator, figure: Figure, wardrobe: Wardrobe) -> list[Piece]:
    """What a person wears, from the inside out, and shoes last.

    Args:
        rng: everything is drawn from it.
        figure: whom it must fit.
        wardrobe: what there is.
    """
    fit, choice = Fit(figure), _choose(rng, wardrobe)
    style = _style(rng, fit, wardrobe, choice)
    patterns = [_MAKE[kind](fit, rng, style) for kind in _layers(rng, choice, style)]
    covers = [covered(fit, pattern) for pattern in patterns]
    worn, pieces = Worn(fit.points.copy()), []
    for k, pattern in enumerate(patterns):
        hidden = np.logical_or.reduce([np.zeros(len(fit.points), dtype=bool), *covers[k + 1 :]])
        cloth = tailor(fit, pattern, worn, hidden, rng)
        if cloth.num_faces:
            piece, sheet = sew(fit, pattern.kind, cloth, body_faces(fit, covers[k]))
            for step in pattern.paint:
                step(sheet)
            pieces.append(piece)
    if choice.shoes != "none":
        pieces.append(_shod(rng, fit, choice.shoes, style))
    return pieces


def _choose(rng: np.random.Generator, wardrobe: Wardrobe) -> _Choice:
    if rng.random() < wardrobe.uniform:
        uniform = UNIFORMS[int(rng.integers(len(UNIFORMS)))]
        upper, outer, lower, worn = _UNIFORM_KINDS[uniform]
        return _Choice(upper=upper, outer=outer, lower=lower, shoes=worn, uniform=uniform)
    upper, lower = pick(rng, wardrobe.upper), pick(rng, wardrobe.lower)
    outer, worn = pick(rng, wardrobe.outer), pick(rng, wardrobe.shoes)
    if rng.random() < wardrobe.dress:
        upper, lower = "dress", "none"
    return _Choice(upper=upper, outer=outer, lower=lower, shoes=worn, uniform="")


def _style(rng: np.random.Generator, fit: Fit, wardrobe: Wardrobe, choice: _Choice) -> Style:
    low, high = wardrobe.loose
    palette = palette_of(rng, wardrobe.palette)
    return Style(
        palette=palette,
        loose=low + (high - low) * float(rng.random()),
        patterned=0.0 if choice.uniform else wardrobe.patterned,
        tucked=(bool(rng.random() < wardrobe.tucked) and choice.upper in _THIN) or choice.uniform == "suit",
        layered=choice.outer != "none",
        waist=fit.trunk_height(0.36 + 0.14 * float(rng.random()) + 0.06 * choice.lower.startswith("skirt")),
        leather=_leather(rng, palette, choice.shoes),
        given=_issue(rng, palette, choice.uniform),
        uniform=choice.uniform,
    )


def _leather(rng: np.random.Generator, palette: Palette, shoes: str) -> Colour:
    """The colour of shoes: sneakers may have any, leather is mostly brown or black."""
    leather: tuple[Colour, ...] = ((58.0, 40.0, 28.0), (30.0, 30.0, 32.0), (122.0, 84.0, 52.0))
    canvas: tuple[Colour, ...] = ((238.0, 238.0, 236.0), (34.0, 34.0, 38.0), palette.accent)
    return ((canvas if shoes == "sneaker" else leather) + (palette.main, palette.second))[int(rng.integers(5))]


def _issue(rng: np.random.Generator, palette: Palette, uniform: str) -> dict[str, Fabric]:
    """The fabrics of a uniform."""

    def plain(colour: Colour, pattern: str = "plain") -> Fabric:
        return Fabric(pattern=pattern, colours=(colour, palette.light, palette.accent), scale=0.05, seed=0)

    navy, bright = (40.0, 48.0, 72.0), (215.0, 240.0, 40.0) if rng.random() < 0.5 else (250.0, 120.0, 30.0)
    dark = navy if rng.random() < 0.4 else paint.bright(palette.dark, 0.8 + rng.random())
    return {
        "": {},
        "suit": {"outer": plain(dark, "melange"), "trousers": plain(dark, "melange"), "shirt": plain((236, 237, 240))},
        "tracksuit": {"hoodie": plain(palette.main), "trousers": plain(palette.main)},
        "safety": {"outer": plain(bright), "trousers": plain(navy)},
        "team": {"t_shirt": plain(palette.accent), "shorts": plain(palette.light)},
        "scrubs": {"t_shirt": plain(palette.main), "trousers": plain(palette.main)},
    }[uniform]


def _layers(rng: np.random.Generator, choice: _Choice, style: Style) -> Sequence[str]:
    """From the inside out."""
    order = [choice.upper, choice.lower] if style.tucked else [choice.lower, choice.upper]
    kinds = [kind for kind in order if kind != "none"]
    bare = choice.lower in _BARE_LEGS
    if choice.shoes in ("sneaker", "boot") and bare and rng.random() < 0.8:
        kinds.insert(0, "socks")
    if choice.shoes == "boot" and rng.random() < 0.6 and (bare or choice.lower in ("leggings", "trousers_slim")):
        kinds.append("shaft")
    if choice.upper == "dress" and rng.random() < 0.2:
        kinds.insert(0, "leggings")
    if choice.uniform == "suit" or (choice.upper == "shirt" and choice.outer == "jacket" and rng.random() < 0.15):
        kinds.append("tie")
    return kinds if choice.outer == "none" else [*kinds, choice.outer]


def _shod(rng: np.random.Generator, fit: Fit, kind: str, style: Style) -> Piece:
    """Both shoes as one piece."""
    white = kind == "sneaker" and rng.random() < 0.8
    sole = (232.0, 231.0, 226.0) if white else paint.bright(style.palette.dark, 0.6 + 0.8 * rng.random())
    laces = style.palette.light if sum(style.leather) < 600 else style.palette.dark
    return make_shoes(fit.figure, kind, (style.leather, sole, style.palette.accent, laces))
