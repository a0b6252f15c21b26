"""Body model files: where they lie, and what to say of one that a user has found.

`find_body` looks in the folders that SMPL-X users have, `read_body` reads what it found, and `check_body` tells a
user what a file is, whether it is whole, and where to get another. numpy only, so that the command line stays quick.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mien.body.reading import KINDS, BodyArrays, Family, Gender, Reading, open_source, read_body
from mien.errors import AssetMissing, InputError, MienError, closest
from mien.files import data_folders, opened, sha256

__all__ = ["BodyArrays", "BodyReport", "check_body", "find_body", "read_body"]

_GENDERS: tuple[Gender, ...] = ("neutral", "male", "female")
_OPEN_BODY = "openbody_SMPLX_NEUTRAL.npz"
_LAYOUTS = ("models/{}", "human_model_files/{}", "{}", ".")
_SIDE_FILES: dict[tuple[str, tuple[int, ...]], str] = {
    ("", (14, 10475)): "regressor of 14 joints from SMPL-X vertices (SMPLX_to_J14)",
    ("", (5023,)): "vertex ids of the FLAME head in SMPL-X (SMPL-X__FLAME_vertex_ids)",
    ("matrix", (6890, 10475)): "map from SMPL-X to SMPL vertices (smplx2smpl)",
    ("left_hand", (778,)): "vertex ids of the MANO hands in SMPL-X (MANO_SMPLX_vertex_ids)",
}


@dataclass(frozen=True, kw_only=True)
class BodyReport:
    """What a file is, for `mien body check`. Numbers are None where the file is no body or does not say them."""

    path: Path
    sha256: str
    what: str
    """In words: `SMPL-X body`, or the side file that it is."""
    family: Family | None = None
    gender: Gender | None = None
    num_verts: int | None = None
    num_faces: int | None = None
    num_joints: int | None = None
    num_betas: int | None = None
    num_expressions: int | None = None
    has_pose_correctives: bool | None = None
    has_mean_hands: bool | None = None
    has_landmarks: bool | None = None
    missing: tuple[str, ...] = ()
    """Arrays that a file of this family must hold and this one does not."""
    obtain: str = ""
    """How to get a whole file."""
    problems: tuple[str, ...] = ()
    """All that is wrong with it, a line each; empty for a whole body and for a side file."""

    @property
    def ok(self) -> bool:
        """Whether the file can be used for what it is."""
        return not self.problems


def find_body(body: str | Path | None, *, family: str | None = None, gender: str = "neutral") -> Path:
    """The body model file that is meant.

    Args:
        body: a file; a folder; a family's name (`openbody` is the body that comes with the package); or None to look
            in the usual folders only.
        family: `smplx` (if None), `openbody` or `smpl`.
        gender: `neutral`, `male` or `female`.

    Looks in the given folder, then in `MIEN_HOME`, then in the platform's data folder; in each under `models/smplx/`,
    `human_model_files/smplx/`, `smplx/` and directly, for `SMPLX_NEUTRAL.npz`, then `.pkl` (and so on for SMPL).
    A file or a folder that is named and not there is never replaced by another.

    Raises:
        AssetMissing: it lies in none of them, or what is named is not there.
        InputError: there is no such family or gender.
    """
    if isinstance(body, str) and body in KINDS and (body == "openbody" or not Path(body).exists()):
        body, family = None, body
    family = family or "smplx"
    if family not in KINDS or gender not in _GENDERS:
        word, known = (family, list(KINDS)) if family not in KINDS else (gender, list(_GENDERS))
        raise InputError(f"no body is called {word!r}", todo=closest(word, known))
    if body is None and family == "openbody":
        return _open_body(gender)
    given = [] if body is None else [Path(body).expanduser()]
    if given and given[0].is_file():
        return given[0]
    if given and not given[0].is_dir():
        named = "/" not in str(body) and given[0].suffix not in (".npz", ".pkl")
        todo = "check the spelling of --body" + (f": {closest(str(body), KINDS)}" if named else "")
        raise AssetMissing(given[0].name, searched=[given[0].parent], obtain=todo)
    folders = given + data_folders()
    stem = _OPEN_BODY[:-4] if family == "openbody" else f"{family.upper()}_{gender.upper()}"
    for folder in folders:
        for layout in _LAYOUTS:
            for suffix in (".npz", ".pkl"):
                path = folder / layout.format(family) / (stem + suffix)
                if path.is_file():
                    return path
    todo = f"{KINDS[family].obtain}; put it in {data_folders()[0] / 'models' / family} or name it with --body"
    raise AssetMissing(f"{KINDS[family].title} {stem}.npz (or .pkl)", searched=folders, obtain=todo)


def _open_body(gender: str) -> Path:
    if gender != "neutral":
        raise InputError(f"the open body has no {gender} form", expected="neutral")
    path = Path(str(resources.files("mien.body"))) / "data" / _OPEN_BODY
    if not path.is_file():
        raise AssetMissing(_OPEN_BODY, searched=[path.parent], obtain=KINDS["openbody"].obtain)
    return path


def check_body(path: Path) -> BodyReport:
    """Say what a file is and all that is wrong with it, without stopping at the first problem.

    Raises:
        InputError: there is no such file, or it cannot be opened.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file", expected="a body model file", todo="check the spelling")
    with opened(path):
        digest = sha256(path)
    try:
        source = open_source(path)
    except MienError as error:
        return BodyReport(path=path, sha256=digest, what="no body model", problems=(str(error),))
    side = _side_file(source)
    if side:
        return BodyReport(path=path, sha256=digest, what=side)
    reading = Reading(path, source)
    return _report(reading, reading.arrays(), source, digest)


def _report(reading: Reading, arrays: dict[str, Any], source: Any, digest: str) -> BodyReport:
    def size(key: str, axis: int) -> int | None:
        return None if arrays.get(key) is None else arrays[key].shape[axis]

    def has(*keys: str) -> bool | None:
        return all(arrays.get(key) is not None for key in keys) if kind else None

    kind = KINDS[reading.family] if reading.family else None
    return BodyReport(
        path=reading.path,
        sha256=digest,
        what=kind.title if kind else _describe(source),
        family=reading.family,
        gender=reading.gender if kind else None,
        num_verts=size("v_template", 0),
        num_faces=size("faces", 0),
        num_joints=size("parents", 0),
        num_betas=size("shapedirs", 2),
        num_expressions=size("exprdirs", 2),
        has_pose_correctives=has("posedirs"),
        has_mean_hands=has("hands_meanl", "hands_meanr"),
        has_landmarks=has("lmk_faces_idx", "dynamic_lmk_faces_idx"),
        missing=tuple(reading.missing),
        obtain=kind.obtain if kind and reading.problems else "",
        problems=tuple(str(problem) for problem in reading.problems),
    )


def _side_file(source: Any) -> str | None:
    """What a file that comes with the body models is, by the shape of what it holds."""
    for (key, shape), what in _SIDE_FILES.items():
        value = source.get(key) if isinstance(source, dict) else source if not key else None
        if getattr(value, "shape", None) == shape:
            return what
    return None


def _describe(source: Any) -> str:
    if isinstance(source, np.ndarray):
        return f"an array of shape {source.shape}, no body model"
    if not isinstance(source, Iterable):
        return f"{type(source).__name__}, no body model"
    names = [key if isinstance(key, str) else type(key).__name__ for key in source]
    keys = [name.encode("unicode_escape").decode("ascii")[:40] for name in names]
    if "image_path" in keys:
        return "HumanData annotations, no body model"
    return f"no body model; it holds {', '.join(keys[:12]) or 'nothing'}"
