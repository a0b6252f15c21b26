"""Person boxes from the `ultralytics` package, where a user has installed it under its own terms.

That package, and weights made with it, are under the AGPL-3.0 or a paid licence. Nothing here depends on it, nothing of
it is copied, and no extra installs it.
"""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.detect.base import Detections
from mien.detect.network import MIN_SCORE, surest_first
from mien.errors import InputError, MienError, WeightsError, reason_of

__all__ = ["UltralyticsDetector"]

_TASKS = ("detect", "segment", "pose")


@dataclass(frozen=True, kw_only=True, eq=False)
class UltralyticsDetector:
    """A YOLO of the user's own install, surest first, with boxes clipped to the picture."""

    model: Any
    person: tuple[int, ...]
    """Indices of the classes that mean a person."""
    device: str
    min_score: float = MIN_SCORE
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """The package keeps what it is doing in the model: one picture at a time."""

    @classmethod
    def load(cls, name: str, device: str = "cpu", *, min_score: float | None = None) -> UltralyticsDetector:
        """Load weights.

        Args:
            name: a weights file, or a name that the package knows (and downloads): `yolo11n.pt`. A `.pt` file is a
                pickle, which can run code: take it from its makers only.
            device: a torch device.
            min_score: keep people at least this sure, from 0 to 1; None: 0.5.

        Raises:
            MienError: the package is not installed; the message says under which licence it is.
            WeightsError: it cannot load the weights.
            InputError: the weights do not find boxes, or do not know people.
        """
        try:
            package = importlib.import_module("ultralytics")
        except ImportError as error:
            found = f"the person detector ultralytics:{name} needs the package ultralytics, which is not installed"
            licence = "an install of your own: its code and weights are under the AGPL-3.0 or a paid licence"
            todo = "if these terms suit you: pip install ultralytics-opencv-headless; else take onnx: or hf:"
            raise MienError(f"{found} ({error})", expected=licence, todo=todo) from error
        try:
            model = package.YOLO(name)
            names, task = dict(model.names), model.task
        except Exception as error:  # the package passes on whatever its many parts raise
            found = f"ultralytics cannot load {name}: {reason_of(error)}"
            raise WeightsError(found, expected="weights such as yolo11n.pt") from error
        person = tuple(int(index) for index, label in names.items() if str(label).strip().lower() == "person")
        if task not in _TASKS or not person:
            found = f"{name} is for the task {task!r} and knows {', '.join(map(str, list(names.values())[:5]))}"
            raise InputError(found, expected=f"one of the tasks {', '.join(_TASKS)} and a class 'person'")
        return cls(model=model, person=person, device=device, min_score=MIN_SCORE if min_score is None else min_score)

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The people in a picture; `name` is for error messages only.

        Raises:
            WeightsError: the network says something that is not a number.
        """
        blue_first = np.ascontiguousarray(picture[..., ::-1])
        options = {"classes": list(self.person), "conf": self.min_score, "device": self.device, "verbose": False}
        try:
            with self.lock:
                (said,) = self.model.predict(blue_first, **options)
        except Exception as error:
            raise WeightsError(f"the person detector fails at {name}: {reason_of(error)}") from error
        boxes, scores = (value.cpu().double().numpy() for value in (said.boxes.xyxy, said.boxes.conf))
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise WeightsError(f"the person detector gives no finite numbers for {name}", todo="use other weights")
        return surest_first(boxes.reshape(-1, 4), scores, self.min_score, picture.shape[1], picture.shape[0])
