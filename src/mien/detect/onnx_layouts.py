"""How the ONNX files of known detectors want their pictures, and what they say about them: YOLOX and RF-DETR.

A layout is recognised by the shapes of a file's inputs and outputs, since names differ from one export to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, UInt8

from mien.detect.network import corners

__all__ = ["LAYOUTS", "Layout", "RfDetr", "Shape", "Yolox"]

Shape = tuple[int | None, ...]
"""Of an input or an output; None where the file leaves a size open."""


@runtime_checkable
class Layout(Protocol):
    """What lies between a picture and the boxes in it, beside the network."""

    def prepare(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "1 3 height width"]:
        """What the network is given."""
        ...

    def people(
        self, said: Sequence[np.ndarray], height: int, width: int, min_score: float
    ) -> tuple[Float64[np.ndarray, "person 4"], Float64[np.ndarray, "person"]]:
        """Boxes (x1, y1, x2, y2, pixels of the picture; they may reach outside) and scores.

        Args:
            said: the outputs, in the file's order, in double precision and finite.
            height: of the picture, pixels.
            width: of the picture, pixels.
            min_score: what is less sure need not be there.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Yolox:
    """YOLOX (Ge et al. 2021), exported with or without `--decode_in_inference`.

    The picture is scaled into the upper left corner of a grey canvas, blue first, values 0 to 255. Every cell of three
    grids says one box: its middle (in cells, from the cell's own corner), the logarithm of its size (in cells), whether
    there is something, and what it is. Class 0 is a person.
    """

    height: int
    width: int
    """Of the canvas, pixels."""
    output: int
    """Which output it is."""
    grid: Float64[np.ndarray, "cell 3"] = field(repr=False)
    """x and y of each cell, in cells, and its side in pixels."""

    EXPECTED = "a picture (1, 3, H, W) and an output (1, H W / 64 + H W / 256 + H W / 1024, 5 + 80 or 5 + 1)"
    _STRIDES = (8, 16, 32)
    _COLUMNS = (85, 6)
    _GREY = 114
    _MOST_OVERLAP = 0.65
    """Of two people, intersection over union: what the published accuracy is measured with."""
    _FARTHEST = 8.0
    """Middles are offsets of about one cell; if half of them are larger than this, they are pixels already."""

    @classmethod
    def of(cls, height: int, width: int, outputs: Sequence[Shape]) -> Yolox | None:
        """The layout of a file with this canvas and these outputs, or None."""
        grid = np.concatenate([_cells(height // stride, width // stride, stride) for stride in cls._STRIDES])
        for index, shape in enumerate(outputs):
            if len(shape) == 3 and shape[1] in (len(grid), None) and shape[2] in cls._COLUMNS:
                return cls(height=height, width=width, output=index, grid=grid)
        return None

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the picture on the canvas, pixels."""
        scale = min(self.height / height, self.width / width)
        return max(1, int(height * scale)), max(1, int(width * scale))

    def prepare(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "1 3 height width"]:
        """The picture on its canvas."""
        import cv2

        height, width = self._size(*picture.shape[:2])
        canvas = np.full((self.height, self.width, 3), self._GREY, np.uint8)
        canvas[:height, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        return canvas[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32, order="C")

    def people(
        self, said: Sequence[np.ndarray], height: int, width: int, min_score: float
    ) -> tuple[Float64[np.ndarray, "person 4"], Float64[np.ndarray, "person"]]:
        """Boxes that do not overlap too much with a surer one, and scores."""
        rows = said[self.output][0]
        decoded = bool(np.median(np.abs(rows[:, :2])) > self._FARTHEST)
        scores = rows[:, 4] * rows[:, 5]
        sure = scores >= min_score
        boxes, grid, scores = rows[sure, :4], self.grid[sure], scores[sure]
        if not decoded:
            middle = (boxes[:, :2] + grid[:, :2]) * grid[:, 2:]
            boxes = np.concatenate([middle, np.exp(np.minimum(boxes[:, 2:], 10)) * grid[:, 2:]], 1)
        seen_height, seen_width = self._size(height, width)
        scale = [width / seen_width, height / seen_height]
        boxes = corners(boxes) * (scale + scale)
        keep = _apart(boxes, scores, self._MOST_OVERLAP)
        return boxes[keep], scores[keep]


@dataclass(frozen=True, kw_only=True)
class RfDetr:
    """RF-DETR (Robinson et al. 2025), of COCO's 91 class numbers: one box and a score for each class from each query.

    The picture fills the canvas, whatever its shape, not smoothed before it is made smaller, since that is how these
    networks were trained; values are normalised as for ImageNet. Class 1 is a person.
    """

    height: int
    width: int
    """Of the canvas, pixels."""
    boxes: int
    """Which output holds boxes: x, y of the middle, width, height, as shares of the picture."""
    logits: int
    """Which output holds classes."""

    EXPECTED = "a picture (1, 3, H, W) and the outputs (1, Q, 4) and (1, Q, 91)"
    _CLASSES, _PERSON = 91, 1
    _MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    @classmethod
    def of(cls, height: int, width: int, outputs: Sequence[Shape]) -> RfDetr | None:
        """The layout of a file with this canvas and these outputs, or None."""
        last = [shape[2] if len(shape) == 3 else None for shape in outputs]
        if 4 not in last or cls._CLASSES not in last:
            return None
        boxes, logits = last.index(4), last.index(cls._CLASSES)
        if outputs[boxes][1] != outputs[logits][1]:
            return None
        return cls(height=height, width=width, boxes=boxes, logits=logits)

    def prepare(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "1 3 height width"]:
        """The picture, resized and normalised."""
        import cv2

        pixels = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        mean, std = (np.array(value, np.float32) for value in (self._MEAN, self._STD))
        values = (pixels / 255 - mean) / std
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None])

    def people(
        self, said: Sequence[np.ndarray], height: int, width: int, min_score: float
    ) -> tuple[Float64[np.ndarray, "person 4"], Float64[np.ndarray, "person"]]:
        """Boxes and scores of all queries."""
        from scipy.special import expit

        scores = expit(said[self.logits][0, :, self._PERSON])
        return corners(said[self.boxes][0]) * [width, height, width, height], scores


LAYOUTS: dict[str, type[Yolox] | type[RfDetr]] = {"yolox": Yolox, "rf-detr": RfDetr}


def _cells(height: int, width: int, stride: int) -> Float64[np.ndarray, "cell 3"]:
    """x, y and stride of each cell of a grid, row by row."""
    y, x = np.divmod(np.arange(height * width), max(width, 1))
    return np.stack([x, y, np.full(len(x), stride)], 1).astype(np.float64)


def _apart(boxes: Float64[np.ndarray, "person 4"], scores: Float64[np.ndarray, "person"], most: float) -> np.ndarray:
    """Indices of the boxes that overlap no surer one that is kept by more than `most` (non-maximum suppression)."""
    import cv2

    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    kept = cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), 0.0, most) if len(boxes) else ()
    return np.asarray(kept, np.intp).reshape(-1)
