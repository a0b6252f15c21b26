"""The figures of the studies, as PNG: dots with intervals, matrices, errors against data. Colours that all can tell."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.files import atomic_write
from mien.optional import need
from mien.study.statistics import Law, Seeds

__all__ = ["Curve", "dots", "groups", "matrix", "pairs", "scaling"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of Okabe and Ito; each goes with a mark of its own."""
MARKS = ("o", "s", "^", "D", "v", "P")
_GREY, _GRID, _DPI = "0.35", "#d8dde3", 130


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Errors of one network against the size of data."""

    title: str
    parameters: float
    points: tuple[tuple[float, Seeds, bool], ...]
    """Size of data, errors of the seeds, whether they count."""
    law: Law | None = None


def dots(
    path: Path, title: str, unit: str, rows: Sequence[tuple[str, Seeds, bool]], lines: Mapping[str, float] | None = None
) -> None:
    """Seeds as dots and their intervals as bars, a row each; hollow where it does not count.

    Args:
        path: of the PNG.
        title: what it says.
        unit: along the axis.
        rows: name, seeds, whether it counts; first on top.
        lines: values to compare with.
    """
    with _figure(path, (8, 1.5 + 0.36 * len(rows))) as (figure, axis):
        for place, (_, found, counts) in enumerate(rows):
            if found.low is not None:
                axis.plot([found.low, found.high], [place, place], color=COLOURS[0], lw=2.4, alpha=0.45)
            face = COLOURS[0] if counts else "white"
            axis.plot(found.values, [place] * len(found.values), "o", ms=5, mec=COLOURS[0], mfc=face)
            axis.plot([found.mean], [place], "|", ms=15, mew=2, color="black")
        for (name, value), style in zip((lines or {}).items(), ("--", ":", "-."), strict=False):
            axis.axvline(value, color=_GREY, ls=style, lw=1.2, label=name)
        axis.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlabel(unit)
        axis.grid(axis="x", color=_GRID)
        if lines:
            figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=len(lines))
        _title(figure, title)


def matrix(
    path: Path,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    unit: str,
    framed: Sequence[Sequence[bool]] | None = None,
    limits: tuple[float, float] | None = None,
    axes: tuple[str, str] = ("", ""),
) -> None:
    """A table as colours with its numbers in it; None is left empty. With limits around 0 the colours part there."""
    table = np.array([[np.nan if each is None else each for each in row] for row in values], dtype=np.float64)
    parted = limits is not None and limits[0] < 0 < limits[1]
    low, high = limits or (float(np.nanmin(table)), float(np.nanmax(table)))
    size = (3.2 + 0.62 * len(columns), 2.2 + 0.4 * len(rows))
    with _figure(path, size) as (figure, axis):
        image = axis.imshow(table, cmap="PuOr_r" if parted else "cividis", vmin=low, vmax=high, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                rgba = image.cmap(image.norm(value))
                light = 0.3 * rgba[0] + 0.59 * rgba[1] + 0.11 * rgba[2] > 0.5
                axis.text(
                    column,
                    row,
                    f"{value:z.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="black" if light else "white",
                )
                if framed is not None and framed[row][column]:
                    _frame(axis, column, row)
        axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
        axis.set_yticks(range(len(rows)), rows)
        axis.set_ylabel(axes[0])
        axis.set_xlabel(axes[1])
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        figure.colorbar(image, ax=axis, label=unit, shrink=0.9)
        _title(figure, title)


def pairs(
    path: Path,
    title: str,
    unit: str,
    rows: Sequence[tuple[str, float, Sequence[float]]],
    names: tuple[str, str],
) -> None:
    """One large mark among many small ones in each row."""
    with _figure(path, (8, 1.6 + 0.36 * len(rows))) as (figure, axis):
        for place, (_, one, many) in enumerate(rows):
            axis.plot(
                many, [place] * len(many), "o", ms=4, color=COLOURS[0], alpha=0.6, label=names[1] if not place else ""
            )
            axis.plot([one], [place], "D", ms=8, color=COLOURS[1], label=names[0] if not place else "")
        axis.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlabel(unit)
        axis.grid(axis="x", color=_GRID)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=2)
        _title(figure, title)


def groups(
    path: Path, title: str, unit: str, rows: Sequence[str], series: Mapping[str, Sequence[Seeds | None]]
) -> None:
    """Several systems side by side in each group, means with intervals over seeds."""
    with _figure(path, (2.5 + 1.3 * len(rows), 4.2)) as (figure, axis):
        for number, (name, found) in enumerate(series.items()):
            x = np.arange(len(rows)) + (number - (len(series) - 1) / 2) * 0.22
            known = [(a, each) for a, each in zip(x, found, strict=True) if each is not None]
            for a, each in known:
                if each.low is not None:
                    axis.plot([a, a], [each.low, each.high], color=COLOURS[number], lw=2.4, alpha=0.45)
            means = [each.mean for _, each in known]
            axis.plot([a for a, _ in known], means, MARKS[number], ms=7, color=COLOURS[number], label=name)
        axis.set_xticks(range(len(rows)), rows)
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.grid(axis="y", color=_GRID)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=len(series))
        _title(figure, title)


def scaling(path: Path, title: str, panels: Mapping[str, Sequence[Curve]], lines: Mapping[str, float]) -> None:
    """Errors against data, a panel for each measure; the area of a circle grows with the network (as Figure 1), hollow
    where it does not count.

    Args:
        path: of the PNG.
        title: what it says.
        panels: curves by the label of the vertical axis.
        lines: the constant's error, by the same labels.
    """
    with _figure(path, (5.2 * len(panels), 4.6), len(panels)) as (figure, axes):
        for number, (axis, (label, curves)) in enumerate(zip(np.atleast_1d(axes), panels.items(), strict=True)):
            axis.set_xscale("log")
            _curves(axis, curves, first=number == 0)
            if label in lines:
                axis.axhline(lines[label], color=_GREY, ls="--", lw=1.2, label="" if number else "best constant person")
            axis.set_xlabel("people to learn from, logarithmic")
            axis.set_ylabel(label)
            axis.grid(color=_GRID)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=4)
        _title(figure, title)


def _curves(axis: Any, curves: Sequence[Curve], *, first: bool) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.ticker import FuncFormatter, NullFormatter

    biggest = max((each.parameters for each in curves), default=1.0)
    sizes = sorted({n for curve in curves for n, _, _ in curve.points})
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        n, means = [n for n, _, _ in curve.points], [found.mean for _, found, _ in curve.points]
        area = 30 + 170 * (curve.parameters / biggest) ** 0.5
        fill = [to_rgba(colour, 0.6) if counts else "white" for _, _, counts in curve.points]
        axis.scatter(n, means, s=area, c=fill, edgecolor=colour, zorder=2.5)
        axis.scatter([], [], s=area, color=to_rgba(colour, 0.6), edgecolor=colour, label=curve.title if first else "")
        for place, found, _ in curve.points:
            if found.low is not None:
                axis.plot([place, place], [found.low, found.high], color="black", lw=1.4, zorder=3)
        if curve.law is None:
            axis.plot(n, means, color=colour, lw=1)
        else:
            x = np.geomspace(n[0], 2 * n[-1], 60)
            axis.plot(x, curve.law.at(x), color=colour, lw=1.2, ls=(0, (4, 2)))
    axis.set_xticks(sizes)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _frame(axis: Any, column: int, row: int) -> None:
    """Around a cell, white in black: it can be seen on every colour."""
    from matplotlib.patches import Rectangle

    for colour, width in (("black", 4.0), ("white", 2.0)):
        axis.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, edgecolor=colour, linewidth=width))


def _title(figure: Any, title: str) -> None:
    """Above the figure, in as many lines as it takes."""
    figure.suptitle(textwrap.fill(title, width=int(10.5 * figure.get_figwidth())), fontsize=11)


@contextmanager
def _figure(path: Path, size: tuple[float, float], panels: int = 1) -> Iterator[tuple[Any, Any]]:
    """A figure and its axis or axes; written, whole, at the end of the block."""
    matplotlib = need("matplotlib", extra="study", why="drawing the figures of a study")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, panels, figsize=size, layout="constrained")
    try:
        yield figure, axes
        for axis in np.atleast_1d(axes):
            axis.set_axisbelow(True)
            axis.spines[["top", "right"]].set_visible(False)
        with atomic_write(path) as stream:
            figure.savefig(stream, format="png", dpi=_DPI)
    finally:
        plt.close(figure)
