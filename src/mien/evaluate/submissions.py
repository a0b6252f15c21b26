"""What the servers of AGORA, BEDLAM and SHAPY/HBW take, written so that reading it needs numpy and nothing of ours.

AGORA and BEDLAM want a zip with one pickle for each person, `predictions/IMAGE_personId_K.pkl`:

    {"params": {"transl": (1, 3), "global_orient": (1, 3), "body_pose": (1, 63), "left_hand_pose": (1, 45), ...,
                "betas": (1, 10), "expression": (1, 10)}, "joints": (1, 144, 2)}

`transl` stands in the virtual camera of the crop, hand poses are offsets from the mean hand of the SMPL-X file, eyes
are zero, as published submissions have them; joints are in pixels of 3840 x 2160 (AGORA). BEDLAM's own form
is not established: the same with pixels of 1280 x 720 is written. SHAPY/HBW wants an .npz with `image_name` and
`v_shaped`.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from mien.body.model import BodyModel
from mien.data.samples import Label
from mien.errors import BodyError, InputError, MienError
from mien.evaluate.measuring import project
from mien.evaluate.predicting import Predictor, see
from mien.evaluate.truths import Truths
from mien.files import atomic_write, opened
from mien.geometry.rotation import axis_angle_from_matrix
from mien.limits import MAX_UNPACKED
from mien.metrics.shape import rest_mesh
from mien.npz import check_table, open_npz, unpacked
from mien.unpickle import loads_pickle

__all__ = ["SIZES", "Benchmark", "check", "plain_pickle", "write_hbw", "write_people"]

Benchmark = Literal["agora", "bedlam"]
SIZES: dict[str, tuple[int, int]] = {"agora": (2160, 3840), "bedlam": (720, 1280)}
"""Height and width of the pictures that joints are told in."""
PARAMS: dict[str, int] = {
    "transl": 3, "global_orient": 3, "body_pose": 63, "left_hand_pose": 45, "right_hand_pose": 45, "reye_pose": 3,
    "leye_pose": 3, "jaw_pose": 3, "expression": 10, "betas": 10,
}  # fmt: skip
JOINTS, VERTICES, HBW_PICTURES = 144, 10475, 1631
MAX_PERSON = 2**20
"""Bytes of the file of one person."""
NAME = re.compile(r"predictions/[^/]+_personId_\d+\.pkl")
_MODERN, _CLASSIC = (f"cnumpy.{core}.multiarray\n_reconstruct\n".encode() for core in ("_core", "core"))
"""How a pickle names what makes an array: numpy 2 writes a name that older ones do not know; all know the other."""
BATCH = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class _Said:
    """About one person."""

    row: int
    params: dict[str, Float[np.ndarray, "1 _"]]
    joints: Float[np.ndarray, "144 2"]
    """Pixels of the picture."""


def write_people(
    path: Path,
    benchmark: Benchmark,
    predict: Predictor,
    people: Truths,
    body: BodyModel,
    progress: Callable[[int], None] = lambda people: None,
) -> int:
    """Ask about everybody, and write the zip, whole or not at all.

    Args:
        path: of the zip.
        benchmark: whose.
        predict: network, or predictions read from files.
        people: boxes and pictures; no truth is needed. `extra["person"]` numbers the people of a picture.
        body: an SMPL-X body.
        progress: told how many more are done.

    Returns:
        How many people are in it.

    Raises:
        BodyError: the body is no SMPL-X body.
        InputError: a picture cannot be used, somebody has no prediction, or two people would have one name.
    """
    _check_body(body)
    height, width = SIZES[benchmark]
    names = _names(people)
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for said in _said(predict, people, body):
            assert people.samples.size is not None
            scale = np.array([width, height]) / people.samples.size[said.row][::-1]
            joints = ((said.joints + 0.5) * scale - 0.5)[None].astype(np.float32)
            info = zipfile.ZipInfo(f"predictions/{names[said.row]}.pkl", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, plain_pickle({"params": said.params, "joints": joints}))
            progress(1)
    return len(people)


def write_hbw(path: Path, predict: Predictor, people: Truths, body: BodyModel) -> int:
    """Ask about everybody, and write `image_name` and `v_shaped` (person, 10475, 3): the body at rest, metres.

    Raises:
        BodyError: the body is no SMPL-X body.
        InputError: a picture cannot be used, or somebody has no prediction.
    """
    _check_body(body)
    said = _said(predict, people, body)
    meshes = [rest_mesh(body, torch.from_numpy(each.params["betas"]))[0].numpy() for each in said]
    names = np.array([str(name) for name in people.samples.image])
    with atomic_write(path) as stream:
        np.savez(stream, image_name=names, v_shaped=np.stack(meshes).astype(np.float32))  # pyright: ignore
    return len(meshes)


def plain_pickle(value: Any) -> bytes:
    """A pickle of arrays, numbers, strings and containers that every numpy can read."""
    return pickle.dumps(value, protocol=2).replace(_MODERN, _CLASSIC)


def check(path: Path) -> list[str]:
    """What is wrong with a submission; empty if nothing. A zip is AGORA's or BEDLAM's, an .npz SHAPY/HBW's.

    Raises:
        InputError: it is neither, or damaged.
    """
    if path.suffix == ".npz":
        return list(_check_hbw(path))
    try:
        with opened(path) as stream:
            check_table(stream, MAX_UNPACKED)
            with zipfile.ZipFile(stream) as archive:
                return list(_check_zip(archive))
    except MienError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read ({error})", expected="a .zip or .npz of `mien submit`") from error


def _said(predict: Predictor, people: Truths, body: BodyModel) -> Iterator[_Said]:
    """What is said about everybody, in order."""
    assert body.mean_hands is not None
    for seen in see(people, predict.image_size, BATCH):
        if problem := next((each for each in seen.problem if each), ""):
            raise InputError(problem, expected="a picture for everybody: a server wants all people")
        answer = predict(seen.crops, seen.rows)
        if answer.there is not None and not bool(answer.there.all()):
            row = int(seen.rows[int((~answer.there).nonzero()[0])])
            raise InputError(
                f"nothing is said about {people.samples.image[row]}", expected="a prediction for everybody"
            )
        params = answer.params
        if params is None:
            raise InputError("predictions without parameters", expected="SMPL-X parameters")
        joints = body.shape(params.betas, params.expression).pose(params.full_pose()).joints()
        pixels = project(answer, joints, seen.crop_box)
        assert pixels is not None
        values = {name: _flat(getattr(params, name), body.mean_hands, name) for name in PARAMS}
        for i, row in enumerate(seen.rows.tolist()):
            yield _Said(row=row, params={name: v[i : i + 1] for name, v in values.items()}, joints=pixels[i].numpy())


def _flat(value: torch.Tensor, mean_hands: torch.Tensor, name: str) -> Float[np.ndarray, "batch _"]:
    """Axis-angle; hands as offsets; eyes zero."""
    if name in ("transl", "expression", "betas"):
        return value.numpy().astype(np.float32)
    vectors = axis_angle_from_matrix(value)
    if "hand" in name:
        vectors = vectors - mean_hands[0 if name.startswith("left") else 1]
    if "eye" in name:
        vectors = torch.zeros_like(vectors)
    return vectors.reshape(len(value), -1).numpy().astype(np.float32)


def _names(people: Truths) -> list[str]:
    """`IMAGE_personId_K` of everybody."""
    numbers = people.samples.extra.get("person")
    images = [PurePosixPath(str(name)).stem for name in people.samples.image]
    if isinstance(numbers, Label):
        counted = [int(value) for value in numbers.value.reshape(-1)]
    else:
        seen: dict[str, int] = {}
        counted = []
        for image in images:
            counted.append(seen.get(image, 0))
            seen[image] = counted[-1] + 1
    names = [f"{image}_personId_{number}" for image, number in zip(images, counted, strict=True)]
    if len(set(names)) < len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two people would be called {doubled}", expected="pictures with names of their own")
    return names


def _check_body(body: BodyModel) -> None:
    if body.family != "smplx" or body.num_vertices != VERTICES:
        raise BodyError(
            f"the predictions are of a {body.family!r} body with {body.num_vertices:,} vertices",
            expected=f"SMPL-X, {VERTICES:,} vertices: servers take nothing else",
        )


def _check_zip(archive: zipfile.ZipFile) -> Iterator[str]:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if not names:
        yield "it is empty"
    if len(set(names)) < len(names):
        yield f"{Counter(names).most_common(1)[0][0]} is there twice"
    for name in names:
        if not NAME.fullmatch(name):
            yield f"{name} is not called predictions/IMAGE_personId_K.pkl"
            continue
        try:
            said = loads_pickle(unpacked(archive, name, MAX_PERSON), name)
        except ValueError as error:
            yield f"{name} cannot be unpacked: {error}"
            continue
        yield from (f"{name}: {problem}" for problem in _check_person(said))


def _check_person(said: Any) -> Iterator[str]:
    if not isinstance(said, dict) or set(said) != {"params", "joints"} or not isinstance(said["params"], dict):
        yield "it holds other things than params and joints"
        return
    wanted = {**{name: (1, size) for name, size in PARAMS.items()}, "joints": (1, JOINTS, 2)}
    found = {**said["params"], "joints": said["joints"]}
    if extra := sorted(set(found) - set(wanted)):
        yield f"it holds {', '.join(map(str, extra[:3]))}, which nobody asked for"
    for name, shape in wanted.items():
        if name not in found:
            yield f"{name} is missing"
        elif not isinstance(found[name], np.ndarray) or found[name].shape != shape:
            yield f"{name} is of shape {getattr(found[name], 'shape', type(found[name]).__name__)}, not {shape}"
        elif not np.isfinite(found[name]).all():
            yield f"{name} holds what is no number"
    joints = found.get("joints")
    if isinstance(joints, np.ndarray) and joints.shape == wanted["joints"] and np.abs(joints).max() <= 16:
        yield "joints lie within 16 pixels: are they in heat-map units?"


def _check_hbw(path: Path) -> Iterator[str]:
    arrays = open_npz(path)
    missing = [name for name in ("image_name", "v_shaped") if name not in arrays]
    if missing:
        yield f"{', '.join(missing)} missing"
        return
    names, meshes = arrays["image_name"], arrays["v_shaped"]
    if names.ndim != 1 or names.dtype.kind not in "US" or meshes.dtype.kind != "f":
        yield f"image_name is {names.dtype} of shape {names.shape}, v_shaped {meshes.dtype}, not names and numbers"
        return
    if meshes.ndim != 3 or meshes.shape[1:] != (VERTICES, 3) or len(meshes) != len(names):
        yield f"v_shaped is of shape {meshes.shape}, not ({len(names)}, {VERTICES}, 3)"
        return
    if len(names) != HBW_PICTURES:
        yield f"it tells of {len(names)} pictures, the test set has {HBW_PICTURES}"
    if len(set(names.tolist())) < len(names):
        yield "a picture is there twice"
    if not np.isfinite(meshes).all():
        yield "v_shaped holds what is no number"
    height = np.ptp(meshes[..., 1], axis=1)
    if len(height) and not (1.0 < np.median(height) < 2.5):
        yield f"people are {np.median(height):.3g} m tall: metres are meant, y up, at rest"
