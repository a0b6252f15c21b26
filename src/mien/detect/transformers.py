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
from jaxtyping import UInt8

from mien.detect.base import Detections
from mien.detect.network import MIN_SCORE, PREPARATION_FILE, Preparation, corners, surest_first
from mien.errors import AssetMissing, InputError, WeightsError, reason_of
from mien.hub import cached_folder, hub_folder
from mien.optional import need

__all__ = [
    "DEFAULT",
    "TransformersDetector",
    "checkpoint_folder",
    "load_checkpoint",
    "torch_device",
    "why_not_ready",
]

DEFAULT = "ustc-community/dfine-small-coco"
"""D-FINE, small: 10M parameters, Apache-2.0, trained on COCO alone."""
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


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
        return surest_first(corners(boxes) * [width, height, width, height], scores, self.min_score, width, height)


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
        found = f"cannot run on the device {device!r} ({reason_of(error)})"
        raise InputError(found, todo="choose cpu, or another") from error
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
    return hub_folder(name, (_CONFIG, _WEIGHTS), what=what, optional=(PREPARATION_FILE,), download=download)


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
        reason = reason_of(error)
        parts = f"config.json and model.safetensors of {expected}"
        raise WeightsError(f"cannot load the {what} in {folder}: {reason}", expected=parts) from error
    wrong = {kind: sorted(map(str, report.get(kind) or ())) for kind in ("missing_keys", "mismatched_keys")}
    for kind, keys in wrong.items():
        if keys := [key for key in keys if not (spare and re.match(spare, key))]:
            found = f"the weights in {folder} have {len(keys)} {kind.replace('_', ' ')}, such as {keys[0]}"
            raise WeightsError(found, expected="the weights that belong to its config.json")
    return network
