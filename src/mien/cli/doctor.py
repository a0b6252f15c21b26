"""`mien doctor`: what this machine has, and what is missing for which purpose."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator

__all__ = ["doctor"]

Line = tuple[str, str, str]
"""Sign (ok, --, !!), subject, finding."""


def doctor() -> int:
    """Say what this machine has: versions, devices, body files, detectors. Exit code 2 if mien cannot run here."""
    bad = False
    for section, lines in (
        ("system", _system()),
        ("packages", _packages()),
        ("devices", _devices()),
        ("bodies", _bodies()),
    ):
        print(f"{section}:")
        for sign, subject, finding in lines:
            print(f"  {sign}  {subject:<26}{finding}")
            bad |= sign == "!!"
    print("\nok = ready, -- = optional and absent, !! = must be mended")
    return 2 if bad else 0


def _system() -> Iterator[Line]:
    import mien

    yield "ok", "mien", mien.__version__
    yield (
        "ok" if sys.version_info >= (3, 11) else "!!",
        "python",
        f"{platform.python_version()} (3.11 or newer is needed)",
    )
    yield "ok", "platform", platform.platform()
    yield "ok", "processors", f"{os.cpu_count()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}"


def _packages() -> Iterator[Line]:
    needed = ("torch", "numpy", "scipy", "numba", "safetensors", "tyro", "pydantic", "huggingface_hub", "jaxtyping")
    for name in needed:
        version = _version(name)
        yield "ok" if version else "!!", name, version or f"missing; install it with: pip install {name}"
    yield from _opencv()
    version = _version("transformers")
    yield "ok" if version else "--", "transformers", version or "absent; person detectors: pip install 'mien[detect]'"
    version = _version("onnxruntime") or _version("onnxruntime-gpu")
    yield "ok" if version else "--", "onnxruntime", version or "absent; detectors as ONNX: pip install 'mien[onnx]'"
    for name, extra, what in (("viser", "view", "`mien view`"), ("gradio", "app", "`mien app`")):
        version = _version(name)
        yield "ok" if version else "--", name, version or f"absent; {what}: pip install 'mien[{extra}]'"
    version = _version("usd-core")
    yield "ok" if version else "--", "usd-core", version or "absent; USD files: pip install 'mien[usd]'"
    for name, extra in (("onnxruntime", "onnx"), ("openvino", "openvino")):
        version = _version(name)
        yield "ok" if version else "--", name, version or f"absent; exported networks: pip install 'mien[{extra}]'"


def _opencv() -> Iterator[Line]:
    """Exactly one OpenCV, 5 or newer: two break each other, and 4 computes crops that differ from the published."""
    names = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
    found = {name: version for name in names if (version := _version(name))}
    listed = ", ".join(f"{name} {version}" for name, version in found.items()) or "missing"
    if len(found) != 1:
        yield "!!", "opencv", f"{listed}; exactly one is needed: pip install 'opencv-python-headless>=5'"
    elif int(next(iter(found.values())).split(".")[0]) < 5:
        yield "!!", "opencv", f"{listed}; 5 or newer is needed, since 4 rounds the weights of a warp to 1/32 pixel"
    else:
        yield "ok", "opencv", listed


def _devices() -> Iterator[Line]:
    if not _version("torch"):
        return
    import torch

    yield "ok", "cpu", f"{torch.get_num_threads()} threads; {_bf16_verdict()}"
    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        yield "ok", f"cuda:{i}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if not torch.cuda.is_available():
        yield "--", "cuda", "absent"
    mps = torch.backends.mps.is_available()
    yield "ok" if mps else "--", "mps", "available" if mps else "absent"


def _bodies() -> Iterator[Line]:
    from mien.body.files import find_body
    from mien.errors import MienError
    from mien.files import data_folders

    for folder in data_folders():
        yield (
            "ok" if folder.is_dir() else "--",
            "data folder",
            f"{folder}{'' if folder.is_dir() else ' (not there yet)'}",
        )
    for family in ("openbody", "smplx", "smpl"):
        try:
            yield "ok", family, str(find_body(None, family=family))
        except MienError as error:
            yield "--", family, str(error)


def _bf16_verdict() -> str:
    """Whether bf16 pays on this processor, by a matrix product of the size that networks are made of."""
    import time

    import torch

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones(544, 768, dtype=dtype), torch.ones(768, 3072, dtype=dtype)
        spent: list[float] = []
        for _ in range(6):
            start = time.perf_counter()
            torch.mm(left, right)
            spent.append(time.perf_counter() - start)
        return min(spent)

    ratio = seconds(torch.float32) / seconds(torch.bfloat16)
    return f"bf16 runs at {ratio:.1f} times the speed of fp32{'' if ratio > 1.2 else ', so keep --precision fp32'}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
