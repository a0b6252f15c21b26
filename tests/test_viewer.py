"""The HTML page in a real browser: what is drawn, where it is drawn, and that names cannot run as scripts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from browser import Browser, Page, differs, json_of, launched, needs_browser, stage
from scenes import make_picture, make_scene, silhouette

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import BodyError, InputError, OutputError
from mien.export import glb_bytes
from mien.scene import Scene
from mien.view import viewer_html, write_viewer

WARNING = "The weights are random: this is no prediction."
READY = "window.mien && mien.ready"


@dataclass(frozen=True)
class Sample:
    scene: Scene
    body: BodyModel
    picture: np.ndarray
    page: Path


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    body = BodyModel.load(find_body("openbody"))
    scene = make_scene(body, 3, seed=1, warning=WARNING)
    picture = make_picture(scene, body)
    page = write_viewer(tmp_path_factory.mktemp("viewer") / "street.html", scene, body, picture, "street.jpg")
    return Sample(scene, body, picture, page)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def shared(browser: Browser, sample: Sample) -> Page:
    page = browser.open(sample.page)
    page.wait(READY)
    return page


@pytest.fixture
def page(shared: Page) -> Page:
    """The sample in the picture view, as it opens."""
    shared.run("mien.setView('picture', {instant: true})")
    shared.run("mien.setMode('mesh'), [0, 1, 2].forEach(i => mien.setPerson(i, true))")
    shared.run("['backdrop', 'camera', 'grid'].forEach(layer => mien.setLayer(layer, true)), mien.choose(null)")
    return shared


def hide_everyone(page: Page) -> None:
    page.run("[0, 1, 2].forEach(i => mien.setPerson(i, false))")


# in the browser -------------------------------------------------------------------------------------------------
@needs_browser
def test_people_lie_on_the_people_of_the_picture(page: Page, sample: Sample) -> None:
    seen = stage(page)
    hide_everyone(page)
    drawn = differs(seen, stage(page))
    place = page.run("mien.pictureRect()")
    x, y, width = (place[key] for key in ("x", "y", "width"))
    truth = silhouette(sample.scene, sample.body).astype(np.uint8)
    scale = width / truth.shape[1]
    move = np.array([[scale, 0, x + 0.5 * scale - 0.5], [0, scale, y + 0.5 * scale - 0.5]])
    expected = cv2.warpAffine(truth, move, drawn.shape[::-1], flags=cv2.INTER_LINEAR) > 0
    edge = np.ones((3, 3), np.uint8)
    assert drawn.mean() > 0.05
    assert not (drawn & (cv2.dilate(expected.astype(np.uint8), edge) == 0)).any()
    missing = (cv2.erode(expected.astype(np.uint8), edge) == 1) & ~drawn
    assert missing.mean() < 1e-3
    assert page.problems() == []


@needs_browser
def test_the_picture_lies_at_its_place(page: Page, sample: Sample) -> None:
    hide_everyone(page)
    place = page.run("mien.pictureRect()")
    x, y, width, height = (round(place[key]) for key in ("x", "y", "width", "height"))
    shown = stage(page)[y : y + height, x : x + width]
    expected = cv2.resize(sample.picture, (shown.shape[1], shown.shape[0]), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shown - expected).mean() < 3


@needs_browser
def test_mesh_skeleton_and_both_differ(page: Page) -> None:
    pictures = {"mesh": stage(page)}
    page.press("2")
    pictures["skeleton"] = stage(page)
    page.run("document.querySelector('[data-mode=both]').click()")
    pictures["both"] = stage(page)
    assert page.run("mien.state().mode") == "both"
    hide_everyone(page)
    empty = stage(page)
    shares = {mode: differs(picture, empty).mean() for mode, picture in pictures.items()}
    assert 0.003 < shares["skeleton"] < 0.5 * shares["mesh"]
    assert differs(pictures["mesh"], pictures["both"]).mean() > 0.02
    assert differs(pictures["skeleton"], pictures["both"]).mean() > 0.02
    assert page.problems() == []


@needs_browser
def test_dragging_leaves_the_picture_view_and_layers_switch(page: Page) -> None:
    before = stage(page)
    page.drag((300, 400), (420, 380))
    assert page.run("mien.state().view") == "orbit"
    after = stage(page)
    assert differs(before, after).mean() > 0.05
    for key in "bcg":
        page.press(key)
        switched = stage(page)
        assert differs(after, switched).any(), key
        after = switched
    page.press("p")
    page.wait("!mien.state().moving")
    page.press("b")
    assert differs(before, stage(page)).mean() < 0.01
    assert page.problems() == []


@needs_browser
def test_people_can_be_chosen(page: Page) -> None:
    everyone = stage(page)
    page.run("document.querySelectorAll('#people input')[1].click()")
    assert page.run("mien.state().people") == [True, False, True]
    assert differs(everyone, stage(page)).mean() > 0.01
    page.press("a")
    assert page.run("mien.state().people") == [True, True, True]
    assert not differs(everyone, stage(page)).any()
    page.run("document.querySelectorAll('#people button')[2].click()")
    page.wait("!mien.state().moving")
    assert page.run("mien.state().view") == "orbit"


@needs_browser
def test_the_panel_says_who_and_whence(page: Page, sample: Sample) -> None:
    assert page.run("document.title") == page.run("document.querySelector('h1').textContent") == "street.jpg"
    assert page.run("document.getElementById('warning').innerText").endswith(WARNING)
    rows = page.run("[...document.querySelectorAll('#people li')].map(row => row.innerText)")
    assert len(rows) == 3
    assert all(f"{float(score):.2f}" in row for score, row in zip(sample.scene.score, rows, strict=True))
    about = page.run("document.getElementById('about').textContent")
    for text in (sample.scene.origin.weights_name, sample.body.path.name, sample.scene.origin.mien_version):
        assert text in about


@needs_browser
def test_a_phone_in_the_dark(browser: Browser, sample: Sample) -> None:
    page = browser.open(sample.page, scheme="dark", size=(390, 780))
    page.wait(READY)
    place = page.run("mien.pictureRect()")
    assert 380 <= place["width"] <= 390
    assert page.run("document.documentElement.scrollWidth") <= 390
    seen = stage(page)
    assert seen[2, 2].max() < 80
    assert differs(seen, np.broadcast_to(seen[2, 2], seen.shape)).mean() > 0.2
    page.run("document.getElementById('fold').click()")
    assert page.run("getComputedStyle(document.getElementById('panel')).display") == "none"
    assert page.problems() == []


@needs_browser
@pytest.mark.parametrize("num_people", [0, 1])
def test_a_page_without_picture_and_without_people(
    browser: Browser, sample: Sample, tmp_path: Path, num_people: int
) -> None:
    scene = make_scene(sample.body, num_people)
    page = browser.open(write_viewer(tmp_path / "alone.html", scene, sample.body))
    page.wait(READY)
    assert page.run("document.title") == "alone"
    assert page.run("document.getElementById('warning').hidden") is True
    page.run("mien.setView('orbit', {instant: true})")
    seen = stage(page)
    assert differs(seen, np.broadcast_to(seen[-2, 2], seen.shape)).any()
    assert page.run("document.querySelectorAll('#people input').length") == num_people
    assert page.problems() == []


HOSTILE = "</script><script>window.hacked=1;alert(1)</script><img src=x onerror='window.hacked=2'>\u2028@@GLB@@.png"


@needs_browser
def test_names_do_not_run(browser: Browser, sample: Sample, tmp_path: Path) -> None:
    origin = replace(
        sample.scene.origin,
        weights_name=f'"{HOSTILE}',
        body_name="--></title><svg onload=window.hacked=3>",
        detector="<!--<script>",
        warning=f"'{HOSTILE}",
    )
    page = browser.open(
        write_viewer(tmp_path / "x.html", replace(sample.scene, origin=origin), sample.body, None, HOSTILE)
    )
    page.wait(READY)
    assert page.run("window.hacked === undefined")
    assert page.run("document.querySelector('h1').textContent") == HOSTILE
    assert page.run("document.getElementById('warning').textContent") == origin.warning
    assert origin.body_name in page.run("document.getElementById('about').textContent")
    assert page.run("document.scripts.length") == 5
    assert page.run("document.querySelectorAll('img, svg').length") == 0
    assert page.problems() == []


@needs_browser
def test_the_policy_stops_what_slips_through(browser: Browser, sample: Sample, tmp_path: Path) -> None:
    text = sample.page.read_text().replace("<aside", "<script>window.hacked = 1</script><aside", 1)
    (tmp_path / "slipped.html").write_text(text)
    page = browser.open(tmp_path / "slipped.html")
    page.wait(READY)
    assert page.run("window.hacked === undefined")
    assert any("Content Security Policy" in problem for problem in page.problems())


@needs_browser
def test_without_webgl_the_page_says_so(sample: Sample) -> None:
    with launched(webgl=False) as browser:
        page = browser.open(sample.page)
        page.wait(READY)
        assert page.run("mien.webgl") is False
        said = page.run("document.getElementById('notice').innerText")
        assert "cannot draw in three dimensions" in said and "WebGL 2" in said
        assert page.run("document.querySelector('#notice img').naturalWidth") == 1280
        assert page.run("document.querySelectorAll('#people li').length") == 3
        assert page.run("getComputedStyle(document.getElementById('modes')).display") == "none"
        assert page.problems() == []


# the file -------------------------------------------------------------------------------------------------------
def picture_of(text: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(json_of(text, "pictures")[0]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_the_file_holds_people_and_picture(sample: Sample) -> None:
    text = sample.page.read_text()
    found = re.search('<script type="text/plain" id="glb">(.*?)</script>', text)
    assert found is not None
    assert base64.b64decode(found[1]) == glb_bytes(sample.scene, sample.body, max_influences=4)
    assert np.abs(picture_of(text)[..., ::-1].astype(int) - sample.picture).mean() < 3
    assert not re.search("https?:|src=|href=|url\\(", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "The MIT License" in text


def test_large_pictures_are_reduced(sample: Sample) -> None:
    scene = make_scene(sample.body, 0, image_size=(3000, 40))
    text = viewer_html(scene, sample.body, np.full((3000, 40, 3), 9, np.uint8), "tall")
    facts = json_of(text, "facts")
    assert picture_of(text).shape == (1920, 26, 3)
    assert (facts["height"], facts["width"]) == (3000, 40)


def test_hostile_text_stays_text_in_the_file(sample: Sample) -> None:
    origin = replace(sample.scene.origin, warning=HOSTILE)
    text = viewer_html(replace(sample.scene, origin=origin), sample.body, None, HOSTILE)
    scripts = [resources.files("mien.view").joinpath(f"data/{name}.js").read_text() for name in ("viewer", "timeline")]
    assert text.count("<script") == 5 + sum(script.count("<script") for script in scripts)
    assert json_of(text, "facts")["warning"] == json_of(text, "facts")["title"] == HOSTILE
    assert "<img" not in text


def test_a_file_name_that_is_no_text(sample: Sample, tmp_path: Path) -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    scene = make_scene(sample.body, 0)
    assert "<title>caf?.png</title>" in write_viewer(tmp_path / "a.html", scene, sample.body, None, name).read_text()


@pytest.mark.parametrize(
    "picture",
    [np.zeros((720, 1280), np.uint8), np.zeros((720, 1280, 3), np.uint16), np.zeros((1280, 720, 3), np.uint8)],
    ids=["grey", "16 bit", "turned"],
)
def test_wrong_pictures(sample: Sample, tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected uint8 720 x 1280 x 3"):
        write_viewer(tmp_path / "a.html", sample.scene, sample.body, picture)
    assert not list(tmp_path.iterdir())


def test_wrong_people_and_places(sample: Sample, tmp_path: Path) -> None:
    other = replace(sample.scene, origin=replace(sample.scene.origin, body_family="smplx"))
    with pytest.raises(BodyError, match="is of the family 'openbody'"):
        write_viewer(tmp_path / "a.html", other, sample.body)
    params = replace(sample.scene.params, transl=torch.full((3, 3), float("inf")))
    with pytest.raises(InputError, match="transl of person 0"):
        write_viewer(tmp_path / "a.html", replace(sample.scene, params=params), sample.body)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_viewer(tmp_path / "file" / "a.html", sample.scene, sample.body)


def test_the_bundle_is_small_and_can_stand_in_a_page() -> None:
    bundle = (resources.files("mien.view") / "data" / "three_bundle.min.js").read_text(encoding="utf-8")
    assert len(bundle.encode()) < 1_500_000
    assert "</script" not in bundle.lower() and "<!--" not in bundle
    assert "The MIT License" in bundle[:200]
