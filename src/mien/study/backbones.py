"""What turns the crop of a person into one vector, for comparing pictures: an encoder of ours, or anybody's backbone.

    backbone = load_backbone("open-xs")                       # weights of mien
    backbone = load_backbone("hf:facebook/dinov2-small")      # any vision network of the transformers package

The vector is the mean of the last layer's patch tokens, or of all places of its map: every architecture has that, while
class tokens and poolers are trained for what each was trained for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from mien.detect.network import Preparation
from mien.detect.transformers import checkpoint_folder, load_checkpoint, torch_device
from mien.errors import WeightsError
from mien.files import read_json, sha256
from mien.nets.network import Network
from mien.nets.weights import load_weights
from mien.optional import need

__all__ = ["HF", "Backbone", "load_backbone"]

HF = "hf:"
LIKE = "facebook/dinov2-small"
WHOLE = (512, 384)
"""Height and width of the crop that other networks get: all pixels of the patch."""


@runtime_checkable
class Backbone(Protocol):
    """Anything that says something about the crop of a person."""

    @property
    def about(self) -> dict[str, Any]:
        """Which it is: what decides its vectors."""
        ...

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the crops that it is given, pixels."""
        ...

    def __call__(self, crops: Float32[np.ndarray, "batch height width 3"]) -> Float32[np.ndarray, "batch feature"]:
        """A vector for each crop: RGB, 0 to 255."""
        ...


def load_backbone(spec: str, device: str = "cpu") -> Backbone:
    """A backbone by its name.

    Args:
        spec: weights of mien (`open-xs`, a .safetensors file, a folder, a hub id), whose encoder is taken; or
            `hf:FOLDER_OR_HUB_ID`, a vision network of the transformers package.
        device: where it runs.

    Raises:
        WeightsError, AssetMissing, InputError: there is none, or it is no vision network.
    """
    if spec.startswith(HF):
        return Foreign.load(spec.removeprefix(HF), device)
    try:
        network, card = load_weights(spec)
    except WeightsError as error:
        todo = f"{error.todo}; a backbone of the transformers package is named {HF}FOLDER_OR_HUB_ID".lstrip("; ")
        raise WeightsError(error.found, expected=error.expected, todo=todo) from error
    place = torch_device(device)
    about = {"kind": "encoder", "name": card.name, "sha256": card.sha256, "warning": card.warning}
    return Ours(network=network.to(place, torch.float32).eval(), about=about)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ours:
    """The encoder of a network of this package."""

    network: Network
    about: dict[str, Any]

    @property
    def image_size(self) -> tuple[int, int]:
        """Of the network's input."""
        return self.network.config.image_size

    @torch.inference_mode()
    def __call__(self, crops: Float32[np.ndarray, "batch height width 3"]) -> Float32[np.ndarray, "batch feature"]:
        """The mean of the patch tokens after the encoder's last norm."""
        encoder = self.network.encoder
        pixels = torch.from_numpy(crops).to(encoder.position.device).permute(0, 3, 1, 2) / 255
        tokens = encoder(pixels)[:, encoder.task_tokens.shape[1] :]
        return tokens.mean(1).float().cpu().numpy()


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreign:
    """A vision network of the transformers package; it sees the crop with black bars that make it a square."""

    network: Any
    prepare: Preparation
    about: dict[str, Any]
    device: torch.device

    @classmethod
    def load(cls, name: str, device: str) -> Foreign:
        """Load a checkpoint: a folder with config.json, preprocessor_config.json and model.safetensors, or a hub id."""
        transformers = need("transformers", extra="detect", why=f"the backbone {HF}{name}")
        place = torch_device(device)
        folder = checkpoint_folder(name, "the backbone", LIKE)
        whole = load_checkpoint(
            transformers.AutoModel, folder, "backbone", "a vision network, such as DINOv2 or ViT", spare=r".*pooler\."
        )
        network = whole.vision_model if hasattr(whole, "vision_model") else whole
        if network.main_input_name != "pixel_values":
            found = f"{name} is a {network.config.model_type!r} network, whose input is {network.main_input_name!r}"
            raise WeightsError(found, expected="a network that takes pictures, such as DINOv2, ViT, CLIP or ConvNeXt")
        about = {"kind": "transformers", "name": name, "sha256": sha256(folder / "model.safetensors"), "warning": ""}
        return cls(network=network.to(place).eval(), prepare=_square(folder), about=about, device=place)

    @property
    def image_size(self) -> tuple[int, int]:
        """All pixels of the patch."""
        return WHOLE

    @torch.inference_mode()
    def __call__(self, crops: Float32[np.ndarray, "batch height width 3"]) -> Float32[np.ndarray, "batch feature"]:
        """The mean of the last layer's tokens, or of the places of its map.

        Raises:
            WeightsError: the network has no such layer.
        """
        side = WHOLE[0] - WHOLE[1]
        padded = np.pad(np.rint(crops).astype(np.uint8), ((0, 0), (0, 0), (side // 2, side // 2), (0, 0)))
        pixels = torch.cat([self.prepare(picture) for picture in padded]).to(self.device)
        said = self.network(pixel_values=pixels)
        last = getattr(said, "last_hidden_state", None)
        if not isinstance(last, Tensor) or last.ndim not in (3, 4):
            raise WeightsError(f"{self.about['name']} gives no last layer", expected="a plain vision backbone")
        return _mean(last, self._prefix()).float().cpu().numpy()

    def _prefix(self) -> int:
        """Tokens before those of the patches."""
        config = self.network.config
        inside = getattr(self.network, "embeddings", self.network)
        return int(hasattr(inside, "cls_token") or hasattr(inside, "class_embedding")) + int(
            getattr(config, "num_register_tokens", 0)
        )


def _mean(last: Float[Tensor, "batch *layer"], prefix: int) -> Float[Tensor, "batch feature"]:
    """Over patch tokens (batch, token, feature), or over places of a map (batch, feature, row, column)."""
    return last[:, prefix:].mean(1) if last.ndim == 3 else F.adaptive_avg_pool2d(last, 1).flatten(1)


def _square(folder: Path) -> Preparation:
    """How a square picture becomes what the network was trained on: of the size that is left after its centre crop,
    which would cut off heads and feet here."""
    prepare = Preparation.read(folder, "")
    raw = read_json(folder / "preprocessor_config.json")
    size = raw.get("crop_size") if raw.get("do_center_crop") else None
    if isinstance(size, int):
        size = {"height": size, "width": size}
    height, width = prepare.size(WHOLE[0], WHOLE[0]) if size is None else (int(size["height"]), int(size["width"]))
    return Preparation(
        height=height, width=width, bicubic=prepare.bicubic, scale=prepare.scale, mean=prepare.mean, std=prepare.std
    )
