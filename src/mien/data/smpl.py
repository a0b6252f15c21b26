"""Joints of SMPL bodies, for the few datasets whose truth is in SMPL parameters alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32

from mien.body.model import BodyModel
from mien.data.samples import Label, Samples
from mien.geometry.rotation import matrix_from_axis_angle

__all__ = ["smpl_joints"]

_TURN = ("camera_rotation", "camera_translation")


def smpl_joints(samples: Samples, body: BodyModel) -> Float32[np.ndarray, "row 22 3"]:
    """The first 22 joints of the bodies whose SMPL parameters `extra` holds, metres, camera frame.

    Args:
        samples: with `smpl_body_pose`, `smpl_betas` and `smpl_transl` in `extra`; the root is `smpl_global_orient`
            there, or `global_orient`.
        body: an SMPL body of their gender.
    """
    count = len(samples)

    def extra(name: str, width: int) -> torch.Tensor:
        label = samples.extra.get(name)
        return torch.from_numpy(label.value) if isinstance(label, Label) else torch.zeros(count, width)

    root = extra("smpl_global_orient", 3)
    if "smpl_global_orient" not in samples.extra and samples.global_orient is not None:
        root = torch.from_numpy(samples.global_orient.value)
    pose = torch.cat([root.reshape(count, 1, 3), extra("smpl_body_pose", 69).reshape(count, -1, 3)], 1)
    shaped = body.shape(extra("smpl_betas", 10)[:, : body.num_betas])
    posed = shaped.pose(matrix_from_axis_angle(pose), _transl(samples, shaped.joints[:, 0]))
    return posed.position[:, :22].numpy().copy()


def _transl(samples: Samples, root: Float[torch.Tensor, "row 3"]) -> Float[torch.Tensor, "row 3"]:
    """Translation in the camera. One given in the world is turned about the origin, not about the root joint."""
    found = {name: samples.extra.get(name) for name in ("smpl_transl", "smpl_transl_world", *_TURN)}
    labels = {name: torch.from_numpy(label.value) for name, label in found.items() if isinstance(label, Label)}
    if "smpl_transl" in labels or not {"smpl_transl_world", *_TURN} <= set(labels):
        return labels.get("smpl_transl", torch.zeros_like(root))
    rotation, moved = (labels[name] for name in _TURN)
    world = (labels["smpl_transl_world"] + root).unsqueeze(-1)
    return (rotation.reshape(-1, 3, 3) @ world).squeeze(-1) + moved - root
