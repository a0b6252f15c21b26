"""What is worn on the legs: trousers, shorts, leggings, socks, the shafts of boots."""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import LEG, TRIM, Sheet
from mien.synth.wardrobe.collars import extend, turn_up
from mien.synth.wardrobe.drape import Drape, Hold
from mien.synth.wardrobe.fabric import Colour, Fabric
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.form import SOFT, TIGHT
from mien.synth.wardrobe.parts import clad
from mien.synth.wardrobe.regions import above, below
from mien.synth.wardrobe.sew import Edge, Pattern, Seam, Step
from mien.synth.wardrobe.style import Style

__all__ = ["TILT", "leggings", "shaft", "shorts", "socks", "trousers_slim", "trousers_wide"]

TILT = 0.1
"""Waistbands are higher at the back, metres per metre."""
STITCH: Colour = (196.0, 140.0, 74.0)
"""Of denim."""


def _legs(fit: Fit, style: Style, ease: tuple[float, float], fall: float, deep: float) -> tuple[Hold, Hold]:
    """Trunk and legs of trousers: air at the thigh and at the ankle, folds at crotch, knee and ankle."""
    crotch, at = fit.crotch, fit.leg_height
    trunk = Hold(
        ease=((fit.trunk_height(0.45), 0.004), (crotch, ease[0])),
        fall=1.2,
        start=style.waist + 0.02,
        rings=((crotch, deep), (crotch + 0.1, 0.3 * deep)),
    )
    leg = Hold(
        ease=((crotch, ease[0]), (at(1.0), ease[1])),
        fall=fall,
        hanging=((crotch, 0.2 * deep), (at(1.0), deep)),
        rings=((crotch, deep), (at(0.3), 0.4 * deep), (at(0.5), deep), (at(0.7), 0.5 * deep), (at(0.95), 1.2 * deep)),
    )
    return trunk, leg


def _trousers(
    kind: str,
    fit: Fit,
    style: Style,
    end: float,
    holds: tuple[Hold, Hold],
    paints: tuple[Step, ...],
    *,
    margin: float = 0.03,
    offset: float = 0.006,
    **more: Any,
) -> Pattern:
    """Two legs with a waistband, cut at the height `end`; `more` is for the pattern."""
    points, band = fit.points, below(fit.points, style.waist, TILT)
    return Pattern(
        kind=kind,
        drape=Drape(trunk=holds[0], leg=holds[1], offset=offset),
        edges=(Edge(field=band, thick=0.004), Edge(field=above(points, end), margin=margin)),
        seams=(Seam(field=fit.behind_legs), Seam(field=band - 0.035, below=TRIM)),
        chart=LEG,
        gap=0.003,
        paint=paints,
        **more,
    )


def _trouser_fabric(rng: np.random.Generator, style: Style, denim: float) -> Fabric:
    """Trousers are plainer than shirts."""
    if rng.random() < denim:
        return style.fabric("trousers", rng, 0.0, ("denim",), lead=1)
    return style.fabric("trousers", rng, 0.3, ("plain", "plain", "melange"), lead=1)


def _belt(rng: np.random.Generator, fabric: Fabric) -> Colour:
    """Of the waistband: a leather belt, or the cloth itself."""
    return (58.0, 42.0, 30.0) if rng.random() < 0.25 else paint.bright(fabric.colours[0], 0.85)


def _pockets(fit: Fit, fabric: Fabric, style: Style) -> Step:
    """Pockets and side seams; worn thighs on denim."""
    seam, waist = STITCH if fabric.pattern == "denim" else paint.bright(fabric.colours[0], 0.6), -style.waist
    knee = -fit.leg_height(0.5)
    worn = [((0.13, knee - 0.2), (0.05, 0.16)), ((0.13, knee), (0.04, 0.06)), ((-0.14, knee - 0.3), (0.06, 0.1))]
    t = waist + 0.11
    back = [(-0.09, t), (-0.09, t + 0.12), (-0.145, t + 0.15), (-0.2, t + 0.12), (-0.2, t), (-0.09, t)]

    def draw(sheet: Sheet) -> None:
        leg = sheet.panels[LEG]
        if fabric.pattern == "denim":
            paint.fade(leg, worn, 0.28)
        paint.line(leg, [(0.0, leg.span[0]), (0.0, leg.span[1])], paint.bright(fabric.colours[0], 0.85), 0.003)
        paint.line(leg, [(0.03, waist + 0.16), (0.05, waist + 0.1), (0.1, waist + 0.04)], seam, 0.003)
        paint.line(leg, back, seam, 0.003)

    return draw


def _stripe(colour: Colour, width: float) -> Step:
    """Down the outside of the leg."""

    def draw(sheet: Sheet) -> None:
        leg = sheet.panels[LEG]
        paint.line(leg, [(0.0, leg.span[0]), (0.0, leg.span[1])], colour, width)

    return draw


def trousers_slim(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Jeans and chinos that follow the leg."""
    loose, up = style.loose, bool(rng.random() < 0.2)
    holds = _legs(fit, style, (0.008 + 0.006 * loose, 0.010 + 0.008 * loose), 0.9 - 0.55 * loose, 0.009)
    fabric, end = _trouser_fabric(rng, style, 0.5), fit.leg_height(0.97 - 0.12 * rng.random() if up else 0.98)
    paints = (clad(fabric, _belt(rng, fabric)), _pockets(fit, fabric, style))
    works = (turn_up(1, 0.04, 0.007),) if up else (extend(1, 0.015 + 0.02 * rng.random(), 0.1),)
    return _trousers("trousers_slim", fit, style, end, holds, paints, follow=SOFT, works=works)


def trousers_wide(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Straight to very wide legs; track suits too."""
    wide, track = 0.02 + 0.035 * rng.random() ** 1.5 + 0.015 * style.loose, bool(rng.random() < 0.25)
    holds = _legs(fit, style, (0.014 + 0.3 * wide, wide), 0.12, 0.012)
    fabric = _trouser_fabric(rng, style, 0.0 if track else 0.3)
    drawn = _stripe(style.palette.light, 0.026) if track else _pockets(fit, fabric, style)
    paints, works = (clad(fabric, _belt(rng, fabric)), drawn), (extend(1, 0.015 + 0.03 * rng.random(), 0.1),)
    end = fit.leg_height(0.985)
    return _trousers("trousers_wide", fit, style, end, holds, paints, follow=SOFT, works=works, margin=0.06)


def shorts(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """To the thigh or to the knee."""
    end, wide = fit.leg_height(0.2 + 0.28 * rng.random()), 0.018 + 0.02 * rng.random() + 0.012 * style.loose
    trunk, leg = _legs(fit, style, (0.012, wide), 0.1, 0.009)
    leg = Hold(
        ease=((fit.crotch, 0.014), (end, wide)),
        fall=leg.fall,
        hanging=((fit.crotch, 0.002), (end, 0.009)),
        rings=leg.rings,
    )
    fabric = style.fabric("shorts", rng, 0.6, ("plain", "denim", "plain"), lead=1)
    drawn = _stripe(style.palette.light, 0.026) if rng.random() < 0.2 else _pockets(fit, fabric, style)
    paints = (clad(fabric, _belt(rng, fabric)), drawn)
    return _trousers("shorts", fit, style, end, (trunk, leg), paints, follow=SOFT, margin=0.05)


def leggings(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Close to the leg."""
    trunk = Hold(ease=((0.0, 0.006),), fall=2.0, start=style.waist + 0.02, bridge=0.9)
    deep = ((fit.leg_height(0.3), 0.0008), (fit.leg_height(0.5), 0.002), (fit.leg_height(0.7), 0.0008))
    leg = Hold(ease=((0.0, 0.007),), fall=3.0, rise=3.0, rings=deep, bridge=0.95)
    fabric = style.fabric("leggings", rng, 0.3, lead=1)
    end = fit.leg_height(float(rng.choice([0.7, 0.95, 0.99])))
    plain = clad(fabric, paint.bright(fabric.colours[0], 0.85))
    paints = (plain, _stripe(style.palette.accent, 0.03)) if rng.random() < 0.3 else (plain,)
    return _trousers("leggings", fit, style, end, (trunk, leg), paints, follow=TIGHT, offset=0.009)


def socks(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """From the shoe upwards."""
    top = fit.leg_height(1.0) + float(rng.choice([0.05, 0.1, 0.18]))
    colour = style.palette.light if rng.random() < 0.6 else style.palette.dark
    return _tube("socks", fit, top, 0.0025, 3.0, 0.0, Fabric(pattern="knit", colours=(colour,), scale=0.05, seed=0))


def shaft(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Of a boot, up to the calf or the knee."""
    leather = Fabric(pattern="leather", colours=(style.leather,), scale=0.05, seed=0)
    return _tube("boot_shaft", fit, fit.leg_height(float(rng.uniform(0.58, 0.85))), 0.012, 0.5, 0.004, leather)


def _tube(kind: str, fit: Fit, top: float, ease: float, fall: float, deep: float, fabric: Fabric) -> Pattern:
    """Around both shins, from below the ankle to a height."""
    points, low = fit.points, fit.leg_height(1.0)
    leg = Hold(ease=((0.0, ease),), fall=fall, rings=((fit.leg_height(0.97), deep),))
    return Pattern(
        kind=kind,
        drape=Drape(offset=0.5 * ease, leg=leg, wrinkle=0.0),
        edges=(Edge(field=below(points, top)), Edge(field=above(points, low - 0.01), thick=0.0, margin=0.02)),
        seams=(Seam(field=fit.behind_legs),),
        chart=LEG,
        follow=TIGHT,
        gap=0.002,
        paint=(clad(fabric, fabric.colours[0]),),
    )
