"""What happens to the pixels of a crop after it was cut: colour, light, somebody in front, blur, compression.

None of it moves a pixel, so no label changes. Everything works on the crop alone, which is small.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.data.augment import Draws

__all__ = ["apply_effects", "colour", "paste", "silhouette"]

_LIMBS = (
    (8, 10), (10, 12), (9, 11), (11, 13), (1, 3), (3, 5), (2, 4), (4, 6), (5, 14), (6, 17), (12, 33), (13, 53),
)  # fmt: skip
"""Pairs of the 137 joints: arms, legs, feet, hands."""
_TORSO, _HEAD = (8, 9, 2, 1), (20, 21, 22, 23, 24)
"""Shoulders and hips in order around the trunk; ears, eyes, nose."""


def colour(
    crop: UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"], gain: Float[np.ndarray, "3"]
) -> UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"]:
    """Each channel times its gain, kept within 0 to 255."""
    if (gain == 1).all():
        return crop
    if crop.dtype == np.uint8:
        table = np.clip(np.rint(np.arange(256)[:, None] * gain), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(crop, table[None]), dtype=np.uint8)
    return np.clip(crop * gain, 0, 255).astype(np.float32)


def apply_effects(crop: UInt8[np.ndarray, "h w 3"], row: int, draws: Draws) -> UInt8[np.ndarray, "h w 3"]:
    """What covers or spoils the picture, in the order in which the world does it."""
    random = np.random.Generator(np.random.Philox(key=int(draws.key[row])))
    if draws.cutout[row, 2] > 0:
        crop = _cover(crop, draws.cutout[row], random)
    if draws.dark[row] < 1:
        crop = _darken(crop, float(draws.dark[row]), random)
    if draws.blur[row, 0] > 0:
        crop = _blur(crop, float(draws.blur[row, 0]), float(draws.blur[row, 1]))
    if draws.jpeg[row] > 0:
        crop = _compress(crop, int(draws.jpeg[row]))
    return crop


def paste(
    crop: UInt8[np.ndarray, "h w 3"],
    other: UInt8[np.ndarray, "h w 3"],
    mask: Float32[np.ndarray, "h w"],
    where: Float[np.ndarray, "4"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Somebody else in front.

    Args:
        crop: the picture.
        other: the other one's crop, of the same size.
        mask: 1 where that person is in it.
        where: x and y of its middle in shares of the crop, and its size; as in `Draws.person`.
    """
    height, width = crop.shape[:2]
    x, y, size, _ = (float(value) for value in where)
    affine = np.array([[size, 0, (x - size / 2) * width], [0, size, (y - size / 2) * height]])
    moved = cv2.warpAffine(other, affine, (width, height), flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(mask, affine, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    return np.rint(crop + alpha * (moved.astype(np.float32) - crop)).astype(np.uint8)


def silhouette(
    joints: Float[np.ndarray, "137 2"], weight: Float[np.ndarray, "137"], size: tuple[int, int]
) -> Float32[np.ndarray, "h w"] | None:
    """About where a person is, from joints in pixels of the 512 x 384 patch: limbs as thick as limbs are.

    Returns:
        0 to 1, of `size` (height, width); None if shoulders and hips are not all known.
    """
    if not (weight[list(_TORSO)] > 0).all():
        return None
    scale = size[0] / 512
    points = np.clip(joints * scale, -4096, 4096)
    trunk = points[list(_TORSO)]
    length = float(np.linalg.norm(trunk[:2].mean(0) - trunk[2:].mean(0)))
    thick = max(2, round(0.32 * length))
    mask = np.zeros(size, dtype=np.uint8)
    outline = np.rint(trunk).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255)
    cv2.polylines(mask, [outline], True, 255, thick)
    for start, end in _LIMBS:
        if weight[start] > 0 and weight[end] > 0:
            ends = [tuple(int(value) for value in np.rint(points[joint])) for joint in (start, end)]
            cv2.line(mask, ends[0], ends[1], 255, thick)
    head = [joint for joint in _HEAD if weight[joint] > 0]
    if head:
        middle = np.rint(points[head].mean(0)).astype(int)
        cv2.circle(mask, (int(middle[0]), int(middle[1])), max(2, round(0.3 * length)), 255, -1)
    return cv2.GaussianBlur(mask, (5, 5), 0).astype(np.float32) / 255


def _cover(
    crop: UInt8[np.ndarray, "h w 3"], where: Float[np.ndarray, "4"], random: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """A rectangle of one colour, or of noise."""
    height, width = crop.shape[:2]
    x, y, w, h = (round(float(share) * side) for share, side in zip(where, (width, height, width, height), strict=True))
    covered = crop.copy()
    patch = covered[y : y + h, x : x + w]
    plain = random.random() < 0.5
    patch[:] = random.integers(0, 256, 3 if plain else patch.shape, dtype=np.uint8)
    return covered


def _darken(crop: UInt8[np.ndarray, "h w 3"], light: float, random: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Less light, and the sensor's noise, which does not get less with it."""
    noise = random.standard_normal(crop.shape, dtype=np.float32)
    noise *= 4 + 6 * (1 - light)
    return np.clip(np.rint(crop * np.float32(light) + noise), 0, 255).astype(np.uint8)


def _blur(crop: UInt8[np.ndarray, "h w 3"], length: float, direction: float) -> UInt8[np.ndarray, "h w 3"]:
    """Out of focus if the direction is below 0, else a movement in that direction."""
    pixels = length * crop.shape[0]
    if direction < 0:
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), max(0.5, pixels / 4)), dtype=np.uint8)
    reach = max(1, round(pixels / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    end = np.array([np.cos(direction), np.sin(direction)]) * reach
    first, second = np.rint(reach - end).astype(int), np.rint(reach + end).astype(int)
    cv2.line(kernel, (int(first[0]), int(first[1])), (int(second[0]), int(second[1])), 1.0)
    return np.asarray(cv2.filter2D(crop, -1, kernel / kernel.sum()), dtype=np.uint8)


def _compress(crop: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
