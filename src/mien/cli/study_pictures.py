"""`mien study attributes|hands|attention`: what data hold, and where networks look."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from mien.cli.told import bar_columns

__all__ = ["attention", "attributes", "hands"]


def attributes(
    data: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DATASET...")],
    /,
    out: Path,
    features: str = "open-xs",
    people: int = 500,
    split: Literal["test", "train", "all"] = "train",
    hands: Literal["flat", "relative"] = "flat",
    mix: tuple[str, ...] = (),
    umap: Literal["auto", "yes", "no"] = "auto",
    device: str = "cpu",
    batch_size: int = 32,
    seed: int = 0,
    dry_run: bool = False,
) -> int:
    """How datasets look, which way their people face and how they stand; who covers whom, and what adds most to a mix.

    Writes OUT/study.json (all numbers, with intervals), figures and OUT/study.html. Features of each dataset are kept
    in OUT/features: a run that was stopped goes on, one with more datasets computes only theirs.

    Args:
        data: folders in HumanData form, as `mien synth` writes them, or single annotation files.
        out: folder for the results.
        features: weights of mien, whose encoder is taken, or hf:FOLDER_OR_HUB_ID (DINOv2, ViT, CLIP, ConvNeXt ...).
        people: of each dataset, at most; one of each picture.
        split: train.npz, test.npz, or all .npz files of each folder.
        hands: how files keep hand poses that do not say it themselves.
        mix: names of datasets that are there already: what adds most to them?
        umap: besides principal components; auto: if the package is there.
        device: where the features are computed.
        batch_size: people at once.
        seed: of who is taken, halves and intervals.
        dry_run: say what would be computed and how long it would take, and compute nothing.
    """
    from mien.study.attributes import Job, estimate, make_plan, run
    from mien.study.picture_sets import Choice

    choice = Choice(split=split, people=people, seed=seed, hands=hands)
    job = Job(
        data=data, out=out, choice=choice, features=features, mix=mix, umap=umap, device=device, batch=batch_size
    )  # fmt: skip
    plan = make_plan(job)
    if dry_run:
        _print_cost({each.name: len(each) for each in plan.sets}, estimate(plan), str(plan.backbone.about["name"]))
        return 0
    with _progress("features", sum(map(len, plan.sets))) as advance:
        found = run(plan, advance)
    for name, numbers in found["spaces"].items():
        if numbers.get("ladder"):
            _print_ladder(name, numbers)
    _print_end(out, found)
    return 0


def hands(
    data: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DATASET...")],
    /,
    out: Path,
    people: int = 20_000,
    split: Literal["test", "train", "all"] = "train",
    hands: Literal["flat", "relative"] = "flat",
    body: str = "",
    seed: int = 0,
    dry_run: bool = False,
) -> int:
    """How far the hands of datasets are from relaxed: distributions, medians, rendered hands along the axis.

    The distance is the root mean square, over the 15 joints of a hand, of the angle to the body's mean hand. Writes
    OUT/study.json, OUT/hands.png and OUT/study.html.

    Args:
        data: folders in HumanData form, as `mien synth` writes them, or single annotation files.
        out: folder for the results.
        people: of each dataset, at most; one of each picture.
        split: train.npz, test.npz, or all .npz files of each folder.
        hands: how files keep hand poses that do not say it themselves: absolute, or relative to the mean hand.
        body: of the labels, a file or the folder of one; by default it is looked for.
        seed: of who is taken, and of intervals.
        dry_run: say what would be computed, and compute nothing.
    """
    from mien.study.hands import SIDES, Job, make_plan, run
    from mien.study.picture_sets import Choice

    choice = Choice(split=split, people=people, seed=seed, hands=hands)
    plan = make_plan(Job(data=data, out=out, choice=choice, body=body))
    if dry_run:
        share = plan.seconds / sum(map(len, plan.sets))
        _print_cost({each.name: len(each) for each in plan.sets}, {e.name: share * len(e) for e in plan.sets}, "labels")
        return 0
    found = run(plan)
    print(f"{'degrees':<20}{'left: median':>14}{'95 % below':>12}{'right: median':>16}{'95 % below':>12}")
    for name, each in found["hands"].items():
        cells = [
            f"{each[side]['median']['mean']:>14.1f}{each[side]['quantiles']['0.95']:>12.1f}"
            if each[side]["hands"]
            else f"{'no hands':>14}{'':>12}"
            for side in SIDES
        ]
        print(f"{name:<20}{cells[0]}  {cells[1]}")
    _print_end(out, found)
    return 0


def attention(
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")],
    /,
    out: Path,
    weights: str = "open-xs",
    people: int = 40,
    split: Literal["test", "train", "all"] = "test",
    layer: str = "",
    detector: str = "auto",
    person: str = "largest",
    body: str = "",
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu",
    batch_size: int = 8,
    shown: int = 6,
    seed: int = 0,
    dry_run: bool = False,
) -> int:
    """Where each task token of a network looks: maps over crops and pictures, and how often it is at its own joint.

    Writes OUT/study.json, OUT/attention.jpg, OUT/lifts.png and OUT/study.html. What was looked at is kept in OUT/looks:
    a run that was stopped goes on.

    Args:
        inputs: pictures, folders of them, or datasets in HumanData form, whose boxes and joints are true.
        out: folder for the results.
        weights: a .safetensors file, a folder, a hub id, or random-xs; of any architecture with task tokens.
        people: of each dataset, at most; one of each picture.
        split: of datasets: test.npz, train.npz, or all .npz files of each folder.
        layer: of attention, by name (--dry-run lists them); by default the last where task tokens look at patches.
        detector: of pictures without labels: auto, full-image, boxes:FILE.json, hf:PATH_OR_HUB_ID or onnx:FILE.
        person: of pictures without labels: all, largest, top:N, id:N or at:X,Y.
        body: a body file or the folder of one; by default the body family of the weights is looked for.
        device: where the network runs.
        batch_size: people at once.
        shown: people in the figure.
        seed: of who is taken, who is compared with whom, and of intervals.
        dry_run: say what would be computed and how long it would take, and compute nothing.
    """
    from mien.study.attention import Job, estimate, make_plan, run
    from mien.study.picture_sets import Choice

    job = Job(
        inputs=inputs,
        out=out,
        weights=weights,
        choice=Choice(split=split, people=people, seed=seed),
        layer=layer,
        detector=detector,
        person=person,
        body=body,
        device=device,
        batch=batch_size,
        shown=shown,
    )  # fmt: skip
    plan = make_plan(job)
    if dry_run:
        print("\n".join(f"{'*' if name == plan.layer else ' '} {name}" for name in plan.layers))
        _print_cost({each.name: len(each) for each in plan.sources}, estimate(plan), plan.estimator.card.name)
        return 0
    with _progress("looking", sum(map(len, plan.sources))) as advance:
        found = run(plan, advance)
    print("attention around the token's joint, times chance: own map, another person's map")
    for part, each in found["parts"].items():
        if each["own"] is not None:
            other = "" if each["other"] is None else f"{each['other']['mean']:8.2f}"
            print(f"  {part:<16}{each['own']['mean']:8.2f}{other}   ({each['people']:,} people)")
    _print_end(out, found)
    return 0


def _print_ladder(name: str, numbers: Mapping[str, Any]) -> None:
    """In which order datasets add most."""
    print(f"{name}: what adds most, and the share of all datasets' people that is reached then")
    for step in numbers["ladder"]:
        covered, lead = step["covered"], "" if step["clear"] else f"  (as well: {step['runner_up']})"
        interval = f"{100 * covered['low']:.1f} to {100 * covered['high']:.1f}"
        print(f"  + {step['added']:<20}{100 * covered['mean']:5.1f} %  ({interval}){lead}")


def _print_cost(people: Mapping[str, int], seconds: Mapping[str, float], what: str) -> None:
    """What would be computed, and how long it would take here."""
    for name, count in people.items():
        cost = "kept" if not seconds[name] else f"about {seconds[name]:,.0f} s"
        print(f"{name:<22}{count:>7,} people   {cost}")
    total = sum(seconds.values())
    print(f"{'all, by ' + what:<22}{sum(people.values()):>7,} people   about {total:,.0f} s ({total / 3600:.2f} hours)")


def _print_end(out: Path, found: Mapping[str, Any]) -> None:
    for remark in found["remarks"]:
        print(f"mien: note: {remark}", file=sys.stderr)
    for name in ("study.json", "study.html"):
        print(out / name)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Any]:
    """A bar on the terminal; call what is given with how many are done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(*bar_columns(), console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda done: progress.advance(bar, done)
