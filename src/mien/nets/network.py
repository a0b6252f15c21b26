"""What all networks have in common: how they are described, how they begin, and which of their parts are which.

A network turns crops into a `Prediction`, whatever is inside. What predicts, measures and trains asks for no more than
`Network` and `NetworkConfig` promise; `mien.nets.architectures` lists the kinds that there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import InputError
from mien.nets.vit import Encoder, Vit
from mien.records import Prediction

__all__ = [
    "IDENTITY_6",
    "MAN_AFAR",
    "UPRIGHT_6",
    "DecoderConfig",
    "Head",
    "Network",
    "NetworkConfig",
    "VitConfig",
    "check_limits",
    "initialise_layers",
]

N = TypeVar("N", bound="Network")

UPRIGHT_6 = (1.0, 0.0, 0.0, -1.0, 0.0, 0.0)
"""Half a turn about x, as the six numbers of `matrix_from_rot6d`: SMPL-X bodies stand along +y, the camera's y points
down."""
IDENTITY_6 = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
MAN_AFAR = (0.0, 0.35, 0.9)
"""Camera numbers of somebody 40 m away, who fills the crop; a pelvis rests 0.35 m below the origin of its body."""
MAX_SIDE = 4096
"""Pixels of an input."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What decides the shapes of any network.

    Raises:
        InputError: the numbers do not fit together.
    """

    embed_dim: int
    """Width of the encoder's tokens."""
    image_size: tuple[int, int] = (256, 192)
    """Height and width of the input in pixels."""

    def __post_init__(self) -> None:
        check_limits(self, {"embed_dim": 65536})
        if not all(1 <= side <= MAX_SIDE for side in self.image_size):
            raise InputError(f"image_size is {self.image_size}", expected=f"sides from 1 to {MAX_SIDE} pixels")

    @property
    def num_blocks(self) -> int:
        """Blocks of the encoder."""
        raise NotImplementedError

    def encoder(self, num_task_tokens: int) -> Encoder:
        """A new encoder."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class VitConfig(NetworkConfig):
    """A network whose encoder is the plain vision transformer, and its drop path."""

    depth: int
    heads: int
    drop_path: float = 0.0
    patch_size: int = 16
    stem: tuple[int, ...] = ()
    """Channels of the convolutions that make the patches, in place of the published single one. Each halves the
    picture, and one more does so at the end."""
    stem_blocks: tuple[int, ...] = ()
    """How many residual blocks follow each of them, the one at the end too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limits(self, {"depth": 256, "heads": 1024, "patch_size": 256})
        if self.embed_dim % self.heads:
            raise InputError(f"embed_dim {self.embed_dim} is not a multiple of heads {self.heads}")
        if not 0 <= self.drop_path < 1:
            raise InputError(f"drop_path is {self.drop_path}", expected="at least 0 and less than 1")
        if self.patch_size < 8 or any(side < 1 or side % self.patch_size for side in self.image_size):
            expected = "a patch_size of at least 8 that divides both sides of image_size"
            raise InputError(f"image_size {self.image_size} with patch_size {self.patch_size}", expected=expected)
        if self.stem and self.patch_size != 2 ** (len(self.stem) + 1):
            expected = f"patches of {2 ** (len(self.stem) + 1)} pixels"
            raise InputError(f"{len(self.stem) + 1} convolutions for patches of {self.patch_size}", expected=expected)
        if not all(1 <= width <= 65536 for width in self.stem):
            raise InputError(f"stem is {self.stem}", expected="channels from 1 to 65536")
        if len(self.stem_blocks) != len(self.stem) + bool(self.stem) or any(n < 0 for n in self.stem_blocks):
            expected = "a number for each convolution of the stem, and for the one at its end"
            raise InputError(f"stem_blocks is {self.stem_blocks}", expected=expected)

    @property
    def num_blocks(self) -> int:
        """Blocks of the encoder."""
        return self.depth

    def encoder(self, num_task_tokens: int) -> Vit:
        """A new vision transformer."""
        return Vit(
            image_size=self.image_size,
            patch_size=self.patch_size,
            embed_dim=self.embed_dim,
            depth=self.depth,
            heads=self.heads,
            drop_path=self.drop_path,
            num_task_tokens=num_task_tokens,
            stem=self.stem,
            stem_blocks=self.stem_blocks,
        )


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(NetworkConfig):
    """A network with the decoder of SMPLest-X, whatever its encoder."""

    decoder_depth: int = 6
    decoder_heads: int = 8
    decoder_head_dim: int = 64
    dim_out: int = 512
    """Width of the tokens that the heads read."""
    joint_maps: bool = False
    """In training the patches also say where each joint is and how deep; nothing else reads it. A network that begins
    from nothing finds joints first, and people by them; the published ones begin from an encoder that knows joints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {"dim_out": 65536, "decoder_depth": 256, "decoder_heads": 1024, "decoder_head_dim": 1024}
        check_limits(self, limits)


class Network(nn.Module):
    """Crops to `Prediction`.

    Args:
        config: decides every shape.
    """

    encoder: Encoder

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def random(cls: type[N], config: NetworkConfig, seed: int) -> N:
        """A network ready for training from scratch, the same for the same seed; torch's own generator is not touched.

        It is in evaluation mode, as a loaded one is; call `.train()` to train it. Its first prediction is an upright
        person in the rest pose with the mean shape.
        """
        with torch.device("meta"):
            network = cls(config)
        blank = {key: torch.empty(tensor.shape) for key, tensor in network.state_dict().items()}
        network.load_state_dict(blank, assign=True)  # `to_empty` would import a third of a second of torch
        network.initialise(torch.Generator().manual_seed(seed))
        return network.eval()

    @property
    def dtype(self) -> torch.dtype:
        """The number type that crops are to have."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where crops are to be."""
        return next(self.parameters()).device

    def initialise(self, generator: torch.Generator) -> None:
        """Fill every parameter and every buffer for a training from scratch."""
        raise NotImplementedError

    @torch.no_grad()
    def answer(self, crops: Float[np.ndarray, "batch height width 3"]) -> Prediction:
        """What the network says about crops as `mien.geometry.crop.Crop` cuts them (RGB, 0 to 255): float32 on the CPU.

        Raises:
            InputError: the crops are of another size.
        """
        pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2) / 255
        return self(pixels.to(self.dtype)).map(lambda tensor: tensor.float().cpu())

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Prediction:
        """Crops of `config.image_size`, RGB in [0, 1], not normalised -> float32 predictions in the virtual camera.

        Raises:
            InputError: the crops are of another size.
        """
        raise NotImplementedError

    def stages(self) -> Mapping[str, Sequence[nn.Module]]:
        """The parts: `encoder`, `decoder` (what comes between) and `heads` (the last layers)."""
        raise NotImplementedError

    def blocks(self) -> Sequence[nn.Module]:
        """Pieces of like size that hold most of the parameters: what is shared out among processes."""
        return list(self.encoder.blocks)


class Head(nn.Linear):
    """A linear map in float32, whatever the weights are kept in: near 1 a bfloat16 moves in steps of 0.4 degrees."""

    def forward(self, input: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch out"]:
        """In float32."""
        with torch.autocast(input.device.type, enabled=False):
            return F.linear(input.float(), self.weight.float(), self.bias.float())


def initialise_layers(network: nn.Module, generator: torch.Generator) -> None:
    """Zero biases, norms that change nothing, maps that let as much out as comes in; heads nearly silent.

    The usual spread of 0.02 for all widths fits networks of 2,500 channels: with 128, a map would give back a quarter
    of what comes in (0.02 times the root of 128), and little of the picture would reach the heads at first.
    """
    for module in network.modules():
        if isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            std = 0.001 if isinstance(module, Head) else module.weight[0].numel() ** -0.5
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def check_limits(config: NetworkConfig, limits: Mapping[str, int]) -> None:
    """Refuse numbers below 1 or above their limit.

    Raises:
        InputError: one is.
    """
    for name, limit in limits.items():
        if not 1 <= getattr(config, name) <= limit:
            raise InputError(f"{name} is {getattr(config, name)}", expected=f"a number from 1 to {limit}")
