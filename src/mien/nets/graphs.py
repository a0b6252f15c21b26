"""Graphs: networks as files that run without torch, ONNX (`.onnx`) and OpenVINO (`.xml` with `.bin`); how to run them.

A graph goes from crops to every output of `Prediction`. It carries the card of its weights and says itself what goes in
and what comes out; `mien.deploy` writes it. Here it becomes a `Network` again: it predicts and is measured like any
other, though it has no parameters to train.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mien.errors import InputError, WeightsError, reason_of
from mien.files import sha256
from mien.nets.card import CARD_KEY, WeightCard
from mien.nets.network import Network, NetworkConfig
from mien.optional import need
from mien.records import Located, Prediction, Record

__all__ = [
    "GRAPH_KEY",
    "INPUT",
    "Graph",
    "GraphNetwork",
    "companion",
    "is_graph",
    "load_graph",
    "named_outputs",
    "openvino_settings",
    "prediction_from",
]

FORMATS = {".onnx": "onnx", ".xml": "openvino"}
"""By the ending of the file."""
GRAPH_KEY = "mien_graph"
"""Where a file keeps the card, and the `Graph`."""
INPUT = "crops"
SCHEMA_VERSION = 1
Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From crops to outputs by name."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What a graph says about itself, beside the card of its weights."""

    precision: str
    """In which it computes: fp32, bf16, fp16 or int8. Heads and what follows them are fp32."""
    batch: int | None
    """How many crops it takes; None for any number."""
    weights_sha256: str
    """Of the weights that it was made from."""
    companion_sha256: str = ""
    """Of the file beside it that holds the numbers, if there is one."""
    difference: float
    """The largest between its outputs and torch's in fp32, for crops of noise, when it was written."""
    calibrated_on: str = ""
    """Of int8: on how many crops of what its ranges were found."""
    about: Mapping[str, Any]
    """What goes in and what comes out: names, shapes, units."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """As the file keeps it."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, path: Path) -> Graph:
        """Read `to_json` back.

        Raises:
            WeightsError: of a later version, or damaged.
        """
        import pydantic

        try:
            found = pydantic.TypeAdapter(cls).validate_json(text)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise WeightsError(f"{key!r} in what {path} says about itself: {first['msg']}") from error
        if found.schema_version > SCHEMA_VERSION:
            todo = "update mien: pip install -U mien"
            raise WeightsError(f"{path} has schema_version {found.schema_version}", expected="1", todo=todo)
        return found


class GraphNetwork(Network):
    """A graph as a network: the same crops in, the same `Prediction` out, without gradients.

    Args:
        config: of the network that the graph was made from.
        graph: what the file says about itself.
        run: computes it.
    """

    def __init__(self, config: NetworkConfig, graph: Graph, run: Run) -> None:
        super().__init__(config)
        self.graph, self.run = graph, run

    @property
    def dtype(self) -> torch.dtype:
        """Crops are float32 whatever the graph computes in."""
        return torch.float32

    @property
    def device(self) -> torch.device:
        """Crops lie in the processor's memory; whoever runs the graph moves them."""
        return torch.device("cpu")

    def stages(self) -> Mapping[str, list[nn.Module]]:
        """None: what is inside a graph is no module."""
        return {"encoder": [], "decoder": [], "heads": []}

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Prediction:
        """As of any network: RGB in [0, 1], not normalised.

        Raises:
            InputError: the crops are of another size.
        """
        if tuple(crops.shape[-2:]) != self.config.image_size:
            found = f"crops of {crops.shape[-2]}x{crops.shape[-1]} pixels (height x width)"
            raise InputError(found, expected=f"{self.config.image_size[0]}x{self.config.image_size[1]}")
        pixels = np.ascontiguousarray(crops.detach().float().cpu().numpy())
        step = self.graph.batch or max(len(pixels), 1)
        parts = [self._some(pixels[start : start + step], step) for start in range(0, max(len(pixels), 1), step)]
        return parts[0] if len(parts) == 1 else Prediction.cat(parts)

    def _some(self, pixels: np.ndarray, step: int) -> Prediction:
        """Of at most `step` crops; a graph of a fixed batch is given black ones for those that lack."""
        count, lacking = len(pixels), (self.graph.batch or len(pixels)) - len(pixels)
        if lacking:
            pixels = np.concatenate([pixels, np.zeros((lacking, *pixels.shape[1:]), pixels.dtype)])
        return prediction_from({name: torch.from_numpy(out[:count]) for name, out in self.run(pixels).items()})


def named_outputs(prediction: Prediction) -> dict[str, Tensor]:
    """All tensors of a prediction by the names that graphs give them, such as `transl` and `located.boxes`."""
    return dict(_walk(prediction))


def prediction_from(outputs: Mapping[str, Tensor]) -> Prediction:
    """The inverse of `named_outputs`."""
    located = {name.removeprefix("located."): each for name, each in outputs.items() if name.startswith("located.")}
    own: dict[str, Any] = {name: each for name, each in outputs.items() if "." not in name}
    return Prediction(**own, located=Located(**located) if located else None)


def _walk(record: Record, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Record):
            yield from _walk(value, f"{prefix}{field.name}.")
        elif value is not None:
            yield prefix + field.name, value


def is_graph(spec: str | Path) -> bool:
    """Whether a name is that of a graph."""
    return Path(spec).suffix in FORMATS


def load_graph(path: Path, device: str = "cpu") -> tuple[GraphNetwork, WeightCard]:
    """A graph of `mien export-model` as a network, and the card of its weights, whose name ends in what the graph is.

    Args:
        path: an `.onnx` file, or the `.xml` of OpenVINO with its `.bin` beside it.
        device: `cpu`, or `cuda` (onnxruntime only).

    Raises:
        WeightsError: there is no such file, it is damaged, or another program wrote it.
        InputError: it cannot run on that device.
        MienError: onnxruntime or openvino is not installed.
    """
    if not path.is_file():
        raise WeightsError(f"there is no graph {path}", expected="a file of `mien export-model`")
    kind = FORMATS[path.suffix]
    run, notes = (_onnx if kind == "onnx" else _openvino)(path, device)
    if CARD_KEY not in notes or GRAPH_KEY not in notes:
        todo = "graphs are made with: mien export-model WEIGHTS --to onnx --out FILE.onnx"
        raise WeightsError(f"{path} has no card", expected="a graph written by mien", todo=todo)
    graph = Graph.from_json(notes[GRAPH_KEY], path)
    card = WeightCard.from_json(notes[CARD_KEY], path)
    if graph.companion_sha256:
        _check_companion(path, graph.companion_sha256)
    card = replace(card, name=f"{card.name}-{kind}-{graph.precision}")
    return GraphNetwork(card.config, graph, run).eval(), card


def companion(path: Path) -> Path:
    """The file beside a graph that holds its numbers; of ONNX only where there are more than two gigabytes."""
    return path.with_suffix(".bin") if path.suffix == ".xml" else path.with_name(f"{path.name}.data")


def _check_companion(path: Path, digest: str) -> None:
    if not companion(path).is_file() or sha256(companion(path)) != digest:
        found = f"{companion(path)} is not the file that was written with {path.name}"
        raise WeightsError(found, expected="both files of one export", todo="copy both again, or export again")


def _onnx(path: Path, device: str) -> tuple[Run, dict[str, str]]:
    """By onnxruntime, with as many threads as torch has."""
    ort = need("onnxruntime", extra="onnx", why=f"running {path.name}")
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}.get(device.partition(":")[0])
    if provider not in ort.get_available_providers():
        todo = "pip install onnxruntime-gpu in place of onnxruntime" if provider else "choose --device cpu"
        raise InputError(f"onnxruntime cannot run {path.name} on {device!r} here", expected="cpu", todo=todo)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # its errors have no common ancestor of their own
        raise _damaged(path, "ONNX", error) from error
    names = [output.name for output in session.get_outputs()]
    notes = dict(session.get_modelmeta().custom_metadata_map)
    return lambda pixels: dict(zip(names, session.run(names, {INPUT: pixels}), strict=True)), notes


def _openvino(path: Path, device: str) -> tuple[Run, dict[str, str]]:
    """By OpenVINO on the processor, with as many threads as torch has, in the precision that the file names."""
    ov = need("openvino", extra="openvino", why=f"running {path.name}")
    if device.partition(":")[0] != "cpu":
        raise InputError(f"OpenVINO runs {path.name} on processors, not on {device!r}", todo="choose --device cpu")
    try:
        core = ov.Core()
        model = core.read_model(str(path))
        known = [key for key in (CARD_KEY, GRAPH_KEY) if model.has_rt_info([key])]
        notes = {key: model.get_rt_info([key]).astype(str) for key in known}
        precision = json.loads(notes[GRAPH_KEY])["precision"] if GRAPH_KEY in notes else "fp32"
        compiled = core.compile_model(model, "CPU", openvino_settings(precision))
    except Exception as error:  # a RuntimeError of C++ among others
        raise _damaged(path, "OpenVINO", error) from error
    names = [output.get_any_name() for output in compiled.outputs]
    return lambda pixels: dict(zip(names, compiled({INPUT: pixels}).values(), strict=True)), notes


def openvino_settings(precision: str) -> dict[str, Any]:
    """What a processor is told. Left alone, it would compute fp32 in bf16 where it is fast at that."""
    kind = {"bf16": "bf16", "fp16": "f16"}.get(precision, "f32")
    return {"INFERENCE_PRECISION_HINT": kind, "INFERENCE_NUM_THREADS": torch.get_num_threads()}


def _damaged(path: Path, what: str, error: Exception) -> WeightsError:
    todo = "copy or export it again"
    return WeightsError(
        f"cannot read {path} ({reason_of(error, -1)[:200]})", expected=f"a complete {what} file", todo=todo
    )
