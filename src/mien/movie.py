"""Write moving pictures: H.264 in MP4, frames at the times they have, with the sound of another video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.errors import MienError, OutputError
from mien.files import atomic_write
from mien.optional import need
from mien.video import open_container

__all__ = ["Movie", "write_movie"]

_CLOCK = 90_000
"""Ticks a second."""


@dataclass(kw_only=True)
class Movie:
    """A video that is being written: see `write_movie`."""

    container: Any
    stream: Any
    sound: Iterator[Any] | None = None
    problems: list[str] = field(default_factory=list)
    """Why there is no sound, if there was some."""
    _waiting: Any = None

    def add(self, pixels: UInt8[np.ndarray, "height width 3"], time: float) -> None:
        """The next frame: RGB, and the seconds since the first."""
        import av

        even = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        frame.pts, frame.time_base = round(time * _CLOCK), Fraction(1, _CLOCK)
        self.container.mux(self.stream.encode(frame))
        self._add_sound(time)

    def _add_sound(self, until: float) -> None:
        """Sound up to a time, so that both streams are written side by side."""
        while self.sound is not None:
            self._waiting = self._waiting or next(self.sound, None)
            if self._waiting is None:
                self.sound = None
            elif float(self._waiting.pts * self._waiting.time_base) > until:
                return
            else:
                self.container.mux(self._waiting)
                self._waiting = None


@contextlib.contextmanager
def write_movie(path: Path, width: int, height: int, fps: float, *, sound_of: Path | None = None) -> Iterator[Movie]:
    """An MP4 to add frames to; it appears under its name when the block ends well.

    Args:
        path: where to.
        width: of the frames, pixels; an odd one is made even by repeating the last column.
        height: the same.
        fps: what players are told; each frame has its own time.
        sound_of: a video whose sound is taken over as it is, up to the last frame. Sound that MP4 cannot hold is left
            out, and `Movie.problems` says so.

    Raises:
        OutputError: the file cannot be written.
        MienError: the package that writes videos is not installed.
    """
    av = need("av", extra="video", why=f"writing the video {path}")
    try:
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(atomic_write(path))
            container = stack.enter_context(av.open(stream, "w", format="mp4"))
            pictures = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
            pictures.width, pictures.height, pictures.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
            pictures.options = {"crf": "20", "preset": "veryfast", **_same_bytes()}
            pictures.time_base = pictures.codec_context.time_base = Fraction(1, _CLOCK)
            movie = Movie(container=container, stream=pictures)
            if sound_of is not None:
                movie.sound = _sound(sound_of, container, movie.problems, stack)
            yield movie
            container.mux(pictures.encode(None))
    except av.error.FFmpegError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}", todo="choose another --out") from error


def _same_bytes() -> dict[str, str]:
    """What x264 needs to give the same bytes each time. With AVX-512 and its macroblock tree they change from run
    to run (x264 165, as PyAV 18.1 brings it); without either they do not, and AVX2 makes the smaller file."""
    from llvmlite import binding

    return {"x264-params": "asm=avx2"} if binding.get_host_cpu_features().get("avx512f") else {}


def _sound(path: Path, container: Any, problems: list[str], stack: contextlib.ExitStack) -> Iterator[Any] | None:
    """Packets of the first sound stream, from the time of the first picture on."""
    import av
    import av.error

    try:
        source = stack.enter_context(open_container(path))
        if not source.streams.audio:
            return None
        heard = source.streams.audio[0]
        target = container.add_stream_from_template(heard)
    except (av.error.FFmpegError, ValueError, OSError, MienError) as error:
        problems.append(f"the sound of {path} is left out: {error}")
        return None
    pictures = source.streams.video[0]
    start = float((pictures.start_time or 0) * (pictures.time_base or 0))
    return _packets(source, heard, target, start)


def _packets(source: Any, heard: Any, target: Any, start: float) -> Iterator[Any]:
    import av.error

    packets = source.demux(heard)
    with contextlib.suppress(av.error.FFmpegError):
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if packet.pts >= 0:
                packet.stream = target
                yield packet
