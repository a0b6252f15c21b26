"""Whom the study of attention looks at: people of datasets with their true boxes and joints, or of any pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from mien.body.joints import NUM_OUTPUT_JOINTS, SMPLX_137
from mien.body.model import BodyModel
from mien.data.pixels import decode
from mien.detect.base import Detections
from mien.errors import InputError, PictureError
from mien.estimator import Estimator
from mien.geometry.boxes import crop_box
from mien.pictures import find_pictures
from mien.study.attention_capture import Call, captured, patch_attention
from mien.study.attention_tokens import TaskToken
from mien.study.picture_sets import Choice, PictureSet, read_sets

__all__ = ["Source", "gather", "is_dataset", "read", "sources_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A dataset, or some pictures."""

    name: str
    data: PictureSet | None = None
    pictures: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures) if self.data is None else len(self.data)

    @property
    def made_of(self) -> dict[str, object]:
        """What decides whom it shows."""
        if self.data is not None:
            return self.data.made_of
        return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in self.pictures}

    def first(self, count: int) -> Source:
        """Its first people or pictures."""
        if self.data is None:
            return replace(self, pictures=self.pictures[:count])
        few = replace(self.data, truths=self.data.truths.take(slice(0, count)), scene=self.data.scene[:count])
        return replace(self, data=few)


@dataclass(frozen=True)
class _TrueBoxes:
    """The boxes of the labels, by the name of the picture."""

    boxes: dict[str, np.ndarray]

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The one person."""
        return Detections(boxes=self.boxes[name][None], scores=np.ones(1))


def is_dataset(place: str) -> bool:
    """Whether a place holds labels: a file that is no picture, or a folder with HumanData files."""
    path = Path(place)
    return path.suffix in (".npz", ".json") or (path.is_dir() and any(path.glob("*.npz")))


def sources_of(places: Sequence[str], choice: Choice, body: BodyModel) -> list[Source]:
    """The datasets and the pictures that are given; all pictures together are one source.

    Raises:
        InputError: there are none, or one does not exist.
    """
    if not places:
        raise InputError("nothing to look at", expected="pictures, folders of them, or datasets in HumanData form")
    datasets = [place for place in places if is_dataset(place)]
    rest = [place for place in places if not is_dataset(place)]
    found = [
        Source(name=each.name, data=each) for each in (read_sets(datasets, choice, lambda _: body) if datasets else [])
    ]
    if rest:
        found.append(Source(name="pictures", pictures=tuple(each.path for each in find_pictures(rest))))
    return found


def gather(estimator: Estimator, layer: str, tokens: Sequence[TaskToken], source: Source) -> dict[str, np.ndarray]:
    """Look at everybody of a source.

    Returns:
        Of each person `heat` (person, token, patch), which sums to 1, and `share` (person, token), of the tokens that
        are given; `crop` (person, 4) x, y, width, height in the picture's pixels; `joints` (person, 144, 2) pixels and
        `known` (person, 144): true ones of datasets, the network's own of pictures; `picture` (person,), its place in
        the source; `problems`, a line for each picture that cannot be used.
    """
    heat, share = list[np.ndarray](), list[np.ndarray]()
    network = estimator.network
    chosen, patches = [token.index for token in tokens], int(np.prod(network.encoder.grid))

    def visit(call: Call) -> None:
        found, weight = patch_attention(call, network.encoder.task_tokens.shape[1], patches)
        heat.append(found[:, chosen].float().cpu().numpy())
        share.append(weight[:, chosen].float().cpu().numpy())

    crops, joints, known, numbers, problems = [], [], [], list[int](), list[str]()
    names, boxes = _names(source), _boxes(source)
    if boxes is not None:
        estimator = replace(estimator, detector=_TrueBoxes(dict(zip(names, boxes, strict=True))), person="all")
    with captured(network, layer, visit):
        for outcome in estimator.stream(_pictures(source, names, problems)):
            if outcome.people is None:
                problems.append(outcome.problem)
                continue
            count = len(outcome.people)
            crops.append(outcome.people.crop_bbox.numpy())
            at, there = _joints(source, names.index(outcome.name)) or (outcome.people.joints2d.numpy(), None)
            joints.append(at)
            known.append(np.ones((count, NUM_OUTPUT_JOINTS), dtype=bool) if there is None else there)
            numbers += [names.index(outcome.name)] * count
    shape = (0, len(tokens))
    return {
        "heat": np.concatenate(heat) if heat else np.zeros((*shape, patches), np.float32),
        "share": np.concatenate(share) if share else np.zeros(shape, np.float32),
        "crop": np.concatenate(crops) if crops else np.zeros((0, 4), np.float32),
        "joints": np.concatenate(joints) if joints else np.zeros((0, NUM_OUTPUT_JOINTS, 2), np.float32),
        "known": np.concatenate(known) if known else np.zeros((0, NUM_OUTPUT_JOINTS), dtype=bool),
        "picture": np.array(numbers, dtype=np.int64),
        "problems": np.array(problems, dtype=np.str_),
    }


def read(source: Source, number: int) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of a source, RGB.

    Raises:
        PictureError: it cannot be read.
    """
    from mien.pictures import read_picture

    if source.data is None:
        return read_picture(source.pictures[number])
    name = str(source.data.truths.samples.image[number])
    return decode(source.data.truths.images.read(name), name)


def _names(source: Source) -> list[str]:
    if source.data is None:
        return [str(path) for path in source.pictures]
    return [str(name) for name in source.data.truths.samples.image]


def _pictures(
    source: Source, names: Sequence[str], problems: list[str]
) -> Iterator[tuple[str, Path | UInt8[np.ndarray, "h w 3"]]]:
    """Every picture with its name; of datasets those that can be read and hold their person."""
    if source.data is None:
        yield from zip(names, source.pictures, strict=True)
        return
    box = source.data.truths.samples.box.value
    for i, name in enumerate(names):
        try:
            picture = read(source, i)
        except PictureError as error:
            problems.append(str(error))
            continue
        if crop_box(box[i].astype(np.float64), picture.shape[1], picture.shape[0]) is None:
            problems.append(f"the box {box[i].tolist()} holds nothing of {name}")
            continue
        yield name, picture


def _boxes(source: Source) -> Float64[np.ndarray, "row 4"] | None:
    """x1, y1, x2, y2 of the labels."""
    if source.data is None:
        return None
    box = source.data.truths.samples.box.value.astype(np.float64)
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)


def _joints(source: Source, row: int) -> tuple[Float32[np.ndarray, "1 144 2"], Bool[np.ndarray, "1 144"]] | None:
    """The labelled joints of a person that lie in the picture and, where the data say so, are seen."""
    if source.data is None:
        return None
    at, known = source.data.truths.take(slice(row, row + 1)).keypoints()
    wide, there = np.zeros((1, NUM_OUTPUT_JOINTS, 2), np.float32), np.zeros((1, NUM_OUTPUT_JOINTS), dtype=bool)
    wide[:, list(SMPLX_137)], there[:, list(SMPLX_137)] = at.numpy(), known.numpy()
    seen = source.data.truths.samples.extra.get("visible")
    if isinstance(seen, np.ndarray):
        there[:, list(SMPLX_137)] &= seen[row : row + 1] > 0
    return wide, there
