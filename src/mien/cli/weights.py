"""`mien weights`: convert upstream's checkpoints, and show what a weights file is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

if TYPE_CHECKING:
    from mien.nets.graphs import Graph

__all__ = ["convert", "show"]


def convert(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    dtype: Literal["fp32", "bf16", "fp16"] = "fp32",
    body_family: Literal["smplx", "openbody"] = "smplx",
    heads: int | None = None,
    licence: str = "S-Lab License 1.0 (non-commercial)",
    name: str = "",
) -> int:
    """Turn a SMPLest-X or SMPLer-X checkpoint (.pth.tar) into a .safetensors file.

    Args:
        source: The checkpoint, for example smplest_x_h.pth.tar.
        target: The file to write, ending in .safetensors.
        dtype: How to keep the weights; bf16 and fp16 take half the space.
        body_family: The body that the network was trained with.
        heads: Attention heads of the encoder, for a network of an unpublished width.
        licence: The terms of the weights, kept in the file.
        name: A name for the weights; the target's by default.
    """
    from mien.nets.upstream import convert as convert_file

    convert_file(source, target, dtype=dtype, body_family=body_family, heads=heads, licence=licence, name=name)
    return show(str(target))


def show(weights: tyro.conf.Positional[str]) -> int:
    """Show what a weights file is: its card, its size, its parts.

    Args:
        weights: A .safetensors file, a folder, a shipped name, a Hugging Face id, random-xs, or a graph (.onnx, .xml).
    """
    from mien.nets.weights import show as summarise

    summary = summarise(weights)
    card = summary.card
    rows = [
        ("name", card.name),
        ("network", f"{card.architecture} {card.size}, input {card.config.image_size[0]}x{card.config.image_size[1]}"),
        ("body family", card.body_family),
        ("licence", card.licence),
        ("source", card.source),
        ("source sha256", card.source_sha256),
        ("recipe", card.recipe),
        ("notes", card.notes),
        ("written by", f"mien {card.mien_version}"),
        ("file", f"{card.path}, {summary.num_bytes / 1e6:.1f} MB" if card.path else ""),
        ("sha256", card.sha256),
        ("parameters", f"{card.num_parameters:,} as {card.dtype}"),
        *((f"  {part}", f"{count:,} in {tensors} tensors") for part, (tensors, count) in summary.groups.items()),
        *_graph_rows(summary.graph),
        ("warning", card.warning),
    ]
    for label, value in rows:
        if value:
            print(f"{label:<16}{value}")
    return 0


def _graph_rows(graph: Graph | None) -> list[tuple[str, str]]:
    """What stands in a graph beside the card."""
    if graph is None:
        return []
    outputs = [f"  {name:<20} {each['shape']} {each['meaning']}" for name, each in graph.about["outputs"].items()]
    given = graph.about["input"]
    return [
        ("graph", f"{graph.precision}, made from the weights {graph.weights_sha256[:12]}"),
        ("checked", f"at most {graph.difference:g} from torch in fp32"),
        ("calibrated on", graph.calibrated_on),
        ("input", f"{given['name']} {given['shape']} {given['type']}: {given['meaning']}"),
        ("outputs", "\n" + "\n".join(outputs)),
    ]
