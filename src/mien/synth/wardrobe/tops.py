"""What is worn above the waist next to the skin: T-shirt, shirt, tank top, blouse, hoodie, jumper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.synth.wardrobe import paint
from mien.synth.wardrobe.charts import BACK, FRONT, SLEEVE, TRIM, Sheet
from mien.synth.wardrobe.collars import collar, hood, stand, turn_up
from mien.synth.wardrobe.drape import Drape, Hold
from mien.synth.wardrobe.fabric import Colour, Fabric
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.form import SOFT
from mien.synth.wardrobe.parts import clad, lower_edge, panels, sleeve_hold, trunk_hold
from mien.synth.wardrobe.regions import Neckline, armhole, neckline, within_sleeve
from mien.synth.wardrobe.sew import Edge, Pattern, Seam, Step
from mien.synth.wardrobe.style import Style

__all__ = ["blouse", "hoodie", "jumper", "shirt", "t_shirt", "tank_top"]


def _trunk(fit: Fit, style: Style, hem: float, ease: tuple[float, float], fall: float, deep: float) -> Hold:
    return trunk_hold(fit, hem, ease, fall, deep, tucked_at=style.waist if style.tucked else None)


def _hem(style: Style, loose_end: float) -> float:
    """Height of the lower edge: below the waistband where it is tucked in."""
    return style.waist - 0.07 if style.tucked else loose_end


def t_shirt(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Short sleeves, a round or a pointed neck; often a print."""
    loose, points = style.inner_loose, fit.points
    hem = _hem(style, fit.crotch + 0.06 - 0.1 * loose * rng.random())
    end, pointed = 0.2 + 0.16 * rng.random() + 0.06 * loose, bool(rng.random() < 0.25)
    front, width = 0.012 + 0.04 * rng.random() + 0.07 * pointed, 0.076 + 0.014 * rng.random()
    neck = neckline(fit, points, Neckline(front=front, point=float(pointed), width=width))
    ease = (0.008 + 0.014 * loose, 0.014 + 0.026 * loose)
    fabric = style.fabric("t_shirt", rng, 1.0, ("plain", "plain", "melange"))
    return Pattern(
        kind="t_shirt",
        drape=Drape(
            trunk=_trunk(fit, style, hem, ease, 0.6 - 0.5 * loose, 0.009),
            arm=sleeve_hold(fit, end, (0.010 + 0.006 * loose, 0.018 + 0.018 * loose), 0.006),
        ),
        edges=(lower_edge(fit, hem), Edge(field=neck), Edge(field=within_sleeve(points, fit.arm_length(end)))),
        seams=(*panels(fit), Seam(field=neck - 0.016, below=TRIM)),
        chart=FRONT,
        follow=SOFT,
        paint=(clad(fabric, _rib(fabric, style, rng)), _print(rng, style, fabric)),
    )


def _rib(fabric: Fabric, style: Style, rng: np.random.Generator) -> Colour:
    """Of the band around the neck: now and then in another colour."""
    return style.palette.accent if rng.random() < 0.3 else paint.bright(fabric.colours[0], 0.88)


def _print(rng: np.random.Generator, style: Style, fabric: Fabric) -> Step:
    """Perhaps a print on the chest or the back, on plain cloth; numbers for teams."""
    where, size, seed = rng.random(), 0.12 + 0.16 * rng.random(), int(rng.integers(2**31))
    plain = fabric.pattern in ("plain", "melange", "knit")
    light = style.palette.light if sum(fabric.colours[0]) < 380 else style.palette.dark

    def draw(sheet: Sheet) -> None:
        front, back = sheet.panels.get(FRONT), sheet.panels.get(BACK)
        if not plain or where > 0.6 or front is None or back is None:
            return
        own = np.random.default_rng(seed)
        if style.uniform == "team":
            text = str(int(own.integers(1, 100)))
            paint.number(back, (0.0, back.span[0] + 0.24), 0.2, light, text)
            paint.number(front, (0.0, front.span[0] + 0.24), 0.11, light, text)
            return
        inks = [style.palette.accent, light] if own.random() < 0.5 else [light, style.palette.accent]
        if where < 0.45:
            paint.print_on(front, (0.0, front.span[0] + 0.16 + 0.5 * size), size, inks, own)
        else:
            paint.print_on(front, (0.075, front.span[0] + 0.17), 0.06, inks, own)
        if where < 0.12:
            paint.print_on(back, (0.0, back.span[0] + 0.2), 0.3, inks, own)

    return draw


def tank_top(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """No sleeves, a wide neck."""
    loose, points = style.inner_loose, fit.points
    hem = _hem(style, fit.crotch + 0.07 - 0.06 * loose)
    shape = Neckline(front=0.06 + 0.07 * rng.random(), back=0.06, width=0.09 + 0.015 * rng.random())
    neck, hole = neckline(fit, points, shape), armhole(fit, points, 0.030 + 0.016 * rng.random(), 0.34)
    ease = (0.013 + 0.016 * loose, 0.022 + 0.026 * loose)
    fabric = style.fabric("tank_top", rng, 1.0)
    return Pattern(
        kind="tank_top",
        drape=Drape(offset=0.005, trunk=_trunk(fit, style, hem, ease, 0.7 - 0.6 * loose, 0.008)),
        edges=(
            lower_edge(fit, hem),
            Edge(field=neck, deep=0.005, margin=0.02),
            Edge(field=hole, deep=0.005, margin=0.02),
        ),
        seams=(*panels(fit, sleeves=False), Seam(field=np.minimum(neck, hole) - 0.012, below=TRIM)),
        chart=FRONT,
        follow=SOFT,
        paint=(clad(fabric, _rib(fabric, style, rng)), _print(rng, style, fabric)),
    )


def shirt(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Long sleeves (sometimes rolled), collar, buttons."""
    loose, points, rolled = 0.2 + 0.8 * style.inner_loose, fit.points, bool(rng.random() < 0.25)
    hem, end = _hem(style, fit.crotch - 0.05 * rng.random()), 0.42 + 0.2 * rng.random() if rolled else 1.0
    open_by = 0.012 if style.uniform == "suit" else float(rng.choice([0.012, 0.035, 0.075]))
    neck = neckline(fit, points, Neckline(width=0.066, front=open_by, back=0.018, point=0.8))
    cuff = fit.arm_length(end)
    sleeve = sleeve_hold(fit, end, (0.012 + 0.008 * loose, 0.016 + 0.01 * loose), 0.009)
    if not rolled:
        sleeve = replace(sleeve, ease=(*sleeve.ease[:2], (cuff - 0.09, 0.02 + 0.008 * loose), (cuff - 0.055, 0.007)))
    fabric = style.fabric("shirt", rng, 1.2, ("plain", "plain", "melange", "denim"))
    fold = collar(1, 0.03, 0.03, 0.03, lift=0.004) if style.layered else collar(1, 0.03, 0.042, 0.03)
    trunk = _trunk(fit, style, hem, (0.010 + 0.012 * loose, 0.012 + 0.026 * loose), 0.5 - 0.4 * loose, 0.009)
    return Pattern(
        kind="shirt",
        drape=Drape(trunk=trunk, arm=sleeve),
        edges=(
            lower_edge(fit, hem),
            Edge(field=neck, thick=0.0),
            Edge(field=within_sleeve(points, cuff), thick=0.0 if rolled else 0.003),
        ),
        seams=panels(fit),
        chart=FRONT,
        follow=SOFT,
        works=(fold, turn_up(2, 0.045, 0.007)) if rolled else (fold,),
        paint=(clad(fabric, fabric.colours[0]), _button_front(fabric, style, bool(rng.random() < 0.5), cuff - 0.06)),
    )


def _button_front(fabric: Fabric, style: Style, pocket: bool, cuff: float) -> Step:
    """Placket, buttons, a chest pocket, cuffs."""
    dark = paint.bright(fabric.colours[0], 0.75)
    button = style.palette.light if sum(fabric.colours[0]) < 500 else paint.bright(fabric.colours[0], 0.75)

    def draw(sheet: Sheet) -> None:
        if (front := sheet.panels.get(FRONT)) is not None:
            top, low = front.span
            for s in (-0.017, 0.017):
                paint.line(front, [(s, top), (s, low)], dark, 0.002)
            count = int((low - top - 0.06) / 0.085)
            paint.buttons(front, [(0.0, top + 0.05 + 0.085 * k) for k in range(count)], button, 0.0055)
            if pocket:
                s, t = 0.05, top + 0.17
                shape = [(s, t), (s, t + 0.1), (s + 0.05, t + 0.12), (s + 0.1, t + 0.1), (s + 0.1, t), (s, t)]
                paint.line(front, shape, dark, 0.002)
        if (arm := sheet.panels.get(SLEEVE)) is not None:
            paint.line(arm, [(-0.3, cuff), (0.3, cuff)], dark, 0.003)

    return draw


def blouse(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Wide sleeves, gathered at the wrist or open, and a wide neck."""
    loose, points, at = style.inner_loose, fit.points, fit.arm_length
    hem, gathered = _hem(style, fit.crotch + 0.06), rng.random() < 0.55
    end = at(float(rng.choice([0.5, 0.8, 0.98])))
    shape = Neckline(width=0.08 + 0.05 * rng.random(), front=0.02 + 0.09 * rng.random(), point=float(rng.random()))
    wide = 0.022 + 0.022 * rng.random() + 0.01 * loose
    cuff = 0.004 if gathered else wide + 0.02
    arm = Hold(
        ease=((at(0.0), 0.006), (at(0.15), 0.012), (end - 0.06, wide + 0.012), (end, cuff)),
        fall=0.0,
        hanging=((at(0.1), 0.0), (end, 0.012)),
        rings=((end - 0.05, 0.004),),
    )
    fabric = style.fabric("blouse", rng, 1.6)
    return Pattern(
        kind="blouse",
        drape=Drape(trunk=_trunk(fit, style, hem, (0.010 + 0.012 * loose, 0.016 + 0.02 * loose), 0.5, 0.010), arm=arm),
        edges=(
            lower_edge(fit, hem, flare=0.1, folds=0.008),
            Edge(field=neckline(fit, points, shape)),
            Edge(field=within_sleeve(points, end), margin=0.07),
        ),
        seams=panels(fit),
        chart=FRONT,
        follow=SOFT,
        paint=(clad(fabric, fabric.colours[0]),),
    )


def _knitted(fit: Fit, rng: np.random.Generator, style: Style, thick: float) -> tuple[float, Hold, Hold]:
    """Hem, trunk and sleeves of a thick top with ribs that draw in."""
    loose, at = style.inner_loose, fit.arm_length
    hem = fit.crotch + 0.05 - 0.05 * loose * rng.random()
    trunk = _trunk(fit, style, hem, (0.012 + thick + 0.016 * loose, 0.02 + thick + 0.02 * loose), 0.25, 0.010)
    ease = (trunk.ease[0], (hem + 0.1, trunk.ease[1][1]), (hem + 0.05, 0.02), (hem, 0.012))
    trunk = replace(trunk, ease=ease, hug=((hem + 0.1, 0.0), (hem + 0.05, 0.5)))
    arm = sleeve_hold(fit, 1.0, (0.012 + thick + 0.008 * loose, 0.018 + thick + 0.01 * loose), 0.011)
    arm = replace(arm, ease=(*arm.ease[:2], (at(1) - 0.09, 0.02 + thick), (at(1) - 0.05, 0.012), (at(1) + 0.02, 0.006)))
    return hem, trunk, arm


def hoodie(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Thick, with a hood on the back, ribs and a pocket."""
    points = fit.points
    hem, trunk, arm = _knitted(fit, rng, style, 0.006)
    neck = neckline(fit, points, Neckline(width=0.078, front=0.03, back=0.026))
    cuff = within_sleeve(points, fit.arm_length(1.0) + 0.015)
    fabric = style.fabric("hoodie", rng, 0.25, ("plain", "melange", "plain"))
    dark = paint.bright(fabric.colours[0], 0.85)
    return Pattern(
        kind="hoodie",
        drape=Drape(offset=0.012, trunk=trunk, arm=arm, even=3),
        edges=(lower_edge(fit, hem, rib=0.055), Edge(field=neck, thick=0.0), Edge(field=cuff, thick=0.005)),
        seams=(*panels(fit), Seam(field=cuff - 0.055, below=TRIM)),
        chart=FRONT,
        follow=SOFT,
        works=(hood(1, 0.95 + 0.25 * rng.random()),),
        paint=(clad(fabric, dark), _print(rng, style, fabric), _pouch(fabric, style)),
    )


def _pouch(fabric: Fabric, style: Style) -> Step:
    """The pocket of a hoodie, and its strings."""

    def draw(sheet: Sheet) -> None:
        if (front := sheet.panels.get(FRONT)) is None:
            return
        low, dark = front.span[1] - 0.075, paint.bright(fabric.colours[0], 0.6)
        right = [(0.14, low), (0.14, low - 0.07), (0.09, low - 0.16)]
        shape = [*right, *((-s, t) for s, t in right[::-1]), right[0]]
        paint.line(front, shape, dark, 0.003)
        paint.fade(front, [((side * 0.12, low - 0.11), (0.02, 0.05)) for side in (-1, 1)], -0.18)
        for s in (-0.03, 0.03):
            paint.line(front, [(s, front.span[0]), (1.2 * s, front.span[0] + 0.2)], style.palette.light, 0.005)

    return draw


def jumper(fit: Fit, rng: np.random.Generator, style: Style) -> Pattern:
    """Knitted, with ribs; a round, a pointed or a high neck."""
    points, high = fit.points, bool(rng.random() < 0.3)
    hem, trunk, arm = _knitted(fit, rng, style, 0.003)
    pointed = not high and rng.random() < 0.35
    shape = Neckline(width=0.076, front=0.018 + 0.1 * pointed, back=0.018, point=float(pointed))
    neck = neckline(fit, points, Neckline(width=0.068, front=0.004, back=0.018) if high else shape)
    cuff = within_sleeve(points, fit.arm_length(1.0) + 0.01)
    fabric = style.fabric("jumper", rng, 0.6, ("knit", "knit", "melange"))
    ribs = (Seam(field=cuff - 0.055, below=TRIM), Seam(field=neck - 0.022, below=TRIM))
    return Pattern(
        kind="jumper",
        drape=Drape(offset=0.010, trunk=trunk, arm=arm, even=3),
        edges=(
            lower_edge(fit, hem, rib=0.05),
            Edge(field=neck, thick=0.0 if high else 0.005),
            Edge(field=cuff, thick=0.005),
        ),
        seams=(*panels(fit), *(ribs[:1] if high else ribs)),
        chart=FRONT,
        follow=SOFT,
        works=(stand(1, 0.055, 0.05, 0.008),) if high else (),
        paint=(clad(fabric, paint.bright(fabric.colours[0], 0.88)),),
    )
