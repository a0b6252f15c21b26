"""Foreign pickles: what is read, what is refused, and that neither runs anything nor fills the memory."""

import builtins
import collections
import copyreg
import io
import os
import pickle
import struct
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mien.errors import InputError, MienError, UnsafeFile
from mien.npz import load_npy, load_npz, open_npz
from mien.unpickle import load_pickle, loads_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
NUMBERS = np.arange(6, dtype=np.float64).reshape(2, 3)
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
FLOAT64 = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"


class Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            same(found[key], wanted[key])
    else:
        assert found == wanted


# ---------------------------------------------------------------------------------------------- what is read

VALUES = {
    "numbers": {"a": 1, "b": -2.5, "c": 10**30, "d": True, "e": None, "f": 1 + 2j},
    "words": {"a": "héllo", "b": b"\x00\xff", "c": bytearray(b"xyz"), "d": b"", "e": ""},
    "containers": {"a": [1, (2, 3)], "b": {4, 5}, "c": frozenset({6}), "d": collections.OrderedDict(x=1), (1, 2): 3},
    "default": collections.defaultdict(list, {"a": [1]}),
    "array": NUMBERS,
    "fortran": np.asfortranarray(NUMBERS),
    "bools": np.array([True, False]),
    "text": np.array(["a", "bcd"]),
    "byte text": np.array([b"a", b"bcd"]),
    "empty": np.zeros((0, 3)),
    "rank 0": np.array(3, np.int16),
    "scalar": {"a": np.float32(1.5), "b": np.int64(-3), "c": np.bool_(True), "d": np.str_("abc"), "e": np.str_("")},
    "shared": [NUMBERS] * 2,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALUES)
def test_round_trip(name: str, protocol: int) -> None:
    found = loads_pickle(pickle.dumps(VALUES[name], protocol), name)
    if name == "shared":
        assert found[0] is found[1]
    else:
        same(found, VALUES[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_hold_anything_that_is_allowed(protocol: int) -> None:
    array = np.array([{"x": NUMBERS}, None, "text"], dtype=object)
    found = loads_pickle(pickle.dumps(array, protocol), "objects")
    assert found.dtype == object and found[1:].tolist() == [None, "text"]
    same(found[0], array[0])


@given(hnp.arrays(hnp.scalar_dtypes().filter(lambda t: t.kind in "biufc"), hnp.array_shapes(min_dims=0, max_dims=3)))
def test_any_array_comes_back(array: np.ndarray) -> None:
    for protocol in PROTOCOLS:
        found = loads_pickle(pickle.dumps(array, protocol), "array")
        wanted = pickle.loads(pickle.dumps(array, protocol))  # numpy turns the bytes of some protocols
        assert found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_names_of_numpy_1(protocol: int) -> None:
    data = pickle.dumps({"a": NUMBERS, "b": np.float32(2)}, protocol)
    assert b"numpy._core" in data
    same(loads_pickle(data.replace(b"numpy._core", b"numpy.core"), "old"), {"a": NUMBERS, "b": np.float32(2)})


def test_array_of_python_2() -> None:
    content = repr(np.array([1.5, -2.0]).tobytes()).encode()[1:]
    data = RECONSTRUCT + b"(I1\n(I2\nt" + FLOAT64 + b"I00\nS" + content + b"\ntb."
    same(loads_pickle(data, "old"), np.array([1.5, -2.0]))


def test_string_of_python_2_is_latin1() -> None:
    assert loads_pickle(b"\x80\x02}U\x01aU\x02\xe9\xffs.", "old") == {"a": "éÿ"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csr_array"])
def test_sparse_matrices(kind: str, protocol: int) -> None:
    matrix = getattr(scipy.sparse, kind)(np.array([[0, 1.5, 0], [2.5, 0, 0]]))
    found = loads_pickle(pickle.dumps({"J_regressor": matrix}, protocol), "sparse")["J_regressor"]
    assert type(found) is type(matrix)
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())


def test_sparse_matrix_of_old_scipy() -> None:
    data = pickle.dumps(scipy.sparse.csc_matrix(np.eye(3)), 2).replace(b"scipy.sparse._csc", b"scipy.sparse.csc")
    np.testing.assert_array_equal(loads_pickle(data, "old").toarray(), np.eye(3))


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Made-up classes that pickle under chumpy's names; the package itself is not needed."""
    leaf, select = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    for module, name in ((leaf, "Ch"), (select, "Select"), (leaf, "add")):
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", leaf)
    monkeypatch.setitem(sys.modules, "chumpy.reordering", select)

    def make(name: str, **state: Any) -> Any:
        thing = getattr(select if name == "Select" else leaf, name)()
        vars(thing).update(state)
        return thing

    return make


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_chumpy_values_are_read_without_chumpy(chumpy: Any, protocol: int) -> None:
    leaf = chumpy("Ch", x=NUMBERS, _cache={"r": None})
    select = chumpy("Select", a=leaf, idxs=np.array([5, 0]), preferred_shape=(2, 1))
    found = loads_pickle(pickle.dumps([leaf, select], protocol), "chumpy")
    np.testing.assert_array_equal(np.asarray(found[0]), NUMBERS)
    np.testing.assert_array_equal(np.asarray(found[1], dtype=np.float32), [[5], [0]])


def test_chumpy_without_a_value_says_so(chumpy: Any) -> None:
    endless = chumpy("Select", idxs=np.array([0]))
    endless.a = endless
    with pytest.raises(InputError, match="holds itself"):
        loads_pickle(pickle.dumps(endless), "chumpy")
    for thing in (chumpy("add", a=1, b=2), chumpy("Select", a=NUMBERS, idxs=np.array([99]))):
        found = loads_pickle(pickle.dumps(thing), "chumpy")
        with pytest.raises(InputError, match="without chumpy"):
            np.asarray(found)


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open({!r}, 'w')",)),
        (exec, ("open({!r}, 'w')",)),
        (open, ("{}", "w")),
        (subprocess.Popen, (["touch", "{}"],)),
        (getattr, (NUMBERS, "tofile")),
        (np.load, ("{}",)),
        (np.ndarray.tofile, (NUMBERS, "{}")),
        (copyreg.add_extension, ("os", "system", 1)),
        (__import__, ("this",)),
    ],
)
def test_calls_are_refused(tmp_path: Path, protocol: int, function: Any, args: tuple[Any, ...]) -> None:
    mark = tmp_path / "mark"
    filled = tuple(arg.format(str(mark)) if isinstance(arg, str) else arg for arg in args)
    try:
        data = pickle.dumps(Call(function, *filled), protocol)
    except (pickle.PicklingError, AttributeError):
        pytest.skip("this protocol cannot say it")
    (tmp_path / "evil.pkl").write_bytes(data)
    with pytest.raises(UnsafeFile, match=r"evil\.pkl asks for"):
        load_pickle(tmp_path / "evil.pkl")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "posix.system|os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
        (b"\x80\x04\x8c\x08builtins\x8c\x09list.copy\x93.", "builtins.list.copy"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "multiarray.fromfile"),
        (b"cnumpy.core.numeric\nfromfunction\n.", "fromfunction"),
        (b"cscipy.sparse.csc\nload_npz\n.", "load_npz"),
        (b"cscipy.sparse\nload_npz\n.", "load_npz"),
        (b"c__builtin__\neval\n.", "__builtin__.eval"),
        (b"cbuiltins\n__import__\n.", "__import__"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n.", "torch._utils._rebuild_tensor_v2"),
        (b"cx\n\x1b[2J\n.", r"\\x1b"),
        (b"\x80\x02cnumpy\nndarray\n(I9\nt\x81.", "a new object"),
        (b"\x80\x02c__builtin__\nset\n)\x81.", "a new object"),
        (b"\x80\x04c__builtin__\nset\n)}\x92.", "an instance"),
        (b"(i__builtin__\nset\n.", "old-style class"),
        (b"(c__builtin__\nset\no.", "old-style class"),
        (b"\x80\x02\x82\x01.", "registered extension"),
        (b"c__builtin__\nset\n}S'call'\nNsb.", "a change inside"),
        (b"c__builtin__\nlist\n)R.", "a call of"),
        (b"cnumpy\nndarray\n(I9\ntR.", "a call of"),
        (b"](I1\ntR.", "a call of list"),
        (b"c__builtin__\nset\n]R.", "a call of"),
    ],
)
def test_tricks_are_refused(data: bytes, named: str) -> None:
    with pytest.raises(UnsafeFile, match=named):
        loads_pickle(data, "evil")


def test_codes_of_the_extension_registry_are_refused() -> None:
    copyreg.add_extension("os", "system", 0x7F)
    try:
        with pytest.raises(UnsafeFile):
            loads_pickle(b"\x80\x02\x82\x7f(U\x04truetR.", "evil")
    finally:
        copyreg.remove_extension("os", "system", 0x7F)


def test_the_allowed_table_is_not_changed_by_a_file() -> None:
    with pytest.raises(MienError):
        loads_pickle(b"cnumpy\ndtype\n(N}S'call'\nNstb.", "evil")
    same(loads_pickle(pickle.dumps(NUMBERS, 2), "good"), NUMBERS)


def test_refusal_names_file_wish_and_remedy() -> None:
    with pytest.raises(UnsafeFile) as caught:
        loads_pickle(b"cos\nsystem\n.", "model.pkl")
    assert "model.pkl asks for os.system" in caught.value.found
    assert "arrays" in caught.value.expected and "savez" in caught.value.todo


# ---------------------------------------------------------------------------------------------- damage and bombs

HUGE = struct.pack("<Q", 2**40)
BOMBS = {
    "empty": b"",
    "garbage": b"\xde\xad\xbe\xef" * 20,
    "text": b"hello world",
    "stops early": pickle.dumps(NUMBERS)[:-20],
    "no stack": b".",
    "unknown codec": b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
    "bytearray by count": b"c__builtin__\nbytearray\n(L1000000000000L\ntR.",
    "bytearray8": b"\x80\x05\x96" + HUGE + b"x.",
    "binbytes8": b"\x80\x04\x8e" + HUGE + b"x.",
    "frame": b"\x80\x04\x95" + HUGE + b"]",
    "string": b"\x80\x02T\xff\xff\xff\x7fabc.",
    "huge array": RECONSTRUCT + b"(I1\n(L1000000000000L\nt" + FLOAT64 + b"I00\nS'abc'\ntb.",
    "negative shape": RECONSTRUCT + b"(I1\n(I-1\nt" + FLOAT64 + b"I00\nS''\ntb.",
    "shape of words": RECONSTRUCT + b"(I1\n(S'2'\nt" + FLOAT64 + b"I00\nS''\ntb.",
    "array state": RECONSTRUCT + b"Nb.",
    "free items": RECONSTRUCT + b"(I1\n(L1000000000000L\ntcnumpy\ndtype\n(S'U0'\ntRI00\nS''\ntb.",
    "objects from bytes": RECONSTRUCT + b"(I1\n(I8\ntcnumpy\ndtype\n(S'O8'\ntRI00\nS'AAAAAAAA'\ntb.",
    "object scalar": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'AAAAAAAA'\ntR.",
    "structured": b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.",
    "fields": b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'|'\nN(S'a'\nt}I8\nI1\nI0\ntb.",
    "wide text": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'U9999999999'\nI0\nI1\ntRS'abc'\ntR.",
    "dtype of a dict": b"cnumpy\ndtype\n(}tR.",
    "other array": b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nset\n(I0\ntS'b'\ntR.",
    "other default": b"ccollections\ndefaultdict\n(cnumpy\ndtype\ntR.",
    "other object": b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
    "array as key": b"}" + RECONSTRUCT + b"Ns.",
    "persistent id": b"P1\n.",
    "bare sparse": b"ccopy_reg\n_reconstructor\n(cscipy.sparse.csc\ncsc_matrix\nc__builtin__\nobject\nNtR.",
    "deep key": b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.",
    "deep keys": b"\x80\x02}()" + b"\x85" * 200_000 + b"Nu.",
    "deep item": b"\x80\x02c__builtin__\nset\n])" + b"\x85" * 200_000 + b"a\x85R.",
    "deep frozen": b"\x80\x04()" + b"\x85" * 200_000 + b"\x91.",
    "wide key": b"\x80\x02})" + b"2\x86" * 60 + b"Ns.",
    "out-of-band": b"\x80\x05\x97.",
    "long number": b"I" + b"9" * 100_000 + b"\n.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_damage_and_bombs_are_input_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="model cannot be read"):
        loads_pickle(BOMBS[name], "model")
    (tmp_path / "model.pkl").write_bytes(BOMBS[name])
    with pytest.raises(InputError, match=r"model\.pkl cannot be read"):
        load_pickle(tmp_path / "model.pkl")


def test_a_far_memo_costs_nothing() -> None:
    assert loads_pickle(b"\x80\x02]r\xff\xff\xff\x7f.", "memo") == []


def test_deep_lists_do_no_harm() -> None:
    assert isinstance(loads_pickle(b"]" * 100_000 + b"a" * 99_999 + b".", "deep"), list)


@pytest.mark.parametrize("indices", [[0, 99], [0, -1]])
def test_sparse_indices_are_checked(indices: list[int]) -> None:
    for kind in ("csc_matrix", "csr_matrix", "coo_matrix"):
        matrix = getattr(scipy.sparse, kind)(np.diag([1.0, 2.0]))
        if kind == "coo_matrix":
            matrix.coords = (np.array(indices), np.array([0, 1]))
        else:
            matrix.indices = np.array(indices, np.int32)
        with pytest.raises(InputError):
            loads_pickle(pickle.dumps(matrix, 2), "sparse")


@given(st.binary(max_size=60))
def test_noise_is_an_error_or_a_value(noise: bytes) -> None:
    for data in (noise, b"\x80\x02" + noise + b".", pickle.dumps(NUMBERS, 2)[:40] + noise):
        try:
            loads_pickle(data, "noise")
        except MienError as error:
            assert "noise" in str(error)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_wrong_byte_is_an_error_or_a_value(place: int, value: int) -> None:
    for protocol in (0, 2, 5):
        data = bytearray(pickle.dumps({"a": NUMBERS, "b": [scipy.sparse.csc_matrix(np.eye(2))]}, protocol))
        data[place % len(data)] = value
        try:
            loads_pickle(bytes(data), "flipped")
        except MienError as error:
            assert "flipped" in str(error)


def test_files_that_are_not_there_or_are_archives(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        load_pickle(tmp_path / "none.pkl")
    with pytest.raises(InputError, match="cannot be opened"):
        load_pickle(tmp_path)
    np.savez(tmp_path / "a.npz", a=1)
    with pytest.raises(InputError, match="zip archive"):
        load_pickle(tmp_path / "a.npz")


def test_limit_of_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.unpickle.MAX_FILE_BYTES", 100)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.zeros(1000)))
    with pytest.raises(InputError, match="at most 100"):
        load_pickle(tmp_path / "a.pkl")


# ---------------------------------------------------------------------------------------------- .npz and .npy


def members() -> dict[str, Any]:
    smplx = {"betas": NUMBERS, "names": ["a", "b"]}
    return {
        "plain": NUMBERS,
        "fortran": np.asfortranarray(NUMBERS),
        "big": np.arange(400_000, dtype=np.int64),
        "text": np.array(["a", "bcd"]),
        "empty": np.zeros((3, 0)),
        "flag": np.array(True),
        "smplx": np.array(smplx, dtype=object),
        "rows": np.array([1, "x", None], dtype=object),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_round_trip(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "a.npz", **members())
    found = load_npz(tmp_path / "a.npz")
    assert set(found) == set(members())
    for key in ("plain", "fortran", "big", "text", "empty", "flag"):
        same(found[key], members()[key])
        assert found[key].flags.writeable
    same(found["smplx"].item(), members()["smplx"].item())
    assert found["rows"].tolist() == [1, "x", None]


def test_npz_is_lazy(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", good=NUMBERS, bad=np.array(Call(os.getcwd), dtype=object))
    archive = open_npz(tmp_path / "a.npz")
    assert len(archive) == 2 and "bad" in archive and archive.get("other") is None
    same(archive["good"], NUMBERS)
    with pytest.raises(UnsafeFile, match=r"a\.npz: bad asks for .*getcwd"):
        archive["bad"]
    with pytest.raises(KeyError):
        archive["other"]


def write_npz(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("key.npy", content)
    return path


def npy(descr: Any, shape: tuple[int, ...], content: bytes, version: bytes = b"\x01\x00") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


BAD_MEMBERS = {
    "wrong magic": b"not an array at all",
    "empty": b"",
    "huge": npy("<f8", (10**12,), b"x" * 8),
    "too short": npy("<f8", (3,), b"x" * 16),
    "too long": npy("<f8", (3,), b"x" * 32),
    "negative": npy("<f8", (-1,), b""),
    "version 9": npy("<f8", (1,), b"x" * 8, b"\x09\x00"),
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "bad header": b"\x93NUMPY\x01\x00\x04\x00[1]\n",
    "objects of another shape": npy("|O", (9,), pickle.dumps(np.array([1, 2], dtype=object))),
    "objects that are none": npy("|O", (2,), pickle.dumps(NUMBERS)[:50]),
    "fields with objects": npy([("a", "|O")], (1,), pickle.dumps(np.array([1], dtype=object))),
}


@pytest.mark.parametrize("name", BAD_MEMBERS)
def test_bad_members_name_file_and_key(tmp_path: Path, name: str) -> None:
    path = write_npz(tmp_path / "a.npz", BAD_MEMBERS[name])
    with pytest.raises(InputError, match=r"a\.npz: key cannot be read"):
        load_npz(path)
    (tmp_path / "a.npy").write_bytes(BAD_MEMBERS[name])
    with pytest.raises(InputError, match=r"a\.npy cannot be read"):
        load_npy(tmp_path / "a.npy")


def test_header_of_python_2(tmp_path: Path) -> None:
    content = npy("<f8", (2,), np.array([1.0, 2.0]).tobytes()).replace(b"(2,)", b"(2L,)").replace(b"\n", b"", 1)
    same(load_npz(write_npz(tmp_path / "a.npz", content))["key"], np.array([1.0, 2.0]))


def test_members_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", npy("<f8", (2**31,), b"x" * 800))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    with pytest.raises(InputError, match="more than can be in it"):
        load_npz(path)


def test_a_whole_gigabyte_of_zeros_is_refused_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.npz.MAX_FILE_BYTES", 1000)
    np.savez_compressed(tmp_path / "a.npz", key=np.zeros(10_000))
    with pytest.raises(InputError, match="more than can be in it"):
        load_npz(tmp_path / "a.npz")


def test_other_ways_of_packing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="numpy never uses"):
        load_npz(write_npz(tmp_path / "a.npz", npy("<f8", (1,), b"x" * 8), zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives(tmp_path: Path, save: Any) -> None:
    buffer = io.BytesIO()
    save(buffer, key=np.random.default_rng(0).normal(size=5000))
    whole, path = buffer.getvalue(), tmp_path / "a.npz"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for damaged in (whole[: len(whole) // 2], b"PK\x03\x04", b"", bytes(flipped), whole[:-10] + b"\xff" * 10):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.npz"):
            load_npz(path)


def test_nothing_of_builtins_is_touched() -> None:
    before = dict(vars(builtins))
    for data in BOMBS.values():
        with pytest.raises(InputError):
            loads_pickle(data, "bomb")
    assert dict(vars(builtins)) == before
