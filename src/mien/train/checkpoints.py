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
from dataclasses import dataclass
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
        asynchronous: write while training goes on, if there is a group of processes, be it of one.
    """

    def __init__(self, folder: Path, world: World, *, keep: int, asynchronous: bool = False) -> None:
        self.folder, self.world, self.keep = folder, world, keep
        self.asynchronous = asynchronous and world.distributed
        # Written in a thread: its messages must not mix with those of the steps.
        self._group: Any = torch.distributed.new_group(backend="gloo") if self.asynchronous else None
        self._pending: _Pending | None = None

    def save(
        self, step: int, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], mean: Mean | None, state: Any
    ) -> None:
        """Write a checkpoint, by all processes together. One that is there and whole is not written again.

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
        if self.world.add_up(torch.tensor(float(self.world.leads and not self._fault(step)))):
            return
        part = self._part(step)
        self.world.first(lambda: self._clear(part))
        tensors = _tensors(model, optimizers, mean)
        with self._undone(part):
            if self.asynchronous:
                future = async_save(tensors, checkpoint_id=part, process_group=self._group)
                self._pending = _Pending(future, step, state)
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that there is one process
                save(tensors, checkpoint_id=part, no_dist=not self.world.distributed)
        self.world.first(lambda: self._rename(step, state))

    def finish(self) -> None:
        """Wait for the checkpoint that is being written, all processes together.

        Raises:
            OutputError: it could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            with self._undone(self._part(pending.step)):
                pending.future.result()
            self.world.first(lambda: self._name(pending))

    def settle(self, *, wait: bool = False) -> None:
        """Give the checkpoint that is being written its name, if it is written by now. Processes do not meet for it:
        the leading one's part is done when those of all are. What fails is told by `finish`.

        Args:
            wait: for its being written, where something else ends the training.
        """
        if (pending := self._pending) is None or not (wait or pending.future.done()):
            return
        if pending.future.exception() is None and self.world.leads:
            with contextlib.suppress(OutputError):
                self._name(pending)

    def _name(self, pending: _Pending) -> None:
        """Once, whoever asks first; if it fails, whoever asks is told."""
        if not pending.named:
            pending.named = True
            try:
                self._rename(pending.step, pending.state)
            except OutputError as error:
                pending.error = error
        if pending.error is not None:
            raise pending.error

    def latest(self) -> int | None:
        """The newest checkpoint that is whole; None if there is none.

        Raises:
            InputError: there are checkpoints, and none is whole.
        """
        wrong = ""
        for step in reversed(self._steps()):
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

    def _rename(self, step: int, state: Any) -> None:
        """Give a checkpoint its name, in place of a damaged one, and remove what is older than those that are kept."""
        part, place = self._part(step), self._place(step)
        with self._undone(part):
            sizes = {each.name: each.stat().st_size for each in sorted(part.iterdir())}
            with atomic_write(part / STATE) as stream:
                stream.write(json.dumps({"step": step, "files": sizes, "state": state}, indent=1).encode())
            _sync(part / STATE)
            _sync(part)
            if place.exists():
                shutil.rmtree(place)
            os.replace(part, place)
            _sync(self.folder)
        steps = self._steps()
        kept = [each for each in steps if not self._fault(each)][-self.keep :]
        for old in steps[: steps.index(kept[0])] if kept else []:
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

    def _steps(self) -> list[int]:
        """Of all checkpoints that are there, whole or not, the oldest first."""
        there = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(int(match[1]) for each in there if (match := _NAME.fullmatch(each.name)))

    def _place(self, step: int) -> Path:
        return self.folder / f"step_{step:08d}"

    def _part(self, step: int) -> Path:
        return self.folder / f".step_{step:08d}"


@dataclass
class _Pending:
    """A checkpoint that is being written."""

    future: Any
    step: int
    state: Any
    named: bool = False
    error: OutputError | None = None
    """What went wrong when it was to get its name."""


def _tensors(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], mean: Mean | None) -> dict[str, Any]:
    """Everything that is saved, by names that do not depend on how the model is wrapped."""
    found: dict[str, Any] = {
        "model": get_model_state_dict(model),
        "optimizer": get_optimizer_state_dict(model, optimizers),
    }
    return found if mean is None else {**found, "mean": mean.state_dict()}


def _reason(error: BaseException) -> str:
    """What the system said, wherever torch has put it."""
    seen: list[BaseException] = [error] if error.__cause__ is None else [error, error.__cause__]
    failures = getattr(error, "failures", None)
    if isinstance(failures, dict):
        seen += [each[0] if isinstance(each, tuple) else each for each in failures.values()]
    for each in seen:
        if isinstance(each, OSError) and each.strerror:
            return "the disk is full" if each.errno == 28 else each.strerror
    text = str(seen[-1]).strip()
    full = "No space left" in text or "file write failed" in text or "PytorchStreamWriter" in text
    return "the disk is full" if full else (text.splitlines() or [type(error).__name__])[-1][:200]


def _sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
