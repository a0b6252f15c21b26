"""Peaks, samples and pooled boxes: against plain slow code, against finite differences, and by their laws."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mien.nets.regions import BatchNorm, pool_boxes, pooling_shares, sample_at, soft_argmax, upsampler


def slow_roi_align(features: Tensor, box: Tensor, out: int) -> Tensor:
    """One box, sample by sample, as the definition says: features (dim, h, w), box x1, y1, x2, y2."""
    dim = len(features)
    x1, y1, x2, y2 = box.tolist()
    sides = max(x2 - x1, 1.0), max(y2 - y1, 1.0)
    counts = math.ceil(sides[0] / out), math.ceil(sides[1] / out)
    found = torch.zeros(dim, out, out, dtype=features.dtype)
    for row in range(out):
        for column in range(out):
            total = torch.zeros(dim, dtype=features.dtype)
            for i in range(counts[1]):
                y = y1 + sides[1] / out * (row + (i + 0.5) / counts[1])
                for j in range(counts[0]):
                    x = x1 + sides[0] / out * (column + (j + 0.5) / counts[0])
                    total += bilinear(features, x, y)
            found[:, row, column] = total / (counts[0] * counts[1])
    return found


def bilinear(features: Tensor, x: float, y: float) -> Tensor:
    _, height, width = features.shape
    if y < -1 or y > height or x < -1 or x > width:
        return torch.zeros(len(features), dtype=features.dtype)
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = min(int(x), width - 1), min(int(y), height - 1)
    right, below = min(left + 1, width - 1), min(top + 1, height - 1)
    across, down = x - left, y - top
    upper = features[:, top, left] * (1 - across) + features[:, top, right] * across
    lower = features[:, below, left] * (1 - across) + features[:, below, right] * across
    return upper * (1 - down) + lower * down


def random_boxes(generator: torch.Generator, count: int, least: float, most: float, spread: float) -> Tensor:
    """Boxes of sides `least` to `most` around a map of 12 x 16 cells."""
    middle = torch.rand(count, 2, generator=generator, dtype=torch.float64) * torch.tensor([12.0, 16.0])
    middle = middle + (torch.rand(count, 2, generator=generator, dtype=torch.float64) - 0.5) * spread
    size = least + (most - least) * torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return torch.cat([middle - size / 2, middle + size / 2], -1)


@pytest.mark.parametrize(
    ("least", "most", "spread"),
    [(2.0, 10.0, 0.0), (4.0, 30.0, 20.0), (0.0, 0.9, 4.0), (15.0, 200.0, 100.0), (8.0, 8.0, 60.0)],
    ids=["inside", "partly outside", "tiny", "huge", "mostly outside"],
)
@pytest.mark.parametrize("out", [1, 4, 5])
def test_pooled_boxes_equal_plain_slow_code(least: float, most: float, spread: float, out: int) -> None:
    generator = torch.Generator().manual_seed(out)
    features = torch.randn(2, 3, 16, 12, generator=generator, dtype=torch.float64)
    boxes = random_boxes(generator, 8, least, most, spread).unflatten(0, (2, 4))
    found = pool_boxes(features, boxes, out)
    for i in range(2):
        for k in range(4):
            expected = slow_roi_align(features[i], boxes[i, k], out)
            torch.testing.assert_close(found[i, k], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "box",
    [(-1.5, -1.5, 6.5, 6.5), (0, 0, 12, 16), (3, 3, 3, 3), (-9, -9, -1, -1), (11, 15, 12, 16), (5, 2, 1, 1)],
    ids=["samples at -1", "all", "empty", "outside", "corner", "inside out"],
)
def test_samples_on_the_edge_of_the_rule(box: tuple[float, ...]) -> None:
    """Samples that fall exactly on cells and on the border of what counts."""
    features = torch.randn(1, 2, 16, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    where = torch.tensor(box, dtype=torch.float64)
    found = pool_boxes(features, where.view(1, 1, 4), 4)[0, 0]
    torch.testing.assert_close(found, slow_roi_align(features[0], where, 4), atol=1e-12, rtol=0)


def test_single_precision_is_as_good_as_its_numbers() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 4, 64, 48, generator=generator)
    boxes = random_boxes(generator, 32, 1.0, 40.0, 20.0).unflatten(0, (2, 16))
    exact = pool_boxes(features.double(), boxes.float().double(), 16)
    torch.testing.assert_close(pool_boxes(features, boxes.float(), 16).double(), exact, atol=1e-4, rtol=0)


def test_gradient_of_pooled_boxes_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 2, 7, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[[0.3, 0.7, 5.1, 6.2], [-2.0, 3.0, 2.5, 9.0]], [[2.2, 2.2, 2.4, 2.6], [1, 1, 30, 30]]])
    assert torch.autograd.gradcheck(lambda maps: pool_boxes(maps, boxes.double(), 3, mirrored=1), (features,))


def test_mirrored_boxes_are_read_from_right_to_left() -> None:
    features = torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[[1.0, 2, 7, 8], [1.0, 2, 7, 8]]])
    found = pool_boxes(features, boxes, 4, mirrored=1)
    assert torch.equal(found[0, 0].flip(-1), found[0, 1])


def test_shares_add_up() -> None:
    """Inside the map every bin counts 1; outside less, down to nothing."""
    starts = torch.tensor([2.0, -3.0, 40.0], dtype=torch.float64)
    shares = pooling_shares(starts, torch.full_like(starts, 6), 3, 12)
    total = shares.sum(-1)
    torch.testing.assert_close(total[0], torch.ones(3, dtype=torch.float64))
    assert total[1, 0] < total[1, 1] <= 1 and not total[2].any() and shares.min() >= 0


def test_a_sample_between_cells_is_grid_sample_with_aligned_corners() -> None:
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(2, 5, 8, 6, generator=generator, dtype=torch.float64)
    places = torch.rand(2, 7, 2, generator=generator, dtype=torch.float64) * torch.tensor([5.0, 7.0])
    places[0, 0], places[0, 1] = torch.tensor([5.0, 7.0]), torch.tensor([0.0, 3.0])
    grid = (places / torch.tensor([5.0, 7.0]) * 2 - 1).unsqueeze(2)
    expected = functional.grid_sample(features, grid, align_corners=True).squeeze(-1).transpose(1, 2)
    torch.testing.assert_close(sample_at(features, places), expected, atol=1e-12, rtol=0)
    inside = (places * 0.9 + 0.13).requires_grad_()  # not on a cell, where the slope jumps
    assert torch.autograd.gradcheck(sample_at, (features.requires_grad_(), inside))


def test_a_peak_is_found_where_it_is() -> None:
    """A single hot cell of depth, height and width; x comes first, and axes may be of any length."""
    logits = torch.full((1, 4, 6, 3), -100.0)
    logits[0, 1, 4, 2] = 100.0
    heat, place = soft_argmax(logits.flatten(1), (4, 6, 3), (16, 6, 12))
    torch.testing.assert_close(place, torch.tensor([[2 * 12 / 3, 4.0, 1 * 16 / 4]]))
    torch.testing.assert_close(heat.sum(-1), torch.ones(1))
    even, middle = soft_argmax(torch.zeros(1, 6), (2, 3), (2, 3))
    torch.testing.assert_close(middle, torch.tensor([[1.0, 0.5]]))
    assert even.std() == 0


def test_upsampler_doubles_every_step() -> None:
    maps = upsampler(6, 4, 2).eval()(torch.randn(2, 6, 5, 3))
    assert maps.shape == (2, 2, 20, 12) and maps.min() >= 0


def test_batch_norm_is_torchs_and_rests_when_frozen() -> None:
    ours, theirs, maps = BatchNorm(3), torch.nn.BatchNorm2d(3), torch.randn(4, 3, 5, 5) * 2 + 1
    for module in (ours, theirs):
        module.train()
    torch.testing.assert_close(ours(maps), theirs(maps))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(maps), theirs.eval()(maps))
    before = ours.running_mean.clone()
    ours.train().requires_grad_(False)
    ours(maps + 5)
    assert torch.equal(ours.running_mean, before)
