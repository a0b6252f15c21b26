"""What tracking and smoothing are worth: clips of walking people whose truth is known, seen by open-xs.

    python benchmarks/study_motion.py [--write] [--seeds 2] [--weights open-xs]

Everyone in every frame goes through the network once. The same rows are then given ids in three ways (frame by frame,
by the overlap of boxes, by `mien.track`), and each person's rows are finished in three ways (not at all, by the causal
filter, by the zero-lag filter). Seeds from 10 on: the weights of `mien.track` were chosen on seeds 0 to 2.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from common import RESULTS, processor

import mien
from mien.clip import ROW_KEYS, Track
from mien.detect import Detections
from mien.estimator import Estimator, Job
from mien.filming.chunk import Chunk
from mien.filming.watch import Watch
from mien.geometry.camera import Camera
from mien.metrics.motion import jitter
from mien.scene import Person, rows_of_arrays
from mien.synth.clips import KINDS, MadeClip, Shown, make_clip
from mien.track.associate import Sighting, TrackConfig, Tracker, box_iou
from mien.track.finish import finish_track, locked_shape
from mien.track.smooth import SmoothConfig

JOINTS = 25
METHODS = ("none", "one-euro", "zero-lag")
FIRST_SEED = 10
Numbers = dict[str, float]


# who is who -----------------------------------------------------------------------------------------------------
@dataclass
class FrameByFrame:
    """No tracking: the surest box is number 0, the next one number 1, in every frame anew."""

    scores: Iterator[np.ndarray]

    def update(self, time: float, sighting: Sighting) -> np.ndarray:
        return np.argsort(np.argsort(-next(self.scores), kind="stable"))


@dataclass
class ByOverlap:
    """Plain IoU matching: boxes that overlap the last known one by 0.3 or more, best sum first; as patient as ours."""

    patience: float = TrackConfig.patience
    last: dict[int, tuple[float, np.ndarray]] = field(default_factory=dict)
    count: int = 0

    def update(self, time: float, sighting: Sighting) -> np.ndarray:
        from scipy.optimize import linear_sum_assignment

        known = [i for i, (seen, _) in self.last.items() if time - seen <= self.patience]
        ids = np.full(len(sighting), -1)
        if known and len(sighting):
            iou = box_iou(np.stack([self.last[i][1] for i in known]), sighting.boxes)
            for row, column in zip(*linear_sum_assignment(-iou), strict=True):
                if iou[row, column] > 0.3:
                    ids[column] = known[row]
        for column in np.flatnonzero(ids < 0):
            ids[column], self.count = self.count, self.count + 1
        for column, number in enumerate(ids.tolist()):
            self.last[number] = (time, sighting.boxes[column])
        return ids


# what the network sees ------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Observed:
    """A clip after the network."""

    clip: MadeClip
    chunk: Chunk
    shown: list[Shown]
    who: np.ndarray
    """Of each row."""

    def rows(self, tracker: Any) -> np.ndarray:
        rows = self.chunk.rows(tracker)
        assert rows is not None
        return rows


def observe(estimate: Estimator, clip: MadeClip) -> Observed:
    """Crop everyone in every frame and run the network, in batches."""
    chunk, shown = Chunk(estimate=estimate, watch=Watch()), []
    for frame in range(len(clip)):
        seen = clip.show(frame)
        job = Job(name="clip", image_size=clip.image_size, camera=Camera(K=clip.K), camera_source="focal")
        found = Detections(boxes=seen.boxes, scores=seen.scores)
        job = estimate.cropped(job, seen.picture, found, np.arange(len(found)))
        assert len(job.crops) == len(found)
        chunk.add(frame, float(clip.times[frame]), job)
        shown.append(seen)
        while chunk.ready:
            chunk.step()
    while chunk.patches:
        chunk.step()
    return Observed(clip=clip, chunk=chunk, shown=shown, who=np.concatenate([np.array(s.who, int) for s in shown]))


# measures -------------------------------------------------------------------------------------------------------
def identity(observed: Observed, rows: np.ndarray) -> Numbers:
    """Id switches (a person's next row has another id), how many of them come with a hole before, and coverage: the
    share of a person's rows that carry their most usual id, over the frames in which they are found."""
    switches = after_hole = covered = total = 0
    for person in range(len(observed.clip.people)):
        mine = rows[observed.who == person]
        if not len(mine):
            continue
        changed = np.diff(mine["track_id"]) != 0
        switches += int(changed.sum())
        after_hole += int((changed & (np.diff(mine["frame_index"]) > 1)).sum())
        covered += int(np.bincount(mine["track_id"]).max())
        total += len(mine)
    return {"switches": switches, "after_hole": after_hole, "covered": covered, "rows": total}


def track_of(rows: np.ndarray, number: int) -> Track:
    """One person's rows as a track."""
    arrays = {key: np.ascontiguousarray(rows[key]) for key in rows.dtype.names or ()}
    person = Person(**rows_of_arrays(arrays))
    known: dict[str, Any] = {each.name: getattr(person, each.name) for each in fields(Person)}
    known |= {key: torch.from_numpy(arrays[key]) for key in ROW_KEYS if key != "track_id"}
    return Track(id=number, **known)


@torch.no_grad()
def accuracy(observed: Observed, rows: np.ndarray, config: SmoothConfig) -> dict[str, list[float]]:
    """Errors of each person's rows once finished: PVE and MPJPE about the pelvis (mm), the pelvis itself (mm), jitter
    (mm / frame^3) about the pelvis and in the camera. Frames in which the person is found, whole stretches of them."""
    body, found = observed.clip.body, defaultdict(list)
    times = torch.from_numpy(observed.clip.times)
    for person, truth in enumerate(observed.clip.people):
        mine = rows[observed.who == person]
        raw = track_of(mine, person)
        track = finish_track(raw, body, observed.clip.K, times, config, locked_shape(raw.params.betas, raw.score))
        track = track[track.valid]
        true, said = body.pose(truth[track.frame_index]), body.pose(track.params)
        pelvis, known = said.position[:, :1], true.position[:, :1]
        found["pve"] += (1000 * ((said.mesh() - pelvis) - (true.mesh() - known)).norm(dim=-1).mean(-1)).tolist()
        joints, targets = said.joints()[:, :JOINTS], true.joints()[:, :JOINTS]
        found["mpjpe"] += (1000 * ((joints - pelvis) - (targets - known)).norm(dim=-1).mean(-1)).tolist()
        found["place"] += (1000 * (pelvis - known).norm(dim=-1)[:, 0]).tolist()
        cuts = np.flatnonzero(np.diff(track.frame_index.numpy()) > 1) + 1
        for part in np.split(np.arange(len(track)), cuts):
            found["jitter"] += jitter((joints - pelvis)[part]).tolist()
            found["jitter_camera"] += jitter(joints[part]).tolist()
            found["jitter_truth"] += jitter((targets - known)[part]).tolist()
    return found


TRACKERS: dict[str, Callable[[Observed], Any]] = {
    "frame by frame": lambda seen: FrameByFrame(iter([shown.scores for shown in seen.shown])),
    "plain IoU": lambda seen: ByOverlap(),
    "mien.track": lambda seen: Tracker(),
}


def measure(estimate: Estimator, seeds: int, frames: int = 75) -> dict[str, Any]:
    """All clips, all trackers, all filters."""
    ids: dict[str, dict[str, Numbers]] = {}
    errors: dict[str, dict[str, list[float]]] = {method: defaultdict(list) for method in METHODS}
    for kind in KINDS:
        sums: dict[str, Numbers] = {name: defaultdict(float) for name in TRACKERS}
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            observed = observe(estimate, make_clip(estimate.body, kind, seed=seed, frames=frames))
            for name, make in TRACKERS.items():
                for key, value in identity(observed, observed.rows(make(observed))).items():
                    sums[name][key] += value
            rows = observed.rows(Tracker())
            for method in METHODS:
                for key, values in accuracy(observed, rows, SmoothConfig(method=method)).items():
                    errors[method][key] += values
            print(kind, seed, {name: sums[name]["switches"] for name in TRACKERS}, flush=True)
        ids[kind] = {name: dict(numbers) for name, numbers in sums.items()}
    means = {m: {key: round(float(np.mean(v)), 3) for key, v in found.items()} for m, found in errors.items()}
    return {"identity": ids, "accuracy": means}


PAGE = """# Motion: what tracking and smoothing are worth

    python benchmarks/study_motion.py --write

{seeds} clips of each kind, {frames} frames at 25 a second, 320 x 240 pixels: bodies of the open body walk before a
patterned wall, and every pose is known (`mien.synth.clips`; in every second clip everyone is dressed alike). A detector
is imitated: boxes around what is seen of a person, 1.2 % wrong, nobody of whom less than a quarter is seen, and one box
in fifty missing. All of them are seen by `{weights}`, once; what differs is what is made of its answers. The weights of
`mien.track` were chosen on other seeds.

![Identity switches by kind of clip](../pictures/motion_switches.png)

## Who is who: identity switches

A switch: the next row of a person carries another id than the one before, be it somebody else's or a new one.

{identity}

Coverage is the share of a person's rows that carry their most usual id.

## How well, and how smoothly

The same rows, tracked by `mien.track`. PVE and MPJPE (25 joints) are about the pelvis, in millimetres; `pelvis` is its
distance from the truth in the camera, nearly all of it depth; jitter is the mean length of the joints' third
difference, about the pelvis and in the camera. The people themselves have a jitter of {truth:.1f}.

{accuracy}

Against the network frame by frame, the zero-lag filter lowers jitter by {less:.0f} % and PVE by {pve:.1f} mm. `none`
keeps what the network says; all others fill holes, hold the shape and place people anew in the one camera of the clip.

{machine}
"""


def tables(found: dict[str, Any]) -> tuple[str, str]:
    """Both tables of the page."""
    lines = [f"| clip | {' | '.join(TRACKERS)} |", "|---|" + "---:|" * len(TRACKERS)]
    for kind, ids in found["identity"].items():
        cells = " | ".join(f"{ids[name]['switches']:.0f}" for name in TRACKERS)
        lines.append(f"| {kind}: {KINDS[kind]} | {cells} |")
    sums = {n: {k: sum(ids[n][k] for ids in found["identity"].values()) for k in KEYS} for n in TRACKERS}
    for title, key in (("all", "switches"), ("of these after a hole", "after_hole")):
        lines.append(f"| {title} | {' | '.join(f'{sums[n][key]:.0f}' for n in TRACKERS)} |")
    shares = " | ".join(f"{100 * sums[n]['covered'] / sums[n]['rows']:.1f} %" for n in TRACKERS)
    lines.append(f"| coverage | {shares} |")
    names = ("pve", "mpjpe", "place", "jitter", "jitter_camera")
    heads = ("PVE, mm", "MPJPE, mm", "pelvis, mm", "jitter, mm/frame³", "in the camera")
    rows = [f"| smoothing | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for method, values in found["accuracy"].items():
        rows.append(f"| `{method}` | {' | '.join(f'{values[name]:.1f}' for name in names)} |")
    return "\n".join(lines), "\n".join(rows)


KEYS = ("switches", "after_hole", "covered", "rows")


def figure(found: dict[str, Any]) -> None:
    """Switches by kind and tracker."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    kinds, colours = list(found["identity"]), ("#999999", "#E69F00", "#0072B2")
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for i, (name, colour) in enumerate(zip(TRACKERS, colours, strict=True)):
        values = [found["identity"][kind][name]["switches"] for kind in kinds]
        bars = axes.bar(np.arange(len(kinds)) + 0.27 * (i - 1), values, 0.25, color=colour, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("identity switches (fewer is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(RESULTS.parent / "pictures/motion_switches.png", dpi=150)


def main() -> None:
    """Print the figures; keep them with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    parser.add_argument("--seeds", type=int, default=2, help="clips of each kind")
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--weights", default="open-xs")
    options = parser.parse_args()
    estimate = mien.load(options.weights, detector="full-image", batch_size=16)
    found = measure(estimate, options.seeds, options.frames)
    machine = f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    identity_table, accuracy_table = tables(found)
    print(identity_table, accuracy_table, sep="\n\n")
    if not options.write:
        return
    record = {
        "command": f"python benchmarks/study_motion.py --write --seeds {options.seeds}",
        "first_seed": FIRST_SEED,
        "weights": estimate.card.name,
        "weights_sha256": estimate.card.sha256,
        "frames": options.frames,
        "machine": machine,
        **found,
    }
    raw, smooth = found["accuracy"]["none"], found["accuracy"]["zero-lag"]
    (RESULTS / "motion.json").write_text(json.dumps(record, indent=2) + "\n")
    (RESULTS / "motion.md").write_text(
        PAGE.format(
            seeds=options.seeds,
            frames=options.frames,
            weights=estimate.card.name,
            identity=identity_table,
            accuracy=accuracy_table,
            truth=raw["jitter_truth"],
            less=100 * (1 - smooth["jitter"] / raw["jitter"]),
            pve=raw["pve"] - smooth["pve"],
            machine=f"Measured on: {machine}.",
        )
    )
    figure(found)


if __name__ == "__main__":
    main()
