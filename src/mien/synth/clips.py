"""Short clips of people who walk, cross, meet and are hidden, with all that is true of them.

They measure tracking and smoothing: who is who is known, and so is every pose. Pictures are small and plain (bodies in
coloured clothes of no thickness before a patterned wall); for pictures that look like something, see `mien synth`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor

from mien.body.joints import FINGERS, SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.geometry.camera import Camera
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams
from mien.render.mesh import Mesh
from mien.render.raster import render

__all__ = ["KINDS", "ClipKind", "MadeClip", "Shown", "make_clip"]

ClipKind = Literal["cross", "pillar", "meet", "gap", "three"]
KINDS: dict[ClipKind, str] = {
    "cross": "two people pass each other, one behind the other",
    "pillar": "two people walk one way, far apart, behind a pillar",
    "meet": "two people come close until they overlap, and go back",
    "gap": "two people cross, and the detector loses one of them for half a second now and then",
    "three": "three people cross at different speeds, behind a pillar",
}
_FLOOR = 1.1
"""Metres below the camera."""
_SEEN = 0.25
"""Share of a person that must be seen for a detector to find them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One frame, and what a detector says of it."""

    picture: UInt8[np.ndarray, "height width 3"]
    boxes: Float64[np.ndarray, "found 4"]
    """x1, y1, x2, y2 around what is seen, not quite exact."""
    scores: Float64[np.ndarray, "found"]
    who: list[int]
    """Whose box each one is."""
    visible: Float64[np.ndarray, "person"]
    """Share of everyone that is seen, 0..1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MadeClip:
    """A clip whose truth is known."""

    body: BodyModel
    kind: ClipKind
    seed: int
    fps: float
    image_size: tuple[int, int]
    """Height and width, pixels."""
    K: Float[Tensor, "3 3"]
    people: tuple[SmplxParams, ...]
    """One record a person; the leading axis is time."""
    lost: Bool[np.ndarray, "time person"]
    """Whom the detector does not find, though they are seen."""

    def __len__(self) -> int:
        return len(self.lost)

    @property
    def times(self) -> Float64[np.ndarray, "time"]:
        """Seconds."""
        return np.arange(len(self)) / self.fps

    def mesh(self, frame: int, person: int) -> Float[np.ndarray, "vert 3"]:
        """One person in one frame, metres."""
        with torch.no_grad():
            return self.body.pose(self.people[person][frame : frame + 1]).mesh()[0].numpy()

    def show(self, frame: int) -> Shown:
        """The picture of a frame, and boxes with a detector's small errors: the same at every call."""
        rng = np.random.default_rng([self.seed, frame])
        K, faces = self.K.numpy(), self.body.faces.numpy()
        meshes = [
            Mesh(vertices=self.mesh(frame, i), faces=faces, colour=colour) for i, colour in enumerate(self._clothes)
        ]
        seen = render(meshes, K, self.image_size, background=self._wall)
        assert seen.colour is not None
        picture, label = seen.colour.copy(), seen.mesh.copy()
        if self.kind in ("pillar", "three"):
            left, right = (round(share * self.image_size[1]) for share in (0.44, 0.58))
            picture[:, left:right], label[:, left:right] = (96, 92, 88), 0
        visible = np.zeros(len(self.people))
        boxes, scores, who = [], [], []
        for i, mesh in enumerate(meshes):
            whole = int((render([mesh], K, self.image_size, lights=None).mesh > 0).sum())
            here = np.argwhere(label == i + 1)
            visible[i] = len(here) / max(whole, 1)
            slip = rng.normal(0, 0.012, 4)
            if visible[i] < _SEEN or self.lost[frame, i] or len(here) < 50:
                continue
            (y1, x1), (y2, x2) = here.min(0), here.max(0) + 1
            boxes.append(np.array([x1, y1, x2, y2]) + slip * (y2 - y1))
            scores.append(0.5 + 0.5 * visible[i])
            who.append(i)
        picture = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        return Shown(
            picture=picture,
            boxes=np.array(boxes).reshape(-1, 4),
            scores=np.array(scores),
            who=who,
            visible=np.clip(visible, 0, 1),
        )

    @cached_property
    def _wall(self) -> UInt8[np.ndarray, "height width 3"]:
        import cv2

        height, width = self.image_size
        rng = np.random.default_rng([self.seed, 10**6])
        small = rng.integers(120, 215, (6, 8, 3), dtype=np.uint8)
        wall = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        wall[int(0.7 * height) :] //= 2
        return wall

    @cached_property
    def _clothes(self) -> list[Float[np.ndarray, "vert 3"]]:
        """Colours of the vertices: shirt, trousers, shoes, skin. With an odd seed everyone is dressed alike."""
        rng = np.random.default_rng([self.seed, 10**6 + 1, list(KINDS).index(self.kind)])
        names = np.array(SMPLX_JOINTS)[self.body.weights.argmax(1).numpy()]
        found = []
        for _ in self.people:
            skin = rng.uniform(0.35, 0.85) * np.array([1.0, 0.8, 0.68])
            colours = np.tile(skin, (len(names), 1))
            for parts, colour in (
                (("spine", "collar", "shoulder"), rng.uniform(0.1, 0.95, 3)),
                (("pelvis", "hip", "knee"), rng.uniform(0.05, 0.6, 3)),
                (("ankle", "foot"), rng.uniform(0.05, 0.3, 3)),
            ):
                colours[[any(part in name for part in parts) for name in names]] = colour
            found.append(colours)
        return found[:1] * len(found) if self.seed % 2 else found


def make_clip(
    body: BodyModel,
    kind: ClipKind,
    *,
    seed: int = 0,
    frames: int = 75,
    fps: float = 25.0,
    image_size: tuple[int, int] = (240, 320),
) -> MadeClip:
    """A clip of this kind. Two seeds differ in people, clothes, paths, gaits and light.

    Args:
        body: an SMPL-X body of y up, such as the open body.
        kind: one of `KINDS`.
        seed: of everything that is drawn.
        frames: how many.
        fps: frames a second.
        image_size: height and width, pixels.
    """
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    camera = Camera.default(image_size[1], image_size[0])
    time = np.arange(frames) / fps
    count = 3 if kind == "three" else 2
    people = tuple(_person(body, _path(kind, i, time, rng), time, rng) for i in range(count))
    lost = rng.random((frames, count)) < 0.02
    if kind == "gap":
        for start in (frames // 5, 2 * frames // 3):
            lost[start : start + round(0.5 * fps), int(rng.integers(count))] = True
    return MadeClip(
        body=body, kind=kind, seed=seed, fps=fps, image_size=image_size, K=camera.K, people=people, lost=lost
    )


def _path(kind: ClipKind, person: int, time: np.ndarray, rng: np.random.Generator) -> Float64[np.ndarray, "time 2"]:
    """x and z on the floor, metres."""
    share = time / max(time[-1], 1e-9)
    depth = 4.0 + 0.9 * person + rng.uniform(-0.1, 0.1)
    reach = 0.26 * depth
    side = -1 if person % 2 == 0 else 1
    if kind == "pillar":
        x = -reach + 1.5 * reach * share * rng.uniform(0.9, 1.1) + 0.55 * reach * person
    elif kind == "meet":
        x = side * (0.12 + (reach - 0.12) * np.abs(1 - 2 * share))
    elif kind == "three":
        x = side * reach * (1 - (1.6 + 0.4 * person) * share)
    else:
        x = side * reach * (1 - 2 * share)
    z = depth + 0.15 * np.sin(2 * math.pi * (share * rng.uniform(0.5, 1.5) + rng.uniform()))
    return np.stack([x, z], -1)


def _person(
    body: BodyModel, path: Float64[np.ndarray, "time 2"], time: np.ndarray, rng: np.random.Generator
) -> SmplxParams:
    """Somebody who walks along a path and looks where they go; arms and fingers have something to do."""
    import scipy.ndimage

    count = len(time)
    speed = np.gradient(path, time, axis=0)
    pace = np.linalg.norm(speed, axis=1)
    heading = np.unwrap(np.arctan2(speed[:, 0], -speed[:, 1]))
    heading = scipy.ndimage.gaussian_filter1d(heading, 0.15 / (time[1] - time[0]), mode="nearest")
    phase = rng.uniform(0, 6) + np.cumsum(2 * math.pi * pace / 1.3) * (time[1] - time[0])
    stride = 0.45 * np.clip(pace, 0, 1)
    pose = {name: np.zeros((count, 3)) + rng.normal(0, 0.04, 3) for name in SMPLX_JOINTS}
    pose["spine2"][:, 1] += 0.12 * stride * np.sin(phase)
    pose["head"][:, 1] += 0.3 * _wave(time, 0.4, rng)
    pose["jaw"][:, 0] = 0.1 + 0.1 * _wave(time, 2.0, rng)
    arms: dict[str, Tensor] = {}
    for side, sign in (("left", -1.0), ("right", 1.0)):
        swing = stride * np.sin(phase + (0 if sign < 0 else math.pi))
        pose[f"{side}_hip"][:, 0] = -swing
        pose[f"{side}_knee"][:, 0] = 0.15 + 0.9 * stride * np.clip(np.cos(phase + (0 if sign < 0 else math.pi)), 0, 1)
        pose[f"{side}_elbow"][:, 1] = sign * (0.5 + 0.35 * _wave(time, 0.7, rng))
        down = np.zeros((count, 3))
        down[:, 2] = sign * (1.05 + 0.1 * _wave(time, 0.5, rng))
        forward = np.zeros((count, 3))
        forward[:, 0] = swing * 0.8 - 0.15
        arms[f"{side}_shoulder"] = _matrices(forward) @ _matrices(down)
        for finger in FINGERS:
            curl = 0.45 + 0.35 * _wave(time, 0.6, rng)
            for k in (1, 2, 3):
                pose[f"{side}_{finger}{k}"][:, 2] += sign * curl * (0.3 if finger == "thumb" else 1.0)
    local = torch.stack([arms.get(name, _matrices(pose[name])) for name in SMPLX_JOINTS], 1)
    turn = np.stack([np.zeros(count), heading, np.zeros(count)], -1)
    upright = _matrices(np.array([[math.pi, 0.0, 0.0]]))
    params = SmplxParams(
        global_orient=upright @ _matrices(turn),
        body_pose=local[:, 1:22],
        jaw_pose=local[:, 22],
        leye_pose=torch.eye(3).expand(count, 3, 3).clone(),
        reye_pose=torch.eye(3).expand(count, 3, 3).clone(),
        left_hand_pose=local[:, 25:40],
        right_hand_pose=local[:, 40:55],
        betas=torch.from_numpy(rng.normal(0, 0.7, body.num_betas)).float().expand(count, -1).clone(),
        expression=torch.zeros(count, body.num_expression),
        transl=torch.zeros(count, 3),
    )
    return _stood(body, params, path)


@torch.no_grad()
def _stood(body: BodyModel, params: SmplxParams, path: Float64[np.ndarray, "time 2"]) -> SmplxParams:
    """The same with feet on the floor and the pelvis above the path."""
    posed = body.pose(params)
    joints, root = posed.joints(), posed.position[:, 0]
    ground = torch.from_numpy(path).float()
    lowest = joints[..., 1].amax(1)
    transl = torch.stack([ground[:, 0] - root[:, 0], _FLOOR - lowest, ground[:, 1] - root[:, 2]], -1)
    return replace(params, transl=transl)


def _wave(time: np.ndarray, rate: float, rng: np.random.Generator) -> Float64[np.ndarray, "time"]:
    """Something that goes up and down without repeating itself, -1..1."""
    first, second = rng.uniform(0, 2 * math.pi, 2)
    return 0.6 * np.sin(2 * math.pi * rate * time + first) + 0.4 * np.sin(2 * math.pi * 1.7 * rate * time + second)


def _matrices(vectors: np.ndarray) -> Float[Tensor, "time 3 3"]:
    return matrix_from_axis_angle(torch.from_numpy(vectors.astype(np.float32)))
