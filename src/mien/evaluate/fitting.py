"""Find the constant person that is best on a training set: an honest minimum over the body's own parameters.

    baseline = fit_baseline([read_truths(folder, "train", body)], body)

PVE is what the metric says: meshes rooted at the pelvis, in the camera's frame, so that the root's orientation is part
of what is found. Nothing but the data bounds the parameters: the best constant may be nobody's shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int
from torch import Tensor

import mien
from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.body.parts import VertexSet
from mien.errors import InputError
from mien.evaluate.baseline import PLAIN, Baseline, Provenance
from mien.evaluate.distance_kernels import curvature, sum_of_distances
from mien.evaluate.predicting import see
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.parts import MeshParts
from mien.nets import virtual_camera
from mien.records import SmplxParams

__all__ = ["MAX_PEOPLE", "fit_baseline"]

MAX_PEOPLE = 2000
"""Drawn from a larger set."""
FACING = 4
"""Directions that the person may face before it is known which is best, beside the mean of all."""
TRIAL, STEPS, ROUNDS = 12, 50, 8
"""Steps from each start; steps of a round and rounds, at most, from the best."""
WRISTS, SIDES = (19, 20), ("left", "right")
"""Of the 21 joints of `body_pose`."""
ENOUGH = 1e-6
"""Millimetres that a round must gain for another to follow."""
STEP = 1e-3
"""Of differences, radians or standard deviations of the shape."""
STIFF = 1e-7
"""Share of the mean curvature that every direction has at least."""
FAR = (0.0, 0.35, 40.0)
"""Where a person stands in the virtual camera of the crop, metres, until 2D keypoints say it better."""
CHUNK = 64


def fit_baseline(truths: Sequence[Truths], body: BodyModel, *, people: int = MAX_PEOPLE, seed: int = 0) -> Baseline:
    """The best constants for the people of some folders together.

    Args:
        truths: training sets.
        body: theirs.
        people: at most so many are used, drawn at random.
        seed: of the draw; the same seed and data give the same baseline.

    Raises:
        InputError: nobody has whole parameters.
    """
    parts, drawn = MeshParts.load(body.path), _draw(truths, people, seed)
    if not drawn:
        raise InputError("nobody in the training set has whole SMPL-X parameters", todo="choose another folder")
    exact = body.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)
    meshes = np.concatenate([_meshes(each, body) for each in drawn])
    hands = np.concatenate([each.hands for each in drawn])
    whole, fingers = _whole(meshes, parts), _hands(meshes, hands, parts)
    starts, bodies = _starts(drawn, body), (body, exact)
    tried = [_descend(whole, bodies, start, steps=TRIAL) for start in starts]
    params, pve = _descend(whole, bodies, min(tried, key=lambda found: found[1])[0], rounds=ROUNDS)
    other, pve_hand = _descend(fingers, bodies, params, rounds=ROUNDS, free=_Way(start=params).of_hands)
    transl = _place(drawn, params, exact)
    provenance = Provenance(
        body_family=body.family,
        body_sha256=body.sha256,
        sources={f"{each.name}/{name}": digest for each in truths for name, digest in each.sources.items()},
        people=len(meshes),
        seed=seed,
        before={"pve": _value(whole, exact, starts[0]), "pve_hand": _value(fingers, exact, starts[0])},
        after={"pve": pve, "pve_hand": pve_hand},
        mien_version=mien.__version__,
    )
    constants = [replace(each, transl=transl).map(lambda tensor: tensor.float()) for each in (params, other)]
    return Baseline(body=constants[0], hands=constants[1], provenance=provenance)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some vertices, rooted at a joint, of the constant person and of all true ones."""

    vertices: Int[Tensor, "vert"]
    root: Float64[Tensor, "1 used"]
    """Weights of the vertices that the joint is made of."""
    columns: Int[Tensor, "used"]
    targets: Float32[np.ndarray, "person vert 3"]
    weights: Float64[np.ndarray, "person"]
    """Of a metre between two vertices in the error."""

    @classmethod
    def of(
        cls,
        meshes: Float32[np.ndarray, "person body_vert 3"],
        vertices: Int[Tensor, "vert"],
        root: int,
        share: Float64[np.ndarray, "person"],
        parts: MeshParts,
    ) -> _Part:
        """`root` is a row of `MeshParts.roots`, `share` each person's share in the mean error (millimetres)."""
        centre = parts.roots.joints(torch.from_numpy(meshes))[:, [root]].numpy()
        return cls(
            vertices=vertices,
            root=parts.roots.weights[[root]],
            columns=parts.roots.columns,
            targets=np.ascontiguousarray(meshes[:, vertices.numpy()] - centre),
            weights=share * 1000 / len(vertices),
        )

    def among(self, ids: Int[Tensor, "seen"]) -> _Part:
        """The same, of meshes that have only the vertices `ids` (in ascending order)."""
        vertices, columns = (torch.searchsorted(ids, each) for each in (self.vertices, self.columns))
        return replace(self, vertices=vertices, columns=columns)

    def error(self, mesh: Float64[Tensor, "seen 3"]) -> tuple[float, Float64[Tensor, "seen 3"]]:
        """The mean error of a mesh, millimetres, and its gradient."""
        points = (mesh[self.vertices] - self.root @ mesh[self.columns]).numpy()
        inner = np.zeros_like(points)
        value = float(sum_of_distances(points, self.targets, self.weights, inner))
        gradient, moved = torch.zeros_like(mesh), torch.from_numpy(inner)
        gradient[self.vertices] = moved
        gradient[self.columns] -= self.root.T @ moved.sum(0, keepdim=True)
        return value, gradient


def _whole(meshes: Float32[np.ndarray, "person vert 3"], parts: MeshParts) -> list[_Part]:
    """Mean PVE."""
    share = np.full(len(meshes), 1 / len(meshes))
    return [_Part.of(meshes, torch.arange(meshes.shape[1]), 0, share, parts)]


def _hands(
    meshes: Float32[np.ndarray, "person vert 3"], hands: Bool[np.ndarray, "person 2"], parts: MeshParts
) -> list[_Part]:
    """Mean wrist-aligned PVE of hands: over the people who have any, of the mean of theirs."""
    assert parts.left_hand is not None and parts.right_hand is not None
    share = hands / np.maximum(hands.sum(1, keepdims=True), 1) / max(1, int(hands.any(1).sum()))
    sides = ((parts.left_hand, 1), (parts.right_hand, 2))
    return [_Part.of(meshes, vertices, root, share[:, root - 1], parts) for vertices, root in sides]


def _draw(truths: Sequence[Truths], people: int, seed: int) -> list[Truths]:
    """Some of the people whose body is known, in the order of their folders."""
    known = [(i, row) for i, each in enumerate(truths) for row in np.flatnonzero(each.whole).tolist()]
    order = np.random.default_rng(seed).permutation(len(known))[:people]
    chosen = np.array([known[place] for place in np.sort(order)], dtype=np.int64).reshape(-1, 2)
    rows = [chosen[chosen[:, 0] == i, 1] for i in range(len(truths))]
    return [each.take(which) for each, which in zip(truths, rows, strict=True) if len(which)]


@torch.no_grad()
def _meshes(truths: Truths, body: BodyModel) -> Float32[np.ndarray, "person vert 3"]:
    parts = [truths.take(slice(start, start + CHUNK)) for start in range(0, len(truths), CHUNK)]
    return np.concatenate([body.pose(part.params(body)).mesh().numpy() for part in parts])


def _starts(truths: Sequence[Truths], body: BodyModel) -> list[SmplxParams]:
    """The mean of each parameter; then the same person upright, seen from several sides."""
    everybody = SmplxParams.cat([each.params(body) for each in truths]).map(lambda tensor: tensor.double())
    mean = SmplxParams(
        **{each.name: _mean(getattr(everybody, each.name), each.name not in PLAIN) for each in fields(everybody)}
    )
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    turns = [torch.tensor([0.0, 2 * math.pi * k / FACING, 0.0], dtype=torch.float64) for k in range(FACING)]
    return [mean, *(replace(mean, global_orient=(matrix_from_axis_angle(turn) @ upright)[None]) for turn in turns)]


def _mean(values: Float64[Tensor, "person *shape"], rotations: bool) -> Float64[Tensor, "1 *shape"]:
    """The mean; of rotations, the rotation nearest to the mean of their matrices."""
    mean = values.mean(0, keepdim=True)
    if not rotations:
        return mean
    u, _, vt = torch.linalg.svd(mean)
    sign = torch.ones_like(mean[..., 0])
    sign[..., 2] = torch.linalg.det(u @ vt)
    return u @ (sign.unsqueeze(-1) * vt)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Way:
    """Persons near a start: every rotation, shape and expression moved by some of the variables."""

    start: SmplxParams

    @property
    def sizes(self) -> dict[str, int]:
        """How many variables each parameter has."""
        names = [each.name for each in fields(self.start) if each.name != "transl"]
        return {name: getattr(self.start, name)[0].numel() // (1 if name in PLAIN else 3) for name in names}

    @property
    def of_hands(self) -> Int[np.ndarray, "free"]:
        """The variables that turn wrists and fingers."""
        names = np.concatenate([[name] * size for name, size in self.sizes.items()])
        wrists = np.flatnonzero(names == "body_pose").reshape(21, 3)[list(WRISTS)]
        return np.concatenate([wrists.ravel(), *(np.flatnonzero(names == f"{side}_hand_pose") for side in SIDES)])

    def person(self, steps: Float[Tensor, "batch variable"]) -> SmplxParams:
        """Rotations are turned by axis-angles (radians) in their own frames."""
        moved: dict[str, Tensor] = {"transl": self.start.transl.to(steps.dtype).expand(len(steps), 3)}
        for (name, _), step in zip(self.sizes.items(), steps.split(list(self.sizes.values()), 1), strict=True):
            here = getattr(self.start, name).to(steps.dtype)
            if name in PLAIN:
                moved[name] = here + step
            else:
                moved[name] = here @ matrix_from_axis_angle(step.unflatten(1, here.shape[1:-1]))
        return replace(self.start, **moved)


def _descend(
    objective: Sequence[_Part],
    bodies: tuple[BodyModel, BodyModel],
    start: SmplxParams,
    *,
    steps: int = STEPS,
    rounds: int = 1,
    free: Int[np.ndarray, "free"] | None = None,
) -> tuple[SmplxParams, float]:
    """Go down from a person until it is no use: who is found, and the error.

    L-BFGS in variables in which the error is about equally curved in all directions: a finger moves little of a body.
    The curvature is that at the start of each round.

    Args:
        objective: the error is the sum of its parts'.
        bodies: the body in single and in double precision.
        start: whom to start from.
        steps: of a round, at most.
        rounds: at most.
        free: the variables of `_Way` that may change; all by default.
    """
    from scipy.optimize import minimize

    params, value = start, math.inf
    ids = torch.cat([torch.cat([part.vertices, part.columns]) for part in objective]).unique()
    seen, few = _vertices(bodies[1], ids), [part.among(ids) for part in objective]
    for _ in range(rounds):
        way = _Way(start=params)
        count = sum(way.sizes.values())
        chosen = np.arange(count) if free is None else free
        scale = np.zeros((count, len(chosen)))
        scale[chosen] = np.linalg.inv(np.linalg.cholesky(_curvature(objective, bodies[0], way, chosen))).T

        def error(
            x: Float64[np.ndarray, "variable"], way: _Way = way, scale: np.ndarray = scale
        ) -> tuple[float, np.ndarray]:
            moves = torch.from_numpy(scale @ x)[None].requires_grad_()
            posed = bodies[1].pose(way.person(moves))
            mesh = seen.pose(posed.features(), posed.transforms())
            found = [part.error(mesh.detach()[0]) for part in few]
            mesh.backward(torch.stack([gradient for _, gradient in found]).sum(0)[None])
            assert moves.grad is not None
            return math.fsum(value for value, _ in found), scale.T @ moves.grad.numpy()[0]

        options = {"maxiter": steps, "ftol": 1e-12, "gtol": 1e-9, "maxcor": STEPS}
        found = minimize(error, np.zeros(len(chosen)), jac=True, method="L-BFGS-B", options=options)
        params, before, value = way.person(torch.from_numpy(scale @ found.x)[None]), value, float(found.fun)
        if before - value < ENOUGH:
            break
    return params, value


def _vertices(body: BodyModel, ids: Int[Tensor, "seen"]) -> VertexSet:
    """Some vertices of a body, to be posed without the others."""
    basis = body.basis.unflatten(1, (-1, 3))[:, ids].flatten(1).contiguous()
    return VertexSet(template=body.template[ids], basis=basis, weights=body.weights[ids])


def _curvature(
    objective: Sequence[_Part], body: BodyModel, way: _Way, chosen: Int[np.ndarray, "free"]
) -> Float64[np.ndarray, "free free"]:
    """How the error is curved at a start, with the body taken as linear there; positive in every direction."""
    steps = torch.zeros(len(chosen), sum(way.sizes.values()))
    steps[torch.arange(len(chosen)), torch.from_numpy(chosen)] = STEP
    ahead, behind = (_quick(body, way, sign * steps) for sign in (1, -1))
    moves = ((ahead - behind) / (2 * STEP)).permute(1, 2, 0).double()
    here, total = _quick(body, way, 0 * steps[:1])[0].double(), np.zeros((len(chosen), len(chosen)))
    for part in objective:
        points = (here[part.vertices] - part.root @ here[part.columns]).numpy()
        blocks = np.zeros((len(points), 3, 3))
        curvature(points, part.targets, part.weights, blocks)
        root = torch.tensordot(part.root, moves[part.columns], 1)
        rooted = (moves[part.vertices] - root).numpy()
        total += np.tensordot(rooted, blocks @ rooted, ((0, 1), (0, 1)))
    return total + np.eye(len(total)) * (STIFF * np.trace(total) / len(total))


@torch.no_grad()
def _quick(body: BodyModel, way: _Way, steps: Float[Tensor, "batch variable"]) -> Float[Tensor, "batch vert 3"]:
    """Meshes in single precision."""
    return torch.cat([body.pose(way.person(part)).mesh() for part in steps.split(CHUNK)])


def _value(objective: Sequence[_Part], body: BodyModel, params: SmplxParams) -> float:
    """The error of a person, by the path through the body that gradients take."""
    mesh = body.pose(params.map(lambda tensor: tensor.clone().requires_grad_())).mesh().detach()[0]
    return math.fsum(part.error(mesh)[0] for part in objective)


def _place(truths: Sequence[Truths], params: SmplxParams, body: BodyModel) -> Float64[Tensor, "1 3"]:
    """Where the person must stand in the virtual camera of every crop for the least mean 2D error."""
    from scipy.optimize import minimize

    cells, known = (torch.cat(each) for each in zip(*map(_cells, truths), strict=True))
    seen = known.any(1)
    far = torch.tensor([FAR], dtype=torch.float64)
    if not seen.any():
        return far
    weight = known[seen].double() / known[seen].sum(1, keepdim=True) / int(seen.sum())
    posed = body.pose(replace(params, transl=torch.zeros_like(far)))
    joints = posed.joints()[:, list(SMPLX_137)].detach()

    def error(x: Float64[np.ndarray, "3"]) -> tuple[float, Float64[np.ndarray, "3"]]:
        step = torch.from_numpy(x).requires_grad_()
        at = torch.stack([step[0], step[1], step[2].exp()])[None]
        off = (virtual_camera.project(joints, at) - cells[seen]).norm(dim=-1)
        value = (off * weight).sum()
        value.backward()
        assert step.grad is not None
        return float(value.detach()), step.grad.numpy()

    start = np.array([FAR[0], FAR[1], math.log(FAR[2])])
    x = minimize(error, start, jac=True, method="L-BFGS-B").x
    return torch.tensor([[x[0], x[1], math.exp(x[2])]], dtype=torch.float64)


def _cells(truths: Truths) -> tuple[Float[Tensor, "person 137 2"], Bool[Tensor, "person 137"]]:
    """2D keypoints in heat-map units of the crops of `mien predict`, and which of them count."""
    looked = list(see(truths, None, CHUNK))
    box = torch.from_numpy(np.concatenate([each.crop_box for each in looked]))
    usable = torch.tensor([not problem for each in looked for problem in each.problem])
    points, known = truths.keypoints()
    scale = box.new_tensor([virtual_camera.HEAT_MAP[1], virtual_camera.HEAT_MAP[0]]) / box[:, 2:]
    return ((points - box[:, None, :2]) * scale[:, None]).double(), known & usable[:, None]
