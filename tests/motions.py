"""Motions whose truth is known: a person of a made-up scene who moves for a few frames, and the file of such a clip."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scenes import make_scene

from mien.body.model import BodyModel
from mien.export.motion import Motion, Stage
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams
from mien.scene import Person, Scene

SOMEWHERE = torch.tensor([[0.0, -0.6, -0.8, 1.0], [0.0, -0.8, 0.6, 1.6], [-1.0, 0.0, 0.0, -2.0], [0.0, 0.0, 0.0, 1.0]])
"""Where a camera stands in the world that looks down a little."""


def moving_person(body: BodyModel, frames: int, seed: int = 0, face: float = 0.0) -> Scene:
    """Rows of one person who turns every joint and walks: a scene whose person axis is time.

    Args:
        face: how much the expression changes, in standard deviations.
    """
    one = make_scene(body, 1, seed=seed)
    rng = np.random.default_rng(seed)
    share = torch.linspace(0, 1, frames).view(-1, 1)

    def turned(value: torch.Tensor, much: float) -> torch.Tensor:
        axis = torch.from_numpy(rng.normal(scale=much, size=(1, *value.shape[1:-1]))).float()
        turn = matrix_from_axis_angle(axis * share.view(-1, *[1] * (axis.ndim - 1)))
        return value @ turn

    known = {name: getattr(one.params, name) for name in vars(one.params)}
    moved: dict[str, Any] = {
        name: turned(value, 0.4 if "jaw" not in name else 0.1) if value.shape[-2:] == (3, 3) else value
        for name, value in known.items()
    }
    moved["betas"] = known["betas"].expand(frames, -1)
    moved["expression"] = known["expression"] + face * share * torch.from_numpy(rng.normal(size=10)).float()
    moved["transl"] = known["transl"] + share * torch.tensor([0.6, -0.05, 0.4])
    params = SmplxParams(**moved)
    with torch.no_grad():
        joints = body.pose(params).joints()
    rows = {name: value.expand(frames, *value.shape[1:]) for name, value in vars(one).items() if name in _ROWS}
    return replace(one, params=params, joints3d=joints, **rows)


_ROWS = ("bbox", "crop_bbox", "score", "joints2d", "crop_K", "crop_transl", "crop_global_orient", "transl_residual")


def moving(body: BodyModel, frames: int, seed: int = 0, fps: float = 25.0, start: int = 0, face: float = 0.0) -> Motion:
    """The same as a motion; it starts in frame `start` of its clip."""
    scene = moving_person(body, frames, seed, face)
    index = torch.arange(start, start + frames)
    stage = Stage(K=scene.K, image_size=scene.image_size, origin=scene.origin, fps=fps, num_frames=start + frames)
    person = Person(**{name: getattr(scene, name) for name in Person.__dataclass_fields__})
    return Motion.of(
        person, name=f"track_{seed}", track=seed, stage=stage, timestamps=index.double() / fps, frame_index=index
    )


def write_clip(path: Path, body: BodyModel, tracks: dict[int, tuple[int, int]], fps: float = 25.0) -> Path:
    """A result file of a clip: tracks by their id, each with its first frame and how many it has."""
    found: list[dict[str, np.ndarray]] = []
    for track, (start, frames) in sorted(tracks.items()):
        arrays = moving_person(body, frames, track).arrays()
        index = np.arange(start, start + frames)
        own = {"track_id": np.full(frames, track), "frame_index": index, "timestamps": index / fps}
        found.append({**arrays, **own, "valid": np.ones(frames, bool)})
    rows = {key for key in found[0] if found[0][key].shape[:1] == found[0]["score"].shape} - {"K", "image_size"}
    clip = {key: np.concatenate([each[key] for each in found]) if key in rows else found[0][key] for key in found[0]}
    stream = io.BytesIO()
    np.savez(stream, **clip, fps=fps, num_frames=max(a + b for a, b in tracks.values()), smoothing="none")  # pyright: ignore[reportArgumentType]
    path.write_bytes(stream.getvalue())
    return path
