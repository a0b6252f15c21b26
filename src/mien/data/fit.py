"""Parameters of one body as parameters of another, found by bringing the meshes together.

Two fits made the `_fix_betas` files that the published systems train on: the shape of a gendered body as neutral betas,
and SMPL (or SMPL-H) parameters as SMPL-X. Both minimise distances of vertices.

A posed mesh is an affine function of the betas whatever the pose, so the first fit needs no training: one least-squares
solution over many poses is the best affine map there is. The second takes a few Gauss-Newton steps from the pose that
both skeletons share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mien.body.model import BodyModel, Posed
from mien.body.parts import apply_transforms
from mien.errors import BodyError, InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import Record, SmplxParams

__all__ = ["BetasAdapter", "Fitted", "fit_betas_adapter", "fit_to_smplx", "read_transfer"]

POINTS = 500
"""Vertices that the fits look at, spread over the body."""
DAMPING = 1e-6


@dataclass(frozen=True, kw_only=True)
class BetasAdapter(Record):
    """Betas of one body as betas of another: an affine map."""

    weight: Float[Tensor, "source_beta target_beta"]
    offset: Float[Tensor, "target_beta"]
    error: float
    """Mean distance of vertices over the poses and shapes it was fitted on, millimetres."""

    def __call__(self, betas: Float[Tensor, "batch source_beta"]) -> Float[Tensor, "batch target_beta"]:
        """Of each row."""
        return betas @ self.weight + self.offset


def fit_betas_adapter(
    source: BodyModel, target: BodyModel, *, poses: int = 16, seed: int = 0, spread: float = 0.4
) -> BetasAdapter:
    """The best affine map of betas between two bodies of one topology, e.g. a gendered and the neutral SMPL-X.

    Args:
        source: whose betas are known.
        target: whose betas are wanted.
        poses: how many random poses the vertices are compared in; the first is the rest pose.
        seed: of these poses.
        spread: standard deviation of each joint's turn, radians.

    Raises:
        BodyError: the bodies have different meshes.
    """
    if source.num_vertices != target.num_vertices:
        counts = f"{source.num_vertices:,} and {target.num_vertices:,} vertices"
        raise BodyError(f"{source.path} and {target.path} have {counts}", expected="two bodies of one family")
    chosen = _spread_points(target.template, POINTS)
    generator = torch.Generator().manual_seed(seed)
    normal = torch.zeros(target.num_betas, target.num_betas, dtype=torch.float64)
    right = torch.zeros(target.num_betas, source.num_betas + 1, dtype=torch.float64)
    total, count = 0.0, 0
    for number in range(poses):
        turns = torch.randn(1, target.num_joints, 3, generator=generator) * (spread if number else 0.0)
        rotations = matrix_from_axis_angle(turns)
        ours, theirs = _affine_in_betas(target, rotations, chosen), _affine_in_betas(source, rotations, chosen)
        known = torch.cat([theirs.basis, (theirs.mean - ours.mean).unsqueeze(1)], 1)
        normal += ours.basis.T @ ours.basis
        right += ours.basis.T @ known
        total, count = total + float(known.square().sum()), count + len(known)
    ridge = DAMPING * normal.diagonal().mean() * torch.eye(len(normal), dtype=torch.float64)
    solution = torch.linalg.solve(normal + ridge, right)
    adapter = BetasAdapter(weight=solution[:, :-1].T.float(), offset=solution[:, -1].float(), error=0.0)
    return replace(adapter, error=_adapter_error(adapter, source, target, chosen, generator, spread))


@dataclass(frozen=True, kw_only=True)
class _Affine(Record):
    """Some vertices of a posed body (flat = point * 3) as mean + basis @ betas."""

    mean: Float[Tensor, "flat"]
    basis: Float[Tensor, "flat beta"]


def _affine_in_betas(body: BodyModel, rotations: Float[Tensor, "1 joint 3 3"], chosen: Int[Tensor, "point"]) -> _Affine:
    """Read off with unit betas: exact, since the mesh is affine in them."""
    units = torch.cat([torch.zeros(1, body.num_betas), torch.eye(body.num_betas)])
    with torch.no_grad():
        mesh = body.shape(units).pose(rotations.expand(len(units), -1, -1, -1)).mesh()[:, chosen].double().flatten(1)
    return _Affine(mean=mesh[0], basis=(mesh[1:] - mesh[0]).T)


@torch.no_grad()
def _adapter_error(
    adapter: BetasAdapter,
    source: BodyModel,
    target: BodyModel,
    chosen: Int[Tensor, "point"],
    generator: torch.Generator,
    spread: float,
) -> float:
    """On fresh poses and shapes, millimetres."""
    betas = torch.randn(32, source.num_betas, generator=generator)
    rotations = matrix_from_axis_angle(torch.randn(32, target.num_joints, 3, generator=generator) * spread)
    theirs = source.shape(betas).pose(rotations).mesh()[:, chosen]
    ours = target.shape(adapter(betas)).pose(rotations).mesh()[:, chosen]
    return float((ours - theirs).norm(dim=-1).mean()) * 1000


@dataclass(frozen=True, kw_only=True)
class Fitted(Record):
    """SMPL-X parameters of meshes of another body."""

    params: SmplxParams
    error: Float[Tensor, "batch"]
    """Mean distance of the compared vertices, millimetres."""


def read_transfer(path: Path) -> Float[np.ndarray, "smpl_vert smplx_vert"]:
    """The map from SMPL-X to SMPL vertices (smplx2smpl.pkl, key `matrix`).

    Raises:
        BodyError: the file holds something else.
    """
    from mien.body.reading import open_source

    source = open_source(path)
    matrix = source.get("matrix") if isinstance(source, Mapping) else None
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise BodyError(f"{path} holds no transfer matrix", expected="smplx2smpl.pkl with the key 'matrix'")
    return matrix.astype(np.float32)


def fit_to_smplx(
    target: BodyModel,
    meshes: Float[Tensor, "batch vert 3"],
    rotations: Float[Tensor, "batch joint 3 3"],
    transfer: Float[np.ndarray, "other_vert own_vert"],
    *,
    leave_out: Bool[Tensor, "vert"] | None = None,
    steps: int = 12,
    floor: float = 1e-9,
) -> Fitted:
    """SMPL-X parameters whose mesh lies on given SMPL or SMPL-H meshes.

    Args:
        target: the SMPL-X body.
        meshes: of the other body, metres.
        rotations: of its first joints (the root and at least 21 of the body), where the fit starts.
        transfer: gives the other body's vertices from SMPL-X vertices.
        leave_out: vertices of the other body that are not compared, such as fingers of unknown pose.
        steps: Gauss-Newton steps.
        floor: what every direction resists a step with at least, square metres; keeps what few points cannot tell
            (the turn of a wrist without fingers) where it is.

    Returns:
        Parameters with flat face and hands (the body's own mean hands where it has them): the other body says nothing
        of them. The betas start at zero and are found with the pose.

    Raises:
        InputError: numbers of vertices or joints do not fit.
    """
    if transfer.shape != (meshes.shape[1], target.num_vertices) or rotations.shape[1] < 22:
        raise InputError(
            f"meshes of {meshes.shape[1]} vertices, {rotations.shape[1]} rotations, a transfer of {transfer.shape}",
            expected=f"a transfer to those vertices from {target.num_vertices}, and at least 22 rotations",
        )
    compared = torch.arange(meshes.shape[1]) if leave_out is None else torch.nonzero(~leave_out).squeeze(1)
    rows = compared[_spread_points(meshes[0, compared], POINTS)]
    weights = torch.from_numpy(transfer[rows.numpy()])
    used = torch.nonzero((weights != 0).any(0)).squeeze(1)
    problem = _Problem(target, used, weights[:, used], meshes[:, rows])
    start = _Guess(
        rotations=rotations[:, :22],
        betas=meshes.new_zeros(len(meshes), target.num_betas),
        transl=meshes.new_zeros(len(meshes), 3),
    )
    with torch.no_grad():
        start = replace(start, transl=(problem.goal - problem.points(start)).mean(1))
        found = problem.solve(start, steps, floor)
        error = (problem.points(found) - problem.goal).norm(dim=-1).mean(-1) * 1000
    return Fitted(params=problem.params(found), error=error)


@dataclass(frozen=True, kw_only=True)
class _Guess(Record):
    """What is looked for."""

    rotations: Float[Tensor, "batch 22 3 3"]
    betas: Float[Tensor, "batch beta"]
    transl: Float[Tensor, "batch 3"]


class _Problem:
    """Gauss-Newton on the distances between some points of the other mesh and of the transferred SMPL-X mesh.

    The derivative leaves out that pose correctives change with the pose: they are millimetres, and steps are checked.
    """

    def __init__(
        self,
        body: BodyModel,
        used: Int[Tensor, "used"],
        weights: Float[Tensor, "point used"],
        goal: Float[Tensor, "batch point 3"],
    ) -> None:
        self.body, self.weights, self.goal = body, weights, goal
        self.template, self.skin = body.template[used], body.weights[used]
        self.basis = body.basis.unflatten(1, (-1, 3))[:, used].flatten(1)
        self.below = _subtrees(body.parents)[:22]

    def params(self, guess: _Guess) -> SmplxParams:
        """With a flat face, and the body's mean hands."""
        count = len(guess.betas)
        rest = torch.eye(3).expand(count, 3, 3)
        hands = torch.zeros(2, 15, 3) if self.body.mean_hands is None else self.body.mean_hands
        left, right = (matrix_from_axis_angle(hand).expand(count, 15, 3, 3) for hand in hands)
        return SmplxParams(
            global_orient=guess.rotations[:, 0],
            body_pose=guess.rotations[:, 1:],
            jaw_pose=rest,
            leye_pose=rest,
            reye_pose=rest,
            left_hand_pose=left,
            right_hand_pose=right,
            betas=guess.betas,
            expression=guess.betas.new_zeros(count, self.body.num_expression),
            transl=guess.transl,
        )

    def points(self, guess: _Guess) -> Float[Tensor, "batch point 3"]:
        """Where the compared points lie."""
        posed = self.body.pose(self.params(guess))
        return self.weights @ apply_transforms(self.skin @ posed.transforms(), self._rest(posed))

    def _rest(self, posed: Posed) -> Float[Tensor, "batch used 3"]:
        return (posed.features() @ self.basis).unflatten(1, (-1, 3)) + self.template

    def solve(self, guess: _Guess, steps: int, floor: float) -> _Guess:
        """Levenberg's damped steps, each row by itself; those that do not help are not taken."""
        error = self.points(guess) - self.goal
        cost, damping = error.square().sum((1, 2)), torch.full((len(error), 1), 1e-4)
        for _ in range(steps):
            jacobian = self._jacobian(guess)
            normal = (jacobian.transpose(1, 2) @ jacobian).double()
            slope = (jacobian.transpose(1, 2) @ error.flatten(1).unsqueeze(-1)).double()
            lifted = normal + torch.diag_embed(damping * normal.diagonal(dim1=1, dim2=2) + floor)
            trial = self._step(guess, -torch.linalg.solve(lifted, slope).squeeze(-1).float())
            trial_error = self.points(trial) - self.goal
            trial_cost = trial_error.square().sum((1, 2))
            better = trial_cost < cost
            pick = {name: _where(better, getattr(trial, name), getattr(guess, name)) for name in _NAMES}
            guess, error = _Guess(**pick), _where(better, trial_error, error)
            cost = torch.where(better, trial_cost, cost)
            damping = torch.where(better.unsqueeze(1), damping * 0.2, damping * 10).clamp(1e-8, 1e4)
        return guess

    def _step(self, guess: _Guess, step: Float[Tensor, "batch unknown"]) -> _Guess:
        """Turn each joint about axes of the world; add the rest."""
        turns, betas, transl = step.split([66, step.shape[1] - 69, 3], 1)
        world = self.body.pose(self.params(guess)).world
        above = torch.cat([torch.eye(3).expand(len(step), 1, 3, 3), world[:, list(self.body.parents[1:22])]], 1)
        turn = matrix_from_axis_angle(turns.unflatten(1, (22, 3)))
        rotations = above.transpose(-1, -2) @ turn @ above @ guess.rotations
        return _Guess(rotations=rotations, betas=guess.betas + betas, transl=guess.transl + transl)

    def _jacobian(self, guess: _Guess) -> Float[Tensor, "batch residual unknown"]:
        """Turning joint j by w moves what hangs on it: w x (sum of its weighted points - their weight * position)."""
        posed = self.body.pose(self.params(guess))
        rest, transforms = self._rest(posed), posed.transforms()
        columns = []
        for joint, below in enumerate(self.below):
            skin = self.skin[:, below]
            moved = apply_transforms(skin @ transforms[:, below], rest)
            lever = self.weights @ (moved - skin.sum(1)[None, :, None] * posed.position[:, joint].unsqueeze(1))
            columns += [torch.linalg.cross(axis.expand_as(lever), lever).flatten(1) for axis in torch.eye(3)]
        here = self.points(guess)
        for k in range(guess.betas.shape[1]):
            betas = guess.betas.clone()
            betas[:, k] += 1
            columns.append((self.points(replace(guess, betas=betas)) - here).flatten(1))
        total = self.weights.sum(1)
        columns += [(total[:, None] * axis).flatten().expand(len(here), -1) for axis in torch.eye(3)]
        return torch.stack(columns, -1)


_NAMES = ("rotations", "betas", "transl")


def _where(rows: Bool[Tensor, "batch"], yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(rows.view(-1, *[1] * (yes.ndim - 1)), yes, no)


def _subtrees(parents: tuple[int, ...]) -> list[list[int]]:
    """Each joint with all that hangs on it."""
    below = [[j] for j in range(len(parents))]
    for j in range(len(parents) - 1, 0, -1):
        below[parents[j]] += below[j]
    return below


def _spread_points(points: Float[Tensor, "vert 3"], count: int) -> Int[Tensor, "point"]:
    """Vertices spread over a mesh: in the order of a curve through a grid of 4 cm cells, every so manieth."""
    cells = (points / 0.04).floor().long()
    cells = cells - cells.amin(0)
    order = torch.argsort((cells[:, 1] * 4096 + cells[:, 0]) * 4096 + cells[:, 2], stable=True)
    return order[torch.linspace(0, len(points) - 1, min(count, len(points))).long()].sort().values
