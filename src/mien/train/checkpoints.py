"""Checkpoints that are whole or not there: sharded, renamed into place, readable by any number of processes.

    checkpoints/step_00002000/*.distcp, .metadata      tensors, by torch.distributed.checkpoint
    checkpoints/step_00002000/state.json               step, place in the data, and the size of every file

A folder is written under another name and renamed when all of it is there; only then are older ones removed. When one
is read, the sizes say whether it was cut short; then the one before it is taken.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save, save

from mien.errors import InputError, MienError, OutputError, reason_of
from mien.files import atomic_write, inside, read_json
from mien.train.guarded import GuardedPlanner, GuardedReader
from mien.train.optimizing import Mean
from mien.train.ranks import World

__all__ = ["Checkpoints"]

STATE = "state.json"
_NAME = re.compile(r"step_(\d{8,})")
log = logging.getLogger("mien")


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: where they lie.
        world: the processes.
        keep: how many are kept.
        asynchronous: write while training goes on; of several processes, and of one.
    """

    def __init__(self, folder: Path, world: World, *, keep: int, asynchronous: bool = False) -> None:
        self.folder, self.world, self.keep = folder, world, keep
        self.asynchronous = asynchronous and world.distributed
        # Written in a thread: its messages must not mix with those of the steps.
        self._group: Any = torch.distributed.new_group(backend="gloo") if self.asynchronous else None
        self._pending: tuple[Any, int, dict[str, Any]] | None = None

    def save(
        self, step: int, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], mean: Mean | None, state: Any
    ) -> None:
        """Write a checkpoint, by all processes together.

        Args:
            step: steps that are done.
            model: as it is trained, wrapped or not.
            optimizers: of its parameters.
            mean: the running mean of its weights, if there is one.
            state: what else goes on from here, as JSON can keep it.

        Raises:
            OutputError: the disk is full, or the folder cannot be written; earlier checkpoints stay as they are.
        """
        self.finish()
        if self._place(step).exists():
            return
        part = self._part(step)
        self.world.first(lambda: self._clear(part))
        tensors = _tensors(model, optimizers, mean)
        with self._undone(part):
            if self.asynchronous:
                self._pending = (async_save(tensors, checkpoint_id=part, process_group=self._group), step, state)
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that there is one process
                save(tensors, checkpoint_id=part, no_dist=not self.world.distributed)
        self._complete(step, state)

    def finish(self) -> None:
        """Wait for the checkpoint that is being written."""
        if self._pending is not None:
            future, step, state = self._pending
            self._pending = None
            with self._undone(self._part(step)):
                future.result()
            self._complete(step, state)

    def latest(self) -> int | None:
        """The newest checkpoint that is whole; None if there is none.

        Raises:
            InputError: there are checkpoints, and none is whole.
        """
        found = sorted((int(match[1]) for each in self._all() if (match := _NAME.fullmatch(each.name))), reverse=True)
        wrong = ""
        for step in found:
            fault = self._fault(step)
            if not fault:
                return step
            wrong = wrong or fault
            log.warning("%s; trying the one before it", fault)
        if wrong:
            raise InputError(wrong, expected="at least one whole checkpoint", todo="start anew in another --out")
        return None

    def load(self, step: int, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], mean: Mean | None) -> Any:
        """Go on from a checkpoint, whatever number of processes wrote it. Returns what else was saved.

        Raises:
            InputError: it is not there, is cut short, or is of another network.
            UnsafeFile: it wants to run code. None was run.
        """
        if fault := self._fault(step):
            raise InputError(fault, expected="a whole checkpoint")
        place, tensors = self._place(step), _tensors(model, optimizers, mean)
        try:
            GuardedReader(place).read_metadata()  # torch hides in its own words what goes wrong with it
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                load(
                    tensors,
                    storage_reader=GuardedReader(place),
                    planner=GuardedPlanner(),
                    no_dist=not self.world.distributed,
                )
        except MienError:
            raise
        except (Exception, CheckpointException) as error:  # the latter is no Exception
            failures = getattr(error, "failures", None)
            for each, _ in failures.values() if isinstance(failures, dict) else ():
                if isinstance(each, MienError):
                    raise each from error
            found = f"the checkpoint {place} cannot be read ({reason_of(error, -1)[:200]})"
            raise InputError(found, todo="was the config changed?") from error
        set_model_state_dict(model, tensors["model"])
        set_optimizer_state_dict(model, optimizers, tensors["optimizer"])
        if mean is not None:
            mean.load_state_dict(tensors["mean"])
        return read_json(place / STATE)["state"]

    def _complete(self, step: int, state: Any) -> None:
        self.world.first(lambda: self._rename(step, state))

    def _rename(self, step: int, state: Any) -> None:
        """Give a checkpoint its name, and remove older ones."""
        part = self._part(step)
        sizes = {each.name: each.stat().st_size for each in sorted(part.iterdir())}
        with atomic_write(part / STATE) as stream:
            stream.write(json.dumps({"step": step, "files": sizes, "state": state}, indent=1).encode())
        _sync(part)
        os.replace(part, self._place(step))
        _sync(self.folder)
        steps = sorted(int(match[1]) for each in self._all() if (match := _NAME.fullmatch(each.name)))
        for old in steps[: -self.keep]:
            shutil.rmtree(self._place(old), ignore_errors=True)

    @contextlib.contextmanager
    def _undone(self, part: Path) -> Iterator[None]:
        """Take a checkpoint away that could not be written."""
        try:
            yield
        except (Exception, CheckpointException) as error:
            if self.world.leads:
                shutil.rmtree(part, ignore_errors=True)
            found = f"cannot write the checkpoint {part.name.removeprefix('.')} in {part.parent}: {_reason(error)}"
            raise OutputError(
                found, todo="make room and run again with --resume: earlier checkpoints are whole"
            ) from error

    def _clear(self, part: Path) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob(".step_*"):
                shutil.rmtree(left)
            part.mkdir()
        except OSError as error:
            raise OutputError(
                f"cannot write {part}: {error.strerror or error}", todo="make room, then --resume"
            ) from error

    def _fault(self, step: int) -> str:
        """What is wrong with a checkpoint; empty if it is whole."""
        place = self._place(step)
        try:
            record = read_json(place / STATE)
            sizes, _ = record["files"], record["state"]
            for name, size in sizes.items():
                if (found := inside(place, name).stat().st_size) != size:
                    return f"the checkpoint {place} is cut short: {name} has {found} bytes instead of {size}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            return f"the checkpoint {place} is damaged ({error})"
        return ""

    def _all(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _place(self, step: int) -> Path:
        return self.folder / f"step_{step:08d}"

    def _part(self, step: int) -> Path:
        return self.folder / f".step_{step:08d}"


def _tensors(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], mean: Mean | None) -> dict[str, Any]:
    """Everything that is saved, by names that do not depend on how the model is wrapped."""
    found: dict[str, Any] = {
        "model": get_model_state_dict(model),
        "optimizer": get_optimizer_state_dict(model, optimizers),
    }
    return found if mean is None else {**found, "mean": mean.state_dict()}


def _reason(error: BaseException) -> str:
    """What the system said, wherever torch has put it."""
    seen: list[BaseException] = [error]
    failures = getattr(error, "failures", None)
    if isinstance(failures, dict):
        seen += [each[0] if isinstance(each, tuple) else each for each in failures.values()]
    for each in seen:
        if isinstance(each, OSError) and each.strerror:
            return "the disk is full" if each.errno == 28 else each.strerror
    text = str(seen[-1]).strip()
    full = "No space left" in text or "file write failed" in text or "PytorchStreamWriter" in text
    return "the disk is full" if full else (text.splitlines() or [type(error).__name__])[-1][:200]


def _sync(folder: Path) -> None:
    """Make sure that names survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
