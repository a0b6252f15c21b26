"""Figures and page of `mien study attention`: maps over crops and pictures, how much lies around tokens' joints."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float64, UInt8

from mien.files import atomic_write
from mien.geometry.crop import Crop
from mien.optional import need
from mien.study.attention import Lifts, Plan, part_lift
from mien.study.attention_people import Source, read
from mien.study.attention_tokens import PARTS
from mien.study.written import Figure, draw, write_study_page
from mien.view.page import escaped, table

__all__ = ["draw_attention", "over_crop", "over_picture", "write_attention_page"]

BLUE, ORANGE, DARK, LIGHT = "#0072b2", "#d55e00", "#17324d", "#e6e9ee"
SIZE = (256, 192)
"""Height and width of a crop in the figure, pixels."""
QUALITY = 82
_GLOW = np.array([215.0, 115.0, 0.0])


def draw_attention(plan: Plan, looks: Sequence[Mapping[str, np.ndarray]], each: Sequence[Lifts]) -> list[Figure]:
    """The maps of some people, and the numbers of all."""
    matplotlib = need("matplotlib", extra="study", why="drawing the figures of a study")
    matplotlib.use("Agg")
    figures = [_draw_maps(plan, looks)]
    if any(np.isfinite(one.own).any() for one in each):
        figures.append(_draw_lifts(plan, each))
    return figures


def over_crop(crop: UInt8[np.ndarray, "h w 3"], heat: Float[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "h w 3"]:
    """A map of patches over its crop: grey where nothing is looked at, orange where most is."""
    height, width = crop.shape[:2]
    smooth = _smooth(heat, (width, height))
    return _lit(crop, smooth / max(float(smooth.max()), 1e-12))


def over_picture(
    picture: UInt8[np.ndarray, "h w 3"], heat: Float[np.ndarray, "rows columns"], box: Float[np.ndarray, "4"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The same over the whole picture, with the crop's frame.

    Args:
        picture: RGB.
        heat: rows and columns of patches.
        box: x, y, width, height of the crop; may reach outside the picture.
    """
    height, width = picture.shape[:2]
    x, y, w, h = (round(float(value)) for value in box)
    smooth = _smooth(heat, (max(1, w), max(1, h)))
    wide = np.zeros((height, width))
    top, left, bottom, right = max(0, y), max(0, x), min(height, y + h), min(width, x + w)
    wide[top:bottom, left:right] = smooth[top - y : bottom - y, left - x : right - x] / max(float(smooth.max()), 1e-12)
    found = _lit(picture, wide)
    thick = max(1, round(max(height, width) / 250))
    cv2.rectangle(found, (x, y), (x + w, y + h), (230, 159, 0), thick, cv2.LINE_AA)
    return found


def _smooth(heat: np.ndarray, size: tuple[int, int]) -> Float64[np.ndarray, "h w"]:
    """Patches as a smooth map; size is width, height."""
    return np.clip(np.asarray(cv2.resize(heat.astype(np.float64), size, interpolation=cv2.INTER_CUBIC)), 0, None)


def _lit(picture: UInt8[np.ndarray, "h w 3"], light: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Orange light where attention is, over a grey and darker picture."""
    grey = picture.mean(2, keepdims=True) * 0.6
    share = light[..., None]
    return np.clip(grey * (1 - 0.4 * share) + share * _GLOW, 0, 255).astype(np.uint8)


def _shown(plan: Plan, looks: Sequence[Mapping[str, np.ndarray]]) -> list[tuple[int, int]]:
    """Source and person of those in the figure: from source after source, until there are enough."""
    found: list[tuple[int, int]] = []
    order = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), plan.job.shown)).astype(int)).tolist()
    turn = 0
    while len(found) < plan.job.shown and turn < max(len(look["heat"]) for look in looks):
        found += [(i, turn) for i in order if turn < len(looks[i]["heat"])]
        turn += 1
    return sorted(found[: plan.job.shown])


def _draw_maps(plan: Plan, looks: Sequence[Mapping[str, np.ndarray]]) -> Figure:
    """A row a person: the picture, the crop, and the crop as the tokens of each part of the body see it."""
    import matplotlib.pyplot as plt

    people = _shown(plan, looks)
    parts = [part for part in PARTS if any(token.part == part for token in plan.tokens)]
    widths = [1.45, *[0.78] * (1 + len(parts))]
    figure, grid = plt.subplots(
        len(people), len(widths), figsize=(sum(widths) + 0.2, 1.09 * len(people) + 0.35), width_ratios=widths,
        squeeze=False,
    )  # fmt: skip
    top = 1 - 0.3 / (1.09 * len(people) + 0.35)
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=top, wspace=0.03, hspace=0.03)
    for axes, (i, person) in zip(grid, people, strict=True):
        cells = _cells(plan, plan.sources[i], looks[i], person, parts)
        for axis, cell in zip(axes, cells, strict=True):
            axis.imshow(cell)
            axis.set_axis_off()
    for axis, word in zip(grid[0], ["all tokens, in the picture", "crop", *parts], strict=True):
        axis.set_title(word, fontsize=7.5, color=DARK)
    caption = (
        f"Where task tokens of {plan.estimator.card.name} look ({plan.layer}, mean over heads and over the tokens of "
        "each part of the body): orange light is attention over patches, each map on its own scale."
    )
    return _write_jpeg(plan.job.out / "attention.jpg", figure, caption)


def _cells(
    plan: Plan, source: Source, look: Mapping[str, np.ndarray], person: int, parts: Sequence[str]
) -> list[np.ndarray]:
    rows, columns = plan.estimator.network.encoder.grid
    heat, box = look["heat"][person].reshape(-1, rows, columns), look["crop"][person]
    picture = read(source, int(look["picture"][person]))
    crop = np.rint(Crop.around(box).extract(picture, SIZE)).astype(np.uint8)
    maps = [heat[[t for t, token in enumerate(plan.tokens) if token.part == part]].mean(0) for part in parts]
    scale = 600 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    whole = over_picture(np.asarray(small, dtype=np.uint8), heat.mean(0), box * min(scale, 1))
    return [whole, crop, *(over_crop(crop, each) for each in maps)]


def _write_jpeg(path: Path, figure: Any, caption: str) -> Figure:
    """Pictures are smaller as JPEG than as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="jpg", dpi=130, pil_kwargs={"quality": QUALITY, "optimize": True})
    figure.clear()
    with atomic_write(path) as file:
        file.write(stream.getvalue())
    return Figure(path=path, caption=caption)


def _draw_lifts(plan: Plan, each: Sequence[Lifts]) -> Figure:
    """Of each part: attention around its own joints, and what another person's map has there."""
    import matplotlib.pyplot as plt

    everyone = Lifts(own=np.concatenate([one.own for one in each]), other=np.concatenate([one.other for one in each]))
    numbers = {part: part_lift(plan, everyone, part, plan.job.choice.seed) for part in PARTS}
    numbers = {part: each for part, each in numbers.items() if each["own"] is not None}
    figure, axis = plt.subplots(figsize=(7.5, 0.45 * len(numbers) + 1.5), layout="constrained")
    axis.axvline(1, color=DARK, linewidth=1, linestyle=":")
    for place, found in enumerate(numbers.values()):
        for key, colour, shift, filled in (("own", BLUE, -0.12, True), ("other", ORANGE, 0.12, False)):
            if (value := found[key]) is not None:
                if value["low"] is not None:
                    axis.plot([value["low"], value["high"]], [place + shift] * 2, color=colour, linewidth=2)
                axis.plot(
                    value["mean"], place + shift, "o", color=colour, markersize=7,
                    markerfacecolor=colour if filled else "white",
                )  # fmt: skip
    axis.plot([], [], "o-", color=BLUE, label="on the person's own map")
    axis.plot([], [], "o-", color=ORANGE, markerfacecolor="white", label="on the map of another person of the dataset")
    axis.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    axis.set_yticks(
        range(len(numbers)), [f"{part} ({each['people']:,})" for part, each in numbers.items()], fontsize=10
    )
    axis.set_ylim(len(numbers) - 0.4, -0.6)
    axis.set_xlim(left=0)
    axis.set_xlabel("attention around the token's joint, times chance (dotted: 1)", fontsize=10)
    axis.grid(axis="x", color=LIGHT)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    caption = (
        f"Attention of {plan.estimator.card.name} on the 3 x 3 patches around each token's joint, as a multiple of "
        "chance, mean over tokens and people with 95 % intervals. Only where the blue dot lies right of the orange one "
        "do tokens look at this person's part rather than at a place in the crop."
    )
    return draw(plan.job.out / "lifts.png", figure, caption)


def write_attention_page(path: Path, found: Mapping[str, Any], figures: Sequence[Figure]) -> Path:
    """Write one self-contained page."""
    people, alike = sum(found["people"].values()), found["alike"]
    lead = (
        f"{found['weights']['name']}, {found['layer']}, {people:,} people, seed {found['seed']}. Times chance: "
        f"{found['definition']['lift']}. Maps of two parts of one person share "
        f"{100 * alike['parts_of_one_person']['mean']:.0f} % of their attention"
    )
    two = alike.get("one_part_of_two_people")
    lead += "." if two is None else f", maps of one part of two people {100 * two['mean']:.0f} %."
    parts: list[str | Figure] = [f'<p class="facts">{escaped(remark)}</p>' for remark in found["remarks"]]
    parts += figures
    head = ("", "people", "own map", "other person's map", "difference")
    parts += ["<h2>Parts of the body</h2>", table(head, [_row(name, each) for name, each in found["parts"].items()])]
    head = ("token", "part", "on patches, %", *head[1:])
    rows = [
        (name, each["part"], f"{100 * each['on_patches']:.0f}", *_row(name, each)[1:])
        for name, each in found["tokens"].items()
    ]
    parts += ["<h2>Tokens</h2>", table(head, rows)]
    return write_study_page(path, "Where task tokens look", lead, parts)


def _row(name: str, each: Mapping[str, Any]) -> tuple[str, ...]:
    return (name, f"{each['people']:,}", *(_cell(each[key]) for key in ("own", "other", "follows")))


def _cell(value: Mapping[str, Any] | None) -> str:
    if value is None or value["low"] is None:
        return "" if value is None else f"{value['mean']:.2f}"
    return "{mean:.2f} ({low:.2f} to {high:.2f})".format(**value)
