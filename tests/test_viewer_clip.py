"""The HTML page of a clip in a browser: it plays, scrubs and picks people, who are where our renderer draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, Page, differs, json_of, launched, needs_browser, stage
from motions import write_clip

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.clip import Clip, read
from mien.errors import InputError
from mien.export.motion import Stage, motions_in, within
from mien.render.raster import Mesh, render
from mien.video import Footage
from mien.view import clip_viewer_html, frames, moving, write_clip_viewer

TRACKS = {0: (0, 12), 3: (4, 6)}
"""First frame and number of frames, by id."""
SIZE = (720, 1280)


@dataclass(frozen=True)
class Sample:
    result: Path
    clip: Clip
    stage: Stage
    body: BodyModel
    page: Path


def footage() -> Footage:
    """Every frame has a grey of its own."""

    def read_frames(_: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        for i in range(12):
            yield i / 25, lambda i=i: np.full((*SIZE, 3), grey(i), np.uint8)

    return Footage(name="walk.mp4", width=SIZE[1], height=SIZE[0], fps=25, num_frames=12, read=read_frames)


def grey(frame: int) -> int:
    return 20 + 18 * frame


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("clip")
    body = BodyModel.load(find_body("openbody"))
    result = write_clip(folder / "walk.npz", body, TRACKS)
    clip = read(result)
    assert isinstance(clip, Clip)
    about = Stage.of(clip)
    page = write_clip_viewer(folder / "walk.html", about, motions_in(clip), body, footage(), title="walk.mp4")
    return Sample(result, clip, about, body, page)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def shared(browser: Browser, sample: Sample) -> Page:
    page = browser.open(sample.page)
    page.wait("window.mien && mien.ready")
    assert page.run("mien.error") is None
    return page


@pytest.fixture
def page(shared: Page) -> Page:
    """As it opens."""
    shared.run("mien.pause(), mien.choose(null), mien.setFrame(0), mien.setMode('mesh')")
    shared.run("[0, 1].forEach(i => mien.setPerson(i, true)), mien.setView('picture', {instant: true})")
    return shared


def state(page: Page) -> dict:
    return page.run("mien.state()")


def drawn(page: Page) -> np.ndarray:
    """Which pixels of the picture anyone covers: bool, height x width of the clip."""
    seen = stage(page)
    page.run("[0, 1].forEach(i => mien.setPerson(i, false))")
    mask = differs(seen, stage(page)).astype(np.uint8)
    page.run("[0, 1].forEach(i => mien.setPerson(i, true))")
    place = page.run("mien.pictureRect()")
    scale = place["width"] / SIZE[1]
    move = np.array([[scale, 0, place["x"] + 0.5 * scale - 0.5], [0, scale, place["y"] + 0.5 * scale - 0.5]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(mask, move, (SIZE[1], SIZE[0]), flags=flags) > 0


# in the browser -------------------------------------------------------------------------------------------------
@needs_browser
@pytest.mark.parametrize("frame", [1, 7, 11])
def test_people_are_where_our_renderer_draws_them(page: Page, sample: Sample, frame: int) -> None:
    page.run(f"mien.setFrame({frame})")
    page.wait(f"mien.state().picture === {frame}")
    scene, ids = sample.clip.scene(frame)
    assert len(ids) == 1 + (4 <= frame < 10) and state(page)["present"] == [True, 4 <= frame < 10]
    vertices = sample.body.pose(scene.params).mesh().numpy()
    meshes = [Mesh(vertices=each, faces=sample.body.faces.numpy()) for each in vertices]
    expected = np.isfinite(render(meshes, scene.K.numpy(), SIZE).depth)
    found = drawn(page)
    agree = float((found & expected).sum() / (found | expected).sum())
    assert agree > 0.95
    assert page.problems() == []


@needs_browser
def test_the_picture_of_the_frame_is_behind(page: Page) -> None:
    page.run("[0, 1].forEach(i => mien.setPerson(i, false))")
    for frame in (0, 8, 3):
        page.run(f"mien.setFrame({frame})")
        page.wait(f"mien.state().picture === {frame}")
        seen = stage(page)
        assert abs(seen[seen.shape[0] // 2, seen.shape[1] // 2].mean() - grey(frame)) < 4


@needs_browser
def test_it_plays_pauses_steps_and_scrubs(page: Page) -> None:
    page.press(" ")
    assert state(page)["playing"]
    page.wait("mien.state().frame > 0")
    page.press(" ")
    assert not state(page)["playing"]
    page.run("mien.setFrame(5)")
    for key, frame in (("ArrowRight", 6), ("ArrowLeft", 5), ("End", 11), ("ArrowRight", 11), ("Home", 0)):
        page.press(key)
        assert state(page)["frame"] == frame, key
    page.run("time.value = 9, time.dispatchEvent(new Event('input'))")
    assert state(page)["frame"] == 9
    assert page.run("clock.textContent") == "0.36 s · frame 9 of 0\u201311"
    page.press("[")
    assert state(page)["speed"] == 0.5
    page.press("]")
    page.run("mien.setFrame(11), mien.play()")
    page.wait("mien.state().frame > 0 && mien.state().frame < 11")
    assert page.problems() == []


@needs_browser
def test_a_person_is_picked_stands_out_and_is_followed(page: Page) -> None:
    page.run("mien.setFrame(6)")
    before, place = stage(page), page.run("mien.placeOf(1)")
    page.drag((place["x"], place["y"]), (place["x"], place["y"]))
    assert state(page)["chosen"] == 1 and state(page)["view"] == "picture"
    assert differs(before, stage(page)).mean() > 0.005
    page.run("document.querySelectorAll('#people button')[1].click()")
    page.wait("!mien.state().moving")
    assert state(page)["view"] == "orbit" and page.run("document.querySelector('.chosen').innerText").startswith(
        "Track 3"
    )
    places = [page.run(f"mien.setFrame({frame}), mien.placeOf(1)") for frame in (6, 9)]
    assert np.hypot(places[0]["x"] - places[1]["x"], places[0]["y"] - places[1]["y"]) < 1
    page.press("Escape")
    assert state(page)["chosen"] is None
    freed = page.run("mien.setFrame(6), mien.placeOf(1)")
    assert np.hypot(freed["x"] - places[1]["x"], freed["y"] - places[1]["y"]) > 5
    assert page.run("!inset.hidden && inset.width") == 480
    assert page.problems() == []


@needs_browser
def test_who_is_not_there_is_shown_where_they_come(page: Page) -> None:
    page.run("document.querySelectorAll('#people button')[1].click()")
    assert state(page)["frame"] == 4
    page.run("document.querySelectorAll('.lane')[0].click()")
    assert state(page)["chosen"] == 0


@needs_browser
def test_a_clip_with_nobody(browser: Browser, sample: Sample, tmp_path: Path) -> None:
    page = browser.open(write_clip_viewer(tmp_path / "empty.html", sample.stage, [], sample.body, frames=range(3)))
    page.wait("window.mien && mien.ready")
    page.press("End")
    assert page.run("mien.error") is None and state(page)["frame"] == 2
    assert page.problems() == []


# the file -------------------------------------------------------------------------------------------------------
def test_the_file_says_when_who_is_there(sample: Sample) -> None:
    facts = json_of(sample.page.read_text(), "facts")
    assert [person["label"] for person in facts["people"]] == ["Track 0", "Track 3"]
    assert [person["runs"] for person in facts["people"]] == [[[0, 11, True]], [[4, 9, True]]]
    assert facts["clip"]["pictures"] == list(range(12))
    np.testing.assert_allclose(facts["clip"]["times"], np.arange(12) / 25, atol=1e-5)


def test_holes_and_filled_frames_are_told(sample: Sample) -> None:
    motion = motions_in(sample.clip)[0]
    motion.score[5:7] = 0
    with_hole = motion[[0, 1, 4, 5, 6, 7]]
    assert moving._runs(with_hole) == [(0, 1, True), (4, 4, True), (5, 6, False), (7, 7, True)]


def test_pages_stay_small(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    one = within(motions_in(sample.clip), range(12))[:1]

    def size(frames: int) -> int:
        return len(clip_viewer_html(sample.stage, one, sample.body, None, range(frames), "x"))

    assert (size(12) - size(2)) / 10 * 30 < 30_000  # a second of one person
    monkeypatch.setattr(frames, "MOST", 5)
    page = clip_viewer_html(sample.stage, one, sample.body, footage(), range(1, 12), "x")
    assert json_of(page, "facts")["clip"]["pictures"] == [1, 4, 7, 10] and len(json_of(page, "pictures")) == 4
    monkeypatch.setattr(moving, "LARGEST", 440_000)
    with pytest.raises(InputError, match=r"1 people in 12 frames.*--frames 0:\d"):
        size(12)


def test_wrong_footage_and_frames(sample: Sample, tmp_path: Path) -> None:
    other = footage()
    other.width = 640
    with pytest.raises(InputError, match=r"walk\.mp4 is 640 x 720 pixels"):
        write_clip_viewer(tmp_path / "a.html", sample.stage, motions_in(sample.clip), sample.body, other)
    with pytest.raises(InputError, match="frames 5 to 99"):
        write_clip_viewer(tmp_path / "a.html", sample.stage, [], sample.body, frames=range(5, 99))
    assert not list(tmp_path.iterdir())


def test_the_command(sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "frames").mkdir()
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"frames/{i}.png"), np.full((*SIZE, 3), grey(i), np.uint8))
    shown = ["--footage", str(tmp_path / "frames")]
    export = ["export", str(sample.result), "--out", str(tmp_path)]
    assert main([*export, "--to", "html,csv", "--frames", "3:8", "--track", "3", *shown]) == 0
    facts = json_of((tmp_path / "walk_track_3.html").read_text(), "facts")
    assert facts["clip"]["first"] == 3 and facts["clip"]["pictures"] == [3, 4, 5, 6, 7]
    assert facts["people"][0]["runs"] == [[4, 7, True]]
    rows = (tmp_path / "walk_track_3.csv").read_text().splitlines()
    assert {row.split(",")[1] for row in rows[1:]} == {"4", "5", "6", "7"}
    for wrong, message in (
        (["--to", "html", "--frames", "9:3"], "expected a part of 0:12"),
        (["--to", "html", "--frames", "x"], "expected A:B"),
        (["--to", "csv", *shown], "expected --to html"),
    ):
        assert main([*export, *wrong]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("every", [1, 2, 3])
def test_footage_with_fewer_frames_than_the_clip_keeps_up(every: int) -> None:
    whole = footage()

    def some(_: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        yield from islice(whole.read(whole), 0, None, every)

    slow = replace(whole, fps=25 / every, read=some)
    found = dict(frames.small_frames(slow, np.arange(12) / 25, range(12)))
    assert list(found) == list(range(0, 12, every))
    assert all(abs(int(pixels.mean()) - grey(number)) <= 1 for number, pixels in found.items())
