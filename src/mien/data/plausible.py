"""What labels look like to someone who knows people: swapped hands, millimetres, joints far from their box.

Works on `Samples` of any reader, a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from mien.data.joints import BODY, HANDS, WRISTS
from mien.data.samples import Label, Samples

__all__ = ["Doubt", "Plausibility"]

_CURL = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
"""Joints of the four fingers; the mean hand of SMPL-X bends each by about half a radian about z (left: negative)."""
_SOME = 0.05
"""What is true of fewer rows than this is chance, not a mistake in the file."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Something that is probably not meant."""

    key: str
    what: str
    row: int | None = None
    rows: int = 1


@dataclass(eq=False)
class _Count:
    """Rows that could tell, and those of them that look wrong."""

    asked: int = 0
    wrong: int = 0
    first: int | None = None

    def add(self, samples: Samples, asked: Bool[np.ndarray, "row"], wrong: np.ndarray | np.generic) -> None:
        self.asked += int(asked.sum())
        bad = np.flatnonzero(asked & np.asarray(wrong))
        self.wrong += len(bad)
        if len(bad) and self.first is None:
            self.first = int(samples.row[bad[0]])

    @property
    def share(self) -> float:
        return self.wrong / max(self.asked, 1)


class Plausibility:
    """Statistics of a dataset's labels, gathered by `add`; `doubts` says what they give rise to."""

    def __init__(self) -> None:
        self.counts: dict[str, _Count] = {}
        self.sizes: list[float] = []
        self.depths: list[float] = []
        self.curls = np.zeros(2)
        self.flat: float | None = None
        self.unit = _Count()

    def add(self, samples: Samples) -> None:
        """Take in some rows."""
        self._boxes(samples)
        for key in ("keypoints2d", "keypoints3d"):
            if (points := getattr(samples, key)) is not None:
                self._hands(samples, key, points)
        if samples.keypoints2d is not None:
            self._joints_in_box(samples, samples.keypoints2d)
        if samples.keypoints3d is not None:
            self.sizes += _median_size(samples.keypoints3d)
        if samples.transl is not None and (samples.transl.weight > 0).any():
            depth = np.linalg.norm(samples.transl.value[samples.transl.weight > 0], axis=1)
            self.depths.append(float(np.median(depth)))
        self._curl(samples)

    def doubts(self) -> Iterator[Doubt]:
        """What is probably not meant."""
        for key, what, enough in (
            ("box outside", "the box is not in the picture at all", 0.0),
            ("box of unit", "boxes are no larger than 2 pixels: shares of the picture instead of pixels?", 0.5),
            ("joints outside", "most joints of the body are outside the box", _SOME),
            ("keypoints2d", "the joints of a hand are nearer to the other wrist: left and right swapped?", 0.2),
            ("keypoints3d", "the joints of a hand are nearer to the other wrist: left and right swapped?", 0.2),
        ):
            count = self.counts.get(key, _Count())
            if count.wrong and count.share > enough:
                name = "bbox" if key.startswith("box") else "keypoints2d" if key.startswith("joints") else key
                yield Doubt(key=name, what=what, row=count.first, rows=count.wrong)
        size = float(np.median(self.sizes)) if self.sizes else 1.0
        if size > 20:
            yield Doubt(key="keypoints3d", what=f"people are {size:,.0f} m tall: millimetres instead of metres?")
        elif 0 < size < 0.02:
            yield Doubt(key="keypoints3d", what=f"people are {size * 1000:.1f} mm tall: kilometres, or normalised?")
        if self.depths and (depth := float(np.median(self.depths))) > 200:
            yield Doubt(key="transl", what=f"people are {depth:,.0f} m away: millimetres instead of metres?")
        yield from self._hand_doubts()

    def _hand_doubts(self) -> Iterator[Doubt]:
        total, count = self.curls
        if count and self.flat is not None:
            curl = total / count
            if self.flat == 1 and curl < 0.12:
                what = (
                    f"said to be absolute, yet fingers bend by {curl:.2f} rad on average: offsets from the mean hand?"
                )
                yield Doubt(key="flat_hand_mean", what=what)
            if self.flat == 0 and curl > 0.3:
                what = f"said to be offsets, yet fingers bend by {curl:.2f} rad on average: absolute poses?"
                yield Doubt(key="flat_hand_mean", what=what)

    def _count(self, key: str) -> _Count:
        return self.counts.setdefault(key, _Count())

    def _boxes(self, samples: Samples) -> None:
        box, known = samples.box.value, samples.box.weight > 0
        self._count("box of unit").add(samples, known, (box[:, 2:] <= 2).all(1))
        if samples.size is not None:
            size = samples.size[:, ::-1]
            out = ((box[:, :2] >= size) | (box[:, :2] + box[:, 2:] <= 0)).any(1)
            self._count("box outside").add(samples, known, out)

    def _joints_in_box(self, samples: Samples, points: Label) -> None:
        known = points.weight[:, BODY] > 0
        low = samples.box.value[:, None, :2] - samples.box.value[:, None, 2:] * 0.1
        high = samples.box.value[:, None, :2] + samples.box.value[:, None, 2:] * 1.1
        inside = ((points.value[:, BODY] >= low) & (points.value[:, BODY] <= high)).all(2)
        share = (inside & known).sum(1) / np.maximum(known.sum(1), 1)
        asked = (known.sum(1) >= 5) & (samples.box.weight > 0)
        self._count("joints outside").add(samples, asked, share < 0.5)

    def _hands(self, samples: Samples, key: str, points: Label) -> None:
        wrists = points.value[:, WRISTS]
        apart = (points.weight[:, WRISTS] > 0).all(1)
        far = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=1)
        asked, swapped = np.zeros((2, len(samples)), bool)
        for side, other in ((0, 1), (1, 0)):
            weight = points.weight[:, HANDS[side]]
            count = np.maximum(weight.sum(1), 1)
            centre = (points.value[:, HANDS[side]] * weight[..., None]).sum(1) / count[:, None]
            own, wrong = (np.linalg.norm(centre - wrists[:, index], axis=1) for index in (side, other))
            clear = apart & (weight.sum(1) >= 5) & (far > 0) & (np.abs(own - wrong) > 0.25 * far)
            asked |= clear
            swapped |= clear & (wrong < own)
        self._count(key).add(samples, asked, swapped)

    def _curl(self, samples: Samples) -> None:
        flat = samples.extra.get("flat_hand_mean")
        if isinstance(flat, Label) and len(flat.value) and flat.weight[0] > 0:
            self.flat = float(flat.value[0])
        for pose, sign in ((samples.left_hand_pose, -1), (samples.right_hand_pose, 1)):
            if pose is not None and (rows := pose.weight > 0).any():
                values = sign * pose.value[rows][:, _CURL, 2]
                self.curls += (values.mean(1).sum(), len(values))


def _median_size(points: Label) -> list[float]:
    """The median, over the rows that show much of a body, of its longest side."""
    known = points.weight[:, BODY] > 0
    enough = known.sum(1) >= 8
    if not enough.any():
        return []
    values: Float32[np.ndarray, "row joint 3"] = points.value[enough][:, BODY]
    there = known[enough][..., None]
    low, high = np.where(there, values, np.inf).min(1), np.where(there, values, -np.inf).max(1)
    return [float(np.median((high - low).max(1)))]
