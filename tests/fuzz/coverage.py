"""Fuzzing guided by coverage: atheris watches which lines of the parsers run, and keeps what reaches new ones.

    python -m tests.fuzz.coverage pickle --seconds 60
    python -m tests.fuzz.coverage --list

Needs the package atheris (Linux, `pip install atheris`; not among the packages that the tests need). Reads bytes from
memory where the parser takes them, else from one file. A `MienError` is an answer; anything else ends the run, and the
bytes that led there are kept in the folder `--keep`.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .mutate_pickles import evil_pickle

Parser = Callable[[bytes], object]


def _as_file(name: str, read: Callable[[Path], object]) -> Parser:
    """A parser of files as one of bytes."""
    place = Path(tempfile.mkdtemp(prefix="mien-coverage-")) / name

    def parse(data: bytes) -> object:
        place.write_bytes(data)
        return read(place)

    return parse


def _pickle() -> Parser:
    from mien.unpickle import loads_pickle

    return lambda data: loads_pickle(data, "fuzz")


def _npy() -> Parser:
    from mien.npz import load_npy

    return _as_file("a.npy", load_npy)


def _npz() -> Parser:
    from mien.npz import load_npz

    return _as_file("a.npz", load_npz)


def _exif() -> Parser:
    from mien.exif import focal_from_exif

    return _as_file("a.jpg", lambda path: focal_from_exif(path, 30, 20))


def _header() -> Parser:
    from mien.data.pixels import stored_size

    return lambda data: stored_size(data, "fuzz")


def _boxes() -> Parser:
    from mien.detect.boxes import BoxesFile

    return _as_file("a.json", BoxesFile.load)


def _card() -> Parser:
    from mien.nets.card import WeightCard

    return lambda data: WeightCard.from_json(data.decode("utf-8", "replace"), Path("a.safetensors"))


def _ply() -> Parser:
    from mien.evaluate.meshes import read_mesh

    return _as_file("a.ply", read_mesh)


def _table() -> Parser:
    from mien.data.readers import READERS

    return _as_file("a.csv", lambda path: list(READERS["table"].read(path)))


def _coco() -> Parser:
    from mien.data.readers import READERS

    return _as_file("a.json", lambda path: list(READERS["coco-wholebody"].read(path)))


PARSERS: dict[str, tuple[Callable[[], Parser], list[str]]] = {
    "pickle": (_pickle, ["mien.unpickle", "mien.allowed"]),
    "npy": (_npy, ["mien.npz", "mien.unpickle", "mien.allowed"]),
    "npz": (_npz, ["mien.npz", "zipfile"]),
    "exif": (_exif, ["mien.exif"]),
    "header": (_header, ["mien.pictures", "mien.data.pixels"]),
    "boxes": (_boxes, ["mien.detect.boxes"]),
    "card": (_card, ["mien.nets.card"]),
    "ply": (_ply, ["mien.data.readers.ehf", "mien.evaluate.meshes"]),
    "csv": (_table, ["mien.data.readers.table", "csv"]),
    "coco": (_coco, ["mien.data.readers.coco", "mien.data.readers.base"]),
}
"""By name: what makes the parser, and the modules whose lines are watched."""


def starters(name: str) -> list[bytes]:
    """What the search begins with."""
    import random

    import numpy as np

    from . import seeds

    if name == "pickle":
        return [evil_pickle(random.Random(i)) for i in range(60)]
    if name in ("npy", "npz"):
        stream = io.BytesIO()
        (np.save if name == "npy" else np.savez)(stream, np.arange(6.0).reshape(2, 3))  # pyright: ignore
        return [stream.getvalue()]
    if name in ("exif", "header"):
        return [seeds.exif_jpeg(), *(seeds.encoded(ending) for ending in (".png", ".webp", ".bmp", ".tiff", ".gif"))]
    if name == "card":
        return [b'{"name": "a", "config": {"embed_dim": 64}, "body_family": "openbody", "licence": "x"}']
    maker = {"boxes": seeds.boxes, "ply": seeds.meshes, "csv": seeds.table, "coco": seeds.dataset("coco")}[name]
    with tempfile.TemporaryDirectory() as folder:
        maker(Path(folder))
        ending = {"ply": ".ply", "csv": ".csv"}.get(name, ".json")
        return [each.read_bytes() for each in sorted(Path(folder).iterdir()) if each.suffix == ending]


def main() -> int:
    """Read the command line and search."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.coverage", description=__doc__)
    parser.add_argument("parser", nargs="?", choices=sorted(PARSERS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz"), help="a folder for what ends the run")
    parser.add_argument("--list", action="store_true")
    wishes = parser.parse_args()
    if wishes.list or wishes.parser is None:
        print("\n".join(f"{name:10} {', '.join(modules)}" for name, (_, modules) in PARSERS.items()))
        return 0
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris (Linux)", file=sys.stderr)
        return 2
    make, modules = PARSERS[wishes.parser]
    with atheris.instrument_imports(include=modules):  # pyright: ignore[reportAttributeAccessIssue]
        for module in modules:
            __import__(module)
        parse = make()
    from mien.errors import MienError

    def once(data: bytes) -> None:
        try:
            parse(data)
        except MienError as error:
            assert str(error).isprintable(), str(error)

    wishes.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(starters(wishes.parser)):
            (Path(corpus) / str(number)).write_bytes(data)
        options = [f"-max_total_time={wishes.seconds}", "-timeout=10", "-rss_limit_mb=4096", "-print_final_stats=1"]
        options += [f"-artifact_prefix={wishes.keep}/{wishes.parser}-", "-max_len=65536", corpus]
        atheris.Setup([sys.argv[0], *options], once)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
