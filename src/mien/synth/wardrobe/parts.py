"""What garments share: panels, hems, air and folds of trunk and sleeves, open fronts, and covering with fabric."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import BACK, SLEEVE, TRIM, Sheet
from mien.synth.wardrobe.drape import Hold
from mien.synth.wardrobe.fabric import Colour, Fabric, cover
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.loose import Fall
from mien.synth.wardrobe.regions import Neckline, above, armhole, neckline, opening
from mien.synth.wardrobe.sew import Edge, Seam, Step

__all__ = ["clad", "draped", "front_edge", "lower_edge", "neck_edge", "panels", "sleeve_hold", "trunk_hold"]

Points = Float32[np.ndarray, "vert 3"]
Field = Float32[np.ndarray, " vert"]
BELOW = 0.09
"""Metres above the crotch: what is longer is let down from there."""


def panels(fit: Fit, *, sleeves: bool = True) -> tuple[Seam, ...]:
    """Front and back; and sleeves, whose seam lies 12 mm from the shoulder joint."""
    sides = (Seam(field=fit.behind_arms, above=BACK),)
    return (*sides, Seam(field=armhole(fit, fit.points, 0.012), below=SLEEVE)) if sleeves else sides


def lower_edge(fit: Fit, hem: float, *, rib: float = 0.0, flare: float = 0.0, folds: float = 0.004) -> Edge:
    """The hem of a top: cut above the crotch, let down where it is longer, with a rib at the end if there is one."""
    falls = (Fall(hem=hem + rib, flare=flare, folds=folds, swing=0.5),)
    falls += (Fall(hem=hem, chart=TRIM, swing=0.5),) if rib else ()
    return Edge(field=above(fit.points, max(hem + rib, fit.crotch + BELOW)), falls=falls)


def draped(fit: Fit, measure: Callable[[Points], Field], *, thick: float, margin: float) -> Edge:
    """A border that is a clean curve on the draped cloth, not on the body."""
    return Edge(field=measure(fit.points), anew=measure, thick=thick, margin=margin)


def neck_edge(fit: Fit, shape: Neckline, thick: float, margin: float = 0.03) -> Edge:
    """The neck of what is worn above something."""
    return draped(fit, lambda points: neckline(fit, points, shape), thick=thick, margin=margin)


def front_edge(fit: Fit, wide: tuple[float, float], hem: float) -> Edge:
    """The open front: half as wide as given at the neck and at the hem."""
    top, back = float(fit.joints[12, 1]) - 0.05, float(fit.arms[0, 2]) + 0.015
    low = max(hem, fit.crotch)
    return draped(fit, lambda points: opening(points, (top, wide[0]), (low, wide[1]), back), thick=0.005, margin=0.09)


def trunk_hold(
    fit: Fit, hem: float, ease: tuple[float, float], fall: float, deep: float, *, tucked_at: float | None = None
) -> Hold:
    """Air at the chest and at the hem, folds around the waist.

    Args:
        fit: the figure on its dummy.
        hem: height.
        ease: metres of air at the chest and at the hem.
        fall: see `Hold`.
        deep: depth of the folds, metres.
        tucked_at: height of a waistband into which it goes: it bulges above and is flat within.
    """
    waist, chest, crotch = fit.trunk_height(0.5), fit.armpit, fit.crotch
    if tucked_at is not None:
        return Hold(
            ease=((chest, ease[0]), (tucked_at + 0.1, 0.7 * ease[1]), (tucked_at + 0.015, 0.003)),
            hug=((tucked_at + 0.1, 0.0), (tucked_at + 0.02, 1.0)),
            fall=0.4,
            hanging=((tucked_at, 0.0), (tucked_at + 0.08, deep), (chest, 0.3 * deep)),
            rings=((tucked_at, 0.0), (tucked_at + 0.06, deep), (chest, 0.6 * deep)),
        )
    return Hold(
        ease=((chest, ease[0]), (max(hem, crotch), ease[1])),
        fall=fall,
        hanging=((chest, 0.2 * deep), (crotch, 1.2 * deep)),
        rings=((crotch + 0.05, 0.4 * deep), (waist, deep), (chest, 0.6 * deep), (chest + 0.1, 0.3 * deep)),
    )


def sleeve_hold(fit: Fit, end: float, ease: tuple[float, float], deep: float) -> Hold:
    """A sleeve: close on the shoulder, with folds at the elbow and above the cuff.

    Args:
        fit: the figure on its dummy.
        end: share of the arm's length.
        ease: metres of air at the upper arm and at the end.
        deep: depth of the folds, metres.
    """
    at = fit.arm_length
    rings = ((at(0.0), 0.3 * deep), (at(0.3), 0.5 * deep), (at(0.5), deep), (at(0.75), 0.6 * deep), (at(1.0), deep))
    return Hold(ease=((at(0.0), 0.6 * ease[0]), (at(0.15), ease[0]), (at(end), ease[1])), fall=0.12, rings=rings)


def clad(fabric: Fabric, trim: Colour) -> Step:
    """Fabric on all panels, a plain colour on trims."""

    def step(sheet: Sheet) -> None:
        if TRIM in sheet.panels:
            paint.spot(sheet.panels[TRIM], trim)
        cover([panel for kind, panel in sheet.panels.items() if kind != TRIM], fabric)

    return step
