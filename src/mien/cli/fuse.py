"""`mien fuse hands`: the hands of networks that see nothing else, in the tracks of a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from mien.cli.told import not_over_source, say
from mien.errors import InputError

if TYPE_CHECKING:
    from mien.clip import Clip, Track

__all__ = ["hands"]


def hands(
    clip: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP.npz")],
    expert: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="HANDS.npz")],
    /,
    out: Path,
    body: str = "",
    min_score: float = 0.3,
) -> int:
    """A clip's result with the hands of an expert (HaMeR, WiLoR and others) where they are to be believed.

    Says of each hand in how many frames the expert was believed. Exit code 0: written; 2: nothing was.

    Args:
        clip: a result of `mien predict` of a video.
        expert: what the expert says, one row a hand; its keys are in docs/video.md.
        out: the file to write, or a folder for one of the clip's name.
        body: a body file or the folder of one; by default the family that the clip was made with is looked for.
        min_score: rows of the expert that are less sure are not believed.
    """
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.clip import Clip, read
    from mien.track.hand_experts import FuseConfig, fuse_hands, read_hands

    target = not_over_source(out / clip.name if out.suffix != ".npz" or out.is_dir() else out, clip, expert)
    found = read(clip)
    if not isinstance(found, Clip):
        expected = "that of a video: an expert is judged by how its hands move"
        raise InputError(f"{clip} is the result of a picture", expected=expected)
    model = BodyModel.load(find_body(body or None, family=found.origin.body_family))
    said = read_hands(expert, model)
    fused = fuse_hands(found, said, model, FuseConfig(min_score=min_score))
    fused.save(target)
    _report(found, fused, target)
    return 0


def _report(before: Clip, after: Clip, target: Path) -> None:
    taken = 0
    for old, new in zip(before, after, strict=True):
        counts = [_changed(old, new, side) for side in ("left", "right")]
        taken += sum(counts)
        left, right = counts
        say(f"track {old.id}: the expert's left hand in {left} and right hand in {right} of {len(old)} frames")
    say(f"{target}" if taken else f"{target}: the expert was believed nowhere, all hands are as they were")


def _changed(old: Track, new: Track, side: str) -> int:
    """Frames in which a hand is another one."""
    poses = (getattr(track.params, f"{side}_hand_pose") for track in (old, new))
    first, second = poses
    return int((first != second).flatten(1).any(1).sum())
