"""Person boxes from an ONNX file of a known layout, run by onnxruntime.

An ONNX file holds numbers and a graph of known operations: no code of its own is run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.detect.base import Detections
from mien.detect.network import MIN_SCORE, surest_first
from mien.detect.onnx_layouts import LAYOUTS, Layout, Shape
from mien.errors import InputError, WeightsError, reason_of
from mien.optional import need

__all__ = ["OnnxDetector"]

log = logging.getLogger("mien")
_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxDetector:
    """A network that finds people, surest first, with boxes clipped to the picture."""

    session: Any
    layout: Layout
    kind: type[np.floating]
    """Of the numbers that the network is given."""
    min_score: float = MIN_SCORE

    @classmethod
    def load(cls, name: str, device: str = "cpu", *, min_score: float | None = None) -> OnnxDetector:
        """Open a file.

        Args:
            name: the file, or the name of its layout, a colon and the file: `yolox:people.onnx`. Without a name the
                layout is the one that fits the file's inputs and outputs.
            device: `cuda` asks onnxruntime for CUDA; where its package has none, the processor does the work.
            min_score: keep people at least this sure, from 0 to 1; None: 0.5.

        Raises:
            InputError: the file is not there, or its inputs and outputs are of no known layout.
            WeightsError: it is damaged, or no ONNX file.
            MienError: onnxruntime is not installed.
        """
        preset, colon, rest = name.partition(":")
        preset, path = (preset, Path(rest)) if colon and preset in LAYOUTS else ("", Path(name))
        session = _open(path.expanduser(), device)
        layout = _layout(path, preset, session)
        kind = _KINDS.get(session.get_inputs()[0].type)
        if kind is None:
            found = f"{path} wants a picture of {session.get_inputs()[0].type}"
            raise InputError(found, expected="floating point numbers", todo="export it again in float32")
        return cls(session=session, layout=layout, kind=kind, min_score=MIN_SCORE if min_score is None else min_score)

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The people in a picture; `name` is for error messages only.

        Raises:
            WeightsError: the network cannot be run, or says something that is not a number.
        """
        given = {self.session.get_inputs()[0].name: self.layout.prepare(picture).astype(self.kind, copy=False)}
        try:
            said = [np.asarray(output, np.float64) for output in self.session.run(None, given)]
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise WeightsError(f"the person detector fails at {name}: {reason_of(error)}") from error
        if not all(np.isfinite(output).all() for output in said):
            raise WeightsError(f"the person detector gives no finite numbers for {name}", todo="use other weights")
        height, width = picture.shape[:2]
        boxes, scores = self.layout.people(said, height, width, self.min_score)
        return surest_first(boxes, scores, self.min_score, width, height)


def _open(path: Path, device: str) -> Any:
    """A session of onnxruntime that leaves the processor to others while it waits."""
    import torch

    runtime = need("onnxruntime", extra="onnx", why=f"the person detector onnx:{path}")
    if not path.is_file():
        todo = (
            f"check the path; it may follow the name of a layout: {', '.join(f'onnx:{name}:FILE' for name in LAYOUTS)}"
        )
        raise InputError(f"the detector file {path} does not exist", expected="an ONNX file", todo=todo)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what matters comes back as an error
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(str(path), options, providers=_providers(runtime, device))
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise WeightsError(f"cannot load the detector {path}: {reason_of(error)}", expected="an ONNX file") from error


def _providers(runtime: Any, device: str) -> list[Any]:
    cuda, index = "CUDAExecutionProvider", device.partition(":")[2] or "0"
    if not device.startswith("cuda"):
        return ["CPUExecutionProvider"]
    if cuda not in runtime.get_available_providers():
        log.warning("onnxruntime has no CUDA here, the detector runs on the processor: pip install onnxruntime-gpu")
        return ["CPUExecutionProvider"]
    return [(cuda, {"device_id": index}), "CPUExecutionProvider"]


def _layout(path: Path, preset: str, session: Any) -> Layout:
    """The layout that fits, among all of them or the one that is named."""
    inputs, outputs = ([_shape(each) for each in side] for side in (session.get_inputs(), session.get_outputs()))
    tried = [preset] if preset else list(LAYOUTS)
    picture = inputs[0] if len(inputs) == 1 else ()
    if len(picture) == 4 and picture[0] in (1, None) and picture[1] == 3 and picture[2] and picture[3]:
        for name in tried:
            if layout := LAYOUTS[name].of(picture[2], picture[3], outputs):
                return layout
    found = f"{path} has inputs {_told(inputs)} and outputs {_told(outputs)}"
    expected = ", or ".join(f"{name}: {LAYOUTS[name].EXPECTED}" for name in tried)
    todo = "H and W must be numbers: export it without dynamic axes" if None in picture[1:] else ""
    raise InputError(found, expected=expected, todo=todo or "take a file of one of these, or another kind of detector")


def _shape(node: Any) -> Shape:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)


def _told(shapes: list[Shape]) -> str:
    return ", ".join(f"({', '.join('?' if size is None else str(size) for size in shape)})" for shape in shapes)
