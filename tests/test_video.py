"""Videos in and out: exact times, turned pictures, what is broken, what is live; and sound."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import InputError, MienError, OutputError
from mien.movie import write_movie
from mien.video import Footage, in_background, open_footage

av = pytest.importorskip("av", reason="reading videos needs the extra `video`")
TIMES = [0.0, 0.1, 0.15, 0.4, 0.5, 0.9]


def picture(i: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Brighter from frame to frame, with a white corner at the top left."""
    found = np.full((*size, 3), 20 + 10 * i % 200, np.uint8)
    found[:16, :16] = 255
    return found


def write_video(path: Path, count: int = 6, size: tuple[int, int] = (48, 64)) -> Path:
    with write_movie(path, size[1], size[0], 10) as movie:
        for i in range(count):
            movie.add(picture(i, size), TIMES[i] if count <= len(TIMES) else i / 10)
    return path


def write_any(path: Path, form: str, sizes: list[tuple[int, int]], sound: bool = False, pictures: bool = True) -> Path:
    """A file whose pictures may change their size, with a tone."""
    with av.open(str(path), "w", format=form) as container:
        video = container.add_stream("mjpeg", rate=10) if pictures else None
        audio = container.add_stream("aac" if form in ("mp4", "mov") else "pcm_s16le", rate=8000) if sound else None
        if video is not None:
            video.pix_fmt = "yuvj420p"
            video.height, video.width = sizes[0]
            for i, size in enumerate(sizes):
                frame = av.VideoFrame.from_ndarray(picture(i, size), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 10)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        if audio is not None:
            tone = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def test_frames_and_their_own_times_come_back(tmp_path: Path) -> None:
    footage = open_footage(write_video(tmp_path / "a.mp4"))
    assert (footage.width, footage.height, footage.num_frames, footage.name) == (64, 48, 6, "a.mp4")
    frames = list(footage.frames())
    np.testing.assert_allclose([frame.time for frame in frames], TIMES, atol=1e-4)
    assert [frame.index for frame in frames] == list(range(6)) and not footage.problems
    for i, frame in enumerate(frames):
        assert abs(float(frame.pixels[30:, 30:].mean()) - (20 + 10 * i)) < 4
    later = list(footage.frames(4))
    assert [(frame.index, round(frame.time, 3)) for frame in later] == [(4, 0.5), (5, 0.9)]
    assert np.array_equal(later[0].pixels, frames[4].pixels)


@pytest.mark.parametrize(("turn", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_a_turned_video_is_upright(tmp_path: Path, turn: int, corner: tuple[int, int]) -> None:
    """Phones write pictures lying on their side, and say so in the track's matrix: degrees clockwise."""
    data = bytearray(write_video(tmp_path / "a.mp4").read_bytes())
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn]
    place = data.find(b"tkhd") + 44
    data[place : place + 36] = struct.pack(
        ">9i", *[v << 16 for v in (cosine, sine, 0, -sine, cosine, 0, 0, 0)], 1 << 30
    )
    (tmp_path / "turned.mp4").write_bytes(data)
    footage = open_footage(tmp_path / "turned.mp4")
    assert (footage.width, footage.height) == ((64, 48) if turn == 180 else (48, 64))
    pixels = next(footage.frames()).pixels
    assert pixels[corner].min() > 200 and pixels[24, 24].max() < 60


def test_a_folder_of_frames_is_a_clip(tmp_path: Path) -> None:
    for i in (10, 9, 1):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i))
    (tmp_path / "5.png").write_bytes(b"no picture")
    footage = open_footage(tmp_path, fps=20)
    frames = list(footage.frames())
    assert [int(frame.pixels[40, 40, 0]) for frame in frames] == [30, 110, 120]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.15])
    assert footage.num_frames == 4 and "5.png is not a picture" in footage.problems[0]


def test_a_changing_size_is_scaled_into_the_first(tmp_path: Path) -> None:
    for i, size in enumerate([(48, 64), (96, 128), (48, 32)]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i, size))
    footage = open_footage(tmp_path)
    frames = list(footage.frames())
    assert {frame.pixels.shape for frame in frames} == {(48, 64, 3)}
    assert len(footage.problems) == 1 and "from frame 1 on it is 128 x 96" in footage.problems[0]
    assert frames[2].pixels[:, :15].max() == 0 and frames[2].pixels[40, 32].min() > 30


def test_a_cut_video_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_any(tmp_path / "a.avi", "avi", [(48, 64)] * 40).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    footage = open_footage(tmp_path / "cut.avi")
    found = list(footage.frames())
    assert 5 < len(found) < 35 and "cut short" in " ".join(footage.problems)
    hurt = bytearray(whole)
    hurt[len(hurt) // 3 : len(hurt) // 3 + 900] = bytes(900)
    (tmp_path / "hurt.avi").write_bytes(hurt)
    footage = open_footage(tmp_path / "hurt.avi")
    assert len(list(footage.frames())) >= 20


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp4", "does not exist"),
        ("text.mp4", "cannot read .*Invalid data"),
        ("sound.mov", "holds sound only"),
        ("half.mp4", "table of contents"),
        ("webcam:x", "webcam:0"),
        ("webcam:99", "gives no pictures"),
        ("folder", "holds no pictures"),
    ],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "folder").mkdir()
    if name == "sound.mov":
        write_any(tmp_path / name, "mov", [], sound=True, pictures=False)
    if name == "half.mp4":
        whole = write_video(tmp_path / "a.mp4").read_bytes()
        (tmp_path / name).write_bytes(whole[: whole.find(b"moov") - 4])
    with pytest.raises(InputError, match=message):
        open_footage(name if name.startswith("webcam") else tmp_path / name)


def test_an_unreadable_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 frames a second"):
        open_footage(tmp_path, fps=0)


def test_times_always_grow() -> None:
    def read(footage: Footage) -> Iterator:
        for seconds in (5.0, 5.0, None, 4.0, 6.0):
            yield seconds, lambda: picture(0)

    footage = Footage(name="x", width=64, height=48, fps=10, num_frames=None, read=read)
    times = [frame.time for frame in footage.frames()]
    assert times[0] == 0 and all(a < b for a, b in pairwise(times)) and times[-1] == 1.0


def test_a_thread_works_ahead_within_bounds_and_passes_errors_on() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i
        raise ValueError("broken")

    stream = in_background(items(), 3)
    assert next(stream) == 0
    stream.close()
    assert len(made) <= 6
    with pytest.raises(ValueError, match="broken"):
        list(in_background(items(), 3))


def test_sound_is_kept_and_odd_sizes_are_written(tmp_path: Path) -> None:
    source = write_any(tmp_path / "a.mov", "mov", [(48, 64)] * 10, sound=True)
    with write_movie(tmp_path / "b.mp4", 31, 21, 10, sound_of=source) as movie:
        for i in range(10):
            movie.add(picture(i, (21, 31)), i / 10)
    assert not movie.problems
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert 6000 < heard <= 9300
    footage = open_footage(tmp_path / "b.mp4")
    assert (footage.width, footage.height) == (32, 22)


def test_the_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    """Of six such movies all differed where the encoder used AVX-512."""
    frames = np.random.default_rng(0).integers(0, 255, (12, 96, 72, 3), dtype=np.uint8)
    for i, frame in enumerate(frames):
        frame[20:80, 20 + i : 50 + i] = 120, 60, 30
    found = set[bytes]()
    for _ in range(6):
        with write_movie(tmp_path / "a.mp4", 72, 96, 30) as movie:
            for i, frame in enumerate(frames):
                movie.add(frame, i / 30)
        found.add((tmp_path / "a.mp4").read_bytes())
        _ = [np.random.default_rng(i).random(200_000) for i in range(20)]  # other numbers in freed memory
    assert len(found) == 1


def test_a_movie_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), write_movie(tmp_path / "a.mp4", 64, 48, 10) as movie:
        movie.add(picture(0), 0.0)
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError), write_movie(tmp_path / "file/a.mp4", 64, 48, 10):
        pass


def test_the_package_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MienError, match=r"mien\[video\]"):
        open_footage(path)
