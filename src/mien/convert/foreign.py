"""What was read from another system's file, and how it becomes a result file of this package.

A result file has a camera. Motion that has none, but a floor, gets one: level, and far enough away to see all of it;
`world_from_camera` in the file says where it stands, and `mien export` goes back to the floor with it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import mien
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.export.motion import Up
from mien.files import atomic_write, sha256
from mien.geometry.camera import Camera
from mien.records import SmplxParams
from mien.scene import Origin, Scene

__all__ = ["Foreign", "Frame", "clip_arrays", "scene_of", "write_arrays"]

Frame = Literal["camera", "y", "z"]
"""Where numbers stand: in the camera's frame (OpenCV), or in a world with y or z up."""

SIZE = (720, 1280)
"""Height and width of the picture of a camera that is made up."""
ROOM = 1.2
"""How much larger than the motion the view of a made-up camera is."""
_CAMERA_FROM_Y = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
_CAMERA_FROM_Z = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """One person over time, as a file of another system has it."""

    path: Path
    kind: str
    """Of file: as `mien convert --from` calls it."""
    params: SmplxParams
    """Of every frame; hands absolute."""
    family: str
    """Of the betas: `smplx` or `smpl`; empty if they say nothing."""
    gender: str
    fps: float
    frame: Frame
    K: Float[Tensor, "3 3"] | None = None
    image_size: tuple[int, int] | None = None
    note: str = ""
    """What was lost on the way."""


def clip_arrays(foreign: Foreign, body: BodyModel) -> dict[str, np.ndarray]:
    """The arrays of a result file of a clip with one track.

    Args:
        foreign: what was read.
        body: of this package's result. The shape of another family is left out.

    Raises:
        InputError: a number is not finite, or there are no frames.
    """
    params, note = _own_shape(foreign, body), foreign.note
    count = len(params.transl)
    if not count:
        raise InputError(f"{foreign.path} has no frames", expected="at least one")
    params, world = _in_camera(params, foreign, body)
    size = foreign.image_size or SIZE
    K = Camera.default(size[1], size[0]).K if foreign.K is None else foreign.K
    scene = scene_of(params, body, K=K, image_size=size, camera="made" if foreign.K is None else "focal")
    if foreign.family != body.family:
        note = "; ".join(filter(None, [note, "the shape is the average one"]))
    origin = replace(
        scene.origin, weights_name=f"{foreign.kind}: {foreign.path.name}", weights_sha256=_digest(foreign.path)
    )
    frames = np.arange(count, dtype=np.int64)
    return {
        **replace(scene, origin=replace(origin, warning=note), world_from_camera=world).arrays(),
        "track_id": np.zeros(count, np.int64),
        "frame_index": frames,
        "timestamps": frames / foreign.fps,
        "valid": np.ones(count, bool),
        "fps": np.asarray(foreign.fps),
        "num_frames": np.asarray(count),
        "smoothing": np.asarray("none"),
    }


def scene_of(
    params: SmplxParams,
    body: BodyModel,
    *,
    K: Float[Tensor, "3 3"],
    image_size: tuple[int, int],
    camera: str,
    score: Float[Tensor, "person"] | None = None,
) -> Scene:
    """People whose parameters stand in the camera of a picture, with everything else that follows from them.

    Raises:
        InputError: a number is not finite.
    """
    for field in fields(params):
        if not bool(getattr(params, field.name).isfinite().all()):
            raise InputError(f"{field.name} is not finite", expected="numbers")
    with torch.no_grad():
        joints = torch.cat([body.pose(part).joints() for part in _chunks(params)])
    pixels = Camera(K=K).project(joints)
    low, high = pixels.amin(1), pixels.amax(1)
    count = len(joints)
    return Scene(
        params=params,
        bbox=torch.cat([low, high], -1),
        crop_bbox=torch.cat([low, high - low], -1),
        score=torch.ones(count) if score is None else score,
        joints3d=joints,
        joints2d=pixels,
        crop_K=K.expand(count, 3, 3).clone(),
        crop_transl=params.transl,
        crop_global_orient=params.global_orient,
        transl_residual=torch.zeros(count),
        K=K,
        image_size=image_size,
        camera=camera,
        orientation="network",
        origin=Origin(
            weights_name="",
            weights_sha256="",
            body_family=body.family,
            body_name=body.path.name,
            body_sha256=body.sha256,
            detector="none",
            mien_version=mien.__version__,
        ),
    )


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write an .npz, whole or not at all.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # pyright: ignore[reportArgumentType]
    with atomic_write(path) as target:
        target.write(stream.getvalue())
    return path


def _own_shape(foreign: Foreign, body: BodyModel) -> SmplxParams:
    """With as many betas and expressions as results have; zeros where they are of another family."""
    params = foreign.params.map(lambda tensor: tensor.float())
    own = float(foreign.family == body.family)

    def cut(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values[:, :10], (0, max(0, 10 - values.shape[1]))) * own

    return replace(params, betas=cut(params.betas), expression=cut(params.expression))


def _in_camera(params: SmplxParams, foreign: Foreign, body: BodyModel) -> tuple[SmplxParams, Tensor | None]:
    """The parameters in the camera, and where that stands in a world with y up."""
    if foreign.frame == "camera":
        return params, None
    up: Up = foreign.frame
    turn = torch.tensor(_CAMERA_FROM_Y if up == "y" else _CAMERA_FROM_Z)
    root = body.shape(params.betas, params.expression).joints[:, 0]
    pelvis = (params.transl + root) @ turn.T
    orient = turn @ params.global_orient
    with torch.no_grad():
        turned = replace(params, global_orient=orient, transl=pelvis - root)
        joints = torch.cat([body.pose(part).position for part in _chunks(turned)])
    low, high = joints.flatten(0, 1).amin(0), joints.flatten(0, 1).amax(0)
    size = foreign.image_size or SIZE
    K = Camera.default(size[1], size[0]).K if foreign.K is None else foreign.K
    spans = (high - low)[:2] * ROOM * torch.stack([K[0, 0], K[1, 1]]) / torch.tensor([size[1], size[0]])
    away = torch.stack([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2] - float(spans.max()) - 1.0])
    world = torch.eye(4)
    world[:3, :3] = torch.tensor(_CAMERA_FROM_Y).T
    world[:3, 3] = world[:3, :3] @ away
    return replace(turned, transl=turned.transl - away), world


def _chunks(params: SmplxParams, size: int = 256) -> list[SmplxParams]:
    return [params[first : first + size] for first in range(0, max(1, len(params.transl)), size)]


def _digest(path: Path) -> str:
    return sha256(path) if path.is_file() else ""
