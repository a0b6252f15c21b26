"""People in motion as UsdSkel characters in one USD file, for Blender, Unreal, Houdini, Maya and Omniverse.

Per person a `SkelRoot`: the rest mesh with its shape, a skeleton of 55 joints, skinning weights, the expression as
blend shapes, and an animation of joints and blend shapes; beside them the picture's camera with its whole `K` (USD
cameras may have their axis anywhere). Metres; `up` is the stage's up axis. What `mien.export.glb` says of pose
correctives, expressions and licences holds here as well; a vertex keeps at most eight joints.

Needs usd-core: `pip install 'mien[usd]'`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import OutputError
from mien.export.glb import skin_influences
from mien.export.motion import Motion, Stage, Up, upright_from_camera
from mien.export.people import (
    expression_shapes,
    fitting,
    joint_offsets,
    posed_motion,
    rest_joints,
    rest_mesh,
    vertex_normals,
)
from mien.files import atomic_write
from mien.geometry.rotation import quaternion_from_matrix
from mien.optional import need
from mien.palette import linear, person_colour

__all__ = ["write_usd"]

_MODULES = ("Gf", "Sdf", "Tf", "Usd", "UsdGeom", "UsdShade", "UsdSkel", "Vt")
_APERTURE = 36.0
"""Width of the film; only what it is to the focal length matters."""


def write_usd(path: Path, motions: Sequence[Motion], body: BodyModel, up: Up = "y") -> Path:
    """Write people in motion as UsdSkel characters in one file, whole or not at all.

    Args:
        path: where to: `.usd` and `.usdc` are binary, `.usda` is text.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.
        up: the axis that points up.

    Raises:
        MienError: usd-core is not installed.
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    pxr = _pxr()
    body, stage = fitting(motions[0].stage.origin, body), motions[0].stage
    scene: Any = pxr.Usd.Stage.CreateInMemory()
    pxr.UsdGeom.SetStageUpAxis(scene, pxr.UsdGeom.Tokens.y if up == "y" else pxr.UsdGeom.Tokens.z)
    pxr.UsdGeom.SetStageMetersPerUnit(scene, 1.0)
    scene.SetTimeCodesPerSecond(stage.fps)
    scene.SetFramesPerSecond(stage.fps)
    scene.SetStartTimeCode(min(_codes(motion)[0] for motion in motions))
    scene.SetEndTimeCode(max(_codes(motion)[-1] for motion in motions))
    scene.SetDefaultPrim(pxr.UsdGeom.Xform.Define(scene, "/scene").GetPrim())
    matrix = upright_from_camera(stage, up)
    _add_camera(scene, stage, matrix)
    for motion in motions:
        _add_person(scene, motion, posed_motion(motion, body), matrix)
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as stream:
        whole = Path(folder) / f"scene{path.suffix}"
        try:
            scene.GetRootLayer().Export(str(whole))
        except pxr.Tf.ErrorException as error:
            raise OutputError(f"cannot write {path} ({error})", expected="a disk with room for it") from error
        stream.write(whole.read_bytes())
    return path


def _pxr() -> Any:
    """The modules of usd-core, which come without types."""
    need("pxr", extra="usd", why="writing USD")
    return SimpleNamespace(**{name: import_module(f"pxr.{name}") for name in _MODULES})


def _add_camera(scene: Any, stage: Stage, matrix: Float[Tensor, "4 4"]) -> None:
    pxr = _pxr()

    camera: Any = pxr.UsdGeom.Camera.Define(scene, "/scene/picture_camera")
    look = matrix @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=matrix.dtype))
    pxr.UsdGeom.Xformable(camera).AddTransformOp().Set(_gf_matrix(look))
    height, width = stage.image_size
    fx, fy, cx, cy = (float(stage.K[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    focal = _APERTURE * fx / width
    camera.CreateFocalLengthAttr(focal)
    camera.CreateHorizontalApertureAttr(_APERTURE)
    camera.CreateVerticalApertureAttr(height / fy * focal)
    camera.CreateHorizontalApertureOffsetAttr(((width - 1) / 2 - cx) / fx * focal)
    camera.CreateVerticalApertureOffsetAttr((cy - (height - 1) / 2) / fy * focal)


def _add_person(scene: Any, motion: Motion, posed: Posed, matrix: Float[Tensor, "4 4"]) -> None:
    pxr = _pxr()

    path = f"/scene/{pxr.Tf.MakeValidIdentifier(motion.name)}"
    root: Any = pxr.UsdSkel.Root.Define(scene, path)
    root.AddTransformOp().Set(_gf_matrix(matrix))
    _set_visibility(root, motion)
    joints = rest_joints(posed)
    mesh: Any = pxr.UsdGeom.Mesh.Define(scene, f"{path}/body")
    shapes = _add_mesh(scene, mesh, posed, motion.track)
    skeleton = _add_skeleton(scene, f"{path}/skeleton", posed.shaped.body.parents, joints)
    animation = _add_animation(scene, f"{path}/animation", motion, posed, shapes)
    pxr.UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    pxr.UsdSkel.BindingAPI(mesh).CreateSkeletonRel().SetTargets([skeleton.GetPath()])


def _add_mesh(scene: Any, mesh: Any, posed: Posed, track: int) -> list[str]:
    """The rest mesh with its skin, colour and blend shapes. Returns the names of these."""
    pxr = _pxr()

    body = posed.shaped.body
    rest, faces = rest_mesh(posed, True), body.faces.numpy()
    mesh.CreatePointsAttr(pxr.Vt.Vec3fArray.FromNumpy(rest))
    mesh.CreateFaceVertexCountsAttr(pxr.Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(pxr.Vt.IntArray.FromNumpy(faces.reshape(-1).astype(np.int32)))
    mesh.CreateNormalsAttr(pxr.Vt.Vec3fArray.FromNumpy(vertex_normals(rest, faces)))
    mesh.SetNormalsInterpolation(pxr.UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(pxr.UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(pxr.Vt.Vec3fArray.FromNumpy(np.stack([rest.min(0), rest.max(0)])))
    _colour(scene, mesh, track)
    binding: Any = pxr.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    joints, weights = skin_influences(body.weights.numpy(), 8)
    count = joints.shape[1]
    indices = pxr.Vt.IntArray.FromNumpy(joints.reshape(-1).astype(np.int32))
    binding.CreateJointIndicesPrimvar(False, count).Set(indices)
    binding.CreateJointWeightsPrimvar(False, count).Set(pxr.Vt.FloatArray.FromNumpy(weights.reshape(-1)))
    names, targets = [], []
    for k, direction in enumerate(expression_shapes(body)):
        shape: Any = pxr.UsdSkel.BlendShape.Define(scene, f"{mesh.GetPath()}/expression_{k}")
        rows = np.flatnonzero((direction != 0).any(1))
        shape.CreateOffsetsAttr(pxr.Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(direction[rows])))
        shape.CreatePointIndicesAttr(pxr.Vt.IntArray.FromNumpy(rows.astype(np.int32)))
        names.append(f"expression_{k}")
        targets.append(shape.GetPath())
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    return names


def _colour(scene: Any, mesh: Any, track: int) -> None:
    pxr = _pxr()

    light = pxr.Gf.Vec3f(*linear(person_colour(track)))
    mesh.CreateDisplayColorAttr(pxr.Vt.Vec3fArray([light]))
    material: Any = pxr.UsdShade.Material.Define(scene, f"{mesh.GetPath().GetParentPath()}/material")
    shader: Any = pxr.UsdShade.Shader.Define(scene, f"{material.GetPath()}/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", pxr.Sdf.ValueTypeNames.Color3f).Set(light)
    shader.CreateInput("roughness", pxr.Sdf.ValueTypeNames.Float).Set(0.7)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    pxr.UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _add_skeleton(scene: Any, path: str, parents: tuple[int, ...], rest: Float[np.ndarray, "joint 3"]) -> Any:
    pxr = _pxr()

    skeleton: Any = pxr.UsdSkel.Skeleton.Define(scene, path)
    skeleton.CreateJointsAttr(_joint_paths(parents))
    skeleton.CreateJointNamesAttr(list(SMPLX_JOINTS))
    bind = np.tile(np.eye(4), (len(rest), 1, 1))
    bind[:, 3, :3] = rest
    local = bind.copy()
    local[1:, 3, :3] -= rest[list(parents[1:])]
    skeleton.CreateBindTransformsAttr(pxr.Vt.Matrix4dArray.FromNumpy(bind))
    skeleton.CreateRestTransformsAttr(pxr.Vt.Matrix4dArray.FromNumpy(local))
    return skeleton


def _add_animation(scene: Any, path: str, motion: Motion, posed: Posed, shapes: list[str]) -> Any:
    pxr = _pxr()

    body = posed.shaped.body
    animation: Any = pxr.UsdSkel.Animation.Define(scene, path)
    animation.CreateJointsAttr(_joint_paths(body.parents))
    animation.CreateBlendShapesAttr(shapes)
    offsets = joint_offsets(posed)
    quaternions = quaternion_from_matrix(posed.local.double()).tolist()
    expression = posed.shaped.coefficients[:, body.num_betas :].numpy()
    animation.CreateScalesAttr([pxr.Gf.Vec3h(1, 1, 1)] * offsets.shape[1])
    turns, places = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    weights = animation.CreateBlendShapeWeightsAttr()
    for row, code in enumerate(_codes(motion)):
        moved = np.ascontiguousarray(offsets[row])
        moved[0] += motion.params.transl[row].numpy()
        turns.Set(pxr.Vt.QuatfArray([pxr.Gf.Quatf(*values) for values in quaternions[row]]), code)
        places.Set(pxr.Vt.Vec3fArray.FromNumpy(moved), code)
        weights.Set(pxr.Vt.FloatArray.FromNumpy(np.ascontiguousarray(expression[row])), code)
    return animation


def _set_visibility(root: Any, motion: Motion) -> None:
    """Nobody is seen before their first frame and after their last."""
    pxr = _pxr()

    if motion.stage.num_frames == 1:
        return
    codes, attribute = _codes(motion), root.CreateVisibilityAttr()
    if codes[0] > 0:
        attribute.Set(pxr.UsdGeom.Tokens.invisible, 0.0)
    attribute.Set(pxr.UsdGeom.Tokens.inherited, codes[0])
    if int(motion.frame_index[-1]) + 1 < motion.stage.num_frames:
        attribute.Set(pxr.UsdGeom.Tokens.invisible, codes[-1] + 1)


def _codes(motion: Motion) -> list[float]:
    """Time codes of the frames: seconds in frames."""
    return [round(code, 4) for code in (motion.timestamps * motion.stage.fps).tolist()]


def _joint_paths(parents: tuple[int, ...]) -> list[str]:
    paths = [SMPLX_JOINTS[0]]
    for joint in range(1, len(parents)):
        paths.append(f"{paths[parents[joint]]}/{SMPLX_JOINTS[joint]}")
    return paths


def _gf_matrix(matrix: Float[Tensor, "4 4"]) -> Any:
    """USD multiplies rows from the left."""
    pxr = _pxr()

    return pxr.Gf.Matrix4d(matrix.T.tolist())
