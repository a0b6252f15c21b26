from __future__ import annotations

import os
from pathlib import Path

import pytest

from mien.errors import InputError
from mien.picture_files import PictureFile, distinct_stems, find_pictures, list_pictures, without_clashes


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def stems(*inputs: Path | str) -> list[str]:
    return [picture.stem for picture in find_pictures([str(item) for item in inputs])]


def test_a_folder_is_mirrored_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "10.jpg", "2.JPG", "sub/deep/x.y.png", "sub/b.tif", "notes.txt", ".hidden.jpg", ".git/c.jpg")
    pictures = find_pictures([tmp_path])
    assert [picture.name for picture in pictures] == ["2.JPG", "10.jpg", "sub/b.tif", "sub/deep/x.y.png"]
    assert [picture.stem for picture in pictures] == ["2", "10", "sub/b", "sub/deep/x.y"]
    assert pictures[3].output(Path("out")) == Path("out/sub/deep/x.y.npz")
    assert pictures[0].path == tmp_path / "2.JPG" and pictures[0].root == tmp_path


def test_files_and_order_of_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.jpg", "odd.raw", ".hidden.jpg")
    names = ("b.jpg", "a.jpg", "odd.raw", ".hidden.jpg")
    assert stems(*(tmp_path / name for name in names)) == ["b", "a", "odd", ".hidden"]
    (tmp_path / "sub").mkdir()
    assert stems(tmp_path / "b.jpg", tmp_path, tmp_path / "sub/../a.jpg", tmp_path / "b.jpg") == ["b", "a"]


def test_relative_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "in/a.jpg", "b.jpg")
    monkeypatch.chdir(tmp_path)
    assert stems("in") == ["a"] and stems("b.jpg", "./b.jpg", tmp_path / "b.jpg") == ["b"]
    assert stems(".") == ["b", "in/a"] and stems("*.jpg") == ["b"] and stems("**/*.jpg") == ["b", "in/a"]


def test_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "s1/a.jpg", "s2/a.jpg", "s2/.x/a.jpg", "s2/deep/c.png", "s2/n.txt", "photo[1].jpg", "photo1.jpg")
    assert stems(f"{tmp_path}/*/a.jpg") == ["s1/a", "s2/a"]
    assert stems(f"{tmp_path}/s2/**") == stems(f"{tmp_path}/s2/**/*") == ["a", "deep/c"]
    assert stems(f"{tmp_path}/s2/.x/*.jpg") == ["a"] and stems(f"{tmp_path}/s2/.*/*.jpg") == [".x/a"]
    assert stems(tmp_path / "photo[1].jpg") == ["photo[1]"]


def test_same_stem_keeps_extensions(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "a.jpg.png", "b.jpg", "c/d.JPG", "c/D.jpeg")
    assert stems(tmp_path) == ["a.jpg", "a.jpg.png", "a.png", "b", "c/D.jpeg", "c/d.JPG"]


def test_same_names_in_two_folders_take_the_folder_name(tmp_path: Path) -> None:
    touch(tmp_path, "run1/a.jpg", "run1/b.jpg", "run2/A.jpg", "run2/c.jpg", "other/z.jpg")
    expected = ["run1/a", "run1/b", "run2/A", "run2/c", "z"]
    assert stems(tmp_path / "run1", tmp_path / "run2", tmp_path / "other") == expected
    files = ["run1/a.jpg", "run1/b.jpg", "run2/A.jpg", "run2/c.jpg", "other/z.jpg"]
    assert stems(*(tmp_path / name for name in files)) == expected
    touch(tmp_path, "left/a.jpg", "right/a.png")
    assert stems(tmp_path / "left", tmp_path / "right") == ["a.jpg", "a.png"]


def test_clashes_beyond_help_name_both(tmp_path: Path) -> None:
    touch(tmp_path, "x/run/a.jpg", "y/run/a.jpg")
    with pytest.raises(InputError, match="would both be written") as caught:
        find_pictures([tmp_path / "x/run", tmp_path / "y/run"])
    assert str(tmp_path / "x/run/a.jpg") in str(caught.value) and str(tmp_path / "y/run/a.jpg") in str(caught.value)


def test_the_root_of_a_disk_has_no_name_to_go_below(tmp_path: Path) -> None:
    roots = (Path("/"), tmp_path)
    files = [PictureFile(path=root / "a.jpg", root=root, name="a.jpg", stem="a") for root in roots]
    assert [file.stem for file in without_clashes(files)] == ["a", f"{tmp_path.name}/a"]


def test_what_lies_among_the_results_is_no_input(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "a.jpg", "out/a_overlay.png", "out/sub/b.png", "outside/c.png")
    out = tmp_path / "out"

    def names(*inputs: str) -> list[str]:
        return [file.name for file in list_pictures([str(tmp_path / item) for item in inputs], out=out)]

    with caplog.at_level("INFO", "mien"):
        assert names("") == names("**/*") == ["a.jpg", "outside/c.png"]
    assert "2 files in" in caplog.text and "are no inputs" in caplog.text
    assert names("out/sub/b.png", "out/*.png") == ["b.png", "a_overlay.png"], "named outright"
    assert names("", "out/sub") == ["a.jpg", "outside/c.png", "b.png"]
    assert list_pictures([tmp_path], out=tmp_path)[0].name == "a.jpg", "results beside the pictures"
    (tmp_path / "link").symlink_to(out)
    assert names("") == ["a.jpg", "outside/c.png"]
    touch(tmp_path, "only/out/a.png")
    with pytest.raises(InputError, match=r"lies in .*, the folder of results"):
        list_pictures([tmp_path / "only"], out=tmp_path / "only/out")


def test_files_of_one_name_become_files_of_two() -> None:
    x, y, b = Path("x/clip.npz"), Path("y/CLIP.npz"), Path("x/b.npz")
    assert distinct_stems([x, y, b, x]) == {x: "x/clip", y: "y/CLIP", b: "x/b"}
    assert distinct_stems([x, b]) == {x: "clip", b: "b"}
    with pytest.raises(InputError, match="would both be written"):
        distinct_stems([Path("1/s/clip.npz"), Path("2/s/clip.npz")])


def test_inputs_that_name_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "docs/a.txt")
    cases = {
        str(tmp_path / "absent"): "does not exist",
        str(tmp_path / "absent.jpg"): "does not exist",
        "": "does not exist",
        "a\0b": "does not exist",
        "x" * 300 + ".jpg": "too long",
        str(tmp_path / "docs"): r"holds no pictures; expected files ending in \.jpg",
        f"{tmp_path}/*.jpg": "matches no picture",
        f"{tmp_path}/docs/*": "matches no picture",
        f"{tmp_path}/*/../*.jpg": "climbs up",
    }
    for item, message in cases.items():
        with pytest.raises(InputError, match=message):
            find_pictures([item])
    with pytest.raises(InputError, match="no pictures were named"):
        find_pictures([])


def test_links(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.jpg", "real/b.jpg")
    for name, target in (("in/loop", "in"), ("in/linked", "real"), ("in/self", "in/self")):
        (tmp_path / name).symlink_to(tmp_path / target)
    (tmp_path / "real/up").symlink_to(tmp_path)
    (tmp_path / "in/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert stems(tmp_path / "in") == ["a", "linked/b"]
    assert stems(f"{tmp_path}/in/**/*.jpg") == ["a"]


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(InputError, match=r"cannot look into .*closed: Permission denied"):
        find_pictures([tmp_path])
