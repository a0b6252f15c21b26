"""What all studies are asked alike, and how that becomes trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mien.errors import InputError, closest
from mien.evaluate.baseline import read_baseline
from mien.evaluate.job import BASELINE
from mien.files import sha256
from mien.losses.table import loss_of
from mien.nets.architectures import DEFAULT, architecture
from mien.nets.network import DecoderConfig, NetworkConfig
from mien.study.plan import CONSTANT, Job
from mien.study.sets import Benchmark, TrainingSet, choose, find_benchmarks, find_sets
from mien.train.config import Optimizer, Records, Start, TrainConfig, override
from mien.train.recipes import load_recipe

__all__ = ["Request", "network_of", "optimizer_for"]

FIRST_SEED = 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """Data, benchmarks, networks and budget of a study.

    Raises:
        InputError: a number is too small.
    """

    data: tuple[str, ...] = ()
    """Folders with train.npz, folders of such folders, stores."""
    on: tuple[str, ...] = ()
    """Folders with test.npz, folders of such folders, stores, names of protocols."""
    train_on: tuple[str, ...] = ()
    """The names of what is trained on, in order; all of `data` if empty."""
    mpe: tuple[str, ...] = ()
    """The benchmarks of the mean primary error; all, or those of the paper among protocols, if empty."""
    recipe: str = "open-xs"
    architecture: str = DEFAULT
    sizes: tuple[str, ...] = ("xxs",)
    seeds: int = 3
    samples: int = 32_000
    """The budget of each training, whatever it is trained on."""
    constant: str = ""
    """A file of the best constant person; by default it is found for all that is trained on."""
    changes: tuple[str, ...] = ()
    """`key=value` of the training config."""
    body: str = ""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"{self.seeds} seeds", expected="at least 1; 2 for intervals, 3 for claims")
        if self.samples < 1:
            raise InputError(f"a budget of {self.samples} samples", expected="at least 1")
        if not self.sizes:
            raise InputError("no size", expected="at least one, such as xxs")
        for size in self.sizes:
            network_of(self.architecture, size)

    @classmethod
    def of(cls, preset: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        """A request with the values of a preset, and over them what was given: all that is neither None nor empty."""
        said = {name: value for name, value in given.items() if value is not None and value != () and value != ""}
        known = {each.name for each in fields(cls)}
        assert not (set(preset) | set(given)) - known, (set(preset) | set(given)) - known
        return cls(**{**preset, **said})

    @cached_property
    def known_sets(self) -> dict[str, TrainingSet]:
        """All that could be trained on, by name."""
        if not self.data:
            raise InputError("no --data", expected="folders with train.npz, or a store of `mien data ingest`")
        return find_sets(self.data)

    @cached_property
    def sets(self) -> tuple[TrainingSet, ...]:
        """What is trained on."""
        return choose(self.known_sets, self.train_on, "training set")

    @cached_property
    def benchmarks(self) -> tuple[Benchmark, ...]:
        """What is measured on."""
        return tuple(find_benchmarks(self.on).values())

    @property
    def mean_over(self) -> tuple[str, ...]:
        """The names of the benchmarks of the mean primary error."""
        chosen = self.mpe or tuple(each.name for each in self.benchmarks if each.in_mpe)
        choose({each.name: each for each in self.benchmarks}, chosen, "benchmark")
        return chosen

    @property
    def seed_numbers(self) -> range:
        """The seeds: 1, 2, 3 ..."""
        return range(FIRST_SEED, FIRST_SEED + self.seeds)

    def training(
        self,
        sets: Sequence[TrainingSet],
        size: str,
        seed: int,
        *,
        samples: int = 0,
        architecture: str = "",
        mixing: str = "balance",
        counts: Mapping[str, int] | None = None,
        intervals: Mapping[str, int] | None = None,
    ) -> TrainConfig:
        """The recipe, for these sets, this network and the budget."""
        recipe = load_recipe(self.recipe)
        network = network_of(architecture or self.architecture, size, like=recipe.network)
        loss = recipe.loss if type(recipe.loss) is loss_of(network) else loss_of(network)()
        config = self._changed(replace(recipe, network=network, loss=loss, steps=1))
        steps = math.ceil((samples or self.samples) / config.batch)
        sources = tuple(dict.fromkeys(source for each in sets for source in each.sources))
        config = replace(
            config,
            body=self.body or config.body,
            steps=steps,
            seed=seed,
            optimizer=optimizer_for(config.optimizer, steps),
            data=replace(
                config.data,
                sources=sources,
                datasets=tuple(each.name for each in sets if each.in_store),
                mixing=mixing,
                counts=dict(counts or {}),
                intervals=dict(intervals or {}),
            ),
            records=_QUIET,
        )
        config = self._changed(config)
        return replace(config, start=_found(config.start, size=size, architecture=architecture or self.architecture))

    def _changed(self, config: TrainConfig) -> TrainConfig:
        return override(config, self.changes) if self.changes else config

    def constant_job(self, sets: Sequence[TrainingSet]) -> Job:
        """The best constant person, measured.

        Raises:
            InputError: it cannot be found for a store.
        """
        facts = {"role": CONSTANT}
        if self.constant:
            path = Path(self.constant).resolve()
            read_baseline(path)
            return Job(name=CONSTANT, facts=facts, weights=f"{BASELINE}{path}", content=sha256(path))
        if any(each.in_store for each in sets):
            todo = "make one from HumanData files (mien evaluate baseline:FILE ...), and name it with --constant"
            raise InputError("the best constant person cannot be found for a store", todo=todo)
        return Job(name=CONSTANT, facts=facts, sets=tuple(sets))


def _found(start: Start, **network: str) -> Start:
    """The files that a network starts from, by absolute paths, since jobs may run elsewhere.

    Args:
        start: with `{size}` and `{architecture}` where the names of files differ.
        network: what they stand for.

    Raises:
        InputError: a file is not there.
    """
    paths = dict[str, str]()
    for name in ("weights", "encoder"):
        text = getattr(start, name)
        for key, value in network.items():
            text = text.replace(f"{{{key}}}", value)
        if text and not Path(text).is_file():
            todo = "{size} and {architecture} in its name stand for those of each network"
            raise InputError(f"start.{name}={text} is not there", expected="a file to start trainings from", todo=todo)
        paths[name] = text and str(Path(text).resolve())
    return replace(start, **paths)


_QUIET = Records(log_every=25, validate_every=0, sheet_every=0, save_every=250, keep=1, tensorboard=False)


def network_of(name: str, size: str, like: NetworkConfig | None = None) -> NetworkConfig:
    """The network of a size; with joint maps where the recipe's has them.

    Raises:
        InputError: there is no such architecture or no such size; the closest one is given.
    """
    sizes = architecture(name).sizes
    if size not in sizes:
        raise InputError(f"{name} has no size {size!r}", todo=closest(size, sizes))
    network = sizes[size]
    if isinstance(like, DecoderConfig) and isinstance(network, DecoderConfig):
        return replace(network, joint_maps=like.joint_maps)
    return network


def optimizer_for(config: Optimizer, steps: int) -> Optimizer:
    """That of a recipe, for a short training: the rise takes at most a tenth of it, the running mean spans the last
    twentieth or less."""
    ema = min(config.ema, max(0.0, 1 - 20 / steps))
    return replace(config, warm_up=min(config.warm_up, steps // 10), ema=ema)
