"""What mien promises of synthetic postures: joints within limits, left and right alike, nobody inside themselves."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.body.files import find_body
from mien.body.model import BodyModel, from_arrays
from mien.body.reading import read_body
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle, mirror_matrix
from mien.synth.act import Act
from mien.synth.bones import between, matrix_about, rotation_vectors, twist_about
from mien.synth.collide import hands_apart
from mien.synth.face import EXPRESSION_LIMIT, JAW_LIMIT, lid_component
from mien.synth.figure import Figure
from mien.synth.hand_contact import CONTACTS, close_gap
from mien.synth.hands import HAND_MIX_COMPLEX, HAND_MIX_EVERYDAY
from mien.synth.mocap import read_mocap
from mien.synth.penetration import PIECES, cut_parts, penetration
from mien.synth.pose import Pose
from mien.synth.poser import KIND_MIX, Poser, Poses
from mien.synth.postures import KINDS, stand
from mien.synth.puppet import Puppet
from mien.synth.settle import TOLERANCE, overlaps, settle
from mien.synth.spots import find_spots

ARRAYS = read_body(find_body("openbody"))
BODY = from_arrays(ARRAYS, 10, 10)
POSER = Poser(BODY, ARRAYS)
PARTS = cut_parts(ARRAYS)
SWAP = np.array([2, 1, 5, 4, 8, 7, 11, 10, 14, 13, 17, 16, 19, 18, 21, 20, 24, 23, *range(40, 55), *range(25, 40)])
PAIRS = np.array([1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 21, 23, 24, *range(25, 40), *range(40, 55)])
MIRRORED = np.arange(55)
MIRRORED[PAIRS] = SWAP
"""The joint on the other side."""


def make_figure(seed: int | None = None) -> Figure:
    betas = np.zeros(10) if seed is None else np.clip(np.random.default_rng(seed).normal(size=10), -3, 3)
    return Figure(body=BODY, arrays=ARRAYS, betas=betas.astype(np.float32))


def sample(seed: int, poses: Poses | None = None, poser: Poser = POSER) -> tuple[Figure, Pose]:
    figure = make_figure(seed)
    return figure, poser.sample(np.random.default_rng(seed), figure, poses or Poses())


def rotations(pose: Pose) -> torch.Tensor:
    return matrix_from_axis_angle(torch.from_numpy(pose.rotations))


def mesh(figure: Figure, pose: Pose) -> np.ndarray:
    betas, expression = torch.from_numpy(figure.betas)[None], torch.from_numpy(pose.expression)[None]
    return figure.body.shape(betas, expression).pose(rotations(pose)[None]).mesh()[0].numpy()


def joints(figure: Figure, pose: Pose) -> np.ndarray:
    return figure.body.shape(torch.from_numpy(figure.betas)[None]).pose(rotations(pose)[None]).position[0].numpy()


@cache
def many(count: int = 400) -> list[tuple[Figure, Pose]]:
    """Samples of all kinds, with all kinds of hands."""
    even = Poses(kinds=dict.fromkeys(KINDS, 1.0), hands=HAND_MIX_COMPLEX, contact=0.1)
    return [sample(seed, even) for seed in range(count)]


# small pieces -------------------------------------------------------------------------------------------------------
directions = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(directions, st.floats(-3.1, 3.1))
def test_rotations_go_to_vectors_and_back(axis: np.ndarray, angle: float) -> None:
    matrix, found = matrix_about(axis / np.linalg.norm(axis), angle), np.empty((1, 3))
    rotation_vectors(matrix[None], found)
    np.testing.assert_allclose(matrix_from_axis_angle(torch.from_numpy(found))[0].numpy(), matrix, atol=1e-7)


@given(directions, directions)
def test_between_turns_one_direction_to_the_other(a: np.ndarray, b: np.ndarray) -> None:
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    np.testing.assert_allclose(between(a, b) @ a, b, atol=1e-7)
    assert abs(twist_about(between(a, b), a)) < 1e-5 or a @ b < -0.999


# limits -------------------------------------------------------------------------------------------------------------
def test_knees_and_elbows_never_bend_back() -> None:
    for figure, pose in many():
        rest, local = figure.joints.astype(np.float64), rotations(pose).double().numpy()
        for upper, middle, lower, way, high in (
            (1, 4, 7, -1, 157),
            (2, 5, 8, -1, 157),
            (16, 18, 20, 1, 150),
            (17, 19, 21, 1, 150),
        ):
            thigh, shin = rest[middle] - rest[upper], rest[lower] - rest[middle]
            thigh, shin = thigh / np.linalg.norm(thigh), local[middle] @ shin / np.linalg.norm(shin)
            # in the frame of the upper bone the lower one leaves its line to the front (arm) or back (leg) only
            assert way * shin[2] > -0.03, (pose.kind, middle)
            angle = np.degrees(np.arctan2(way * shin[2], thigh @ shin))
            assert -3 < angle < high, (pose.kind, middle, angle)
            straight = rest[lower] - rest[middle]
            axis = np.cross(straight, [0, 0, 1.0]) / np.linalg.norm(straight[:2])
            assert abs(axis @ shin) < 0.01, (pose.kind, middle)


def test_the_kneecap_is_ahead_of_the_line_from_hip_to_ankle() -> None:
    for figure, pose in many():
        posed = BODY.shape(torch.from_numpy(figure.betas)[None]).pose(rotations(pose)[None])
        place, world = posed.position[0].numpy(), posed.world[0].numpy()
        for side in (0, 1):
            hip, knee, ankle = place[[1 + side, 4 + side, 7 + side]]
            if np.linalg.norm(ankle - hip) < 0.4:  # sitting on the heels: the knee is below both
                continue
            line = (ankle - hip) / np.linalg.norm(ankle - hip)
            out = (knee - hip) - ((knee - hip) @ line) * line
            assert out @ world[1 + side][:, 2] > -0.012, pose.kind


def test_joints_keep_their_limits() -> None:
    turn = np.degrees(np.linalg.norm(np.stack([pose.rotations for _, pose in many()]), axis=-1))
    assert turn[:, [3, 6, 9]].max() < 40  # each part of the spine
    assert turn[:, [12, 15]].max() < 50
    assert turn[:, [13, 14]].max() < 45
    assert turn[:, [7, 8]].max() < 62
    assert turn[:, [10, 11]].max() < 45
    assert turn[:, [20, 21]].max() < 110
    assert turn[:, [22]].max() <= np.degrees(JAW_LIMIT) + 1e-3
    assert turn[:, [23, 24]].max() < 35
    together = [np.abs(pose.rotations[3:10:3].sum(0)) for _, pose in many()]
    assert np.degrees(np.max(together, 0)).max() < 75


def test_feet_stand_flat_when_people_stand() -> None:
    poses = Poses(kinds={"standing": 1.0}, contact=0.0)
    for seed in range(40):
        figure, pose = sample(seed, poses)
        assert pose.support == "feet"
        points = mesh(figure, pose)
        part = ARRAYS.weights.argmax(1)
        soles = [points[np.isin(part, (7 + side, 10 + side)), 1].min() for side in (0, 1)]
        assert abs(soles[0] - soles[1]) < 0.03
        world = BODY.shape(torch.from_numpy(figure.betas)[None]).pose(rotations(pose)[None]).world[0]
        for side in (0, 1):
            assert world[7 + side][1, 1] > np.cos(np.radians(8))


def test_raised_arms_lift_the_shoulders() -> None:
    puppet = Puppet(POSER.stage, make_figure())
    heights = []
    for raised in (15.0, 90.0, 165.0):
        puppet.arm(0, raised=raised, around=90.0)
        heights.append(puppet.joint(16)[1])
    assert heights[0] < heights[1] < heights[2] - 0.02


def test_hands_reach_what_they_are_sent_to() -> None:
    puppet = Puppet(POSER.stage, make_figure())
    z, y = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    for side in (0, 1):
        place = puppet.joint(16 + side) + 0.3 * z - 0.1 * y
        puppet.reach(side, place, facing=-y, along=z, by="wrist")
        np.testing.assert_allclose(puppet.joint(20 + side), place, atol=2e-3)
        palm = puppet.world[20 + side] @ POSER.stage.hands.rigs[side].palmar
        assert palm @ -y > 0.97


# mirror -------------------------------------------------------------------------------------------------------------
def test_flipped_puppets_mirror_each_other() -> None:
    """All but a few: bodies are not quite symmetric, and at a threshold a finger may be drawn anew on one side only."""
    found = [_mirrors(kind, seed) for kind in sorted(KINDS) for seed in range(8)]
    assert np.mean(found) > 0.97


def _mirrors(kind: str, seed: int) -> bool:
    figure, both = make_figure(), []
    for flip in (False, True):
        puppet = Puppet(POSER.stage, figure, flip=flip)
        act = Act(puppet, np.random.default_rng(seed), 1.0, {"loose": 1.0})
        KINDS[kind](act)
        both.append(puppet)
    place, other = both[0].position, both[1].position[MIRRORED] * (-1, 1, 1)
    mirrored = mirror_matrix(torch.from_numpy(both[1].local[MIRRORED])).numpy()
    return np.allclose(place, other, atol=4e-3) and np.allclose(both[0].local[:25], mirrored[:25], atol=0.06)


def test_both_sides_are_drawn_alike() -> None:
    """The hand at the face is the left one about as often as the right one."""
    left = 0
    for seed in range(60):
        figure, pose = sample(seed, Poses(kinds={"waving": 1.0}, contact=0.0))
        place = joints(figure, pose)
        left += place[20, 1] > place[21, 1]
    assert 17 <= left <= 43


# drawing ------------------------------------------------------------------------------------------------------------
def test_same_seed_same_pose() -> None:
    for seed in range(6):
        one, two = sample(seed)[1], sample(seed, poser=Poser(BODY, ARRAYS))[1]
        np.testing.assert_array_equal(one.rotations, two.rotations)
        np.testing.assert_array_equal(one.expression, two.expression)
        assert one.hands == two.hands and one.kind == two.kind
    assert not np.array_equal(sample(1)[1].rotations, sample(2)[1].rotations)


def test_every_kind_says_what_carries_it() -> None:
    supports = {
        "sitting": {"seat"},
        "floor": {"floor"},
        "running": {"feet", "air"},
        "sport": {"feet", "air"},
        **{kind: {"feet", "seat"} for kind in ("gesture", "arms_crossed", "hand_to_face", "waving")},
    }
    seen = {pose.kind for _, pose in many()}
    assert seen == set(KINDS)
    for _, pose in many():
        assert pose.support in supports.get(pose.kind, {"feet"}), pose.kind
        assert all(pose.hands)


def test_people_on_the_floor_lie_or_sit_on_it() -> None:
    for seed in range(40):
        figure, pose = sample(seed, Poses(kinds={"floor": 1.0}, contact=0.0))
        points = mesh(figure, pose)
        part, low = ARRAYS.weights.argmax(1), points[:, 1].min()
        carried = points[np.isin(part, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)), 1].min()
        assert carried - low < 0.04


def test_variety_widens_the_spread() -> None:
    def spread(variety: float) -> float:
        poses = Poses(kinds={"standing": 1.0}, contact=0.0, variety=variety)
        return float(np.std([sample(seed, poses)[1].rotations[[3, 6, 9, 12, 15]] for seed in range(40)], axis=0).mean())

    assert spread(0.0) < spread(0.5) < spread(1.2)


def test_faces_stay_within_their_limits() -> None:
    expressions = np.stack([pose.expression for _, pose in many()])
    assert np.abs(expressions).max() <= EXPRESSION_LIMIT and expressions.std() > 0.3
    jaws = np.stack([pose.rotations[22] for _, pose in many()])
    assert (jaws[:, 0] >= 0).all() and 0.1 < np.mean(jaws[:, 0] > 0.03) < 0.7
    eyes = np.stack([pose.rotations[23:25] for _, pose in many()])
    np.testing.assert_allclose(eyes[:, 0, 0], eyes[:, 1, 0], atol=1e-6)
    inward = eyes[:, 1, 1] - eyes[:, 0, 1]
    assert (inward >= -1e-6).all() and inward.max() < 0.11
    neutral = sample(3, Poses(expression=0.0))[1]
    assert not neutral.expression.any() and not neutral.rotations[22].any()


def test_one_component_closes_the_lids() -> None:
    found = lid_component(ARRAYS)
    assert found is not None
    component, sign = found
    lids = [ARRAYS.faces[ARRAYS.lmk_faces_idx[[20, 24]], 0]] if ARRAYS.lmk_faces_idx is not None else []
    gap = ARRAYS.v_template[lids[0]] + 2 * sign * ARRAYS.exprdirs[lids[0], :, component]
    assert abs(gap[0, 1] - gap[1, 1]) < 0.75 * abs(np.diff(ARRAYS.v_template[lids[0], 1]))[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": {"flying": 1.0}},
        {"kinds": {}},
        {"kinds": {"standing": -1.0}},
        {"kinds": {"standing": float("nan"), "walking": 1.0}},
        {"hands": {"fist": float("inf")}},
        {"hands": {"fists": 1.0}},
        {"contact": 1.5},
        {"variety": -0.1},
    ],
)
def test_wrong_recipes_are_told(wrong: dict) -> None:
    with pytest.raises(InputError):
        Poses(**wrong)


# nobody inside themselves -------------------------------------------------------------------------------------------
def _share_deep(count: int, poses: Poses) -> float:
    deep = 0
    for seed in range(count):
        figure, pose = sample(seed, poses)
        deep += penetration(PARTS, mesh(figure, pose)).metres > 0.005
    return deep / count


def test_people_do_not_reach_into_themselves() -> None:
    assert _share_deep(200, Poses(kinds=dict(KIND_MIX), hands=HAND_MIX_EVERYDAY)) <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("hands", [HAND_MIX_EVERYDAY, HAND_MIX_COMPLEX])
def test_people_do_not_reach_into_themselves_in_many_samples(hands: dict) -> None:
    assert _share_deep(1000, Poses(hands=hands, contact=0.12)) <= 0.01


def test_the_measure_sees_an_arm_in_the_trunk_and_legs_in_each_other() -> None:
    figure = make_figure()
    plain = np.zeros((55, 3), dtype=np.float32)
    pose = Pose(
        rotations=plain, expression=np.zeros(10, dtype=np.float32), kind="", support="feet", hands=("flat", "flat")
    )
    assert penetration(PARTS, mesh(figure, pose)).metres == 0
    arm, legs = plain.copy(), plain.copy()
    arm[16] = (0, 0, -1.95)
    found = penetration(PARTS, mesh(figure, replace(pose, rotations=arm)))
    assert found.metres > 0.03 and PIECES[found.part] != PIECES[found.inside]
    legs[1], legs[2] = (0, 0, -0.3), (0, 0, 0.3)
    found = penetration(PARTS, mesh(figure, replace(pose, rotations=legs)))
    assert found.metres > 0.02 and {found.part % 3, found.inside % 3} == {1, 2}


def test_depth_is_the_distance_to_the_surface() -> None:
    """Legs pushed into each other by a known way: the depth grows as fast as they approach."""
    figure, depths = make_figure(), []
    zero = np.zeros(10, dtype=np.float32)
    for angle in (0.16, 0.18):
        turned = np.zeros((55, 3), dtype=np.float32)
        turned[1], turned[2] = (0, 0, -angle), (0, 0, angle)
        pose = Pose(rotations=turned, expression=zero, kind="", support="feet", hands=("flat", "flat"))
        depths.append(penetration(PARTS, mesh(figure, pose)).metres)
    assert 0.002 < depths[1] - depths[0] < 0.04


def test_the_coarse_mesh_agrees_with_the_measure() -> None:
    differences = []
    for seed in range(60):
        figure = make_figure(seed)
        puppet = Puppet(POSER.stage, figure)
        act = Act(puppet, np.random.default_rng(seed), 1.0, HAND_MIX_EVERYDAY)
        KINDS[("standing", "sitting", "gesture")[seed % 3]](act)
        act.grip_rest()
        settle(puppet, 1 + seed % 4)
        vectors = puppet.vectors().astype(np.float32)
        pose = Pose(rotations=vectors, expression=np.zeros(10, np.float32), kind="", support="feet", hands=("", ""))
        exact, coarse = penetration(PARTS, mesh(figure, pose)).metres, overlaps(puppet)[..., 0].max()
        if 0.001 < exact < 0.02:
            differences.append(exact - coarse)
    assert len(differences) > 4
    assert np.median(np.abs(differences)) < 0.003


def test_settled_puppets_are_free() -> None:
    free = 0
    for seed in range(10):
        puppet = Puppet(POSER.stage, make_figure(seed))
        act = Act(puppet, np.random.default_rng(seed), 1.0, HAND_MIX_EVERYDAY)
        KINDS["arms_crossed"](act)
        act.grip_rest()
        depth = settle(puppet, 1 + seed)
        assert depth == overlaps(puppet)[..., 0].max()
        free += depth <= TOLERANCE
    assert free


# two hands ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(CONTACTS))
def test_hands_that_touch_touch(name: str) -> None:
    reached = 0
    for seed in range(8):
        puppet = Puppet(POSER.stage, make_figure(seed), flip=bool(seed % 2))
        act = Act(puppet, np.random.default_rng(seed), 1.0, HAND_MIX_EVERYDAY)
        stand(act)
        CONTACTS[name][1](act)
        act.grip_rest()
        if not close_gap(puppet)[0]:
            continue
        reached += 1
        vectors = puppet.vectors().astype(np.float32)
        pose = Pose(rotations=vectors, expression=np.zeros(10, np.float32), kind="", support="feet", hands=("", ""))
        points, part = mesh(make_figure(seed), pose), ARRAYS.weights.argmax(1)
        left, right = (points[np.isin(part, (20 + s, *range(25 + 15 * s, 40 + 15 * s)))] for s in (0, 1))
        apart = np.sqrt(((left[:, None] - right[None]) ** 2).sum(-1)).min()
        assert apart < 0.009  # between vertices, which lie up to 5 mm apart
        assert penetration(PARTS, points).metres < 0.008
    assert reached >= 5


def test_contact_is_drawn_as_often_as_asked() -> None:
    poses = Poses(kinds={"standing": 1.0, "sitting": 1.0}, contact=0.5)
    touching = [sample(seed, poses)[1].hands[0] in CONTACTS for seed in range(80)]
    assert 0.3 < np.mean(touching) < 0.7
    assert not any(sample(seed, replace(poses, contact=0.0))[1].hands[0] in CONTACTS for seed in range(30))


def test_hands_apart_measures_the_way() -> None:
    puppet = Puppet(POSER.stage, make_figure())
    coarse = POSER.stage.coarse
    points = coarse.pose(puppet.points, puppet.rest, puppet.world, puppet.position)
    apart, way = hands_apart(coarse, points)
    assert np.isclose(apart, np.linalg.norm(way)) and 1.2 < apart < 1.6 and way[0] < 0


# motion capture -----------------------------------------------------------------------------------------------------
def write_clip(path: Path, poses: np.ndarray) -> Path:
    np.savez(path, poses=poses, trans=np.zeros((len(poses), 3)), betas=np.zeros(16), mocap_framerate=np.array(60.0))
    return path


def standing_rows(width: int, count: int = 3) -> np.ndarray:
    """Arms down, in a world with z up, facing different ways."""
    rows = np.zeros((count, width))
    upright = matrix_from_axis_angle(torch.tensor([np.pi / 2, 0, 0], dtype=torch.float64))
    for i in range(count):
        turned = matrix_from_axis_angle(torch.tensor([0, 0, 0.9 * i + 0.4], dtype=torch.float64)) @ upright
        found = np.empty((1, 3))
        rotation_vectors(turned.numpy()[None], found)
        rows[i, :3] = found
    rows[:, 3 * 16 + 2], rows[:, 3 * 17 + 2] = -1.1, 1.1
    return rows


@pytest.mark.parametrize("width", [156, 165])
def test_motion_files_give_their_postures(tmp_path: Path, width: int) -> None:
    rows = standing_rows(width)
    rows[:, 3 * 4] = 0.3
    rows[:, -90:] = np.random.default_rng(1).normal(0, 0.2, (3, 90))
    path = write_clip(tmp_path / "clip.npz", rows)
    _, pose = sample(1, Poses(mocap=path))
    assert pose.kind == "mocap" and pose.support == "feet" and pose.hands == ("mocap", "mocap")
    np.testing.assert_allclose(pose.rotations[1:22], rows[0, 3:66].reshape(21, 3), atol=1e-5)
    np.testing.assert_allclose(pose.rotations[0], 0, atol=1e-5)  # upright, and the heading taken away
    frame = np.abs(pose.rotations[25:].reshape(-1) - rows[:, -90:]).max(1).argmin()
    np.testing.assert_allclose(pose.rotations[25:].reshape(-1), rows[frame, -90:], atol=1e-5)


def test_motion_without_fingers_takes_hands_from_the_recipe(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.npz", standing_rows(156))
    assert read_mocap(path).hands is None
    pose = sample(1, Poses(mocap=path, hands={"fist": 1.0}))[1]
    assert pose.hands == ("fist", "fist")
    assert np.abs(pose.rotations[25:]).max() > 0.8


def test_a_lean_survives_and_the_heading_does_not(tmp_path: Path) -> None:
    rows = standing_rows(156, 1)
    lean = matrix_from_axis_angle(torch.from_numpy(rows[:, :3])) @ matrix_from_axis_angle(
        torch.tensor([[0.5, 0, 0]], dtype=torch.float64)
    )
    found = np.empty((1, 3))
    rotation_vectors(lean.numpy(), found)
    rows[:, :3] = found
    clip = read_mocap(write_clip(tmp_path / "clip.npz", rows))
    vectors = np.empty((55, 3))
    rotation_vectors(clip.frame(0), vectors)
    np.testing.assert_allclose(vectors[0], [0.5, 0, 0], atol=1e-6)


def test_frames_that_lie_in_themselves_are_skipped_and_counted(tmp_path: Path) -> None:
    rows = np.repeat(standing_rows(156, 1), 8, 0)
    rows[:6, 3:6], rows[:6, 6:9] = (0, 0, -0.4), (0, 0, 0.4)  # legs in each other; the last frame is for tests
    poser = Poser(BODY, ARRAYS)
    poses = Poses(mocap=write_clip(tmp_path / "clip.npz", rows))
    found = [sample(seed, poses, poser)[1].rotations[1, 2] for seed in range(8)]
    assert poser.tally.skipped > 8
    assert sum(abs(turn) < 1e-6 for turn in found) >= 4


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"betas": np.zeros(10)}, "no poses"),
        ({"poses": np.zeros((5, 72))}, "no hands"),
        ({"poses": np.zeros((5, 100))}, r"shape \(5, 100\)"),
        ({"poses": np.zeros((0, 156))}, "no frames"),
        ({"poses": np.full((5, 156), np.nan)}, "no numbers"),
        ({"poses": np.array(["a"])}, "shape"),
    ],
)
def test_wrong_motion_files_are_told(tmp_path: Path, arrays: dict, words: str) -> None:
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(InputError, match=words):
        read_mocap(tmp_path / "wrong.npz")


def test_missing_motion_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        sample(0, Poses(mocap=tmp_path / "none.npz"))


# other bodies -------------------------------------------------------------------------------------------------------
def test_another_body_runs(fake_bodies: Path) -> None:
    path = fake_bodies / "smplx" / "SMPLX_NEUTRAL.npz"
    body, arrays = BodyModel.load(path), read_body(path)
    poser = Poser(body)
    figure = Figure(body=body, arrays=arrays, betas=np.zeros(10, dtype=np.float32))
    for seed, kind in enumerate(KINDS):
        pose = poser.sample(np.random.default_rng(seed), figure, Poses(kinds={kind: 1.0}, hands=HAND_MIX_COMPLEX))
        assert np.isfinite(pose.rotations).all()


def test_spots_are_where_their_names_say() -> None:
    spots = find_spots(ARRAYS)
    place = {name: ARRAYS.v_template[spots.vertex[i]] for name, i in spots.index.items()}
    assert place["chin"][1] < place["mouth"][1] < place["forehead"][1] < place["crown"][1]
    assert place["nape"][2] < 0 < place["chin"][2] and place["back"][2] < 0 < place["belly"][2]
    for name, other in ((n, n.replace("left_", "right_")) for n in place if n.startswith("left_")):
        np.testing.assert_allclose(place[name] * (-1, 1, 1), place[other], atol=0.01)
    joints_ = ARRAYS.J_regressor @ ARRAYS.v_template
    assert np.linalg.norm(place["left_knee"] - joints_[4]) < 0.1
    assert np.linalg.norm(place["right_elbow"] - joints_[19]) < 0.1
