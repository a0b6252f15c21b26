"""SMPLer-X's loss terms and their gradients against numbers recorded from the reference; what is mended in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from test_smplerx_parity import SHAPES, converted, recorded
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.replicate import from_published
from mien.data.targets import Targets
from mien.losses import smplerx as losses
from mien.losses.smplerx import SmplerxLoss
from mien.losses.smplest import predicted_joints
from mien.nets.smplerx import Smplerx
from mien.nets.upstream import key_table
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
