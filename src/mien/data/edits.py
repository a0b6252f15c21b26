"""What a step of a label transform is, what it may ask, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float32

from mien.data.samples import Label, Samples, by_row

__all__ = ["Setting", "Step", "as_it_is", "extra_number", "filled", "known_rows", "only_where"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What transforms ask beside the samples."""

    quirks: frozenset[str] = frozenset()
    replicate: bool = False
    """Restore what the published training did."""
    hands: str = "flat"
    """How the file keeps hand poses: `flat` (absolute) or `relative` to the mean hand."""
    padded: float | None = None
    """By how much the file's boxes are larger than the person."""
    exact: bool = False
    """The labels were made, not fitted: zeros are values."""
    image_size: tuple[int, int] | None = None
    camera: tuple[float, float, float, float] | None = None
    mean_hands: Callable[[], Float32[np.ndarray, "2 15 3"]] | None = None
    """Of the body that the labels are for, axis-angle, left and right."""
    joints: Callable[[Samples], Float32[np.ndarray, "row 137 3"]] | None = None
    """The joints of the body with a row's parameters, metres, camera frame."""
    smpl_joints: Callable[[Samples, str], Float32[np.ndarray, "row 22 3"]] | None = None
    """The same of the SMPL body of a gender, from the SMPL parameters in `extra`; None if there is no such body."""
    last_hands: tuple[bool, bool] | None = None
    """Whether the file's last row has a left and a right hand pose: only replication asks."""


Step: TypeAlias = Callable[[Samples, Setting], Samples]


def as_it_is(samples: Samples, setting: Setting) -> Samples:
    """No change."""
    del setting
    return samples


def known_rows(label: Label) -> Float32[np.ndarray, "row"]:
    """1 for rows of which any part is known."""
    return np.asarray((by_row(label.weight) > 0).any(1), dtype=np.float32)


def only_where(label: Label, keep: Any) -> Label:
    """A label known where it was and `keep` (row *part) is true; the very same if that changes nothing."""
    keep = np.asarray(keep)
    wide = keep.reshape(keep.shape + (1,) * (label.weight.ndim - keep.ndim))
    if not ((label.weight > 0) & ~wide).any():
        return label
    return filled(label, label.value, label.weight * wide)


def filled(label: Label, value: np.ndarray, weight: np.ndarray | None = None) -> Label:
    """A label with another value, zero where it is unknown."""
    weight = label.weight if weight is None else weight
    wide = weight.reshape(weight.shape + (1,) * (value.ndim - weight.ndim))
    return Label(value=np.where(wide > 0, value, 0).astype(np.float32), weight=weight)


def extra_number(samples: Samples, key: str) -> tuple[Float32[np.ndarray, "row"], Bool[np.ndarray, "row"]]:
    """One number for each row out of `Samples.extra`, and whether it is known."""
    value = samples.extra.get(key)
    if value is None:
        return np.zeros(len(samples), np.float32), np.zeros(len(samples), dtype=bool)
    if isinstance(value, Label):
        return by_row(value.value)[:, 0], known_rows(value) > 0
    return by_row(value)[:, 0].astype(np.float32), np.ones(len(samples), dtype=bool)
