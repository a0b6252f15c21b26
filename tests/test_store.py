"""The store: what goes in comes out, in any order, from any worker; damage is found and named."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from people_of_chance import chance_samples

from mien.data.images import ImageStore
from mien.data.samples import Label, Samples
from mien.data.shards import SCHEMA_VERSION, Shard
from mien.data.store import Store
from mien.errors import InputError, OutputError, PictureError


def assert_same(found: Samples, expected: Samples, *, without: tuple[str, ...] = ()) -> None:
    """Equal to the bit; a label with weight 0 everywhere may be None."""
    for field in fields(Samples):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("source", *without):
            continue
        if field.name == "extra":
            assert set(one) == set(other)
            for name in other:
                _same(one[name], other[name], name)
        else:
            _same(one, other, field.name)


def _same(found: Label | np.ndarray | None, expected: Label | np.ndarray | None, name: str) -> None:
    if isinstance(expected, Label) and not expected.weight.any():
        assert found is None or not (isinstance(found, Label) and found.weight.any()), name
    elif isinstance(expected, Label):
        assert isinstance(found, Label), name
        np.testing.assert_array_equal(found.value, expected.value, err_msg=name, strict=True)
        np.testing.assert_array_equal(found.weight, expected.weight, err_msg=name, strict=True)
    elif expected is None:
        assert found is None, name
    else:
        assert isinstance(found, np.ndarray), name
        np.testing.assert_array_equal(found, expected, err_msg=name)
        assert found.dtype == expected.dtype, name


def shard_of(folder: Path, number: int = 0) -> Path:
    """A shard of the dataset `a`."""
    return next((folder / "a/train").glob(f"{number:06d}-*.arrow"))


@pytest.mark.parametrize("whole", [True, False])
def test_what_goes_in_comes_out(tmp_path: Path, whole: bool) -> None:
    people = chance_samples(101, seed=3, whole=whole, extra=True)
    Store.create(tmp_path).add("a/test", [people], rows_per_shard=17)
    dataset = Store.open(tmp_path)["a/test"]
    assert len(dataset) == 101
    rng = np.random.default_rng(0)
    for rows in (
        np.arange(101),
        rng.permutation(101),
        rng.integers(0, 101, 300),
        np.array([4]),
        np.array([100, 0, 100]),
    ):
        assert_same(dataset.take(rows), people.take(rows))
    assert_same(Samples.cat(list(dataset.chunks(40))), people)
    assert len(dataset.take(np.zeros(0, np.int64))) == 0


def test_shards_with_different_labels_make_one_dataset(tmp_path: Path) -> None:
    one, two = chance_samples(12, seed=0, source="one.npz"), chance_samples(9, seed=1, whole=False, source="two.npz")
    assert two.keypoints3d is None and one.keypoints3d is not None
    dataset = Store.create(tmp_path).add("mixed", [one, two])
    rows = np.random.default_rng(2).permutation(21)
    found = dataset.take(rows)
    assert_same(found, Samples.cat([one, two]).take(rows))
    assert found.source == "mixed/train"
    only_two = dataset.take(np.arange(12, 21))
    assert only_two.source == "two.npz" and only_two.keypoints3d is not None and not only_two.keypoints3d.weight.any()
    assert dataset.take(np.array([13])).source == "two.npz" and dataset.take(np.array([13])).row.tolist() == [1]
    assert dataset.manifest.known["keypoints3d"] == 12


def test_a_subset_of_labels(tmp_path: Path) -> None:
    people = chance_samples(30)
    Store.create(tmp_path).add("a", [people], rows_per_shard=10)
    narrow = Store.open(tmp_path, labels=["box", "betas"])["a"].take(np.array([3, 25]))
    assert_same(narrow, people.take(np.array([3, 25])), without=_others("box", "betas"))
    assert narrow.body_pose is None and narrow.keypoints2d is None


def _others(*names: str) -> tuple[str, ...]:
    kept = {"row", "image", "size", "track", *names}
    return tuple(field.name for field in fields(Samples) if field.name not in kept)


def test_rows_beyond_the_end_are_refused(tmp_path: Path) -> None:
    dataset = Store.create(tmp_path).add("a", [chance_samples(5)])
    for row in (-1, 5):
        with pytest.raises(InputError, match=f"a/train has no row {row}; expected rows 0 to 4"):
            dataset.take(np.array([0, row]))
        with pytest.raises(InputError, match="has no row"):
            dataset.image_path(row)


def test_opening_reads_nothing_and_workers_get_their_own_maps(tmp_path: Path) -> None:
    Store.create(tmp_path).add("a", [chance_samples(50)], rows_per_shard=5)
    for shard in (tmp_path / "a/train").glob("*.arrow"):
        if not shard.stem.startswith("000003"):
            shard.unlink()
    dataset = Store.open(tmp_path)["a"]
    dataset.take(np.array([15, 19]))
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(pickle.dumps(dataset)) < 5000
    assert copy.take(np.array([16])).row[0] == 16
    with pytest.raises(InputError, match=r"shard .*000000-.*\.arrow is missing"):
        copy.take(np.array([0]))


def test_the_same_people_give_the_same_bytes(tmp_path: Path) -> None:
    people = chance_samples(20, extra=True)
    for name in ("one", "two"):
        Store.create(tmp_path / name).add("a", [people], rows_per_shard=8)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_adding_again_replaces(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.add("a", [chance_samples(40)], rows_per_shard=10)
    assert len(store.add("a", [chance_samples(7, seed=1)], rows_per_shard=10)) == 7
    assert len(list((tmp_path / "a/train").glob("*.arrow"))) == 1 and store.names == ("a/train",)


def test_what_was_there_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.add("a", [chance_samples(40)], rows_per_shard=10)
    spoiled = chance_samples(12, seed=1)
    spoiled.betas.value[11] = np.nan  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(InputError, match="betas"):
        store.add("a", [spoiled], rows_per_shard=5)
    assert len(Store.open(tmp_path)["a"]) == 40 and store.verify() == []
    Store.open(tmp_path).add("b", [chance_samples(3)])
    store.add("c", [chance_samples(3)])
    assert Store.open(tmp_path).names == ("a/train", "b/train", "c/train"), "somebody else has added one meanwhile"


@pytest.mark.parametrize("name", ["../other", "/elsewhere/train", "a/../../b", "a/", "", "a//b", "./a"])
def test_no_name_leads_out_of_the_store(tmp_path: Path, name: str) -> None:
    store = Store.create(tmp_path / "store")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"expected"):
        store.add(name, [chance_samples(3)])
    assert sorted(tmp_path.rglob("*")) == before and Store.open(tmp_path / "store").names == ()


def test_one_flipped_bit_is_found_and_its_shard_named(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.add("a", [chance_samples(40)], rows_per_shard=10)
    store.add("b/test", [chance_samples(10)])
    assert store.verify() == []
    path = shard_of(tmp_path, 2)
    data = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(data), 20):
        wrong = bytearray(data)
        wrong[place] ^= 1 << (int(place) % 8)
        path.write_bytes(bytes(wrong))
        assert store.verify() == [f"a/train: the shard {path.name} is damaged (its SHA-256 is another)"]
    path.unlink()
    assert store.verify() == [f"a/train: the shard {path.name} is missing"]


@pytest.mark.parametrize("keep", [0, 100, -200, -8])
def test_a_shard_cut_short_is_an_error_not_a_crash(tmp_path: Path, keep: int) -> None:
    Store.create(tmp_path).add("a", [chance_samples(10)])
    path = shard_of(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"shard .*000000-.*\.arrow is damaged"):
        Store.open(tmp_path)["a"].take(np.array([0]))


def test_unknown_names_get_the_closest(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.add("bedlam", [chance_samples(3)])
    assert store.names == ("bedlam/train",) and "bedlam" in store and "agora" not in store
    with pytest.raises(InputError, match=r"no dataset 'bedlm/train'; did you mean 'bedlam/train'\?"):
        _ = store["bedlm"]


@pytest.mark.parametrize("file", ["store.json", "a/train/manifest.json"])
def test_another_version_of_the_schema_is_refused(tmp_path: Path, file: str) -> None:
    Store.create(tmp_path).add("a", [chance_samples(3)])
    record = json.loads((tmp_path / file).read_text())
    record["schema_version"] = SCHEMA_VERSION + 1
    (tmp_path / file).write_text(json.dumps(record))
    with pytest.raises(InputError, match=f"schema version {SCHEMA_VERSION + 1}; expected version {SCHEMA_VERSION}"):
        _ = Store.open(tmp_path)["a"]


@pytest.mark.parametrize("change", ["{", "[]", '{"schema_version": 1, "nmae": "a"}'])
def test_a_damaged_manifest_names_itself(tmp_path: Path, change: str) -> None:
    Store.create(tmp_path).add("a", [chance_samples(3)])
    (tmp_path / "a/train/manifest.json").write_text(change)
    with pytest.raises(InputError, match=r"manifest\.json"):
        _ = Store.open(tmp_path)["a"]


def test_no_store_here(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"store\.json is missing"):
        Store.open(tmp_path / "nowhere")


def test_what_a_store_cannot_keep(tmp_path: Path) -> None:
    people = chance_samples(4)
    people.betas.value[2, 3] = np.nan  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(InputError, match=r"chance.npz, entry 2: betas has a number that is not finite"):
        Store.create(tmp_path).add("a", [people])
    people = chance_samples(4)
    people.keypoints2d.weight[1, 3] = 0.4  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(InputError, match=r"entry 1: keypoints2d has a weight that is neither 0 nor 1"):
        Store.create(tmp_path).add("a", [people])


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path)
    store.add("a", [chance_samples(3)])
    before = (tmp_path / "store.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match="disk is full"):
        store.add("b", [chance_samples(3)])
    monkeypatch.undo()
    assert (tmp_path / "store.json").read_bytes() == before
    assert Store.open(tmp_path).names == ("a/train",)
    assert not list(tmp_path.rglob("*.part"))


def test_arrow_tools_can_read_a_shard(tmp_path: Path) -> None:
    import pyarrow as pa

    people = chance_samples(6)
    Store.create(tmp_path).add("a", [people])
    table = pa.ipc.open_file(shard_of(tmp_path)).read_all()
    shard = Shard.open(shard_of(tmp_path))
    place = next(place for place in shard.content.layout.places if place.name == "betas")
    params = np.array(table["params"].to_pylist(), np.float32)
    assert people.betas is not None
    np.testing.assert_array_equal(params[:, place.numbers], people.betas.value)
    assert table["image"].to_pylist() == list(people.image)


PICTURES = {"a/0.jpg": b"zero", "a/1.jpg": b"one" * 1000, "a/b/é 2.png": b""}


def _archive(kind: str, folder: Path) -> str:
    if kind == "folder":
        for name, data in PICTURES.items():
            (folder / "pics" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "pics" / name).write_bytes(data)
        return str(folder / "pics")
    if kind == "zip":
        with zipfile.ZipFile(folder / "pics.zip", "w") as archive:
            for name, data in PICTURES.items():
                archive.writestr(name, data)
        return str(folder / "pics.zip")
    if kind == "tar":
        with tarfile.open(folder / "pics.tar", "w") as archive:
            for name, data in PICTURES.items():
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return str(folder / "pics.tar")
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name, data in PICTURES.items():
        system.pipe_file(f"/bucket/pics/{name}", data)
    return "memory://bucket/pics"


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "address"])
def test_pictures_stay_where_they_are(tmp_path: Path, kind: str) -> None:
    (tmp_path / "store").mkdir()
    images = ImageStore.open(_archive(kind, tmp_path), beside=tmp_path / "store")
    for store in (images, pickle.loads(pickle.dumps(images))):
        for name, data in PICTURES.items():
            assert store.has(name) and store.read(name) == data
        assert not store.has("a/7.jpg")
        with pytest.raises(PictureError, match=r"'a/7.jpg' is missing in .*pics"):
            store.read("a/7.jpg")
    assert len(pickle.dumps(images)) < 500


def test_a_tar_is_scanned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _archive("tar", tmp_path)
    assert ImageStore.open(root, beside=tmp_path).read("a/0.jpg") == b"zero"
    with monkeypatch.context() as context:
        context.setattr("tarfile.open", lambda *_: pytest.fail("scanned twice"))
        assert ImageStore.open(root, beside=tmp_path).read("a/1.jpg") == b"one" * 1000
    (tmp_path / "pics.tar").unlink()
    PICTURES_NOW = {"a/0.jpg": b"another"}
    with tarfile.open(root, "w") as archive:
        info = tarfile.TarInfo("a/0.jpg")
        info.size = 7
        archive.addfile(info, io.BytesIO(PICTURES_NOW["a/0.jpg"]))
    assert ImageStore.open(root, beside=tmp_path).read("a/0.jpg") == b"another"


def test_a_picture_path_cannot_leave_its_folder(tmp_path: Path) -> None:
    images = ImageStore.open(_archive("folder", tmp_path))
    (tmp_path / "secret").write_text("x")
    for path in ("../secret", str(tmp_path / "secret"), "a/../../secret"):
        assert not images.has(path)
        with pytest.raises(PictureError, match="leads out of the folder"):
            images.read(path)
    assert ImageStore.open("/").read(str(tmp_path / "pics/a/0.jpg").lstrip("/")) == b"zero"


def test_an_address_that_fails_in_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = ImageStore.open(_archive("address", tmp_path))
    assert not images.has("../pics/a/0.jpg")

    def failing(*_: object, **__: object) -> bytes:
        raise RuntimeError("503, message='Service Unavailable'")  # as aiohttp's: no OSError

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", failing)
    with pytest.raises(PictureError, match=r"'a/0.jpg' cannot be read \(503, message='Service Unavailable'\)"):
        images.read("a/0.jpg")


def test_a_dataset_reads_its_pictures(tmp_path: Path) -> None:
    _archive("folder", tmp_path)
    people = chance_samples(2, images=["a/0.jpg", "a/7.jpg"])
    dataset = Store.create(tmp_path / "s").add("a", [people], pictures="../../../pics")
    assert dataset.image(0) == b"zero"
    with pytest.raises(PictureError, match=r"a/7\.jpg"):
        dataset.image(1)
    with pytest.raises(InputError, match=r"picture root .* does not exist"):
        Store.create(tmp_path / "s").add("b", [people], pictures="nowhere").image(0)
