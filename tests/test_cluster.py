"""Many machines without a cluster: what is planned, what the manifest holds, and one worker in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from clips import SIZE, Squares, made_footage, stub_estimator

import mien
from mien.cli import main
from mien.cluster import Entry, Item, Job, Manifest, Place, Request, Worker, items_of, left_to_do, remote_items
from mien.cluster.connect import connect
from mien.errors import InputError, MienError, OutputError
from mien.files import exclusive
from mien.filming import predict_clip
from mien.movie import write_movie
from mien.picture_files import EXTENSIONS, VIDEO_EXTENSIONS, find_pictures
from mien.video import open_footage

fsspec = pytest.importorskip("fsspec", reason="many machines need the extra `cluster`")
SUFFIXES = {"picture": {"npz": ".npz"}, "clip": {"npz": ".npz"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip in a folder below, a picture of its name, and a file that is no video."""
    place = tmp_path / "in"
    (place / "day").mkdir(parents=True)
    with write_movie(place / "day/walk.mp4", SIZE[1], SIZE[0], 30) as movie:
        for frame in made_footage(9).frames():
            movie.add(frame.pixels, frame.time)
    cv2.imwrite(str(place / "day/walk.png"), next(made_footage(1).frames()).pixels)
    (place / "bad.mp4").write_text("no video")
    return place


@pytest.fixture
def bucket(folder: Path) -> Iterator[str]:
    """The same in a bucket."""
    files = fsspec.filesystem("memory")
    files.put(str(folder), "/bucket/in", recursive=True)
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)


class Anywhere(Squares):
    """Finds the squares of frame 0, whatever the picture is called."""

    def detect(self, picture: np.ndarray, name: str) -> Any:
        return super().detect(picture, name if name.rpartition("/")[2].isdigit() else "picture/0")


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker with a network that costs nothing."""
    estimate = stub_estimator(Anywhere())
    monkeypatch.setattr(mien, "load", lambda **_: estimate)
    origin = estimate.origin()
    return Worker(
        Job(
            load={}, weights_sha256=origin.weights_sha256, body_sha256=origin.body_sha256, out=str(tmp_path / "out"),
            suffixes=SUFFIXES, retries=0,
        )
    )  # fmt: skip


def local(folder: Path) -> list[Item]:
    found = find_pictures([folder], EXTENSIONS + VIDEO_EXTENSIONS)
    clips = [file for file in found if file.path.suffix == ".mp4"]
    return items_of([file for file in found if file not in clips], clips)


# planning -------------------------------------------------------------------------------------------------------
def test_a_bucket_is_named_as_a_folder_is(folder: Path, bucket: str) -> None:
    here, there = local(folder), remote_items([f"{bucket}/in"])
    assert {item.stem for item in here} == {"day/walk.png", "day/walk.mp4", "bad"}  # as plain `mien predict` names them
    assert sorted((item.name, item.stem, item.kind, item.num_bytes) for item in here) == sorted(
        (item.name, item.stem, item.kind, item.num_bytes) for item in there
    )
    assert {item.source for item in there} == {f"memory:///bucket/in/{item.name}" for item in here}
    (one,) = remote_items([f"{bucket}/in/day/walk.mp4"])
    assert (one.name, one.stem) == ("walk.mp4", "walk")
    assert [item.name for item in remote_items([f"{bucket}/in/*/*.mp4"])] == ["day/walk.mp4"]


def test_finished_is_what_the_manifest_and_the_files_say(folder: Path, tmp_path: Path) -> None:
    items, place = local(folder), Place(str(tmp_path / "out"))
    manifest = Manifest.open(place, {"a": 1}, resume=False)
    assert left_to_do(items, manifest, SUFFIXES)[0].name == "day/walk.mp4"  # the largest first
    for item in items:
        place.write(f"{item.stem}.npz", b"12345")
        manifest.add(item.entry(files={f"{item.stem}.npz": 5}))
    assert not left_to_do(items, manifest, SUFFIXES)
    bad, picture, clip = ({item.stem: item for item in items}[stem] for stem in ("bad", "day/walk.png", "day/walk.mp4"))
    both = {"picture": SUFFIXES["picture"], "clip": {"npz": ".npz", "overlay": "_overlay.mp4"}}
    assert left_to_do([clip, picture], manifest, both) == [clip]  # its overlay is wanted, too
    place.write(f"{clip.stem}.npz", b"1234")  # cut short by whatever it was
    manifest.add(replace(manifest.entries[bad.stem], error="no video"))
    manifest.add(replace(manifest.entries[picture.stem], num_bytes=1))  # another file than now
    assert {item.stem for item in left_to_do(items, manifest, SUFFIXES)} == {item.stem for item in items}


def test_the_manifest_comes_back_and_minds_its_settings(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "out"))
    manifest = Manifest.open(place, {"weights": "abc", "size": (1, 2)}, resume=True)  # nothing there yet: begun
    entry = Entry(name="ä/x.mp4", stem="ä/x", source="s", kind="clip", num_bytes=3, problems=("a", "b"))
    manifest.add(entry)
    assert not (tmp_path / "out/job.json").exists()
    manifest.begin()
    (line,) = (tmp_path / "out/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["name"] == "ä/x.mp4"
    again = Manifest.open(place, {"weights": "abc", "size": (1, 2)}, resume=True)
    assert again.entries == {"ä/x": entry}
    with pytest.raises(InputError, match="begun with weights 'abc', this run has 'xyz'"):
        Manifest.open(place, {"weights": "xyz", "size": (1, 2)}, resume=True)
    assert not Manifest.open(place, {"weights": "xyz"}, resume=False).entries
    assert json.loads((tmp_path / "out/job.json").read_text())["weights"] == "abc"  # nothing begun, nothing lost


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.jsonl", '{"name": "x"'),
        ("manifest.jsonl", "[]"),
        ("manifest.jsonl", '{"name": "x", "stem": "x", "source": "s", "kind": "clip", "num_bytes": 3, "files": 3}'),
        ("job.json", "[1]"),
        ("job.json", "{"),
    ],
)
def test_a_damaged_record_is_no_traceback(tmp_path: Path, name: str, text: str) -> None:
    place = Place(str(tmp_path))
    Manifest.open(place, {"weights": "abc"}, resume=False).begin()
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name} is damaged .*without --resume"):
        Manifest.open(place, {"weights": "abc"}, resume=True)


def test_a_large_manifest_is_not_written_for_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.open(Place(str(tmp_path)), {}, resume=False)
    written: list[str] = []
    monkeypatch.setattr(Place, "write", lambda self, name, data: written.append(name))
    for i in range(1000):
        manifest.add(Entry(name=str(i), stem=str(i), source="", kind="clip", num_bytes=0))
    assert len(written) < 5 and len(manifest.entries) == 1000


# one worker -----------------------------------------------------------------------------------------------------
def test_results_are_those_of_plain_predict(folder: Path, bucket: str, tmp_path: Path, worker: Worker) -> None:
    items = {item.stem: item for item in local(folder)}
    for item in items.values():
        assert bool(worker.work(item).entry.error) == (item.stem == "bad")
    plain = predict_clip(worker.estimate, open_footage(folder / "day/walk.mp4"), tmp_path / "plain.npz")
    assert plain.rows == 18
    assert (tmp_path / "out/day/walk.mp4.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    worker.estimate(str(folder / "day/walk.png")).save(tmp_path / "picture.npz")
    assert (tmp_path / "out/day/walk.png.npz").read_bytes() == (tmp_path / "picture.npz").read_bytes()
    away = Worker(replace(worker.job, out=f"{bucket}/out"))
    for item in remote_items([f"{bucket}/in"]):
        done = away.work(item)
        if item.stem == "bad":
            assert not done.stop and "cannot read memory:///bucket/in/bad.mp4" in done.entry.error
            continue
        name = f"{item.stem}.npz"
        data = away.place.read(name)
        assert (
            data is not None
            and data == (tmp_path / "out" / name).read_bytes()
            and done.entry.files == {name: len(data)}
        )
        assert done.entry.frames == (9 if item.kind == "clip" else 1) and done.entry.people == 2
        assert len(done.entry.sha256) == 64 and done.entry.seconds > 0
    assert not [path for path in away.place.files() if path.endswith(".part")]


def test_a_worker_goes_on_where_another_one_died(folder: Path, tmp_path: Path, worker: Worker) -> None:
    """The parts of a clip lie where all machines see them."""
    item = next(item for item in local(folder) if item.kind == "clip" and item.stem != "bad")
    target = tmp_path / f"out/{item.stem}.npz"
    whole = worker.work(item)
    data = target.read_bytes()
    target.unlink()
    (target.with_suffix(".parts")).mkdir()  # begun, nothing certain yet
    assert worker.work(item).entry.files == whole.entry.files and target.read_bytes() == data


def test_what_passes_is_tried_again_and_what_does_not_is_not(
    folder: Path, bucket: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(replace(worker.job, out=f"{bucket}/out", retries=2))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    tried: list[str] = []
    fetch = Place.fetch

    def shaky(place: Place, target: Path) -> None:
        tried.append(place.address)
        if len(tried) % 3:
            raise TimeoutError("the network is away")
        fetch(place, target)

    monkeypatch.setattr(Place, "fetch", shaky)
    items = {item.stem: item for item in remote_items([f"{bucket}/in"])}
    assert not worker.work(items["day/walk.png"]).entry.error and len(tried) == 3
    worker.job = replace(worker.job, retries=1)
    tried.clear()
    done = worker.work(items["day/walk.png"])
    assert done.entry.error == "TimeoutError: the network is away" and len(tried) == 2 and not done.stop
    gone = replace(items["day/walk.png"], source=f"{bucket}/in/gone.png")
    monkeypatch.setattr(Place, "fetch", fetch)
    assert "memory://bucket/in/gone.png does not exist" in worker.work(gone).entry.error


def test_no_input_stops_the_job_but_a_full_disk_does(
    folder: Path, tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = local(folder)[0]

    def broken(*_: object, **__: object) -> None:
        raise KeyError("a mistake of ours")

    def full(*_: object, **__: object) -> None:
        raise OutputError("cannot write x: the disk is full", todo="make room and run again with --resume")

    monkeypatch.setattr(Worker, "_picture", broken)
    done = worker.work(item)
    assert done.entry.error == "KeyError: 'a mistake of ours'" and not done.stop
    monkeypatch.setattr(Worker, "_picture", full)
    done = worker.work(item)
    assert done.stop and "disk is full" in done.entry.error
    assert worker.given_up(item, 1) is None
    dead = worker.given_up(item, 2)
    assert dead is not None and "its worker died 1 times" in dead.entry.error and not dead.stop


def test_machines_with_other_files_are_found(folder: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Worker(replace(worker.job, weights_sha256="f" * 64)).work(local(folder)[0])
    assert done.stop and "other weights than where the job was started" in done.entry.error

    def missing(**_: object) -> None:
        raise MienError("no such weights")

    monkeypatch.setattr(mien, "load", missing)
    done = Worker(worker.job).work(local(folder)[0])
    assert done.stop and "no such weights" in done.entry.error


# the command ----------------------------------------------------------------------------------------------------
def run(*arguments: object) -> int:
    words = ["--weights", "random-xxs", "--detector", "full-image", "--cluster", "local"]
    return main(["predict", *map(str, arguments), *words])


def test_a_dry_run_and_a_plain_run(folder: Path, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{bucket}/in", "--out", f"{bucket}/out", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "3 inputs would be read on local; the first result would be memory://bucket/out/" in said
    assert main(["predict", f"{bucket}/in", "--out", "x", "--weights", "random-xxs"]) == 2
    assert "memory://bucket/in is no folder of this machine; add --cluster" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--actors", "0"), "--actors 0"),
        (("--cpus", "0"), "--cpus 0"),
        (("--retries", "-1"), "--retries -1"),
        (("--save", "glb"), "cannot --save 'glb' of a clip"),
        (("memory://bucket/none",), "holds no pictures and no videos"),
        (("memory://bucket/none", "--clip"), "frames in memory://bucket/none"),
        (("nothing://x/y",), "nothing://x/y"),
        (("webcam:0",), "webcam:0 on a cluster"),
    ],
)
def test_what_makes_no_sense_on_a_cluster(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    inputs, options = ([folder], options) if options[0].startswith("--") else (list(options), ())
    assert run(*inputs, "--out", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_folder_and_a_bucket_with_one_name(
    folder: Path, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, f"{bucket}/in", "--out", tmp_path / "out") == 2
    assert "two inputs would both be written to" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_one_run_at_a_time_writes_to_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with exclusive(tmp_path / "out"):
        assert run(folder, "--out", tmp_path / "out") == 2
    assert "another process" in capsys.readouterr().err
    assert not (tmp_path / "out/manifest.jsonl").exists()


def test_an_actor_that_fits_nowhere() -> None:
    from mien.cluster.run import _check

    class Ray:
        def nodes(self) -> list[dict[str, Any]]:
            return [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"CPU": 4.0, "GPU": 8.0}}]

    _check(Ray(), Request(address="auto", cpus=4))
    with pytest.raises(InputError, match="1 GPUs fits on no machine of the cluster; expected at most 4 cores"):
        _check(Ray(), Request(address="auto", gpus=1))


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MienError, match=r"mien\[cluster\]"):
        connect("auto", why="this")


@pytest.mark.parametrize(("error", "said"), [(ConnectionError(), "ConnectionError"), (ValueError("no\nmore"), "no")])
def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    def init(**_: Any) -> None:
        raise error

    ray = ModuleType("ray")
    monkeypatch.setattr(ray, "init", init, raising=False)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(InputError, match=rf"no cluster at 'auto' \({said}\)"):
        connect("auto", why="this")
