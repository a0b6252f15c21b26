"""`mien export-model`: weights as a graph, checked against torch before anything is kept.

    written = export_model(ExportJob(weights="open-xs", out=Path("open-xs.onnx"), to="onnx"))

One road for all: torch -> ONNX -> OpenVINO. What is written is loaded again as a user would, and asked about the same
crops as the network itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

import mien
from mien.deploy.about import about
from mien.deploy.calibration import calibration_crops, in_batches
from mien.deploy.onnx_graph import annotate, onnx_from_network, quantised, save_onnx, spared_nodes
from mien.deploy.openvino_graph import in_eight_bits, openvino_from_onnx, save_openvino
from mien.errors import InputError, WeightsError
from mien.files import sha256, writing
from mien.nets.card import CARD_KEY, WeightCard
from mien.nets.graphs import GRAPH_KEY, Graph, companion, load_graph, named_outputs
from mien.nets.network import Network
from mien.nets.weights import load_weights
from mien.optional import need

__all__ = ["LIMIT", "ExportJob", "Exported", "Format", "Precision", "differences", "export_model"]

Format = Literal["onnx", "openvino"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
ENDINGS = {"onnx": ".onnx", "openvino": ".xml"}
LIMIT = 1e-4
"""How far an output in fp32 may lie from torch's: of its unit, or of its own size where that is more than 1."""
CHECKED = (1, 3)
"""Batches that are compared."""
Notes = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """What is to be written."""

    weights: str
    out: Path
    to: Format
    precision: Precision = "fp32"
    calibrate: tuple[Path, ...] = ()
    """Folders with labelled pictures that ranges of int8 are found from."""
    batch: int | None = None
    """How many crops the graph takes; None for any number."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    card: WeightCard
    graph: Graph
    differences: dict[str, float]
    """Of each output: the largest from torch in fp32, in its unit, or as a share of itself where it is more than 1."""


def export_model(job: ExportJob) -> Exported:
    """Weights as a graph.

    Raises:
        InputError: arguments that do not go together.
        WeightsError: no such weights; or the graph answers what is no number, or in fp32 something else than torch:
            nothing is written.
        OutputError: the folder cannot be written.
        MienError: a package is missing.
    """
    _check(job)
    network, card = load_weights(job.weights, dtype=torch.float32)
    network.requires_grad_(False)
    crops = calibration_crops(job.calibrate, card) if job.precision == "int8" else None
    graph = Graph(
        precision=job.precision,
        batch=job.batch,
        weights_sha256=card.sha256,
        difference=0.0,
        calibrated_on="" if crops is None else f"{len(crops)} crops of {', '.join(p.name for p in job.calibrate)}",
        about=_about(network, card, job.batch),
    )
    with _workshop(job.out) as folder:
        path = folder / job.out.name
        write = (_onnx if job.to == "onnx" else _openvino)(job, network, crops, path)
        graph = replace(graph, companion_sha256=write(_notes(card, graph)))
        write(_notes(card, graph))
        found = differences(network, load_graph(path)[0])
        worst = max(found, key=lambda name: found[name])
        _refuse_other(job, worst, found[worst])
        graph = replace(graph, difference=float(f"{found[worst]:.2e}"))
        write(_notes(card, graph))
        files = _publish(path, job.out)
    return Exported(files=files, card=card, graph=graph, differences=found)


def _refuse_other(job: ExportJob, worst: str, off: float) -> None:
    """Raise `WeightsError` if the output that is farthest from torch's is none, or in fp32 another."""
    if not math.isfinite(off):
        todo = "please report this" if job.precision == "fp32" else "choose another precision"
        said = f"{worst} of {job.weights} is NaN or infinite, in torch or in the graph"
        raise WeightsError(said, todo=f"nothing was written; {todo}")
    if job.precision == "fp32" and off > LIMIT:
        said = f"the graph of {job.weights} says {worst} otherwise than torch, by {off:.1e}"
        raise WeightsError(said, expected=f"at most {LIMIT:g}", todo="nothing was written; please report this")


def differences(network: Network, graph: Network) -> dict[str, float]:
    """The largest difference of each output over batches of noise: in its unit, or relative where it is more than 1.

    Infinite where either side holds what is no number.
    """
    generator = torch.Generator().manual_seed(0)
    found: dict[str, float] = {}
    for count in CHECKED:
        crops = torch.rand(count, 3, *network.config.image_size, generator=generator)
        with torch.no_grad():
            wanted, said = named_outputs(network(crops)), named_outputs(graph(crops))
        if wanted.keys() != said.keys():
            raise WeightsError(f"the graph gives {', '.join(said)}", expected=", ".join(wanted))
        for name, want in wanted.items():
            off = ((said[name] - want).abs() / want.abs().clamp(min=1)).max().item()
            found[name] = max(found.get(name, 0.0), off if math.isfinite(off) else math.inf)
    return found


def _check(job: ExportJob) -> None:
    """All that can be said before any work."""
    if job.out.suffix != ENDINGS[job.to]:
        raise InputError(f"--out {job.out} for --to {job.to}", expected=f"a name ending in {ENDINGS[job.to]}")
    if job.out.is_dir():
        raise InputError(f"--out {job.out} is a folder", expected="the name of a file")
    if (job.precision == "int8") != bool(job.calibrate):
        if job.calibrate:
            raise InputError(f"--calibrate for {job.precision}", expected="--precision int8", todo="leave it away")
        todo = "give some of the training: --calibrate data/studio data/street (mien synth makes them)"
        raise InputError("--precision int8 without --calibrate", expected="folders with labelled pictures", todo=todo)
    if job.to == "onnx" and job.precision == "bf16":
        todo = "choose fp16 for GPUs, or --to openvino for processors"
        raise InputError("--precision bf16 for --to onnx: onnxruntime computes no bf16 on processors", todo=todo)
    if job.batch is not None and not 1 <= job.batch <= 4096:
        raise InputError(f"--batch {job.batch}", expected="dynamic, or a number from 1 to 4096")
    why = f"mien export-model --to {job.to}"
    if job.to == "onnx":
        need("onnx", extra="onnx", why=why)
        need("onnxscript", extra="onnx", why=why)
        need("onnxruntime", extra="onnx", why=why)
        return
    need("onnx", extra="openvino", why=why)
    need("onnxscript", extra="openvino", why=why)
    need("openvino", extra="openvino", why=why)
    if job.precision == "int8":
        need("nncf", extra="openvino", why=f"{why} --precision int8")


def _about(network: Network, card: WeightCard, batch: int | None) -> dict[str, object]:
    with torch.no_grad():
        said = network(torch.zeros(1, 3, *network.config.image_size))
    return {**about(card, said, batch), "mien_version": mien.__version__}


def _notes(card: WeightCard, graph: Graph) -> Notes:
    return {CARD_KEY: card.to_json(), GRAPH_KEY: graph.to_json()}


def _onnx(job: ExportJob, network: Network, crops: np.ndarray | None, path: Path) -> Callable[[Notes], str]:
    """Write the graph without notes. Returns what writes notes into it, and says the SHA-256 of the file beside it."""
    if crops is not None:
        plain = path.with_name("plain.onnx")
        model = onnx_from_network(network, job.batch)
        spared = spared_nodes(model, network)
        save_onnx(model, plain)
        quantised(plain, path, in_batches(crops, job.batch or 1), spared)  # all that flows is in memory at once
    else:
        kind = torch.float16 if job.precision == "fp16" else torch.float32
        save_onnx(onnx_from_network(network.to(kind), job.batch), path)
        network.to(torch.float32)
    digest = sha256(companion(path)) if companion(path).exists() else ""

    def write(notes: Notes) -> str:
        annotate(path, notes)
        return digest

    return write


_RANGES_OF = 24
"""Crops whose ranges NNCF finds together; it takes means over such groups."""


def _openvino(job: ExportJob, network: Network, crops: np.ndarray | None, path: Path) -> Callable[[Notes], str]:
    """As `_onnx`."""
    between = path.with_name("between.onnx")
    traced = onnx_from_network(network, job.batch)
    spared = spared_nodes(traced, network)
    save_onnx(traced, between)
    model = openvino_from_onnx(between)
    if crops is not None:
        model = in_eight_bits(model, in_batches(crops, job.batch or _RANGES_OF), spared)
    halves = job.precision in ("bf16", "fp16")
    return lambda notes: sha256(save_openvino(model, path, notes, halves=halves))


@contextlib.contextmanager
def _workshop(out: Path) -> Iterator[Path]:
    """A folder beside the result, gone afterwards."""
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:80]}.", suffix=".part") as name:
            yield Path(name)


def _publish(path: Path, out: Path) -> tuple[Path, ...]:
    """Move what is finished to its place, the graph itself last: it knows what must lie beside it."""
    both = [(companion(path), companion(out))] if companion(path).exists() else []
    both.append((path, out))
    for source, target in both:
        os.replace(source, target)
    return tuple(target for _, target in reversed(both))
