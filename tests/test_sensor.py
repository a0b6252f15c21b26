"""The sensor: nothing moves, every effect can be switched off, the same numbers give the same bytes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien.synth.sensor import Sensor, accumulate, develop, encode_jpeg

OFF = Sensor(
    automatic=0.0, exposure=0.0, contrast=0.0, saturation=0.0, tint=0.0, vignette=(0.0, 0.0), blur=(0.0, 0.0),
    sharpen=0.0, noise=(0.0, 0.0), twice=0.0, quality=(95, 95),
)  # fmt: skip


def picture(seed: int = 0, height: int = 96, width: int = 130) -> np.ndarray:
    """Something with edges and all levels up to the sensor's shoulder."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 200, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def run(sensor: Sensor, seed: int = 1) -> np.ndarray:
    return develop(picture(), sensor, np.random.default_rng(seed))


def test_with_everything_off_nothing_happens() -> None:
    assert np.abs(run(OFF).astype(int) - picture()).max() <= 1
    decoded = cv2.imdecode(np.frombuffer(encode_jpeg(picture(), OFF, np.random.default_rng(0)), np.uint8), 1)
    assert decoded is not None
    assert np.abs(decoded[:, :, ::-1].astype(float) - picture()).mean() < 5


def test_same_numbers_same_bytes() -> None:
    sensor = Sensor(shake=0.5, grey=0.2, twice=0.5)
    for seed in range(6):
        a, b = (run(sensor, seed) for _ in range(2))
        assert np.array_equal(a, b)
        assert encode_jpeg(a, sensor, np.random.default_rng(seed)) == encode_jpeg(
            b, sensor, np.random.default_rng(seed)
        )
    assert not np.array_equal(run(sensor, 0), run(sensor, 1))


@pytest.mark.parametrize(
    "effect",
    [
        {"automatic": 1.0}, {"exposure": 0.5}, {"dark": 1.0}, {"contrast": 0.3}, {"saturation": 0.5}, {"tint": 0.2},
        {"vignette": (0.4, 0.5)}, {"blur": (8.0, 9.0)}, {"shake": 1.0, "shake_length": (40.0, 60.0)}, {"sharpen": 1.0},
        {"noise": (4.0, 5.0)}, {"grey": 1.0},
    ],
)  # fmt: skip
def test_every_effect_does_something(effect: dict) -> None:
    assert np.abs(run(replace(OFF, **effect)).astype(int) - picture()).mean() > 0.5


def test_grey_pictures_have_no_colour() -> None:
    seen = run(replace(OFF, grey=1.0)).astype(int)
    assert np.abs(seen - seen[..., :1]).max() <= 1


def test_stops_are_stops() -> None:
    """One stop less is half the light, which the display's curve shows as 2 ** (1 / 2.2) less."""
    ratio = run(replace(OFF, dark=1.0)).astype(float).mean() / picture().mean()
    assert ratio == pytest.approx(0.5 ** (1 / 2.2), abs=0.01)


def test_the_meter_lifts_the_dark_and_lowers_the_bright() -> None:
    levels = {}
    for level in (30, 115, 230):
        flat = np.full((64, 64, 3), level, np.uint8)
        levels[level] = float(develop(flat, replace(OFF, automatic=0.6), np.random.default_rng(0)).mean())
    assert 50 < levels[30] < 115 and abs(levels[115] - 115) < 2 and 115 < levels[230] < 215


def test_noise_has_the_asked_deviation_and_grows_with_light() -> None:
    sensor, spread = replace(OFF, noise=(6.0, 6.0)), []
    for level in (30, 115, 180):
        seen = develop(np.full((256, 256, 3), level, np.uint8), sensor, np.random.default_rng(3))
        spread.append(float(seen.astype(float).std()))
    assert spread[1] == pytest.approx(6.0, rel=0.05) and spread[0] < spread[1] < spread[2]


@pytest.mark.parametrize("effect", [{"blur": (3.0, 6.0)}, {"shake": 1.0}, {"sharpen": 1.0}])
def test_blur_does_not_move_anything(effect: dict) -> None:
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[48:53, 38:43] = 200
    for seed in range(5):
        seen = develop(dot, replace(OFF, **effect), np.random.default_rng(seed)).astype(float).sum(-1)
        y, x = (np.arange(101) @ seen.sum(axis) / seen.sum() for axis in (1, 0))
        assert abs(x - 40) < 0.3 and abs(y - 50) < 0.3


def test_an_open_shutter_sees_the_mean() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(7)]
    assert np.abs(accumulate(frames) - np.mean(frames, axis=0)).max() <= 0.5
    assert np.array_equal(accumulate(frames[:1]), frames[0])


@pytest.mark.parametrize("size", [(64, 64), (700, 530)])
def test_any_size(size: tuple[int, int]) -> None:
    source = picture(0, *size)
    seen = develop(source, Sensor(shake=0.5), np.random.default_rng(0))
    assert seen.shape == source.shape and seen.dtype == np.uint8
