"""From (epoch, step) to a batch: look the rows up, throw the dice, read the pictures, cut, move the labels.

A picture that is missing or damaged, or is not the one that the labels are for, does not stop a training of weeks, and
is never quietly replaced by another: its sample stays in the batch, black, with all weights 0, and is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, Num

from mien.body.model import BodyModel
from mien.data.augment import Augment, Draws, draw
from mien.data.batch import Batch
from mien.data.effects import apply_effects, colour, paste, silhouette
from mien.data.framing import frame
from mien.data.mixture import SEED, Mixing, Part
from mien.data.moving import Frames, expression_mirror, move_pixels
from mien.data.order import Order
from mien.data.pixels import Sampling, cut, stored_size
from mien.data.replicate import published_targets
from mien.data.samples import Samples
from mien.data.store import Store
from mien.data.targets import Targets, build_targets
from mien.errors import InputError, PictureError
from mien.geometry.boxes import CROP_RATIO
from mien.geometry.crop import Crop

__all__ = ["BatchMaker", "Pictures", "Readable", "Seen", "parts_of", "take_rows"]

_NOWHERE = np.array([0.0, 0.0, 192.0, 256.0])
"""The box of a sample whose picture cannot be read."""


@runtime_checkable
class Pictures(Protocol):
    """Encoded pictures by path."""

    def read(self, path: str) -> bytes:
        """The file; raises `PictureError` if it cannot be read."""
        ...


@runtime_checkable
class Readable(Protocol):
    """A dataset, as a loader sees it; `mien.data.store.Dataset` is one."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def images(self) -> Pictures:
        """Where its pictures are."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: Int64[np.ndarray, "row"]) -> Samples:
        """The people of some rows, in that order."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Some samples: their pixels, and what their targets are made of."""

    part: Int64[np.ndarray, "row"]
    row: Int64[np.ndarray, "row"]
    samples: Samples
    """Labels that belong to the pictures."""
    frames: Frames
    """How the crops lie in the pictures."""
    pixels: Num[np.ndarray, "row h w 3"]
    present: Float32[np.ndarray, "row"]
    """0 where there is no crop."""
    skipped: tuple[str, ...]
    """Why there is none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchMaker:
    """Makes any batch of a training, in any order, in any process: the same numbers give the same batch."""

    datasets: tuple[Readable, ...]
    """In the order of the mixture's parts."""
    mixing: Mixing
    order: Order
    """Its seed is that of the augmentation too."""
    body: BodyModel
    augment: Augment
    sampling: Sampling
    ratios: tuple[float, ...] = ()
    """How much larger than the 3:4 box the crops of each dataset are; those of `augment` by default."""
    rank: int = 0
    world: int = 1
    replicate: bool = False
    """Make targets as the published training did, slips included."""
    derive_joints: bool = True
    """Take joints of the fitted body as 3D keypoints of people who have no others. Not in replication."""
    body_joints: bool = False
    """Make `Targets.body` and `Targets.boxes` too, for SMPLer-X."""

    def __post_init__(self) -> None:
        names, parts = [dataset.name for dataset in self.datasets], [part.name for part in self.mixing.parts]
        if names != parts:
            raise InputError(f"datasets {', '.join(names)}", expected=f"those of the mixture: {', '.join(parts)}")
        for dataset, part in zip(self.datasets, self.mixing.parts, strict=True):
            if len(dataset) != part.length:
                raise InputError(f"{part.name} has {len(dataset)} rows", expected=f"{part.length}, as its mixture says")
        if not 0 <= self.rank < self.world <= self.order.batch:
            found = f"rank {self.rank} of {self.world} for batches of {self.order.batch}"
            raise InputError(found, expected="a rank below the number of ranks, and a sample for each of them")
        if self.order.length != len(self.mixing):
            raise InputError(
                f"an order of {self.order.length} places for an epoch of {len(self.mixing)} samples",
                todo="give both the same length",
            )
        if self.sampling.exact and any(getattr(self.augment, name) > 0 for name in _EFFECTS):
            raise InputError("exact crops with effects on their pixels", expected="one of them")
        if self.ratios and len(self.ratios) != len(self.datasets):
            raise InputError(f"{len(self.ratios)} ratios for {len(self.datasets)} datasets", expected="one for each")

    @classmethod
    def of_store(
        cls,
        store: Store,
        mixing: Mixing,
        *,
        batch: int,
        body: BodyModel,
        augment: Augment | None = None,
        sampling: Sampling | None = None,
        seed: int = SEED,
        **settings: Any,
    ) -> BatchMaker:
        """A maker for datasets of a store, with the box ratios that it says.

        Args:
            store: has all datasets of the mixture.
            mixing: its parts are those of `parts_of`.
            batch: samples in a step, all ranks together.
            body: what the parameters belong to.
            augment: as published, by default.
            sampling: fast, by default.
            seed: of the order and of the augmentation.
            settings: other fields of `BatchMaker`.
        """
        datasets = tuple(store[part.name] for part in mixing.parts)
        augment = Augment() if augment is None else augment
        return cls(
            datasets=datasets,
            mixing=mixing,
            order=Order(length=len(mixing), batch=batch, seed=seed),
            body=body,
            augment=augment,
            sampling=Sampling() if sampling is None else sampling,
            ratios=tuple(each.manifest.box_ratio * augment.ratio / CROP_RATIO for each in datasets),
            **settings,
        )

    def __getitem__(self, when: tuple[int, int]) -> Batch:
        """The batch of this rank at (epoch, step)."""
        epoch, step = when
        seen = self.look(epoch, self.order.places(epoch, step, self.rank, self.world))
        targets, present = self._targets(seen.samples, seen.frames), torch.from_numpy(seen.present)
        frames = seen.frames
        return Batch(
            pixels=torch.from_numpy(seen.pixels),
            targets=targets.masked(present) if seen.skipped else targets,
            present=present,
            box=torch.from_numpy(frames.box),
            patch_from_image=torch.from_numpy(frames.patch_from_image.astype(np.float32)),
            mirrored=torch.from_numpy(np.where(frames.flip, frames.width, 0)),
            part=torch.from_numpy(seen.part),
            row=torch.from_numpy(seen.row),
            epoch=epoch,
            step=step,
            skipped=seen.skipped,
        )

    def look(self, epoch: int, places: Int64[np.ndarray, "row"]) -> Seen:
        """The pixels of some places of an epoch, and what their labels are to be made of."""
        part, row = self.mixing.rows(epoch, places)
        samples, draws = take_rows(self.datasets, part, row), draw(self.augment, self.order.seed, epoch, places)
        kind = np.float32 if self.sampling.exact else np.uint8
        pixels = np.zeros((len(samples), *self.sampling.size, 3), dtype=kind)
        crops: list[Crop | None] = [None] * len(samples)
        widths, skipped = np.ones(len(samples), dtype=np.int64), list[str]()
        for i, number in enumerate(part.tolist()):
            try:
                crop, found, widths[i] = self._crop(number, samples, i, draws)
            except PictureError as error:
                skipped.append(f"{self.datasets[number].name} row {row[i]}: {error}")
                continue
            if draws.person[i, 2] > 0:
                found = self._with_somebody(found, draws.person[i], epoch)
            found = colour(found, draws.gain[i])
            pixels[i] = found if self.sampling.exact else apply_effects(found, i, draws)
            crops[i] = crop
        present = np.array([crop is not None for crop in crops], dtype=np.float32)
        frames = Frames.of([crop or Crop.around(_NOWHERE) for crop in crops], draws.rotation * present, widths)
        return Seen(
            part=part,
            row=row,
            samples=samples,
            frames=frames,
            pixels=pixels,
            present=present,
            skipped=tuple(skipped),
        )

    def _crop(self, part: int, samples: Samples, i: int, draws: Draws) -> tuple[Crop, Num[np.ndarray, "h w 3"], int]:
        """The crop of one sample, its pixels, and the width of its picture."""
        name = str(samples.image[i])
        data = self.datasets[part].images.read(name)
        height, width = stored_size(data, name)
        labelled = (0, 0) if samples.size is None else tuple(samples.size[i].tolist())
        if labelled not in ((0, 0), (height, width)):
            expected = "{} x {}".format(*labelled)
            raise PictureError(f"{name} is {height} x {width} (height x width)", expected=f"{expected}, as labelled")
        ratio = self.ratios[part] if self.ratios else self.augment.ratio
        crop = frame(samples, i, (height, width), ratio, draws, push=self.replicate)
        if crop is None:
            raise PictureError(f"the box {samples.box.value[i].tolist()} holds nothing of {name}")
        return crop, cut(data, name, crop, self.sampling), width

    def _with_somebody(
        self, pixels: Num[np.ndarray, "h w 3"], where: Float64[np.ndarray, "4"], epoch: int
    ) -> Num[np.ndarray, "h w 3"]:
        """Another sample's person in front, if that one can be read and its joints are known."""
        place = np.array([int(where[3] * len(self.mixing))])
        part, row = self.mixing.rows(epoch, place)
        samples, plain = take_rows(self.datasets, part, row), draw(Augment.none(), 0, 0, place)
        if samples.keypoints2d is None:
            return pixels
        try:
            crop, other, width = self._crop(int(part[0]), samples, 0, plain)
        except PictureError:
            return pixels
        frames = Frames.of([crop], plain.rotation, np.array([width]))
        joints = move_pixels(samples.keypoints2d.value, frames)[0]
        mask = silhouette(joints, samples.keypoints2d.weight[0], self.sampling.size)
        return pixels if mask is None else paste(pixels, other, mask, where)

    def _targets(self, samples: Samples, frames: Frames) -> Targets:
        if self.replicate:
            located = self.body_joints
            return published_targets(samples, frames, self.body, body_joints=located, inside_only=located)
        return build_targets(
            samples,
            frames,
            self.body,
            derive_joints=self.derive_joints,
            body_joints=self.body_joints,
            expression_map=self._expression_map,
        )

    @cached_property
    def _expression_map(self) -> Float32[np.ndarray, "expression expression"] | None:
        return expression_mirror(self.body) if self.augment.mirror_expression else None


_EFFECTS = tuple(f"{name}_chance" for name in ("cutout", "person", "blur", "jpeg", "dark"))
"""What only works on 8-bit pixels."""


def parts_of(store: Store, names: Sequence[str] = (), intervals: Mapping[str, int] | None = None) -> tuple[Part, ...]:
    """Datasets of a store as parts of a mixture.

    Args:
        store: has them.
        names: which; all by default.
        intervals: use every so many rows of the datasets named here.

    Raises:
        InputError: the store has no such dataset.
    """
    chosen = [store[name] for name in names or store.names]
    steps = {store[name].name: step for name, step in (intervals or {}).items()}
    return tuple(Part(name=each.name, length=len(each), interval=steps.get(each.name, 1)) for each in chosen)


def take_rows(datasets: Sequence[Readable], part: Int64[np.ndarray, "row"], row: Int64[np.ndarray, "row"]) -> Samples:
    """Rows of several datasets, in the order asked for. Pictures whose size only other datasets know get size 0, 0."""
    if len(part) == 0:
        return datasets[0].take(row)
    order = np.argsort(part, kind="stable")
    parts = [datasets[each].take(row[part == each]) for each in np.unique(part)]
    if any(each.size is not None for each in parts):
        parts = [replace(p, size=np.zeros((len(p), 2), np.int32)) if p.size is None else p for p in parts]
    return Samples.cat(parts).take(np.argsort(order, kind="stable"))
