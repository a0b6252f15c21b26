"""What a photograph's EXIF block tells of its camera: the focal length, and which way up it was held."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from mien.errors import MienError
from mien.files import opened

__all__ = ["focal_from_exif", "orientation_from_exif"]

_EXIF_POINTER, _FOCAL_35MM, _ORIENTATION = 0x8769, 0xA405, 0x0112
_DIAGONAL_35MM = math.hypot(36, 24)
"""Millimetres; focal lengths "in 35 mm film" are relative to the diagonal of its frame."""
_FORMATS = {3: "H", 4: "I"}
_MOST_BYTES = 1 << 17
"""EXIF stands at the head of a JPEG; no more than this is read."""


def focal_from_exif(path: Path | str, width: int, height: int) -> float | None:
    """Focal length in pixels of a JPEG of `width` x `height` pixels, or None where its EXIF block does not tell.

    It is read from the focal length in 35 mm film, which stays true when the whole picture is made smaller. A damaged
    block tells nothing; it is no error.
    """
    try:
        with opened(Path(path)) as stream:
            tags = _tags(_block(stream.read(_MOST_BYTES)))
        return tags.get(_FOCAL_35MM, 0) / _DIAGONAL_35MM * math.hypot(width, height) or None
    except (MienError, OSError, struct.error):
        return None


def orientation_from_exif(data: bytes) -> int:
    """How a JPEG is stored, of the 8 ways that EXIF knows; 1, upright, where its EXIF block does not tell."""
    try:
        found = _tags(_block(data)).get(_ORIENTATION, 1)
    except struct.error:
        return 1
    return found if 1 <= found <= 8 else 1


def _block(data: bytes) -> bytes:
    """The TIFF block inside the EXIF segment of a JPEG; empty if there is none."""
    place = 2
    while data[:2] == b"\xff\xd8" and place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            return data[place + 10 : place + 2 + size]
        place += 2 + size
    return b""


def _tags(block: bytes) -> dict[int, int]:
    """The whole numbers of the first folder and of the EXIF folder that it points to."""
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return {}
    order = "<" if block[:2] == b"II" else ">"
    found = _folder(block, struct.unpack_from(order + "I", block, 4)[0], order)
    if _EXIF_POINTER in found:
        found |= _folder(block, found[_EXIF_POINTER], order)
    return found


def _folder(block: bytes, start: int, order: str) -> dict[int, int]:
    found: dict[int, int] = {}
    (count,) = struct.unpack_from(order + "H", block, start)
    for place in range(start + 2, start + 2 + 12 * min(count, 256), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", block, place)
        if number == 1 and kind in _FORMATS:
            found[tag] = struct.unpack_from(order + _FORMATS[kind], block, place + 8)[0]
    return found
