"""People as skinned characters in one GLB file (binary glTF 2.0), which Blender, Unity, Unreal and browsers open.

Per person: the rest mesh with its shape, 55 joints under their SMPL-X names, skinning weights, the expression as morph
targets, the pose as joint rotations and, where there is more than one frame, an animation of all that moves. The
characters stand where the picture's camera sees them, in metres.

- **Frame.** glTF is y up and its camera looks along -z, so one parent node turns the OpenCV camera frame by half a turn
  about x. The picture's camera is in the file, at the origin. glTF cameras have their axis through the middle of the
  picture: when `K` has it elsewhere the view differs by that much. `K` itself is in the camera's `extras`. Where the
  camera's place in the world is known, people and camera stand in the world.
- **Pose correctives.** glTF knows plain linear blend skinning only. A body with pose correctives (SMPL-X; the open body
  has none) gets those of this very pose added to its rest mesh, so that the file shows exactly the predicted mesh; a
  motion gets their average over its frames, and `docs/export.md` says what is left. `bake_correctives=False` gives the
  uncorrected rest mesh.
- **Influences.** Up to eight joints move a vertex, the strongest first, four in each attribute set; what is beyond is
  dropped and the rest scaled to sum to one. That is exact for the open body (at most six). Programs that read the first
  set only (three.js, phones) are off by up to 3 mm around the neck of the open body, by 0.01 mm on average;
  `max_influences=4` says the same to all.
- **Expression.** An expression also moves where head, jaw and eyes rest, by less than 1 mm, and they carry the mesh
  along. Here joints move with the pose (channels of their own), and morph targets do the rest; a change of the morph
  weights alone moves vertices only.
- **Time.** One animation holds everyone. Rotations are interpolated along the shortest way, the rest in straight lines;
  what never moves has no channel. Who is not there yet, or not any more, has the scale 0.

The file holds the body's shape, weights and expression space. What the licence of the body's file says about passing it
on holds for the GLB as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import InputError
from mien.export.container import INDICES, VERTICES, Container, smallest_unsigned
from mien.export.glb_animation import Animation, Character, gltf_quaternions
from mien.export.motion import Motion, Stage, camera_matrix, motions_of, upright_from_camera
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
from mien.palette import linear, person_colour
from mien.scene import Scene

__all__ = ["glb_bytes", "skin_influences", "write_glb", "write_motions"]

_HALF_TURN_ABOUT_X = [1.0, 0.0, 0.0, 0.0]


def write_glb(
    path: Path | str, scene: Scene, body: BodyModel, *, max_influences: int = 8, bake_correctives: bool = True
) -> Path:
    """Write everyone in the scene as skinned characters in one GLB file, whole or not at all.

    Args:
        path: where to.
        scene: of one picture; nobody in it gives a file with the camera alone.
        body: the one that the scene was made with.
        max_influences: 8, or 4 for programs that read one set of joints.
        bake_correctives: add the pose correctives of this pose to the rest mesh.

    Raises:
        InputError: the scene holds numbers that are not finite, or `max_influences` is neither 4 nor 8.
        BodyError: the scene was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    data = glb_bytes(scene, body, max_influences=max_influences, bake_correctives=bake_correctives)
    with atomic_write(path) as stream:
        stream.write(data)
    return path


def write_motions(
    path: Path, motions: Sequence[Motion], body: BodyModel, *, max_influences: int = 8, bake_correctives: bool = True
) -> Path:
    """Write people in motion as skinned, animated characters in one GLB file, whole or not at all.

    Args:
        path: where to.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.
        max_influences: 8, or 4 for programs that read one set of joints.
        bake_correctives: add the pose correctives, averaged over the frames, to the rest mesh.

    Raises:
        InputError: `max_influences` is neither 4 nor 8, or the camera is none.
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    data = motion_bytes(motions[0].stage, motions, body, max_influences, bake_correctives)
    with atomic_write(path) as stream:
        stream.write(data)
    return path


def glb_bytes(scene: Scene, body: BodyModel, *, max_influences: int = 8, bake_correctives: bool = True) -> bytes:
    """The contents of the file that `write_glb` writes.

    Raises:
        InputError: the scene holds numbers that are not finite, or `max_influences` is neither 4 nor 8.
        BodyError: the scene was made with another body, or the body has no 55 joints.
    """
    return motion_bytes(Stage.of(scene), motions_of(scene), body, max_influences, bake_correctives)


def motion_bytes(
    stage: Stage,
    motions: Sequence[Motion],
    body: BodyModel,
    max_influences: int,
    bake_correctives: bool,
    *,
    small: bool = False,
) -> bytes:
    """The contents of the file that `write_motions` writes; nobody in it leaves the camera.

    A `small` one has 16 bits a number for rotations that move, which turns a joint by at most 0.1 mrad.
    """
    if max_influences not in (4, 8):
        raise InputError(f"max_influences={max_influences}", expected="4 or 8", todo="leave it at 8 if in doubt")
    body = fitting(stage.origin, body)
    container = Container()
    document = _document(stage)
    if motions:
        shared = _shared(container, body, max_influences)
        start = min(float(motion.timestamps[0]) for motion in motions)
        end = max(float(motion.timestamps[-1]) for motion in motions)
        animation = Animation(container, start, end, small)
        for number, motion in enumerate(motions):
            posed = posed_motion(motion, body)
            character = _add_person(document, container, shared, motion, posed, bake_correctives, number)
            animation.add(motion, posed, character)
        document["animations"] = animation.found()
    return container.to_bytes(document)


def skin_influences(
    weights: Float[np.ndarray, "vert joint"], most: int
) -> tuple[UInt8[np.ndarray, "vert slot"], Float[np.ndarray, "vert slot"]]:
    """The strongest joints of every vertex and their weights, which sum to one; slots are a multiple of four.

    Args:
        weights: of all joints; not negative.
        most: how many joints to keep at most, a multiple of four. Empty slots have joint 0 and weight 0.
            A vertex without any weight goes with the root.
    """
    needed = int((weights > 0).sum(1).max(initial=1))
    slots = min(most, -(-needed // 4) * 4)
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :slots]
    kept = np.take_along_axis(weights, joints, 1).astype(np.float64)
    kept[kept.sum(1) == 0, 0] = 1
    kept /= kept.sum(1, keepdims=True)
    return np.where(kept > 0, joints, 0).astype(np.uint8), kept.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What all characters have in common, once in the file."""

    attributes: dict[str, int]
    """Accessors of joints and weights."""
    indices: int
    targets: list[dict[str, int]]
    directions: Float[np.ndarray, "expression vert 3"]
    faces: Int[np.ndarray, "face 3"]


def _shared(container: Container, body: BodyModel, max_influences: int) -> _Shared:
    faces = body.faces.numpy()
    joints, weights = skin_influences(body.weights.numpy(), max_influences)
    attributes = {}
    for k in range(joints.shape[1] // 4):
        attributes[f"JOINTS_{k}"] = container.add(joints[:, 4 * k : 4 * k + 4], target=VERTICES)
        attributes[f"WEIGHTS_{k}"] = container.add(weights[:, 4 * k : 4 * k + 4], target=VERTICES)
    corners = faces.reshape(-1).astype(smallest_unsigned(body.num_vertices))
    directions = expression_shapes(body)
    return _Shared(
        attributes=attributes,
        indices=container.add(corners, target=INDICES),
        targets=[{"POSITION": container.add_sparse(direction)} for direction in directions],
        directions=directions,
        faces=faces,
    )


def _document(stage: Stage) -> dict[str, Any]:
    """The document before anyone is in it: where it comes from, the camera, the node that turns y up."""
    origin = stage.origin
    extras = {
        "weights": origin.weights_name,
        "weights_sha256": origin.weights_sha256,
        "body": origin.body_name,
        "body_family": origin.body_family,
        "body_sha256": origin.body_sha256,
        "warning": origin.warning,
    }
    nodes = [{"name": "picture_camera", "camera": 0}, {"name": "opencv_frame", "rotation": _HALF_TURN_ABOUT_X}]
    if stage.world_from_camera is not None:
        nodes = _nodes_in_the_world(upright_from_camera(stage, "y"))
    return {
        "asset": {"version": "2.0", "generator": f"mien {origin.mien_version}", "extras": extras},
        "scene": 0,
        "scenes": [{"name": "picture", "nodes": [0, 1]}],
        "nodes": nodes,
        "cameras": [_camera(stage)],
        "meshes": [],
        "skins": [],
        "materials": [],
    }


def _camera(stage: Stage) -> dict[str, Any]:
    height, width = stage.image_size
    k = camera_matrix(stage)
    perspective = {
        "yfov": 2 * math.atan(height / (2 * k[1, 1])),
        "aspectRatio": (width / k[0, 0]) / (height / k[1, 1]),
        "znear": 0.01,
    }
    extras = {"K": k.tolist(), "image_size": [height, width]}
    return {"type": "perspective", "name": "picture_camera", "perspective": perspective, "extras": extras}


def _nodes_in_the_world(matrix: Float[Tensor, "4 4"]) -> list[dict[str, Any]]:
    """Camera and people's frame where the camera stands in the world."""
    camera = matrix[:3, :3] @ torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=matrix.dtype))
    place = matrix[:3, 3].tolist()
    turns = {"picture_camera": camera, "opencv_frame": matrix[:3, :3]}
    nodes: list[dict[str, Any]] = [
        {"name": name, "translation": place, "rotation": gltf_quaternions(turn).tolist()}
        for name, turn in turns.items()
    ]
    nodes[0]["camera"] = 0
    return nodes


def _add_person(
    document: dict[str, Any],
    container: Container,
    shared: _Shared,
    motion: Motion,
    posed: Posed,
    bake_correctives: bool,
    person: int,
) -> Character:
    """Append one character as in its first frame: material, mesh, skin, joints, and the nodes that hold them."""
    name, body = motion.name, posed.shaped.body
    rest, joints = rest_mesh(posed, bake_correctives), rest_joints(posed)
    expression = posed.shaped.coefficients[0, body.num_betas :].numpy()
    seen = rest + np.tensordot(expression, shared.directions, 1)
    attributes = {
        "POSITION": container.add(rest, target=VERTICES, bounds=True),
        "NORMAL": container.add(vertex_normals(seen, shared.faces), target=VERTICES),
        **shared.attributes,
    }
    primitive = {"attributes": attributes, "indices": shared.indices, "material": person, "mode": 4}
    mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
    if shared.targets:
        primitive["targets"] = shared.targets
        mesh["weights"] = expression.tolist()
        mesh["extras"] = {"targetNames": [f"expression_{k}" for k in range(len(shared.targets))]}
    nodes = document["nodes"]
    holder, first = len(nodes), len(nodes) + 1
    transl = motion.params.transl[0].tolist()
    nodes.append({"name": name, "translation": transl, "children": [first], "extras": _facts(motion)})
    nodes += _joint_nodes(posed, first)
    nodes.append({"name": f"{name}_body", "mesh": person, "skin": person})
    nodes[1].setdefault("children", []).append(holder)
    document["scenes"][0]["nodes"].append(len(nodes) - 1)
    document["materials"].append(_material(name, motion.track))
    document["meshes"].append(mesh)
    numbers = list(range(first, first + len(SMPLX_JOINTS)))
    inverse = container.add(_inverse_binds(joints))
    document["skins"].append({"name": name, "joints": numbers, "inverseBindMatrices": inverse, "skeleton": first})
    return Character(holder=holder, root=first, mesh=len(nodes) - 1)


def _facts(motion: Motion) -> dict[str, Any]:
    facts: dict[str, Any] = {"betas": motion.params.betas[0].tolist()}
    if len(motion) == 1:
        facts |= {"score": motion.score[0].item()} if motion.score[0] > 0 else {}
        return facts | ({"bbox": motion.bbox[0].tolist()} if bool(motion.bbox[0].isfinite().all()) else {})
    frames = [int(motion.frame_index[0]), int(motion.frame_index[-1])]
    return {**facts, "track_id": motion.track, "first_and_last_frame": frames, "fps": motion.stage.fps}


def _joint_nodes(posed: Posed, first: int) -> list[dict[str, Any]]:
    """The skeleton of the first frame as nodes; `first` is the number that its root gets."""
    parents = posed.shaped.body.parents
    offset = joint_offsets(posed)[0]
    quaternion = gltf_quaternions(posed.local[0])
    nodes: list[dict[str, Any]] = []
    for j, name in enumerate(SMPLX_JOINTS):
        node = {"name": name, "translation": offset[j].tolist(), "rotation": quaternion[j].tolist()}
        children = [first + child for child in range(1, len(parents)) if parents[child] == j]
        nodes.append({**node, "children": children} if children else node)
    return nodes


def _inverse_binds(rest: Float[np.ndarray, "joint 3"]) -> Float[np.ndarray, "joint 4 4"]:
    """From the rest mesh into each joint's own frame; column-major."""
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(rest), 1, 1))
    matrices[:, 3, :3] = -rest
    return matrices


def _material(name: str, track: int) -> dict[str, Any]:
    surface = {"baseColorFactor": [*linear(person_colour(track)), 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
    return {"name": name, "pbrMetallicRoughness": surface}
