"""SMPLer-X's loss terms and their gradients against numbers recorded from the reference; what is mended in them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from test_smplerx_parity import SHAPES, converted, recorded
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.boxes import BoxTargets
from mien.data.fitted import BodyTargets
from mien.data.parts import ANCHOR
from mien.data.replicate import from_published
from mien.data.targets import Targets
from mien.geometry.rotation import matrix_from_axis_angle
from mien.losses import base
from mien.losses import smplerx as losses
from mien.losses.smplerx import SmplerxLoss
from mien.losses.smplest import predicted_joints
from mien.nets.smplerx import Smplerx
from mien.nets.upstream import key_table
from mien.nets.virtual_camera import project
from mien.records import Located, Prediction

NAMES = {
    "smplx_pose": "pose", "smplx_shape": "betas", "smplx_expr": "expression", "joint_cam": "joints_cam",
    "smplx_joint_cam": "body_parts", "lhand_bbox": "left_hand_box", "rhand_bbox": "right_hand_box",
    "face_bbox": "face_box", "joint_proj": "joints_image", "joint_img": "joints_located",
    "smplx_joint_img": "body_located",
}  # fmt: skip
CASES = ("", "case_noface.", "case_nohands.", "case_lonly.")
PUBLISHED = SmplerxLoss(replicate=True)


@dataclass(frozen=True)
class Case:
    """The fixture, and our network, prediction and joints for it."""

    arrays: dict[str, np.ndarray]
    network: Smplerx
    prediction: Prediction
    joints: Tensor
    keys: dict[str, str]

    @property
    def located(self) -> Located:
        assert self.prediction.located is not None
        return self.prediction.located

    def targets(self, case: str = "") -> Targets:
        """As given, with what a case replaces."""
        groups: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        for group, prefix in zip(groups, ("targets.", "meta_info."), strict=True):
            group.update(self._under(prefix))
            group.update(self._under(case + prefix) if case else {})
        return from_published(*groups)

    def _under(self, prefix: str) -> dict[str, Tensor]:
        return {k[len(prefix) :]: torch.from_numpy(v) for k, v in self.arrays.items() if k.startswith(prefix)}

    def terms(self, targets: Targets, config: SmplerxLoss) -> dict[str, Tensor]:
        return config.terms(self.prediction, self.joints, targets)


@pytest.fixture(scope="module")
def case(det_init: ModuleType, fake_bodies: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    arrays = recorded("train_tiny")
    state = det_init.det_state(SHAPES["tiny"], str(arrays["salt"]))
    assert det_init.digest(state) == arrays["weights_digest"]
    network = converted(state, tmp_path_factory.mktemp("loss"))
    pictures = np.stack([det_init.det_image(seed, 512, 384) for seed in arrays["image_seeds"]])
    prediction = network(torch.from_numpy(pictures)[:, :, ::2, ::2])
    body = BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    return Case(arrays, network, prediction, predicted_joints(body, prediction), key_table(network.config))


@pytest.mark.parametrize("name", CASES)
def test_terms_and_gradients_equal_the_reference(case: Case, name: str) -> None:
    terms = case.terms(case.targets(name), PUBLISHED)
    values = {term: float(value.detach()) for term, value in terms.items()}
    print(values)
    known = {theirs: f"{name}loss_mean.{theirs}" for theirs in NAMES if f"{name}loss_mean.{theirs}" in case.arrays}
    for theirs, key in known.items():
        assert values[NAMES[theirs]] == pytest.approx(float(case.arrays[key]), rel=1e-5), theirs
    assert all(values[ours] == 0 for theirs, ours in NAMES.items() if theirs not in known)
    total = torch.stack(list(terms.values())).sum()
    assert float(total.detach()) == pytest.approx(float(case.arrays[f"{name}total"]), rel=1e-5)
    case.network.zero_grad()
    total.backward(retain_graph=True)
    gradients = {theirs: case.network.get_parameter(ours).grad for theirs, ours in case.keys.items() if _learns(ours)}
    without = {theirs for theirs, gradient in gradients.items() if gradient is None or not gradient.any()}
    assert without == {str(key) for key in case.arrays[f"{name}params_without_grad"]}
    norms = {theirs: float(gradient.double().norm()) for theirs, gradient in gradients.items() if gradient is not None}
    assert math.hypot(*norms.values()) == pytest.approx(float(case.arrays[f"{name}grad_norm_total"]), rel=2e-3)
    for theirs in norms if not name else ():
        if f"grad_norm.{theirs}" in case.arrays:
            assert norms[theirs] == pytest.approx(float(case.arrays[f"grad_norm.{theirs}"]), rel=2e-3), theirs


def _learns(ours: str) -> bool:
    return "running_" not in ours


def test_labels_move_into_the_boxes_as_recorded(case: Case) -> None:
    boxes, targets, yes = case.located.boxes, case.targets(), torch.tensor(True)
    for i, part in enumerate(("lhand", "rhand", "face")):
        expected = torch.from_numpy(case.arrays[f"pred_bbox.{part}"])
        torch.testing.assert_close(boxes[:, i] * 16, expected, atol=2e-3, rtol=0)
    assert targets.body is not None
    pairs = {
        "joint": (targets.image, targets.image_weight),
        "smplx_joint": (targets.body.image, targets.body.image_weight),
    }
    for name, (places, weight) in pairs.items():
        moved = losses._into_boxes(places, boxes[:, :2], yes)[:, 25:65]
        expected = torch.from_numpy(case.arrays[f"after.{name}_img_hands"])
        torch.testing.assert_close(moved, expected, atol=2e-3, rtol=1e-4)
        seen = losses._inside(places, weight, boxes[:, :2], yes)
        assert torch.equal(seen, torch.from_numpy(case.arrays[f"after.{name}_trunc"])[..., 0])


@pytest.fixture(scope="module")
def perfect(case: Case) -> Targets:
    """Targets that the prediction meets, all known; hands and faces are where they are projected to."""
    targets, located = case.targets(), case.located
    flat = project(case.joints).detach()
    boxes = located.boxes[:, :2, None]
    side = boxes[..., 2:] - boxes[..., :2]
    hands = located.hands[..., :2].detach() / 16 * side + boxes[..., :2]
    places = torch.cat([located.body.detach()[..., :2], hands.flatten(1, 2), flat[:, 65:]], 1)
    depth = torch.cat([located.body[..., 2], located.hands[..., 2].flatten(1), torch.zeros(4, 72)], 1).detach()
    parts = case.joints - case.joints[:, torch.from_numpy(ANCHOR)]
    ones = torch.ones(4, 137)
    cam = parts.detach().clone()
    cam[:, 25:65, 2] = (depth[:, 25:65] / 8 - 1) * 0.15
    return replace(
        targets,
        image=torch.cat([places, depth.unsqueeze(-1)], -1),
        image_weight=ones, depth_weight=ones, cam_weight=ones, parts_weight=ones, pose_weight=torch.ones(4, 53),
        cam=(case.joints - case.joints[:, :1]).detach(),
        parts=cam,
        pose=base.rotations_of(case.prediction).detach(),
        betas=case.prediction.betas.detach(), betas_weight=torch.ones(4),
        expression=case.prediction.expression.detach(), expression_weight=torch.ones(4),
        body=BodyTargets(
            image=torch.cat([places, depth.unsqueeze(-1)], -1), image_weight=ones, parts=parts.detach(),
            parts_weight=ones,
        ),
        boxes=BoxTargets(
            center=located.center.detach(), size=located.size.detach(), weight=torch.ones(4, 3)
        ),
    )  # fmt: skip


def test_a_perfect_prediction_costs_nothing(case: Case, perfect: Targets) -> None:
    """All but the projected joints, which are somewhere else than the heat maps' in a network of chance."""
    for config in (SmplerxLoss(), SmplerxLoss(over_valid=True), SmplerxLoss(orient=1.0)):
        terms = case.terms(perfect, config)
        assert max(float(term.detach()) for name, term in terms.items() if name != "joints_image") < 2e-3
    flat = project(case.joints).detach()
    seen = replace(perfect, image=torch.cat([flat, perfect.image[..., 2:]], -1))
    assert float(case.terms(seen, SmplerxLoss())["joints_image"].detach()) < 2e-3


@pytest.mark.parametrize("over_valid", [False, True])
def test_what_is_not_known_costs_nothing(case: Case, over_valid: bool) -> None:
    blank = case.targets().masked(torch.zeros(4))
    for replicate in (False, True):
        terms = case.terms(blank, SmplerxLoss(over_valid=over_valid, replicate=replicate))
        assert all(float(term.detach()) == 0 for term in terms.values())


def test_samples_do_not_switch_each_other(case: Case) -> None:
    """The loss of a batch is the mean of the losses of its samples; in replication the boxes of one switch all."""
    targets = case.targets("case_lonly.")
    for replicate in (False, True):
        config = SmplerxLoss(replicate=replicate)
        whole = case.terms(targets, config)
        single = [
            config.terms(case.prediction[i : i + 1], case.joints[i : i + 1], targets[i : i + 1]) for i in range(4)
        ]
        for name, term in whole.items():
            mean = sum(float(each[name].detach()) for each in single) / 4
            agrees = float(term.detach()) == pytest.approx(mean, rel=1e-4)
            switched = replicate and name in ("joints_image", "joints_located", "body_located")
            assert agrees != switched, name


def test_where_a_hand_is_costs_nothing_when_projected(case: Case, perfect: Targets) -> None:
    """Labels of hands and faces moved as a whole: the projected joints still agree with them."""
    flat = project(case.joints).detach()
    moved = flat.clone()
    moved[:, 25:45] += torch.tensor([0.02, -0.03])
    moved[:, 65:] += 0.5
    terms = [
        case.terms(replace(perfect, image=torch.cat([each, perfect.image[..., 2:]], -1)), SmplerxLoss())
        for each in (flat, moved)
    ]
    plain, shifted = (float(each["joints_image"].detach()) for each in terms)
    assert shifted == pytest.approx(plain, abs=2e-3)


def test_half_a_turn_is_the_same_either_way_round() -> None:
    axis = torch.tensor([0.6, 0.0, 0.8])
    one, other = (axis * (math.pi - 0.01)).expand(1, 53, 3), (-axis * (math.pi - 0.01)).expand(1, 53, 3)
    nearer = losses._nearer(one, other)
    assert float((nearer - other).abs().max()) < 0.03
    torch.testing.assert_close(matrix_from_axis_angle(nearer), matrix_from_axis_angle(one), atol=1e-5, rtol=0)
    small = torch.full((1, 53, 3), 0.1)
    assert torch.equal(losses._nearer(small, -small), small)


def test_a_term_without_weight_is_left_out(case: Case) -> None:
    terms = case.terms(case.targets(), SmplerxLoss(boxes=0.0, betas=0.0))
    assert not {"left_hand_box", "right_hand_box", "face_box", "betas"} & set(terms) and "pose" in terms
    assert SmplerxLoss(boxes=0.0).may_skip_parameters and not SmplerxLoss().may_skip_parameters
