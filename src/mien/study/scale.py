"""What more data and larger networks buy (the paper's Figure 1), and whether the mix matters.

Rungs of a ladder are the first 2, 4, 8 ... sets of an order; each is trained on in every size of every architecture.
Beside the grid, at the first size and on all sets: other ways of mixing, a set left out, and the worst-ranked sets
against as many of the best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

from mien.data.catalogue import LADDERS, ladder
from mien.errors import InputError, closest
from mien.nets.architectures import DEFAULT
from mien.study.plan import Job, Plan, instances
from mien.study.rank import read_ranking
from mien.study.request import Request, network_of
from mien.study.sections import listed
from mien.study.sets import TrainingSet, catalogued, choose
from mien.train.config import Data, TrainConfig
from mien.train.recipes import LENGTHS, published

__all__ = ["FROM_RANKING", "MAIN", "PUBLISHED", "ScaleRequest", "parse_ladder", "plan"]

FROM_RANKING = "from-ranking"
GRID, MIXING, WITHOUT, WORST = "grid", "mixing", "without", "worst"
MAIN = "balance"
"""The mixing of the grid."""
PUBLISHED = "smplestx"
"""The recipe that stands for the paper's own, one for each size and each of its ladders."""


@dataclass(frozen=True, kw_only=True)
class ScaleRequest(Request):
    """A grid and its ablations."""

    ladder: tuple[int, ...] = ()
    """How many of the sets each rung has; all of them if empty."""
    ranking: str = ""
    """A `ranking.json`: it gives the order of the sets, and the worst of it are trained on as well."""
    instances: tuple[int, ...] = ()
    """At most so many people of each rung; all of them if empty."""
    architectures: tuple[str, ...] = ()
    """Further ones, beside `architecture`."""
    mixing: tuple[str, ...] = ()
    """Other ways of mixing than `balance`."""
    without: tuple[str, ...] = ()
    """Sets to leave out, one at a time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = get_args(get_type_hints(Data)["mixing"])
        for name in self.mixing:
            if name not in known:
                raise InputError(f"no mixing is called {name!r}", todo=closest(name, known))
        if "weighted" in self.mixing and not self.ranking:
            todo = f"--ladder {FROM_RANKING} ranking.json"
            raise InputError("the weighted mixing needs a ranking, which gives the weights", todo=todo)
        for name in self.architectures:
            for size in self.sizes:
                network_of(name, size)
        for number in (*self.ladder, *self.instances):
            if number < 1:
                raise InputError(f"a rung of {number}", expected="at least 1")

    @cached_property
    def known_sets(self) -> dict[str, TrainingSet]:
        """All that could be trained on; without data, what the paper trained on, to plan with."""
        if self.data or self.recipe != PUBLISHED:
            return super().known_sets
        return catalogued(_paper_order())

    @cached_property
    def sets(self) -> tuple[TrainingSet, ...]:
        """What is trained on, in the order of the ladder."""
        names = self.train_on or (_paper_order() if self.recipe == PUBLISHED else ())
        chosen = choose(self.known_sets, names, "training set")
        if not self.ranking:
            return chosen
        by_name = {each.name: each for each in chosen}
        return tuple(by_name[name] for name in read_ranking(Path(self.ranking), tuple(by_name)))

    @property
    def rungs(self) -> tuple[int, ...]:
        """How many sets each rung has, least first."""
        if self.ladder and max(self.ladder) > len(self.sets):
            found = f"a rung of {max(self.ladder)} sets, and there are {len(self.sets)}"
            raise InputError(found, expected="rungs of what is there", todo="shorten --ladder, or add --data")
        return tuple(sorted(set(self.ladder))) or (len(self.sets),)


def _paper_order() -> tuple[str, ...]:
    """The forty datasets, so that each published mixture is the first so many."""
    return tuple(dict.fromkeys(entry.name for count in LADDERS for entry in ladder(count)))


def parse_ladder(words: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """`2 4 8` or `2 4 from-ranking FILE` as numbers and the file.

    Raises:
        InputError: a word is neither.
    """
    numbers, ranking, rest = list[int](), "", list(words)
    while rest:
        word = rest.pop(0)
        if word == FROM_RANKING:
            if not rest:
                raise InputError(f"--ladder {FROM_RANKING}", expected=f"--ladder {FROM_RANKING} ranking.json")
            ranking = rest.pop(0)
        elif word.isdigit():
            numbers.append(int(word))
        else:
            raise InputError(f"--ladder {word}", expected=f"numbers of sets, or {FROM_RANKING} and a file")
    return tuple(numbers), ranking


def plan(request: ScaleRequest) -> Plan:
    """The grid, then the ablations; a training that both want is there once.

    Raises:
        InputError: something is not there, or does not fit together.
    """
    to_plan_with = any(not each.sources for each in request.sets)
    jobs = [] if to_plan_with else [request.constant_job(request.sets)]
    for seed in request.seed_numbers:
        jobs += _grid(request, seed)
        jobs += _ablations(request, seed)
    order = [each.name for each in request.sets]
    return Plan(
        study="scale",
        question="What do more data and larger networks buy, and does the mix matter?",
        jobs=tuple(jobs),
        benchmarks=request.benchmarks,
        mpe=request.mean_over,
        notes=(f"The ladder: {listed(order)}{', best-ranked first' if request.ranking else ''}.", _budget(request)),
        settings={
            "sets": order,
            "rungs": list(request.rungs),
            "networks": [list(each) for each in _networks(request)],
            "worst": [each for each in request.rungs if request.ranking and 2 * each <= len(order)],
            "mixing": list(request.mixing),
            "without": list(request.without),
        },
    )


def _budget(request: ScaleRequest) -> str:
    if request.recipe == PUBLISHED:
        return "Each training is the published one: 20 epochs of the published number of samples."
    return f"Every training sees {request.samples:,} samples, whatever it is trained on: more data is not more steps."


def _networks(request: ScaleRequest) -> list[tuple[str, str]]:
    kinds = dict.fromkeys((request.architecture, *request.architectures))
    return [(kind, size) for kind in kinds for size in request.sizes]


def _grid(request: ScaleRequest, seed: int) -> list[Job]:
    found: list[Job] = []
    for kind, size in _networks(request):
        for rung in request.rungs:
            sets = request.sets[:rung]
            for most in request.instances or (0,):
                intervals = _thinned(sets, most)
                config = _config(request, sets, size, seed, kind, intervals)
                people = instances(config, sets)
                network = size if kind == DEFAULT else f"{kind}-{size}"
                found.append(
                    Job(
                        name=f"{network}/{rung}-sets{f'-{most}' if most else ''}/seed-{seed}",
                        facts={
                            "role": GRID, "network": network, "rung": rung, "most": most, "people": people,
                            "seed": seed,
                        },
                        config=config,
                        sets=sets,
                    )
                )  # fmt: skip
    return found


def _config(
    request: ScaleRequest, sets: Sequence[TrainingSet], size: str, seed: int, kind: str, intervals: dict[str, int]
) -> TrainConfig:
    if request.recipe != PUBLISHED:
        return request.training(sets, size, seed, architecture=kind, intervals=intervals)
    if str(len(sets)) not in LENGTHS:
        raise InputError(f"the paper has no ladder of {len(sets)}", expected=f"one of {', '.join(LENGTHS)}")
    config = published(size, str(len(sets)))
    sources = tuple(dict.fromkeys(source for each in sets for source in each.sources))
    return replace(config, seed=seed, data=replace(config.data, sources=sources))


def _thinned(sets: Sequence[TrainingSet], most: int) -> dict[str, int]:
    """Every so many-th row of each set, so that they are at most so many people, about as many of each."""
    if not most:
        return {}
    _check_single(sets, "--instances")
    share = max(1, most // len(sets))
    return {each.name: step for each in sets if (step := math.ceil(each.rows / share)) > 1}


def _ablations(request: ScaleRequest, seed: int) -> list[Job]:
    size, whole = request.sizes[0], request.sets
    found: list[Job] = []

    def add(role: str, what: Any, sets: Sequence[TrainingSet], **changes: Any) -> None:
        config = request.training(sets, size, seed, **changes)
        facts = {"role": role, "what": what, "seed": seed, "people": instances(config, sets)}
        found.append(Job(name=f"{role}/{what}/seed-{seed}", facts=facts, config=config, sets=tuple(sets)))

    for mixing in request.mixing:
        if mixing != MAIN:
            add(MIXING, mixing, whole, mixing=mixing, counts=_weights(whole) if mixing == "weighted" else None)
    for left in choose({each.name: each for each in whole}, request.without, "training set") if request.without else ():
        add(WITHOUT, left.name, [each for each in whole if each is not left])
    for rung in request.rungs:
        if request.ranking and 2 * rung <= len(whole):
            add(WORST, rung, whole[len(whole) - rung :])
    return found


def _weights(order: Sequence[TrainingSet]) -> dict[str, int]:
    """Samples of each set in an epoch: of n ranked sets the best has n shares, the last has one."""
    _check_single(order, "the weighted mixing")
    total, shares = sum(each.rows for each in order), len(order) * (len(order) + 1) / 2
    return {each.name: max(1, round(total * (len(order) - i) / shares)) for i, each in enumerate(order)}


def _check_single(sets: Sequence[TrainingSet], what: str) -> None:
    """What is said of a set by its name must be said of all of it."""
    for each in sets:
        if len(each.sources) > 1:
            found = f"{what}, and {each.name} lies in {len(each.sources)} folders"
            raise InputError(
                found, expected="one folder for each set", todo="make each with one `mien synth`, or ingest them"
            )
