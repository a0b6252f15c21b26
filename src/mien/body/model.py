"""The body layer, written from the maths of linear blend skinning (Loper et al. 2015; Pavlakos et al. 2019).

It works in stages, each a record that can be kept and reused:

    body = BodyModel.load("SMPLX_NEUTRAL.npz")
    shaped = body.shape(betas, expression)        # rest joints of this person
    posed = shaped.pose(rotations, transl)        # the skeleton in the world: 55 rotations and positions
    posed.joints()                                # 144 joints, without building the mesh
    posed.mesh()                                  # all vertices

`joints()` is what training and most of inference need. Beside the skeleton it poses only the few hundred vertices that
carry vertex joints and landmarks: the same numbers as picking them from the mesh, at a fraction of the work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mien.body.files import BodyArrays, read_body
from mien.body.joints import NECK
from mien.body.parts import CoarseBasis, SparseWeights, VertexSet, apply_transforms
from mien.body.skeleton import chain, without_graph
from mien.errors import BodyError
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.records import Prediction, Record, SmplxParams

__all__ = ["BodyModel", "Posed", "Shaped", "from_arrays"]

CONTOUR_ANGLES = 79
"""Rows of the moving contour: head turned 0..39 degrees one way, then 1..39 the other."""


@dataclass(frozen=True, kw_only=True)
class BodyModel(Record):
    """A body of the SMPL family: template, blend shapes, skeleton, skinning weights, landmarks."""

    family: str
    """`smplx` (10,475 vertices), `openbody` (13,492) or `smpl` (6,890)."""
    path: Path
    sha256: str
    parents: tuple[int, ...]
    num_betas: int
    num_expression: int
    faces: Int[Tensor, "face 3"]
    template: Float[Tensor, "vert 3"]
    """Metres, rest pose, y up."""
    basis: Float[Tensor, "feature flat"]
    """Displacement (flat = vert * 3) of each shape, expression and pose feature, in this order."""
    weights: Float[Tensor, "vert joint"]
    skin: SparseWeights
    joint_regressor: Float[Tensor, "joint vert"]
    joint_template: Float[Tensor, "joint 3"]
    joint_basis: Float[Tensor, "coefficient flat_joint"]
    mean_hands: Float[Tensor, "2 15 3"] | None
    """Axis-angle of the relaxed left and right hand; None for bodies without fingers."""
    points: VertexSet
    """Vertex joints, then the corners of the static landmarks."""
    num_vertex_joints: int
    landmark_bary: Float[Tensor, "landmark 3"] | None
    contour: VertexSet | None
    """Corners of the moving contour, one row per angle."""
    contour_bary: Float[Tensor, "angle contour 3"] | None
    coarse: CoarseBasis | None = None
    """Set by `with_coarse_correctives`."""

    @classmethod
    def load(cls, path: Path | str, *, num_betas: int = 10, num_expression: int = 10) -> BodyModel:
        """Read a body file; see `mien.body.files` for the formats and `find_body` for where they are looked for.

        Args:
            path: of the .npz or .pkl.
            num_betas: how many shape components to keep.
            num_expression: how many expression components to keep; ignored for bodies without a face.

        Raises:
            BodyError: the file is no body, is damaged, or has fewer components.
        """
        return from_arrays(read_body(Path(path)), num_betas, num_expression)

    @property
    def num_joints(self) -> int:
        """Joints of the skeleton: 55 for SMPL-X bodies."""
        return len(self.parents)

    @property
    def num_vertices(self) -> int:
        """Vertices of the mesh."""
        return self.template.shape[0]

    def shape(
        self, betas: Float[Tensor, "batch beta"], expression: Float[Tensor, "batch expression"] | None = None
    ) -> Shaped:
        """Give the body its shape and its expression; fewer components than the body has are filled with zeros."""
        parts = [_fill(betas, self.num_betas, "betas")]
        if self.num_expression:
            zero = betas.new_zeros(betas.shape[0], 0) if expression is None else expression
            parts.append(_fill(zero, self.num_expression, "expression"))
        coefficients = torch.cat(parts, -1)
        offsets = (coefficients @ self.joint_basis).unflatten(-1, (-1, 3))
        return Shaped(body=self, coefficients=coefficients, joints=self.joint_template + offsets)

    def pose(self, params: SmplxParams) -> Posed:
        """Shape and pose in one go, from parameters with one batch axis."""
        return self.shape(params.betas, params.expression).pose(params.full_pose(), params.transl)

    def hands_from_offsets(
        self, left: Float[Tensor, "*batch 15 3 3"], right: Float[Tensor, "*batch 15 3 3"]
    ) -> tuple[Float[Tensor, "*batch 15 3 3"], Float[Tensor, "*batch 15 3 3"]]:
        """Absolute hand poses from offsets to this body's mean hand (added in axis-angle, as the file format does)."""
        if self.mean_hands is None:
            raise BodyError(f"{self.path} has no hands", expected="an SMPL-X body", todo="choose another --body")
        offsets = axis_angle_from_matrix(torch.stack((left, right), -4))
        left, right = matrix_from_axis_angle(offsets + self.mean_hands).unbind(-4)
        return left, right

    def params_of(self, prediction: Prediction) -> SmplxParams:
        """A network's answer as parameters of this body: hands absolute, eyes straight, in the crop's virtual camera.

        Raises:
            BodyError: this body has no hands.
        """
        left, right = self.hands_from_offsets(prediction.left_hand_offset, prediction.right_hand_offset)
        straight = torch.eye(3, dtype=left.dtype, device=left.device).expand_as(prediction.jaw_pose)
        return SmplxParams(
            global_orient=prediction.global_orient,
            body_pose=prediction.body_pose,
            jaw_pose=prediction.jaw_pose,
            leye_pose=straight,
            reye_pose=straight,
            left_hand_pose=left,
            right_hand_pose=right,
            betas=prediction.betas,
            expression=prediction.expression,
            transl=prediction.transl,
        )

    def with_coarse_correctives(self) -> BodyModel:
        """The same body with its pose correctives rounded to 8 bits, for faster meshes on a CPU.

        `mesh()` without gradients then multiplies integers, with a quarter of the bytes; a vertex moves by well under
        a millimetre. `joints()`, and meshes with gradients, stay exact.
        """
        count = self.joint_basis.shape[0]
        return self if len(self.basis) == count else replace(self, coarse=CoarseBasis.of(self.basis[count:]))


@dataclass(frozen=True, kw_only=True)
class Shaped(Record):
    """A body with the shape and expression of one person per batch entry."""

    body: BodyModel
    coefficients: Float[Tensor, "batch coefficient"]
    """Betas, then expression."""
    joints: Float[Tensor, "batch joint 3"]
    """Rest positions, metres."""

    def pose(
        self, rotations: Float[Tensor, "#batch joint 3 3"], transl: Float[Tensor, "#batch 3"] | None = None
    ) -> Posed:
        """Turn every joint by its local rotation and move the whole by `transl` (metres).

        One shape serves any number of poses, one pose any number of shapes, one place any number of both.

        Raises:
            BodyError: there is not one rotation of each joint, or shapes, poses and places differ in number.
        """
        if rotations.ndim != 4 or rotations.shape[1:] != (self.body.num_joints, 3, 3):
            found = f"rotations of shape {tuple(rotations.shape)}"
            raise BodyError(found, expected=f"(batch, {self.body.num_joints}, 3, 3), a matrix of each joint")
        sizes = [len(self.joints), len(rotations)] + ([] if transl is None else [len(transl)])
        count = next((size for size in sizes if size != 1), 1)
        if any(size not in (1, count) for size in sizes):
            places = "" if transl is None else f" at places of shape {tuple(transl.shape)}"
            found = (
                f"rotations of shape {tuple(rotations.shape)} for joints of shape {tuple(self.joints.shape)}{places}"
            )
            raise BodyError(found, expected="batches of one size, or of one")
        shaped, rotations = self._repeated(count), _repeated(rotations, count)
        world, position = chain(self.body.parents, rotations, shaped.joints)
        if transl is not None:
            position = position + transl.unsqueeze(-2)
        return Posed(shaped=shaped, local=rotations, world=world, position=position)

    def _repeated(self, count: int) -> Shaped:
        if len(self.joints) == count:
            return self
        coefficients, joints = _repeated(self.coefficients, count), _repeated(self.joints, count)
        return Shaped(body=self.body, coefficients=coefficients, joints=joints)


@dataclass(frozen=True, kw_only=True)
class Posed(Record):
    """A skeleton in the world, ready to give joints or a mesh."""

    shaped: Shaped
    local: Float[Tensor, "batch joint 3 3"]
    world: Float[Tensor, "batch joint 3 3"]
    """Rotation of each joint in the frame of the translation (the camera's, for predictions)."""
    position: Float[Tensor, "batch joint 3"]
    """Metres, same frame."""

    def joints(self) -> Float[Tensor, "batch output_joint 3"]:
        """Skeleton, vertex joints, static landmarks, moving contour: 144 joints for SMPL-X bodies (45 for SMPL)."""
        body = self.shaped.body
        features, transforms = self.features(), self.transforms()
        points = body.points.pose(features, transforms)
        found = [self.position, points[:, : body.num_vertex_joints]]
        if body.landmark_bary is not None and body.contour is not None and body.contour_bary is not None:
            corners = points[:, body.num_vertex_joints :].unflatten(1, (-1, 3))
            found.append((corners * body.landmark_bary.unsqueeze(-1)).sum(-2))
            row = self.contour_row()
            corners = body.contour.pose_rows(row, features, transforms).unflatten(1, (-1, 3))
            found.append((corners * body.contour_bary[row].unsqueeze(-1)).sum(-2))
        return torch.cat(found, 1)

    def contour_row(self) -> Int[Tensor, "batch"]:
        """Which row of the moving contour is seen: the neck's turn about the vertical, in whole degrees, within 39."""
        neck = self.world[:, NECK]
        turn = -torch.rad2deg(torch.atan2(-neck[:, 2, 0], torch.hypot(neck[:, 0, 0], neck[:, 1, 0])))
        angle = turn.detach().nan_to_num(0.0).clamp(min=-39, max=39).round().long()  # a training may diverge
        return torch.where(angle >= 0, angle, 39 - angle)

    def mesh(self) -> Float[Tensor, "batch vert 3"]:
        """All vertices, metres. On a CPU and without gradients a fused kernel skins them in one pass."""
        body = self.shaped.body
        features, transforms = self.features(), self.transforms()
        if without_graph(features, transforms):
            from mien.body.skinning import skin

            return skin(body, features, transforms)
        rest = body.template + (features @ body.basis).unflatten(-1, (-1, 3))
        return apply_transforms(body.weights @ transforms, rest)

    def features(self) -> Float[Tensor, "batch feature"]:
        """Coefficients of `basis`: shape, expression and, where the body has pose correctives, R - I of each joint."""
        coefficients = self.shaped.coefficients
        if self.shaped.body.basis.shape[0] == coefficients.shape[1]:
            return coefficients
        eye = torch.eye(3, dtype=self.local.dtype, device=self.local.device)
        return torch.cat([coefficients, (self.local[:, 1:] - eye).flatten(1)], 1)

    def transforms(self) -> Float[Tensor, "batch joint 12"]:
        """Rest to posed, per joint: the nine entries of the rotation, row by row, then the translation."""
        shift = self.position - (self.world * self.shaped.joints.unsqueeze(-2)).sum(-1)
        return torch.cat([self.world.flatten(-2), shift], -1)


def _repeated(values: Float[Tensor, "given *rest"], count: int) -> Float[Tensor, "count *rest"]:
    """A batch of one as a batch of so many; any other as it is."""
    return values if len(values) == count else values.expand(count, *values.shape[1:]).contiguous()


def _fill(values: Float[Tensor, "batch given"], count: int, name: str) -> Float[Tensor, "batch count"]:
    given = values.shape[-1]
    if given > count:
        raise BodyError(
            f"{given} {name}", expected=f"at most the {count} of the body", todo=f"load it with num_{name}={given}"
        )
    return torch.nn.functional.pad(values, (0, count - given)) if given < count else values


def from_arrays(arrays: BodyArrays, num_betas: int, num_expression: int) -> BodyModel:
    """Precompute what every pose needs: joints as functions of shape, one basis, the vertex sets of the joints."""
    directions = [_components(arrays, arrays.shapedirs, num_betas, "betas")]
    if arrays.exprdirs.shape[-1]:
        directions.append(_components(arrays, arrays.exprdirs, num_expression, "expression"))
    coefficients = np.concatenate(directions, -1)
    num_vertices, num_coefficients = len(arrays.v_template), coefficients.shape[-1]
    parts = [coefficients] if arrays.posedirs is None else [coefficients, arrays.posedirs]
    basis = _tensor(np.concatenate([np.moveaxis(part, -1, 0) for part in parts]))
    regressor = arrays.J_regressor.astype(np.float64)
    joint_basis = np.einsum("jv,vck->kjc", regressor, coefficients.astype(np.float64), optimize=True)
    ids, landmarks = arrays.kp_vertex_ids, None
    contour = contour_bary = None
    if arrays.lmk_faces_idx is not None:
        assert arrays.lmk_bary_coords is not None and arrays.dynamic_lmk_bary_coords is not None
        landmarks = _tensor(arrays.lmk_bary_coords)
        ids = np.concatenate([ids, arrays.faces[arrays.lmk_faces_idx].reshape(-1)])
        corners = arrays.faces[arrays.dynamic_lmk_faces_idx].reshape(CONTOUR_ANGLES, -1)
        contour = VertexSet.of(arrays, basis, corners)
        contour_bary = _tensor(arrays.dynamic_lmk_bary_coords)
    hands = [hand for hand in (arrays.hands_meanl, arrays.hands_meanr) if hand is not None]
    return BodyModel(
        family=arrays.family,
        path=arrays.path,
        sha256=arrays.sha256,
        parents=tuple(int(parent) for parent in arrays.parents),
        num_betas=num_betas,
        num_expression=num_coefficients - num_betas,
        faces=_tensor(arrays.faces),
        template=_tensor(arrays.v_template),
        basis=basis.reshape(-1, num_vertices * 3),
        weights=_tensor(arrays.weights),
        skin=SparseWeights.of(arrays.weights),
        joint_regressor=_tensor(arrays.J_regressor),
        joint_template=_tensor((regressor @ arrays.v_template).astype(np.float32)),
        joint_basis=_tensor(joint_basis.astype(np.float32).reshape(num_coefficients, -1)),
        mean_hands=_tensor(np.stack(hands)) if hands else None,
        points=VertexSet.of(arrays, basis, ids),
        num_vertex_joints=len(arrays.kp_vertex_ids),
        landmark_bary=landmarks,
        contour=contour,
        contour_bary=contour_bary,
    )


def _tensor(array: np.ndarray) -> Tensor:
    """A copy where torch keeps its numbers: those of numpy lie anywhere, and the last digits of a product depend on
    where its factors lie, so that two processes would differ."""
    return torch.from_numpy(array).clone()


def _components(
    arrays: BodyArrays, directions: Float[np.ndarray, "vert 3 component"], count: int, name: str
) -> Float[np.ndarray, "vert 3 count"]:
    if directions.shape[-1] < count:
        raise BodyError(
            f"{arrays.path} has {directions.shape[-1]} {name} components",
            expected=f"at least {count}",
            todo=f"ask for fewer {name}",
        )
    return directions[..., :count]
