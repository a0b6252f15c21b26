"""The network against numbers recorded from the reference, from upstream's file layout to the last head."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.nets.smplest import RawPose, Smplest
from mien.nets.upstream import convert
from mien.nets.virtual_camera import project
from mien.nets.weights import load_weights
from mien.records import Prediction

PARITY = Path(__file__).parent / "parity"
VARIANTS = ["tiny", "B", pytest.param("H", marks=pytest.mark.slow)]


@dataclass(frozen=True)
class Case:
    """A fixture, and everything that our network says about its pictures."""

    name: str
    truth: dict[str, Tensor]
    num_blocks: int
    task: Tensor
    patches: Tensor
    raw: RawPose
    prediction: Prediction


@pytest.fixture(scope="module", params=VARIANTS)
def case(
    request: pytest.FixtureRequest, det_init: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    name = request.param
    with np.load(PARITY / f"smplestx_forward_{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    shapes = json.loads((PARITY / "state_dicts.json").read_text())[name]
    state = det_init.det_state(shapes, str(arrays["salt"]))
    assert det_init.digest(state) == arrays["weights_digest"]
    height, width = arrays["image_hw"]
    pictures = np.stack([det_init.det_image(seed, height, width) for seed in arrays["image_seeds"]])
    assert det_init.digest({"i": pictures}) == arrays["image_digest"]
    network = converted(state, tmp_path_factory.mktemp("parity"))
    crops = torch.from_numpy(pictures)[:, :, ::2, ::2]
    with torch.inference_mode():
        task, patches = network.encode(crops)
        raw, prediction = network.decode(task, patches), network(crops)
    truth = {key: torch.from_numpy(value) for key, value in arrays.items() if value.dtype == np.float32}
    yield Case(name, truth, network.config.num_blocks, task, patches, raw, prediction)


def converted(state: dict[str, np.ndarray], folder: Path) -> Smplest:
    """The weights in upstream's own layout, through the converter and the loader."""
    tensors = {f"module.{key}": torch.from_numpy(value) for key, value in state.items()}
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-5, "params": [0]}]}
    source, target = folder / "snapshot_9.pth.tar", folder / "out.safetensors"
    torch.save({"epoch": 9, "network": tensors, "optimizer": optimizer}, source)
    convert(source, target)
    source.unlink()
    network, _ = load_weights(target)
    target.unlink()
    assert isinstance(network, Smplest)
    return network


def assert_near(found: Tensor, expected: Tensor, limit: float, what: str) -> None:
    worst = float((found - expected).abs().max())
    print(f"{what}: {worst:.2e}")
    assert worst < limit, f"{what}: {worst:.2e}"


def test_encoder_tokens(case: Case) -> None:
    assert_near(case.task[:, [0, 40, 79]], case.truth["encoder.task_tokens_0_40_79"], 2e-4, f"{case.name} task tokens")
    feat = case.patches.transpose(1, 2).unflatten(2, (16, 12))[:, :32, ::5, ::4]
    assert_near(feat, case.truth["encoder.feat_corner"], 2e-4, f"{case.name} patch tokens")


def test_raw_heads(case: Case) -> None:
    raw = case.raw
    ours = {
        "body_root_pose": raw.global_orient,
        "body_pose": raw.body_pose.flatten(1),
        "body_betas": raw.betas,
        "body_cam": raw.camera,
        "lhand_root_pose": raw.hand_root[:, 0],
        "rhand_root_pose": raw.hand_root[:, 1],
        "lhand_pose": raw.left_hand_offset.flatten(1),
        "rhand_pose": raw.right_hand_offset.flatten(1),
        "face_expression": raw.expression,
        "face_jaw_pose": raw.jaw_pose,
    }
    for key, found in ours.items():
        assert_near(found, case.truth[f"raw.{key}"], 1e-4, f"{case.name} raw.{key}")


def test_rotations(case: Case) -> None:
    prediction = case.prediction
    ours = {
        "root_pose": prediction.global_orient.unsqueeze(1),
        "body_pose": prediction.body_pose,
        "lhand_pose": prediction.left_hand_offset,
        "rhand_pose": prediction.right_hand_offset,
        "jaw_pose": prediction.jaw_pose.unsqueeze(1),
    }
    for key, found in ours.items():
        expected = matrix_from_axis_angle(case.truth[f"out.smplx_{key}"].unflatten(1, (-1, 3)))
        angle = angle_between(found, expected)
        assert_near(angle, torch.zeros_like(angle), 1e-4, f"{case.name} out.{key} (radians)")


def test_shape_expression_and_camera(case: Case) -> None:
    prediction = case.prediction
    assert_near(prediction.betas, case.truth["out.smplx_shape"], 1e-4, f"{case.name} betas")
    assert_near(prediction.expression, case.truth["out.smplx_expr"], 1e-4, f"{case.name} expression")
    assert_near(prediction.transl, case.truth["out.cam_trans"], 5e-4, f"{case.name} transl (m)")


def test_projection(case: Case) -> None:
    """The fixture's own joints through our camera: the body model is not involved."""
    points = case.truth["out.smplx_joint_cam"] + case.truth["coord.root_cam"]
    assert_near(project(points), case.truth["out.smplx_joint_proj"], 5e-4, f"{case.name} joint_proj")
    transl = case.truth["out.cam_trans"]
    moved = project(points - transl[:, None], transl)
    assert_near(moved, case.truth["out.smplx_joint_proj"], 5e-4, f"{case.name} joint_proj with transl")


def test_joints_and_mesh(case: Case, fake_bodies: Path) -> None:
    """The network's answer on the body it was recorded with."""
    prediction = case.prediction
    body = BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    left, right = body.hands_from_offsets(prediction.left_hand_offset, prediction.right_hand_offset)
    eyes = torch.eye(3).expand(len(left), 2, 3, 3)
    root, jaw = prediction.global_orient.unsqueeze(1), prediction.jaw_pose.unsqueeze(1)
    rotations = torch.cat([root, prediction.body_pose, jaw, eyes, left, right], 1)
    posed = body.shape(prediction.betas, prediction.expression).pose(rotations, prediction.transl)
    joints = posed.joints()
    pelvis = joints[:, :1]
    relative = joints[:, list(SMPLX_137)] - pelvis
    assert_near(relative, case.truth["out.smplx_joint_cam"], 1e-4, f"{case.name} joints (m)")
    assert_near(pelvis, case.truth["coord.root_cam"], 5e-4, f"{case.name} pelvis (m)")
    seen = project(joints[:, list(SMPLX_137)])
    assert_near(seen, case.truth["out.smplx_joint_proj"], 5e-4, f"{case.name} projection (heat-map units)")
    wrists, neck = relative[:, 12:14], relative[:, 7:8]
    parts = [
        relative[:, :25],
        relative[:, 25:45] - wrists[:, :1],
        relative[:, 45:65] - wrists[:, 1:],
        relative[:, 65:] - neck,
    ]
    expected = case.truth["coord.joint_cam_root_wrist_neck_relative"]
    assert_near(torch.cat(parts, 1), expected, 1e-4, f"{case.name} joints relative to their parts (m)")
    mesh = posed.mesh()
    assert_near(mesh[:, ::25], case.truth["mesh_every25"], 5e-4, f"{case.name} mesh (m)")
    assert_near(mesh.mean(1), case.truth["mesh_mean"], 5e-4, f"{case.name} mesh mean (m)")
    assert_near(mesh.std(1), case.truth["mesh_std"], 1e-4, f"{case.name} mesh spread (m)")
