"""The body, the camera and the file format once more, in the plainest way: what our own code is judged by.

Nothing of the package is imported here. Everything is in double precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

KEYPOINTS = (
    "nose reye leye rear lear LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel "
    "lthumb lindex lmiddle lring lpinky rthumb rindex rmiddle rring rpinky"
).split()
"""Order of the vertex joints in HumanData."""


def read_humandata(path: Path) -> dict[str, Any]:
    """A HumanData file by someone who knows only the format: plain numpy, compressed keypoints spread out."""
    with np.load(path, allow_pickle=True) as file:
        data = {key: file[key].item() if file[key].shape == () else file[key] for key in file.files}
    if data["__keypoints_compressed__"]:
        for key in [key for key in data if key.startswith("keypoints") and f"{key}_mask" in data]:
            mask = np.asarray(data[f"{key}_mask"])
            if data[key].shape[1] != len(mask):
                spread = np.zeros((len(data[key]), len(mask), data[key].shape[2]))
                spread[:, mask == 1] = data[key]
                data[key] = spread
    return data


class PlainBody:
    """Linear blend skinning as the papers write it, one person at a time."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.f = {key: file[key] for key in file.files if key not in ("posedirs", "model_name", "joint_names")}
        names = list(self.f["kp_names"])
        self.keypoints = self.f["kp_vertex_ids"][[names.index(name) for name in KEYPOINTS]]
        self.parents = self.f["kintree_table"][0].astype(np.int64)
        self.faces = self.f["f"].astype(np.int64)

    def pose(self, params: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and 144 joints; hands are absolute, `posedirs` are all zero in the open body."""
        f = self.f
        names = (
            "global_orient",
            "body_pose",
            "jaw_pose",
            "leye_pose",
            "reye_pose",
            "left_hand_pose",
            "right_hand_pose",
        )
        vectors = np.concatenate([np.reshape(params[name], (-1, 3)) for name in names]).astype(np.float64)
        rotations = [cv2.Rodrigues(vector)[0] for vector in vectors]
        coefficients = np.concatenate([params["betas"], params["expression"]]).astype(np.float64)
        rest = f["v_template"].astype(np.float64) + f["shapedirs"].astype(np.float64) @ coefficients
        joints = f["J_regressor"].astype(np.float64) @ rest
        world = [np.eye(4) for _ in joints]
        for j, parent in enumerate(self.parents):
            local = np.eye(4)
            local[:3, :3] = rotations[j]
            local[:3, 3] = joints[j] - (joints[parent] if j else 0)
            world[j] = world[parent] @ local if j else local
        stack = np.stack(world)
        skin = stack.copy()
        skin[:, :3, 3] -= np.einsum("jab,jb->ja", stack[:, :3, :3], joints)
        blended = np.einsum("vj,jab->vab", f["weights"].astype(np.float64), skin)
        vertices = np.einsum("vab,vb->va", blended[:, :3, :3], rest) + blended[:, :3, 3] + params["transl"]
        return vertices, self._joints(stack[:, :3, 3] + params["transl"], vertices, rotations)

    def _joints(self, skeleton: np.ndarray, vertices: np.ndarray, rotations: list[np.ndarray]) -> np.ndarray:
        f = self.f
        neck = rotations[0] @ rotations[3] @ rotations[6] @ rotations[9] @ rotations[12]
        angle = round(min(-np.degrees(np.arctan2(-neck[2, 0], np.hypot(neck[0, 0], neck[1, 0]))), 39))
        row = angle if angle >= 0 else (39 - angle if angle >= -39 else 78)
        found = [skeleton, vertices[self.keypoints]]
        for faces, weights in (
            (f["lmk_faces_idx"], f["lmk_bary_coords"]),
            (f["dynamic_lmk_faces_idx"][row], f["dynamic_lmk_bary_coords"][row]),
        ):
            found.append((vertices[self.faces[faces]] * weights[..., None]).sum(1))
        return np.concatenate(found)


def nearest_hit(directions: np.ndarray, triangles: np.ndarray, both_sides: np.ndarray) -> np.ndarray:
    """Depth (z) at which rays from the camera's centre first meet triangles; infinite where they meet none.

    Args:
        directions: (ray, 3) with z = 1.
        triangles: (triangle, 3, 3) camera frame.
        both_sides: (triangle,) whether a triangle is seen from behind, too.
    """
    a = triangles[:, 0]
    u, v = triangles[:, 1] - a, triangles[:, 2] - a
    normal = np.cross(u, v)
    along = (normal * a).sum(1)
    depth = np.full(len(directions), np.inf)
    q = np.cross(-a, u)
    for i, d in enumerate(directions):
        facing = normal @ d
        usable = (facing < 0) | (both_sides & (facing > 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = along / facing
            p = np.cross(d, v)
            inverse = 1 / (u * p).sum(1)
            s = (-a * p).sum(1) * inverse
            r = (q @ d) * inverse
            hit = usable & (t > 0.05) & (s >= 0) & (r >= 0) & (s + r <= 1)
        if hit.any():
            depth[i] = t[hit].min()
    return depth
