"""Clips are drawn in a process of their own while the next one is predicted, and nothing of it is left behind."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import pytest
from clips import Squares, made_footage, stub_estimator

from mien import errors
from mien.cli import main
from mien.filming import Drawing, Drawings, Drawn, FilmConfig, predict_clip
from mien.video import open_footage


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    folder = tmp_path_factory.mktemp("clips")
    (folder / "walk").mkdir()
    for frame in made_footage(5).frames():
        cv2.imwrite(str(folder / f"walk/{frame.index}.png"), frame.pixels[:, :, ::-1])
    estimate = stub_estimator(Squares())
    predict_clip(estimate, open_footage(folder / "walk"), folder / "walk.npz", FilmConfig())
    assert estimate.body.path is not None
    return Drawing(
        kind="overlay", name="walk", source=str(folder / "walk"), fps=None, result=folder / "walk.npz",
        body=estimate.body.path, path=folder / "walk.mp4", style="skeleton",
    )  # fmt: skip


def changed(drawing: Drawing, path: Path, **values: object) -> Drawing:
    return Drawing(**{**vars(drawing), "path": path, **values})  # pyright: ignore[reportArgumentType]


def test_it_is_drawn_elsewhere_while_this_process_goes_on(drawing: Drawing, tmp_path: Path) -> None:
    asked = [
        changed(drawing, tmp_path / "a.mp4"),
        changed(drawing, tmp_path / "b.mp4", source=str(tmp_path / "gone")),
        changed(drawing, tmp_path / "no/such/file.mp4", result=tmp_path / "gone.npz"),
    ]
    with Drawings(apart=True) as drawings:
        for each in asked:
            drawings.begin(each)
        assert not list(drawings.ended())  # an interpreter does not start that fast
        found = list(drawings.ended(wait=True))
        assert not list(drawings.ended(wait=True))
    assert [each for each, _ in found] == asked
    (_, good), (_, bad), (_, worse) = found
    assert isinstance(good, Drawn) and not good.problems and good.seconds > 0
    assert isinstance(bad, errors.InputError) and "gone" in str(bad)
    assert isinstance(worse, errors.MienError)
    assert len(list(open_footage(tmp_path / "a.mp4").frames())) == 5
    assert not multiprocessing.active_children()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.mp4"]


@pytest.mark.slow
def test_an_interrupted_run_waits_for_no_drawing_and_leaves_nothing(drawing: Drawing, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Drawings(apart=True) as drawings:
        for number in range(300):
            drawings.begin(changed(drawing, tmp_path / f"{number}.mp4"))
        next(drawings.ended(wait=True))
        start = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - start < 10 and not multiprocessing.active_children()
    assert 1 <= len(list(tmp_path.iterdir())) < 300
    for path in tmp_path.iterdir():
        assert path.suffix == ".mp4" and len(list(open_footage(path).frames())) == 5


@pytest.mark.slow
def test_a_process_that_is_killed_is_told(drawing: Drawing, tmp_path: Path) -> None:
    with pytest.raises(errors.OutputError, match=r"was killed; .*--resume"), Drawings(apart=True) as drawings:
        for number in range(300):
            drawings.begin(changed(drawing, tmp_path / f"{number}.mp4"))
        next(drawings.ended(wait=True))
        for child in multiprocessing.active_children():
            child.kill()
        list(drawings.ended(wait=True))


def test_a_process_that_was_killed_before_the_next_drawing_is_told(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenProcessPool

    with Drawings(apart=True) as drawings:
        monkeypatch.setattr(drawings._pool, "submit", broken)
        drawings.begin(changed(drawing, tmp_path / "a.mp4"))
        with pytest.raises(errors.OutputError, match=r"a.mp4 was killed; .*--resume"):
            list(drawings.ended())


@pytest.mark.slow
def test_two_clips_of_a_command_are_both_drawn(
    drawing: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = Path(drawing.source)
    other = tmp_path / "again"
    other.mkdir()
    for path in sorted(walk.iterdir())[:3]:
        (other / path.name).write_bytes(path.read_bytes())
    words = ["--clip", "--weights", "random-xxs", "--detector", "full-image", "--overlay", "--style", "boxes"]
    assert main(["predict", str(walk), str(other), "--out", str(tmp_path / "out"), *words]) == 0
    said = capsys.readouterr().err
    for name, frames in (("walk", 5), ("again", 3)):
        assert f"{name}: overlay in " in said
        assert len(list(open_footage(tmp_path / f"out/{name}_overlay.mp4").frames())) == frames


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("found", expected="wanted", todo="do"),
        errors.OutputError("found"),
        errors.AssetMissing("a file", searched=["/a", "/b"], obtain="get it"),
    ],
)
def test_errors_go_from_process_to_process(error: errors.MienError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)
