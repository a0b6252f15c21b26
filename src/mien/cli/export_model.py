"""`mien export-model`: weights as a graph for onnxruntime or OpenVINO."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import tyro

__all__ = ["export_model"]


def export_model(
    weights: tyro.conf.Positional[str],
    to: Literal["onnx", "openvino"],
    out: Path,
    precision: Literal["fp32", "bf16", "fp16", "int8"] = "fp32",
    calibrate: tuple[Path, ...] = (),
    batch: Literal["dynamic"] | int = "dynamic",
) -> int:
    """Weights as a graph that runs without torch, from crops to every output; `mien predict --weights OUT` runs it.

    The file holds the card of the weights, and says what goes in and what comes out. It is compared with torch before
    it is kept: an output of fp32 that differs by more than 1e-4 is an error, and nothing is written.

    Args:
        weights: a .safetensors file, a folder, a hub id, open-xs, or random-xs.
        to: onnx writes OUT.onnx, openvino OUT.xml and OUT.bin.
        out: the file to write.
        precision: bf16 (openvino only), fp16 or int8 in place of fp32; docs/export-model.md says when.
        calibrate: for int8: folders with labelled pictures of the training (train.npz), to find ranges from.
        batch: how many crops the graph takes at once: any number, or exactly so many.
    """
    from mien.deploy.exporting import ExportJob
    from mien.deploy.exporting import export_model as export

    number = None if batch == "dynamic" else batch
    done = export(ExportJob(weights=weights, out=out, to=to, precision=precision, calibrate=calibrate, batch=number))
    if done.card.warning:
        print(f"mien: WARNING: {done.card.warning}", file=sys.stderr)
    for path in done.files:
        print(f"{path}, {path.stat().st_size / 1e6:.1f} MB")
    print(f"{'network':<24}{done.card.name}, {precision}, licence {done.card.licence}")
    if done.graph.calibrated_on:
        print(f"{'calibrated on':<24}{done.graph.calibrated_on}")
    print("largest differences from torch in fp32, in each output's unit (of itself where it is more than 1):")
    for name, difference in done.differences.items():
        print(f"  {name:<22}{difference:.1e}")
    return 0
