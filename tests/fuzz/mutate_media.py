"""Changes to pictures and videos: sizes that nobody has, parts that lie about their length, loops in EXIF."""

from __future__ import annotations

import random
import struct
import zlib

from .mutate import any_bytes, pick

__all__ = ["picture_file", "video_file"]

_SIDES = (0, 1, 2, 16383, 16384, 32767, 65535, 2**20, 2**28, 2**31 - 1, 2**31, 2**32 - 1)


def picture_file(rng: random.Random, data: bytes) -> bytes:
    """A picture with another size, another part, or other bytes."""
    if rng.random() < 0.45:
        return any_bytes(rng, data)
    for magic, change in (
        (b"\x89PNG", _png), (b"\xff\xd8", _jpeg), (b"GIF8", _gif), (b"BM", _bmp), (b"II*\0", _tiff), (b"RIFF", _webp),
    ):  # fmt: skip
        if data.startswith(magic):
            return change(rng, data)
    return any_bytes(rng, data)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(rng: random.Random, data: bytes) -> bytes:
    head, rest = data[:8], data[33:]
    width, height = rng.choice(_SIDES), rng.choice(_SIDES)
    kind = rng.choice((b"\x08\x02", b"\x10\x06", b"\x01\x03", b"\x08\x03", b"\x20\x09", b"\x08\x00"))
    size = png_chunk(b"IHDR", struct.pack(">II", width, height) + kind + bytes([0, 0, rng.choice((0, 1, 7))]))
    bomb = png_chunk(b"IDAT", zlib.compress(bytes(rng.choice((2**16, 2**24, 2**26))), 9))
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26), 9))
    profile = png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**25), 9))
    end = png_chunk(b"IEND", b"")
    return rng.choice((
        lambda: head + size + rest, lambda: head + size + bomb + end, lambda: head + data[8:33] + bomb + end,
        lambda: head + data[8:33] + text * rng.choice((1, 20)) + rest, lambda: head + data[8:33] + profile + rest,
        lambda: head + data[8:33] + data[8:33] + rest, lambda: head + data[8:33] + end, lambda: head + rest,
        lambda: head + data[8:33] + png_chunk(b"PLTE", b"abc" * 300) + rest,
        lambda: head + data[8:33] + png_chunk(b"acTL", struct.pack(">II", 2**31, 0)) + rest,
        lambda: head + data[8:33] + png_chunk(b"eXIf", exif_loop()) + rest,
        lambda: head + data[8:33] + struct.pack(">I", 2**31 - 1) + rest[4:],
    ))()  # fmt: skip


def exif_loop() -> bytes:
    """A TIFF block whose folders point to themselves."""
    entry = struct.pack("<HHI", 0x8769, 4, 1) + struct.pack("<I", 8)
    turn = struct.pack("<HHI", 0x0112, 3, 1) + struct.pack("<HH", 65535, 0)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 2) + entry + turn + struct.pack("<I", 8)


def _jpeg(rng: random.Random, data: bytes) -> bytes:
    exif = b"Exif\0\0" + rng.choice((
        exif_loop(), b"II*\0" + struct.pack("<I", 2**32 - 1), b"MM\0*" + bytes(4),
        b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 500,
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI", 0xA405, 4, 1) + b"\xff\xff\xff\xff", b"II*\0", b"",
    ))  # fmt: skip
    segment = b"\xff\xe1" + struct.pack(">H", (len(exif) + 2) & 0xFFFF) + exif
    start = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    scan = data.find(b"\xff\xda")
    size = struct.pack(">HH", rng.choice(_SIDES) & 0xFFFF, rng.choice(_SIDES) & 0xFFFF)
    return rng.choice((
        lambda: data[:2] + segment + data[2:], lambda: data[:2] + segment * 50 + data[2:],
        lambda: data[: start + 5] + size + data[start + 9 :], lambda: data[: start + 9] + b"\xff" + data[start + 10 :],
        lambda: data[:2] + b"\xff\xe0\0\0" + data[2:], lambda: data[:2] + b"\xff\xe0\0\x01" + data[2:],
        lambda: data[:2] + b"\xff" * 3000 + data[2:], lambda: data[:scan] + data[scan:-2] * 40 + b"\xff\xd9",
        lambda: data[:2] + b"\xff\xdd\0\x04\0\x01" + data[2:], lambda: data[:scan] + b"\xff\xd9",
        lambda: data[:2] + b"\xff\xe0\xff\xff" + data[2:],
        lambda: data[: start + 1] + b"\xc2" + data[start + 2 :],
    ))()  # fmt: skip


def _gif(rng: random.Random, data: bytes) -> bytes:
    sides = struct.pack("<HH", rng.choice(_SIDES) & 0xFFFF, rng.choice(_SIDES) & 0xFFFF)
    frame = data.find(b",")
    return rng.choice((
        data[:6] + sides + data[10:], data[: frame + 5] + sides + data[frame + 9 :],
        data[:-1] + data[frame:-1] * 50 + b";",
    ))  # fmt: skip


def _bmp(rng: random.Random, data: bytes) -> bytes:
    sides = struct.pack("<II", rng.choice(_SIDES), rng.choice(_SIDES))
    start, form = rng.choice(((18, sides), (28, struct.pack("<H", rng.choice((0, 1, 4, 16, 33))))))
    if rng.random() < 0.3:
        start, form = rng.choice((10, 14, 30, 46)), struct.pack("<I", rng.choice(_SIDES))
    return data[:start] + form + data[start + len(form) :]


def _tiff(rng: random.Random, data: bytes) -> bytes:
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    if rng.random() < 0.2:
        return data[:4] + struct.pack("<I", rng.choice((0, 4, 8, 2**31, 2**32 - 1))) + data[8:]
    entry = start + 2 + 12 * rng.randrange(max(1, count))
    field, form = rng.choice(((2, "<H"), (4, "<I"), (8, "<I")))
    raw = struct.pack(form, rng.choice(_SIDES) & (2 ** (8 * struct.calcsize(form)) - 1))
    return data[: entry + field] + raw + data[entry + field + len(raw) :]


def _webp(rng: random.Random, data: bytes) -> bytes:
    sides = struct.pack("<HH", rng.choice(_SIDES) & 0x3FFF, rng.choice(_SIDES) & 0x3FFF)
    canvas = struct.pack("<I", rng.choice(_SIDES))[:3] + struct.pack("<I", rng.choice(_SIDES))[:3]
    wide = b"VP8X" + struct.pack("<I", 10) + bytes([rng.choice((0, 2, 8, 0x10, 0xFF)), 0, 0, 0]) + canvas
    inside = wide + data[12:]
    return rng.choice((
        data[:26] + sides + data[30:], data[:21] + sides + data[25:],
        b"RIFF" + struct.pack("<I", len(inside) + 4) + b"WEBP" + inside,
        data[:16] + struct.pack("<I", rng.choice(_SIDES)) + data[20:],
    ))  # fmt: skip


# videos ----------------------------------------------------------------------------------------------------------
def video_file(rng: random.Random, data: bytes) -> bytes:
    """A video with a box that lies, a size that nobody films, or other bytes."""
    return pick(rng, [any_bytes, any_bytes, _boxes, _boxes, _sizes, _many_flips])(rng, data)


def _many_flips(rng: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(len(found) // 50):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _boxes(rng: random.Random, data: bytes) -> bytes:
    """The length of a box of an MP4, or a number inside it."""
    names = (b"moov", b"trak", b"mdia", b"stbl", b"stsd", b"stts", b"stsz", b"stco", b"stsc", b"tkhd", b"mdhd", b"elst",
             b"mvhd", b"avcC", b"mdat", b"ftyp", b"strh", b"strf", b"avih", b"movi")  # fmt: skip
    there = [place for name in names if (place := data.find(name)) >= 4]
    if not there:
        return any_bytes(rng, data)
    place = rng.choice(there)
    start = place - 4 if rng.random() < 0.4 else place + 4 * rng.randint(1, 12)
    return data[:start] + struct.pack(">I", rng.choice(_SIDES)) + data[start + 4 :]


def _sizes(rng: random.Random, data: bytes) -> bytes:
    """Width and height where the format keeps them."""
    raw = struct.pack(">HH", rng.choice(_SIDES) & 0xFFFF, rng.choice(_SIDES) & 0xFFFF)
    place = max(data.find(b"avc1"), data.find(b"mp4v"), data.find(b"jpeg"))
    if place < 0:
        return any_bytes(rng, data)
    return data[: place + 28] + raw + data[place + 32 :]
