import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from mien.geometry.rotation import (
    angle_between,
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    matrix_from_rot6d,
    mirror_matrix,
    quaternion_from_matrix,
    rot6d_from_matrix,
)

PARITY = np.load(Path(__file__).parent / "parity/transforms.npz")
GROUPS = ["random", "tiny", "small", "moderate", "near_pi"]
angles = st.floats(0, math.pi - 1e-6) | st.sampled_from([0.0, 1e-12, 1e-7, 1e-4, 1e-3, 0.03, math.pi - 1e-9])


@st.composite
def axis_angles(draw: st.DrawFn) -> Tensor:
    """Float64 rotation vectors of any batch shape, batch 3 included, with angles at 0 and pi favoured."""
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 3), (3, 3), (0,)]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    axis = torch.nn.functional.normalize(torch.randn(*shape, 3, generator=generator, dtype=torch.float64), dim=-1)
    return axis * draw(angles)


@given(axis_angles())
def test_axis_angle_round_trip(vector: Tensor) -> None:
    matrix = matrix_from_axis_angle(vector)
    assert torch.allclose(matrix_from_axis_angle(axis_angle_from_matrix(matrix)), matrix, atol=1e-9)
    expected = Rotation.from_rotvec(vector.reshape(-1, 3).numpy()).as_matrix().reshape(matrix.shape)
    assert np.allclose(matrix.numpy(), expected, atol=1e-12)


@given(axis_angles())
def test_quaternion_and_rot6d_round_trips(vector: Tensor) -> None:
    matrix = matrix_from_axis_angle(vector)
    assert torch.allclose(matrix_from_quaternion(quaternion_from_matrix(matrix)), matrix, atol=1e-12)
    assert torch.allclose(matrix_from_rot6d(rot6d_from_matrix(matrix)), matrix, atol=1e-12)


@given(axis_angles())
def test_mirror_twice_is_nothing_and_negates_y_and_z(vector: Tensor) -> None:
    matrix = matrix_from_axis_angle(vector)
    assert torch.equal(mirror_matrix(mirror_matrix(matrix)), matrix)
    mirrored = matrix_from_axis_angle(vector * torch.tensor([1.0, -1, -1]))
    assert torch.allclose(mirror_matrix(matrix), mirrored, atol=1e-12)


@settings(deadline=None)
@given(st.floats(1e-12, math.pi - 1e-3), st.integers(0, 2**31))
def test_gradients_are_exact_near_zero_and_pi(angle: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    axis = torch.nn.functional.normalize(torch.randn(3, generator=generator, dtype=torch.float64), dim=-1)
    vector = (axis * angle).requires_grad_()
    assert torch.autograd.gradcheck(matrix_from_axis_angle, (vector,), eps=1e-6, atol=1e-5)
    # the round trip is the identity map, so its Jacobian is the identity
    jacobian = torch.autograd.functional.jacobian(lambda v: axis_angle_from_matrix(matrix_from_axis_angle(v)), vector)
    assert isinstance(jacobian, Tensor)
    assert torch.allclose(jacobian, torch.eye(3, dtype=torch.float64), atol=1e-4)


@pytest.mark.parametrize("value", [[0.0, 0, 0], [math.pi, 0, 0]])
def test_gradients_are_finite_at_the_ends(value: list[float]) -> None:
    vector = torch.tensor(value, requires_grad=True)
    axis_angle_from_matrix(matrix_from_axis_angle(vector)).sum().backward()
    assert vector.grad is not None and bool(vector.grad.isfinite().all())


@given(st.floats(0, math.pi), st.integers(0, 2**31))
def test_angle_between(angle: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    axis, other = torch.nn.functional.normalize(torch.randn(2, 3, generator=generator, dtype=torch.float64), dim=-1)
    base = matrix_from_axis_angle(other)
    assert math.isclose(float(angle_between(base, base @ matrix_from_axis_angle(axis * angle))), angle, abs_tol=1e-7)


@pytest.mark.parametrize("group", [*GROUPS, "special"])
def test_parity_rot6d(group: str) -> None:
    rot6d, expected = (torch.from_numpy(PARITY[f"{name}.{group}"]) for name in ("rot6d", "rotmat"))
    assert torch.allclose(matrix_from_rot6d(rot6d), expected, atol=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_parity_axis_angle_as_rotations(group: str) -> None:
    matrix, vector = (torch.from_numpy(PARITY[f"{name}.{group}"]) for name in ("rotmat", "aa"))
    mine = axis_angle_from_matrix(matrix)
    assert float(angle_between(matrix_from_axis_angle(mine), matrix_from_axis_angle(vector)).max()) < 2e-3
    # the reference loses digits near 0 and pi; against exact arithmetic ours does not
    exact = Rotation.from_matrix(matrix.double().numpy()).as_matrix()
    assert np.abs(matrix_from_axis_angle(mine).numpy() - exact).max() < 2e-6


def test_parity_rodrigues() -> None:
    vector, expected = torch.from_numpy(PARITY["rodrigues.aa"]), torch.from_numpy(PARITY["rodrigues.R"])
    assert torch.allclose(matrix_from_axis_angle(vector), expected, atol=2e-6)
