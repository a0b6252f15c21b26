"""A sheet of predictions: crops, and the bodies that the network sees in them. The look that no number replaces."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8

from mien.body.model import BodyModel
from mien.data.batch import Batch
from mien.nets.network import Network
from mien.nets.virtual_camera import CANVAS, FOCAL, PRINCIPAL_POINT
from mien.render.overlay import draw_people

__all__ = ["input_camera", "prediction_sheet"]

COLUMNS = 4


def prediction_sheet(
    network: Network, body: BodyModel, batch: Batch, count: int = 12
) -> UInt8[np.ndarray, "height width 3"]:
    """The first samples of a batch, each beside its prediction.

    Args:
        network: of any device; its mode is left as it was.
        body: on the CPU.
        batch: on the CPU.
        count: how many samples.
    """
    chosen, was_training = batch[:count], network.training
    device = next(network.parameters()).device
    network.eval()
    with torch.no_grad():
        prediction = network(chosen.images().to(device)).to("cpu")
        vertices = body.pose(body.params_of(prediction)).mesh().numpy()
    network.train(was_training)
    height, width = chosen.pixels.shape[1:3]
    camera = input_camera(height, width)
    pixels = chosen.pixels.to(torch.uint8).numpy()
    tiles = [_tile(pixels[i], vertices[i : i + 1], body, camera) for i in range(len(pixels))]
    while len(tiles) % COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def input_camera(height: int, width: int) -> Float[np.ndarray, "3 3"]:
    """The virtual camera in the pixels of a network's input, which samples the canvas from its first pixel on."""
    across, down = width / CANVAS[1], height / CANVAS[0]
    return np.array([
        [FOCAL * across, 0, PRINCIPAL_POINT[0] * across],
        [0, FOCAL * down, PRINCIPAL_POINT[1] * down],
        [0, 0, 1],
    ])  # fmt: skip


def _tile(
    pixels: UInt8[np.ndarray, "h w 3"], vertices: np.ndarray, body: BodyModel, camera: np.ndarray
) -> UInt8[np.ndarray, "h twice 3"]:
    """A crop, and the crop with the body in it; a body that is nowhere is left out."""
    if not np.isfinite(vertices).all():
        return np.concatenate([pixels, pixels], 1)
    drawn = draw_people(np.ascontiguousarray(pixels), vertices, body.faces.numpy(), camera, opacity=0.75)
    return np.concatenate([pixels, np.asarray(drawn, dtype=np.uint8)], 1)
