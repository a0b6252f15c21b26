"""Where patches see joints: which cells are whose, what a map costs, and that only training asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mien.data.targets import Targets
from mien.errors import InputError
from mien.losses.joint_maps import joint_map_errors
from mien.losses.smplest import SmplestLoss
from mien.nets.smplest import SIZES, JointMapHead, Smplest
from mien.records import JointMaps


def placed(image: Tensor) -> Targets:
    """Targets of which only the places of joints in the crop, (batch, 137, 3), say anything."""
    batch, eye = len(image), torch.eye(3)
    joints, rows = torch.zeros(batch, 137), torch.zeros(batch)
    ten, points, pair = torch.zeros(batch, 10), torch.zeros(batch, 137, 3), torch.zeros(batch, 2)
    wrists = eye.expand(batch, 2, 3, 3)
    return Targets(
        image=image, image_weight=joints, depth_weight=joints, cam=points, cam_weight=joints, parts=points,
        parts_weight=joints, known=joints, has_3d=rows, pose=eye.expand(batch, 53, 3, 3),
        pose_weight=torch.zeros(batch, 53), betas=ten, betas_weight=rows, expression=ten, expression_weight=rows,
        wrist=wrists, wrist_weight=pair, hand_root=wrists, hand_root_weight=pair, whole_body=rows,
    )  # fmt: skip


@pytest.mark.parametrize("grid", [(8, 6), (16, 12), (4, 3)])
def test_each_patch_speaks_of_the_cells_that_it_covers(grid: tuple[int, int]) -> None:
    head = JointMapHead(8, grid)
    torch.nn.init.ones_(head.weight)
    torch.nn.init.zeros_(head.bias)
    rows, columns = grid
    for row, column in ((0, 0), (rows - 1, 1), (1, columns - 1)):
        patches = torch.zeros(1, rows * columns, 8)
        patches[0, row * columns + column] = 1.0
        maps, side = head(patches), 16 // rows
        wanted = torch.zeros(16, 12)
        wanted[row * side : (row + 1) * side, column * side : (column + 1) * side] = 8.0
        assert torch.equal(maps.where[0], wanted.expand(137, -1, -1))
        assert torch.equal(maps.depth[0], wanted.expand(137, -1, -1))


def test_joints_and_depth_have_outputs_of_their_own() -> None:
    head = JointMapHead(4, (8, 6))
    torch.manual_seed(0)
    maps = head(torch.randn(2, 48, 4))
    assert maps.where.shape == maps.depth.shape == (2, 137, 16, 12)
    assert not torch.allclose(maps.where, maps.depth) and not torch.allclose(maps.where[:, 3], maps.where[:, 4])


def test_the_right_cell_costs_little_and_another_much() -> None:
    targets = placed(torch.tensor([4.5, 10.5, 9.0]).expand(3, 137, 3))
    where = torch.zeros(3, 137, 16, 12)
    where[:, :, 10, 4] = 20.0
    depth = torch.full((3, 137, 16, 12), 1.0)
    missed, apart = joint_map_errors(JointMaps(where=where, depth=depth), targets)
    assert float(missed.max()) < 1e-5 and float(apart.abs().max()) < 1e-6
    missed, apart = joint_map_errors(JointMaps(where=where.roll(1, -1), depth=depth + 2), targets)
    assert float(missed.min()) > 15 and torch.allclose(apart, torch.full((3, 137), 2.0))


def test_between_cells_the_shares_are_those_of_the_way() -> None:
    """The best map for a joint between two cells holds both, in the shares of its distance to each."""
    targets = placed(torch.tensor([7.25, 3.5, 8.0]).expand(1, 137, 3))
    where = torch.zeros(1, 137, 16, 12, requires_grad=True)
    maps = JointMaps(where=where, depth=torch.zeros(1, 137, 16, 12))
    joint_map_errors(maps, targets)[0].sum().backward()
    assert where.grad is not None
    wanted = torch.zeros(16, 12)
    wanted[3, 6], wanted[3, 7] = 0.25, 0.75
    assert torch.allclose(1 / 192 - where.grad[0, 0], wanted, atol=1e-6)


def test_places_outside_count_as_the_rim() -> None:
    maps = JointMaps(where=torch.randn(1, 137, 16, 12), depth=torch.randn(1, 137, 16, 12))
    for place, rim in (((-50.0, 200.0), (0.5, 15.5)), ((12.0, 0.0), (11.5, 0.5))):
        far, near = (joint_map_errors(maps, placed(torch.tensor([*xy, 8.0]).expand(1, 137, 3))) for xy in (place, rim))
        assert all(torch.allclose(one, other) for one, other in zip(far, near, strict=True))


def test_only_training_asks_for_maps() -> None:
    network = Smplest.random(SIZES["xs"], 0)
    crops = torch.rand(1, 3, 128, 96)
    assert network(crops).joint_maps is None and network.train()(crops).joint_maps is not None
    assert Smplest.random(SIZES["xxs"], 0).train()(crops).joint_maps is None


def test_parameters_of_maps_learn_only_from_their_terms() -> None:
    assert not SmplestLoss().may_skip_parameters
    assert SmplestLoss(joint_maps=0.0).may_skip_parameters and SmplestLoss(joint_maps_depth=0.0).may_skip_parameters


def test_patches_that_do_not_divide_the_cells_are_refused() -> None:
    with pytest.raises(InputError, match="joint_maps with 10 x 6 patches"):
        Smplest(replace(SIZES["xs"], image_size=(160, 96)))
