"""Painting a texture from masks: each adds a tint in logarithms of colour, so that all of them are one sum.

Most masks are empty in most places: what is kept are runs of 32 texels in which a mask is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int8, Int32, Int64, UInt8

from mien.body.reading import BodyArrays
from mien.synth.looks.atlas import SIZE, Atlas, atlas_of
from mien.synth.looks.body_regions import body_planes
from mien.synth.looks.face_regions import face_planes
from mien.synth.looks.hand_regions import hand_planes
from mien.synth.looks.memo import once_per_body

__all__ = ["Planes", "paint_planes", "planes_of"]

_RUN = 32
_FULL = 127


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """All masks of a body's skin."""

    names: tuple[str, ...]
    runs: Int32[np.ndarray, " run"]
    """Where each run of texels that is used starts in the flattened texture."""
    starts: Int64[np.ndarray, " run_plus_one"]
    """Where the entries of each run start."""
    mask: Int32[np.ndarray, " entry"]
    """Which mask each entry is of."""
    values: Int8[np.ndarray, "entry 32"]
    """-127..127 for -1..1."""

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each mask."""
        return {name: k for k, name in enumerate(self.names)}


@once_per_body
def planes_of(arrays: BodyArrays) -> Planes:
    """The masks of a body: about a second of work, the first time."""
    atlas = atlas_of(arrays)
    return _pack(atlas, body_planes(arrays, atlas) | face_planes(arrays, atlas) | hand_planes(arrays, atlas))


def _pack(atlas: Atlas, planes: Mapping[str, Float[np.ndarray, " texel"]]) -> Planes:
    """Keep what is not zero."""
    used = np.zeros(SIZE * SIZE // _RUN, dtype=bool)
    used[atlas.texel // _RUN] = True
    whole, entries = np.zeros(SIZE * SIZE, dtype=np.int8), []
    for k, values in enumerate(planes.values()):
        whole[:] = 0
        whole[atlas.texel] = np.rint(np.clip(values, -1, 1) * _FULL)
        runs = whole.reshape(-1, _RUN)
        here = np.nonzero(runs.any(1))[0]
        entries.append((here, np.full(len(here), k), runs[here]))
    run, mask, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    order = np.argsort(run, kind="stable")
    kept = np.nonzero(used)[0]
    starts = np.searchsorted(run[order], np.append(kept, SIZE * SIZE))
    return Planes(
        names=tuple(planes),
        runs=(kept * _RUN).astype(np.int32),
        starts=starts.astype(np.int64),
        mask=mask[order].astype(np.int32),
        values=np.ascontiguousarray(values[order]),
    )


def paint_planes(
    planes: Planes, base: Float[np.ndarray, "3"], tints: Mapping[str, Float[np.ndarray, "3"]]
) -> UInt8[np.ndarray, "h w 3"]:
    """The texture of one person.

    Args:
        planes: of the body.
        base: colour where no mask is, 0..1.
        tints: by mask, the logarithm of the factor (RGB) by which it changes the colour where it is 1.

    Raises:
        KeyError: a tint has no mask.
    """
    table = np.zeros((len(planes.names), 3), dtype=np.float32)
    table[[planes.places[name] for name in tints]] = np.array(list(tints.values())) / _FULL
    picture = np.zeros((SIZE * SIZE, 3), dtype=np.uint8)
    start = np.log(np.maximum(base, 1e-3)).astype(np.float32)
    _paint(planes.runs, planes.starts, planes.mask, planes.values, start, table, picture)
    return picture.reshape(SIZE, SIZE, 3)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
@no_type_check
def _paint(runs, starts, mask, values, base, table, picture):
    """Sums of tints, and then 255 exp(x) as the 256th power of 1 + x / 256, which runs on many texels at once."""
    total, done = np.empty((3, 32), dtype=np.float32), np.empty((3, 32), dtype=np.uint8)
    red, green, blue = total[0], total[1], total[2]
    zero, half, one, full = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
    for r in range(runs.shape[0]):
        for c in range(3):
            total[c] = base[c]
        for e in range(np.uint64(starts[r]), np.uint64(starts[r + 1])):
            number = np.uint64(mask[e])
            x, y, z = table[number, 0], table[number, 1], table[number, 2]
            if x == 0 and y == 0 and z == 0:
                continue
            for i in range(32):
                value = np.float32(values[e, i])
                red[i] += x * value
                green[i] += y * value
                blue[i] += z * value
        for c in range(3):
            for i in range(32):
                power = min(max(one + total[c, i] / np.float32(256), zero), one)
                power *= power
                power *= power
                power *= power
                power *= power
                power *= power
                power *= power
                power *= power
                power *= power
                done[c, i] = np.uint8(np.int32(power * full + half))
        first = np.uint64(runs[r])
        for i in range(np.uint64(32)):
            picture[first + i, 0], picture[first + i, 1], picture[first + i, 2] = done[0, i], done[1, i], done[2, i]
