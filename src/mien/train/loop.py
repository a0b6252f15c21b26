"""The training: one loop for a laptop, eight cards and many nodes.

    train(config, Path("runs/xs"))

A step is a pure function of the weights, the optimizer's moments, the seed and the number of the step: its samples and
its dice are drawn from those numbers, so there is no other state to keep, and a training that is stopped and resumed
gives the same bits as one that is not.
"""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.data.batch import Batch
from mien.data.loader import Loader
from mien.data.order import key_of
from mien.errors import InputError
from mien.files import atomic_write, exclusive
from mien.train.checkpoints import Checkpoints
from mien.train.config import TrainConfig
from mien.train.folder import RunFolder
from mien.train.objective import Objective, drop_places
from mien.train.optimizing import Mean, freeze, learning_rate, make_optimizers
from mien.train.ranks import Stopped, World
from mien.train.sources import batch_maker, open_sources, prepare
from mien.train.spreading import spread
from mien.train.starting import blank, open_body, start
from mien.train.telemetry import Telemetry
from mien.train.watching import Watcher

__all__ = ["Outcome", "train"]

log = logging.getLogger("mien")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a training ended."""

    step: int
    """Steps that are done."""
    steps: int
    """Steps of the whole training."""
    signal: int = 0
    """The signal that ended it before its time; 0 if none did."""
    weights: Path | None = None
    """What it exported."""


def train(
    config: TrainConfig,
    out: Path,
    *,
    resume: bool = False,
    until: int = 0,
    device: str = "auto",
    quiet: bool = False,
) -> Outcome:
    """Train, from the first step or from the last checkpoint on.

    Args:
        config: the training.
        out: its run folder.
        resume: go on with the training in `out`, if there is one. Implied where torchrun starts it anew.
        until: leave, with a checkpoint, when so many steps are done; 0 does all of them.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        quiet: say nothing on the console.

    Raises:
        InputError: something in the config or the data is wrong, or the loss is not a number any more.
        OutputError: the folder is in use or cannot be written.
    """
    world = World.join(device)
    try:
        config.share(world.size)
        with contextlib.ExitStack() as stack:
            world.first(lambda: stack.enter_context(exclusive(out)))
            return _Training(config, RunFolder(out), world, resume or world.restarts > 0, quiet).run(until)
    finally:
        world.leave()


@dataclass
class _Sums:
    """What happened since the last line of the log."""

    terms: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    norm: float = 0.0

    def add(self, terms: dict[str, float], norm: float, seconds: float, waited: float) -> None:
        for name, value in terms.items():
            self.terms[name] = self.terms.get(name, 0.0) + value
        self.steps, self.norm = self.steps + 1, self.norm + norm
        self.seconds, self.waited = self.seconds + seconds, self.waited + waited


class _Training:
    """One start of a training, in one process of it."""

    def __init__(self, config: TrainConfig, folder: RunFolder, world: World, resume: bool, quiet: bool) -> None:
        self.config, self.folder, self.world, self.quiet = config, folder, world, quiet
        world.first(lambda: folder.check(config, resume=resume))
        self.body = open_body(config)
        world.first(lambda: prepare(config.data, folder.path, self.body.path))
        datasets = open_sources(config.data, folder.path, config.seed, str(self.body.path))
        maker = batch_maker(config, datasets, self.body, world.rank, world.size)
        records = config.records
        self.checkpoints = Checkpoints(folder.checkpoints, world, keep=records.keep, asynchronous=records.asynchronous)
        latest = self.checkpoints.latest() if resume else None
        network = (start(config, self.body) if latest is None else blank(config)).train()
        freeze(network, config.start)
        self.network = network.to(world.device)
        self.objective = Objective(self.network, self.body.to(world.device), config.loss, config.ranks)
        self.model = spread(self.objective, config, world)
        self.optimizers = make_optimizers(self.model, config.optimizer, config.ranks.precision)
        self.mean = Mean(self.objective, config.optimizer.ema) if config.optimizer.ema else None
        pin = world.device.type == "cuda"
        self.loader = Loader(maker, workers=config.data.workers, max_bad=config.data.max_bad, pin_memory=pin)
        self.steps = config.steps or math.ceil(config.epochs * len(self.loader))
        self.step = self.first = config.start.step
        if self.first and self.first >= self.steps:
            found = f"start.step is {self.first}, and the training has {self.steps} steps"
            todo = f"the weights have {self.first} steps already: give --steps above that, or --set start.step=0"
            raise InputError(found, expected="fewer", todo=todo)
        if self.first:
            epoch, place = divmod(self.first, len(self.loader))
            self.loader.load_state_dict({**self.loader.state_dict(), "epoch": epoch, "step": place})
        self.saved, self.exported = -1, None
        """The step of the last checkpoint of this start, and its weights."""
        self.sums, self.seen = _Sums(), dict[str, Any]()
        """Since the last line of the log; what the watcher before had seen."""
        if latest is not None:
            self._resume(latest)
        self.watcher = world.first(self._watch)
        self.asked = self.stop = 0
        """The signal that this process has got, and the one that all of them have heard of."""

    def _resume(self, step: int) -> None:
        state = self.checkpoints.load(step, self.model, self.optimizers, self.mean)
        self.step, self.first = step, int(state["first"])
        self.loader.load_state_dict({**state["loader"], "bad": 0})
        self.sums, self.seen = _Sums(**state.get("sums", {})), state
        if self.world.leads:
            log.info("going on from step %d", step)

    def _watch(self) -> Watcher:
        """In the leading process: make the folder this training's, and open all that is written."""
        self.folder.claim(self.config)
        self.folder.note_start(self.world, self.loader.maker, self.body, self.step)
        telemetry = Telemetry.open(self.config, self.folder.path, self.step, self.steps, quiet=self.quiet)
        watcher = Watcher(self.config, self.folder, self.world, self.loader.maker, self.steps, telemetry)
        watcher.recall(self.seen)
        return watcher

    def run(self, until: int) -> Outcome:
        """All steps that are left, or those up to `until`."""
        end = min(self.steps, until) if until else self.steps
        batches = self._batches()
        try:
            with _signals(self):
                while self.step < end and not self.stop:
                    self._step(batches)
                    self._records()
                    self.checkpoints.settle()
                weights = self._save()
                self.checkpoints.finish()
        finally:
            self.checkpoints.settle(wait=True)
            self.loader.close()
            if self.watcher is not None:
                self.watcher.close()
        return Outcome(step=self.step, steps=self.steps, signal=self.stop, weights=weights)

    def _batches(self) -> Iterator[Batch]:
        while True:
            yield from self.loader

    def _step(self, batches: Iterator[Batch]) -> None:
        """One step: read, forward, backward, move."""
        begun = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - begun
        rate = self._rate(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["share"]
        terms = self._gradient(batch)
        names = sorted(terms)
        stacked = torch.stack([terms[name].detach() for name in names]).float().cpu() / self.world.size
        numbers = self.world.add_up(torch.cat([stacked, torch.tensor([float(self.asked > 0)])])).tolist()
        found = dict(zip(names, numbers[:-1], strict=True))
        norm = self._clip()
        self._check({**found, "gradient": norm}, batch)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self.mean is not None:
            self.mean.update(self.objective)
        self.step += 1
        self.stop = (self.asked or signal.SIGTERM) if numbers[-1] else 0
        self.sums.add({**found, "loss": sum(numbers[:-1])}, norm, time.perf_counter() - begun, waited)

    def _rate(self, step: int) -> float:
        return learning_rate(step, self.steps, self.config.optimizer, self.first)

    def _gradient(self, batch: Batch) -> dict[str, Tensor]:
        """Gradients of the mean loss of the whole batch, and its terms as this rank sees them."""
        parts = self.config.ranks.accumulate
        size = self.config.share(self.world.size)
        total: dict[str, Tensor] = {}
        for part in range(parts):
            piece = batch[part * size : (part + 1) * size].to(self.world.device)
            drop_places(self.network, (self.world.rank * parts + part) * size, self.config.batch)
            torch.manual_seed(key_of(self.config.seed, 5, self.step) >> 1)
            with self._together(part == parts - 1):
                terms = self.model(piece.images(), piece.targets)
                (torch.stack(list(terms.values())).sum() / parts).backward()
            for name, value in terms.items():
                total[name] = total.get(name, 0) + value.detach() / parts
        return total

    @contextlib.contextmanager
    def _together(self, last: bool) -> Iterator[None]:
        """Exchange gradients only after the last part of a step."""
        if isinstance(self.model, nn.parallel.DistributedDataParallel) and not last:
            with self.model.no_sync():
                yield
            return
        if hasattr(self.model, "set_requires_gradient_sync"):
            self.model.set_requires_gradient_sync(last)  # pyright: ignore[reportCallIssue]
        yield

    def _clip(self) -> float:
        """The norm of the gradient, before it is made no longer than asked for."""
        limit = self.config.optimizer.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], limit)
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # pyright: ignore[reportAttributeAccessIssue]

    def _check(self, terms: dict[str, float], batch: Batch) -> None:
        """Stop at a loss that is no number, before it reaches the weights; the batch is kept to look at.

        Raises:
            InputError: it is none.
        """
        wrong = [name for name, value in terms.items() if not math.isfinite(value)]
        if not wrong:
            return
        path = self.folder.path / "bad_batch" / f"step_{self.step:08d}_rank_{self.world.rank}.npz"
        arrays = {
            **{f"target_{name}": value for name, value in vars(batch.targets).items() if isinstance(value, Tensor)},
            **{name: value for name, value in vars(batch).items() if isinstance(value, Tensor)},
        }
        with atomic_write(path) as stream:
            np.savez_compressed(stream, allow_pickle=False, **{name: value.numpy() for name, value in arrays.items()})
        if not self.world.leads:
            raise Stopped("the loss is not a number")
        names, first = self.loader.maker.datasets, zip(batch.part[:3].tolist(), batch.row[:3].tolist(), strict=True)
        rows = ", ".join(f"{names[part].name} row {row}" for part, row in first)
        raise InputError(
            f"the loss of step {self.step} is not a number ({', '.join(wrong)}); its samples begin with {rows}",
            expected="finite numbers",
            todo=f"look at {path}; lower optimizer.lr or set optimizer.clip, then --resume from the last checkpoint",
        )

    def _records(self) -> None:
        """What is due after this step."""
        records, step, last, watcher = self.config.records, self.step, self.step == self.steps, self.watcher
        if step % records.log_every == 0 or last:
            if watcher is not None:
                watcher.numbers(step, self._line())
            self.sums = _Sums()
        if _due(step, records.validate_every) or (last and records.validate_every):
            weights = self._weights()
            self.world.first(lambda: watcher.validate(step, weights) if watcher is not None else None)
        if _due(step, records.sheet_every):
            weights = self._weights()
            self.world.first(lambda: watcher.sheet(step, weights) if watcher is not None else None)
        if _due(step, records.save_every):
            self._save()

    def _line(self) -> dict[str, float]:
        sums = self.sums
        return {
            **{name: value / sums.steps for name, value in sums.terms.items()},
            "lr": self._rate(self.step - 1),
            "gradient": sums.norm / sums.steps,
            "samples_per_s": self.config.batch * sums.steps / sums.seconds,
            "data_wait": sums.waited / sums.seconds,
            "memory_mb": _memory(self.world.device),
            "samples": float(self.step * self.config.batch),
            "unreadable": float(self.loader.bad),
        }

    def _weights(self) -> dict[str, Tensor]:
        """Whole weights of the network (their running mean, if there is one) on the CPU: the leading process gets
        them, with the help of all."""
        own = [*self.objective.named_parameters(), *self.objective.named_buffers()]
        found = {}
        for name, value in {**dict(own), **({} if self.mean is None else self.mean.shadow)}.items():
            value = value.detach()
            whole = value.full_tensor() if hasattr(value, "full_tensor") else value  # pyright: ignore[reportAttributeAccessIssue]
            if self.world.leads:
                found[name.removeprefix("network.")] = whole.cpu()
        return found

    def _save(self) -> Path | None:
        """A checkpoint, and the weights as they are now; returns their file, in the leading process. Of a step for
        which that is done it is not done again."""
        if self.step == self.saved:
            return self.exported
        if self.step > self.config.start.step:
            state = {"loader": self.loader.state_dict(), "first": self.first}
            state |= {"sums": asdict(self.sums), **({} if self.watcher is None else self.watcher.memory())}
            self.checkpoints.save(self.step, self.model, self.optimizers, self.mean, state)
        weights, watcher = self._weights(), self.watcher
        self.exported = self.world.first(
            lambda: None if watcher is None else watcher.export(self.step, weights, "last")
        )
        self.saved = self.step
        return self.exported


@contextlib.contextmanager
def _signals(training: _Training) -> Iterator[None]:
    """SIGTERM and the first Ctrl-C end the training after this step, with a checkpoint; a second Ctrl-C at once."""

    def asked(number: int, frame: Any) -> None:
        training.asked = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = {each: signal.signal(each, asked) for each in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _memory(device: torch.device) -> float:
    """The most memory that was in use, MB: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    except ImportError:  # not on Windows
        return 0.0
