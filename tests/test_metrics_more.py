"""The further measures: joints without a mesh, where a mesh errs, shape by tape, motion, pairs and F1, intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.body.model import BodyModel
from mien.geometry.align import align, similarity
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.distances import aligned_distance, distance, segment_distance, shifted_distance
from mien.metrics.errors import mesh_errors, segment_errors
from mien.metrics.interval import bootstrap, bounds
from mien.metrics.joints import JOINT_NAMES, joint_errors
from mien.metrics.keypoints import keypoint_errors
from mien.metrics.matching import Detection, match, match_boxes, normalised
from mien.metrics.motion import acceleration_error, jitter
from mien.metrics.parts import SEGMENTS, MeshParts
from mien.metrics.shape import MEASUREMENTS, Tape, shape_errors


@pytest.fixture(scope="module")
def pair(body: BodyModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches of meshes that differ in everything."""
    torch.manual_seed(0)
    meshes = [body.template + 0.05 * torch.randn(3, body.num_vertices, 3) for _ in range(2)]
    turn = matrix_from_axis_angle(torch.randn(3, 3))
    return meshes[0] @ turn.mT * 1.1 + torch.randn(3, 1, 3), meshes[1]


def test_compiled_loops_say_what_torch_says(
    pair: tuple[torch.Tensor, torch.Tensor], body: BodyModel, parts: MeshParts
) -> None:
    ours, theirs = (mesh.double() for mesh in pair)
    wanted = ours.clone().requires_grad_()
    shift, ids = torch.randn(3, 3).double(), parts.face
    for chosen in (None, ids):
        assert torch.allclose(shifted_distance(ours, theirs, chosen, shift),
                              shifted_distance(wanted, theirs, chosen, shift), rtol=0, atol=1e-9)  # fmt: skip
        assert torch.allclose(aligned_distance(ours, theirs, chosen), aligned_distance(wanted, theirs, chosen),
                              rtol=0, atol=1e-9)  # fmt: skip
    arguments = theirs, parts.segment, len(SEGMENTS), shift
    assert torch.allclose(segment_distance(ours, *arguments), segment_distance(wanted, *arguments), atol=1e-9)
    assert torch.allclose(parts.roots.joints(ours), parts.roots.joints(wanted), rtol=0, atol=1e-12)
    assert shifted_distance(wanted, theirs, None, shift).requires_grad


def test_scale_turn_and_move_leave_pa_and_change_the_rest_as_they_must(
    pair: tuple[torch.Tensor, torch.Tensor], parts: MeshParts
) -> None:
    ours, theirs = (mesh.double() for mesh in pair)
    before = mesh_errors(parts, ours, theirs)
    turn = matrix_from_axis_angle(torch.tensor([0.3, -1.0, 0.2]).double())
    after = mesh_errors(parts, 1.7 * ours @ turn.T + 5, theirs)
    moved = mesh_errors(parts, ours + 5, theirs)
    for name in before:
        assert torch.allclose(moved[name].value, before[name].value, atol=1e-9), name
        if name.startswith("pa_"):
            assert torch.allclose(after[name].value, before[name].value, atol=1e-9), name
        else:
            assert (after[name].value - before[name].value).abs().min() > 1, name
    both = mesh_errors(parts, 2 * ours, 2 * theirs)
    assert all(torch.allclose(both[name].value, 2 * before[name].value, atol=1e-9) for name in before)


def test_segments_add_up_to_the_whole(pair: tuple[torch.Tensor, torch.Tensor], parts: MeshParts) -> None:
    found = segment_errors(parts, *pair)
    count = parts.segment.bincount(minlength=len(SEGMENTS)).double()
    each = torch.stack([found[f"pve_at_{name}"].value.double() for name in SEGMENTS], 1)
    whole = mesh_errors(parts, *pair)["pve"].value.double()
    assert torch.allclose((each * count).sum(1) / count.sum(), whole, atol=1e-3)
    assert (count > 50).all()


def test_a_hand_that_is_elsewhere_is_seen_from_the_pelvis_alone(body: BodyModel, parts: MeshParts) -> None:
    true = body.template[None].clone()
    moved = true.clone()
    hand = parts.segment == list(SEGMENTS).index("left_hand")
    weights = parts.roots.weights[1] != 0  # the wrist's own vertices go along
    ids = torch.cat([hand.nonzero().squeeze(1), parts.roots.columns[weights]]).unique()
    moved[:, ids] += torch.tensor([0.0, 0.1, 0.0])
    found = segment_errors(parts, moved, true) | mesh_errors(parts, moved, true)
    assert found["pve_left_hand_from_pelvis"].value.item() > 60
    assert found["pve_left_hand"].value.item() < 40
    assert found["pve_right_hand_from_pelvis"].value.item() < 1e-3
    assert found["pve_at_left_hand"].value.item() == pytest.approx(100, abs=1e-2)


def test_joints_that_are_not_known_are_not_measured() -> None:
    torch.manual_seed(1)
    true, known = torch.randn(3, 137, 3), torch.ones(3, 137, dtype=torch.bool)
    known[1, 30:45], known[2, 0] = False, False
    predicted = true + 7
    predicted[1, 30:45] = 99
    predicted[0, 4] += torch.tensor([0.0, 0.1, 0.0])
    found = joint_errors(predicted, true, known)
    assert found["mpjpe_joints_body"].value[0].item() == pytest.approx(100 / 25, abs=1e-2)
    assert found["mpjpe_joints_body"].valid.tolist() == [True, True, False]
    assert found["joint_right_knee"].value[0].item() == pytest.approx(100, abs=1e-2)
    assert found["mpjpe_joints_left_hand"].value[1].item() == pytest.approx(0, abs=1e-2)
    assert found["pa_mpjpe_joints_left_hand"].value[1].item() == pytest.approx(0, abs=1e-2)
    assert found["pa_mpjpe_joints_body"].valid.tolist() == [True, True, True]
    assert f"joint_{JOINT_NAMES[0]}" not in found and found["joint_left_pinky"].valid.tolist() == [True, False, True]


def test_weights_of_a_similarity_are_counts() -> None:
    torch.manual_seed(2)
    source, target = torch.randn(8, 3).double(), torch.randn(8, 3).double()
    weight = torch.tensor([2.0, 1, 1, 0, 1, 1, 1, 1]).double()
    rows = torch.tensor([0, 0, 1, 2, 4, 5, 6, 7])
    some = similarity(source, target, weight)
    for one, other in zip(some, similarity(source[rows], target[rows]), strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert distance(align(source[None], source[None]), source[None]).item() < 1e-9


def test_percent_of_correct_keypoints() -> None:
    true, box = torch.zeros(1, 137, 2), torch.tensor([[0.0, 0, 50, 100]])
    predicted = true.clone()
    predicted[0, :5, 0], predicted[0, 5:25, 0] = 7.0, 3.0
    found = keypoint_errors(predicted, true, torch.ones(1, 137, dtype=torch.bool), box)
    assert found["kp2d_body_pck5"].value.item() == pytest.approx(80)
    assert found["kp2d_body_pck10"].value.item() == pytest.approx(100)


def test_a_tape_measures_what_a_person_would(body: BodyModel) -> None:
    tape = Tape.of(body)
    said = {name: float(value) for name, value in tape.measure(body.template[None]).items()}
    extent = body.template[:, 1]
    assert said["height"] == pytest.approx(float(extent.max() - extent.min()))
    assert 0.6 < said["waist"] < said["hips"] < 1.3 and said["waist"] < said["chest"] < 1.3
    twice = tape.measure(2 * body.template[None])
    assert all(float(twice[name]) == pytest.approx(2 * said[name], rel=1e-5) for name in MEASUREMENTS)
    spin = tape.measure(body.template[None] @ matrix_from_axis_angle(torch.tensor([0.0, 0.4, 0.0])).T)
    assert all(float(spin[name]) == pytest.approx(said[name], rel=2e-3) for name in MEASUREMENTS)


def test_the_length_of_a_tape_is_that_of_its_hull(body: BodyModel) -> None:
    from scipy.spatial import ConvexHull

    tape = Tape.of(body)
    points = body.template[tape.ends].double()
    points = points[:, 0] + (points[:, 1] - points[:, 0]) * tape.share[:, None]
    for name, part in zip(MEASUREMENTS[1:], points[:, [0, 2]].split(tape.sizes), strict=True):
        hull = ConvexHull(part.numpy()).area  # of a flat hull: its length
        assert float(tape.measure(body.template[None])[name]) == pytest.approx(hull, rel=2e-3)


def test_equal_shapes_have_no_error_and_a_taller_one_its_height(body: BodyModel) -> None:
    tape, betas = Tape.of(body), torch.randn(2, 10)
    found = shape_errors(body, tape, betas, betas)
    assert all(float(each.value.max()) < 1e-3 for each in found.values())
    off = shape_errors(body, tape, betas + 0.5, betas)
    assert float(off["v2v"].value.min()) > 1 and float(off["shape_height"].value.min()) > 1


def test_a_quadratic_path_has_its_acceleration_and_no_jitter() -> None:
    time = torch.arange(6.0).double()[:, None, None]
    path = torch.cat([time**2, time, 0 * time], -1).expand(6, 4, 3) / 100
    still = torch.zeros_like(path)
    assert acceleration_error(path, path).abs().max() < 1e-9
    assert torch.allclose(acceleration_error(path, still), torch.full((4,), 20.0).double())
    assert len(jitter(path)) == 3 and jitter(path).max() < 1e-9
    assert len(acceleration_error(path[:2], path[:2])) == 0 and len(jitter(path[:3])) == 0


def test_pairs_do_not_depend_on_any_order_and_far_ones_are_none() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(0, 1000, (4, 137, 2))
    known, side = np.ones((4, 137), dtype=bool), np.full(4, 200.0)
    guesses = np.concatenate([true[[2, 0, 3]] + 3, true[:1] + 5000])
    assert match(guesses, true, known, side).tolist() == [1, -1, 0, 2]
    order = random.permutation(4)
    again = match(guesses[order], true, known, side)
    assert [int(order[i]) if i >= 0 else -1 for i in again] == [1, -1, 0, 2]
    known[0] = False
    assert match(guesses, true, known, side)[0] == -1
    assert match(guesses[:0], true, known, side).tolist() == [-1] * 4


def test_a_far_guess_does_not_drive_a_good_pair_apart() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [100, 0, 10, 10]])
    assert match_boxes(np.array([[1.0, 0, 10, 10], [500, 0, 10, 10]]), boxes).tolist() == [0, -1]
    assert match_boxes(np.array([[np.nan] * 4, [1.0, 0, 10, 10]]), boxes).tolist() == [1, -1]


def test_f1_and_what_it_divides() -> None:
    some = Detection(found=6, missed=2, extra=2)
    assert some.f1 == pytest.approx(0.75) and some.precision == 0.75 and some.recall == 0.75
    assert normalised(90.0, some) == pytest.approx(120) and normalised(None, some) is None
    assert Detection().f1 is None and normalised(90.0, Detection()) is None
    assert normalised(90.0, Detection(missed=3)) is None


@given(st.integers(1, 40), st.integers(0, 5))
def test_intervals_hold_the_mean_and_repeat(people: int, seed: int) -> None:
    random = np.random.default_rng(people)
    values, valid = random.normal(50, 10, (people, 3)), np.ones((people, 3), dtype=bool)
    valid[:, 2] = False
    found = bootstrap(values, valid, seed)
    if people == 1:  # nobody knows how unlike others are
        assert np.isnan(found).all() and bounds(values[:, 0], valid[:, 0]) == {"low": None, "high": None}
        return
    assert (found[:2, 0] <= values[:, :2].mean(0) + 1e-9).all() and (found[:2, 1] >= values[:, :2].mean(0) - 1e-9).all()
    assert np.isnan(found[2]).all() and np.array_equal(found, bootstrap(values, valid, seed), equal_nan=True)


def test_intervals_are_as_wide_as_they_must_be() -> None:
    values = np.random.default_rng(0).normal(0, 1, (400, 1))
    low, high = bootstrap(values, np.ones_like(values, dtype=bool))[0]
    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(400), rel=0.15)
    assert np.isnan(bootstrap(values[:0], np.ones((0, 1), dtype=bool))).all()
