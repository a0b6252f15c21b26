"""Linear maps of tokens, with what stands before and after them, as single steps of the gradient.

A transformer is little else than `map(norm(tokens))` and `tokens + map(values)`. Here each of them is one function with
a gradient written by hand: the same numbers as the plain modules, with less than half the operators to launch, and in
bfloat16 without the slow ways of a CPU. Tokens are rows: all tokens of all samples, one after another.

Letters in shapes: `row` (batch x token), `dim`, `out`, `head`, `token`.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["added_map", "attend", "normed_map", "plain_map"]


def plain_map(rows: Float[Tensor, "row dim"], linear: nn.Linear) -> Float[Tensor, "row out"]:
    """`linear(rows)`, in the number type of the weights, or of autocast where it is on."""
    return _Map.apply(rows, linear.weight, linear.bias, _compute_type(linear.weight))


def normed_map(rows: Float[Tensor, "row dim"], norm: nn.LayerNorm, linear: nn.Linear) -> Float[Tensor, "row out"]:
    """`linear(norm(rows))`; the norm in the number type of the rows."""
    settings = norm.eps, _compute_type(linear.weight)
    return _NormedMap.apply(rows, norm.weight, norm.bias, linear.weight, linear.bias, *settings)


def added_map(
    rows: Float[Tensor, "row dim"],
    linear: nn.Linear,
    values: Float[Tensor, "row hidden"],
    scale: Float[Tensor, "row 1"] | None = None,
) -> Float[Tensor, "row dim"]:
    """`rows + scale * linear(values)`; the sum in the number type of the rows."""
    return _AddedMap.apply(rows, values, linear.weight, linear.bias, scale, _compute_type(linear.weight))


def attend(
    q: Float[Tensor, "batch head query dim"],
    k: Float[Tensor, "batch head token dim"],
    v: Float[Tensor, "batch head token dim"],
) -> Float[Tensor, "row inner"]:
    """What each query gathers from the tokens, heads side by side again."""
    slow = q.device.type == "cpu" and q.dtype == torch.bfloat16 and torch.is_grad_enabled()
    found = _PlainAttention.apply(q, k, v) if slow else F.scaled_dot_product_attention(q, k, v)
    return found.transpose(1, 2).reshape(-1, q.shape[1] * q.shape[3])


def _compute_type(weight: Tensor) -> torch.dtype:
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def _affine(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A linear map of rows and weights of one number type."""
    if bias is None:
        return rows @ weight.t()
    if rows.dtype == torch.bfloat16 and rows.device.type == "cpu":  # a product that starts from a bias is slow there
        return (rows @ weight.t()).add_(bias.to(rows.dtype))
    return torch.addmm(bias.to(rows.dtype), rows, weight.t())


def _affine_gradients(
    gradient: Tensor, rows: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Of rows (in the type of the gradient), weights and bias (in theirs), where wanted."""
    of_rows = gradient @ weight.to(gradient.dtype) if wanted[0] else None
    of_weight = (gradient.t() @ rows).to(weight.dtype) if wanted[1] else None
    return of_rows, of_weight, gradient.sum(0).to(weight.dtype) if wanted[2] else None


class _Map(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            low = rows.to(dtype)
            ctx.save_for_backward(low, weight)
            ctx.dtype = rows.dtype
            return _affine(low, weight.to(dtype), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        low, weight = ctx.saved_tensors
        found, *rest = _affine_gradients(gradient, low, weight, ctx.needs_input_grad[:3])
        return None if found is None else found.to(ctx.dtype), *rest, None


class _NormedMap(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        norm_weight: Tensor,
        norm_bias: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        eps: float,
        dtype: torch.dtype,
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            normed, mean, scale = torch.native_layer_norm(rows, rows.shape[-1:], norm_weight, norm_bias, eps)
            low = normed.to(dtype)
            ctx.save_for_backward(rows, mean, scale, norm_weight, norm_bias, low, weight)
            return _affine(low, weight.to(dtype), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        rows, mean, scale, norm_weight, norm_bias, low, weight = ctx.saved_tensors
        of_rows, of_norm, of_norm_bias, *wanted = ctx.needs_input_grad[:5]
        below = (of_rows, of_norm, of_norm_bias)
        found, of_weight, of_bias = _affine_gradients(gradient, low, weight, (any(below), *wanted))
        if found is None:
            return None, None, None, of_weight, of_bias, None, None
        given = found.to(rows.dtype), rows, rows.shape[-1:], mean, scale, norm_weight, norm_bias
        return *torch.ops.aten.native_layer_norm_backward(*given, below), of_weight, of_bias, None, None


class _AddedMap(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        values: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        scale: Tensor | None,
        dtype: torch.dtype,
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            low = values.to(dtype)
            ctx.save_for_backward(low, weight, scale)
            ctx.dtype = values.dtype
            found = _affine(low, weight.to(dtype), bias)
            return rows + (found if scale is None else found * scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        low, weight, scale = ctx.saved_tensors
        scaled = (gradient if scale is None else gradient * scale).to(low.dtype)
        found, of_weight, of_bias = _affine_gradients(scaled, low, weight, ctx.needs_input_grad[1:4])
        return gradient, None if found is None else found.to(ctx.dtype), of_weight, of_bias, None, None


class _PlainAttention(torch.autograd.Function):
    """Products and a softmax one by one: in bfloat16 a CPU learns faster so than by the fused kernel."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        ctx.shape, ctx.scale = q.shape, q.shape[-1] ** -0.5
        q, k, v = (each.flatten(0, 1) for each in (q, k, v))
        share = torch.softmax(_scaled(q, k.transpose(1, 2), ctx.scale), -1)
        ctx.save_for_backward(q, k, v, share)
        return torch.bmm(share, v).view(ctx.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        q, k, v, share = ctx.saved_tensors
        gradient = gradient.flatten(0, 1)
        of_share = torch.bmm(gradient, v.transpose(1, 2))
        of_scores = torch.ops.aten._softmax_backward_data(of_share, share, -1, share.dtype)
        of_q = _scaled(of_scores, k, ctx.scale)
        of_k = _scaled(of_scores.transpose(1, 2), q, ctx.scale)
        of_v = torch.bmm(share.transpose(1, 2), gradient)
        batch, heads = ctx.shape[:2]
        return tuple(each.unflatten(0, (batch, heads)) for each in (of_q, of_k, of_v))


def _scaled(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Products of matrices times a number."""
    return torch.baddbmm(a.new_empty(()).expand(1, 1, 1), a, b, beta=0, alpha=scale)
