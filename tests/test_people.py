"""People as users hold them: overlays, exports and reports, through Python and through `mien predict --save`."""

from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import make_picture, make_scene, silhouette

import mien
from mien.body.model import BodyModel
from mien.cli import main
from mien.cli.predict import SUFFIXES
from mien.people import WRITERS, Drawing, People
from mien.pictures import read_picture
from mien.scene import Scene
from mien.view.report import Entry, write_report


@pytest.fixture(scope="module")
def people(body: BodyModel) -> People:
    scene = make_scene(body, 3, seed=4)
    known = {field.name: getattr(scene, field.name) for field in fields(Scene)}
    return People(**known, picture=make_picture(scene, body))


def test_truth_covers_its_own_picture_to_a_pixel(people: People, body: BodyModel) -> None:
    """Drawn over a picture of themselves, people change exactly the pixels that they cover."""
    drawn = people.overlay(opacity=1.0).pixels
    changed = (drawn != people.pixels()).any(-1)
    truth = silhouette(people, body)
    ring = np.ones((3, 3), np.uint8)
    inner, outer = cv2.erode(truth.astype(np.uint8), ring) > 0, cv2.dilate(truth.astype(np.uint8), ring) > 0
    assert changed[inner].mean() > 0.999 and not changed[~outer].any()


def test_styles_differ_and_wrong_ones_are_refused(people: People) -> None:
    drawn = {style: people.overlay(style).pixels for style in ("mesh", "skeleton", "both")}
    plain = people.pixels()
    changed = {style: (pixels != plain).any(-1).mean() for style, pixels in drawn.items()}
    assert 0 < changed["skeleton"] < changed["mesh"] < 0.5 and changed["both"] >= changed["mesh"]
    with pytest.raises(mien.MienError, match="from 0 to 1"):
        people.overlay(opacity=1.5)
    assert people.strip(200).pixels.shape[0] == 200
    assert (people.boxes().pixels != plain).any()


def test_every_kind_of_file_is_written(people: People, tmp_path: Path) -> None:
    assert {*WRITERS, "overlay"} == set(SUFFIXES)
    for kind, suffix in SUFFIXES.items():
        path = tmp_path / f"x{suffix}"
        people.write(kind, path)
        assert path.stat().st_size > 1000
    read = mien.read(tmp_path / "x.npz", picture=people.pixels())
    again = read.overlay().pixels.astype(int) - people.overlay().pixels
    assert np.abs(again).mean() < 0.01  # rotations went through axis-angle
    with pytest.raises(mien.MienError, match="does not know its picture"):
        mien.read(tmp_path / "x.npz").overlay()
    with pytest.raises(mien.MienError, match="1280 x 720"):
        mien.read(tmp_path / "x.npz", picture=np.zeros((5, 5, 3), np.uint8)).overlay()
    with pytest.raises(mien.MienError, match=r"\.png"):
        people.overlay().save(tmp_path / "x.tga")
    with pytest.raises(mien.MienError, match=r"\.glb"):
        people.export(tmp_path / "x.xyz")


def test_the_command_saves_all_kinds_and_resumes(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "street.png"), people.pixels()[:, :, ::-1])
    arguments = ["predict", str(tmp_path / "street.png"), "--out", str(tmp_path / "out"), "--weights", "random-xxs"]
    arguments += ["--detector", "full-image", "--save", ",".join(SUFFIXES), "--style", "both", "--opacity", "0.5"]
    assert main(arguments) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= {f"street{suffix}" for suffix in SUFFIXES.values()}
    (tmp_path / "out/street_overlay.png").unlink()
    assert main([*arguments, "--resume"]) == 0
    assert (tmp_path / "out/street_overlay.png").exists()
    assert main([*arguments, "--resume"]) == 0
    assert "1 kept" in capsys.readouterr().err


def test_the_picture_is_read_once_for_all_that_is_drawn(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, read = tmp_path / "street.png", list[Path]()
    cv2.imwrite(str(picture), people.pixels()[:, :, ::-1])

    def reading(path: Path) -> np.ndarray:
        read.append(path)
        return read_picture(path)

    monkeypatch.setattr("mien.people.read_picture", reading)
    there = replace(people, picture=picture)
    there.write_all({kind: tmp_path / f"x{SUFFIXES[kind]}" for kind in ("npz", "overlay", "strip", "boxes")})
    assert read == [picture] and (tmp_path / "x_strip.jpg").exists()
    there.strip(100)
    assert len(read) == 2 and there.vertices() is there.vertices()
    there.write_all({"npz": tmp_path / "y.npz"})
    assert len(read) == 2


def test_a_drawing_that_is_too_large_for_its_format(tmp_path: Path) -> None:
    wide = Drawing(np.zeros((1, 16_384, 3), np.uint8))
    with pytest.raises(mien.MienError, match=r"16384 x 1 pixels cannot be a \.webp file"):
        wide.save(tmp_path / "x.webp")
    assert not list(tmp_path.iterdir()) and wide.save(tmp_path / "x.png").exists()
    with pytest.raises(mien.MienError, match=r"65501 x 1 pixels cannot be a \.jpg"):
        Drawing(np.zeros((1, 65_501, 3), np.uint8)).save(tmp_path / "x.jpg")


def test_a_result_in_double_precision_is_read(people: People, tmp_path: Path) -> None:
    arrays = people.arrays()
    wide = {key: value.astype(np.float64) if value.dtype == np.float32 else value for key, value in arrays.items()}
    np.savez(tmp_path / "x.npz", **wide)  # pyright: ignore[reportArgumentType]
    again = mien.read(tmp_path / "x.npz", picture=people.pixels())
    assert {again.K.dtype, again.bbox.dtype, again.vertices().dtype} == {torch.float32}
    assert (again.overlay().pixels != people.pixels()).any()


def test_nobody_can_be_drawn(people: People, body: BodyModel, tmp_path: Path) -> None:
    scene = make_scene(body, 0)
    known = {field.name: getattr(scene, field.name) for field in fields(Scene)}
    nobody = People(**known, picture=people.pixels())
    assert np.array_equal(nobody.overlay("both").pixels, people.pixels())
    for kind, suffix in SUFFIXES.items():
        nobody.write(kind, tmp_path / f"nobody{suffix}")


def test_report_escapes_what_it_is_told(people: People, tmp_path: Path) -> None:
    nasty = '</title><script>alert("1")</script>'
    entry = Entry(title=nasty, scene=people, drawing=people.pixels(), files=(tmp_path / '"><b>.npz',), note=nasty)
    text = write_report(tmp_path / "report.html", nasty, [entry]).read_text()
    assert "<script" not in text and "<b>" not in text and text.count("&lt;script&gt;") >= 3
    assert "default-src 'none'" in text
