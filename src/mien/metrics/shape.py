"""Body measurements of a shape, on any body of the family: what a tape around a person at rest would say.

A tape lies on the surface where a level plane cuts the body's template, on the torso alone; its points stay on their
edges when the shape changes, so that measurements are smooth in the shape. Levels are told by the skeleton: the waist
is where the template is narrowest between the lowest and the highest joint of the spine, the chest where it is widest
above the waist and below the armpits, the hips where it is widest below the waist and above the crotch. A tape does
not follow hollows: its length is that of the convex hull. Published shape benchmarks mark their planes by hand on one
topology: compare such figures only with figures of this code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.metrics.errors import Errors
from mien.metrics.parts import SEGMENTS
from mien.records import Record

__all__ = ["MEASUREMENTS", "Tape", "rest_mesh", "shape_errors"]

MEASUREMENTS = ("height", "chest", "waist", "hips")
LEVELS, DIRECTIONS = 33, 90
"""Planes that are tried for a tape; directions in which its hull is measured."""


@dataclass(frozen=True, kw_only=True)
class Tape(Record):
    """Points on edges of the mesh: `ends` (point, 2) vertices, `share` (point,) of the second; three tapes in a row."""

    ends: Int[Tensor, "point 2"]
    share: Float[Tensor, "point"]
    sizes: tuple[int, int, int]
    """Points of chest, waist and hips."""

    @classmethod
    def of(cls, body: BodyModel) -> Tape:
        """Lay tapes around a body's template."""
        template = body.template.double().numpy()
        joints = dict(zip(SMPLX_JOINTS, body.joint_template.double().numpy()[:, 1], strict=False))
        edges = _torso_edges(body)
        spine = np.linspace(joints["spine1"], joints["spine3"], LEVELS)
        lengths = [_around(template, edges, float(level)) for level in spine]
        waist = float(spine[int(np.argmin(lengths))])
        armpit = joints["left_shoulder"] - 0.35 * (joints["left_shoulder"] - joints["spine3"])
        above = np.linspace(waist, armpit, LEVELS)[1:]
        crotch = joints["left_hip"] - 0.5 * (joints["pelvis"] - joints["left_hip"]) - 0.03
        below = np.linspace(crotch, waist, LEVELS)[:-1]
        widest = [max(levels.tolist(), key=lambda y: _around(template, edges, y)) for levels in (above, below)]
        cuts = [_cut(template, edges, level)[1:] for level in (widest[0], waist, widest[1])]
        return cls(
            ends=torch.from_numpy(np.concatenate([ends for ends, _ in cuts])),
            share=torch.from_numpy(np.concatenate([share for _, share in cuts])),
            sizes=(len(cuts[0][0]), len(cuts[1][0]), len(cuts[2][0])),
        )

    def measure(self, mesh: Float[Tensor, "batch vert 3"]) -> dict[str, Float[Tensor, "batch"]]:
        """Height and the lengths of the tapes, metres, of meshes at rest (y up)."""
        ends = mesh[:, self.ends][..., [0, 2]]
        share = self.share.to(mesh.dtype)[:, None]
        points = ends[:, :, 0] * (1 - share) + ends[:, :, 1] * share
        angle = torch.arange(DIRECTIONS, dtype=mesh.dtype, device=mesh.device) * (2 * math.pi / DIRECTIONS)
        reach = points @ torch.stack([angle.cos(), angle.sin()])
        found = {"height": mesh[..., 1].amax(1) - mesh[..., 1].amin(1)}
        for name, part in zip(MEASUREMENTS[1:], reach.split(self.sizes, 1), strict=True):
            found[name] = part.amax(1).mean(1) * (2 * math.pi)  # Cauchy: a hull is as long as its mean reach says
        return found


def rest_mesh(body: BodyModel, betas: Float[Tensor, "batch beta"]) -> Float[Tensor, "batch vert 3"]:
    """Bodies at rest by their shapes alone, metres, y up; numbers that are fewer than the body's are filled with 0."""
    shapes = body.basis[: body.num_betas].to(betas.dtype)[: betas.shape[1]]
    return body.template + (betas[:, : len(shapes)] @ shapes).unflatten(1, (-1, 3))


def shape_errors(
    body: BodyModel,
    tape: Tape,
    predicted: Float[Tensor, "batch beta"],
    true: Float[Tensor, "batch beta"],
) -> dict[str, Errors]:
    """`v2v` of the bodies at rest, their centres in one place, and `shape_height`, `shape_chest`, `shape_waist`,
    `shape_hips`: absolute differences. Millimetres.

    Args:
        body: of both.
        tape: of the body.
        predicted: shape coefficients.
        true: shape coefficients.
    """
    ours, theirs = rest_mesh(body, predicted), rest_mesh(body, true.to(predicted.dtype))
    everybody = torch.ones(len(true), dtype=torch.bool, device=true.device)
    off = ours - ours.mean(1, keepdim=True) - (theirs - theirs.mean(1, keepdim=True))
    found = {"v2v": Errors(value=off.norm(dim=-1).mean(1) * 1000, valid=everybody)}
    one, other = tape.measure(ours), tape.measure(theirs)
    return found | {
        f"shape_{name}": Errors(value=(one[name] - other[name]).abs() * 1000, valid=everybody) for name in MEASUREMENTS
    }


def _torso_edges(body: BodyModel) -> Int[np.ndarray, "edge 2"]:
    """Edges between vertices that torso and thighs move."""
    names = {*SEGMENTS["torso"], *SEGMENTS["left_thigh"], *SEGMENTS["right_thigh"]}
    inside = np.array([name in names for name in SMPLX_JOINTS])[body.weights.argmax(1).numpy()]
    faces = body.faces.numpy().astype(np.int64)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges = np.unique(edges, axis=0)
    return edges[inside[edges].all(1)]


def _cut(
    template: Float64[np.ndarray, "vert 3"], edges: Int[np.ndarray, "edge 2"], level: float
) -> tuple[Float64[np.ndarray, "point 2"], Int[np.ndarray, "point 2"], Float64[np.ndarray, "point"]]:
    """Where a level plane cuts edges: x and z, the edges, and how far along them."""
    low, high = template[edges[:, 0], 1], template[edges[:, 1], 1]
    ends = edges[(low - level) * (high - level) < 0]
    first, second = template[ends[:, 0]], template[ends[:, 1]]
    share = (level - first[:, 1]) / (second[:, 1] - first[:, 1])
    points = first + share[:, None] * (second - first)
    return points[:, [0, 2]], ends, share


def _around(template: Float64[np.ndarray, "vert 3"], edges: Int[np.ndarray, "edge 2"], level: float) -> float:
    """Length of the hull of a cut; 0 where nothing is cut."""
    points = _cut(template, edges, level)[0]
    angle = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    return float((points @ np.stack([np.cos(angle), np.sin(angle)])).max(0, initial=0).mean() * 2 * math.pi)
