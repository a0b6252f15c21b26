"""Ingest: files to store, counted; killed runs go on; same files, same bytes; bad input is named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_pictures import encode, with_exif

from mien.data import convert as convert_module
from mien.data import shards
from mien.data.catalogue import Entry
from mien.data.humandata import HumanData
from mien.data.ingest import Request, ingest, make_plan
from mien.data.locate import Found
from mien.data.manifest import Manifest
from mien.data.samples import PARAMS
from mien.data.store import Dataset, Store
from mien.errors import AssetMissing, InputError, MienError, OutputError, PictureError

ENTRY = Entry(
    name="made", title="Made up", upstream="Made", kind="real", scene="nowhere", labels="SMPL-X",
    homepage="https://example.org", files={}, hands="flat",
)  # fmt: skip
ROWS = 50


def write_raw(path: Path, rows: int = ROWS, *, seed: int = 0, pictures: bool = True, **changes: Any) -> Path:
    """A HumanData file with pictures beside it, all labels sound; the changes are fields of `HumanData`."""
    rng = np.random.default_rng(seed)
    images = [f"clip/{seed}_{row:04d}.jpg" for row in range(rows)]
    for image in images if pictures else ():
        (path.parent / image).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / image).write_bytes(b"jpeg")
    mask = np.ones(190, np.uint8)
    points = {key: rng.uniform(1, 2, (rows, 190, n)).astype(np.float32) for key, n in (("2d_smplx", 3), ("3d_cam", 4))}
    content: dict[str, Any] = {
        "image_path": images,
        "bbox_xywh": np.tile(np.array([30, 40, 120, 240, 1], np.float32), (rows, 1)),
        "keypoints": {f"keypoints{key}": (array, mask) for key, array in points.items()},
        "params": {
            "smplx": {name: rng.uniform(-1, 1, (rows, *shape)).astype(np.float32) for name, shape in PARAMS.items()}
        },
        "meta": {"height": np.full(rows, 480), "width": np.full(rows, 640), "gender": ["female"] * rows},
        "misc": {"flat_hand_mean": True},
    }
    HumanData(**{**content, **changes}).write(path)
    return path


def run(
    folder: Path, files: list[Path], *, entry: Entry = ENTRY, split: str = "train", out: str = "store", **options: Any
) -> tuple[Manifest, bool]:
    request = Request(out=folder / out, rows_per_shard=10, **options)
    sources = [Found(files={"path": file}) for file in files]
    return ingest(make_plan(entry, split, sources, str(folder), request), entry, request)


def open_made(folder: Path, out: str = "store") -> Dataset:
    return Store.open(folder / out)["made"]


def bytes_of(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != ".lock"}


def test_a_file_becomes_a_dataset(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    manifest, anything = run(tmp_path, [file], check="all")
    assert anything and manifest.rows == ROWS and len(manifest.shards) == 5
    assert manifest.sources[0].name == "raw.npz" and manifest.sources[0].entries == ROWS
    assert manifest.licence == "unknown, see home page" and manifest.box_ratio == 1.2 and manifest.reader == "humandata"
    assert {change.name: change.changed for change in manifest.changes} == {"prepadded-boxes": ROWS}
    dataset, raw = open_made(tmp_path), HumanData.read(file)
    rows = np.random.default_rng(0).permutation(ROWS)
    found = dataset.take(rows)
    assert found.row.tolist() == rows.tolist()
    np.testing.assert_allclose(found.box.value, [[40, 60, 100, 200]] * ROWS, rtol=1e-6)
    for name in PARAMS:
        np.testing.assert_array_equal(getattr(found, name).value, raw.params["smplx"][name][rows])
    assert found.keypoints2d is not None and found.size is not None and found.size[0].tolist() == [480, 640]
    np.testing.assert_array_equal(found.keypoints2d.value[:, 0], raw.keypoints["keypoints2d_smplx"][0][rows, 0, :2])
    assert not found.extra and dataset.image(3) == b"jpeg"
    assert dataset.manifest.known["betas"] == ROWS and Store.open(tmp_path / "store").verify() == []


def test_other_splits_keep_what_evaluation_asks_for(tmp_path: Path) -> None:
    run(tmp_path, [write_raw(tmp_path / "raw.npz")], split="test")
    people = Store.open(tmp_path / "store")["made/test"].take(np.arange(3))
    assert people.extra["gender"].tolist() == ["female"] * 3  # pyright: ignore[reportAttributeAccessIssue]


def test_doing_it_again_is_nothing_to_do(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    first, _ = run(tmp_path, [file])
    before = bytes_of(tmp_path / "store")
    again, anything = run(tmp_path, [file])
    assert not anything and again == first and bytes_of(tmp_path / "store") == before
    _, anything = run(tmp_path, [file], interval=2)
    assert anything and len(open_made(tmp_path)) == ROWS / 2
    assert not set(before) & {name for name in bytes_of(tmp_path / "store") if name.endswith(".arrow")}
    run(tmp_path, [file])
    assert bytes_of(tmp_path / "store") == before


def test_another_file_of_the_same_name_is_noticed(tmp_path: Path) -> None:
    run(tmp_path, [write_raw(tmp_path / "raw.npz")])
    _, anything = run(tmp_path, [write_raw(tmp_path / "raw.npz", seed=1)])
    assert anything and open_made(tmp_path).image_path(0) == "clip/1_0000.jpg"


def test_a_lost_shard_is_made_again(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    run(tmp_path, [file])
    before = bytes_of(tmp_path / "store")
    next((tmp_path / "store/made/train").glob("*00003.arrow")).unlink()
    assert run(tmp_path, [file])[1] and bytes_of(tmp_path / "store") == before


def damage_a_shard(folder: Path) -> None:
    path = next((folder / "made/train").glob("*00003.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def raise_the_schema(path: Path) -> None:
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "schema_version": shards.SCHEMA_VERSION + 1}))


@pytest.mark.parametrize(
    "damage",
    [
        damage_a_shard,
        lambda folder: shutil.rmtree(folder / "made"),
        lambda folder: (folder / "made/train/manifest.json").write_text("{}"),
        lambda folder: raise_the_schema(folder / "made/train/manifest.json"),
        lambda folder: (folder / "store.json").unlink(),
    ],
    ids=["shard", "folder", "manifest", "schema", "root"],
)
def test_ingesting_again_mends_a_store(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    file = write_raw(tmp_path / "raw.npz")
    run(tmp_path, [file])
    before = bytes_of(tmp_path / "store")
    damage(tmp_path / "store")
    assert run(tmp_path, [file])[1] and bytes_of(tmp_path / "store") == before
    assert not run(tmp_path, [file])[1]


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), raise_the_schema])
def test_what_to_do_about_a_damaged_list_of_datasets(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    file, root = write_raw(tmp_path / "raw.npz"), tmp_path / "store/store.json"
    run(tmp_path, [file])
    damage(root)
    with pytest.raises(InputError, match=r"delete .*store\.json and ingest its datasets anew"):
        run(tmp_path, [file])
    root.unlink()
    before = next((tmp_path / "store").rglob("*.arrow")).stat().st_mtime_ns
    run(tmp_path, [file])
    assert next((tmp_path / "store").rglob("*.arrow")).stat().st_mtime_ns == before
    assert len(open_made(tmp_path)) == ROWS


def test_records_that_cannot_be_read_count_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_raw(tmp_path / "raw.npz")
    run(tmp_path, [file], out="whole")
    monkeypatch.setattr(Store, "enter", kill)
    with pytest.raises(Killed):
        run(tmp_path, [file])
    monkeypatch.undo()
    records = sorted((tmp_path / "store/made/train/.progress").rglob("*.json"))
    assert len(records) == 6
    for record, text in zip(
        records, ["{", "{}", '{"entries": 3}', "[]", '{"entries": 1, "pieces": [{}]}', ""], strict=True
    ):
        record.write_text(text)
    run(tmp_path, [file])
    assert bytes_of(tmp_path / "store") == bytes_of(tmp_path / "whole")


def test_another_reader_is_another_dataset(tmp_path: Path) -> None:
    points = [float(number) for joint in range(17) for number in (10 + joint, 20, 2)]
    person = {"id": 1, "image_id": 7, "bbox": [1, 2, 30, 40], "keypoints": points, "track_id": 5}
    picture = {"id": 7, "file_name": "a.jpg", "height": 480, "width": 640, "vid_id": "3", "frame_id": 1}
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"images": [picture], "annotations": [person]}))
    joints = []
    for reader in ("posetrack", "table"):
        _, anything = run(tmp_path, [file], entry=replace(ENTRY, reader=reader), check="none")
        points2d = open_made(tmp_path).take(np.arange(1)).keypoints2d
        assert anything and points2d is not None
        joints.append(points2d.value[0])
    assert not np.array_equal(*joints), "the second joint is another one there"


@pytest.mark.parametrize(("name", "split"), [("../other", "train"), ("made", "../x"), ("made", ""), ("/made", "train")])
def test_no_dataset_lies_outside_of_its_store(tmp_path: Path, name: str, split: str) -> None:
    file = write_raw(tmp_path / "raw.npz", 3)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"expected a"):
        run(tmp_path, [file], entry=replace(ENTRY, name=name), split=split)
    assert sorted(tmp_path.rglob("*")) == before


def kill(*_: Any) -> None:
    raise Killed


class Killed(BaseException):
    """As the system kills: nobody catches it."""


@pytest.mark.parametrize("replicate", [False, True])
def test_a_run_killed_at_any_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replicate: bool) -> None:
    files = [write_raw(tmp_path / f"raw{seed}.npz", 25, seed=seed) for seed in range(2)]
    run(tmp_path, files, out="whole", replicate=replicate)
    whole, rename = bytes_of(tmp_path / "whole"), os.replace
    writes = 0
    for kill in range(1, 40):
        count = 0

        def killing(source: Any, target: Any, kill: int = kill) -> None:
            nonlocal count, writes
            count += 1
            writes += 1
            if count == kill:
                raise Killed
            rename(source, target)

        monkeypatch.setattr("os.replace", killing)
        try:
            run(tmp_path, files, out=f"killed{kill}", replicate=replicate)
        except Killed:
            monkeypatch.undo()
            written = count_shard_writes(monkeypatch)
            assert run(tmp_path, files, out=f"killed{kill}", replicate=replicate)[1]
            assert len(written) <= 6
            monkeypatch.undo()
            assert bytes_of(tmp_path / f"killed{kill}") == whole, kill
        else:
            assert kill == 18, "6 shards, 6 records, 2 sources, 1 manifest, 2 roots"
            return
        finally:
            monkeypatch.undo()
    pytest.fail("never ran to its end")


def count_shard_writes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    written: list[Path] = []
    write = shards.write_shard

    def counting(path: Path, samples: Any) -> Any:
        written.append(path)
        return write(path, samples)

    monkeypatch.setattr(convert_module, "write_shard", counting)
    return written


def test_what_was_finished_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_raw(tmp_path / "raw.npz")
    write = shards.write_shard

    def failing(path: Path, samples: Any) -> Any:
        if path.name.endswith("00003.arrow"):
            raise Killed
        return write(path, samples)

    monkeypatch.setattr(convert_module, "write_shard", failing)
    with pytest.raises(Killed):
        run(tmp_path, [file])
    monkeypatch.undo()
    damaged = next((tmp_path / "store/made/train").glob("*00001.arrow"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    written = count_shard_writes(monkeypatch)
    run(tmp_path, [file])
    assert [path.name[-11:] for path in written] == ["00001.arrow", "00003.arrow", "00004.arrow"]
    assert Store.open(tmp_path / "store").verify() == []


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write_raw(tmp_path / "a.npz"), write_raw(tmp_path / "b.npz", seed=1)]
    run(tmp_path, files[:1])
    before = open_made(tmp_path).take(np.arange(ROWS))
    write = shards.write_shard

    def full(path: Path, samples: Any) -> Any:
        if path.name.endswith("001-00001.arrow"):
            raise OutputError(f"cannot write {path}: the disk is full")
        return write(path, samples)

    monkeypatch.setattr(convert_module, "write_shard", full)
    with pytest.raises(OutputError, match="disk is full"):
        run(tmp_path, files)
    monkeypatch.undo()
    np.testing.assert_array_equal(open_made(tmp_path).take(np.arange(ROWS)).box.value, before.box.value)
    written = count_shard_writes(monkeypatch)
    run(tmp_path, files)
    assert len(written) == 4 and len(open_made(tmp_path)) == 2 * ROWS


def test_killed_while_it_tidies_up_it_tidies_up_again(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    run(tmp_path, [file])
    before = bytes_of(tmp_path / "store")
    (tmp_path / "store/made/train/.progress/tag").mkdir(parents=True)
    (tmp_path / "store/made/train/older-000-00000.arrow").touch()
    assert not run(tmp_path, [file])[1] and bytes_of(tmp_path / "store") == before
    assert not (tmp_path / "store/made/train/.progress").exists()


def test_workers_change_nothing(tmp_path: Path) -> None:
    files = [write_raw(tmp_path / f"raw{seed}.npz", 15, seed=seed) for seed in range(3)]
    run(tmp_path, files, out="one")
    run(tmp_path, files, out="three", workers=3)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "three")
    (tmp_path / "raw1.npz").write_bytes(b"PK nonsense")
    with pytest.raises(MienError, match=r"raw1\.npz"):
        run(tmp_path, files, out="four", workers=3)


@pytest.mark.slow
def test_a_process_that_is_killed_for_good_goes_on_and_leaves_no_lock(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz", 3000, pictures=False)
    command = [sys.executable, "-c", _CHILD, str(tmp_path), str(file)]
    run_whole = subprocess.run([*command, "whole"], check=True)
    assert run_whole.returncode == 0
    child = subprocess.Popen([*command, "killed"])
    while not list((tmp_path / "killed/made/train").glob("*00005.arrow")):
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "killed/made/train/manifest.json").exists()
    subprocess.run([*command, "killed"], check=True)
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


_CHILD = """
import sys
from pathlib import Path
from mien.data.catalogue import Entry
from mien.data.ingest import Request, ingest, make_plan
from mien.data.locate import Found
folder, file, out = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
entry = Entry(name="made", title="", upstream="", kind="real", scene="", labels="", homepage="", files={}, hands="flat")
request = Request(out=folder / out, rows_per_shard=100, check="none")
ingest(make_plan(entry, "train", [Found(files={"path": file})], str(folder), request), entry, request)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")
def test_memory_is_bounded_by_one_array_of_the_file(tmp_path: Path) -> None:
    rows = 20_000
    file = write_raw(tmp_path / "raw.npz", rows, pictures=False)
    code = f"{_CHILD}\nprint(open('/proc/self/status').read())".replace("shard=100", "shard=4096")
    command = [sys.executable, "-c", code, str(tmp_path), str(file), "store"]
    status = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
    assert peak < rows * 190 * 4 * 4 + 500e6, f"{peak / 1e6:.0f} MB"


def test_two_at_once_is_an_error(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    file = write_raw(tmp_path / "raw.npz")
    (tmp_path / "store").mkdir()
    with open(tmp_path / "store/.lock", "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match=r"another process is writing to .*store; wait for it to end"):
            run(tmp_path, [file])
    assert run(tmp_path, [file])[1]


def test_intervals(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    manifest, _ = run(tmp_path, [file], interval=7)
    assert open_made(tmp_path).take(np.arange(8)).row.tolist() == [0, 7, 14, 21, 28, 35, 42, 49]
    assert manifest.skipped == {"interval": ROWS - 8} and len(manifest.shards) == 1
    counting = replace(ENTRY, counts_from_one=True)
    run(tmp_path, [file], entry=counting, interval=7, replicate=True)
    assert open_made(tmp_path).take(np.arange(7)).row.tolist() == [6, 13, 20, 27, 34, 41, 48]


def test_replication_keeps_boxes_and_says_how_to_grow_them(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    manifest, _ = run(tmp_path, [file], replicate=True)
    assert manifest.box_ratio == 1.2 * 0.833 and manifest.settings["replicate"] is True
    np.testing.assert_array_equal(open_made(tmp_path).take(np.arange(2)).box.value, [[30, 40, 120, 240]] * 2)
    manifest, _ = run(tmp_path, [file], entry=replace(ENTRY, box_ratio_upstream=1.25), replicate=True)
    assert manifest.box_ratio == 1.25


def test_replication_lets_the_last_row_decide_about_hands(tmp_path: Path) -> None:
    raw = HumanData.read(write_raw(tmp_path / "raw.npz"))
    poses = {name: value.copy() for name, value in raw.params["smplx"].items()}
    poses["left_hand_pose"][-1] = 0
    file = write_raw(tmp_path / "raw.npz", params={"smplx": poses})
    entry = replace(ENTRY, hands="relative")
    body = fake_smplx(tmp_path)
    run(tmp_path, [file], entry=entry, replicate=True, body=body)
    weight = open_made(tmp_path).take(np.arange(ROWS)).keypoints3d.weight  # pyright: ignore[reportOptionalMemberAccess]
    assert not weight[:, 25:45].any() and weight[:, 45:65].all()
    run(tmp_path, [file], entry=entry, body=body)
    weight = open_made(tmp_path).take(np.arange(ROWS)).keypoints3d.weight  # pyright: ignore[reportOptionalMemberAccess]
    assert weight[:-1, 25:45].all() and not weight[-1, 25:45].any()


def fake_smplx(folder: Path) -> Path:
    """The open body stands for SMPL-X: it has mean hands."""
    from mien.body.files import find_body

    del folder
    return find_body("openbody")


def test_relative_hands_need_the_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    file = write_raw(tmp_path / "raw.npz", misc={"flat_hand_mean": False})
    with pytest.raises(AssetMissing, match="SMPLX_NEUTRAL"):
        run(tmp_path, [file])
    from mien.body.files import read_body

    arrays = read_body(fake_smplx(tmp_path))
    run(tmp_path, [file], body=arrays.path)
    hand = HumanData.read(file).params["smplx"]["right_hand_pose"]
    found = open_made(tmp_path).take(np.arange(ROWS)).right_hand_pose
    assert found is not None and arrays.hands_meanr is not None
    np.testing.assert_allclose(found.value, hand + arrays.hands_meanr, atol=1e-6)


def test_missing_pictures_are_counted_and_bounded(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    for row in (3, 11, 12):
        (tmp_path / f"clip/0_{row:04d}.jpg").unlink()
    with pytest.raises(PictureError, match=r"made/train: 3 rows have no picture .*'clip/0_0003.jpg'.*at most 2"):
        run(tmp_path, [file], check="all", max_bad=2)
    manifest, _ = run(tmp_path, [file], check="all", max_bad=3)
    assert manifest.rows == ROWS - 3 and manifest.skipped == {"picture missing": 3}
    kept = open_made(tmp_path).take(np.arange(ROWS - 3)).row
    assert set(range(ROWS)) - set(kept.tolist()) == {3, 11, 12}
    manifest, _ = run(tmp_path, [file], check="none")
    assert manifest.rows == ROWS
    for picture in (tmp_path / "clip").glob("*.jpg"):
        picture.unlink()
    with pytest.raises(PictureError, match="no picture"):
        run(tmp_path, [file], check="sample")


@pytest.mark.parametrize("max_bad", [0, 1])
def test_a_picture_that_has_come_is_found(tmp_path: Path, max_bad: int) -> None:
    file, picture = write_raw(tmp_path / "raw.npz"), tmp_path / "clip/0_0013.jpg"
    picture.rename(tmp_path / "away.jpg")
    if max_bad:
        assert run(tmp_path, [file], check="all", max_bad=1)[0].rows == ROWS - 1
        assert not run(tmp_path, [file], check="all", max_bad=1)[1], "it is still missing"
    else:
        with pytest.raises(PictureError, match=r"1 rows have no picture .*0_0013"):
            run(tmp_path, [file], check="all")
    (tmp_path / "away.jpg").rename(picture)
    manifest, anything = run(tmp_path, [file], check="all", max_bad=max_bad)
    assert anything and manifest.rows == ROWS and not manifest.skipped
    run(tmp_path, [file], out="whole", check="all", max_bad=max_bad)
    assert bytes_of(tmp_path / "store") == bytes_of(tmp_path / "whole")


def test_a_path_that_leads_out_of_the_root_is_a_missing_picture(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    file = write_raw(tmp_path / "raw/raw.npz", 20)
    images = [str(name) for name in HumanData.read(file).image_path]
    (tmp_path / "secret.jpg").touch()
    images[3:5] = "../secret.jpg", str(tmp_path / "secret.jpg")
    replace(HumanData.read(file), image_path=images).write(file)
    manifest, _ = run(tmp_path / "raw", [file], check="all", max_bad=2)
    assert manifest.rows == 18 and manifest.skipped == {"picture missing": 2}


def test_pictures_that_are_stored_turned_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write_raw(tmp_path / "raw.npz", 3)
    assert "EXIF" not in caplog.text
    jpeg = with_exif(encode(np.zeros((16, 16, 3), np.uint8), ".jpg"), 8)
    for picture in (tmp_path / "clip").iterdir():
        picture.write_bytes(jpeg)
    run(tmp_path, [file])
    assert caplog.text.count("clip/0_0000.jpg of raw.npz is turned by its EXIF block") == 1


def test_a_worker_that_was_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Executor):
        def __init__(self, *_: Any) -> None: ...

        def submit(self, *_: Any, **__: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("terminated abruptly"))
            return future

    monkeypatch.setattr("mien.data.ingest.ProcessPoolExecutor", Broken)
    files = [write_raw(tmp_path / f"raw{seed}.npz", 3, seed=seed) for seed in range(2)]
    with pytest.raises(OutputError, match="a worker process was killed; run the same command again"):
        run(tmp_path, files, workers=2)


def test_no_pictures_at_all_is_said_before_anything_is_read(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz")
    request = Request(out=tmp_path / "store")
    plan = make_plan(ENTRY, "train", [Found(files={"path": file})], str(tmp_path / "nowhere"), request)
    with pytest.raises(InputError, match=r"picture root .*nowhere does not exist"):
        ingest(plan, ENTRY, request)


def test_a_key_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = write_raw(tmp_path / "raw.npz", params={"smplx": {"left_hand_pose": rng.random((ROWS, 12))}})
    with pytest.raises(InputError, match=r"raw.npz: smplx.left_hand_pose has 12 numbers a row"):
        run(tmp_path, [file])


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    file = write_raw(tmp_path / "raw.npz", bbox_xywh=np.zeros((ROWS, 5), np.float32))
    with pytest.raises(InputError, match=r"made/train: nothing is left of its files; left out: .*invalid-boxes.*50"):
        run(tmp_path, [file])


def test_filters_across_shards(tmp_path: Path) -> None:
    crowd = np.arange(ROWS) % 20 >= 10  # whole shards fall away
    meta = {"height": np.full(ROWS, 480), "width": np.full(ROWS, 640), "iscrowd": crowd.astype(int)}
    manifest, _ = run(tmp_path, [write_raw(tmp_path / "raw.npz", meta=meta)])
    assert manifest.rows == 30 and len(manifest.shards) == 3
    assert {c.name: c.dropped for c in manifest.changes if c.dropped} == {"crowds": 20}
    people = open_made(tmp_path).take(np.array([12]))
    assert people.source == "raw.npz" and people.row.tolist() == [22]


@pytest.mark.parametrize("change", [{"interval": 0}, {"workers": 0}])
def test_impossible_settings(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="1 or more"):
        run(tmp_path, [write_raw(tmp_path / "raw.npz", 3)], **change)


def test_an_unknown_quirk_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"made names the quirk 'hand-only'.*did you mean 'hands-only'"):
        run(tmp_path, [write_raw(tmp_path / "raw.npz", 3)], entry=replace(ENTRY, quirks=("hand-only",)))


def test_the_manifest_holds_no_time_and_no_folder_of_the_files(tmp_path: Path) -> None:
    run(tmp_path, [write_raw(tmp_path / "raw.npz", 5)])
    record = json.loads((tmp_path / "store/made/train/manifest.json").read_text())
    assert record.pop("pictures") == str(tmp_path)
    assert str(tmp_path) not in json.dumps(record)
