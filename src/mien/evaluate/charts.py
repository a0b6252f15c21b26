"""Small charts as SVG, drawn by hand: lines of a distribution, dots with whiskers, bars. No script, no library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mien.view.page import escaped

__all__ = ["COLOURS", "bars", "dots", "histogram"]

COLOURS = ("#3b7dd8", "#e07b39", "#3aa76d", "#b05cc6", "#c9a227", "#d1495b")
"""Of systems, in order."""
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 460, 220, 46, 34, 12
BINS = 28


def histogram(title: str, unit: str, values: Sequence[Float[np.ndarray, "_"]]) -> str:
    """Distributions of several systems over the same bins, as lines; the last bin takes what lies beyond."""
    some = [each[np.isfinite(each)] for each in values]
    everything = np.concatenate([each for each in some if len(each)] or [np.zeros(0)])
    if not len(everything):
        return ""
    end = max(float(np.percentile(everything, 99)) * 1.05, 1e-6)
    counts = [np.histogram(np.clip(each, 0, end), bins=BINS, range=(0, end))[0] / max(len(each), 1) for each in some]
    top = max(float(each.max()) for each in counts) or 1.0
    lines = [_axes(0, end, 0, 100 * top, unit, "% of people")]
    for i, each in enumerate(counts):
        x = _x(np.repeat(np.linspace(0, end, BINS + 1), 2)[1:-1], 0, end)
        y = _y(np.repeat(each, 2), 0, top)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        base = _y(np.zeros(1), 0, top)[0]
        colour = COLOURS[i % len(COLOURS)]
        lines.append(
            f'<polygon points="{LEFT},{base:.1f} {points} {x[-1]:.1f},{base:.1f}" fill="{colour}" opacity=".18"/>'
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    return _svg(title, lines)


def dots(
    title: str, unit: str, groups: Sequence[str], values: Sequence[Sequence[tuple[float, float, float, int] | None]]
) -> str:
    """Means with their intervals by group, a colour a system: (mean, low, high, people), None where nobody is."""
    known = [each for row in values for each in row if each is not None]
    if not known:
        return ""
    top = max(each[2] for each in known) * 1.05 or 1.0
    step = (WIDTH - LEFT - 8) / len(groups)
    lines = [_axes(None, None, 0, top, "", unit)]
    for g, group in enumerate(groups):
        middle = LEFT + step * (g + 0.5)
        lines.append(
            f'<text x="{middle:.1f}" y="{HEIGHT - 18}" class="tick" text-anchor="middle">{escaped(group)}</text>'
        )
        count = next((row[g][3] for row in values if row[g] is not None), 0)  # type: ignore[index]
        lines.append(f'<text x="{middle:.1f}" y="{HEIGHT - 5}" class="few" text-anchor="middle">{count}</text>')
        for i, row in enumerate(values):
            if (each := row[g]) is None:
                continue
            x = middle + (i - (len(values) - 1) / 2) * min(14.0, step / (len(values) + 1))
            low, mean, high = (float(_y(np.array([v]), 0, top)[0]) for v in (each[1], each[0], each[2]))
            colour = COLOURS[i % len(COLOURS)]
            lines.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" opacity=".6"/>'
            )
            lines.append(
                f'<circle cx="{x:.1f}" cy="{mean:.1f}" r="4" fill="{colour}"><title>{each[0]:.1f}</title></circle>'
            )
    return _svg(title, lines)


def bars(title: str, names: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """Lying bars, a group a name, a colour a system."""
    top = max([each for row in values for each in row if each is not None], default=0.0)
    if not top:
        return ""
    count, thick = len(values), 9
    line = thick * count + 7
    height, left = line * len(names) + 12, 120
    parts: list[str] = []
    for n, name in enumerate(names):
        y = 6 + line * n
        words = escaped(name.replace("_", " "))
        parts.append(f'<text x="{left - 8}" y="{y + line / 2:.1f}" class="tick" text-anchor="end">{words}</text>')
        for i, row in enumerate(values):
            if (each := row[n]) is not None:
                wide = (WIDTH - left - 50) * each / top
                at = y + thick * i
                parts.append(
                    f'<rect x="{left}" y="{at}" width="{wide:.1f}" height="{thick - 1}" rx="2" '
                    f'fill="{COLOURS[i % len(COLOURS)]}"/>'
                    f'<text x="{left + wide + 5:.1f}" y="{at + thick - 1}" class="few">{each:.0f}</text>'
                )
    return _svg(title, parts, height)


def _svg(title: str, parts: list[str], height: int = HEIGHT) -> str:
    inside = "".join(parts)
    drawing = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escaped(title)}">{inside}</svg>'
    return f"<figure><figcaption>{escaped(title)}</figcaption>{drawing}</figure>"


def _x(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return LEFT + (WIDTH - LEFT - 8) * (values - low) / (high - low)


def _y(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (values - low) / (high - low)


def _axes(x_low: float | None, x_high: float | None, y_low: float, y_high: float, across: str, up: str) -> str:
    """Grid lines with numbers; no numbers along x where it has none."""
    parts: list[str] = []
    for value in _ticks(y_low, y_high):
        y = float(_y(np.array([value]), y_low, y_high)[0])
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="tick" text-anchor="end">{value:g}</text>')
    if x_low is not None and x_high is not None:
        for value in _ticks(x_low, x_high):
            x = float(_x(np.array([value]), x_low, x_high)[0])
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 18}" class="tick" text-anchor="middle">{value:g}</text>')
    parts.append(f'<text x="{LEFT}" y="9" class="few">{escaped(up)}</text>')
    parts.append(f'<text x="{WIDTH - 8}" y="{HEIGHT - 4}" class="few" text-anchor="end">{escaped(across)}</text>')
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers."""
    rough = (high - low) / 4
    size = 10 ** np.floor(np.log10(max(rough, 1e-9)))
    step = next((size * factor for factor in (1, 2, 5, 10) if size * factor >= rough), size * 10)
    return [float(round(value, 6)) for value in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
