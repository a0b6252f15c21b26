"""`mien predict --cluster`: the same on the machines of a Ray cluster, with a manifest of what was done."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli.told import say
from mien.errors import InputError
from mien.files import exclusive

if TYPE_CHECKING:
    from mien.cli.predict import Look
    from mien.cli.predict_video import VideoOptions
    from mien.cluster import Entry, Item, Job, Place

__all__ = ["ClusterOptions", "predict_on_cluster"]

_QUIET = 30.0
"""Seconds between two lines about progress."""


@dataclass(frozen=True)
class ClusterOptions:
    """What holds on many machines only."""

    cluster: str = ""
    """Work on a Ray cluster: its address, auto, or local for one of this machine alone. Inputs and --out may then be
    s3:// and the like."""
    actors: int = 2
    """Workers, each with a network of its own."""
    cpus: float = 1
    """Cores of each."""
    gpus: float = 0
    """GPUs of each."""
    retries: int = 2
    """Further tries of an input where its worker died, or something else than the input was wrong."""


def predict_on_cluster(
    inputs: Sequence[str],
    out: str,
    loading: Mapping[str, Any],
    kinds: Sequence[str],
    video: VideoOptions,
    look: Look,
    options: ClusterOptions,
    resume: bool,
    dry_run: bool,
) -> int:
    """One result for each input, and `manifest.jsonl`. Returns the exit code.

    Raises:
        InputError: an option makes no sense, or inputs or outputs cannot be reached; nothing was done.
        OutputError: another process writes to the same folder.
        MienError: the cluster cannot go on; what is finished stays.
    """
    from mien.cluster import Manifest, Place, Request, left_to_do, run_items

    if options.retries < 0:
        raise InputError(f"--retries {options.retries}", expected="0 or more")
    request = Request(address=options.cluster, actors=options.actors, cpus=options.cpus, gpus=options.gpus)
    place = Place(out)
    items = _items(inputs, video, place.local)
    suffixes = _suffixes(items, kinds, video)
    if dry_run:
        first = items[0].stem + next(iter(suffixes[items[0].kind].values()))
        print(f"{len(items)} inputs would be read on {options.cluster}; the first result would be {place.show(first)}")
        return 0
    job, settings = _job(loading, out if place.local is None else str(place.local), suffixes, video, look, options)
    with nullcontext() if place.local is None else exclusive(place.local):
        manifest = Manifest.open(place, settings, resume=resume)
        left = left_to_do(items, manifest, suffixes)
        if not resume:
            _clear(left, place)
        tally = _Tally(total=len(items), kept=len(items) - len(left))
        if left:
            run_items(left, job, request, manifest, tally.add)
        return tally.report(place)


def _items(inputs: Sequence[str], video: VideoOptions, out: Path | None) -> list[Item]:
    """All inputs; of folders as plain `mien predict` finds and names them; `out` is the folder of the results."""
    from mien.cli.predict_video import split_inputs
    from mien.cluster import items_of, remote_items
    from mien.cluster.places import is_remote
    from mien.picture_files import fold

    cameras = [item for item in inputs if item.startswith("webcam:")]
    if cameras:
        raise InputError(f"{cameras[0]} on a cluster", expected="files and folders", todo="leave --cluster away")
    away = [item for item in inputs if is_remote(item)]
    here = [item for item in inputs if not is_remote(item)]
    if away and video.clip:
        todo = "copy them to a folder that all machines see, or make videos of them"
        raise InputError(f"--clip, and frames in {away[0]}", expected="frames in folders", todo=todo)
    found = remote_items(away) if away else []
    found += items_of(*split_inputs(here, video, out)) if here or not away else []
    times = Counter(fold(item.stem) for item in found)
    twice = [item.stem for item in found if times[fold(item.stem)] > 1]
    if twice:
        what = f"two inputs would both be written to {twice[0]}.npz"
        raise InputError(what, expected="one name for each input", todo="give them to separate runs")
    return found


def _suffixes(items: Sequence[Item], kinds: Sequence[str], video: VideoOptions) -> dict[str, dict[str, str]]:
    """What is written of pictures and of clips.

    Raises:
        InputError: a kind of file or an option makes no sense for clips, and there are some.
    """
    from mien.cli.predict import SUFFIXES as PICTURES
    from mien.cli.predict_video import SUFFIXES as CLIPS
    from mien.cli.predict_video import film_config

    clips = [*kinds, "overlay"] if video.overlay else list(kinds)
    if any(item.kind == "clip" for item in items):
        film_config(clips, video)
    clips = list(dict.fromkeys(["npz", *clips]))
    return {"picture": {kind: PICTURES[kind] for kind in kinds}, "clip": {kind: CLIPS.get(kind, "") for kind in clips}}


def _job(
    loading: Mapping[str, Any],
    out: str,
    suffixes: Mapping[str, Mapping[str, str]],
    video: VideoOptions,
    look: Look,
    options: ClusterOptions,
) -> tuple[Job, dict[str, object]]:
    """What workers do, and what of it decides the results. Everything is loaded once here, so that what is wrong with
    weights, body or detector is known before a machine is asked for."""
    from mien.cluster import Job
    from mien.estimator import load

    film = video.config()
    estimate = load(**{**loading, "device": "cpu"})
    if estimate.card.warning:
        say(f"WARNING: {estimate.card.warning}")
    origin = estimate.origin()
    known = {"weights_sha256": origin.weights_sha256, "body_sha256": origin.body_sha256}
    job = Job(
        load=loading, **known, out=out, suffixes=suffixes, film=film, style=look.style, opacity=look.opacity,
        views=look.views, retries=options.retries,
    )  # fmt: skip
    decides = {key: loading[key] for key in loading if key not in ("weights", "body", "device")}
    return job, {**known, **decides, "film": repr(film)}


def _clear(items: Sequence[Item], place: Place) -> None:
    """What was begun before is thrown away, as by plain `mien predict` without --resume."""
    from mien.errors import OutputError

    for item in items if place.local is not None else ():
        folder = Path(str(place.local), f"{item.stem}.parts")
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise OutputError(f"cannot clear {folder}", todo="choose another --out")


@dataclass
class _Tally:
    """What happened so far, told as it happens."""

    total: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    flawed: int = 0
    people: int = 0
    frames: int = 0
    told: float = 0.0

    def add(self, entry: Entry) -> None:
        """One more is done, or failed."""
        self.done, self.failed = self.done + (not entry.error), self.failed + bool(entry.error)
        self.people, self.frames = self.people + entry.people, self.frames + entry.frames
        self.flawed += bool(entry.problems)
        if entry.error:
            say(f"skipped {entry.name}: {entry.error}")
        for problem in entry.problems:
            say(problem)
        if time.monotonic() - self.told > _QUIET:
            self.told = time.monotonic()
            say(f"{self.kept + self.done + self.failed} of {self.total} inputs")

    def report(self, place: Place) -> int:
        """Print the sum and give the exit code."""
        parts = [f"{self.done} inputs with {self.frames} frames and {self.people} people -> {place.address}"]
        parts += [f"{self.kept} kept from before"] if self.kept else []
        parts += [f"{self.failed} skipped, named in {place.show('manifest.jsonl')}"] if self.failed else []
        say("; ".join(parts))
        if not (self.failed or self.flawed):
            return 0
        return 1 if self.done or self.kept else 2
