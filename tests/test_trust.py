"""Files of strangers: each fault that fuzzing or reading found, with the file that showed it. See `docs/trust.md`."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fuzz import seeds
from fuzz.mutate_media import exif_loop, png_chunk
from people_of_chance import chance_samples

from mien.body.files import check_body
from mien.clip import read
from mien.data.images import ImageStore
from mien.data.readers import READERS
from mien.data.readers.mat import load_mat
from mien.data.store import Store
from mien.detect.boxes import BoxesFile
from mien.errors import InputError, MienError, OutputError, PictureError, UnsafeFile, WeightsError
from mien.evaluate.guesses import read_guesses
from mien.evaluate.meshes import read_mesh, true_meshes
from mien.evaluate.submissions import check
from mien.exif import focal_from_exif
from mien.files import appended, exclusive, inside, opened, parse_json, read_json
from mien.limits import MAX_FRAMES, MAX_KEY_PARTS
from mien.nets.card import WeightCard
from mien.npz import load_npz, open_npz
from mien.pictures import read_picture
from mien.study.ledger import Ledger
from mien.track.hand_experts import read_hands
from mien.train.checkpoints import Checkpoints
from mien.train.ranks import World
from mien.unpickle import loads_pickle

OUTSIDE = ("../x", "/etc/passwd", "a/../../x", "..\\x", "C:\\x", "", ".", "a\0b", "..")


class Runs:
    """Pickles as a command that leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


# files and names -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leads out of"):
        inside(tmp_path, name)


def test_names_that_stay() -> None:
    assert inside(Path("a"), "b/c d.jpg") == Path("a/b/c d.jpg")
    assert inside(Path("a"), "..b/c..") == Path("a/..b/c..")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    for call in (lambda p: opened(p), read_picture, load_npz, BoxesFile.load, read_mesh, lambda p: open_npz(p)):
        with pytest.raises(MienError):
            call(tmp_path / "a.jpg")
    assert focal_from_exif(tmp_path / "a.jpg", 30, 20) is None
    with pytest.raises(PictureError, match="regular file"):
        ImageStore.open(str(tmp_path)).read("a.jpg")


def test_a_name_with_a_nul_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        opened(Path("a\0b"))
    with pytest.raises(PictureError):
        ImageStore.open(str(tmp_path)).read("a\0b.jpg")


def test_a_link_in_a_folder_of_results_leads_nowhere(tmp_path: Path) -> None:
    precious, out = tmp_path / "precious", tmp_path / "out"
    precious.write_text("mine")
    out.mkdir()
    (out / ".lock").symlink_to(precious)
    (out / "log.jsonl").symlink_to(precious)
    with pytest.raises(OutputError), exclusive(out):
        pass
    with pytest.raises(OSError):
        appended(out / "log.jsonl")
    assert precious.read_text() == "mine"


# messages --------------------------------------------------------------------------------------------------------
def test_messages_do_not_steer_a_terminal_and_end() -> None:
    said = str(InputError("a\x1b[2J\x07b \u202ec \ud800", expected="x" * 10**6))
    assert said.isprintable() and "\\x1b[2J" in said and "\\ud800" in said and len(said) < 2000
    assert str(InputError("Füße ♀ 骨")) == "Füße ♀ 骨"


# JSON ------------------------------------------------------------------------------------------------------------
def test_deep_json_is_no_traceback(tmp_path: Path) -> None:
    deep = "[" * 200_000
    with pytest.raises(ValueError, match="too deeply"):
        parse_json(deep)
    with pytest.raises(WeightsError, match="too deeply"):
        WeightCard.from_json(deep, Path("a.safetensors"))
    (tmp_path / "study.json").write_text(deep)
    with pytest.raises(InputError, match="too deeply"):
        Ledger.open(tmp_path, "rank")
    (tmp_path / "store.json").write_text(deep)
    with pytest.raises(InputError, match="too deeply"):
        Store.open(tmp_path)


def test_settings_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    with pytest.raises(InputError, match="at most 4"):
        read_json(tmp_path / "a.json", 4)


@pytest.mark.parametrize("jobs", [[], {"a": None}, {"a": {"name": 1}}, {"a": {}}])
def test_a_ledger_of_other_things(tmp_path: Path, jobs: Any) -> None:
    record = {"schema_version": 1, "study": "rank", "plan": {}, "jobs": jobs, "failed": {}}
    (tmp_path / "study.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged"):
        Ledger.open(tmp_path, "rank")


# pickles and checkpoints -----------------------------------------------------------------------------------------
def _saved(folder: Path) -> tuple[Checkpoints, Path, Callable[[], object]]:
    seeds.sharded(folder)
    network = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    checkpoints = Checkpoints(folder / "checkpoints", World(rank=0, size=1, device=torch.device("cpu")), keep=2)
    place = next((folder / "checkpoints").glob("step_*"))
    return checkpoints, place, lambda: checkpoints.load(4, network, [optimizer], None)


def _resized(place: Path) -> None:
    """The sizes of all files as they are now: a stranger makes them fit."""
    sizes = {each.name: each.stat().st_size for each in place.iterdir() if each.name != "state.json"}
    (place / "state.json").write_text(json.dumps({"step": 4, "files": sizes, "state": {"epoch": 0}}))


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    _, _, load = _saved(tmp_path)
    assert load() == {"epoch": 0}


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"files": {}}', '{"files": [], "state": 1}', '{"files": {"a": 1}, "state": 1}']
)
def test_a_checkpoint_that_lacks_something(tmp_path: Path, content: str) -> None:
    _, place, load = _saved(tmp_path)
    (place / "state.json").write_text(content)
    with pytest.raises(InputError, match="damaged"):
        load()


def test_the_table_of_a_checkpoint_runs_nothing(tmp_path: Path) -> None:
    _, place, load = _saved(tmp_path)
    canary = tmp_path / "canary"
    (place / ".metadata").write_bytes(pickle.dumps(Runs(canary)))
    _resized(place)
    with pytest.raises(UnsafeFile, match="system"):
        load()
    assert not canary.exists()


def test_values_of_a_checkpoint_run_nothing(tmp_path: Path) -> None:
    _, place, load = _saved(tmp_path)
    canary, table = tmp_path / "canary", pickle.loads((place / ".metadata").read_bytes())
    stream = io.BytesIO()
    torch.save(Runs(canary), stream)
    data = stream.getvalue()
    (place / "evil.distcp").write_bytes(data)
    for index, entry in table.storage_data.items():
        if index.fqn == "optimizer.param_groups.0.lr":
            entry.relative_path, entry.offset, entry.length = "evil.distcp", 0, len(data)
    (place / ".metadata").write_bytes(pickle.dumps(table))
    _resized(place)
    with pytest.raises(UnsafeFile, match="lr of the checkpoint"):
        load()
    assert not canary.exists()


def test_files_of_a_checkpoint_lie_in_it(tmp_path: Path) -> None:
    _, place, load = _saved(tmp_path)
    table = pickle.loads((place / ".metadata").read_bytes())
    for entry in table.storage_data.values():
        entry.relative_path = "../../../../etc/passwd"
    (place / ".metadata").write_bytes(pickle.dumps(table))
    _resized(place)
    with pytest.raises(InputError, match="leads out of"):
        load()


@pytest.mark.parametrize(
    "key", [tuple(range(MAX_KEY_PARTS + 1)), 2**200, (1, 2**200), 1 + 2j], ids=["long", "huge", "huge part", "complex"]
)
def test_keys_that_take_for_ever_to_hash(key: Any) -> None:
    with pytest.raises(InputError, match="key"):
        loads_pickle(pickle.dumps({key: 1}), "a")


def test_a_long_tuple_hashed_again_and_again_ends_at_once() -> None:
    """1.3 MB that took hours: one tuple of 300,000 parts as the key of 100,000 steps."""
    head = b"\x80\x02(" + b"K\x01" * 300_000 + b"tq\x00}"
    start = time.process_time()
    with pytest.raises(InputError):
        loads_pickle(head + b"h\x00Ns" * 100_000 + b".", "a")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02N" + b"2\x86" * 60 + b".",
        b"\x80\x02]q\x00(h\x00h\x00e.",
        b"\x80\x02}q\x00(K\x01h\x00u.",
        b"\x80\x02]" + b"q\x00](h\x00h\x00h\x00e" * 40 + b".",
    ],
    ids=["pairs of pairs", "a list in itself", "a dict in itself", "lists of lists"],
)
def test_a_pickle_of_no_end(data: bytes) -> None:
    """Reading ends at once; walking through what was read did not: 124 bytes, 2^60 values."""
    with pytest.raises(InputError, match=r"no end|holds itself"):
        loads_pickle(data, "a")


def test_what_is_shared_honestly_is_read() -> None:
    camera = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert loads_pickle(pickle.dumps([camera] * 500_000), "a")[-1] == camera


# archives --------------------------------------------------------------------------------------------------------
def test_a_bomb_of_zeros_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.npz.MAX_UNPACKED", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**21, np.uint8))
    with pytest.raises(InputError, match="would unpack to"):
        open_npz(tmp_path / "bomb.npz")["a"]
    np.savez_compressed(tmp_path / "many.npz", **{str(i): np.zeros(2**18, np.uint8) for i in range(8)})  # pyright: ignore
    assert open_npz(tmp_path / "many.npz")["1"].nbytes == 2**18
    with pytest.raises(InputError, match="would unpack to"):
        load_npz(tmp_path / "many.npz")


def test_a_table_of_contents_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", **{str(i): np.zeros(1) for i in range(9)})  # pyright: ignore
    monkeypatch.setattr("mien.npz.MAX_MEMBERS", 8)
    with pytest.raises(InputError, match="9 members, more than 8"):
        open_npz(tmp_path / "a.npz")
    monkeypatch.setattr("mien.npz.MAX_MEMBERS", 1)
    with pytest.raises(InputError, match="table of contents"):
        open_npz(tmp_path / "a.npz")


def test_the_table_of_contents_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", **{str(i): np.full(1, i) for i in range(9)})  # pyright: ignore
    archive, opened_again = open_npz(tmp_path / "a.npz"), []
    whole = zipfile.ZipFile
    monkeypatch.setattr("mien.npz.zipfile.ZipFile", lambda path: opened_again.append(path) or whole(path))
    assert [int(archive[key][0]) for key in archive] == list(range(9)) and len(opened_again) == 1
    again = pickle.loads(pickle.dumps(archive))
    assert int(again["3"][0]) == 3


def _zip(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_pictures_in_a_zip_that_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "a.zip", {"bomb.jpg": bytes(2**20), "a.jpg": b"x" * 2000})
    monkeypatch.setattr("mien.data.images.MAX_PICTURE_BYTES", 2**16)
    with pytest.raises(PictureError, match="claims 1048576 bytes"):
        ImageStore.open(str(path)).read("bomb.jpg")
    data = bytearray(path.read_bytes())
    for place in [i for i in range(len(data)) if data[i : i + 4] == b"PK\x01\x02"]:
        data[place + 8 : place + 10] = b"\x01\0"  # locked with a password: a RuntimeError of zipfile
    path.write_bytes(data)
    with pytest.raises(PictureError, match="cannot be read"):
        ImageStore.open(str(path)).read("a.jpg")
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="expected a zip archive"):
        ImageStore.open(str(path)).has("a.jpg")


def test_a_submission_that_unpacks_without_end(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"predictions/a_personId_0.pkl": bytes(2**22)})
    assert "more than" in check(path)[0]


def test_a_submission_of_very_many_names_is_counted_once(tmp_path: Path) -> None:
    names = {f"{i}.pkl": b"" for i in range(3000)}
    path = _zip(tmp_path / "a.zip", names)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("2999.pkl", b"")
    start = time.process_time()
    assert check(path)[0] == "2999.pkl is there twice"
    assert time.process_time() - start < 5


def test_an_index_of_a_tar_that_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert ImageStore.open(str(path)).read("a.jpg") == b"abc"
    index = tmp_path / ".a.tar.index.json"
    stamp = json.loads(index.read_text())["stamp"]
    for record in ([], {"stamp": stamp}, {"stamp": stamp, "files": [[1]]}, {"stamp": stamp, "files": 3}):
        index.write_text(json.dumps(record))
        assert ImageStore.open(str(path)).read("a.jpg") == b"abc"
    index.write_text(json.dumps({"stamp": stamp, "files": [["a.jpg", -5, 5]]}))
    with pytest.raises(PictureError):
        ImageStore.open(str(path)).read("a.jpg")
    (tmp_path / "b.tar").touch()
    with pytest.raises(InputError):
        ImageStore.open(str(tmp_path / "b.tar")).read("a.jpg")


def test_links_in_a_tar_are_no_pictures(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(PictureError, match="missing"):
        ImageStore.open(str(tmp_path / "a.tar")).read("a.jpg")


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "x/../../a.jpg"])
def test_paths_of_pictures_stay_below_the_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    for root in (str(tmp_path / "root"), f"file://{tmp_path}/root"):
        with pytest.raises(PictureError, match="leads out"):
            ImageStore.open(root).read(name)


def test_addresses_that_chain_or_mount_are_refused() -> None:
    for root in ("reference://x", "filecache://x", "ssh://host/x", "simplecache::s3://x"):
        with pytest.raises(InputError, match="of kind"):
            ImageStore.open(root)


def test_a_bomb_in_a_matlab_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.io

    scipy.io.savemat(tmp_path / "a.mat", {"a": np.zeros(2**18)}, do_compression=True)
    assert load_mat(tmp_path / "a.mat")["a"].size == 2**18
    monkeypatch.setattr("mien.data.readers.mat.MAX_UNPACKED", 2**19)
    with pytest.raises(InputError, match="unpacks to more"):
        load_mat(tmp_path / "a.mat")


# stores ----------------------------------------------------------------------------------------------------------
def _store(
    folder: Path, change: Callable[[dict[str, Any]], object], file: str = "store/made/train/manifest.json"
) -> Path:
    seeds.store(folder)
    record = json.loads((folder / file).read_text())
    change(record)
    (folder / file).write_text(json.dumps(record))
    return folder / "store"


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["shards"][0].update(file="../../../../etc/passwd"),
        lambda record: record["shards"][0].update(source=7),
        lambda record: record["shards"][0].update(rows=-1),
        lambda record: record["arrays"].update(row=["O", []]),
        lambda record: record["arrays"].update(row=["<i8", [2**40]]),
        lambda record: record["labels"].update(betas=[[-10], []]),
    ],
    ids=["path", "source", "rows", "objects", "huge", "negative"],
)
def test_manifests_that_lie(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(InputError):
        next(iter(Store.open(_store(tmp_path, change)))).take(np.arange(2))


@pytest.mark.parametrize("names", [3, [3], None, ["../../elsewhere"]])
def test_stores_that_list_no_names(tmp_path: Path, names: Any) -> None:
    with pytest.raises(InputError):
        list(Store.open(_store(tmp_path, lambda record: record.update(datasets=names), "store/store.json")))


def test_a_shard_that_claims_wider_rows_than_it_has(tmp_path: Path) -> None:
    """Rows are copied by address: a wider row would read memory that is not the file's."""
    import pyarrow as pa

    seeds.store(tmp_path)
    path = next(tmp_path.glob("store/made/train/*.arrow"))
    with pa.memory_map(str(path)) as mapped:
        batch = pa.ipc.open_file(mapped).get_batch(0)
        columns = {name: batch.column(name) for name in batch.schema.names}
        metadata = batch.schema.metadata
    width = columns["params"].type.list_size
    columns["params"] = pa.FixedSizeListArray.from_arrays(columns["params"].flatten()[: 3 * (width - 1)], width - 1)
    narrow = pa.record_batch(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, narrow.schema) as writer:
        writer.write_batch(narrow)
    path.write_bytes(sink.getvalue())
    with pytest.raises(InputError, match="damaged"):
        Store.open(tmp_path / "store")["made"].take(np.arange(3))


def test_boxes_that_are_a_word(tmp_path: Path) -> None:
    from mien.data.humandata import HumanData

    for key in ("image_path", "bbox_xywh", "keypoints2d_smplx"):
        arrays = {"image_path": np.array(["a.jpg"]), "bbox_xywh": np.ones((1, 5), np.float32)}
        np.savez(tmp_path / "a.npz", **{**arrays, key: np.array("x", object)})  # pyright: ignore
        with pytest.raises(InputError, match=key):
            HumanData.read(tmp_path / "a.npz")


def test_humandata_without_boxes(tmp_path: Path) -> None:
    from mien.data.humandata import HumanData

    np.savez(tmp_path / "a.npz", image_path=np.array(["a.jpg"]))
    with pytest.raises(InputError, match="no bbox_xywh"):
        HumanData.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mocap_framerate", np.array("a")),
        ("mocap_framerate", np.zeros(0)),
        ("gender", np.zeros(0)),
        ("gender", np.array(b"\xff")),
    ],
)
def test_a_motion_without_rate_or_gender(tmp_path: Path, key: str, value: np.ndarray) -> None:
    from mien.convert.readers import read_amass

    right = {"poses": np.zeros((2, 165)), "trans": np.zeros((2, 3)), "mocap_framerate": 30.0, "gender": "neutral"}
    np.savez(tmp_path / "a.npz", **{**right, key: value})  # pyright: ignore
    with pytest.raises(InputError, match=key):
        read_amass(tmp_path / "a.npz")


def test_what_a_study_kept_with_other_things_in_it_is_made_again(tmp_path: Path) -> None:
    from mien.study.kept import is_kept, kept

    kept(tmp_path / "a.npz", {"a": 1}, lambda: {"x": np.ones(2)})
    assert is_kept(tmp_path / "a.npz", {"a": 1})
    with np.load(tmp_path / "a.npz") as file:
        np.savez(tmp_path / "a.npz", **{**file, "seconds": np.zeros(3)})  # pyright: ignore
    assert not is_kept(tmp_path / "a.npz", {"a": 1})
    assert kept(tmp_path / "a.npz", {"a": 1}, lambda: {"x": np.ones(2)})[0].keys() == {"x"}


@pytest.mark.parametrize("header", [b"{'descr': (", b"", b"\x93NUMPY"])
def test_what_a_study_kept_with_a_damaged_header_is_made_again(tmp_path: Path, header: bytes) -> None:
    from mien.study.kept import is_kept

    member = io.BytesIO()
    np.save(member, np.zeros(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("made_of.npy", member.getvalue().replace(b"{'descr': '", header))
        archive.writestr("seconds.npy", member.getvalue())
    assert not is_kept(tmp_path / "a.npz", {"a": 1})


@pytest.mark.parametrize(
    ("names", "meshes"),
    [
        (np.array("a.png"), np.zeros((1, 10475, 3), np.float32)),
        (np.array([3]), np.zeros((1, 10475, 3), np.float32)),
        (np.array(["a.png"]), np.full((1, 10475, 3), "x")),
    ],
)
def test_a_submission_of_other_things(tmp_path: Path, names: np.ndarray, meshes: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", image_name=names, v_shaped=meshes)
    assert any("not names and numbers" in problem for problem in check(tmp_path / "a.npz"))


def test_rows_of_a_clip_without_a_key(tmp_path: Path) -> None:
    from mien.filming.spill import Spill

    spill = Spill(folder=tmp_path)
    spill.append(np.zeros(2, [("frame", np.int64)]), np.zeros(2), {}, {})
    with pytest.raises(InputError, match="have no score"):
        spill.column("score")


@pytest.mark.parametrize("content", ['{"a": 1}', '{"a": ["b"]}', "[]"])
def test_known_answers_that_are_none(tmp_path: Path, content: str) -> None:
    from mien.evaluate.known_answer import compare_known

    (tmp_path / "answers.json").write_text(content)
    with pytest.raises(InputError, match="holds no answers"):
        compare_known(tmp_path / "answers.json", "a", [1.0])


@pytest.mark.parametrize("left_out", ["made_by", "kind", "rows", "frames", "extra"])
def test_parts_of_a_clip_that_lack_something(tmp_path: Path, left_out: str) -> None:
    from mien.filming.spill import Spill

    seeds.spill(tmp_path)
    state = tmp_path / "parts/state.json"
    record = json.loads(state.read_text())
    del record[left_out]
    state.write_text(json.dumps(record))
    with pytest.raises(InputError, match="cannot be read"):
        Spill.open(tmp_path / "parts", {"a": 1}, resume=True)


# results ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    seeds.results(folder)
    return folder


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", np.array("/etc/passwd")),
        ("schema_version", np.zeros(3, int)),
        ("image_size", np.array([1.5, 2])),
        ("image_size", np.array([0, 5])),
        ("K", np.zeros((2, 2), np.float32)),
        ("camera", np.array(["a", "b"])),
        ("weights_name", np.array(3)),
        ("betas", np.zeros((2, 100_000), np.float32)),
        ("body_pose", np.zeros((2, 20, 3), np.float32)),
        ("transl", np.zeros((2, 3), np.float16)),
        ("transl", np.array([["a"] * 3] * 2)),
        ("score", np.array(1.0, np.float32)),
        ("part_bbox", np.zeros((2, 4), np.float32)),
    ],
)
def test_results_with_other_things_in_them(results: Path, tmp_path: Path, key: str, value: np.ndarray) -> None:
    arrays = load_npz(results / "scene.npz") | {key: value}
    np.savez(tmp_path / "a.npz", **arrays)  # pyright: ignore
    with pytest.raises(InputError, match=key):
        read(tmp_path / "a.npz")


def test_numbers_of_the_other_byte_order_are_read(results: Path, tmp_path: Path) -> None:
    arrays = load_npz(results / "scene.npz")
    arrays["transl"] = arrays["transl"].astype(">f4")
    np.savez(tmp_path / "a.npz", **arrays)  # pyright: ignore
    np.testing.assert_array_equal(read(tmp_path / "a.npz").params.transl, arrays["transl"])  # pyright: ignore


@pytest.mark.parametrize("count", [np.array(2**62), np.array(MAX_FRAMES + 1), np.array("x"), np.array([1, 2])])
def test_a_clip_of_more_frames_than_there_can_be(results: Path, tmp_path: Path, count: np.ndarray) -> None:
    """`mien export --to openpose` writes a file for each frame."""
    np.savez(tmp_path / "a.npz", **{**load_npz(results / "clip.npz"), "num_frames": count})  # pyright: ignore
    with pytest.raises(InputError, match="num_frames"):
        read(tmp_path / "a.npz")


def test_a_header_that_is_no_python(results: Path, tmp_path: Path) -> None:
    members = {f"{key}.npy": b"" for key in load_npz(results / "scene.npz")}
    members["K.npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", 200) + b"{" * 199 + b"\n"
    with pytest.raises(InputError, match="cannot be read"):
        read(_zip(tmp_path / "a.npz", members))


# what other programs say -----------------------------------------------------------------------------------------
def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    for content in (b"image,\xff\xfe\n1,2\n", b"image,image\na,b\n", b"image\n\0\0\n", b""):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(InputError):
            read_guesses(tmp_path / "a.csv")


def test_a_camera_of_huge_numbers(tmp_path: Path) -> None:
    seeds.smplerx(tmp_path)
    (tmp_path / "meta/000001_0.json").write_text('{"focal": [1%s, 1], "princpt": [1, 2]}' % ("0" * 400))
    with pytest.raises(InputError, match="no camera"):
        read_guesses(tmp_path)


def test_names_of_a_table_do_not_lead_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mien convert` writes a file for each picture that a table names."""
    from mien.cli.convert import convert

    scene = SimpleNamespace(save=lambda path: path.write_text("overwritten"))
    monkeypatch.setattr("mien.convert.pictures.read_pictures", lambda *a, **k: [("../../precious", scene)])
    monkeypatch.setattr("mien.cli.convert._body", lambda *a, **k: None)
    (tmp_path / "a.csv").write_text("image\n")
    with pytest.raises(InputError, match="leads out of"):
        convert((tmp_path / "a.csv",), out=tmp_path / "x/y", size="64x48")
    assert not (tmp_path / "precious.npz").exists()


def test_meshes_that_annotations_name_lie_below_their_folder(tmp_path: Path) -> None:
    samples = replace(chance_samples(1), extra={"vertices": np.array(["../../etc/passwd"], object)})
    with pytest.raises(InputError, match="leads out of"):
        true_meshes(samples, [tmp_path], seeds._body(), torch.zeros(1, 3, 3))


def test_parameters_that_annotations_name_lie_below_their_folder(tmp_path: Path) -> None:
    seeds.dataset("agora")(tmp_path)
    path = next(tmp_path.glob("*.json"))
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["smplx_param_path"] = "../../../../etc/passwd"
        del entry["smplx_param"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="leads out of"):
        list(READERS["agora"].read(path))


def test_betas_without_end(tmp_path: Path) -> None:
    seeds.dataset("coco")(tmp_path)
    path, params = sorted(tmp_path.glob("*.json"))[::-1]
    content = json.loads(params.read_text())
    next(iter(content.values()))["smplx_param"]["shape"] = [0.0] * 50_000
    params.write_text(json.dumps(content))
    with pytest.raises(InputError, match="at most 1000"):
        list(READERS["coco-wholebody"].read(path, params=params))


def test_a_body_file_that_is_lists_in_lists(tmp_path: Path) -> None:
    (tmp_path / "SMPLX_NEUTRAL.pkl").write_bytes(b"\x80\x02" + b"]" * 5001 + b"a" * 5000 + b".")
    assert check_body(tmp_path / "SMPLX_NEUTRAL.pkl").problems


def test_a_mesh_of_words(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 1 2 file:///etc/passwd\n")
    with pytest.raises(InputError, match="no vertices"):
        read_mesh(tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("key", "value"),
    [("boxes", np.array([["a"] * 4] * 2)), ("flat_hand_mean", np.zeros(5)), ("frame_index", np.array([1e300, 1]))],
)
def test_hands_of_other_things(tmp_path: Path, key: str, value: np.ndarray) -> None:
    seeds.hands(tmp_path)
    np.savez(tmp_path / "hands.npz", **{**load_npz(tmp_path / "hands.npz"), key: value})  # pyright: ignore
    with pytest.raises(InputError, match=key):
        read_hands(tmp_path / "hands.npz", seeds._body())


# pictures and videos ---------------------------------------------------------------------------------------------
def test_pictures_that_claim_much_or_unpack_to_much(tmp_path: Path) -> None:
    head = seeds.encoded(".png")
    huge = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**20, 2**20, 8, 2, 0, 0, 0))
    bomb = png_chunk(b"IDAT", zlib.compress(bytes(2**24), 9)) + png_chunk(b"IEND", b"")
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24), 9))
    (tmp_path / "huge.png").write_bytes(head[:8] + huge + bomb)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(tmp_path / "huge.png")
    for name, data in {"bomb": head[:33] + bomb, "text": head[:33] + text + head[33:]}.items():
        (tmp_path / f"{name}.png").write_bytes(data)
        try:
            assert read_picture(tmp_path / f"{name}.png").shape == (24, 32, 3)
        except PictureError:
            pass


def test_an_exif_block_that_points_to_itself(tmp_path: Path) -> None:
    content = b"Exif\0\0" + exif_loop()
    data = seeds.encoded(".jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:])
    assert focal_from_exif(tmp_path / "a.jpg", 32, 24) is None
    assert read_picture(tmp_path / "a.jpg").shape == (24, 32, 3)


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nvictim.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile victim.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90\n",
    ],
    ids=["address", "playlist", "concat", "sdp"],
)
def test_a_playlist_is_no_video(tmp_path: Path, content: str) -> None:
    from mien.video import open_footage

    seeds.videos(tmp_path)
    (tmp_path / "a.mp4").rename(tmp_path / "victim.mp4")
    (tmp_path / "list.mp4").write_text(content)
    with pytest.raises(InputError, match="cannot read"):
        open_footage(tmp_path / "list.mp4")


# pages -----------------------------------------------------------------------------------------------------------
def test_links_of_a_report_are_names_and_nothing_else(tmp_path: Path, results: Path) -> None:
    from mien.scene import read as read_scene
    from mien.view.report import Entry, write_report

    name = "javascript:alert(1)#%41?.npz"
    entry = Entry(
        title='</script><img src=x onerror="alert(1)">', scene=read_scene(results / "scene.npz"),
        drawing=np.zeros((4, 4, 3), np.uint8), files=(Path(name),), note="<b>{{7*7}}${7*7}</b>",
    )  # fmt: skip
    page = write_report(tmp_path / "a.html", "@@BODY@@ <script>", [entry]).read_text()
    assert 'href="./javascript%3Aalert%281%29%23%2541%3F.npz"' in page
    assert "<img src=x" not in page and "<b>" not in page and "{{7*7}}" in page and "<script" not in page
    assert "default-src 'none'" in page
