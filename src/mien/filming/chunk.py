"""Some frames of a clip on their way from crops to rows: batches over people and frames, then who is who."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from jaxtyping import Float

from mien.clip import ROW_KEYS
from mien.estimator import Estimator, Job
from mien.filming.spill import row_type
from mien.filming.watch import Watch
from mien.geometry.crop import Crop
from mien.scene import Person, arrays_of_rows
from mien.track.associate import Sighting, Tracker

__all__ = ["Chunk"]

_LIMBS = (0, 1, 2, 4, 5, 16, 17, 18, 19)
"""Root, hips, knees, shoulders and elbows: whose rotations tell people apart."""
_SPOTS = ((1, 4), (2, 5), (16, 1), (17, 2), (16, 18), (17, 19), (12, 15), (9, 0))
"""Joints between which colours are looked at: thighs, sides, upper arms, head, belly."""


@dataclass(kw_only=True)
class Chunk:
    """Frames that are worked on together; nothing is shared with other frames."""

    estimate: Estimator
    watch: Watch
    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """People in each frame."""
    job: Job | None = None
    """Camera and size, which all frames share."""
    boxes: list[np.ndarray] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    """These three, and `patches`, of people whom the network has not seen yet."""
    patches: list[np.ndarray] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    """One record for each batch."""
    colours: list[Float[np.ndarray, "person spot 3"]] = field(default_factory=list)

    def add(self, index: int, time: float, job: Job) -> None:
        """The next frame, cropped."""
        self.job = job
        self.boxes.extend(job.boxes)
        self.scores.extend(job.scores.tolist())
        self.crops.extend(job.crops)
        self.patches.extend(job.patches)
        self.frames.append(index)
        self.times.append(time)
        self.counts.append(len(job.crops))

    @property
    def ready(self) -> bool:
        """Whether there is a full batch."""
        return len(self.patches) >= self.estimate.batch_size

    def step(self) -> None:
        """Run the network on one batch."""
        count = min(self.estimate.batch_size, len(self.patches))
        if not count or self.job is None:
            return
        job = replace(
            self.job,
            boxes=np.array(self.boxes[:count]),
            scores=np.array(self.scores[:count]),
            crops=tuple(self.crops[:count]),
        )
        with self.watch("network"):
            said = self.estimate.predict(self.patches[:count])
        with self.watch("place"):
            found = self.estimate.people(job, said)
            person = Person(**{each.name: getattr(found, each.name) for each in fields(Person)})
            self.colours.append(_colours(self.patches[:count], person))
        self.people.append(person)
        for waiting in (self.boxes, self.scores, self.crops, self.patches):
            del waiting[:count]

    def rows(self, tracker: Tracker) -> np.ndarray | None:
        """The rows of all frames, with ids; None without people. All batches must have been run."""
        people = Person.cat(self.people) if self.people else None
        sightings = None if people is None else _sightings(people, np.concatenate(self.colours))
        ids, start = [], 0
        for time, count in zip(self.times, self.counts, strict=True):
            here = slice(start, start + count)
            ids.append(tracker.update(time, _nobody() if sightings is None else _part(sightings, here)))
            start += count
        if people is None:
            return None
        arrays = arrays_of_rows(people)
        found = np.zeros(start, row_type(arrays))
        columns = {
            "track_id": np.concatenate(ids),
            "frame_index": np.repeat(self.frames, self.counts),
            "timestamps": np.repeat(self.times, self.counts),
            "valid": np.ones(start, bool),
        }
        assert columns.keys() == ROW_KEYS.keys()
        for key, array in (arrays | columns).items():
            found[key] = array
        return found


def _sightings(people: Person, colours: np.ndarray) -> Sighting:
    """Everyone of all frames, as one; in float64, in which a tracker's state is written down and read back."""
    pose = torch.cat([people.params.global_orient[:, None], people.params.body_pose], 1)
    return Sighting(
        boxes=people.bbox.double().numpy(),
        joints=people.joints2d[:, :22].double().numpy(),
        rotations=pose[:, list(_LIMBS)].double().numpy(),
        colours=colours,
    )


def _part(sighting: Sighting, rows: slice) -> Sighting:
    return Sighting(**{each.name: getattr(sighting, each.name)[rows] for each in fields(Sighting)})


def _nobody() -> Sighting:
    return Sighting(
        boxes=np.zeros((0, 4)),
        joints=np.zeros((0, 22, 2)),
        rotations=np.zeros((0, len(_LIMBS), 3, 3)),
        colours=np.zeros((0, len(_SPOTS), 3)),
    )


def _colours(patches: list[np.ndarray], people: Person) -> Float[np.ndarray, "person spot 3"]:
    """Colours between joints, 0..1, as the network's crops show them."""
    found = np.zeros((len(patches), len(_SPOTS), 3))
    joints, boxes = people.joints2d.numpy(), people.crop_bbox.numpy()
    first, second = (joints[:, [pair[end] for pair in _SPOTS]] for end in (0, 1))
    shares = ((first + second) / 2 - boxes[:, None, :2]) / boxes[:, None, 2:]
    for i, (patch, share) in enumerate(zip(patches, shares, strict=True)):
        size = np.array(patch.shape[1::-1])
        x, y = np.clip(share * size, 1, size - 2).astype(int).T
        near = [patch[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        found[i] = np.mean(near, axis=0) / 255
    return found
