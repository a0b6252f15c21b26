"""Read moving pictures: video files, folders of frames, cameras; upright RGB frames with exact times, in order.

Nothing is ever decoded twice or kept: `frames()` streams, a thread decodes ahead of whoever looks, and how far ahead is
limited in bytes. What is wrong in the middle of a file does not lose what came before it: it ends up in `problems`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt8

from mien.errors import InputError, PictureError
from mien.files import opened
from mien.optional import need
from mien.picture_files import find_pictures
from mien.pictures import MAX_PIXELS, read_picture

__all__ = [
    "AHEAD_BYTES",
    "FORMATS",
    "Footage",
    "Frame",
    "has_frames",
    "in_background",
    "open_container",
    "open_footage",
]

AHEAD_BYTES = 2**28
"""Frames that wait, decoded (at most half of this, and at most 16) or being looked at; but always one in each place."""
FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "ogg", "asf", "gif", "apng", "mxf",
    "nut", "dv", "ivf", "yuv4mpegpipe", "h264", "hevc", "av1", "obu", "m4v", "mjpeg", "h263", "vc1", "rm", "wtv",
    "dhav", "swf", "wav", "mp3", "aac", "flac", "w64", "aiff", "ac3",
)  # fmt: skip
"""Of files, as FFmpeg calls them. Sound alone is among them only to be told from damage."""
_MOST_AHEAD = 16
_USUAL_FPS = 30.0

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a clip."""

    index: int
    """From 0, of the frames that could be decoded."""
    time: float
    """Seconds since the first frame; grows from frame to frame."""
    pixels: UInt8[np.ndarray, "height width 3"]
    """Upright RGB; all frames of a clip have one size."""


@dataclass(kw_only=True)
class Footage:
    """A clip that can be read. `frames` may be called again, except of a camera."""

    name: str
    """How boxes files speak of it."""
    width: int
    """Of the upright frames, pixels."""
    height: int
    fps: float
    """Frames a second, on average."""
    num_frames: int | None
    """As the file claims; None if it does not say."""
    path: Path | None = None
    """The video file, where sound can be had; None for folders and cameras."""
    live: bool = False
    """A camera: what is not read now is gone."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with the frames read so far, one line each."""
    read: Callable[[Footage], Iterator[tuple[float | None, Callable[[], np.ndarray]]]]
    """Time (None: by the rate) of each frame, and what decodes its pixels; see `frames`."""

    def check_size(self, image_size: tuple[int, int]) -> None:
        """Raise if these are not the frames of a result.

        Args:
            image_size: height and width that the result says, pixels.

        Raises:
            InputError: the frames have another size.
        """
        if (self.height, self.width) != image_size:
            found, (height, width) = f"{self.name} is {self.width} x {self.height} pixels", image_size
            raise InputError(found, expected=f"{width} x {height}, as the result says", todo="give the right video")

    def frames(self, start: int = 0, told: Callable[[float], None] | None = None) -> Generator[Frame]:
        """The frames from `start` on, decoded ahead in a thread; `told` learns how many seconds each one took."""
        self.problems.clear()
        room = AHEAD_BYTES // 2 // (self.width * self.height * 3)
        frames = self._timed(start) if told is None else _clocked(self._timed(start), told)
        return in_background(frames, max(1, min(_MOST_AHEAD, room)))

    def _timed(self, start: int) -> Iterator[Frame]:
        first, last, step, changed = None, -1.0, 1 / self.fps, False
        for index, (seconds, pixels) in enumerate(self.read(self)):
            first = first if first is not None else seconds or 0.0
            moment = last + step if seconds is None else seconds - first
            moment = moment if moment > last else last + 1e-3 * step  # two frames never share a time
            moment, last = (0.0, 0.0) if index == 0 else (moment, moment)
            if index < start:
                continue
            picture = pixels()
            if picture.shape[:2] != (self.height, self.width):
                if not changed:
                    found = f"from frame {index} on it is {picture.shape[1]} x {picture.shape[0]} pixels"
                    self.problems.append(f"{self.name}: {found}, scaled into {self.width} x {self.height}")
                changed, picture = True, _fitted(picture, self.width, self.height)
            yield Frame(index=index, time=moment, pixels=picture)


def open_footage(source: str | Path, *, name: str = "", fps: float | None = None) -> Footage:
    """Open a clip and look at its first frame.

    Args:
        source: a video file, a folder of pictures (in their natural order), or `webcam:N`.
        name: how boxes files speak of it; by default the file's or the folder's own name.
        fps: frames a second, for folders (default 30) and cameras.

    Raises:
        InputError: it is not there, is no video, holds sound only, or not one frame of it can be decoded.
        MienError: the package that reads videos is not installed.
    """
    if fps is not None and not 0 < fps < 1e4:
        raise InputError(f"{fps:g} frames a second", expected="a number above 0")
    kind, colon, number = str(source).partition(":")
    if kind == "webcam" and colon:
        return _open_camera(number, fps)
    path = Path(source)
    if path.is_dir():
        return _open_folder(path, name or path.resolve().name, fps or _USUAL_FPS)
    return _open_video(path, name or path.name)


def has_frames(path: Path, count: int) -> bool:
    """Whether a file holds at least so many frames; False where it cannot be read, or nothing is installed to do so."""
    try:
        import av
        import av.error
    except ImportError:
        return False
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in islice(container.demux(_picture_stream(container, path)), count + 1)) > count
    except (av.error.FFmpegError, OSError, InputError):
        return False


def in_background(items: Iterator[Item], depth: int) -> Generator[Item]:
    """The same items, made up to `depth` ahead in a thread, which ends when nobody asks any more."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(entry: tuple[bool, Any]) -> None:
        while not stop.is_set():
            try:
                return waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((True, item))
                if stop.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=work, name="mien-decode", daemon=True)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if more:
                yield item
            elif item is not None:
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()


def _clocked(items: Iterator[Item], told: Callable[[float], None]) -> Iterator[Item]:
    """The same items."""
    while True:
        start = time.perf_counter()
        item = next(items, None)
        told(time.perf_counter() - start)
        if item is None:
            return
        yield item


# video files ----------------------------------------------------------------------------------------------------
def _open_video(path: Path, name: str) -> Footage:
    av = need("av", extra="video", why=f"reading the video {path}")
    if not path.exists():
        raise InputError(f"{path} does not exist", expected="a video, a folder of pictures, or webcam:0")
    try:
        with open_container(path) as container:
            stream = _picture_stream(container, path)
            fps = float(stream.average_rate or stream.guessed_rate or _USUAL_FPS)
            claimed = stream.frames or None
    except InputError:
        raise
    except (av.error.FFmpegError, OSError, ValueError, MemoryError, ArithmeticError) as error:
        raise _unreadable(path, error) from error
    footage = Footage(name=name, width=1, height=1, fps=fps, num_frames=claimed, path=path, read=_decode_video)
    first = next(_decode_video(footage), None)
    if first is None:
        reason = f" ({footage.problems[0]})" if footage.problems else ""
        raise InputError(f"{path} holds no frame that can be decoded{reason}", expected="a whole video")
    footage.height, footage.width = first[1]().shape[:2]
    footage.problems.clear()
    return footage


def open_container(path: Path) -> Any:
    """A video or sound file, opened for reading.

    Only formats that hold their content themselves are read: playlists (HLS, DASH, concat, SDP) name further files and
    addresses, and whatever a file names is not opened. Text in it need not be UTF-8.

    Raises:
        InputError: it is no regular file.
    """
    import av

    opened(path, 2**63).close()
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def _picture_stream(container: Any, path: Path) -> Any:
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        held = "sound only" if container.streams.audio else "no pictures"
        raise InputError(f"{path} holds {held}", expected="a video")
    if moving[0].codec_context is None:
        raise InputError(
            f"{path} is packed in a way that is not known here", expected="a video", todo="convert it to MP4"
        )
    return moving[0]


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    todo = "copy or download it again; a video whose end is missing may have lost its table of contents with it"
    return InputError(f"cannot read {path}: {reason}", expected="a whole video", todo=todo)


def _decode_video(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
    """Frames in the order in which they are shown. Broken packets are passed over, and told."""
    import av
    import av.error

    found, broken, reason = 0, 0, ""
    with open_container(Path(str(footage.path))) as container:
        stream = _picture_stream(container, Path(str(footage.path)))
        stream.thread_type = "AUTO"
        if stream.codec_context.width * stream.codec_context.height > 2**23:
            stream.codec_context.thread_count = 2  # each thread holds frames of its own
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
                said = getattr(error, "strerror", None) or str(error)
                broken, reason = broken + 1, reason or f"{said}, after frame {found - 1}"
                if isinstance(error, av.error.EOFError) or broken > 1000:
                    break
                continue
            for frame in frames:
                found += 1
                yield frame.time, lambda frame=frame: _upright(frame)
            if packet is None:
                break
    if broken:
        footage.problems.append(f"{footage.name}: {broken} pieces cannot be decoded ({reason})")
    if footage.num_frames and found < footage.num_frames - 2:
        footage.problems.append(f"{footage.name} is cut short: {found} of its {footage.num_frames} frames are there")


def _upright(frame: Any) -> UInt8[np.ndarray, "height width 3"]:
    """RGB, turned as players turn it."""
    if frame.width * frame.height > MAX_PIXELS:
        raise PictureError(f"a frame of {frame.width} x {frame.height} pixels", expected=f"at most {MAX_PIXELS} pixels")
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _fitted(pixels: np.ndarray, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """Scaled into a frame of another size, with black beside or above and below it."""
    import cv2

    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    found[top : top + size[1], left : left + size[0]] = small
    return found


# folders and cameras --------------------------------------------------------------------------------------------
def _open_folder(path: Path, name: str, fps: float) -> Footage:
    pictures = [picture.path for picture in find_pictures([path])]

    def read(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        lost = 0
        for index, picture in enumerate(pictures):
            try:
                pixels = read_picture(picture)
            except PictureError as error:
                lost += 1
                if lost == 1:
                    footage.problems.append(f"{footage.name}: {error}")
                continue
            yield index / footage.fps, lambda pixels=pixels: pixels
        if lost > 1:
            footage.problems.append(f"{footage.name}: {lost} of its {len(pictures)} pictures cannot be read")

    footage = Footage(name=name, width=1, height=1, fps=fps, num_frames=len(pictures), read=read)
    first = next(read(footage), None)
    if first is None:
        raise InputError(f"not one picture in {path} can be read", expected="a folder of frames")
    footage.height, footage.width = first[1]().shape[:2]
    footage.problems.clear()
    return footage


def _open_camera(number: str, fps: float | None) -> Footage:
    import cv2

    from mien.pictures import quiet

    if not number.isdigit():
        raise InputError(f"the camera webcam:{number}", expected="webcam:0, webcam:1 and so on")
    with quiet():
        camera = cv2.VideoCapture(int(number))
        good, picture = camera.read() if camera.isOpened() else (False, None)
    if not good or picture is None:
        camera.release()
        todo = "plug it in, close what else uses it, or take another number"
        raise InputError(f"the camera webcam:{number} gives no pictures", expected="a camera", todo=todo)
    rate = fps or camera.get(cv2.CAP_PROP_FPS) or _USUAL_FPS

    def read(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        start, good, picture = time.monotonic(), *camera.read()
        try:
            while good and picture is not None:
                yield time.monotonic() - start, lambda picture=picture: cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                good, picture = camera.read()
            footage.problems.append(f"{footage.name} gives no more pictures: it was unplugged or taken away")
        finally:
            camera.release()

    height, width = picture.shape[:2]
    return Footage(name=f"webcam_{number}", width=width, height=height, fps=rate, num_frames=None, live=True, read=read)
