"""What other programs said about people, read from files: guesses, and whom in which picture each is about.

Three forms are read from one folder (or one table): result files of `mien predict`; the .npz of SMPLer-X with its .json
of camera and box; a plain table, .csv or .parquet (`mien.evaluate.guess_table`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.data.readers.base import load_json
from mien.data.samples import PARAMS
from mien.errors import InputError
from mien.evaluate.guess_table import read_table
from mien.files import sha256
from mien.geometry.rotation import matrix_from_axis_angle
from mien.npz import open_npz
from mien.records import SmplxParams
from mien.scene import Scene, read

__all__ = ["Guess", "Guesses", "params_of", "read_guesses"]

TABLES = (".csv", ".parquet")
UPSTREAM_KEYS = {"global_orient", "body_pose", "betas", "left_hand_pose", "right_hand_pose", "transl"}
PLAIN = ("betas", "expression", "transl")


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """What is said about one person."""

    picture: str
    """The picture's path without its ending, as the file tells it."""
    where: str
    """The file, and what in it: for messages."""
    params: SmplxParams | None
    """Batch of one, absolute hands; None where there are only joints."""
    K: Float[Tensor, "3 3"] | None
    """The camera of the parameters, pixels of the picture."""
    box: Float32[np.ndarray, "4"] | None
    """x, y, width, height, pixels."""
    score: float = 1.0
    """Of the detection, where the file says it."""
    joints: Float[Tensor, "137 3"] | None = None
    pixels: Float[Tensor, "137 2"] | None = None
    known: str = ""
    """Who it is said to be about, where the file says so."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guesses:
    """All that one system said."""

    name: str
    family: str
    """Of the body of the parameters; empty where there are only joints."""
    kind: str
    guesses: tuple[Guess, ...]
    by_picture: dict[str, tuple[int, ...]]
    """Places in `guesses`, by the whole path of the picture without its ending."""
    sha256: str = ""
    """Of the names and hashes of all files."""
    warning: str = ""

    def of(self, image: str) -> tuple[int, ...]:
        """The guesses about a picture. Paths are compared from their ends: `a/b/c` is also about `x/a/b/c`.

        Raises:
            InputError: two pictures could be meant.
        """
        parts = re.sub(r"\.\w{1,5}$", "", image.replace("\\", "/")).strip("/").split("/")
        for start in range(len(parts)):
            if (tail := "/".join(parts[start:])) in self.by_picture:
                return self.by_picture[tail]
        fits = [name for name in self._by_last_part.get(parts[-1], ()) if name.endswith("/" + "/".join(parts))]
        if len(fits) > 1:
            raise InputError(f"{image} could be {' or '.join(sorted(fits)[:3])}", expected="paths that tell them apart")
        return self.by_picture[fits[0]] if fits else ()

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        """Pictures by what stands behind the last slash."""
        found: dict[str, list[str]] = {}
        for name in self.by_picture:
            found.setdefault(name.rpartition("/")[2], []).append(name)
        return found


def read_guesses(path: Path, *, mean_hands: Float32[np.ndarray, "2 15 3"] | None = None, name: str = "") -> Guesses:
    """Read a folder of predictions, or a table.

    Args:
        path: a folder with .npz of `mien predict` or SMPLer-X, or one with a table; or a table.
        mean_hands: axis-angle of the relaxed hands, for files whose hands are relative to them (SMPLer-X).
        name: what to call the system; the folder or table by default.

    Raises:
        InputError: nothing is there, a file is damaged, files are of several kinds or bodies, or one person of one
            picture is there twice.
    """
    tables = [path] if path.is_file() else sorted(each for each in _walk(path) if each.suffix in TABLES)
    found, families, warnings = list[Guess](), set[str](), set[str]()
    if tables and (path.is_file() or not any(each.suffix == ".npz" for each in _walk(path))):
        kind = "table"
        for table in tables:
            found += [Guess(**_with_params(row)) for row in read_table(table, families)]
    else:
        kind = ""
        for file in sorted(each for each in _walk(path) if each.suffix == ".npz"):
            kind_here, guesses = _file(file, path, mean_hands, families, warnings)
            if kind and kind_here != kind:
                raise InputError(f"{path} mixes {kind} and {kind_here} ({file})", todo="give each a folder of its own")
            kind = kind_here
            found += guesses
    if not found:
        raise InputError(
            f"{path} holds no predictions", expected=".npz of mien predict or of SMPLer-X, or a .csv or .parquet table"
        )
    if len(families) > 1:
        raise InputError(f"{path} mixes bodies: {', '.join(sorted(families))}", todo="give each a folder of its own")
    _check_twice(found)
    by_picture: dict[str, list[int]] = {}
    for i, guess in enumerate(found):
        by_picture.setdefault(guess.picture, []).append(i)
    return Guesses(
        name=name or path.stem,
        family=families.pop() if families else "",
        kind=kind,
        guesses=tuple(found),
        sha256=_digest(path),
        by_picture={picture: tuple(places) for picture, places in by_picture.items()},
        warning="; ".join(sorted(warnings)),
    )


def _digest(path: Path) -> str:
    files = [path] if path.is_file() else sorted(_walk(path))
    lines = [f"{each.name} {sha256(each)}\n" for each in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _walk(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        raise InputError(f"{path} does not exist", expected="a folder of predictions, or a table")
    return (each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))


def _file(
    file: Path, root: Path, mean_hands: np.ndarray | None, families: set[str], warnings: set[str]
) -> tuple[str, list[Guess]]:
    """The guesses of one .npz."""
    keys = set(open_npz(file))
    if "schema_version" in keys and "crop_K" in keys:
        scene = read(file)
        families.add(scene.origin.body_family)
        warnings.update({scene.origin.warning} - {""})
        return "results of mien predict", _of_scene(scene, file, root)
    if keys >= UPSTREAM_KEYS:
        families.add("smplx")
        return "results of SMPLer-X", [_of_upstream(file, root, mean_hands)]
    missing = ", ".join(sorted(UPSTREAM_KEYS - keys))
    raise InputError(f"{file} lacks {missing}", expected="a result of mien predict or of SMPLer-X")


def _of_scene(scene: Scene, file: Path, root: Path) -> list[Guess]:
    """Ours: a person a row, in the camera that the network saw it with, unless its orientation was corrected."""
    found: list[Guess] = []
    own = scene.orientation == "network"
    picture = file.relative_to(root).with_suffix("").as_posix()
    for i in range(len(scene)):
        where = f"{file}, person {i}"
        params = _sized(scene.params[i : i + 1], where)
        if own:
            transl, root_turn = scene.crop_transl[i : i + 1], scene.crop_global_orient[i : i + 1]
            params = SmplxParams(**{**vars(params), "transl": transl, "global_orient": root_turn})
        corners = scene.bbox[i].numpy()
        found.append(
            Guess(
                picture=picture,
                where=where,
                params=params,
                K=scene.crop_K[i] if own else scene.K,
                box=np.concatenate([corners[:2], corners[2:] - corners[:2]]).astype(np.float32),
                score=float(scene.score[i]),
            )
        )
    return found


def _sized(params: SmplxParams, where: str) -> SmplxParams:
    """Shape and expression in as many numbers as labels have; `InputError` if more of them say something."""
    found: dict[str, Tensor] = {}
    for name in ("betas", "expression"):
        value, (size,) = getattr(params, name), PARAMS[name]
        if value[:, size:].any():
            raise InputError(f"{where}: {value.shape[1]} numbers of {name}", expected=f"at most {size}, as labels have")
        found[name] = torch.nn.functional.pad(value[:, :size], (0, max(0, size - value.shape[1])))
    return replace(params, **found)


def _of_upstream(file: Path, root: Path, mean_hands: np.ndarray | None) -> Guess:
    """SMPLer-X: `smplx/000001_0.npz` is person 0 of picture 000001, `meta/000001_0.json` its camera and box.

    Hands are offsets from the mean hand; they become absolute.
    """
    stored = open_npz(file)
    values: dict[str, Any] = {}
    for key, shape in PARAMS.items():
        name = {"leye_pose": "leye", "reye_pose": "reye"}.get(key, key)
        raw = np.asarray(stored[name] if name in stored else stored[key] if key in stored else np.zeros(shape))
        if raw.size != np.prod(shape) or raw.dtype.kind not in "biuf" or not np.isfinite(raw).all():
            raise InputError(f"{file}: {name} is of shape {raw.shape}", expected=f"{np.prod(shape)} finite numbers")
        values[key] = raw.astype(np.float32).reshape(1, *shape)
    if mean_hands is not None:
        for i, side in enumerate(("left", "right")):
            values[f"{side}_hand_pose"] = values[f"{side}_hand_pose"] + mean_hands[i]
    relative = file.relative_to(root)
    parts = [part for part in relative.parts[:-1] if part != "smplx"]
    stem, _, person = relative.stem.rpartition("_")
    stem, person = (stem, person) if stem and person.isdigit() else (relative.stem, "")
    camera, box = _upstream_meta(file)
    return Guess(
        picture="/".join([*parts, stem]), where=str(file), params=params_of(values), K=camera, box=box, known=person
    )


def _upstream_meta(file: Path) -> tuple[Tensor | None, np.ndarray | None]:
    """Camera and box of the json beside a result, or in a folder `meta` beside its folder."""
    places = [file.with_suffix(".json"), file.parent.parent / "meta" / f"{file.stem}.json"]
    place = next((each for each in places if each.exists()), None)
    if place is None:
        return None, None
    meta = load_json(place)
    try:
        focal, centre = (np.asarray(meta[name], dtype=np.float64).ravel()[:2] for name in ("focal", "princpt"))
        K = torch.tensor([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]).float()
        box = np.asarray(meta["bbox"], dtype=np.float32).ravel()[:4] if "bbox" in meta else None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, RuntimeError) as error:
        raise InputError(f"{place} has no camera ({error})", expected="focal, princpt and bbox") from error
    return K, box if box is not None and box.shape == (4,) else None


def params_of(values: dict[str, np.ndarray]) -> SmplxParams:
    """Axis-angles, shape and translation (one row each) as parameters."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)) for name, value in values.items()}
    return SmplxParams(
        **{name: value if name in PLAIN else matrix_from_axis_angle(value) for name, value in tensors.items()}
    )


def _with_params(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table with its numbers made parameters."""
    return {**row, "params": None if row["params"] is None else params_of(row["params"])}


def _check_twice(guesses: Sequence[Guess]) -> None:
    """Raise `InputError` if somebody who has a name is there twice."""
    seen: dict[tuple[str, str], str] = {}
    for guess in guesses:
        key = (guess.picture, guess.known)
        if guess.known and key in seen:
            raise InputError(
                f"person {guess.known!r} of {guess.picture} is there twice: {seen[key]} and {guess.where}",
                expected="each person of a picture once",
            )
        seen[key] = guess.where
