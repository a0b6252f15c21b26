"""Errors against numbers recorded from the reference, and by what must hold of any error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.images import ImageStore
from mien.data.samples import Label, Samples
from mien.evaluate.smpl_truth import SmplRuler
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.errors import mesh_errors, replicated_hand_errors
from mien.metrics.keypoints import keypoint_errors
from mien.metrics.parts import MeshParts
from mien.metrics.smpl import SmplTransfer, smpl_errors
from mien.records import SmplxParams

PARITY = Path(__file__).parent / "parity"
NAMES = {
    "mpvpe_all": "pve", "pa_mpvpe_all": "pa_pve", "mpvpe_l_hand": "pve_left_hand", "mpvpe_r_hand": "pve_right_hand",
    "mpvpe_hand": "pve_hand", "pa_mpvpe_l_hand": "pa_pve_left_hand", "pa_mpvpe_r_hand": "pa_pve_right_hand",
    "pa_mpvpe_hand": "pa_pve_hand", "mpvpe_face": "pve_face", "pa_mpvpe_face": "pa_pve_face",
    "mpjpe_body": "mpjpe_body", "pa_mpjpe_body": "pa_mpjpe_body", "mpjpe_l_hand": "mpjpe_left_hand",
    "mpjpe_r_hand": "mpjpe_right_hand", "mpjpe_hand": "mpjpe_hand", "pa_mpjpe_l_hand": "pa_mpjpe_left_hand",
    "pa_mpjpe_r_hand": "pa_mpjpe_right_hand", "pa_mpjpe_hand": "pa_mpjpe_hand",
}  # fmt: skip

SMPL_NAMES = {
    "mpvpe_all": "pve", "pa_mpvpe_all": "pa_pve", "mpjpe_body": "mpjpe_body", "pa_mpjpe_body": "pa_mpjpe_body",
}  # fmt: skip


def params(arrays: dict[str, np.ndarray], who: str, mean_hands: Tensor) -> SmplxParams:
    """The recorded parameters of one side; their hands are offsets to the mean hand."""

    def rotations(name: str, offset: Tensor | None = None) -> Tensor:
        vectors = torch.from_numpy(arrays[f"{who}.{name}"]).unflatten(-1, (-1, 3))
        return matrix_from_axis_angle(vectors if offset is None else vectors + offset)

    singles = {name: rotations(name)[:, 0] for name in ("global_orient", "jaw_pose", "leye_pose", "reye_pose")}
    hands = {f"{side}_hand_pose": rotations(f"{side}_hand_pose", mean_hands[i]) for i, side in
             enumerate(("left", "right"))}  # fmt: skip
    plain = {name: torch.from_numpy(arrays[f"{who}.{name}"]) for name in ("betas", "expression", "transl")}
    return SmplxParams(body_pose=rotations("body_pose"), **singles, **hands, **plain)


@pytest.fixture(scope="module", params=["metrics", "metrics_edge"])
def recorded(
    request: pytest.FixtureRequest, fake_bodies: Path
) -> tuple[dict[str, np.ndarray], Tensor, Tensor, MeshParts]:
    """A fixture's arrays, its predicted and true meshes, and the parts of its body."""
    with np.load(PARITY / f"{request.param}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    path = fake_bodies / "smplx/SMPLX_NEUTRAL.npz"
    body, parts = BodyModel.load(path), MeshParts.load(path)
    assert body.mean_hands is not None
    predicted, true = (body.pose(params(arrays, who, body.mean_hands)).mesh() for who in ("pred", "gt"))
    sides = {"l": (parts.left_hand, 1), "r": (parts.right_hand, 2)}
    for i, side in enumerate(arrays.get("spoiled_side", [])):
        if side:
            ids, root = sides[str(side)]
            assert ids is not None
            centre = parts.roots.joints(true)[i, root]
            sign = torch.where(ids % 2 == 0, 1.0, -1.0).unsqueeze(1)
            true[i, ids] = centre + sign * float(arrays["spoil_factor"][i]) * (true[i, ids] - centre)
    return arrays, predicted, true, parts


def test_equal_to_the_reference_sample_by_sample(
    recorded: tuple[dict[str, np.ndarray], Tensor, Tensor, MeshParts],
) -> None:
    arrays, predicted, true, parts = recorded
    hands = torch.from_numpy(arrays["hand_valid_lr"]) > 0
    found = mesh_errors(parts, predicted, true, hands) | replicated_hand_errors(parts, predicted, true, hands)
    worst = 0.0
    for i in range(len(true)):
        for theirs, ours in NAMES.items():
            truth, mine = arrays[f"metric.{i}.{theirs}"], found[ours][i : i + 1]
            assert bool(mine.valid) == (len(truth) == 1), f"sample {i}: {theirs}"
            if len(truth):
                worst = max(worst, abs(float(mine.value) - float(truth[0])))
    print(f"worst difference {worst:.1e} mm")
    assert worst < 0.01


def _known(value: np.ndarray) -> Label:
    return Label(value=value.astype(np.float32), weight=np.ones(len(value), dtype=np.float32))


@pytest.mark.slow
def test_errors_against_smpl_are_equal_to_the_reference(tmp_path: Path) -> None:
    maker = [sys.executable, str(PARITY / "make_fake_body_models.py"), str(tmp_path)]
    subprocess.run([*maker, "--neutral-only", "--smpl2smplx"], check=True)
    path, smpl_path = tmp_path / "smplx/SMPLX_NEUTRAL.npz", tmp_path / "smpl/SMPL_NEUTRAL.pkl"
    with np.load(PARITY / "metrics.npz") as file:
        arrays = {key: file[key] for key in file.files}
    body, smpl, transfer = BodyModel.load(path), BodyModel.load(smpl_path), SmplTransfer.load(path)
    assert body.mean_hands is not None and transfer.columns.shape == (6890, 3)
    predicted = body.pose(params(arrays, "pred", body.mean_hands)).mesh()
    root, trunk, betas, transl = (
        torch.from_numpy(arrays[f"gt.{name}"]) for name in ("global_orient", "body_pose", "betas", "transl")
    )
    pose = torch.cat([root, trunk, torch.zeros(len(root), 6)], 1).unflatten(1, (24, 3))
    true = smpl.shape(betas).pose(matrix_from_axis_angle(pose), transl).mesh()
    found = smpl_errors(MeshParts.load(path), transfer, MeshParts.load(smpl_path), predicted, true)
    samples = Samples(
        source="made", row=np.arange(len(true)), image=np.array(["a.jpg"] * len(true), dtype=object),
        box=_known(np.zeros((len(true), 4))), global_orient=_known(root.numpy()),
        extra={
            "smpl_body_pose": _known(pose[:, 1:].numpy()), "smpl_betas": _known(betas.numpy()),
            "gender": np.array(["neutral"] * len(true), dtype=object),
        },
    )  # fmt: skip
    images = ImageStore.open(str(tmp_path))
    truths = Truths(name="3dpw", samples=samples, images=images, sources={}, entries=0, left_out={}, smpl=True)
    ruler = SmplRuler(
        parts=MeshParts.load(path), transfer=transfer, bodies={"neutral": (smpl, MeshParts.load(smpl_path))}
    )
    again = ruler.errors(predicted, truths)
    for theirs, ours in SMPL_NAMES.items():
        assert torch.allclose(again[ours].value, found[ours].value, atol=0.01) and again[ours].valid.all()
        truth = np.concatenate([arrays[f"metric_smplgt.{i}.{theirs}"] for i in range(len(true))])
        assert np.abs(found[ours].value.numpy() - truth).max() < 0.01, theirs


def test_keypoints_are_measured_in_pixels_and_in_parts_of_the_box() -> None:
    true, box = torch.zeros(3, 137, 2), torch.tensor([[0.0, 0, 50, 200]]).repeat(3, 1)
    known = torch.ones(3, 137, dtype=torch.bool)
    known[1, 25:65] = False
    known[2] = False
    predicted = true + torch.tensor([3.0, 4.0])
    predicted[1, 30] = torch.nan
    found = keypoint_errors(predicted, true, known, box)
    assert found["kp2d"].value.tolist() == pytest.approx([5, 5, 0])
    assert found["kp2d_box"].value.tolist() == pytest.approx([2.5, 2.5, 0])
    assert found["kp2d_hand"].valid.tolist() == [True, False, False]
    assert found["kp2d_face_box"].valid.tolist() == [True, True, False]
