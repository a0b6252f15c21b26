"""Batches for a training loop, from worker processes, from any step on.

    loader = Loader(BatchMaker(...), workers=4)
    for batch in loader:                        # the rest of the current epoch; then the next one
        ...
        state = loader.state_dict()             # {"epoch": 0, "step": 1, ...}: what comes after this batch

Two integers are the whole state. A worker makes whole batches, each from (epoch, step) alone, so that it does not
matter how many workers there are, nor which of them had come how far when a run was stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset, Sampler

from mien.data.batch import Batch
from mien.data.making import BatchMaker
from mien.errors import InputError, MienError

__all__ = ["Loader"]

log = logging.getLogger(__name__)


class Loader:
    """Iterates a training, an epoch at a time.

    Args:
        maker: makes the batches.
        workers: processes that make them; 0 makes them here.
        max_bad: how many samples that cannot be read are put up with, over the whole training of this rank.
        pin_memory: put batches into page-locked memory, for copies to a GPU beside its work.
    """

    def __init__(self, maker: BatchMaker, *, workers: int = 0, max_bad: int = 100, pin_memory: bool = False) -> None:
        self.maker, self.max_bad = maker, max_bad
        self.epoch, self.step, self.bad = 0, 0, 0
        self._workers, self._pin_memory = workers, pin_memory
        self._steps = _Steps()
        self._batches = self._open()

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self.maker.order.steps

    def __iter__(self) -> Iterator[Batch]:
        """The batches that are left of the current epoch.

        Raises:
            InputError: more than `max_bad` samples could not be read.
        """
        if self.step >= len(self):
            self.epoch, self.step = self.epoch + 1, 0
        self._steps.left = [(self.epoch, step) for step in range(self.step, len(self))]
        for batch in self._started():
            if isinstance(batch, MienError):
                try:
                    raise batch
                finally:
                    del batch  # or it would hold this frame, and the frame the workers, for longer than it lives
            self._count(batch)
            self.epoch, self.step = batch.epoch, batch.step + 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """What the next batch is, and what makes it so: enough to go on elsewhere, with other workers or ranks."""
        order = self.maker.order
        state = {"epoch": self.epoch, "step": self.step, "bad": self.bad}
        if self.step >= len(self):
            state.update(epoch=self.epoch + 1, step=0)
        parts = [[part.name, part.length, part.interval] for part in self.maker.mixing.parts]
        return {**state, "seed": order.seed, "batch": order.batch, "length": order.length, "parts": parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            InputError: it is of a training with another seed, batch size or length of an epoch, or with other datasets,
                other numbers of their rows or other intervals.
        """
        own = self.state_dict()
        for name in ("seed", "batch", "length"):
            if state[name] != own[name]:
                found = f"a training with {name} {state[name]} cannot go on with {name} {own[name]}"
                raise InputError(found, todo="start anew, or set it back")
        for before, now in zip_longest(state.get("parts", own["parts"]), own["parts"]):
            if before != now:
                found = f"a training on {_of_part(before)} cannot go on with {_of_part(now)} in its place"
                raise InputError(found, todo="start anew, or set data and intervals back")
        self.epoch, self.step, self.bad = int(state["epoch"]), int(state["step"]), int(state["bad"])

    def close(self) -> None:
        """End the workers, which otherwise wait for the next epoch. Iterating again starts others."""
        self._batches = self._open()

    def _open(self) -> DataLoader[Batch | MienError]:
        """Workers are started when batches are first asked for, and outlive epochs."""
        return DataLoader(
            _Batches(self.maker),
            sampler=self._steps,
            batch_size=None,
            num_workers=self._workers,
            collate_fn=_as_it_is,  # pyright: ignore[reportArgumentType]
            pin_memory=self._pin_memory,
            persistent_workers=self._workers > 0,
        )

    def _started(self) -> Iterator[Batch | MienError]:
        """The workers' batches. Workers are many, so OpenCV is to use one thread in each: said before they are forked,
        since a fork has the lock of its parent's threads but not the threads, and waits for them for ever."""
        if self._batches.num_workers == 0:
            return iter(self._batches)
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            return iter(self._batches)
        finally:
            cv2.setNumThreads(threads)

    def _count(self, batch: Batch) -> None:
        for message in batch.skipped:
            log.warning("left out: %s", message)
        self.bad += len(batch.skipped)
        if self.bad > self.max_bad:
            last = f", the last: {batch.skipped[-1]}" if batch.skipped else ", all before this training was resumed"
            raise InputError(
                f"{self.bad} samples could not be read{last}",
                expected=f"at most {self.max_bad}",
                todo="run `mien data validate`, or raise max_bad",
            )


class _Steps(Sampler[tuple[int, int]]):
    """The batches to make; set before each epoch, since workers outlive epochs."""

    def __init__(self) -> None:
        self.left: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.left)

    def __len__(self) -> int:
        return len(self.left)


class _Batches(Dataset[Batch | MienError]):
    """The maker, as workers call it. A mistake of the user's travels as a value: torch would wrap it in a traceback."""

    def __init__(self, maker: BatchMaker) -> None:
        self.maker = maker

    def __getitem__(self, when: tuple[int, int]) -> Batch | MienError:
        try:
            return self.maker[when]
        except MienError as error:
            return error


def _of_part(part: Sequence[Any] | None) -> str:
    """A name, rows and an interval, in words."""
    return "no dataset" if part is None else f"{part[0]} ({part[1]} rows, every {part[2]})"


def _as_it_is(batch: Batch | MienError) -> Batch | MienError:
    return batch
