"""The losses of SMPLer-X (SPEC 3.3): L1 on axis-angles, shape, expression, joints in space, in heat maps, and boxes.

    terms = SmplerxLoss().terms(prediction, joints, targets)
    loss = sum(terms.values())

Every term is weighted already. Targets come from keypoints and, a second time, from the fitted body (`Targets.body`).

Hands are compared inside the boxes that the network looked into, sixteen cells across: labels, joints of the heat maps,
projected joints. What of a hand lies outside its box counts for nothing. Projected hands and faces are first moved onto
their labels, by the mean offset of the joints that count: they teach the shape of a part, its place is the body's
affair. The offset has a gradient, so that none is left that would move a part as a whole.

What is mended, unless `replicate` is asked for:
- the published losses switch by the batch. All hands are expressed in boxes as soon as one person has one labelled hand
  box, otherwise none, and then joints in units of a box meet labels in units of the body; faces are moved if one person
  has a labelled face box. Here both are done for everybody, always;
- keypoints said how deep a finger lies behind the pelvis, the fitted body how deep behind the wrist, to the same heat
  map. Here both say the latter;
- near half a turn an axis-angle jumps to its opposite. Here the label is taken, of the two that mean the same rotation,
  that is nearer to the prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.data.boxes import BoxTargets
from mien.data.parts import BODY, FACE, HANDS, PELVIS
from mien.data.targets import Targets
from mien.geometry.rotation import axis_angle_from_matrix
from mien.losses.base import Loss, by_part, mean_error, rotations_of
from mien.nets.virtual_camera import project
from mien.records import Located, Prediction

__all__ = ["SmplerxLoss"]

_NAMES = ("left_hand_box", "right_hand_box", "face_box")
_BOTH = slice(HANDS[0].start, HANDS[1].stop)
_PLACED = HANDS[1].stop
"""Joints that heat maps place."""
_CELLS = 16.0
"""Across a hand's box, and in depth."""
_HAND_DEPTH = 0.15
"""Metres from a wrist to either end of the cells in depth."""
_SMALLEST = 0.1
"""Cells; a box is not taken to be smaller."""


@dataclass(frozen=True, kw_only=True)
class SmplerxLoss(Loss):
    """Weights of the terms; the published ones by default. A term of weight 0 is left out."""

    needs_body: ClassVar[bool] = True

    pose: float = 10.0
    """All 53 rotations, as axis-angles."""
    orient: float = 0.0
    """The root's alone, once more."""
    betas: float = 1.0
    expression: float = 1.0
    joints3d: float = 100.0
    """Joints relative to the pelvis, by keypoints; relative to pelvis, wrists and neck, by the fitted body; metres."""
    joints2d: float = 1.0
    """Projected joints; heat-map units, hands in sixteenths of their boxes."""
    located: float = 1.0
    """Joints of the heat maps, by keypoints and by the fitted body; the same units."""
    boxes: float = 1.0
    """Centres and sizes of hands and face, heat-map units."""
    replicate: bool = False
    """Switch by the batch, and compare axis-angles as they are, as the published training did."""
    over_valid: bool = False
    """Divide by the number of labels that there are. The published training divides by all, known or not, which makes
    the weights above mean what they do."""

    def terms(
        self, prediction: Prediction, joints: Float[Tensor, "batch 137 3"], targets: Targets
    ) -> dict[str, Float[Tensor, ""]]:
        """Every term with a weight.

        Args:
            prediction: of a batch of crops, by a network that locates.
            joints: of the predicted bodies in the virtual camera, metres.
            targets: of the same crops, with `body` and `boxes`.
        """
        found: dict[str, Tensor] = {}

        def add(name: str, weight: float, error: Tensor, valid: Tensor) -> None:
            if weight:
                found[name] = weight * mean_error(error, valid, self.over_valid)

        located, body, boxes = prediction.located, targets.body, targets.boxes
        assert located is not None and body is not None and boxes is not None, "a network that locates, and its targets"
        self._add_parameters(add, prediction, targets)
        rooted = joints - joints[:, PELVIS : PELVIS + 1]
        cam_weight = targets.known * targets.has_3d[:, None] if self.replicate else targets.cam_weight
        add("joints_cam", self.joints3d, (rooted - targets.cam).abs(), cam_weight[..., None])
        add("body_parts", self.joints3d, (by_part(joints) - body.parts).abs(), body.parts_weight[..., None])
        self._add_places(add, located, project(joints), targets)
        for i, name in enumerate(_NAMES):
            off = (located.center[:, i] - boxes.center[:, i]).abs() + (located.size[:, i] - boxes.size[:, i]).abs()
            add(name, self.boxes, off, boxes.weight[:, i, None])
        return found

    @property
    def may_skip_parameters(self) -> bool:
        """Without these terms the camera, the heat maps or the boxes learn nothing."""
        return not (self.joints2d and self.located and self.boxes)

    def _add_parameters(
        self, add: Callable[[str, float, Tensor, Tensor], None], prediction: Prediction, targets: Targets
    ) -> None:
        """Pose, shape and expression."""
        turns, wanted = axis_angle_from_matrix(rotations_of(prediction)), axis_angle_from_matrix(targets.pose)
        if not self.replicate:
            wanted = _nearer(wanted, turns.detach())
        off, known = (turns - wanted).abs(), targets.pose_weight[..., None]
        add("pose", self.pose, off, known)
        add("orient", self.orient, off[:, 0], known[:, 0])
        add("betas", self.betas, (prediction.betas - targets.betas).abs(), targets.betas_weight[:, None])
        expression = (prediction.expression - targets.expression).abs()
        add("expression", self.expression, expression, targets.expression_weight[:, None])

    def _add_places(
        self,
        add: Callable[[str, float, Tensor, Tensor], None],
        located: Located,
        flat: Float[Tensor, "batch 137 2"],
        targets: Targets,
    ) -> None:
        """Joints in the crop: projected ones, and those of the heat maps."""
        body, boxes = targets.body, targets.boxes
        assert body is not None and boxes is not None
        hands, faces = self._switches(boxes)
        held = located.boxes[:, :2]
        image, seen = _into_boxes(targets.image, held, hands), _inside(targets.image, targets.image_weight, held, hands)
        fitted, known = _into_boxes(body.image, held, hands), _inside(body.image, body.image_weight, held, hands)
        moved = _aligned(_into_boxes(flat, held, hands), image[..., :2], seen, hands, faces)
        add("joints_image", self.joints2d, (moved - image[..., :2]).abs(), seen[..., None])
        deep = seen * targets.has_3d[:, None]
        if not self.replicate:
            image, deep = _with_hand_depths(image, targets)
            deep = deep * (seen > 0)
        placed = torch.cat([located.body, located.hands.flatten(1, 2)], 1)
        labels = {"joints_located": (image, seen, deep), "body_located": (fitted, known, known)}
        for name, (places, weight, depth) in labels.items():
            valid = torch.stack([weight, weight, depth], -1)[:, :_PLACED]
            add(name, self.located, (placed - places[:, :_PLACED]).abs(), valid)

    def _switches(self, boxes: BoxTargets) -> tuple[Bool[Tensor, ""], Bool[Tensor, ""]]:
        """Whether hands are expressed in their boxes, and faces moved."""
        if self.replicate:
            return boxes.weight[:, :2].sum() > 0, boxes.weight[:, 2].sum() > 0
        yes = boxes.weight.new_ones((), dtype=torch.bool)
        return yes, yes


def _nearer(turns: Float[Tensor, "batch 53 3"], to: Float[Tensor, "batch 53 3"]) -> Float[Tensor, "batch 53 3"]:
    """Each axis-angle, or the one that turns the other way round to the same place, whichever is nearer."""
    angle = turns.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    other = turns * (1 - 2 * math.pi / angle)
    return torch.where(
        (other - to).abs().sum(-1, keepdim=True) < (turns - to).abs().sum(-1, keepdim=True), other, turns
    )


def _into_boxes(
    points: Float[Tensor, "batch 137 d"], boxes: Float[Tensor, "batch 2 4"], moved: Bool[Tensor, ""]
) -> Float[Tensor, "batch 137 d"]:
    """The points, hands in sixteenths of their boxes if they are to be `moved`. Depths stay."""
    hands = points[:, _BOTH].unflatten(1, (2, -1))
    corner, side = boxes[:, :, None, :2], (boxes[:, :, None, 2:] - boxes[:, :, None, :2]).clamp(min=_SMALLEST)
    inside = torch.cat([(hands[..., :2] - corner) * (_CELLS / side), hands[..., 2:]], -1)
    hands = torch.where(moved, inside, hands).flatten(1, 2)
    return torch.cat([points[:, BODY], hands, points[:, FACE]], 1)


def _with_hand_depths(
    image: Float[Tensor, "batch 137 3"], targets: Targets
) -> tuple[Float[Tensor, "batch 137 3"], Float[Tensor, "batch 137"]]:
    """Labels with the depths of hands relative to their wrists, as their heat maps and the fitted body have them."""
    depth = (targets.parts[:, _BOTH, 2] / _HAND_DEPTH + 1) * (_CELLS / 2)
    inside = (depth >= 0) & (depth < _CELLS)
    deep = torch.cat([image[:, BODY, 2], depth, image[:, FACE, 2]], 1).unsqueeze(-1)
    weights = targets.depth_weight[:, BODY], targets.parts_weight[:, _BOTH] * inside, targets.depth_weight[:, FACE]
    return torch.cat([image[..., :2], deep], -1), torch.cat(weights, 1)


def _inside(
    points: Float[Tensor, "batch 137 3"],
    weight: Float[Tensor, "batch 137"],
    boxes: Float[Tensor, "batch 2 4"],
    moved: Bool[Tensor, ""],
) -> Float[Tensor, "batch 137"]:
    """The weights, 0 for joints of hands outside their boxes, if hands are `moved` into them."""
    places = _into_boxes(points, boxes, moved)[:, _BOTH, :2]
    there = ((places >= 0) & (places < _CELLS)).all(-1) | ~moved
    return torch.cat([weight[:, BODY], weight[:, _BOTH] * there, weight[:, FACE]], 1)


def _aligned(
    points: Float[Tensor, "batch 137 2"],
    wanted: Float[Tensor, "batch 137 2"],
    weight: Float[Tensor, "batch 137"],
    hands: Bool[Tensor, ""],
    faces: Bool[Tensor, ""],
) -> Float[Tensor, "batch 137 2"]:
    """The points, each hand and each face moved by its mean distance from where it should be."""
    found = [points[:, BODY]]
    for part, moved in zip((*HANDS, FACE), (hands, hands, faces), strict=True):
        counts = weight[:, part, None]
        offset = ((wanted[:, part] - points[:, part]) * counts).sum(1, keepdim=True)
        offset = offset / counts.sum(1, keepdim=True).clamp(min=1e-6)
        found.append(points[:, part] + offset * moved)
    return torch.cat(found, 1)
