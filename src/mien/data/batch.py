"""What a training step is given: crops, targets, and where each sample came from."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int64, Num
from torch import Tensor

from mien.data.targets import Targets
from mien.records import Record

__all__ = ["Batch"]


@dataclass(frozen=True, kw_only=True)
class Batch(Record):
    """A batch of samples. All batches of a size have the same shapes, whatever could not be read."""

    pixels: Num[Tensor, "batch h w 3"]
    """RGB, 0 to 255: uint8, or float32 where the crops are exact. Small to move to a device; see `images`."""
    targets: Targets
    present: Float[Tensor, "batch"]
    """0 for a sample whose picture could not be read: its pixels are black, and all its weights are 0."""
    box: Float[Tensor, "batch 4"]
    """The padded box: x, y, w, h in pixels of the picture."""
    patch_from_image: Float[Tensor, "batch 2 3"]
    """To the 384 x 512 patch, from the picture, mirrored first where `mirrored` is not 0."""
    mirrored: Int64[Tensor, "batch"]
    """The picture's width where it was mirrored, else 0."""
    part: Int64[Tensor, "batch"]
    """Which dataset of the mixture."""
    row: Int64[Tensor, "batch"]
    """Which row of it."""
    epoch: int
    step: int
    skipped: tuple[str, ...] = ()
    """What could not be read, and why."""

    def __len__(self) -> int:
        return len(self.present)

    def images(self) -> Float[Tensor, "batch 3 h w"]:
        """What a network takes: 0 to 1, channels first. Call it where the network is."""
        return self.pixels.permute(0, 3, 1, 2).float() / 255

    def pin_memory(self) -> Batch:
        """The same in page-locked memory; `DataLoader` calls it."""
        return self.map(lambda tensor: tensor.pin_memory())
