"""A HumanData file with another body's parameters, written again with neutral SMPL-X parameters beside them.

This is how the published `_fix_betas` files came about; `mien data fit` does it for a file of yours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.fit import BetasAdapter, fit_betas_adapter, fit_to_smplx, read_transfer
from mien.data.humandata import BODY_FAMILIES, GENDERS, HumanData, to_array
from mien.errors import AssetMissing, InputError
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle

__all__ = ["Refit", "refit"]

BATCH = 16
_HANDS = slice(22, 24)
"""Joints of SMPL that carry the fingers."""
_SMPL = ("global_orient", "body_pose", "betas")
_NEEDED = {"smplx": ("betas",), "smpl": _SMPL, "smplh": _SMPL}
"""What a file must say of each body."""


@dataclass(frozen=True, kw_only=True)
class Refit:
    """What was done to a file."""

    what: str
    rows: int
    error: float
    """Mean distance of vertices, millimetres."""
    genders: dict[str, int]


def refit(
    path: Path,
    out: Path,
    bodies: Path | None = None,
    transfer: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    gender: str = "",
) -> Refit:
    """Write `out`: the file at `path` with `smplx.betas_neutral`, or with `smplx` where it only has SMPL or SMPL-H.

    SMPL says nothing of fingers: then there are no hand poses. Those of SMPL-H are kept.

    Args:
        path: a HumanData file.
        out: where to.
        bodies: folder of the body models; by default the usual places.
        transfer: smplx2smpl.pkl; by default beside the bodies. Only needed for SMPL and SMPL-H.
        progress: called with rows done, and of how many.
        gender: of all people, where the file says none.

    Raises:
        InputError: the file has no people, lacks parameters, or says no gender and none is given.
        AssetMissing: a body model, or the transfer, is not there.
    """
    data = HumanData.read(path)
    family = _family(data, path)
    genders = _genders(data, path, gender)
    if family == "smplx":
        smplx = data.params["smplx"]
        betas, error = _neutral(np.asarray(smplx["betas"], dtype=np.float32), genders, bodies)
        params, what = {**smplx, "betas_neutral": betas}, "betas_neutral"
        progress(len(data), len(data))
    else:
        params, error = _from_smpl(data.params[family], genders, bodies, transfer, progress)
        what = f"smplx from {family}"
    replace(data, params={**data.params, "smplx": params}).write(out)
    return Refit(what=what, rows=len(data), error=error, genders=dict(Counter(genders)))


def _family(data: HumanData, path: Path) -> str:
    """Whose parameters the file has; all that is asked of them later is there, a row of numbers for each person."""
    family = next((name for name in BODY_FAMILIES if name in data.params), None)
    if family is None or not len(data):
        found = "no body parameters" if family is None else "no people"
        raise InputError(f"{path} has {found}", expected="the key smplx, smpl or smplh, with a row for each person")
    params = data.params[family]
    for name in _NEEDED[family]:
        if name not in params:
            raise InputError(f"{path}: {family} has no {name}", expected=", ".join(_NEEDED[family]))
    for name in {*_NEEDED[family], "transl"} & {*params}:
        value, whole = params[name], {"global_orient": (3,), "transl": (3,), "body_pose": (63, 69)}.get(name)
        width = value[:1].size
        if value.dtype.kind not in "biuf" or value.ndim < 2 or (whole is not None and width not in whole):
            found = f"{path}: {family}.{name} is {value.dtype} of shape {value.shape}"
            wanted = " or ".join(map(str, whole)) + " numbers" if whole else "coefficients"
            raise InputError(found, expected=f"{wanted} for each of {len(data)} people")
    return family


def _genders(data: HumanData, path: Path, gender: str) -> list[str]:
    """Of each row; `gender` where the file says nothing."""
    words = data.meta.get("gender")
    if words is None:
        if not gender:
            raise InputError(f"{path} says no gender (meta: gender)", todo="name the one of all people with --gender")
        words = gender
    words = [str(word) for word in np.atleast_1d(to_array(f"{path}: meta: gender", words)).reshape(-1)]
    if len(words) not in (1, len(data)):
        raise InputError(f"{path}: meta: gender has {len(words)} rows", expected=f"{len(data)}, as image_path has")
    unknown = next((i for i, word in enumerate(words) if word.lower() not in GENDERS), None)
    if unknown is not None:
        raise InputError(
            f"{path}: meta: gender: row {unknown} says {words[unknown]!r}", expected="male, female or neutral"
        )
    return [GENDERS[word.lower()] for word in words] * (len(data) if len(words) == 1 else 1)


def _neutral(
    betas: Float[np.ndarray, "row beta"], genders: list[str], bodies: Path | None
) -> tuple[Float[np.ndarray, "row beta"], float]:
    """Betas of the neutral body; the neutral rows keep theirs."""
    found, total = betas.copy(), 0.0
    count = betas.shape[1]
    for gender in sorted({*genders} - {"neutral"}):
        rows = np.array([each == gender for each in genders])
        adapter = _adapter(gender, bodies, count)
        found[rows] = adapter(torch.from_numpy(betas[rows])).numpy()
        total += adapter.error * rows.sum()
    return found, total / max(1, len(betas))


@cache
def _adapter(gender: str, bodies: Path | None, num_betas: int) -> BetasAdapter:
    source, target = (
        BodyModel.load(find_body(bodies, family="smplx", gender=each), num_betas=num_betas)
        for each in (gender, "neutral")
    )
    return fit_betas_adapter(source, target)


def _from_smpl(
    params: Mapping[str, np.ndarray],
    genders: list[str],
    bodies: Path | None,
    transfer: Path | None,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Any], float]:
    """SMPL-X parameters of SMPL or SMPL-H rows. SMPL-H shares SMPL's mesh; its fingers are copied as they are."""
    target = BodyModel.load(find_body(bodies, family="smplx"))
    matrix = read_transfer(_transfer(bodies) if transfer is None else transfer)
    count = len(params["betas"])
    parts: list[dict[str, np.ndarray]] = []
    errors = np.zeros(count, dtype=np.float32)
    order = np.argsort(np.array(genders), kind="stable")
    for gender in sorted(set(genders)):
        source = BodyModel.load(find_body(bodies, family="smpl", gender=gender))
        fingers = source.weights[:, _HANDS].sum(1) > 0.5
        rows = order[[genders[i] == gender for i in order]]
        for first in range(0, len(rows), BATCH):
            chosen = rows[first : first + BATCH]
            meshes, rotations = _smpl_meshes(source, params, chosen)
            fitted = fit_to_smplx(target, meshes, rotations, matrix, leave_out=fingers)
            vectors = axis_angle_from_matrix(fitted.params.full_pose()).numpy()
            plain = {name: getattr(fitted.params, name).numpy() for name in ("betas", "expression", "transl")}
            parts.append({**_named(vectors), **plain})
            errors[chosen] = fitted.error.numpy()
            progress(sum(len(part["betas"]) for part in parts), count)
    back = np.argsort(order, kind="stable")
    joined = {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}
    copied = {name: np.asarray(params[name]) for name in ("left_hand_pose", "right_hand_pose") if name in params}
    return {**joined, **copied}, float(errors.mean())


def _named(vectors: Float[np.ndarray, "row 55 3"]) -> dict[str, np.ndarray]:
    """Without the hands, of which the other body's mesh says nothing."""
    names = ("jaw_pose", "leye_pose", "reye_pose")
    return {
        "global_orient": vectors[:, 0],
        "body_pose": vectors[:, 1:22],
        **{name: vectors[:, 22 + i] for i, name in enumerate(names)},
    }


def _smpl_meshes(
    body: BodyModel, params: Mapping[str, np.ndarray], rows: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Meshes and rotations of SMPL's 24 joints; joints that the file leaves out are at rest."""
    root = np.asarray(params["global_orient"], dtype=np.float32)[rows].reshape(len(rows), 1, 3)
    pose = np.asarray(params["body_pose"], dtype=np.float32)[rows].reshape(len(rows), -1, 3)
    vectors = np.zeros((len(rows), body.num_joints, 3), dtype=np.float32)
    joined = np.concatenate([root, pose], 1)[:, : body.num_joints]
    vectors[:, : joined.shape[1]] = joined
    rotations = matrix_from_axis_angle(torch.from_numpy(vectors))
    betas = torch.from_numpy(np.asarray(params["betas"], dtype=np.float32)[rows, : body.num_betas])
    transl = torch.from_numpy(np.asarray(params.get("transl", np.zeros((len(root), 3))), dtype=np.float32))
    transl = transl[torch.from_numpy(rows)] if "transl" in params else transl
    with torch.no_grad():
        return body.shape(betas).pose(rotations, transl).mesh(), rotations


def _transfer(bodies: Path | None) -> Path:
    neutral = find_body(bodies, family="smplx")
    places = [folder / "smplx2smpl.pkl" for folder in (neutral.parent, neutral.parent.parent)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        todo = "it comes with SMPL-X (https://smpl-x.is.tue.mpg.de, model transfer); name it with --transfer"
        raise AssetMissing("smplx2smpl.pkl", searched=[place.parent for place in places], obtain=todo)
    return found
