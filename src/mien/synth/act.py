"""What a posture is written with: a puppet, chance, and the hands that the recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mien.synth.puppet import Puppet
from mien.synth.random import pick

__all__ = ["Act", "Y", "Z", "out_to"]

Y, Z = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
"""Up and ahead."""


def out_to(side: int) -> np.ndarray:
    """The direction away from the body on that side: 0 is the left."""
    return np.array([-1.0 if side else 1.0, 0.0, 0.0])


class Act:
    """One try at a posture."""

    def __init__(self, puppet: Puppet, rng: np.random.Generator, variety: float, hands: Mapping[str, float]) -> None:
        self.puppet, self.rng, self.variety, self.hands = puppet, rng, variety, hands
        self.names = ["", ""]
        """Of the hands, left and right of the figure; empty until they are shaped."""

    def about(self, mean: float, spread: float, low: float = -np.inf, high: float = np.inf) -> float:
        """A number around a mean, never farther than 2.2 spreads, within limits."""
        value = mean + self.variety * spread * min(max(self.rng.standard_normal(), -2.2), 2.2)
        return float(min(max(value, low), high))

    def between(self, low: float, high: float) -> float:
        """A number within an interval, which less variety narrows about its middle."""
        return float((low + high) / 2 + min(self.variety, 1.0) * (high - low) * (self.rng.random() - 0.5))

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return bool(self.rng.random() < share)

    def one_of(self, **weights: float) -> str:
        """A name, drawn by its weight."""
        return pick(self.rng, weights)

    def grip(self, side: int, *names: str, share: float = 1.0) -> None:
        """Shape a hand: one of `names` in that share of cases, otherwise as the recipe's mixture has it."""
        if names and self.rng.random() < share:
            name = names[int(self.rng.integers(len(names)))]
        else:
            name = pick(self.rng, self.hands)
        puppet, true = self.puppet, self.puppet.true(side)
        self.names[true] = name
        puppet.fingers(side, puppet.stage.hands.draw(self.rng, puppet.figure, name, true))

    def grip_rest(self, sides: Sequence[int] = (0, 1)) -> None:
        """Shape the hands that have no shape yet."""
        for side in sides:
            if not self.names[self.puppet.true(side)]:
                self.grip(side)

    def look(self, flex: float = 0.0, twist: float = 0.0, *, ease: float = 1.0) -> None:
        """Turn the head there, about."""
        self.puppet.head(
            flex=self.about(flex, 8 * ease, -38, 42),
            side=self.about(0, 5 * ease, -20, 20),
            twist=self.about(twist, 16 * ease, -62, 62),
        )
