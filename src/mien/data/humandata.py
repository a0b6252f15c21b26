"""HumanData, the .npz of MMHuman3D that most datasets of this field are handed around in (SPEC 4.1, 4.2).

data = HumanData.read("train.npz")
data.write("again.npz")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

__all__ = ["NUM_JOINTS", "HumanData"]

NUM_JOINTS = 190
"""Of the HUMAN_DATA convention; the first 144 are `mien.body.joints.OUTPUT_JOINTS`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HumanData:
    """The content of one file: N people."""

    image_path: Sequence[str]
    bbox_xywh: Float32[np.ndarray, "row 5"]
    """x, y, width, height, confidence; pixels."""
    face_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    lhand_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    rhand_bbox_xywh: Float32[np.ndarray, "row 5"] | None = None
    keypoints: Mapping[str, tuple[Float[np.ndarray, "row joint channel"], np.ndarray]] = field(default_factory=dict)
    """`keypoints2d_smplx` and so on: values (N, 190, 3 or 4, the last is the confidence) and the file's mask (190,)."""
    params: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    """`smplx`, `smpl`, `smplh`: parameters by name, N rows each."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    misc: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Other keys, N rows each."""

    @classmethod
    def read(cls, path: Path) -> HumanData:
        """Read a file; compressed keypoints are spread to 190 joints."""
        raise NotImplementedError

    def write(self, path: Path, *, compress_keypoints: bool = True) -> None:
        """Write a file, whole or not at all; the same content gives the same bytes."""
        raise NotImplementedError
