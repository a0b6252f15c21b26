"""Samples with every label, of chance: values of no body, known at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.data.samples import PARAMS, Label, Samples


def chance_samples(
    count: int,
    *,
    seed: int = 0,
    whole: bool = True,
    extra: bool = False,
    source: str = "chance.npz",
    images: Sequence[str] | None = None,
) -> Samples:
    """People with four fifths of the labels known; `whole` adds keypoints, `extra` what networks do not read."""
    rng = np.random.default_rng(seed)

    def label(*shape: int, parts: tuple[int, ...] = ()) -> Label:
        weight = (rng.random((count, *parts)) < 0.8).astype(np.float32)
        value = rng.standard_normal((count, *shape), dtype=np.float32)
        return Label(value=value * weight.reshape(weight.shape + (1,) * (value.ndim - weight.ndim)), weight=weight)

    names = images or [f"clip {i % 3}/{i:06d}.jpg" for i in range(count)]
    more = {"keypoints2d": label(137, 2, parts=(137,)), "keypoints3d": label(137, 3, parts=(137,))} if whole else {}
    own = {
        "gender": np.array([("", "male", "weiblich ♀")[i % 3] for i in range(count)], object),
        "valid": rng.random(count) < 0.5,
        "matrix": rng.standard_normal((count, 3, 4)),
        "number": rng.integers(-(2**40), 2**40, count),
        "vertex": label(5, 3, parts=(5,)),
    }
    return Samples(
        source=source,
        row=np.arange(count),
        image=np.array(names, dtype=object),
        size=rng.integers(100, 4000, (count, 2)).astype(np.int32),
        box=label(4),
        left_hand_box=label(4),
        right_hand_box=label(4),
        face_box=label(4),
        hand_root=label(2, 3, parts=(2,)),
        camera=label(4),
        track=np.array([f"who {i % 5}" for i in range(count)], dtype=object),
        extra=own if extra else {},
        **{name: label(*shape) for name, shape in PARAMS.items()},
        **more,
    )
