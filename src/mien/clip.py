"""What a user gets out of a video: the people as tracks, in one camera for the whole clip; and its file.

The file holds the keys of a picture's result (`mien.scene`) with one row for each frame of each track, sorted by track
and frame, and `track_id`, `frame_index`, `timestamps` and `valid` beside them; see `docs/conventions.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from mien.errors import InputError
from mien.limits import MAX_FRAMES
from mien.scene import ROW_SHAPES, Person, Scene, Shot, arrays_of_rows, read_arrays, rows_of_arrays, shared_of_arrays

__all__ = ["ROW_KEYS", "Clip", "Track", "clip_of_arrays", "read"]

ROW_KEYS = {"track_id": np.int64, "frame_index": np.int64, "timestamps": np.float64, "valid": np.bool_}
"""What the rows of a clip have beside those of a picture, and of which type."""


@dataclass(frozen=True, kw_only=True)
class Track(Person):
    """One person over the frames of a clip: a `Person` whose leading axis is time.

    Rows follow each other by frame; a smoothed track has no holes. `track[10]` is one frame, `track[10:20]` a shorter
    track.
    """

    id: int
    """Ids count from 0 in the order in which people appear; one that `--person` left out is missing."""
    frame_index: Int64[Tensor, "*frame"]
    """Which frame of the clip each row is, from 0."""
    timestamps: Float64[Tensor, "*frame"]
    """Seconds from the start of the clip, as the file says them."""
    valid: Bool[Tensor, "*frame"]
    """False where the person was not seen and the row is interpolated; the score is 0 there."""

    def __len__(self) -> int:
        return self.frame_index.shape[0]


@dataclass(frozen=True, kw_only=True)
class Clip(Shot):
    """Every person of one clip; a sequence of `Track`. Nobody at all is a valid clip."""

    tracks: tuple[Track, ...]
    """Sorted by id."""
    fps: float
    """Frames a second, on average: `timestamps` are exact where the rate varies."""
    num_frames: int
    """Frames that were looked at, with and without people."""
    smoothing: str = "none"
    """`zero-lag`, `one-euro` or `none`: see `mien.track.smooth`."""

    def __len__(self) -> int:
        return len(self.tracks)

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    def __getitem__(self, index: int) -> Track:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The track at `index`, which is not its id: see `track`."""
        return self.tracks[index]

    def map(self, function: Callable[[Tensor], Tensor]) -> Clip:
        """The same clip with `function` applied to every tensor."""
        world = None if self.world_from_camera is None else function(self.world_from_camera)
        tracks = tuple(track.map(function) for track in self.tracks)
        return replace(self, K=function(self.K), world_from_camera=world, tracks=tracks)

    def track(self, number: int) -> Track:
        """The track with this id.

        Raises:
            InputError: there is none.
        """
        for track in self.tracks:
            if track.id == number:
                return track
        ids = ", ".join(str(track.id) for track in self.tracks) or "none: there is nobody in this clip"
        raise InputError(f"there is no track {number}", expected=f"one of the ids {ids}")

    def scene(self, frame: int) -> tuple[Scene, list[int]]:
        """Everyone in one frame, and the ids of their tracks.

        Raises:
            InputError: the clip has no such frame.
        """
        if not 0 <= frame < self.num_frames:
            raise InputError(f"frame {frame}", expected=f"0 to {self.num_frames - 1}, the frames of this clip")
        here = [(track, torch.searchsorted(track.frame_index, frame)) for track in self.tracks]
        rows = [(track, int(i)) for track, i in here if i < len(track) and int(track.frame_index[i]) == frame]
        parts = [_person(track[i : i + 1]) for track, i in rows] or [_nobody()]
        shared = {field.name: getattr(self, field.name) for field in fields(Shot)}
        people = Person.cat(parts)
        known = {field.name: getattr(people, field.name) for field in fields(Person)}
        return Scene(**known, **shared), [track.id for track, _ in rows]

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the result file by key."""
        rows = [arrays_of_rows(track) | _row_arrays(track) for track in self.tracks]
        rows = rows or [arrays_of_rows(_nobody()) | {key: np.zeros(0, kind) for key, kind in ROW_KEYS.items()}]
        joined = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
        return {**self.clip_arrays(), **joined}

    def clip_arrays(self) -> dict[str, np.ndarray]:
        """What stands in the file once."""
        once = {"fps": self.fps, "num_frames": self.num_frames, "smoothing": self.smoothing}
        return self.shared_arrays() | {key: np.asarray(value) for key, value in once.items()}


def read(path: Path | str) -> Clip | Scene:
    """Read a result file back: that of a clip, or that of a picture.

    Raises:
        InputError: the file is missing, damaged, of a newer schema, or no result of this package.
    """
    arrays = read_arrays(path)
    if "track_id" not in arrays:
        return Scene(**rows_of_arrays(arrays), **shared_of_arrays(arrays))
    _check(Path(path), arrays)
    return clip_of_arrays(arrays)


def clip_of_arrays(arrays: Mapping[str, np.ndarray]) -> Clip:
    """A clip from the arrays of its file; the inverse of `Clip.arrays`."""
    people, number = Person(**rows_of_arrays(arrays)), arrays["track_id"]
    columns = {key: torch.from_numpy(arrays[key]) for key in ROW_KEYS if key != "track_id"}
    ids, starts = np.unique(number, return_index=True)
    ends = [*starts[1:], len(number)]
    places = zip(ids.tolist(), starts.tolist(), ends, strict=True) if len(number) else ()
    tracks = tuple(_track(people, columns, i, slice(first, int(last))) for i, first, last in places)
    return Clip(
        tracks=tracks,
        fps=float(arrays["fps"]),
        num_frames=int(arrays["num_frames"]),
        smoothing=str(arrays["smoothing"]),
        **shared_of_arrays(arrays),
    )


def _track(people: Person, columns: Mapping[str, Tensor], number: int, rows: slice) -> Track:
    part = people[rows]
    known = {field.name: getattr(part, field.name) for field in fields(Person)}
    return Track(id=number, **known, **{key: column[rows] for key, column in columns.items()})  # pyright: ignore


def _person(track: Track) -> Person:
    return Person(**{field.name: getattr(track, field.name) for field in fields(Person)})


def _row_arrays(track: Track) -> dict[str, np.ndarray]:
    found = {key: getattr(track, key).cpu().numpy() for key in ROW_KEYS if key != "track_id"}
    return {"track_id": np.full(len(track), track.id, np.int64), **found}


def _nobody() -> Person:
    """Zero rows."""
    sizes = {key: size for key, size in ROW_SHAPES.items() if key != "part_bbox"}
    return Person(**rows_of_arrays({key: np.zeros((0, *size), np.float32) for key, size in sizes.items()}))


def _check(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise if the file is no whole result of a clip."""
    missing = sorted({*ROW_KEYS, "fps", "num_frames", "smoothing"} - arrays.keys())
    if missing:
        raise InputError(f"{path} lacks the keys {', '.join(missing)}", expected="a whole result of a clip")
    smoothing, fps = arrays["smoothing"], arrays["fps"]
    if smoothing.shape or smoothing.dtype.kind != "U":
        raise InputError(f"{path}: smoothing is {smoothing.dtype} of shape {smoothing.shape}", expected="one text")
    if fps.shape or fps.dtype.kind not in "iuf" or not 0 < fps < np.inf:
        raise InputError(f"{path}: fps is {fps} ({fps.dtype})", expected="frames a second, above 0")
    count = arrays["num_frames"]
    if count.shape or count.dtype.kind not in "iu" or not 0 <= int(count) <= MAX_FRAMES:
        raise InputError(f"{path}: num_frames is {count} ({count.dtype})", expected=f"0 to {MAX_FRAMES}")
    rows = len(arrays["score"])
    for key, kind in ROW_KEYS.items():
        if arrays[key].shape != (rows,) or arrays[key].dtype != kind:
            found = f"{path}: {key} is {arrays[key].dtype} of shape {arrays[key].shape}"
            raise InputError(found, expected=f"{np.dtype(kind)} of shape ({rows},), one for each row")
    track, frame, time = (arrays[key] for key in ("track_id", "frame_index", "timestamps"))
    same = np.diff(track) == 0
    if not ((np.diff(track) > 0) | (same & (np.diff(frame) > 0))).all():
        expected = "rows sorted by track_id, then frame_index, each once"
        raise InputError(f"{path} has its rows in another order", expected=expected)
    if rows and (track.min() < 0 or frame.min() < 0 or frame.max() >= int(arrays["num_frames"])):
        raise InputError(f"{path} has ids or frames that are not there", expected="0 <= frame_index < num_frames")
    if not np.isfinite(time).all() or (np.diff(time)[same] <= 0).any():
        raise InputError(f"{path} has timestamps that do not go forward", expected="seconds, later frame by frame")
    if (arrays["score"][~arrays["valid"]] != 0).any():
        raise InputError(f"{path} has interpolated rows with a score", expected="a score of 0 where valid is false")
