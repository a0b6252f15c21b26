"""Weights files: read, written, named and described.

The format is safetensors, with a `WeightCard` in the metadata. Nothing here can run code from a file, nothing is loaded
that does not fit exactly, and neither reading nor writing holds a second copy of the weights in memory.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.errors import InputError, WeightsError, closest
from mien.files import atomic_write, data_folders, opened
from mien.hub import hub_folder
from mien.limits import MAX_SETTINGS_BYTES
from mien.nets.architectures import architecture_of, empty_network, random_names
from mien.nets.card import CARD_KEY, DTYPES, WeightCard
from mien.nets.graphs import Graph, GraphNetwork, is_graph, load_graph
from mien.nets.network import Network

__all__ = [
    "SHIPPED",
    "WeightCard",
    "WeightsSummary",
    "compare_shapes",
    "empty_network",
    "load_network",
    "load_weights",
    "save_pretrained",
    "save_weights",
    "show",
    "write_safetensors",
]

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
SHIPPED = Path(__file__).parent / "data"
"""Where weights lie that come with the package."""
_SAFETENSORS_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")
_RANDOM = re.compile(r"(random-[a-z-]+)(?::(\d{1,18}))?")


def load_weights(
    spec: str | Path, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
) -> tuple[Network, WeightCard]:
    """A network in evaluation mode, and its card.

    Args:
        spec: a `.safetensors` file, a folder from `save_pretrained`, the name of weights that come with the package
            (`open-xs`) or that lie in the `weights` folder of the data folders, a Hugging Face id `org/name` or
            `org/name@revision`, or `random-SIZE`, `random-SIZE:SEED`, or another of
            `mien.nets.architectures.random_names`.
        dtype: what to cast the weights to; by default they stay as the file keeps them, mapped from the disk.
        device: where to put them.

    Raises:
        WeightsError: no such weights, a damaged file, or weights that do not fit the network that their card names.
    """
    if match := _RANDOM.fullmatch(str(spec)):
        network, card = _random(match[1], int(match[2] or 0))
    else:
        path, text = _find(spec)
        with _opened(path, str(device)) as file:
            card = WeightCard.from_json(text or _card_text(file, path), path)
            network = _load(file, card, path)
    return network.to(device=device, dtype=dtype), card


def load_network(
    spec: str | Path, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
) -> tuple[Network, WeightCard]:
    """Whatever predicts: weights, as `load_weights` takes them, or a graph of `mien export-model` (.onnx, .xml).

    Raises:
        WeightsError: as `load_weights` and `load_graph`.
        InputError: a graph is to compute in another number type than its own, or cannot run on the device.
        MienError: what runs the graph is not installed.
    """
    if not is_graph(spec):
        return load_weights(spec, dtype=dtype, device=device)
    if dtype not in (None, torch.float32):
        todo = "leave --precision away, or export another: mien export-model WEIGHTS --precision bf16"
        raise InputError(f"--precision for the graph {spec}, which has its own", todo=todo)
    return load_graph(Path(spec).expanduser(), str(device))


def save_weights(network: Network, card: WeightCard, path: Path, *, dtype: torch.dtype | None = None) -> WeightCard:
    """Write one `.safetensors` file with the card inside.

    Args:
        network: whose parameters are written; each is cast to `dtype` on its way if that is given.
        card: its `config` must be the network's; dtype, count and version are filled in.
        path: ends in `.safetensors`.
        dtype: how the file keeps the weights; by default as the network does.

    Returns:
        The card as written, without a path.

    Raises:
        InputError: the card is another network's, or the path ends otherwise.
        OutputError: the file cannot be written; what was there before is kept.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"{path} as a name for weights", expected="a name ending in .safetensors")
    if not network.state_dict():
        raise InputError("a graph holds no weights to save", todo="save those that it was exported from")
    if card.config != network.config:
        raise InputError("the card describes another network", expected=f"the config {network.config}")
    dtype = dtype or network.dtype
    card = card.describing(network, dtype)
    write_safetensors(path, network.state_dict(), dtype, {"format": "pt", CARD_KEY: card.to_json()})
    return card


def save_pretrained(
    network: Network, card: WeightCard, folder: Path, *, dtype: torch.dtype | None = None
) -> WeightCard:
    """Write `model.safetensors` and `config.json`, the form that is uploaded to a hub. See `save_weights`."""
    card = save_weights(network, card, folder / WEIGHTS_FILE, dtype=dtype)
    with atomic_write(folder / CONFIG_FILE) as stream:
        stream.write((card.to_json() + "\n").encode())
    return card


@dataclass(frozen=True, kw_only=True)
class WeightsSummary:
    """What `mien weights show` prints."""

    card: WeightCard
    num_bytes: int
    """Of the file; what the parameters take in memory where there is none."""
    groups: dict[str, tuple[int, int]]
    """Number of tensors and of parameters below each prefix, in the order of the network; of a graph none."""
    graph: Graph | None = None
    """What a graph says about itself."""


def show(spec: str | Path) -> WeightsSummary:
    """Describe weights or a graph, which are checked as `load_network` does."""
    network, card = load_network(spec)
    groups: dict[str, tuple[int, int]] = {}
    num_bytes = 0
    for key, parameter in network.named_parameters():
        prefix = key.partition(".")[0]
        tensors, count = groups.get(prefix, (0, 0))
        groups[prefix] = (tensors + 1, count + parameter.numel())
        num_bytes += parameter.nbytes
    graph = network.graph if isinstance(network, GraphNetwork) else None
    return WeightsSummary(
        card=card, num_bytes=card.path.stat().st_size if card.path else num_bytes, groups=groups, graph=graph
    )


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype, metadata: Mapping[str, str]
) -> None:
    """Write tensors one after the other, so that at most one of them is held in memory beside what was given.

    Raises:
        WeightsError: a tensor holds NaN or infinity, or a number too large for `dtype`.
        OutputError: the file cannot be written; what was there before is kept.
    """
    # Tensors of odd sizes last: the large ones then start at multiples of 64 bytes, which fast kernels like.
    order = sorted(tensors, key=lambda key: tensors[key].numel() % 32 != 0)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for key in order:
        end = offset + tensors[key].numel() * dtype.itemsize
        shape = list(tensors[key].shape)
        header[key] = {"dtype": _SAFETENSORS_NAMES[dtype], "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with atomic_write(path) as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for key in order:
            stream.write(_raw_bytes(key, tensors[key], dtype))


def _raw_bytes(key: str, tensor: Tensor, dtype: torch.dtype) -> memoryview:
    tensor = tensor.detach().to(device="cpu", dtype=dtype).contiguous()
    if not tensor.isfinite().all():
        raise WeightsError(f"{key} holds numbers that are not finite as {dtype}", expected="finite weights")
    return tensor.flatten().view(torch.uint8).numpy().data


def compare_shapes(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], where: str, todo: str = ""
) -> None:
    """Raise a `WeightsError` that names the first few missing, unexpected and misshapen keys, unless there is none."""
    faults = {
        "missing": [key for key in expected if key not in found],
        "unexpected": [key for key in found if key not in expected],
        "of another shape": [
            f"{key} ({found[key]} instead of {shape})"
            for key, shape in expected.items()
            if key in found and found[key] != shape
        ],
    }
    said = [
        f"{len(keys)} {kind}: {', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''}"
        for kind, keys in faults.items()
        if keys
    ]
    if said:
        raise WeightsError(f"the tensors of {where} do not fit: {'; '.join(said)}", todo=todo)


def _random(name: str, seed: int) -> tuple[Network, WeightCard]:
    known = random_names()
    if name not in known:
        raise WeightsError(f"there are no weights {name}", todo=closest(name, known))
    kind = architecture_of(known[name])
    network = kind.network.random(known[name], seed)
    card = WeightCard(
        name=f"{name}:{seed}",
        config=network.config,
        body_family="openbody",
        licence="Apache-2.0",
        source=f"{kind.network.__name__}.random(SIZES[{kind.size_of(network.config)!r}], seed={seed})",
        warning="RANDOM WEIGHTS: this network was never trained; its people are made up.",
    )
    return network, card.describing(network, torch.float32)


def _find(spec: str | Path) -> tuple[Path, str]:
    """The weights file, and the card where it is a file of its own ('' where it is inside)."""
    path = Path(spec).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.name.endswith((".pth.tar", ".pth", ".pt", ".ckpt")):
        todo = f"convert it once with: mien weights convert {path} {path.name.split('.')[0]}.safetensors"
        raise WeightsError(f"{path} is a PyTorch checkpoint", expected="safetensors", todo=todo)
    if is_graph(path):
        todo = "predict with it or evaluate it; for this, take the weights that it was exported from"
        raise WeightsError(f"{path} is an exported graph", expected="weights that can be trained", todo=todo)
    if path.is_file() or path.suffix == ".safetensors":
        if not path.is_file():
            raise WeightsError(f"there are no weights {path}", expected="a .safetensors file or a folder")
        return path, ""
    if isinstance(spec, str) and (match := _HUB_ID.fullmatch(spec)):
        return _in_folder(hub_folder(match[1], (WEIGHTS_FILE, CONFIG_FILE), what="the weights", revision=match[2]))
    return _named(str(spec)), ""


def _in_folder(folder: Path) -> tuple[Path, str]:
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise WeightsError(f"{folder} holds no {name}", expected=f"{WEIGHTS_FILE} and {CONFIG_FILE}")
    return folder / WEIGHTS_FILE, _read_text(folder / CONFIG_FILE)


def _read_text(path: Path) -> str:
    with opened(path, MAX_SETTINGS_BYTES) as stream:
        try:
            return stream.read().decode("utf-8")
        except ValueError as error:
            raise WeightsError(f"cannot read {path}: {error}") from error


def _named(name: str) -> Path:
    """A file that is shipped with the package, or that lies in the `weights` folder of a data folder."""
    folders = [SHIPPED, *(folder / "weights" for folder in data_folders())]
    for folder in folders:
        if (folder / f"{name}.safetensors").is_file():
            return folder / f"{name}.safetensors"
    known = set(random_names())
    known |= {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.safetensors")}
    raise WeightsError(f"there are no weights {name!r}", todo=closest(name, known))


@contextlib.contextmanager
def _opened(path: Path, device: str) -> Iterator[Any]:
    import safetensors

    try:
        with safetensors.safe_open(str(path), framework="pt", device=device) as file:
            yield file
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"cannot read {path} ({error})", expected="a complete safetensors file", todo="fetch or convert it again"
        ) from error


def _card_text(file: Any, path: Path) -> str:
    metadata = file.metadata() or {}
    if CARD_KEY not in metadata:
        todo = "weights of other programs are converted with: mien weights convert"
        raise WeightsError(f"{path} has no card", expected="a file written by mien", todo=todo)
    return metadata[CARD_KEY]


def _load(file: Any, card: WeightCard, path: Path) -> Network:
    """The tensors stay mapped from the file where the device allows it; only pages that are used take memory."""
    network = empty_network(card.config)
    slices = {key: file.get_slice(key) for key in file.keys()}
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    compare_shapes({key: tuple(part.get_shape()) for key, part in slices.items()}, expected, str(path))
    wanted = _SAFETENSORS_NAMES.get(DTYPES.get(card.dtype, torch.float32))
    if found := {part.get_dtype() for part in slices.values()} - {wanted}:
        raise WeightsError(
            f"{path} keeps its weights as {', '.join(sorted(found))}", expected=f"{card.dtype!r}, as its card says"
        )
    network.load_state_dict({key: file.get_tensor(key) for key in slices}, strict=True, assign=True)
    return network
