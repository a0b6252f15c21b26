"""What a detector is, what it says, and how a spec string such as `boxes:people.json` becomes one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt8

from mien.errors import InputError, closest

__all__ = ["Detections", "Detector", "FullImage", "make_detector", "reject_outside"]

log = logging.getLogger("mien")
_FARTHEST = 1e9
"""Pixels; areas of boxes within it, and their sums, are sound numbers."""
_SPECS = "auto, full-image, boxes:FILE.json, hf:FOLDER_OR_HUB_ID, onnx:FILE or ultralytics:FILE"


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """People found in one picture, in the detector's order. Every box is finite and has an area.

    Raises:
        InputError: the arrays do not fit each other, or a box or score is not finite or has no area.
    """

    boxes: Float64[np.ndarray, "person 4"]
    """x1, y1, x2, y2 in pixels of the upright picture; may reach outside it."""
    scores: Float64[np.ndarray, " person"]
    """The detector's own confidence: larger is surer; from 0 to 1 for networks, any finite number from a file."""
    rejected: tuple[str, ...] = ()
    """One line for each box that was given but cannot be used, with the reason. To be told to the user and counted."""

    def __post_init__(self) -> None:
        boxes, scores = np.array(self.boxes, np.float64), np.array(self.scores, np.float64)
        boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
            what = f"detections hold boxes of shape {boxes.shape} and scores of shape {scores.shape}"
            raise InputError(what, expected="(n, 4) and (n,)", todo="mend the detector")
        for index, (box, score) in enumerate(zip(boxes, scores, strict=True)):
            reason = box_fault(box, score)
            if reason:
                raise InputError(
                    f"detection {index} {reason}", expected="x1 < x2 and y1 < y2", todo="mend the detector"
                )
        for name, value in (("boxes", boxes), ("scores", scores)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, which: Int[np.ndarray, " taken"] | Bool[np.ndarray, " person"] | Sequence[int]) -> Detections:
        """The same detections with only these people, in this order; what was rejected stays told."""
        which = np.asarray(which) if len(which) else np.zeros(0, np.intp)
        return replace(self, boxes=self.boxes[which], scores=self.scores[which])

    @property
    def areas(self) -> Float64[np.ndarray, " person"]:
        """Of the boxes, square pixels."""
        return (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])


@runtime_checkable
class Detector(Protocol):
    """Finds the people in a picture. Any object with this method will do."""

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The people in one picture.

        Args:
            picture: upright, RGB, as `read_picture` gives it.
            name: the picture's path below the input folder, with extension and forward slashes.

        Raises:
            InputError: the detector cannot say anything about this picture. Others may still go through.
        """
        ...


@dataclass(frozen=True)
class FullImage:
    """One person who fills the picture: the box (0, 0, width, height), with score 1."""

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The whole picture as one box."""
        height, width = picture.shape[:2]
        return Detections(boxes=np.array([[0.0, 0.0, width, height]]), scores=np.ones(1))


def box_fault(box: Float64[np.ndarray, "4"], score: float) -> str:
    """Why an xyxy box cannot be used, or ''."""
    if not np.isfinite(box).all():
        return f"has a corner that is not a finite number: {_show(box)}"
    if np.abs(box).max() > _FARTHEST:
        return f"has a corner beyond any picture: {_show(box)}"
    if not np.isfinite(score):
        return f"has a score that is not a finite number: {score:g}"
    if box[2] <= box[0] or box[3] <= box[1]:
        return f"has no area, or its corners are swapped: {_show(box)}"
    return ""


def reject_outside(detections: Detections, width: int, height: int) -> Detections:
    """Move boxes that show at most one pixel of the picture, in either direction, to `rejected`.

    Args:
        detections: in pixels of the picture.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    boxes = detections.boxes
    seen_x = np.minimum(boxes[:, 2], width) - np.maximum(boxes[:, 0], 0)
    seen_y = np.minimum(boxes[:, 3], height) - np.maximum(boxes[:, 1], 0)
    good = (seen_x > 1) & (seen_y > 1)
    reasons = tuple(f"the box {_show(box)} lies outside the {width} x {height} picture" for box in boxes[~good])
    return replace(detections.take(good), rejected=detections.rejected + reasons)


def make_detector(spec: str, device: str = "cpu", *, min_score: float | None = None) -> Detector:
    """The detector that a spec string names.

    Args:
        spec: `boxes:FILE.json`, a file of boxes; `full-image`, one person a picture; `hf:FOLDER_OR_HUB_ID`, a
            transformers network, downloaded if need be; `onnx:FILE` or `onnx:LAYOUT:FILE`, an ONNX file of the layout
            `yolox` or `rf-detr`; `ultralytics:FILE_OR_NAME`, through the user's own install of that package; or
            `auto`, the default network if it is already on this machine, else `full-image` with a warning. `auto`
            never reaches for the internet.
        device: where a network runs, e.g. `cpu`, `cuda`, `cuda:1`.
        min_score: keep only people at least this sure. None: 0.5 for networks, everything for files.

    Raises:
        InputError: the spec is unknown, or the file that it names is missing or wrong.
        AssetMissing: the network's files are not there and could not be downloaded.
        WeightsError: the network's files are damaged.
        MienError: a package is missing; the message says which extra brings it.
    """
    kind, colon, rest = spec.partition(":")
    if spec == "full-image":
        return FullImage()
    if spec == "auto":
        return _auto(device, min_score)
    if kind == "boxes" and rest:
        from mien.detect.boxes import BoxesFile

        return BoxesFile.load(Path(rest).expanduser(), min_score=min_score)
    if kind == "hf" and rest:
        from mien.detect.transformers import TransformersDetector

        return TransformersDetector.load(rest, device, min_score=min_score)
    if kind == "onnx" and rest:
        from mien.detect.onnx import OnnxDetector

        return OnnxDetector.load(rest, device, min_score=min_score)
    if kind == "ultralytics" and rest:
        from mien.detect.ultralytics import UltralyticsDetector

        return UltralyticsDetector.load(rest, device, min_score=min_score)
    if f"{kind}:" in _KINDS:
        raise InputError(f"the detector {spec!r} names nothing after the colon", expected=_SPECS)
    meant = "" if colon else _BY_ENDING.get(Path(spec).suffix, "")
    hint = f"did you mean '{meant}{spec}'?" if meant else closest(kind, _KINDS)
    raise InputError(f"unknown detector {spec!r}", expected=_SPECS, todo=hint)


_KINDS = ("auto", "boxes:", "full-image", "hf:", "onnx:", "ultralytics:")
_BY_ENDING = {".json": "boxes:", ".onnx": "onnx:", ".pt": "ultralytics:"}


def _auto(device: str, min_score: float | None) -> Detector:
    from mien.detect.transformers import DEFAULT, TransformersDetector, why_not_ready

    reason = why_not_ready(DEFAULT)
    if not reason:
        return TransformersDetector.load(DEFAULT, device, min_score=min_score, download=False)
    log.warning(
        "no person detector: %s. Every picture is taken to show ONE person who fills it. For a detector: pip install "
        "'mien[detect]' and run once with the detector hf:%s (downloads 41 MB), or give boxes:FILE.json",
        reason,
        DEFAULT,
    )
    return FullImage()


def _show(box: Float64[np.ndarray, "4"]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in box) + ")"
