"""The body layer: recorded numbers, and laws that hold for every body."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mien.body.files import find_body
from mien.body.joints import NUM_OUTPUT_JOINTS, OUTPUT_JOINTS
from mien.body.model import BodyModel, Posed
from mien.errors import BodyError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams

LAYER = np.load(Path(__file__).parent / "parity/smplx_layer.npz")


@pytest.fixture(scope="module")
def open_body() -> BodyModel:
    return BodyModel.load(find_body("openbody"))


@pytest.fixture(scope="module")
def fake_body(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module", params=["open_body", "fake_body"])
def body(request: pytest.FixtureRequest) -> BodyModel:
    return request.getfixturevalue(request.param)


def _rotations(name: str, *keys: str) -> Tensor:
    parts = [torch.from_numpy(LAYER[f"{name}.in.{key}"]).unflatten(-1, (-1, 3)) for key in keys]
    return matrix_from_axis_angle(torch.cat(parts, 1))


def _random(body: BodyModel, seed: int, batch: int = 3, spread: float = 0.5, transl: float = 1.0) -> Posed:
    generator = torch.Generator().manual_seed(seed)
    dtype = body.template.dtype
    betas, expression = torch.randn(2, batch, 10, generator=generator, dtype=dtype)
    vectors = spread * torch.randn(batch, body.num_joints, 3, generator=generator, dtype=dtype)
    move = transl * torch.randn(batch, 3, generator=generator, dtype=dtype)
    return body.shape(betas, expression).pose(matrix_from_axis_angle(vectors), move)


def _double(body: BodyModel) -> BodyModel:
    return body.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)


# recorded numbers -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_parity_smplx(fake_bodies: Path, gender: str) -> None:
    body = BodyModel.load(fake_bodies / f"smplx/SMPLX_{gender.upper()}.npz")
    keys = ("body_pose", "jaw_pose", "leye_pose", "reye_pose")
    singles = _rotations(gender, "global_orient", *keys)
    left, right = _rotations(gender, "left_hand_pose"), _rotations(gender, "right_hand_pose")
    hands = body.hands_from_offsets(left, right)  # the recorded layer was given offsets from the mean hand
    inputs = {key: torch.from_numpy(LAYER[f"{gender}.in.{key}"]) for key in ("betas", "expression", "transl")}
    posed = body.shape(inputs["betas"], inputs["expression"]).pose(torch.cat([singles, *hands], 1), inputs["transl"])
    np.testing.assert_allclose(posed.joints(), LAYER[f"{gender}.joints"], atol=1e-5)
    mesh = posed.mesh()
    np.testing.assert_allclose(mesh[:, ::25], LAYER[f"{gender}.verts_every25"], atol=1e-5)
    np.testing.assert_allclose(mesh.mean(1), LAYER[f"{gender}.verts_mean"], atol=1e-5)
    degrees = torch.from_numpy(LAYER[f"{gender}.neck_deg"])
    angle = degrees.round().long()
    assert torch.equal(posed.contour_row(), torch.where(angle >= 0, angle, torch.where(angle < -39, 78, 39 - angle)))


def test_parity_smpl(fake_bodies: Path) -> None:
    body = BodyModel.load(fake_bodies / "smpl/SMPL_NEUTRAL.pkl")
    inputs = {key: torch.from_numpy(LAYER[f"smpl.in.{key}"]) for key in ("betas", "transl")}
    posed = body.shape(inputs["betas"]).pose(_rotations("smpl", "global_orient", "body_pose"), inputs["transl"])
    np.testing.assert_allclose(posed.joints(), LAYER["smpl.joints"], atol=1e-5)
    np.testing.assert_allclose(posed.mesh()[:, ::25], LAYER["smpl.verts_every25"], atol=1e-5)


# laws -----------------------------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), spread=st.sampled_from([0.0, 0.3, 1.0, 3.0]))
def test_joints_are_the_chain_and_the_points_of_the_mesh(body: BodyModel, seed: int, spread: float) -> None:
    """In double precision to 1e-9 m; in single precision to 1e-6 m as long as people stand near the origin."""
    for model, limit in ((body, 1e-6), (_double(body), 1e-9)):
        posed = _random(model, seed, spread=spread, transl=0.0)
        joints, mesh = posed.joints(), posed.mesh()
        assert joints.shape[1] == NUM_OUTPUT_JOINTS == len(OUTPUT_JOINTS)
        for j, parent in enumerate(model.parents):  # positions, one bone at a time
            if parent < 0:
                assert torch.allclose(joints[:, j], posed.shaped.joints[:, j], atol=limit)
                continue
            bone = posed.shaped.joints[:, j] - posed.shaped.joints[:, parent]
            expected = joints[:, parent] + (posed.world[:, parent] @ bone[..., None])[..., 0]
            assert torch.allclose(joints[:, j], expected, atol=limit)
        assert torch.allclose(joints[:, 55:], _points_of_mesh(model, posed, mesh), atol=limit)


def _points_of_mesh(body: BodyModel, posed: Posed, mesh: Tensor) -> Tensor:
    from mien.body.files import read_body

    arrays = read_body(body.path)
    assert arrays.lmk_faces_idx is not None and arrays.lmk_bary_coords is not None
    assert arrays.dynamic_lmk_faces_idx is not None and arrays.dynamic_lmk_bary_coords is not None

    def points(mesh: Tensor, faces: np.ndarray, bary: np.ndarray) -> Tensor:
        corners = mesh[..., torch.from_numpy(arrays.faces[faces]), :]
        return (corners * torch.from_numpy(bary).to(mesh.dtype)[..., None]).sum(-2)

    found = [
        mesh[:, torch.from_numpy(arrays.kp_vertex_ids)],
        points(mesh, arrays.lmk_faces_idx, arrays.lmk_bary_coords),
    ]
    rows = posed.contour_row().tolist()
    moving = zip(arrays.dynamic_lmk_faces_idx[rows], arrays.dynamic_lmk_bary_coords[rows], strict=True)
    contour = [points(mesh[i], faces, bary) for i, (faces, bary) in enumerate(moving)]
    return torch.cat([*found, torch.stack(contour)], 1)


def test_identity_gives_the_shaped_template(body: BodyModel) -> None:
    betas = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    shaped = body.shape(betas)
    mesh = shaped.pose(torch.eye(3).expand(2, 55, 3, 3)).mesh()
    expected = body.template + (shaped.coefficients @ body.basis[:20]).unflatten(-1, (-1, 3))
    assert torch.allclose(mesh, expected, atol=1e-6)
    assert torch.allclose(body.joint_regressor @ expected, shaped.joints, atol=2e-6)


def test_turning_the_root_turns_everything(body: BodyModel) -> None:
    posed = _random(body, 5)
    turn = matrix_from_axis_angle(torch.tensor([0.4, -1.2, 0.7]))
    rotations = posed.local.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    root = posed.shaped.joints[:, :1]
    moved = posed.shaped.pose(rotations).mesh()
    still = posed.shaped.pose(posed.local).mesh()
    assert torch.allclose(moved - root, (still - root) @ turn.T, atol=2e-6)


def test_mesh_with_and_without_gradients_agree(body: BodyModel) -> None:
    posed = _random(body, 6)
    rotations = posed.local.clone().requires_grad_()
    with_graph = posed.shaped.pose(rotations).mesh()
    assert with_graph.requires_grad
    assert torch.allclose(with_graph, posed.shaped.pose(posed.local).mesh(), atol=1e-6)


def test_gradients_of_joints(open_body: BodyModel) -> None:
    body = _double(open_body)

    def joints(vector: Tensor, betas: Tensor) -> Tensor:
        return body.shape(betas).pose(matrix_from_axis_angle(vector)).joints()[:, ::9].sum(-1)

    generator = torch.Generator().manual_seed(1)
    vector = (0.3 * torch.randn(1, 55, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    betas = torch.randn(1, 10, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(joints, (vector, betas), atol=1e-6)


@pytest.mark.parametrize("spread", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("batch", [1, 8, 33])
def test_coarse_correctives_stay_below_a_millimetre(fake_body: BodyModel, spread: float, batch: int) -> None:
    coarse = fake_body.with_coarse_correctives()
    exact, rounded = (_random(body, 7, batch=batch, spread=spread) for body in (fake_body, coarse))
    moved = (exact.mesh() - rounded.mesh()).norm(dim=-1)
    assert float(moved.max()) < 1e-3
    assert torch.equal(exact.joints(), rounded.joints())
    assert spread == 0 or float(moved.max()) > 1e-7  # the coarse path was taken


def test_coarse_correctives_change_nothing_without_correctives(open_body: BodyModel) -> None:
    assert open_body.with_coarse_correctives() is open_body


def test_batch_of_three_equals_three_batches_of_one(body: BodyModel) -> None:
    posed = _random(body, 8, batch=3)
    for i in range(3):
        one = body.shape(posed.shaped.coefficients[i : i + 1, :10], posed.shaped.coefficients[i : i + 1, 10:])
        alone = one.pose(posed.local[i : i + 1], (posed.position - posed.shaped.joints)[i : i + 1, 0])
        assert torch.allclose(alone.joints(), posed.joints()[i : i + 1], atol=2e-6)
        assert torch.allclose(alone.mesh(), posed.mesh()[i : i + 1], atol=2e-6)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_batch_of_one_serves_all(fake_body: BodyModel, monkeypatch: pytest.MonkeyPatch, loaded: bool) -> None:
    """With kernels and without: one shape in many poses, many shapes in one pose."""
    _load_numba(monkeypatch, loaded)
    turns = matrix_from_axis_angle(0.3 * torch.randn(4, 55, 3, generator=torch.Generator().manual_seed(1)))
    betas, transl = torch.randn(4, 10, generator=torch.Generator().manual_seed(2)), torch.arange(3.0)[None]
    for many, one in [
        (fake_body.shape(betas[:1]).pose(turns, transl), [(betas[:1], each[None]) for each in turns]),
        (fake_body.shape(betas).pose(turns[:1], transl), [(each[None], turns[:1]) for each in betas]),
    ]:
        apart = [fake_body.shape(shape).pose(pose, transl) for shape, pose in one]
        torch.testing.assert_close(many.joints(), torch.cat([each.joints() for each in apart]), atol=1e-5, rtol=0)
        torch.testing.assert_close(many.mesh(), torch.cat([each.mesh() for each in apart]), atol=1e-5, rtol=0)
    assert fake_body.shape(betas[:1]).pose(turns[:1], transl.expand(4, 3)).joints().shape == (4, 144, 3)
    assert fake_body.shape(betas[:1]).pose(turns[:0]).position.shape == (0, 55, 3)


@pytest.mark.parametrize("loaded", [False, True])
def test_batches_that_differ_are_refused(fake_body: BodyModel, monkeypatch: pytest.MonkeyPatch, loaded: bool) -> None:
    _load_numba(monkeypatch, loaded)
    eye = torch.eye(3).expand(3, 55, 3, 3)
    with pytest.raises(BodyError, match=r"\(3, 55, 3, 3\) for joints of shape \(2, 55, 3\)"):
        fake_body.shape(torch.zeros(2, 10)).pose(eye)
    with pytest.raises(BodyError, match=r"\(3, 24, 3, 3\); expected \(batch, 55, 3, 3\)"):
        fake_body.shape(torch.zeros(3, 10)).pose(eye[:, :24])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 7])
def test_kernels_that_are_loaded_change_no_bit(
    fake_body: BodyModel, monkeypatch: pytest.MonkeyPatch, count: int, dtype: torch.dtype
) -> None:
    """Results of a clip had depended on whether something was drawn before it."""
    model = _double(fake_body) if dtype == torch.float64 else fake_body
    posed = []
    for loaded in (True, False):
        with monkeypatch.context() as patch:
            _load_numba(patch, loaded)
            found = _random(model, 3, batch=count, spread=1.0, transl=1.0)
            posed.append((found.world, found.position, found.joints()))
    assert posed[0][0].dtype == dtype and all(torch.equal(one, other) for one, other in zip(*posed, strict=True))


def _load_numba(monkeypatch: pytest.MonkeyPatch, loaded: bool) -> None:
    """Whether the chain of joints takes the kernel."""
    import mien.body.skinning  # noqa: F401

    if not loaded:
        monkeypatch.delitem(sys.modules, "numba")


def test_any_number_of_components(fake_bodies: Path, fake_body: BodyModel) -> None:
    path = fake_bodies / "smplx/SMPLX_NEUTRAL.npz"
    large = BodyModel.load(path, num_betas=300, num_expression=100)
    betas, expression = torch.randn(2, 2, 10, generator=torch.Generator().manual_seed(3))
    eye = torch.eye(3).expand(2, 55, 3, 3)
    small = fake_body.shape(betas, expression).pose(eye)
    assert torch.allclose(large.shape(betas, expression).pose(eye).mesh(), small.mesh(), atol=1e-6)
    with pytest.raises(BodyError, match="at most the 10"):
        fake_body.shape(torch.zeros(1, 11))
    with pytest.raises(BodyError, match="at least 301"):
        BodyModel.load(path, num_betas=301)


def test_params_round_trip_through_the_full_pose(open_body: BodyModel) -> None:
    posed = _random(open_body, 9)
    r = posed.local
    params = SmplxParams(
        global_orient=r[:, 0], body_pose=r[:, 1:22], jaw_pose=r[:, 22], leye_pose=r[:, 23], reye_pose=r[:, 24],
        left_hand_pose=r[:, 25:40], right_hand_pose=r[:, 40:], betas=posed.shaped.coefficients[:, :10],
        expression=posed.shaped.coefficients[:, 10:], transl=(posed.position - posed.shaped.joints)[:, 0],
    )  # fmt: skip
    assert torch.equal(params.full_pose(), r)
    assert torch.allclose(open_body.pose(params).joints(), posed.joints(), atol=1e-6)
    assert torch.equal(params[1:].betas, params.betas[1:])
    assert torch.equal(SmplxParams.cat([params[:1], params[1:]]).full_pose(), r)


def test_no_last_digit_depends_on_where_numpy_keeps_its_arrays(body: BodyModel) -> None:
    """Factors of products lie where torch aligns them; elsewhere two processes round differently."""
    tensors = {name: value for name, value in vars(body).items() if isinstance(value, torch.Tensor)}
    assert {"basis", "joint_basis", "template", "weights"} <= set(tensors)
    assert not [name for name, value in tensors.items() if value.data_ptr() % 64]
