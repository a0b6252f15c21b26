"""From an ONNX graph to OpenVINO's form, by OpenVINO's own converter, and the same in eight bits."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.nets.graphs import INPUT
from mien.optional import need

__all__ = ["in_eight_bits", "openvino_from_onnx", "save_openvino"]

Model = Any
"""`openvino.Model`: the package may be absent."""


def openvino_from_onnx(path: Path) -> Model:
    """OpenVINO's model of an ONNX file in float32.

    Raises:
        MienError: openvino is not installed.
    """
    return need("openvino", extra="openvino", why="mien export-model --to openvino").convert_model(str(path))


def in_eight_bits(model: Model, crops: Sequence[np.ndarray], spared: Sequence[str]) -> Model:
    """The same with products in eight bits, by NNCF, OpenVINO's own tool: it knows what its kernels can do.

    Args:
        model: of `openvino_from_onnx`; it is changed.
        crops: batches of (batch, 3, height, width), RGB in [0, 1], that ranges are found from.
        spared: names of ONNX nodes that stay in float32.

    Raises:
        MienError: nncf is not installed.
    """
    nncf = need("nncf", extra="openvino", why="mien export-model --to openvino --precision int8")
    nncf.set_log_level(40)  # errors
    names = [each.get_friendly_name() for each in model.get_ordered_ops()]
    kept = [name for name in names if name.removesuffix("/WithoutBiases") in spared]
    with contextlib.redirect_stdout(io.StringIO()):  # its progress
        return nncf.quantize(
            model,
            nncf.Dataset([{INPUT: batch} for batch in crops]),
            subset_size=len(crops),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER,
            ignored_scope=nncf.IgnoredScope(names=kept),
        )


def save_openvino(model: Model, path: Path, notes: Mapping[str, str], *, halves: bool) -> Path:
    """Write PATH.xml and PATH.bin with notes inside.

    Args:
        model: of `openvino_from_onnx`.
        path: ends in .xml.
        notes: by name.
        halves: keep the numbers in 16 bits.

    Returns:
        The .bin file.
    """
    import openvino

    for key, text in notes.items():
        model.set_rt_info(text, [key])
    openvino.save_model(model, str(path), compress_to_fp16=halves)
    return path.with_suffix(".bin")
