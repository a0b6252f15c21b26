"""Maps with gradients of our own: against plain modules and finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.nets import maps
from mien.nets.maps import added_map, attend, normed_map, plain_map


def layers(bias: bool, dtype: torch.dtype = torch.float64) -> tuple[nn.LayerNorm, nn.Linear, Tensor]:
    torch.manual_seed(3)
    norm, linear = nn.LayerNorm(6, dtype=dtype), nn.Linear(6, 5, bias=bias, dtype=dtype)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm, linear, torch.randn(7, 6, dtype=dtype, requires_grad=True)


def gradients(value: Tensor, of: list[Tensor]) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view_as(value)
    return value.detach(), *torch.autograd.grad((value * weights).sum(), of)


def check(ours: Callable[[], Tensor], plain: Callable[[], Tensor], of: list[Tensor]) -> None:
    for found, expected in zip(gradients(ours(), of), gradients(plain(), of), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_maps_are_the_plain_modules(bias: bool) -> None:
    norm, linear, rows = layers(bias)
    parameters = [rows, *linear.parameters()]
    check(lambda: plain_map(rows, linear), lambda: linear(rows), parameters)
    normed = [*parameters, *norm.parameters()]
    check(lambda: normed_map(rows, norm, linear), lambda: linear(norm(rows)), normed)
    tokens, scale = torch.randn(7, 5, dtype=rows.dtype, requires_grad=True), torch.rand(7, 1, dtype=rows.dtype)
    added = [*parameters, tokens]
    check(lambda: added_map(tokens, linear, rows), lambda: tokens + linear(rows), added)
    check(lambda: added_map(tokens, linear, rows, scale), lambda: tokens + scale * linear(rows), added)


def test_attention_is_the_plain_one_and_its_gradient_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, tokens, 4, dtype=torch.float64, requires_grad=True) for tokens in (5, 6, 6))
    plain = lambda: F.scaled_dot_product_attention(q, k, v)  # noqa: E731
    check(lambda: maps._PlainAttention.apply(q, k, v), plain, [q, k, v])
    assert torch.autograd.gradcheck(maps._PlainAttention.apply, (q, k, v))
    torch.testing.assert_close(attend(q, k, v), plain().transpose(1, 2).flatten(2).flatten(0, 1))


def test_under_autocast_maps_come_near_and_gradients_keep_the_type_of_what_they_belong_to() -> None:
    norm, linear, rows = layers(True, torch.float32)
    tokens = torch.randn(7, 5, requires_grad=True)
    of = [rows, tokens, *linear.parameters(), *norm.parameters()]
    exact = gradients(tokens + linear(norm(rows)) + linear(rows), of)
    with torch.autocast("cpu", torch.bfloat16):
        assert normed_map(rows, norm, linear).dtype == torch.bfloat16
        found = gradients(added_map(tokens, linear, rows) + normed_map(rows, norm, linear), of)
    for ours, expected in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, expected, atol=0.06, rtol=0.03)


@pytest.mark.parametrize("frozen", ["norm", "linear", "rows"])
def test_what_is_frozen_gets_no_gradient_and_changes_no_other(frozen: str) -> None:
    norm, linear, rows = layers(True)
    normed_map(rows, norm, linear).sum().backward()
    whole = {id(p): p.grad for p in (rows, *norm.parameters(), *linear.parameters())}
    norm_again, linear_again, rows_again = layers(True)
    part = {"norm": norm_again, "linear": linear_again}.get(frozen)
    for tensor in [rows_again] if part is None else part.parameters():
        tensor.requires_grad_(False)
    normed_map(rows_again, norm_again, linear_again).sum().backward()
    pairs = zip(whole.values(), (rows_again, *norm_again.parameters(), *linear_again.parameters()), strict=True)
    for expected, tensor in pairs:
        assert (tensor.grad is None) == (not tensor.requires_grad)
        if tensor.grad is not None:
            torch.testing.assert_close(tensor.grad, expected)
