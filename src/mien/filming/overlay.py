"""A clip with its people drawn over it. One thread decodes, one draws, and this one compresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from mien.clip import Clip
from mien.errors import InputError
from mien.movie import write_movie
from mien.people import Style, View, people_of
from mien.video import Footage, Frame, in_background

__all__ = ["draw_clip"]


_TALLEST = 720
_BODY = 22
"""Joints of the body, of 144."""
_AROUND, _BELOW = np.array([0.2, 0.2, 0.2]), np.array([0.2, 0.08, 0.2])
"""Metres from the joints to the skin, towards low and high x, y, z; y points down."""


def draw_clip(
    clip: Clip,
    footage: Footage,
    path: Path,
    body_path: Path | None = None,
    *,
    style: Style = "mesh",
    opacity: float = 0.85,
    views: Sequence[View] = ("overlay",),
) -> list[str]:
    """Write a video of the clip with everyone in the colour of their track, with the clip's times and sound.

    Args:
        clip: the people.
        footage: the same clip's frames.
        path: of the video, `.mp4`.
        body_path: the body file; None looks for the one of the clip's body family.
        style: `mesh`, `skeleton`, `both` or `boxes`.
        opacity: of the meshes, 0 to 1.
        views: what stands side by side, some of `mien.people.VIEWS`; by default the overlay alone. Several are at most
            720 pixels high. From the side and above, one space is seen in all frames.

    Returns:
        What was wrong, one line each: frames that could not be read again, sound that had to be left out.

    Raises:
        InputError: the footage is not of this clip, or there is no such style or view.
        OutputError: the file cannot be written.
    """
    footage.check_size(clip.image_size)

    def drawn() -> Iterator[tuple[np.ndarray, float]]:
        for frame in islice(frames, clip.num_frames):
            yield draw(frame), frame.time

    draw = _Painter(clip, body_path, style, opacity, tuple(views))
    frames = footage.frames()
    pictures = in_background(drawn(), 2)
    try:
        first = next(pictures, None)
        if first is None:
            raise InputError(f"not one frame of {footage.name} can be read again", expected="the clip as it was")
        height, width = first[0].shape[:2]
        with write_movie(path, width, height, footage.fps, sound_of=footage.path) as movie:
            for pixels, time in chain([first], pictures):
                movie.add(pixels, time)
    finally:
        pictures.close()
        frames.close()
    return [*footage.problems, *movie.problems]


class _Painter:
    """Draws one frame after another in one way."""

    def __init__(
        self, clip: Clip, body_path: Path | None, style: Style, opacity: float, views: tuple[View, ...]
    ) -> None:
        self.clip, self.body_path, self.opacity = clip, body_path, opacity
        self.style: Style = style
        self.views, self.space = views, _space(clip) if {"side", "top"} & set(views) else None
        self.height = min(clip.image_size[0], _TALLEST)

    def __call__(self, frame: Frame) -> np.ndarray:
        """The frame with everyone on it, and beside it."""
        scene, ids = self.clip.scene(frame.index)
        people = people_of(scene, frame.pixels, self.body_path)
        if self.views == ("overlay",):
            return people.overlay(self.style, self.opacity, ids).pixels if ids else frame.pixels
        return people.beside(
            self.views,
            height=self.height,
            style=self.style,
            opacity=self.opacity,
            numbers=ids,
            space=self.space,
        ).pixels


def _space(clip: Clip) -> Float64[np.ndarray, "2 3"] | None:
    """Where everyone is over the whole clip, metres; all but the farthest hundredth, who may be mistakes."""
    if not len(clip):
        return None
    joints = np.concatenate([track.joints3d[:, :_BODY].flatten(0, 1).numpy() for track in clip]).astype(np.float64)
    low, high = np.quantile(joints, [0.005, 0.995], axis=0)
    return np.stack([low - _AROUND, high + _BELOW])
