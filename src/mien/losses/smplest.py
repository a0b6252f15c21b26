"""The losses of SMPLest-X (SPEC 3.2): L1 on rotations, shape, expression, joints in space and in the crop.

    terms = smplest_loss(prediction, joints, targets)
    loss = sum(terms.values())

Every term is weighted already, so that the curves of all terms add up to the curve of the loss. Joints come from the
body's joints-only path: no mesh is built in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.parts import HANDS, PELVIS
from mien.data.targets import CHAINS, Targets
from mien.losses.base import Loss, by_part, mean_error, rotations_of
from mien.losses.joint_maps import joint_map_errors
from mien.nets.virtual_camera import project
from mien.records import Prediction

__all__ = ["SmplestLoss", "predicted_joints", "smplest_loss"]

_HANDS = slice(HANDS[0].start, HANDS[1].stop)


@dataclass(frozen=True, kw_only=True)
class SmplestLoss(Loss):
    """Weights of the terms; the published ones by default. A term of weight 0 is left out."""

    orient: float = 1.0
    """The root's rotation, which `pose` counts as well."""
    pose: float = 10.0
    """All 53 rotations, as matrices."""
    betas: float = 1.0
    expression: float = 1.0
    joints3d: float = 100.0
    """Joints relative to the pelvis, and once more relative to wrists and neck; metres."""
    joints2d: float = 1.0
    """Joints in the crop, heat-map units."""
    hand_root: float = 1.0
    """Global orientation of the wrists, as the hand tokens say it."""
    hand_root_chain: float = 1.0
    """The same, as the rotations from the pelvis on make it; the pelvis itself learns nothing from it."""
    hand_joints: float = 0.0
    """Both terms of `joints3d` once more on the joints of the hands."""
    joint_maps: float = 30.0
    """Where the patches see the joints; of networks with `joint_maps`, which the published ones are not."""
    joint_maps_depth: float = 8.0
    """How deep they see them."""
    replicate: bool = False
    """Reduce as the published training did: the samples of a batch gate each other's wrists (SPEC 10, row 50)."""
    over_valid: bool = False
    """Divide by the number of labels that there are. The published training divides by all, known or not, which makes
    the weights above mean what they do."""

    def terms(
        self, prediction: Prediction, joints: Float[Tensor, "batch 137 3"], targets: Targets
    ) -> dict[str, Float[Tensor, ""]]:
        """See `smplest_loss`."""
        return smplest_loss(prediction, joints, targets, self)

    @property
    def may_skip_parameters(self) -> bool:
        """Without these terms the hand tokens, the camera and the maps learn nothing."""
        return not (self.hand_root and self.joints2d and self.joint_maps and self.joint_maps_depth)


def smplest_loss(
    prediction: Prediction,
    joints: Float[Tensor, "batch 137 3"],
    targets: Targets,
    config: SmplestLoss = SmplestLoss(),
) -> dict[str, Float[Tensor, ""]]:
    """Every term with a weight.

    Args:
        prediction: of a batch of crops.
        joints: of the predicted bodies, see `predicted_joints`.
        targets: of the same crops; the weights in them decide what counts.
        config: the weights of the terms.
    """
    found: dict[str, Tensor] = {}

    def add(name: str, weight: float, error: Tensor, valid: Tensor) -> None:
        if weight:
            found[name] = weight * mean_error(error, valid, config.over_valid)

    rotations = rotations_of(prediction)
    turned, known = (rotations - targets.pose).abs(), targets.pose_weight[..., None, None]
    add("orient", config.orient, turned[:, 0], known[:, 0])
    add("pose", config.pose, turned, known)
    add("betas", config.betas, (prediction.betas - targets.betas).abs(), targets.betas_weight[:, None])
    expression = (prediction.expression - targets.expression).abs()
    add("expression", config.expression, expression, targets.expression_weight[:, None])
    rooted = joints - joints[:, PELVIS : PELVIS + 1]
    cam, parts = (rooted - targets.cam).abs(), (by_part(joints) - targets.parts).abs()
    cam_weight, parts_weight = targets.cam_weight[..., None], targets.parts_weight[..., None]
    add("joints_cam", config.joints3d, cam, cam_weight)
    add("hands_cam", config.hand_joints, cam[:, _HANDS], cam_weight[:, _HANDS])
    add("joints_parts", config.joints3d, parts, parts_weight)
    add("hands_parts", config.hand_joints, parts[:, _HANDS], parts_weight[:, _HANDS])
    seen = (project(joints) - targets.image[..., :2]).abs()
    add("joints_image", config.joints2d, seen, targets.image_weight[..., None])
    assert prediction.hand_root is not None, "a network with hand tokens"
    wrists = {"hand_root": prediction.hand_root, "hand_root_chain": wrist_chain(rotations)}
    for name, wrist in wrists.items():
        if weight := getattr(config, name):
            reduce = _published_wrist_loss if config.replicate else _wrist_loss
            found[name] = weight * reduce(wrist, targets, config.over_valid)
    if prediction.joint_maps is not None:
        missed, apart = joint_map_errors(prediction.joint_maps, targets)
        add("joint_maps", config.joint_maps, missed, targets.image_weight)
        add("joint_maps_depth", config.joint_maps_depth, apart, targets.image_weight * targets.depth_weight)
    return found


def predicted_joints(body: BodyModel, prediction: Prediction) -> Float[Tensor, "batch 137 3"]:
    """Joints of the predicted bodies in the virtual camera, metres."""
    return body.pose(body.params_of(prediction)).joints()[:, list(SMPLX_137)]


def wrist_chain(rotations: Float[Tensor, "batch 53 3 3"]) -> Float[Tensor, "batch 2 3 3"]:
    """Orientation of both wrists: the rotations from the pelvis on, multiplied. No gradient reaches the pelvis."""
    chains = rotations[:, list(CHAINS)]
    turned = torch.cat([chains[:, :, :1].detach(), chains[:, :, 1:]], 2)
    while turned.shape[2] > 1:  # of the eight, neighbours are multiplied until one is left
        turned = turned[:, :, ::2] @ turned[:, :, 1::2]
    return turned.squeeze(2)


def _wrist_loss(wrist: Float[Tensor, "batch 2 3 3"], targets: Targets, over_valid: bool) -> Tensor:
    """Each wrist by the body's chain where that is known, else as it was measured. Both wrists are added."""
    chain = (wrist - targets.wrist).abs() * targets.wrist_weight[..., None, None]
    measured = (wrist - targets.hand_root).abs() * targets.hand_root_weight[..., None, None]
    known = targets.wrist_weight + targets.hand_root_weight
    count = known.sum().clamp(min=1) * 9 if over_valid else len(wrist) * 9
    return (chain + measured).sum() / count


def _published_wrist_loss(wrist: Float[Tensor, "batch 2 3 3"], targets: Targets, over_valid: bool) -> Tensor:
    """With the gate of a person averaged over the batch, whoever it belongs to."""
    chain = ((wrist - targets.wrist).abs() * targets.wrist_weight[..., None, None]).sum(1).mean()
    measured = ((wrist - targets.hand_root).abs() * targets.hand_root_weight[..., None, None]).sum(1).mean()
    gate = targets.whole_body.mean()
    return gate * chain + (1 - gate) * measured
