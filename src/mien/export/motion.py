"""One person over time: what every exporter is given. A person of a picture is a motion of one frame.

    motions = motions_of(scene)                   # a picture's people, one frame each
    motions = read_motions("dance.npz")           # a result file: of a picture, or of a clip with its tracks
    motion = Motion.of(track, name=..., ...)      # a `Person` whose leading axis is time, such as a track

All numbers stay in the frame of the camera (OpenCV: y down, z forward); `Up` says how to stand them upright.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mien.clip import Clip, read
from mien.errors import InputError
from mien.geometry.rotation import slerp
from mien.limits import MAX_FRAMES
from mien.records import SmplxParams
from mien.scene import Origin, Person, Scene, Shot

__all__ = [
    "Motion",
    "Stage",
    "Up",
    "camera_matrix",
    "motions_in",
    "motions_of",
    "one_motion",
    "read_motions",
    "upright_from_camera",
    "within",
]

Up = Literal["y", "z"]
"""The axis that points up in a file. Without `Stage.world_from_camera` the camera is taken to be level."""

FPS = 30.0
"""Of a picture, which has none, in the formats that ask for one."""
_EVEN = 0.01
"""Frames that lie this close (in frames) to an even grid are on it."""
_Y_UP = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
_Z_UP = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
_Z_FROM_Y = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
"""How a world with y up becomes one with z up."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the people of one picture or clip have in common."""

    K: Float[Tensor, "3 3"]
    """Of the camera, pixels."""
    image_size: tuple[int, int]
    """Height and width, pixels."""
    origin: Origin
    """Where the result comes from; names the body."""
    fps: float = FPS
    """Frames a second."""
    num_frames: int = 1
    """Of the clip, with and without people."""
    chosen: range | None = None
    """The frames of the clip that are meant; None for all of them. See `within`."""
    world_from_camera: Float[Tensor, "4 4"] | None = None
    """Where the camera stands in an upright world with y up, metres; None if nobody knows."""

    @classmethod
    def of(cls, shot: Shot) -> Stage:
        """That of a result: of a clip, or of a picture."""
        clip = isinstance(shot, Clip)
        return cls(
            K=shot.K,
            image_size=shot.image_size,
            origin=shot.origin,
            fps=shot.fps if clip else FPS,
            num_frames=shot.num_frames if clip else 1,
            world_from_camera=shot.world_from_camera,
        )


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One person over time."""

    name: str
    """`track_3`; `person_0` in a picture."""
    track: int
    """The number of the track, or of the person in a picture."""
    stage: Stage
    params: SmplxParams
    """Of every frame, hands absolute, camera frame; the betas are those of the person, the same in every frame."""
    timestamps: Float[Tensor, "frame"]
    """Seconds from the start of the clip, rising; float64."""
    frame_index: Int[Tensor, "frame"]
    """Numbers of the frames in the clip, from 0."""
    score: Float[Tensor, "frame"]
    """Of the detector; 0 where the person was not seen and the frame is interpolated."""
    bbox: Float[Tensor, "frame 4"]
    """x1, y1, x2, y2; pixels."""

    def __len__(self) -> int:
        """How many frames."""
        return len(self.timestamps)

    @classmethod
    def of(
        cls,
        person: Person,
        *,
        name: str,
        track: int,
        stage: Stage,
        timestamps: Float[Tensor, "frame"],
        frame_index: Int[Tensor, "frame"],
    ) -> Motion:
        """One person whose leading axis is time. Betas that differ are averaged over the frames where they were seen.

        Raises:
            InputError: a number is not finite, the camera is none, or time does not rise.
        """
        camera_matrix(stage)
        params = person.params.map(lambda tensor: tensor.detach().cpu().float())
        _check_finite(params, name)
        if not bool(timestamps.isfinite().all()) or bool((timestamps.diff() <= 0).any()):
            raise InputError(f"the timestamps of {name} do not rise", expected="seconds, each later than the last")
        score = person.score.detach().cpu().float().nan_to_num(0.0)
        seen = score > 0 if bool((score > 0).any()) else torch.ones_like(score, dtype=torch.bool)
        first = params.betas[:1]
        own = first if bool((params.betas == first).all()) else params.betas[seen].mean(0, keepdim=True)
        return cls(
            name=name,
            track=track,
            stage=stage,
            params=replace(params, betas=own.expand_as(params.betas)),
            timestamps=timestamps.double(),
            frame_index=frame_index,
            score=score,
            bbox=person.bbox.detach().cpu().float(),
        )

    def at(self, seconds: Float[Tensor, "new"]) -> Motion:
        """The motion at other times: rotations along the shortest way, the rest in straight lines.

        A frame counts as seen where both frames around it were. Times outside take the nearest frame.
        """
        if len(self) == 1:
            return self[torch.zeros(len(seconds), dtype=torch.long)]._timed(seconds)
        after = torch.searchsorted(self.timestamps, seconds.double().contiguous()).clamp(1, len(self) - 1)
        here, there = self[after - 1], self[after]
        share = (seconds.double() - here.timestamps) / (there.timestamps - here.timestamps)
        share = share.clamp(0, 1).float()
        mixed: dict[str, Any] = {}
        for field in fields(self.params):
            mixed[field.name] = _between(getattr(here.params, field.name), getattr(there.params, field.name), share)
        score = torch.where(share == 0, here.score, torch.where(share == 1, there.score, _least(here, there)))
        bbox = torch.lerp(here.bbox, there.bbox, share.unsqueeze(1))
        nearest = torch.where(share < 0.5, here.frame_index, there.frame_index)
        moved = replace(here, params=SmplxParams(**mixed), score=score, bbox=bbox, frame_index=nearest)
        return moved._timed(seconds)

    def __getitem__(self, index: Any) -> Motion:
        """Some of the frames: by a slice or by numbers."""
        names = ("params", "timestamps", "frame_index", "score", "bbox")
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def even(self, fps: float | None = None) -> Motion:
        """The motion with the same time between all frames, as some formats need it; as it is, if it has that already.

        Args:
            fps: frames a second; by default those of the stage.

        Raises:
            InputError: the motion is so long that it would have more than `MAX_FRAMES`.
        """
        rate = fps or self.stage.fps
        place = (self.timestamps - self.timestamps[0]) * rate
        self._check_count(float(place[-1]), rate)
        count = round(float(place[-1])) + 1
        same = replace(self, stage=replace(self.stage, fps=rate))
        if count == len(self) and bool(((place - torch.arange(count)).abs() < _EVEN).all()):
            return same
        return same.at(self.timestamps[0] + torch.arange(count, dtype=torch.float64) / rate)

    def recounted(self, fps: float) -> Motion:
        """The motion at another rate, with the frames of the whole clip counted at that rate.

        Raises:
            InputError: the clip is so long that it would have more than `MAX_FRAMES`.
        """
        first, last = (float(time) * fps for time in (self.timestamps[0], self.timestamps[-1]))
        self._check_count(last, fps)
        frames = torch.arange(math.ceil(first - _EVEN), math.floor(last + _EVEN) + 1)
        if not len(frames):
            frames = torch.tensor([round(first)])
        ratio, chosen = fps / self.stage.fps, self.stage.chosen
        count = max(int(frames[-1]) + 1, round(self.stage.num_frames * ratio))
        chosen = None if chosen is None else range(round(chosen.start * ratio), round(chosen.stop * ratio))
        stage = replace(self.stage, fps=fps, num_frames=count, chosen=chosen)
        return replace(self.at(frames.double() / fps), frame_index=frames, stage=stage)

    def upright(self, up: Up, root: Float[Tensor, "frame 3"]) -> SmplxParams:
        """The parameters in an upright world.

        Args:
            up: the axis that points up there.
            root: rest position of the root joint, metres: what `global_orient` turns about.
        """
        matrix = upright_from_camera(self.stage, up)
        turn, move = matrix[:3, :3].float(), matrix[:3, 3].float()
        pelvis = (self.params.transl + root) @ turn.T + move
        return replace(self.params, global_orient=turn @ self.params.global_orient, transl=pelvis - root)

    def _check_count(self, frames: float, fps: float) -> None:
        if not abs(frames) < MAX_FRAMES:
            found = f"{self.name} lasts until {float(self.timestamps[-1]):g} s, at {fps:g} frames a second"
            todo = "take another --fps or a part (--frames), or predict again"
            raise InputError(found, expected=f"fewer than {MAX_FRAMES} frames", todo=todo)

    def _timed(self, seconds: Float[Tensor, "frame"]) -> Motion:
        return replace(self, timestamps=seconds.double())


def upright_from_camera(stage: Stage, up: Up) -> Float[Tensor, "4 4"]:
    """How the camera's frame (x right, y down, z forward) becomes an upright world; float64."""
    matrix = torch.eye(4, dtype=torch.float64)
    if stage.world_from_camera is None:
        matrix[:3, :3] = torch.tensor(_Y_UP if up == "y" else _Z_UP, dtype=torch.float64)
        return matrix
    matrix[:3, :3] = torch.tensor(_Z_FROM_Y, dtype=torch.float64) if up == "z" else matrix[:3, :3]
    return matrix @ stage.world_from_camera.double()


def camera_matrix(stage: Stage) -> Float[np.ndarray, "3 3"]:
    """The camera's K, float64.

    Raises:
        InputError: it is no camera.
    """
    k = stage.K.detach().cpu().double().numpy()
    if not (np.isfinite(k).all() and k[0, 0] > 0 and k[1, 1] > 0):
        raise InputError(f"K is {k.tolist()}", expected="a camera with positive focal lengths", todo="predict again")
    return k


def motions_of(scene: Scene) -> list[Motion]:
    """Everyone in a picture, as motions of one frame.

    Raises:
        InputError: a parameter is not finite.
    """
    stage = Stage.of(scene)
    none = torch.zeros(1, dtype=torch.long)
    return [
        Motion.of(
            _rows(scene, none + i), name=f"person_{i}", track=i, stage=stage, timestamps=none.double(), frame_index=none
        )
        for i in range(len(scene))
    ]


def read_motions(path: Path | str) -> list[Motion]:
    """The people of a result file: the tracks of a clip, or everyone in a picture.

    Raises:
        InputError: it is no result file, or a damaged one; a number is not finite.
    """
    return motions_in(read(path))


def motions_in(found: Clip | Scene) -> list[Motion]:
    """The tracks of a clip, or everyone in a picture.

    Raises:
        InputError: a number is not finite.
    """
    if isinstance(found, Scene):
        return motions_of(found)
    stage = Stage.of(found)
    return [
        Motion.of(
            track,
            name=f"track_{track.id}",
            track=track.id,
            stage=stage,
            timestamps=track.timestamps,
            frame_index=track.frame_index,
        )
        for track in found
    ]


def within(motions: Sequence[Motion], frames: range) -> list[Motion]:
    """What of the motions is in these frames of the clip; who is not there at all is left out."""
    kept = [motion[(motion.frame_index >= frames.start) & (motion.frame_index < frames.stop)] for motion in motions]
    return [replace(motion, stage=replace(motion.stage, chosen=frames)) for motion in kept if len(motion)]


def _rows(scene: Scene, rows: Int[Tensor, "frame"]) -> Person:
    """Some rows of a result."""
    known = {field.name: getattr(scene, field.name) for field in fields(Person)}
    return Person(**known)[rows]


def _check_finite(params: SmplxParams, name: str) -> None:
    for field in fields(params):
        finite = getattr(params, field.name).flatten(1).isfinite().all(1)
        if not bool(finite.all()):
            frame = f" in frame {int((~finite).nonzero()[0])}" if len(finite) > 1 else ""
            found = f"{field.name} of {name.replace('_', ' ')} is not finite{frame}"
            raise InputError(found, expected="numbers", todo="leave this person out, or predict again")


def _least(here: Motion, there: Motion) -> Tensor:
    return torch.minimum(here.score, there.score)


def _between(a: Tensor, b: Tensor, share: Float[Tensor, "new"]) -> Tensor:
    """Rotations along the shortest way, other numbers in straight lines."""
    if a.ndim > 2 and a.shape[-2:] == (3, 3):
        part = share.double().view(-1, *[1] * (a.ndim - 3)).expand(a.shape[:-2])
        return slerp(a.double(), b.double(), part).to(a.dtype)
    return torch.lerp(a, b, share.view(-1, *[1] * (a.ndim - 1)))


def one_motion(motions: Sequence[Motion], what: str) -> Motion:
    """The only one, for formats that hold one person.

    Raises:
        InputError: there are several, or none.
    """
    if len(motions) != 1:
        names = ", ".join(motion.name for motion in motions) or "nobody"
        raise InputError(f"{what} holds one person, and there are {names}", todo="choose one, or export each by itself")
    return motions[0]
