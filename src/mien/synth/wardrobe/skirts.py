"""What hangs around both legs: skirts, and dresses, which begin above the waist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import FRONT, TRIM
from mien.synth.wardrobe.drape import Drape, Hold
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.form import SOFT
from mien.synth.wardrobe.loose import Fall
from mien.synth.wardrobe.lowers import TILT
from mien.synth.wardrobe.parts import BELOW, Field, clad, panels
from mien.synth.wardrobe.regions import Neckline, above, armhole, below, neckline, within_sleeve
from mien.synth.wardrobe.sew import Edge, Pattern, Seam
from mien.synth.wardrobe.style import Style

__all__ = ["dress", "skirt_long", "skirt_short"]

MOST = 0.45
"""Metres below the hips from which a longer skirt gets no wider."""


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """The lower part."""

    draw_in: float
    """See `Hold.fall`."""
    ease: float
    """Air at the hip, metres."""
    fall: Fall


def _cut(fit: Fit, rng: np.random.Generator, hem: float) -> _Cut:
    """Narrow, wide or pleated."""
    narrow = rng.random() < 0.25
    pleats = int(rng.integers(9, 20)) if not narrow and rng.random() < 0.3 else 0
    if narrow:
        return _Cut(draw_in=0.8, ease=0.008, fall=Fall(hem=hem, flare=0.02, folds=0.003))
    flare = float(rng.uniform(0.12, 0.42)) * min(1.0, MOST / (fit.crotch + BELOW - hem))
    folds = 0.012 if pleats else float(rng.uniform(0.012, 0.03))
    fall = Fall(hem=hem, flare=flare, folds=folds, waves=float(rng.uniform(2, 3.4)), pleats=pleats)
    return _Cut(draw_in=0.15, ease=0.014, fall=fall)


def _lower_edge(fit: Fit, cut: _Cut) -> Edge:
    """Let down from above the crotch; legs are drawn from above the knee, since a skirt swings."""
    start, shows = above(fit.points, fit.crotch + BELOW), fit.leg_height(0.42)
    return Edge(field=start, falls=(cut.fall,), margin=0.07, shows=shows)


def skirt_short(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Ends above the knee; narrow, wide or pleated."""
    return _skirt("skirt_short", fit, rng, style, fit.leg_height(0.2 + 0.22 * rng.random()))


def skirt_long(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Ends between knee and ankle."""
    return _skirt("skirt_long", fit, rng, style, fit.leg_height(0.55 + 0.42 * rng.random()))


def _skirt(kind: str, fit: Fit, rng: np.random.Generator, style: Style, hem: float) -> Pattern:
    cut, waist, crotch = _cut(fit, rng, hem), style.waist, fit.crotch
    trunk = Hold(
        ease=((waist, 0.005), (crotch + BELOW, cut.ease)),
        fall=cut.draw_in,
        start=waist + 0.02,
        hanging=((waist, 0.0), (crotch, cut.fall.folds * 0.5)),
    )
    denim = cut.fall.pleats == 0 and cut.fall.flare < 0.2
    fabric = style.fabric("skirt", rng, 1.0, ("plain", "plain", "denim" if denim else "plain"), lead=1)
    band = below(fit.points, waist, TILT)
    return Pattern(
        kind=kind,
        drape=Drape(trunk=trunk),
        edges=(Edge(field=band, thick=0.004), _lower_edge(fit, cut)),
        seams=(*panels(fit, sleeves=False), Seam(field=band - 0.035, below=TRIM)),
        chart=FRONT,
        follow=SOFT,
        paint=(clad(fabric, paint.bright(fabric.colours[0], 0.85)),),
    )


def dress(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Bodice and skirt in one: short or long, with or without sleeves."""
    points, at, crotch, waist = fit.points, fit.arm_length, fit.crotch, fit.trunk_height(0.55)
    cut = _cut(fit, rng, fit.leg_height(float(rng.choice([0.2, 0.35, 0.45, 0.7, 0.9])) + 0.06 * rng.random()))
    sleeve, pointed = float(rng.choice([0.0, 0.0, 0.25, 0.55, 0.98])), float(rng.random() < 0.4)
    shape = Neckline(width=0.08 + 0.04 * rng.random(), front=0.02 + 0.1 * rng.random(), back=0.05, point=pointed)
    end = within_sleeve(points, at(sleeve)) if sleeve else armhole(fit, points, 0.04, 0.34)
    trunk = Hold(
        ease=((fit.armpit, 0.007), (waist, 0.008), (crotch + BELOW, cut.ease)),
        fall=0.9 if style.loose < 0.6 else cut.draw_in,
        hanging=((waist, 0.001), (crotch, cut.fall.folds * 0.6)),
        rings=((waist - 0.08, 0.003), (waist, 0.008), (fit.armpit, 0.004)),
    )
    air = ((at(0.0), 0.006), (at(0.2), 0.012), (at(max(sleeve, 0.3)), 0.02))
    fabric, belted = style.fabric("dress", rng, 1.4), rng.random() < 0.4
    tone = style.palette.accent if rng.random() < 0.5 else paint.bright(fabric.colours[0], 0.7)
    belt = (Seam(field=_belt(fit, waist), above=TRIM),) if belted else ()
    return Pattern(
        kind="dress",
        drape=Drape(trunk=trunk, arm=Hold(ease=air, fall=0.1, rings=((at(0.5), 0.005),)) if sleeve else None),
        edges=(
            _lower_edge(fit, cut),
            Edge(field=neckline(fit, points, shape), deep=0.005, margin=0.02),
            Edge(field=end, deep=0.02 if sleeve else 0.005, margin=0.02),
        ),
        seams=(*panels(fit, sleeves=sleeve > 0), *belt),
        chart=FRONT,
        follow=SOFT,
        paint=(clad(fabric, tone),),
    )


def _belt(fit: Fit, waist: float) -> Field:
    """A band around the trunk."""
    beyond = np.minimum(np.float32(fit.arm_length(0.0)) - np.abs(fit.points[:, 0]), 0)
    return np.float32(0.022) - np.abs(fit.points[:, 1] - np.float32(waist)) + np.float32(4) * beyond
