"""The frames of a clip as viewers show them: when each is, and small pictures of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64, UInt8

from mien.export.motion import Motion, Stage
from mien.video import Footage

__all__ = ["LONGEST_SIDE", "MOST", "frame_times", "small_frames"]

MOST = 600
"""Pictures of a clip; of longer clips every second, third, ... frame."""
LONGEST_SIDE = 480
"""Of the pictures, pixels."""


def frame_times(stage: Stage, motions: Sequence[Motion], frames: range) -> Float64[np.ndarray, "frame"]:
    """Seconds of every frame: as the people's rows say, in straight lines between, and by the rate outside."""
    known: dict[int, float] = {}
    for motion in motions:
        known |= dict(zip(motion.frame_index.tolist(), motion.timestamps.tolist(), strict=True))
    wanted = np.arange(frames.start, frames.stop, dtype=np.float64)
    if not known:
        return wanted / stage.fps
    at = np.array(sorted(known))
    seconds = np.array([known[frame] for frame in at.tolist()])
    inside = np.interp(wanted, at, seconds)
    return inside + (np.minimum(wanted - at[0], 0) + np.maximum(wanted - at[-1], 0)) / stage.fps


def small_frames(
    footage: Footage, times: Float64[np.ndarray, "frame"], frames: range
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """At most `MOST` of the frames, evenly, and their numbers; found by their time, and made small.

    Where the footage has fewer frames than the clip, some numbers have no picture of their own.

    Args:
        footage: the clip.
        times: of `frames`, seconds.
        frames: of the clip.
    """
    import cv2

    step = -(-len(frames) // MOST)
    wanted = list(zip(frames[::step], times[::step].tolist(), strict=True))[::-1]
    scale = min(1.0, LONGEST_SIDE / max(footage.width, footage.height))
    size = (max(1, round(footage.width * scale)), max(1, round(footage.height * scale)))
    stream = footage.frames()
    try:
        for frame in stream:
            due: list[tuple[int, float]] = []
            while wanted and frame.time >= wanted[-1][1] - 0.5 / footage.fps:
                due.append(wanted.pop())
            if due:
                number, _ = min(due, key=lambda each: abs(each[1] - frame.time))
                yield number, cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
            if not wanted:
                return
    finally:
        stream.close()
