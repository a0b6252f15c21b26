"""What `mien doctor` looks at: one function a section, each finding with what to do where something is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.errors import reason_of

__all__ = ["EXTRAS", "SECTIONS", "Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    state: Literal["ready", "absent", "broken"]
    """Absent things are optional; what is broken must be mended."""
    subject: str
    found: str
    todo: str = ""
    """The command, or the way, to get what is missing."""


EXTRAS = {
    "detect": "finding people in pictures",
    "video": "videos in, overlay videos out",
    "study": "figures of studies",
    "umap": "maps of data sets by UMAP",
    "train": "curves of a training in a browser",
    "wandb": "curves of a training at Weights & Biases",
    "cluster": "many machines; pictures in cloud storage",
    "usd": "USD files",
    "view": "a viewer of clips and streams",
    "app": "an app in the browser",
    "onnx": "networks as ONNX",
    "openvino": "networks as OpenVINO",
}
"""What each extra is for. What it installs is read from the package's own metadata."""

PUBLISHED = "https://huggingface.co/waanqii/SMPLest-X"


def examine() -> dict[str, list[Finding]]:
    """Everything, section by section. A section that cannot be looked at says so; nothing is raised."""
    report: dict[str, list[Finding]] = {}
    for name, look in SECTIONS.items():
        report[name] = []
        try:
            report[name].extend(look())
        except Exception as error:  # whatever is broken on this machine, the other sections are told
            found = f"cannot be looked at: {type(error).__name__}: {reason_of(error)}"
            report[name].append(Finding("broken", name, found))
    return report


def _system() -> Iterator[Finding]:
    import mien

    yield Finding("ready", "mien", f"{mien.__version__}, in {Path(mien.__file__).parent}")
    new = sys.version_info >= (3, 11)
    yield Finding(
        "ready" if new else "broken", "python", platform.python_version(), "" if new else "install Python 3.11 or newer"
    )
    yield Finding("ready", "platform", platform.platform())
    threads = os.environ.get("OMP_NUM_THREADS")
    yield Finding("ready", "processors", f"{os.cpu_count()}{f', OMP_NUM_THREADS={threads}' if threads else ''}")
    yield _kernels()


def _kernels() -> Finding:
    from mien.kernel_cache import settle

    kept = settle()
    if kept == "nowhere":
        todo = "set NUMBA_CACHE_DIR to a folder that can be written"
        return Finding("absent", "compiled kernels", "nowhere to keep them: every process compiles anew", todo)
    return Finding(
        "ready", "compiled kernels", f"kept in {kept}" if kept else "kept beside the code, or in the user's cache"
    )


def _core() -> Iterator[Finding]:
    for requirement in _requirements(""):
        if not requirement.startswith("opencv"):
            yield _package(requirement, broken=True)
    yield _opencv()


def _extras() -> Iterator[Finding]:
    for extra in importlib.metadata.metadata("mien").get_all("Provides-Extra") or ():
        parts = [_package(requirement) for requirement in _requirements(extra)]
        missing = [part.subject for part in parts if part.state != "ready"]
        there = ", ".join(f"{part.subject} {part.found}" for part in parts if part.state == "ready")
        found = "; ".join(words for words in (there, f"missing: {', '.join(missing)}" if missing else "") if words)
        yield Finding(
            "absent" if missing else "ready",
            extra,
            f"{EXTRAS.get(extra, 'see the documentation')} ({found})",
            f"pip install 'mien[{extra}]'" if missing else "",
        )


def _requirements(extra: str) -> list[str]:
    """What the package asks for by itself (`""`), or in one of its extras, without the condition."""
    found = []
    for line in importlib.metadata.requires("mien") or ():
        requirement, _, condition = line.partition(";")
        named = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", condition)
        if (named.group(1) if named else "") == extra:
            found.append(requirement.strip())
    return found


def _package(requirement: str, *, broken: bool = False) -> Finding:
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    version = _version(wanted.name)
    if version and wanted.specifier.contains(version, prereleases=True):
        return Finding("ready", wanted.name, version)
    found = f"{version}, but {wanted.specifier} is needed" if version else "missing"
    return Finding("broken" if broken else "absent", wanted.name, found, f"pip install '{requirement}'")


def _opencv() -> Finding:
    """Exactly one OpenCV, 5 or newer: two break each other, and 4 computes crops that differ from the published."""
    names = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
    found = {name: version for name in names if (version := _version(name))}
    listed = ", ".join(f"{name} {version}" for name, version in found.items()) or "missing"
    install = "pip install 'opencv-python-headless>=5'"
    if len(found) > 1:
        todo = f"pip uninstall -y {' '.join(found)} && {install}"
        return Finding("broken", "opencv", f"{listed}: exactly one may be there", todo)
    if not found or int(next(iter(found.values())).split(".")[0]) < 5:
        why = ": 5 or newer is needed, 4 rounds the weights of a warp to 1/32 pixel" if found else ""
        return Finding("broken", "opencv", listed + why, install)
    return Finding("ready", "opencv", listed)


def _programs() -> Iterator[Finding]:
    from mien.errors import MienError
    from mien.export.fbx import find_blender

    try:
        yield Finding("ready", "Blender", f"FBX files ({find_blender()[0]})")
    except MienError as error:
        yield Finding("absent", "Blender", "FBX files", error.todo or error.expected)


def _devices() -> Iterator[Finding]:
    import torch

    yield Finding("ready", "cpu", f"{torch.get_num_threads()} threads; {_bf16_verdict()}")
    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        yield Finding("ready", f"cuda:{i}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    if not torch.cuda.is_available():
        built = (
            f"this PyTorch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "this PyTorch has no CUDA"
        )
        todo = "" if torch.version.cuda else "with an NVIDIA card: https://pytorch.org/get-started/locally"
        yield Finding("absent", "cuda", f"none; {built}", todo)
    if torch.backends.mps.is_available():
        yield Finding("ready", "mps", "there")


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


def _bodies() -> Iterator[Finding]:
    from mien.body.files import find_body
    from mien.body.reading import KINDS, Family
    from mien.errors import MienError
    from mien.files import data_folders

    uses: dict[Family, str] = {
        "openbody": "open-xs and mien synth need it",
        "smplx": "the published weights need it",
        "smpl": "for conversions to and from SMPL",
    }
    for family, use in uses.items():
        try:
            yield Finding("ready", family, str(find_body(None, family=family)))
        except MienError:
            place = data_folders()[0] / "models" / family / f"{family.upper()}_NEUTRAL.npz"
            state = "broken" if family == "openbody" else "absent"
            yield Finding(state, family, f"absent; {use}", f"{KINDS[family].obtain}; put it at {place}")


def _weights() -> Iterator[Finding]:
    from mien.files import data_folders
    from mien.nets.weights import SHIPPED

    shipped = SHIPPED / "open-xs.safetensors"
    yield (
        Finding("ready", "open-xs", str(shipped))
        if shipped.is_file()
        else Finding("broken", "open-xs", "missing", "install the package again")
    )
    own = [file for folder in data_folders() for file in sorted((folder / "weights").glob("*.safetensors"))]
    yield from (Finding("ready", file.stem, str(file)) for file in own)
    if not any("smpl" in file.stem for file in own):
        todo = (
            f"download smplest_x_h.pth.tar from {PUBLISHED}, then: mien weights convert smplest_x_h.pth.tar "
            f"{data_folders()[0] / 'weights' / 'smplest_x_h.safetensors'}"
        )
        yield Finding(
            "absent", "published weights", f"none in {data_folders()[0] / 'weights'} (they may lie elsewhere)", todo
        )


def _detectors() -> Iterator[Finding]:
    from mien.detect.transformers import DEFAULT, why_not_ready

    yield Finding("ready", "boxes:FILE.json", "boxes of your own")
    reason = why_not_ready(DEFAULT)
    if reason:
        install = "" if _version("transformers") else "pip install 'mien[detect]', then "
        todo = f"{install}once, with internet: mien predict PICTURE --out OUT --detector hf:{DEFAULT} (41 MB)"
        yield Finding("absent", f"hf:{DEFAULT}", reason, todo)
    else:
        yield Finding("ready", f"hf:{DEFAULT}", "in the hub's cache; auto takes it")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


SECTIONS: dict[str, Callable[[], Iterator[Finding]]] = {
    "system": _system,
    "packages": _core,
    "extras": _extras,
    "programs": _programs,
    "devices": _devices,
    "bodies": _bodies,
    "weights": _weights,
    "detectors": _detectors,
}
