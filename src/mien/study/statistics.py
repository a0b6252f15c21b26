"""How sure a study may be: intervals over seeds, rankings that they allow, correlations, and the law of scaling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Correlation", "Law", "Seeds", "correlate", "fit_law", "places", "seeds"]

DRAWS = 1000
EXPONENTS = np.geomspace(0.02, 4.0, 160)
"""Of the law, among which the best is looked for."""
LEAST_SIZES = 4
"""Different sizes of data below which a law of three numbers says nothing."""
WORTH = 0.01
"""Share of the error that a doubling must gain to be worth it."""


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The mean over seeds and its 95 % interval (Student's t); no interval for one seed."""

    values: tuple[float, ...]
    low: float | None
    high: float | None

    @property
    def mean(self) -> float:
        """Of the values."""
        return sum(self.values) / len(self.values)

    def below(self, other: Seeds) -> bool:
        """Whether it is lower for sure: both have an interval, and they do not overlap."""
        return self.high is not None and other.low is not None and self.high < other.low

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.1f}"
        return f"{self.mean:.1f} ± {(self.high - self.low) / 2:.1f}"


def seeds(values: Sequence[float]) -> Seeds | None:
    """Of the values of some seeds; None without any."""
    from scipy import stats

    if not values:
        return None
    if len(values) == 1:
        return Seeds(values=tuple(values), low=None, high=None)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return Seeds(values=tuple(values), low=mean - half, high=mean + half)


def places(found: Mapping[str, Seeds]) -> dict[str, tuple[int, int]]:
    """First and last place that each may have: it is surely behind those whose interval ends before its own begins."""
    return {
        name: (
            1 + sum(other.below(each) for other in found.values()),
            len(found) - sum(each.below(other) for other in found.values()),
        )
        for name, each in found.items()
    }


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """How much two orders agree: 1 the same, 0 not at all, -1 the reverse."""

    spearman: float
    kendall: float
    count: int
    """Of what is ordered."""


def correlate(one: Sequence[float], other: Sequence[float]) -> Correlation | None:
    """Rank correlations; None for fewer than three, or where one side has a single value."""
    from scipy import stats

    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    spearman, kendall = stats.spearmanr(one, other)[0], stats.kendalltau(one, other)[0]
    return Correlation(spearman=float(np.asarray(spearman)), kendall=float(np.asarray(kendall)), count=len(one))


@dataclass(frozen=True, kw_only=True)
class Law:
    """error = a + b * N^-c, found by least squares, with 95 % intervals of a bootstrap over seeds."""

    a: float
    """What no amount of data takes away."""
    b: float
    c: float
    intervals: Mapping[str, tuple[float, float]]
    """Of `a`, `b`, `c` and `gain`."""
    largest: float
    """The largest N that was measured."""
    gain: float
    """By how much one more doubling lowers the error, says the law."""
    ends: float | None
    """The N from which on a doubling gains less than `WORTH` of the error; None if that is beyond a thousand times the
    largest."""

    def at(self, n: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The error at a size of data."""
        return self.a + self.b * n**-self.c


def fit_law(points: Mapping[float, Sequence[float]], seed: int = 0) -> Law | None:
    """Fit the law to errors of some seeds at sizes of data.

    Args:
        points: errors by N.
        seed: of the bootstrap, which draws the seeds of each size anew.

    Returns:
        None for fewer than four sizes: three numbers go through three points whatever they say.
    """
    sizes = sorted(n for n, values in points.items() if values)
    if len(sizes) < LEAST_SIZES:
        return None
    random = np.random.default_rng(seed)
    errors = [np.asarray(points[n], dtype=np.float64) for n in sizes]
    drawn = np.stack([random.choice(each, (DRAWS, len(each))).mean(1) for each in errors], 1)
    n, weights = np.array(sizes, dtype=np.float64), np.array([len(each) for each in errors], dtype=np.float64)
    (a, b, c), found = (_least(n, rows, weights) for rows in (np.array([[e.mean() for e in errors]]), drawn))
    largest = float(n[-1])
    gains = found[1] * largest ** -found[2] * (1 - 2.0 ** -found[2])
    bounds = {
        name: _bounds(each) for name, each in (("a", found[0]), ("b", found[1]), ("c", found[2]), ("gain", gains))
    }
    a, b, c = (float(each[0]) for each in (a, b, c))
    gain = b * largest**-c * (1 - 2.0**-c)
    return Law(a=a, b=b, c=c, intervals=bounds, largest=largest, gain=gain, ends=_ends(a, b, c, float(n[0]), largest))


def _least(
    n: Float[np.ndarray, "size"], errors: Float[np.ndarray, "draw size"], weights: Float[np.ndarray, "size"]
) -> tuple[Float[np.ndarray, "draw"], Float[np.ndarray, "draw"], Float[np.ndarray, "draw"]]:
    """a, b and c of least squares with a, b at least 0: of each exponent the best line, then the best exponent."""
    scale = float(n[0])
    x = (n / scale) ** -EXPONENTS[:, None]
    share = weights / weights.sum()
    mean_x, mean_y = x @ share, errors @ share
    centred = x - mean_x[:, None]
    slope = np.einsum("es,ds,s->de", centred, errors, share) / np.einsum("es,es,s->e", centred, centred, share)
    b = np.maximum(slope, 0)
    a = mean_y[:, None] - b * mean_x
    through_zero = np.einsum("es,ds,s->de", x, errors, share) / np.einsum("es,es,s->e", x, x, share)
    b, a = np.where(a < 0, through_zero, b), np.maximum(a, 0)
    misses = np.stack([(((a[:, i, None] + b[:, i, None] * x[i] - errors) ** 2) @ share) for i in range(len(x))], 1)
    best = misses.argmin(1)
    rows = np.arange(len(errors))
    c = EXPONENTS[best]
    return a[rows, best], b[rows, best] * scale**c, c


def _bounds(values: Float[np.ndarray, "draw"]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _ends(a: float, b: float, c: float, smallest: float, largest: float) -> float | None:
    """Where a doubling begins to gain too little."""
    n = np.geomspace(smallest, 1000 * largest, 4000)
    error = a + b * n**-c
    gain = (error - (a + b * (2 * n) ** -c)) / error
    enough = np.flatnonzero(gain < WORTH)
    return float(n[enough[0]]) if len(enough) else None
