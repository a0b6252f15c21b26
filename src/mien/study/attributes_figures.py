"""Figures of `mien study attributes`: maps with a panel a dataset, coverage as a table of colours, what adds most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from mien.optional import need
from mien.palette import PERSON_COLOURS
from mien.study.attributes_spaces import view_angles
from mien.study.written import Figure, draw

if TYPE_CHECKING:
    from mien.study.attributes import Found, Plan

__all__ = ["draw_all"]

BLUE, GREY, DARK, LIGHT = "#0072b2", "#c9ced6", "#17324d", "#e6e9ee"
COLUMNS = 4
TITLES = {"picture": "how people look", "orientation": "which way people face", "pose": "how people stand"}
MARKS = ("o", "s", "^", "D", "v", "P", "X")


def draw_all(plan: Plan, found: Found) -> list[Figure]:
    """All figures that these data give, in the order in which a page shows them."""
    matplotlib = need("matplotlib", extra="study", why="drawing the figures of a study")
    matplotlib.use("Agg")
    out, names = plan.job.out, [each.name for each in plan.sets]
    figures: list[Figure] = []
    for name in found.spaces:
        if name == "orientation":
            figures.append(_draw_view(plan, found))
        else:
            figures.append(_draw_components(plan, found, name))
        if name in found.umaps:
            caption = (
                f"UMAP of {TITLES[name]}: one dot a person, each panel one dataset (blue) among all (grey). "
                "Neighbours are alike; distances between groups mean little."
            )
            axes = ("UMAP 1", "UMAP 2")
            figures.append(_draw_panels(out / f"umap_{name}.png", found.umaps[name], names, axes, caption))
    if "picture" in found.spaces:
        figures += _draw_words(plan, found)
    figures += [_draw_coverage(plan, found, name) for name in found.reach]
    if found.ladders:
        figures.append(_draw_ladders(plan, found))
    return figures


def _draw_components(plan: Plan, found: Found, name: str) -> Figure:
    components = found.components[name]
    first, second = (100 * np.pad(components.explained, (0, 2))[:2]).tolist()
    unit = {"picture": "deviations", "pose": "m"}[name]
    axes = tuple(f"component {i + 1} ({unit}; {share:.0f} %)" for i, share in enumerate((first, second)))
    caption = (
        f"Principal components of {TITLES[name]}: one dot a person, each panel one dataset (blue) among all (grey). "
        f"The two components hold {first + second:.0f} % of the variance."
    )
    names = [each.name for each in plan.sets]
    return _draw_panels(plan.job.out / f"pca_{name}.png", components.places, names, axes, caption)


def _draw_view(plan: Plan, found: Found) -> Figure:
    places = tuple(view_angles(points)[:, :2] for points in found.spaces["orientation"].points)
    caption = (
        "Which way people's hips face: yaw 0 towards the camera, 180 away, 90 to the picture's right; pitch 90 up, -90 "
        "down. One dot a person, each panel one dataset (blue) among all (grey)."
    )
    names, axes = [each.name for each in plan.sets], ("yaw (degrees)", "pitch (degrees)")
    return _draw_panels(
        plan.job.out / "orientation.png", places, names, axes, caption, limits=((-180, 180, 90), (-90, 90, 45))
    )


def _draw_panels(
    path: Any,
    places: Sequence[Float[np.ndarray, "_ 2"]],
    names: Sequence[str],
    labels: tuple[str, ...],
    caption: str,
    limits: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None,
) -> Figure:
    """A panel a dataset: it alone in blue, everybody in grey."""
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.35 * columns + 0.6, 1.95 * rows + 0.6), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    everybody = np.concatenate(list(places))
    for axis in grid.flat[len(names) :]:
        axis.set_axis_off()
    for axis, here, name in zip(grid.flat, places, names, strict=False):
        axis.scatter(*everybody.T, s=1.5, color=GREY, linewidths=0, rasterized=True)
        axis.scatter(*here.T, s=5, color=BLUE, linewidths=0, alpha=0.8, rasterized=True)
        axis.set_title(f"{name} ({len(here)})" if len(here) else f"{name}: not known", fontsize=10, color=DARK)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        if limits is not None:
            (x0, x1, dx), (y0, y1, dy) = limits
            axis.set(xlim=(x0, x1), ylim=(y0, y1), xticks=range(x0, x1 + 1, dx), yticks=range(y0, y1 + 1, dy))
    figure.supxlabel(labels[0], fontsize=10)
    figure.supylabel(labels[1], fontsize=10)
    return draw(path, figure, caption)


def _draw_words(plan: Plan, found: Found) -> list[Figure]:
    """The map of pictures coloured by scene, and by real or synthetic, where there is more than one of them."""
    space = found.spaces["picture"]
    places = found.umaps.get("picture", found.components["picture"].places)
    kind = "UMAP" if "picture" in found.umaps else "principal components"
    everywhere = np.concatenate(list(places))
    scene = np.concatenate(
        [np.array(each.scene)[rows] for each, rows in zip(plan.sets, space.rows, strict=True) if rows.any()]
    )
    kinds = [[each.kind] * int(rows.sum()) for each, rows in zip(plan.sets, space.rows, strict=True)]
    made = np.concatenate([np.array(words, dtype=np.str_) for words in kinds])
    found_here: list[Figure] = []
    for name, words, what in (("scene", scene, "scene"), ("kind", made, "real or synthetic")):
        if len(np.unique(words)) > 1:
            caption = f"The map of how people look ({kind}), all datasets, coloured by {what}."
            found_here.append(_draw_coloured(plan.job.out / f"{name}.png", everywhere, words, kind, caption))
    return found_here


def _draw_coloured(path: Any, places: np.ndarray, words: np.ndarray, kind: str, caption: str) -> Figure:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.2, 5.2), layout="constrained")
    order = sorted(set(words.tolist()), key=lambda word: -int((words == word).sum()))
    for i, word in enumerate(order):
        here = places[words == word]
        colour = tuple(value / 255 for value in PERSON_COLOURS[(i + 5) % len(PERSON_COLOURS)])
        axis.scatter(
            *here.T, s=9, color=colour, marker=MARKS[i % len(MARKS)], linewidths=0, alpha=0.75,
            label=f"{word} ({len(here):,})", rasterized=True,
        )  # fmt: skip
    axis.legend(frameon=False, markerscale=2.5, fontsize=10, loc="center left", bbox_to_anchor=(1.0, 0.5))
    name = "UMAP" if kind == "UMAP" else "component"
    axis.set_xlabel(f"{name} 1")
    axis.set_ylabel(f"{name} 2")
    axis.spines[["top", "right"]].set_visible(False)
    return draw(path, figure, caption)


def _draw_coverage(plan: Plan, found: Found, name: str) -> Figure:
    """C(A | B) as a table of colours."""
    import matplotlib.pyplot as plt

    reach = found.reach[name]
    shares, names = 100 * reach.matrix(), reach.names
    side = 0.52 * len(names)
    figure, axis = plt.subplots(figsize=(side + 2.6, side + 1.8), layout="constrained")
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=115)
    for (row, column), share in np.ndenumerate(shares):
        axis.text(
            column, row, f"{share:.0f}", ha="center", va="center", fontsize=9, color="white" if share > 62 else DARK
        )
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=10)
    axis.set_yticks(range(len(names)), names, fontsize=10)
    axis.set_xlabel("... reached by this dataset")
    axis.set_ylabel("% of this dataset's people ...")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(f"Coverage: {TITLES[name]}", fontsize=12, color=DARK)
    caption = (
        f"Coverage C(A | B) in {TITLES[name]}, percent, {reach.people} people of each dataset: rows A, columns B. Two "
        "halves of one dataset give about 97."
    )
    return draw(plan.job.out / f"coverage_{name}.png", figure, caption)


def _draw_ladders(plan: Plan, found: Found) -> Figure:
    """In each space, the share of all datasets that is reached, while the dataset that adds most is added."""
    import matplotlib.pyplot as plt

    count = max(map(len, found.ladders.values()))
    figure, axes = plt.subplots(
        1, len(found.ladders), figsize=(3.9 * len(found.ladders), 0.3 * count + 1.5), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, (name, steps) in zip(axes[0], found.ladders.items(), strict=True):
        for place, step in enumerate(steps):
            low, mean, high = (100 * value for value in (step.covered.low, step.covered.mean, step.covered.high))
            axis.plot([low, high], [place, place], color=BLUE, linewidth=2)
            axis.plot(mean, place, "o", color=BLUE, markersize=7, markerfacecolor=BLUE if step.clear else "white")
        axis.set_yticks(range(len(steps)), [f"+ {step.added}" for step in steps], fontsize=10)
        axis.set_ylim(len(steps) - 0.4, -0.6)
        axis.set_xlim(0, 102)
        axis.set_xlabel("% of all datasets' people reached", fontsize=10)
        axis.set_title(TITLES[name], fontsize=11, color=DARK)
        axis.grid(axis="x", color=LIGHT)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    start = f" to {', '.join(plan.sets[i].name for i in plan.mix)}" if plan.mix else ""
    caption = (
        f"What adds most{start}: from above, each row adds the dataset that reaches most of what was not reached. Full "
        "dots: its lead over the next best is above 0 with its 95 % interval, or nothing else is left; empty: another "
        "might as well have come."
    )
    return draw(plan.job.out / "adds_most.png", figure, caption)
