"""How a training sample may differ from its picture, and the dice for it.

The defaults are what the published networks were trained with: size, turn, mirror, colour. Everything after that is off
unless asked for. The dice are keyed by (seed, epoch, place in the epoch): a sample comes out the same whichever process
makes it, in whatever order, after however many restarts; and switching one effect on changes no other's dice.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from mien.data.order import key_of, keys_of, normals, uniforms
from mien.errors import InputError
from mien.geometry.boxes import CROP_RATIO

__all__ = ["LEFT_HAND", "RIGHT_HAND", "UPPER", "WHOLE", "Augment", "Draws", "draw", "draw_published"]

WHOLE, UPPER, LEFT_HAND, RIGHT_HAND = range(4)
"""What a crop is about: the person, what lies above the hips, a hand."""


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Ranges and chances. A chance of 0 switches its effect off; chances are 0 to 1."""

    ratio: float = CROP_RATIO
    """How much larger the crop is than the 3:4 box around the person."""
    scale: float = 0.25
    """One standard deviation of the crop's size, and the most that it differs, as a share."""
    rotation: float = math.radians(30)
    """One standard deviation of the turn, radians; at most twice that."""
    rotation_chance: float = 0.6
    flip_chance: float = 0.5
    gain: float = 0.2
    """The most by which a colour channel is made brighter or darker, as a share."""
    mirror_expression: bool = False
    """Mirror the expression of mirrored people."""
    shift: float = 0.0
    """The most by which the crop is moved, as a share of its sides, as a detector's box would be."""
    upper_chance: float = 0.0
    """Of a crop of what lies above the hips, where the joints are known."""
    hand_chance: float = 0.0
    """Of a crop around a hand, where its box or its joints are known."""
    close_chance: float = 0.0
    """Of a crop much smaller than the person, so that parts of it are cut off."""
    cutout_chance: float = 0.0
    """Of a rectangle painted over, up to half of each side."""
    person_chance: float = 0.0
    """Of somebody else in front, cut out of another sample."""
    blur_chance: float = 0.0
    """Of motion or focus blur."""
    jpeg_chance: float = 0.0
    """Of strong JPEG compression."""
    dark_chance: float = 0.0
    """Of low light: darker, with noise."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            limit = 1.0 if field.name.endswith("_chance") else math.inf
            if not 0 <= value <= limit:
                raise InputError(f"augmentation {field.name} = {value}", expected=f"a number from 0 to {limit:g}")
        if not (self.ratio > 0 and self.scale < 1 and self.gain < 1 and self.shift <= 0.5):
            found = f"augmentation with ratio {self.ratio}, scale {self.scale}, gain {self.gain}, shift {self.shift}"
            raise InputError(found, expected="a ratio above 0, scale and gain below 1, a shift of at most 0.5")
        if self.upper_chance + self.hand_chance > 1:
            found = f"upper_chance {self.upper_chance} and hand_chance {self.hand_chance}"
            raise InputError(found, expected="at most 1 together, since a crop is one or the other")

    @classmethod
    def none(cls, ratio: float = CROP_RATIO) -> Augment:
        """The plain crop, for evaluation."""
        return cls(ratio=ratio, scale=0.0, rotation=0.0, rotation_chance=0.0, flip_chance=0.0, gain=0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """What the dice said for each row of a batch."""

    scale: Float64[np.ndarray, "row"]
    """Multiplies the crop's sides."""
    rotation: Float64[np.ndarray, "row"]
    """Radians, clockwise as seen."""
    flip: Bool[np.ndarray, "row"]
    gain: Float64[np.ndarray, "row 3"]
    """Multiplies red, green and blue."""
    shift: Float64[np.ndarray, "row 2"]
    """Of the crop, in shares of its width and height."""
    focus: Int64[np.ndarray, "row"]
    """`WHOLE`, `UPPER`, `LEFT_HAND` or `RIGHT_HAND`."""
    cutout: Float64[np.ndarray, "row 4"]
    """x, y, width, height in shares of the crop; width 0 for none."""
    person: Float64[np.ndarray, "row 4"]
    """Somebody else's crop in front: x and y of its middle in shares of this one, its size (0 for none), and who it
    is: a place of the epoch, as a share of its length."""
    blur: Float64[np.ndarray, "row 2"]
    """Length in shares of the crop's height (0 for none), and direction in radians; below 0 it is out of focus."""
    jpeg: Float64[np.ndarray, "row"]
    """Quality, 1 to 100; 0 for none."""
    dark: Float64[np.ndarray, "row"]
    """How much light is left; 1 for all of it."""
    key: UInt64[np.ndarray, "row"]
    """For what needs a random number in every pixel."""

    def __len__(self) -> int:
        return len(self.scale)


def draw(augment: Augment, seed: int, epoch: int, places: Int64[np.ndarray, "row"]) -> Draws:
    """Throw the dice for some places of an epoch."""
    key = key_of(seed, 3, epoch)
    dice = iter(uniforms(key, places, 32).T)  # always in the same order, whatever is switched on
    scale = 1 + augment.scale * np.clip(normals(next(dice), next(dice)), -1, 1)
    turned = next(dice) < augment.rotation_chance
    rotation = augment.rotation * np.clip(normals(next(dice), next(dice)), -2, 2)
    flip = next(dice) < augment.flip_chance
    gain = 1 + augment.gain * (2 * np.stack([next(dice) for _ in range(3)], -1) - 1)
    shift = augment.shift * (2 * np.stack([next(dice), next(dice)], -1) - 1)
    about, side = next(dice), np.where(next(dice) < 0.5, LEFT_HAND, RIGHT_HAND)
    focus = np.where(about < augment.upper_chance, UPPER, np.where(about > 1 - augment.hand_chance, side, WHOLE))
    close, nearer = next(dice) < augment.close_chance, 0.35 + 0.4 * next(dice)
    towards = 0.7 * np.stack([next(dice), next(dice)], -1) - 0.35
    cut, size = next(dice) < augment.cutout_chance, 0.1 + 0.4 * np.stack([next(dice), next(dice)], -1)
    corner = np.stack([next(dice), next(dice)], -1) * (1 - size)
    somebody, where = next(dice) < augment.person_chance, np.stack([next(dice), next(dice)], -1)
    large, who = 0.6 + 0.6 * next(dice), next(dice)
    blurred, length = next(dice) < augment.blur_chance, 0.01 + 0.04 * next(dice)
    direction = np.pi * (2 * next(dice) - 1)
    packed, quality = next(dice) < augment.jpeg_chance, 10 + 50 * next(dice)
    light = uniforms(key_of(seed, 4, epoch), places, 2)
    return Draws(
        scale=np.where(close, nearer, 1.0) * scale,
        rotation=np.where(turned, rotation, 0.0),
        flip=flip,
        gain=gain,
        shift=shift + towards * close[:, None],
        focus=focus,
        cutout=np.concatenate([corner, size], -1) * cut[:, None],
        person=np.concatenate([where, np.stack([large * somebody, who], -1)], -1),
        blur=np.stack([length * blurred, direction], -1),
        jpeg=quality * packed,
        dark=np.where(light[:, 0] < augment.dark_chance, 0.15 + 0.45 * light[:, 1], 1.0),
        key=keys_of(np.full(len(places), key, dtype=np.uint64), places),
    )


def draw_published(augment: Augment, count: int, normal: np.random.RandomState, plain: random.Random) -> Draws:
    """The dice as the published training threw them, for replication: two generators, one sample after the other."""
    scale, rotation, flip, gain = np.ones(count), np.zeros(count), np.zeros(count, dtype=bool), np.ones((count, 3))
    for row in range(count):
        scale[row] = 1 + augment.scale * np.clip(normal.randn(), -1, 1)
        if plain.random() <= augment.rotation_chance:
            rotation[row] = augment.rotation * np.clip(normal.randn(), -2, 2)
        gain[row] = [plain.uniform(1 - augment.gain, 1 + augment.gain) for _ in range(3)]
        flip[row] = plain.random() <= augment.flip_chance
    return Draws(
        scale=scale,
        rotation=rotation,
        flip=flip,
        gain=gain,
        shift=np.zeros((count, 2)),
        focus=np.zeros(count, dtype=np.int64),
        cutout=np.zeros((count, 4)),
        person=np.zeros((count, 4)),
        blur=np.zeros((count, 2)),
        jpeg=np.zeros(count),
        dark=np.ones(count),
        key=np.zeros(count, dtype=np.uint64),
    )
