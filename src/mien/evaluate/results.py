"""What an evaluation found: every measure of every person, and their means, which add up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from mien.metrics.interval import bootstrap
from mien.metrics.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MISSING", "SHOWN", "Results"]

SHOWN: dict[str, str] = {
    "pve": "PVE",
    "pa_pve": "PA-PVE",
    "pve_hand": "hands",
    "pa_pve_hand": "PA hands",
    "pve_face": "face",
    "pa_pve_face": "PA face",
    "mpjpe_body": "MPJPE",
    "pa_mpjpe_body": "PA-MPJPE",
    "kp2d_box": "2D %",
}
"""What a printed table shows, and how it calls it."""
MISSING = "no prediction"
"""The problem of people about whom nothing was said."""
_TEXT, _BOX = ("folder", "file", "image", "problem", "posture", "track"), "xywh"
_FLAGS = ("whole", "left_hand", "right_hand", "face")
_TRAIT, _PLAIN = "trait_", (*_TEXT, "row", "box", "flags")


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """Measures of people, a row each, in the order of the folder."""

    folder: np.ndarray
    """Name of the folder or recipe (str), as are the next three."""
    file: np.ndarray
    image: np.ndarray
    problem: np.ndarray
    """Why somebody could not be measured; empty where all is well."""
    posture: np.ndarray
    """What the labels call the posture; empty where they do not."""
    track: np.ndarray
    """Who it is in which clip; empty where the labels do not say."""
    motion: Float32[np.ndarray, "person number"]
    """Joints for `mien.evaluate.motion`, until all people are there; no numbers where there are no tracks."""
    row: Int64[np.ndarray, "person"]
    """Of the file."""
    box: Float32[np.ndarray, "person 4"]
    """x, y, width, height, tight, pixels."""
    flags: Bool[np.ndarray, "person 4"]
    """Whether the truth has a whole body, a left hand, a right hand, a face."""
    traits: Mapping[str, Float64[np.ndarray, "person"]]
    """What the person and the picture are like, see `mien.evaluate.traits`; NaN where that is not known."""
    values: Mapping[str, Float64[np.ndarray, "person"]]
    """By measure: millimetres, or what the name says. NaN where the answer itself is none; 0 where not valid."""
    valid: Mapping[str, Bool[np.ndarray, "person"]]
    """By measure: False where the truth does not have the part, or the person was not measured."""

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def cat(cls, parts: Sequence[Results]) -> Results:
        """Join results; a measure that a part lacks is valid for nobody there."""
        columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PLAIN}
        for name, absent in (("values", 0.0), ("valid", False), ("traits", np.nan)):
            names = dict.fromkeys(each for part in parts for each in getattr(part, name))
            columns[name] = {
                each: np.concatenate([getattr(part, name).get(each, np.full(len(part), absent)) for part in parts])
                for each in names
            }
        wide = max(part.motion.shape[1] for part in parts)
        columns["motion"] = np.full((len(columns["row"]), wide), np.nan, np.float32)
        start = 0
        for part in parts:
            columns["motion"][start : start + len(part), : part.motion.shape[1]] = part.motion
            start += len(part)
        return cls(**columns)

    @property
    def tallies(self) -> dict[str, Tally]:
        """Sums by measure, which merge in any order."""
        return {name: Tally.of(value, self.valid[name]) for name, value in self.values.items()}

    @property
    def summary(self) -> dict[str, float]:
        """Means by measure; measures without samples are not in it."""
        return {name: tally.mean for name, tally in self.tallies.items() if tally.mean is not None}

    @property
    def num_skipped(self) -> int:
        """People whose picture could not be looked at."""
        return int((self.problem != "").sum()) - self.num_missing

    @property
    def num_missing(self) -> int:
        """People about whom nothing was said."""
        return int((self.problem == MISSING).sum())

    @property
    def pictures_missing(self) -> list[str]:
        """What is wrong with pictures, a line for each person."""
        return [problem for problem in self.problem.tolist() if problem and problem != MISSING]

    def intervals(self, names: Sequence[str], seed: int = 0) -> dict[str, tuple[float, float]]:
        """95 % intervals of the means of some measures; those without samples are not in it."""
        here = [name for name in names if name in self.values and self.valid[name].any()]
        if not here:
            return {}
        columns = [np.stack([getattr(self, part)[name] for name in here], 1) for part in ("values", "valid")]
        found = bootstrap(columns[0], columns[1], seed)
        return {name: (float(low), float(high)) for name, (low, high) in zip(here, found, strict=True) if low == low}

    @property
    def by_folder(self) -> dict[str, dict[str, Tally]]:
        """`tallies` of each folder, in order."""
        names = dict.fromkeys(self.folder.tolist())
        return {str(name): self.take(self.folder == name).tallies for name in names}

    def take(self, rows: Any) -> Results:
        """The people that an index array, a slice or a mask picks."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in (*_PLAIN, "motion")}
        for name in ("values", "valid", "traits"):
            columns[name] = {each: array[rows] for each, array in getattr(self, name).items()}
        return Results(**columns)

    @property
    def table(self) -> pa.Table:
        """A row for each person, a column for each measure: null where it is not valid."""
        import pyarrow as pa

        columns: dict[str, pa.Array] = {name: pa.array(getattr(self, name), pa.string()) for name in _TEXT}
        columns["row"] = pa.array(self.row)
        columns |= {f"box_{side}": pa.array(self.box[:, i]) for i, side in enumerate(_BOX)}
        columns |= {f"has_{name}": pa.array(self.flags[:, i]) for i, name in enumerate(_FLAGS)}
        if width := self.motion.shape[1]:
            columns["motion"] = pa.FixedSizeListArray.from_arrays(pa.array(self.motion.ravel()), width)
        columns |= {f"{_TRAIT}{name}": pa.array(value, mask=np.isnan(value)) for name, value in self.traits.items()}
        columns |= {name: pa.array(value, mask=~self.valid[name]) for name, value in self.values.items()}
        return pa.table(columns)

    @classmethod
    def of_table(cls, table: pa.Table) -> Results:
        """What `table` gave."""
        import pyarrow as pa

        def plain(name: str, kind: Any) -> np.ndarray:
            return np.array(table[name].to_pylist(), dtype=kind)

        floats = [f.name for f in table.schema if f.type == pa.float64() and not f.name.startswith(_TRAIT)]
        kinds = [f.name for f in table.schema if f.name.startswith(_TRAIT)]
        columns = {name: table[name].combine_chunks() for name in floats}
        return cls(
            **{name: plain(name, object) for name in _TEXT},
            row=plain("row", np.int64),
            motion=_motion(table),
            box=np.stack([plain(f"box_{side}", np.float32) for side in _BOX], 1).reshape(-1, 4),
            flags=np.stack([plain(f"has_{name}", bool) for name in _FLAGS], 1).reshape(-1, len(_FLAGS)),
            traits={
                name.removeprefix(_TRAIT): np.asarray(table[name].combine_chunks().fill_null(np.nan)) for name in kinds
            },
            values={name: np.asarray(each.fill_null(0.0)) for name, each in columns.items()},
            valid={name: np.asarray(each.is_valid().to_numpy(zero_copy_only=False)) for name, each in columns.items()},
        )


def _motion(table: pa.Table) -> Float32[np.ndarray, "person number"]:
    """The joints of a table, if it has any."""
    if "motion" not in table.column_names:
        return np.zeros((table.num_rows, 0), np.float32)
    column = table["motion"].combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)
