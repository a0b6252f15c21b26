"""What all networks that find people share: how pictures are prepared, and how what they say becomes people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from mien.detect.base import Detections
from mien.errors import InputError
from mien.files import read_json

__all__ = ["MIN_SCORE", "PREPARATION_FILE", "Preparation", "corners", "surest_first"]

MIN_SCORE = 0.5
PREPARATION_FILE = "preprocessor_config.json"
_LARGEST = 8192
"""Pixels of a side, as networks see pictures."""
_SQUARE = ("d_fine", "rt_detr", "rt_detr_v2")
"""Model types that are all published for 640 x 640, values from 0 to 1; used where the preparation file is missing."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a picture becomes what the network was trained on."""

    height: int = 640
    width: int = 640
    """Pixels; used when `shortest` is None."""
    shortest: int | None = None
    """Keep the aspect, with the shorter side this long, pixels..."""
    longest: int | None = None
    """... but no side longer than this."""
    bicubic: bool = False
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    @classmethod
    def read(cls, folder: Path, model_type: str) -> Preparation:
        """From a checkpoint's `preprocessor_config.json`.

        Raises:
            InputError: it asks for something that is not done here, or is missing for an unusual model type.
        """
        path = folder / PREPARATION_FILE
        if not path.is_file() and model_type in _SQUARE:
            return cls()
        expected = "size, resample, rescale and normalize values"
        todo = "export it with the checkpoint, or choose a D-FINE or RT-DETRv2 detector"
        try:
            return cls._parse(read_json(path))
        except InputError as error:  # it is missing, too large, or no file
            raise InputError(error.found, expected=expected, todo=todo) from error
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            what = f"cannot use {path}: {type(error).__name__} {error}"
            raise InputError(what, expected=expected, todo=todo) from error

    @classmethod
    def _parse(cls, raw: dict[str, Any]) -> Preparation:
        size, resample = raw["size"], raw.get("resample", 2)
        if resample not in (2, 3):
            raise ValueError(f"resample is {resample}; only 2 (bilinear) and 3 (bicubic) are known")
        if not raw.get("do_resize", True) or (raw.get("do_pad") and raw.get("pad_size")):
            raise ValueError("pictures that are not resized, or are padded to one size, are not supported")
        shortest = size.get("shortest_edge")
        normalize = raw.get("do_normalize", False)
        sides = [
            value for value in (shortest, size.get("longest_edge"), size.get("height"), size.get("width")) if value
        ]
        if not all(0 < int(value) <= _LARGEST for value in sides):
            raise ValueError(f"pictures of {sides} pixels, not 1 to {_LARGEST}")
        if normalize and not len(raw["image_mean"]) == len(raw["image_std"]) == 3:
            raise ValueError("mean and deviation are not those of three channels")
        return cls(
            height=0 if shortest else int(size["height"]),
            width=0 if shortest else int(size["width"]),
            shortest=shortest and int(shortest),
            longest=size.get("longest_edge") and int(size["longest_edge"]),
            bicubic=resample == 3,
            scale=float(raw.get("rescale_factor", 1 / 255)) if raw.get("do_rescale", True) else 1.0,
            mean=tuple(map(float, raw["image_mean"])) if normalize else cls.mean,
            std=tuple(map(float, raw["image_std"])) if normalize else cls.std,
        )

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, in pixels, at which the network sees a picture of this height and width."""
        if self.shortest is None:
            return self.height, self.width
        scale = self.shortest / min(height, width)
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __call__(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 height width"]:
        """The picture resized (smoothed before it is made smaller, as in training), scaled and normalised."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        mode = "bicubic" if self.bicubic else "bilinear"
        pixels = F.interpolate(pixels, self.size(*picture.shape[:2]), mode=mode, antialias=True).float()
        mean, std = (pixels.new_tensor(value).view(3, 1, 1) for value in (self.mean, self.std))
        return (pixels * self.scale - mean) / std


def corners(boxes: Float64[np.ndarray, "box 4"]) -> Float64[np.ndarray, "box 4"]:
    """(x, y, width, height) with x, y in the middle to (x1, y1, x2, y2)."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def surest_first(
    boxes: Float64[np.ndarray, "box 4"],
    scores: Float64[np.ndarray, "box"],
    min_score: float,
    width: int,
    height: int,
) -> Detections:
    """The boxes that are sure enough, clipped to the picture, in the order of their scores; none of a pixel or less.

    Args:
        boxes: x1, y1, x2, y2 in pixels of the picture.
        scores: 0 to 1.
        min_score: what is less sure is left out.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    boxes = np.clip(boxes, 0, [width, height, width, height])
    keep = (scores >= min_score) & (boxes[:, 2:] - boxes[:, :2] > 1).all(1)
    order = np.argsort(-scores[keep], kind="stable")
    return Detections(boxes=boxes[keep][order], scores=scores[keep][order])
