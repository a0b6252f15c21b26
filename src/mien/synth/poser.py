"""Postures for synthetic people: drawn by kind, hands included, free of self-intersection.

    poser = Poser(body)
    pose = poser.sample(rng, figure, Poses(hands=HAND_MIX_COMPLEX, contact=0.1))

A try that cannot be freed of itself is drawn anew, at last with the arms away from the body. `poser.tally` counts this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from mien.body.model import BodyModel
from mien.body.reading import BodyArrays, read_body
from mien.errors import InputError
from mien.synth.act import Act
from mien.synth.bones import matrix_about
from mien.synth.face import draw_face, lid_component
from mien.synth.figure import Figure
from mien.synth.hand_contact import close_gap
from mien.synth.hands import HAND_MIX_EVERYDAY, HAND_SHAPES
from mien.synth.mocap import Mocap, read_mocap
from mien.synth.pose import Pose, Support
from mien.synth.postures import KINDS, hands_together, safe
from mien.synth.puppet import Puppet, Stage
from mien.synth.random import check_weights, pick
from mien.synth.settle import TOLERANCE, deepest, settle

__all__ = ["KIND_MIX", "Poser", "Poses", "Tally"]

KIND_MIX: Mapping[str, float] = {
    **{"standing": 0.22, "walking": 0.12, "sitting": 0.14, "gesture": 0.09, "reaching": 0.07, "hand_to_face": 0.06},
    **{"hands_on_hips": 0.04, "arms_crossed": 0.03, "waving": 0.04, "running": 0.03, "bending": 0.03},
    **{"crouching": 0.03, "kneeling": 0.02, "floor": 0.03, "sport": 0.03, "dancing": 0.02},
}
"""Kinds of postures where people live, weighted."""
TRIES = 3
"""Of a posture, before the arms are held away from the body; as many again are made then."""
FRAMES = 12
"""Of a motion file, that may be skipped one after another."""
DEEP = 0.004
"""Metres that a frame of a motion file may lie in itself, on the coarse mesh."""


@dataclass(frozen=True, kw_only=True)
class Poses:
    """How the people of a recipe hold themselves."""

    kinds: Mapping[str, float] = field(default_factory=lambda: dict(KIND_MIX))
    """Weights of the kinds of postures: names of `KINDS`."""
    hands: Mapping[str, float] = field(default_factory=lambda: dict(HAND_MIX_EVERYDAY))
    """Weights of hand shapes: names of `HAND_SHAPES`. Postures that need a certain hand may take it."""
    contact: float = 0.03
    """Share of postures in which the two hands touch."""
    variety: float = 1.0
    """Multiplies the spread of every angle; limits stay."""
    expression: float = 1.0
    """Strength of faces; 0 is neutral."""
    mocap: Path | None = None
    """A motion file (see `mien.synth.mocap`) that all postures are taken from; hands too, if they were captured."""

    def __post_init__(self) -> None:
        check_weights("kinds of postures", self.kinds, KINDS)
        check_weights("shapes of hands", self.hands, HAND_SHAPES)
        if not 0 <= self.contact <= 1:
            raise InputError(f"contact is {self.contact}", expected="a share, 0 to 1")
        if min(self.variety, self.expression) < 0:
            raise InputError(f"variety {self.variety}, expression {self.expression}", expected="0 or more")


@dataclass(kw_only=True)
class Tally:
    """What was made so far."""

    samples: int = 0
    retries: int = 0
    """Postures that were drawn anew."""
    safe: int = 0
    """Samples that ended with the arms away from the body."""
    stuck: int = 0
    """Samples in which something still lies in something."""
    skipped: int = 0
    """Frames of motion files that lie in themselves."""


class Poser:
    """Makes postures for the figures of one body.

    Args:
        body: with hands and a face.
        arrays: of the same file; read from there if left out.
    """

    def __init__(self, body: BodyModel, arrays: BodyArrays | None = None) -> None:
        arrays = read_body(body.path) if arrays is None else arrays
        self.stage = Stage(arrays)
        self.lids = lid_component(arrays)
        self.tally = Tally()
        self._clip = lru_cache(maxsize=2)(read_mocap)

    def sample(self, rng: np.random.Generator, figure: Figure, poses: Poses, split: str = "train") -> Pose:
        """A posture for this figure; of a motion file it takes the split's own frames.

        Raises:
            InputError: the motion file is wrong.
        """
        self.tally.samples += 1
        if poses.mocap is None:
            puppet, names, kind, support = self._posture(rng, figure, poses)
        else:
            puppet, names = self._captured(rng, figure, poses, self._clip(Path(poses.mocap)), split)
            kind, support = "mocap", "feet"
        face, expression = draw_face(rng, poses.expression, self.lids)
        vectors = puppet.vectors()
        vectors[22:25] = face
        return Pose(
            rotations=vectors.astype(np.float32),
            expression=expression,
            kind=kind,
            support=support,
            hands=(names[0], names[1]),
        )

    def _posture(
        self, rng: np.random.Generator, figure: Figure, poses: Poses
    ) -> tuple[Puppet, list[str], str, Support]:
        kind, together = pick(rng, poses.kinds), bool(rng.random() < poses.contact)
        best: tuple[float, tuple[Puppet, list[str], str, Support]] | None = None
        for attempt in range(2 * TRIES):
            puppet = Puppet(self.stage, figure, flip=bool(rng.random() < 0.5))
            act = Act(puppet, rng, poses.variety * 0.85**attempt, poses.hands)
            if attempt >= TRIES:
                made, support = kind, safe(act, kind)
            elif together:
                made, support = hands_together(act, kind)
            else:
                made, support = kind, KINDS[kind](act)
            act.grip_rest()
            if together and attempt < TRIES:
                free, depth = close_gap(puppet)
            else:
                depth = settle(puppet)
                free = depth <= TOLERANCE
            found = puppet, act.names, made, support
            if free:
                self.tally.retries += attempt
                self.tally.safe += attempt >= TRIES
                return found
            if best is None or depth < best[0]:
                best = depth, found
        assert best is not None
        self.tally.retries += 2 * TRIES - 1
        self.tally.stuck += best[0] > TOLERANCE
        return best[1]

    def _captured(
        self, rng: np.random.Generator, figure: Figure, poses: Poses, clip: Mocap, split: str
    ) -> tuple[Puppet, list[str]]:
        best: tuple[float, tuple[Puppet, list[str]]] | None = None
        frames = clip.frames(split)
        for _ in range(FRAMES):
            puppet = Puppet(self.stage, figure)
            puppet.local[:] = _eyes_ahead(clip.frame(frames[int(rng.integers(len(frames)))]))
            puppet.refresh()
            act = Act(puppet, rng, poses.variety, poses.hands)
            if clip.hands is None:
                act.grip_rest()
            found = puppet, [name or "mocap" for name in act.names]
            depth = deepest(puppet)
            if depth <= DEEP:
                return found
            self.tally.skipped += 1
            if best is None or depth < best[0]:
                best = depth, found
        assert best is not None
        self.tally.stuck += 1
        return best[1]


def _eyes_ahead(local: Float64[np.ndarray, "55 3 3"]) -> Float64[np.ndarray, "55 3 3"]:
    """Jaw and eyes at rest: faces are drawn."""
    local[22:25] = matrix_about(np.array([1.0, 0.0, 0.0]), 0.0)
    return local
