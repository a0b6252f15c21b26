"""How upstream's checkpoints name and shape the parameters of an architecture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mien.errors import InputError, WeightsError
from mien.nets.network import NetworkConfig, VitConfig

__all__ = ["VIT_RULES", "Layout", "Shapes", "axis", "encoder_of", "known_size"]

C = TypeVar("C", bound=VitConfig)
Shapes = Mapping[str, tuple[int, ...]]
"""Of parameters, by upstream's keys without `module.`."""

VIT_RULES = (
    (r"encoder\.position", "encoder.pos_embed"),
    (r"encoder\.norm\.", "encoder.last_norm."),
    (r"encoder\.patch_embed\.", "encoder.patch_embed.proj."),
    (r"(encoder\.blocks\.\d+)\.attention\.qkv\.", r"\1.attn.qkv."),
    (r"(encoder\.blocks\.\d+)\.attention\.out\.", r"\1.attn.proj."),
    (r"(encoder\.blocks\.\d+)\.mlp\.up\.", r"\1.mlp.fc1."),
    (r"(encoder\.blocks\.\d+)\.mlp\.down\.", r"\1.mlp.fc2."),
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Of one architecture."""

    title: str
    """As messages call it."""
    sign: str
    """Keys begin with this in its checkpoints only."""
    rules: tuple[tuple[str, str], ...]
    """Patterns at the beginning of our keys, and what upstream has in their place; all that match are applied."""
    infer: Callable[[Shapes, int | None], NetworkConfig]
    """The network that parameters of these shapes make; see `mien.nets.upstream.infer_config`."""
    dropped: Callable[[Any], dict[str, tuple[int, ...]]]
    """What checkpoints of a config hold beside its parameters, for nothing: it may be missing, and is left out."""

    def key(self, ours: str) -> str:
        """Upstream's name of a parameter."""
        for pattern, replacement in self.rules:
            ours = re.sub(rf"^{pattern}", replacement, ours)
        return ours


def axis(shapes: Shapes, key: str, ndim: int, title: str) -> tuple[int, ...]:
    """The shape of a parameter that must be there and have so many axes.

    Raises:
        WeightsError: it is not there, or has another number of them.
    """
    if key not in shapes:
        some = ", ".join(list(shapes)[:3]) or "nothing"
        raise WeightsError(f"no parameter {key}", expected=f"a checkpoint of {title}", todo=f"it holds {some}, ...")
    if len(shapes[key]) != ndim:
        raise WeightsError(f"{key} has shape {shapes[key]}", expected=f"{ndim} axes")
    return shapes[key]


def encoder_of(shapes: Shapes, heads: int | None, known: Mapping[int, int], title: str) -> dict[str, Any]:
    """The fields of `VitConfig`.

    Args:
        shapes: of at least the encoder.
        heads: how many there are, which no shape tells.
        known: number of heads by width, used where `heads` is not given.
        title: of the architecture.

    Raises:
        WeightsError: it is no such encoder, or the width is not known.
    """
    _, rows, dim = axis(shapes, "encoder.pos_embed", 3, title)
    patch_size = axis(shapes, "encoder.patch_embed.proj.weight", 4, title)[2]
    unit = round((max(0, rows - 1) / 12) ** 0.5)  # the grid is 4:3
    if heads is None and dim not in known:
        raise WeightsError(f"an encoder of width {dim}", expected=f"one of {sorted(known)}", todo="give --heads")
    return {
        "embed_dim": dim,
        "depth": count(shapes, r"encoder\.blocks\.(\d{1,6})\."),
        "heads": known[dim] if heads is None else heads,
        "image_size": (4 * unit * patch_size, 3 * unit * patch_size),
        "patch_size": patch_size,
    }


def count(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number in the keys that a pattern finds."""
    return 1 + max((int(match[1]) for key in shapes if (match := re.match(pattern, key))), default=-1)


def known_size(make: Callable[..., C], fields: Mapping[str, Any], sizes: Iterable[C]) -> C:
    """The config of these fields, with the drop path of a known size if it is one.

    Raises:
        WeightsError: there is no such network.
    """
    try:
        config = make(**fields)
    except InputError as error:
        raise WeightsError(f"the shapes make no network: {error}") from error
    return next((known for known in sizes if replace(known, drop_path=config.drop_path) == config), config)
