"""Predictions of other systems about pictures as result files: SMPLer-X, and plain tables of parameters or of joints.

They are read by `mien.evaluate.guesses`, which says what forms there are. Each person has a camera of their own there,
a virtual one of the crop; here everyone of a picture goes to one camera, as `mien predict` does it (`mien.placing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.model import BodyModel
from mien.convert.fitting import fit_joints
from mien.convert.foreign import scene_of
from mien.errors import BodyError, InputError
from mien.evaluate.guesses import Guess, Guesses, read_guesses
from mien.geometry.camera import Camera
from mien.placing import place
from mien.records import SmplxParams
from mien.scene import Scene

__all__ = ["read_pictures"]


def read_pictures(
    path: Path,
    body: BodyModel,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    offsets: bool = True,
) -> Iterator[tuple[str, Scene]]:
    """The people of each picture, in its one camera, by the picture's path without its ending.

    Args:
        path: a folder of SMPLer-X results (`smplx/`, `meta/`), or one with a table, or a table.
        body: of the parameters' family.
        image_size: height and width of the pictures, pixels; the files do not say it.
        focal: of the pictures' camera, pixels; by default the picture's diagonal.
        offsets: whether the hands of SMPLer-X files are offsets from the mean hand, as its own program writes them.

    Raises:
        InputError: nothing is there, a file is damaged, or somebody has no camera.
        BodyError: the body is of another family.
    """
    mean = None if body.mean_hands is None or not offsets else body.mean_hands.numpy()
    guesses = read_guesses(path, mean_hands=mean)
    if guesses.family and guesses.family != body.family:
        raise BodyError(f"{path} is of the family {guesses.family!r}", expected=f"{body.family!r}, like {body.path}")
    height, width = image_size
    camera = Camera.default(width, height) if focal is None else Camera.from_focal(focal, width, height)
    for picture, numbers in guesses.by_picture.items():
        people = [guesses.guesses[i] for i in numbers]
        yield picture, _scene(guesses, people, body, camera, image_size, "default" if focal is None else "focal")


def _scene(
    guesses: Guesses, people: list[Guess], body: BodyModel, camera: Camera, size: tuple[int, int], how: str
) -> Scene:
    params = SmplxParams.cat([_params(guess, body) for guess in people])
    K = torch.stack([_camera(guess) for guess in people]).float()
    straight = replace(params, transl=torch.zeros_like(params.transl))
    with torch.no_grad():
        joints = body.pose(straight).joints()
        root = body.shape(params.betas, params.expression).joints[:, 0]
    pixels = Camera(K=K).project(joints + params.transl[:, None])
    low, high = pixels.amin(1), pixels.amax(1)
    box = torch.cat([low, high - low], -1)
    placed = place(joints, root, pixels, box, camera, "network")
    score = torch.tensor([guess.score for guess in people]).float()
    moved = replace(params, transl=placed.transl.float())
    scene = scene_of(moved, body, K=camera.K, image_size=size, camera=how, score=score)
    origin = replace(
        scene.origin, weights_name=f"{guesses.kind}: {guesses.name}", weights_sha256=guesses.sha256, detector="other"
    )
    seen = [guess.box if guess.box is not None else own for guess, own in zip(people, box.numpy(), strict=True)]
    corners = torch.from_numpy(np.stack([np.concatenate([b[:2], b[:2] + b[2:]]) for b in seen]).astype(np.float32))
    return replace(
        scene,
        bbox=corners,
        joints2d=pixels,
        crop_K=K,
        crop_transl=params.transl,
        crop_global_orient=params.global_orient,
        transl_residual=placed.residual.float(),
        origin=replace(origin, warning=guesses.warning),
    )


def _params(guess: Guess, body: BodyModel) -> SmplxParams:
    if guess.params is not None:
        return guess.params
    assert guess.joints is not None
    return fit_joints(guess.joints, body, guess.where).params


def _camera(guess: Guess) -> Float[Tensor, "3 3"]:
    if guess.K is None:
        raise InputError(
            f"{guess.where} has no camera",
            expected="the json of SMPLer-X in meta/ (focal, princpt), or columns fx, fy, cx, cy",
        )
    return guess.K
