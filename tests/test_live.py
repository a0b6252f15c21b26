"""`mien view` and `mien app`: what they answer without a browser, and that a browser shows something."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import launched, needs_browser
from clips import made_footage, stub_estimator
from motions import write_clip
from scenes import make_picture, make_scene

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.cli.serving import check_port, tell_address
from mien.clip import Clip, read
from mien.detect import Detections
from mien.errors import InputError, MienError
from mien.optional import need
from mien.video import Footage

needs_viser = pytest.mark.skipif(importlib.util.find_spec("viser") is None, reason="pip install 'mien[view]'")
needs_gradio = pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="pip install 'mien[app]'")


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load(find_body("openbody"))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, body: BodyModel) -> Path:
    return write_clip(tmp_path_factory.mktemp("live") / "walk.npz", body, {0: (0, 6), 3: (2, 3)})


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


# where it is served ---------------------------------------------------------------------------------------------
def test_a_port_that_is_taken_and_ports_that_are_none() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{taken}.*--port {taken + 1}"):
            check_port("127.0.0.1", taken)
    check_port("127.0.0.1", free_port())
    with pytest.raises(InputError, match="--port 70000"):
        check_port("127.0.0.1", 70000)
    with pytest.raises(InputError, match=r"no\.such\.host\.invalid"):
        check_port("no.such.host.invalid", 8080)


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_others_who_can_reach_it_are_warned_of(host: str, warns: bool, capsys: pytest.CaptureFixture[str]) -> None:
    tell_address("the page is", host, 8080, no_open=True)
    said = capsys.readouterr().err
    assert "http://127.0.0.1:8080" in said and ("WARNING" in said) == warns


@pytest.mark.parametrize(("verb", "module"), [("view x.npz", "viser"), ("app", "gradio")])
def test_a_missing_extra_is_one_line(
    verb: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(verb.split()) == 2
    said = capsys.readouterr().err
    assert f"pip install 'mien[{verb.split(maxsplit=1)[0]}]'" in said and said.count("\n") == 1
    with pytest.raises(MienError):
        need(module, extra="x", why="this")


# mien view ------------------------------------------------------------------------------------------------------
@pytest.fixture
def live(result: Path, body: BodyModel) -> Iterator[Any]:
    from mien.view.live import Live

    clip = read(result)
    assert isinstance(clip, Clip)
    shown = Live(clip, body, title="walk", port=free_port())
    yield shown
    shown.stop()


@needs_viser
def test_everyone_is_where_the_body_layer_puts_them(live: Any, result: Path, body: BodyModel) -> None:
    clip = mien.read(result)
    for frame in (3, 5, 0):
        live.show(frame)
        scene, ids = clip.scene(frame)
        there = [person for person in live.people if person.is_shown and person.mesh.visible]
        assert [person.motion.track for person in there] == ids
        meshes = body.pose(scene.params).mesh().numpy()
        for person, expected in zip(there, meshes, strict=True):
            np.testing.assert_allclose(person.mesh.vertices, expected, atol=1e-5)
    live.people[0].box.value = False
    live.style.value = "skeleton"
    live._restyle()
    assert not live.people[0].mesh.visible and not live.people[0].skeleton.visible


@needs_viser
def test_whoever_appears_later_looks_like_the_others(live: Any) -> None:
    live.opacity.value = 0.5
    live._restyle()
    live.show(3)
    assert [person.mesh.opacity for person in live.people] == [0.5, 0.5]
    live.people[1].box.value = False
    live.show(3)
    assert live.facts.content.endswith("frame 3: 1 person")


@needs_viser
def test_a_slider_that_is_moved_while_it_plays_stays_there(live: Any) -> None:
    live.times = live.times * 100
    live.speed.value = "0.1"
    live.play.value = True
    time.sleep(0.05)
    live.time.value = 4
    time.sleep(0.1)
    assert live.frame == 4
    live.speed.value = "4"
    deadline = time.monotonic() + 60
    while live.frame == 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert live.frame == 5
    live.play.value = False


@needs_viser
def test_it_is_served_to_this_machine(live: Any) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{live.port}/", timeout=20) as answer:
        assert b"<html" in answer.read().lower()


@needs_viser
def test_a_picture_has_no_time(body: BodyModel) -> None:
    from mien.view.live import Live

    scene = make_scene(body, 2)
    shown = Live(scene, body, make_picture(scene, body), port=free_port())
    assert shown.camera.image is not None and not hasattr(shown, "time")
    assert [person.name for person in shown.people] == ["Person 1", "Person 2"]
    shown.stop()
    with pytest.raises(InputError, match="the picture is 10 x 10 pixels"):
        Live(scene, body, np.zeros((10, 10, 3), np.uint8), port=free_port())


@needs_viser
@needs_browser
@pytest.mark.slow
def test_a_browser_shows_the_people(live: Any) -> None:
    live.show(3)
    with launched(size=(480, 320)) as browser:
        page = browser.open(f"http://127.0.0.1:{live.port}/", size=(480, 320))
        page.wait("!!document.querySelector('canvas')", 60)
        deadline = time.monotonic() + 120
        while True:
            seen = page.screenshot().astype(int)
            blue = (seen[..., 2] > seen[..., 0] + 60) & (seen[..., 1] > seen[..., 0] + 20)
            if blue.mean() > 0.005 or time.monotonic() > deadline:
                break
            time.sleep(1)
        assert blue.mean() > 0.005
        assert "Look through the camera" in page.run("document.body.innerText")


# mien app -------------------------------------------------------------------------------------------------------
class OnePerson:
    """Finds somebody in the middle of every picture."""

    def detect(self, picture: np.ndarray, name: str) -> Detections:
        height, width = picture.shape[:2]
        return Detections(boxes=np.array([[0.3 * width, 0, 0.7 * width, height]]), scores=np.array([0.9]))


@pytest.fixture
def studio(tmp_path: Path) -> Any:
    from mien.app import AppConfig, Studio

    config = AppConfig(most_megabytes=1, most_seconds=0.1, kept=2)
    return Studio(stub_estimator(OnePerson()), tmp_path / "results", config)


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "über street.png"
    path.write_bytes(cv2.imencode(".png", np.full((60, 80, 3), 120, np.uint8))[1].tobytes())
    return path


def test_a_picture_becomes_files(studio: Any, upload: Path) -> None:
    shown = studio.work(upload, style="boxes", views=("picture", "overlay"))
    assert {path.suffix for path in shown.files} == {".jpg", ".html", ".npz", ".glb"}
    assert all(path.stat().st_size > 0 for path in shown.files) and "1 person" in shown.note
    assert studio.file(shown.token, shown.viewer.name) == shown.viewer
    assert studio.file(shown.token, "../../secret") is None and studio.file("no", shown.viewer.name) is None
    for _ in range(2):
        studio.work(upload)
    assert studio.file(shown.token, shown.viewer.name) is None and not shown.viewer.exists()


def test_a_video_becomes_files(studio: Any, tmp_path: Path) -> None:
    from mien.movie import write_movie
    from mien.video import open_footage

    with write_movie(tmp_path / "walk.mp4", 80, 60, 25) as movie:
        for i in range(6):
            movie.add(np.full((60, 80, 3), 20 * i, np.uint8), i / 25)
    shares: list[float] = []
    shown = studio.work(tmp_path / "walk.mp4", views=("overlay", "side"), tell=shares.append)
    assert {path.suffix for path in shown.files} == {".mp4", ".html", ".npz", ".glb"}
    assert "2 frames" in shown.note and "the first 0.1 s only" in shown.note and shares[-1] == 1
    assert len(list(open_footage(shown.overlay).frames())) == 2


def test_what_is_said_of_a_video_that_ends_early_or_just_in_time(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made_footage(2, fps=25.0)

    def read(footage: Footage) -> Iterator[Any]:
        yield from whole.read(footage)
        footage.problems.append("made.mp4 is cut short: 2 of its 9 frames are there")

    for footage, said, seconds in ((whole, "", 0.1), (replace(whole, num_frames=9, read=read), "; made.mp4 is cut", 9)):
        monkeypatch.setattr("mien.app.studio.open_footage", lambda path, footage=footage: footage)
        upload = studio.folder.parent / "made.mp4"
        upload.touch()
        studio.config = replace(studio.config, most_seconds=seconds)
        note = studio.work(upload, style="boxes").note
        assert "2 frames, 1 person" in note and "only" not in note and said in note


def test_what_the_page_cannot_take(studio: Any, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(1_100_000))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.png").write_text("no picture")
    for name, message in (
        ("large.png", "expected at most 1 MB"),
        ("notes.txt", "neither a picture nor a video"),
        ("broken.png", r"broken\.png"),
    ):
        with pytest.raises(MienError, match=message):
            studio.work(tmp_path / name)
    assert not list((tmp_path / "results").glob("*"))
    with pytest.raises(InputError, match="limits above 0"):
        replace(studio.config, most_seconds=0)


def test_uploads_lie_by_the_results(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.app import serve

    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MienError, match="gradio"):
        serve(studio)
    assert os.environ["GRADIO_TEMP_DIR"] == str(studio.folder / "uploads")  # before gradio is there to read it


@needs_gradio
@needs_browser
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of gradio and what it brings
def test_a_browser_drops_a_picture(studio: Any, upload: Path, tmp_path: Path) -> None:
    from mien.app import serve

    port = free_port()
    server = serve(studio, port=port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    (tmp_path / "broken.png").write_text("no picture")
    try:
        with launched(size=(1200, 800)) as browser:
            page = browser.open(f"{address}/", size=(1200, 800))
            page.wait("!!document.querySelector('#go')", 120)
            for path, sign in ((tmp_path / "broken.png", ".toast-body"), (upload, "#note .mien-files")):
                page.run("document.querySelector('#upload [aria-label=Clear]')?.click()")
                page.wait("!!document.querySelector('#upload input[type=file]')", 60)
                root = page.call("DOM.getDocument")["root"]["nodeId"]
                found = page.call("DOM.querySelector", nodeId=root, selector="#upload input[type=file]")["nodeId"]
                page.call("DOM.setFileInputFiles", files=[str(path)], nodeId=found)
                page.wait("!document.querySelector('#upload input[type=file]')", 60)
                page.run("document.querySelector('#go').click()")
                page.wait(f"!!document.querySelector('{sign}')", 120)
            assert "broken.png" in page.run("document.querySelector('.toast-body').innerText")
            assert page.run("document.querySelector('#note').innerText").startswith("über")
            page.wait("document.querySelector('#overlay img').naturalWidth === 80", 60)
            source = page.run("document.querySelector('#overlay img').src")
        assert len(list((studio.folder / "uploads").rglob("*.png"))) == 2
        with urllib.request.urlopen(source.replace("_overlay.jpg", ".html"), timeout=20) as answer:
            assert b"Content-Security-Policy" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/results/none/none.npz", timeout=20)
    finally:
        server.should_exit = True
        thread.join(20)
