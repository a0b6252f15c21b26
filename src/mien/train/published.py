"""What is known of the published trainings, whatever the network (SPEC 3.5, 4.6, 7)."""

from __future__ import annotations

from typing import Literal

from mien.data.catalogue import catalogue

__all__ = ["LENGTHS", "SPECIALISTS", "intervals"]

LENGTHS = {
    "5": 750_000, "10": 1_500_000, "20": 3_000_000, "32": 4_500_000, "40": 7_500_000, "40plus": 10_000_000,
}  # fmt: skip
"""Samples of an epoch of each published mixture."""

SPECIALISTS: dict[str, tuple[str, ...]] = {
    "agora": ("agora", "gta-human2", "bedlam", "synbody", "spec"),
    "ubody": ("ubody", "coco", "egobody-egocentric", "posetrack", "talkshow"),
    "egobody": ("coco", "egobody-egocentric", "egobody-kinect", "bedlam", "prox"),
    "arctic": ("coco", "arctic", "bedlam", "egobody-egocentric", "posetrack"),
    "3dpw": ("3dpw", "gta-human2", "egobody-kinect", "instavariety", "humansc3d"),
    "renbody": ("renbody-hires", "renbody", "bedlam", "synbody", "chi3d"),
}
"""Datasets of the published specialists: the best ones for each benchmark."""


def intervals(names: tuple[str, ...], training: Literal["smplerx", "smplestx"]) -> dict[str, int]:
    """Of which of these datasets a published training used every so many rows only."""
    known = catalogue()
    return {name: known[name].interval[training] for name in names if training in known[name].interval}
