"""Changes that break files: bytes of any file, values of JSON, cells of tables. Each takes a generator."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["HOSTILE", "NAMES", "Mutator", "any_bytes", "canary_command", "json_file", "pick", "text_file"]

Mutator = Callable[[random.Random, bytes], bytes]

CANARY = "mien-fuzz-canary"
"""A file of this name in the working folder means that something in a file ran."""

NAMES = (
    "../../../../etc/passwd", "/etc/passwd", "..\\..\\windows\\win.ini", "C:\\boot.ini", "a\0b.jpg", "", ".", "..", "/",
    "a" * 5000, "con", "~root/x", "$(touch mien-fuzz-canary)", "`touch mien-fuzz-canary`", "%s%s%n", "{0.__class__}",
    "{subject.__class__}", "</script><img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "=cmd|'/C calc'!A0",
    "\ud800", "\u202egnp.exe", "\x1b[2J\x1b]0;owned\x07", "a\nb\rc", "http://127.0.0.1:9/x", "file:///etc/passwd", "ﬀ",
)  # fmt: skip
"""Names that lead out of a folder, run as a command, or mean something to a page, a table or a terminal."""

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 255, 65536, 2**31 - 1, -(2**31), 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63,
    -(2**63), 10**30, 10**400, 0.5, -0.0, 1e-320, 1e38, 1e39, 1e308, float("nan"), float("inf"), float("-inf"),
    [], {}, [[]], [{}], [None], {"": None}, [1, [2, [3]]], [1e300] * 4, list(range(70)), "1", "nan", "1e999", "true",
    "\0", *NAMES,
)  # fmt: skip
"""Values that stand where another kind was meant."""

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def canary_command() -> str:
    """A shell command that leaves the canary."""
    return f"touch {CANARY}"


def pick(rng: random.Random, mutators: dict[str, Mutator] | list[Mutator]) -> Mutator:
    """One of them."""
    return rng.choice(list(mutators.values()) if isinstance(mutators, dict) else mutators)


# bytes -----------------------------------------------------------------------------------------------------------
def _flip(rng: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if found:
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _flip_head(rng: random.Random, data: bytes) -> bytes:
    head = data[:256]
    return _flip(rng, head) + data[256:]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.choice((0, 1, 2, 3, 4, 8, 12, 16, 30, rng.randint(0, len(data)), max(0, len(data) - 1)))]


def _drop(rng: random.Random, data: bytes) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.choice((1, 2, 4, 16, 256)) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice((1, 4, 64, 1024))]
    return data[:start] + piece * rng.choice((2, 3, 100)) + data[start:]


def _noise(rng: random.Random, data: bytes) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + rng.randbytes(rng.choice((1, 4, 64, 4096))) + data[start:]


def _overwrite(rng: random.Random, data: bytes) -> bytes:
    """A number of many kinds over what is there: lengths, counts and offsets are numbers."""
    if not data:
        return data
    number, form = rng.choice(_NUMBERS), rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    raw = struct.pack(form, number & (2 ** (8 * struct.calcsize(form)) - 1))
    start = rng.randrange(min(len(data), rng.choice((32, 256, len(data)))))
    return data[:start] + raw + data[start + len(raw) :]


def _zeros(rng: random.Random, data: bytes) -> bytes:
    start = rng.randint(0, len(data))
    size = rng.choice((4, 64, 1024))
    return data[:start] + bytes(size) + data[start + size :]


def _tail(rng: random.Random, data: bytes) -> bytes:
    return data + rng.choice((b"\0" * 4096, b"\xff" * 100, data, b"PK\x05\x06" + bytes(18)))


_BYTES = [_flip, _flip, _flip_head, _flip_head, _cut, _drop, _repeat, _noise, _overwrite, _overwrite, _zeros, _tail]


def any_bytes(rng: random.Random, data: bytes) -> bytes:
    """A change that knows nothing of the format."""
    return pick(rng, _BYTES)(rng, data)


# json ------------------------------------------------------------------------------------------------------------
def json_file(rng: random.Random, data: bytes) -> bytes:
    """JSON with a value, a key or the depth changed; or its bytes."""
    if rng.random() < 0.15:
        return any_bytes(rng, data)
    try:
        value = json.loads(data)
    except ValueError:
        return any_bytes(rng, data)
    if rng.random() < 0.12:
        return _odd_json(rng, data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        value = change_json(rng, value)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _odd_json(rng: random.Random, data: bytes) -> bytes:
    """What JSON allows and nobody writes."""
    deep = rng.choice((500, 3000, 100_000, 1_000_000))
    text = data.decode("utf-8", "replace")
    return rng.choice((
        lambda: b"[" * deep,
        lambda: b"[" * deep + b"]" * deep,
        lambda: b'{"a":' * deep + b"1" + b"}" * deep,
        lambda: text.replace(":", ":" + "[" * deep + "]" * deep + ", \"x\":", 1).encode(),
        lambda: b"\xef\xbb\xbf" + data,
        lambda: text.encode("utf-16"),
        lambda: text.replace("0", "9" * rng.choice((400, 5000)), 1).encode(),
        lambda: text.replace("{", '{"schema_version": 1, "schema_version": 2,', 1).encode(),
        lambda: b"null", lambda: b"[]", lambda: b"{}", lambda: b"", lambda: b'"text"', lambda: b"1e400",
    ))()  # fmt: skip


def change_json(rng: random.Random, value: Any) -> Any:
    """The value with one place in it changed."""
    places: list[tuple[Any, Any]] = []
    _places(value, places, 4000)
    if not places or rng.random() < 0.03:
        return rng.choice(HOSTILE)
    # Places near the top decide more than the hundredth number of a list.
    holder, key = rng.choice(places[: rng.choice((8, 64, len(places)))])
    what = rng.random()
    if what < 0.6:
        holder[key] = rng.choice(HOSTILE)
    elif what < 0.75:
        del holder[key]
    elif what < 0.85 and isinstance(holder, dict):
        holder[str(rng.choice(NAMES)) + str(key) * (rng.random() < 0.5)] = holder.pop(key)
    elif what < 0.9 and isinstance(holder, list):
        holder.insert(0, holder[key])
    elif isinstance(holder, dict):
        holder[rng.choice(("extra", "id", "0", *NAMES))] = rng.choice(HOSTILE)
    else:
        holder[key] = [holder[key]]
    return value


def _places(value: Any, found: list[tuple[Any, Any]], most: int) -> None:
    """Breadth first: every place where something stands."""
    queue = [value]
    while queue and len(found) < most:
        holder = queue.pop(0)
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, inner in pairs:
            found.append((holder, key))
            if isinstance(inner, dict | list):
                queue.append(inner)


# text ------------------------------------------------------------------------------------------------------------
def text_file(rng: random.Random, data: bytes) -> bytes:
    """A table, a mesh, a list of words: one cell or one line changed; or its bytes."""
    if rng.random() < 0.3:
        return any_bytes(rng, data)
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    row = rng.randrange(len(lines)) if rng.random() < 0.6 else rng.randrange(min(len(lines), 8))
    mark = next((each for each in ("\t", ",", " ") if each in lines[row]), ",")
    cells = lines[row].split(mark)
    column, what = rng.randrange(len(cells)), rng.random()
    if what < 0.55:
        cells[column] = str(rng.choice(HOSTILE))
    elif what < 0.65:
        del cells[column]
    elif what < 0.75:
        cells.insert(column, rng.choice(cells))
    elif what < 0.85:
        cells[column] = rng.choice(('"', '"' * 3, '"a\nb"', "\0", "x" * 200_000, "١٢", "0x10", "1_000", "9" * 400))
    elif what < 0.93:
        lines[row : row + 1] = [lines[row]] * rng.choice((0, 2, 50))
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    else:
        return rng.choice(
            (text.encode("utf-16"), text.replace("\n", "\r").encode(), b"\xff\xfe" + data, text[:1].encode())
        )
    lines[row] = mark.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")
