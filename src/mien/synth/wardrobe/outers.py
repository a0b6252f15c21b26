"""What is worn over the rest: open jackets, coats, vests; and a tie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import BACK, FRONT, SLEEVE, TRIM, Sheet
from mien.synth.wardrobe.collars import collar, hood, lapels, stand
from mien.synth.wardrobe.drape import Drape, Hold
from mien.synth.wardrobe.fabric import Fabric
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.form import SOFT
from mien.synth.wardrobe.loose import Fall
from mien.synth.wardrobe.lowers import STITCH
from mien.synth.wardrobe.parts import BELOW, clad, front_edge, lower_edge, neck_edge, panels, sleeve_hold, trunk_hold
from mien.synth.wardrobe.regions import Neckline, above, armhole, within_sleeve
from mien.synth.wardrobe.sew import Edge, Pattern, Seam, Step, Work
from mien.synth.wardrobe.style import Style

__all__ = ["coat", "jacket", "tie", "vest"]

_ROUND = Neckline(width=0.1, front=0.035, back=0.032)
_POINTED = Neckline(width=0.1, front=0.16, back=0.032, point=1.0)


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A kind of jacket."""

    length: float
    """Metres from the crotch to the hem, upwards."""
    neck: Neckline
    fabric: str
    work: Callable[[Fit], Work]
    """What is added at neck (border 1) and front (border 3)."""
    rib: float = 0.0
    fall: float = 0.25


def _lapels(fit: Fit, width: float = 0.062) -> Work:
    return lapels((1, 3), float(fit.joints[12, 1]) - 0.03, fit.trunk_height(0.62), width)


_CUTS: dict[str, _Cut] = {
    "blazer": _Cut(length=-0.03, neck=_POINTED, fabric="melange", work=_lapels, fall=0.5),
    "jeans": _Cut(length=0.1, neck=_ROUND, fabric="denim", work=lambda _: collar(1, 0.025, 0.06, 0.02, gap=0.0)),
    "bomber": _Cut(length=0.07, neck=_ROUND, fabric="plain", work=lambda _: stand(1, 0.045, 0.2, 0.008), rib=0.055),
    "hooded": _Cut(length=0.02, neck=_ROUND, fabric="plain", work=lambda _: hood(1, 1.15)),
}


def _air(fit: Fit, style: Style, least: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Metres of air of trunk and of sleeves, each at its beginning and end."""
    loose = style.loose
    return (least + 0.010 * loose, least + 0.004 + 0.016 * loose), (
        least + 0.008 + 0.006 * loose,
        least + 0.010 + 0.008 * loose,
    )


def jacket(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Open in front: a blazer with lapels, a jean jacket, a bomber or a rain jacket with a hood."""
    kind = str(rng.choice(list(_CUTS)))
    cut = _CUTS["blazer" if style.uniform == "suit" else kind]
    hem, cuff = fit.crotch + cut.length, within_sleeve(fit.points, fit.arm_length(1.0) + 0.01)
    fabric, (trunk, arm) = _outer_fabric(rng, style, cut.fabric), _air(fit, style, 0.012)
    ribs = (Seam(field=cuff - 0.05, below=TRIM),) if cut.rib else ()
    pocket = max(fit.trunk_height(0.28), hem + 0.09)
    return Pattern(
        kind="jacket",
        drape=Drape(
            offset=0.014,
            trunk=trunk_hold(fit, hem, trunk, cut.fall, 0.009),
            arm=sleeve_hold(fit, 1.0, arm, 0.010),
            even=3,
        ),
        edges=(
            lower_edge(fit, hem, rib=cut.rib),
            neck_edge(fit, cut.neck, 0.0),
            Edge(field=cuff, thick=0.005),
            front_edge(fit, (0.04, 0.05 + 0.05 * rng.random()), hem),
        ),
        seams=(*panels(fit), *ribs),
        chart=FRONT,
        follow=SOFT,
        gap=0.006,
        works=(cut.work(fit),),
        paint=(clad(fabric, paint.bright(fabric.colours[0], 0.6)), _seams(fabric, pocket, yoke=cut.fabric == "denim")),
    )


def _outer_fabric(rng: np.random.Generator, style: Style, plain: str) -> Fabric:
    """Jackets are plainer than shirts, and often dark."""
    cloth = ("denim",) if plain == "denim" else (plain, "plain")
    return style.fabric("outer", rng, 0.25, cloth, lead=int(rng.integers(2)))


def _seams(fabric: Fabric, pocket: float, *, yoke: bool) -> Step:
    """Pockets at a height, cuffs; and the seams of a jean jacket."""
    dark = STITCH if fabric.pattern == "denim" else paint.bright(fabric.colours[0], 0.55)

    def draw(sheet: Sheet) -> None:
        if (front := sheet.panels.get(FRONT)) is not None:
            top, low = front.span
            for side in (-1, 1):
                if yoke:
                    paint.line(front, [(side * 0.06, top + 0.2), (side * 0.15, top + 0.2)], dark, 0.003)
                    paint.line(front, [(side * 0.1, top + 0.2), (side * 0.08, low)], dark, 0.003)
                paint.line(front, [(side * 0.1, -pocket), (side * 0.2, -pocket - 0.02)], dark, 0.006)
        if (arm := sheet.panels.get(SLEEVE)) is not None:
            paint.line(arm, [(-0.3, arm.span[1] - 0.05), (0.3, arm.span[1] - 0.05)], dark, 0.003)

    return draw


def coat(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """To the thigh, the knee or the shin; open in front."""
    points, hem, hooded = fit.points, fit.leg_height(0.15 + 0.6 * rng.random()), rng.random() < 0.3
    fabric, (trunk, arm) = _outer_fabric(rng, style, "melange"), _air(fit, style, 0.016)
    fall = Fall(hem=hem, flare=0.06 + 0.14 * rng.random(), folds=0.012)
    start = above(points, fit.crotch + BELOW)
    return Pattern(
        kind="coat",
        drape=Drape(
            offset=0.016,
            trunk=trunk_hold(fit, hem, trunk, 0.35, 0.009),
            arm=sleeve_hold(fit, 1.0, arm, 0.010),
            even=3,
        ),
        edges=(
            Edge(field=start, falls=(fall,), margin=0.08, shows=fit.crotch + 0.07),
            neck_edge(fit, Neckline(width=0.1, front=0.1, back=0.032, point=1.0), 0.0),
            Edge(field=within_sleeve(points, fit.arm_length(1.0) + 0.015), thick=0.006),
            front_edge(fit, (0.04, 0.05 + 0.06 * rng.random()), hem),
        ),
        seams=panels(fit),
        chart=FRONT,
        follow=SOFT,
        gap=0.006,
        works=(hood(1, 1.15) if hooded else _lapels(fit, 0.075),),
        paint=(
            clad(fabric, paint.bright(fabric.colours[0], 0.6)),
            _seams(fabric, fit.trunk_height(0.2), yoke=False),
        ),
    )


def vest(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Without sleeves: quilted and thick, or thin like a waistcoat."""
    quilted, hem = bool(rng.random() < 0.65) and not style.uniform, fit.crotch + 0.06
    fabric, front = _outer_fabric(rng, style, "plain"), 0.02 + 0.05 * rng.random()
    neck = Neckline(width=0.1, front=0.03) if quilted else Neckline(width=0.1, front=0.2, back=0.026, point=1.0)
    ease, offset = ((0.022, 0.024), 0.022) if quilted else ((0.009, 0.009), 0.012)
    plain = _reflectors if style.uniform == "safety" else _seams(fabric, fit.trunk_height(0.36), yoke=True)
    return Pattern(
        kind="vest",
        drape=Drape(offset=offset, trunk=trunk_hold(fit, hem, ease, 0.3, 0.004), even=3),
        edges=(
            lower_edge(fit, hem),
            neck_edge(fit, neck, 0.0 if quilted else 0.005, 0.02),
            Edge(field=armhole(fit, fit.points, 0.005, 0.3), thick=0.012 if quilted else 0.004, margin=0.02),
            front_edge(fit, (0.02, front), hem),
        ),
        seams=panels(fit, sleeves=False),
        chart=FRONT,
        follow=SOFT,
        gap=0.008,
        works=(stand(1, 0.05, 0.15, 0.014),) if quilted else (),
        paint=(clad(fabric, paint.bright(fabric.colours[0], 0.6)), _quilt if quilted else plain),
    )


def _quilt(sheet: Sheet) -> None:
    """Rows of padding."""
    for kind in (FRONT, BACK):
        if (panel := sheet.panels.get(kind)) is not None:
            rows = panel.corner[1] + panel.texel * np.arange(panel.pixels.shape[0])
            swell = np.abs(np.sin(np.pi * rows / 0.075)).astype(np.float32) ** 0.5
            panel.pixels[:] = np.clip(panel.pixels * (0.62 + 0.42 * swell)[:, None, None], 0, 255)


def _reflectors(sheet: Sheet) -> None:
    """Silver bands around the body and over the shoulders."""
    silver = (205.0, 208.0, 210.0)
    for kind in (FRONT, BACK):
        if (panel := sheet.panels.get(kind)) is not None:
            for up in (0.12, 0.27):
                paint.line(panel, [(-0.5, panel.span[1] - up), (0.5, panel.span[1] - up)], silver, 0.05)
            for s in (-0.12, 0.12):
                paint.line(panel, [(s, panel.span[0]), (s, panel.span[1] - 0.27)], silver, 0.05)


def tie(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """From the collar to the waist, over a shirt."""
    points = fit.points
    top, low = np.float32(fit.joints[12, 1] - 0.052), np.float32(fit.trunk_height(0.45))
    share = np.clip((top - points[:, 1]) / (top - low), 0, 1)
    half = np.where(share < 0.08, 0.022 - 0.1 * share, 0.012 + 0.028 * share).astype(np.float32)
    side = half - np.abs(points[:, 0]) - 4 * np.maximum(fit.arms[0, 2] - points[:, 2], 0)
    fabric = style.fabric("tie", rng, 1.5, lead=2)
    return Pattern(
        kind="tie",
        drape=Drape(offset=0.012, trunk=Hold(ease=((0.0, 0.02),)), wrinkle=0.0),
        edges=(
            Edge(field=side, margin=1.0, deep=0.004),
            Edge(field=points[:, 1] - low - np.abs(points[:, 0]), margin=1.0),
            Edge(field=top - points[:, 1], margin=1.0),
        ),
        chart=FRONT,
        follow=SOFT,
        gap=0.007,
        paint=(clad(fabric, fabric.colours[0]),),
    )
