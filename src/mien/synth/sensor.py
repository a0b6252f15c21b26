"""From the clean picture to a photograph: exposure, colour, blur, noise, and what JPEG leaves of it.

Nothing here moves a pixel, so labels stay exact. All chance comes from the caller's generator; the same numbers give
the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import no_type_check

import cv2
import numba
import numpy as np
from jaxtyping import Float32, Int8, UInt8

from mien.synth.random import check_numbers, check_ranges

__all__ = ["Sensor", "accumulate", "develop", "encode_jpeg"]

_TILE = 512
"""Side of the tile that noise is taken from."""
_WHITE = 255.0
_MIDDLE = 0.45
"""What the exposure meter wants a picture to be on average."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A kind of camera; ranges are uniform, deviations normal, shares of pictures. 0 switches an effect off."""

    automatic: float = 0.6
    """How far the camera corrects a picture that is darker or brighter than middle grey as a whole: 0 not, 1 fully."""
    exposure: float = 0.25
    """Deviation, stops."""
    dark: float = 0.0
    """Stops by which all pictures are too dark."""
    contrast: float = 0.1
    """Deviation of the factor about middle grey."""
    saturation: float = 0.12
    """Deviation of the factor."""
    tint: float = 0.03
    """Deviation of the gain of red and of blue: the white balance that is off."""
    vignette: tuple[float, float] = (0.0, 0.15)
    """By how much the corners are darker."""
    blur: tuple[float, float] = (0.0, 0.6)
    """Gaussian, standard deviation in thousandths of the picture's width."""
    shake: float = 0.0
    """Share of pictures that a moving camera smears."""
    shake_length: tuple[float, float] = (4.0, 16.0)
    """Thousandths of the picture's width."""
    sharpen: float = 0.3
    """Share of pictures that the camera has sharpened."""
    noise: tuple[float, float] = (0.2, 1.6)
    """Standard deviation at middle grey, in 255ths; shadows have two thirds of it, and it grows with the light."""
    grey: float = 0.0
    """Share of pictures without colour."""
    quality: tuple[int, int] = (80, 95)
    """Of the JPEG."""
    twice: float = 0.1
    """Share of pictures that were compressed before, some of them at a smaller size."""
    twice_quality: tuple[int, int] = (35, 75)

    def __post_init__(self) -> None:
        check_numbers(self, "automatic shake sharpen grey twice", 0, 1)
        check_numbers(self, "exposure contrast saturation tint", 0, 10)
        check_numbers(self, "dark", -10, 10)
        check_ranges(self, "vignette", 0, 1)
        check_ranges(self, "blur", 0, 100)
        check_ranges(self, "shake_length", 0, 500)
        check_ranges(self, "noise", 0, 255)
        check_ranges(self, "quality twice_quality", 0, 100, whole=True)


def develop(
    picture: UInt8[np.ndarray, "h w 3"], sensor: Sensor, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as the sensor gives it."""
    height, width = picture.shape[:2]
    seen = _blurred(picture, sensor, rng)
    curves, colours = _curves(seen, sensor, rng), _colours(sensor, rng)
    sigma, corner = np.float32(rng.uniform(*sensor.noise)), np.float32(rng.uniform(*sensor.vignette))
    top, left = (int(rng.integers(_TILE)) for _ in range(2))
    result = np.empty((height, width, 3), dtype=np.uint8)
    _expose(seen, curves, colours, corner, sigma, _noise_field(), top, left, result)
    return result


def encode_jpeg(picture: UInt8[np.ndarray, "h w 3"], sensor: Sensor, rng: np.random.Generator) -> bytes:
    """The file's bytes; some pictures went through a worse file before."""
    again, low, small = rng.random(), rng.integers(*sensor.twice_quality, endpoint=True), rng.uniform(0.5, 1.0)
    if again < sensor.twice:
        picture = _reloaded(picture, int(low), small if again < sensor.twice / 2 else 1.0)
    quality = int(rng.integers(*sensor.quality, endpoint=True))
    return _jpeg(picture, quality)


def accumulate(frames: list[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """What a shutter sees that stays open over all frames: their mean, rounded."""
    total = np.zeros(frames[0].shape, dtype=np.uint16)
    for frame in frames:
        cv2.add(total, frame, total, dtype=cv2.CV_16U)
    return cv2.convertScaleAbs(total, alpha=1 / len(frames))


def _curves(seen: UInt8[np.ndarray, "h w 3"], sensor: Sensor, rng: np.random.Generator) -> Float32[np.ndarray, "256 3"]:
    """Exposure, contrast and white balance as one table a channel, with a soft shoulder at white."""
    metered = max(0.02, float(seen[::8, ::8].mean()) / _WHITE)
    corrected = np.clip((_MIDDLE / metered) ** (2.2 * sensor.automatic), 0.5, 6.0)
    gain = corrected * 2.0 ** (sensor.exposure * rng.normal() - sensor.dark)
    factor = max(0.4, 1 + sensor.contrast * rng.normal())
    tint = np.exp(sensor.tint * rng.normal(size=2))
    light = (np.arange(256) / _WHITE)[:, None] ** 2.2 * gain * np.array([tint[0], 1.0, tint[1]])
    shown = np.where(light < 0.8, light, 1 - 0.2 * np.exp((0.8 - light) / 0.2)) ** (1 / 2.2)
    shown = (shown - 0.45) * factor + 0.45
    return np.clip(shown * _WHITE, 0, 255).astype(np.float32)


def _blurred(
    picture: UInt8[np.ndarray, "h w 3"], sensor: Sensor, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Out of focus, smeared by the hand, or sharpened; never two of these."""
    width = picture.shape[1]
    kind, sigma = rng.random(), rng.uniform(*sensor.blur) * width / 1000
    length, angle = rng.uniform(*sensor.shake_length) * width / 1000, rng.uniform(0, math.pi)
    if kind < sensor.shake:
        return cv2.filter2D(picture, -1, _line(length, angle), borderType=cv2.BORDER_REFLECT_101)
    if kind < sensor.shake + sensor.sharpen:
        return cv2.filter2D(picture, -1, _SHARPEN, borderType=cv2.BORDER_REFLECT_101)
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0.25 else picture


_SHARPEN = np.array([[-0.06, -0.12, -0.06], [-0.12, 1.72, -0.12], [-0.06, -0.12, -0.06]], dtype=np.float32)


def _line(length: float, angle: float) -> Float32[np.ndarray, "side side"]:
    """A kernel that smears along a line, drawn smoothly."""
    half = max(1, math.ceil(length / 2))
    steps = np.linspace(-length / 2, length / 2, 4 * half + 1)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    x, y = half + steps * math.cos(angle), half + steps * math.sin(angle)
    for dy in (0, 1):
        for dx in (0, 1):
            column, row = np.floor(x).astype(int) + dx, np.floor(y).astype(int) + dy
            share = (1 - np.abs(x - column)) * (1 - np.abs(y - row))
            inside = (column <= 2 * half) & (row <= 2 * half)
            np.add.at(kernel, (row[inside], column[inside]), share[inside].astype(np.float32))
    return kernel / kernel.sum()


def _colours(sensor: Sensor, rng: np.random.Generator) -> Float32[np.ndarray, "3 3"]:
    """Stronger or weaker colours: a mix of the picture with its own grey."""
    colourless, factor = rng.random() < sensor.grey, 1 + sensor.saturation * rng.normal()
    keep = 0.0 if colourless else max(0.2, factor)
    return (keep * np.eye(3) + (1 - keep) * np.array([0.299, 0.587, 0.114])).astype(np.float32)


@cache
def _noise_field() -> Int8[np.ndarray, "3 side side"]:
    """Normal numbers in steps of 1/32, with channels that go together half."""
    rng = np.random.default_rng(20)
    shared, own = rng.normal(size=(1, _TILE, _TILE)), rng.normal(size=(3, _TILE, _TILE))
    return np.clip(np.rint(32 * (0.7 * shared + 0.71 * own)), -127, 127).astype(np.int8)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
@no_type_check
def _expose(seen, curves, colours, corner, sigma, noise, top, left, result):
    """Tone curves, colours, vignette and noise in one pass: every byte is read and written once.

    Row by row and channel by channel, so that several pixels are worked out at once.
    """
    height, width, side = seen.shape[0], seen.shape[1], noise.shape[1]
    low, high, half, one = np.float32(0), np.float32(255), np.float32(0.5), np.float32(1)
    dark, bright = sigma * sigma * np.float32(4 / 9 / 1024), sigma * sigma * np.float32(5 / 9 / 1024 / 115)
    light, fall = np.empty((3, width), dtype=np.float32), np.empty(width, dtype=np.float32)
    grain, shown = np.empty(width, dtype=np.float32), np.empty((3, width), dtype=np.uint8)
    for y in range(height):
        dy, row = np.float32(2 * y + 1) / np.float32(height) - one, (top + y) % side
        for x in range(width):
            dx = np.float32(2 * x + 1) / np.float32(width) - one
            far = (dx * dx + dy * dy) * half
            fall[x] = one - corner * far * (half + half * far)
            light[0, x], light[1, x] = curves[seen[y, x, 0], 0], curves[seen[y, x, 1], 1]
            light[2, x] = curves[seen[y, x, 2], 2]
        for c in range(3):
            first, start = 0, left
            while first < width:
                count = min(width - first, side - start)
                for x in range(count):
                    grain[first + x] = np.float32(noise[c, row, start + x])
                first, start = first + count, 0
            red, green, blue = colours[c, 0], colours[c, 1], colours[c, 2]
            for x in range(width):
                value = (red * light[0, x] + green * light[1, x] + blue * light[2, x]) * fall[x]
                value = min(max(value, low), high)
                value += np.float32(math.sqrt(dark + bright * value)) * grain[x]
                shown[c, x] = np.uint8(np.int32(min(max(value, low), high) + half))
        for x in range(width):
            result[y, x, 0], result[y, x, 1], result[y, x, 2] = shown[0, x], shown[1, x], shown[2, x]


def _reloaded(picture: UInt8[np.ndarray, "h w 3"], quality: int, scale: float) -> UInt8[np.ndarray, "h w 3"]:
    height, width = picture.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    back = cv2.imdecode(np.frombuffer(_jpeg(small, quality), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back is not None
    back = back.astype(np.uint8, copy=False)
    return cv2.resize(back, (width, height), interpolation=cv2.INTER_LINEAR) if scale < 1 else back


def _jpeg(picture: UInt8[np.ndarray, "h w 3"], quality: int) -> bytes:
    found, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert found
    return data.tobytes()
