"""`mien submit`: predictions in the form that the servers of benchmarks take, and what is wrong with such a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from mien.body.model import BodyModel
    from mien.evaluate.predicting import Predictor
    from mien.evaluate.truths import Truths

__all__ = ["agora", "bedlam", "check", "hbw"]

Device = Literal["auto", "cpu", "cuda", "mps"]
Weights = Annotated[str, tyro.conf.Positional]


def agora(weights: Weights, /, on: Path, out: Path, images: str = "", body: str = "", device: Device = "auto") -> int:
    """A zip of one pickle a person, as AGORA's server takes it.

    Args:
        weights: weights, or a folder of predictions, as for mien evaluate.
        on: AGORA_test_bbox.json, or another file with people in pictures.
        out: the zip to write.
        images: where the pictures are; beside that file by default.
        body: an SMPL-X body file or the folder of one.
        device: where the network runs.
    """
    return _zip("agora", weights, on, out, images, body, device)


def bedlam(weights: Weights, /, on: Path, out: Path, images: str = "", body: str = "", device: Device = "auto") -> int:
    """The same for BEDLAM, with joints in pixels of 1280 x 720. Its own form is not established: check with its page.

    Args:
        weights: weights, or a folder of predictions, as for mien evaluate.
        on: a json of boxes by picture, or another file with people in pictures.
        out: the zip to write.
        images: where the pictures are; beside that file by default.
        body: an SMPL-X body file or the folder of one.
        device: where the network runs.
    """
    return _zip("bedlam", weights, on, out, images, body, device)


def hbw(weights: Weights, /, on: Path, out: Path, images: str = "", body: str = "", device: Device = "auto") -> int:
    """An .npz of every person's body at rest, as SHAPY/HBW takes it.

    Args:
        weights: weights, or a folder of predictions, as for mien evaluate.
        on: hbw_test_boxes.json: boxes by picture, of any detector.
        out: the .npz to write.
        images: where the pictures are; beside that file by default.
        body: an SMPL-X body file or the folder of one.
        device: where the network runs.
    """
    from mien.evaluate.submissions import write_hbw

    predictor, people, model = _asked(weights, on, images, body, device)
    count = write_hbw(out, predictor, people, model)
    return _told(out, count, people)


def check(file: Annotated[Path, tyro.conf.Positional], /) -> int:
    """What is wrong with a submission, a line each; the last line says whether it can be sent.

    Args:
        file: the zip or .npz.
    """
    from mien.evaluate.submissions import check as problems

    found = problems(file)
    for line in found[:20]:
        print(line)
    print(f"{file}: {'can be sent' if not found else f'{len(found)} problems'}")
    return 1 if found else 0


def _zip(
    benchmark: Literal["agora", "bedlam"], weights: str, on: Path, out: Path, images: str, body: str, device: Device
) -> int:
    from mien.evaluate.submissions import write_people

    predictor, people, model = _asked(weights, on, images, body, device)
    return _told(out, write_people(out, benchmark, predictor, people, model), people)


def _asked(weights: str, on: Path, images: str, body: str, device: Device) -> tuple[Predictor, Truths, BodyModel]:
    """Who is asked, about whom, and the body."""
    from mien.evaluate.job import Job, subject_of
    from mien.evaluate.reading import read_people

    subject = subject_of(Job(weights=weights, on=(str(on),), out=Path(), body=body or None, device=device))
    people = read_people(on, subject.body, images or None)
    predictor, _ = subject.bind([people])
    return predictor(0, slice(0, len(people))), people, subject.body


def _told(out: Path, count: int, people: Truths) -> int:
    """What was written, who is not in it, and what a server would not take; the exit code."""
    from mien.evaluate.submissions import check as problems

    print(f"{out}: {count:,} of {people.entries:,} people")
    for rule, number in people.left_out.items():
        print(f"note: {number:,} people are left out by the rule {rule}: a server counts them as missed")
    found = problems(out)
    for line in found[:5]:
        print(f"note: {line}")
    if len(found) > 5:
        print(f"note: and {len(found) - 5:,} more: mien submit check {out}")
    return 1 if found or people.left_out else 0
