"""Laws of the small parsers: anything is answered or refused, and what was written comes back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mien.data.npz_write import write_npz
from mien.data.pixels import stored_size
from mien.data.readers import READERS
from mien.data.readers.ehf import read_ply_vertices
from mien.detect.boxes import BoxesFile
from mien.errors import InputError, MienError
from mien.exif import focal_from_exif
from mien.files import inside, parse_json
from mien.filming.spill import Spill
from mien.npz import load_npz
from mien.study.ledger import Ledger
from mien.unpickle import loads_pickle

few = settings(max_examples=40)
texts = st.text(st.characters(exclude_categories=()), max_size=40)
plain = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF....WEBPVP8X", b"II*\0", b"MM\0*", b"BM", b"")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | plain,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(plain, inner, max_size=5),
    max_leaves=20,
)
"""Whatever JSON can say."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")


@few
@given(st.one_of(texts, st.lists(st.sampled_from(["..", ".", "", "a", "/", "\\", "b.jpg"]), max_size=6).map("/".join)))
def test_a_name_is_below_its_folder_or_refused(name: str) -> None:
    root = Path("/data/root")
    try:
        found = inside(root, name)
    except InputError:
        return
    parts = [part for part in str(found).replace("\\", "/").split("/") if part]
    assert parts[:2] == ["data", "root"] and ".." not in parts and "\0" not in str(found)


@few
@given(texts, texts, texts)
def test_every_message_can_be_shown(found: str, expected: str, todo: str) -> None:
    assert str(MienError(found, expected=expected, todo=todo)).isprintable()


@few
@given(st.binary(max_size=60) | plain.map(str.encode))
def test_bytes_are_json_or_a_value_error(data: bytes) -> None:
    try:
        parse_json(data)
    except ValueError:
        pass


@few
@given(st.binary(max_size=80))
def test_bytes_are_a_pickle_or_refused(data: bytes) -> None:
    try:
        loads_pickle(b"\x80\x04" + data, "a")
    except MienError:
        pass


@few
@given(st.sampled_from(MAGIC), st.binary(max_size=120))
def test_bytes_are_a_picture_or_refused(folder: Path, start: bytes, rest: bytes) -> None:
    try:
        height, width = stored_size(start + rest, "a")
        assert height > 0 and width > 0
    except MienError:
        pass
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1\0\x70Exif\0\0" + start + rest)
    focal = focal_from_exif(folder / "a.jpg", 30, 20)
    assert focal is None or focal > 0


@few
@given(values)
def test_json_is_boxes_or_refused(folder: Path, value: Any) -> None:
    (folder / "boxes.json").write_text(json.dumps(value))
    try:
        found = BoxesFile.load(folder / "boxes.json")
        assert all(len(each.boxes) == len(each.scores) for each in found.entries.values())
    except MienError:
        pass


@few
@given(st.dictionaries(plain.filter(bool), values, max_size=4))
def test_a_ledger_comes_back(tmp_path_factory: pytest.TempPathFactory, found: dict[str, Any]) -> None:
    out = tmp_path_factory.mktemp("ledger")
    ledger = Ledger.open(out, "rank")
    for key, value in found.items():
        ledger.add(key, {"name": key, "value": value})
    ledger.add_failure("x", "x", "why")
    again = Ledger.open(out, "rank")
    assert repr(again.jobs) == repr(dict(sorted(ledger.jobs.items()))) and again.failed == ledger.failed
    assert again.plan == ledger.plan


@few
@given(
    st.dictionaries(
        st.text("abc_é ", min_size=1, max_size=5),
        hnp.arrays(
            hnp.scalar_dtypes().filter(lambda kind: kind.kind in "biufc"), hnp.array_shapes(min_dims=0, max_dims=3)
        ),
        max_size=4,
    )
)
def test_arrays_written_with_the_same_bytes_come_back(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    with open(folder / "a.npz", "wb") as stream:
        write_npz(stream, arrays)
    found = load_npz(folder / "a.npz")
    assert found.keys() == arrays.keys()
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype and found[key].tobytes() == array.tobytes()


@few
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(4)), elements=numbers), plain)
def test_boxes_of_a_table_come_back(folder: Path, boxes: np.ndarray, name: str) -> None:
    name = "".join(c for c in name if c.isprintable()).strip() or "a"
    with open(folder / "a.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([["image", "x", "y", "w", "h"], *([name, *map(repr, map(float, row))] for row in boxes)])
    (samples,) = READERS["table"].read(folder / "a.csv")
    known = samples.box.weight > 0
    np.testing.assert_array_equal(samples.box.value[known], boxes[known])
    assert samples.image.tolist() == [name] * len(boxes)


@few
@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(3)), elements=numbers), st.booleans())
def test_vertices_of_a_ply_come_back(folder: Path, vertices: np.ndarray, text: bool) -> None:
    kind = "ascii" if text else "binary_little_endian"
    head = f"ply\nformat {kind} 1.0\nelement vertex {len(vertices)}\n"
    head += "property float x\nproperty float y\nproperty float z\nend_header\n"
    rows = "\n".join(" ".join(repr(float(n)) for n in row) for row in vertices).encode()
    (folder / "a.ply").write_bytes(head.encode() + (rows if text else vertices.astype("<f4").tobytes()))
    np.testing.assert_array_equal(read_ply_vertices(folder / "a.ply"), vertices)


@few
@given(st.lists(st.tuples(numbers, st.integers(0, 2**40)), max_size=8), st.integers(0, 3))
def test_rows_of_a_clip_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("spill")
    array = np.array(rows, [("score", "<f4"), ("track_id", "<i8")])
    spill = Spill.open(folder, {"a": 1}, resume=False)
    times = np.arange(len(rows) + 1, dtype=np.float64)
    spill.append(array, times, {"a": 1}, {"next": 3})
    for name in ("rows.bin", "times.bin"):  # what a kill leaves behind the last whole chunk
        with open(folder / name, "ab") as stream:
            stream.write(b"x" * cut)
    again = Spill.open(folder, {"a": 1}, resume=True)
    np.testing.assert_array_equal(again.times(), times)
    assert again.extra == {"next": 3}
    np.testing.assert_array_equal(again.column("score"), array["score"] if rows else np.zeros(0))
