"""Changes to .npy, .npz, .zip and .tar files: shapes, types, names, sizes and the tables of contents."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import warnings
import zipfile
from typing import Any

import numpy as np

from .mutate import NAMES, any_bytes, pick
from .mutate_pickles import evil_pickle

__all__ = ["npy_file", "npz_file", "tar_file", "zip_file"]

_DTYPES = (
    "<f4",
    "<f8",
    ">f4",
    "<f2",
    "<i8",
    "<u1",
    "<c8",
    "|b1",
    "<U5",
    "<M8[s]",
    "|S3",
    "|V7",
    "|O",
    "<f16",
    "<i9",
    "O",
)
_SHAPES = (
    (), (0,), (1,), (2**31,), (2**62,), (2**63,), (-1,), (-5, -5), (2**32, 2**32), (1, 1, 1), (0, 2**60), (1.5,), "x",
    (True,), (1,) * 40, (1,) * 70, (10**30,),
)  # fmt: skip


# npy -------------------------------------------------------------------------------------------------------------
def npy_file(rng: random.Random, data: bytes) -> bytes:
    """An .npy file with another array, another header, or other bytes."""
    what = rng.random()
    if what < 0.2:
        return any_bytes(rng, data)
    if what < 0.55:
        return _with_header(rng, data)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:
        return _with_header(rng, data)
    return _saved(_other_array(rng, array))


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _with_header(rng: random.Random, data: bytes) -> bytes:
    """The header says another shape, order or type than the content has; or is no header."""
    body = data[10 + struct.unpack("<H", data[8:10])[0] :] if len(data) > 10 else b""
    if rng.random() < 0.2:
        return _npy("|O", (), evil_pickle(rng))
    kind = rng.choice(_DTYPES)
    shape = rng.choice(_SHAPES)
    text = rng.choice((
        f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}",
        f"{{'descr': {kind!r}, 'fortran_order': True, 'shape': {shape!r}, }}",
        f"{{'descr': [('a', '<f4'), ('b', {kind!r})], 'fortran_order': False, 'shape': {shape!r}, }}",
        f"{{'descr': ('<f4', {shape!r}), 'fortran_order': False, 'shape': (1,), }}",
        "__import__('os').system('touch mien-fuzz-canary')", "{" * 3000, "(" * 9000, "{'descr': '<f4'}", "\0" * 64, "",
    ))  # fmt: skip
    return _raw_npy(text, body, rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9))))


def _raw_npy(text: str, body: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    raw = text.encode("latin1", "replace") + b"\n"
    size = struct.pack("<H", len(raw) & 0xFFFF) if version[0] == 1 else struct.pack("<I", len(raw))
    return b"\x93NUMPY" + bytes(version) + size + raw + body


def _npy(kind: str, shape: tuple[int, ...], body: bytes) -> bytes:
    return _raw_npy(f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}", body)


def _other_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return rng.choice((
                lambda: array.astype(rng.choice(("<f8", "<f2", "<i8", "<U7", "|S3", "|b1", "<c16", ">f4", "<u8"))),
                lambda: array[..., :-1], lambda: array[:0], lambda: array[:1], lambda: array[None], lambda: array.T,
                lambda: np.asfortranarray(array), lambda: array.reshape(-1), lambda: np.concatenate([array, array]),
                lambda: np.full_like(array, rng.choice((np.nan, np.inf, -np.inf, 1e38, -1, 0, 255, 2**31 - 1))),
                lambda: _spotted(rng, array), lambda: np.array(rng.choice((0, -1, 2**63 - 1, 1e300, "x", b"x", True))),
                lambda: np.zeros(0), lambda: np.array([{"a": 1}, None], object), lambda: np.array({"a": [1]}, object),
                lambda: np.array(rng.choice(NAMES), dtype=object), lambda: np.array([rng.choice(NAMES)] * 3, object),
                lambda: np.array([rng.choice(NAMES).encode("utf-8", "replace").decode()]), lambda: np.ones((3,) * 9),
                lambda: np.zeros(3, [("a", "<f4"), ("b", "<i4")]), lambda: np.array([np.nan, 1], object),
            ))()  # fmt: skip
        except (ValueError, TypeError, OverflowError, IndexError):
            return np.array([1, 2, 3])


def _spotted(rng: random.Random, array: np.ndarray) -> np.ndarray:
    """One number changed."""
    found = array.copy()
    if found.size and found.dtype.kind in "iuf":
        value = rng.choice((np.nan, np.inf, 1e30, -1e30, 0)) if found.dtype.kind == "f" else rng.choice((0, 1, 99))
        found.reshape(-1)[rng.randrange(found.size)] = value
    return found


# zip and npz -----------------------------------------------------------------------------------------------------
def npz_file(rng: random.Random, data: bytes) -> bytes:
    """An .npz with a member changed, gone, doubled or renamed; or its zip archive."""
    if rng.random() < 0.35:
        return zip_file(rng, data)
    members = _members(data)
    if not members:
        return zip_file(rng, data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        place, what = rng.randrange(len(members)), rng.random()
        name, content = members[place]
        if what < 0.75:
            members[place] = (name, npy_file(rng, content))
        elif what < 0.85 and len(members) > 1:
            del members[place]
        elif what < 0.92:
            members.append((name, npy_file(rng, content)))
        else:
            members[place] = (rng.choice(("x.npy", "track_id.npy", *NAMES)), content)
    return _zipped(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def zip_file(rng: random.Random, data: bytes) -> bytes:
    """A zip archive with other names, other sizes, or a table of contents that lies."""
    return pick(rng, [_bytes_of_zip, _table, _table, _renamed, _bomb, _many, _packed, _overlapping, _linked])(rng, data)


def _bytes_of_zip(rng: random.Random, data: bytes) -> bytes:
    return any_bytes(rng, data)


def _members(data: bytes) -> list[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return []


def _zipped(members: list[tuple[str, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", packing) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename, info.compress_type = name.encode("utf-8", "replace").decode(), packing
            archive.writestr(info, content)
    return stream.getvalue()


def _table(rng: random.Random, data: bytes) -> bytes:
    """A field of an entry in the table of contents: flags, packing, checksum, sizes, lengths, place."""
    places = [i for i in range(len(data) - 4) if data[i : i + 4] == b"PK\x01\x02"] if len(data) < 2**22 else []
    if not places:
        return any_bytes(rng, data)
    field, form = rng.choice((
        (8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (32, "<H"), (42, "<I"),
    ))  # fmt: skip
    most = 2 ** (8 * struct.calcsize(form)) - 1
    number = rng.choice((0, 1, 2, 8, 9, 12, 14, 93, 99, 2**15, 2**31 - 1, 2**32 - 1)) & most
    start = rng.choice(places) + field
    return data[:start] + struct.pack(form, number) + data[start + struct.calcsize(form) :]


def _renamed(rng: random.Random, data: bytes) -> bytes:
    members = _members(data) or [("a", b"b")]
    place = rng.randrange(len(members))
    name = rng.choice((*NAMES, members[rng.randrange(len(members))][0]))
    members[place] = (name + ".npy" * (rng.random() < 0.3), members[place][1])
    return _zipped(members)


def _bomb(rng: random.Random, data: bytes) -> bytes:
    """Much in little: 64 MB of zeros, and a header that claims far more."""
    members = _members(data) or [("a.npy", b"")]
    place = rng.randrange(len(members))
    size = rng.choice((2**20, 2**24, 2**26))
    claimed = rng.choice((size // 4, 2**34, 2**40))
    members[place] = (members[place][0], _npy("<f4", (claimed,), bytes(size)))
    return _zipped(members, zipfile.ZIP_DEFLATED)


def _many(rng: random.Random, data: bytes) -> bytes:
    """Very many members, of few names."""
    count = rng.choice((2000, 30_000))
    name = (_members(data) or [("a.npy", b"")])[0][0]
    names = [name] * count if rng.random() < 0.5 else [f"{i}.npy" for i in range(count)]
    return _zipped([*_members(data), *((each, b"") for each in names)])


def _packed(rng: random.Random, data: bytes) -> bytes:
    return _zipped(_members(data), rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def _overlapping(rng: random.Random, data: bytes) -> bytes:
    """Two entries of the table point to the same bytes."""
    places = [i for i in range(len(data) - 4) if data[i : i + 4] == b"PK\x01\x02"] if len(data) < 2**22 else []
    if len(places) < 2:
        return any_bytes(rng, data)
    one, other = rng.sample(places, 2)
    return data[: one + 42] + data[other + 42 : other + 46] + data[one + 46 :]


def _linked(rng: random.Random, data: bytes) -> bytes:
    """Members that are symbolic links, by their attributes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, _ in _members(data) or [("a", b"")]:
            info = zipfile.ZipInfo(name.replace("\0", "_") or "a", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0xA1FF0000
            archive.writestr(info, b"/etc/passwd")
    del rng
    return stream.getvalue()


# tar -------------------------------------------------------------------------------------------------------------
def tar_file(rng: random.Random, data: bytes) -> bytes:
    """A tar archive with links, odd names, devices, or sizes that lie."""
    if rng.random() < 0.35:
        return any_bytes(rng, data)
    stream = io.BytesIO()
    form = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for member, content in _tar_members(data):
            _add(rng, archive, member, content)
    raw = stream.getvalue()
    if rng.random() < 0.4:
        return _with_size(rng, raw)
    return raw


def _tar_members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return [(each, (archive.extractfile(each) or io.BytesIO()).read()) for each in archive if each.isfile()]
    except Exception:
        return []


def _add(rng: random.Random, archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    if rng.random() < 0.5:
        member.type = rng.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE))
        member.linkname, content = "/etc/passwd", b""
    if rng.random() < 0.3:
        member.name = rng.choice(NAMES).encode("utf-8", "replace").decode().replace("\0", "_")
    if rng.random() < 0.3:
        member.pax_headers = {"path": "../../x", "size": rng.choice(("-1", "99999999999999999999", "x"))}
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _with_size(rng: random.Random, raw: bytes) -> bytes:
    """A header with another size and a checksum that fits."""
    head: Any = bytearray(raw[:512])
    head[124:136] = rng.choice(
        (b"77777777777\0", b"-0000000001\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"00000000000\0")
    )
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + raw[512:]
