"""Pickles, PyTorch files and safetensors that want to run something, or claim more than they hold."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile

from .mutate import any_bytes, canary_command, change_json, pick

__all__ = ["evil_pickle", "pickle_file", "safetensors_file", "torch_file"]

_CALLS = (
    ("os", "system"), ("posix", "system"), ("subprocess", "getoutput"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "__import__"), ("numpy", "load"), ("numpy.core.multiarray", "fromfile"), ("torch", "load"),
    ("numpy.f2py.crackfortran", "myeval"), ("runpy", "run_path"), ("shutil", "rmtree"), ("builtins", "getattr"),
    ("collections", "OrderedDict"), ("numpy", "ndarray"), ("chumpy.ch", "system"), ("_codecs", "encode"),
    ("numpy.core.multiarray", "_reconstruct"), ("functools", "partial"), ("operator", "methodcaller"),
)  # fmt: skip


def evil_pickle(rng: random.Random) -> bytes:
    """A pickle that calls, hashes, counts or nests what it should not."""
    module, name = rng.choice(_CALLS)
    command = rng.choice((canary_command(), f"__import__('os').system('{canary_command()}')", "/etc/passwd"))
    said = command.encode()
    text = b"X" + struct.pack("<I", len(said)) + said
    call = b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    stacked = b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"
    deep, count = rng.choice((1000, 100_000)), rng.choice((2**16, 2**31 - 1, 2**32 - 1))
    return rng.choice((
        lambda: b"\x80\x02" + call + text + b"\x85R.",
        lambda: b"\x80\x04" + stacked + text + b"\x85R.",
        lambda: b"\x80\x02" + call + b"(" + text + b"tR.",
        lambda: b"(i" + module.encode() + b"\n" + name.encode() + b"\n" + text[5:] + b".",
        lambda: b"(S'" + said.replace(b"'", b'"') + b"'\ni" + module.encode() + b"\n" + name.encode() + b"\n.",
        lambda: b"\x80\x02" + call + b")\x81}b.",
        lambda: b"\x80\x02" + call + b"}" + text + b"Nsb.",
        lambda: b"\x80\x02(" + call + text + b"o.",
        lambda: b"\x80\x02\x82\x01.", lambda: b"\x80\x02P1\n.", lambda: b"\x80\x02NQ.",
        lambda: b"\x80\x02Nr" + struct.pack("<I", count) + b".",
        lambda: b"\x80\x02" + b"(" * deep + b"N.", lambda: b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".",
        lambda: b"\x80\x02N" + b"\x85" * deep + b"}q\x00" + b"h\x00Ns.",
        lambda: b"\x80\x02}N" + b"\x85" * deep + b"Ns.",
        lambda: b"\x80\x02}N" + b"2\x86" * 40 + b"Ns.",
        lambda: b"\x80\x02N" + b"2\x86" * 60 + b".",
        lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.", lambda: b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
        lambda: b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
        lambda: b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
        lambda: b"L" + b"9" * 6000 + b"L\n.", lambda: b"I" + b"9" * 6000 + b"\n.", lambda: b"F1e999\n.",
        lambda: b"\x80\x02" + b"N0" * deep + b"N.", lambda: b"S'\\N{BELL}'\n.", lambda: b"V\\ud800\n.",
        lambda: pickle.dumps({"a": [float("nan")] * 9, "b": b"x" * 99}, 4),
        lambda: b"\x80\x02cnumpy\ndtype\nX\x04\x00\x00\x00O8  K\x00K\x01\x87R.",
        lambda: b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I" + str(2**40).encode()
        + b"\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'abc'\ntb.",
    ))()  # fmt: skip


def pickle_file(rng: random.Random, data: bytes) -> bytes:
    """A pickle with another instruction, or another one."""
    what = rng.random()
    if what < 0.4:
        return any_bytes(rng, data)
    evil = evil_pickle(rng)
    if what < 0.75 or len(data) < 4:
        return evil
    place = rng.choice((2, rng.randrange(len(data))))
    inner = evil[2:-1] if evil[:1] == b"\x80" else evil[:-1]
    return data[:place] + inner + data[place:]


# PyTorch ---------------------------------------------------------------------------------------------------------
def torch_file(rng: random.Random, data: bytes) -> bytes:
    """A checkpoint with other instructions, storages that are cut or claimed, or another archive."""
    from .mutate_archives import zip_file

    if data[:2] != b"PK":
        return pickle_file(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    what, found = rng.random(), []
    if what < 0.25:
        return zip_file(rng, data)
    spot = rng.randrange(len(members))
    for place, (name, content) in enumerate(members):
        is_pickle = name.endswith("data.pkl")
        if what < 0.7 and is_pickle:
            content = pickle_file(rng, content)
        elif what >= 0.7 and place == spot:
            content = any_bytes(rng, content) if rng.random() < 0.7 else b""
        found.append((name, content))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in found:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return stream.getvalue()


# safetensors -----------------------------------------------------------------------------------------------------
def safetensors_file(rng: random.Random, data: bytes) -> bytes:
    """Offsets that overlap or lead away, other types and shapes, another card, or another length of the header."""
    size = int.from_bytes(data[:8], "little")
    body = data[8 + size :]
    header = json.loads(data[8 : 8 + size])
    return pick(rng, [_any, _lengths, _offsets, _header, _header, _card, _card, _card])(
        rng, json.dumps([header]).encode() + b"\n" + body
    )


def _parts(data: bytes) -> tuple[dict, bytes]:
    text, _, body = data.partition(b"\n")
    return json.loads(text)[0], body


def _joined(header: object, body: bytes, size: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return (len(text) if size is None else size).to_bytes(8, "little") + text + body


def _any(rng: random.Random, data: bytes) -> bytes:
    return any_bytes(rng, _joined(*_parts(data)))


def _lengths(rng: random.Random, data: bytes) -> bytes:
    return _joined(*_parts(data), rng.choice((0, 1, 7, 2**20, 100_000_001, 2**31, 2**63, 2**64 - 1)))


def _offsets(rng: random.Random, data: bytes) -> bytes:
    header, body = _parts(data)
    key = rng.choice([key for key in header if key != "__metadata__"])
    ends = rng.choice(
        ([0, 2**40], [2**63, 2**63 + 4], [-4, 0], [4, 0], [0, 0], [0, 4], [len(body), len(body) + 4], [0])
    )
    header[key]["data_offsets"] = ends
    return _joined(header, body)


def _header(rng: random.Random, data: bytes) -> bytes:
    header, body = _parts(data)
    return _joined(change_json(rng, header), body)


def _card(rng: random.Random, data: bytes) -> bytes:
    """The card inside is JSON within JSON."""
    header, body = _parts(data)
    meta = header.get("__metadata__", {})
    if "mien" in meta:
        text = meta["mien"]
        changed = change_json(rng, json.loads(text))
        deep = "[" * 100_000
        meta["mien"] = rng.choice((json.dumps(changed),) * 6 + (deep, text[:-1], "null", "[]", text * 2))
    return _joined(header, body)
