"""The catalogue: its entries are whole, and a miniature of every dataset in it goes through the door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from raw_sets import ROWS, write_raw

from mien.body.files import find_body
from mien.cli import data as verbs
from mien.data.catalogue import Entry, catalogue, expand, find, ladder
from mien.data.check import check_folder
from mien.data.humandata import HumanData
from mien.data.ingest import Request, ingest, make_plan
from mien.data.locate import find_pictures, find_sources
from mien.data.readers import READERS
from mien.data.store import Store
from mien.data.transforms import QUIRKS, TRANSFORMS
from mien.errors import InputError

ENTRIES = list(catalogue().values())
SPLITS = [(entry, split) for entry in ENTRIES for split in entry.files]
by_name = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@pytest.fixture(autouse=True)
def bodies(fake_bodies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(fake_bodies))


def test_expand() -> None:
    assert expand("a.npz") == ("a.npz",)
    assert expand("a_{0..2}.npz") == ("a_0.npz", "a_1.npz", "a_2.npz")
    assert expand("{x,y}_{1,2}") == ("x_1", "x_2", "y_1", "y_2")


def test_the_published_mixtures_have_their_numbers() -> None:
    for count in (5, 10, 20, 32, 40):
        assert len(ladder(count)) == count
    for small, large in ((5, 10), (10, 20), (20, 32), (32, 40)):
        assert {entry.name for entry in ladder(small)} < {entry.name for entry in ladder(large)}
    assert {entry.upstream for entry in ladder(5)} == {"BEDLAM", "AGORA", "GTA_Human2", "SPEC", "MSCOCO"}
    with pytest.raises(InputError, match="no published mixture has 7 datasets; expected 5, 10, 20, 32, 40"):
        ladder(7)
    total = sum(entry.instances or 0 for entry in ladder(32))
    assert total == 21_913_767, "the sum of SPEC 4.4"


@by_name
def test_an_entry_is_whole(entry: Entry) -> None:
    assert entry.homepage.startswith("http") and entry.licence and entry.title and entry.upstream
    assert entry.files and all(entry.files.values()) and set(entry.quirks) <= set(QUIRKS)
    assert all(entry.reader_of(split) in READERS for split in entry.files)
    assert set(entry.readers) | set(entry.options) <= set(entry.files)
    assert all(interval > 1 for interval in entry.interval.values())
    if entry.instances is None and entry.ladders:
        assert entry.ladders == (40,), "SPEC counts the first 32"


def test_every_quirk_is_some_datasets() -> None:
    assert {quirk for entry in ENTRIES for quirk in entry.quirks} == set(QUIRKS)


def test_find_takes_upstream_classes_and_names_the_closest() -> None:
    assert find("PW3D").name == "3dpw" and find("bedlam").upstream == "BEDLAM"
    with pytest.raises(InputError, match=r"no dataset 'agoro'; did you mean 'agora'\?"):
        find("agoro")


@pytest.mark.parametrize(("entry", "split"), SPLITS, ids=[f"{entry.name}-{split}" for entry, split in SPLITS])
def test_a_miniature_goes_through_the_door(tmp_path: Path, entry: Entry, split: str) -> None:
    count = write_raw(tmp_path / "raw", entry, split)
    search, pictures = find_sources(tmp_path / "raw", entry, split), find_pictures(tmp_path / "raw", entry)
    assert not search.missing and len(search.sources) == len(entry.files[split]) and pictures is not None
    for replicate in (False, True):
        out = tmp_path / f"store{replicate}"
        request = Request(out=out, check="all", body=find_body("openbody"), replicate=replicate)
        plan = make_plan(entry, split, search.sources, str(pictures), request)
        manifest, _ = ingest(plan, entry, request)
        dataset = Store.open(out)[f"{entry.name}/{split}"]
        dropped = sum(change.dropped for change in manifest.changes)
        left = {"train": 2, "test": 2}.get(split, ROWS) if entry.name == "ubody" else count - dropped
        assert len(dataset) == manifest.rows == left > 0
        assert all(change.name in {t.name for t in TRANSFORMS} for change in manifest.changes)
        people = dataset.take(np.arange(len(dataset)))
        assert people.box.weight.all() and dataset.image(0) == b""
        expected = (
            1.2
            if not replicate
            else entry.box_ratio_upstream or (1.2 * 0.833 if plan.reader in ("humandata", "agora") else 1.2)
        )
        assert manifest.box_ratio == expected
        if not replicate and plan.setting.hands == "relative" and entry.labels in ("SMPL-X", "NeuralAnnot"):
            assert split == "test" or "relative-hands" in {change.name for change in manifest.changes}
    (state,) = [each for each in check_folder(tmp_path / "raw", [entry]) if each.split == split]
    assert state.verdict == "complete" and state.pictures == pictures and not state.damaged


def test_what_miniatures_say_of_single_sets(tmp_path: Path) -> None:
    """Quirks that tests of transforms cannot see: that the right datasets have them."""

    def changes(name: str, split: str = "train", *, replicate: bool = False) -> dict[str, tuple[int, int]]:
        entry, root = find(name), tmp_path / name
        write_raw(root, entry, split)
        request = Request(out=root / f"s{replicate}", check="none", body=find_body("openbody"), replicate=replicate)
        plan = make_plan(entry, split, find_sources(root, entry, split).sources, "", request)
        manifest, _ = ingest(plan, entry, request)
        return {change.name: (change.changed, change.dropped) for change in manifest.changes}

    assert changes("agora")["kids"] == (0, 1) and changes("agora")["invalid-fits"] == (0, 1)
    assert changes("mpi-inf-3dhp")["leading-slash"] == (3 * ROWS, 0)
    assert changes("arctic")["betas-of-no-meaning"] == (ROWS, 0)
    assert "right-hand-is-left-hand" not in changes("talkshow")
    assert changes("talkshow", replicate=True)["right-hand-is-left-hand"] == (4 * ROWS, 0)
    assert changes("mpii")["unknown-ankles-and-wrists"] == (ROWS, 0)
    assert changes("3dpw")["keypoints-of-smpl"] == (ROWS, 0)
    assert changes("renbody-hires")["joints-of-the-body"] == (2 * ROWS, 0)
    assert "relative-hands" not in changes("fit3d") and "relative-hands" in changes("rich")
    assert "relative-hands" not in changes("bedlam") and "relative-hands" in changes("bedlam", replicate=True)
    assert "neutral-betas" in changes("egobody-kinect") and "default-size" in changes("muco")
    assert "default-camera" in changes("gta-human2")


def test_check_tells_what_is_missing_and_damaged(tmp_path: Path) -> None:
    chi3d, coco = find("chi3d"), find("coco")
    write_raw(tmp_path, chi3d, "train")
    write_raw(tmp_path, coco, "train")
    (tmp_path / "CHI3D_train_230511_1492_1.npz").unlink()
    (tmp_path / coco.files["train"][0][0]).write_text('{"images": [')
    states = {each.entry.name: each for each in check_folder(tmp_path, [chi3d, coco, find("rich")])}
    assert states["chi3d"].verdict == "partial" and states["chi3d"].missing == ("CHI3D_train_230511_1492_1.npz",)
    assert states["coco"].verdict == "damaged" and "cut short" in states["coco"].damaged[0]
    assert states["rich"].verdict == "missing"
    write_raw(tmp_path, chi3d, "train")
    (state,) = check_folder(tmp_path, [chi3d], full=True)
    assert state.rows == 2 * ROWS and "the catalogue says 252,400" in state.notes[0]
    path = tmp_path / "CHI3D_train_230511_1492_0.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    (state,) = check_folder(tmp_path, [chi3d], full=True)
    assert state.verdict == "damaged"
    data[len(data) // 2] ^= 1
    whole = bytes(data)
    for place in np.random.default_rng(0).integers(0, len(data) - 100, 30):  # zlib has errors of its own
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) * 40 + whole[place + 40 :])
        (state,) = check_folder(tmp_path, [chi3d], full=True)
        assert state.verdict == "damaged", place
    write_raw(tmp_path, coco, "train")
    path = tmp_path / coco.files["train"][0][0]
    path.write_bytes(path.read_bytes().replace(b":", b"?", 1))
    verdicts = [next(iter(check_folder(tmp_path, [coco], full=full))).verdict for full in (False, True)]
    assert verdicts == ["complete", "damaged"], "only a full check reads json to its end"
    with pytest.raises(InputError, match="nowhere is no folder"):
        list(check_folder(tmp_path / "nowhere", [chi3d]))


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, root, out = find_body("openbody"), tmp_path / "raw", tmp_path / "store"
    assert verbs.list() == 0 and "bedlam" in capsys.readouterr().out
    assert verbs.show("talkshow") == 0 and "right-hand-is-left-hand" in capsys.readouterr().out
    with pytest.raises(InputError, match="nothing in the catalogue mentions 'qqq'"):
        verbs.list(filter="qqq")
    for name in ("chi3d", "egobody-kinect"):
        for split in find(name).files:
            write_raw(root, find(name), split)
    assert verbs.check(root, ("chi3d",)) == 0 and verbs.check(root) == 1
    text = capsys.readouterr().out
    assert "chi3d/train" in text and "complete" in text and "https://agora.is.tue.mpg.de" in "".join(text.split())
    assert verbs.ingest(("chi3d",), out=out, root=root, body=body) == 0
    assert "8 of 8 people" in capsys.readouterr().out
    assert verbs.ingest(("all",), out=out, root=root, body=body) == 1
    text = capsys.readouterr().out
    assert "nothing to do" in text and "left out" in text
    assert Store.open(out).names == ("chi3d/train", "egobody-kinect/test", "egobody-kinect/train")
    with pytest.raises(InputError, match=r"rich: rich_train_fix_betas.npz is not below .*register at https://rich"):
        verbs.ingest(("rich",), out=out, root=root)
    with pytest.raises(InputError, match="no dataset is named"):
        verbs.ingest((), out=out)
    file = str(root / "CHI3D_train_230511_1492_0.npz")
    assert (
        verbs.ingest((file,), out=out, reader="humandata", name="mine", split="val", pictures="none", hands="flat") == 0
    )
    assert len(Store.open(out)["mine/val"]) == ROWS
    with pytest.raises(InputError, match="no reader is called 'humandat'; did you mean 'humandata'"):
        verbs.ingest((file,), out=out, reader="humandat")
    with pytest.raises(InputError, match="no file is named"):
        verbs.ingest((), out=out, reader="humandata")
    with pytest.raises(InputError, match=r"--split val without --reader; the catalogue says it"):
        verbs.ingest(("chi3d",), out=out, root=root, split="val")
    with pytest.raises(InputError, match=r"the catalogue has no dataset 'my_people'"):
        verbs.ingest(("all", "my_people"), out=out, root=root)


def test_a_reader_is_told_its_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, root, out = find_body("openbody"), tmp_path / "raw", tmp_path / "store"
    write_raw(root, find("agora"), "val")
    file, images = str(root / find("agora").files["val"][0][0]), str(root / find("agora").pictures)
    sizes = []
    for options in ((), ("resolution=1280x720",)):
        words = {"out": out, "reader": "agora", "name": "mine", "images": images, "body": body, "pictures": "none"}
        assert verbs.ingest((file,), **words, options=options) == 0  # pyright: ignore[reportArgumentType]
        size = Store.open(out)["mine"].take(np.arange(1)).size
        assert size is not None
        sizes.append(size[0].tolist())
    assert sizes == [[2160, 3840], [720, 1280]]
    assert Store.open(out)["mine"].manifest.settings["options"] == [{"resolution": "1280x720"}]
    for options, says in (
        (("resolution",), "expected name=value"),
        (("a=1", "a=2"), "once"),
        (("size=3",), "no option"),
    ):
        with pytest.raises(InputError, match=says):
            verbs.ingest((file,), out=out, reader="agora", options=options)
    with pytest.raises(InputError, match="'humandata' has no option 'resolution'"):
        write_raw(root, find("chi3d"), "train")
        verbs.ingest(("chi3d",), out=out, root=root, options=("resolution=1280x720",))


def test_what_was_assumed_of_hands_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_raw(tmp_path, find("chi3d"), "train")
    file, words = str(tmp_path / "CHI3D_train_230511_1492_0.npz"), {"out": tmp_path / "store", "reader": "humandata"}
    body = find_body("openbody")
    verbs.ingest((file,), **words, name="relative", pictures="none", body=body)  # pyright: ignore[reportArgumentType]
    assert "4 assumed           the files do not say; taken for offsets from the mean hand" in capsys.readouterr().out
    verbs.ingest((file,), **words, name="flat", pictures="none", hands="flat")  # pyright: ignore[reportArgumentType]
    assert "4 assumed           the files do not say; taken for absolute poses" in capsys.readouterr().out
    store = Store.open(tmp_path / "store")
    assert [store[name].manifest.assumed for name in ("relative", "flat")] == [{"hands relative": 4}, {"hands flat": 4}]
    raw = HumanData.read(Path(file))
    replace(raw, misc={**raw.misc, "flat_hand_mean": True}).write(Path(file))
    verbs.ingest((file,), **words, name="said", pictures="none")  # pyright: ignore[reportArgumentType]
    assert "assumed" not in capsys.readouterr().out and not store.open(store.folder)["said"].manifest.assumed


def test_what_mien_synth_wrote_goes_through_the_same_door(tmp_path: Path) -> None:
    folder, out = tmp_path / "crowd", tmp_path / "store"
    for split in ("train", "test"):
        made = replace(find("chi3d"), files={split: ((f"{split}.npz",),)}, pictures=".", image_size=None)
        write_raw(folder, made, split)
        raw = HumanData.read(folder / f"{split}.npz")
        params = {name: np.zeros_like(value) for name, value in raw.params["smplx"].items()}
        misc = {"flat_hand_mean": True, "bbox_body_scale": 1.2}
        replace(raw, config="mien synth", params={"smplx": params}, misc=misc).write(folder / f"{split}.npz")
    assert verbs.ingest((str(folder),), out=out, pictures="all") == 0
    store = Store.open(out)
    assert store.names == ("crowd/test", "crowd/train")
    people = store["crowd"].take(np.arange(ROWS))
    assert people.left_hand_pose is not None and people.left_hand_pose.weight.all(), "zeros are values"
    assert store["crowd"].manifest.settings["exact"] is True


def test_statistics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2

    body, out = find_body("openbody"), tmp_path / "store"
    for name in ("chi3d", "coco"):
        write_raw(tmp_path / "raw", find(name), "train")
    verbs.ingest(("chi3d", "coco"), out=out, root=tmp_path / "raw", body=body)
    assert verbs.stats(out, out=tmp_path / "here") == 0
    assert "chi3d/train" in capsys.readouterr().out
    picture = cv2.imread(str(tmp_path / "here/stats.png"))
    assert picture is not None and picture.shape[1] > 1500 and (tmp_path / "here/stats.json").exists()
    Store.create(tmp_path / "empty")
    with pytest.raises(InputError, match="is empty"):
        verbs.stats(tmp_path / "empty")


def test_numbers_of_a_store_are_those_of_its_people() -> None:
    from people_of_chance import chance_samples

    from mien.data.samples import Label
    from mien.data.stats import measure

    relaxed = np.random.default_rng(0).uniform(-1, 1, (2, 15, 3)).astype(np.float32)
    turns = np.array([[np.pi, 0, 0], [0, 0, 0], [0, np.pi, 0]], np.float32)
    people = replace(chance_samples(3), global_orient=Label(value=turns, weight=np.ones(3, np.float32)))
    found = measure(people, relaxed)
    np.testing.assert_allclose(found["turn"], [0, 180, 0], atol=1e-4)  # y up, facing z, in a camera with y down
    np.testing.assert_allclose(found["tilt"], [0, 180, 180], atol=1e-4)
