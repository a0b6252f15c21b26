"""Loss terms and their gradients against numbers recorded from the reference; what a term must and must not see."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.replicate import from_published
from mien.data.targets import Targets
from mien.losses import base
from mien.losses import smplest as losses
from mien.losses.smplest import SmplestLoss, predicted_joints, smplest_loss
from mien.nets.smplest import Smplest
from mien.nets.upstream import key_table
from mien.nets.virtual_camera import project
from mien.records import Prediction

PARITY = Path(__file__).parent / "parity"
NAMES = {
    "smplx_orient": "orient", "smplx_pose": "pose", "smplx_shape": "betas", "smplx_expr": "expression",
    "joint_cam": "joints_cam", "smplx_joint_cam": "joints_parts", "joint_proj": "joints_image",
    "hand_root": "hand_root", "hand_root_chain": "hand_root_chain",
    "hand_align": "hands_cam", "hand_pose": "hands_parts",
}  # fmt: skip

WEIGHTS = (
    "image_weight", "cam_weight", "parts_weight", "pose_weight", "betas_weight", "expression_weight", "wrist_weight",
    "hand_root_weight", "whole_body",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A fixture: what was recorded, and our network, prediction, joints and targets for it."""

    arrays: dict[str, np.ndarray]
    network: Smplest
    prediction: Prediction
    joints: Tensor
    targets: Targets
    keys: dict[str, str]


@pytest.fixture(scope="module", params=["tiny", "tiny_b4", "tiny_handloss"])
def case(request: pytest.FixtureRequest, det_init: ModuleType, fake_bodies: Path, tmp_path_factory) -> Case:
    from test_smplest_parity import converted

    with np.load(PARITY / f"smplestx_train_{request.param}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    shapes = json.loads((PARITY / "state_dicts.json").read_text())["tiny"]
    network = converted(det_init.det_state(shapes, str(arrays["salt"])), tmp_path_factory.mktemp("loss"))
    pictures = np.stack([det_init.det_image(seed, 512, 384) for seed in arrays["image_seeds"]])
    prediction = network(torch.from_numpy(pictures)[:, :, ::2, ::2])
    body = BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    groups = ({}, {})
    for group, prefix in zip(groups, ("targets.", "meta_info."), strict=True):
        group.update({k[len(prefix) :]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)})
    joints = predicted_joints(body, prediction)
    return Case(arrays, network, prediction, joints, from_published(*groups), key_table(network.config))


def config_of(arrays: dict[str, np.ndarray]) -> SmplestLoss:
    return SmplestLoss(
        replicate=True,
        hand_joints=float(arrays["hand_loss"]),
        hand_root_chain=0.0 if arrays["no_chain_hand_loss"] else 1.0,
    )


def test_terms_and_gradients_equal_the_reference(case: Case) -> None:
    terms = smplest_loss(case.prediction, case.joints, case.targets, config_of(case.arrays))
    recorded = {name: float(case.arrays[f"loss_mean.{name}"]) for name in NAMES if f"loss_mean.{name}" in case.arrays}
    assert {NAMES[name] for name in recorded} == set(terms)
    for name, value in recorded.items():
        assert float(terms[NAMES[name]].detach()) == pytest.approx(value, rel=1e-5), name
    total = torch.stack(list(terms.values())).sum()
    assert float(total.detach()) == pytest.approx(float(case.arrays["total"]), rel=1e-5)
    case.network.zero_grad()
    total.backward(retain_graph=True)
    parameters = dict(case.network.named_parameters())
    squares = 0.0
    for theirs, ours in case.keys.items():
        gradient = parameters[ours].grad if ours in parameters else None
        if gradient is None:
            continue
        squares += float(gradient.double().square().sum())
        if f"grad_norm.{theirs}" in case.arrays:
            norm = float(gradient.double().norm())
            assert norm == pytest.approx(float(case.arrays[f"grad_norm.{theirs}"]), rel=1e-4), theirs
    assert squares**0.5 == pytest.approx(float(case.arrays["grad_norm_total"]), rel=1e-4)
    without = {name for name, parameter in parameters.items() if parameter.grad is None}
    assert not without, "parameters that nothing reaches do not exist in our network"
    dead = {str(key) for key in case.arrays["params_without_grad"]}
    assert not {case.keys[key] for key in dead if key in case.keys} & set(parameters)


@pytest.fixture(scope="module")
def perfect(case: Case) -> Targets:
    """Targets that the prediction meets, all known."""
    chain = losses.wrist_chain(base.rotations_of(case.prediction)).detach()
    ones = {name: torch.ones_like(getattr(case.targets, name)) for name in WEIGHTS}
    rooted = case.joints - case.joints[:, :1]
    flat = project(case.joints)
    return replace(
        case.targets,
        **ones,
        pose=base.rotations_of(case.prediction).detach(),
        betas=case.prediction.betas.detach(),
        expression=case.prediction.expression.detach(),
        cam=rooted.detach(),
        parts=base.by_part(case.joints).detach(),
        image=torch.cat([flat, torch.zeros_like(flat[..., :1])], -1).detach(),
        wrist=chain,
        hand_root=chain,
    )


def test_a_perfect_prediction_costs_nothing(case: Case, perfect: Targets) -> None:
    prediction = replace(case.prediction, hand_root=perfect.wrist)
    for config in (SmplestLoss(hand_joints=1.0), SmplestLoss(over_valid=True), SmplestLoss(replicate=True)):
        terms = smplest_loss(prediction, case.joints, perfect, config)
        assert max(float(term.detach()) for term in terms.values()) < 1e-4


@pytest.mark.parametrize("over_valid", [False, True])
def test_what_is_not_known_costs_nothing(case: Case, over_valid: bool) -> None:
    blank = case.targets.masked(torch.zeros(len(case.joints)))
    terms = smplest_loss(case.prediction, case.joints, blank, SmplestLoss(hand_joints=1.0, over_valid=over_valid))
    assert all(float(term.detach()) == 0 for term in terms.values())


def test_samples_do_not_gate_each_other(case: Case) -> None:
    """The loss of a batch is the mean of the losses of its samples; in replication the wrists break that."""
    config = SmplestLoss(hand_joints=1.0)
    whole = smplest_loss(case.prediction, case.joints, case.targets, config)
    count = len(case.joints)
    single = [
        smplest_loss(case.prediction[i : i + 1], case.joints[i : i + 1], case.targets[i : i + 1], config)
        for i in range(count)
    ]
    for name, term in whole.items():
        mean = sum(float(each[name].detach()) for each in single) / count
        assert float(term.detach()) == pytest.approx(mean, rel=1e-5), name


def test_over_valid_divides_by_what_is_known(case: Case, perfect: Targets) -> None:
    """Hiding half of the labels halves the published mean and leaves the mean over known labels as it is."""
    off = replace(perfect, betas=perfect.betas + 1)
    half = replace(off, betas_weight=(torch.arange(len(off.betas)) % 2 == 0).float())
    for config, ratio in ((SmplestLoss(), 0.5), (SmplestLoss(over_valid=True), 1.0)):
        full, less = (
            float(smplest_loss(case.prediction, case.joints, each, config)["betas"].detach()) for each in (off, half)
        )
        assert less == pytest.approx(full * ratio, rel=1e-5)


def test_a_term_without_weight_is_left_out(case: Case) -> None:
    terms = smplest_loss(case.prediction, case.joints, case.targets, SmplestLoss(orient=0.0, hand_root_chain=0.0))
    assert "orient" not in terms and "hand_root_chain" not in terms and "hand_root" in terms
