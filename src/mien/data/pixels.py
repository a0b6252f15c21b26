"""The pixels of a training crop, straight from the encoded picture: decode no more than is seen, warp once.

A person in a film frame is some 600 pixels high, the crop 256. A JPEG can be decoded at a half, a quarter or an eighth
of its size, which costs less and leaves no more pixels than the crop can use; the picture's size then goes into the one
affine map that makes the crop.

Labels of datasets belong to the pixels as they are stored: unlike `mien.pictures`, nothing here turns a picture by its
EXIF orientation. So did the published training; people in turned pictures are turned, and so are their labels.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.errors import InputError, PictureError
from mien.geometry.crop import PATCH_HEIGHT, PATCH_WIDTH, Crop
from mien.pictures import MAX_PIXELS, header_of, jpeg_ends, quiet, whole_png

__all__ = ["Sampling", "cut", "decode", "stored_size"]

_SCALED = {1: 0, 2: 16, 4: 32, 8: 64}
"""OpenCV's flag for each reduction, to be joined with a colour flag."""
_TODO = "copy or download it again, or leave it out"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the pixels of a crop are taken from its picture."""

    size: tuple[int, int] = (256, 192)
    """Height and width, which divide those of the 512 x 384 patch."""
    exact: bool = False
    """Decode the whole picture and give float pixels: those that the published networks were trained with."""
    antialias: bool = False
    """Average over the area of each pixel of the crop instead of looking at its middle; for new networks."""

    def __post_init__(self) -> None:
        height, width = self.size
        if min(self.size) < 1 or PATCH_HEIGHT % height or PATCH_WIDTH % width:
            found = f"crops of {height} x {width} (height x width)"
            raise InputError(found, expected=f"sides that divide {PATCH_HEIGHT} and {PATCH_WIDTH}")
        if self.exact and self.antialias:
            raise InputError("exact and antialias", expected="one of them: the published crops are not smoothed")


def stored_size(data: bytes, name: str) -> tuple[int, int]:
    """Height and width of an encoded picture, as it is stored.

    Args:
        data: the file.
        name: how messages speak of it.

    Raises:
        PictureError: it is no picture, says no size, or is above `MAX_PIXELS`.
    """
    try:
        kind, (width, height) = header_of(data)
    except (struct.error, IndexError):
        kind, width, height = "?", 0, 0
    if kind == "" or width <= 0 or height <= 0:
        raise PictureError(f"{name} is no picture or is damaged (it begins with {data[:8]!r})", todo=_TODO)
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name} is {width} x {height}", expected=f"at most {MAX_PIXELS} pixels", todo="leave it out"
        )
    return height, width


def decode(data: bytes, name: str, reduction: int = 1) -> UInt8[np.ndarray, "h w 3"]:
    """An encoded picture as RGB, in the orientation in which it is stored.

    Args:
        data: the file.
        name: how messages speak of it.
        reduction: 1, 2, 4 or 8, the last three for JPEG only: a pixel of the result is the mean of so many squared.

    Raises:
        PictureError: it is cut short, damaged, or no picture.
    """
    if data[:2] == b"\xff\xd8" and data[-2:] != b"\xff\xd9" and not jpeg_ends(data):
        raise PictureError(f"{name} is cut short: a JPEG without an end", todo=_TODO)
    if data[:4] == b"\x89PNG":
        data = whole_png(Path(name), data)
    flags = cv2.IMREAD_COLOR_RGB | _SCALED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with quiet():
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"{name} cannot be decoded: {type(error).__name__}", todo=_TODO) from error
    if picture is None:
        raise PictureError(f"{name} is cut short, damaged, or of a rare kind", todo=_TODO)
    return np.asarray(picture, dtype=np.uint8)


def cut(
    data: bytes, name: str, crop: Crop, sampling: Sampling
) -> UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"]:
    """The pixels of a crop, 0 to 255, black outside the picture: uint8, or float32 if they are to be exact.

    Raises:
        PictureError: the picture is cut short, damaged, or no picture.
    """
    if sampling.exact:
        return crop.extract(decode(data, name), sampling.size)
    affine = _from_stored(crop, sampling.size)
    finest = float(np.linalg.norm(affine[:, :2], axis=0).min())
    wanted = max(step for step in _SCALED if step <= max(1.0, finest))
    reduction = wanted if data[:2] == b"\xff\xd8" else 1
    picture = decode(data, name, reduction)
    affine = _scaled(affine, reduction)
    if sampling.antialias:
        return _smooth(picture, affine, sampling.size, wanted // reduction)
    return _warp(picture, affine, sampling.size)


def _from_stored(crop: Crop, size: tuple[int, int]) -> Float[np.ndarray, "2 3"]:
    """Pixels of the stored picture from pixels of the crop; a mirror is part of the map."""
    affine = crop.image_from_patch
    affine[:, :2] *= (PATCH_WIDTH // size[1], PATCH_HEIGHT // size[0])
    if crop.mirror is not None:
        affine[0] *= -1
        affine[0, 2] += crop.mirror - 1
    return affine


def _scaled(affine: Float[np.ndarray, "2 3"], reduction: int) -> Float[np.ndarray, "2 3"]:
    """The same map into a picture reduced by averaging: the middle of its pixel j is at r j + (r - 1) / 2."""
    scaled = affine / reduction
    scaled[:, 2] += 0.5 / reduction - 0.5
    return scaled


def _warp(
    picture: UInt8[np.ndarray, "height width 3"], affine: Float[np.ndarray, "2 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, affine, (size[1], size[0]), flags=flags), dtype=np.uint8)


def _smooth(
    picture: UInt8[np.ndarray, "height width 3"], affine: Float[np.ndarray, "2 3"], size: tuple[int, int], shrink: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Two by two samples for each pixel, of a picture shrunk so far that they leave nothing between them."""
    if shrink > 1:
        height, width = (side // shrink for side in picture.shape[:2])
        whole = picture[: height * shrink, : width * shrink]
        picture = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        affine = _scaled(affine, shrink)
    finer = affine.copy()
    finer[:, :2] /= 2
    finer[:, 2] -= finer[:, :2].sum(1) / 2
    twice = _warp(picture, finer, (2 * size[0], 2 * size[1]))
    return np.asarray(cv2.resize(twice, (size[1], size[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)
