"""What a store holds, in numbers: how many people, which labels, and how their values are spread.

Counts are exact; distributions are of at most `SAMPLE` rows of each dataset, evenly spaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64
from scipy.spatial.transform import Rotation

from mien.body.files import find_body, read_body
from mien.data.samples import Label, Samples
from mien.data.store import Dataset, Store
from mien.errors import AssetMissing, InputError
from mien.geometry.hands import hand_distances

__all__ = ["MEASURES", "QUANTILES", "DatasetStats", "Measure", "describe", "describe_store"]

SAMPLE = 20_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that each person has one of."""

    title: str
    unit: str


MEASURES: dict[str, Measure] = {
    "box_height": Measure(title="height of the person's box", unit="pixels"),
    "betas": Measure(title="norm of the 10 betas", unit="standard deviations"),
    "left_hand": Measure(title="left hand's distance to relaxed", unit="degrees, root mean square of 15 joints"),
    "right_hand": Measure(title="right hand's distance to relaxed", unit="degrees, root mean square of 15 joints"),
    "turn": Measure(title="turned away from the camera", unit="degrees, 180 = from behind"),
    "tilt": Measure(title="hips leaning from the vertical", unit="degrees, 180 = upside down"),
}


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """Of one dataset."""

    name: str
    rows: int
    coverage: dict[str, float]
    """Share of rows that have each label, or a part of it."""
    quantiles: dict[str, tuple[float, ...]]
    """Of each measure that can be taken, at `QUANTILES`."""
    sampled: int
    """Rows that the quantiles are of."""
    changes: dict[str, int]
    """Rows changed or left out by each transform."""
    licence: str


def describe_store(store: Store, *, body: str | Path | None = None) -> list[DatasetStats]:
    """The numbers of every dataset.

    Raises:
        InputError: the store is empty.
    """
    if not store.names:
        raise InputError(f"the store {store.folder} is empty", todo="fill it with: mien data ingest NAME --out STORE")
    relaxed = relaxed_hands(body)
    return [describe(dataset, relaxed) for dataset in store]


def relaxed_hands(body: str | Path | None) -> Float32[np.ndarray, "2 15 3"]:
    """The mean hands of a body: SMPL-X if it is here, else the open body."""
    try:
        arrays = read_body(find_body(body))
    except AssetMissing:
        if body is not None:
            raise
        arrays = read_body(find_body("openbody"))
    means = (arrays.hands_meanl, arrays.hands_meanr)
    return np.stack([np.zeros((15, 3), np.float32) if mean is None else mean for mean in means])


def describe(dataset: Dataset, relaxed: Float32[np.ndarray, "2 15 3"]) -> DatasetStats:
    """The numbers of one dataset."""
    count = len(dataset)
    rows = np.unique(np.linspace(0, max(count - 1, 0), min(count, SAMPLE)).astype(np.int64))
    parts = [measure(dataset.take(rows[start : start + 2048]), relaxed) for start in range(0, len(rows), 2048)]
    values = {name: np.concatenate([part[name] for part in parts]) for name in MEASURES} if parts else {}
    manifest = dataset.manifest
    return DatasetStats(
        name=dataset.name,
        rows=count,
        coverage={name: known / max(count, 1) for name, known in manifest.known.items()},
        quantiles={name: _quantiles(each) for name, each in values.items() if len(each)},
        sampled=len(rows),
        changes={change.name: change.changed + change.dropped for change in manifest.changes},
        licence=manifest.licence,
    )


def _quantiles(values: Float64[np.ndarray, "value"]) -> tuple[float, ...]:
    return tuple(round(float(each), 3) for each in np.quantile(values, QUANTILES))


def measure(samples: Samples, relaxed: Float32[np.ndarray, "2 15 3"]) -> Mapping[str, Float64[np.ndarray, "value"]]:
    """Each measure of the rows that have what it needs."""
    root = Rotation.from_rotvec(_known(samples.global_orient, 3).astype(np.float64)).as_matrix()
    front, up = root[:, :, 2], root[:, :, 1]
    return {
        "box_height": _known(samples.box, 4)[:, 3].astype(np.float64),
        "betas": np.linalg.norm(_known(samples.betas, 10).astype(np.float64), axis=1),
        "left_hand": hand_distances(_known(samples.left_hand_pose, 45).reshape(-1, 15, 3), relaxed[0]),
        "right_hand": hand_distances(_known(samples.right_hand_pose, 45).reshape(-1, 15, 3), relaxed[1]),
        "turn": np.abs(np.degrees(np.arctan2(front[:, 0], -front[:, 2]))),
        "tilt": np.degrees(np.arccos(np.clip(-up[:, 1], -1, 1))),
    }


def _known(label: Label | None, width: int) -> Float32[np.ndarray, "row number"]:
    """The values of rows all of whose parts are known, flat."""
    if label is None:
        return np.zeros((0, width), np.float32)
    whole = (label.weight.reshape(len(label.weight), -1) > 0).all(1)
    return label.value[whole].reshape(-1, width)
