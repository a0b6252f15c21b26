"""Parameters of one body as another's: what is exactly representable is found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from plain_smplx import read_humandata
from torch import Tensor

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.edits import Setting
from mien.data.fit import fit_betas_adapter, fit_to_smplx
from mien.data.humandata import HumanData
from mien.data.readers import READERS
from mien.data.refit import refit
from mien.data.transforms import Tally
from mien.errors import InputError, MienError
from mien.geometry.rotation import angle_between, matrix_from_axis_angle


@pytest.fixture(scope="module")
def openbody() -> BodyModel:
    return BodyModel.load(find_body("openbody"))


def turns(count: int, joints: int, size: float, seed: int) -> Float[Tensor, "count joints 3 3"]:
    generator = torch.Generator().manual_seed(seed)
    return matrix_from_axis_angle(torch.randn(count, joints, 3, generator=generator) * size)


def test_adapter_finds_an_affine_map_of_betas(openbody: BodyModel) -> None:
    """A body whose template and shapes are mixtures of the other's: the map between their betas is known."""
    generator = torch.Generator().manual_seed(3)
    mixing, offset = (
        torch.eye(10) + 0.2 * torch.randn(10, 10, generator=generator),
        torch.randn(10, generator=generator),
    )
    basis, joints = openbody.basis.clone(), openbody.joint_basis.clone()
    basis[:10], joints[:10] = mixing @ openbody.basis[:10], mixing @ openbody.joint_basis[:10]
    source = replace(
        openbody,
        basis=basis,
        joint_basis=joints,
        template=openbody.template + (offset @ openbody.basis[:10]).view(-1, 3),
        joint_template=openbody.joint_template + (offset @ openbody.joint_basis[:10]).view(-1, 3),
    )
    adapter = fit_betas_adapter(source, openbody, poses=4)
    assert torch.allclose(adapter.weight, mixing, atol=1e-3) and torch.allclose(adapter.offset, offset, atol=1e-3)
    assert adapter.error < 0.01
    assert fit_betas_adapter(openbody, openbody, poses=2).weight.allclose(torch.eye(10), atol=1e-3)


def test_adapter_is_the_best_there_is(fake_bodies: Path) -> None:
    """Between bodies that share nothing, moving the map in any direction makes the meshes worse."""
    male, neutral = (BodyModel.load(fake_bodies / f"smplx/SMPLX_{name}.npz") for name in ("MALE", "NEUTRAL"))
    adapter = fit_betas_adapter(male, neutral, poses=1)
    betas = torch.randn(40, 10, generator=torch.Generator().manual_seed(0))
    rest = torch.eye(3).expand(40, 55, 3, 3)

    def cost(change: Tensor) -> float:
        ours = neutral.shape(betas @ (adapter.weight + change) + adapter.offset).pose(rest).mesh()
        return float((ours - male.shape(betas).pose(rest).mesh()).square().sum())

    best = cost(torch.zeros(10, 10))
    for seed in range(4):
        change = 0.05 * torch.randn(10, 10, generator=torch.Generator().manual_seed(seed))
        assert cost(change) > best and cost(-change) > best


def test_pose_is_found_from_vertices(openbody: BodyModel) -> None:
    """Meshes of the open body thinned out by a made-up transfer; the fit starts from joints that are 10 degrees off."""
    count, hands = 3, openbody.mean_hands
    assert hands is not None
    rotations = turns(count, 55, 0.3, 1)
    rotations[:, 22:25] = torch.eye(3)
    rotations[:, 25:40], rotations[:, 40:] = matrix_from_axis_angle(hands[0]), matrix_from_axis_angle(hands[1])
    betas = torch.randn(count, 10, generator=torch.Generator().manual_seed(2))
    transl = torch.tensor([[0.1, 0.2, 3.0]]).expand(count, 3)
    mesh = openbody.shape(betas).pose(rotations, transl).mesh()
    chosen = torch.randperm(openbody.num_vertices, generator=torch.Generator().manual_seed(4))[:2000]
    transfer = np.zeros((2000, openbody.num_vertices), dtype=np.float32)
    transfer[np.arange(2000), chosen.numpy()] = 1
    start = turns(count, 22, 0.1, 5) @ rotations[:, :22]
    fitted = fit_to_smplx(openbody, mesh[:, chosen], start, transfer)
    assert float(fitted.error.max()) < 0.1
    assert float((fitted.params.betas - betas).abs().max()) < 0.02
    assert float((fitted.params.transl - transl).abs().max()) < 1e-3
    body = fitted.params.full_pose()[:, :22]
    assert float(angle_between(body, rotations[:, :22]).rad2deg().max()) < 1.0
    with pytest.raises(InputError, match="expected a transfer"):
        fit_to_smplx(openbody, mesh, start, transfer)


def humandata(params: dict[str, dict[str, np.ndarray]], genders: list[str]) -> HumanData:
    count = len(genders)
    box = np.tile(np.array([0, 0, 9, 9, 1], dtype=np.float32), (count, 1))
    return HumanData(
        image_path=[f"{i}.jpg" for i in range(count)], bbox_xywh=box, params=params, meta={"gender": genders}
    )


def test_files_get_neutral_betas(fake_bodies: Path, tmp_path: Path) -> None:
    betas = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)
    source = humandata({"smplx": {"betas": betas}}, ["male", "neutral", "f"])
    source.write(tmp_path / "in.npz")
    done = refit(tmp_path / "in.npz", tmp_path / "out.npz", fake_bodies)
    assert done.what == "betas_neutral" and done.genders == {"male": 1, "neutral": 1, "female": 1} and done.error > 0
    data = read_humandata(tmp_path / "out.npz")
    neutral = data["smplx"]["betas_neutral"]
    assert np.array_equal(data["smplx"]["betas"], betas) and np.array_equal(neutral[1], betas[1])
    assert np.abs(neutral[[0, 2]] - betas[[0, 2]]).min(1).max() > 1e-4
    humandata({"smplx": {"betas": betas}}, ["male", "neutral", "x"]).write(tmp_path / "in.npz")
    with pytest.raises(InputError, match="row 2 says 'x'"):
        refit(tmp_path / "in.npz", tmp_path / "out.npz", fake_bodies)
    humandata({}, ["male"]).write(tmp_path / "in.npz")
    with pytest.raises(InputError, match="no body parameters"):
        refit(tmp_path / "in.npz", tmp_path / "out.npz", fake_bodies)


def test_files_get_smplx_from_smpl(fake_bodies: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    params = {
        "global_orient": rng.normal(0, 0.2, (3, 3)).astype(np.float32),
        "body_pose": rng.normal(0, 0.1, (3, 23, 3)).astype(np.float32),
        "betas": rng.normal(size=(3, 10)).astype(np.float32),
        "transl": np.array([[0, 0, 3], [1, 0, 4], [0, 1, 5]], dtype=np.float32),
    }
    humandata({"smpl": params}, ["male", "female", "male"]).write(tmp_path / "in.npz")
    with pytest.raises(MienError, match="smplx2smpl"):
        refit(tmp_path / "in.npz", tmp_path / "out.npz", fake_bodies)
    matrix = np.zeros((6890, 10475), dtype=np.float32)
    matrix[np.arange(6890), np.arange(6890)] = 1
    np.savez(tmp_path / "transfer.npz", matrix=matrix)
    done = refit(tmp_path / "in.npz", tmp_path / "out.npz", fake_bodies, tmp_path / "transfer.npz")
    assert done.what == "smplx from smpl" and done.rows == 3
    data = read_humandata(tmp_path / "out.npz")
    assert data["smplx"]["body_pose"].shape == (3, 21, 3) and np.isfinite(data["smplx"]["transl"]).all()
    assert np.abs(data["smplx"]["transl"][:, 2] - [3, 4, 5]).max() < 1, "rows keep their order"
    (samples,) = READERS["humandata"].read(tmp_path / "out.npz")
    known = Tally(Setting(hands="relative"))(samples)
    assert known.left_hand_pose is None and known.right_hand_pose is None, "SMPL says nothing of fingers"
    assert known.body_pose is not None and known.body_pose.weight.all()


@pytest.mark.parametrize(
    ("family", "change", "genders", "says"),
    [
        ("smplx", {"betas": None}, ["male"] * 3, "smplx has no betas"),
        ("smpl", {"betas": None}, ["male"] * 3, "smpl has no betas"),
        ("smpl", {"body_pose": None}, ["male"] * 3, "smpl has no body_pose; expected global_orient, body_pose, betas"),
        ("smpl", {"body_pose": np.zeros((3, 5))}, ["male"] * 3, r"smpl.body_pose .*\(3, 5\); expected 63 or 69"),
        ("smplx", {"betas": np.zeros(3)}, ["male"] * 3, r"smplx.betas .*\(3,\); expected coefficients for each of 3"),
        ("smplx", {}, ["male"] * 2, "gender has 2 rows; expected 3"),
        ("smplx", {}, None, "says no gender .*--gender"),
    ],
)
def test_what_a_file_must_say(
    tmp_path: Path, family: str, change: dict[str, np.ndarray | None], genders: list[str] | None, says: str
) -> None:
    params = {"global_orient": np.zeros((3, 3)), "body_pose": np.zeros((3, 69)), "betas": np.zeros((3, 10)), **change}
    data = humandata({family: {name: value for name, value in params.items() if value is not None}}, ["male"] * 3)
    replace(data, meta={} if genders is None else {"gender": genders}).write(tmp_path / "in.npz")
    with pytest.raises(InputError, match=says):
        refit(tmp_path / "in.npz", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_a_file_of_nobody_and_one_that_is_told_its_gender(tmp_path: Path) -> None:
    humandata({"smplx": {"betas": np.zeros((0, 10))}}, []).write(tmp_path / "in.npz")
    with pytest.raises(InputError, match="has no people"):
        refit(tmp_path / "in.npz", tmp_path / "out.npz")
    replace(humandata({"smplx": {"betas": np.ones((2, 10))}}, ["", ""]), meta={}).write(tmp_path / "in.npz")
    assert refit(tmp_path / "in.npz", tmp_path / "out.npz", gender="neutral").genders == {"neutral": 2}
