"""One picture of what a store holds: a column of datasets, and beside it their sizes, labels and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.data.samples import PARAMS
from mien.data.stats import MEASURES, DatasetStats
from mien.files import atomic_write
from mien.optional import need

__all__ = ["draw_stats"]

_LABELS = ("keypoints2d", "keypoints3d", *PARAMS, "hand_root", "camera", "left_hand_box", "right_hand_box", "face_box")
_PANELS = ("box_height", "betas", "left_hand", "right_hand", "turn", "tilt")
_BLUE, _DARK, _GRID = "#3b6fb6", "#17324d", "#d8dde3"


def draw_stats(path: Path, stats: Sequence[DatasetStats]) -> None:
    """Draw a PNG: one row for each dataset.

    Raises:
        MienError: matplotlib is not installed.
    """
    matplotlib = need("matplotlib", extra="study", why="drawing a store's statistics")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names, height = [each.name for each in stats], 2.2 + 0.3 * len(stats)
    widths = [1.5, 4.4, *(1.7 for _ in _PANELS)]
    figure, axes = plt.subplots(
        1, len(widths), figsize=(24, height), sharey=True, width_ratios=widths, layout="constrained"
    )
    _draw_counts(axes[0], stats)
    _draw_coverage(axes[1], stats)
    for axis, measure in zip(axes[2:], _PANELS, strict=True):
        _draw_measure(axis, stats, measure)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    figure.suptitle(
        "What the store holds.  Right: 5 to 95 % (thin), 25 to 75 % (thick) and median of each dataset's people",
        fontsize=12, x=0.01, ha="left",
    )  # fmt: skip
    with atomic_write(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
    plt.close(figure)


def _draw_counts(axis: Any, stats: Sequence[DatasetStats]) -> None:
    counts = [max(each.rows, 1) for each in stats]
    axis.barh(range(len(stats)), counts, color=_BLUE, height=0.6)
    axis.set_xscale("log")
    axis.set_xlim(min(counts) / 3, max(counts) * 30)
    for place, count in enumerate(counts):
        axis.text(count * 1.2, place, f"{count:,}", va="center", fontsize=8, color=_DARK)
    _finish(axis, "people", "rows, logarithmic")
    axis.grid(False)


def _draw_coverage(axis: Any, stats: Sequence[DatasetStats]) -> None:
    shares = np.array([[each.coverage.get(label, 0.0) for label in _LABELS] for each in stats])
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            word = "all" if share == 1 else f"{min(99, max(1, round(100 * share)))}"
            colour = "white" if share > 0.6 else _DARK
            axis.text(column, row, word, ha="center", va="center", fontsize=7, color=colour)
    axis.set_xticks(range(len(_LABELS)), [_word(label) for label in _LABELS], rotation=45, ha="right", fontsize=8)
    axis.set_title("rows with each label, %", fontsize=10, color=_DARK)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _word(label: str) -> str:
    return {"keypoints2d": "2D keypoints", "keypoints3d": "3D keypoints"}.get(label, label.replace("_", " "))


def _draw_measure(axis: Any, stats: Sequence[DatasetStats], measure: str) -> None:
    for place, each in enumerate(stats):
        if quantiles := each.quantiles.get(measure):
            low, first, median, third, high = quantiles
            axis.plot([low, high], [place, place], color=_BLUE, linewidth=1.2)
            axis.plot([first, third], [place, place], color=_BLUE, linewidth=6, solid_capstyle="butt")
            axis.plot([median], [place], marker="|", color=_DARK, markersize=11, markeredgewidth=2)
    if measure in ("turn", "tilt"):
        axis.set_xlim(0, 180)
        axis.set_xticks([0, 90, 180])
    else:
        axis.set_xlim(left=0)
    _finish(axis, MEASURES[measure].title, MEASURES[measure].unit)


def _finish(axis: Any, title: str, unit: str) -> None:
    words = title.split()
    half = (len(words) + 1) // 2
    axis.set_title(f"{' '.join(words[:half])}\n{' '.join(words[half:])}", fontsize=10, color=_DARK)
    axis.set_xlabel(unit, fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
