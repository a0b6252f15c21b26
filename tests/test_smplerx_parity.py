"""SMPLer-X against numbers recorded from the reference, from upstream's file layout to mesh and boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from test_smplest_parity import assert_near
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.cli import main
from mien.geometry.rotation import angle_between, matrix_from_axis_angle, matrix_from_rot6d
from mien.nets import regions
from mien.nets.smplerx import NUM_TASK_TOKENS, Smplerx
from mien.nets.virtual_camera import DEPTH_SCALE, project
from mien.nets.weights import load_weights
from mien.records import Located, Prediction

PARITY = Path(__file__).parent / "parity"
SHAPES = json.loads((PARITY / "state_dicts_smplerx.json").read_text())
PARTS = ("lhand", "rhand", "face")


def recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(PARITY / f"smplerx_{name}.npz") as file:
        return {key: file[key] for key in file.files}


def converted(state: Mapping[str, np.ndarray], folder: Path, prefix: str = "module.") -> Smplerx:
    """The weights in upstream's own layout, through the public command and the loader."""
    tensors = {prefix + key: torch.from_numpy(np.asarray(value)) for key, value in state.items()}
    tensors[f"{prefix}smplx_layer.v_template"] = torch.zeros(7, 3)
    source, target = folder / "snapshot_9.pth.tar", folder / "out.safetensors"
    torch.save({"epoch": 9, "network": tensors, "optimizer": {"state": {}, "param_groups": []}}, source)
    assert main(["weights", "convert", str(source), str(target)]) == 0
    source.unlink()
    network, card = load_weights(target)
    target.unlink()
    assert isinstance(network, Smplerx) and card.architecture == "smpler-x"
    return network


@dataclass(frozen=True)
class Case:
    """A fixture, and everything that our network says about its pictures."""

    name: str
    truth: dict[str, Tensor]
    seen: dict[str, Tensor]
    """What modules of the network gave, by name."""
    prediction: Prediction

    @property
    def located(self) -> Located:
        assert self.prediction.located is not None
        return self.prediction.located


def watched(network: Smplerx, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Keep what these modules give."""
    seen: dict[str, Tensor] = {}
    for name in names:
        network.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    return seen


@pytest.fixture(scope="module", params=["forward_tiny", "forward_s", "heads_b"])
def case(request: pytest.FixtureRequest, det_init: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Case:
    arrays = recorded(request.param)
    variant = str(arrays["variant"])
    state = det_init.det_state(SHAPES[variant], str(arrays["salt"]))
    if "weights_digest" in arrays:
        assert det_init.digest(state) == arrays["weights_digest"]
    network = converted(state, tmp_path_factory.mktemp("parity"))
    names = (
        "body_map",
        "body.global_orient",
        "body.body_pose",
        "body.camera",
        "hand_features",
        "hand",
        "face.jaw_pose",
    )
    seen = watched(network, names)
    with torch.inference_mode():
        if request.param.startswith("forward"):
            pictures = np.stack([det_init.det_image(seed, 512, 384) for seed in arrays["image_seeds"]])
            prediction = network(torch.from_numpy(pictures)[:, :, ::2, ::2])
        else:
            generator = np.random.Generator(np.random.PCG64(int(arrays["seed"])))
            dim = network.config.embed_dim
            features = torch.from_numpy(generator.standard_normal((2, dim, 16, 12), dtype=np.float32))
            task = torch.from_numpy(generator.standard_normal((2, NUM_TASK_TOKENS, dim), dtype=np.float32))
            prediction = network.read(task, features)
    truth = {key: torch.from_numpy(value) for key, value in arrays.items() if value.dtype == np.float32}
    return Case(request.param, truth, seen, prediction)


def test_heat_map_and_joints(case: Case) -> None:
    if "body_joint_hm_every97" not in case.truth:
        pytest.skip("only recorded of whole passes")
    logits = case.seen["body_map"].unflatten(1, (25, 16)).flatten(2)
    heat, _ = regions.soft_argmax(logits, (16, 16, 12), (16, 16, 12))
    assert_near(heat.flatten(1)[:, ::97], case.truth["body_joint_hm_every97"], 1e-5, "heat")
    assert_near(case.located.body, case.truth["body_joint_img"], 5e-4, "body joints (heat-map units)")


def test_boxes(case: Case) -> None:
    """The fixture's boxes are in pixels of the 384 x 512 patch: 32 to a heat-map unit."""
    boxes = case.located.boxes * 32
    for i, part in enumerate(PARTS):
        assert_near(boxes[:, i], case.truth[f"out.{part}_bbox"], 2e-2, f"{part} box (pixels)")
        if f"box_net.{part}_center" in case.truth:
            assert_near(case.located.center[:, i], case.truth[f"box_net.{part}_center"], 5e-4, f"{part} centre")
            assert_near(case.located.size[:, i], case.truth[f"box_net.{part}_size"], 5e-4, f"{part} size")


def test_hands(case: Case) -> None:
    if "hand_roi.out_sub" not in case.truth:
        pytest.skip("only recorded of whole passes")
    pooled = case.seen["hand_features"].transpose(0, 1).flatten(0, 1)
    assert_near(pooled[:, ::8, ::3, ::3], case.truth["hand_roi.out_sub"], 2e-4, "hand features")
    turns = case.seen["hand"].unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1).flatten(1)
    assert_near(turns, case.truth["hand_pose6d"], 1e-4, "hand rotations (six numbers)")
    left, right = case.truth["hand_joint_img"].chunk(2)
    assert_near(case.located.hands[:, 1], right, 5e-4, "right hand joints")
    mirrored = torch.cat([15 - left[..., :1], left[..., 1:]], -1)
    assert_near(case.located.hands[:, 0], mirrored, 5e-4, "left hand joints")


def test_joints_of_the_crop(case: Case) -> None:
    """Body, then hands brought back from their boxes."""
    boxes = case.located.boxes[:, :2].unsqueeze(2)
    flat = case.located.hands[..., :2] / 16 * (boxes[..., 2:] - boxes[..., :2]) + boxes[..., :2]
    hands = torch.cat([flat, case.located.hands[..., 2:]], -1).flatten(1, 2)
    assert_near(torch.cat([case.located.body, hands], 1), case.truth["out.joint_img"], 1e-3, "65 joints")


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
        assert_near(angle, torch.zeros_like(angle), 2e-4, f"{case.name} out.{key} (radians)")
    raw = {"body_regressor.root6d": "body.global_orient", "body_regressor.pose6d": "body.body_pose"}
    for theirs, name in (raw | {"jaw6d": "face.jaw_pose", "body_regressor.cam": "body.camera"}).items():
        if theirs in case.truth:
            assert_near(case.seen[name], case.truth[theirs], 1e-4, theirs)


def test_shape_expression_and_camera(case: Case) -> None:
    prediction = case.prediction
    assert_near(prediction.betas, case.truth["out.smplx_shape"], 1e-4, f"{case.name} betas")
    assert_near(prediction.expression, case.truth["out.smplx_expr"], 1e-4, f"{case.name} expression")
    assert_near(prediction.transl, case.truth["out.cam_trans"], 5e-4, f"{case.name} transl (m)")
    assert prediction.transl[:, 2].max() < DEPTH_SCALE


def test_mesh_and_projection(case: Case, fake_bodies: Path) -> None:
    """The network's answer on the body it was recorded with."""
    body = BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    with torch.inference_mode():
        posed = body.pose(body.params_of(case.prediction))
        assert_near(posed.mesh()[:, ::25], case.truth["out.smplx_mesh_cam"], 5e-4, f"{case.name} mesh (m)")
        seen = project(posed.joints()[:, list(SMPLX_137)])
    assert_near(seen, case.truth["out.smplx_joint_proj"], 5e-4, f"{case.name} projection (heat-map units)")


def test_a_mirrored_hand_is_a_mirrored_rotation() -> None:
    """The left hand is read in a mirror: y and z of its axis-angles change sign."""
    six = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    network_side = matrix_from_rot6d(six)
    mirror = torch.diag(torch.tensor([-1.0, 1, 1]))
    from mien.nets.smplerx import _mirrored_rotation

    torch.testing.assert_close(network_side * _mirrored_rotation(six), mirror @ network_side @ mirror)
