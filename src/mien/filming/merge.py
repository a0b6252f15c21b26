"""From the rows of a clip, in the order in which they came, to its result file: tracks, finished one after another.

Memory stays flat here, too: a track is finished in stretches, and every key of the file is written as it is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.lib import format as npy
from torch import Tensor

from mien.body.model import BodyModel
from mien.clip import ROW_KEYS, Clip, Track
from mien.files import atomic_write, writing
from mien.filming.spill import Spill
from mien.scene import Person, arrays_of_rows, rows_of_arrays
from mien.track.choose import choose_tracks
from mien.track.finish import finish_track, locked_shape
from mien.track.smooth import MARGIN, SmoothConfig

__all__ = ["merge"]

STRETCH = 1024
"""Rows that are finished at once."""
_COPY = 2**22


@torch.no_grad()
def merge(spill: Spill, empty: Clip, body: BodyModel, person: str, config: SmoothConfig, path: Path) -> tuple[int, int]:
    """Write the result file.

    Args:
        spill: the rows.
        empty: a clip without tracks, for everything that stands in the file once.
        body: the one that the rows were made with.
        person: whom to keep: see `choose_tracks`.
        config: how much to smooth.
        path: of the result.

    Returns:
        How many tracks and rows were written.

    Raises:
        InputError: `person` names somebody who is not there.
        OutputError: the disk is full, or the folder cannot be written.
    """
    if not spill.rows:
        empty.save(path)
        return 0, 0
    number, frame, betas, score = (spill.column(key) for key in ("track_id", "frame_index", "betas", "score"))
    chosen = choose_tracks(number, frame, spill.column("bbox"), score, person)
    order = np.argsort(number, kind="stable")
    times = torch.from_numpy(spill.times())
    keys: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
    count = 0
    with writing(spill.folder), ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for which in chosen:
            first, last = (np.searchsorted(number, which, side, sorter=order) for side in ("left", "right"))
            index = order[first:last]
            shape = locked_shape(torch.from_numpy(betas[index]), torch.from_numpy(score[index]))
            for track in _stretches(spill, which, index, frame, times, empty.K, body, config, shape):
                arrays = arrays_of_rows(track) | _columns(track)
                count += len(track)
                for key, array in arrays.items():
                    if key not in files:
                        part = spill.folder / f"final_{key}.bin"
                        files[key] = stack.enter_context(open(part, "wb"))
                        keys[key] = (array.dtype, array.shape[1:])
                    files[key].write(array.tobytes())
    _write(path, empty, spill.folder, keys, count)
    return len(chosen), count


def _stretches(
    spill: Spill,
    which: int,
    index: Int64[np.ndarray, "row"],
    frame: Int64[np.ndarray, "every_row"],
    times: Tensor,
    K: Tensor,
    body: BodyModel,
    config: SmoothConfig,
    shape: Float[Tensor, "beta"],
) -> Iterator[Track]:
    """A track, finished, piece by piece: each piece is made with enough rows around it, and cut."""
    margin = MARGIN[config.method]
    for start in range(0, len(index), STRETCH):
        low, high = max(0, start - margin), min(len(index), start + STRETCH + margin)
        track = finish_track(_track(spill.take(index[low:high]), which), body, K, times, config, shape)
        first = 0 if start == 0 else int(frame[index[start]])
        last = int(frame[index[start + STRETCH]]) if start + STRETCH < len(index) else int(times.shape[0])
        keep = (track.frame_index >= first) & (track.frame_index < last)
        yield track[keep]


def _track(rows: np.ndarray, which: int) -> Track:
    arrays = {key: rows[key].copy() for key in rows.dtype.names or ()}  # of one row, too, with strides that torch takes
    person = Person(**rows_of_arrays(arrays))
    known: dict[str, Any] = {field.name: getattr(person, field.name) for field in fields(Person)}
    known |= {key: torch.from_numpy(arrays[key]) for key in ROW_KEYS if key != "track_id"}
    return Track(id=which, **known)


def _columns(track: Track) -> dict[str, np.ndarray]:
    found = {key: getattr(track, key).numpy() for key in ROW_KEYS if key != "track_id"}
    return found | {"track_id": np.full(len(track), track.id, np.int64)}


def _write(
    path: Path, empty: Clip, folder: Path, keys: dict[str, tuple[np.dtype, tuple[int, ...]]], count: int
) -> None:
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", allowZip64=True) as archive:
        for key, array in empty.clip_arrays().items():
            with _member(archive, key) as member:
                npy.write_array(member, array, allow_pickle=False)
        for key, (kind, shape) in keys.items():
            header = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": (count, *shape)}
            with _member(archive, key) as member, open(folder / f"final_{key}.bin", "rb") as source:
                npy.write_array_header_1_0(member, header)
                while piece := source.read(_COPY):
                    member.write(piece)


def _member(archive: zipfile.ZipFile, key: str) -> Any:
    """A member whose bytes depend on nothing but its content."""
    return archive.open(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True)
