"""How sure a mean is: 95 % intervals by drawing the same people again and again (bootstrap).

Everybody is drawn independently: pictures of one video, or several people of one picture, are more alike than that, so
that intervals of such sets are too narrow.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

__all__ = ["DRAWS", "bootstrap", "bounds"]

DRAWS = 1000
_AT_ONCE = 2**22
"""Numbers of a block of draws."""


def bootstrap(
    values: Float[np.ndarray, "person measure"], valid: Bool[np.ndarray, "person measure"], seed: int = 0
) -> Float[np.ndarray, "measure 2"]:
    """The 2.5th and the 97.5th percentile of the mean of each measure over drawn people.

    NaN where fewer than two people count: how unlike people are, one cannot say.

    The order of the people matters to the draw: give them in the order of their folder. Draws without anybody who
    counts are left out.

    Args:
        values: of every person.
        valid: who counts.
        seed: of the draws; the same seed, people and order give the same interval.
    """
    people, measures = values.shape
    if not people:
        return np.full((measures, 2), np.nan)
    random, usable = np.random.default_rng(seed), valid & np.isfinite(values)
    table = np.concatenate([np.where(usable, values, 0), usable], 1)
    means = np.full((DRAWS, measures), np.nan)
    step = max(1, _AT_ONCE // people)
    for start in range(0, DRAWS, step):
        count = min(step, DRAWS - start)
        drawn = random.integers(0, people, (count, people))
        times = np.stack([np.bincount(row, minlength=people) for row in drawn]).astype(np.float64)
        sums = times @ table
        there = sums[:, measures:] > 0
        means[start : start + count] = np.where(there, sums[:, :measures] / np.maximum(sums[:, measures:], 1), np.nan)
    found = np.full((measures, 2), np.nan)
    for i in range(measures):
        column = means[:, i][np.isfinite(means[:, i])]
        if len(column) and usable[:, i].sum() > 1:
            found[i] = np.percentile(column, [2.5, 97.5])
    return found


def bounds(
    values: Float[np.ndarray, "person"], valid: Bool[np.ndarray, "person"], seed: int = 0
) -> dict[str, float | None]:
    """`low` and `high` of the interval of one measure, as files keep them: None where nobody can say."""
    found = bootstrap(values[:, None], valid[:, None], seed)[0].tolist()
    return {name: None if value != value else value for name, value in zip(("low", "high"), found, strict=True)}
