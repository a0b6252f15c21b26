"""SMPLer-X: joints, hands and face are found in the picture first, then read where they were found.

An encoder (`mien.nets.vit`) mixes 31 learned task tokens with the crop's patches. Heat maps over the patches place the
body's joints, and boxes around both hands and the face; each hand is cut out of the features once more, finer, to place
and to turn its fingers. It knows tensors only: no body model, no loss, no file.

Letters in shapes: `batch`, `task` (31), `dim`, `height width` (the grid of patches), `hand` (left, right).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mien.geometry.rotation import matrix_from_rot6d
from mien.nets.network import IDENTITY_6, MAN_AFAR, UPRIGHT_6, Head, Network, VitConfig, check_limits, initialise_layers
from mien.nets.regions import BatchNorm, pool_boxes, sample_at, soft_argmax, upsampler
from mien.nets.virtual_camera import HEAT_MAP, transl_from_raw
from mien.records import Located, Prediction

__all__ = ["ENLARGE", "NUM_TASK_TOKENS", "SIZES", "Config", "Smplerx", "square_boxes"]

NUM_TASK_TOKENS = 31
BETAS, CAMERA, EXPRESSION, JAW, BODY = 0, 1, 2, 3, slice(6, 31)
"""The task tokens that each head reads. Tokens 4 and 5, the hands', speak to the other tokens only."""
BODY_JOINTS, HAND_JOINTS, DEPTH = 25, 20, 16
"""Joints that are placed, and cells of a heat map in depth."""
HAND_CELLS = 16
"""Cells across and down a hand's box."""
ENLARGE = (2.0, 2.0, 1.5)
"""How much larger the boxes of the left hand, the right hand and the face are than what they hold."""


@dataclass(frozen=True, kw_only=True)
class Config(VitConfig):
    """Everything that decides the shapes of a network, and its drop path.

    Raises:
        InputError: the numbers do not fit together.
    """

    dim_out: int = 512
    """Width of what the pose of body and hands is read from, a joint."""
    box_dim: int = 256
    """Width of the features that boxes are read from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limits(self, {"dim_out": 65536, "box_dim": 65536})


SIZES: dict[str, Config] = {
    "xxs": Config(embed_dim=128, depth=4, heads=4, image_size=(128, 96), dim_out=64, box_dim=32),
    "xs": Config(embed_dim=192, depth=12, heads=3, dim_out=128, box_dim=64),
    "s": Config(embed_dim=384, depth=12, heads=12, drop_path=0.1),
    "b": Config(embed_dim=768, depth=12, heads=12, drop_path=0.3),
    "l": Config(embed_dim=1024, depth=24, heads=16, drop_path=0.5),
    "h": Config(embed_dim=1280, depth=32, heads=16, drop_path=0.55),
}
"""`s` to `h` as published; `xs` and `xxs` are our own."""


class Smplerx(Network):
    """Crops to `Prediction`, with what was located on the way."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        dim = config.embed_dim
        self.encoder = config.encoder(NUM_TASK_TOKENS)
        self.body_map = nn.Conv2d(dim, BODY_JOINTS * DEPTH, 1)
        self.body = BodyHead(config)
        self.boxes = BoxHead(config)
        self.hand_features = HandFeatures(dim)
        self.hand_map = nn.Conv2d(dim, HAND_JOINTS * DEPTH, 1)
        self.hand = HandHead(config)
        self.face = FaceHead(config)

    def initialise(self, generator: torch.Generator) -> None:
        """Small weights throughout, heads that begin with somebody at rest, boxes of three cells."""
        initialise_layers(self, generator)
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.reset()
        for parameter in (self.encoder.task_tokens, self.encoder.position):
            nn.init.trunc_normal_(parameter, std=0.02, generator=generator)
        first = {"body.global_orient": UPRIGHT_6, "body.camera": MAN_AFAR}
        first |= {name: IDENTITY_6 for name in ("body.body_pose", "hand.pose", "face.jaw_pose")}
        first |= {f"boxes.sizes.{name}.out": (3.0, 3.0) for name in self.boxes.sizes}
        with torch.no_grad():
            for name, numbers in first.items():
                bias = self.get_parameter(f"{name}.bias")
                bias.copy_(torch.tensor(numbers).repeat(len(bias) // len(numbers)))

    def stages(self) -> Mapping[str, Sequence[nn.Module]]:
        """Encoder; what finds the boxes and cuts the hands out; what places joints and says numbers."""
        heads = [self.body_map, self.body, self.hand_map, self.hand, self.face]
        return {"encoder": [self.encoder], "decoder": [self.boxes, self.hand_features], "heads": heads}

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Prediction:
        """Crops of `config.image_size`, RGB in [0, 1], not normalised -> float32 predictions in the virtual camera.

        Raises:
            InputError: the crops are of another size.
        """
        if crops.shape[0] == 0:
            return self(crops.new_zeros(1, *crops.shape[1:]))[:0]
        return self.read(*self.encode(crops))

    def encode(
        self, crops: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch 31 dim"], Float[Tensor, "batch dim grid_height grid_width"]]:
        """The encoder's task tokens and its map of patches, after its last norm."""
        tokens = self.encoder(crops)
        features = tokens[:, NUM_TASK_TOKENS:].transpose(1, 2).unflatten(2, self.encoder.grid)
        return tokens[:, :NUM_TASK_TOKENS], features

    def read(
        self, task: Float[Tensor, "batch 31 dim"], features: Float[Tensor, "batch dim height width"]
    ) -> Prediction:
        """What is made of the encoder's tokens."""
        grid = (DEPTH, *features.shape[-2:])
        logits = self.body_map(features).unflatten(1, (BODY_JOINTS, DEPTH)).flatten(2)
        heat, joints = soft_argmax(logits, grid, (DEPTH, *HEAT_MAP))
        root, pose, betas, camera = self.body(task, joints.detach())
        heat = heat.detach().unflatten(2, grid).flatten(1, 2).to(features.dtype)
        center, size = self.boxes(torch.cat([features, heat], 1))
        boxes = square_boxes(center.detach(), size.detach())
        hands = self.hand_features(features, boxes[:, :2])
        logits = self.hand_map(hands.flatten(0, 1)).unflatten(1, (HAND_JOINTS, DEPTH)).flatten(2)
        _, fingers = soft_argmax(logits, (DEPTH, HAND_CELLS, HAND_CELLS), (DEPTH, HAND_CELLS, HAND_CELLS))
        turns = self.hand(hands.flatten(0, 1), fingers.detach()).unflatten(0, (-1, 2))
        expression, jaw = self.face(task)
        parts = (root.unsqueeze(1), pose, jaw.unsqueeze(1), turns.flatten(1, 2))
        matrices = matrix_from_rot6d(torch.cat(parts, 1)).split([1, 21, 1, 15, 15], 1)
        return Prediction(
            global_orient=matrices[0].squeeze(1),
            body_pose=matrices[1],
            jaw_pose=matrices[2].squeeze(1),
            left_hand_offset=matrices[3] * _mirrored_rotation(root),
            right_hand_offset=matrices[4],
            betas=betas,
            expression=expression,
            transl=transl_from_raw(camera),
            located=Located(
                body=joints,
                hands=_upright(fingers.unflatten(0, (-1, 2))),
                center=center,
                size=size,
                boxes=boxes,
            ),
        )


def square_boxes(center: Float[Tensor, "batch 3 2"], size: Float[Tensor, "batch 3 2"]) -> Float[Tensor, "batch 3 4"]:
    """Boxes as they are looked into: square, and larger than what they hold (`ENLARGE`); x1, y1, x2, y2."""
    longer = torch.maximum(size[..., 0], size[..., 1])  # an `amax` here OpenVINO 2026.4 multiplies by wrong numbers
    half = (longer * (center.new_tensor(ENLARGE) / 2)).unsqueeze(-1)
    return torch.cat([center - half, center + half], -1)


class BodyHead(nn.Module):
    """Rotations of root and body from their tokens and joints; shape and camera from tokens of their own."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = BODY_JOINTS * (config.dim_out + 3)
        self.reduce = nn.Linear(config.embed_dim, config.dim_out)
        self.global_orient = Head(width, 6)
        self.body_pose = Head(width, 126)
        self.betas = Head(config.embed_dim, 10)
        self.camera = Head(config.embed_dim, 3)

    def forward(
        self, task: Float[Tensor, "batch 31 dim"], joints: Float[Tensor, "batch 25 3"]
    ) -> tuple[
        Float[Tensor, "batch 6"], Float[Tensor, "batch 21 6"], Float[Tensor, "batch 10"], Float[Tensor, "batch 3"]
    ]:
        """Root, body, betas, camera numbers; rotations as six numbers."""
        known = torch.cat([self.reduce(task[:, BODY]).float(), joints], -1).flatten(1)
        pose = self.body_pose(known).unflatten(1, (21, 6))
        return self.global_orient(known), pose, self.betas(task[:, BETAS]), self.camera(task[:, CAMERA])


class BoxHead(nn.Module):
    """Centres and sizes of left hand, right hand and face, on a grid eight times as fine."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        dim = config.box_dim
        self.up = upsampler(config.embed_dim + BODY_JOINTS * DEPTH, dim, dim, dim)
        self.center = nn.Conv2d(dim, 3, 1)
        self.sizes = nn.ModuleDict({name: BoxSize(dim) for name in ("left_hand", "right_hand", "face")})

    def forward(
        self, features: Float[Tensor, "batch channel height width"]
    ) -> tuple[Float[Tensor, "batch 3 2"], Float[Tensor, "batch 3 2"]]:
        """Centres, and widths and heights; heat-map units."""
        fine = self.up(features)
        grid = fine.shape[-2:]
        _, center = soft_argmax(self.center(fine).flatten(2), grid, HEAT_MAP)
        cells = center.detach() * center.new_tensor([grid[1] / HEAT_MAP[1], grid[0] / HEAT_MAP[0]])
        found = sample_at(fine, cells)
        return center, torch.stack([size(found[:, i]) for i, size in enumerate(self.sizes.values())], 1)


class BoxSize(nn.Module):
    """Width and height of a box, from the features at its centre."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, dim)
        self.out = Head(dim, 2)

    def forward(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch 2"]:
        """In heat-map units."""
        return self.out(F.relu(self.hidden(features)))


class HandFeatures(nn.Module):
    """Both hands cut out of a grid four times as fine, the left one mirrored to look like a right one."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.up = upsampler(dim, dim // 2, dim // 4)
        self.widen = nn.Conv2d(dim // 4, dim, 1)

    def forward(
        self, features: Float[Tensor, "batch dim height width"], boxes: Float[Tensor, "batch 2 4"]
    ) -> Float[Tensor, "batch 2 dim 16 16"]:
        """Left and right, given their boxes in heat-map units."""
        fine = self.up(features)
        scale = boxes.new_tensor([fine.shape[-1] / HEAT_MAP[1], fine.shape[-2] / HEAT_MAP[0]]).repeat(2)
        pooled = pool_boxes(fine, boxes * scale, HAND_CELLS, mirrored=1)
        return self.widen(pooled.flatten(0, 1)).unflatten(0, (-1, 2))


class HandHead(nn.Module):
    """Rotations of 15 finger joints from the features at 20 joints, as of a right hand."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(config.embed_dim, config.dim_out, 1)
        self.norm = BatchNorm(config.dim_out)
        self.pose = Head(HAND_JOINTS * (config.dim_out + 3), 90)

    def forward(
        self, hands: Float[Tensor, "hand dim 16 16"], joints: Float[Tensor, "hand 20 3"]
    ) -> Float[Tensor, "hand 15 6"]:
        """Six numbers each."""
        found = sample_at(F.relu(self.norm(self.reduce(hands))), joints[..., :2])
        return self.pose(torch.cat([found.float(), joints], -1).flatten(1)).unflatten(1, (15, 6))


class FaceHead(nn.Module):
    """Expression and jaw from tokens of their own."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.expression = Head(config.embed_dim, 10)
        self.jaw_pose = Head(config.embed_dim, 6)

    def forward(
        self, task: Float[Tensor, "batch 31 dim"]
    ) -> tuple[Float[Tensor, "batch 10"], Float[Tensor, "batch 6"]]:
        """The jaw as six numbers."""
        return self.expression(task[:, EXPRESSION]), self.jaw_pose(task[:, JAW])


def _upright(joints: Float[Tensor, "batch 2 20 3"]) -> Float[Tensor, "batch 2 20 3"]:
    """Hands as they stand in the crop: the left one was read from right to left."""
    mirrored = joints.new_tensor([[[HAND_CELLS - 1.0, 0, 0]], [[0, 0, 0]]])
    return mirrored + joints * joints.new_tensor([[[-1.0, 1, 1]], [[1, 1, 1]]])


def _mirrored_rotation(like: Tensor) -> Float[Tensor, "3 3"]:
    """What a rotation matrix is multiplied with, number by number, to be the same one seen in a mirror across x = 0."""
    return like.new_tensor([[1.0, -1, -1], [-1, 1, 1], [-1, 1, 1]])
