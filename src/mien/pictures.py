"""Read pictures: always upright, RGB, 8 bits. (`find_pictures` is here too, so that one import serves both.)

Everything that mien says about a picture (boxes, keypoints, cameras) is in the pixels of the upright picture, that is,
after its EXIF orientation is applied, as viewers show it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mien.errors import InputError, PictureError, reason_of
from mien.limits import MAX_PICTURE_BYTES as MAX_BYTES
from mien.limits import MAX_PIXELS
from mien.picture_files import EXTENSIONS, PictureFile, find_pictures

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "PictureFile",
    "encoded",
    "find_pictures",
    "header_of",
    "jpeg_ends",
    "quiet",
    "read_picture",
    "whole_png",
]

_KINDS = "a JPEG, PNG, WebP, BMP, TIFF or GIF picture"
_AGAIN = "copy or download it again, or leave it out"


def read_picture(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as RGB, upright (EXIF orientation applied), 8 bits a channel.

    Grey and palette pictures become RGB, CMYK is converted, 16 bits become 8 by rounding value / 257, an alpha channel
    is dropped (the colours below it stay), and of an animation the first frame is read.

    Raises:
        PictureError: the file is missing, empty, cut short, damaged, not a picture, or above `MAX_PIXELS`.
    """
    path = Path(path)
    data = _read_bytes(path)
    try:
        kind, (width, height) = header_of(data)
    except (struct.error, IndexError):
        kind, width, height = "?", 0, 0
    if kind == "":
        raise PictureError(f"{path} is not a picture (it begins with {data[:8]!r})", expected=_KINDS, todo=_AGAIN)
    if width <= 0 or height <= 0:
        raise PictureError(f"{path} is cut short or damaged: it says no size", expected=f"all of {_KINDS}", todo=_AGAIN)
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{path} is {width} x {height} = {width * height / 1e6:.0f} megapixels",
            expected=f"at most {MAX_PIXELS / 1e6:.0f} megapixels",
            todo="make it smaller first, or cut it into parts",
        )
    if kind == "jpeg" and not jpeg_ends(data):
        raise PictureError(f"{path} is cut short: a JPEG without an end", expected="all of the file", todo=_AGAIN)
    if kind == "png":
        data = whole_png(path, data)
    return _decode(path, data, blue_first=kind == "tiff")


def _read_bytes(path: Path) -> bytes:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{path} is a folder", expected=_KINDS, todo="find_pictures lists a folder's pictures")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"{path} is not a regular file", expected=_KINDS, todo="save the picture to a file")
        if status.st_size == 0:
            raise PictureError(f"{path} is empty (0 bytes)", expected=_KINDS, todo=_AGAIN)
        if status.st_size > MAX_BYTES:
            raise PictureError(
                f"{path} has {status.st_size} bytes", expected=f"at most {MAX_BYTES}", todo="save it smaller"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(
            f"cannot read {path}: {reason}", expected=_KINDS, todo="check the name and its permissions"
        ) from error


def header_of(data: bytes) -> tuple[str, tuple[int, int]]:
    """The kind of picture ('' if it is none) and its width and height, read from the first bytes."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg", _jpeg_size(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png", struct.unpack(">II", data[16:24])
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif", struct.unpack("<HH", data[6:10])
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", _webp_size(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "tiff", _tiff_size(data)
    if data[:2] == b"BM" and len(data) >= 26 and data[14:18] in (b"\x0c\0\0\0", b"(\0\0\0", b"l\0\0\0", b"|\0\0\0"):
        width, height = struct.unpack("<HH", data[18:22]) if data[14] == 12 else struct.unpack("<ii", data[18:26])
        return "bmp", (width, abs(height))
    return "", (0, 0)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of each header segment, up to and with the start of the first scan."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        yield marker, place
        if marker == 0xDA:
            return
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, place in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
    return 0, 0


def jpeg_ends(data: bytes) -> bool:
    """An end marker after the first scan. In a scan 0xFF is always followed by 0, so none can appear by chance."""
    start = [place for marker, place in _jpeg_segments(data) if marker == 0xDA]
    return bool(start) and data.find(b"\xff\xd9", start[0]) >= 0


def _webp_size(data: bytes) -> tuple[int, int]:
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        return 0, 0
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _tiff_size(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    size = {256: 0, 257: 0}
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, form = struct.unpack_from(order + "HH", data, place)
        if tag in size:
            (size[tag],) = struct.unpack_from(order + ("H" if form == 3 else "I"), data, place + 8)
    return size[256], size[257]


def whole_png(path: Path, data: bytes) -> bytes:
    """The PNG, checked to its end, without colour profiles (never used here, and often damaged)."""
    view, place, profiles = memoryview(data), 8, []
    while True:
        if place + 12 > len(data):
            raise PictureError(f"{path} is cut short: a PNG without an end", expected="all of the file", todo=_AGAIN)
        length, name = int.from_bytes(view[place : place + 4], "big"), bytes(view[place + 4 : place + 8])
        end = place + 12 + length
        if end <= len(data) and zlib.crc32(view[place + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise PictureError(f"{path} is damaged: PNG part {name!r} fails its checksum", expected=_KINDS, todo=_AGAIN)
        if name == b"IEND":
            break
        if name == b"iCCP":
            profiles.append((place, end))
        place = end
    for start, end in reversed(profiles):
        data = data[:start] + data[end:]
    return data


def _decode(path: Path, data: bytes, *, blue_first: bool) -> UInt8[np.ndarray, "h w 3"]:
    """Decode by way of BGR if `blue_first`: OpenCV 5.0 mixes up the channels of 16-bit TIFF read straight to RGB."""
    import cv2

    order = cv2.IMREAD_COLOR_BGR if blue_first else cv2.IMREAD_COLOR_RGB
    try:
        with quiet():
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), order | cv2.IMREAD_ANYDEPTH)
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"{path} cannot be decoded: {reason_of(error, -1)}", expected=_KINDS, todo=_AGAIN) from error
    if picture is None:
        raise PictureError(f"{path} is cut short, damaged, or of a rare kind", expected=_KINDS, todo=_AGAIN)
    if picture.dtype == np.uint16:
        picture = cv2.convertScaleAbs(picture, alpha=1 / 257)
    if picture.dtype != np.uint8:
        raise PictureError(f"{path} holds {picture.dtype} values", expected="8 or 16 bits a channel", todo="convert it")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if blue_first else picture


def encoded(suffix: str, pixels: UInt8[np.ndarray, "h w 3"], quality: int | None = None) -> bytes:
    """A picture (RGB) as the bytes of a file.

    Args:
        suffix: which kind: `.png`, `.jpg`, `.webp`.
        pixels: upright RGB.
        quality: of a JPEG, 0 to 100; by default OpenCV's.

    Raises:
        InputError: this kind cannot hold so large a picture: JPEG ends at 65,500 pixels a side, WebP at 16,383.
    """
    import cv2

    try:
        with quiet():
            settings = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
            done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels[..., ::-1]), settings)
    except cv2.error:
        done, data = False, None
    if not done or data is None:
        height, width = pixels.shape[:2]
        found = f"a picture of {width} x {height} pixels cannot be a {suffix} file"
        raise InputError(found, expected="at most 65,500 pixels a side in JPEG, 16,383 in WebP", todo="save it as .png")
    return data.tobytes()


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_before = 0


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """OpenCV logs nothing inside: what it has to say comes back as a `PictureError`. Nests across threads."""
    import cv2.utils.logging as log

    global _quiet_depth, _quiet_before
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_before = log.setLogLevel(log.LOG_LEVEL_SILENT)
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                log.setLogLevel(_quiet_before)
