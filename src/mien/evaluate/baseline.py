"""The best that can be said without looking: one constant person for all pictures, and its file.

Two constants, since no single one is best at both: `body` minimises the mean PVE of a training set, `hands` the mean
wrist-aligned PVE of its hands. A network that learned anything beats them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from pydantic import ConfigDict

from mien.body.model import BodyModel
from mien.data.manifest import parse, write_json
from mien.data.samples import PARAMS
from mien.errors import BodyError, InputError
from mien.evaluate.predicting import Answer
from mien.files import read_json
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.records import SmplxParams

__all__ = ["Baseline", "BaselinePredictor", "Provenance", "plain_params", "read_baseline", "tensor_params"]

SCHEMA_VERSION = 1
PLAIN = ("betas", "expression", "transl")
"""Parameters that are no rotations."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a baseline comes from."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    body_family: str
    body_sha256: str
    sources: dict[str, str]
    """SHA-256 of each training file, by folder and file name."""
    people: int
    """Of which it is the best constant."""
    seed: int
    """With which they were drawn."""
    before: dict[str, float]
    """Mean errors of the mean pose on them, millimetres: `pve`, `pve_hand`."""
    after: dict[str, float]
    """The same of the two constants."""
    mien_version: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """Constant parameters, one person each; in the virtual camera of any crop."""

    body: SmplxParams
    hands: SmplxParams
    provenance: Provenance

    def write(self, path: Path) -> None:
        """Write it as JSON: rotations as axis-angle.

        Raises:
            OutputError: the file cannot be written.
        """
        record = {"schema_version": SCHEMA_VERSION, "provenance": asdict(self.provenance)}
        record |= {name: plain_params(getattr(self, name)) for name in ("body", "hands")}
        write_json(path, record)


@dataclass(frozen=True, kw_only=True, eq=False)
class BaselinePredictor:
    """Says the same of everybody."""

    baseline: Baseline
    image_size: None = None

    def __call__(
        self, crops: Float32[np.ndarray, "batch height width 3"] | None, rows: Int64[np.ndarray, "batch"]
    ) -> Answer:
        """The constant, for so many people."""
        del crops
        one = Answer(params=self.baseline.body, hands=self.baseline.hands)
        return one.map(lambda tensor: tensor.expand(len(rows), *tensor.shape[1:]))


def read_baseline(path: Path, body: BodyModel | None = None) -> Baseline:
    """Read what `Baseline.write` wrote.

    Args:
        path: of the JSON file.
        body: what it must belong to, if that matters.

    Raises:
        InputError: it is missing, damaged, or of another version.
        BodyError: it is of another body family.
    """
    try:
        record = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", expected="a baseline that mien wrote") from error
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        raise InputError(f"{path} is no baseline of version {SCHEMA_VERSION}", todo="fit it anew: baseline:FOLDER")
    provenance: Provenance = parse(Provenance, record.get("provenance", {}), path)
    if body is not None and provenance.body_family != body.family:
        raise BodyError(
            f"{path} is a baseline for a {provenance.body_family!r} body, {body.path.name} is a {body.family!r} body",
            todo="fit another one: baseline:FOLDER",
        )
    params = {name: tensor_params(record.get(name), path) for name in ("body", "hands")}
    return Baseline(body=params["body"], hands=params["hands"], provenance=provenance)


def plain_params(params: SmplxParams) -> dict[str, list[Any]]:
    """The parameters of one person as lists of numbers; rotations as axis-angle, radians."""
    found: dict[str, list[Any]] = {}
    for name in (each.name for each in fields(params)):
        value = getattr(params, name)[0].double()
        found[name] = (value if name in PLAIN else axis_angle_from_matrix(value)).tolist()
    return found


def tensor_params(record: Any, path: Path) -> SmplxParams:
    """`plain_params` back; `path` is what errors name."""
    values: dict[str, torch.Tensor] = {}
    for name, shape in PARAMS.items():
        try:
            value = np.array(record[name], dtype=np.float64)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise InputError(f"{path}: {name} is missing or holds no numbers", todo="fit it anew") from error
        if value.shape != shape or not np.isfinite(value).all():
            raise InputError(f"{path}: {name} is of shape {value.shape}", expected=f"finite numbers, {shape}")
        tensor = torch.from_numpy(value)[None]
        values[name] = (tensor if name in PLAIN else matrix_from_axis_angle(tensor)).float()
    return SmplxParams(**values)
