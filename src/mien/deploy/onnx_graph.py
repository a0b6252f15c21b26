"""From a network to an ONNX graph, and the same in eight bits.

torch's own exporter traces the network with a batch of any size. Of its nodes only what computes is kept: it also notes
where in whose source each came from.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.nets.graphs import INPUT, companion, named_outputs
from mien.nets.network import Head, Network
from mien.optional import need

__all__ = ["annotate", "onnx_from_network", "quantised", "save_onnx", "spared_nodes"]

OPSET = 20
"""The first in which GELU is one operator."""
FIRST = 2
"""Convolutions on the picture that are not computed in eight bits."""
LARGE = 1_900_000_000
"""Bytes of numbers that go to a file of their own: a protocol buffer ends at two gigabytes."""
Model = Any
"""`onnx.ModelProto`: the package may be absent."""


class _Plain(nn.Module):
    """Tensors in, tensors out: float32 crops to all outputs, in the order of `named_outputs`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network, self.kind = network, network.dtype

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        return tuple(named_outputs(self.network(crops.to(self.kind))).values())


@torch.no_grad()
def onnx_from_network(network: Network, batch: int | None, why: str = "mien export-model") -> Model:
    """The graph of a network in its own number type, with crops and outputs in float32.

    Args:
        network: in evaluation mode, on the CPU.
        batch: how many crops it is to take; None for any number.
        why: named where a package is missing.

    Raises:
        MienError: onnx or onnxscript is not installed.
    """
    need("onnx", extra="onnx", why=why)
    need("onnxscript", extra="onnx", why=why)
    example = torch.rand(batch or 2, 3, *network.config.image_size)  # of one crop the exporter would keep the number
    shapes = {INPUT: {0: torch.export.Dim("batch", min=1, max=4096)}} if batch is None else None
    names = list(named_outputs(network(example.to(network.dtype))))
    with _quietly():
        program = torch.onnx.export(
            _Plain(network).eval(), (example,), dynamo=True, input_names=[INPUT], output_names=names,
            dynamic_shapes=shapes, opset_version=OPSET, verbose=False,
            optimize=batch is None,  # of a fixed batch, onnxscript 0.7 folds SMPLer-X's cutting out of hands wrongly
        )  # fmt: skip
    assert program is not None
    return program.model_proto


def spared_nodes(model: Model, network: Network) -> list[str]:
    """Names of the nodes that are too delicate for eight bits: heads, and the first two convolutions on the picture.

    Alone in eight bits, each of those two moves the joints of `open-xs` by 14 mm, any later one by 2 to 4; and they
    compute little. The exporter notes which module each node belongs to.
    """
    heads = [name for name, module in network.named_modules() if isinstance(module, Head)]
    nodes = list(model.graph.node)
    first = [node.name for node in nodes if node.op_type == "Conv" and _within(node, "encoder.patch_embed")][:FIRST]
    return [node.name for node in nodes if any(_within(node, name) for name in heads)] + first


def _within(node: Any, module: str) -> bool:
    """Whether a node belongs to a module of the network, or to one inside it."""
    places = [note.value for note in node.metadata_props if note.key == "namespace"]
    return any(re.search(rf"\bnetwork\.{re.escape(module)}(?=[:.])", place) for place in places)


def save_onnx(model: Model, path: Path) -> None:
    """Write a graph without the exporter's notes on source files; numbers go to PATH.data where they are many."""
    import onnx

    for node in model.graph.node:
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGE
    onnx.save_model(model, str(path), save_as_external_data=large, location=f"{path.name}.data" if large else None)


def annotate(path: Path, notes: Mapping[str, str]) -> None:
    """Put notes into a file, in place of those that are there."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    onnx.helper.set_model_props(model, dict(notes))
    onnx.save_model(model, str(path))


def quantised(source: Path, target: Path, crops: Sequence[np.ndarray], spared: Sequence[str]) -> None:
    """Write a graph that multiplies in eight bits: weights for each channel, ranges of what flows found from crops.

    Products of two things that flow (attention) stay in float32.

    Args:
        source: a graph in float32.
        target: the file to write.
        crops: batches of (batch, 3, height, width), RGB in [0, 1].
        spared: names of nodes that stay in float32, too.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(crops)

        def get_next(self) -> Any:  # None at the end
            batch = next(self.left, None)
            return None if batch is None else {INPUT: batch}

    with _quietly():
        quantize_static(
            str(source),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(spared),
            use_external_data_format=companion(source).exists(),
            extra_options={"MatMulConstBOnly": True},
        )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's remarks on packages that it could use, and on what will change in torch."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "root")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
