"""A clip with its people drawn over it. One thread decodes, one draws, and this one compresses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from mien.clip import Clip
from mien.errors import InputError
from mien.movie import write_movie
from mien.people import Style, people_of
from mien.video import Footage, Frame, in_background

__all__ = ["draw_clip"]


def draw_clip(
    clip: Clip,
    footage: Footage,
    path: Path,
    body_path: Path | None = None,
    *,
    style: Style = "mesh",
    opacity: float = 0.85,
) -> list[str]:
    """Write a video of the clip with everyone in the colour of their track, with the clip's times and sound.

    Args:
        clip: the people.
        footage: the same clip's frames.
        path: of the video, `.mp4`.
        body_path: the body file; None looks for the one of the clip's body family.
        style: `mesh`, `skeleton` or `both`.
        opacity: of the meshes, 0 to 1.

    Returns:
        What was wrong, one line each: frames that could not be read again, sound that had to be left out.

    Raises:
        InputError: the footage is not of this clip.
        OutputError: the file cannot be written.
    """
    if (footage.height, footage.width) != clip.image_size:
        height, width = clip.image_size
        found = f"{footage.name} is {footage.width} x {footage.height} pixels"
        raise InputError(found, expected=f"{width} x {height}, as the result says", todo="give the right video")

    def drawn() -> Iterator[tuple[np.ndarray, float]]:
        for frame in islice(frames, clip.num_frames):
            yield _drawn(clip, frame, body_path, style, opacity), frame.time

    frames = footage.frames()
    pictures = in_background(drawn(), 2)
    try:
        with write_movie(path, footage.width, footage.height, footage.fps, sound_of=footage.path) as movie:
            for pixels, time in pictures:
                movie.add(pixels, time)
    finally:
        pictures.close()
        frames.close()
    return [*footage.problems, *movie.problems]


def _drawn(clip: Clip, frame: Frame, body_path: Path | None, style: Style, opacity: float) -> np.ndarray:
    scene, ids = clip.scene(frame.index)
    if not ids:
        return frame.pixels
    return people_of(scene, frame.pixels, body_path).overlay(style, opacity, ids).pixels
