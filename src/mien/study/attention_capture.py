"""Attention as it happens: inputs and outputs of a network's attention layers, and their weights computed again.

    with captured(network, "decoder.layers.0.cross_attention", visit):
        network(crops)                                # `visit` gets a `Call` for every pass

Networks use fused kernels that never build the weights, and hold no code for studies: hooks see what goes into a layer
and what comes out of it; the weights follow from the layer's own maps. `recomputed` also gives the output that these
weights lead to, which has to be the layer's own: tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mien.errors import InputError, closest
from mien.nets.network import Network
from mien.nets.smplest import DecoderLayer
from mien.nets.vit import CrossAttention, SelfAttention

__all__ = ["Call", "captured", "default_layer", "layers", "patch_attention", "recomputed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One pass of an attention layer."""

    layer: SelfAttention | CrossAttention
    norm: nn.LayerNorm
    rows: Float[Tensor, "row dim"]
    """The tokens of all samples, one after another, before the norm."""
    context: Float[Tensor, "context dim"] | None
    """What a `CrossAttention` looks at."""
    batch: int
    output: Float[Tensor, "query dim"] | None
    """What the layer gave; of its first tokens only, if it was asked for no more. None where no hook sees it."""
    queries: int
    """Tokens of each sample that ask."""


def layers(network: Network) -> dict[str, SelfAttention | CrossAttention]:
    """The attention layers of a network by name, in their order."""
    return {
        name: module for name, module in network.named_modules() if isinstance(module, (SelfAttention, CrossAttention))
    }


def default_layer(network: Network) -> str:
    """The last layer in which task tokens look at patches.

    Raises:
        InputError: the network has no attention.
    """
    if not (found := layers(network)):
        raise InputError(f"{type(network).__name__} has no attention layer", expected="a transformer")
    return list(found)[-1]


@contextmanager
def captured(network: Network, name: str, visit: Callable[[Call], object]) -> Iterator[None]:
    """Show every pass of one attention layer to `visit`, as long as the block lasts.

    Raises:
        InputError: the network has no such layer; the closest name is given.
    """
    found = layers(network)
    if name not in found:
        raise InputError(f"the network has no attention layer {name!r}", todo=closest(name, found))
    layer = found[name]

    def seen(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        rows, norm, *rest = args
        context = rest[0] if isinstance(layer, CrossAttention) else None
        batch = int(rest[-1])
        queries = rows.shape[0] // batch
        visit(Call(layer=layer, norm=norm, rows=rows, context=context, batch=batch, output=output, queries=queries))

    handles = [layer.register_forward_hook(seen, with_kwargs=True)]
    if above := _above(network, name):
        handles.append(above.register_forward_pre_hook(_last_self(above, visit)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _above(network: Network, name: str) -> DecoderLayer | None:
    """The decoder layer of a self attention: of the last one only the task tokens' part is computed, out of the sight
    of its hooks."""
    parent, _, last = name.rpartition(".")
    found = network.get_submodule(parent) if parent and last == "self_attention" else None
    return found if isinstance(found, DecoderLayer) else None


def _last_self(above: DecoderLayer, visit: Callable[[Call], object]) -> Callable[..., None]:
    def seen(module: nn.Module, args: tuple[Any, ...]) -> None:
        if len(args) == 4 and args[3] is not None:
            rows, _, batch, queries = args
            visit(
                Call(
                    layer=above.self_attention,
                    norm=above.norm1,
                    rows=rows,
                    context=None,
                    batch=int(batch),
                    output=None,
                    queries=int(queries),
                )
            )

    return seen


@torch.no_grad()
def recomputed(call: Call) -> tuple[Float[Tensor, "batch head query key"], Float[Tensor, "out dim"]]:
    """The weights of a pass, which sum to 1 over keys, and the tokens they lead to: `rows + out(weights @ values)`."""
    layer, normed = call.layer, call.norm(call.rows)
    if isinstance(layer, CrossAttention):
        assert call.context is not None
        (q,) = _by_head(layer.q(normed), call.batch, layer.heads, 1)
        k, v = _by_head(layer.kv(call.context), call.batch, layer.heads, 2)
    else:
        q, k, v = _by_head(layer.qkv(normed), call.batch, layer.heads, 3)
    q = q[:, :, : call.queries]
    weights = torch.softmax((q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5, -1)
    values = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2).flatten(0, 1)
    asking = call.rows.unflatten(0, (call.batch, -1))[:, : call.queries].flatten(0, 1)
    return weights, asking + layer.out(values)


def patch_attention(
    call: Call, num_tasks: int, num_patches: int
) -> tuple[Float[Tensor, "batch task patch"], Float[Tensor, "batch task"]]:
    """Where each task token looks: the mean over heads of its weights on the patches, which sum to 1; and the share of
    its weights that lie on patches at all, the rest being on task tokens."""
    weights, _ = recomputed(call)
    found = weights[:, :, :num_tasks, -num_patches:].mean(1)
    share = found.sum(-1)
    return found / share.unsqueeze(-1).clamp(min=1e-12), share


def _by_head(rows: Tensor, batch: int, heads: int, parts: int) -> tuple[Float[Tensor, "batch head token dim"], ...]:
    """What stands side by side in each row: first the parts, in each of them the heads."""
    return rows.view(batch, -1, parts, heads, rows.shape[1] // (parts * heads)).permute(2, 0, 3, 1, 4).unbind(0)
