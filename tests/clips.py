"""Footage that is made as it is read, and a detector that knows where a square moves: clips without a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

import mien
from mien.detect import Detections
from mien.estimator import Estimator
from mien.geometry.rotation import matrix_from_axis_angle
from mien.nets.network import Network, NetworkConfig
from mien.records import Prediction
from mien.video import Footage

SIZE = (60, 80)


def squares(frame: int) -> np.ndarray:
    """Boxes of two people who walk towards each other: x1, y1, x2, y2."""
    left = 5 + 0.1 * frame
    return np.array([[left, 10, left + 12, 40], [60 - 0.1 * frame, 14, 74 - 0.1 * frame, 50]])


def made_footage(frames: int, *, stop: int | None = None, fps: float = 30.0) -> Footage:
    """Coloured squares before noise; `stop` breaks off with an error, as a kill would, before that frame."""

    def read(footage: Footage) -> Iterator[tuple[float | None, Callable[[], np.ndarray]]]:
        for i in range(frames):
            if i == stop:
                raise RuntimeError("killed")
            yield i / fps, lambda i=i: _picture(i)

    return Footage(name="made.mp4", width=SIZE[1], height=SIZE[0], fps=fps, num_frames=frames, read=read)


def _picture(frame: int) -> np.ndarray:
    picture = np.random.default_rng(frame).integers(0, 60, (*SIZE, 3), dtype=np.uint8)
    for (x1, y1, x2, y2), colour in zip(
        squares(frame).astype(int).tolist(), ((220, 40, 40), (40, 40, 220)), strict=True
    ):
        picture[y1:y2, x1:x2] = colour
    return picture


@dataclass
class Squares:
    """Finds the squares; the second one is lost in some frames."""

    lost: range = range(0)
    asked: int = 0

    def detect(self, picture: np.ndarray, name: str) -> Detections:
        self.asked += 1
        frame = int(name.rpartition("/")[2])
        found = Detections(boxes=squares(frame), scores=np.array([0.9, 0.8]))
        return found.take([0]) if frame in self.lost else found


class Stub(Network):
    """Says something about each crop, at once."""

    def __init__(self) -> None:
        super().__init__(NetworkConfig(embed_dim=1, image_size=(32, 24)))
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, crops: torch.Tensor) -> Prediction:
        said = crops.mean((2, 3)) * self.scale
        turn = matrix_from_axis_angle(torch.nn.functional.pad(said[:, :1], (0, 2)) + torch.tensor([3.0, 0, 0]))
        still = torch.eye(3).expand(len(crops), 36, 3, 3)
        return Prediction(
            global_orient=turn,
            body_pose=still[:, :21],
            left_hand_offset=still[:, :15],
            right_hand_offset=still[:, :15],
            jaw_pose=still[:, 0],
            betas=torch.nn.functional.pad(said, (0, 7)),
            expression=torch.zeros(len(crops), 10),
            transl=torch.tensor([0.0, 0.35, 40.0]) + 0.1 * said,
        )


def stub_estimator(detector: object) -> Estimator:
    """Everything but the network and the detector as it is."""
    return replace(mien.load("random-xxs", detector="full-image", batch_size=16), network=Stub(), detector=detector)  # pyright: ignore[reportArgumentType]
