"""Predictions beside a folder's truth: the crops of its people as `mien predict` makes them, and who answers them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.pixels import Sampling, cut, stored_size
from mien.errors import PictureError
from mien.evaluate.truths import Truths
from mien.geometry.boxes import crop_box
from mien.geometry.crop import Crop
from mien.nets.network import Network
from mien.records import Record, SmplxParams

__all__ = ["Answer", "NetworkPredictor", "Predictor", "Seen", "see"]

AHEAD = 2
"""Batches that are read while one is worked on."""
THREADS = 2


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """What is said about a batch of people: parameters with absolute hands, or joints alone."""

    params: SmplxParams | None = None
    hands: SmplxParams | None = None
    """Where measures of hands are to be taken from another answer: a baseline has one for each."""
    K: Float[Tensor, "batch 3 3"] | None = None
    """The camera of `params`, pixels of the picture; by default the virtual camera of each crop."""
    joints: Float[Tensor, "batch 137 3"] | None = None
    """Metres, camera frame, any origin; where there are no parameters."""
    pixels: Float[Tensor, "batch 137 2"] | None = None
    """Where the joints are in the picture, if the answer says it itself."""
    there: Bool[Tensor, "batch"] | None = None
    """Who has an answer at all; by default everybody."""


@runtime_checkable
class Predictor(Protocol):
    """Anything that says something about the people of a folder."""

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the crops that it looks at; None if it looks at none."""
        ...

    def __call__(
        self, crops: Float32[np.ndarray, "batch height width 3"] | None, rows: Int64[np.ndarray, "batch"]
    ) -> Answer:
        """The answer for some people, on the CPU.

        Args:
            crops: RGB, 0 to 255; black where a picture could not be read. None if it looks at none.
            rows: which people of the folder they are.
        """
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkPredictor:
    """A network, trained or in training. It is asked on its own device and in its own number type."""

    network: Network
    body: BodyModel

    @property
    def image_size(self) -> tuple[int, int]:
        """Of the network's input."""
        return self.network.config.image_size

    @torch.no_grad()
    def __call__(
        self, crops: Float32[np.ndarray, "batch height width 3"] | None, rows: Int64[np.ndarray, "batch"]
    ) -> Answer:
        """What the network says, hands made absolute."""
        del rows
        assert crops is not None, "a network looks at crops"
        training = self.network.training
        self.network.eval()
        try:
            prediction = self.network.answer(crops)
        finally:
            self.network.train(training)
        return Answer(params=self.body.params_of(prediction))


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """A batch of people as they are looked at."""

    rows: Int64[np.ndarray, "batch"]
    crops: Float32[np.ndarray, "batch height width 3"] | None
    crop_box: Float32[np.ndarray, "batch 4"]
    """x, y, width, height in pixels of the picture, as in `Crop`; the tight box where there is no crop."""
    problem: tuple[str, ...]
    """Why somebody cannot be looked at; empty where all is well."""


def see(truths: Truths, size: tuple[int, int] | None, batch: int) -> Iterator[Seen]:
    """The people of a folder in order, batches read ahead in threads.

    Args:
        truths: who, and in which pictures.
        size: height and width of the crops; None reads no pictures where the labels say how large they are.
        batch: people at once.
    """
    starts = iter(range(0, len(truths), batch))
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="mien") as pool:

        def submit(start: int) -> list[tuple[int, Future[_Look]]]:
            rows = range(start, min(start + batch, len(truths)))
            return [(row, pool.submit(_look, truths, row, size)) for row in rows]

        queue = deque(submit(start) for start in islice(starts, AHEAD))
        try:
            while queue:
                looks = [(row, future.result()) for row, future in queue.popleft()]
                queue.extend(submit(start) for start in islice(starts, 1))
                yield _gather(looks, size)
        finally:
            for pending in queue:
                for _, future in pending:
                    future.cancel()


_Look = tuple[Float[np.ndarray, "height width 3"] | None, Float32[np.ndarray, "4"] | None, str]
"""The pixels of a crop, its box, and what is wrong."""


def _look(truths: Truths, row: int, size: tuple[int, int] | None) -> _Look:
    """The crop of one person. Runs in a thread; what is wrong with a picture stays with its row."""
    samples, name = truths.samples, str(truths.samples.image[row])
    labelled = None if samples.size is None else (int(samples.size[row, 0]), int(samples.size[row, 1]))
    try:
        data = b"" if size is None and labelled is not None else truths.images.read(name)
        height, width = labelled if labelled is not None and not data else stored_size(data, name)
        if labelled not in (None, (height, width)):
            expected = "{} x {}, as labelled".format(*labelled)
            raise PictureError(f"{name} is {height} x {width} (height x width)", expected=expected)
        box = crop_box(samples.box.value[row].astype(np.float64), width, height)
        if box is None:
            raise PictureError(f"the box {samples.box.value[row].tolist()} holds nothing of {name}")
        if size is None:
            return None, box, ""
        return cut(data, name, Crop.around(box), Sampling(size=size, exact=True)), box, ""
    except PictureError as error:
        return None, None, str(error)


def _gather(looks: list[tuple[int, _Look]], size: tuple[int, int] | None) -> Seen:
    nowhere = np.array([0, 0, 192, 256], dtype=np.float32)
    crops = None if size is None else np.zeros((len(looks), *size, 3), dtype=np.float32)
    for i, (_, (pixels, _, _)) in enumerate(looks):
        if crops is not None and pixels is not None:
            crops[i] = pixels
    return Seen(
        rows=np.array([row for row, _ in looks], dtype=np.int64),
        crops=crops,
        crop_box=np.stack([nowhere if box is None else box for _, (_, box, _) in looks]).astype(np.float32),
        problem=tuple(problem for _, (_, _, problem) in looks),
    )
