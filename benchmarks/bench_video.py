"""A clip through `predict_clip`, against the usual loop: JPEGs to disk, read back, one fp32 crop at a time.

    python benchmarks/bench_video.py [--write] [--clip FILE --boxes FILE] [--frames 40] [--rounds 5] [--size b]

Both run the same network (random weights of size `b`: what they say means nothing, what they cost does) on the same
boxes; nothing is drawn. Ours tracks, smooths and writes the result, too; the loop throws its answers away, and crops
with our own fast `Crop`. Decoding alone is measured on the whole clip. Without `--clip` the clip is
`../shared/real/two_people_1080x1920.mp4` where that is there, else one is made: two blocks that walk over noise.
Candidates take turns, round after round; ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from common import Row, report

import mien
from mien.clip import Clip
from mien.estimator import Estimator, Precision
from mien.filming import FilmConfig, draw_clip, predict_clip
from mien.geometry.boxes import crop_box, xywh_from_xyxy
from mien.geometry.crop import Crop
from mien.movie import write_movie
from mien.video import open_footage

REAL = Path(__file__).parents[2] / "shared/real"
STAGES = ("decode", "detect", "crop", "network", "place", "track", "write", "finish", "waiting")
QUALITY = 95


@dataclass(kw_only=True)
class Bench:
    """A clip, its boxes, and where to write."""

    clip: Path
    boxes: Path
    folder: Path
    frames: int
    size: str
    stages: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    """By precision, milliseconds a frame of each round."""
    people: int = 0
    """Of the frames that the network looks at."""
    length: int = 0
    """Of the clip, frames."""

    def estimator(self, precision: Precision, weights: str = "") -> Estimator:
        weights = weights or f"random-{self.size}"
        return mien.load(weights, detector=f"boxes:{self.boxes}", precision=precision, device="cpu")

    def ours(self, estimate: Estimator, name: str) -> Path:
        """The whole pipeline; the stages of this round are kept."""
        out = self.folder / f"{name}.npz"
        filmed = predict_clip(estimate, self.clip, out, FilmConfig(max_frames=self.frames))
        milliseconds = {stage: 1e3 * filmed.seconds.get(stage, 0.0) / filmed.frames for stage in STAGES}
        self.stages.setdefault(name, []).append(milliseconds)
        self.people = filmed.rows
        return out

    def jpegs(self, most: int | None = None) -> list[Path]:
        """Every frame as a JPEG on disk."""
        video = cv2.VideoCapture(str(self.clip))
        paths: list[Path] = []
        while most is None or len(paths) < most:
            good, picture = video.read()
            if not good:
                break
            paths.append(self.folder / f"{len(paths):06d}.jpg")
            cv2.imwrite(str(paths[-1]), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        video.release()
        return paths

    def detour(self) -> None:
        """Decoding by way of JPEGs."""
        for path in self.jpegs():
            cv2.imread(str(path))

    def decode(self) -> None:
        """Decoding as we do it."""
        self.length = sum(1 for _ in open_footage(self.clip).frames())

    @torch.inference_mode()
    def plain(self, estimate: Estimator) -> None:
        """The usual loop: fp32, one crop at a time, straight from the picture that was read back."""
        boxes = next(iter(json.loads(self.boxes.read_text()).values()))
        for index, path in enumerate(self.jpegs(self.frames)):
            read = cv2.imread(str(path))
            assert read is not None
            picture = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
            height, width = picture.shape[:2]
            for row in boxes[str(index)]:
                box = crop_box(xywh_from_xyxy(np.array(row[:4])), width, height)
                assert box is not None
                estimate.predict([Crop.around(box).extract(picture, estimate.network.config.image_size)])

    def draw(self, result: Path) -> None:
        """The overlay video of a result, which is read, drawn and compressed side by side."""
        clip = mien.read(result)
        assert isinstance(clip, Clip)
        draw_clip(clip, open_footage(self.clip), self.folder / "overlay.mp4")


def turns(candidates: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each, in turn, after one round that does not count: on the clock, and of processors."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for turn in range(rounds + 1):
        for name, function in candidates.items():
            start, busy = time.perf_counter(), time.process_time()
            function()
            found = (time.perf_counter() - start, time.process_time() - busy)
            if turn:
                spent[name].append(found)
            print(f"round {turn}, {name}: {found[0]:.2f} s, {found[1]:.2f} s of processors", flush=True)
    clock, busy = ({name: median(each[i] for each in found) for name, found in spent.items()} for i in (0, 1))
    return clock, busy


def apart(bench: Bench, weights: str) -> dict[str, float]:
    """How far bf16 moves the 55 joints of the skeleton, millimetres: about the pelvis, and in the camera."""
    found = [bench.estimator(precision, weights) for precision in ("fp32", "bf16")]
    first, second = (_joints(mien.read(bench.ours(each, f"apart_{i}"))) for i, each in enumerate(found))
    local = torch.linalg.vector_norm((first - first[:, :1]) - (second - second[:, :1]), dim=-1)
    placed = torch.linalg.vector_norm(first - second, dim=-1)
    values = {"mean": local.mean(), "largest": local.max(), "mean in the camera": placed.mean()}
    return {name: round(1e3 * float(value), 2) for name, value in values.items()}


def _joints(clip: object) -> torch.Tensor:
    """Of all tracks, those that people were seen in first."""
    assert isinstance(clip, Clip)
    tracks = sorted(clip.tracks, key=lambda track: (int(track.frame_index[0]), float(track.bbox[0, 0])))
    return torch.cat([track.joints3d[:, :55] for track in tracks]).double()


def make_clip(folder: Path, frames: int) -> tuple[Path, Path]:
    """A clip of our own, 1080 x 1920: noise that stands still, and two blocks that walk; and its boxes."""
    clip, boxes = folder / "made.mp4", folder / "boxes.json"
    still = cv2.resize(np.random.default_rng(0).integers(0, 255, (240, 135, 3), np.uint8), (1080, 1920))
    rows = {}
    with write_movie(clip, 1080, 1920, 12) as movie:
        for i in range(frames):
            picture, step = still.copy(), 5 * i
            found = [[40 + step, 400, 400 + step, 1400], [620 - step, 430, 900 - step, 1300]]
            for (x1, y1, x2, y2), colour in zip(found, ((200, 60, 60), (60, 60, 200)), strict=True):
                picture[y1:y2, x1:x2] = colour
            rows[str(i)] = found
            movie.add(picture, i / 12)
    boxes.write_text(json.dumps({clip.name: rows}))
    return clip, boxes


def run(options: argparse.Namespace, folder: Path) -> None:
    """Measure and report."""
    clip, boxes = options.clip, options.boxes
    if clip is None:
        clip, boxes = REAL / "two_people_1080x1920.mp4", REAL / "two_people_boxes.json"
        clip, boxes = (clip, boxes) if clip.exists() else make_clip(folder, options.frames)
    bench = Bench(clip=clip, boxes=boxes, folder=folder, frames=options.frames, size=options.size)
    before = os.getloadavg()
    full, half = bench.estimator("fp32"), bench.estimator("bf16")
    candidates: dict[str, Callable[[], object]] = {
        "decode": bench.decode,
        "jpegs": bench.jpegs,
        "detour": bench.detour,
        "plain": lambda: bench.plain(full),
        "fp32": lambda: bench.ours(full, "fp32"),
        "bf16": lambda: bench.ours(half, "bf16"),
        "drawing": lambda: bench.draw(folder / "bf16.npz"),
    }
    spent, busy = turns(candidates, options.rounds)
    stages = {
        name: {stage: round(median(each[stage] for each in bench.stages[name][1:]), 2) for stage in STAGES}
        for name in ("bf16", "fp32")
    }
    people, frames = bench.people, bench.frames
    each = {name: 1e3 * seconds for name, seconds in spent.items()}

    def row(case: str, ours: str, reference: str, count: int, target: float) -> Row:
        other = each[reference] / count if reference else 0.0
        ratio = round(other / (each[ours] / count), 2) if reference else 0.0
        found = Row(case=case, ours_ms=each[ours] / count, reference_ms=other, ratio=ratio, target=target)
        print(f"{case}: {found.ours_ms:.2f} ms against {other:.2f} ms, {ratio:.2f}x (target {target:g}x)", flush=True)
        return found

    rows = [
        row("a person, all in all, bf16", "bf16", "plain", people, 2.2),
        row("a person, all in all, fp32", "fp32", "plain", people, 0.0),
        row("a frame, decoding", "decode", "detour", bench.length, 3.0),
        row("a frame, drawing the overlay", "drawing", "", frames, 0.0),
    ]
    notes = {
        "reference": "frames to JPEGs (quality 95), read back, single crops in fp32; for decoding no network",
        "clip": f"{bench.clip.name}, {frames} frames, {people} people in all; size {bench.size}, random weights",
        "rounds": options.rounds,
        "people per second": {name: round(people / spent[name], 3) for name in ("bf16", "fp32", "plain")},
        "frames per second": {name: round(frames / spent[name], 3) for name in ("bf16", "fp32", "plain", "drawing")},
        "JPEGs alone, ms a frame": {
            "to disk, with decoding": round(each["jpegs"] / bench.length),
            "back again": round((each["detour"] - each["jpegs"]) / bench.length),
        },
        "ratios in seconds of processors": {
            "bf16": round(busy["plain"] / busy["bf16"], 2),
            "fp32": round(busy["plain"] / busy["fp32"], 2),
            "decoding": round(busy["detour"] / busy["decode"], 2),
        },
        "bf16 moves joints by mm": {name: apart(bench, name) for name in (f"random-{bench.size}", "open-xs")},
        "load of the machine (1, 5, 15 min)": {
            "before": " ".join(f"{value:.1f}" for value in before),
            "after": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        },
        "stages_ms": stages,
    }
    print(json.dumps(notes, indent=2))
    asked = f"--frames {options.frames} --rounds {options.rounds} --size {options.size}"
    report("video-speed", rows, notes, script=f"bench_video.py {asked}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    parser.add_argument("--clip", type=Path, help="a video")
    parser.add_argument("--boxes", type=Path, help="who is where in it: a boxes file of this one clip")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="b")
    options = parser.parse_args()
    if (options.clip is None) != (options.boxes is None):
        parser.error("--clip and --boxes go together")
    with tempfile.TemporaryDirectory() as folder:
        run(options, Path(folder))


if __name__ == "__main__":
    main()
