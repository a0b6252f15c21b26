"""Clips as they come: codecs, rates and sizes of all kinds; and what is broken, empty, huge, crowded, full or gone."""

from __future__ import annotations

import errno
import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import Squares, made_footage, stub_estimator

import mien
from mien.cli import main
from mien.clip import Clip
from mien.detect import Detections
from mien.errors import InputError, OutputError
from mien.estimator import Estimator
from mien.filming import FilmConfig, predict_clip
from mien.filming.spill import Spill
from mien.video import Footage, open_footage

av = pytest.importorskip("av", reason="reading videos needs the extra `video`")


@pytest.fixture(scope="module")
def estimate() -> Estimator:
    return stub_estimator(Squares())


class Boxes:
    """The same boxes in every frame."""

    def __init__(self, boxes: np.ndarray) -> None:
        self.boxes = boxes

    def detect(self, picture: np.ndarray, name: str) -> Detections:
        return Detections(boxes=self.boxes, scores=np.ones(len(self.boxes)))


def read(path: Path) -> Clip:
    found = mien.read(path)
    assert isinstance(found, Clip)
    return found


def brightness(i: int) -> int:
    return 20 + 10 * i % 200


def encoded(
    path: Path,
    codec: str = "mjpeg",
    pixels: str = "yuvj420p",
    *,
    sizes: list[tuple[int, int]] | None = None,
    times: list[float] | None = None,
    rate: int = 10,
    options: dict[str, str] | None = None,
) -> Path:
    """Flat frames, each brighter than the one before."""
    sizes = sizes if sizes is not None else [(48, 64)] * 6
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot write {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = sizes[0] if sizes else (48, 64)
        stream.pix_fmt = pixels
        clock = Fraction(1, 1000) if times else Fraction(1, rate)
        stream.time_base = stream.codec_context.time_base = clock
        container.start_encoding()
        for i, size in enumerate(sizes):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), brightness(i), np.uint8), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = round(times[i] / clock) if times else i, clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def changing(path: Path, sizes: list[tuple[int, int]]) -> Path:
    """A file whose frames change their size in the middle, as those of conferences do."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        (stream.height, stream.width), stream.pix_fmt = sizes[0], "yuvj420p"
        container.start_encoding()
        for i, (height, width) in enumerate(sizes):
            codec = av.CodecContext.create("mjpeg", "w")
            codec.width, codec.height, codec.pix_fmt, codec.time_base = width, height, "yuvj420p", Fraction(1, 10)
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), brightness(i), np.uint8), format="rgb24")
            for packet in codec.encode(frame.reformat(format="yuvj420p")) + codec.encode(None):
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, i, i, Fraction(1, 10)
                container.mux(packet)
    return path


# that work ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "codec", "pixels", "more"),
    [
        ("ten_bits.mp4", "libx264", "yuv420p10le", {}),
        ("full_colour.mp4", "libx264", "yuv444p", {}),
        ("hevc.mp4", "libx265", "yuv420p10le", {"options": {"x265-params": "log-level=none"}}),
        ("av1.mp4", "libsvtav1", "yuv420p", {"sizes": [(64, 64)] * 6, "options": {"svtav1-params": "lp=1"}}),
        ("vp9.webm", "libvpx-vp9", "yuv420p", {}),
        ("odd.mkv", "ffv1", "yuv420p", {"sizes": [(47, 63)] * 6}),
        ("grey.mkv", "ffv1", "gray", {}),
        ("alpha.mov", "prores_ks", "yuva444p10le", {}),
        ("interlaced.mpg", "mpeg2video", "yuv420p", {"options": {"flags": "+ildct+ilme"}, "rate": 25}),
        ("one_key_frame.mp4", "libx264", "yuv420p", {"sizes": [(48, 64)] * 40, "options": {"g": "999", "bf": "3"}}),
        ("one_a_second.mp4", "libx264", "yuv420p", {"rate": 1}),
        ("unsteady.mp4", "libx264", "yuv420p", {"times": [0, 0.04, 0.05, 0.3, 1.0, 1.5]}),
        ("moving.gif", "gif", "rgb8", {}),
        ("one_frame.mp4", "libx264", "yuv420p", {"sizes": [(48, 64)]}),
    ],
)
def test_clips_of_all_kinds_are_read(tmp_path: Path, name: str, codec: str, pixels: str, more: dict[str, Any]) -> None:
    sizes = more.get("sizes", [(48, 64)] * 6)
    footage = open_footage(encoded(tmp_path / name, codec, pixels, **more))
    frames = list(footage.frames())
    assert len(frames) == len(sizes) and not footage.problems
    times = more.get("times", np.arange(len(sizes)) / more.get("rate", 10))
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=2e-3)
    for frame in frames:
        assert frame.pixels.shape == (*sizes[0], 3)
        assert abs(float(frame.pixels.mean()) - brightness(frame.index)) < 4


def test_one_frame_a_second_is_tracked(estimate: Estimator, tmp_path: Path) -> None:
    filmed = predict_clip(estimate, made_footage(8, fps=1), tmp_path / "x.npz")
    assert (filmed.tracks, filmed.rows) == (2, 16) and read(tmp_path / "x.npz").fps == 1


def test_a_clip_of_one_frame_and_somebody_who_is_seen_once(estimate: Estimator, tmp_path: Path) -> None:
    filmed = predict_clip(estimate, made_footage(1), tmp_path / "one.npz")
    assert (filmed.frames, filmed.tracks, filmed.rows) == (1, 2, 2) and len(read(tmp_path / "one.npz")[1]) == 1
    once = replace(estimate, detector=Squares(lost=range(1, 5)))
    predict_clip(once, made_footage(5), tmp_path / "once.npz")
    assert [len(track) for track in read(tmp_path / "once.npz")] == [5, 1]


def test_a_moving_gif_that_is_named_is_a_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = encoded(tmp_path / "moving.gif", "gif", "rgb8")
    still = encoded(tmp_path / "still.gif", "gif", "rgb8", sizes=[(48, 64)])
    words = ["--out", str(tmp_path / "out"), "--weights", "random-xxs", "--dry-run"]
    assert main(["predict", str(moving), str(still), *words]) == 0
    assert "1 pictures and 1 clips would be read" in capsys.readouterr().out
    assert main(["predict", str(tmp_path), *words]) == 0  # in a folder of pictures it is one of them
    assert "2 pictures would be read" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "./moving.gif", *words]) == 0
    assert "1 clips would be read" in capsys.readouterr().out


def test_a_size_that_changes_within_a_file(estimate: Estimator, tmp_path: Path) -> None:
    path = changing(tmp_path / "a.avi", [(48, 64)] * 3 + [(96, 128)] * 2 + [(64, 48)])
    found = replace(estimate, detector=Boxes(np.array([[5.0, 5, 40, 45]])))
    filmed = predict_clip(found, path, tmp_path / "x.npz")
    assert (filmed.frames, filmed.rows) == (6, 6) and read(tmp_path / "x.npz").image_size == (48, 64)
    assert len(filmed.problems) == 1 and "from frame 3 on it is 128 x 96 pixels" in filmed.problems[0]


@pytest.mark.parametrize("detect_every", [1, 24])
def test_8k_is_worked_on_in_bounded_memory(estimate: Estimator, tmp_path: Path, detect_every: int) -> None:
    """Frames of 100 MB: only a few of them may be there at once, however long the clip and however rare the looks."""
    pixels, count = np.full((4320, 7680, 3), 90, np.uint8), 24

    def frames(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        for i in range(count):
            yield i / 10, pixels.copy

    footage = Footage(name="x", width=7680, height=4320, fps=10, num_frames=count, read=frames)
    found = replace(estimate, detector=Boxes(np.array([[100.0, 200, 4000, 4000]])))
    tracemalloc.start()
    try:
        filmed = predict_clip(found, footage, tmp_path / "x.npz", FilmConfig(detect_every=detect_every))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert filmed.rows == count and most < 12 * pixels.nbytes


def test_8k_is_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "8k.mp4"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame(7680, 4320, "yuvj420p")))
        container.mux(stream.encode(None))
    footage = open_footage(tmp_path / "8k.mp4")
    assert (footage.width, footage.height) == (7680, 4320) and len(list(footage.frames())) == 1


def test_a_hundred_people_in_a_frame(estimate: Estimator, tmp_path: Path) -> None:
    rows, columns = np.divmod(np.arange(100), 10)
    corners = np.stack([8 * columns, 6 * rows, 8 * columns + 7, 6 * rows + 5], -1).astype(float)
    filmed = predict_clip(replace(estimate, detector=Boxes(corners)), made_footage(4), tmp_path / "x.npz")
    assert (filmed.tracks, filmed.rows) == (100, 400)
    for track in read(tmp_path / "x.npz"):
        assert len(track) == 4 and float(np.ptp(track.bbox.numpy(), axis=0).max()) == 0


# that do not ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "codec", "pixels", "message"),
    [
        ("a.avi", "mjpeg", "yuvj420p", "a.avi holds no frame that can be decoded"),
        ("a.mkv", "ffv1", "yuv420p", "cannot read .*a.mkv: End of file; expected a whole video"),
    ],
)
def test_a_video_without_frames_is_refused(tmp_path: Path, name: str, codec: str, pixels: str, message: str) -> None:
    path = encoded(tmp_path / name, codec, pixels, sizes=[])
    with pytest.raises(InputError, match=message):
        open_footage(path)


def test_broken_and_empty_clips_at_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was decoded of a cut clip is kept, one without frames is named, one without people is a result."""
    whole = encoded(tmp_path / "whole.avi", sizes=[(48, 64)] * 40).read_bytes()
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 2])
    encoded(folder / "empty.avi", sizes=[])
    encoded(folder / "nobody.avi")
    boxes = {"cut.avi": {str(i): [[5, 5, 40, 45]] for i in range(40)}, "nobody.avi": {str(i): [] for i in range(6)}}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    words = ["--weights", "random-xxs", "--detector", f"boxes:{tmp_path / 'boxes.json'}"]
    assert main(["predict", str(folder), "--out", str(out), *words]) == 1
    said = capsys.readouterr().err
    assert "cut.avi is cut short" in said and "skipped empty.avi" in said and "empty.avi holds no frame" in said
    cut, nobody = read(out / "cut.npz"), read(out / "nobody.npz")
    assert 5 < cut.num_frames < 40 and len(cut[0]) == cut.num_frames
    assert nobody.num_frames == 6 and len(nobody) == 0
    assert not (out / "empty.npz").exists() and not list(out.glob("*.parts"))


class Camera:
    """Gives some frames and is then unplugged; what is released is never asked again."""

    def __init__(self, number: int) -> None:
        self.left, self.open = 5, True

    def isOpened(self) -> bool:
        return True

    def get(self, what: int) -> float:
        return 25.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        assert self.open
        self.left -= 1
        return (True, np.full((60, 80, 3), 90, np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.open = False


def test_a_camera_that_is_unplugged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    words = ["--weights", "random-xxs", "--detector", "full-image", "--out", str(tmp_path), "--save", "npz,viewer"]
    assert main(["predict", "webcam:0", *words]) == 1
    assert (tmp_path / "webcam_0.html").exists()
    assert "webcam_0 gives no more pictures: it was unplugged or taken away" in capsys.readouterr().err
    clip = read(tmp_path / "webcam_0.npz")
    assert clip.num_frames == 4 and len(clip[0]) == 4  # one was looked at to learn the size
    assert all(a < b for a, b in pairwise(clip[0].timestamps.tolist()))


def test_an_overlay_of_a_camera_is_refused_and_the_pictures_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 80, 3), 90, np.uint8))
    words = ["--weights", "random-xxs", "--detector", "full-image", "--out", str(tmp_path / "out"), "--overlay"]
    assert main(["predict", "webcam:0", *words]) == 2
    assert main(["predict", str(tmp_path / "a.png"), "webcam:0", "webcam:0", *words]) == 1
    assert "skipped webcam_0: an overlay of a camera" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npz"]


# the disk -------------------------------------------------------------------------------------------------------
def test_a_disk_that_is_full_half_way(estimate: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict_clip(estimate, made_footage(300), tmp_path / "whole.npz")
    grow, written = Spill._grow, 0

    def full(self: Spill, name: str, array: np.ndarray) -> None:
        nonlocal written
        written += name == "rows.bin"
        if written == 2:
            with open(self.folder / name, "ab") as stream:
                stream.write(array.tobytes()[:1000])  # what still went in
            array = np.zeros(0)
            monkeypatch.setattr("os.fsync", no_room)
        grow(self, name, array)

    def no_room(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Spill, "_grow", full)
        with pytest.raises(OutputError, match=r"half.parts/rows.bin: the disk is full.* --resume"):
            predict_clip(estimate, made_footage(300), tmp_path / "half.npz")
    monkeypatch.undo()
    assert json.loads((tmp_path / "half.parts/state.json").read_text())["frames"] == 128
    assert not (tmp_path / "half.npz").exists()
    again = predict_clip(estimate, made_footage(300), tmp_path / "half.npz", resume=True)
    assert again.frames == 300 and (tmp_path / "half.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_disk_that_is_full_at_the_end(estimate: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames are done, and the result does not fit."""
    predict_clip(estimate, made_footage(20), tmp_path / "whole.npz")
    (tmp_path / "late.npz").write_bytes(b"an older result")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mien.filming.merge.npy.write_array", full)
        with pytest.raises(OutputError, match=r"late.npz: the disk is full"):
            predict_clip(estimate, made_footage(20), tmp_path / "late.npz")
    assert (tmp_path / "late.npz").read_bytes() == b"an older result"
    again = predict_clip(estimate, made_footage(20), tmp_path / "late.npz", resume=True)
    assert again.frames == 20 and (tmp_path / "late.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = encoded(tmp_path / "a.avi")
    (tmp_path / "file").write_text("")
    words = ["--weights", "random-xxs", "--detector", "full-image"]
    assert main(["predict", str(clip), "--out", str(tmp_path / "file/below"), *words]) == 2
    said = capsys.readouterr().err
    assert "cannot write" in said and "file/below" in said and "choose another --out" in said
