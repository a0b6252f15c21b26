"""Muon: what its rounds make of a matrix, and how a step moves weights of any shape."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mien.nets.network import Head
from mien.nets.smplest import SIZES, Smplest
from mien.train.config import Optimizer
from mien.train.muon import Muon, orthogonalise
from mien.train.optimizing import make_optimizers


@pytest.mark.parametrize("shape", [(24, 27), (64, 16), (32, 32)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_singular_values_become_one_and_directions_stay(shape: tuple[int, int], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    short = min(shape)
    left, right = (torch.linalg.qr(torch.randn(side, short, dtype=torch.float64))[0].float() for side in shape)
    matrix = left @ torch.diag(torch.logspace(0, -1.5, short)) @ right.T
    found = left.T @ orthogonalise(matrix, dtype) @ right
    assert ((found.diag() > 0.6) & (found.diag() < 1.3)).all()
    assert (found - torch.diag(found.diag())).abs().max() < (1e-4 if dtype is torch.float32 else 0.1)


def test_zeros_stay_zeros_and_length_does_not_matter() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(8, 20)
    assert torch.equal(orthogonalise(torch.zeros(8, 20)), torch.zeros(8, 20))
    for scale in (1e-12, 1e12):
        assert torch.allclose(orthogonalise(scale * matrix), orthogonalise(matrix), atol=1e-4)
    assert torch.allclose(orthogonalise(matrix.T), orthogonalise(matrix).T, atol=1e-5)


def test_a_convolution_moves_as_the_matrix_of_its_channels() -> None:
    torch.manual_seed(0)
    kernel = torch.randn(8, 4, 3, 3)
    moved = []
    for shape in (kernel.shape, (8, 36)):
        weight = nn.Parameter(torch.zeros(shape))
        optimizer = Muon([weight], lr=0.1)
        for factor in (1.0, -0.5, 2.0):
            weight.grad = factor * kernel.reshape(shape)
            optimizer.step()
        moved.append(weight.detach().reshape(kernel.shape))
    assert torch.equal(*moved) and moved[0].abs().max() > 0.01


def test_a_step_is_as_large_as_one_of_adam() -> None:
    torch.manual_seed(0)
    sizes = {}
    for kind in (Muon, torch.optim.AdamW):
        weight = nn.Parameter(torch.zeros(96, 384))
        optimizer = kind([weight], lr=1e-3, weight_decay=0.0)
        generator, before = torch.Generator().manual_seed(1), weight.detach()
        for _ in range(20):
            weight.grad = torch.randn(weight.shape, generator=generator)
            before = weight.detach().clone()
            optimizer.step()
        sizes[kind] = float((weight.detach() - before).square().mean().sqrt())
    assert 0.5 < sizes[Muon] / sizes[torch.optim.AdamW] < 2.0


def test_weights_decay_by_the_rate() -> None:
    weight = nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(weight, torch.full((4, 4), 0.95))


def test_it_moves_maps_and_convolutions_but_no_head() -> None:
    network = Smplest.random(SIZES["xs"], 0)
    muon, adam = make_optimizers(network, Optimizer(lr=1e-3, muon=3e-3, weight_decay=0.1))
    assert isinstance(muon, Muon) and isinstance(adam, torch.optim.AdamW)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    moved = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    others = {names[id(p)] for group in adam.param_groups for p in group["params"]}
    assert moved | others == set(names.values()) and not moved & others
    assert {
        "encoder.patch_embed.0.weight",
        "encoder.blocks.0.mlp.up.weight",
        "decoder.layers.0.mlp.down.weight",
    } <= moved
    heads = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, Head)}
    assert len(heads) == 9 and heads <= others and "encoder.position" in others
    assert all(group["share"] == pytest.approx(3.0) for group in muon.param_groups)
