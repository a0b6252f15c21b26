from __future__ import annotations

import base64
import os
import random
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import InputError, PictureError
from mien.pictures import MAX_PIXELS, find_pictures, read_picture

REAL = Path(__file__).parents[2] / "shared/real"
KINDS = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif")
CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJTUjI+WmFaUGBK"
    "UVJP/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAGB//EABwQAAEEAwEAAAAAAAAAAAAAAAAHRYPDBUOCwf/aAA4E"
    "QwBNAFkASwAAPwAjDzBYFnZp6zMC6wu7n0//2Q=="
)
"""8 x 8, left half (0, 189, 0), right half (255, 0, 0) as other readers show it."""


def sample(height: int = 48, width: int = 64) -> np.ndarray:
    """RGB; smooth, with all four corners different."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)]).astype(np.uint8)


def encode(picture: np.ndarray, kind: str = ".png", flags: tuple[int, ...] = ()) -> bytes:
    bgr = picture if picture.ndim == 2 else picture[..., [2, 1, 0, 3][: picture.shape[2]]]
    return cv2.imencode(kind, np.ascontiguousarray(bgr), flags)[1].tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, raw: bytes, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    body = b"Exif\0\0" + exif(orientation)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_rgb(tmp_path: Path, kind: str) -> None:
    picture = sample()
    read = read_picture(write(tmp_path / f"ünï 人{kind}", encode(picture, kind)))
    assert read.dtype == np.uint8 and read.shape == (48, 64, 3) and read.flags.c_contiguous
    lossy = {".jpg": 4, ".gif": 30}.get(kind, 0)
    assert np.abs(read.astype(int) - picture).mean((0, 1)).max() <= lossy


def test_grey_alpha_palette_one_bit_and_one_pixel(tmp_path: Path) -> None:
    grey = sample()[..., 0]
    assert (read_picture(write(tmp_path / "grey.png", encode(grey))) == grey[..., None]).all()
    alpha = np.dstack([sample(), np.arange(48 * 64).reshape(48, 64) % 256]).astype(np.uint8)
    assert (read_picture(write(tmp_path / "alpha.png", encode(alpha))) == sample()).all()
    palette = png(2, 2, 8, 3, b"\0\0\1\0\1\0", chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])))
    read = read_picture(write(tmp_path / "palette.png", palette))
    assert read.tolist() == [[[10, 20, 30], [40, 50, 60]], [[40, 50, 60], [10, 20, 30]]]
    one_bit = read_picture(write(tmp_path / "bit.png", png(8, 1, 1, 0, b"\0\x0f")))
    assert one_bit[0, :, 0].tolist() == [0] * 4 + [255] * 4
    for kind in KINDS:
        assert read_picture(write(tmp_path / f"one{kind}", encode(sample(1, 1), kind))).shape == (1, 1, 3)


@pytest.mark.parametrize("kind", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path, kind: str, channels: int) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    deep = ramp if channels == 1 else np.dstack([ramp, ramp.T, 65535 - ramp, ramp][:channels])
    read = read_picture(write(tmp_path / f"deep{kind}", encode(deep, kind)))
    assert (read == np.round(deep / 257).reshape(256, 256, -1)[..., :3]).all()


def test_cmyk_jpeg(tmp_path: Path) -> None:
    read = read_picture(write(tmp_path / "cmyk.jpg", base64.b64decode(CMYK))).astype(int)
    assert np.abs(read[0, 0] - [0, 189, 0]).max() <= 3 and np.abs(read[7, 7] - [255, 0, 0]).max() <= 3


def upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF 1 to 8, by the standard: where row 0 and column 0 of what is stored lie."""
    turned = picture.swapaxes(0, 1) if orientation >= 5 else picture
    rows = slice(None, None, -1) if orientation in (3, 4, 7, 8) else slice(None)
    columns = slice(None, None, -1) if orientation in (2, 3, 6, 7) else slice(None)
    return turned[rows, columns]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = read_picture(write(tmp_path / "a.jpg", encode(sample(), ".jpg")))
    read = read_picture(write(tmp_path / "b.jpg", with_exif(encode(sample(), ".jpg"), orientation)))
    assert (read == upright(stored, orientation)).all()
    plain = encode(sample())
    read = read_picture(write(tmp_path / "b.png", plain[:33] + chunk(b"eXIf", exif(orientation)) + plain[33:]))
    assert (read == upright(sample(), orientation)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    picture = sample(3, 5)
    tags = [
        (256, 5),
        (257, 3),
        (258, 8),
        (259, 1),
        (262, 2),
        (273, 150),
        (274, orientation),
        (277, 3),
        (278, 3),
        (279, 45),
    ]
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    data = (b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)).ljust(
        150, b"\0"
    ) + picture.tobytes()
    assert (read_picture(write(tmp_path / "a.tif", data)) == upright(picture, orientation)).all()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientation_is_ignored(tmp_path: Path, orientation: int) -> None:
    assert read_picture(write(tmp_path / "a.jpg", with_exif(encode(sample(), ".jpg"), orientation))).shape == (
        48,
        64,
        3,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.95, -2])
def test_truncated_pictures_are_refused(tmp_path: Path, kind: str, part: float) -> None:
    data = encode(sample(), kind)
    end = int(len(data) * part) if part > 0 else int(part)
    refused(write(tmp_path / f"cut{kind}", data[: max(end, 4) if part > 0 else end]))


@pytest.mark.parametrize("flags", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)])
def test_large_jpeg_cut_short_is_refused_by_name(tmp_path: Path, flags: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    data = with_exif(encode(noise, ".jpg", flags), 1)
    thumbnail = data[:2] + b"\xff\xe2\x00\x06\xff\xd8\xff\xd9" + data[2:]  # an end marker within a header part
    assert read_picture(write(tmp_path / "whole.jpg", thumbnail + b"trailing")).shape == (400, 600, 3)
    for cut in (len(data) // 2, len(data) - 2):
        assert "cut short" in refused(write(tmp_path / "cut.jpg", thumbnail[:cut]))
    assert "cut short" in refused(write(tmp_path / "zeros.jpg", thumbnail[: len(data) // 2] + bytes(len(data) // 2)))


def test_png_damage_is_named(tmp_path: Path) -> None:
    data = bytearray(encode(sample()))
    assert "cut short" in refused(write(tmp_path / "cut.png", bytes(data[:-12])))
    data[60] ^= 1
    assert "checksum" in refused(write(tmp_path / "bad.png", bytes(data)))
    refused(write(tmp_path / "short.png", png(64, 48, 8, 2, bytes(193 * 20))))


def test_damaged_colour_profile_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read_picture(write(tmp_path / "a.png", png(2, 2, 8, 2, bytes(14), chunk(b"iCCP", b"x\0\0junk"))))
    for kind in (".webp", ".tiff", ".bmp", ".gif", ".jpg"):
        refused(write(tmp_path / f"cut{kind}", encode(sample(), kind)[:-40]))
    assert capfd.readouterr().err == ""


def test_log_level_comes_back_after_reads_in_threads(tmp_path: Path) -> None:
    import cv2.utils.logging as log

    before = log.getLogLevel()
    good, bad = (
        write(tmp_path / "a.tiff", encode(sample(), ".tiff")),
        write(tmp_path / "b.gif", encode(sample(), ".gif")[:90]),
    )

    def read(path: Path) -> bool:
        try:
            return read_picture(path) is not None
        except PictureError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, [good, bad] * 20)) == [True, False] * 20
    assert log.getLogLevel() == before


def test_what_is_no_picture(tmp_path: Path) -> None:
    assert "0 bytes" in refused(write(tmp_path / "empty.jpg", b""))
    assert "not a picture" in refused(write(tmp_path / "text.jpg", b"hello, world"))
    assert "not a picture" in refused(write(tmp_path / "BMW.txt", b"BM is how this text begins, and it goes on"))
    assert "folder" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "absent.jpg")
    refused(write(tmp_path / "magic.jpg", b"\xff\xd8\xff"))
    refused(write(tmp_path / "float.tiff", cv2.imencode(".tiff", np.ones((4, 4), np.float32))[1].tobytes()))
    assert "int16" in refused(write(tmp_path / "i.tiff", cv2.imencode(".tiff", np.ones((4, 4), np.int16))[1].tobytes()))
    refused(write(tmp_path / "zero.png", png(0, 5, 8, 2, b"")))
    with pytest.raises(PictureError):
        read_picture("nul\0byte.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "regular file" in refused(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="regular file"):
        find_pictures([str(tmp_path / "pipe.jpg")])


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    size = 2**14 + 1
    assert size**2 > MAX_PIXELS
    jpeg = bytearray(encode(sample(), ".jpg"))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", size, size)
    tiff = b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHII", 256, 4, 1, size, 257, 3, 1, size) + bytes(4)
    bombs = {
        "a.png": png(60000, 60000, 8, 2, b""),
        "b.png": png(size, size, 1, 0, b""),
        "a.jpg": bytes(jpeg),
        "a.gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20),
        "a.bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, size, -size) + bytes(28),
        "a.webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\0\xff\xff\0",
        "a.tif": tiff,
    }
    start = time.monotonic()
    for name, data in bombs.items():
        assert "megapixels" in refused(write(tmp_path / name, data)), name
    assert time.monotonic() - start < 1


def test_random_damage_never_escapes_as_another_error(tmp_path: Path) -> None:
    chance = random.Random(0)
    for kind in KINDS:
        whole = encode(sample(), kind)
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(min(len(data), 300))] = chance.randrange(256)
            try:
                read_picture(write(tmp_path / f"a{kind}", bytes(data)))
            except PictureError:
                pass


@pytest.mark.slow
def test_two_hundred_megapixels(tmp_path: Path) -> None:
    row = b"\0" + bytes(range(256)) * 78 + bytes(32)
    read = read_picture(write(tmp_path / "large.png", png(20000, 10000, 8, 0, row * 10000)))
    assert read.shape == (10000, 20000, 3) and read[9999, 255].tolist() == [255] * 3


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real pictures is not here")
def test_real_pictures() -> None:
    pictures = find_pictures([str(REAL)])
    shapes = {picture.name: read_picture(picture.path).shape for picture in pictures}
    assert len(shapes) == 8
    assert shapes["coco/000000000785.jpg"] == (425, 640, 3) and shapes["freihand/00000355.jpg"] == (224, 224, 3)


def test_import_brings_neither_torch_nor_opencv() -> None:
    code = "import sys, mien.pictures; sys.exit(any(name in sys.modules for name in ('torch', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
