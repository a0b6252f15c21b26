"""SMPL-X parameters of what has none: meshes of another topology, and joints. Both by `mien.data.fit.fit_to_smplx`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.body.joints import SMPLX_JOINTS, VERTEX_JOINTS
from mien.body.model import BodyModel
from mien.body.reading import read_body
from mien.convert.foreign import Foreign, Frame
from mien.data.fit import Fitted, fit_to_smplx, read_transfer
from mien.errors import InputError
from mien.evaluate.meshes import read_mesh
from mien.geometry.align import similarity
from mien.metrics.joints import JOINT_NAMES
from mien.npz import load_npy

__all__ = ["fit_joints", "fit_points", "read_mapping", "read_meshes"]

BATCH = 16
STEPS = 30
"""From a person who stands with arms stretched out, whatever the pose."""
FEW = 10
"""Joints below which a pose cannot be told."""
LOOSE = 1e-4
"""Square metres, see `fit_to_smplx`: a hundredth of what the hand at the end of a forearm says of the elbow."""
SUFFIXES = (".obj", ".ply")


def fit_points(
    body: BodyModel,
    goal: Float[Tensor, "frame point 3"],
    transfer: Float32[np.ndarray, "point vert"],
    floor: float = 1e-9,
) -> Fitted:
    """Parameters whose mesh, taken through `transfer`, lies on the given points of every frame.

    Args:
        body: with 55 joints.
        goal: metres.
        transfer: weights of the body's vertices in each point.
        floor: see `fit_to_smplx`.

    Raises:
        InputError: the transfer does not fit.
    """
    if transfer.shape != (goal.shape[1], body.num_vertices):
        found = f"a mapping of shape {transfer.shape} for {goal.shape[1]:,} points"
        raise InputError(found, expected=f"({goal.shape[1]}, {body.num_vertices}): a row a point, a column a vertex")
    rest = torch.from_numpy(transfer) @ body.template
    parts: list[Fitted] = []
    for first in range(0, len(goal), BATCH):
        points = goal[first : first + BATCH]
        start = torch.eye(3).repeat(len(points), 22, 1, 1)
        start[:, 0] = similarity(rest.expand_as(points).double(), points.double()).rotation.float()
        parts.append(fit_to_smplx(body, points, start, transfer, steps=STEPS, floor=floor))
    return Fitted.cat(parts)


def fit_joints(joints: Float[Tensor, "137 3"], body: BodyModel, where: str) -> Fitted:
    """Parameters of one person from joints; NaN where one is unknown. Two numbers of shape; fingers are at rest.

    What the joints do not tell (the turn of a wrist, of a head without a face) is as it is at rest.

    Raises:
        InputError: fewer than `FEW` joints are known.
    """
    loose = BodyModel.load(body.path, num_betas=2)
    rows, transfer = _joint_rows(body)
    known = joints[rows].isfinite().all(1)
    if int(known.sum()) < FEW:
        raise InputError(f"{where} has {int(known.sum())} joints of the body", expected=f"at least {FEW}")
    fitted = fit_points(loose, joints[rows][known][None].float(), transfer[known.numpy()], LOOSE)
    betas = torch.nn.functional.pad(fitted.params.betas, (0, body.num_betas - 2))
    return replace(fitted, params=replace(fitted.params, betas=betas))


def _joint_rows(body: BodyModel) -> tuple[list[int], Float32[np.ndarray, "joint vert"]]:
    """Which of the 137 joints the pose is found from, and the vertices that they are made of: no fingers, no face."""
    arrays = read_body(body.path)
    names = (*JOINT_NAMES[:25], "head")
    rows, transfer = [], []
    for name in names:
        row = np.zeros(body.num_vertices, np.float32)
        if name in VERTEX_JOINTS:
            row[arrays.kp_vertex_ids[VERTEX_JOINTS.index(name)]] = 1
        else:
            row = arrays.J_regressor[SMPLX_JOINTS.index(name)].astype(np.float32)
        rows.append(JOINT_NAMES.index(name))
        transfer.append(row)
    return rows, np.stack(transfer)


def read_mapping(path: Path, num_points: int, num_vertices: int) -> Float32[np.ndarray, "point vert"]:
    """How the vertices of a mesh follow from the body's.

    A matrix (`matrix` of a .pkl or .npz, as smplx2smpl.pkl has it; or an .npy of two axes); or an .npy of whole
    numbers: for each vertex of the mesh the body's vertex that it is, -1 where there is none.

    Raises:
        InputError: it is neither, or of other sizes.
        BodyError: the file holds no matrix.
    """
    stored = load_npy(path) if path.suffix == ".npy" else read_transfer(path)
    if stored.ndim == 1 and stored.dtype.kind in "iu":
        if stored.shape != (num_points,) or stored.min() < -1 or stored.max() >= num_vertices:
            found = f"{path} names {len(stored):,} vertices from {stored.min()} to {stored.max()}"
            raise InputError(found, expected=f"{num_points:,} of -1 to {num_vertices - 1}")
        matrix = np.zeros((num_points, num_vertices), np.float32)
        there = np.flatnonzero(stored >= 0)
        matrix[there, stored[there]] = 1
        return matrix
    if stored.shape != (num_points, num_vertices) or stored.dtype.kind != "f" or not np.isfinite(stored).all():
        found = f"{path} holds {stored.dtype} of shape {stored.shape}"
        raise InputError(found, expected=f"a matrix of ({num_points}, {num_vertices}), or {num_points} vertex numbers")
    return stored.astype(np.float32)


def read_meshes(
    path: Path, body: BodyModel, mapping: Path, frame: Frame | None = None, fps: float | None = None
) -> Foreign:
    """Meshes of any topology as motion of a body, by a mapping of the user's.

    Args:
        path: an .obj or .ply, a folder of them (in the order of their names), or an .npy (frame, vertex, 3); metres.
        body: what they become.
        mapping: see `read_mapping`.
        frame: where they stand; None is a world with y up.
        fps: frames a second, 30 by default.

    Raises:
        InputError: no mesh is there, one is damaged, or they differ in size.
    """
    meshes = _meshes(path)
    if not np.isfinite(meshes).all():
        raise InputError(f"{path} holds what are no numbers", expected="three numbers for each vertex")
    matrix = read_mapping(mapping, meshes.shape[1], body.num_vertices)
    used = np.flatnonzero(np.abs(matrix).sum(1) > 0)
    fitted = fit_points(body, torch.from_numpy(meshes[:, used]), matrix[used])
    error = float(fitted.error.mean())
    return Foreign(
        path=path,
        kind="mesh",
        params=fitted.params,
        family=body.family,
        gender="neutral",
        fps=fps or 30.0,
        frame=frame or "y",
        note=f"fitted to meshes, {error:.1f} mm from them; fingers and face are at rest",
    )


def _meshes(path: Path) -> Float32[np.ndarray, "frame vert 3"]:
    if path.suffix == ".npy":
        stored = load_npy(path)
        if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind != "f":
            raise InputError(f"{path} holds {stored.dtype} of shape {stored.shape}", expected="(frames, vertices, 3)")
        return stored.astype(np.float32)
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} holds no meshes", expected="files ending in .obj or .ply")
    meshes = [read_mesh(file) for file in files]
    odd = next((file for file, mesh in zip(files, meshes, strict=True) if mesh.shape != meshes[0].shape), None)
    if odd is not None:
        raise InputError(f"{odd} has another number of vertices than {files[0]}", expected="meshes of one topology")
    return np.stack(meshes)
