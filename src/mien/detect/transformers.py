"""Person boxes from an object detector of the `transformers` package: D-FINE, RT-DETRv2, DETR and their relatives.

Pictures are prepared here, by the numbers in `preprocessor_config.json`, because the package's own image processors
need torchvision. Weights are read as safetensors only, and code that comes with a checkpoint is never run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from mien.detect.base import Detections
from mien.errors import AssetMissing, InputError, WeightsError
from mien.files import read_json
from mien.hub import cached_folder, hub_folder
from mien.optional import need

__all__ = [
    "DEFAULT",
    "MIN_SCORE",
    "Preparation",
    "TransformersDetector",
    "checkpoint_folder",
    "load_checkpoint",
    "torch_device",
    "why_not_ready",
]

DEFAULT = "ustc-community/dfine-small-coco"
"""D-FINE, small: 10M parameters, Apache-2.0, trained on COCO alone."""
MIN_SCORE = 0.5
_LARGEST = 8192
"""Pixels of a side, as networks see pictures."""
_CONFIG, _PREPARE, _WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
_SQUARE = ("d_fine", "rt_detr", "rt_detr_v2")
"""Model types that are all published for 640 x 640, values from 0 to 1; used where the preparation file is missing."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a picture becomes what the network was trained on."""

    height: int = 640
    width: int = 640
    """Pixels; used when `shortest` is None."""
    shortest: int | None = None
    """Keep the aspect, with the shorter side this long, pixels..."""
    longest: int | None = None
    """... but no side longer than this."""
    bicubic: bool = False
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    @classmethod
    def read(cls, folder: Path, model_type: str) -> Preparation:
        """From a checkpoint's `preprocessor_config.json`.

        Raises:
            InputError: it asks for something that is not done here, or is missing for an unusual model type.
        """
        path = folder / _PREPARE
        if not path.is_file() and model_type in _SQUARE:
            return cls()
        try:
            raw = read_json(path)
            return cls._parse(raw)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            what = f"cannot use {path}: {type(error).__name__} {error}"
            todo = "export it with the checkpoint, or choose a D-FINE or RT-DETRv2 detector"
            raise InputError(what, expected="size, resample, rescale and normalize values", todo=todo) from error

    @classmethod
    def _parse(cls, raw: dict[str, Any]) -> Preparation:
        size, resample = raw["size"], raw.get("resample", 2)
        if resample not in (2, 3):
            raise ValueError(f"resample is {resample}; only 2 (bilinear) and 3 (bicubic) are known")
        if not raw.get("do_resize", True) or (raw.get("do_pad") and raw.get("pad_size")):
            raise ValueError("pictures that are not resized, or are padded to one size, are not supported")
        shortest = size.get("shortest_edge")
        normalize = raw.get("do_normalize", False)
        sides = [
            value for value in (shortest, size.get("longest_edge"), size.get("height"), size.get("width")) if value
        ]
        if not all(0 < int(value) <= _LARGEST for value in sides):
            raise ValueError(f"pictures of {sides} pixels, not 1 to {_LARGEST}")
        if normalize and not len(raw["image_mean"]) == len(raw["image_std"]) == 3:
            raise ValueError("mean and deviation are not those of three channels")
        return cls(
            height=0 if shortest else int(size["height"]),
            width=0 if shortest else int(size["width"]),
            shortest=shortest and int(shortest),
            longest=size.get("longest_edge") and int(size["longest_edge"]),
            bicubic=resample == 3,
            scale=float(raw.get("rescale_factor", 1 / 255)) if raw.get("do_rescale", True) else 1.0,
            mean=tuple(map(float, raw["image_mean"])) if normalize else cls.mean,
            std=tuple(map(float, raw["image_std"])) if normalize else cls.std,
        )

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, in pixels, at which the network sees a picture of this height and width."""
        if self.shortest is None:
            return self.height, self.width
        scale = self.shortest / min(height, width)
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __call__(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 height width"]:
        """The picture resized (smoothed before it is made smaller, as in training), scaled and normalised."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        mode = "bicubic" if self.bicubic else "bilinear"
        pixels = F.interpolate(pixels, self.size(*picture.shape[:2]), mode=mode, antialias=True).float()
        mean, std = (pixels.new_tensor(value).view(3, 1, 1) for value in (self.mean, self.std))
        return (pixels * self.scale - mean) / std


@dataclass(frozen=True, kw_only=True, eq=False)
class TransformersDetector:
    """A network that finds people, surest first, with boxes clipped to the picture."""

    network: Any
    prepare: Preparation
    person: tuple[int, ...]
    """Indices of the classes that mean a person."""
    device: torch.device
    min_score: float = MIN_SCORE

    @classmethod
    def load(
        cls, name: str, device: str = "cpu", *, min_score: float | None = None, download: bool = True
    ) -> TransformersDetector:
        """Load a checkpoint.

        Args:
            name: a folder with `config.json`, `preprocessor_config.json` and `model.safetensors`, or a hub id.
            device: a torch device.
            min_score: keep people at least this sure, from 0 to 1; None: 0.5.
            download: fetch what is not in the hub's cache. False never reaches for the internet.

        Raises:
            AssetMissing: a file is neither there nor can it be downloaded.
            InputError: the device or the preparation is impossible, or the network does not know people.
            WeightsError: the checkpoint is damaged, or is not of an object detector.
        """
        transformers = need("transformers", extra="detect", why=f"the person detector hf:{name}")
        place = torch_device(device)
        folder = checkpoint_folder(name, "the person detector", DEFAULT, download=download)
        network = load_checkpoint(
            transformers.AutoModelForObjectDetection, folder, "detector", "an object detector, such as D-FINE"
        )
        labels: dict[int, str] = network.config.id2label
        person = tuple(int(index) for index, label in labels.items() if str(label).strip().lower() == "person")
        if not person:
            some = ", ".join(str(label) for label in list(labels.values())[:5])
            raise InputError(f"the detector {name} knows no class 'person', but: {some}", expected="a COCO detector")
        return cls(
            network=network.to(place).eval(),
            prepare=Preparation.read(folder, network.config.model_type),
            person=person,
            device=place,
            min_score=MIN_SCORE if min_score is None else min_score,
        )

    @torch.inference_mode()
    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The people in a picture; `name` is for error messages only.

        Raises:
            WeightsError: the network says something that is not a number.
        """
        said = self.network(pixel_values=self.prepare(picture).to(self.device))
        logits, boxes = said.logits[0].float().cpu(), said.pred_boxes[0].double().cpu().numpy()
        if not (torch.isfinite(logits).all() and np.isfinite(boxes).all()):
            raise WeightsError(f"the person detector gives no finite numbers for {name}", todo="use other weights")
        # Focal-loss networks score each class alone; the older ones have one more class, for "nothing".
        spare = logits.shape[-1] == len(self.network.config.id2label) + 1
        scores = (logits.softmax(-1) if spare else logits.sigmoid())[:, list(self.person)].amax(-1).double().numpy()
        height, width = picture.shape[:2]
        corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
        corners = np.clip(corners, 0, 1) * [width, height, width, height]
        keep = (scores >= self.min_score) & (corners[:, 2:] - corners[:, :2] > 1).all(1)
        order = np.argsort(-scores[keep], kind="stable")
        return Detections(boxes=corners[keep][order], scores=scores[keep][order])


def why_not_ready(name: str) -> str:
    """Why a hub checkpoint cannot be used at once, without the internet, or ''."""
    if importlib.util.find_spec("transformers") is None:
        return "the package transformers is not installed"
    return "" if cached_folder(name, (_CONFIG, _WEIGHTS)) else f"the weights {name} are not on this machine"


def torch_device(device: str) -> torch.device:
    """A device that is seen to work.

    Raises:
        InputError: it does not.
    """
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot run on the device {device!r} ({reason})", todo="choose cpu, or another") from error
    return place


def checkpoint_folder(name: str, what: str, like: str, *, download: bool = True) -> Path:
    """The folder of a checkpoint, on disk or in the hub's cache.

    Args:
        name: a folder with `config.json` and `model.safetensors`, or a hub id.
        what: what it is, for messages: `the person detector`.
        like: a hub id of such a thing, for messages.
        download: fetch what is not in the hub's cache.

    Raises:
        AssetMissing: a file is neither there nor can it be downloaded.
        InputError: the name is neither a folder nor a hub id.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        for part in (_CONFIG, _WEIGHTS):
            if not (folder / part).is_file():
                kind = what.removeprefix("the ")
                raise AssetMissing(part, searched=[folder], obtain=f"save the {kind} there with save_pretrained")
        return folder
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        found = f"{what.removeprefix('person ')} folder {name} does not exist"
        raise InputError(found, expected=f"a folder, or a hub id such as {like}", todo="check the path")
    return hub_folder(name, (_CONFIG, _WEIGHTS), what=what, optional=(_PREPARE,), download=download)


@contextlib.contextmanager
def _hushed(transformers: Any) -> Iterator[None]:
    """The package's progress bars and chatter off: what matters comes back as an error."""
    chatter = transformers.utils.logging
    verbosity, bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        yield
    finally:
        chatter.set_verbosity(verbosity)
        if bars:
            chatter.enable_progress_bar()


def load_checkpoint(kind: Any, folder: Path, what: str, expected: str, spare: str = "") -> Any:
    """A network of the `transformers` package, in float32, from safetensors and without code of its own.

    Args:
        kind: the `AutoModel` class that it is of.
        folder: with its files.
        what: what it is, for messages: `detector`.
        expected: what its files ought to be of: `an object detector, such as D-FINE`.
        spare: a pattern of keys that may be missing.

    Raises:
        WeightsError: the checkpoint is damaged, of another kind, or not whole.
    """
    import transformers

    try:
        with _hushed(transformers):
            network, report = kind.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # the loader passes on whatever its many parts raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        parts = f"config.json and model.safetensors of {expected}"
        raise WeightsError(f"cannot load the {what} in {folder}: {reason}", expected=parts) from error
    wrong = {kind: sorted(map(str, report.get(kind) or ())) for kind in ("missing_keys", "mismatched_keys")}
    for kind, keys in wrong.items():
        if keys := [key for key in keys if not (spare and re.match(spare, key))]:
            found = f"the weights in {folder} have {len(keys)} {kind.replace('_', ' ')}, such as {keys[0]}"
            raise WeightsError(found, expected="the weights that belong to its config.json")
    return network
