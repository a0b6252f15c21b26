"""Short ways to numbers that longer ones give: to the last bit, or pictures would change."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.synth.random import _Seed, stream, weighted
from mien.synth.turns import matrices_of, vectors_of


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


def test_streams_are_those_of_numpy() -> None:
    for number in range(20):
        digest = hashlib.sha256(f"str:hands\x1fint:{number}".encode()).digest()
        expected = np.random.default_rng(int.from_bytes(digest, "little"))
        assert stream("hands", number).bit_generator.state == expected.bit_generator.state


@pytest.mark.parametrize("zeros", [0, 1, 4, 7])
def test_seeds_that_end_in_zeros_are_short(zeros: int) -> None:
    digest = hashlib.sha256(b"some").digest()[: 32 - zeros] + bytes(zeros)
    expected = np.random.SeedSequence(int.from_bytes(digest, "little")).generate_state(8, np.uint64)
    np.testing.assert_array_equal(_Seed(digest).generate_state(8, np.uint64), expected)


def test_weighted_draws_are_those_of_numpy() -> None:
    one, other = stream("weights"), stream("weights")
    for count in range(1, 40):
        weights = one.random(count) + (other.random(count) > 2)
        assert weighted(one, weights) == other.choice(count, p=weights / weights.sum())
