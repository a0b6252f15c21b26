"""What mien promises of synthetic hands: mirror law, distance to the relaxed hand, touch, and no digit in another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.body.files import find_body
from mien.body.model import from_arrays
from mien.body.reading import BodyArrays, read_body
from mien.geometry.hands import hand_distance, hand_distances
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.synth.bones import forward, rotation_vectors
from mien.synth.figure import Figure
from mien.synth.hand_rig import FIRST, HIGH, LOW, hand_rig, hand_rotations
from mien.synth.hand_shapes import FIST, FLAT, draw_shape
from mien.synth.hands import HAND_MIX_COMPLEX, HAND_MIX_EVERYDAY, HAND_SHAPES
from mien.synth.penetration import cut_parts, penetration
from mien.synth.puppet import Stage
from mien.synth.random import pick

ARRAYS = read_body(find_body("openbody"))
BODY = from_arrays(ARRAYS, 10, 10)
STAGE = Stage(ARRAYS)
PARTS = cut_parts(ARRAYS)
MEANS = (ARRAYS.hands_meanl, ARRAYS.hands_meanr)
angles = st.integers(0, 2**31).map(lambda seed: LOW + (HIGH - LOW) * np.random.default_rng(seed).random(21))


def make_figure(seed: int | None = None, arrays: BodyArrays = ARRAYS) -> Figure:
    betas = np.zeros(10) if seed is None else np.clip(np.random.default_rng(seed).normal(size=10), -3, 3)
    return Figure(body=from_arrays(arrays, 10, 10), arrays=arrays, betas=betas.astype(np.float32))


def vectors(local: np.ndarray) -> np.ndarray:
    found = np.empty((len(local), 3))
    rotation_vectors(local, found)
    return found


def hand(name: str, seed: int, side: int, figure: Figure | None = None) -> np.ndarray:
    """Axis-angle of a hand of this name."""
    return vectors(STAGE.hands.draw(np.random.default_rng(seed), figure or make_figure(), name, side))


def mesh(figure: Figure, hands: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The body in the T-pose with these hands."""
    pose = np.zeros((55, 3))
    pose[25:40], pose[40:] = hands
    rotations = matrix_from_axis_angle(torch.from_numpy(pose).float())
    return figure.body.shape(torch.from_numpy(figure.betas)[None]).pose(rotations[None]).mesh()[0].numpy()


def skeleton(figure: Figure, local: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    every = np.tile(np.eye(3), (55, 1, 1))
    every[FIRST[side] : FIRST[side] + 15] = local
    world, position = np.empty((55, 3, 3)), np.empty((55, 3))
    forward(ARRAYS.parents, figure.joints.astype(np.float64), every, world, position)
    return world, position


# distance -----------------------------------------------------------------------------------------------------------
@given(st.integers(0, 2**31))
def test_hand_distance_is_the_root_mean_square_of_the_joints_angles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, mean = rng.normal(0, 0.8, (2, 15, 3))
    turned = [matrix_from_axis_angle(torch.from_numpy(v)) for v in (one, mean)]
    between = torch.rad2deg(angle_between(*turned)).numpy()
    assert np.isclose(hand_distance(one, mean), np.sqrt((between**2).mean()), atol=1e-4)
    assert np.isclose(hand_distance(one, mean), hand_distance(mean, one))
    assert hand_distance(mean, mean) < 1e-5


def test_hand_distance_of_one_joint() -> None:
    mean = np.zeros((15, 3))
    bent = mean.copy()
    bent[4] = [0, 0, np.pi / 2]
    assert np.isclose(hand_distance(bent, mean), 90 / np.sqrt(15))
    np.testing.assert_allclose(hand_distances(np.stack([mean, bent]), mean), [0, 90 / np.sqrt(15)])


def test_complex_hands_are_far_from_relaxed() -> None:
    medians = []
    for mix in (HAND_MIX_EVERYDAY, HAND_MIX_COMPLEX):
        found = []
        for seed in range(120):
            side, rng = seed % 2, np.random.default_rng(seed)
            mean = MEANS[side]
            assert mean is not None
            found.append(hand_distance(hand(pick(rng, mix), seed, side), mean))
        medians.append(np.median(found))
    assert medians[1] > 2 * medians[0]
    assert medians[0] < 12


# geometry -----------------------------------------------------------------------------------------------------------
@given(angles)
def test_left_and_right_hands_mirror_each_other(these: np.ndarray) -> None:
    turned = []
    for rig in STAGE.hands.rigs:
        found = np.empty((15, 3, 3))
        hand_rotations(these, rig.frame, rig.hinge, rig.straight, rig.spread, found)
        turned.append(found)
    mirror = np.diag([-1.0, 1, 1])
    np.testing.assert_allclose(turned[1], mirror @ turned[0] @ mirror, atol=2e-3)


@pytest.mark.parametrize("side", [0, 1])
def test_fingers_bend_towards_the_palm(side: int) -> None:
    rig, figure = STAGE.hands.rigs[side], make_figure()
    tips = []
    for these in (FLAT, FIST):
        found = np.empty((15, 3, 3))
        hand_rotations(these, rig.frame, rig.hinge, rig.straight, rig.spread, found)
        _, position = skeleton(figure, found, side)
        ends = position[[FIRST[side] + 2 + 3 * d for d in range(4)]] - position[20 + side]
        tips.append(ends)
    assert (tips[0] @ rig.palmar < 0.02).all()
    assert (tips[1] @ rig.palmar > 0.02).all()
    assert (np.linalg.norm(tips[1], axis=1) < np.linalg.norm(tips[0], axis=1) - 0.02).all()


@pytest.mark.parametrize("side", [0, 1])
def test_angles_are_absolute(side: int) -> None:
    """A finger of angles 0 is straight in the plane of the palm, along the hand, whatever the hand at rest is."""
    rig, figure = STAGE.hands.rigs[side], make_figure()
    found = np.empty((15, 3, 3))
    hand_rotations(np.zeros(21), rig.frame, rig.hinge, rig.straight, rig.spread, found)
    _, position = skeleton(figure, found, side)
    for d in range(4):
        a, b, c = position[FIRST[side] + 3 * d : FIRST[side] + 3 * d + 3]
        for bone in ((b - a) / np.linalg.norm(b - a), (c - b) / np.linalg.norm(c - b)):
            np.testing.assert_allclose(bone, rig.along, atol=0.06)


def test_axes_come_from_the_body(fake_bodies: Path) -> None:
    arrays = read_body(fake_bodies / "smplx" / "SMPLX_NEUTRAL.npz")
    for side in (0, 1):
        rig = hand_rig(arrays, side)
        np.testing.assert_allclose(np.linalg.norm(rig.hinge, axis=1), 1, atol=1e-9)
        assert rig.along[0] * (1 - 2 * side) > 0.8
        assert rig.palmar[1] < -0.8


# shapes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(HAND_SHAPES))
def test_shapes_stay_within_the_limits_of_their_joints(name: str) -> None:
    for seed in range(60):
        shape = draw_shape(np.random.default_rng(seed), name)
        if not shape.relaxed:
            assert (shape.angles >= LOW).all() and (shape.angles <= HIGH).all()


def test_end_joints_follow_the_middle_ones_except_in_random_hands() -> None:
    def spread(name: str) -> float:
        shapes = [draw_shape(np.random.default_rng(seed), name).angles for seed in range(60)]
        found = np.array([shape[[3, 7, 11, 15]] - 0.66 * shape[[2, 6, 10, 14]] for shape in shapes])
        return float(found.std(0).mean())

    assert spread("loose") < 5 < 12 < spread("random")


@pytest.mark.parametrize("name", ["pinch", "ok"])
def test_thumb_meets_the_finger(name: str) -> None:
    figure, apart = make_figure(), []
    for seed in range(40):
        shape, side = draw_shape(np.random.default_rng(seed), name), seed % 2
        digit = shape.meetings[0].digit
        points = mesh(
            figure, (vectors(STAGE.hands.make(figure, shape, 0)), vectors(STAGE.hands.make(figure, shape, 1)))
        )
        part = ARRAYS.weights.argmax(1)
        thumb, finger = (points[part == FIRST[side] + 3 * d + 2] for d in (4, digit))
        apart.append(np.sqrt(((thumb[:, None] - finger) ** 2).sum(-1)).min())
    assert np.median(apart) < 0.004
    assert np.mean(np.array(apart) < 0.008) > 0.9


def test_the_thumb_is_outside_the_fist() -> None:
    figure = make_figure()
    for seed in range(20):
        for side in (0, 1):
            rig = STAGE.hands.rigs[side]
            local = STAGE.hands.draw(np.random.default_rng(seed), figure, "fist", side)
            _, position = skeleton(figure, local, side)
            first = FIRST[side]
            thumb = (position[first + 14] - position[20 + side]) @ rig.palmar
            fingers = (position[[first + 2, first + 5]] - position[20 + side]) @ rig.palmar
            beside = (position[first + 14] - position[first]) @ rig.radial > 0
            assert thumb > fingers.min() or beside


def _deep(seeds: range) -> list[float]:
    found = []
    for name in HAND_SHAPES:
        for seed in seeds:
            figure = make_figure(seed)
            hands = hand(name, seed, 0, figure), hand(name, seed + 1000, 1, figure)
            found.append(penetration(PARTS, mesh(figure, hands)).metres)
    return found


def test_hands_do_not_reach_into_themselves() -> None:
    assert np.mean(np.array(_deep(range(3))) > 0.005) <= 0.02


@pytest.mark.slow
def test_hands_do_not_reach_into_themselves_in_many_samples() -> None:
    assert np.mean(np.array(_deep(range(40))) > 0.005) <= 0.01


def test_the_measure_sees_fingers_in_the_palm() -> None:
    """Without the push apart, a tight fist lies deep in the palm: the measure must say so."""
    rig, found = STAGE.hands.rigs[0], np.empty((15, 3, 3))
    tight = FIST.copy()
    tight[[0, 4, 8, 12]], tight[[3, 7, 11, 15]] = 90, 60
    hand_rotations(tight, rig.frame, rig.hinge, rig.straight, rig.spread, found)
    depth = penetration(PARTS, mesh(make_figure(), (vectors(found), np.zeros((15, 3)))))
    assert depth.metres > 0.006
    assert 25 <= depth.part < 40 and depth.inside in (20, *range(25, 40))


@settings(max_examples=10)
@given(st.sampled_from(sorted(HAND_SHAPES)), st.integers(0, 1000))
def test_same_seed_same_hand(name: str, seed: int) -> None:
    np.testing.assert_array_equal(hand(name, seed, 0), hand(name, seed, 0))
    assert not np.array_equal(hand(name, seed, 0), hand(name, seed + 1, 0))


def test_relaxed_hands_are_the_mean_hand_with_small_changes() -> None:
    for side in (0, 1):
        mean = MEANS[side]
        assert mean is not None
        found = [hand_distance(hand("relaxed", seed, side), mean) for seed in range(30)]
        assert 1 < np.median(found) < 8
        assert max(found) < 15
