"""Pictures of the user's own as backgrounds: chosen, cut and mirrored by chance, with light that fits them."""

from __future__ import annotations

import hashlib
import math
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, UInt8

from mien.errors import InputError, PictureError
from mien.pictures import find_pictures, read_picture
from mien.render.shade import Lights
from mien.synth.view import View

if TYPE_CHECKING:
    from mien.synth.place.build import Place

__all__ = ["Backgrounds", "estimate_light", "open_folder", "picture_place"]

_KEEP = 16
"""Pictures held in memory."""
_LARGEST = 1600
"""Pixels along the longer side of a picture that is held."""


@dataclass(kw_only=True, eq=False)
class Backgrounds:
    """The pictures of a folder and its subfolders, in the order of their names."""

    folder: Path
    paths: tuple[Path, ...]
    unreadable: set[Path] = field(default_factory=set)
    """Files that were tried and are no whole pictures: they are passed over."""
    held: OrderedDict[Path, UInt8[np.ndarray, "h w 3"]] = field(default_factory=OrderedDict)

    @classmethod
    def open(cls, folder: Path) -> Backgrounds:
        """List the pictures of a folder.

        Raises:
            InputError: it is no folder, or holds no picture.
        """
        if not folder.is_dir():
            raise InputError(f"--backgrounds {folder} is no folder", expected="a folder with pictures")
        paths = tuple(sorted((picture.path for picture in find_pictures([folder])), key=str))
        return cls(folder=folder, paths=paths)

    def of(self, split: str) -> Backgrounds:
        """The pictures that a split may show: the tenth whose names have the least SHA-256 is the test split's alone.

        A picture that is the only one is everybody's.
        """
        ranked = sorted(self.paths, key=lambda path: hashlib.sha256(self._name(path)).digest())
        own = set(ranked[: max(1, len(ranked) // 10)])
        if split != "test" and len(ranked) > 1:
            own = {*ranked} - own
        return Backgrounds(folder=self.folder, paths=tuple(path for path in self.paths if path in own))

    def digest(self) -> str:
        """SHA-256 of the names of all pictures and of their sizes."""
        found = hashlib.sha256()
        for name, path in sorted((self._name(path), path) for path in self.paths):
            size = os.path.getsize(path) if os.path.exists(path) else -1
            found.update(b"%s\0%d\0" % (name, size))
        return found.hexdigest()

    def _name(self, path: Path) -> bytes:
        return os.fsencode(path.relative_to(self.folder).as_posix())

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
        """A part of a picture, at the size asked for (height, width); every second one is mirrored.

        What is drawn depends on the folder's files and `rng` alone.

        Raises:
            InputError: none of the files can be read.
        """
        import cv2

        first, zoom, left, top, mirrored = (
            int(rng.integers(len(self.paths))),
            *rng.random(3).tolist(),
            rng.random() < 0.5,
        )
        picture = self._from(first)
        height, width = picture.shape[:2]
        share = min(height / size[0], width / size[1]) * (1 - 0.5 * zoom)
        tall, wide = max(1, int(share * size[0])), max(1, int(share * size[1]))
        y, x = int(top * (height - tall)), int(left * (width - wide))
        way = cv2.INTER_AREA if share > 1 else cv2.INTER_CUBIC
        part = cv2.resize(picture[y : y + tall, x : x + wide], size[::-1], interpolation=way)
        return np.ascontiguousarray(part[:, ::-1]) if mirrored else part

    def _from(self, first: int) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of that number, or the next one that can be read."""
        for step in range(len(self.paths)):
            path = self.paths[(first + step) % len(self.paths)]
            if path in self.unreadable:
                continue
            if path in self.held:
                self.held.move_to_end(path)
                return self.held[path]
            try:
                picture = _reduced(read_picture(path))
            except PictureError:
                self.unreadable.add(path)
                continue
            self.held[path] = picture
            if len(self.held) > _KEEP:
                self.held.popitem(last=False)
            return picture
        found = f"none of the {len(self.paths)} files of a split in {self.folder} can be read as a picture"
        raise InputError(found, expected="pictures", todo="add some, or choose another --backgrounds")


def _reduced(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    import cv2

    share = _LARGEST / max(picture.shape[:2])
    if share >= 1:
        return picture
    height, width = (max(1, round(share * side)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


_OPEN: dict[tuple[Path, str], Backgrounds] = {}


def open_folder(folder: Path, split: str) -> Backgrounds:
    """The backgrounds of a split in a folder, listed once in a process."""
    if (folder, split) not in _OPEN:
        _OPEN[folder, split] = Backgrounds.open(folder).of(split)
    return _OPEN[folder, split]


def estimate_light(picture: UInt8[np.ndarray, "h w 3"], view: View) -> Lights:
    """A guess: the picture's colour and brightness, from where its upper half is brightest.

    People lit so fit in; nothing is known of the true light.
    """
    import cv2

    small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    grey = small.mean(2)
    mean = small.reshape(-1, 3).mean(0)
    tone = mean / max(float(mean.max()), 0.05)
    tone = 0.55 + 0.45 * tone
    level = float(np.clip(0.45 + 0.9 * grey.mean(), 0.4, 1.15))
    weight = np.clip(grey[:8] - grey[:8].mean(), 0, None) + 1e-6
    side = float((weight.sum(0) * np.linspace(-1, 1, 16)).sum() / weight.sum())
    contrast = float(np.clip(grey.std() * 2.2, 0.2, 0.75))
    up: Float64[np.ndarray, "3"] = view.rotation[:, 1]
    angle = side * 1.2
    key = np.array([math.sin(angle), 0.0, -0.75 * math.cos(angle)]) + 0.9 * up
    direction = np.stack([key, up, -up])
    colour = np.stack([tone * level * 0.85 * contrast, tone * level * 0.15, tone * level * 0.10])
    ambient = tone * level * (0.62 - 0.4 * contrast)
    return Lights(direction=direction, colour=colour, ambient=ambient, wrap=0.25, gloss=0.08)


def picture_place(rng: np.random.Generator, folder: Path, view: View, split: str) -> Place:
    """A place that is a picture of the folder, of the split's own, and nothing else.

    Raises:
        InputError: the folder is none, is empty, or holds nothing that can be read.
    """
    from mien.synth.place.build import Place

    picture = open_folder(folder, split).draw(rng, view.size)
    lights = estimate_light(picture, view)
    return Place(
        kind="picture", light="picture", backdrop=picture, meshes=[], names=[], casters=(), lights=lights, casts=(0,)
    )
