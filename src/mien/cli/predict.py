"""`mien predict`: people out of pictures and videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from mien.cli.predict_cluster import ClusterOptions
from mien.cli.predict_video import VideoOptions
from mien.cli.told import bar_columns, check_out, say
from mien.errors import InputError, closest
from mien.files import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mien.estimator import Estimator, Outcome
    from mien.people import Style, View
    from mien.picture_files import PictureFile

__all__ = ["Keeper", "Look", "drawn_since", "predict"]

SUFFIXES = {
    "npz": ".npz",
    "overlay": "_overlay.png",
    "strip": "_strip.jpg",
    "boxes": "_boxes.png",
    "glb": ".glb",
    "obj": ".obj",
    "viewer": ".html",
}
"""What `--save` can write, and what is added to the picture's name for it."""


def predict(
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")],
    /,
    out: str,
    weights: str = "",
    body: str = "",
    detector: str = "auto",
    person: str = "all",
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 8,
    focal: float | None = None,
    fov: float | None = None,
    orientation: Literal["network", "corrected"] = "network",
    save: str = "npz",
    video: VideoOptions = VideoOptions(),  # noqa: B008
    many: ClusterOptions = ClusterOptions(),  # noqa: B008
    style: Literal["mesh", "skeleton", "both", "boxes"] = "mesh",
    views: str = "overlay",
    opacity: float = 0.85,
    resume: bool = False,
    dry_run: bool = False,
) -> int:
    """People out of pictures and videos: per input OUT/STEM.npz with SMPL-X parameters, joints, camera of every person.

    Exit code 0: all pictures done; 1: some were skipped (each is named); 2: nothing could be done.

    Args:
        inputs: pictures, videos, folders (searched through and mirrored), globs, webcam:0; on a cluster s3:// too.
        out: folder for the results; on a cluster also s3://bucket/results and the like.
        weights: a .safetensors file, a folder, a hub id, or random-xs (random weights, to try things out).
        body: a body file or the folder of one; by default the body family of the weights is looked for.
        detector: auto, full-image, boxes:FILE.json, hf:PATH_OR_HUB_ID (D-FINE, RT-DETRv2), onnx:FILE (YOLOX, RF-DETR),
            or ultralytics:FILE_OR_NAME (your own install of it, AGPL-3.0).
        person: all, largest, top:N, id:N or at:X,Y; in a video, of the tracks.
        device: where the network runs.
        precision: bf16 pays where the hardware is fast at it; `mien doctor` measures that.
        batch_size: most crops in one pass of the network.
        focal: focal length of the camera in pixels; by default what EXIF says, else the picture's diagonal.
        fov: the same as degrees from the left to the right edge of the picture.
        orientation: corrected turns people by the angle under which the picture's camera sees them.
        save: what to write, separated by commas: npz, overlay, strip, boxes, glb, obj, viewer; of videos npz,
            overlay, viewer.
        video: what holds for videos only.
        many: what holds on many machines only.
        style: of overlays.
        views: what overlays show side by side, separated by commas: picture, overlay, side, top.
        opacity: of overlays, 0 to 1.
        resume: keep results that are there already, made with the same weights.
        dry_run: say what would be done, and do nothing.
    """
    from mien.cli.predict_cluster import predict_on_cluster
    from mien.cli.predict_video import film_config, predict_videos, split_inputs

    kinds, shown = _kinds(save), _views(views)
    _check(inputs, out, weights, opacity, many.cluster)
    look = Look(style, opacity, shown)
    loading = {
        "weights": weights, "body": body or None, "detector": detector, "person": person, "device": device,
        "precision": precision, "batch_size": batch_size, "focal": focal, "fov": fov, "orientation": orientation,
    }  # fmt: skip
    if many.cluster:
        return predict_on_cluster(inputs, out, loading, kinds, video, look, many, resume, dry_run)
    folder = Path(out)
    pictures, clips = split_inputs(inputs, video, folder)
    clip_kinds = [*kinds, "overlay"] if video.overlay else kinds
    film = film_config(clip_kinds, video) if clips else None
    if dry_run:
        _tell_plan(pictures, clips, folder, kinds[0])
        return 0
    estimate, tally = _loaded(loading), _Tally()
    codes = []
    with exclusive(folder):
        if pictures:
            _run(estimate, [_Task.of(picture, folder, kinds) for picture in pictures], look, resume, tally)
            codes.append(tally.report(folder))
        if film is not None:
            alone = len(clips) == 1 and not pictures
            codes.append(predict_videos(estimate, clips, folder, clip_kinds, film, look, resume, alone))
    return codes[0] if len(set(codes)) == 1 else 1


def _loaded(loading: Mapping[str, Any]) -> Estimator:
    """The network, and what is to be said of it."""
    from mien.estimator import load

    estimate = load(**loading)
    if estimate.card.warning:
        say(f"WARNING: {estimate.card.warning}")
    return estimate


@dataclass
class _Tally:
    """What happened so far."""

    written: int = 0
    people: int = 0
    kept: int = 0
    skipped: int = 0
    rejected: int = 0

    def report(self, out: Path) -> int:
        """Print the sum and give the exit code."""
        parts = [f"{self.written} pictures with {self.people} people -> {out}"]
        parts += [f"{self.kept} kept from before"] if self.kept else []
        parts += [f"{self.skipped} pictures skipped"] if self.skipped else []
        parts += [f"{self.rejected} boxes skipped"] if self.rejected else []
        say("; ".join(parts))
        if not (self.skipped or self.rejected):
            return 0
        return 1 if self.written or self.kept else 2


@dataclass(frozen=True)
class Look:
    """How overlays are drawn."""

    style: Style
    opacity: float
    views: tuple[View, ...]


@dataclass(frozen=True)
class _Task:
    """A picture, and what is to be written for it."""

    name: str
    path: Path
    targets: dict[str, Path]
    """By kind, see `SUFFIXES`."""

    @classmethod
    def of(cls, picture: PictureFile, out: Path, kinds: list[str]) -> _Task:
        """What is written for a picture."""
        return cls(picture.name, picture.path, {kind: picture.output(out, SUFFIXES[kind]) for kind in kinds})


@dataclass(frozen=True)
class Keeper:
    """Decides what `--resume` keeps: whole results of the same weights and body."""

    weights_sha256: str
    body_sha256: str

    def keeps(self, task: _Task) -> bool:
        """Whether all that is to be written is there, and whole.

        Raises:
            InputError: it was made with other weights or another body; nothing is overwritten.
        """
        if "npz" not in task.targets:
            return all(target.exists() for target in task.targets.values())
        result = task.targets["npz"]
        return self.matches(result) and all(drawn_since(result, target) for target in task.targets.values())

    def matches(self, target: Path) -> bool:
        """Whether a whole result is there; see `keeps`."""
        from mien.clip import read

        if not target.exists():
            return False
        try:
            origin = read(target).origin
        except InputError as error:
            say(f"made again: {error}")
            return False
        if (origin.weights_sha256, origin.body_sha256) != (self.weights_sha256, self.body_sha256):
            raise InputError(
                f"{target} was made with the weights {origin.weights_name} and the body {origin.body_name}",
                expected="results of this run's weights and body, to resume",
                todo="choose another --out, or leave --resume away to overwrite",
            )
        return True


def drawn_since(result: Path, drawing: Path) -> bool:
    """Whether a drawing is there that is no older than the result: an older one may be of what was there before."""
    return drawing.exists() and drawing.stat().st_mtime_ns >= result.stat().st_mtime_ns


def _run(estimate: Estimator, tasks: list[_Task], look: Look, resume: bool, tally: _Tally) -> None:
    """Predict and write, picture by picture, so that what is finished stays whatever happens."""
    from rich.console import Console
    from rich.progress import Progress

    kept: set[Path] = set()
    if resume:
        origin = estimate.origin()
        keeper = Keeper(origin.weights_sha256, origin.body_sha256)
        kept = {task.path for task in tasks if keeper.keeps(task)}
        tally.kept = len(kept)
    todo = _stretches(tasks, kept)
    console = Console(stderr=True)

    def over_bar(text: str) -> None:
        console.out(f"mien: {text}", highlight=False)

    with Progress(*bar_columns(), console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("predict", total=len(tasks), completed=tally.kept)
        outcomes = estimate.stream((task.name, task.path) for task in todo)
        for task, outcome in zip(todo, outcomes, strict=True):
            if task.path not in kept:
                _keep(outcome, task, look, tally, over_bar)
                progress.advance(bar)


def _stretches(tasks: list[_Task], kept: set[Path]) -> list[_Task]:
    """The pictures that are not kept, and those whose batches they share: without them, last digits would differ."""
    from mien.estimator import STRETCH

    stretches = [tasks[start : start + STRETCH] for start in range(0, len(tasks), STRETCH)]
    return [task for stretch in stretches if any(each.path not in kept for each in stretch) for task in stretch]


def _keep(outcome: Outcome, task: _Task, look: Look, tally: _Tally, tell: Callable[[str], None]) -> None:
    """Write one picture's people, or tell why there are none."""
    for reason in outcome.rejected:
        tell(reason)
    tally.rejected += len(outcome.rejected)
    if outcome.people is None:
        tell(f"skipped {outcome.problem}")
        tally.skipped += 1
        return
    outcome.people.write_all(task.targets, style=look.style, opacity=look.opacity, views=look.views)
    tally.written += 1
    tally.people += len(outcome.people)


def _kinds(save: str) -> list[str]:
    """What to write. The result comes first, so that no drawing of another one is newer than it."""
    kinds = sorted(dict.fromkeys(save.split(",")), key=lambda kind: kind != "npz")
    for kind in kinds:
        if kind not in SUFFIXES:
            raise InputError(f"cannot --save {kind!r}", todo=closest(kind, SUFFIXES))
    return kinds


def _views(text: str) -> tuple[View, ...]:
    from mien.people import VIEWS

    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in VIEWS:
            raise InputError(f"no view {name!r}", expected=", ".join(VIEWS), todo=closest(name, VIEWS))
    return tuple(view for view in VIEWS if view in names)


def _check(inputs: Sequence[str], out: str, weights: str, opacity: float, cluster: str) -> None:
    if not 0 <= opacity <= 1:
        raise InputError(f"an --opacity of {opacity:g}", expected="a number from 0 to 1")
    if not weights:
        raise InputError(
            "no --weights",
            expected="a .safetensors file, a folder or a hub id (see `mien weights convert`)",
            todo="or --weights open-xs, the open ones that ship with the package",
        )
    away = next((each for each in (*inputs, out) if "://" in each), None)
    if away is not None and not cluster:
        raise InputError(f"{away} is no folder of this machine", todo="add --cluster local, or another cluster")
    check_out(Path(out))


def _tell_plan(pictures: list[PictureFile], clips: list[PictureFile], out: Path, kind: str) -> None:
    counts = {"pictures": len(pictures), "clips": len(clips)}
    what = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    first = pictures[0].output(out, SUFFIXES[kind]) if pictures else clips[0].output(out)
    print(f"{what} would be read; the first result would be {first}")
