"""The crop: the one map between picture pixels and the patch a network looks at, both ways.

The patch is 384 x 512 pixels. A network with input 192 x 256 sees every second pixel of it in both directions: that is
how the published weights were trained, so only those pixels are ever computed, from the rows and columns they need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, Num
from numpy import ndarray

__all__ = ["PATCH_HEIGHT", "PATCH_WIDTH", "Crop"]

PATCH_HEIGHT, PATCH_WIDTH = 512, 384


@dataclass(frozen=True, kw_only=True)
class Crop:
    """An affine map from a picture to a patch. With `mirror`, the picture is mirrored left to right first."""

    box: Float32[ndarray, "4"]
    """x, y, w, h in picture pixels, 3:4."""
    patch_from_image: Float32[ndarray, "2 3"]
    """p_patch = patch_from_image @ (x, y, 1), where x is mirrored already if `mirror` is set."""
    mirror: int | None = None
    """Width of the picture if it is mirrored, else None."""

    @classmethod
    def around(
        cls,
        box: Float[ndarray, "4"],
        *,
        scale: float = 1.0,
        rotation: float = 0.0,
        mirror: int | None = None,
    ) -> Crop:
        """The crop of a padded box.

        Args:
            box: x, y, w, h in picture pixels.
            scale: grows the box about its centre.
            rotation: radians, clockwise as seen (y points down).
            mirror: the picture's width, to mirror it left to right.
        """
        # single precision in this order, as the published network was trained: the crops agree to the bit
        x, y, w, h = np.asarray(box, dtype=np.float32)
        half = np.float32(0.5)
        centre_x, centre_y = float(x + half * w), float(y + half * h)
        if mirror is not None:
            centre_x = mirror - centre_x - 1
        sine, cosine = math.sin(rotation), math.cos(rotation)
        half_w, half_h = float(np.float32(float(w) * scale * 0.5)), float(np.float32(float(h) * scale * 0.5))
        down, right = [-sine * half_h, cosine * half_h], [cosine * half_w, sine * half_w]
        centre = np.array([centre_x, centre_y], dtype=np.float32)
        arms = np.array([[0.0, 0.0], down, right], dtype=np.float32)
        middle_x, middle_y = PATCH_WIDTH / 2, PATCH_HEIGHT / 2
        target = np.array([[middle_x, middle_y], [middle_x, PATCH_HEIGHT], [PATCH_WIDTH, middle_y]], dtype=np.float32)
        affine = cv2.getAffineTransform(centre + arms, target).astype(np.float32)
        return cls(box=np.asarray(box, dtype=np.float32), patch_from_image=affine, mirror=mirror)

    @property
    def image_from_patch(self) -> Float[ndarray, "2 3"]:
        """The inverse map (to the mirrored picture, if `mirror` is set), in double precision.

        Operation by operation what OpenCV does before it warps, so that both warp to the same bits.
        """
        (a, b, c), (d, e, f) = self.patch_from_image.astype(np.float64)
        inverse = 1 / (a * e - b * d)
        a, b, d, e = e * inverse, b * -inverse, d * -inverse, a * inverse
        return np.array([[a, b, -a * c - b * f], [d, e, -d * c - e * f]])

    def to_patch(self, points: Float[ndarray, "*batch 2"]) -> Float[ndarray, "*batch 2"]:
        """Picture pixels to patch pixels (384 x 512)."""
        return self._mirrored(points) @ self.patch_from_image[:, :2].T + self.patch_from_image[:, 2]

    def to_image(self, points: Float[ndarray, "*batch 2"]) -> Float[ndarray, "*batch 2"]:
        """Patch pixels to picture pixels: the inverse of `to_patch`."""
        affine = self.image_from_patch
        return self._mirrored(points @ affine[:, :2].T + affine[:, 2])

    def extract(
        self, picture: Num[ndarray, "height width 3"], size: tuple[int, int] = (256, 192)
    ) -> Float32[ndarray, "h w 3"]:
        """The pixels a network of input `size` (h, w) sees: bilinear, 0 outside the picture, in the picture's range.

        Equal, bit for bit, to warping the whole float picture to 512 x 384 and keeping every (512 / h)-th pixel.

        Args:
            picture: RGB of any number type; uint8 is converted only where the crop looks.
            size: height and width of the result; divides the patch.
        """
        affine = self.image_from_patch
        affine[:, :2] *= (PATCH_WIDTH // size[1], PATCH_HEIGHT // size[0])
        source = self._float_region(picture, affine, size)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(source, affine, (size[1], size[0]), flags=flags)
        return np.asarray(patch, dtype=np.float32)

    def _mirrored(self, points: Float[ndarray, "*batch 2"]) -> Float[ndarray, "*batch 2"]:
        if self.mirror is None:
            return points
        return np.stack([self.mirror - 1 - points[..., 0], points[..., 1]], -1)

    def _float_region(
        self, picture: Num[ndarray, "height width 3"], affine: Float[ndarray, "2 3"], size: tuple[int, int]
    ) -> Float32[ndarray, "height width 3"]:
        """A float picture of full size that holds numbers only where the crop looks.

        It keeps the picture's own coordinates, since shifting them would change the last bits; pages of memory that
        nobody writes or reads cost nothing.
        """
        if picture.dtype == np.float32 and self.mirror is None:
            return picture
        height, width = picture.shape[:2]
        corners = np.array([[0, 0, 1], [size[1] - 1, 0, 1], [0, size[0] - 1, 1], [size[1] - 1, size[0] - 1, 1]])
        reach = corners @ affine.T
        low = np.clip(np.floor(reach.min(0)).astype(np.int64) - 1, 0, [width, height])
        high = np.clip(np.floor(reach.max(0)).astype(np.int64) + 3, 0, [width, height])
        columns = slice(low[0], high[0])
        rows = _rows_seen(affine, size, int(low[1]), int(high[1]))
        upright = picture if self.mirror is None else picture[:, ::-1]
        region = np.empty(picture.shape, dtype=np.float32)
        region[rows, columns] = upright[rows, columns]
        return region


def _rows_seen(
    affine: Float[ndarray, "2 3"], size: tuple[int, int], first: int, last: int
) -> slice | Int[ndarray, "row"]:
    """The rows of a picture that a crop reads: all of a range, or single rows where the crop skips more than half.

    Args:
        affine: picture pixels from pixels of the result.
        size: height and width of the result.
        first: row of the range.
        last: end of the range, exclusive.
    """
    if last - first < 8 * size[0]:
        return slice(first, last)
    start = affine[1, 1] * np.arange(size[0]) + affine[1, 2]
    end = start + affine[1, 0] * (size[1] - 1)
    low, high = np.floor(np.minimum(start, end)) - 1, np.floor(np.maximum(start, end)) + 3
    steps = np.zeros(last - first + 1, dtype=np.int64)
    np.add.at(steps, np.clip(low.astype(np.int64) - first, 0, last - first), 1)
    np.add.at(steps, np.clip(high.astype(np.int64) - first, 0, last - first), -1)
    return first + np.flatnonzero(np.cumsum(steps)[:-1])
