"""How much of a dataset another one reaches, in numbers: coverage of nearest neighbours, with intervals.

Each dataset is halved at random. A person of its first half is *reached* by a dataset B if somebody of B's second half
is nearer than the k-th neighbour that the person has in its own first half:

    C(A | B) = share of people a of A with  min over b in B of |a - b|  <=  r_k(a)

(Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", there called coverage). If B is
distributed like A, C is 1 - 2^-k whatever the space and its units: with k = 5, 0.97. So is the diagonal C(A | A), whose
halves are of the same dataset, and how far it is from that shows what the numbers are worth. Datasets are cut to the
same number of people, since more people reach more. Everybody's share is the mean over several halvings, and intervals
are of drawing the people of A anew (bootstrap); B stays as it was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from mien.metrics.interval import bootstrap

__all__ = ["MIN_PEOPLE", "K", "Reach", "Step", "Value", "ladder", "reach"]

K = 5
"""Which neighbour sets how far a person reaches."""
HALVINGS = 10
MIN_PEOPLE = 40
"""A dataset with fewer people has no numbers: half of them would say too little."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """Who of each dataset is reached by whom, in one space."""

    names: tuple[str, ...]
    people: int
    """Of each dataset."""
    reached: Bool[np.ndarray, "halving set half by"]
    """By halving: whether a person of a dataset's first half is reached by each dataset's second half."""
    person: Int[np.ndarray, "halving set half"]
    """Which of the dataset's people that is."""
    seed: int

    def coverage(self, of: int, by: Sequence[int]) -> Value:
        """C(of | the union of `by`)."""
        return self._value(self._shares(of, by))

    def all_covered(self, by: Sequence[int]) -> Value:
        """The mean of C(A | the union of `by`) over all datasets A."""
        return self._value(np.concatenate([self._shares(of, by) for of in range(len(self.names))]))

    def gain(self, mix: Sequence[int], more: int) -> Value:
        """How much of all datasets a mix reaches more with one more dataset."""
        return self._value(self._gains(mix, more))

    def lead(self, mix: Sequence[int], first: int, second: int) -> Value:
        """By how much one dataset adds more than another; people are drawn in pairs."""
        return self._value(self._gains(mix, first) - self._gains(mix, second))

    def matrix(self) -> Float64[np.ndarray, "of by"]:
        """C(A | B) of all pairs."""
        return self.reached.mean((0, 2))

    def overlap(self, one: int, other: int) -> Value:
        """How much two datasets reach of each other: the mean of both coverages."""
        return self._value(np.concatenate([self._shares(one, [other]), self._shares(other, [one])]))

    def reaches(self, by: int) -> Value:
        """The mean of C(A | by) over the other datasets A."""
        others = [of for of in range(len(self.names)) if of != by]
        return self._value(np.concatenate([self._shares(of, [by]) for of in others]))

    def alone(self, of: int) -> Value:
        """Share of a dataset that none of the others reaches."""
        return self._value(1 - self._shares(of, [by for by in range(len(self.names)) if by != of]))

    def _gains(self, mix: Sequence[int], more: int) -> Float64[np.ndarray, "person"]:
        sets = range(len(self.names))
        return np.concatenate([self._shares(of, [*mix, more]) - self._shares(of, mix) for of in sets])

    def _shares(self, of: int, by: Sequence[int]) -> Float64[np.ndarray, "person"]:
        """Of each person of a dataset that was in a first half: in how many of those halvings somebody reached it."""
        found = self.reached[:, of][..., list(by)].any(-1).astype(np.float64).reshape(-1)
        who = self.person[:, of].reshape(-1)
        times = np.bincount(who, minlength=self.people)
        return np.bincount(who, found, self.people)[times > 0] / times[times > 0]

    def _value(self, shares: Float64[np.ndarray, "person"]) -> Value:
        ((low, high),) = bootstrap(shares[:, None], np.ones((len(shares), 1), dtype=bool), self.seed)
        return Value(mean=float(shares.mean()), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True)
class Step:
    """One dataset more in a mix."""

    added: str
    covered: Value
    """Of all datasets, with it."""
    gain: Value
    runner_up: str
    """What would have added most otherwise; '' for the last dataset."""
    lead: Value | None
    """By how much it added more than that."""

    @property
    def clear(self) -> bool:
        """Whether the interval of the lead is above 0."""
        return self.lead is None or self.lead.low > 0


def reach(points: Sequence[Float[np.ndarray, "_ number"]], names: Sequence[str], *, seed: int = 0, k: int = K) -> Reach:
    """See who is reached by whom.

    Args:
        points: of each dataset, `MIN_PEOPLE` or more; the larger ones are cut to the size of the smallest.
        names: of the datasets.
        seed: of halves and intervals.
        k: which neighbour sets how far a person reaches.
    """
    random, count = np.random.default_rng(seed), min(map(len, points))
    kept = [part[np.sort(random.permutation(len(part))[:count])].astype(np.float64) for part in points]
    reached, person = list[np.ndarray](), list[np.ndarray]()
    for _ in range(HALVINGS):
        orders = [random.permutation(count) for _ in kept]
        half = count // 2
        firsts = [part[order[:half]] for part, order in zip(kept, orders, strict=True)]
        seconds = [part[order[half : 2 * half]] for part, order in zip(kept, orders, strict=True)]
        reached.append(np.stack([_reached(first, seconds, k) for first in firsts]))
        person.append(np.stack([order[:half] for order in orders]))
    return Reach(names=tuple(names), people=count, reached=np.stack(reached), person=np.stack(person), seed=seed)


def ladder(found: Reach, mix: Sequence[int] = ()) -> list[Step]:
    """Datasets in the order in which each adds most to a mix and to those before it."""
    mix, steps = list(mix), list[Step]()
    left = [i for i in range(len(found.names)) if i not in mix]
    while left:
        gains = {i: float(np.mean(found._gains(mix, i))) for i in left}
        best, *others = sorted(left, key=lambda i: (-gains[i], found.names[i]))
        steps.append(
            Step(
                added=found.names[best],
                covered=found.all_covered([*mix, best]),
                gain=found.gain(mix, best),
                runner_up=found.names[others[0]] if others else "",
                lead=found.lead(mix, best, others[0]) if others else None,
            )
        )
        mix, left = [*mix, best], others
        left.sort()
    return steps


def _reached(
    first: Float64[np.ndarray, "half number"], seconds: Sequence[Float64[np.ndarray, "half number"]], k: int
) -> Bool[np.ndarray, "half by"]:
    """Who of a first half each of the second halves reaches."""
    own = _distances(first, first)
    np.fill_diagonal(own, np.inf)
    radius = np.partition(own, k - 1, axis=1)[:, k - 1]
    return np.stack([_distances(first, second).min(1) <= radius for second in seconds], 1)


def _distances(
    one: Float64[np.ndarray, "one number"], other: Float64[np.ndarray, "other number"]
) -> Float64[np.ndarray, "one other"]:
    """Squared Euclidean distances: as good as plain ones for saying which is nearer."""
    from scipy.spatial.distance import cdist

    return cdist(one, other, "sqeuclidean")
