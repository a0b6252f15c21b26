"""From a clip to a result file: through Python and through `mien predict`, stopped and gone on, and what is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import SIZE, Squares, made_footage, squares, stub_estimator

import mien
from mien.cli import main
from mien.clip import Clip
from mien.detect import Detections
from mien.detect.boxes import BoxesFile
from mien.errors import InputError, OutputError
from mien.estimator import Estimator
from mien.filming import FilmConfig, Progress, predict_clip
from mien.filming.keyframes import between
from mien.filming.spill import Spill
from mien.track.associate import Sighting, Tracker
from mien.track.smooth import SmoothConfig


@pytest.fixture(scope="module")
def estimate() -> Estimator:
    return stub_estimator(Squares())


def read(path: Path) -> Clip:
    found = mien.read(path)
    assert isinstance(found, Clip)
    return found


# the result -----------------------------------------------------------------------------------------------------
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(estimate: Estimator, tmp_path: Path) -> None:
    told: list[Progress] = []
    whole = predict_clip(estimate, made_footage(300), tmp_path / "whole.npz", tell=told.append)
    assert (whole.frames, whole.rows, whole.tracks, whole.problems) == (300, 600, 2, ()) and told[-1].frames == 300
    with pytest.raises(RuntimeError, match="killed"):
        predict_clip(estimate, made_footage(300, stop=200), tmp_path / "killed.npz")
    parts = tmp_path / "killed.parts"
    assert json.loads((parts / "state.json").read_text())["frames"] == 128 and not (tmp_path / "killed.npz").exists()
    with open(parts / "rows.bin", "ab") as stream:
        stream.write(b"half a row")
    again = predict_clip(estimate, made_footage(300), tmp_path / "killed.npz", resume=True)
    assert again.frames == 300 and not parts.exists()
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_killed_while_part_files_are_removed(estimate: Estimator, tmp_path: Path, monkeypatch: Any) -> None:
    """None of them is taken for something to go on with."""
    predict_clip(estimate, made_footage(20), tmp_path / "whole.npz")
    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: (path / "rows.bin").unlink(missing_ok=True))
    predict_clip(estimate, made_footage(20), tmp_path / "x.npz")
    monkeypatch.setattr(shutil, "rmtree", remove)
    assert (tmp_path / ".x.parts.done/state.json").exists() and not (tmp_path / "x.parts").exists()
    predict_clip(estimate, made_footage(20), tmp_path / "x.npz", resume=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.npz", "x.npz"]
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_rows_are_sorted_and_carry_what_the_conventions_say(estimate: Estimator, tmp_path: Path) -> None:
    detector = Squares(lost=range(20, 30))
    filmed = predict_clip(replace(estimate, detector=detector), made_footage(40), tmp_path / "x")
    stages = {"decode", "waiting", "detect", "crop", "network", "place", "track", "write", "finish"}
    assert filmed.seconds.keys() == stages and min(filmed.seconds.values()) > 0
    arrays = dict(np.load(tmp_path / "x.npz", allow_pickle=False))
    assert arrays["track_id"].tolist() == [0] * 40 + [1] * 40
    assert arrays["frame_index"].tolist() == [*range(40), *range(40)]
    np.testing.assert_allclose(arrays["timestamps"][:40], np.arange(40) / 30)
    lost = (arrays["track_id"] == 1) & (arrays["frame_index"] >= 20) & (arrays["frame_index"] < 30)
    assert (
        (arrays["valid"] == ~lost).all() and (arrays["score"][lost] == 0).all() and (arrays["score"][~lost] > 0).all()
    )
    assert (float(arrays["fps"]), int(arrays["num_frames"]), str(arrays["smoothing"])) == (30.0, 40, "zero-lag")
    assert np.ptp(arrays["betas"][:40], axis=0).max() == 0 and arrays["K"].shape == (3, 3)
    np.testing.assert_allclose(arrays["bbox"][:40], [squares(i)[0] for i in range(40)], atol=1e-4)


def test_what_the_network_says_is_kept_without_smoothing(estimate: Estimator, tmp_path: Path) -> None:
    footage, detector = made_footage(6), Squares(lost=range(2, 4))
    config = FilmConfig(smooth=SmoothConfig(method="none"))
    predict_clip(replace(estimate, detector=detector), footage, tmp_path / "x.npz", config)
    clip = read(tmp_path / "x.npz")
    assert clip.track(1).frame_index.tolist() == [0, 1, 4, 5] and bool(clip.track(1).valid.all())
    picture = next(frame for frame in footage.frames(3)).pixels
    alone = replace(estimate, detector=Squares(lost=range(9)))
    (people,) = [outcome.people for outcome in alone.stream([("made.mp4/3", picture)])]
    assert people is not None
    for name in ("joints3d", "joints2d", "bbox", "transl_residual"):
        np.testing.assert_allclose(getattr(clip.scene(3)[0], name), getattr(people, name), atol=2e-3, err_msg=name)


def test_long_tracks_are_finished_in_stretches_as_in_one(
    estimate: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "one.npz", tmp_path / "many.npz"]
    predict_clip(estimate, made_footage(40), paths[0])
    monkeypatch.setattr("mien.filming.merge.STRETCH", 15)
    predict_clip(estimate, made_footage(40), paths[1])
    one, many = (read(path) for path in paths)
    for name in ("joints3d", "timestamps"):
        np.testing.assert_allclose(getattr(one.track(1), name), getattr(many.track(1), name), atol=5e-3)


def test_a_crowd_is_merged_in_one_reading(estimate: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    column = Spill.column
    monkeypatch.setattr(Spill, "column", lambda self, key: asked.append(key) or column(self, key))
    assert predict_clip(estimate, made_footage(4), tmp_path / "x.npz").tracks == 2
    assert sorted(asked) == ["bbox", "betas", "frame_index", "score", "track_id"]


def test_what_the_tracker_keeps_is_what_it_finds_again(estimate: Estimator, tmp_path: Path, monkeypatch: Any) -> None:
    """Its state is written down in float64; what it is told must not be rounded otherwise."""
    told: list[Sighting] = []
    update = Tracker.update
    monkeypatch.setattr(Tracker, "update", lambda self, time, seen: told.append(seen) or update(self, time, seen))
    predict_clip(estimate, made_footage(2), tmp_path / "x.npz")
    assert {array.dtype for seen in told for array in vars(seen).values()} == {np.dtype(np.float64)}


# cameras --------------------------------------------------------------------------------------------------------
def test_ctrl_c_at_any_time_keeps_what_a_camera_showed(estimate: Estimator, tmp_path: Path) -> None:
    def tell(progress: Progress) -> None:
        raise KeyboardInterrupt

    filmed = predict_clip(estimate, replace(made_footage(300), live=True), tmp_path / "x.npz", tell=tell)
    assert (filmed.frames, read(tmp_path / "x.npz").num_frames, filmed.problems) == (128, 128, ())
    assert not (tmp_path / "x.parts").exists()


def test_what_a_camera_showed_outlives_a_bad_end(estimate: Estimator, tmp_path: Path) -> None:
    def tell(progress: Progress) -> None:
        raise OutputError("the disk is full")

    camera = replace(made_footage(300), live=True)
    with pytest.raises(OutputError):
        predict_clip(estimate, camera, tmp_path / "x.npz", tell=tell)
    with pytest.raises(InputError, match=r"x.parts holds frames .* finish them with --resume"):
        predict_clip(estimate, camera, tmp_path / "x.npz")
    filmed = predict_clip(estimate, camera, tmp_path / "x.npz", resume=True)
    assert (filmed.frames, filmed.rows, filmed.tracks) == (128, 256, 2) and "128 frames" in filmed.problems[0]
    assert read(tmp_path / "x.npz").num_frames == 128 and not (tmp_path / "x.parts").exists()


# detection at some frames ---------------------------------------------------------------------------------------
def test_the_detector_may_look_at_every_fifth_frame(estimate: Estimator, tmp_path: Path) -> None:
    detector = Squares()
    found = replace(estimate, detector=detector)
    predict_clip(found, made_footage(33), tmp_path / "x.npz", FilmConfig(detect_every=5))
    assert detector.asked == 7
    clip = read(tmp_path / "x.npz")
    np.testing.assert_allclose(clip.scene(13)[0].bbox, squares(13), atol=1e-3)
    assert len(clip.track(1)) == 33  # the last two frames keep the last boxes


def test_a_detector_that_says_nothing_is_told_with_its_own_words(estimate: Estimator, tmp_path: Path) -> None:
    class Mute:
        def __init__(self, least: int) -> None:
            self.least = least

        def detect(self, picture: np.ndarray, name: str) -> Detections:
            if int(name.rpartition("/")[2]) >= self.least:
                raise InputError(f"out of order at {name}")
            return Detections(boxes=squares(0), scores=np.ones(2))

    seldom = FilmConfig(detect_every=5)
    with pytest.raises(InputError, match=r"^out of order at made.mp4/0$"):
        predict_clip(replace(estimate, detector=Mute(0)), made_footage(12), tmp_path / "x.npz", seldom)
    found = replace(estimate, detector=Mute(2))
    with pytest.raises(RuntimeError, match="killed"):
        predict_clip(found, made_footage(150, stop=140), tmp_path / "x.npz", seldom)
    (problem,) = predict_clip(found, made_footage(150), tmp_path / "x.npz", seldom, resume=True).problems
    assert "nothing of 30 of the 31 frames that the detector was asked about: out of order at made.mp4/5" in problem


def test_people_come_and_go_between_two_looks() -> None:
    old = Detections(boxes=np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]]), scores=np.array([1.0, 0.5]))
    new = Detections(boxes=np.array([[90.0, 0, 99, 9], [4, 0, 14, 10]]), scores=np.array([0.4, 0.8]))
    early, late = between((0, old), (4, new), 1), between((0, old), (4, new), 3)
    np.testing.assert_allclose(early.boxes, [[1, 0, 11, 10], [50, 50, 60, 60]])
    np.testing.assert_allclose(late.boxes, [[3, 0, 13, 10], [90, 0, 99, 9]])
    np.testing.assert_allclose(late.scores, [0.85, 0.4])
    assert len(between(None, None, 3)) == 0 and len(between((0, old), None, 3)) == 2


# what is wrong --------------------------------------------------------------------------------------------------
def test_other_settings_are_no_resume(estimate: Estimator, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        predict_clip(estimate, made_footage(200, stop=130), tmp_path / "x.npz")
    with pytest.raises(InputError, match="was begun with detect_every 1, this run has 2"):
        predict_clip(estimate, made_footage(200), tmp_path / "x.npz", FilmConfig(detect_every=2), resume=True)
    assert (tmp_path / "x.parts/rows.bin").stat().st_size > 0


def test_another_file_of_boxes_is_no_resume(estimate: Estimator, tmp_path: Path) -> None:
    def detector(score: float) -> BoxesFile:
        boxes = {"made.mp4": {str(i): [[*squares(i)[0], score]] for i in range(140)}}
        (tmp_path / "boxes.json").write_text(json.dumps(boxes))
        return BoxesFile.load(tmp_path / "boxes.json")

    with pytest.raises(RuntimeError, match="killed"):
        predict_clip(replace(estimate, detector=detector(0.5)), made_footage(140, stop=130), tmp_path / "x.npz")
    other = replace(estimate, detector=detector(0.6))
    with pytest.raises(InputError, match="was begun with detector"):
        predict_clip(other, made_footage(140), tmp_path / "x.npz", resume=True)
    with pytest.raises(InputError, match="was begun with num_frames 140, this run has 139"):
        predict_clip(other, made_footage(139), tmp_path / "x.npz", resume=True)
    same = replace(estimate, detector=detector(0.5))
    assert predict_clip(same, made_footage(140), tmp_path / "x.npz", resume=True).rows == 140


def test_boxes_of_which_none_can_be_used_are_told(estimate: Estimator, tmp_path: Path) -> None:
    class Outside:
        def detect(self, picture: np.ndarray, name: str) -> Detections:
            return Detections(boxes=squares(0) + 1000, scores=np.ones(2))

    filmed = predict_clip(replace(estimate, detector=Outside()), made_footage(10), tmp_path / "x.npz")
    assert filmed.rows == 0 and "skipped 20 boxes" in filmed.problems[0]


def test_rows_of_another_kind_are_not_mixed(tmp_path: Path) -> None:
    spill = Spill.open(tmp_path, {}, resume=False)
    spill.append(np.zeros(2, [("a", "<f4")]), np.zeros(1), {}, {})
    with pytest.raises(InputError, match="holds rows of"):
        spill.append(np.zeros(2, [("a", "<f8")]), np.zeros(1), {}, {})
    assert (spill.rows, spill.frames, len(spill.column("a"))) == (2, 1, 2)


def test_nobody_and_a_person_who_is_not_there(estimate: Estimator, tmp_path: Path) -> None:
    class Nobody:
        def detect(self, picture: np.ndarray, name: str) -> Detections:
            return Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0))

    empty = predict_clip(replace(estimate, detector=Nobody()), made_footage(3), tmp_path / "x.npz")
    assert (empty.tracks, empty.rows, len(read(tmp_path / "x.npz"))) == (0, 0, 0)
    with pytest.raises(InputError, match="no track id:7"):
        predict_clip(replace(estimate, person="id:7"), made_footage(3), tmp_path / "y.npz")
    only = predict_clip(replace(estimate, person="id:1"), made_footage(3), tmp_path / "y.npz", resume=True)
    assert only.tracks == 1 and [track.id for track in read(tmp_path / "y.npz")] == [1]


def test_impossible_settings() -> None:
    with pytest.raises(InputError, match="1 or more"):
        FilmConfig(detect_every=0)
    with pytest.raises(InputError, match="1 or more"):
        FilmConfig(max_frames=0)


# the command ----------------------------------------------------------------------------------------------------
@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of seven frames, and boxes for all but the last of them."""
    folder = tmp_path / "walk"
    folder.mkdir()
    for frame in made_footage(7).frames():
        cv2.imwrite(str(folder / f"{frame.index}.png"), frame.pixels[:, :, ::-1])
    boxes = {"walk": {str(i): squares(i).tolist() for i in range(6)}}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    return folder


def run(*arguments: object) -> int:
    return main(["predict", *map(str, arguments), "--weights", "random-xxs"])


def test_the_command_takes_folders_and_draws(frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = f"boxes:{tmp_path / 'boxes.json'}"
    out = tmp_path / "out"
    options = (frames, "--clip", "--fps", 10, "--out", out, "--detector", spec, "--overlay", "--style", "skeleton")
    assert run(*options) == 1  # one frame has no entry, which is told
    said = capsys.readouterr().err
    assert "1 of the 7 frames that the detector was asked about: " in said and "has no entry for 'walk/6'" in said
    assert "frames/s (" in said and "2 tracks with 12 rows" in said
    clip = read(out / "walk.npz")
    assert clip.num_frames == 7 and clip.fps == 10 and clip.image_size == SIZE
    from mien.video import open_footage

    drawn = list(open_footage(out / "walk_overlay.mp4").frames())
    assert len(drawn) == 7 and drawn[0].pixels.shape == (*SIZE, 3)
    before = (out / "walk.npz").stat().st_mtime_ns
    assert run(*options, "--resume") == 0 and "kept from before" in capsys.readouterr().err
    assert (out / "walk.npz").stat().st_mtime_ns == before


def test_pictures_and_clips_in_one_command(frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    cv2.imwrite(str(tmp_path / "one.png"), np.full((60, 80, 3), 90, np.uint8))
    arguments = (tmp_path / "bad.mp4", tmp_path / "one.png", "--out", tmp_path / "out", "--detector", "full-image")
    assert run(*arguments, "--dry-run") == 0
    assert "1 pictures and 1 clips would be read" in capsys.readouterr().out
    assert run(tmp_path / "bad.mp4", "--out", tmp_path / "out", "--detector", "full-image") == 2
    assert "cannot read" in capsys.readouterr().err
    assert run(frames, tmp_path / "bad.mp4", "--clip", *arguments[2:], "--max-frames", 2, "--no-smooth") == 1
    assert "skipped bad.mp4" in capsys.readouterr().err and read(tmp_path / "out/walk.npz").num_frames == 2


def test_options_of_clips_are_looked_at_before_the_pictures_are(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = (frames, frames / "0.png", "--clip", "--out", tmp_path / "out", "--detector", "full-image")
    for options in (("--save", "npz,glb"), ("--causal", "--no-smooth"), ("--detect-every", "0")):
        assert run(*inputs, *options) == 2 and not (tmp_path / "out").exists()
    capsys.readouterr()
    assert run(frames / "0.png", tmp_path / "cut.mp4", *inputs[3:]) == 2
    (tmp_path / "cut.mp4").write_text("no video")
    assert run(frames / "0.png", tmp_path / "cut.mp4", *inputs[3:]) == 1
    assert "skipped cut.mp4" in capsys.readouterr().err and (tmp_path / "out/0.npz").exists()


def test_a_drawing_that_fails_does_not_undo_the_result(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise InputError("it cannot be drawn")

    monkeypatch.setattr("mien.filming.drawings.show_clip", failing)
    words = (frames, "--clip", "--overlay", "--max-frames", 2, "--out", tmp_path / "out", "--detector", "full-image")
    assert run(*words) == 1
    assert "no overlay: it cannot be drawn" in capsys.readouterr().err and (tmp_path / "out/walk.npz").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--save", "glb"), "cannot --save 'glb' of a clip"),
        (("--causal", "--no-smooth"), "both --causal and --no-smooth"),
        (("--detect-every", "0"), "1 or more"),
        (("--detector", "boxes:empty.json"), "has no entry for 'walk/0'"),
        (("--person", "id:9", "--max-frames", "2"), "no track id:9"),
    ],
)
def test_what_makes_no_sense_for_a_clip(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    options = tuple(word.replace("empty.json", str(tmp_path / "empty.json")) for word in options)
    detector = () if "--detector" in options else ("--detector", "full-image")
    assert run(frames, "--clip", "--out", tmp_path / "out", *detector, *options) == 2
    assert message in capsys.readouterr().err
