"""One clip and its people as one HTML file: the page of a picture (`mien.view.html`) with a timeline.

The people move by their pose parameters: the page holds an animated GLB, whose rotations have 16 bits a number, and the
browser's graphics card skins it. A second of one person at 30 frames a second is about 21 kB of the page, and each
person about 0.4 MB once. Frames of the video are small JPEGs, at most `mien.view.frames.MOST` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mien.body.model import BodyModel
from mien.errors import InputError
from mien.export.glb import motion_bytes
from mien.export.motion import Motion, Stage, within
from mien.export.people import fitting, posed_motion
from mien.files import atomic_write
from mien.palette import person_hex
from mien.video import Footage
from mien.view.frames import LONGEST_SIDE, frame_times, small_frames
from mien.view.html import assembled, common_facts
from mien.view.page import jpeg

__all__ = ["LARGEST", "clip_viewer_html", "write_clip_viewer"]

LARGEST = 64_000_000
"""Bytes of the people in a page; browsers take some seconds to open that."""

_JPEG_QUALITY = 72
_ROW_BYTES = 800
"""Of one person in one frame: 55 rotations of 8 bytes, place, expression, a few joints that it moves; as base64."""
_VERTEX_BYTES = 32
"""Of each vertex of each person: place and normal, as base64."""
_POSED = 24
"""Frames of each person that are looked at to find the floor."""


def write_clip_viewer(
    path: Path | str,
    stage: Stage,
    motions: Sequence[Motion],
    body: BodyModel,
    footage: Footage | None = None,
    *,
    frames: range | None = None,
    title: str = "",
) -> Path:
    """Write the page, whole or not at all: timeline, people, skeletons, camera, frames of the video.

    Args:
        path: where to, e.g. `dance.html`.
        stage: of the clip.
        motions: its people; nobody is fine.
        body: the one that they were made with. Its shape and weights are in the page, as in a GLB.
        footage: the clip's frames; None shows the people alone. What could not be read is in `footage.problems`.
        frames: which of the clip's frames; by default all.
        title: the page's name; by default the name of the page's file.

    Raises:
        InputError: the page would be too large, there are no such frames, or the footage is not of this clip.
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    page = clip_viewer_html(stage, motions, body, footage, frames, title or path.stem)
    with atomic_write(path) as stream:
        stream.write(page.encode())
    return path


def clip_viewer_html(
    stage: Stage,
    motions: Sequence[Motion],
    body: BodyModel,
    footage: Footage | None,
    frames: range | None,
    title: str,
) -> str:
    """The page that `write_clip_viewer` writes; see there."""
    frames = range(stage.num_frames) if frames is None else frames
    if not (0 <= frames.start < frames.stop <= stage.num_frames):
        found = f"frames {frames.start} to {frames.stop}"
        raise InputError(found, expected=f"a part of 0 to {stage.num_frames}, the frames of this clip")
    motions = within(motions, frames)
    _check_size(motions, body, frames)
    if footage is not None:
        footage.check_size(stage.image_size)
    times = frame_times(stage, motions, frames)
    shots = [] if footage is None else list(small_frames(footage, times, frames))
    pictures = [jpeg(pixels, LONGEST_SIDE, _JPEG_QUALITY) for _, pixels in shots]
    seen_from_camera = replace(stage, world_from_camera=None)
    facts = common_facts(stage.K, stage.image_size, stage.origin, title)
    facts["people"] = [_person(motion) for motion in motions]
    facts |= _place(motions, body)
    facts["clip"] |= {
        "first": frames.start,
        "times": [round(second, 5) for second in times.tolist()],
        "start": min((float(motion.timestamps[0]) for motion in motions), default=0.0),
        "fps": stage.fps,
        "pictures": [number for number, _ in shots],
    }
    return assembled(facts, motion_bytes(seen_from_camera, motions, body, 4, True, small=True), pictures)


def _check_size(motions: Sequence[Motion], body: BodyModel, frames: range) -> None:
    rows = sum(len(motion) for motion in motions)
    size = rows * _ROW_BYTES + len(motions) * body.num_vertices * _VERTEX_BYTES
    if size > LARGEST:
        found = f"a page of {size / 1e6:.0f} MB: {len(motions)} people in {len(frames)} frames"
        shorter = frames.start + max(1, int(len(frames) * LARGEST / size))
        part = f"mien export --to html --frames {frames.start}:{shorter}"
        todo = f"take a part of the frames ({part}) or of the people (--track), or export another format"
        raise InputError(found, expected=f"at most {LARGEST / 1e6:.0f} MB", todo=todo)


def _person(motion: Motion) -> dict[str, Any]:
    seen = motion.score > 0
    score = float(motion.score[seen].mean()) if bool(seen.any()) else 0.0
    return {
        "node": f"{motion.name}_body",
        "label": f"Track {motion.track}",
        "score": round(score, 4),
        "extent": f"{float(motion.timestamps[0]):.1f}\u2013{float(motion.timestamps[-1]):.1f} s",
        "colour": person_hex(motion.track),
        "runs": _runs(motion),
    }


def _runs(motion: Motion) -> list[tuple[int, int, bool]]:
    """First and last frame of each stretch without holes, and whether the person was seen in it."""
    frame, seen = motion.frame_index, motion.score > 0
    breaks = ((frame.diff() != 1) | (seen[1:] != seen[:-1])).nonzero().flatten() + 1
    starts, ends = [0, *breaks.tolist()], [*breaks.tolist(), len(motion)]
    return [(int(frame[a]), int(frame[b - 1]), bool(seen[a])) for a, b in zip(starts, ends, strict=True)]


def _place(motions: Sequence[Motion], body: BodyModel) -> dict[str, Any]:
    """The height of the ground, the middle of everyone's ways, and how far away the farthest is; metres, y up."""
    if not motions:
        return {"floor": None, "clip": {"far": 3.0, "middle": None}}
    fitting(motions[0].stage.origin, body)
    ways = torch.cat([motion.params.transl for motion in motions])
    lowest = []
    for motion in motions:
        few = torch.linspace(0, len(motion) - 1, min(len(motion), _POSED)).round().long()
        with torch.no_grad():
            lowest.append(float(posed_motion(motion[few], body).mesh()[..., 1].max()))
    low, high = ways.amin(0), ways.amax(0)
    x, _, z = ((low + high) / 2).tolist()
    return {"floor": -max(lowest), "clip": {"far": float(high[2]) + 0.5, "middle": [x, 0.0, -z]}}
