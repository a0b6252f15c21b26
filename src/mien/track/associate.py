"""Who is who from frame to frame: motion, box, pose and colours, matched by the Hungarian method, online.

Each track predicts where its person will be (constant velocity, a Kalman filter on the middle of the torso, which the
network sees even where the box is cut by an occluder). What is seen in a frame is matched to the predictions so that
the sum of the costs is least. A track that is not seen coasts for a while, then ends. While people overlap, what is
seen of them is not to be trusted: it moves the filter less, and teaches nothing about looks.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

__all__ = ["Sighting", "TrackConfig", "Tracker", "box_iou"]


@dataclass(frozen=True, kw_only=True)
class TrackConfig:
    """How people are matched. Distances are in heights of the person's box, times in seconds."""

    patience: float = 2.0
    """How long an unseen person is waited for, seconds; never less than three frames."""
    reach: float = 0.8
    """How far from its prediction a person may be found."""
    reach_growth: float = 0.7
    """How much farther for each second unseen: nobody is lost for turning around behind a pillar."""
    size_ratio: float = 2.0
    """How much larger or smaller a box may have become."""
    pose_weight: float = 0.5
    """Of the pose, beside 1 for the place; it fades as a person stays unseen."""
    heading_weight: float = 1.0
    """Of where somebody is turned, which lasts longer."""
    size_weight: float = 0.5
    """Of the logarithm of how much larger the box has become."""
    look_weight: float = 0.5
    """Of colours."""
    pose_memory: float = 0.5
    """Seconds after which an old pose says little."""
    acceleration: float = 3.0
    """Heights per second squared: how suddenly people change their speed."""
    noise: float = 0.03
    """Of a seen place, in heights."""
    hidden_noise: float = 3.0
    """How many times as much it is while people overlap."""
    hidden_trust: float = 0.2
    """How much of the weight of pose and colours is left while people overlap."""
    overlap: float = 0.25
    """Share of a box under another one (of its own area) from which on it is not to be trusted."""
    expected_overlap: float = 0.5
    """The same share, under the boxes that two tracks are expected to have."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Everyone in one frame, as far as matching needs to know."""

    boxes: Float[np.ndarray, "person 4"]
    """x1, y1, x2, y2 as detected, pixels."""
    joints: Float[np.ndarray, "person joint 2"]
    """The 22 joints of the body as the network sees them, pixels."""
    rotations: Float[np.ndarray, "person rotation 3 3"]
    """Of the root (in the camera), and of hips, knees, shoulders and elbows."""
    colours: Float[np.ndarray, "person spot 3"]
    """At spots of the body, 0..1."""

    def __len__(self) -> int:
        return len(self.boxes)


_TORSO = (1, 2, 16, 17)
"""Hips and shoulders."""


@dataclass(kw_only=True)
class _State:
    """One track as it stands. Everything is plain, so that it can be written down and read back."""

    id: int
    seen: float
    """Time of the last sighting."""
    time: float
    """Of `place`."""
    place: np.ndarray
    """Middle of the torso, pixels."""
    speed: np.ndarray
    """Pixels a second."""
    spread: np.ndarray
    """(2, 2) covariance of place and speed along one axis, pixels."""
    box: np.ndarray
    """As last seen whole, relative to the middle of the torso."""
    joints: np.ndarray
    """As last seen, relative to the middle of the torso."""
    rotations: np.ndarray
    colours: np.ndarray

    @property
    def height(self) -> float:
        return float(self.box[3] - self.box[1])

    def predict(self, time: float, config: TrackConfig) -> None:
        """Move on to a later time."""
        dt = time - self.time
        push = (config.acceleration * self.height) ** 2
        step = np.array([[1.0, dt], [0.0, 1.0]])
        noise = push * np.array([[dt**4 / 4, dt**3 / 2], [dt**3 / 2, dt**2]])
        self.place, self.time = self.place + dt * self.speed, time
        self.spread = step @ self.spread @ step.T + noise

    def correct(self, seen: np.ndarray, sigma: float) -> None:
        """Take in a seen place that is right to `sigma` pixels."""
        gain = self.spread[:, 0] / (self.spread[0, 0] + sigma**2)
        error = seen - self.place
        self.place, self.speed = self.place + gain[0] * error, self.speed + gain[1] * error
        self.spread = self.spread - np.outer(gain, self.spread[0])


@dataclass(kw_only=True)
class Tracker:
    """Gives ids, frame by frame. Deterministic; `state` and `restore` let a run be continued."""

    config: TrackConfig = field(default_factory=TrackConfig)
    next_id: int = 0
    frame_time: float = 0.0
    """Usual seconds between frames, as seen so far."""
    _last: float | None = None
    _tracks: list[_State] = field(default_factory=list)

    def update(self, time: float, sighting: Sighting) -> Int64[np.ndarray, "person"]:
        """The id of everyone in the next frame.

        Args:
            time: of the frame, seconds, later than the last one's.
            sighting: everyone who is seen.
        """
        if self._last is not None:
            step = time - self._last
            self.frame_time = step if self.frame_time == 0 else 0.9 * self.frame_time + 0.1 * step
        self._last = time
        patience = max(self.config.patience, 3.5 * self.frame_time)
        self._tracks = [track for track in self._tracks if time - track.seen <= patience]
        for track in self._tracks:
            track.predict(time, self.config)
        ids = np.full(len(sighting), -1, np.int64)
        hidden = self._hidden(sighting)
        places = self._places(sighting, hidden)
        for row, column in self._match(time, sighting, hidden, places):
            track = self._tracks[row]
            ids[column] = track.id
            self._learn(track, time, sighting, column, places[row, column], bool(hidden[column]))
        for column in np.flatnonzero(ids < 0):
            ids[column] = self.next_id
            self._tracks.append(_start(self.next_id, time, sighting, int(column), self.config))
            self.next_id += 1
        return ids

    def state(self) -> dict[str, Any]:
        """All that a run needs to go on, as numbers and lists."""
        tracks = [
            {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in asdict(track).items()}
            for track in self._tracks
        ]
        return {"next_id": self.next_id, "frame_time": self.frame_time, "last": self._last, "tracks": tracks}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.next_id, self.frame_time, self._last = state["next_id"], state["frame_time"], state["last"]
        self._tracks = []
        for track in state["tracks"]:
            known: dict[str, Any] = {key: np.array(v) if isinstance(v, list) else v for key, v in track.items()}
            self._tracks.append(_State(**known))

    def _hidden(self, sighting: Sighting) -> Bool[np.ndarray, "person"]:
        """Whose box lies partly in somebody else's, or where two tracks are expected."""
        if not len(sighting):
            return np.zeros(0, bool)
        crowded = _hidden_share(sighting.boxes) > self.config.overlap
        if len(self._tracks) > 1:
            shared = _shared(sighting.boxes, self._boxes()) / _area(sighting.boxes)[:, None]
            crowded |= np.sort(shared, axis=1)[:, -2] > self.config.expected_overlap
        return crowded

    def _boxes(self) -> Float[np.ndarray, "track 4"]:
        """Where each track's box is expected."""
        return np.stack([track.box + np.tile(track.place, 2) for track in self._tracks])

    def _places(self, sighting: Sighting, hidden: Bool[np.ndarray, "person"]) -> Float[np.ndarray, "track person 2"]:
        """Where the middle of each torso is, were it that track's: as the network sees it, or, where people overlap and
        the network may have seen the other one, as far from the middle of the box as it was before."""
        seen = _middles(sighting)
        centres = (sighting.boxes[:, :2] + sighting.boxes[:, 2:]) / 2
        offsets = np.array([(track.box[:2] + track.box[2:]) / 2 for track in self._tracks]).reshape(-1, 1, 2)
        return np.where(hidden[:, None], centres - offsets, seen[None])

    def _match(
        self,
        time: float,
        sighting: Sighting,
        hidden: Bool[np.ndarray, "person"],
        places: Float[np.ndarray, "track person 2"],
    ) -> list[tuple[int, int]]:
        from scipy.optimize import linear_sum_assignment

        if not self._tracks or not len(sighting):
            return []
        cost = self._cost(time, sighting, hidden, places)
        rows, columns = linear_sum_assignment(np.minimum(cost, _NEVER))
        return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < _NEVER]

    def _cost(
        self,
        time: float,
        sighting: Sighting,
        hidden: Bool[np.ndarray, "person"],
        places: Float[np.ndarray, "track person 2"],
    ) -> Float[np.ndarray, "track person"]:
        config, tracks = self.config, self._tracks
        relative = sighting.joints - _middles(sighting)[:, None]
        trust = np.where(hidden, config.hidden_trust, 1.0)[None]
        place = np.stack([track.place for track in tracks])
        height = np.array([track.height for track in tracks])[:, None]
        away = np.linalg.norm(place[:, None] - places, axis=-1) / height
        gap = np.array([time - track.seen for track in tracks])[:, None]
        ratio = (sighting.boxes[:, 3] - sighting.boxes[:, 1])[None] / height
        cost = (1 - box_iou(self._boxes(), sighting.boxes)) + away + config.size_weight * np.abs(np.log(ratio))
        joints = np.stack([track.joints for track in tracks])
        pose = np.linalg.norm(joints[:, None] - relative[None], axis=-1).mean(-1) / height * 2
        angles = _angles(np.stack([track.rotations for track in tracks]), sighting.rotations) / math.pi
        fade = np.exp(-np.maximum(gap - self.frame_time, 0) / config.pose_memory)
        cost += config.pose_weight * trust * fade * (np.minimum(pose, 1) + angles[..., 1:].mean(-1))
        cost += config.heading_weight * trust * angles[..., 0]
        colours = np.stack([track.colours for track in tracks])
        cost += config.look_weight * trust * _colour_distance(colours, sighting.colours)
        reach = config.reach + config.reach_growth * np.maximum(gap - self.frame_time, 0)
        good = (away < reach) & (ratio < config.size_ratio) & (ratio > 1 / config.size_ratio)
        return np.where(good, cost, np.inf)

    def _learn(
        self, track: _State, time: float, sighting: Sighting, column: int, place: np.ndarray, hidden: bool
    ) -> None:
        blur = self.config.hidden_noise if hidden else 1.0
        track.correct(place, self.config.noise * blur * track.height)
        track.seen = time
        if hidden:
            return
        middle = _middles(sighting)[column]
        track.box = sighting.boxes[column] - np.tile(middle, 2)
        track.joints = sighting.joints[column] - middle
        track.rotations = sighting.rotations[column]
        track.colours = 0.9 * track.colours + 0.1 * sighting.colours[column]


_NEVER = 1e6


def _start(number: int, time: float, sighting: Sighting, column: int, config: TrackConfig) -> _State:
    middle, box = _middles(sighting)[column], sighting.boxes[column]
    height = float(box[3] - box[1])
    return _State(
        id=number,
        seen=time,
        time=time,
        place=middle,
        speed=np.zeros(2),
        spread=np.diag([(config.noise * height) ** 2, height**2]),
        box=box - np.tile(middle, 2),
        joints=sighting.joints[column] - middle,
        rotations=sighting.rotations[column],
        colours=sighting.colours[column],
    )


def _middles(sighting: Sighting) -> Float[np.ndarray, "person 2"]:
    return sighting.joints[:, list(_TORSO)].mean(1)


def box_iou(first: Float[np.ndarray, "one 4"], second: Float[np.ndarray, "two 4"]) -> Float[np.ndarray, "one two"]:
    """Intersection over union of every pair of boxes (x1, y1, x2, y2)."""
    shared = _shared(first, second)
    return shared / (_area(first)[:, None] + _area(second)[None] - shared)


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=-1)


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)


def _hidden_share(boxes: Float[np.ndarray, "person 4"]) -> Float[np.ndarray, "person"]:
    """The largest share of each box that lies in another one."""
    if len(boxes) < 2:
        return np.zeros(len(boxes))
    shared = _shared(boxes, boxes) / _area(boxes)[:, None]
    np.fill_diagonal(shared, 0)
    return shared.max(1)


def _angles(first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "track person rotation"]:
    """Angle between the rotations of every pair, radians."""
    return np.arccos(np.clip((np.einsum("trij,prij->tpr", first, second) - 1) / 2, -1, 1))


def _colour_distance(first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "track person"]:
    """Mean distance of the colours, 0..1."""
    away = np.linalg.norm(first[:, None] - second[None], axis=-1).mean(-1)
    return np.minimum(2 * away / math.sqrt(3), 1)
