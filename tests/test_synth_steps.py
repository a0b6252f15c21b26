"""Short ways to numbers that longer ones give: to the last bit, or pictures would change."""

from __future__ import annotations

import numpy as np
import torch

from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.synth.cast import _meet, _merged
from mien.synth.labels import _box
from mien.synth.random import _seeded, pick, stream, weighted
from mien.synth.turns import matrices_of, vectors_of
from mien.synth.wardrobe.fit import _along_bones


def test_rotations_are_those_of_the_package() -> None:
    rng = np.random.default_rng(5)
    for size in (1e-4, 3e-3, 0.3, 2.0):
        vectors = rng.normal(0, size, (55, 3))
        vectors[rng.random(55) < 0.2] = 0
        vectors[3] = (np.pi, 0, 0)
        matrices = matrices_of(vectors)
        expected = matrix_from_axis_angle(torch.from_numpy(vectors))
        np.testing.assert_array_equal(matrices, expected.numpy(), strict=True)
        np.testing.assert_array_equal(vectors_of(matrices), axis_angle_from_matrix(expected).numpy(), strict=True)


def test_weighted_draws_are_those_of_numpy() -> None:
    one, other = stream("draws"), stream("draws")
    for count in range(1, 200):
        weights = stream("weights", count).random(count % 40 + 1)
        weights[stream("none", count).random(len(weights)) < 0.2] = 0
        weights[count % len(weights)] = 1
        assert weighted(one, weights) == other.choice(len(weights), p=weights / weights.sum())


def test_names_without_a_weight_are_not_drawn() -> None:
    rng = stream("names")
    drawn = [pick(rng, {"none": 0, "few": 1, "no": 0, "many": 3, "never": 0}) for _ in range(400)]
    assert set(drawn) == {"few", "many"} and 60 < drawn.count("few") < 140
    assert pick(rng, {"one": 0, "other": 0}) == "other"


def test_places_along_bones_are_those_between_three_values() -> None:
    for share in (-0.3, 0.0, 0.1, 0.37, 0.5, 0.731, 1.0, 1.2):
        expected = np.interp(share, [0, 0.5, 1], [0.93, 0.521, 0.084])
        assert _along_bones(share, 0.93, 0.521, 0.084) == expected


def test_boxes_are_around_what_lies_in_the_picture() -> None:
    rng = np.random.default_rng(3)
    for middle, spread in ((100, 40), (0, 60), (500, 300), (-400, 20)):
        points, edge = rng.normal(middle, spread, (22, 2)), np.array([319.0, 239.0])
        expected = np.zeros(5, np.float32)
        if ((points >= 0) & (points <= edge)).all(1).any():
            low, high = np.clip(points.min(0), 0, edge) - 0.5, np.clip(points.max(0), 0, edge) + 0.5
            expected[:2], expected[2:4] = (low + high) / 2 - (high - low) * 1.2 / 2, (high - low) * 1.2
            expected[4] = 1
        np.testing.assert_array_equal(_box(points, 320, 240, 1.2), expected)


def test_cells_meet_where_they_share_one() -> None:
    rng, met = np.random.default_rng(7), list[bool]()
    for _ in range(100):
        cells, taken = (np.unique(rng.integers(0, 200, 12)) for _ in range(2))
        shift = int(rng.integers(-30, 30))
        met.append(bool(_meet(cells, shift, taken)))
        assert met[-1] == bool(np.isin(cells + shift, taken).any())
    assert 10 < sum(met) < 90


def test_merged_cells_are_the_union() -> None:
    rng = np.random.default_rng(8)
    for count in range(30):
        taken, cells = (np.unique(rng.integers(0, 60, count)) for _ in range(2))
        np.testing.assert_array_equal(_merged(taken, cells, 7), np.union1d(taken, cells + 7), strict=True)


def test_seeds_are_those_of_numpy() -> None:
    rng = np.random.default_rng(9)
    for zeros in (0, 0, 1, 3, 4, 5, 12, 28, 32):
        digest = rng.bytes(32 - zeros) + bytes(zeros)
        expected = np.random.default_rng(int.from_bytes(digest, "little"))
        assert _seeded(digest).bit_generator.state == expected.bit_generator.state
